# 141_seal.pl
#	Blocks under concurrent writers: each committed event is in exactly one,
#	and another implementation of the encoding and the trees gives the same
#	roots and heads.  Then files are changed while the server is down, and a
#	table of the log is rewritten.

use strict;
use warnings FATAL => 'all';

use Digest::SHA qw(sha256);
use FindBin;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib $FindBin::RealBin;
use CipguardTest;

my $dir = PostgreSQL::Test::Utils::tempdir();
# Checksums, which 18 switches on, would find changed files before we do.
my $node = new_cluster('seal',
	allows_streaming => 1,
	init => [ (`pg_config --version` =~ /(\d+)/)[0] >= 18 ? '--no-data-checksums' : () ],
	conf => "max_prepared_transactions = 20\nmax_connections = 40\n");
as($node, undef, <<'SQL');
CREATE EXTENSION cipguard CASCADE;
CREATE TABLE item (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, number int);
SELECT cipguard.audit_table('item');
INSERT INTO item (name, number) SELECT 'first ' || g, g FROM generate_series(1, 200) g;
SQL

# ---------- the other implementation ----------

# Canonical encoding in SQL, of the columns as SQL shows them.
as($node, undef, <<'SQL');
CREATE SCHEMA other;
CREATE FUNCTION other.f(value bytea) RETURNS bytea IMMUTABLE LANGUAGE sql
	RETURN coalesce(int4send(length(value)) || value, '\xffffffff');
CREATE FUNCTION other.t(value text) RETURNS bytea STABLE LANGUAGE sql
	RETURN other.f(convert_to(value, 'UTF8'));
CREATE FUNCTION other.a(n int, parts bytea) RETURNS bytea IMMUTABLE LANGUAGE sql
	RETURN other.f(int4send(n) || coalesce(parts, ''));
CREATE VIEW other.event AS
SELECT e.xid::text::bigint AS xid, e.seq, e.kind::text AS kind,
	'cipguard.audit.v1'::bytea || '\x01' || uuid_send(i.log_id)
	|| other.f(int8send(seq)) || other.f(int8send(xid::text::bigint))
	|| other.f(timestamptz_send(ts)) || other.f(int8send(session_id))
	|| other.f(int8send(subject)) || other.f(oidsend(relid))
	|| other.f(int4send(cmd)) || other.f(charsend(kind))
	|| other.f(boolsend(app_verified)) || other.f(boolsend(spooled))
	|| other.t(relname) || other.t(cur_role) || other.t(app_user)
	|| other.t(purpose)
	|| CASE WHEN cols IS NULL THEN '\xffffffff' ELSE other.a(cardinality(cols),
		(SELECT string_agg(int2send(c), '' ORDER BY n) FROM unnest(cols) WITH ORDINALITY u(c, n))) END
	|| other.f(old) || other.f(new)
	|| CASE WHEN subjects IS NULL THEN '\xffffffff' ELSE other.a(cardinality(subjects),
		(SELECT string_agg(int8send(c), '' ORDER BY n) FROM unnest(subjects) WITH ORDINALITY u(c, n))) END
	AS bytes
FROM cipguard.audit_event e, cipguard.audit_identity i
UNION ALL
SELECT xid::text::bigint, seq, 'session',
	'cipguard.audit.v1'::bytea || '\x02' || uuid_send(i.log_id)
	|| other.f(int8send(session_id)) || other.f(int8send(seq))
	|| other.f(int8send(xid::text::bigint)) || other.f(timestamptz_send(ts))
	|| other.f(timestamptz_send(backend_start)) || other.f(int4send(pid))
	|| other.t(auth_user) || other.t(session_user_name)
	|| other.t(system_user_name) || other.f(inet_send(client_addr))
	|| other.f(int4send(client_port)) || other.t(application_name)
	|| other.t(tls_version) || other.t(tls_cipher) || other.t(tls_client_dn)
	|| other.t(database) || other.f(boolsend(apply_worker))
