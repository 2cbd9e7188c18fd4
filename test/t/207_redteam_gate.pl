# 207_redteam_gate.pl
#	Attempts to get round the conditions of the gate with SQL alone: as a reader
#	who may also write, as the owner of the table, as a member of several roles,
#	as pg_write_all_data, as an officer alone, and as somebody without a grant.
#	Person 2 is withheld; nothing may show a value of hers.
use strict;
use warnings FATAL => 'all';

use CipguardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $secret = qr/7731947000002|QzCANARYzQ2/;
my $node = new_cluster('red');

# Test that SQL, each statement on its own, shows nothing of person 2; with
# shows => pattern, that it did what it should besides.
sub hidden
{
	my ($role, $name, $sql, %opt) = @_;
	my ($out, $err) = run_as($node, $role, $sql, stop => 0);
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $good = "$out$err" !~ $secret && "$out$err" !~ /PANIC|server closed the connection/;
	$good &&= "$out$err" =~ $opt{shows} if defined $opt{shows};
	ok($good, $name) or diag("as $role: $sql\n$out$err");
	return;
}

# Values of category m7 that the reader was charged so far.
sub charged
{
	return as($node, undef, q(SELECT coalesce(max(hour_used), 0) FROM cipguard.budget_status WHERE category = 'm7' AND role = 'pupil'::regrole));
}

sub officer
{
	my ($sql) = @_;
	return as($node, 'officer', $sql);
}

as($node, undef, 'CREATE EXTENSION cipguard CASCADE');
as($node, undef, roles_sql() . <<'SQL');
GRANT cipguard_registrar TO officer;
CREATE ROLE officer2 LOGIN IN ROLE cipguard_officer;
CREATE ROLE pupil LOGIN;
CREATE ROLE writer;
CREATE ROLE worker LOGIN NOINHERIT IN ROLE pupil, writer;
CREATE ROLE boss LOGIN IN ROLE owner;
CREATE ROLE loader LOGIN IN ROLE pg_write_all_data, pg_read_all_data;
CREATE ROLE friend LOGIN;
CREATE ROLE searching LOGIN;
CREATE SCHEMA pupil AUTHORIZATION pupil;
CREATE SCHEMA friend AUTHORIZATION friend;
GRANT USAGE ON SCHEMA pupil, friend TO PUBLIC;
GRANT CREATE ON DATABASE postgres TO boss;
SELECT cipguard.add_category(c, mask => 'stars', mode => 'searchable', level => 3) FROM unnest('{m7,c7,other}'::text[]) c;
CREATE TABLE app.person (id int PRIMARY KEY);
INSERT INTO app.person SELECT g FROM generate_series(1, 100) g;
CREATE TABLE app.client (id int UNIQUE REFERENCES app.person ON UPDATE CASCADE ON DELETE SET NULL,
	mobile text, card cipguard.enc_text('c7'), born date, note text);
INSERT INTO app.client SELECT g, '773194700' || lpad(g::text, 4, '0'), 'QzCANARYzQ' || g, CASE WHEN g % 2 = 0 THEN date '2019-05-05' ELSE '1980-05-05' END
	FROM generate_series(1, 40) g;
SECURITY LABEL FOR cipguard ON COLUMN app.client.id IS 'subject';
SECURITY LABEL FOR cipguard ON COLUMN app.client.mobile IS 'm7';
SECURITY LABEL FOR cipguard ON COLUMN app.client.born IS 'birth_date';
CREATE INDEX ON app.client (card);
CREATE VIEW app.v AS SELECT * FROM app.client;
ALTER TABLE app.client OWNER TO owner;
ALTER TABLE app.person OWNER TO owner;
GRANT ALL ON app.client, app.person, app.v TO pupil, writer, friend;
GRANT SELECT ON app.client TO clerk, searching;
GRANT ALL ON SCHEMA app TO boss;
SQL
officer(q(SELECT cipguard.grant_access(r, c) FROM unnest('{pupil,boss,friend}'::regrole[]) r, unnest('{m7,c7,other,birth_date}'::text[]) c));
officer(q(SELECT cipguard.grant_access('searching', 'c7', 'search')));
as($node, 'pupil', <<'SQL');
CREATE TABLE pupil.kept (card cipguard.enc_text('c7'));
GRANT SELECT ON pupil.kept TO searching;
CREATE TABLE pupil.mine (id int, card cipguard.enc_text('c7'), m text);
CREATE TABLE pupil.keyed (id int PRIMARY KEY, m text);
CREATE TABLE pupil.lists (id int, cards cipguard.enc_text('c7')[]);
CREATE TABLE pupil.rows (id int, c app.client);
CREATE FUNCTION pupil.spy() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE NOTICE 'spy % %', OLD, NEW; RETURN NEW; END$$;
CREATE FUNCTION pupil.spy_all() RETURNS trigger LANGUAGE plpgsql AS $$DECLARE r record; BEGIN FOR r IN SELECT * FROM n LOOP RAISE NOTICE 'spy %', r; END LOOP; RETURN NULL; END$$;
CREATE FUNCTION pupil.leak(anyelement) RETURNS boolean IMMUTABLE LANGUAGE plpgsql COST 0.0001 AS $$BEGIN RAISE NOTICE 'leak %', $1; RETURN true; END$$;
SQL
as($node, 'friend', <<'SQL');
CREATE FUNCTION friend.get(int) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT mobile FROM app.client WHERE id = $1';
CREATE FUNCTION friend.cursor() RETURNS refcursor LANGUAGE plpgsql SECURITY DEFINER AS $$DECLARE c refcursor := 'fc'; BEGIN OPEN c FOR SELECT mobile FROM app.client ORDER BY id; RETURN c; END$$;
SQL

