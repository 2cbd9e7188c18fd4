/*
 * guc.c
 *		Settings.
 *
 * The key itself is never a setting: a setting can be shown, logged and
 * dumped.  Only where to fetch it from is one, for superusers alone.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/guc.h"
#include "utils/plancache.h"

#include "compat.h"

#include "app_claim.h"
#include "checkpoint.h"
#include "cipguard.h"
#include "guc.h"

static void define_audit(void);
static void define_gate(void);
static void define_journal(void);
static void define_keys(void);
static bool check_token(char **newval, void **extra, GucSource source);
static void assign_token(const char *newval, void *extra);
static bool check_origin(char **newval, void **extra, GucSource source);
static bool check_claim(char **newval, void **extra, GucSource source);
static void assign_masking(bool newval, void *extra);
static bool check_spool_directory(char **newval, void **extra,
								  GucSource source);
static void assign_spool_directory(const char *newval, void *extra);
static void assign_app_user(const char *newval, void *extra);
static void assign_purpose(const char *newval, void *extra);
static bool check_kek(char **newval, void **extra, GucSource source);
static void assign_epoch(const char *newval, void *extra);
static void assign_kek_command(const char *newval, void *extra);
static void assign_kek_file(const char *newval, void *extra);
static void assign_previous_kek_command(const char *newval, void *extra);
static void assign_previous_kek_file(const char *newval, void *extra);

char	   *cg_anchor_command = NULL;
int			cg_anchor_interval = 60;
bool		cg_anchor_log = false;
int			cg_anchor_timeout = 30;
int			cg_budget_slots = 4096;
bool		cg_default_budgets = true;
int			cg_on_refusal = CG_REFUSING_MASK;
bool		cg_require_activity = false;
bool		cg_require_purpose = false;
int			cg_default_suite = CG_FAMILY_AES;
char	   *cg_kek_command = NULL;
char	   *cg_kek_file = NULL;
int			cg_kek_timeout = 10;
char	   *cg_previous_kek_command = NULL;
char	   *cg_previous_kek_file = NULL;
int			cg_output = CG_OUTPUT_AUTO;
int			cg_log_logins = CG_LOGINS_OFF;
bool		cg_mask_owner = true;
bool		cg_mask_superuser = true;
bool		cg_transparent_masking = true;
int			cg_on_audit_failure = CG_FAILURE_MASK;
char	   *cg_spool_directory = NULL;
int			cg_spool_keep = 7 * 24 * 3600;
int			cg_spool_segment_size = 16;
int			cg_spool_sync = CG_SYNC_OFF;
char	   *cg_purpose = NULL;
bool		cg_redact_log = false;
int			cg_seal_heartbeat = 60;
char	   *cg_seal_origin_name = NULL;
char	   *cg_app_token = NULL;
char	   *cg_app_user = NULL;
char	   *cg_epoch_command = NULL;
char	   *cg_epoch_directory = NULL;
char	   *cg_forward_conninfo = NULL;
int			cg_subject_key_cache = 1000;
int			cg_worker_interval = 5;
uint64		cg_guc_generation = 1;
uint64		cg_claim_generation = 1;
uint64		cg_epoch_generation = 1;
uint64		cg_kek_generation = 1;
bool		cg_kek_settings_local = false;
uint64		cg_spool_generation = 1;

/*
 * What the settings about the KEK and the purpose last were.  An assign hook
 * must not read its variable: a parallel worker frees the value before it
 * assigns the leader's.
 */
typedef struct CgKekSetting
{
	bool		local;			/* the session's own */
	uint64		hash;			/* of the value; only superusers set it */
} CgKekSetting;

static CgKekSetting kek_settings[4];
static char assigned_purpose[CG_MAX_CLAIM + 1];

static const struct config_enum_entry output_options[] = {
	{"auto", CG_OUTPUT_AUTO, false},
	{"armor", CG_OUTPUT_ARMOR, false},
	{NULL, 0, false}
};

static const struct config_enum_entry failure_options[] = {
	{"mask", CG_FAILURE_MASK, false},
	{"deny", CG_FAILURE_DENY, false},
	{"warn", CG_FAILURE_WARN, false},
	{NULL, 0, false}
};

static const struct config_enum_entry refusing_options[] = {
	{"mask", CG_REFUSING_MASK, false},
	{"error", CG_REFUSING_ERROR, false},
	{NULL, 0, false}
};

static const struct config_enum_entry sync_options[] = {
	{"off", CG_SYNC_OFF, false},
	{"statement", CG_SYNC_STATEMENT, false},
	{NULL, 0, false}
};

