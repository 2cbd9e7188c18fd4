/*
 * renew.c
 *		Encrypted values wherever a type holds them: as themselves, in domains,
 *		arrays, ranges and composite types.
 *
 * Text that holds the armor of a value (json, hstore, a plain column) is not
 * known for what it is, and not looked into.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/rangetypes.h"
#include "utils/multirangetypes.h"
#include "utils/typcache.h"

#include "compat.h"

#include "bytes.h"
#include "category.h"
#include "crypt.h"
#include "display.h"
#include "keyring.h"
#include "label.h"
#include "renew.h"
#include "subject_key.h"
#include "type_order.h"

#define NO_DOMAIN	(-1)		/* domains are not negative */

typedef enum CgHolderKind
{
	VALUE,
	ARRAY,
	RANGE,
	MULTIRANGE,
	COMPOSITE
} CgHolderKind;

/* What counts as stale, and how much of it there is. */
typedef struct CgStale
{
	int32		domain;			/* whose token key is rotated, or NO_DOMAIN */
	int64		n;
} CgStale;

struct CgHolder
{
	CgHolderKind kind;
	Oid			typid;
	CgHolder   *inner;			/* of elements and bounds */
	int16		typlen;			/* of elements */
	bool		typbyval;
	char		typalign;
	int			natts;			/* of a composite type */
	CgHolder  **attributes;		/* each can be NULL */
};

#define HEAD_LEN	(CG_HEADER_LEN + CG_TOKEN_LEN + CG_SUBJECT_LEN)

static bool read_head(Datum value, CgHead *head);
static bool is_stale(const CgHead *head, int32 domain);
static bool has_old_token(const CgHead *head, int32 domain);
static void note_stale(const CgHead *head, void *arg);
static int64 count_stale(const CgHolder *holder, Datum value, int32 domain);
static Datum renew(const CgHolder *holder, Datum value, int32 domain);
static Datum renew_value(Datum value);
static Datum renew_array(const CgHolder *holder, Datum value, int32 domain);
static Datum renew_composite(const CgHolder *holder, Datum value,
							 int32 domain);
static bool keeps_order(TypeCacheEntry *type, int32 domain);
static bool renew_bounds(const CgHolder *holder, RangeBound *lower,
						 RangeBound *upper, int32 domain);
static bool renew_bound(const CgHolder *holder, RangeBound *bound,
						int32 domain);
static Datum renew_range(const CgHolder *holder, Datum value, int32 domain);
static Datum renew_multirange(const CgHolder *holder, Datum value,
							  int32 domain);

CgHolder *
cg_holder(Oid typid, MemoryContext context)
{
	CgHolder   *holder;
	CgHolder   *inner = NULL;
	CgHolder  **attributes = NULL;
	CgHolderKind kind;
	int			natts = 0;
	bool		any = false;
	int			i;

	typid = getBaseType(typid);
	if (!OidIsValid(typid))		/* of a dropped column */
		return NULL;
	if (cg_is_encrypted_type(typid))
		kind = VALUE;
	else if (OidIsValid(get_element_type(typid)))
	{
		kind = ARRAY;
		inner = cg_holder(get_element_type(typid), context);
	}
	else if (type_is_range(typid))
	{
		kind = RANGE;
		inner = cg_holder(get_range_subtype(typid), context);
	}
	else if (type_is_multirange(typid))
	{
		kind = MULTIRANGE;
		inner = cg_holder(get_multirange_range(typid), context);
	}
	else if (get_typtype(typid) == TYPTYPE_COMPOSITE)
	{
		TupleDesc	desc = lookup_rowtype_tupdesc_copy(typid, -1);

		kind = COMPOSITE;
		natts = desc->natts;
		attributes = MemoryContextAllocZero(context,
											sizeof(CgHolder *) * natts);
		for (i = 0; i < natts; i++)
		{
			if (TupleDescAttr(desc, i)->attisdropped)
				continue;
			attributes[i] = cg_holder(TupleDescAttr(desc, i)->atttypid,
									  context);
			any |= attributes[i] != NULL;
		}
	}
	else
		return NULL;
	if (kind != VALUE && inner == NULL && !any)
		return NULL;

	holder = MemoryContextAllocZero(context, sizeof(CgHolder));
	holder->kind = kind;
	holder->typid = typid;
	holder->inner = inner;
	holder->natts = natts;
	holder->attributes = attributes;
	if (kind == ARRAY)
		get_typlenbyvalalign(get_element_type(typid), &holder->typlen,
							 &holder->typbyval, &holder->typalign);
	return holder;
}

