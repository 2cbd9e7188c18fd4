#!/bin/bash
# check.sh: `make check`: build, and run every test in private servers
#
# A test is a unit program (test/unit), a fuzz target on its seeds (test/fuzz), a
# pg_regress file (test/sql), an isolation spec (test/specs) or a TAP script (test/t).
# Unit programs run twice, as built for production and with sanitizers.
# pg_regress runs three times: the tests of types, keys, views and the log in a
# plain server and in one that preloads cipguard without masking tables, against
# the same expected files; those of masking in one that masks.  Last line:
# "N passed, N failed".  A skipped test is neither.
#
# TAP scripts get what `make installcheck` of PostgreSQL's own tree gives them.
#
# These are jobs, of which twice as many run at once as there are processors,
# since servers wait for disks and for each other.  JOBS=1 runs one after
# another.
#
# UNIT=0, REGRESS=0, ISOLATION=0 or TAP=0 leaves a kind out; TESTS='a b' runs only
# the tests of these names; SERVERS='a b' runs those of pg_regress in these
# servers only (plain, preloaded, masked).  CIPGUARD_TAP_TIMEOUT (300) and
# CIPGUARD_REGRESS_TIMEOUT (3600) are how many seconds a TAP script and all SQL
# tests in one server may take.
. "$(dirname "$0")/private_server.sh"

stage "$@"

began=$SECONDS
logs=$work/logs
passed=0 failed=0 skipped=0 failures=()
mkdir -p "$logs" "$work/jobs"

# A job prints these, below $work/jobs; count() reads them.
pass() { echo "ok      $1"; }
fail() { echo "FAILED  $1"; }
skip() { echo "skipped $1 ($2)"; }

running=0
job() { # NAME COMMAND...: when there is room, in the background
	local name=$1
	shift
	[ "$running" -lt "${JOBS:-$((2 * $(nproc)))}" ] || { wait -n || true; running=$((running - 1)); }
	running=$((running + 1))
	(
		started=$SECONDS
		trap - EXIT
		# A command before || would go on after an error.
		set +e
		(
			set -e
			"$@"
		) > "$work/jobs/$name.part" 2>&1
		rc=$?
		# An error of this script itself is a failure, too.
		[ "$rc" = 0 ] || echo "FAILED  $name (exit status $rc)" >> "$work/jobs/$name.part"
		echo "$((SECONDS - started)) $name" >> "$logs/seconds"
		mv "$work/jobs/$name.part" "$work/jobs/$name"
		cat "$work/jobs/$name"
	) &
}

