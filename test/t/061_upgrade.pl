# 061_upgrade.pl
#	Updates: a database that was updated has the same objects as one in which
#	the new version was created, and what was in it is as it was.
#
# For maintainers.  A release freezes sql/cipguard--B.sql and adds one script
# sql/cipguard--A--B.sql, which this test finds by its name: there is nothing
# to add here.  What it prints as "less" is what the script forgot, as "more"
# what it left over.  Columns are compared with their numbers, so the new ones
# stand last in CREATE TABLE, too.
#
# That the comparison sees what it has to is shown by a version that is made
# up here of the present one ("next"): the right script, and the same script
# without one of its statements at a time.
#
# The scripts have to be where the server looks for them, so the test only
# runs in an installation that it may write to: `make check` has one.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use CipguardCatalog;
use CipguardTest;
use File::Basename 'basename';
use PostgreSQL::Test::Utils;
use Test::More;

my $sharedir = qx(pg_config --sharedir) =~ s/\s+$//r . '/extension';
plan skip_all => "may not write to $sharedir, where scripts of the extension are looked for"
  if !-w $sharedir || !-e "$sharedir/cipguard.control";

my ($now) = slurp_file("$sharedir/cipguard.control") =~ /^default_version = '(.*)'/m;
my $node = new_cluster('upgrade', conf => "cipguard.worker_interval = 0\n");
my $databases = 0;

# A database with a version, or a copy of one.
sub database
{
	my ($version, $template) = @_;
	my $db = 'db' . ++$databases;
	as($node, undef, "CREATE DATABASE $db" . (defined $template ? " TEMPLATE $template" : ''));
	as($node, undef, "CREATE EXTENSION pgcrypto; CREATE EXTENSION cipguard VERSION '$version'", db => $db) if defined $version;
	return $db;
}

sub update
{
	my ($db, $version) = @_;
	as($node, undef, "ALTER EXTENSION cipguard UPDATE TO '$version'", db => $db);
	return;
}

# What a user has, and what it tells him.
my $use = roles_sql() . <<'SQL';
SELECT cipguard.add_category('note', 'searchable', mask => 'name', description => 'added by the user');
SELECT cipguard.alter_category_mask('plate', 'suppress');
SELECT cipguard.grant_access('reader', 'note'), cipguard.revoke_access(cipguard.grant_access('clerk', 'note'));
SELECT cipguard.add_activity('billing', 'bills', 'contract', '{mobile}', 'sales');
INSERT INTO cipguard.regulation (key, jurisdiction, law, article, topic, rule) VALUES ('ours.1', 'here', 'ours', '1', 'topic', 'rule');
SET ROLE owner;
CREATE TABLE app.client (id int PRIMARY KEY, phone cipguard.enc_text('mobile') UNIQUE, note cipguard.enc_text('note'), label text);
SECURITY LABEL FOR cipguard ON COLUMN app.client.label IS 'mobile';
INSERT INTO app.client SELECT i, '1391234' || (1000 + i), 'note ' || i, '1391234' || (2000 + i) FROM generate_series(1, 100) i;
GRANT SELECT ON app.client TO reader, clerk;
GRANT UPDATE ON app.client TO reader;
SELECT cipguard.create_masking_view('app.client');
RESET ROLE;
SELECT cipguard.audit_table('app.client');
UPDATE app.client SET note = 'changed' WHERE id = 7;
SQL
my %questions = (
	reader => "SELECT * FROM app.client WHERE phone = '13912341007'; SELECT count(*) FROM app.client WHERE note = 'changed'; SELECT label FROM app.client WHERE id = 8",
	clerk => 'SELECT label FROM app.client ORDER BY id LIMIT 3; SELECT cipguard.can_access(\'note\')',
	officer => "SELECT grantee, category, level FROM cipguard.access_grant ORDER BY id; SELECT name, mask FROM cipguard.category WHERE name IN ('note', 'plate') ORDER BY 1;"
	  . 'SELECT key, version, state FROM cipguard.key_status ORDER BY 1, 2; SELECT name, categories FROM cipguard.activities');

