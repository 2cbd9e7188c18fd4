/*
 * network.c
 *		Networks that clients come from.
 */
#include "postgres.h"

#include <sys/socket.h>

#include "common/ip.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/inet.h"

#include "compat.h"

#include "network.h"
#include "rule.h"

static const char *parse_one(const char *text, CgNetwork *network);
static bool same_bits(const uint8 *a, const uint8 *b, int bits);

int
cg_networks_parse(const char *text, CgNetwork **networks,
				  const char **problem)
{
	char	  **words;
	int			n = cg_rule_words(text, &words);
	int			i;

	*networks = palloc(Max(n, 1) * sizeof(CgNetwork));
	for (i = 0; i < n; i++)
	{
		*problem = parse_one(words[i], &(*networks)[i]);
		if (*problem != NULL)
			return -1;
	}
	if (n == 0)
		*problem = "it names no network";
	return n == 0 ? -1 : n;
}

static const char *
parse_one(const char *text, CgNetwork *network)
{
	uint8		masked[16] = {0};
	int			family = strchr(text, ':') ? PGSQL_AF_INET6 : PGSQL_AF_INET;

	memset(network, 0, sizeof(*network));
	if (strcmp(text, "local") == 0)
		return NULL;
	network->size = family == PGSQL_AF_INET ? 32 : 128;
	network->bits = pg_inet_net_pton(family, text, network->address, -1);
	if (network->bits < 0 || network->bits > network->size)
		return psprintf("\"%s\" is no network", text);
	/* A host with the length of a network is somebody's mistake. */
	memcpy(masked, network->address, network->bits / 8);
	if (network->bits % 8 != 0)
		masked[network->bits / 8] = network->address[network->bits / 8] &
			(0xff << (8 - network->bits % 8));
	if (memcmp(masked, network->address, sizeof(masked)) != 0)
		return psprintf("\"%s\" has bits set to the right of the mask", text);
	return NULL;
}

bool
cg_networks_match(const CgNetwork *networks, int n, const CgSession *session)
{
	int			i;

	for (i = 0; i < n; i++)
		if (networks[i].size == 0 ? session->local :
			(networks[i].size == session->bits &&
			 same_bits(networks[i].address, session->address,
					   networks[i].bits)))
			return true;
	return false;
}

static bool
same_bits(const uint8 *a, const uint8 *b, int bits)
{
	return memcmp(a, b, bits / 8) == 0 &&
		(bits % 8 == 0 ||
		 ((a[bits / 8] ^ b[bits / 8]) & (0xff << (8 - bits % 8)) & 0xff) == 0);
}
