-- Who may use what.  Everything else was revoked beside its definition.
GRANT USAGE ON SCHEMA cipguard TO PUBLIC;
GRANT SELECT ON TABLE cipguard.category TO PUBLIC;

GRANT INSERT ON TABLE cipguard.category TO cipguard_officer;
GRANT INSERT (grantee, category, level, relation, purpose, valid_until) ON TABLE cipguard.access_grant TO cipguard_officer;
GRANT UPDATE (revoked_at, suspended_at, suspended_for) ON TABLE cipguard.access_grant TO cipguard_officer;
GRANT SELECT ON TABLE cipguard.access_grant, cipguard.access_grants, cipguard.key_status TO cipguard_officer, cipguard_auditor;
GRANT EXECUTE ON FUNCTION
	cipguard.init(),
	cipguard.kek_configured(),
	cipguard.add_category(text, text, text, text, text, integer, boolean, text, integer, text, jsonb, regprocedure, text),
	cipguard.alter_category_mask(text, text, jsonb, regprocedure),
	cipguard.check_mask(text, jsonb, regprocedure),
	cipguard.mask_function_problem(regprocedure),
	cipguard.mask_function_name(regprocedure),
	cipguard.mask_function_digest(regprocedure),
	cipguard.grant_access(regrole, text, text, regclass, text, timestamptz),
	cipguard.revoke_access(bigint),
	cipguard.suspend_access(bigint, text),
	cipguard.resume_access(bigint)
	TO cipguard_officer;

-- Both ask whom the caller may ask about.
GRANT EXECUTE ON FUNCTION cipguard.access_decision(regrole, text, regclass, text), cipguard.why(text, regclass, text) TO PUBLIC;

-- Activities: their names are what sessions state, so everybody may know them.
GRANT SELECT ON TABLE cipguard.activities TO PUBLIC;
GRANT SELECT ON TABLE cipguard.activity, cipguard.activity_column TO cipguard_officer, cipguard_auditor, cipguard_registrar;
GRANT INSERT (name, purpose, legal_basis, categories, owner, retention, necessary, limited, roles) ON TABLE cipguard.activity TO cipguard_officer;
GRANT UPDATE (ended_at) ON TABLE cipguard.activity TO cipguard_officer;
GRANT INSERT (activity, relation, column_name) ON TABLE cipguard.activity_column TO cipguard_officer;
GRANT EXECUTE ON FUNCTION
	cipguard.write_activity(cipguard.activity, text[]),
	cipguard.add_activity(text, text, text, text[], text, text, boolean, text[], text[]),
	cipguard.revise_activity(text, text, text, text[], text, text, boolean, text[], text[]),
	cipguard.end_activity(text)
	TO cipguard_officer;

-- Consents: who takes them from persons records them.
GRANT SELECT ON TABLE cipguard.consent_event, cipguard.consent_state TO cipguard_officer, cipguard_auditor, cipguard_registrar;
GRANT INSERT (activity, subject, action, separate, written, channel, notice_version, evidence_hash, guardian) ON TABLE cipguard.consent_event TO cipguard_officer, cipguard_registrar;
GRANT EXECUTE ON FUNCTION cipguard.record_consent(text, text, text, boolean, boolean, text, text, bytea, text) TO cipguard_officer, cipguard_registrar;

GRANT SELECT ON TABLE cipguard.protected_columns TO PUBLIC;
-- Names of all objects are public; grants are not.
GRANT SELECT ON TABLE cipguard.readers TO cipguard_officer, cipguard_auditor;
GRANT EXECUTE ON FUNCTION
	cipguard.preloaded(),
	cipguard.short_list(text[]),
	cipguard.identity_of(regclass, oid, integer),
	cipguard.lint_views(cipguard.protected_columns[]),
	cipguard.lint_columns(cipguard.protected_columns[], cipguard.readers[]),
	cipguard.lint_relations(cipguard.protected_columns[], cipguard.readers[]),
	cipguard.lint_code(cipguard.protected_columns[], cipguard.readers[]),
	cipguard.lint_server(cipguard.protected_columns[], cipguard.readers[]),
	cipguard.lint_activities(cipguard.protected_columns[]),
	cipguard.lint_exposure()
	TO cipguard_officer, cipguard_auditor;

