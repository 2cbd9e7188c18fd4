/*
 * journal_key.c
 *		Keys of the disclosure journal.
 *
 * Frames are authenticated and lists of subjects encrypted with two keys
 * derived from that of a token domain of its own.  The contexts are our own:
 * those of the keyring go away when keys change, and a frame must be written
 * where no catalog can be read.
 */
#include "postgres.h"

#include "compat.h"

#include "bytes.h"
#include "category.h"
#include "journal_key.h"
#include "keyring.h"
#include "wipe.h"

#define INFO_MAC	"cipguard/v1/journal/mac"
#define INFO_LIST	"cipguard/v1/journal/list"

static void get_keys(CgJournalKeys *keys, uint64 *as_of, uint16 version);
static const CgJournalKeys *keys_of(uint16 version);

CgJournalKeys cg_journal_keys;

void
cg_journal_get_keys(void)
{
	static uint64 as_of = 0;

	if (cg_journal_keys.hmac == NULL || as_of != cg_keyring_refresh())
		get_keys(&cg_journal_keys, &as_of, 0);
}

/* A version, 0 for the newest, as of cg_keyring_refresh(). */
static void
get_keys(CgJournalKeys *keys, uint64 *as_of, uint16 version)
{
	uint8		mac_key[CG_SHA256_LEN];
	uint8		list_key[CG_SHA256_LEN];

	cg_hmac_free(keys->hmac);
	cg_stream_free(keys->stream);
	memset(keys, 0, sizeof(*keys)); /* pointers: the keys are wiped above */
	*as_of = cg_keyring_refresh();
	if (cg_keyring_derive(cg_name_hash(CG_DOMAIN_JOURNAL), &version,
						  INFO_MAC, mac_key) &&
		cg_keyring_derive(cg_name_hash(CG_DOMAIN_JOURNAL), &version,
						  INFO_LIST, list_key))
	{
		keys->stream = cg_stream_new(list_key);
		keys->hmac = keys->stream == NULL ? NULL :
			cg_hmac_new(mac_key, sizeof(mac_key));
		if (keys->hmac != NULL)
			keys->version = version;
	}
	cg_wipe(mac_key, sizeof(mac_key));
	cg_wipe(list_key, sizeof(list_key));
}

/* For reading; the last ones are kept, since most frames have the same. */
static const CgJournalKeys *
keys_of(uint16 version)
{
	static CgJournalKeys keys;
	static uint64 as_of = 0;

	if (version != 0 &&
		(keys.version != version || as_of != cg_keyring_refresh()))
		get_keys(&keys, &as_of, version);
	return version != 0 && keys.version == version ? &keys : NULL;
}

uint8 *
cg_journal_list(const CgFrame *frame, Size *len)
{
	const CgJournalKeys *keys = keys_of(frame->key_version);
	uint8	   *list;

	if (keys == NULL || frame->sealed_len == 0)
		return NULL;
	list = palloc(frame->sealed_len);
	if (cg_stream_open(keys->stream, frame->sealed, frame->sealed_len, list,
					   len) == CG_OK)
		return list;
	pfree(list);
	return NULL;
}

CgProof
cg_journal_verify(const uint8 *data, Size len)
{
	const CgJournalKeys *keys;
	CgFrame		frame;
	uint8		mac[CG_SHA256_LEN];

	if (cg_frame_decode(data, len, &frame) != CG_OK)
		return CG_PROOF_BAD;
	keys = keys_of(frame.key_version);
	if (keys == NULL || cg_frame_mac(keys->hmac, data, len, mac) != CG_OK)
		return CG_PROOF_UNKNOWN;
	return cg_equal_ct(mac, frame.mac, CG_SHA256_LEN) ? CG_PROOF_GOOD :
		CG_PROOF_BAD;
}
