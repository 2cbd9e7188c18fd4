/*
 * fuzz_leaf.c
 *		libFuzzer target: the canonical encoding of audit events.
 *
 * audit_leaf.c reads rows as the server stores them, in its terms, so it
 * cannot be in the pure layer.  Here it is on its own, with the few functions
 * of the server that it calls on its way; the others are never reached.
 *
 * The input is a row, as somebody with a hex editor may have left it: number
 * of columns and how far its bytes are from their place, which columns are
 * null, and the bytes.  Whether it can be encoded is
 * said alike by both ways to do it, and the leaf is the hash of the encoding,
 * which has as many columns as the table.
 */
#include "fuzz.h"				/* before the server has its own printf */

#include "postgres.h"

#include "access/detoast.h"
#include "lib/stringinfo.h"

/* Their types differ between releases.  Nothing compressed can be had. */
#define appendBinaryStringInfo(str, data, len)	append(str, data, len)
#define detoast_attr(value)						((void) (value), NULL)

static void append(StringInfo str, const void *data, size_t len);

#include "../../src/audit_leaf.c"

#define COLUMNS		13

static CgLeafColumn columns[COLUMNS] = {
	{KIND_FIXED, 0, 8, 8},		/* seq */
	{KIND_FIXED, 0, 8, 8},		/* xid */
	{KIND_FIXED, 0, 8, 8},
	{KIND_FIXED, 0, 4, 4},
	{KIND_FIXED, 0, 2, 2},
	{KIND_FIXED, 0, 1, 1},
	{KIND_BYTES, 0, -1, 4},
	{KIND_INET, 0, -1, 4},
	{KIND_ARRAY, 2, -1, 4},
	{KIND_ARRAY, 4, -1, 4},
	{KIND_ARRAY, 8, -1, 8},
	{KIND_ARRAY, 0, -1, 4},
	{KIND_BYTES, 0, -1, 4}
};

/* ---------- the server ---------- */

MemoryContext CurrentMemoryContext;
ResourceOwner CurrentResourceOwner;
sigjmp_buf *PG_exception_stack;
ErrorContextCallback *error_context_stack;

void *
palloc(Size size)
{
	return fuzz_buffer(size);
}

void *
palloc0(Size size)
{
	return memset(fuzz_buffer(size), 0, size);
}

void *
repalloc(void *pointer, Size size)
{
	return realloc(pointer, size);
}

void *
repalloc_huge(void *pointer, Size size)
{
	return realloc(pointer, size);
}

void
pfree(void *pointer)
{
	free(pointer);
}

static void
append(StringInfo str, const void *data, size_t len)
{
	str->data = realloc(str->data, (size_t) str->len + len + 1);
	memcpy(str->data + str->len, data, len);
	str->len += (int) len;
}

void
BeginInternalSubTransaction(const char *name)
{
	(void) name;
}

void
ReleaseCurrentSubTransaction(void)
{
}

void
RollbackAndReleaseCurrentSubTransaction(void)
{
	abort();
}

bool
errstart(int elevel, const char *domain)
{
	(void) elevel;
	(void) domain;
	abort();
}

bool
errstart_cold(int elevel, const char *domain)
{
	return errstart(elevel, domain);
}

void
errfinish(const char *filename, int lineno, const char *funcname)
{
	(void) filename;
	(void) lineno;
	(void) funcname;
	abort();
}

int
errmsg_internal(const char *fmt,...)
{
	(void) fmt;
	abort();
}

int
geterrcode(void)
{
	abort();
}

void
FlushErrorState(void)
{
}

void
pg_re_throw(void)
{
	abort();
}

/* ---------- the target ---------- */

/* A column takes what its length says; of an array that is odd, all bytes. */
static void
require_columns(const uint8 *p, const uint8 *end, int n)
{
	for (; n > 0; n--)
	{
		uint32		len;

		REQUIRE(end - p >= 4);
		len = cg_get_u32(p);
		p += 4;
		if (len == NULL_LENGTH)
			continue;
		if (len == RAW_LENGTH)
		{
			REQUIRE(end - p >= 4);
			len = cg_get_u32(p);
			p += 4;
		}
		REQUIRE(len <= (size_t) (end - p));
		p += len;
	}
	REQUIRE(p == end);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CgLeafCoder coder = {
		.tag = CG_LEAF_EVENT,.tolerant = true,.ncolumns = COLUMNS,
		.columns = columns,.seq = 0,.xid = 1,.seq_offset = 0,.xid_offset = 8
	};
	FuzzInput	in = fuzz_input(data, size);
	unsigned	choices = (unsigned) fuzz_number(&in, 1);
	uint16		nulls = (uint16) fuzz_number(&in, 2);
	Size		hoff = MAXALIGN(SizeofHeapTupleHeader + 2);
	HeapTupleHeader header = fuzz_buffer(hoff + in.left);
	HeapTupleData tuple;
	StringInfoData encoding = {0};
	CgLeaf		leaf;
	uint8		hash[CG_SHA256_LEN];
	uint8		expected[CG_SHA256_LEN];
	bool		good;

	memset(header, 0, hoff);
	header->t_hoff = (uint8) (hoff + choices / 16);
	HeapTupleHeaderSetNatts(header, choices % 16);
	if (nulls != 0)
	{
		header->t_infomask |= HEAP_HASNULL;
		header->t_bits[0] = (bits8) ~nulls;
		header->t_bits[1] = (bits8) (~nulls >> 8);
	}
	if (in.left > 0)
		memcpy((char *) header + hoff, in.p, in.left);
	memset(&tuple, 0, sizeof(tuple));
	tuple.t_data = header;
	tuple.t_len = (uint32) (hoff + in.left);

	append(&encoding, "", 1);
	good = cg_leaf_encode(&coder, &tuple, &encoding);
	REQUIRE(cg_leaf_hash(&coder, &tuple, hash) == good);
	if (good)
	{
		uint8	   *bytes = (uint8 *) encoding.data;

		require_columns(bytes + 1 + sizeof(coder.prefix),
						bytes + encoding.len, COLUMNS);
		SHA256(bytes, encoding.len, expected);
		REQUIRE(memcmp(hash, expected, sizeof(hash)) == 0);
	}
	if (cg_leaf_position(&coder, &tuple, &leaf))
		REQUIRE(in.left >= 16 + choices / 16 &&
				memcmp(&leaf.seq, in.p + choices / 16, 8) == 0 &&
				memcmp(&leaf.xid, in.p + choices / 16 + 8, 8) == 0);
	free(encoding.data);
	free(header);
	return 0;
}
