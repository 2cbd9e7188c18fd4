/*
 * guard.c
 *		What would switch the audit off, or change its log, is refused.
 *
 * Triggers of audited tables, objects of the extension, the tables of the
 * log, rows of system catalogs and settings that the audit stands on are out
 * of reach for everybody, owners and superusers included, unless an officer
 * has opened a maintenance window (maintenance.c); then each such act is an
 * event.  What a superuser can still do goes past SQL: files, C functions, a
 * start without the library.  cipguard.policy_statement() shows it.
 *
 * Three hooks look:
 *
 * - object access: triggers, functions, tables and the like as they are
 *	 dropped, altered, made (guard_object.c), whatever the statement was;
 * - utility statements: what has no object of its own (guard_statement.c);
 * - the executor: rows of the log and of system catalogs.
 *
 * A statement may be refused for other reasons, and what it drops along with
 * something else is known late; so offences are collected and judged when it
 * has done its work, which the error rolls back.  What cannot be rolled back
 * is judged before.
 *
 * The extension passes when it acts itself.  Event triggers that run
 * meanwhile do not: see acting.h.  So does the script of the extension, and
 * pg_upgrade, which only moves what was there.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/parallel.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_inherits.h"
#include "commands/extension.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "parser/parsetree.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "compat.h"

#include "acting.h"
#include "audit_relation.h"
#include "catalog.h"
#include "cipguard.h"
#include "event.h"
#include "guard.h"
#include "hold.h"
#include "inval.h"
#include "journal.h"
#include "label.h"
#include "maintenance.h"
#include "plan.h"
#include "protect.h"

typedef struct CgOffence
{
	Oid			relid;
	char	   *relname;
	char	   *phrase;
	bool		audited;		/* the table is, or was, no part of ours */
	bool		allowed;		/* by a window, when it was committed */
} CgOffence;

typedef struct CgFact
{
	const char *what;
	Oid			relid;
	char	   *relname;
	char	   *detail;
} CgFact;

/* A utility statement at work. */
typedef struct CgFrame
{
	struct CgFrame *outer;
	Node	   *stmt;
	MemoryContext context;		/* of the lists; NULL until needed */
	List	   *offences;
	List	   *facts;
	List	   *made;			/* of ObjectAddress */
	List	   *covered;		/* tables that a window covers as others' */
	bool		any;			/* something is audited or protected */
	bool		drops_extension;
	bool		looked;			/* was a window open at the first offence? */
	bool		window;
} CgFrame;

typedef struct CgTouched
{
	Oid			relid;			/* hash key */
	bool		recorded;
} CgTouched;

static void guard_utility(PlannedStmt *pstmt, const char *query_string,
						  bool read_only_tree, ProcessUtilityContext context,
						  ParamListInfo params, QueryEnvironment *env,
						  DestReceiver *dest, QueryCompletion *qc);
static void guard_access(ObjectAccessType access, Oid class_id,
						 Oid object_id, int sub_id, void *arg);
static void guard_start(QueryDesc *queryDesc, int eflags);
static bool is_off(void);
static bool in_script(bool ours);
static void finish(CgFrame *f);
static void judge(Oid relid, const char *relname, const char *phrase,
				  bool allowed);
pg_noreturn static void refuse(Oid relid, const char *phrase);
static void note_window(void);
static void look_at_target(Oid relid);
static void note_superuser(QueryDesc *queryDesc);
static bool was_touched_above(Oid relid);
static void relation_changed(Datum arg, Oid relid);
static void use_context(MemoryContext *old);

static ProcessUtility_hook_type prev_utility = NULL;
static object_access_hook_type prev_access = NULL;
static ExecutorStart_hook_type prev_start = NULL;

static CgFrame *frame = NULL;
static HTAB *touched = NULL;

void
cg_guard_init(void)
{
	prev_utility = ProcessUtility_hook;
	ProcessUtility_hook = guard_utility;
	prev_access = object_access_hook;
	object_access_hook = guard_access;
	prev_start = ExecutorStart_hook;
	ExecutorStart_hook = guard_start;
	cg_on_relcache(relation_changed);
}

/* Nothing is looked at, for whatever reason. */
static bool
is_off(void)
{
	CG_STRESS_RETURN(true);
	return IsBinaryUpgrade || !IsTransactionState() || in_script(true);
}

/* In the script of our extension, or of any. */
static bool
in_script(bool ours)
{
	return creating_extension &&
		(!ours || CurrentExtensionObject == get_extension_oid(CG_SCHEMA, true));
}

/* ---------- statements ---------- */

