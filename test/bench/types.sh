#!/bin/bash
#
# types.sh
#		What each encrypted type and suite costs: the part of run.sh that can also
#		be run alone.
#
#	types.sh [quick]
#
# Runs against the server that PGHOST, PGPORT and PGUSER (a superuser) name.
# Prints tables in Markdown: ratios to the plain type by operation, growth with
# the number of rows, what a session needs, and the limits that must hold.
# Fails if a limit is not met, and says which.
#
#	CIPGUARD_BENCH_ROWS		rows of a table, 1000000 for text, a fifth for others
#	CIPGUARD_BENCH_ROUNDS	3
#	CIPGUARD_BENCH_TYPES	only these: 'text int8'
#	CIPGUARD_BENCH_GROWTH	sizes for growth, '10000 100000 1000000'; 10000000 takes long
#	CIPGUARD_BENCH_OUT		directory to keep the raw results in
#
# "quick" means 20000 rows and 1 round: to see that it runs, not to measure.
#
# Method: as in run.sh.  One server process runs all variants of an operation
# one after another, in each round beginning with another one; the measure is
# its CPU time, a figure the median of the rounds, a ratio the median of the
# ratios of the rounds.  What this version does not have (a type, a suite,
# order or n-gram operator classes, reencrypt) is left out, and said so.
#
#	insert	INSERT ... SELECT of values of the plain type
#	scan	COPY (SELECT v ...) TO '/dev/null' by a role that may read
#	btree	CREATE INDEX, default operator class
#	hash	CREATE INDEX USING hash
#	look	look-ups by a unique index in a PL/pgSQL loop, less the loop
#	range	30 ranges of a hundredth of the rows by an ordered index, counted
#
# Rows come in no order, as clients do: values that are sorted already cost a
# btree of plain text no sorting at all, while their tokens are in random order
# whatever they stand for.  What that is worth is measured apart ("sorted").
#
# Makes the database cipguard_bench_types and roles bench_types_*, and drops
# them again.

set -eu -o pipefail
cd "$(dirname "$0")"
: "${PGHOST:?}" "${PGPORT:?}" "${PGUSER:?}"

case ${1:-} in
	quick) rows=20000 others=5000 rounds=1 growth='1000 10000' ;;
	'')
		rows=${CIPGUARD_BENCH_ROWS:-1000000} others=$((rows / 5)) rounds=${CIPGUARD_BENCH_ROUNDS:-3}
		growth=${CIPGUARD_BENCH_GROWTH:-10000 100000 1000000}
		;;
	*) echo 'usage: types.sh [quick]' >&2; exit 2 ;;
esac
export PGCLIENTENCODING=UTF8
database=cipguard_bench_types
tmp=$(mktemp -d)

clean_up()
{
	rm -rf "$tmp"
	PGDATABASE=postgres psql -Xq 2>&1 <<-END | grep -v 'does not exist, skipping' >&2 || true
		DROP DATABASE IF EXISTS $database WITH (FORCE);
		DROP ROLE IF EXISTS bench_types_reader;
	END
}
progress() { printf '%s %s\n' "$(date +%T)" "$*" >&2; }
ask() { psql -XqAt -v ON_ERROR_STOP=1 -c "$1"; }

