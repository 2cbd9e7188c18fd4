-- What the law says about audit logs: numbers are rows, not code, so that a
-- company adds what binds it beside what binds everybody.
--
-- Rows that come with the extension change with it; nobody shortens what the
-- law asks by an UPDATE.  None of this is legal advice.

CREATE TABLE cipguard.regulation (
	key text PRIMARY KEY CHECK (key OPERATOR(pg_catalog.~) '^[a-z0-9_.]{1,63}$'),
	jurisdiction text NOT NULL,
	law text NOT NULL,
	article text NOT NULL,
	topic text NOT NULL,
	rule text NOT NULL,
	keep interval CHECK (keep OPERATOR(pg_catalog.>) '0'::interval),
	kinds "char"[] CHECK (kinds OPERATOR(pg_catalog.<@) '{I,U,D,T,G,R,X,L,E}'::"char"[]),
	source text,
	valid_from date NOT NULL DEFAULT CURRENT_DATE,
	valid_until date,
	builtin boolean NOT NULL DEFAULT false,
	CHECK (valid_until OPERATOR(pg_catalog.>=) valid_from),
	CHECK ((keep IS NULL) OPERATOR(pg_catalog.<=) (kinds IS NULL))
);
REVOKE ALL ON TABLE cipguard.regulation FROM PUBLIC;
COMMENT ON TABLE cipguard.regulation IS 'rules of law about audit logs, and how long they have records kept';
COMMENT ON COLUMN cipguard.regulation.keep IS 'shortest time that records must be kept; null: the rule has none';
COMMENT ON COLUMN cipguard.regulation.kinds IS 'kinds of events (audit_event.kind) that keep is about; null: none, unless a row of yours says so';
COMMENT ON COLUMN cipguard.regulation.source IS 'where the text is found';
COMMENT ON COLUMN cipguard.regulation.valid_until IS 'last day on which the rule binds; null: no end is known';
COMMENT ON COLUMN cipguard.regulation.builtin IS 'comes with the extension';
SELECT pg_catalog.pg_extension_config_dump('cipguard.regulation', 'WHERE NOT builtin');

INSERT INTO cipguard.regulation (key, jurisdiction, law, article, topic, rule, keep, kinds, source, valid_from, builtin) VALUES
	('cn.csl.21.3', 'CN', '网络安全法', '21 (3), as numbered in 2016', 'retention',
		'logs that record the running of the network and security events are kept for at least six months',
		'6 months', '{I,U,D,T,G,R,X,L,E}', 'http://www.npc.gov.cn', '2017-06-01', true),
	('cn.pipl.56', 'CN', '个人信息保护法', '56', 'retention',
		'reports of impact assessments and records of the processing are kept for at least three years',
		'3 years', '{G,R,E}', 'http://www.npc.gov.cn', '2021-11-01', true),
	('cn.network_data.12', 'CN', '网络数据安全管理条例', '12', 'retention',
		'records of personal information provided to others or entrusted to them are kept for at least three years',
		'3 years', '{R,E}', 'http://www.gov.cn', '2025-01-01', true),
	('cn.ecommerce.31', 'CN', '电子商务法', '31', 'retention',
		'platforms keep information on goods, services and transactions for at least three years from the transaction',
		'3 years', NULL, 'http://www.npc.gov.cn', '2019-01-01', true),
	('cn.pipl.51', 'CN', '个人信息保护法', '51', 'access',
		'permissions are set reasonably, and access that is not authorized is prevented',
		NULL, NULL, 'http://www.npc.gov.cn', '2021-11-01', true),
	('cn.pipl.54', 'CN', '个人信息保护法', '54', 'audit',
		'whether the processing keeps to laws and regulations is audited regularly',
		NULL, NULL, 'http://www.npc.gov.cn', '2021-11-01', true),
	('cn.pipl.44', 'CN', '个人信息保护法', '44, 45', 'subject',
		'individuals have the right to know about the processing of their information, and to consult it',
		NULL, NULL, 'http://www.npc.gov.cn', '2021-11-01', true),
	('cn.pipl.57', 'CN', '个人信息保护法', '57', 'incident',
		'a leak is notified with the kinds of information, the cause and the harm it can do: to whom, the log tells',
		NULL, NULL, 'http://www.npc.gov.cn', '2021-11-01', true),
	('cn.pipl.69', 'CN', '个人信息保护法', '69', 'proof',
		'the handler is liable unless he proves that he was not at fault',
		NULL, NULL, 'http://www.npc.gov.cn', '2021-11-01', true),
	('cn.minors.36', 'CN', '未成年人网络保护条例', '36', 'access',
		'access of staff to information of minors is approved, recorded and as little as is needed',
		NULL, NULL, 'http://www.gov.cn', '2024-01-01', true),
	('eu.gdpr.5.2', 'EU', 'GDPR', '5 (2), 24', 'proof',
		'the controller is able to demonstrate that he complies',
		NULL, NULL, 'https://eur-lex.europa.eu', '2018-05-25', true),
	('eu.gdpr.15', 'EU', 'GDPR', '15', 'subject',
		'the data subject gets to know purposes, categories and recipients of his data',
		NULL, NULL, 'https://eur-lex.europa.eu', '2018-05-25', true);

