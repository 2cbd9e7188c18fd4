#!/bin/bash
# fuzz.sh: `make fuzz`: run the fuzz targets, as many at once as there are processors
#
# A target is test/fuzz/fuzz_NAME.c; its seeds are test/fuzz/corpus/NAME, its
# dictionary is test/fuzz/dict/NAME if there is one.
#
#   FUZZ_SECONDS=60   for each target.  0: run the seeds only, once, with gcc and
#                     without libFuzzer: whether what was found before is mended
#   FUZZ='name ...'   only these targets
#   FUZZ_KEEP=1       afterwards add inputs that reach what no seed reaches to the seeds
#
# Programs, logs and the inputs that failed stay in tmp_check/fuzz; with a failure
# the command that shows it again is printed.  Exit status 0 if all targets passed.
# Last line: "N passed, N failed".
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=${FUZZ_SECONDS:-60}
jobs=$(nproc)
dir=tmp_check/fuzz
read -ra libs < <(pkg-config --libs libcrypto 2> /dev/null || echo -lcrypto)
flags=(-D_GNU_SOURCE -g -O1 -fno-omit-frame-pointer -fno-strict-aliasing -fno-sanitize-recover=all -Isrc -Itest/fuzz -Itest/unit
	-I"$("${PG_CONFIG:-pg_config}" --includedir-server)")
if [ "$seconds" = 0 ]; then
	compiler=gcc kind=replay
	flags+=(-std=gnu99 '-fsanitize=address,undefined')
else
	compiler=clang kind=fuzz
	flags+=('-fsanitize=fuzzer-no-link,address,undefined')
fi
# It is longer than what is shown of a failure, and would hide the rest.
export ASAN_OPTIONS=print_legend=0:${ASAN_OPTIONS:-}
command -v "$compiler" > /dev/null || { echo "fuzz: $compiler is missing" >&2; exit 1; }
[ "$seconds" = 0 ] && engine=(test/fuzz/replay.c) || engine=(-fsanitize=fuzzer)
build=$dir/$kind
rm -rf "$build"
mkdir -p "$build" "$dir/found"

# What fails is told by the linker, for each target that needs it.
compile() { # FILE...: in parallel
	# shellcheck disable=SC2016 # for the shells of xargs
	printf '%s\n' "$@" | xargs -P "$jobs" -I{} bash -c '
		file=$1 build=$2 && shift 2
		"$@" -c "$file" -o "$build/$(basename "$file" .c).o" 2> "$build/$(basename "$file" .c).err"
	' _ {} "$build" "$compiler" "${flags[@]}" || cat "$build"/*.err
}

seeds_of() { echo "test/fuzz/corpus/$1"; }

fuzz() { # NAME: build and run it; the log says what happened
	local name=$1 program=$build/fuzz_$1 log=$build/$1.log options=()
	rm -f "$dir/$name"-*
	"$compiler" "${flags[@]}" "$build/fuzz_$name.o" "${engine[@]}" "$build/pure.a" "${libs[@]}" -lm -o "$program" > "$log" 2>&1 || return
	if [ "$seconds" = 0 ]; then
		"$program" "$(seeds_of "$name")"/* >> "$log" 2>&1
		return
	fi
	[ ! -e "test/fuzz/dict/$name" ] || options+=(-dict="test/fuzz/dict/$name")
	mkdir -p "$dir/found/$name"
	"$program" -max_total_time="$seconds" -timeout=20 -print_final_stats=1 -artifact_prefix="$dir/$name-" "${options[@]}" \
		"$dir/found/$name" "$(seeds_of "$name")" >> "$log" 2>&1 || return
	[ -z "${FUZZ_KEEP:-}" ] || "$program" -merge=1 -use_counters=0 "$(seeds_of "$name")" "$dir/found/$name" >> "$log.merge" 2>&1
}

figures() { # LOG: how much was run and reached
	if [ "$seconds" = 0 ]; then
		echo "$(grep -c '^input: ' "$1") inputs"
		return
	fi
	sed -nE 's/^stat::average_exec_per_sec: +/\t/p; s/^stat::number_of_executed_units: /\t/p
		s/^INFO: Loaded 1 modules +\(([0-9]+) .*/\t\1/p; s/^#[0-9]+\tDONE +cov: ([0-9]+) .*corp: ([0-9]+).*/\t\1\t\2/p' "$1" |
		tr -d '\n' | awk -F'\t' '{printf "%s runs, %s/s, %d of %d edges, %s inputs", $5, $6, $3, $2, $4}'
}

again() { # NAME: the command that shows a failure again
	local input
	if [ "$seconds" = 0 ]; then
		input=$(sed -n 's/^input: //p' "$build/$1.log" | tail -1)
	else
		input=$(compgen -G "$dir/$1-*" | head -1 || true)
	fi
	[ -z "$input" ] || echo "again:  $build/fuzz_$1 $input"
}

names=()
for f in test/fuzz/fuzz_*.c; do
	name=${f##*/fuzz_} name=${name%.c}
	[ -z "${FUZZ:-}" ] || [[ " $FUZZ " == *" $name "* ]] || continue
	names+=("$name")
done
mapfile -t pure < <(grep -L '"postgres\.h"' src/*.c)
mapfile -t targets < <(printf 'test/fuzz/fuzz_%s.c\n' "${names[@]}")
compile "${pure[@]}" "${targets[@]}"
mapfile -t objects < <(for f in "${pure[@]}"; do echo "$build/$(basename "$f" .c).o"; done)
ar rcs "$build/pure.a" "${objects[@]}"

passed=0 failed=0 running=0
report() { # once for each target that has ended
	local name
	wait -n || true
	running=$((running - 1))
	for name in "${names[@]}"; do
		[ -e "$build/$name.rc" ] || continue
		if [ "$(cat "$build/$name.rc")" = 0 ]; then
			passed=$((passed + 1))
			echo "ok      fuzz: $name ($(figures "$build/$name.log"))"
		else
			failed=$((failed + 1))
			echo "FAILED  fuzz: $name"
			grep -v '^input: ' "$build/$name.log" | tail -40 | sed 's/^/        /' || true
			again "$name"
		fi
		rm "$build/$name.rc"
	done
}
for name in "${names[@]}"; do
	[ "$running" -lt "$jobs" ] || report
	(rc=0; fuzz "$name" || rc=$?; echo "$rc" > "$build/$name.tmp"; mv "$build/$name.tmp" "$build/$name.rc") &
	running=$((running + 1))
done
while [ "$running" -gt 0 ]; do report; done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
