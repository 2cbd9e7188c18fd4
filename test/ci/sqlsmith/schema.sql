-- Tables with protected columns of every kind, without rows, and who may do
-- what with them.  A template: data.sql fills copies of this database.
--
-- :transparent is true where the tables are masked; where they are not, nobody
-- but their owner gets rights on tables that have masking views.
\set ON_ERROR_STOP on
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS cipguard CASCADE;
SELECT NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'clerk') AS first \gset
\if :first
CREATE ROLE owner LOGIN;		-- of the tables; sees masks
CREATE ROLE clerk LOGIN;		-- no grant at all
CREATE ROLE postman LOGIN;		-- reads another category
CREATE ROLE seeker LOGIN;		-- may search
CREATE ROLE marketer LOGIN;		-- reads everything, of persons who consent and are not restricted
CREATE ROLE archivist;			-- reads everything of everybody
CREATE ROLE pool LOGIN NOINHERIT IN ROLE archivist, clerk;
CREATE ROLE officer IN ROLE cipguard_officer;
ALTER ROLE marketer SET cipguard.purpose = 'newsletter';
ALTER ROLE postman SET cipguard.purpose = 'newsletter';
\endif
SELECT format('GRANT TEMP, CREATE ON DATABASE %I TO PUBLIC', current_database()) \gexec

SELECT count(cipguard.add_category(c, mask_options => o)) AS made FROM (VALUES
	('moment', '{"unit": "year"}'), ('sum', '{"size": 10000000000}'::jsonb),
	('profile', '{"paths": {"name": "name", "phones": "mobile", "pay": "sum", "open": "keep"}}')) v (c, o) \gset
SELECT count(cipguard.grant_access(r, c.name)) AS made
	FROM cipguard.category c, unnest('{marketer,archivist}'::regrole[]) r WHERE c.name <> 'unclassified' \gset
SELECT count(cipguard.grant_access('seeker', name, 'search')) AS made FROM cipguard.category WHERE mode = 'searchable' \gset
SELECT cipguard.grant_access('postman', 'email') AS made \gset
SELECT cipguard.add_activity('archive', 'keep what the law asks for', 'legal_obligation', array_agg(name), 'archive', roles => '{archivist}') AS made
	FROM cipguard.category WHERE name <> 'unclassified' \gset
SELECT cipguard.add_activity('newsletter', 'send the newsletter', 'consent', array_agg(name), 'marketing') AS made
	FROM cipguard.category WHERE name <> 'unclassified' \gset

CREATE SCHEMA app AUTHORIZATION owner;
CREATE SCHEMA play AUTHORIZATION clerk;
GRANT USAGE ON SCHEMA app TO PUBLIC;
GRANT USAGE, CREATE ON SCHEMA play TO PUBLIC;

