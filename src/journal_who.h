/*
 * journal_who.h
 *		Whom a record of the disclosure journal names.
 */
#ifndef CG_JOURNAL_WHO_H
#define CG_JOURNAL_WHO_H

#include "guc.h"
#include "journal_frame.h"

typedef struct CgWho
{
	uint64		stamp;			/* another one when anything of it is */
	uint64		claims;			/* cg_claim_generation */
	Oid			user;
	Oid			login;
	Oid			session_user;
	int64		session;
	int			pid;
	uint16		flags;			/* CG_FRAME_VERIFIED */
	char		user_name[NAMEDATALEN];
	char		login_name[NAMEDATALEN];
	char		app_user[CG_MAX_CLAIM + 1];
	char		purpose[CG_MAX_CLAIM + 1];
	char		application[NAMEDATALEN];
	char		address[64];
} CgWho;

/*
 * Who acts now.  The result is overwritten by the next call.  Looks up names
 * if there is a live transaction; outside of one it gives what it has.
 */
extern const CgWho *cg_journal_who(void);

/* Of a frame, all numbers and all texts that are in who. */
extern void cg_journal_name_frame(CgFrame *frame, const CgWho *by);
extern void cg_journal_name_texts(CgFrame *frame, const CgWho *by);

/* Let parallel workers know the session that they will work for. */
extern void cg_journal_share_session(void);

/* At load: when preloaded, request and attach the shared memory. */
extern void cg_journal_who_init(void);

#endif							/* CG_JOURNAL_WHO_H */
