/*
 * mask_datum.c
 *		Masks of values of any type, each of the type of the value.
 *
 *	strings				the category's masker; what does not fit the type
 *						modifier becomes stars
 *	date, timestamps	the first moment of the year (or month, or day: option
 *						"unit"); of timestamptz that of UTC, since it must not
 *						depend on the session's time zone
 *	numbers, money		the lower bound of the interval (option "size"); NULL
 *						without
 *	inet, cidr			the network (option "prefix")
 *	json, jsonb			part by part (option "paths"); NULL without
 *	arrays				element by element; NULL if the elements would be
 *	all others			NULL
 *
 * Where the arithmetic of a type raises errors, the operands are checked
 * first; types whose input and output functions are not known are not masked,
 * since those might raise, tell or keep what they are given.  Strings of other
 * types are masked if the type is text in storage (citext).
 *
 * Money is stored in units of the least digit, and how many digits there are
 * depends on lc_monetary, which anybody may set: here there are always two.
 */
#include "postgres.h"

#include <math.h>

#include "access/transam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "parser/parse_coerce.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/inet.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "compat.h"

#include "mask_custom.h"
#include "mask_datum.h"
#include "mask_json.h"

#define MAX_STARS		16
#define MAX_TEXT		(1024 * 1024)	/* bytes; longer ones become stars */
#define MAX_COMPOUND	(32 * 1024 * 1024)	/* bytes; longer ones become NULL */
#define MAX_NUMBER		"1e400" /* of any float, and no figure is beyond */

#define PREFIX_IPV4		24
#define PREFIX_IPV6		48
#define MONEY_DIGITS	100

typedef enum CgDatumKind
{
	CG_KIND_NULL,
	CG_KIND_TEXT,
	CG_KIND_BPCHAR,
	CG_KIND_NAME,
	CG_KIND_DATE,
	CG_KIND_TIMESTAMP,
	CG_KIND_INT2,
	CG_KIND_INT4,
	CG_KIND_INT8,				/* money, too */
	CG_KIND_NUMERIC,
	CG_KIND_FLOAT4,
	CG_KIND_FLOAT8,
	CG_KIND_INET,
	CG_KIND_JSON,
	CG_KIND_JSONB,
	CG_KIND_ARRAY
} CgDatumKind;

struct CgDatumMask
{
	CgDatumKind kind;
	CgCategory	category;		/* a deep copy, see flat_category() */
	int			max_chars;		/* strings; -1: any number */
	bool		direct;			/* strings: neither converted nor given to a
								 * custom masker */

	int64		step;			/* integers */
	Numeric		zero;			/* numeric, float */
	Numeric		limit;
	int			scale;			/* numeric with type modifier */
	Numeric		bound;			/* NULL: no type modifier */

	CgJsonRule *rules;			/* JSON */

	CgDatumMask *element;		/* arrays */
	int16		elmlen;
	bool		elmbyval;
	char		elmalign;
};

static bool is_string(CgDatumKind kind);
static void flat_category(CgCategory *to, const CgCategory *from);
static CgDatumKind kind_of_type(Oid type, int32 typmod,
								const CgCategory *category);
static void prepare_step(CgDatumMask *m, int64 units);
static void prepare_numeric(CgDatumMask *m, int32 typmod);
static void prepare_json(CgDatumMask *m);
static Numeric make_numeric(const char *string);
static bool fits_int8(Numeric value);

static text *stars(const char *plain, Size len, Size max);
static char *convert(const char *string, Size *len, int from, int to);
static text *mask_string(CgDatumMask *m, const char *plain, Size len);
static Datum mask_bpchar(CgDatumMask *m, Datum value);
static Datum mask_name(CgDatumMask *m, Datum value);
static bool mask_date(CgDatumMask *m, DateADT *value);
static bool mask_timestamp(CgDatumMask *m, Timestamp *value);
static void truncate_to(CgDateUnit unit, int *month, int *day);
static bool mask_int(CgDatumMask *m, int64 *value, int64 min, int64 max);
static Numeric mask_numeric(CgDatumMask *m, Numeric value);
static bool mask_float(CgDatumMask *m, Datum numeric, double *result);
static Datum mask_inet(CgDatumMask *m, Datum value);
static Datum mask_json(CgDatumMask *m, Datum value, bool *isnull);
static Datum mask_array(CgDatumMask *m, Datum value, bool *isnull);

/* ---------- before the first value ---------- */

