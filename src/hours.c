/*
 * hours.c
 *		Times of the week, in a time zone.
 *
 * range: days begin-end [zone], ranges are separated by commas.  Days are
 * three-letter names, lists of them, and spans, which may go over the end of
 * the week.  A range without a zone has that of the next one with a zone; the
 * last must name one, since the setting must not depend on that of a session.
 *
 * An end before the begin is on the next day.  A time that a change of the
 * clocks skips counts as the time after it, one that comes twice as the
 * second.
 */
#include "postgres.h"

#include <ctype.h>

#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "compat.h"

#include "hours.h"

#define MAX_RANGES		64
#define DAY_MINUTES		(24 * 60)

static const char *parse_range(const char **p, CgHours *hours);
static const char *parse_days(const char **p, uint8 *set);
static int	parse_day(const char **p);
static bool parse_time(const char **p, int *minutes);
static const char *parse_zone(const char **p, pg_tz **zone);
static void skip_blanks(const char **p);
static int	local_day(TimestampTz now, pg_tz *zone);
static TimestampTz instant(int day, int minutes, pg_tz *zone);

int
cg_hours_parse(const char *text, CgHours **hours, const char **problem)
{
	const char *p = text;
	CgHours    *h = palloc0(MAX_RANGES * sizeof(CgHours));
	int			n = 0;
	int			i;

	*hours = h;
	do
	{
		if (n == MAX_RANGES)
		{
			*problem = "it has too many ranges";
			return -1;
		}
		*problem = parse_range(&p, &h[n++]);
		if (*problem != NULL)
			return -1;
	} while (*p++ == ',');

	for (i = n - 1; i >= 0; i--)
	{
		if (i < n - 1 && h[i].zone == NULL)
			h[i].zone = h[i + 1].zone;
		if (h[i].zone == NULL)
		{
			*problem = "it names no time zone";
			return -1;
		}
	}
	return n;
}

/* Leaves *p at a comma or at the end. */
static const char *
parse_range(const char **p, CgHours *hours)
{
	const char *problem = parse_days(p, &hours->days);

	if (problem != NULL)
		return problem;
	skip_blanks(p);
	if (!parse_time(p, &hours->begins) || hours->begins == DAY_MINUTES)
		return "it has no time where one begins";
	skip_blanks(p);
	if (*(*p)++ != '-')
		return "it has no - between two times";
	skip_blanks(p);
	if (!parse_time(p, &hours->ends))
		return "it has no time where one ends";
	if (hours->begins == hours->ends)
		return "it has a time that ends where it begins";
	skip_blanks(p);
	if (**p != ',' && **p != '\0')
	{
		problem = parse_zone(p, &hours->zone);
		if (problem != NULL)
			return problem;
		skip_blanks(p);
	}
	return **p == ',' || **p == '\0' ? NULL :
		"it has something after a time zone";
}

static const char *
parse_days(const char **p, uint8 *set)
{
	for (;;)
	{
		int			first;
		int			last;

		skip_blanks(p);
		first = last = parse_day(p);
		if (first < 0)
			return "it has no day of the week where one is due";
		skip_blanks(p);
		if (**p == '-')
		{
			(*p)++;
			skip_blanks(p);
			last = parse_day(p);
			if (last < 0)
				return "it has no day of the week where one is due";
			skip_blanks(p);
		}
		*set |= 1 << last;
		for (; first != last; first = (first + 1) % 7)
			*set |= 1 << first;
		if (**p != ',')
			return NULL;
		(*p)++;
	}
}

static int
parse_day(const char **p)
{
	static const char *const names[] = {
		"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"
	};
	int			i;

	for (i = 0; i < 7; i++)
		if (pg_strncasecmp(*p, names[i], 3) == 0 &&
			!isalpha((unsigned char) (*p)[3]))
		{
			*p += 3;
			return i;
		}
	return -1;
}

