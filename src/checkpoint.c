/*
 * checkpoint.c
 *		Signed state of a log, as text: c2sp.org/tlog-checkpoint within
 *		c2sp.org/signed-note.
 *
 * Parsing is strict where the formats are: numbers without leading zeros,
 * base64 with padding, nothing after the last signature.  Text from outside is
 * never echoed from here.
 */
#include <string.h>

#include "base64.h"
#include "checkpoint.h"

#define ED25519_NOTE	0x01	/* signature type in key ids and verifiers */
#define DASH			"\xe2\x80\x94 " /* U+2014 and a space */
#define DASH_LEN		4
#define SIG_BYTES		(CG_NOTE_ID_LEN + CG_ED25519_SIG_LEN)

static bool next_line(const char **p, const char *end,
					  const char **line, size_t *len);
static CgStatus parse_body(CgCheckpoint *out, const char *p, const char *end);
static bool parse_size(const char *text, size_t len, uint64_t *size);
static size_t format_size(uint64_t size, char *out);
static bool is_signature_line(const char *line, size_t len);
static CgStatus note_id(const char *name, size_t name_len,
						const uint8_t *key, uint8_t id[CG_NOTE_ID_LEN]);

bool
cg_origin_valid(const char *origin, size_t len)
{
	size_t		i;

	if (len == 0 || len > CG_MAX_ORIGIN)
		return false;
	for (i = 0; i < len; i++)
		if ((uint8_t) origin[i] <= ' ' || origin[i] == 0x7f ||
			origin[i] == '+')
			return false;
	/* Spaces of Unicode, by their bytes in UTF-8, are not let in either. */
	for (i = 0; i + 1 < len; i++)
		if (((uint8_t) origin[i] == 0xc2 &&
			 ((uint8_t) origin[i + 1] == 0x85 ||
			  (uint8_t) origin[i + 1] == 0xa0)) ||
			(i + 2 < len &&
			 (memcmp(origin + i, "\xe1\x9a\x80", 3) == 0 ||
			  memcmp(origin + i, "\xe3\x80\x80", 3) == 0 ||
			  memcmp(origin + i, "\xe2\x81\x9f", 3) == 0 ||
			  (memcmp(origin + i, "\xe2\x80", 2) == 0 &&
			   ((uint8_t) origin[i + 2] <= 0x8a ||
				((uint8_t) origin[i + 2] >= 0xa8 &&
				 (uint8_t) origin[i + 2] <= 0xaf))))))
			return false;
	return true;
}

size_t
cg_checkpoint_write(const char *origin, size_t origin_len, uint64_t size,
					const uint8_t root[CG_MERKLE_LEN],
					const char *more, size_t more_len,
					char *out, size_t cap)
{
	char	   *p = out;

	if (!cg_origin_valid(origin, origin_len) ||
		more_len > CG_CHECKPOINT_MAX ||
		cap < CG_CHECKPOINT_HEAD_MAX + more_len)
		return 0;
	memcpy(p, origin, origin_len);
	p += origin_len;
	*p++ = '\n';
	p += format_size(size, p);
	*p++ = '\n';
	p += cg_base64_encode(CG_BASE64_STD, root, CG_MERKLE_LEN, p);
	*p++ = '\n';
	if (more_len > 0)
		memcpy(p, more, more_len);
	return (size_t) (p - out) + more_len;
}

CgStatus
cg_checkpoint_parse(const char *text, size_t len, CgCheckpoint *out)
{
	const char *end = text + len;
	const char *p;
	const char *line;
	size_t		line_len;
	size_t		i;

	memset(out, 0, sizeof(*out));
	if (len > CG_CHECKPOINT_MAX)
		return CG_E_LIMIT;
	if (len == 0 || text[len - 1] != '\n')
		return CG_E_FORMAT;
	for (i = 0; i < len; i++)
		if (((uint8_t) text[i] < ' ' && text[i] != '\n') || text[i] == 0x7f)
			return CG_E_FORMAT;

	/* The last empty line parts text and signatures. */
	for (i = len - 1; i > 0; i--)
		if (text[i] == '\n' && text[i - 1] == '\n')
			break;
	if (i == 0)
		return CG_E_FORMAT;
	out->signed_len = i;
	out->signatures = text + i + 1;
	out->signatures_len = len - i - 1;
	if (out->signatures_len == 0)
		return CG_E_FORMAT;
	for (p = out->signatures; next_line(&p, end, &line, &line_len);)
		if (!is_signature_line(line, line_len))
			return CG_E_FORMAT;
	return parse_body(out, text, text + out->signed_len);
}

