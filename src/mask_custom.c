/*
 * mask_custom.c
 *		Masks computed by a function that an officer registered.
 *
 * The function is given plaintext on behalf of somebody who may not see it, so
 * it must have no way to pass it on but its result:
 *
 * - It is the function that was registered: a digest of its definition is
 *   kept with the category.  Whoever owns it can still replace it, but then
 *   there are stars until an officer registers it again.
 * - It runs as cipguard_masker, in a security-restricted operation, with the
 *   settings that change what SQL means pinned.
 * - It runs in a subtransaction that is always rolled back, so notifications,
 *   rows and settings do not outlive it; its errors are not seen.
 * - Its messages reach neither client (whatever level it gives itself) nor
 *   server log.
 * - A result that is or holds the value is no mask, nor is one that is longer
 *   than any mask.
 *
 * Subtransactions cannot begin in parallel mode.  There, and when a custom
 * masker leads to another one, there are stars.
 *
 * A function is registered by OID but kept by name and digest: OIDs do not
 * survive dump and restore, and pg_upgrade refuses a database with a column of
 * type regprocedure.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "compat.h"

#include "cipguard.h"
#include "digest.h"
#include "mask_custom.h"

#define MAX_LEN		(1024 * 1024)	/* longer values are not handed on */

static Oid	registered_function(const CgCategory *category);
static const char *function_problem(HeapTuple tuple);
static void append_attribute(StringInfo buf, HeapTuple tuple, int attnum,
							 Oid output);
static bool function_digest(HeapTuple tuple, uint8 *digest);
static text *call_function(Oid function, Oid as, const char *plain, Size len,
						   Jsonb *options, MemoryContext result_context);
static bool holds(const text *haystack, const char *needle, Size len);

text *
cg_mask_custom(const CgCategory *category, const char *plain, Size len)
{
	static bool active = false;
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	CommandDest dest = whereToSendOutput;
	Oid			function;
	Oid			masker = get_role_oid(CG_ROLE_MASKER, true);
	Jsonb	   *options;
	text	   *volatile result = NULL;
	volatile bool cancelled = false;

	if (active || IsInParallelMode() || len > MAX_LEN ||
		!OidIsValid(masker))
		return NULL;
	options = palloc(VARSIZE(category->options.source));
	memcpy(options, category->options.source,
		   VARSIZE(category->options.source));
	function = registered_function(category);
	if (!OidIsValid(function))
		return NULL;

	active = true;
	BeginInternalSubTransaction(NULL);
	whereToSendOutput = DestNone;
	PG_TRY();
	{
		result = call_function(function, masker, plain, len, options,
							   context);
	}
	PG_CATCH();
	{
		cancelled = geterrcode() == ERRCODE_QUERY_CANCELED;
		MemoryContextSwitchTo(context);
		FlushErrorState();
		result = NULL;
	}
	PG_END_TRY();
	whereToSendOutput = dest;
	active = false;

	/* Gives back the role and the settings, too. */
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;

	/* The message is not passed on: the function may have made it. */
	if (cancelled)
		ereport(ERROR,
				(errcode(ERRCODE_QUERY_CANCELED),
				 errmsg("canceling statement while a mask is computed")));
	return result;
}

/* Runs in the subtransaction; the result is in result_context. */
static text *
call_function(Oid function, Oid as, const char *plain, Size len,
			  Jsonb *options, MemoryContext result_context)
{
	static const char *const pinned[][2] = {
		{"log_min_messages", "fatal"},
		{"client_min_messages", "error"},
		{"search_path", "pg_catalog, pg_temp"},
		{"row_security", "on"},
		{"transform_null_equals", "off"},
		{"bytea_output", "hex"},
		{"extra_float_digits", "1"},
		{"DateStyle", "ISO, YMD"},
		{"IntervalStyle", "iso_8601"},
		{"TimeZone", "UTC"},
		{"lc_monetary", "C"},
		{"lc_numeric", "C"},
		{"lc_time", "C"}
	};

	LOCAL_FCINFO(fcinfo, 2);
	FmgrInfo	flinfo;
	Oid			user;
	int			context;
	Datum		value;
	text	   *result;
	Size		result_len;
	text	   *copy;
	int			i;

	for (i = 0; i < (int) lengthof(pinned); i++)
		(void) set_config_option(pinned[i][0], pinned[i][1], PGC_SUSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
								 false);
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(as, context | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION);

	if (!ActiveSnapshotSet())
		PushActiveSnapshot(GetTransactionSnapshot());
	fmgr_info(function, &flinfo);
	InitFunctionCallInfoData(*fcinfo, &flinfo, 2, DEFAULT_COLLATION_OID, NULL,
							 NULL);
	fcinfo->args[0].value =
		PointerGetDatum(cstring_to_text_with_len(plain, len));
	fcinfo->args[0].isnull = false;
	fcinfo->args[1].value = JsonbPGetDatum(options);
	fcinfo->args[1].isnull = false;
	value = FunctionCallInvoke(fcinfo);
	if (fcinfo->isnull)
		return NULL;

	result = DatumGetTextPP(value);
	result_len = VARSIZE_ANY_EXHDR(result);
	if (result_len > CG_MASK_BOUND(len) || holds(result, plain, len))
		return NULL;
	copy = MemoryContextAlloc(result_context, VARHDRSZ + result_len);
	SET_VARSIZE(copy, VARHDRSZ + result_len);
	memcpy(VARDATA(copy), VARDATA_ANY(result), result_len);
	return copy;
}

