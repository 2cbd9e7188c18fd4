# CipguardTest.pm
#	What the TAP tests share: servers with a key-encryption key of their own,
#	roles with and without rights, errors with their SQLSTATE.

package CipguardTest;

use strict;
use warnings FATAL => 'all';

use Cwd 'abs_path';
use Exporter 'import';
use File::Basename 'dirname';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(new_kek write_file new_cluster as run_as error_of refused
  roles_sql typed_sql typed_digest typed_check typed_needles open_window log_since wait_up find_bytes files_below);

my $dir = dirname(abs_path(__FILE__));
my $kek_dir = abs_path(PostgreSQL::Test::Utils::tempdir());

# Write a file and set its permissions.
sub write_file
{
	my ($path, $content, $mode) = @_;
	open(my $fh, '>', $path) or die "could not write $path: $!";
	print $fh $content;
	close($fh);
	chmod($mode // 0600, $path) or die "could not chmod $path: $!";
	return $path;
}

# A key-encryption key, the same for the same name within one test script, in
# a file outside of any data directory.
sub new_kek
{
	my ($name) = @_;
	my $seed = 0;
	$seed = ($seed * 31 + ord($_)) % 65521 foreach split(//, $name);
	my $hex = join('',
		map { sprintf('%02x', ($seed * ($_ + 7) + $_ * $_ * 13) % 256) } 0 .. 31);
	return write_file("$kek_dir/kek_$name", "$hex\n", 0600);
}

# A running server.  Options: kek (name of the key, undef for none), preload
# (default on), masking (of the tables themselves; default on), budgets (those
# that roles have by default; default off), conf (more lines of
# postgresql.conf), init (extra options of initdb), allows_streaming, start
# (default on).
sub new_cluster
{
	my ($name, %opt) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	my $kek = exists $opt{kek} ? $opt{kek} : 'main';

	$node->init(
		allows_streaming => $opt{allows_streaming} // 0,
		extra => [ '-E', 'UTF8', '--locale=C', @{ $opt{init} // [] } ]);
	$node->append_conf('postgresql.conf', "fsync = off\nmax_connections = 40\nlog_statement = none\n"
		  . "log_min_duration_statement = -1\nautovacuum = off\n"
		  . "statement_timeout = 60s\nlock_timeout = 20s\n");
	$node->append_conf('postgresql.conf',
		"shared_preload_libraries = 'cipguard'\n")
	  if $opt{preload} // 1;
	$node->append_conf('postgresql.conf',
		"cipguard.kek_file = '" . new_kek($kek) . "'\n")
	  if defined $kek;
	$node->append_conf('postgresql.conf',
		"cipguard.transparent_masking = off\n")
	  if ($opt{preload} // 1) && !($opt{masking} // 1);
	$node->append_conf('postgresql.conf', "cipguard.default_budgets = off\n")
	  if ($opt{preload} // 1) && !($opt{budgets} // 0);
	$node->append_conf('postgresql.conf', $opt{conf}) if defined $opt{conf};
	$node->start if $opt{start} // 1;
	return $node;
}

# Run SQL as a role; returns standard output, standard error with SQLSTATEs,
# and psql's status.
sub run_as
{
	my ($node, $role, $sql, %opt) = @_;
	my ($out, $err) = ('', '');
	my $rc = $node->psql(
		$opt{db} // 'postgres', $sql,
		stdout => \$out,
		stderr => \$err,
		on_error_stop => $opt{stop} // 1,
		extra_params => [
			(defined $role ? ('-U', $role) : ()),
			'-v', 'VERBOSITY=verbose', @{ $opt{params} // [] }
		]);
	return ($out, $err, $rc);
}

# Output of SQL run as a role; dies of an error.
sub as
{
	my ($node, $role, $sql, %opt) = @_;
	my ($out, $err, $rc) = run_as($node, $role, $sql, %opt);
	die "as " . ($role // 'superuser') . ": $sql\n$err" if $rc != 0;
	return $out;
}

# The error of SQL run as a role; the empty string if it succeeds.
sub error_of
{
	my ($node, $role, $sql, %opt) = @_;
	my ($out, $err, $rc) = run_as($node, $role, $sql, %opt);
	return $rc == 0 ? '' : $err;
}

# Test that SQL is refused with a SQLSTATE, and perhaps a text.
sub refused
{
	my ($node, $role, $sql, $state, $name, %opt) = @_;
	my $err = error_of($node, $role, $sql, %opt);
	my $text = $opt{like};
	my $good = $err =~ /^(?:psql:[^\n]*?)?\s*(?:ERROR|FATAL):  \Q$state\E: /m
	  && (!defined $text || $err =~ $text);
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok($good, $name)
	  or diag("wanted $state, got: " . ($err eq '' ? 'no error' : $err));
	return $err;
}

# Officer, reader (all categories), searcher and clerk, and a table owner.
# The clerk may create objects in a schema of his own and temporary tables.
sub roles_sql
{
	return <<'SQL';
CREATE ROLE officer LOGIN IN ROLE cipguard_officer;
CREATE ROLE reader LOGIN;
CREATE ROLE searcher LOGIN;
CREATE ROLE clerk LOGIN;
CREATE ROLE owner LOGIN;
CREATE SCHEMA app AUTHORIZATION owner;
CREATE SCHEMA clerk AUTHORIZATION clerk;
GRANT USAGE ON SCHEMA app TO PUBLIC;
SELECT cipguard.grant_access('reader', name, 'read') FROM cipguard.category WHERE name <> 'unclassified';
SELECT cipguard.grant_access('searcher', name, 'search') FROM cipguard.category WHERE mode = 'searchable';
SQL
}

# Tables of all encrypted types; see there.
sub typed_sql
{
	return slurp_file("$dir/typed.sql");
}

# Names of the types, and of each the number and a digest of the ciphertext.
sub typed_digest
{
	my ($node, %opt) = @_;
	return as($node, undef, <<'SQL', %opt);
SET row_security = off;
SELECT format('SELECT %L, count(*), md5(string_agg(id || encode(cipguard.enc_%1$s_send(v), ''hex'') || vs::text, '','' ORDER BY id)) FROM app.t_%1$s', name)
	FROM app.typed ORDER BY name \gexec
SQL
}

# SQL for a reader: true of each type whose rows are what they should be, by
# index too.
sub typed_check
{
	my ($from, $to) = @_;
	return sprintf(<<'SQL', $from, $to);
SELECT format('SELECT %%L, bool_and(v IS NOT DISTINCT FROM (%%s) AND vs[3] = (%%2$s) AND vs[2] IS NULL), count(*) FROM app.t_%%1$s, LATERAL (SELECT id::bigint AS g) g WHERE id BETWEEN %1$d AND %2$d',
	name, value) FROM app.typed ORDER BY name \gexec
SQL
}

# What the values look like in files: as text and, where that is long enough
# not to occur by chance, as the plain types store and send them.
sub typed_needles
{
	return ('QzCANARYzQ', '7731947000000', '2001:db8:7777:7777', "\x20\x01\x0d\xb8\x77\x77\x77\x77");
}

# SQL that opens a maintenance window, for a superuser.
sub open_window
{
	return q(SET ROLE cipguard_officer; DO 'BEGIN PERFORM cipguard.open_maintenance(''test''); END'; RESET ROLE; );
}

# Wait until a server that has restarted by itself takes connections.  A psql
# that is refused one may not read what it is sent, which is an error here.
sub wait_up
{
	my ($node) = @_;
	foreach (1 .. 600)
	{
		return if eval { $node->psql('postgres', 'SELECT true') == 0 };
		select(undef, undef, undef, 0.1);
	}
	die 'the server did not come back';
}

# What the server log has got since an offset.
sub log_since
{
	my ($node, $offset) = @_;
	my $log = slurp_file($node->logfile);
	return substr($log, $offset // 0);
}

# All regular files below a directory.
sub files_below
{
	my ($dir) = @_;
	my @files;
	opendir(my $dh, $dir) or return ();
	foreach my $entry (readdir($dh))
	{
		next if $entry eq '.' || $entry eq '..';
		my $path = "$dir/$entry";
		if (-d $path && !-l $path) { push @files, files_below($path); }
		elsif (-f $path) { push @files, $path; }
	}
	closedir($dh);
	return sort @files;
}

# Which of the strings occur in which of the files: "path: string", sorted.
# Files are read whole, as bytes.
sub find_bytes
{
	my ($files, @needles) = @_;
	my @found;
	my $any = join('|', map { quotemeta } @needles);
	foreach my $path (@$files)
	{
		open(my $fh, '<:raw', $path) or next;
		my $content = do { local $/; <$fh> };
		close($fh);
		next unless defined $content && $content =~ /$any/;
		foreach my $needle (@needles)
		{
			push @found, "$path: $needle" if index($content, $needle) >= 0;
		}
	}
	return @found;
}

1;
