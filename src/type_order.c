/*
 * type_order.c
 *		Order of encrypted values by what they mean: ranges, ORDER BY, min, max.
 *
 * The default operator class of an encrypted type knows equality only
 * (type_ops.c).  The order classes decrypt: their index holds ciphertext, and
 * tells in which order the rows are.  The order is total over a column, and
 * its equality is that of tokens: text is compared in the canonical form of
 * its category, without regard to how it was entered.
 *
 * Each function serves all types: the declaration of the SQL function says
 * which argument is encrypted, and of what type.
 *
 * What nobody can read any more, since the key of its subject was destroyed,
 * comes after all other values in an index and in ORDER BY, as a NULL does, and
 * a comparison with it is null.
 *
 * Rights: what a query spells out takes the right to read.  Support functions
 * called by an index do not ask, since they must work for whoever may write a
 * row; plan.c keeps such an index from plans of roles that may not read.  That
 * takes hooks in every session, so there are no such indexes without
 * preloading.  A sort cannot tell what it is for but by its memory: that of
 * a query belongs to an executor.
 */
#include "postgres.h"

#include "access/nbtree.h"
#include "catalog/pg_collation.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/selfuncs.h"
#include "utils/sortsupport.h"
#include "utils/varlena.h"

#include "compat.h"

#include "access.h"
#include "bytes.h"
#include "category.h"
#include "cipguard.h"
#include "display.h"
#include "encoding.h"
#include "enc_type.h"
#include "guc.h"
#include "order_cache.h"
#include "reading.h"
#include "subject_key.h"
#include "type_order.h"
#include "value.h"

#define NUM_OF_SORT		4096

/* What a call is about, kept in fn_extra itself: it takes no memory. */
#define CALL_KNOWN		0x100
#define CALL_PLAIN(i)	(0x200 << (i))	/* argument i is not encrypted */
#define CALL_TAG(call)	((uint8) ((call) & 0xFF))

/* One argument of a comparison. */
typedef struct CgArg
{
	bool		plain;
	bool		mask;			/* a display datum that is no value */
	bool		shown;			/* one that is, and was disclosed */
	bool		withheld;		/* one that stands beside values */
	bool		gone;			/* the key of its subject was destroyed */
	int32		category;		/* -1: plain */
	struct varlena *datum;
	Datum		whole;			/* as it was given */
	CgEnvelope	env;
} CgArg;

typedef struct CgSort
{
	CgOrderCache *cache;
	bool		asks;			/* a query's: takes the right to read */
	bool		collated;
	int32		category;		/* the last that was asked about */
	uint64		epoch;
} CgSort;

static uintptr_t call_of(FunctionCallInfo fcinfo);
static bool is_of_range(FunctionCallInfo fcinfo);
static void take_arg(Datum value, uint8 tag, CgArg *arg);
static void free_arg(CgArg *arg);
static int	compare(FunctionCallInfo fcinfo, bool collated, bool *decided);
static int	compare_args(CgArg *a, CgArg *b, uint8 tag, bool collated,
						 CgOrderCache *cache);
static int	compare_masks(const CgArg *a, const CgArg *b);
static int	compare_gone(const CgArg *a, const CgArg *b);
static int	compare_ordered(const CgOrdered *a, const CgOrdered *b,
							bool collated);
static int	compare_collated(const CgOrdered *a, const CgOrdered *b);
static void settle_categories(CgArg *a, CgArg *b);
static void require_index_support(void);
static Datum start_sort(SortSupport ssup, bool collated);
static bool is_of_query(MemoryContext context);
static void take_sorted(Datum value, CgSort *sort, CgArg *arg);
static Datum abbreviate(Datum original, SortSupport ssup);
static bool never_abort(int memtupcount, SortSupport ssup);
static int	compare_sort(Datum a, Datum b, SortSupport ssup);

