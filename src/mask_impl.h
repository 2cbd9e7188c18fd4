/*
 * mask_impl.h
 *		What the maskers share; for the engine, mask.c, and them only.
 */
#ifndef CG_MASK_IMPL_H
#define CG_MASK_IMPL_H

#include "ident_cn.h"

/* Stars tell the length of what does not parse only up to here. */
#define STARS_MAX		16

/* Any date is in the past: the mask of a value must not depend on the day. */
#define NO_TODAY		99991231

/* A masker is called with what cg_mask() got, and does what that promises. */
typedef size_t CgMaskFunction (const char *text, size_t len, char *out);

/* mask_cn.c */
extern CgMaskFunction cg_mask_name;
extern CgMaskFunction cg_mask_resident_id;
extern CgMaskFunction cg_mask_resident_id_region;
extern CgMaskFunction cg_mask_resident_id_legacy;
extern CgMaskFunction cg_mask_uscc;
extern CgMaskFunction cg_mask_plate;
extern CgMaskFunction cg_mask_passport;
extern CgMaskFunction cg_mask_permit;
extern CgMaskFunction cg_mask_military_id;

/* mask_address.c */
extern CgMaskFunction cg_mask_address;

/* mask_phone.c */
extern CgMaskFunction cg_mask_mobile;
extern CgMaskFunction cg_mask_landline;
extern CgMaskFunction cg_mask_e164;

/* mask_intl.c */
extern CgMaskFunction cg_mask_bank_card;
extern CgMaskFunction cg_mask_bank_card_strict;
extern CgMaskFunction cg_mask_iban;
extern CgMaskFunction cg_mask_imei;
extern CgMaskFunction cg_mask_us_ssn;
extern CgMaskFunction cg_mask_year;

/* mask_net.c */
extern CgMaskFunction cg_mask_email;
extern CgMaskFunction cg_mask_email_strict;
extern CgMaskFunction cg_mask_ip;
extern CgMaskFunction cg_mask_mac;
extern CgMaskFunction cg_mask_qq;
extern CgMaskFunction cg_mask_wechat;

/* The mask of n characters that do not parse; returns its length. */
extern size_t cg_put_stars(size_t n, char *out);

/* Write n code points as they are; returns where they end. */
extern char *cg_put_shown(char *out, const uint32_t *c, size_t n);

/*
 * The usual shape: the first characters, a star for each between, the last
 * ones; returns the length.
 */
extern size_t cg_put_ends(const uint32_t *c, size_t n,
						  size_t first, size_t last, char *out);

/*
 * That shape for all text that the validator, one of those that read
 * CG_FORM_CODE, accepts.
 */
extern size_t cg_mask_ends(CgValidator v, size_t first, size_t last,
						   const char *text, size_t len, char *out);

static inline bool
is_digit(uint32_t c)
{
	return c - '0' < 10;
}

static inline bool
is_upper(uint32_t c)
{
	return c - 'A' < 26;
}

static inline bool
all_digits(const uint32_t *c, size_t n)
{
	while (n > 0 && is_digit(c[n - 1]))
		n--;
	return n == 0;
}

#endif							/* CG_MASK_IMPL_H */