CgDatumMask *
cg_mask_datum_prepare(Oid type, int32 typmod, const CgCategory *c,
					  MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	CgDatumMask *m = palloc0(sizeof(CgDatumMask));
	Oid			element;

	check_stack_depth();		/* domains over arrays of domains ... */

	/* Those that PostgreSQL numbers by hand are no domains. */
	if (type >= FirstGenbkiObjectId)
		type = getBaseTypeAndTypmod(type, &typmod);
	m->kind = kind_of_type(type, typmod, c);
	m->max_chars = -1;
	if (is_string(m->kind) && c->function == NULL)
	{
		flat_category(&m->category, c);
		m->direct = GetDatabaseEncoding() == PG_UTF8 ||
			GetDatabaseEncoding() == PG_SQL_ASCII;
	}
	else
		cg_category_copy(&m->category, c);

	switch (m->kind)
	{
		case CG_KIND_TEXT:
		case CG_KIND_BPCHAR:
			if (typmod >= (int32) VARHDRSZ)
				m->max_chars = typmod - VARHDRSZ;
			break;
		case CG_KIND_INT2:
		case CG_KIND_INT4:
			prepare_step(m, 1);
			break;
		case CG_KIND_INT8:
			prepare_step(m, type == MONEYOID ? MONEY_DIGITS : 1);
			break;
		case CG_KIND_NUMERIC:
		case CG_KIND_FLOAT4:
		case CG_KIND_FLOAT8:
			prepare_numeric(m, typmod);
			break;
		case CG_KIND_JSON:
		case CG_KIND_JSONB:
			prepare_json(m);
			break;
		case CG_KIND_ARRAY:
			element = get_element_type(type);
			get_typlenbyvalalign(element, &m->elmlen, &m->elmbyval,
								 &m->elmalign);
			m->element = cg_mask_datum_prepare(element, typmod, &m->category,
											   context);
			if (m->element->kind == CG_KIND_NULL)
				m->kind = CG_KIND_NULL;
			break;
		default:
			break;
	}
	MemoryContextSwitchTo(old);
	return m;
}

static bool
is_string(CgDatumKind kind)
{
	return kind == CG_KIND_TEXT || kind == CG_KIND_BPCHAR ||
		kind == CG_KIND_NAME;
}

/*
 * Strings need nothing of what a category points to, unless there is a custom
 * masker.  Copying it takes longer than the mask of one value.
 */
static void
flat_category(CgCategory *to, const CgCategory *from)
{
	*to = *from;
	to->options.size = NULL;
	to->options.npaths = 0;
	to->options.paths = NULL;
	to->options.source = NULL;
}

static CgDatumKind
kind_of_type(Oid type, int32 typmod, const CgCategory *category)
{
	char		type_category;
	bool		preferred;

	if (category->suppress)
		return CG_KIND_NULL;
	switch (type)
	{
		case TEXTOID:
		case VARCHAROID:
			return CG_KIND_TEXT;
		case BPCHAROID:
			return CG_KIND_BPCHAR;
		case NAMEOID:
			return CG_KIND_NAME;
		case DATEOID:
			return CG_KIND_DATE;
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return CG_KIND_TIMESTAMP;
		case INETOID:
		case CIDROID:
			return CG_KIND_INET;
		case JSONOID:
			return category->options.has_paths ? CG_KIND_JSON : CG_KIND_NULL;
		case JSONBOID:
			return category->options.has_paths ? CG_KIND_JSONB : CG_KIND_NULL;
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case MONEYOID:
		case NUMERICOID:
		case FLOAT4OID:
		case FLOAT8OID:
			if (category->options.size == NULL)
				return CG_KIND_NULL;
			return type == INT2OID ? CG_KIND_INT2 :
				type == INT4OID ? CG_KIND_INT4 :
				type == NUMERICOID ? CG_KIND_NUMERIC :
				type == FLOAT4OID ? CG_KIND_FLOAT4 :
				type == FLOAT8OID ? CG_KIND_FLOAT8 : CG_KIND_INT8;
		default:
			break;
	}
	if (type == INT2VECTOROID || type == OIDVECTOROID)
		return CG_KIND_NULL;	/* arrays that cannot hold a null */
	if (OidIsValid(get_element_type(type)))
		return CG_KIND_ARRAY;

	/* What other types mean by a type modifier is not known. */
	get_type_category_preferred(type, &type_category, &preferred);
	if (type_category == TYPCATEGORY_STRING && typmod < 0 &&
		IsBinaryCoercible(type, TEXTOID))
		return CG_KIND_TEXT;
	return CG_KIND_NULL;
}

