/*
 * audit_leaf.c
 *		The canonical encoding of audit events, and its hash.
 *
 * Rows are walked here and not by heap_deform_tuple(), because what is to be
 * verified can have been written by somebody with a hex editor: a length that
 * points out of the row must make a malformed row, not a crash.
 *
 * Short values are gathered in a buffer, so that most rows are hashed in one
 * call; long ones are hashed where they are.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "postgres.h"

#include <openssl/sha.h>

#include "access/detoast.h"
#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/resowner.h"

#include "compat.h"

#include "audit_leaf.h"
#include "bytes.h"

#define VERSION_TAG		"cipguard.audit.v1"
#define NULL_LENGTH		0xFFFFFFFF
#define RAW_LENGTH		0xFFFFFFFE
#define GATHERED		2048

enum
{
	KIND_FIXED,					/* 1, 2, 4 or 8 bytes, by len */
	KIND_BYTES,
	KIND_INET,
	KIND_ARRAY
};

/* Where the encoding goes: into a string, or into a hash. */
typedef struct CgSink
{
	StringInfo	out;			/* NULL: hash */
	size_t		used;
	SHA256_CTX	sha;
	uint8		buffer[GATHERED];
} CgSink;

static void describe(CgLeafColumn *column, Oid type);
static bool walk(const CgLeafCoder *coder, HeapTuple tuple, CgSink *sink);
static bool put_varlena(const CgLeafCoder *coder,
						const CgLeafColumn *column, struct varlena *value,
						CgSink *sink);
static struct varlena *fetch(const CgLeafCoder *coder, struct varlena *value);
static void put_array(const CgLeafColumn *column, ArrayType *array,
					  CgSink *sink);
static bool check_array(const CgLeafColumn *column, const char *data,
						Size size, int n, const uint8 *bitmap, Size *payload,
						CgSink *sink);
static void put_inet(const uint8 *data, Size len, CgSink *sink);
static void put_fixed(const char *p, int len, CgSink *sink);
static void put_length(uint32 len, CgSink *sink);
static void put(CgSink *sink, const void *data, Size len);
static void flush(CgSink *sink);

void
cg_leaf_begin(CgLeafCoder *coder, Relation rel, CgLeafTag tag,
			  const pg_uuid_t *log_id)
{
	TupleDesc	desc = RelationGetDescr(rel);
	Size		offset = 0;
	int			i;

	memset(coder, 0, sizeof(*coder));
	coder->tag = tag;
	coder->ncolumns = desc->natts;
	coder->columns = palloc0(desc->natts * sizeof(CgLeafColumn));
	coder->seq = coder->xid = -1;
	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		CgLeafColumn *column = &coder->columns[i];

		if (att->attisdropped)
			elog(ERROR, "table \"%s\" of the audit log has lost a column",
				 RelationGetRelationName(rel));
		describe(column, att->atttypid);
		column->len = att->attlen;
		column->align = att->attalign == TYPALIGN_CHAR ? 1 :
			att->attalign == TYPALIGN_SHORT ? 2 :
			att->attalign == TYPALIGN_INT ? 4 : 8;
		if (coder->seq < 0 || coder->xid < 0)
		{
			/* What comes before these is of fixed length and not null. */
			offset = TYPEALIGN(column->align, offset);
			if (strcmp(NameStr(att->attname), "seq") == 0)
			{
				coder->seq = i;
				coder->seq_offset = offset;
			}
			else if (strcmp(NameStr(att->attname), "xid") == 0)
			{
				coder->xid = i;
				coder->xid_offset = offset;
			}
			if (att->attlen != sizeof(int64))
				break;
			offset += att->attlen;
		}
	}
	if (i < desc->natts || coder->seq < 0 || coder->xid < 0)
		elog(ERROR, "table \"%s\" is none of the audit log",
			 RelationGetRelationName(rel));
	memcpy(coder->prefix, VERSION_TAG, 17);
	coder->prefix[17] = (uint8) tag;
	memcpy(coder->prefix + 18, log_id->data, UUID_LEN);
}