trap clean_up EXIT
clean_up
tmp=$(mktemp -d)
psql -Xq -d postgres -v ON_ERROR_STOP=1 <<END
CREATE DATABASE $database TEMPLATE template0 ENCODING 'UTF8';
CREATE ROLE bench_types_reader;
GRANT pg_write_server_files TO bench_types_reader;
END
export PGDATABASE=$database
psql -Xq -v ON_ERROR_STOP=1 -v types="${CIPGUARD_BENCH_TYPES:-}" > /dev/null <<'END'
SET client_min_messages = warning;
CREATE EXTENSION cipguard CASCADE;
CREATE EXTENSION pg_trgm;
CREATE SCHEMA bench;
GRANT USAGE ON SCHEMA bench TO bench_types_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA bench GRANT SELECT ON TABLES TO bench_types_reader;
\ir clock.sql
CREATE TABLE bench.type (name text PRIMARY KEY, plain text NOT NULL, value text NOT NULL, ordered boolean NOT NULL);
INSERT INTO bench.type VALUES
	('text', 'text', $$'160' || lpad(i::text, 8, '0')$$, true),
	('int8', 'bigint', 'i::bigint * 1000003', true),
	('numeric', 'numeric', 'i * 1000.03', true),
	('bool', 'boolean', 'i % 2 = 0', false),
	('date', 'date', $$date '1900-01-01' + i % 60000$$, true),
	('timestamptz', 'timestamptz', $$timestamptz '2000-01-01 00:00:00+00' + i * interval '61.000001 s'$$, true),
	('uuid', 'uuid', 'md5(i::text)::uuid', false),
	('inet', 'inet', $$inet '10.0.0.0' + i$$, false),
	('jsonb', 'jsonb', $$jsonb_build_object('name', 'client ' || i, 'level', i % 7)$$, false),
	('bytea', 'bytea', $$decode(md5(i::text), 'hex')$$, false);
DELETE FROM bench.type WHERE to_regtype('cipguard.enc_' || name) IS NULL
	OR (:'types' <> '' AND name <> ALL (string_to_array(:'types', ' ')));
CREATE TABLE bench.suite (code text PRIMARY KEY, name text NOT NULL, mode text NOT NULL);
INSERT INTO bench.suite
	SELECT * FROM (VALUES ('as', 'aes-searchable', 'searchable'), ('ar', 'aes-random', 'random'), ('ss', 'sm4-searchable', 'searchable'), ('sr', 'sm4-random', 'random')) s (code, name, mode)
	WHERE name LIKE 'aes%' OR (cipguard.known_suite(name, mode = 'searchable')
		AND EXISTS (SELECT FROM pg_proc WHERE pronamespace = 'cipguard'::regnamespace AND proname = 'add_category' AND 'suite' = ANY (proargnames)));
SELECT format(CASE WHEN s.name LIKE 'aes%' THEN 'SELECT cipguard.add_category(%1$L, %2$L)' ELSE 'SELECT cipguard.add_category(%1$L, %2$L, suite => %3$L)' END,
	'b_' || t.name || '_' || s.code, s.mode, s.name) FROM bench.type t, bench.suite s \gexec
SELECT cipguard.grant_access('bench_types_reader', 'b_' || t.name || '_' || s.code) FROM bench.type t, bench.suite s;
END

mapfile -t types < <(ask "SELECT name FROM bench.type ORDER BY name <> 'text', name")
mapfile -t suites < <(ask 'SELECT code FROM bench.suite ORDER BY code')
has() { [ "$(ask "SELECT count(*) > 0 FROM $1")" = t ]; }
plain_of() { ask "SELECT plain FROM bench.type WHERE name = '$1'"; }
value_of() { ask "SELECT value FROM bench.type WHERE name = '$1'"; }

# ---------------------------------------------------------------- variants

declare -A members=()
series=() variants=() sizes=() roles=() statements=() prepares=()