static const struct config_enum_entry suite_options[] = {
	{"aes", CG_FAMILY_AES, false},
	{"sm4", CG_FAMILY_SM4, false},
	{NULL, 0, false}
};

static const struct config_enum_entry login_options[] = {
	{"off", CG_LOGINS_OFF, false},
	{"failed", CG_LOGINS_FAILED, false},
	{"all", CG_LOGINS_ALL, false},
	{NULL, 0, false}
};

void
cg_guc_init(void)
{
	define_audit();
	define_gate();
	define_journal();
	define_keys();
	MarkGUCPrefixReserved(CG_SCHEMA);
}

/* The audit log and the server log. */
static void
define_audit(void)
{
	DefineCustomStringVariable(CG_SCHEMA ".anchor_command",
							   "Shell command that keeps checkpoints of the audit log elsewhere.",
							   "It gets the signed checkpoint on its standard input. Run by the worker, at most every cipguard.anchor_interval.",
							   &cg_anchor_command,
							   "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   NULL, NULL, NULL);

	DefineCustomIntVariable(CG_SCHEMA ".anchor_interval",
							"Least time between two anchors of the audit log.",
							NULL,
							&cg_anchor_interval,
							60, 1, 86400,
							PGC_SIGHUP, GUC_UNIT_S,
							NULL, NULL, NULL);

	DefineCustomBoolVariable(CG_SCHEMA ".anchor_log",
							 "Writes size and root of the audit log to the server log.",
							 "At most every cipguard.anchor_interval.",
							 &cg_anchor_log,
							 false,
							 PGC_SIGHUP, 0,
							 NULL, NULL, NULL);

	DefineCustomIntVariable(CG_SCHEMA ".anchor_timeout",
							"Time after which cipguard.anchor_command is killed.",
							NULL,
							&cg_anchor_timeout,
							30, 1, 3600,
							PGC_SIGHUP, GUC_UNIT_S,
							NULL, NULL, NULL);

	/* What one session knows of its statements is needed in all of them. */
	if (cg_preloaded)
		DefineCustomBoolVariable(CG_SCHEMA ".redact_log",
								 "Removes constants and parameters from what is logged of statements.",
								 "In databases with the extension, unless a statement touches no protected column. Takes effect with shared_preload_libraries.",
								 &cg_redact_log,
								 true,
								 PGC_SIGHUP, GUC_SUPERUSER_ONLY,
								 NULL, NULL, NULL);

	DefineCustomIntVariable(CG_SCHEMA ".seal_heartbeat",
							"Time after which a block of the audit log is closed although nothing has happened.",
							"Zero closes none. A longer gap between blocks shows that nothing was sealed.",
							&cg_seal_heartbeat,
							60, 0, 24 * 60,
							PGC_SIGHUP, GUC_UNIT_MIN,
							NULL, NULL, NULL);

	DefineCustomStringVariable(CG_SCHEMA ".seal_origin",
							   "Name of the audit log in its checkpoints, and of the key that signs them.",
							   "Empty: \"cipguard/\" and the number of the log.",
							   &cg_seal_origin_name,
							   "",
							   PGC_SIGHUP, 0,
							   check_origin, NULL, NULL);

	DefineCustomIntVariable(CG_SCHEMA ".worker_interval",
							"Time between two cycles of the audit log's worker.",
							"0 switches the workers off. Takes effect with shared_preload_libraries.",
							&cg_worker_interval,
							5, 0, 86400,
							PGC_SIGHUP, GUC_UNIT_S,
							NULL, NULL, NULL);
}

/* Who is shown what, and on whose behalf. */
static void
define_gate(void)
{
	DefineCustomStringVariable(CG_SCHEMA ".app_token",
							   "Signed statement of an application for whom it acts.",
							   "Takes precedence over cipguard.app_user. Set it with SET LOCAL when connections are pooled.",
							   &cg_app_token,
							   "",
							   PGC_USERSET,
							   GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE,
							   check_token, assign_token, NULL);

	DefineCustomStringVariable(CG_SCHEMA ".app_user",
							   "Person on whose behalf the application acts, as the application claims.",
							   "Recorded in the audit log. Set it with SET LOCAL when connections are pooled.",
							   &cg_app_user,
							   "",
							   PGC_USERSET, 0,
							   check_claim, assign_app_user, NULL);

	DefineCustomIntVariable(CG_SCHEMA ".budget_slots",
							"Number of budgets of roles that can be counted at a time.",
							"Takes effect with shared_preload_libraries.",
							&cg_budget_slots,
							4096, 64, 1048576,
							cg_preloaded ? PGC_POSTMASTER : PGC_SIGHUP, 0,
							NULL, NULL, NULL);

	DefineCustomBoolVariable(CG_SCHEMA ".default_budgets",
							 "Limits how many values a role is shown where no budget was set.",
							 "Takes effect with shared_preload_libraries.",
							 &cg_default_budgets,
							 true,
							 PGC_SIGHUP, 0,
							 NULL, NULL, NULL);

	DefineCustomBoolVariable(CG_SCHEMA ".mask_owner",
							 "Shows masks of labelled columns to the owner of a table unless he has a grant.",
							 "Takes effect with shared_preload_libraries.",
							 &cg_mask_owner,
							 true,
							 PGC_SIGHUP, 0,
							 NULL, assign_masking, NULL);

	DefineCustomBoolVariable(CG_SCHEMA ".mask_superuser",
							 "Shows masks of labelled columns to superusers unless they have a grant.",
							 "Takes effect with shared_preload_libraries.",
							 &cg_mask_superuser,
							 true,
							 PGC_SIGHUP, 0,
							 NULL, assign_masking, NULL);

	DefineCustomEnumVariable(CG_SCHEMA ".on_refusal",
							 "What a reader gets whose grant does not count because a condition is missing.",
							 "mask: masks, and a warning that names the condition. error: the statement fails.",
							 &cg_on_refusal,
							 CG_REFUSING_MASK,
							 refusing_options,
							 PGC_USERSET, 0,
							 NULL, NULL, NULL);

	DefineCustomStringVariable(CG_SCHEMA ".purpose",
							   "Purpose for which the session reads personal data.",
							   "Grants bound to a purpose count only while it is set. Set it with SET LOCAL when connections are pooled.",
							   &cg_purpose,
							   "",
							   PGC_USERSET, 0,
							   check_claim, assign_purpose, NULL);

	DefineCustomBoolVariable(CG_SCHEMA ".require_activity",
							 "Refuses writes into protected columns that belong to no activity.",
							 "Takes effect with shared_preload_libraries.",
							 &cg_require_activity,
							 false,
							 PGC_SUSET, 0,
							 NULL, NULL, NULL);

	DefineCustomBoolVariable(CG_SCHEMA ".require_purpose",
							 "Gives plaintext only while cipguard.purpose names an activity that may use the category.",
							 NULL,
							 &cg_require_purpose,
							 false,
							 PGC_SUSET, 0,
							 NULL, assign_masking, NULL);

	/* One that is fixed at start can only be made at start. */
	if (cg_preloaded)
		DefineCustomBoolVariable(CG_SCHEMA ".transparent_masking",
								 "Masks protected columns in the tables themselves.",
								 "Takes effect with shared_preload_libraries. Without it only masking views mask.",
								 &cg_transparent_masking,
								 true,
								 PGC_POSTMASTER, 0,
								 NULL, NULL, NULL);
}

/* The disclosure journal. */
static void
define_journal(void)
{
	DefineCustomStringVariable(CG_SCHEMA ".forward_conninfo",
							   "Connection by which a standby sends its disclosure journal to the primary.",
							   "The database is added. Empty: primary_conninfo.",
							   &cg_forward_conninfo,
							   "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   NULL, NULL, NULL);

	DefineCustomEnumVariable(CG_SCHEMA ".log_logins",
							 "Logins that are recorded in the disclosure journal.",
							 "Takes effect with shared_preload_libraries.",
							 &cg_log_logins,
							 CG_LOGINS_OFF,
							 login_options,
							 PGC_SIGHUP, 0,
							 NULL, NULL, NULL);

	DefineCustomEnumVariable(CG_SCHEMA ".on_audit_failure",
							 "What is shown to readers when the disclosure journal cannot be written.",
							 "mask: masks. deny: the statement fails. warn: plaintext, which is not recorded.",
							 &cg_on_audit_failure,
							 CG_FAILURE_MASK,
							 failure_options,
							 PGC_SIGHUP, 0,
							 NULL, NULL, NULL);

	DefineCustomStringVariable(CG_SCHEMA ".spool_directory",
							   "Directory of the disclosure journal.",
							   "Best outside of the data directory. Empty: cipguard/journal in the data directory.",
							   &cg_spool_directory,
							   "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   check_spool_directory, assign_spool_directory,
							   NULL);

	DefineCustomIntVariable(CG_SCHEMA ".spool_keep",
							"Time that segments of the disclosure journal are kept after they were taken into the audit log.",
							"A database that is recovered to a point in time further back loses disclosures made since.",
							&cg_spool_keep,
							7 * 24 * 3600, 0, 366 * 24 * 3600,
							PGC_SIGHUP, GUC_UNIT_S,
							NULL, NULL, NULL);

	DefineCustomIntVariable(CG_SCHEMA ".spool_segment_size",
							"Size at which a segment of the disclosure journal is followed by another.",
							"That much space is reserved when a segment is begun.",
							&cg_spool_segment_size,
							16, 1, 1024,
							PGC_SIGHUP, GUC_UNIT_MB,
							NULL, NULL, NULL);

	DefineCustomEnumVariable(CG_SCHEMA ".spool_sync",
							 "When the disclosure journal is written to disk.",
							 "off: when the operating system does so. statement: before a statement that disclosed anything completes.",
							 &cg_spool_sync,
							 CG_SYNC_OFF,
							 sync_options,
							 PGC_SIGHUP, 0,
							 NULL, NULL, NULL);
}

/* Keys and ciphertext. */
static void
define_keys(void)
{
	DefineCustomEnumVariable(CG_SCHEMA ".default_suite",
							 "Cipher suites of new categories.",
							 "aes: XAES-256-GCM, AES-256 with HMAC-SHA-256. sm4: SM4 with HMAC-SM3. That of a category is in cipguard.category.",
							 &cg_default_suite,
							 CG_FAMILY_AES,
							 suite_options,
							 PGC_SUSET, 0,
							 NULL, NULL, NULL);

	DefineCustomStringVariable(CG_SCHEMA ".epoch_command",
							   "Shell command that makes, prints and destroys epoch keys.",
							   "%o is create, get or destroy, %e the number and %n the name of the epoch. Takes precedence over cipguard.epoch_directory.",
							   &cg_epoch_command,
							   "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   NULL, assign_epoch, NULL);

	DefineCustomStringVariable(CG_SCHEMA ".epoch_directory",
							   "Directory of epoch keys, which wrap the keys of subjects.",
							   "Outside of the data directory, mode 0700, and part of no backup.",
							   &cg_epoch_directory,
							   "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   NULL, assign_epoch, NULL);

	DefineCustomStringVariable(CG_SCHEMA ".kek_command",
							   "Shell command that prints the key-encryption key.",
							   "64 hexadecimal digits or base64 of 32 bytes. Takes precedence over cipguard.kek_file.",
							   &cg_kek_command,
							   "",
							   PGC_SUSET, GUC_SUPERUSER_ONLY,
							   check_kek, assign_kek_command, NULL);

	DefineCustomStringVariable(CG_SCHEMA ".kek_file",
							   "File that holds the key-encryption key.",
							   "64 hexadecimal digits or base64 of 32 bytes, mode 0600, outside the data directory.",
							   &cg_kek_file,
							   "",
							   PGC_SUSET, GUC_SUPERUSER_ONLY,
							   check_kek, assign_kek_file, NULL);

	DefineCustomIntVariable(CG_SCHEMA ".kek_timeout",
							"Time after which cipguard.kek_command is killed.",
							"The same counts for cipguard.previous_kek_command.",
							&cg_kek_timeout,
							10, 1, 3600,
							PGC_SUSET, GUC_UNIT_S,
							NULL, NULL, NULL);

	DefineCustomEnumVariable(CG_SCHEMA ".output",
							 "Form in which encrypted values are shown.",
							 "auto: plaintext to roles that may read, armor to others. armor: ciphertext to everybody.",
							 &cg_output,
							 CG_OUTPUT_AUTO,
							 output_options,
							 PGC_USERSET, 0,
							 NULL, NULL, NULL);

	DefineCustomStringVariable(CG_SCHEMA ".previous_kek_command",
							   "Shell command that prints the key-encryption key before the current one.",
							   "Opens keys that cipguard.rotate_kek() has not wrapped anew yet. Takes precedence over cipguard.previous_kek_file.",
							   &cg_previous_kek_command,
							   "",
							   PGC_SUSET, GUC_SUPERUSER_ONLY,
							   check_kek, assign_previous_kek_command, NULL);

	DefineCustomStringVariable(CG_SCHEMA ".previous_kek_file",
							   "File that holds the key-encryption key before the current one.",
							   "Opens keys that cipguard.rotate_kek() has not wrapped anew yet.",
							   &cg_previous_kek_file,
							   "",
							   PGC_SUSET, GUC_SUPERUSER_ONLY,
							   check_kek, assign_previous_kek_file, NULL);

	DefineCustomIntVariable(CG_SCHEMA ".subject_key_cache",
							"Keys of subjects that a session keeps ready.",
							NULL,
							&cg_subject_key_cache,
							1000, 16, 1000000,
							PGC_SUSET, 0,
							NULL, NULL, NULL);
}

bool
cg_masks(void)
{
	return cg_preloaded && cg_transparent_masking;
}

/* The usual message would repeat the token. */
static bool
check_token(char **newval, void **extra, GucSource source)
{
	CgAppClaim	claim;

	if (*newval == NULL || (*newval)[0] == '\0' ||
		cg_app_claim_parse(*newval, strlen(*newval), &claim) == CG_OK)
		return true;
	GUC_check_errmsg("invalid token for parameter \"%s\"",
					 CG_SCHEMA ".app_token");
	GUC_check_errdetail("A token is \"v1|user|expiry|database|binding\" in base64url, \".\", and an Ed25519 signature in base64url.");
	GUC_check_errhint("Set it to the empty string to have none.");
	return false;
}

static void
assign_token(const char *newval, void *extra)
{
	cg_claim_generation++;
}

static bool
check_origin(char **newval, void **extra, GucSource source)
{
	const char *p;

	if (*newval == NULL || (*newval)[0] == '\0')
		return true;
	for (p = *newval; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~' || *p == '+')
		{
			GUC_check_errdetail("Value must be of printable ASCII characters without spaces and \"+\".");
			return false;
		}
	if (!cg_origin_valid(*newval, strlen(*newval)))
	{
		GUC_check_errdetail("Value must be at most %d bytes long.",
							CG_MAX_ORIGIN);
		return false;
	}
	return true;
}

static bool
check_claim(char **newval, void **extra, GucSource source)
{
	if (*newval != NULL && strlen(*newval) > CG_MAX_CLAIM)
	{
		GUC_check_errdetail("Value must be at most %d bytes long.",
							CG_MAX_CLAIM);
		return false;
	}
	/* It would forge lines where the log is printed. */
	for (const char *p = *newval; p != NULL && *p != '\0'; p++)
		if ((unsigned char) *p < 0x20 || *p == 0x7f)
		{
			GUC_check_errdetail("Value must not hold control characters.");
			return false;
		}
	return true;
}

/* The working directory of tools that start the server may be another one. */
static bool
check_spool_directory(char **newval, void **extra, GucSource source)
{
	if (*newval == NULL || (*newval)[0] == '\0' || is_absolute_path(*newval))
		return true;
	GUC_check_errdetail("The path must be absolute.");
	return false;
}

static void
assign_spool_directory(const char *newval, void *extra)
{
	cg_spool_generation++;
}

/* Plans hold what their user could read when they were made. */
static void
assign_masking(bool newval, void *extra)
{
	cg_guc_generation++;
	ResetPlanCache();
}

static void
assign_app_user(const char *newval, void *extra)
{
	cg_claim_generation++;
}

static void
assign_purpose(const char *newval, void *extra)
{
	if (strcmp(assigned_purpose, newval) == 0)
		return;
	strlcpy(assigned_purpose, newval, sizeof(assigned_purpose));
	cg_guc_generation++;
	ResetPlanCache();
	cg_claim_generation++;
}

/* Keys that were out of reach may not be any longer. */
static void
assign_epoch(const char *newval, void *extra)
{
	cg_epoch_generation++;
}

static bool
check_kek(char **newval, void **extra, GucSource source)
{
	bool	   *local = guc_malloc(LOG, sizeof(bool));

	if (local == NULL)
		return false;
	*local = source >= PGC_S_GLOBAL;
	*extra = local;
	return true;
}

/*
 * Reading the configuration again assigns the same values again.  The key is
 * then kept: where it was fetched from at start may be out of reach by now.
 */
static void
assign_kek(const char *newval, void *extra, int which)
{
	CgKekSetting setting;

	setting.local = *(bool *) extra;
	setting.hash = hash_bytes_extended((const unsigned char *) newval,
									   strlen(newval), 0);
	if (setting.hash != kek_settings[which].hash ||
		setting.local != kek_settings[which].local)
		cg_kek_generation++;
	kek_settings[which] = setting;
	cg_kek_settings_local = false;
	for (int i = 0; i < lengthof(kek_settings); i++)
		if (kek_settings[i].local)
			cg_kek_settings_local = true;
}

static void
assign_kek_command(const char *newval, void *extra)
{
	assign_kek(newval, extra, 0);
}

static void
assign_kek_file(const char *newval, void *extra)
{
	assign_kek(newval, extra, 1);
}

static void
assign_previous_kek_command(const char *newval, void *extra)
{
	assign_kek(newval, extra, 2);
}

static void
assign_previous_kek_file(const char *newval, void *extra)
{
	assign_kek(newval, extra, 3);
}
