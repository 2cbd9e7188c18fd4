# CipguardCatalog.pm
#	Pictures of the catalogs of a database, and their differences.

package CipguardCatalog;

use strict;
use warnings FATAL => 'all';

use CipguardTest;
use Exporter 'import';
use Test::More;

our @EXPORT = qw(catalog_picture picture_differences same_picture);

# One line for each property of each object that creating, changing or
# dropping an extension can touch, sorted.  There are names and definitions in
# it, but no OIDs; temporary and toast objects are left out.  The server's own
# functions are there by their names only.
sub catalog_picture
{
	my ($node, %opt) = @_;
	return join("\n", sort split(/\n/, as($node, undef, <<'SQL', params => [ '-P', 'null=-', '-F', ' | ' ], %opt)));
SET search_path = '';
SET extra_float_digits = 1;
CREATE FUNCTION pg_temp.rights(acl aclitem[], kind "char", owner oid) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(coalesce(acl, acldefault(kind, owner))) a $$;
CREATE FUNCTION pg_temp.line(text) RETURNS text LANGUAGE sql AS $$ SELECT regexp_replace($1, '\s+', ' ', 'g') $$;
CREATE TEMP VIEW space AS SELECT oid, nspname FROM pg_namespace WHERE nspname !~ '^pg_(toast|temp)';
SELECT 'schema', nspname, nspowner::regrole, pg_temp.rights(nspacl, 'n', nspowner), obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname !~ '^pg_(toast|temp)';
SELECT 'relation', c.oid::regclass, relkind, relowner::regrole, relpersistence, reloptions, relrowsecurity, relforcerowsecurity, relreplident, obj_description(c.oid, 'pg_class'),
	CASE WHEN relkind IN ('i', 'I') THEN pg_get_indexdef(c.oid) END FROM pg_class c JOIN space s ON s.oid = relnamespace;
SELECT 'rights on relation', c.oid::regclass, pg_temp.rights(relacl, CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner) FROM pg_class c JOIN space s ON s.oid = relnamespace WHERE relkind NOT IN ('i', 'I');
SELECT 'view', c.oid::regclass, pg_temp.line(pg_get_viewdef(c.oid)) FROM pg_class c JOIN space s ON s.oid = relnamespace WHERE relkind IN ('v', 'm') AND nspname NOT IN ('pg_catalog', 'information_schema');
SELECT 'column', attrelid::regclass, attname, attnum, format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated, attstorage, attcollation::regcollation, pg_get_expr(adbin, adrelid),
	pg_temp.rights(coalesce(attacl, '{}'), 'c', relowner), col_description(attrelid, attnum)
	FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid JOIN space s ON s.oid = relnamespace LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
	WHERE attnum > 0 AND NOT attisdropped AND nspname NOT IN ('pg_catalog', 'information_schema');
SELECT 'constraint', coalesce(conrelid::regclass::text, contypid::regtype::text), conname, pg_get_constraintdef(c.oid), convalidated, obj_description(c.oid, 'pg_constraint')
	FROM pg_constraint c JOIN space s ON s.oid = connamespace WHERE nspname NOT IN ('pg_catalog', 'information_schema');
SELECT 'trigger', tgrelid::regclass, tgname, pg_get_triggerdef(oid), tgenabled, obj_description(oid, 'pg_trigger') FROM pg_trigger WHERE NOT tgisinternal;
SELECT 'rule', ev_class::regclass, rulename, pg_temp.line(pg_get_ruledef(oid)) FROM pg_rewrite WHERE rulename <> '_RETURN' AND ev_class >= 16384;
SELECT 'policy', polrelid::regclass, polname, polcmd, polpermissive, polroles::regrole[], pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid) FROM pg_policy;
SELECT 'sequence', seqrelid::regclass, seqtypid::regtype, seqstart, seqincrement, seqmin, seqmax, seqcache, seqcycle FROM pg_sequence;
SELECT 'statistics', stxnamespace::regnamespace, stxname, pg_get_statisticsobjdef(oid) FROM pg_statistic_ext;
SELECT 'function', p.oid::regprocedure, prokind, CASE WHEN p.oid >= 16384 THEN concat_ws(' | ', proowner::regrole, pg_temp.rights(proacl, 'f', proowner), obj_description(p.oid, 'pg_proc'),
	CASE WHEN prokind <> 'a' THEN pg_temp.line(pg_get_functiondef(p.oid)) END) END FROM pg_proc p JOIN space s ON s.oid = pronamespace;
