/*
 * journal_frame.h
 *		The bytes of the disclosure journal: records and lists of subjects.
 *
 * A journal file is a row of frames, integers big-endian:
 *
 *	offset	bytes	field
 *	0		4		"CGJ" and format version 2
 *	4		4		length of the frame
 *	8		4		CRC-32C of all that follows
 *	12		8		clock when it was written (microseconds since 2000)
 *	20		16		node: whose spool directory it was written to
 *	36		4		database, as OID; 0 for what happens outside of any
 *	40		8		session number, 0 if there is none
 *	48		4		process; of a parallel worker its leader's
 *	52		4		process that wrote it, and
 *	56		8		when that began (microseconds since 2000)
 *	64		8		number among the frames of that process and database, from 1
 *	72		32		MAC of the frame before that one; zeros if it has none
 *	104		8		statement of that process, 0 for what is outside of any
 *	112		8		query: first 8 bytes of the SHA-256 of its text, 0: unknown
 *	120		4		acting role, as OID
 *	124		4		role that logged in, as OID
 *	128		4		relation, as OID
 *	132		2		flags
 *	134		2		version of the key, 0 if there is neither MAC nor list
 *	136		8		values disclosed
 *	144		...		CG_FRAME_TEXTS texts: length (2), bytes
 *			2		number of columns
 *			4		bytes of the columns
 *			...		columns: number (2), length of the name (2), name
 *			4		length of the sealed list of subjects, 0 if there is none
 *			...		that list, see journal_stream.h
 *			32		HMAC-SHA-256 of all before it but the CRC; zeros if there
 *					is none
 *
 * What a statement discloses of a relation to a user is one frame with
 * CG_FRAME_INTENT, written before the first value is given away, with that
 * value.  If there are more, batches follow, of which the last one has
 * CG_FRAME_LAST.  They have writer, start, statement, role and relation in
 * common.  An intent is complete if there is its last batch or a later frame
 * (a greater number) of another statement of that writer.  Otherwise its
 * process is at work or idle; or it died, or could not write any more, and
 * may have disclosed more than the journal has.
 *
 * The CRC finds torn frames, the MAC forged ones.  Number and MAC of the frame
 * before chain those of a process (in a database) together, so that one which
 * was taken out is missed.  A reader that meets bytes that are no frame looks
 * for the next one, since others append after a torn one.
 *
 * A list of subjects before it is sealed: number of integers, then these in
 * ascending order, the first one zigzag-coded, of the others the differences;
 * number of texts, then for each its length and bytes.  Numbers, lengths and
 * integers are LEB128.
 */
#ifndef CG_JOURNAL_FRAME_H
#define CG_JOURNAL_FRAME_H

#include "digest.h"
#include "status.h"

#define CG_FRAME_MAGIC		"CGJ\2"
#define CG_FRAME_CRC_START	12
#define CG_FRAME_NODE_LEN	16
#define CG_FRAME_MIN		204 /* no text, no column, no subject */
#define CG_FRAME_MAX		(640 * 1024)

#define CG_FRAME_NO_KEY		0x0001	/* subjects left out for want of a key */
#define CG_FRAME_CUT		0x0002	/* a long text or subject was cut */
#define CG_FRAME_INTENT		0x0004	/* the first value; more may follow */
#define CG_FRAME_LAST		0x0008	/* the statement's last batch of these */
#define CG_FRAME_VERIFIED	0x0010	/* the application user is proved */
#define CG_FRAME_SUPERUSER	0x0020	/* one of the two roles was a superuser */

/* Texts of CG_FRAME_KIND that are not names of events. */
#define CG_FRAME_READ		"read"	/* intents and batches */
#define CG_FRAME_QUERY		"query" /* the detail is the text of a query */
#define CG_FRAME_END		"end"	/* of a process, all of it complete */

enum
{
	CG_FRAME_KIND,
	CG_FRAME_USER,
	CG_FRAME_LOGIN,
	CG_FRAME_APP_USER,
	CG_FRAME_PURPOSE,
	CG_FRAME_APPLICATION,
	CG_FRAME_ADDRESS,
	CG_FRAME_RELATION,
	CG_FRAME_DETAIL,
	CG_FRAME_TEXTS
};

