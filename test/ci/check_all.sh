#!/bin/bash
# check_all.sh: `make check-all`: everything that can find a fault, one after another
#
# What takes minutes is at the end.  A step that fails does not keep the next
# ones from running; the table at the end says how each ended and how long it
# took.  Exit status: 0 if all passed.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit

table=() bad=0
for step in lint check check-clients analyze fuzz sqlsmith coverage sanitize soak matrix valgrind faults; do
	echo "=== make $step"
	began=$SECONDS
	if make --no-print-directory "$step"; then result=ok; else result=FAILED bad=1; fi
	table+=("$(printf '%-8s%-14s%6d s' "$result" "$step" $((SECONDS - began)))")
done
echo
printf '%s\n' "${table[@]}"
exit $bad
