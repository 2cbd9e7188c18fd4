/*
 * category.h
 *		Kinds of personal data: the cached rows of cipguard.category.
 */
#ifndef CG_CATEGORY_H
#define CG_CATEGORY_H

#include "digest.h"
#include "ident_cn.h"
#include "mask.h"
#include "mask_options.h"
#include "normal.h"
#include "suite.h"

typedef struct CgCategory
{
	int32		id;				/* hash key: cg_name_hash(name) = typmod */
	NameData	name;
	int			level;			/* 1 to 4 */
	bool		sensitive;
	bool		searchable;
	int			suite;
	int32		domain;			/* cg_name_hash(token domain) */
	uint8		pad;			/* bytes */
	CgMasker	mask;
	CgMaskStyle style;
	bool		suppress;		/* masks are NULL */
	CgMaskOptions options;		/* lives as long as the category */
	char	   *function;		/* schema.name of a custom masker, or NULL */
	uint8		function_digest[CG_SHA256_LEN];
	CgValidator validator;
	CgNormalizer normalizer;
} CgCategory;

/*
 * Stable number of a category or token domain: the first 31 bits of the
 * SHA-256 of its name, so that nothing depends on row ids.  Never negative.
 */
extern int32 cg_name_hash(const char *name);

/*
 * The results point into the cache and stay valid until the next call of this
 * module.  NULL if there is none and missing_ok.  Errors:
 * CG_ERRCODE_UNKNOWN_CATEGORY, with a hint that names similar ones.
 */
extern const CgCategory *cg_category_by_id(int32 id, bool missing_ok);
extern const CgCategory *cg_category_by_name(const char *name,
											 bool missing_ok);

/* The token domain of a category that exists. */
extern int32 cg_category_domain(int32 id);

/* "unclassified": what values are before they meet a column. */
extern int32 cg_category_unclassified(void);

/* All categories, palloc'd array of ids; returns their number. */
extern int	cg_category_ids(int32 **ids);

/*
 * Copy a category with all that it points to into the current memory context.
 */
extern void cg_category_copy(CgCategory *to, const CgCategory *from);

/*
 * The suite of a family ("aes", "sm4"; NULL: that of cipguard.default_suite)
 * or of a name.  Errors: ERRCODE_INVALID_PARAMETER_VALUE if there is none,
 * ERRCODE_FEATURE_NOT_SUPPORTED if libcrypto lacks what it needs.
 */
extern const CgSuite *cg_choose_suite(const char *wanted, bool searchable);

/* Raises: libcrypto lacks what a suite needs. */
extern void cg_suite_unavailable(int suite);

/* Grows whenever cipguard.category may have changed; never 0. */
extern uint64 cg_category_generation(void);

/* At load: watch the table of categories. */
extern void cg_category_init(void);

#endif							/* CG_CATEGORY_H */
