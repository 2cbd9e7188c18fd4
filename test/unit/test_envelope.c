/*
 * test_envelope.c
 *		Golden datums, damage of every kind, strictness of the parser, and the
 *		armor.
 *
 * Keys are looked up as the server does: by the suite, category and versions
 * that the header claims.  A header that claims others finds other keys.
 */
#include "armor.h"
#include "bytes.h"
#include "envelope.h"
#include "tap.h"
#include "vectors.h"

/* A row of a golden_*.tsv file. */
typedef struct CgGolden
{
	const char *name;
	int			suite;
	uint8_t    *dek;
	uint8_t    *token_key;
	CgSealSpec	spec;
	uint8_t    *plain;
	size_t		plain_len;
	uint8_t    *canon;
	size_t		canon_len;
	uint8_t    *nonce;
	uint8_t    *datum;
	size_t		datum_len;
	CgCipher   *cipher[CG_MAX_SUITE + 1];	/* the DEK */
	CgToken    *token;
} CgGolden;

/* Keys for whatever a damaged header claims. */
static CgCipher *other_cipher[CG_MAX_SUITE + 1];
static CgToken *other_token[CG_MAX_SUITE + 1];	/* NULL: random suite */

static void test_golden(const char *file, int least);
static void test_subject(void);
static void read_golden(CgVecFile *v, CgGolden *g);
static void free_golden(CgGolden *g);
static void check_opens(const CgGolden *g);
static void check_seals(const CgGolden *g);
static void check_bits(const CgGolden *g);
static void check_lengths(const CgGolden *g);
static bool refused(const CgGolden *g, const uint8_t *datum, size_t len);
static void test_parse(void);
static void test_sizes(void);
static void test_variants(int suite);
static void test_padding(int random, int search);
static void test_arguments(void);
static void test_armor(void);
static void test_armor_strict(void);
static CgStatus try_seal(int suite, bool with_token, bool with_nonce,
						 CgSealSpec spec, size_t len);

int
main(void)
{
	uint8_t		key[CG_KEY_LEN];
	int			i;

	memset(key, 0x5A, sizeof(key));
	for (i = 1; i <= CG_MAX_SUITE; i++)
	{
		other_cipher[i] = cg_cipher_new(i, key);
		other_token[i] = cg_token_new(i, key);
	}

	test_golden("golden_text.tsv", 30);
	test_golden("golden_sm4.tsv", 25);
	test_golden("golden_types.tsv", 60);
	test_golden("golden_subject.tsv", 14);
	test_subject();
	test_parse();
	test_sizes();
	test_variants(CG_SUITE_AES_SEARCHABLE);
	test_variants(CG_SUITE_SM4_SEARCHABLE);
	test_padding(CG_SUITE_AES_RANDOM, CG_SUITE_AES_SEARCHABLE);
	test_padding(CG_SUITE_SM4_RANDOM, CG_SUITE_SM4_SEARCHABLE);
	test_arguments();
	test_armor();
	test_armor_strict();

	for (i = 1; i <= CG_MAX_SUITE; i++)
	{
		cg_cipher_free(other_cipher[i]);
		cg_token_free(other_token[i]);
	}
	return tap_done();
}

static void
test_golden(const char *file, int least)
{
	CgVecFile	v;
	int			n = 0;

	vec_open(&v, file);
	while (vec_next(&v))
	{
		CgGolden	g;

		read_golden(&v, &g);
		check_opens(&g);
		check_seals(&g);
		check_bits(&g);
		check_lengths(&g);
		free_golden(&g);
		n++;
	}
	ok(n >= least, "%s: at least %d golden datums", file, least);
}

