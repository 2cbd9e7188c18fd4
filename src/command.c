/*
 * command.c
 *		Running a shell command of the configuration.
 *
 * popen() gives one direction only and waits for ever, so the command is
 * started here: in a process group of its own, which is killed as a whole when
 * it takes too long or the caller is cancelled; with standard error as the
 * server has it, unless it shall say nothing, and no other descriptor of the
 * server.  The command's text is not repeated in messages: it can hold
 * credentials.
 *
 * The postmaster may call this, too, before it serves: signals are blocked
 * there, but not for the command.
 */
#include "postgres.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "compat.h"

#include "command.h"
#include "wipe.h"

#define SLICE_MS	100			/* between looks at cancels and the clock */

typedef struct CgProcess
{
	pid_t		pid;			/* 0: none, or waited for */
	int			status;
	int			in;				/* its standard input, -1: closed */
	int			out;			/* its standard output, -1: closed */
} CgProcess;

static bool start(CgProcess *p, const CgCommand *c);
pg_noreturn static void become(const CgCommand *c, int in, int out);
static void feed(CgProcess *p, const char **input, Size *len);
static void take(CgProcess *p, CgCommand *c);
static bool reap(CgProcess *p, bool wait);
static void stop(CgProcess *p);

bool
cg_run_command(CgCommand *c)
{
	CgProcess	p;
	TimestampTz deadline;
	const char *input = c->input;
	Size		len = c->input_len;

	c->len = 0;
	c->late = false;
	if (!start(&p, c))
		return false;
	deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
										   c->timeout * 1000);
	PG_TRY();
	{
		while (p.pid != 0)
		{
			struct pollfd fds[2] = {{-1, 0, 0}, {-1, 0, 0}};

			CHECK_FOR_INTERRUPTS();
			fds[0].fd = p.in;
			fds[0].events = POLLOUT;
			fds[1].fd = p.out;
			fds[1].events = POLLIN;
			(void) poll(fds, 2, SLICE_MS);
			/* before reading: what it printed before it ended is there then */
			(void) reap(&p, false);
			if (fds[0].revents != 0)
				feed(&p, &input, &len);
			if (fds[1].revents != 0)
				take(&p, c);
			if (p.pid != 0 && GetCurrentTimestamp() >= deadline)
			{
				c->late = true;
				break;
			}
		}
		/* It may have printed, and ended, since poll() returned. */
		if (p.pid == 0 && p.out >= 0)
			take(&p, c);
	}
	PG_FINALLY();
	{
		stop(&p);
		c->status = p.status;
	}
	PG_END_TRY();
	return true;
}

static bool
start(CgProcess *p, const CgCommand *c)
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
	(void) fflush(NULL);
	p->pid = fork();
	save_errno = errno;
	if (p->pid == 0)
		become(c, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	if (p->pid < 0)
	{
		close(in[1]);
		close(out[0]);
		errno = save_errno;
		return false;
	}
	/* Here, too: whoever is first, the group is there when it is killed. */
	(void) setpgid(p->pid, p->pid);
	p->in = in[1];
	p->out = out[0];
	p->status = 0;
	(void) fcntl(p->in, F_SETFL, O_NONBLOCK);
	(void) fcntl(p->out, F_SETFL, O_NONBLOCK);
	if (c->input_len == 0)
	{
		close(p->in);
		p->in = -1;
	}
	return true;
}

/* In the child.  Nothing here can raise or return. */
static void
become(const CgCommand *c, int in, int out)
{
	struct rlimit limit;
	sigset_t	none;
	int			last = 65536;
	int			fd;

	(void) setpgid(0, 0);
	(void) signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	(void) sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
		_exit(126);
	if (c->quiet)
	{
		fd = open("/dev/null", O_WRONLY);
		if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
			_exit(126);
	}
	/* The lowest free number is always taken, so ours are not far up. */
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < (rlim_t) last)
		last = (int) limit.rlim_cur;
	for (fd = STDERR_FILENO + 1; fd < last; fd++)
		(void) close(fd);
	execl("/bin/sh", "sh", "-c", c->command, (char *) NULL);
	_exit(127);
}

/* A command that does not read its input has its reasons. */
static void
feed(CgProcess *p, const char **input, Size *len)
{
	ssize_t		n = write(p->in, *input, *len);

	if (n > 0)
	{
		*input += n;
		*len -= n;
	}
	if (*len == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
	{
		close(p->in);
		p->in = -1;
	}
}

static void
take(CgProcess *p, CgCommand *c)
{
	char		rest[4096];
	ssize_t		n;

	if (c->len < c->cap)
	{
		n = read(p->out, c->out + c->len, c->cap - c->len);
		if (n > 0)
			c->len += n;
	}
	else if (c->whole)
	{
		n = read(p->out, rest, sizeof(rest));
		cg_wipe(rest, sizeof(rest));
	}
	else
		n = 0;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
	{
		close(p->out);
		p->out = -1;
	}
}

static bool
reap(CgProcess *p, bool wait)
{
	pid_t		pid;

	do
		pid = waitpid(p->pid, &p->status, wait ? 0 : WNOHANG);
	while (pid < 0 && errno == EINTR);
	if (pid == 0)
		return false;
	/* Somebody else's waiting for any child can only be an error. */
	if (pid < 0)
		p->status = 127 << 8;
	p->pid = 0;
	return true;
}

static void
stop(CgProcess *p)
{
	if (p->pid != 0)
	{
		(void) kill(-p->pid, SIGKILL);
		(void) kill(p->pid, SIGKILL);
		(void) reap(p, true);
	}
	if (p->in >= 0)
		close(p->in);
	if (p->out >= 0)
		close(p->out);
}
