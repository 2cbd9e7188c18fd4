# The audit log over the end of a month, in prepared transactions, and where in
# a partition the rows of a transaction lie.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use CipguardTest;
use POSIX 'strftime';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::Local 'timegm';

# A clock that is ahead by what a file says.
my $dir = PostgreSQL::Test::Utils::tempdir();
my $ahead = "$dir/ahead";
write_file("$dir/clock.c", <<'C');
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

int
gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
	static int	(*real) (struct timeval *, void *);
	char		buf[32] = "";
	int			fd = open(getenv("CLOCK_AHEAD"), O_RDONLY);
	int			rc;

	if (fd >= 0)
	{
		if (read(fd, buf, sizeof(buf) - 1) < 0)
			buf[0] = '\0';
		close(fd);
	}
	if (real == NULL)
		real = (int (*) (struct timeval *, void *)) dlsym(RTLD_NEXT, "gettimeofday");
	rc = real(tv, tz);
	tv->tv_sec += atoll(buf);
	return rc;
}
C
system_or_bail($ENV{CC} // 'cc', '-shared', '-fPIC', '-o', "$dir/clock.so", "$dir/clock.c", '-ldl');
chmod(0755, $dir);

my $node = new_cluster('main', masking => 0, start => 0,
	conf => "statement_timeout = 0\nmax_prepared_transactions = 4\ncipguard.kek_file = '" . new_kek('main') . "'\n");
my @now = gmtime;
my $this = strftime('%Y%m', @now);
my $end = timegm(0, 0, 0, 1, ($now[4] + 1) % 12, $now[5] + 1900 + ($now[4] == 11 ? 1 : 0));
my $next = strftime('%Y%m', gmtime($end));
my $after = strftime('%Y%m', gmtime($end + 40 * 86400));

# An hour before the month ends.
write_file($ahead, $end - time - 3600, 0666);
{
	local $ENV{LD_PRELOAD} = "$dir/clock.so" . ($ENV{LD_PRELOAD} ? ":$ENV{LD_PRELOAD}" : '');
	local $ENV{CLOCK_AHEAD} = $ahead;
	$node->start;
}
$node->safe_psql('postgres', q{CREATE EXTENSION cipguard CASCADE; CREATE TABLE t (id int PRIMARY KEY, v text); SELECT cipguard.audit_table('t')});
is($node->safe_psql('postgres', "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYYMM')"), $this, 'the clock is ahead, but in this month');

# ---------------------------------------------------------------- the month ends

$node->safe_psql('postgres', open_window() . qq{
	DO \$\$ DECLARE part text; BEGIN FOREACH part IN ARRAY '{$next,$after}'::text[] LOOP
		EXECUTE format('ALTER EXTENSION cipguard DROP TABLE cipguard.audit_change_%s', part);
		EXECUTE format('DROP TABLE cipguard.audit_change_%s', part);
	END LOOP; END \$\$;
	CREATE FUNCTION tick() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN
		IF NEW.id = 500 THEN COPY (SELECT @{[$end - time + 3600]}) TO '$ahead'; END IF;
		RETURN NULL;
	END \$\$;
	CREATE TRIGGER zz_tick AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION tick();
});
$node->safe_psql('postgres', q{INSERT INTO t SELECT i, 'x' FROM generate_series(1, 1000) i});
is($node->safe_psql('postgres', q{
	SELECT tableoid::regclass, kind, count(*), count(DISTINCT xid) FROM cipguard.audit_event WHERE kind = 'I' GROUP BY 1, 2 ORDER BY 1::text
}), "cipguard.audit_change_$this|I|500|1\ncipguard.audit_change_$next|I|500|1", 'a statement over the end of the month: each event in its month');
is($node->safe_psql('postgres', q{
	SELECT count(*) FROM (SELECT seq, ts, lag(ts) OVER (ORDER BY seq) AS before FROM cipguard.audit_event WHERE kind = 'I') x WHERE ts < before
}), '0', 'numbers follow the clock');
is($node->safe_psql('postgres', "SELECT to_regclass('cipguard.audit_change_$after') IS NOT NULL"), 't', 'the month after was made, too');

# ---------------------------------------------------------------- months that are over

my $writer = $node->background_psql('postgres');
write_file($ahead, $end - time - 1800, 0666);
$writer->query_safe("BEGIN; INSERT INTO t VALUES (2001, 'before the end');");
write_file($ahead, $end - time + 3600, 0666);
is($node->safe_psql('postgres', 'SELECT cipguard.index_closed_months()'), '0', 'a month in which somebody writes still is left alone');
$writer->query_safe("INSERT INTO t VALUES (2002, 'after the end'); COMMIT;");
is($node->safe_psql('postgres', 'SELECT cipguard.index_closed_months()'), '2', 'then it gets its indexes');
is($node->safe_psql('postgres', 'SELECT cipguard.index_closed_months()'), '0', 'once');
is($node->safe_psql('postgres', qq{
	SELECT string_agg(tableoid::regclass::text, ' ' ORDER BY seq) FROM cipguard.audit_event WHERE ts > now() - interval '1 day' AND xid = (SELECT max(xid) FROM cipguard.audit_event WHERE kind = 'I')
}), "cipguard.audit_change_$this cipguard.audit_change_$next", 'the events of that transaction are in their months');

# The clock is set back: the closed month takes the event, indexes and all.
write_file($ahead, $end - time - 900, 0666);
$node->safe_psql('postgres', q{INSERT INTO t SELECT i, 'late' FROM generate_series(3001, 3300) i});
is($node->safe_psql('postgres', qq{
	SET enable_seqscan = off; SET enable_bitmapscan = off;
	SELECT count(*) FROM cipguard.audit_change_$this WHERE relid = 't'::regclass AND ts > 'epoch' AND kind = 'I'
}), '801', 'a clock set back: events go to the month that is over, and into its indexes');
is($node->safe_psql('postgres', qq{
	SET enable_seqscan = off; SET enable_indexscan = off;
	SELECT count(*) FROM cipguard.audit_change_$this WHERE ts BETWEEN 'epoch' AND '@{[strftime('%Y-%m-%d', gmtime($end))]} 00:00+00' AND kind = 'I'
}), '801', 'the index on time finds them all');
is($node->safe_psql('postgres', qq{
	SELECT brin_summarize_new_values(indexrelid::regclass) >= 0 FROM pg_index WHERE indrelid = 'cipguard.audit_change_$this'::regclass
		AND pg_get_indexdef(indexrelid) ~ 'brin';
	SET enable_seqscan = off; SET enable_indexscan = off;
	SELECT count(*) = (SELECT count(*) FROM (SELECT FROM cipguard.audit_change_$this OFFSET 0) y) FROM cipguard.audit_change_$this
		WHERE seq BETWEEN (SELECT min(seq) FROM (SELECT seq FROM cipguard.audit_change_$this OFFSET 0) x) AND (SELECT max(seq) FROM (SELECT seq FROM cipguard.audit_change_$this OFFSET 0) x);
}), "t\nt", 'and that on numbers');
$writer->quit;

# ---------------------------------------------------------------- prepared transactions

$node->safe_psql('postgres', q{DROP TRIGGER zz_tick ON t;
	BEGIN; INSERT INTO t SELECT i, 'p' FROM generate_series(10001, 10600) i; SAVEPOINT s; DELETE FROM t WHERE id < 100; ROLLBACK TO s; UPDATE t SET v = 'q' WHERE id = 10001; PREPARE TRANSACTION 'kept'});
$node->safe_psql('postgres', q{BEGIN; INSERT INTO t VALUES (20001, 'gone'); PREPARE TRANSACTION 'gone'});
my $kept = $node->safe_psql('postgres', q{SELECT transaction FROM pg_prepared_xacts WHERE gid = 'kept'});
my $gone = $node->safe_psql('postgres', q{SELECT transaction FROM pg_prepared_xacts WHERE gid = 'gone'});
is($node->safe_psql('postgres', "SELECT count(*) FROM cipguard.audit_event WHERE xid::text IN ('$kept', '$gone')"), '0', 'prepared: nothing to be seen yet');
{
	local $ENV{LD_PRELOAD} = "$dir/clock.so" . ($ENV{LD_PRELOAD} ? ":$ENV{LD_PRELOAD}" : '');
	local $ENV{CLOCK_AHEAD} = $ahead;
	$node->stop('immediate');
	$node->start;
}
$node->safe_psql('postgres', q{COMMIT PREPARED 'kept'});
$node->safe_psql('postgres', q{ROLLBACK PREPARED 'gone'});
is($node->safe_psql('postgres', "SELECT kind, count(*) FROM cipguard.audit_event WHERE xid::text = '$kept' GROUP BY 1 ORDER BY 1"), "I|600\nU|1",
	'committed after a crash: all events of what was committed');
is($node->safe_psql('postgres', "SELECT count(*) FROM cipguard.audit_event WHERE xid::text = '$gone'"), '0', 'rolled back: none');
is($node->safe_psql('postgres', "SELECT count(*) FROM cipguard.audit_log WHERE login_role IS NULL OR before ? '?1' OR after ? '?1'"), '0',
	'sessions and schemas are there');

# ---------------------------------------------------------------- where rows lie

# Whoever seals the log takes the length of a partition, then a snapshot; rows
# of transactions that began later lie in the last page of then or after it.
my $script = "$dir/write.sql";
write_file($script, "\\set id random(1, 1000)\n\\set n random(1, 60)\nUPDATE t SET v = 'n' || v WHERE id BETWEEN :id AND :id + :n - 1;\n"
	. "BEGIN;\nUPDATE t SET v = 'm' WHERE id = :id;\nSAVEPOINT s;\nUPDATE t SET v = 'o' WHERE id = :id;\nROLLBACK TO s;\nCOMMIT;\n", 0644);
my ($out, $err) = ('', '');
my $load = IPC::Run::start([ 'pgbench', '-n', '-c', '6', '-T', '8', '-f', $script, '-h', $node->host, '-p', $node->port, 'postgres' ], '>' => \$out, '2>' => \$err);
my $leaf = 'cipguard.audit_change_' . $node->safe_psql('postgres', "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYYMM')");
$node->safe_psql('postgres', 'CREATE TABLE mark (pages bigint, snapshot pg_snapshot)');
my $until = time + 6;
while (time < $until)
{
	my $pages = $node->safe_psql('postgres', "SELECT pg_relation_size('$leaf') / 8192");
	$node->safe_psql('postgres', "INSERT INTO mark VALUES ($pages, pg_current_snapshot()); VACUUM $leaf");
}
$load->finish;
is($node->safe_psql('postgres', qq{
	SELECT count(*) FROM $leaf e JOIN mark m ON e.xid >= pg_snapshot_xmax(m.snapshot)
		WHERE (e.ctid::text::point)[0] < m.pages - 1
}), '0', 'no row of a transaction lies before the end at which it began');
cmp_ok($node->safe_psql('postgres', qq{
	SELECT count(DISTINCT m.pages) FROM $leaf e JOIN mark m ON e.xid >= pg_snapshot_xmax(m.snapshot)
}), '>', 3, 'as many marks tell');
cmp_ok($node->safe_psql('postgres', "SELECT pg_relation_size('$leaf') / count(*) FROM $leaf"), '<', 400, 'pages are filled by several writers');

$node->stop;
done_testing();
