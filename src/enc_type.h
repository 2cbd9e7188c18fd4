/*
 * enc_type.h
 *		The encrypted types: which plain type each stands for, and how its
 *		values become the bytes that are encrypted.
 */
#ifndef CG_ENC_TYPE_H
#define CG_ENC_TYPE_H

#include "fmgr.h"
#include "lib/stringinfo.h"

#include "enc_stored.h"
#include "envelope.h"

typedef struct CgEncType
{
	uint8		tag;			/* CG_TYPE_*, in the header of each value */
	const char *name;			/* "enc_int8" */
	Oid			plain;			/* INT8OID */
	bool		fixed;			/* all values have one length: not padded */
	bool		ordered;		/* readers compare its values with < */
	PGFunction	input;			/* of the plain type */
	PGFunction	output;
	PGFunction	receive;
	PGFunction	send;
} CgEncType;

/* A value in its stored form (enc_stored.h). */
typedef struct CgPlain
{
	uint8		type;
	const char *stored;
	Size		len;
} CgPlain;

/* Tags are 1 to CG_NUM_TYPES.  NULL if it is no tag. */
extern const CgEncType *cg_enc_type(uint8 tag);

/* NULL if it is no encrypted type; domains over and arrays of one are none. */
extern const CgEncType *cg_enc_type_of(Oid typid);

/* InvalidOid in a database without the extension. */
extern Oid	cg_enc_type_oid(uint8 tag);
extern Oid	cg_enc_array_oid(uint8 tag);

/*
 * The encrypted type that the function now called has as argument argno, or
 * as its result with -1, by its declaration.  Kept in fn_extra, which the
 * function must leave alone.
 */
extern const CgEncType *cg_called_type(FunctionCallInfo fcinfo, int argno);

/* Another number whenever types or their functions may be others; never 0. */
extern uint64 cg_enc_type_epoch(void);

/*
 * Stored form of a plain datum, which must stay while out is in use.  Text
 * is in the encoding of the server.
 */
extern void cg_plain_store(uint8 tag, Datum plain, CgPlain *out);

/* The same of text that is no datum. */
extern void cg_text_store(const char *text, Size len, CgPlain *out);

/*
 * A datum of the plain type.  Errors: CG_ERRCODE_NOT_AUTHENTIC if the bytes
 * are none.
 */
extern Datum cg_plain_load(uint8 tag, const char *stored, Size len);

/*
 * Input and output of the plain type.  typmod is that of the plain type.
 * Errors do not repeat the text; after a soft one the result means nothing.
 */
extern Datum cg_plain_parse(uint8 tag, const char *text, int32 typmod,
							Node *escontext);
extern char *cg_plain_print(uint8 tag, Datum plain);

/* Binary input, of all that is left in the message, and output. */
extern Datum cg_plain_receive(uint8 tag, StringInfo buf);
extern Datum cg_plain_send(uint8 tag, Datum plain);

/* Text output whatever DateStyle and bytea_output say: what is judged, masked. */
extern char *cg_plain_iso(uint8 tag, Datum plain);

/*
 * At load: have what is known of the types forgotten when types or schemas
 * change.
 */
extern void cg_enc_type_init(void);

#endif							/* CG_ENC_TYPE_H */