SET search_path = app;
SET ROLE owner;
CREATE TYPE addr AS (city text, street text);
CREATE DOMAIN phone AS varchar(20) CHECK (length(VALUE) < 20);
CREATE TABLE client (
	id int PRIMARY KEY,
	name text,
	gone int,
	tel varchar(11) UNIQUE,
	card char(20),
	nick name,
	dom phone,
	born date,
	seen timestamptz,
	pay bigint,
	bonus numeric(20,2),
	ratio float8,
	ip inet,
	doc jsonb,
	pic bytea,
	uid uuid,
	tags text[],
	adr addr,
	span daterange,
	mail text,
	note text,
	n int,
	big text GENERATED ALWAYS AS (upper(name)) STORED,
	area text GENERATED ALWAYS AS (substr(tel::text, 1, 6)) STORED
);
ALTER TABLE client DROP COLUMN gone;
CREATE TABLE vault (
	id int PRIMARY KEY,
	client int REFERENCES client,
	e_name cipguard.enc_text('name'),
	e_tel cipguard.enc_text('mobile') UNIQUE,
	e_home cipguard.enc_text('address'),
	e_pay cipguard.enc_int8('sum'),
	e_bonus cipguard.enc_numeric('sum'),
	e_born cipguard.enc_date('birth_date'),
	e_seen cipguard.enc_timestamptz('moment'),
	e_uid cipguard.enc_uuid('name'),
	e_ip cipguard.enc_inet('ip_address'),
	e_doc cipguard.enc_jsonb('profile'),
	e_pic cipguard.enc_bytea('name'),
	e_tels cipguard.enc_text('mobile')[],
	note text,
	n int
);
-- Partitions whose columns are in another order; a child; no subject column.
CREATE TABLE visit (id int, client int, day date, tel varchar(11), note text, n int) PARTITION BY LIST (n);
CREATE TABLE visit0 (note text, gone int, tel varchar(11), n int, day date, client int, id int);
ALTER TABLE visit0 DROP COLUMN gone;
ALTER TABLE visit ATTACH PARTITION visit0 FOR VALUES IN (0, 1);
CREATE TABLE visit2 PARTITION OF visit FOR VALUES IN (2, 3, 4);
CREATE TABLE visit9 PARTITION OF visit DEFAULT;
CREATE TABLE lead (id int PRIMARY KEY, tel varchar(11), name text, n int);
CREATE TABLE warm_lead (nick text, note text) INHERITS (lead);
-- Constraints whose violation would tell a value.
CREATE TABLE strict (
	id int PRIMARY KEY,
	tel varchar(11) UNIQUE,
	late varchar(11) UNIQUE DEFERRABLE INITIALLY DEFERRED,
	card text NOT NULL,
	note text NOT NULL,
	n int CHECK (n < 50),
	CHECK (tel IS NULL OR n > -5),
	EXCLUDE (card WITH =)
);
CREATE TABLE refers (id int PRIMARY KEY, tel varchar(11) REFERENCES client (tel) ON UPDATE CASCADE, note text, n int);
CREATE TABLE plain (id int PRIMARY KEY, word text, n int, tel varchar(11), note text, day date, doc jsonb);
CREATE VIEW v_client AS SELECT id, name, tel, pay, born, doc, mail, note, n, left(tel, 6) AS head FROM client;
CREATE VIEW v_barrier WITH (security_barrier) AS SELECT id, tel, name, card, n FROM client WHERE n < 3;
CREATE VIEW v_invoker WITH (security_invoker) AS SELECT c.id, c.tel, v.e_tel, v.e_pay, c.n FROM client c LEFT JOIN vault v ON v.client = c.id;
CREATE VIEW v_totals AS SELECT n, count(DISTINCT tel) AS tels, max(pay) AS pay, min(born) AS born, string_agg(name, ',' ORDER BY id) AS name FROM client GROUP BY n;
CREATE FUNCTION rows_of() RETURNS SETOF client LANGUAGE sql STABLE AS 'SELECT * FROM app.client';
CREATE FUNCTION tel_of(int) RETURNS text LANGUAGE sql STABLE AS 'SELECT tel FROM app.client WHERE id = $1';
CREATE FUNCTION tels_atomic() RETURNS TABLE (tel text) LANGUAGE sql STABLE BEGIN ATOMIC SELECT tel FROM app.client; END;
CREATE FUNCTION name_of(int) RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT name FROM app.client WHERE id = $1); END';
RESET ROLE;
SECURITY LABEL FOR cipguard ON COLUMN client.id IS 'subject';
SECURITY LABEL FOR cipguard ON COLUMN client.name IS 'name';
SECURITY LABEL FOR cipguard ON COLUMN client.tel IS 'mobile';
SECURITY LABEL FOR cipguard ON COLUMN client.card IS 'bank_card';
SECURITY LABEL FOR cipguard ON COLUMN client.nick IS 'name';
SECURITY LABEL FOR cipguard ON COLUMN client.dom IS 'mobile';
SECURITY LABEL FOR cipguard ON COLUMN client.born IS 'birth_date';
SECURITY LABEL FOR cipguard ON COLUMN client.seen IS 'birth_date';
SECURITY LABEL FOR cipguard ON COLUMN client.pay IS 'sum';
SECURITY LABEL FOR cipguard ON COLUMN client.bonus IS 'sum';
SECURITY LABEL FOR cipguard ON COLUMN client.ratio IS 'sum';
SECURITY LABEL FOR cipguard ON COLUMN client.ip IS 'ip_address';
SECURITY LABEL FOR cipguard ON COLUMN client.doc IS 'profile';
SECURITY LABEL FOR cipguard ON COLUMN client.pic IS 'name';
SECURITY LABEL FOR cipguard ON COLUMN client.uid IS 'name';
SECURITY LABEL FOR cipguard ON COLUMN client.tags IS 'mobile';
SECURITY LABEL FOR cipguard ON COLUMN client.adr IS 'address';
SECURITY LABEL FOR cipguard ON COLUMN client.span IS 'birth_date';
SECURITY LABEL FOR cipguard ON COLUMN client.mail IS 'email';
SECURITY LABEL FOR cipguard ON COLUMN client.area IS 'mobile';
SECURITY LABEL FOR cipguard ON COLUMN vault.client IS 'subject of client';
SECURITY LABEL FOR cipguard ON COLUMN visit.client IS 'subject of client';
SECURITY LABEL FOR cipguard ON COLUMN visit.tel IS 'mobile';
SECURITY LABEL FOR cipguard ON COLUMN visit.day IS 'birth_date';
SECURITY LABEL FOR cipguard ON COLUMN lead.tel IS 'mobile';
SECURITY LABEL FOR cipguard ON COLUMN lead.name IS 'name';
SECURITY LABEL FOR cipguard ON COLUMN warm_lead.nick IS 'name';
SECURITY LABEL FOR cipguard ON COLUMN refers.tel IS 'mobile';
SECURITY LABEL FOR cipguard ON COLUMN strict.tel IS 'mobile';
SECURITY LABEL FOR cipguard ON COLUMN strict.late IS 'mobile';
SECURITY LABEL FOR cipguard ON COLUMN strict.card IS 'bank_card';
SELECT count(cipguard.create_masking_view(t)) AS made FROM unnest('{client,vault,visit,lead,strict}'::regclass[]) t \gset
SELECT count(cipguard.audit_table(t)) AS made FROM unnest('{client,vault,visit}'::regclass[]) t \gset
SELECT CASE WHEN :'transparent' THEN '' ELSE 'plain,' || (SELECT string_agg(relname, ',') FROM pg_class WHERE relname LIKE '%\_masked') END AS limited \gset
SELECT format('GRANT SELECT, INSERT, UPDATE, DELETE, REFERENCES, TRIGGER ON %s TO PUBLIC', c.oid::regclass)
	FROM pg_class c WHERE relnamespace = 'app'::regnamespace AND relkind IN ('r', 'p', 'v')
		AND (:'transparent' OR relname = ANY (string_to_array(:'limited', ','))) \gexec

