/*
 * subject_row.c
 *		Rows of tables that use keys of subjects.
 *
 * A row trigger before INSERT and UPDATE seals what is encrypted in a row
 * under the key of the person that its subject column names.  Its name comes
 * after those of others, which it needs to, for they may change the row; one
 * that comes later all the same is refused.  COPY, partitions, ON CONFLICT and
 * the applying side of a replication fire it, too (ENABLE ALWAYS).
 *
 * The trigger is all there is to know of a table: its argument is the number
 * of the table of persons, which tables whose subjects are the same share.  So
 * it follows the table when that is renamed, dumped or moved to another
 * database.
 *
 * A value that is under the right key already is left as it is, and so is one
 * whose key was destroyed.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "compat.h"

#include "bytes.h"
#include "catalog.h"
#include "cipguard.h"
#include "crypt.h"
#include "inval.h"
#include "label.h"
#include "subject_key.h"

#define HEAD_LEN	(CG_HEADER_LEN + CG_TOKEN_LEN + CG_SUBJECT_LEN)

/* What the trigger needs to know of a table. */
typedef struct CgSubjectTable
{
	Oid			relid;			/* hash key */
	bool		valid;
	MemoryContext context;
	int64		persons;		/* 0: the table does not use their keys */
	AttrNumber	subject;
	bool		encrypted;		/* the subject is */
	FmgrInfo	output;
	int			num_columns;
	AttrNumber *columns;		/* that hold encrypted values */
	Oid		   *types;			/* of these, and base types */
} CgSubjectTable;

/* What a visit to encrypted values is for. */
typedef struct CgVisit
{
	uint64		id;
	CgToken    *noise;			/* scrub */
	bool		counts;			/* only */
	int64	   *count;
} CgVisit;

static CgSubjectTable *table_of(Relation rel);
static void describe(CgSubjectTable *t, Relation rel);
static void relation_changed(Datum arg, Oid relid);
static uint64 key_of(CgSubjectTable *t, Datum value, bool isnull);
static void require_subject(const CgSubjectTable *t);
static char *text_of(CgSubjectTable *t, Datum value);
static Datum visit(Oid type, Datum value, CgVisit *v);
static Datum visit_array(Datum value, CgVisit *v);
static Datum visit_value(Datum value, CgVisit *v);
static struct varlena *noise_like(const CgEnvelope *env, CgToken *noise);
static void require_trigger(FunctionCallInfo fcinfo);

static HTAB *tables = NULL;

void
cg_subject_row_init(void)
{
	cg_on_relcache(relation_changed);
}

/* ---------- tables ---------- */

static void
relation_changed(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS seq;
	CgSubjectTable *t;

	if (tables == NULL)
		return;
	if (OidIsValid(relid))
	{
		t = hash_search(tables, &relid, HASH_FIND, NULL);
		if (t != NULL)
			t->valid = false;
		return;
	}
	hash_seq_init(&seq, tables);
	while ((t = hash_seq_search(&seq)) != NULL)
		t->valid = false;
}

Oid
cg_subject_function(void)
{
	static Oid	found = InvalidOid;
	oidvector  *no_args;

	if (OidIsValid(found) &&
		get_func_namespace(found) == cg_schema_oid() &&
		OidIsValid(cg_schema_oid()))
		return found;
	no_args = buildoidvector(NULL, 0);
	found = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
							CStringGetDatum("seal_subject"),
							PointerGetDatum(no_args),
							ObjectIdGetDatum(cg_schema_oid()));
	pfree(no_args);
	return found;
}

