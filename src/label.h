/*
 * label.h
 *		Security labels of columns: SECURITY LABEL FOR cipguard ON COLUMN ...
 *
 *	'mobile'				the column holds personal data of that category
 *	'subject'				the column identifies the person the row is about
 *	'subject of client'		it refers to the subject column of that table
 */
#ifndef CG_LABEL_H
#define CG_LABEL_H

#include "nodes/pg_list.h"

#include "category.h"

#define CG_LABEL_SUBJECT	"subject"

/*
 * The category of a protected column: that of its encrypted type, else that
 * of its label or of the nearest ancestor's label, else NULL.  Raises CG_ERRCODE_UNKNOWN_CATEGORY when the label
 * names a category that does not exist (fail closed).
 */
extern const CgCategory *cg_column_category(Oid relid, AttrNumber attnum);

/* Let every session look anew at a table and all above and below it. */
extern void cg_invalidate_family(Oid relid);

/* All tables above in the inheritance tree, nearest first. */
extern List *cg_ancestors(Oid relid);

/* Attribute number of the subject column, or InvalidAttrNumber. */
extern AttrNumber cg_subject_column(Oid relid);

/* The label of that column, whichever relation it is on; NULL if none is. */
extern const char *cg_subject_label(Oid relid);

/* True if typid is an encrypted type or a domain over one; false if invalid. */
extern bool cg_is_encrypted_type(Oid typid);

/*
 * The category of an encrypted expression, by its type modifier or that of
 * the domain it has; -1 if it is not encrypted or its category is open.
 */
extern int32 cg_expr_category(Node *expr);

/* The same of anything in it: elements, fields, base types. */
extern bool cg_holds_encrypted(Oid typid);

/* At load: register the provider of security labels. */
extern void cg_label_init(void);

#endif							/* CG_LABEL_H */
