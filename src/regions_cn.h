/*
 * regions_cn.h
 *		Names known beforehand: administrative regions, compound surnames,
 *		characters of plates.
 */
#ifndef CG_REGIONS_CN_H
#define CG_REGIONS_CN_H

#include "status.h"

typedef struct CgProvince
{
	const char *name;			/* in full */
	size_t		short_len;		/* bytes of name that are its short form */
	bool		municipality;	/* its districts belong to no prefecture */

	/*
	 * "@prefecture,county,county@prefecture,...": counties of no prefecture
	 * follow an empty one.
	 */
	const char *places;
} CgProvince;

#define CG_PROVINCES	34

extern const CgProvince cg_provinces[CG_PROVINCES];

/* What the registers have in the place of a municipality's prefecture. */
extern const char cg_city_district[];

/* Plates begin with one character of the first, may end in one of the other. */
extern const char cg_plate_provinces[];
extern const char cg_plate_uses[];

/* Is this two-character text, of six bytes, a compound surname? */
extern bool cg_is_compound_surname(const char *text);

#endif							/* CG_REGIONS_CN_H */