static void
guard_utility(PlannedStmt *pstmt, const char *query_string,
			  bool read_only_tree, ProcessUtilityContext context,
			  ParamListInfo params, QueryEnvironment *env,
			  DestReceiver *dest, QueryCompletion *qc)
{
	ProcessUtility_hook_type next = prev_utility ? prev_utility :
	standard_ProcessUtility;
	CgFrame    *outer = frame;
	int			depth = cg_utility_depth;
	CgFrame		f;

	/* A part of the statement at work. */
	if (context == PROCESS_UTILITY_SUBCOMMAND && outer != NULL)
	{
		if (!is_off() && cg_utility_depth != cg_acting_depth + 1)
			cg_guard_statement(pstmt->utilityStmt);
		next(pstmt, query_string, read_only_tree, context, params, env, dest,
			 qc);
		return;
	}

	memset(&f, 0, sizeof(f));
	f.outer = outer;
	f.stmt = pstmt->utilityStmt;
	PG_TRY();
	{
		frame = &f;
		cg_utility_depth = depth + 1;
		if (!is_off() && (cg_acting_depth < 0 || cg_acting_depth != depth))
			cg_guard_statement(f.stmt);
		next(pstmt, query_string, read_only_tree, context, params, env, dest,
			 qc);
		if ((f.context != NULL || f.drops_extension) && !is_off())
			finish(&f);
	}
	PG_FINALLY();
	{
		frame = outer;
		cg_utility_depth = depth;
		if (f.context != NULL)
			MemoryContextDelete(f.context);
	}
	PG_END_TRY();
}

static void
use_context(MemoryContext *old)
{
	if (frame->context == NULL)
		frame->context = AllocSetContextCreate(TopMemoryContext,
											   "cipguard guard",
											   ALLOCSET_SMALL_SIZES);
	*old = MemoryContextSwitchTo(frame->context);
}

const char *
cg_guard_command(void)
{
	return frame == NULL ? NULL :
		GetCommandTagName(CreateCommandTag(frame->stmt));
}

void
cg_guard_offend(Oid relid, const char *phrase)
{
	char	   *relname = OidIsValid(relid) && get_rel_name(relid) != NULL ?
	cg_audit_relation_name(relid) : NULL;
	CgOffence  *offence;
	MemoryContext old;

	if (frame == NULL)
	{
		judge(relid, relname, phrase, cg_maintenance_open(relid));
		return;
	}
	note_window();
	use_context(&old);
	offence = palloc(sizeof(CgOffence));
	offence->relid = relid;
	offence->relname = relname == NULL ? NULL : pstrdup(relname);
	offence->phrase = pstrdup(phrase);
	MemoryContextSwitchTo(old);

	/* Now, as the table may have left its parent when it is judged. */
	offence->allowed = list_member_oid(frame->covered, relid) ||
		cg_maintenance_open(relid);
	MemoryContextSwitchTo(frame->context);
	offence->audited = OidIsValid(relid) &&
		get_rel_namespace(relid) != cg_schema_oid();
	frame->offences = lappend(frame->offences, offence);
	MemoryContextSwitchTo(old);
}

/* The table of windows could go along with the extension. */
static void
note_window(void)
{
	if (frame->looked)
		return;
	frame->looked = true;
	frame->window = cg_maintenance_open(InvalidOid);
}

void
cg_guard_offend_now(Oid relid, const char *phrase)
{
	judge(relid, OidIsValid(relid) ? cg_audit_relation_name(relid) : NULL,
		  phrase, cg_maintenance_open(relid));
}

void
cg_guard_cover(Oid relid)
{
	MemoryContext old;

	if (frame == NULL)
		return;
	use_context(&old);
	frame->covered = lappend_oid(frame->covered, relid);
	MemoryContextSwitchTo(old);
}

bool
cg_guard_forget(Oid relid)
{
	/* That of holds says nothing about audit; hold.c looks at the rows. */
	const char *holds = "drop trigger \"" CG_HOLD_TRIGGER "\"";
	ListCell   *lc;
	bool		any = false;

	if (frame == NULL)
		return false;
	foreach(lc, frame->offences)
	{
		CgOffence  *offence = lfirst(lc);

		if (offence->relid != relid)
			continue;
		frame->offences = foreach_delete_current(frame->offences, lc);
		if (strncmp(offence->phrase, holds, strlen(holds)) != 0)
			any = true;
	}
	return any;
}

void
cg_guard_note_any(bool any)
{
	if (frame == NULL || !any)
		return;
	note_window();
	frame->any = true;
}

/*
 * Of what is dropped along with it the extension comes last: triggers of
 * audited tables are among the offences by now, if there were any.
 */
void
cg_guard_drops_extension(void)
{
	ListCell   *lc;

	if (frame == NULL)
		refuse(InvalidOid, CG_GUARD_DROPS_EXTENSION);
	foreach(lc, frame->offences)
		frame->any = frame->any || ((CgOffence *) lfirst(lc))->audited;
	frame->offences = NIL;
	frame->facts = NIL;
	frame->drops_extension = true;
}

