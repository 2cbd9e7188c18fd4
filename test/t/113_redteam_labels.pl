# 113_redteam_labels.pl
#	Attempts to get at values by way of what should carry a label and may not:
#	copies made by readers, children whose parent changes, policies of one's
#	own tables, functions that maintenance runs.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use CipguardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $label = '13977778888';
my $email = 'canary@canary.example';
my $sealed = '13911112222';
my $canaries = join('|', map { quotemeta } $label, $email, $sealed);
my $node = new_cluster('labels', conf => "autovacuum_naptime = 1\n");

as($node, undef, 'CREATE EXTENSION cipguard CASCADE');
as($node, undef, roles_sql() . <<"SQL");
CREATE SCHEMA reader AUTHORIZATION reader;
GRANT USAGE ON SCHEMA reader, clerk TO PUBLIC;
SET ROLE owner;
CREATE TABLE app.client (id int PRIMARY KEY, label text, email varchar(60), sealed cipguard.enc_text('mobile'), note text);
RESET ROLE;
SECURITY LABEL FOR cipguard ON COLUMN app.client.label IS 'mobile';
SECURITY LABEL FOR cipguard ON COLUMN app.client.email IS 'email';
INSERT INTO app.client VALUES (1, '$label', '$email', '$sealed', 'n1');
GRANT SELECT, INSERT, UPDATE, DELETE, REFERENCES ON app.client TO PUBLIC;
SQL

