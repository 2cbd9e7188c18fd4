#!/bin/bash
# memory.sh: tests in servers that a memory checker watches; sourced after
# private_server.sh, by sanitize.sh and valgrind.sh
#
#   suite NAME              run check.sh in the work directory $work/NAME, with
#                           what CIPGUARD_COPT, CIPGUARD_WRAP and the variables
#                           of check.sh say; any report is a failure, whether or
#                           not a test noticed
#   probe NAME FUNCTION...  then, in a server of that work directory, call these
#                           functions of memory_probe.c: each has to be reported
#   verdict                 at the end: "N passed, N failed"
#
# A report is a file that is not empty in $work/NAME/reports.  A caller whose
# checker reports elsewhere defines a function collect NAME, which puts it there.

: "${work:?}" "${bindir:?}"

# Servers that are watched take long to stop, too.
export PGCTLTIMEOUT=300

passed=0 failed=0 failures=() began=$SECONDS

pass() { passed=$((passed + 1)); echo "ok      $1"; }
fail() { failed=$((failed + 1)); failures+=("$1"); echo "FAILED  $1"; }

# shellcheck disable=SC2329 # called by the trap
verdict() {
	local rc=$? f
	# An error of the script itself is a failure too.
	[ "$rc" = 0 ] || fail "${0##*/} stopped early, exit status $rc"
	echo
	for f in ${failures[@]+"${failures[@]}"}; do echo "FAILED  $f"; done
	[ "$failed" = 0 ] || echo 'logs: tmp_check/logs'
	echo "took $((SECONDS - began)) s"
	echo "$passed passed, $failed failed"
	# Plain `exit` would give the status from before the trap.
	if [ "$failed" != 0 ] || [ "$passed" = 0 ]; then exit 1; fi
	exit 0
}

reports() { # NAME: files with reports
	! declare -F collect > /dev/null || collect "$1"
	find "$work/$1/reports" -type f -size +0 | sort
}

suite() { # NAME
	local dir=$work/$1 log=$work/logs/$1 last f found=()
	mkdir -p "$dir/reports" "$work/logs"
	ln -s ../src "$dir/src"
	{ CIPGUARD_WORK=$dir bash test/tools/check.sh || true; } | tee "$dir/output"
	last=$(tail -1 "$dir/output")
	if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
		passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
		while read -r f; do failures+=("$1: $f"); done < <(sed -n 's/^FAILED  //p' "$dir/output" | sort -u)
	else
		fail "$1: check.sh did not end"
	fi
	mv "$dir/logs" "$log"
	mapfile -t found < <(reports "$1")
	if [ ${#found[@]} = 0 ]; then
		pass "$1: no reports"
	else
		cp -r "$dir/reports" "$log/reports"
		fail "$1: ${#found[@]} reports, in tmp_check/logs/$1/reports"
		for f in "${found[@]:0:5}"; do
			echo "        ${f##*/}:"
			head -60 "$f" | cut -c1-200 | sed 's/^/            /'
		done
	fi
	rm -rf "$dir/reports"/*
}

call() { # FUNCTION...: in a server of the work directory
	local f
	start_server probe "shared_preload_libraries = 'cipguard'" || return
	for f; do
		# The connection is lost where the checker ends the process.
		timeout 120 psql -X -q -c "CREATE FUNCTION $f() RETURNS integer LANGUAGE c AS '$work/memory_probe'" \
			-c "SELECT $f()" > "$work/$f.out" 2>&1 || true
		timeout 120 bash -c 'until pg_isready -q; do sleep 0.5; done' || return
	done
	stop_server probe
}

probe() { # NAME FUNCTION...
	local dir=$work/$1 name=$1 f
	shift
	# shellcheck disable=SC2086,SC2046 # lists of words
	gcc $("$PG_CONFIG" --cflags) ${CIPGUARD_COPT:-} -fPIC -shared -I"$("$PG_CONFIG" --includedir-server)" \
		-o "$dir/memory_probe.so" test/ci/memory_probe.c
	PATH=$dir/inst$bindir:$PATH work=$dir call "$@" || { fail "$name: no server to probe"; return; }
	for f; do
		if reports "$name" | tr '\n' '\0' | xargs -0 -r grep -q "$f"; then
			pass "$name: $f is reported"
		else
			fail "$name: $f is not reported, so the checker is not active"
			sed 's/^/        /' "$dir/$f.out"
		fi
	done
}

trap verdict EXIT
