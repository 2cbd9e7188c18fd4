#!/bin/bash
# valgrind.sh: `make valgrind`: the SQL tests on a server built to find faults
#
# Builds PostgreSQL from the Debian source package of the server, with assertions
# and with what tells valgrind about memory contexts, and on it
#
#   cassert    runs all SQL and isolation tests; what an assertion or the check
#              of memory contexts says in a server log is a failure
#   valgrind   runs some SQL tests with every process of the server under
#              valgrind; whatever it reports is a failure
#
# valgrind makes the server 20 to 50 times slower, hence some: of each subject the
# test that goes through most of its C files.  VALGRIND_TESTS='a b' names others,
# VALGRIND_TESTS=all is all of them, VALGRIND_TESTS= none.  The variables of
# check.sh choose the tests of cassert: REGRESS=0, ISOLATION=0, TESTS='a b',
# SERVERS='a b'; CASSERT=0 leaves it out.
#
# The server that is built is kept in ${XDG_CACHE_HOME:-~/.cache}/cipguard.
#
# Last line: "N passed, N failed", or "skipped: why" where the source cannot be
# had.
. "$(dirname "$0")/../tools/private_server.sh"
. "$(dirname "$0")/pg_source.sh"

# What is left out takes further packages, and no test needs it.
configure_options=(--enable-debug --enable-cassert --enable-tap-tests --with-openssl --with-libxml
	--without-icu --without-readline --without-zlib)

# With what the extension requires of contrib.
build_server() { # SOURCE PREFIX DESTDIR
	local module
	(cd "$1" && ./configure -q --prefix="$2" "${configure_options[@]}" \
		CPPFLAGS=-DUSE_VALGRIND CFLAGS='-O1 -g -fno-omit-frame-pointer') &&
		make -s -C "$1" -j"$(nproc)" &&
		make -s -C "$1" install DESTDIR="$3" || return
	for module in $(sed -nE "s/^requires *= *'(.*)'/\1/p" "$top/cipguard.control" | tr ',' ' '); do
		make -s -C "$1/contrib/$module" install DESTDIR="$3" || return
	done
}

# pg is an installation that can be moved.
# shellcheck disable=SC2329 # called by cached
make_server() { # TMP DIR RELEASE
	mkdir "$1/src"
	tar -C "$1/src" --strip-components=1 --no-same-owner -xf "$1"/*.orig.tar.*
	echo "valgrind: building PostgreSQL $3" >&2
	build_server "$1/src" "$2/pg" "$1/root" > "$1/log" 2>&1 || {
		tail -20 "$1/log" >&2
		echo 'valgrind: PostgreSQL cannot be built' >&2
		exit 1
	}
	mv "$1/root$2/pg" "$1/src/src/tools/valgrind.supp" "$1/made"
}

# shellcheck disable=SC2329 # called by stage
staging() { # WORK
	cp -r "$server" "$1/server"
}

if [ -z "${CIPGUARD_WORK:-}" ]; then
	export PG_CONFIG=${PG_CONFIG:-pg_config}
	rc=0
	server=$(unset MAKEFLAGS MFLAGS MAKELEVEL; cached valgrind make_server) || rc=$?
	if [ "$rc" = 2 ]; then
		echo 'skipped: there is no source of PostgreSQL to build from'
		exit 0
	fi
	[ "$rc" = 0 ] || exit 1
else
	export PG_CONFIG=$CIPGUARD_WORK/server/pg/bin/pg_config
	# The installation is not where it was built for.
	export LD_LIBRARY_PATH=$CIPGUARD_WORK/server/pg/lib
fi
stage "$@"
. test/ci/memory.sh

# What only masks or refuses in further ways is left to cassert.
default_tests=(access audit category enc_json enc_text key_use keys mask request search suite
	activity alert budget consent enc_types_mask person question row_gate transparent_write)

# What assertions, memory contexts and resource owners of the server say.
trouble='TRAP: |was terminated by signal|PANIC: |detected write past chunk end|problem in alloc set|bogus aset link'
trouble+='|WARNING:  .*( leak: |leaking |resource was not closed)'

# shellcheck disable=SC2329 # called by memory.sh
collect() { # NAME
	[ "$1" = cassert ] || return 0
	# An assertion prints a backtrace after it.
	grep -hE -A20 "$trouble" "$work/$1"/*.log > "$work/$1/reports/server_logs" || true
}

if [ "${CASSERT:-1}" != 0 ]; then
	UNIT=0 TAP=0 suite cassert
	probe cassert probe_assert
fi

tests=${VALGRIND_TESTS-${default_tests[*]}}
if [ -z "$tests" ]; then exit; fi
[ "$tests" != all ] || tests=''
# The programs that initdb runs are not ours to test, and slow.
cat > "$work/watched" <<-END
	#!/bin/bash
	case \${2:-} in
		--boot | --single | --check | -V | --version) exec "\$@" ;;
	esac
	exec valgrind --quiet --leak-check=no --num-callers=25 --log-file='$work/valgrind/reports/%p' \\
		--suppressions='$work/server/valgrind.supp' "\$@"
END
chmod 755 "$work/watched"
export CIPGUARD_WRAP=$work/watched
UNIT=0 TAP=0 ISOLATION=0 REGRESS=1 SERVERS=${SERVERS:-preloaded masked} TESTS=$tests suite valgrind
probe valgrind probe_chunk probe_unset
