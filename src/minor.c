/*
 * minor.c
 *		Persons under age.
 */
#include "postgres.h"

#include "compat.h"

#include "minor.h"

bool
cg_minor_applies(const CgAsk *ask)
{
	return false;
}

bool
cg_minor_met(const CgAsk *ask, CgAnswer *answer)
{
	return true;
}

int
cg_birthday_of(int32 category, Oid type, Datum value)
{
	return 0;
}

AttrNumber
cg_birthday_column(Oid relid)
{
	return InvalidAttrNumber;
}

void
cg_minor_init(void)
{
}
