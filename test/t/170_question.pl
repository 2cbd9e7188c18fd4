# 170_question.pl
#	Questions about the audit log while the journal goes into it, after a crash,
#	in read-only transactions, and where the library is not preloaded.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use CipguardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $tables = <<'SQL';
CREATE ROLE auditor LOGIN IN ROLE cipguard_auditor;
SET ROLE owner;
CREATE TABLE app.client (id int PRIMARY KEY, phone cipguard.enc_text('mobile'), contact text);
RESET ROLE;
SECURITY LABEL FOR cipguard ON COLUMN app.client.id IS 'subject';
SECURITY LABEL FOR cipguard ON COLUMN app.client.contact IS 'name';
SELECT cipguard.audit_table('app.client');
INSERT INTO app.client SELECT g, '139' || lpad(g::text, 8, '0'), 'contact ' || g FROM generate_series(1, 300) g;
GRANT SELECT ON app.client TO reader, auditor;
SQL

# 1. Preloaded.
my $node = new_cluster('question', conf => "restart_after_crash = on\n");
as($node, undef, 'CREATE EXTENSION cipguard CASCADE');
as($node, undef, roles_sql());
as($node, undef, $tables);

my $seen = "SELECT event_id IS NOT NULL, certainty, role, purpose, relation, columns FROM cipguard.who_saw('7') WHERE role = 'reader'";
as($node, 'reader', "BEGIN; SET LOCAL cipguard.purpose = 'claim'; SELECT phone FROM app.client WHERE id IN (7, 8); ROLLBACK");
like(as($node, 'auditor', $seen), qr/^[tf]\|yes\|reader\|claim\|app\.client\|\{phone\}$/, 'seen at once, though rolled back');
as($node, undef, 'SELECT cipguard.ingest()');
is(as($node, 'auditor', $seen), 't|yes|reader|claim|app.client|{phone}', 'once, too, when it is in the log');
like(as($node, 'auditor', "SELECT query FROM cipguard.who_saw('7')"), qr/^SELECT phone FROM app\.client WHERE id IN \(\?, \.\.\.\)$/,
	'with the query, which does not name others');
is(as($node, 'auditor', "SELECT count(*) FROM cipguard.who_saw('9')"), '0', 'others were not seen');
is(as($node, 'auditor', "BEGIN READ ONLY; SELECT count(*) FROM cipguard.who_saw('7'); COMMIT"), '1', 'in a read-only transaction');
like(as($node, 'auditor', "SELECT action, detail FROM cipguard.activity_of('auditor') WHERE action = 'asked' ORDER BY ts DESC LIMIT 1 OFFSET 1"),
	qr/^asked\|who_saw, person -?\d+$/, 'asking that is recorded, by the tag of the person');
unlike(as($node, 'auditor', "SELECT string_agg(detail, ' ') FROM cipguard.activity_of('auditor')"), qr/'7'/, 'and not by the person');

# A process that dies amid a statement: of the rest of it nothing is known.
my $session = $node->background_psql('postgres', on_error_stop => 0, on_error_die => 0,
	extra_params => [ '-U', 'reader' ]);
my $pid = $session->query_safe('SELECT pg_backend_pid()');
$session->query_until(qr/started/, "\\echo started\nSELECT phone, pg_sleep(CASE WHEN id = 5 THEN 60 END) FROM app.client;\n");
$node->poll_query_until('postgres', "SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = $pid") or die 'does not sleep';
kill 'KILL', $pid;
$session->{run}->finish;
wait_up($node);
$node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM cipguard.who_saw('200') WHERE certainty = 'possible')")
  or die 'the open statement is not reported';
like(as($node, 'auditor', "SELECT certainty, role, relation, remark FROM cipguard.who_saw('200')"),
	qr/^possible\|reader\|app\.client\|intent without its last batch/, 'whom it could have shown');
is(as($node, 'auditor', "SELECT what, role FROM cipguard.subject_receipt('200') ORDER BY ts"),
	'entered|' . as($node, undef, 'SELECT current_user') . "\npossibly read|reader", 'which he is told');