static uintptr_t
call_of(FunctionCallInfo fcinfo)
{
	uintptr_t	call = (uintptr_t) fcinfo->flinfo->fn_extra;
	Oid		   *types;
	int			n;
	int			i;

	if (call != 0)
		return call;
	(void) get_func_signature(fcinfo->flinfo->fn_oid, &types, &n);
	for (i = 0; i < 2 && i < n; i++)
	{
		const CgEncType *type = cg_enc_type_of(types[i]);

		call |= type == NULL ? CALL_PLAIN(i) : type->tag;
	}
	if (CALL_TAG(call) == 0 || n != 2)
		elog(ERROR, "function %u compares no encrypted values",
			 fcinfo->flinfo->fn_oid);
	pfree(types);
	call |= CALL_KNOWN;
	fcinfo->flinfo->fn_extra = (void *) call;
	return call;
}

/* A range compares its bounds by a function that the type cache holds. */
static bool
is_of_range(FunctionCallInfo fcinfo)
{
	return fcinfo->flinfo->fn_mcxt == CacheMemoryContext;
}

/* What is shown to a reader is compared as the value that it is. */
static void
take_arg(Datum value, uint8 tag, CgArg *arg)
{
	arg->plain = false;
	arg->mask = false;
	arg->shown = false;
	arg->withheld = false;
	arg->gone = false;
	arg->whole = value;
	arg->datum = PG_DETOAST_DATUM_PACKED(value);
	if (cg_is_display(arg->datum))
	{
		struct varlena *real = cg_display_value(arg->datum);

		if (real == NULL)
		{
			arg->mask = true;
			arg->withheld = cg_is_withheld(arg->datum);
			arg->category =
				(int32) cg_get_u32((const uint8 *) VARDATA_ANY(arg->datum) + 4);
			return;
		}
		arg->datum = real;
		arg->shown = true;
	}
	cg_parse(arg->datum, &arg->env);
	if (tag != 0)
		cg_require_type(&arg->env, tag);
	arg->category = (int32) arg->env.category;
	arg->gone = cg_is_destroyed(&arg->env);
}

static void
free_arg(CgArg *arg)
{
	if (!arg->plain && (Pointer) arg->datum != DatumGetPointer(arg->whole))
		pfree(arg->datum);
}

/*
 * *decided is false if a query compares what nobody can read any more, or if a
 * CHECK constraint has to wait for keys.
 */
static int
compare(FunctionCallInfo fcinfo, bool collated, bool *decided)
{
	uintptr_t	call = call_of(fcinfo);
	bool		spelled_out = cg_is_spelled_out(fcinfo) || is_of_range(fcinfo);
	CgArg		args[2];
	bool		waits = false;
	bool		shown;
	int			result = 0;
	int			i;

	if (!spelled_out)
		require_index_support();
	for (i = 0; i < 2; i++)
	{
		if ((call & CALL_PLAIN(i)) == 0)
			take_arg(PG_GETARG_DATUM(i), CALL_TAG(call), &args[i]);
		else
		{
			args[i].plain = true;
			args[i].mask = false;
			args[i].shown = false;
			args[i].withheld = false;
			args[i].gone = false;
			args[i].category = -1;
			args[i].whole = PG_GETARG_DATUM(i);
		}
	}
	settle_categories(&args[0], &args[1]);
	*decided = true;
	/* Beside what was disclosed stands what the query compares it with. */
	shown = args[0].shown || args[1].shown || args[0].withheld ||
		args[1].withheld;
	for (i = 0; i < 2; i++)
	{
		if (args[i].plain || (args[0].mask && args[1].mask))
			continue;
		if (spelled_out && shown)
			cg_require_read_shown(args[i].category);
		else if (spelled_out)
			cg_require_read(args[i].category);
		if (args[i].mask || !spelled_out)
			continue;
		if (args[i].gone)
			*decided = false;
		else
			waits |= cg_is_undecidable(&args[i].env);
	}
	if (args[0].withheld != args[1].withheld)
		*decided = false;
	if (waits)
		*decided = false;
	else
		result = compare_args(&args[0], &args[1], CALL_TAG(call), collated,
							  cg_order_cache_of_transaction());
	free_arg(&args[0]);
	free_arg(&args[1]);
	return result;
}

