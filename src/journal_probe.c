/*
 * journal_probe.c
 *		A door to the disclosure journal for tests and measurements.
 *
 * No SQL of the extension names this function; tests create it, which only a
 * superuser can do.  It lies in the library because the journal's functions
 * are not visible outside of it.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "compat.h"

#include "journal.h"

/*
 * journal_probe(relation oid, attnum int2, prefix text, first int8,
 *		count int4, step int4) RETURNS void
 *
 * Records values of `count` subjects: integers from `first` on, or with a
 * prefix texts.  They come in the order of a walk with that step.  attnum 0
 * records an event of the name `prefix` instead.
 */
PG_FUNCTION_INFO_V1(cipguard_journal_probe);
Datum
cipguard_journal_probe(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	AttrNumber	attnum = PG_GETARG_INT16(1);
	char	   *prefix = text_to_cstring(PG_GETARG_TEXT_PP(2));
	int64		first = PG_GETARG_INT64(3);
	int32		count = PG_GETARG_INT32(4);
	int64		step = PG_GETARG_INT32(5);
	CgDisclosed *d = NULL;
	uint64		generation = 0;
	int64		offset = 0;
	int32		i;

	if (attnum == 0)
		cg_journal_note(prefix, relid);
	for (i = 0; attnum != 0 && i < count; i++)
	{
		int64		subject = first + offset;

		offset += step;
		if (offset >= count)
			offset %= count;
		if (generation != cg_journal_generation)
		{
			d = cg_journal_entry(relid);
			cg_journal_column(d, attnum);
			generation = cg_journal_generation;
		}
		if (prefix[0] == '\0')
			(void) cg_journal_int(d, subject);
		else
		{
			char		text[64];
			int			len = snprintf(text, sizeof(text), "%s%lld", prefix,
									   (long long) subject);

			(void) cg_journal_text(d, text, Min(len, (int) sizeof(text) - 1));
		}
	}
	PG_RETURN_VOID();
}