# Rules of one's own travel with a dump; those of the extension do not double.
as($node, 'officer', "INSERT INTO cipguard.regulation (key, jurisdiction, law, article, topic, rule, keep, kinds) VALUES ('own.rule', 'CN', 'x', '1', 'retention', 'y', '5 years', '{R}')");
$node->command_ok([ 'pg_dump', '-f', "$PostgreSQL::Test::Utils::tmp_check/question.sql", '-d', $node->connstr('postgres') ], 'dump');
as($node, undef, 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', "$PostgreSQL::Test::Utils::tmp_check/question.sql", '-d', $node->connstr('restored') ], 'restore');
is(as($node, undef, "SELECT keep, regulation FROM cipguard.audit_floor() WHERE kind = 'R'", db => 'restored'), '5 years|own.rule', 'the longest floor');
is(as($node, undef, 'SELECT count(*) FILTER (WHERE builtin) > 5, count(*) FILTER (WHERE NOT builtin) FROM cipguard.regulation', db => 'restored'), 't|1', 'all rules once');
$node->stop;

# 2. Not preloaded.
my $plain = new_cluster('question_plain', preload => 0);
as($plain, undef, 'CREATE EXTENSION cipguard CASCADE');
as($plain, undef, roles_sql());
as($plain, undef, "LOAD 'cipguard'; $tables");
my $t1 = as($plain, undef, 'SELECT clock_timestamp()');
as($plain, undef, "UPDATE app.client SET phone = '13700137000', contact = 'other' WHERE id = 7");
is(as($plain, 'auditor', "SELECT action, columns FROM cipguard.changes('app.client', '7') ORDER BY ts"),
	"INSERT|\nUPDATE|{phone,contact}", 'changes');
is(as($plain, 'auditor', "SELECT cipguard.row_as_of('app.client', '7', '$t1')"),
	'{"id": "7", "phone": "139****0007", "contact": "********"}', 'a row as it was, masked');
is(as($plain, 'auditor', "SELECT cipguard.row_as_of('app.client', '8', '$t1') ->> 'phone'"),
	'139****0008', 'one that is as it was, likewise');
as($plain, undef, "GRANT cipguard_auditor TO reader");
is(as($plain, 'reader', "SELECT cipguard.row_as_of('app.client', '7', '$t1')"),
	'{"id": "7", "phone": "13900000007", "contact": "contact 7"}', 'and for a reader');
is(as($plain, 'auditor', "SELECT count(*) FROM cipguard.who_saw('7')"), '0', 'disclosures are not known');
is(as($plain, 'auditor', "BEGIN READ ONLY; SELECT count(*) FROM cipguard.changes('app.client', '7'); COMMIT"), '2', 'in a read-only transaction');
like(as($plain, 'auditor', "SELECT DISTINCT action, detail FROM cipguard.audit_log WHERE cur_role = 'auditor' AND detail LIKE 'who%'"),
	qr/^ASKED\|who_saw, person -?\d+$/, 'questions are notes in the log');
my $event = as($plain, 'auditor', "SELECT max(event_id) FROM cipguard.changes('app.client', '7')");
as($plain, 'owner', "SELECT cipguard.undo($event)");
is(as($plain, 'reader', 'SELECT phone, contact FROM app.client WHERE id = 7'), '13900000007|contact 7', 'undone by the owner, who may not read it');
as($plain, 'owner', "CREATE TABLE app.plain (id int PRIMARY KEY, v text); SELECT cipguard.audit_table('app.plain'); INSERT INTO app.plain VALUES (1, 'a'); UPDATE app.plain SET v = 'b'");
as($plain, 'owner', 'ALTER TABLE app.plain ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY');
$event = as($plain, 'auditor', "SELECT max(event_id) FROM cipguard.changes('app.plain', '1')");
refused($plain, 'owner', "SELECT cipguard.undo($event)", '55000', 'not what policies hide from the owner', like => qr/is not as event \d+ left it/);
$plain->stop;

done_testing();
