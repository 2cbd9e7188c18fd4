/*
 * session.c
 *		How the client of this session is connected.
 *
 * A parallel worker has no client and must answer like the process for which
 * it works, or a plan would give more by being parallel.  That process's
 * connection stands in the server's own array of the status of processes,
 * whether the library is preloaded or not, and no setting touches it.
 */
#include "postgres.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "access/parallel.h"
#include "libpq/libpq-be.h"
#include "miscadmin.h"
#include "storage/proc.h"

#include "compat.h"

#include "session.h"

static bool of_port(const Port *port, CgSession *result);
static bool of_leader(CgSession *result);
static void set_address(const SockAddr *address, CgSession *result);

const CgSession *
cg_session(void)
{
	static CgSession session;
	static int	known_pid = 0;

	if (known_pid == MyProcPid)
		return &session;
	memset(&session, 0, sizeof(session));
	if (IsParallelWorker() ? !of_leader(&session) :
		!of_port(MyProcPort, &session))
		return NULL;
	known_pid = MyProcPid;
	return &session;
}

static bool
of_port(const Port *port, CgSession *result)
{
	if (port == NULL)
		return true;
	result->client = true;
	result->encrypted = port->ssl_in_use;
#ifdef ENABLE_GSS
	if (port->gss != NULL && be_gssapi_get_enc(unconstify(Port *, port)))
		result->encrypted = true;
#endif
	set_address(&port->raddr, result);
	return true;
}

static bool
of_leader(CgSession *result)
{
	const PGPROC *leader = MyProc->lockGroupLeader;
	int			i;

	if (leader == NULL)
		return false;
	for (i = 1; i <= pgstat_fetch_stat_numbackends(); i++)
	{
		const LocalPgBackendStatus *local = cg_backend_status(i);
		const PgBackendStatus *status;

		if (local == NULL)
			continue;
		status = &local->backendStatus;
		if (status->st_procpid != leader->pid)
			continue;
		result->client = status->st_backendType == B_BACKEND ||
			status->st_backendType == B_WAL_SENDER;
		result->encrypted = status->st_ssl ||
			(status->st_gss && status->st_gssstatus->gss_enc);
		if (result->client)
			set_address(&status->st_clientaddr, result);
		return true;
	}
	return false;
}

/* An IPv4 address that came over an IPv6 socket counts as what it is. */
static void
set_address(const SockAddr *address, CgSession *result)
{
	static const uint8 mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	switch (address->addr.ss_family)
	{
		case AF_UNIX:
			result->local = true;
			break;
		case AF_INET:
			result->bits = 32;
			memcpy(result->address,
				   &((const struct sockaddr_in *) &address->addr)->sin_addr,
				   4);
			break;
		case AF_INET6:
			result->bits = 128;
			memcpy(result->address,
				   &((const struct sockaddr_in6 *) &address->addr)->sin6_addr,
				   16);
			if (memcmp(result->address, mapped, sizeof(mapped)) == 0)
			{
				result->bits = 32;
				memmove(result->address, result->address + sizeof(mapped), 4);
			}
			break;
		default:
			break;
	}
}
