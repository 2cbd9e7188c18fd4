/*
 * key_use.c
 *		Which values use which versions of which keys.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"

#include "compat.h"

/* key_use() RETURNS SETOF record */
PG_FUNCTION_INFO_V1(cipguard_key_use);
Datum
cipguard_key_use(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, 0);
	return (Datum) 0;
}
