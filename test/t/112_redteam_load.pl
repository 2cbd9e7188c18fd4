# 112_redteam_load.pl
#	Other libraries in the same hooks, loaded before and after: the masks are
#	the same, and neither plans in the log nor statement texts hold values that
#	nobody typed.

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
my $libdir = `@{[ $ENV{PG_CONFIG} // 'pg_config' ]} --pkglibdir`;
chomp $libdir;

my $node = new_cluster('load', conf => <<'CONF');
auto_explain.log_min_duration = 0
auto_explain.log_analyze = on
auto_explain.log_verbose = on
auto_explain.log_nested_statements = on
auto_explain.log_triggers = on
auto_explain.log_buffers = on
auto_explain.log_settings = on
pg_stat_statements.track = all
pg_stat_statements.track_utility = on
CONF
as($node, undef, 'CREATE EXTENSION cipguard CASCADE');
as($node, undef, roles_sql() . <<"SQL");
CREATE TABLE app.client (id int PRIMARY KEY, label text, email text, sealed cipguard.enc_text('mobile'), note text);
SECURITY LABEL FOR cipguard ON COLUMN app.client.label IS 'mobile';
SECURITY LABEL FOR cipguard ON COLUMN app.client.email IS 'email';
ALTER TABLE app.client OWNER TO owner;
INSERT INTO app.client VALUES (1, '$label', '$email', '$sealed', 'n');
INSERT INTO app.client SELECT g, '136' || to_char(g, 'FM00000000'), 'u' || g || '\@x.example', '137' || to_char(g, 'FM00000000'), 'n' FROM generate_series(2, 500) g;
CREATE INDEX ON app.client (label);
CREATE INDEX ON app.client (sealed);
ANALYZE app.client;
CREATE TABLE app.history (id int, label text);
CREATE FUNCTION app.srf() RETURNS SETOF app.client LANGUAGE sql STABLE AS 'SELECT * FROM app.client WHERE id = 1';
CREATE FUNCTION app.one() RETURNS text LANGUAGE plpgsql AS 'DECLARE v text; BEGIN SELECT label INTO v FROM app.client WHERE id = 1; RETURN v; END';
CREATE FUNCTION app.find() RETURNS bigint LANGUAGE plpgsql AS 'DECLARE w cipguard.enc_text; n bigint; BEGIN SELECT sealed INTO w FROM app.client WHERE id = 1; SELECT count(*) INTO n FROM app.client WHERE sealed = w; RETURN n; END';
CREATE FUNCTION app.find_text() RETURNS bigint LANGUAGE plpgsql AS 'DECLARE w text; n bigint; BEGIN SELECT sealed::text INTO w FROM app.client WHERE id = 1; SELECT count(*) INTO n FROM app.client WHERE sealed = w; RETURN n; END';
CREATE VIEW app.v WITH (security_barrier) AS SELECT * FROM app.client WHERE id < 3;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.client, app.v, app.history TO PUBLIC;
SELECT cipguard.create_masking_view('app.client');
GRANT SELECT ON app.client_masked TO PUBLIC;
SQL

my @queries = (
	'SELECT label, email, sealed FROM app.client WHERE id = 1',
	'SELECT c FROM app.client c WHERE id = 1',
	'SELECT to_jsonb(c) FROM app.v c WHERE id = 1',
	'SELECT label, email FROM app.srf()',
	'SELECT app.srf(), app.one()',
	'SELECT app.find()',
	'SELECT count(*) FROM app.client WHERE label = (SELECT label FROM app.client WHERE id = 1)',
	'SELECT count(*) FROM app.client a JOIN app.client b USING (label) WHERE a.id = 1',
	'SELECT count(*) FROM app.client a JOIN app.client b USING (sealed) WHERE a.id = 1',
	'SELECT label, count(*) FROM app.client GROUP BY label ORDER BY label DESC LIMIT 1',
	'SELECT label, sealed FROM app.client_masked WHERE id = 1',
	'WITH x AS MATERIALIZED (SELECT label FROM app.client WHERE id = 1) SELECT * FROM x',
	'UPDATE app.client SET note = note WHERE id = 1 RETURNING label, sealed',
	'BEGIN; DECLARE c CURSOR FOR SELECT label, sealed FROM app.client ORDER BY id; FETCH 1 c; COMMIT',
	'PREPARE p AS SELECT label FROM app.client WHERE id = $1; EXECUTE p (1); EXECUTE p (1)',
	'COPY (SELECT label, sealed FROM app.client WHERE id = 1) TO stdout',
	'BEGIN; CREATE TEMP TABLE copy AS SELECT id, label FROM app.client; SELECT label FROM copy WHERE id = 1; ROLLBACK',
	"SET row_security = off; SELECT label FROM app.client WHERE id = 1",
	"SELECT histogram_bounds IS NULL FROM pg_stats WHERE tablename = 'client' AND attname = 'label'",
	'EXPLAIN (COSTS off, VERBOSE) SELECT label, sealed FROM app.client WHERE id = 1',
	'SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SELECT max(label), count(sealed::text) FROM app.client WHERE id < 3');
# Of what the log gets, all must be free of values; what a reader compares
# labelled columns with stands in the plans of a function as any other text.
my %want;

