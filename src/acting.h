/*
 * acting.h
 *		Acting with the rights of somebody else, out of the user's reach.
 */
#ifndef CG_ACTING_H
#define CG_ACTING_H

typedef struct CgActing
{
	Oid			user;			/* who it was, and is again after the end */
	int			context;
	int			guc_level;
} CgActing;

/*
 * Act as a role, with the settings that SQL depends on pinned and SPI
 * connected, until the matching end (or that of the failing
 * (sub)transaction).
 */
extern void cg_act_begin(CgActing *acting, Oid as);
extern void cg_act_end(const CgActing *acting);

/* Execute one statement; its result is in SPI_tuptable, SPI_processed. */
extern void cg_act_execute(const char *format,...) pg_attribute_printf(1, 2);

#endif							/* CG_ACTING_H */
