/*
 * journal_read.h
 *		Reading the segments of the spool.
 */
#ifndef CG_JOURNAL_READ_H
#define CG_JOURNAL_READ_H

#include "nodes/pg_list.h"

#include "digest.h"
#include "journal_dir.h"

/* A segment that is in the directory. */
typedef struct CgSpoolFile
{
	CgSegment	segment;
	char		path[MAXPGPATH];
	uint8		node[CG_FRAME_NODE_LEN];
	uint8		head[CG_SHA256_LEN];	/* digest of its first bytes */
	off_t		size;			/* when it was listed */
	bool		current;		/* there is no younger one of its node */
} CgSpoolFile;

/*
 * List of CgSpoolFile of a database, in the order in which they were begun;
 * those in which there is no whole frame yet are left out.  Errors: those of
 * reading files.
 */
extern List *cg_spool_files(Oid database);

typedef struct CgSpoolReader
{
	const CgSpoolFile *file;
	int			fd;
	off_t		size;			/* when it was opened */
	off_t		pos;			/* of the last frame that was returned */
	off_t		sound;			/* its end, or where reading began */
	off_t		skipped;		/* bytes between frames that are none */
	off_t		start;			/* bytes [start, end) are in buffer */
	off_t		end;
	const uint8 *buffer;
	uint8	   *memory;			/* that is it, CG_FRAME_MAX; NULL: no file */
} CgSpoolReader;

/* Begin behind `from` bytes; false if the file is gone. */
extern bool cg_spool_open(CgSpoolReader *reader, const CgSpoolFile *file,
						  off_t from);

/* Read bytes instead, which are those of a segment behind `from`. */
extern void cg_spool_open_bytes(CgSpoolReader *reader, const uint8 *data,
								Size len, off_t from);

/*
 * The next whole frame whose CRC is right, valid until the next call; NULL if
 * there is none up to the end of the file.
 */
extern const uint8 *cg_spool_next(CgSpoolReader *reader, Size *len);
extern void cg_spool_close(CgSpoolReader *reader);	/* a file */

#endif							/* CG_JOURNAL_READ_H */
