/*
 * journal_stream.h
 *		Lists of subjects under AES-256-CTR.
 *
 * A sealed list is
 *
 *	16	counter block with which the key stream began
 *	4	bytes of it that were used before
 *	..	the list, padded to a multiple of 16 bytes by n bytes of value n,
 *		1 <= n <= 16, and XORed with the bytes of the stream that follow
 *
 * There is no tag: the MAC of the frame covers it.  Without one no list is
 * sealed.
 */
#ifndef CG_JOURNAL_STREAM_H
#define CG_JOURNAL_STREAM_H

#include "status.h"

#define CG_STREAM_KEY		32
#define CG_STREAM_HEAD		20
#define CG_STREAM_PAD		16
#define CG_STREAM_BOUND(len) (CG_STREAM_HEAD + (len) + CG_STREAM_PAD)

typedef struct CgStream CgStream;	/* a key, and a place in a key stream */

/* NULL when libcrypto refuses.  Must not be used in another process. */
extern CgStream *cg_stream_new(const uint8_t key[CG_STREAM_KEY]);

/* Accepts NULL. */
extern void cg_stream_free(CgStream *stream);

/* out holds CG_STREAM_BOUND(len) bytes.  CG_E_CRYPTO, CG_E_LIMIT. */
extern CgStatus cg_stream_seal(CgStream *stream, const uint8_t *list,
							   size_t len, uint8_t *out, size_t *out_len);

/* out holds len bytes.  CG_E_FORMAT, CG_E_CRYPTO. */
extern CgStatus cg_stream_open(CgStream *stream, const uint8_t *sealed,
							   size_t len, uint8_t *out, size_t *out_len);

#endif							/* CG_JOURNAL_STREAM_H */
