-- server: masked
-- What roles that see masks write: nothing of what is stored is lost, what is
-- new is stored, and what is made of a mask is refused.
\i test/sql/transparent.inc
SELECT cipguard.create_masking_view('client');
GRANT ALL ON client_masked TO regress_cipguard_clerk, regress_cipguard_search, regress_cipguard_reader;
-- The rows as they are, encrypted columns as bytes; then what has changed.
SET ROLE regress_cipguard_reader;
CREATE FUNCTION state() RETURNS TABLE (id int, is jsonb) LANGUAGE sql SECURITY DEFINER SET search_path = regress_tr, test, pg_temp AS $$
	SELECT id, to_jsonb(c) || jsonb_build_object('mobile', raw(mobile), 'home', raw(home), 'phones', ARRAY(SELECT raw(p) FROM unnest(phones) p)) FROM client c
$$;
RESET ROLE;
CREATE TABLE before AS SELECT * FROM state();
GRANT SELECT ON before TO PUBLIC;
CREATE FUNCTION changed() RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(format('%s:%s', id, k), ' ' ORDER BY id), 'intact') FROM (SELECT id, string_agg(k, ',' ORDER BY k) AS k FROM before b FULL JOIN regress_tr.state() n USING (id),
		jsonb_object_keys(coalesce(b.is, n.is)) k WHERE b.is -> k IS DISTINCT FROM n.is -> k GROUP BY id) d
