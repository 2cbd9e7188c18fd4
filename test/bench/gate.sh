#!/bin/bash
#
# gate.sh
#		What the conditions of the gate cost a scan: the part of run.sh that can
#		also be run alone.
#
#	gate.sh [quick]
#
# Runs against the server that PGHOST, PGPORT and PGUSER (a superuser) name.
# Prints a table in Markdown: ratios to a scan without gates, and the limits
# that must hold.  Fails if a limit is not met, and says which.
#
#	CIPGUARD_BENCH_ROWS			rows of the table, and consents: 1000000
#	CIPGUARD_BENCH_ROUNDS		5
#	CIPGUARD_BENCH_BASE_HOST	of a server with the library to compare with;
#	CIPGUARD_BENCH_BASE_PORT	unset: this library, with nothing in force
#	CIPGUARD_BENCH_OUT			directory to keep the raw results in
#
# "quick" means 20000 rows and 1 round: to see that it runs, not to measure.
#
# Method: one table in one database, in each server; variants take turns,
# statement by statement, beginning with another one each time, and what is in
# force is switched before, unmeasured.  A round is a new session; the reader
# copies one column to /dev/null five times for each variant.  The first time
# pays for loading the ledger of consents, and is said apart.  The measure is
# the CPU time of the server process, a ratio the median of those of all passes
# to the pass of the base beside it.  The table must fit into shared_buffers,
# and both servers must have the same.
#
#	base		the other library, or as none
#	none		nothing in force
#	conditions	tls, hours, network and purpose, all met
#	unlimited	budgets on, no limit
#	huge		budgets on, 10^12 values
#	restricted	10 persons whose processing is restricted
#	consent		an activity that rests on consent, which all persons gave
#
#	text		a labelled column of plain text
#	enc			a column of an encrypted type
#
# The server must have cipguard.default_budgets off, as "make bench" has it.
#
# The look-up is SELECT ... WHERE id = ..., planned anew for each, and with a
# plan that is kept: us of CPU time for one.
#
# Makes databases cipguard_bench_gate_* and the role bench_gate_reader, and
# drops them again.

set -eu -o pipefail
cd "$(dirname "$0")"
: "${PGHOST:?}" "${PGPORT:?}" "${PGUSER:?}"

case ${1:-} in
	quick) rows=20000 rounds=1 looks=200 ;;
	'') rows=${CIPGUARD_BENCH_ROWS:-1000000} rounds=${CIPGUARD_BENCH_ROUNDS:-5} looks=2000 ;;
	*) echo 'usage: gate.sh [quick]' >&2; exit 2 ;;
esac
export PGCLIENTENCODING=UTF8
here_host=$PGHOST here_port=$PGPORT
base_port=${CIPGUARD_BENCH_BASE_PORT:-$PGPORT} base_host=${CIPGUARD_BENCH_BASE_HOST:-$PGHOST}
variants=(base none conditions unlimited huge restricted consent)
tmp=$(mktemp -d)

at() # SERVER: run psql there
{
	local server=$1
	shift
	if [ "$server" = base ]; then
		PGHOST=$base_host PGPORT=$base_port psql -Xq -d "cipguard_bench_gate_$server" -v ON_ERROR_STOP=1 "$@"
	else
		psql -Xq -d "cipguard_bench_gate_$server" -v ON_ERROR_STOP=1 "$@"
	fi
}
clean_up()
{
	local v
	rm -rf "$tmp"
	for v in base here; do
		echo "DROP DATABASE IF EXISTS cipguard_bench_gate_$v WITH (FORCE);"
	done > "$tmp.sql"
	echo 'DROP ROLE IF EXISTS bench_gate_reader;' >> "$tmp.sql"
	PGDATABASE=postgres psql -Xq -f "$tmp.sql" 2>&1 | grep -v 'does not exist, skipping' >&2 || true
	[ "$base_host:$base_port" = "$here_host:$here_port" ] ||
		PGHOST=$base_host PGPORT=$base_port PGDATABASE=postgres psql -Xq -f "$tmp.sql" 2>&1 | grep -v 'does not exist, skipping' >&2 || true
	rm -f "$tmp.sql"
}
progress() { printf '%s %s\n' "$(date +%T)" "$*" >&2; }

