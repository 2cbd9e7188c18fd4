# 060_catalog.pl
#	What the extension leaves in the catalogs, and that it leaves nothing when
#	it goes.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use CipguardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('catalog');

# A picture of everything that creating and dropping an extension can touch.
# Names only; those of temporary and toast schemas vary.
sub picture
{
	my ($db) = @_;
	return as($node, undef, <<'SQL', db => $db);
SELECT 'schema', nspname, nspacl::text FROM pg_namespace WHERE nspname !~ '^pg_(temp|toast_temp)' ORDER BY 2;
SELECT 'relation', n.nspname, c.relname, c.relacl::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname !~ '^pg_(toast|temp)' ORDER BY 2, 3;
SELECT 'function', p.oid::regprocedure::text COLLATE "C" FROM pg_proc p ORDER BY 2;
SELECT 'type', t.oid::regtype::text COLLATE "C" FROM pg_type t WHERE typnamespace::regnamespace::text !~ '^pg_(toast|temp)' ORDER BY 2;
SELECT 'operator', o.oid::regoperator::text COLLATE "C" FROM pg_operator o ORDER BY 2;
SELECT 'opclass', opcname, opcmethod FROM pg_opclass ORDER BY 2, 3;
SELECT 'cast', castsource::regtype, casttarget::regtype FROM pg_cast ORDER BY 2, 3;
SELECT 'event trigger', evtname FROM pg_event_trigger ORDER BY 2;
SELECT 'label', objoid::regclass, objsubid, provider, label FROM pg_seclabel ORDER BY 2, 3;
SELECT 'trigger', tgrelid::regclass, tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 2, 3;
SELECT 'extension', extname FROM pg_extension ORDER BY 2;
SELECT 'default', defaclrole::regrole, defaclobjtype, defaclacl FROM pg_default_acl;
SELECT 'init', count(*) FROM pg_init_privs;
SELECT 'shdepend', classid::regclass, refobjid::regrole, deptype, count(*) FROM pg_shdepend WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND refclassid = 'pg_authid'::regclass GROUP BY 2, 3, 4 ORDER BY 2, 3, 4;
SQL
}

# Compare pictures; print only what differs.
sub same_picture
{
	my ($got, $want, $name) = @_;
	my %got = map { $_ => 1 } split(/\n/, $got);
	my %want = map { $_ => 1 } split(/\n/, $want);
	my @more = grep { !$want{$_} } sort keys %got;
	my @less = grep { !$got{$_} } sort keys %want;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok(!@more && !@less, $name)
	  or diag(join("\n", (map { "left: $_" } @more), (map { "gone: $_" } @less)));
	return;
}

sub none
{
	my ($sql, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $rows = as($node, undef, $sql);
	is($rows, '', $name);
	return;
}

as($node, undef, 'CREATE EXTENSION pgcrypto; CREATE ROLE owner LOGIN; CREATE ROLE clerk LOGIN; CREATE SCHEMA app AUTHORIZATION owner;'
	  . 'CREATE TABLE app.plain (id int PRIMARY KEY, phone text); ALTER TABLE app.plain OWNER TO owner; GRANT SELECT ON app.plain TO clerk');
my $before = picture('postgres');
as($node, undef, 'CREATE EXTENSION cipguard');

my $members = <<'SQL';
WITH member AS (SELECT classid, objid, pg_describe_object(classid, objid, objsubid) AS name FROM pg_depend
	WHERE refclassid = 'pg_extension'::regclass AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'cipguard') AND deptype = 'e')
SQL

# 1. Functions.
none("$members SELECT name FROM member m JOIN pg_proc p ON p.oid = m.objid AND m.classid = 'pg_proc'::regclass WHERE p.prosecdef AND NOT coalesce(p.proconfig::text ~ 'search_path=pg_catalog, pg_temp', false) ORDER BY 1",
	'no SECURITY DEFINER function without a pinned path');
