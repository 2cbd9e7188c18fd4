/*
 * mask_phone.c
 *		Masks of telephone numbers.
 */
#include <string.h>

#include "mask_impl.h"

/* 3 + 4; every way to write the country code becomes +86. */
size_t
cg_mask_mobile(const char *text, size_t len, char *out)
{
	uint32_t	c[STARS_MAX];
	size_t		n;
	char	   *o = out;

	/* The way most are written takes a third of the time. */
	if (cg_is_bare_mobile(text, len))
	{
		memcpy(out, text, len);
		memset(out + 3, '*', 4);
		return len;
	}
	n = cg_collect(CG_FORM_CODE, text, len, c, STARS_MAX);
	if (!cg_verdict_ok(cg_judge(CG_VALID_MOBILE, c, n, NO_TODAY)))
		return cg_put_stars(n, out);
	if (n > 11)
	{
		memcpy(o, "+86", 3);
		o += 3;
	}
	return (size_t) (o - out) + cg_put_ends(c + (n - 11), 11, 3, 4, o);
}