static bool
read_head(Datum value, CgHead *head)
{
	struct varlena *v = (struct varlena *) DatumGetPointer(value);
	bool		sliced = VARATT_IS_EXTERNAL(v) || VARATT_IS_COMPRESSED(v);
	bool		good;

	if (sliced)
		v = PG_DETOAST_DATUM_SLICE(value, 0, HEAD_LEN);
	good = cg_head_parse((const uint8 *) VARDATA_ANY(v),
						 VARSIZE_ANY_EXHDR(v), head);
	if (sliced)
		pfree(v);
	return good;
}

bool
cg_head_parse(const uint8 *data, Size len, CgHead *head)
{
	if (len < CG_HEADER_LEN || data[0] != CG_MAGIC ||
		(data[2] & CG_FLAG_DISPLAY) != 0)
		return false;
	head->suite = data[1];
	head->flags = data[2];
	head->category = cg_get_u32(data + 4);
	head->dek_version = cg_get_u16(data + 8);
	head->token_version = cg_get_u16(data + 10);
	head->subject = 0;
	if ((head->flags & CG_FLAG_SUBJECT) != 0)
	{
		Size		at = CG_HEADER_LEN;

		if ((head->flags & CG_FLAG_SEARCHABLE) != 0)
			at += CG_TOKEN_LEN;
		if (len < at + CG_SUBJECT_LEN)
			return false;
		head->subject = cg_get_u64(data + at);
	}
	return true;
}

void
cg_holder_visit(const CgHolder *holder, Datum value, CgVisitor visitor,
				void *arg)
{
	CgHead		head;
	int			i;

	switch (holder->kind)
	{
		case VALUE:
			if (read_head(value, &head))
				visitor(&head, arg);
			break;

		case ARRAY:
			{
				ArrayType  *array = DatumGetArrayTypeP(value);
				ArrayIterator iterator = array_create_iterator(array, 0, NULL);
				Datum		element;
				bool		isnull;

				while (array_iterate(iterator, &element, &isnull))
					if (!isnull)
						cg_holder_visit(holder->inner, element, visitor, arg);
				array_free_iterator(iterator);
				if ((Pointer) array != DatumGetPointer(value))
					pfree(array);
				break;
			}

		case RANGE:
			{
				TypeCacheEntry *type = lookup_type_cache(holder->typid,
														 TYPECACHE_RANGE_INFO);
				RangeBound	lower;
				RangeBound	upper;
				bool		empty;

				range_deserialize(type, DatumGetRangeTypeP(value), &lower,
								  &upper, &empty);
				if (!empty && !lower.infinite)
					cg_holder_visit(holder->inner, lower.val, visitor, arg);
				if (!empty && !upper.infinite)
					cg_holder_visit(holder->inner, upper.val, visitor, arg);
				break;
			}

		case MULTIRANGE:
			{
				TypeCacheEntry *type = lookup_type_cache(holder->inner->typid,
														 TYPECACHE_RANGE_INFO);
				RangeType **ranges;
				int32		count;

				multirange_deserialize(type, DatumGetMultirangeTypeP(value),
									   &count, &ranges);
				for (i = 0; i < count; i++)
					cg_holder_visit(holder->inner,
									RangeTypePGetDatum(ranges[i]), visitor,
									arg);
				break;
			}

		case COMPOSITE:
			{
				HeapTupleHeader row = DatumGetHeapTupleHeader(value);

				for (i = 0; i < holder->natts; i++)
				{
					bool		isnull;
					Datum		field;

					if (holder->attributes[i] == NULL)
						continue;
					field = GetAttributeByNum(row, i + 1, &isnull);
					if (!isnull)
						cg_holder_visit(holder->attributes[i], field, visitor,
										arg);
				}
				break;
			}
	}
}

