#!/usr/bin/perl
# verify_proof.pl: check a proof of cipguard's audit log without the server
#
#   verify_proof.pl FILE [PUBLIC_KEY [ANCHOR]]
#
# FILE        what cipguard.audit_proof(event) or cipguard.audit_consistency(size1, size2) returned
# PUBLIC_KEY  what cipguard.seal_public_key() returned, kept from when the log was begun
# ANCHOR      file with a checkpoint that was kept elsewhere
#
# Without PUBLIC_KEY signatures are not checked: then the proof says only that it
# agrees with itself.  Needs a Perl with 64-bit integers, without other modules
# than its own, and, for signatures, openssl 1.1.1.
# Exit status: 0 right, 1 wrong (standard error says what), 2 could not check.
#
# All text is bytes here, UTF-8 where it matters.
package CipguardProof;

use strict;
use warnings FATAL => 'all';

use Digest::SHA qw(sha256);
use Encode ();
use File::Temp;
use MIME::Base64;
use POSIX ();

my $EVENT_TAG = 'cipguard.audit.v1';
my $BLOCK_TAG = 'cipguard.block.v1';
my $SPKI_ED25519 = pack('H*', '302a300506032b6570032100');
my $EM_DASH = "\xe2\x80\x94";
my $MAX_DEPTH = 32;
# Formats: the fields of the file, and what checks them.
my %FORMAT = (
	'cipguard.proof.v1' => [ \&verify_proof,
		qw(format event_id event leaf index path block block_bytes head block_path checkpoint) ],
	'cipguard.consistency.v1' => [ \&verify_consistency, qw(format path first_checkpoint checkpoint) ]);
# Place of the event's number among the columns, by kind of row.
my %NUMBER_COLUMN = (1 => 0, 2 => 1, 3 => 1, 4 => 0, 5 => 1);
my %ROW_KIND = (1 => 'event', 2 => 'session', 3 => 'columns of a table', 4 => 'purge', 5 => 'query text');
# Name, template and length; the snapshot has its length before it.
my @BLOCK_FIELDS = (
	[ 'log', 'a16', 16 ], [ 'number', 'Q>', 8 ], [ 'previous', 'a32', 32 ], ['snapshot'], [ 'events', 'Q>', 8 ],
	[ 'root', 'a32', 32 ], [ 'policy', 'a32', 32 ], [ 'timeline', 'N', 4 ], [ 'system', 'Q>', 8 ], [ 'closed', 'q>', 8 ]);

sub wrong { die { wrong => $_[0] } }
sub failed { die { failed => $_[0] } }

sub unbase64
{
	my ($text, $what, $length) = @_;
	wrong("$what is no text") if !defined $text || ref $text;
	my $data = $text =~ m{\A[A-Za-z0-9+/]*={0,2}\z} ? decode_base64($text) : '';
	wrong("$what is not base64") if encode_base64($data, '') ne $text;
	wrong("$what has a wrong length") if defined $length && length($data) != $length;
	return $data;
}

# Digits of a number below 2^63, without leading zeros: the number, or undef.
sub digits
{
	my ($text) = @_;
	return undef if $text !~ /\A(?:0|[1-9][0-9]{0,18})\z/;
	return undef if length($text) == 19 && $text gt '9223372036854775807';
	return 0 + $text;
}

sub number
{
	my ($value, $what) = @_;
	return (ref $value eq 'SCALAR' ? digits($$value) : undef) // wrong("$what is no number");
}

# ---------- JSON ----------

# JSON::PP would take the last of two fields with one name, and make the same of
# 1, 1.0 and 1e0.  Strings become scalars, numbers references to what is written,
# true, false and null undef.
sub read_json
{
	my ($text) = @_;
	my $decoded = eval { Encode::decode('UTF-8', "$text", Encode::FB_CROAK) };
	no_json() if !defined $decoded;
	my $value = json_value(\$text, 0);
	no_json() if $text !~ /\G[ \t\r\n]*\z/;
	return $value;
}

sub no_json { wrong('the file is not JSON') }