count() {
	wait
	cat "$work/jobs"/* > "$work/results"
	passed=$(grep -c '^ok  ' "$work/results" || true)
	skipped=$(grep -c '^skipped ' "$work/results" || true)
	mapfile -t failures < <(sed -n 's/^FAILED  //p' "$work/results")
	failed=${#failures[@]}
}

# shellcheck disable=SC2329 # called by the trap
finish() {
	local rc=$? f
	[ "$rc" = 0 ] || failures+=("check.sh stopped early, exit status $rc") failed=$((failed + 1))
	echo
	for f in ${failures[@]+"${failures[@]}"}; do echo "FAILED  $f"; done
	[ "$failed" = 0 ] || echo "logs: tmp_check/logs"
	[ "$skipped" = 0 ] || echo "$skipped skipped"
	echo "took $((SECONDS - began)) s, longest: $(sort -rn "$logs/seconds" 2> /dev/null | head -5 | awk '{ printf "%s%s %s s", sep, $2, $1; sep = ", " }')"
	[ $((passed + failed)) -gt 0 ] || failed=1
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ]
	exit
}
trap finish EXIT

excerpt() { # FILE LINES: a part of a log, indented
	[ ! -s "$1" ] || head -"$2" "$1" | sed 's/^/        /'
}

# The outcome of a TAP stream: pass, fail, or skip and the reason.
tap_result() { # LOG STATUS
	awk -v status="$2" '
		/^ok /		{ n++ }
		/^not ok /	{ n++; if (!/# TO[D]O/) bad++ }
		/^1\.\.[0-9]+/	{ plan = substr($1, 4); seen = 1
			if (match($0, /# *[Ss][Kk][Ii][Pp]/)) reason = substr($0, RSTART + RLENGTH + 1) }
		END {
			if (seen && plan == 0 && status == 0) print "skip " reason
			else if (seen && plan == n && !bad && status == 0) print "pass"
			else print "fail"
		}' "$1"
}

tap_report() { # NAME LOG STATUS
	local r known
	r=$(tap_result "$2" "$3")
	case $r in
		pass)
			# What a script expects to fail is not hidden.
			known=$(grep -c '^not ok .*# TO[D]O' "$2" || true)
			pass "$1$([ "$known" = 0 ] || echo " ($known known failures)")"
			;;
		skip*) skip "$1" "${r#skip }" ;;
		*)
			fail "$1"
			{ grep -v '^ok ' "$2" || true; } | tail -40 | sed 's/^/        /'
			# A TAP script that dies says why in its own log only.
			tail -q -n 15 "${2%/*}"/regress_log_* 2> /dev/null | cut -c1-200 | sed 's/^/        /' || true
			;;
	esac
}

# The files that use no server interface.
pure_sources() { grep -L '"postgres\.h"' src/*.c || true; }

unit() { # LABEL FLAG...: build all unit programs and run them
	local label=$1 dir=$work/unit.$1 name f log rc libs
	shift
	mkdir -p "$dir"
	libs=$(pkg-config --libs libcrypto 2> /dev/null || echo -lcrypto)
	for f in $(pure_sources); do
		gcc -std=gnu99 -Wall -g -Isrc "$@" -c "$f" -o "$dir/$(basename "$f" .c).o" &
	done > "$logs/unit.$label.build" 2>&1
	wait
	for name in $(names test/unit .c); do
		[[ $name == test_* ]] || continue
		f=test/unit/$name.c log=$logs/$name.$label rc=0
		# shellcheck disable=SC2086 # a list of words
		gcc -std=gnu99 -Wall -g -Isrc -Itest/unit "$@" "$f" "$dir"/*.o $libs -lm -o "$dir/$name" \
			> "$log" 2>&1 || {
			cat "$logs/unit.$label.build" >> "$log"
			fail "unit/$name ($label: does not build)"
			excerpt "$log" 40
			continue
		}
		timeout 300 "$dir/$name" > "$log" 2>&1 || rc=$?
		tap_report "unit/$name ($label)" "$log" "$rc"
	done
}

unit_sanitized() {
	if echo 'int main(void) { return 0; }' |
		gcc -fsanitize=address,undefined -x c -o "$work/sanitized" - 2> /dev/null && "$work/sanitized"; then
		unit sanitized -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
	else
		skip 'unit (sanitized)' 'this compiler has no sanitizers'
	fi
}

# pg_regress and pg_isolation_regress print a line a test: "test NAME ... ok"
# before PostgreSQL 16, "ok 1 - NAME" since.
regress_ok() { # OUTPUT NAME
	grep -Eq "^(test|    ) *$2 +\.\.\. ok\b|^ok [0-9]+ +[-+] $2 " "$1"
}

regress() { # PROGRAM LABEL DATABASE TEST...
	local program=$1 label=$2 db=$3 out=$logs/$2 t bad=0
	shift 3
	[ $# -gt 0 ] || return 0
	[ -x "$program" ] || { skip "$label" "${program##*/} is not installed"; return 0; }
	mkdir -p "$out"
	# The tests after one without expected file would not run.
	for t; do touch -a "$work/src/expected/$t.out"; done
	# Expected files are looked for below the output directory first.
	ln -s "$work/src/expected" "$out/expected"
	timeout -k 20 "${CIPGUARD_REGRESS_TIMEOUT:-3600}" "$program" --bindir="$bindir" --inputdir=test \
		--outputdir="$out" --encoding=UTF8 --no-locale --dbname="$db" "$@" > "$out/output" 2>&1 || true
	for t; do
		if regress_ok "$out/output" "$t"; then pass "$label/$t"; else fail "$label/$t"; bad=1; fi
	done
	rm "$out/expected"
	if [ -s "$out/regression.diffs" ]; then
		excerpt "$out/regression.diffs" 100
	elif [ "$bad" != 0 ]; then
		grep -Ev '^(ok|test .* ok)' "$out/output" | tail -20 | sed 's/^/        /'
	fi
	cp "$PGDATA.log" "$out/server.log"
}

