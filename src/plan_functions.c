/*
 * plan_functions.c
 *		Our functions that plans call, by OID.
 *
 * They are looked up once.  What an invalidation makes stale is kept until it
 * is replaced: one may come at any time, in the middle of a plan too, and the
 * names never change their meaning.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_cast.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "compat.h"

#include "catalog.h"
#include "cipguard.h"
#include "enc_type.h"
#include "event.h"
#include "plan_functions.h"

#define MAX_CALLS	256			/* of all types together */

typedef struct CgTypeFunction
{
	Oid			func;
	CgTypeCall	call;
	uint8		tag;
} CgTypeFunction;

static void forget_functions(Datum arg, int cacheid, uint32 hashvalue);
static Oid	our_function(const char *name, int nargs, Oid a, Oid b, Oid c,
						 Oid d, Oid e);
static Oid	find_function(const char *name, int nargs, Oid *types);
static bool load_type(const CgEncType *type, CgTypeFunction *found, int *n);
static void load_coercions(const CgEncType *type, Oid enc,
						   CgTypeFunction *found, int *n);
static bool add(CgTypeFunction *found, int *n, Oid func, CgTypeCall call,
				uint8 tag);
static int	compare_functions(const void *a, const void *b);

static CgPlanFunctions functions;
static CgTypeFunction by_type[MAX_CALLS];	/* sorted by func */
static int	num_by_type = 0;
static bool stale = true;
const CgPlanFunctions *cg_plan_functions = &functions;

void
cg_plan_functions_init(void)
{
	CacheRegisterSyscacheCallback(NAMESPACEOID, forget_functions, (Datum) 0);
}

static void
forget_functions(Datum arg, int cacheid, uint32 hashvalue)
{
	stale = true;
}

static Oid
our_function(const char *name, int nargs, Oid a, Oid b, Oid c, Oid d, Oid e)
{
	Oid			types[5] = {a, b, c, d, e};

	return find_function(name, nargs, types);
}

static Oid
find_function(const char *name, int nargs, Oid *types)
{
	oidvector  *vector = buildoidvector(types, nargs);

	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
						   CStringGetDatum(name), PointerGetDatum(vector),
						   ObjectIdGetDatum(cg_schema_oid()));
}

bool
cg_load_functions(void)
{
	CgPlanFunctions f;
	CgTypeFunction found[MAX_CALLS];
	int			n = 0;
	Oid			any = ANYELEMENTOID;
	Oid			row[7] = {any, OIDOID, INT4OID, ANYOID, ANYOID, BOOLOID, 0};
	const Oid  *p;
	int			tag;

	if (!stale)
		return true;
	stale = false;
	f.checked = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
								CStringGetDatum("checked"),
								ObjectIdGetDatum(cg_schema_oid()));
	f.mask_value = our_function("mask_value", 2, any, INT4OID, 0, 0, 0);
	f.mask_value_serial = our_function("mask_value_serial", 2, any, INT4OID,
									   0, 0, 0);
	f.disclose_value = our_function("disclose_value", 5, any, OIDOID, INT4OID,
									ANYOID, f.checked);
	row[6] = f.checked;
	f.disclose_row = find_function("disclose_row", 7, row);
	f.keep_value = our_function("keep_value", 3, any, any, INT4OID, 0, 0);
	f.keep_plain = our_function("keep_plain", 3, ANYOID, any, INT4OID, 0, 0);
	row[5] = f.checked;
	f.gate_value = find_function("gate_value", 6, row);
	f.gate_value_serial = find_function("gate_value_serial", 6, row);
	f.keep_person = find_function("keep_person", 6, row);
	f.storable = our_function("storable", 1, any, 0, 0, 0, 0);
	f.visible_statistics = our_function("visible_statistics", 3, any,
										OIDOID, INT2OID, 0, 0);
	f.disclose_text = our_function("disclose", 3, TEXTOID, TEXTOID,
								   REGCLASSOID, 0, 0);
	f.disclose_text_row = our_function("disclose", 5, TEXTOID, TEXTOID,
									   REGCLASSOID, ANYOID, ANYOID);
	f.mask_text = our_function("mask", 2, TEXTOID, TEXTOID, 0, 0, 0);
	f.mask_any = our_function("mask", 2, any, TEXTOID, 0, 0, 0);

	for (p = (const Oid *) &f; p < (const Oid *) (&f + 1); p++)
		stale = stale || !OidIsValid(*p);
	for (tag = 1; tag <= CG_NUM_TYPES && !stale; tag++)
		stale = !load_type(cg_enc_type(tag), found, &n);
	if (stale)
		return false;
	qsort(found, n, sizeof(CgTypeFunction), compare_functions);
	memcpy(by_type, found, sizeof(CgTypeFunction) * n);
	num_by_type = n;
	functions = f;
	return true;
}