/* A plain value or a literal is compared as one of the other's category. */
static void
settle_categories(CgArg *a, CgArg *b)
{
	int32		unclassified = cg_category_unclassified();

	if (a->category == b->category)
		return;
	if (a->category < 0 || (a->category == unclassified && b->category >= 0))
		a->category = b->category;
	else if (b->category < 0 || b->category == unclassified)
		b->category = a->category;
	else if (cg_category_domain(a->category) !=
			 cg_category_domain(b->category))
		ereport(ERROR,
				(errcode(CG_ERRCODE_NOT_COMPARABLE),
				 errmsg("values of different categories cannot be compared"),
				 errhint("Categories that share a token domain can.")));
}

static int
compare_args(CgArg *a, CgArg *b, uint8 tag, bool collated,
			 CgOrderCache *cache)
{
	CgOrdered	left;
	CgOrdered	right;
	int			result;

	if (a->withheld != b->withheld)
		return a->withheld ? 1 : -1;
	if (a->mask && b->mask)
		return compare_masks(a, b);
	if (a->mask || b->mask)
		ereport(ERROR,
				(errcode(CG_ERRCODE_NOT_COMPARABLE),
				 errmsg("a mask and a value cannot be compared"),
				 errhint("Compare the column itself, not an expression of it.")));
	if (a->gone && b->gone)
		return compare_gone(a, b);
	if (a->gone || b->gone)
		return a->gone ? 1 : -1;
	if (a->plain)
		cg_order_plain(cache, tag, a->whole, a->category, &left);
	else
		cg_order_encrypted(cache, &a->env, a->category, NULL, &left);
	if (b->plain)
		cg_order_plain(cache, tag, b->whole, b->category, &right);
	else
		cg_order_encrypted(cache, &b->env, b->category, &left, &right);
	result = compare_ordered(&left, &right, collated);
	cg_order_release(&left);
	cg_order_release(&right);
	return result;
}

/* Who sees masks gets them in the order of their text. */
static int
compare_masks(const CgArg *a, const CgArg *b)
{
	Size		a_len;
	Size		b_len;
	const char *a_text = cg_display_text(a->datum, &a_len);
	const char *b_text = cg_display_text(b->datum, &b_len);

	return cg_order_compare(CG_ORDER_BYTES, a_text, a_len, b_text, b_len);
}

/* An order that agrees with "=", which compares tokens, and tells nothing. */
static int
compare_gone(const CgArg *a, const CgArg *b)
{
	if (a->env.token != NULL && b->env.token != NULL)
		return memcmp(a->env.token, b->env.token, CG_TOKEN_LEN);
	if (a->env.token != NULL || b->env.token != NULL)
		return a->env.token != NULL ? 1 : -1;
	return cg_order_compare(CG_ORDER_BYTES, VARDATA_ANY(a->datum),
							VARSIZE_ANY_EXHDR(a->datum),
							VARDATA_ANY(b->datum),
							VARSIZE_ANY_EXHDR(b->datum));
}

static int
compare_ordered(const CgOrdered *a, const CgOrdered *b, bool collated)
{
	if (collated)
		return compare_collated(a, b);
	return cg_order_compare(a->form, a->bytes, a->len, b->bytes, b->len);
}

/* Text that a collation takes for equal, it then orders by its bytes. */
static int
compare_collated(const CgOrdered *a, const CgOrdered *b)
{
	char	   *texts[2];
	Size		lens[2] = {a->len, b->len};
	int			result;

	if (a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0)
		return 0;
	texts[0] = cg_from_utf8(unconstify(char *, a->bytes), &lens[0]);
	texts[1] = cg_from_utf8(unconstify(char *, b->bytes), &lens[1]);
	result = varstr_cmp(texts[0], lens[0], texts[1], lens[1],
						DEFAULT_COLLATION_OID);
	if (texts[0] != a->bytes)
		pfree(texts[0]);
	if (texts[1] != b->bytes)
		pfree(texts[1]);
	return result;
}