static void
describe(CgLeafColumn *column, Oid type)
{
	switch (type)
	{
		case INT8OID:
		case XID8OID:
		case TIMESTAMPTZOID:
		case INT4OID:
		case OIDOID:
		case INT2OID:
		case BOOLOID:
		case CHAROID:
			column->kind = KIND_FIXED;
			break;
		case TEXTOID:
		case BYTEAOID:
			column->kind = KIND_BYTES;
			break;
		case INETOID:
			column->kind = KIND_INET;
			break;
		case INT2ARRAYOID:
			column->kind = KIND_ARRAY;
			column->element = sizeof(int16);
			break;
		case OIDARRAYOID:
			column->kind = KIND_ARRAY;
			column->element = sizeof(Oid);
			break;
		case INT8ARRAYOID:
			column->kind = KIND_ARRAY;
			column->element = sizeof(int64);
			break;
		case TEXTARRAYOID:
			column->kind = KIND_ARRAY;
			break;
		default:
			elog(ERROR, "type %u has no canonical encoding", type);
	}
}

bool
cg_leaf_position(const CgLeafCoder *coder, HeapTuple tuple, CgLeaf *leaf)
{
	HeapTupleHeader header = tuple->t_data;
	const char *data = (const char *) header + header->t_hoff;
	Size		len;

	if (tuple->t_len < header->t_hoff)
		return false;
	len = tuple->t_len - header->t_hoff;
	if (coder->seq_offset + sizeof(int64) > len ||
		coder->xid_offset + sizeof(int64) > len ||
		HeapTupleHeaderGetNatts(header) <= Max(coder->seq, coder->xid))
		return false;
	if (HeapTupleHasNulls(tuple) &&
		header->t_hoff < SizeofHeapTupleHeader +
		BITMAPLEN(HeapTupleHeaderGetNatts(header)))
		return false;
	if (HeapTupleHasNulls(tuple) && (att_isnull(coder->seq, header->t_bits) ||
									 att_isnull(coder->xid, header->t_bits)))
		return false;
	memcpy(&leaf->seq, data + coder->seq_offset, sizeof(int64));
	memcpy(&leaf->xid, data + coder->xid_offset, sizeof(int64));
	return true;
}

bool
cg_leaf_hash(const CgLeafCoder *coder, HeapTuple tuple,
			 uint8 hash[CG_SHA256_LEN])
{
	CgSink		sink;

	sink.out = NULL;
	sink.used = 0;
	if (SHA256_Init(&sink.sha) != 1)
		elog(ERROR, "SHA-256 is not available");
	put(&sink, "", 1);
	if (!walk(coder, tuple, &sink))
		return false;
	flush(&sink);
	SHA256_Final(hash, &sink.sha);
	return true;
}

bool
cg_leaf_encode(const CgLeafCoder *coder, HeapTuple tuple, StringInfo out)
{
	CgSink		sink;

	sink.out = out;
	sink.used = 0;
	return walk(coder, tuple, &sink);
}

void
cg_leaf_push(CgLeaf **leaves, int64 *n, int64 *room, const CgLeaf *leaf)
{
	if (*n == *room)
	{
		*room = Max(*room * 2, 256);
		if (*leaves == NULL)
			*leaves = palloc(*room * sizeof(CgLeaf));
		else
			*leaves = repalloc_huge(*leaves, *room * sizeof(CgLeaf));
	}
	(*leaves)[(*n)++] = *leaf;
}

int
cg_leaf_compare(const void *a, const void *b)
{
	const CgLeaf *p = a;
	const CgLeaf *q = b;

	if (p->xid != q->xid)
		return p->xid < q->xid ? -1 : 1;
	if (p->seq != q->seq)
		return p->seq < q->seq ? -1 : 1;
	return memcmp(p->hash, q->hash, sizeof(p->hash));
}

