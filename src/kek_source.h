/*
 * kek_source.h
 *		Fetching a key-encryption key (KEK) from where settings point.
 */
#ifndef CG_KEK_SOURCE_H
#define CG_KEK_SOURCE_H

#include "keywrap.h"

/* Two settings that say where a KEK comes from; the first takes precedence. */
typedef struct CgKekSource
{
	const char *command;
	const char *command_setting;
	const char *file;
	const char *file_setting;
} CgKekSource;

/* Does the source name a command or a file? */
extern bool cg_kek_source_set(const CgKekSource *source);

/* Errors: CG_ERRCODE_KEK_MISSING, _INVALID, _INSECURE. */
extern void cg_kek_fetch(const CgKekSource *source, uint8 key[CG_KEK_LEN]);

/*
 * Read up to max bytes of a file that holds a secret: a regular file of the
 * server's user or root without access for others.  setting names what points
 * to it.  Same errors.
 */
extern Size cg_read_secret_file(const char *path, const char *setting,
								char *text, Size max);

#endif							/* CG_KEK_SOURCE_H */
