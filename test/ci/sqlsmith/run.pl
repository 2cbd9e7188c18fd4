# run.pl
#	Random statements in two worlds that must not be told apart; called by
#	../sqlsmith.sh, which says what for.
#
#	run.pl WORKER SEED SECONDS HOST PORT_MASKED PORT_VIEWS
#
# Runs batches of statements, each by one role, in two databases that differ in
# nothing but what masks hide (data.sql), and compares what psql prints: rows,
# errors, notices, plans.  A difference that shows again when the statement is
# run by itself depends on what is hidden, so it is a leak, in whatever
# encoding, be it one bit.  Besides, everything is searched for the hidden
# values themselves, for ciphertext, and for internal errors.
#
# Prints each finding with its statement; the last line is
# "statements=N succeeded=N undecided=N".

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use Mix;
use Secrets;

use constant {
	BATCH => 40,			# statements of one session
	MAX_FINDINGS => 12,		# then enough is known
};

my ($worker, $seed, $seconds, $host, @port) = @ARGV;
my %port = (masked => $port[0], views => $port[1]);
my $end = time + $seconds;
my ($batch, $statements, $succeeded, $undecided, $findings) = (0) x 5;
my $dir = "$ENV{CIPGUARD_WORK}/smith$worker";
mkdir $dir or die "$dir: $!";
$| = 1;
binmode(STDOUT, ':raw');

# Who runs statements, where; those who see least most often.
my @turns = (
	[qw(masked clerk)], [qw(masked marketer)], [qw(views clerk)], [qw(masked owner)], [qw(masked clerk)], [qw(masked postman)], [qw(masked marketer)], [qw(masked seeker)], [qw(masked pool)], [qw(views marketer)]);

my %ours = map { m{([^/]+)$} ? ($1 => 1) : () } glob('src/*.c');

# Lines of psql's input and output that separate statements.
my $mark = '@@item';

sub item_text
{
	my ($n, $sql) = @_;
	return "\\echo $mark $n\n\\warn $mark $n\nBEGIN;\n$sql\n\\echo \@\@state :SQLSTATE\nROLLBACK;\n";
}

# Start psql on items; returns what `finish` needs.
sub start
{
	my ($world, $server, $role, @items) = @_;
	my $base = "$dir/$world";
	open(my $fh, '>:raw', "$base.sql") or die "$base.sql: $!";
	print $fh "\\set VERBOSITY verbose\n\\set SHOW_CONTEXT always\n";
	print $fh item_text($_, $items[$_]) foreach 0 .. $#items;
	print $fh "\\echo $mark end\n\\warn $mark end\n";
	close($fh);
	my $pid = fork // die "fork: $!";
	return [ $pid, $base ] if $pid;
	%ENV = (PATH => $ENV{PATH}, PGHOST => $host, PGPORT => $port{$server}, PGUSER => $role, PGDATABASE => "w$worker$world", PGCLIENTENCODING => 'UTF8', PGAPPNAME => "batch $batch",
		PGOPTIONS => '-c statement_timeout=5s -c lock_timeout=2s -c search_path=play,app,public,cipguard -c TimeZone=UTC');
	open(STDIN, '<', "$base.sql") or die;
	open(STDOUT, '>', "$base.out") or die;
	open(STDERR, '>', "$base.err") or die;
	exec('psql', '-X', '-A', '-q') or die "psql: $!";
}

