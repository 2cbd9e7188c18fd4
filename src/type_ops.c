/*
 * type_ops.c
 *		Comparison of encrypted values by their equality tokens.
 *
 * Values of a searchable category compare by token, without any key.  The
 * order is that of the tokens, which means nothing to a reader but is total,
 * so that btree indexes, merge joins, UNIQUE and DISTINCT work.  Values of a
 * random category do not compare at all.
 *
 * A literal arrives as "unclassified".  The planner (plan_search.c) turns it
 * into a value of the column's category beforehand; where that did not
 * happen, it is converted here, once per scan, and the right to search is
 * asked for.
 *
 * Rights: an operator that a query spells out asks for the right to search.
 * Support functions do not: they also serve index maintenance and foreign
 * keys, which must work for whoever may write the row.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/sortsupport.h"

#include "compat.h"

#include "access.h"
#include "bytes.h"
#include "cipguard.h"
#include "display.h"
#include "keyring.h"
#include "key_provider.h"
#include "reading.h"
#include "type_order.h"
#include "value.h"

/* The part of a datum that comparison looks at. */
typedef struct CgHead
{
	uint8		type;
	int32		category;
	uint16		token_version;
	const uint8 *token;			/* NULL: not searchable */
	bool		display;		/* a mask: compared as text */
	bool		withheld;		/* one that stands beside values */
	struct varlena *datum;		/* the header and token, perhaps more */
	Datum		whole;
	uint8	   *fresh;			/* token in place of an old one, or NULL */
} CgHead;

/* In fn_extra: the last value that had to be converted, and its token. */
typedef struct CgConverted
{
	uint8		type;			/* of comparisons with plain values: */
	int16		typlen;			/* the encrypted type, and its plain type */
	bool		byval;
	int32		category;		/* -1: nothing here yet */
	uint16		token_version;
	uint8		token[CG_TOKEN_LEN];
	Size		len;
	Size		allocated;
	char		value[FLEXIBLE_ARRAY_MEMBER];
} CgConverted;

static bool compare_alike(Datum a, Datum b, int *result);
static const uint8 *shown_value(Datum value, const uint8 *p, Size *len);
static void get_head(Datum value, CgHead *head);
static void renew_head(CgHead *head);
static int	compare(FunctionCallInfo fcinfo, Datum a, Datum b);
static int	compare_heads(const CgHead *a, const CgHead *b);
static int	compare_masks(const CgHead *a, const CgHead *b);
static int	compare_plain(FunctionCallInfo fcinfo, int argno);
static void convert(FunctionCallInfo fcinfo, CgHead *head,
					const CgHead *other);
static CgConverted *new_converted(FunctionCallInfo fcinfo, Size len);
static CgConverted *remembered(FunctionCallInfo fcinfo, const CgHead *other,
							   const char *value, Size len);
static void require_rights(FunctionCallInfo fcinfo, Datum value);
static bool undecidable(Datum a, Datum b);
static void wrong_type(void);
pg_noreturn static void not_searchable(const CgHead *head);
static Datum abbreviate(Datum original, SortSupport ssup);
static bool never_abort(int memtupcount, SortSupport ssup);
static int	compare_sort(Datum a, Datum b, SortSupport ssup);

/*
 * The comparison that indexes and joins make: of values at hand, of one
 * category, suite and token version, which is in use.  False: not of that
 * kind, whatever it is.  In the header only the flags, one of which says that
 * there is a token, and the version of the data key may differ.
 */
static bool
compare_alike(Datum a, Datum b, int *result)
{
	const struct varlena *va = (struct varlena *) DatumGetPointer(a);
	const struct varlena *vb = (struct varlena *) DatumGetPointer(b);
	const uint64 alike = ~((uint64) 0xFF << 40);
	const uint8 *pa;
	const uint8 *pb;

	if (VARATT_IS_EXTERNAL(va) || VARATT_IS_COMPRESSED(va) ||
		VARATT_IS_EXTERNAL(vb) || VARATT_IS_COMPRESSED(vb) ||
		VARSIZE_ANY_EXHDR(va) < CG_HEADER_LEN + CG_TOKEN_LEN ||
		VARSIZE_ANY_EXHDR(vb) < CG_HEADER_LEN + CG_TOKEN_LEN)
		return false;
	pa = (const uint8 *) VARDATA_ANY(va);
	pb = (const uint8 *) VARDATA_ANY(vb);
	if (pa[0] != CG_MAGIC ||
		(pa[2] & pb[2] & CG_FLAG_SEARCHABLE) == 0 ||
		((pa[2] | pb[2]) & CG_FLAG_DISPLAY) != 0 ||
		((cg_get_u64(pa) ^ cg_get_u64(pb)) & alike) != 0 ||
		cg_get_u16(pa + 10) != cg_get_u16(pb + 10) ||
		cg_token_is_old((int32) cg_get_u32(pa + 4), pa[1],
						cg_get_u16(pa + 10)))
		return false;
	*result = memcmp(pa + CG_HEADER_LEN, pb + CG_HEADER_LEN, CG_TOKEN_LEN);
	return true;
}