-- Both ask whether the caller owns the table.  Whoever adds a partition to an
-- audited table makes its trigger, and needs the function for that.
GRANT EXECUTE ON FUNCTION cipguard.audit_table(regclass), cipguard.unaudit_table(regclass) TO PUBLIC;
GRANT EXECUTE ON FUNCTION cipguard.audit_row() TO PUBLIC;
GRANT SELECT ON TABLE cipguard.audited_tables TO PUBLIC;
GRANT SELECT ON TABLE cipguard.audit_log TO cipguard_auditor;
GRANT EXECUTE ON FUNCTION
	cipguard.audit_image(oid, bytea),
	cipguard.audit_columns(oid, bytea, smallint[]),
	cipguard.audit_note(bytea, integer),
	cipguard.subject_tag(text),
	cipguard.journal()
	TO cipguard_auditor;
GRANT SELECT ON TABLE cipguard.disclosures TO cipguard_auditor;

-- Questions run with the rights of whoever asks.  In the tables of the log
-- protected values are ciphertext.
GRANT SELECT ON TABLE cipguard.audit_event, cipguard.audit_session, cipguard.audit_schema TO cipguard_auditor;
GRANT EXECUTE ON FUNCTION
	cipguard.note_question(text, oid),
	cipguard.audit_key(bigint, smallint[], oid[], text[]),
	cipguard.audit_match(bytea, bytea, bytea[]),
	cipguard.audit_keyed(bytea, bytea, bytea[]),
	cipguard.audit_schema_id(bytea),
	cipguard.audit_sealed(bytea),
	cipguard.audit_disclose(text, oid, smallint, text),
	cipguard.audited_oids(oid, text),
	cipguard.key_object(oid, text),
	cipguard.audit_keys(oid[], jsonb),
	cipguard.only_keys(jsonb, text[]),
	cipguard.row_changes(oid, text, text, timestamptz, timestamptz),
	cipguard.table_named(text),
	cipguard.changes(text, text, timestamptz, timestamptz),
	cipguard.ends_audit(bytea),
	cipguard.audit_values(oid, bytea),
	cipguard.present_row(oid, jsonb),
	cipguard.row_at(oid, text, text, timestamptz),
	cipguard.row_as_of(text, text, timestamptz),
	cipguard.disclosed_to(text, timestamptz, timestamptz),
	cipguard.who_saw(text, timestamptz, timestamptz),
	cipguard.subject_receipt(text, timestamptz, timestamptz),
	cipguard.activity_of(text, timestamptz, timestamptz),
	cipguard.activity_summary(text, timestamptz, timestamptz)
	TO cipguard_auditor;

-- It asks whether the caller owns the table.
GRANT EXECUTE ON FUNCTION cipguard.undo(bigint) TO PUBLIC;

-- Officers add to what the law says what binds the company.
GRANT SELECT ON TABLE cipguard.regulation TO cipguard_officer, cipguard_auditor;
GRANT INSERT (key, jurisdiction, law, article, topic, rule, keep, kinds, source, valid_from, valid_until) ON TABLE cipguard.regulation TO cipguard_officer;
GRANT UPDATE (valid_until) ON TABLE cipguard.regulation TO cipguard_officer;
GRANT EXECUTE ON FUNCTION cipguard.audit_floor() TO cipguard_officer, cipguard_auditor;