$$;
-- Execute statements, tell what they changed, and undo it.
CREATE FUNCTION try(VARIADIC statements text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	s text;
BEGIN
	FOREACH s IN ARRAY statements LOOP
		EXECUTE s;
	END LOOP;
	RAISE EXCEPTION SQLSTATE 'ZZ000' USING MESSAGE = changed();
EXCEPTION
	WHEN SQLSTATE 'ZZ000' THEN
		RETURN SQLERRM;
	WHEN OTHERS THEN
		RETURN SQLSTATE || ': ' || SQLERRM;
END
$$;
-- What an ORM sends: all columns of each row as text, as it read them.
CREATE FUNCTION round_trip(target text, style text, also text DEFAULT '') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	names text[] := ARRAY(SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = target::regclass AND attnum > 0 AND NOT attisdropped AND attname NOT IN ('id', 'big', 'area') ORDER BY attnum);
	-- Of a type, if not of text or an encrypted one.
	casts text[] := ARRAY(SELECT CASE WHEN typname ~ '^_enc_' THEN '::text[]' WHEN typname ~ '^enc_' OR typname = 'text' THEN '' ELSE '::' || format_type(atttypid, atttypmod) END FROM pg_attribute a JOIN pg_type t ON t.oid = atttypid
		WHERE attrelid = target::regclass AND attnum > 0 AND NOT attisdropped AND attname NOT IN ('id', 'big', 'area') ORDER BY attnum);
	columns text := array_to_string(names, ', ');
	places text := array_to_string(array_fill('%L'::text, ARRAY[cardinality(names)]), ', ');
	statements text[];
BEGIN
	DEALLOCATE ALL;
	IF style = 'literals' THEN
		EXECUTE format('SELECT array_agg(format(%L, %s, id)) FROM %s', format('UPDATE %s SET (%s) = ROW(%s) WHERE id = %%s', target, columns, places), columns, target) INTO statements;
	ELSIF style = 'values' THEN
		EXECUTE format('SELECT ARRAY[%L || string_agg(format(%L, id, %s), %L) || %L] FROM %s',
			format('UPDATE %s c SET %s FROM (VALUES ', target, (SELECT string_agg(format('%s = v.%s%s', n, n, c), ', ') FROM unnest(names, casts) u (n, c))),
			'(%s, ' || places || ')', columns, ', ', format(') v (id, %s) WHERE c.id = v.id', columns), target) INTO statements;
	ELSIF style IN ('text', 'varchar', 'unknown') THEN
		EXECUTE format('SELECT array_agg(format(%L, %s, id)) FROM %s', format('EXECUTE u (%s, %%s)', places), columns, target) INTO statements;
		statements := format('PREPARE u (%s, int) AS UPDATE %s SET %s WHERE id = $%s', array_to_string(array_fill(style, ARRAY[cardinality(names)]), ', '), target,
			(SELECT string_agg(format('%s = $%s%s', n, i, CASE WHEN style = 'unknown' THEN '' ELSE c END), ', ') FROM unnest(names, casts) WITH ORDINALITY u (n, c, i)), cardinality(names) + 1) || statements || 'DEALLOCATE u'::text;
	ELSIF style = 'upsert' THEN
		EXECUTE format('SELECT array_agg(format(%L, id, %s)) FROM %s', format('INSERT INTO %s AS c (id, %s) VALUES (%%s, %s) ON CONFLICT (id) DO UPDATE SET (%s) = ROW(excluded.%s)', target, columns, places, columns, array_to_string(names, ', excluded.')), columns, target) INTO statements;
	ELSIF style = 'merge' THEN
		EXECUTE format('SELECT ARRAY[%L || string_agg(format(%L, id, %s), %L) || %L] FROM %s',
			format('MERGE INTO %s c USING (VALUES ', target), '(%s, ' || places || ')', columns, ', ', format(') v (id, %s) ON c.id = v.id WHEN MATCHED THEN UPDATE SET %s', columns,
			(SELECT string_agg(format('%s = v.%s%s', n, n, c), ', ') FROM unnest(names, casts) u (n, c))), target) INTO statements;
	END IF;
	RETURN try(VARIADIC statements || also);
END
$$;
CREATE VIEW trip AS SELECT target, style FROM unnest(ARRAY['client', 'client_masked']) WITH ORDINALITY t (target, n), unnest('{literals,values,text,varchar,unknown,upsert,merge}'::text[]) WITH ORDINALITY s (style, i) WHERE target = 'client' OR style <> 'merge' ORDER BY n, i;
GRANT SELECT ON trip TO PUBLIC;
-- By an upsert nothing is lost; the mask of an encrypted column is refused, since
-- it cannot be encrypted.
SET ROLE regress_cipguard_clerk;
SELECT target, style, round_trip(target, style) FROM trip;
SET ROLE regress_cipguard_search;
SELECT target, style, round_trip(target, style) FROM trip;
SET ROLE regress_cipguard_owner;
SELECT target, style, round_trip(target, style) FROM trip;
-- A reader's address is encrypted anew, as values of category "random" are.
SET ROLE regress_cipguard_reader;
SELECT target, style, round_trip(target, style) FROM trip;
SET ROLE regress_cipguard_clerk;
SELECT round_trip('client', 'values', $$UPDATE client SET tel = '13911112222', note = 'new' WHERE id = 1$$);
SELECT round_trip('client_masked', 'unknown', $$UPDATE client SET mobile = '13911112222', note = 'new' WHERE id = 1$$);

-- One column at a time: the mask as it is shown, and a new value.
CREATE FUNCTION masks(col text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT DISTINCT try(format(''UPDATE client SET %I = %%L WHERE id = %%s'', %1$I, id)) FROM client', col);
END
$$;
SELECT col, masks(col), try(format('UPDATE client SET %I = %L WHERE id = 1', col, new)) AS new, try(format('UPDATE client SET %I = NULL WHERE id = 1', col)) AS null FROM (VALUES
	('name', '李四'), ('tel', '13911112222'), ('card', '6222'), ('nick', '李'), ('dom', '139'), ('born', '1990-01-02'), ('seen', '1990-01-02'), ('pay', '12001'), ('bonus', '1234000.01'),
	('ip', '192.168.3.0/25'), ('doc', '{"name": "张**"}'), ('pic', '\x01'), ('uid', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12'), ('tags', '{138****8021}'), ('adr', '(x,y)'),
	('mobile', '13911112222'), ('phones', '{13911112222}'), ('home', '世纪大道3号')) v (col, new);

-- A column assigned to itself, in every form.
CREATE TABLE self (n serial, statement text);
INSERT INTO self (statement) VALUES
	('UPDATE client SET name = name, tel = tel, card = card, nick = nick, dom = dom, born = born, seen = seen, pay = pay, bonus = bonus, ip = ip, doc = doc, pic = pic, uid = uid, tags = tags, adr = adr, mobile = mobile, phones = phones, home = home'),
	('UPDATE client SET (name, tel, adr, mobile) = (name, tel, adr, mobile)'), ('UPDATE client SET (tel, mobile) = ROW(tel, mobile)'), ('UPDATE client c SET tel = (c).tel, mobile = c.mobile'),
	('UPDATE client SET tel = coalesce(NULL, tel), card = coalesce(NULL, card), bonus = coalesce(NULL, bonus)'), ('UPDATE client SET name = coalesce(NULL, name), dom = coalesce(dom), born = coalesce(NULL, born), pay = coalesce(NULL, pay), tags = coalesce(NULL, tags), adr = coalesce(NULL, adr), doc = coalesce(NULL, doc), mobile = coalesce(NULL, mobile), phones = coalesce(NULL, phones)'), ('UPDATE client SET tel = CASE WHEN id > 0 THEN tel END, card = CASE WHEN id > 0 THEN card ELSE ''x'' END'), ('UPDATE client SET name = CASE WHEN id > 0 THEN name END, mobile = CASE id WHEN 0 THEN NULL ELSE mobile END'),
	('UPDATE client c SET tel = c.tel, mobile = c.mobile, phones = c.phones FROM client d WHERE c.id = d.id'), ('UPDATE ONLY client SET mobile = mobile, home = home, big = DEFAULT'),
	('UPDATE client SET tel = tel::varchar(11), name = name::text, mobile = mobile::cipguard.enc_text(''mobile'')'),
	('MERGE INTO client c USING client d ON c.id = d.id WHEN MATCHED THEN UPDATE SET tel = c.tel, mobile = c.mobile'),
	('INSERT INTO client (id) SELECT id FROM client ON CONFLICT (id) DO UPDATE SET tel = client.tel, mobile = client.mobile, phones = client.phones'),
	('UPDATE client_masked SET name = name, tel = tel, card = card, nick = nick, dom = dom, born = born, seen = seen, pay = pay, bonus = bonus, ip = ip, doc = doc, pic = pic, uid = uid, tags = tags, adr = adr, mobile = mobile, phones = phones, home = home'),
	('UPDATE client_masked SET tel = coalesce(tel, ''x'') WHERE id <> 3'),
	('WITH u AS (UPDATE client SET mobile = mobile, tel = tel RETURNING *) SELECT count(*) FROM u');
GRANT SELECT ON self TO PUBLIC;
SELECT statement, try(statement) FROM self WHERE try(statement) <> 'intact' ORDER BY n;
SET ROLE regress_cipguard_search;
SELECT statement, try(statement) FROM self WHERE try(statement) <> 'intact' ORDER BY n;
SET ROLE regress_cipguard_reader;
SELECT statement, try(statement) FROM self WHERE try(statement) <> 'intact' ORDER BY n;

-- Parts of a value; the others stay.
SET ROLE regress_cipguard_clerk;
SELECT try(s), s FROM unnest(ARRAY[
	$$UPDATE client SET tags[2] = '13911112222' WHERE id = 1$$, $$UPDATE client SET tags[1:1] = '{13911112222}' WHERE id = 1$$, $$UPDATE client SET phones[2] = '13911112222' WHERE id = 1$$,
	$$UPDATE client SET doc['name'] = '"李四"' WHERE id = 1$$, $$UPDATE client SET adr.city = '北京市' WHERE id = 1$$, $$UPDATE client SET adr.city = '北京市', adr.street = NULL WHERE id = 1$$]) s;
BEGIN;
UPDATE client SET tags[2] = '13911112222', phones[2] = '13911112222', doc['name'] = '"李四"', adr.city = '北京市' WHERE id = 1;
SET LOCAL ROLE regress_cipguard_reader;
SELECT tags, phones, doc, adr FROM client WHERE id = 1;
ROLLBACK;

-- New values are stored, by whatever way.
SELECT try(s), s FROM unnest(ARRAY[
	$$UPDATE client SET tel = '13911112222', mobile = '13911112222' WHERE id = 1$$, $$UPDATE client SET tel = NULL, mobile = NULL WHERE id = 1$$, $$UPDATE client SET (tel, born) = ('13911112222', '1999-09-09') WHERE tel = '138****8001'$$,
	$$UPDATE client SET tel = coalesce(tel, '13911112222') WHERE id = 3$$, $$UPDATE client SET tel = CASE WHEN tel LIKE '138%' THEN '13911112222' ELSE tel END$$, $$UPDATE client SET tel = DEFAULT, mobile = DEFAULT WHERE id = 1$$,
	$$UPDATE client c SET tel = v.tel FROM (VALUES (1, '13911112222'), (2, '139****9002')) v (id, tel) WHERE c.id = v.id$$, $$UPDATE client SET mobile = '13900139002' WHERE id = 1$$,
	$$INSERT INTO client (id, tel, born, pay) VALUES (1, '13911112222', '1990-01-01', 12000), (5, '13911112222', '1990-01-01', 1) ON CONFLICT (id) DO UPDATE SET tel = excluded.tel, born = excluded.born, pay = coalesce(excluded.pay, client.pay)$$,
	$$INSERT INTO client (id, mobile) VALUES (1, '13911112222') ON CONFLICT (id) DO UPDATE SET mobile = excluded.mobile$$, $$INSERT INTO client (id, tel) VALUES (1, '138****8001') ON CONFLICT (id) DO UPDATE SET tel = excluded.tel, note = 'seen'$$,
	$$INSERT INTO client (id, mobile) VALUES (5, '13800138001') ON CONFLICT (mobile) DO UPDATE SET note = 'there'$$,
	$$MERGE INTO client c USING (VALUES (1, '13911112222'), (2, '139****9002'), (5, '13922223333')) v (id, tel) ON c.id = v.id WHEN MATCHED THEN UPDATE SET tel = v.tel, mobile = v.tel WHEN NOT MATCHED THEN INSERT (id, tel, mobile) VALUES (v.id, v.tel, v.tel)$$,
	$$INSERT INTO client (id, name, tel, mobile, phones, adr) VALUES (5, '李四', '13911112222', '13911112222', '{13911112222}', '(x,y)')$$, $$DELETE FROM client WHERE tel = '138****8001'$$,
	$$UPDATE client_masked SET tel = '13911112222', born = '1999-09-09', mobile = '13911112222', phones = '{13911112222}' WHERE id = 1$$,
	$$INSERT INTO client_masked (id, name, tel, born, mobile, phones, home, note) VALUES (5, '李四', '13911112222', '1999-09-09', '13911112222', '{13911112222}', '世纪大道3号', 'x')$$,
	$$INSERT INTO client_masked (id, tel) VALUES (5, '13911112222'), (6, NULL)$$, $$INSERT INTO client_masked (id, tel, mobile) VALUES (1, '13911112222', '13911112222') ON CONFLICT (id) DO UPDATE SET tel = excluded.tel, mobile = excluded.mobile$$,
	$$DELETE FROM client_masked WHERE tel = '138****8001'$$]) s;
BEGIN;
INSERT INTO client_masked (id, name, tel, card, born, bonus, mobile, phones, home, note) VALUES (5, '李四', '13911112222', '6222', '1999-09-09', 1.5, '13911112222', '{13911112222,NULL}', '世纪大道3号', 'x') RETURNING id, name, tel, card, mobile, phones, home, big, area;
UPDATE client_masked SET mobile = '13922223333', tel = '13922223333' WHERE id = 5 RETURNING tel, mobile, phones, home;
SET LOCAL ROLE regress_cipguard_reader;
SELECT name, tel, card, born, bonus, mobile, phones, home, note, big, area FROM client WHERE id = 5;
ROLLBACK;

-- The usual partial update: parameters that are null leave what is there.
SET ROLE regress_cipguard_clerk;
PREPARE part (int, text, text, date, numeric, text, text[]) AS UPDATE client SET tel = coalesce($2, tel), name = coalesce($3, name), born = coalesce($4, born), bonus = coalesce($5, bonus), mobile = coalesce($6::cipguard.enc_text, mobile), tags = coalesce($7, tags) WHERE id = $1;
SELECT try(s), s FROM unnest(ARRAY['EXECUTE part (1, NULL, NULL, NULL, NULL, NULL, NULL)', $$EXECUTE part (1, NULL, '李四', NULL, NULL, NULL, NULL)$$, $$EXECUTE part (1, '13911112222', '张**', '1990-01-01', 1234000, '138****8001', '{138****8021,138****8031}')$$]) s;
-- A CHECK of a domain need not like masks.
SET ROLE regress_cipguard_owner;
CREATE DOMAIN strict_phone AS varchar(20) CHECK (VALUE ~ '^1[0-9]{10}$');
CREATE TABLE strict (id int PRIMARY KEY, tel strict_phone CHECK (tel <> '138****8001'), note text);
SECURITY LABEL FOR cipguard ON COLUMN strict.tel IS 'mobile';
GRANT ALL ON strict TO PUBLIC;
INSERT INTO strict VALUES (1, '13800138001');
SET ROLE regress_cipguard_clerk;
SELECT test.error_of($$UPDATE strict SET tel = tel, note = 'same'$$), test.error_of($$UPDATE strict SET tel = '138****8001', note = 'mask'$$), test.error_of($$UPDATE strict SET tel = v FROM (VALUES ('138****8001')) v (v)$$), test.error_of($$UPDATE strict SET tel = '1'$$);
SET ROLE regress_cipguard_reader;
SELECT * FROM strict;

-- What comes from a mask is not stored where real values are; elsewhere it is.
SET ROLE regress_cipguard_clerk;
SELECT try(s), s FROM unnest(ARRAY[
	$$UPDATE client SET tel = dom$$, $$UPDATE client SET tel = left(tel, 3)$$, $$UPDATE client SET name = name || '!'$$, $$UPDATE client SET pay = pay + 1$$, $$UPDATE client SET born = born + 1$$, $$UPDATE client SET doc = doc || '{"a": 1}'$$,
	$$UPDATE client SET tags = array_append(tags, '13911112222')$$, $$UPDATE client c SET tel = d.tel FROM client d WHERE c.id = d.id$$, $$UPDATE client SET tel = (SELECT max(tel) FROM client)$$, $$UPDATE client SET (tel, name) = (SELECT tel, name FROM client c WHERE c.id = client.id)$$,
	$$UPDATE client SET tel = big$$, $$UPDATE client SET mobile = tel$$, $$UPDATE client SET mobile = c.mobile FROM client c WHERE c.id = client.id + 1$$, $$UPDATE client SET mobile = phones[1]$$, $$UPDATE client SET phones = ARRAY[mobile]$$,
	$$INSERT INTO client (id, tel) SELECT id + 10, tel FROM client$$, $$INSERT INTO client (id, mobile) SELECT id + 10, mobile FROM client$$, $$INSERT INTO client (id, name) SELECT id + 10, c.name FROM client_masked c$$,
	$$MERGE INTO client c USING client d ON c.id = d.id WHEN MATCHED THEN UPDATE SET tel = d.tel$$, $$WITH c AS (SELECT id, tel FROM client) UPDATE client SET tel = c.tel FROM c WHERE c.id = client.id$$,
	$$UPDATE client_masked SET tel = upper(tel)$$, $$UPDATE client_masked SET mobile = left(mobile, 3)$$, $$UPDATE client SET note = tel, big = DEFAULT WHERE id = 1$$, $$UPDATE client_masked SET note = mobile WHERE id = 1$$]) s;
SET ROLE regress_cipguard_search;
SELECT try(s), s FROM unnest(ARRAY[$$UPDATE client SET tel = left(tel, 3)$$, $$UPDATE client SET mobile = left(mobile::text, 3)$$, $$UPDATE client SET tel = mobile::text$$, $$UPDATE client SET note = mobile::text WHERE id = 1$$]) s;
-- Whoever may read may make of it what he likes.
SET ROLE regress_cipguard_reader;
SELECT try(s), s FROM unnest(ARRAY[$$UPDATE client SET tel = left(tel, 3) WHERE id = 1$$, $$UPDATE client SET mobile = dom WHERE id = 2$$, $$UPDATE client SET phones = ARRAY[mobile] WHERE id = 1$$, $$UPDATE client SET tel = '138****8001' WHERE id = 1$$,
	$$INSERT INTO client (id, tel, home) SELECT id + 10, tel, home FROM client WHERE id = 1$$, $$UPDATE client_masked SET tel = left(tel, 3) WHERE id = 1$$]) s;
RESET ROLE;
SELECT changed();
DROP VIEW client_masked;
\i test/sql/transparent_end.inc