static void
read_golden(CgVecFile *v, CgGolden *g)
{
	size_t		n;
	int			i;

	memset(g, 0, sizeof(CgGolden));
	g->name = v->field[0];
	g->suite = atoi(v->field[1]);
	g->dek = vec_hex(v->field[2], &n);
	g->token_key = vec_hex(v->field[3], &n);
	if (n > 0)
		g->token = cg_token_new(g->suite, g->token_key);
	g->spec.category = (uint32_t) strtoul(v->field[4], NULL, 10);
	g->spec.type = (uint8_t) atoi(v->field[5]);
	g->spec.dek_version = (uint16_t) atoi(v->field[6]);
	g->spec.token_version = (uint16_t) atoi(v->field[7]);
	g->spec.pad = (uint8_t) atoi(v->field[8]);
	g->plain = vec_hex(v->field[9], &g->plain_len);
	g->canon = vec_hex(v->field[10], &g->canon_len);
	g->nonce = vec_hex(v->field[11], &n);
	g->datum = vec_hex(v->field[12], &g->datum_len);
	if (v->n_fields > 13)
		g->spec.subject = strtoull(v->field[13], NULL, 10);
	for (i = 1; i <= CG_MAX_SUITE; i++)
		g->cipher[i] = cg_cipher_new(i, g->dek);
}

static void
free_golden(CgGolden *g)
{
	int			i;

	for (i = 1; i <= CG_MAX_SUITE; i++)
		cg_cipher_free(g->cipher[i]);
	cg_token_free(g->token);
	free(g->dek);
	free(g->token_key);
	free(g->plain);
	free(g->canon);
	free(g->nonce);
	free(g->datum);
}

static void
check_opens(const CgGolden *g)
{
	CgEnvelope	env;
	uint8_t    *out = malloc(g->datum_len);
	size_t		out_len = 0;
	CgStatus	status = cg_envelope_parse(g->datum, g->datum_len, &env);

	ok(status == CG_OK && env.suite == g->suite &&
	   env.type == g->spec.type && env.category == g->spec.category &&
	   env.dek_version == g->spec.dek_version &&
	   env.token_version == g->spec.token_version &&
	   env.subject == g->spec.subject &&
	   env.body + env.body_len == g->datum + g->datum_len,
	   "%s: header", g->name);
	status = cg_envelope_open(g->cipher[g->suite], g->token, &env,
							  out, env.body_len, &out_len);
	ok(status == CG_OK, "%s: opens", g->name);
	is_bytes(out, out_len, g->plain, g->plain_len, "plaintext");
	if (g->token != NULL)
	{
		uint8_t		token[CG_TOKEN_LEN];

		cg_token_make(g->token, env.type, g->canon, g->canon_len, token);
		is_bytes(env.token, CG_TOKEN_LEN, token, CG_TOKEN_LEN, "token");
	}
	free(out);
}

static void
check_seals(const CgGolden *g)
{
	size_t		bound = cg_envelope_bound(g->suite, g->plain_len, g->spec.pad);
	uint8_t    *out = malloc(bound);
	size_t		out_len;
	CgStatus	status;

	status = cg_envelope_seal(g->cipher[g->suite], g->token, &g->spec,
							  g->plain, g->plain_len, g->canon, g->canon_len,
							  g->nonce, out, bound, &out_len);
	ok(status == CG_OK, "%s: seals", g->name);
	is_bytes(out, out_len, g->datum, g->datum_len, "datum");

	/* the room it needs and not a byte less */
	status = cg_envelope_seal(g->cipher[g->suite], g->token, &g->spec,
							  g->plain, g->plain_len, g->canon, g->canon_len,
							  g->nonce, out, g->datum_len - 1, &out_len);
	ok(status == CG_E_SPACE && out_len == 0, "%s: too little room", g->name);
	status = cg_envelope_seal(g->cipher[g->suite], g->token, &g->spec,
							  g->plain, g->plain_len, g->canon, g->canon_len,
							  g->nonce, out, g->datum_len, &out_len);
	ok(status == CG_OK, "%s: enough room", g->name);
	free(out);
}

static void
check_bits(const CgGolden *g)
{
	uint8_t    *datum = malloc(g->datum_len);
	size_t		opened = 0;
	size_t		i;

	memcpy(datum, g->datum, g->datum_len);
	for (i = 0; i < g->datum_len * 8; i++)
	{
		datum[i / 8] ^= (uint8_t) (1 << i % 8);
		if (!refused(g, datum, g->datum_len))
		{
			printf("# bit %zu of byte %zu\n", i % 8, i / 8);
			opened++;
		}
		datum[i / 8] ^= (uint8_t) (1 << i % 8);
	}
	ok(opened == 0, "%s: each of %zu bits counts", g->name, i);
	free(datum);
}

