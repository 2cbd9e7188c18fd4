/*
 * test_ident.c
 *		The validators: known verdicts, and errors that must not pass.
 */
#include "ident_cn.h"
#include "tap.h"

#define TODAY	20261123

typedef struct CgCase
{
	CgValidator v;
	const char *text;
	CgVerdict	verdict;
} CgCase;

static const CgCase cases[] = {
	{CG_VALID_NONE, "", CG_V_OK},
	{CG_VALID_NONE, "\xFF", CG_V_OK},

	{CG_VALID_MOBILE, "13800138000", CG_V_OK},
	{CG_VALID_MOBILE, "19912345678", CG_V_OK},
	{CG_VALID_MOBILE, "+86 138-0013-8000", CG_V_OK},
	{CG_VALID_MOBILE, "008613800138000", CG_V_OK},
	{CG_VALID_MOBILE, "8613800138000", CG_V_OK},
	{CG_VALID_MOBILE, "＋８６１３８００１３８０００", CG_V_OK},
	{CG_VALID_MOBILE, "\xE2\x80\xAD" "13800138000\xE2\x80\xAC", CG_V_OK},
	{CG_VALID_MOBILE, "", CG_V_EMPTY},
	{CG_VALID_MOBILE, " - ", CG_V_EMPTY},
	{CG_VALID_MOBILE, "1380013800", CG_V_LENGTH},
	{CG_VALID_MOBILE, "138001380000", CG_V_LENGTH},
	{CG_VALID_MOBILE, "0000000013800138000", CG_V_LENGTH},
	{CG_VALID_MOBILE, "138****8000", CG_V_CHARSET},
	{CG_VALID_MOBILE, "1380013800\xFF", CG_V_CHARSET},
	{CG_VALID_MOBILE, "12345678901", CG_V_FORMAT},
	{CG_VALID_MOBILE, "23800138000", CG_V_FORMAT},
	{CG_VALID_MOBILE, "8513800138000", CG_V_FORMAT},
	{CG_VALID_MOBILE, "08613800138000", CG_V_FORMAT},
	{CG_VALID_MOBILE, "1186" "13800138000", CG_V_FORMAT},
	{CG_VALID_MOBILE, "+8613800138+00", CG_V_FORMAT},

	{CG_VALID_EMAIL, "a@b.cn", CG_V_OK},
	{CG_VALID_EMAIL, " ZhangSan+tag@Mail.Example.com ", CG_V_OK},
	{CG_VALID_EMAIL, "张三@例子.公司", CG_V_OK},
	{CG_VALID_EMAIL, "o'neil_x@a-b.example", CG_V_OK},
	{CG_VALID_EMAIL, "12345@qq.com", CG_V_OK},
	{CG_VALID_EMAIL, "a@1.2.3.cn", CG_V_OK},
	{CG_VALID_EMAIL, "\t", CG_V_EMPTY},
	{CG_VALID_EMAIL, "a b@c.cn", CG_V_CHARSET},
	{CG_VALID_EMAIL, "a,b@c.cn", CG_V_CHARSET},
	{CG_VALID_EMAIL, "a***@c.cn", CG_V_CHARSET},
	{CG_VALID_EMAIL, "a@c_d.cn", CG_V_CHARSET},
	{CG_VALID_EMAIL, "a@c.cn\xFF", CG_V_CHARSET},
	{CG_VALID_EMAIL, "a", CG_V_FORMAT},
	{CG_VALID_EMAIL, "@", CG_V_FORMAT},
	{CG_VALID_EMAIL, "@b.cn", CG_V_FORMAT},
	{CG_VALID_EMAIL, "a@", CG_V_FORMAT},
	{CG_VALID_EMAIL, "a@b", CG_V_FORMAT},
	{CG_VALID_EMAIL, "a@b@c.cn", CG_V_FORMAT},
	{CG_VALID_EMAIL, "a@.cn", CG_V_FORMAT},
	{CG_VALID_EMAIL, "a@b..cn", CG_V_FORMAT},
	{CG_VALID_EMAIL, "a@b.cn.", CG_V_FORMAT},
	{CG_VALID_EMAIL, "a@-b.cn", CG_V_FORMAT},
	{CG_VALID_EMAIL, "a@b-.cn", CG_V_FORMAT},
	{CG_VALID_EMAIL, ".a@b.cn", CG_V_FORMAT},
	{CG_VALID_EMAIL, "a.@b.cn", CG_V_FORMAT},
	{CG_VALID_EMAIL, "a..c@b.cn", CG_V_FORMAT},
	{CG_VALID_EMAIL, "a@192.168.0.1", CG_V_FORMAT},

	{CG_VALID_RESIDENT_ID, "", CG_V_EMPTY},
	{CG_VALID_RESIDENT_ID, "一二三四五六七八九十一二三四五六七八",
	CG_V_CHARSET},
	{CG_VALID_RESIDENT_ID, "11999919491231002\xFF", CG_V_CHARSET},
	{CG_VALID_RESIDENT_ID, "110000202611230005", CG_V_CHECKSUM},
	{CG_VALID_RESIDENT_ID, "110000202611240005", CG_V_DATE_RANGE},
	{CG_VALID_RESIDENT_ID, "110000184912310005", CG_V_DATE_RANGE},
	{CG_VALID_RESIDENT_ID, "319999800230001", CG_V_DATE},
	{CG_VALID_RESIDENT_ID, "938840188001010014", CG_V_PROVINCE},

	{CG_VALID_BANK_CARD, "6222020000000007", CG_V_OK},
	{CG_VALID_BANK_CARD, "4111 1111-1111 1111", CG_V_OK},
	{CG_VALID_BANK_CARD, "6222020000000008", CG_V_OK_LUHN_SOFT},
	{CG_VALID_BANK_CARD, "1234567890123", CG_V_OK_LUHN_SOFT},
	{CG_VALID_BANK_CARD, "", CG_V_EMPTY},
	{CG_VALID_BANK_CARD, "622202000000", CG_V_LENGTH},
	{CG_VALID_BANK_CARD, "62220200000000000000", CG_V_LENGTH},
	{CG_VALID_BANK_CARD, "622202******0007", CG_V_CHARSET},
	{CG_VALID_BANK_CARD, "0222020000000007", CG_V_FORMAT},

	{CG_VALID_USCC, "91319999MA1FL0015\xFF", CG_V_CHARSET},
	{CG_VALID_USCC, "91319999MAZFL0015J", CG_V_CHARSET},

	{CG_VALID_PLATE, "沪A12345", CG_V_OK},
	{CG_VALID_PLATE, " 沪a-12345 ", CG_V_OK},
	{CG_VALID_PLATE, "京AJ1234", CG_V_OK},
	{CG_VALID_PLATE, "粤Z1234港", CG_V_OK},
	{CG_VALID_PLATE, "粤Z1234澳", CG_V_OK},
	{CG_VALID_PLATE, "沪A1234挂", CG_V_OK},
	{CG_VALID_PLATE, "京A1234学", CG_V_OK},
	{CG_VALID_PLATE, "京A1234警", CG_V_OK},
	{CG_VALID_PLATE, "粤BD12345", CG_V_OK},
	{CG_VALID_PLATE, "粤BDA2345", CG_V_OK},
	{CG_VALID_PLATE, "粤B12345D", CG_V_OK},
	{CG_VALID_PLATE, "", CG_V_EMPTY},
	{CG_VALID_PLATE, "沪A1234", CG_V_LENGTH},
	{CG_VALID_PLATE, "沪A1234567", CG_V_LENGTH},
	{CG_VALID_PLATE, "沪A1234O", CG_V_CHARSET},
	{CG_VALID_PLATE, "沪I12345", CG_V_CHARSET},
	{CG_VALID_PLATE, "沪A***45", CG_V_CHARSET},
	{CG_VALID_PLATE, "沪A1234\xFF", CG_V_CHARSET},
	{CG_VALID_PLATE, "字A12345", CG_V_FORMAT},
	{CG_VALID_PLATE, "A123456", CG_V_FORMAT},
	{CG_VALID_PLATE, "沪112345", CG_V_FORMAT},
	{CG_VALID_PLATE, "沪A1234沪", CG_V_FORMAT},
	{CG_VALID_PLATE, "沪A12学45", CG_V_FORMAT},
	{CG_VALID_PLATE, "粤BL12345", CG_V_FORMAT},
	{CG_VALID_PLATE, "粤BDA234学", CG_V_FORMAT},
	{CG_VALID_PLATE, "粤B123456", CG_V_FORMAT},

	{CG_VALID_DATE, "1990-01-02", CG_V_OK},
	{CG_VALID_DATE, "19900102", CG_V_OK},
	{CG_VALID_DATE, " １９９０－０１－０２ ", CG_V_OK},
	{CG_VALID_DATE, "2000-02-29", CG_V_OK},
	{CG_VALID_DATE, "2099-12-31", CG_V_OK},
	{CG_VALID_DATE, "", CG_V_EMPTY},
	{CG_VALID_DATE, "1990-1-2", CG_V_FORMAT},
	{CG_VALID_DATE, "1990-01", CG_V_LENGTH},
	{CG_VALID_DATE, "1990-01-02 00:00", CG_V_LENGTH},
	{CG_VALID_DATE, "1990/01/02", CG_V_CHARSET},
	{CG_VALID_DATE, "1990-**-**", CG_V_CHARSET},
	{CG_VALID_DATE, "199001-02-", CG_V_FORMAT},
	{CG_VALID_DATE, "1900-02-29", CG_V_DATE},
	{CG_VALID_DATE, "2001-02-29", CG_V_DATE},
	{CG_VALID_DATE, "0000-01-01", CG_V_DATE},
	{CG_VALID_DATE, "1990-00-01", CG_V_DATE},
	{CG_VALID_DATE, "1990-04-31", CG_V_DATE}
};

