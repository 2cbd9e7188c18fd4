-- Requests: somebody asks, somebody else approves, and only then is it done.
-- Glass is broken without approval, at once, and reviewed afterwards.
--
-- The rules are in the triggers of the tables, so that no function that writes
-- them can forget one.  The role that logged in is who counts; SET ROLE and
-- SET SESSION AUTHORIZATION make nobody another person (src/request.c).
--
-- Of roles and tables the name is kept that they had, and their identity: what
-- was renamed or made anew since is not what was asked for.
--
-- The first six columns are known to src/request.c.

CREATE TABLE cipguard.request (
	id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	kind text NOT NULL CHECK (kind OPERATOR(pg_catalog.~) '^[a-z][a-z_]{0,62}$'),
	state text NOT NULL DEFAULT 'open'
		CHECK (state OPERATOR(pg_catalog.=) ANY (ARRAY['open', 'approved', 'rejected', 'cancelled', 'expired'])),
	login_id regrole NOT NULL,
	carried_out_at timestamptz,
	reviewed_at timestamptz,
	requested_by text NOT NULL,
	role_id regrole NOT NULL,
	requested_role text NOT NULL,
	requested_at timestamptz NOT NULL,
	expires_at timestamptz NOT NULL,
	needed integer NOT NULL CHECK (needed OPERATOR(pg_catalog.>=) 0 AND needed OPERATOR(pg_catalog.<=) 10),
	detail jsonb NOT NULL CHECK (pg_catalog.jsonb_typeof(detail) OPERATOR(pg_catalog.=) 'object'
		AND pg_catalog.octet_length(detail::text) OPERATOR(pg_catalog.<=) 8000),
	relation_id regclass,
	reason text NOT NULL CHECK (reason OPERATOR(pg_catalog.~) '[^ ]' AND pg_catalog.octet_length(reason) OPERATOR(pg_catalog.<=) 1000),
	decided_by text,
	decided_at timestamptz,
	decision text CHECK (pg_catalog.octet_length(decision) OPERATOR(pg_catalog.<=) 1000),
	result jsonb,
	reviewed_by text,
	verdict text CHECK (verdict OPERATOR(pg_catalog.=) 'justified' OR verdict OPERATOR(pg_catalog.=) 'unjustified'),
	review_note text CHECK (pg_catalog.octet_length(review_note) OPERATOR(pg_catalog.<=) 1000)
);
REVOKE ALL ON TABLE cipguard.request FROM PUBLIC;
COMMENT ON TABLE cipguard.request IS 'what was asked for, and what became of it';
COMMENT ON COLUMN cipguard.request.kind IS 'access, break_glass, or what else is done when it is approved';
COMMENT ON COLUMN cipguard.request.login_id IS 'role that logged in and asked';
COMMENT ON COLUMN cipguard.request.requested_by IS 'its name when it asked';
COMMENT ON COLUMN cipguard.request.role_id IS 'role that it acted in; it gets what is asked for';
COMMENT ON COLUMN cipguard.request.requested_role IS 'its name when it asked';
COMMENT ON COLUMN cipguard.request.expires_at IS 'an approval later than that comes too late';
COMMENT ON COLUMN cipguard.request.needed IS 'how many different logins must approve; 0 for broken glass';
COMMENT ON COLUMN cipguard.request.detail IS 'what exactly is asked for';
COMMENT ON COLUMN cipguard.request.relation_id IS 'table that it is about, which detail names';
COMMENT ON COLUMN cipguard.request.decision IS 'reason for which it was rejected';
COMMENT ON COLUMN cipguard.request.result IS 'what was done';
COMMENT ON COLUMN cipguard.request.verdict IS 'justified or unjustified: what the review of broken glass found';
SELECT pg_catalog.pg_extension_config_dump('cipguard.request', '');
SELECT pg_catalog.pg_extension_config_dump('cipguard.request_id_seq', '');

-- Who has broken the glass answers for it before he can do so again.
CREATE UNIQUE INDEX request_unreviewed ON cipguard.request (login_id)
	WHERE kind OPERATOR(pg_catalog.=) 'break_glass' AND reviewed_at IS NULL;
CREATE INDEX request_made ON cipguard.request (login_id, requested_at);
CREATE INDEX request_open ON cipguard.request (expires_at) WHERE state OPERATOR(pg_catalog.=) 'open';
-- What was approved is given once.
CREATE UNIQUE INDEX access_grant_request ON cipguard.access_grant (request) WHERE request IS NOT NULL;

CREATE TABLE cipguard.approval (
	request bigint NOT NULL REFERENCES cipguard.request,
	approver_id regrole NOT NULL,
	approver text NOT NULL,
	roles text[] NOT NULL,
	at timestamptz NOT NULL,
	PRIMARY KEY (request, approver_id)
);
REVOKE ALL ON TABLE cipguard.approval FROM PUBLIC;
COMMENT ON TABLE cipguard.approval IS 'who approved which request';
COMMENT ON COLUMN cipguard.approval.approver_id IS 'role that logged in and approved';
COMMENT ON COLUMN cipguard.approval.approver IS 'its name at that time';
COMMENT ON COLUMN cipguard.approval.roles IS 'which of the roles that may approve it had';
SELECT pg_catalog.pg_extension_config_dump('cipguard.approval', '');

