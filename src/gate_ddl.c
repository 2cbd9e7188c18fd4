/*
 * gate_ddl.c
 *		Definitions on protected tables that only readers may make.
 *
 * Triggers, rules, policies, checks, generated columns, partial and
 * expression indexes, statistics of expressions, ALTER TYPE USING: all let
 * code that somebody chose run over stored values.  Whoever may not read all
 * protected columns of a table may not define them on it, be he the owner; nor
 * may who reads under conditions that are asked of each row, or with a budget,
 * since no such code asks or counts.
 * Of ALTER TABLE he may do what is in a list; the rest is refused, what future
 * versions bring included.
 *
 * The statement is looked at first, which gives the better message;
 * gate_object.c looks again at what was made, by whatever statement.
 *
 * Code also comes along with a parent or partition.  Two tables are joined
 * only if neither of their trees runs code.
 *
 * A label counts for all below by name.  What ends an inheritance, or drops
 * the column of the parent only, copies the labels to the child first.
 *
 * Superusers pass: they could grant themselves the right, and the audit log
 * tells.  So does whoever defines things on a table that his transaction
 * made: it holds no values but his own.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/seclabel.h"
#include "commands/tablecmds.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_func.h"
#include "parser/parse_type.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "compat.h"

#include "category.h"
#include "cipguard.h"
#include "event.h"
#include "gate_ddl.h"
#include "label.h"
#include "person.h"
#include "plan.h"
#include "protect.h"
#include "row_gate.h"
#include "type_order.h"

static void look_at_alter_table(AlterTableStmt *stmt);
static void look_at_cluster(Node *stmt);
static void refuse_cluster(Oid relid, const char *name);
static bool is_harmless(AlterTableCmd *cmd, const CgProtection *p);
static bool orders_protected(const CgProtection *p, const char *name);
static bool has_protected(const CgProtection *p, Oid oid);
static bool is_plain_constraint(Constraint *constraint, const CgProtection *p);
static void look_at_create(CreateStmt *stmt);
static void look_at_trigger(CreateTrigStmt *stmt);
static void refuse_masking_view(Oid relid);
static void look_at_pair(Oid parent, Oid child);
static void refuse_bounds(Oid parent);
static void refuse_code(List *tables);
static bool runs_code(Oid relid);
static bool has_policy(Oid relid);
static bool has_check(List *constraints);
static bool column_has_code(ColumnDef *column);
static void keep_derived(Oid relid, const char *name);
static void keep_labels(Oid child, const char *column);
static void refuse_if_forbidden(RangeVar *relation, const char *what);

void
cg_gate_ddl(Node *stmt)
{
	ListCell   *lc;

	switch (nodeTag(stmt))
	{
		case T_AlterTableStmt:
			if (((AlterTableStmt *) stmt)->objtype == OBJECT_TABLE ||
				((AlterTableStmt *) stmt)->objtype == OBJECT_FOREIGN_TABLE ||
				((AlterTableStmt *) stmt)->objtype == OBJECT_MATVIEW)
				look_at_alter_table((AlterTableStmt *) stmt);
			break;
		case T_CreateStmt:
			look_at_create((CreateStmt *) stmt);
			break;
		case T_CreateForeignTableStmt:
			foreach(lc, ((CreateForeignTableStmt *) stmt)->base.inhRelations)
				refuse_if_forbidden(lfirst_node(RangeVar, lc),
									"a child on another server");
			look_at_create(&((CreateForeignTableStmt *) stmt)->base);
			break;
		case T_IndexStmt:
			{
				IndexStmt  *index = (IndexStmt *) stmt;
				bool		expression = index->whereClause != NULL;

				foreach(lc, index->indexParams)
					if (lfirst_node(IndexElem, lc)->expr != NULL)
					expression = true;
				if (expression)
					refuse_if_forbidden(index->relation,
										"a partial or expression index");
				else
					(void) cg_gate_resolve(index->relation);
				break;
			}
		case T_CreateStatsStmt:
			foreach(lc, ((CreateStatsStmt *) stmt)->exprs)
				if (lfirst_node(StatsElem, lc)->expr != NULL)
				refuse_if_forbidden(linitial(((CreateStatsStmt *) stmt)->relations),
									"statistics of an expression");
			break;
		case T_CreateTrigStmt:
			look_at_trigger((CreateTrigStmt *) stmt);
			break;
		case T_RuleStmt:
			refuse_if_forbidden(((RuleStmt *) stmt)->relation, "a rule");
			break;
		case T_CreatePolicyStmt:
			refuse_if_forbidden(((CreatePolicyStmt *) stmt)->table,
								"a policy");
			break;
		case T_AlterPolicyStmt:
			refuse_if_forbidden(((AlterPolicyStmt *) stmt)->table,
								"a policy");
			break;
		case T_AlterDomainStmt:
			{
				AlterDomainStmt *domain = (AlterDomainStmt *) stmt;
				Oid			type = typenameTypeId(NULL,
												  makeTypeNameFromNameList(domain->typeName));
				List	   *seen = NIL;
				const CgProtection *p;

				if ((cg_is_domain_check(domain)) &&
					(p = cg_gate_used_by(TypeRelationId, type, &seen)) != NULL)
					cg_gate_refuse(p, "a check of a domain that it uses");
				break;
			}
		case T_CreatePublicationStmt:
		case T_AlterPublicationStmt:
			foreach(lc, IsA(stmt, CreatePublicationStmt) ?
					((CreatePublicationStmt *) stmt)->pubobjects :
					((AlterPublicationStmt *) stmt)->pubobjects)
			{
				PublicationObjSpec *object = lfirst_node(PublicationObjSpec,
														 lc);

				if (object->pubobjtype == PUBLICATIONOBJ_TABLE &&
					object->pubtable != NULL)
					refuse_if_forbidden(object->pubtable->relation,
										"a publication");
			}
			break;
		case CG_CLUSTER_STMT:
			look_at_cluster(stmt);
			break;
		case T_RefreshMatViewStmt:
			(void) cg_gate_resolve(((RefreshMatViewStmt *) stmt)->relation);
			break;
		case T_ReindexStmt:
			(void) cg_gate_resolve(((ReindexStmt *) stmt)->relation);
			break;
		default:
			break;
	}
}

Oid
cg_gate_resolve(RangeVar *relation)
{
	Oid			relid;

	if (relation == NULL)
		return InvalidOid;
	relid = RangeVarGetRelid(relation, NoLock, true);
	if (OidIsValid(relid))
		(void) cg_protection(relid);
	return relid;
}

static void
look_at_alter_table(AlterTableStmt *stmt)
{
	Oid			relid = cg_gate_resolve(stmt->relation);
	const CgProtection *p;
	ListCell   *lc;

	if (!OidIsValid(relid) || !cg_owns_relation(relid, GetUserId()))
		return;					/* it will be refused */

	/* As the statement will; a label that is being set is waited for. */
	LockRelationOid(relid, AlterTableGetLockLevel(stmt->cmds));
	p = cg_gate_forbidden(relid);
	foreach(lc, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);
		ListCell   *child;

		switch (cmd->subtype)
		{
			case AT_AttachPartition:
				refuse_bounds(relid);
				look_at_pair(relid,
							 cg_gate_resolve(((PartitionCmd *) cmd->def)->name));
				break;
			case AT_AddInherit:
				look_at_pair(cg_gate_resolve((RangeVar *) cmd->def), relid);
				break;
			case AT_DetachPartition:
				keep_labels(cg_gate_resolve(((PartitionCmd *) cmd->def)->name),
							NULL);
				break;
			case AT_DropInherit:
				keep_labels(relid, NULL);
				break;
			case AT_DropColumn:
				if (p != NULL && cg_any_restricted() &&
					p->subject != InvalidAttrNumber &&
					get_attnum(relid, cmd->name) == p->subject)
					cg_gate_refuse(p, "a table that does not tell who is restricted");
				foreach(child, find_all_inheritors(relid, NoLock, NULL))
					if (lfirst_oid(child) != relid)
					keep_labels(lfirst_oid(child), cmd->name);
				break;
			default:
				if (p != NULL && !is_harmless(cmd, p))
					cg_gate_refuse(p, "such a change");
				if (cmd->subtype == AT_DropExpression)
					keep_derived(relid, cmd->name);
				break;
		}
	}
}

