# 198_together.pl
#	Where features meet: keys of persons, indexes that decrypt, rotation, the log,
#	masks and dumps, for values of every type.  Categories begin with SM4.
use strict;
use warnings FATAL => 'all';

use CipguardTest;
use Cwd 'abs_path';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = abs_path(PostgreSQL::Test::Utils::tempdir());
mkdir "$dir/epochs", 0700;

my $node = new_cluster('together',
	conf => "cipguard.default_suite = 'sm4'\ncipguard.epoch_directory = '$dir/epochs'\n");
my @ordered = qw(date int8 numeric text timestamptz);

as($node, undef, 'CREATE EXTENSION cipguard CASCADE; CREATE EXTENSION amcheck');
as($node, undef, roles_sql());
as($node, undef, typed_sql());

# 1. A table of persons with a column and an array of each type, and indexes of
#    all kinds on it.
as($node, undef, <<'SQL');
CREATE TABLE app.p (id int PRIMARY KEY, note text);
SELECT format('ALTER TABLE app.p ADD %1$s_ cipguard.enc_%1$s(%2$L), ADD %1$s_s cipguard.enc_%1$s(%2$L)[]', name, 't_' || name) FROM app.typed ORDER BY name \gexec
SELECT format('CREATE INDEX p_%1$s ON app.p (%1$s_)', name) FROM app.typed ORDER BY name \gexec
SELECT format('CREATE INDEX p_%1$s_order ON app.p (%1$s_ cipguard.enc_%1$s_order_ops)', name)
	FROM app.typed WHERE name IN ('text', 'int8', 'numeric', 'date', 'timestamptz') ORDER BY name \gexec
CREATE INDEX p_collated ON app.p (text_ cipguard.enc_text_collate_order_ops);
CREATE INDEX p_pieces ON app.p USING gin (text_ cipguard.enc_text_ngram_ops);
ALTER TABLE app.p ADD CHECK (int8_ > 0::bigint), ADD CHECK (date_ < date '2200-01-01'), ADD CHECK (text_ LIKE 'Qz%');
ALTER TABLE app.p OWNER TO owner;
GRANT ALL ON app.p TO reader, clerk;
SELECT cipguard.grant_access('owner', 't_' || name, 'read') FROM app.typed;
SELECT cipguard.audit_table('app.p');
SECURITY LABEL FOR cipguard ON COLUMN app.p.id IS 'subject';
SELECT cipguard.use_subject_keys('app.p');
SQL
my ($columns, $values, $assign) = map { as($node, undef, $_) } (
	q(SELECT string_agg(format('%1$s_, %1$s_s', name), ', ' ORDER BY name) FROM app.typed),
	q(SELECT string_agg(format('%1$s, ARRAY[%1$s, NULL]', value), ', ' ORDER BY name) FROM app.typed),
	q(SELECT string_agg(format('%1$s_ = %2$s, %1$s_s = ARRAY[%2$s]', name, value), ', ' ORDER BY name) FROM app.typed));

sub fill
{
	my ($from, $to) = @_;
	as($node, 'reader', "INSERT INTO app.p (id, $columns) SELECT g, $values FROM generate_series($from\::bigint, $to) g");
}

# Names of the types whose values of a row are not what they should be.
sub wrong
{
	my ($id, %opt) = @_;
	my $g = $opt{g} // $id;
	return as($node, 'reader', as($node, undef, "SELECT 'SELECT concat_ws('' '', ' || string_agg(format('CASE WHEN %1\$s_::%2\$s IS DISTINCT FROM (%3\$s) OR %1\$s_s[1]::%2\$s IS DISTINCT FROM (%3\$s) THEN %1\$L END', name, plain, value), ', ' ORDER BY name) || ') FROM app.p, (SELECT $g\::bigint) s (g) WHERE id = $id' FROM app.typed"), %opt);
}

# Ids that a condition finds, which must not depend on how.
sub found
{
	my ($where, %opt) = @_;
	my %by;
	foreach my $way ('enable_indexscan, enable_bitmapscan, enable_indexonlyscan', 'enable_seqscan, enable_bitmapscan', 'enable_seqscan, enable_indexscan, enable_indexonlyscan')
	{
		my $off = join('', map { "SET $_ = off; " } split(/, /, $way));
		$by{ as($node, 'reader', "$off SELECT string_agg(id::text, ' ' ORDER BY id) FROM app.p WHERE $where", %opt) } .= "$way; ";
	}
	return keys %by == 1 ? (keys %by)[0] : join('', map { "without $by{$_}: $_\n" } keys %by);
}

