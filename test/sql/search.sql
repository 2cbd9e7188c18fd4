-- Comparison by token: operators, indexes, joins, foreign keys, rights.
CREATE ROLE regress_cipguard_searcher;
CREATE ROLE regress_cipguard_clerk;
SELECT cipguard.grant_access('regress_cipguard_searcher', 'mobile', 'search') IS NOT NULL AS granted;
CREATE SCHEMA regress_search;
GRANT USAGE, CREATE ON SCHEMA regress_search TO regress_cipguard_searcher, regress_cipguard_clerk;
SET search_path = regress_search;
CREATE TABLE client (id int PRIMARY KEY, mobile cipguard.enc_text('mobile') UNIQUE, address cipguard.enc_text('address'));
INSERT INTO client SELECT g, '138' || lpad(g::text, 8, '0') FROM generate_series(1, 2000) g;
ANALYZE client;
CREATE TABLE copy AS SELECT id, mobile FROM client WHERE id <= 10;
CREATE TABLE plain AS SELECT g AS id, '138' || lpad(g::text, 8, '0') AS mobile FROM generate_series(1, 5) g;
GRANT ALL ON ALL TABLES IN SCHEMA regress_search TO regress_cipguard_searcher, regress_cipguard_clerk;

-- With the right to search only: rows are found, values stay armor.
SET ROLE regress_cipguard_searcher;
SELECT id, format('%s', mobile) LIKE 'cip1:%' AS armor FROM client WHERE mobile = '13800000007';
SELECT id FROM client WHERE mobile = '+86 138-0000-0007';
SELECT id FROM client WHERE mobile = '13800000007'::text;
SELECT id FROM client WHERE '13800000007'::varchar = mobile;
SELECT id FROM client WHERE mobile = '13800000007'::char(20);
SELECT id FROM client WHERE mobile = 'not a number';
SELECT id FROM client WHERE mobile IN ('13800000007', '13800000008', '1') ORDER BY id;
SELECT id FROM client WHERE mobile = ANY ('{13800000007,13800000008,NULL}'::text[]) ORDER BY id;
SELECT count(*) FROM client WHERE mobile IN ('13800000001', '13800000002', '13800000003', '13800000004', '13800000005', '13800000006', '13800000007', '13800000008', '13800000009', '13800000010', '13800000011');
SELECT count(*) FROM client WHERE mobile <> '13800000007';
SELECT count(*) FROM client WHERE mobile <> '13800000007'::text;
SELECT count(*) FROM client WHERE mobile NOT IN ('13800000007', '13800000008');
SELECT count(*) FROM client WHERE mobile IS DISTINCT FROM '13800000007';
SELECT count(*) FROM client WHERE mobile = NULL;
SELECT count(*), count(DISTINCT mobile) FROM client;
SELECT count(*) FROM (SELECT mobile FROM client GROUP BY mobile) g;
SELECT count(*) FROM (SELECT mobile FROM client UNION SELECT mobile FROM copy) u;
SELECT count(*) FROM client JOIN plain ON client.mobile = plain.mobile;
SELECT count(*) FROM client JOIN (VALUES ('13800000001'), ('13800000002')) v (m) ON client.mobile = v.m;
SELECT count(*) FROM client WHERE mobile IN (SELECT mobile FROM plain);
SELECT count(*) FROM client WHERE mobile IN (SELECT mobile FROM copy);
SELECT id FROM client WHERE (mobile, id) = ('13800000007', 7);
SELECT NULLIF(mobile, '13800000007') IS NULL AS same, CASE mobile WHEN '13800000007' THEN 'found' END FROM client WHERE id = 7;
SELECT id FROM client c WHERE mobile = (SELECT mobile FROM copy WHERE id = 3);
SET enable_hashjoin = off; SET enable_nestloop = off;
SELECT count(*) FROM client JOIN copy ON client.mobile = copy.mobile;
SET enable_mergejoin = off; SET enable_nestloop = on;
SELECT count(*) FROM client JOIN copy ON client.mobile = copy.mobile;
RESET enable_hashjoin; RESET enable_nestloop; RESET enable_mergejoin;

