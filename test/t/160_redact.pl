# 160_redact.pl
#	Statements that touch protected columns are logged, and shown in
#	pg_stat_activity and pg_stat_statements, without the values in them.
#
#	Every statement runs twice, each time with a text and a number of its own:
#	with cipguard.redact_log none of them may be found, without it every one
#	must be, or the search proves nothing.

use strict;
use warnings FATAL => 'all';

use FindBin;
use IPC::Run;
use lib $FindBin::RealBin;

use CipguardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('redact',
	conf => "shared_preload_libraries = 'cipguard,pg_stat_statements,auto_explain'\n"
	  . "logging_collector = on\nlog_destination = 'stderr,csvlog,jsonlog'\nlog_filename = 'server.log'\n"
	  . "log_rotation_size = 0\nlog_rotation_age = 0\n"
	  . "log_statement = all\nlog_min_duration_statement = 0\nlog_min_messages = debug2\n"
	  . "log_min_error_statement = debug5\nlog_error_verbosity = verbose\n"
	  . "log_parameter_max_length = -1\nlog_parameter_max_length_on_error = -1\n"
	  . "auto_explain.log_min_duration = 0\nauto_explain.log_analyze = on\nauto_explain.log_verbose = on\n"
	  . "auto_explain.log_nested_statements = on\npg_stat_statements.track = all\n"
	  . "compute_query_id = on\nrestart_after_crash = on\nmax_parallel_workers_per_gather = 0\n");
my $logs = $node->data_dir . '/log';
my $pg16 = $node->pg_version >= 16;