sub sound
{
	my ($name, %opt) = @_;
	is(as($node, undef, q(SELECT count(bt_index_check(c.oid, true)::text) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam WHERE i.indrelid = 'app.p'::regclass AND m.amname = 'btree'), %opt), 17, "$name: indexes are sound");
}

fill(1, 20);
is(wrong(20), '', 'values of all types under keys of persons');
is(as($node, 'reader', 'SET cipguard.output = armor; SELECT DISTINCT substr(cipguard.enc_int8_send(int8_), 1, 3) FROM app.p'), '\xc10403', 'by SM4');
is(found('int8_ > 7731947000000000017'), '18 19 20', 'a range');
is(found("text_ LIKE '%ARYzQ1_'"), join(' ', 10 .. 19), 'a pattern');

# 2. Destruction, here and of copies.
as($node, 'owner', 'CREATE TABLE app.copied (id int, v cipguard.enc_int8(\'t_int8\'), w cipguard.enc_text(\'t_text\')); INSERT INTO app.copied SELECT id, int8_, text_ FROM app.p; CREATE INDEX copied_v ON app.copied (v cipguard.enc_int8_order_ops); CREATE INDEX copied_w ON app.copied USING gin (w cipguard.enc_text_ngram_ops)');
foreach my $id (7, 8, 20)
{
	like(as($node, 'officer', "SELECT cipguard.destroy_subject_key('$id', 'app.p')"), qr/^[0-9a-f-]{36}$/, "the key of $id is destroyed");
}
sound('destroyed');
is(as($node, 'owner', q(SET enable_seqscan = off; SELECT (SELECT count(*) FROM app.copied WHERE v BETWEEN 7731947000000000006 AND 7731947000000000010), (SELECT count(*) FROM app.copied WHERE w LIKE '%ARYzQ_'))), '3|7', 'copies are not found');
as($node, undef, "SELECT bt_index_check('app.copied_v', true)");

sub ranges
{
	my ($name, $more, %opt) = @_;
	my $rest = join(' ', 16 .. 19) . $more;
	is(found('int8_ > 7731947000000000015', %opt), $rest, "$name: int8");
	is(found('NOT (int8_ <= 7731947000000000015)', %opt), $rest, "$name: not");
	is(found('7731947000000000015 < int8_', %opt), $rest, "$name: the other way round");
	is(found('numeric_ >= 7731947000000015.9', %opt), $rest, "$name: numeric");
	is(found("date_ > date '2000-01-01' + 15", %opt), $rest, "$name: date");
	is(found("timestamptz_ > timestamptz '2000-01-01 15:30:00+00'", %opt), $rest, "$name: timestamptz");
	is(found("text_ >= 'QzCANARYzQ9'", %opt), '9', "$name: text");
	is(found("int8_ < 7731947000000000010", %opt), '1 2 3 4 5 6 9', "$name: from below");
	is(found("text_ LIKE '%ARYzQ1_'", %opt), join(' ', 10 .. 19), "$name: pattern");
	is(found("text_ NOT LIKE '%ARYzQ1_'", %opt), '1 2 3 4 5 6 9' . $more, "$name: no pattern");
	is(found("jsonb_ \@> '{\"list\": [18]}'", %opt), '18', "$name: JSON");
	is(found("uuid_ = md5('uuid' || 9)::uuid OR bool_ = true AND id < 10", %opt), '3 6 9', "$name: equality");
	is(found('int8_ = 7731947000000000007', %opt), '', "$name: nobody");
}
ranges('destroyed', '');
is(as($node, 'reader', "SELECT count(*) FILTER (WHERE int8_ > 1 IS NULL), count(*) FILTER (WHERE text_ LIKE '%' IS NULL), count(*) FILTER (WHERE jsonb_ -> 'list' IS NULL) FROM app.p"), '3|3|3', 'comparisons are null');
is(as($node, 'reader', 'SELECT string_agg(id::text, \' \') FROM (SELECT id FROM app.p ORDER BY int8_ DESC OFFSET 3 LIMIT 2) x'), '19 18', 'they come last');
is(as($node, 'reader', 'SELECT min(int8_), min(date_) FROM app.p'), '7731947000000000001|2000-01-02', 'and are no minimum');
is(as($node, 'clerk', 'SELECT count(text_), count(date_), count(timestamptz_), count(inet_) FROM app.p'), '17|17|17|17', 'masks of them are null');
as($node, 'owner', "UPDATE app.p SET note = 'closed' WHERE id IN (7, 9)");
as($node, 'owner', 'REINDEX TABLE app.p');
as($node, undef, 'VACUUM FULL app.p; VACUUM ANALYZE app.p');
sound('built anew');
refused($node, 'reader', 'UPDATE app.p SET int8_ = 1 WHERE id = 7', 'ZC019', 'nothing new is sealed for them');

