# 205_gate.pl
#	All conditions against all doors.  Each door shows a value of a person: it must
#	show it while every condition is met, and not while one is missing, whichever.
use strict;
use warnings FATAL => 'all';

use CipguardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Two persons: what a door shows of each.  13 digits do not occur by chance.
my %mobile = (1 => '7731947000001', 2 => '7731947000002');
my %card = (1 => 'QzCANARYzQ1', 2 => 'QzCANARYzQ2');

my $setup = roles_sql() . <<"SQL";
GRANT cipguard_registrar TO officer;
CREATE ROLE officer2 LOGIN IN ROLE cipguard_officer;
CREATE ROLE approver LOGIN IN ROLE cipguard_minor_approver;
CREATE ROLE pupil LOGIN;
SELECT cipguard.add_category('m7', mask => 'stars', mode => 'searchable', level => 4);
SELECT cipguard.add_category('c7', mask => 'stars', mode => 'searchable', level => 4);
SELECT cipguard.add_category('other', mask => 'stars', mode => 'random');
CREATE TABLE app.client (id int PRIMARY KEY, mobile text, card cipguard.enc_text('c7'), born date);
CREATE TABLE app.copy (id int, card cipguard.enc_text('other'), plain text);
INSERT INTO app.client VALUES (1, '$mobile{1}', '$card{1}', '1980-05-05'), (2, '$mobile{2}', '$card{2}', '2019-05-05');
SECURITY LABEL FOR cipguard ON COLUMN app.client.id IS 'subject';
SECURITY LABEL FOR cipguard ON COLUMN app.client.mobile IS 'm7';
SECURITY LABEL FOR cipguard ON COLUMN app.client.born IS 'birth_date';
CREATE INDEX ON app.client (card);
CREATE INDEX ON app.client (mobile);
SELECT cipguard.create_masking_view('app.client');
ALTER TABLE app.client OWNER TO owner;
ALTER TABLE app.copy OWNER TO owner;
GRANT ALL ON app.client, app.client_masked, app.copy TO pupil;
GRANT TEMP ON DATABASE postgres TO pupil;
CREATE FUNCTION app.mobile_of(integer) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT mobile FROM app.client WHERE id = \$1); END';
CREATE FUNCTION app.card_of(integer) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT card::text FROM app.client WHERE id = \$1); END';
CREATE FUNCTION app.inlined(integer) RETURNS SETOF text LANGUAGE sql STABLE AS 'SELECT mobile FROM app.client WHERE id = \$1';
CREATE VIEW app.v AS SELECT * FROM app.client;
GRANT SELECT ON app.v TO pupil;
SELECT cipguard.audit_table('app.client');
SQL

