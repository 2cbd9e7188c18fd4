# client_dbd.pl
#	DBD::Pg as it comes: client_dbd.pl ROLE MODE (see test/tools/check_clients.sh)
#
#	Every statement goes to the plain and to the encrypted table of each type,
#	with the same Perl values; what comes back must be the same string.

use strict;
use warnings;

use DBD::Pg qw(:pg_types);
use DBI;
use Encode qw(decode);
use Test::More;

my ($role, $mode) = @ARGV;
binmode Test::More->builder->$_, ':encoding(UTF-8)' foreach qw(output failure_output);

sub connect_as
{
	my ($user, %options) = @_;
	return DBI->connect('dbi:Pg:', $user, '', { RaiseError => 1, PrintError => 0, AutoCommit => 1, %options });
}

sub rows
{
	my ($st) = @_;
	return join('|', map { join(',', map { !defined $_ ? 'NULL' : ref $_ ? '{' . join(',', map { $_ // 'NULL' } @$_) . '}' : $_ } @$_) } @{ $st->fetchall_arrayref });
}

# What a Perl programmer binds; only bytea needs a word about its type.
sub bind_value
{
	my ($st, $i, $type, $v) = @_;
	return $type eq 'bytea' ? $st->bind_param($i, $v, { pg_type => PG_BYTEA }) : $st->bind_param($i, $v);
}

sub steps
{
	my ($type, $table, @v) = @_;
	my $out = $table =~ /^plain/ ? q(CASE WHEN v IS NOT NULL THEN format('%s', v) END) : 'v';
	my $run = sub {
		my ($sql, @args) = @_;
		return sub {
			my ($db) = @_;
			my $st = $db->prepare($sql);
			my $result = '';
			# More often than the driver waits before it prepares on the server.
			foreach my $time (1 .. ($sql =~ /^INSERT/ ? 1 : 8))
			{
				my $i = 0;
				bind_value($st, ++$i, $$_[0], $$_[1]) foreach @args;
				$result .= $st->execute . ':' . ($st->{NUM_OF_FIELDS} ? rows($st) : '') . ';';
			}
			return $result;
		};
	};
	my @p = map { [ $type, $_ ] } @v;
	return (
		'insert' => $run->("INSERT INTO $table (id, v) VALUES (1, ?)", $p[0]),
		'select' => $run->("SELECT id, $out FROM $table WHERE id = ?", [ int => 1 ]),
		'undef' => $run->("INSERT INTO $table (id, v) VALUES (2, ?) RETURNING v", [ $type, undef ]),
		'returning' => $run->("INSERT INTO $table (id, v) VALUES (3, ?) RETURNING $out", $p[1]),
		'array' => $run->("INSERT INTO $table (id, vs) VALUES (4, ?)", [ array => [ $type eq 'bytea' ? map { '\\x' . unpack('H*', $_) } @v[ 0, 1 ] : @v[ 0, 1 ] ] ]),
		'array back' => $run->('SELECT ' . ($table =~ /^plain/ ? 'vs::text' : 'vs') . " FROM $table WHERE id = ?", [ int => 4 ]),
		'execute_array' => sub {
			my ($db) = @_;
			my $st = $db->prepare("INSERT INTO $table (id, v) VALUES (?, ?)");
			bind_value($st, 2, $type, undef) if $type eq 'bytea';
			$st->execute_array({ ArrayTupleStatus => [] }, [ 10, 11, 12 ], [@v]);
			return rows_of($db, "SELECT $out FROM $table WHERE id >= 10 ORDER BY id");
		},
		'copy' => sub {
			my ($db) = @_;
			$db->do("COPY $table (id, v) FROM STDIN");
			foreach my $i (0 .. 2)
			{
				my $line = $type eq 'bytea' ? '\\\\x' . unpack('H*', $v[$i]) : $v[$i] =~ s/\\/\\\\/gr;
				$db->pg_putcopydata((20 + $i) . "\t$line\n");
			}
			$db->pg_putcopyend;
			return rows_of($db, "SELECT $out FROM $table WHERE id >= 20 ORDER BY id");
		},
		'where =' => $run->("SELECT id FROM $table WHERE v = ? ORDER BY id", $p[1]),
		'where <>' => $run->("SELECT id FROM $table WHERE v <> ? ORDER BY id", $p[1]),
		'where = ANY' => $run->("SELECT id FROM $table WHERE v = ANY(?) ORDER BY id", [ array => [ $type eq 'bytea' ? map { '\\x' . unpack('H*', $_) } @v[ 0, 1 ] : @v[ 0, 1 ] ] ]),
		'where IN' => $run->("SELECT id FROM $table WHERE v IN (?, ?) ORDER BY id", @p[ 0, 1 ]),
		'quote' => sub {
			my ($db) = @_;
			return rows_of($db, "SELECT id FROM $table WHERE v = " . ($type eq 'bytea' ? $db->quote($v[0], { pg_type => PG_BYTEA }) : $db->quote($v[0])) . ' ORDER BY id');
		},
		'update' => $run->("UPDATE $table SET v = ? WHERE id = 3 RETURNING $out", $p[2]),
		'set role in a transaction' => sub {
			my ($db) = @_;
			$db->begin_work;
			my $r = rows_of($db, "SELECT $out FROM $table WHERE id = 1");
			$db->rollback;
			return $r;
		});
}

sub rows_of
{
	my ($db, $sql) = @_;
	my $st = $db->prepare($sql);
	$st->execute;
	return rows($st);
}

sub outcome
{
	my ($db, $f) = @_;
	my $r = eval { $f->($db) };
	return defined $r ? $r : 'error ' . ($db->state // '') . ": $@";
}

my $admin = connect_as('postgres');
my $types = $admin->selectall_arrayref('SELECT name, plain, v1, v2, v3 FROM client_type ORDER BY name');
foreach my $t (@$types)
{
	my ($type, $plain, @v) = @$t;
	@v = map { pack('H*', substr($_, 2)) } @v if $type eq 'bytea';
	foreach my $options ({}, { pg_server_prepare => 0 })
	{
		my $how = $type . (%$options ? ', pg_server_prepare = 0' : '');
		$admin->do("SET client_min_messages = warning; TRUNCATE plain_$type, enc_$type");
		my $db = connect_as($role, %$options);
		if ($role eq 'client_reader')
		{
			my @want = steps($type, "plain_$type", @v);
			my @got = steps($type, "enc_$type", @v);
			for (my $i = 0; $i < @want; $i += 2)
			{
				my ($w, $g) = (outcome($db, $want[ $i + 1 ]), outcome($db, $got[ $i + 1 ]));
				my $both = $w =~ /^error/;
				ok($both || $w eq $g, "$how: $want[$i]" . ($both ? ' (refused by the plain type)' : '')) or diag("plain: $w; encrypted: $g");
			}
		}
		else
		{
			my $reader = connect_as('client_reader');
			my %f = steps($type, "enc_$type", @v);
			outcome($reader, $f{insert});
			my ($real, $shown) = (outcome($reader, $f{select}), outcome($db, $f{select}));
			isnt($shown, $real, "$how: a clerk does not see the value");
			if ($mode eq 'plain')
			{
				my ($armor) = $db->selectrow_array("SELECT v FROM enc_$type WHERE id = 1");
				like($armor, qr/^cip1:/, "$how: but armor");
				$db->do("UPDATE enc_$type SET v = ? WHERE id = 1", undef, $armor);
				is(outcome($reader, $f{select}), $real, "$how: armor written back is the value");
			}
			my $found = outcome($db, $f{'where ='});
			ok($found =~ /^(error|(0E0:;)+$)/, "$how: finds nothing by value") or diag($found);
			unlike(outcome($db, $f{returning}), qr/^error/, "$how: inserts");
			$reader->disconnect;
		}
		$db->disconnect;
	}
}
done_testing();