# variant SERIES NAME N ROLE STATEMENT [PREPARE]
variant()
{
	local number=${#variants[@]}

	[ -n "${members[$1]:-}" ] || series+=("$1")
	members[$1]="${members[$1]:-} $number"
	variants+=("$2") sizes+=("$3") roles+=("$4") statements+=("$5") prepares+=("${6:-}")
}

sql=$tmp/setup.sql
: > "$sql"
# table NAME TYPE N VALUE: an empty table, and a source to fill it from
add_type() # NAME N
{
	local t=$1 n=$2 plain value c v tables='' column

	plain=$(plain_of "$t") value=$(value_of "$t")
	echo "CREATE TABLE bench.src_$t WITH (autovacuum_enabled = off) AS SELECT i AS id, ($value)::$plain AS v FROM generate_series(0, $n - 1) i ORDER BY hashint4(i), i;" >> "$sql"
	for c in plain "${suites[@]}"; do
		column="cipguard.enc_$t('b_${t}_$c')"
		[ "$c" != plain ] || column=$plain
		echo "CREATE TABLE bench.t_${t}_$c (id integer, v $column) WITH (autovacuum_enabled = off);" >> "$sql"
		tables="$tables $c"
	done
	[ "$t" != text ] || {
		echo "CREATE TABLE bench.t_text_cbc (id integer, v bytea, iv bytea) WITH (autovacuum_enabled = off);" >> "$sql"
		variant "insert $t" cbc "$n" - "INSERT INTO bench.t_text_cbc SELECT id, encrypt_iv(convert_to(v, 'UTF8'), '\x000102030405060708090a0b0c0d0e0f', iv, 'aes'), iv FROM (SELECT id, v, gen_random_bytes(16) AS iv FROM bench.src_text OFFSET 0) s" \
			'TRUNCATE bench.t_text_cbc; CHECKPOINT'
	}
	for c in $tables; do
		variant "insert $t" "$c" "$n" - "INSERT INTO bench.t_${t}_$c SELECT id, v FROM bench.src_$t" "TRUNCATE bench.t_${t}_$c; CHECKPOINT"
	done
	[ "$t" != text ] ||
		variant "scan $t" cbc "$n" bench_types_reader "COPY (SELECT convert_from(decrypt_iv(v, '\x000102030405060708090a0b0c0d0e0f', iv, 'aes'), 'UTF8') FROM bench.t_text_cbc) TO '/dev/null'" 'VACUUM bench.t_text_cbc'
	for c in $tables; do
		variant "scan $t" "$c" "$n" bench_types_reader "COPY (SELECT v FROM bench.t_${t}_$c) TO '/dev/null'" "VACUUM bench.t_${t}_$c"
	done
	for v in btree hash; do
		for c in $tables; do
			case $c in
				*r) continue ;;
				plain) case $t in text) column='v COLLATE "C"' ;; *) column=v ;; esac ;;
				*) column=v ;;
			esac
			variant "$v $t" "$c" "$n" - "CREATE INDEX i_${t}_$c ON bench.t_${t}_$c USING $v ($column)" \
				"DROP INDEX IF EXISTS bench.i_${t}_$c; CHECKPOINT"
		done
	done
	if [ "$t" = text ]; then
		echo "CREATE TABLE bench.t_text_sorted WITH (autovacuum_enabled = off) AS SELECT id, v FROM bench.src_text ORDER BY v COLLATE \"C\";" >> "$sql"
		variant 'btree text' sorted "$n" - 'CREATE INDEX i_text_sorted ON bench.t_text_sorted USING btree (v COLLATE "C")' \
			'DROP INDEX IF EXISTS bench.i_text_sorted; CHECKPOINT'
	fi
	case $t in bool | date) return ;; esac
	# Look-ups by a unique index, which stays.
	for c in loop $tables; do
		case $c in *r) continue ;; esac
		column='v'
		[ "$c $t" != 'plain text' ] || column='v COLLATE "C"'
		[ "$c" = loop ] || variant "look $t" "$c" "$((n / 20))" bench_types_reader "SELECT bench.look_${t}_$c($((n / 20)))" \
			"SET client_min_messages = warning; DROP INDEX IF EXISTS bench.i_${t}_$c; CREATE UNIQUE INDEX IF NOT EXISTS u_${t}_$c ON bench.t_${t}_$c ($column); VACUUM bench.t_${t}_$c"
		[ "$c" != loop ] || variant "look $t" loop "$((n / 20))" bench_types_reader "SELECT bench.look_${t}_loop($((n / 20)))"
		cat >> "$sql" <<-SQL
			CREATE FUNCTION bench.look_${t}_$c(n integer) RETURNS void LANGUAGE plpgsql AS \$f\$
			DECLARE
				i bigint;
				x $plain;
				found_id integer;
			BEGIN
				FOR k IN 1 .. n LOOP
					i := k * 7919::bigint % $n;
					x := ($value);
					$([ "$c" = loop ] || echo "SELECT id INTO STRICT found_id FROM bench.t_${t}_$c WHERE $column = x;")
				END LOOP;
			END \$f\$;
		SQL
	done
	# Ranges, where the type has an ordered operator class.
	if [ "$(ask "SELECT ordered FROM bench.type WHERE name = '$t'")" = t ] && has "pg_opclass WHERE opcname = 'enc_${t}_order_ops'"; then
		for c in $tables; do
			case $c in s*) continue ;; esac
			column='v'
			case $c in plain) [ "$t" != text ] || column='v COLLATE "C"' ;; *) column="v cipguard.enc_${t}_order_ops" ;; esac
			variant "order $t" "$c" "$n" bench_types_reader "SELECT bench.build_${t}_$c()" "DROP INDEX IF EXISTS bench.o_${t}_$c"
			variant "range $t" "$c" 30 bench_types_reader "SELECT bench.range_${t}_$c(30)" "SET enable_seqscan = off; DROP INDEX IF EXISTS bench.i_${t}_$c; VACUUM bench.t_${t}_$c"
			[ "$c $t" = 'plain text' ] || column=${column%% *}
			cat >> "$sql" <<-SQL
				CREATE FUNCTION bench.build_${t}_$c() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS \$f\$
				BEGIN CREATE INDEX o_${t}_$c ON bench.t_${t}_$c ($(case $c in plain) echo "$column" ;; *) echo "v cipguard.enc_${t}_order_ops" ;; esac)); END \$f\$;
				CREATE FUNCTION bench.range_${t}_$c(n integer) RETURNS bigint LANGUAGE plpgsql AS \$f\$
				DECLARE
					i bigint;
					x $plain;
					y $plain;
					found bigint := 0;
					part bigint;
				BEGIN
					FOR k IN 1 .. n LOOP
						i := k * 7919::bigint % ($n * 98 / 100);
						x := ($value);
						i := i + $n / 100;
						y := ($value);
						SELECT count(*) INTO part FROM bench.t_${t}_$c WHERE $column >= x AND $column < y;
						found := found + part;
					END LOOP;
					RETURN found;
				END \$f\$;
			SQL
		done
	fi
}

