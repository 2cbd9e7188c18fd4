-- Taking changes back.  The owner of a table may do that without being allowed
-- to read the log or what he restores (src/undo.c); what looks into the log
-- for him is for nobody else.

-- The first event after another one that stands in the way of undoing it: it
-- is of the same row, and touches the same columns or the key, or all rows.
-- One that was undone, and what undid it, cancel out, from the last ones back.
CREATE FUNCTION cipguard.changed_since(event_id bigint, key_columns smallint[]) RETURNS bigint
	LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	e record;
	n record;
	key jsonb;
	parts bytea[];
	later bigint[];
	gone bigint[] := '{}'::bigint[];
	made bigint;
BEGIN
	SELECT v.seq, v.xid, v.ts, v.relid, v.kind, v.cols, v.old, v.new INTO e
		FROM cipguard.audit_event v
		WHERE v.seq = changed_since.event_id AND NOT v.spooled;
	SELECT jsonb_object_agg(v.name, v.value) INTO key
		FROM cipguard.audit_values(e.relid, e.old) v WHERE v.attnum = ANY (changed_since.key_columns);
	SELECT coalesce(key, '{}') || coalesce(jsonb_object_agg(v.name, v.value), '{}') INTO key
		FROM cipguard.audit_values(e.relid, e.new) v WHERE v.attnum = ANY (changed_since.key_columns);
	parts := cipguard.audit_keys(ARRAY[e.relid], key);
	later := ARRAY(
		SELECT v.seq
		FROM cipguard.audit_event v
		WHERE v.relid = e.relid AND v.ts >= e.ts AND NOT v.spooled
			AND (v.ts > e.ts OR v.xid > e.xid OR v.xid = e.xid AND v.seq > e.seq)
			AND CASE v.kind
				WHEN 'T' THEN e.kind <> 'D'
				WHEN 'G' THEN cipguard.ends_audit(v.new)
				WHEN 'U' THEN cipguard.audit_match(v.old, v.new, (SELECT parts)) = ANY ('{1,2,3}')
					AND (e.kind <> 'U' OR v.cols && e.cols OR v.cols && changed_since.key_columns)
				ELSE cipguard.audit_match(v.old, v.new, (SELECT parts)) = ANY ('{1,2,3}') END
		ORDER BY v.ts, v.xid, v.seq);
	IF later = '{}' THEN
		RETURN NULL;
	END IF;
	FOR n IN
		SELECT v.xid, v.seq, substr(cipguard.audit_note(v.new, 2), length('event ') + 1)::bigint AS undone
		FROM cipguard.audit_event v
		WHERE v.relid = e.relid AND v.ts >= e.ts AND v.kind = 'G' AND NOT v.spooled
			AND cipguard.audit_note(v.new, 1) = 'undo'
		ORDER BY v.ts DESC, v.xid DESC, v.seq DESC
	LOOP
		CONTINUE WHEN n.undone <> ALL (later);
		SELECT max(v.seq) INTO made
			FROM cipguard.audit_event v
			WHERE v.seq = ANY (later) AND v.xid = n.xid AND v.seq < n.seq AND v.ts >= e.ts AND NOT v.spooled;
		CONTINUE WHEN made IS NULL OR made = ANY (gone);
		gone := gone || made || n.undone;
	END LOOP;
	RETURN (SELECT l.seq FROM unnest(later) WITH ORDINALITY AS l (seq, place)
		WHERE l.seq <> ALL (gone) ORDER BY l.place LIMIT 1);
END
$$;
REVOKE ALL ON FUNCTION cipguard.changed_since(bigint, smallint[]) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.changed_since(bigint, smallint[]) IS
	'event that stands in the way of undoing another one, for undo()';

CREATE FUNCTION cipguard.undo(event_id bigint) RETURNS void
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'cipguard_undo';
REVOKE ALL ON FUNCTION cipguard.undo(bigint) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.undo(bigint) IS
	'takes back the change of a row, if it has not changed since (owner of the table)';
