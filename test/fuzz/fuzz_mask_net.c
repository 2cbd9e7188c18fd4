/*
 * fuzz_mask_net.c
 *		libFuzzer target: masks of names and addresses in networks.
 *
 * The input is the text.  Which addresses there are, inet_pton() says.
 */
#include <arpa/inet.h>

#include "masking.h"

static FuzzMask
email_mask(const FuzzText *text, bool strict)
{
	FuzzMask	mask = {{0}, 0};
	size_t		at = strcspn(text->ascii, "@");
	size_t		from = at;

	if (!is_email(text))
		return hidden(text);
	if (at > 2)
		mask_put_shown(&mask, text->c, 1);
	mask_put(&mask, "***");
	if (strict)
	{
		mask_put(&mask, "@***");
		from = (size_t) (strrchr(text->ascii, '.') - text->ascii);
	}
	mask_put_shown(&mask, text->c + from, text->n - from);
	return mask;
}

/* The length of the prefix is dropped: a number up to that of the address. */
static bool
split_prefix(char *address, int most)
{
	char	   *slash = strchr(address, '/');

	if (slash == NULL)
		return true;
	*slash = '\0';
	return MATCHES("[0-9]{1,3}", slash + 1) && atoi(slash + 1) <= most;
}

static FuzzMask
ip_mask(const FuzzText *text)
{
	FuzzMask	mask = {{0}, 0};
	char		v4[64];
	char		v6[64];
	uint8_t		b[16];
	const uint8_t *inner = NULL;

	/* The longest has 49 characters. */
	if (text->n > 49 || !is_ascii(text))
		return hidden(text);
	strcpy(v4, text->ascii);
	strcpy(v6, text->ascii);
	if (split_prefix(v4, 32) && inet_pton(AF_INET, v4, b) == 1)
		inner = b;
	else if (!split_prefix(v6, 128) || inet_pton(AF_INET6, v6, b) != 1)
		return hidden(text);
	else if (memcmp(b, "\0\0\0\0\0\0\0\0\0\0\xFF\xFF", 12) == 0)
		inner = b + 12;			/* IPv4, mapped */
	else if (b[0] == 0x20 && b[1] == 0x02)
		inner = b + 2;			/* 6to4 */
	if (inner != NULL)
		mask.len = (size_t) snprintf(mask.s, sizeof(mask.s), "%d.%d.*.*",
									 inner[0], inner[1]);
	else
		mask.len = (size_t) snprintf(mask.s, sizeof(mask.s),
									 "%02x%02x:%02x%02x:%02x%02x:*", b[0],
									 b[1], b[2], b[3], b[4], b[5]);
	return mask;
}

/* Six groups of two, three of four, two of six, or one. */
static FuzzMask
mac_mask(const FuzzText *text)
{
	FuzzMask	mask = {{0}, 0};
	char	   *plain = fuzz_copy(text->ascii, text->n + 1);
	char		digits[13] = {0};
	bool		good = true;
	uint32_t	separator = 0;
	size_t		n = 0;
	size_t		i;

	/* Hyphens may be of any kind, but of one. */
	for (i = 0; i < text->n; i++)
	{
		if (fuzz_is_hyphen(text->c[i]))
			plain[i] = '-';
		if (plain[i] == '-' || plain[i] == ':' || plain[i] == '.')
		{
			if (separator != 0 && separator != text->c[i])
				good = false;
			separator = text->c[i];
		}
		else if (n < 12)
			digits[n++] = plain[i] >= 'a' ? (char) (plain[i] - 32) : plain[i];
	}
	if (!good || !MATCHES("[0-9A-Fa-f]{12}|"
						  "([0-9A-Fa-f]{2}[-:.]){5}[0-9A-Fa-f]{2}|"
						  "([0-9A-Fa-f]{4}[-:.]){2}[0-9A-Fa-f]{4}|"
						  "[0-9A-Fa-f]{6}[-:.][0-9A-Fa-f]{6}", plain))
		mask = hidden(text);
	else
		mask.len = (size_t) snprintf(mask.s, sizeof(mask.s),
									 "%.2s:%.2s:%.2s:**:**:**", digits,
									 digits + 2, digits + 4);
	free(plain);
	return mask;
}

static FuzzMask
qq_mask(const FuzzText *text)
{
	FuzzMask	mask = {{0}, 0};

	if (!MATCHES("[1-9][0-9]{4,10}", text->ascii) ||
		MATCHES("1[3-9][0-9]{9}", text->ascii))
		return hidden(text);
	mask_put_shown(&mask, text->c, text->n > 7 ? 2 : 1);
	mask_put(&mask, "****");
	if (text->n > 7)
		mask_put_shown(&mask, text->c + text->n - 2, 2);
	return mask;
}

static FuzzMask
wechat_mask(const FuzzText *text)
{
	FuzzMask	mask = {{0}, 0};

	if (!MATCHES("[A-Za-z][0-9A-Za-z_-]{5,19}", text->ascii))
		return hidden(text);
	mask_put_shown(&mask, text->c, 2);
	mask_put(&mask, "****");
	mask_put_shown(&mask, text->c + text->n - 1, 1);
	return mask;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *s = fuzz_copy(data, size);
	FuzzText	code = fuzz_read(FUZZ_CODE, data, size);
	FuzzText	line = fuzz_read(FUZZ_LINE, data, size);

	require_mask(CG_MASK_EMAIL, CG_STYLE_STANDARD, s, size,
				 email_mask(&line, false));
	require_mask(CG_MASK_EMAIL, CG_STYLE_STRICT, s, size,
				 email_mask(&line, true));
	require_mask(CG_MASK_IP, CG_STYLE_STANDARD, s, size, ip_mask(&line));
	require_mask(CG_MASK_MAC, CG_STYLE_STANDARD, s, size, mac_mask(&line));
	require_mask(CG_MASK_QQ, CG_STYLE_STANDARD, s, size, qq_mask(&code));
	require_mask(CG_MASK_WECHAT, CG_STYLE_STANDARD, s, size,
				 wechat_mask(&line));
	fuzz_forget(&line);
	fuzz_forget(&code);
	free(s);
	return 0;
}