# ---------- a restricted person ----------

# Open before the restriction, used after it.
my $kept = $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', 'pupil' ]);
$kept->query(q(PREPARE p AS SELECT mobile, card FROM app.client WHERE id = 2;
	PREPARE g (int) AS SELECT mobile, card FROM app.client WHERE id = $1; SET plan_cache_mode = force_generic_plan; EXECUTE g (1);
	BEGIN; DECLARE c SCROLL CURSOR FOR SELECT id, mobile, card FROM app.client ORDER BY id; FETCH 1 c;
	DECLARE m CURSOR FOR SELECT max(mobile) FROM app.client GROUP BY id ORDER BY id; FETCH 1 m));
my $armor = as($node, 'pupil', 'INSERT INTO pupil.kept SELECT card FROM app.client WHERE id = 2; SET cipguard.output = armor; SELECT card FROM app.client WHERE id = 2');
officer(q(SELECT cipguard.restrict_subject('2', 'disputed')));
my $after = join "\n", map { $kept->query($_) } 'FETCH 3 c', 'FETCH 2 m', 'COMMIT', 'EXECUTE p', 'EXECUTE g (2)';
unlike($after, $secret, 'cursors and plans from before the restriction give masks');
$kept->quit;

my $move = 'of a restricted person is not made one of somebody else';
foreach my $attempt (
	[ 'UPDATE', 'UPDATE app.client SET id = 99 WHERE id = 2 RETURNING mobile, card' ],
	[ 'UPDATE through a view', 'UPDATE app.v SET id = 99 WHERE id = 2 RETURNING mobile, card' ],
	[ 'UPDATE of several columns', "UPDATE app.client SET (id, note) = (SELECT 99, 'x') WHERE id = 2" ],
	[ 'UPDATE to NULL', 'UPDATE app.client SET id = NULL WHERE id = 2' ],
	[ 'UPDATE in a CTE', 'WITH u AS (UPDATE app.client SET id = 99 WHERE id = 2 RETURNING *) SELECT * FROM u' ],
	[ 'UPDATE with a function in RETURNING', 'UPDATE app.client SET id = 99 WHERE id = 2 RETURNING pupil.leak(mobile)' ],
	[ 'MERGE', 'MERGE INTO app.client t USING (SELECT 2 AS id) s ON t.id = s.id WHEN MATCHED THEN UPDATE SET id = 99' ],
	[ 'ON CONFLICT', 'INSERT INTO app.client VALUES (2) ON CONFLICT (id) DO UPDATE SET id = 99 RETURNING mobile' ],
	[ 'prepared', 'PREPARE u (int) AS UPDATE app.client SET id = $1 WHERE id = 2; EXECUTE u (99)' ],
	[ 'cascade of a foreign key', 'UPDATE app.person SET id = 999 WHERE id = 2' ],
	[ 'SET NULL of a foreign key', 'DELETE FROM app.person WHERE id = 2' ])
{
	my ($what, $sql) = @$attempt;
	hidden('pupil', "$what: a row $move", "BEGIN; $sql; SELECT mobile, card FROM app.client WHERE id IS NULL OR id IN (99, 999); ROLLBACK",
		shows => qr/ERROR:  ZC030: cannot change column "id" of a row that is withheld/);
}
hidden('worker', "another role of the login: a row $move", 'BEGIN; SET ROLE writer; UPDATE app.client SET id = 99 WHERE id = 2; ROLLBACK', shows => qr/ERROR:  ZC030/);
is(as($node, 'pupil', 'BEGIN; UPDATE app.client SET id = 2 WHERE id = 2; UPDATE app.client SET id = 99 WHERE id = 3 RETURNING id; ROLLBACK'),
	"99", 'that does not keep others from getting another id');