CREATE FUNCTION cipguard.login_role() RETURNS regrole
	AS 'MODULE_PATHNAME', 'cipguard_login_role'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
REVOKE ALL ON FUNCTION cipguard.login_role() FROM PUBLIC;
COMMENT ON FUNCTION cipguard.login_role() IS 'role that logged in, whatever SET SESSION AUTHORIZATION says';

CREATE FUNCTION cipguard.acting_role() RETURNS regrole
	AS 'MODULE_PATHNAME', 'cipguard_acting_role'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
REVOKE ALL ON FUNCTION cipguard.acting_role() FROM PUBLIC;
COMMENT ON FUNCTION cipguard.acting_role() IS 'role that the session acts in, whatever function it is in';

CREATE FUNCTION cipguard.belongs_to(member regrole, role regrole) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_belongs_to'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
REVOKE ALL ON FUNCTION cipguard.belongs_to(regrole, regrole) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.belongs_to(regrole, regrole) IS 'whether a role is another one or a member of it, rank aside';

CREATE FUNCTION cipguard.acts_for(role name) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_acts_for'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
REVOKE ALL ON FUNCTION cipguard.acts_for(name) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.acts_for(name) IS 'whether the login belongs to a role and acts with its rights, rank aside';

CREATE FUNCTION cipguard.restores_register() RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_restores_register'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
REVOKE ALL ON FUNCTION cipguard.restores_register() FROM PUBLIC;
COMMENT ON FUNCTION cipguard.restores_register() IS 'whether a superuser restores rows from a dump';

