/*
 * cipguard.c
 *		Loading of the library.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "compat.h"

#include "access.h"
#include "activity.h"
#include "alert.h"
#include "app_token.h"
#include "audit_trigger.h"
#include "budget.h"
#include "catalog.h"
#include "category.h"
#include "cipguard.h"
#include "consent.h"
#include "enc_type.h"
#include "event.h"
#include "gate.h"
#include "guard.h"
#include "guc.h"
#include "journal.h"
#include "key_provider.h"
#include "keyring.h"
#include "label.h"
#include "listen.h"
#include "lockdown.h"
#include "minor.h"
#include "person.h"
#include "plan.h"
#include "plan_search.h"
#include "protect.h"
#include "redact.h"
#include "rule.h"
#include "subject_key.h"
#include "training.h"
#include "view_write.h"
#include "worker.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

bool		cg_preloaded = false;

/*
 * At load, by the postmaster or by a session: settings, hooks, callbacks.
 */
void
_PG_init(void)
{
	cg_preloaded = process_shared_preload_libraries_in_progress;
	cg_guc_init();
	cg_catalog_init();
	cg_listen_init();
	cg_enc_type_init();
	cg_category_init();
	cg_keyring_init();
	cg_subject_init();
	cg_access_init();
	cg_lockdown_init();
	cg_rule_init();
	cg_activity_init();
	cg_training_init();
	cg_person_init();
	cg_consent_init();
	cg_budget_init();
	cg_alert_init();
	cg_app_token_init();
	cg_label_init();
	cg_redact_init();
	cg_plan_search_init();
	cg_protect_init();
	cg_gate_init();
	cg_plan_init();
	cg_view_write_init();
	cg_guard_init();
	cg_event_init();
	cg_audit_init();
	cg_journal_init();
	cg_worker_init();

	if (cg_preloaded)
		cg_kek_fetch_at_start();
}