/*
 * The size in units of the stored integer.  Intervals of one unit or less
 * would show every value, and those that are no whole number of units have no
 * lower bound among the values.
 */
static void
prepare_step(CgDatumMask *m, int64 units)
{
	Datum		size = NumericGetDatum(m->category.options.size);

	size = DirectFunctionCall2(numeric_mul, size,
							   NumericGetDatum(int64_to_numeric(units)));
	if (fits_int8(DatumGetNumeric(size)))
		m->step = DatumGetInt64(DirectFunctionCall1(numeric_int8, size));
	if (m->step < 2)
		m->kind = CG_KIND_NULL;
}

static bool
fits_int8(Numeric value)
{
	Datum		whole = DirectFunctionCall2(numeric_trunc,
											NumericGetDatum(value),
											Int32GetDatum(0));

	return DatumGetBool(DirectFunctionCall2(numeric_eq,
											NumericGetDatum(value), whole)) &&
		DatumGetBool(DirectFunctionCall2(numeric_lt, whole,
										 NumericGetDatum(make_numeric("1e18"))));
}

static void
prepare_numeric(CgDatumMask *m, int32 typmod)
{
	m->zero = make_numeric("0");
	m->limit = make_numeric(MAX_NUMBER);
	if (m->kind == CG_KIND_NUMERIC && typmod >= (int32) VARHDRSZ)
	{
		int32		bits = typmod - VARHDRSZ;
		int			precision = (bits >> 16) & 0xFFFF;
		char	   *bound;

		m->scale = ((bits & 0x7FF) ^ 1024) - 1024;
		bound = psprintf("1e%d", precision - m->scale);
		m->bound = make_numeric(bound);
	}
}

static Numeric
make_numeric(const char *string)
{
	return DatumGetNumeric(DirectFunctionCall3(numeric_in,
											   CStringGetDatum(string),
											   ObjectIdGetDatum(InvalidOid),
											   Int32GetDatum(-1)));
}

/* A rule that names a category which is gone suppresses. */
static void
prepare_json(CgDatumMask *m)
{
	CgMaskOptions *options = &m->category.options;
	int			i;

	m->rules = palloc0(options->npaths * sizeof(CgJsonRule));
	for (i = 0; i < options->npaths; i++)
	{
		CgPathRule *path = &options->paths[i];
		const CgCategory *found;
		CgCategory	category;

		m->rules[i].path = path;
		if (path->action != CG_PATH_MASK)
			continue;
		found = cg_category_by_name(path->category, true);
		if (found == NULL)
		{
			path->action = CG_PATH_SUPPRESS;
			continue;
		}
		cg_category_copy(&category, found);
		m->rules[i].string = cg_mask_datum_prepare(TEXTOID, -1, &category,
												   CurrentMemoryContext);
		m->rules[i].number = cg_mask_datum_prepare(NUMERICOID, -1, &category,
												   CurrentMemoryContext);
	}
}

bool
cg_mask_needs_subtransaction(const CgCategory *c)
{
	CgCategory	copy;
	int			i;

	if (c->function != NULL || c->options.npaths == 0)
		return c->function != NULL;
	cg_category_copy(&copy, c);
	for (i = 0; i < copy.options.npaths; i++)
	{
		const CgPathRule *path = &copy.options.paths[i];

		if (path->action == CG_PATH_MASK)
		{
			const CgCategory *part = cg_category_by_name(path->category,
														 true);

			if (part != NULL && part->function != NULL)
				return true;
		}
	}
	return false;
}

/* ---------- values ---------- */