int
cg_order_values(Datum a, Datum b)
{
	CgArg		args[2];
	int			result;

	take_arg(a, 0, &args[0]);
	take_arg(b, 0, &args[1]);
	settle_categories(&args[0], &args[1]);
	result = compare_args(&args[0], &args[1], 0, false,
						  cg_order_cache_of_transaction());
	free_arg(&args[0]);
	free_arg(&args[1]);
	return result;
}

static void
require_index_support(void)
{
	if (cg_masks())
		return;
	ereport(ERROR,
			(errcode(CG_ERRCODE_NOT_ORDERED),
			 errmsg("an index in the order of encrypted values needs transparent masking"),
			 errdetail("Without it, whoever may select from the table would get its rows in that order."),
			 errhint("Add cipguard to %s, or drop the index.",
					 "shared_preload_libraries")));
}

/*
 * By its support function, and so without a list of families to keep.
 */
bool
cg_is_order_family(Oid family)
{
	Oid			type = InvalidOid;
	int			tag;

	for (tag = 1; tag <= CG_NUM_TYPES; tag++)
	{
		Oid			func;
		char	   *name;

		if (!cg_enc_type(tag)->ordered)
			continue;
		type = cg_enc_type_oid(tag);
		if (!OidIsValid(type))
			continue;
		func = get_opfamily_proc(family, type, type, BTSORTSUPPORT_PROC);
		name = OidIsValid(func) ? get_func_name(func) : NULL;
		if (name != NULL && (strcmp(name, "enc_order_sortsupport") == 0 ||
							 strcmp(name, "enc_collate_sortsupport") == 0))
			return true;
	}
	return false;
}

/* enc_order_lt(enc, enc) RETURNS boolean, and with one side plain */
PG_FUNCTION_INFO_V1(cipguard_enc_order_lt);
Datum
cipguard_enc_order_lt(PG_FUNCTION_ARGS)
{
	bool		decided;
	int			result = compare(fcinfo, false, &decided);

	if (!decided)
		PG_RETURN_NULL();
	PG_RETURN_BOOL(result < 0);
}

/* enc_order_le(enc, enc) RETURNS boolean, and with one side plain */
PG_FUNCTION_INFO_V1(cipguard_enc_order_le);
Datum
cipguard_enc_order_le(PG_FUNCTION_ARGS)
{
	bool		decided;
	int			result = compare(fcinfo, false, &decided);

	if (!decided)
		PG_RETURN_NULL();
	PG_RETURN_BOOL(result <= 0);
}

/* enc_order_ge(enc, enc) RETURNS boolean, and with one side plain */
PG_FUNCTION_INFO_V1(cipguard_enc_order_ge);
Datum
cipguard_enc_order_ge(PG_FUNCTION_ARGS)
{
	bool		decided;
	int			result = compare(fcinfo, false, &decided);

	if (!decided)
		PG_RETURN_NULL();
	PG_RETURN_BOOL(result >= 0);
}

/* enc_order_gt(enc, enc) RETURNS boolean, and with one side plain */
PG_FUNCTION_INFO_V1(cipguard_enc_order_gt);
Datum
cipguard_enc_order_gt(PG_FUNCTION_ARGS)
{
	bool		decided;
	int			result = compare(fcinfo, false, &decided);

	if (!decided)
		PG_RETURN_NULL();
	PG_RETURN_BOOL(result > 0);
}

/* enc_order_cmp(enc, enc) RETURNS int4, and with one side plain; support 1 */
PG_FUNCTION_INFO_V1(cipguard_enc_order_cmp);
Datum
cipguard_enc_order_cmp(PG_FUNCTION_ARGS)
{
	bool		decided;

	PG_RETURN_INT32(compare(fcinfo, false, &decided));
}

