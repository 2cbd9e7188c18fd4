#!/bin/bash
# cross_version.sh: two versions of PostgreSQL with the same data
#
#   cross_version.sh OLD_PG_CONFIG NEW_PG_CONFIG
#
# Builds cipguard for both, in private trees; then every encrypted type
#   1. replicates logically from the old version to the new one and from the new
#      one to the old one, in the text and in the binary format;
#   2. survives pg_upgrade, in copy and in link mode: values, indexes, keys,
#      grants, labels, masks, masking views and the audit log.
# PARTS='logical' or PARTS='upgrade' leaves the other out.
# Both versions need their server, contrib and development files.  Last line:
# "N passed, N failed".
. "$(dirname "$0")/../tools/private_server.sh"

[ $# = 2 ] || die 'usage: cross_version.sh OLD_PG_CONFIG NEW_PG_CONFIG'
stage "$@"

passed=0 failed=0
logs=$work/logs
mkdir -p "$logs"

# shellcheck disable=SC2329 # called by the trap
finish() {
	local rc=$?
	[ "$rc" = 0 ] || { failed=$((failed + 1)); echo "FAILED  cross_version.sh stopped early, exit status $rc"; }
	cp "$work"/*.log "$logs" 2> /dev/null || true
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ]
	exit
}
trap finish EXIT

is() { # NAME GOT WANTED
	if [ "$2" = "$3" ]; then
		passed=$((passed + 1))
		echo "ok      $1"
	else
		failed=$((failed + 1))
		echo "FAILED  $1"
		{ diff <(echo "$3") <(echo "$2") || true; } | head -20 | sed 's/^/        /'
	fi
}

declare -A bin=() version=()
build_for() { # SIDE PG_CONFIG
	PG_CONFIG=$2
	bindir=$("$PG_CONFIG" --bindir)
	export PG_CONFIG
	make -s clean > /dev/null
	build || { tail -40 "$work/build.log" >&2; die "build for $1 failed"; }
	# The tree is found relative to its programs, so it may be moved.
	mv "$work/inst" "$work/inst.$1"
	mv "$work/template" "$work/template.$1"
	bin[$1]=${bindir/#"$work/inst"/"$work/inst.$1"}
	version[$1]=$("${bin[$1]}/postgres" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
}

declare -A port=([old]=6001 [new]=6002)
start() { # SIDE DIRECTORY [LINE...]
	local side=$1 d=$work/$2
	shift 2
	[ -e "$d" ] || cp -r "$work/template.$side" "$d"
	printf '%s\n' "port = ${port[$side]}" 'wal_level = logical' 'max_wal_senders = 20' 'max_replication_slots = 20' \
		"shared_preload_libraries = 'cipguard'" 'statement_timeout = 60s' "$@" >> "$d/postgresql.conf"
	"${bin[$side]}/pg_ctl" -D "$d" -l "$d.log" -w -s -t 60 start || { tail -20 "$d.log"; return 1; }
}
stop() { "${bin[$1]}/pg_ctl" -D "$work/$2" -m fast -w -s stop; }

export PGHOST=$work/s PGUSER=postgres PGCLIENTENCODING=UTF8
sql() { # SIDE DATABASE [ROLE]: the statements of standard input
	PGUSER=${3:-postgres} "${bin[$1]}/psql" -XqAt -v ON_ERROR_STOP=1 -p "${port[$1]}" -d "$2" -f - 2>&1
}

roles() {
	cat <<-'END'
		CREATE ROLE reader LOGIN; CREATE ROLE clerk LOGIN; CREATE ROLE owner LOGIN;
	END
}
source_sql() {
	cat <<-'END'
		SET client_min_messages = warning;
		CREATE EXTENSION cipguard CASCADE;
		CREATE SCHEMA app AUTHORIZATION owner;
		GRANT USAGE ON SCHEMA app TO PUBLIC;
		\o /dev/null
		SELECT cipguard.grant_access('reader', name, 'read') FROM cipguard.category WHERE name <> 'unclassified';
	END
	cat test/t/typed.sql
}
digest() {
	cat <<-'END'
		SET row_security = off;
		SELECT format('SELECT %L, count(*), md5(string_agg(id || encode(cipguard.enc_%1$s_send(v), ''hex'') || vs::text, '','' ORDER BY id)) FROM app.t_%1$s', name)
			FROM app.typed ORDER BY name \gexec
	END
}
# By index, as a reader: every type, and how many rows are what they should be.
readable() {
	cat <<-'END'
		SET enable_seqscan = off;
		SELECT format('SELECT %L, count(*) FROM app.t_%1$s WHERE id <= 100 AND v = (SELECT %2$s FROM (SELECT id::bigint AS g) x) AND vs[3] = v', name, value)
			FROM app.typed ORDER BY name \gexec
		SELECT id FROM app.t_text WHERE v = 'QzCANARYzQ77';
	END
}

echo "cipguard cross_version: building"
build_for old "$1"
build_for new "$2"
echo "PostgreSQL ${version[old]} and ${version[new]}"

# ------------------------------------------------------- logical replication

pairs=('old new' 'new old')
[[ " ${PARTS:-logical upgrade} " == *' logical '* ]] || pairs=()
for pair in ${pairs[@]+"${pairs[@]}"}; do
	read -r from to <<< "$pair"
	for binary in false true; do
		name="${version[$from]} to ${version[$to]}, binary = $binary"
		start "$from" "pub.$from.$binary"
		start "$to" "sub.$from.$binary"
		{ roles; source_sql; } | sql "$from" postgres > "$logs/setup"
		# Definitions and keys by pg_dump of the newer version, which reads
		# both; the older server does not know all that it writes.
		"${bin[new]}/pg_dump" -p "${port[$from]}" -d postgres --exclude-table-data='app.t_*' > "$work/definitions.sql"
		sed -i -e '/^SET transaction_timeout/d' -e '/^\\restrict/d' -e '/^\\unrestrict/d' "$work/definitions.sql"
		{ roles; echo '\o /dev/null'; cat "$work/definitions.sql"; echo 'TRUNCATE app.typed;'; } | sql "$to" postgres > "$logs/definitions" || cat "$logs/definitions"
		echo 'SELECT app.insert_typed(1, 60)' | sql "$from" postgres > /dev/null
		echo 'CREATE PUBLICATION p FOR TABLES IN SCHEMA app' | sql "$from" postgres
		echo "CREATE SUBSCRIPTION s CONNECTION 'host=$PGHOST port=${port[$from]} dbname=postgres user=postgres' PUBLICATION p WITH (binary = $binary)" | sql "$to" postgres > /dev/null
		for _ in $(seq 150); do
			[ "$(echo "SELECT count(*) FROM pg_subscription_rel WHERE srsubstate <> 'r'" | sql "$to" postgres)" != 0 ] || break
			sleep 0.2
		done
		is "$name: first copy" "$(digest | sql "$to" postgres)" "$(digest | sql "$from" postgres)"
		echo 'SELECT app.insert_typed(61, 100)' | sql "$from" postgres > /dev/null
		lsn=$(echo 'SELECT pg_current_wal_lsn()' | sql "$from" postgres)
		for _ in $(seq 150); do
			[ "$(echo "SELECT confirmed_flush_lsn >= '$lsn' FROM pg_replication_slots WHERE slot_name = 's'" | sql "$from" postgres)" != t ] || break
			sleep 0.2
		done
		is "$name: stream" "$(digest | sql "$to" postgres)" "$(digest | sql "$from" postgres)"
		is "$name: a reader reads and finds" "$(readable | sql "$to" postgres reader)" "$(readable | sql "$from" postgres reader)"
		stop "$to" "sub.$from.$binary"
		stop "$from" "pub.$from.$binary"
	done
done

# ---------------------------------------------------------------- pg_upgrade

[[ " ${PARTS:-logical upgrade} " == *' upgrade '* ]] || exit 0
start old upgraded
{
	roles
	source_sql
	cat <<-'END'
		SELECT app.insert_typed(1, 100);
		CREATE TYPE app.pair AS (a cipguard.enc_text('t_text'), b int);
		CREATE DOMAIN app.note AS cipguard.enc_text('t_text');
		CREATE TABLE app.client (id int PRIMARY KEY, name text, phone cipguard.enc_text('mobile') UNIQUE, pair app.pair, note app.note DEFAULT 'QzCANARYzQ default');
		ALTER TABLE app.client OWNER TO owner;
		SECURITY LABEL FOR cipguard ON COLUMN app.client.name IS 'name';
		SECURITY LABEL FOR cipguard ON COLUMN app.client.id IS 'subject';
		CREATE FUNCTION app.last_two(text, jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT '**' || right($1, 2)$$;
		SELECT cipguard.add_category('badge', mask => 'custom', mask_function => 'app.last_two(text, jsonb)');
		SELECT cipguard.audit_table('app.client');
		SELECT cipguard.create_masking_view('app.client');
		GRANT SELECT ON app.client, app.client_masked TO reader, clerk;
		INSERT INTO app.client (id, name, phone, pair) VALUES (1, '张三', '13800138000', ('QzCANARYzQ', 1)), (2, '李四', '13800138001', NULL);
		UPDATE app.client SET name = '张三丰' WHERE id = 1;
		CREATE TABLE app.parted (v cipguard.enc_text('t_text'), id int) PARTITION BY HASH (v);
		CREATE TABLE app.parted0 PARTITION OF app.parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
		CREATE TABLE app.parted1 PARTITION OF app.parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
		INSERT INTO app.parted SELECT 'QzCANARYzQ' || g, g FROM generate_series(1, 100) g;
		CREATE INDEX ON app.t_text USING hash (v);
		GRANT SELECT ON app.parted TO reader;
		SELECT count(*) FROM cipguard.seal();
	END
} | sql old postgres > "$logs/setup" || { cat "$logs/setup"; exit 1; }

state() { # what must be the same
	digest
	cat <<-'END'
		SELECT 'keys', count(*), md5(string_agg(k::text, ',' ORDER BY k::text)) FROM cipguard.data_key k;
		SELECT 'grants', count(*), md5(string_agg(g::text, ',' ORDER BY g::text)) FROM cipguard.access_grant g;
		SELECT 'categories', count(*), md5(string_agg(c::text, ',' ORDER BY c::text)) FROM cipguard.category c;
		SELECT 'labels', string_agg(l.objname || ' ' || label, ',' ORDER BY l.objname) FROM pg_seclabels l WHERE provider = 'cipguard';
		SELECT 'log', action, relation, changed FROM cipguard.audit_log WHERE relation::text LIKE 'app.%' ORDER BY ts, action, relation::text;
		SELECT 'partitions', tableoid::regclass, count(*) FROM app.parted GROUP BY 2 ORDER BY 2::text;
		SET row_security = on;
		SET ROLE reader;
		SELECT * FROM app.client ORDER BY id;
		SELECT * FROM app.client_masked ORDER BY id;
		SELECT count(*) FROM app.parted WHERE v = 'QzCANARYzQ9';
		SET ROLE clerk;
		SELECT * FROM app.client ORDER BY id;
		SELECT * FROM app.client_masked ORDER BY id;
		SELECT cipguard.mask('A1234567', 'badge');
	END
}
before=$(state | sql old postgres)
read_before=$(readable | sql old postgres reader)
stop old upgraded

for mode in --copy --link; do
	d=upgrade$mode
	rm -rf "${work:?}/$d"
	cp -r "$work/template.new" "$work/$d"
	printf '%s\n' "shared_preload_libraries = 'cipguard'" "port = ${port[new]}" 'statement_timeout = 60s' >> "$work/$d/postgresql.conf"
	# Checksums are on by default since 18.
	if [ "$("${bin[new]}/pg_controldata" "$work/$d" | sed -n 's/^Data page checksum version: *//p')" != 0 ]; then
		"${bin[new]}/pg_checksums" --disable -D "$work/$d" > /dev/null
	fi
	rc=0
	(cd "$work" && "${bin[new]}/pg_upgrade" -b "${bin[old]}" -B "${bin[new]}" -d "$work/upgraded" -D "$work/$d" \
		-p "${port[old]}" -P "${port[new]}" -s "$work/s" "$mode") > "$logs/pg_upgrade$mode" 2>&1 || rc=$?
	is "pg_upgrade $mode" "$rc" 0
	if [ "$rc" != 0 ]; then
		tail -40 "$logs/pg_upgrade$mode"
		find "$work/$d/pg_upgrade_output.d" -type f -size +0 -exec tail -n 5 {} \; 2> /dev/null || true
		continue
	fi
	start new "$d"
	is "pg_upgrade $mode: everything is as it was" "$(state | sql new postgres)" "$before"
	is "pg_upgrade $mode: a reader reads and finds by index" "$(readable | sql new postgres reader)" "$read_before"
	is "pg_upgrade $mode: no key is missing" "$(echo 'SELECT cipguard.init()' | sql new postgres)" 0
	is "pg_upgrade $mode: new rows, the default, and their event" "$(sql new postgres <<-'END'
		INSERT INTO app.client (id, name, phone) VALUES (3, '王五', '13800138003');
		SELECT app.insert_typed(101, 110);
		SET ROLE reader;
		SELECT name, phone, note FROM app.client WHERE phone = '13800138003';
		SELECT count(*) FROM app.t_text WHERE id > 100;
		RESET ROLE;
		SELECT count(*) FROM cipguard.audit_log WHERE relation::text = 'app.client' AND action = 'INSERT';
	END
	)" $'\n王五|13800138003|QzCANARYzQ default\n10\n3'
	is "pg_upgrade $mode: unique is unique" "$(echo "INSERT INTO app.client (id, phone) VALUES (4, '138-0013-8000')" | sql new postgres | grep -c 'duplicate key' || true)" 1
	is "pg_upgrade $mode: the masking view follows its table" "$(sql new postgres <<-'END'
		ALTER TABLE app.client ADD COLUMN more text;
		SELECT count(*) FROM pg_attribute WHERE attrelid = 'app.client_masked'::regclass AND attname = 'more';
	END
	)" 1
	is "pg_upgrade $mode: the audit log verifies" "$(echo "SELECT status FROM cipguard.audit_verify() WHERE status NOT IN ('ok', 'note')" | sql new postgres)" ''
	stop new "$d"
done