FROM cipguard.audit_session s, cipguard.audit_identity i
UNION ALL
SELECT xid::text::bigint, seq, 'schema',
	'cipguard.audit.v1'::bytea || '\x03' || uuid_send(i.log_id)
	|| other.f(int8send(id)) || other.f(int8send(seq))
	|| other.f(int8send(xid::text::bigint)) || other.f(timestamptz_send(ts))
	|| other.f(oidsend(relid)) || other.t(relname)
	|| other.a(cardinality(attnums), (SELECT string_agg(int2send(c), '' ORDER BY n) FROM unnest(attnums) WITH ORDINALITY u(c, n)))
	|| other.a(cardinality(names), (SELECT string_agg(other.t(c), '' ORDER BY n) FROM unnest(names) WITH ORDINALITY u(c, n)))
	|| other.a(cardinality(types), (SELECT string_agg(oidsend(c), '' ORDER BY n) FROM unnest(types) WITH ORDINALITY u(c, n)))
	|| other.a(cardinality(type_names), (SELECT string_agg(other.t(c), '' ORDER BY n) FROM unnest(type_names) WITH ORDINALITY u(c, n)))
FROM cipguard.audit_schema s, cipguard.audit_identity i;
SQL

# Root of a tree, as RFC 6962 defines it.
sub root
{
	my @leaves = @_;
	return sha256('') if !@leaves;
	return $leaves[0] if @leaves == 1;
	my $k = 1;
	$k *= 2 while $k * 2 < @leaves;
	return sha256("\x01" . root(@leaves[ 0 .. $k - 1 ])
		  . root(@leaves[ $k .. $#leaves ]));
}

# Compare all blocks with what the other implementation makes of the log.
sub compare_blocks
{
	my ($name) = @_;
	my (%leaves, %blocks, @wrong);
	my $rows = as($node, undef, <<'SQL');
SELECT b.block, e.seq, encode(sha256('\x00'::bytea || e.bytes), 'hex')
FROM other.event e
JOIN cipguard.audit_block b ON pg_visible_in_snapshot(e.xid::text::xid8, b.snapshot)
LEFT JOIN cipguard.audit_block p ON p.block = b.block - 1
WHERE p.block IS NULL OR NOT pg_visible_in_snapshot(e.xid::text::xid8, p.snapshot)
ORDER BY b.block, e.xid, e.seq
SQL
	my %seen;
	foreach (split /\n/, $rows)
	{
		my ($block, $seq, $hash) = split /\|/;
		push @{ $leaves{$block} }, pack('H*', $hash);
		$seen{$seq}++;
	}
	my $prev = "\0" x 32;
	$rows = as($node, undef, <<'SQL');
SELECT block, encode(uuid_send(log_id), 'hex'), snapshot, events, encode(root, 'hex'), encode(policy, 'hex'), encode(prev_head, 'hex'), encode(head, 'hex'),
	timeline, encode(int8send(system_id), 'hex'), encode(timestamptz_send(sealed_at), 'hex') FROM cipguard.audit_block ORDER BY block
SQL
	my $expected = 1;
	my $n = 0;
	foreach (split /\n/, $rows)
	{
		my ($block, $log, $snapshot, $events, $root, $policy, $prev_head,
			$head, $timeline, $system, $sealed) = split /\|/;
		my @of_block = @{ $leaves{$block} // [] };
		my $mine = sha256('cipguard.block.v1' . pack('H*', $log)
			  . pack('Q>', $block) . $prev . pack('N/a*', $snapshot)
			  . pack('Q>', $events) . root(@of_block) . pack('H*', $policy)
			  . pack('N', $timeline) . pack('H*', $system)
			  . pack('H*', $sealed));
		push @wrong, $block
		  if $events != @of_block
		  || unpack('H*', root(@of_block)) ne $root
		  || unpack('H*', $mine) ne $head
		  || $block != $expected++;
		$prev = $mine;
		$n += $events;
	}
	is(join(' ', @wrong), '', "$name: roots and heads are the same");
	is(join(' ', grep { $seen{$_} != 1 } keys %seen),
		'', "$name: each event is in one block");
	is(as($node, undef, 'SELECT count(*) FROM other.event'),
		$n, "$name: all events are in blocks");
	return $expected - 1;
}

# Settings for one process, for two workers that do all, and for three
# processes that share.  The tables are small, so the shares are single pages.
my @ways = (
	"SET max_parallel_workers_per_gather = 0;\n",
	"SET max_parallel_workers_per_gather = 2; SET min_parallel_table_scan_size = 0; SET parallel_leader_participation = off;\n",
	"SET parallel_leader_participation = on;\n");

# What audit_verify says, without the notes; of all ways if they differ.
sub verify
{
	my ($server, $begin) = @_;
	my $out = as($server // $node, undef, ($begin // '') . join("SELECT 'next way';\n",
		map { "$_ SELECT status, block, event, finding, CASE WHEN finding = 'summary' THEN detail END FROM cipguard.audit_verify() WHERE status <> 'note';\n" } @ways));
	return one_of($out);
}

sub one_of
{
	my ($out) = @_;
	my @said = split /^next way\n/m, $out;
	chomp(@said);
	foreach my $said (@said)
	{
		$said = join("\n", sort split /\n/, $said);
	}
	return join("\nbut another way\n", @said)
	  if @said != @ways || grep { $_ ne $said[0] } @said;
	$said[0] =~ s/\|$//mg;
	$said[0] =~ s/ ?\|?summary.*$//m;
	return $said[0];
}

# The block of an event.
sub block_of
{
	my ($condition) = @_;
	return as($node, undef, "SELECT min(b.block) FROM cipguard.audit_event e, cipguard.audit_block b WHERE $condition AND pg_visible_in_snapshot(e.xid, b.snapshot)");
}

# ---------- concurrent writers ----------

my %script = (
	plain => "INSERT INTO item (name, number) VALUES ('plain', 1);\n",
	many => "INSERT INTO item (name, number) SELECT 'many', g FROM generate_series(1, 30) g;\n",
	update => "\\set id random(1, 200)\nUPDATE item SET number = number + 1 WHERE id = :id;\n",
	rollback => "BEGIN;\nINSERT INTO item (name, number) VALUES ('never', 1);\nROLLBACK;\n",
	savepoint => "BEGIN;\nINSERT INTO item (name, number) VALUES ('kept', 1);\nSAVEPOINT s;\n"
	  . "INSERT INTO item (name, number) VALUES ('never', 2);\nROLLBACK TO s;\n"
	  . "SAVEPOINT t;\nINSERT INTO item (name, number) VALUES ('kept', 3);\nRELEASE t;\nCOMMIT;\n",
	long => "BEGIN;\nINSERT INTO item (name, number) VALUES ('long', 1);\n\\sleep 700 ms\n"
	  . "INSERT INTO item (name, number) VALUES ('long', 2);\nCOMMIT;\n",
	prepared => "\\set n random(1, 1000000000)\nBEGIN;\nINSERT INTO item (name, number) VALUES ('prepared', 1);\n"
	  . "PREPARE TRANSACTION 'p:n';\n\\sleep 200 ms\nCOMMIT PREPARED 'p:n';\n",
	reconnect => "SET application_name = 'one';\nINSERT INTO item (name, number) VALUES ('one', 1);\n"
	  . "SET application_name = 'two';\nINSERT INTO item (name, number) VALUES ('two', 1);\n");
my %weight = (plain => 20, many => 5, update => 20, rollback => 8, savepoint => 8,
	long => 1, prepared => 2, reconnect => 1);
my @writers = map { ('-f', write_file("$dir/$_.sql", $script{$_}) . "\@$weight{$_}") }
  sort keys %script;
write_file("$dir/seal.sql", "SELECT cipguard.seal();\n\\sleep 40 ms\n");

as($node, undef, "BEGIN; INSERT INTO item (name, number) VALUES ('pending', 1); PREPARE TRANSACTION 'pending'");
my ($out, $err) = ('', '');
my $writing = IPC::Run::start(
	[ 'pgbench', '-n', '-c', 6, '-T', 8, @writers, $node->connstr('postgres') ],
	'<', \undef, '>', \$out, '2>', \$err);
my ($sout, $serr) = ('', '');
my $sealing = IPC::Run::start(
	[ 'pgbench', '-n', '-c', 2, '-T', 7, '-f', "$dir/seal.sql",
		$node->connstr('postgres') ],
	'<', \undef, '>', \$sout, '2>', \$serr);
ok($writing->finish, 'writers') or diag($err);
ok($sealing->finish, 'sealers') or diag($serr);
as($node, undef, 'SELECT cipguard.seal()');
my $blocks = compare_blocks('under load');
cmp_ok($blocks, '>', 20, 'many blocks were closed');
is(as($node, undef, "SELECT count(*) FROM cipguard.audit_event WHERE kind = 'I' AND position('never'::bytea IN new) > 0"),
	0, 'nothing that was rolled back');
as($node, undef, "COMMIT PREPARED 'pending'");
as($node, undef, 'SELECT cipguard.seal()');
cmp_ok(block_of("position('pending'::bytea IN new) > 0"),
	'>', $blocks, 'a prepared transaction is in a block after its commit');
compare_blocks('after a prepared transaction');
like(verify(), qr/^ok\|\|$/, 'it verifies');
cmp_ok(as($node, undef, 'SELECT count(*) FROM cipguard.audit_mark'),
	'<', 20, 'old marks are forgotten');

# ---------- a crash ----------

$node->stop('immediate');
$node->start;
as($node, undef, "INSERT INTO item (name, number) SELECT 'after the crash', g FROM generate_series(1, 100) g");
as($node, undef, 'SELECT cipguard.seal()');
compare_blocks('after a crash');
like(verify(), qr/^ok\|\|$/, 'it verifies after a crash');

# ---------- several processes ----------

foreach my $level ('REPEATABLE READ', 'SERIALIZABLE', 'SERIALIZABLE READ ONLY')
{
	like(verify($node, "BEGIN ISOLATION LEVEL $level; DO 'BEGIN PERFORM count(*) FROM cipguard.audit_block; END'; SAVEPOINT s;\n"),
		qr/^ok\|\|$/, "it verifies in a transaction, $level");
}
like(verify($node, "SET max_parallel_workers = 0;\n"),
	qr/^ok\|\|$/, 'it verifies without a free worker');

# They do start.
sub workers_started
{
	my ($settings) = @_;
	my $from = -s $node->logfile;
	as($node, undef, "$settings SELECT count(*) FROM cipguard.audit_verify();");
	return scalar(() = log_since($node, $from) =~
		  /starting background worker process "parallel worker/g);
}
$node->append_conf('postgresql.conf', "log_min_messages = debug1\n");
$node->reload;
$node->poll_query_until('postgres', q{SELECT current_setting('log_min_messages') = 'debug1'});
is(workers_started("$ways[0]"), 0, 'no worker when there should be none');
is(workers_started("$ways[1]"), 2, 'two workers');
is(workers_started("SET max_parallel_workers_per_gather = 2; SET min_parallel_table_scan_size = '1GB';"),
	0, 'no worker for a small log');
$node->append_conf('postgresql.conf', "log_min_messages = warning\n");
$node->reload;

$node->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'b', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
like(verify($standby), qr/^ok\|\|$/, 'it verifies on a standby');
$standby->stop;

# ---------- another file ----------

my $leaf = as($node, undef, "SELECT tableoid::regclass FROM cipguard.audit_event LIMIT 1");
as($node, undef, "GRANT cipguard_officer TO CURRENT_USER; SELECT cipguard.open_maintenance('to falsify the log', 60)");
as($node, undef, "VACUUM FULL $leaf");
like(verify(), qr/^ok\|\|$/, 'it verifies after VACUUM FULL');
as($node, undef, "INSERT INTO item (name, number) VALUES ('after vacuum full', 1)");
as($node, undef, 'SELECT cipguard.seal()');
compare_blocks('after VACUUM FULL');

# ---------- files changed while the server is down ----------

# Replace bytes in a file of a relation; returns what was there.
sub patch
{
	my ($relation, $from, $to) = @_;
	as($node, undef, 'CHECKPOINT');
	my $path = $node->data_dir . '/'
	  . as($node, undef, "SELECT pg_relation_filepath('$relation')");
	$node->stop;
	open(my $fh, '+<:raw', $path) or die "could not open $path: $!";
	my $content = do { local $/; <$fh> };
	my $at = index($content, $from);
	die "not found in $path" if $at < 0;
	seek($fh, $at, 0);
	print $fh $to;
	close($fh);
	$node->start;
	return;
}

as($node, undef, "INSERT INTO item (name, number) VALUES ('to be falsified', 1)");
as($node, undef, 'SELECT cipguard.seal()');
my $seq = as($node, undef, "SELECT seq FROM cipguard.audit_event WHERE position('to be falsified'::bytea IN new) > 0");
my $block = block_of("seq = $seq");
patch($leaf, 'to be falsified', 'was always this');
is(verify(), "error|$block|$seq|event changed\nfailed||",
	'a changed byte: block and event are named');
patch($leaf, 'was always this', 'to be falsified');
like(verify(), qr/^ok\|\|$/, 'it verifies when the byte is restored');

my $root = as($node, undef, "SELECT encode(root, 'hex') FROM cipguard.audit_block WHERE block = $block");
patch('cipguard.audit_block', pack('H*', $root), pack('H*', $root) ^ "\x01");
like(verify(), qr/^error\|$block\|\|block changed$/m, 'a changed root');
patch('cipguard.audit_block', pack('H*', $root) ^ "\x01", pack('H*', $root));

# A page that cannot be read.
my $path = $node->data_dir . '/' . as($node, undef, "SELECT pg_relation_filepath('$leaf')");
$node->stop;
open(my $fh, '+<:raw', $path) or die $!;
read($fh, my $page, 8192);
seek($fh, 0, 0);
print $fh "\xff" x 100;
close($fh);
$node->start;
my $said = verify();
like($said, qr/^error\|\|\|unreadable$/m, 'an unreadable page is reported');
like($said, qr/^error\|\d+\|\d+\|event removed$/m, '... and what was on it');
$node->stop;
open($fh, '+<:raw', $path) or die $!;
print $fh $page;
close($fh);
$node->start;
like(verify(), qr/^ok\|\|$/, 'it verifies when the page is back');


# ---------- SQL of a superuser, on a server without the library ----------

$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
$node->restart;

# What audit_verify finds, in a transaction that is rolled back then.
sub tampered
{
	my ($sql, $expected, $name) = @_;
	my $out = as($node, undef, <<SQL);
BEGIN;
DO \$\$
DECLARE
	t regclass;
BEGIN
	FOR t IN SELECT tgrelid::regclass FROM pg_trigger WHERE tgname = 'audit_protect_statement' LOOP
		EXECUTE format('ALTER TABLE %s DISABLE TRIGGER ALL', t);
	END LOOP;
END
\$\$;
$sql;
@{[ join("SELECT 'next way';\n", map { "$_ SELECT concat_ws(' ', status, block - $block, event - $seq, finding, CASE WHEN finding = 'summary' THEN detail END) FROM cipguard.audit_verify() WHERE status <> 'note';\n" } @ways) ]}
ROLLBACK;
SQL
	is(one_of($out), join("\n", sort split /\n/, $expected), $name);
	return;
}

# Events before and after the one named above, of other blocks.
as($node, undef, "INSERT INTO item (name, number) SELECT 'later', g FROM generate_series(1, 5) g");
as($node, undef, 'SELECT cipguard.seal()');
my $event = "cipguard.audit_event";
my $of_ours = "WHERE seq = $seq";
my $columns = 'subject, relid, cmd, kind, app_verified, spooled, relname, cur_role, app_user, purpose, cols, old, new, subjects';
my $next = block_of("position('later'::bytea IN new) > 0") - $block;
my $later = as($node, undef, "SELECT min(seq) - $seq FROM $event WHERE position('later'::bytea IN new) > 0");

tampered("UPDATE $event SET cur_role = 'somebody else' $of_ours",
	"error 0 0 event changed\nfailed", 'UPDATE');
tampered("UPDATE $event SET purpose = '' $of_ours",
	"error 0 0 event changed\nfailed",
	'an empty string is not null');
tampered("UPDATE $event SET cols = '[0:0]={1}' $of_ours",
	"error 0 0 event changed\nfailed",
	'an array of another kind');
tampered("UPDATE $event SET ts = ts + interval '1 us' $of_ours",
	"error 0 0 event changed\nfailed", 'time');
tampered("UPDATE $event SET new = new || convert_to(repeat('x', 1000000), 'UTF8') $of_ours",
	"error 0 0 event changed\nfailed",
	'a value out of line');
tampered("DELETE FROM $event $of_ours",
	"error 0 0 event removed\nfailed", 'DELETE');
tampered("INSERT INTO $event SELECT seq + 1000000000, xid, ts, session_id, $columns FROM $event $of_ours",
	"error 0 1000000000 event inserted\nfailed",
	'INSERT with the transaction of another event');
tampered("INSERT INTO $event SELECT seq + 1000000000, pg_current_xact_id()::text::bigint::text::xid8, ts, session_id, $columns FROM $event $of_ours",
	'ok', 'INSERT before a block is closed is not to be told from an event');
tampered("INSERT INTO $event SELECT seq + 1000000000, '1000000000000'::xid8, ts, session_id, $columns FROM $event $of_ours",
	"error 1000000000 event inserted\nfailed", 'a transaction of the future');
tampered("INSERT INTO $event SELECT * FROM $event $of_ours",
	"error 0 0 event inserted\nfailed", 'an event twice');
tampered("CREATE TEMP TABLE copy AS SELECT * FROM $event $of_ours; DELETE FROM $event $of_ours; INSERT INTO $event SELECT * FROM copy",
	'ok', 'an event that only lies elsewhere is the same');
tampered("UPDATE $event SET seq = 2 * $seq + $later - seq WHERE seq IN ($seq, $seq + $later)",
	"error 0 0 event removed\nerror 0 $later event inserted\n"
	  . "error $next 0 event inserted\nerror $next $later event removed\nfailed",
	'two events in each other\'s place');
tampered("UPDATE $event SET seq = 2 * $seq + 2 * $later + 1 - seq WHERE seq IN ($seq + $later, $seq + $later + 1)",
	"error $next $later event changed\nerror $next " . ($later + 1) . " event changed\nfailed",
	'two events of one transaction in each other\'s place');
tampered("DELETE FROM cipguard.audit_block WHERE block = $block",
	"error 0 block missing\nfailed", 'a block removed');
tampered("DELETE FROM cipguard.audit_block WHERE block BETWEEN $block - 3 AND $block",
	"error -3 block missing\nfailed", 'blocks removed');
tampered("DELETE FROM cipguard.audit_block WHERE block = 1",
	'error ' . (1 - $block) . " block missing\nfailed", 'the first block removed');
tampered("UPDATE cipguard.audit_block SET events = events - 1 WHERE block = $block",
	"error 0 block changed\nerror 0 events differ\nfailed",
	'a count changed');
tampered("UPDATE cipguard.audit_block SET sealed_at = sealed_at - interval '1 ms' WHERE block = $block",
	"error 0 block changed\nfailed", 'a time changed');
tampered("UPDATE cipguard.audit_block SET head = root WHERE block = $block",
	"error 0 block changed\nerror 1 chain broken\nfailed", 'a head changed');
tampered("UPDATE cipguard.audit_block SET root = substr(root, 1, 31) WHERE block = $block",
	"error 0 block changed\nerror 0 events differ\nfailed", 'a root cut');
tampered("UPDATE cipguard.audit_policy SET statement = statement || ' ' WHERE first_block = 1",
	'error ' . (1 - $block) . " policy changed\nfailed", 'a policy changed');
tampered("UPDATE cipguard.audit_session SET auth_user = 'somebody else' WHERE seq = (SELECT min(seq) FROM cipguard.audit_session)",
	as($node, undef, <<SQL), 'a session changed');
SELECT concat_ws(' ', 'error', b.block - $block, s.seq - $seq, 'event changed') || E'\\nfailed'
FROM cipguard.audit_session s JOIN cipguard.audit_block b ON pg_visible_in_snapshot(s.xid, b.snapshot)
WHERE s.seq = (SELECT min(seq) FROM cipguard.audit_session) ORDER BY b.block LIMIT 1
SQL
tampered("DELETE FROM cipguard.audit_block WHERE block > $block",
	"error 1 block missing\nfailed", 'a tail that was cut, clumsily');
tampered("DELETE FROM cipguard.audit_block WHERE block > $block; DELETE FROM cipguard.audit_mark; DELETE FROM cipguard.audit_print WHERE block > $block; DELETE FROM cipguard.audit_policy WHERE first_block > $block",
	'ok', 'only a head kept elsewhere shows a tail that was cut');
tampered("UPDATE $event SET cur_role = 'x' $of_ours; UPDATE cipguard.audit_print SET prints = '' WHERE block = $block",
	"error 0 events differ\nfailed", 'without fingerprints the block is named');

# A session that has closed a block does not go on from an older one.
my ($o, $e) = run_as($node, undef, <<'SQL');
SELECT cipguard.seal() IS NULL;
INSERT INTO item (name, number) VALUES ('tail', 1);
SELECT cipguard.seal() > 0;
ALTER TABLE cipguard.audit_block DISABLE TRIGGER ALL;
BEGIN;
DELETE FROM cipguard.audit_block WHERE block = (SELECT max(block) FROM cipguard.audit_block);
SELECT cipguard.seal();
SQL
like($e, qr/ERROR:  ZC012: block \d+ of the audit log, which this session has closed, was changed or removed/,
	'a sealer remembers its last block');

done_testing();
