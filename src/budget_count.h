/*
 * budget_count.h
 *		How many values were shown in the last hour and in the last day.
 *
 * The count of an hour is the sum of 13 cells of 5 minutes, and that of a day
 * of 25 cells of an hour: the current cell and as many full ones before it as
 * make up the hour or the day.  Whichever hour one looks at lies within 13
 * cells, so the limit holds of every hour, and not only of those of the
 * clock: there is no edge at which two budgets can be had one after the other.
 * In return a value counts up to 5 minutes (an hour) longer than it must.
 *
 * Cells are numbered from 1970, and kept in a ring.  A clock that is set back
 * changes nothing: the newest cell stays the current one.
 */
#ifndef CG_BUDGET_COUNT_H
#define CG_BUDGET_COUNT_H

#include <stdbool.h>
#include <stdint.h>

#define CG_HOUR_CELL	300		/* seconds */
#define CG_DAY_CELL		3600
#define CG_HOUR_CELLS	13
#define CG_DAY_CELLS	25

typedef struct CgBudgetCount
{
	int64_t		hour_cell;		/* numbers of the newest cells */
	int64_t		day_cell;
	uint64_t	hour_cells[CG_HOUR_CELLS];
	uint64_t	day_cells[CG_DAY_CELLS];
	uint64_t	hour;			/* sums of them */
	uint64_t	day;
	uint64_t	all;			/* of a grant, which has no windows */
} CgBudgetCount;

/*
 * Could counting have made this?  What comes from outside must pass before the
 * functions below see it: they take the numbers of cells for places.
 */
static inline bool
cg_budget_sound(const CgBudgetCount *count)
{
	uint64_t	hour = 0;
	uint64_t	day = 0;
	int			i;

	for (i = 0; i < CG_HOUR_CELLS; i++)
		hour += count->hour_cells[i];
	for (i = 0; i < CG_DAY_CELLS; i++)
		day += count->day_cells[i];
	return count->hour_cell >= 0 &&
		count->hour_cell <= INT64_MAX / CG_HOUR_CELL &&
		count->day_cell >= 0 && count->day_cell <= INT64_MAX / CG_DAY_CELL &&
		count->hour == hour && count->day == day;
}

/* Let cells pass until that of a time, in seconds; false if none had to. */
static inline bool
cg_budget_advance(CgBudgetCount *count, int64_t seconds)
{
	int64_t		hour_cell = seconds / CG_HOUR_CELL;
	int64_t		day_cell = seconds / CG_DAY_CELL;
	int			i;

	if (hour_cell <= count->hour_cell)
		return false;
	for (i = 0; i < CG_HOUR_CELLS && count->hour_cell < hour_cell; i++)
	{
		uint64_t   *cell = &count->hour_cells[++count->hour_cell %
											  CG_HOUR_CELLS];

		count->hour -= *cell;
		*cell = 0;
	}
	count->hour_cell = hour_cell;
	for (i = 0; i < CG_DAY_CELLS && count->day_cell < day_cell; i++)
	{
		uint64_t   *cell = &count->day_cells[++count->day_cell %
											 CG_DAY_CELLS];

		count->day -= *cell;
		*cell = 0;
	}
	if (count->day_cell < day_cell)
		count->day_cell = day_cell;
	return true;
}

static inline void
cg_budget_add(CgBudgetCount *count, uint64_t n)
{
	count->hour_cells[count->hour_cell % CG_HOUR_CELLS] += n;
	count->hour += n;
	count->day_cells[count->day_cell % CG_DAY_CELLS] += n;
	count->day += n;
	count->all += n;
}

/* Take back what was added when these were the newest cells. */
static inline void
cg_budget_take_back(CgBudgetCount *count, uint64_t n, int64_t hour_cell,
					int64_t day_cell)
{
	if (count->hour_cell - hour_cell < CG_HOUR_CELLS)
	{
		count->hour_cells[hour_cell % CG_HOUR_CELLS] -= n;
		count->hour -= n;
	}
	if (count->day_cell - day_cell < CG_DAY_CELLS)
	{
		count->day_cells[day_cell % CG_DAY_CELLS] -= n;
		count->day -= n;
	}
	count->all -= n;
}

#endif							/* CG_BUDGET_COUNT_H */
