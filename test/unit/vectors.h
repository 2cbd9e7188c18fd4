/*
 * vectors.h
 *		Read test/vectors/NAME.tsv: lines of tab-separated fields, most of them
 *		hexadecimal; lines that start with # are comments.
 */
#ifndef CG_VECTORS_H
#define CG_VECTORS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VEC_MAX_FIELDS	16
#define VEC_MAX_LINE	16384

typedef struct CgVecFile
{
	FILE	   *file;
	int			n_fields;
	char	   *field[VEC_MAX_FIELDS];
	char		line[VEC_MAX_LINE];
} CgVecFile;

/* Open for vec_next; a file that is not there ends the program. */
static inline void
vec_open(CgVecFile *v, const char *name)
{
	char		path[256];

	snprintf(path, sizeof(path), "test/vectors/%s", name);
	v->file = fopen(path, "r");
	if (v->file == NULL)
	{
		printf("Bail out! could not open %s\n", path);
		exit(1);
	}
}

/* Next line that is no comment, split; false and closed at the end. */
static inline bool
vec_next(CgVecFile *v)
{
	while (fgets(v->line, sizeof(v->line), v->file) != NULL)
	{
		char	   *p = v->line;

		if (*p == '#')
			continue;
		p[strcspn(p, "\r\n")] = '\0';
		v->n_fields = 0;
		for (;;)
		{
			v->field[v->n_fields++] = p;
			p = strchr(p, '\t');
			if (p == NULL || v->n_fields == VEC_MAX_FIELDS)
				return true;
			*p++ = '\0';
		}
	}
	fclose(v->file);
	return false;
}

/* Bytes of a hexadecimal field, in memory of their exact size. */
static inline uint8_t *
vec_hex(const char *hex, size_t *len)
{
	size_t		n = strlen(hex) / 2;
	uint8_t    *bytes = malloc(n > 0 ? n : 1);
	size_t		i;

	for (i = 0; i < n; i++)
	{
		unsigned	b;

		if (sscanf(hex + 2 * i, "%2x", &b) != 1)
		{
			printf("Bail out! no hexadecimal: %s\n", hex);
			exit(1);
		}
		bytes[i] = (uint8_t) b;
	}
	*len = n;
	return bytes;
}

#endif							/* CG_VECTORS_H */