CREATE FUNCTION cipguard.refuse_request(what text, message text, hint text) RETURNS void
	AS 'MODULE_PATHNAME', 'cipguard_refuse_request'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION cipguard.refuse_request(text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.refuse_request(text, text, text) IS 'records a refusal and raises an error';

CREATE FUNCTION cipguard.require_other_eyes(what text, login regrole, role regrole) RETURNS void
	AS 'MODULE_PATHNAME', 'cipguard_require_other_eyes'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION cipguard.require_other_eyes(text, regrole, regrole) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.require_other_eyes(text, regrole, regrole) IS 'raises an error if the session belongs to the login that asked, or to the role that it asked in';

CREATE FUNCTION cipguard.note_break_glass(category text, relation regclass) RETURNS void
	AS 'MODULE_PATHNAME', 'cipguard_note_break_glass'
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION cipguard.note_break_glass(text, regclass) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.note_break_glass(text, regclass) IS 'raises the alert of broken glass';

-- Those who approve, by what they are today, and no longer who has left.
CREATE FUNCTION cipguard.is_approved(request bigint) RETURNS boolean
	LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	r cipguard.request;
	minors integer;
	approvers bigint;
	officers bigint;
	of_minors bigint;
BEGIN
	SELECT q.* INTO r FROM cipguard.request q WHERE q.id = is_approved.request;
	IF r.needed IS NULL OR r.needed < 1 THEN
		RETURN false;
	END IF;
	-- One of them approves for minors, the others as officers.
	minors := coalesce((r.kind = 'access' AND (r.detail ->> 'minors')::boolean)::integer, 0);
	SELECT count(*) FILTER (WHERE o.officer OR o.of_minors), count(*) FILTER (WHERE o.officer), count(*) FILTER (WHERE o.of_minors)
		INTO approvers, officers, of_minors
		FROM (
			SELECT cipguard.belongs_to(a.approver_id, 'cipguard_officer'::regrole) AS officer,
				minors > 0 AND cipguard.belongs_to(a.approver_id, 'cipguard_minor_approver'::regrole) AS of_minors
			FROM cipguard.approval a
				JOIN pg_roles p ON p.oid = a.approver_id AND p.rolname = a.approver
			WHERE a.request = r.id
				AND NOT cipguard.belongs_to(a.approver_id, r.login_id)
				AND NOT cipguard.belongs_to(a.approver_id, r.role_id)
		) o;
	RETURN approvers >= greatest(r.needed, 1 + minors) AND officers >= greatest(r.needed - minors, 1) AND of_minors >= minors;
END
$$;
REVOKE ALL ON FUNCTION cipguard.is_approved(bigint) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.is_approved(bigint) IS 'whether enough of those who may have approved a request';

CREATE FUNCTION cipguard.guard_request() RETURNS trigger
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	login CONSTANT text := (SELECT r.rolname::text FROM pg_roles r WHERE r.oid = cipguard.login_role());
	decides CONSTANT text[] := ARRAY['state', 'decided_by', 'decided_at', 'decision'];
	carries CONSTANT text[] := ARRAY['carried_out_at', 'result'];
	reviews CONSTANT text[] := ARRAY['reviewed_at', 'reviewed_by', 'verdict', 'review_note'];
	rest jsonb;
BEGIN
	IF TG_OP = 'INSERT' THEN
		IF cipguard.restores_register() THEN
			RETURN NEW;
		END IF;
		NEW.login_id := cipguard.login_role();
		NEW.requested_by := login;
		NEW.role_id := cipguard.acting_role();
		NEW.requested_role := (SELECT r.rolname::text FROM pg_roles r WHERE r.oid = NEW.role_id);
		NEW.requested_at := clock_timestamp();
		NEW.reason := regexp_replace(NEW.reason, '[[:cntrl:]]', ' ', 'g');
		NEW.state := CASE WHEN NEW.kind = 'break_glass' THEN 'approved' ELSE 'open' END;
		NEW.decided_by := NULL;
		NEW.decided_at := NULL;
		NEW.decision := NULL;
		NEW.carried_out_at := NULL;
		NEW.result := NULL;
		NEW.reviewed_at := NULL;
		NEW.reviewed_by := NULL;
		NEW.verdict := NULL;
		NEW.review_note := NULL;
		IF NEW.reason IS NULL OR NEW.reason !~ '[^ ]' OR octet_length(NEW.reason) > 1000 THEN
			RAISE EXCEPTION 'a request needs a reason of at most 1000 bytes'
				USING ERRCODE = 'invalid_parameter_value', HINT = 'Say what it is for, without data of persons.';
		END IF;
		IF starts_with(NEW.requested_role, 'cipguard_') THEN
			RAISE EXCEPTION 'cannot ask in the name of role "%"', NEW.requested_role
				USING ERRCODE = 'invalid_parameter_value', HINT = 'RESET ROLE, or act in a role of your own.';
		END IF;
		IF NOT cipguard.belongs_to(NEW.login_id, NEW.role_id) THEN
			PERFORM cipguard.refuse_request('request for a role of somebody else',
				format('permission denied to ask in the name of role "%s"', NEW.requested_role),
				'The role that logged in must be a member of it.');
		END IF;
		IF NEW.kind = 'break_glass' THEN
			IF NOT cipguard.acts_for('cipguard_emergency') THEN
				PERFORM cipguard.refuse_request('break-glass', 'permission denied to break the glass',
					'Only members of cipguard_emergency may. Ask for access with cipguard.request_access().');
			END IF;
			IF NEW.needed <> 0 THEN
				RAISE EXCEPTION 'nobody approves that the glass is broken'
					USING ERRCODE = 'invalid_parameter_value', HINT = 'Call cipguard.break_glass().';
			END IF;
			IF EXISTS (SELECT FROM cipguard.request r WHERE r.kind = 'break_glass' AND r.reviewed_at IS NULL AND r.login_id = NEW.login_id) THEN
				RAISE EXCEPTION 'cannot break the glass again before the last time was reviewed'
					USING ERRCODE = 'ZC035', HINT = 'An officer reviews it with cipguard.review(request, verdict, note).';
			END IF;
			NEW.expires_at := NEW.requested_at;
			RETURN NEW;
		END IF;
		IF NEW.needed < 1 OR NEW.needed IS NULL THEN
			RAISE EXCEPTION 'a request needs at least one approval'
				USING ERRCODE = 'invalid_parameter_value', HINT = 'Say how many logins must approve it.';
		END IF;
		-- Everybody may ask, and requests stay for good.
		IF (SELECT count(*) FROM cipguard.request r WHERE r.login_id = NEW.login_id AND r.requested_at > NEW.requested_at - interval '1 day') >= 100 THEN
			RAISE EXCEPTION 'role "%" has made 100 requests in 24 hours', NEW.requested_by
				USING ERRCODE = 'program_limit_exceeded', HINT = 'Ask again later.';
		END IF;
		NEW.expires_at := coalesce(NEW.expires_at, NEW.requested_at + interval '7 days');
		IF NEW.expires_at <= NEW.requested_at OR NEW.expires_at > NEW.requested_at + interval '30 days 1 minute' THEN
			RAISE EXCEPTION 'a request waits for more than no time, and for 30 days at most'
				USING ERRCODE = 'invalid_parameter_value', HINT = 'Ask again when it has expired.';
		END IF;
		RETURN NEW;
	END IF;

	IF TG_OP = 'DELETE' AND EXISTS (SELECT FROM cipguard.maintenance_windows w WHERE w.open AND (w.relation IS NULL OR w.relation = TG_RELID)) THEN
		RETURN OLD;
	END IF;
	IF TG_OP <> 'UPDATE' THEN
		RAISE EXCEPTION 'requests and approvals are not removed'
			USING ERRCODE = 'ZC036', HINT = 'Cancel or reject the request.';
	END IF;

	-- One thing at a time: it is decided, carried out or reviewed.
	rest := to_jsonb(NEW);
	IF OLD.state = 'open' AND NEW.state <> 'open' AND rest - decides = to_jsonb(OLD) - decides THEN
		NEW.decided_by := login;
		NEW.decided_at := clock_timestamp();
		IF NEW.state = 'approved' AND cipguard.is_approved(OLD.id) AND OLD.expires_at > NEW.decided_at THEN
			NEW.decision := NULL;
			RETURN NEW;
		ELSIF NEW.state = 'rejected' THEN
			IF NOT cipguard.acts_for('cipguard_officer') AND NOT cipguard.acts_for('cipguard_minor_approver') THEN
				PERFORM cipguard.refuse_request('rejection of a request', 'permission denied to reject requests',
					'Officers and approvers for minors may. Who asked may cancel his request.');
			END IF;
			RETURN NEW;
		ELSIF NEW.state = 'cancelled' THEN
			IF OLD.login_id <> cipguard.login_role() THEN
				PERFORM cipguard.refuse_request('cancelling a request of somebody else',
					format('permission denied to cancel request %s', OLD.id),
					'Only who asked may cancel it. An officer may reject it.');
			END IF;
			NEW.decision := NULL;
			RETURN NEW;
		ELSIF NEW.state = 'expired' AND OLD.expires_at <= NEW.decided_at THEN
			NEW.decision := NULL;
			NEW.decided_by := NULL;
			RETURN NEW;
		END IF;
	ELSIF OLD.state = 'approved' AND OLD.carried_out_at IS NULL AND NEW.carried_out_at IS NOT NULL
			AND rest - carries = to_jsonb(OLD) - carries THEN
		NEW.carried_out_at := clock_timestamp();
		RETURN NEW;
	ELSIF OLD.kind = 'break_glass' AND OLD.reviewed_at IS NULL AND NEW.reviewed_at IS NOT NULL AND NEW.verdict IS NOT NULL
			AND rest - reviews = to_jsonb(OLD) - reviews THEN
		PERFORM cipguard.require_other_eyes('review', OLD.login_id, OLD.role_id);
		IF NOT cipguard.acts_for('cipguard_officer') THEN
			PERFORM cipguard.refuse_request('review of broken glass', 'permission denied to review broken glass',
				'Only members of cipguard_officer may.');
		END IF;
		NEW.reviewed_at := clock_timestamp();
		NEW.reviewed_by := login;
		RETURN NEW;
	END IF;
	RAISE EXCEPTION 'a request cannot be changed, only decided, carried out and reviewed, once each'
		USING ERRCODE = 'ZC036', HINT = 'Make a new request.';
END
$$;
REVOKE ALL ON FUNCTION cipguard.guard_request() FROM PUBLIC;
COMMENT ON FUNCTION cipguard.guard_request() IS 'trigger: what was asked for stays as it is, and who asked, decided and reviewed is who did it';

CREATE TRIGGER guard_request BEFORE INSERT OR UPDATE OR DELETE ON cipguard.request
	FOR EACH ROW EXECUTE FUNCTION cipguard.guard_request();
ALTER TABLE cipguard.request ENABLE ALWAYS TRIGGER guard_request;
CREATE TRIGGER guard_request_truncate BEFORE TRUNCATE ON cipguard.request
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.guard_request();
ALTER TABLE cipguard.request ENABLE ALWAYS TRIGGER guard_request_truncate;

CREATE FUNCTION cipguard.guard_approval() RETURNS trigger
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	r cipguard.request;
	officer boolean;
	of_minors boolean;
BEGIN
	IF TG_OP = 'DELETE' AND EXISTS (SELECT FROM cipguard.maintenance_windows w WHERE w.open AND (w.relation IS NULL OR w.relation = TG_RELID)) THEN
		RETURN OLD;
	END IF;
	IF TG_OP <> 'INSERT' THEN
		RAISE EXCEPTION 'approvals are neither changed nor removed'
			USING ERRCODE = 'ZC036', HINT = 'Revoke what was given.';
	END IF;
	IF cipguard.restores_register() THEN
		RETURN NEW;
	END IF;
	SELECT q.* INTO r FROM cipguard.request q WHERE q.id = NEW.request FOR UPDATE;
	IF r.id IS NULL THEN
		RAISE EXCEPTION 'there is no request %', NEW.request
			USING ERRCODE = 'undefined_object', HINT = 'View cipguard.requests_open lists those that wait.';
	END IF;
	PERFORM cipguard.require_other_eyes('approve', r.login_id, r.role_id);
	officer := cipguard.acts_for('cipguard_officer');
	of_minors := coalesce(r.kind = 'access' AND (r.detail ->> 'minors')::boolean, false) AND cipguard.acts_for('cipguard_minor_approver');
	IF NOT officer AND NOT of_minors THEN
		PERFORM cipguard.refuse_request('approval of a request', format('permission denied to approve request %s', r.id),
			'Members of cipguard_officer may, and for data of minors also those of cipguard_minor_approver.');
	END IF;
	NEW.approver_id := cipguard.login_role();
	NEW.approver := (SELECT p.rolname::text FROM pg_roles p WHERE p.oid = NEW.approver_id);
	NEW.roles := array_remove(ARRAY[CASE WHEN officer THEN 'cipguard_officer' END, CASE WHEN of_minors THEN 'cipguard_minor_approver' END], NULL);
	NEW.at := clock_timestamp();
	IF r.state <> 'open' OR r.expires_at <= NEW.at THEN
		RAISE EXCEPTION 'request % is not open any more: it is %', r.id, CASE r.state WHEN 'open' THEN 'expired' ELSE r.state END
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Have it asked for anew.';
	END IF;
	IF EXISTS (SELECT FROM cipguard.approval a WHERE a.request = r.id AND a.approver_id = NEW.approver_id) THEN
		RAISE EXCEPTION 'you have approved request % already', r.id
			USING ERRCODE = 'ZC035', HINT = 'Somebody else must approve it, too.';
	END IF;
	RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION cipguard.guard_approval() FROM PUBLIC;
COMMENT ON FUNCTION cipguard.guard_approval() IS 'trigger: nobody approves what he asked for, and nobody twice';

CREATE TRIGGER guard_approval BEFORE INSERT OR UPDATE OR DELETE ON cipguard.approval
	FOR EACH ROW EXECUTE FUNCTION cipguard.guard_approval();
ALTER TABLE cipguard.approval ENABLE ALWAYS TRIGGER guard_approval;
CREATE TRIGGER guard_approval_truncate BEFORE TRUNCATE ON cipguard.approval
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.guard_approval();
ALTER TABLE cipguard.approval ENABLE ALWAYS TRIGGER guard_approval_truncate;

-- Runs as whoever inserts, who may read requests if he may fill these columns.
CREATE FUNCTION cipguard.guard_requested_grant() RETURNS trigger
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	r cipguard.request;
BEGIN
	IF cipguard.restores_register() THEN
		RETURN NEW;
	END IF;
	IF NEW.request IS NULL THEN
		RAISE EXCEPTION 'a grant for data of minors takes a request that two persons approve'
			USING ERRCODE = 'ZC035', HINT = 'Have it asked for with cipguard.request_access(..., minors => true).';
	END IF;
	SELECT q.* INTO r FROM cipguard.request q WHERE q.id = NEW.request;
	IF r.id IS NULL OR r.state <> 'approved' OR r.carried_out_at IS NOT NULL OR r.kind <> ALL (ARRAY['access', 'break_glass'])
		OR NEW.grantee <> r.role_id OR NEW.relation IS DISTINCT FROM r.relation_id
		OR (NEW.category, NEW.level, NEW.purpose, NEW.relation::text, NEW.row_limit, NEW.minors)
			IS DISTINCT FROM (r.detail ->> 'category', r.detail ->> 'level', r.detail ->> 'purpose', r.detail ->> 'relation',
				(r.detail ->> 'row_limit')::bigint, (r.detail ->> 'minors')::boolean)
		OR NEW.valid_until IS NULL OR NEW.valid_until > clock_timestamp() + (r.detail ->> 'duration')::interval
		OR NEW.valid_until > clock_timestamp() + (CASE r.kind WHEN 'access' THEN interval '90 days' ELSE interval '4 hours' END) THEN
		RAISE EXCEPTION 'the grant is not what request % asks for', NEW.request
			USING ERRCODE = 'ZC035', HINT = 'Only cipguard.approve() and cipguard.break_glass() make such grants.';
	END IF;
	RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION cipguard.guard_requested_grant() FROM PUBLIC;
COMMENT ON FUNCTION cipguard.guard_requested_grant() IS 'trigger: a grant that names a request is what was requested';

CREATE TRIGGER guard_requested_grant BEFORE INSERT ON cipguard.access_grant
	FOR EACH ROW WHEN (NEW.request IS NOT NULL OR NEW.minors) EXECUTE FUNCTION cipguard.guard_requested_grant();
ALTER TABLE cipguard.access_grant ENABLE ALWAYS TRIGGER guard_requested_grant;

-- Internal: functions that open requests of other kinds run as the owner of
-- the extension and say what is asked for.
CREATE FUNCTION cipguard.open_request(
	kind text,
	detail jsonb,
	reason text,
	needed integer DEFAULT 1,
	relation regclass DEFAULT NULL,
	valid_for interval DEFAULT '7 days'
) RETURNS bigint
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	made bigint;
BEGIN
	-- Those that nobody decided on in time.
	UPDATE cipguard.request r SET state = 'expired'
		FROM (SELECT q.id FROM cipguard.request q WHERE q.state = 'open' AND q.expires_at <= clock_timestamp() FOR UPDATE SKIP LOCKED) late
		WHERE r.id = late.id;
	INSERT INTO cipguard.request (kind, detail, reason, needed, relation_id, expires_at)
		VALUES (open_request.kind, open_request.detail, open_request.reason, open_request.needed, open_request.relation,
			clock_timestamp() + open_request.valid_for)
		RETURNING id INTO made;
	PERFORM pg_notify('cipguard_request', format('%s %s', made, open_request.kind));
	RETURN made;
END
$$;
REVOKE ALL ON FUNCTION cipguard.open_request(text, jsonb, text, integer, regclass, interval) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.open_request(text, jsonb, text, integer, regclass, interval) IS 'asks for something that others have to approve; returns the number of the request';

CREATE FUNCTION cipguard.access_detail(
	category text,
	purpose text,
	duration interval,
	longest interval,
	relation regclass,
	row_limit bigint,
	minors boolean,
	level text
) RETURNS jsonb
	LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	SET "IntervalStyle" = 'postgres'
AS $$
BEGIN
	IF category IS NULL OR purpose IS NULL OR duration IS NULL OR minors IS NULL OR level IS NULL THEN
		RAISE EXCEPTION 'category, purpose and duration of access must not be null'
			USING ERRCODE = 'null_value_not_allowed', HINT = 'Say what is to be read, for what, and how long.';
	END IF;
	-- Raises, with a hint, for a category or level that does not exist.
	PERFORM cipguard.can_access(category, level);
	IF category = 'unclassified' THEN
		RAISE EXCEPTION 'category "%" is for values outside of columns', category
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Name a category that columns have; cipguard.category lists them.';
	END IF;
	IF level = 'search' AND EXISTS (SELECT FROM cipguard.category c WHERE c.name = access_detail.category AND c.mode = 'random') THEN
		RAISE EXCEPTION 'values of category "%" cannot be searched', category
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Ask for level "read"; only searchable categories know "search".';
	END IF;
	IF purpose !~ '[^ ]' OR purpose ~ '[[:cntrl:]]' OR octet_length(purpose) > 200 THEN
		RAISE EXCEPTION 'purpose of access must be 1 to 200 bytes of printable text'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Name the activity; cipguard.purpose must have this value when data are read.';
	END IF;
	IF duration > longest OR now() + duration <= now() OR now() + duration > now() + longest THEN
		RAISE EXCEPTION 'duration of access must be greater than zero and at most %', longest
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Ask again when it has ended.';
	END IF;
	IF relation IS NOT NULL AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = access_detail.relation AND c.relkind = ANY (ARRAY['r', 'p']::"char"[])) THEN
		RAISE EXCEPTION '"%" is not a table', relation
			USING ERRCODE = 'wrong_object_type', HINT = 'Name the table, not its masking view.';
	END IF;
	IF row_limit < 1 THEN
		RAISE EXCEPTION 'number of values must be greater than zero'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave it out for as many as the budget has.';
	END IF;
	RETURN jsonb_strip_nulls(jsonb_build_object('category', category, 'level', level, 'purpose', purpose, 'duration', duration::text,
		'relation', relation::text, 'row_limit', row_limit, 'minors', minors));
