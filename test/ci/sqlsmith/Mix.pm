# Mix.pm
#	Random SQL that tries to see what a mask hides.
#
# sqlsmith knows types and joins; this knows what leaks: errors that print
# values, functions of the attacker that say what they are given, rows that
# become text or JSON, triggers, rules, statistics, plans, every position of a
# query.
#
#	my $mix = Mix->new(seed => 7, role => 'clerk', masked => 1);
#	my ($kind, $sql) = $mix->next;
#
# The kind is "query" (one SELECT, without semicolon) or "script" (what psql
# reads, statements with semicolons).  The same seed gives the same items.
#
# The grammar is text: {name} is replaced by one of the productions of that
# name, chosen at random, {col:TYPE} by a column of a table in scope, {sub:TYPE}
# by a scalar sub-query.  Below a depth only the first production of a name is
# taken, which must not recurse.

package Mix;

use strict;
use warnings FATAL => 'all';

use constant DEPTH => 5;

# Columns that are found in tables, by type.  "enc" are encrypted ones, "row"
# stands for the whole row, which every table has.
my %client = (
	text => [qw(name tel card nick dom mail note big area)],
	int => [qw(id pay n)], num => ['bonus'], float => ['ratio'], date => ['born'], ts => ['seen'], json => ['doc'],
	bytea => ['pic'], uuid => ['uid'], inet => ['ip'], arr => ['tags'], comp => ['adr'], range => ['span']);
my %vault = (
	int => [qw(id client n)], text => ['note'],
	enc => [qw(e_name e_tel e_home e_pay e_bonus e_born e_seen e_uid e_ip e_doc e_pic)], encarr => ['e_tels']);
my %tables = (
	client => \%client,
	vault => \%vault,
	visit => { int => [qw(id client n)], date => ['day'], text => [qw(tel note)] },
	visit2 => { int => [qw(id client n)], date => ['day'], text => [qw(tel note)] },
	lead => { int => [qw(id n)], text => [qw(tel name)] },
	warm_lead => { int => [qw(id n)], text => [qw(tel name nick note)] },
	strict => { int => [qw(id n)], text => [qw(tel late card note)] },
	refers => { int => [qw(id n)], text => [qw(tel note)] },
	plain => { int => [qw(id n)], text => [qw(word tel note)], date => ['day'], json => ['doc'] },
	v_client => { int => [qw(id pay n)], text => [qw(name tel mail note head)], date => ['born'], json => ['doc'] },
	v_barrier => { int => [qw(id n)], text => [qw(tel name card)] },
	v_invoker => { int => [qw(id n)], text => ['tel'], enc => [qw(e_tel e_pay)] },
	v_totals => { int => [qw(n tels pay)], date => ['born'], text => ['name'] },
	m_masked => { int => [qw(id pay n)], text => [qw(name tel head)] },
	m_real => { int => [qw(id pay n)], text => [qw(name tel)], date => ['born'] },
	client_masked => \%client,
	visit_masked => { int => [qw(id client n)], date => ['day'], text => [qw(tel note)] },
	lead_masked => { int => [qw(id n)], text => [qw(tel name)] },
	strict_masked => { int => [qw(id n)], text => [qw(tel late card note)] },
	vault_masked => {
		int => [qw(id client n e_pay)], text => [qw(note e_name e_tel e_home)], num => ['e_bonus'], date => ['e_born'], ts => ['e_seen'],
		uuid => ['e_uid'], inet => ['e_ip'], json => ['e_doc'], bytea => ['e_pic'] });

# What stands for a column where none of the type is in scope.
my %literal = (
	text => q('x'), int => '1', num => '1.5', float => '0.5::float8', date => q('2020-01-01'::date), ts => q('2020-01-01'::timestamptz),
	json => q('{"a": 1}'::jsonb), bytea => q('\x01'::bytea), uuid => q('a0eebc99-0000-4ef8-bb6d-000000000000'::uuid),
	inet => q('10.1.0.0/24'::inet), arr => q('{a,b}'::text[]), comp => q(ROW('a', 'b')::app.addr), range => q{daterange('2020-01-01', '2021-01-01')},
	enc => 'NULL::text', encarr => 'NULL::text[]');

