/*
 * value.c
 *		The rules by which values enter a category, change it, and are shown.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/xact.h"
#include "commands/copyfrom_internal.h"
#include "commands/copy.h"
#include "commands/trigger.h"
#include "replication/logicalworker.h"
#include "replication/walsender.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/guc.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

#include "compat.h"

#include "access.h"
#include "armor.h"
#include "budget.h"
#include "cipguard.h"
#include "decision.h"
#include "display.h"
#include "encoding.h"
#include "event.h"
#include "guc.h"
#include "journal.h"
#include "keyring.h"
#include "key_provider.h"
#include "lockdown.h"
#include "subject_key.h"
#include "value.h"

static struct varlena *take_armor(uint8 type, const char *armor, Size len,
								  int32 typmod, Node *escontext, bool gives);
static struct varlena *take_datum(uint8 type, const uint8 *data, Size len,
								  int32 typmod, Node *escontext, bool gives);
static bool judged(const CgCategory *c, const char *text, Size len,
				   Node *escontext);
static struct varlena *take_plain_text(const char *plain, Size len,
									   int32 typmod, Node *escontext);
static struct varlena *take_stored(uint8 type, char *stored, Size len,
								   int32 typmod);
static struct varlena *renew_key(struct varlena *datum, const CgEnvelope *env);
static void hide_copy_line(void);
static void copy_place(void *arg);
static void require_leaving(int32 category);
static bool is_pg_dump(void);
static int	today(void);

static int32
category_of_typmod(int32 typmod)
{
	return typmod < 0 ? cg_category_unclassified() : typmod;
}

/*
 * Judge a value by its text.  After a soft error, false.  c stays valid: no
 * category is looked up.
 */
static bool
judged(const CgCategory *c, const char *text, Size len, Node *escontext)
{
	CgVerdict	verdict;

	if (c->validator == CG_VALID_NONE)
		return true;
	verdict = cg_judge_text(c, text, len);
	if (cg_verdict_ok(verdict))
		return true;
	if (!cg_soft_errors(escontext))
		hide_copy_line();
	ereturn(escontext, false,
			(errcode(CG_ERRCODE_INVALID_VALUE),
			 errmsg("invalid value for category \"%s\": %s",
					NameStr(c->name), cg_verdict_word(verdict)),
			 errhint("%s tells the verdict on a value without storing it.",
					 "cipguard.validate(value, category)")));
}

static struct varlena *
take_plain_text(const char *plain, Size len, int32 typmod, Node *escontext)
{
	const CgCategory *c = cg_category_by_id(category_of_typmod(typmod),
											false);

	/* A report of a refused value is redacted, too. */
	cg_plain_at = GetCurrentTransactionStartTimestamp();

	if (!judged(c, plain, len, escontext))
		return NULL;
	return cg_encrypt_text(c, plain, len);
}

struct varlena *
cg_take_value(uint8 type, Datum plain, int32 typmod, Node *escontext)
{
	const CgCategory *c;
	CgPlain		stored;

	if (type == CG_TYPE_TEXT)
	{
		struct varlena *text = PG_DETOAST_DATUM_PACKED(plain);

		return cg_take_text(type, VARDATA_ANY(text), VARSIZE_ANY_EXHDR(text),
							typmod, escontext);
	}

	cg_plain_at = GetCurrentTransactionStartTimestamp();
	cg_plain_store(type, plain, &stored);
	if (type == CG_TYPE_BYTEA &&
		cg_is_datum((const uint8 *) stored.stored, stored.len))
		return cg_take_datum(type, (const uint8 *) stored.stored, stored.len,
							 typmod, escontext);
	c = cg_category_by_id(category_of_typmod(typmod), false);
	if (c->validator != CG_VALID_NONE)
	{
		char	   *text = cg_plain_iso(type, plain);

		if (!judged(c, text, strlen(text), escontext))
			return NULL;
	}
	return cg_encrypt(c, &stored);
}

struct varlena *
cg_take_text(uint8 type, const char *text, Size len, int32 typmod,
			 Node *escontext)
{
	ErrorContextCallback *callers = error_context_stack;
	Datum		plain;

	if (cg_is_armor(text, len))
		return take_armor(type, text, len, typmod, escontext, true);
	if (type == CG_TYPE_TEXT)
		return take_plain_text(text, len, typmod, escontext);

	cg_plain_at = GetCurrentTransactionStartTimestamp();
	if (!cg_soft_errors(escontext))
		hide_copy_line();
	plain = cg_plain_parse(type, pnstrdup(text, len), -1, escontext);
	error_context_stack = callers;
	if (cg_soft_error_occurred(escontext))
		return NULL;
	return cg_take_value(type, plain, typmod, escontext);
}

