/*
 * category.c
 *		Kinds of personal data: the cached rows of cipguard.category.
 *
 * A category's id is a hash of its name, so it is the same in every database
 * and survives dump and restore; the type modifier of an encrypted column and
 * the header of each of its values hold it.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/varlena.h"

#include "compat.h"

#include "bytes.h"
#include "catalog.h"
#include "category.h"
#include "cipguard.h"
#include "digest.h"
#include "guc.h"
#include "mask_options.h"
#include "suite.h"

/* Columns of cipguard.category, in the order of sql/parts/20_category.sql. */
enum
{
	COL_NAME = 1,
	COL_ID,
	COL_LEVEL,
	COL_SENSITIVE,
	COL_MASK,
	COL_VALIDATOR,
	COL_NORMALIZER,
	COL_MODE,
	COL_SUITE,
	COL_TOKEN_DOMAIN,
	COL_PAD,
	COL_DESCRIPTION,
	COL_BUILTIN,
	COL_MASK_OPTIONS,
	COL_MASK_FUNCTION,
	COL_MASK_DIGEST,
	COL_MASK_CHANGED,
	COL_SUITE_CHANGED
};
#define NUM_COLS COL_SUITE_CHANGED

/* Masks that are no matter of the engine. */
#define MASK_CUSTOM		"custom"
#define MASK_SUPPRESS	"suppress"

#define NUM_RECENT	16			/* rows with several columns alternate */

static void load_categories(void);
static void read_row(HeapTuple tuple, TupleDesc desc, CgCategory *c);
static bool read_mask(HeapTuple tuple, TupleDesc desc, CgCategory *c);
static char *text_column(HeapTuple tuple, TupleDesc desc, int attnum);
static char *nearest_name(const char *name);

static CgWatch watch = {.relname = "category",.natts = NUM_COLS,
.access = true};
static uint64 loaded_generation = 0;
static HTAB *categories = NULL;
static const CgCategory *recent_categories[NUM_RECENT]; /* in categories */
static MemoryContext category_context = NULL;

void
cg_category_init(void)
{
	cg_watch(&watch);
}

int32
cg_name_hash(const char *name)
{
	uint8		md[CG_SHA256_LEN];

	if (cg_sha256(name, strlen(name), md) != CG_OK)
		elog(ERROR, "could not compute a digest");
	return (int32) (cg_get_u32(md) & 0x7FFFFFFF);
}

int32
cg_category_unclassified(void)
{
	static int32 id = -1;

	if (id < 0)
		id = cg_name_hash(CG_CATEGORY_UNCLASSIFIED);
	return id;
}

uint64
cg_category_generation(void)
{
	return watch.generation;
}

int32
cg_category_domain(int32 id)
{
	return cg_category_by_id(id, false)->domain;
}

const CgCategory *
cg_category_by_id(int32 id, bool missing_ok)
{
	const CgCategory **recent = &recent_categories[(uint32) id % NUM_RECENT];
	const CgCategory *c;

	if (loaded_generation != watch.generation)
		load_categories();
	if (*recent != NULL && (*recent)->id == id)
		return *recent;

	c = categories == NULL ? NULL :
		hash_search(categories, &id, HASH_FIND, NULL);
	if (c != NULL)
		*recent = c;
	else if (!missing_ok)
		ereport(ERROR,
				(errcode(CG_ERRCODE_UNKNOWN_CATEGORY),
				 errmsg("category number %d is not in this database", id),
				 errhint("Add the category it stands for with %s.",
						 "cipguard.add_category()")));
	return c;
}

const CgCategory *
cg_category_by_name(const char *name, bool missing_ok)
{
	const CgCategory *c = cg_category_by_id(cg_name_hash(name), true);
	char	   *near;

	if (c != NULL && strcmp(NameStr(c->name), name) == 0)
		return c;
	if (missing_ok)
		return NULL;

	near = nearest_name(name);
	ereport(ERROR,
			(errcode(CG_ERRCODE_UNKNOWN_CATEGORY),
			 errmsg("category \"%s\" does not exist", name),
			 near != NULL ?
			 errhint("Perhaps you meant \"%s\". The table %s lists all.",
					 near, "cipguard.category") :
			 errhint("The table %s lists all; %s makes a new one.",
					 "cipguard.category", "cipguard.add_category()")));
	return NULL;				/* keep compiler quiet */
}

int
cg_category_ids(int32 **ids)
{
	HASH_SEQ_STATUS status;
	CgCategory *c;
	int			n = 0;

	if (loaded_generation != watch.generation)
		load_categories();
	*ids = NULL;
	if (categories == NULL)
		return 0;
	*ids = palloc(sizeof(int32) * (hash_get_num_entries(categories) + 1));
	hash_seq_init(&status, categories);
	while ((c = hash_seq_search(&status)) != NULL)
		(*ids)[n++] = c->id;
	return n;
}

