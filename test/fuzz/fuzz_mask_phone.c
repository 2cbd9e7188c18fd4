/*
 * fuzz_mask_phone.c
 *		libFuzzer target: masks of telephone numbers.
 *
 * The input is the text.  Of mobile numbers the mask is told by their shape.
 * Of others it is taken apart: which digits of the text it shows, and that
 * those between them are as many as its stars.
 */
#include "masking.h"

static FuzzMask
mobile_mask(const FuzzText *text)
{
	FuzzMask	mask = {{0}, 0};
	const uint32_t *c = text->c + text->n - 11;

	if (text->n == 0 || mobile_verdict(text, NO_TODAY) != CG_V_OK)
		return hidden(text);
	if (text->n > 11)
		mask_put(&mask, "+86");
	mask_put_shown(&mask, c, 3);
	mask_put(&mask, "****");
	mask_put_shown(&mask, c + 7, 4);
	return mask;
}

/* The digits of a text, zero-terminated; to be freed. */
static char *
digits_of(const FuzzText *text)
{
	char	   *digits = fuzz_buffer(text->n + 1);
	size_t		n = 0;
	size_t		i;

	for (i = 0; i < text->n; i++)
		if (text->ascii[i] >= '0' && text->ascii[i] <= '9')
			digits[n++] = text->ascii[i];
	digits[n] = '\0';
	return digits;
}

/*
 * [0]area-***1234, or 400-***-1234, then perhaps stars of an extension.  The
 * digits behind the country's code and the trunk prefix begin with the area,
 * and have the last four where the stars end.
 */
static void
try_landline(const FuzzText *text, const char *mask, size_t n)
{
	char	   *digits = digits_of(text);
	const char *d = digits;
	char	   *area = fuzz_buffer(n + 1);
	size_t		area_len;
	size_t		stars;
	const char *last;
	const char *extension;

	memcpy(area, mask, n);
	area[n] = '\0';
	REQUIRE(MATCHES("(0[1-9][0-9]{1,2}-[*]{3,4}|[48]00-[*]{3}-)[0-9]{4}"
					"(-[*]{1,6})?", area));
	d += strncmp(d, "00", 2) == 0 ? 2 : 0;
	d += strncmp(d, "86", 2) == 0 ? 2 : 0;
	d += *d == '0' ? 1 : 0;
	area_len = strcspn(area, "-");
	stars = strspn(area + area_len + 1, "*");
	last = area + area_len + 1 + stars + (area[0] == '0' ? 0 : 1);
	extension = last[4] == '-' ? last + 5 : "";
	if (area[0] == '0')
		REQUIRE(strncmp(d, area + 1, --area_len) == 0);
	else
		REQUIRE(strncmp(d, area, area_len) == 0);
	REQUIRE(strlen(d) == area_len + stars + 4 + strlen(extension));
	REQUIRE(strncmp(d + area_len + stars, last, 4) == 0);
	free(area);
	free(digits);
}

/* +country***1234, with as many stars as there are digits between. */
static void
try_e164(const FuzzText *text, const char *mask, size_t n)
{
	char	   *digits = digits_of(text);
	const char *d = digits;
	char	   *copy = fuzz_buffer(n + 1);
	size_t		country;

	memcpy(copy, mask, n);
	copy[n] = '\0';
	REQUIRE(MATCHES("[+][1-9][0-9]{0,2}[*]{3,10}[0-9]{4}", copy));
	d += strchr(text->ascii, '+') == NULL ? 2 : 0;
	country = strcspn(copy + 1, "*");
	REQUIRE(d == digits || strncmp(digits, "00", 2) == 0);
	REQUIRE(strlen(d) == n - 1 && n - 1 <= 15);
	REQUIRE(strncmp(d, copy + 1, country) == 0);
	REQUIRE(strcmp(d + strlen(d) - 4, copy + n - 4) == 0);
	free(copy);
	free(digits);
}

/* Either nothing is shown, or what try() allows. */
static void
try_parts(CgMasker masker, FuzzForm form, const char *s, size_t size,
		  void (*try) (const FuzzText *, const char *, size_t))
{
	FuzzText	text = fuzz_read(form, s, size);
	size_t		n;
	char	   *mask = mask_of(masker, CG_STYLE_STANDARD, s, size, &n);

	if (mask_is_stars(mask, n))
		require_mask(masker, CG_STYLE_STANDARD, s, size, hidden(&text));
	else
		try(&text, mask, n);
	free(mask);
	fuzz_forget(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *s = fuzz_copy(data, size);
	FuzzText	code = fuzz_read(FUZZ_CODE, data, size);

	require_mask(CG_MASK_MOBILE, CG_STYLE_STANDARD, s, size,
				 mobile_mask(&code));
	try_parts(CG_MASK_LANDLINE, FUZZ_LINE, s, size, try_landline);
	try_parts(CG_MASK_E164, FUZZ_CODE, s, size, try_e164);
	fuzz_forget(&code);
	free(s);
	return 0;
}
