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
 * How many utility statements are at work, one inside the other, and at which
 * of these depths the extension itself began to act; -1: it does not act.
 * SQL that it sends runs one deeper, if it is a utility statement, so what
 * event triggers do meanwhile can be told from what it does itself.
 */
extern int	cg_utility_depth;
extern int	cg_acting_depth;

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