for t in "${types[@]}"; do
	add_type "$t" "$([ "$t" = text ] && echo "$rows" || echo "$others")"
done

# --------------------------------------------------------------------- run

script()
{
	local round s number list i

	cat <<-END
		\\set ON_ERROR_STOP on
		\\o /dev/null
		SET client_min_messages = warning;
		SET jit = off;
		SET max_parallel_workers_per_gather = 0;
		SET max_parallel_maintenance_workers = 0;
		SET maintenance_work_mem = '256MB';
		SET synchronous_commit = off;
		SET statement_timeout = 0;
		\\ir $sql
	END
	for s in "${series[@]}"; do
		echo "\\warn '         $s'"
		read -ra list <<< "${members[$s]}"
		for ((round = 1; round <= rounds; round++)); do
			for ((i = 0; i < ${#list[@]}; i++)); do
				number=${list[(i + round) % ${#list[@]}]}
				[ -z "${prepares[number]}" ] || printf '%s;\n' "${prepares[number]//; /;$'\n'}"
				# The first call pays for loading and caching.
				[ "$round" -gt 1 ] || case $s in look* | range*)
					echo "SET ROLE ${roles[number]}; ${statements[number]}; RESET ROLE;" ;;
				esac
				echo "SELECT cpu, wall FROM bench.clock() \\gset"
				[ "${roles[number]}" = - ] || echo "SET ROLE ${roles[number]};"
				echo "${statements[number]};"
				[ "${roles[number]}" = - ] || echo "RESET ROLE;"
				echo "CALL bench.note($round, '$s', '${variants[number]}', ${sizes[number]}, :cpu, :wall);"
			done
		done
	done
}
progress "types: ${types[*]}; suites: ${suites[*]}; $rows rows of text, $others of others, $rounds rounds"
script > "$tmp/script.sql"
psql -Xq -f "$tmp/script.sql"

# --------------------------------------------------- growth, sessions, rotation

progress 'growth'
for n in $growth; do
	[ "$(ask "SELECT 1 FROM pg_class WHERE relname = 'g_plain'")" = '' ] || ask 'DROP TABLE bench.g_plain, bench.g_enc'
	psql -Xq -v ON_ERROR_STOP=1 > /dev/null <<-END
		SET client_min_messages = warning; SET jit = off; SET max_parallel_maintenance_workers = 0; SET max_parallel_workers_per_gather = 0;
		SET maintenance_work_mem = '256MB'; SET synchronous_commit = off; SET statement_timeout = 0;
		CREATE TABLE bench.g_plain (id integer, v text) WITH (autovacuum_enabled = off);
		CREATE TABLE bench.g_enc (id integer, v cipguard.enc_text('b_text_as')) WITH (autovacuum_enabled = off);
		$(for c in plain enc; do
			column=v
			[ "$c" = enc ] || column='v COLLATE "C"'
			for step in "insert|INSERT INTO bench.g_$c SELECT i, '160' || lpad(i::text, 8, '0') FROM generate_series(0, $n - 1) i" \
				"scan|COPY (SELECT v FROM bench.g_$c) TO '/dev/null'" "build|CREATE UNIQUE INDEX ON bench.g_$c ($column)" \
				"look|DO 'DECLARE x integer; BEGIN FOR k IN 1 .. 10000 LOOP SELECT id INTO STRICT x FROM bench.g_$c WHERE $column = ''160'' || lpad((k * 7919::bigint % $n)::text, 8, ''0''); END LOOP; END'"; do
				echo "SELECT cpu, wall FROM bench.clock() \\gset"
				case $step in insert* | build*) ;; *) echo 'SET ROLE bench_types_reader;' ;; esac
				echo "${step#*|};"
				echo 'RESET ROLE;'
				per=$n
				[ "${step%%|*}" != look ] || per=10000
				echo "CALL bench.note(1, 'growth ${step%%|*} $n', '$c', $per, :cpu, :wall);"
				[ "${step%%|*}" != insert ] || echo "VACUUM bench.g_$c;"
			done
		done)
	END
done

progress 'a session'
session=$(psql -XqAt -v ON_ERROR_STOP=1 <<'END'
SET ROLE bench_types_reader;
SELECT clock_timestamp() AS t0 \gset
SELECT count(v::text) AS n FROM (SELECT v FROM bench.t_text_as LIMIT 1) x \gset
SELECT clock_timestamp() AS t1 \gset
SELECT count(v::text) AS n FROM (SELECT v FROM bench.t_text_as LIMIT 1) x \gset
SELECT clock_timestamp() AS t2 \gset
RESET ROLE;
SELECT round(extract(epoch FROM :'t1'::timestamptz - :'t0') * 1000000), round(extract(epoch FROM :'t2'::timestamptz - :'t1') * 1000000),
	(SELECT sum(total_bytes) FROM pg_backend_memory_contexts WHERE name ILIKE 'cipguard%' OR parent ILIKE 'cipguard%'),
	(SELECT count(*) FROM cipguard.data_key);
END
)
rotation='not measured: this version has no reencrypt()'
if has "pg_proc WHERE pronamespace = 'cipguard'::regnamespace AND proname = 'reencrypt'" &&
	has "pg_proc WHERE pronamespace = 'cipguard'::regnamespace AND proname = 'rotate_key'"; then
	progress 'rotation'
	psql -Xq -v ON_ERROR_STOP=1 > /dev/null <<-END || true
		SET client_min_messages = warning; SET statement_timeout = 0; SET synchronous_commit = off;
		CREATE TABLE bench.rotated (id integer PRIMARY KEY, v cipguard.enc_text('b_text_as'));
		INSERT INTO bench.rotated SELECT id, v FROM bench.src_text;
		SELECT cipguard.rotate_key('b_text_as');
		SELECT cpu, wall FROM bench.clock() \\gset
		CALL cipguard.reencrypt('bench.rotated', 1000);
		CALL bench.note(1, 'reencrypt', 'text', $rows, :cpu, :wall);
	END
	rotation=$(ask "SELECT round(n * 1e9 / cpu) || ' rows a second of CPU time, ' || round(n * 1e9 / wall) || ' by the clock' FROM bench.result WHERE series = 'reencrypt'")
fi

# ------------------------------------------------------------------- report

[ -z "${CIPGUARD_BENCH_OUT:-}" ] || { mkdir -p "$CIPGUARD_BENCH_OUT" && psql -XqAt -F $'\t' -c 'SELECT round, series, variant, n, cpu, wall FROM bench.result' > "$CIPGUARD_BENCH_OUT/types.tsv"; }
psql -Xq -v ON_ERROR_STOP=1 > /dev/null <<'END'
-- Look-ups less the loop.
CREATE VIEW bench.net AS
	SELECT r.round, r.series, r.variant, r.n, r.cpu - coalesce(l.cpu, 0) AS cpu
	FROM bench.result r LEFT JOIN bench.result l ON l.round = r.round AND l.series = r.series AND l.variant = 'loop'
	WHERE r.variant <> 'loop';
CREATE VIEW bench.ratio AS
	SELECT e.series, e.variant,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY e.cpu::numeric / nullif(p.cpu, 0)) AS ratio,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY e.cpu::numeric / e.n) AS ns,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY p.cpu::numeric / p.n) AS plain_ns
	FROM bench.net e JOIN bench.net p ON p.series = e.series AND p.round = e.round AND p.variant = 'plain'
	WHERE e.variant <> 'plain' GROUP BY 1, 2;