# 3. Rotation beside it.
as($node, 'officer', "SELECT cipguard.rotate_key('t_int8')");
as($node, undef, "CALL cipguard.reencrypt('app.p')");
as($node, 'officer', "SELECT cipguard.retire_key('t_int8', 1)");
is(wrong(19), '', 'data keys of categories do not matter to values of persons');
is(as($node, 'officer', "SELECT cipguard.rotate_token_key('t_$_'" . ($_ eq 'text' || $_ eq 'uuid' ? ", 'aes'" : '') . ')'), $_ eq 'text' || $_ eq 'int8' ? '60' : '40', "tokens of $_ are renewed")
  foreach qw(text int8 uuid bool);
is(as($node, undef, "SELECT string_agg(version || ' ' || rows, ', ' ORDER BY version) FROM cipguard.key_use() WHERE kind = 't' AND relation = 'app.p'::regclass AND attribute = 'int8_'"), '1 3, 2 17', 'but of those that were destroyed');
sound('other tokens');
ranges('other tokens', '');
is(wrong(19), '', 'and values stay');
like(as($node, 'officer', "SELECT cipguard.destroy_subject_key('6', 'app.p')"), qr/-/, 'one more, with values of both suites');
sound('one more');
fill(6001, 6001);

# 4. The log.
as($node, 'reader', "UPDATE app.p SET $assign FROM (SELECT 400::bigint) s (g) WHERE id = 5; DELETE FROM app.p WHERE id IN (4, 8)");
is(wrong(5, g => 400), '', 'all types are changed');
as($node, undef, 'CREATE ROLE auditor LOGIN IN ROLE cipguard_auditor, reader; GRANT SELECT ON app.p TO auditor');
is(as($node, 'auditor', "SELECT count(*) FROM jsonb_object_keys((SELECT before FROM cipguard.changes('app.p', '5') WHERE action = 'UPDATE')) k WHERE k <> 'id'"), 19, 'images of all columns that changed')
  or diag(as($node, 'auditor', "SELECT before FROM cipguard.changes('app.p', '5') WHERE action = 'UPDATE'"));
is(as($node, 'auditor', "SELECT r ->> 'int8_', r ->> 'numeric_', r ->> 'jsonb_', r ->> 'bytea_', r ->> 'uuid_' IS NOT NULL FROM cipguard.row_as_of('app.p', '5', clock_timestamp()) r"),
	'7731947000000000400|7731947000000400.770077|{"list": [1.50, null, 400], "QzCANARYzQ": 400}|\x517a43414e4152597a5134303000ff|t', 'a row as it is');
my %event = map { split /\|/ } split /\n/, as($node, 'auditor', join(' UNION ALL ', map { "SELECT '$_', event_id FROM cipguard.changes('app.p', '$_') WHERE action <> 'INSERT' AND action = '" . ($_ == 5 ? 'UPDATE' : 'DELETE') . "'" } 4, 5, 8));
as($node, 'owner', "SELECT cipguard.undo($event{$_})") foreach 4, 5, 8;
is(wrong(4) . wrong(5), '', 'undone, in all types');
is(as($node, 'reader', 'SELECT id, int8_::bigint IS NULL, int8_::text IS NULL, text_::text IS NULL FROM app.p WHERE id = 8'), '8|t|t|t', 'also of a person whose key is gone');
sound('undone');