static void
check(CgValidator v, const char *text, const char *want)
{
	const char *got = cg_verdict_word(cg_validate(v, text, strlen(text),
												  TODAY));

	if (!ok(strcmp(got, want) == 0, "%d \"%s\" %s", (int) v, text, want))
		printf("# got %s\n", got);
}

/* Split off the next field of a line, which ends before CR or LF. */
static char *
next_field(char **rest)
{
	char	   *field = *rest;
	size_t		n = strcspn(field, "\t\r\n");

	*rest = field[n] == '\t' ? field + n + 1 : field + n;
	field[n] = '\0';
	return field;
}

/*
 * Errors people make when they type: one wrong character, two neighbours
 * exchanged.  Either check digit finds all of them.
 */
static void
check_errors(CgValidator v, const char *valid, const char *alphabet,
			 unsigned *tried, unsigned *passed)
{
	char		text[18];
	size_t		i;
	size_t		k;

	for (i = 0; i < 18; i++)
	{
		for (k = 0; alphabet[k] != '\0'; k++)
		{
			memcpy(text, valid, 18);
			if (text[i] == alphabet[k])
				continue;
			text[i] = alphabet[k];
			(*tried)++;
			if (cg_verdict_ok(cg_validate(v, text, 18, TODAY)))
				(*passed)++;
		}
		if (i < 17 && valid[i] != valid[i + 1])
		{
			memcpy(text, valid, 18);
			text[i] = valid[i + 1];
			text[i + 1] = valid[i];
			(*tried)++;
			if (cg_verdict_ok(cg_validate(v, text, 18, TODAY)))
				(*passed)++;
		}
	}
}

