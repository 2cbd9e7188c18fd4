/*
 * test_kek_text.c
 *		Text of key-encryption keys: the forms that are read, and why others
 *		are not.
 */
#include "kek_text.h"
#include "tap.h"

#define HEX		"00112233445566778899aabbccddeeff"
#define KEY		HEX "FFEEDDCCBBAA99887766554433221100"
#define BASE64	"ABEiM0RVZneImaq7zN3u///u3cy7qpmId2ZVRDMiEQA"

static void
reads(const char *text, const char *name)
{
	static const uint8_t want[CG_KEK_LEN] = {
		0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
		0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
		0xff, 0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99, 0x88,
		0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0x00
	};
	uint8_t		key[CG_KEK_LEN] = {0};
	const char *fault = cg_kek_parse(text, strlen(text), key);

	ok(fault == NULL, "%s is read", name);
	is_bytes(key, sizeof(key), want, sizeof(want), name);
}

static void
refuses(const char *text, const char *want)
{
	static const uint8_t nothing[CG_KEK_LEN];
	uint8_t		key[CG_KEK_LEN] = {1};
	const char *fault = cg_kek_parse(text, strlen(text), key);

	ok(fault != NULL && strcmp(fault, want) == 0, "\"%s\" is %s", text, want);
	ok(memcmp(key, nothing, sizeof(key)) == 0, "and leaves no key");
}

int
main(void)
{
	reads(KEY, "hexadecimal");
	reads(" \t" KEY "\r\n", "with white space around it");
	reads(BASE64, "base64 without padding");
	reads(BASE64 "=", "base64");
	reads("ABEiM0RVZneImaq7zN3u___u3cy7qpmId2ZVRDMiEQA", "base64url");
	refuses("", "empty");
	refuses(" \n", "empty");
	refuses(HEX, "too short");
	refuses(KEY "0", "too long");
	refuses(HEX "FFEEDDCCBBAA9988776655443322110g", "malformed");
	refuses(HEX "FFEEDDCCBBAA998877665544332211:0", "malformed");
	refuses("ABEiM0RVZneImaq7zN3u?//u3cy7qpmId2ZVRDMiEQA", "malformed");
	refuses("ABEiM0RVZneImaq7zN3u+//u3cy7qpmId2ZVRDMiEQB", "malformed");
	refuses("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
			"one byte repeated");
	return tap_done();
}