# 5. A dump.
$node->safe_psql('postgres', 'CREATE DATABASE copy');
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/dump", $node->connstr('postgres') ], 'dumped');
$node->command_ok([ 'pg_restore', '-e', '-d', $node->connstr('copy'), "$dir/dump" ], 'restored');
sound('restored', db => 'copy');
is(wrong(5, db => 'copy'), '', 'values of all types');
is(found('int8_ > 7731947000000000015 AND id < 100', db => 'copy'), join(' ', 16 .. 19), 'a range there');
is(as($node, 'reader', 'SELECT count(*) FROM app.p WHERE int8_ > 1 IS NULL', db => 'copy'), '4', 'destroyed stays destroyed');

# 6. An encrypted column names the person.
as($node, undef, <<'SQL');
CREATE TABLE app.person (no cipguard.enc_text('t_text') PRIMARY KEY, v cipguard.enc_int8('t_int8'));
CREATE TABLE app.visit (n int, no cipguard.enc_text('t_text'), v cipguard.enc_int8('t_int8'));
GRANT ALL ON app.person, app.visit TO reader, clerk;
SECURITY LABEL FOR cipguard ON COLUMN app.person.no IS 'subject';
SECURITY LABEL FOR cipguard ON COLUMN app.visit.no IS 'subject of app.person';
SELECT cipguard.use_subject_keys('app.person'), cipguard.use_subject_keys('app.visit');
SQL
as($node, 'reader', "INSERT INTO app.person VALUES ('p1', 1), ('p2', 2); INSERT INTO app.visit VALUES (1, 'p1', 10), (2, 'p2', 20)");
as($node, 'clerk', "INSERT INTO app.visit VALUES (3, 'p1', 30)");
as($node, 'officer', "SELECT cipguard.destroy_subject_key('p1', 'app.person')");
is(as($node, 'reader', "SELECT n, v::bigint, no::text FROM app.visit ORDER BY n"), "1||\n2|20|p2\n3||", 'persons by an encrypted number');
refused($node, 'reader', "INSERT INTO app.visit VALUES (4, 'p1', 1)", 'ZC019', 'who does not come back');

# 7. A plain column of such a table is encrypted.  The masking view is in a
#    schema that its owner may not use.
as($node, undef, <<'SQL');
CREATE SCHEMA closed AUTHORIZATION owner;
GRANT USAGE ON SCHEMA closed TO clerk, reader, officer;
SET ROLE owner;
CREATE TABLE closed.c (id int PRIMARY KEY, phone text UNIQUE, note text);
CREATE INDEX c_like ON closed.c (phone text_pattern_ops);
INSERT INTO closed.c SELECT g, '1380013' || lpad(g::text, 4, '0'), 'n' FROM generate_series(1, 50) g;
RESET ROLE;
SECURITY LABEL FOR cipguard ON COLUMN closed.c.id IS 'subject';
SELECT cipguard.use_subject_keys('closed.c');
SELECT cipguard.create_masking_view('closed.c');
GRANT SELECT ON closed.c TO reader;
GRANT SELECT ON closed.c_masked TO clerk;
SQL
refused($node, 'owner', "CALL cipguard.encrypt_column('closed.c', 'phone', 'mobile')", '2BP01', 'not with an index for LIKE', like => qr/c_like/);
as($node, 'owner', 'DROP INDEX closed.c_like');
as($node, 'owner', "CALL cipguard.encrypt_column('closed.c', 'phone', 'mobile')");
is(as($node, 'clerk', 'SELECT id, phone, note FROM closed.c_masked WHERE id = 2'), '2|138****0002|n', 'the masking view follows');
refused($node, 'officer', "SELECT cipguard.destroy_subject_key('3', 'closed.c')", '42704', 'values are not under keys of persons yet');
as($node, undef, "CALL cipguard.reencrypt('closed.c')");
as($node, 'officer', "SELECT cipguard.destroy_subject_key('3', 'closed.c')");
is(as($node, 'reader', 'SELECT id, phone::text FROM closed.c WHERE id < 4 ORDER BY id'), "1|13800130001\n2|13800130002\n3|", 'then they can go');