typedef struct CgFrameText
{
	const char *s;				/* not terminated */
	uint16_t	len;
} CgFrameText;

/* node, previous and mac point to that many bytes; begin takes NULL, too. */
typedef struct CgFrame
{
	int64_t		ts;
	const uint8_t *node;		/* CG_FRAME_NODE_LEN */
	uint32_t	database;
	int64_t		session;
	uint32_t	pid;
	uint32_t	writer;
	int64_t		started;
	uint64_t	number;
	const uint8_t *previous;	/* CG_SHA256_LEN */
	uint64_t	statement;
	uint64_t	query;
	uint32_t	user;
	uint32_t	login;
	uint32_t	relation;
	uint16_t	flags;
	uint16_t	key_version;
	uint64_t	values;
	CgFrameText text[CG_FRAME_TEXTS];
	const uint8_t *text_bytes;	/* begin: the texts as cg_frame_put_texts() */
	size_t		text_len;		/* gave them, if not NULL */
	uint16_t	columns;
	const uint8_t *column_bytes;
	size_t		column_len;
	const uint8_t *sealed;		/* set by decode only, */
	size_t		sealed_len;
	const uint8_t *mac;			/* and so are these CG_SHA256_LEN bytes */
} CgFrame;

/*
 * Write all of a frame before its sealed list; returns its length, or 0 if
 * that, room bytes more and the MAC do not fit.  The list is put there by the
 * caller, and cg_frame_end() sets the lengths and a MAC of zeros; it returns
 * the length of the frame.
 */
extern size_t cg_frame_begin(const CgFrame *frame, size_t room,
							 uint8_t *out, size_t cap);
extern size_t cg_frame_end(uint8_t *out, size_t begun, size_t sealed_len);

/*
 * The texts of a frame as it has them; out holds cg_frame_texts_len().
 * For frames of which many have the same.
 */
extern size_t cg_frame_texts_len(const CgFrame *frame);
extern size_t cg_frame_put_texts(const CgFrame *frame, uint8_t *out);

/*
 * The MAC of a frame of that length, at least CG_FRAME_MIN: what its last
 * CG_SHA256_LEN bytes should be.  CG_E_CRYPTO.
 */
extern CgStatus cg_frame_mac(CgHmac *hmac, const uint8_t *data, size_t len,
							 uint8_t *mac);

/*
 * Length of the frame that begins here, of which at least CG_FRAME_CRC_START
 * bytes are given; 0 if none does.
 */
extern size_t cg_frame_length(const uint8_t *data);

/* Take a frame of that length apart: CG_E_FORMAT.  Checks no CRC. */
extern CgStatus cg_frame_decode(const uint8_t *data, size_t len,
								CgFrame *frame);

/* One column of column_bytes: its bytes, and how they are read. */
#define CG_FRAME_COLUMN_MAX 4	/* and the name */
extern size_t cg_frame_put_column(uint8_t *out, int16_t number,
								  const char *name, uint16_t len);
extern bool cg_frame_column(const CgFrame *frame, size_t *cursor,
							int16_t *number, CgFrameText *name);

/* LEB128: at most CG_VARINT_MAX bytes; returns how many. */
#define CG_VARINT_MAX		10
extern size_t cg_put_varint(uint8_t *out, uint64_t v);

/*
 * Pack distinct integers in ascending order; out must hold CG_VARINT_MAX
 * bytes for each and once more.  Returns the number of bytes.
 */
extern size_t cg_put_integers(uint8_t *out, const int64_t *value, size_t n);

/* Reading a list of subjects. */
typedef struct CgSubjects
{
	const uint8_t *p;
	const uint8_t *end;
	uint64_t	integers;		/* left */
	uint64_t	texts;			/* left, once the integers are read */
	bool		in_texts;
	bool		first;
	uint64_t	last;
} CgSubjects;

typedef struct CgSubject
{
	const char *text;			/* NULL: an integer */
	size_t		len;
	int64_t		value;
} CgSubject;

/* False at the end, and then *status tells whether the list was sound. */
extern void cg_subjects_begin(CgSubjects *list, const uint8_t *data,
							  size_t len);
extern bool cg_subjects_next(CgSubjects *list, CgSubject *subject,
							 CgStatus *status);

#endif							/* CG_JOURNAL_FRAME_H */
