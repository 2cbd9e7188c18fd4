#!/bin/bash
# lint.sh: `make lint`: what a reviewer need not look for
#
# Each check prints what is wrong and where.  A check whose tool is missing
# fails and names the package (`make lint` installs them all first).  Files that
# git does not know yet are checked too.  CHECKS='regex' runs only the checks
# whose names match.  Last line: "N passed, N failed".
set -euo pipefail
cd "$(dirname "$0")/../.."
export LC_ALL=C

pg_config=${PG_CONFIG:-pg_config}
work=$(mktemp -d "${TMPDIR:-/tmp}/cipguard-lint.XXXXXX")
trap 'rm -rf "$work"' EXIT
. test/tools/checks.sh

# All files of ours; vectors, expected results and corpora are data.
find . \( -path ./.git -o -path ./tmp_check -o -path ./results -o -path ./output_iso -o -path ./.deps \
	-o -path ./expected -o -path ./test/vectors -o -path ./test/fuzz/corpus \
	-o -name 'cipguard.??????' \) -prune -o -type f \
	\( -name '*.[chs]' -o -name '*.sql' -o -name '*.pl' -o -name '*.pm' -o -name '*.sh' -o -name '*.spec' \
	-o -name Makefile -o -name '*.md' -o -name '*.map' -o -name '*.control' -o -path './.ci/*' \) \
	-printf '%P\n' | grep -v '^sql/cipguard--1\.0\.sql$' | sort > "$work/files"
# shellcheck disable=SC2329 # checks are called by their names
c_files() { grep -E '^(src|test/(unit|fuzz|bench))/.*\.[ch]$' "$work/files" || true; }

found() { ! grep "$@"; }	# fails, and prints, if grep finds