# 8. Indexes that decrypt, and keys of categories.
as($node, undef, <<'SQL');
SELECT cipguard.add_category('plain_case', 'random'), cipguard.grant_access('owner', 'plain_case', 'read');
SET ROLE owner;
CREATE TABLE app.r (id int, v cipguard.enc_int8('plain_case'), w cipguard.enc_text('plain_case'));
CREATE INDEX r_order ON app.r (v cipguard.enc_int8_order_ops);
CREATE INDEX r_pieces ON app.r USING gin (w cipguard.enc_text_ngram_ops);
INSERT INTO app.r SELECT g, g, 'word' || g FROM generate_series(1, 300) g;
RESET ROLE;
SELECT cipguard.alter_category_suite('plain_case', 'aes');
SET ROLE owner;
INSERT INTO app.r SELECT g, g, 'word' || g FROM generate_series(301, 600) g;
SQL
my $both = q(SET enable_seqscan = off; SELECT (SELECT count(*) FROM app.r WHERE v BETWEEN 290 AND 310), (SELECT count(*) FROM app.r WHERE w LIKE '%word30%'));
is(as($node, 'owner', $both), '21|11', 'two suites in one index');
as($node, 'officer', "SELECT cipguard.rotate_key('plain_case')");
as($node, undef, "CALL cipguard.reencrypt('app.r')");
is(as($node, 'owner', $both), '21|11', 'a new key');
refused($node, 'officer', "SELECT cipguard.retire_key('plain_case', 1)", 'ZC017', 'the old one is in an index', like => qr/r_order.*HINT:  Build indexes anew with REINDEX\. cipguard\.key_use\(\) lists all/s);
as($node, 'owner', 'REINDEX TABLE app.r');
as($node, 'officer', "SELECT cipguard.retire_key('plain_case', 1)");
is(as($node, 'owner', $both), '21|11', 'now it is gone');

as($node, undef, <<'SQL');
CREATE TABLE app.suites (id int, v cipguard.enc_int8('plain_case'));
GRANT ALL ON app.suites TO owner;
SECURITY LABEL FOR cipguard ON COLUMN app.suites.id IS 'subject';
SELECT cipguard.use_subject_keys('app.suites');
INSERT INTO app.suites VALUES (1, 1), (2, 2);
SELECT cipguard.destroy_subject_key('1', 'app.suites');
SELECT cipguard.alter_category_suite('plain_case', 'sm4');
CALL cipguard.reencrypt('app.suites');
SQL
is(as($node, 'owner', 'SET cipguard.output = armor; SELECT string_agg(id || \' \' || substr(cipguard.enc_int8_send(v), 2, 1), \', \' ORDER BY id) FROM app.suites'), '1 \x01, 2 \x03', 'another suite for all but those that were destroyed');
as($node, undef, "SELECT cipguard.alter_category_suite('plain_case', 'aes')");

is(as($node, 'officer', "SELECT cipguard.rotate_token_key('cipguard.ngram')"), '0', 'a new key for pieces of text');
as($node, 'owner', "INSERT INTO app.r VALUES (601, 601, 'word30!')");
is(as($node, 'owner', $both), '21|12', 'both are looked for');
as($node, 'owner', 'REINDEX TABLE app.r');
is(as($node, 'owner', $both), '21|12', 'and after REINDEX one is enough');
refused($node, 'officer', "SELECT cipguard.rotate_token_key('cipguard.ngram', 'sm4')", '0A000', 'of one suite');
is(as($node, 'officer', "SELECT string_agg(object || ' ' || severity, ', ' ORDER BY object) FROM cipguard.lint_exposure() WHERE kind = 'ordered_index' AND object LIKE '%app.r%'"),
	'index app.r_order low, index app.r_pieces low', 'such indexes are listed');
as($node, 'officer', "SELECT cipguard.rotate_key('t_int8')");
is(as($node, 'officer', "SELECT string_agg(object, ', ') FROM cipguard.lint_exposure() WHERE kind = 'old_key'"), '', 'keys are young');
as($node, undef, open_window() . "UPDATE cipguard.data_key SET created = created - interval '3 years' WHERE owner = cipguard.category_id('t_int8') AND kind = 'd'");
is(as($node, 'officer', "SELECT string_agg(object || ': ' || split_part(remedy, ' ', 2), ', ' ORDER BY object) FROM cipguard.lint_exposure() WHERE kind = 'old_key'"),
	'data key of category t_int8, version 2: cipguard.reencrypt(...), data key of category t_int8, version 3: cipguard.rotate_key(\'t_int8\');', 'old keys are listed');

