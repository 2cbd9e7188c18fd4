# 193_subject_keys.pl
#	Keys of persons: rows are sealed under them however they come, a key that
#	is destroyed is gone at once, for every session and on a standby, and with
#	the end of its epoch from every backup; the others survive.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use CipguardTest;
use Cwd 'abs_path';
use IPC::Run qw(start finish);
use MIME::Base64;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = abs_path(PostgreSQL::Test::Utils::tempdir());
my $epochs = "$dir/epochs";
mkdir $epochs, 0700;

my $node = new_cluster('subjects',
	allows_streaming => 1,
	conf => "cipguard.epoch_directory = '$epochs'\n");
as($node, undef, 'CREATE EXTENSION cipguard CASCADE');
as($node, undef, roles_sql());
as($node, undef, <<'SQL');
CREATE TABLE client (id int PRIMARY KEY, phone cipguard.enc_text('mobile') UNIQUE, address cipguard.enc_text('address'), note text);
CREATE TABLE account (no int PRIMARY KEY, client int, card cipguard.enc_text('bank_card'), others cipguard.enc_text('mobile')[]);
CREATE TABLE visit (client int, at int, phone cipguard.enc_text('mobile')) PARTITION BY RANGE (at);
CREATE TABLE visit_1 PARTITION OF visit FOR VALUES FROM (0) TO (10);
CREATE TABLE visit_2 PARTITION OF visit FOR VALUES FROM (10) TO (20);
CREATE TABLE parent (client text, phone cipguard.enc_text('mobile'));
CREATE TABLE child (more int) INHERITS (parent);
GRANT SELECT, INSERT, UPDATE, DELETE ON client, account, visit, parent, child TO reader, clerk;
SQL

# Ids of the keys that values of a column are under.
as($node, undef, <<'SQL');
CREATE FUNCTION key_in(armor text) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN get_byte(d, 2) & 2 = 0 THEN 0 ELSE
		('x' || encode(substr(d, CASE WHEN get_byte(d, 2) & 1 = 0 THEN 13 ELSE 29 END, 8), 'hex'))::bit(64)::bigint END
	FROM decode(rpad(translate(substr(armor, 6), '-_', '+/'), (length(armor) - 5 + 3) / 4 * 4, '='), 'base64') d
