/*
 * fuzz_mask_intl.c
 *		libFuzzer target: masks of identifiers that are the same in every
 *		country, and of dates.
 *
 * The input is the text; and identifiers with check digits are made of it.
 */
#include "masking.h"

/* ISO 7064 MOD 97-10 of what stands in four characters' time. */
static int
mod_97(const char *s, size_t n)
{
	int			rest = 0;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		char		c = s[(i + 4) % n];

		if (c >= 'A')
			rest = (rest * 10 + (c - 'A' + 10) / 10) % 97;
		rest = (rest * 10 + (c >= 'A' ? (c - 'A' + 10) % 10 : c - '0')) % 97;
	}
	return rest;
}

/* Which lengths the countries have is tried below, of a few. */
static FuzzMask
iban_mask(const FuzzText *text, bool shown)
{
	return ends_if(shown &&
				   MATCHES("[A-Z]{2}[0-9]{2}[0-9A-Z]{11,30}", text->ascii) &&
				   mod_97(text->ascii, text->n) == 1, text, 4, 4);
}

static void
try_iban(const char *s, size_t size)
{
	FuzzText	code = fuzz_read(FUZZ_CODE, s, size);
	size_t		n;
	char	   *mask = mask_of(CG_MASK_IBAN, CG_STYLE_STANDARD, s, size, &n);

	require_mask(CG_MASK_IBAN, CG_STYLE_STANDARD, s, size,
				 iban_mask(&code, !mask_is_stars(mask, n)));
	free(mask);
	fuzz_forget(&code);
}

static void
try_made_iban(FuzzInput in)
{
	static const struct
	{
		const char *country;
		size_t		len;
	}			known[] = {
		{"NO", 15}, {"BE", 16}, {"DE", 22}, {"GB", 22}, {"FR", 27}, {"MT", 31}
	};
	size_t		i = fuzz_choice(&in, 6);
	size_t		len = known[i].len;
	char		s[35] = {0};
	FuzzText	code;
	int			check;

	memcpy(s, known[i].country, 2);
	s[2] = s[3] = '0';
	for (i = 4; i < len; i++)
		s[i] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[fuzz_choice(&in, 36)];
	check = 98 - mod_97(s, len);
	s[2] = (char) ('0' + check / 10);
	s[3] = (char) ('0' + check % 10);
	code = fuzz_read(FUZZ_CODE, s, len);
	require_mask(CG_MASK_IBAN, CG_STYLE_STANDARD, s, len,
				 ends_of(&code, 4, 4));
	s[fuzz_choice(&in, len)] ^= 1;
	fuzz_forget(&code);
	try_iban(s, len);
}

static FuzzMask
bank_card_mask(const FuzzText *text, size_t first)
{
	return ends_if(cg_verdict_ok(bank_card_verdict(text, NO_TODAY)),
				   text, first, 4);
}

static FuzzMask
imei_mask(const FuzzText *text)
{
	return ends_if(MATCHES("[0-9]{14,16}", text->ascii) &&
				   (text->n != 15 || luhn_holds(text->ascii, 15)),
				   text, 8, 0);
}

/* Hyphens of any kind are one; the rest of the pattern is ASCII. */
static void
fold_hyphens(FuzzText *text)
{
	size_t		i;

	for (i = 0; i < text->n; i++)
		if (fuzz_is_hyphen(text->c[i]))
			text->c[i] = (uint32_t) (text->ascii[i] = '-');
}

static FuzzMask
ssn_mask(const FuzzText *text)
{
	FuzzMask	mask = {{0}, 0};
	const char *s = text->ascii;

	if (!MATCHES("[0-9]{9}|[0-9]{3}-[0-9]{2}-[0-9]{4}|"
				 "[0-9]{3} [0-9]{2} [0-9]{4}", s) ||
		MATCHES("(000|666|9).*|...[- ]?00[- ]?.{4}|.*0000", s))
		return hidden(text);
	mask_put(&mask, "***-**-");
	mask_put_shown(&mask, text->c + text->n - 4, 4);
	return mask;
}

/* The pattern has y, m and d for the three characters. */
static FuzzMask
year_mask(const FuzzText *text)
{
	FuzzMask	mask = {{0}, 0};
	char		kinds[17] = {0};
	int			part[3] = {0};
	size_t		i;

	for (i = 0; i < text->n && i + 1 < sizeof(kinds); i++)
		kinds[i] = text->c[i] == 0x5E74 ? 'y' : text->c[i] == 0x6708 ? 'm' :
			text->c[i] == 0x65E5 ? 'd' : strchr("0123456789./-", text->ascii[i]) != NULL ?
			text->ascii[i] : '?';
	if (i < text->n)
		return hidden(text);
	if (MATCHES("[0-9]{8}", kinds))
		sscanf(kinds, "%4d%2d%2d", &part[0], &part[1], &part[2]);
	else if (MATCHES("[0-9]{4}(-..-|/../|[.]..[.])[0-9]{2}", kinds) &&
			 MATCHES(".....[0-9]{2}...", kinds))
		sscanf(kinds, "%4d%*c%2d%*c%2d", &part[0], &part[1], &part[2]);
	else if (MATCHES("[0-9]{4}y[0-9]{1,2}m[0-9]{1,2}d", kinds))
		sscanf(kinds, "%4dy%dm%dd", &part[0], &part[1], &part[2]);
	if (!is_calendar_date(part[0], part[1], part[2]))
		return hidden(text);
	mask_put_shown(&mask, text->c, 4);
	for (i = 4; i < text->n; i++)
	{
		if (kinds[i] >= '0' && kinds[i] <= '9')
			mask_put(&mask, "*");
		else
			mask_put_shown(&mask, text->c + i, 1);
	}
	return mask;
}

static void
try(const void *data, size_t size)
{
	char	   *s = fuzz_copy(data, size);
	FuzzText	code = fuzz_read(FUZZ_CODE, data, size);
	FuzzText	line = fuzz_read(FUZZ_LINE, data, size);

	fold_hyphens(&line);
	require_mask(CG_MASK_BANK_CARD, CG_STYLE_STANDARD, s, size,
				 bank_card_mask(&code, 6));
	require_mask(CG_MASK_BANK_CARD, CG_STYLE_STRICT, s, size,
				 bank_card_mask(&code, 0));
	require_mask(CG_MASK_IMEI, CG_STYLE_STANDARD, s, size, imei_mask(&code));
	require_mask(CG_MASK_US_SSN, CG_STYLE_STANDARD, s, size, ssn_mask(&line));
	require_mask(CG_MASK_YEAR, CG_STYLE_STANDARD, s, size, year_mask(&line));
	try_iban(s, size);
	fuzz_forget(&line);
	fuzz_forget(&code);
	free(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FuzzInput	in = {data, size};
	char		made[20];
	size_t		length;

	try(data, size);
	length = make_bank_card(&in, made);
	try(made, length);
	try_made_iban(in);
	return 0;
}