/* False if something that it must have is not there. */
static bool
load_type(const CgEncType *type, CgTypeFunction *found, int *n)
{
	Oid			enc = cg_enc_type_oid(type->tag);
	HeapTuple	tuple;
	Oid			decrypt = InvalidOid;

	if (!OidIsValid(enc))
		return false;
	tuple = SearchSysCache2(CASTSOURCETARGET, ObjectIdGetDatum(enc),
							ObjectIdGetDatum(type->plain));
	if (HeapTupleIsValid(tuple))
	{
		decrypt = ((Form_pg_cast) GETSTRUCT(tuple))->castfunc;
		ReleaseSysCache(tuple);
	}
	load_coercions(type, enc, found, n);
	return add(found, n, decrypt, CG_CALL_DECRYPT, type->tag) &&
		add(found, n, our_function("disclose", 2, enc, REGCLASSOID, 0, 0, 0),
			CG_CALL_DISCLOSE, type->tag) &&
		add(found, n, our_function("disclose", 4, enc, REGCLASSOID, ANYOID,
								   ANYOID, 0), CG_CALL_DISCLOSE,
			type->tag) &&
		add(found, n, our_function("mask", 1, enc, 0, 0, 0, 0), CG_CALL_MASK,
			type->tag) &&
		add(found, n, our_function("pseudonym", 1, enc, 0, 0, 0, 0),
			CG_CALL_PSEUDONYM, type->tag) &&
		add(found, n, our_function("verify_match", 2, enc, type->plain, 0, 0,
								   0),
			CG_CALL_VERIFY, type->tag);
}

/* What brings values into the type: functions of its name. */
static void
load_coercions(const CgEncType *type, Oid enc, CgTypeFunction *found, int *n)
{
	CatCList   *list = SearchSysCacheList1(PROCNAMEARGSNSP,
										   CStringGetDatum(type->name));
	int			i;

	for (i = 0; i < list->n_members; i++)
	{
		Form_pg_proc proc = (Form_pg_proc)
		GETSTRUCT(&list->members[i]->tuple);

		if (proc->pronamespace == cg_schema_oid() && proc->pronargs == 3 &&
			proc->prorettype == enc)
			(void) add(found, n, proc->oid,
					   proc->proargtypes.values[0] == enc ? CG_CALL_COERCE :
					   CG_CALL_ENCRYPT, type->tag);
	}
	ReleaseCatCacheList(list);
}

static bool
add(CgTypeFunction *found, int *n, Oid func, CgTypeCall call, uint8 tag)
{
	if (!OidIsValid(func))
		return false;
	if (*n >= MAX_CALLS)
		elog(ERROR, "too many functions of encrypted types");
	found[*n].func = func;
	found[*n].call = call;
	found[*n].tag = tag;
	(*n)++;
	return true;
}

static int
compare_functions(const void *a, const void *b)
{
	Oid			x = ((const CgTypeFunction *) a)->func;
	Oid			y = ((const CgTypeFunction *) b)->func;

	return x < y ? -1 : x > y ? 1 : 0;
}

CgTypeCall
cg_type_call(Oid func, uint8 *tag)
{
	CgTypeFunction key = {func};
	CgTypeFunction *found;

	if (func < FirstNormalObjectId)
		return CG_CALL_NONE;
	found = bsearch(&key, by_type, num_by_type, sizeof(CgTypeFunction),
					compare_functions);
	if (found == NULL)
		return CG_CALL_NONE;
	if (tag != NULL)
		*tag = found->tag;
	return found->call;
}

CgTypeCall
cg_node_call(Node *node)
{
	return node != NULL && IsA(node, FuncExpr) ?
		cg_type_call(((FuncExpr *) node)->funcid, NULL) : CG_CALL_NONE;
}

Oid
cg_decrypt_function(uint8 tag)
{
	int			i;

	for (i = 0; i < num_by_type; i++)
		if (by_type[i].call == CG_CALL_DECRYPT && by_type[i].tag == tag)
			return by_type[i].func;
	elog(ERROR, "encrypted type %d has no cast to its plain type", tag);
	return InvalidOid;			/* not reached */
}

bool
cg_shows_by_itself(Oid func)
{
	const CgPlanFunctions *f = &functions;
	CgTypeCall	call = cg_type_call(func, NULL);

	return call == CG_CALL_MASK || call == CG_CALL_DISCLOSE ||
		func == f->mask_value || func == f->mask_value_serial ||
		func == f->mask_text || func == f->mask_any ||
		func == f->disclose_text || func == f->disclose_text_row ||
		func == f->disclose_value ||
		func == f->disclose_row;
}

/* SQL can make no proof, but it can make a null of its type. */
void
cg_require_plan(FunctionCallInfo fcinfo)
{
	if (!PG_ARGISNULL(PG_NARGS() - 1))
		return;
	cg_event_refused("call of a function that plans call", InvalidOid);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("only plans call cipguard.%s()",
					get_func_name(fcinfo->flinfo->fn_oid)),
			 errhint("Select the column itself, or use %s.",
					 "cipguard.disclose()")));
}
