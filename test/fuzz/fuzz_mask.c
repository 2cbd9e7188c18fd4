/*
 * fuzz_mask.c
 *		libFuzzer target: what is true of every masker, and masks that show
 *		nothing.
 *
 * The input is the text.  Each masker in each style obeys the rules of
 * mask_rules.h; names that are in the input are looked up.
 */
#include "masking.h"

static void
try_names(const char *text, size_t size)
{
	char	   *name = fuzz_buffer(size + 1);
	CgMasker	masker = CG_MASK_STARS;
	CgMaskStyle style = CG_STYLE_STANDARD;
	CgValidator validator = CG_VALID_NONE;
	CgNormalizer normalizer = CG_NORM_NONE;

	if (size > 0)
		memcpy(name, text, size);
	name[size] = '\0';
	if (cg_masker_by_name(name, &masker))
		REQUIRE((size_t) masker < CG_MASKERS);
	if (cg_mask_style_by_name(name, &style))
		REQUIRE((size_t) style < CG_MASK_STYLES);
	(void) cg_validator_by_name(name, &validator);
	REQUIRE(validator <= CG_VALID_DATE);
	(void) cg_normalizer_by_name(name, &normalizer);
	REQUIRE(normalizer <= CG_NORM_EMAIL);
	free(name);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *text = fuzz_copy(data, size);
	FuzzText	line = fuzz_read(FUZZ_LINE, data, size);
	int			masker;
	int			style;

	try_names(text, size);
	require_mask(CG_MASK_STARS, CG_STYLE_STANDARD, text, size, hidden(&line));
	require_mask(CG_MASK_SUPPRESS, CG_STYLE_STANDARD, text, size, (FuzzMask) {
				 {0}, 0
				 });
	for (masker = 0; masker < CG_MASKERS; masker++)
	{
		require_styles((CgMasker) masker, text, size);
		for (style = 0; style < CG_MASK_STYLES; style++)
		{
			size_t		n;

			if (cg_masker_has_style((CgMasker) masker, (CgMaskStyle) style))
				free(mask_of((CgMasker) masker, (CgMaskStyle) style, text,
							 size, &n));
		}
	}
	fuzz_forget(&line);
	free(text);
	return 0;
}
