/*
 * event_login.c
 *		Who logged in, and who could not.
 *
 * Authentication happens before the database is known to exist, so these
 * events go to the journal under no database.  What pg_hba.conf rejects never
 * gets so far, and the server log has it.  A client that hangs up when it is
 * asked for a password, as psql does before it asks the user, is no failure.
 *
 * Names are those of the client, even if there is no such role or database.
 * The detail begins with the database, which will take the record over.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "libpq/auth.h"
#include "libpq/hba.h"
#include "libpq/libpq-be.h"

#include "compat.h"

#include "cipguard.h"
#include "event.h"
#include "guc.h"
#include "journal.h"

static void note_login(Port *port, int status);

static ClientAuthentication_hook_type prev_login = NULL;

void
cg_event_init(void)
{
	if (!cg_preloaded)
		return;
	prev_login = ClientAuthentication_hook;
	ClientAuthentication_hook = note_login;
}

static void
note_login(Port *port, int status)
{
	if (prev_login)
		prev_login(port, status);
	if (status == STATUS_EOF || cg_log_logins == CG_LOGINS_OFF ||
		(status == STATUS_OK && cg_log_logins != CG_LOGINS_ALL))
		return;
	cg_journal_event(status == STATUS_OK ? "login" : "login failed",
					 InvalidOid,
					 psprintf("database %s: user %s from %s by %s",
							  cg_login_quoted(port->database_name),
							  cg_login_quoted(port->user_name),
							  port->remote_host,
							  port->hba == NULL ? "no rule" :
							  hba_authname(port->hba->auth_method)));
}

/*
 * Whoever reaches the server chooses these names: none must look like the end
 * of the name, and another one.
 */
char *
cg_login_quoted(const char *name)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '"');
	for (; *name != '\0'; name++)
	{
		if (*name == '"')
			appendStringInfoChar(&buf, '"');
		appendStringInfoChar(&buf, (unsigned char) *name < ' ' ||
							 *name == '\177' ? '?' : *name);
	}
	appendStringInfoChar(&buf, '"');
	return buf.data;
}
