/*
 * test_enc_stored.c
 *		Stored and canonical forms, and that golden_types.tsv has them so.
 */
#include <stdlib.h>

#include "enc_stored.h"
#include "envelope.h"
#include "tap.h"
#include "vectors.h"

static void test_integers(void);
static void test_fits(void);
static void test_canon(void);
static void test_golden(void);
static void is_canon(uint8_t type, const char *in, size_t len,
					 const char *want, size_t want_len, const char *name);

int
main(void)
{
	test_integers();
	test_fits();
	test_canon();
	test_golden();
	return tap_done();
}

static void
test_integers(void)
{
	static const int64_t values[] = {
		INT64_MIN, INT64_MIN + 1, INT32_MIN, -1, 0, 1, INT32_MAX, INT64_MAX
	};
	uint8_t		last[8] = {0};
	int			i;

	for (i = 0; i < 8; i++)
	{
		uint8_t		b[8];

		cg_stored_put_i64(b, values[i]);
		ok(cg_stored_get_i64(b) == values[i], "%lld comes back",
		   (long long) values[i]);
		ok(i == 0 || memcmp(last, b, 8) < 0, "and is in order");
		memcpy(last, b, 8);
		if (values[i] < INT32_MIN || values[i] > INT32_MAX)
			continue;
		cg_stored_put_i32(b, (int32_t) values[i]);
		ok(cg_stored_get_i32(b) == values[i], "in 4 bytes, too");
	}
}

static void
test_fits(void)
{
	static const struct
	{
		uint8_t		type;
		const char *in;
		size_t		len;
		bool		want;
	}			cases[] = {
		{CG_TYPE_TEXT, "", 0, true},
		{CG_TYPE_BYTEA, "", 0, true},
		{CG_TYPE_INT8, "12345678", 8, true},
		{CG_TYPE_INT8, "1234567", 7, false},
		{CG_TYPE_TIMESTAMPTZ, "12345678", 8, true},
		{CG_TYPE_TIMESTAMPTZ, "", 0, false},
		{CG_TYPE_DATE, "1234", 4, true},
		{CG_TYPE_DATE, "12345", 5, false},
		{CG_TYPE_BOOL, "\0", 1, true},
		{CG_TYPE_BOOL, "\1", 1, true},
		{CG_TYPE_BOOL, "\2", 1, false},
		{CG_TYPE_BOOL, "", 0, false},
		{CG_TYPE_UUID, "1234567812345678", 16, true},
		{CG_TYPE_UUID, "123456781234567", 15, false},
		{CG_TYPE_INET, "12345678", 8, true},
		{CG_TYPE_INET, "123456789", 9, false},
		{CG_TYPE_INET, "12341234567812345678", 20, true},
		{CG_TYPE_NUMERIC, "\0\0\0\0\0\0\0\0", 8, true},
		{CG_TYPE_NUMERIC, "\0\1\0\0\0\0\0\0", 8, false},
		{CG_TYPE_NUMERIC, "\0\1\0\0\0\0\0\0\0\1", 10, true},
		{CG_TYPE_NUMERIC, "\0\0\0\0\0\0\0", 7, false},
		{CG_TYPE_NUMERIC, "\377\377\0\0\0\0\0\0", 8, false},
		{CG_TYPE_JSONB, "", 0, false},
		{CG_TYPE_JSONB, "1", 1, true},
		{0, "1", 1, false},
		{CG_NUM_TYPES + 1, "1", 1, false},
		{CG_TYPE_PSEUDONYM, "1", 1, false}
	};
	size_t		i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ok(cg_stored_fits(cases[i].type, (const uint8_t *) cases[i].in,
						  cases[i].len) == cases[i].want,
		   "type %d, %zu bytes", cases[i].type, cases[i].len);
}

static void
is_canon(uint8_t type, const char *in, size_t len, const char *want,
		 size_t want_len, const char *name)
{
	uint8_t    *from = malloc(len > 0 ? len : 1);
	uint8_t    *out = malloc(len > 0 ? len : 1);
	size_t		n;

	/* of their exact size, for the address sanitizer */
	memcpy(from, in, len);
	n = cg_stored_canon(type, from, len, out);
	is_bytes(out, n, want, want_len, name);
	free(from);
	free(out);
}

static void
test_canon(void)
{
	static const struct
	{
		const char *in;
		const char *want;
	}			json[] = {
		{"1", "1"}, {"1.0", "1"}, {"1.50", "1.5"}, {"10", "10"},
		{"100.00", "100"}, {"0.000", "0"}, {"-0.10", "-0.1"},
		{"0.0100", "0.01"}, {"\"1.0\"", "\"1.0\""},
		{"\"\\\"1.0\"", "\"\\\"1.0\""},
		{"\"\\\\\"", "\"\\\\\""},
		{"[1.0, 2.0]", "[1, 2]"},
		{"{\"1.0\": 1.0, \"x\": {\"y\": [1.10]}}",
		"{\"1.0\": 1, \"x\": {\"y\": [1.1]}}"},
		{"[\"a\\\\\", 1.0, \"b\"]", "[\"a\\\\\", 1, \"b\"]"},
		/* jsonb_out() gives no such text; it must do no harm */
		{"", ""}, {"\"", "\""}, {"\"\\", "\"\\"}, {".", ""}, {".0", ""},
		{"1.", "1"}, {"...", ""}
	};
	size_t		i;

	for (i = 0; i < sizeof(json) / sizeof(json[0]); i++)
		is_canon(CG_TYPE_JSONB, json[i].in, strlen(json[i].in),
				 json[i].want, strlen(json[i].want), json[i].in);
	is_canon(CG_TYPE_BYTEA, "1.0", 3, "1.0", 3, "bytes");
	is_canon(CG_TYPE_NUMERIC, "12345", 5, "12345", 5, "no numeric");
	is_canon(CG_TYPE_NUMERIC, "\0\1\0\0\0\0\0\3\0\0", 10,
			 "\0\1\0\0\0\0\0\0\0\0", 10, "numeric with a last digit of zero");
	is_canon(CG_TYPE_NUMERIC, "\0\1\177\377\0\0\0\3\0\1", 10,
			 "\0\1\177\377\0\0\0\0\0\1", 10, "numeric, greatest weight");
	is_canon(CG_TYPE_NUMERIC, "\0\1\377\376\0\0\0\7\3\350", 10,
			 "\0\1\377\376\0\0\0\5\3\350", 10, "numeric 0.0000100");
}

static void
test_golden(void)
{
	CgVecFile	v;
	int			seen[CG_NUM_TYPES + 1] = {0};
	int			i;

	vec_open(&v, "golden_types.tsv");
	while (vec_next(&v))
	{
		int			type = atoi(v.field[5]);
		size_t		len;
		size_t		want_len;
		uint8_t    *stored = vec_hex(v.field[9], &len);
		uint8_t    *want = vec_hex(v.field[10], &want_len);

		ok(cg_stored_fits((uint8_t) type, stored, len), "%s: fits",
		   v.field[0]);
		/* Random suites have no canonical form. */
		if (*v.field[3] != '\0')
			is_canon((uint8_t) type, (const char *) stored, len,
					 (const char *) want, want_len, v.field[0]);
		if (type <= CG_NUM_TYPES)
			seen[type]++;
		free(stored);
		free(want);
	}
	for (i = CG_TYPE_TEXT + 1; i <= CG_NUM_TYPES; i++)
		ok(seen[i] >= 4, "type %d has golden datums", i);
}
