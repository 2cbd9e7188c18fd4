# 203_request.pl
#	Requests between several people: nobody approves what he asked for, by
#	whatever name he goes; what is approved is given once, and for a time;
#	and glass that was broken cannot be mended in secret.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use CipguardTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('request');
my $masked = '138****8000';
my $plain = '13800138000';

as($node, undef, <<'SQL');
CREATE EXTENSION cipguard CASCADE;
CREATE ROLE ann LOGIN IN ROLE cipguard_officer;
CREATE ROLE bob LOGIN IN ROLE cipguard_officer;
CREATE ROLE mia LOGIN IN ROLE cipguard_minor_approver;
CREATE ROLE zoe LOGIN IN ROLE cipguard_officer, cipguard_minor_approver;
CREATE ROLE eve LOGIN IN ROLE cipguard_emergency;
CREATE ROLE aud LOGIN IN ROLE cipguard_auditor;
CREATE ROLE clerk LOGIN;
CREATE ROLE other LOGIN;
CREATE ROLE team;
GRANT team TO clerk;
CREATE ROLE pool LOGIN;
GRANT clerk, ann TO pool;
CREATE TABLE client (id int PRIMARY KEY, mobile cipguard.enc_text('mobile'));
INSERT INTO client VALUES (1, '13800138000');
GRANT SELECT ON client TO PUBLIC;
CREATE VIEW given AS SELECT g.grantee, g.level, g.row_limit, g.minors, g.granted_by, g.revoked_at IS NULL AS live, g.request FROM cipguard.access_grant g WHERE request IS NOT NULL;
SQL

