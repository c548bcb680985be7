/* SPDX-License-Identifier: MIT */
/* A kdump's blocks through the bare decoders. */

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

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

#include "blocks.h"

enum { BLOCK = 4096, DESC = 24 };

/* Unpack one page; 0 when that worked. `state` is the decoder's, made when it is NULL. */
static int unpack(uint32_t flags, void **state, const uint8_t *in, size_t size, uint8_t *out)
{
	(void)state;
	switch (flags) {
	case 0:
		memcpy(out, in, BLOCK);
		return size != BLOCK;
#ifdef VMI_WITH_LIBDEFLATE
	case 1:
		if (!*state)
			*state = libdeflate_alloc_decompressor();
		return libdeflate_zlib_decompress(*state, in, size, out, BLOCK, NULL) !=
		       LIBDEFLATE_SUCCESS;
#elif defined(VMI_WITH_ZLIB)
	case 1: {
		uLongf got = BLOCK;
		return uncompress(out, &got, in, size);
	}
#endif
#ifdef VMI_WITH_LZO
	case 2: {
		lzo_uint got = BLOCK;
		return lzo1x_decompress_safe(in, size, out, &got, NULL);
	}
#endif
#ifdef VMI_WITH_SNAPPY
	case 4: {
		size_t got = BLOCK;
		return snappy_uncompress((const char *)in, size, (char *)out, &got) != SNAPPY_OK;
	}
#endif
#ifdef VMI_WITH_ZSTD
	case 32:
		if (!*state)
			*state = ZSTD_createDCtx();
		return ZSTD_decompressDCtx(*state, out, BLOCK, in, size) != BLOCK;
#endif
	default:
		return 1;
	}
}

static uint64_t get(const uint8_t *at, size_t size)
{
	uint64_t value = 0;

	memcpy(&value, at, size);
	return value;
}

int blocks_open(struct blocks *blocks, const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	*blocks = (struct blocks){0};
	if (fd < 0 || fstat(fd, &st)) {
		if (fd >= 0)
			close(fd);
		return 1;
	}
	blocks->size = (size_t)st.st_size;
	void *map = mmap(NULL, blocks->size, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return 1;
	blocks->file = map;
	if (blocks->size < 2 * BLOCK || memcmp(blocks->file, "KDUMP   ", 8) != 0 ||
	    get(blocks->file + 428, 4) != BLOCK || get(blocks->file + BLOCK + 12, 4) ||
	    !blocks_run(blocks)) {
		blocks_close(blocks);
		return 1;
	}
	return 0;
}

uint64_t blocks_run(struct blocks *blocks)
{
	uint64_t sub = get(blocks->file + 432, 4), maps = get(blocks->file + 436, 4);
	const uint8_t *bits = blocks->file + (1 + sub + maps / 2) * BLOCK;
	const uint8_t *desc = blocks->file + (1 + sub + maps) * BLOCK;
	uint64_t shared = 0, before = 0, sum = 0;
	void *state = NULL;
	uint8_t out[BLOCK];

	blocks->count = blocks->pages = 0;
	for (uint64_t i = 0; i < maps / 2 * BLOCK; i++)
		blocks->pages += (unsigned)__builtin_popcount(bits[i]);
	for (uint64_t i = 0; i < blocks->pages; i++, desc += DESC) {
		uint64_t at = get(desc, 8);
		if (at == before)
			shared = at;
		before = at;
		if (at == shared)
			continue;
		if (unpack((uint32_t)get(desc + 12, 4), &state, blocks->file + at, get(desc + 8, 4),
			   out))
			return 0;
		sum += out[0];
		blocks->count++;
	}
#ifdef VMI_WITH_LIBDEFLATE
	if (get(blocks->file + 424, 4) & 1)
		libdeflate_free_decompressor(state);
#endif
#ifdef VMI_WITH_ZSTD
	if (get(blocks->file + 424, 4) & 32)
		ZSTD_freeDCtx(state);
#endif
	return sum + 1;
}

void blocks_close(struct blocks *blocks)
{
	if (blocks->file)
		munmap((void *)(uintptr_t)blocks->file, blocks->size);
	*blocks = (struct blocks){0};
}
