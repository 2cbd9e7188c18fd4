/*
 * merkle.c
 *		Merkle trees of RFC 6962 (RFC 9162 section 2.1) over SHA-256.
 *
 * The low-level SHA-256 of libcrypto is used, as in digest.c: its state is a
 * plain structure on the stack, where the one-shot functions of OpenSSL 3
 * fetch an algorithm for each call, which takes longer than hashing a leaf.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/sha.h>
#include <string.h>

#include "bytes.h"
#include "merkle.h"

static CgStatus subtree(CgMerkleFetch fetch, void *arg, unsigned level,
						uint64_t index, uint8_t *out);
static CgStatus range_root(CgMerkleFetch fetch, void *arg, uint64_t start,
						   uint64_t size, uint8_t *out);
static uint64_t split(uint64_t size);
static void reverse(uint8_t path[][CG_MERKLE_LEN], size_t len);

CgStatus
cg_merkle_leaf(const void *data, size_t len, uint8_t out[CG_MERKLE_LEN])
{
	static const uint8_t mark = 0x00;
	SHA256_CTX	ctx;

	if (!SHA256_Init(&ctx) || !SHA256_Update(&ctx, &mark, 1) ||
		(len > 0 && !SHA256_Update(&ctx, data, len)) ||
		!SHA256_Final(out, &ctx))
		return CG_E_CRYPTO;
	return CG_OK;
}

/* out may be one of the children. */
CgStatus
cg_merkle_node(const uint8_t left[CG_MERKLE_LEN],
			   const uint8_t right[CG_MERKLE_LEN],
			   uint8_t out[CG_MERKLE_LEN])
{
	uint8_t		data[1 + 2 * CG_MERKLE_LEN];
	SHA256_CTX	ctx;

	data[0] = 0x01;
	memcpy(data + 1, left, CG_MERKLE_LEN);
	memcpy(data + 1 + CG_MERKLE_LEN, right, CG_MERKLE_LEN);
	if (!SHA256_Init(&ctx) || !SHA256_Update(&ctx, data, sizeof(data)) ||
		!SHA256_Final(out, &ctx))
		return CG_E_CRYPTO;
	return CG_OK;
}

void
cg_merkle_init(CgMerkle *tree)
{
	memset(tree, 0, sizeof(*tree));
}

/*
 * Each subtree that the new leaf completes, one for each trailing set bit of
 * the size, merges with its left neighbour.
 */
CgStatus
cg_merkle_add(CgMerkle *tree, const uint8_t leaf[CG_MERKLE_LEN])
{
	uint8_t		hash[CG_MERKLE_LEN];
	uint64_t	bits = tree->size;
	int			top;

	if (tree->size == UINT64_MAX)
		return CG_E_LIMIT;
	memcpy(hash, leaf, CG_MERKLE_LEN);
	top = __builtin_popcountll(bits);
	for (; bits & 1; bits >>= 1)
		if (cg_merkle_node(tree->stack[--top], hash, hash) != CG_OK)
			return CG_E_CRYPTO;
	memcpy(tree->stack[top], hash, CG_MERKLE_LEN);
	tree->size++;
	return CG_OK;
}

CgStatus
cg_merkle_root(const CgMerkle *tree, uint8_t out[CG_MERKLE_LEN])
{
	int			top = __builtin_popcountll(tree->size);

	if (top == 0)
		return cg_sha256("", 0, out);
	memcpy(out, tree->stack[--top], CG_MERKLE_LEN);
	while (top > 0)
		if (cg_merkle_node(tree->stack[--top], out, out) != CG_OK)
			return CG_E_CRYPTO;
	return CG_OK;
}

CgStatus
cg_merkle_fetch_array(void *leaves, unsigned level, uint64_t index,
					  uint8_t out[CG_MERKLE_LEN])
{
	if (level > 0)
		return CG_E_LIMIT;
	memcpy(out, (const uint8_t *) leaves + index * CG_MERKLE_LEN,
		   CG_MERKLE_LEN);
	return CG_OK;
}

