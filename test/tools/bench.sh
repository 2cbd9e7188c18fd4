#!/bin/bash
# bench.sh: `make bench`: measure in a private server
#
# Runs test/bench/run.sh in the environment of demo.sh, with
# CIPGUARD_BENCH_ROWS (default 1000000); the server writes to disk as it would
# in production.
. "$(dirname "$0")/private_server.sh"

stage "$@"
build || { cat "$work/build.log" >&2; die 'build failed'; }
start_server bench "shared_preload_libraries = 'cipguard'" 'fsync = on' "shared_buffers = '256MB'" \
	"max_wal_size = '4GB'"
mkdir -p "$work/logs"
export CIPGUARD_DEMO_LOG=$work/logs/bench.log CIPGUARD_BENCH_ROWS=${CIPGUARD_BENCH_ROWS:-1000000}
rc=0
bash test/bench/run.sh || rc=$?
[ "$rc" = 0 ] || cp "$work/bench.log" "$work/logs/server.log"
stop_server bench
exit "$rc"