names() { # DIR SUFFIX: names of the tests, setup first
	local f n list=()
	for f in "$1"/*"$2"; do
		n=$(basename "$f" "$2")
		[ -e "$f" ] || continue
		if [ "$n" = setup ]; then
			list=("$n" ${list[@]+"${list[@]}"})
		elif [ -z "${TESTS:-}" ] || [[ " $TESTS " == *" $n "* ]]; then
			list+=("$n")
		fi
	done
	echo ${list[@]+"${list[@]}"}
}

# Those for a server that masks tables themselves say so in a line of their
# own, "-- server: masked"; setup is for any.
masking() { # on|off DIR NAME...
	local want=$1 dir=$2 t has
	shift 2
	for t; do
		has=off
		! grep -q '^-- server: masked$' "$dir/$t.sql" || has=on
		[ "$has" != "$want" ] && [ "$t" != setup ] || echo "$t"
	done
}

tap_scripts() {
	local name root all
	root=$(realpath "$(dirname "$("$PG_CONFIG" --pgxs)")/..")
	export PG_REGRESS=$root/test/regress/pg_regress PERL5LIB=$root/test/perl:$work/src/test/t
	export PG_TEST_PORT_DIR=$work/ports top_builddir=$root/..
	unset PGHOST PGPORT PGUSER PGDATA PGDATABASE PGCLIENTENCODING
	[ -e "$root/test/perl/PostgreSQL/Test/Cluster.pm" ] || { job tap skip tap 'PostgreSQL::Test::Cluster is not installed'; return; }
	# The longest first, so that none is left over at the end.
	all=" $(names test/t .pl) "
	for name in 111_redteam_copy 204_conditions 200_budget 030_dump $all; do
		[[ $all == *" $name "* ]] || continue
		all=${all/ $name / }
		job "$name" tap_script "$name"
	done
}

tap_script() { # NAME: one script, in directories of its own
	local dir=$work/tap.$1 log=$logs/tap.$1 rc=0
	mkdir -p "$dir" "$log"
	TESTDIR=$dir TESTDATADIR=$dir/tmp_check TESTLOGDIR=$log PGPORT=65432 TMPDIR=$work \
		timeout -k 20 "${CIPGUARD_TAP_TIMEOUT:-300}" perl "test/t/$1.pl" > "$log/output" 2> "$log/errors" < /dev/null || rc=$?
	# Diagnostics belong below the test they are about, but only the order of
	# one stream is known.
	cat "$log/errors" >> "$log/output"
	[ ! -d "$dir/tmp_check/log" ] || cp -r "$dir/tmp_check/log/." "$log/"
	# PostgreSQL::Test::Cluster keeps the data of failed tests; nobody will look.
	rm -rf "$dir"
	tap_report "tap/$1" "$log/output" "$rc"
}

echo "cipguard check: $("$PG_CONFIG" --version), $(gcc --version | head -1), user $(id -un)"
build || { cp "$work"/*.log "$logs"; failures=(build) failed=1; tail -60 "$work/build.log"; exit 0; }

programs=$(dirname "$("$PG_CONFIG" --pgxs)")/../test
regress_on() { # SERVER PORT MASKING [LINE...]: the SQL tests for such a server, in a new one
	local server=$1 first_port=$2 list specs
	[ -z "${SERVERS:-}" ] || [[ " $SERVERS " == *" $server "* ]] || return 0
	# shellcheck disable=SC2046 # a list of words
	list=$(masking "$3" test/sql $(names test/sql .sql))
	shift 3
	start_server "$server" "$@"
	# shellcheck disable=SC2086 # a list of words
	[ "${REGRESS:-1}" = 0 ] || regress "$programs/regress/pg_regress" "$server" contrib_regression $list
	if [ "$server" = masked ] && [ "${ISOLATION:-1}" != 0 ]; then
		specs=$(names test/specs .spec)
		# shellcheck disable=SC2086
		regress "$programs/isolation/pg_isolation_regress" isolation isolation_regression $specs
	fi
	stop_server "$server"
}

# Tests read more than the law would have somebody read in a day.
job masked regress_on masked 5432 on "shared_preload_libraries = 'cipguard'" 'cipguard.default_budgets = off'
job preloaded regress_on preloaded 5532 off "shared_preload_libraries = 'cipguard'" 'cipguard.default_budgets = off' \
	'cipguard.transparent_masking = off'
job plain regress_on plain 5632 off
if [ "${UNIT:-1}" != 0 ]; then
	# shellcheck disable=SC2086 # a list of words
	job unit_plain unit plain -O2 ${CIPGUARD_COPT:-}
	job unit_sanitized unit_sanitized
	# The private pg_config names headers that are not there.
	[ -n "${TESTS:-}" ] || job fuzz env PATH="${PATH#*:}" FUZZ_SECONDS=0 test/tools/fuzz.sh
fi
[ "${TAP:-1}" = 0 ] || tap_scripts
count
