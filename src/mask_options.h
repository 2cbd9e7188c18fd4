/*
 * mask_options.h
 *		Options of a category's mask, as cipguard.category keeps them.
 *
 *	style	"standard", "strict", "region" or "legacy": variant of the masker
 *	size	number: figures become the lower bound of their interval
 *	unit	"year", "month" or "day": dates and times become its first moment
 *	prefix	whole number: network addresses keep that many bits
 *	paths	object: what becomes of the parts of a JSON document
 */
#ifndef CG_MASK_OPTIONS_H
#define CG_MASK_OPTIONS_H

#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "mask.h"

typedef enum CgDateUnit
{
	CG_UNIT_YEAR,
	CG_UNIT_MONTH,
	CG_UNIT_DAY
} CgDateUnit;

typedef enum CgPathAction
{
	CG_PATH_MASK,				/* as values of the category */
	CG_PATH_KEEP,
	CG_PATH_SUPPRESS
} CgPathAction;

/* What becomes of a part of a JSON document and of all that is in it. */
typedef struct CgPathRule
{
	int			nkeys;			/* 0: the document */
	char	  **keys;			/* from the outside in; NULL is any key */
	CgPathAction action;
	char	   *category;		/* name; perhaps there is none of that name */
} CgPathRule;

typedef struct CgMaskOptions
{
	CgMaskStyle style;
	CgDateUnit	unit;
	int			prefix;			/* -1: the default of the family */
	Numeric		size;			/* NULL: none */
	bool		has_paths;
	int			npaths;
	CgPathRule *paths;			/* the first one that matches counts */
	Jsonb	   *source;			/* what all this was read from */
} CgMaskOptions;

/*
 * Read options; all results, a copy of the source among them, are in the
 * current memory context.  Returns NULL, or what is wrong.
 */
extern const char *cg_mask_options_parse(const Jsonb *source,
										 CgMaskOptions *options);

#endif							/* CG_MASK_OPTIONS_H */