-- The unique index answers, for literals, text, lists and parameters.
SELECT test.plan_has($$SELECT FROM regress_search.client WHERE mobile = '13800000007'$$, 'Index') AS literal;
SELECT test.plan_has($$SELECT FROM regress_search.client WHERE mobile = '13800000007'::text$$, 'Index') AS text;
SELECT test.plan_has($$SELECT FROM regress_search.client WHERE mobile IN ('13800000007', '13800000008')$$, 'Index') AS list;
SELECT test.plan_has($$SELECT FROM regress_search.client WHERE mobile = ANY ('{13800000007,13800000008}'::text[])$$, 'Index') AS array;
PREPARE by_mobile AS SELECT id FROM regress_search.client WHERE mobile = $1;
PREPARE by_text (text) AS SELECT id FROM regress_search.client WHERE mobile = $1;
SET plan_cache_mode = force_generic_plan;
EXECUTE by_mobile('13800000007');
EXECUTE by_mobile('13800000008');
EXECUTE by_text('13800000009');
SELECT test.plan_has($$EXECUTE by_mobile('13800000007')$$, 'Index') AS generic;
SELECT test.plan_has($$EXECUTE by_text('13800000007')$$, 'Index') AS generic_text;

-- Without the right, comparing is refused, in every shape and from cached plans.
SET ROLE regress_cipguard_clerk;
EXECUTE by_mobile('13800000007');
RESET plan_cache_mode;
EXECUTE by_mobile('13800000007');
SELECT test.error_of($$SELECT FROM regress_search.client WHERE mobile = '13800000007'$$);
SELECT test.error_of($$SELECT FROM regress_search.client WHERE mobile = '1'$$);
SELECT test.error_of($$SELECT FROM regress_search.client WHERE mobile = '13800000007'::text$$);
SELECT test.error_of($$SELECT FROM regress_search.client WHERE mobile IN ('13800000007', '1')$$);
SELECT test.error_of($$SELECT FROM regress_search.client WHERE mobile <> '13800000007'$$);
SELECT test.error_of($$SELECT mobile = '13800000007' FROM regress_search.client$$);
SELECT test.error_of($$SELECT CASE mobile WHEN '13800000007' THEN 1 END FROM regress_search.client$$);
SELECT test.error_of($$SELECT FROM regress_search.client JOIN regress_search.plain ON client.mobile = plain.mobile$$);
CREATE TABLE probe (mobile cipguard.enc_text('mobile'));
INSERT INTO probe VALUES ('13800000007');
SELECT test.error_of($$SELECT FROM regress_search.client JOIN regress_search.probe USING (mobile)$$);
SELECT test.error_of($$SELECT FROM regress_search.client WHERE mobile = ANY (ARRAY(SELECT mobile FROM regress_search.probe))$$);
SELECT test.error_of($$SELECT FROM regress_search.client WHERE mobile IN (SELECT mobile FROM regress_search.probe)$$);
SELECT test.error_of($$SELECT FROM regress_search.client c JOIN regress_search.probe p ON coalesce(c.mobile, NULL) = coalesce(p.mobile, NULL)$$);
SET enable_hashjoin = off; SET enable_nestloop = off;
SELECT test.error_of($$SELECT FROM regress_search.client c JOIN regress_search.probe p ON coalesce(c.mobile, NULL) = coalesce(p.mobile, NULL)$$);
RESET enable_hashjoin; RESET enable_nestloop;
SELECT test.error_of($$SELECT cipguard.enc_text_eq(c.mobile, p.mobile) FROM regress_search.client c, regress_search.probe p$$);
SELECT test.error_of($$SELECT cipguard.search_key('13800000007'::text, cipguard.category_id('mobile'))$$);
SELECT test.error_of($$SELECT FROM regress_search.client WHERE mobile OPERATOR(cipguard.#<#) '13800000007'$$);
-- But rows can be written, and rows that were written are unique.
INSERT INTO client VALUES (3001, '13900000001');
UPDATE client SET mobile = '13900000002' WHERE id = 3001;
SELECT test.error_of($$INSERT INTO regress_search.client VALUES (3002, '139-0000-0002')$$);
DELETE FROM client WHERE id = 3001;
RESET ROLE;

-- Domains are no way round, and no obstacle to an index.
CREATE DOMAIN phone AS cipguard.enc_text('mobile');
CREATE TABLE dom AS SELECT id, mobile::phone FROM client WHERE id <= 500;
CREATE INDEX ON dom (mobile);
ANALYZE dom;
GRANT SELECT ON dom TO regress_cipguard_searcher, regress_cipguard_clerk;
SET enable_hashjoin = off; SET enable_nestloop = off;
SET ROLE regress_cipguard_clerk;
SELECT test.error_of('SELECT count(*) FROM regress_search.dom a JOIN regress_search.dom b ON a.mobile = b.mobile');
SET ROLE regress_cipguard_searcher;
SELECT count(*) FROM dom a JOIN dom b ON a.mobile = b.mobile;
RESET enable_hashjoin; RESET enable_nestloop;
SET enable_seqscan = off;
SELECT id FROM dom WHERE mobile = '13800000007';
SELECT id FROM dom WHERE mobile = '13800000007'::text;
SELECT id FROM dom WHERE mobile = ANY (ARRAY['13800000007', '13800000008']) ORDER BY id;
SELECT id FROM dom WHERE mobile IN ('13800000007', '13800000008') ORDER BY id;
RESET enable_seqscan;
SELECT nullif('13800000007'::text, mobile), nullif('13800000009'::text, mobile) FROM client WHERE id = 7;
RESET ROLE;

-- Random mode does not compare, index, group or sort.
INSERT INTO client VALUES (4001, NULL, 'a'), (4002, NULL, 'a');
SELECT test.error_of($$SELECT FROM regress_search.client WHERE address = 'x'$$);
SELECT test.error_of($$SELECT FROM regress_search.client WHERE address = 'x'::text$$);
SELECT test.error_of($$SELECT FROM regress_search.client a JOIN regress_search.client b USING (address)$$);
SELECT test.error_of($$SELECT DISTINCT address FROM regress_search.client$$);
SELECT test.error_of($$SELECT address FROM regress_search.client ORDER BY address$$);
SELECT test.error_of($$CREATE INDEX ON regress_search.client (address)$$);
SELECT test.error_of($$CREATE TABLE regress_search.bad (address cipguard.enc_text('address') PRIMARY KEY)$$);
SELECT test.error_of($$ALTER TABLE regress_search.copy ADD address cipguard.enc_text('address') UNIQUE$$);
SELECT test.error_of($$SELECT 'a'::cipguard.enc_text = 'a'::cipguard.enc_text$$);
SELECT test.error_of($$SELECT FROM regress_search.client WHERE mobile < '1'$$);

-- Hash index, hash partitions with pruning, and keys that refer to each other.
CREATE INDEX client_hash ON client USING hash (mobile);
CREATE TABLE part (id int, mobile cipguard.enc_text('mobile')) PARTITION BY HASH (mobile);
CREATE TABLE part0 PARTITION OF part FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE part1 PARTITION OF part FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO part SELECT id, mobile FROM client WHERE id <= 100;
GRANT SELECT ON part TO regress_cipguard_searcher;
SET ROLE regress_cipguard_searcher;
SELECT id FROM part WHERE mobile = '13800000042';
SELECT test.plan_has($$SELECT FROM regress_search.part WHERE mobile = '13800000042'$$, 'Subplans Removed: 1') AS pruned;
SELECT count(*) FROM part a JOIN part b USING (mobile);
RESET ROLE;
CREATE TABLE account (mobile cipguard.enc_text('mobile') PRIMARY KEY);
CREATE TABLE call (id int, mobile cipguard.enc_text('mobile') REFERENCES account ON DELETE CASCADE ON UPDATE CASCADE);
ALTER TABLE account OWNER TO regress_cipguard_clerk;
ALTER TABLE call OWNER TO regress_cipguard_clerk;
SET ROLE regress_cipguard_clerk;
INSERT INTO account VALUES ('13800000001'), ('13800000002');
INSERT INTO call VALUES (1, '138-0000-0001'), (2, '13800000002');
SELECT test.error_of($$INSERT INTO regress_search.call VALUES (3, '13800000003')$$) ~ '^23503: .*violates foreign key' AS refused;
UPDATE call SET id = 3 WHERE id = 2;
UPDATE account SET mobile = '13800000009' WHERE ctid = '(0,2)';
DELETE FROM account WHERE ctid = '(0,1)';
SELECT id FROM call ORDER BY id;
INSERT INTO account VALUES ('13800000009') ON CONFLICT DO NOTHING;
INSERT INTO account VALUES ('13800000009') ON CONFLICT (mobile) DO UPDATE SET mobile = excluded.mobile;
SELECT count(*) FROM account;
ALTER TABLE call DROP CONSTRAINT call_mobile_fkey;
ALTER TABLE call ADD FOREIGN KEY (mobile) REFERENCES account;
RESET ROLE;

-- A sort is by token; no index helps it.
SET enable_indexscan = off;
SET enable_indexonlyscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT mobile FROM client WHERE mobile IS NOT NULL ORDER BY mobile;
SELECT count(*) > 3 AS several, bool_and(before <= now) AS sorted FROM (
	SELECT substr(test.raw(mobile), 13, 16) AS now, lag(substr(test.raw(mobile), 13, 16), 1, ''::bytea) OVER () AS before
	FROM (SELECT mobile FROM client WHERE mobile IS NOT NULL ORDER BY mobile) s) t;
RESET enable_indexscan;
RESET enable_indexonlyscan;
RESET enable_bitmapscan;

RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA regress_search CASCADE;
DELETE FROM cipguard.access_grant WHERE grantee::text LIKE 'regress%';
DROP ROLE regress_cipguard_searcher, regress_cipguard_clerk;
