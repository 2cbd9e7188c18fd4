# 197_canary.pl
#	Neither a value of any encrypted type, nor a key, is in a log, view, error,
#	statistic, file or core dump of the server.
#
#	Values go in by literals, parameters and COPY, good and bad ones, while
#	everything that PostgreSQL can log is logged; keys are unwrapped by this
#	script, from the key-encryption key that it made and the table of keys.  A
#	control value in a table that cipguard does not know of, and the tokens
#	and wrapped keys themselves, must be found: a search that cannot fail
#	proves nothing.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use CipguardTest;
use IPC::Run;
use MIME::Base64;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('canary',
	conf => "shared_preload_libraries = 'cipguard,pg_stat_statements,auto_explain'\n"
	  . "cipguard.redact_log = on\nlog_statement = all\nlog_min_duration_statement = 0\nlog_min_messages = debug2\n"
	  . "log_min_error_statement = debug5\nlog_error_verbosity = verbose\n"
	  . "log_parameter_max_length = -1\nlog_parameter_max_length_on_error = -1\n"
	  . "auto_explain.log_min_duration = 0\nauto_explain.log_analyze = on\nauto_explain.log_verbose = on\n"
	  . "auto_explain.log_nested_statements = on\npg_stat_statements.track = all\n"
	  . "compute_query_id = on\ntrack_activity_query_size = 100kB\nrestart_after_crash = on\nwal_level = logical\n");
as($node, undef, 'CREATE EXTENSION cipguard CASCADE; CREATE EXTENSION pg_stat_statements');
as($node, undef, roles_sql());
as($node, undef, typed_sql());
as($node, undef, 'SELECT app.insert_typed(1, 300)');
my @types = split(/\n/, as($node, undef, 'SELECT name FROM app.typed ORDER BY name'));
as($node, undef, "SELECT cipguard.audit_table('app.t_' || name), cipguard.grant_access('owner', 't_' || name) FROM app.typed; CREATE TABLE app.control (v text)");

# Literals, and what each looks like where it would have leaked.
my %canary = (
	text => [ 'QzCANARYzQ%d', 'QzCANARYzQ' ],
	int8 => [ '77123456789000%03d', '77123456789000' ],
	numeric => [ '7712345678.9000%03d', '7712345678.9000' ],
	date => [ '7712-03-%02d', '7712-03-' ],
	timestamptz => [ '7712-04-05 06:07:08.%06d+00', '7712-04-05 06:07' ],
	uuid => [ '77123456-7890-4aaa-8bbb-%012d', '77123456-7890-4aaa' ],
	inet => [ '2001:db8:7712:3456::%d', '2001:db8:7712:3456' ],
	jsonb => [ '{"QzCANARYzQ": %d}', 'QzCANARYzQ' ],
	bytea => [ '\x7712345678abcdef%04d', '7712345678abcdef' ],);
@types = grep { exists $canary{$_} } @types;
my %needles = map { $_ => 1 } typed_needles(), map { $canary{$_}[1] } @types;
my @needles = sort keys %needles;
my $n = 0;

sub value
{
	my ($type) = @_;
	return sprintf($canary{$type}[0], ++$n % 28 + 1);
}

my $dir = PostgreSQL::Test::Utils::tempdir();
my ($seen, $refused) = ('', 0);

# What a client gets to see: errors must not repeat values either.
sub try
{
	my ($role, $sql) = @_;
	my ($out, $err, $rc) = run_as($node, $role, $sql, stop => 0);
	# psql itself prints the line of the statement that the position points to.
	$err =~ s/^LINE \d+:.*\n.*\^\n//mg;
	$err =~ s/^psql:.*?(?:ERROR|FATAL)/ERROR/mg;
	$refused++ if $err =~ /ERROR/;
	$seen .= "-- $sql\n$err" if grep { index($err, $_) >= 0 } @needles;
	return $out;
}