foreach my $attempt (
	[ 'trigger', 'CREATE TRIGGER z BEFORE UPDATE ON app.client FOR EACH ROW EXECUTE FUNCTION pupil.spy(); UPDATE app.client SET note = 1' ],
	[ 'trigger with a transition table', 'CREATE TRIGGER z AFTER UPDATE ON app.client REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION pupil.spy_all(); UPDATE app.client SET note = 1' ],
	[ 'condition of a trigger', 'CREATE TRIGGER z BEFORE UPDATE ON app.client FOR EACH ROW WHEN (pupil.leak(OLD.mobile)) EXECUTE FUNCTION pupil.spy(); UPDATE app.client SET note = 1' ])
{
	hidden('pupil', "$attempt->[0]: a reader gets no trigger to see who is withheld", "BEGIN; $attempt->[1]; ROLLBACK",
		shows => qr/permission denied for a trigger/);
}
foreach my $attempt (
	[ 'subject column dropped', 'ALTER TABLE app.client DROP COLUMN id CASCADE' ],
	[ 'subject column rewritten', 'ALTER TABLE app.client DROP CONSTRAINT client_id_fkey; ALTER TABLE app.client ALTER COLUMN id TYPE bigint USING id + 100' ],
	[ 'subject column of another type', 'ALTER TABLE app.client DROP CONSTRAINT client_id_fkey; ALTER TABLE app.client ALTER COLUMN id TYPE numeric(9, 1)' ],
	[ 'label of the subject taken off', 'SECURITY LABEL FOR cipguard ON COLUMN app.client.id IS NULL' ],
	[ 'label taken off', 'SECURITY LABEL FOR cipguard ON COLUMN app.client.mobile IS NULL' ],
	[ 'label changed', q(SECURITY LABEL FOR cipguard ON COLUMN app.client.mobile IS 'other') ],
	[ 'CHECK', 'ALTER TABLE app.client ADD CHECK (pupil.leak(mobile))' ],
	[ 'CHECK as an oracle', q(ALTER TABLE app.client ADD CHECK (mobile <> '773194700' || '0002')) ],
	[ 'index on an expression', 'CREATE INDEX ON app.client (pupil.leak(mobile))' ],
	[ 'partial index', 'CREATE INDEX ON app.client (id) WHERE pupil.leak(card::text)' ],
	[ 'policy', 'CREATE POLICY p ON app.client USING (pupil.leak(mobile)); ALTER TABLE app.client ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY' ],
	[ 'generated column', 'ALTER TABLE app.client ADD g text GENERATED ALWAYS AS (mobile) STORED' ],
	[ 'type of the column', 'ALTER TABLE app.client ALTER COLUMN mobile TYPE text USING mobile || id::text' ],
	[ 'statistics of an expression', 'CREATE STATISTICS app.s ON (left(mobile, 20)), (right(mobile, 20)) FROM app.client; ANALYZE app.client; SELECT * FROM pg_stats_ext_exprs' ],
	[ 'rule', 'CREATE RULE r AS ON UPDATE TO app.client DO ALSO SELECT pupil.leak(OLD.mobile)' ])
{
	hidden('boss', "$attempt->[0]: an owner who reads does not get round the restriction",
		"BEGIN; $attempt->[1]; SELECT * FROM app.client WHERE mobile LIKE '%0002'; SELECT * FROM app.client; ROLLBACK",
		shows => qr/42501: permission denied (?:for [^\n]* is protected|to (?:label|change the label))/);
}

as($node, undef, <<'SQL');
CREATE TABLE app.parted (id int, mobile text) PARTITION BY RANGE (id);
CREATE TABLE app.part PARTITION OF app.parted FOR VALUES FROM (0) TO (100);
CREATE TABLE app.parent (id int, mobile text);
CREATE TABLE app.child () INHERITS (app.parent);
INSERT INTO app.part VALUES (1, '7731947000001'), (2, '7731947000002');
INSERT INTO app.child TABLE app.part;
SECURITY LABEL FOR cipguard ON COLUMN app.parted.id IS 'subject';
SECURITY LABEL FOR cipguard ON COLUMN app.parted.mobile IS 'm7';
SECURITY LABEL FOR cipguard ON COLUMN app.parent.id IS 'subject';
SECURITY LABEL FOR cipguard ON COLUMN app.parent.mobile IS 'm7';
ALTER TABLE app.parted OWNER TO owner;
ALTER TABLE app.part OWNER TO owner;
ALTER TABLE app.parent OWNER TO owner;
ALTER TABLE app.child OWNER TO owner;
SQL
as($node, undef, <<'SQL');
CREATE TABLE app.coded (id cipguard.enc_text('other'), mobile text);
INSERT INTO app.coded VALUES ('1', '7731947000001'), ('2', '7731947000002');
SECURITY LABEL FOR cipguard ON COLUMN app.coded.id IS 'subject';
SECURITY LABEL FOR cipguard ON COLUMN app.coded.mobile IS 'm7';
GRANT ALL ON app.coded TO pupil;
SQL
hidden('pupil', 'an encrypted subject is known for who it is', 'TABLE app.coded', shows => qr/7731947000001/);
hidden('pupil', "$_", "BEGIN; $_; TABLE app.coded; ROLLBACK", shows => qr/ZC030/)
  foreach "UPDATE app.coded SET id = '99'", "UPDATE app.coded SET id = NULL";
