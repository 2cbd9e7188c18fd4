-- Blocks of the audit log: what they hold, and who may do what.
CREATE SCHEMA seal_test;
SET search_path = seal_test, pg_temp;
CREATE ROLE regress_cipguard_seal_officer IN ROLE cipguard_officer;
CREATE ROLE regress_cipguard_seal_auditor IN ROLE cipguard_auditor;
CREATE ROLE regress_cipguard_seal_clerk;
SELECT current_user AS super \gset

-- A worker may close blocks, too, so numbers are never shown.
CREATE FUNCTION blocks() RETURNS bigint LANGUAGE sql AS
	'SELECT coalesce(max(block), 0) FROM cipguard.audit_block';
CREATE FUNCTION sealed(event bigint) RETURNS boolean LANGUAGE sql AS $$
	SELECT EXISTS (SELECT FROM cipguard.audit_event e, cipguard.audit_block b
		WHERE e.seq = event AND pg_visible_in_snapshot(e.xid, b.snapshot))
$$;

-- 1. A block over what was committed
CREATE TABLE item (id int PRIMARY KEY, name text, tags text[]);
SELECT cipguard.audit_table('item');
INSERT INTO item VALUES (1, 'one', '{a,NULL,c}'), (2, NULL, NULL);
SELECT max(seq) AS event FROM cipguard.audit_event WHERE relname = 'seal_test.item' \gset
SELECT count(cipguard.seal()) >= 0 AS sealed;
SELECT sealed(:event);
SELECT min(b.block) AS block FROM cipguard.audit_event e, cipguard.audit_block b
	WHERE e.seq = :event AND pg_visible_in_snapshot(e.xid, b.snapshot) \gset

-- Not its own transaction, which can be rolled back
BEGIN;
INSERT INTO item VALUES (3, 'three');
SELECT max(seq) AS own FROM cipguard.audit_event WHERE relname = 'seal_test.item' \gset
SELECT count(cipguard.seal()) >= 0 AS sealed;
SELECT sealed(:own);
COMMIT;
SELECT count(cipguard.seal()) >= 0 AS sealed;
SELECT sealed(:own);

-- 2. What checkers outside get
SELECT sha256(cipguard.audit_block_preimage(block)) = head AS head,
	events = (SELECT count(*) FROM cipguard.audit_block_leaves(block)) AS leaves
FROM cipguard.audit_block WHERE block = :block;
SELECT l.hash = sha256('\x00'::bytea || cipguard.audit_canonical(l.event)) AS leaf, l.level, l.xid IS NOT NULL AS xid
FROM cipguard.audit_block_leaves(:block) l WHERE l.event = :event;
SELECT substr(cipguard.audit_canonical(:event), 1, 18) = 'cipguard.audit.v1'::bytea || '\x01' AS tag,
	substr(cipguard.audit_canonical(:event), 19, 16) = (SELECT uuid_send(log_id) FROM cipguard.audit_identity) AS log,
	substr(cipguard.audit_canonical(:event), 35, 12) = int4send(8) || int8send(:event) AS seq;
SELECT prev_head = (SELECT head FROM cipguard.audit_block WHERE block = b.block - 1) AS chained
FROM cipguard.audit_block b WHERE block = (SELECT blocks());
SELECT bool_and(prev_head = decode(repeat('00', 32), 'hex')) AS first FROM cipguard.audit_block WHERE block = 1;
SELECT count(*) = count(p.digest) AS policies, bool_and(p.digest = sha256(convert_to(p.statement, 'UTF8'))) AS digests
FROM cipguard.audit_block b LEFT JOIN cipguard.audit_policy p ON p.digest = b.policy;

-- 3. Nulls, and what there is not
SELECT cipguard.audit_canonical(NULL), cipguard.audit_canonical(-1), cipguard.audit_block_preimage(NULL), cipguard.audit_block_preimage(0);
SELECT count(*) FROM cipguard.audit_block_leaves(NULL);
SELECT count(*) FROM cipguard.audit_block_leaves(9223372036854775807);
SELECT count(*) FROM cipguard.purge_audit(NULL);
SELECT count(*) FROM cipguard.purge_audit('-infinity', 'nothing so old');