END
echo
echo "Encrypted types: CPU time as a multiple of the plain type's (ns for one row or call), $rows rows of text, $others of other types."
echo
echo '| type | suite | insert | scan, decrypting | btree | hash | look-up | order index | range | bytes, of plain | index bytes, of plain |'
echo '|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|'
psql -XqAt <<'END'
WITH cell AS (
	SELECT split_part(series, ' ', 1) AS op, split_part(series, ' ', 2) AS type, variant, round(ratio::numeric, 2) || ' (' || round(ns::numeric) || ')' AS text FROM bench.ratio
), size AS (
	SELECT t.name AS type, s.code AS variant,
		round(pg_relation_size('bench.t_' || t.name || '_' || s.code)::numeric / greatest(pg_relation_size('bench.t_' || t.name || '_plain'), 1), 2) AS heap,
		round(pg_relation_size(to_regclass('bench.u_' || t.name || '_' || s.code))::numeric / greatest(pg_relation_size(to_regclass('bench.u_' || t.name || '_plain')), 1), 2) AS index
	FROM bench.type t, bench.suite s
)
SELECT format('| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |', t.name, s.name,
	max(text) FILTER (WHERE op = 'insert'), max(text) FILTER (WHERE op = 'scan'), coalesce(max(text) FILTER (WHERE op = 'btree'), '-'),
	coalesce(max(text) FILTER (WHERE op = 'hash'), '-'), coalesce(max(text) FILTER (WHERE op = 'look'), '-'), coalesce(max(text) FILTER (WHERE op = 'order'), '-'),
	coalesce(max(text) FILTER (WHERE op = 'range'), '-'), max(heap), coalesce(max(size.index)::text, '-'))