const char *
cg_checkpoint_line(const CgCheckpoint *checkpoint, const char *name,
				   size_t *len)
{
	const char *p = checkpoint->more;
	const char *end = p + checkpoint->more_len;
	size_t		name_len = strlen(name);
	const char *line;
	size_t		line_len;

	while (next_line(&p, end, &line, &line_len))
		if (line_len > name_len && line[name_len] == ' ' &&
			memcmp(line, name, name_len) == 0)
		{
			*len = line_len - name_len - 1;
			return line + name_len + 1;
		}
	*len = 0;
	return NULL;
}

size_t
cg_note_signature(const char *name, size_t name_len,
				  const uint8_t key[CG_ED25519_KEY_LEN],
				  const uint8_t sig[CG_ED25519_SIG_LEN], char *out)
{
	uint8_t		bytes[SIG_BYTES];
	char	   *p = out;

	if (!cg_origin_valid(name, name_len) ||
		note_id(name, name_len, key, bytes) != CG_OK)
		return 0;
	memcpy(bytes + CG_NOTE_ID_LEN, sig, CG_ED25519_SIG_LEN);
	memcpy(p, DASH, DASH_LEN);
	p += DASH_LEN;
	memcpy(p, name, name_len);
	p += name_len;
	*p++ = ' ';
	p += cg_base64_encode(CG_BASE64_STD, bytes, sizeof(bytes), p);
	*p++ = '\n';
	return (size_t) (p - out);
}

size_t
cg_note_verifier(const char *name, size_t name_len,
				 const uint8_t key[CG_ED25519_KEY_LEN], char *out)
{
	static const char hex[] = "0123456789abcdef";
	uint8_t		id[CG_NOTE_ID_LEN];
	uint8_t		typed[1 + CG_ED25519_KEY_LEN];
	char	   *p = out;
	int			i;

	if (!cg_origin_valid(name, name_len) ||
		note_id(name, name_len, key, id) != CG_OK)
		return 0;
	memcpy(p, name, name_len);
	p += name_len;
	*p++ = '+';
	for (i = 0; i < CG_NOTE_ID_LEN; i++)
	{
		*p++ = hex[id[i] >> 4];
		*p++ = hex[id[i] & 0x0f];
	}
	*p++ = '+';
	typed[0] = ED25519_NOTE;
	memcpy(typed + 1, key, CG_ED25519_KEY_LEN);
	p += cg_base64_encode(CG_BASE64_STD, typed, sizeof(typed), p);
	return (size_t) (p - out);
}

/* A line of another key, a witness's for example, is passed over. */
CgStatus
cg_checkpoint_verify(const char *text, const CgCheckpoint *checkpoint,
					 const char *name, size_t name_len,
					 const uint8_t key[CG_ED25519_KEY_LEN])
{
	const char *p = checkpoint->signatures;
	const char *end = p + checkpoint->signatures_len;
	const char *line;
	size_t		line_len;
	uint8_t		id[CG_NOTE_ID_LEN];
	CgStatus	status = note_id(name, name_len, key, id);

	if (status != CG_OK)
		return status;
	while (next_line(&p, end, &line, &line_len))
	{
		uint8_t		bytes[SIG_BYTES];
		size_t		start = DASH_LEN + name_len + 1;
		size_t		len;

		if (line_len <= start || line[start - 1] != ' ' ||
			memcmp(line + DASH_LEN, name, name_len) != 0 ||
			cg_base64_decode(CG_BASE64_STD, line + start, line_len - start,
							 bytes, sizeof(bytes), &len) != CG_OK ||
			len != sizeof(bytes) || memcmp(bytes, id, sizeof(id)) != 0)
			continue;
		return cg_ed25519_verify(key, text, checkpoint->signed_len,
								 bytes + CG_NOTE_ID_LEN);
	}
	return CG_E_LIMIT;
}