trap clean_up EXIT
clean_up
mkdir -p "$tmp"

# ------------------------------------------------------------------ set up

role="CREATE ROLE bench_gate_reader LOGIN; GRANT pg_write_server_files TO bench_gate_reader"
psql -Xq -d postgres -v ON_ERROR_STOP=1 -c "$role"
[ "$base_host:$base_port" = "$here_host:$here_port" ] ||
	PGHOST=$base_host PGPORT=$base_port psql -Xq -d postgres -v ON_ERROR_STOP=1 -c "$role"

cat > "$tmp/set_up.sql" <<'END'
SET client_min_messages = warning;
SET synchronous_commit = off;
SET statement_timeout = 0;
CREATE EXTENSION cipguard CASCADE;
CREATE SCHEMA bench;
\ir clock.sql
CREATE TABLE bench.client (id bigint PRIMARY KEY, name text, mobile cipguard.enc_text('mobile')) WITH (autovacuum_enabled = off);
SECURITY LABEL FOR cipguard ON COLUMN bench.client.id IS 'subject';
SECURITY LABEL FOR cipguard ON COLUMN bench.client.name IS 'name';
GRANT USAGE ON SCHEMA bench TO bench_gate_reader;
GRANT SELECT ON bench.client TO bench_gate_reader;
SELECT cipguard.grant_access('bench_gate_reader', c) FROM unnest('{name,mobile}'::text[]) c;
INSERT INTO bench.client SELECT i, 'client ' || i, '160' || lpad(i::text, 8, '0') FROM generate_series(1, :rows) i;
VACUUM ANALYZE bench.client;
CHECKPOINT;
END
cat > "$tmp/activities.sql" <<'END'
SET synchronous_commit = off;
SET statement_timeout = 0;
SELECT cipguard.add_activity('contract', 'measure', 'contract', '{name,mobile}', 'bench');
SELECT cipguard.add_activity('consent', 'measure', 'consent', '{name,mobile}', 'bench') AS activity \gset
INSERT INTO cipguard.consent_event (activity, subject, action, separate) SELECT :activity, id::text, 'give', true FROM bench.client;
VACUUM ANALYZE cipguard.consent_event;
CHECKPOINT;
END
progress "gate: $rows rows, $rounds rounds: making the tables"
cp clock.sql "$tmp"
PGHOST=$base_host PGPORT=$base_port psql -Xq -d postgres -v ON_ERROR_STOP=1 -c "CREATE DATABASE cipguard_bench_gate_base TEMPLATE template0 ENCODING 'UTF8'"
psql -Xq -d postgres -v ON_ERROR_STOP=1 -c "CREATE DATABASE cipguard_bench_gate_here TEMPLATE template0 ENCODING 'UTF8'"
for v in base here; do
	at "$v" -v rows="$rows" -f "$tmp/set_up.sql" > "$tmp/set_up.out"
done
at here -f "$tmp/activities.sql" > "$tmp/set_up.out"

# What is put in force before a variant, and taken away after it.
declare -A enter=(
	[conditions]="SELECT cipguard.set_condition(NULL, 'tls', 'on'), cipguard.set_condition(NULL, 'hours', 'Mon-Sun 00:00-24:00 UTC'),
		cipguard.set_condition(NULL, 'network', 'local, 127.0.0.0/8, ::1'); SET cipguard.require_purpose = on; SET cipguard.purpose = 'contract';"
	[unlimited]='SELECT cipguard.set_budget(NULL, NULL, NULL, NULL);'
	[huge]='SELECT cipguard.set_budget(NULL, NULL, 1000000000000, 1000000000000);'
	[restricted]="SELECT cipguard.restrict_subject((i * $((rows / 10)))::text, 'bench') FROM generate_series(1, 10) i;"
	[consent]="SET cipguard.purpose = 'consent';"
)
declare -A leave=(
	[conditions]="RESET cipguard.purpose; RESET cipguard.require_purpose; SELECT cipguard.set_condition(NULL, c, 'default') FROM unnest('{tls,hours,network}'::text[]) c;"
	[unlimited]='SELECT cipguard.clear_budget(NULL, NULL);'
	[huge]='SELECT cipguard.clear_budget(NULL, NULL);'
	[restricted]="SELECT cipguard.lift_restriction((i * $((rows / 10)))::text, 'bench') FROM generate_series(1, 10) i;"
	[consent]='RESET cipguard.purpose;'
)

