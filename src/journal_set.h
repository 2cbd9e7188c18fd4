/*
 * journal_set.h
 *		Persons whose data a statement discloses: each is listed once.
 */
#ifndef CG_JOURNAL_SET_H
#define CG_JOURNAL_SET_H

#define CG_SET_PENDING		128 /* subjects that are in no frame yet */
#define CG_SET_PENDING_TEXT 32768	/* and of those that are text, bytes */
#define CG_SET_SUBJECT_LEN	4096	/* longer ones are cut: no key can be
									 * longer */

/* Bytes that cg_set_pack() writes at most. */
#define CG_SET_LIST_MAX \
	(10 * (CG_SET_PENDING + 2) + 3 * CG_SET_PENDING + \
	 CG_SET_PENDING_TEXT + CG_SET_SUBJECT_LEN)

typedef struct CgSubjectText
{
	uint32		offset;			/* in bytes of the set */
	uint32		len;
} CgSubjectText;

typedef struct CgSlot
{
	uint64		key;			/* the integer, or a hash of the text */
	uint32		epoch;			/* free unless it is that of the set */
	uint32		text;			/* number of the text; or CG_SET_INTEGER */
} CgSlot;

#define CG_SET_INTEGER		PG_UINT32_MAX

typedef struct CgSubjectSet
{
	MemoryContext context;
	CgSlot	   *slots;			/* known subjects, in no order */
	uint32		max_slots;		/* a power of 2, or 0 */
	uint32		epoch;
	uint32		known;
	bool		any;			/* last is one of them */
	int64		last;

	int			num_integers;	/* pending */
	int64		integers[CG_SET_PENDING];

	int			first_text;		/* pending from here on */
	int			num_texts;
	int			max_texts;
	CgSubjectText *texts;
	uint32		num_bytes;
	uint32		pending_bytes;
	uint32		max_bytes;
	char	   *bytes;
} CgSubjectSet;

/* Of zeroed memory, an empty set that allocates in that context. */
static inline void
cg_set_init(CgSubjectSet *set, MemoryContext context)
{
	set->context = context;
	set->epoch = 1;
}

/* Must what is pending be packed before another subject is added? */
static inline bool
cg_set_full(const CgSubjectSet *set)
{
	return set->num_integers + set->num_texts - set->first_text >=
		CG_SET_PENDING || set->pending_bytes >= CG_SET_PENDING_TEXT;
}

/* Has it memory that few statements need? */
static inline bool
cg_set_is_large(const CgSubjectSet *set)
{
	return set->max_slots > 512 || set->max_bytes > 64 * 1024;
}

static inline bool
cg_set_pending(const CgSubjectSet *set)
{
	return set->num_integers > 0 || set->num_texts > set->first_text;
}

/* Add one that is not known already.  The set must not be full. */
extern void cg_set_put_integer(CgSubjectSet *set, int64 value);
extern void cg_set_put_text(CgSubjectSet *set, const char *s, Size len);

/*
 * Write the list of what is pending (journal_frame.h); 0 bytes if that is
 * nothing.  They stay pending until cg_set_packed().
 */
extern Size cg_set_pack(CgSubjectSet *set, uint8 *out);
extern void cg_set_packed(CgSubjectSet *set);

/* Forget what is known and not pending: it will be listed again. */
extern void cg_set_forget(CgSubjectSet *set);

/* Make it empty. */
extern void cg_set_clear(CgSubjectSet *set);

#endif							/* CG_JOURNAL_SET_H */
