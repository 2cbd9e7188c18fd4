/*
 * subject_key.c
 *		Data keys of persons, ready for use.
 */
#include "postgres.h"

#include "compat.h"

#include "cipguard.h"
#include "subject_key.h"

void
cg_subject_init(void)
{
}

CgCipher *
cg_subject_cipher(uint64 id, int suite, bool missing_ok)
{
	if (!missing_ok)
		ereport(ERROR,
				(errcode(CG_ERRCODE_KEY_MISSING),
				 errmsg("the key of the person whom the value is about is not in this database")));
	return NULL;
}

bool
cg_subject_destroyed(uint64 id)
{
	return false;
}

uint64
cg_subject_of_row(Relation rel, TupleTableSlot *slot)
{
	return 0;
}