GRANT SELECT ON TABLE cipguard.worker_status TO cipguard_officer, cipguard_auditor;
GRANT SELECT ON TABLE cipguard.audit_spool, cipguard.audit_query TO cipguard_auditor;
GRANT EXECUTE ON FUNCTION cipguard.ingest() TO cipguard_officer, cipguard_auditor;
GRANT EXECUTE ON FUNCTION cipguard.audit_record(bytea) TO cipguard_auditor;
-- They ask whether the caller has the attribute REPLICATION.
GRANT EXECUTE ON FUNCTION
	cipguard.ingest_frames(uuid, oid, integer, integer, bytea, bigint, bytea, boolean),
	cipguard.ingest_lost(uuid, integer[], bigint[])
	TO PUBLIC;
GRANT EXECUTE ON FUNCTION cipguard.worker_status_rows() TO cipguard_officer, cipguard_auditor;

GRANT EXECUTE ON FUNCTION cipguard.seal(), cipguard.purge_audit(timestamptz, text) TO cipguard_officer;
GRANT EXECUTE ON FUNCTION
	cipguard.audit_verify(bigint, bigint),
	cipguard.audit_verify_span(timestamptz, timestamptz),
	cipguard.audit_canonical(bigint),
	cipguard.audit_block_leaves(bigint),
	cipguard.audit_block_preimage(bigint)
	TO cipguard_officer, cipguard_auditor;
GRANT SELECT ON TABLE cipguard.audit_block, cipguard.audit_policy, cipguard.audit_purge TO cipguard_officer, cipguard_auditor;

GRANT SELECT ON TABLE cipguard.audit_anchor TO cipguard_officer, cipguard_auditor;
GRANT EXECUTE ON FUNCTION
	cipguard.seal_public_key(),
	cipguard.audit_checkpoint(),
	cipguard.check_anchor(text),
	cipguard.audit_proof(bigint),
	cipguard.audit_consistency(bigint, bigint)
	TO cipguard_officer, cipguard_auditor;
GRANT SELECT ON TABLE cipguard.app_key TO cipguard_officer, cipguard_auditor;
GRANT EXECUTE ON FUNCTION
	cipguard.app_public_key(text),
	cipguard.add_app_key(text, text),
	cipguard.revoke_app_key(text)
	TO cipguard_officer;
GRANT EXECUTE ON FUNCTION cipguard.app_identity() TO PUBLIC;
-- Says why it refuses an officer.
GRANT EXECUTE ON FUNCTION cipguard.anchor(boolean) TO cipguard_officer;

GRANT EXECUTE ON FUNCTION
	cipguard.open_maintenance(text, integer, regclass),
	cipguard.close_maintenance()
	TO cipguard_officer;
GRANT SELECT ON TABLE cipguard.maintenance_windows TO cipguard_officer, cipguard_auditor;
GRANT EXECUTE ON FUNCTION cipguard.policy_statement() TO cipguard_officer, cipguard_auditor;

-- Requests.  Who may decide is asked once more where the tables are written.
GRANT SELECT ON TABLE cipguard.requests, cipguard.requests_open TO PUBLIC;
GRANT EXECUTE ON FUNCTION
	cipguard.request_access(text, text, text, interval, regclass, bigint, boolean, text),
	cipguard.cancel_request(bigint)
	TO PUBLIC;
GRANT EXECUTE ON FUNCTION cipguard.approve(bigint), cipguard.reject(bigint, text) TO cipguard_officer, cipguard_minor_approver;
GRANT EXECUTE ON FUNCTION cipguard.review(bigint, text, text) TO cipguard_officer;
GRANT EXECUTE ON FUNCTION cipguard.break_glass(text, text, text, interval, regclass) TO cipguard_emergency;

-- Moving values to the key and suite of today.
GRANT EXECUTE ON FUNCTION cipguard.key_use() TO cipguard_officer, cipguard_auditor;
GRANT SELECT ON TABLE cipguard.reencrypt_progress TO PUBLIC;
-- They ask whether the caller owns the table or is an officer.
GRANT EXECUTE ON FUNCTION
	cipguard.queue_reencrypt(regclass, integer, boolean),
	cipguard.start_reencrypt(regclass, integer),
	cipguard.stop_reencrypt(regclass),
	cipguard.reencrypt_step(regclass)
	TO PUBLIC;