/* The next line without its end, which must be there. */
static bool
next_line(const char **p, const char *end, const char **line, size_t *len)
{
	const char *stop;

	if (*p >= end ||
		(stop = memchr(*p, '\n', (size_t) (end - *p))) == NULL)
		return false;
	*line = *p;
	*len = (size_t) (stop - *p);
	*p = stop + 1;
	return true;
}

static CgStatus
parse_body(CgCheckpoint *out, const char *p, const char *end)
{
	const char *line;
	size_t		len;
	size_t		root_len;

	if (!next_line(&p, end, &line, &len) || !cg_origin_valid(line, len))
		return CG_E_FORMAT;
	out->origin = line;
	out->origin_len = len;
	if (!next_line(&p, end, &line, &len) ||
		!parse_size(line, len, &out->size))
		return CG_E_FORMAT;
	if (!next_line(&p, end, &line, &len) ||
		cg_base64_decode(CG_BASE64_STD, line, len, out->root,
						 CG_MERKLE_LEN, &root_len) != CG_OK ||
		root_len != CG_MERKLE_LEN)
		return CG_E_FORMAT;
	out->more = p;
	out->more_len = (size_t) (end - p);
	while (next_line(&p, end, &line, &len))
		if (len == 0)
			return CG_E_FORMAT;
	return CG_OK;
}

/* Up to the largest number of blocks there can be, INT64_MAX. */
static bool
parse_size(const char *text, size_t len, uint64_t *size)
{
	uint64_t	value = 0;
	size_t		i;

	if (len == 0 || len > 19 || (len > 1 && text[0] == '0'))
		return false;
	for (i = 0; i < len; i++)
	{
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (uint64_t) (text[i] - '0');
	}
	*size = value;
	return value <= INT64_MAX;
}

static size_t
format_size(uint64_t size, char *out)
{
	char		digits[20];
	size_t		n = 0;
	size_t		i;

	do
	{
		digits[n++] = (char) ('0' + size % 10);
		size /= 10;
	} while (size > 0);
	for (i = 0; i < n; i++)
		out[i] = digits[n - 1 - i];
	return n;
}

/* U+2014, a name, and base64 of more than a key id. */
static bool
is_signature_line(const char *line, size_t len)
{
	uint8_t		bytes[CG_CHECKPOINT_MAX];
	const char *space;
	size_t		n;

	if (len <= DASH_LEN || memcmp(line, DASH, DASH_LEN) != 0)
		return false;
	line += DASH_LEN;
	len -= DASH_LEN;
	space = memchr(line, ' ', len);
	if (space == NULL || !cg_origin_valid(line, (size_t) (space - line)))
		return false;
	len -= (size_t) (space - line) + 1;
	return cg_base64_decode(CG_BASE64_STD, space + 1, len, bytes,
							sizeof(bytes), &n) == CG_OK &&
		n > CG_NOTE_ID_LEN;
}

static CgStatus
note_id(const char *name, size_t name_len, const uint8_t *key,
		uint8_t id[CG_NOTE_ID_LEN])
{
	uint8_t		data[CG_MAX_ORIGIN + 2 + CG_ED25519_KEY_LEN];
	uint8_t		hash[CG_SHA256_LEN];

	if (name_len > CG_MAX_ORIGIN)
		return CG_E_LIMIT;
	memcpy(data, name, name_len);
	data[name_len] = '\n';
	data[name_len + 1] = ED25519_NOTE;
	memcpy(data + name_len + 2, key, CG_ED25519_KEY_LEN);
	if (cg_sha256(data, name_len + 2 + CG_ED25519_KEY_LEN, hash) != CG_OK)
		return CG_E_CRYPTO;
	memcpy(id, hash, CG_NOTE_ID_LEN);
	return CG_OK;
}
