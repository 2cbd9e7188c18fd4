/*
 * mask_options.c
 *		Options of a category's mask, as cipguard.category keeps them.
 *
 * Nothing is guessed: an option that is not known, or is not of its type, is
 * refused when it is stored, and a stored row that this build cannot read is
 * an error, since what it does not understand may have been meant to hide.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "compat.h"

#include "mask_options.h"

/*
 * Limits of the size, such that no arithmetic with it can overflow.  Messages
 * and the comment of the column repeat them.
 */
#define SIZE_MIN		"0.000001"
#define SIZE_MAX_TEXT	"1000000000000000"

#define PREFIX_MAX		"127"

static const char *read_option(const char *key, const JsonbValue *value,
							   CgMaskOptions *options);
static const char *read_paths(const JsonbValue *value,
							  CgMaskOptions *options);
static const char *split_path(const char *path, CgPathRule *rule);
static int	compare_rules(const void *a, const void *b);
static bool unit_by_name(const char *name, CgDateUnit *unit);
static bool in_range(Numeric value, const char *min, const char *max);
static char *string_of(const JsonbValue *value);

const char *
cg_mask_options_parse(const Jsonb *source, CgMaskOptions *options)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	value;
	char	   *key = NULL;
	const char *wrong = NULL;

	memset(options, 0, sizeof(*options));
	options->prefix = -1;
	options->source = palloc(VARSIZE(source));
	memcpy(options->source, source, VARSIZE(source));
	if (!JB_ROOT_IS_OBJECT(options->source))
		return "they must be an object";

	it = JsonbIteratorInit(&options->source->root);
	while (wrong == NULL &&
		   (token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			key = string_of(&value);
		else if (token == WJB_VALUE)
		{
			Assert(key != NULL);
			wrong = read_option(key, &value, options);
		}
	}
	return wrong;
}

static const char *
read_option(const char *key, const JsonbValue *value, CgMaskOptions *options)
{
	if (strcmp(key, "style") == 0)
	{
		if (value->type != jbvString ||
			!cg_mask_style_by_name(string_of(value), &options->style))
			return "unrecognized style";
	}
	else if (strcmp(key, "unit") == 0)
	{
		if (value->type != jbvString ||
			!unit_by_name(string_of(value), &options->unit))
			return "unrecognized unit";
	}
	else if (strcmp(key, "size") == 0)
	{
		if (value->type != jbvNumeric ||
			!in_range(value->val.numeric, SIZE_MIN, SIZE_MAX_TEXT))
			return "size must be a number from 0.000001 to 1e15";
		options->size = value->val.numeric; /* in the copy */
	}
	else if (strcmp(key, "prefix") == 0)
	{
		Datum		number;

		if (value->type != jbvNumeric ||
			!in_range(value->val.numeric, "0", PREFIX_MAX))
			return "prefix must be a whole number from 0 to 127";
		number = NumericGetDatum(value->val.numeric);
		if (!DatumGetBool(DirectFunctionCall2(numeric_eq, number,
											  DirectFunctionCall2(numeric_trunc,
																  number,
																  Int32GetDatum(0)))))
			return "prefix must be a whole number from 0 to 127";
		options->prefix = DatumGetInt32(DirectFunctionCall1(numeric_int4,
															number));
	}
	else if (strcmp(key, "paths") == 0)
		return read_paths(value, options);
	else
		return psprintf("unrecognized option \"%s\"", key);
	return NULL;
}

