#!/bin/bash
# fuzz.sh: `make fuzz`: run every fuzz target for FUZZ_SECONDS (default 60)
#
# A target is test/fuzz/fuzz_NAME.c; its seeds are test/fuzz/corpus/NAME if that
# directory exists, else test/fuzz/corpus.  What crashed stays in tmp_check/fuzz.
# Last line: "N passed, N failed".
set -euo pipefail
cd "$(dirname "$0")/../.."

command -v clang > /dev/null || { echo 'fuzz: clang is missing' >&2; exit 1; }
seconds=${FUZZ_SECONDS:-60}
dir=$PWD/tmp_check/fuzz
mkdir -p "$dir"
libs=$(pkg-config --libs libcrypto 2> /dev/null || echo -lcrypto)
mapfile -t pure < <(grep -L '"postgres\.h"' src/*.c)
passed=0 failed=0
for f in test/fuzz/fuzz_*.c; do
	[ -e "$f" ] || continue
	name=$(basename "$f" .c) seeds=test/fuzz/corpus
	name=${name#fuzz_}
	[ ! -d "$seeds/$name" ] || seeds=$seeds/$name
	mkdir -p "$dir/$name.corpus"
	echo "== fuzz_$name, $seconds s"
	# shellcheck disable=SC2086 # a list of words
	if clang -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -Isrc \
		"$f" "${pure[@]}" $libs -lm -o "$dir/fuzz_$name" &&
		"$dir/fuzz_$name" -max_total_time="$seconds" -artifact_prefix="$dir/$name-" -print_final_stats=1 \
			"$dir/$name.corpus" "$seeds" > "$dir/$name.log" 2>&1; then
		grep -E 'number_of_executed_units|new_units_added' "$dir/$name.log" || true
		passed=$((passed + 1))
	else
		tail -30 "$dir/$name.log" || true
		failed=$((failed + 1))
	fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