static void
check_file(const char *path, CgValidator v, bool valid, const char *alphabet,
		   unsigned expected)
{
	FILE	   *file = fopen(path, "r");
	char		line[1024];
	unsigned	rows = 0;
	unsigned	tried = 0;
	unsigned	passed = 0;

	if (!ok(file != NULL, "open %s", path))
		return;
	if (fgets(line, sizeof(line), file) == NULL)
		line[0] = '\0';			/* the heading */
	while (fgets(line, sizeof(line), file) != NULL)
	{
		char	   *rest = line;
		const char *text = next_field(&rest);
		const char *second = next_field(&rest);

		rows++;
		if (!valid)
			check(v, text, second);
		else if (strncmp(second, "SOFT", 4) == 0)
			check(v, text, "ok_org_soft");
		else
		{
			check(v, text, "ok");
			if (strlen(text) == 18 && strpbrk(text, "abcdefghij") == NULL)
				check_errors(v, text, alphabet, &tried, &passed);
		}
	}
	fclose(file);
	ok(rows == expected, "%u rows in %s", rows, path);
	if (valid)
		ok(tried > 1000 && passed == 0, "%u of %u typing errors pass",
		   passed, tried);
}

/* Both numbers of a pair are valid, and of one person. */
static void
check_pairs(void)
{
	FILE	   *file = fopen("test/vectors/resident_15to18.tsv", "r");
	char		line[1024];
	unsigned	rows = 0;

	if (!ok(file != NULL, "open resident_15to18.tsv"))
		return;
	if (fgets(line, sizeof(line), file) == NULL)
		line[0] = '\0';
	while (fgets(line, sizeof(line), file) != NULL)
	{
		char	   *rest = line;
		const char *old = next_field(&rest);
		const char *new = next_field(&rest);

		check(CG_VALID_RESIDENT_ID, old, "ok");
		check(CG_VALID_RESIDENT_ID, new, "ok");
		rows++;
	}
	fclose(file);
	ok(rows == 4, "%u pairs", rows);
}