Datum
cg_mask_datum(CgDatumMask *m, Datum value, bool *isnull)
{
	int64		number;
	double		real;
	DateADT		date;
	Timestamp	time;
	Numeric		numeric;
	text	   *string;

	if (*isnull)
		return (Datum) 0;
	switch (m->kind)
	{
		case CG_KIND_NULL:
			break;

		case CG_KIND_TEXT:
			string = DatumGetTextPP(value);
			return PointerGetDatum(mask_string(m, VARDATA_ANY(string),
											   VARSIZE_ANY_EXHDR(string)));

		case CG_KIND_BPCHAR:
			return mask_bpchar(m, value);

		case CG_KIND_NAME:
			return mask_name(m, value);

		case CG_KIND_DATE:
			date = DatumGetDateADT(value);
			if (mask_date(m, &date))
				return DateADTGetDatum(date);
			break;

		case CG_KIND_TIMESTAMP:
			time = DatumGetTimestamp(value);
			if (mask_timestamp(m, &time))
				return TimestampGetDatum(time);
			break;

		case CG_KIND_INT2:
			number = DatumGetInt16(value);
			if (mask_int(m, &number, PG_INT16_MIN, PG_INT16_MAX))
				return Int16GetDatum((int16) number);
			break;

		case CG_KIND_INT4:
			number = DatumGetInt32(value);
			if (mask_int(m, &number, PG_INT32_MIN, PG_INT32_MAX))
				return Int32GetDatum((int32) number);
			break;

		case CG_KIND_INT8:
			number = DatumGetInt64(value);
			if (mask_int(m, &number, PG_INT64_MIN, PG_INT64_MAX))
				return Int64GetDatum(number);
			break;

		case CG_KIND_NUMERIC:
			numeric = mask_numeric(m, DatumGetNumeric(value));
			if (numeric != NULL)
				return NumericGetDatum(numeric);
			break;

		case CG_KIND_FLOAT4:
			if (mask_float(m, DirectFunctionCall1(float4_numeric, value),
						   &real) &&
				!isinf((float4) real))
				return Float4GetDatum((float4) real);
			break;

		case CG_KIND_FLOAT8:
			if (mask_float(m, DirectFunctionCall1(float8_numeric, value),
						   &real))
				return Float8GetDatum(real);
			break;

		case CG_KIND_INET:
			return mask_inet(m, value);

		case CG_KIND_JSON:
		case CG_KIND_JSONB:
			return mask_json(m, value, isnull);

		case CG_KIND_ARRAY:
			return mask_array(m, value, isnull);
	}
	*isnull = true;
	return (Datum) 0;
}

text *
cg_mask_text(const CgCategory *category, const char *plain, Size len)
{
	text	   *result;
	const char *utf8;
	char	   *server;
	Size		utf8_len = len;
	Size		out_len;

	if (category->suppress)
		return NULL;
	if (category->function != NULL && len > 0)
	{
		result = cg_mask_custom(category, plain, len);
		return result != NULL ? result : stars(plain, len, MAX_STARS);
	}
	if (len > MAX_TEXT)
		return stars(plain, len, MAX_STARS);
	utf8 = convert(plain, &utf8_len, GetDatabaseEncoding(), PG_UTF8);
	if (utf8 == NULL)
		return stars(plain, len, MAX_STARS);

	result = palloc(VARHDRSZ + CG_MASK_BOUND(utf8_len));
	out_len = cg_mask(category->mask, category->style, utf8, utf8_len,
					  VARDATA(result));
	server = convert(VARDATA(result), &out_len, PG_UTF8,
					 GetDatabaseEncoding());
	if (server == NULL)
		return stars(plain, len, MAX_STARS);
	if (server != VARDATA(result))
		return cstring_to_text_with_len(server, out_len);
	SET_VARSIZE(result, VARHDRSZ + out_len);
	return result;
}

/* As many as there are characters, but at most max. */
static text *
stars(const char *plain, Size len, Size max)
{
	char		buf[CG_MASK_BOUND(0)];
	Size		n;

	StaticAssertStmt(MAX_STARS <= CG_MASK_BOUND(0), "stars do not fit");
	n = cg_mask(CG_MASK_STARS, CG_STYLE_STANDARD, plain, len, buf);
	return cstring_to_text_with_len(buf, Min(n, Min(max, MAX_STARS)));
}

/*
 * Between the server's encoding and UTF-8.  The string itself where nothing
 * is to be done, NULL where a character has no counterpart: unlike the
 * server's own conversion this raises no error.
 */
static char *
convert(const char *string, Size *len, int from, int to)
{
	Size		size;
	char	   *result;
	Oid			proc;
	Size		i;

	if (from == to || from == PG_SQL_ASCII || to == PG_SQL_ASCII)
		return unconstify(char *, string);
	for (i = 0; i < *len && !IS_HIGHBIT_SET(string[i]); i++)
		;
	if (i == *len)
		return unconstify(char *, string);
	if (!IsTransactionState())
		return NULL;
	proc = FindDefaultConversionProc(from, to);
	if (!OidIsValid(proc))
		return NULL;
	size = *len * MAX_CONVERSION_GROWTH + 1;
	result = palloc(size);
	if (pg_do_encoding_conversion_buf(proc, from, to,
									  (unsigned char *) unconstify(char *, string),
									  (int) *len, (unsigned char *) result,
									  (int) size, true) != (int) *len)
		return NULL;
	*len = strlen(result);
	return result;
}

