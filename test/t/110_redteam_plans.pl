# 110_redteam_plans.pl
#	Attempts to keep a right, or to miss a label, by means of what was planned
#	or opened before: prepared statements, cursors, functions, loops.
#
#	search_path is pinned, so that no replanning for another reason hides a
#	fault.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use CipguardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $label = '13977778888';
my $sealed = '13911112222';
my $canaries = "$label|$sealed|1393333\\d{4}";
my $node = new_cluster('plans');
my $psql_role = sub { return [ '-U', shift ] };

as($node, undef, 'CREATE EXTENSION cipguard CASCADE');
as($node, undef, roles_sql() . <<"SQL");
CREATE ROLE pool LOGIN NOINHERIT IN ROLE reader, clerk;
CREATE ROLE team;
CREATE ROLE member LOGIN IN ROLE team;
CREATE SCHEMA reader AUTHORIZATION reader;
GRANT USAGE ON SCHEMA reader, clerk TO PUBLIC;
SELECT cipguard.grant_access('team', 'mobile');
GRANT cipguard_officer TO owner;
SET ROLE owner;
SET search_path = app;
CREATE TABLE client (id int PRIMARY KEY, label text, sealed cipguard.enc_text('mobile'), note text);
SECURITY LABEL FOR cipguard ON COLUMN client.label IS 'mobile';
INSERT INTO client VALUES (1, '$label', '$sealed', 'n1'), (2, '13933330002', '13933330102', 'n2');
INSERT INTO client SELECT g, '1393333' || to_char(g, 'FM0000'), '1393334' || to_char(g, 'FM0000'), 'n' FROM generate_series(3, 100) g;
ANALYZE client;
CREATE VIEW v AS SELECT id, label, sealed FROM client;
CREATE FUNCTION sql_row() RETURNS SETOF client LANGUAGE sql STABLE AS 'SELECT * FROM app.client WHERE id = 1';
CREATE FUNCTION sql_atomic() RETURNS TABLE (l text) LANGUAGE sql STABLE BEGIN ATOMIC SELECT label FROM app.client WHERE id = 1; END;
CREATE FUNCTION sql_one() RETURNS text LANGUAGE sql AS 'SELECT label FROM app.client WHERE id = 1';
CREATE FUNCTION pl_one() RETURNS text LANGUAGE plpgsql SET search_path = app AS 'DECLARE v text; BEGIN SELECT label INTO v FROM client WHERE id = 1; RETURN v; END';
CREATE FUNCTION pl_find(text) RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM app.client WHERE label = \$1); END';
GRANT SELECT, INSERT, UPDATE, DELETE ON client TO PUBLIC;
GRANT SELECT ON v TO PUBLIC;
SQL

sub session
{
	my ($role) = @_;
	my $s = $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', $role ]);
	$s->query('SET search_path = app;');
	return $s;
}

# Rows of a statement on one line, or the SQLSTATE of its error.
sub ask
{
	my ($s, $sql) = @_;
	my $out = $s->query("$sql\n\\if :ERROR\n\\echo :SQLSTATE\n\\endif\n");
	$out =~ s/\s+\z//;
	return join(' ', split(/\n/, $out));
}

