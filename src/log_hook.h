/*
 * log_hook.h
 *		Values of encrypted columns kept out of error reports.
 */
#ifndef CG_LOG_HOOK_H
#define CG_LOG_HOOK_H

extern void cg_log_hook_init(void);

#endif							/* CG_LOG_HOOK_H */
