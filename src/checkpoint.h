/*
 * checkpoint.h
 *		Signed state of a log, as text: c2sp.org/tlog-checkpoint within
 *		c2sp.org/signed-note.
 *
 * The note is
 *
 *		origin
 *		number of leaves, decimal
 *		root, base64
 *		further lines, if any
 *		(an empty line)
 *		U+2014, space, name of the key, space, base64(key id || signature)
 *
 * The signature is over everything before the empty line.  The id of a key is
 * the first four bytes of SHA-256(name || 0x0A || 0x01 || public key), 0x01
 * standing for Ed25519.
 */
#ifndef CG_CHECKPOINT_H
#define CG_CHECKPOINT_H

#include "ed25519.h"
#include "merkle.h"

#define CG_MAX_ORIGIN		200 /* bytes of an origin, which names the key too */
#define CG_CHECKPOINT_MAX	16384	/* bytes of a note that is parsed */
#define CG_NOTE_ID_LEN		4

/* The most that cg_checkpoint_write puts before its further lines. */
#define CG_CHECKPOINT_HEAD_MAX	(CG_MAX_ORIGIN + 1 + 21 + 45)
/* What a signature line, and a verifier, takes at most. */
#define CG_NOTE_LINE_MAX	(CG_MAX_ORIGIN + 128)

typedef struct CgCheckpoint
{
	const char *origin;			/* all pointers are into the text */
	size_t		origin_len;
	uint64_t	size;
	uint8_t		root[CG_MERKLE_LEN];
	const char *more;			/* further lines, with their ends */
	size_t		more_len;
	const char *signatures;		/* signature lines, with their ends */
	size_t		signatures_len;
	size_t		signed_len;		/* bytes from the start that are signed */
} CgCheckpoint;

/*
 * May a log be called so?  At most CG_MAX_ORIGIN bytes, without white space,
 * "+" and control characters.
 */
extern bool cg_origin_valid(const char *origin, size_t len);

/*
 * The text to be signed; further lines end in newlines.  Returns the length,
 * or 0 if it does not fit.
 */
extern size_t cg_checkpoint_write(const char *origin, size_t origin_len,
								  uint64_t size,
								  const uint8_t root[CG_MERKLE_LEN],
								  const char *more, size_t more_len,
								  char *out, size_t cap);

/*
 * Take a signed checkpoint apart.  CG_E_FORMAT if it is none, CG_E_LIMIT if
 * it is too long.  Says nothing about signatures.
 */
extern CgStatus cg_checkpoint_parse(const char *text, size_t len,
									CgCheckpoint *out);

/* The value of a further line "name value"; NULL if there is none. */
extern const char *cg_checkpoint_line(const CgCheckpoint *checkpoint,
									  const char *name, size_t *len);

/*
 * The lines of a signature by a named key, and of its verifier:
 * name+id+base64(0x01 || key).  Both return the length; the first ends in a
 * newline.  out must hold CG_NOTE_LINE_MAX bytes.  0 if libcrypto refuses.
 */
extern size_t cg_note_signature(const char *name, size_t name_len,
								const uint8_t key[CG_ED25519_KEY_LEN],
								const uint8_t sig[CG_ED25519_SIG_LEN],
								char *out);
extern size_t cg_note_verifier(const char *name, size_t name_len,
							   const uint8_t key[CG_ED25519_KEY_LEN],
							   char *out);

/*
 * CG_OK if a key of that name signed the checkpoint, CG_E_AUTH if its
 * signature is wrong, CG_E_LIMIT if there is none of it.
 */
extern CgStatus cg_checkpoint_verify(const char *text,
									 const CgCheckpoint *checkpoint,
									 const char *name, size_t name_len,
									 const uint8_t key[CG_ED25519_KEY_LEN]);

#endif							/* CG_CHECKPOINT_H */
