# 208_held.pl
#	Cursors that hold values before they are fetched, sorted, distinct, WITH
#	HOLD or from a function: what was given is asked for again when they are
#	fetched, after a revocation, a suspension, a withdrawal of consent, a
#	restriction, a lockdown, the end of a grant, or SET ROLE.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use CipguardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $plain = qr/7731947\d+|QzCANARYzQ\d+/;
my $node = new_cluster('held');
as($node, undef, 'CREATE EXTENSION cipguard CASCADE');
as($node, undef, roles_sql() . <<'SQL');
GRANT cipguard_registrar TO officer;
CREATE ROLE friend LOGIN;
CREATE ROLE pool LOGIN;
GRANT reader, clerk TO pool;
ALTER ROLE pool NOINHERIT;
SELECT cipguard.add_category(c, mask => 'stars', mode => 'searchable', level => 3) FROM unnest('{m8,c8}'::text[]) c;
CREATE TABLE app.client (id int PRIMARY KEY, mobile text, card cipguard.enc_text('c8'));
INSERT INTO app.client SELECT g, '7731947' || lpad(g::text, 4, '0'), 'QzCANARYzQ' || g FROM generate_series(1, 40) g;
SECURITY LABEL FOR cipguard ON COLUMN app.client.id IS 'subject';
SECURITY LABEL FOR cipguard ON COLUMN app.client.mobile IS 'm8';
GRANT SELECT ON app.client TO reader, clerk, friend;
CREATE TABLE app.seen (mobile text);
GRANT ALL ON app.seen TO reader;
CREATE FUNCTION app.numbers() RETURNS SETOF text LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN RETURN QUERY SELECT mobile FROM app.client ORDER BY id; END$$;
ALTER FUNCTION app.numbers() OWNER TO friend;
SET ROLE officer;
SELECT cipguard.add_activity('news', 'p', 'consent', '{m8,c8}', 'o');
SELECT cipguard.add_activity('care', 'p', 'contract', '{m8,c8}', 'o');
SQL

sub officer
{
	return as($node, 'officer', $_[0]);
}

sub grant
{
	my ($role) = @_;
	officer("SELECT cipguard.grant_access('$role', c) FROM unnest('{m8,c8}'::text[]) c");
	return;
}
grant($_) foreach qw(reader friend);
officer("SELECT cipguard.record_consent(g::text, 'news', 'give') FROM generate_series(1, 40) g");

my %holding = (
	distinct => 'CURSOR FOR SELECT DISTINCT mobile FROM app.client',
	'distinct card' => 'CURSOR FOR SELECT DISTINCT card FROM app.client',
	'distinct text of a card' => 'CURSOR FOR SELECT DISTINCT card::text FROM app.client',
	union => 'CURSOR FOR SELECT mobile FROM app.client UNION SELECT card::text FROM app.client',
	backwards => 'SCROLL CURSOR FOR SELECT DISTINCT mobile FROM app.client',
	function => 'CURSOR FOR SELECT * FROM app.numbers()',
	hold => 'CURSOR WITH HOLD FOR SELECT mobile FROM app.client',
	'hold, of a function' => 'CURSOR WITH HOLD FOR SELECT * FROM app.numbers()',
);

# A session with a cursor of which one row was fetched.
sub open_cursor
{
	my ($what, $purpose) = @_;
	my $s = $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', 'reader', '-v', 'VERBOSITY=verbose' ]);
	$s->query("SET client_min_messages = error; BEGIN; SET LOCAL cipguard.purpose = '$purpose'; DECLARE c $what");
	$s->query('COMMIT') if $what =~ /HOLD/;
	my $first = $s->query('FETCH 1 FROM c');
	like($first, $plain, "$what: gives values");
	return $s;
}

sub fetch
{
	my ($s) = @_;
	$s->{stderr} = '';
	return $s->query('FETCH ALL FROM c') . $s->{stderr};
}

# Each cursor is stopped with that SQLSTATE by what happens, and undone.  While
# nobody was restricted it is not known whose values are distinct.
sub stopped
{
	my ($name, $purpose, $state, $happens, $undo, @whom) = @_;
	my %session = map { $_ => open_cursor($holding{$_}, $purpose) } @whom;
	$happens->();
	foreach (@whom)
	{
		my $got = fetch($session{$_});
		like($got, $state eq 'ZC030' ? qr/ERROR:  ZC0(?:30|29): / : qr/ERROR:  $state: /, "$name: $_ stops");
		unlike($got, $plain, "$name: $_ gives nothing");
		$session{$_}->quit;
	}
	$undo->();
	return;
}