/* Cut at the end, cut at the start, and lengthened in several ways. */
static void
check_lengths(const CgGolden *g)
{
	size_t		len = g->datum_len;
	uint8_t    *datum;
	size_t		opened = 0;
	size_t		i;
	int			fill;

	for (i = 0; i < len; i++)
	{
		datum = malloc(i > 0 ? i : 1);
		memcpy(datum, g->datum, i);
		opened += !refused(g, datum, i);
		memcpy(datum, g->datum + len - i, i);
		opened += !refused(g, datum, i);
		free(datum);
	}
	ok(opened == 0, "%s: no part of it opens", g->name);

	datum = malloc(len + 256);
	opened = 0;
	for (fill = 0; fill < 256; fill += 15)
	{
		memcpy(datum, g->datum, len);
		memset(datum + len, fill, 256);
		for (i = 1; i <= 256; i++)
			opened += !refused(g, datum, len + i);
	}
	ok(opened == 0, "%s: nothing longer opens", g->name);
	free(datum);
}

/*
 * True if the datum does not parse or does not open and leaves no plaintext.
 * In memory of its exact size the address sanitizer sees a read past it.
 */
static bool
refused(const CgGolden *g, const uint8_t *datum, size_t len)
{
	CgEnvelope	env;
	CgCipher   *cipher;
	CgToken    *token;
	uint8_t    *out;
	size_t		out_len;
	size_t		i;
	bool		clean = true;
	CgStatus	status = cg_envelope_parse(datum, len, &env);

	if (status != CG_OK)
		return status == CG_E_FORMAT || status == CG_E_SUITE;
	if (env.category == g->spec.category &&
		env.dek_version == g->spec.dek_version &&
		env.subject == g->spec.subject)
		cipher = g->cipher[env.suite];
	else
		cipher = other_cipher[env.suite];
	if (env.token_version == g->spec.token_version && g->token != NULL)
		token = g->token;
	else
		token = other_token[env.suite];

	out = malloc(env.body_len);
	memset(out, 0, env.body_len);
	status = cg_envelope_open(cipher, token, &env, out, env.body_len,
							  &out_len);
	for (i = 0; i < env.body_len; i++)
		clean = out[i] == 0 && clean;
	free(out);
	return status == CG_E_AUTH && out_len == 0 && clean;
}

/* The id is where the header says, and another one does not open. */
static void
test_subject(void)
{
	static const char *const forms[] = {"random", "compact", "variant"};
	uint8_t		nonce[CG_MAX_NONCE_LEN] = {9};
	const uint8_t plain[] = "13800138000";
	int			form;

	for (form = 0; form < 3; form++)
	{
		int			suite = form == 0 ? 1 : 2;
		CgSealSpec	spec = {CG_TYPE_TEXT, 7, 1, form > 0, 16,
		UINT64_C(0x8000000000000001)};
		uint8_t		datum[256];
		uint8_t		out[256];
		size_t		len;
		size_t		out_len;
		size_t		at = CG_HEADER_LEN + (form > 0 ? CG_TOKEN_LEN : 0);
		CgEnvelope	env;

		ok(cg_envelope_seal(other_cipher[suite], other_token[suite], &spec, plain,
							11, plain, form == 2 ? 10 : 11, nonce, datum,
							sizeof(datum), &len) == CG_OK &&
		   cg_envelope_parse(datum, len, &env) == CG_OK &&
		   env.subject == spec.subject &&
		   cg_get_u64(datum + at) == spec.subject &&
		   env.head_len == at + CG_SUBJECT_LEN &&
		   (env.token != NULL) == (form > 0), "subject: %s", forms[form]);
		ok(cg_envelope_open(other_cipher[suite], other_token[suite], &env, out,
							sizeof(out), &out_len) == CG_OK && out_len == 11,
		   "subject: %s opens", forms[form]);

		/* Random and variant: even under the same key. */
		if (form != 1)
		{
			cg_put_u64(datum + at, 2);
			ok(cg_envelope_parse(datum, len, &env) == CG_OK &&
			   cg_envelope_open(other_cipher[suite], other_token[suite], &env, out,
								sizeof(out), &out_len) == CG_E_AUTH,
			   "subject: %s of another", forms[form]);
		}
	}
}