/* Built from the root down, and then turned round. */
CgStatus
cg_merkle_inclusion(CgMerkleFetch fetch, void *arg, uint64_t index,
					uint64_t size, uint8_t path[][CG_MERKLE_LEN],
					size_t *path_len)
{
	uint64_t	start = 0;
	size_t		n = 0;

	*path_len = 0;
	if (index >= size)
		return CG_E_LIMIT;
	while (size > 1)
	{
		uint64_t	left = split(size);
		CgStatus	status;

		if (index < left)
		{
			status = range_root(fetch, arg, start + left, size - left,
								path[n++]);
			size = left;
		}
		else
		{
			status = range_root(fetch, arg, start, left, path[n++]);
			start += left;
			index -= left;
			size -= left;
		}
		if (status != CG_OK)
			return status;
	}
	reverse(path, n);
	*path_len = n;
	return CG_OK;
}

CgStatus
cg_merkle_consistency(CgMerkleFetch fetch, void *arg, uint64_t first,
					  uint64_t second, uint8_t path[][CG_MERKLE_LEN],
					  size_t *path_len)
{
	uint64_t	start = 0;
	size_t		n = 0;
	CgStatus	status;

	*path_len = 0;
	if (first > second)
		return CG_E_LIMIT;
	if (first == 0)
		return CG_OK;
	while (first < second)
	{
		uint64_t	left = split(second);

		if (first <= left)
		{
			status = range_root(fetch, arg, start + left, second - left,
								path[n++]);
			second = left;
		}
		else
		{
			status = range_root(fetch, arg, start, left, path[n++]);
			start += left;
			first -= left;
			second -= left;
		}
		if (status != CG_OK)
			return status;
	}
	/* What is left is a subtree of both; the first root needs no telling. */
	if (start > 0)
	{
		status = range_root(fetch, arg, start, second, path[n++]);
		if (status != CG_OK)
			return status;
	}
	reverse(path, n);
	*path_len = n;
	return CG_OK;
}

CgStatus
cg_merkle_fetch_root(CgMerkleFetch fetch, void *arg, uint64_t size,
					 uint8_t out[CG_MERKLE_LEN])
{
	if (size == 0)
		return cg_sha256("", 0, out);
	return range_root(fetch, arg, 0, size, out);
}

/* RFC 9162 section 2.1.3.2. */
CgStatus
cg_merkle_check_inclusion(const uint8_t leaf[CG_MERKLE_LEN], uint64_t index,
						  uint64_t size, const uint8_t path[][CG_MERKLE_LEN],
						  size_t path_len, const uint8_t root[CG_MERKLE_LEN])
{
	uint8_t		hash[CG_MERKLE_LEN];
	uint64_t	fn = index;
	uint64_t	sn = size - 1;
	size_t		i;

	if (index >= size)
		return CG_E_FORMAT;
	memcpy(hash, leaf, CG_MERKLE_LEN);
	for (i = 0; i < path_len; i++)
	{
		CgStatus	status;

		if (sn == 0)
			return CG_E_FORMAT;
		if ((fn & 1) != 0 || fn == sn)
		{
			status = cg_merkle_node(path[i], hash, hash);
			for (; (fn & 1) == 0 && fn != 0; fn >>= 1)
				sn >>= 1;
		}
		else
			status = cg_merkle_node(hash, path[i], hash);
		if (status != CG_OK)
			return status;
		fn >>= 1;
		sn >>= 1;
	}
	if (sn != 0)
		return CG_E_FORMAT;
	return memcmp(hash, root, CG_MERKLE_LEN) == 0 ? CG_OK : CG_E_AUTH;
}

