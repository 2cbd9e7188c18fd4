# audit.pl FACTS RESULTS: the tables of audit.sh, in Markdown.
#
# Both files are tab-separated: fact and value; round, series, variant, n, CPU
# ns and wall ns.  Fails if a limit is not met.
use strict;
use warnings;

my (%fact, %figure, @missed);

sub rows_of
{
	my ($file) = @_;

	open my $in, '<', $file or die "$file: $!\n";
	chomp(my @lines = <$in>);
	return map { [ split /\t/ ] } @lines;
}

sub median
{
	my @v = sort { $a <=> $b } @_;

	return undef unless @v;
	return @v % 2 ? $v[ $#v / 2 ] : ($v[ @v / 2 - 1 ] + $v[ @v / 2 ]) / 2;
}

$fact{ $_->[0] } = $_->[1] foreach rows_of($ARGV[0]);
foreach (rows_of($ARGV[1]))
{
	my ($round, $series, $variant, $n, @ns) = @$_;

	$figure{"$series $variant $_"}{$round} = $ns[$_] / $n foreach 0, 1;
}

# Per row or transaction: the median of the rounds; 0 CPU time, 1 wall time.
sub figure
{
	my ($series, $variant, $which) = @_;

	return median(values %{ $figure{"$series $variant $which"} // {} });
}

# Of two variants, round by round: the median, the least and the greatest.
sub ratios
{
	my ($series, $variant, $peer, $which) = @_;
	my ($x, $y) = map { $figure{"$series $_ $which"} // {} } $variant, $peer;
	my @r = sort { $a <=> $b } map { $x->{$_} / $y->{$_} } grep { $y->{$_} } keys %$x;

	return @r ? (median(@r), @r[ 0, -1 ]) : ();
}

sub number
{
	my ($format, $x) = @_;

	return defined $x ? sprintf($format, $x) : '-';
}

my %name = (
	audit => 'audited',
	subject => 'audited, with a subject column',
	jsonb => 'PL/pgSQL row trigger writing jsonb',
	tablelog => 'table_log',
	pgaudit => 'pgaudit (one line a statement, no values)',
	hot_audit => 'audited');
my %series = (
	insert => 'INSERT of all rows',
	update => 'UPDATE of all rows',
	hot => 'UPDATE of all rows, HOT');

print "\n| audit, each row | compared with not audited: CPU | wall | CPU ns | CPU ns not audited |\n|---|---:|---:|---:|---:|\n";
foreach my $s (qw(insert update hot))
{
	foreach my $v (qw(audit subject hot_audit jsonb tablelog pgaudit))
	{
		my $peer = $v eq 'pgaudit' ? 'unlogged' : $v eq 'hot_audit' ? 'hot_plain' : 'plain';
		my ($cpu) = ratios($s, $v, $peer, 0);
		my ($wall) = ratios($s, $v, $peer, 1);

		next unless defined $cpu;
		printf "| %s, %s | %.2f | %.2f | %s | %s |\n", $series{$s}, $name{$v}, $cpu, $wall,
			number('%.0f', figure($s, $v, 0)), number('%.0f', figure($s, $peer, 0));
	}
}
print "\n| UPDATE of one row, two clients | transactions/s | of not audited |\n|---|---:|---:|\n";
foreach my $v (qw(plain audit subject jsonb tablelog unlogged pgaudit))
{
	my $ns = figure('single', $v, 1) // next;
	my ($share) = ratios('single', $v eq 'pgaudit' ? 'unlogged' : 'plain', $v, 1);

	printf "| %s | %.0f | %.2f |\n", $name{$v} // ($v eq 'plain' ? 'not audited' : 'server with pgaudit, not logged'), 1e9 / $ns, $share;
}
printf "\nBytes of an event: INSERT %s, UPDATE of two columns %s, the row itself %s; PL/pgSQL with jsonb %s and %s. %s events took %s bytes each with indexes and free space.\n",
	map { $_ // '-' } @fact{qw(bytes_I bytes_U bytes_row bytes_jsonb_I bytes_jsonb_U events bytes_stored)};

# At most LIMIT, or at least if AT_LEAST.
sub limit
{
	my ($what, $limit, $at_least, $r, $least, $greatest) = @_;
	my $met = !defined $r ? 'not measured' : ($at_least ? $r >= $limit : $r <= $limit) ? 'yes' : '**no**';

	push @missed, $what if $met eq '**no**';
	printf "| %s | %s | %s | %s |\n", $what, number('%.2fx', $r),
		defined $least ? sprintf('%.2f - %.2f', $least, $greatest) : '', $met;
}

print "\n| must hold | measured | rounds | met |\n|---|---:|---:|---|\n";
limit('audited INSERT of all rows: CPU within 2.6x', 2.6, 0, ratios('insert', 'audit', 'plain', 0));
limit('audited UPDATE of all rows: CPU within 2.0x', 2.0, 0, ratios('update', 'audit', 'plain', 0));
limit('audited UPDATE of one row, two clients: at least 0.85 of the transactions', 0.85, 1, ratios('single', 'plain', 'audit', 1));

print STDERR "missed: $_\n" foreach @missed;
exit(@missed > 0);