SELECT 'body', p.oid::regprocedure, md5(prosrc) FROM pg_proc p JOIN space s ON s.oid = pronamespace WHERE p.oid >= 16384;
SELECT 'aggregate', aggfnoid::regprocedure, aggkind, aggtransfn, aggfinalfn, aggcombinefn, aggserialfn, aggdeserialfn, aggsortop::regoperator, aggtranstype::regtype, agginitval FROM pg_aggregate WHERE aggfnoid >= 16384;
SELECT 'type', t.oid::regtype, typowner::regrole, pg_temp.rights(typacl, 'T', typowner), typlen, typbyval, typtype, typcategory, typispreferred, typdelim, typelem::regtype, typinput, typoutput, typreceive, typsend,
	typmodin, typmodout, typanalyze, typalign, typstorage, typnotnull, typbasetype::regtype, typtypmod, typcollation::regcollation, typdefault, obj_description(t.oid, 'pg_type'),
	ARRAY(SELECT enumlabel FROM pg_enum WHERE enumtypid = t.oid ORDER BY enumsortorder) FROM pg_type t JOIN space s ON s.oid = typnamespace;
SELECT 'operator', oid::regoperator, oprowner::regrole, oprresult::regtype, oprcode, oprcom::regoperator, oprnegate::regoperator, oprrest, oprjoin, oprcanhash, oprcanmerge, obj_description(oid, 'pg_operator') FROM pg_operator;
SELECT 'operator family', opfnamespace::regnamespace, opfname, amname, opfowner::regrole, obj_description(f.oid, 'pg_opfamily') FROM pg_opfamily f JOIN pg_am a ON a.oid = opfmethod;
SELECT 'operator class', opcnamespace::regnamespace, opcname, amname, opcowner::regrole, opfname, opcintype::regtype, opcdefault, opckeytype::regtype, obj_description(c.oid, 'pg_opclass')
	FROM pg_opclass c JOIN pg_am a ON a.oid = opcmethod JOIN pg_opfamily f ON f.oid = opcfamily;
SELECT 'operator of family', opfname, amname, amopstrategy, amopopr::regoperator, amoppurpose FROM pg_amop o JOIN pg_opfamily f ON f.oid = amopfamily JOIN pg_am a ON a.oid = amopmethod;
SELECT 'function of family', opfname, amname, amproclefttype::regtype, amprocrighttype::regtype, amprocnum, amproc FROM pg_amproc p JOIN pg_opfamily f ON f.oid = amprocfamily JOIN pg_am a ON a.oid = opfmethod;
SELECT 'cast', castsource::regtype, casttarget::regtype, castfunc::regprocedure, castcontext, castmethod, obj_description(oid, 'pg_cast') FROM pg_cast;
SELECT 'event trigger', evtname, evtevent, evtowner::regrole, evtfoid::regprocedure, evtenabled, evttags, obj_description(oid, 'pg_event_trigger') FROM pg_event_trigger;
SELECT 'label', objoid::regclass, objsubid, provider, label FROM pg_seclabel;
SELECT 'default rights', defaclrole::regrole, defaclnamespace::regnamespace, defaclobjtype, defaclacl FROM pg_default_acl;
SELECT 'initial rights', i.type, i.identity, (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(initprivs) a)
	FROM pg_init_privs, pg_identify_object(classoid, objoid, objsubid) i WHERE objoid >= 16384 OR privtype = 'e';
SELECT 'extension', extname, extowner::regrole, extnamespace::regnamespace, extrelocatable, extversion, obj_description(oid, 'pg_extension') FROM pg_extension;
SELECT 'dumped', c::regclass, condition FROM pg_extension, unnest(extconfig, extcondition) d (c, condition);
SELECT 'member', extname, i.type, i.identity FROM pg_depend d JOIN pg_extension e ON refclassid = 'pg_extension'::regclass AND refobjid = e.oid, pg_identify_object(d.classid, objid, objsubid) i WHERE deptype IN ('e', 'x');
SELECT 'role', rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls, shobj_description(oid, 'pg_authid') FROM pg_roles;
SELECT 'membership', roleid::regrole, member::regrole, admin_option FROM pg_auth_members;
SELECT 'setting', setrole::regrole, setconfig FROM pg_db_role_setting WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()));
SELECT 'rows', t.name, md5(string_agg(r, ',' ORDER BY r)) FROM (VALUES ('category'), ('regulation'), ('category_rule'), ('alert_rule')) t (name)
	JOIN pg_class c ON c.relname = name AND c.relnamespace = to_regnamespace('cipguard'),
	LATERAL unnest(xpath('//row/text()', query_to_xml(format('SELECT to_jsonb(t)::text AS row FROM cipguard.%I t', name), false, false, ''))::text[]) r GROUP BY name;
SELECT 'shared', classid::regclass, refobjid::regrole, deptype, count(*) FROM pg_shdepend
	WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND refclassid = 'pg_authid'::regclass GROUP BY 2, 3, 4;
SQL
}

# Lines that only the first has, and that only the other has.
sub picture_differences
{
	my ($got, $want) = @_;
	my %got = map { $_ => 1 } split(/\n/, $got);
	my %want = map { $_ => 1 } split(/\n/, $want);
	return ((map { "more: $_" } grep { !$want{$_} } sort keys %got),
		(map { "less: $_" } grep { !$got{$_} } sort keys %want));
}

# Test that two pictures are the same.
sub same_picture
{
	my ($got, $want, $name) = @_;
	my @differences = picture_differences($got, $want);
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok(!@differences, $name) || diag(join("\n", @differences));
}

1;