# Name, SQL with # for the person, and what it gives if it is open; [M] and [C]
# stand for the values.  An error is closed, too.
my @doors = (
	[ 'column', 'SELECT mobile FROM app.client WHERE id = #', '[M]' ],
	[ 'encrypted column', 'SELECT card FROM app.client WHERE id = #', '[C]' ],
	[ 'whole row', 'SELECT c FROM app.client c WHERE id = #', '[M]', '[C]' ],
	[ 'row as text', 'SELECT c::text FROM app.client c WHERE id = #', '[M]', '[C]' ],
	[ 'row as JSON', 'SELECT to_jsonb(c) FROM app.client c WHERE id = #', '[M]', '[C]' ],
	[ 'cast', 'SELECT card::text FROM app.client WHERE id = #', '[C]' ],
	[ 'expression', "SELECT mobile || 'x' FROM app.client WHERE id = #", '[M]' ],
	[ 'aggregate', 'SELECT max(mobile), string_agg(card::text, chr(44)) FROM app.client WHERE id = #', '[M]', '[C]' ],
	[ 'group', 'SELECT mobile, count(*) FROM app.client WHERE id = # GROUP BY mobile', '[M]' ],
	[ 'distinct', 'SELECT DISTINCT mobile FROM app.client WHERE id = #', '[M]' ],
	[ 'sorted', 'SELECT mobile, card FROM app.client WHERE id = # ORDER BY mobile, card', '[M]', '[C]' ],
	[ 'window', 'SELECT first_value(mobile) OVER () FROM app.client WHERE id = #', '[M]' ],
	[ 'predicate', "SELECT 'found' FROM app.client WHERE id = # AND mobile = '[M]'", 'found' ],
	[ 'range', "SELECT 'found' FROM app.client WHERE id = # AND mobile BETWEEN '7731947' AND '7731948'", 'found' ],
	[ 'unequal', "SELECT 'found' WHERE NOT EXISTS (SELECT FROM app.client WHERE id = # AND mobile <> '[M]')", 'found' ],
	[ 'equality of tokens', "SELECT 'found' FROM app.client WHERE id = # AND card = '[C]'", 'found' ],
	[ 'pattern', "SELECT 'found' FROM app.client WHERE id = # AND card LIKE 'QzCAN%'", 'found' ],
	[ 'join', "SELECT 'found' FROM app.client c JOIN (VALUES ('[M]'::text)) v (m) ON v.m = c.mobile WHERE id = #", 'found' ],
	[ 'left join', "SELECT 'found' || count(c.id) FROM (VALUES ('[M]'::text)) v (m) LEFT JOIN app.client c ON v.m = c.mobile AND c.id = #", 'found1' ],
	[ 'CTE', 'WITH w AS MATERIALIZED (SELECT * FROM app.client) SELECT mobile, card FROM w WHERE id = #', '[M]', '[C]' ],
	[ 'sub-query', 'SELECT (SELECT mobile FROM app.client WHERE id = #)', '[M]' ],
	[ 'set operation', 'SELECT mobile FROM app.client WHERE id = # UNION ALL SELECT NULL', '[M]' ],
	[ 'union', 'SELECT mobile FROM app.client WHERE id = # UNION SELECT NULL', '[M]' ],
	[ 'view', 'SELECT mobile, card FROM app.v WHERE id = #', '[M]', '[C]' ],
	[ 'masking view', 'SELECT mobile FROM app.client_masked WHERE id = #', '[M]' ],
	[ 'masking view, encrypted', 'SELECT card FROM app.client_masked WHERE id = #', '[C]' ],
	[ 'COPY', 'COPY (SELECT mobile, card FROM app.client WHERE id = #) TO STDOUT', '[M]', '[C]' ],
	[ 'COPY of the table', 'COPY app.client TO STDOUT', '[M]', '[C]' ],
	[ 'cursor', 'BEGIN; DECLARE c CURSOR FOR SELECT mobile, card FROM app.client WHERE id = #; FETCH c; COMMIT', '[M]', '[C]' ],
	[ 'prepared', 'PREPARE p AS SELECT mobile FROM app.client WHERE id = #; EXECUTE p', '[M]' ],
	[ 'generic plan', 'SET plan_cache_mode = force_generic_plan; PREPARE p (int) AS SELECT mobile, card FROM app.client WHERE id = $1; EXECUTE p (#)', '[M]', '[C]' ],
	[ 'function', 'SELECT app.mobile_of(#)', '[M]' ],
	[ 'function, encrypted', 'SELECT app.card_of(#)', '[C]' ],
	[ 'SQL function', 'SELECT * FROM app.inlined(#)', '[M]' ],
	[ 'DO block', q(DO 'BEGIN PERFORM set_config(''gate.m'', (SELECT mobile FROM app.client WHERE id = #), false); END'; SELECT current_setting('gate.m')), '[M]' ],
	[ 'CREATE TABLE AS', 'CREATE TEMP TABLE t AS SELECT id, mobile FROM app.client WHERE id = #; SELECT mobile FROM t', '[M]' ],
	[ 'INSERT ... RETURNING', 'BEGIN; INSERT INTO app.copy (plain) SELECT mobile FROM app.client WHERE id = # RETURNING plain; ROLLBACK', '[M]' ],
	[ 'UPDATE ... RETURNING', 'BEGIN; UPDATE app.client SET born = born WHERE id = # RETURNING mobile, card; ROLLBACK', '[M]', '[C]' ],
	[ 'moved to a category', 'BEGIN; INSERT INTO app.copy (card) SELECT card FROM app.client WHERE id = # RETURNING card::text; ROLLBACK', '[C]' ],
	[ 'disclose()', 'SELECT cipguard.disclose(card, ' . q('app.client') . ') FROM app.client WHERE id = #', '[C]' ],
	[ 'send function', q(SELECT encode(cipguard.enc_text_send(card), 'escape') FROM app.client WHERE id = #), '[C]' ],
	[ 'variable', q(DO 'DECLARE v text; BEGIN SELECT c.card::text INTO v FROM app.client c WHERE id = #; PERFORM set_config(''gate.c'', v, false); END'; SELECT current_setting('gate.c')), '[C]' ],
	[ 'lateral', 'SELECT l.m FROM app.client c, LATERAL (SELECT c.mobile AS m) l WHERE id = #', '[M]' ],
	[ 'FOR UPDATE', 'SELECT mobile FROM app.client WHERE id = # FOR UPDATE', '[M]' ],
	[ 'MERGE source', q(BEGIN; MERGE INTO app.copy t USING (SELECT * FROM app.client WHERE id = #) s ON false WHEN NOT MATCHED THEN INSERT (plain) VALUES (s.mobile); SELECT plain FROM app.copy; ROLLBACK), '[M]' ],
);


# Which of them a server serves that does not mask tables themselves.
my %views = map { $_ => 1 } ('masking view', 'masking view, encrypted');

# Name; SQL by which officers take it away, and give it back; the word that
# why() has for it.  Options: tcp (the reader comes over TCP), purpose (of the
# reader), rows (it is missing of the second person only).
my $again = q(SELECT count(cipguard.grant_access('pupil', c)) FROM unnest('{m7,c7,other,birth_date}'::text[]) c);
my $lift = q(SELECT cipguard.lift_lockdown(id, 'drill is over') AS r FROM cipguard.lockdowns \gset
\connect - officer2
SELECT cipguard.approve(:r));
my @conditions = (
	[ 'grant', q(SELECT cipguard.revoke_access(id) FROM cipguard.access_grants WHERE grantee = 'pupil'::regrole), $again, 'grant' ],
	map({ [ "lockdown of $_", "SELECT cipguard.lockdown('$_', 'drill')", $lift, 'lockdown' ] }
		('all', 'relation app.client', 'role pupil')),
	[ 'level', q(SELECT cipguard.set_condition(c, 'level', 'on') FROM unnest('{m7,c7}'::text[]) c),
		q(SELECT cipguard.set_condition(c, 'level', NULL) FROM unnest('{m7,c7}'::text[]) c), 'level', given => 1 ],
	[ 'network', "SELECT cipguard.set_condition(NULL, 'tls', 'off'), cipguard.set_condition(NULL, 'network', '10.0.0.0/8')",
		"SELECT cipguard.set_condition(NULL, 'tls', NULL), cipguard.set_condition(NULL, 'network', NULL)", 'network', tcp => 1 ],
	[ 'hours', q(SELECT cipguard.set_condition(NULL, 'hours', to_char(now() AT TIME ZONE 'UTC' + interval '2 days', 'Dy') || ' 00:00-24:00 UTC')),
		"SELECT cipguard.set_condition(NULL, 'hours', NULL)", 'hours' ],
	[ 'purpose', 'SELECT 1', 'SELECT 1', 'purpose', require => 1 ],
	[ 'activity of other categories', "SELECT cipguard.add_activity('audit', 'something else', 'contract', '{mobile}', 'somebody')",
		"SELECT cipguard.end_activity('audit')", 'purpose', purpose => 'audit', require => 1 ],
	[ 'activity that has ended', 'SELECT 1', 'SELECT 1', 'purpose', purpose => 'audit', require => 1 ],
	[ 'training', "SELECT cipguard.set_condition(NULL, 'training', 'privacy')", "SELECT cipguard.set_condition(NULL, 'training', NULL)", 'training' ],
	[ 'policy', "SELECT cipguard.publish_policy('handbook', 'v1', NULL), cipguard.set_condition(NULL, 'policy', 'handbook')",
		"SELECT cipguard.set_condition(NULL, 'policy', NULL)", 'policy' ],
	[ 'restriction', "SELECT cipguard.restrict_subject('2', 'accuracy is disputed')", "SELECT cipguard.lift_restriction('2', 'settled')", 'restriction', rows => 1 ],
	[ 'consent', "SELECT cipguard.record_consent('1', 'campaign', 'give')", "SELECT cipguard.record_consent('2', 'campaign', 'give', guardian => 'mother')",
		'consent', rows => 1, purpose => 'campaign', require => 1 ],
	[ 'withdrawn consent', "SELECT cipguard.record_consent('2', 'campaign', 'withdraw')", "SELECT cipguard.record_consent('2', 'campaign', 'give', guardian => 'mother')",
		'consent', rows => 1, purpose => 'campaign', require => 1 ],
	[ 'minor', "SELECT cipguard.set_condition(NULL, 'minor', 'on')", "SELECT cipguard.set_condition(NULL, 'minor', NULL)", 'minor', rows => 1 ],
	[ 'budget', q(SELECT cipguard.set_budget('pupil', c, 0, 0) FROM unnest('{m7,c7}'::text[]) c),
		q(SELECT cipguard.set_budget('pupil', c, NULL, NULL) FROM unnest('{m7,c7}'::text[]) c), 'budget', given => 1 ],
);


# What each door shows of a person to the reader, by name.
sub shown
{
	my ($node, $id, $doors, %opt) = @_;
	my $purpose = defined $opt{purpose} ? "SET cipguard.purpose = '$opt{purpose}';\n" : '';
	my $script = $purpose;
	my ($out, $err, $name) = ('', '', '');
	my %shown;
	foreach my $door (@$doors)
	{
		(my $sql = $door->[1]) =~ s/#/$id/g;
		$sql =~ s/\[M\]/$mobile{$id}/g;
		$sql =~ s/\[C\]/$card{$id}/g;
		$script .= "\\echo ## $door->[0]\n$sql;\nDISCARD ALL;\n$purpose";
	}
	$node->psql(
		'postgres', $script,
		stdout => \$out,
		stderr => \$err,
		connstr => 'user=pupil dbname=postgres port=' . $node->port . ' host=' . ($opt{tcp} ? '127.0.0.1' : $node->host),
		on_error_stop => 0,
		extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	foreach my $line (split(/\n/, $out))
	{
		$name = $1, $shown{$name} = '', next if $line =~ /^## (.*)/;
		$shown{$name} .= "$line\n";
	}
	return (\%shown, $err);
}

# Test that all doors are open, or closed, for a person.
sub doors_are
{
	my ($node, $open, $id, $doors, $name, %opt) = @_;
	my ($shown, $err) = shown($node, $id, $doors, %opt);
	my @wrong;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	foreach my $door (@$doors)
	{
		my ($what, $sql, @signs) = @$door;
		s/\[M\]/$mobile{$id}/g, s/\[C\]/$card{$id}/g foreach @signs;
		my @seen = grep { index($shown->{$what} // '', $_) >= 0 } @signs;
		push @wrong, "$what: " . ($shown->{$what} // 'nothing') if $open ? @seen < @signs : @seen > 0;
	}
	push @wrong, "messages: $err" if !$open && $err =~ /\Q$mobile{$id}\E|\Q$card{$id}\E/;
	is(scalar(@wrong), 0, "$name: " . scalar(@$doors) . ' doors are ' . ($open ? 'open' : 'closed') . " for person $id")
	  or diag(join("\n", @wrong));
	return $err;
}

foreach my $masking (1, 0)
{
	my $node = new_cluster("gate$masking", masking => $masking,
		conf => "listen_addresses = '127.0.0.1'\ncipguard.default_budgets = off\n");
	my $kind = $masking ? 'tables' : 'views';
	my @served = grep { $masking || $views{$_->[0]} } @doors;

	$node->append_conf('pg_hba.conf', "host all all 127.0.0.1/32 trust\n");
	$node->reload;
	as($node, undef, 'CREATE EXTENSION cipguard CASCADE');
	as($node, undef, $setup);
	as($node, 'officer', $again);
	as($node, 'officer', q(SELECT cipguard.add_activity('campaign', 'offers', 'consent', '{m7,c7,birth_date}', 'sales')));

	doors_are($node, 0, $_, \@served, "$kind, TCP without TLS", tcp => 1) foreach 1, 2;
	doors_are($node, 1, $_, \@served, "$kind, all is met") foreach 1, 2;
	foreach my $condition (@conditions)
	{
		my ($name, $miss, $meet, $word, %opt) = @$condition;
		my @asked = $opt{given} ? grep({ $_->[2] !~ /^found/ } @served) : @served;

		# A copy without the subject column does not say whose values it has.
		@asked = grep { $_->[0] !~ /^(?:CREATE TABLE AS|moved to a category)$/ } @asked if $opt{rows};
		as($node, 'officer', $miss);
		as($node, undef, open_window() . 'ALTER DATABASE postgres SET cipguard.require_purpose = on') if $opt{require};
		doors_are($node, 1, 1, \@asked, "$kind, $name", %opt) if $opt{rows};
		my $err = doors_are($node, 0, 2, \@asked, "$kind, $name", %opt);
		like($err, qr/WARNING:  ZC0|ERROR:  ZC0/, "$kind, $name: the condition is named by its SQLSTATE") if $word ne 'grant' && !$opt{rows};
		my $why = as($node, 'pupil', (defined $opt{purpose} ? "SET cipguard.purpose = '$opt{purpose}'; " : '')
			  . "SELECT condition FROM cipguard.why('m7', 'app.client', '2') WHERE NOT met");
		like($why, qr/^\Q$word\E$/m, "$kind, $name: why() names it") unless $opt{tcp};
		as($node, 'officer', $meet);
		as($node, undef, open_window() . 'ALTER DATABASE postgres RESET cipguard.require_purpose') if $opt{require};
		doors_are($node, 1, 2, \@asked, "$kind, $name is met again", $opt{rows} ? %opt : ()) unless $opt{rows} && $name eq 'consent' && !$meet;
	}
	$node->stop;
}

done_testing();
