-- Tables of audit.sh, in the schema bench: a table of ten columns with rows
-- of some 250 bytes for each way to audit it.
--
--	rows	of a bulk statement
--	ours	whether the server has cipguard
--	peer	whether it has table_log
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET synchronous_commit = off;

CREATE SCHEMA bench;

\ir clock.sql

CREATE TABLE bench.source WITH (autovacuum_enabled = off) AS
	SELECT i::bigint AS id, i % 1000 AS client_id, 'ZX-2024-' || i AS contract_no, '全过程工程咨询' AS service,
		'某市污水处理厂提标改造项目全过程工程咨询' AS project, (i % 100000)::numeric(14, 2) AS amount, DATE '2024-01-01' + i % 300 AS signed_on,
		TIMESTAMPTZ '2025-01-01 00:00+00' AS due_at, i % 2 = 0 AS active, 'remark ' || md5(i::text) || md5((i + 1)::text) AS remark
	FROM generate_series(0, :rows - 1) i;

CREATE TABLE bench.plain (
	id bigint PRIMARY KEY,
	client_id integer,
	contract_no text,
	service text,
	project text,
	amount numeric(14, 2),
	signed_on date,
	due_at timestamptz,
	active boolean,
	remark text
) WITH (autovacuum_enabled = off);
CREATE TABLE bench.hot_plain (LIKE bench.plain INCLUDING ALL) WITH (autovacuum_enabled = off, fillfactor = 50);

CREATE TABLE bench.jsonb (LIKE bench.plain INCLUDING ALL) WITH (autovacuum_enabled = off);
CREATE TABLE bench.jsonb_log (
	seq bigserial PRIMARY KEY,
	ts timestamptz NOT NULL DEFAULT clock_timestamp(),
	xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
	who text NOT NULL DEFAULT session_user,
	op text NOT NULL,
	relation regclass NOT NULL,
	old jsonb,
	new jsonb
) WITH (autovacuum_enabled = off);
CREATE FUNCTION bench.jsonb_audit() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	INSERT INTO bench.jsonb_log (op, relation, old, new)
		VALUES (TG_OP, TG_RELID, CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END, CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END);
	RETURN NULL;
END
$$;
CREATE TRIGGER jsonb_audit AFTER INSERT OR UPDATE OR DELETE ON bench.jsonb FOR EACH ROW EXECUTE FUNCTION bench.jsonb_audit();

\if :ours
CREATE EXTENSION cipguard CASCADE;
CREATE TABLE bench.audit (LIKE bench.plain INCLUDING ALL) WITH (autovacuum_enabled = off);
CREATE TABLE bench.subject (LIKE bench.plain INCLUDING ALL) WITH (autovacuum_enabled = off);
CREATE TABLE bench.hot_audit (LIKE bench.plain INCLUDING ALL) WITH (autovacuum_enabled = off, fillfactor = 50);
SECURITY LABEL FOR cipguard ON COLUMN bench.subject.client_id IS 'subject';
SELECT cipguard.audit_table('bench.' || t) FROM unnest('{audit,subject,hot_audit}'::text[]) t;
\endif

\if :peer
CREATE EXTENSION table_log;
CREATE TABLE bench.tablelog (LIKE bench.plain INCLUDING ALL) WITH (autovacuum_enabled = off);
SELECT table_log_init(5, 'bench', 'tablelog', 'bench', 'tablelog_log');
\endif
CHECKPOINT;