static void
test_parse(void)
{
	static const struct
	{
		const char *name;
		const char *header;		/* 12 bytes */
		size_t		rest;		/* zero bytes after them */
		CgStatus	want;
	}			cases[] = {
		{"random, at_least body", "C1010001 00000001 0001 0000", 41, CG_OK},
		{"random, no body", "C1010001 00000001 0001 0000", 40, CG_E_FORMAT},
		{"random, no tag", "C1010001 00000001 0001 0000", 24, CG_E_FORMAT},
		{"random, header", "C1010001 00000001 0001 0000", 0, CG_E_FORMAT},
		{"compact, at_least body", "C1020101 00000001 0001 0001", 17, CG_OK},
		{"compact, no body", "C1020101 00000001 0001 0001", 16, CG_E_FORMAT},
		{"variant, at_least body", "C1021101 00000001 0001 0001", 33, CG_OK},
		{"variant, no body", "C1021101 00000001 0001 0001", 32, CG_E_FORMAT},
		{"variant, no IV", "C1021101 00000001 0001 0001", 16, CG_E_FORMAT},
		{"magic", "C0020101 00000001 0001 0001", 99, CG_E_FORMAT},
		{"suite 0", "C1000101 00000001 0001 0001", 99, CG_E_SUITE},
		{"suite 5", "C1050101 00000001 0001 0001", 99, CG_E_SUITE},
		{"sm4 random, at_least body", "C1030001 00000001 0001 0000", 33, CG_OK},
		{"sm4 random, no body", "C1030001 00000001 0001 0000", 32, CG_E_FORMAT},
		{"sm4 random, searchable", "C1030101 00000001 0001 0001", 99, CG_E_FORMAT},
		{"sm4 compact, at_least body", "C1040101 00000001 0001 0001", 17, CG_OK},
		{"sm4 variant, at_least body", "C1041101 00000001 0001 0001", 33, CG_OK},
		{"sm4 variant, no body", "C1041101 00000001 0001 0001", 32, CG_E_FORMAT},
		{"suite 255", "C1FF0101 00000001 0001 0001", 99, CG_E_SUITE},
		{"both kinds", "C1010101 00000001 0001 0001", 99, CG_E_FORMAT},
		{"random and variant", "C1011001 00000001 0001 0000", 99, CG_E_FORMAT},
		{"flag missing", "C1020001 00000001 0001 0001", 99, CG_E_FORMAT},
		{"variant alone", "C1021001 00000001 0001 0001", 99, CG_E_FORMAT},
		{"subject 0", "C1020301 00000001 0001 0001", 99, CG_E_FORMAT},
		{"no subject", "C1010201 00000001 0001 0000", 7, CG_E_FORMAT},
		{"flag 06", "C1020701 00000001 0001 0001", 99, CG_E_FORMAT},
		{"flag 04", "C1020501 00000001 0001 0001", 99, CG_E_FORMAT},
		{"flag 08", "C1020901 00000001 0001 0001", 99, CG_E_FORMAT},
		{"flag 20", "C1022101 00000001 0001 0001", 99, CG_E_FORMAT},
		{"flag 40", "C1024101 00000001 0001 0001", 99, CG_E_FORMAT},
		{"flag 80", "C1028101 00000001 0001 0001", 99, CG_E_FORMAT},
		{"random, DEK 0", "C1010001 00000001 0000 0000", 99, CG_E_FORMAT},
		{"compact, DEK 0", "C1020101 00000001 0000 0001", 99, CG_E_FORMAT},
		{"random, token 1", "C1010001 00000001 0001 0001", 99, CG_E_FORMAT},
		{"compact, token 0", "C1020101 00000001 0001 0000", 99, CG_E_FORMAT},
		{"versions of two bytes", "C1020101 FFFFFFFF 0100 FF00", 99, CG_OK},
	};
	CgEnvelope	env;
	size_t		i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char		hex[2 * CG_HEADER_LEN + 1];
		const char *s;
		size_t		n = 0;
		uint8_t    *head;
		uint8_t    *datum = calloc(CG_HEADER_LEN + cases[i].rest, 1);

		for (s = cases[i].header; *s != '\0'; s++)
		{
			if (*s != ' ')
				hex[n++] = *s;
		}
		hex[n] = '\0';
		head = vec_hex(hex, &n);
		memcpy(datum, head, CG_HEADER_LEN);
		ok(cg_envelope_parse(datum, CG_HEADER_LEN + cases[i].rest, &env) ==
		   cases[i].want, "parse: %s", cases[i].name);
		free(head);
		free(datum);
	}
	ok(cg_envelope_parse(NULL, 0, &env) == CG_E_FORMAT, "parse: nothing");
}

