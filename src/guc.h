/*
 * guc.h
 *		Settings.
 */
#ifndef CG_GUC_H
#define CG_GUC_H

#define CG_MAX_CLAIM	200		/* bytes of purpose and application user */

typedef enum CgOutput
{
	CG_OUTPUT_AUTO,				/* plaintext for readers, armor for others */
	CG_OUTPUT_ARMOR				/* armor for everybody */
} CgOutput;

/* What becomes of a value whose disclosure cannot be recorded. */
typedef enum CgFailure
{
	CG_FAILURE_MASK,			/* its mask is shown */
	CG_FAILURE_DENY,			/* the statement fails */
	CG_FAILURE_WARN				/* it is shown all the same */
} CgFailure;

typedef enum CgSpoolSync
{
	CG_SYNC_OFF,
	CG_SYNC_STATEMENT			/* before a statement completes */
} CgSpoolSync;

/* What a reader gets who misses a condition of the gate. */
typedef enum CgRefusing
{
	CG_REFUSING_MASK,			/* masks and a warning */
	CG_REFUSING_ERROR			/* the statement fails */
} CgRefusing;

/* Which logins are recorded. */
typedef enum CgLogins
{
	CG_LOGINS_OFF,
	CG_LOGINS_FAILED,
	CG_LOGINS_ALL
} CgLogins;

/* Families of cipher suites. */
typedef enum CgFamily
{
	CG_FAMILY_AES,
	CG_FAMILY_SM4
} CgFamily;

extern char *cg_anchor_command;
extern int	cg_anchor_interval; /* seconds */
extern bool cg_anchor_log;
extern int	cg_anchor_timeout;	/* seconds */
extern int	cg_default_suite;	/* CgFamily */
extern char *cg_epoch_command;
extern char *cg_epoch_directory;
extern char *cg_kek_command;
extern char *cg_kek_file;
extern int	cg_kek_timeout;		/* seconds */
extern char *cg_previous_kek_command;
extern char *cg_previous_kek_file;
extern int	cg_budget_slots;
extern bool cg_default_budgets;
extern int	cg_on_refusal;		/* CgRefusing */
extern bool cg_require_activity;
extern bool cg_require_purpose;
extern int	cg_output;			/* CgOutput */
extern bool cg_mask_owner;		/* owners see masks unless granted */
extern bool cg_mask_superuser;	/* so do superusers */
extern bool cg_transparent_masking;
extern int	cg_on_audit_failure;	/* CgFailure */
extern char *cg_spool_directory;
extern int	cg_spool_keep;		/* seconds */
extern int	cg_spool_segment_size;	/* MB */
extern int	cg_spool_sync;		/* CgSpoolSync */
extern int	cg_log_logins;
extern char *cg_purpose;
extern bool cg_redact_log;		/* off unless preloaded */
extern int	cg_seal_heartbeat;	/* minutes, 0: none */
extern char *cg_seal_origin_name;	/* empty: made of the number of the log */
extern char *cg_app_token;
extern char *cg_app_user;
extern char *cg_forward_conninfo;
extern int	cg_subject_key_cache;	/* entries */
extern int	cg_worker_interval; /* seconds, 0: no workers */

/*
 * Are tables masked themselves?  Not by a library that only some sessions
 * load: autovacuum and other workers evaluate expressions, too.
 */
extern bool cg_masks(void);

/*
 * Counts changes of settings on which a verdict of access.c depends, so that
 * cached verdicts can be dropped.
 */
extern uint64 cg_guc_generation;

/* Counts changes of what the session claims: purpose, application user. */
extern uint64 cg_claim_generation;

/* Counts changes of where epoch keys are. */
extern uint64 cg_epoch_generation;

/* Counts changes of where the KEK comes from. */
extern uint64 cg_kek_generation;

/*
 * Does this session have its own settings of where the KEK comes from, by SET
 * or by ALTER DATABASE or ROLE?
 */
extern bool cg_kek_settings_local;

/* Counts changes of where the disclosure journal is. */
extern uint64 cg_spool_generation;

/* At load, before all others: define the settings. */
extern void cg_guc_init(void);

#endif							/* CG_GUC_H */
