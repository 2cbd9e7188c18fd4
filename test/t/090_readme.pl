# 090_readme.pl
#	The README's SQL examples run as written, in their order, and show what it
#	says they show.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use CipguardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $readme = slurp_file("$FindBin::RealBin/../../README.md");
unlike($readme, qr/@[A-Z]+@/, 'README is filled in');
my @blocks = $readme =~ /^```sql\n(.*?)^```$/msg;
cmp_ok(scalar(@blocks), q(>=), 7, 'README has examples');

my $epochs = PostgreSQL::Test::Utils::tempdir() . '/epochs';
mkdir $epochs, 0700;
my $node = new_cluster('readme', conf => "cipguard.epoch_directory = '$epochs'\n");
my ($out, $err, $rc) = run_as($node, undef, join("\n", @blocks));
is($rc, 0, 'all examples run') or diag($err);

like($out, qr/^1\|张\*\*\|138\*\*\*\*8000\|李\*$/m, 'the clerk sees masks');
like($out, qr/^1\|张三丰\|13800138000\|李四$/m, 'the manager sees plaintext');
like($out, qr/^1\|张三丰$/m, 'and finds a client by number');
like($out, qr/^1\|张\*\*\|139\*{4}9000\|李\*$/m, 'the clerk sees masks in the table');
like($out, qr/^1\|张三丰\|13900139000\|李四$/m,
	'which he writes back without harm');
like($out, qr/^138\*{4}8000$/m, 'an owner sees masks');
like($err, qr/the owner of the table, "developer", will see masks, too/, 'and is told so');
like($out, qr/^UPDATE\|public\.client\|\w+\|\{mobile\}\|cip1:/m,
	'the auditor sees the change, with ciphertext');
like($out, qr/^public\.tenant\|3\|t$/m, 'a key is destroyed for good');
like($out, qr/^ok\|checksum$/m, 'validation gives a verdict');
like($out, qr/^123000$/m, 'a number is masked by size');
like($out, qr/^\{"city": "上海", "name": "张\*\*", "contact": \{"mobile": "138\*{4}8000", "wechat": null\}\}$/m, 'a document by paths');
like($out, qr/^\*\*\*67$/m, 'and a badge by a function');

# The tables of categories, settings and errors name what there is, and masks
# are as shown.
my $categories = $node->safe_psql('postgres',
	'SELECT name FROM cipguard.category WHERE builtin ORDER BY 1');
foreach my $name (split /\n/, $categories)
{
	my ($value, $mask) =
	  $readme =~ /^\| `\Q$name\E` \|[^|]*\|[^|]*\| (\S+) → (\S+) \|/m;
	if ($name eq 'unclassified')
	{
		like($readme, qr/^\| `$name` \|/m, "category $name is in the README");
		next;
	}
	ok(defined $mask, "category $name is in the README") or next;
	$mask =~ s/\\//g;
	is($node->safe_psql('postgres', "SELECT cipguard.mask('$value'::text, '$name')"),
		$mask, 'with its mask');
}
my $settings = $node->safe_psql('postgres',
	"SELECT name FROM pg_settings WHERE name LIKE 'cipguard.%' ORDER BY 1");
foreach my $name (split /\n/, $settings)
{
	like($readme, qr/^\| `\Q$name\E` \|/m, "setting $name is in the README");
}
my $header = slurp_file("$FindBin::RealBin/../../src/cipguard.h");
my %state;
$state{"$1$2$3$4$5"} = 1
  while $header =~ /MAKE_SQLSTATE\('(.)','(.)','(.)','(.)','(.)'\)/g;
foreach my $code (sort keys %state)
{
	like($readme, qr/^\| `$code` \|/m, "SQLSTATE $code is in the README");
}

$node->stop;
done_testing();
