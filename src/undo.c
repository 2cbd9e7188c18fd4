/*
 * undo.c
 *		cipguard.undo(): a change of a row is taken back with the images that
 *		the audit log has of it.
 *
 * The owner of the table calls it, and the statements that it makes are his:
 * his privileges, policies, triggers and constraints count.  He need not be
 * allowed to read what he restores, so values go from the image into the same
 * column of the same table and nowhere else, and only if that is protected as
 * it was.  Nothing may tell him what they are either.  So whether the row is
 * still as the event left it is found out from the log, not by comparing
 * protected values: else he could store guesses and see which one can be
 * undone.
 *
 * To the planner the restored values would be values from elsewhere, which
 * could be masks; cg_plan_restores tells it otherwise.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "compat.h"

#include "acting.h"
#include "audit_image.h"
#include "audit_relation.h"
#include "cipguard.h"
#include "crypt.h"
#include "label.h"
#include "plan.h"
#include "protect.h"

/* The event, in memory that SPI does not free. */
typedef struct CgUndo
{
	int64		event;
	Oid			relid;
	char		kind;
	bool		moved;			/* one half of a move between partitions */
	bytea	   *old;
	bytea	   *new;
	Relation	rel;
	CgAuditRelation *table;
} CgUndo;

/* Parameters of a statement. */
typedef struct CgParams
{
	int			n;
	Oid			types[MaxHeapAttributeNumber];
	Datum		values[MaxHeapAttributeNumber];
	char		nulls[MaxHeapAttributeNumber];
} CgParams;

static void load(CgUndo *undo, MemoryContext context);
static void refuse_changed(CgUndo *undo);
static const char *find_row(CgUndo *undo);
static void set_back(CgUndo *undo, const char *row);
static void insert_again(CgUndo *undo);
static void take_away(CgUndo *undo, const char *row);
static void execute(CgUndo *undo, const char *sql, CgParams *params);
static CgImageColumn *usable_column(CgUndo *undo, const bytea *image,
									const CgImageEntry *entry, bool strict);
static Oid	image_type(CgUndo *undo, const bytea *image, AttrNumber attnum);
static int	add_param(CgParams *params, const CgImageColumn *column,
					  const CgImageEntry *entry);
static Datum value_of(const CgImageColumn *column, const CgImageEntry *entry);
static bool image_entry(const bytea *image, AttrNumber attnum,
						CgImageEntry *entry);
static const char *column_name(CgUndo *undo, AttrNumber attnum);
static bool has_key(CgUndo *undo);

/* undo(event_id bigint) RETURNS void */
PG_FUNCTION_INFO_V1(cipguard_undo);
Datum
cipguard_undo(PG_FUNCTION_ARGS)
{
	CgUndo		undo;

	memset(&undo, 0, sizeof(undo));
	undo.event = PG_GETARG_INT64(0);
	load(&undo, CurrentMemoryContext);
	if (undo.kind != 'I' && undo.kind != 'U' && undo.kind != 'D')
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("event %lld cannot be undone",
						(long long) undo.event),
				 undo.kind == 'T' ?
				 errdetail("The log does not have the rows that TRUNCATE removed.") :
				 errdetail("It is not the change of a row."),
				 errhint("Name an event of action INSERT, UPDATE or DELETE.")));
	if (undo.moved)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("event %lld cannot be undone",
						(long long) undo.event),
				 errdetail("It is one half of the move of a row to another partition."),
				 errhint("Update the row, so that it moves back.")));
	if (get_rel_name(undo.relid) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the table of event %lld is gone",
						(long long) undo.event),
				 errhint("Take the values from %s.", "cipguard.audit_log")));
	if (!cg_owns_relation(undo.relid, GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of table %s",
						get_rel_name(undo.relid)),
				 errhint("Let the owner of the table or a superuser call the function.")));

	undo.rel = table_open(undo.relid, RowExclusiveLock);
	if (undo.rel->rd_rel->relkind != RELKIND_RELATION ||
		undo.rel->rd_rules != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("changes of \"%s\" cannot be undone",
						RelationGetRelationName(undo.rel)),
				 errdetail("It is no table, or has rules."),
				 errhint("Change the row by a statement of your own.")));
	undo.table = cg_audit_relation(undo.rel);

	refuse_changed(&undo);
	if (undo.kind == 'D')
		insert_again(&undo);
	else
	{
		const char *row;

		if (SPI_connect() != SPI_OK_CONNECT)
			elog(ERROR, "SPI_connect failed");
		row = find_row(&undo);
		SPI_finish();
		if (undo.kind == 'U')
			set_back(&undo, row);
		else
			take_away(&undo, row);
	}
	cg_audit_note("undo", undo.relid, NULL,
				  psprintf("event %lld", (long long) undo.event));
	table_close(undo.rel, NoLock);
	PG_RETURN_VOID();
}