/* Encode a row.  Nothing outside of t_len bytes is looked at. */
static bool
walk(const CgLeafCoder *coder, HeapTuple tuple, CgSink *sink)
{
	HeapTupleHeader header = tuple->t_data;
	char	   *data = (char *) header + header->t_hoff;
	int			natts = HeapTupleHeaderGetNatts(header);
	Size		len;
	Size		off = 0;
	int			i;

	if (tuple->t_len < header->t_hoff || natts > coder->ncolumns ||
		header->t_hoff != MAXALIGN(header->t_hoff) ||
		(HeapTupleHasNulls(tuple) &&
		 header->t_hoff < SizeofHeapTupleHeader + BITMAPLEN(natts)))
		return false;
	len = tuple->t_len - header->t_hoff;

	put(sink, coder->prefix, sizeof(coder->prefix));
	for (i = 0; i < coder->ncolumns; i++)
	{
		const CgLeafColumn *column = &coder->columns[i];
		struct varlena *value;
		Size		size;

		if (i >= natts ||
			(HeapTupleHasNulls(tuple) && att_isnull(i, header->t_bits)))
		{
			put_length(NULL_LENGTH, sink);
			continue;
		}
		if (column->len > 0)
		{
			off = TYPEALIGN(column->align, off);
			if (off + column->len > len)
				return false;
			put_length(column->len, sink);
			put_fixed(data + off, column->len, sink);
			off += column->len;
			continue;
		}

		/* A byte that is not zero begins an unaligned, short header. */
		if (off < len && data[off] == 0)
			off = TYPEALIGN(column->align, off);
		if (off >= len)
			return false;
		value = (struct varlena *) (data + off);
		if (VARATT_IS_1B_E(value))
		{
			size = VARHDRSZ_EXTERNAL + sizeof(struct varatt_external);
			if (off + size > len || VARTAG_1B_E(value) != VARTAG_ONDISK)
				return false;
		}
		else if (VARATT_IS_1B(value))
			size = VARSIZE_1B(value);
		else
		{
			/* The server has these aligned, and so some machines need them. */
			if (off + VARHDRSZ > len || off != INTALIGN(off))
				return false;
			size = VARSIZE_4B(value);
			if (size < (VARATT_IS_4B_C(value) ? VARHDRSZ_COMPRESSED :
						VARHDRSZ))
				return false;
		}
		if (size == 0 || off + size > len ||
			!put_varlena(coder, column, value, sink))
			return false;
		off += size;
	}
	return true;
}

static bool
put_varlena(const CgLeafCoder *coder, const CgLeafColumn *column,
			struct varlena *value, CgSink *sink)
{
	struct varlena *plain = value;

	if (VARATT_IS_EXTERNAL(value) || VARATT_IS_4B_C(value))
		plain = fetch(coder, value);
	else if (column->kind == KIND_ARRAY)
	{
		/* Aligned, with a long header. */
		Size		len = VARSIZE_ANY_EXHDR(value);

		plain = palloc(len + VARHDRSZ);
		SET_VARSIZE(plain, len + VARHDRSZ);
		memcpy(VARDATA(plain), VARDATA_ANY(value), len);
	}
	if (plain == NULL)
		return false;

	switch (column->kind)
	{
		case KIND_ARRAY:
			put_array(column, (ArrayType *) plain, sink);
			break;
		case KIND_INET:
			put_inet((uint8 *) VARDATA_ANY(plain), VARSIZE_ANY_EXHDR(plain),
					 sink);
			break;
		default:
			put_length(VARSIZE_ANY_EXHDR(plain), sink);
			put(sink, VARDATA_ANY(plain), VARSIZE_ANY_EXHDR(plain));
			break;
	}
	if (plain != value)
		pfree(plain);
	return true;
}

/*
 * A compressed or external value as it was; NULL if it cannot be had, which
 * is an error unless the coder is tolerant.
 */
static struct varlena *
fetch(const CgLeafCoder *coder, struct varlena *value)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	struct varlena *volatile result = NULL;

	if (!coder->tolerant)
		return detoast_attr(value);

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		result = detoast_attr(value);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		int			code = geterrcode();

		MemoryContextSwitchTo(context);
		if (code == ERRCODE_QUERY_CANCELED || code == ERRCODE_OUT_OF_MEMORY)
			PG_RE_THROW();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		result = NULL;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return result;
}

/* ---------- values ---------- */

static void
put_array(const CgLeafColumn *column, ArrayType *array, CgSink *sink)
{
	Size		size = VARSIZE(array);
	Size		overhead = ARR_OVERHEAD_NONULLS(0);
	Size		payload = 0;
	int			n = 0;
	bool		good = size >= overhead;
	const uint8 *bitmap = NULL;

	if (good && ARR_NDIM(array) == 1)
	{
		overhead = ARR_OVERHEAD_NONULLS(1);
		good = size >= overhead && ARR_LBOUND(array)[0] == 1;
		n = good ? ARR_DIMS(array)[0] : 0;
		good = good && n > 0 && n <= MaxArraySize;
		if (good && ARR_HASNULL(array))
		{
			good = column->element == 0 &&
				ARR_DATA_OFFSET(array) == ARR_OVERHEAD_WITHNULLS(1, n);
			overhead = ARR_OVERHEAD_WITHNULLS(1, n);
			bitmap = good ? ARR_NULLBITMAP(array) : NULL;
		}
		good = good && size >= overhead;
	}
	else if (good && ARR_NDIM(array) != 0)
		good = false;

	if (!good || !check_array(column, (char *) array + overhead,
							  size - overhead, n, bitmap, &payload, NULL))
	{
		put_length(RAW_LENGTH, sink);
		put_length(size - VARHDRSZ, sink);
		put(sink, VARDATA(array), size - VARHDRSZ);
		return;
	}
	put_length(sizeof(uint32) + payload, sink);
	put_length(n, sink);
	(void) check_array(column, (char *) array + overhead, size - overhead, n,
					   bitmap, &payload, sink);
}

