#!/usr/bin/perl
# sql_lint.pl: rules for the parts of the install script
#
#   sql_lint.pl rules|comments|errors DIR
#
# Reads DIR/*.sql as one script and prints FILE:LINE and what is wrong.
# rules:
#   - OR REPLACE, IF NOT EXISTS, IF EXISTS; a simple CASE; a missing guard line
#   - a function without volatility, strictness or parallel safety
#   - SECURITY DEFINER without a pinned search_path or without a reason above
#   - a name without schema
# comments: an object without COMMENT, or with one that is no phrase
# errors: a RAISE without SQLSTATE, or with texts that are none of ours
# It knows the SQL that an extension script needs, not all of SQL: statements
# end with a semicolon outside of quotes, dollar quotes and BEGIN ATOMIC bodies.
use strict;
use warnings FATAL => 'all';

my ($asked, $dir) = @ARGV;
die "usage: sql_lint.pl rules|comments|errors DIR\n" if @ARGV != 2 || $asked !~ /^(?:rules|comments|errors)$/;
my (@errors, %commented, @created);

sub complain
{
	my ($where, $what, $kind) = @_;
	push @errors, "$where: $what" if $asked eq ($kind // 'rules');
	return;
}

# What the RAISE statements of a body say, and how.
sub look_at_errors
{
	my ($where, $text) = @_;
	my $quoted = qr/'(?:[^']|'')*'/;

	while ($text =~ /\bRAISE\s+(EXCEPTION|WARNING|NOTICE|INFO)\s+((?:$quoted|[^';])*);/gs)
	{
		my ($level, $said) = ($1, $2);
		my ($message, $options) = $said =~ /^($quoted)?(.*)$/s;

		complain($where, "RAISE $level without ERRCODE: $said", 'errors')
			if $level =~ /EXCEPTION|WARNING/ && $options !~ /\bERRCODE\s*=/;
		$message = $1 if $options =~ /\bMESSAGE\s*=\s*($quoted)/;
		complain($where, "a message is lower case, without full stop: $message", 'errors')
			if defined $message && $message =~ /^'[A-Z][a-z]|\.'$/;
		complain($where, "not in a message: $1", 'errors')
			if $said =~ /\b(failed to|unable|bad|illegal|unknown|sorry|please)\b/i;
		while ($options =~ /\b(HINT|DETAIL)\s*=\s*($quoted)\s*(?=,|$)/g)
		{
			complain($where, lc($1) . " is no sentence: $2", 'errors') if $2 !~ /^'(?:[A-Z%]|cipguard\.).*[.?]'$/s;
		}
	}
	return;
}

# Statements of one file: [line, text, text without quoted parts, comment above].
sub statements
{
	my ($sql) = @_;
	my (@list, $text, $bare, $start);
	my ($line, $comment, $atomic) = (1, '', 0);
	($text, $bare) = ('', '');

	while ($sql =~ /\G(
			--[^\n]*				# 1: comment
			| \/\*.*?\*\/
			| '(?:[^']|'')*'		# quoted
			| "(?:[^"]|"")*"
			| (\$\w*\$).*?\2		# 2: dollar quote
			| \\[^\n]*				# psql command
			| \w+
			| \s+
			| .
		)/gsx)
	{
		my $token = $1;
		my $here = $line;

		$line += ($token =~ tr/\n//);
		if ($token =~ /^(--|\/\*)/)
		{
			$comment .= $token if !defined $start;
			next;
		}
		if ($token =~ /^\\/ && !defined $start)
		{
			next;
		}
		if ($token =~ /^\s+$/)
		{
			# An empty line ends what is said about the next statement.
			$comment = '' if !defined $start && ($token =~ tr/\n//) > 1;
			$_ .= defined $start ? ' ' : '' foreach $text, $bare;
			next;
		}
		$start //= $here;
		$atomic++ if $token =~ /^atomic$/i && $bare =~ /\bbegin\s*$/i;
		$atomic++ if $atomic && $token =~ /^case$/i;
		$atomic-- if $atomic && $token =~ /^end$/i;
		if ($token eq ';' && !$atomic)
		{
			push @list, [ $start, $text, $bare, $comment ];
			($text, $bare, $comment, $start) = ('', '', '', undef);
			next;
		}
		$text .= $token;
		$bare .= $token =~ /^\$\w*\$/ || $token =~ /^'/ ? q('') : $token;
	}
	push @list, [ $start, $text, $bare, $comment ] if defined $start;
	return @list;
}

# The position after the parenthesis that closes the one at $pos.
sub closing
{
	my ($text, $pos) = @_;
	my $depth = 0;

	for (my $i = $pos; $i < length $text; $i++)
	{
		my $c = substr($text, $i, 1);
		$depth++ if $c eq '(';
		return $i + 1 if $c eq ')' && --$depth == 0;
	}
	return length $text;
}

# Argument types as COMMENT ON spells them: names, modes and defaults removed.
my %alias = (
	int => 'integer', int4 => 'integer', int8 => 'bigint', int2 => 'smallint',
	bool => 'boolean', timestamptz => 'timestamp with time zone', varchar => 'character varying',
	float8 => 'double precision', float4 => 'real', decimal => 'numeric', bpchar => 'character',
	timestamp => 'timestamp without time zone');
my $two_words = qr/double precision|character varying|bit varying|(?:timestamp|time)(?:\(\d\))? with(?:out)? time zone/i;

sub type_list
{
	my ($args) = @_;
	my (@parts, @types);
	my ($depth, $part) = (0, '');

	foreach my $c (split //, $args)
	{
		$depth++ if $c =~ /[(\[]/;
		$depth-- if $c =~ /[)\]]/;
		if ($c eq ',' && $depth == 0)
		{
			push @parts, $part;
			$part = '';
			next;
		}
		$part .= $c;
	}
	push @parts, $part if $part =~ /\S/;
	foreach my $p (@parts)
	{
		$p =~ s/\s+DEFAULT\s.*//is;
		$p =~ s/\s*:?=.*//s;
		$p =~ s/^\s+|\s+$//g;
		next if $p =~ /^(OUT|TABLE)\s/i;
		$p =~ s/^(IN|INOUT|VARIADIC)\s+//i;
		my $type = $p =~ /(?:^|\s)($two_words(?:\[\])?)$/ ? $1 : (split /\s+/, $p)[-1];
		$type = lc $type;
		$type =~ s/\s+/ /g;
		$type =~ s/^pg_catalog\.//;
		my ($base, $array) = $type =~ /^(.*?)((?:\[\])*)$/;
		$type = ($alias{$base} // $base) . $array;
		push @types, $type;
	}
	return join(', ', @types);
}

sub created
{
	my ($where, $kind, $name) = @_;
	$kind = lc $kind;
	$name = lc $name;
	$name =~ s/\s+/ /g;
	push @created, [ $where, "$kind $name" ];
}

my @files = sort glob("$dir/*.sql");
if (!@files)
{
	print "$dir: no SQL files\n";
	exit 1;
}

foreach my $file (@files)
{
	open my $fh, '<', $file or die "$file: $!\n";
	local $/;
	my $sql = <$fh>;
	close $fh;

	if ($file eq $files[0] && $sql !~ /^\\echo Use "CREATE EXTENSION cipguard" to load this file\. \\quit$/m)
	{
		complain("$file:1", 'the guard line (\echo ... \quit) is missing');
	}
	foreach my $statement (statements($sql))
	{
		my ($line, $text, $bare, $comment) = @$statement;
		my $where = "$file:$line";

		foreach my $bad ('OR REPLACE', 'IF NOT EXISTS', 'IF EXISTS')
		{
			(my $re = $bad) =~ s/ /\\s+/g;
			# In dynamic SQL of a body, IF EXISTS may be what is meant.
			complain($where, "$bad") if ($bad eq 'IF EXISTS' ? $bare : $text) =~ /\b$re\b/i;
		}
		complain($where, 'simple CASE looks its operator up by search_path')
			if $text =~ /\bCASE\s+(?!WHEN\b)/i && $text =~ /SECURITY\s+DEFINER/i;
		look_at_errors($where, $text);

		if ($bare =~ /^CREATE\s+(FUNCTION|PROCEDURE|AGGREGATE)\s+([\w.\"]+)\s*\(/i)
		{
			my ($kind, $name) = (lc $1, $2);
			my $open = $+[0] - 1;
			my $close = closing($bare, $open);
			my $args = substr($bare, $open + 1, $close - $open - 2);
			my $rest = substr($bare, $close);

			complain($where, "$kind $name is not in schema cipguard") if $name !~ /^cipguard\./i;
			created($where, $kind, "$name(" . type_list($args) . ")");
			if ($kind eq 'function')
			{
				complain($where, "$name states no volatility")
					if $rest !~ /\b(IMMUTABLE|STABLE|VOLATILE)\b/i;
				complain($where, "$name states no strictness")
					if $rest !~ /\b(STRICT|CALLED\s+ON\s+NULL\s+INPUT|RETURNS\s+NULL\s+ON\s+NULL\s+INPUT)\b/i;
				complain($where, "$name states no parallel safety")
					if $rest !~ /\bPARALLEL\s+(SAFE|RESTRICTED|UNSAFE)\b/i;
			}
			if ($rest =~ /\bSECURITY\s+DEFINER\b/i)
			{
				complain($where, "$name is SECURITY DEFINER without SET search_path = pg_catalog, pg_temp")
					if $rest !~ /\bSET\s+search_path\s*(=|TO)\s*pg_catalog\s*,\s*pg_temp\b/i;
				complain($where, "$name is SECURITY DEFINER without a reason in a comment above")
					if $comment eq '';
			}
		}
		elsif ($bare =~ /^CREATE\s+(?:UNLOGGED\s+)?(TABLE|VIEW|MATERIALIZED\s+VIEW|SEQUENCE|TYPE|DOMAIN)\s+([\w.\"]+)\s*(.*)/is)
		{
			my ($kind, $name, $rest) = ($1, $2, $3);

			complain($where, lc($kind) . " $name is not in schema cipguard") if $name !~ /^cipguard\./i;
			# A shell type is completed later; a partition is its parent's.
			created($where, $kind, $name)
				unless ($kind =~ /type/i && $rest eq '') || $rest =~ /^PARTITION\s+OF/i;
		}
		elsif ($bare =~ /^CREATE\s+OPERATOR\s+(CLASS|FAMILY)\s+([\w.\"]+)\s.*?\bUSING\s+(\w+)/is)
		{
			my ($kind, $name, $method) = ($1, $2, $3);

			complain($where, "operator $kind $name is not in schema cipguard") if $name !~ /^cipguard\./i;
			created($where, "operator $kind", "$name using $method");
		}
		elsif ($bare =~ /^CREATE\s+OPERATOR\s+(\S+)\s*\(/i)
		{
			my $name = $1;
			my ($left) = $bare =~ /\bLEFTARG\s*=\s*([^,()]+?)\s*[,)]/i;
			my ($right) = $bare =~ /\bRIGHTARG\s*=\s*([^,()]+?)\s*[,)]/i;

			complain($where, "operator $name has no schema") if $name !~ /^\w+\./;
			created($where, 'operator',
				"$name (" . join(', ', map { defined $_ ? type_list($_) : 'none' } $left, $right) . ")");
		}
		elsif ($bare =~ /^CREATE\s+CAST\s*\(\s*(.+?)\s+AS\s+(.+?)\s*\)\s/is)
		{
			my ($from, $to) = ($1, $2);
			created($where, 'cast', '(' . type_list($from) . ' as ' . type_list($to) . ')');
		}
		elsif ($bare =~ /^CREATE\s+EVENT\s+TRIGGER\s+(\w+)/i)
		{
			created($where, 'event trigger', $1);
		}
		elsif ($bare =~ /^CREATE\s+SCHEMA\s+(\w+)/i)
		{
			created($where, 'schema', $1);
		}
		elsif ($bare =~ /^COMMENT\s+ON\s+(FUNCTION|PROCEDURE|AGGREGATE)\s+([\w.\"]+)\s*\((.*?)\)\s+IS\b/is)
		{
			my ($name, $args) = (lc "$1 $2", $3);
			$commented{ "$name(" . type_list($args) . ')' } = 1;
		}
		elsif ($bare =~ /^COMMENT\s+ON\s+OPERATOR\s+(?!CLASS|FAMILY)(\S+)\s*\(\s*(.*?)\s*,\s*(.*?)\s*\)\s+IS\b/is)
		{
			my ($name, $left, $right) = (lc $1, $2, $3);
			$commented{"operator $name (" . type_list($left) . ', ' . type_list($right) . ')'} = 1;
		}
		elsif ($bare =~ /^COMMENT\s+ON\s+CAST\s*\(\s*(.+?)\s+AS\s+(.+?)\s*\)\s+IS\b/is)
		{
			my ($from, $to) = ($1, $2);
			$commented{ 'cast (' . type_list($from) . ' as ' . type_list($to) . ')' } = 1;
		}
		elsif ($bare =~ /^COMMENT\s+ON\s+(.+?)\s+IS\b/is)
		{
			my $object = lc $1;
			$object =~ s/\s+/ /g;
			$commented{$object} = 1;
		}
		if ($text =~ /^COMMENT\s+ON\s+.*\sIS\s+'((?:[^']|'')*)'/is)
		{
			my $said = $1;
			complain($where, 'a comment is one phrase, lower case, without full stop', 'comments')
				if $said =~ /^[A-Z][a-z]/ || $said =~ /\.$/;
		}
	}
}

foreach my $object (@created)
{
	my ($where, $name) = @$object;
	complain($where, "$name has no COMMENT", 'comments') if !$commented{$name};
}
print "$_\n" foreach @errors;
exit(@errors ? 1 : 0);
