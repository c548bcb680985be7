/* SPDX-License-Identifier: MIT */
/* Compression, by whichever libraries there are; the fast levels, as makedumpfile does. */

#include <stdlib.h>
#include <string.h>

#ifdef VMI_WITH_LIBDEFLATE
#include <libdeflate.h>
#elif defined(VMI_WITH_ZLIB)
#include <zlib.h>
#endif
#ifdef VMI_WITH_LZO
#include <lzo/lzo1x.h>
#endif
#ifdef VMI_WITH_SNAPPY
#include <snappy-c.h>
#endif
#ifdef VMI_WITH_ZSTD
#include <zstd.h>
#endif
#ifdef VMI_WITH_LZ4
#include <lz4.h>
#endif

#include "packer.h"

const char *const packing_names[PACKINGS + 1] = {"none", "zlib", "lzo", "snappy",
						 "zstd", "lz4",  NULL};

struct packer {
	enum packing packing;
	void *state;      /* the library's */
	uint8_t *scratch; /* for those that write more than they were given */
	size_t room;
};

static bool zlib_there(void)
{
#if defined(VMI_WITH_LIBDEFLATE) || defined(VMI_WITH_ZLIB)
	return true;
#else
	return false;
#endif
}

bool packing_there(enum packing packing, const char **option)
{
	static const char *const options[PACKINGS] = {NULL,
						      "VMI_WITH_LIBDEFLATE or VMI_WITH_ZLIB",
						      "VMI_WITH_LZO",
						      "VMI_WITH_SNAPPY",
						      "VMI_WITH_ZSTD",
						      "VMI_WITH_LZ4"};
	static const bool there[PACKINGS] = {
		[PACK_NONE] = true,
#ifdef VMI_WITH_LZO
		[PACK_LZO] = true,
#endif
#ifdef VMI_WITH_SNAPPY
		[PACK_SNAPPY] = true,
#endif
#ifdef VMI_WITH_ZSTD
		[PACK_ZSTD] = true,
#endif
#ifdef VMI_WITH_LZ4
		[PACK_LZ4] = true,
#endif
	};

	*option = options[packing];
	return packing == PACK_ZLIB ? zlib_there() : there[packing];
}

/* The library's state, where it has one; false: out of memory. */
static bool state_create(struct packer *packer)
{
	switch (packer->packing) {
	case PACK_ZLIB:
#ifdef VMI_WITH_LIBDEFLATE
		packer->state = libdeflate_alloc_compressor(1);
		return packer->state;
#else
		return true;
#endif
	case PACK_LZO:
#ifdef VMI_WITH_LZO
		packer->state = malloc(LZO1X_1_MEM_COMPRESS);
		return packer->state && lzo_init() == LZO_E_OK;
#endif
		return true;
	case PACK_ZSTD:
#ifdef VMI_WITH_ZSTD
		packer->state = ZSTD_createCCtx();
		return packer->state;
#endif
		return true;
	case PACK_NONE:
	case PACK_SNAPPY:
	case PACK_LZ4:
	case PACKINGS:
		break;
	}
	return true;
}

/* What the library may write for `max` bytes that do not become smaller. */
static size_t scratch_size(enum packing packing, size_t max)
{
	/* LZO's documentation gives the first bound, snappy's the second. */
	return packing == PACK_LZO      ? max + max / 16 + 64 + 3
	       : packing == PACK_SNAPPY ? 32 + max + max / 6
					: 0;
}

struct packer *packer_create(enum packing packing, size_t max)
{
	struct packer *packer = calloc(1, sizeof(*packer));

	if (!packer)
		return NULL;
	packer->packing = packing;
	packer->room = scratch_size(packing, max);
	if (packer->room)
		packer->scratch = malloc(packer->room);
	if (state_create(packer) && (!packer->room || packer->scratch))
		return packer;
	packer_destroy(packer);
	return NULL;
}

void packer_destroy(struct packer *packer)
{
	if (!packer)
		return;
#ifdef VMI_WITH_LIBDEFLATE
	if (packer->packing == PACK_ZLIB) {
		libdeflate_free_compressor(packer->state);
		packer->state = NULL;
	}
#endif
#ifdef VMI_WITH_ZSTD
	if (packer->packing == PACK_ZSTD) {
		ZSTD_freeCCtx(packer->state);
		packer->state = NULL;
	}
#endif
	free(packer->state);
	free(packer->scratch);
	free(packer);
}

static size_t pack_zlib(struct packer *packer, const uint8_t *in, size_t len, uint8_t *out)
{
#ifdef VMI_WITH_LIBDEFLATE
	return libdeflate_zlib_compress(packer->state, in, len, out, len - 1);
#elif defined(VMI_WITH_ZLIB)
	uLongf size = len - 1;

	(void)packer;
	return compress2(out, &size, in, len, Z_BEST_SPEED) == Z_OK ? size : 0;
#else
	(void)packer;
	(void)in;
	(void)out;
	return 0 * len;
#endif
}

/* From the scratch buffer, if it became smaller. */
static size_t settle(const struct packer *packer, size_t len, size_t size, uint8_t *out)
{
	if (!size || size >= len)
		return 0;
	memcpy(out, packer->scratch, size);
	return size;
}

static size_t pack_lzo(struct packer *packer, const uint8_t *in, size_t len, uint8_t *out)
{
	size_t size = 0;

#ifdef VMI_WITH_LZO
	lzo_uint packed = packer->room;
	if (lzo1x_1_compress(in, len, packer->scratch, &packed, packer->state) == LZO_E_OK)
		size = packed;
#else
	(void)in;
#endif
	return settle(packer, len, size, out);
}

static size_t pack_snappy(struct packer *packer, const uint8_t *in, size_t len, uint8_t *out)
{
	size_t size = 0;

#ifdef VMI_WITH_SNAPPY
	size = packer->room;
	if (snappy_compress((const char *)in, len, (char *)packer->scratch, &size) != SNAPPY_OK)
		size = 0;
#else
	(void)in;
#endif
	return settle(packer, len, size, out);
}

static size_t pack_zstd(struct packer *packer, const uint8_t *in, size_t len, uint8_t *out)
{
#ifdef VMI_WITH_ZSTD
	size_t size = ZSTD_compressCCtx(packer->state, out, len - 1, in, len, 1);

	return ZSTD_isError(size) ? 0 : size;
#else
	(void)packer;
	(void)in;
	(void)out;
	return 0 * len;
#endif
}

static size_t pack_lz4(const uint8_t *in, size_t len, uint8_t *out)
{
#ifdef VMI_WITH_LZ4
	int size = LZ4_compress_default((const char *)in, (char *)out, (int)len, (int)len - 1);

	return size > 0 ? (size_t)size : 0;
#else
	(void)in;
	(void)out;
	return 0 * len;
#endif
}

size_t packer_pack(struct packer *packer, const uint8_t *in, size_t len, uint8_t *out)
{
	switch (packer->packing) {
	case PACK_ZLIB:
		return pack_zlib(packer, in, len, out);
	case PACK_LZO:
		return pack_lzo(packer, in, len, out);
	case PACK_SNAPPY:
		return pack_snappy(packer, in, len, out);
	case PACK_ZSTD:
		return pack_zstd(packer, in, len, out);
	case PACK_LZ4:
		return pack_lz4(in, len, out);
	case PACK_NONE:
	case PACKINGS:
		break;
	}
	return 0;
}