GRANT EXECUTE ON PROCEDURE cipguard.reencrypt(regclass, integer) TO PUBLIC;

-- They ask whether the caller owns the table.
GRANT EXECUTE ON FUNCTION
	cipguard.encrypt_column_step(regclass, name, text, integer, text),
	cipguard.cancel_encrypt_column(regclass, name)
	TO PUBLIC;
GRANT EXECUTE ON PROCEDURE cipguard.encrypt_column(regclass, name, text, integer) TO PUBLIC;

-- Rotation, unsealing and escrow of keys; each asks who calls.
GRANT EXECUTE ON FUNCTION
	cipguard.unseal(),
	cipguard.seal_keys(),
	cipguard.rotate_key(text),
	cipguard.rotate_kek(),
	cipguard.retire_key(text, integer),
	cipguard.export_keys(text)
	TO cipguard_officer;
GRANT EXECUTE ON FUNCTION cipguard.selftest(), cipguard.key_rows() TO cipguard_officer, cipguard_auditor;
-- Keys of subjects.  Whoever adds a partition makes the trigger of its parent.
GRANT SELECT ON TABLE cipguard.subject_key_status, cipguard.destruction_certificate TO cipguard_officer, cipguard_auditor;
GRANT EXECUTE ON FUNCTION cipguard.seal_subject() TO PUBLIC;
GRANT EXECUTE ON FUNCTION
	cipguard.use_subject_keys(regclass),
	cipguard.destroy_subject_key(text, regclass, text),
	cipguard.finish_epochs(),
	cipguard.export_subject_keys(),
	cipguard.import_subject_keys(jsonb)
	TO cipguard_officer;
GRANT EXECUTE ON PROCEDURE cipguard.close_epoch(integer, bigint, bigint) TO cipguard_officer;

-- Alerts.  Triggers ask whom an alert is about.
GRANT SELECT ON TABLE cipguard.alert, cipguard.alerts_open, cipguard.alert_rule, cipguard.suspension TO cipguard_officer, cipguard_auditor;
GRANT UPDATE (note) ON TABLE cipguard.alert TO cipguard_officer, cipguard_auditor;
GRANT UPDATE (reason) ON TABLE cipguard.suspension TO cipguard_officer;
GRANT UPDATE (enabled, threshold, period, suspend, setting) ON TABLE cipguard.alert_rule TO cipguard_officer;
GRANT EXECUTE ON FUNCTION cipguard.acknowledge_alert(bigint, text) TO cipguard_officer, cipguard_auditor;
GRANT EXECUTE ON FUNCTION
	cipguard.resume_access(bigint, text),
	cipguard.set_alert_rule(text, boolean, bigint, interval, boolean, text)
	TO cipguard_officer;
-- Lockdowns.  Whoever may be in an emergency may close; two persons lift.
GRANT SELECT ON TABLE cipguard.lockdown, cipguard.lockdowns TO cipguard_officer, cipguard_auditor;
GRANT EXECUTE ON FUNCTION cipguard.lockdown(text, text) TO cipguard_officer, cipguard_emergency;
GRANT EXECUTE ON FUNCTION cipguard.lift_lockdown(bigint, text) TO cipguard_officer;

-- Restrictions, holds and canaries, which name persons.
GRANT SELECT ON TABLE cipguard.restriction, cipguard.legal_hold, cipguard.canary TO cipguard_officer, cipguard_auditor;
GRANT INSERT (subject, reason) ON TABLE cipguard.restriction TO cipguard_officer;
GRANT UPDATE (ended_at, end_reason) ON TABLE cipguard.restriction, cipguard.legal_hold, cipguard.canary TO cipguard_officer;
GRANT INSERT (subject, note) ON TABLE cipguard.canary TO cipguard_officer;
GRANT EXECUTE ON FUNCTION
	cipguard.restrict_subject(text, text),
	cipguard.lift_restriction(text, text),
	cipguard.place_hold(text, text),
	cipguard.release_hold(text, text),
	cipguard.add_canary(text, text),
	cipguard.remove_canary(text)
	TO cipguard_officer;
