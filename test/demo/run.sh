#!/bin/bash
#
# run.sh
#		The demonstration: one client table, encrypted, masked and audited.
#
# Runs against the server that PGHOST, PGPORT, PGUSER (a superuser) and
# PGDATABASE name and whose files are below PGDATA; "make demo" provides one.
# What no person wants to read goes to CIPGUARD_DEMO_LOG, if that is set.
# Everything printed is for a person to read.  Each claim is checked: the first
# word of its line is "yes" or "NO", and with one "NO" the script exits with 1.
#
# Leaves behind: schema demo, database ${PGDATABASE}_restored, roles demo_*.

# Claims are expressions in single quotes for eval.
# shellcheck disable=SC2016,SC2034

set -u -o pipefail
cd "$(dirname "$0")" || exit 1
: "${PGHOST:?}" "${PGPORT:?}" "${PGUSER:?}" "${PGDATABASE:?}" "${PGDATA:?}"

export PGOPTIONS='-c client_min_messages=warning' PGCLIENTENCODING=UTF8
unset PGAPPNAME
restored=${PGDATABASE}_restored
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
log=${CIPGUARD_DEMO_LOG:-$tmp/log}
server_log=$PGDATA.log
[ -f "$server_log" ] || server_log=/dev/null
said=0
wrong=0

# Values of the client whose traces are looked for; they occur nowhere else.
# The same kinds of values, other ones, go into a table without protection.
id=10001
name='端木验真'
mobile='16888004273'
new_mobile='16888009137'
email='canary.731@example.com'
resident_id='319999198704217338'
uscc='91319999MA731173X1'
address='上海市浦东新区沐潮街731号27层'
employer='沐潮造船厂七三一'
secrets=("$name" "$mobile" "$new_mobile" "$email" "$resident_id" "$uscc" "$address" "$employer")
plain=('端木对照' '16888005842' 'control.842@example.com' '319999198704217354' '91319999MA8421842L' '上海市浦东新区沐潮街842号16层')

# ---------------------------------------------------------------- printing

heading()
{
	printf '\n== %s\n\n' "$1"
}

say()
{
	printf '%s\n' "$*" | fold -s -w 96 | sed 's/ *$//'
}

# claim TEXT COMMAND...: the command decides.
claim()
{
	local text=$1

	shift
	said=$((said + 1))
	if "$@"; then
		printf '   yes  %s\n' "$text"
	else
		printf '   NO   %s\n' "$text"
		wrong=$((wrong + 1))
	fi
}

stop()
{
	printf '\n%s\n' "The demonstration cannot go on: $*"
	exit 1
}