/*
 * Walk over the elements of an array: check that they lie within it, and find
 * the length of their encoding, or, with a sink, encode them.
 */
static bool
check_array(const CgLeafColumn *column, const char *data, Size size, int n,
			const uint8 *bitmap, Size *payload, CgSink *sink)
{
	Size		off = 0;
	int			i;

	*payload = 0;
	for (i = 0; i < n; i++)
	{
		if (column->element > 0)
		{
			if (off + column->element > size)
				return false;
			if (sink != NULL)
				put_fixed(data + off, column->element, sink);
			off += column->element;
			*payload += column->element;
			continue;
		}
		*payload += sizeof(uint32);
		if (bitmap != NULL && att_isnull(i, bitmap))
		{
			if (sink != NULL)
				put_length(NULL_LENGTH, sink);
			continue;
		}
		if (off < size && data[off] == 0)
			off = INTALIGN(off);
		if (off >= size || VARATT_IS_1B_E(data + off) ||
			(!VARATT_IS_1B(data + off) &&
			 (off + VARHDRSZ > size || off != INTALIGN(off))) ||
			VARATT_IS_4B_C(data + off) ||
			VARSIZE_ANY(data + off) > size - off ||
			(!VARATT_IS_1B(data + off) &&
			 VARSIZE_4B(data + off) < VARHDRSZ))
			return false;
		if (sink != NULL)
		{
			put_length(VARSIZE_ANY_EXHDR(data + off), sink);
			put(sink, VARDATA_ANY(data + off), VARSIZE_ANY_EXHDR(data + off));
		}
		*payload += VARSIZE_ANY_EXHDR(data + off);
		off += VARSIZE_ANY(data + off);
	}
	return true;
}

static void
put_inet(const uint8 *data, Size len, CgSink *sink)
{
	uint8		head[4];

	if (len != 2 + 4 && len != 2 + 16)
	{
		put_length(RAW_LENGTH, sink);
		put_length(len, sink);
		put(sink, data, len);
		return;
	}
	head[0] = data[0];
	head[1] = data[1];
	head[2] = 0;
	head[3] = (uint8) (len - 2);
	put_length(sizeof(head) + len - 2, sink);
	put(sink, head, sizeof(head));
	put(sink, data + 2, len - 2);
}

static void
put_fixed(const char *p, int len, CgSink *sink)
{
	uint8		bytes[8];

	if (len == 8)
	{
		uint64		v;

		memcpy(&v, p, sizeof(v));
		cg_put_u64(bytes, v);
	}
	else if (len == 4)
	{
		uint32		v;

		memcpy(&v, p, sizeof(v));
		cg_put_u32(bytes, v);
	}
	else if (len == 2)
	{
		uint16		v;

		memcpy(&v, p, sizeof(v));
		cg_put_u16(bytes, v);
	}
	else
		bytes[0] = (uint8) *p;
	put(sink, bytes, len);
}

static void
put_length(uint32 len, CgSink *sink)
{
	uint8		bytes[4];

	cg_put_u32(bytes, len);
	put(sink, bytes, sizeof(bytes));
}

static void
put(CgSink *sink, const void *data, Size len)
{
	if (sink->out != NULL)
	{
		appendBinaryStringInfo(sink->out, data, len);
		return;
	}
	if (sink->used + len > GATHERED)
		flush(sink);
	if (len > GATHERED)
	{
		SHA256_Update(&sink->sha, data, len);
		return;
	}
	memcpy(sink->buffer + sink->used, data, len);
	sink->used += len;
}

static void
flush(CgSink *sink)
{
	if (sink->out == NULL && sink->used > 0)
		SHA256_Update(&sink->sha, sink->buffer, sink->used);
	sink->used = 0;
}
