#!/usr/bin/perl
# c_lint.pl: rules for the C sources that compilers do not know
#
#   c_lint.pl lengths FILE...    functions that are too long
#   c_lint.pl messages FILE...   what ereport() and elog() say, and how
#   c_lint.pl contracts FILE...  public functions without a contract
#
# Prints FILE:LINE and what is wrong; exit status 1 if anything is.  The
# sources are as pg_bsd_indent leaves them: a function begins with its name in
# the first column, and its body is between braces in the first column.
use strict;
use warnings FATAL => 'all';

my $body_limit = 120;

my ($errors, %text) = (0);

# Names that a message may begin with although they begin with a capital.
my $proper = qr/^(?:[A-Z]+\b|[A-Z]\w*[A-Z_]\w*\b|PostgreSQL\b|OpenSSL\b|Ed25519\b|JSON|Debian\b)/;

sub slurp
{
	my ($file) = @_;
	open my $fh, '<', $file or die "$file: $!\n";
	local $/;
	return scalar <$fh>;
}

sub complain
{
	my ($file, $line, $what) = @_;
	print "$file:$line: $what\n";
	$errors++;
	return;
}

# The functions of a file: { name, static, line, body: lines in it, above: the line of
# text before the definition }.
sub functions
{
	my ($file) = @_;
	my @lines = split /\n/, $text{$file};
	my @list;

	for (my $i = 1; $i < @lines; $i++)
	{
		next if $lines[ $i - 1 ] !~ /^[a-zA-Z][\w \t*()]*$/;
		next if $lines[$i] !~ /^(\w+)\(/;
		my ($name, $start, $open) = ($1, $i - 1, $i);
		$open++ while $open < @lines && $lines[$open] !~ /^\{|;\s*$/;
		next if $open >= @lines || $lines[$open] !~ /^\{/;
		my $close = $open;
		$close++ while $close < $#lines && $lines[$close] !~ /^\}/;
		$start-- if $lines[ $start - 1 ] =~ /^PG_FUNCTION_INFO_V1/;
		push @list,
		  {
			name => $name,
			static => $lines[ $i - 1 ] =~ /\bstatic\b/ ? 1 : 0,
			line => $i + 1,
			body => $close - $open - 1,
			above => $start > 0 ? $lines[ $start - 1 ] : ''
		  };
		$i = $close;
	}
	return @list;
}

sub lengths
{
	foreach my $file (sort keys %text)
	{
		foreach my $f (functions($file))
		{
			complain($file, $f->{line}, "$f->{name}() has $f->{body} lines, the limit is $body_limit")
			  if $f->{body} > $body_limit;
		}
	}
	return;
}

# A contract is a comment right above the definition, or above the declaration
# in a header, where one comment may be about several declarations without an
# empty line between them.
sub contracts
{
	my %declared;

	foreach my $file (grep { /\.h$/ } sort keys %text)
	{
		my $said = 0;
		my $comment = 0;
		foreach my $line (split /\n/, $text{$file})
		{
			if ($comment || $line =~ m{^\s*/\*})
			{
				$comment = $line !~ m{\*/};
				$said = 1;
			}
			$said = 0 if $line =~ /^\s*$/;
			$declared{$1} = 1 if $said && $line =~ /\b(\w+)\(/;
		}
	}
	foreach my $file (grep { /\.c$/ } sort keys %text)
	{
		foreach my $f (functions($file))
		{
			next if $f->{static} || $declared{ $f->{name} } || $f->{above} =~ m{\*/\s*$};
			complain($file, $f->{line}, "$f->{name}() has no contract, neither here nor in a header");
		}
	}
	return;
}

# The calls of functions in a file, with comments blanked out: [line, name, arguments...].
sub calls
{
	my ($file, $names) = @_;
	my $code = $text{$file};
	my $string = qr/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/;
	my @list;

	$code =~ s{($string)|(/\*.*?\*/)}{ defined $1 ? $1 : $2 =~ s/[^\n]/ /gr }gse;
	while ($code =~ /\b($names)\s*\(/g)
	{
		my ($name, $from) = ($1, pos $code);
		my ($depth, @arguments) = (1, '');

		next if substr($code, 0, $-[0]) =~ /^#define[^\n]*(\\\n[^\n]*)*\z/m;
		while ($depth && $code =~ /\G($string|.)/gs)
		{
			my $token = $1;
			$depth++ if $token eq '(';
			$depth-- if $token eq ')';
			if ($token eq ',' && $depth == 1) { push @arguments, ''; }
			else { $arguments[-1] .= $token if $depth; }
		}
		push @list, [ 1 + (substr($code, 0, $from) =~ tr/\n//), $name, @arguments ];
		pos($code) = $from;
	}
	return @list;
}

# The texts that an argument can be: literals beside each other are one, and
# what stands between them is a placeholder.
sub texts
{
	my ($argument) = @_;
	my ($text, $any, @list) = ('', 0);

	while ($argument =~ /\G\s*("(?:[^"\\]|\\.)*"|\w+|.)/gs)
	{
		my $token = $1;
		if ($token =~ /^"(.*)"$/s)
		{
			$text .= $1;
			$any = 1;
		}
		elsif ($token =~ /^[A-Z_0-9]+$/) { $text .= '%s'; }
		elsif ($token =~ /^[?:,]$/)
		{
			push @list, $text if $any;
			($text, $any) = ('', 0);
		}
	}
	return (@list, $any ? $text : ());
}

sub messages
{
	foreach my $file (sort keys %text)
	{
		foreach my $call (calls($file, qr/ereport(?:_domain)?|ereturn|errsave/))
		{
			my ($line, $name, $level, @rest) = @$call;
			next if $name eq 'ereport' && $level =~ /^\s*(?:LOG|LOG_SERVER_ONLY|NOTICE|INFO|DEBUG\d)\s*$/;
			complain($file, $line, "$name() without SQLSTATE") if "@rest" !~ /\berrcode(?:_\w+)?\s*\(/;
			complain($file, $line, "$name() without text") if "@rest" !~ /\berrmsg(?:_\w+)?\s*\(/;
		}
		foreach my $call (calls($file, qr/(?:GUC_check_)?err(?:msg|detail|hint)(?:_\w+)?|elog/))
		{
			my ($line, $name, @arguments) = @$call;
			my $plural = $name =~ /_plural$/;
			my @texts = map { texts($_) } $name eq 'elog' ? $arguments[1] : @arguments[ 0 .. ($plural ? 1 : 0) ];
			my $primary = $name =~ /msg|elog/;

			foreach my $said (@texts)
			{
				my $what = $primary ? 'message' : $name =~ /detail/ ? 'detail' : 'hint';
				my @faults;

				push @faults, 'begins with a capital' if $primary && $said =~ /^[A-Z]/ && $said !~ $proper;
				push @faults, 'ends with a full stop' if $primary && $said =~ /[.!]$/;
				push @faults, 'has more than one line' if $primary && $said =~ /\\n/;
				push @faults, 'does not begin with a capital' if !$primary && $said =~ /^[a-z]/ && $said !~ /^cipguard\./;
				push @faults, 'does not end with a full stop' if !$primary && $said !~ /(?:[.!?]|%s|%m)$/;
				push @faults, "says \"$1\"" if $said =~ /\b(failed to|unable|bad|illegal|unknown|sorry|please)\b/i;
				complain($file, $line, "$what \"$said\" $_") foreach @faults;
			}
		}
	}
	return;
}

my %checks = (lengths => \&lengths, messages => \&messages, contracts => \&contracts);
my $check = $checks{ shift // '' };
die "usage: c_lint.pl lengths|messages|contracts FILE...\n" if !$check || !@ARGV;

%text = map { $_ => slurp($_) } @ARGV;
$check->();
exit($errors ? 1 : 0);
