#!/bin/bash
#
# journal.sh
#		What recording disclosures costs readers.
#
#	journal.sh [quick]
#
# Runs against the server that PGHOST, PGPORT and PGUSER (a superuser) name,
# which has the library preloaded.  Compares statements of a reader that
# disclose a column with statements that only look at it, for which nothing is
# recorded, and with a table that is not protected; by transactions per second
# of two clients, in rounds, each beginning with another variant.  Prints the
# medians in Markdown.
#
#	CIPGUARD_BENCH_ROUNDS	7
#	CIPGUARD_BENCH_SECONDS	of each variant in each round, 5
#
# A busy machine shows in the spread, which is printed: the ratio counts only
# if it is larger.
#
# Makes the database cipguard_bench_journal and the role bench_journal, and
# drops them again.

set -eu -o pipefail
: "${PGHOST:?}" "${PGPORT:?}" "${PGUSER:?}"
rounds=${CIPGUARD_BENCH_ROUNDS:-7} seconds=${CIPGUARD_BENCH_SECONDS:-5}
[ "${1:-}" != quick ] || rounds=1 seconds=1

tmp=$(mktemp -d)
database=cipguard_bench_journal
cleanup() {
	rm -rf "$tmp"
	psql -qXd postgres -c "DROP DATABASE IF EXISTS $database WITH (FORCE)" -c 'DROP ROLE IF EXISTS bench_journal' > /dev/null 2>&1 || true
}
trap cleanup EXIT
cleanup
mkdir -p "$tmp"

psql -qXd postgres -c "CREATE DATABASE $database" -c 'CREATE ROLE bench_journal LOGIN'
psql -qXd "$database" -v ON_ERROR_STOP=1 > /dev/null 2>&1 <<'SQL'
CREATE EXTENSION cipguard CASCADE;
SELECT cipguard.init();
SELECT cipguard.grant_access('bench_journal', 'name', 'read');
CREATE TABLE client (id int PRIMARY KEY, contact text, note text);
CREATE TABLE other (id int PRIMARY KEY, contact text, note text);
INSERT INTO client SELECT g, 'contact ' || g, 'note' FROM generate_series(1, 100000) g;
INSERT INTO other SELECT * FROM client;
SECURITY LABEL FOR cipguard ON COLUMN client.id IS 'subject';
SECURITY LABEL FOR cipguard ON COLUMN client.contact IS 'name';
GRANT SELECT ON client, other TO bench_journal;
VACUUM (FREEZE, ANALYZE) client;
VACUUM (FREEZE, ANALYZE) other;
SQL

# Of the protected table what is shown has the same plan, and is recorded or,
# compared with '' (which looks at the value and gives none away), is not.
for values in 1 200; do
	last=$((values - 1))
	for table in client other; do
		printf '%s\n' "\\set id random(1, 99000)" \
			"SELECT contact FROM $table WHERE id BETWEEN :id AND :id + $last;" > "$tmp/$table.$values"
	done
	printf '%s\n' "\\set id random(1, 99000)" \
		"SELECT contact = '' FROM client WHERE id BETWEEN :id AND :id + $last;" > "$tmp/unread.$values"
done

tps() { # FILE
	pgbench -n -M prepared -c 2 -j 2 -T "$seconds" -f "$tmp/$1" -U bench_journal "$database" 2> /dev/null |
		awk '/^tps/ { print $3 }'
}

order=(client unread other)
for ((round = 1; round <= rounds; round++)); do
	echo "round $round of $rounds" >&2
	for values in 1 200; do
		for v in "${order[@]}"; do
			printf '%s\t%s\t%s\n' "$v" "$values" "$(tps "$v.$values")" >> "$tmp/raw"
		done
	done
	order=("${order[@]:1}" "${order[0]}")
done

psql -qXAt -F ' | ' -d "$database" <<SQL
CREATE TEMP TABLE raw (variant text, n int, tps float);
\\copy raw FROM '$tmp/raw'
SELECT '| values of a statement | tps, recorded | tps, not read | tps, not protected | ratio to not read | to not protected | spread |';
SELECT '|---|---|---|---|---|---|---|';
SELECT format('| %s | %s | %s | %s | %s | %s | %s |', n, round(c), round(u), round(o), round((c / u)::numeric, 2), round((c / o)::numeric, 2), round(s::numeric, 2))
FROM (SELECT n,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY tps) FILTER (WHERE variant = 'client') AS c,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY tps) FILTER (WHERE variant = 'unread') AS u,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY tps) FILTER (WHERE variant = 'other') AS o,
	stddev(tps) FILTER (WHERE variant = 'client') / avg(tps) FILTER (WHERE variant = 'client') AS s
	FROM raw GROUP BY n) m ORDER BY n;
SQL
