/*
 * seal_print.c
 *		Fingerprints: what names the event of a block that was changed.
 *
 * Stored as one bytea for each block, uncompressed: per event 8 bytes, then
 * the difference of its number to that of the event before, zigzag-encoded (0,
 * -1, 1, -2, ...) in groups of 7 bits, the lowest first.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/memutils.h"

#include "compat.h"

#include "seal.h"
#include "seal_print.h"

#define MAX_GROUPS	10			/* of 7 bits in a number of 64 */

void
cg_print_append(int64 block, const CgLeaf *leaves, int64 n)
{
	Size		room = VARHDRSZ + n * (Size) (CG_PRINT_LEN + MAX_GROUPS);
	bytea	   *result;
	uint8	   *p;
	int64		seq = 0;
	int64		i;
	Datum		values[2];
	bool		nulls[2] = {false, false};

	/* Blocks of 50 million events do without. */
	if (n == 0 || room >= MaxAllocSize)
		return;
	result = palloc(room);
	p = (uint8 *) VARDATA(result);
	for (i = 0; i < n; i++)
	{
		int64		step = (int64) ((uint64) leaves[i].seq - (uint64) seq);
		uint64		left = ((uint64) step << 1) ^ (uint64) (step >> 63);

		memcpy(p, leaves[i].hash, CG_PRINT_LEN);
		p += CG_PRINT_LEN;
		while (left >= 0x80)
		{
			*p++ = (uint8) (left | 0x80);
			left >>= 7;
		}
		*p++ = (uint8) left;
		seq = leaves[i].seq;
	}
	SET_VARSIZE(result, (char *) p - (char *) result);
	values[0] = Int64GetDatum(block);
	values[1] = PointerGetDatum(result);
	cg_seal_append("audit_print", values, nulls);
	pfree(result);
}

bool
cg_print_read(int64 block, int64 n, CgPrint **prints)
{
	Oid			type = INT8OID;
	Datum		arg = Int64GetDatum(block);
	bytea	   *stored;
	const uint8 *p;
	const uint8 *end;
	int64		seq = 0;
	int64		i;
	bool		isnull;

	if (SPI_execute_with_args("SELECT prints FROM cipguard.audit_print"
							  " WHERE block OPERATOR(pg_catalog.=) $1",
							  1, &type, &arg, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read the fingerprints of a block");
	if (SPI_processed == 0 || n < 0)
		return false;
	stored = DatumGetByteaPP(SPI_getbinval(SPI_tuptable->vals[0],
										   SPI_tuptable->tupdesc, 1,
										   &isnull));
	p = (const uint8 *) VARDATA_ANY(stored);
	end = p + VARSIZE_ANY_EXHDR(stored);
	if (n > (end - p) / (CG_PRINT_LEN + 1))
		return false;
	*prints = MemoryContextAllocHuge(CurrentMemoryContext,
									 (n + 1) * sizeof(CgPrint));
	for (i = 0; i < n; i++)
	{
		uint64		step = 0;
		int			shift = 0;

		if (end - p < CG_PRINT_LEN + 1)
			return false;
		memcpy((*prints)[i].hash, p, CG_PRINT_LEN);
		p += CG_PRINT_LEN;
		do
		{
			if (p == end || shift > 63)
				return false;
			step |= (uint64) (*p & 0x7F) << shift;
			shift += 7;
		} while ((*p++ & 0x80) != 0);
		seq = (int64) ((uint64) seq +
					   ((step >> 1) ^ (~(step & 1) + 1)));
		(*prints)[i].seq = seq;
	}
	return p == end;
}
