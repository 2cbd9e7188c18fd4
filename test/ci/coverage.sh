#!/bin/bash
# coverage.sh: `make coverage`: which lines of src/*.c the tests run
#
# Builds everything with gcov's counters and without optimisation, runs
# test/tools/check.sh (whose variables select tests), and prints for each file,
# worst first, its percentage, the lines run and the lines there are.  A line of
# a pure file (no server interface) counts if a unit program or a server ran it.
#
# COVERAGE_FLOOR and COVERAGE_FLOOR_PURE are the percentages, of all files and
# of the pure ones, that are enough; the Makefile sets them.  Below one, the
# files that lack lines are named, and of pure files the lines.
# COVERAGE_LINES='src/a.c ...' prints the lines not run of these files as well.
#
# A process adds its counters to the files when it exits, one process at a time
# (libgcov locks each file), so no -fprofile-update=atomic is needed: that is
# for threads.  Processes that a test kills, and those of a server that is
# stopped at once or crashes, never exit; what only they ran counts as not run.
#
# Exit status: 0 if the tests passed and both floors are reached.  Last line:
# "N passed, N failed", of the tests as a whole and the two floors.
. "$(dirname "$0")/../tools/private_server.sh"

stage "$@"

: "${COVERAGE_FLOOR:?is a percentage}" "${COVERAGE_FLOOR_PURE:?is a percentage}"
passed=0 failed=0
result() { # LABEL COMMAND...
	local label=$1
	shift
	if "$@"; then
		passed=$((passed + 1))
		echo "ok      $label"
	else
		failed=$((failed + 1))
		echo "FAILED  $label"
	fi
}

# Lines "FILE LINE COUNT TEXT", of every build of a file, for those of src/*.c.
# Without a counter file, nothing of the object ran; gcov says so and goes on.
counts() {
	find "$work" -name '*.gcno' ! -name '*-*' -exec gcov -t {} + 2> "$work/gcov.log" |
		sed -nE 's/^ *([^ :]+): *([0-9]+):/\1 \2 /p' |
		awk '$2 == 0 { if (sub(/^Source:/, "", $3)) file = $3; next }
			file ~ /^src\/[^\/]*\.c$/ && $1 != "-" {
				count = $1 ~ /^[0-9]/
				line = $2
				sub(/^[^ ]+ [^ ]+ /, "")
				print file, line, count, $0
			}'
}

# One line each, those of which the count is 0 in all builds with 0.
merged() {
	sort -t ' ' -k 1,1 -k 2,2n -k 3,3nr | awk '!seen[$1, $2]++'
}

table() { # FILE...: percent, lines run, lines, name; worst first
	awk -v files="$*" '
		BEGIN { split(files, names, " "); for (i in names) wanted[names[i]] = 1 }
		$1 in wanted { lines[$1]++; run[$1] += $3 }
		END { for (f in lines) printf "%6.1f %% %6d %6d  %s\n", 100 * run[f] / lines[f], run[f], lines[f], f }
	' "$work/lines" | sort -n
}

total() { # FILE...: lines run, lines
	table "$@" | awk '{ run += $3; lines += $4 } END { print run + 0, lines + 0 }'
}

missed() { # FILE...: the lines not run
	local f
	for f; do
		awk -v f="$f" '$1 == f && $3 == 0 { n = $2; sub(/^[^ ]+ [^ ]+ [^ ]+ /, ""); print "        " f ":" n ":" $0 }' "$work/lines"
	done
}

enough() { # FLOOR FILE...
	local floor=$1 run lines
	shift
	read -r run lines < <(total "$@")
	[ "$lines" -gt 0 ] && [ $((100 * run)) -ge $((floor * lines)) ]
}

say_total() { # LABEL FILE...
	local label=$1 run lines
	shift
	read -r run lines < <(total "$@")
	awk -v l="$label" -v r="$run" -v n="$lines" 'BEGIN { printf "%6.1f %% %6d %6d  %s\n", n ? 100 * r / n : 0, r, n, l }'
}

# Debian's flags ask for checks that need optimisation.
export CIPGUARD_TAP_TIMEOUT=${CIPGUARD_TAP_TIMEOUT:-900}
export CIPGUARD_COPT="-O0 -U_FORTIFY_SOURCE -fno-lto --coverage ${CIPGUARD_COPT:-}"
tests=0
bash test/tools/check.sh || tests=$?

counts | merged > "$work/lines"
mapfile -t all < <(ls src/*.c)
mapfile -t pure < <(grep -L '"postgres\.h"' src/*.c)
echo
echo '     %       run  lines  file'
table "${all[@]}"
say_total 'all files' "${all[@]}"
say_total 'pure files' "${pure[@]}"

echo
result 'tests' [ "$tests" = 0 ]
result "all files, at least $COVERAGE_FLOOR %" enough "$COVERAGE_FLOOR" "${all[@]}"
enough "$COVERAGE_FLOOR" "${all[@]}" || table "${all[@]}" | awk -v floor="$COVERAGE_FLOOR" '$1 < floor { print "        " $0 }'
result "pure files, at least $COVERAGE_FLOOR_PURE %" enough "$COVERAGE_FLOOR_PURE" "${pure[@]}"
enough "$COVERAGE_FLOOR_PURE" "${pure[@]}" || missed "${pure[@]}"
# shellcheck disable=SC2086 # a list of words
missed ${COVERAGE_LINES:-}

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