static bool
holds(const text *haystack, const char *needle, Size len)
{
	const char *p = VARDATA_ANY(haystack);
	const char *end = p + VARSIZE_ANY_EXHDR(haystack);

	for (; end - p >= (ptrdiff_t) len; p++)
		if (memcmp(p, needle, len) == 0)
			return true;
	return false;
}

/*
 * The function of a category, if it is there and still what was registered.
 * Its name is looked up in its schema alone.
 */
static Oid
registered_function(const CgCategory *category)
{
	static const Oid types[] = {TEXTOID, JSONBOID};
	List	   *names;
	Oid			nspoid;
	Oid			function = InvalidOid;
	HeapTuple	tuple;
	uint8		digest[CG_SHA256_LEN];

	if (!SplitIdentifierString(pstrdup(category->function), '.', &names) ||
		list_length(names) != 2)
		return InvalidOid;
	nspoid = get_namespace_oid(linitial(names), true);
	if (!OidIsValid(nspoid))
		return InvalidOid;
	tuple = SearchSysCache3(PROCNAMEARGSNSP,
							CStringGetDatum((char *) lsecond(names)),
							PointerGetDatum(buildoidvector(types, 2)),
							ObjectIdGetDatum(nspoid));
	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	if (function_problem(tuple) == NULL && function_digest(tuple, digest) &&
		memcmp(digest, category->function_digest, CG_SHA256_LEN) == 0)
		function = ((Form_pg_proc) GETSTRUCT(tuple))->oid;
	ReleaseSysCache(tuple);
	return function;
}

/* What keeps a function from being a masker; NULL if nothing does. */
static const char *
function_problem(HeapTuple tuple)
{
	Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(tuple);
	Oid			masker = get_role_oid(CG_ROLE_MASKER, false);
	bool		isnull;

	if (proc->prokind != PROKIND_FUNCTION || proc->proretset)
		return "it is not a plain function";
	if (proc->pronargs != 2 || proc->proargtypes.values[0] != TEXTOID ||
		proc->proargtypes.values[1] != JSONBOID ||
		proc->prorettype != TEXTOID)
		return "it does not take (text, jsonb) and return text";
	if (proc->provolatile == PROVOLATILE_VOLATILE)
		return "it is volatile";
	if (proc->prosecdef)
		return "it is SECURITY DEFINER";
	if (isAnyTempNamespace(proc->pronamespace))
		return "it is temporary";
	(void) SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosqlbody, &isnull);
	if (!isnull)
		return "its body is not a string";
	if (!cg_may_execute(proc->oid, masker))
		return CG_ROLE_MASKER " may not execute it";
	return NULL;
}

/* All that decides what a function does, but what it calls. */
static bool
function_digest(HeapTuple tuple, uint8 *digest)
{
	Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(tuple);
	const char *language = get_language_name(proc->prolang, true);
	StringInfoData buf;

	if (language == NULL)
		return false;
	initStringInfo(&buf);
	appendStringInfo(&buf, "%s %c%c", language, proc->provolatile,
					 proc->proisstrict ? 's' : 'n');
	append_attribute(&buf, tuple, Anum_pg_proc_prosrc, F_TEXTOUT);
	append_attribute(&buf, tuple, Anum_pg_proc_probin, F_TEXTOUT);
	append_attribute(&buf, tuple, Anum_pg_proc_proconfig, F_ARRAY_OUT);
	return cg_sha256(buf.data, buf.len, digest) == CG_OK;
}

static void
append_attribute(StringInfo buf, HeapTuple tuple, int attnum, Oid output)
{
	bool		isnull;
	Datum		value = SysCacheGetAttr(PROCOID, tuple, attnum, &isnull);
	char	   *string = isnull ? NULL : OidOutputFunctionCall(output, value);

	/* A null is not the empty string, and none runs into the next. */
	appendStringInfoChar(buf, '\0');
	if (string != NULL)
		appendStringInfo(buf, "%zu:%s", strlen(string), string);
}

static HeapTuple
function_tuple(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("function with OID %u does not exist", function),
				 errhint("Name a function (text, jsonb) that returns text.")));
	return tuple;
}

/* mask_function_problem(mask_function regprocedure) RETURNS text */
PG_FUNCTION_INFO_V1(cipguard_mask_function_problem);
Datum
cipguard_mask_function_problem(PG_FUNCTION_ARGS)
{
	HeapTuple	tuple = function_tuple(PG_GETARG_OID(0));
	const char *problem = function_problem(tuple);

	ReleaseSysCache(tuple);
	if (problem == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(problem));
}

/* mask_function_digest(mask_function regprocedure) RETURNS bytea */
PG_FUNCTION_INFO_V1(cipguard_mask_function_digest);
Datum
cipguard_mask_function_digest(PG_FUNCTION_ARGS)
{
	HeapTuple	tuple = function_tuple(PG_GETARG_OID(0));
	bytea	   *result = palloc(VARHDRSZ + CG_SHA256_LEN);
	bool		done = function_digest(tuple, (uint8 *) VARDATA(result));

	ReleaseSysCache(tuple);
	if (!done)
		elog(ERROR, "could not compute a digest");
	SET_VARSIZE(result, VARHDRSZ + CG_SHA256_LEN);
	PG_RETURN_BYTEA_P(result);
}