/*
 * A display datum that prints as plaintext compares as the value in it, if
 * that has a token.
 */
static const uint8 *
shown_value(Datum value, const uint8 *p, Size *len)
{
	struct varlena *real;

	if (p[1] != CG_DISPLAY_PLAIN)
		return p;
	real = cg_display_value(PG_DETOAST_DATUM_PACKED(value));
	if (real == NULL ||
		(((const uint8 *) VARDATA(real))[2] & CG_FLAG_SEARCHABLE) == 0)
		return p;
	*len = VARSIZE(real) - VARHDRSZ;
	return (const uint8 *) VARDATA(real);
}

/* Large values are toasted; their head is fetched without the rest. */
static void
get_head(Datum value, CgHead *head)
{
	struct varlena *datum = (struct varlena *) DatumGetPointer(value);
	const uint8 *p;
	Size		len;

	if (VARATT_IS_EXTERNAL(datum) || VARATT_IS_COMPRESSED(datum))
		datum = pg_detoast_datum_slice(datum, 0,
									   CG_HEADER_LEN + CG_TOKEN_LEN);
	p = (const uint8 *) VARDATA_ANY(datum);
	len = VARSIZE_ANY_EXHDR(datum);
	if (len >= CG_HEADER_LEN && p[0] == CG_MAGIC && cg_is_display(datum))
		p = shown_value(value, p, &len);
	if (len < CG_HEADER_LEN || p[0] != CG_MAGIC ||
		((p[2] & CG_FLAG_SEARCHABLE) && len < CG_HEADER_LEN + CG_TOKEN_LEN))
		ereport(ERROR,
				(errcode(CG_ERRCODE_NOT_AUTHENTIC),
				 errmsg("encrypted value is damaged"),
				 errhint("Restore the row from a backup.")));
	head->type = p[3];
	head->category = (int32) cg_get_u32(p + 4);
	head->token_version = cg_get_u16(p + 10);
	head->token = (p[2] & CG_FLAG_SEARCHABLE) ? p + CG_HEADER_LEN : NULL;
	head->display = (p[2] & CG_FLAG_DISPLAY) != 0;
	head->withheld = head->display && p[1] >= CG_DISPLAY_WITHHELD;
	head->datum = datum;
	head->whole = value;
	head->fresh = NULL;
	if (head->token != NULL &&
		cg_token_is_old(head->category, p[1], head->token_version))
		renew_head(head);
}

/*
 * A rotation of the token key replaces the values of all tables.  One that was
 * somewhere else meanwhile (in a variable, an application, a temporary table)
 * compares as if it had been replaced, too.
 */
static void
renew_head(CgHead *head)
{
	struct varlena *whole = PG_DETOAST_DATUM_PACKED(head->whole);
	uint8		token[CG_TOKEN_LEN];
	CgEnvelope	env;

	if (cg_is_display(whole))
		whole = cg_display_value(whole);
	cg_parse(whole, &env);
	if (cg_fresh_token(&env, &head->token_version, token))
	{
		head->fresh = palloc(CG_TOKEN_LEN);
		memcpy(head->fresh, token, CG_TOKEN_LEN);
		head->token = head->fresh;
	}
	if ((Pointer) whole != DatumGetPointer(head->whole))
		pfree(whole);
}

static void
free_head(CgHead *head)
{
	if ((Pointer) head->datum != DatumGetPointer(head->whole))
		pfree(head->datum);
	if (head->fresh != NULL)
		pfree(head->fresh);
}

