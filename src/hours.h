/*
 * hours.h
 *		Times of the week, in a time zone.
 */
#ifndef CG_HOURS_H
#define CG_HOURS_H

#include "datatype/timestamp.h"
#include "pgtime.h"

typedef struct CgHours
{
	uint8		days;			/* bit 0: Sunday */
	int			begins;			/* minutes after midnight */
	int			ends;			/* the same; not after begins: next day */
	pg_tz	   *zone;
} CgHours;

/*
 * Parse ranges such as 'Mon-Fri 08:00-18:00, Sat,Sun 10:00-12:00
 * Asia/Shanghai'.  Returns how many, palloc'd in the current context, or -1
 * with what is wrong.
 */
extern int	cg_hours_parse(const char *text, CgHours **hours,
						   const char **problem);

/*
 * Is a time in one of them?  So are all times in [*from, *until), which holds
 * it; if not, none of them is.
 */
extern bool cg_hours_match(const CgHours *hours, int n, TimestampTz now,
						   TimestampTz *from, TimestampTz *until);

#endif							/* CG_HOURS_H */
