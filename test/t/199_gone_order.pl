# 199_gone_order.pl
#	Indexes in the order of values, when the key of a person is destroyed: the
#	place of an entry would tell about what is gone, and lead searches astray.

use strict;
use warnings FATAL => 'all';

use Cwd qw(abs_path);
use FindBin;
use lib $FindBin::RealBin;

use CipguardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $epochs = abs_path(PostgreSQL::Test::Utils::tempdir()) . '/epochs';
mkdir $epochs, 0700;

my $node = new_cluster('gone', conf => "cipguard.epoch_directory = '$epochs'\n");
as($node, undef, 'CREATE EXTENSION cipguard CASCADE');
as($node, undef, roles_sql());
as($node, undef, <<'SQL');
CREATE TABLE patient (id int PRIMARY KEY, phone cipguard.enc_text('mobile'), road cipguard.enc_text('address'));
CREATE TABLE kept (id int, phone cipguard.enc_text('mobile'));
CREATE TABLE other (id int, phone cipguard.enc_text('mobile'));
GRANT SELECT, INSERT ON patient, kept, other TO reader;
SECURITY LABEL FOR cipguard ON COLUMN patient.id IS 'subject';
SELECT cipguard.use_subject_keys('patient');
CREATE INDEX patient_phone ON patient (phone cipguard.enc_text_order_ops);
CREATE INDEX patient_token ON patient (phone);
CREATE INDEX patient_road ON patient (road cipguard.enc_text_order_ops);
CREATE INDEX kept_phone ON kept (phone cipguard.enc_text_order_ops);
CREATE INDEX other_phone ON other (phone cipguard.enc_text_order_ops);
SQL
as($node, 'reader', <<'SQL');
INSERT INTO patient SELECT i, '139' || to_char(i, 'FM00000000'), 'road ' || to_char(i, 'FM00') FROM generate_series(1, 20) i;
INSERT INTO kept SELECT id, phone FROM patient;
INSERT INTO other SELECT id, phone FROM patient WHERE id < 5;
SQL

# Who is between 6 and 9, by the index and without it.
sub between
{
	my ($table) = @_;
	my $found = join('|', map {
		as($node, 'reader', "SET enable_seqscan = $_; SET enable_bitmapscan = $_; SELECT string_agg(id::text, ',' ORDER BY id) FROM $table WHERE phone >= '13900000006' AND phone <= '13900000009'")
	} qw(on off));
	return $found;
}

sub files
{
	my %file = map { split /=/ } split /\n/, as($node, undef,
		"SELECT relname || '=' || pg_relation_filenode(oid) FROM pg_class WHERE relname ~ '^(patient|kept|other)_(phone|token|road)\$'");
	return %file;
}

my %before = files();
is(between($_), '6,7,8,9|6,7,8,9', "$_: all are found") foreach qw(patient kept);
as($node, 'officer', "SELECT cipguard.destroy_subject_key('7', 'patient')");
is(between($_), '6,8,9|6,8,9', "$_: who is gone is not, the others are") foreach qw(patient kept);
my %after = files();
isnt($after{$_}, $before{$_}, "$_ was built anew") foreach qw(patient_phone patient_road kept_phone);
is($after{$_}, $before{$_}, "$_ was not") foreach qw(patient_token other_phone);

# Several who are gone, and both ends.
as($node, 'officer', "SELECT cipguard.destroy_subject_key('$_', 'patient')") foreach (1, 8, 20);
is(between($_), '6,9|6,9', "$_: three are gone") foreach qw(patient kept);
foreach my $table (qw(patient kept))
{
	is(as($node, 'reader', "SET $_ = off; SET enable_seqscan = off; SELECT min(id), max(id), count(*) FROM $table WHERE phone > '1'"),
		'2|19|16', "$table, $_: off: a range without end has no one who is gone")
	  foreach qw(enable_bitmapscan enable_indexscan);
}
is(as($node, 'reader', "SELECT string_agg(id::text, ',' ORDER BY n) FROM (SELECT id, row_number() OVER (ORDER BY road USING <) AS n FROM patient) p WHERE n > 16 OR n < 4") =~ s/\d+,\d+,\d+,\d+$//r,
	'2,3,4,', 'those who are gone come last');
is(as($node, undef, "SELECT count(*) FROM patient"), '20', 'and are still there');
as($node, undef, 'REINDEX TABLE patient; REINDEX TABLE kept');
is(between($_), '6,9|6,9', "$_: whoever builds the indexes") foreach qw(patient kept);

done_testing();