static bool
has_old_token(const CgHead *head, int32 domain)
{
	const CgCategory *c = cg_category_by_id((int32) head->category, true);

	return c != NULL && c->searchable && c->domain == domain &&
		(head->flags & CG_FLAG_SEARCHABLE) != 0 &&
		cg_token_is_old(c->id, head->suite, head->token_version);
}

static bool
is_stale(const CgHead *head, int32 domain)
{
	const CgCategory *c = cg_category_by_id((int32) head->category, true);

	if (domain != NO_DOMAIN)
		return has_old_token(head, domain);
	if (c == NULL)
		return false;
	if ((head->flags & CG_FLAG_SEARCHABLE) != 0)
	{
		if (!c->searchable || head->suite != c->suite ||
			head->token_version != cg_keyring_current(CG_KEY_KIND_TOKEN,
													  c->domain))
			return false;
	}
	else if (c->searchable)
		return false;
	else if (head->suite != c->suite)
		return head->subject == 0 || !cg_subject_destroyed(head->subject);

	/* Its data key is that of a person. */
	if ((head->flags & CG_FLAG_SUBJECT) != 0)
		return false;
	return head->dek_version != cg_keyring_current(CG_KEY_KIND_DATA, c->id);
}

static void
note_stale(const CgHead *head, void *arg)
{
	CgStale    *stale = arg;

	if (is_stale(head, stale->domain))
		stale->n++;
}

static int64
count_stale(const CgHolder *holder, Datum value, int32 domain)
{
	CgStale		stale = {.domain = domain};

	cg_holder_visit(holder, value, note_stale, &stale);
	return stale.n;
}

int64
cg_holder_stale(const CgHolder *holder, Datum value)
{
	return count_stale(holder, value, NO_DOMAIN);
}

int64
cg_holder_old_tokens(const CgHolder *holder, Datum value, int32 domain)
{
	return count_stale(holder, value, domain);
}

Datum
cg_holder_renew(const CgHolder *holder, Datum value)
{
	return renew(holder, value, NO_DOMAIN);
}

Datum
cg_holder_renew_tokens(const CgHolder *holder, Datum value, int32 domain)
{
	return renew(holder, value, domain);
}

static Datum
renew(const CgHolder *holder, Datum value, int32 domain)
{
	if (count_stale(holder, value, domain) == 0)
		return value;
	switch (holder->kind)
	{
		case VALUE:
			return renew_value(value);
		case ARRAY:
			return renew_array(holder, value, domain);
		case RANGE:
			return renew_range(holder, value, domain);
		case MULTIRANGE:
			return renew_multirange(holder, value, domain);
		case COMPOSITE:
			return renew_composite(holder, value, domain);
	}
	elog(ERROR, "unrecognized kind of holder: %d", (int) holder->kind);
}

static Datum
renew_value(Datum value)
{
	struct varlena *old = PG_DETOAST_DATUM_PACKED(value);
	struct varlena *result;
	CgEnvelope	env;
	char	   *stored;
	Size		len;

	cg_parse(old, &env);
	if (cg_is_destroyed(&env))
		return value;
	stored = cg_open_stored(&env, &len);
	result = cg_seal_stored(cg_category_by_id((int32) env.category, false),
							env.type, stored, len, env.subject);
	explicit_bzero(stored, len);
	pfree(stored);
	if ((Pointer) old != DatumGetPointer(value))
		pfree(old);
	return PointerGetDatum(result);
}

static Datum
renew_array(const CgHolder *holder, Datum value, int32 domain)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	Datum	   *elements;
	bool	   *nulls;
	int			n;
	int			i;

	deconstruct_array(array, ARR_ELEMTYPE(array), holder->typlen,
					  holder->typbyval, holder->typalign, &elements, &nulls,
					  &n);
	for (i = 0; i < n; i++)
		if (!nulls[i])
			elements[i] = renew(holder->inner, elements[i], domain);
	return PointerGetDatum(construct_md_array(elements, nulls,
											  ARR_NDIM(array),
											  ARR_DIMS(array),
											  ARR_LBOUND(array),
											  ARR_ELEMTYPE(array),
											  holder->typlen,
											  holder->typbyval,
											  holder->typalign));
}

