/*
 * key_escrow.c
 *		Keys that leave the database, and come back, as an OpenPGP message.
 *
 * Who loses the key-encryption key loses every value.  cipguard.export_keys()
 * gives all keys away encrypted to a public key whose private half lies
 * elsewhere, in a safe.  Encryption is pgcrypto's: its functions are found in
 * the extension's own schema and called past SQL, so that neither a search
 * path nor a statement log comes near a key.
 *
 * Whoever holds such a message and the private key reads every backup, and no
 * audit log tells of it.  So one person shall not be able to make one alone:
 * the caller must be a superuser (an officer, who cannot read files of the
 * server, cannot read the database by its backups), and an officer must have
 * opened a maintenance window.  The record is made whatever becomes of the
 * transaction.
 *
 * The message holds lines of text:
 *
 *		cipguard keys 1
 *		key KIND OWNER VERSION STATE HEX NAME
 *		end COUNT
 *
 * An import adds versions that are missing.  One that is there must be the
 * same key, or nothing is imported.  An imported key does not encrypt new
 * values if another does: else a forged message could have data encrypted
 * under a key that its author knows.  A version that was destroyed stays so.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "compat.h"

#include "bytes.h"
#include "category.h"
#include "cipguard.h"
#include "digest.h"
#include "event.h"
#include "journal.h"
#include "kek_source.h"
#include "keyring.h"
#include "maintenance.h"
#include "secret.h"
#include "wipe.h"

#define HEADING			"cipguard keys 1\n"
#define LINE_MAX_LEN	256		/* of a line of the message */
#define FILE_MAX_LEN	(256 * 1024)	/* of a file with a private key */

static Oid	schema_of(Oid extension);
static Oid	pgcrypto_function(const char *name, int nargs, const Oid *args);
static bytea *from_armor(text * armored);
static Size write_keys(char *out, int *count);
static int	read_keys(char *text, Size len);
static bool read_line(char *line, CgKeyInfo *info, uint8 *key);
static bool take_key(CgKeyInfo *info, const uint8 *key);
static bool has_active(char kind, int32 owner);
static bytea *read_private_key(const char *path);
static text * read_passphrase(const char *path);
static void record(const char *what, int count, text * message);
pg_noreturn static void malformed(void);

/* export_keys(text) RETURNS text */
PG_FUNCTION_INFO_V1(cipguard_export_keys);
Datum
cipguard_export_keys(PG_FUNCTION_ARGS)
{
	text	   *public_key = PG_GETARG_TEXT_PP(0);
	char	   *as_text = text_to_cstring(public_key);
	Oid			encrypt_args[3] = {BYTEAOID, BYTEAOID, TEXTOID};
	Oid			armor_args[1] = {BYTEAOID};
	CgKeyInfo  *keys;
	bytea	   *plain;
	bytea	   *sealed;
	text	   *message;
	Size		len;
	int			count;

	if (!superuser())
	{
		cg_event_refused("export of keys", InvalidOid);
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to export keys"),
				 errhint("A superuser can, while an officer has a maintenance window open.")));
	}
	if (strstr(as_text, "PRIVATE KEY") != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("this is a private key"),
				 errdetail("It has been sent to the server, and may be in its log."),
				 errhint("Give the public key, and replace the private one.")));
	if (!cg_maintenance_open(InvalidOid))
	{
		cg_event_refused("export of keys", InvalidOid);
		ereport(ERROR,
				(errcode(CG_ERRCODE_GUARDED),
				 errmsg("keys are exported only while a maintenance window is open"),
				 errdetail("Whoever holds the keys reads every backup, and no log tells of it; so two persons are needed."),
				 errhint("A member of %s can open a recorded window for it with %s.",
						 CG_ROLE_OFFICER, "cipguard.open_maintenance(reason)")));
	}

	len = strlen(HEADING) + (cg_keyring_list(&keys) + 1) * LINE_MAX_LEN;
	plain = cg_secret_buffer(VARHDRSZ + len);
	len = write_keys(VARDATA(plain), &count);
	SET_VARSIZE(plain, VARHDRSZ + len);
	sealed = DatumGetByteaPP(OidFunctionCall3(pgcrypto_function("pgp_pub_encrypt_bytea",
																3, encrypt_args),
											  PointerGetDatum(plain),
											  PointerGetDatum(from_armor(public_key)),
											  CStringGetTextDatum("cipher-algo=aes256")));
	cg_wipe(VARDATA(plain), len);
	message = DatumGetTextPP(OidFunctionCall1(pgcrypto_function("armor", 1,
																armor_args),
											  PointerGetDatum(sealed)));
	record("export_keys", count, message);
	PG_RETURN_TEXT_P(message);
}

