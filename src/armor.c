/*
 * armor.c
 *		Text form of a datum: prefix and base64url without padding.
 */
#include <string.h>

#include "armor.h"

bool
cg_is_armor(const char *text, size_t len)
{
	return len >= CG_ARMOR_PREFIX_LEN &&
		memcmp(text, CG_ARMOR_PREFIX, CG_ARMOR_PREFIX_LEN) == 0;
}

size_t
cg_armor_encode(const uint8_t *data, size_t len, char *out)
{
	memcpy(out, CG_ARMOR_PREFIX, CG_ARMOR_PREFIX_LEN);
	return CG_ARMOR_PREFIX_LEN +
		cg_base64_encode(CG_BASE64_URL, data, len, out + CG_ARMOR_PREFIX_LEN);
}

CgStatus
cg_armor_decode(const char *text, size_t len,
				uint8_t *out, size_t cap, size_t *out_len)
{
	*out_len = 0;
	if (!cg_is_armor(text, len))
		return CG_E_FORMAT;
	return cg_base64_decode(CG_BASE64_URL, text + CG_ARMOR_PREFIX_LEN,
							len - CG_ARMOR_PREFIX_LEN, out, cap, out_len);
}