static int
compare(FunctionCallInfo fcinfo, Datum a, Datum b)
{
	CgHead		ha;
	CgHead		hb;
	int			result;

	if (compare_alike(a, b, &result))
		return result;
	get_head(a, &ha);
	get_head(b, &hb);
	if (ha.withheld != hb.withheld)
		return ha.withheld ? 1 : -1;
	if (ha.display && hb.display)
		return compare_masks(&ha, &hb);
	if (ha.token == NULL || hb.token == NULL)
	{
		if (ha.type != hb.type)
			wrong_type();
		if (ha.token != NULL && hb.category == cg_category_unclassified())
			convert(fcinfo, &hb, &ha);
		else if (hb.token != NULL &&
				 ha.category == cg_category_unclassified())
			convert(fcinfo, &ha, &hb);
		else if (ha.token == NULL && hb.token == NULL && !ha.display &&
				 !hb.display && !cg_is_spelled_out(fcinfo) &&
				 cg_enc_type(ha.type)->ordered)
		{
			/*
			 * Sorted by value (type_order.c): who are peers?  Arrays, ranges
			 * and list partitions come here, too.
			 */
			cg_require_read(ha.category);
			cg_require_read(hb.category);
			return cg_order_values(a, b);
		}
		else
			not_searchable(ha.token == NULL ? &ha : &hb);
	}
	result = compare_heads(&ha, &hb);
	free_head(&ha);
	free_head(&hb);
	return result;
}

/* Who sees masks groups and compares masks; a mask is never toasted. */
static int
compare_masks(const CgHead *a, const CgHead *b)
{
	Size		alen;
	Size		blen;
	const char *atext = cg_display_text(a->datum, &alen);
	const char *btext = cg_display_text(b->datum, &blen);
	int			result = memcmp(atext, btext, Min(alen, blen));

	return result != 0 ? result : alen < blen ? -1 : alen > blen ? 1 : 0;
}

static int
compare_heads(const CgHead *a, const CgHead *b)
{
	int			result;

	Assert(a->token != NULL && b->token != NULL);
	if (a->type != b->type)
		wrong_type();
	if (a->category != b->category &&
		cg_category_domain(a->category) != cg_category_domain(b->category))
		ereport(ERROR,
				(errcode(CG_ERRCODE_NOT_COMPARABLE),
				 errmsg("values of different categories cannot be compared"),
				 errhint("Categories that share a token domain can.")));
	result = memcmp(a->token, b->token, CG_TOKEN_LEN);
	if (result == 0 && a->token_version != b->token_version)
		result = a->token_version < b->token_version ? -1 : 1;
	return result;
}

/* Argument argno, encrypted, with the other one, of its plain type. */
static int
compare_plain(FunctionCallInfo fcinfo, int argno)
{
	CgConverted *c = fcinfo->flinfo->fn_extra;
	Datum		plain = fcinfo->args[1 - argno].value;
	const char *value;
	Size		len;
	CgHead		head;
	int			result;

	if (c == NULL)
	{
		/* Of the declaration: a value may lie about its type. */
		const CgEncType *type = cg_called_type(fcinfo, argno);

		fcinfo->flinfo->fn_extra = NULL;
		c = new_converted(fcinfo, 0);
		c->type = type->tag;
		get_typlenbyval(type->plain, &c->typlen, &c->byval);
	}
	get_head(fcinfo->args[argno].value, &head);
	if (head.type != c->type)
		wrong_type();
	if (head.withheld)
		return 1;
	if (head.token == NULL)
		not_searchable(&head);

	if (c->byval)
	{
		value = (const char *) &plain;
		len = sizeof(plain);
	}
	else if (c->typlen > 0)
	{
		value = DatumGetPointer(plain);
		len = c->typlen;
	}
	else
	{
		struct varlena *v = PG_DETOAST_DATUM_PACKED(plain);

		plain = PointerGetDatum(v);
		value = VARDATA_ANY(v);
		len = VARSIZE_ANY_EXHDR(v);
	}

	c = remembered(fcinfo, &head, value, len);
	if (c->category < 0)
	{
		CgPlain		stored;

		cg_plain_store(c->type, plain, &stored);
		cg_plain_token(cg_category_by_id(head.category, false),
					   head.token_version, &stored, c->token);
		c->category = head.category;
	}
	result = memcmp(head.token, c->token, CG_TOKEN_LEN);
	free_head(&head);
	return result;
}