void
cg_guard_fact(const char *what, Oid relid, const char *relname,
			  const char *detail)
{
	MemoryContext old;
	CgFact	   *fact;
	ListCell   *lc;

	if (frame == NULL)
	{
		cg_event_done(what, relid, relname, detail);
		return;
	}
	foreach(lc, frame->facts)
	{
		fact = lfirst(lc);
		if (fact->relid == relid && strcmp(fact->what, what) == 0 &&
			strcmp(fact->detail, detail) == 0)
			return;
	}
	if (relname == NULL && OidIsValid(relid))
		relname = cg_audit_relation_name(relid);
	use_context(&old);
	fact = palloc(sizeof(CgFact));
	fact->what = what;
	fact->relid = relid;
	fact->relname = relname == NULL ? NULL : pstrdup(relname);
	fact->detail = pstrdup(detail);
	frame->facts = lappend(frame->facts, fact);
	MemoryContextSwitchTo(old);
}

void
cg_guard_made(Oid class_id, Oid object_id)
{
	MemoryContext old;
	ObjectAddress *object;

	if (frame == NULL)
		return;
	use_context(&old);
	object = palloc(sizeof(ObjectAddress));
	ObjectAddressSet(*object, class_id, object_id);
	frame->made = lappend(frame->made, object);
	MemoryContextSwitchTo(old);
}

/* The statement has done its work. */
static void
finish(CgFrame *f)
{
	ListCell   *lc;

	if (f->drops_extension)
	{
		if (f->any && !f->window)
			refuse(InvalidOid, CG_GUARD_DROPS_EXTENSION);
		return;
	}
	if (f->made != NIL && OidIsValid(cg_schema_oid()))
	{
		CommandCounterIncrement();
		foreach(lc, f->made)
			cg_guard_look_at_made(((ObjectAddress *) lfirst(lc))->classId,
								  ((ObjectAddress *) lfirst(lc))->objectId);
	}
	foreach(lc, f->offences)
	{
		CgOffence  *offence = lfirst(lc);

		judge(offence->relid, offence->relname, offence->phrase,
			  offence->allowed);
	}
	foreach(lc, f->facts)
	{
		CgFact	   *fact = lfirst(lc);

		cg_event_done(fact->what, fact->relid, fact->relname, fact->detail);
	}
}

/* Refuse, or record what the maintenance window allows. */
static void
judge(Oid relid, const char *relname, const char *phrase, bool allowed)
{
	if (allowed)
	{
		cg_event_done("maintenance", relid, relname, phrase);
		return;
	}
	refuse(relid, phrase);
}

static void
refuse(Oid relid, const char *phrase)
{
	cg_event_refused(phrase, relid);
	ereport(ERROR,
			(errcode(CG_ERRCODE_GUARDED),
			 errmsg("cannot %s: the audit is guarded", phrase),
			 errdetail("It would change what is recorded, or the records."),
			 errhint("A member of %s can open a recorded window for it with %s.",
					 CG_ROLE_OFFICER, "cipguard.open_maintenance(reason)")));
}

/* ---------- objects ---------- */

static void
guard_access(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id,
			 void *arg)
{
	if (prev_access)
		prev_access(access, class_id, object_id, sub_id, arg);
	if (access == OAT_FUNCTION_EXECUTE || access == OAT_NAMESPACE_SEARCH ||
		is_off())
		return;
	/* The schema may be gone when the extension is dropped. */
	if (class_id != ExtensionRelationId && !OidIsValid(cg_schema_oid()))
		return;
	if (cg_acting_depth >= 0 && (cg_utility_depth == cg_acting_depth ||
								 cg_utility_depth == cg_acting_depth + 1))
		return;
	cg_guard_object(access, class_id, object_id, sub_id);
}

/* ---------- rows ---------- */

static void
guard_start(QueryDesc *queryDesc, int eflags)
{
	PlannedStmt *plan = queryDesc->plannedstmt;
	ListCell   *lc;

	if (prev_start)
		prev_start(queryDesc, eflags);
	else
		standard_ExecutorStart(queryDesc, eflags);
	if (plan->rtable == NIL || is_off())
		return;
	if ((eflags & EXEC_FLAG_EXPLAIN_ONLY) == 0)
		foreach(lc, cg_result_relations(plan))
			look_at_target(rt_fetch(lfirst_int(lc), plan->rtable)->relid);
	if (cg_preloaded)
		note_superuser(queryDesc);
}

/*
 * Scripts of other extensions may write catalogs; they are the work of
 * whoever installed their files.
 */