bool
cg_is_datum(const uint8 *data, Size len)
{
	CgEnvelope	env;

	return cg_envelope_parse(data, len, &env) == CG_OK &&
		cg_enc_type(env.type) != NULL && env.category <= PG_INT32_MAX;
}

struct varlena *
cg_take_armor(uint8 type, const char *armor, Size len)
{
	return take_armor(type, armor, len, -1, NULL, false);
}

static struct varlena *
take_armor(uint8 type, const char *armor, Size len, int32 typmod,
		   Node *escontext, bool gives)
{
	uint8	   *data = palloc(len);
	size_t		data_len = 0;
	struct varlena *result;

	if (cg_armor_decode(armor, len, data, len, &data_len) != CG_OK)
	{
		/* Whatever it is, it need not be armor. */
		if (!cg_soft_errors(escontext))
			hide_copy_line();
		ereturn(escontext, NULL,
				(errcode(CG_ERRCODE_MALFORMED_ARMOR),
				 errmsg("malformed armor of an encrypted value"),
				 errhint("It was cut or changed on its way; text that is no armor must not begin with \"%s\".",
						 CG_ARMOR_PREFIX)));
	}
	result = take_datum(type, data, data_len, typmod, escontext, gives);
	pfree(data);
	return result;
}

struct varlena *
cg_take_datum(uint8 type, const uint8 *data, Size len, int32 typmod,
			  Node *escontext)
{
	return take_datum(type, data, len, typmod, escontext, true);
}

/* gives: into a query, which could print it. */
static struct varlena *
take_datum(uint8 type, const uint8 *data, Size len, int32 typmod,
		   Node *escontext, bool gives)
{
	CgEnvelope	env;
	struct varlena *result;
	const CgCategory *c;
	bool		trusted;
	bool		unknown;

	/* One that got stored all the same survives a dump as what it is. */
	if (!check_function_bodies && superuser() && len >= CG_HEADER_LEN &&
		data[0] == CG_MAGIC && (data[2] & CG_FLAG_DISPLAY) != 0 &&
		data[3] == type)
	{
		result = palloc(VARHDRSZ + len);
		SET_VARSIZE(result, VARHDRSZ + len);
		memcpy(VARDATA(result), data, len);
		return result;
	}
	if (cg_envelope_parse(data, len, &env) != CG_OK || env.type != type)
	{
		if (!cg_soft_errors(escontext))
			hide_copy_line();
		ereturn(escontext, NULL,
				(errcode(CG_ERRCODE_MALFORMED_ARMOR),
				 errmsg("malformed encrypted value"),
				 errhint("It was cut or changed on its way; text that is no armor must not begin with \"%s\".",
						 CG_ARMOR_PREFIX)));
	}

	result = palloc(VARHDRSZ + len);
	SET_VARSIZE(result, VARHDRSZ + len);
	memcpy(VARDATA(result), data, len);

	/*
	 * While a dump is restored, tables may be filled before the keys are, or
	 * where the KEK is missing; a subscriber may have no keys on purpose. The
	 * value is then taken unseen; reading it will tell.  A key that is here
	 * judges it even then.
	 */
	cg_keyring_refresh();
	trusted = IsLogicalWorker() || (!check_function_bodies && superuser());
	unknown = trusted &&
		(cg_category_by_id((int32) env.category, true) == NULL ||
		 !cg_kek_reachable() ||
		 (env.subject != 0 ? !cg_subject_usable(env.subject) :
		  cg_keyring_cipher((int32) env.category, env.dek_version,
							env.suite, true) == NULL));

	/*
	 * Of a destroyed value nobody can tell any more, and nobody can read it.
	 * Its token is not believed: it could be made to equal another value's.
	 */
	if (cg_is_destroyed(&env))
	{
		unknown = true;
		if (!trusted && env.token != NULL &&
			!pg_strong_random(VARDATA(result) + CG_HEADER_LEN, CG_TOKEN_LEN))
			ereport(ERROR,
					(errcode(ERRCODE_INTERNAL_ERROR),
					 errmsg("could not get random bytes for a token")));
	}
	c = cg_category_by_id((int32) env.category, true);
	if ((!unknown && !cg_authentic(&env)) ||
		(c != NULL && c->searchable != (env.token != NULL)))
		ereturn(escontext, NULL,
				(errcode(CG_ERRCODE_NOT_AUTHENTIC),
				 errmsg("encrypted value is damaged or was not written by this key"),
				 errhint("Values can be brought from another database only together with its keys, by dump and restore.")));

	/* Who may read could print it: as good as having been shown it. */
	if (gives && !unknown && !trusted &&
		(int32) env.category != cg_category_unclassified() &&
		cg_access_level((int32) env.category, InvalidOid) == CG_LEVEL_READ)
	{
		if (!cg_budget_spend((int32) env.category, InvalidOid, 1))
			cg_raise_refusal((int32) env.category, InvalidOid,
							 CG_BUDGET_SPENT, "taking back");
		if (!cg_journal_value())
			ereport(ERROR,
					(errcode(CG_ERRCODE_AUDIT),
					 errmsg("an encrypted value that is brought back cannot be recorded")));
	}

	if (typmod >= 0 && (int32) env.category != typmod)
		return cg_recode(result, typmod);
	return unknown ? result : renew_key(result, &env);
}