/* import_keys(text, text, text) RETURNS int4 */
PG_FUNCTION_INFO_V1(cipguard_import_keys);
Datum
cipguard_import_keys(PG_FUNCTION_ARGS)
{
	Oid			args[3] = {BYTEAOID, BYTEAOID, TEXTOID};
	text	   *message;
	bytea	   *private_key;
	bytea	   *sealed;
	text	   *passphrase = NULL;
	bytea	   *volatile plain = NULL;
	volatile int count = 0;

	if (!superuser())
	{
		cg_event_refused("import of keys", InvalidOid);
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to import keys"),
				 errhint("Only superusers can: files of the server are read.")));
	}
	PreventCommandIfReadOnly("cipguard.import_keys()");
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	message = PG_GETARG_TEXT_PP(0);
	sealed = from_armor(message);
	private_key = read_private_key(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	if (!PG_ARGISNULL(2))
		passphrase = read_passphrase(text_to_cstring(PG_GETARG_TEXT_PP(2)));

	PG_TRY();
	{
		if (passphrase == NULL)
			plain = DatumGetByteaPP(OidFunctionCall2(pgcrypto_function("pgp_pub_decrypt_bytea",
																	   2, args),
													 PointerGetDatum(sealed),
													 PointerGetDatum(private_key)));
		else
			plain = DatumGetByteaPP(OidFunctionCall3(pgcrypto_function("pgp_pub_decrypt_bytea",
																	   3, args),
													 PointerGetDatum(sealed),
													 PointerGetDatum(private_key),
													 PointerGetDatum(passphrase)));
		count = read_keys(VARDATA_ANY(plain), VARSIZE_ANY_EXHDR(plain));
	}
	PG_FINALLY();
	{
		cg_wipe(VARDATA_ANY(private_key), VARSIZE_ANY_EXHDR(private_key));
		if (passphrase != NULL)
			cg_wipe(VARDATA_ANY(passphrase), VARSIZE_ANY_EXHDR(passphrase));
		if (plain != NULL)
			cg_wipe(VARDATA_ANY(plain), VARSIZE_ANY_EXHDR(plain));
	}
	PG_END_TRY();
	record("import_keys", count, message);
	PG_RETURN_INT32(count);
}

static Oid
schema_of(Oid extension)
{
	Relation	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			result;

	ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(extension));
	scan = systable_beginscan(rel, ExtensionOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "could not find extension %u", extension);
	result = ((Form_pg_extension) GETSTRUCT(tuple))->extnamespace;
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

/* A function of pgcrypto and of nobody else. */
static Oid
pgcrypto_function(const char *name, int nargs, const Oid *args)
{
	Oid			extension = get_extension_oid("pgcrypto", false);
	char	   *schema = get_namespace_name(schema_of(extension));
	Oid			function = LookupFuncName(list_make2(makeString(schema),
													 makeString(pstrdup(name))),
										  nargs, args, false);

	if (getExtensionOfObject(ProcedureRelationId, function) != extension)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("function \"%s\" is not that of pgcrypto", name),
				 errhint("Drop the function that stands in its place in schema \"%s\", and install pgcrypto anew.",
						 schema)));
	return function;
}

