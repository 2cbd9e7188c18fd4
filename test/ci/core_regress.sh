#!/bin/bash
# core_regress.sh: PostgreSQL's own regression tests with and without cipguard
#
#   core_regress.sh [--isolation] [--keep] [--stress=LEVEL]
#
# Runs the tests of PostgreSQL (src/test/regress; with --isolation also
# src/test/isolation) in three private servers:
#
#   plain      without cipguard
#   preloaded  cipguard is preloaded, the extension is not created
#   created    cipguard is preloaded, the extension is created, nothing labelled
#
# and compares what the tests print, file by file, with what they print in the
# plain server.  What the tests expect is not looked at: a server that differs
# from its own expected files does so in all three.  The few differences that
# cannot but be are listed below, line by line, with the reason; any other one,
# and a listed one that is missing, is a failure.
#
# The tests come from the Debian source package of the server, through the
# sources that apt of this machine has.  They are kept, together with the
# libraries built for them, in ${XDG_CACHE_HOME:-~/.cache}/cipguard.  --keep
# leaves the work directory, with all results and server logs.
#
# With --stress=0 or --stress=2 everybody sees every column of every table
# through a mask, or as a reader, that changes nothing (CG_STRESS in protect.h).
# Plans differ then, and with them the order of rows.  A crash and an internal
# error are failures; where the rows themselves differ is printed, for a human
# to read: `diff` of the results without EXPLAIN, the rows of each sorted.
#
# Last line: "N files equal, N differ".  Exit status: 0 no difference, 1 some,
# 2 the tests could not be had.
. "$(dirname "$0")/../tools/private_server.sh"
. "$(dirname "$0")/pg_source.sh"

unavailable() { echo "core_regress: $*" >&2; exit 2; }

# The lines in which a file may differ, and has to: basic regular expressions
# for what diff prints, after normal() below.
accepted() { # RUN/SUITE/TEST
	case $1 in
		*/regress/security_label)
			# With a provider of labels, whichever, the server looks for the
			# object, and the provider answers.
			cat <<-'END'
				< ERROR: no security label providers have been loaded
				> ERROR: cipguard labels columns only
				> HINT: Use SECURITY LABEL FOR cipguard ON COLUMN table\.column IS 'category'\.
				> ERROR: relation "seclabel_tbl3" does not exist
				> ERROR: role "regress_seclabel_user3" does not exist
			END
			;;
		created/regress/alter_table)
			# Every lock of a transaction on a table outside pg_catalog: our
			# event trigger reads these.
			cat <<-'END'
				> category | AccessShareLock
				> category_id_key | AccessShareLock
				> masking_view | AccessShareLock
			END
			;;
		created/regress/event_trigger)
			# Every event trigger.
			cat <<-'END'
				> cipguard_\([a-z_]*\) | event trigger cipguard_\1 | event trigger | {cipguard_\1} | {} | ("event trigger",,cipguard_\1,cipguard_\1)
			END
			;;
		created/regress/generated)
			# Every generated column.
			cat <<-'END'
				> category | name | id
			END
			;;
		created/regress/type_sanity)
			# Takes for granted that there is no partitioned table or index yet.
			cat <<-'END'
				> OID | audit_\(event\|change\|record\)
				> OID | audit_\(change\|record\)_[a-z]*_idx
			END
			;;
		created/regress/opr_sanity)
			# In this order: built-in SECURITY DEFINER functions (ours have their
			# reasons beside them); functions of the same name and arguments (of
			# pgcrypto); pairs of commutators, pairs of negators, btree operators,
			# to be read by a human; what in an operator class is not immutable
			# (ours are not, so that no plan holds what a key was needed for);
			# btree classes without deduplication (equal values of ours are not
			# the same bytes).
			cat <<-'END'
				> OID | after_\(ddl\|drop\)
				> OID | alter_category_mask
				> OID | preloaded
				> OID | gen_random_uuid | 3432 | gen_random_uuid
				> 3432 | gen_random_uuid | OID | gen_random_uuid
				> #<# | #>#
				> #<=# | #>=#
				> #<# | #>=#
				> #<=# | #>#
				> 403 | 1 | #<#
				> 403 | 2 | #<=#
				> 403 | 4 | #>=#
				> 403 | 5 | #>#
				> OID | OID | = | cipguard_enc_[a-z]*_eq
				> OID | OID | #<# | cipguard_enc_[a-z]*_lt
				> OID | OID | #<=# | cipguard_enc_[a-z]*_le
				> OID | OID | #>=# | cipguard_enc_[a-z]*_ge
				> OID | OID | #># | cipguard_enc_[a-z]*_gt
				> OID | cipguard\.\(enc_[a-z]*_\(cmp\|sortsupport\|hash\|hash_extended\)\) | cipguard_\1
				> | \(enc_[a-z]*_ops\) | \1 | cipguard\.enc_[a-z]*
			END
			;;
	esac
}

