/*
 * seal_note.c
 *		Checkpoints of the audit log.
 *
 * They are signed when asked for and not when a block is closed: closing needs
 * no key, so a server that starts without key-encryption key goes on sealing.
 * Only states of the log are signed, nothing that a caller chooses.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "compat.h"

#include "cipguard.h"
#include "guc.h"
#include "seal.h"
#include "seal_key.h"
#include "seal_note.h"
#include "seal_tree.h"

static char *uuid_text(const pg_uuid_t *uuid);
static char *utc_text(TimestampTz ts);

char *
cg_seal_log(void)
{
	pg_uuid_t	log_id;

	cg_log_id(&log_id);
	return uuid_text(&log_id);
}

char *
cg_seal_origin(void)
{
	if (cg_seal_origin_name != NULL && cg_seal_origin_name[0] != '\0')
		return pstrdup(cg_seal_origin_name);
	return psprintf("cipguard/%s", cg_seal_log());
}

char *
cg_seal_checkpoint(int64 size, uint8 root[CG_MERKLE_LEN])
{
	char	   *origin = cg_seal_origin();
	CgBlock		last;
	char	   *more;
	char	   *text;
	size_t		cap;
	size_t		len;
	uint8		sig[CG_ED25519_SIG_LEN];
	uint8		key[CG_ED25519_KEY_LEN];
	uint16		version;

	if (!cg_block_read(size, &last))
		ereport(ERROR,
				(errcode(CG_ERRCODE_AUDIT),
				 errmsg("block " INT64_FORMAT " of the audit log is missing or damaged",
						size),
				 errhint("Call %s to see what else is.",
						 "cipguard.audit_verify()")));
	cg_heads_root(size, root);

	more = psprintf("log %s\ntimeline %d\nsealed %s\n",
					uuid_text(&last.log_id), last.timeline,
					utc_text(last.sealed_at));
	cap = CG_CHECKPOINT_HEAD_MAX + strlen(more) + 1 + CG_NOTE_LINE_MAX + 1;
	text = palloc(cap);
	len = cg_checkpoint_write(origin, strlen(origin), (uint64) size, root,
							  more, strlen(more), text, cap);
	if (len == 0)
		elog(ERROR, "could not write a checkpoint");
	cg_seal_sign(text, len, sig, &version);
	if (!cg_seal_public(version, key))
		elog(ERROR, "signing key version %u has vanished", version);
	text[len++] = '\n';
	len += cg_note_signature(origin, strlen(origin), key, sig, text + len);
	text[len] = '\0';
	return text;
}

/* The name was signed, too, and may have been another setting then. */
bool
cg_seal_signed(const char *text, const CgCheckpoint *checkpoint)
{
	uint16		newest = cg_seal_newest();
	int			version;

	for (version = newest; version > 0; version--)
	{
		uint8		key[CG_ED25519_KEY_LEN];

		if (cg_seal_public((uint16) version, key) &&
			cg_checkpoint_verify(text, checkpoint, checkpoint->origin,
								 checkpoint->origin_len, key) == CG_OK)
			return true;
	}
	return false;
}

static char *
uuid_text(const pg_uuid_t *uuid)
{
	const uint8 *b = uuid->data;

	return psprintf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
					"%02x%02x%02x%02x%02x%02x",
					b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8],
					b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

/* RFC 3339, whatever TimeZone and DateStyle are. */
static char *
utc_text(TimestampTz ts)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (timestamp2tm(ts, NULL, &tm, &fsec, NULL, NULL) != 0)
		return pstrdup("invalid");
	return psprintf("%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year, tm.tm_mon,
					tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}
