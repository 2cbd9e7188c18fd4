#!/bin/bash
# check_clients.sh: `make check-clients`: drivers as they come, in private servers
#
# Each program in test/clients runs as a role that may read and as a clerk, in
# a server that masks tables and in one that does not preload cipguard.  No
# driver gets a setting of ours and no statement a cast.  Arguments of a
# program: the role, and the mode of the server (masked or plain); where the
# server is stands in PGHOST (libpq) and PGPORT (on localhost, for JDBC, which
# knows no local sockets: the server speaks TLS, without which a reader sees
# what a clerk does).
#
# A driver that is not there is reported as skipped if its package cannot be
# installed, else as a failure.  Last line: "N passed, N failed".
#
# CLIENTS='libpq dbd' runs only these.
. "$(dirname "$0")/private_server.sh"

stage "$@"

passed=0 failed=0 skipped=0
logs=$work/logs
mkdir -p "$logs"

# shellcheck disable=SC2329 # called by the trap
finish() {
	local rc=$?
	[ "$rc" = 0 ] || { failed=$((failed + 1)); echo "FAILED  check_clients.sh stopped early, exit status $rc"; }
	echo
	[ "$failed" = 0 ] || echo "logs: tmp_check/logs"
	[ "$skipped" = 0 ] || echo "$skipped skipped"
	[ $((passed + failed)) -gt 0 ] || failed=1
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ]
	exit
}
trap finish EXIT

# Not there, although its package could be: a failure.
missing() { # DRIVER PACKAGE...
	local name=$1
	shift
	if command -v apt-get > /dev/null && apt-get -s -q install "$@" > "$logs/$name.apt" 2>&1; then
		failed=$((failed + 1))
		echo "FAILED  $name (not installed; apt-get install $*)"
	else
		skipped=$((skipped + 1))
		echo "skipped $name (cannot be installed: $*)"
	fi
}

# The command of each driver, or nothing; its version goes to $logs/NAME.version.
declare -A command=()
prepare() {
	local c=$work/src/test/clients name

	for name in ${CLIENTS:-libpq psycopg jdbc node dbd}; do
		"prepare_$name" "$c" > "$logs/$name.build" 2>&1 || true
		if [ -n "${command[$name]:-}" ]; then
			printf '%-8s %s\n' "$name" "$(head -1 "$logs/$name.version")"
		else
			excerpt "$logs/$name.build"
		fi
	done
}
excerpt() { [ ! -s "$1" ] || tail -5 "$1" | sed 's/^/        /'; }

prepare_libpq() {
	# shellcheck disable=SC2086 # a list of words
	gcc -std=gnu99 -Wall $libpq "$1/client_libpq.c" -o "$work/client_libpq" -lpq || return 0
	"$PG_CONFIG" --version | sed 's/PostgreSQL/libpq/' > "$logs/libpq.version"
	command[libpq]=$work/client_libpq
}

prepare_psycopg() {
	local python
	for python in /usr/bin/python3 python3; do
		"$python" -c 'import psycopg; print("psycopg", psycopg.__version__, "(" + psycopg.pq.__impl__ + ")")' \
			> "$logs/psycopg.version" || continue
		command[psycopg]="$python $1/client_psycopg.py"
		return
	done
}

prepare_dbd() {
	perl -MDBD::Pg -e 'print "DBD::Pg $DBD::Pg::VERSION\n"' > "$logs/dbd.version" || return 0
	command[dbd]="perl $1/client_dbd.pl"
}

prepare_jdbc() {
	local jar=/usr/share/java/postgresql.jar
	[ -e "$jar" ] && javac -cp "$jar" -d "$work/java" "$1/ClientJdbc.java" || return 0
	java -cp "$jar" org.postgresql.util.PGJDBCMain > "$logs/jdbc.version" 2> /dev/null ||
		echo "PostgreSQL JDBC $(readlink -f "$jar" | sed 's/.*postgresql-\(.*\)\.jar/\1/')" > "$logs/jdbc.version"
	command[jdbc]="java -XX:TieredStopAtLevel=1 -cp $work/java:$jar ClientJdbc"
}