END
$$;
REVOKE ALL ON FUNCTION cipguard.access_detail(text, text, interval, interval, regclass, bigint, boolean, text) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.access_detail(text, text, interval, interval, regclass, bigint, boolean, text) IS 'what is asked for, if it can be had';

-- SECURITY DEFINER: everybody may ask, and nobody writes the table.  Who does
-- so is the role that the session acts in.  check_function_bodies is pinned in
-- these functions: with it off the guards take a superuser for a restore.
CREATE FUNCTION cipguard.request_access(
	category text,
	purpose text,
	reason text,
	duration interval,
	relation regclass DEFAULT NULL,
	row_limit bigint DEFAULT NULL,
	minors boolean DEFAULT false,
	level text DEFAULT 'read'
) RETURNS bigint
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET check_function_bodies = on
AS $$
DECLARE
	longest CONSTANT interval := '90 days'::interval;
BEGIN
	RETURN cipguard.open_request('access',
		cipguard.access_detail(category, purpose, duration, longest, relation, row_limit, minors, level),
		reason, CASE WHEN minors THEN 2 ELSE 1 END, relation);
END
$$;
REVOKE ALL ON FUNCTION cipguard.request_access(text, text, text, interval, regclass, bigint, boolean, text) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.request_access(text, text, text, interval, regclass, bigint, boolean, text) IS
	'asks officers for access for a time, at most 90 days from their approval; returns the number of the request';