/* A mask that fits the type; category->suppress is not set. */
static text *
mask_string(CgDatumMask *m, const char *plain, Size len)
{
	text	   *mask;
	Size		n;

	if (m->direct && len <= MAX_TEXT)
	{
		mask = palloc(VARHDRSZ + CG_MASK_BOUND(len));
		SET_VARSIZE(mask, VARHDRSZ +
					cg_mask(m->category.mask, m->category.style, plain, len,
							VARDATA(mask)));
	}
	else
		mask = cg_mask_text(&m->category, plain, len);
	if (m->max_chars < 0 ||
		VARSIZE(mask) - VARHDRSZ <= (Size) m->max_chars)
		return mask;
	n = pg_mbstrlen_with_len(VARDATA(mask), VARSIZE(mask) - VARHDRSZ);
	if (n <= (Size) m->max_chars)
		return mask;

	/* Half a mask could be mistaken for a value, or show more than one. */
	return stars(plain, len, m->max_chars);
}

static Datum
mask_bpchar(CgDatumMask *m, Datum value)
{
	BpChar	   *string = DatumGetBpCharPP(value);
	char	   *data = VARDATA_ANY(string);
	text	   *mask;
	Size		n;
	Size		len;
	BpChar	   *result;

	mask = mask_string(m, data, bpchartruelen(data,
											  VARSIZE_ANY_EXHDR(string)));
	len = VARSIZE(mask) - VARHDRSZ;
	n = pg_mbstrlen_with_len(VARDATA(mask), len);
	if (m->max_chars < 0 || n >= (Size) m->max_chars)
		return PointerGetDatum(mask);
	result = palloc(VARHDRSZ + len + (m->max_chars - n));
	SET_VARSIZE(result, VARHDRSZ + len + (m->max_chars - n));
	memcpy(VARDATA(result), VARDATA(mask), len);
	memset(VARDATA(result) + len, ' ', m->max_chars - n);
	return PointerGetDatum(result);
}

static Datum
mask_name(CgDatumMask *m, Datum value)
{
	const char *plain = NameStr(*DatumGetName(value));
	text	   *mask = mask_string(m, plain, strlen(plain));
	Name		result = palloc0(NAMEDATALEN);

	if (VARSIZE(mask) - VARHDRSZ >= NAMEDATALEN)
		mask = stars(plain, strlen(plain), MAX_STARS);
	memcpy(NameStr(*result), VARDATA(mask), VARSIZE(mask) - VARHDRSZ);
	return NameGetDatum(result);
}

static void
truncate_to(CgDateUnit unit, int *month, int *day)
{
	if (unit == CG_UNIT_YEAR)
		*month = 1;
	if (unit != CG_UNIT_DAY)
		*day = 1;
}

/* False if there is none: infinity, or a year that begins before all dates. */
static bool
mask_date(CgDatumMask *m, DateADT *value)
{
	int			year;
	int			month;
	int			day;

	if (DATE_NOT_FINITE(*value))
		return false;
	j2date(*value + POSTGRES_EPOCH_JDATE, &year, &month, &day);
	truncate_to(m->category.options.unit, &month, &day);
	if (!IS_VALID_JULIAN(year, month, day))
		return false;
	*value = date2j(year, month, day) - POSTGRES_EPOCH_JDATE;
	return IS_VALID_DATE(*value);
}

static bool
mask_timestamp(CgDatumMask *m, Timestamp *value)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (TIMESTAMP_NOT_FINITE(*value) ||
		timestamp2tm(*value, NULL, &tm, &fsec, NULL, NULL) != 0)
		return false;
	truncate_to(m->category.options.unit, &tm.tm_mon, &tm.tm_mday);
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	return tm2timestamp(&tm, 0, NULL, value) == 0;
}

static bool
mask_int(CgDatumMask *m, int64 *value, int64 min, int64 max)
{
	int64		rest = *value % m->step;

	if (rest < 0)
		rest += m->step;
	return !pg_sub_s64_overflow(*value, rest, value) && *value >= min &&
		*value <= max;
}

/*
 * NULL if there is none.  By the remainder, since a quotient could overflow.
 */
