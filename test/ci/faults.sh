#!/bin/bash
# faults.sh: `make faults`: every checker, on a tree with a fault that it has to find
#
# A fault is a patch, test/ci/faults/NAME.patch.  Lines before the diff say
#
#   Checker: what finds it, as listed by required() below
#   Run: the command that has to fail, run in a copy of the tree
#   Expect: an extended regular expression that its output has to match
#
# Below a fault that was found stands the line that matched.  A checker without
# a fault is a failure.  Last line: "N passed, N failed".
#
#   FAULTS='pattern ...'   only those with such a name: lint_* fuzz_date
#   FAULTS_JOBS=2          how many of the light ones run at once, as many as there
#                          are processors unless set; those that start servers
#                          share the machine with no other
set -euo pipefail
cd "$(dirname "$0")/../.."

top=$PWD
dir=$(mktemp -d "${CIPGUARD_TMP:-/tmp}/cipguard-faults.XXXXXX")
chmod 755 "$dir"
trap 'rm -rf "$dir"' EXIT
jobs=${FAULTS_JOBS:-$(nproc)} running=0
mkdir "$dir/results"

fail() { echo "FAILED  $1"; }

field() { sed -n "/^---/q; s/^$2: //p" "$1" | head -1; }

# Checkers that consist of several say which: the names are those they print.
required() {
	printf '%s\n' unit regress isolation tap catalog upgrade matrix sanitize valgrind sqlsmith coverage soak
	sed -n "s/^check '\([^']*\)'.*/lint: \1/p" test/tools/lint.sh
	sed -n "s/^check '\([^']*\)'.*/analyze: \1/p" test/ci/analyze.sh
	for f in test/fuzz/fuzz_*.c; do
		f=${f##*/fuzz_}
		echo "fuzz: ${f%.c}"
	done
}

light() { [[ $(field "$1" Checker) =~ ^(lint|analyze|fuzz|unit) ]]; }

try() { # NAME
	local patch=$top/test/ci/faults/$1.patch tree=$dir/$1 log=$dir/$1.log rc=0 began=$SECONDS checker
	checker=$(field "$patch" Checker)
	mkdir "$tree"
	tar --exclude=./.git --exclude=./tmp_check --exclude=./.deps --exclude='*.o' --exclude='*.so' -cf - . | tar -C "$tree" -xf -
	if ! patch -d "$tree" -p1 -s --no-backup-if-mismatch < "$patch" > "$log" 2>&1; then
		fail "$1: the patch does not apply"
		sed 's/^/        /' "$log"
		return
	fi
	(cd "$tree" && timeout 3600 bash -c "$(field "$patch" Run)") > "$log" 2>&1 < /dev/null || rc=$?
	if [ "$rc" = 0 ]; then
		fail "$1: not found by $checker"
		tail -5 "$log" | sed 's/^/        /'
	elif ! grep -aEqe "$(field "$patch" Expect)" "$log"; then
		fail "$1: $checker failed for another reason"
		tail -20 "$log" | sed 's/^/        /'
	else
		echo "ok      $1 ($checker, $((SECONDS - began)) s)"
		grep -aEm1 -e "$(field "$patch" Expect)" "$log" | cut -c1-200 | sed 's/^ */        /'
	fi
	rm -rf "$tree"
}

# With N others at most, in the background; prints when it has ended.
start() { # N NAME
	while [ "$running" -gt "$1" ]; do
		wait -n || true
		running=$((running - 1))
	done
	(
		trap - EXIT
		try "$2" > "$dir/results/$2" 2>&1 || fail "$2: faults.sh itself failed" >> "$dir/results/$2"
		cat "$dir/results/$2"
	) &
	running=$((running + 1))
}

read -ra patterns <<< "${FAULTS:-*}"
light=() heavy=()
for f in test/ci/faults/*.patch; do
	name=$(basename "$f" .patch)
	for pattern in "${patterns[@]}"; do
		# shellcheck disable=SC2053 # a pattern
		[[ $name == $pattern ]] || continue
		if light "$f"; then light+=("$name"); else heavy+=("$name"); fi
		break
	done
done
for name in ${light[@]+"${light[@]}"}; do start $((jobs - 1)) "$name"; done
for name in ${heavy[@]+"${heavy[@]}"}; do start 0 "$name"; done
wait
if [ -z "${FAULTS:-}" ]; then
	for f in test/ci/faults/*.patch; do field "$f" Checker; done | sort -u > "$dir/tried"
	while read -r name; do
		grep -Fxq -- "$name" "$dir/tried" || fail "$name: no fault is kept for it"
	done < <(required) | tee "$dir/results/required"
fi
passed=$(cat "$dir"/results/* | grep -c '^ok  ' || true)
failed=$(cat "$dir"/results/* | grep -c '^FAILED ' || true)
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