/* A column that ceases to be generated takes the category of its source. */
static void
keep_derived(Oid relid, const char *name)
{
	const CgProtection *p = cg_protection(relid);
	AttrNumber	attnum = get_attnum(relid, name);
	const CgProtectedColumn *column = p == NULL ? NULL :
	cg_protected_column(p, attnum);
	ObjectAddress object;

	if (column == NULL || !column->derived)
		return;
	if (column->n_needs > 1)
		ereport(ERROR,
				(errcode(CG_ERRCODE_EXPOSURE),
				 errmsg("column \"%s\" was made from values of several categories",
						name),
				 errhint("Label it with a category first.")));
	ObjectAddressSubSet(object, RelationRelationId, relid, attnum);
	SetSecurityLabel(&object, CG_SCHEMA,
					 NameStr(cg_category_by_id(column->needs[0],
											   false)->name));
}

/* What somebody who may not read may change of a protected table. */
static bool
is_harmless(AlterTableCmd *cmd, const CgProtection *p)
{
	switch (cmd->subtype)
	{
		case AT_AddColumn:
			return !column_has_code((ColumnDef *) cmd->def);
		case AT_AddConstraint:
			return is_plain_constraint((Constraint *) cmd->def, p);
		case AT_AlterColumnType:
			{
				AttrNumber	attnum = get_attnum(p->relid, cmd->name);

				/* Written in another way, a person is another person. */
				return ((ColumnDef *) cmd->def)->raw_default == NULL &&
					cg_protected_column(p, attnum) == NULL &&
					(attnum != p->subject || !cg_any_restricted());
			}
		case AT_ValidateConstraint:
			{
				Oid			oid = get_relation_constraint_oid(p->relid,
															  cmd->name, true);
				HeapTuple	tuple = SearchSysCache1(CONSTROID,
													ObjectIdGetDatum(oid));
				bool		harmless = true;

				if (HeapTupleIsValid(tuple))
				{
					harmless = ((Form_pg_constraint)
								GETSTRUCT(tuple))->contype != CONSTRAINT_CHECK;
					ReleaseSysCache(tuple);
				}
				return harmless;
			}
		case AT_ClusterOn:
			return !orders_protected(p, cmd->name);
		case AT_ColumnDefault:
		case AT_DropNotNull:
		case AT_SetNotNull:
		case AT_SetStatistics:
		case AT_SetOptions:
		case AT_ResetOptions:
		case AT_SetStorage:
		case AT_SetCompression:
		case AT_DropConstraint:
		case AT_ChangeOwner:
		case AT_DropCluster:
		case AT_SetLogged:
		case AT_SetUnLogged:
		case AT_SetTableSpace:
		case AT_SetRelOptions:
		case AT_ResetRelOptions:
		case AT_EnableTrig:
		case AT_DisableTrig:
		case AT_EnableTrigAll:
		case AT_DisableTrigAll:
		case AT_EnableTrigUser:
		case AT_DisableTrigUser:
		case AT_EnableRowSecurity:
		case AT_DisableRowSecurity:
		case AT_ForceRowSecurity:
		case AT_NoForceRowSecurity:
		case AT_AddIdentity:
		case AT_SetIdentity:
		case AT_DropIdentity:
		case AT_AlterConstraint:
		case AT_GenericOptions:
		case AT_AlterColumnGenericOptions:
		case AT_ReplicaIdentity:
		case AT_SetAccessMethod:
			return true;
		default:
			return false;
	}
}

