/*
 * guc.c
 *		Settings.
 *
 * The key itself is never a setting: a setting can be shown, logged and
 * dumped.  Only where to fetch it from is one, for superusers alone.
 */
#include "postgres.h"

#include "utils/guc.h"
#include "utils/plancache.h"

#include "cipguard.h"
#include "guc.h"

static bool check_claim(char **newval, void **extra, GucSource source);
static void assign_masking(bool newval, void *extra);
static void assign_app_user(const char *newval, void *extra);
static void assign_purpose(const char *newval, void *extra);
static void assign_kek_command(const char *newval, void *extra);
static void assign_kek_file(const char *newval, void *extra);
static void assign_kek(const char *oldval, const char *newval);

char	   *cg_kek_command = NULL;
char	   *cg_kek_file = NULL;
int			cg_output = CG_OUTPUT_AUTO;
bool		cg_mask_owner = true;
bool		cg_mask_superuser = true;
bool		cg_transparent_masking = true;
char	   *cg_purpose = NULL;
bool		cg_redact_log = false;
char	   *cg_app_user = NULL;
uint64		cg_guc_generation = 1;
uint64		cg_claim_generation = 1;
uint64		cg_kek_generation = 1;

static const struct config_enum_entry output_options[] = {
	{"auto", CG_OUTPUT_AUTO, false},
	{"armor", CG_OUTPUT_ARMOR, false},
	{NULL, 0, false}
};

void
cg_guc_init(void)
{
	DefineCustomStringVariable(CG_SCHEMA ".app_user",
							   "Person on whose behalf the application acts, as the application claims.",
							   "Recorded in the audit log. Set it with SET LOCAL when connections are pooled.",
							   &cg_app_user,
							   "",
							   PGC_USERSET, 0,
							   check_claim, assign_app_user, NULL);

	DefineCustomStringVariable(CG_SCHEMA ".kek_command",
							   "Shell command that prints the key-encryption key.",
							   "64 hexadecimal digits or base64 of 32 bytes. Takes precedence over cipguard.kek_file.",
							   &cg_kek_command,
							   "",
							   PGC_SUSET, GUC_SUPERUSER_ONLY,
							   NULL, assign_kek_command, NULL);

	DefineCustomStringVariable(CG_SCHEMA ".kek_file",
							   "File that holds the key-encryption key.",
							   "64 hexadecimal digits or base64 of 32 bytes, mode 0600, outside the data directory.",
							   &cg_kek_file,
							   "",
							   PGC_SUSET, GUC_SUPERUSER_ONLY,
							   NULL, assign_kek_file, NULL);

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

	DefineCustomEnumVariable(CG_SCHEMA ".output",
							 "Form in which encrypted values are shown.",
							 "auto: plaintext to roles that may read, armor to others. armor: ciphertext to everybody.",
							 &cg_output,
							 CG_OUTPUT_AUTO,
							 output_options,
							 PGC_USERSET, 0,
							 NULL, NULL, NULL);

	DefineCustomStringVariable(CG_SCHEMA ".purpose",
							   "Purpose for which the session reads personal data.",
							   "Grants bound to a purpose count only while it is set. Set it with SET LOCAL when connections are pooled.",
							   &cg_purpose,
							   "",
							   PGC_USERSET, 0,
							   check_claim, assign_purpose, NULL);

	/* What one session knows of its statements is needed in all of them. */
	if (cg_preloaded)
		DefineCustomBoolVariable(CG_SCHEMA ".redact_log",
								 "Removes constants and parameters from what is logged of statements.",
								 "In databases with the extension, unless a statement touches no protected column. Takes effect with shared_preload_libraries.",
								 &cg_redact_log,
								 true,
								 PGC_SIGHUP, GUC_SUPERUSER_ONLY,
								 NULL, NULL, NULL);

	/* One that is fixed at start can only be made at start. */
	if (cg_preloaded)
		DefineCustomBoolVariable(CG_SCHEMA ".transparent_masking",
								 "Masks protected columns in the tables themselves.",
								 "Takes effect with shared_preload_libraries. Without it only masking views mask.",
								 &cg_transparent_masking,
								 true,
								 PGC_POSTMASTER, 0,
								 NULL, NULL, NULL);

	MarkGUCPrefixReserved(CG_SCHEMA);
}

bool
cg_masks(void)
{
	return cg_preloaded && cg_transparent_masking;
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
	if (cg_purpose != NULL && strcmp(cg_purpose, newval) == 0)
		return;
	cg_guc_generation++;
	ResetPlanCache();
	cg_claim_generation++;
}

static void
assign_kek_command(const char *newval, void *extra)
{
	assign_kek(cg_kek_command, newval);
}

static void
assign_kek_file(const char *newval, void *extra)
{
	assign_kek(cg_kek_file, newval);
}

/*
 * Reading the configuration again assigns the same values again.  The key is
 * then kept: where it was fetched from at start may be out of reach by now.
 */
static void
assign_kek(const char *oldval, const char *newval)
{
	if (oldval == NULL || strcmp(oldval, newval) != 0)
		cg_kek_generation++;
}
