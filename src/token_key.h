/*
 * token_key.h
 *		Token domains: which tables hold their values, and rotation of their
 *		keys.
 */
#ifndef CG_TOKEN_KEY_H
#define CG_TOKEN_KEY_H

#include "nodes/pg_list.h"

/*
 * Tables, partitioned tables and materialized views with a column whose type
 * holds values of categories of the domain, or may; ascending.
 */
extern List *cg_token_domain_tables(int32 domain);

#endif							/* CG_TOKEN_KEY_H */
