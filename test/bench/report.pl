# report.pl FACTS RAW RESULTS: the tables of run.sh, in Markdown.
#
# All three files are tab-separated: fact and value; name, bytes and ns of
# raw.c; round, series, variant, n, CPU ns and wall ns of the server.  Fails
# if a limit is not met.
use strict;
use warnings;

my (%fact, %raw, %sample, %median, %spread);
my %passes;    # CPU ns of each pass, in their order, by series and variant
my %rounds;    # and the rounds that they are of
my @missed;

# ------------------------------------------------------------------- input

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

	return @v % 2 ? $v[ $#v / 2 ] : ($v[ @v / 2 - 1 ] + $v[ @v / 2 ]) / 2;
}

$fact{ $_->[0] } = $_->[1] foreach rows_of($ARGV[0]);
push @{ $sample{"$_->[0] $_->[1]"} }, $_->[2] foreach rows_of($ARGV[1]);
$raw{$_} = median(@{ $sample{$_} }) foreach keys %sample;
%sample = ();
foreach (rows_of($ARGV[2]))
{
	my ($round, $series, $variant, $n, @ns) = @$_;

	push @{ $passes{"$series $variant"} }, $ns[0] / $n;
	push @{ $rounds{"$series $variant"} }, $round;
	push @{ $sample{"$series $variant $_"} }, $ns[$_] / $n foreach 0, 1;
}
foreach (keys %sample)
{
	my @v = sort { $a <=> $b } @{ $sample{$_} };

	$median{$_} = median(@v);
	$spread{$_} = ($v[-1] - $v[0]) / $median{$_} if /0$/;
}

# ----------------------------------------------------------------- figures

# A figure is CPU time and wall time in ns, either possibly undefined.
sub figure
{
	my ($series, $variant) = @_;

	return [ map { $median{"$series $variant $_"} } 0, 1 ];
}

sub minus
{
	my ($x, @others) = @_;
	my @r = @$x;

	foreach my $y (@others)
	{
		$r[$_] -= $y->[$_] foreach 0, 1;
	}
	return \@r;
}

