/*
 * subject_key.h
 *		Data keys of persons: destroying one makes every copy of what is sealed
 *		under it unreadable.
 */
#ifndef CG_SUBJECT_KEY_H
#define CG_SUBJECT_KEY_H

#include "executor/tuptable.h"
#include "storage/lockdefs.h"
#include "utils/relcache.h"

#include "envelope.h"

/* The DEK version in the header of values under a subject's key. */
#define CG_SUBJECT_DEK_VERSION	1

/*
 * The cipher of a subject's key, valid until the next call of this module.
 * Errors: CG_ERRCODE_SUBJECT_DESTROYED, CG_ERRCODE_KEY_MISSING,
 * CG_ERRCODE_KEK_*; with missing_ok NULL instead of the first two.
 */
extern CgCipher *cg_subject_cipher(uint64 id, int suite, bool missing_ok);

/*
 * Was the key destroyed?  What is sealed under it is then shown as armor,
 * reads as NULL, and is left alone by whatever renews values.  Raises nothing
 * for a key that is there or that there never was.
 */
extern bool cg_subject_destroyed(uint64 id);

/*
 * Of a key that counts as destroyed: is there a wrapped one, whose epoch key
 * alone is gone?  This copy of the database is then older than the end of the
 * epoch, and another may have the key.
 */
extern bool cg_subject_lost(uint64 id);

/* The same of a parsed value; false for one under the key of its category. */
static inline bool
cg_is_destroyed(const CgEnvelope *env)
{
	return env->subject != 0 && cg_subject_destroyed(env->subject);
}

/* Can what is sealed under the key be opened?  Does not raise. */
extern bool cg_subject_usable(uint64 id);

/* Has any person a key in this database?  It may be destroyed. */
extern bool cg_subject_any(void);

/*
 * The id of the key of the person whom a row is about, which is made if there
 * is none; 0 if the table does not use keys of subjects or the row has no
 * subject.  The key may be destroyed.
 */
extern uint64 cg_subject_of_row(Relation rel, TupleTableSlot *slot);

/*
 * For whoever replaces rows: how many values of a row are under the keys of
 * their categories, but belong under the key of its subject, and the step that
 * brings them there, in the slot's own array of values.
 */
extern int64 cg_subject_wanted(Relation rel, TupleTableSlot *row);
extern void cg_subject_change(Relation rel, TupleTableSlot *row);

/* ---------- for the modules about keys of subjects alone ---------- */

#define CG_SUBJECT_TRIGGER	"~~cipguard_subject_key"

/* Columns of cipguard.subject_key, in the order of 39_subject_key.sql. */
enum
{
	CG_SK_KEY_ID = 1,
	CG_SK_PERSON,
	CG_SK_TAG,
	CG_SK_SUBJECT,
	CG_SK_EPOCH,
	CG_SK_WRAPPED,
	CG_SK_STATE,
	CG_SK_CREATED,
	CG_SK_DESTROYED
};
#define CG_SK_NUM	CG_SK_DESTROYED

/* Whom a key belongs to. */
typedef struct CgPerson
{
	int64		table;			/* number of the table of persons */
	uint8		tag[CG_TOKEN_LEN];	/* MAC of table and text of the subject */
} CgPerson;

/*
 * The person that a subject of a table is: sets tag, and all else to nothing.
 * Makes the key of the tags if there is none; errors are those of the keyring.
 */
extern void cg_person(int64 table, const char *subject, Size len,
					  CgPerson *person);

/* Id of a person's key, 0 if there is none; destroyed ones count. */
extern uint64 cg_subject_find(const CgPerson *person);

/* The same, made if there is none. */
extern uint64 cg_subject_make(const CgPerson *person, const char *subject,
							  Size len);

/* Open cipguard.subject_key; an error if there is none. */
extern Relation cg_subject_table(LOCKMODE lock);

/* A row of it, copied, or NULL; *epoch is set. */
extern HeapTuple cg_subject_row(Relation rel, uint64 id, int32 *epoch);

/* ---------- subject_row.c: rows of tables that use them ---------- */

/* The trigger function; InvalidOid if the extension is not there. */
extern Oid	cg_subject_function(void);

/* Number of the table of persons of a table; 0: it does not use their keys. */
extern int64 cg_subject_persons(Relation rel);

/* The text of a row's subject, palloc'd, or NULL. */
extern char *cg_subject_text(Relation rel, TupleTableSlot *slot);

/* Number of columns that hold encrypted values, and these, by number. */
extern int	cg_subject_columns(Relation rel, const AttrNumber **columns);

/*
 * The same value with whatever is encrypted in it under the key id, and not
 * destroyed.  *count grows with each that was not before.
 */
extern Datum cg_subject_reseal(Oid type, Datum value, uint64 id,
							   int64 *count);

/*
 * The same value with what is under the key id replaced by noise, which noise
 * makes of tokens: equal ones stay equal.
 */
extern Datum cg_subject_scrub(Oid type, Datum value, uint64 id,
							  CgToken *noise, int64 *count);

/* Number of values that are under keys of their categories. */
extern int64 cg_subject_unsealed(Oid type, Datum value);

/*
 * At load: have what is known of tables with subjects forgotten when they
 * change.
 */
extern void cg_subject_row_init(void);

/* At load: watch the table of keys of subjects, and set up epochs and rows. */
extern void cg_subject_init(void);

#endif							/* CG_SUBJECT_KEY_H */