# Column widths, OIDs given at run time and row counts follow from other differences.
normal() { # FILE
	sed -E 's/\b[1-9][0-9]{4,}\b/OID/g; s/[[:space:]]+/ /g; s/^ //; s/ $//; s/-{2,}/-/g; s/^\([0-9]+ rows?\)$/(rows)/' "$1"
}

# Results without EXPLAIN, the rows of each sorted.
row_sets() { # FILE
	perl -0777 -ne '
		s/^WARNING:  did not get bitmap indexscan plan.*\n//mg;
		s{^( .*)\n(-[-+]+)\n((?:.+\n)*?)(\(\d+ rows?\))$}{
			my ($head, $rows, $n) = ($1, $3, $4);
			s/[ \t]+/ /g for $head, $rows;
			$head =~ /QUERY PLAN|explain/ ? "EXPLAIN" : "$head\n" . join("", sort(split /^/, $rows)) . $n }gme;
		print' "$1"
}

# Messages of internal errors in a server log, but the one of equivclass: its
# operator class has no commutators, which any function on a column tells.
internal_errors() { # RUN
	sed -nE 's/.* XX000 (ERROR|FATAL|PANIC):  /\1: /p' "$work/$1.log" | sed -E 's/[0-9]+/N/g' |
		grep -v 'could not find commutator for operator N' | sort -u || true
}

# Unpack the tests for the server of PG_CONFIG, and build their libraries.
# shellcheck disable=SC2329 # called by cached
make_tests() { # TMP
	tar -C "$1/made" --strip-components=1 --no-same-owner --wildcards -xf "$1"/*.orig.tar.* \
		'*/src/test/regress/*' '*/src/test/isolation/*' '*/contrib/spi/*' > "$1/log" 2>&1 || {
		tail -5 "$1/log" | sed 's/^/    /' >&2
		unavailable 'the source package cannot be unpacked'
	}
	mkdir "$1/made/lib"
	cp "$1"/made/src/test/regress/regress.c "$1"/made/contrib/spi/{autoinc,refint}.c "$1/made/lib"
	cat > "$1/made/lib/Makefile" <<-'END'
		MODULES = regress autoinc refint
		override with_llvm = no
		PGXS := $(shell $(PG_CONFIG) --pgxs)
		include $(PGXS)
	END
	make -s -C "$1/made/lib" PG_CONFIG="$PG_CONFIG" > "$1/log" 2>&1 || {
		tail -20 "$1/log" | sed 's/^/    /' >&2
		unavailable 'the libraries of the tests do not build'
	}
}

# shellcheck disable=SC2329 # called by stage
staging() { # WORK
	mkdir "$1/tests"
	cp -r "$tests/src/test/regress" "$tests/src/test/isolation" "$tests/lib" "$tests/complete" "$1/tests"
}

isolation='' keep='' stress=''
for arg; do
	case $arg in
		--isolation) isolation=1 ;;
		--keep) keep=1 ;;
		--stress=[0-2]) stress=${arg#*=}; export COPT=-DCG_STRESS=$stress ;;
		*) unavailable 'usage: core_regress.sh [--isolation] [--keep] [--stress=0|1|2]' ;;
	esac
done
if [ -z "${CIPGUARD_WORK:-}" ]; then
	export PG_CONFIG=${PG_CONFIG:-pg_config}
	tests=$(unset MAKEFLAGS MFLAGS MAKELEVEL; cached core_regress make_tests)
	found=$(< "$tests/complete")
	[[ $found == "${tests##*/core_regress-}"* ]] ||
		echo "core_regress: $found is the nearest release to be had; remove $tests to look again"
fi
stage "$@"

began=$SECONDS
equal=0 differ=0 known=0
pgxs_test=$(realpath "$(dirname "$("$PG_CONFIG" --pgxs)")/../test")
suites=(regress)
[ -z "$isolation" ] || suites+=(isolation)

differs() { differ=$((differ + 1)); echo "FAILED  $*"; }

# shellcheck disable=SC2329 # called by the trap
finish() {
	local rc=$?
	# An error of this script itself is a failure too.
	[ "$rc" = 0 ] || differs "core_regress.sh stopped early, exit status $rc"
	[ -z "$keep" ] || { touch "$work/keep"; echo "results and logs: $work; test/tools/private_server.sh stop $work removes it"; }
	[ "$known" = 0 ] || echo "$known differ in accepted lines only"
	echo "took $((SECONDS - began)) s"
	echo "$equal files equal, $differ differ"
	# Plain `exit` would give the status from before the trap.
	if [ "$differ" != 0 ] || [ "$equal" = 0 ]; then exit 1; fi
	exit 0
}
trap finish EXIT

schedule() { # SUITE: the names of its tests
	local f=$work/tests/$1/${1}_schedule
	[ "$1" = isolation ] || f=$work/tests/$1/parallel_schedule
	sed -n 's/^test: *//p' "$f" | tr -s ' \t' '\n' | grep .
}

