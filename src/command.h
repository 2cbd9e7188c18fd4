/*
 * command.h
 *		Running a shell command of the configuration.
 */
#ifndef CG_COMMAND_H
#define CG_COMMAND_H

typedef struct CgCommand
{
	const char *command;
	const char *input;			/* for its standard input */
	Size		input_len;
	int			timeout;		/* seconds */
	bool		quiet;			/* its standard error is thrown away */
	bool		whole;			/* what it prints too much is read and
								 * dropped; else its output is closed */
	char	   *out;			/* receives the beginning of what it prints */
	Size		cap;
	Size		len;			/* set: bytes in out */
	int			status;			/* set: as waitpid() gives it */
	bool		late;			/* set: it took too long, and was killed */
} CgCommand;

/* False, and errno, if it cannot be started.  A cancel kills it. */
extern bool cg_run_command(CgCommand *c);

#endif							/* CG_COMMAND_H */
