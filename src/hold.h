/*
 * hold.h
 *		Legal holds: data of a person that must not be destroyed.
 */
#ifndef CG_HOLD_H
#define CG_HOLD_H

#include "access/attnum.h"

#define CG_HOLD_TRIGGER		"cipguard_legal_hold"
#define CG_HOLD_FUNCTION	"hold_row"

/* Raise CG_ERRCODE_LEGAL_HOLD if the data of a person must not be destroyed. */
extern void cg_hold_check(const char *subject, Size len, Oid relid);

/* The same of whoever a key belongs to, of persons of that table. */
extern void cg_hold_check_key(int64 persons, uint64 id);

/*
 * A table, or one above it, has a subject column, or is about to: give it the
 * trigger, if anybody is under hold.  True if something had to be done.
 */
extern bool cg_hold_cover(Oid relid);

/* The column is about to name nobody any more, or somebody else. */
extern void cg_hold_check_label(Oid relid);

/* At load: watch the holds; when preloaded, hook into commands. */
extern void cg_hold_init(void);

#endif							/* CG_HOLD_H */
