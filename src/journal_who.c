/*
 * journal_who.c
 *		Whom a record of the disclosure journal names.
 *
 * Names are looked up when the role, the claims or the application change, or
 * a role was altered, and not for each statement.
 *
 * A parallel worker is known by the process for which it works, and by that
 * one's session and address, which it finds in shared memory: a place for each
 * process, set before workers are started.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "libpq/libpq-be.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "compat.h"

#include "app_token.h"
#include "audit_store.h"
#include "catalog.h"
#include "cipguard.h"
#include "journal_who.h"

static void request_memory(void);
static void attach_memory(void);
static void role_changed(Datum arg, int cacheid, uint32 hash);
static void look_up(const char *app_user, bool verified);
static void name_port_user(void);
static void copy_name(char *to, Size size, const char *from);
static void copy_address(void);
static int64 current_session(void);

/* What a process tells those that work for it. */
typedef struct CgShared
{
	int64		session;
	char		address[sizeof(((CgWho *) NULL)->address)];
} CgShared;

static const CgShared *leader_shared(void);

static CgWho who;
static int	who_pid = 0;		/* process of who */
static uint64 who_generation = 0;	/* generation of its names */
static uint64 generation = 1;	/* grows when a role was altered */

static CgShared *shared = NULL; /* of each process; in shared memory */
static shmem_request_hook_type prev_request = NULL;
static shmem_startup_hook_type prev_startup = NULL;

void
cg_journal_who_init(void)
{
	prev_request = shmem_request_hook;
	shmem_request_hook = request_memory;
	prev_startup = shmem_startup_hook;
	shmem_startup_hook = attach_memory;
	CacheRegisterSyscacheCallback(AUTHOID, role_changed, (Datum) 0);
}

static void
request_memory(void)
{
	if (prev_request)
		prev_request();
	RequestAddinShmemSpace(mul_size(MaxBackends, sizeof(CgShared)));
}

static void
attach_memory(void)
{
	bool		found;

	if (prev_startup)
		prev_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared = ShmemInitStruct("cipguard sessions",
							 mul_size(MaxBackends, sizeof(CgShared)), &found);
	if (!found)
		memset(shared, 0, mul_size(MaxBackends, sizeof(CgShared)));
	LWLockRelease(AddinShmemInitLock);
}

static void
role_changed(Datum arg, int cacheid, uint32 hash)
{
	generation++;
}

void
cg_journal_share_session(void)
{
	int			number = cg_proc_number(MyProc);

	if (shared == NULL || number < 0 || number >= MaxBackends)
		return;
	shared[number].session = current_session();
	if (who_pid != MyProcPid)
		copy_address();
	strlcpy(shared[number].address, who.address,
			sizeof(shared[number].address));
}

/* Of a parallel worker: what its leader tells, or NULL. */
static const CgShared *
leader_shared(void)
{
	PGPROC	   *leader = MyProc->lockGroupLeader;
	int			number = leader == NULL ? -1 : cg_proc_number(leader);

	return shared == NULL || number < 0 || number >= MaxBackends ? NULL :
		&shared[number];
}

static int64
current_session(void)
{
	if (IsParallelWorker())
	{
		const CgShared *leader = leader_shared();

		return leader == NULL ? 0 : leader->session;
	}
	return OidIsValid(cg_schema_oid()) ? cg_audit_session() : 0;
}

const CgWho *
cg_journal_who(void)
{
	const char *app_user;
	bool		verified;

	/* There are no catalogs before there is a database. */
	if (!IsTransactionState() || !OidIsValid(MyDatabaseId))
	{
		if (who_pid != MyProcPid)
			name_port_user();
		return &who;
	}
	/* A token expires without any change of a setting. */
	app_user = cg_app_identity(&verified);
	if (who_pid != MyProcPid || who.stamp == 0 ||
		who.user != GetUserId() || who.login != GetAuthenticatedUserId() ||
		who.session_user != GetSessionUserId() ||
		who.claims != cg_claim_generation ||
		who_generation != generation ||
		strncmp(who.application, application_name, NAMEDATALEN - 1) != 0 ||
		verified != ((who.flags & CG_FRAME_VERIFIED) != 0) ||
		(verified && strcmp(who.app_user, app_user) != 0))
		look_up(app_user, verified);
	return &who;
}

