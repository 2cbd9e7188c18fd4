#!/bin/bash
# sqlsmith.sh: `make sqlsmith`: random statements of roles that see masks
#
# Two private servers, one with masked tables, one with masking views only, hold
# tables with protected columns of every kind (sqlsmith/schema.sql).  Statements
# come from sqlsmith, and from a generator of our own that knows what leaks
# (sqlsmith/Mix.pm): roles without a grant, with one for another category, with
# the right to search, with all grants but for persons who are restricted or
# do not consent, and the owner of the tables run them.
#
# What must not be seen is there twice, in two worlds: databases that differ in
# what masks hide and in nothing else (sqlsmith/data.sql).  It is a failure if
#
#   a statement gives anything else in one than in the other, twice in a row:
#     rows, errors, notices, plans, statistics.  No encoding hides a value from
#     this, neither hashing nor a side channel of one bit
#   a hidden value is found in an answer, as it is, reversed, in hexadecimal,
#     base64 or octal, or in the log of the server, the journal, the audit log
#     or statistics
#   ciphertext is shown to whoever sees masks
#   a server process dies, or there is an internal error
#
# SQLSMITH_SECONDS (120) says how long, SQLSMITH_JOBS (2) how many run at a
# time, SQLSMITH_SEED what to begin with: the same seed gives the same
# statements.  If less than a fifth of the statements succeeds, that says
# nothing, and is a failure.
#
# Prints findings with their statements.  Last line: "N passed, N failed", of
# the checks above.
. "$(dirname "$0")/../tools/private_server.sh"
stage "$@"

seconds=${SQLSMITH_SECONDS:-120} jobs=${SQLSMITH_JOBS:-2} seed=${SQLSMITH_SEED:-$((RANDOM))}
passed=0 failed=0
ok() { passed=$((passed + 1)); echo "ok      $1"; }
bad() { failed=$((failed + 1)); echo "FAILED  $1"; }

command -v sqlsmith > /dev/null || die 'sqlsmith is missing (make deps-ci)'
build || { tail -30 "$work/build.log"; die 'it does not build'; }
mkdir -p "$work/logs"

setup() { # SERVER transparent?
	start_server "$1" 'autovacuum = off' 'max_connections = 60' 'max_worker_processes = 20' \
		"shared_preload_libraries = 'auto_explain, cipguard'" "cipguard.transparent_masking = $2" \
		'cipguard.default_budgets = off' 'cipguard.require_purpose = on' 'auto_explain.log_min_duration = 0' 'auto_explain.log_analyze = on' \
		'auto_explain.log_verbose = on' 'auto_explain.log_timing = off' 'auto_explain.log_nested_statements = on' \
		'auto_explain.sample_rate = 0.02' 'log_error_verbosity = verbose' 'log_min_error_statement = error' \
		"cipguard.worker_interval = '2s'"
	createdb base
	psql -X -q -v transparent="$2" -f test/ci/sqlsmith/schema.sql base > "$work/$1.setup" 2>&1 || {
		cat "$work/$1.setup"
		die "the schema of $1 could not be made"
	}
	for ((w = 1; w <= jobs; w++)); do
		for world in a b; do
			createdb -T base "w$w$world"
			psql -X -q -v transparent="$2" -v world=$world -f test/ci/sqlsmith/data.sql "w$w$world" > "$work/$1.setup" 2>&1 || {
				cat "$work/$1.setup"
				die "the rows of $1 could not be made"
			}
		done
	done
}

setup masked on
masked=$PGPORT
setup views off
views=$PGPORT
echo "sqlsmith: seed $seed, $jobs at a time, $seconds s"

# Each worker has databases of its own, so that none waits for another's locks.
for ((w = 1; w <= jobs; w++)); do
	perl test/ci/sqlsmith/run.pl "$w" "$seed" "$seconds" "$PGHOST" "$masked" "$views" > "$work/logs/worker$w" 2>&1 &
done
wait

# What a superuser finds in the relations of the extension, the audit log among
# them, in what sessions do, and where tables are masked in statistics.
statistics=(pg_stats pg_statistic pg_stats_ext pg_stats_ext_exprs pg_statistic_ext_data)
for server in masked views; do
	for db in w1a w1b; do
		psql -X -A -t -q -p "${!server}" -d "$db" -v names="pg_stat_activity ${statistics[*]}" -f - <<-'END' |
			SELECT format('SELECT t::text FROM %s t;', oid::regclass) FROM pg_class
				WHERE relkind IN ('r', 'v', 'm') AND relnamespace = 'cipguard'::regnamespace OR relname = ANY (string_to_array(:'names', ' '));
		END
			psql -X -A -t -q -p "${!server}" -d "$db" >> "$work/logs/$server.relations" 2>&1 || true
	done
	stop_server "$server" || true
	statistics=()
done

statements=0 succeeded=0 undecided=0 findings=0
for ((w = 1; w <= jobs; w++)); do
	sed '$d' "$work/logs/worker$w"
	last=$(tail -1 "$work/logs/worker$w")
	findings=$((findings + $(grep -c '^FOUND' "$work/logs/worker$w" || true)))
	[[ $last =~ ^statements=([0-9]+)\ succeeded=([0-9]+)\ undecided=([0-9]+)$ ]] || {
		echo "$last"
		bad "worker $w did not finish"
		continue
	}
	statements=$((statements + BASH_REMATCH[1])) succeeded=$((succeeded + BASH_REMATCH[2]))
	undecided=$((undecided + BASH_REMATCH[3]))
done
echo "sqlsmith: $statements statements in two worlds, $((statements ? 100 * succeeded / statements : 0)) % succeeded, $undecided gave something else each time"
if [ "$findings" = 0 ]; then ok 'no statement shows what is hidden'; else bad "$findings findings"; fi
if [ $((succeeded * 5)) -gt "$statements" ]; then ok 'enough statements succeed'; else bad 'too few statements succeed to say anything'; fi

# Crashes and values in what the servers wrote.
for server in masked views; do
	cp "$work/$server.log" "$work/logs/$server.log"
	if grep -aE 'PANIC|TRAP:|was terminated by signal|terminating any other active' "$work/$server.log"; then
		bad "a process of the server ($server) died"
	else
		ok "no process of the server ($server) died"
	fi
	mapfile -t files < <(find "$work/$server.log" "$work/$server/cipguard" "$work/logs/$server.relations" -type f)
	if perl -Itest/ci/sqlsmith -MSecrets -e 'exit Secrets::in_files(@ARGV)' "${files[@]}"; then
		ok "no value in log, journal, audit log and statistics ($server)"
	else
		bad "values in log, journal, audit log or statistics ($server)"
	fi
done
echo "sqlsmith: seed $seed"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
