#!/bin/bash
# analyze.sh: `make analyze`: static analysers of the C code and of the PL/pgSQL code
#
# A finding is mended, or kept quiet where it arises, with the reason beside
# it; whole kinds that do not fit are left out below and in test/ci/analyze.
# CHECKS='regex' runs only the checks whose names it matches; FILES='src/x.c ...'
# looks only at these files, and then says nothing of functions that others
# use.  Last line: "N passed, N failed"; fails unless all passed.
. "$(dirname "$0")/../tools/private_server.sh"
. "$(dirname "$0")/../tools/checks.sh"

stage "$@"

read -r -a files <<< "${FILES:-$(echo src/*.c)}"
mapfile -t server < <(grep -l '"postgres\.h"' "${files[@]}")
mapfile -t pure < <(grep -L '"postgres\.h"' "${files[@]}")
others=()
[ -n "${FILES:-}" ] || others=(test/unit/test_*.c test/fuzz/fuzz_*.c)
config=test/ci/analyze

# As the module is built, with assertions, which tell what cannot happen; the
# headers of the server are not ours to judge.
flags=(-std=gnu99 -fno-strict-aliasing -fwrapv -D_GNU_SOURCE -DUSE_ASSERT_CHECKING=1
	-isystem "$("$PG_CONFIG" --includedir-server)" -Isrc -Itest/unit)

# Run a command for each file that stdin names (empty lines do not), in place of its argument {}, as
# many at a time as there are processors; what they say comes in that order.
each() { # COMMAND...
	local dir=$work/each
	rm -rf "$dir"
	mkdir "$dir"
	# shellcheck disable=SC2016 # expanded by that shell; xargs adds number and file
	sed '/^$/d' | nl -nrz -s' ' | sed "s,^,$dir/," | xargs -r -P "$(nproc)" -L 1 bash -c '
		file=${*: -1} out=${*: -2:1}
		set -- "${@:1:$#-2}"
		"${@//\{\}/$file}" > "$out" 2>&1 || echo "$file: exit status $?" >> "$out"' \
		each "$@"
	find "$dir" -type f | sort | xargs -r cat
}

# At -O0, as what the optimizer does before the analyser looks hides faults and
# makes up others.  With the default limit (5) of states per
# statement it leaves larger files half way.
# Tests do not look whether there was memory, so they are left to cppcheck.
gcc_analyzer() {
	local analyze=(gcc "${flags[@]}" -O0 -fanalyzer --param analyzer-bb-explosion-factor=20 -c -o /dev/null '{}')
	printf '%s\n' "${files[@]/#src\/suite_ctr.c/}" | each "${analyze[@]}"
	# One loop there fills what another reads, up to the same length: gcc 12 sees no connection.
	printf '%s\n' "${files[@]}" | { grep -x src/suite_ctr.c || true; } |
		each "${analyze[@]}" -Wno-analyzer-use-of-uninitialized-value
}

# What scan-build runs.  handles.h makes what the server opens and closes known.
clang_analyzer() {
	have clang clang || return 1
	# shellcheck disable=SC2054 # commas of the option
	local analyze=(clang --analyze --analyzer-output text "${flags[@]}" -Wno-ignored-attributes -Wno-unused-value -o /dev/null
		-Xclang -analyzer-checker=core,unix,deadcode,security,nullability,valist,alpha.unix.SimpleStream
		-include "$config/handles.h" '{}')
	printf '%s\n' "${server[@]}" | each "${analyze[@]}" -DCG_ANALYZE_SERVER
	printf '%s\n' "${pure[@]}" | each "${analyze[@]}"
}

# Only what is of the server has any.
locks() {
	have clang clang || return 1
	printf '%s\n' "${server[@]}" |
		each clang -fsyntax-only "${flags[@]}" -Wno-ignored-attributes -Wthread-safety -Wno-thread-safety-attributes \
			-include "$config/locks.h" '{}'
}

clang_tidy() {
	have clang-tidy clang-tidy || return 1
	# It counts on stderr what it does not show.
	printf '%s\n' "${files[@]}" |
		each bash -c 'clang-tidy --quiet "$@" 2> /dev/null' clang-tidy --config-file="$config/clang-tidy.yaml" '{}' -- \
			"${flags[@]}" -Wno-ignored-attributes
}

# All files at once, in one process, as it looks for functions that none uses.
cppcheck_all() {
	have cppcheck cppcheck || return 1
	local kinds=warning,performance,portability,style
	[ -n "${FILES:-}" ] || kinds=$kinds,unusedFunction
	cppcheck -q --std=c99 --platform=unix64 --enable="$kinds" --inline-suppr --suppress-xml="$config/cppcheck.xml" \
		--library=posix,openssl,"$config/postgres.cfg" -D_GNU_SOURCE -DPG_VERSION_NUM=150000 -Isrc -Itest/unit \
		"${files[@]}" "${others[@]}"
}

plpgsql() {
	have pg_config postgresql-common || return 1
	build || { tail -20 "$work/build.log"; return 1; }
	start_server analyze || return 1
	psql -X -q -A -t -f "$config/plpgsql_check.sql" || return 1
	stop_server analyze
}

echo "${#files[@]} files of the module, ${#others[@]} of its tests; $(gcc --version | head -1); $(clang --version | head -1)"
check 'gcc -fanalyzer' gcc_analyzer
check 'scan-build' clang_analyzer
check 'locks and blocks' locks
check 'clang-tidy' clang_tidy
check 'cppcheck' cppcheck_all
check 'plpgsql_check' plpgsql
verdict
