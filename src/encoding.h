/*
 * encoding.h
 *		Text between the encoding of the database and UTF-8, in which values are
 *		encrypted, validated and masked.
 */
#ifndef CG_ENCODING_H
#define CG_ENCODING_H

#include "mb/pg_wchar.h"

/*
 * Both return the text itself where nothing is to be done: text of the
 * database is valid in its encoding, and what comes back was.
 */
static inline const char *
cg_to_utf8(const char *text, Size *len)
{
	char	   *utf8;

	if (GetDatabaseEncoding() == PG_UTF8)
		return text;
	utf8 = pg_server_to_any(text, *len, PG_UTF8);
	if (utf8 != text)
		*len = strlen(utf8);
	return utf8;
}

static inline char *
cg_from_utf8(char *text, Size *len)
{
	char	   *server;

	if (GetDatabaseEncoding() == PG_UTF8)
		return text;
	server = pg_any_to_server(text, *len, PG_UTF8);
	if (server != text)
		*len = strlen(server);
	return server;
}

#endif							/* CG_ENCODING_H */