FROM bench.type t, bench.suite s, cell, size
WHERE cell.type = t.name AND cell.variant = s.code AND size.type = t.name AND size.variant = s.code
GROUP BY t.name, s.name ORDER BY t.name <> 'text', t.name, s.name;
END
psql -XqAt <<'END'
SELECT format('| text | pgcrypto `encrypt_iv` | %s | %s | - | - | - | - | - | %s | - |',
	max(round(ratio::numeric, 2) || ' (' || round(ns::numeric) || ')') FILTER (WHERE series LIKE 'insert%'),
	max(round(ratio::numeric, 2) || ' (' || round(ns::numeric) || ')') FILTER (WHERE series LIKE 'scan%'),
	round(pg_relation_size('bench.t_text_cbc')::numeric / pg_relation_size('bench.t_text_plain'), 2))
FROM bench.ratio WHERE variant = 'cbc';
END
echo
echo 'Growth, searchable text: ns of CPU time for one row (look-up: one statement in a loop); multiple of plain text.'
echo
echo '| rows | insert | scan | unique index | look-up |'
echo '|---:|---:|---:|---:|---:|'
psql -XqAt <<'END'
SELECT format('| %s | %s | %s | %s | %s |', split_part(series, ' ', 3),
	max(t) FILTER (WHERE series LIKE '% insert %'), max(t) FILTER (WHERE series LIKE '% scan %'), max(t) FILTER (WHERE series LIKE '% build %'), max(t) FILTER (WHERE series LIKE '% look %'))