sub suspend
{
	officer("SELECT cipguard.suspend_access(id, 'why') FROM cipguard.access_grants WHERE grantee = 'reader'::regrole AND category IN ('m8', 'c8')");
	return;
}

sub resume
{
	my $ids = as($node, undef, "SELECT string_agg(id::text, ',') FROM cipguard.access_grant WHERE suspended_at IS NOT NULL");
	officer("SELECT cipguard.resume_access(id) FROM unnest('{$ids}'::bigint[]) id");
	return;
}

my @all = sort keys %holding;
my @own = grep { !/function/ } @all;
my $undone = sub { };
stopped('revoked', 'care', '42501', sub { officer("SELECT cipguard.revoke_access(id) FROM cipguard.access_grants WHERE grantee = '$_'::regrole") foreach qw(reader friend) },
	sub { grant($_) foreach qw(reader friend) }, @all);
stopped('suspended', 'care', '42501', sub { suspend() },
	sub { resume() }, @own);
stopped('restricted', 'care', 'ZC030', sub { officer("SELECT cipguard.restrict_subject('7', 'disputed')") },
	sub { officer("SELECT cipguard.lift_restriction('7', 'settled')") }, @all);
stopped('withdrawn', 'news', 'ZC031', sub { officer("SELECT cipguard.record_consent('7', 'news', 'withdraw')") },
	sub { officer("SELECT cipguard.record_consent('7', 'news', 'give')") }, @all);

# What is of others goes on; and so does a cursor that holds nothing.
foreach (@own)
{
	my $s = open_cursor($holding{$_}, 'news');
	officer("SELECT cipguard.record_consent('77', 'news', 'withdraw')");
	my $got = fetch($s);
	like($got, $plain, "$_: a withdrawal of somebody else");
	unlike($got, qr/ERROR/, 'is nothing to it');
	$s->quit;
}
my $s = open_cursor('CURSOR FOR SELECT mobile FROM app.client ORDER BY id', 'news');
officer("SELECT cipguard.record_consent('$_', 'news', 'withdraw')") foreach (1, 7);
my $got = fetch($s);
unlike($got, qr/ERROR|77319470007/, 'rows that are not given yet are masked');
like($got, qr/77319470008/, 'and others are not');
$s->quit;
officer("SELECT cipguard.record_consent('$_', 'news', 'give')") foreach (1, 7);

# Somebody else in the same session.
foreach (@own)
{
	my ($out, $err) = run_as($node, 'pool', "SET ROLE reader; BEGIN; DECLARE c $holding{$_}; "
		. ($_ eq 'hold' ? 'COMMIT; ' : '') . 'FETCH 1 FROM c; SET ROLE clerk; FETCH ALL FROM c', stop => 0);
	my @values = "$out" =~ /$plain/g;
	is(scalar(@values), 1, "$_: another role is given nothing");
	like($err, qr/ERROR:  42501/, 'and told so');
}

# Back to what was given before; the next rows are masked.
foreach my $back ('PRIOR', 'FIRST', 'ABSOLUTE 1')
{
	my $fetches = "SET ROLE reader; BEGIN; DECLARE c SCROLL CURSOR FOR SELECT mobile FROM generate_series(1, 1), app.client; FETCH 2 c; SET ROLE clerk; FETCH 2 c; FETCH $back c; ROLLBACK";
	my ($out, $err) = run_as($node, 'pool', $fetches, stop => 0);
	my @values = $out =~ /$plain/g;
	is(scalar(@values), 2, "$back: another role is given nothing");
	like($out, qr/\*{11}\n\*{11}\z/, 'but masks of what comes next');
	like($err, qr/ERROR:  42501/, 'and is told so');
}

# Functions that fetch.
$s = open_cursor($holding{hold}, 'care');
suspend();
$s->{stderr} = '';
$got = $s->query(q(DO $$DECLARE c refcursor := 'c'; m text; BEGIN FETCH c INTO m; RAISE EXCEPTION 'got %', m; END$$)) . $s->{stderr};
unlike($got, $plain, 'a function is given nothing either') or diag($got);
$s->quit;
resume();

$s = open_cursor($holding{hold}, 'care');
$s->query('BEGIN; SELECT 1 / 0');
officer("SELECT cipguard.record_consent('7', 'news', 'give')");
$s->query('ROLLBACK');
like(fetch($s), $plain, 'a transaction that failed does not end it');
$s->quit;

# A lockdown, while conditions of persons are in force.
officer("SELECT cipguard.restrict_subject('40', 'disputed')");
stopped('locked down', 'care', 'ZC021', sub { officer("SELECT cipguard.lockdown('category: m8', 'drill'); SELECT cipguard.lockdown('category: c8', 'drill')") }, $undone, @all);

done_testing();