static void
look_at_target(Oid relid)
{
	bool		catalog = IsCatalogRelationOid(relid);
	Oid			nspoid;

	if (cg_acting_depth >= 0 && cg_utility_depth == cg_acting_depth)
		return;
	if (catalog && in_script(false) && frame != NULL &&
		(IsA(frame->stmt, CreateExtensionStmt) ||
		 IsA(frame->stmt, AlterExtensionStmt) ||
		 (IsA(frame->stmt, DoStmt) && frame->outer != NULL &&
		  (IsA(frame->outer->stmt, CreateExtensionStmt) ||
		   IsA(frame->outer->stmt, AlterExtensionStmt)))))
		return;
	nspoid = cg_schema_oid();
	if (!OidIsValid(nspoid))
		return;
	if (catalog)
		cg_guard_offend_now(relid, psprintf("change rows of system catalog \"%s\"",
											get_rel_name(relid)));
	else if (get_rel_namespace(relid) == nspoid &&
			 (cg_guard_kind(relid) & CG_GUARD_LOG) != 0)
		cg_guard_offend_now(relid, psprintf("change rows of \"%s\", which is part of the log",
											get_rel_name(relid)));
	else if (get_rel_namespace(relid) == nspoid)
		cg_guard_register(relid);
}

/*
 * Our registers say who may see what.  pg_write_all_data was not given to
 * anybody to decide that: what counts is a privilege on the table itself.
 */
void
cg_guard_register(Oid relid)
{
	const AclMode writes = ACL_INSERT | ACL_UPDATE | ACL_DELETE;
	Oid			user = GetUserId();
	HeapTuple	tuple;
	Datum		acl;
	bool		isnull;
	bool		granted;

	if (superuser_arg(user) ||
		!has_privs_of_role(user, ROLE_PG_WRITE_ALL_DATA))
		return;					/* what he may is by the ACL */
	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	if (!HeapTupleIsValid(tuple))
		return;
	acl = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_relacl, &isnull);
	granted = !isnull &&
		aclmask(DatumGetAclP(acl), user,
				((Form_pg_class) GETSTRUCT(tuple))->relowner, writes,
				ACLMASK_ANY) != 0;
	ReleaseSysCache(tuple);
	if (!granted && pg_attribute_aclcheck_all(relid, user, writes,
											  ACLMASK_ANY) != ACLCHECK_OK)
		cg_guard_offend_now(relid, psprintf("change rows of \"%s\", which was not granted on the table itself",
											get_rel_name(relid)));
}

/* Each protected table that a superuser touches, once in a session. */
static void
note_superuser(QueryDesc *queryDesc)
{
	ListCell   *lc;

	if (!IsUnderPostmaster || MyBackendType != B_BACKEND ||
		IsParallelWorker() ||
		(!superuser_arg(GetAuthenticatedUserId()) &&
		 !superuser_arg(GetSessionUserId())) || !cg_search_ready())
		return;
	if (touched == NULL)
	{
		HASHCTL		ctl;

		ctl.keysize = sizeof(Oid);
		ctl.entrysize = sizeof(CgTouched);
		ctl.hcxt = CacheMemoryContext;
		touched = hash_create("cipguard touched tables", 64, &ctl,
							  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	foreach(lc, queryDesc->plannedstmt->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);
		CgTouched  *entry;
		bool		found;

		if (rte->rtekind != RTE_RELATION || rte->relid < FirstNormalObjectId)
			continue;
		(void) hash_search(touched, &rte->relid, HASH_FIND, &found);
		if (found || was_touched_above(rte->relid))
			continue;
		if (cg_protection(rte->relid) != NULL)
			cg_journal_event("superuser", rte->relid, "");
		entry = hash_search(touched, &rte->relid, HASH_ENTER, &found);
		entry->recorded = cg_protection(rte->relid) != NULL;
	}
}

/* Partitions come along with their parent. */
static bool
was_touched_above(Oid relid)
{
	ListCell   *lc;

	if (!has_superclass(relid))
		return false;
	foreach(lc, cg_ancestors(relid))
	{
		Oid			ancestor = lfirst_oid(lc);
		CgTouched  *entry = hash_search(touched, &ancestor, HASH_FIND, NULL);

		if (entry != NULL && entry->recorded)
			return true;
	}
	return false;
}

/* A table that was plain may not be by now. */
static void
relation_changed(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS status;
	CgTouched  *entry;

	if (touched == NULL)
		return;
	if (OidIsValid(relid))
	{
		entry = hash_search(touched, &relid, HASH_FIND, NULL);
		if (entry != NULL && !entry->recorded)
			(void) hash_search(touched, &relid, HASH_REMOVE, NULL);
		return;
	}
	hash_seq_init(&status, touched);
	while ((entry = hash_seq_search(&status)) != NULL)
		if (!entry->recorded)
			(void) hash_search(touched, &entry->relid, HASH_REMOVE, NULL);
}
