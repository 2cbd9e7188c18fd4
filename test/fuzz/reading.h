/*
 * reading.h
 *		How text is read, told again: code points, width, blanks, hyphens.
 *
 * For targets that compare the validators and maskers with something; hence
 * nothing of normal.c is used here.
 */
#ifndef CG_FUZZ_READING_H
#define CG_FUZZ_READING_H

#include "fuzz.h"

#define NO_CHARACTER	0xFFFD	/* stands for a byte that is no UTF-8 */

typedef enum FuzzForm
{
	FUZZ_CODE,					/* no blanks, no hyphens, upper case */
	FUZZ_WORD,					/* no blanks */
	FUZZ_LINE					/* trimmed, inner blanks made spaces */
} FuzzForm;

/* Text in one of the forms; of all three the width is folded. */
typedef struct FuzzText
{
	uint32_t   *c;
	size_t		n;
	bool		valid;			/* UTF-8 throughout? */
	char	   *ascii;			/* c, with '\1' for what is not ASCII */
} FuzzText;

/*
 * The code point at p, *len bytes; NO_CHARACTER and one byte for what is none.
 * By the definition: a sequence is valid if it is what its code point has.
 */
static inline uint32_t
fuzz_decode(const uint8_t *p, size_t left, size_t *len)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t		n = p[0] < 0x80 ? 1 : p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3 :
		p[0] >> 3 == 30 ? 4 : 0;
	uint32_t	c = n < 2 ? p[0] : p[0] & (0x7Fu >> n);
	size_t		i;

	*len = 1;
	if (n == 0 || n > left)
		return NO_CHARACTER;
	for (i = 1; i < n; i++)
	{
		if (p[i] >> 6 != 2)
			return NO_CHARACTER;
		c = c << 6 | (p[i] & 0x3F);
	}
	if (c < least[n] || c > 0x10FFFF || c >> 11 == 0xD800 >> 11)
		return NO_CHARACTER;
	*len = n;
	return c;
}

static inline size_t
fuzz_encode(uint32_t c, char *out)
{
	size_t		n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	size_t		i;

	if (n == 1)
		out[0] = (char) c;
	else
	{
		for (i = n - 1; i > 0; i--, c >>= 6)
			out[i] = (char) (0x80 | (c & 0x3F));
		out[0] = (char) ((0xF00 >> n & 0xFF) | c);
	}
	return n;
}

static inline bool
fuzz_is_blank(uint32_t c)
{
	static const uint32_t ranges[][2] = {
		{0x00, 0x20}, {0x7F, 0xA0}, {0xAD, 0xAD}, {0x1680, 0x1680},
		{0x180E, 0x180E}, {0x2000, 0x200F}, {0x2028, 0x202F},
		{0x205F, 0x206F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}
	};
	size_t		i;

	for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (c >= ranges[i][0] && c <= ranges[i][1])
			return true;
	return false;
}

static inline bool
fuzz_is_hyphen(uint32_t c)
{
	return c == '-' || (c >= 0x2010 && c <= 0x2015) || c == 0x2212;
}

static inline bool
fuzz_is_han(uint32_t c)
{
	static const uint32_t ranges[][2] = {
		{0x3005, 0x3005}, {0x3007, 0x3007}, {0x3400, 0x4DBF},
		{0x4E00, 0x9FFF}, {0xF900, 0xFAFF}, {0x20000, 0x2FA1F},
		{0x30000, 0x323AF}
	};
	size_t		i;

	for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (c >= ranges[i][0] && c <= ranges[i][1])
			return true;
	return false;
}

/* Read all of a text; to be freed by fuzz_forget(). */
static inline FuzzText
fuzz_read(FuzzForm form, const void *data, size_t size)
{
	const uint8_t *p = data;
	FuzzText	text = {fuzz_buffer(4 * size), 0, true, fuzz_buffer(size + 1)};
	size_t		trimmed = 0;
	size_t		len;
	size_t		i;

	for (; size > 0; p += len, size -= len)
	{
		uint32_t	c = fuzz_decode(p, size, &len);

		if (c == NO_CHARACTER && len == 1)
			text.valid = false;
		if (c >= 0xFF01 && c <= 0xFF5E)
			c -= 0xFF01 - '!';
		if (fuzz_is_blank(c))
		{
			if (form != FUZZ_LINE || text.n == 0)
				continue;
			text.c[text.n++] = ' ';
			continue;
		}
		if (form == FUZZ_CODE && fuzz_is_hyphen(c))
			continue;
		if (form == FUZZ_CODE && c >= 'a' && c <= 'z')
			c -= 'a' - 'A';
		text.c[text.n++] = c;
		trimmed = text.n;
	}
	text.n = trimmed;
	for (i = 0; i < text.n; i++)
		text.ascii[i] = text.c[i] > 0 && text.c[i] < 0x80 ? (char) text.c[i] :
			'\1';
	text.ascii[text.n] = '\0';
	return text;
}

static inline void
fuzz_forget(FuzzText *text)
{
	free(text->c);
	free(text->ascii);
}

#endif							/* CG_FUZZ_READING_H */