-- 4. Checking
SELECT status, finding FROM cipguard.audit_verify() WHERE status <> 'note';
SELECT status, finding FROM cipguard.audit_verify(NULL, NULL) WHERE status <> 'note';
SELECT status, finding FROM cipguard.audit_verify(:block) WHERE status <> 'note';
SELECT status, detail = format('blocks %s to %s, %s events', b.block, b.block, b.events) AS detail
FROM cipguard.audit_verify(:block, :block) v, cipguard.audit_block b WHERE b.block = :block AND status <> 'note';
SELECT status, detail FROM cipguard.audit_verify(5, 4);
SELECT status, detail FROM cipguard.audit_verify(9223372036854775807);
SELECT status, finding FROM cipguard.audit_verify(-9223372036854775808, :block) WHERE status <> 'note';

-- By time: the blocks closed in the span, and one more; none is added meanwhile
BEGIN;
LOCK TABLE cipguard.audit_block IN SHARE MODE;
SELECT sealed_at AS closed FROM cipguard.audit_block WHERE block = :block \gset
SELECT block AS last, sealed_at AS closed_last FROM cipguard.audit_block ORDER BY block DESC LIMIT 1 \gset
SELECT name, status, regexp_replace(detail, ',.*', '') = format('blocks %s to %s', first, last) AS span
FROM (VALUES
	('whole', NULL::timestamptz, NULL::timestamptz, 1::bigint, :last::bigint),
	('one', :'closed', :'closed', :block, least(:block + 1, :last)),
	('until just before', NULL, :'closed'::timestamptz - interval '1 us', 1, :block),
	('the last', :'closed_last'::timestamptz - interval '1 us', NULL, :last, :last),
	('before all', '-infinity', '1990-01-01', 1, 1),
	('to the end', '1990-01-01', 'infinity', 1, :last)) c (name, since, until, first, last),
	cipguard.audit_verify_span(since, until) WHERE status <> 'note';
COMMIT;
SELECT status, detail FROM cipguard.audit_verify_span('infinity');
SELECT status, detail FROM cipguard.audit_verify_span('infinity', '-infinity');

-- 5. Who may
SET ROLE regress_cipguard_seal_clerk;
SELECT cipguard.seal();
SELECT cipguard.audit_verify();
SELECT cipguard.audit_verify_span(NULL);
SELECT cipguard.purge_audit(now());
SELECT cipguard.audit_canonical(1);
SELECT count(*) FROM cipguard.audit_block;
SET ROLE regress_cipguard_seal_auditor;
SELECT status, finding FROM cipguard.audit_verify() WHERE status <> 'note';
SELECT count(*) > 0 AS blocks FROM cipguard.audit_block;
SELECT length(cipguard.audit_canonical(:event)) > 100 AS canonical;
SELECT cipguard.seal();
SELECT cipguard.purge_audit(now());
SELECT count(*) FROM cipguard.audit_print;
SET ROLE regress_cipguard_seal_officer;
SELECT count(cipguard.seal()) >= 0 AS sealed;
SELECT status, finding FROM cipguard.audit_verify() WHERE status <> 'note';
RESET ROLE;

-- 6. When it cannot be
BEGIN READ ONLY;
SELECT cipguard.seal();
ROLLBACK;
BEGIN READ ONLY;
SELECT status, finding FROM cipguard.audit_verify() WHERE status <> 'note';
SELECT cipguard.purge_audit('2000-01-01');
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
INSERT INTO item VALUES (4, 'four');
SELECT count(cipguard.seal()) >= 0 AS sealed;
SELECT status, finding FROM cipguard.audit_verify() WHERE status <> 'note';
ROLLBACK;

-- 7. A new policy is in the next block, and is noted
CREATE TABLE other (id int PRIMARY KEY);
SELECT blocks() AS before \gset
SELECT cipguard.audit_table('other');
SELECT count(cipguard.seal()) >= 0 AS sealed;
SELECT count(*) > 0 AS noted FROM cipguard.audit_verify(:before) WHERE finding = 'policy' AND detail LIKE '%+ trigger cipguard_audit_row on seal_test.other:%';

-- 8. No statement changes blocks
SELECT format('DELETE FROM cipguard.%I', t) FROM unnest('{audit_block,audit_identity,audit_kept_node,audit_mark,audit_policy,audit_print,audit_purge}'::text[]) t \gexec
SELECT status, finding FROM cipguard.audit_verify() WHERE status <> 'note';

SET ROLE cipguard_officer;
SELECT cipguard.open_maintenance('end of a test') IS NOT NULL AS opened;
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA seal_test CASCADE;
SET ROLE cipguard_officer;
SELECT cipguard.close_maintenance();
RESET ROLE;
DROP ROLE regress_cipguard_seal_officer, regress_cipguard_seal_auditor, regress_cipguard_seal_clerk;
