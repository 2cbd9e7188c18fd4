/*
 * encrypt_column.c
 *		Encrypting a plain column of a table that is in use.
 *
 * The column gets a twin of an encrypted type.  A trigger keeps the twin in
 * step, batches fill it where it is empty, and then it takes the place of the
 * plain one (sql/parts/38_encrypt_column.sql).  The batches work below the
 * executor, as reencrypt.c does and for the same reasons.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "parser/parse_coerce.h"
#include "storage/bufmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "compat.h"

#include "access.h"
#include "acting.h"
#include "armor.h"
#include "audit_store.h"
#include "cipguard.h"
#include "event.h"
#include "label.h"
#include "row_batch.h"
#include "value.h"

/* For rows that others have locked, in milliseconds. */
#define PATIENCE	20

/* Rows named of those whose value is refused. */
#define MAX_NAMED	10

/* A column and its twin. */
typedef struct CgTwins
{
	AttrNumber	plain;
	AttrNumber	twin;
	int16		typlen;			/* of the plain one */
	bool		typbyval;
	uint8		tag;			/* of the twin's type */
	int32		category;
	FmgrInfo	cast;
	FmgrInfo	output;			/* of the plain type */
} CgTwins;

/* A batch that fills the twin. */
typedef struct CgFill
{
	CgTwins		twins;
	int64		refused;		/* values that the category does not take */
	ItemPointerData tids[MAX_NAMED];	/* where the first are */
	Datum		places[MAX_NAMED];	/* these as datums */
	int			named;
} CgFill;

static void find_twins(Relation rel, const char *plain, const char *twin,
					   CgTwins *twins);
static bool is_acceptable(CgTwins *twins, Datum plain);
static Datum convert(CgTwins *twins, Datum plain);
static int64 is_empty(TupleTableSlot *row, void *arg);
static void fill_twin(TupleTableSlot *row, void *arg);
static void require_right(Oid relid, const char *attribute,
						  const char *category);

static void
find_twins(Relation rel, const char *plain, const char *twin, CgTwins *twins)
{
	TupleDesc	desc = RelationGetDescr(rel);
	Form_pg_attribute p;
	Form_pg_attribute t;
	const CgEncType *type;
	Oid			function;
	bool		varlena;

	twins->plain = get_attnum(RelationGetRelid(rel), plain);
	twins->twin = get_attnum(RelationGetRelid(rel), twin);
	if (twins->plain <= 0 || twins->twin <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" or \"%s\" of relation \"%s\" does not exist",
						plain, twin, RelationGetRelationName(rel))));
	p = TupleDescAttr(desc, twins->plain - 1);
	t = TupleDescAttr(desc, twins->twin - 1);
	twins->typlen = p->attlen;
	twins->typbyval = p->attbyval;
	twins->category = t->atttypmod;
	type = cg_enc_type_of(t->atttypid);
	if (type == NULL || twins->category < 0 ||
		find_coercion_pathway(t->atttypid, getBaseType(p->atttypid),
							  COERCION_ASSIGNMENT,
							  &function) != COERCION_PATH_FUNC)
		ereport(ERROR,
				(errcode(ERRCODE_CANNOT_COERCE),
				 errmsg("column \"%s\" cannot be encrypted", plain)));
	twins->tag = type->tag;
	fmgr_info(function, &twins->cast);
	getTypeOutputInfo(p->atttypid, &function, &varlena);
	fmgr_info(function, &twins->output);
}

/* Would the category take it? */
static bool
is_acceptable(CgTwins *twins, Datum plain)
{
	const CgCategory *c = cg_category_by_id(twins->category, false);
	char	   *text;
	bool		good;
	int			style = DateStyle;

	if (c->validator == CG_VALID_NONE && twins->tag != CG_TYPE_TEXT)
		return true;
	DateStyle = USE_ISO_DATES;
	text = OutputFunctionCall(&twins->output, plain);
	DateStyle = style;
	good = (twins->tag != CG_TYPE_TEXT ||
			!cg_is_armor(text, strlen(text))) &&
		(c->validator == CG_VALID_NONE ||
		 cg_verdict_ok(cg_judge_text(c, text, strlen(text))));
	explicit_bzero(text, strlen(text));
	pfree(text);
	return good;
}