CREATE FUNCTION cipguard.carry_out_access(request bigint) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	r cipguard.request;
	made bigint;
BEGIN
	SELECT q.* INTO r FROM cipguard.request q WHERE q.id = carry_out_access.request;
	PERFORM FROM pg_roles l CROSS JOIN pg_roles p
		WHERE l.oid = r.login_id AND l.rolname = r.requested_by AND p.oid = r.role_id AND p.rolname = r.requested_role
			AND cipguard.belongs_to(l.oid, p.oid);
	IF NOT FOUND THEN
		RAISE EXCEPTION 'who made request % is not what he was: login "%", role "%"', r.id, r.requested_by, r.requested_role
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Reject it, and have it asked for anew.';
	END IF;
	IF r.relation_id::text IS DISTINCT FROM r.detail ->> 'relation' THEN
		RAISE EXCEPTION 'table "%" of request % was renamed or dropped since', r.detail ->> 'relation', r.id
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Reject it, and have it asked for anew.';
	END IF;
	INSERT INTO cipguard.access_grant (grantee, category, level, relation, purpose, valid_until, request, row_limit, minors)
		VALUES (r.role_id, r.detail ->> 'category', r.detail ->> 'level', r.relation_id, r.detail ->> 'purpose',
			clock_timestamp() + (r.detail ->> 'duration')::interval, r.id, (r.detail ->> 'row_limit')::bigint, (r.detail ->> 'minors')::boolean)
		RETURNING id INTO made;
	RETURN jsonb_build_object('grant', made);
