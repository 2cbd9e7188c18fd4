#!/bin/bash
# sanitize.sh: `make sanitize`: the tests with AddressSanitizer and UBSan in the module
#
# Builds the module with both and runs the SQL, isolation and TAP tests in
# servers that have the library of AddressSanitizer preloaded.  A report ends the
# process that made it, and fails this script even if the test passed.  The
# server itself is as it is installed, so what is out of bounds of a palloc
# chunk, but within the block of its memory context, is not seen: that is for
# `make valgrind`.
#
# The variables of check.sh choose tests: REGRESS=0, ISOLATION=0, TAP=0, TESTS='a b',
# SERVERS='a b'.  Only the unit programs are left out, as check.sh has them
# sanitized itself.
#
# Last line: "N passed, N failed".
. "$(dirname "$0")/../tools/private_server.sh"
stage "$@"
. test/ci/memory.sh

asan=$(gcc -print-file-name=libasan.so)
[ -e "$asan" ] || die "$(gcc --version | head -1) has no AddressSanitizer"

# Debian 12's server hangs with AddressSanitizer alone: the library looks up
# swift_demangle while it starts, dlsym has a message to translate as there is
# none, and gettext takes a lock that is taken already.
gcc -shared -fPIC -x c -o "$work/stub.so" - <<'END'
void *swift_demangle(void);
void *swift_demangle(void) { return 0; }
END

# No leaks: what is allocated in a memory context goes with the context, and a
# process leaves it to the system at its end.  abort, as the exit status 1 of
# the default is no crash to the server.
options=abort_on_error=1:print_stacktrace=1:log_path=$work/sanitize/reports/report
# A TAP script may have a library of its own to preload.
export CIPGUARD_WRAP="env LD_PRELOAD=\"$asan $work/stub.so \${LD_PRELOAD:-}\" \
	ASAN_OPTIONS=detect_leaks=0:strict_string_checks=1:quarantine_size_mb=32:$options"

# UBSan reads its options with the first report, from where the server has its
# title by then instead of the environment.  So they are linked in, and UBSan
# with them: of a library of its own, AddressSanitizer would take the log_path.
gcc -fPIC -c -x c -o "$work/options.o" - <<-END
	__attribute__((weak)) const char *__ubsan_default_options(void);
	const char *__ubsan_default_options(void) { return "$options"; }
END
export CIPGUARD_COPT="-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all \
	-static-libubsan -Wl,--exclude-libs,libubsan.a -Wl,$work/options.o"

export CIPGUARD_TAP_TIMEOUT=${CIPGUARD_TAP_TIMEOUT:-900}
UNIT=0 suite sanitize
probe sanitize probe_stack probe_index
