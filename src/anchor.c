/*
 * anchor.c
 *		Running the command that keeps a checkpoint elsewhere.
 */
#include "postgres.h"

#include <sys/wait.h>

#include "mb/pg_wchar.h"
#include "port.h"

#include "anchor.h"
#include "command.h"

static void tidy(char *line, Size len);

bool
cg_run_anchor(const char *command, const char *input, Size len,
			  int timeout, char receipt[CG_RECEIPT_MAX + 1])
{
	CgCommand	c = {.command = command,.input = input,.input_len = len,
		.timeout = timeout,.whole = true,.out = receipt,.cap = CG_RECEIPT_MAX
	};
	bool		good;

	memset(receipt, 0, CG_RECEIPT_MAX + 1);
	if (!cg_run_command(&c))
	{
		snprintf(receipt, CG_RECEIPT_MAX, "could not be started: %s",
				 strerror(errno));
		return false;
	}
	tidy(receipt, c.len);
	good = !c.late && WIFEXITED(c.status) && WEXITSTATUS(c.status) == 0;
	if (c.late)
		snprintf(receipt, CG_RECEIPT_MAX, "was killed after %d seconds",
				 timeout);
	else if (!good && receipt[0] == '\0')
	{
		char	   *reason = wait_result_to_str(c.status);

		strlcpy(receipt, reason, CG_RECEIPT_MAX);
		pfree(reason);
	}
	return good;
}

/* The first line, if it is text of this database. */
static void
tidy(char *line, Size len)
{
	Size		i;

	for (i = 0; i < len && line[i] != '\n' && line[i] != '\0'; i++)
		if ((unsigned char) line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	line[i] = '\0';
	/* cut where a character begins */
	line[pg_mbcliplen(line, i, CG_RECEIPT_MAX)] = '\0';
	if (pg_verifymbstr(line, strlen(line), true))
		return;
	for (i = 0; line[i] != '\0'; i++)
		if (IS_HIGHBIT_SET(line[i]))
			line[i] = '?';
}