/* Give an unclassified value the token it would have beside the other. */
static void
convert(FunctionCallInfo fcinfo, CgHead *head, const CgHead *other)
{
	struct varlena *whole = PG_DETOAST_DATUM_PACKED(head->whole);
	CgConverted *c;

	c = remembered(fcinfo, other, VARDATA_ANY(whole),
				   VARSIZE_ANY_EXHDR(whole));
	if (c->category < 0)
	{
		CgEnvelope	env;
		CgPlain		plain;

		cg_parse(whole, &env);
		plain.type = env.type;
		plain.stored = cg_open_stored(&env, &plain.len);
		cg_plain_token(cg_category_by_id(other->category, false),
					   other->token_version, &plain, c->token);
		explicit_bzero(unconstify(char *, plain.stored), plain.len);
		pfree(unconstify(char *, plain.stored));
		c->category = other->category;
	}
	if ((Pointer) whole != DatumGetPointer(head->whole))
		pfree(whole);
	head->category = other->category;
	head->token_version = other->token_version;
	head->token = c->token;
}

static CgConverted *
new_converted(FunctionCallInfo fcinfo, Size len)
{
	Size		allocated = Max(len, 64);
	CgConverted *c;

	c = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt,
							   add_size(offsetof(CgConverted, value),
										allocated));
	c->category = -1;
	c->allocated = allocated;
	fcinfo->flinfo->fn_extra = c;
	return c;
}

/*
 * The conversion of a value for comparison with the other, from the call
 * before if it was of the same bytes; else a fresh one of category -1, whose
 * token the caller computes.
 */
static CgConverted *
remembered(FunctionCallInfo fcinfo, const CgHead *other, const char *value,
		   Size len)
{
	CgConverted *c = fcinfo->flinfo->fn_extra;

	if (c != NULL && c->category == other->category &&
		c->token_version == other->token_version && c->len == len &&
		memcmp(c->value, value, len) == 0)
		return c;

	cg_require_search(other->category);
	if (c == NULL)
		c = new_converted(fcinfo, len);
	else if (c->allocated < len)
	{
		CgConverted *old = c;

		fcinfo->flinfo->fn_extra = NULL;
		c = new_converted(fcinfo, len);
		c->type = old->type;
		c->typlen = old->typlen;
		c->byval = old->byval;
		pfree(old);
	}
	c->category = -1;
	c->token_version = other->token_version;
	c->len = len;
	memcpy(c->value, value, len);
	return c;
}

static void
wrong_type(void)
{
	ereport(ERROR,
			(errcode(CG_ERRCODE_NOT_AUTHENTIC),
			 errmsg("encrypted value is not of the type of its column"),
			 errhint("Restore the row from a backup.")));
}

/*
 * Only calls that a query spells out carry an expression: index scans,
 * grouping and the foreign-key triggers do not.  The queries of a foreign key
 * run as the table's owner and do spell it out; they are told by their
 * security context.
 */
static void
require_rights(FunctionCallInfo fcinfo, Datum value)
{
	CgHead		head;

	if (fcinfo->flinfo == NULL || fcinfo->flinfo->fn_expr == NULL ||
		InNoForceRLSOperation())
		return;
	get_head(value, &head);
	if (head.token != NULL)
		cg_require_search(head.category);
	free_head(&head);
}

/*
 * A CHECK constraint that compares with a literal needs keys, which may
 * arrive after the rows while a dump is restored.  Then nobody knows yet: the
 * operators give null, which a CHECK lets pass.
 */
static bool
undecidable(Datum a, Datum b)
{
	CgHead		ha;
	CgHead		hb;
	bool		result = false;

	if (check_function_bodies || !superuser())
		return false;
	get_head(a, &ha);
	get_head(b, &hb);
	if ((ha.token == NULL) != (hb.token == NULL))
	{
		const CgHead *known = ha.token != NULL ? &ha : &hb;
		const CgHead *literal = ha.token != NULL ? &hb : &ha;
		const uint8 *p = (const uint8 *) VARDATA_ANY(literal->datum);
		const CgCategory *c = cg_category_by_id(known->category, true);

		result = c == NULL || !cg_kek_reachable();
		if (!result)
		{
			int			suite = c->suite;
			int32		domain = c->domain;

			cg_keyring_refresh();
			result = cg_keyring_token(domain, known->token_version, suite,
									  true) == NULL ||
				cg_keyring_cipher(literal->category, cg_get_u16(p + 8), p[1],
								  true) == NULL;
		}
	}
	free_head(&ha);
	free_head(&hb);
	return result;
}