/* RFC 9162 section 2.1.4.2. */
CgStatus
cg_merkle_check_consistency(uint64_t first,
							const uint8_t first_root[CG_MERKLE_LEN],
							uint64_t second,
							const uint8_t second_root[CG_MERKLE_LEN],
							const uint8_t path[][CG_MERKLE_LEN],
							size_t path_len)
{
	uint8_t		old_root[CG_MERKLE_LEN];
	uint8_t		new_root[CG_MERKLE_LEN];
	uint64_t	fn = first - 1;
	uint64_t	sn = second - 1;
	size_t		i = 0;

	if (first > second)
		return CG_E_FORMAT;
	if (first == 0 || first == second)
	{
		if (path_len != 0)
			return CG_E_FORMAT;
		if (first == second)
			return memcmp(first_root, second_root, CG_MERKLE_LEN) == 0 ?
				CG_OK : CG_E_AUTH;
		/* every tree goes on from the empty one */
		if (cg_sha256("", 0, old_root) != CG_OK)
			return CG_E_CRYPTO;
		return memcmp(first_root, old_root, CG_MERKLE_LEN) == 0 ?
			CG_OK : CG_E_AUTH;
	}

	for (; (fn & 1) != 0; fn >>= 1)
		sn >>= 1;
	/* A complete first tree is a subtree of the second. */
	if ((first & (first - 1)) == 0)
		memcpy(old_root, first_root, CG_MERKLE_LEN);
	else if (path_len > 0)
		memcpy(old_root, path[i++], CG_MERKLE_LEN);
	else
		return CG_E_FORMAT;
	memcpy(new_root, old_root, CG_MERKLE_LEN);

	for (; i < path_len; i++)
	{
		CgStatus	status;

		if (sn == 0)
			return CG_E_FORMAT;
		if ((fn & 1) != 0 || fn == sn)
		{
			status = cg_merkle_node(path[i], old_root, old_root);
			if (status == CG_OK)
				status = cg_merkle_node(path[i], new_root, new_root);
			for (; (fn & 1) == 0 && fn != 0; fn >>= 1)
				sn >>= 1;
		}
		else
			status = cg_merkle_node(new_root, path[i], new_root);
		if (status != CG_OK)
			return status;
		fn >>= 1;
		sn >>= 1;
	}
	if (sn != 0)
		return CG_E_FORMAT;
	return memcmp(old_root, first_root, CG_MERKLE_LEN) == 0 &&
		memcmp(new_root, second_root, CG_MERKLE_LEN) == 0 ?
		CG_OK : CG_E_AUTH;
}

/* Root of a complete subtree, fetched or made of its children. */
static CgStatus
subtree(CgMerkleFetch fetch, void *arg, unsigned level, uint64_t index,
		uint8_t *out)
{
	uint8_t		left[CG_MERKLE_LEN];
	CgStatus	status = fetch(arg, level, index, out);

	if (status != CG_E_LIMIT || level == 0)
		return status;
	status = subtree(fetch, arg, level - 1, 2 * index, left);
	if (status == CG_OK)
		status = subtree(fetch, arg, level - 1, 2 * index + 1, out);
	if (status == CG_OK)
		status = cg_merkle_node(left, out, out);
	return status;
}

/*
 * Root over a range of leaves as they come up in paths: start is a multiple
 * of the smallest power of two that is not below size.
 */
static CgStatus
range_root(CgMerkleFetch fetch, void *arg, uint64_t start, uint64_t size,
		   uint8_t *out)
{
	uint8_t		left[CG_MERKLE_LEN];
	uint64_t	half;
	CgStatus	status;

	if ((size & (size - 1)) == 0)
	{
		unsigned	level = (unsigned) __builtin_ctzll(size);

		return subtree(fetch, arg, level, start >> level, out);
	}
	half = split(size);
	status = range_root(fetch, arg, start, half, left);
	if (status == CG_OK)
		status = range_root(fetch, arg, start + half, size - half, out);
	if (status == CG_OK)
		status = cg_merkle_node(left, out, out);
	return status;
}

/* The largest power of two below size, which is at least 2. */
static uint64_t
split(uint64_t size)
{
	return (uint64_t) 1 << (63 - __builtin_clzll(size - 1));
}

static void
reverse(uint8_t path[][CG_MERKLE_LEN], size_t len)
{
	uint8_t		swap[CG_MERKLE_LEN];
	size_t		i;

	for (i = 0; i < len / 2; i++)
	{
		memcpy(swap, path[i], CG_MERKLE_LEN);
		memcpy(path[i], path[len - 1 - i], CG_MERKLE_LEN);
		memcpy(path[len - 1 - i], swap, CG_MERKLE_LEN);
	}
}