/* HH:MM, to 24:00. */
static bool
parse_time(const char **p, int *minutes)
{
	const char *s = *p;
	int			hour;
	int			minute;

	if (!isdigit((unsigned char) s[0]) || !isdigit((unsigned char) s[1]) ||
		s[2] != ':' ||
		!isdigit((unsigned char) s[3]) || !isdigit((unsigned char) s[4]) ||
		isdigit((unsigned char) s[5]))
		return false;
	hour = (s[0] - '0') * 10 + s[1] - '0';
	minute = (s[3] - '0') * 10 + s[4] - '0';
	*minutes = hour * 60 + minute;
	*p = s + 5;
	return minute < 60 && *minutes <= DAY_MINUTES;
}

/*
 * Zones with digits are rules in the manner of POSIX, whose sign is the
 * opposite of what everybody expects: UTC+8 is west of Greenwich.
 */
static const char *
parse_zone(const char **p, pg_tz **zone)
{
	char		name[TZ_STRLEN_MAX + 1];
	Size		len = strcspn(*p, ", \t\r\n");
	Size		digit;

	if (len > TZ_STRLEN_MAX)
		return "it has no time zone of that name";
	memcpy(name, *p, len);
	name[len] = '\0';
	digit = strcspn(name, "0123456789");
	if (name[digit] != '\0' && strncmp(name, "Etc/", 4) != 0)
		return psprintf("\"%s\" is not the name of a time zone", name);
	*zone = pg_tzset(name);
	if (*zone == NULL || !pg_tz_acceptable(*zone))
		return psprintf("\"%s\" is not the name of a time zone", name);
	*p += len;
	return NULL;
}

static void
skip_blanks(const char **p)
{
	while (isspace((unsigned char) **p))
		(*p)++;
}

bool
cg_hours_match(const CgHours *hours, int n, TimestampTz now,
			   TimestampTz *from, TimestampTz *until)
{
	int			i;

	*from = DT_NOBEGIN;
	*until = DT_NOEND;
	for (i = 0; i < n; i++)
	{
		const CgHours *h = &hours[i];
		int			today = local_day(now, h->zone);
		int			day;

		/* Nothing is known of what is beyond yesterday and tomorrow. */
		*from = Max(*from, Min(now, instant(today, 0, h->zone)));
		*until = Min(*until, Max(now + 1, instant(today + 1, 0, h->zone)));

		for (day = today - 1; day <= today + 1; day++)
		{
			TimestampTz begins;
			TimestampTz ends;

			if ((h->days & (1 << j2day(day))) == 0)
				continue;
			begins = instant(day, h->begins, h->zone);
			ends = instant(h->ends > h->begins ? day : day + 1, h->ends,
						   h->zone);
			if (begins <= now && now < ends)
			{
				*from = begins;
				*until = ends;
				return true;
			}
			if (ends <= now)
				*from = Max(*from, ends);
			else if (begins > now)
				*until = Min(*until, begins);
		}
	}
	return false;
}

/* Number of the day that it is in the zone. */
static int
local_day(TimestampTz now, pg_tz *zone)
{
	struct pg_tm tm;
	fsec_t		fsec;
	int			tz;

	if (timestamp2tm(now, &tz, &tm, &fsec, NULL, zone) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range"),
				 errhint("Set the clock of the server.")));
	return date2j(tm.tm_year, tm.tm_mon, tm.tm_mday);
}

static TimestampTz
instant(int day, int minutes, pg_tz *zone)
{
	struct pg_tm tm = {0};
	TimestampTz result;
	int			tz;

	j2date(day + minutes / DAY_MINUTES, &tm.tm_year, &tm.tm_mon, &tm.tm_mday);
	tm.tm_hour = minutes % DAY_MINUTES / 60;
	tm.tm_min = minutes % 60;
	tz = DetermineTimeZoneOffset(&tm, zone);
	if (tm2timestamp(&tm, 0, &tz, &result) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range"),
				 errhint("Set the clock of the server.")));
	return result;
}