# The ratios, or differences, of neighbouring passes of two variants: their
# median, and the least and greatest median of a round.
sub paired
{
	my ($series, $variant, $peer, $of) = @_;
	my ($x, $y, $round) = ($passes{"$series $variant"}, $passes{"$series $peer"}, $rounds{"$series $variant"});
	my (@all, %by_round);

	return unless defined $x && defined $y;
	foreach my $i (0 .. $#$x)
	{
		# Less than a tick of the kernel's is no measurement.
		next unless $x->[$i] > 0 && defined $y->[$i] && $y->[$i] > 0;
		push @all, $of->($x->[$i], $y->[$i]);
		push @{ $by_round{ $round->[$i] } }, $all[-1];
	}
	return unless @all;
	my @medians = sort { $a <=> $b } map { median(@$_) } values %by_round;
	return (median(@all), @medians[ 0, -1 ]);
}

sub paired_ratio
{
	return paired(@_, sub { $_[0] / $_[1] });
}

# What the library adds to a statement in a loop, as a share of one that
# pgbench sends: of the fastest of them, since the others met with something.
sub added
{
	my ($variant, $loop, $protocol) = @_;
	my ($statement) = sort { $a <=> $b } grep { defined && $_ > 0 } map { figure($protocol, $_)->[0] } qw(bare none here);

	return unless defined $statement;
	return map { 1 + $_ / $statement } paired($loop, $variant, 'bare', sub { $_[0] - $_[1] });
}

my $call = minus(figure('value', 'call'), figure('value', 'v'));

# Cost of a function: less the loop over its table, and less the call.
sub cost
{
	my ($function, $table) = @_;

	return minus(figure('value', $function), figure('value', $table), $call);
}

sub with_call
{
	my ($function, $table) = @_;

	return minus(figure('value', $function), figure('value', $table));
}

# Of raw.c, and plus the call; there is no wall time.
sub bare
{
	my ($name, $plus) = @_;

	return [ undef, undef ] unless defined $raw{"$name 16"};
	return [ $raw{"$name 16"} + ($plus ? $plus->[0] : 0), undef ];
}

my %in = map { $_ => cost("in_$_", $_ eq 'cbc' ? 'v_cbc' : $_ eq 'pgp' ? 'v_pgp' : 'v') } qw(address name mobile cbc pgp);
my %out = map { $_ => cost("out_$_", "c_$_") } qw(address name mobile cbc pgp);
my %in_call = map { $_ => with_call("in_$_", 'v') } qw(address name);
my $look_loop = figure('look', 'loop');
my %look = map { $_ => minus(figure('look', $_), $look_loop) } qw(plain enc);
my $raw_random = bare('raw_gcm_key_cached', $call);
my $raw_xaes = bare('raw_xaes_derive_each', $call);
my $raw_search = bare('raw_hmac_sha256_aes_ctr', $call);

# ------------------------------------------------------------------ output

sub ratio
{
	my ($x, $y) = @_;

	return undef unless defined $x && defined $y && $x > 0 && $y > 0;
	return $x / $y;
}

# Three significant digits, without an exponent.
sub digits
{
	my ($x) = @_;

	return '-' unless defined $x;
	return sprintf '%.0f', $x if $x >= 100;
	return sprintf '%.1f', $x if $x >= 10;
	return sprintf '%.2f', $x if $x >= 0.1;
	return sprintf '%.3f', $x if $x >= 0.01;
	return sprintf '%.5f', $x;
}

sub ns
{
	my ($x) = @_;

	return '-' unless defined $x;
	$x = sprintf '%.0f', $x;
	1 while $x =~ s/^(-?\d+)(\d{3})/$1 $2/;
	return $x;
}

sub compared
{
	my ($what, $with, $x, $y) = @_;

	printf "| %s | %s | %s | %s | %s | %s |\n", $what, $with, digits(ratio($x->[0], $y->[0])), digits(ratio($x->[1], $y->[1])),
		ns($x->[0]), ns($y->[0]);
}

my $copy = [ @$call ];
my $thousands = $fact{rows};
1 while $thousands =~ s/^(\d+)(\d{3})/$1 $2/;
my $typical = median(map { $spread{$_} } keys %spread);

print "CPU $fact{cpu} ($fact{cores} cores), PostgreSQL $fact{postgresql}, OpenSSL $fact{openssl}, $thousands rows of an 11-digit mobile number,\n";
printf "medians of %d interleaved round%s; typical spread, (max - min) / median, of a figure: %.0f %%.\n\n", $fact{rounds}, $fact{rounds} == 1 ? '' : 's', 100 * $typical;
print "Ratio: time of cipguard / time of the peer, so 2 is twice as slow and 0.5 twice as fast. ns: CPU time for one value or row.\n\n";

print "| cipguard | compared with | ratio CPU | ratio wall | ns cipguard | ns peer |\n";
print "|---|---|---:|---:|---:|---:|\n";
my %label = (
	address => 'random mode (`address`)',
	name => 'searchable (`name`)',
	mobile => 'searchable, validated (`mobile`)');
foreach (qw(address name mobile))
{
	compared("encrypt, $label{$_}", 'pgcrypto `encrypt_iv`, aes-256-cbc', $in{$_}, $in{cbc});
	compared("encrypt, $label{$_}", 'pgcrypto `pgp_sym_encrypt`, default', $in{$_}, $in{pgp});
}
foreach (qw(address name mobile))
{
	compared("decrypt, $label{$_}", 'pgcrypto `decrypt_iv`, aes-256-cbc', $out{$_}, $out{cbc});
	compared("decrypt, $label{$_}", 'pgcrypto `pgp_sym_decrypt`, default', $out{$_}, $out{pgp});
}
compared('encrypt, random mode, with the call', 'libcrypto AES-256-GCM, key kept, + PostgreSQL call', $in_call{address}, $raw_random);
compared('encrypt, random mode, with the call', 'libcrypto XAES-256-GCM, key derived for each value, + PostgreSQL call', $in_call{address}, $raw_xaes);
compared('encrypt, searchable, with the call', 'libcrypto HMAC-SHA-256 + AES-256-CTR + PostgreSQL call', $in_call{name}, $raw_search);
compared("encrypt, $label{address}", 'PostgreSQL call that copies plain text', $in{address}, $copy);
compared("encrypt, $label{name}", 'PostgreSQL call that copies plain text', $in{name}, $copy);
compared("INSERT ... SELECT, $label{$_}", 'plain text', figure('insert', $_), figure('insert', 'plain')) foreach qw(address name mobile);
compared("INSERT ... SELECT, $label{$_}", 'pgcrypto `encrypt_iv` and a column for the iv', figure('insert', $_), figure('insert', 'cbc'))
	foreach qw(address name);
compared("scan with decryption (COPY), $label{$_}", 'plain text', figure('scan', $_), figure('scan', 'plain')) foreach qw(address name mobile);
compared("scan with decryption (COPY), $label{$_}", 'pgcrypto `decrypt_iv`', figure('scan', $_), figure('scan', 'cbc')) foreach qw(address name);
compared('look-up through the unique index', 'plain text, collation C', $look{enc}, $look{plain});
compared('masking view of labelled columns, masked', 'scan of the table', figure('mask', 'plain_clerk'), figure('mask', 'plain'));
compared('masking view of labelled columns, disclosed', 'scan of the table', figure('mask', 'plain_reader'), figure('mask', 'plain'));
compared('masking view of encrypted columns, masked', 'decrypting scan of the table', figure('mask', 'enc_clerk'), figure('mask', 'enc'));
compared('masking view of encrypted columns, disclosed', 'decrypting scan of the table', figure('mask', 'enc_reader'), figure('mask', 'enc'));
compared('masking view of encrypted columns, masked', 'scan of a plain table', figure('mask', 'enc_clerk'), figure('mask', 'plain'));
compared('masks of encrypted columns in the table', 'decrypting scan of the table', figure('mask', 'enc_base'), figure('mask', 'enc'));
my %people = (
	people => 'scan of 7 columns, 3 of them labelled',
	three => 'scan of 3 labelled columns only',
	key_simple => 'look-up by primary key, 3 labelled columns, simple protocol',
	key_prepared => 'look-up by primary key, 3 labelled columns, prepared');
foreach my $series (qw(people three key_simple key_prepared))
{
	compared("$people{$series}, masked", 'the same without labels', figure($series, 'masked'), figure($series, 'plain'));
	compared("$people{$series}, by a reader, recorded", 'the same without labels', figure($series, 'reader'), figure($series, 'plain'));
}
compared('UPDATE that writes masks back, all rows', 'UPDATE of a table without labels', figure('change', 'change'), figure('change', 'change_plain'));
compared('the same through the masking view', 'UPDATE of a table without labels', figure('change', 'change_masked'), figure('change', 'change_plain'));
my %other = (
	simple => 'pgbench -S, simple protocol',
	prepared => 'pgbench -S, prepared',
	planned => 'the same planned in a loop in the server',
	kept => 'the same in such a loop, planned once');
foreach my $series (qw(simple prepared planned kept))
{
	compared("$other{$series}; database with a labelled table elsewhere", 'server without the library', figure($series, 'here'), figure($series, 'bare'));
	compared("$other{$series}; database without the extension", 'server without the library', figure($series, 'none'), figure($series, 'bare'));
}

printf "\nPostgreSQL call: %.0f ns. Outside of a server, 16 bytes: libcrypto AES-256-GCM %s ns, the format around it %s ns;"
	. " HMAC-SHA-256 + AES-256-CTR %s ns, the format around it %s ns.\n",
	$call->[0], map { ns($raw{"$_ 16"}) } qw(raw_gcm_key_cached seal_aes_random_same_prefix raw_hmac_sha256_aes_ctr seal_aes_searchable);
printf "Bytes per row: plain text %d, random mode %d, searchable %d, `encrypt_iv` with its iv %d; unique index: plain text %d, searchable %d.\n",
	@fact{qw(heap_plain heap_address heap_name heap_cbc index_plain index_enc)};

# ------------------------------------------------------------------ limits

# At most LIMIT, or at least if FASTER.
sub limit
{
	my ($what, $x, $y, $limit, $faster) = @_;
	my $r = $faster ? ratio($y->[0], $x->[0]) : ratio($x->[0], $y->[0]);

	judge($what, $limit, $faster, $r);
}

sub limit_paired
{
	my ($what, $series, $variant, $peer, $limit) = @_;

	judge($what, $limit, 0, paired_ratio($series, $variant, $peer));
}

# Print a line of the table, with the range of the rounds if it is known.
sub judge
{
	my ($what, $limit, $faster, $r, $least, $greatest) = @_;
	my $met = !defined $r ? 'not measured' : ($faster ? $r >= $limit : $r <= $limit) ? 'yes' : '**no**';
	my $digits = $limit < 1.1 ? 4 : 2;

	push @missed, $what if $met eq '**no**';
	printf "| %s | %s | %s | %s |\n", $what,
		!defined $r ? '-' : $faster ? digits($r) . ' times as fast' : sprintf("%.${digits}fx", $r),
		defined $least ? sprintf("%.${digits}f - %.${digits}f", $least, $greatest) : '', $met;
}

print "\n| must hold (CPU time) | measured | rounds | met |\n|---|---:|---:|---|\n";
limit('random encryption within 1.5x of libcrypto AES-256-GCM + call', $in_call{address}, $raw_random, 1.5);
limit('searchable encryption within 1.5x of libcrypto HMAC-SHA-256 + AES-256-CTR + call', $in_call{name}, $raw_search, 1.5);
limit('random encryption at least 3 times as fast as `encrypt_iv`', $in{address}, $in{cbc}, 3, 1);
limit('searchable encryption at least 3 times as fast as `encrypt_iv`', $in{name}, $in{cbc}, 3, 1);
limit('random encryption at least 500 times as fast as `pgp_sym_encrypt`', $in{address}, $in{pgp}, 500, 1);
limit('searchable encryption at least 500 times as fast as `pgp_sym_encrypt`', $in{name}, $in{pgp}, 500, 1);
limit('scan with decryption, random mode, within 3.5x of plain', figure('scan', 'address'), figure('scan', 'plain'), 3.5);
limit('scan with decryption, searchable, within 3.5x of plain', figure('scan', 'name'), figure('scan', 'plain'), 3.5);
limit_paired('masking-view scan of labelled columns within 1.5x of plain', 'mask', 'plain_clerk', 'plain', 1.5);
limit_paired('the same by a role that may read', 'mask', 'plain_reader', 'plain', 1.5);
limit_paired('masking-view scan of encrypted columns within 1.5x of a decrypting scan', 'mask', 'enc_clerk', 'enc', 1.5);
limit_paired('scan of 7 columns, 3 of them masked, within 1.45x of plain', 'people', 'masked', 'plain', 1.45);
limit_paired('the same by a reader, recorded, within 1.15x', 'people', 'reader', 'plain', 1.15);
limit_paired('masked look-up by primary key, simple protocol, within 1.3x of plain', 'key_simple', 'masked', 'plain', 1.3);
limit_paired('masked look-up by primary key, prepared, within 1.1x of plain', 'key_prepared', 'masked', 'plain', 1.1);
judge('what the library adds to pgbench -S, simple protocol, below 2 %', 1.02, 0, added('here', 'planned', 'simple'));
judge('what the library adds to pgbench -S, prepared, below 2 %', 1.02, 0, added('here', 'kept', 'prepared'));
judge('the same in a database without the extension, simple protocol', 1.02, 0, added('none', 'planned', 'simple'));
judge('the same in a database without the extension, prepared', 1.02, 0, added('none', 'kept', 'prepared'));

print STDERR "missed: $_\n" foreach @missed;
exit(@missed > 0);