END
$$;
REVOKE ALL ON FUNCTION cipguard.carry_out_access(bigint) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.carry_out_access(bigint) IS 'makes the grant that was requested';

-- The one place that knows what is done for which kind.
CREATE FUNCTION cipguard.carry_out(request bigint) RETURNS void
	LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	r cipguard.request;
	done jsonb;
BEGIN
	SELECT q.* INTO r FROM cipguard.request q WHERE q.id = carry_out.request FOR UPDATE;
	IF r.id IS NULL OR r.state <> 'approved' OR r.carried_out_at IS NOT NULL THEN
		RAISE EXCEPTION 'there is no request % that is to be carried out', carry_out.request
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'It must be approved, and is carried out once.';
	END IF;
	IF r.kind = ANY (ARRAY['access', 'break_glass']) THEN
		done := cipguard.carry_out_access(r.id);
	ELSIF r.kind = 'lift_lockdown' THEN
		done := cipguard.carry_out_lift(r.id);
	ELSE
		RAISE EXCEPTION 'requests of kind "%" cannot be carried out', r.kind
			USING ERRCODE = 'feature_not_supported', HINT = 'Reject it.';
	END IF;
	UPDATE cipguard.request SET carried_out_at = clock_timestamp(), result = done WHERE id = r.id;