/*
 * A client may bring back what it read before its key was followed by another,
 * and a version that is retired could come into use again.  What a dump or a
 * publisher brings stays as it is: it must be equal to what is there.  Only a
 * token that others do not have any more is no use to anybody.
 */
static struct varlena *
renew_key(struct varlena *datum, const CgEnvelope *env)
{
	const CgCategory *c = cg_category_by_id((int32) env->category, true);
	struct varlena *result;
	char	   *stored;
	Size		len;

	if (c == NULL || env->subject != 0 ||
		cg_keyring_is_current(c->id, env->dek_version) ||
		(!check_function_bodies && superuser()) || am_walsender ||
		SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA)
		return cg_with_fresh_token(datum, env);
	stored = cg_open_stored(env, &len);
	result = cg_seal_stored(cg_category_by_id((int32) env->category, false),
							env->type, stored, len, 0);
	explicit_bzero(stored, len);
	pfree(stored);
	return result;
}

struct varlena *
cg_recode(struct varlena *datum, int32 typmod)
{
	CgEnvelope	env;
	struct varlena *result;
	char	   *plain;
	Size		len;

	if (typmod < 0)
		return datum;
	cg_refuse_mask(datum);
	cg_parse(datum, &env);
	if ((int32) env.category == typmod)
		return cg_with_fresh_token(datum, &env);
	require_leaving((int32) env.category);
	if ((int32) env.category != cg_category_unclassified() &&
		!cg_budget_spend((int32) env.category, InvalidOid, 1))
		cg_raise_refusal((int32) env.category, InvalidOid, CG_BUDGET_SPENT,
						 "moving");
	plain = cg_open_stored(&env, &len);
	result = take_stored(env.type, plain, len, typmod);
	explicit_bzero(plain, len);
	pfree(plain);
	return result;
}

/* May the current user take values out of the category? */
static void
require_leaving(int32 category)
{
	CgReason	missing = cg_access_reason(category, InvalidOid);
	const CgCategory *c;

	if (missing == CG_GRANTED && cg_rows_gated(category, InvalidOid))
		missing = CG_SUBJECT_UNKNOWN;
	if (missing == CG_GRANTED || category == cg_category_unclassified())
		return;
	if (missing != CG_NO_GRANT)
		cg_raise_refusal(category, InvalidOid, missing, "moving");
	c = cg_category_by_id(category, true);
	cg_event_refused(psprintf("moving a value out of category %s",
							  c ? NameStr(c->name) : "?"), InvalidOid);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to move a value out of category \"%s\"",
					c ? NameStr(c->name) : "?"),
			 errhint("An officer can allow it with %s.",
					 "cipguard.grant_access(..., 'read')")));
}

/* A value in its stored form, which is validated but need not be parsed. */
static struct varlena *
take_stored(uint8 type, char *stored, Size len, int32 typmod)
{
	const CgCategory *c = cg_category_by_id(category_of_typmod(typmod),
											false);

	if (c->validator != CG_VALID_NONE)
	{
		Size		text_len = len;
		char	   *text;

		if (type == CG_TYPE_TEXT)
			text = cg_from_utf8(stored, &text_len);
		else
		{
			text = cg_plain_iso(type, cg_plain_load(type, stored, len));
			text_len = strlen(text);
		}
		(void) judged(c, text, text_len, NULL);
	}
	return cg_seal_stored(c, type, stored, len, 0);
}

struct varlena *
cg_search_key(struct varlena *datum, int32 typmod)
{
	CgEnvelope	env;
	const CgCategory *c;
	int32		domain;
	struct varlena *result;
	char	   *plain;
	Size		len;

	cg_require_search(typmod);
	cg_parse(datum, &env);
	if ((int32) env.category == typmod)
		return cg_with_fresh_token(datum, &env);

	c = cg_category_by_id(typmod, false);
	domain = c->domain;
	if ((int32) env.category != cg_category_unclassified())
	{
		cg_require_search((int32) env.category);
		c = cg_category_by_id((int32) env.category, false);
		if (env.token == NULL || c->domain != domain)
			ereport(ERROR,
					(errcode(CG_ERRCODE_NOT_COMPARABLE),
					 errmsg("values of different categories cannot be compared"),
					 errhint("Categories that share a token domain can.")));
		return cg_with_fresh_token(datum, &env);
	}

	/* Not validated: what no column can hold simply is not found. */
	plain = cg_open_stored(&env, &len);
	result = cg_seal_stored(cg_category_by_id(typmod, false), env.type, plain,
							len, 0);
	explicit_bzero(plain, len);
	pfree(plain);
	return result;
}