/*
 * Rows in the order of an index tell what is in it.  Without a name it is the
 * one that somebody chose earlier, of this table or of all of the user's.
 */
static void
look_at_cluster(Node *stmt)
{
	Relation	catalog;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;
	List	   *marked = NIL;
	ListCell   *lc;

	if (!CG_CLUSTERS(stmt))
		return;
	if (CG_CLUSTER_RELATION(stmt) != NULL)
	{
		refuse_cluster(cg_gate_resolve(CG_CLUSTER_RELATION(stmt)),
					   CG_CLUSTER_INDEX(stmt));
		return;
	}
	catalog = table_open(IndexRelationId, AccessShareLock);
	ScanKeyInit(&key, Anum_pg_index_indisclustered, BTEqualStrategyNumber,
				F_BOOLEQ, BoolGetDatum(true));
	scan = systable_beginscan(catalog, InvalidOid, false, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		marked = lappend_oid(marked,
							 ((Form_pg_index) GETSTRUCT(tuple))->indrelid);
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	foreach(lc, marked)
		if (cg_owns_relation(lfirst_oid(lc), GetUserId()))
		refuse_cluster(lfirst_oid(lc), NULL);
}

static void
refuse_cluster(Oid relid, const char *name)
{
	const CgProtection *p = cg_gate_forbidden(relid);
	Relation	rel;
	bool		tells = false;
	ListCell   *lc;

	if (p == NULL)
		return;
	if (name != NULL)
		tells = orders_protected(p, name);
	else if ((rel = try_relation_open(relid, AccessShareLock)) != NULL)
	{
		foreach(lc, RelationGetIndexList(rel))
			tells = tells || (get_index_isclustered(lfirst_oid(lc)) &&
							  has_protected(p, lfirst_oid(lc)));
		relation_close(rel, AccessShareLock);
	}
	if (tells)
		cg_gate_refuse(p, "an order of its rows");
}

static bool
orders_protected(const CgProtection *p, const char *name)
{
	return has_protected(p, get_relname_relid(name,
											  get_rel_namespace(p->relid)));
}

/* Has an index of the table a protected column, or an expression? */
static bool
has_protected(const CgProtection *p, Oid oid)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(oid));
	Form_pg_index index;
	bool		result = false;
	int			i;

	if (!HeapTupleIsValid(tuple))
		return false;			/* the statement will say so */
	index = (Form_pg_index) GETSTRUCT(tuple);
	for (i = 0; i < index->indnatts; i++)
		result = result || index->indkey.values[i] == 0 ||
			cg_protected_column(p, index->indkey.values[i]) != NULL;
	ReleaseSysCache(tuple);
	return result;
}

