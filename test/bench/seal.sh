#!/bin/bash
#
# seal.sh
#		What closing and checking blocks of the audit log takes.
#
#	seal.sh [EVENTS]			default 1000000
#
# Runs against the server that PGHOST, PGPORT and PGUSER (a superuser) name, in
# a database of its own, which it drops again.  Events are inserted rows of
# seven columns, 20000 to a block, some 250 bytes each.  Prints a table in
# Markdown; figures are events a second of CPU time of one server process, as
# the kernel counts it.  Fails if less than 400000 are checked or 20000 closed.

set -eu -o pipefail
: "${PGHOST:?}" "${PGPORT:?}" "${PGUSER:?}"
events=${1:-1000000}
blocks=$((events / 20000))
export PGCLIENTENCODING=UTF8
database=cipguard_bench_seal
tick=$(getconf CLK_TCK)
tmp=$(mktemp -d)

clean_up()
{
	rm -rf "$tmp"
	PGDATABASE=postgres psql -Xq -c "DROP DATABASE IF EXISTS $database WITH (FORCE)" 2> /dev/null || true
}
trap clean_up EXIT

PGDATABASE=postgres psql -Xq -c "CREATE DATABASE $database"
export PGDATABASE=$database
psql -Xq -v ON_ERROR_STOP=1 > /dev/null <<'END'
SET client_min_messages = error;
CREATE EXTENSION cipguard CASCADE;
CREATE TABLE person (id int PRIMARY KEY, name text, phone text, address text, born date, balance numeric, note text);
SELECT cipguard.audit_table('person');
END

# cpu PID: what a process has used, in ticks
cpu()
{
	awk '{ print $14 + $15 }' "/proc/$1/stat"
}

# One session, so that the time of its process can be read between statements.
mkfifo "$tmp/in"
psql -XqAt -v ON_ERROR_STOP=1 < "$tmp/in" > "$tmp/out" &
client=$!
exec 3> "$tmp/in"
lines=0
ask()
{
	echo "$1" >&3
	lines=$((lines + 1))
	until [ "$(wc -l < "$tmp/out")" -ge "$lines" ]; do
		kill -0 "$client" || exit 1
		sleep 0.02
	done
	answer=$(sed -n "${lines}p" "$tmp/out")
}

ask 'SELECT pg_backend_pid();'
server=$answer
closing=0
for i in $(seq "$blocks"); do
	ask "INSERT INTO person SELECT g, 'name of ' || g, '138' || lpad(g::text, 8, '0'), 'Nanjing Road ' || g || ', Shanghai', '1980-01-01', g * 1.5, md5(g::text)
		FROM generate_series(($i - 1) * 20000 + 1, $i * 20000) g; SELECT 1;"
	before=$(cpu "$server")
	ask 'SELECT count(cipguard.seal());'
	closing=$((closing + $(cpu "$server") - before))
done
# All of it in this process.
ask 'SET max_parallel_workers_per_gather = 0; SELECT 1;'
before=$(cpu "$server")
ask "SELECT status FROM cipguard.audit_verify() WHERE status <> 'note';"
checking=$(($(cpu "$server") - before))
verdict=$answer
ask 'SELECT pg_relation_size(tableoid::regclass) / count(*) FROM cipguard.audit_event GROUP BY tableoid ORDER BY count(*) DESC LIMIT 1;'
size=$answer
ask 'SELECT pg_total_relation_size('\''cipguard.audit_print'\'') / (SELECT sum(events) FROM cipguard.audit_block)::bigint;'
print=$answer
exec 3>&-
wait "$client"

[ "$verdict" = ok ] || { echo "the log does not verify: $verdict" >&2; exit 1; }
closed=$((events * tick / (closing > 0 ? closing : 1)))
checked=$((events * tick / (checking > 0 ? checking : 1)))
cat <<END
| blocks of the audit log | events/s of one core | must be |
|---|---:|---:|
| seal(), 20000 events a block | $closed | 20000 |
| audit_verify(), $events events in $blocks blocks | $checked | 400000 |

An event takes $size bytes of table and $print of fingerprints.
END
[ "$closed" -ge 20000 ] && [ "$checked" -ge 400000 ]