const CgSuite *
cg_choose_suite(const char *wanted, bool searchable)
{
	static const int suites[][2] = {
		[CG_FAMILY_AES] = {CG_SUITE_AES_RANDOM, CG_SUITE_AES_SEARCHABLE},
		[CG_FAMILY_SM4] = {CG_SUITE_SM4_RANDOM, CG_SUITE_SM4_SEARCHABLE}
	};
	const CgSuite *suite;

	if (wanted == NULL)
		suite = cg_suite_by_id(suites[cg_default_suite][searchable]);
	else if (strcmp(wanted, "aes") == 0)
		suite = cg_suite_by_id(suites[CG_FAMILY_AES][searchable]);
	else if (strcmp(wanted, "sm4") == 0)
		suite = cg_suite_by_id(suites[CG_FAMILY_SM4][searchable]);
	else
		suite = cg_suite_by_name(wanted);

	if (suite == NULL || suite->searchable != searchable)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid suite of a category: \"%s\"", wanted),
				 errhint("%s", searchable ?
						 "aes or sm4; in full aes-searchable or sm4-searchable." :
						 "aes or sm4; in full aes-random or sm4-random.")));
	if (!cg_suite_available(suite->id))
		cg_suite_unavailable(suite->id);
	return suite;
}

void
cg_suite_unavailable(int suite)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cipher suite \"%s\" is not available",
					cg_suite_by_id(suite)->name),
			 errdetail("The OpenSSL library of the server does not offer the algorithms it is made of."),
			 errhint("Enable its default provider, in %s.",
					 "openssl.cnf")));
}

static void
load_categories(void)
{
	MemoryContext context;
	uint64		generation = watch.generation;
	HASHCTL		ctl;
	HTAB	   *table;
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;

	context = AllocSetContextCreate(CacheMemoryContext,
									"cipguard categories",
									ALLOCSET_SMALL_SIZES);
	ctl.keysize = sizeof(int32);
	ctl.entrysize = sizeof(CgCategory);
	ctl.hcxt = context;
	table = hash_create("cipguard categories", 32, &ctl,
						HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	rel = cg_watch_open(&watch);
	if (rel != NULL)
	{
		scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
		while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		{
			CgCategory	c;
			CgCategory *entry;
			MemoryContext old = MemoryContextSwitchTo(context);

			read_row(tuple, RelationGetDescr(rel), &c);
			MemoryContextSwitchTo(old);
			entry = hash_search(table, &c.id, HASH_ENTER, NULL);
			*entry = c;
		}
		systable_endscan(scan);
		table_close(rel, AccessShareLock);
	}

	if (category_context != NULL)
		MemoryContextDelete(category_context);
	category_context = context;
	categories = table;
	memset(recent_categories, 0, sizeof(recent_categories));

	/* What changed while we read makes the next call read again. */
	loaded_generation = generation;
}

/*
 * The CHECK constraints of the table keep nonsense out; a row that this build
 * cannot interpret all the same is an error, never a weaker protection.
 */
static void
read_row(HeapTuple tuple, TupleDesc desc, CgCategory *c)
{
	bool		isnull;
	char	   *suite_name;
	const CgSuite *suite;

	memset(c, 0, sizeof(*c));
	c->id = DatumGetInt32(heap_getattr(tuple, COL_ID, desc, &isnull));
	namestrcpy(&c->name, text_column(tuple, desc, COL_NAME));
	c->level = DatumGetInt16(heap_getattr(tuple, COL_LEVEL, desc, &isnull));
	c->sensitive = DatumGetBool(heap_getattr(tuple, COL_SENSITIVE, desc,
											 &isnull));
	c->searchable = strcmp(text_column(tuple, desc, COL_MODE),
						   "searchable") == 0;
	suite_name = text_column(tuple, desc, COL_SUITE);
	suite = cg_suite_by_name(suite_name);
	c->domain = cg_name_hash(text_column(tuple, desc, COL_TOKEN_DOMAIN));
	c->pad = (uint8) DatumGetInt16(heap_getattr(tuple, COL_PAD, desc,
												&isnull));

	if (suite == NULL || suite->searchable != c->searchable ||
		!read_mask(tuple, desc, c) ||
		!cg_validator_by_name(text_column(tuple, desc, COL_VALIDATOR),
							  &c->validator) ||
		!cg_normalizer_by_name(text_column(tuple, desc, COL_NORMALIZER),
							   &c->normalizer))
		ereport(ERROR,
				(errcode(CG_ERRCODE_UNKNOWN_CATEGORY),
				 errmsg("category \"%s\" has attributes that this version of cipguard does not know",
						NameStr(c->name)),
				 errhint("Update the extension's library.")));
	c->suite = suite->id;
}

/* False if this build does not know the mask. */
static bool
read_mask(HeapTuple tuple, TupleDesc desc, CgCategory *c)
{
	const char *name = text_column(tuple, desc, COL_MASK);
	Datum		value;
	bool		isnull;

	c->suppress = strcmp(name, MASK_SUPPRESS) == 0;
	if (strcmp(name, MASK_CUSTOM) == 0)
	{
		bytea	   *digest;

		c->function = text_column(tuple, desc, COL_MASK_FUNCTION);
		value = heap_getattr(tuple, COL_MASK_DIGEST, desc, &isnull);
		digest = isnull ? NULL : DatumGetByteaPP(value);
		if (digest == NULL || VARSIZE_ANY_EXHDR(digest) != CG_SHA256_LEN)
			return false;
		memcpy(c->function_digest, VARDATA_ANY(digest), CG_SHA256_LEN);
	}
	if (c->suppress || c->function != NULL)
		c->mask = CG_MASK_STARS;
	else if (!cg_masker_by_name(name, &c->mask))
		return false;

	value = heap_getattr(tuple, COL_MASK_OPTIONS, desc, &isnull);
	if (isnull || cg_mask_options_parse(DatumGetJsonbP(value),
										&c->options) != NULL)
		return false;
	c->style = c->options.style;
	return true;
}

void
cg_category_copy(CgCategory *to, const CgCategory *from)
{
	*to = *from;
	if (from->function != NULL)
		to->function = pstrdup(from->function);
	if (cg_mask_options_parse(from->options.source, &to->options) != NULL)
		elog(ERROR, "options of category \"%s\" cannot be read twice",
			 NameStr(from->name));
}

static char *
text_column(HeapTuple tuple, TupleDesc desc, int attnum)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, attnum, desc, &isnull);

	if (isnull)
		elog(ERROR, "null in column %d of cipguard.category", attnum);
	return TextDatumGetCString(value);
}

