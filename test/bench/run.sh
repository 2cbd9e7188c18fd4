#!/bin/bash
#
# run.sh
#		The benchmark: what encryption, masking and audit cost (types.sh,
#		audit.sh, gate.sh, seal.sh).
#
#	run.sh [quick]
#
# Runs against the server that PGHOST, PGPORT and PGUSER (a superuser) name;
# "make bench" provides one.  Prints two tables in Markdown: ratios with what
# they compare, and the limits that must hold.  Progress goes to stderr.
#
#	CIPGUARD_BENCH_ROWS		rows of the large tables, 1000000
#	CIPGUARD_BENCH_ROUNDS	5
#	CIPGUARD_BENCH_OUT		directory to keep the raw results in
#	CIPGUARD_BENCH_LIBPQ	where libpq is, as options of the compiler
#	CIPGUARD_BENCH_PGAUDIT_PORT	see audit.sh
#	CIPGUARD_BENCH_BARE_PORT	of a server of the same host without the
#							library; unset: the cost for others is not measured
#
# Fails if a limit is not met, and says which.
#
# "quick" means 20000 rows and 1 round: to see that it runs, not to measure.
#
# Method: one server process runs all variants of a series one after another,
# in each pass beginning with another one, so that whatever else the machine
# does falls on all of them.  A round has one pass over the series that write
# and three over those that read.  The figure of a variant is the median of its
# passes.  The measure is the CPU time of the server process, as the kernel
# counts it; wall time stands beside it.  No parallel plans, no JIT, no
# autovacuum of these tables, synchronous_commit off, a checkpoint before each
# statement that writes.
#
# Costs per value are those of "SELECT count(f(v)) FROM t", less "SELECT
# count(v) FROM t" and less the call of a function that only copies its
# argument: the PostgreSQL call cost.  Limits that speak of libcrypto compare
# with raw.c, which measures the bare operations outside of a server.
#
# Short statements are sent by drive.c, which says how.  What the library costs
# statements that have nothing to do with it is below what such a measurement
# can tell on a busy machine; so the limits take it from loops in the server,
# as time added to a statement, and relate it to a statement of pgbench -S.
#
# Makes the databases cipguard_bench and cipguard_bench_none, the latter in the
# server without the library too, and roles bench_*, and drops them again.

set -eu -o pipefail
cd "$(dirname "$0")"
: "${PGHOST:?}" "${PGPORT:?}" "${PGUSER:?}"

case ${1:-} in
	quick) rows=20000 rounds=1 values=50000 passes_of_drive=5 ;;
	'') values=200000 passes_of_drive=25 rows=${CIPGUARD_BENCH_ROWS:-1000000} rounds=${CIPGUARD_BENCH_ROUNDS:-5} ;;
	*) echo 'usage: run.sh [quick]' >&2; exit 2 ;;
esac
single=$((values / 20))
changed=$((values < rows ? values : rows))
bare=${CIPGUARD_BENCH_BARE_PORT:-}

export PGDATABASE=cipguard_bench PGCLIENTENCODING=UTF8
tmp=$(mktemp -d)

clean_up()
{
	rm -rf "$tmp"
	PGDATABASE=postgres psql -Xq 2>&1 <<-END | grep -v 'does not exist, skipping' >&2 || true
		DROP DATABASE IF EXISTS cipguard_bench WITH (FORCE);
		DROP DATABASE IF EXISTS cipguard_bench_none WITH (FORCE);
		DROP ROLE IF EXISTS bench_reader, bench_clerk;
	END
	[ -z "$bare" ] || PGPORT=$bare PGDATABASE=postgres psql -Xq -c 'DROP DATABASE IF EXISTS cipguard_bench_none WITH (FORCE)' \
		2>&1 | grep -v 'does not exist, skipping' >&2 || true
}

progress()
{
	printf '%s %s\n' "$(date +%T)" "$*" >&2
}

# ---------------------------------------------------------------- variants

series=()						# names, in order of appearance
declare -A members				# numbers of the variants of a series
declare -A passes=([value]=3 [insert]=1 [scan]=3 [look]=3 [mask]=3 [people]=3 [three]=3 [change]=1)
variants=()
sizes=()
roles=()
statements=()
prepares=()

