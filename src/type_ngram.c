/*
 * type_ngram.c
 *		Patterns on encrypted text: LIKE, ILIKE, and an index that finds them.
 *
 * The operators decrypt, and take the right to read.  The index is a GIN index
 * of the pieces of each text (ngram.c): of a piece, four bytes of its MAC
 * under a key of its own.  What the index finds is checked by the operator, so
 * pieces whose MACs begin alike do no harm, and nor do letters whose case it
 * does not know.  Whoever steals the index file learns which rows share
 * pieces, and how often each piece occurs.
 *
 * An entry is made under the current version of the key.  A query looks for
 * the pieces under each version there is, for a row has all of its pieces
 * under one.  So the key may be changed at any time; REINDEX then leaves the
 * old version without use.
 */
#include "postgres.h"

#include "access/gin.h"
#include "access/stratnum.h"
#include "catalog/pg_collation.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "compat.h"

#include "bytes.h"
#include "category.h"
#include "cipguard.h"
#include "display.h"
#include "encoding.h"
#include "keyring.h"
#include "ngram.h"
#include "reading.h"
#include "subject_key.h"
#include "value.h"

#define STRATEGY_LIKE	1
#define STRATEGY_ILIKE	2

/* What is MAC'd is none of the types' canonical forms. */
#define TYPE_GRAM		0xFE

#define PATTERN_SEL		0.005
#define NUM_KNOWN		4096	/* pieces whose keys are remembered */

/* What a query looks for, for each version of the key. */
typedef struct CgGramQuery
{
	int			versions;
	int			grams;
	bool		odd;			/* then comes the key of CG_GRAM_ODD */
} CgGramQuery;

/* Keys of pieces, since most text is made of the same few. */
typedef struct CgKnownGram
{
	CgGram		gram;			/* 0: empty */
	int32		key;
} CgKnownGram;

typedef struct CgKnownGrams
{
	uint64		keyring;
	uint16		version;
	CgKnownGram known[NUM_KNOWN];
} CgKnownGrams;

static CgToken *gram_token(uint16 version, bool missing_ok);
static int32 gram_key(CgToken *token, CgGram gram);
static int32 known_key(FunctionCallInfo fcinfo, CgGram gram);
static int	compare_keys(const void *a, const void *b);
static bool matches(FunctionCallInfo fcinfo, PGFunction match, bool *decided);

static CgToken *
gram_token(uint16 version, bool missing_ok)
{
	return cg_keyring_token(cg_name_hash(CG_DOMAIN_NGRAM), version,
							CG_SUITE_AES_SEARCHABLE, missing_ok);
}

static int32
gram_key(CgToken *token, CgGram gram)
{
	uint8		bytes[sizeof(uint64)];
	uint8		mac[CG_TOKEN_LEN];

	cg_put_u64(bytes, gram);
	if (cg_token_make(token, TYPE_GRAM, bytes, sizeof(bytes), mac) != CG_OK)
		elog(ERROR, "could not make a key of a substring index");
	return (int32) cg_get_u32(mac);
}

/* Under the current version. */
static int32
known_key(FunctionCallInfo fcinfo, CgGram gram)
{
	CgKnownGrams *known = fcinfo->flinfo->fn_extra;
	uint64		keyring = cg_keyring_refresh();
	CgKnownGram *entry;

	if (known == NULL)
	{
		known = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt,
									   sizeof(CgKnownGrams));
		fcinfo->flinfo->fn_extra = known;
	}
	if (known->keyring != keyring)
	{
		explicit_bzero(known->known, sizeof(known->known));
		known->version = cg_keyring_current(CG_KEY_KIND_TOKEN,
											cg_name_hash(CG_DOMAIN_NGRAM));
		known->keyring = keyring;
	}
	/* Fibonacci hashing: neighbours differ in a few low bits only. */
	entry = &known->known[(gram * UINT64CONST(0x9E3779B97F4A7C15) >> 40) %
						  NUM_KNOWN];
	if (entry->gram != gram)
	{
		entry->key = gram_key(gram_token(known->version, false), gram);
		entry->gram = gram;
	}
	return entry->key;
}

