-- A table app.t_NAME of every encrypted type that this version has: category
-- t_NAME, a primary key, values, arrays, an index.  app.typed lists the types.
-- insert_typed(from, to) fills them; row g has the value that app.typed.value
-- says, an expression that holds nothing of what typed_needles() looks for.
-- Needs schema app and the roles of roles_sql(), and psql.
CREATE TABLE app.typed (name text PRIMARY KEY, plain text NOT NULL, value text NOT NULL);
INSERT INTO app.typed VALUES
	('text', 'text', $$'QzCAN' || 'ARYzQ' || g$$),
	('int8', 'bigint', '7731947 * 1000000000000 + g'),
	('numeric', 'numeric', '7731947 * 1000000000.00 + 0.770077 + g'),
	('bool', 'boolean', 'g % 3 = 0'),
	('date', 'date', $$date '2000-01-01' + g::int$$),
	('timestamptz', 'timestamptz', $$timestamptz '2000-01-01 00:00:00.000077+00' + g * interval '1 hour'$$),
	('uuid', 'uuid', $$md5('uuid' || g)::uuid$$),
	('inet', 'inet', $$('2001:db8:7777' || ':7777::/64')::inet + g$$),
	('jsonb', 'jsonb', $$jsonb_build_object('QzCAN' || 'ARYzQ', g, 'list', jsonb_build_array(1.50, null, g))$$),
	('bytea', 'bytea', $$convert_to('QzCAN' || 'ARYzQ' || g, 'UTF8') || '\x00ff'$$);
DELETE FROM app.typed WHERE to_regtype('cipguard.enc_' || name) IS NULL;
GRANT SELECT ON app.typed TO PUBLIC;
SELECT format('SELECT cipguard.add_category(%L, ''searchable'')', 't_' || name) FROM app.typed \gexec
SELECT format('CREATE TABLE app.t_%1$s (id integer PRIMARY KEY, v cipguard.enc_%1$s(%2$L), vs cipguard.enc_%1$s(%2$L)[])', name, 't_' || name)
	FROM app.typed \gexec
SELECT format('CREATE INDEX ON app.t_%s (v)', name) FROM app.typed \gexec
SELECT format('SELECT cipguard.grant_access(''reader'', %L)', 't_' || name) FROM app.typed \gexec
SELECT format('ALTER TABLE app.t_%1$s OWNER TO owner; GRANT SELECT, INSERT, UPDATE, DELETE ON app.t_%1$s TO reader, clerk', name)
	FROM app.typed \gexec
CREATE FUNCTION app.insert_typed(low int, high int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	t app.typed;
BEGIN
	FOR t IN SELECT * FROM app.typed LOOP
		EXECUTE format('INSERT INTO app.t_%1$s SELECT g, %2$s, ARRAY[%2$s, NULL, %2$s] FROM generate_series($1, $2) g', t.name, t.value)
			USING low, high;
	END LOOP;
END
$$;