sub answers
{
	my ($db) = @_;
	return join("\n", (map { as($node, $_, $questions{$_}, db => $db) } sort keys %questions),
		as($node, undef, "SELECT md5(string_agg(encode(cipguard.enc_text_send(phone), 'hex'), '' ORDER BY id)) FROM app.client;"
			  . 'SELECT count(*), max(seq) FROM cipguard.audit_event; SELECT key FROM cipguard.regulation WHERE NOT builtin;'
			  . 'SELECT objoid::regclass, objsubid, label FROM pg_seclabel', db => $db));
}

sub data_survive
{
	my ($from, $to) = @_;
	my $db = database($from);
	as($node, undef, $use, db => $db);
	my $before = answers($db);
	update($db, $to);
	is(answers($db), $before, "$from to $to: data, rights and labels are as they were");
	as($node, 'reader', 'UPDATE app.client SET note = NULL WHERE id = 9', db => $db);
	my ($n) = as($node, undef, "SELECT count(*) FROM cipguard.audit_event WHERE relid = 'app.client'::regclass", db => $db);
	as($node, undef, 'INSERT INTO app.client VALUES (101, \'13912349999\', \'x\', \'y\')', db => $db);
	is(as($node, undef, "SELECT count(*) - $n FROM cipguard.audit_event WHERE relid = 'app.client'::regclass", db => $db), 1, "$from to $to: what is audited goes on to be");
	is(as($node, 'officer', "SELECT status FROM cipguard.audit_verify() WHERE status NOT IN ('ok', 'open') LIMIT 1", db => $db), '', "$from to $to: the log is sound");
	as($node, undef, "DROP DATABASE $db; DROP OWNED BY officer, reader, searcher, clerk, owner; DROP ROLE officer, reader, searcher, clerk, owner");
	return;
}

# 1. The scripts of the releases.
foreach my $script (sort glob("$FindBin::RealBin/../../sql/cipguard--*--*.sql"))
{
	my ($from, $to) = basename($script) =~ /^cipguard--(.*)--(.*)\.sql$/;
	my ($old, $new) = (database($from), database($to));
	update($old, $to);
	same_picture(catalog_picture($node, db => $old), catalog_picture($node, db => $new), "$from to $to: the objects are those of $to");
	data_survive($from, $to);
}

# 2. A version that does not exist: the present one, with additions and
# changes.  Each is what the new script has in place of what the present one
# has (or, of an addition, at its end), and what the update script says.
my $script = slurp_file("$sharedir/cipguard--$now.sql");
my @parts;

sub addition
{
	my ($name, $sql, $seen) = @_;
	push @parts, { name => $name, sql => $sql, seen => $seen };
	$script .= "$sql\n";
	return;
}