/* A foreign key could compare by a cast of somebody's. */
static bool
is_plain_constraint(Constraint *constraint, const CgProtection *p)
{
	ListCell   *lc;

	if (!IsA(constraint, Constraint) || has_check(list_make1(constraint)))
		return false;
	if (constraint->contype == CONSTR_FOREIGN)
		foreach(lc, constraint->fk_attrs)
			if (cg_protected_column(p, get_attnum(p->relid,
												  strVal(lfirst(lc)))) != NULL)
			return false;
	return true;
}

/* A partition or child that is made with code of its own. */
static void
look_at_create(CreateStmt *stmt)
{
	bool		code = has_check(stmt->constraints);
	ListCell   *lc;

	foreach(lc, stmt->tableElts)
	{
		Node	   *element = lfirst(lc);

		if (IsA(element, ColumnDef))
			code = code || column_has_code((ColumnDef *) element);
		else if (IsA(element, Constraint))
			code = code || has_check(list_make1(element));
		else
			code = true;		/* LIKE */
	}
	if (stmt->partspec != NULL)
		foreach(lc, stmt->partspec->partParams)
			if (lfirst_node(PartitionElem, lc)->expr != NULL)
			code = true;
	if (code)
		foreach(lc, stmt->inhRelations)
			refuse_if_forbidden(lfirst_node(RangeVar, lc),
								"a child with code of its own");
	if (stmt->partbound != NULL)
		refuse_bounds(cg_gate_resolve(linitial_node(RangeVar,
													stmt->inhRelations)));

	/* Of several parents, the code of one would see the rows of another. */
	foreach(lc, stmt->inhRelations)
	{
		Oid			parent = cg_gate_resolve(lfirst_node(RangeVar, lc));
		ListCell   *other;

		if (cg_gate_forbidden(parent) == NULL)
			continue;
		foreach(other, stmt->inhRelations)
		{
			Oid			relid = cg_gate_resolve(lfirst_node(RangeVar, other));

			if (OidIsValid(relid) && cg_gate_forbidden(relid) == NULL)
				refuse_code(lappend_oid(cg_ancestors(relid), relid));
		}
	}
}

/*
 * Bounds of partitions tell where a value is that one may not read: in which
 * partition it gets to.
 */