sub json_value
{
	my ($text, $depth) = @_;
	no_json() if $depth > $MAX_DEPTH;
	$$text =~ /\G[ \t\r\n]*/gc;
	if ($$text =~ /\G\{[ \t\r\n]*/gc)
	{
		my %object;
		return \%object if $$text =~ /\G\}/gc;
		do
		{
			$$text =~ /\G[ \t\r\n]*(?=")/gc or no_json();
			my $name = json_value($text, $depth + 1);
			$$text =~ /\G[ \t\r\n]*:/gc or no_json();
			my $value = json_value($text, $depth + 1);
			wrong('a name is there twice') if exists $object{$name};
			$object{$name} = $value;
		} while ($$text =~ /\G[ \t\r\n]*,/gc);
		$$text =~ /\G[ \t\r\n]*\}/gc or no_json();
		return \%object;
	}
	if ($$text =~ /\G\[[ \t\r\n]*/gc)
	{
		my @array;
		return \@array if $$text =~ /\G\]/gc;
		do { push @array, json_value($text, $depth + 1) } while ($$text =~ /\G[ \t\r\n]*,/gc);
		$$text =~ /\G[ \t\r\n]*\]/gc or no_json();
		return \@array;
	}
	return json_string($text) if $$text =~ /\G"/gc;
	if ($$text =~ /\G(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)/gc)
	{
		my $written = $1;
		return \$written;
	}
	$$text =~ /\G(?:true|false|null)/gc or no_json();
	return undef;
}