-- What the attacker brings along: all of it says what it is given.
SET ROLE clerk;
SET search_path = play, app;
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE DOMAIN few AS int CHECK (VALUE < 5);
CREATE DOMAIN brief AS text CHECK (VALUE !~ '1[34]');
CREATE TYPE cell AS (t text);
CREATE FUNCTION shout(anyelement) RETURNS anyelement LANGUAGE plpgsql IMMUTABLE COST 0.0001 AS
	$$BEGIN RAISE NOTICE 'saw %', $1; RETURN $1; END$$;
CREATE FUNCTION peek(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 0.0001 AS
	$$BEGIN RAISE NOTICE 'peeked %', $1; RETURN true; END$$;
CREATE FUNCTION quit(anyelement) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 0.0001 AS
	$$BEGIN RAISE EXCEPTION 'had %', $1 USING DETAIL = $1, HINT = $1; END$$;
CREATE FUNCTION same(text, text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 0.0001 AS
	$$BEGIN RAISE NOTICE 'compared % and %', $1, $2; RETURN $1 = $2; END$$;
CREATE OPERATOR === (LEFTARG = text, RIGHTARG = text, FUNCTION = same, COMMUTATOR = ===, RESTRICT = eqsel, JOIN = eqjoinsel);
CREATE FUNCTION gather(text, text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
	$$BEGIN RAISE NOTICE 'gathered %', $2; RETURN concat($1, ',', $2); END$$;
CREATE AGGREGATE gathered(text) (SFUNC = gather, STYPE = text);
CREATE FUNCTION to_cell(text) RETURNS cell LANGUAGE sql IMMUTABLE AS 'SELECT ROW($1)::play.cell';
CREATE CAST (text AS cell) WITH FUNCTION to_cell(text);
CREATE FUNCTION inlined(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'in ' || $1$$;
CREATE FUNCTION rows_play() RETURNS SETOF text LANGUAGE sql STABLE AS 'SELECT c::text FROM app.plain c';
CREATE FUNCTION ask(text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE r record; m text; d text; h text; c text;
BEGIN
	FOR r IN EXECUTE $1 LOOP
		RETURN NEXT r::text;
	END LOOP;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT, c = PG_EXCEPTION_CONTEXT;
	RETURN NEXT concat_ws(' ', SQLSTATE, m, d, h, c);
END$$;
CREATE FUNCTION told() RETURNS trigger LANGUAGE plpgsql AS
	$$BEGIN RAISE NOTICE 'trigger: % %', OLD, NEW; RETURN coalesce(NEW, OLD); END$$;
CREATE TABLE bag (id int, t text, j jsonb);
CREATE TRIGGER told BEFORE INSERT OR UPDATE OR DELETE ON bag FOR EACH ROW EXECUTE FUNCTION told();
CREATE RULE also AS ON DELETE TO bag DO ALSO NOTIFY bag;
GRANT ALL ON bag TO PUBLIC;
RESET ROLE;
\if :transparent
SET ROLE owner;
CREATE MATERIALIZED VIEW app.m_masked AS SELECT id, name, tel, pay, left(tel, 5) AS head, n FROM client WITH NO DATA;
GRANT SELECT ON app.m_masked TO PUBLIC;
RESET ROLE;
-- A reader's has labels.
GRANT CREATE ON SCHEMA app TO archivist;
SET ROLE archivist;
SET cipguard.purpose = 'archive';
CREATE MATERIALIZED VIEW app.m_real AS SELECT id, name, tel, pay, born, n FROM app.client;
GRANT SELECT ON app.m_real TO PUBLIC;
RESET ROLE;
\endif
