/*
 * fuzz_mask_cn.c
 *		libFuzzer target: masks of Chinese names and papers.
 *
 * The input is the text; and identifiers with check digits are made of it.
 */
#include "masking.h"
#include "regions_cn.h"

/*
 * Two to four Han characters, or up to four parts of up to ten with dots
 * between them.  The first character is shown, or two that are a compound
 * surname if there is a third; nothing that is all of the first part.
 */
static FuzzMask
name_mask(const FuzzText *text)
{
	FuzzMask	mask = {{0}, 0};
	char		kinds[64] = {0};
	char		two[9] = {0};
	const char *part = kinds;
	size_t		shown = 1;
	size_t		i;

	for (i = 0; i < text->n && i + 1 < sizeof(kinds); i++)
		kinds[i] = fuzz_is_han(text->c[i]) ? 'h' :
			is_among(text->c[i], "·•‧⋅・\xCE\x87\xEF\xBD\xA5") ? '.' : '?';
	if (i < text->n || !MATCHES("h{2,4}|h{1,10}([.]h{1,10}){1,3}", kinds))
		return hidden(text);
	if (strspn(kinds, "h") == 1)
		shown = 0;
	else if (strchr(kinds, '.') == NULL && text->n > 2)
	{
		i = fuzz_encode(text->c[0], two);
		i += fuzz_encode(text->c[1], two + i);
		if (i == 6 && cg_is_compound_surname(two))
			shown = 2;
	}
	mask_put_shown(&mask, text->c, shown);
	for (;; part++)
	{
		size_t		n = strspn(part, "h") - (part == kinds ? shown : 0);

		mask_put_stars(&mask, n < 3 ? n : 3);
		part = strchr(part, '.');
		if (part == NULL)
			return mask;
		mask_put(&mask, "·");
	}
}

/* The pattern has ! for a kind, <> for "zi di", and . for "hao". */
static FuzzMask
military_mask(const FuzzText *text)
{
	char		kinds[17] = {0};
	size_t		i;

	for (i = 0; i < text->n && i + 1 < sizeof(kinds); i++)
		kinds[i] = text->c[i] < 0x80 ? (char) text->c[i] :
			is_among(text->c[i], "字") ? '<' :
			is_among(text->c[i], "第") ? '>' :
			is_among(text->c[i], "号") ? '.' :
			is_among(text->c[i], "军士文武警兵义学职离退参政后装海空南北"
					 "沈兰成济广") && i == 0 ? '!' : '?';
	if (i < text->n || !MATCHES("!<>[0-9A-Za-z][0-9]{6,7}[.]?", kinds))
		return hidden(text);
	return ends_of(text, 3, kinds[text->n - 1] == '.' ? 3 : 2);
}

static bool
is_resident_id(const FuzzText *text)
{
	return cg_verdict_ok(resident_id_verdict(text, NO_TODAY));
}

static bool
is_passport(const FuzzText *text)
{
	return MATCHES("E[0-9]{8}|E[A-HJ-NP-Z][0-9]{7}|G[0-9]{8}|1[45][0-9]{7}|"
				   "(DE|SE|PE)[0-9]{7}|[DSP][0-9]{7,8}|[HK][0-9]{8}|"
				   "KJ[0-9]{7}|M[0-9]{8}|M[AB][0-9]{7}", text->ascii);
}

static bool
is_permit(const FuzzText *text)
{
	return MATCHES("[CWTLHM][0-9]{8}|C[A-HJ-NP-Z][0-9]{7}|[HM][0-9]{10}|"
				   "[0-9]{8}", text->ascii);
}

static void
try(const void *data, size_t size)
{
	char	   *s = fuzz_copy(data, size);
	FuzzText	code = fuzz_read(FUZZ_CODE, data, size);
	FuzzText	word = fuzz_read(FUZZ_WORD, data, size);

	require_mask(CG_MASK_NAME, CG_STYLE_STANDARD, s, size, name_mask(&word));
	require_mask(CG_MASK_RESIDENT_ID, CG_STYLE_STANDARD, s, size,
				 ends_if(is_resident_id(&code), &code, 1, 1));
	require_mask(CG_MASK_RESIDENT_ID, CG_STYLE_REGION, s, size,
				 ends_if(is_resident_id(&code), &code, 2, 0));
	require_mask(CG_MASK_RESIDENT_ID, CG_STYLE_LEGACY, s, size,
				 ends_if(is_resident_id(&code), &code, 6, 4));
	require_mask(CG_MASK_USCC, CG_STYLE_STANDARD, s, size,
				 ends_if(cg_verdict_ok(uscc_verdict(&code, NO_TODAY)),
						 &code, 2, 4));
	require_mask(CG_MASK_PLATE, CG_STYLE_STANDARD, s, size,
				 ends_if(cg_verdict_ok(plate_verdict(&code, NO_TODAY)),
						 &code, 2, 2));
	require_mask(CG_MASK_PASSPORT, CG_STYLE_STANDARD, s, size,
				 ends_if(is_passport(&code), &code, 1, 2));
	require_mask(CG_MASK_PERMIT, CG_STYLE_STANDARD, s, size,
				 ends_if(is_permit(&code), &code, 1, 2));
	require_mask(CG_MASK_MILITARY_ID, CG_STYLE_STANDARD, s, size,
				 military_mask(&word));
	fuzz_forget(&word);
	fuzz_forget(&code);
	free(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FuzzInput	in = {data, size};
	char		made[19];

	try(data, size);
	make_resident_id(&in, made);
	try(made, 18);
	make_uscc(&in, made);
	try(made, 18);
	return 0;
}