# --------------------------------------------------------------------- run

measured() # VARIANT ROUND SERIES ROLE N STATEMENT
{
	echo "${enter[$1]:-}"
	# What is in force is read before it is measured; not the ledger.
	echo "SET ROLE $4;"
	echo "COPY (SELECT name, mobile FROM bench.client WHERE id < 10) TO '/dev/null';"
	echo 'RESET ROLE;'
	echo "SELECT cpu, wall FROM bench.clock() \\gset"
	echo "SET ROLE $4;"
	echo "$6;"
	echo 'RESET ROLE;'
	echo "CALL bench.note($2, '$3', '$1', $5, :cpu, :wall);"
	echo "${leave[$1]:-}"
}
begin() # what a session sends first
{
	cat <<-'END'
		\set ON_ERROR_STOP on
		\o /dev/null
		SET client_min_messages = error;
		SET jit = off;
		SET max_parallel_workers_per_gather = 0;
		SET synchronous_commit = off;
		SET statement_timeout = 0;
		CREATE FUNCTION pg_temp.planned(n integer) RETURNS void LANGUAGE plpgsql AS $f$
			DECLARE x text; BEGIN FOR i IN 1 .. n LOOP EXECUTE 'SELECT name FROM bench.client WHERE id = ' || i INTO x; END LOOP; END $f$;
		CREATE FUNCTION pg_temp.kept(n integer) RETURNS void LANGUAGE plpgsql AS $f$
			DECLARE x text; BEGIN FOR i IN 1 .. n LOOP SELECT name INTO x FROM bench.client WHERE id = i; END LOOP; END $f$;
		SET ROLE bench_gate_reader;
		COPY (SELECT name, mobile FROM bench.client WHERE id < 100) TO '/dev/null';
		RESET ROLE;
	END
}
# tell VARIANT: its server's session carries out what comes in, and says so.
declare -A to=()
tell()
{
	local answer server=here

	[ "$1" != base ] || server=base
	{ cat; echo "\\! echo done > $tmp/ack"; } >&"${to[$server]}"
	read -r -t 600 answer < "$tmp/ack"
	[ "$answer" = 'done' ]
}
# The CPUs of a virtual machine are not of equal speed: both sessions on one.
pin() # SERVER
{
	echo "SELECT pg_backend_pid() \\g $tmp/pid" | tell "$1"
	taskset -cp 0 "$(grep -oE '^ *[0-9]+$' "$tmp/pid" | tr -d ' ')" > /dev/null 2>&1 ||
		progress '         the processes are not on one CPU: taskset does not work'
}
# all SERIES PASS ROLE N STATEMENT: by each variant, one after another
all()
{
	local i v

	for ((i = 0; i < ${#variants[@]}; i++)); do
		v=${variants[(i + turn) % ${#variants[@]}]}
		measured "$v" "$round" "$1 $2" "$3" "$4" "$5" | tell "$v"
	done
	turn=$((turn + 1))
}
mkfifo "$tmp/ack"
turn=0
for ((round = 1; round <= rounds; round++)); do
	progress "         round $round of $rounds"
	for v in base here; do
		mkfifo "$tmp/$v"
		at "$v" -f "$tmp/$v" &
		exec {fd}> "$tmp/$v"
		to[$v]=$fd
		begin | tell "$v"
		pin "$v"
	done
	all text first bench_gate_reader "$rows" "COPY (SELECT name FROM bench.client) TO '/dev/null'"
	all enc first bench_gate_reader "$rows" "COPY (SELECT mobile FROM bench.client) TO '/dev/null'"
	for pass in 2 3 4 5; do
		all text "$pass" bench_gate_reader "$rows" "COPY (SELECT name FROM bench.client) TO '/dev/null'"
		all enc "$pass" bench_gate_reader "$rows" "COPY (SELECT mobile FROM bench.client) TO '/dev/null'"
		for s in planned kept; do
			all "$s" "$pass" bench_gate_reader "$looks" "SELECT pg_temp.$s($looks)"
		done
	done
	for v in base here; do
		fd=${to[$v]}
		exec {fd}>&-
		rm "$tmp/$v"
	done
	wait
done
for v in base here; do
	at "$v" -At -F $'\t' -c "SELECT round, series, variant, n, cpu, wall FROM bench.result"
done > "$tmp/gate.tsv"
if [ -n "${CIPGUARD_BENCH_OUT:-}" ]; then
	mkdir -p "$CIPGUARD_BENCH_OUT"
	cp "$tmp/gate.tsv" "$CIPGUARD_BENCH_OUT"
fi
# Loading by this session, and what it keeps.
memory=$(at here -At <<-'END'
	SET cipguard.purpose = 'consent';
	SET ROLE bench_gate_reader;
	SELECT count(name) AS n FROM bench.client \gset
	RESET ROLE;
	SELECT pg_size_pretty(total_bytes) FROM pg_backend_memory_contexts WHERE name = 'cipguard consents';
END
)

# ------------------------------------------------------------------ report

at here -o /dev/null <<-END
	CREATE TABLE bench.all_results (LIKE bench.result);
	\\copy bench.all_results FROM '$tmp/gate.tsv'
	CREATE VIEW bench.scan AS
		SELECT round, split_part(series, ' ', 1) AS series, split_part(series, ' ', 2) AS pass, series LIKE '% first' AS first, variant, cpu / n::float8 AS ns
		FROM bench.all_results;
	CREATE VIEW bench.ratio AS
		SELECT s.series, s.first, s.variant, percentile_cont(0.5) WITHIN GROUP (ORDER BY s.ns) AS ns, percentile_cont(0.5) WITHIN GROUP (ORDER BY s.ns / b.ns) AS ratio
		FROM bench.scan s JOIN bench.scan b ON b.round = s.round AND b.series = s.series AND b.pass = s.pass AND b.variant = 'base' GROUP BY 1, 2, 3;
END
echo
echo "The gate, $rows rows, $rounds rounds: ns of CPU time for a row; multiple of the scan without gates. Look-up: us for one."
echo
echo '| in force | text, first | text | encrypted, first | encrypted | look-up, planned | look-up, plan kept |'
echo '|---|---:|---:|---:|---:|---:|---:|'
at here -At -v order="$(IFS=,; echo "${variants[*]}")" <<-'END'
	SELECT format('| %s | %s | %s | %s | %s | %s | %s |', variant, max(t) FILTER (WHERE series = 'text' AND first), max(t) FILTER (WHERE series = 'text' AND NOT first),
		max(t) FILTER (WHERE series = 'enc' AND first), max(t) FILTER (WHERE series = 'enc' AND NOT first),
		max(t) FILTER (WHERE series = 'planned'), max(t) FILTER (WHERE series = 'kept'))
	FROM (SELECT *, CASE WHEN series IN ('planned', 'kept') THEN round(ns::numeric / 1000, 1) ELSE round(ns::numeric) END || ' (' || round(ratio::numeric, 2) || ')' AS t FROM bench.ratio) x
	GROUP BY variant ORDER BY array_position(string_to_array(:'order', ','), variant);
END
echo
echo "Memory of a session for $rows consents: $memory."
echo
echo '| limit | | measured | met |'
echo '|---|---:|---:|---|'
rc=0
limit() # VARIANT SERIES LIMIT
{
	local r
	r=$(at here -At -c "SELECT round(ratio::numeric, 2) FROM bench.ratio WHERE variant = '$1' AND series = '$2' AND NOT first")
	if [ "$(at here -At -c "SELECT $r <= $3")" = t ]; then
		echo "| $1, $2 | $3 | $r | yes |"
	else
		echo "| $1, $2 | $3 | $r | **no** |"
		rc=1
	fi
}
for s in text enc; do
	for v in none conditions unlimited huge; do
		limit "$v" "$s" 1.1
	done
	limit consent "$s" 1.6
done
exit "$rc"