static int
compare_keys(const void *a, const void *b)
{
	int32		x = *(const int32 *) a;
	int32		y = *(const int32 *) b;

	return x < y ? -1 : x > y ? 1 : 0;
}

/*
 * enc_text_grams(enc_text, internal, internal) RETURNS internal; GIN support 2
 */
PG_FUNCTION_INFO_V1(cipguard_enc_text_grams);
Datum
cipguard_enc_text_grams(PG_FUNCTION_ARGS)
{
	struct varlena *datum = PG_GETARG_VARLENA_PP(0);
	int32	   *n_keys = (int32 *) PG_GETARG_POINTER(1);
	CgEnvelope	env;
	char	   *stored;
	Size		len;
	CgGram	   *grams;
	size_t		n;
	size_t		i;
	int32	   *keys;
	Datum	   *result;

	cg_refuse_mask(datum);
	cg_parse(datum, &env);
	cg_require_type(&env, CG_TYPE_TEXT);
	if (cg_is_destroyed(&env))
	{
		*n_keys = 0;
		PG_RETURN_POINTER(NULL);
	}
	stored = cg_open_stored(&env, &len);
	grams = palloc_extended(mul_size(CG_GRAM_BOUND(len), sizeof(CgGram)),
							MCXT_ALLOC_HUGE);
	n = cg_text_grams(stored, len, grams);
	explicit_bzero(stored, len);
	pfree(stored);

	keys = palloc_extended(mul_size(Max(n, 1), sizeof(int32)),
						   MCXT_ALLOC_HUGE);
	result = palloc_extended(mul_size(Max(n, 1), sizeof(Datum)),
							 MCXT_ALLOC_HUGE);
	for (i = 0; i < n; i++)
		keys[i] = known_key(fcinfo, grams[i]);
	explicit_bzero(grams, n * sizeof(CgGram));
	pfree(grams);
	qsort(keys, n, sizeof(int32), compare_keys);
	*n_keys = 0;
	for (i = 0; i < n; i++)
		if (i == 0 || keys[i] != keys[i - 1])
			result[(*n_keys)++] = Int32GetDatum(keys[i]);
	pfree(keys);
	PG_RETURN_POINTER(result);
}

/*
 * enc_text_pattern_grams(pattern, internal, int2, internal, internal, internal,
 *						  internal) RETURNS internal; GIN support 3
 */
PG_FUNCTION_INFO_V1(cipguard_enc_text_pattern_grams);
Datum
cipguard_enc_text_pattern_grams(PG_FUNCTION_ARGS)
{
	text	   *pattern = PG_GETARG_TEXT_PP(0);
	int32	   *n_keys = (int32 *) PG_GETARG_POINTER(1);
	StrategyNumber strategy = PG_GETARG_UINT16(2);
	Pointer   **extra = (Pointer **) PG_GETARG_POINTER(4);
	int32	   *search_mode = (int32 *) PG_GETARG_POINTER(6);
	Size		len = VARSIZE_ANY_EXHDR(pattern);
	const char *utf8 = cg_to_utf8(VARDATA_ANY(pattern), &len);
	CgGram		grams[CG_MAX_PATTERN_GRAMS + 1];
	CgGramQuery *query;
	Datum	   *result;
	uint16		version;
	uint16		newest;
	int			n;
	int			i;

	*n_keys = 0;
	n = (int) cg_pattern_grams(utf8, len, strategy == STRATEGY_ILIKE, grams);
	newest = cg_keyring_newest(CG_KEY_KIND_TOKEN,
							   cg_name_hash(CG_DOMAIN_NGRAM));
	if (n == 0 || newest == 0)
	{
		*search_mode = GIN_SEARCH_MODE_ALL;
		PG_RETURN_POINTER(NULL);
	}

	query = palloc0(sizeof(CgGramQuery));
	query->grams = n;
	query->odd = strategy == STRATEGY_ILIKE;
	if (query->odd)
		grams[n++] = CG_GRAM_ODD;
	result = palloc(sizeof(Datum) * newest * n);
	for (version = 1; version <= newest; version++)
	{
		CgToken    *token = gram_token(version, true);

		if (token == NULL)
			continue;
		query->versions++;
		for (i = 0; i < n; i++)
			result[(*n_keys)++] = Int32GetDatum(gram_key(token, grams[i]));
	}
	if (query->versions == 0)
		(void) gram_token(newest, false);	/* says which key is missing */
	*extra = palloc0(sizeof(Pointer) * *n_keys);
	(*extra)[0] = (Pointer) query;
	PG_RETURN_POINTER(result);
}

