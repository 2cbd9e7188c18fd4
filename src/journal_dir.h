/*
 * journal_dir.h
 *		The spool directory: which node it is of, and its segments.
 */
#ifndef CG_JOURNAL_DIR_H
#define CG_JOURNAL_DIR_H

#include "journal_frame.h"

/* By default: relative to the data directory, where a server process is. */
#define CG_JOURNAL_PARENT	"cipguard"
#define CG_JOURNAL_DIR		CG_JOURNAL_PARENT "/journal"

#define CG_NODE_TEXT		(2 * CG_FRAME_NODE_LEN)

/*
 * A segment is named DATABASE.NODE.YYYYMM.NUMBER (8 and 32 hexadecimal, 6 and
 * 6 decimal digits), so the names of one database and node sort in the order
 * in which they were begun.
 */
typedef struct CgSegment
{
	Oid			database;
	char		node[CG_NODE_TEXT + 1];
	int			month;			/* YYYYMM */
	uint32		number;			/* from 1 */
} CgSegment;

/* Why something could not be done; errno tells more. */
typedef struct CgSpoolFault
{
	const char *what;			/* as in: could not <what> "<path>" */
	char		path[MAXPGPATH];
} CgSpoolFault;

/* Path of the spool directory: the setting, or the default. */
extern const char *cg_journal_directory(void);

/* The node of this server, CG_NODE_TEXT + 1 bytes; false if it has none yet. */
extern bool cg_journal_node(char *node);

/*
 * The name of a segment, and back; false if a name is not exactly one of a
 * segment.
 */
extern void cg_segment_name(const CgSegment *segment, char *name, Size size);
extern bool cg_segment_parse(const char *name, CgSegment *segment);

/*
 * Open the segment that frames of a database and month are to be appended to,
 * and make it if there is none or the last one has that many bytes.  Sets
 * segment, its path, and the 16 bytes of its node.  Returns a descriptor, or
 * -1 with fault and errno.  Throws nothing and allocates nothing.
 */
extern int	cg_segment_open(Oid database, int month, off_t limit,
							CgSegment *segment, char *path, uint8 *node,
							CgSpoolFault *fault);

#endif							/* CG_JOURNAL_DIR_H */
