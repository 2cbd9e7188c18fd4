/*
 * pseudonym.c
 *		Pseudonyms: what stands for a value where only sameness counts.
 *
 * A pseudonym is a MAC of the normal form of a value under the token key of
 * the category's domain, so equal values of one domain have equal pseudonyms,
 * in every table and database that has the key.  It is computed under a type
 * byte of its own and therefore tells nothing about equality tokens, which
 * are part of every searchable value that is encrypted.
 *
 * Whoever can compute pseudonyms can compute those of guesses, and all mobile
 * numbers are few enough to guess.  So this takes the right to compare values
 * of the category, which allows as much; whoever is merely shown pseudonyms
 * learns which rows are of one person, and how many there are.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "compat.h"

#include "access.h"
#include "armor.h"
#include "bytes.h"
#include "cipguard.h"
#include "crypt.h"
#include "display.h"
#include "enc_type.h"
#include "encoding.h"
#include "envelope.h"
#include "keyring.h"
#include "mask_enc.h"
#include "normal.h"
#include "subject_key.h"
#include "value.h"

#define PREFIX		"p_"
#define CODED_LEN	(CG_ARMOR_LEN(CG_TOKEN_LEN) - CG_ARMOR_PREFIX_LEN)

static CgCategory require_pseudonyms(int32 category);
static text * pseudonym_text(int32 category, const char *plain, Size len);
static text * pseudonym(const CgCategory *c, const char *canon, Size len);

/* For whoever may compare, and of what compares. */
static CgCategory
require_pseudonyms(int32 category)
{
	CgCategory	c;

	cg_require_search(category);
	c = *cg_category_by_id(category, false);
	if (!c.searchable)
		ereport(ERROR,
				(errcode(CG_ERRCODE_NOT_COMPARABLE),
				 errmsg("values of category \"%s\" have no pseudonyms, since they do not compare",
						NameStr(c.name)),
				 errhint("Use a category whose mode is \"%s\".",
						 "searchable")));

	cg_plain_at = GetCurrentTransactionStartTimestamp();
	return c;
}

/* Of text in the server's encoding. */
static text *
pseudonym_text(int32 category, const char *plain, Size len)
{
	CgCategory	c = require_pseudonyms(category);
	const char *utf8 = cg_to_utf8(plain, &len);
	char	   *canon = palloc(len + 1);
	Size		canon_len = cg_normalize(c.normalizer, utf8, len, canon);
	text	   *result = pseudonym(&c, canon, canon_len);

	explicit_bzero(canon, len);
	return result;
}

static text *
pseudonym(const CgCategory *c, const char *canon, Size len)
{
	uint16		version = cg_keyring_current(CG_KEY_KIND_TOKEN, c->domain);
	uint8		mac[CG_TOKEN_LEN];
	char		coded[CG_ARMOR_LEN(CG_TOKEN_LEN)];
	StringInfoData result;
	CgStatus	status;

	status = cg_token_make(cg_keyring_token(c->domain, version, c->suite,
											false),
						   CG_TYPE_PSEUDONYM, (const uint8 *) canon, len,
						   mac);
	if (status != CG_OK)
		elog(ERROR, "could not compute a pseudonym: status %d", status);

	cg_armor_encode(mac, sizeof(mac), coded);
	initStringInfo(&result);
	appendStringInfoString(&result, PREFIX);
	appendBinaryStringInfo(&result, coded + CG_ARMOR_PREFIX_LEN, CODED_LEN);
	return cstring_to_text_with_len(result.data, result.len);
}

/* pseudonym(value text, category text) RETURNS text */
PG_FUNCTION_INFO_V1(cipguard_pseudonym_text);
Datum
cipguard_pseudonym_text(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	const CgCategory *c;

	c = cg_category_by_name(text_to_cstring(PG_GETARG_TEXT_PP(1)), false);
	if (cg_is_armor(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)))
		ereport(ERROR,
				(errcode(CG_ERRCODE_MALFORMED_ARMOR),
				 errmsg("text that begins with \"%s\" has no pseudonym",
						CG_ARMOR_PREFIX),
				 errhint("Pass the encrypted value itself to %s.",
						 "cipguard.pseudonym(value)")));
	PG_RETURN_TEXT_P(pseudonym_text(c->id, VARDATA_ANY(value),
									VARSIZE_ANY_EXHDR(value)));
}

/*
 * pseudonym(value enc_X) RETURNS text
 *
 * Of text the same as of plain text; of other types the type counts, too.
 */
PG_FUNCTION_INFO_V1(cipguard_pseudonym_enc);
Datum
cipguard_pseudonym_enc(PG_FUNCTION_ARGS)
{
	struct varlena *datum = PG_GETARG_VARLENA_PP(0);
	CgEnvelope	env;
	Datum		value;
	text	   *result;

	if (cg_is_display(datum))
	{
		struct varlena *inner = cg_display_value(datum);

		if (inner == NULL && cg_is_withheld(datum))
			PG_RETURN_NULL();
		/* Whoever sees masks may not compare. */
		if (inner == NULL)
		{
			cg_require_search((int32) cg_get_u32((const uint8 *)
												 VARDATA_ANY(datum) + 4));
			cg_refuse_mask(datum);
		}
		datum = inner;
	}
	cg_parse(datum, &env);
	cg_require_search((int32) env.category);
	if (cg_is_destroyed(&env))
		PG_RETURN_NULL();
	value = cg_plain_value(&env);
	if (env.type == CG_TYPE_TEXT)
		result = pseudonym_text((int32) env.category,
								VARDATA_ANY(DatumGetPointer(value)),
								VARSIZE_ANY_EXHDR(DatumGetPointer(value)));
	else
	{
		CgCategory	c = require_pseudonyms((int32) env.category);
		Size		len;
		const char *plain = cg_plain_canon(env.type, value, &len);
		StringInfoData canon;

		initStringInfo(&canon);
		appendStringInfoChar(&canon, (char) env.type);
		appendBinaryStringInfo(&canon, plain, len);
		result = pseudonym(&c, canon.data, canon.len);
		explicit_bzero(canon.data, canon.len);
	}
	cg_wipe_plain(env.type, value);
	PG_RETURN_TEXT_P(result);
}
