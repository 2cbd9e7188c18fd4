/*
 * mask_json.h
 *		Masks of JSON documents, part by part.
 */
#ifndef CG_MASK_JSON_H
#define CG_MASK_JSON_H

#include "lib/stringinfo.h"

#include "mask_datum.h"
#include "mask_options.h"

typedef struct CgJsonRule
{
	const CgPathRule *path;		/* path->action is what to do */
	CgDatumMask *string;		/* of type text; CG_PATH_MASK */
	CgDatumMask *number;		/* of type numeric; CG_PATH_MASK */
} CgJsonRule;

/*
 * Append the mask of a document, given as text of type json or jsonb, to out.
 * The first rule whose path is that of a part counts.  Returns false if there
 * is none; out then holds rubbish.
 */
extern bool cg_mask_json(const CgJsonRule *rules, int nrules,
						 const char *json, Size len, StringInfo out);

#endif							/* CG_MASK_JSON_H */