none("$members SELECT name FROM member m JOIN pg_proc p ON p.oid = m.objid AND m.classid = 'pg_proc'::regclass JOIN pg_language l ON l.oid = p.prolang WHERE l.lanname IN ('sql', 'plpgsql') AND p.prokind <> 'p' AND p.prosqlbody IS NULL AND NOT coalesce(p.proconfig::text ~ 'search_path=pg_catalog, pg_temp', false) ORDER BY 1",
	'no SQL or PL/pgSQL function without a pinned path');
# A procedure that commits cannot pin it.
is(as($node, undef, "$members SELECT string_agg(p.proname, ' ' ORDER BY p.proname) FROM member m JOIN pg_proc p ON p.oid = m.objid AND m.classid = 'pg_proc'::regclass WHERE p.prokind = 'p'"),
	'close_epoch encrypt_column reencrypt', 'there are only these procedures');
my %public = map { $_ => 1 } qw(
  audit_row audit_table unaudit_table budget_rows can_access checked_in checked_out category_id check_attribute disclose disclose_support
  enc_eqjoinsel enc_eqsel enc_neqjoinsel enc_neqsel
  enc_typanalyze enc_typmod_in enc_typmod_out holds_encrypted
  undo seal_subject
  cancel_encrypt_column encrypt_column encrypt_column_step queue_reencrypt reencrypt reencrypt_step start_reencrypt stop_reencrypt
  create_masking_view known_masker known_normalizer known_suite
  known_validator mask mask_options_error pseudonym search_key search_keys
  mask_value mask_value_serial disclose_value disclose_row gate_value gate_value_serial opens_row keep_value keep_person keep_plain storable visible_statistics
  ingest_frames ingest_lost app_identity
  request_access cancel_request acknowledge access_decision why in_hours verify_match hold_row
  to_bpchar to_json to_jsonb to_name to_text to_varchar validate);
my @types = qw(text int8 numeric bool date timestamptz uuid inet jsonb bytea);
foreach my $type (@types)
{
	$public{"enc_$type$_"} = 1 foreach '', map { "_$_" } qw(in out recv send cmp eq ge gt hash hash_extended le lt ne sortsupport);
	$public{"to_$type"} = 1;
}
# For readers: order, patterns, parts of JSON.
$public{"enc_$_"} = 1 foreach qw(rangesel rangejoinsel order_sortsupport collate_sortsupport smaller larger likesel nlikesel likejoinsel nlikejoinsel
  text_like text_nlike text_ilike text_nilike text_grams text_pattern_grams text_grams_match partsel partjoinsel
  jsonb_field jsonb_field_text jsonb_element jsonb_element_text jsonb_path jsonb_path_text jsonb_contains jsonb_exists),
  map { ("order_$_", "collate_$_") } qw(lt le ge gt cmp);
$public{$_} = 1 foreach qw(min max);
my @public = grep { !$public{$_} } split(/\n/,
	as($node, undef, "$members SELECT DISTINCT p.proname FROM member m JOIN pg_proc p ON p.oid = m.objid AND m.classid = 'pg_proc'::regclass WHERE has_function_privilege('clerk', p.oid, 'EXECUTE') ORDER BY 1"));
is("@public", '', 'no function is open to everybody but those meant to be');
none("$members SELECT name FROM member m JOIN pg_proc p ON p.oid = m.objid AND m.classid = 'pg_proc'::regclass WHERE NOT p.proisstrict AND l(p) ORDER BY 1" =~ s/ AND l\(p\)/ AND p.provolatile = 'i' AND p.prokind <> 'a' AND p.proname NOT IN ('check_attribute')/r,
	'immutable functions are strict');
# What touches keys, grants or settings is not immutable.
is( as($node, undef, "$members SELECT string_agg(DISTINCT p.proname, ' ' ORDER BY p.proname) FROM member m JOIN pg_proc p ON p.oid = m.objid AND m.classid = 'pg_proc'::regclass WHERE p.provolatile = 'i' AND p.prokind <> 'a'"),
	'app_public_key category_id check_attribute known_masker known_normalizer known_suite known_validator mask_options_error',
	'only these functions are immutable');
