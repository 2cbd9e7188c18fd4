/*
 * minor.c
 *		Persons under age.
 *
 * Whether the person of a row is under 18 is told by the resident identity
 * number or the date of birth in the same row.  Whose age is not known counts
 * as under age, and so does everybody of a table with two such columns of the
 * same kind: one of them may be the guardian's.
 *
 * Somebody is 18 when his birthday has begun everywhere, west of UTC last, so
 * that neither the time zone of the server nor that of a session matters.  In
 * years without a 29 February who was born on it waits for 1 March.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "compat.h"

#include "category.h"
#include "crypt.h"
#include "display.h"
#include "enc_type.h"
#include "encoding.h"
#include "minor.h"
#include "protect.h"
#include "rule.h"
#include "subject_key.h"

#define OF_AGE			18
#define FIRST_YEAR		1850	/* nobody alive was born before */
#define LAST_BEGINS		(12 * USECS_PER_HOUR)	/* the day, after UTC */

static bool tells_birthday(Oid type);
static int	of_date(DateADT date);
static int	of_text(CgValidator validator, const char *text, Size len);
static int	of_encrypted(CgValidator validator, struct varlena *datum);
static int	of_parts(int year, int month, int day);
static bool of_age_at(int birthday, TimestampTz *at);
static int	digits(const uint32_t *c, int n);

bool
cg_minor_applies(const CgAsk *ask)
{
	return cg_rule_for(CG_MINOR, ask->category) != NULL;
}

bool
cg_minor_met(const CgAsk *ask, CgAnswer *answer)
{
	const CgRule *rule = cg_rule_for(CG_MINOR, ask->category);
	TimestampTz at;

	if (rule == NULL || (rule->valid && ask->minors))
		return true;
	if (ask->birthday == 0 || !of_age_at(ask->birthday, &at))
	{
		if (ask->explain)
			answer->detail = pstrdup("The age of the person is not known.");
		return false;
	}
	if (ask->now >= at)
	{
		answer->from = Max(answer->from, at);
		return true;
	}
	answer->until = Min(answer->until, at);
	if (ask->explain)
		answer->detail = pstrdup("The person is under 18.");
	return false;
}

/* When is somebody of age?  False: never, as far as the server can tell. */
static bool
of_age_at(int birthday, TimestampTz *at)
{
	int			year = birthday / 10000 + OF_AGE;
	int			month = birthday / 100 % 100;
	int			day = birthday % 100;

	if (month == 2 && day == 29 && !isleap(year))
	{
		month = 3;
		day = 1;
	}
	if (!IS_VALID_JULIAN(year, month, day) || year > 9999)
		return false;
	*at = (date2j(year, month, day) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY +
		LAST_BEGINS;
	return true;
}

int
cg_birthday_of(int32 category, Oid type, Datum value)
{
	const CgCategory *c = cg_category_by_id(category, true);
	CgValidator validator;
	text	   *plain;

	if (c == NULL)
		return 0;
	validator = c->validator;
	if (validator != CG_VALID_RESIDENT_ID && validator != CG_VALID_DATE)
		return 0;
	type = getBaseType(type);
	if (cg_enc_type_of(type) != NULL)
		return of_encrypted(validator, PG_DETOAST_DATUM_PACKED(value));
	switch (type)
	{
		case DATEOID:
			return of_date(DatumGetDateADT(value));
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
			plain = DatumGetTextPP(value);
			return of_text(validator, VARDATA_ANY(plain),
						   VARSIZE_ANY_EXHDR(plain));
		default:
			return 0;
	}
}

static int
of_encrypted(CgValidator validator, struct varlena *datum)
{
	CgEnvelope	env;
	char	   *stored;
	Size		len;
	int			result = 0;

	if (cg_is_display(datum))
		return 0;
	cg_parse(datum, &env);
	if ((env.type != CG_TYPE_TEXT && env.type != CG_TYPE_DATE) ||
		cg_is_destroyed(&env))
		return 0;
	stored = cg_open_stored(&env, &len);
	if (env.type == CG_TYPE_DATE)
		result = of_date(DatumGetDateADT(cg_plain_load(env.type, stored,
													   len)));
	else
		result = of_text(validator, stored, len);
	explicit_bzero(stored, len);
	pfree(stored);
	return result;
}

static int
of_date(DateADT date)
{
	int			year;
	int			month;
	int			day;

	if (DATE_NOT_FINITE(date))
		return 0;
	j2date(date + POSTGRES_EPOCH_JDATE, &year, &month, &day);
	return of_parts(year, month, day);
}

/* Digits are ASCII in every encoding of a server; no others count. */
static int
of_text(CgValidator validator, const char *text, Size len)
{
	CgForm		form = validator == CG_VALID_DATE ? CG_FORM_LINE :
	CG_FORM_CODE;
	uint32_t	c[18];
	size_t		n = cg_collect(form, text, len, c, lengthof(c));
	int			result = 0;

	if (n <= lengthof(c) &&
		cg_judge(validator, c, n, 99991231) == CG_V_OK)
	{
		if (validator == CG_VALID_DATE && n == 10)
			result = of_parts(digits(c, 4), digits(c + 5, 2),
							  digits(c + 8, 2));
		else if (validator == CG_VALID_DATE)
			result = of_parts(digits(c, 4), digits(c + 4, 2),
							  digits(c + 6, 2));
		else if (n == 18)
			result = of_parts(digits(c + 6, 4), digits(c + 10, 2),
							  digits(c + 12, 2));
		else
			result = of_parts(1900 + digits(c + 6, 2), digits(c + 8, 2),
							  digits(c + 10, 2));
	}
	explicit_bzero(c, sizeof(c));
	return result;
}

static int
of_parts(int year, int month, int day)
{
	if (year < FIRST_YEAR || year > 9999)
		return 0;
	return year * 10000 + month * 100 + day;
}

static int
digits(const uint32_t *c, int n)
{
	int			result = 0;

	while (n-- > 0)
		result = result * 10 + (int) (*c++ - '0');
	return result;
}

/*
 * A resident number tells more surely than a date, which may be that of
 * something else.
 */
AttrNumber
cg_birthday_column(Oid relid)
{
	const CgProtection *p = cg_protection(relid);
	AttrNumber	numbers = InvalidAttrNumber;
	AttrNumber	dates = InvalidAttrNumber;
	int			n_numbers = 0;
	int			n_dates = 0;
	int			i;

	if (p == NULL)
		return InvalidAttrNumber;
	for (i = 1; i <= p->natts; i++)
	{
		const CgProtectedColumn *column = p->columns[i - 1];
		const CgCategory *c;

		if (column == NULL || column->category < 0 || column->derived ||
			!tells_birthday(get_atttype(relid, i)))
			continue;
		c = cg_category_by_id(column->category, true);
		if (c == NULL)
			continue;
		if (c->validator == CG_VALID_RESIDENT_ID)
		{
			numbers = i;
			n_numbers++;
		}
		else if (c->validator == CG_VALID_DATE)
		{
			dates = i;
			n_dates++;
		}
	}
	if (n_numbers == 1)
		return numbers;
	return n_dates == 1 ? dates : InvalidAttrNumber;
}

static bool
tells_birthday(Oid type)
{
	const CgEncType *encrypted;

	if (!OidIsValid(type))
		return false;
	type = getBaseType(type);
	encrypted = cg_enc_type_of(type);
	if (encrypted != NULL)
		return encrypted->tag == CG_TYPE_TEXT || encrypted->tag == CG_TYPE_DATE;
	return type == DATEOID || type == TEXTOID || type == VARCHAROID ||
		type == BPCHAROID;
}
