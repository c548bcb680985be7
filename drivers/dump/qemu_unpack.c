/* SPDX-License-Identifier: MIT */
/* Pages of a migration stream that are not there byte by byte. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "qemu_ram.h"

/* ---- XBZRLE --------------------------------------------------------------------------------- */

/* Lengths up to a page take one or two bytes, seven bits in each (LEB128). */
static bool take_length(const uint8_t **at, const uint8_t *end, size_t *length)
{
	if (*at == end)
		return false;
	*length = *(*at)++;
	if (*length < 0x80)
		return true;
	if (*at == end || **at >= 0x80)
		return false;
	*length = (*length & 0x7f) | (size_t) * (*at)++ << 7;
	return true;
}

/* By turns: how many bytes stay; how many change, and to what (QEMU's docs/xbzrle.txt). */
static bool apply_xbzrle(const uint8_t *from, size_t len, uint8_t page[VMI_PAGE_SIZE])
{
	const uint8_t *end = from + len;
	size_t at = 0, same, changed;

	while (from < end) {
		if (!take_length(&from, end, &same) || same > VMI_PAGE_SIZE - at)
			return false;
		at += same;
		if (!take_length(&from, end, &changed) || !changed ||
		    changed > VMI_PAGE_SIZE - at || changed > (size_t)(end - from))
			return false;
		memcpy(page + at, from, changed);
		from += changed;
		at += changed;
	}
	return true;
}

static enum vmi_status apply_delta(const struct qemu_ram *ram, const struct page_delta *delta,
				   uint8_t page[VMI_PAGE_SIZE], struct vmi_error *err)
{
	uint8_t record[2 + VMI_PAGE_SIZE];
	enum vmi_status st = vmi_source_read(ram->source, delta->at, record, 2, err);

	if (st)
		return st;
	size_t len = be16(record);
	if (len > VMI_PAGE_SIZE) /* it was less when it was read first */
		return vmi_fail(err, VMI_ERR_IO, "the file changes while it is open");
	st = vmi_source_read(ram->source, delta->at + 2, record + 2, len, err);
	if (st)
		return st;
	if (!apply_xbzrle(record + 2, len, page))
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"the XBZRLE record at file offset 0x%" PRIx64 " makes no sense",
				delta->at);
	return VMI_OK;
}

/* ---- all kinds ------------------------------------------------------------------------------ */

static enum vmi_status inflate(const struct qemu_ram *ram, struct codec_pool *pool, uint64_t at,
			       uint8_t page[VMI_PAGE_SIZE], struct vmi_error *err)
{
	struct codec_tools *tools = codec_tools_take(pool);
	uint8_t len[4];

	if (!tools)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	enum vmi_status st = vmi_source_read(ram->source, at, len, sizeof(len), err);
	if (!st && be32(len) > sizeof(tools->scratch)) /* it was less when it was read first */
		st = vmi_fail(err, VMI_ERR_IO, "the file changes while it is open");
	if (!st)
		st = vmi_source_read(ram->source, at + sizeof(len), tools->scratch, be32(len), err);
	if (!st)
		st = codec_unpack(tools, CODEC_ZLIB, tools->scratch, be32(len), page, VMI_PAGE_SIZE,
				  err);
	codec_tools_put(pool, tools);
	return st ? vmi_wrap(err, st, "the compressed page at file offset 0x%" PRIx64, at) : VMI_OK;
}

static enum vmi_status unpack_base(const struct qemu_ram *ram, struct codec_pool *pool,
				   struct page_ref ref, uint8_t page[VMI_PAGE_SIZE],
				   struct vmi_error *err)
{
	uint64_t where = page_ref_where(ref);

	switch (page_ref_kind(ref)) {
	case PAGE_PLAIN:
		return vmi_source_read(ram->source, where, page, VMI_PAGE_SIZE, err);
	case PAGE_FILL:
		memset(page, (int)where, VMI_PAGE_SIZE);
		return VMI_OK;
	case PAGE_DEFLATED:
		return inflate(ram, pool, where, page, err);
	case PAGE_NONE:
	case PAGE_DELTA:
		break;
	}
	return vmi_fail(err, VMI_ERR_CORRUPT,
			"the stream has only differences to the page, not the page itself");
}

/* The page below all differences, then those from the first to the last. */
enum vmi_status qemu_ram_unpack(const struct qemu_ram *ram, struct codec_pool *pool,
				struct page_ref ref, uint8_t to[VMI_PAGE_SIZE],
				struct vmi_error *err)
{
	const struct page_delta *delta = ram->pages.delta;
	struct page_ref base = ref;
	size_t count = 0;

	for (; page_ref_kind(base) == PAGE_DELTA; base = delta[page_ref_where(base)].base)
		count++;
	uint64_t *chain = count ? calloc(count, sizeof(*chain)) : NULL;
	if (count && !chain)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	for (size_t i = count; i-- > 0; ref = delta[chain[i]].base)
		chain[i] = page_ref_where(ref);
	enum vmi_status st = unpack_base(ram, pool, base, to, err);
	for (size_t i = 0; i < count && !st; i++)
		st = apply_delta(ram, &delta[chain[i]], to, err);
	free(chain);
	return st;
}