/* Read the event as the owner of the log. */
static void
load(CgUndo *undo, MemoryContext context)
{
	CgActing	acting;
	TupleDesc	desc;
	HeapTuple	tuple;
	bool		isnull;
	Datum		value;

	cg_act_begin(&acting, cg_audit_owner());
	cg_act_execute("SELECT e.relid, e.kind, e.old, e.new,"
				   " e.kind <> 'U' AND e.cols IS NOT NULL"
				   " FROM cipguard.audit_event e"
				   " WHERE e.seq = %lld AND NOT e.spooled",
				   (long long) undo->event);
	if (SPI_processed != 1)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the audit log has no change %lld",
						(long long) undo->event),
				 errhint("%s and %s show the numbers of events.",
						 "cipguard.changes()", "cipguard.audit_log")));
	tuple = SPI_tuptable->vals[0];
	desc = SPI_tuptable->tupdesc;
	undo->relid = DatumGetObjectId(SPI_getbinval(tuple, desc, 1, &isnull));
	undo->kind = DatumGetChar(SPI_getbinval(tuple, desc, 2, &isnull));
	undo->moved = DatumGetBool(SPI_getbinval(tuple, desc, 5, &isnull));
	context = MemoryContextSwitchTo(context);
	value = SPI_getbinval(tuple, desc, 3, &isnull);
	undo->old = isnull ? NULL : DatumGetByteaPCopy(value);
	value = SPI_getbinval(tuple, desc, 4, &isnull);
	undo->new = isnull ? NULL : DatumGetByteaPCopy(value);
	MemoryContextSwitchTo(context);
	cg_act_end(&acting);
}

static bool
has_key(CgUndo *undo)
{
	int			i;

	for (i = 0; i < undo->table->ncolumns; i++)
		if (undo->table->columns[i].key &&
			(undo->table->columns[i].mode == CG_MODE_DATUM ||
			 undo->table->columns[i].mode == CG_MODE_SEALED))
			return false;
	return !undo->table->no_key;
}

/* Raise if the log has a later event that touches what would be restored. */
static void
refuse_changed(CgUndo *undo)
{
	CgActing	acting;
	StringInfoData keys;
	bool		isnull;
	int			i;

	if (!has_key(undo))
	{
		if (undo->kind == 'D')
			return;
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("changes of \"%s\" cannot be undone",
						RelationGetRelationName(undo->rel)),
				 errdetail("It has no primary key, or one that is protected, so its rows are not told apart."),
				 errhint("Change the row by a statement of your own.")));
	}
	initStringInfo(&keys);
	for (i = 0; i < undo->table->ncolumns; i++)
		if (undo->table->columns[i].key)
			appendStringInfo(&keys, "%s%d", keys.len > 0 ? "," : "",
							 undo->table->columns[i].attnum);

	cg_act_begin(&acting, cg_audit_owner());
	cg_act_execute("SELECT cipguard.changed_since(%lld, '{%s}')",
				   (long long) undo->event, keys.data);
	if (SPI_processed == 1 &&
		SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
					 1) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the row has changed since event %lld",
						(long long) undo->event),
				 errdetail("The next event that stands in the way is %lld.",
						   (long long) DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0],
																   SPI_tuptable->tupdesc,
																   1, &isnull))),
				 errhint("Undo later events first, the last one before the others.")));
	cg_act_end(&acting);
}