sub compare
{
	my ($name, $logs) = @_;
	my $offset = -s $node->logfile;
	foreach my $role ('clerk', 'searcher', 'reader', 'owner', undef)
	{
		my $who = $role // 'superuser';
		my $bad = 0;
		# One session; what a query has set is undone before the next.
		my $n = 0;
		my $script = join("\n", map { $n++; "\\echo QUERY $n\n\\warn QUERY $n\n$_;\nDISCARD ALL;" } @queries);
		my ($out, $err) = run_as($node, $role, $script, stop => 0, params => [ '-v', 'VERBOSITY=terse' ]);
		my @out = split(/QUERY \d+\n?/, $out);
		my @err = split(/QUERY \d+\n?/, $err);
		foreach my $i (1 .. @queries)
		{
			my $query = $queries[ $i - 1 ];
			my $got = ($out[$i] // '') . ($err[$i] // '');
			$got =~ s/LOCATION:.*\n|psql:<stdin>:\d+: | *Query Identifier:.*\n//g;
			$want{"$who: $query"} //= $got;
			next if $got eq $want{"$who: $query"} && ($who eq 'reader' || $query =~ /row_security/ || $got !~ /$canaries/);
			$bad++;
			diag(substr("$who: $query\n$got\ninstead of\n" . $want{"$who: $query"}, 0, 600));
		}
		is($bad, 0, "$name: the same masks as $who");
	}
	my $log = log_since($node, $offset);
	like($log, qr/Query Text: SELECT/, "$name: plans are logged") if $logs;
	my @lines = grep { /$canaries/ } split(/\n/, $log);
	ok(!@lines, "$name: and hold no value that nobody typed") or diag(join("\n", map { substr($_, 0, 200) } @lines[ 0 .. ($#lines > 5 ? 5 : $#lines) ]));
	return;
}

compare('cipguard alone', 0);
isnt($want{'clerk: SELECT label, email, sealed FROM app.client WHERE id = 1'}, '', 'there are results');
like($want{'clerk: SELECT label, email, sealed FROM app.client WHERE id = 1'}, qr/^139\*\*\*\*8888\|/, 'and masks');

my @others = ('pg_stat_statements', 'auto_explain');
my @orders = (
	[ 'pg_stat_statements', 'auto_explain', 'cipguard' ],
	[ 'cipguard', 'auto_explain', 'pg_stat_statements' ],
	[ 'auto_explain', 'cipguard', 'pg_stat_statements' ],
	[ 'pg_stat_statements', 'cipguard', 'auto_explain' ]);
foreach my $more ('pgaudit', 'plpgsql_check')
{
	if (-e "$libdir/$more.so")
	{
		push @orders, [ $more, 'cipguard', 'auto_explain', 'pg_stat_statements' ], [ 'pg_stat_statements', 'auto_explain', 'cipguard', $more ];
	}
	else
	{
	  SKIP: { skip "$more.so is not installed: its combinations are not tried", 1; }
	}
}
foreach my $order (@orders)
{
	my $libs = join(', ', @$order);
  SKIP:
	{
		my ($missing) = grep { $_ ne 'cipguard' && !-e "$libdir/$_.so" } @$order;
		skip "$missing.so is not installed", 1 if defined $missing;
		$node->append_conf('postgresql.conf', "shared_preload_libraries = '$libs'\n" . ($libs =~ /pgaudit/ ? "pgaudit.log = 'all'\npgaudit.log_relation = on\n" : ''));
		$node->restart;
		foreach my $extension (grep { $_ ne 'cipguard' && $_ ne 'auto_explain' } @$order)
		{
			run_as($node, undef, "CREATE EXTENSION IF NOT EXISTS $extension");
		}
		as($node, undef, 'SELECT pg_stat_statements_reset()');
		compare($libs, 1);
		is(as($node, undef, "SELECT count(*) > 20 FROM pg_stat_statements"), 't', "$libs: statements are counted");
		is(as($node, undef, "SELECT query FROM pg_stat_statements WHERE query ~ '139[17]{4}|canary'") =~ s/.*(pg_stat_statements|cipguard\.|add_category).*//gr =~ s/\s//gr, '', "$libs: their texts hold no value");
		is(as($node, undef, "LOAD 'plpgsql'; SELECT label FROM app.client WHERE id = 1"), '139****8888', "$libs: LOAD of another library");
	}
}
# Loaded by one session over the hooks of the server.
run_as($node, undef, 'DROP EXTENSION IF EXISTS pgaudit');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'cipguard'\n");
$node->restart;
as($node, undef, "ALTER ROLE ALL SET session_preload_libraries = 'auto_explain'");
compare('auto_explain in session_preload_libraries', 0);
{
	my $offset = -s $node->logfile;
	as($node, 'reader', 'SELECT app.find_text()');
	unlike(log_since($node, $offset), qr/$canaries/, 'text that a function of a reader took out and compares with is not in its plan');
}
as($node, undef, 'ALTER ROLE ALL RESET session_preload_libraries');
unlike(log_since($node), qr/PANIC|TRAP|terminated by signal/, 'no crash');
$node->stop;
done_testing();