static void
refuse_bounds(Oid parent)
{
	Relation	rel = OidIsValid(parent) ?
	try_relation_open(parent, AccessShareLock) : NULL;
	const CgProtection *p = NULL;

	if (rel == NULL)
		return;
	if (rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
	{
		PartitionKey key = RelationGetPartitionKey(rel);

		p = cg_gate_forbidden_order(parent, key->partnatts,
									key->partopfamily, key->partattrs);
	}
	relation_close(rel, AccessShareLock);
	if (p != NULL)
		cg_gate_refuse(p, "a partition by the order of values");
}

static void
look_at_trigger(CreateTrigStmt *stmt)
{
	Oid			relid = cg_gate_resolve(stmt->relation);
	const CgProtection *p = cg_gate_forbidden(relid);

	refuse_masking_view(relid);

	if (p != NULL &&
		(stmt->whenClause != NULL ||
		 !cg_gate_function_is_readers(LookupFuncName(stmt->funcname, 0, NULL, true),
									  p)))
		cg_gate_refuse(p, "a trigger");
}

/* A trigger or rule on a masking view would see what readers are shown. */
static void
refuse_masking_view(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	bool		ours;

	if (!HeapTupleIsValid(tuple))
		return;
	ours = ((Form_pg_class) GETSTRUCT(tuple))->relkind == RELKIND_VIEW &&
		((Form_pg_class) GETSTRUCT(tuple))->relowner ==
		get_role_oid(CG_ROLE_MASKER, true);
	ReleaseSysCache(tuple);
	if (ours && !superuser())
	{
		cg_event_refused("trigger on a masking view", relid);
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for a trigger on masking view \"%s\"",
						get_rel_name(relid)),
				 errdetail("It would see what readers are shown."),
				 errhint("Make the trigger on the table.")));
	}
}

/*
 * Parent and child to be: the code of one would come to see the rows of the
 * other.  That of a protected table was looked at when it was made.
 */
static void
look_at_pair(Oid parent, Oid child)
{
	if (!OidIsValid(parent) || !OidIsValid(child))
		return;
	if (cg_gate_forbidden(child) != NULL && cg_gate_forbidden(parent) == NULL)
		refuse_code(lappend_oid(cg_ancestors(parent), parent));
	if (cg_gate_forbidden(parent) != NULL && cg_gate_forbidden(child) == NULL)
		refuse_code(find_all_inheritors(child, NoLock, NULL));
}

static void
refuse_code(List *tables)
{
	ListCell   *lc;

	foreach(lc, tables)
	{
		if (!runs_code(lfirst_oid(lc)))
			continue;
		cg_event_refused("joining a table with a protected one",
						 lfirst_oid(lc));
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to join table \"%s\" with a protected one",
						get_rel_name(lfirst_oid(lc))),
				 errdetail("Its triggers, rules, policies, checks or expressions, or its server, would see values that you may not read."),
				 errhint("Join them first and define these afterwards, or ask somebody who may read.")));
	}
}

static bool
runs_code(Oid relid)
{
	Relation	rel = relation_open(relid, AccessShareLock);
	bool		result;
	ListCell   *lc;
	int			i;

	result = rel->rd_rel->relkind == RELKIND_FOREIGN_TABLE ||
		rel->rd_rules != NULL || has_policy(relid) ||
		(rel->rd_att->constr != NULL &&
		 (rel->rd_att->constr->num_check > 0 ||
		  cg_has_generated(rel->rd_att)));
	for (i = 0; rel->trigdesc != NULL && i < rel->trigdesc->numtriggers; i++)
		result = result || !rel->trigdesc->triggers[i].tgisinternal;
	if (rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		result = result || RelationGetPartitionKey(rel)->partexprs != NIL;
	foreach(lc, RelationGetIndexList(rel))
	{
		Relation	index = relation_open(lfirst_oid(lc), AccessShareLock);

		result = result || !heap_attisnull(index->rd_indextuple,
										   Anum_pg_index_indexprs, NULL) ||
			!heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred,
							NULL);
		relation_close(index, AccessShareLock);
	}
	foreach(lc, RelationGetStatExtList(rel))
	{
		HeapTuple	tuple = SearchSysCache1(STATEXTOID,
											ObjectIdGetDatum(lfirst_oid(lc)));

		if (!HeapTupleIsValid(tuple))
			continue;
		result = result || !heap_attisnull(tuple,
										   Anum_pg_statistic_ext_stxexprs,
										   NULL);
		ReleaseSysCache(tuple);
	}
	relation_close(rel, AccessShareLock);
	return result;
}

