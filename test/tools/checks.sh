#!/bin/bash
# checks.sh: named checks; sourced by lint.sh and test/ci/analyze.sh
#
#   check NAME COMMAND...   passes if the command succeeds and prints nothing;
#                           CHECKS='regex' runs only those whose names match
#   have COMMAND PACKAGE    fails, and says so, if a tool is missing
#   verdict                 print "N passed, N failed"; fails unless all passed
#
# What a command prints goes through $work/out.
passed=0 failed=0

check() {
	local name=$1 rc=0 began=$SECONDS
	shift
	[[ $name =~ ${CHECKS:-} ]] || return 0
	"$@" > "${work:?}/out" 2>&1 < /dev/null || rc=$?
	if [ "$rc" = 0 ] && [ ! -s "$work/out" ]; then
		passed=$((passed + 1))
		echo "ok      $name ($((SECONDS - began)) s)"
	else
		failed=$((failed + 1))
		echo "FAILED  $name"
		[ -s "$work/out" ] || echo "exit status $rc" > "$work/out"
		head -200 "$work/out" | sed 's/^/        /'
	fi
}

have() { command -v "$1" > /dev/null || { echo "$1 is missing, Debian package $2"; return 1; }; }

verdict() {
	[ $((passed + failed)) -gt 0 ] || echo "no check matches CHECKS='${CHECKS:-}'"
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}