/*
 * Lock the row that the event left, and return its place.  Unprotected columns
 * must have the values that it gave them: that the log has no later event
 * proves nothing if triggers were disabled.
 */
static const char *
find_row(CgUndo *undo)
{
	StringInfoData sql;
	CgParams   *params = palloc0(sizeof(CgParams));
	char	   *row;
	int			i;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT t.ctid FROM ONLY %s t WHERE true",
					 cg_audit_relation_name(undo->relid));
	for (i = 0; i < undo->table->ncolumns; i++)
	{
		CgImageColumn *column = &undo->table->columns[i];
		const char *name = column_name(undo, column->attnum);
		const bytea *image = undo->new;
		CgImageEntry entry;
		int			n;

		if (!image_entry(image, column->attnum, &entry))
		{
			image = undo->old;
			if (!column->key || image == NULL ||
				!image_entry(image, column->attnum, &entry))
				continue;
		}
		if (column->mode == CG_MODE_DATUM || column->mode == CG_MODE_SEALED)
			continue;
		column = usable_column(undo, image, &entry, column->key ||
							   undo->kind == 'U');
		if (column == NULL || entry.mode == CG_MODE_SEALED)
			continue;
		n = add_param(params, column, &entry);
		if (column->key)
			appendStringInfo(&sql, " AND t.%s = $%d", name, n);
		else
			appendStringInfo(&sql, " AND t.%s::pg_catalog.text"
							 " IS NOT DISTINCT FROM $%d::pg_catalog.text",
							 name, n);
	}
	appendStringInfoString(&sql, " FOR UPDATE");
	if (SPI_execute_with_args(sql.data, params->n, params->types,
							  params->values, params->nulls, false,
							  0) != SPI_OK_SELECT)
		elog(ERROR, "could not look for a row: %s", sql.data);
	if (SPI_processed != 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the row is not as event %lld left it",
						(long long) undo->event),
				 errdetail("It is gone, cannot be seen, or was changed without an event."),
				 errhint("Change the row by a statement of your own.")));
	row = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	return memcpy(SPI_palloc(strlen(row) + 1), row, strlen(row) + 1);
}

static void
set_back(CgUndo *undo, const char *row)
{
	StringInfoData sql;
	CgParams   *params = palloc0(sizeof(CgParams));
	CgImageEntry entry;
	const char *cursor;
	int64		id;

	initStringInfo(&sql);
	appendStringInfo(&sql, "UPDATE ONLY %s SET ",
					 cg_audit_relation_name(undo->relid));
	if (!cg_image_open(undo->new, &id, &cursor))
		elog(ERROR, "event %lld has no row image", (long long) undo->event);
	while (cg_image_next(undo->new, &cursor, &entry))
	{
		CgImageEntry before;
		CgImageColumn *column;

		(void) usable_column(undo, undo->new, &entry, true);
		if (!image_entry(undo->old, entry.attnum, &before))
			elog(ERROR, "event %lld lacks the old value of a column",
				 (long long) undo->event);
		column = usable_column(undo, undo->old, &before, true);
		if (TupleDescAttr(RelationGetDescr(undo->rel),
						  entry.attnum - 1)->attgenerated != '\0')
			continue;
		appendStringInfo(&sql, "%s%s = $%d", params->n > 0 ? ", " : "",
						 column_name(undo, entry.attnum), params->n + 1);
		(void) add_param(params, column, &before);
	}
	if (params->n == 0)
		return;					/* an UPDATE that changed nothing */
	appendStringInfo(&sql, " WHERE ctid OPERATOR(pg_catalog.=) '%s'", row);
	execute(undo, sql.data, params);
}

