# 142_purge.pl
#	Months of the audit log that are dropped: what remains verifies, and the
#	roots can still be computed from what was kept.

use strict;
use warnings FATAL => 'all';

use Digest::SHA qw(sha256);
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib $FindBin::RealBin;
use CipguardTest;

# A superuser can make up months that are long over, when the guard lets him.
# Small tables are checked by workers, too.
my $node = new_cluster('purge',
	preload => 0,
	conf => "min_parallel_table_scan_size = 0\n");
as($node, undef, <<'SQL');
CREATE EXTENSION cipguard CASCADE;
CREATE ROLE officer LOGIN IN ROLE cipguard_officer;
CREATE ROLE auditor LOGIN IN ROLE cipguard_auditor;
CREATE TABLE item (id int PRIMARY KEY, name text);
SELECT cipguard.audit_table('item');
INSERT INTO item SELECT g, 'name ' || g FROM generate_series(1, 20) g;
CREATE PROCEDURE make_month(name text, lower timestamptz) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TABLE cipguard.%I PARTITION OF cipguard.audit_change FOR VALUES FROM (%L) TO (%L)', name, lower, lower + interval '1 month');
	EXECUTE format('ALTER TABLE cipguard.%I DISABLE TRIGGER ALL', name);
	EXECUTE format('ALTER EXTENSION cipguard ADD TABLE cipguard.%I', name);
END
$$;
-- Events like those of the current month, in another; part of this transaction.
CREATE SEQUENCE made START 1000000;
CREATE PROCEDURE make_events(at timestamptz, n int) LANGUAGE sql AS $$
	INSERT INTO cipguard.audit_event SELECT nextval('made'), pg_current_xact_id(), at, session_id, subject, relid, cmd, kind, app_verified, spooled,
		relname, cur_role, app_user, purpose, cols, old, new, subjects
	FROM cipguard.audit_event WHERE kind = 'I' AND seq < 1000000 ORDER BY seq LIMIT n
$$;
GRANT cipguard_officer TO CURRENT_USER;
SELECT cipguard.open_maintenance('to make up months', 60);
ALTER TABLE cipguard.audit_event DISABLE TRIGGER ALL;
ALTER TABLE cipguard.audit_change DISABLE TRIGGER ALL;
SET timezone = 'UTC';
CALL make_month('audit_change_201901', '2019-01-01');
CALL make_month('audit_change_201902', '2019-02-01');
SQL

sub verify
{
	my $out = as($node, undef,
		"SELECT status, block, event, finding FROM cipguard.audit_verify() WHERE status <> 'note'");
	$out =~ s/\|summary$//m;
	return $out;
}

# Root of the places from first to end, from leaves and kept nodes.
sub root
{
	my ($have, $first, $end) = @_;
	my $n = $end - $first;
	my $level = 0;
	my $k = 1;
	while ($k < $n) { $k *= 2; $level++; }
	if ($k == $n && exists $have->{"$level $first"})
	{
		return $have->{"$level $first"};
	}
	die "nothing at place $first" if $n <= 1;
	$k /= 2;
	return sha256("\x01" . root($have, $first, $first + $k)
		  . root($have, $first + $k, $end));
}

sub roots_can_be_computed
{
	my ($name) = @_;
	my @wrong;
	foreach (split /\n/, as($node, undef, "SELECT block, events, encode(root, 'hex') FROM cipguard.audit_block WHERE events > 0 AND NOT EXISTS (SELECT FROM cipguard.audit_purge WHERE block BETWEEN blocks[1] AND blocks[2])"))
	{
		my ($block, $events, $root) = split /\|/;
		my %have;
		foreach (split /\n/, as($node, 'auditor', "SELECT level, place, encode(hash, 'hex') FROM cipguard.audit_block_leaves($block)"))
		{
			my ($level, $place, $hash) = split /\|/;
			$have{"$level $place"} = pack('H*', $hash);
		}
		push @wrong, $block
		  if unpack('H*', root(\%have, 0, $events)) ne $root;
	}
	is(join(' ', @wrong), '', $name);
	return;
}

# Block 1: all kinds of months.  Block 2: both old months.  Block 3: today.
as($node, undef, <<'SQL');
BEGIN;
INSERT INTO item VALUES (100, 'before');
CALL make_events('2019-01-10', 7);
INSERT INTO item VALUES (101, 'between');
CALL make_events('2019-02-10', 13);
INSERT INTO item VALUES (102, 'after');
COMMIT;
SELECT cipguard.seal();
SQL
as($node, undef, <<'SQL');
-- Nothing of this loads the library, so nothing is noted in the current month.
BEGIN;
CALL make_events('2019-01-20', 5);
CALL make_events('2019-02-20', 9);
COMMIT;
SQL
as($node, undef, <<'SQL');
SELECT cipguard.seal();
INSERT INTO item VALUES (103, 'today');
SELECT cipguard.seal();
SQL
is(verify(), 'ok||', 'it verifies before');
is(as($node, undef, 'SELECT max(block) FROM cipguard.audit_block'), 3, 'three blocks');

# ---------- what is refused ----------

refused($node, 'auditor', "SELECT cipguard.purge_audit('2019-02-01')", '42501',
	'an auditor cannot purge');