none("$members SELECT name FROM member m JOIN pg_proc p ON p.oid = m.objid AND m.classid = 'pg_proc'::regclass WHERE p.provolatile = 'v' AND p.proparallel = 's' ORDER BY 1",
	'no volatile function is parallel safe');

# 2. Objects.
none("$members SELECT name FROM member m WHERE m.classid NOT IN ('pg_event_trigger'::regclass) AND obj_description(m.objid, m.classid::regclass::name) IS NULL AND NOT EXISTS (SELECT FROM pg_type t WHERE m.classid = 'pg_type'::regclass AND t.oid = m.objid AND (t.typelem <> 0 OR t.typrelid <> 0)) AND NOT EXISTS (SELECT FROM pg_class c WHERE m.classid = 'pg_class'::regclass AND c.oid = m.objid AND c.relkind IN ('i', 'I')) AND name !~ '^(toast|function .* of access|operator [0-9]+|function [0-9]+)' AND name !~ '_id_seq\$' AND name !~ '^default' ORDER BY 1",
	'every object has a comment');
none("$members SELECT evtname FROM member m JOIN pg_event_trigger e ON m.classid = 'pg_event_trigger'::regclass AND e.oid = m.objid WHERE obj_description(e.oid, 'pg_event_trigger') IS NULL", 'every event trigger, too');
none("$members SELECT (pg_identify_object(classid, objid, 0)).schema, name FROM member WHERE coalesce((pg_identify_object(classid, objid, 0)).schema, 'cipguard') <> 'cipguard' AND NOT (classid = 'pg_operator'::regclass AND (pg_identify_object(classid, objid, 0)).identity ~ '^pg_catalog\\.(=|<>|[<>]=?|!?~~\\*?|[#-]>>?|@>|[?])\\(.*cipguard\\.enc_') AND NOT (classid = 'pg_proc'::regclass AND (pg_identify_object(classid, objid, 0)).identity ~ '^pg_catalog\\.(min|max)\\(cipguard\\.enc_') ORDER BY 1",
	'no object outside of the schema but operators and aggregates of the types');
is(as($node, undef, "SELECT nspowner::regrole = 10::regrole FROM pg_namespace WHERE nspname = 'cipguard'"), 't', 'the schema belongs to the superuser');
none("SELECT relname FROM pg_class WHERE relnamespace = 'cipguard'::regnamespace AND relkind IN ('r', 'v', 'p', 'S', 'm') AND has_table_privilege('clerk', oid, 'SELECT') AND relname NOT IN ('category', 'audited_tables', 'protected_columns', 'reencrypt_progress', 'requests', 'requests_open', 'budget_status', 'activities', 'policy_version') ORDER BY 1" =~ s/'S', //r,
	'an ordinary role reads no table but the categories, and no view but of what is audited, protected, asked for and his, and of activities and policies');
none("SELECT relname FROM pg_class WHERE relnamespace = 'cipguard'::regnamespace AND relkind IN ('r', 'v', 'p') AND has_table_privilege('clerk', oid, 'INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER, REFERENCES') ORDER BY 1",
	'and writes none');
none("SELECT rolname FROM pg_roles WHERE rolname ~ '^cipguard_' AND (rolcanlogin OR rolsuper OR rolcreaterole OR rolbypassrls OR rolreplication OR rolcreatedb)",
	'roles of the extension have no rank and do not log in');
my $enc = "typnamespace = 'cipguard'::regnamespace AND typname ~ '^enc_' AND typtype = 'b'";
is(as($node, undef, "SELECT string_agg(substr(typname, 5), ' ' ORDER BY oid) FROM pg_type WHERE $enc"), "@types", 'the encrypted types are all there');
none("SELECT typname FROM pg_type WHERE $enc AND typanalyze::text <> 'cipguard.enc_typanalyze'", 'each has an ANALYZE of its own');
none("SELECT typname FROM pg_type WHERE $enc AND typstorage <> 'e'", 'and is not compressed');
none("SELECT castsource::regtype, casttarget::regtype FROM pg_cast JOIN pg_type t ON t.oid = castsource WHERE $enc AND casttarget <> castsource AND castcontext <> 'e'",
	'casts to plain types are explicit');