# variant SERIES NAME N ROLE STATEMENT [PREPARE]: N is the number of values or
# rows that the statement handles.  ROLE - is the superuser.  PREPARE runs
# before, unmeasured.  ROUND in the statement is the number of the round.
variant()
{
	local number=${#variants[@]}

	[ -n "${members[$1]:-}" ] || series+=("$1")
	members[$1]="${members[$1]:-} $number"
	variants+=("$2")
	sizes+=("$3")
	roles+=("$4")
	statements+=("$5")
	prepares+=("${6:-}")
}

# of_value NAME N ROLE EXPRESSION TABLE
of_value()
{
	variant value "$1" "$2" "$3" "SELECT count($4) FROM bench.$5"
}

key='bench.key()'
pgp=$((values / 500))
of_value v "$values" - v v
of_value call "$values" - "textcat(v, '')" v
of_value v_cbc "$values" - v v_cbc
of_value c_cbc "$values" - c c_cbc
of_value v_pgp "$pgp" - v v_pgp
of_value c_pgp "$pgp" - c c_pgp
of_value c_address "$values" - c c_address
of_value c_name "$values" - c c_name
of_value c_mobile "$values" - c c_mobile
of_value in_address "$values" - "v::cipguard.enc_text('address')" v
of_value in_name "$values" - "v::cipguard.enc_text('name')" v
of_value in_mobile "$values" - "v::cipguard.enc_text('mobile')" v
of_value in_cbc "$values" - "encrypt_iv(v, $key, iv, 'aes')" v_cbc
of_value in_pgp "$pgp" - "pgp_sym_encrypt(v, 'passphrase')" v_pgp
of_value out_address "$values" bench_reader 'c::text' c_address
of_value out_name "$values" bench_reader 'c::text' c_name
of_value out_mobile "$values" bench_reader 'c::text' c_mobile
of_value out_cbc "$values" - "decrypt_iv(c, $key, iv, 'aes')" c_cbc
of_value out_pgp "$pgp" - "pgp_sym_decrypt(c, 'passphrase')" c_pgp

for t in plain address name mobile; do
	variant insert "$t" "$rows" - "INSERT INTO bench.ins_$t SELECT id, v FROM bench.src" "TRUNCATE bench.ins_$t; CHECKPOINT"
done
variant insert cbc "$rows" - "INSERT INTO bench.ins_cbc SELECT id, encrypt_iv(convert_to(v, 'UTF8'), $key, iv, 'aes'), iv FROM bench.src" \
	'TRUNCATE bench.ins_cbc; CHECKPOINT'

# copy SERIES NAME ROLE QUERY [PREPARE]: through the output functions.
copy()
{
	variant "$1" "$2" "$rows" "$3" "COPY ($4) TO '/dev/null'" "${5:-}"
}

for t in plain address name mobile; do
	copy scan "$t" bench_reader "SELECT v FROM bench.ins_$t" "VACUUM bench.ins_$t"
done
copy scan cbc bench_reader "SELECT convert_from(decrypt_iv(v, $key, iv, 'aes'), 'UTF8') FROM bench.ins_cbc" 'VACUUM bench.ins_cbc'

for t in loop plain enc; do
	variant look "$t" "$single" bench_reader "SELECT bench.look_$t($single)"
done

copy mask plain bench_reader 'SELECT * FROM bench.mask_bare'
copy mask plain_clerk bench_clerk 'SELECT * FROM bench.mask_plain_masked'
copy mask plain_reader bench_reader 'SELECT * FROM bench.mask_plain_masked'
copy mask enc bench_reader 'SELECT * FROM bench.mask_enc'
copy mask enc_clerk bench_clerk 'SELECT * FROM bench.mask_enc_masked'
copy mask enc_reader bench_reader 'SELECT * FROM bench.mask_enc_masked'
copy mask enc_base bench_clerk 'SELECT * FROM bench.mask_enc'
for t in people three; do
	columns='name, mobile, resident_id'
	[ "$t" = three ] || columns="id, $columns, company, since, remark"
	copy "$t" plain bench_reader "SELECT $columns FROM bench.people_plain"
	copy "$t" masked bench_clerk "SELECT $columns FROM bench.people"
	copy "$t" reader bench_reader "SELECT $columns FROM bench.people"
done

for t in change_plain change change_masked; do
	variant change "$t" "$changed" bench_clerk "UPDATE bench.$t SET name = name, mobile = mobile, remark = 'round ROUND'" \
		"VACUUM bench.${t%_masked}; CHECKPOINT"
done

# short SERIES VARIANT PORT DATABASE ROLE PROTOCOL BATCH KEYS STATEMENT: a line for drive.c
short()
{
	printf '%s\t%s\thost=%s port=%s dbname=%s user=%s\t%s\t%s\t%s\t%s\t%s\n' \
		"$1" "$2" "$PGHOST" "$3" "$4" "$PGUSER" "$5" "$6" "$7" "$8" "$9"
}

shorts()
{
	local p t look one planned kept

	look='SELECT name, mobile, resident_id FROM bench.TABLE WHERE id = KEY'
	for p in simple prepared; do
		short "key_$p" plain "$PGPORT" cipguard_bench bench_clerk "$p" 400 "$((rows - 1))" "${look/TABLE/people_plain}"
		short "key_$p" masked "$PGPORT" cipguard_bench bench_clerk "$p" 400 "$((rows - 1))" "${look/TABLE/people}"
		short "key_$p" reader "$PGPORT" cipguard_bench bench_reader "$p" 400 "$((rows - 1))" "${look/TABLE/people}"
	done
	[ -n "$bare" ] || return 0
	one='SELECT abalance FROM bench.account WHERE aid = KEY'
	planned="EXECUTE 'SELECT abalance FROM bench.account WHERE aid = ' || i INTO x"
	kept='SELECT abalance INTO x FROM bench.account WHERE aid = i'
	for p in simple prepared planned kept; do
		t=$one
		case $p in
			planned) t=$planned ;;
			kept) t=$kept ;;
		esac
		case $p in planned | kept) t="DO \$\$ DECLARE x integer; BEGIN FOR i IN 1 .. 1000 LOOP $t; END LOOP; END \$\$" ;; esac
		set -- "$p" 400
		case $p in planned | kept) set -- unit 1 ;; esac
		short "$p" bare "$bare" cipguard_bench_none - "$1" "$2" 100000 "$t"
		short "$p" none "$PGPORT" cipguard_bench_none - "$1" "$2" 100000 "$t"
		short "$p" here "$PGPORT" cipguard_bench - "$1" "$2" 100000 "$t"
	done
}

