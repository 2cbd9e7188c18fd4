/*
 * ident_cn.h
 *		Validators of identifiers: Chinese ones and the few that every client
 *		table has.
 */
#ifndef CG_IDENT_CN_H
#define CG_IDENT_CN_H

#include "normal.h"

typedef enum CgValidator
{
	CG_VALID_NONE,				/* anything goes */
	CG_VALID_MOBILE,			/* mainland mobile: [+86|0086|86] 1[3-9]\d{9} */
	CG_VALID_EMAIL,				/* RFC 5321/6531 shape, at most 254 bytes */
	CG_VALID_RESIDENT_ID,		/* GB 11643-1999 and -1989, residence permits */
	CG_VALID_BANK_CARD,			/* ISO/IEC 7812: 13 to 19 digits, Luhn soft */
	CG_VALID_USCC,				/* GB 32100-2015 */
	CG_VALID_PLATE,				/* GA 36 */
	CG_VALID_DATE				/* calendar date, ISO 8601 or YYYYMMDD */
} CgValidator;

/* The two soft verdicts accept the value: cg_verdict_ok() is true of them. */
typedef enum CgVerdict
{
	CG_V_OK,
	CG_V_OK_LUHN_SOFT,			/* accepted, but the Luhn digit is wrong */
	CG_V_OK_ORG_SOFT,			/* accepted, but the GB 11714 digit is wrong */
	CG_V_EMPTY,
	CG_V_LENGTH,
	CG_V_CHARSET,
	CG_V_FORMAT,
	CG_V_PROVINCE,
	CG_V_REGION,
	CG_V_DATE,
	CG_V_DATE_RANGE,
	CG_V_CHECKSUM
} CgVerdict;

/* false if unknown; names: none mobile email resident_id bank_card uscc
 * plate date */
extern bool cg_validator_by_name(const char *name, CgValidator *v);

/* "ok", "ok_luhn_soft", "ok_org_soft", "empty", "length", ... */
extern const char *cg_verdict_word(CgVerdict verdict);

static inline bool
cg_verdict_ok(CgVerdict verdict)
{
	return verdict <= CG_V_OK_ORG_SOFT;
}

/*
 * today: year * 10000 + month * 100 + day, the last birth date accepted in a
 * resident ID; CG_VALID_DATE accepts any date of the calendar.
 */
extern CgVerdict cg_validate(CgValidator v, const char *text, size_t len,
							 int today);

/* A value of more code points than this is too long, whatever it is. */
#define CG_IDENT_MAX	254

/*
 * As cg_validate(), of n code points collected already: as CG_FORM_LINE for
 * e-mail and date, as CG_FORM_CODE for all others.
 */
extern CgVerdict cg_judge(CgValidator v, const uint32_t *c, size_t n,
						  int today);

#endif							/* CG_IDENT_CN_H */
