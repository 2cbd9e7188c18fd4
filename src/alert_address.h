/*
 * alert_address.h
 *		From where a login reads.
 */
#ifndef CG_ALERT_ADDRESS_H
#define CG_ALERT_ADDRESS_H

#include "alert_rule.h"

/*
 * Addresses of one call of ingest(): begin, see, write.  Memory is of the
 * context of the begin.
 */
typedef struct CgAddresses CgAddresses;

/* Nothing seen yet.  Lives in the current memory context. */
extern CgAddresses *cg_addresses_begin(void);

/*
 * A login reads from there.  True if it has read before, but not from that
 * address within the rule's period.
 */
extern bool cg_address_is_new(CgAddresses *addresses, const CgAlertRule *rule,
							  Oid login, const char *address, TimestampTz at);

/* Store what was added, for later commands of the transaction to see. */
extern void cg_addresses_write(CgAddresses *addresses);

#endif							/* CG_ALERT_ADDRESS_H */
