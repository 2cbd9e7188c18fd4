/*
 * anchor.c
 *		Running the command that keeps a checkpoint elsewhere.
 *
 * popen() gives one direction only and waits for ever, so the command is
 * started here: in a process group of its own, which is killed as a whole when
 * it takes too long or the caller is cancelled; with standard error as the
 * server has it, and no other descriptor of the server.  The command's text
 * is not repeated in messages: it can hold credentials.
 */
#include "postgres.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "port.h"
#include "utils/timestamp.h"

#include "compat.h"

#include "anchor.h"

#define SLICE_MS	100			/* between looks at cancels and the clock */

typedef struct CgCommand
{
	pid_t		pid;			/* 0: none, or waited for */
	int			status;
	int			in;				/* its standard input, -1: closed */
	int			out;			/* its standard output, -1: closed */
} CgCommand;

static bool start(CgCommand *c, const char *command);
pg_noreturn static void become(const char *command, int in, int out);
static void feed(CgCommand *c, const char **input, Size *len);
static Size take(CgCommand *c, char *line, Size used);
static bool reap(CgCommand *c, bool wait);
static void stop(CgCommand *c);
static void tidy(char *line, Size len);

bool
cg_run_anchor(const char *command, const char *input, Size len,
			  int timeout, char receipt[CG_RECEIPT_MAX + 1])
{
	CgCommand	c;
	TimestampTz deadline;
	volatile Size used = 0;
	volatile bool late = false;
	bool		good;

	memset(receipt, 0, CG_RECEIPT_MAX + 1);
	if (!start(&c, command))
	{
		snprintf(receipt, CG_RECEIPT_MAX, "could not be started: %s",
				 strerror(errno));
		return false;
	}
	deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
										   timeout * 1000);
	PG_TRY();
	{
		while (c.pid != 0)
		{
			struct pollfd fds[2] = {{-1, 0, 0}, {-1, 0, 0}};

			CHECK_FOR_INTERRUPTS();
			fds[0].fd = c.in;
			fds[0].events = POLLOUT;
			fds[1].fd = c.out;
			fds[1].events = POLLIN;
			(void) poll(fds, 2, SLICE_MS);
			/* before reading: what it printed before it ended is there then */
			(void) reap(&c, false);
			if (fds[0].revents != 0)
				feed(&c, &input, &len);
			if (fds[1].revents != 0)
				used = take(&c, receipt, used);
			if (c.pid != 0 && GetCurrentTimestamp() >= deadline)
			{
				late = true;
				break;
			}
		}
	}
	PG_FINALLY();
	{
		stop(&c);
	}
	PG_END_TRY();

	tidy(receipt, used);
	good = !late && WIFEXITED(c.status) && WEXITSTATUS(c.status) == 0;
	if (late)
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

static bool
start(CgCommand *c, const char *command)
{
	int			in[2];
	int			out[2];
	int			save_errno;

	if (pipe(in) != 0)
		return false;
	if (pipe(out) != 0)
	{
		save_errno = errno;
		close(in[0]);
		close(in[1]);
		errno = save_errno;
		return false;
	}
	fflush(NULL);
	c->pid = fork();
	save_errno = errno;
	if (c->pid == 0)
		become(command, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	if (c->pid < 0)
	{
		close(in[1]);
		close(out[0]);
		errno = save_errno;
		return false;
	}
	/* Here, too: whoever is first, the group is there when it is killed. */
	(void) setpgid(c->pid, c->pid);
	c->in = in[1];
	c->out = out[0];
	c->status = 0;
	(void) fcntl(c->in, F_SETFL, O_NONBLOCK);
	(void) fcntl(c->out, F_SETFL, O_NONBLOCK);
	return true;
}

/* In the child.  Nothing here can raise or return. */
static void
become(const char *command, int in, int out)
{
	struct rlimit limit;
	sigset_t	none;
	int			last = 65536;
	int			fd;

	(void) setpgid(0, 0);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	(void) sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
		_exit(126);
	/* The lowest free number is always taken, so ours are not far up. */
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < (rlim_t) last)
		last = (int) limit.rlim_cur;
	for (fd = STDERR_FILENO + 1; fd < last; fd++)
		(void) close(fd);
	execl("/bin/sh", "sh", "-c", command, (char *) NULL);
	_exit(127);
}

/* A command that does not read its input has its reasons. */
static void
feed(CgCommand *c, const char **input, Size *len)
{
	ssize_t		n = write(c->in, *input, *len);

	if (n > 0)
	{
		*input += n;
		*len -= n;
	}
	if (*len == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
	{
		close(c->in);
		c->in = -1;
	}
}

/* Keep the beginning of the output; the rest is read and dropped. */
static Size
take(CgCommand *c, char *line, Size used)
{
	char		rest[4096];
	ssize_t		n;

	if (used < CG_RECEIPT_MAX)
	{
		n = read(c->out, line + used, CG_RECEIPT_MAX - used);
		if (n > 0)
			used += n;
	}
	else
		n = read(c->out, rest, sizeof(rest));
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
	{
		close(c->out);
		c->out = -1;
	}
	return used;
}

static bool
reap(CgCommand *c, bool wait)
{
	pid_t		pid;

	do
		pid = waitpid(c->pid, &c->status, wait ? 0 : WNOHANG);
	while (pid < 0 && errno == EINTR);
	if (pid == 0)
		return false;
	/* Somebody else's waiting for any child can only be an error. */
	if (pid < 0)
		c->status = 127 << 8;
	c->pid = 0;
	return true;
}

static void
stop(CgCommand *c)
{
	if (c->pid != 0)
	{
		(void) kill(-c->pid, SIGKILL);
		(void) kill(c->pid, SIGKILL);
		(void) reap(c, true);
	}
	if (c->in >= 0)
		close(c->in);
	if (c->out >= 0)
		close(c->out);
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