CREATE FUNCTION cipguard.guard_regulation() RETURNS trigger
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF TG_OP = 'INSERT' THEN
		IF NEW.builtin THEN
			RAISE EXCEPTION 'regulation "%" does not come with the extension', NEW.key
				USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave "builtin" out.';
		END IF;
		RETURN NEW;
	END IF;
	IF OLD.builtin THEN
		RAISE EXCEPTION 'regulation "%" comes with the extension', OLD.key
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Add a row of your own for what goes beyond it.';
	END IF;
	IF TG_OP = 'DELETE' THEN
		RAISE EXCEPTION 'rows of cipguard.regulation are not deleted'
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Set "valid_until".';
	END IF;
	IF (to_jsonb(NEW) - 'valid_until') <> (to_jsonb(OLD) - 'valid_until') OR NEW.valid_until < CURRENT_DATE THEN
		RAISE EXCEPTION 'of a regulation only the end can be changed, and not to a day that is over'
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Set "valid_until", and add another row.';
	END IF;
	RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION cipguard.guard_regulation() FROM PUBLIC;
COMMENT ON FUNCTION cipguard.guard_regulation() IS 'trigger: rules that come with the extension stay, others are ended, never removed';
CREATE TRIGGER guard_regulation BEFORE INSERT OR UPDATE OR DELETE ON cipguard.regulation
	FOR EACH ROW EXECUTE FUNCTION cipguard.guard_regulation();
ALTER TABLE cipguard.regulation ENABLE ALWAYS TRIGGER guard_regulation;
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON cipguard.regulation
	FOR EACH ROW EXECUTE FUNCTION cipguard.note_change();
ALTER TABLE cipguard.regulation ENABLE ALWAYS TRIGGER note_change;

CREATE FUNCTION cipguard.audit_floor() RETURNS TABLE (kind "char", keep interval, regulation text)
	LANGUAGE sql STABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT k.kind, f.keep, f.key
	FROM unnest('{I,U,D,T,G,R,X,L,E}'::"char"[]) WITH ORDINALITY AS k (kind, place)
		LEFT JOIN LATERAL (
			SELECT r.keep, r.key
			FROM cipguard.regulation r
			WHERE k.kind = ANY (r.kinds) AND r.keep IS NOT NULL
				AND r.valid_from <= CURRENT_DATE AND (r.valid_until IS NULL OR r.valid_until >= CURRENT_DATE)
			ORDER BY r.keep DESC, r.key
			LIMIT 1
		) f ON true
	ORDER BY k.place
$$;
REVOKE ALL ON FUNCTION cipguard.audit_floor() FROM PUBLIC;
COMMENT ON FUNCTION cipguard.audit_floor() IS 'how long events of each kind must be kept, and by which row of cipguard.regulation';
