/* SPDX-License-Identifier: MIT */
/* Compressed blocks: one function per codec, over the library that this build has for it. */

#include <sched.h>
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

#include "codec.h"

/* Unpack to exactly `out_size` bytes. VMI_ERR_CORRUPT or VMI_ERR_NOMEM, without a sentence. */
typedef enum vmi_status unpack_fn(struct codec_tools *tools, const uint8_t *in, size_t in_size,
				  uint8_t *out, size_t out_size);

#ifdef VMI_WITH_LIBDEFLATE
static enum vmi_status zlib_unpack(struct codec_tools *tools, const uint8_t *in, size_t in_size,
				   uint8_t *out, size_t out_size)
{
	if (!tools->deflate && !(tools->deflate = libdeflate_alloc_decompressor()))
		return VMI_ERR_NOMEM;
	/* Asked for no size, it insists on exactly this one. */
	return libdeflate_zlib_decompress(tools->deflate, in, in_size, out, out_size, NULL)
		       ? VMI_ERR_CORRUPT
		       : VMI_OK;
}
#elif defined(VMI_WITH_ZLIB)
static enum vmi_status zlib_unpack(struct codec_tools *tools, const uint8_t *in, size_t in_size,
				   uint8_t *out, size_t out_size)
{
	uLongf got = out_size;

	(void)tools;
	int z = uncompress(out, &got, in, in_size);
	if (z == Z_MEM_ERROR)
		return VMI_ERR_NOMEM;
	return z == Z_OK && got == out_size ? VMI_OK : VMI_ERR_CORRUPT;
}
#else
#define zlib_unpack NULL
#endif

#ifdef VMI_WITH_LZO
static enum vmi_status lzo_unpack(struct codec_tools *tools, const uint8_t *in, size_t in_size,
				  uint8_t *out, size_t out_size)
{
	lzo_uint got = out_size;

	(void)tools;
	int z = lzo1x_decompress_safe(in, in_size, out, &got, NULL);
	return z == LZO_E_OK && got == out_size ? VMI_OK : VMI_ERR_CORRUPT;
}
#else
#define lzo_unpack NULL
#endif

#ifdef VMI_WITH_SNAPPY
static enum vmi_status snappy_unpack(struct codec_tools *tools, const uint8_t *in, size_t in_size,
				     uint8_t *out, size_t out_size)
{
	size_t got = out_size;

	(void)tools;
	/* It knows its size from the first bytes, and refuses one that is larger than `got`. */
	if (snappy_uncompress((const char *)in, in_size, (char *)out, &got) != SNAPPY_OK)
		return VMI_ERR_CORRUPT;
	return got == out_size ? VMI_OK : VMI_ERR_CORRUPT;
}
#else
#define snappy_unpack NULL
#endif

#ifdef VMI_WITH_ZSTD
static enum vmi_status zstd_unpack(struct codec_tools *tools, const uint8_t *in, size_t in_size,
				   uint8_t *out, size_t out_size)
{
	if (!tools->zstd && !(tools->zstd = ZSTD_createDCtx()))
		return VMI_ERR_NOMEM;
	/* In one go: no window is allocated, whatever the frame asks for. */
	return ZSTD_decompressDCtx(tools->zstd, out, out_size, in, in_size) == out_size
		       ? VMI_OK
		       : VMI_ERR_CORRUPT;
}
#else
#define zstd_unpack NULL
#endif

static const struct {
	const char *name, *option, *package;
	unpack_fn *unpack; /* NULL: not built in */
} codecs[CODEC_COUNT] = {
	[CODEC_ZLIB] = {"zlib", "VMI_WITH_ZLIB", "libdeflate-dev or zlib1g-dev", zlib_unpack},
	[CODEC_LZO] = {"lzo", "VMI_WITH_LZO", "liblzo2-dev", lzo_unpack},
	[CODEC_SNAPPY] = {"snappy", "VMI_WITH_SNAPPY", "libsnappy-dev", snappy_unpack},
	[CODEC_ZSTD] = {"zstd", "VMI_WITH_ZSTD", "libzstd-dev", zstd_unpack},
};

const char *codec_name(enum codec codec)
{
	return codecs[codec].name;
}

enum vmi_status codec_require(enum codec codec, struct vmi_error *err)
{
	if (codecs[codec].unpack)
		return VMI_OK;
	return vmi_fail(err, VMI_ERR_UNSUPPORTED,
			"it is compressed by %s, which was left out of this build: build it with "
			"-D%s=ON (Debian: %s)",
			codecs[codec].name, codecs[codec].option, codecs[codec].package);
}

enum vmi_status codec_unpack(struct codec_tools *tools, enum codec codec, const uint8_t *in,
			     size_t in_size, uint8_t *out, size_t out_size, struct vmi_error *err)
{
	if (!codecs[codec].unpack)
		return codec_require(codec, err);
	enum vmi_status st = codecs[codec].unpack(tools, in, in_size, out, out_size);
	if (st == VMI_ERR_NOMEM)
		return vmi_fail(err, st, "out of memory for %s", codecs[codec].name);
	if (st)
		return vmi_fail(err, st, "%zu bytes do not unpack by %s to %zu", in_size,
				codecs[codec].name, out_size);
	return VMI_OK;
}

/* ---- the pool ------------------------------------------------------------------------------- */

static void tools_destroy(struct codec_tools *tools)
{
	if (!tools)
		return;
#ifdef VMI_WITH_LIBDEFLATE
	libdeflate_free_decompressor(tools->deflate);
#endif
#ifdef VMI_WITH_ZSTD
	ZSTD_freeDCtx(tools->zstd);
#endif
	free(tools);
}

/* Threads on different CPUs begin their search at different slots, and rarely meet. */
static unsigned first_slot(void)
{
	int cpu = sched_getcpu();

	return cpu < 0 ? 0 : (unsigned)cpu;
}

struct codec_tools *codec_tools_take(struct codec_pool *pool)
{
	unsigned first = first_slot();

	for (unsigned i = 0; i < CODEC_POOL; i++) {
		struct codec_slot *slot = &pool->slots[(first + i) % CODEC_POOL];
		struct codec_tools *tools = NULL;
		/* Looking costs nothing while nobody takes; taking does. */
		if (atomic_load_explicit(&slot->idle, memory_order_relaxed))
			tools = atomic_exchange(&slot->idle, NULL);
		if (tools)
			return tools;
	}
	struct codec_tools *tools = malloc(sizeof(*tools));
	if (tools)
		tools->deflate = tools->zstd = NULL;
	return tools;
}

void codec_tools_put(struct codec_pool *pool, struct codec_tools *tools)
{
	unsigned first = first_slot();

	for (unsigned i = 0; i < CODEC_POOL; i++) {
		struct codec_slot *slot = &pool->slots[(first + i) % CODEC_POOL];
		struct codec_tools *none = NULL;
		if (atomic_compare_exchange_strong(&slot->idle, &none, tools))
			return;
	}
	tools_destroy(tools);
}

void codec_pool_deinit(struct codec_pool *pool)
{
	for (unsigned i = 0; i < CODEC_POOL; i++)
		tools_destroy(atomic_exchange(&pool->slots[i].idle, NULL));
}
