/*
 * app_claim.c
 *		Text in which an application server says for whom it acts, signed.
 */
#include <string.h>

#include "app_claim.h"
#include "base64.h"

#define FIELDS	5				/* v1, user, expiry, database, binding */

typedef struct Field
{
	const char *s;
	size_t		len;
}			Field;

static bool split_payload(const char *payload, size_t len, Field * fields);
static bool copy_field(const Field * field, char *out, size_t max);
static bool parse_number(const char *s, size_t len, int64_t most,
						 int64_t *number);

CgStatus
cg_app_claim_parse(const char *text, size_t len, CgAppClaim *out)
{
	Field		fields[FIELDS];
	const char *dot;
	size_t		sig_len;
	int64_t		pid = 0;
	CgStatus	status;

	memset(out, 0, sizeof(*out));
	if (len > CG_APP_CLAIM_MAX)
		return CG_E_LIMIT;
	dot = len > 0 ? memchr(text, '.', len) : NULL;
	if (dot == NULL)
		return CG_E_FORMAT;
	status = cg_base64_decode(CG_BASE64_URL, text, (size_t) (dot - text),
							  out->payload, sizeof(out->payload),
							  &out->payload_len);
	if (status != CG_OK)
		return status;
	status = cg_base64_decode(CG_BASE64_URL, dot + 1,
							  len - (size_t) (dot - text) - 1,
							  out->signature, sizeof(out->signature),
							  &sig_len);
	if (status != CG_OK || sig_len != sizeof(out->signature))
		return CG_E_FORMAT;

	if (!split_payload((const char *) out->payload, out->payload_len, fields))
		return CG_E_FORMAT;
	if (fields[0].len != 2 || memcmp(fields[0].s, "v1", 2) != 0 ||
		!copy_field(&fields[1], out->user, CG_APP_USER_MAX) ||
		!parse_number(fields[2].s, fields[2].len, INT64_MAX, &out->expiry) ||
		!copy_field(&fields[3], out->database, CG_APP_DATABASE_MAX) ||
		fields[4].len > CG_APP_BINDING_MAX)
		return CG_E_FORMAT;
	if (fields[4].len >= 4 && memcmp(fields[4].s, "pid=", 4) == 0 &&
		(!parse_number(fields[4].s + 4, fields[4].len - 4, INT32_MAX, &pid) ||
		 pid == 0))
		return CG_E_FORMAT;
	out->pid = (int32_t) pid;
	return CG_OK;
}

/* Control characters would forge lines where the log is printed. */
static bool
split_payload(const char *payload, size_t len, Field * fields)
{
	size_t		start = 0;
	size_t		i;
	int			n = 0;

	for (i = 0; i <= len; i++)
	{
		if (i < len && ((uint8_t) payload[i] < ' ' || payload[i] == 0x7f))
			return false;
		if (i < len && payload[i] != '|')
			continue;
		if (n == FIELDS)
			return false;
		fields[n].s = payload + start;
		fields[n++].len = i - start;
		start = i + 1;
	}
	return n == FIELDS;
}

static bool
copy_field(const Field * field, char *out, size_t max)
{
	if (field->len == 0 || field->len > max)
		return false;
	memcpy(out, field->s, field->len);
	out[field->len] = '\0';
	return true;
}

static bool
parse_number(const char *s, size_t len, int64_t most, int64_t *number)
{
	int64_t		value = 0;
	size_t		i;

	if (len == 0)
		return false;
	for (i = 0; i < len; i++)
	{
		if (s[i] < '0' || s[i] > '9')
			return false;
		if (value > (most - (s[i] - '0')) / 10)
			return false;
		value = value * 10 + (s[i] - '0');
	}
	*number = value;
	return true;
}