sub change
{
	my ($name, $from, $to, $sql, $seen) = @_;
	$script =~ s/$from/$to/ or die "$name: the script has changed, and this test has to";
	push @parts, { name => $name, sql => $sql // ($script =~ /($to)/s)[0], seen => $seen };
	return;
}

my ($function) = $script =~ /^(CREATE FUNCTION cipguard\.short_list\(.*?^\$\$;)$/ms;
my $changed = $function =~ s/\b5\b/6/gr;
change('body', quotemeta($function), $changed, $changed =~ s/^CREATE/CREATE OR REPLACE/r, qr/body \| cipguard\.short_list/);
change('comment', quotemeta("IS 'the first five of different names, and how many more there are'"), "IS 'the first six'",
	"COMMENT ON FUNCTION cipguard.short_list(text[]) IS 'the first six';", qr/function \| cipguard\.short_list/);
addition('table', 'CREATE TABLE cipguard.next_list (id integer GENERATED ALWAYS AS IDENTITY, name text);', undef);
addition('constraint', "ALTER TABLE cipguard.next_list ADD CONSTRAINT next_name CHECK (name OPERATOR(pg_catalog.<>) '');", qr/constraint \| cipguard\.next_list/);
addition('column', 'ALTER TABLE cipguard.regulation ADD COLUMN next text;', qr/column \| cipguard\.regulation \| next/);
addition('comment on a column', "COMMENT ON COLUMN cipguard.regulation.valid_from IS 'next';", qr/column \| cipguard\.regulation \| valid_from/);
addition('index', 'CREATE INDEX next_index ON cipguard.next_list (name);', qr/relation \| cipguard\.next_index/);
addition('dump', "SELECT pg_catalog.pg_extension_config_dump('cipguard.next_list', '');", qr/dumped \| cipguard\.next_list/);
addition('revocation', 'REVOKE SELECT ON TABLE cipguard.activities FROM PUBLIC;', qr/rights on relation \| cipguard\.activities/);
addition('grant', 'GRANT SELECT ON TABLE cipguard.next_list TO cipguard_officer;', qr/rights on relation \| cipguard\.next_list/);
addition('trigger', 'CREATE TRIGGER next_trigger BEFORE INSERT ON cipguard.next_list FOR EACH ROW EXECUTE FUNCTION cipguard.hold_row();', qr/trigger \| cipguard\.next_list/);
addition('operator', 'CREATE OPERATOR cipguard.@@@ (LEFTARG = integer, RIGHTARG = integer, FUNCTION = pg_catalog.int4eq);', qr/operator \| cipguard\.@@@/);
addition('type', "CREATE TYPE cipguard.next_kind AS ENUM ('a', 'b');", qr/type \| cipguard\.next_kind/);
addition('cast', 'CREATE CAST (cipguard.enc_bool AS cipguard.enc_date) WITH INOUT;', qr/cast \| cipguard\.enc_bool \| cipguard\.enc_date/);
addition('event trigger', 'ALTER EVENT TRIGGER cipguard_audit_new_tables DISABLE;', qr/event trigger \| cipguard_audit_new_tables/);
addition('row', "INSERT INTO cipguard.regulation (key, jurisdiction, law, article, topic, rule, builtin) VALUES ('next.1', 'here', 'next', '1', 'topic', 'rule', true);", qr/rows \| regulation/);
addition('default rights', 'ALTER DEFAULT PRIVILEGES IN SCHEMA cipguard GRANT SELECT ON TABLES TO cipguard_auditor;', qr/default rights/);

my $guard = qq(\\echo Use "ALTER EXTENSION cipguard UPDATE" to load this file. \\quit\n);

sub write_update
{
	my @sql = @_;
	write_file("$sharedir/cipguard--$now--next.sql", join("\n", $guard, @sql) . "\n", 0644);
	return;
}

END { unlink "$sharedir/cipguard--next.sql", "$sharedir/cipguard--$now--next.sql" if defined $now; }

write_file("$sharedir/cipguard--next.sql", $script, 0644);
write_update(map { $_->{sql} } @parts);
my $old = database($now);
my $new = catalog_picture($node, db => database('next'));
my $db = database(undef, $old);
update($db, 'next');
same_picture(catalog_picture($node, db => $db), $new, "$now to next: the objects are those of the next version");
data_survive($now, 'next');

# Every omission is seen.
sub seen
{
	my ($name, $seen, @sql) = @_;
	write_update(@sql);
	my $copy = database(undef, $old);
	update($copy, 'next');
	my $differences = join("\n", picture_differences(catalog_picture($node, db => $copy), $new));
	like($differences, $seen, "seen: $name");
	as($node, undef, "DROP DATABASE $copy");
	return;
}
foreach my $part (grep { defined $_->{seen} } @parts)
{
	seen("no $part->{name}", $part->{seen}, map { $_->{sql} } grep { $_ != $part } @parts);
}
seen('no member', qr/less: member \| cipguard \| table \| cipguard\.next_list/, (map { $_->{sql} } @parts), 'ALTER EXTENSION cipguard DROP TABLE cipguard.next_list;');
seen('something left over', qr/more: function \| cipguard\.left_over/, (map { $_->{sql} } @parts),
	"CREATE FUNCTION cipguard.left_over() RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1';");

$node->stop;
done_testing();