static Numeric
mask_numeric(CgDatumMask *m, Numeric value)
{
	Datum		size = NumericGetDatum(m->category.options.size);
	Datum		zero = NumericGetDatum(m->zero);
	Datum		rest;
	Datum		result;

	if (numeric_is_nan(value) || numeric_is_inf(value) ||
		DatumGetBool(DirectFunctionCall2(numeric_gt,
										 DirectFunctionCall1(numeric_abs,
															 NumericGetDatum(value)),
										 NumericGetDatum(m->limit))))
		return NULL;
	rest = DirectFunctionCall2(numeric_mod, NumericGetDatum(value), size);
	result = DirectFunctionCall2(numeric_sub, NumericGetDatum(value), rest);
	if (DatumGetBool(DirectFunctionCall2(numeric_lt, rest, zero)))
		result = DirectFunctionCall2(numeric_sub, result, size);

	/* The number of decimals would tell something, too. */
	result = DirectFunctionCall1(numeric_trim_scale, result);
	if (m->bound != NULL)
	{
		result = DirectFunctionCall2(numeric_round, result,
									 Int32GetDatum(m->scale));
		if (!DatumGetBool(DirectFunctionCall2(numeric_lt,
											  DirectFunctionCall1(numeric_abs,
																  result),
											  NumericGetDatum(m->bound))))
			return NULL;
	}
	return DatumGetNumeric(result);
}

static bool
mask_float(CgDatumMask *m, Datum numeric, double *result)
{
	Numeric		mask = mask_numeric(m, DatumGetNumeric(numeric));

	if (mask == NULL)
		return false;
	*result = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
												 NumericGetDatum(mask)));
	return !isinf(*result);
}

/* The network that the address is in; one that is wider already stays so. */
static Datum
mask_inet(CgDatumMask *m, Datum value)
{
	inet	   *address = DatumGetInetPP(value);
	inet	   *result = palloc0(sizeof(inet));
	int			prefix = m->category.options.prefix;
	int			i;

	/* Of the whole address nothing would be hidden. */
	if (prefix < 0 || prefix >= ip_maxbits(address))
		prefix = ip_family(address) == PGSQL_AF_INET ? PREFIX_IPV4 :
			PREFIX_IPV6;
	prefix = Min(prefix, ip_bits(address));
	ip_family(result) = ip_family(address);
	ip_bits(result) = prefix;
	for (i = 0; i < prefix; i++)
		ip_addr(result)[i / 8] |= ip_addr(address)[i / 8] & (0x80 >> (i % 8));
	SET_INET_VARSIZE(result);
	return InetPGetDatum(result);
}

static Datum
mask_json(CgDatumMask *m, Datum value, bool *isnull)
{
	struct varlena *document = PG_DETOAST_DATUM(value);
	StringInfoData out;
	const char *json;
	Size		len;

	*isnull = true;
	if (VARSIZE(document) > MAX_COMPOUND)
		return (Datum) 0;
	if (m->kind == CG_KIND_JSONB)
	{
		Jsonb	   *jsonb = (Jsonb *) document;

		json = JsonbToCString(NULL, &jsonb->root, VARSIZE(jsonb));
		len = strlen(json);
	}
	else
	{
		json = VARDATA(document);
		len = VARSIZE(document) - VARHDRSZ;
	}
	initStringInfo(&out);
	if (!cg_mask_json(m->rules, m->category.options.npaths, json, len, &out))
		return (Datum) 0;
	*isnull = false;

	/* What came from a jsonb and is masked is one again. */
	if (m->kind == CG_KIND_JSONB)
		return DirectFunctionCall1(jsonb_in, CStringGetDatum(out.data));
	return PointerGetDatum(cstring_to_text_with_len(out.data, out.len));
}

static Datum
mask_array(CgDatumMask *m, Datum value, bool *isnull)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	Datum	   *elements;
	bool	   *nulls;
	int			n;
	int			i;

	check_stack_depth();
	if (VARSIZE(array) > MAX_COMPOUND)
	{
		*isnull = true;
		return (Datum) 0;
	}
	deconstruct_array(array, ARR_ELEMTYPE(array), m->elmlen, m->elmbyval,
					  m->elmalign, &elements, &nulls, &n);
	for (i = 0; i < n; i++)
		elements[i] = cg_mask_datum(m->element, elements[i], &nulls[i]);
	return PointerGetDatum(construct_md_array(elements, nulls,
											  ARR_NDIM(array),
											  ARR_DIMS(array),
											  ARR_LBOUND(array),
											  ARR_ELEMTYPE(array), m->elmlen,
											  m->elmbyval, m->elmalign));
}