static CgSubjectTable *
table_of(Relation rel)
{
	Oid			relid = RelationGetRelid(rel);
	CgSubjectTable *t;
	bool		found;

	if (tables == NULL)
	{
		HASHCTL		ctl;

		ctl.keysize = sizeof(Oid);
		ctl.entrysize = sizeof(CgSubjectTable);
		ctl.hcxt = CacheMemoryContext;
		tables = hash_create("cipguard tables of subjects", 64, &ctl,
							 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	t = hash_search(tables, &relid, HASH_ENTER, &found);
	if (!found)
	{
		t->valid = false;
		t->context = NULL;
	}
	if (!t->valid)
		describe(t, rel);
	return t;
}

static void
describe(CgSubjectTable *t, Relation rel)
{
	TriggerDesc *triggers = rel->trigdesc;
	TupleDesc	desc = RelationGetDescr(rel);
	Oid			function = InvalidOid;
	MemoryContext old;
	int			i;

	if (t->context != NULL)
		MemoryContextDelete(t->context);
	t->context = AllocSetContextCreate(CacheMemoryContext,
									   "cipguard table of subjects",
									   ALLOCSET_SMALL_SIZES);
	t->persons = 0;
	t->num_columns = 0;
	t->subject = InvalidAttrNumber;
	if (triggers != NULL && OidIsValid(cg_schema_oid()))
		function = cg_subject_function();
	for (i = 0; OidIsValid(function) && i < triggers->numtriggers; i++)
	{
		Trigger    *trigger = &triggers->triggers[i];

		if (trigger->tgfoid == function && trigger->tgnargs == 1)
			t->persons = pg_strtoint64(trigger->tgargs[0]);
		else if (t->persons != 0 &&
				 TRIGGER_FOR_BEFORE(trigger->tgtype) &&
				 TRIGGER_FOR_ROW(trigger->tgtype) &&
				 (TRIGGER_FOR_INSERT(trigger->tgtype) ||
				  TRIGGER_FOR_UPDATE(trigger->tgtype)) &&
				 trigger->tgenabled != TRIGGER_DISABLED)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("trigger \"%s\" of table \"%s\" would change rows after they were sealed",
							trigger->tgname, RelationGetRelationName(rel)),
					 errhint("Give it a name that comes before \"%s\".",
							 CG_SUBJECT_TRIGGER)));
	}
	if (t->persons == 0)
	{
		t->valid = true;
		return;
	}

	/* While it is described it may become out of date. */
	t->valid = true;
	t->subject = cg_subject_column(RelationGetRelid(rel));
	old = MemoryContextSwitchTo(t->context);
	t->columns = palloc(sizeof(AttrNumber) * desc->natts);
	t->types = palloc(sizeof(Oid) * desc->natts);
	if (t->subject != InvalidAttrNumber)
	{
		Oid			type = TupleDescAttr(desc, t->subject - 1)->atttypid;
		Oid			output;
		bool		varlena;

		t->encrypted = cg_is_encrypted_type(type);
		getTypeOutputInfo(type, &output, &varlena);
		fmgr_info_cxt(output, &t->output, t->context);
	}
	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped || att->attgenerated != '\0' ||
			!cg_holds_encrypted(att->atttypid))
			continue;
		t->columns[t->num_columns] = att->attnum;
		t->types[t->num_columns++] = getBaseType(att->atttypid);
	}
	MemoryContextSwitchTo(old);
}

int64
cg_subject_persons(Relation rel)
{
	return table_of(rel)->persons;
}

int
cg_subject_columns(Relation rel, const AttrNumber **columns)
{
	CgSubjectTable *t = table_of(rel);

	*columns = t->columns;
	return t->num_columns;
}

/* ---------- subjects ---------- */

static char *
text_of(CgSubjectTable *t, Datum value)
{
	CgEnvelope	env;
	Size		len;

	if (!t->encrypted)
		return OutputFunctionCall(&t->output, value);
	cg_parse(PG_DETOAST_DATUM_PACKED(value), &env);
	return cg_is_destroyed(&env) ? NULL : cg_open(&env, &len);
}

char *
cg_subject_text(Relation rel, TupleTableSlot *slot)
{
	CgSubjectTable *t = table_of(rel);
	bool		isnull;
	Datum		value;

	if (t->subject == InvalidAttrNumber)
		return NULL;
	value = slot_getattr(slot, t->subject, &isnull);
	return isnull ? NULL : text_of(t, value);
}

static void
require_subject(const CgSubjectTable *t)
{
	if (t->subject == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" has keys of subjects, but no subject column",
						get_rel_name(t->relid)),
				 errhint("Use %s.",
						 "SECURITY LABEL FOR cipguard ON COLUMN table.column IS 'subject'")));
}

/* The key of the person that a value of the subject column names; 0: null. */
static uint64
key_of(CgSubjectTable *t, Datum value, bool isnull)
{
	CgPerson	person;
	CgEnvelope	env;
	char	   *text;
	uint64		id;

	if (isnull)
		return 0;
	text = text_of(t, value);
	if (text == NULL)
	{
		/* Only the key that it is under says whom it named. */
		cg_parse(PG_DETOAST_DATUM_PACKED(value), &env);
		return env.subject;
	}
	cg_person(t->persons, text, strlen(text), &person);
	id = cg_subject_make(&person, text, strlen(text));
	if (t->encrypted)
		explicit_bzero(text, strlen(text));
	pfree(text);
	return id;
}

uint64
cg_subject_of_row(Relation rel, TupleTableSlot *slot)
{
	CgSubjectTable *t = table_of(rel);

	bool		isnull;
	Datum		value;

	if (t->persons == 0)
		return 0;
	require_subject(t);
	value = slot_getattr(slot, t->subject, &isnull);
	return key_of(t, value, isnull);
}

