/*
 * fuzz_merkle.c
 *		libFuzzer target: Merkle trees and proofs of RFC 9162.
 *
 * The input is a number of leaves, places in the tree and what to change.
 * Roots are compared with those of the definition, MTH of section 2.1.1.  A
 * proof that was made verifies; with any bit of it changed, with a hash more
 * or less, or for another leaf, it does not.  (A proof does not bind the
 * size of the tree: that is what the signature of a checkpoint is for.)
 *
 * What is left of the input is a proof from outside, which can be anything.
 */
#include "bytes.h"
#include "fuzz.h"
#include "merkle.h"

#define LEAVES_MAX	70

typedef uint8_t Hash[CG_MERKLE_LEN];

static Hash leaves[LEAVES_MAX];

/* The definition, over leaves from..from + n. */
static void
tree_hash(size_t from, size_t n, Hash out)
{
	uint8_t		node[1 + 2 * CG_MERKLE_LEN] = {1};
	size_t		k = 1;

	if (n == 1)
	{
		memcpy(out, leaves[from], sizeof(Hash));
		return;
	}
	if (n == 0)
	{
		REQUIRE(cg_sha256("", 0, out) == CG_OK);
		return;
	}
	while (k * 2 < n)
		k *= 2;
	tree_hash(from, k, node + 1);
	tree_hash(from + k, n - k, node + 1 + CG_MERKLE_LEN);
	REQUIRE(cg_sha256(node, sizeof(node), out) == CG_OK);
}

static void
plant(size_t n)
{
	size_t		i;

	for (i = 0; i < n; i++)
	{
		uint8_t		data[2] = {0, (uint8_t) i};
		Hash		expected;

		REQUIRE(cg_merkle_leaf(data + 1, 1, leaves[i]) == CG_OK);
		REQUIRE(cg_sha256(data, 2, expected) == CG_OK);
		REQUIRE(memcmp(leaves[i], expected, sizeof(Hash)) == 0);
	}
}

static void
try_roots(size_t n)
{
	CgMerkle	tree;
	Hash		expected;
	Hash		root;
	size_t		i;

	cg_merkle_init(&tree);
	for (i = 0; i < n; i++)
		REQUIRE(cg_merkle_add(&tree, leaves[i]) == CG_OK);
	REQUIRE(tree.size == n);
	tree_hash(0, n, expected);
	REQUIRE(cg_merkle_root(&tree, root) == CG_OK);
	REQUIRE(memcmp(root, expected, sizeof(Hash)) == 0);
	REQUIRE(cg_merkle_fetch_root(cg_merkle_fetch_array, leaves, n, root) ==
			CG_OK);
	REQUIRE(memcmp(root, expected, sizeof(Hash)) == 0);
}

static void
try_inclusion(FuzzInput *in, size_t n)
{
	size_t		index = fuzz_choice(in, n);
	size_t		other = fuzz_choice(in, n);
	Hash		made[CG_MERKLE_MAX_PATH];
	Hash		root;
	Hash	   *path;
	size_t		len;
	size_t		bit;

	tree_hash(0, n, root);
	REQUIRE(cg_merkle_inclusion(cg_merkle_fetch_array, leaves, index, n, made,
								&len) == CG_OK && len < CG_MERKLE_MAX_PATH);
	path = fuzz_copy(made, len * sizeof(Hash));
	REQUIRE(cg_merkle_check_inclusion(leaves[index], index, n,
									  (const Hash *) path, len, root) ==
			CG_OK);
	if (other != index)
	{
		REQUIRE(cg_merkle_check_inclusion(leaves[other], index, n,
										  (const Hash *) path, len, root) !=
				CG_OK);
		REQUIRE(cg_merkle_check_inclusion(leaves[index], other, n,
										  (const Hash *) path, len, root) !=
				CG_OK);
	}
	REQUIRE(cg_merkle_check_inclusion(leaves[index], index + n, n,
									  (const Hash *) path, len, root) ==
			CG_E_FORMAT);
	if (len > 0)
	{
		REQUIRE(cg_merkle_check_inclusion(leaves[index], index, n,
										  (const Hash *) path, len - 1,
										  root) != CG_OK);
		bit = fuzz_choice(in, len * sizeof(Hash) * 8);
		fuzz_flip(path[0], bit);
		REQUIRE(cg_merkle_check_inclusion(leaves[index], index, n,
										  (const Hash *) path, len, root) ==
				CG_E_AUTH);
		fuzz_flip(path[0], bit);
	}
	fuzz_flip(root, fuzz_choice(in, sizeof(Hash) * 8));
	REQUIRE(cg_merkle_check_inclusion(leaves[index], index, n,
									  (const Hash *) path, len, root) ==
			CG_E_AUTH);
	free(path);

	tree_hash(0, n, root);
	memcpy(made[len], leaves[other], sizeof(Hash));
	path = fuzz_copy(made, (len + 1) * sizeof(Hash));
	REQUIRE(cg_merkle_check_inclusion(leaves[index], index, n,
									  (const Hash *) path, len + 1, root) !=
			CG_OK);
	free(path);
}