# 9. Other ways in and out.
as($node, 'owner', <<'SQL');
CREATE DOMAIN app.positive AS cipguard.enc_int8('t_int8') CHECK (value > 0::bigint);
CREATE TABLE app.parent (id int, k cipguard.enc_text('t_text') PRIMARY KEY, d app.positive, s cipguard.enc_int8('t_int8')[] CHECK (cardinality(s) < 3));
CREATE TABLE app.child (id int PRIMARY KEY, k cipguard.enc_text('t_text') REFERENCES app.parent ON UPDATE CASCADE ON DELETE CASCADE);
CREATE TABLE app.generated (id int, v cipguard.enc_int8('t_int8'), g cipguard.enc_int8('t_int8') GENERATED ALWAYS AS (v) STORED);
CREATE TABLE app.hashed (id int, v cipguard.enc_uuid('t_uuid')) PARTITION BY HASH (v);
CREATE TABLE app.hashed_0 PARTITION OF app.hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE app.hashed_1 PARTITION OF app.hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1);
GRANT ALL ON app.parent, app.child, app.generated, app.hashed TO reader, clerk;
SQL
as($node, 'reader', "INSERT INTO app.parent VALUES (1, 'a', 5, '{1,2}'), (2, 'b', 6, NULL); INSERT INTO app.child VALUES (1, 'a'), (2, 'b')");
refused($node, 'reader', "INSERT INTO app.parent VALUES (3, 'c', -5, NULL)", '23514', 'a domain');
refused($node, 'reader', "INSERT INTO app.parent VALUES (3, 'c', 5, '{1,2,3}')", '23514', 'an array');
refused($node, 'reader', "INSERT INTO app.child VALUES (3, 'z')", '23503', 'a foreign key');
is(as($node, 'reader', "INSERT INTO app.parent VALUES (1, 'a', 7, '{1}') ON CONFLICT (k) DO UPDATE SET d = excluded.d RETURNING d, s"), '7|{1,2}', 'ON CONFLICT');
is(as($node, 'reader', "UPDATE app.parent SET k = 'aa' WHERE k = 'a'; SELECT string_agg(k::text, ' ' ORDER BY id) FROM app.child"), 'aa b', 'ON UPDATE CASCADE');
is(as($node, 'reader', "MERGE INTO app.parent p USING (VALUES (9, 'aa', 77), (10, 'new', 78)) s (id, k, d) ON p.k = s.k WHEN MATCHED THEN UPDATE SET d = s.d WHEN NOT MATCHED THEN INSERT (id, k, d) VALUES (s.id, s.k, s.d); SELECT string_agg(k::text || d::bigint, ' ' ORDER BY id) FROM app.parent"), 'aa77 b6 new78', 'MERGE');
is(as($node, 'reader', 'INSERT INTO app.generated VALUES (1, 5); SELECT v, g FROM app.generated'), '5|5', 'a generated column');
is(as($node, 'clerk', 'SELECT v, g FROM app.generated'), '|', 'is masked');
as($node, 'reader', "INSERT INTO app.hashed SELECT g, md5(g::text)::uuid FROM generate_series(1, 20) g");
is(as($node, 'reader', "SELECT id FROM app.hashed WHERE v = md5('5')::uuid"), '5', 'hash partitions');

# 10. A sealed server: what takes keys fails, and nothing else.
$node->append_conf('postgresql.conf', "cipguard.kek_file = '$dir/nothing'\n");
$node->restart;
refused($node, 'owner', "INSERT INTO app.r VALUES (700, 5, 'x')", 'ZC001', 'sealed: no new value');
refused($node, 'owner', 'INSERT INTO app.r SELECT 700, v, NULL FROM app.r WHERE id = 1', 'ZC001', 'nor an index entry by order');
refused($node, 'owner', 'INSERT INTO app.r SELECT 700, NULL, w FROM app.r WHERE id = 1', 'ZC001', 'nor by pieces');
as($node, 'owner', 'DELETE FROM app.r WHERE id = 2');
as($node, undef, 'VACUUM app.r');
is(as($node, undef, 'SET row_security = off; SELECT count(v), count(w) FROM app.r'), '600|600', 'rows are there');
$node->append_conf('postgresql.conf', "cipguard.kek_file = '" . new_kek('main') . "'\n");
$node->restart;
is(as($node, 'owner', $both), '21|12', 'and all is well with the key');

$node->stop;
done_testing();