static void
check_names(void)
{
	static const char *const names[] = {
		"none", "mobile", "email", "resident_id", "bank_card", "uscc",
		"plate", "date"
	};
	static const char *const words[] = {
		"ok", "ok_luhn_soft", "ok_org_soft", "empty", "length", "charset",
		"format", "province", "region", "date", "date_range", "checksum"
	};
	const uint32_t one = '1';
	CgValidator v;
	size_t		i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ok(cg_validator_by_name(names[i], &v) && v == (CgValidator) i,
		   "validator %s", names[i]);
	ok(!cg_validator_by_name("idcard", &v) && !cg_validator_by_name("", &v),
	   "unknown validator");
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		ok(strcmp(cg_verdict_word((CgVerdict) i), words[i]) == 0 &&
		   cg_verdict_ok((CgVerdict) i) == (i < 3), "verdict %s", words[i]);

	/* Numbers that no name stands for, as a damaged catalog might hold. */
	ok(strcmp(cg_verdict_word((CgVerdict) i), "format") == 0 &&
	   !cg_verdict_ok((CgVerdict) i), "an unknown verdict is a refusal");
	ok(cg_validate((CgValidator) 99, "1", 1, 0) == CG_V_FORMAT &&
	   cg_judge((CgValidator) 99, &one, 1, 0) == CG_V_FORMAT,
	   "an unknown validator takes nothing");
	ok(cg_validate(CG_VALID_NONE, "1", 1, 0) == CG_V_OK &&
	   cg_judge(CG_VALID_NONE, &one, 1, 0) == CG_V_OK,
	   "none takes everything");
}

/* At most 254 bytes of address, 64 of local part, 63 of label. */
static void
check_email_sizes(void)
{
	char		text[600];
	size_t		n;

	for (n = 63; n <= 65; n++)
	{
		memset(text, 'a', n);
		strcpy(text + n, "@example.com");
		check(CG_VALID_EMAIL, text, n <= 64 ? "ok" : "length");
	}
	for (n = 62; n <= 64; n++)
	{
		strcpy(text, "a@");
		memset(text + 2, 'b', n);
		strcpy(text + 2 + n, ".cn");
		check(CG_VALID_EMAIL, text, n <= 63 ? "ok" : "format");
	}
	for (n = 253; n <= 256; n++)
	{
		size_t		i;

		strcpy(text, "a@");
		for (i = 2; i < n; i++)
			text[i] = i % 50 == 0 ? '.' : 'b';
		text[n] = '\0';
		check(CG_VALID_EMAIL, text, n <= 254 ? "ok" : "length");

		/* the same number of bytes in one character less */
		memcpy(text + 2, "é", 2);
		check(CG_VALID_EMAIL, text, n <= 254 ? "ok" : "length");
	}
}

int
main(void)
{
	size_t		i;

	check_names();
	check_file("test/vectors/resident_valid.tsv", CG_VALID_RESIDENT_ID, true,
			   "0123456789X", 25);
	check_file("test/vectors/resident_invalid.tsv", CG_VALID_RESIDENT_ID,
			   false, NULL, 21);
	check_file("test/vectors/uscc_valid.tsv", CG_VALID_USCC, true,
			   "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", 21);
	check_file("test/vectors/uscc_invalid.tsv", CG_VALID_USCC, false, NULL,
			   17);
	check_pairs();
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check(cases[i].v, cases[i].text, cg_verdict_word(cases[i].verdict));
	check_email_sizes();
	return tap_done();
}