# What follows the quote, to the next one.
sub json_string
{
	my ($text) = @_;
	my %escape = ('b' => "\b", 'f' => "\f", 'n' => "\n", 'r' => "\r", 't' => "\t");
	my $string = '';
	until ($$text =~ /\G"/gc)
	{
		my $code;
		if ($$text =~ /\G([^"\\\x00-\x1f]+)/gc) { $string .= $1 }
		elsif ($$text =~ m{\G\\(["\\/])}gc) { $string .= $1 }
		elsif ($$text =~ /\G\\([bfnrt])/gc) { $string .= $escape{$1} }
		elsif ($$text =~ /\G\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})/gc)
		{
			$code = 0x10000 + ((hex($1) & 0x3ff) << 10) + (hex($2) & 0x3ff);
		}
		elsif ($$text =~ /\G\\u(?![dD][89a-fA-F])([0-9a-fA-F]{4})/gc) { $code = hex($1) }
		else { no_json() }
		$string .= Encode::encode('UTF-8', chr($code)) if defined $code;
	}
	return $string;
}

# ---------- trees ----------

sub leaf_hash { return sha256("\0" . $_[0]) }
sub node_hash { return sha256("\1" . $_[0] . $_[1]) }

# RFC 9162, section 2.1.3.2
sub check_inclusion
{
	my ($leaf, $index, $size, $path, $root, $what) = @_;
	wrong("$what: there is no such leaf") if $index >= $size;
	my ($fn, $sn, $r) = ($index, $size - 1, $leaf);
	foreach my $p (@$path)
	{
		wrong("$what: the path is too long") if $sn == 0;
		if ($fn & 1 || $fn == $sn)
		{
			$r = node_hash($p, $r);
			while (!($fn & 1) && $fn != 0)
			{
				$fn >>= 1;
				$sn >>= 1;
			}
		}
		else
		{
			$r = node_hash($r, $p);
		}
		$fn >>= 1;
		$sn >>= 1;
	}
	wrong("$what: the path is too short") if $sn != 0;
	wrong("$what: the path leads to another root") if $r ne $root;
	return;
}

# RFC 9162, section 2.1.4.2
sub check_consistency
{
	my ($first, $first_root, $second, $second_root, @path) = @_;
	wrong('the first log is not the shorter one') unless 0 < $first && $first <= $second;
	if ($first == $second)
	{
		wrong('logs of the same size differ') if @path || $first_root ne $second_root;
		return;
	}
	unshift @path, $first_root if ($first & ($first - 1)) == 0;
	wrong('the path is too short') if !@path;
	my ($fn, $sn) = ($first - 1, $second - 1);
	while ($fn & 1)
	{
		$fn >>= 1;
		$sn >>= 1;
	}
	my $fr = my $sr = shift @path;
	foreach my $c (@path)
	{
		wrong('the path is too long') if $sn == 0;
		if ($fn & 1 || $fn == $sn)
		{
			$fr = node_hash($c, $fr);
			$sr = node_hash($c, $sr);
			while (!($fn & 1) && $fn != 0)
			{
				$fn >>= 1;
				$sn >>= 1;
			}
		}
		else
		{
			$sr = node_hash($sr, $c);
		}
		$fn >>= 1;
		$sn >>= 1;
	}
	wrong('the path is too short') if $sn != 0;
	wrong('the path leads to another root of the first log') if $fr ne $first_root;
	wrong('the path leads to another root of the second log') if $sr ne $second_root;
	return;
}

sub read_path
{
	my ($value, $what) = @_;
	wrong("$what is no path") if ref $value ne 'ARRAY' || @$value > 65;
	return map { unbase64($_, $what, 32) } @$value;
}

# ---------- keys and checkpoints ----------

# c2sp.org/signed-note: name+id+base64(0x01 || key)
sub read_key
{
	my ($text) = @_;
	my ($name, $id, $coded) = split /\+/, $text =~ s/\A\s+|\s+\z//gr, 3;
	wrong('the public key is not of the form name+id+key') if !defined $coded;
	my $typed = unbase64($coded, 'the public key', 33);
	wrong('the public key is not an Ed25519 key') if ord($typed) != 1;
	my $want = substr(sha256("$name\n$typed"), 0, 4);
	wrong('the public key does not have that id') if $id ne unpack('H*', $want);
	return { name => $name, id => $want, key => substr($typed, 1) };
}

sub openssl_verify
{
	my ($key, $message, $signature) = @_;
	my $dir = File::Temp->newdir();
	my %data = (key => $SPKI_ED25519 . $key, message => $message, signature => $signature);
	foreach my $name (sort keys %data)
	{
		open(my $f, '>:raw', "$dir/$name") or failed("$dir/$name: $!");
		(print {$f} $data{$name}) && close($f) or failed("$dir/$name: $!");
	}
	open(my $null, '+<', '/dev/null') or failed("/dev/null: $!");
	local $?;
	my $pid = fork() // failed("openssl: $!");
	if ($pid == 0)
	{
		no warnings 'exec';
		POSIX::dup2(fileno($null), $_) foreach 0 .. 2;
		exec {'openssl'} 'openssl', qw(pkeyutl -verify -pubin -keyform DER -inkey), "$dir/key", '-rawin',
		  '-in', "$dir/message", '-sigfile', "$dir/signature";
		POSIX::_exit(127);
	}
	waitpid($pid, 0);
	failed('openssl cannot be run') if $? & 127 || $? >> 8 == 127;
	return $? == 0;
}

# c2sp.org/tlog-checkpoint
sub read_checkpoint
{
	my ($text, $what) = @_;
	my $at = defined $text && !ref $text && $text =~ /\n\z/ ? rindex($text, "\n\n") : -1;
	wrong("$what is not a signed note") if $at < 0;
	my $body = substr($text, 0, $at + 1);
	my @lines = split /\n/, substr($text, 0, $at), -1;
	wrong("$what is not a checkpoint") if @lines < 3 || grep { $_ eq '' } @lines;
	my %result = (what => $what, body => $body, signatures => [], origin => $lines[0],
		size => digits($lines[1]) // wrong("$what has no size"), root => unbase64($lines[2], "root of $what", 32));
	foreach my $line (@lines[ 3 .. $#lines ])
	{
		my ($name, $value) = split / /, $line, 2;
		$result{lines}{ $name // '' } //= $value // '';
	}
	my @signed = split /\n/, substr($text, $at + 2), -1;
	wrong("$what has no signature") if @signed < 2 || pop(@signed) ne '';
	foreach my $line (@signed)
	{
		my ($dash, $name, $data, $more) = split / /, $line, -1;
		wrong("$what has a malformed signature")
		  if !defined $data || defined $more || $dash ne $EM_DASH || $name eq '';
		push @{ $result{signatures} }, [ $name, unbase64($data, "signature of $what") ];
	}
	return \%result;
}

sub check_signature
{
	my ($checkpoint, $key) = @_;
	my $what = $checkpoint->{what};
	wrong("$what is not signed by this key: its log has another name") if $key->{name} ne $checkpoint->{origin};
	my @ours = grep { $_->[0] eq $key->{name} && substr($_->[1], 0, 4) eq $key->{id} } @{ $checkpoint->{signatures} };
	wrong("$what is not signed by this key") if @ours != 1;
	my $signature = $ours[0][1];
	wrong("$what: the signature is wrong")
	  unless length($signature) == 68 && openssl_verify($key->{key}, $checkpoint->{body}, substr($signature, 4));
	return;
}

sub check_anchor
{
	my ($anchor, @checkpoints) = @_;
	foreach my $c (@checkpoints)
	{
		next if $anchor->{size} != $c->{size};
		wrong('the log is not the one of the anchor: it was rewritten, or went on elsewhere') if $anchor->{root} ne $c->{root};
		return;
	}
	wrong("the anchor has $anchor->{size} blocks, the proof " . join(' and ', map { $_->{size} } @checkpoints)
		  . '; ask the server for cipguard.audit_consistency with that size');
}

# ---------- events and blocks ----------

# The next bytes of data, which shrinks.
sub take
{
	my ($data, $n, $what) = @_;
	wrong("$what ends early") if $n > length($$data);
	return substr($$data, 0, $n, '');
}

sub read_columns
{
	my ($data) = @_;
	my @columns;
	while ($data ne '')
	{
		my $n = unpack('N', take(\$data, 4, 'the event'));
		$n == 0xFFFFFFFF and push(@columns, undef), next;
		$n = unpack('N', take(\$data, 4, 'the event')) if $n == 0xFFFFFFFE;
		push @columns, take(\$data, $n, 'the event');
	}
	return @columns;
}

sub read_block
{
	my ($data) = @_;
	my %fields;
	wrong('the block is of an unknown format') if take(\$data, 17, 'the block') ne $BLOCK_TAG;
	foreach my $field (@BLOCK_FIELDS)
	{
		my ($name, $template, $length) = @$field;
		$length //= unpack('N', take(\$data, 4, 'the block'));
		$fields{$name} = take(\$data, $length, 'the block');
		$fields{$name} = unpack($template, $fields{$name}) if defined $template;
	}
	wrong('the block is too long') if $data ne '';
	return \%fields;
}

# Microseconds since 2000 in UTC.
sub when
{
	my ($time) = @_;
	my $micro = $time % 1_000_000;
	my @t = gmtime(($time - $micro) / 1_000_000 + 946_684_800);
	return sprintf('%04d-%02d-%02dT%02d:%02d:%02d', $t[5] + 1900, $t[4] + 1, @t[ 3, 2, 1, 0 ])
	  . ($micro ? sprintf('.%06d', $micro) : '') . 'Z';
}

# A line of the answer; what comes from the proof cannot make one of its own.
sub show
{
	my ($name, $value) = @_;
	my $text = Encode::decode('UTF-8', "$value", Encode::FB_DEFAULT) =~ s/[[:cntrl:]\x{2028}\x{2029}]/?/gr;
	printf STDOUT "%-12s%s\n", "$name:", Encode::encode('UTF-8', $text);
	return;
}

sub show_event
{
	my ($kind, @columns) = @_;
	show('row', $ROW_KIND{$kind});
	return if $kind != 1 || @columns < 14;
	wrong('the event has no time') if length($columns[2] // '') != 8;
	my @text = map { $_ // '' } @columns;
	show('kind', $text[7]);
	show('written', when(unpack('q>', $columns[2])));
	show('relation', $text[10]);
	show('role', $text[11]);
	show('user', "$text[12] (" . ($text[8] eq "\1" ? 'verified' : 'claimed') . ')') if defined $columns[12];
	show('purpose', $text[13]) if defined $columns[13];
	return;
}

# ---------- the two kinds of proofs ----------

sub verify_proof
{
	my ($proof) = @_;
	my $checkpoint = read_checkpoint($proof->{checkpoint}, 'the checkpoint');
	my $event = unbase64($proof->{event}, 'the event');
	wrong('the event is of an unknown format') if length($event) < 34 || substr($event, 0, 17) ne $EVENT_TAG;
	my $kind = ord(substr($event, 17, 1));
	my $log = substr($event, 18, 16);
	my @columns = read_columns(substr($event, 34));
	my $place = $NUMBER_COLUMN{$kind};
	my $id = number($proof->{event_id}, 'event_id');
	wrong('the event has another number') unless defined $place && ($columns[$place] // '') eq pack('Q>', $id);
	my $leaf = leaf_hash($event);
	wrong('the event has another hash') if $leaf ne unbase64($proof->{leaf}, 'leaf');

	my $data = unbase64($proof->{block_bytes}, 'the block');
	my $block = read_block($data);
	wrong('the block has another number') if $block->{number} == 0 || $block->{number} != number($proof->{block}, 'block');
	wrong('the event is of another log than the block') if $block->{log} ne $log;
	wrong('the block is of another log than the checkpoint')
	  if ($checkpoint->{lines}{log} // '') =~ tr/-//dr ne unpack('H*', $block->{log});
	my $index = number($proof->{index}, 'index');
	check_inclusion($leaf, $index, $block->{events}, [ read_path($proof->{path}, 'path') ], $block->{root}, 'event in its block');
	my $head = sha256($data);
	wrong('the block has another head') if $head ne unbase64($proof->{head}, 'head');
	check_inclusion(leaf_hash($head), $block->{number} - 1, $checkpoint->{size},
		[ read_path($proof->{block_path}, 'block_path') ], $checkpoint->{root}, 'block in the log');

	show('event', "$id, " . ($index + 1) . " of $block->{events} in block $block->{number} of $checkpoint->{size}");
	show_event($kind, @columns);
	show('sealed', when($block->{closed}));
	show('log', $checkpoint->{origin});
	return $checkpoint;
}

sub verify_consistency
{
	my ($proof) = @_;
	my $first = read_checkpoint($proof->{first_checkpoint}, 'the first checkpoint');
	my $second = read_checkpoint($proof->{checkpoint}, 'the checkpoint');
	wrong('the checkpoints are of different logs')
	  if $first->{origin} ne $second->{origin} || ($first->{lines}{log} // '') ne ($second->{lines}{log} // '');
	check_consistency($first->{size}, $first->{root}, $second->{size}, $second->{root}, read_path($proof->{path}, 'path'));
	print STDOUT "the log of $second->{size} blocks begins with the one of $first->{size}\n";
	show('log', $second->{origin});
	return ($first, $second);
}

sub read_file
{
	my ($name) = @_;
	local $/;
	open(my $f, '<:raw', $name) or failed("$name: $!");
	return readline($f) // failed("$name: $!");
}

sub check
{
	my ($file, $public_key, $anchor_file) = @_;
	my $text = read_file($file);
	my $anchor = defined $anchor_file ? read_file($anchor_file) =~ s/\n*\z/\n/r : undef;
	my $proof = read_json($text);
	my $key = defined $public_key ? read_key($public_key) : undef;
	my $format = ref $proof eq 'HASH' ? $proof->{format} : undef;
	my ($verify, @fields) = @{ $FORMAT{ $format // '' } // wrong('the file is of an unknown format') };
	wrong('the proof has other fields') if join("\n", sort keys %$proof) ne join("\n", sort @fields);
	my @checkpoints = $verify->($proof);
	if (defined $anchor)
	{
		$anchor = read_checkpoint($anchor, 'the anchor');
		check_anchor($anchor, @checkpoints);
		push @checkpoints, $anchor;
	}
	if (defined $key)
	{
		check_signature($_, $key) foreach @checkpoints;
	}
	show('anchor', 'agrees') if defined $anchor;
	show('signature', defined $key ? 'right' : 'NOT CHECKED, no public key was given');
	return;
}

# Returns the exit status.
sub main
{
	my @arguments = @_;
	if (@arguments < 1 || @arguments > 3)
	{
		print STDERR "usage: verify_proof.pl FILE [PUBLIC_KEY [ANCHOR]]\n";
		return 2;
	}
	return 0 if eval { check(@arguments); 1 };
	my $error = $@;
	if (ref $error && defined $error->{wrong})
	{
		print STDERR "WRONG: $error->{wrong}\n";
		return 1;
	}
	$error = $error->{failed} if ref $error;
	print STDERR 'could not check: ' . $error =~ s/\n*\z/\n/r;
	return 2;
}

exit main(@ARGV) unless caller;
1;