FROM (SELECT series, round(ns::numeric) || ' (' || round(ratio::numeric, 2) || ')' AS t FROM bench.ratio WHERE series LIKE 'growth %') x
GROUP BY split_part(series, ' ', 3) ORDER BY split_part(series, ' ', 3)::int;
END
echo
IFS='|' read -r first second memory keys <<< "$session"
echo "First value of a session: $first us, with all keys unwrapped; the next statement: $second us. Memory of a session for categories, keys and rights: $memory bytes, with $keys keys."
echo "Moving rows to a new key: $rotation."
[[ " ${types[*]} " != *' text '* ]] ||
	echo "btree of plain text whose rows are sorted already: $(ask "SELECT round(ratio::numeric, 2) FROM bench.ratio WHERE series = 'btree text' AND variant = 'sorted'") of the time that rows in no order take; the token btree takes $(ask "SELECT round((percentile_cont(0.5) WITHIN GROUP (ORDER BY a.cpu::numeric / s.cpu))::numeric, 2) FROM bench.result a JOIN bench.result s USING (round, series) WHERE series = 'btree text' AND a.variant = 'as' AND s.variant = 'sorted'") times that."

echo
echo '| limit | | measured | met |'
echo '|---|---:|---:|---|'
rc=0
limit() # WHAT SERIES VARIANT LIMIT
{
	local r
	r=$(ask "SELECT round(ratio::numeric, 3) FROM bench.ratio WHERE series = '$2' AND variant = '$3'")
	if [ -z "$r" ]; then
		echo "| $1 | $4 | not measured | **no** |"
		rc=1
	elif [ "$(ask "SELECT $r <= $4")" = t ]; then
		echo "| $1 | $4 | $r | yes |"
	else
		echo "| $1 | $4 | $r | **no** |"
		rc=1
	fi
}
for c in as ar; do
	n=$([ $c = as ] && echo searchable || echo random)
	limit "enc_text, $n: scan with decryption, of plain text" 'scan text' $c 3
	limit "enc_text, $n: bulk insert, of plain text" 'insert text' $c 2.8
done
limit 'enc_text: look-up by unique index, of plain text' 'look text' as 1.15
limit 'enc_text: token btree build, of plain text in no order' 'btree text' as 1.6
exit "$rc"
