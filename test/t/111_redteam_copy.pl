# 111_redteam_copy.pl
#	Attempts to get values out by what copies tables: COPY, pg_dump,
#	replication, parallel workers, the server log.  And what must come out
#	whole does: a dump by whoever bypasses row security loses nothing.

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
my $masked = "139****8888\tc***\@canary.example\t139****2222";
my $dir = PostgreSQL::Test::Utils::tempdir();
my $node = new_cluster('copy', allows_streaming => 'logical', conf => "hot_standby_feedback = on\nmax_wal_senders = 20\nmax_replication_slots = 20\n");
my $super = as($node, undef, 'SELECT current_user');

my $tables = <<"SQL";
SET ROLE owner;
SET search_path = app;
CREATE TABLE client (id int PRIMARY KEY, label text, email varchar(60), sealed cipguard.enc_text('mobile'), note text DEFAULT 'n', born date, pay numeric(10, 2), tags text[], doc jsonb, low text GENERATED ALWAYS AS (lower(label)) STORED);
CREATE TABLE parted (id int, label text) PARTITION BY LIST (id);
CREATE TABLE parted1 PARTITION OF parted FOR VALUES IN (1);
CREATE TABLE parent (id int, label text);
CREATE TABLE child () INHERITS (parent);
CREATE TABLE plain (id int PRIMARY KEY, v text);
RESET ROLE;
SECURITY LABEL FOR cipguard ON COLUMN app.client.label IS 'mobile';
SECURITY LABEL FOR cipguard ON COLUMN app.client.email IS 'email';
SECURITY LABEL FOR cipguard ON COLUMN app.client.born IS 'birth_date';
SECURITY LABEL FOR cipguard ON COLUMN app.client.pay IS 'bank_card';
SECURITY LABEL FOR cipguard ON COLUMN app.client.tags IS 'mobile';
SECURITY LABEL FOR cipguard ON COLUMN app.client.doc IS 'mobile';
SECURITY LABEL FOR cipguard ON COLUMN app.client.id IS 'subject';
SECURITY LABEL FOR cipguard ON COLUMN app.parted.label IS 'mobile';
SECURITY LABEL FOR cipguard ON COLUMN app.parent.label IS 'mobile';
INSERT INTO app.client VALUES (1, '$label', '$email', '$sealed', 'n1', '1987-06-05', 123.45, ARRAY['$label', NULL], '{"a": "$label"}');
INSERT INTO app.client (id, label, email, sealed) SELECT g, '136' || to_char(g, 'FM00000000'), 'u' || g || '\@x.example', '137' || to_char(g, 'FM00000000') FROM generate_series(2, 3000) g;
INSERT INTO app.parted VALUES (1, '$label');
INSERT INTO app.child VALUES (1, '$label');
INSERT INTO app.plain VALUES (1, 'v');
ANALYZE;
GRANT SELECT ON ALL TABLES IN SCHEMA app TO PUBLIC;
GRANT INSERT, UPDATE, DELETE ON app.client, app.plain TO clerk, reader;
SQL
as($node, undef, 'CREATE EXTENSION cipguard CASCADE');
as($node, undef, roles_sql() . $tables);