# sql ROLE STATEMENT [psql option...]: show the statement and its result, with
# ciphertext cut short.  The full result is left in $out; the exit status is that
# of psql.
sql()
{
	local role=$1 statement=$2 status line prompt

	shift 2
	[ "$role" = "$PGUSER" ] && prompt="$role=# " || prompt="$role=> "
	while IFS= read -r line; do
		printf '%s%s\n' "$prompt" "${line//$'\t'/    }"
		prompt=$(printf '%*s' ${#prompt} '')
	done <<<"$statement"
	out=$(psql -Xq -v ON_ERROR_STOP=1 -P footer=off "$@" -U "$role" -c "$statement" 2>&1)
	status=$?
	[ -z "$out" ] || printf '%s\n' "$out" |
		sed -E 's/(cip1:[A-Za-z0-9_-]{24})[A-Za-z0-9_-]+/\1.../g; s/-{80,}/-----/; s/ *\+$//; s/[[:space:]]+$//'
	echo
	return $status
}

# ask ROLE STATEMENT [psql option...]: the bare result.
ask()
{
	local role=$1 statement=$2

	shift 2
	psql -XqAt -v ON_ERROR_STOP=1 "$@" -U "$role" -c "$statement" 2>&1
}

# ------------------------------------------------------------------ checks

equal()
{
	[ "$1" = "$2" ]
}

differ()
{
	[ "$1" != "$2" ]
}

# holds TEXT STRING..., lacks TEXT STRING...: all of them, none of them.
holds()
{
	local text=$1 s

	shift
	for s in "$@"; do
		[[ $text == *"$s"* ]] || return 1
	done
}

lacks()
{
	local text=$1 s

	shift
	for s in "$@"; do
		[[ $text != *"$s"* ]] || return 1
	done
}

# How often each of the values occurs in files and directories, as bytes.
occurrences()
{
	local -a values=()

	while [ "$1" != -- ]; do
		values+=(-e "$1")
		shift
	done
	shift
	LC_ALL=C grep -raohF "${values[@]}" -- "$@" 2>>"$tmp/grep" | wc -l
}

# Do all values occur?  Counting them together could hide that one does not.
all_occur()
{
	local -a values=()
	local v

	while [ "$1" != -- ]; do
		values+=("$1")
		shift
	done
	shift
	for v in "${values[@]}"; do
		LC_ALL=C grep -raqF -e "$v" -- "$@" 2>>"$tmp/grep" || return 1
	done
}

none_occur()
{
	[ "$(occurrences "$@")" -eq 0 ]
}

# A piece of a file around the last occurrence of a byte sequence.
piece()
{
	local file=$1 pattern=$2 at

	at=$(LC_ALL=C grep -obUaP -e "$pattern" -- "$file" | tail -1 | cut -d: -f1)
	tail -c +"$((${at:-0} + 1))" -- "$file" | head -c 96 | od -A d -t x1z | sed '$d; s/^/   /'
}

# -------------------------------------------------------------------- demo

[ -r "$PGDATA/PG_VERSION" ] || stop "the files below $PGDATA cannot be read."
started=$(ask "$PGUSER" 'SELECT now()::timestamptz(0)')
# What another run left is guarded.
ask demo_officer "SELECT cipguard.open_maintenance('the demonstration begins anew', 5)" >/dev/null
psql -Xq -d postgres -c "DROP DATABASE IF EXISTS \"$restored\"" &&
	psql -Xq -c 'DROP SCHEMA IF EXISTS demo CASCADE' || exit 1
ask demo_officer 'SELECT cipguard.close_maintenance()' >/dev/null

echo 'cipguard: a client table that is encrypted, masked and audited'
say "$(ask "$PGUSER" "SELECT split_part(version(), ' on ', 1) || ', database ' || current_database() || ', encoding ' || pg_encoding_to_char(encoding)
	FROM pg_database WHERE datname = current_database()")"

heading '1. Install, and make the tables'

sql "$PGUSER" 'CREATE EXTENSION IF NOT EXISTS cipguard CASCADE;' || stop 'the extension could not be installed.'
sql "$PGUSER" "SELECT kind, count(*), min(state) AS state FROM cipguard.key_status GROUP BY kind ORDER BY kind;"
say 'The keys were made at once and are stored wrapped by the key-encryption key, which is outside the database.' \
	'A column is encrypted by its type, which names the kind of personal data:'
echo
sed -n '/^CREATE TABLE demo.client (/,/^);/p' data.sql | sed 's/^/   /'
echo
psql -Xq -v clients=10000 -v contracts=30000 -f data.sql || stop 'data.sql did not run.'
sql "$PGUSER" "SELECT (SELECT count(*) FROM demo.client) AS clients, (SELECT count(*) FROM demo.contract) AS contracts,
	(SELECT sum(amount) FROM demo.contract) AS amount;"
say 'The rows are synthetic (data.sql): resident IDs and credit codes have right check digits but regions that do' \
	'not exist, mobile numbers have network codes that were never assigned.'

heading '2. Protect them'

say 'The administrator labels plain columns, switches auditing on and makes a masking view:'
echo
sed -n -e '/^SECURITY LABEL/p' -e '/^SELECT cipguard/p' protect.sql | sed 's/^/   /'
echo
psql -Xq -f protect.sql >"$log" 2>&1 || { tail -3 "$log"; stop 'protect.sql did not run.'; }
say 'Another person, the officer, says who may search or read what:'
echo
sed -n '/^SELECT cipguard/p' grants.sql | sed 's/^/   /'
echo
ask demo_officer "SELECT count(cipguard.revoke_access(id)) FROM cipguard.access_grants WHERE grantee::text LIKE 'demo\\_%'" >/dev/null
psql -Xq -U demo_officer -f grants.sql >>"$log" 2>&1 || { tail -3 "$log"; stop 'grants.sql did not run.'; }
ask demo_officer "SELECT cipguard.grant_access('demo_officer', 'name')" >"$tmp/out"
claim 'the officer cannot give himself access' grep -q 'cannot grant access to yourself' "$tmp/out"

heading '3. What a thief of files finds'

say "The manager enters client $id. A table without protection gets a row of the same kind, to show that the search" \
	'below does find what is there.'
echo
sql demo_manager "INSERT INTO demo.client (id, kind, company, contact, mobile, email, resident_id, birth_date, uscc, address, client_since)
	VALUES ($id, 'company', '上海汀澜水务有限公司', '$name', '$mobile', '$email',
		'$resident_id', '1987-04-21', '$uscc', '$address', '2025-03-01');" || stop 'the client could not be entered.'
psql -Xq -v ON_ERROR_STOP=1 -c 'CREATE TABLE demo.unprotected (id integer, contact text, mobile text, email text, resident_id text, uscc text, address text)' \
	-c "INSERT INTO demo.unprotected VALUES (1, '${plain[0]}', '${plain[1]}', '${plain[2]}', '${plain[3]}', '${plain[4]}', '${plain[5]}')" \
	-c CHECKPOINT || stop 'the control table could not be made.'
client_file=$PGDATA/$(ask "$PGUSER" "SELECT pg_relation_filepath('demo.client')")
control_file=$PGDATA/$(ask "$PGUSER" "SELECT pg_relation_filepath('demo.unprotected')")
echo 'A piece of the file of the unprotected table:'
piece "$control_file" "${plain[1]}"
echo 'A piece of the file of demo.client:'
piece "$client_file" '\xc1\x02\x01\x01'
echo
all=$(du -smL "$PGDATA" | cut -f1)
claim 'all six values of the control row are in the file of the unprotected table' all_occur "${plain[@]}" -- "$control_file"
claim 'and in the data directory with its write-ahead log' all_occur "${plain[@]}" -- "$PGDATA"
claim "no value of client $id is in the file of demo.client" none_occur "${secrets[@]}" -- "$client_file"
claim "nor anywhere in the data directory: $all MB, write-ahead log included" none_occur "${secrets[@]}" -- "$PGDATA"

heading '4. Three people, one query'

say 'All of them send the same statement to the same table; nothing in the client knows of masks.'
echo
query="SELECT contact, mobile, email, resident_id, birth_date, uscc, address
	FROM demo.client WHERE id = $id;"
sql demo_clerk "$query" -x
clerk=$out
sql demo_manager "$query" -x
manager=$out
sql demo_auditor "$query" -x
auditor=$out
claim 'the clerk sees masks, and in full only the credit code, which is public' \
	eval 'holds "$clerk" "$uscc" "168****4273" && lacks "$clerk" "$name" "$mobile" "$email" "$resident_id" "$address"'
claim 'the sales manager sees what was granted, and the resident ID masked' \
	eval 'holds "$manager" "$name" "$mobile" "$email" "$uscc" "$address" && lacks "$manager" "$resident_id" "1987-04-21"'
claim 'the auditor sees masks only' lacks "$auditor" "${secrets[@]}" '1987-04-21'
claim 'the three results differ' \
	eval 'differ "$clerk" "$manager" && differ "$clerk" "$auditor" && differ "$manager" "$auditor"'
out=$(ask "$PGUSER" "$query")
claim 'the superuser, who owns the table, has no grant: masks' eval 'holds "$out" "168****4273" && lacks "$out" "${secrets[@]}"'
out=$(ask demo_clerk "SELECT contact, mobile, email, resident_id, birth_date, uscc, address FROM demo.client_masked WHERE id = $id")
claim 'the masking view shows the clerk what the table does' equal "$out" "$(ask demo_clerk "$query")"
echo
say 'A plain column with a label is masked as well, wherever in a statement it stands:'
echo
sql demo_clerk "SELECT site_contact, count(*), sum(amount) FROM demo.contract
	WHERE site_contact LIKE '端木%' GROUP BY site_contact ORDER BY site_contact;"
claim 'the clerk compares and groups masks' eval 'holds "$out" "端木**" && ! grep -qE "端木[^*]" <<<"$out"'
real=$(ask demo_manager "SELECT site_contact FROM demo.contract WHERE site_contact LIKE '端木%' ORDER BY id LIMIT 1")
out=$(ask demo_clerk "SELECT count(*) FROM demo.contract WHERE site_contact = '$real'")
claim "looks for $real, whom the manager does see, and finds $out rows" eval '[ -n "$real" ] && equal "$out" 0'
out=$(ask demo_clerk "COPY demo.contract (site_contact) TO STDOUT; SELECT to_jsonb(c) FROM demo.contract c; SELECT max(site_contact) FROM demo.contract; EXPLAIN (ANALYZE, VERBOSE) SELECT site_contact FROM demo.contract")
claim "COPY, JSON, aggregates and EXPLAIN of all contracts, $(wc -l <<<"$out") lines, do not name him" lacks "$out" "$real"
out=$(ask demo_clerk "SELECT mobile::text || ' ' || upper(email::text) FROM demo.client WHERE id = $id")
claim "casts and functions see masks: $out" eval 'holds "$out" "168****4273" && lacks "$out" "$mobile"'

heading '5. A form writes back what it was shown'

say 'The clerk opens a client and a contract, changes one field of each, and the application saves all fields, as' \
	'object-relational mappers do:'
echo
truth()
{
	ask demo_manager "SELECT contact, mobile, email, uscc, address FROM demo.client WHERE id = $id; SELECT site_contact FROM demo.contract WHERE id = $contract"
	PGOPTIONS="$PGOPTIONS -c row_security=off" ask "$PGUSER" "SELECT resident_id, birth_date FROM demo.client WHERE id = $id"
}
contract=$(ask demo_manager 'SELECT min(id) FROM demo.contract WHERE char_length(site_contact) = 3')
before=$(truth)
save=$(ask demo_clerk "SELECT format('UPDATE demo.client SET contact = %L, mobile = %L, email = %L,
	resident_id = %L, birth_date = %L, uscc = %L, address = %L, remark = %L WHERE id = %L;',
	contact, mobile, email, resident_id, birth_date, uscc, address, '已回电', id) FROM demo.client WHERE id = $id")
sql demo_clerk "$save"
claim 'the save is accepted' equal $? 0
save=$(ask demo_clerk "SELECT format('UPDATE demo.contract SET site_contact = %L, remark = %L WHERE id = %L;',
	site_contact, '图纸已移交', id) FROM demo.contract WHERE id = $contract")
sql demo_clerk "$save"
claim 'and so is that of the contract' equal $? 0
claim 'the manager finds every value as it was, and the ciphertext of what he may not read is the same' \
	eval 'holds "$before" "$mobile" cip1: && equal "$(truth)" "$before"'
claim 'and the changed fields changed' \
	equal "$(ask demo_manager "SELECT remark FROM demo.client WHERE id = $id UNION ALL SELECT remark FROM demo.contract WHERE id = $contract")" $'已回电\n图纸已移交'
echo
sql demo_clerk "UPDATE demo.contract SET site_contact = site_contact || '（代）' WHERE id = $contract;"
status=$?
claim 'what is computed from a mask is refused (ZC013)' eval '[ $status -ne 0 ] && holds "$out" "cannot store a mask"'
out=$(ask demo_clerk "INSERT INTO demo.contract SELECT (c).* FROM demo.contract c WHERE id = $contract")
claim 'so is a copy of a masked row into the table' holds "$out" 'cannot store a mask'
out=$(ask demo_clerk "BEGIN; UPDATE demo.contract SET site_contact = '赵新' WHERE id = $contract RETURNING site_contact; ROLLBACK")
claim "a new value is taken, and masked from then on: $out" equal "$out" '赵*'
claim 'after all that the values are as they were' equal "$(truth)" "$before"

heading '6. Find a client by phone number'

say 'The clerk may search mobile numbers, not read them. A caller gives his number:'
echo
sql demo_clerk "EXPLAIN (COSTS OFF) SELECT id FROM demo.client WHERE mobile = '$mobile';" -At
claim 'the unique index on the encrypted column is used' holds "$out" 'client_mobile_key'
claim 'the plan does not show the number' lacks "$out" "$mobile"
echo
sql demo_clerk "SELECT m.id, m.company, m.contact, m.mobile
	FROM demo.client m WHERE m.mobile = '+86 168 8800 4273';"
claim 'found, though written in another way, and still masked' eval 'holds "$out" "$id" "168****4273" && lacks "$out" "$mobile"'
out=$(ask demo_auditor "SELECT id FROM demo.client WHERE mobile = '$mobile'")
claim 'the auditor, who may not search, is refused' holds "$out" 'permission denied'

heading '7. A change, a look, and their traces'

sql demo_manager "BEGIN;
SET LOCAL cipguard.purpose = 'contract';
UPDATE demo.client SET mobile = '$new_mobile', remark = '来电变更手机号' WHERE mobile = '$mobile';
COMMIT;"
claim 'the manager changed the number' equal "$(ask demo_manager "SELECT mobile FROM demo.client WHERE id = $id")" "$new_mobile"
echo
trace="FROM cipguard.audit_log
	WHERE relation = 'demo.client' AND subject = cipguard.subject_tag('$id') AND ts >= '$started'"
sql demo_auditor "SELECT action, login_role, cur_role, purpose, changed,
		jsonb_pretty(before) AS before, jsonb_pretty(after) AS after
	$trace
		AND action = 'UPDATE' AND login_role = 'demo_manager'
	ORDER BY xid, seq;" -x
claim 'the log has all three events: INSERT, the save of the clerk, and this UPDATE' \
	equal "$(ask demo_auditor "SELECT string_agg(action, ' ' ORDER BY xid, seq) $trace")" 'INSERT UPDATE UPDATE'
claim 'with the user, the purpose and the changed columns' \
	equal "$(ask demo_auditor "SELECT login_role, purpose, changed $trace AND action = 'UPDATE' ORDER BY xid, seq")" \
	$'demo_clerk||{remark}\ndemo_manager|contract|{mobile,remark}'
claim 'with the values before and after as ciphertext, and none in plaintext' \
	eval 'holds "$out" "cip1:" "来电变更手机号" && lacks "$out" "${secrets[@]}"'
out=$(ask demo_manager 'SELECT count(*) FROM cipguard.audit_log')
claim 'the manager cannot read the log' holds "$out" 'permission denied'
out=$(ask demo_auditor 'DELETE FROM cipguard.audit_event')
claim 'the auditor cannot change it' holds "$out" 'permission denied'
before=$(ask "$PGUSER" 'SELECT count(*) FROM cipguard.audit_event')
out=$(ask "$PGUSER" 'DELETE FROM cipguard.audit_event')
claim 'nor can the superuser by a plain statement' \
	eval 'holds "$out" ERROR && equal "$(ask "$PGUSER" "SELECT count(*) FROM cipguard.audit_event")" "$before"'

echo
say 'Reading leaves a trace, too, even in a transaction that is rolled back:'
echo
sql demo_manager "BEGIN;
SET LOCAL cipguard.purpose = 'contract';
SELECT c.contact, k.site_contact FROM demo.client c JOIN demo.contract k ON k.client_id = c.id
	WHERE k.id = $contract;
ROLLBACK;"
client=$(ask "$PGUSER" "SELECT client_id FROM demo.contract WHERE id = $contract")
sql demo_auditor "SELECT kind, login_role, purpose, relation, columns, \"values\", subjects
	FROM cipguard.disclosures ORDER BY ts DESC LIMIT 2;"
claim "the journal has the two values, whose they are (client $client), and what for" \
	equal "$(ask demo_auditor "SELECT kind, login_role, purpose, columns, \"values\", subjects
		FROM (SELECT * FROM cipguard.disclosures ORDER BY ts DESC LIMIT 2) d ORDER BY relation")" \
	"read|demo_manager|contract|{contact}|1|{$client}"$'\n'"read|demo_manager|contract|{site_contact}|1|{$client}"
claim 'of the clerk it has the credit code alone: masks are no disclosure' \
	equal "$(ask demo_auditor "SELECT DISTINCT columns FROM cipguard.disclosures
		WHERE login_role = 'demo_clerk' AND relation = 'demo.client' AND columns <> '{}' AND ts >= '$started'")" '{uscc}'

heading '8. What an auditor asks'

say "Who saw data of client $id, what became of the row, and what was it before?"
echo
sql demo_auditor "SELECT certainty, role, purpose, relation, columns
	FROM cipguard.who_saw('$id', '$started') ORDER BY ts;"
claim 'the manager and the clerk are named, the latter for the credit code alone' \
	eval 'holds "$out" demo_manager demo_clerk && lacks "$out" "${secrets[@]}" && ! grep -q "demo_clerk.*mobile" <<<"$out"'
claim 'of a client whom nobody looked at it says so' \
	equal "$(ask demo_auditor "SELECT count(*) FROM cipguard.who_saw('4243', '$started') WHERE certainty = 'yes'")" 0
sql demo_auditor "SELECT action, role, purpose, columns, after ->> 'remark' AS remark
	FROM cipguard.changes('demo.client', '$id', '$started');"
claim 'entered, saved by the clerk, changed by the manager' \
	equal "$(ask demo_auditor "SELECT string_agg(action || role, ' ' ORDER BY ts) FROM cipguard.changes('demo.client', '$id', '$started')")" \
	'INSERTdemo_manager UPDATEdemo_clerk UPDATEdemo_manager'
event=$(ask demo_auditor "SELECT max(event_id) FROM cipguard.changes('demo.client', '$id', '$started')")
out=$(ask demo_auditor "SELECT cipguard.row_as_of('demo.client', '$id', ts - interval '1 microsecond') ->> 'mobile'
	FROM cipguard.audit_log WHERE seq = $event")
claim "before that the mobile number was $out, to the auditor" equal "$out" '168****4273'
echo
say 'The administrator, who may not read it either, takes the change back, and then that:'
echo
sql "$PGUSER" "SELECT cipguard.undo($event);"
claim 'the manager reads the old number' equal "$(ask demo_manager "SELECT mobile FROM demo.client WHERE id = $id")" "$mobile"
event=$(ask demo_auditor "SELECT max(event_id) FROM cipguard.changes('demo.client', '$id', '$started')")
ask "$PGUSER" "SELECT cipguard.undo($event)" >/dev/null
claim 'and the new one' equal "$(ask demo_manager "SELECT mobile FROM demo.client WHERE id = $id")" "$new_mobile"
echo
say 'The client asks who had his data. He is told of himself only, and no values:'
echo
sql demo_auditor "SELECT what, role, purpose, relation, columns
	FROM cipguard.subject_receipt('$id', '$started') LIMIT 4;"
claim 'no value is in it' lacks "$(ask demo_auditor "SELECT * FROM cipguard.subject_receipt('$id', '$started')")" "${secrets[@]}"
claim 'that the auditor asked is on record, too' \
	differ "$(ask demo_auditor "SELECT count(*) FROM cipguard.activity_of('demo_auditor', '$started') WHERE action = 'asked'")" 0
echo
sql "$PGUSER" 'ALTER TABLE demo.client DISABLE TRIGGER ALL;'
status=$?
claim 'nobody switches the audit off without a recorded window, the superuser included' \
	eval '[ $status -ne 0 ] && holds "$out" "the audit is guarded"'
ask demo_officer 'SELECT cipguard.seal()' >/dev/null
sql demo_auditor "SELECT status, finding, detail FROM cipguard.audit_verify() WHERE finding <> 'policy';"
claim 'the whole log is as it was sealed' equal "$(ask demo_auditor "SELECT DISTINCT status FROM cipguard.audit_verify() WHERE status <> 'note'")" ok

heading '9. What is refused'

taken=$(ask demo_manager 'SELECT mobile FROM demo.client WHERE id = 42')
spelled="+86-${taken:0:3}-${taken:3:4}-${taken:7}"
sql demo_clerk "INSERT INTO demo.client (id, kind, contact, mobile, client_since)
	VALUES (10002, 'person', '试填', '$spelled', '2025-03-02');"
status=$?
claim 'a second client with the phone number of client 42 is refused by the unique index' \
	eval '[ $status -ne 0 ] && holds "$out" "client_mobile_key"'
claim 'the message does not tell the number' lacks "$out" "$taken" "$spelled"
out=$(ask demo_manager "INSERT INTO demo.client (id, kind, contact, mobile, client_since) VALUES (10002, 'person', '试填', '$taken', '2025-03-02')")
claim 'nor does the one to the manager, who may read it, nor the server log' \
	eval 'holds "$out" "client_mobile_key" && lacks "$out" "$taken" && none_occur "$taken" -- "$server_log"'
echo
typo=${resident_id%?}9
sql demo_clerk "INSERT INTO demo.client (id, kind, contact, mobile, resident_id, client_since)
	VALUES (10002, 'person', '试填', '16888001111', '$typo', '2025-03-02');"
status=$?
claim 'a resident ID with a wrong check digit is refused, with the reason' \
	eval '[ $status -ne 0 ] && holds "$out" "checksum"'
claim 'the message does not repeat it' lacks "$out" "$typo"
echo
sql demo_clerk "CREATE TEMPORARY TABLE mine AS SELECT contact, mobile FROM demo.client;"
status=$?
claim 'what stands in place of an encrypted value cannot be stored' eval '[ $status -ne 0 ] && holds "$out" "cannot be stored"'
out=$(ask demo_clerk "UPDATE demo.client SET mobile = '139****0000' WHERE id = $id")
claim 'nor is a mask of another number a number' holds "$out" 'looks like a mask'
out=$(ask demo_manager 'CREATE TEMPORARY TABLE mine AS SELECT site_contact AS who FROM demo.contract WHERE id <= 100;
	SELECT label FROM pg_seclabels WHERE objoid = $$mine$$::regclass')
claim "a copy that the manager makes has the label of its source: $out" equal "$out" name
out=$(ask demo_officer 'ALTER TABLE demo.contract DISABLE TRIGGER USER')
claim 'the officer, who decides on access, has none to the tables' holds "$out" 'permission denied'

heading '10. What still leaks'

say 'Masks follow whoever reads. What follows somebody else is found by a look into the catalogs. Somebody makes a function' \
	'that runs with the rights of the manager, and opens it to all:'
echo
sql "$PGUSER" "CREATE FUNCTION demo.call_list() RETURNS TABLE (who text) LANGUAGE sql SECURITY DEFINER
	AS 'SELECT contact::text FROM demo.client';
ALTER FUNCTION demo.call_list() OWNER TO demo_manager;"
sql demo_auditor "SELECT severity, kind, object, left(leak, 70) AS leak FROM cipguard.lint_exposure();"
claim 'it is found, with severity high' grep -qE '^ *high .*definer_function .*demo\.call_list' <(printf '%s' "$out")
claim 'and so are the unique indexes, which tell whether a number is there' holds "$out" 'demo.client_mobile_key'
claim 'the control table of this demonstration, and the superuser, are found as well' holds "$out" 'demo.unprotected.mobile' 'superuser'
ask "$PGUSER" 'DROP FUNCTION demo.call_list()'
claim 'once the function is gone no table of the demonstration has a finding of severity high' \
	equal "$(ask demo_auditor "SELECT count(*) FROM cipguard.lint_exposure() WHERE severity = 'high' AND object LIKE '%demo.%'")" 0

heading '11. Dump and restore'

out=$(ask demo_manager 'SELECT email FROM demo.client WHERE id <= 4000' | grep -c '^[^*]*@')
claim "of 4000 addresses of e-mail the manager gets $out, then masks: his budget of a day is spent" \
	eval '[ "$out" -gt 0 ] && [ "$out" -le 2500 ]'
ask demo_officer "SELECT cipguard.set_budget('demo_manager', NULL, NULL, NULL), cipguard.set_budget('demo_clerk', NULL, NULL, NULL)" >>"$log" ||
	stop 'the budgets could not be set.'
say 'An officer lifts that limit, for whole tables are compared now.'
echo
say "\$ pg_dump $PGDATABASE > dump.sql; createdb $restored; psql -d $restored -f dump.sql"
echo
pg_dump -f "$tmp/dump.sql" || stop 'pg_dump failed.'
printf '   the dump has %d kB\n' "$(($(stat -c %s "$tmp/dump.sql") / 1000))"
claim 'the dump holds the values of the unprotected table' all_occur "${plain[@]}" -- "$tmp/dump.sql"
claim "and no value of client $id" none_occur "${secrets[@]}" -- "$tmp/dump.sql"
claim 'the journal notes that the superuser dumped the contracts, whose labelled column is real in the dump' \
	eval 'holds "$(ask demo_auditor "SELECT DISTINCT kind || relation FROM cipguard.disclosures WHERE login_role = \$\$$PGUSER\$\$ AND ts >= \$\$$started\$\$")" "dumpdemo.contract" && grep -qF "$real" "$tmp/dump.sql"'
pg_dump -U demo_clerk -t demo.contract -f "$tmp/clerk.sql" 2>"$tmp/out"
claim 'a dump by the clerk is refused: it would be a backup of masks' grep -q 'affected by masking' "$tmp/out"
pg_dump --enable-row-security -U demo_clerk -t demo.contract -f "$tmp/clerk.sql" || stop 'pg_dump failed.'
claim 'asked for, he gets a masked one' eval 'grep -q "ZX-2024" "$tmp/clerk.sql" && none_occur "$real" -- "$tmp/clerk.sql"'
createdb "$restored" || stop 'createdb failed.'
psql -Xq -v ON_ERROR_STOP=1 -d "$restored" -f "$tmp/dump.sql" >>"$log" 2>&1
status=$?
[ $status -eq 0 ] || tail -5 "$log"
claim 'the dump is restored without an error' [ $status -eq 0 ]
echo

# compare TEXT ROLE QUERY STRING: the query gives the same in both databases,
# and the string is in it.
compare()
{
	local text=$1 role=$2 query=$3 string=$4 a b

	a=$(psql -Xq -U "$role" -c "COPY ($query) TO STDOUT" 2>&1 | md5sum | cut -c1-16)
	psql -Xq -d "$restored" -U "$role" -c "COPY ($query) TO STDOUT" >"$tmp/out" 2>&1
	b=$(md5sum <"$tmp/out" | cut -c1-16)
	claim "$text: md5 $a and $b of $(wc -l <"$tmp/out") rows" \
		eval '[ "$a" = "$b" ] && grep -qF -e "$string" "$tmp/out"'
}

echo "   equal in $PGDATABASE and $restored?"
masked_options=$PGOPTIONS
export PGOPTIONS="$PGOPTIONS -c row_security=off"
compare 'ciphertext of demo.client' "$PGUSER" 'SELECT * FROM demo.client ORDER BY id' cip1:
compare 'demo.contract' "$PGUSER" 'SELECT * FROM demo.contract ORDER BY id' "$real"
export PGOPTIONS=$masked_options
compare 'what the manager reads of it' demo_manager 'SELECT id, contact, mobile, email, uscc, address FROM demo.client ORDER BY id' "$name"
compare 'what the clerk sees of it' demo_clerk 'SELECT * FROM demo.client ORDER BY id' '168****9137'
out=$(ask demo_clerk "SELECT id FROM demo.client WHERE mobile = '$new_mobile'" -d "$restored")
claim 'the restored client is found by phone number' equal "$out" "$id"

heading '12. Numbers, dates, documents'

say 'Every common type has an encrypted one. For whoever may read, each behaves as what it stands for:'
echo
psql -Xq -v ON_ERROR_STOP=1 -c "SELECT cipguard.add_category(n, mask => 'suppress') FROM unnest('{income,profile}'::text[]) n
	WHERE NOT EXISTS (SELECT FROM cipguard.category WHERE name = n)" >>"$log" 2>&1 || stop 'the categories could not be added.'
sql "$PGUSER" "CREATE TABLE demo.account (
    client integer PRIMARY KEY REFERENCES demo.client,
    born cipguard.enc_date('birth_date'),
    income cipguard.enc_numeric('income'),
    profile cipguard.enc_jsonb('profile'));" || stop 'the table could not be made.'
psql -Xq -v ON_ERROR_STOP=1 -c "INSERT INTO demo.account SELECT i, date '1950-01-01' + i * 2, i * 3.5, jsonb_build_object('employer', 'works ' || i)
	FROM generate_series(1, 10000) i" \
	-c "INSERT INTO demo.account VALUES ($id, '1987-04-21', 731731.73, '{\"employer\": \"$employer\", \"since\": 2009}')" \
	-c 'GRANT SELECT ON demo.account TO demo_manager, demo_clerk' || stop 'the table could not be filled.'
sql "$PGUSER" 'CREATE INDEX account_born ON demo.account (born cipguard.enc_date_order_ops);
CREATE INDEX client_mobile_part ON demo.client USING gin (mobile cipguard.enc_text_ngram_ops);' || stop 'the indexes could not be made.'
ask demo_officer "SELECT count(cipguard.grant_access('demo_manager', c)) FROM unnest('{birth_date,income,profile}'::text[]) c" >>"$log"
sql demo_manager "EXPLAIN (COSTS OFF) SELECT client FROM demo.account
	WHERE born BETWEEN '1987-04-01' AND '1987-04-30' ORDER BY born LIMIT 20;" -At
claim 'the index answers a range, in the order of the dates' eval 'holds "$out" account_born && lacks "$out" Sort'
echo
sql demo_manager "SELECT client, born, income, profile ->> 'employer' AS employer FROM demo.account
	WHERE born BETWEEN '1987-04-20' AND '1987-04-22' ORDER BY born, client;"
claim 'the manager finds the client by a range of birth dates' holds "$out" "$id" 1987-04-21 731731.73 "$employer"
sql demo_manager "SELECT client FROM demo.account WHERE profile @> '{\"since\": 2009}' AND income > 700000;"
claim 'and by what a document holds' holds "$out" "$id"
sql demo_manager "SELECT id, mobile FROM demo.client WHERE mobile LIKE '%9137';"
claim 'and by the last four digits of the number' holds "$out" "$id" "$new_mobile"
sql demo_clerk "SELECT * FROM demo.account WHERE client = $id;"
claim 'the clerk sees the year, and nothing of the rest' eval 'holds "$out" 1987-01-01 && lacks "$out" 04-21 731731 "$employer"'
out=$(ask demo_clerk "SELECT client FROM demo.account WHERE born < '1988-01-01'")
claim 'a range would tell him the date: refused' holds "$out" 'permission denied'
out=$(ask demo_clerk "SELECT id FROM demo.client WHERE mobile LIKE '%9137'")
claim 'so would a pattern, though he may search with =: refused' holds "$out" 'permission denied'

heading '13. A new key'

sql demo_officer "SELECT cipguard.rotate_key('mobile');" || stop 'the key could not be rotated.'
say 'New values take the new version at once. Those that are there move to it, batch by batch, while others go on writing:'
echo
sql "$PGUSER" "CALL cipguard.reencrypt('demo.client');" || stop 'the table could not be encrypted anew.'
sql demo_auditor "SELECT version, state, rows FROM cipguard.key_status WHERE of = 'mobile' AND kind = 'data key' ORDER BY version;"
claim 'every number is under the new version' eval '[ "$(ask "$PGUSER" "SELECT count(*) FROM cipguard.key_use() k WHERE k.relation = \$\$demo.client\$\$::regclass AND k.attribute = \$\$mobile\$\$ AND k.kind = \$\$d\$\$")" = 1 ]'
out=$(ask demo_clerk "SELECT id FROM demo.client WHERE mobile = '$new_mobile'")
claim 'and is found as before' equal "$out" "$id"
out=$(ask demo_officer "SELECT cipguard.retire_key('mobile', 1)")
claim 'the old version stays, since images in the audit log use it' holds "$out" 'in use'

heading '14. For what, with whose consent, how much'

say 'A grant says who may read. An activity says what for; from now on nobody reads without one:'
echo
sql demo_officer "SELECT cipguard.add_activity('service', 'keeping the contracts', 'contract', '{name,mobile,address}', 'head of service'),
	cipguard.add_activity('campaign', 'offers by telephone', 'consent', '{name,mobile}', 'head of sales', necessary => false);"
window='SET ROLE cipguard_officer; DO $$BEGIN PERFORM cipguard.open_maintenance($w$purposes$w$); END$$; RESET ROLE'
psql -Xq -c "$window; ALTER DATABASE $PGDATABASE SET cipguard.require_purpose = on" || stop 'the setting could not be made.'
sql demo_manager "SELECT id, contact, mobile FROM demo.client WHERE id = $id;"
claim 'the manager, who has a grant, sees masks now' none_occur "$name" "$new_mobile" -- <(printf '%s' "$out")
claim 'and a warning names what is missing' holds "$(ask demo_manager "SET client_min_messages = warning; SELECT mobile FROM demo.client WHERE id = $id")" 'WARNING' 'purpose'
sql demo_manager "SET cipguard.purpose = 'service'; SELECT id, contact, mobile FROM demo.client WHERE id = $id;"
claim 'for the service that is owed he sees the client' holds "$out" "$name" "$new_mobile"
echo
say 'A campaign takes the consent of each person. One of three gives it:'
echo
ask demo_officer "SELECT cipguard.record_consent('$id', 'campaign', 'give', channel => 'hotline')" >>"$log"
sql demo_manager "SET cipguard.purpose = 'campaign'; SELECT id, contact, mobile FROM demo.client WHERE id BETWEEN $id - 2 AND $id ORDER BY id;"
claim 'row by row: the one who consents is shown, the others are masked' \
	eval 'holds "$out" "$name" "$new_mobile" && [ "$(grep -c "\*\*\*\*" <<<"$out")" = 2 ]'
ask demo_officer "SELECT cipguard.record_consent('$id', 'campaign', 'withdraw', channel => 'hotline')" >>"$log"
out=$(ask demo_manager "SET cipguard.purpose = 'campaign'; SELECT id, contact, mobile FROM demo.client WHERE id = $id")
claim 'withdrawn: the next statement shows a mask' eval 'lacks "$out" "$name" "$new_mobile"'
echo
say 'The clerk needs addresses for an hour. He asks, and somebody else decides:'
echo
sql demo_clerk "SELECT cipguard.request_access('address', 'service', 'returned letters', '1 hour');"
request=$(tr -dc '0-9\n' <<<"$out" | grep -m1 -x '[0-9]\+')
sql demo_officer "SELECT cipguard.approve($request);"
sql demo_officer "SELECT cipguard.set_budget('demo_clerk', 'address', 20, 20);"
out=$(ask demo_clerk "SET cipguard.purpose = 'service'; SELECT address FROM demo.client ORDER BY id LIMIT 100" | grep -cv '\*')
claim 'his budget ends a look at a hundred after twenty' equal "$out" 20
out=$(ask demo_officer "SELECT cipguard.request_access('name', 'service', 'just so', '1 hour')")
out=$(ask demo_officer "SELECT cipguard.approve($out)")
claim 'the officer cannot approve what he asked for himself' holds "$out" 'ERROR'
echo
say 'Something is wrong. One sentence closes everything:'
echo
sql demo_officer "SELECT cipguard.lockdown('all', 'drill');"
sql demo_manager "SET cipguard.purpose = 'service'; SELECT id, contact, mobile FROM demo.client WHERE id = $id;"
claim 'nobody reads, whatever he was granted' none_occur "$name" "$new_mobile" -- <(printf '%s' "$out")
sql demo_manager "SELECT condition, met, left(detail, 60) AS detail FROM cipguard.why('mobile') WHERE in_force;"
claim 'and whoever asks why is told' eval 'grep -qE "lockdown +\| f" <(printf "%s" "$out")'
out=$(ask demo_officer "SELECT cipguard.lift_lockdown(id, 'over') FROM cipguard.lockdowns")
claim 'one officer does not lift it alone' holds "$(ask demo_officer "SELECT cipguard.approve($out)")" 'ERROR'
ask demo_second "SELECT cipguard.approve($out)" >>"$log"
claim 'two do' holds "$(ask demo_manager "SET cipguard.purpose = 'service'; SELECT mobile FROM demo.client WHERE id = $id")" "$new_mobile"
sql demo_auditor "SELECT kind, login_role, category, left(detail, 50) AS detail FROM cipguard.alerts_open ORDER BY id;"
claim 'the budget and the lockdown raised an alert' holds "$out" budget lockdown
psql -Xq -c "$window; ALTER DATABASE $PGDATABASE RESET cipguard.require_purpose" || stop 'the setting could not be taken back.'

heading '15. Once more through all files'

psql -Xq -c CHECKPOINT
all=$(du -smL "$PGDATA" | cut -f1)
claim 'every file could be read' eval '! grep -qv "No such file" "$tmp/grep"'
claim 'the values of the unprotected table are found' all_occur "${plain[@]}" -- "$PGDATA"
claim "after all this, no value of client $id is in the data directory ($all MB) or the server log" none_occur "${secrets[@]}" -- "$PGDATA" "$server_log"

echo
if [ "$wrong" -ne 0 ]; then
	echo "$wrong of $said claims do not hold."
	exit 1
fi
echo "All $said claims hold: ciphertext in files, log and dump; one table, three views; saves that destroy nothing; lookup by phone; changes and looks on record; equal restore; purpose, consent, budget and lockdown."
