/* SPDX-License-Identifier: MIT */
/* Pages that the kernel has packed, by the names of its compressors (drivers/block/zram/zcomp.c).
 */

#include <string.h>

#ifdef VMI_WITH_LZ4
#include <lz4.h>
#endif
#ifdef VMI_WITH_ZSTD
#include <zstd.h>
#endif

#include "lzo.h"
#include "unpack.h"

#ifdef VMI_WITH_LZ4
static size_t lz4_unpack(const uint8_t *in, size_t len, uint8_t *out, size_t room)
{
	int got = LZ4_decompress_safe((const char *)in, (char *)out, (int)len, (int)room);

	return got > 0 ? (size_t)got : 0;
}
#else
#define lz4_unpack NULL
#endif

#ifdef VMI_WITH_ZSTD
static size_t zstd_unpack(const uint8_t *in, size_t len, uint8_t *out, size_t room)
{
	size_t got = ZSTD_decompress(out, room, in, len);

	return ZSTD_isError(got) ? 0 : got;
}
#else
#define zstd_unpack NULL
#endif

static const struct {
	const char *name;
	/* Up to `room` bytes; returns how many, 0 for a failure. NULL: not in this build. */
	size_t (*unpack)(const uint8_t *in, size_t len, uint8_t *out, size_t room);
	const char *needs;
} codecs[] = {
	{"lzo", lzo_unpack, ""},          {"lzo-rle", lzo_unpack, ""},
	{"lz4", lz4_unpack, "liblz4"},    {"lz4hc", lz4_unpack, "liblz4"},
	{"zstd", zstd_unpack, "libzstd"},
};

enum vmi_status page_unpack(const char *compressor, const uint8_t *bytes, size_t len, uint8_t *page,
			    struct vmi_error *err)
{
	for (size_t i = 0; i < sizeof(codecs) / sizeof(*codecs); i++) {
		if (strcmp(codecs[i].name, compressor))
			continue;
		if (!codecs[i].unpack)
			return vmi_fail(
				err, VMI_ERR_UNSUPPORTED,
				"it is packed by %s, which needs %s, which this build lacks",
				compressor, codecs[i].needs);
		if (len > VMI_PAGE_SIZE ||
		    codecs[i].unpack(bytes, len, page, VMI_PAGE_SIZE) != VMI_PAGE_SIZE)
			return vmi_fail(err, VMI_ERR_CORRUPT,
					"its %zu packed bytes are not what %s makes of a page", len,
					compressor);
		return VMI_OK;
	}
	return vmi_fail(err, VMI_ERR_UNSUPPORTED,
			"it is packed by '%.64s', which nothing here unpacks", compressor);
}
