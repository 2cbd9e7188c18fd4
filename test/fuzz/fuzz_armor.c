/*
 * fuzz_armor.c
 *		libFuzzer target: base64, and the text form of encrypted values.
 *
 * The input is the text, and the bytes.  Bytes come back from their text, and
 * a text that is decoded from its bytes: so each has one.  libcrypto agrees on
 * base64 with padding.
 */
#include <openssl/evp.h>

#include "armor.h"
#include "fuzz.h"

static void
try_base64_text(CgBase64 form, const char *text, size_t size)
{
	size_t		most = size / 4 * 3 + size % 4;
	uint8_t    *bytes = fuzz_buffer(most);
	size_t		len;
	CgStatus	status = cg_base64_decode(form, text, size, bytes, most, &len);

	if (status == CG_OK)
	{
		size_t		back_len = form == CG_BASE64_STD ? CG_BASE64_LEN(len) :
			CG_BASE64_URL_LEN(len);
		char	   *back = fuzz_buffer(back_len);
		uint8_t    *exact = fuzz_buffer(len);

		REQUIRE(len <= most && back_len == size);
		REQUIRE(cg_base64_encode(form, bytes, len, back) == size);
		REQUIRE(fuzz_same(back, text, size));
		REQUIRE(cg_base64_decode(form, text, size, exact, len, &len) ==
				CG_OK);
		if (len > 0)
			REQUIRE(cg_base64_decode(form, text, size, exact, len - 1,
									 &back_len) == CG_E_SPACE);
		free(exact);
		free(back);
	}
	else
		REQUIRE(status == CG_E_FORMAT && len == 0);
	free(bytes);
}

static void
try_bytes(const uint8_t *data, size_t size)
{
	char	   *text = fuzz_buffer(CG_BASE64_LEN(size));
	char	   *reference = fuzz_buffer(CG_BASE64_LEN(size) + 1);
	char	   *armor = fuzz_buffer(CG_ARMOR_LEN(size));
	uint8_t    *back = fuzz_buffer(size);
	size_t		len;

	REQUIRE(cg_base64_encode(CG_BASE64_STD, data, size, text) ==
			CG_BASE64_LEN(size));
	REQUIRE((size_t) EVP_EncodeBlock((unsigned char *) reference, data,
									 (int) size) == CG_BASE64_LEN(size));
	REQUIRE(fuzz_same(text, reference, CG_BASE64_LEN(size)));

	REQUIRE(cg_armor_encode(data, size, armor) == CG_ARMOR_LEN(size));
	REQUIRE(cg_is_armor(armor, CG_ARMOR_LEN(size)));
	REQUIRE(cg_armor_decode(armor, CG_ARMOR_LEN(size), back, size, &len) ==
			CG_OK);
	REQUIRE(len == size && fuzz_same(back, data, size));
	free(back);
	free(armor);
	free(reference);
	free(text);
}

static void
try_armor_text(const char *text, size_t size)
{
	uint8_t    *bytes = fuzz_buffer(size);
	size_t		len;
	CgStatus	status = cg_armor_decode(text, size, bytes, size, &len);

	if (status == CG_OK)
	{
		char	   *back = fuzz_buffer(CG_ARMOR_LEN(len));

		REQUIRE(cg_is_armor(text, size));
		REQUIRE(cg_armor_encode(bytes, len, back) == size &&
				memcmp(back, text, size) == 0);
		free(back);
	}
	else
		REQUIRE(status == CG_E_FORMAT && len == 0);
	free(bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t    *copy = fuzz_copy(data, size);

	try_base64_text(CG_BASE64_STD, (char *) copy, size);
	try_base64_text(CG_BASE64_URL, (char *) copy, size);
	try_armor_text((char *) copy, size);
	try_bytes(copy, size);
	free(copy);
	return 0;
}