static bool
has_policy(Oid relid)
{
	Relation	catalog = table_open(PolicyRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	bool		result;

	ScanKeyInit(&key, Anum_pg_policy_polrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(catalog, PolicyPolrelidPolnameIndexId, true,
							  NULL, 1, &key);
	result = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return result;
}

static bool
column_has_code(ColumnDef *column)
{
	return has_check(column->constraints);
}

static bool
has_check(List *constraints)
{
	ListCell   *lc;

	foreach(lc, constraints)
	{
		Constraint *constraint = lfirst(lc);
		ListCell   *elem;

		if (!IsA(constraint, Constraint))
			continue;
		if (constraint->contype == CONSTR_CHECK ||
			constraint->contype == CONSTR_GENERATED)
			return true;
		if (constraint->contype != CONSTR_EXCLUSION)
			continue;
		if (constraint->where_clause != NULL)
			return true;
		foreach(elem, constraint->exclusions)
			if (linitial_node(IndexElem, lfirst(elem))->expr != NULL)
			return true;
	}
	return false;
}

/*
 * Give a table as its own the labels that it has by inheritance; of one
 * column, or all.
 */
static void
keep_labels(Oid child, const char *column)
{
	AttrNumber	subject;
	Relation	rel;
	int			i;

	if (!OidIsValid(child))
		return;
	rel = relation_open(child, AccessShareLock);
	subject = cg_subject_column(child);
	for (i = 0; i < rel->rd_att->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(rel->rd_att, i);
		const CgCategory *c;
		const char *label;
		ObjectAddress object;

		if (att->attisdropped ||
			(column != NULL && strcmp(NameStr(att->attname), column) != 0))
			continue;
		c = cg_holds_encrypted(att->atttypid) ? NULL :
			cg_column_category(child, att->attnum);
		label = att->attnum == subject ? cg_subject_label(child) :
			c != NULL ? NameStr(c->name) : NULL;
		ObjectAddressSubSet(object, RelationRelationId, child, att->attnum);
		if (label != NULL && GetSecurityLabel(&object, CG_SCHEMA) == NULL)
			SetSecurityLabel(&object, CG_SCHEMA, label);
	}
	relation_close(rel, AccessShareLock);
	CommandCounterIncrement();
	cg_invalidate_family(child);
}

/*
 * The protection of a table, if the current user may not read all of it.  In
 * one that this transaction made, and that is in no family, are no values but
 * its own.
 */
const CgProtection *
cg_gate_forbidden(Oid relid)
{
	const CgProtection *p = OidIsValid(relid) ? cg_protection(relid) : NULL;
	Relation	rel;
	bool		fresh;

	CG_STRESS_RETURN(NULL);
	if (p == NULL || superuser() || cg_reads_freely(p, GetUserId()))
		return NULL;
	rel = try_relation_open(relid, AccessShareLock);
	if (rel == NULL)
		return NULL;
	fresh = rel->rd_createSubid != InvalidSubTransactionId &&
		!rel->rd_rel->relhassubclass && !has_superclass(relid);
	relation_close(rel, AccessShareLock);
	return fresh ? NULL : p;
}

/*
 * The protection of a table, if one of these columns (0: an expression) is
 * there in the order of values that the current user may not read.
 */
const CgProtection *
cg_gate_forbidden_order(Oid relid, int n, const Oid *families,
						const AttrNumber *columns)
{
	const CgProtection *p = OidIsValid(relid) ? cg_protection(relid) : NULL;
	int			i;

	if (p == NULL || superuser())
		return NULL;
	for (i = 0; i < n; i++)
		if (cg_is_order_family(families[i]) &&
			!cg_reads_freely(p, GetUserId()) &&
			(columns[i] == InvalidAttrNumber ||
			 cg_protected_column(p, columns[i]) != NULL))
			return p;
	return NULL;
}

void
cg_gate_refuse(const CgProtection *p, const char *what)
{
	cg_event_refused(what, p->relid);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for %s: table \"%s\" is protected",
					what, get_rel_name(p->relid)),
			 errdetail("It could show or copy values that you may not read, or more of them than you may."),
			 errhint("Ask somebody who may read all its protected columns of everybody, or an officer for %s and %s.",
					 "cipguard.grant_access(..., 'read')",
					 "cipguard.set_budget()")));
}

static void
refuse_if_forbidden(RangeVar *relation, const char *what)
{
	const CgProtection *p = cg_gate_forbidden(cg_gate_resolve(relation));

	if (p != NULL)
		cg_gate_refuse(p, what);
}

/*
 * Is a function the work of somebody who may read the table?  One that comes
 * with PostgreSQL is nobody's: its arguments say what it does.
 */
bool
cg_gate_function_is_readers(Oid func, const CgProtection *p)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(func));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		return true;			/* the statement will say so */
	owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	ReleaseSysCache(tuple);
	if (func < FirstNormalObjectId)
		return false;
	return cg_reads_freely(p, owner);
}