static Datum
convert(CgTwins *twins, Datum plain)
{
	return FunctionCall3(&twins->cast, plain, Int32GetDatum(twins->category),
						 BoolGetDatum(false));
}

/* ---------- in step ---------- */

/* keep_in_step() RETURNS trigger; arguments: column, twin */
PG_FUNCTION_INFO_V1(cipguard_keep_in_step);
Datum
cipguard_keep_in_step(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	TupleDesc	desc;
	HeapTuple	old = NULL;
	HeapTuple	new;
	CgTwins		twins;
	Datum		plain;
	Datum		value = (Datum) 0;
	bool		isnull;
	bool		was_null;
	int			column;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
		trigger->tg_trigger->tgnargs != 2)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function must be called as a trigger before a row is written")));
	desc = RelationGetDescr(trigger->tg_relation);
	find_twins(trigger->tg_relation, trigger->tg_trigger->tgargs[0],
			   trigger->tg_trigger->tgargs[1], &twins);
	new = trigger->tg_trigtuple;
	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
	{
		old = trigger->tg_trigtuple;
		new = trigger->tg_newtuple;
	}
	plain = heap_getattr(new, twins.plain, desc, &isnull);
	if (old != NULL)
	{
		Datum		before = heap_getattr(old, twins.plain, desc, &was_null);

		/* What was refused when it was filled stops no other change. */
		if (isnull == was_null &&
			(isnull || datum_image_eq(before, plain, twins.typbyval,
									  twins.typlen)))
		{
			value = heap_getattr(old, twins.twin, desc, &was_null);
			if (!was_null || isnull || !is_acceptable(&twins, plain))
				isnull = was_null;
			else
				value = convert(&twins, plain);
		}
		else if (!isnull)
			value = convert(&twins, plain);
	}
	else if (!isnull)
		value = convert(&twins, plain);
	column = twins.twin;
	return PointerGetDatum(heap_modify_tuple_by_cols(new, desc, 1, &column,
													 &value, &isnull));
}

/* ---------- batches ---------- */

static int64
is_empty(TupleTableSlot *row, void *arg)
{
	CgFill	   *fill = arg;
	int			plain = fill->twins.plain - 1;

	if (row->tts_isnull[plain] || !row->tts_isnull[fill->twins.twin - 1])
		return 0;
	if (is_acceptable(&fill->twins, row->tts_values[plain]))
		return 1;
	if (fill->named < MAX_NAMED)
	{
		fill->tids[fill->named] = row->tts_tid;
		fill->places[fill->named] =
			PointerGetDatum(&fill->tids[fill->named]);
		fill->named++;
	}
	fill->refused++;
	return 0;
}

static void
fill_twin(TupleTableSlot *row, void *arg)
{
	CgTwins    *twins = &((CgFill *) arg)->twins;

	row->tts_values[twins->twin - 1] =
		convert(twins, row->tts_values[twins->plain - 1]);
	row->tts_isnull[twins->twin - 1] = false;
}

/*
 * encrypt_column_fill(relation regclass, plain name, twin name, start int8,
 *	finish int8, batch int4) RETURNS record
 *	(next int8, filled int8, skipped int8, refused int8, places tid[])
 *
 * For the extension itself; finish is -1 for all blocks there are.
 */
