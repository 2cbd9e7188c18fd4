-- Rows for a copy of schema.sql.  What a mask hides of persons 1 to 4 depends
-- on :world, which is a or b, and nothing else does: nobody who sees masks may
-- find out in which world he is.  Persons 5 to 7 are the same in both; they
-- consent, and nobody restricted them.
--
-- The hidden parts are those that sqlsmith_run.pl looks for: letters that make
-- no word, digits that come in this order.  :order turns the order of rows
-- around.
\set ON_ERROR_STOP on
SET client_min_messages = error;
SET search_path = app;
SET TimeZone = 'UTC';
SELECT CASE :'world' WHEN 'a' THEN 'QXZVKJ' ELSE 'WGPYFB' END AS w,
	CASE :'world' WHEN 'a' THEN '龘靐' ELSE '爨麤' END AS han,
	CASE :'world' WHEN 'a' THEN '73592648' ELSE '48261937' END AS d,
	CASE :'world' WHEN 'a' THEN 0 ELSE 5 END AS turn \gset
CREATE TEMP TABLE person AS
	SELECT i, CASE WHEN i < 5 THEN :'w' ELSE 'VOPENV' END AS w, CASE WHEN i < 5 THEN :'han' ELSE '公开' END AS han,
		CASE WHEN i < 5 THEN :'d' ELSE '11112222' END AS d, CASE WHEN i < 5 THEN abs(:turn - i) ELSE i END AS k
	FROM generate_series(1, 7) i;
INSERT INTO client (id, name, tel, card, nick, dom, born, seen, pay, bonus, ratio, ip, doc, pic, uid, tags, adr, span, mail, note, n)
	SELECT i, '张' || han || chr(19967 + k), '138' || k || left(d, 3) || '800' || i, '622202' || d || k || '0007', w || k, '138' || k || left(d, 3) || '801' || i,
		make_date(1950 + i, 1 + k, 10 + left(d, 1)::int), make_timestamptz(1960 + i, 1 + k, 10 + left(d, 1)::int, 1, 2, 3.5),
		420000000000 + (d || k)::bigint, -420000000000 + (d || k || '.' || left(d, 2))::numeric, (d || k || '.5')::float8,
		('10.1.' || i || '.' || left(d, 2))::inet,
		jsonb_build_object('name', w || k, 'phones', jsonb_build_array('138' || k || left(d, 3) || '802' || i), 'pay', (d || k)::bigint, 'open', i, 'x', d || k, 'l', jsonb_build_array(w || k, d || k)),
		convert_to(w || k, 'UTF8'), ('a0eebc99-9c0b-4ef8-bb6d-' || d || k || '111')::uuid,
		ARRAY['138' || k || left(d, 3) || '803' || i, '138' || k || left(d, 3) || '804' || i, NULL],
		ROW(w || k, d || k)::addr, daterange(make_date(1970 + i, 1 + k, 10 + left(d, 1)::int), make_date(1980 + i, 1 + k, 12)),
		'open' || i || '@example.com', 'note ' || i, i % 4
	FROM person;
INSERT INTO vault (id, client, e_name, e_tel, e_home, e_pay, e_bonus, e_born, e_seen, e_uid, e_ip, e_doc, e_pic, e_tels, note, n)
	SELECT 10 + i, i, '李' || han || chr(19967 + k), '138' || k || left(d, 3) || '810' || i, '上海市浦东新区' || w || k, 420000000000 + (d || k)::bigint,
		420000000000 + (d || k || '.' || left(d, 2))::numeric, make_date(1950 + i, 1 + k, 10 + left(d, 1)::int),
		make_timestamptz(1960 + i, 1 + k, 10 + left(d, 1)::int, 1, 2, 3.5), ('b0eebc99-9c0b-4ef8-bb6d-' || d || k || '111')::uuid,
		('10.2.' || i || '.' || left(d, 2))::inet, jsonb_build_object('name', w || k, 'pay', (d || k)::bigint, 'open', i, 'x', d || k),
		convert_to(w || k, 'UTF8'), ARRAY[('138' || k || left(d, 3) || '811' || i)::cipguard.enc_text], 'vault ' || i, i % 4
	FROM person;
INSERT INTO visit SELECT 20 + i, i, make_date(1950 + i, 1 + k, 10 + left(d, 1)::int), '138' || k || left(d, 3) || '820' || i, 'visit ' || i, i FROM person;
INSERT INTO lead SELECT 30 + i, '138' || k || left(d, 3) || '830' || i, w || k, i % 4 FROM person WHERE i < 5;
INSERT INTO warm_lead SELECT 40 + i, '138' || k || left(d, 3) || '840' || i, w || k, i % 4, w || k || 'n', 'warm ' || i FROM person WHERE i < 5;
INSERT INTO strict SELECT i, '138' || k || left(d, 3) || '850' || i, '138' || k || left(d, 3) || '851' || i, '622202' || d || k || '0015', 'strict ' || i, i % 4 FROM person WHERE i < 5;
INSERT INTO refers SELECT i, '138' || k || left(d, 3) || '800' || i, 'refers ' || i, i % 4 FROM person;
INSERT INTO plain SELECT i, 'word' || i, i % 4, '1390000000' || i, 'plain ' || i, date '2020-02-01' + i, jsonb_build_object('k', i) FROM generate_series(1, 7) i;
-- A row without values.
INSERT INTO client (id, n) VALUES (8, 0);
INSERT INTO vault (id, client, n) VALUES (18, 8, 0);
DROP TABLE person;
\if :transparent
REFRESH MATERIALIZED VIEW m_masked;
SET cipguard.purpose = 'archive';
REFRESH MATERIALIZED VIEW m_real;
RESET cipguard.purpose;
\endif
SET ROLE officer;
SELECT count(cipguard.record_consent(i::text, 'newsletter', 'give', separate => true)) AS given FROM unnest('{1,5,6,7,8}'::int[]) i \gset
SELECT count(cipguard.restrict_subject(i::text, 'test')) AS restricted FROM unnest('{1,2}'::int[]) i \gset
RESET ROLE;
-- Not the catalogs, whose statistics are a matter of chance.
SELECT format('VACUUM ANALYZE %s', oid::regclass) FROM pg_class WHERE relnamespace = 'app'::regnamespace AND relkind IN ('r', 'p', 'm') ORDER BY oid \gexec