# Nothing that a clerk runs shows a canary, on either stream.
sub shows_nothing
{
	my ($sql, $name, %opt) = @_;
	my ($out, $err) = run_as($node, $opt{role} // 'clerk', $sql, stop => 0);
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok("$out$err" !~ /$canaries/, $name) || diag(substr("$out\n$err", 0, 400));
}

# 1. Copies that a reader makes, and a clerk may select from.
my @copies = (
	[ 'CREATE TABLE AS', 'CREATE TABLE T AS SELECT id, label, email, sealed FROM app.client' ],
	[ 'SELECT INTO', 'SELECT id, label INTO T FROM app.client' ],
	[ 'SELECT INTO in a function', "DO \$\$ BEGIN CREATE TABLE T AS SELECT id, label FROM app.client; END \$\$" ],
	[ 'all columns', 'CREATE TABLE T AS TABLE app.client' ],
	[ 'other names', 'CREATE TABLE T (a, b) AS SELECT id, label FROM app.client' ],
	[ 'EXECUTE, planned then', 'PREPARE p AS SELECT id, label FROM app.client; CREATE TABLE T AS EXECUTE p' ],
	[ 'EXECUTE, planned before', 'SET plan_cache_mode = force_generic_plan; PREPARE p AS SELECT id, label FROM app.client; EXECUTE p; CREATE TABLE T AS EXECUTE p' ],
	[ 'EXPLAIN ANALYZE', 'EXPLAIN ANALYZE CREATE TABLE T AS SELECT id, label FROM app.client' ],
	[ 'EXPLAIN ANALYZE EXECUTE', 'PREPARE p AS SELECT id, label FROM app.client; EXPLAIN ANALYZE CREATE TABLE T AS EXECUTE p' ],
	[ 'WITH NO DATA, filled later', 'CREATE MATERIALIZED VIEW T AS SELECT id, label FROM app.client WITH NO DATA; REFRESH MATERIALIZED VIEW T' ],
	[ 'materialised view', 'CREATE MATERIALIZED VIEW T AS SELECT id, label FROM app.client; REFRESH MATERIALIZED VIEW T' ],
	[ 'a temporary table of its name', 'CREATE TEMP TABLE T AS SELECT 1 AS id, 2 AS label; CREATE TABLE reader.T AS SELECT 0 AS id; DROP TABLE reader.T; SET search_path = reader; CREATE TABLE T AS SELECT id, label FROM app.client' ],
	[ 'CTE', 'CREATE TABLE T AS WITH x AS (SELECT id, label FROM app.client) SELECT * FROM x' ],
	[ 'recursive CTE', 'CREATE TABLE T AS WITH RECURSIVE x AS (SELECT 1 AS n, label FROM app.client UNION ALL SELECT n + 1, label FROM x WHERE n < 3) SELECT * FROM x' ],
	[ 'UNION', "CREATE TABLE T AS SELECT 'x' AS a UNION ALL SELECT label FROM app.client" ],
	[ 'DISTINCT, ORDER BY', 'CREATE TABLE T AS SELECT DISTINCT label FROM app.client ORDER BY label' ],
	[ 'outer join', 'CREATE TABLE T AS SELECT 1 AS one, s.label FROM (VALUES (1)) v (x) LEFT JOIN (SELECT label FROM app.client OFFSET 0) s ON true' ],
	[ 'expressions', "CREATE TABLE T AS SELECT upper(label) AS a, label || '!' AS b, left(label, 20) AS c, CASE WHEN id > 0 THEN label END AS d FROM app.client" ],
	[ 'aggregates', 'CREATE TABLE T AS SELECT max(label) AS a, string_agg(email, label) AS b, array_agg(label) AS c FROM app.client' ],
	[ 'window', 'CREATE TABLE T AS SELECT first_value(label) OVER (ORDER BY id) AS a FROM app.client' ],
	[ 'sub-select', 'CREATE TABLE T AS SELECT (SELECT label FROM app.client) AS a' ],
	[ 'row', 'CREATE TABLE T AS SELECT c FROM app.client c' ],
	[ 'json of a row', 'CREATE TABLE T AS SELECT to_jsonb(c) AS j FROM app.client c' ],
	[ 'text of a row', 'CREATE TABLE T AS SELECT c::text AS j FROM app.client c' ],
	[ 'several categories', "CREATE TABLE T AS SELECT label || '/' || email AS j FROM app.client" ],
	[ 'encrypted as text', 'CREATE TABLE T AS SELECT sealed::text AS j FROM app.client' ],
	[ 'LATERAL VALUES', 'CREATE TABLE T AS SELECT v.x FROM app.client c, LATERAL (VALUES (c.label)) v (x)' ],
	[ 'LATERAL function', 'CREATE TABLE T AS SELECT u FROM app.client c, unnest(ARRAY[c.label]) u' ],
	[ 'view', 'CREATE VIEW T_v AS SELECT id, label FROM app.client; CREATE TABLE T AS SELECT * FROM T_v' ],
	[ 'SQL function', "CREATE FUNCTION T_f() RETURNS SETOF app.client LANGUAGE sql STABLE AS 'SELECT * FROM app.client'; CREATE TABLE T AS SELECT label FROM T_f()" ],
	[ 'RETURNING', "CREATE TABLE T AS WITH x AS (UPDATE app.client SET note = note RETURNING label) SELECT * FROM x" ],
	[ 'a copy of a copy', 'CREATE TABLE T_1 AS SELECT label FROM app.client; CREATE TABLE T AS SELECT label AS l FROM T_1' ],
	[ 'LIKE INCLUDING ALL, attached', 'CREATE TABLE T (LIKE app.client INCLUDING ALL)' ]);
my $n = 0;
foreach my $copy (@copies)
{
	my ($name, $sql) = @$copy;
	$n++;
	my $t = "c$n";
	$sql =~ s/\bT(?=\b|_)/$t/g;
	my ($out, $err) = run_as($node, 'reader', "SET search_path = reader; $sql; GRANT SELECT ON ALL TABLES IN SCHEMA reader TO clerk", stop => 0);
	my $made = as($node, undef, "SELECT to_regclass('reader.$t') IS NOT NULL");
  SKIP:
	{
		skip "$name: refused", 1 if $made eq 'f' && $err =~ /ERROR/;
		shows_nothing("SELECT * FROM reader.$t; SELECT t::text FROM reader.$t t", "a reader's copy: $name");
	}
}

# 2. A child, when its parent or its parent's label goes.
my @family = (
	[ 'the parent drops the column, ONLY', 'CREATE TABLE T_p (id int, label text); L; CREATE TABLE T () INHERITS (T_p)', [ undef, 'owner', 'reader' ], 'ALTER TABLE ONLY app.T_p DROP COLUMN label' ],
	[ 'the parent drops a column that the child has itself', 'CREATE TABLE T_p (id int, label text); L; CREATE TABLE T (label text) INHERITS (T_p)', [ undef, 'owner', 'reader' ], 'ALTER TABLE app.T_p DROP COLUMN label' ],
	[ 'NO INHERIT', 'CREATE TABLE T_p (id int, label text); L; CREATE TABLE T () INHERITS (T_p)', [ undef, 'owner', 'reader' ], 'ALTER TABLE app.T NO INHERIT app.T_p' ],
	[ 'DETACH', 'CREATE TABLE T_p (id int, label text) PARTITION BY LIST (id); L; CREATE TABLE T PARTITION OF T_p FOR VALUES IN (1)', [ undef, 'owner', 'reader' ], 'ALTER TABLE app.T_p DETACH PARTITION app.T' ],
	[ 'DETACH CONCURRENTLY', 'CREATE TABLE T_p (id int, label text) PARTITION BY LIST (id); L; CREATE TABLE T PARTITION OF T_p FOR VALUES IN (1)', [ undef, 'owner', 'reader' ], 'ALTER TABLE app.T_p DETACH PARTITION app.T CONCURRENTLY' ],
	[ 'DETACH of a partitioned partition', 'CREATE TABLE T_p (id int, label text) PARTITION BY LIST (id); L; CREATE TABLE T_m PARTITION OF T_p FOR VALUES IN (1) PARTITION BY LIST (id); CREATE TABLE T PARTITION OF T_m FOR VALUES IN (1)', [ undef, 'owner', 'reader' ], 'ALTER TABLE app.T_p DETACH PARTITION app.T_m' ],
	[ 'the column of the parent is renamed', 'CREATE TABLE T_p (id int, label text); L; CREATE TABLE T () INHERITS (T_p)', [ undef, 'owner' ], 'ALTER TABLE app.T_p RENAME label TO phone' ],
	[ 'the tables are renamed and moved', 'CREATE TABLE T_p (id int, label text); L; CREATE TABLE T () INHERITS (T_p)', [ undef, 'owner' ], 'ALTER TABLE app.T_p RENAME TO T_q' ],
	[ 'another type', 'CREATE TABLE T (id int, label text); SECURITY LABEL FOR cipguard ON COLUMN T.label IS $$mobile$$', [ undef, 'owner' ], 'ALTER TABLE app.T ALTER label TYPE varchar(40)' ],
	[ 'another type by USING', 'CREATE TABLE T (id int, label text, other text); SECURITY LABEL FOR cipguard ON COLUMN T.label IS $$mobile$$', [ 'owner' ], 'ALTER TABLE app.T ALTER other TYPE text USING label' ],
	[ 'a default of another column', 'CREATE TABLE T (id int, label text); SECURITY LABEL FOR cipguard ON COLUMN T.label IS $$mobile$$', [ 'owner' ], 'ALTER TABLE app.T ADD other text GENERATED ALWAYS AS (label) STORED' ],
	[ 'a generated column', 'CREATE TABLE T (id int, label text, other text GENERATED ALWAYS AS (lower(label)) STORED); SECURITY LABEL FOR cipguard ON COLUMN T.label IS $$mobile$$', [ undef, 'owner' ], 'ALTER TABLE app.T ALTER other DROP EXPRESSION' ],
	[ 'exchanged columns', 'CREATE TABLE T (id int, label text, other text); SECURITY LABEL FOR cipguard ON COLUMN T.label IS $$mobile$$', [ undef, 'owner' ], 'ALTER TABLE app.T RENAME label TO x; ALTER TABLE app.T RENAME other TO label' ]);
foreach my $family (@family)
{
	my ($name, $sql, $roles, $change) = @$family;
	foreach my $role (@$roles)
	{
		$n++;
		my $t = "f$n";
		$sql = $family->[1] =~ s/\bL;/SECURITY LABEL FOR cipguard ON COLUMN T_p.label IS 'mobile';/r =~ s/\bT(?=\b|_)/$t/gr;
		$change = $family->[3] =~ s/\bT(?=\b|_)/$t/gr;
		as($node, undef, "GRANT cipguard_officer TO owner; SET ROLE owner; SET search_path = app; $sql; INSERT INTO $t (id, label) VALUES (1, '$label'); GRANT SELECT ON ALL TABLES IN SCHEMA app TO PUBLIC; RESET ROLE; REVOKE cipguard_officer FROM owner"
			  . ($role // '' eq 'reader' ? "; GRANT owner TO reader" : ''));
		run_as($node, $role, ($role // '') eq 'reader' ? "SET ROLE reader; $change" : $change, stop => 0);
		my $who = $role // 'a superuser';
		shows_nothing("SELECT * FROM app.$t; COPY app.$t TO stdout", "$name, by $who");
		shows_nothing("SELECT * FROM app.$t", "$name, by $who: the owner", role => 'owner');
		as($node, undef, 'REVOKE owner FROM reader');
	}
}

# 3. Policies, views and rules of the clerk's own tables.
as($node, 'clerk', <<'SQL');
SET search_path = clerk;
CREATE FUNCTION spy(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE NOTICE 'spy: %', $1; RETURN true; END $$;
CREATE FUNCTION srf() RETURNS SETOF text LANGUAGE sql STABLE AS 'SELECT label FROM app.client';
CREATE FUNCTION plf() RETURNS text LANGUAGE plpgsql STABLE AS 'DECLARE v text; BEGIN SELECT label INTO v FROM app.client; RETURN v; END';
CREATE VIEW v AS SELECT id, label FROM app.client;
CREATE TABLE own (id int, v text);
INSERT INTO own VALUES (1);
ALTER TABLE own ENABLE ROW LEVEL SECURITY;
ALTER TABLE own FORCE ROW LEVEL SECURITY;
SQL
my @policies = (
	[ 'a sub-select', 'SELECT label FROM app.client WHERE app.client.id = 1' ],
	[ 'a sub-select of an encrypted column', 'SELECT sealed::text FROM app.client WHERE app.client.id = 1' ],
	[ 'a view', 'SELECT label FROM clerk.v' ],
	[ 'an SQL function in FROM', 'SELECT * FROM clerk.srf()' ],
	[ 'an SQL function', 'SELECT clerk.srf()' ],
	[ 'a function', 'SELECT clerk.plf()' ],
	[ 'a row', 'SELECT c::text FROM app.client c' ],
	[ 'a CTE', 'WITH x AS MATERIALIZED (SELECT label FROM app.client) SELECT label FROM x' ],
	[ 'nested sub-selects', 'SELECT (SELECT (SELECT c.label) FROM app.client c)' ],
	[ 'statistics', "SELECT string_agg(most_common_vals::text || histogram_bounds::text, ',') FROM pg_stats WHERE tablename = 'client'" ]);
foreach my $policy (@policies)
{
	my ($name, $query) = @$policy;
	shows_nothing("SET search_path = clerk; CREATE POLICY p ON own USING (clerk.spy(($query))); SELECT * FROM own; UPDATE own SET id = id; DELETE FROM own WHERE id = 99; DROP POLICY p ON own", "policy of the clerk's own table, USING: $name");
	shows_nothing("SET search_path = clerk; CREATE POLICY p ON own WITH CHECK (clerk.spy(($query))) ; INSERT INTO own VALUES (2); INSERT INTO own VALUES (2) ON CONFLICT DO NOTHING; DROP POLICY p ON own; CREATE POLICY p ON own FOR INSERT WITH CHECK (clerk.spy(($query))); INSERT INTO own VALUES (3); DROP POLICY p ON own", "policy of the clerk's own table, WITH CHECK: $name");
	shows_nothing("SET search_path = clerk; CREATE POLICY p ON own USING (EXISTS (SELECT FROM ($query) q (x) WHERE clerk.spy(q.x))); SELECT * FROM own; DROP POLICY p ON own", "policy of the clerk's own table, EXISTS: $name");
}
foreach my $guess ([ $label, 'right' ], [ '13977778889', 'wrong' ])
{
	my ($out) = run_as($node, 'clerk', "CREATE POLICY p ON clerk.own USING (EXISTS (SELECT FROM app.client WHERE label = '$guess->[0]')); SELECT count(*) FROM clerk.own; DROP POLICY p ON clerk.own");
	is($out, '0', "a policy as an oracle: the $guess->[1] guess");
}
shows_nothing("CREATE POLICY p ON clerk.own USING (true); CREATE VIEW clerk.w WITH (security_barrier) AS SELECT * FROM app.client WHERE clerk.spy(label); SELECT * FROM clerk.w; UPDATE clerk.w SET note = note; CREATE VIEW clerk.w2 AS SELECT * FROM app.client WHERE clerk.spy(email) WITH CHECK OPTION; UPDATE clerk.w2 SET note = note; INSERT INTO clerk.w2 (id) VALUES (77); DELETE FROM clerk.w2 WHERE id = 77", 'views');
shows_nothing("CREATE RULE r AS ON INSERT TO clerk.own DO ALSO SELECT clerk.spy(label), label, sealed FROM app.client; INSERT INTO clerk.own VALUES (9); DROP RULE r ON clerk.own; CREATE RULE r AS ON UPDATE TO clerk.own DO INSTEAD UPDATE app.client SET note = label RETURNING label, email; UPDATE clerk.own SET id = 1 RETURNING *; DROP RULE r ON clerk.own", 'rules');
# The owner's policy on the protected table itself sees real values, and shows none.
as($node, undef, <<"SQL");
SET ROLE owner;
CREATE TABLE app.ruled (id int, label text);
RESET ROLE;
INSERT INTO app.ruled VALUES (1, '$label'), (2, 'other');
SECURITY LABEL FOR cipguard ON COLUMN app.ruled.label IS 'mobile';
ALTER TABLE app.ruled ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON app.ruled USING (label = '$label');
GRANT SELECT, UPDATE ON app.ruled TO clerk;
SQL
is(as($node, 'clerk', 'SELECT * FROM app.ruled'), '1|139****8888', 'a policy on a protected column chooses by real values');
shows_nothing('SELECT * FROM app.ruled WHERE clerk.spy(label); EXPLAIN (VERBOSE, ANALYZE) SELECT label FROM app.ruled WHERE clerk.spy(label)' =~ s/EXPLAIN.*//r, 'and a leaky function beside it sees masks');

# 4. Functions that maintenance runs, for the owner of an index.
as($node, 'clerk', <<'SQL');
SET search_path = clerk;
CREATE TABLE loot (v text, who text);
CREATE FUNCTION keep() RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN
	INSERT INTO clerk.loot SELECT label || '/' || email || '/' || sealed::text, current_user FROM app.client WHERE id = 1; RETURN 1; END $$;
CREATE FUNCTION steal(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM clerk.keep(); RETURN $1; END $$;
CREATE TABLE trap (id int) WITH (autovacuum_enabled = off);
INSERT INTO trap SELECT generate_series(1, 2000);
CREATE INDEX trap_i ON trap (steal(id)) WHERE id < 5;
CREATE STATISTICS trap_s ON (steal(id)) FROM trap;
TRUNCATE loot;
SQL
foreach my $sql ('ANALYZE clerk.trap', 'REINDEX TABLE clerk.trap', 'VACUUM FULL clerk.trap', 'VACUUM ANALYZE clerk.trap', 'REINDEX INDEX CONCURRENTLY clerk.trap_i', 'CREATE INDEX ON clerk.trap (id) WHERE clerk.steal(id) > 0')
{
	run_as($node, undef, $sql);
	shows_nothing('SELECT * FROM clerk.loot; TRUNCATE clerk.loot', "by a superuser: $sql");
}
as($node, undef, 'ALTER SYSTEM SET autovacuum = on');
$node->reload;
as($node, 'clerk', 'ALTER TABLE clerk.trap SET (autovacuum_enabled = on, autovacuum_analyze_threshold = 1, autovacuum_analyze_scale_factor = 0, autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0); INSERT INTO clerk.trap VALUES (1), (2); DELETE FROM clerk.trap WHERE id > 1000; TRUNCATE clerk.loot');
$node->poll_query_until('postgres', "SELECT autoanalyze_count > 0 FROM pg_stat_user_tables WHERE relname = 'trap'");
like(as($node, 'clerk', 'SELECT count(*) > 0, min(v) FROM clerk.loot'), qr/^t\|139\*{4}8888/, 'autovacuum ran the function');
shows_nothing('SELECT * FROM clerk.loot', 'by autovacuum');

# 5. Foreign keys from the clerk's tables work, and show nothing.
my $err = error_of($node, 'clerk', 'CREATE TABLE clerk.child (id int REFERENCES app.client); INSERT INTO clerk.child VALUES (1)');
is($err, '', 'a foreign key to a protected table');
refused($node, 'clerk', 'INSERT INTO clerk.child VALUES (4711)', '23503', 'and its violation');
shows_nothing('CREATE FUNCTION clerk.fired() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE v text; BEGIN SELECT label INTO v FROM app.client LIMIT 1; RAISE NOTICE \'%\', v; EXECUTE \'SELECT 1 FROM ONLY app.client x WHERE label = $1 FOR KEY SHARE OF x\' USING \'13977778888\' || \'\'; RETURN OLD; END $$; CREATE TABLE clerk.par (id int PRIMARY KEY); CREATE TABLE clerk.chi (id int REFERENCES clerk.par ON DELETE CASCADE); CREATE TRIGGER f BEFORE DELETE ON clerk.chi FOR EACH ROW EXECUTE FUNCTION clerk.fired(); INSERT INTO clerk.par VALUES (1); INSERT INTO clerk.chi VALUES (1); DELETE FROM clerk.par'
	=~ s/13977778888' \|\| ''/x' || ''/r, 'a trigger below a foreign key');

# 6. A mask that was read before the value changed is not stored over it.
as($node, undef, 'CREATE TABLE app.form (id int PRIMARY KEY, label text, email text); INSERT INTO app.form VALUES (1, $$13911112222$$, $$a@b.example$$)');
as($node, undef, "SECURITY LABEL FOR cipguard ON COLUMN app.form.label IS 'mobile'; SECURITY LABEL FOR cipguard ON COLUMN app.form.email IS 'email'; GRANT SELECT, INSERT, UPDATE ON app.form TO clerk, reader");
my ($l, $e) = split(/\|/, as($node, 'clerk', 'SELECT label, email FROM app.form'));
as($node, 'clerk', "UPDATE app.form SET label = '$l', email = '$e'");
is(as($node, 'reader', 'SELECT label, email FROM app.form'), '13911112222|a@b.example', 'a mask written back leaves the value');
as($node, 'reader', "UPDATE app.form SET label = '13755556666', email = 'new\@c.example'");
run_as($node, 'clerk', "UPDATE app.form SET label = '$l'");
run_as($node, 'clerk', "UPDATE app.form SET email = '$e'");
is(as($node, 'reader', 'SELECT label, email FROM app.form'), '13755556666|new@c.example', 'also if the value has changed since it was read');

unlike(log_since($node), qr/PANIC|TRAP|terminated by signal/, 'no crash');
$node->stop;
done_testing();