PG_FUNCTION_INFO_V1(cipguard_encrypt_column_fill);
Datum
cipguard_encrypt_column_fill(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	char	   *plain = NameStr(*PG_GETARG_NAME(1));
	char	   *twin = NameStr(*PG_GETARG_NAME(2));
	int64		start = PG_GETARG_INT64(3);
	int64		finish = PG_GETARG_INT64(4);
	int			rows = PG_GETARG_INT32(5);
	Relation	rel;
	CgFill		fill = {0};
	CgRowWork	work = {0};
	CgBatch		batch;
	TupleDesc	desc;
	Datum		values[5];
	bool		nulls[5] = {0};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	rel = relation_open(relid, RowExclusiveLock);
	find_twins(rel, plain, twin, &fill.twins);
	if (finish < 0)
		finish = RelationGetNumberOfBlocks(rel);
	work.natts = Max(fill.twins.plain, fill.twins.twin);
	work.columns = bms_make_singleton(fill.twins.twin);
	work.arg = &fill;
	work.wanted = is_empty;
	work.change = fill_twin;
	cg_row_batch(rel, &work, (BlockNumber) start, (BlockNumber) finish, rows,
				 PATIENCE, &batch);
	relation_close(rel, NoLock);

	values[0] = Int64GetDatum((int64) batch.next);
	values[1] = Int64GetDatum(batch.rows);
	values[2] = Int64GetDatum(batch.skipped);
	values[3] = Int64GetDatum(fill.refused);
	values[4] = PointerGetDatum(construct_array(fill.places, fill.named, TIDOID,
												sizeof(ItemPointerData),
												false, TYPALIGN_SHORT));
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values,
											 nulls));
}

/* ---------- acting ---------- */

/* A labelled column must not get to a category that one may read by that. */
static void
require_right(Oid relid, const char *attribute, const char *category)
{
	AttrNumber	attnum = get_attnum(relid, attribute);
	const CgCategory *c = attnum > 0 ? cg_column_category(relid, attnum) : NULL;
	char	   *name;

	if (c == NULL || strcmp(NameStr(c->name), category) == 0 || superuser() ||
		cg_access_level(c->id, relid) == CG_LEVEL_READ)
		return;
	name = pstrdup(NameStr(c->name));
	cg_event_refused(psprintf("moving values out of category %s", name),
					 relid);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to move values out of category \"%s\"",
					name),
			 errhint("An officer can allow it with %s.",
					 "cipguard.grant_access(..., 'read')")));
}

/*
 * encrypt_column_step(relation regclass, attribute name, category text,
 *	batch int4, step text) RETURNS text
 *
 * Call a step of it with the rights of the extension, for the table's owner.
 */
PG_FUNCTION_INFO_V1(cipguard_encrypt_column_step);
Datum
cipguard_encrypt_column_step(PG_FUNCTION_ARGS)
{
	static const char *const steps[] = {
		"begin", "fill", "check", "index", "swap", "cancel"
	};
	Oid			relid = PG_GETARG_OID(0);
	char	   *attribute = NameStr(*PG_GETARG_NAME(1));
	char	   *category = text_to_cstring(PG_GETARG_TEXT_PP(2));
	int			batch = PG_GETARG_INT32(3);
	char	   *step = text_to_cstring(PG_GETARG_TEXT_PP(4));
	char	   *relname = get_rel_name(relid);
	MemoryContext outside = CurrentMemoryContext;
	CgActing	acting;
	char	   *result = NULL;
	int			i;

	for (i = 0; i < (int) lengthof(steps); i++)
		if (strcmp(step, steps[i]) == 0)
			break;
	if (i == lengthof(steps) || relname == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no such step or table")));
	if (!cg_owns_relation(relid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER,
					   get_relkind_objtype(get_rel_relkind(relid)), relname);
	if (batch < 1 || batch > 1000000)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the size of a batch must be from 1 to 1000000 rows")));
	PreventCommandIfReadOnly("cipguard.encrypt_column()");
	if (strcmp(step, "begin") == 0)
		require_right(relid, attribute, category);

	cg_act_begin(&acting, cg_audit_owner());
	cg_act_execute("SELECT cipguard.encrypt_column_%s(%u, %s, %s, %d)", step,
				   relid, quote_literal_cstr(attribute),
				   quote_literal_cstr(category), batch);
	if (SPI_processed == 1)
		result = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (result != NULL)
		result = MemoryContextStrdup(outside, result);
	cg_act_end(&acting);
	if (strcmp(step, "swap") == 0)
		cg_event_done("column encrypted", relid, NULL,
					  psprintf("%s, as %s", attribute, category));
	if (result == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(result));
}
