/*
 * fuzz_budget.c
 *		libFuzzer target: counts of budgets.
 *
 * The input is taken for a count as a file may have it: if it is sound, it
 * can be counted on, and stays so.  And it is times and amounts: the sums are
 * those of the amounts in the cells that the windows have.
 */
#include "budget_count.h"
#include "fuzz.h"

#define MAX_SPENDS	64

static void
try_outside(FuzzInput in)
{
	CgBudgetCount *count = fuzz_buffer(sizeof(CgBudgetCount));
	int			i;

	fuzz_fill(&in, (uint8_t *) count, sizeof(*count));

	/* Sums that fit have to be made: no one guesses them. */
	if (fuzz_choice(&in, 2) == 1)
	{
		count->hour = count->day = 0;
		for (i = 0; i < CG_HOUR_CELLS; i++)
			count->hour += count->hour_cells[i];
		for (i = 0; i < CG_DAY_CELLS; i++)
			count->day += count->day_cells[i];
	}
	if (cg_budget_sound(count))
		for (i = 0; i < 4; i++)
		{
			cg_budget_advance(count, (int64_t) (fuzz_number(&in, 5)));
			cg_budget_add(count, 1);
			REQUIRE(cg_budget_sound(count));
		}
	free(count);
}

static void
try_spends(FuzzInput in)
{
	CgBudgetCount count;
	int64_t		at[MAX_SPENDS];
	uint64_t	amount[MAX_SPENDS];
	int64_t		now = 1800000000;
	uint64_t	all = 0;
	int			n;
	int			i;

	memset(&count, 0, sizeof(count));
	for (n = 0; n < MAX_SPENDS && in.left > 0; n++)
	{
		uint64_t	hour = 0;
		uint64_t	day = 0;

		now += (int64_t) (fuzz_number(&in, 1) << fuzz_choice(&in, 11));
		at[n] = now;
		amount[n] = fuzz_number(&in, 1);
		all += amount[n];
		cg_budget_advance(&count, now);
		cg_budget_add(&count, amount[n]);
		for (i = 0; i <= n; i++)
		{
			if (at[i] / CG_HOUR_CELL > now / CG_HOUR_CELL - CG_HOUR_CELLS)
				hour += amount[i];
			if (at[i] / CG_DAY_CELL > now / CG_DAY_CELL - CG_DAY_CELLS)
				day += amount[i];
		}
		REQUIRE(count.hour == hour && count.day == day && count.all == all);
		REQUIRE(cg_budget_sound(&count));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_outside((FuzzInput) {data, size});
	try_spends((FuzzInput) {data, size});
	return 0;
}
