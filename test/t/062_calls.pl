# 062_calls.pl
#	Every function of the extension, called from SQL with NULL and with values
#	that nobody would give it, by the least role that may: no server process
#	dies, and no error is an internal one.  So it is with trigger functions on
#	any table and at any time, and with estimators of operators that somebody
#	makes for types of his own.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use CipguardTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('calls', conf => "log_min_messages = log\nstatement_timeout = 0\n");

# An ordinary role, one that has all of ours, and objects to speak of.
as($node, undef, <<'SQL');
CREATE EXTENSION cipguard CASCADE;
CREATE ROLE clerk LOGIN;
CREATE ROLE boss LOGIN;
GRANT cipguard_officer, cipguard_auditor, cipguard_registrar, cipguard_emergency, cipguard_minor_approver TO boss;
GRANT CREATE ON DATABASE postgres TO clerk;
SQL
as($node, 'clerk', <<'SQL');
CREATE SCHEMA mine;
GRANT USAGE ON SCHEMA mine TO PUBLIC;
CREATE TYPE mine.pair AS (a integer, b text);
CREATE TABLE mine.person (id integer PRIMARY KEY, phone cipguard.enc_text('mobile'), label text, n cipguard.enc_int8('qq'));
CREATE TABLE mine.none ();
CREATE TABLE mine.dropped (a integer, b text);
ALTER TABLE mine.dropped DROP a;
CREATE TABLE mine.parts (id integer, phone text) PARTITION BY RANGE (id);
CREATE TABLE mine.part PARTITION OF mine.parts FOR VALUES FROM (0) TO (100);
CREATE VIEW mine.persons AS SELECT * FROM mine.person;
CREATE SEQUENCE mine.numbers;
INSERT INTO mine.person VALUES (1, '13912345678', 'x', 7);
SECURITY LABEL FOR cipguard ON COLUMN mine.person.label IS 'name';
CREATE TABLE mine.sample (type regtype, number serial, value text);
INSERT INTO mine.sample (type, value)
SELECT t::regtype, format('%L::%s', v, t)
FROM (VALUES
	('text', ARRAY['mobile', '', '13912345678', 'mine.person', '{"a": 1}', 'cip1:', 'cip1:AAAA', '2024-02-30', '%s %n', repeat('é', 3000)]),
	('name', ARRAY['mobile', '', 'phone']),
	('bpchar', ARRAY['mobile', '']),
	('varchar', ARRAY['mobile', '']),
	('cstring', ARRAY['1', '', 'cip1:AAAA', '{']),
	('bytea', ARRAY['', '\x00', '\xffffffffffffffff', '\x01000000000000000000000000000000', '\x' || repeat('ff', 300), '\x' || repeat('00', 300)]),
	('smallint', ARRAY['1', '0', '-1', '32767', '-32768']),
	('integer', ARRAY['1', '0', '-1', '2147483647', '-2147483648']),
	('bigint', ARRAY['1', '0', '-1', '9223372036854775807', '-9223372036854775808']),
	('oid', ARRAY['1259', '0', '4294967295']),
	('real', ARRAY['1', 'NaN', '-Infinity']),
	('double precision', ARRAY['1', 'NaN', '-Infinity', '1e308']),
	('numeric', ARRAY['1', '0', 'NaN', 'Infinity', '1e1000', '-1e-1000']),
	('boolean', ARRAY['t', 'f']),
	('date', ARRAY['2024-02-29', 'infinity', '-infinity', '4713-01-01 BC', '5874897-12-31']),
	('timestamp', ARRAY['2024-02-29', 'infinity', '-infinity', '4713-01-01 BC']),
	('timestamptz', ARRAY['2024-02-29', 'infinity', '-infinity', '4713-01-01 BC', '294276-12-31']),
	('interval', ARRAY['1 day', '0', '-178000000 years', '178000000 years']),
	('uuid', ARRAY['00000000-0000-0000-0000-000000000000']),
	('inet', ARRAY['10.0.0.1/8', '::1', '0.0.0.0/0']),
	('cidr', ARRAY['10.0.0.0/8', '::/0']),
	('json', ARRAY['{}', '"x"', '{"a": [null, {"b": 1}]}']),
	('jsonb', ARRAY['{}', '[]', 'null', '"x"', '{"style": "strict", "size": 1e15, "paths": {"a.b": "mobile"}}', '[[[[1]]]]', repeat('[', 2000) || repeat(']', 2000)]),
	('regclass', ARRAY['mine.person', 'mine.none', 'mine.dropped', 'mine.parts', 'mine.persons', 'mine.numbers', 'mine.person_pkey', 'mine.pair',
		'pg_class', 'cipguard.category', 'cipguard.audit_event', '0', '4294967295']),
	('regrole', ARRAY['clerk', 'boss', 'postgres', 'pg_monitor', '0', '4294967295']),
	('regtype', ARRAY['text', 'cipguard.enc_text', 'mine.pair', 'anyelement', '0', '4294967295']),
	('regprocedure', ARRAY['pg_catalog.upper(text)', 'cipguard.audit_row()', '0', '4294967295']),
	('smallint[]', ARRAY['{1}', '{}', '{NULL}', '{-1,0,32767}', '{{1,2},{3,4}}']),
	('oid[]', ARRAY['{1259}', '{}', '{NULL}', '{{0}}']),
	('integer[]', ARRAY['{1}', '{}', '{NULL}', '{{1,2},{3,4}}', '[5:6]={1,2}']),
	('bigint[]', ARRAY['{1}', '{}', '{NULL}', '{{1,2},{3,4}}']),
	('text[]', ARRAY['{mobile}', '{}', '{NULL}', '{{a,b},{c,d}}', '{"",id}', '[5:6]={phone,label}']),
	('bytea[]', ARRAY['{}', '{NULL}', '{""}', '{{"\\x00","\\xff"}}']),
	('cstring[]', ARRAY['{mobile}', '{}', '{NULL}', '{{a},{b}}', '{a,b,c}', '{""}']),
	('cipguard.protected_columns[]', ARRAY['{}', '{NULL}', '{"(,,,,,,)"}']),
	('cipguard.readers[]', ARRAY['{}', '{NULL}']),
	('cipguard.activity', ARRAY['(1,a,1,,,,,,,,,,,,)', '(,,,,,,,,,,,,,,)'])) samples (t, list), unnest(list) v;