sub hidden
{
	my ($got, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok($got ne '' && $got !~ /$canaries|1987-06-05|123\.45/, $name) || diag(substr($got, 0, 300));
}

sub first_difference
{
	my @a = split(/\n/, $_[0]);
	my @b = split(/\n/, $_[1]);
	foreach my $i (0 .. $#b)
	{
		return substr(($a[$i] // 'nothing') . "\ninstead of\n$b[$i]", 0, 500) if ($a[$i] // '') ne $b[$i];
	}
	return 'more lines';
}

# 1. COPY TO.
my @copies = (
	[ 'text', 'COPY app.client TO stdout' ],
	[ 'columns', 'COPY app.client (sealed, label) TO stdout' ],
	[ 'csv', 'COPY app.client (id, label, email, sealed) TO stdout (FORMAT csv, HEADER, FORCE_QUOTE *)' ],
	[ 'binary', 'COPY app.client (id, label, email, sealed) TO stdout (FORMAT binary)' ],
	[ 'partition', 'COPY app.parted1 TO stdout' ],
	[ 'child', 'COPY app.child TO stdout' ],
	[ 'query', 'COPY (SELECT * FROM app.client) TO stdout' ],
	[ 'query over a partitioned table', 'COPY (SELECT * FROM app.parted) TO stdout' ],
	[ 'row', 'COPY (SELECT c FROM app.client c) TO stdout' ],
	[ 'RETURNING', 'COPY (UPDATE app.client SET note = note WHERE id = 1 RETURNING *) TO stdout' ],
	[ 'statistics', "COPY (SELECT s::text FROM pg_stats s WHERE schemaname = 'app') TO stdout" ],
	[ 'CTE', 'COPY (WITH x AS MATERIALIZED (TABLE app.client) TABLE x) TO stdout' ],
	[ 'generated column', 'COPY (SELECT id, low FROM app.client) TO stdout' ]);
foreach my $copy (@copies)
{
	foreach my $role ('clerk', 'searcher', 'owner', undef)
	{
		next if $copy->[0] eq 'RETURNING' && ($role // '') eq 'searcher';
		my ($out, $err) = run_as($node, $role, $copy->[1]);
		hidden("$out$err", 'COPY TO as ' . ($role // 'superuser') . ": $copy->[0]");
	}
}
like(as($node, 'clerk', 'COPY app.client (label, email, sealed) TO stdout'), qr/^\Q$masked\E$/m, 'COPY shows masks');
like(as($node, 'reader', 'COPY app.client (label, email, sealed) TO stdout'), qr/^$label\t\Q$email\E\t$sealed$/m, 'and real values to a reader');
# Since PostgreSQL 19 a partitioned table can be copied.
if (substr($node->pg_version, 0, 2) < 19)
{
	refused($node, 'clerk', 'COPY app.parted TO stdout', '42809', 'COPY of a partitioned table keeps its error');
}
else
{
	hidden(as($node, 'clerk', 'COPY app.parted TO stdout'), 'COPY of a partitioned table shows masks');
}
refused($node, 'clerk', 'COPY app.client (id, low) TO stdout', '42P10', 'of a generated column, too');
refused($node, 'clerk', 'COPY app.client (nosuch) TO stdout', '42703', 'of a missing one, too');
refused($node, 'clerk', "COPY app.client TO PROGRAM 'cat > /dev/null'", '42501', 'PROGRAM is refused');
refused($node, 'clerk', "COPY app.client TO '$dir/x'", '42501', 'a file is refused');
as($node, undef, "COPY app.client TO PROGRAM 'cat > $dir/program'");
hidden(slurp_file("$dir/program"), 'PROGRAM by a superuser writes masks');
as($node, undef, "SET row_security = off; COPY app.client TO '$dir/off'");
like(slurp_file("$dir/off"), qr/\Q$label\E.*cip1:/, 'with row_security off, what is stored');
foreach my $sql ('COPY app.client TO stdout', 'COPY (SELECT label FROM app.client) TO stdout', 'COPY app.parted1 TO stdout', 'COPY app.client (sealed) TO stdout')
{
	refused($node, 'clerk', "SET row_security = off; $sql", '42501', "row_security off as a clerk: $sql");
}
# COPY FROM takes what it is given.
as($node, 'clerk', "COPY app.client (id, label, sealed) FROM stdin;\n9001\t13900009001\t13900009002\n\\.\n");
is(as($node, 'reader', 'SELECT label, sealed FROM app.client WHERE id = 9001'), '13900009001|13900009002', 'COPY FROM stores');
my $masks_in = error_of($node, 'clerk', "COPY app.client (id, sealed) FROM stdin;\n9002\t139****2222\n\\.\n");
isnt($masks_in, '', 'a mask is no value of an encrypted column');
as($node, undef, 'DELETE FROM app.client WHERE id > 9000');

# 2. pg_dump.
sub dump_as
{
	my ($role, @options) = @_;
	my ($out, $err) = ('', '');
	my $file = "$dir/dump";
	unlink $file;
	my $ok = IPC::Run::run([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-U', $role, '-f', $file, @options, 'postgres' ], '>', \$out, '2>', \$err);
	return ($ok, -e $file ? slurp_file($file) : '', $err);
}
foreach my $options ([], ['--inserts'], ['--column-inserts'], [ '--data-only', '-t', 'app.client' ], [ '--section=data', '-t', 'app.client' ], [ '-t', 'app.parted1' ], [ '-t', 'app.child', '--rows-per-insert=2', '--inserts' ])
{
	foreach my $role ('clerk', 'searcher')
	{
		my ($ok, $text, $err) = dump_as($role, '-n', 'app', @$options);
		ok(!$ok && $err =~ /affected by masking/ && $text !~ /$canaries/, "pg_dump @$options as $role is refused") or diag(substr($err, 0, 300));
		($ok, $text, $err) = dump_as($role, '-n', 'app', '--enable-row-security', @$options);
		ok($ok && $text =~ /139\*\*\*\*8888/ && $text !~ /$canaries|1987-06-05|cip1:/, "pg_dump --enable-row-security @$options as $role is masked") or diag(substr("$err$text", 0, 300));
	}
	foreach my $role ('owner', $super, 'reader')
	{
		my ($ok, $text, $err) = dump_as($role, '-n', 'app', @$options);
		ok($ok && $text =~ /\Q$label\E/ && $text !~ /\*\*\*\*/, "pg_dump @$options as " . ($role eq $super ? 'superuser' : $role) . ' loses nothing') or diag(substr($err, 0, 300));
		ok($text !~ /\Q$sealed\E/ && ("@$options" =~ /child|parted1/ || $text =~ /cip1:/), 'and holds armor') ;
	}
	foreach my $role ('owner', $super)
	{
		my ($ok, $text, $err) = dump_as($role, '-n', 'app', '--enable-row-security', @$options);
		ok($ok && $text =~ /139\*\*\*\*8888/ && $text !~ /$canaries/, "pg_dump --enable-row-security @$options as " . ($role eq $super ? 'superuser' : $role) . ' is masked');
	}
}

# Dump and restore give equal bytes, labels and grants.
my $digest = <<'SQL';
SET row_security = off;
SET cipguard.output = 'armor';
SELECT c::text FROM app.client c ORDER BY id;
SELECT md5(string_agg(encode(cipguard.enc_text_send(sealed), 'hex') || label || email, ',' ORDER BY id)) FROM app.client;
SELECT label, born, tags, doc, pay, low FROM app.client WHERE id = 1;
SQL
my $catalogs = <<'SQL';
SELECT s.provider, a.attrelid::regclass::text, a.attname, s.label FROM pg_seclabel s JOIN pg_attribute a ON a.attrelid = s.objoid AND a.attnum = s.objsubid ORDER BY a.attrelid::regclass::text, a.attname;
SELECT grantee::text, category, level, relation::text FROM cipguard.access_grants ORDER BY 1, 2, 3;
SQL
as($node, 'officer', "SELECT cipguard.grant_access('clerk', 'mobile', relation => 'app.parent')");
my $state = sub { my ($db) = @_; return join("\n", (run_as($node, 'reader', $digest, db => $db))[0], (run_as($node, undef, $catalogs, db => $db))[0]); };
my $want = $state->('postgres');
like($want, qr/\Q$label\E.*cip1:.*mobile.*clerk.mobile/s, 'what must be equal');
foreach my $how ([ 'plain' ], [ 'inserts', '--inserts' ], [ 'custom', '-Fc' ])
{
	my ($name, @options) = @$how;
	my $db = "restored_$name";
	$node->command_ok([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-U', $super, '-f', "$dir/$name", @options, 'postgres' ], "dump: $name");
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->command_ok([ $name eq 'custom' ? 'pg_restore' : 'psql', $name eq 'custom' ? ('--exit-on-error', "$dir/$name") : ('-XqAt', '-v', 'ON_ERROR_STOP=1', '-o', "$dir/null", '-f', "$dir/$name"), '-h', $node->host, '-p', $node->port, '-U', $super, '-d', $db ], "restore: $name");
	my $same = eval { $state->($db) } // '';
	ok($same eq $want, "restored: $name") or do { diag(first_difference($same, $want)); next; };
	is(as($node, 'clerk', 'SELECT label, email, sealed FROM app.client WHERE id = 1', db => $db), $masked =~ s/\t/|/gr, "$name: masks in the restored database");
	is(as($node, 'reader', 'SELECT label, sealed FROM app.client WHERE id = 1', db => $db), "$label|$sealed", "$name: a reader reads there");
	hidden(as($node, undef, 'SELECT label, sealed FROM app.client WHERE id = 1; COPY app.child TO stdout', db => $db), "$name: a superuser sees masks there");
	as($node, undef, "DROP DATABASE $db");
}

# With a category that was added: its row comes after the table.
as($node, undef, "CREATE DATABASE added");
as($node, undef, "CREATE EXTENSION cipguard CASCADE; SELECT cipguard.add_category('kin', 'searchable'); CREATE TABLE kin (id int, label text); SECURITY LABEL FOR cipguard ON COLUMN kin.label IS 'kin'; CREATE SCHEMA aaa; CREATE TABLE aaa.kin (id int PRIMARY KEY, label text); SECURITY LABEL FOR cipguard ON COLUMN aaa.kin.label IS 'kin'; INSERT INTO aaa.kin VALUES (1, '$label'); INSERT INTO kin VALUES (1, '$label')", db => 'added');
foreach my $how ([ 'plain' ], [ 'inserts', '--inserts' ])
{
	my ($name, @options) = @$how;
	as($node, undef, "CREATE DATABASE added_$name");
	$node->command_ok([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-U', $super, '-f', "$dir/added", @options, 'added' ], "dump of an added category: $name");
	$node->command_ok([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-o', "$dir/null", '-f', "$dir/added", '-h', $node->host, '-p', $node->port, '-U', $super, '-d', "added_$name" ], "and its restore");
	my ($got) = run_as($node, undef, 'SET row_security = off; SELECT label FROM aaa.kin', db => "added_$name");
	is($got, $label, 'the value is there');
	hidden((run_as($node, undef, 'SELECT label FROM aaa.kin; SELECT label FROM kin', db => "added_$name"))[0] . ' ', 'and masked');
}

# 3. Replication.
as($node, undef, 'CREATE ROLE rep LOGIN REPLICATION; GRANT USAGE ON SCHEMA app TO rep; GRANT SELECT ON ALL TABLES IN SCHEMA app TO rep');
foreach my $sql ('COPY app.client TO STDOUT', 'COPY app.client (id, label) TO STDOUT', 'COPY (SELECT id, label FROM app.client WHERE (id < 10)) TO STDOUT', 'COPY (SELECT id, label FROM ONLY app.client) TO STDOUT', 'COPY app.parted1 TO STDOUT', 'COPY (SELECT id, label FROM app.parted) TO STDOUT')
{
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-XAtq', '-d', $node->connstr('postgres') . ' user=rep replication=database', '-c', $sql ], '>', \$out, '2>', \$err);
	ok($out !~ /\*\*\*\*|$canaries/ && $err =~ /ERROR/, "a walsender of a role that sees masks: $sql") or diag(substr("$out$err", 0, 200));
	my $id = as($node, 'officer', "SELECT cipguard.grant_access('rep', name) FROM cipguard.category WHERE name <> 'unclassified'");
	IPC::Run::run([ 'psql', '-XAtq', '-d', $node->connstr('postgres') . ' user=rep replication=database', '-c', $sql ], '>', \$out, '2>', \$err);
	like($out, qr/$label/, 'and of a reader');
	as($node, 'officer', "SELECT cipguard.revoke_access(id) FROM cipguard.access_grants WHERE grantee::text = 'rep'");
}
foreach my $role ('clerk', 'owner')
{
	refused($node, $role, 'CREATE PUBLICATION x FOR TABLE app.client', '42501', "$role publishes a protected table");
}
my $subscriber = new_cluster('subscriber', conf => "max_worker_processes = 24\nmax_logical_replication_workers = 16\nwal_retrieve_retry_interval = 200ms\n");
as($subscriber, undef, 'CREATE EXTENSION cipguard CASCADE');
as($subscriber, undef, 'CREATE SCHEMA app; CREATE TABLE app.child (id int, label text); CREATE TABLE app.plain (id int PRIMARY KEY, v text); CREATE TABLE app.parted1 (id int, label text); CREATE TABLE app.parted (id int, label text); CREATE TABLE app.filtered (id int PRIMARY KEY, label text)');
as($node, undef, "CREATE TABLE app.filtered (id int PRIMARY KEY, label text); INSERT INTO app.filtered VALUES (1, '$label'); SECURITY LABEL FOR cipguard ON COLUMN app.filtered.label IS 'mobile'; GRANT SELECT ON app.filtered TO PUBLIC");
as($node, undef, 'ALTER TABLE app.child REPLICA IDENTITY FULL; CREATE PUBLICATION p_child FOR TABLE app.child; CREATE PUBLICATION p_plain FOR TABLE app.plain; CREATE PUBLICATION p_filter FOR TABLE app.filtered WHERE (id < 100); CREATE PUBLICATION p_root FOR TABLE app.parted WITH (publish_via_partition_root = true)');
my $connection = 'host=' . $node->host . ' port=' . $node->port . ' dbname=postgres user=rep';
my %table = (child => 'child', filter => 'filtered', root => 'parted', plain => 'plain');
foreach my $p ('child', 'filter', 'root', 'plain')
{
	as($subscriber, undef, "CREATE SUBSCRIPTION s_$p CONNECTION '$connection' PUBLICATION p_$p");
}
$subscriber->poll_query_until('postgres', "SELECT count(*) = 1 FROM app.plain");
sleep 1;
foreach my $p ('child', 'filter', 'root')
{
	is(as($subscriber, undef, "SELECT count(*) FROM app.$table{$p}"), '0', "subscription through a masked role: no initial copy of $table{$p}");
}
as($subscriber, undef, "DROP SUBSCRIPTION s_$_") foreach 'child', 'filter', 'root', 'plain';
as($node, 'officer', "SELECT cipguard.grant_access('rep', name) FROM cipguard.category WHERE name <> 'unclassified'");
as($subscriber, undef, "TRUNCATE app.$table{$_}; CREATE SUBSCRIPTION s_$_ CONNECTION '$connection' PUBLICATION p_$_") foreach 'child', 'filter', 'root';
foreach my $p ('child', 'filter', 'root')
{
	$subscriber->poll_query_until('postgres', "SELECT count(*) = 1 FROM app.$table{$p}");
	is(as($subscriber, undef, "SELECT label FROM app.$table{$p}"), $label, "through a reader: $table{$p} is copied");
}
as($subscriber, undef, "DROP SUBSCRIPTION s_$_") foreach 'child', 'filter', 'root';
$subscriber->stop;

# 4. A physical standby.
$node->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'b', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
my $columns = 'SELECT label, email, sealed FROM app.client WHERE id = 1';
foreach my $role ('clerk', 'searcher', 'owner', undef)
{
	is(as($standby, $role, $columns), $masked =~ s/\t/|/gr, 'standby: masks for ' . ($role // 'a superuser'));
}
is(as($standby, 'reader', $columns), "$label|$email|$sealed", 'standby: a reader reads');
hidden(as($standby, 'clerk', 'COPY app.client TO stdout; COPY app.parted1 TO stdout; SELECT c FROM app.client c; SELECT s::text FROM pg_stats s WHERE schemaname = $$app$$'), 'standby: COPY, rows, statistics');
refused($standby, 'clerk', "SET row_security = off; $columns", '42501', 'standby: row_security');
my $s = $standby->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', 'clerk' ]);
$s->query('PREPARE a AS SELECT label FROM app.client WHERE id = 1; PREPARE l AS SELECT v FROM app.plain; PREPARE m AS SELECT label FROM app.child; EXECUTE a; EXECUTE l;');
my $id = as($node, 'officer', "SELECT cipguard.grant_access('clerk', 'mobile')");
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($s->query('EXECUTE a;'), $label, 'standby: a grant arrives');
as($node, 'officer', "SELECT cipguard.revoke_access($id)");
as($node, undef, "SECURITY LABEL FOR cipguard ON COLUMN app.plain.v IS 'mobile'");
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($s->query('EXECUTE a;'), '139****8888', 'standby: a revocation arrives');
isnt($s->query('EXECUTE l;'), 'v', 'standby: a label arrives in a prepared statement');
$s->quit;
as($node, undef, 'SECURITY LABEL FOR cipguard ON COLUMN app.plain.v IS NULL');
$standby->stop;

# 5. Parallel workers, JIT.
my $force = $node->pg_version >= 16 ? 'debug_parallel_query' : 'force_parallel_mode';
my $parallel = 'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET min_parallel_index_scan_size = 0; SET max_parallel_workers_per_gather = 2; SET parallel_leader_participation = off; ';
my $jit = 'SET jit = on; SET jit_above_cost = 0; SET jit_inline_above_cost = 0; SET jit_optimize_above_cost = 0; ';
my @queries = (
	'SELECT label, email, sealed FROM app.client WHERE id = 1',
	"SELECT count(*) FROM app.client WHERE label = '$label'",
	"SELECT count(*) FROM app.client WHERE label LIKE '139%8888'",
	'SELECT max(label), min(sealed::text) FROM app.client',
	'SELECT c FROM app.client c WHERE id = 1',
	'SELECT count(*) FROM app.client a JOIN app.client b USING (label)',
	'SELECT label, count(*) FROM app.client GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1',
	'SELECT md5(string_agg(label || sealed::text, $$,$$ ORDER BY id)) FROM app.client',
	'SELECT tags, doc, born, pay, low FROM app.client WHERE id = 1');
foreach my $role ('clerk', 'owner', 'reader', undef)
{
	foreach my $query (@queries)
	{
		my $who = $role // 'superuser';
		my $serial = join('', run_as($node, $role, "SET jit = off; SET max_parallel_workers_per_gather = 0; $query"));
		hidden($serial, "$who: $query") unless $who eq 'reader';
		foreach my $set ($parallel, "SET $force = on; $parallel", $jit, "SET $force = on; $jit")
		{
			is(join('', run_as($node, $role, "$set$query")), $serial, "$who, " . ($set =~ /jit/ ? 'JIT' : 'parallel') . ($set =~ /$force/ ? ', forced' : '') . ": $query");
		}
	}
}

# 6. The server log: what failed, and what failed to be stored.
my $offset = -s $node->logfile;
as($node, undef, "ALTER TABLE app.client ADD CONSTRAINT cc CHECK (note <> 'bad'); CREATE UNIQUE INDEX ON app.client (label); CREATE TABLE app.nn (id int, v text NOT NULL, label text, EXCLUDE (label WITH =)); SECURITY LABEL FOR cipguard ON COLUMN app.nn.label IS 'mobile'; GRANT ALL ON app.nn TO clerk, reader; CREATE TABLE app.deferred (label text UNIQUE DEFERRABLE INITIALLY DEFERRED); SECURITY LABEL FOR cipguard ON COLUMN app.deferred.label IS 'mobile'; GRANT ALL ON app.deferred TO clerk, reader");
write_file("$dir/rows", "1\t\\N\t$label\n");
my @failures = (
	[ 'check', "UPDATE app.client SET note = 'bad' WHERE id = 1" ],
	[ 'primary key', 'UPDATE app.client SET id = 2 WHERE id = 1' ],
	[ 'unique', 'INSERT INTO app.client (id, label) SELECT 8000, label FROM app.client WHERE id = 1' ],
	[ 'not null', 'INSERT INTO app.nn SELECT id, NULL, label FROM app.client WHERE id = 1' ],
	[ 'not null in COPY', "\\copy app.nn FROM '$dir/rows'" ],
	[ 'exclusion', 'INSERT INTO app.nn SELECT g, $$x$$, label FROM app.client, generate_series(1, 2) g WHERE client.id = 1' ],
	[ 'deferred', 'BEGIN; INSERT INTO app.deferred SELECT label FROM app.client, generate_series(1, 2) WHERE id = 1; COMMIT' ],
	[ 'deferred, implicit commit', 'INSERT INTO app.deferred SELECT label FROM app.client, generate_series(1, 2) WHERE id = 1' ],
	[ 'caught', "DO \$\$ DECLARE d text; c text; BEGIN UPDATE app.client SET note = 'bad' WHERE id = 1; EXCEPTION WHEN others THEN GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL, c = PG_EXCEPTION_CONTEXT; RAISE WARNING '% %', d, c; END \$\$" ],
	[ 'partition', 'UPDATE app.parted SET id = 2' ],
	[ 'cast', 'SELECT label::date FROM app.client WHERE id = 1' ],
	[ 'cast of an encrypted column', 'SELECT sealed::text::date FROM app.client WHERE id = 1' ],
	[ 'unique index', 'CREATE UNIQUE INDEX ON app.nn ((1))' ],
	[ 'ALTER TABLE', 'ALTER TABLE app.client ALTER label TYPE date USING label::date' ],
	[ 'add a check', "ALTER TABLE app.client ADD CHECK (label <> '139' || '77778888')" ],
	[ 'refresh', 'REFRESH MATERIALIZED VIEW CONCURRENTLY app.mv' ]);
as($node, undef, "GRANT INSERT, UPDATE ON app.parted TO clerk, reader, owner; SET ROLE owner; CREATE MATERIALIZED VIEW app.mv AS SELECT 1 AS id, label FROM app.client WHERE false; CREATE UNIQUE INDEX ON app.mv (id); GRANT SELECT ON app.mv TO PUBLIC");
foreach my $failure (@failures)
{
	foreach my $role ('clerk', 'owner', 'reader', undef)
	{
		my $who = $role // 'superuser';
		next if $who eq 'reader' && $failure->[0] =~ /cast/;
		my $at = -s $node->logfile;
		my ($out, $err) = run_as($node, $role, $failure->[1], stop => 0);
		my $log = log_since($node, $at);
		ok("$out$err" !~ /$canaries/, "$failure->[0] as $who: the message") or diag(substr("$out$err", 0, 300)) if $failure->[0] ne 'not null in COPY';
		ok($log !~ /$canaries/, "$failure->[0] as $who: the log") or diag(substr($log, 0, 400));
	}
}
unlike(log_since($node), qr/PANIC|TRAP|terminated by signal/, 'no crash');
$node->stop;
done_testing();
