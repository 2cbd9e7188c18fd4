# SoakClient.pm
#	The processes of the soak test (180_soak.pl): what they have in common, and
#	those that write and read.
#
#	Each process has a file in which it notes, a line each, what it has done and
#	seen; the fields are separated by tabs:
#
#	T  id of a transaction, its outcome (1, 0), its changes (see writer())
#	O  role, begin and end of a statement, kinds of plaintext it gave, persons
#	   below 31 whose plaintext it gave
#	D  app_user of a session, values that complete statements gave, whether it
#	   ended well, persons of complete statements, persons of the last one
#	E  role, SQLSTATE, message, statement
#	X  what was received that must not have been, and by whom
#	M  memory of a process: whose, kB at first, kB at last, statements between
#	N  something that is counted, how often
#	I  something that was forbidden, from when, until when

package SoakClient;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use POSIX ();
use Time::HiRes qw(sleep time);

use SoakSession;

our @EXPORT = qw(launch values_of canary writer reader elder masses memory_of);

# Connections are lost when processes are killed; psql says so without a SQLSTATE.
my $gone = join('|', 'server closed the connection', 'connection to server was lost', 'could not (?:send|receive)', 'Connection refused',
	'No such file', 'starting up', 'shutting down', 'in recovery mode', 'not yet accepting', 'terminating connection', 'Connection reset',
	'Broken pipe', 'backend died', 'command send failed', 'could not create connection');
$gone = qr/$gone/;

# A process that runs a function until it is time.  Options: dir (of its notes),
# name, until (time), seed, pause (seconds between statements), host, port, and
# what the function needs.
sub launch
{
	my ($what, %opt) = @_;
	my $pid = fork();
	die "fork: $!" unless defined $pid;
	return $pid if $pid != 0;

	my $self = bless {%opt}, __PACKAGE__;
	srand($opt{seed});
	open($self->{notes}, '>', "$opt{dir}/$opt{name}.notes") or POSIX::_exit(1);
	my $ok = eval { $what->($self); 1 };
	$self->note('E', $opt{name}, 'XXXXX', "the client ended: $@", '') unless $ok;
	$self->finish;
	$self->note('N', $_, $self->{counts}{$_}) foreach sort keys %{ $self->{counts} };
	close($self->{notes});
	POSIX::_exit($ok ? 0 : 1);
}

sub note
{
	my ($self, @fields) = @_;
	s/[\t\n]+/ /g foreach @fields;
	print { $self->{notes} } join("\t", @fields), "\n";
	return;
}