/*
 * Are bounds of this type in the order in which they were, once renewed?  New
 * data keys change no token; new tokens do not change the order of what is
 * encrypted.  Bounds in order need not be compared: that would take the right
 * to look into them, and may call functions of whoever made the type.
 */
static bool
keeps_order(TypeCacheEntry *type, int32 domain)
{
	return domain == NO_DOMAIN ||
		cg_compares_values(type->rng_cmp_proc_finfo.fn_addr);
}

/* Renew bounds where they stand.  False if one has another size then. */
static bool
renew_bounds(const CgHolder *holder, RangeBound *lower, RangeBound *upper,
			 int32 domain)
{
	return renew_bound(holder, lower, domain) &&
		renew_bound(holder, upper, domain);
}

static bool
renew_bound(const CgHolder *holder, RangeBound *bound, int32 domain)
{
	struct varlena *old = (struct varlena *) DatumGetPointer(bound->val);
	struct varlena *new;

	if (bound->infinite)
		return true;
	new = (struct varlena *) DatumGetPointer(renew(holder->inner, bound->val,
												   domain));
	if (VARSIZE_ANY_EXHDR(new) != VARSIZE_ANY_EXHDR(old))
		return false;
	memmove(VARDATA_ANY(old), VARDATA_ANY(new), VARSIZE_ANY_EXHDR(old));
	return true;
}

static Datum
renew_range(const CgHolder *holder, Datum value, int32 domain)
{
	TypeCacheEntry *type = lookup_type_cache(holder->typid,
											 TYPECACHE_RANGE_INFO);
	RangeType  *range = DatumGetRangeTypePCopy(value);
	RangeBound	lower;
	RangeBound	upper;
	bool		empty;

	range_deserialize(type, range, &lower, &upper, &empty);
	if (keeps_order(type, domain) &&
		renew_bounds(holder, &lower, &upper, domain))
		return RangeTypePGetDatum(range);
	if (!lower.infinite)
		lower.val = renew(holder->inner, lower.val, domain);
	if (!upper.infinite)
		upper.val = renew(holder->inner, upper.val, domain);
	return RangeTypePGetDatum(cg_range_serialize(type, &lower, &upper, false));
}

static Datum
renew_multirange(const CgHolder *holder, Datum value, int32 domain)
{
	TypeCacheEntry *type = lookup_type_cache(holder->inner->typid,
											 TYPECACHE_RANGE_INFO);
	MultirangeType *multirange = DatumGetMultirangeTypePCopy(value);
	bool		done = keeps_order(type, domain);
	RangeType **ranges;
	int32		count;
	int32		i;

	for (i = 0; done && i < (int32) multirange->rangeCount; i++)
	{
		RangeBound	lower;
		RangeBound	upper;

		multirange_get_bounds(type, multirange, i, &lower, &upper);
		done = renew_bounds(holder->inner, &lower, &upper, domain);
	}
	if (done)
		return MultirangeTypePGetDatum(multirange);
	multirange_deserialize(type, multirange, &count, &ranges);
	for (i = 0; i < count; i++)
		ranges[i] = DatumGetRangeTypeP(renew(holder->inner,
											 RangeTypePGetDatum(ranges[i]),
											 domain));
	return MultirangeTypePGetDatum(make_multirange(holder->typid, type, count,
												   ranges));
}

static Datum
renew_composite(const CgHolder *holder, Datum value, int32 domain)
{
	HeapTupleHeader row = DatumGetHeapTupleHeader(value);
	TupleDesc	desc = lookup_rowtype_tupdesc_copy(holder->typid, -1);
	Datum	   *values = palloc(sizeof(Datum) * desc->natts);
	bool	   *nulls = palloc(sizeof(bool) * desc->natts);
	HeapTupleData tuple;
	int			i;

	tuple.t_len = HeapTupleHeaderGetDatumLength(row);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = row;
	heap_deform_tuple(&tuple, desc, values, nulls);
	for (i = 0; i < holder->natts; i++)
		if (holder->attributes[i] != NULL && !nulls[i])
			values[i] = renew(holder->attributes[i], values[i], domain);
	return heap_copy_tuple_as_datum(heap_form_tuple(desc, values, nulls),
									desc);
}
