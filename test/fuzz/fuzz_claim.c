/*
 * fuzz_claim.c
 *		libFuzzer target: claims of application servers.
 *
 * The input is a text that may be a claim: what is parsed must be what stands
 * in its payload.  And it is the payload of one that is written: that is a
 * claim exactly if it has the five fields that app_claim.h tells.
 */
#include <regex.h>

#include "app_claim.h"
#include "base64.h"
#include "fuzz.h"

static const uint8_t signature[CG_ED25519_SIG_LEN] = {7};

/* Fields that were parsed, written as in the payload: it begins so. */
static void
require_payload(const CgAppClaim *claim)
{
	char		again[CG_APP_CLAIM_MAX];
	const char *payload = (const char *) claim->payload;
	const char *expiry = payload + 3 + strlen(claim->user) + 1;
	size_t		len;

	/* zeros in front of a number do not change it */
	expiry += strspn(expiry, "0") - (claim->expiry == 0 ? 1 : 0);
	len = (size_t) snprintf(again, sizeof(again), "v1|%s|", claim->user);
	REQUIRE(claim->payload_len > len && memcmp(payload, again, len) == 0);
	len = (size_t) snprintf(again, sizeof(again), "%lld|%s|",
							(long long) claim->expiry, claim->database);
	REQUIRE(expiry + len <= payload + claim->payload_len &&
			memcmp(expiry, again, len) == 0);
	REQUIRE(claim->pid >= 0);
	if (claim->pid > 0)
		REQUIRE(memcmp(expiry + len, "pid=", 4) == 0);
}

static void
try_text(const char *text, size_t size)
{
	CgAppClaim	claim;
	CgStatus	status = cg_app_claim_parse(text, size, &claim);

	REQUIRE((status == CG_E_LIMIT) == (size > CG_APP_CLAIM_MAX));
	if (status == CG_OK)
		require_payload(&claim);
}

/* Told by a pattern, but for limits of numbers, which few have. */
static bool
is_payload(const char *payload, size_t len)
{
	static regex_t pattern;
	static bool ready = false;

	ready = ready || regcomp(&pattern,
							 "^v1[|][^|[:cntrl:]]{1,200}[|]0*[0-9]{1,18}[|]"
							 "[^|[:cntrl:]]{1,63}[|](pid=0*[1-9][0-9]{0,8}|"
							 "[^|[:cntrl:]]{0,64})$",
							 REG_EXTENDED | REG_NOSUB) == 0;
	REQUIRE(ready);
	return strlen(payload) == len &&
		regexec(&pattern, payload, 0, NULL, 0) == 0;
}

static void
try_payload(const uint8_t *data, size_t size)
{
	char	   *payload = fuzz_buffer(size + 1);
	char	   *text = fuzz_buffer(CG_BASE64_URL_LEN(size) + 1 +
								   CG_BASE64_URL_LEN(sizeof(signature)));
	size_t		len;
	CgAppClaim	claim;
	CgStatus	status;

	if (size > 0)
		memcpy(payload, data, size);
	payload[size] = '\0';
	len = cg_base64_encode(CG_BASE64_URL, data, size, text);
	text[len++] = '.';
	len += cg_base64_encode(CG_BASE64_URL, signature, sizeof(signature),
							text + len);
	status = cg_app_claim_parse(text, len, &claim);
	if (status == CG_OK)
	{
		REQUIRE(claim.payload_len == size &&
				memcmp(claim.payload, data, size) == 0);
		REQUIRE(memcmp(claim.signature, signature, sizeof(signature)) == 0);
		require_payload(&claim);
	}
	else if (len <= CG_APP_CLAIM_MAX && is_payload(payload, size) &&
			 strstr(payload, "|pid=") == NULL)
		REQUIRE(!"a claim is refused");
	free(text);
	free(payload);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *text = fuzz_copy(data, size);

	try_text(text, size);
	try_payload(data, size);
	free(text);
	return 0;
}