my %grammar = (
	small => [ 0 .. 9, -1 ],
	word => [ q('x'), q('1'), q(''), q('13%'), q('138****8001'), q('张**'), q('word3'), q('2020-01-01'), 'NULL', q('{1,2}'), q('$.name'), q('(a,b)'), q('^1(3)') ],
	cmp => [ '=', '<>', '<', '>', '<=', '>=', 'IS DISTINCT FROM', 'IS NOT DISTINCT FROM' ],

	text => [
		('{col:text}') x 9, '{word}', 'upper({text})', '{text} || {text}', 'substr({text}, {small}, {small})', 'reverse({text})', 'left({text}, {small})', 'right({text}, -{small})',
		'coalesce({text}, {text})', 'nullif({text}, {text})', 'CASE WHEN {bool} THEN {text} ELSE {text} END', 'md5({text})', q(format('%s|%L|%I', {any}, {any}, {text})),
		'{any}::text', '{any}::text', '{row}::text', q(translate({text}, '0123456789', 'abcdefghij')), q(regexp_replace({text}, '(\d)', '\1\1', 'g')),
		q(to_char({int}, '999999999999')), q(to_char({ts}, 'YYYY-MM-DD HH24:MI')), 'quote_literal({text})', q(concat_ws('/', {any}, {any}, {any})), '{sub:text}', '{sub:text}',
		q(split_part({text}, '8', {small})), 'play.shout({text})', 'play.shout({text})', 'play.inlined({text})', 'greatest({text}, {text})', q({json} #>> '{name}'), q({json} ->> 'x'),
		q(encode({bytea}, 'hex')), q(encode(convert_to({text}, 'UTF8'), 'base64')), q(encode(sha256(convert_to({text}, 'UTF8')), 'hex')), 'host({inet})', '({comp}).city', '({comp}).street',
		'array_to_string({arr}, chr(44))', '({arr})[1]', 'row_to_json({row})::text', 'to_jsonb({row})::text', '{text} COLLATE "C"', 'substring({text} FROM {word})', 'pg_typeof({any})::text', 'lpad({text}, 20, {text})',
		'overlay({text} PLACING {text} FROM 2)', 'app.tel_of({int}::int)', 'app.name_of({int}::int)', 'convert_from({bytea}, {word})', 'hashtext({text})::text', 'starts_with({text}, left({text}, 4))::text', '(ROW({any}, {any})).f1::text',
		'xmlelement(name a, {text})::text', 'string_agg({text}, chr(44)) OVER (ORDER BY {int})', 'ascii({text})::text', 'octet_length({text})::text', 'pg_column_size({any})::text', 'current_user',
		'jsonb_object_agg(coalesce({text}, chr(45)), {any}) OVER ()::text', 'lag({text}) OVER (ORDER BY {any})', 'first_value({text}) OVER (PARTITION BY {int} ORDER BY {text})', 'cipguard.mask({text}, {category})', 'cipguard.disclose({text}, {category}, {relation})' ],
	int => [
		('{col:int}') x 6, '{small}', 'length({text})', '{int} + {small}', '{int} % 7', 'ascii({text})', 'strpos({text}, {word})', 'count(*) OVER ()', 'rank() OVER (ORDER BY {text})', 'ntile(3) OVER (ORDER BY {any})',
		'CASE WHEN {bool} THEN 1 ELSE 0 END', 'extract(year FROM {date})::int', 'extract(day FROM {date})::int', '{sub:int}', 'array_length({arr}, 1)', 'play.shout({int})', 'hashtext({text})', 'coalesce({int}, 0)',
		'pg_column_size({any})', 'position({word} IN {text})', 'width_bucket({int}, 0, 1000000000000, 1000)', 'get_byte({bytea}, 0)', 'bit_length({text})', 'dense_rank() OVER (ORDER BY {int} DESC)', 'hash_record({row})' ],
	num => [ '{col:num}', '{int}::numeric', '{num} / 3', 'round({num}, 1)', 'avg({int}) OVER ()', '{num} - {int}', 'sum({num}) OVER (ORDER BY {int})', 'abs({num})', '{sub:num}', 'power({int}, 2)::numeric', '{float}::numeric', 'trunc({num}, -2)' ],
	float => [ '{col:float}', '{int}::float8', 'sqrt(abs({int}))', 'ln(abs({float}) + 1)', 'extract(epoch FROM {ts})::float8', 'percent_rank() OVER (ORDER BY {any})' ],
	date => [ '{col:date}', '{col:date}', '{date} + {small}', '{ts}::date', 'least({date}, {date})', 'lower({range})', 'upper({range})', q(date_trunc('month', {date})::date), '{sub:date}', 'max({date}) OVER ()', 'coalesce({date}, {date})', 'play.shout({date})' ],
	ts => [ '{col:ts}', q({date}::timestamptz), q(date_trunc('hour', {ts})), q({ts} + interval '1 day'), 'greatest({ts}, {ts})' ],
	json => [ '{col:json}', '{col:json}', 'to_jsonb({row})', 'to_jsonb({any})', 'jsonb_build_object({word_key}, {any})', 'jsonb_build_array({any}, {any})', '{json} || {json}', q({json} -> 'phones'), q(jsonb_path_query_first({json}, '$.*')), '{json} - {text}', 'jsonb_strip_nulls({json})', q(jsonb_set({json}, '{open}', to_jsonb({text}))), '{sub:json}', 'to_jsonb({arr})', 'jsonb_agg({any}) OVER ()' ],
	word_key => [ q('k'), q('name'), q('pay') ],
	bytea => [ '{col:bytea}', q(convert_to({text}, 'UTF8')), '{bytea} || {bytea}', 'substr({bytea}, 1, 3)', 'sha256({bytea})', 'int8send({int})', 'record_send({row})', 'textsend({text})' ],
	uuid => ['{col:uuid}'],
	inet => [ '{col:inet}', 'network({inet})', 'broadcast({inet})', '{inet} & inet \'255.255.255.255\'', 'host({inet})::inet', '{inet} + 1' ],
	arr => [ '{col:arr}', 'ARRAY[{text}, {text}]', '{arr} || {text}', 'string_to_array({text}, NULL)', 'array_agg({text}) OVER ()', 'array_remove({arr}, {text})', 'regexp_split_to_array({text}, {word})', 'ARRAY(SELECT {text} FROM app.plain LIMIT 2)', '{encarr}::text[]' ],
	encarr => ['{col:encarr}'],
	comp => [ '{col:comp}', 'ROW({text}, {text})::app.addr' ],
	range => [ '{col:range}', '{range} * {range}', '{range} + {range}' ],
	enc => ['{col:enc}'],
	any => [ ('{text}') x 4, '{int}', '{num}', '{date}', '{ts}', '{json}', '{bytea}', '{uuid}', '{inet}', '{arr}', '{comp}', '{range}', ('{enc}') x 4, '{encarr}', '{bool}', '{row}', '{encp}', '{float}' ],
	encp => [ '{enc}::text', '{enc}::text', '{enc}::varchar', 'coalesce({enc}::text, {text})', 'play.shout({enc}::text)', '{enc}::jsonb', 'cipguard.mask({enc})', 'length({enc}::text)', 'to_json({enc})', 'play.shout({enc})', 'pg_column_size({enc})', '{enc}::bigint', '{enc}::date', '{enc}::numeric' ],
	bool => [
		('{any} IS NULL') , '{text} {cmp} {text}', '{text} {cmp} {text}', '{text} {cmp} {word}', '{text} LIKE {word}', '{text} ~ {word}', '{int} {cmp} {int}', '{int} {cmp} {small}', '{int} BETWEEN {small} AND {int}', '{date} {cmp} {date}', '{num} {cmp} {num}',
		'{bool} AND {bool}', '{bool} OR {bool}', 'NOT {bool}', 'play.peek({text})', 'play.peek({any}::text)', 'play.peek({row}::text)', '{text} OPERATOR(play.===) {text}', '{exists}', '{text} = ANY ({arr})', '{text} IN ({text}, {word})', '{json} @> {json}', '{json} ? {text}', '{inet} << {inet}',
		'{arr} && {arr}', '{range} @> {date}', '{bytea} = {bytea}', '{enc} = {enc}', '{enc} IS NOT NULL', '{encp} IS DISTINCT FROM {word}::text', 'row({any}, {any}) IS NULL', '({text}, {int}) < ({text}, {int})', '{text} IN (SELECT {text} FROM app.plain)', '{int} = ANY (SELECT {int} FROM app.plain)', 'starts_with({text}, {text})', '{row} IS NOT NULL', 'true' ],
	row => [ '{whole}', '{whole}', 'ROW({any}, {any})', 'ROW({whole}.*)' ],
	relation => [ q('app.client'), q('app.vault'), q('app.visit'), q('app.lead') ],
	category => [ q('name'), q('mobile'), q('sum'), q('bank_card'), q('email'), q('birth_date') ],

	# Expressions whose errors print what they were given.
	loud => [
		'{text}::int', '{text}::date', '{text}::numeric(3)', '{text}::inet', '{text}::uuid', '{text}::jsonb', '{text}::text[]', '{text}::play.mood', '{text}::play.brief', '{int}::play.few', '{text}::regclass', '{text}::boolean', '{text}::bytea', '{text}::interval', '{text}::xml',
		'{text}::app.addr', '{text}::daterange', '{text}::point', '{text}::bit(3)', '{text}::cipguard.enc_text', '{text}::play.cell', '{text}::tsquery', '{text}::pg_lsn', '{text}::macaddr', '{text}::regtype', '{text}::money', '{text}::xid', '{text}::"char"', '{text}::oid', '{text}::app.phone',
		'to_date({text}, {word})', q(to_timestamp({text}, 'YYYY')), q(to_number({text}, '9G999')), 'regexp_match({word}, {text})', q('x' ~ {text}), '{word} LIKE {text} ESCAPE {text}', q(jsonb_path_query({json}, ('$.' || {text})::jsonpath)), 'decode({text}, {word})', q(decode({text}, 'hex')), q(decode({text}, 'base64')),
		'1 / ({int} - {int})', '{int} / (length({text}) - length({text}))', '{int}::smallint', '{num}::numeric(3)', '{int}::int4', 'chr({int}::int)', 'repeat({text}, {int}::int)', 'daterange({date}, {date})', 'int8range({int}, {int})', '{json}::int', '{json}::numeric', '{json} #- {arr}', '{arr}::int[]', '{arr}[{int}::int]',
		'make_date({int}::int, 13, 1)', 'convert({bytea}, {text}, {word})', 'convert_from({bytea}, {text})', q(set_config({text}, {text}, true)), 'current_setting({text})', 'play.quit({any})', 'play.quit({text})::text', '{text} COLLATE "x"', 'enum_range({text}::play.mood)::text', '(SELECT {text} FROM app.plain)',
		q(xmlparse(document {text})), q((xpath({text}, '<a/>'))[1]::text), 'jsonb_populate_record(NULL::app.plain, {json})', 'json_to_tsvector({text}::json, {json})', 'jsonb_object({arr})', 'array_fill({text}, ARRAY[{int}::int])', 'format({text}, {any})', 'width_bucket({int}, {int}, {int}, 0)', 'factorial({int})', '{ts} AT TIME ZONE {text}',
		'nextval({text})', 'cipguard.enc_text_in({text}::cstring, 0, -1)', 'cipguard.validate({text}, {category})', 'cipguard.pseudonym({text}, {category})', 'lo_get({int}::oid)', '{enc}::int', '{enc}::date', '{enc} || {text}', 'cipguard.disclose({enc}, {relation})', 'cipguard.pseudonym({enc})', '{int}::bit(4)::text', 'query_to_xml({text}, true, true, {word})', 'ts_rank(to_tsvector({text}), {text}::tsquery)', q(jsonb_path_query_array({json}, '$.** ? (@.type() == "number").datetime()')), 'string_to_table({text}, {text})' ],

	agg => [
		'count(*)', 'count({any})', 'count(DISTINCT {text})', 'max({text})', 'min({text})', 'min({int})', 'sum({int})', 'avg({num})', 'max({date})', 'string_agg({text}, chr(44) ORDER BY {any})', 'string_agg(DISTINCT {text}, chr(44))', 'array_agg({any} ORDER BY {int})', 'jsonb_agg({row})', 'json_agg({whole})',
		'jsonb_object_agg(coalesce({text}, chr(45)), {any})', 'mode() WITHIN GROUP (ORDER BY {text})', 'percentile_disc(0.5) WITHIN GROUP (ORDER BY {any})', 'percentile_cont(0.5) WITHIN GROUP (ORDER BY {num})', 'bool_or({bool})', 'play.gathered({text})', 'play.gathered({text} ORDER BY {text})', 'stddev({int})', 'corr({int}, {int})',
		'max({text}) FILTER (WHERE {bool})', 'rank({word}) WITHIN GROUP (ORDER BY {text})', 'xmlagg(xmlelement(name a, {text}))::text', 'range_agg({range})', 'bit_xor({int})', 'every({bool})', 'array_agg({enc}::text)', 'count(DISTINCT {enc})', 'max({enc}::text)', 'max({inet})', 'string_agg({bytea}, NULL)', 'any_row({row})' ],
);
# any_row does not exist: an unknown name among many is an error that names types only.

sub new
{
	my ($class, %self) = @_;
	my @tables = sort grep { $self{masked} || /_masked$/ || $_ eq 'plain' } keys %tables;
	# Those that hold most are asked most.
	push @tables, $self{masked} ? (qw(client vault) x 4, qw(strict lead)) : (qw(client_masked vault_masked) x 3);
	return bless { %self, state => $self{seed} & 0xffffffff, tables => \@tables, scope => [], alias => 0 }, $class;
}

# A number below $n.  Not rand(), which differs from one perl to the next.
sub below
{
	my ($self, $n) = @_;
	my $x = $self->{state} = ($self->{state} + 0x9e3779b9) & 0xffffffff;
	$x = (($x ^ $x >> 16) * 0x21f0aaad) & 0xffffffff;
	$x = (($x ^ $x >> 15) * 0x735a2d97) & 0xffffffff;
	return ($x ^ $x >> 15) % $n;
}

sub one_of { my ($self, @of) = @_; return $of[ $self->below(scalar @of) ]; }

# One in $n times.
sub once { my ($self, $n) = @_; return $self->below($n) == 0; }

# Another table in scope; returns it with its alias.
sub table
{
	my ($self, $name) = @_;
	$name //= $self->one_of(@{ $self->{tables} });
	my $alias = 't' . ++$self->{alias};
	push @{ $self->{scope} }, [ $alias, $tables{$name} ];
	return ("app.$name", $alias);
}

sub column
{
	my ($self, $type) = @_;
	my @found;
	foreach my $t (@{ $self->{scope} })
	{
		push @found, map { "$t->[0].$_" } @{ $t->[1]{$type} // [] };
	}
	return @found ? $self->one_of(@found) : $literal{$type};
}

sub whole
{
	my ($self) = @_;
	my $scope = $self->{scope};
	return @$scope ? $self->one_of(map { $_->[0] } @$scope) : 'ROW(1)';
}

# A scalar sub-query, correlated by chance.
sub scalar_query
{
	my ($self, $type, $depth) = @_;
	my $n = @{ $self->{scope} };
	my ($table, $alias) = $self->table;
	my $what = $self->expand("{$type}", $depth);
	$what = $self->one_of("max($what)", "min($what)") if $type =~ /^(text|int|num|date)$/ && $self->once(2) && $what !~ / OVER |max\(|min\(/;
	my $where = $self->expand('{bool}', $depth);
	$#{ $self->{scope} } = $n - 1;
	return $self->once(3) ? "(SELECT $what FROM $table $alias WHERE $alias.n = 1 LIMIT 1)" : "(SELECT $what FROM $table $alias WHERE $where LIMIT 1)";
}

sub expand
{
	my ($self, $text, $depth) = @_;
	$depth //= 0;
	# Braces that are no name are text (arrays, JSON).
	$text =~ s/\{(whole|exists|(?:col|sub):\w+|\w+)\}/$self->production($1, $depth)/ge;
	return $text;
}

sub production
{
	my ($self, $name, $depth) = @_;
	return $self->column($1) if $name =~ /^col:(\w+)/;
	return $self->whole if $name eq 'whole';
	if ($name =~ /^sub:(\w+)/)
	{
		return $depth >= DEPTH - 1 ? $self->column($1) : $self->scalar_query($1, $depth + 2);
	}
	if ($name eq 'exists')
	{
		return 'true' if $depth >= DEPTH - 1;
		my $n = @{ $self->{scope} };
		my ($table, $alias) = $self->table;
		my $where = $self->expand('{bool}', $depth + 2);
		$#{ $self->{scope} } = $n - 1;
		return ($self->once(3) ? 'NOT ' : '') . "EXISTS (SELECT FROM $table $alias WHERE $where)";
	}
	my $of = $grammar{$name} // return "{$name}";
	return $self->expand($of->[0], $depth + 1) if $depth >= DEPTH;
	my $chosen = $self->one_of(@$of);
	# Rather a type of which there is a column.
	foreach (1 .. 3)
	{
		last unless $chosen =~ /^\{(\w+)\}$/ && exists $literal{$1} && $self->column($1) eq $literal{$1};
		$chosen = $self->one_of(@$of);
	}
	return $self->expand($chosen, $depth + 1);
}

# What stands after FROM, with its tables in scope.
sub from
{
	my ($self) = @_;
	my ($table, $alias) = $self->table;
	my $from = "$table $alias";
	my $kind = $self->below(14);
	if ($kind < 3)
	{
		my ($t2, $a2) = $self->table;
		my $on = $self->one_of("$alias.n = $a2.n", "$alias.n = $a2.n", $self->expand('{bool}', 2), $self->expand('{text} = {text}', 3));
		$from .= ' ' . $self->one_of('JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'JOIN') . " $t2 $a2 ON $on";
	}
	elsif ($kind == 3) { my ($t2, $a2) = $self->table; $from .= " FULL JOIN $t2 $a2 USING (n)"; $self->{using} = 1; }
	elsif ($kind == 4) { my ($t2, $a2) = $self->table; $from .= ", $t2 $a2"; }
	elsif ($kind == 5)
	{
		my $e = $self->expand('{text}', 2);
		$from .= ", LATERAL (SELECT $e AS l, 1 AS n OFFSET 0) lat";
		push @{ $self->{scope} }, [ 'lat', { text => ['l'] } ];
	}
	elsif ($kind == 6)
	{
		my $f = $self->expand($self->one_of(
				q(jsonb_each_text(to_jsonb({whole})) AS f (k, v)), q(unnest({arr}) WITH ORDINALITY AS f (v, k)), q(regexp_split_to_table({text}, '') AS f (v)), q(string_to_table({text}, '8') AS f (v)),
				q(regexp_matches({text}, '(\d)', 'g') AS m (a), LATERAL (SELECT a[1] AS v) f), q(play.ask(format('SELECT %L', {text})) AS f (v)), q(json_array_elements_text(json_build_array({any}, {row})) AS f (v)),
				q(xmltable('//a' PASSING xmlelement(name r, xmlelement(name a, {text})) COLUMNS v text PATH '.') AS f), q(app.tels_atomic() AS f (v)), q(app.rows_of() AS f (id, v)), q((VALUES ({text}), ({text})) AS f (v)), q(jsonb_to_record({json}) AS f (name text, v text)),
				q(jsonb_path_query({json}, '$.**') AS f (v)), q(ROWS FROM (play.rows_play(), app.tels_atomic()) AS f (v, w)), q(generate_series(1, length({text})) AS g (i), LATERAL (SELECT substr({text}, i, 1) AS v) f)), 2);
		$from .= ($f =~ /app\.(rows_of|tels_atomic)|rows_play/ && !$self->{masked}) ? '' : ", $f";
		push @{ $self->{scope} }, [ 'f', { text => ['v'] } ] if $from =~ /AS f|\) f$/ && $f !~ /jsonb_path_query/;
	}
	elsif ($kind == 7) { $from = "$table $alias TABLESAMPLE SYSTEM (100)" unless $table =~ /\.v_|_masked/; }
	elsif ($kind == 8) { my $what = $self->expand('{bool}', 2); $from = "(SELECT * FROM $table $alias WHERE $what OFFSET 0) $alias"; }
	return $from;
}

sub select
{
	my ($self, $depth, $width) = @_;
	$depth //= 0;
	my $n = @{ $self->{scope} };
	my $from = $self->from;
	my $grouped = !defined $width && $self->once(5);
	my @list;
	my $e = sub { $self->expand($self->once(12) ? '{loud}' : '{any}', 1) };
	if ($grouped)
	{
		my @keys = map { $self->expand($self->once(3) ? '{text}' : '{any}', 3) } 1 .. 1 + $self->below(2);
		@keys = grep { !/ OVER / } @keys;
		my @agg = map { $self->expand('{agg}', 3) } 1 .. 1 + $self->below(3);
		@agg = grep { !/ OVER / } @agg;
		my $by = @keys ? 'GROUP BY ' . ($self->once(3) ? $self->one_of('ROLLUP', 'CUBE', 'GROUPING SETS') . ' (' . join(', ', map { "($_)" } @keys) . ')' : join(', ', @keys)) : '';
		my $having = $self->once(5) ? 'HAVING ' . $self->one_of('count(*) > 0', $self->expand('max({text}) {cmp} {word}', 4)) : '';
		my $where = $self->once(2) ? 'WHERE ' . $self->expand('{bool}', 2) : '';
		$where = '' if $where =~ / OVER /;
		my $order = $self->once(2) ? 'ORDER BY 1' : '';
		my $sql = 'SELECT ' . (join(', ', @keys, @agg) || 'count(*)') . " FROM $from $where $by $having $order";
		$#{ $self->{scope} } = $n - 1;
		return $sql;
	}
	my @kinds = defined $width ? map { $self->expand('{text}', 2) } 1 .. $width : map { $e->() } 1 .. 1 + $self->below(4);
	push @kinds, $self->one_of('*', $self->whole, $self->whole . '.*') if !defined $width && $self->once(6);
	my $where = $self->once(2) ? 'WHERE ' . $self->expand('{bool}', 1) : '';
	$where = '' if $where =~ / OVER /;
	my $order = $self->once(3) ? 'ORDER BY ' . join(', ', map { $self->expand($_, 2) . $self->one_of('', ' DESC', ' NULLS FIRST') } $self->one_of('{text}', '{any}', '{int}'), '{text}') : '';
	my $distinct = $self->once(8) ? 'DISTINCT ' : '';
	$order = '' if $distinct;
	my $limit = $self->once(3) ? 'LIMIT ' . $self->one_of(3, 1, '(SELECT 2)', $self->expand('(SELECT length({sub:text}))', 3)) : 'LIMIT 60';
	my $lock = !$distinct && $self->once(20) && "@kinds $from $where" !~ / OVER |\.v_totals|FULL|LEFT|RIGHT|tels_atomic/ ? ' FOR UPDATE' : '';
	$limit .= $lock;
	$limit = '' if defined $width;
	$order = '' if defined $width;
	$#{ $self->{scope} } = $n - 1;
	return "SELECT $distinct" . join(', ', @kinds) . " FROM $from $where $order $limit";
}

sub query
{
	my ($self) = @_;
	@{ $self->{scope} } = ();
	$self->{alias} = 0;
	my $kind = $self->below(20);
	if ($kind < 3)
	{
		my $width = 1 + $self->below(2);
		my @parts = map { '(' . $self->select(1, $width) . ')' } 1 .. 2 + $self->below(2);
		my $sql = shift @parts;
		$sql .= ' ' . $self->one_of('UNION', 'UNION ALL', 'EXCEPT', 'INTERSECT', 'UNION ALL', 'EXCEPT ALL') . " $_" foreach @parts;
		return $sql . $self->one_of('', ' ORDER BY 1', ' LIMIT 20');
	}
	if ($kind < 5)
	{
		my $inner = $self->select(1, 2);
		my $how = $self->one_of('', 'MATERIALIZED ', 'NOT MATERIALIZED ');
		@{ $self->{scope} } = ([ 'w', { text => [qw(a b)] } ]);
		my $outer = join(', ', map { $self->expand('{any}', 2) } 1 .. 2);
		my $where = $self->once(2) ? 'WHERE ' . $self->expand('{bool}', 2) : '';
		$where = '' if $where =~ / OVER /;
		return "WITH w (a, b) AS $how($inner) SELECT $outer FROM w $where";
	}
	if ($kind == 5)
	{
		my ($table, $alias) = $self->table;
		my $start = $self->expand('{text}', 2);
		my $step = $self->expand('{text}', 3);
		return "WITH RECURSIVE w (a, i) AS (SELECT ($start)::text, 1 FROM $table $alias UNION ALL SELECT (w.a || ($step)::text)::text, i + 1 FROM w JOIN $table $alias ON $alias.n = w.i WHERE i < 3) SELECT * FROM w";
	}
	if ($kind == 6)
	{
		# What catalogs and functions tell of tables.
		return $self->expand($self->one_of(
				q(SELECT tablename, attname, most_common_vals, most_common_freqs, histogram_bounds, correlation, avg_width, n_distinct, null_frac, most_common_elems, elem_count_histogram FROM pg_stats WHERE schemaname = 'app'),
				q(SELECT * FROM pg_stats WHERE schemaname = 'app' AND attname = {word}), q(SELECT * FROM pg_stats_ext_exprs), q(SELECT * FROM pg_stats_ext WHERE schemaname = 'app'), q(SELECT starelid::regclass, s FROM pg_statistic s WHERE starelid = {relation}::regclass),
				q(SELECT relname, relpages, reltuples FROM pg_class WHERE relnamespace = 'app'::regnamespace), q(SELECT pg_get_viewdef(oid) FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace = 'app'::regnamespace), q(SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'app'::regnamespace),
				q(SELECT pg_get_indexdef(indexrelid) FROM pg_index), q(SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef), q(SELECT usename, state, query FROM pg_stat_activity WHERE query ~ {word}),
				q(SELECT table_to_xml({relation}::regclass, true, false, '')), q(SELECT query_to_xml('SELECT * FROM ' || {relation}, false, true, '')), q(SELECT cursor_to_xml('c', 1, true, true, '')), q(SELECT schema_to_xml('app', true, false, '')), q(SELECT database_to_xml(true, false, '')),
				q(SELECT * FROM play.ask('SELECT * FROM ' || {relation})), q(SELECT * FROM play.ask('EXPLAIN (ANALYZE, VERBOSE, TIMING OFF, SUMMARY OFF) SELECT * FROM ' || {relation})), q(SELECT ctid, tableoid::regclass, * FROM app.client), q(SELECT ctid, cmin, t FROM app.lead t), q(SELECT pg_relation_size({relation}), pg_table_size({relation})),
				q(SELECT has_column_privilege({relation}, 'tel', 'SELECT')), q(SELECT * FROM cipguard.protected_columns), q(SELECT cipguard.why({category}, {relation})), q(SELECT * FROM cipguard.category), q(SELECT * FROM pg_seclabels WHERE provider = 'cipguard'), q(SELECT * FROM cipguard.activities), q(SELECT cipguard.access_decision(current_user::regrole, {category}, {relation}, '{small}')),
				q(SELECT * FROM cipguard.audit_log), q(SELECT * FROM cipguard.audit_event), q(SELECT * FROM cipguard.disclosures), q(SELECT * FROM cipguard.subject_key), q(SELECT name, setting FROM pg_settings WHERE name ~ 'cipguard'), q(SELECT * FROM cipguard.restriction), q(SELECT lo_from_bytea(0, {bytea}) > 0)), 1);
	}
	return $self->select;
}

# A statement that writes.
sub write
{
	my ($self) = @_;
	@{ $self->{scope} } = ();
	$self->{alias} = 0;
	my ($table, $alias);
	do { @{ $self->{scope} } = (); ($table, $alias) = $self->table; } while $table =~ /\.(m_|v_totals|v_invoker)/;
	my $cols = $self->{scope}[0][1];
	my @text = grep { !/^(big|area|head)$/ } @{ $cols->{text} };
	my $returning = $self->once(4) ? '' : ' RETURNING ' . join(', ', map { $self->expand($self->once(8) ? '{loud}' : '{any}', 3) } 1 .. 2) . $self->one_of('', ', *', ", $alias");
	$returning = '' if $returning =~ / OVER /;
	my $kind = $self->below(10);
	my $c = $self->one_of(@text);
	my @protected = grep { !/^(note|word)$/ } @text;
	my $any = $self->one_of(@text, grep { $_ } map { @{ $cols->{$_} // [] } } qw(int enc date));
	my $where = $self->expand('{bool}', 2);
	$where = 'true' if $where =~ / OVER /;
	if ($kind < 3)
	{
		my $set = $self->one_of("$c = $alias.$c", "$any = $alias.$any", "$c = " . $self->expand('{word}'), 'n = ' . $self->expand('{int}', 4), "$c = CASE WHEN $where THEN $alias.$c END", "$c = " . $self->expand('{text}', 3), "note = " . $self->expand('{text}', 3), "($c, n) = (SELECT $alias.$c, 3)", 'note = note', 'n = n + 1', "$c = coalesce($alias.$c, 'x')");
		$set = 'n = n' if $set =~ / OVER | = note/ && !grep { $_ eq 'note' } @text;
		return "UPDATE $table $alias SET $set WHERE $where$returning;";
	}
	return "DELETE FROM $table $alias WHERE $where$returning;" if $kind == 3;
	if ($kind == 4)
	{
		my ($source, $a2) = $self->table;
		my $value = $self->expand('{text}', 3);
		return "MERGE INTO $table $alias USING $source $a2 ON $alias.n = $a2.n AND $where WHEN MATCHED AND " . $self->expand('{bool}', 3) . ' THEN ' . $self->one_of('DO NOTHING', 'DELETE', "UPDATE SET $c = $alias.$c", "UPDATE SET $c = $value", 'UPDATE SET n = 3') . " WHEN NOT MATCHED THEN INSERT (id, $c) VALUES (900 + $a2.n, $value);";
	}
	if ($kind < 8)
	{
		my $values = $self->one_of("VALUES (900, " . $self->expand('{word}') . '), (901, ' . $self->expand('{word}') . ')', "VALUES ({small1}, '13900000007')", 'SELECT 900, ' . $self->sub_text, 'SELECT 900 + row_number() OVER (), ' . $self->sub_text . ' FROM app.plain');
		my $small = 1 + $self->below(9);
		$values =~ s/\{small1\}/$small/;
		my $key = $table =~ /\.(client|vault|strict|refers|plain|lead)$/ ? $self->one_of('', 'ON CONFLICT DO NOTHING', "ON CONFLICT (id) DO UPDATE SET $c = excluded.$c", "ON CONFLICT (id) DO UPDATE SET $c = $alias.$c WHERE " . $self->expand('{bool}', 3), 'ON CONFLICT (id) DO UPDATE SET n = length(excluded.' . $c . '::text)') : '';
		$key = '' if $key =~ / OVER /;
		return "INSERT INTO $table AS $alias (id, $c) $values $key$returning;";
	}
	# Into the attacker's own table, whose trigger says what comes.
	@{ $self->{scope} } = ();
	my ($source, $a) = $self->table;
	my $bag = "INSERT INTO play.bag SELECT " . $self->expand('{int}', 3) . '::int, ' . $self->expand('{any}', 2) . '::text, to_jsonb(' . $self->expand('{any}', 3) . ") FROM $source $a" . $self->one_of('', ' RETURNING *') . ';';
	return $bag . $self->one_of('', "\nUPDATE play.bag SET t = (SELECT $a.n::text || " . $self->expand('{text}', 3) . " FROM $source $a LIMIT 1);", "\nDELETE FROM play.bag USING $source $a WHERE bag.t = " . $self->expand('{text}', 3) . ' RETURNING bag.*;');
}

sub sub_text { my ($self) = @_; return $self->scalar_query('text', 3); }

# Statements that belong together.
sub script
{
	my ($self) = @_;
	return $self->write if $self->once(2);
	my $q = $self->query;
	@{ $self->{scope} } = ();
	my ($table, $alias) = $self->table;
	my $name = $table =~ s/^app\.//r;
	my $e = $self->expand('{text}', 2);
	$e =~ s/\b$alias\.//g;
	my $b = $self->expand('{bool}', 2);
	$b =~ s/\b$alias\.//g;
	my $c = $self->column('text') =~ s/^\w+\.//r;
	(my $quoted = $q) =~ s/'/''/g;
	my @scripts = (
		"COPY $table TO STDOUT;",
		"COPY $table (id) TO STDOUT (FORMAT csv, HEADER);",
		"COPY ($q) TO STDOUT (FORMAT csv, FORCE_QUOTE *);",
		"CREATE TEMP TABLE k AS $q;\nSELECT * FROM k;\nANALYZE k;\nSELECT attname, most_common_vals, histogram_bounds FROM pg_stats WHERE tablename = 'k';",
		"CREATE TEMP VIEW k AS $q;\nSELECT * FROM k;\nSELECT pg_get_viewdef('k');",
		"CREATE TEMP TABLE k (a text);\nCREATE TRIGGER told BEFORE INSERT ON k FOR EACH ROW EXECUTE FUNCTION play.told();\nINSERT INTO k SELECT $alias.$c FROM $table $alias;\nCREATE INDEX ON k (play.shout(a));\nALTER TABLE k ALTER a TYPE int USING length(a);\nTABLE k;",
		"CREATE TEMP TABLE k (a text UNIQUE);\nINSERT INTO k SELECT $e FROM $table UNION ALL SELECT $e FROM $table;",
		"CREATE TEMP TABLE k (a text CHECK (a !~ '8'));\nINSERT INTO k SELECT $e FROM $table;",
		"CREATE TEMP TABLE k (a int, b date, c inet);\nINSERT INTO k (a) SELECT $alias.$c" . '::int' . " FROM $table $alias;",
		"CREATE TEMP TABLE k (LIKE $table INCLUDING ALL);\nINSERT INTO k SELECT * FROM $table;\nTABLE k;",
		"CREATE TEMP TABLE k () INHERITS ($table);\nSELECT * FROM $table;",
		"CREATE TEMP TABLE k (a text) ON COMMIT DROP;\nCREATE POLICY p ON k USING (play.peek(a));\nALTER TABLE k ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;\nINSERT INTO k SELECT $alias.$c FROM $table $alias;\nTABLE k;",
		"CREATE FUNCTION pg_temp.f() RETURNS SETOF text LANGUAGE sql AS \$x\$SELECT x::text FROM ($q) x\$x\$;\nSELECT * FROM pg_temp.f();",
		"CREATE FUNCTION pg_temp.f() RETURNS SETOF text LANGUAGE sql STABLE AS \$x\$SELECT ($e)::text FROM $table\$x\$;\nSELECT f, play.shout(f) FROM pg_temp.f() f;",
		"CREATE FUNCTION pg_temp.f() RETURNS SETOF text LANGUAGE sql BEGIN ATOMIC SELECT ($e)::text FROM $table; END;\nSELECT * FROM pg_temp.f() WHERE f ~ '1';",
		"CREATE FUNCTION pg_temp.f($name) RETURNS text LANGUAGE plpgsql IMMUTABLE AS \$x\$BEGIN RAISE NOTICE '%', \$1; RETURN \$1::text; END\$x\$;\nSELECT pg_temp.f($alias) FROM $table $alias;",
		"CREATE FUNCTION pg_temp.f() RETURNS text LANGUAGE plpgsql AS \$x\$DECLARE r record; t text := ''; BEGIN FOR r IN $q LOOP t := t || r::text; RAISE NOTICE '%', r; END LOOP; RETURN t; END\$x\$;\nSELECT pg_temp.f();",
		"CREATE FUNCTION pg_temp.f() RETURNS text LANGUAGE plpgsql AS \$x\$DECLARE r $table%ROWTYPE; c REFCURSOR; BEGIN OPEN c FOR SELECT * FROM $table; FETCH c INTO r; RAISE NOTICE '%', to_jsonb(r); ASSERT r IS NULL, r::text; RETURN r; END\$x\$;\nSELECT pg_temp.f();",
		"DO \$x\$DECLARE m text; d text; BEGIN PERFORM ($e)::int FROM $table; EXCEPTION WHEN OTHERS THEN GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL; RAISE NOTICE '% %', m, d; END\$x\$;",
		"DECLARE c SCROLL CURSOR FOR $q;\nFETCH 3 FROM c;\nFETCH ABSOLUTE 1 FROM c;\nSELECT cursor_to_xml('c', 2, true, true, '');",
		"DECLARE c CURSOR FOR SELECT * FROM $table FOR UPDATE;\nFETCH c;\nUPDATE $table SET n = n WHERE CURRENT OF c RETURNING *;",
		"LISTEN told;\nSELECT pg_notify('told', left(($e)::text, 100)) FROM $table LIMIT 3;\nCOMMIT;\nUNLISTEN *;",
		"PREPARE p (text) AS SELECT * FROM $table WHERE ${c}::text LIKE \$1 OR $b;\nEXECUTE p ('13%');\nSET LOCAL plan_cache_mode = force_generic_plan;\nEXECUTE p ('1%');\nEXPLAIN (ANALYZE, VERBOSE, TIMING OFF, SUMMARY OFF) EXECUTE p ('%');\nDEALLOCATE p;",
		"EXPLAIN (ANALYZE, VERBOSE, TIMING OFF, SUMMARY OFF, FORMAT json) $q;",
		"EXPLAIN (GENERIC_PLAN) SELECT * FROM $table WHERE $c = \$1;",
		"CREATE STATISTICS play.s ON ($e), n FROM $table;\nANALYZE $table;\nSELECT statistics_name, exprs, most_common_vals FROM pg_stats_ext;",
		"ANALYZE $table;\nSELECT attname, most_common_vals, histogram_bounds FROM pg_stats WHERE tablename = '$name';",
		"CREATE INDEX ON $table ((play.shout(($e)::text)));",
		"CREATE INDEX ON $table (id) WHERE play.peek(($e)::text);",
		"ALTER TABLE $table ADD CHECK (play.peek(($e)::text));",
		"ALTER TABLE $table ADD COLUMN extra text GENERATED ALWAYS AS (($e)::text) STORED;\nSELECT extra FROM $table;",
		"ALTER TABLE $table ALTER COLUMN $c TYPE text USING play.shout(($e)::text);",
		"ALTER TABLE $table ALTER COLUMN $c TYPE int USING $c" . '::int;',
		"ALTER TABLE $table ADD COLUMN extra text DEFAULT play.shout('x'::text), RENAME TO renamed;",
		"ALTER TABLE $table RENAME COLUMN $c TO renamed;\nSELECT renamed FROM $table;",
		"CREATE TRIGGER told BEFORE UPDATE OR INSERT OR DELETE ON $table FOR EACH ROW EXECUTE FUNCTION play.told();\nUPDATE $table SET n = n;",
		"CREATE TRIGGER told AFTER UPDATE ON $table REFERENCING OLD TABLE AS o NEW TABLE AS k FOR EACH STATEMENT EXECUTE FUNCTION play.told();\nUPDATE $table SET n = n;",
		"CREATE RULE r AS ON UPDATE TO $table DO ALSO INSERT INTO play.bag SELECT 1, OLD.$c" . "::text, to_jsonb(OLD);\nUPDATE $table SET n = n;\nTABLE play.bag;",
		"CREATE POLICY p ON $table USING (play.peek(($e)::text));\nALTER TABLE $table ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;\nSELECT count(*) FROM $table;",
		"CREATE MATERIALIZED VIEW play.m AS $q;\nSELECT * FROM play.m;",
		"CREATE MATERIALIZED VIEW play.m AS SELECT $alias.* FROM $table $alias;\nTABLE play.m;\nREFRESH MATERIALIZED VIEW play.m;",
		"REFRESH MATERIALIZED VIEW app.m_masked;\nTABLE app.m_masked;\nREFRESH MATERIALIZED VIEW app.m_real;",
		"CREATE TABLE play.child () INHERITS ($table);\nALTER TABLE play.child NO INHERIT $table;\nSELECT * FROM $table;",
		"CREATE TABLE play.r (t varchar(11) REFERENCES app.client (tel));\nINSERT INTO play.r SELECT tel FROM app.client WHERE tel IS NOT NULL;\nTABLE play.r;",
		"CREATE TABLE play.r (i int REFERENCES $table (id) ON DELETE CASCADE, t text);\nINSERT INTO play.r SELECT id, ($e)::text FROM $table;\nDELETE FROM $table;\nTABLE play.r;",
		"SET LOCAL row_security = " . ($self->{role} eq 'owner' ? 'on' : 'off') . ";\n$q;",
		"SET LOCAL cipguard.output = armor;\n$q;",
		"SET LOCAL cipguard.on_refusal = error;\n$q;",
		"SET LOCAL cipguard.purpose = 'other';\n$q;", "SET LOCAL cipguard.purpose = 'archive';\n$q;",
		"SET LOCAL bytea_output = escape;\nSET LOCAL DateStyle = 'German';\n$q;",
		"SET LOCAL enable_hashagg = off;\nSET LOCAL enable_hashjoin = off;\nSET LOCAL enable_nestloop = off;\n$q;",
		"SET LOCAL enable_seqscan = off;\nSET LOCAL enable_sort = off;\n$q;",
		"SET LOCAL force_parallel_mode = regress;\nSET LOCAL parallel_setup_cost = 0;\nSET LOCAL parallel_tuple_cost = 0;\nSET LOCAL min_parallel_table_scan_size = 0;\n$q;",
		"SET LOCAL work_mem = '64kB';\nSET LOCAL jit = on;\nSET LOCAL jit_above_cost = 0;\n$q;",
		"SET LOCAL from_collapse_limit = 1;\nSET LOCAL join_collapse_limit = 1;\nSET LOCAL geqo_threshold = 2;\n$q;",
		"SET LOCAL enable_partitionwise_join = on;\nSET LOCAL enable_partitionwise_aggregate = on;\n$q;",
		"SELECT set_config('my.x', ($e)::text, true) FROM $table;\nSELECT current_setting('my.x');",
		"BEGIN;\nSAVEPOINT s;\n$q;\nROLLBACK TO s;\n$q;",
		"SET CONSTRAINTS ALL IMMEDIATE;\nUPDATE app.strict SET late = '13900000001';",
		"UPDATE app.strict SET late = '13900000001';\nSET CONSTRAINTS ALL IMMEDIATE;",
		"UPDATE app.client SET id = id + 100 WHERE id = 2 RETURNING *;",
		"UPDATE app.strict SET note = NULL WHERE id = 1;",
		"UPDATE app.strict SET n = 60 WHERE $b;",
		"UPDATE app.strict SET card = '6222020000000007';",
		"INSERT INTO app.strict VALUES (1, '13900000001', '13900000002', '6222020000000007', 'x', 1);",
		"INSERT INTO app.visit SELECT * FROM app.visit;",
		"UPDATE app.visit SET n = n + 2 RETURNING tableoid::regclass, *;",
		"LOCK $table;\nTABLE $table;",
		"TRUNCATE $table;\nTABLE $table;",
		"EXPLAIN (VERBOSE, ANALYZE, TIMING OFF, SUMMARY OFF) " . $self->write,
		"GRANT SELECT ON $table TO clerk;\nSECURITY LABEL FOR cipguard ON COLUMN $table.$c IS NULL;\nSELECT $c FROM $table;",
		"CREATE OPERATOR play.## (LEFTARG = text, RIGHTARG = text, FUNCTION = play.same);\nSELECT * FROM $table $alias WHERE $alias.$c" . '::text OPERATOR(play.##) \'x\';',
		"CREATE CAST (play.cell AS text) WITH INOUT;\nSELECT ROW($alias.$c)::play.cell::text FROM $table $alias;",
		"CREATE AGGREGATE play.last(anyelement) (SFUNC = pg_catalog.array_append, STYPE = anyarray, INITCOND = '{}');\nSELECT play.last($alias) FROM $table $alias;",
		"CREATE OPERATOR CLASS play.o FOR TYPE text USING btree AS OPERATOR 1 <, FUNCTION 1 bttextcmp(text, text);\nSELECT $c FROM $table ORDER BY $c USING <;",
		"CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION play.told();",
		"SELECT dblink('x', 'y');\n",
		"CREATE TEMP TABLE client AS SELECT 1 AS id;\nSELECT app.tel_of(1), app.name_of(1), r FROM app.rows_of() r;",
		"SELECT * FROM play.ask(\$x\$$q\$x\$);",
		"SELECT * FROM play.ask(\$x\$EXPLAIN (VERBOSE) $q\$x\$);",
		"CREATE SEQUENCE play.q;\nSELECT setval('play.q', length(($e)::text)) FROM $table;\nSELECT last_value FROM play.q;",
		"COMMENT ON TABLE play.bag IS '$quoted';\nSELECT obj_description('play.bag'::regclass);",
		"ALTER VIEW app.v_client SET (security_barrier);\nALTER TABLE app.visit DETACH PARTITION app.visit2;\nSELECT * FROM app.visit2;",
		"CREATE TABLE play.part PARTITION OF app.visit FOR VALUES IN (77);\nCREATE TABLE play.visit (LIKE app.visit);\nALTER TABLE app.visit ATTACH PARTITION play.visit FOR VALUES IN (78);\nSELECT * FROM app.visit;",
	);
	return $self->one_of(@scripts);
}

sub next
{
	my ($self) = @_;
	return $self->once(4) ? ('script', $self->script) : ('query', $self->query);
}

1;