/* The bytes of an OpenPGP block. */
static bytea *
from_armor(text * armored)
{
	Oid			args[1] = {TEXTOID};

	return DatumGetByteaPP(OidFunctionCall1(pgcrypto_function("dearmor", 1,
															  args),
											PointerGetDatum(armored)));
}

/* Returns the length; *count receives how many keys there are. */
static Size
write_keys(char *out, int *count)
{
	CgKeyInfo  *keys;
	int			n = cg_keyring_list(&keys);
	char	   *p = out;
	int			i;

	*count = 0;
	p += strlcpy(p, HEADING, LINE_MAX_LEN);
	for (i = 0; i < n; i++)
	{
		uint8		key[CG_KEY_LEN];
		char		hex[2 * CG_KEY_LEN + 1];
		uint16		version = keys[i].version;

		if (keys[i].state == CG_KEY_DESTROYED ||
			!cg_keyring_secret(keys[i].kind, keys[i].owner, &version, key))
			continue;
		hex[hex_encode((char *) key, CG_KEY_LEN, hex)] = '\0';
		p += snprintf(p, LINE_MAX_LEN, "key %c %d %u %s %s %s\n",
					  keys[i].kind, keys[i].owner, version,
					  keys[i].state == CG_KEY_ACTIVE ? "active" : "retiring",
					  hex,
					  keys[i].owner_name == NULL ? "-" : keys[i].owner_name);
		cg_wipe(key, sizeof(key));
		cg_wipe(hex, sizeof(hex));
		(*count)++;
	}
	p += snprintf(p, LINE_MAX_LEN, "end %d\n", *count);
	return p - out;
}

/* Returns how many were added.  Changes the text. */
static int
read_keys(char *text, Size len)
{
	char	   *end = text + len;
	char	   *line;
	int			seen = 0;
	int			added = 0;
	bool		ended = false;

	if (len < strlen(HEADING) ||
		memcmp(text, HEADING, strlen(HEADING)) != 0)
		malformed();
	cg_keyring_lock();
	for (line = text + strlen(HEADING); line < end && !ended;)
	{
		char	   *next = memchr(line, '\n', end - line);
		CgKeyInfo	info;
		uint8		key[CG_KEY_LEN];
		int			count;

		if (next == NULL || next - line >= LINE_MAX_LEN)
			malformed();
		*next = '\0';
		if (sscanf(line, "end %d", &count) == 1)
		{
			if (count != seen)
				malformed();
			ended = true;
		}
		else
		{
			if (!read_line(line, &info, key))
				malformed();
			seen++;
			if (take_key(&info, key))
				added++;
			cg_wipe(key, sizeof(key));
		}
		line = next + 1;
	}
	if (!ended || line != end)
		malformed();
	return added;
}

static bool
read_line(char *line, CgKeyInfo *info, uint8 *key)
{
	char		hex[2 * CG_KEY_LEN + 1];
	char		state[16];
	char		name[LINE_MAX_LEN];
	unsigned int version;
	bool		good;
	int			i;

	good = sscanf(line, "key %c %d %u %15s %64[0-9a-f] %255s", &info->kind,
				  &info->owner, &version, state, hex, name) == 6 &&
		(info->kind == CG_KEY_KIND_DATA || info->kind == CG_KEY_KIND_TOKEN ||
		 info->kind == CG_KEY_KIND_SEAL) &&
		version >= 1 && version <= PG_UINT16_MAX &&
		(strcmp(state, "active") == 0 || strcmp(state, "retiring") == 0) &&
		strlen(hex) == 2 * CG_KEY_LEN &&
		(strcmp(name, "-") == 0 || cg_name_hash(name) == info->owner);
	for (i = 0; good && i < CG_KEY_LEN; i++)
	{
		unsigned int byte;

		good = sscanf(hex + 2 * i, "%2x", &byte) == 1;
		key[i] = (uint8) byte;
	}
	cg_wipe(hex, sizeof(hex));
	if (!good)
		return false;
	info->version = (uint16) version;
	info->state = strcmp(state, "active") == 0 ? CG_KEY_ACTIVE :
		CG_KEY_RETIRING;
	info->owner_name = strcmp(name, "-") == 0 ? NULL : pstrdup(name);
	return true;
}

