/*
 * gate.h
 *		Utility statements on protected tables.
 */
#ifndef CG_GATE_H
#define CG_GATE_H

/*
 * Does the statement that runs now store its result: CREATE TABLE AS, SELECT
 * INTO, a materialised view?
 */
extern bool cg_result_is_stored(void);

/* At load: hooks of the gate, if tables are masked. */
extern void cg_gate_init(void);

#endif							/* CG_GATE_H */