static void
insert_again(CgUndo *undo)
{
	StringInfoData sql;
	StringInfoData values;
	CgParams   *params = palloc0(sizeof(CgParams));
	CgImageEntry entry;
	const char *cursor;
	int64		id;

	initStringInfo(&sql);
	initStringInfo(&values);
	appendStringInfo(&sql, "INSERT INTO %s (",
					 cg_audit_relation_name(undo->relid));
	if (!cg_image_open(undo->old, &id, &cursor))
		elog(ERROR, "event %lld has no row image", (long long) undo->event);
	while (cg_image_next(undo->old, &cursor, &entry))
	{
		/* A column that was dropped since is left out. */
		CgImageColumn *column = usable_column(undo, undo->old, &entry, false);

		if (column == NULL ||
			TupleDescAttr(RelationGetDescr(undo->rel),
						  entry.attnum - 1)->attgenerated != '\0')
			continue;
		appendStringInfo(&sql, "%s%s", params->n > 0 ? ", " : "",
						 column_name(undo, entry.attnum));
		appendStringInfo(&values, "%s$%d", params->n > 0 ? ", " : "",
						 params->n + 1);
		(void) add_param(params, column, &entry);
	}
	appendStringInfo(&sql, ") OVERRIDING SYSTEM VALUE VALUES (%s)",
					 values.data);
	execute(undo, sql.data, params);
}

static void
take_away(CgUndo *undo, const char *row)
{
	CgParams   *params = palloc0(sizeof(CgParams));

	execute(undo,
			psprintf("DELETE FROM ONLY %s WHERE ctid OPERATOR(pg_catalog.=) '%s'",
					 cg_audit_relation_name(undo->relid), row), params);
}

/* Run the statement as the caller. */
static void
execute(CgUndo *undo, const char *sql, CgParams *params)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	cg_plan_restores = undo->relid;
	PG_TRY();
	{
		if (SPI_execute_with_args(sql, params->n, params->types,
								  params->values, params->nulls, false,
								  0) < 0)
			elog(ERROR, "could not execute \"%s\"", sql);
	}
	PG_FINALLY();
	{
		cg_plan_restores = InvalidOid;
	}
	PG_END_TRY();
	if (SPI_processed != 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("event %lld was not undone", (long long) undo->event),
				 errdetail("A trigger or a policy of the table kept the row as it is."),
				 errhint("Change the row by a statement of your own.")));
	SPI_finish();
}

/*
 * The column that an entry of an image belongs to, if its value may go back
 * there; if not strict, NULL when the column is gone.
 */
static CgImageColumn *
usable_column(CgUndo *undo, const bytea *image, const CgImageEntry *entry,
			  bool strict)
{
	TupleDesc	desc = RelationGetDescr(undo->rel);
	CgImageColumn *column = NULL;
	int			i;

	for (i = 0; i < undo->table->ncolumns; i++)
		if (undo->table->columns[i].attnum == entry->attnum)
			column = &undo->table->columns[i];
	if (column == NULL && !strict)
		return NULL;
	if (column == NULL || entry->attnum > desc->natts ||
		column->type != image_type(undo, image, entry->attnum))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("a column that event %lld changed is gone, or has another type since",
						(long long) undo->event),
				 errhint("Change the row by a statement of your own.")));
	if (entry->mode == CG_MODE_SEALED && !entry->isnull)
	{
		CgEnvelope	env;
		struct varlena *datum = palloc(VARHDRSZ + entry->len);

		SET_VARSIZE(datum, VARHDRSZ + entry->len);
		memcpy(VARDATA(datum), entry->data, entry->len);
		cg_parse(datum, &env);
		if (column->mode != CG_MODE_SEALED ||
			column->category != (int32) env.category)
			ereport(ERROR,
					(errcode(CG_ERRCODE_EXPOSURE),
					 errmsg("column %s is not protected as it was at event %lld",
							column_name(undo, entry->attnum),
							(long long) undo->event),
					 errhint("Give it back its label to undo the event.")));
	}
	return column;
}