sub count { my ($self, $what, $n) = @_; $self->{counts}{$what} += $n // 1; return; }

sub goes_on { return time() < $_[0]->{until}; }

sub rest { my ($self, $times) = @_; sleep($self->{pause} * ($times // 1) * (0.5 + rand)); return; }

# The values of a row: those of writer $w have the number $n.  Base rows are of writer 0.
sub values_of
{
	my ($w, $n) = @_;
	return ("QzName$w-$n", sprintf('1377%d%06d', $w, $n), "QzAddr$w-$n");
}

# What a masked role must never receive.
sub canary { return qr/Qz(?:Name|Addr)\d|(?<!\d)1377\d{7}(?!\d)/; }

# The session of a role; waits for the server while it is away.
sub session
{
	my ($self, $role, $begin) = @_;
	my $until = time() + 90;
	return $self->{sessions}{$role} if $self->{sessions}{$role};
	while (time() < $until)
	{
		my $user = "$self->{name}." . ++$self->{number};
		my $session = SoakSession->new(host => $self->{host}, port => $self->{port}, role => $role,
			begin => "SET cipguard.app_user = '$user'; SET client_min_messages = warning; " . ($begin // ''));
		if ($session)
		{
			@$session{qw(user values complete partial clean told)} = ($user, 0, {}, {}, 1, 0);
			$self->count('sessions');
			return $self->{sessions}{$role} = $session;
		}
		$self->unexpected($role, $SoakSession::refusal, 'connecting');
		sleep(0.1);
	}
	die "no connection for 90 seconds: $SoakSession::refusal";
}

# Messages without SQLSTATE have to be of a connection that is gone.
sub unexpected
{
	my ($self, $role, $text, $sql) = @_;
	foreach my $line (split(/\n/, $text))
	{
		next unless $line =~ /^psql: error|^(?:ERROR|FATAL|PANIC):  (?!\w{5}: )/;
		$self->note('E', $role, 'XXXXX', $line, $sql) unless $line =~ $gone;
	}
	return;
}

# Tell a session something and note what went wrong.
sub tell
{
	my ($self, $role, $sql, $begin) = @_;
	my $session = $self->session($role, $begin);
	my $answer = $session->tell($sql);
	$self->count('statements');
	$session->{told}++;
	$session->{clean} = 0 if $answer->{lost} || @{ $answer->{errors} };
	$self->note('E', $role, @$_, $sql) foreach @{ $answer->{errors} };
	$self->unexpected($role, $answer->{messages}, $sql);
	return $answer;
}

# End the session of a role, with a note of what it was given.
sub leave
{
	my ($self, $role) = @_;
	my $session = delete $self->{sessions}{$role} or return;
	$session->end;
	$self->note('D', $session->{user}, $session->{values}, $session->{clean},
		join(',', sort keys %{ $session->{complete} }), join(',', sort keys %{ $session->{partial} }))
	  if $session->{values} || %{ $session->{partial} };
	return;
}

sub finish { my ($self) = @_; $self->leave($_) foreach keys %{ $self->{sessions} }; return; }

# Memory of a process that it shares with no other, in kB.
sub memory_of
{
	my ($pid) = @_;
	open(my $fh, '<', "/proc/$pid/status") or return undef;
	my ($kb) = join('', <$fh>) =~ /^RssAnon:\s+(\d+) kB/m;
	return $kb;
}

# --- Writers

# A writer keeps rows of its own: what he wrote is known, unlike the order of
# the increments of shared rows.  Changes in the notes are
#	INSERT|UPDATE|DELETE:table:id[:column=number,...], separated by spaces
# Each transaction has a row in tx, by which the outcome is found out when the
# answer to COMMIT does not arrive.
sub writer
{
	my ($self) = @_;
	my $w = $self->{writer};
	my (%rows, %tenants);
	my $id = $w * 1_000_000;
	my $serial = 0;

	while ($self->goes_on)
	{
		my $n = ++$self->{tx};
		# The first statement says nothing if the connection is to be lost.
		my (@sql, @changes, @effects);
		my $two_phase = rand() < 0.1;
		my $give_up = rand() < 0.12;
		my $change = sub {
			my ($what, $table, $key, %columns) = @_;
			push @changes, "$what:$table:$key" . (%columns ? ':' . join(',', map { "$_=$columns{$_}" } sort keys %columns) : '');
			return;
		};
		my $all = sub { my ($s) = @_; return (name => $s, phone => $s, address => $s); };
		my $insert = sub {
			my ($s) = (++$serial);
			my ($name, $phone, $address) = values_of($w, $s);
			++$id;
			push @effects, [ \%rows, $id, 1 ];
			$change->('INSERT', 'client', $id, $all->($s));
			return ($id, $name, $phone, $address);
		};
		my $some = sub { my ($of) = @_; my @ids = keys %$of; return @ids ? $ids[ rand @ids ] : undef; };
		my %touched;
		foreach (1 .. 1 + int rand 3)
		{
			my $r = int rand 11;
			my $key = $some->(\%rows);
			next if defined $key && $touched{$key}++;
			if ($r == 0 || !defined $key)
			{
				push @sql, sprintf("INSERT INTO client VALUES (%d, '%s', '%s', '%s', 0);", $insert->());
			}
			elsif ($r == 1)
			{
				push @sql, 'INSERT INTO client VALUES ' . join(', ', map { sprintf("(%d, '%s', '%s', '%s', 0)", $insert->()) } 1 .. 3) . ';';
			}
			elsif ($r == 2)
			{
				my $file = "$self->{dir}/$self->{name}.copy." . @sql;
				open(my $fh, '>', $file) or die "could not write $file: $!";
				printf $fh "%d\t%s\t%s\t%s\n", $insert->() foreach 1 .. 4;
				close($fh);
				push @sql, "\\copy client (id, name, phone, address) FROM '$file'";
			}
			elsif ($r == 3)
			{
				my $column = (qw(name phone address))[ rand 3 ];
				my %value;
				@value{qw(name phone address)} = values_of($w, ++$serial);
				push @sql, "UPDATE client SET $column = '$value{$column}' WHERE id = $key;";
				$change->('UPDATE', 'client', $key, $column => $serial);
			}
			elsif ($r == 4)
			{
				push @sql, "DELETE FROM client WHERE id = $key;";
				push @effects, [ \%rows, $key, 0 ];
				$change->('DELETE', 'client', $key);
			}
			elsif ($r == 5)
			{
				# One row that is there and one that is not.
				my ($name, $phone, $address) = values_of($w, ++$serial);
				$change->('UPDATE', 'client', $key, phone => $serial);
				push @sql, sprintf("MERGE INTO client c USING (VALUES (%d, '%s', '%s', '%s'), (%d, '', '%s', '')) s (id, name, phone, address) ON c.id = s.id
					WHEN MATCHED THEN UPDATE SET phone = s.phone WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.name, s.phone, s.address, 0);",
					$insert->(), $key, $phone);
			}
			elsif ($r == 6)
			{
				my ($name, $phone, $address) = values_of($w, ++$serial);
				push @sql, "INSERT INTO client VALUES ($key, '$name', '$phone', '$address', 0) ON CONFLICT (id) DO UPDATE SET address = '$address';";
				$change->('UPDATE', 'client', $key, address => $serial);
			}
			elsif ($r == 7)
			{
				# What is undone leaves no trace.
				my ($name, $phone, $address) = values_of($w, ++$serial);
				push @sql, "SAVEPOINT s$serial; UPDATE client SET name = '$name', v = v + 1 WHERE id = $key; INSERT INTO visit VALUES (0, current_date, $key, '$address'); ROLLBACK TO s$serial;";
			}
			elsif ($r == 8)
			{
				my ($name, $phone, $address) = values_of($w, ++$serial);
				++$id;
				push @sql, "SAVEPOINT s$serial; INSERT INTO visit VALUES ($id, current_date + " . int(rand 60) . ", $key, '$address'); RELEASE s$serial;";
				$change->('INSERT', 'visit', $id, address => $serial);
			}
			elsif ($r == 9)
			{
				my $tenant = rand() < 0.5 ? $some->(\%tenants) : undef;
				my ($name, $phone, $address) = values_of($w, ++$serial);
				if (defined $tenant)
				{
					push @sql, "UPDATE tenant SET address = '$address' WHERE id = $tenant;";
					$change->('UPDATE', 'tenant', $tenant, address => $serial);
				}
				else
				{
					++$id;
					push @sql, "INSERT INTO tenant VALUES ($id, '$phone', '$address');";
					push @effects, [ \%tenants, $id, 1 ];
					$change->('INSERT', 'tenant', $id, phone => $serial, address => $serial);
				}
			}
			else
			{
				# Shared rows, in one order, so that writers do not wait for each other in a circle.
				foreach my $shared (sort { $a <=> $b } map { 31 + int rand($self->{rows} - 31) } 1 .. 3)
				{
					push @sql, "UPDATE client SET v = v + 1 WHERE id = $shared;";
					$change->('UPDATE', 'client', $shared);
				}
				last;
			}
		}
		unshift @sql, 'BEGIN' . (rand() < 0.2 ? ' ISOLATION LEVEL REPEATABLE READ' : '') . ";\nINSERT INTO tx VALUES ($w, $n);";
		push @sql, $give_up ? 'ROLLBACK;' : $two_phase ? "PREPARE TRANSACTION '$w-$n';" : 'COMMIT;';

		my $answer = $self->tell('clerk', join("\n", @sql));
		if ($two_phase && !$give_up && !$answer->{lost} && !@{ $answer->{errors} })
		{
			$answer = $self->tell('clerk', "COMMIT PREPARED '$w-$n';");
			$self->count('two-phase commits');
		}
		# After an error, too: ROLLBACK TO forgives.
		my $done = $answer->{lost} || @{ $answer->{errors} } ? $self->outcome($w, $n) : $give_up ? 0 : 1;
		$self->note('T', "$w-$n", $done, join(' ', @changes));
		$self->count($done ? 'transactions committed' : 'transactions not committed');
		if ($done)
		{
			foreach my $effect (@effects)
			{
				my ($of, $key, $there) = @$effect;
				if ($there) { $of->{$key} = 1; }
				else { delete $of->{$key}; }
			}
		}
		$self->leave('clerk') if rand() < 0.02;
		$self->rest;
	}
	return;
}

# Was a transaction committed whose answer did not arrive, or was an error?
# One that is prepared still can be.
sub outcome
{
	my ($self, $w, $n) = @_;
	$self->count('outcomes asked for');
	while (1)
	{
		$self->leave('clerk');
		my $answer = $self->tell('clerk', "SELECT 'prepared' FROM pg_prepared_xacts WHERE gid = '$w-$n';");
		next if $answer->{lost};
		if ($answer->{text} =~ /prepared/)
		{
			next if $self->tell('clerk', "COMMIT PREPARED '$w-$n';")->{lost};
		}
		$answer = $self->tell('clerk', "SELECT 'there=' || count(*) FROM tx WHERE w = $w AND n = $n;");
		return $1 if !$answer->{lost} && $answer->{text} =~ /there=(\d)/;
	}
}

# pgbench: many short transactions of prepared statements, by rows of shared
# counters and a history.
sub masses
{
	my ($self) = @_;
	my %script = (write => "\\set id random(31, $self->{rows})\nBEGIN;\nUPDATE client SET v = v + 1 WHERE id = :id;\n"
		  . "INSERT INTO bench (client, phone) VALUES (:id, '13779000001');\nCOMMIT;\n",
		read => "\\set id random(31, $self->{rows})\nSELECT name, phone, address FROM client WHERE id = :id;\n");
	my $out = "$self->{dir}/$self->{name}.out";
	foreach my $name (keys %script)
	{
		open(my $fh, '>', "$self->{dir}/$name.pgbench") or die $!;
		print $fh $script{$name};
		close($fh);
	}
	while ($self->goes_on)
	{
		my $left = int($self->{until} - time());
		last if $left < 1;
		# Only those that begin again come to an end before.
		system("exec pgbench -n -M prepared -c 2 -R $self->{rate} -T $left --max-tries=5 -f '$self->{dir}/write.pgbench' -f '$self->{dir}/read.pgbench'"
			  . " -h '$self->{host}' -p $self->{port} -U clerk postgres > '$out' 2>&1");
		my $text = PostgreSQL::Test::Utils::slurp_file($out);
		$self->count('pgbench transactions', $1) if $text =~ /transactions actually processed: (\d+)/;
		foreach my $line (split(/\n/, $text))
		{
			next unless $line =~ /error|FATAL|PANIC/ && $line !~ $gone && $line !~ /Run was aborted/;
			$self->note('E', 'clerk', $line =~ /deadlock/ ? '40P01' : $line =~ /the server is sealed/ ? 'ZC001' : 'XXXXX', "pgbench: $line", '');
		}
		sleep(0.2);
	}
	return;
}

# --- Readers

# Look at what a role was given of client or tenant: rows that begin with #.
sub seen
{
	my ($self, $role, $answer) = @_;
	my $session = $self->{sessions}{$role};
	my ($values, %persons, %kinds, %special) = (0);

	foreach my $line (split(/\n/, $answer->{text}))
	{
		$kinds{x} = 1 if $line =~ /QzOpen/;
		next unless $line =~ /^#(client|tenant)\|(\d+)\|([^|]*)\|([^|]*)\|([^|]*)$/;
		my ($table, $id, @got) = ($1, $2, $3, $4, $5);
		foreach my $i (0 .. 2)
		{
			next unless $got[$i] =~ canary();
			# It has to be a value of this row: base rows keep theirs, others are of one writer.
			my $w = int($id / 1_000_000);
			my $right = $w == 0 ? $got[$i] eq (values_of(0, $id))[$i] : $got[$i] =~ /^(?:QzName$w-|QzAddr$w-|1377$w)\d+$/;
			$self->note('X', $role, "a value of another row: $line") unless $right;
			$values++;
			$persons{"$table/$id"} = 1;
			$kinds{ (qw(n p a))[$i] } = 1 if $table eq 'client';
			$self->count("phones given to $role") if $i == 1;
			$special{$id} = 1 if $id < 31;
		}
	}
	$self->note('O', $role, $answer->{from}, $answer->{to}, join('', sort keys %kinds), join(',', sort keys %special));
	$self->count("values given to $role", $values);
	if ($answer->{lost})
	{
		$session->{partial} = \%persons;
	}
	else
	{
		$session->{values} += $values;
		$session->{complete}{$_} = 1 foreach keys %persons;
	}
	return;
}

# Ask something whose rows are looked at; a session that is lost is left.
sub ask
{
	my ($self, $role, $sql, $begin) = @_;
	my $answer = $self->tell($role, $sql, $begin);
	$self->seen($role, $answer);
	$self->note('X', $role, $&) if $role eq 'nobody' && "$answer->{text}$answer->{messages}" =~ canary();
	$self->leave($role) if $answer->{lost};
	return $answer->{lost} ? 0 : 1;
}

# What every session of a reader has ready.
my $prepare = "PREPARE one(int) AS SELECT '#client', id, name, phone, address FROM client WHERE id = \$1;\n"
  . "PREPARE range(int, int) AS SELECT '#client', id, name, phone, address FROM client WHERE id BETWEEN \$1 AND \$2;";
my $wide = "SET work_mem = '64kB'; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;";

sub one_question
{
	my ($self, $role) = @_;
	my $from = 1 + int rand $self->{rows};
	my $r = int rand 9;
	my $columns = "SELECT '#client', id, name, phone, address FROM client";

	return $self->ask($role, 'EXECUTE one(' . (1 + int rand 40) . ');', $prepare) if $r == 0;
	return $self->ask($role, "EXECUTE range($from, $from + " . int(rand 200) . ');', $prepare) if $r == 1;
	return $self->ask($role, 'EXECUTE range(1, 30);', $prepare) if $r == 2;
	return $self->ask($role, "COPY ($columns WHERE id > $from ORDER BY id LIMIT 50) TO STDOUT WITH (DELIMITER '|');", $prepare) if $r == 3;
	# Rows of writers.
	return $self->ask($role, "$columns WHERE id > 1000000 ORDER BY id DESC LIMIT 30;", $prepare) if $r == 4;
	return $self->ask($role, "SELECT '#tenant', id, '', phone, address FROM tenant LIMIT 20;", $prepare) if $r == 5;
	# Parallel, and in portions: psql makes a cursor.
	return $self->ask($role, "$wide\n$columns WHERE id % 7 = " . int(rand 7) . " ORDER BY md5(id::text) LIMIT 200;\nRESET ALL;\n"
		  . "SET cipguard.app_user = '" . $self->session($role, $prepare)->{user} . "'; SET client_min_messages = warning;", $prepare) if $r == 6;
	return $self->ask($role, "\\set FETCH_COUNT 40\n$columns WHERE id BETWEEN $from AND $from + 150;\n\\set FETCH_COUNT 0", $prepare) if $r == 7;
	# A cursor that stays open for a while, perhaps with an old snapshot, and is rolled back.
	$self->tell($role, 'BEGIN' . (rand() < 0.5 ? ' ISOLATION LEVEL REPEATABLE READ' : '') . ";\nDECLARE c CURSOR FOR $columns ORDER BY md5(id::text || '$from');", $prepare)->{lost}
	  and return $self->leave($role);
	foreach (1 .. 4)
	{
		$self->ask($role, 'FETCH 25 FROM c;') or return 0;
		$self->rest(3);
	}
	$self->tell($role, 'ROLLBACK;')->{lost} and return $self->leave($role);
	return 1;
}

# Reads as a role: option role; begin: SQL that each session begins with.
sub reader
{
	my ($self) = @_;
	my $role = $self->{role};
	while ($self->goes_on)
	{
		if ($role eq 'agent')
		{
			$self->ask($role, 'EXECUTE range(1, 30);', "SET cipguard.purpose = 'newsletter'; $prepare");
		}
		elsif ($role eq 'nobody' && rand() < 0.4)
		{
			$self->ask($role, 'SELECT contact FROM extra;', $prepare);
		}
		elsif ($role eq 'nobody' && rand() < 0.3)
		{
			# Ways that are closed: the answer is an error, or a mask.
			$self->ask($role, (
				'SELECT id FROM client WHERE phone = $$13888888888$$;',
				'SELECT name::int FROM client LIMIT 1;',
				'EXPLAIN ANALYZE SELECT * FROM client WHERE name = $$x$$;',
				'SELECT to_jsonb(client) FROM client LIMIT 5;',
				'SELECT max(name), min(address::text) FROM client;',
				'SELECT most_common_vals, histogram_bounds FROM pg_stats WHERE tablename = $$client$$;')[ rand 6 ], $prepare);
		}
		else
		{
			$self->one_question($role);
		}
		# What a session learned must not outlive a revocation: some begin while there is a grant.
		$self->leave($role) if rand() < ($role eq 'fickle' ? 0.1 : 0.02);
		$self->rest;
	}
	return;
}

# One session that goes on, whose memory is measured.
sub elder
{
	my ($self) = @_;
	my $warm = time() + 0.3 * ($self->{until} - time());
	my ($first, $told);
	while ($self->goes_on)
	{
		$self->one_question('reader') or next;
		my $session = $self->session('reader', $prepare);
		if (!defined $first && time() > $warm)
		{
			($first, $told) = (memory_of($session->{backend}), $session->{told});
			$self->{elder} = $session->{backend};
		}
		$self->rest(0.2);
	}
	my $session = $self->session('reader', $prepare);
	$self->note('M', 'a session', $first, memory_of($session->{backend}), $session->{told} - $told)
	  if defined $first && $self->{elder} == $session->{backend};
	return;
}

1;