hidden('boss', "$_: what is taken out of a tree knows whom it is about", "BEGIN; $_; TABLE app.part; TABLE app.child; ROLLBACK", shows => qr/7731947000001/)
  foreach 'ALTER TABLE app.parted DETACH PARTITION app.part', 'ALTER TABLE app.child NO INHERIT app.parent';

foreach my $attempt (
	[ 'INSERT ... SELECT', 'INSERT INTO pupil.mine SELECT 1, card FROM app.client WHERE id = 2; TABLE pupil.mine' ],
	[ 'list of values', 'INSERT INTO pupil.lists SELECT 1, array_agg(card) FROM app.client WHERE id = 2; TABLE pupil.lists' ],
	[ 'whole rows', 'INSERT INTO pupil.rows SELECT 1, c FROM app.client c WHERE id = 2; TABLE pupil.rows' ],
	[ 'another row', 'BEGIN; UPDATE app.client a SET card = b.card, mobile = b.mobile FROM app.client b WHERE a.id = 1 AND b.id = 2 RETURNING a.*; ROLLBACK' ],
	[ 'new row', 'BEGIN; INSERT INTO app.client SELECT 77, mobile, card FROM app.client WHERE id = 2 RETURNING *; ROLLBACK' ],
	[ 'upsert', 'BEGIN; INSERT INTO app.client VALUES (1) ON CONFLICT (id) DO UPDATE SET mobile = (SELECT mobile FROM app.client WHERE id = 2) RETURNING *; ROLLBACK' ],
	[ 'CREATE TABLE AS', 'BEGIN; CREATE TABLE pupil.t AS SELECT id + 100 AS id, mobile FROM app.client; TABLE pupil.t; ROLLBACK' ],
	[ 'materialised view', 'BEGIN; CREATE MATERIALIZED VIEW pupil.mv AS SELECT id, mobile FROM app.client; TABLE pupil.mv; ROLLBACK' ],
	[ 'variable', 'DO $$DECLARE v cipguard.enc_text; BEGIN SELECT card INTO v FROM app.client WHERE id = 2; RAISE NOTICE \'% %\', v, v::text; INSERT INTO pupil.mine VALUES (1, v); END$$; TABLE pupil.mine' ],
	[ 'child', 'BEGIN; CREATE TABLE pupil.kid () INHERITS (pupil.mine); INSERT INTO pupil.kid SELECT 1, card FROM app.client WHERE id = 2; TABLE pupil.kid; ROLLBACK' ],
	[ 'own trigger', 'BEGIN; CREATE TRIGGER t BEFORE UPDATE ON pupil.keyed FOR EACH ROW EXECUTE FUNCTION pupil.spy(); INSERT INTO pupil.keyed VALUES (2); UPDATE pupil.keyed k SET m = c.mobile || c.card FROM app.client c WHERE c.id = k.id; ROLLBACK' ],
	[ 'armor', 'SET cipguard.output = armor; SELECT card AS a FROM app.client WHERE id = 2 \gset
INSERT INTO pupil.mine VALUES (1, :\'a\'); RESET cipguard.output; TABLE pupil.mine; SELECT cipguard.disclose(card, \'pupil.mine\') FROM pupil.mine; DELETE FROM pupil.mine' ],
	[ 'disclose() of another table', q(SELECT cipguard.disclose(card, 'pupil.mine') FROM app.client WHERE id = 2) ],
	[ 'disclose() with another subject', q(SELECT cipguard.disclose(card, 'app.client', 1, NULL::date) FROM app.client WHERE id = 2) ],
	[ 'gate_value() with another subject', q(SELECT cipguard.gate_value(mobile, 'app.client'::regclass::oid, 2, 1, born, NULL) FROM app.client WHERE id = 2) ],
	[ 'audit_disclose() with another subject', q(SELECT cipguard.audit_disclose(card::text, 'app.client'::regclass::oid, 3::smallint, '1') FROM app.client WHERE id = 2) ],
	[ 'statistics', q(SELECT most_common_vals, histogram_bounds FROM pg_stats WHERE tablename = 'client') ])
{
	hidden('pupil', "$attempt->[0]: no copy of a value of a restricted person", $attempt->[1]);
}
refused($node, 'pupil', q(SET row_security = off; SELECT card FROM app.client WHERE id = 2), '42501', 'armor of a restricted person is not given to be compared with guesses');
foreach my $guess ('2', '3')
{
	refused($node, $_, "SELECT cipguard.verify_match(card, 'QzCANARYzQ$guess') FROM app.client WHERE id = 2", 'ZC030', "$_: nor is guess $guess judged") foreach qw(pupil searching);
}
is(as($node, $_, q(SELECT cipguard.verify_match(card, 'QzCANARYzQ' || 3) FROM app.client WHERE id IN (3, 4) ORDER BY id)), "t\nf", "$_: of others it is") foreach qw(pupil searching);
refused($node, 'searching', q(SELECT cipguard.verify_match(card, 'x') FROM pupil.kept), 'ZC029', 'and of nobody knows whom it is not');
refused($node, 'clerk', q(SELECT cipguard.verify_match(card, 'QzCANARYzQ2') FROM app.client WHERE id = 2), '42501', 'who has no grant is told that');
refused($node, 'pupil', "SELECT cipguard.gate_value('$armor'::cipguard.enc_text('c7'), 'app.client'::regclass::oid, 3, 3, NULL::date, NULL)", '42501', 'armor from before is not opened as that of somebody else');
refused($node, 'pupil', "SELECT cipguard.verify_match(cipguard.gate_value('$armor'::cipguard.enc_text('c7'), 'app.client'::regclass::oid, 3, 3, NULL::date, NULL), 'x')", '42501', 'nor compared');
is(as($node, 'pupil', q(SELECT count(*) FROM app.client a JOIN (VALUES ('QzCANARYzQ' || 2)) v (c) ON a.card = v.c::cipguard.enc_text('c7'))), '0', 'nor by a join');
refused($node, 'clerk', q(SELECT cipguard.gate_value('x'::text, 'app.client'::regclass::oid, 2, 2, NULL::date, NULL)), '42501', 'who has no grant is not told who is restricted, by gate_value()');
is(as($node, 'clerk', q(SELECT count(DISTINCT w) FROM generate_series(1, 3) s, LATERAL (SELECT string_agg(c::text, ';') AS w FROM cipguard.why('m7', 'app.client', s::text) c) x)),
	'1', 'nor by why()');
refused($node, 'clerk', q(SELECT cipguard.access_decision('pupil', 'm7', 'app.client', '2')), '42501', 'nor by asking about a reader');
like(error_of($node, 'clerk', q(SELECT cipguard.keep_person(1, 'app.client'::regclass::oid, 1, 2, NULL::date, 'checked'))), qr/ERROR:  .*only the planner/, 'nor by the function that updates call');
officer(q(SELECT cipguard.lift_restriction('2', 'settled')));

# ---------- consent, minors ----------

officer(q(SELECT cipguard.add_activity('news', 'newsletter', 'consent', '{m7,c7,birth_date}', 'marketing'); SELECT cipguard.record_consent('1', 'news', 'give', guardian => 'mother')));
refused($node, 'pupil', 'BEGIN; UPDATE app.client SET id = 99 WHERE id = 2; ROLLBACK', 'ZC031', 'who states no purpose does not move a row for the purpose that he states next');
refused($node, 'worker', 'BEGIN; SET ROLE writer; UPDATE app.client SET id = 99 WHERE id = 2; ROLLBACK', 'ZC031', 'nor in another role of his');
hidden('pupil', 'without consent there is nothing to see', q(SET cipguard.purpose = 'news'; SELECT id, mobile, card FROM app.client WHERE id < 3), shows => qr/7731947000001/);
officer(q(SELECT cipguard.end_activity('news')));
officer(q(SELECT cipguard.set_condition(NULL, 'minor', 'on')));
foreach my $attempt (q(UPDATE app.client SET born = '1970-01-01' WHERE id = 2), q(UPDATE app.client SET born = NULL WHERE id = 2),
	q(MERGE INTO app.client c USING (SELECT 2 AS i) s ON c.id = s.i WHEN MATCHED THEN UPDATE SET born = '1970-01-01'))
{
	refused($node, 'pupil', "BEGIN; $attempt; ROLLBACK", 'ZC032', "a minor does not become of age: $attempt");
}
is(as($node, 'pupil', q(BEGIN; UPDATE app.client SET born = '1981-01-01' WHERE id = 1 RETURNING born; ROLLBACK)), '1981-01-01', 'the date of birth of an adult is corrected');
officer(q(SELECT cipguard.set_condition(NULL, 'minor', NULL)));

# Ages that are encrypted: person 1 is grown up, 2 a child, of 3 nobody knows.
as($node, undef, <<'SQL');
CREATE TABLE app.pupil (id int PRIMARY KEY, mobile text, born cipguard.enc_date('birth_date'));
CREATE TABLE app.numbered (id int PRIMARY KEY, mobile text, number cipguard.enc_text('resident_id'));
INSERT INTO app.pupil VALUES (1, '7731947000001', '1980-05-05'), (2, '7731947000002', '2019-05-05'), (3, '7731947000003', NULL);
INSERT INTO app.numbered VALUES (1, '7731947000001', '11010519491231002X'), (2, '7731947000002', '11010120190505001X'), (3, '7731947000003', NULL);
SECURITY LABEL FOR cipguard ON COLUMN app.pupil.id IS 'subject';
SECURITY LABEL FOR cipguard ON COLUMN app.pupil.mobile IS 'm7';
SECURITY LABEL FOR cipguard ON COLUMN app.numbered.id IS 'subject';
SECURITY LABEL FOR cipguard ON COLUMN app.numbered.mobile IS 'm7';
GRANT ALL ON app.pupil, app.numbered TO pupil;
SQL
officer(q(SELECT cipguard.set_condition('m7', 'minor', 'on')));
foreach my $table (qw(pupil numbered))
{
	hidden('pupil', "app.$table: an encrypted age tells who is grown up", "SELECT mobile FROM app.$table WHERE id <> 3", shows => qr/7731947000001/);
	is(as($node, 'pupil', "SELECT count(*) FROM app.$table WHERE mobile LIKE '7731947%'"), '1', 'and nobody else is');
}
refused($node, 'pupil', "BEGIN; UPDATE app.pupil SET born = '1970-01-01' WHERE id = 2; ROLLBACK", 'ZC032', 'nor does a child become of age by it');
officer(q(SELECT cipguard.set_condition('m7', 'minor', NULL)));

# A child's consent is a guardian's.
officer(q(SELECT cipguard.add_activity('club', 'club', 'consent', '{m7,birth_date}', 'marketing')));
officer("SELECT cipguard.record_consent('$_', 'club', 'give')") foreach (1, 2);
my $club = q(SET cipguard.purpose = 'club'; SELECT string_agg(id::text, ',' ORDER BY id) FROM app.%s WHERE mobile LIKE '7731947%%');
is(as($node, 'pupil', sprintf($club, $_)), '1', "app.$_: a child does not consent by itself") foreach qw(pupil client);
officer(q(SELECT cipguard.record_consent('2', 'club', 'give', guardian => 'mother')));
is(as($node, 'pupil', sprintf($club, $_)), '1,2', "app.$_: but by a guardian") foreach qw(pupil client);
officer(q(SELECT cipguard.record_consent('2', 'club', 'give')));
is(as($node, 'pupil', sprintf($club, $_)), '1', "app.$_: the last answer counts") foreach qw(pupil client);
officer(q(SELECT cipguard.end_activity('club')));

# ---------- registers ----------

officer(q(SELECT cipguard.restrict_subject('2', 'disputed'), cipguard.lockdown('category other', 'drill')));
foreach my $sql (
	q(UPDATE cipguard.restriction SET ended_at = now(), end_reason = 'x'),
	'DELETE FROM cipguard.lockdown', 'DELETE FROM cipguard.budget', 'DELETE FROM cipguard.category_rule', 'DELETE FROM cipguard.suspension',
	q(INSERT INTO cipguard.access_grant (grantee, category, level) VALUES ('loader', 'm7', 'read')),
	q(INSERT INTO cipguard.consent_event (activity, subject, action) VALUES (1, '2', 'give')),
	q(INSERT INTO cipguard.training_record (person, course) VALUES ('loader', 'privacy')),
	q(UPDATE cipguard.alert_rule SET enabled = false), q(UPDATE cipguard.category SET sensitive = false),
	q(UPDATE cipguard.request SET state = 'approved'))
{
	my $err = error_of($node, 'loader', "BEGIN; $sql; ROLLBACK");
	like($err, qr/ERROR:  (?:ZC015|428C9|42703)/, "pg_write_all_data: $sql");
}
refused($node, 'loader', q(COPY cipguard.restriction (subject, reason) FROM STDIN), 'ZC015', 'pg_write_all_data: COPY FROM');
foreach my $sql (
	q(UPDATE cipguard.restriction SET ended_at = now()), 'DELETE FROM cipguard.restriction', 'DELETE FROM cipguard.lockdown',
	'UPDATE cipguard.lockdown SET lifted_at = now()', 'DELETE FROM cipguard.consent_event', q(UPDATE cipguard.access_grant SET level = 'read'),
	q(INSERT INTO cipguard.approval (request) VALUES (1)), 'TRUNCATE cipguard.restriction', 'DELETE FROM cipguard.alert')
{
	my $err = error_of($node, 'officer', $sql);
	like($err, qr/ERROR:  (?:42501|42703|ZC0\d\d)/, "an officer alone: $sql");
}
like(error_of($node, 'officer', q(SELECT cipguard.grant_access('cipguard_officer', 'm7'))), qr/ERROR:/, 'an officer alone: a grant to a role that he is a member of');
like(error_of($node, 'pupil', 'SET session_replication_role = replica'), qr/ERROR:  42501/, 'triggers of registers are not switched off');
like(error_of($node, 'pupil', "SET $_"), qr/ERROR:  (?:42501|55P02)/, "a reader does not SET $_")
  foreach 'cipguard.transparent_masking = off', 'cipguard.require_purpose = off', 'cipguard.default_budgets = off', 'cipguard.mask_owner = off';
refused($node, 'pupil', 'LISTEN cipguard_alert', '42501', 'a reader does not hear of canaries');
officer(q(SELECT cipguard.lift_restriction('2', 'settled')));

# ---------- requests ----------

foreach my $duration ('-1 day', '178000000 years', '0', '91 days', '1 month -30 days')
{
	like(error_of($node, 'pupil', "SELECT cipguard.request_access('m7', 'p', 'r', '$duration')"), qr/ERROR:  22023/, "nobody asks for access of $duration");
}
like(error_of($node, 'pupil', "SELECT cipguard.request_access('m7', 'p', 'r', '1 day', row_limit => $_)"), qr/ERROR:  22/, "nor for $_ values")
  foreach -1, 0, '9223372036854775808::numeric::bigint';
like(error_of($node, 'pupil', q(SELECT count(cipguard.request_access('m7', 'p', 'flood', '1 day')) FROM generate_series(1, 200))), qr/ERROR:  54000: role "pupil" has made 100 requests/,
	'nobody fills the table of requests');
as($node, undef, q(CREATE ROLE team; GRANT team TO officer, pupil));
as($node, 'pupil', q(SET ROLE team; SELECT cipguard.request_access('m7', 'p', 'for the team', '1 day')));
my $request = as($node, undef, 'SELECT max(id) FROM cipguard.request');
refused($node, 'officer', "SELECT cipguard.approve($request)", 'ZC035', 'an officer does not approve for a role that he is a member of');
as($node, undef, 'REVOKE team FROM officer; ALTER ROLE team RENAME TO crew; CREATE ROLE team; GRANT team TO friend');
like(error_of($node, 'officer', "SELECT cipguard.approve($request)"), qr/ERROR:/, 'nor for a role that was renamed, with another one of its name');

# ---------- budgets ----------

officer(q(SELECT cipguard.set_budget('pupil', 'm7', 1000, 1000)));
foreach my $attempt (
	[ 18, 'values', 'SELECT mobile FROM app.client WHERE id <= 18' ],
	[ 18, 'string_agg()', q(SELECT string_agg(mobile, ',') FROM app.client WHERE id <= 18) ],
	[ 18, 'array_agg()', 'SELECT array_agg(DISTINCT mobile) FROM app.client WHERE id <= 18' ],
	[ 18, 'json_agg() of rows', 'SELECT json_agg(c) FROM app.client c WHERE id <= 18' ],
	[ 18, 'jsonb_object_agg()', 'SELECT jsonb_object_agg(id, mobile) FROM app.client WHERE id <= 18' ],
	[ 18, 'aggregate of a sub-query', q(SELECT string_agg(m, ',') FROM (SELECT upper(mobile) AS m FROM app.client WHERE id <= 18 OFFSET 0) s) ],
	[ 18, 'aggregate of a CTE', q(WITH w AS MATERIALIZED (SELECT mobile AS m FROM app.client WHERE id <= 18) SELECT string_agg(m, ',') FROM w) ],
	[ 18, 'window', 'SELECT array_agg(mobile) OVER () FROM app.client WHERE id <= 18 LIMIT 1' ],
	[ 18, 'ARRAY()', 'SELECT ARRAY(SELECT mobile FROM app.client WHERE id <= 18)' ],
	[ 18, 'recursion', q(WITH RECURSIVE r (i, s) AS (SELECT 0, '' UNION ALL SELECT i + 1, s || mobile FROM r JOIN app.client ON id = i + 1 WHERE i < 18) SELECT s FROM r ORDER BY i DESC LIMIT 1) ],
	[ 3, 'self-join in an aggregate', 'SELECT max(a.mobile || b.mobile || c.mobile) FROM app.client a, app.client b, app.client c WHERE (a.id, b.id, c.id) = (1, 2, 3)' ],
	[ 18, 'rolled back', 'BEGIN; SELECT mobile FROM app.client WHERE id <= 18; ROLLBACK' ],
	[ 18, 'XML', q(SELECT query_to_xml('SELECT mobile FROM app.client WHERE id <= 18', true, true, '')) ],
	[ 5, 'values before an error', 'SELECT mobile, 1 / (6 - id) FROM app.client WHERE id <= 6 ORDER BY id' ],
	[ 6, 'cursor, back and forth', 'BEGIN; DECLARE c SCROLL CURSOR FOR SELECT mobile FROM app.client ORDER BY id; FETCH 2 c; FETCH PRIOR c; FETCH FIRST c; FETCH FIRST c; FETCH LAST c; COMMIT' ],
	[ 1, 'function of another reader', 'SELECT friend.get(1)' ],
	[ 2, 'cursor of another reader', 'BEGIN; SELECT friend.cursor(); FETCH 2 fc; COMMIT' ],
	[ 18, 'another category', q(BEGIN; CREATE TABLE pupil.o (m text); SECURITY LABEL FOR cipguard ON COLUMN pupil.o.m IS 'other'; INSERT INTO pupil.o SELECT mobile FROM app.client WHERE id <= 18; ROLLBACK) ],
	[ 18, 'another category, by UPDATE', q(BEGIN; CREATE TABLE pupil.o (id int, m text); SECURITY LABEL FOR cipguard ON COLUMN pupil.o.m IS 'other'; INSERT INTO pupil.o (id) SELECT generate_series(1, 18); UPDATE pupil.o SET (m) = ROW (c.mobile) FROM app.client c WHERE c.id = o.id; ROLLBACK) ],
	[ 18, 'a table without subject column', q(BEGIN; CREATE TABLE pupil.o (m text); SECURITY LABEL FOR cipguard ON COLUMN pupil.o.m IS 'm7'; INSERT INTO pupil.o SELECT mobile FROM app.client WHERE id <= 18; ROLLBACK) ],
	[ 1, 'LIKE', q(SELECT count(*) FROM app.client WHERE mobile LIKE '77%') ],
	[ 1, 'order', 'SELECT id FROM app.client ORDER BY mobile DESC LIMIT 1' ])
{
	my ($n, $what, $sql) = @$attempt;
	my $before = charged();
	run_as($node, 'pupil', $sql, stop => 0);
	cmp_ok(charged() - $before, '>=', $n, "$what: at least $n values are charged");
}
is(do { my $before = charged(); as($node, 'pupil', q(SELECT mobile FROM app.client WHERE mobile = '7731947000001')); charged() - $before }, 1,
	'what is found by its value is charged once');

officer(q(SELECT cipguard.set_budget('pupil', 'm7', 0, 0)));
as($node, undef, 'ANALYZE app.client');
my @asks = (
	q(SELECT id FROM app.client WHERE mobile LIKE '%0002'), q(SELECT id FROM app.client ORDER BY mobile LIMIT 1),
	q(SELECT count(DISTINCT mobile) FROM app.client), q(SELECT count(*) FILTER (WHERE mobile LIKE '%0002') FROM app.client),
	q(SELECT CASE WHEN mobile > '7' THEN id END FROM app.client), q(SELECT id FROM app.client JOIN (VALUES ('7731947000001')) v (m) ON m = mobile),
	q(SELECT id FROM app.client c WHERE (SELECT c.mobile) LIKE '%0002'), q(SELECT 1 WHERE '7731947000001' IN (SELECT mobile FROM app.client)),
	q(SELECT count(*) FROM (SELECT mobile FROM app.client INTERSECT SELECT '7731947000001') s),
	q(SELECT count(*) FROM (SELECT DISTINCT mobile FROM app.client) s), q(SELECT id FROM (SELECT id, mobile AS m FROM app.client OFFSET 0) s WHERE m LIKE '%0002'),
	q(WITH w AS MATERIALIZED (SELECT * FROM app.client) SELECT id FROM w WHERE mobile LIKE '%0002'), q(SELECT id FROM app.v WHERE mobile LIKE '%0002'),
	q(SELECT id, rank() OVER (ORDER BY mobile) FROM app.client), q(SELECT id FROM app.client c WHERE c::text LIKE '%0002%'),
	q(SELECT id FROM app.client GROUP BY id, mobile HAVING mobile LIKE '%0002'), q(DELETE FROM app.client WHERE mobile LIKE '%0002'),
	q(UPDATE app.client SET note = CASE WHEN mobile LIKE '%0002' THEN 'x' END), q(COPY (SELECT id FROM app.client WHERE mobile LIKE '%0002') TO STDOUT),
	q(MERGE INTO app.client c USING (SELECT 1) s ON c.mobile LIKE '%0002' WHEN MATCHED THEN DELETE),
	q(INSERT INTO app.client VALUES (2) ON CONFLICT (id) DO UPDATE SET note = 'x' WHERE app.client.mobile LIKE '%0002' RETURNING id),
	q(DO $$BEGIN PERFORM 1 FROM app.client WHERE mobile LIKE '%0002'; END$$), q(EXPLAIN (ANALYZE) SELECT id FROM app.client WHERE mobile LIKE '%0002'));
refused($node, 'pupil', "BEGIN; $_; ROLLBACK", 'ZC033', "spent: $_") foreach @asks;
is(as($node, 'pupil', q(SELECT count(most_common_vals), count(histogram_bounds) FROM pg_stats WHERE tablename = 'client' AND attname = 'mobile')), '0|0',
	'nor do statistics show what the budget does not');
is(as($node, 'pupil', 'SELECT id FROM app.client WHERE id = 1'), '1', 'what touches no value goes on');
officer(q(SELECT cipguard.set_budget('boss', 'm7', 10, 10)));
hidden('boss', 'an owner with a budget gets no trigger that does not count',
	'BEGIN; CREATE TRIGGER z BEFORE UPDATE ON app.client FOR EACH ROW EXECUTE FUNCTION pupil.spy(); UPDATE app.client SET note = 1; ROLLBACK',
	shows => qr/permission denied for a trigger/);

$node->stop;
done_testing();