sub slurp { my ($f) = @_; open(my $fh, '<:raw', $f) or die "$f: $!"; local $/; return <$fh> // ''; }

# Wait for psql; returns its status, and output and errors of each item.
sub finish
{
	my ($pid, $base) = @{ $_[0] };
	waitpid($pid, 0);
	my $status = $? >> 8;
	my (@out, @err);
	foreach my $f ([ \@out, 'out' ], [ \@err, 'err' ])
	{
		my ($first, @chunk) = split(/^$mark (\d+|end)\n/m, slurp("$base.$f->[1]"));
		while (my ($n, $text) = splice(@chunk, 0, 2)) { $f->[0][$n] = $text // '' if $n ne 'end'; }
		$f->[0][0] = ($f->[0][0] // '') . $first if $f->[1] eq 'err';
	}
	return ($status, \@out, \@err);
}

# What may differ between two runs of the same.
sub normal
{
	my ($text) = @_;
	# The name of the database, in hexadecimal too.
	$text =~ s/\bw\d+[ab]\b/world/g;
	$text =~ s/77(3\d)+6[12](?=20)/world/g;
	$text =~ s/PID \d+/PID/g;
	$text =~ s/pg_(toast_)?temp_\d+/pg_temp/g;
	$text =~ s/cip1:[\w-]+/armor/g;
	return $text;
}

sub finding
{
	my ($what, $server, $role, $sql, $shown) = @_;
	$findings++;
	$shown = substr($shown, 0, 3000);
	print "FOUND   $what: $role, tables " . ($server eq 'masked' ? 'masked' : 'with masking views') . ", worker $worker, batch $batch\n$sql\n--\n$shown\n==\n";
	return;
}

# Lines that differ, with what they are in each world.
sub difference
{
	my ($x, $y) = @_;
	my @x = split(/\n/, $x);
	my @y = split(/\n/, $y);
	my @d;
	foreach my $i (0 .. ($#x > $#y ? $#x : $#y))
	{
		my ($p, $q) = ($x[$i] // '(nothing)', $y[$i] // '(nothing)');
		next if $p eq $q;
		# Of a long line what stands around the difference.
		my $common = ($p ^ $q) =~ /^(\0*)/ ? length($1) : 0;
		my $from = $common > 100 ? $common - 60 : 0;
		push @d, map { $_->[0] . substr($_->[1], $from < length($_->[1]) ? $from : 0, 240) } [ 'a: ', $p ], [ 'b: ', $q ];
	}
	return join("\n", @d[ 0 .. ($#d < 9 ? $#d : 9) ]);
}

# Run one statement by itself, in each world twice, and say what the worlds
# print if that differs from one to the other only.
sub alone
{
	my ($server, $role, $sql) = @_;
	my @text;
	foreach (1 .. 2)
	{
		my @run = map { start($_, $server, $role, $sql) } qw(a b);
		foreach my $w (0, 1)
		{
			my ($status, $out, $err) = finish($run[$w]);
			push @{ $text[$w] }, normal(($out->[0] // '') . ($err->[0] // ''));
		}
	}
	my ($x, $y) = @text;
	return undef if $x->[0] ne $x->[1] || $y->[0] ne $y->[1] || grep { /57014|55P03/ } @$x, @$y;
	return $x->[0] eq $y->[0] ? '' : difference($x->[0], $y->[0]);
}

# Statements of sqlsmith, as a role sees the schema.
my %smith;
sub smith_query
{
	my ($server, $role) = @_;
	my $queue = $smith{"$server $role"} //= [];
	if (!@$queue)
	{
		my $n = ($seed * 1000 + $worker * 100 + ++$smith{count}) % 0x7fffffff;
		my $target = "host=$host port=$port{$server} dbname=w${worker}a user=$role options='-c search_path=app,play'";
		open(my $pipe, '-|', "exec sqlsmith --target=\"$target\" --exclude-catalog --dry-run --seed=$n --max-queries=300 2> $dir/sqlsmith.err") or die "sqlsmith: $!";
		local $/ = ";\n";
		while (my $q = <$pipe>)
		{
			# Chance would make each run another.
			$q =~ s/;\s*\z//;
			$q =~ s/\b(tablesample \w+ \([\d.]+\))/$1 repeatable (1)/g;
			$q =~ s/pg_catalog\.random\(\)/0.5/g;
			push @$queue, $q if $q =~ /\S/;
		}
		close($pipe);
		die 'sqlsmith gives nothing: ' . slurp("$dir/sqlsmith.err") unless @$queue;
	}
	return shift @$queue;
}

# Ways to run a query.
sub wrapped
{
	my ($mix, $q) = @_;
	# A pooled connection: planned and run by a reader, then run by a clerk.
	if ($mix->{role} eq 'pool')
	{
		my $mode = $mix->one_of('auto', 'force_generic_plan', 'force_custom_plan');
		return "SET LOCAL plan_cache_mode = $mode;\nSET LOCAL client_min_messages = error;\nSET LOCAL cipguard.purpose = 'archive';\nSET LOCAL ROLE archivist;\nPREPARE p AS $q;\n"
		  . "DO 'BEGIN EXECUTE ''EXECUTE p''; EXCEPTION WHEN OTHERS THEN NULL; END';\nSET LOCAL client_min_messages = notice;\nSET LOCAL ROLE clerk;\nEXECUTE p;\nDEALLOCATE p;";
	}
	my $way = $mix->below(24);
	return "COPY ($q) TO STDOUT;" if $way == 0;
	return "EXPLAIN (VERBOSE, ANALYZE, TIMING OFF, SUMMARY OFF) $q;" if $way == 1;
	return "EXPLAIN (VERBOSE) $q;" if $way == 2;
	return "DECLARE c CURSOR FOR $q;\nFETCH 2 FROM c;\nFETCH ALL FROM c;" if $way == 3;
	return "PREPARE p AS $q;\nEXECUTE p;\nEXECUTE p;\nDEALLOCATE p;" if $way == 4;
	return "SELECT * FROM play.ask(\$ask\$$q\$ask\$);" if $way == 5;
	return "CREATE TEMP TABLE k AS SELECT q::text AS t FROM ($q) q;\nTABLE k;" if $way == 6;
	return "DO \$do\$DECLARE r record; BEGIN FOR r IN $q LOOP RAISE NOTICE '%', r; END LOOP; EXCEPTION WHEN OTHERS THEN RAISE NOTICE '% %', SQLSTATE, SQLERRM; END\$do\$;" if $way == 7;
	return "SELECT to_jsonb(q), encode(record_send(q), 'hex') FROM ($q) q;" if $way == 8;
	return "SET LOCAL client_min_messages = log;\nSET LOCAL debug_print_rewritten = on;\nSET LOCAL debug_print_plan = on;\n$q;" if $way == 9 && $mix->once(8);
	return "$q;";
}

sub run_batch
{
	my ($server, $role) = @{ $turns[ $batch % @turns ] };
	my $mix = Mix->new(seed => $seed * 7919 + $worker * 104729 + $batch * 31, role => $role, masked => $server eq 'masked');
	my $smith = $batch % 3 == 2;
	my @items;
	foreach (1 .. BATCH)
	{
		my ($kind, $sql) = $smith ? ('query', smith_query($server, $role)) : $mix->next;
		($kind, $sql) = ('query', $mix->query) if $role eq 'pool';
		push @items, $kind eq 'query' && $sql =~ /^\s*(?:select|with|\()/i ? wrapped($mix, $sql) : $kind eq 'query' ? "$sql;" : $sql;
	}
	my @run = map { start($_, $server, $role, @items) } qw(a b);
	my ($status_a, $out_a, $err_a) = finish($run[0]);
	my ($status_b, $out_b, $err_b) = finish($run[1]);

	foreach my $i (0 .. $#items)
	{
		my $x = ($out_a->[$i] // '') . ($err_a->[$i] // '');
		my $y = ($out_b->[$i] // '') . ($err_b->[$i] // '');
		if (!defined $out_a->[$i] || $status_a == 2 && !defined $out_a->[ $i + 1 ] || $status_b == 2 && !defined $out_b->[ $i + 1 ])
		{
			finding('the session ended', $server, $role, $items[$i], "$x\n$y");
			return 0;
		}
		$statements++;
		$succeeded++ if $x =~ /^\@\@state 00000/m;
		# What one encrypts oneself one may have back.
		if ($role ne 'marketer' && $items[$i] !~ /enc_\w+_in\b|::cipguard\.enc|as cipguard\.enc/ && $out_a->[$i] =~ /(.*cip1:.*)/)
		{
			finding('shows ciphertext', $server, $role, $items[$i], $1);
			next;
		}
		if ($x =~ /(.* XX\d\d\d: .*(?:\n.*)*?LOCATION:  (\w+), (\S+?):.*)/ && !postgres_own($server, $items[$i], $2, $3))
		{
			finding('internal error', $server, $role, $items[$i], $1);
			next;
		}
		# A value that is the same in both worlds is not hidden.
		next if normal($x) eq normal($y);
		my $line = Secrets::in_text("$x\n$y");
		# Who may search learns of equality, and the order of tokens; what took
		# too long need not have taken too long in both; plans for catalogs
		# depend on how full their pages are.
		if ($role eq 'seeker' || "$x$y" =~ /57014|55P03/ || $items[$i] =~ /\bexplain\b/i && $items[$i] =~ /\b(?:from|join)\s+\(?(?:pg_|cipguard\.)|\bcipguard\.(?!enc_)\w+ as /i)
		{
			finding('shows a value', $server, $role, $items[$i], $line) if defined $line;
			next;
		}
		my $d = alone($server, $role, $items[$i]);
		if (defined $d && $d ne '') { finding('depends on what is hidden', $server, $role, $items[$i], $d); }
		elsif (defined $line) { finding('shows a value', $server, $role, $items[$i], $line); }
		else
		{
			$undecided++;
			print "undecided: $items[$i]\n", difference(normal($x), normal($y)), "\n==\n" if $ENV{SQLSMITH_DEBUG};
		}
	}
	return 1;
}

# Is an internal error PostgreSQL's own?  So it is if the statement calls the
# function that raises it, or has it where tables are not masked, too.  An XPath
# expression that is none gives one.
sub postgres_own
{
	my ($server, $sql, $function, $file) = @_;
	return 0 if $ours{$file};
	return 1 if $sql =~ /\b\Q$function\E\b/ || $function eq 'xml_ereport';
	return 0 if $server eq 'views';
	my ($status, $out, $err) = finish(start('a', 'views', 'postgres', $sql));
	return ($err->[0] // '') =~ /LOCATION:  \Q$function\E, /;
}

while (time < $end && $findings < MAX_FINDINGS)
{
	last unless run_batch();
	$batch++;
}
print "statements=$statements succeeded=$succeeded undecided=$undecided\n";