/* enc_collate_lt(enc_text, enc_text) RETURNS boolean, and with one side plain */
PG_FUNCTION_INFO_V1(cipguard_enc_collate_lt);
Datum
cipguard_enc_collate_lt(PG_FUNCTION_ARGS)
{
	bool		decided;
	int			result = compare(fcinfo, true, &decided);

	if (!decided)
		PG_RETURN_NULL();
	PG_RETURN_BOOL(result < 0);
}

/* enc_collate_le(enc_text, enc_text) RETURNS boolean, and with one side plain */
PG_FUNCTION_INFO_V1(cipguard_enc_collate_le);
Datum
cipguard_enc_collate_le(PG_FUNCTION_ARGS)
{
	bool		decided;
	int			result = compare(fcinfo, true, &decided);

	if (!decided)
		PG_RETURN_NULL();
	PG_RETURN_BOOL(result <= 0);
}

/* enc_collate_ge(enc_text, enc_text) RETURNS boolean, and with one side plain */
PG_FUNCTION_INFO_V1(cipguard_enc_collate_ge);
Datum
cipguard_enc_collate_ge(PG_FUNCTION_ARGS)
{
	bool		decided;
	int			result = compare(fcinfo, true, &decided);

	if (!decided)
		PG_RETURN_NULL();
	PG_RETURN_BOOL(result >= 0);
}

/* enc_collate_gt(enc_text, enc_text) RETURNS boolean, and with one side plain */
PG_FUNCTION_INFO_V1(cipguard_enc_collate_gt);
Datum
cipguard_enc_collate_gt(PG_FUNCTION_ARGS)
{
	bool		decided;
	int			result = compare(fcinfo, true, &decided);

	if (!decided)
		PG_RETURN_NULL();
	PG_RETURN_BOOL(result > 0);
}

/* enc_collate_cmp(enc_text, enc_text) RETURNS int4, and with one side plain */
PG_FUNCTION_INFO_V1(cipguard_enc_collate_cmp);
Datum
cipguard_enc_collate_cmp(PG_FUNCTION_ARGS)
{
	bool		decided;

	PG_RETURN_INT32(compare(fcinfo, true, &decided));
}

bool
cg_compares_values(PGFunction function)
{
	return function == cipguard_enc_order_cmp ||
		function == cipguard_enc_collate_cmp;
}

/* enc_smaller(enc, enc) RETURNS enc; of the aggregate min */
PG_FUNCTION_INFO_V1(cipguard_enc_smaller);
Datum
cipguard_enc_smaller(PG_FUNCTION_ARGS)
{
	bool		decided;

	PG_RETURN_DATUM(compare(fcinfo, false, &decided) <= 0 ?
					PG_GETARG_DATUM(0) : PG_GETARG_DATUM(1));
}

/* enc_larger(enc, enc) RETURNS enc; of the aggregate max */
PG_FUNCTION_INFO_V1(cipguard_enc_larger);
Datum
cipguard_enc_larger(PG_FUNCTION_ARGS)
{
	bool		decided;

	PG_RETURN_DATUM(compare(fcinfo, false, &decided) >= 0 ?
					PG_GETARG_DATUM(0) : PG_GETARG_DATUM(1));
}

/* enc_order_sortsupport(internal) RETURNS void; btree support 2 */
PG_FUNCTION_INFO_V1(cipguard_enc_order_sortsupport);
Datum
cipguard_enc_order_sortsupport(PG_FUNCTION_ARGS)
{
	return start_sort((SortSupport) PG_GETARG_POINTER(0), false);
}

/* enc_collate_sortsupport(internal) RETURNS void; btree support 2 */
PG_FUNCTION_INFO_V1(cipguard_enc_collate_sortsupport);
Datum
cipguard_enc_collate_sortsupport(PG_FUNCTION_ARGS)
{
	return start_sort((SortSupport) PG_GETARG_POINTER(0), true);
}

