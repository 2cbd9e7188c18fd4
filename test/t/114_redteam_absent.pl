# 114_redteam_absent.pl
#	A server that preloads cipguard, and databases without the extension: all
#	works as ever.  The extension comes, goes and comes again while sessions
#	hold plans.  And a server that does not preload it: nothing is half done.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use CipguardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $label = '13977778888';
my $node = new_cluster('absent');

# 1. A database without the extension.
$node->safe_psql('postgres', 'CREATE DATABASE bare; CREATE ROLE clerk LOGIN; CREATE ROLE owner LOGIN');
as($node, undef, 'GRANT CREATE ON SCHEMA public TO PUBLIC', db => 'bare');
as($node, 'owner', <<'SQL', db => 'bare');
CREATE TABLE t (id int PRIMARY KEY, v text, n numeric, CHECK (id > 0));
INSERT INTO t SELECT g, 'v' || g % 5, g FROM generate_series(1, 1000) g;
ANALYZE t;
GRANT SELECT, INSERT ON t TO clerk;
SQL
my @works = (
	[ "SELECT most_common_vals FROM pg_stats WHERE tablename = 't' AND attname = 'v'", '{v0,v1,v2,v3,v4}' ],
	[ "CREATE STATISTICS s ON (v || 'x'), (id % 7) FROM t; ANALYZE t; SELECT count(*) FROM pg_stats_ext_exprs", '2' ],
	[ 'SELECT count(stxdexpr) FROM pg_statistic_ext_data', 'ERROR' ],
	[ 'CREATE TABLE c AS SELECT * FROM t; SELECT count(*) FROM c', '1000' ],
	[ 'SELECT * INTO d FROM t; SELECT count(*) FROM d', '1000' ],
	[ 'CREATE MATERIALIZED VIEW mv AS SELECT * FROM t; CREATE UNIQUE INDEX ON mv (id); REFRESH MATERIALIZED VIEW CONCURRENTLY mv; SELECT count(*) FROM mv', '1000' ],
	[ 'COPY (SELECT v FROM t WHERE id = 1) TO stdout', 'v1' ],
	[ 'COPY t TO stdout', qr/^1\tv1\t1$/m ],
	[ "COPY t FROM stdin;\n2001\tx\t1\n\\.\nSELECT v FROM t WHERE id = 2001", 'x' ],
	[ 'CREATE FUNCTION f() RETURNS SETOF t LANGUAGE sql STABLE AS $$ SELECT * FROM t $$; SELECT v FROM f() WHERE id = 1', 'v1' ],
	[ 'CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.v := NEW.v || $a$!$a$; RETURN NEW; END $$; CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION g(); INSERT INTO t VALUES (2002, $$y$$) RETURNING v', 'y!' ],
	[ 'INSERT INTO t VALUES (1, $$z$$) ON CONFLICT (id) DO UPDATE SET v = excluded.v || t.v RETURNING v', 'z!v1' ],
	[ 'UPDATE t SET v = v WHERE id = 1 RETURNING v', 'z!v1' ],
	[ 'DELETE FROM t USING c WHERE t.id = c.id AND c.id = 2 RETURNING t.v', 'v2' ],
	[ 'ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (id < 10); SELECT count(*) FROM t', '8' ],
	[ 'CREATE VIEW w WITH (security_barrier) AS SELECT * FROM t; UPDATE w SET v = $$b$$ WHERE id = 3 RETURNING v', 'b' ],
	[ 'ALTER TABLE t DISABLE ROW LEVEL SECURITY; CREATE INDEX ON t (lower(v)) WHERE id > 5; CREATE RULE r AS ON DELETE TO d DO INSTEAD NOTHING; DELETE FROM d; SELECT count(*) FROM d', '1000' ],
	[ 'ALTER TABLE c ALTER n TYPE text USING n::text, ADD k int GENERATED ALWAYS AS (id * 2) STORED; SELECT k FROM c WHERE id = 5', '10' ],
	[ 'CREATE TABLE fk (id int REFERENCES t ON DELETE CASCADE); INSERT INTO fk VALUES (5); DELETE FROM t WHERE id = 5; SELECT count(*) FROM fk', '0' ],
	[ 'CREATE TABLE p (id int, v text) PARTITION BY LIST (id); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); CREATE TABLE p2 (id int, v text); ALTER TABLE p ATTACH PARTITION p2 FOR VALUES IN (2); INSERT INTO p VALUES (1, $$a$$), (2, $$b$$); ALTER TABLE p DETACH PARTITION p1; SELECT count(*) FROM p', '1' ],
	[ 'SET row_security = off; SELECT count(*) FROM c', '1000' ],
	[ "DO \$\$ BEGIN INSERT INTO c SELECT * FROM c LIMIT 1; ALTER TABLE c ADD PRIMARY KEY (id); EXCEPTION WHEN unique_violation THEN RAISE EXCEPTION '%', 'dup' USING ERRCODE = '23505'; END \$\$", 'ERROR' ],
	[ 'EXPLAIN (COSTS off) SELECT * FROM t WHERE id = 7', qr/Index Scan/ ],
	[ 'VACUUM FULL t', '' ], [ 'CLUSTER t USING t_pkey', '' ], [ 'REINDEX TABLE t', '' ], [ 'ANALYZE', '' ],
	[ "SECURITY LABEL FOR cipguard ON COLUMN t.v IS NULL", '' ],
	[ "SECURITY LABEL FOR cipguard ON COLUMN t.v IS 'mobile'", 'ERROR' ],
	[ "SET cipguard.purpose = 'x'; SHOW cipguard.purpose", 'x' ],
	[ 'SELECT v FROM t WHERE id = 3', 'b' ]);