run_suite() { # RUN SUITE OPTION...
	local run=$1 suite=$2 out=$work/out began=$SECONDS program options
	shift 2
	# One directory for all, as its name gets into some results.
	mkdir -p "$out"
	case $suite in
		regress)
			program=$pgxs_test/regress/pg_regress
			options=(--dlpath="$work/tests/lib" --schedule="$work/tests/regress/parallel_schedule")
			;;
		isolation)
			program=$pgxs_test/isolation/pg_isolation_regress
			options=(--schedule="$work/tests/isolation/isolation_schedule")
			;;
	esac
	"$program" --bindir="$bindir" --inputdir="$work/tests/$suite" --outputdir="$out" \
		--max-concurrent-tests=20 "${options[@]}" "$@" > "$out/output" 2>&1 || true
	mv "$out" "$work/$run.$suite"
	echo "$run/$suite: $(grep -cE '^(test .*|     .*)\.\.\. ok\b|^ok ' "$work/$run.$suite/output" || true) of" \
		"$(schedule "$suite" | wc -l) tests as PostgreSQL expects, $((SECONDS - began)) s"
}

run() { # NAME LINE...: every suite in a server with these lines in its configuration
	local name=$1 suite extension
	local options=()
	shift
	start_server "$name" 'max_prepared_transactions = 2' "log_line_prefix = '%m [%p] %q%a %e '" "$@"
	if [ "$name" = created ]; then
		# pg_regress copies template0; what the tests themselves create copies template1.
		psql -X -q -d template1 -v ON_ERROR_STOP=1 -c 'SET client_min_messages = warning' -c 'CREATE EXTENSION cipguard CASCADE'
		for extension in $(sed -nE "s/^requires *= *'(.*)'/\1/p" cipguard.control | tr ',' ' ') cipguard; do
			options+=(--load-extension="$extension")
		done
	fi
	for suite in "${suites[@]}"; do
		run_suite "$name" "$suite" ${options[@]+"${options[@]}"}
	done
	stop_server "$name"
	if grep -E 'was terminated by signal|PANIC: |TRAP: |could not load library' "$work/$name.log" > "$work/crash"; then
		differs "$name: the server crashed"
		head -20 "$work/crash" | sed 's/^/        /'
	fi
}

# Whether two files differ in the accepted lines, all of them and no others.
as_accepted() { # A B ACCEPTED
	local lines line
	lines=$({ diff <(normal "$1") <(normal "$2") || true; } | grep '^[<>]') || return 1
	! grep -qvxf <(echo "$3") <<< "$lines" || return 1
	while read -r line; do
		grep -qxe "$line" <<< "$lines" || return 1
	done <<< "$3"
}

compare() { # RUN SUITE: its results with those of the plain server
	local name t a b lines
	for t in $(schedule "$2"); do
		name=$1/$2/$t a=$work/plain.$2/results/$t.out b=$work/$1.$2/results/$t.out
		lines=$(accepted "$name")
		if [ ! -s "$a" ] || [ ! -s "$b" ]; then
			differs "$name (no result)"
		elif [ -n "$lines" ] && as_accepted "$a" "$b" "$lines"; then
			known=$((known + 1))
		elif [ -z "$lines" ] && cmp -s "$a" "$b"; then
			equal=$((equal + 1))
		else
			differs "$name"
			if [ -n "$lines" ]; then
				printf '%s\n' 'accepted, and required:' "$lines" | sed 's/^/        /'
			fi
			diff -U3 --label plain --label "$1" "$a" "$b" | sed 's/^/        /' || true
		fi
	done
}

echo "core_regress: $("$PG_CONFIG" --version), tests of $(cat "$work/tests/complete"), user $(id -un)"
build || { tail -60 "$work/build.log"; exit 1; }
# The plain server knows nothing of us.
kek=$(grep '^cipguard\.' "$work/template/postgresql.conf")
sed -i '/^cipguard\./d' "$work/template/postgresql.conf"

compare_sets() { # SUITE: of the stress run
	local t a b
	for t in $(schedule "$1"); do
		a=$work/plain.$1/results/$t.out b=$work/created.$1/results/$t.out
		if [ ! -s "$a" ] || [ ! -s "$b" ]; then
			differs "stress/$1/$t (no result)"
		elif diff -U3 --label "plain $t" --label "stress $t" <(row_sets "$a") <(row_sets "$b") > "$work/diff"; then
			equal=$((equal + 1))
		else
			cat "$work/diff"
		fi
	done
}

run plain
if [ -n "$stress" ]; then
	run created "shared_preload_libraries = 'cipguard'" "$kek"
	for suite in "${suites[@]}"; do compare_sets "$suite"; done
	comm -13 <(internal_errors plain) <(internal_errors created) > "$work/internal"
	[ ! -s "$work/internal" ] || { differs 'internal errors'; cat "$work/internal"; }
	exit
fi
run preloaded "shared_preload_libraries = 'cipguard'" "$kek"
run created "shared_preload_libraries = 'cipguard'" "$kek"
for suite in "${suites[@]}"; do
	compare preloaded "$suite"
	compare created "$suite"
done