none("SELECT typname, s FROM pg_type t, unnest(ARRAY['text', 'varchar', 'bpchar', 'name', 'json', 'jsonb']::regtype[]) s WHERE $enc AND NOT EXISTS (SELECT FROM pg_cast WHERE castsource = t.oid AND casttarget = s)",
	'and there is one for each string type');
none("SELECT castsource::regtype, casttarget::regtype, castcontext FROM pg_cast JOIN pg_type t ON t.oid = casttarget WHERE $enc AND castsource <> casttarget AND castcontext <> CASE WHEN castsource::regtype::text = ANY (ARRAY[replace(substr(typname, 5), 'timestamptz', 'timestamp with time zone'), 'bigint', 'boolean', 'character varying', 'character']) AND NOT (castsource = 'bigint'::regtype AND typname IN ('enc_numeric', 'enc_text')) THEN 'i' ELSE 'a' END",
	'casts from the plain type are implicit, from others assignments');
none("SELECT amname, o.oprname FROM pg_opclass c JOIN pg_amop a ON a.amopfamily = c.opcfamily JOIN pg_am am ON am.oid = a.amopmethod JOIN pg_operator o ON o.oid = a.amopopr JOIN pg_type t ON t.oid = c.opcintype WHERE $enc AND c.opcdefault AND o.oprname IN ('<', '>', '<=', '>=')",
	'no order operator with the usual name in a default class');
is(as($node, undef, "SELECT count(*) FROM pg_extension e, unnest(extconfig) c WHERE extname = 'cipguard'") >= 5 ? 1 : 0, 1, 'tables that users fill are dumped');

# 3. Dropping.
my $use = <<'SQL';
SET ROLE owner;
CREATE TABLE app.client (id int PRIMARY KEY, phone cipguard.enc_text('mobile') UNIQUE, label text);
SECURITY LABEL FOR cipguard ON COLUMN app.client.label IS 'mobile';
SECURITY LABEL FOR cipguard ON COLUMN app.plain.phone IS 'mobile';
SELECT cipguard.create_masking_view('app.client'), cipguard.create_masking_view('app.plain');
INSERT INTO app.client VALUES (1, '13912345678', 'x');
INSERT INTO app.plain VALUES (1, '13912345678') ON CONFLICT DO NOTHING;
RESET ROLE;
SELECT cipguard.audit_table('app.client'), cipguard.audit_table('app.plain');
SQL
as($node, undef, "CREATE TABLE app.bare (phone cipguard.enc_text('mobile'))");
refused($node, undef, 'DROP EXTENSION cipguard', '2BP01', 'a column alone stops DROP EXTENSION', like => qr/column phone of table app\.bare/);
as($node, undef, 'DROP TABLE app.bare');
as($node, undef, $use);
refused($node, undef, 'DROP EXTENSION cipguard', '2BP01', 'DROP EXTENSION is refused while columns use it');
is(as($node, undef, "SELECT count(*) FROM pg_seclabel WHERE provider = 'cipguard'"), '2', 'a refused DROP leaves labels');
is(as($node, 'owner', 'SELECT phone FROM app.plain_masked'), '139****5678', 'and masking views');
refused($node, undef, 'DROP EXTENSION pgcrypto', '2BP01', 'nor is pgcrypto dropped');
refused($node, 'clerk', 'DROP EXTENSION cipguard CASCADE', '42501', 'nor by an ordinary role');
is(as($node, 'owner', 'SELECT phone FROM app.plain_masked'), '139****5678', 'all is as it was');

