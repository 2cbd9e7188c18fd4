/*
 * mask_net.c
 *		Masks of names and addresses in networks.
 */
#include <string.h>

#include "mask_impl.h"

static size_t mask_email(bool strict, const char *text, size_t len,
						 char *out);

/*
 * Of a local part of three characters or more the first, and the domain; if
 * strict, of the domain its last label.
 */
static size_t
mask_email(bool strict, const char *text, size_t len, char *out)
{
	uint32_t	c[CG_IDENT_MAX];
	size_t		n = cg_collect(CG_FORM_LINE, text, len, c, CG_IDENT_MAX);
	size_t		at = 0;
	size_t		shown;			/* where the rest begins that is shown */
	char	   *o = out;

	if (!cg_verdict_ok(cg_judge(CG_VALID_EMAIL, c, n, NO_TODAY)))
		return cg_put_stars(n, out);
	while (c[at] != '@')
		at++;
	if (at > 2)
		o = cg_put_shown(o, c, 1);
	memset(o, '*', 3);
	o += 3;
	shown = at;
	if (strict)
	{
		memcpy(o, "@***", 4);
		o += 4;
		shown = n - 1;
		while (c[shown] != '.')
			shown--;
	}
	o = cg_put_shown(o, c + shown, n - shown);
	return (size_t) (o - out);
}

/* The domain is who the recipient's provider is, not who the recipient is. */
size_t
cg_mask_email(const char *text, size_t len, char *out)
{
	return mask_email(false, text, len, out);
}

/* But for those who have a domain of their own. */
size_t
cg_mask_email_strict(const char *text, size_t len, char *out)
{
	return mask_email(true, text, len, out);
}
