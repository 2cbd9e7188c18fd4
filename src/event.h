/*
 * event.h
 *		Facts for the audit log that are no row changes: who was refused, what
 *		was granted, labelled, defined.
 */
#ifndef CG_EVENT_H
#define CG_EVENT_H

/*
 * Something was done, and counts if the transaction commits.  what is a word
 * or two, detail names objects and roles but never a value.  Where the log
 * cannot be written (read-only transaction, standby, database without the
 * extension) it goes to the journal, if the library is preloaded.
 */
extern void cg_event_done(const char *what, Oid relid, const char *relname,
						  const char *detail);

/*
 * Somebody is about to get an error because he may not do something; recorded
 * whatever becomes of the transaction.  Repetitions within a second are
 * counted and told with the next one.  Needs the library to be preloaded,
 * does nothing without.
 */
extern void cg_event_refused(const char *what, Oid relid);

/* event_login.c */
extern void cg_event_init(void);

/* A name as it stands in the detail of a login. */
extern char *cg_login_quoted(const char *name);

#endif							/* CG_EVENT_H */
