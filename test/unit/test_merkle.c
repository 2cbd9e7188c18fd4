/*
 * test_merkle.c
 *		Trees of RFC 6962 against its reference vectors, and against a plain
 *		recursive definition for every size up to 64.
 */
#include <stdio.h>
#include <string.h>

#include "merkle.h"
#include "tap.h"

#define N 64

/* The test tree of the reference implementation of RFC 6962. */
static const struct
{
	const char *data;
	size_t		len;
	const char *root;			/* of the tree that ends with this leaf */
}			reference[8] = {
	{"", 0, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
	{"\x00", 1, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
	{"\x10", 1, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
	{"\x20\x21", 2, "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
	{"\x30\x31", 2, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
	{"@ABC", 4, "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
	{"PQRSTUVW", 8, "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
	{"`abcdefghijklmno", 16, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"}
};

/* Its paths: kind, first number, size, hashes. */
static const struct
{
	char		kind;
	int			first;
	int			size;
	int			len;
	const char *hashes[3];
}			paths[] = {
	{'i', 0, 1, 0, {NULL}},
	{'i', 0, 8, 3, {"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
			"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
	"6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}},
	{'i', 5, 8, 3, {"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
			"ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
	"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}},
	{'c', 1, 1, 0, {NULL}},
	{'c', 1, 8, 3, {"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
			"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
	"6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}},
	{'c', 6, 8, 3, {"0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
			"ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
	"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}},
	{'c', 2, 5, 2, {"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
	"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"}}
};

static uint8_t leaves[N][CG_MERKLE_LEN];
static uint8_t roots[N + 1][CG_MERKLE_LEN];
static uint8_t path[CG_MERKLE_MAX_PATH + 1][CG_MERKLE_LEN];

static void
from_hex(const char *hex, uint8_t *out)
{
	unsigned	byte;

	for (; *hex != '\0'; hex += 2)
	{
		sscanf(hex, "%2x", &byte);
		*out++ = (uint8_t) byte;
	}
}

/* The definition: MTH of RFC 6962, section 2.1. */
static void
definition(int start, int n, uint8_t *out)
{
	uint8_t		left[CG_MERKLE_LEN];
	uint8_t		right[CG_MERKLE_LEN];
	int			k = 1;

	if (n == 0)
		cg_sha256("", 0, out);
	else if (n == 1)
		memcpy(out, leaves[start], CG_MERKLE_LEN);
	else
	{
		while (k * 2 < n)
			k *= 2;
		definition(start, k, left);
		definition(start + k, n - k, right);
		cg_merkle_node(left, right, out);
	}
}

static void
test_reference(void)
{
	uint8_t		want[CG_MERKLE_LEN];
	uint8_t		got[CG_MERKLE_LEN];
	uint8_t		leaf[8][CG_MERKLE_LEN];
	CgMerkle	tree;
	size_t		len;
	size_t		i;
	int			j;
	bool		same;

	cg_merkle_init(&tree);
	cg_merkle_root(&tree, got);
	from_hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", want);
	is_bytes(got, sizeof(got), want, sizeof(want), "root of the empty tree");
	cg_merkle_fetch_root(cg_merkle_fetch_array, leaf, 0, got);
	is_bytes(got, sizeof(got), want, sizeof(want), "by way of fetching, too");
	for (i = 0; i < 8; i++)
	{
		cg_merkle_leaf(reference[i].data, reference[i].len, leaf[i]);
		cg_merkle_add(&tree, leaf[i]);
		cg_merkle_root(&tree, got);
		from_hex(reference[i].root, want);
		is_bytes(got, sizeof(got), want, sizeof(want), "root of the reference tree");
	}
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
	{
		CgStatus	status;

		if (paths[i].kind == 'i')
			status = cg_merkle_inclusion(cg_merkle_fetch_array, leaf, paths[i].first, paths[i].size, path, &len);
		else
			status = cg_merkle_consistency(cg_merkle_fetch_array, leaf, paths[i].first, paths[i].size, path, &len);
		same = status == CG_OK && len == (size_t) paths[i].len;
		for (j = 0; same && j < paths[i].len; j++)
		{
			from_hex(paths[i].hashes[j], want);
			same = memcmp(want, path[j], CG_MERKLE_LEN) == 0;
		}
		ok(same, "reference path %c %d %d", paths[i].kind, paths[i].first, paths[i].size);
	}
}

static void
test_roots(void)
{
	CgMerkle	tree;
	uint8_t		got[CG_MERKLE_LEN];
	uint8_t		byte;
	int			i;
	bool		same = true;
	bool		fetched = true;

	for (i = 0; i < N; i++)
	{
		byte = (uint8_t) i;
		cg_merkle_leaf(&byte, 1, leaves[i]);
	}
	cg_merkle_init(&tree);
	for (i = 0; i <= N; i++)
	{
		definition(0, i, roots[i]);
		cg_merkle_root(&tree, got);
		same = same && memcmp(got, roots[i], CG_MERKLE_LEN) == 0;
		cg_merkle_fetch_root(cg_merkle_fetch_array, leaves, i, got);
		fetched = fetched && memcmp(got, roots[i], CG_MERKLE_LEN) == 0;
		if (i < N)
			cg_merkle_add(&tree, leaves[i]);
	}
	ok(same, "a growing tree has the defined root at every size");
	ok(fetched, "so has one that is fetched");
	tree.size = UINT64_MAX;
	ok(cg_merkle_add(&tree, leaves[0]) == CG_E_LIMIT, "a tree has a largest size");
}

/* Does any single change of the path make it fail? */
static bool
brittle(bool consistency, int first, int size, const uint8_t *from, size_t len)
{
	uint8_t		from_copy[CG_MERKLE_LEN];
	uint8_t		root[CG_MERKLE_LEN];
	uint8_t    *flat = (uint8_t *) path;
	size_t		bit;
	int			n;

#define FAILS() \
	((consistency ? \
	  cg_merkle_check_consistency(first, from_copy, size, root, (const uint8_t (*)[CG_MERKLE_LEN]) path, len) : \
	  cg_merkle_check_inclusion(from_copy, first, size, (const uint8_t (*)[CG_MERKLE_LEN]) path, len, root)) != CG_OK)

	memcpy(from_copy, from, CG_MERKLE_LEN);
	memcpy(root, roots[size], CG_MERKLE_LEN);
	for (bit = 0; bit < len * CG_MERKLE_LEN * 8; bit++)
	{
		flat[bit / 8] ^= (uint8_t) (1 << bit % 8);
		if (!FAILS())
			return false;
		flat[bit / 8] ^= (uint8_t) (1 << bit % 8);
	}
	for (bit = 0; bit < CG_MERKLE_LEN * 8; bit++)
	{
		root[bit / 8] ^= (uint8_t) (1 << bit % 8);
		if (!FAILS())
			return false;
		root[bit / 8] ^= (uint8_t) (1 << bit % 8);
		if (!consistency || first > 0)
		{
			from_copy[bit / 8] ^= (uint8_t) (1 << bit % 8);
			if (!FAILS())
				return false;
			from_copy[bit / 8] ^= (uint8_t) (1 << bit % 8);
		}
	}
	/* a hash too many, a hash too few */
	memset(path[len], 0xa5, CG_MERKLE_LEN);
	len++;
	if (!FAILS())
		return false;
	len--;
	if (len > 0)
	{
		len--;
		if (!FAILS())
			return false;
		len++;
	}
	/* the same path for another position or another first size */
	n = first;
	for (first = 0; first <= size + 1; first++)
		if (first != n && !FAILS())
			return false;
#undef FAILS
	return true;
}

static void
test_paths(void)
{
	static const uint64_t large[] = {0, 1, (uint64_t) 1 << 63, UINT64_MAX - 1, UINT64_MAX};
	size_t		len;
	int			size;
	int			first;
	int			i;
	int			j;
	bool		good = true;
	bool		firm = true;

	for (size = 1; size <= N; size++)
		for (first = 0; first < size; first++)
		{
			good = good && cg_merkle_inclusion(cg_merkle_fetch_array, leaves, first, size, path, &len) == CG_OK &&
				cg_merkle_check_inclusion(leaves[first], first, size, (const uint8_t (*)[CG_MERKLE_LEN]) path, len,
										  roots[size]) == CG_OK;
			firm = firm && brittle(false, first, size, leaves[first], len);
		}
	ok(good, "every leaf of every tree has a path");
	ok(firm, "that no changed bit, length or index survives");
	ok(cg_merkle_inclusion(cg_merkle_fetch_array, leaves, 5, 5, path, &len) == CG_E_LIMIT && len == 0,
	   "a leaf beyond the end has none");

	good = firm = true;
	for (size = 1; size <= N; size++)
		for (first = 0; first <= size; first++)
		{
			good = good && cg_merkle_consistency(cg_merkle_fetch_array, leaves, first, size, path, &len) == CG_OK &&
				cg_merkle_check_consistency(first, roots[first], size, roots[size],
											(const uint8_t (*)[CG_MERKLE_LEN]) path, len) == CG_OK;
			if (first > 0 && first < size)
				firm = firm && brittle(true, first, size, roots[first], len);
			else
				good = good && len == 0;
		}
	ok(good, "every tree is consistent with every larger one");
	ok(firm, "and with nothing else");
	ok(cg_merkle_consistency(cg_merkle_fetch_array, leaves, 6, 5, path, &len) == CG_E_LIMIT && len == 0,
	   "a larger tree with none");
	ok(cg_merkle_check_consistency(0, roots[1], 5, roots[5], NULL, 0) == CG_E_AUTH,
	   "the empty tree has one root");
	ok(cg_merkle_check_consistency(0, roots[0], 0, roots[1], NULL, 0) == CG_E_AUTH,
	   "even against itself");

	good = true;
	memset(path, 0, sizeof(path));
	for (i = 0; i < 5; i++)
		for (j = 0; j < 5; j++)
			for (len = 0; len <= CG_MERKLE_MAX_PATH; len++)
			{
				good = good &&
					cg_merkle_check_inclusion(leaves[0], large[i], large[j], (const uint8_t (*)[CG_MERKLE_LEN]) path,
											  len, roots[2]) != CG_OK &&
					cg_merkle_check_consistency(large[i], roots[1], large[j], roots[2],
												(const uint8_t (*)[CG_MERKLE_LEN]) path, len) != CG_OK;
			}
	/* the tree of one leaf excepted, nothing of this is right */
	ok(good, "sizes at the ends of their range prove nothing");
}

int
main(void)
{
	test_reference();
	test_roots();
	test_paths();
	return tap_done();
}