# pgbench sends variables as parameters.
sub by_parameter
{
	my ($mode, $value, $sql) = @_;
	my $file = write_file("$dir/script", "$sql;\n");
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'pgbench', '-n', '-t', '2', '-M', $mode, '-D', "v=$value", '-f', $file, '-U', 'reader', '-h', $node->host, '-p', $node->port, 'postgres' ], '>', \$out, '2>', \$err);
	return;
}

foreach my $type (@types)
{
	my $t = "app.t_$type";
	my $id = 1000;
	try('reader', sprintf("INSERT INTO $t (id, v) VALUES (%d, '%s')", ++$id, value($type)));
	try('reader', sprintf("UPDATE $t SET v = '%s', vs = ARRAY['%s', '%s']::cipguard.enc_$type\[] WHERE id = %d", value($type), value($type), value($type), $id));
	try('reader', sprintf("PREPARE p AS INSERT INTO $t (id, v) VALUES (\$1, \$2); EXECUTE p (%d, '%s'); EXECUTE p (%d, '%s')", ++$id, value($type), ++$id, value($type)));
	try('reader', sprintf("SELECT id FROM $t WHERE v = '%s' OR v = ANY ('{\"%s\"}')", value($type), value($type) =~ s/(["\\])/\\$1/gr));
	try('reader', sprintf("EXPLAIN (ANALYZE, VERBOSE) SELECT id FROM $t WHERE v = '%s'", value($type)));
	try('reader', sprintf("DO \$\$ BEGIN UPDATE $t SET v = '%s' WHERE id = 1001; PERFORM 1 FROM $t WHERE v = '%s'; END \$\$", value($type), value($type)));
	try('clerk', sprintf("INSERT INTO $t (id, v) VALUES (%d, '%s')", ++$id, value($type)));
	by_parameter('extended', value($type), "UPDATE $t SET v = :v WHERE id = 1002");
	by_parameter('prepared', value($type), "SELECT id FROM $t WHERE v = :v");
	my $line = value($type) =~ s/\\/\\\\/gr;
	try('reader', sprintf("COPY $t (id, v) FROM STDIN;\n%d\t%s\n\\.\n", ++$id, $line));

	# What is refused: by the type, a constraint, COPY, a subquery.
	foreach my $role ('reader', 'clerk')
	{
		my $bad = $type eq 'text' ? 'cip1:' . value($type) : 'x' . value($type) . 'x';
		try($role, "INSERT INTO $t (id, v) VALUES (2000, '$bad')");
		try($role, "SELECT id FROM $t WHERE v = '$bad'");
		try($role, "SELECT '$bad'::cipguard.enc_$type");
		try($role, "COPY $t (id, v) FROM STDIN;\n2000\t" . ($bad =~ s/\\/\\\\/gr) . "\n\\.\n");
		try($role, "INSERT INTO $t (id, v) VALUES (1, '" . value($type) . "')");
		try($role, "COPY $t (id, v) FROM STDIN;\n1\t$line\n\\.\n");
		try($role, "INSERT INTO $t (id, v) VALUES (NULL, '" . value($type) . "')");
		try($role, "UPDATE $t SET id = 1, v = '" . value($type) . "' WHERE id = 2");
		by_parameter('extended', $bad, "INSERT INTO $t (id, v) VALUES (2000, :v)");
		by_parameter('prepared', value($type), "INSERT INTO $t (id, v) VALUES (1, :v)");
	}
	as($node, 'owner', "ALTER TABLE $t ADD CONSTRAINT few CHECK (id < 3000)");
	try('reader', "INSERT INTO $t (id, v) VALUES (3000, '" . value($type) . "')");
	try('reader', "BEGIN; SET LOCAL cipguard.output = auto; SELECT v, vs FROM $t WHERE id < 10; SELECT 1 / (id - id) FROM $t WHERE v = '" . value($type) . "' OR id = 1; ROLLBACK");
}
cmp_ok($refused, '>', 10 * @types, 'much was refused');
is($seen, '', 'no error repeats a value');

# Statistics.
as($node, undef, 'ANALYZE; SELECT pg_stat_force_next_flush()');
as($node, undef, "INSERT INTO app.control VALUES ('CONTROL' || 'zVALUE'); SELECT 'CONTROLzQUERY'");

# What another session is seen to be doing, and dies of.
my ($in, $out, $err) = ('', '', '');
my $busy = IPC::Run::start([ 'psql', '-X', '-q', '-U', 'reader', '-d', $node->connstr('postgres') . ' application_name=busy', '-c', 'SET statement_timeout = 0', '-c', "UPDATE app.t_text SET v = '" . value('text') . "' WHERE id = 1 AND pg_sleep(600) IS NOT NULL" ], '<', \$in, '>', \$out, '2>', \$err);
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'busy' AND wait_event = 'PgSleep'");

# 2. Keys: unwrapped here, by RFC 5649 with the AES of openssl.
my ($hex) = slurp_file(new_kek('main')) =~ /([0-9a-f]{64})/;

sub aes_decrypt
{
	my ($block) = @_;
	my ($plain, $e) = ('', '');
	IPC::Run::run([ 'openssl', 'enc', '-d', '-aes-256-ecb', '-nopad', '-K', $hex ], '<', \$block, '>', \$plain, '2>', \$e) or die $e;
	return $plain;
}

sub unwrap
{
	my @r = unpack('(a8)*', pack('H*', $_[0]));
	my $a = shift @r;
	foreach my $j (reverse 0 .. 5)
	{
		foreach my $i (reverse 0 .. $#r)
		{
			my $t = @r * $j + $i + 1;
			($a, $r[$i]) = unpack('(a8)2', aes_decrypt(($a ^ pack('NN', 0, $t)) . $r[$i]));
		}
	}
	my ($magic, $length) = unpack('NN', $a);
	# What it is for stands before the key.
	die 'a key does not unwrap' unless $magic == 0xA65959A6 && $length == 39;
	return substr(join('', @r), $length - 32, 32);
}

my $use = as($node, undef, "SELECT concat_ws(' ', kind, coalesce(owner_name, owner::text), encode(wrapped, 'hex')) FROM cipguard.data_key WHERE state <> 'destroyed' AND (kind = 's' OR owner IN (SELECT cipguard.category_id('t_' || n) FROM unnest('{text,int8,date}'::text[]) n)) ORDER BY 1");
# Contexts of OpenSSL that are kept for speed hold what is derived from data
# keys: that is in a core dump, and not looked for here.
my %keys = ('key-encryption key' => pack('H*', $hex));
foreach my $line (split(/\n/, $use))
{
	my ($kind, $owner, $key) = $line =~ /^(.) (\S+) (\S+)$/ or die $line;
	$keys{"key $kind of $owner"} = unwrap($key);
}
cmp_ok(scalar(keys %keys), '>=', 3, 'keys were unwrapped: ' . join(', ', sort keys %keys));

# A key in any form in which it might be printed.
my %forms;
foreach my $name (sort keys %keys)
{
	my $key = $keys{$name};
	my $base64 = encode_base64($key, '');
	$forms{$key} = "$name, raw";
	$forms{ unpack('H*', $key) } = "$name, hexadecimal";
	$forms{ uc unpack('H*', $key) } = "$name, hexadecimal";
	$forms{ substr($base64, 0, 40) } = "$name, base64";
	$forms{ substr($base64, 0, 40) =~ tr{+/}{-_}r } = "$name, base64url";
}
my @forms = keys %forms;

sub none_of
{
	my ($files, $where, @what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @found = find_bytes($files, @what);
	# Never the key itself in the output of a test.
	foreach my $form (@forms) { s/: \Q$form\E$/: $forms{$form}/ foreach @found; }
	return is(scalar(@found), 0, $where) || (diag(join("\n", @found[ 0 .. ($#found < 20 ? $#found : 20) ])), 0)[1];
}

# 3. Every relation, as text: catalogs, views, statistics, our tables.
sub dump_all
{
	my ($file) = @_;
	my $list = as($node, undef, "SELECT format('SELECT t::text FROM %s t;', oid::regclass) FROM pg_class WHERE relkind IN ('r', 'v', 'm', 'p', 'S') AND relnamespace <> 'app'::regnamespace ORDER BY oid");
	my $e = '';
	IPC::Run::run([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ], '<', \$list, '>', $file, '2>', \$e);
	return;
}
dump_all("$dir/relations");
cmp_ok(scalar(find_bytes(["$dir/relations"], 'CONTROLzQUERY', 'cipguard_enc_text_in', 'redact_log', 'PgSleep')), '>=', 2, 'relations were printed');
none_of(["$dir/relations"], 'no value in a catalog, view or statistic', @needles);
none_of(["$dir/relations"], 'no key in a catalog, view or statistic', @forms);
my ($wrapped) = $use =~ /^\S+ \S+ ([0-9a-f]+)/;
is(scalar(find_bytes(["$dir/relations"], $wrapped)), 1, 'wrapped keys are in their table, and found');

# 4. A core dump of a process that has used the keys.
SKIP:
{
	my $session = $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', 'reader' ]);
	$session->query('SET statement_timeout = 0');
	my $pid = $session->query('SELECT pg_backend_pid()') =~ /(\d+)/ ? $1 : die;
	like($session->query("SELECT count(v::text), count(*) FILTER (WHERE v = '" . value('text') . "') FROM app.t_text"), qr/\d/, 'a session uses keys');
	my ($o, $e) = ('', '');
	my $ok = eval { IPC::Run::run([ 'gcore', '-o', "$dir/core", $pid ], '>', \$o, '2>', \$e) };
	$session->quit;
	skip 'gcore is not there or may not', 5 unless $ok && -e "$dir/core.$pid";
	my $core = "$dir/core.$pid";
	cmp_ok(-s $core, '>', 1000000, 'core dump of a session');
	my $kek = pack('H*', $hex);
	none_of([$core], 'the key-encryption key is not in it', $kek, $hex, uc $hex);
	none_of([$core], 'nor are data keys and token keys', grep { $forms{$_} !~ /key-encryption/ } @forms);
	cmp_ok(scalar(find_bytes([$core], 'pg_backend_pid')), '>=', 1, 'but the last statements are');
	unlink $core;
	# So does the postmaster, which fetched it.
	my $postmaster = (split(/\n/, slurp_file($node->data_dir . '/postmaster.pid')))[0];
	IPC::Run::run([ 'gcore', '-o', "$dir/core", $postmaster ], '>', \$o, '2>', \$e);
	none_of(["$dir/core.$postmaster"], 'nor in one of the postmaster', $kek, $hex, uc $hex);
	unlink "$dir/core.$postmaster";
}

# 5. A crash: what the statement was is logged.
my $pid = as($node, undef, "SELECT pid FROM pg_stat_activity WHERE application_name = 'busy'");
kill 'ABRT', $pid;
$busy->finish;
wait_up($node);
like(slurp_file($node->logfile), qr/terminated by signal 6/, 'a session crashed');

# 6. All files, while the server runs and after it stopped.
as($node, undef, 'CHECKPOINT; SELECT pg_switch_wal()');
my $files = [ files_below($node->data_dir), $node->logfile ];
cmp_ok(scalar(find_bytes($files, 'CONTROLzVALUE')), '>=', 2, 'a plain value is in table and WAL');
cmp_ok(scalar(find_bytes([ $node->logfile ], 'CONTROLzQUERY')), '>=', 1, 'and a statement about nothing protected in the log');
none_of([ grep { !/\.log$/ } @$files ], 'no value in a file of the running server', @needles);
none_of([ $node->logfile ], 'no value in the log', @needles);
none_of($files, 'no key in a file or in the log', @forms);
$node->stop;
none_of([ files_below($node->data_dir), $node->logfile ], 'nor after the server has stopped', @needles, @forms);
done_testing();