$$;
SQL
sub keys_in
{
	my ($table, $column, $where) = @_;
	return as($node, 'reader', "SET cipguard.output = armor; SELECT string_agg(DISTINCT key_in($column" . "::json #>> '{}')::text, ' ') FROM $table WHERE " . ($where // 'true'));
}

sub count_files { my @files = files_below($epochs); return scalar(@files); }

# 1. Who may, and what is needed.
refused($node, 'clerk', "SELECT cipguard.use_subject_keys('client')", '42501', 'not everybody decides');
refused($node, undef, "SELECT cipguard.use_subject_keys('client')", '55000', 'a subject column is needed', like => qr/no subject column/);
as($node, undef, "SECURITY LABEL FOR cipguard ON COLUMN client.id IS 'subject'; SECURITY LABEL FOR cipguard ON COLUMN $_->[0].client IS '$_->[1]'")
  foreach ([ 'account', 'subject of client' ], [ 'visit', 'subject of client' ], [ 'parent', 'subject of client' ]);
refused($node, undef, "SELECT cipguard.use_subject_keys('account')", '55000', 'and the table it refers to first', like => qr/for it first/);
as($node, undef, "BEGIN; SELECT cipguard.use_subject_keys('client'); ROLLBACK");
is(count_files(), 0, 'an epoch that was rolled back leaves no key');
chmod 0755, $epochs;
refused($node, undef, "SELECT cipguard.use_subject_keys('client')", 'ZC003', 'a directory open to others is refused');
chmod 0700, $epochs;
$node->append_conf('postgresql.conf', "cipguard.epoch_directory = '" . $node->data_dir . "'\n");
$node->reload;
ok($node->poll_query_until('postgres', "SELECT current_setting('cipguard.epoch_directory') <> '$epochs'"), 'reloaded');
refused($node, undef, "SELECT cipguard.use_subject_keys('client')", 'ZC003', 'and so is the data directory', like => qr/inside the data directory/);
$node->append_conf('postgresql.conf', "cipguard.epoch_directory = '$epochs'\n");
$node->reload;
ok($node->poll_query_until('postgres', "SELECT current_setting('cipguard.epoch_directory') = '$epochs'"), 'reloaded');
as($node, 'reader', "INSERT INTO client SELECT i, '139' || to_char(i, 'FM00000000'), 'road ' || i FROM generate_series(101, 110) i");
as($node, 'officer', "SELECT cipguard.use_subject_keys('client'), cipguard.use_subject_keys('account'), cipguard.use_subject_keys('visit'), cipguard.use_subject_keys('parent')");
is(count_files(), 1, 'one epoch key');
is(sprintf('%04o', (stat((files_below($epochs))[0]))[2] & 07777), '0600', 'for the server alone');
as($node, undef, "SELECT cipguard.audit_table('client')");

# 2. Every way in.
as($node, 'reader', <<'SQL');
INSERT INTO client SELECT i, '139' || to_char(i, 'FM00000000'), 'road ' || i FROM generate_series(1, 20) i;
INSERT INTO client VALUES (1, '13900000077', 'road 77') ON CONFLICT (id) DO UPDATE SET address = excluded.address;
INSERT INTO account VALUES (1, 1, '4111111111111111', ARRAY['13800000001', '13800000002']), (2, 2, '4012888888881881', NULL);
INSERT INTO visit SELECT 1, i, '13900000001' FROM generate_series(1, 19, 6) i;
INSERT INTO child VALUES ('1', '13900000001', 5);
SQL
$node->safe_psql('postgres', "COPY client (id, phone) FROM stdin;\n21\t13900000021\n\\.\n");
my $key = keys_in('client', 'phone', 'id = 1');
like($key, qr/^-?\d+$/, 'a value is under one key');
isnt($key, '0', 'of its own');
is(keys_in('client', 'address', 'id = 1'), $key, 'a random value, too');
is(keys_in('account', 'card', 'client = 1'), $key, 'and one of another table');
is(keys_in('(SELECT unnest(others) AS o, client FROM account) a', 'o', 'client = 1'), $key, 'and elements of an array');
is(keys_in('visit', 'phone'), $key, 'and those of partitions');
is(keys_in('child', 'phone'), $key, 'and of a child, whose column is text');
isnt(keys_in('client', 'phone', 'id = 21'), '0', 'COPY is no way around');
as($node, undef, 'CREATE TABLE visit_3 PARTITION OF visit FOR VALUES FROM (20) TO (30); CREATE TABLE child_2 () INHERITS (parent); INSERT INTO visit VALUES (1, 25, $$13900000001$$); INSERT INTO child_2 VALUES (1, $$13900000001$$); GRANT SELECT ON visit_3, child_2 TO reader');
is(keys_in($_, 'phone'), $key, "$_, made later, too") foreach qw(visit_3 child_2);
is(as($node, undef, "SELECT count(*) FROM pg_trigger WHERE tgname = '~~cipguard_subject_key' AND tgenabled <> 'A'"), '0', 'all triggers are ENABLE ALWAYS');
my $second = keys_in('client', 'phone', 'id = 2');
isnt($second, $key, 'somebody else has another key');
as($node, undef, 'UPDATE account SET client = 2 WHERE no = 1');
is(keys_in('account', 'card', 'no = 1'), $second, 'a row that changes hands changes keys');
as($node, undef, 'UPDATE account SET client = 1 WHERE no = 1');
is(keys_in('account', 'card', 'no = 1'), $key, 'and back');
is(as($node, 'reader', "SELECT card::text FROM account WHERE no = 1"), '4111111111111111', 'its value is the same');
refused($node, 'reader', "INSERT INTO account VALUES (9, NULL, '4111111111111111')", '23502', 'a row about nobody is refused');
as($node, 'reader', 'INSERT INTO account VALUES (9, NULL, NULL)');
as($node, 'reader', 'UPDATE account SET client = NULL WHERE no = 1');
is(keys_in('account', 'card', 'no = 1'), $key, 'a link that is cut leaves the value under its key');
is(as($node, undef, "SET session_replication_role = replica; INSERT INTO client VALUES (30, '13900000030'); SELECT count(*) FROM client WHERE id = 30"), '1', 'a replica role');
isnt(keys_in('client', 'phone', 'id = 30'), '0', 'does not switch it off');
is(as($node, 'reader', "SELECT id FROM client WHERE phone = '13900000007'"), '7', 'values are found');
is(as($node, 'reader', "SELECT count(*) FROM client WHERE phone::text = '139' || to_char(id, 'FM00000000')"), '32', 'and read');
is(as($node, undef, "SET cipguard.subject_key_cache = 16; SET ROLE reader; SELECT count(*) FROM client a, generate_series(1, 3) WHERE a.phone::text LIKE '139%'"), '96', 'by a small cache, too');
refused($node, undef, $_, 'ZC015', $_)
  foreach ('DROP TRIGGER "~~cipguard_subject_key" ON client', 'ALTER TABLE client DISABLE TRIGGER "~~cipguard_subject_key"',
	'ALTER TABLE account DISABLE TRIGGER ALL', 'ALTER TRIGGER "~~cipguard_subject_key" ON client RENAME TO a');
as($node, undef, "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER \"~~~\" BEFORE INSERT ON parent FOR EACH ROW EXECUTE FUNCTION f()");
refused($node, 'reader', "INSERT INTO parent VALUES ('1', '13900000001')", '55000', 'a trigger that would come after is refused');
as($node, undef, 'DROP TRIGGER "~~~" ON parent');

# Values from before.
is(keys_in('client', 'phone', 'id > 100'), '0', 'values that were there are under the key of their category');
as($node, 'reader', "INSERT INTO account VALUES (101, 101, '4111111111111111')");
refused($node, 'officer', "SELECT cipguard.destroy_subject_key('101', 'client')", '55000', 'which is not forgotten', like => qr/reencrypt/);
as($node, undef, "CALL cipguard.reencrypt('client')");
is(as($node, 'reader', "SET cipguard.output = armor; SELECT count(DISTINCT key_in(phone::json #>> '{}')), count(*) FILTER (WHERE key_in(phone::json #>> '{}') = 0 OR key_in(address::json #>> '{}') = 0) FROM client WHERE id > 100"), '10|0', 'until they are moved');
is(keys_in('client', 'phone', 'id = 101'), keys_in('account', 'card', 'client = 101'), 'to the key of their person');
is(as($node, 'reader', "SELECT count(*) FROM client WHERE id > 100 AND phone::text = '139' || to_char(id, 'FM00000000') AND address::text = 'road ' || id"), '10', 'and are the same');
is(as($node, 'reader', "SELECT id FROM client WHERE phone = '13900000105'"), '105', 'found by index, too');
as($node, 'officer', "SELECT cipguard.destroy_subject_key('101', 'client')");
as($node, undef, "DELETE FROM client WHERE id > 100");

# 3. What rolls back leaves no key that anybody remembers.
is( as($node, 'reader', "BEGIN; INSERT INTO client VALUES (40, '13900000040'); ROLLBACK; BEGIN; SAVEPOINT s; INSERT INTO client VALUES (40, '13900000040'); ROLLBACK TO s; INSERT INTO client VALUES (40, '13900000040'); COMMIT; SELECT phone::text FROM client WHERE id = 40"),
	'13900000040', 'a key that rolled back is made again');
is(as($node, 'reader', 'SELECT phone::text FROM client WHERE id = 40'), '13900000040', 'others read it');

# 4. Many meet new persons at once.
{
	my @writers;
	foreach my $w (1 .. 4)
	{
		my $file = write_file("$dir/w$w", join('', map { "INSERT INTO account VALUES (" . ($w * 1000 + $_) . ", " . (5000 + $_) . ", '4111111111111111');\n" } 1 .. 60));
		push @writers, start([ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-v', 'ON_ERROR_STOP=1', '-f', $file ],
			'<', '/dev/null', '>', '/dev/null', '2>', "$dir/w$w.err");
	}
	finish($_) foreach @writers;
	is(join('', map { slurp_file("$dir/w$_.err") } 1 .. 4), '', 'nobody fails');
	is(as($node, 'reader', "SELECT count(*) FROM account WHERE client > 5000 AND card::text = '4111111111111111'"), '240', 'all is there');
	is(as($node, 'reader', "SET cipguard.output = armor; SELECT count(*), count(DISTINCT k) FROM (SELECT client, count(DISTINCT key_in(card::json #>> '{}')) AS k FROM account WHERE client > 5000 GROUP BY 1) s"), '60|1', 'one key for each');
}

# 5. Copies from before.
as($node, undef, 'CHECKPOINT');
$node->backup('old');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'old', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
is(as($standby, 'reader', "SELECT phone::text FROM client WHERE id = 1"), '13900000001', 'a standby reads');
my $before = as($node, 'reader', "SET cipguard.output = armor; SELECT phone FROM client WHERE id = 1");

# 6. Destruction, while sessions hold the key.
my ($in, $out) = ('', '');
my $session = start([ 'psql', '-X', '-qAt', '-d', $node->connstr('postgres'), '-U', 'reader' ], '<', \$in, '>', \$out, '2>&1');
my ($sin, $sout) = ('', '');
my $there = start([ 'psql', '-X', '-qAt', '-d', $standby->connstr('postgres'), '-U', 'reader' ], '<', \$sin, '>', \$sout, '2>&1');
$in .= "SELECT 'seen ' || phone::text FROM client WHERE id = 1;\n";
$session->pump until $out =~ /seen 13900000001/;
$sin .= "SELECT 'seen ' || phone::text FROM client WHERE id = 1;\n";
$there->pump until $sout =~ /seen 13900000001/;

refused($node, 'clerk', "SELECT cipguard.destroy_subject_key('1', 'client')", '42501', 'not everybody destroys');
refused($node, 'officer', "SELECT cipguard.destroy_subject_key('404', 'client')", '42704', 'nobody has no key');
like(as($node, 'officer', "SELECT cipguard.destroy_subject_key('1', 'client', 'asked by letter')"), qr/^[0-9a-f-]{36}$/, 'a key is destroyed');
refused($node, 'officer', "SELECT cipguard.destroy_subject_key('1', 'client')", 'ZC019', 'once');
$node->wait_for_catchup($standby);

$in .= "SELECT 'now ' || (phone::text IS NULL) || ' ' || (phone::json #>> '{}' LIKE 'cip1:%') FROM client WHERE id = 1;\n";
$session->pump until $out =~ /now/;
like($out, qr/now true true/, 'a session that held the key');
$sin .= "SELECT 'now ' || (phone::text IS NULL) || ' ' || (phone::json #>> '{}' LIKE 'cip1:%') FROM client WHERE id = 1;\n";
$there->pump until $sout =~ /now/;
like($sout, qr/now true true/, 'and one of the standby');
$in .= "\\q\n";
$sin .= "\\q\n";
finish($session);
finish($there);

like(as($node, 'reader', 'SELECT phone, address FROM client WHERE id = 1'), qr/^cip1:[\w-]+\|cip1:[\w-]+$/, 'it is shown as armor');
is(as($node, 'reader', 'SELECT phone::text, cipguard.mask(phone), cipguard.disclose(phone, $$client$$) FROM client WHERE id = 1'), '||', 'and reads as NULL');
is(as($node, 'reader', "SELECT count(*) FROM client WHERE phone = '13900000001'"), '0', 'it is not found');
my $token = unpack('H*', substr(MIME::Base64::decode_base64(substr($before, 5) =~ tr{-_}{+/}r . '=='), 12, 16));
is(as($node, 'reader', "SET cipguard.output = armor; SELECT count(*) FROM client WHERE position('\\x$token'::bytea IN decode(rpad(translate(substr(phone::json #>> '{}', 6), '-_', '+/'), (length(phone::json #>> '{}') - 2) / 4 * 4, '='), 'base64')) > 0"), '0', 'its token is gone');
my ($dead, $live) = map {
	my $armor = as($node, 'reader', "SET cipguard.output = armor; SELECT phone FROM client WHERE id = $_");
	decode_base64(substr($armor, 5) =~ tr{-_}{+/}r);
} (1, 5);
substr($dead, 12, 16) = substr($live, 12, 16);
my $forged = 'cip1:' . (encode_base64($dead, '') =~ tr{+/}{-_}r =~ s/=+$//r);
is(as($node, 'reader', "CREATE TEMP TABLE forged AS SELECT '$forged'::cipguard.enc_text('mobile') AS phone; SELECT count(*), (SELECT count(*) FROM forged JOIN client USING (phone)) FROM forged"), '1|0', 'a token that is put in its place is not believed');
is(as($node, 'reader', "SELECT count(*) FROM visit WHERE phone::text IS NOT NULL"), '0', 'nor in partitions');
is(as($node, 'reader', "SELECT count(*) FROM parent WHERE phone::text IS NOT NULL"), '0', 'nor in children');
is(as($node, 'reader', "SELECT card::text FROM account WHERE no = 1"), '', 'and where the link was cut');
as($node, 'reader', "UPDATE client SET note = 'gone' WHERE id = 1");
refused($node, 'reader', "UPDATE client SET phone = '13900000001' WHERE id = 1", 'ZC019', 'nothing new is sealed for the person');
refused($node, 'reader', "INSERT INTO account VALUES (77, 1, '4111111111111111')", 'ZC019', 'in no table');
as($node, 'reader', "INSERT INTO client VALUES (41, '13900000001')");
is(as($node, 'reader', "SELECT count(*) FROM client WHERE phone::text = '139' || to_char(id, 'FM00000000')"), '22', 'the others read as before');
is(as($node, 'reader', 'SELECT count(*) FROM client WHERE phone::text IS NULL'), '1', 'all of them');
is(as($node, undef, "SELECT relation, destroyed_rows > 5, destroyed_by, reason, unrecoverable_since IS NULL FROM cipguard.destruction_certificate WHERE reason <> ''"), 'public.client|t|officer|asked by letter|t', 'there is a certificate');
refused($node, undef, 'UPDATE cipguard.destruction_certificate SET reason = NULL', 'ZC012', 'which stays');
refused($node, undef, 'DELETE FROM cipguard.destruction_certificate', 'ZC012', 'as it is');
is(as($node, undef, "SELECT action, relation, detail ~ '^key of subject -?[0-9]+, [0-9]+ values\$' FROM cipguard.audit_log WHERE action = 'DESTRUCTION'"), "DESTRUCTION|public.client|t\nDESTRUCTION|public.client|t", 'and an event');

# Writers and the destruction of their subject.
{
	my @writers;
	foreach my $w (1 .. 3)
	{
		my $file = write_file("$dir/d$w", join('', map { "INSERT INTO account VALUES (" . ($w * 100000 + $_) . ", 3, '4111111111111111');\n" } 1 .. 150));
		push @writers, start([ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-f', $file ],
			'<', '/dev/null', '>', '/dev/null', '2>', "$dir/d$w.err");
	}
	$node->poll_query_until('postgres', 'SELECT count(*) > 20 FROM account WHERE client = 3');
	as($node, 'officer', "SELECT cipguard.destroy_subject_key('3', 'account')");
	finish($_) foreach @writers;
	is(as($node, 'reader', 'SELECT count(*) FROM account WHERE client = 3 AND card::text IS NOT NULL'), '0', 'nothing of the person is left');
	is(as($node, 'reader', "SET cipguard.output = armor; SELECT count(DISTINCT length(card::json #>> '{}')) FROM account WHERE client = 3"), '1', 'every value was replaced');
}

# 7. The epoch ends.
refused($node, undef, 'BEGIN; CALL cipguard.close_epoch()', '25001', 'not in a transaction');
my ($old) = files_below($epochs);
my $old_key = slurp_file($old);
like(as($node, 'officer', 'CALL cipguard.close_epoch()'), qr/^2\|\d+\|3$/, 'an epoch is closed');
ok(!-e $old, 'its key is gone');
my @found = find_bytes([ files_below($epochs) ], substr($old_key, 0, 64));
is("@found", '', 'from the directory');
is(as($node, undef, "SELECT count(*) FROM cipguard.destruction_certificate WHERE unrecoverable_since IS NOT NULL"), '3', 'which certificates say');
is(as($node, 'reader', "SELECT count(*) FROM client WHERE phone::text = '139' || to_char(id, 'FM00000000')"), '21', 'those who are left read');
$node->wait_for_catchup($standby);
is(as($standby, 'reader', "SELECT count(*) FROM client WHERE phone::text = '139' || to_char(id, 'FM00000000')"), '21', 'on the standby, too');
as($node, 'reader', "INSERT INTO client VALUES (50, '13900000050')");
is(as($node, 'reader', 'SELECT phone::text FROM client WHERE id = 50'), '13900000050', 'new keys belong to the new epoch');

# A message that somebody changed brings nothing.
refused($node, 'officer', q{SELECT cipguard.import_subject_keys(jsonb_set(jsonb_set(k, '{epochs,-1,state}', '"destroyed"'), '{epochs,-1,destroyed}', '"2001-01-01"')) FROM cipguard.export_subject_keys() k}, '55000', 'an epoch key that is there was not destroyed');
refused($node, 'officer', q{SELECT cipguard.import_subject_keys(jsonb_set(k, '{keys}', (SELECT jsonb_agg(e || '{"wrapped": "\\\\x00"}') FROM jsonb_array_elements(k -> 'keys') e WHERE e ->> 'state' = 'active'))) FROM cipguard.export_subject_keys() k}, 'ZC006', 'nor is garbage a key');
is(as($node, 'reader', 'SELECT phone::text FROM client WHERE id = 50'), '13900000050', 'and nothing was lost');
$standby->stop;

# 8. The old backup, with the key-encryption key and the epoch keys there are.
my $restored = PostgreSQL::Test::Cluster->new('restored');
$restored->init_from_backup($node, 'old');
$restored->append_conf('postgresql.conf', "primary_conninfo = ''\n");
$restored->start;
like(as($restored, 'reader', 'SELECT phone FROM client WHERE id = 1'), qr/^cip1:/, 'old backup: the destroyed one is armor');
refused($restored, 'reader', 'SELECT phone::text FROM client WHERE id = 1', 'ZC019', 'and cannot be read', like => qr/import_subject_keys/);
like(as($restored, 'reader', 'SELECT phone FROM client WHERE id = 2'), qr/^cip1:/, 'nor can the others, yet');
refused($restored, undef, 'CALL cipguard.close_epoch()', 'ZC001', 'it closes no epoch');
my $export = as($node, 'officer', 'SELECT cipguard.export_subject_keys()');
# Whoever dates it back gets no certificate that is older for it.
$export =~ s/("destroyed(?:_at)?": )"[^"]*"/$1"2001-01-01"/g;
write_file("$dir/export", $export);
as($restored, 'officer', "SELECT cipguard.place_hold(s, 'lawsuit') FROM unnest('{1,50,nobody}'::text[]) s");
refused($restored, undef, "SET ROLE officer; SELECT cipguard.import_subject_keys(\$\$" . slurp_file("$dir/export") . "\$\$)", 'ZC034', 'nobody under a legal hold is destroyed by it');
as($restored, 'officer', "SELECT cipguard.release_hold('1', 'settled')");
like(as($restored, undef, "SET ROLE officer; SELECT brought > 10, destroyed FROM cipguard.import_subject_keys(\$\$" . slurp_file("$dir/export") . "\$\$)"), qr/^t\|2$/, 'keys are brought');
is(as($restored, 'reader', 'SELECT phone::text FROM client WHERE id = 2'), '13900000002', 'old backup: who is left can be read');
is(as($restored, 'reader', 'SELECT phone::text, address::text FROM client WHERE id = 1'), '|', 'the destroyed one is gone for good');
is(as($restored, 'reader', "SELECT count(*) FROM client WHERE phone = '13900000001'"), '0', 'rows included');
is(as($restored, undef, 'SELECT count(*) FROM cipguard.destruction_certificate WHERE unrecoverable_since IS NOT NULL'), '3', 'as certificates say');
like(as($restored, undef, "SELECT min(k.destroyed_at) > '2002-01-01', min(e.destroyed) > '2002-01-01', min(c.unrecoverable_since) > '2002-01-01' FROM cipguard.subject_key k, cipguard.subject_epoch e, cipguard.destruction_certificate c"), qr/^t\|t\|t$/, 'and of when this database learned it');
as($restored, 'officer', "SELECT cipguard.place_hold('2', 'lawsuit')");
refused($restored, 'officer', "SELECT cipguard.destroy_subject_key('2', 'client')", 'ZC034', 'a key of somebody under a legal hold is not destroyed');
is(as($restored, 'reader', 'SELECT phone::text FROM client WHERE id = 2'), '13900000002', 'and opens');
is(as($restored, undef, "SELECT brought, destroyed FROM cipguard.import_subject_keys(\$\$" . slurp_file("$dir/export") . "\$\$)"), '0|0', 'once is enough');
$restored->stop;

# 9. Dump and restore.
as($node, undef, 'CREATE DATABASE copy');
$node->command_ok([ 'bash', '-c', "pg_dump -d '" . $node->connstr('postgres') . "' > $dir/dump && psql -X -q -v ON_ERROR_STOP=1 -d '" . $node->connstr('copy') . "' -f $dir/dump" ], 'dump and restore');
is(as($node, 'reader', "SELECT count(*) FROM client WHERE phone::text = '139' || to_char(id, 'FM00000000')", db => 'copy'), '22', 'the copy reads');
my $sum = "SET cipguard.output = armor; SELECT md5(string_agg(c::text, ' ' ORDER BY id)) FROM client c WHERE id < 60";
is(as($node, 'reader', $sum, db => 'copy'), as($node, 'reader', $sum), 'and holds the same bytes');
refused($node, 'reader', "INSERT INTO account VALUES (78, 1, '4111111111111111')", 'ZC019', 'a destroyed key stays destroyed', db => 'copy');
as($node, 'reader', "INSERT INTO client VALUES (60, '13900000060')", db => 'copy');
is(as($node, undef, "SELECT count(*) FROM pg_trigger WHERE tgname = '~~cipguard_subject_key' AND tgenabled = 'A'", db => 'copy'), as($node, undef, "SELECT count(*) FROM pg_trigger WHERE tgname = '~~cipguard_subject_key' AND tgenabled = 'A'"), 'and so do the triggers');

# Rotation: the key of tokens is another, keys of persons stay.
as($node, undef, "SELECT cipguard.rotate_token_key('mobile')");
is(as($node, 'reader', "SELECT id FROM client WHERE phone = '13900000007'"), '7', 'with another token key values are found');
is(as($node, 'reader', "SELECT count(*) FROM client WHERE phone::text = '139' || to_char(id, 'FM00000000')"), '22', 'and read');
is(as($node, 'reader', 'SELECT phone::text FROM client WHERE id = 1'), '', 'and what was destroyed is as it was');
as($node, undef, "SELECT cipguard.rotate_key('mobile')");
is(as($node, 'reader', "INSERT INTO client VALUES (70, '13900000070') RETURNING phone::text"), '13900000070', 'another data key of the category matters to nobody');

# 10. A command keeps the keys, and fails when it matters.
my $store = "$dir/store";
mkdir $store, 0700;
my $command = write_file("$dir/keeper", <<"EOF", 0700);
#!/bin/sh
f=$store/\$2_\$3
case \$1 in
create) od -An -N32 -tx1 /dev/urandom | tr -d ' \\n' > \$f; cat \$f ;;
get) if [ -e \$f.gone ]; then echo destroyed; else cat \$f; fi ;;
destroy) [ ! -e $dir/broken ] || exit 1; touch \$f.gone; rm -f \$f ;;
esac
EOF
my $other = new_cluster('keeper', conf => "cipguard.epoch_command = '$command %o %e %n'\n");
as($other, undef, 'CREATE EXTENSION cipguard CASCADE');
as($other, undef, roles_sql());
as($other, undef, "CREATE TABLE client (id int PRIMARY KEY, phone cipguard.enc_text('mobile')); GRANT ALL ON client TO reader; SECURITY LABEL FOR cipguard ON COLUMN client.id IS 'subject'; SELECT cipguard.use_subject_keys('client'); INSERT INTO client VALUES (1, '13900000001'), (2, '13900000002'); SELECT cipguard.destroy_subject_key('1', 'client')");
write_file("$dir/broken", '');
refused($other, undef, 'CALL cipguard.close_epoch()', 'ZC001', 'a key that cannot be destroyed is an error', like => qr/destroy the key of epoch 1/);
is(as($other, undef, 'SELECT epoch, state FROM cipguard.subject_epoch ORDER BY 1'), "1|closed\n2|open", 'but the closing was committed');
is(as($other, undef, 'SELECT count(*) FROM cipguard.destruction_certificate WHERE unrecoverable_since IS NULL'), '1', 'and nothing is promised yet');
$other->stop('immediate');
unlink "$dir/broken";
$other->start;
is(as($other, 'reader', 'SELECT phone::text FROM client ORDER BY id'), "\n13900000002", 'after a crash who is left reads');
is(as($other, 'officer', 'SELECT cipguard.finish_epochs()'), '1', 'the rest is done later');
is(as($other, 'officer', 'SELECT cipguard.finish_epochs()'), '0', 'once');
is(as($other, undef, 'SELECT epoch, state FROM cipguard.subject_epoch ORDER BY 1'), "1|destroyed\n2|open", 'all is done');
is(as($other, 'reader', 'SELECT phone::text FROM client ORDER BY id'), "\n13900000002", 'who is left reads');
is(as($other, undef, 'SELECT count(*) FROM cipguard.destruction_certificate WHERE unrecoverable_since IS NULL'), '0', 'certificates are complete');

# How a person is spelled does not change by the way.
as($other, undef, "CREATE TABLE bill (payer numeric(8,1), phone cipguard.enc_text('mobile'), at int); CREATE TABLE tree (name varchar(20)); CREATE TABLE leaf (phone cipguard.enc_text('mobile')) INHERITS (tree); SECURITY LABEL FOR cipguard ON COLUMN bill.payer IS 'subject'; SECURITY LABEL FOR cipguard ON COLUMN tree.name IS 'subject'; SELECT cipguard.use_subject_keys('bill'), cipguard.use_subject_keys('leaf')");
refused($other, undef, "ALTER TABLE $_", 'ZC015', "no $_", like => qr/subject column/)
  foreach ('client ALTER id TYPE text', 'client ALTER id TYPE numeric', 'bill ALTER payer TYPE numeric(9,2)', 'bill ALTER payer TYPE text', 'bill ALTER at TYPE text, ALTER payer TYPE numeric(9,2)', 'tree ALTER name TYPE text', 'tree ALTER name TYPE varchar(10)', 'tree ALTER name TYPE char(20)');
as($other, undef, "ALTER TABLE $_") foreach ('client ALTER id TYPE bigint', 'bill ALTER payer TYPE numeric', 'bill ALTER at TYPE text', 'tree ALTER name TYPE varchar(30)');
as($other, undef, "SET ROLE officer; SELECT cipguard.open_maintenance('ids', 10); RESET ROLE; ALTER TABLE bill ALTER payer TYPE text; SET ROLE officer; SELECT cipguard.close_maintenance()");

# A keeper that cannot be asked is not one that says destroyed.
$other->append_conf('postgresql.conf', "cipguard.epoch_command = 'false'\n");
$other->restart;
refused($other, 'reader', 'SELECT phone::text FROM client WHERE id = 2', 'ZC001', 'without the epoch key nothing opens');

done_testing();
