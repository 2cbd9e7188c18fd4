/*
 * test_budget.c
 *		The counts of budgets: whatever is spent and when, no 60 minutes and no
 *		24 hours have more than the limit.
 */
#include <stdlib.h>
#include <string.h>

#include "budget_count.h"
#include "tap.h"

#define LIMIT	100
#define SPENDS	20000
#define START	INT64_C(1800000123)

static int64_t times[SPENDS];

/* The most that was spent in any span of so many seconds. */
static int
most_in(int64_t span, int n)
{
	int			most = 0;
	int			first = 0;
	int			last;

	for (last = 0; last < n; last++)
	{
		while (times[last] - times[first] >= span)
			first++;
		if (last - first + 1 > most)
			most = last - first + 1;
	}
	return most;
}

/*
 * Spend one by one, as long as the limit allows, with pauses up to so many
 * seconds; returns how many were spent.
 */
static int
drive(bool hourly, int pause, int attempts)
{
	CgBudgetCount count;
	int64_t		now = START;
	int			n = 0;
	int			i;

	memset(&count, 0, sizeof(count));
	for (i = 0; i < attempts && n < SPENDS; i++)
	{
		now += rand() % (pause + 1);
		(void) cg_budget_advance(&count, now);
		if ((hourly ? count.hour : count.day) >= LIMIT)
			continue;
		cg_budget_add(&count, 1);
		times[n++] = now;
	}
	return n;
}

int
main(void)
{
	static const int pauses[] = {1, 7, 45, 400, 3000, 40000};
	CgBudgetCount count;
	int64_t		hour_cell;
	int64_t		day_cell;
	unsigned	i;

	srand(6);
	for (i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++)
	{
		int			n = drive(true, pauses[i], 100000);

		ok(n > LIMIT && most_in(3600, n) <= LIMIT,
		   "pauses of %d s: at most %d of %d in any hour", pauses[i],
		   most_in(3600, n), n);
		n = drive(false, pauses[i], 1000000);
		ok(n > LIMIT && most_in(86400, n) <= LIMIT,
		   "pauses of %d s: at most %d of %d in any day", pauses[i],
		   most_in(86400, n), n);
	}

	memset(&count, 0, sizeof(count));
	(void) cg_budget_advance(&count, START);
	cg_budget_add(&count, 40);
	ok(!cg_budget_advance(&count, START - 100000) && count.hour == 40 &&
	   count.day == 40, "a clock that is set back changes nothing");
	cg_budget_add(&count, 2);
	ok(count.hour == 42 && count.day == 42, "what is spent then counts");
	ok(cg_budget_advance(&count, START + 3600) && count.hour == 42,
	   "an hour later it still counts");
	ok(cg_budget_advance(&count, START + 3600 + CG_HOUR_CELL) &&
	   count.hour == 0 && count.day == 42, "and 5 minutes later not any more");
	ok(cg_budget_advance(&count, START + 86400) && count.day == 42,
	   "a day later it still counts");
	ok(cg_budget_advance(&count, START + 86400 + CG_DAY_CELL) &&
	   count.day == 0, "and an hour later not any more");
	cg_budget_add(&count, 5);
	ok(cg_budget_advance(&count, START + 100 * 86400) && count.hour == 0 &&
	   count.day == 0, "nothing is left after a long time");
	ok(count.all == 47, "the count of a grant has no window");

	ok(cg_budget_sound(&count), "what was counted is sound");
	memset(&count, 0, sizeof(count));
	(void) cg_budget_advance(&count, START);
	hour_cell = count.hour_cell;
	day_cell = count.day_cell;
	cg_budget_add(&count, 40);
	(void) cg_budget_advance(&count, START + 2 * CG_HOUR_CELL);
	cg_budget_add(&count, 7);
	cg_budget_take_back(&count, 30, hour_cell, day_cell);
	ok(count.hour == 17 && count.day == 17 && count.all == 17 &&
	   cg_budget_sound(&count), "what was added in another cell is taken back");
	(void) cg_budget_advance(&count, START + 3600 + CG_HOUR_CELL);
	ok(count.hour == 7, "from the cell that it was added to");
	cg_budget_take_back(&count, 10, hour_cell, day_cell);
	ok(count.hour == 7 && count.day == 7 && cg_budget_sound(&count),
	   "but not from an hour that it has left");
	count.hour_cell = -5;
	ok(!cg_budget_sound(&count), "a cell of before 1970 is not");
	count.hour_cell = INT64_MAX;
	ok(!cg_budget_sound(&count), "nor one of no time that there is");
	count.hour_cell = 0;
	count.day_cell = -1;
	ok(!cg_budget_sound(&count), "nor such a day");
	count.day_cell = 0;
	count.hour++;
	ok(!cg_budget_sound(&count), "nor a sum that is another");
	return tap_done();
}