foreach my $work (@works)
{
	my ($sql, $want) = @$work;
	my ($out, $err) = run_as($node, 'owner', $sql, db => 'bare');
	my $got = $err =~ /ERROR/ ? 'ERROR' : $out;
	my $name = 'without the extension: ' . substr($sql =~ s/\s+/ /gr, 0, 90);
	if (ref $want) { like($got, $want, $name); }
	else { is($got, $want, $name) or diag(substr($err, 0, 200)); }
}
like(error_of($node, 'owner', 'INSERT INTO t VALUES (3, $$x$$)', db => 'bare'), qr/DETAIL:  Key \(id\)=\(3\) already exists/, 'messages keep their detail');
like(error_of($node, 'owner', 'INSERT INTO t VALUES (-3, $$x$$)', db => 'bare'), qr/DETAIL:  Failing row contains \(-3, x/, 'of a check, too');
# A schema and types of our names that are not ours.
is(as($node, undef, "CREATE SCHEMA cipguard; CREATE TYPE cipguard.enc_text AS (a int); CREATE TABLE cipguard.access_grant (id int); CREATE TABLE cipguard.category (name text); CREATE TABLE fake (a cipguard.enc_text, b text); INSERT INTO fake VALUES (ROW(1), 'x'); SELECT * FROM fake; CREATE TABLE fake2 AS TABLE fake; SELECT * FROM fake2; COPY fake TO stdout; SELECT count(*) FROM cipguard.access_grant", db => 'bare'),
	"(1)|x\n(1)|x\n(1)\tx\n0", 'a schema that only has our name');
as($node, undef, 'DROP SCHEMA cipguard CASCADE; DROP TABLE fake, fake2', db => 'bare');

# 2. The extension comes and goes, while sessions hold plans.
sub session
{
	my ($role) = @_;
	return $node->background_psql('bare', on_error_stop => 0, extra_params => [ '-U', $role ]);
}

sub ask
{
	my ($s, $sql) = @_;
	my $out = $s->query("$sql\n\\if :ERROR\n\\echo :SQLSTATE\n\\endif\n");
	$out =~ s/\s+\z//;
	return join(' ', split(/\n/, $out));
}
as($node, undef, "CREATE TABLE h (id int PRIMARY KEY, label text); INSERT INTO h VALUES (1, '$label'); GRANT SELECT ON h TO clerk", db => 'bare');
my $super = as($node, undef, 'SELECT current_user');
my $open = open_window();
my $s = session('clerk');
my $own = session($super);
foreach my $q ($s, $own)
{
	is(ask($q, 'SET plan_cache_mode = force_generic_plan; SET client_min_messages = error; PREPARE p AS SELECT label FROM h; EXECUTE p;'), $label, 'before the extension');
}
# A look at a category before there are any.
ask($own, "SECURITY LABEL FOR cipguard ON COLUMN h.label IS 'mobile';");
foreach my $round (1, 2)
{
	is(ask($own, 'CREATE EXTENSION cipguard CASCADE;'), '', "round $round: created") if $round == 1;
	is(ask($own, 'CREATE EXTENSION cipguard;'), '', "round $round: created") if $round == 2;
	is(ask($own, "SECURITY LABEL FOR cipguard ON COLUMN h.label IS 'mobile';"), '', "round $round: labelled");
	foreach my $q ($own, $s)
	{
		is(ask($q, 'EXECUTE p; SELECT label FROM h; COPY h TO stdout;'), "139****8888 139****8888 1\t139****8888", "round $round: masks in a session of before");
	}
	is(ask($own, "CREATE TABLE e$round (s cipguard.enc_text('mobile')); INSERT INTO e$round VALUES ('$label'); PREPARE e$round AS SELECT s FROM e$round; EXECUTE e$round;"), '139****8888', "round $round: an encrypted column");
	ask($own, "INSERT INTO cipguard.access_grant (grantee, category, level) VALUES ('clerk', 'mobile', 'read');");
	is(ask($s, 'EXECUTE p; SELECT label FROM h;'), "$label $label", "round $round: a grant");
	ask($own, "UPDATE cipguard.access_grant SET revoked_at = now();");
	is(ask($s, 'EXECUTE p; SELECT label FROM h;'), '139****8888 139****8888', "round $round: revoked");
	is(ask($own, "$open BEGIN; DROP EXTENSION cipguard CASCADE; ROLLBACK; EXECUTE p; SELECT label FROM h;"), '139****8888 139****8888', "round $round: a drop rolled back");
	is(ask($own, "BEGIN; SAVEPOINT a; DROP EXTENSION cipguard CASCADE; ROLLBACK TO a; EXECUTE p; SELECT s FROM e$round; COMMIT;"), '139****8888 139****8888', "round $round: to a savepoint");
	is(ask($s, 'EXECUTE p; SELECT label FROM h;'), '139****8888 139****8888', "round $round: the other session meanwhile");
	ask($own, "$open DROP EXTENSION cipguard CASCADE;");
	is(ask($s, 'EXECUTE p; SELECT label FROM h; COPY h TO stdout;'), "$label $label 1\t$label", "round $round: dropped, another session works on");
	is(ask($own, 'EXECUTE p; SELECT label FROM h; COPY h TO stdout;'), "$label $label 1\t$label", "round $round: the same session, too");
	isnt(ask($own, "EXECUTE e$round;"), $label, "round $round: its columns are gone");
	is(ask($own, "CREATE TABLE x$round AS SELECT * FROM h; ANALYZE h; INSERT INTO x$round SELECT * FROM h; SELECT count(*) FROM x$round;"), '2', "round $round: other statements work");
}
is(ask($own, "CREATE EXTENSION cipguard; BEGIN; SECURITY LABEL FOR cipguard ON COLUMN h.label IS 'mobile'; EXECUTE p; ROLLBACK; EXECUTE p;"), "139****8888 $label", 'a label rolled back');
is(ask($own, "SECURITY LABEL FOR cipguard ON COLUMN h.label IS 'mobile'; $open BEGIN; DROP EXTENSION cipguard CASCADE; CREATE EXTENSION cipguard; COMMIT; SELECT count(*) FROM pg_seclabel; EXECUTE p;"), "0 $label", 'dropped and created in one transaction: labels are gone, and so are masks');
is(ask($s, 'EXECUTE p;'), $label, 'in the other session, too');
# Tables that were not there when a session looked; the OID is new to it.
ask($own, "CREATE TABLE e (s cipguard.enc_text('mobile')); INSERT INTO e VALUES ('$label'); GRANT SELECT ON e TO clerk; INSERT INTO cipguard.access_grant (grantee, category, level) VALUES ('clerk', 'mobile', 'read');");
is(ask($s, 'SELECT s FROM e;'), $label, 'a grant and a key');
ask($own, "$open ALTER TABLE cipguard.access_grant RENAME TO away;");
is(ask($s, 'SELECT s FROM e;'), '139****8888', 'no grants for a while');
ask($own, "$open ALTER TABLE cipguard.away RENAME TO access_grant;");
is(ask($s, 'SELECT s FROM e;'), $label, 'grants that came later');
ask($own, "$open ALTER TABLE cipguard.data_key RENAME TO away;");
is(ask($s, 'SELECT s FROM e;'), 'ZC005', 'no keys for a while');
ask($own, "$open ALTER TABLE cipguard.away RENAME TO data_key;");
is(ask($s, 'SELECT s FROM e;'), $label, 'keys that came later');
$s->quit;
$own->quit;
unlike(log_since($node), qr/PANIC|TRAP|terminated by signal/, 'no crash');
$node->stop;

# 3. A server that does not preload it.
$node = new_cluster('unloaded', preload => 0);
as($node, undef, 'CREATE EXTENSION cipguard CASCADE');
as($node, undef, roles_sql());
as($node, undef, "CREATE TABLE app.client (id int PRIMARY KEY, label text, sealed cipguard.enc_text('mobile'), note text); INSERT INTO app.client VALUES (1, '$label', '13911112222', 'n'); GRANT SELECT, UPDATE ON app.client TO PUBLIC");
my ($out, $err) = run_as($node, undef, "LOAD 'cipguard'; SECURITY LABEL FOR cipguard ON COLUMN app.client.label IS 'mobile'");
like($err, qr/preload/, 'a label says that it does not mask');
foreach my $how ('', "LOAD 'cipguard'; ", 'session')
{
	as($node, undef, "ALTER ROLE clerk SET session_preload_libraries = 'cipguard'; ALTER ROLE reader SET session_preload_libraries = 'cipguard'") if $how eq 'session';
	my $load = $how eq 'session' ? '' : $how;
	my $name = $how eq '' ? 'by itself' : $how eq 'session' ? 'session_preload_libraries' : 'LOAD';
	my $role = $how =~ /LOAD/ ? undef : 'clerk';
	foreach my $query ('SELECT label FROM app.client', 'COPY app.client (label) TO stdout', 'SELECT label FROM (SELECT * FROM app.client OFFSET 0) s', "SELECT label FROM app.client WHERE label = '$label'", 'UPDATE app.client SET note = note RETURNING label')
	{
		is((run_as($node, $role, "$load$query"))[0], $label, "not preloaded ($name): transparent masking is off for all statements alike: $query");
	}
	isnt((run_as($node, $role, "${load}SELECT sealed FROM app.client"))[0], '13911112222', "not preloaded ($name): encrypted columns stay closed");
	like((run_as($node, $role, "${load}SELECT sealed FROM app.client"))[0], qr/^cip1:/, "not preloaded ($name): as armor");
	is((run_as($node, 'reader', 'SELECT label, sealed FROM app.client'))[0], "$label|13911112222", "not preloaded ($name): a reader reads");
	is((run_as($node, $role, "${load}SET row_security = off; SELECT label FROM app.client"))[0], $label, "not preloaded ($name): row_security off is no error");
}
foreach my $role ('clerk', undef)
{
	is((run_as($node, $role, "SET cipguard.mask_owner = off; SET cipguard.mask_superuser = off; SELECT cipguard.can_access('mobile'); SHOW cipguard.mask_owner; SHOW cipguard.mask_superuser", stop => 0))[0], "f\non\non",
		'what a session set before the library was there does not count');
}
unlike(log_since($node), qr/PANIC|TRAP|terminated by signal/, 'no crash');
$node->stop;
done_testing();