/*
 * enc_text_grams_match(internal, int2, pattern, int4, internal, internal,
 *						internal) RETURNS "char"; GIN support 6
 */
PG_FUNCTION_INFO_V1(cipguard_enc_text_grams_match);
Datum
cipguard_enc_text_grams_match(PG_FUNCTION_ARGS)
{
	GinTernaryValue *check = (GinTernaryValue *) PG_GETARG_POINTER(0);
	int32		n_keys = PG_GETARG_INT32(3);
	Pointer    *extra = (Pointer *) PG_GETARG_POINTER(4);
	const CgGramQuery *query;
	int			version;

	if (n_keys == 0 || extra == NULL)
		PG_RETURN_GIN_TERNARY_VALUE(GIN_MAYBE);
	query = (const CgGramQuery *) extra[0];
	for (version = 0; version < query->versions; version++)
	{
		int			i;

		for (i = 0; i < query->grams && check[i] != GIN_FALSE; i++)
			;
		if (i == query->grams ||
			(query->odd && check[query->grams] != GIN_FALSE))
			PG_RETURN_GIN_TERNARY_VALUE(GIN_MAYBE);
		check += query->grams + (query->odd ? 1 : 0);
	}
	PG_RETURN_GIN_TERNARY_VALUE(GIN_FALSE);
}

/*
 * Does the text match?  *decided is false if nobody can read it any more, or if
 * a CHECK constraint has to wait for keys.
 */
static bool
matches(FunctionCallInfo fcinfo, PGFunction match, bool *decided)
{
	struct varlena *datum = PG_GETARG_VARLENA_PP(0);
	Oid			collation = PG_GET_COLLATION();
	CgEnvelope	env;
	Size		len;
	char	   *plain;
	text	   *value;
	bool		shown = false;
	bool		result;

	*decided = true;
	if (cg_is_display(datum))
	{
		struct varlena *real = cg_display_value(datum);

		if (real == NULL)
		{
			cg_require_read((int32)
							cg_get_u32((const uint8 *) VARDATA_ANY(datum) + 4));
			ereport(ERROR,
					(errcode(CG_ERRCODE_NOT_COMPARABLE),
					 errmsg("a mask cannot be compared with a pattern"),
					 errhint("Use %s, which is text.",
							 "cipguard.mask(column)")));
		}
		datum = real;
		shown = true;
	}
	cg_parse(datum, &env);
	cg_require_type(&env, CG_TYPE_TEXT);
	if (shown)
		cg_require_read_shown((int32) env.category);
	else
		cg_require_read((int32) env.category);
	if (cg_is_destroyed(&env) || cg_is_undecidable(&env))
	{
		*decided = false;
		return false;
	}
	plain = cg_open(&env, &len);
	value = cstring_to_text_with_len(plain, len);
	explicit_bzero(plain, len);
	pfree(plain);
	result = DatumGetBool(DirectFunctionCall2Coll(match,
												  OidIsValid(collation) ?
												  collation :
												  DEFAULT_COLLATION_OID,
												  PointerGetDatum(value),
												  PG_GETARG_DATUM(1)));
	explicit_bzero(VARDATA(value), len);
	pfree(value);
	PG_FREE_IF_COPY(datum, 0);
	return result;
}

