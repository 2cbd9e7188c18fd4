/*
 * replay.c
 *		Runs a fuzz target on files, once each, in place of libFuzzer: so any
 *		compiler can tell whether an input that was found once is found again.
 *
 * Arguments are files.  Before each its name is printed, so that the last one
 * is that which ended the program.
 */
#include "fuzz.h"

#define INPUT_MAX	(1024 * 1024)

extern int	LLVMFuzzerInitialize(int *argc, char ***argv)
			__attribute__((weak));

int
main(int argc, char **argv)
{
	static uint8_t input[INPUT_MAX];
	int			i;

	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	for (i = 1; i < argc; i++)
	{
		FILE	   *file = fopen(argv[i], "rb");
		uint8_t    *copy;
		size_t		size;

		fprintf(stderr, "input: %s\n", argv[i]);
		if (file == NULL)
		{
			perror(argv[i]);
			return 1;
		}
		size = fread(input, 1, sizeof(input), file);
		fclose(file);
		copy = fuzz_copy(input, size);
		LLVMFuzzerTestOneInput(copy, size);
		free(copy);
	}
	return 0;
}
