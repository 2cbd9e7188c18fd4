/*
 * alert.h
 *		What somebody should look at soon.
 */
#ifndef CG_ALERT_H
#define CG_ALERT_H

#define CG_ROLE_AUDITOR		"cipguard_auditor"

/* Events of the journal that become rows of cipguard.alert. */
#define CG_ALERT_EVENT		"alert"

#define CG_ALERT_CHANNEL	"cipguard_alert"

/*
 * Raise an alert: a line of the server log now, a row of cipguard.alert and a
 * notification on channel cipguard_alert within cipguard.worker_interval,
 * whatever becomes of the transaction and on standbys too.  kind is one of
 * cipguard.alert_rule; category is -1 and relid InvalidOid if there is none.
 * detail names no person and no value.  The same alert of a backend is not
 * repeated within a second.  Needs the library to be preloaded; without, only
 * the line is written.
 */
extern void cg_alert(const char *kind, Oid relid, int32 category,
					 const char *detail);

/* Raise 42501 unless the current user may LISTEN to that channel. */
extern void cg_alert_guard_listen(const char *channel);

/* At load: watch the suspensions. */
extern void cg_alert_init(void);

#endif							/* CG_ALERT_H */