/* The type a column of the image had, as the log describes it. */
static Oid
image_type(CgUndo *undo, const bytea *image, AttrNumber attnum)
{
	CgActing	acting;
	const char *cursor;
	int64		id;
	bool		isnull;
	Oid			type = InvalidOid;

	if (!cg_image_open(image, &id, &cursor))
		return InvalidOid;
	if (id == undo->table->schema_id)
	{
		int			i;

		for (i = 0; i < undo->table->ncolumns; i++)
			if (undo->table->columns[i].attnum == attnum)
				return undo->table->columns[i].type;
	}
	cg_act_begin(&acting, cg_audit_owner());
	cg_act_execute("SELECT c.type FROM cipguard.audit_schema s"
				   " CROSS JOIN LATERAL unnest(s.attnums, s.types) AS c (attnum, type)"
				   " WHERE s.id = %lld AND s.relid = %u AND c.attnum = %d"
				   " LIMIT 1", (long long) id, undo->relid, attnum);
	if (SPI_processed == 1)
		type = DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[0],
											  SPI_tuptable->tupdesc, 1,
											  &isnull));
	cg_act_end(&acting);
	return type;
}

/* Add a value to the parameters; returns its number there. */
static int
add_param(CgParams *params, const CgImageColumn *column,
		  const CgImageEntry *entry)
{
	int			i = params->n++;

	params->types[i] = column->type;
	params->nulls[i] = entry->isnull ? 'n' : ' ';
	params->values[i] = entry->isnull ? (Datum) 0 : value_of(column, entry);
	return params->n;
}

static Datum
value_of(const CgImageColumn *column, const CgImageEntry *entry)
{
	CgImageSettings saved;
	StringInfoData bytes;
	struct varlena *datum = palloc(VARHDRSZ + entry->len);
	char	   *text;
	Size		len;
	Oid			function;
	Oid			ioparam;
	Datum		value = (Datum) 0;

	SET_VARSIZE(datum, VARHDRSZ + entry->len);
	memcpy(VARDATA(datum), entry->data, entry->len);
	if (entry->mode == CG_MODE_DATUM)
		return PointerGetDatum(datum);

	cg_image_settings_push(&saved, true);
	PG_TRY();
	{
		if (entry->mode == CG_MODE_SEND)
		{
			initStringInfo(&bytes);
			appendBinaryStringInfo(&bytes, entry->data, (int) entry->len);
			getTypeBinaryInputInfo(column->type, &function, &ioparam);
			value = OidReceiveFunctionCall(function, &bytes, ioparam, -1);
		}
		else
		{
			text = entry->mode == CG_MODE_SEALED ? cg_decrypt(datum, &len) :
				pnstrdup(entry->data, entry->len);
			getTypeInputInfo(column->type, &function, &ioparam);
			value = OidInputFunctionCall(function, text, ioparam, -1);
		}
	}
	PG_FINALLY();
	{
		cg_image_settings_pop(&saved);
	}
	PG_END_TRY();
	return value;
}

static bool
image_entry(const bytea *image, AttrNumber attnum, CgImageEntry *entry)
{
	const char *cursor;
	int64		id;

	if (image == NULL || !cg_image_open(image, &id, &cursor))
		return false;
	while (cg_image_next(image, &cursor, entry))
		if (entry->attnum == attnum)
			return true;
	return false;
}

static const char *
column_name(CgUndo *undo, AttrNumber attnum)
{
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(undo->rel),
										  attnum - 1);

	return quote_identifier(NameStr(att->attname));
}