static void
look_up(const char *app_user, bool verified)
{
	static uint64 stamps = 0;

	who.stamp = 0;				/* until all is done */
	if (who_pid != MyProcPid)
		copy_address();
	who_pid = MyProcPid;
	who_generation = generation;
	who.claims = cg_claim_generation;
	who.user = GetUserId();
	who.login = GetAuthenticatedUserId();
	who.session_user = GetSessionUserId();
	who.pid = MyProc->lockGroupLeader != NULL ?
		MyProc->lockGroupLeader->pid : MyProcPid;
	copy_name(who.user_name, sizeof(who.user_name),
			  GetUserNameFromId(who.user, true));
	copy_name(who.login_name, sizeof(who.login_name),
			  GetUserNameFromId(who.login, true));
	copy_name(who.app_user, sizeof(who.app_user), app_user);
	who.flags = verified ? CG_FRAME_VERIFIED : 0;
	if (superuser_arg(who.user) || superuser_arg(who.login))
		who.flags |= CG_FRAME_SUPERUSER;
	copy_name(who.purpose, sizeof(who.purpose), cg_purpose);
	copy_name(who.application, sizeof(who.application), application_name);
	who.session = current_session();
	who.stamp = ++stamps;
}

/* Before there is a role: the name that the client gave. */
static void
name_port_user(void)
{
	memset(&who, 0, sizeof(who));
	copy_address();
	who_pid = MyProcPid;
	who.pid = MyProcPid;
	if (MyProcPort != NULL)
	{
		copy_name(who.login_name, sizeof(who.login_name),
				  MyProcPort->user_name);
		copy_name(who.application, sizeof(who.application),
				  MyProcPort->application_name);
	}
}

static void
copy_name(char *to, Size size, const char *from)
{
	strlcpy(to, from == NULL ? "" : from, size);
}

static void
copy_address(void)
{
	LOCAL_FCINFO(fcinfo, 0);
	Datum		result;
	char	   *s;

	who.address[0] = '\0';
	if (IsParallelWorker())
	{
		const CgShared *leader = leader_shared();

		if (leader != NULL)
			copy_name(who.address, sizeof(who.address), leader->address);
		return;
	}
	if (MyProcPort == NULL)
		return;
	InitFunctionCallInfoData(*fcinfo, NULL, 0, InvalidOid, NULL, NULL);
	result = inet_client_addr(fcinfo);
	if (fcinfo->isnull)
		return;
	s = DatumGetCString(DirectFunctionCall1(inet_out, result));
	copy_name(who.address, sizeof(who.address), s);
	pfree(s);
}

static void
set_text(CgFrame *frame, int i, const char *s)
{
	frame->text[i].s = s;
	frame->text[i].len = (uint16) strlen(s);
}

void
cg_journal_name_frame(CgFrame *frame, const CgWho *by)
{
	frame->session = by->session;
	frame->pid = (uint32) by->pid;
	frame->user = by->user;
	frame->login = by->login;
	frame->flags |= by->flags;
}

void
cg_journal_name_texts(CgFrame *frame, const CgWho *by)
{
	set_text(frame, CG_FRAME_USER, by->user_name);
	set_text(frame, CG_FRAME_LOGIN, by->login_name);
	set_text(frame, CG_FRAME_APP_USER, by->app_user);
	set_text(frame, CG_FRAME_PURPOSE, by->purpose);
	set_text(frame, CG_FRAME_APPLICATION, by->application);
	set_text(frame, CG_FRAME_ADDRESS, by->address);
}