END
$$;
REVOKE ALL ON FUNCTION cipguard.carry_out(bigint) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.carry_out(bigint) IS 'does what was requested and approved, once';

-- SECURITY DEFINER: see request_access().
CREATE FUNCTION cipguard.approve(request bigint) RETURNS text
	LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
	SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET check_function_bodies = on
AS $$
BEGIN
	INSERT INTO cipguard.approval (request) VALUES (approve.request);
	IF NOT cipguard.is_approved(approve.request) THEN
		RETURN 'open';
	END IF;
	UPDATE cipguard.request SET state = 'approved' WHERE id = approve.request;
	PERFORM cipguard.carry_out(approve.request);
	RETURN 'approved';
END
$$;
REVOKE ALL ON FUNCTION cipguard.approve(bigint) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.approve(bigint) IS 'approves what somebody else asked for; with the last approval that is needed it is done';

-- SECURITY DEFINER: see request_access().
CREATE FUNCTION cipguard.reject(request bigint, reason text) RETURNS void
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET check_function_bodies = on
AS $$
BEGIN
	IF reject.reason IS NULL OR reject.reason !~ '[^ ]' OR octet_length(reject.reason) > 1000 THEN
		RAISE EXCEPTION 'a rejection needs a reason of at most 1000 bytes'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Say why, without data of persons.';
	END IF;
	UPDATE cipguard.request SET state = 'rejected', decision = regexp_replace(reject.reason, '[[:cntrl:]]', ' ', 'g')
		WHERE id = reject.request AND state = 'open';
	IF NOT FOUND THEN
		RAISE EXCEPTION 'there is no open request %', reject.request
			USING ERRCODE = 'undefined_object', HINT = 'View cipguard.requests_open lists those that wait.';
	END IF;