static Datum
start_sort(SortSupport ssup, bool collated)
{
	CgSort	   *sort = MemoryContextAllocZero(ssup->ssup_cxt, sizeof(CgSort));

	sort->asks = is_of_query(ssup->ssup_cxt);
	sort->collated = collated;
	sort->category = -1;
	if (!sort->asks)
		require_index_support();
	sort->cache = cg_order_cache(AllocSetContextCreate(ssup->ssup_cxt,
													   "cipguard sort",
													   ALLOCSET_SMALL_SIZES),
								 NUM_OF_SORT);
	ssup->ssup_extra = sort;
	ssup->comparator = compare_sort;
#if SIZEOF_DATUM >= 8
	if (ssup->abbreviate && !collated)
	{
		ssup->abbrev_full_comparator = compare_sort;
		ssup->comparator = ssup_datum_unsigned_cmp;
		ssup->abbrev_converter = abbreviate;
		ssup->abbrev_abort = never_abort;
	}
#endif
	PG_RETURN_VOID();
}

/* See the top of the file. */
static bool
is_of_query(MemoryContext context)
{
	for (; context != NULL; context = MemoryContextGetParent(context))
		if (context->name != NULL &&
			strcmp(context->name, "ExecutorState") == 0)
			return true;
	return false;
}

static void
take_sorted(Datum value, CgSort *sort, CgArg *arg)
{
	take_arg(value, 0, arg);
	if (sort->asks && arg->shown)
	{
		cg_require_read_shown(arg->category);
		return;
	}
	if (!sort->asks || arg->mask ||
		(arg->category == sort->category && sort->epoch == cg_access_epoch()))
		return;
	cg_require_read(arg->category);
	sort->category = arg->category;
	sort->epoch = cg_access_epoch();
}

static Datum
abbreviate(Datum original, SortSupport ssup)
{
	CgSort	   *sort = ssup->ssup_extra;
	CgArg		arg;
	uint64		key;

	take_sorted(original, sort, &arg);
	if (arg.withheld)
		key = PG_UINT64_MAX;
	else if (arg.mask)
	{
		Size		len;
		const char *text = cg_display_text(arg.datum, &len);

		key = cg_order_prefix(CG_ORDER_BYTES, text, len);
	}
	else if (arg.gone)
		key = PG_UINT64_MAX;
	else
	{
		CgOrdered	value;

		cg_order_encrypted(sort->cache, &arg.env, arg.category, NULL, &value);
		key = cg_order_prefix(value.form, value.bytes, value.len);
		cg_order_release(&value);
	}
	free_arg(&arg);
	return UInt64GetDatum(key);
}

static bool
never_abort(int memtupcount, SortSupport ssup)
{
	return false;
}

static int
compare_sort(Datum a, Datum b, SortSupport ssup)
{
	CgSort	   *sort = ssup->ssup_extra;
	CgArg		args[2];
	int			result;

	take_sorted(a, sort, &args[0]);
	take_sorted(b, sort, &args[1]);
	settle_categories(&args[0], &args[1]);
	result = compare_args(&args[0], &args[1], 0, sort->collated, sort->cache);
	free_arg(&args[0]);
	free_arg(&args[1]);
	return result;
}

/*
 * There are no statistics of what values are, so the usual guesses are made.
 *
 * enc_rangesel(internal, oid, internal, int4) RETURNS float8
 */
PG_FUNCTION_INFO_V1(cipguard_enc_rangesel);
Datum
cipguard_enc_rangesel(PG_FUNCTION_ARGS)
{
	cg_require_read_clause((PlannerInfo *) PG_GETARG_POINTER(0),
						   (List *) PG_GETARG_POINTER(2));
	PG_RETURN_FLOAT8(DEFAULT_INEQ_SEL);
}

/* enc_rangejoinsel(internal, oid, internal, int2, internal) RETURNS float8 */
PG_FUNCTION_INFO_V1(cipguard_enc_rangejoinsel);
Datum
cipguard_enc_rangejoinsel(PG_FUNCTION_ARGS)
{
	cg_require_read_clause((PlannerInfo *) PG_GETARG_POINTER(0),
						   (List *) PG_GETARG_POINTER(2));
	PG_RETURN_FLOAT8(DEFAULT_INEQ_SEL);
}