is(as($node, 'officer', 'SELECT count(*) FROM cipguard.purge_audit(NULL)'), 0, 'null purges nothing');
is(as($node, 'officer', "SELECT count(*) FROM cipguard.purge_audit('2018-12-31')"), 0, 'nothing so old');
is(as($node, 'officer', "SELECT count(*) FROM cipguard.purge_audit('2019-01-31 23:59:59+00')"), 0, 'only whole months');
refused($node, 'officer', "BEGIN READ ONLY; SELECT cipguard.purge_audit('2019-02-01')", '25006', 'not in a read-only transaction');
my $young = as($node, undef, "SET timezone = 'UTC'; SELECT 'audit_change_' || to_char(date_trunc('month', now()) - interval '2 months', 'YYYYMM')");
as($node, undef, "SET timezone = 'UTC'; CALL make_month('$young', date_trunc('month', now()) - interval '2 months'); CALL make_events(date_trunc('month', now()) - interval '40 days', 1); SELECT cipguard.seal()");
refused($node, 'officer', 'SELECT cipguard.purge_audit(now())', 'ZC012',
	'a month that the law wants kept', like => qr/"$young" of the audit log must be kept until/);
is(as($node, undef, "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname LIKE 'audit_change_2019%'"), 2, '... and no other was purged');
as($node, undef, "CALL make_events('2019-01-20', 1)");
refused($node, 'officer', "SELECT cipguard.purge_audit('2019-02-01')", 'ZC012',
	'a month with events that are in no block', like => qr/is in no block yet/);
as($node, undef, 'SELECT cipguard.seal()');
refused($node, undef, "BEGIN; UPDATE cipguard.audit_change_201901 SET cur_role = 'x' WHERE seq = 1000001; SELECT cipguard.purge_audit('2019-02-01')",
	'ZC012', 'a log that does not verify', like => qr/does not verify/);

# ---------- one month, then the next ----------

is(as($node, 'officer', "SELECT * FROM cipguard.purge_audit('2019-02-01', 'three years are over')"),
	'audit_change_201901|13', 'the first month is purged');
is(as($node, undef, "SELECT to_regclass('cipguard.audit_change_201901')"), '', 'it is gone');
is(verify(), 'ok||', 'what remains verifies');
roots_can_be_computed('roots can be computed from it');
is(as($node, 'auditor', 'SELECT cur_role, leaf, events, reason, blocks FROM cipguard.audit_purge'),
	'officer|audit_change_201901|13|three years are over|{5,5}', 'it is recorded');
is(as($node, 'auditor', "SELECT action, relation FROM cipguard.audit_log WHERE action = 'PURGE'"),
	'PURGE|audit_change_201901', 'it is an event');
is(as($node, 'auditor', "SELECT string_agg(detail, '') ~ '^audit_change_201901 with 13 events, .* by officer: three years are over\$' FROM cipguard.audit_verify() WHERE finding = 'purged'"),
	't', 'who verifies is told');
as($node, undef, 'SELECT cipguard.seal()');

# What was there before the purge is still looked after.
sub tampered
{
	my ($sql, $expected, $name) = @_;
	my $out = as($node, undef, <<SQL);
BEGIN;
ALTER TABLE cipguard.audit_kept_node DISABLE TRIGGER ALL;
ALTER TABLE cipguard.audit_purge DISABLE TRIGGER ALL;
$sql;
SELECT concat_ws(' ', status, block, event, finding) FROM cipguard.audit_verify() WHERE status <> 'note';
ROLLBACK;
SQL
	$out =~ s/ summary$//;
	is($out, $expected, $name);
	return;
}
my $event = as($node, undef, 'SELECT min(seq) FROM cipguard.audit_change_201902');
tampered("UPDATE cipguard.audit_event SET cur_role = 'x' WHERE seq = $event",
	"error 1 $event event changed\nfailed", 'an event beside purged ones');
tampered("DELETE FROM cipguard.audit_event WHERE seq = $event",
	"error 1 $event event removed\nfailed", 'an event beside purged ones, removed');
tampered("UPDATE cipguard.audit_kept_node SET hash = sha256('') WHERE block = 1 AND level = 0",
	"error 1 events differ\nfailed", 'a kept node');
tampered("DELETE FROM cipguard.audit_kept_node WHERE block = 2",
	"error 2 events differ\nfailed", 'kept nodes removed');
tampered("INSERT INTO cipguard.audit_event SELECT 5, xid, ts, session_id, subject, relid, cmd, kind, app_verified, spooled, relname, cur_role, app_user, purpose, cols, old, new, subjects FROM cipguard.audit_event WHERE seq = $event",
	"error 1 5 event inserted\nfailed", 'a forged event beside purged ones');

is(as($node, 'officer', "SELECT * FROM cipguard.purge_audit('2019-03-01')"),
	'audit_change_201902|22', 'the second month is purged');
is(verify(), 'ok||', 'what remains verifies');
roots_can_be_computed('roots can be computed from it');
is(as($node, undef, 'SELECT blocks FROM cipguard.audit_purge ORDER BY seq DESC LIMIT 1'),
	'{2,2}', 'nothing is left of a block of both months');
is(as($node, undef, 'SELECT count(*) FROM cipguard.audit_kept_node WHERE block = 2'), 0, '... not even nodes');
as($node, undef, 'SELECT cipguard.seal()');
is(verify(), 'ok||', 'and the purge itself is sealed');

done_testing();