/* Every length around the block sizes, all forms, several paddings. */
static void
test_sizes(void)
{
	static const uint8_t pads[] = {1, 2, 16, 32, 255};
	uint8_t		nonce[CG_MAX_NONCE_LEN] = {1, 2, 3};
	size_t		p;

	for (p = 0; p < sizeof(pads); p++)
	{
		bool		good = true;
		size_t		len;

		for (len = 0; len <= 600; len++)
		{
			uint8_t    *plain = malloc(len + 1);
			int			form;

			memset(plain, (int) len, len + 1);	/* looks like padding */
			for (form = 0; form < 6; form++)
			{
				int			suite = 1 + (form % 3 > 0) + (form / 3) * 2;
				CgSealSpec	spec = {CG_TYPE_TEXT, 7, 1, form % 3 > 0, pads[p]};
				size_t		bound = cg_envelope_bound(suite, len, pads[p]);
				uint8_t    *datum = malloc(bound);
				uint8_t    *out;
				size_t		datum_len;
				size_t		out_len;
				CgEnvelope	env;

				good = cg_envelope_seal(other_cipher[suite],
										other_token[suite],
										&spec, plain, len,
										plain, form % 3 == 2 ? len + 1 : len,
										nonce, datum, bound,
										&datum_len) == CG_OK &&
					cg_envelope_parse(datum, datum_len, &env) == CG_OK &&
					((env.flags & CG_FLAG_VARIANT) != 0) == (form % 3 == 2) &&
					datum_len == bound - CG_SUBJECT_LEN -
					(form % 3 == 1 ? CG_TOKEN_LEN : 0) &&
					(env.body_len - (form % 3 == 0 ? 16 : 0)) % pads[p] == 0 &&
					good;
				out = malloc(env.body_len);
				good = cg_envelope_open(other_cipher[suite],
										other_token[suite],
										&env, out, env.body_len,
										&out_len) == CG_OK &&
					out_len == len && memcmp(out, plain, len) == 0 && good;
				good = cg_envelope_open(other_cipher[suite],
										other_token[suite],
										&env, out, env.body_len - 1,
										&out_len) == CG_E_SPACE && good;
				free(out);
				free(datum);
			}
			free(plain);
		}
		ok(good, "lengths 0 to 600 padded to %d", pads[p]);
	}
}

