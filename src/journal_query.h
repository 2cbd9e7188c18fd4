/*
 * journal_query.h
 *		Queries that disclose: their text without constants, and its number.
 */
#ifndef CG_JOURNAL_QUERY_H
#define CG_JOURNAL_QUERY_H

typedef struct CgQuery
{
	uint64		id;				/* 0: there is no text */
	bool		recorded;		/* was cg_query_recorded() called for it? */
	const char *text;			/* what the journal has to keep of it */
	uint16		len;
} CgQuery;

/*
 * The query of a source text; location and len are those of a PlannedStmt.
 * Valid until the next call.  Throws nothing and allocates nothing.
 */
extern const CgQuery *cg_query(const char *source, int location, int len);

/* Remember that this process has recorded its text. */
extern void cg_query_recorded(const CgQuery *query);

#endif							/* CG_JOURNAL_QUERY_H */