# No canary was shown, but something was: a mask or a refusal.
sub secure
{
	my ($got, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok($got ne '' && $got !~ /$canaries/, $name) || diag("got: $got");
}

# What happens while a statement waits in its middle, for the lock that another
# session holds.
my $holder = session('clerk');
sub meanwhile
{
	my ($s, $sql, $action) = @_;
	$holder->query('SELECT pg_advisory_lock(7);');
	$s->query_until(qr/started/, "\\echo started\n$sql\n");
	$node->poll_query_until('postgres', "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
	  or die 'nobody waits';
	$action->();
	$holder->query('SELECT pg_advisory_unlock(7);');
	my $out = ask($s, '\echo');
	return $out;
}

my @shapes = (
	[ 'columns', 'SELECT label, sealed FROM client WHERE id = 1', "139****8888|139****2222", "$label|$sealed" ],
	[ 'predicate', "SELECT count(*) FROM client WHERE label = '$label'", '0', '1' ],
	[ 'predicate with parameter', 'SELECT count(*) FROM client WHERE label = $1', '0', '1', "('$label')", '(text)' ],
	[ 'row', 'SELECT c FROM client c WHERE id = 1', '(1,139****8888,139****2222,n1)', "(1,$label,$sealed,n1)" ],
	[ 'join', 'SELECT a.label, b.label FROM client a JOIN client b ON a.id = b.id WHERE a.id = 1', '139****8888|139****8888', "$label|$label" ],
	[ 'view', 'SELECT * FROM v WHERE id = 1', '1|139****8888|139****2222', "1|$label|$sealed" ],
	[ 'aggregate', 'SELECT min(label) FILTER (WHERE id = 1) FROM client', '139****8888', $label ],
	[ 'sub-select', 'SELECT (SELECT label FROM client c WHERE c.id = g) FROM generate_series(1, 1) g', '139****8888', $label ],
	[ 'SQL functions in FROM', 'SELECT r.label, a.l FROM sql_row() r, sql_atomic() a', '139****8888|139****8888', "$label|$label" ],
	[ 'SQL functions in the list', 'SELECT sql_one(), (sql_row()).label, sql_atomic()', '139****8888|139****8888|139****8888', "$label|$label|$label" ],
	[ 'PL/pgSQL functions', "SELECT pl_one(), pl_find('$label')", '139****8888|0', "$label|1" ],
	[ 'CTE', 'WITH x AS MATERIALIZED (SELECT label FROM client WHERE id = 1) SELECT * FROM x', '139****8888', $label ],
	[ 'UNION', 'SELECT label FROM client WHERE id = 1 UNION SELECT label FROM client WHERE id = 1', '139****8888', $label ],
	[ 'RETURNING', 'UPDATE client SET note = note WHERE id = 1 RETURNING label, sealed', '139****8888|139****2222', "$label|$sealed" ],
	[ 'statistics', "SELECT (SELECT histogram_bounds IS NULL FROM pg_stats WHERE schemaname = 'app' AND tablename = 'client' AND attname = 'label')", 't', 'f' ],
);

# 1. One connection, several roles.
my $s = session('pool');
foreach my $mode ('auto', 'force_generic_plan', 'force_custom_plan')
{
	ask($s, "RESET ROLE; SET plan_cache_mode = $mode; DEALLOCATE ALL; SET ROLE " . ($mode eq 'auto' ? 'clerk;' : 'reader;'));
	my $n = 0;
	foreach my $shape (@shapes)
	{
		$n++;
		ask($s, "PREPARE p$n " . ($shape->[5] // '') . " AS $shape->[1];");
	}
	foreach my $round (1 .. 7)
	{
		my $reads = $round % 3 == 1;
		my $role = $reads ? 'reader' : 'clerk';
		ask($s, "SET ROLE $role;");
		$n = 0;
		foreach my $shape (@shapes)
		{
			$n++;
			is(ask($s, "EXECUTE p$n" . ($shape->[4] // '') . ';'), $shape->[$reads ? 3 : 2], "$mode, round $round as $role: $shape->[0]");
		}
	}
}
my $super = as($node, undef, 'SELECT current_user');
$s->quit;
$s = session($super);
ask($s, 'PREPARE p AS SELECT label, sealed FROM client WHERE id = 1;');
foreach my $who ([ $super, 0 ], [ 'reader', 1 ], [ 'clerk', 0 ], [ 'reader', 1 ], [ 'owner', 0 ])
{
	ask($s, "SET SESSION AUTHORIZATION $who->[0];");
	is(ask($s, 'EXECUTE p;'), $who->[1] ? "$label|$sealed" : '139****8888|139****2222', "SET SESSION AUTHORIZATION $who->[0]");
	ask($s, 'RESET SESSION AUTHORIZATION;');
	secure(ask($s, 'EXECUTE p;'), 'and RESET');
}
ask($s, "SET ROLE reader; SET LOCAL ROLE clerk;");
is(ask($s, "BEGIN; SET LOCAL ROLE clerk; EXECUTE p; COMMIT;"), '139****8888|139****2222', 'SET LOCAL ROLE');
is(ask($s, 'EXECUTE p;'), "$label|$sealed", 'and after it');
is(ask($s, "BEGIN; SAVEPOINT a; SET LOCAL ROLE clerk; ROLLBACK TO a; EXECUTE p; SET LOCAL ROLE clerk; SAVEPOINT b; SET LOCAL ROLE reader; ROLLBACK TO b; EXECUTE p; COMMIT;"),
	"$label|$sealed 139****8888|139****2222", 'roles rolled back');
$s->quit;

# Pooling: statements that survive, DISCARD ALL.
$s = session('pool');
ask($s, 'SET ROLE reader; PREPARE p AS SELECT label, sealed FROM client WHERE id = 1;');
ask($s, 'EXECUTE p;') foreach 1 .. 6;
secure(ask($s, 'RESET ROLE; EXECUTE p;') . ' ', 'the pool itself is no reader') ;
is(ask($s, 'SET ROLE clerk; EXECUTE p;'), '139****8888|139****2222', 'a statement that survives for the next client');
is(ask($s, 'DISCARD PLANS; EXECUTE p; SET ROLE reader; EXECUTE p; DISCARD PLANS; SET ROLE clerk; EXECUTE p;'),
	"139****8888|139****2222 $label|$sealed 139****8888|139****2222", 'DISCARD PLANS');
ask($s, "SET cipguard.purpose = 'x'; SET ROLE reader;");
ask($s, 'DISCARD ALL;');
ask($s, 'SET search_path = app; SET ROLE clerk; PREPARE p AS SELECT label, sealed FROM client WHERE id = 1;');
is(ask($s, 'EXECUTE p; SHOW cipguard.purpose;'), '139****8888|139****2222', 'DISCARD ALL');

# 2. Definers, and roles that change within one statement or function.
ask($s, <<'SQL');
SET ROLE reader;
CREATE FUNCTION reader.definer() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS 'SELECT label FROM app.client WHERE id = 1';
CREATE FUNCTION reader.open() RETURNS refcursor LANGUAGE plpgsql SECURITY DEFINER AS $$ DECLARE c refcursor := 'rc'; BEGIN OPEN c FOR SELECT label, sealed FROM app.client WHERE id = 1; RETURN c; END $$;
SET ROLE clerk;
CREATE FUNCTION clerk.definer() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS 'SELECT label FROM app.client WHERE id = 1';
CREATE FUNCTION clerk.open() RETURNS refcursor LANGUAGE plpgsql SECURITY DEFINER AS $$ DECLARE c refcursor := 'cc'; BEGIN OPEN c FOR SELECT label, sealed FROM app.client WHERE id = 1; RETURN c; END $$;
CREATE PROCEDURE clerk.switch(OUT t text) LANGUAGE plpgsql AS $$ DECLARE v text; BEGIN t := '';
	FOR i IN 1 .. 4 LOOP
		IF i % 2 = 1 THEN SET ROLE reader; ELSE SET ROLE clerk; END IF;
		SELECT label INTO v FROM app.client WHERE id = 1; t := t || ' ' || v;
		EXECUTE 'SELECT label FROM app.client WHERE id = 1' INTO v; t := t || ' ' || v;
		SELECT app.sql_one() INTO v; t := t || ' ' || v;
		COMMIT;
	END LOOP; END $$;
CREATE FUNCTION clerk.simple() RETURNS text LANGUAGE plpgsql AS $$ DECLARE v text; t text := ''; BEGIN
	FOR i IN 1 .. 3 LOOP
		PERFORM set_config('role', CASE i WHEN 2 THEN 'reader' ELSE 'clerk' END, false);
		v := app.sql_one(); t := t || ' ' || v; v := app.pl_one(); t := t || ' ' || v;
	END LOOP; RETURN t; END $$;
SQL
foreach my $round (1, 2)
{
	is(ask($s, 'SET ROLE clerk; SELECT reader.definer(), label FROM client WHERE id = 1;'), "$label|139****8888", "round $round: a definer who reads");
	is(ask($s, 'SET ROLE reader; SELECT clerk.definer(), label FROM client WHERE id = 1;'), "139****8888|$label", "round $round: a definer who does not");
	is(ask($s, 'SET ROLE clerk; BEGIN; SELECT reader.open(); FETCH rc; COMMIT;'), 'rc 139****8888|139****2222', "round $round: a definer's cursor, fetched by a clerk");
	is(ask($s, 'SET ROLE reader; BEGIN; SELECT clerk.open(); FETCH cc; COMMIT;'), "cc 139****8888|139****2222", "round $round: a clerk's cursor, fetched by a reader");
	ask($s, 'RESET ROLE;');
	my $seen = '139****8888 139****8888 139****8888';
	is(ask($s, 'CALL clerk.switch(NULL);'), " $label $label $label $seen $label $label $label $seen" , "round $round: a procedure that switches roles");
	my $got = ask($s, 'SET ROLE clerk; SELECT clerk.simple();');
	like($got, qr/^ 139\*{4}8888 139\*{4}8888 \S+ \S+ 139\*{4}8888 139\*{4}8888$|^42501$/,
		"round $round: functions as simple expressions");
	ask($s, 'RESET ROLE;');
}
is(ask($s, "SET ROLE clerk; SELECT set_config('role', 'reader', false), label, sealed FROM client WHERE id = 1;"),
	'reader|139****8888|139****2222', 'a role that changes within a statement');
is(ask($s, "SET ROLE reader; SELECT set_config('role', 'clerk', false), label, sealed FROM client WHERE id = 1;"),
	'clerk|139****8888|139****2222', 'and the other way round');

# 3. Cursors opened by one and fetched from by the other.
my @cursors = (
	[ 'column', 'SELECT label, sealed FROM client ORDER BY id' ],
	[ 'sorted by it', 'SELECT label FROM client ORDER BY label DESC' ],
	[ 'DISTINCT', 'SELECT DISTINCT label FROM client' ],
	[ 'UNION ALL', 'SELECT label FROM client UNION ALL SELECT label FROM client' ],
	[ 'UNION', 'SELECT label FROM client UNION SELECT note FROM client' ],
	[ 'max', 'SELECT max(label) FROM client' ],
	[ 'string_agg', "SELECT string_agg(label, ',') FROM client" ],
	[ 'GROUP BY', 'SELECT label, count(*) FROM client GROUP BY label' ],
	[ 'window', 'SELECT label, row_number() OVER (ORDER BY label DESC) FROM client' ],
	[ 'lag', 'SELECT lag(label, 1, label) OVER (ORDER BY id) FROM client' ],
	[ 'sub-select', 'SELECT (SELECT label FROM client d WHERE d.id = c.id) FROM client c' ],
	[ 'array', 'SELECT ARRAY(SELECT label FROM client WHERE id < 3)' ],
	[ 'CTE', 'WITH x AS MATERIALIZED (SELECT label FROM client ORDER BY id) SELECT * FROM x' ],
	[ 'expression', 'SELECT upper(label) FROM client ORDER BY upper(label)' ],
	[ 'CASE', "SELECT coalesce(label, 'x'), CASE WHEN id = 1 THEN label END FROM client ORDER BY id" ],
	[ 'row', 'SELECT c FROM client c' ],
	[ 'json', 'SELECT to_jsonb(c) FROM client c' ],
	[ 'lateral', 'SELECT s.label FROM client c, LATERAL (SELECT label FROM client d WHERE d.id = c.id LIMIT 1) s' ],
	[ 'locked', 'SELECT label, sealed FROM client FOR UPDATE' ],
	[ 'SQL function', 'SELECT * FROM sql_row()' ],
	[ 'view', 'SELECT * FROM v' ]);
foreach my $cursor (@cursors)
{
	my ($name, $query) = @$cursor;
	secure(ask($s, "SET ROLE reader; BEGIN; DECLARE c CURSOR FOR $query; SET ROLE clerk; FETCH 1 c; COMMIT;") . ' ', "cursor of a reader, fetched by a clerk: $name");
	secure(ask($s, "SET ROLE clerk; BEGIN; DECLARE c " . ($name eq 'locked' ? '' : 'SCROLL ') . "CURSOR FOR $query; SET ROLE reader; FETCH 1 c; FETCH ALL c; COMMIT;"), "cursor of a clerk, fetched by a reader: $name");
	secure(ask($s, "SET ROLE clerk; BEGIN; DECLARE c CURSOR WITH HOLD FOR $query; COMMIT; SET ROLE reader; FETCH ALL c; CLOSE c;"), "held cursor of a clerk: $name");
}
foreach my $query ('SELECT label, sealed FROM client ORDER BY id', 'SELECT label FROM client ORDER BY label DESC', 'SELECT label, sealed FROM client WHERE id > 0')
{
	my $got = ask($s, "SET ROLE reader; BEGIN; DECLARE c CURSOR FOR $query; FETCH 1 c; SET ROLE clerk; \\echo then\nFETCH 2 c; COMMIT;");
	$got =~ s/.*then//;
	secure($got, "a reader fetches first: $query");
}
ask($s, "SET ROLE reader; BEGIN; DECLARE h CURSOR WITH HOLD FOR SELECT sealed FROM client ORDER BY id; COMMIT; SET ROLE clerk;");
secure(ask($s, 'FETCH 1 h; CLOSE h;') . ' ', 'a held cursor of a reader keeps encrypted columns closed');
# An SQL function that goes on between fetches.
secure(ask($s, "SET ROLE reader; BEGIN; DECLARE c CURSOR FOR SELECT sql_one() FROM generate_series(1, 3); SET ROLE clerk; FETCH ALL c; COMMIT;"), 'an SQL function in a cursor');
my $got = ask($s, "SET ROLE reader; BEGIN; DECLARE c CURSOR FOR SELECT sql_one() FROM generate_series(1, 3); FETCH 1 c; SET ROLE clerk; \\echo then\nFETCH ALL c; COMMIT;");
secure($got =~ s/.*then//r . ' ', 'and after a reader fetched from it');
ask($s, 'ROLLBACK; RESET ROLE;');
$s->quit;

# 4. What another session changes.  Each case: what to set up, the role that
# reads, the query, and the change after which it may not be read.
as($node, undef, <<'SQL');
SET ROLE owner;
SET search_path = app;
CREATE FUNCTION read_one(query text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE v text; BEGIN EXECUTE query INTO v; RETURN v; END $$;
SQL
my $case = 0;
my @cases = (
	{ name => 'a grant revoked', role => 'clerk', before => sub { as($node, 'officer', "SELECT cipguard.grant_access('clerk', 'mobile')") },
		change => sub { as($node, 'officer', "SELECT cipguard.revoke_access(id) FROM cipguard.access_grants WHERE grantee::text = 'clerk'") } },
	{ name => 'membership revoked', role => 'member', change => sub { as($node, undef, 'REVOKE team FROM member') }, after => sub { as($node, undef, 'GRANT team TO member') } },
	{ name => 'NOINHERIT', role => 'member', before_16 => 1, change => sub { as($node, undef, 'ALTER ROLE member NOINHERIT') }, after => sub { as($node, undef, 'ALTER ROLE member INHERIT') } },
	{ name => 'a label set', role => 'clerk', own => 'CREATE TABLE T (id int, label text)', change => sub { as($node, 'owner', "SECURITY LABEL FOR cipguard ON COLUMN app.$_[0].label IS 'mobile'") } },
	{ name => 'a label set on the parent', role => 'clerk', own => 'CREATE TABLE T_parent (id int, label text); CREATE TABLE T () INHERITS (T_parent)',
		change => sub { as($node, 'owner', "SECURITY LABEL FOR cipguard ON COLUMN app.$_[0]_parent.label IS 'mobile'") } },
	{ name => 'a label set on the partitioned table', role => 'clerk', own => 'CREATE TABLE T_root (id int, label text) PARTITION BY LIST (id); CREATE TABLE T PARTITION OF T_root FOR VALUES IN (1)',
		change => sub { as($node, 'owner', "SECURITY LABEL FOR cipguard ON COLUMN app.$_[0]_root.label IS 'mobile'") } },
	{ name => 'a label set two levels up', role => 'clerk', own => 'CREATE TABLE T_root (id int, label text) PARTITION BY LIST (id); CREATE TABLE T_mid PARTITION OF T_root FOR VALUES IN (1) PARTITION BY LIST (id); CREATE TABLE T PARTITION OF T_mid FOR VALUES IN (1)',
		change => sub { as($node, 'owner', "SECURITY LABEL FOR cipguard ON COLUMN app.$_[0]_root.label IS 'mobile'") } },
	{ name => 'a label set on the child', role => 'clerk', own => 'CREATE TABLE T (id int, label text); CREATE TABLE T_child () INHERITS (T)',
		change => sub { as($node, 'owner', "SECURITY LABEL FOR cipguard ON COLUMN app.$_[0]_child.label IS 'mobile'") } },
	{ name => 'the child of a child inherits', role => 'clerk', lock => 1,
		own => "CREATE TABLE T_root (id int, label text); SECURITY LABEL FOR cipguard ON COLUMN T_root.label IS 'mobile'; CREATE TABLE T_mid (id int, label text); CREATE TABLE T () INHERITS (T_mid)",
		change => sub { as($node, 'owner', "ALTER TABLE app.$_[0]_mid INHERIT app.$_[0]_root") } },
	{ name => 'the partition of a partition is attached', role => 'clerk', lock => 1,
		own => "CREATE TABLE T_root (id int, label text) PARTITION BY LIST (id); SECURITY LABEL FOR cipguard ON COLUMN T_root.label IS 'mobile'; CREATE TABLE T_mid (id int, label text) PARTITION BY LIST (id); CREATE TABLE T PARTITION OF T_mid FOR VALUES IN (1)",
		change => sub { as($node, 'owner', "ALTER TABLE app.$_[0]_root ATTACH PARTITION app.$_[0]_mid FOR VALUES IN (1)") } },
	{ name => 'a label through a view', role => 'clerk', own => 'CREATE TABLE T_base (id int, label text); CREATE VIEW T AS SELECT * FROM T_base', base => '_base',
		change => sub { as($node, 'owner', "SECURITY LABEL FOR cipguard ON COLUMN app.$_[0]_base.label IS 'mobile'") } },
	{ name => 'a time limit passed', role => 'clerk', late => 1, before => sub { as($node, 'officer', "SELECT cipguard.grant_access('clerk', 'mobile', valid_until => clock_timestamp() + interval '1.5 s')") },
		change => sub { $node->poll_query_until('postgres', "SELECT count(*) = 0 FROM cipguard.access_grant WHERE valid_until > clock_timestamp()") } },
	{ name => 'mask_owner switched on', role => 'owner', before => sub { as($node, undef, open_window() . 'ALTER SYSTEM SET cipguard.mask_owner = off'); $node->reload; $node->poll_query_until('postgres', 'SELECT NOT current_setting($$cipguard.mask_owner$$)::bool'); },
		change => sub { as($node, undef, open_window() . 'ALTER SYSTEM RESET cipguard.mask_owner'); $node->reload; $node->poll_query_until('postgres', 'SELECT current_setting($$cipguard.mask_owner$$)::bool') }, reload => 1 },
	{ name => 'mask_superuser switched on', role => $super, before => sub { as($node, undef, open_window() . 'ALTER SYSTEM SET cipguard.mask_superuser = off'); $node->reload; $node->poll_query_until('postgres', 'SELECT NOT current_setting($$cipguard.mask_superuser$$)::bool'); },
		change => sub { as($node, undef, open_window() . 'ALTER SYSTEM RESET cipguard.mask_superuser'); $node->reload; $node->poll_query_until('postgres', 'SELECT current_setting($$cipguard.mask_superuser$$)::bool') }, reload => 1 },
);
foreach my $c (@cases)
{
	next if $c->{before_16} && $node->pg_version >= 16;
	foreach my $where ('between statements', 'in a transaction', 'in a loop')
	{
		# What takes an exclusive lock waits for the transaction, and a
		# configuration is read between statements.
		next if $c->{lock} && $where ne 'between statements';
		next if $c->{reload} && $where eq 'in a loop';
		$case++;
		my $table = "client";
		if ($c->{own})
		{
			$table = "t$case";
			my $own = $c->{own} =~ s/\bT(?=\b|_)/$table/gr;
			as($node, 'owner', "SET search_path = app; $own; INSERT INTO $table VALUES (1, '$label'); GRANT SELECT ON $table TO PUBLIC");
		}
		as($node, 'owner', <<"SQL");
SET search_path = app;
CREATE FUNCTION sql$case() RETURNS text LANGUAGE sql AS 'SELECT label FROM app.$table WHERE id = 1';
CREATE FUNCTION pl$case() RETURNS text LANGUAGE plpgsql AS 'DECLARE v text; BEGIN SELECT label INTO v FROM app.$table WHERE id = 1; RETURN v; END';
CREATE FUNCTION loop$case() RETURNS SETOF text LANGUAGE plpgsql SET search_path = app AS \$\$
DECLARE v text; BEGIN
	FOR i IN 1 .. 3 LOOP
		SELECT label INTO v FROM $table WHERE id = 1; RETURN NEXT 'static ' || v;
		EXECUTE 'SELECT label FROM $table WHERE id = 1' INTO v; RETURN NEXT 'execute ' || v;
		v := app.sql$case(); RETURN NEXT 'simple ' || v;
		SELECT app.sql$case() INTO v; RETURN NEXT 'sql ' || v;
		v := app.pl$case(); RETURN NEXT 'nested ' || v;
		-- The first round does all of it without waiting.
		PERFORM pg_advisory_lock(5 + i); PERFORM pg_advisory_unlock(5 + i);
		RETURN NEXT CASE i WHEN 2 THEN 'then' ELSE 'round' END;
	END LOOP;
EXCEPTION WHEN insufficient_privilege THEN RETURN NEXT 'refused';
END \$\$;
SQL
		$c->{before}->($table) if $c->{before};
		my $s = session($c->{role});
		my $statements = sub {
			return join(' ', map { ask($s, $_) } 'EXECUTE p;', 'EXECUTE g;', "SELECT label FROM $table WHERE id = 1;", "SELECT sql$case();", "SELECT pl$case();",
				"COPY (SELECT label FROM $table WHERE id = 1) TO stdout;", $c->{own} && $c->{base} ? () : "COPY $table (label) TO stdout;");
		};
		ask($s, "PREPARE p AS SELECT label FROM $table WHERE id = 1; SET plan_cache_mode = force_generic_plan; PREPARE g AS SELECT label FROM $table WHERE label > '' AND id = 1; EXECUTE p; EXECUTE g; SELECT sql$case(), pl$case();");
		if ($where eq 'in a loop')
		{
			my $got = meanwhile($s, "SELECT loop$case();", sub { $c->{change}->($table) });
			my ($first, $then) = split(/then/, $got);
			like($first, qr/static $label/, "$c->{name}, $where: readable before");
			foreach my $kind ('static', 'execute', 'simple', 'sql', 'nested')
			{
				my ($v) = ($then // '') =~ /$kind (\S+)/;
				secure($v // ($got =~ /refused/ ? 'refused' : ''), "$c->{name}, $where: $kind");
			}
		}
		else
		{
			ask($s, 'BEGIN;') if $where eq 'in a transaction';
			like(ask($s, 'EXECUTE p;'), qr/^$label$/, "$c->{name}, $where: readable before");
			ask($s, "DECLARE c CURSOR FOR SELECT label FROM $table ORDER BY id;") if $where eq 'in a transaction';
			$c->{change}->($table);
			if ($where eq 'in a transaction')
			{
				secure(ask($s, 'FETCH 1 c;'), "$c->{name}, $where: an open cursor") unless $c->{own};
				secure(ask($s, 'SAVEPOINT x; EXECUTE p;'), "$c->{name}, $where: a prepared statement");
				ask($s, 'ROLLBACK TO x;');
			}
			secure($statements->(), "$c->{name}, $where: all kinds of statements");
			ask($s, 'ROLLBACK;') if $where eq 'in a transaction';
			secure($statements->(), "$c->{name}, $where: once more");
		}
		$s->quit;
		$c->{after}->($table) if $c->{after};
	}
}

# 5. Purpose, set and left in every way.
my $id = as($node, 'officer', "SELECT cipguard.grant_access('clerk', 'mobile', purpose => 'contract')");
$s = session('clerk');
my $masks = '139****8888|139****2222';
ask($s, 'PREPARE p AS SELECT label, sealed FROM client WHERE id = 1;');
foreach my $mode ('auto', 'force_generic_plan')
{
	ask($s, "SET plan_cache_mode = $mode;");
	is(ask($s, 'EXECUTE p;'), $masks, "$mode: without a purpose");
	is(ask($s, "BEGIN; SET LOCAL cipguard.purpose = 'contract'; EXECUTE p; COMMIT; EXECUTE p;"), "$label|$sealed $masks", "$mode: SET LOCAL, and its end");
	is(ask($s, "BEGIN; SAVEPOINT a; SET LOCAL cipguard.purpose = 'contract'; EXECUTE p; ROLLBACK TO a; EXECUTE p; COMMIT;"), "$label|$sealed $masks", "$mode: a savepoint");
	is(ask($s, "BEGIN; SET LOCAL cipguard.purpose = 'contract'; DECLARE c CURSOR FOR SELECT label, sealed FROM client ORDER BY id; SET LOCAL cipguard.purpose = ''; FETCH 1 c; COMMIT;"), $masks, "$mode: a cursor that outlives it");
	is(ask($s, "BEGIN; SET LOCAL cipguard.purpose = 'contract'; SELECT sql_one(), pl_one(); SET LOCAL cipguard.purpose = 'other'; SELECT sql_one(), pl_one(); ROLLBACK; SELECT sql_one(), pl_one();"),
		"$label|$label 139****8888|139****8888 139****8888|139****8888", "$mode: functions");
	secure(ask($s, "DO \$\$ DECLARE v text; BEGIN PERFORM set_config('cipguard.purpose', 'contract', true); v := app.sql_one(); PERFORM set_config('cipguard.purpose', '', true); v := app.sql_one(); PERFORM set_config('search_path', v, false); END \$\$; SHOW search_path; SET search_path = app;"),
		"$mode: a simple expression that outlives it");
}
ask($s, 'RESET ALL; SET search_path = app;');
is(ask($s, "SELECT label, set_config('cipguard.purpose', 'contract', false) FROM client WHERE id = 1;"), '139****8888|contract', 'set by the query itself');
is(ask($s, 'RESET cipguard.purpose; EXECUTE p;'), $masks, 'RESET');
$s->quit;
as($node, 'officer', "SELECT cipguard.revoke_access($id)");

# 6. row_security between PREPARE and EXECUTE.
$s = session('clerk');
ask($s, 'PREPARE p AS SELECT label, sealed FROM client WHERE id = 1;');
is(ask($s, 'EXECUTE p; SET row_security = off; EXECUTE p;'), "$masks 42501", 'a clerk switches row_security off: an error');
is(ask($s, 'EXECUTE p;'), '42501', 'and again');
is(ask($s, 'SELECT label FROM client;'), '42501', 'a new statement, too');
is(ask($s, 'SELECT count(*) FROM client;'), '100', 'but not one that shows nothing');
is(ask($s, 'SET row_security = on; EXECUTE p;') =~ s/^42501 //r, $masks, 'and on again');
is(ask($s, 'BEGIN; DECLARE c CURSOR FOR SELECT label FROM client ORDER BY id; SET LOCAL row_security = off; FETCH 1 c; ROLLBACK;'), '139****8888', 'a cursor of before');
$s->quit;
$s = session('owner');
ask($s, 'PREPARE p AS SELECT label FROM client WHERE id = 1; SET row_security = off;');
is(ask($s, 'SELECT label FROM client WHERE id = 1;'), $label, 'the owner gets stored values');
ask($s, 'EXECUTE p;');
is(ask($s, 'EXECUTE p;'), $label, 'from a prepared statement, too, at the second time at the latest');
like(ask($s, 'SELECT sealed FROM client WHERE id = 1;'), qr/^cip1:/, 'and armor of encrypted columns');
secure(ask($s, 'SET row_security = on; EXECUTE p;'), 'on again: not from the plan of before');
is(ask($s, 'EXECUTE p;'), '139****8888', 'but masks');
is(ask($s, 'BEGIN; SET LOCAL row_security = off; DECLARE c CURSOR FOR SELECT label FROM client ORDER BY id; SET LOCAL row_security = on; FETCH 1 c; ROLLBACK;') =~ s/$label|139....8888/either/r,
	'either', 'a cursor opened while it was off is the owner\'s own affair');
$s->quit;

as($node, undef, 'GRANT owner TO pool');
$s = session('pool');
secure(ask($s, 'SET ROLE owner; BEGIN; SET LOCAL row_security = off; DECLARE c CURSOR FOR SELECT label FROM client ORDER BY id; SET ROLE clerk; FETCH 1 c; ROLLBACK;'), 'but not of a clerk who fetches from it');
secure(ask($s, 'SET ROLE owner; BEGIN; SET LOCAL row_security = off; DECLARE c CURSOR FOR SELECT label FROM client ORDER BY id; SET LOCAL row_security = on; SET ROLE clerk; FETCH 1 c; ROLLBACK;'), 'with row_security on again, neither');
ask($s, 'SET ROLE owner; SET row_security = off; PREPARE o AS SELECT label FROM client WHERE id = 1;');
is(ask($s, 'EXECUTE o;'), $label, 'prepared by the owner');
secure(ask($s, 'SET ROLE clerk; EXECUTE o;'), 'and executed by a clerk');
secure(ask($s, 'SET row_security = on; EXECUTE o;'), 'and with row_security on');
ask($s, 'RESET ROLE;');
$s->quit;
as($node, undef, 'REVOKE owner FROM pool');

# 7. The extended protocol.
my $script = PostgreSQL::Test::Utils::tempdir() . '/script';
PostgreSQL::Test::Utils::append_to_file($script, <<"SQL");
\\set id 1
SELECT 1 / (CASE WHEN label = '139****8888' AND sealed::text = '139****2222' THEN 1 ELSE 0 END) FROM app.client WHERE id = :id;
SELECT 1 / (1 - count(*)) FROM app.client WHERE label = '$label' AND id = :id;
BEGIN;
SET LOCAL ROLE reader;
SELECT 1 / count(*) FROM app.client WHERE label = '$label' AND id = :id;
SELECT 1 / (CASE WHEN label = '$label' THEN 1 ELSE 0 END) FROM app.client WHERE id = :id;
END;
SELECT 1 / (1 - count(*)) FROM app.client WHERE label = '$label' AND id = :id;
SQL
as($node, undef, 'CREATE ROLE switcher LOGIN NOINHERIT; GRANT reader TO switcher');
foreach my $mode ('simple', 'extended', 'prepared')
{
	$node->command_ok([ 'pgbench', '-n', '-M', $mode, '-t', '12', '-c', '2', '-f', $script, '-U', 'switcher', '-h', $node->host, '-p', $node->port, 'postgres' ],
		"pgbench -M $mode switches roles");
}

# 8. COPY that waits for a table which is being labelled meanwhile.
as($node, 'owner', "CREATE TABLE app.race (id int, label text); INSERT INTO app.race VALUES (1, '$label'); GRANT SELECT ON app.race TO clerk");
$s = session('clerk');
is(ask($s, 'COPY race (label) TO stdout;'), $label, 'COPY before there is a label');
my $labeller = session('owner');
$labeller->query("BEGIN; LOCK app.race; SECURITY LABEL FOR cipguard ON COLUMN app.race.label IS 'mobile';");
$s->query_until(qr/started/, "\\echo started\nCOPY race (label) TO stdout;\n");
$node->poll_query_until('postgres', "SELECT count(*) > 0 FROM pg_locks WHERE relation = 'app.race'::regclass AND NOT granted")
  or die 'nobody waits';
$labeller->query('COMMIT;');
secure(ask($s, '\echo'), 'COPY that waited for the label');
$_->quit foreach $s, $labeller;

$holder->quit;
unlike(log_since($node), qr/PANIC|TRAP|terminated by signal/, 'no crash');
$node->stop;
done_testing();