# --------------------------------------------------------------------- run

script()
{
	local round s number list pass i

	cat <<-END
		\\set ON_ERROR_STOP on
		\\o /dev/null
		SET client_min_messages = warning;
		SET jit = off;
		SET max_parallel_workers_per_gather = 0;
		SET synchronous_commit = off;
	END
	# The first calls pay for loading and caching.
	for number in ${members[value]}; do
		[ "${roles[number]}" = - ] || echo "SET ROLE ${roles[number]};"
		echo "${statements[number]};"
		echo "RESET ROLE;"
	done
	for ((round = 1; round <= rounds; round++)); do
		echo "\\warn '         round $round of $rounds'"
		for s in "${series[@]}"; do
			read -ra list <<<"${members[$s]}"
			for ((pass = (round - 1) * passes[$s]; pass < round * passes[$s]; pass++)); do
				for ((i = 0; i < ${#list[@]}; i++)); do
					number=${list[(i + pass) % ${#list[@]}]}
					[ -z "${prepares[number]}" ] || printf '%s;\n' "${prepares[number]//; /;$'\n'}"
					echo "SELECT cpu, wall FROM bench.clock() \\gset"
					[ "${roles[number]}" = - ] || echo "SET ROLE ${roles[number]};"
					echo "${statements[number]//ROUND/$round};"
					[ "${roles[number]}" = - ] || echo "RESET ROLE;"
					echo "CALL bench.note($round, '$s', '${variants[number]}', ${sizes[number]}, :cpu, :wall);"
				done
			done
		done
	done
}

raw()
{
	if [ ! -x "$tmp/raw" ]; then
		${CC:-cc} -std=gnu99 -O2 -I../../src -o "$tmp/raw" raw.c \
			../../src/{digest,suite,suite_aes,envelope}.c -lcrypto >&2 || return 0
	fi
	"$tmp/raw" >>"$tmp/raw.tsv"
}

drive()
{
	# shellcheck disable=SC2086 # a list of words
	${CC:-cc} -std=gnu99 -O2 -o "$tmp/drive" drive.c \
		${CIPGUARD_BENCH_LIBPQ:--I$(pg_config --includedir) -L$(pg_config --libdir)} -lpq >&2
	psql -Xq -d postgres -c 'CREATE DATABASE cipguard_bench_none TEMPLATE template0 ENCODING UTF8'
	psql -Xq -d cipguard_bench_none -f account.sql
	psql -Xq -f account.sql
	if [ -n "$bare" ]; then
		PGPORT=$bare psql -Xq -d postgres -c 'CREATE DATABASE cipguard_bench_none TEMPLATE template0 ENCODING UTF8'
		PGPORT=$bare psql -Xq -d cipguard_bench_none -f account.sql
	fi
	shorts >"$tmp/shorts.tsv"
	"$tmp/drive" "$tmp/shorts.tsv" "$((2 * rounds))" "$passes_of_drive" >"$tmp/drive.tsv"
}

trap clean_up EXIT
clean_up
tmp=$(mktemp -d)
: >"$tmp/raw.tsv"
progress "$rows rows, $rounds rounds: making the tables"
psql -Xq -d postgres -v ON_ERROR_STOP=1 <<END
CREATE DATABASE cipguard_bench TEMPLATE template0 ENCODING 'UTF8';
CREATE ROLE bench_reader;
CREATE ROLE bench_clerk;
GRANT pg_write_server_files TO bench_reader, bench_clerk;
END
psql -Xq -v rows="$rows" -v values="$values" -f setup.sql >"$tmp/setup.out"
progress 'libcrypto alone'
raw
progress 'measuring'
script >"$tmp/script.sql"
psql -Xq -f "$tmp/script.sql"
progress 'short statements'
drive
progress 'libcrypto once more'
raw

psql -XqAt -F $'\t' >"$tmp/results.tsv" <<'END'
SELECT round, series, variant, n, cpu, wall FROM bench.result;
END
cat "$tmp/drive.tsv" >>"$tmp/results.tsv"
psql -XqAt -F $'\t' >"$tmp/facts.tsv" <<END
SELECT 'postgresql', current_setting('server_version');
SELECT 'rows', $rows;
SELECT 'rounds', $rounds;
SELECT 'heap_' || t, round(pg_relation_size('bench.ins_' || t) / $rows.0) FROM unnest('{plain,address,name,mobile,cbc}'::text[]) t;
SELECT 'index_' || t, round(pg_relation_size('bench.look_' || t || '_v') / $rows.0) FROM unnest('{plain,enc}'::text[]) t;
END
{
	printf 'cpu\t%s\n' "$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -1)"
	printf 'cores\t%s\n' "$(nproc)"
	printf 'openssl\t%s\n' "$(openssl version 2>/dev/null | cut -d' ' -f2 || true)"
} >>"$tmp/facts.tsv"
if [ -n "${CIPGUARD_BENCH_OUT:-}" ]; then
	mkdir -p "$CIPGUARD_BENCH_OUT"
	cp "$tmp"/*.tsv "$CIPGUARD_BENCH_OUT"
fi
rc=0
perl report.pl "$tmp/facts.tsv" "$tmp/raw.tsv" "$tmp/results.tsv" || rc=1
CIPGUARD_BENCH_ROUNDS=$rounds bash audit.sh "$@" || rc=1
progress 'types'
CIPGUARD_BENCH_ROWS=$rows CIPGUARD_BENCH_ROUNDS=$((rounds < 3 ? rounds : 3)) bash types.sh "$@" || rc=1
progress 'the gate'
CIPGUARD_BENCH_ROWS=$rows CIPGUARD_BENCH_ROUNDS=$rounds bash gate.sh "$@" || rc=1
progress 'blocks of the audit log'
bash seal.sh "$((rows < 100000 ? 100000 : rows))" || rc=1
exit "$rc"
