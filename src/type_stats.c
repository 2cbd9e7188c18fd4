/*
 * type_stats.c
 *		ANALYZE and selectivity of encrypted values.
 *
 * Statistics keep the null fraction, the width and the number of distinct
 * values, and no value: most common values or a histogram would put
 * ciphertext into pg_statistic, which pg_stats prints decrypted, and would
 * tell how often each value occurs.
 *
 * The selectivity estimators double as the gate of the right to search: the
 * planner asks one for every clause that compares, whether or not an index
 * will answer it, and an index scan never calls the operator's function for
 * rows it skips.  The plan is marked role-dependent, so that it is made (and
 * judged) anew when the role changes.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "parser/parsetree.h"
#include "utils/fmgrprotos.h"

#include "compat.h"

#include "access.h"
#include "bytes.h"
#include "envelope.h"
#include "label.h"

static void compute_stats(VacAttrStats *stats, AnalyzeAttrFetchFunc fetchfunc,
						  int samplerows, double totalrows);
static int	compare_u64(const void *a, const void *b);
static double distinct_values(uint64 *tokens, int n, double totalrows);
static void check_clause(PlannerInfo *root, List *args);
static bool check_node(Node *node, void *context);
static bool is_foreign_key_query(PlannerInfo *root);

/* enc_typanalyze(internal) RETURNS boolean */
PG_FUNCTION_INFO_V1(cipguard_enc_typanalyze);
Datum
cipguard_enc_typanalyze(PG_FUNCTION_ARGS)
{
	VacAttrStats *stats = (VacAttrStats *) PG_GETARG_POINTER(0);
	int			target = cg_stats_target(stats);

	if (target < 0)
		target = default_statistics_target;
	stats->compute_stats = compute_stats;
	stats->minrows = 300 * target;
	PG_RETURN_BOOL(true);
}

static void
compute_stats(VacAttrStats *stats, AnalyzeAttrFetchFunc fetchfunc,
			  int samplerows, double totalrows)
{
	uint64	   *tokens = palloc(sizeof(uint64) * Max(samplerows, 1));
	int			nulls = 0;
	int			n_tokens = 0;
	double		width = 0;
	int			i;

	for (i = 0; i < samplerows; i++)
	{
		bool		isnull;
		Datum		value;
		struct varlena *head;
		const uint8 *p;

		cg_vacuum_delay_point();
		value = fetchfunc(stats, i, &isnull);
		if (isnull)
		{
			nulls++;
			continue;
		}
		width += VARSIZE_ANY(DatumGetPointer(value));
		head = pg_detoast_datum_slice((struct varlena *) DatumGetPointer(value),
									  0, CG_HEADER_LEN + CG_TOKEN_LEN);
		p = (const uint8 *) VARDATA_ANY(head);
		if (VARSIZE_ANY_EXHDR(head) == CG_HEADER_LEN + CG_TOKEN_LEN &&
			(p[2] & CG_FLAG_SEARCHABLE))
			tokens[n_tokens++] = cg_get_u64(p + CG_HEADER_LEN);
		pfree(head);
	}
	if (samplerows == 0)
		return;

	stats->stats_valid = true;
	stats->stanullfrac = (double) nulls / samplerows;
	stats->stawidth = nulls < samplerows ? width / (samplerows - nulls) : 0;
	if (nulls == samplerows)
		stats->stadistinct = 0;
	else if (n_tokens == samplerows - nulls)
		stats->stadistinct = distinct_values(tokens, n_tokens,
											 totalrows * n_tokens / samplerows);
	else
		stats->stadistinct = -1.0 * (1.0 - stats->stanullfrac);
	pfree(tokens);
}

/*
 * The estimator of Haas and Stokes that core's ANALYZE uses too: with d
 * distinct values in a sample of n out of N, of which f1 occur once,
 * n * d / (n - f1 + f1 * n / N).  Negative results are fractions of the rows.
 */
static double
distinct_values(uint64 *tokens, int n, double totalrows)
{
	int			d = 0;
	int			f1 = 0;
	int			i;
	int			j;
	double		estimate;

	qsort(tokens, n, sizeof(uint64), compare_u64);
	for (i = 0; i < n; i = j)
	{
		for (j = i + 1; j < n && tokens[j] == tokens[i]; j++)
			;
		d++;
		if (j == i + 1)
			f1++;
	}
	if (totalrows < n)
		totalrows = n;
	estimate = (double) n * d / ((n - f1) + f1 * (double) n / totalrows);
	if (estimate < d)
		estimate = d;
	if (estimate > totalrows)
		estimate = totalrows;
	return estimate > 0.1 * totalrows ? -(estimate / totalrows) :
		floor(estimate + 0.5);
}

static int
compare_u64(const void *a, const void *b)
{
	uint64		x = *(const uint64 *) a;
	uint64		y = *(const uint64 *) b;

	return x < y ? -1 : x > y ? 1 : 0;
}

/* enc_eqsel(internal, oid, internal, int4) RETURNS float8 */
PG_FUNCTION_INFO_V1(cipguard_enc_eqsel);
Datum
cipguard_enc_eqsel(PG_FUNCTION_ARGS)
{
	check_clause((PlannerInfo *) PG_GETARG_POINTER(0),
				 (List *) PG_GETARG_POINTER(2));
	return eqsel(fcinfo);
}

/* enc_neqsel(internal, oid, internal, int4) RETURNS float8 */
PG_FUNCTION_INFO_V1(cipguard_enc_neqsel);
Datum
cipguard_enc_neqsel(PG_FUNCTION_ARGS)
{
	check_clause((PlannerInfo *) PG_GETARG_POINTER(0),
				 (List *) PG_GETARG_POINTER(2));
	return neqsel(fcinfo);
}

/* enc_eqjoinsel(internal, oid, internal, int2, internal) RETURNS float8 */
PG_FUNCTION_INFO_V1(cipguard_enc_eqjoinsel);
Datum
cipguard_enc_eqjoinsel(PG_FUNCTION_ARGS)
{
	check_clause((PlannerInfo *) PG_GETARG_POINTER(0),
				 (List *) PG_GETARG_POINTER(2));
	return eqjoinsel(fcinfo);
}

/* enc_neqjoinsel(internal, oid, internal, int2, internal) RETURNS float8 */
PG_FUNCTION_INFO_V1(cipguard_enc_neqjoinsel);
Datum
cipguard_enc_neqjoinsel(PG_FUNCTION_ARGS)
{
	check_clause((PlannerInfo *) PG_GETARG_POINTER(0),
				 (List *) PG_GETARG_POINTER(2));
	return neqjoinsel(fcinfo);
}

static void
check_clause(PlannerInfo *root, List *args)
{
	if (root == NULL || is_foreign_key_query(root))
		return;
	root->glob->dependsOnRole = true;
	(void) check_node((Node *) args, NULL);
}

/* Every encrypted expression below has its category in its type modifier. */
static bool
check_node(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (!IsA(node, List))
	{
		int32		category = cg_expr_category(node);

		if (category >= 0)
			cg_require_search(category);
	}
	return expression_tree_walker(node, check_node, context);
}

/*
 * Foreign keys are checked by queries over plain tables, run as the owner of
 * each.  A trigger that such a query fires runs in the same context but as
 * whoever owns the table it is on, so ownership of what is read decides.
 */
static bool
is_foreign_key_query(PlannerInfo *root)
{
	ListCell   *lc;

	if (!InNoForceRLSOperation())
		return false;
	foreach(lc, root->parse->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind != RTE_RELATION ||
			!cg_owns_relation(rte->relid, GetUserId()))
			return false;
	}
	return true;
}