/* Add a key unless it is there; returns whether it was added. */
static bool
take_key(CgKeyInfo *info, const uint8 *key)
{
	CgKeyInfo	here;
	uint8		own[CG_KEY_LEN];
	uint16		version = info->version;
	bool		same;

	if (!cg_keyring_info(info->kind, info->owner, version, &here))
	{
		if (has_active(info->kind, info->owner))
			info->state = CG_KEY_RETIRING;
		cg_keyring_insert(info, key);
		return true;
	}
	if (here.state == CG_KEY_DESTROYED)
	{
		ereport(NOTICE,
				(errmsg("version %u of key \"%s\" was destroyed and is not brought back",
						version,
						here.owner_name == NULL ? "?" : here.owner_name)));
		return false;
	}
	(void) cg_keyring_secret(info->kind, info->owner, &version, own);
	same = cg_equal_ct(own, key, CG_KEY_LEN);
	cg_wipe(own, sizeof(own));
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("version %u of key \"%s\" is another key here", version,
						here.owner_name == NULL ? "?" : here.owner_name),
				 errdetail("Values are encrypted under it; no key was imported."),
				 errhint("Import into the database that the keys come from, or into one that has no keys yet.")));
	return false;
}

static bool
has_active(char kind, int32 owner)
{
	CgKeyInfo  *keys;
	int			n = cg_keyring_list(&keys);
	int			i;

	for (i = 0; i < n; i++)
		if (keys[i].kind == kind && keys[i].owner == owner &&
			keys[i].state == CG_KEY_ACTIVE)
			return true;
	return false;
}

/* Binary, or armored. */
static bytea *
read_private_key(const char *path)
{
	bytea	   *content = cg_secret_buffer(VARHDRSZ + FILE_MAX_LEN);
	Size		len = cg_read_secret_file(path, "private_key_file",
										  VARDATA(content), FILE_MAX_LEN);

	SET_VARSIZE(content, VARHDRSZ + len);
	if (len > 5 && memcmp(VARDATA(content), "-----", 5) == 0)
		return from_armor((text *) content);
	return content;
}

/* The first line. */
static text *
read_passphrase(const char *path)
{
	text	   *content = cg_secret_buffer(VARHDRSZ + LINE_MAX_LEN);
	Size		len = cg_read_secret_file(path, "passphrase_file",
										  VARDATA(content), LINE_MAX_LEN);
	char	   *newline = memchr(VARDATA(content), '\n', len);

	if (newline != NULL)
		len = newline - VARDATA(content);
	SET_VARSIZE(content, VARHDRSZ + len);
	return content;
}

/* With a digest of the message, by which it can be told from others. */
static void
record(const char *what, int count, text * message)
{
	uint8		md[CG_SHA256_LEN];
	char		hex[2 * CG_SHA256_LEN + 1];
	char	   *detail;

	if (cg_sha256(VARDATA_ANY(message), VARSIZE_ANY_EXHDR(message),
				  md) != CG_OK)
		elog(ERROR, "could not compute a digest");
	hex[hex_encode((char *) md, sizeof(md), hex)] = '\0';
	detail = psprintf("%d keys, message with SHA-256 %s", count, hex);
	if (cg_preloaded && strcmp(what, "export_keys") == 0)
		cg_journal_event(what, InvalidOid, detail);
	else
		cg_event_done(what, InvalidOid, NULL, detail);
}

static void
malformed(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the message holds no keys of this extension"),
			 errhint("It must be what %s returned.",
					 "cipguard.export_keys(pgp_public_key)")));
}
