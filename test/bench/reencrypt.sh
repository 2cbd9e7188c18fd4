#!/bin/bash
#
# reencrypt.sh
#		What rotation of a large table takes, and whom it keeps waiting.
#
#	reencrypt.sh [ROWS]			default 1000000
#
# Runs against the server that PGHOST, PGPORT and PGUSER (a superuser) name, in
# a database of its own, which it drops again.  A row has two encrypted columns,
# one of them with a unique index.  Prints a table in Markdown: the same
# rotation alone and beside two clients that update rows at random, and how long
# their slowest statement took, with and without it.  Fails if a value is left.

set -eu -o pipefail
: "${PGHOST:?}" "${PGPORT:?}" "${PGUSER:?}"
rows=${1:-1000000}
export PGCLIENTENCODING=UTF8
database=cipguard_bench_reencrypt
tmp=$(mktemp -d)

clean_up()
{
	rm -rf "$tmp"
	PGDATABASE=postgres psql -Xq -c "DROP DATABASE IF EXISTS $database WITH (FORCE)" 2> /dev/null || true
}
trap clean_up EXIT

PGDATABASE=postgres psql -Xq -c "CREATE DATABASE $database"
export PGDATABASE=$database
psql -Xq -v ON_ERROR_STOP=1 > /dev/null <<END
SET client_min_messages = error;
CREATE EXTENSION cipguard CASCADE;
CREATE TABLE client (id int PRIMARY KEY, phone cipguard.enc_text('mobile') UNIQUE, address cipguard.enc_text('address'), n int NOT NULL DEFAULT 0);
INSERT INTO client SELECT i, '138' || to_char(i, 'FM00000000'), 'Nanjing Road ' || i FROM generate_series(1, $rows) i;
VACUUM ANALYZE client;
CHECKPOINT;
END
cat > "$tmp/update.sql" <<END
\\set id random(1, $rows)
UPDATE client SET n = n + 1 WHERE id = :id;
END

now() { date +%s%N; }

# slowest SECONDS: longest statement of two clients, in milliseconds
slowest()
{
	(cd "$tmp" && rm -f log.* && pgbench -n -c 2 -j 1 -T "$1" -l --log-prefix=log -f update.sql > /dev/null 2>&1) || true
	sort -k3,3n "$tmp"/log.* | tail -1 | awk '{ printf "%.0f", $3 / 1000 }'
}

# rotate: milliseconds
rotate()
{
	local began
	psql -Xq -c "SELECT cipguard.rotate_key('mobile'), cipguard.rotate_key('address')" > /dev/null
	began=$(now)
	psql -Xq -c "SET client_min_messages = error" -c "CALL cipguard.reencrypt('client', ${1:-1000})" > /dev/null
	echo $((($(now) - began) / 1000000))
}

size() { psql -XqAt -c "SELECT pg_total_relation_size('client') / 1048576"; }

echo '| rotation | rows/s | slowest update of others | table and indexes |'
echo '|---|---|---|---|'
alone=$(slowest 10)
echo "| none | | $alone ms | $(size) MB |"
took=$(rotate)
echo "| alone | $((rows * 1000 / took)) | | $(size) MB |"
psql -Xq -c 'VACUUM client'
for batch in 100 1000 10000; do
	slowest 600 > "$tmp/slowest" &
	writers=$!
	took=$(rotate "$batch")
	psql -Xq -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgbench' AND datname = current_database()" > /dev/null
	wait "$writers" || true
	echo "| beside two clients, batches of $batch | $((rows * 1000 / took)) | $(cat "$tmp/slowest") ms | $(size) MB |"
	psql -Xq -c 'VACUUM client'
done
left=$(psql -XqAt -c "SELECT count(*) FROM cipguard.key_use() u WHERE u.kind = 'd' AND u.relation = 'client'::regclass
	AND u.version < (SELECT max(k.version) FROM cipguard.data_key k WHERE k.kind = 'd' AND k.owner = u.owner)")
began=$(now)
psql -XqAt -c "SELECT count(*) FROM cipguard.key_use()" > /dev/null
echo
echo "cipguard.key_use() looks at $((rows * 2)) values in $((($(now) - began) / 1000000)) ms."
[ "$left" = 0 ]
