/*
 * key_provider.h
 *		Where the key-encryption key (KEK) comes from.
 */
#ifndef CG_KEY_PROVIDER_H
#define CG_KEY_PROVIDER_H

#define CG_KEK_ID_LEN	8

/*
 * The KEK, fetched on first use by cipguard.kek_command or cipguard.kek_file
 * (inherited from the postmaster when preloaded).  Errors: CG_ERRCODE_KEK_*.
 */
extern const uint8 *cg_kek(void);

/* Is a KEK at hand or at least configured?  Never raises. */
extern bool cg_kek_configured(void);

/*
 * Can the KEK be had?  Does not raise if it cannot, and asks a source that
 * failed once in a transaction only.
 */
extern bool cg_kek_reachable(void);

/* Public name of a KEK: 8 bytes derived one-way from it. */
extern void cg_kek_id(const uint8 *kek, uint8 id[CG_KEK_ID_LEN]);

/* In the postmaster: fetch the KEK, or log a warning and start sealed. */
extern void cg_kek_fetch_at_start(void);

#endif							/* CG_KEY_PROVIDER_H */