static void
not_searchable(const CgHead *head)
{
	const CgCategory *c = cg_category_by_id(head->category, true);

	if (head->display)
	{
		cg_require_search(head->category);
		ereport(ERROR,
				(errcode(CG_ERRCODE_NOT_COMPARABLE),
				 errmsg("a mask and a value cannot be compared"),
				 errhint("Compare the column itself, not an expression of it.")));
	}
	ereport(ERROR,
			(errcode(CG_ERRCODE_NOT_COMPARABLE),
			 errmsg("values of category \"%s\" cannot be compared",
					c ? NameStr(c->name) : "?"),
			 errdetail("Equal values of this category have different ciphertexts."),
			 head->category == cg_category_unclassified() ?
			 errhint("Say what it is, for example: %s",
					 "'...'::cipguard.enc_text('mobile')") :
			 errhint("Use a searchable category, see %s.",
					 "cipguard.category")));
}

/* enc_eq(enc, enc) RETURNS boolean */
PG_FUNCTION_INFO_V1(cipguard_enc_eq);
Datum
cipguard_enc_eq(PG_FUNCTION_ARGS)
{
	Datum		a = PG_GETARG_DATUM(0);
	Datum		b = PG_GETARG_DATUM(1);

	if (undecidable(a, b))
		PG_RETURN_NULL();
	require_rights(fcinfo, a);
	require_rights(fcinfo, b);
	PG_RETURN_BOOL(compare(fcinfo, a, b) == 0);
}

/* enc_ne(enc, enc) RETURNS boolean */
PG_FUNCTION_INFO_V1(cipguard_enc_ne);
Datum
cipguard_enc_ne(PG_FUNCTION_ARGS)
{
	Datum		a = PG_GETARG_DATUM(0);
	Datum		b = PG_GETARG_DATUM(1);

	if (undecidable(a, b))
		PG_RETURN_NULL();
	require_rights(fcinfo, a);
	require_rights(fcinfo, b);
	PG_RETURN_BOOL(compare(fcinfo, a, b) != 0);
}

/* enc_eq(enc, plain) RETURNS boolean */
PG_FUNCTION_INFO_V1(cipguard_enc_eq_plain);
Datum
cipguard_enc_eq_plain(PG_FUNCTION_ARGS)
{
	require_rights(fcinfo, PG_GETARG_DATUM(0));
	PG_RETURN_BOOL(compare_plain(fcinfo, 0) == 0);
}

/* enc_ne(enc, plain) RETURNS boolean */
PG_FUNCTION_INFO_V1(cipguard_enc_ne_plain);
Datum
cipguard_enc_ne_plain(PG_FUNCTION_ARGS)
{
	require_rights(fcinfo, PG_GETARG_DATUM(0));
	PG_RETURN_BOOL(compare_plain(fcinfo, 0) != 0);
}

/* enc_eq(plain, enc) RETURNS boolean */
PG_FUNCTION_INFO_V1(cipguard_plain_eq_enc);
Datum
cipguard_plain_eq_enc(PG_FUNCTION_ARGS)
{
	require_rights(fcinfo, PG_GETARG_DATUM(1));
	PG_RETURN_BOOL(compare_plain(fcinfo, 1) == 0);
}

/* enc_ne(plain, enc) RETURNS boolean */
PG_FUNCTION_INFO_V1(cipguard_plain_ne_enc);
Datum
cipguard_plain_ne_enc(PG_FUNCTION_ARGS)
{
	require_rights(fcinfo, PG_GETARG_DATUM(1));
	PG_RETURN_BOOL(compare_plain(fcinfo, 1) != 0);
}

/* The four operators that a btree needs, in token order: #<# #<=# #>=# #># */

/* enc_lt(enc, enc) RETURNS boolean */
PG_FUNCTION_INFO_V1(cipguard_enc_lt);
Datum
cipguard_enc_lt(PG_FUNCTION_ARGS)
{
	require_rights(fcinfo, PG_GETARG_DATUM(0));
	PG_RETURN_BOOL(compare(fcinfo, PG_GETARG_DATUM(0),
						   PG_GETARG_DATUM(1)) < 0);
}

/* enc_le(enc, enc) RETURNS boolean */
PG_FUNCTION_INFO_V1(cipguard_enc_le);
Datum
cipguard_enc_le(PG_FUNCTION_ARGS)
{
	require_rights(fcinfo, PG_GETARG_DATUM(0));
	PG_RETURN_BOOL(compare(fcinfo, PG_GETARG_DATUM(0),
						   PG_GETARG_DATUM(1)) <= 0);
}

/* enc_ge(enc, enc) RETURNS boolean */
PG_FUNCTION_INFO_V1(cipguard_enc_ge);
Datum
cipguard_enc_ge(PG_FUNCTION_ARGS)
{
	require_rights(fcinfo, PG_GETARG_DATUM(0));
	PG_RETURN_BOOL(compare(fcinfo, PG_GETARG_DATUM(0),
						   PG_GETARG_DATUM(1)) >= 0);
}