END
$$;
REVOKE ALL ON FUNCTION cipguard.reject(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.reject(bigint, text) IS 'ends a request without doing what it asks for';

-- SECURITY DEFINER: see request_access().
CREATE FUNCTION cipguard.cancel_request(request bigint) RETURNS void
	LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
	SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET check_function_bodies = on
AS $$
BEGIN
	UPDATE cipguard.request SET state = 'cancelled' WHERE id = cancel_request.request AND state = 'open';
	IF NOT FOUND THEN
		RAISE EXCEPTION 'there is no open request %', cancel_request.request
			USING ERRCODE = 'undefined_object', HINT = 'View cipguard.requests_open lists those that wait.';
	END IF;
END
$$;
REVOKE ALL ON FUNCTION cipguard.cancel_request(bigint) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.cancel_request(bigint) IS 'takes back a request of one''s own that nobody has decided on';

-- SECURITY DEFINER: see request_access().
CREATE FUNCTION cipguard.break_glass(
	category text,
	purpose text,
	reason text,
	duration interval DEFAULT '1 hour',
	relation regclass DEFAULT NULL
) RETURNS bigint
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET check_function_bodies = on
AS $$
DECLARE
	longest CONSTANT interval := '4 hours'::interval;
	made bigint;
BEGIN
	made := cipguard.open_request('break_glass',
		cipguard.access_detail(category, purpose, duration, longest, relation, NULL, false, 'read'), reason, 0, relation);
	PERFORM cipguard.carry_out(made);
	PERFORM cipguard.note_break_glass(category, relation);
	RETURN made;
END
$$;
REVOKE ALL ON FUNCTION cipguard.break_glass(text, text, text, interval, regclass) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.break_glass(text, text, text, interval, regclass) IS
	'gives oneself access at once, in an emergency, for 4 hours at most; raises an alert, and an officer has to review it';

-- SECURITY DEFINER: see request_access().
CREATE FUNCTION cipguard.review(request bigint, verdict text, note text) RETURNS void
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET check_function_bodies = on
AS $$
BEGIN
	IF review.verdict IS NULL OR review.verdict <> ALL (ARRAY['justified', 'unjustified']) THEN
		RAISE EXCEPTION 'unrecognized verdict "%"', review.verdict
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Valid verdicts are "justified" and "unjustified".';
	END IF;
	IF review.note IS NULL OR review.note !~ '[^ ]' OR octet_length(review.note) > 1000 THEN
		RAISE EXCEPTION 'a review needs a note of at most 1000 bytes'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Say what was looked at, without data of persons.';
	END IF;
	UPDATE cipguard.request r SET reviewed_at = clock_timestamp(), verdict = review.verdict,
			review_note = regexp_replace(review.note, '[[:cntrl:]]', ' ', 'g')
		WHERE r.id = review.request AND r.kind = 'break_glass' AND r.reviewed_at IS NULL;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'there is no request % that waits for a review', review.request
			USING ERRCODE = 'undefined_object', HINT = 'View cipguard.requests_open lists those that wait.';
	END IF;
	IF review.verdict = 'unjustified' THEN
		UPDATE cipguard.access_grant g SET revoked_at = clock_timestamp() WHERE g.request = review.request AND g.revoked_at IS NULL;
	END IF;
END
$$;
REVOKE ALL ON FUNCTION cipguard.review(bigint, text, text) FROM PUBLIC;
COMMENT ON FUNCTION cipguard.review(bigint, text, text) IS 'says whether breaking the glass was justified; if not, ends the access';

CREATE VIEW cipguard.requests WITH (security_barrier) AS
	SELECT r.id, r.kind, r.detail, r.reason, r.requested_by, r.requested_role, r.requested_at, r.expires_at, r.needed,
		(SELECT pg_catalog.array_agg(a.approver ORDER BY a.at) FROM cipguard.approval a WHERE a.request OPERATOR(pg_catalog.=) r.id) AS approved_by,
		CASE WHEN r.state OPERATOR(pg_catalog.=) 'open' AND r.expires_at OPERATOR(pg_catalog.<=) pg_catalog.now() THEN 'expired' ELSE r.state END AS state,
		r.decided_by, r.decided_at, r.decision, r.carried_out_at, r.result, r.reviewed_by, r.reviewed_at, r.verdict, r.review_note
	FROM cipguard.request r
	WHERE r.requested_by OPERATOR(pg_catalog.=) SESSION_USER::text
		OR r.requested_role OPERATOR(pg_catalog.=) CURRENT_USER::text
		OR pg_catalog.pg_has_role('cipguard_officer', 'USAGE')
		OR pg_catalog.pg_has_role('cipguard_minor_approver', 'USAGE')
		OR pg_catalog.pg_has_role('cipguard_auditor', 'USAGE');
REVOKE ALL ON TABLE cipguard.requests FROM PUBLIC;
COMMENT ON VIEW cipguard.requests IS 'requests of one''s own; all of them for those who decide and for auditors';
COMMENT ON COLUMN cipguard.requests.approved_by IS 'logins that have approved it, the first one first';

CREATE VIEW cipguard.requests_open WITH (security_barrier) AS
	SELECT r.id, CASE WHEN r.kind OPERATOR(pg_catalog.=) 'break_glass' THEN 'review' ELSE 'approval' END AS waits_for,
		r.kind, r.detail, r.reason, r.requested_by, r.requested_role, r.requested_at, r.needed, r.approved_by, r.expires_at,
		r.kind OPERATOR(pg_catalog.=) 'break_glass'
			AND r.requested_at OPERATOR(pg_catalog.<) (pg_catalog.now() OPERATOR(pg_catalog.-) '24 hours'::interval) AS overdue
	FROM cipguard.requests r
	WHERE r.state OPERATOR(pg_catalog.=) 'open'
		OR (r.kind OPERATOR(pg_catalog.=) 'break_glass' AND r.reviewed_at IS NULL);
REVOKE ALL ON TABLE cipguard.requests_open FROM PUBLIC;
COMMENT ON VIEW cipguard.requests_open IS 'requests that wait for an approval, and broken glass that waits for a review';
COMMENT ON COLUMN cipguard.requests_open.overdue IS 'the review waits for more than 24 hours';