static const char *
read_paths(const JsonbValue *value, CgMaskOptions *options)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	part;
	char	   *path = NULL;
	int			allocated = 8;

	if (value->type != jbvBinary ||
		!JsonContainerIsObject(value->val.binary.data))
		return "paths must be an object";
	options->has_paths = true;
	options->paths = palloc(allocated * sizeof(CgPathRule));

	it = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &part, true)) != WJB_DONE)
	{
		CgPathRule *rule;
		const char *wrong;

		if (token == WJB_KEY)
			path = string_of(&part);
		if (token != WJB_VALUE)
			continue;
		Assert(path != NULL);
		if (options->npaths == allocated)
		{
			allocated *= 2;
			options->paths = repalloc(options->paths,
									  allocated * sizeof(CgPathRule));
		}
		rule = &options->paths[options->npaths++];
		wrong = split_path(path, rule);
		if (wrong != NULL)
			return wrong;
		if (part.type != jbvString)
			return psprintf("path \"%s\" must lead to the name of a category",
							path);
		rule->category = string_of(&part);
		if (strcmp(rule->category, "keep") == 0)
			rule->action = CG_PATH_KEEP;
		else if (strcmp(rule->category, "suppress") == 0)
			rule->action = CG_PATH_SUPPRESS;
		else
			rule->action = CG_PATH_MASK;
	}
	qsort(options->paths, options->npaths, sizeof(CgPathRule), compare_rules);
	return NULL;
}

/* "contact.*.mobile" to its keys; the empty path is the document. */
static const char *
split_path(const char *path, CgPathRule *rule)
{
	const char *p;
	int			n = 1;

	for (p = path; *p != '\0'; p++)
		n += *p == '.';
	rule->nkeys = 0;
	rule->keys = palloc(n * sizeof(char *));
	if (*path == '\0')
		return NULL;
	for (p = path;; p++)
	{
		Size		len = strcspn(p, ".");

		if (len == 0)
			return psprintf("path \"%s\" has an empty key", path);
		rule->keys[rule->nkeys++] = len == 1 && *p == '*' ? NULL :
			pnstrdup(p, len);
		p += len;
		if (*p == '\0')
			return NULL;
	}
}

/* A rule that names its keys comes before one that says "any". */
static int
compare_rules(const void *a, const void *b)
{
	const CgPathRule *ra = a;
	const CgPathRule *rb = b;
	int			i;

	for (i = 0; i < ra->nkeys && i < rb->nkeys; i++)
	{
		int			order;

		if (ra->keys[i] == NULL && rb->keys[i] == NULL)
			continue;
		if (ra->keys[i] == NULL || rb->keys[i] == NULL)
			return ra->keys[i] == NULL ? 1 : -1;
		order = strcmp(ra->keys[i], rb->keys[i]);
		if (order != 0)
			return order;
	}
	return ra->nkeys - rb->nkeys;
}

static bool
unit_by_name(const char *name, CgDateUnit *unit)
{
	static const char *const names[] = {
		[CG_UNIT_YEAR] = "year",
		[CG_UNIT_MONTH] = "month",
		[CG_UNIT_DAY] = "day"
	};
	int			i;

	for (i = 0; i < (int) lengthof(names); i++)
	{
		if (strcmp(name, names[i]) == 0)
		{
			*unit = (CgDateUnit) i;
			return true;
		}
	}
	return false;
}

static bool
in_range(Numeric value, const char *min, const char *max)
{
	Datum		limits[2];
	int			i;

	for (i = 0; i < 2; i++)
		limits[i] = DirectFunctionCall3(numeric_in,
										CStringGetDatum(i == 0 ? min : max),
										ObjectIdGetDatum(InvalidOid),
										Int32GetDatum(-1));
	return DatumGetBool(DirectFunctionCall2(numeric_ge,
											NumericGetDatum(value),
											limits[0])) &&
		DatumGetBool(DirectFunctionCall2(numeric_le, NumericGetDatum(value),
										 limits[1]));
}

static char *
string_of(const JsonbValue *value)
{
	return pnstrdup(value->val.string.val, value->val.string.len);
}

/* mask_options_error(options jsonb, mask text) RETURNS text */
PG_FUNCTION_INFO_V1(cipguard_mask_options_error);
Datum
cipguard_mask_options_error(PG_FUNCTION_ARGS)
{
	CgMaskOptions options;
	const char *wrong = cg_mask_options_parse(PG_GETARG_JSONB_P(0), &options);
	CgMasker	masker;

	if (wrong == NULL &&
		cg_masker_by_name(text_to_cstring(PG_GETARG_TEXT_PP(1)), &masker) &&
		!cg_masker_has_style(masker, options.style))
		wrong = "this mask has no such style";
	if (wrong == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(wrong));
}