/* enc_gt(enc, enc) RETURNS boolean */
PG_FUNCTION_INFO_V1(cipguard_enc_gt);
Datum
cipguard_enc_gt(PG_FUNCTION_ARGS)
{
	require_rights(fcinfo, PG_GETARG_DATUM(0));
	PG_RETURN_BOOL(compare(fcinfo, PG_GETARG_DATUM(0),
						   PG_GETARG_DATUM(1)) > 0);
}

/* enc_cmp(enc, enc) RETURNS int4; btree support 1 */
PG_FUNCTION_INFO_V1(cipguard_enc_cmp);
Datum
cipguard_enc_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(compare(fcinfo, PG_GETARG_DATUM(0),
							PG_GETARG_DATUM(1)));
}

/* enc_hash(enc) RETURNS int4; hash support 1 */
PG_FUNCTION_INFO_V1(cipguard_enc_hash);
Datum
cipguard_enc_hash(PG_FUNCTION_ARGS)
{
	CgHead		head;

	get_head(PG_GETARG_DATUM(0), &head);
	if (head.display)
	{
		Size		len;
		const char *text = cg_display_text(head.datum, &len);

		PG_RETURN_DATUM(hash_any((const unsigned char *) text, len));
	}
	if (head.token == NULL)
		not_searchable(&head);
	PG_RETURN_DATUM(hash_any(head.token, CG_TOKEN_LEN));
}

/* enc_hash_extended(enc, int8) RETURNS int8; hash support 2 */
PG_FUNCTION_INFO_V1(cipguard_enc_hash_extended);
Datum
cipguard_enc_hash_extended(PG_FUNCTION_ARGS)
{
	CgHead		head;

	get_head(PG_GETARG_DATUM(0), &head);
	if (head.display)
	{
		Size		len;
		const char *text = cg_display_text(head.datum, &len);

		PG_RETURN_DATUM(hash_any_extended((const unsigned char *) text, len,
										  PG_GETARG_INT64(1)));
	}
	if (head.token == NULL)
		not_searchable(&head);
	PG_RETURN_DATUM(hash_any_extended(head.token, CG_TOKEN_LEN,
									  PG_GETARG_INT64(1)));
}

/* enc_text_sortsupport(internal) RETURNS void; btree support 2 */
PG_FUNCTION_INFO_V1(cipguard_enc_sortsupport);
Datum
cipguard_enc_sortsupport(PG_FUNCTION_ARGS)
{
	SortSupport ssup = (SortSupport) PG_GETARG_POINTER(0);

	ssup->comparator = compare_sort;
#if SIZEOF_DATUM >= 8
	if (ssup->abbreviate)
	{
		/* Eight bytes of a MAC tell almost every pair apart. */
		ssup->abbrev_full_comparator = compare_sort;
		ssup->comparator = ssup_datum_unsigned_cmp;
		ssup->abbrev_converter = abbreviate;
		ssup->abbrev_abort = never_abort;
	}
#endif
	PG_RETURN_VOID();
}

static Datum
abbreviate(Datum original, SortSupport ssup)
{
	CgHead		head;
	uint64		key = 0;

	get_head(original, &head);
	if (head.withheld)
		key = PG_UINT64_MAX;
	else if (head.display)
	{
		uint8		start[sizeof(key)] = {0};
		Size		len;
		const char *text = cg_display_text(head.datum, &len);

		memcpy(start, text, Min(len, sizeof(start)));
		key = cg_get_u64(start);
	}
	else if (head.token == NULL)
		not_searchable(&head);
	else
		key = cg_get_u64(head.token);
	free_head(&head);
	return UInt64GetDatum(key);
}

static bool
never_abort(int memtupcount, SortSupport ssup)
{
	return false;
}

static int
compare_sort(Datum a, Datum b, SortSupport ssup)
{
	CgHead		ha;
	CgHead		hb;
	int			result;

	if (compare_alike(a, b, &result))
		return result;
	get_head(a, &ha);
	get_head(b, &hb);
	if (ha.withheld != hb.withheld)
		result = ha.withheld ? 1 : -1;
	else if (ha.display && hb.display)
		result = compare_masks(&ha, &hb);
	else
	{
		if (ha.token == NULL || hb.token == NULL)
			not_searchable(ha.token == NULL ? &ha : &hb);
		result = compare_heads(&ha, &hb);
	}
	free_head(&ha);
	free_head(&hb);
	return result;
}
