# Secrets.pm
#	What data.sql hides, as it is and in the encodings in which SQL gives bytes
#	away: parts that are long enough not to occur by chance.  What is hashed,
#	or shorter, is found by comparing the worlds.

package Secrets;

use strict;
use warnings FATAL => 'all';

use MIME::Base64 'encode_base64';

my @secret = ('QXZVKJ', 'WGPYFB', '73592648', '48261937', '龘靐', '爨麤', '4192640735', '4195173806');

sub encodings
{
	my ($s) = @_;
	my $n = length($s);
	my $size = $s =~ /^[A-Z]/ ? 5 : $s =~ /^\d/ ? 7 : 3;
	my @form;
	foreach my $p (map { substr($s, $_, $size) } grep { $size > 3 || $_ % 3 == 0 } 0 .. $n - $size)
	{
		my $hex = unpack('H*', $p);
		push @form, $p, lc $p, scalar reverse($p), scalar reverse(lc $p), $hex, uc $hex;
		push @form, join('', map { sprintf('\\%03o', ord) } split(//, $p)) if $size == 3;
		# A constant in a printed plan.
		push @form, join(' ', map { ord } split(//, $p));
	}
	# The groups of base64 that are whole, however many bytes stand before.
	foreach my $skip (0 .. 2)
	{
		my $bytes = substr($s, $skip);
		push @form, encode_base64(substr($bytes, 0, 3 * int(length($bytes) / 3)), '') if length($bytes) >= 4;
	}
	return @form;
}

# Also numbers whose middle is hidden, dates, addresses.
my $pattern = join('|', map { quotemeta } map { encodings($_) } @secret)
  . '|138\d(?:735|482)\d|19[5-8]\d-0[2-5]-1[47]|1[47][./]0[2-5][./]19[5-8]|0[2-5]/1[47]/19[5-8]|10\.[12]\.[1-4]\.(?:73|48)\b';
$pattern = qr/$pattern/;

# In files of this size no parts.
my $whole = join('|', map { quotemeta } @secret, map { unpack('H*', $_) } @secret);
$whole = qr/$whole/;

# The first line with a secret, or undef.
sub in_text { my ($text) = @_; return $text =~ /(.*$pattern.*)/ ? $1 : undef; }

# Prints lines of files with a whole secret; returns how many, at most 10.
sub in_files
{
	my @files = @_;
	my $n = 0;
	foreach my $f (@files)
	{
		open(my $fh, '<:raw', $f) or next;
		while (my $line = <$fh>)
		{
			next unless $line =~ $whole;
			print substr($line, 0, 300) =~ s/\n?\z/\n/r;
			return $n if ++$n == 10;
		}
	}
	return $n;
}

1;