prepare_node() {
	mkdir -p "$work/node"
	# Debian's packages of node do not go with a node from elsewhere.
	node -e 'require("pg")' 2> /dev/null ||
		(cd "$work/node" && npm install --no-audit --no-fund --loglevel=error pg && npm ls pg)
	export NODE_PATH=$work/node/node_modules${NODE_PATH:+:$NODE_PATH}
	node -e 'console.log("node-postgres " + require("pg/package.json").version + ", node " + process.version)' \
		> "$logs/node.version" || return 0
	command[node]="node $1/client_node.js"
}

declare -A packages=(
	[libpq]='libpq-dev' [psycopg]='python3-psycopg' [jdbc]='default-jdk-headless libpostgresql-jdbc-java'
	[node]='node-pg' [dbd]='libdbd-pg-perl'
)

free_port() {
	local port
	for _ in $(seq 50); do
		port=$((20000 + RANDOM % 12000))
		(exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null || { echo "$port"; return; }
	done
}

run_client() { # DRIVER ROLE MODE
	local name=$1-$3-${2#client_} log rc=0 good bad plan
	log=$logs/$name
	# shellcheck disable=SC2086 # a list of words
	timeout 300 ${command[$1]} "$2" "$3" > "$log" 2>&1 < /dev/null || rc=$?
	good=$(grep -c '^ok ' "$log" || true)
	bad=$(grep -c '^not ok ' "$log" || true)
	plan=$(sed -n 's/^1\.\.//p' "$log" | tail -1)
	if [ "$rc" = 0 ] && [ "$bad" = 0 ] && [ "$good" -gt 0 ] && [ "$plan" = "$good" ]; then
		passed=$((passed + 1))
		echo "ok      $name ($good tests)"
	else
		failed=$((failed + 1))
		echo "FAILED  $name ($good passed, $bad failed, exit status $rc)"
		{ grep -v '^ok ' "$log" || true; } | head -40 | cut -c1-400 | sed 's/^/        /'
	fi
}

run_all() { # MODE LINE...: in a new server
	local mode=$1 name role
	shift
	first_port=$(free_port)
	# shellcheck disable=SC2034 # start_server reads it
	start_server "$mode" "listen_addresses = '127.0.0.1'" 'max_connections = 30' \
		'ssl = on' "ssl_cert_file = '$work/server.crt'" "ssl_key_file = '$work/server.key'" "$@"
	createdb clients
	export PGDATABASE=clients
	psql -Xq -f test/clients/setup.sql > "$logs/setup.$mode" 2>&1 || { cat "$logs/setup.$mode"; return 1; }
	echo "$mode: $(psql -XAtc "SELECT string_agg('enc_' || name, ' ' ORDER BY name) FROM client_type")"
	for name in ${CLIENTS:-libpq psycopg jdbc node dbd}; do
		[ -n "${command[$name]:-}" ] || continue
		for role in client_reader client_clerk; do
			run_client "$name" "$role" "$mode"
		done
	done
	cp "$PGDATA.log" "$logs/server.$mode"
	stop_server "$mode"
}

echo "cipguard check-clients: $("$PG_CONFIG" --version), user $(id -un)"
# The pg_config of the private tree would name directories of that.
libpq="-I$("$PG_CONFIG" --includedir) -L$("$PG_CONFIG" --libdir)"
build || { cp "$work"/*.log "$logs"; echo 'FAILED  build'; tail -60 "$work/build.log"; exit 1; }
openssl req -new -x509 -days 30 -nodes -subj /CN=localhost -newkey rsa:2048 \
	-keyout "$work/server.key" -out "$work/server.crt" 2> "$logs/openssl.err" || { cat "$logs/openssl.err"; exit 1; }
prepare
run_all masked "shared_preload_libraries = 'cipguard'" "cipguard.default_budgets = ${CIPGUARD_BUDGETS:-off}"
run_all plain
for name in ${CLIENTS:-libpq psycopg jdbc node dbd}; do
	# shellcheck disable=SC2086 # a list of words
	[ -n "${command[$name]:-}" ] || missing "$name" ${packages[$name]}
done