/* What the second IV of the variant form is for. */
static void
test_variants(int suite)
{
	const CgSealSpec spec = {CG_TYPE_TEXT, 7, 1, 1, 16};
	const uint8_t *canon = (const uint8_t *) "13800138000";
	CgCipher   *cipher = other_cipher[suite];
	CgToken    *token = other_token[suite];
	uint8_t		a[128];
	uint8_t		b[128];
	uint8_t		c[128];
	uint8_t		out[128];
	size_t		a_len;
	size_t		b_len;
	size_t		n;
	CgEnvelope	env_a;
	CgEnvelope	env_b;
	CgStatus	status;

	cg_envelope_seal(cipher, token, &spec,
					 (const uint8_t *) "138-0013-8000", 13, canon, 11, NULL,
					 a, sizeof(a), &a_len);
	cg_envelope_seal(cipher, token, &spec,
					 (const uint8_t *) "138 0013 8000", 13, canon, 11, NULL,
					 b, sizeof(b), &b_len);
	cg_envelope_parse(a, a_len, &env_a);
	cg_envelope_parse(b, b_len, &env_b);
	ok(memcmp(env_a.token, env_b.token, CG_TOKEN_LEN) == 0,
	   "two spellings have one token");
	ok(memcmp(env_a.nonce, env_b.nonce, CG_TOKEN_LEN) != 0 &&
	   memcmp(env_a.body, env_b.body, 3) != 0,
	   "and share no key stream");

	memcpy(c, a, a_len);
	memcpy(c + (env_a.body - a), env_b.body, env_b.body_len);
	cg_envelope_parse(c, a_len, &env_a);
	ok(cg_envelope_open(cipher, token, &env_a, out, sizeof(out), &n) ==
	   CG_E_AUTH, "body of another spelling is refused");

	/* a variant cannot lend its token to another value */
	cg_envelope_seal(cipher, token, &spec,
					 (const uint8_t *) "139-0013-9000", 13,
					 (const uint8_t *) "13900139000", 11, NULL,
					 b, sizeof(b), &b_len);
	memcpy(c, a, a_len);
	memcpy(c + CG_HEADER_LEN, b + CG_HEADER_LEN, CG_TOKEN_LEN);
	cg_envelope_parse(c, a_len, &env_a);
	ok(cg_envelope_open(cipher, token, &env_a, out, sizeof(out), &n) ==
	   CG_E_AUTH, "genuine token of another value is refused");

	/* the token key is not needed to open a variant */
	cg_envelope_parse(a, a_len, &env_a);
	ok(cg_envelope_open(cipher, NULL, &env_a, out, sizeof(out), &n) == CG_OK &&
	   n == 13 && memcmp(out, "138-0013-8000", 13) == 0,
	   "variant opens without the token key");

	/* equal bytes in other memory give the compact form */
	memcpy(c, canon, 11);
	status = cg_envelope_seal(cipher, token, &spec, c, 11, canon, 11,
							  NULL, b, sizeof(b), &b_len);
	ok(status == CG_OK && cg_envelope_parse(b, b_len, &env_b) == CG_OK &&
	   env_b.flags == CG_FLAG_SEARCHABLE, "compact if the bytes are equal");
	ok(cg_envelope_open(cipher, NULL, &env_b, out, sizeof(out), &n) ==
	   CG_E_FORMAT, "compact form needs the token key");
}

/*
 * Datums whose only fault is their padding: made with the very keys, so that
 * no other check can refuse them.
 */
static void
test_padding(int random, int search)
{
	static const struct
	{
		const char *name;
		const char *padded;		/* hexadecimal */
		size_t		text_len;	/* what the token covers */
		bool		good;
	}			cases[] = {
		{"one", "616201", 2, true},
		{"three", "61030303", 1, true},
		{"all padding", "030303", 0, true},
		{"zero", "616200", 2, false},
		{"zero, token over all", "616200", 3, false},
		{"more than there is", "616204", 2, false},
		{"more than there is, token over all", "616204", 3, false},
		{"255", "6162FF", 2, false},
		{"first byte wrong", "61020303", 1, false},
		{"middle byte wrong", "61030203", 1, false},
		{"none", "616161", 3, false},
	};
	uint8_t		nonce[CG_MAX_NONCE_LEN] = {4};
	size_t		i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		size_t		len;
		uint8_t    *padded = vec_hex(cases[i].padded, &len);
		CgStatus	want = cases[i].good ? CG_OK : CG_E_AUTH;
		uint8_t		datum[128] = {CG_MAGIC, 0, 0, 1, 0, 0, 0, 7, 0, 1, 0, 0};
		size_t		nonce_len = cg_suite_by_id(random)->nonce_len;
		uint8_t    *body = datum + CG_HEADER_LEN + nonce_len;
		uint8_t		out[128];
		size_t		out_len;
		CgEnvelope	env;

		datum[1] = (uint8_t) random;
		memcpy(datum + CG_HEADER_LEN, nonce, nonce_len);
		cg_cipher_seal(other_cipher[random], nonce,
					   datum, CG_HEADER_LEN, padded, len, body);
		cg_envelope_parse(datum, (size_t) (body - datum) + len + 16, &env);
		ok(cg_envelope_open(other_cipher[random], NULL, &env,
							out, sizeof(out), &out_len) == want &&
		   (want != CG_OK || out_len == cases[i].text_len),
		   "padding, random: %s", cases[i].name);

		datum[1] = (uint8_t) search;
		datum[2] = CG_FLAG_SEARCHABLE;
		datum[11] = 1;
		body = datum + CG_HEADER_LEN + CG_TOKEN_LEN;
		cg_token_make(other_token[search], 1, padded, cases[i].text_len,
					  datum + CG_HEADER_LEN);
		cg_cipher_stream(other_cipher[search],
						 datum + CG_HEADER_LEN, padded, len, body);
		cg_envelope_parse(datum, (size_t) (body - datum) + len, &env);
		ok(cg_envelope_open(other_cipher[search],
							other_token[search], &env, out, sizeof(out),
							&out_len) == want &&
		   (want != CG_OK || out_len == cases[i].text_len),
		   "padding, compact: %s", cases[i].name);

		datum[2] |= CG_FLAG_VARIANT;
		cg_cipher_siv(other_cipher[search],
					  datum, CG_HEADER_LEN + CG_TOKEN_LEN, padded, len, body);
		cg_cipher_stream(other_cipher[search],
						 body, padded, len, body + CG_TOKEN_LEN);
		body += CG_TOKEN_LEN;
		cg_envelope_parse(datum, (size_t) (body - datum) + len, &env);
		ok(cg_envelope_open(other_cipher[search],
							other_token[search], &env, out, sizeof(out),
							&out_len) == want &&
		   (want != CG_OK || out_len == cases[i].text_len),
		   "padding, variant: %s", cases[i].name);
		free(padded);
	}
}

