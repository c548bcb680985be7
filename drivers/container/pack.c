/* SPDX-License-Identifier: MIT */
/* Content that is kept in memory, packed. */

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "pack.h"

#ifdef VMI_WITH_LZ4
#include <lz4.h>
#endif

enum { PLAIN = 0, LZ4 = 1, MARK = 5 /* bytes: how, and the length before packing */ };

static size_t squeeze(const uint8_t *bytes, size_t len, uint8_t *to)
{
#ifdef VMI_WITH_LZ4
	int n = len > 1 ? LZ4_compress_default((const char *)bytes, (char *)to, (int)len,
					       (int)len - 1)
			: 0;
	if (n > 0)
		return (size_t)n;
#endif
	memcpy(to, bytes, len);
	return len;
}

uint8_t *state_pack(const void *head, size_t head_len, const uint8_t *bytes, size_t len,
		    size_t *packed_len)
{
	uint8_t *packed = malloc(head_len + MARK + len);

	if (!packed)
		return NULL;
	memcpy(packed, head, head_len);
	uint8_t *mark = packed + head_len;
	size_t n = squeeze(bytes, len, mark + MARK);
	uint32_t plain_len = htole32((uint32_t)len);
	mark[0] = n < len ? LZ4 : PLAIN;
	memcpy(mark + 1, &plain_len, sizeof(plain_len));
	*packed_len = head_len + MARK + n;

	uint8_t *fitting = realloc(packed, *packed_len);
	return fitting ? fitting : packed;
}

static bool loosen(int how, const uint8_t *packed, size_t packed_len, uint8_t *to, size_t len)
{
	if (how == PLAIN && packed_len == len) {
		memcpy(to, packed, len);
		return true;
	}
#ifdef VMI_WITH_LZ4
	if (how == LZ4)
		return LZ4_decompress_safe((const char *)packed, (char *)to, (int)packed_len,
					   (int)len) == (int)len;
#endif
	return false;
}

enum vmi_status state_unpack(const uint8_t *packed, size_t packed_len, size_t head_len, size_t max,
			     uint8_t **bytes, size_t *len, struct vmi_error *err)
{
	if (packed_len < head_len + MARK || packed_len > INT32_MAX)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"a checkpoint of the seek index is too short");
	const uint8_t *mark = packed + head_len;
	size_t plain_len = le32(mark + 1);
	if (plain_len > max || max > INT32_MAX)
		return vmi_fail(err, VMI_ERR_CORRUPT, "a checkpoint of the seek index is too long");
	uint8_t *plain = malloc(plain_len ? plain_len : 1);
	if (!plain)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for a checkpoint");
	if (!loosen(mark[0], mark + MARK, packed_len - head_len - MARK, plain, plain_len)) {
		free(plain);
		return vmi_fail(err, VMI_ERR_CORRUPT, "a checkpoint of the seek index is damaged");
	}
	*bytes = plain;
	*len = plain_len;
	return VMI_OK;
}