struct varlena *
cg_search_value(uint8 type, Datum plain, int32 typmod)
{
	CgPlain		stored;

	if (type == CG_TYPE_TEXT)
	{
		struct varlena *text = PG_DETOAST_DATUM_PACKED(plain);

		if (cg_is_armor(VARDATA_ANY(text), VARSIZE_ANY_EXHDR(text)))
			return cg_search_key(take_armor(type, VARDATA_ANY(text),
											VARSIZE_ANY_EXHDR(text), -1,
											NULL, true), typmod);
	}
	cg_require_search(typmod);
	cg_plain_store(type, plain, &stored);
	if (type == CG_TYPE_BYTEA &&
		cg_is_datum((const uint8 *) stored.stored, stored.len))
		return cg_search_key(cg_take_datum(type,
										   (const uint8 *) stored.stored,
										   stored.len, -1, NULL), typmod);
	return cg_encrypt(cg_category_by_id(typmod, false), &stored);
}

/*
 * Ciphertext always, never a mask, wherever a value may be on its way into
 * storage: pg_dump sets row_security off, a walsender feeds replicas, and
 * cg_armor_depth marks EXPLAIN and the audit writer.  Grants cannot be looked
 * up in the historic snapshot of logical decoding.  Nobody knows here whom a
 * value is about, so conditions of a row close the door; where tables are
 * masked, what was disclosed comes as a display datum instead.
 */
bool
cg_shows_plain(int32 category)
{
	CgReason	missing;

	if (cg_armor_depth != 0 || cg_output != CG_OUTPUT_AUTO ||
		!row_security || am_walsender || is_pg_dump() ||
		HistoricSnapshotActive())
		return false;
	if (cg_access_open(category, InvalidOid))
	{
		cg_note_given(category, InvalidOid);
		return true;
	}
	cg_stop_given(category, InvalidOid);
	missing = cg_access_reason(category, InvalidOid);
	if (missing != CG_NO_GRANT)
		cg_report_refusal(category, InvalidOid,
						  missing == CG_GRANTED ? CG_SUBJECT_UNKNOWN :
						  missing);
	return false;
}

bool
cg_shows_value(const CgEnvelope *env)
{
	/* Where tables are masked, values were charged and recorded before. */
	return cg_shows_plain((int32) env->category) && !cg_is_destroyed(env) &&
		(cg_masks() ||
		 (cg_budget_spend((int32) env->category, InvalidOid, 1) &&
		  cg_journal_value()));
}

/*
 * With --enable-row-security pg_dump is told by what else it sets: its rows
 * must not depend on where other scans are, and it reads one snapshot.
 */
static bool
is_pg_dump(void)
{
	return !synchronize_seqscans && XactReadOnly && IsolationUsesXactSnapshot();
}

CgVerdict
cg_judge_text(const CgCategory *category, const char *plain, Size len)
{
	const char *utf8 = cg_to_utf8(plain, &len);

	return cg_validate(category->validator, utf8, len, today());
}

/*
 * COPY adds the refused value to the error, as context.  An error about
 * personal data tells the place instead.
 */
static void
hide_copy_line(void)
{
	if (error_context_stack != NULL &&
		error_context_stack->callback == CopyFromErrorCallback)
	{
		static ErrorContextCallback place;

		place.callback = copy_place;
		place.arg = error_context_stack->arg;
		place.previous = error_context_stack->previous;
		error_context_stack = &place;
	}
}

static void
copy_place(void *arg)
{
	CopyFromState cstate = (CopyFromState) arg;

	errcontext("COPY %s, line " UINT64_FORMAT ", column %s",
			   cstate->cur_relname, (uint64) cstate->cur_lineno,
			   cstate->cur_attname ? cstate->cur_attname : "?");
}

/* Today in the session's time zone, as year * 10000 + month * 100 + day. */
static int
today(void)
{
	static TimestampTz computed_at = 0;
	static int	result = 0;

	if (computed_at != GetCurrentTransactionStartTimestamp())
	{
		int			year;
		int			month;
		int			day;

		j2date(GetSQLCurrentDate() + POSTGRES_EPOCH_JDATE,
			   &year, &month, &day);
		result = year * 10000 + month * 100 + day;
		computed_at = GetCurrentTransactionStartTimestamp();
	}
	return result;
}