static CgStatus
try_seal(int suite, bool with_token, bool with_nonce, CgSealSpec spec,
		 size_t len)
{
	uint8_t		nonce[CG_MAX_NONCE_LEN] = {0};
	uint8_t		out[256];
	size_t		out_len;

	return cg_envelope_seal(other_cipher[suite],
							with_token ? other_token[suite] : NULL, &spec,
							(const uint8_t *) "text", len,
							(const uint8_t *) "text", len,
							with_nonce ? nonce : NULL,
							out, sizeof(out), &out_len);
}

static void
test_arguments(void)
{
	const CgSealSpec random = {CG_TYPE_TEXT, 7, 1, 0, 16};
	const CgSealSpec search = {CG_TYPE_TEXT, 7, 1, 1, 16};
	CgSealSpec	s;
	uint8_t		datum[64];
	uint8_t		out[64];
	size_t		n;
	CgEnvelope	env;

	ok(try_seal(1, false, true, random, 4) == CG_OK, "random");
	ok(try_seal(2, true, false, search, 4) == CG_OK, "searchable");
	ok(try_seal(1, false, false, random, 4) == CG_E_FORMAT, "no nonce");
	ok(try_seal(2, false, true, search, 4) == CG_E_FORMAT, "no token key");
	ok(try_seal(1, false, true, search, 4) == CG_E_FORMAT,
	   "random with a token version");
	ok(try_seal(2, true, true, random, 4) == CG_E_FORMAT,
	   "searchable without a token version");
	s = random;
	s.dek_version = 0;
	ok(try_seal(1, false, true, s, 4) == CG_E_FORMAT, "no DEK version");
	s = random;
	s.pad = 0;
	ok(try_seal(1, false, true, s, 4) == CG_E_FORMAT, "no padding unit");
	ok(try_seal(1, false, true, random, CG_MAX_PLAIN_LEN + 1) == CG_E_LIMIT &&
	   try_seal(2, true, true, search, CG_MAX_PLAIN_LEN + 1) == CG_E_LIMIT,
	   "text over the limit");
	ok(cg_envelope_seal(other_cipher[2], other_token[2], &search,
						(const uint8_t *) "text", 4,
						(const uint8_t *) "text", CG_MAX_PLAIN_LEN + 1,
						NULL, datum, sizeof(datum), &n) == CG_E_LIMIT && n == 0,
	   "canonical form over the limit");

	ok(cg_envelope_bound(1, CG_MAX_PLAIN_LEN, 255) > CG_MAX_PLAIN_LEN,
	   "bound of the longest text");
	ok(cg_envelope_bound(1, CG_MAX_PLAIN_LEN + 1, 1) == 0 &&
	   cg_envelope_bound(1, SIZE_MAX, 1) == 0 &&
	   cg_envelope_bound(1, 1, 0) == 0 && cg_envelope_bound(5, 1, 1) == 0,
	   "no bound for what cannot be sealed");

	cg_envelope_seal(other_cipher[2], other_token[2], &search,
					 (const uint8_t *) "text", 4, (const uint8_t *) "text", 4,
					 NULL, datum, sizeof(datum), &n);
	cg_envelope_parse(datum, n, &env);
	ok(cg_envelope_open(other_cipher[1], other_token[2], &env, out, sizeof(out),
						&n) == CG_E_SUITE, "cipher of another suite");
}