INSERT INTO mine.sample (type, value) VALUES
	('internal', 'NULL'), ('cipguard.enc_text', '(SELECT phone FROM mine.person)'), ('cipguard.enc_int8', '(SELECT n FROM mine.person)'),
	('anyelement', '1'), ('anyelement', '''x''::text'), ('anyelement', 'NULL::text'), ('anyelement', '''x'''), ('anyelement', '(SELECT p FROM mine.person p)'),
	('anyelement', 'ROW(1, NULL)'), ('anyelement', 'ARRAY[ARRAY[1]]'), ('anyelement', '(SELECT phone FROM mine.person)'), ('anyelement', '(SELECT d FROM mine.none d)');
INSERT INTO mine.sample (type, value) SELECT '"any"'::regtype, value FROM mine.sample WHERE type = 'anyelement'::regtype;
-- Of the other encrypted types what their input makes of a plain value.
INSERT INTO mine.sample (type, value)
SELECT t.oid, format('(%L::%s::%s(''%s''))', v, substr(typname, 5), t.oid::regtype, category)
FROM pg_type t JOIN (VALUES ('enc_numeric', '1', 'unclassified'), ('enc_bool', 't', 'unclassified'), ('enc_date', '2024-02-29', 'birth_date'), ('enc_timestamptz', 'infinity', 'unclassified'),
	('enc_uuid', '00000000-0000-0000-0000-000000000000', 'unclassified'), ('enc_inet', '::1', 'ip_address'), ('enc_jsonb', '{"a": 1}', 'unclassified'),
	('enc_bytea', '\x00', 'unclassified')) v (name, v, category) ON typname = v.name WHERE typnamespace = 'cipguard'::regnamespace;

CREATE TABLE mine.call (number serial PRIMARY KEY, role name, function oid, sql text, state text, message text);
GRANT SELECT ON ALL TABLES IN SCHEMA mine TO PUBLIC;
GRANT UPDATE (state, message) ON mine.call TO PUBLIC;

-- Calls: all NULL; each value of an argument, the others being the first of
-- their types; the same value for all arguments of a type.
CREATE FUNCTION mine.some(type regtype, n integer) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT coalesce((SELECT value FROM mine.sample s WHERE s.type = $1 ORDER BY number OFFSET n LIMIT 1), format('NULL::%s',
		CASE WHEN $1 IN ('"any"'::regtype, 'anyelement'::regtype) THEN 'text' ELSE $1::text END))
$$;
CREATE FUNCTION mine.calls(function oid) RETURNS SETOF text LANGUAGE plpgsql STABLE AS $$
DECLARE
	p pg_proc;
	types regtype[];
	n integer;
BEGIN
	SELECT * INTO STRICT p FROM pg_proc WHERE oid = function;
	types := ARRAY(SELECT t FROM unnest(p.proargtypes) WITH ORDINALITY a (t, i) ORDER BY i);
	n := cardinality(types);
	RETURN QUERY SELECT format(CASE p.prokind WHEN 'p' THEN 'CALL %s(%s)' ELSE 'SELECT %s(%s)' END, format('%I.%I', p.pronamespace::regnamespace, p.proname), arguments)
		|| CASE WHEN p.prorettype = 'record'::regtype AND p.prokind = 'f' AND p.proargmodes IS NULL THEN ' AS r (a text)' ELSE '' END
	FROM (
		SELECT DISTINCT string_agg(mine.some(types[i], CASE WHEN every.at = 0 THEN every.value WHEN every.at = i THEN every.value ELSE 0 END), ', ' ORDER BY i) AS arguments
		FROM (SELECT at, value FROM generate_series(0, n) at, generate_series(0, 12) value
			WHERE at = 0 OR value <= (SELECT count(*) FROM mine.sample s WHERE s.type = types[at])) every, generate_subscripts(types, 1) i
		GROUP BY at, value
		UNION SELECT '' WHERE n = 0
		UNION SELECT string_agg(mine.some(types[i], 1000), ', ' ORDER BY i) FROM generate_subscripts(types, 1) i WHERE n > 0) a;
END
$$;
SQL

# Types that only the planner gives values of.
as($node, undef, <<'SQL');
INSERT INTO mine.call (role, function, sql)
SELECT (SELECT r FROM unnest(ARRAY['clerk', 'boss', current_user]) WITH ORDINALITY r (r, i) WHERE has_function_privilege(r, p.oid, 'EXECUTE') ORDER BY i LIMIT 1), p.oid, mine.calls(p.oid)
FROM pg_depend d JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
WHERE d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'cipguard')
	AND p.prokind IN ('f', 'p') AND NOT p.prorettype = ANY ('{trigger,event_trigger}'::regtype[])
-- What shuts the server's eyes comes last.
ORDER BY p.proname IN ('seal_keys', 'unseal'), p.oid;
SQL

# Everything that a call does is taken back.  The log tells which was the last.
my $loop = <<'SQL';
DO $do$
DECLARE
	c record;
BEGIN
	FOR c IN SELECT number, sql FROM mine.call WHERE role = session_user ORDER BY number LOOP
		RAISE LOG 'call %', c.sql;
		BEGIN
			EXECUTE c.sql;
			RAISE EXCEPTION USING ERRCODE = 'ZZ999';
		EXCEPTION WHEN OTHERS THEN
			UPDATE mine.call SET state = SQLSTATE, message = SQLERRM WHERE number = c.number;
		END;
	END LOOP;
END
$do$;
SQL
foreach my $role ('clerk', 'boss', undef)
{
	my $err = error_of($node, $role, $loop);
	is($err, '', 'no call of ' . ($role // 'the superuser') . ' ends a process');
	diag((log_since($node) =~ /call ([^\n]*)/g)[-1]) if $err ne '';
}

# What our own code does not foresee is an internal error.  Of those that only
# the extension calls, and of the server's pg_identify_object(), it does not matter.
is( as($node, undef, q{SELECT DISTINCT ON (function, state) state, message, left(sql, 200) FROM mine.call WHERE state ~ '^(XX|58|53)' AND role <> current_user
	AND function <> 'cipguard.identity_of(regclass, oid, integer)'::regprocedure}),
	'', 'no call meets an internal error');

# That the calls are such as PostgreSQL takes.
is( as($node, undef, q{SELECT function::regprocedure, min(message), min(sql) FROM mine.call WHERE sql !~ '^CALL' GROUP BY 1 HAVING every(state IN ('42601', '42804', '42846', '42883'))}),
	'', 'every function was reached');
is( as($node, undef, q{SELECT min(sql) FROM mine.call JOIN pg_proc p ON p.oid = function WHERE 'internal'::regtype = ANY (p.proargtypes::oid[]) AND state NOT IN ('ZZ999', '42883') GROUP BY function}),
	'', 'those that take pointers of the server do nothing with NULL');

# Procedures end transactions, so they cannot be called in a block.
my $procedures = as($node, undef, "SELECT string_agg(sql, E';\n' ORDER BY number) FROM mine.call WHERE sql ~ '^CALL' AND role = 'clerk'");
my (undef, $said, $status) = run_as($node, 'clerk', $procedures, stop => 0);
ok($status != 2 && $said !~ /ERROR:  (?:XX|58|53)/, 'nor does a procedure') or diag($said);

# Trigger functions: on any relation, at any time, for any event.
as($node, undef, <<'SQL');
CREATE TABLE mine.fault (sql text, state text, message text);
GRANT INSERT ON mine.fault TO PUBLIC;
SQL
as($node, 'clerk', <<'SQL');
CREATE TABLE mine.target (a integer DEFAULT 1, id bigint DEFAULT 1, relation regclass, role_id oid, category text, phone cipguard.enc_text('mobile'), at timestamptz);
CREATE TABLE mine.narrow (a integer);
CREATE VIEW mine.targets AS SELECT * FROM mine.target;
INSERT INTO mine.target VALUES (1);
INSERT INTO mine.narrow VALUES (1);
CREATE FUNCTION mine.try(act text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	RAISE LOG 'call %', act;
	EXECUTE act;
	RETURN true;
EXCEPTION WHEN OTHERS THEN
	IF SQLSTATE ~ '^(XX|58|53)' THEN
		INSERT INTO mine.fault VALUES (act, SQLSTATE, SQLERRM);
	END IF;
	RETURN false;
END
$$;
SQL
my $triggers = <<'SQL';
DO $do$
DECLARE
	trigger record;
BEGIN
	FOR trigger IN SELECT p.oid::regproc AS func, target, moment, event, unit, arguments
		FROM pg_proc p, unnest(ARRAY['target', 'narrow', 'targets']) target, unnest(ARRAY['BEFORE', 'AFTER', 'INSTEAD OF']) moment,
			unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) event, unnest(ARRAY['ROW', 'STATEMENT']) unit, unnest(ARRAY['', '''x'', ''y''']) arguments
		WHERE p.pronamespace = 'cipguard'::regnamespace AND p.prorettype = 'trigger'::regtype AND has_function_privilege(p.oid, 'EXECUTE')
	LOOP
		IF mine.try(format('CREATE TRIGGER fault %s %s ON mine.%I FOR EACH %s EXECUTE FUNCTION %s(%s)', trigger.moment, trigger.event, trigger.target, trigger.unit, trigger.func, trigger.arguments)) THEN
			PERFORM mine.try(format(CASE trigger.event WHEN 'INSERT' THEN 'INSERT INTO mine.%I DEFAULT VALUES' WHEN 'UPDATE' THEN 'UPDATE mine.%I SET a = NULL'
				WHEN 'DELETE' THEN 'DELETE FROM mine.%I' ELSE 'TRUNCATE mine.%I' END, trigger.target));
			PERFORM mine.try(format('DROP TRIGGER fault ON mine.%I', trigger.target));
		END IF;
	END LOOP;
END
$do$;
SQL

# Estimators: of somebody's own operators, for types that are not ours.
my $estimators = <<'SQL';
DO $do$
DECLARE
	operator record;
	condition text;
BEGIN
	CREATE TYPE mine.row AS (a integer, b text);
	FOR operator IN SELECT p.oid::regproc AS restrict, (p.pronamespace::regnamespace || '.' || regexp_replace(p.proname, 'sel$', 'joinsel')) AS joins, l, r
		FROM pg_proc p, (VALUES ('integer', 'text'), ('text', 'text'), ('cipguard.enc_text', 'integer'), ('cipguard.enc_text', 'cipguard.enc_text'), ('mine.row', 'integer[]'), ('jsonb', 'text')) t (l, r)
		WHERE p.pronamespace = 'cipguard'::regnamespace AND p.proname ~ 'sel$' AND p.pronargs = 4
	LOOP
		EXECUTE format('CREATE FUNCTION mine.compare(%s, %s) RETURNS boolean LANGUAGE plpgsql AS ''BEGIN RETURN true; END''', operator.l, operator.r);
		EXECUTE format('CREATE OPERATOR mine.@@@ (LEFTARG = %s, RIGHTARG = %s, FUNCTION = mine.compare, RESTRICT = %s, JOIN = %s)', operator.l, operator.r, operator.restrict, operator.joins);
		EXECUTE format('CREATE TABLE mine.operand (a %s, b %s)', operator.l, operator.r);
		INSERT INTO mine.operand SELECT FROM generate_series(1, 10);
		ANALYZE mine.operand;
		FOREACH condition IN ARRAY ARRAY['a OPERATOR(mine.@@@) b', 'a OPERATOR(mine.@@@) NULL', 'NULL OPERATOR(mine.@@@) b', 'a OPERATOR(mine.@@@) (SELECT b)', 'NOT a OPERATOR(mine.@@@) b',
			'a OPERATOR(mine.@@@) ANY (ARRAY[b, NULL])', 'EXISTS (SELECT FROM mine.operand o WHERE p.a OPERATOR(mine.@@@) o.b)', 'coalesce(a, a) OPERATOR(mine.@@@) coalesce(b, b)'] LOOP
			PERFORM mine.try('EXPLAIN SELECT FROM mine.operand p WHERE ' || condition);
		END LOOP;
		DROP TABLE mine.operand;
		EXECUTE format('DROP FUNCTION mine.compare(%s, %s) CASCADE', operator.l, operator.r);
	END LOOP;
END
$do$;
SQL
foreach my $try ([ 'triggers', 'clerk', $triggers ], [ 'triggers', undef, $triggers ], [ 'estimators', 'clerk', $estimators ])
{
	my ($what, $role, $sql) = @$try;
	my $err = error_of($node, $role, "SET client_min_messages = warning; $sql");
	is($err =~ s/^WARNING.*\n|^LOCATION.*\n//mgr, '', "no $what of " . ($role // 'the superuser') . ' end a process');
	diag((log_since($node) =~ /call ([^\n]*)/g)[-1]) if $err =~ /ERROR|FATAL|connection/;
}
is(as($node, undef, 'SELECT DISTINCT ON (state, message) state, message, sql FROM mine.fault'), '', 'nor meet an internal error');

unlike(log_since($node), qr/was terminated by signal|PANIC: /, 'nor does the log tell of one');
$node->stop;
done_testing();