int64
cg_subject_wanted(Relation rel, TupleTableSlot *row)
{
	CgSubjectTable *t = table_of(rel);
	int64		n = 0;
	char	   *text;
	int			i;

	for (i = 0; i < t->num_columns; i++)
	{
		bool		isnull;
		Datum		value = slot_getattr(row, t->columns[i], &isnull);

		if (!isnull)
			n += cg_subject_unsealed(t->types[i], value);
	}
	if (n == 0)
		return 0;
	text = cg_subject_text(rel, row);
	if (text == NULL)
		return 0;
	if (t->persons != 0)
	{
		CgPerson	person;

		cg_person(t->persons, text, strlen(text), &person);
		if (cg_subject_destroyed(cg_subject_find(&person)))
			n = 0;
	}
	if (t->encrypted)
		explicit_bzero(text, strlen(text));
	return n;
}

void
cg_subject_change(Relation rel, TupleTableSlot *row)
{
	CgSubjectTable *t = table_of(rel);
	uint64		id;
	int			i;

	if (t->persons == 0)
		return;
	require_subject(t);
	id = key_of(t, row->tts_values[t->subject - 1],
				row->tts_isnull[t->subject - 1]);
	if (id == 0 || cg_subject_destroyed(id))
		return;
	for (i = 0; i < t->num_columns; i++)
	{
		int			k = t->columns[i] - 1;
		int64		count = 0;

		if (!row->tts_isnull[k])
			row->tts_values[k] = cg_subject_reseal(t->types[i],
												   row->tts_values[k], id,
												   &count);
	}
}

/* ---------- values ---------- */

Datum
cg_subject_reseal(Oid type, Datum value, uint64 id, int64 *count)
{
	CgVisit		v = {.id = id,.count = count};

	return visit(getBaseType(type), value, &v);
}

Datum
cg_subject_scrub(Oid type, Datum value, uint64 id, CgToken *noise,
				 int64 *count)
{
	CgVisit		v = {.id = id,.noise = noise,.count = count};

	return visit(getBaseType(type), value, &v);
}

int64
cg_subject_unsealed(Oid type, Datum value)
{
	int64		count = 0;
	CgVisit		v = {.counts = true,.count = &count};

	(void) visit(getBaseType(type), value, &v);
	return count;
}

static Datum
visit(Oid type, Datum value, CgVisit *v)
{
	if (cg_is_encrypted_type(type))
		return visit_value(value, v);
	if (cg_is_encrypted_type(get_element_type(type)))
		return visit_array(value, v);
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("encrypted values in type %s cannot be under keys of subjects",
					format_type_be(type)),
			 errhint("Store them in columns of their own, or in an array.")));
	return value;
}

static Datum
visit_array(Datum value, CgVisit *v)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	int64		before = *v->count;
	Datum	   *elems;
	bool	   *nulls;
	int			n;
	int			i;

	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_INT,
					  &elems, &nulls, &n);
	for (i = 0; i < n; i++)
		if (!nulls[i])
			elems[i] = visit_value(elems[i], v);
	if (v->counts || *v->count == before)
		return value;
	return PointerGetDatum(construct_md_array(elems, nulls, ARR_NDIM(array),
											  ARR_DIMS(array),
											  ARR_LBOUND(array),
											  ARR_ELEMTYPE(array), -1, false,
											  TYPALIGN_INT));
}

/* Most values need no more than their head looked at. */
static Datum
visit_value(Datum value, CgVisit *v)
{
	struct varlena *datum = (struct varlena *) DatumGetPointer(value);
	const uint8 *p;
	Size		len;
	uint64		subject = 0;
	CgEnvelope	env;
	struct varlena *result;

	if (VARATT_IS_EXTERNAL(datum) || VARATT_IS_COMPRESSED(datum))
		datum = pg_detoast_datum_slice(datum, 0, HEAD_LEN);
	p = (const uint8 *) VARDATA_ANY(datum);
	len = VARSIZE_ANY_EXHDR(datum);
	if (len < CG_HEADER_LEN || p[0] != CG_MAGIC ||
		(p[2] & CG_FLAG_DISPLAY) != 0)
		return value;
	if ((p[2] & CG_FLAG_SUBJECT) != 0)
	{
		Size		at = CG_HEADER_LEN +
		((p[2] & CG_FLAG_SEARCHABLE) != 0 ? CG_TOKEN_LEN : 0);

		if (len >= at + CG_SUBJECT_LEN)
			subject = cg_get_u64(p + at);
	}

	if (v->counts)
	{
		*v->count += subject == 0;
		return value;
	}
	if (v->noise != NULL)
	{
		if (subject != v->id)
			return value;
		cg_parse(PG_DETOAST_DATUM_PACKED(value), &env);
		result = noise_like(&env, v->noise);
	}
	else
	{
		Size		stored_len;
		char	   *stored;

		if (subject == v->id ||
			(subject != 0 && cg_subject_destroyed(subject)))
			return value;
		cg_parse(PG_DETOAST_DATUM_PACKED(value), &env);
		stored = cg_open_stored(&env, &stored_len);
		result = cg_seal_stored(cg_category_by_id((int32) env.category,
												  false),
								env.type, stored, stored_len, v->id);
		explicit_bzero(stored, stored_len);
		pfree(stored);
	}
	(*v->count)++;
	return PointerGetDatum(result);
}