static void
test_armor(void)
{
	/* RFC 4648, section 10, without the padding; then both special letters */
	static const char *const cases[][2] = {
		{"", "cip1:"},
		{"f", "cip1:Zg"},
		{"fo", "cip1:Zm8"},
		{"foo", "cip1:Zm9v"},
		{"foob", "cip1:Zm9vYg"},
		{"fooba", "cip1:Zm9vYmE"},
		{"foobar", "cip1:Zm9vYmFy"},
		{"\xFB\xEF\xBE\xFF\xFF\xFF", "cip1:----____"},
	};
	uint8_t		data[256];
	bool		good = true;
	size_t		i;
	size_t		len;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char		text[32];
		uint8_t		back[32];
		size_t		n = strlen(cases[i][0]);

		len = cg_armor_encode((const uint8_t *) cases[i][0], n, text);
		ok(len == CG_ARMOR_LEN(n), "armor of %zu bytes", n);
		is_bytes(text, len, cases[i][1], strlen(cases[i][1]), "text");
		ok(cg_armor_decode(text, len, back, n, &len) == CG_OK, "decodes");
		is_bytes(back, len, cases[i][0], n, "bytes");
	}

	for (i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t) (255 - i);
	for (len = 0; len <= sizeof(data); len++)
	{
		size_t		text_len = CG_ARMOR_LEN(len);
		char	   *text = malloc(text_len);
		uint8_t    *back = malloc(len > 0 ? len : 1);
		size_t		n;

		good = cg_armor_encode(data, len, text) == text_len &&
			cg_armor_decode(text, text_len, back, len, &n) == CG_OK &&
			n == len && memcmp(back, data, len) == 0 && good;
		if (len > 0)
			good = cg_armor_decode(text, text_len, back, len - 1, &n) ==
				CG_E_SPACE && good;
		free(text);
		free(back);
	}
	ok(good, "armor of 0 to 256 bytes");
}

static void
test_armor_strict(void)
{
	static const char *const bad[] = {
		"", "c", "cip1", "cip1;Zg", "cip2:Zg", "CIP1:Zg", " cip1:Zg",
		"cip1:Z", "cip1:Zm9vY", "cip1:Zg==", "cip1:Zg=", "cip1:Zm8=",
		"cip1:Zg ", "cip1: Zg", "cip1:Zg\n", "cip1:Zm\n8", "cip1:Zm+v",
		"cip1:Zm/v", "cip1:Zh", "cip1:Zn", "cip1:Zv", "cip1:Zm9", "cip1:Zm-",
		"cip1:Zm\xC3\xA9", "cip1:Zm9vYh", "cip1:Zm9v=mFy", "cip1:****"
	};
	uint8_t		out[32];
	size_t		n;
	size_t		i;
	int			c;
	int			place;
	int			accepted = 0;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		size_t		len = strlen(bad[i]);
		char	   *text = malloc(len > 0 ? len : 1);	/* no zero after it */

		memcpy(text, bad[i], len);
		ok(cg_armor_decode(text, len, out, sizeof(out), &n) == CG_E_FORMAT &&
		   n == 0, "bad armor %zu", i);
		free(text);
	}
	ok(cg_armor_decode("cip1:Zm\0v", 9, out, sizeof(out), &n) == CG_E_FORMAT,
	   "zero byte");

	for (place = 5; place < 11; place++)
	{
		for (c = 0; c < 256; c++)
		{
			char		text[12] = "cip1:AAAAAA";

			text[place] = (char) c;
			accepted += cg_armor_decode(text, 11, out, sizeof(out), &n) ==
				CG_OK;
		}
	}
	/* 64 letters in each place, 4 in the last: 4 of its 6 bits are unused */
	ok(accepted == 5 * 64 + 4, "exactly the letters of the alphabet");

	ok(cg_is_armor("cip1:", 5) && cg_is_armor("cip1:x", 6) &&
	   !cg_is_armor("cip1:", 4) && !cg_is_armor("cip1", 4) &&
	   !cg_is_armor("13800138000", 11) && !cg_is_armor("", 0),
	   "what counts as armor");
}
