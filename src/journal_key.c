/*
 * journal_key.c
 *		Keys of the disclosure journal.
 *
 * Lists of subjects are sealed with the data key of the category
 * `unclassified`, and frames authenticated with a key derived from that of a
 * token domain of its own.  Both are contexts of our own: those of the keyring
 * go away when keys change, and a frame must be written where no catalog can
 * be read.
 */
#include "postgres.h"

#include "compat.h"

#include "bytes.h"
#include "category.h"
#include "journal_key.h"
#include "keyring.h"

#define KEY_INFO	"cipguard/v1/journal/frame"

CgJournalKeys cg_journal_keys;

void
cg_journal_get_keys(void)
{
	static uint64 as_of = 0;	/* cg_keyring_refresh() when they were made */
	uint64		keyring = cg_keyring_refresh();
	CgJournalKeys *k = &cg_journal_keys;

	if (as_of == keyring && k->cipher != NULL && k->hmac != NULL)
		return;
	if (k->cipher != NULL)
		cg_cipher_free(k->cipher);
	cg_hmac_free(k->hmac);
	memset(k, 0, sizeof(*k));
	k->cipher = cg_keyring_own_cipher(cg_category_unclassified(),
									  &k->cipher_version, CG_JOURNAL_SUITE);
	k->hmac = cg_keyring_own_hmac(cg_name_hash(CG_DOMAIN_JOURNAL),
								  &k->hmac_version, KEY_INFO);
	as_of = keyring;
}

/* The last one is kept: most records have one and the same. */
CgCipher *
cg_journal_cipher(uint16 version)
{
	static CgCipher *cipher = NULL;
	static uint16 cipher_version = 0;
	static uint64 as_of = 0;
	uint64		keyring = cg_keyring_refresh();

	if (version == 0)
		return NULL;
	if (cipher != NULL && cipher_version == version && as_of == keyring)
		return cipher;
	if (cipher != NULL)
		cg_cipher_free(cipher);
	cipher = NULL;
	cipher_version = version;
	as_of = keyring;
	cipher = cg_keyring_own_cipher(cg_category_unclassified(), &version,
								   CG_JOURNAL_SUITE);
	return cipher;
}

CgProof
cg_journal_verify(const uint8 *data, Size len)
{
	static CgHmac *hmac = NULL;
	static uint16 hmac_version = 0;
	static uint64 as_of = 0;
	uint64		keyring = cg_keyring_refresh();
	CgFrame		frame;
	uint16		version;
	uint8		mac[CG_SHA256_LEN];

	if (cg_frame_decode(data, len, &frame) != CG_OK)
		return CG_PROOF_BAD;
	if (frame.key_version == 0)
		return CG_PROOF_UNKNOWN;
	if (hmac == NULL || hmac_version != frame.key_version || as_of != keyring)
	{
		cg_hmac_free(hmac);
		hmac = NULL;
		version = hmac_version = frame.key_version;
		as_of = keyring;
		hmac = cg_keyring_own_hmac(cg_name_hash(CG_DOMAIN_JOURNAL), &version,
								   KEY_INFO);
	}
	if (hmac == NULL || cg_frame_mac(hmac, data, len, mac) != CG_OK)
		return CG_PROOF_UNKNOWN;
	return cg_equal_ct(mac, frame.mac, CG_SHA256_LEN) ? CG_PROOF_GOOD :
		CG_PROOF_BAD;
}