# A database without the extension, and one with it; the same tables in both.
my $tables = <<'SQL';
CREATE TABLE client (id int PRIMARY KEY, name text NOT NULL, mobile text UNIQUE, n int8, CHECK (n <> 0));
CREATE TABLE orders (id int PRIMARY KEY, note text, n int8);
CREATE FUNCTION find_client(m text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN RETURN (SELECT count(*) FROM client WHERE mobile = m); END $$;
CREATE FUNCTION fail_client(m text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN RETURN (SELECT n / (n - n) FROM client WHERE mobile > m OR name = m OR true LIMIT 1); END $$;
CREATE FUNCTION fail_input(m text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN RETURN m::bigint; END $$;
CREATE FUNCTION find_sql(m text) RETURNS SETOF client LANGUAGE sql AS $$ SELECT * FROM client WHERE mobile = m $$;
CREATE FUNCTION folded(m text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN upper(m); END $$;
CREATE PROCEDURE touch(m text) LANGUAGE plpgsql AS $$ BEGIN UPDATE client SET name = m WHERE id = 3; END $$;
INSERT INTO client SELECT i, 'name' || i, 'mobile' || i, i FROM generate_series(1, 3) i;
INSERT INTO orders SELECT i, 'note' || i, i FROM generate_series(1, 3) i;
SQL
$node->safe_psql('postgres', 'CREATE DATABASE plain');
$node->safe_psql('plain', $tables);
as($node, undef, 'CREATE EXTENSION cipguard CASCADE; CREATE EXTENSION pg_stat_statements');
as($node, undef, roles_sql());
as($node, undef, $tables);
as($node, undef, "SECURITY LABEL FOR cipguard ON COLUMN client.mobile IS 'mobile';"
	  . "SECURITY LABEL FOR cipguard ON COLUMN client.name IS 'name';"
	  . "CREATE TABLE payer (mobile text, n int8); SECURITY LABEL FOR cipguard ON COLUMN payer.mobile IS 'mobile'");

# What is on its way when the statement runs; the client must not see it.
my $running = '(SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid())';

# %S is replaced by a text, %N by a number.
my @cases = (
	'constants' => "SELECT * FROM client WHERE mobile = '%S' AND n = %N",
	'negative and list' => "SELECT * FROM client WHERE n IN (-%N, 5, %N.5) OR mobile IN (E'\\'%S', U&'%S', \$q\$%S\$q\$)",
	'comment' => "/* %S */ SELECT * FROM client -- %N\n WHERE id = 1",
	'running' => "SELECT $running, count(*) FROM client WHERE mobile = '%S' AND n = %N",
	'running in a function' => "SELECT $running, find_client('%S'), %N",
	'insert' => "INSERT INTO client VALUES (%N % 1000000 + 10, '%S', '%S', %N)",
	'insert of many' => "INSERT INTO client SELECT 0, '%S', '%S', %N WHERE false",
	'returning' => "UPDATE client SET name = '%S', n = %N WHERE id = 2 RETURNING $running",
	'delete' => "DELETE FROM client WHERE mobile = '%S' OR n = %N",
	'merge' => "MERGE INTO client USING (VALUES ('%S', %N)) v (m, n) ON mobile = m WHEN MATCHED THEN UPDATE SET n = v.n",
	'on conflict' => "INSERT INTO client VALUES (1, '%S', '%S', %N) ON CONFLICT (id) DO UPDATE SET name = excluded.name",
	'cte' => "WITH c AS (SELECT * FROM client WHERE mobile = '%S') SELECT * FROM c WHERE n = %N",
	'two statements' => "SELECT 1\\; SELECT * FROM client WHERE mobile = '%S' AND n = %N",
	'second not reached' => "SELECT 1/0\\; SELECT * FROM client WHERE mobile = '%S' AND n = %N",
	'in a transaction' => "BEGIN\\; SELECT * FROM client WHERE mobile = '%S' AND n = %N\\; COMMIT",
	'prepare' => "PREPARE p (text) AS SELECT * FROM client WHERE mobile = \$1 AND name = '%S' AND n = %N",
	'execute' => "PREPARE q (text, int8) AS SELECT * FROM client WHERE mobile = \$1 AND n = \$2;\nEXECUTE q ('%S', %N);\nDEALLOCATE q",
	'cursor' => "BEGIN;\nDECLARE c CURSOR FOR SELECT * FROM client WHERE mobile <> '%S' AND n <> %N;\nFETCH c;\nCOMMIT",
	'explain' => "EXPLAIN SELECT * FROM client WHERE mobile = '%S' AND n = %N",
	'explain analyze' => "EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM client WHERE mobile = '%S' AND n = %N",
	'create table as' => "CREATE TEMP TABLE copied AS SELECT * FROM client WHERE mobile = '%S' OR n = %N;\nDROP TABLE copied",
	'view' => "CREATE TEMP VIEW v AS SELECT * FROM client WHERE mobile = '%S' OR n = %N;\nDROP VIEW v",
	'index' => "CREATE INDEX partial ON client (id) WHERE n <> %N;\nDROP INDEX partial;\nSELECT '%S' FROM client",
	'default' => "ALTER TABLE client ALTER name SET DEFAULT '%S', ALTER n SET DEFAULT %N",
	'comment on' => "COMMENT ON TABLE client IS '%S %N'",
	'do' => "DO \$\$ BEGIN PERFORM 1 FROM client WHERE mobile = '%S' AND n = %N; END \$\$",
	'do execute' => "DO \$\$ BEGIN EXECUTE format('SELECT 1 FROM client WHERE mobile = %%L', '%S') || ' AND n = %N'; END \$\$",
	'do error' => "DO \$\$ BEGIN EXECUTE 'SELECT n / 0 FROM client WHERE mobile <> ''%S'' AND n <> %N'; END \$\$",
	'do unparsable' => "DO \$\$ BEGIN EXECUTE 'SELECT n FROM FROM client WHERE mobile <> ''%S'' AND n <> %N'; END \$\$",
	'call' => "CALL touch('%S %N')",
	'plpgsql' => "SELECT find_client('%S %N')",
	'sql function' => "SELECT * FROM find_sql('%S %N')",
	'error in a function' => "SELECT fail_client('%S %N')",
	'input in a function' => "SELECT fail_input('%S %N')",
	'create function' => "CREATE FUNCTION pg_temp.f() RETURNS bigint LANGUAGE sql AS \$\$ SELECT count(*) FROM client WHERE mobile = '%S' AND n = %N \$\$",
	'bad function' => "CREATE FUNCTION pg_temp.g() RETURNS bigint LANGUAGE sql AS \$\$ SELECT nowhere FROM client WHERE mobile = '%S' AND n = %N \$\$",
	'copy query' => "COPY (SELECT * FROM client WHERE mobile = '%S' OR n = %N) TO stdout",
	'copy bad value' => "COPY client FROM stdin;\nx%N\t%S\t%S\t1\n\\.\n",
	'copy long line' => "COPY client FROM stdin;\n1\t%S\t%S\t1\t%N\n\\.\n",
	'copy duplicate' => "COPY client FROM stdin;\n1\t%S\t%S\t%N\n\\.\n",
	'copy csv' => "COPY client FROM stdin (FORMAT csv);\n1,\"%S\nPL/pgSQL function %S\",x,a%N\n\\.\n",
	'division' => "SELECT n / (n - n) FROM client WHERE mobile <> '%S' AND n <> %N",
	'input of integer' => "SELECT * FROM client WHERE n = '%S%N'",
	'input at run time' => "SELECT (name || '%S%N')::int FROM client WHERE id = 1",
	'json' => "SELECT * FROM client WHERE name = ('{\"a\": %N %S}'::json)::text",
	'date' => "SELECT * FROM client WHERE name = ('%S %N'::date)::text",
	'duplicate' => "INSERT INTO client VALUES (1, '%S', '%S', %N)",
	'check' => "INSERT INTO client VALUES (77, '%S %N', '%S', 0)",
	'not null' => "INSERT INTO client VALUES (77, NULL, '%S', %N)",
	'unknown column' => "SELECT nowhere FROM client WHERE mobile = '%S' AND n = %N",
	'unknown table' => "SELECT * FROM clinet WHERE mobile = '%S' AND n = %N",
	'unknown relation in a cast' => "SELECT * FROM client WHERE id = '%S%N'::regclass",
	'no operator' => "SELECT * FROM client WHERE mobile = %N AND name = '%S'",
	'unknown function' => "SELECT missing('%S', %N) FROM client",
	'syntax' => "SELECT * FROM client WHERE mobile = '%S' AND AND n = %N",
	'syntax at a value' => "SELECT * FROM client WHERE mobile '%S' AND n = %N",
	'missing quote' => "DO LANGUAGE 'plpgsql' \$x\$ BEGIN EXECUTE 'SELECT * FROM client WHERE mobile = '%S' OR n = %N'; END \$x\$",
	'undoubled quote' => "SELECT * FROM client WHERE name = 'O'%S' AND n = '%N'",
	'wrong quotes' => "SELECT * FROM client WHERE n = \"%N\" AND mobile = '%S'",
	'trees' => "SET debug_print_parse = on; SET debug_print_plan = on;\nSELECT * FROM client WHERE mobile = '%S' AND n = %N;\nRESET debug_print_parse; RESET debug_print_plan",
	'json plan' => "SET auto_explain.log_format = json;\nSELECT *, '%S\"<\\' FROM client WHERE mobile = '%S' AND n = %N;\nRESET auto_explain.log_format",
	'xml plan' => "SET auto_explain.log_format = xml;\nSELECT *, '%S\"<\\', %N FROM client WHERE mobile = '%S' AND n = %N;\nRESET auto_explain.log_format",
	'yaml plan' => "SET auto_explain.log_format = yaml;\nSELECT *, '%S\"<\\' FROM client WHERE mobile = '%S' AND n = %N;\nRESET auto_explain.log_format",
	'aborted transaction' => "BEGIN;\nSELECT 1/0;\nSELECT * FROM client WHERE mobile = '%S' AND n = %N;\nROLLBACK",
	'old strings' => "SET standard_conforming_strings = off;\nSELECT * FROM client WHERE mobile = 'a\\'b%S' AND n = %N;\nRESET standard_conforming_strings",
	'other language' => "SET lc_messages = 'de_DE.UTF-8';\nSELECT * FROM client WHERE n = '%S%N';\nRESET lc_messages",
	'encrypted' => "SELECT '%S%N'::cipguard.enc_text('name') IS NULL",
	'own function' => "SELECT cipguard.mask('%S%N', 'name')",
	'folded' => "SELECT folded('%S%N')",
	'folded, prepared' => "PREPARE q AS SELECT folded('%S%N');\nEXECUTE q;\nEXECUTE q;\nDEALLOCATE q",
	'encrypted in a function' => "DO \$\$ DECLARE e cipguard.enc_text('name') := '%S%N'; BEGIN END \$\$",
	'alter role' => "ALTER ROLE clerk PASSWORD '%S%N'",
	'nothing but a comment' => "-- %S %N\n/* %S */ \\;");
push @cases,
  'bind' => "SELECT * FROM client WHERE mobile = \$1 AND n = \$2 \\bind '%S' %N \\g",
  'bind of a wrong value' => "SELECT * FROM client WHERE mobile = \$1 AND n = \$2 \\bind '%S' x%N \\g",
  'bind and fail' => "SELECT n / (n - n) FROM client WHERE mobile <> \$1 AND n <> \$2 \\bind '%S' %N \\g"
  if `psql --version` =~ /\) (\d+)/ && $1 >= 16;

# Extended protocol, by pgbench.
my @bound = (
	'prepared' => 'SELECT * FROM client WHERE mobile = :s AND n = :n',
	'prepared update' => 'UPDATE client SET name = :s WHERE n = :n',
	'prepared, in a function' => 'SELECT find_client(:s), :n::int8',
	'prepared, folded' => "SELECT folded('x' || :s), :n::int8",
	'prepared and failing' => 'SELECT n / (n - n) FROM client WHERE mobile <> :s AND n <> :n',
	'prepared, wrong value' => 'SELECT * FROM client WHERE n = :s AND id <> :n');

# pg_stat_statements keeps comments.  What an error of a constraint says of
# values is withheld anyway.
my %kept_comment = map { $_ => 1 } ('comment', 'nothing but a comment');
my %withheld = map { $_ => 1 } ('copy duplicate');

sub text_of { return sprintf('QzS%s%03dzQ', @_); }
sub number_of { return sprintf('7%s550%03d551', $_[0] eq 'on' ? 1 : 2, $_[1]); }

# Wait until all logs have a mark.
my $marks = 0;
sub logs_flushed
{
	my $mark = 'done_' . ++$marks . '_done';
	$node->safe_psql('plain', "SELECT 1 AS $mark");
	foreach my $file ("$logs/server.log", "$logs/server.csv", "$logs/server.json")
	{
		my $tries = 0;
		while (!find_bytes([$file], $mark))
		{
			die "no mark in $file" if $tries++ > 300;
			select(undef, undef, undef, 0.1);
		}
	}
}

# Run all cases.  Returns what is in the logs, and what a look at the idle
# session and into the results showed.
sub run_cases
{
	my ($mode) = @_;
	my $idle = "$PostgreSQL::Test::Utils::tmp_check/idle_$mode";
	my $script = "SET application_name = 'case';\n";
	my $number = 0;
	my $seen = '';

	for (my $i = 0; $i < @cases; $i += 2)
	{
		my $sql = $cases[ $i + 1 ];
		my ($s, $n) = (text_of($mode, $number), number_of($mode, $number));
		$sql =~ s/%S/$s/g;
		$sql =~ s/%N/$n/g;
		$sql .= ";" unless $sql =~ /\n\\\.\n$|\\g$/;
		$script .= "\\echo CASE $number\n$sql\n"
		  . "\\! psql -XAtq -d postgres -c \"SELECT query FROM pg_stat_activity WHERE application_name = 'case'\" >> $idle\n";
		$number++;
	}
	write_file("$idle.sql", $script);
	$node->command_checks_all([ 'psql', '-X', '-d', $node->connstr('postgres'), '-f', "$idle.sql" ],
		0, [qr/CASE/], [qr/ERROR/], "redact_log $mode: all statements are sent");
	# Once more, to be logged when they are done.
	$script =~ s/^\\!.*\n//mg;
	write_file("$idle.sql", $script);
	local $ENV{PGOPTIONS} = '-c log_statement=none -c auto_explain.log_min_duration=-1';
	$node->command_checks_all([ 'psql', '-X', '-d', $node->connstr('postgres'), '-f', "$idle.sql" ],
		0, [qr/CASE/], [qr/ERROR/], 'and once more');
	for (my $i = 0; $i < @bound; $i += 2, $number++)
	{
		my $file = write_file("$idle.$i.sql", $bound[ $i + 1 ] . ";\n");
		foreach my $protocol ('extended', 'prepared')
		{
			foreach my $statement ('all', 'none')
			{
				local $ENV{PGOPTIONS} = "-c log_statement=$statement";
				system_log('pgbench', '-n', '-t', 2, '-M', $protocol, '-D', 's=' . text_of($mode, $number),
					'-D', 'n=' . number_of($mode, $number), '-f', $file, $node->connstr('postgres'));
			}
		}
	}
	logs_flushed();
	return ($number, slurp_file($idle),
		$node->safe_psql('postgres', 'SELECT query FROM pg_stat_statements'));
}

sub name_of
{
	my ($number) = @_;
	return (@cases, @bound)[ 2 * $number ];
}

# What is harmless is shown.
$node->safe_psql('plain', "SELECT * FROM client WHERE mobile = 'inPlain' AND n = 81");
{
	local $ENV{PGOPTIONS} = '-c log_statement=none';
	$node->psql('postgres', "SELECT * FROM orders WHERE note = 'inOrders' AND n = 82");
	$node->psql('postgres', "INSERT INTO orders VALUES (83, 'intoOrders')");
	$node->psql('postgres', "SELECT n / 0 FROM orders WHERE note <> 'ofOrders' AND n <> 84");
}
is($node->safe_psql('postgres', "SELECT $running FROM orders WHERE note <> 'atOrders' LIMIT 1"),
	"SELECT $running FROM orders WHERE note <> 'atOrders' LIMIT 1", 'what is harmless is shown in pg_stat_activity');

# Texts that come again, in turns.
my ($turns, $turned) =
  map { my $rest = $_; join("\n", map { "SELECT $running AS t$_ FROM client WHERE mobile <> $rest;" } (10 .. 49) x 2) } ("'turn' OR true LIMIT 1", '? OR ? LIMIT ?');
is($node->safe_psql('postgres', $turns), $turned, 'what comes again is redacted again');
logs_flushed();
{
	my $log = slurp_file("$logs/server.log");
	ok(index($log, $_) >= 0, "and logged: $_") foreach (
		"statement: SELECT * FROM client WHERE mobile = 'inPlain' AND n = 81",
		"Index Cond: (client.mobile = 'inPlain'::text)",
		"ms  statement: SELECT * FROM orders WHERE note = 'inOrders' AND n = 82",
		"Filter: ((orders.note = 'inOrders'::text) AND (orders.n = 82))",
		"ms  statement: INSERT INTO orders VALUES (83, 'intoOrders')",
		"STATEMENT:  SELECT n / 0 FROM orders WHERE note <> 'ofOrders' AND n <> 84");
	like($log, qr/statement: SELECT \(SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid\(\)\) FROM orders WHERE note <> \? LIMIT \?/,
		'but not before it is known to be');
}

# Parallel workers show the text of their leader.
{
	as($node, undef, 'CREATE TABLE big AS SELECT i AS id, i::text AS mobile FROM generate_series(1, 2000) i;'
		  . "SECURITY LABEL FOR cipguard ON COLUMN big.mobile IS 'mobile'; ALTER TABLE big SET (parallel_workers = 2)");
	my ($out, $err) = ('', '');
	my $session = IPC::Run::start(
		[ 'psql', '-X', '-d', $node->connstr('postgres'), '-c',
			"SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET max_parallel_workers_per_gather = 2; SET min_parallel_table_scan_size = 0;"
			  . "SELECT count(*) FROM big WHERE id <> 7155099551 AND pg_sleep(1) IS NOT NULL" ],
		'>', \$out, '2>', \$err);
	ok($node->poll_query_until('postgres',
			"SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'parallel worker' AND query LIKE '%FROM big WHERE id <> ?%'"),
		'workers show a redacted statement');
	is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE query ~ '7155099[5]51'"), '0', 'and so does their leader');
	$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%FROM big WHERE%' AND backend_type = 'client backend' AND pid <> pg_backend_pid()");
	$session->finish;
	logs_flushed();
	is(join(' ', find_bytes([ grep { /server/ } files_below($logs) ], '7155099551')), '', 'even when it is terminated');
}

# Statements of other processes, which wait for a lock while they are analyzed:
# what they report is not redacted yet.  One is in a deadlock, one is killed.
sub run_others
{
	my ($mode) = @_;
	my @where = map { sprintf("= '%s' AND n = %s", text_of($mode, 900 + $_), number_of($mode, 900 + $_)) } 0 .. 3;
	# Where a string ends depends on what a backslash means.
	$where[2] =~ s/'/'\\' AND mobile <> '/;
	my $waits = sub {
		$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'") or die;
	};
	my $first = $node->background_psql('postgres', on_error_stop => 0);
	my $second = $node->background_psql('postgres', on_error_stop => 0);
	foreach my $i (0, 2)
	{
		$first->query("BEGIN; SET LOCAL deadlock_timeout = '10s'; LOCK TABLE client");
		$second->query("BEGIN; SET LOCAL deadlock_timeout = '100ms'; LOCK TABLE payer");
		$first->query_until(qr/started/, "\\echo started\nSELECT * FROM payer WHERE mobile $where[$i];\n");
		$waits->();
		$second->query('SELECT * FROM client WHERE mobile ' . $where[ $i + 1 ]);
		$_->query('ROLLBACK') foreach $first, $second;
	}
	$first->query('BEGIN; LOCK TABLE client');
	my ($pid) = $second->query('SELECT pg_backend_pid()') =~ /(\d+)/;
	$second->query_until(qr/started/, sprintf("\\echo started\nSELECT * FROM client WHERE mobile = '%s' AND n = %s;\n", text_of($mode, 904), number_of($mode, 904)));
	$waits->();
	kill('KILL', $pid) or die;
	eval { $_->quit } foreach $first, $second;
	$node->poll_query_until('postgres', "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $pid)") or die;
	wait_up($node);
	logs_flushed();
	return 900 .. 904;
}

foreach my $mode ('on', 'off')
{
	$node->append_conf('postgresql.conf', "cipguard.redact_log = $mode\n");
	$node->reload;
	$node->poll_query_until('postgres', "SELECT current_setting('cipguard.redact_log') = '$mode'") or die;
	$node->safe_psql('postgres', 'SELECT pg_stat_statements_reset()');
	my ($count, $idle, $statements) = run_cases($mode);
	my @others = run_others($mode);
	my @files = grep { /server/ } files_below($logs);
	my $both = join('', map { slurp_file($_) } @files);
	my (@shown, @hidden);

	foreach my $number (0 .. $count - 1)
	{
		my ($s, $n) = (text_of($mode, $number), number_of($mode, $number));
		my @where = grep { defined } (
			$both =~ /(^.*(?:$s|$n).*$)/m ? "log: $1" : undef,
			$idle =~ /(^.*(?:$s|$n).*$)/m ? "pg_stat_activity: $1" : undef,
			!$kept_comment{ name_of($number) }
			  && $statements =~ /(^.*(?:$s|$n).*$)/m ? "pg_stat_statements: $1" : undef);
		push @shown, name_of($number) . ": $_" foreach @where;
		push @hidden, name_of($number)
		  unless $withheld{ name_of($number) } || index($both, $s) >= 0 || index($both, $n) >= 0;
	}
	foreach my $number (@others)
	{
		push @shown, "of another process: $1" while $both =~ /(^.*(?:@{[ text_of($mode, $number) ]}|@{[ number_of($mode, $number) ]}).*$)/mg;
		push @hidden, "of another process: $number" unless index($both, text_of($mode, $number)) >= 0;
	}
	if ($mode eq 'on')
	{
		is(join("\n", @shown), '', 'no value is shown');
		ok($both =~ /$_->[1]/, $_->[0]) foreach (
			[ 'statements are', qr/LOG:  00000: statement: SELECT \* FROM client WHERE mobile = \? AND n = \?;$/m ],
			[ 'with errors, too', qr/STATEMENT:  SELECT nowhere FROM client WHERE mobile = \? AND n = \?;$/m ],
			[ 'and names in messages', qr/column "nowhere" does not exist/ ],
			[ 'and where it happened', qr/CONTEXT:  PL\/pgSQL function fail_input\(text\) line 2 at RETURN/ ],
			[ 'and plans', qr/Filter: .*client\.mobile.* = \?/ ],
			[ 'and what is done', qr/duration: \S+ ms  statement: SELECT \* FROM client WHERE mobile = \? AND n = \?;$/m ],
			[ 'and what is prepared', qr/duration: \S+ ms  execute P\S+: SELECT \* FROM client WHERE mobile = \$1 AND n = \$2;$/m ],
			[ 'and those of a deadlock', qr/Process \d+ waits for [^\n]*\n\tProcess \d+ waits for [^\n]*\n\tProcess \?: SELECT \* FROM client WHERE mobile = \? AND n = \? ; Process \?: SELECT/ ],
			[ 'if they can be read', qr/Process \d+ waits for [^\n]*\n\tProcess \d+ waits for [^\n]*\n\t\?\n/ ],
			[ 'and that of a process that died', qr/Failed process was running: SELECT \* FROM client WHERE mobile = \? AND n = \? ?;$/m ],
			[ 'and that there are parameters', qr/DETAIL:  parameters: \$1 = \?, \$2 = \?$/mi ]);
		like($idle, qr/^SELECT \* FROM client WHERE mobile = \? AND n = \?/m, 'and in pg_stat_activity');
	}
	else
	{
		is(join("\n", @hidden), '', 'without it every value is shown');
	}
}

done_testing();
