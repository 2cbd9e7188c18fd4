/*
 * cipguard.h
 *		Names, limits and SQLSTATEs that every server-side module shares.
 */
#ifndef CIPGUARD_H
#define CIPGUARD_H

#include "utils/elog.h"

#define CG_SCHEMA			"cipguard"	/* schema, GUC prefix, label provider */

#define CG_ROLE_OFFICER		"cipguard_officer"
#define CG_ROLE_AUDITOR		"cipguard_auditor"
#define CG_ROLE_MASKER		"cipguard_masker"	/* owns masking views */

#define CG_CATEGORY_UNCLASSIFIED	"unclassified"

/* Was the library in shared_preload_libraries? */
extern bool cg_preloaded;

/*
 * SQLSTATEs of our own.  Class ZC is free for implementations (a class that
 * begins with I to Z, SQL standard part 2, table "SQLSTATE class and subclass
 * values").  The README lists them; keep both in step.
 */
#define CG_ERRCODE_KEK_MISSING		MAKE_SQLSTATE('Z','C','0','0','1')
#define CG_ERRCODE_KEK_INVALID		MAKE_SQLSTATE('Z','C','0','0','2')
#define CG_ERRCODE_KEK_INSECURE		MAKE_SQLSTATE('Z','C','0','0','3')
#define CG_ERRCODE_KEK_WRONG		MAKE_SQLSTATE('Z','C','0','0','4')
#define CG_ERRCODE_KEY_MISSING		MAKE_SQLSTATE('Z','C','0','0','5')
#define CG_ERRCODE_NOT_AUTHENTIC	MAKE_SQLSTATE('Z','C','0','0','6')
#define CG_ERRCODE_INVALID_VALUE	MAKE_SQLSTATE('Z','C','0','0','7')
#define CG_ERRCODE_UNKNOWN_CATEGORY MAKE_SQLSTATE('Z','C','0','0','8')
#define CG_ERRCODE_NOT_COMPARABLE	MAKE_SQLSTATE('Z','C','0','0','9')
#define CG_ERRCODE_MALFORMED_ARMOR	MAKE_SQLSTATE('Z','C','0','1','0')
#define CG_ERRCODE_SELF_GRANT		MAKE_SQLSTATE('Z','C','0','1','1')
#define CG_ERRCODE_AUDIT			MAKE_SQLSTATE('Z','C','0','1','2')
#define CG_ERRCODE_MASK_STORED		MAKE_SQLSTATE('Z','C','0','1','3')
#define CG_ERRCODE_EXPOSURE			MAKE_SQLSTATE('Z','C','0','1','4')
#define CG_ERRCODE_GUARDED			MAKE_SQLSTATE('Z','C','0','1','5')
#define CG_ERRCODE_APP_TOKEN		MAKE_SQLSTATE('Z','C','0','1','6')
#define CG_ERRCODE_KEY_IN_USE		MAKE_SQLSTATE('Z','C','0','1','7')
#define CG_ERRCODE_SUBJECT_DESTROYED MAKE_SQLSTATE('Z','C','0','1','9')
#define CG_ERRCODE_NOT_ORDERED		MAKE_SQLSTATE('Z','C','0','2','0')

/* Why plaintext is refused to somebody who has a grant (decision.h). */
#define CG_ERRCODE_LOCKDOWN			MAKE_SQLSTATE('Z','C','0','2','1')
#define CG_ERRCODE_LEVEL			MAKE_SQLSTATE('Z','C','0','2','2')
#define CG_ERRCODE_TLS				MAKE_SQLSTATE('Z','C','0','2','3')
#define CG_ERRCODE_NETWORK			MAKE_SQLSTATE('Z','C','0','2','4')
#define CG_ERRCODE_HOURS			MAKE_SQLSTATE('Z','C','0','2','5')
#define CG_ERRCODE_PURPOSE			MAKE_SQLSTATE('Z','C','0','2','6')
#define CG_ERRCODE_TRAINING			MAKE_SQLSTATE('Z','C','0','2','7')
#define CG_ERRCODE_POLICY			MAKE_SQLSTATE('Z','C','0','2','8')
#define CG_ERRCODE_SUBJECT_UNKNOWN	MAKE_SQLSTATE('Z','C','0','2','9')
#define CG_ERRCODE_RESTRICTED		MAKE_SQLSTATE('Z','C','0','3','0')
#define CG_ERRCODE_CONSENT			MAKE_SQLSTATE('Z','C','0','3','1')
#define CG_ERRCODE_MINOR			MAKE_SQLSTATE('Z','C','0','3','2')
#define CG_ERRCODE_BUDGET			MAKE_SQLSTATE('Z','C','0','3','3')

/* Governance. */
#define CG_ERRCODE_LEGAL_HOLD		MAKE_SQLSTATE('Z','C','0','3','4')
#define CG_ERRCODE_FOUR_EYES		MAKE_SQLSTATE('Z','C','0','3','5')
#define CG_ERRCODE_REGISTER			MAKE_SQLSTATE('Z','C','0','3','6')
#define CG_ERRCODE_UNBOUND			MAKE_SQLSTATE('Z','C','0','3','7')

/* Was the library loaded by shared_preload_libraries? */
extern bool cg_preloaded;

#endif							/* CIPGUARD_H */
