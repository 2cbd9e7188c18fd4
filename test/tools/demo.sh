#!/bin/bash
# demo.sh: `make demo`: show cipguard in a private server
#
# Runs test/demo/run.sh with PGHOST, PGPORT, PGUSER (a superuser), PGDATA,
# PGDATABASE and CIPGUARD_DEMO_LOG (a file for what no person wants to read).
# KEEP=1 leaves the server up and says how to reach and how to stop it.
. "$(dirname "$0")/private_server.sh"

stage "$@"
echo 'cipguard demo: building, and starting a private server'
build || { cat "$work/build.log" >&2; die 'build failed'; }
start_server demo "shared_preload_libraries = 'cipguard'"
mkdir -p "$work/logs"
export CIPGUARD_DEMO_LOG=$work/logs/demo.log

rc=0
bash test/demo/run.sh || rc=$?
[ "$rc" = 0 ] || {
	cp "$work/demo.log" "$work/logs/server.log"
	echo "demo failed, exit status $rc; server log and script output: tmp_check/logs" >&2
}

if [ -n "${KEEP:-}" ] && [ "$KEEP" != 0 ]; then
	touch "$work/keep"
	cat <<-END

		The server is up.
		  connect:          $bindir/psql -h $PGHOST -p $PGPORT -U $PGUSER $PGDATABASE
		  stop and remove:  $CIPGUARD_TOP/test/tools/private_server.sh stop $work
	END
else
	stop_server demo
fi
exit "$rc"