static void
try_consistency(FuzzInput *in, size_t n)
{
	size_t		first = fuzz_choice(in, n + 1);
	Hash		made[CG_MERKLE_MAX_PATH];
	Hash		old_root;
	Hash		root;
	Hash	   *path;
	size_t		len;
	size_t		bit;

	tree_hash(0, first, old_root);
	tree_hash(0, n, root);
	REQUIRE(cg_merkle_consistency(cg_merkle_fetch_array, leaves, first, n,
								  made, &len) == CG_OK &&
			len < CG_MERKLE_MAX_PATH);
	path = fuzz_copy(made, len * sizeof(Hash));
	REQUIRE(cg_merkle_check_consistency(first, old_root, n, root,
										(const Hash *) path, len) == CG_OK);
	REQUIRE(cg_merkle_check_consistency(n + 1, old_root, n, root,
										(const Hash *) path, len) != CG_OK);
	if (len > 0)
	{
		REQUIRE(cg_merkle_check_consistency(first, old_root, n, root,
											(const Hash *) path, len - 1) !=
				CG_OK);
		bit = fuzz_choice(in, len * sizeof(Hash) * 8);
		fuzz_flip(path[0], bit);
		REQUIRE(cg_merkle_check_consistency(first, old_root, n, root,
											(const Hash *) path, len) ==
				CG_E_AUTH);
		fuzz_flip(path[0], bit);
	}

	/* From the empty tree one gets to any. */
	if (first > 0)
	{
		bit = fuzz_choice(in, sizeof(Hash) * 8);
		fuzz_flip(root, bit);
		REQUIRE(cg_merkle_check_consistency(first, old_root, n, root,
											(const Hash *) path, len) ==
				CG_E_AUTH);
		fuzz_flip(root, bit);
	}
	fuzz_flip(old_root, fuzz_choice(in, sizeof(Hash) * 8));
	REQUIRE(cg_merkle_check_consistency(first, old_root, n, root,
										(const Hash *) path, len) ==
			CG_E_AUTH);
	free(path);
}

/* Two numbers, a leaf and a root, and the rest is a path. */
static void
try_outside(FuzzInput *in)
{
	uint64_t	a = fuzz_number(in, 8);
	uint64_t	b = fuzz_number(in, 8);
	Hash		leaf;
	Hash		root;
	const uint8_t *bytes;
	Hash	   *path;
	size_t		len;
	CgStatus	status;

	fuzz_fill(in, leaf, sizeof(leaf));
	fuzz_fill(in, root, sizeof(root));
	bytes = fuzz_bytes(in, in->left, &len);
	len /= sizeof(Hash);
	path = fuzz_copy(bytes, len * sizeof(Hash));

	/* Whatever leads to this root leads to no other. */
	status = cg_merkle_check_inclusion(leaf, a, b, (const Hash *) path, len,
									   root);
	REQUIRE(status == CG_OK || status == CG_E_FORMAT || status == CG_E_AUTH);
	fuzz_flip(root, 0);
	REQUIRE(status != CG_OK ||
			cg_merkle_check_inclusion(leaf, a, b, (const Hash *) path, len,
									  root) == CG_E_AUTH);
	status = cg_merkle_check_consistency(a, leaf, b, root,
										 (const Hash *) path, len);
	REQUIRE(status == CG_OK || status == CG_E_FORMAT || status == CG_E_AUTH);
	fuzz_flip(leaf, 0);
	REQUIRE(status != CG_OK ||
			cg_merkle_check_consistency(a, leaf, b, root,
										(const Hash *) path, len) ==
			CG_E_AUTH);
	free(path);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FuzzInput	in = {data, size};
	size_t		n = fuzz_choice(&in, LEAVES_MAX + 1);

	plant(n);
	try_roots(n);
	if (n > 0)
		try_inclusion(&in, n);
	try_consistency(&in, n);
	try_outside(&in);
	return 0;
}
