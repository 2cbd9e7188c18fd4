#!/bin/bash
# faults.sh: `make faults`: every checker, on a tree with a fault that it has to find
#
# A fault is a patch, test/ci/faults/NAME.patch.  Lines before the diff say
#
#   Checker: what finds it, as listed by required() below
#   Run: the command that has to fail, run in a copy of the tree
#   Expect: an extended regular expression that its output has to match
#
# FAULTS='name ...' tries only these.  A checker without a fault is a failure.
# Last line: "N passed, N failed".
set -euo pipefail
cd "$(dirname "$0")/../.."

top=$PWD
dir=$(mktemp -d "${CIPGUARD_TMP:-/tmp}/cipguard-faults.XXXXXX")
chmod 755 "$dir"
trap 'rm -rf "$dir"' EXIT
passed=0 failed=0

pass() { passed=$((passed + 1)); echo "ok      $1"; }
fail() { failed=$((failed + 1)); echo "FAILED  $1"; }

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

try() { # NAME
	local patch=$top/test/ci/faults/$1.patch tree=$dir/$1 log=$dir/$1.log rc=0 began=$SECONDS
	mkdir "$tree"
	tar --exclude=./.git --exclude=./tmp_check --exclude=./.deps --exclude='*.o' --exclude='*.so' -cf - . | tar -C "$tree" -xf -
	if ! patch -d "$tree" -p1 -s --no-backup-if-mismatch < "$patch" > "$log" 2>&1; then
		fail "$1: the patch does not apply"
		sed 's/^/        /' "$log"
		return
	fi
	(cd "$tree" && timeout 3600 bash -c "$(field "$patch" Run)") > "$log" 2>&1 < /dev/null || rc=$?
	if [ "$rc" = 0 ]; then
		fail "$1: not found by $(field "$patch" Checker)"
		tail -5 "$log" | sed 's/^/        /'
	elif ! grep -Eq -- "$(field "$patch" Expect)" "$log"; then
		fail "$1: $(field "$patch" Checker) failed for another reason"
		tail -20 "$log" | sed 's/^/        /'
	else
		pass "$1 ($(field "$patch" Checker), $((SECONDS - began)) s)"
	fi
	rm -rf "$tree"
}

for f in test/ci/faults/*.patch; do
	name=$(basename "$f" .patch)
	[ -z "${FAULTS:-}" ] || [[ " $FAULTS " == *" $name "* ]] || continue
	try "$name"
done
if [ -z "${FAULTS:-}" ]; then
	for f in test/ci/faults/*.patch; do field "$f" Checker; done | sort -u > "$dir/tried"
	while read -r name; do
		grep -Fxq -- "$name" "$dir/tried" || fail "$name: no fault is kept for it"
	done < <(required)
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