warnings() { # COMPILER FLAG...
	local cc=$1
	shift
	have "$cc" "$cc" || return 1
	# The headers of the server are not ours to warn about.
	printf '%s\n' src/*.c | xargs -P "$(nproc)" -n 8 "$cc" -fsyntax-only -std=gnu99 -fno-strict-aliasing -fwrapv \
		-Wall -Wextra -Wmissing-prototypes -Wpointer-arith -Wdeclaration-after-statement -Wvla -Wendif-labels \
		-Wformat=2 -Wundef -Wshadow -Wstrict-prototypes -Wold-style-definition -Wno-unused-parameter \
		-Wno-sign-compare -Wno-missing-field-initializers -Werror "$@" \
		-isystem "$("$pg_config" --includedir-server)" -D_GNU_SOURCE -Isrc
}

build_warnings() {
	warnings gcc -O2 -Wimplicit-fallthrough=3 -Wcast-function-type -Wlogical-op -Wduplicated-cond -Wmissing-format-attribute
}

# Which of our files includes which.
grep -HoE '^#include "[a-z0-9_]+\.h"' src/*.[ch] | sed 's,^src/,,; s/:#include "/ /; s/"$//' |
	while read -r from to; do
		[ ! -e "src/$to" ] || echo "$from $to"
	done > "$work/includes"

# Layers: tsort fails on a cycle.
include_graph() {
	have tsort coreutils || return 1
	tsort "$work/includes" > /dev/null
}

# Pure files (those without postgres.h) may include pure files only.
pure() {
	local f h bad=0
	grep -lE '#include "(postgres|fmgr|c)\.h"' src/*.[ch] | sed 's,src/,,' > "$work/impure"
	# What includes a server header, directly or through ours, is not pure.
	for f in src/*.[ch]; do
		grep -oE '^#include "[^"]+"' "$f" | cut -d'"' -f2 | while read -r h; do
			[ -e "src/$h" ] || basename "$f"
		done
	done | sort -u >> "$work/impure"
	while :; do
		awk 'NR == FNR { impure[$1]; next } ($2 in impure) && !($1 in impure) { print $1 }' \
			"$work/impure" "$work/includes" | sort -u > "$work/more"
		[ -s "$work/more" ] || break
		cat "$work/more" >> "$work/impure"
	done
	for f in src/*.c; do
		! grep -q '"postgres\.h"' "$f" || continue
		! grep -qx "$(basename "$f")" "$work/impure" ||
			{ echo "$f: includes a header of the server, but not postgres.h first"; bad=1; }
		found -nHE '\b(ereport|elog|palloc0?|pfree|pstrdup|MemoryContext|Assert)\b *\(' "$f" || bad=1
	done
	# The modules that DESIGN's pure layer names.
	for f in digest keywrap suite suite_aes suite_ctr suite_siv suite_sm4 envelope armor normal ident_cn ident_intl mask merkle; do
		[ ! -e "src/$f.c" ] || ! grep -qx "$f.c" "$work/impure" || { echo "src/$f.c: pure by name, yet needs the server"; bad=1; }
	done
	return $bad
}

include_order() { # postgres.h first in what is not pure, and never in a header
	found -nHE '#include "postgres\.h"' src/*.h || return 1
	awk 'FNR == 1 { seen = 0 } /^#include/ { if (!seen++ && !/postgres\.h/) first[FILENAME] = FNR
			else if (seen > 1 && /"postgres\.h"/) { print FILENAME ":" FNR ": postgres.h is not first"; bad = 1 } }
		END { exit bad }' src/*.c
}

symbols() {
	local tree=$work/tree
	mkdir "$tree"
	tar -cf - --exclude='*.o' Makefile cipguard.control src sql test/sql test/specs 2> /dev/null | tar -xf - -C "$tree" || true
	# Symbols are the same without optimization.
	env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s -C "$tree" -j"$(nproc)" PG_CONFIG="$pg_config" COPT='-O0 -g0 -w' \
		> "$work/build" 2>&1 ||
		{ tail -20 "$work/build"; return 1; }
	# Of the objects, where each global name could clash before PostgreSQL 16,
	# and of the library, which exports less.
	nm -A --defined-only --extern-only "$tree"/src/*.o | sed "s,^$tree/,," |
		awk '$3 !~ /^(cg_|cipguard_|pg_finfo_cipguard_|Pg_magic_func$|_PG_init$)/ { print $1, $3; bad = 1 } END { exit bad }' || return 1
	nm -D --defined-only "$tree/cipguard.so" |
		awk '$3 !~ /^(cipguard_|pg_finfo_cipguard_|Pg_magic_func$|_PG_init$)/ { print "cipguard.so:", $3; bad = 1 } END { exit bad }' || return 1
	# Every C function that the SQL names must be there.
	grep -ohE "'MODULE_PATHNAME', *'[a-z0-9_]+'" "$tree/sql/cipguard--1.0.sql" | cut -d"'" -f4 | sort -u > "$work/wanted"
	nm -D --defined-only "$tree/cipguard.so" | awk '{ print $3 }' | sort > "$work/exported"
	comm -23 "$work/wanted" "$work/exported" | sed 's/$/: named in SQL, not in the library/'
}

# Of a name in both, pg_regress would run the wrong one; and one directory
# holds the expected files of both kinds.
test_names() {
	local f n
	for f in test/sql/*.sql; do
		n=$(basename "$f" .sql)
		[ -e "$f" ] || continue
		[ ! -e "sql/$n.sql" ] || echo "$f: sql/$n.sql exists"
		[ ! -e "test/specs/$n.spec" ] || echo "$f: test/specs/$n.spec has the same name"
		[ -e "expected/$n.out" ] || echo "$f: no expected/$n.out"
		found -nH 'VERBOSITY verbose' "$f" || true
	done
	for f in test/specs/*.spec; do
		[ ! -e "$f" ] || [ -e "expected/$(basename "$f" .spec).out" ] || echo "$f: no expected file"
	done
}

lengths() { xargs -a "$work/files" wc -l | awk '$2 != "total" && $1 > 900 && $2 !~ /\.md$/ { print $2 ": " $1 " lines, the limit is 900" }'; }

# shellcheck disable=SC2046 # file names without spaces
c_lint() { perl test/tools/c_lint.pl "$1" $(c_files | grep -E "^$2/"); }

# Two lists of names that have to be the same.
same_names() { # WHAT FILE FILE
	comm -23 "$2" "$3" | sed "s/\$/: a $1 that the README does not list/"
	comm -13 "$2" "$3" | sed "s/\$/: a $1 that the README lists, but that is not there/"
}

section() { sed -n "/^### $1\$/,/^##/p" README.md; }	# TITLE: a part of the README

# What the README's reference tables list is what there is.
# shellcheck disable=SC2016 # backquotes of Markdown
reference() {
	grep -ohE 'Define[A-Za-z]*Variable\(CG_SCHEMA "\.[a-z_]+' src/*.c | sed 's/.*"/cipguard/' | sort -u > "$work/settings"
	section Settings | grep -oE '^\| `cipguard\.[a-z_]+`' | tr -d '|` ' | sort -u > "$work/listed"
	same_names setting "$work/settings" "$work/listed"

	{
		grep -E 'define CG_ERRCODE' src/cipguard.h | sed "s/.*MAKE_SQLSTATE//; s/[^A-Z0-9]//g"
		grep -ohE "ERRCODE = 'ZC[0-9]+'" sql/parts/*.sql | cut -d"'" -f2
	} | sort -u > "$work/sqlstates"
	section Errors | grep -oE '^\| `ZC[0-9]+`' | tr -d '|` ' | sort -u > "$work/listed"
	same_names SQLSTATE "$work/sqlstates" "$work/listed"

	# The README leaves out what other functions are made of.
	grep -ohE 'CREATE (FUNCTION|PROCEDURE) cipguard\.[a-z0-9_]+' sql/parts/*.sql | sed 's/.*\.//' | sort -u > "$work/functions"
	section Functions | grep '^| `' | cut -d'|' -f2 | grep -oE '`(CALL )?[a-z][a-z0-9_]*[`(]' |
		sed 's/CALL //; s/[`(]//g' | sort -u > "$work/listed"
	comm -13 "$work/functions" "$work/listed" | sed 's/$/: a function that the README lists, but that is not there/'
}

leftovers() {
	local rc=0
	# The two words are spelled so that this file does not hold them.
	# shellcheck disable=SC2046 # file names without spaces
	found -nHwE 'TO[D]O|FIX[M]E|XX[X]' $(grep -v '^test/tools/lint' "$work/files") || rc=1
	# shellcheck disable=SC2046
	found -nHP '[^\S\t\n ]|[ \t]+$' $(grep -E '\.(c|h|sql|pl|pm|sh)$' "$work/files") || rc=1
	return $rc
}

# shellcheck disable=SC2046 # file names without spaces
versions() {
	found -nH 'PG_VERSION_NUM' $(c_files | grep -v '^src/compat\.h$')
}

# shellcheck disable=SC2046 # file names without spaces
forbidden_c() { # comments of C++, wiping by memset, malloc, unbounded strings
	local f rc=0
	# Strings are not looked into.
	! for f in $(c_files); do
		sed -E 's/"([^"\\]|\\.)*"/""/g' "$f" | grep -nE '(^|[^:])//' | sed "s,^,$f:,"
	done | grep . || rc=1
	found -nHE '\b(strcpy|strcat|sprintf|gets|strtok)\b *\(' $(grep -E '^src/' "$work/files") || rc=1
	found -nHE '[^_a-z](malloc|calloc|realloc|free) *\(' $(grep -LE '#include <stdlib' $(grep '^src/.*\.c$' "$work/files")) || rc=1
	return $rc
}

banners() {
	local f
	while read -r f; do
		case $f in
			src/*.map) ;;
			*.c | *.h) head -2 "$f" | grep -qF " $(basename "$f")" || echo "$f: no banner with the name of the file" ;;
			*.sh | *.pl) head -3 "$f" | grep -qF "$(basename "$f")" || [[ $f == test/t/* ]] || echo "$f: no banner with the name of the file" ;;
		esac
	done < "$work/files"
}

shells() {
	have shellcheck shellcheck || return 1
	# shellcheck disable=SC2046
	LC_ALL=C.UTF-8 shellcheck $(grep -E '\.sh$|^\.ci/run$' "$work/files")
}

perls() {
	local f bad=0 top=$PWD lib
	lib=$(dirname "$("$pg_config" --pgxs)")/../test/perl
	while read -r f; do
		[[ $f == *.p[lm] ]] || continue
		# Not here: a module of the server's may leave a directory where it is loaded.
		(cd "$work" && PERL5LIB=$lib:$top/test/t perl -cw "$top/$f" 2>&1) | grep -v 'syntax OK$' && bad=1
	done < "$work/files"
	return $bad
}

check 'gcc warnings' build_warnings
check 'clang warnings' warnings clang -Wno-ignored-attributes
check 'formatting (indent.sh)' test/tools/indent.sh --check
check 'include graph has no cycle' include_graph
check 'pure files need no server' pure
check 'postgres.h first' include_order
check 'PG_VERSION_NUM in compat.h only' versions
check 'C that is not allowed' forbidden_c
check 'exported symbols' symbols
check 'SQL' perl test/tools/sql_lint.pl rules sql/parts
check 'SQL objects have a COMMENT' perl test/tools/sql_lint.pl comments sql/parts
check 'PL/pgSQL errors' perl test/tools/sql_lint.pl errors sql/parts
check 'ereport and elog' c_lint messages src
check 'contracts of public functions' c_lint contracts src
check 'function lengths' c_lint lengths '(src|test/[a-z]+)'
check 'reference tables of the README' reference
check 'names of tests' test_names
check 'banners' banners
check 'file lengths' lengths
check 'leftovers and stray spaces' leftovers
check 'shell scripts' shells
check 'Perl scripts' perls
verdict