# Asks as a role; returns the number.
sub ask
{
	my ($role, %opt) = @_;
	return as($node, $role, ($opt{before} // '') . "SELECT cipguard.request_access('mobile', 'call', 'asked', '1 hour'" . ($opt{args} // '') . ')', %opt);
}

sub reads
{
	my ($role, $purpose, %opt) = @_;
	return as($node, $role, "SET cipguard.purpose = '$purpose'; SELECT mobile FROM client", %opt);
}

sub given
{
	my ($request, %opt) = @_;
	return as($node, undef, "SELECT count(*) FROM given WHERE request = $request", %opt);
}

sub state
{
	my ($request, %opt) = @_;
	return as($node, undef, "SELECT state FROM cipguard.requests WHERE id = $request", %opt);
}

# 1. Asked, approved, read, for that purpose and no other.
my ($out, $err) = run_as($node, 'clerk', "LISTEN cipguard_request; SELECT cipguard.request_access('mobile', 'call', 'asked', '1 hour', 'client', 100)");
my ($r) = $out =~ /^(\d+)$/m;
like($out, qr/notification "cipguard_request" with payload "$r access"/, 'who listens hears of it');
is(reads('clerk', 'call'), $masked, 'asking opens nothing');
is(as($node, 'other', 'SELECT count(*) FROM cipguard.requests'), 0, 'others do not see the request');
is(as($node, $_, "SELECT count(*) FROM cipguard.requests_open WHERE id = $r"), 1, "$_ does") foreach qw(clerk ann mia aud);
refused($node, 'clerk', "SELECT cipguard.approve($r)", '42501', 'who is no officer cannot approve');
refused($node, 'mia', "SELECT cipguard.approve($r)", '42501', 'nor does an approver for minors, where none is needed');
refused($node, 'aud', "SELECT cipguard.approve($r)", '42501', 'nor an auditor');
is(as($node, 'ann', "SELECT cipguard.approve($r)"), 'approved', 'an officer approves');
is(reads('clerk', 'call'), $plain, 'and it is open');
is(reads('clerk', 'sell'), $masked, 'for that purpose');
is(as($node, undef, "SELECT * FROM given WHERE request = $r"), "clerk|read|100|f|ann|t|$r", 'with its limit, in the name of the officer');
refused($node, 'bob', "SELECT cipguard.approve($r)", '55000', 'it is approved once');

# 2. One person under two names.
$r = ask('ann');
refused($node, 'ann', "SELECT cipguard.approve($r)", 'ZC035', 'an officer does not approve his own request', like => qr/HINT/);
refused($node, 'ann', "SET ROLE cipguard_officer; SELECT cipguard.approve($r)", 'ZC035', 'nor in the role of all officers');
refused($node, 'ann', "SET ROLE cipguard_officer; SELECT cipguard.request_access('mobile', 'call', 'asked', '1 hour')", '22023', 'which asks for nothing');
is(as($node, 'bob', "SELECT cipguard.approve($r)"), 'approved', 'another one does');
$r = ask('pool', before => 'SET ROLE clerk; ');
refused($node, 'pool', "SET ROLE ann; SELECT cipguard.approve($r)", 'ZC035', 'a login that is two roles is one person');
refused($node, 'clerk', "SELECT cipguard.cancel_request($r)", '42501', 'and who shares the role does not take the request back');
$r = ask('clerk');
is(as($node, 'pool', "SELECT 1"), 1, 'pool is there');
refused($node, 'pool', "SET ROLE ann; SELECT cipguard.approve($r)", 'ZC035', 'a login that could act in the role that asked does not approve');
$r = ask('clerk', before => 'SET ROLE team; ');
as($node, undef, 'GRANT team TO ann');
refused($node, 'ann', "SELECT cipguard.approve($r)", 'ZC035', 'who has become a member of the role since gives nothing to himself');
is(as($node, 'bob', "SELECT cipguard.approve($r)"), 'approved', 'but others approve it');
as($node, undef, 'REVOKE team FROM ann');

# 3. Rank.
$r = ask('clerk');
refused($node, undef, "SELECT cipguard.approve($r)", '42501', 'a superuser is no officer');
refused($node, undef, "$_; SELECT cipguard.approve($r)", '42501', "nor after $_")
  foreach 'SET ROLE ann', 'SET SESSION AUTHORIZATION ann', 'SET check_function_bodies = off';
refused($node, undef, "SET SESSION AUTHORIZATION clerk; SELECT cipguard.request_access('mobile', 'call', 'asked', '1 hour')", '42501', 'nor does he ask in the name of another');
my $super = ask(undef);
as($node, undef, 'GRANT cipguard_officer TO postgres');
refused($node, undef, "$_; SELECT cipguard.approve($super)", 'ZC035', "a superuser who is an officer does not approve his own request ($_)")
  foreach 'SELECT 1', 'SET ROLE ann', 'SET SESSION AUTHORIZATION ann', 'SET check_function_bodies = off', 'SET row_security = off';
refused($node, undef, "UPDATE cipguard.request SET state = 'approved' WHERE id = $super", 'ZC036', 'nor writes it into the table');
refused($node, undef, "INSERT INTO cipguard.approval (request, approver_id, approver, roles, at) VALUES ($super, 'ann', 'ann', '{cipguard_officer}', now())", 'ZC035', 'nor into the other one');
refused($node, undef, "INSERT INTO cipguard.access_grant (grantee, category, level, purpose, valid_until, request, minors) VALUES ('postgres', 'mobile', 'read', 'call', now() + interval '1 hour', $super, false)", 'ZC011', 'nor makes the grant');
refused($node, undef, "ALTER TABLE cipguard.$_ DISABLE TRIGGER ALL", 'ZC015', "nor switches the rules of $_ off") foreach qw(request approval access_grant);
as($node, undef, 'REVOKE cipguard_officer FROM postgres');
is(as($node, 'ann', "SELECT cipguard.approve($super)"), 'approved', 'an officer gives it to a superuser');
is(reads(undef, 'call'), $plain, 'who reads then');

# 4. Decided once.
$r = ask('clerk');
as($node, 'clerk', "SELECT cipguard.cancel_request($r)");
refused($node, 'ann', "SELECT cipguard.approve($r)", '55000', 'what was cancelled is not approved', like => qr/cancelled/);
$r = ask('clerk');
refused($node, 'other', "SELECT cipguard.cancel_request($r)", '42501', 'nobody else cancels');
as($node, 'ann', "SELECT cipguard.reject($r, 'not now')");
refused($node, 'bob', "SELECT cipguard.approve($r)", '55000', 'what was rejected is not approved', like => qr/rejected/);
is(as($node, 'clerk', "SELECT state, decided_by, decision FROM cipguard.requests WHERE id = $r"), 'rejected|ann|not now', 'who asked is told why');
$r = as($node, undef, "SELECT cipguard.open_request('access', '{}', 'short', 1, NULL, '1 second')");
$node->poll_query_until('postgres', "SELECT expires_at < now() FROM cipguard.request WHERE id = $r");
is(state($r), 'expired', 'a request expires');
refused($node, 'ann', "SELECT cipguard.approve($r)", '55000', 'and is not approved then', like => qr/expired/);
ask('clerk');
is(as($node, undef, "SELECT state FROM cipguard.request WHERE id = $r"), 'expired', 'which the next one writes down');
$r = ask('clerk');
is(as($node, 'ann', "BEGIN; SELECT cipguard.approve($r); ROLLBACK"), 'approved', 'approved, and rolled back');
is(given($r) . state($r), '0open', 'is not approved');
is(as($node, 'ann', "SELECT cipguard.approve($r)"), 'approved', 'so that it can be');

# Two officers at the same time; the second one waits for the first.
$r = ask('clerk');
my $first = $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', 'ann' ]);
$first->query_safe("BEGIN; SELECT cipguard.approve($r)");
my ($out2, $err2) = ('', '');
my $second = IPC::Run::start([ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-d', $node->connstr('postgres') . ' user=bob', '-c', "SELECT cipguard.approve($r)" ], '>', \$out2, '2>', \$err2);
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE usename = 'bob' AND wait_event_type = 'Lock'"), 'the second one waits');
$first->query_safe('COMMIT');
$second->finish;
like($err2, qr/55000: request $r is not open any more: it is approved/, 'and comes too late');
is(given($r), 1, 'it is given once');
$first->quit;

# 5. Minors: an officer and one for minors, two persons.
$r = ask('clerk', args => ', minors => true');
is(as($node, 'ann', "SELECT cipguard.approve($r)"), 'open', 'one approval is not enough');
is(as($node, 'bob', "SELECT cipguard.approve($r)"), 'open', 'nor are two officers');
is(as($node, 'mia', "SELECT cipguard.approve($r)"), 'approved', 'with one for minors it is');
is(as($node, undef, "SELECT minors, granted_by FROM given WHERE request = $r"), 't|mia', 'and opens minors');
$r = ask('clerk', args => ', minors => true');
is(as($node, 'zoe', "SELECT cipguard.approve($r)"), 'open', 'one person who is both counts once');
refused($node, 'zoe', "SELECT cipguard.approve($r)", 'ZC035', 'and does not approve twice');
as($node, undef, 'REVOKE cipguard_officer, cipguard_minor_approver FROM zoe');
is(as($node, 'ann', "SELECT cipguard.approve($r)"), 'open', 'who has left counts no more');
is(as($node, 'mia', "SELECT cipguard.approve($r)"), 'approved', 'another one takes his place');
refused($node, undef, q(INSERT INTO cipguard.access_grant (grantee, category, level, minors) VALUES ('other', 'mobile', 'read', true)), 'ZC035', 'without a request nobody gets at minors');

# 6. Those who asked have changed.
$r = ask('clerk', before => 'SET ROLE team; ');
as($node, undef, 'REVOKE team FROM clerk');
refused($node, 'ann', "SELECT cipguard.approve($r)", '55000', 'who has left the role gets nothing for it');
as($node, undef, 'CREATE ROLE gone LOGIN');
$r = ask('gone');
as($node, undef, 'DROP ROLE gone; CREATE ROLE gone LOGIN');
refused($node, 'ann', "SELECT cipguard.approve($r)", '55000', 'nor does a new role of the same name');
is(as($node, 'ann', "SELECT state FROM cipguard.requests WHERE id = $r"), 'open', 'the refused request is open');

# 7. Broken glass.
refused($node, $_ // 'postgres', "SELECT cipguard.break_glass('mobile', 'rescue', 'fire')", '42501', ($_ // 'a superuser') . ' does not break the glass') foreach 'clerk', 'ann', undef;
refused($node, 'eve', "SELECT cipguard.break_glass('mobile', 'rescue', 'fire', '5 hours')", '22023', 'nobody breaks it for long');
refused($node, 'eve', "SET ROLE cipguard_emergency; SELECT cipguard.break_glass('mobile', 'rescue', 'fire')", '22023', 'nor for everybody');
like(as($node, 'eve', "SET cipguard.purpose = 'rescue'; BEGIN; SELECT cipguard.break_glass('mobile', 'rescue', 'fire'); SELECT mobile FROM client; ROLLBACK"),
	qr/^\d+\n\Q$masked\E$/, 'who could roll it back does not read');
like(as($node, 'eve', "SET cipguard.purpose = 'rescue'; BEGIN; SAVEPOINT a; SELECT cipguard.break_glass('mobile', 'rescue', 'fire'); RELEASE a; SELECT mobile FROM client; ROLLBACK"),
	qr/^\d+\n\Q$masked\E$/, 'nor in a subtransaction');
my $offset = -s $node->logfile;
my $eve = $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', 'eve' ]);
$eve->query_safe("SET cipguard.purpose = 'rescue'");
my $glass = $eve->query_safe("SELECT cipguard.break_glass('mobile', 'rescue', 'fire', '10 minutes')");
is($eve->query_safe('SELECT mobile FROM client'), $plain, 'broken glass opens at once');
like(log_since($node, $offset), qr/break-glass/, 'and the server log has it');
$node->poll_query_until('postgres', "SELECT count(*) > 0 FROM cipguard.alert WHERE kind = 'break-glass'") or diag('no alert');
ok(as($node, undef, "SELECT count(*) > 0 FROM cipguard.alert WHERE kind = 'break-glass'") eq 't', 'so has the table of alerts');
ok($node->poll_query_until('postgres', "SELECT count(*) > 0 FROM cipguard.alert WHERE kind = 'self-grant'"), 'where attempts to approve one\'s own are, too');
refused($node, 'eve', "SELECT cipguard.break_glass('name', 'rescue', 'again')", 'ZC035', 'not again before it is reviewed');
is(as($node, 'ann', "SELECT waits_for, overdue FROM cipguard.requests_open WHERE id = $glass"), 'review|f', 'an officer sees what waits');
as($node, undef, 'GRANT cipguard_officer TO eve');
refused($node, 'eve', "SELECT cipguard.review($glass, 'justified', 'fine')", 'ZC035', 'nobody reviews himself');
as($node, undef, 'REVOKE cipguard_officer FROM eve');
refused($node, undef, "SELECT cipguard.review($glass, 'justified', 'fine')", '42501', 'rank does not review');

# 8. A dump, and all of it again in another database.
my $open = ask('clerk');
my $done = ask('clerk');
as($node, 'ann', "SELECT cipguard.approve($done)");
my $dir = PostgreSQL::Test::Utils::tempdir();
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/dump", '-d', $node->connstr('postgres') ], 'dumped');
as($node, undef, 'CREATE DATABASE again');
$node->command_ok([ 'pg_restore', '-e', '-d', $node->connstr('again'), "$dir/dump" ], 'restored');
my $all = 'SELECT string_agg(r::text, E\'\n\' ORDER BY id) FROM cipguard.request r';
is(as($node, undef, $all, db => 'again'), as($node, undef, $all), 'requests are the same');
$all = 'SELECT string_agg(r::text, E\'\n\' ORDER BY request, approver) FROM cipguard.approval r';
is(as($node, undef, $all, db => 'again'), as($node, undef, $all), 'and approvals');
refused($node, 'ann', "SELECT cipguard.approve($done)", '55000', 'what was given is not given again', db => 'again');
refused($node, undef, "SELECT cipguard.carry_out($done)", '55000', 'by no function', db => 'again');
is(given($done, db => 'again'), 1, 'it came with the dump');
refused($node, 'eve', "SELECT cipguard.break_glass('name', 'rescue', 'again')", 'ZC035', 'what was not reviewed there is not here', db => 'again');
is(as($node, 'bob', "SELECT cipguard.approve($open)", db => 'again'), 'approved', 'what was open is approved');
is(state($open), 'open', 'here, not there');

# 9. The review ends it.
as($node, 'ann', "SELECT cipguard.review($glass, 'unjustified', 'there was no fire')");
is($eve->query_safe('SELECT mobile FROM client'), $masked, 'found unjustified, it ends in the session that is open');
is(as($node, undef, "SELECT verdict, reviewed_by FROM cipguard.requests WHERE id = $glass"), 'unjustified|ann', 'the review is written down');
like($eve->query_safe("SELECT cipguard.break_glass('mobile', 'rescue', 'fire again')"), qr/^\d+$/, 'and the next time is possible');
is($eve->query_safe('SELECT mobile FROM client'), $plain, 'for which the review of the last one does not count');
as($node, 'bob', "SELECT cipguard.lockdown('all', 'breach')");
is($eve->query('SELECT mobile FROM client') // '', $masked, 'a lockdown closes broken glass, too');
as($node, undef, 'REVOKE cipguard_emergency FROM eve');
refused($node, 'eve', "SELECT cipguard.break_glass('mobile', 'rescue', 'fire')", '42501', 'who has left breaks nothing');
$eve->quit;

# 10. What was refused is in the log.
as($node, 'ann', 'SELECT cipguard.ingest()');
is(as($node, 'aud', "SELECT count(DISTINCT detail) FROM cipguard.audit_log WHERE detail ~ '^attempt to (approve|review) a request of one''s own'"), 2, 'attempts on one\'s own requests are events');

done_testing();