foreach my $how ('DROP EXTENSION cipguard CASCADE', 'DROP EXTENSION IF EXISTS cipguard CASCADE',
	'DROP EXTENSION pgcrypto CASCADE')
{
	as($node, undef, open_window() . $how);
	as($node, undef, 'CREATE EXTENSION pgcrypto') if $how =~ /pgcrypto/;
	as($node, undef, 'DROP TABLE app.client; TRUNCATE app.plain');
	same_picture(picture('postgres'), $before, "$how: nothing is left");
	as($node, undef, "CREATE EXTENSION cipguard; $use");
	is(as($node, 'owner', 'SELECT phone FROM app.plain_masked'), '139****5678', "$how: and can be created again");
}
refused($node, undef, 'DROP EXTENSION cipguard CASCADE', 'ZC015', 'it takes a maintenance window');
as($node, undef, open_window() . 'DROP EXTENSION cipguard CASCADE');
as($node, undef, 'CREATE TABLE app.after (a int); ALTER TABLE app.after ADD b int; DROP TABLE app.after');
pass('DDL works after DROP EXTENSION');

# 4. Names that somebody took before.
$node->safe_psql('postgres', 'CREATE DATABASE squat; GRANT CREATE ON DATABASE squat TO clerk');
as($node, 'clerk', 'CREATE SCHEMA cipguard; CREATE FUNCTION cipguard.init() RETURNS int LANGUAGE sql AS \'SELECT 1\'', db => 'squat');
refused($node, undef, 'CREATE EXTENSION cipguard CASCADE', '42P06', 'a schema made beforehand stops CREATE EXTENSION', db => 'squat');
as($node, undef, 'DROP SCHEMA cipguard CASCADE; CREATE EXTENSION cipguard CASCADE', db => 'squat');
is(as($node, undef, "SELECT count(*) FROM pg_proc WHERE proowner = 'clerk'::regrole", db => 'squat'), '0', 'nothing of it is left');
refused($node, 'clerk', 'CREATE TABLE cipguard.x (a int)', '42501', 'nobody creates in the schema', db => 'squat');

# Operators, functions and casts in the way of the script.
$node->safe_psql('postgres', 'CREATE DATABASE hijack');
as($node, undef, <<'SQL', db => 'hijack');
CREATE SCHEMA evil AUTHORIZATION clerk;
GRANT CREATE ON SCHEMA public TO clerk;
ALTER DATABASE hijack SET search_path = evil, public, pg_catalog;
SQL
as($node, 'clerk', <<'SQL', db => 'hijack');
CREATE FUNCTION evil.boo(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'hijacked as %', current_user; END $$;
CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.boo);
CREATE OPERATOR evil.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.boo);
CREATE OPERATOR evil.~ (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.boo);
SQL

# 5. A rule of the event triggers: an ordinary role's DDL works as before.
as($node, undef, 'CREATE EXTENSION cipguard CASCADE', db => 'hijack');
as($node, 'clerk', "CREATE TABLE evil.t (a int, p cipguard.enc_text('mobile')); ALTER TABLE evil.t ADD b int; DROP TABLE evil.t", db => 'hijack');
pass('DDL of an ordinary role with operators of his own in the path');

# Without the extension, a schema of its name is nobody's to trust: the library
# is loaded there all the same.
as($node, undef, 'CREATE DATABASE forged OWNER owner');
as($node, 'owner', "CREATE SCHEMA cipguard;"
	  . "CREATE TABLE cipguard.category (name int8, id int4, level int2, sensitive bool, mask int8, validator int8, normalizer int8, mode int8, suite int8, token_domain int8, pad int2, description text, builtin bool);"
	  . "CREATE TYPE cipguard.enc_text AS ENUM ('x');"
	  . "INSERT INTO cipguard.category VALUES (12345678, 1, 1, true, 1, 1, 1, 1, 1, 1, 1, '', true);"
	  . "CREATE TABLE t (c text, e cipguard.enc_text)", db => 'forged');
refused($node, 'owner', "SECURITY LABEL FOR cipguard ON COLUMN t.c IS 'name'", 'ZC008',
	'a forged table of categories is not read', db => 'forged');
as($node, undef, "SECURITY LABEL FOR cipguard ON COLUMN t.e IS 'subject'", db => 'forged');
is(as($node, 'owner', "SELECT count(*) FROM t WHERE e = 'x'", db => 'forged'),
	'0', 'nor is a forged type taken for encrypted');

$node->stop;
done_testing();