/*
 * What stays of a value: its header and random bytes.  A token becomes a MAC
 * of it under a key that nobody keeps, so that it matches nothing that is
 * looked for, while rows that referred to each other by it still do.
 */
static struct varlena *
noise_like(const CgEnvelope *env, CgToken *noise)
{
	const CgSuite *suite = cg_suite_by_id(env->suite);
	Size		len = env->head_len + suite->nonce_len + 1 + suite->tag_len;
	struct varlena *result = palloc(VARHDRSZ + len);
	uint8	   *p = (uint8 *) VARDATA(result);

	SET_VARSIZE(result, VARHDRSZ + len);
	memcpy(p, env->head, env->head_len);
	p[2] &= ~CG_FLAG_VARIANT;
	if (!pg_strong_random(p + env->head_len, len - env->head_len))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not get random bytes")));
	if (env->token != NULL &&
		cg_token_make(noise, CG_TYPE_BYTEA, env->token, CG_TOKEN_LEN,
					  p + CG_HEADER_LEN) != CG_OK)
		elog(ERROR, "could not replace an equality token");
	return result;
}

/* ---------- the trigger ---------- */

static void
require_trigger(FunctionCallInfo fcinfo)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		!TRIGGER_FIRED_BEFORE(trigdata->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigdata->tg_event) ||
		TRIGGER_FIRED_BY_DELETE(trigdata->tg_event) ||
		trigdata->tg_trigger->tgqual != NULL ||
		trigdata->tg_trigger->tgnattr != 0 ||
		trigdata->tg_trigger->tgnargs != 1)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function must be called as a trigger that %s made",
						"cipguard.use_subject_keys()")));
}

/* seal_subject(persons) RETURNS trigger */
PG_FUNCTION_INFO_V1(cipguard_seal_subject);
Datum
cipguard_seal_subject(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	Relation	rel;
	CgSubjectTable *t;
	TupleTableSlot *slot;
	HeapTuple	tuple;
	uint64		id = 0;
	bool		asked = false;
	int			columns[MaxHeapAttributeNumber];
	Datum		values[MaxHeapAttributeNumber];
	bool		nulls[MaxHeapAttributeNumber];
	int			n = 0;
	int			i;

	require_trigger(fcinfo);
	rel = trigdata->tg_relation;
	t = table_of(rel);
	if (TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event))
	{
		slot = trigdata->tg_newslot;
		tuple = trigdata->tg_newtuple;
	}
	else
	{
		slot = trigdata->tg_trigslot;
		tuple = trigdata->tg_trigtuple;
	}

	for (i = 0; i < t->num_columns; i++)
	{
		bool		isnull;
		Datum		value = slot_getattr(slot, t->columns[i], &isnull);
		Datum		sealed;
		int64		count = 0;

		if (isnull)
			continue;
		if (!asked)
		{
			bool		nobody;
			Datum		subject;

			require_subject(t);
			subject = slot_getattr(slot, t->subject, &nobody);
			id = key_of(t, subject, nobody);
			t = table_of(rel);
			asked = true;
		}
		if (id == 0)
		{
			/* What was sealed for somebody stays so when the link is cut. */
			if (cg_subject_unsealed(t->types[i], value) == 0)
				continue;
			ereport(ERROR,
					(errcode(ERRCODE_NOT_NULL_VIOLATION),
					 errmsg("row of table \"%s\" does not say whom it is about",
							RelationGetRelationName(rel)),
					 errdetail("Its encrypted values would be under no subject's key."),
					 errhint("Set the subject column, \"%s\".",
							 NameStr(TupleDescAttr(RelationGetDescr(rel),
												   t->subject - 1)->attname))));
		}
		sealed = cg_subject_reseal(t->types[i], value, id, &count);
		if (count == 0)
			continue;
		columns[n] = t->columns[i];
		values[n] = sealed;
		nulls[n++] = false;
	}
	if (n > 0)
		tuple = heap_modify_tuple_by_cols(tuple, RelationGetDescr(rel), n,
										  columns, values, nulls);
	return PointerGetDatum(tuple);
}
