-- server: masked
-- Partitions and children: whatever the order of their columns, and wherever
-- in the tree the label is, the same is seen and kept.
\i test/sql/transparent.inc
SET ROLE regress_cipguard_owner;
-- Labels on the root; partitions with other columns orders, below each other.
CREATE TABLE root (id int, tel varchar(20), born date, mobile cipguard.enc_text('mobile'), note text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE one (note text, gone int, mobile cipguard.enc_text('mobile'), born date, also text, id int NOT NULL, tel varchar(20));
ALTER TABLE one DROP COLUMN gone, DROP COLUMN also;
ALTER TABLE root ATTACH PARTITION one FOR VALUES FROM (1) TO (10);
CREATE TABLE two PARTITION OF root FOR VALUES FROM (10) TO (20) PARTITION BY HASH (id);
CREATE TABLE two1 PARTITION OF two FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE two2 (tel varchar(20), id int NOT NULL, note text, born date, mobile cipguard.enc_text('mobile'));
ALTER TABLE two ATTACH PARTITION two2 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE rest PARTITION OF root DEFAULT;
SECURITY LABEL FOR cipguard ON COLUMN root.tel IS 'mobile';
SECURITY LABEL FOR cipguard ON COLUMN root.born IS 'birth_date';
RESET ROLE;
SECURITY LABEL FOR cipguard ON COLUMN root.id IS 'subject';
SET ROLE regress_cipguard_owner;
CREATE INDEX ON root (tel);
GRANT ALL ON root, one, two, two1, two2, rest TO PUBLIC;
-- Inheritance: a label on the parent, on the child, on both, and two parents.
CREATE TABLE top (id int, tel text, name text, note text);
CREATE TABLE kid (email text) INHERITS (top);
CREATE TABLE kid2 (pay int, tel text, name text) INHERITS (top);
CREATE TABLE other (tel text, city text);
CREATE TABLE grandkid () INHERITS (kid2, other);
SECURITY LABEL FOR cipguard ON COLUMN top.tel IS 'mobile';
SECURITY LABEL FOR cipguard ON COLUMN kid.name IS 'name';
SECURITY LABEL FOR cipguard ON COLUMN kid.email IS 'email';
SECURITY LABEL FOR cipguard ON COLUMN kid2.tel IS 'name';
SECURITY LABEL FOR cipguard ON COLUMN kid2.pay IS 'regress_income';
SECURITY LABEL FOR cipguard ON COLUMN other.city IS 'address';
GRANT ALL ON top, kid, kid2, other, grandkid TO PUBLIC;
INSERT INTO root SELECT i, '1380013' || 8000 + i, date '1990-03-07' + i, '1380013' || 8000 + i, 'n' || i FROM unnest('{1,2,10,11,12,13,30}'::int[]) i;
INSERT INTO top VALUES (1, '13800138001', '张三', 'top');
INSERT INTO kid VALUES (2, '13800138002', '李四', 'kid', 'lisi@example.com');
INSERT INTO kid2 VALUES (3, '13800138003', '王五', 'kid2', 12345);
INSERT INTO grandkid (id, tel, name, note, pay, city) VALUES (4, '13800138004', '赵六', 'grandkid', 23456, '上海市浦东新区世纪大道100号');

SET ROLE regress_cipguard_clerk;
SELECT tableoid::regclass, * FROM root ORDER BY id;
SELECT * FROM one ORDER BY id;
SELECT * FROM two2 ORDER BY id;
SELECT * FROM two ORDER BY id;
SELECT r, to_jsonb(r) FROM root r WHERE id IN (1, 12) ORDER BY id;
SELECT (r).tel, r.born FROM root r ORDER BY (r).id LIMIT 2;
SELECT a.id, b.tel FROM root a JOIN root b USING (id, tel) ORDER BY 1;
SELECT tel, count(*) FROM root GROUP BY tel ORDER BY tel LIMIT 2;
SELECT min(tel), max(born), count(DISTINCT born) FROM root;
SELECT id FROM root WHERE tel = '138****8001' AND born = '1990-01-01';
SELECT tableoid::regclass, * FROM top ORDER BY id;
SELECT * FROM ONLY top;
SELECT * FROM kid;
SELECT * FROM kid2 ORDER BY id;
SELECT * FROM other;
SELECT * FROM grandkid;
SELECT to_jsonb(t), tel FROM top t ORDER BY id;
PREPARE p (int) AS SELECT tel, note FROM root WHERE id = $1;
EXECUTE p (2);
SET plan_cache_mode = force_generic_plan;
EXECUTE p (13);
EXECUTE p (30);
RESET plan_cache_mode;
SET enable_partitionwise_join = on;
SET enable_partitionwise_aggregate = on;
SELECT a.id, a.tel, b.mobile FROM root a JOIN root b ON a.id = b.id WHERE a.id < 12 ORDER BY 1;
SELECT id, max(tel) FROM root GROUP BY id ORDER BY 1 LIMIT 2;
RESET enable_partitionwise_join;
RESET enable_partitionwise_aggregate;
SET ROLE regress_cipguard_search;
SELECT tableoid::regclass, * FROM root WHERE id IN (1, 12) ORDER BY id;
SELECT id, tel, mobile FROM root WHERE mobile = '13800138013';
SELECT id FROM root WHERE tel = '13800138013';
SELECT * FROM top ORDER BY id;
SET ROLE regress_cipguard_reader;
SELECT tableoid::regclass, * FROM root ORDER BY id;
SELECT * FROM top ORDER BY id;
SELECT * FROM grandkid;
SET enable_seqscan = off;
SELECT plan_has($$SELECT * FROM root WHERE tel = '13800138013'$$, 'Index Cond') AS index;
RESET enable_seqscan;

-- Written back through the root and through a partition, as shown; moved;
-- parts of it changed.
CREATE FUNCTION stored() RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = regress_tr, pg_temp AS $$
	SELECT string_agg(concat_ws(' ', tableoid::regclass, id, right(tel, 4), born, right(mobile::text, 4), note), ', ' ORDER BY id) FROM root
$$;
SELECT stored();
SET ROLE regress_cipguard_clerk;
BEGIN;
SELECT format('UPDATE root SET tel = %L, born = %L, mobile = %L, note = %L WHERE id = %s', tel, born, mobile, note, id) FROM root WHERE id < 12 ORDER BY id \gexec
SELECT format('UPDATE two2 SET tel = %L, born = %L, mobile = %L, note = %L WHERE id = %s', tel, born, mobile, note, id) FROM two2 ORDER BY id \gexec
UPDATE root r SET tel = v.tel, born = v.born FROM (VALUES (1, '138****8001', '1990-01-01'::date), (30, '13911112222', '1990-01-01')) v (id, tel, born) WHERE r.id = v.id;
SELECT stored();
ROLLBACK;
BEGIN;
UPDATE root SET id = id + 13 WHERE id < 10 RETURNING tableoid::regclass, id, tel, mobile;
ROLLBACK;
BEGIN;
UPDATE root SET id = id + 100, tel = tel, mobile = mobile, born = '2000-02-02' WHERE tel = '138****8001' RETURNING *;
INSERT INTO root VALUES (2, '13911112222', '1999-09-09', '13911112222', 'new'), (40, '13922223333', '1999-09-09', '13922223333', 'new') ON CONFLICT (id) DO UPDATE SET tel = excluded.tel, born = root.born, mobile = coalesce(excluded.mobile, root.mobile), note = excluded.note RETURNING *;
DELETE FROM root WHERE id = 10 RETURNING *;
MERGE INTO root r USING (VALUES (11, '138****8011'), (12, '13944445555'), (50, '13955556666')) v (id, tel) ON r.id = v.id WHEN MATCHED THEN UPDATE SET tel = v.tel, note = 'merged' WHEN NOT MATCHED THEN INSERT (id, tel) VALUES (v.id, v.tel);
SELECT stored();
ROLLBACK;
BEGIN;
UPDATE top SET tel = tel, name = name, note = note || '!';
UPDATE top SET tel = CASE WHEN note LIKE 'top%' THEN '138****8001' ELSE tel END;
UPDATE kid SET name = '李*', email = email, tel = '138****8002';
UPDATE kid2 SET tel = tel, pay = 12000 WHERE id = 3;
SET LOCAL ROLE regress_cipguard_reader;
SELECT * FROM top ORDER BY id;
SELECT pay, email FROM kid2 FULL JOIN kid USING (id) ORDER BY 1;
ROLLBACK;
SELECT error_of('UPDATE regress_tr.root SET tel = left(tel, 3)'), error_of('INSERT INTO regress_tr.root (id, tel) SELECT id + 200, tel FROM regress_tr.two'), error_of('UPDATE regress_tr.two2 SET tel = r.tel FROM regress_tr.root r');

-- What comes and goes: a new partition, one taken away and back, a child.
SET ROLE regress_cipguard_owner;
CREATE TABLE three PARTITION OF root FOR VALUES FROM (100) TO (200);
INSERT INTO root VALUES (100, '13800138100', '1990-03-07', '13800138100', 'x');
SELECT * FROM three;
ALTER TABLE root DETACH PARTITION one;
SELECT * FROM one ORDER BY id;
SELECT count(*) FROM root;
ALTER TABLE root ATTACH PARTITION one FOR VALUES FROM (1) TO (10);
ALTER TABLE root RENAME COLUMN tel TO phone;
SELECT id, phone FROM one ORDER BY id;
ALTER TABLE root ADD COLUMN email text;
SECURITY LABEL FOR cipguard ON COLUMN root.email IS 'email';
UPDATE root SET email = 'zhangsan@example.com' WHERE id IN (1, 13);
SELECT id, phone, email FROM root WHERE email IS NOT NULL ORDER BY id;
SELECT email FROM two1 WHERE id = 13;
ALTER TABLE root DROP COLUMN born;
SELECT * FROM root WHERE id < 3 ORDER BY id;
SET ROLE regress_cipguard_reader;
SELECT tableoid::regclass, * FROM root ORDER BY id;
RESET ROLE;
\i test/sql/transparent_end.inc
