/*
 * audit_leaf.h
 *		The canonical encoding of audit events, and its hash.
 *
 * This is the reference for checkers outside of the server.  An event is a
 * row of a table of the log.  Its encoding, "cipguard.audit.v1", is
 *
 *	"cipguard.audit.v1"		17 bytes
 *	table					1 byte, see CgLeafTag
 *	log						16 bytes, uuid of cipguard.audit_identity
 *	columns					all of them, in the order of the table
 *
 * and a column is 0xFFFFFFFF if null, else the number of bytes of its value
 * (4 bytes) and the value.  Integers are big-endian everywhere.  A value is
 *
 *	bigint, xid8			8 bytes
 *	timestamptz				8 bytes, microseconds since 2000-01-01 00:00 UTC
 *	integer, oid			4 bytes
 *	smallint				2 bytes
 *	boolean, "char"			1 byte; true is 1
 *	text, bytea				its bytes, text in the encoding of the database
 *	inet					family (2: IPv4, 3: IPv6), bits of the netmask, 0,
 *							length of the address (1 byte each), the address
 *	array					number of elements (4 bytes), then each of them: of
 *							fixed length as it is, else as a column
 *
 * The leaf of the event is SHA-256(0x00 || encoding), as in RFC 6962.  An
 * array with several dimensions, another lower bound than 1, or a null among
 * integers, which the log never has, is 0xFFFFFFFE and its bytes in the
 * server, so that somebody who writes one changes the hash.
 */
#ifndef CG_AUDIT_LEAF_H
#define CG_AUDIT_LEAF_H

#include "access/htup.h"
#include "lib/stringinfo.h"
#include "utils/relcache.h"
#include "utils/uuid.h"

#include "digest.h"

/* The tables of the log. */
typedef enum CgLeafTag
{
	CG_LEAF_EVENT = 1,			/* audit_event */
	CG_LEAF_SESSION = 2,		/* audit_session */
	CG_LEAF_SCHEMA = 3,			/* audit_schema */
	CG_LEAF_PURGE = 4,			/* audit_purge */
	CG_LEAF_QUERY = 5			/* audit_query */
} CgLeafTag;

/* What is to be known of a table to encode its rows. */
typedef struct CgLeafColumn
{
	uint8		kind;
	uint8		element;		/* kind of the elements of an array */
	int16		len;			/* -1: of variable length */
	uint8		align;			/* bytes */
} CgLeafColumn;

typedef struct CgLeafCoder
{
	CgLeafTag	tag;
	bool		tolerant;		/* values that cannot be read are malformed */
	int			ncolumns;
	CgLeafColumn *columns;
	int			seq;			/* columns, from 0 ... */
	int			xid;
	Size		seq_offset;		/* ... and where they are in a row */
	Size		xid_offset;
	uint8		prefix[17 + 1 + UUID_LEN];
} CgLeafCoder;

/* Order of the log. */
typedef struct CgLeaf
{
	uint64		xid;
	int64		seq;
	uint8		hash[CG_SHA256_LEN];
} CgLeaf;

/*
 * Set up a coder for the rows of a table of the log.  Its memory is from the
 * current context; an error if the table has lost a column.
 */
extern void cg_leaf_begin(CgLeafCoder *coder, Relation rel, CgLeafTag tag,
						  const pg_uuid_t *log_id);

/* Position of a row in the log; false if the row is malformed. */
extern bool cg_leaf_position(const CgLeafCoder *coder, HeapTuple tuple,
							 CgLeaf *leaf);

/* Hash of a row; false if the row is malformed. */
extern bool cg_leaf_hash(const CgLeafCoder *coder, HeapTuple tuple,
						 uint8 hash[CG_SHA256_LEN]);

/* Append the encoding itself; false if the row is malformed. */
extern bool cg_leaf_encode(const CgLeafCoder *coder, HeapTuple tuple,
						   StringInfo out);

/* Append to an array that grows. */
extern void cg_leaf_push(CgLeaf **leaves, int64 *n, int64 *room,
						 const CgLeaf *leaf);

/* For qsort: the order of the log. */
extern int	cg_leaf_compare(const void *a, const void *b);

#endif							/* CG_AUDIT_LEAF_H */