/* enc_text_like(enc_text, text) RETURNS boolean */
PG_FUNCTION_INFO_V1(cipguard_enc_text_like);
Datum
cipguard_enc_text_like(PG_FUNCTION_ARGS)
{
	bool		decided;
	bool		result = matches(fcinfo, textlike, &decided);

	if (!decided)
		PG_RETURN_NULL();
	PG_RETURN_BOOL(result);
}

/* enc_text_nlike(enc_text, text) RETURNS boolean */
PG_FUNCTION_INFO_V1(cipguard_enc_text_nlike);
Datum
cipguard_enc_text_nlike(PG_FUNCTION_ARGS)
{
	bool		decided;
	bool		result = matches(fcinfo, textlike, &decided);

	if (!decided)
		PG_RETURN_NULL();
	PG_RETURN_BOOL(!result);
}

/* enc_text_ilike(enc_text, text) RETURNS boolean */
PG_FUNCTION_INFO_V1(cipguard_enc_text_ilike);
Datum
cipguard_enc_text_ilike(PG_FUNCTION_ARGS)
{
	bool		decided;
	bool		result = matches(fcinfo, texticlike, &decided);

	if (!decided)
		PG_RETURN_NULL();
	PG_RETURN_BOOL(result);
}

/* enc_text_nilike(enc_text, text) RETURNS boolean */
PG_FUNCTION_INFO_V1(cipguard_enc_text_nilike);
Datum
cipguard_enc_text_nilike(PG_FUNCTION_ARGS)
{
	bool		decided;
	bool		result = matches(fcinfo, texticlike, &decided);

	if (!decided)
		PG_RETURN_NULL();
	PG_RETURN_BOOL(!result);
}

/* enc_likesel(internal, oid, internal, int4) RETURNS float8 */
PG_FUNCTION_INFO_V1(cipguard_enc_likesel);
Datum
cipguard_enc_likesel(PG_FUNCTION_ARGS)
{
	cg_require_read_clause((PlannerInfo *) PG_GETARG_POINTER(0),
						   (List *) PG_GETARG_POINTER(2));
	PG_RETURN_FLOAT8(PATTERN_SEL);
}

/* enc_nlikesel(internal, oid, internal, int4) RETURNS float8 */
PG_FUNCTION_INFO_V1(cipguard_enc_nlikesel);
Datum
cipguard_enc_nlikesel(PG_FUNCTION_ARGS)
{
	cg_require_read_clause((PlannerInfo *) PG_GETARG_POINTER(0),
						   (List *) PG_GETARG_POINTER(2));
	PG_RETURN_FLOAT8(1.0 - PATTERN_SEL);
}

/* enc_likejoinsel(internal, oid, internal, int2, internal) RETURNS float8 */
PG_FUNCTION_INFO_V1(cipguard_enc_likejoinsel);
Datum
cipguard_enc_likejoinsel(PG_FUNCTION_ARGS)
{
	cg_require_read_clause((PlannerInfo *) PG_GETARG_POINTER(0),
						   (List *) PG_GETARG_POINTER(2));
	PG_RETURN_FLOAT8(PATTERN_SEL);
}

/* enc_nlikejoinsel(internal, oid, internal, int2, internal) RETURNS float8 */
PG_FUNCTION_INFO_V1(cipguard_enc_nlikejoinsel);
Datum
cipguard_enc_nlikejoinsel(PG_FUNCTION_ARGS)
{
	cg_require_read_clause((PlannerInfo *) PG_GETARG_POINTER(0),
						   (List *) PG_GETARG_POINTER(2));
	PG_RETURN_FLOAT8(1.0 - PATTERN_SEL);
}