-- Whoever adds a partition makes the trigger of its parent.
GRANT EXECUTE ON FUNCTION cipguard.hold_row() TO PUBLIC;

-- Keys are made at once when the key-encryption key is at hand.  A dump that
-- is being restored brings its own.
DO $$
DECLARE
	message text;
	advice text;
	state text;
BEGIN
	IF cipguard.restores_dump() THEN
		RETURN;
	END IF;
	PERFORM cipguard.init();
EXCEPTION WHEN SQLSTATE 'ZC001' OR SQLSTATE 'ZC002' OR SQLSTATE 'ZC003' THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, advice = PG_EXCEPTION_HINT, state = RETURNED_SQLSTATE;
	-- Notices are not shown while an extension is being created.
	RAISE WARNING 'no keys were made: %', message
		USING ERRCODE = state, HINT = advice || ' Then call cipguard.init().';
END
$$;

-- Suites and token keys.
GRANT EXECUTE ON FUNCTION
	cipguard.choose_suite(text, boolean),
	cipguard.alter_category_suite(text, text),
	cipguard.token_domain_tables(text),
	cipguard.rotate_token_key(text, text)
	TO cipguard_officer;

-- Conditions.
GRANT SELECT ON TABLE cipguard.category_rule TO cipguard_officer, cipguard_auditor;
GRANT INSERT, DELETE ON TABLE cipguard.category_rule TO cipguard_officer;
GRANT UPDATE (setting) ON TABLE cipguard.category_rule TO cipguard_officer;
GRANT EXECUTE ON FUNCTION cipguard.set_condition(text, text, text) TO cipguard_officer;
GRANT EXECUTE ON FUNCTION cipguard.in_hours(text, timestamptz) TO PUBLIC;
GRANT SELECT ON TABLE cipguard.training_record, cipguard.acknowledgement TO cipguard_officer, cipguard_auditor, cipguard_registrar;
GRANT INSERT (person, course, version, score, passed, taken, valid_until, evidence_hash) ON TABLE cipguard.training_record TO cipguard_officer, cipguard_registrar;
GRANT EXECUTE ON FUNCTION cipguard.record_training(regrole, text, timestamptz, boolean, timestamptz, text, numeric, bytea) TO cipguard_officer, cipguard_registrar;
GRANT SELECT ON TABLE cipguard.policy_version TO PUBLIC;
GRANT INSERT (policy, version, text_hash, location) ON TABLE cipguard.policy_version TO cipguard_officer;
GRANT EXECUTE ON FUNCTION cipguard.publish_policy(text, text, text) TO cipguard_officer;
-- For who is logged in, and for nobody else.
GRANT EXECUTE ON FUNCTION cipguard.acknowledge(text, integer) TO PUBLIC;

-- Budgets.  Everybody sees what was counted of himself.
GRANT SELECT ON TABLE cipguard.budget TO cipguard_officer, cipguard_auditor;
GRANT INSERT (grantee, category, per_hour, per_day), UPDATE (per_hour, per_day), DELETE ON TABLE cipguard.budget TO cipguard_officer;
GRANT EXECUTE ON FUNCTION
	cipguard.set_budget(regrole, text, bigint, bigint),
	cipguard.clear_budget(regrole, text)
	TO cipguard_officer;
GRANT EXECUTE ON FUNCTION cipguard.shown_under(bigint) TO cipguard_officer, cipguard_auditor;
GRANT EXECUTE ON FUNCTION cipguard.budget_rows() TO PUBLIC;
GRANT SELECT ON TABLE cipguard.budget_status TO PUBLIC;
