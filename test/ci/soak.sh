#!/bin/bash
# soak.sh: `make soak`: clients at work while processes are killed
#
# test/t/180_soak.pl, which is a part of `make check` for some seconds, for
# MINUTES (10; 0.5 is half a minute), with a standby from half a minute on.
# SOAK_SEED begins its random numbers; the one of a run is printed.
# Prints what was done how often, and what was checked.
# Exit status: 0 if every check passed.  Last line: "N passed, N failed".
. "$(dirname "$0")/../tools/private_server.sh"

seconds=$(awk -v m="${MINUTES:-10}" 'BEGIN { s = m * 60; if (m !~ /^[0-9]*\.?[0-9]+$/ || s < 1) exit 1; printf "%d", s }') ||
	die 'MINUTES is a number, such as 10 or 0.5'

stage "$@"

export CIPGUARD_SOAK_SECONDS=$seconds SOAK_SEED=${SOAK_SEED:-$((1 + RANDOM * 32768 + RANDOM))}
# Setting up and checking what was left take longer for longer runs.
export CIPGUARD_TAP_TIMEOUT=$((300 + seconds * 3))
echo "cipguard soak: $seconds seconds, SOAK_SEED=$SOAK_SEED"
rc=0
TESTS=180_soak UNIT=0 REGRESS=0 ISOLATION=0 TAP=1 bash test/tools/check.sh > "$work/soak.out" 2>&1 || rc=$?
grep -E '^(ok|not ok|# )' "$work/logs/tap.180_soak/output" | grep -v '^#  *at ' || true
cat "$work/soak.out"
exit "$rc"
