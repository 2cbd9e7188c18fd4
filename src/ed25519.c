/*
 * ed25519.c
 *		Signatures of RFC 8032 (Ed25519), by libcrypto.
 *
 * Contexts are made for each call: one costs a few microseconds, a signature
 * about forty and its verification a hundred.  libcrypto wipes its copy of a
 * private key when it frees it.
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#include "base64.h"
#include "ed25519.h"
#include "hex.h"

#define PEM_BEGIN	"-----BEGIN PUBLIC KEY-----"
#define PEM_END		"-----END PUBLIC KEY-----"
#define TEXT_MAX	256			/* of a public key, without white space */

CgStatus
cg_ed25519_public(const uint8_t seed[CG_ED25519_SEED_LEN],
				  uint8_t key[CG_ED25519_KEY_LEN])
{
	EVP_PKEY   *pkey;
	size_t		len = CG_ED25519_KEY_LEN;
	bool		good;

	pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed,
										CG_ED25519_SEED_LEN);
	good = pkey != NULL && EVP_PKEY_get_raw_public_key(pkey, key, &len) == 1;
	EVP_PKEY_free(pkey);
	if (!good)
		ERR_clear_error();
	return good ? CG_OK : CG_E_CRYPTO;
}

CgStatus
cg_ed25519_sign(const uint8_t seed[CG_ED25519_SEED_LEN],
				const void *message, size_t len,
				uint8_t sig[CG_ED25519_SIG_LEN])
{
	EVP_PKEY   *pkey;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t		sig_len = CG_ED25519_SIG_LEN;
	bool		good;

	pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed,
										CG_ED25519_SEED_LEN);
	good = pkey != NULL && ctx != NULL &&
		EVP_DigestSignInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
		EVP_DigestSign(ctx, sig, &sig_len, message, len) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	if (!good)
		ERR_clear_error();
	return good ? CG_OK : CG_E_CRYPTO;
}

CgStatus
cg_ed25519_verify(const uint8_t key[CG_ED25519_KEY_LEN],
				  const void *message, size_t len,
				  const uint8_t sig[CG_ED25519_SIG_LEN])
{
	EVP_PKEY   *pkey;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	CgStatus	status = CG_E_CRYPTO;

	pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key,
									   CG_ED25519_KEY_LEN);
	if (pkey != NULL && ctx != NULL &&
		EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1)
		status = EVP_DigestVerify(ctx, sig, CG_ED25519_SIG_LEN,
								  message, len) == 1 ? CG_OK : CG_E_AUTH;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	/* a wrong signature leaves an entry that the next user would see */
	ERR_clear_error();
	return status;
}

CgStatus
cg_ed25519_read_public(const char *text, size_t len,
					   uint8_t key[CG_ED25519_KEY_LEN])
{
	/* RFC 8410: SEQUENCE { SEQUENCE { 1.3.101.112 }, BIT STRING } */
	static const uint8_t prefix[12] = {
		0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00
	};
	const size_t begin_len = sizeof(PEM_BEGIN) - 1;
	const size_t end_len = sizeof(PEM_END) - 1;
	uint8_t		der[sizeof(prefix) + CG_ED25519_KEY_LEN];
	char		packed[TEXT_MAX];
	size_t		n = 0;
	size_t		i;
	bool		pem;

	while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL)
		len--;
	for (; len > 0 && strchr(" \t\r\n", *text) != NULL; len--)
		text++;
	pem = len > begin_len + end_len &&
		memcmp(text, PEM_BEGIN, begin_len) == 0 &&
		memcmp(text + len - end_len, PEM_END, end_len) == 0;
	if (pem)
	{
		text += begin_len;
		len -= begin_len + end_len;
	}
	for (i = 0; i < len; i++)
	{
		if (pem && (text[i] == '\n' || text[i] == '\r'))
			continue;
		if (n == sizeof(packed))
			return CG_E_FORMAT;
		packed[n++] = text[i];
	}

	if (!pem && n == 2 * CG_ED25519_KEY_LEN)
		return cg_hex_decode(packed, key, CG_ED25519_KEY_LEN);
	if (cg_base64_decode(CG_BASE64_STD, packed, n, der,
						 pem ? sizeof(der) : CG_ED25519_KEY_LEN,
						 &i) != CG_OK ||
		i != (pem ? sizeof(der) : CG_ED25519_KEY_LEN) ||
		(pem && memcmp(der, prefix, sizeof(prefix)) != 0))
		return CG_E_FORMAT;
	memcpy(key, pem ? der + sizeof(prefix) : der, CG_ED25519_KEY_LEN);
	return CG_OK;
}
