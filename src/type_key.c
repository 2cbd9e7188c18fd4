/*
 * type_key.c
 *		What a query compares an encrypted column with: search_key().
 *
 * The planner puts these calls in (plan_search.c).  In a filter they are made
 * for each row, so the last key is kept.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/array.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"

#include "compat.h"

#include "value.h"

/* The type that a call makes keys of, and the last one made. */
typedef struct CgKeys
{
	const CgEncType *type;
	int16		len;			/* of the argument, or its elements */
	bool		byval;
	char		align;
	bool		kept;
	int32		typmod;
	Oid			user;
	Datum		value;
	struct varlena *key;
} CgKeys;

static CgKeys *keys_of_call(FunctionCallInfo fcinfo);
static Datum last_key(FunctionCallInfo fcinfo, bool encrypted);
static Datum make_keys(FunctionCallInfo fcinfo, bool encrypted);
static struct varlena *make_key(CgKeys *keys, bool encrypted, Datum value,
								int32 typmod);

static CgKeys *
keys_of_call(FunctionCallInfo fcinfo)
{
	static CgKeys recent;		/* so that statements need not look it up */
	static Oid	recent_func = InvalidOid;
	static uint64 recent_epoch = 0;
	CgKeys	   *keys = fcinfo->flinfo->fn_extra;
	uint64		epoch;
	Oid			rettype;
	Oid			elem;
	Oid		   *argtypes;
	int			nargs;

	if (keys != NULL)
		return keys;
	epoch = cg_enc_type_epoch();
	keys = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(CgKeys));
	if (recent_epoch == epoch && recent_func == fcinfo->flinfo->fn_oid)
	{
		*keys = recent;
		fcinfo->flinfo->fn_extra = keys;
		return keys;
	}
	rettype = get_func_signature(fcinfo->flinfo->fn_oid, &argtypes, &nargs);
	elem = get_element_type(rettype);
	keys->type = cg_enc_type_of(OidIsValid(elem) ? elem : rettype);
	if (keys->type == NULL)
		elog(ERROR, "function %u is not declared with an encrypted type",
			 fcinfo->flinfo->fn_oid);
	elem = OidIsValid(elem) ? get_element_type(argtypes[0]) : argtypes[0];
	get_typlenbyvalalign(elem, &keys->len, &keys->byval, &keys->align);
	fcinfo->flinfo->fn_extra = keys;
	recent = *keys;
	recent_func = fcinfo->flinfo->fn_oid;
	recent_epoch = epoch;
	return keys;
}

static struct varlena *
make_key(CgKeys *keys, bool encrypted, Datum value, int32 typmod)
{
	struct varlena *datum;
	CgEnvelope	env;

	if (!encrypted)
		return cg_search_value(keys->type->tag, value, typmod);
	datum = PG_DETOAST_DATUM_PACKED(value);
	cg_parse(datum, &env);
	cg_require_type(&env, keys->type->tag);
	return cg_search_key(datum, typmod);
}

static Datum
last_key(FunctionCallInfo fcinfo, bool encrypted)
{
	CgKeys	   *keys = keys_of_call(fcinfo);
	Datum		value = PG_GETARG_DATUM(0);
	int32		typmod = PG_GETARG_INT32(1);
	struct varlena *result;
	MemoryContext context;

	if (keys->len == -1)
		value = PointerGetDatum(PG_DETOAST_DATUM_PACKED(value));
	if (keys->kept && keys->typmod == typmod && keys->user == GetUserId() &&
		datumIsEqual(keys->value, value, keys->byval, keys->len))
		PG_RETURN_POINTER(keys->key);

	result = make_key(keys, encrypted, value, typmod);
	if (keys->kept)
	{
		keys->kept = false;
		pfree(keys->key);
		if (!keys->byval)
			pfree(DatumGetPointer(keys->value));
	}
	context = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	keys->typmod = typmod;
	keys->user = GetUserId();
	keys->value = datumCopy(value, keys->byval, keys->len);
	keys->key = palloc(VARSIZE_ANY(result));
	memcpy(keys->key, result, VARSIZE_ANY(result));
	keys->kept = true;
	MemoryContextSwitchTo(context);
	PG_RETURN_POINTER(result);
}

/* search_key(enc, int4) RETURNS enc */
PG_FUNCTION_INFO_V1(cipguard_search_key);
Datum
cipguard_search_key(PG_FUNCTION_ARGS)
{
	return last_key(fcinfo, true);
}

/* search_key(plain, int4) RETURNS enc */
PG_FUNCTION_INFO_V1(cipguard_search_key_plain);
Datum
cipguard_search_key_plain(PG_FUNCTION_ARGS)
{
	return last_key(fcinfo, false);
}

static Datum
make_keys(FunctionCallInfo fcinfo, bool encrypted)
{
	CgKeys	   *keys = keys_of_call(fcinfo);
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	int32		typmod = PG_GETARG_INT32(1);
	Datum	   *elems;
	bool	   *nulls;
	int			n;
	int			i;

	deconstruct_array(array, ARR_ELEMTYPE(array), keys->len, keys->byval,
					  keys->align, &elems, &nulls, &n);
	for (i = 0; i < n; i++)
		if (!nulls[i])
			elems[i] = PointerGetDatum(make_key(keys, encrypted, elems[i],
												typmod));
	PG_RETURN_ARRAYTYPE_P(construct_md_array(elems, nulls, ARR_NDIM(array),
											 ARR_DIMS(array),
											 ARR_LBOUND(array),
											 cg_enc_type_oid(keys->type->tag),
											 -1, false, TYPALIGN_INT));
}

/* search_keys(enc[], int4) RETURNS enc[] */
PG_FUNCTION_INFO_V1(cipguard_search_keys);
Datum
cipguard_search_keys(PG_FUNCTION_ARGS)
{
	return make_keys(fcinfo, true);
}

/* search_keys(plain[], int4) RETURNS enc[] */
PG_FUNCTION_INFO_V1(cipguard_search_keys_plain);
Datum
cipguard_search_keys_plain(PG_FUNCTION_ARGS)
{
	return make_keys(fcinfo, false);
}
