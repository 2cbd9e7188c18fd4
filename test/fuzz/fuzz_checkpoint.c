/*
 * fuzz_checkpoint.c
 *		libFuzzer target: signed checkpoints of the log.
 *
 * The input is a text that may be a checkpoint: what is parsed must lie in it,
 * and be written back as it was.  And it is the parts of one that is written
 * and signed: that must be read back, and verify; and with any bit of it
 * changed, or cut, it must not.
 */
#include "checkpoint.h"
#include "fuzz.h"

#define MORE_MAX	64

static uint8_t key[CG_ED25519_KEY_LEN];
static const uint8_t seed[CG_ED25519_SEED_LEN] = {1, 2, 3};

static void
try_text(const char *text, size_t size)
{
	CgCheckpoint c;
	CgStatus	status = cg_checkpoint_parse(text, size, &c);
	const char *line;
	char	   *out;
	size_t		cap;
	size_t		len;

	if (status != CG_OK)
	{
		REQUIRE(status == CG_E_FORMAT ||
				(status == CG_E_LIMIT && size > CG_CHECKPOINT_MAX));
		return;
	}
	REQUIRE(cg_origin_valid(c.origin, c.origin_len));
	REQUIRE(c.origin == text && c.origin_len <= CG_MAX_ORIGIN);
	REQUIRE(c.more >= text && c.more + c.more_len == text + c.signed_len);
	REQUIRE(c.signatures == text + c.signed_len + 1);
	REQUIRE(c.signatures + c.signatures_len == text + size);
	cap = CG_CHECKPOINT_HEAD_MAX + c.more_len;
	out = fuzz_buffer(cap);
	len = cg_checkpoint_write(c.origin, c.origin_len, c.size, c.root, c.more,
							  c.more_len, out, cap);
	REQUIRE(len == c.signed_len && memcmp(out, text, len) == 0);
	REQUIRE(cg_checkpoint_write(c.origin, c.origin_len, c.size, c.root,
								c.more, c.more_len, out, cap - 1) == 0);
	free(out);
	line = cg_checkpoint_line(&c, "timeline", &len);
	REQUIRE(line == NULL || (line > c.more &&
							 line + len < c.more + c.more_len));
	REQUIRE(cg_checkpoint_verify(text, &c, c.origin, c.origin_len, key) !=
			CG_E_CRYPTO);
}

/* Does it verify under our key? */
static bool
holds(const void *note, size_t size, const char *origin)
{
	char	   *text = fuzz_copy(note, size);
	CgCheckpoint c;
	bool		good;

	good = cg_checkpoint_parse(text, size, &c) == CG_OK &&
		cg_checkpoint_verify(text, &c, origin, strlen(origin), key) == CG_OK;
	free(text);
	return good;
}

static void
try_written(FuzzInput in)
{
	static const char origin[] = "log.example/1";
	char		note[CG_CHECKPOINT_HEAD_MAX + MORE_MAX + CG_NOTE_LINE_MAX];
	uint8_t		root[CG_MERKLE_LEN];
	uint64_t	leaves = fuzz_number(&in, 8) >> 1;
	char		more[MORE_MAX];
	size_t		more_len;
	size_t		bit = fuzz_number(&in, 2);
	const uint8_t *bytes;
	uint8_t		sig[CG_ED25519_SIG_LEN];
	char	   *line = fuzz_buffer(CG_NOTE_LINE_MAX);
	size_t		len;
	size_t		line_len;
	size_t		i;
	CgCheckpoint c;

	fuzz_fill(&in, root, sizeof(root));
	bytes = fuzz_bytes(&in, MORE_MAX - 1, &more_len);
	for (i = 0; i < more_len; i++)
		more[i] = (char) ('!' + bytes[i] % 94);
	if (more_len > 0)
		more[more_len++] = '\n';
	len = cg_checkpoint_write(origin, strlen(origin), leaves, root, more,
							  more_len, note,
							  CG_CHECKPOINT_HEAD_MAX + more_len);
	REQUIRE(len > 0);
	REQUIRE(cg_ed25519_sign(seed, note, len, sig) == CG_OK);
	line_len = cg_note_signature(origin, strlen(origin), key, sig, line);
	REQUIRE(line_len > 0 && line_len <= CG_NOTE_LINE_MAX);
	note[len] = '\n';
	memcpy(note + len + 1, line, line_len);
	len += 1 + line_len;
	free(line);

	REQUIRE(cg_checkpoint_parse(note, len, &c) == CG_OK);
	REQUIRE(c.size == leaves && memcmp(c.root, root, sizeof(root)) == 0);
	REQUIRE(c.more_len == more_len && fuzz_same(c.more, more, more_len));
	REQUIRE(holds(note, len, origin));
	REQUIRE(!holds(note, len, "log.example/2"));
	REQUIRE(!holds(note, bit % len, origin));
	fuzz_flip((uint8_t *) note, bit % (len * 8));
	REQUIRE(!holds(note, len, origin));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *text = fuzz_copy(data, size);
	char	   *line = fuzz_buffer(CG_NOTE_LINE_MAX);

	REQUIRE(cg_ed25519_public(seed, key) == CG_OK);
	try_text(text, size);
	try_written((FuzzInput) {data, size});
	REQUIRE((cg_note_verifier(text, size, key, line) > 0) ==
			cg_origin_valid(text, size));
	free(line);
	free(text);
	return 0;
}
