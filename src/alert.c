/*
 * alert.c
 *		What somebody should look at soon.
 */
#include "postgres.h"

#include "compat.h"

#include "alert.h"

void
cg_alert(const char *kind, Oid relid, int32 category, const char *detail)
{
}

void
cg_alert_init(void)
{
}
