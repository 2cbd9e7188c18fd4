/*
 * kek_text.h
 *		Text of a key-encryption key, as a file or a command gives it.
 */
#ifndef CG_KEK_TEXT_H
#define CG_KEK_TEXT_H

#include "keywrap.h"

/*
 * Read 64 hexadecimal digits or base64 of 32 bytes, with white space around
 * them.  Returns NULL, or what is wrong; then key holds nothing.
 */
extern const char *cg_kek_parse(const char *text, size_t len,
								uint8_t key[CG_KEK_LEN]);

#endif							/* CG_KEK_TEXT_H */