/* The existing name closest to a mistyped one, or NULL if none is close. */
static char *
nearest_name(const char *name)
{
	HASH_SEQ_STATUS status;
	CgCategory *c;
	char	   *best = NULL;
	int			best_distance = 4;

	if (categories == NULL || strlen(name) >= NAMEDATALEN)
		return NULL;
	hash_seq_init(&status, categories);
	while ((c = hash_seq_search(&status)) != NULL)
	{
		const char *other = NameStr(c->name);
		int			distance;

		distance = varstr_levenshtein_less_equal(name, strlen(name),
												 other, strlen(other),
												 1, 1, 1, best_distance,
												 true);
		if (distance < best_distance)
		{
			best_distance = distance;
			best = pstrdup(other);
		}
	}
	return best;
}

/* category_id(name text) RETURNS int4 */
PG_FUNCTION_INFO_V1(cipguard_category_id);
Datum
cipguard_category_id(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(cg_name_hash(text_to_cstring(PG_GETARG_TEXT_PP(0))));
}

/* known_masker(name text) RETURNS boolean */
PG_FUNCTION_INFO_V1(cipguard_known_masker);
Datum
cipguard_known_masker(PG_FUNCTION_ARGS)
{
	const char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	CgMasker	masker;

	PG_RETURN_BOOL(strcmp(name, MASK_CUSTOM) == 0 ||
				   strcmp(name, MASK_SUPPRESS) == 0 ||
				   cg_masker_by_name(name, &masker));
}

/* known_validator(name text) RETURNS boolean */
PG_FUNCTION_INFO_V1(cipguard_known_validator);
Datum
cipguard_known_validator(PG_FUNCTION_ARGS)
{
	CgValidator validator;

	PG_RETURN_BOOL(cg_validator_by_name(text_to_cstring(PG_GETARG_TEXT_PP(0)),
										&validator));
}

/* known_normalizer(name text) RETURNS boolean */
PG_FUNCTION_INFO_V1(cipguard_known_normalizer);
Datum
cipguard_known_normalizer(PG_FUNCTION_ARGS)
{
	CgNormalizer normalizer;

	PG_RETURN_BOOL(cg_normalizer_by_name(text_to_cstring(PG_GETARG_TEXT_PP(0)),
										 &normalizer));
}

/* known_suite(name text, searchable boolean) RETURNS boolean */
PG_FUNCTION_INFO_V1(cipguard_known_suite);
Datum
cipguard_known_suite(PG_FUNCTION_ARGS)
{
	const CgSuite *suite;

	suite = cg_suite_by_name(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_BOOL(suite != NULL && suite->searchable == PG_GETARG_BOOL(1));
}

/* choose_suite(suite text, searchable boolean) RETURNS text */
PG_FUNCTION_INFO_V1(cipguard_choose_suite);
Datum
cipguard_choose_suite(PG_FUNCTION_ARGS)
{
	char	   *wanted = PG_ARGISNULL(0) ? NULL :
	text_to_cstring(PG_GETARG_TEXT_PP(0));
	bool		searchable = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);

	PG_RETURN_TEXT_P(cstring_to_text(cg_choose_suite(wanted,
													 searchable)->name));
}
