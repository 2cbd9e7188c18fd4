#!/bin/bash
# bench.sh: `make bench`: measure in a private server
#
# Runs test/bench/run.sh in the environment of demo.sh, with
# CIPGUARD_BENCH_ROWS (default 1000000); the server writes to disk as it would
# in production.  A second one, without the library, is there to be compared
# with.  CIPGUARD_BUDGETS=on leaves the budgets on that roles have by default,
# and with them masks instead of most values.
. "$(dirname "$0")/private_server.sh"

stage "$@"
# The pg_config of the private tree would name directories of that.
CIPGUARD_BENCH_LIBPQ="-I$("$PG_CONFIG" --includedir) -L$("$PG_CONFIG" --libdir)"
export CIPGUARD_BENCH_LIBPQ
build || { cat "$work/build.log" >&2; die 'build failed'; }
start_server bare 'fsync = on' "shared_buffers = '256MB'" "max_wal_size = '4GB'"
export CIPGUARD_BENCH_BARE_PORT=$PGPORT
if [ -e "$("$PG_CONFIG" --pkglibdir)/pgaudit.so" ]; then
	start_server pgaudit "shared_preload_libraries = 'pgaudit'" 'fsync = on' "shared_buffers = '256MB'" "max_wal_size = '4GB'"
	export CIPGUARD_BENCH_PGAUDIT_PORT=$PGPORT
fi
start_server bench "shared_preload_libraries = 'cipguard'" 'fsync = on' "shared_buffers = '256MB'" \
	"max_wal_size = '4GB'" "cipguard.default_budgets = ${CIPGUARD_BUDGETS:-off}"
mkdir -p "$work/logs"
export CIPGUARD_DEMO_LOG=$work/logs/bench.log CIPGUARD_BENCH_ROWS=${CIPGUARD_BENCH_ROWS:-1000000}
rc=0
bash test/bench/run.sh || rc=$?
[ "$rc" = 0 ] || cp "$work/bench.log" "$work/logs/server.log"
stop_server bench
stop_server bare
[ -z "${CIPGUARD_BENCH_PGAUDIT_PORT:-}" ] || stop_server pgaudit
exit "$rc"
