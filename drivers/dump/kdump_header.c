/* SPDX-License-Identifier: MIT */
/* The headers of kdump-compressed dumps, in both widths and all versions. */

#include <inttypes.h>
#include <string.h>

#include "bytes.h"
#include "kdump_header.h"

enum { SIGNATURE = 8, VERSION_AT = 8, MACHINE_AT = 272, NAME_SIZE = 65, VERSION_NEWEST = 6 };

/* Where, in a main header, the fields are that follow the time stamp of the writer's width. */
enum { STATUS_AT_WIDE = 424, STATUS_AT_NARROW = 412 };
enum { BLOCK_SIZE = 4, SUB_BLOCKS = 8, BITMAP_BLOCKS = 12, MAX_MAPNR = 16 }; /* from status on */

/* The last field of the sub header ends here, in the wider layout. */
enum { SUB_SIZE = 104, SPLIT_AT_WIDE = 12, SPLIT_AT_NARROW = 8 };

bool kdump_header_probe(const uint8_t *head, size_t len)
{
	return len >= SIGNATURE &&
	       (!memcmp(head, "KDUMP   ", SIGNATURE) || !memcmp(head, "DISKDUMP", SIGNATURE));
}

static unsigned status_at(bool wide)
{
	return wide ? STATUS_AT_WIDE : STATUS_AT_NARROW;
}

/*
 * Nothing says how wide the machine was that wrote it, but read the wrong way a header has no
 * blocks: at 64 bits, a 32-bit one has the number of RAM blocks, which nobody fills in, where the
 * size of the sub header should be; at 32 bits, a 64-bit one has half a time stamp there.
 */
static bool is_of_width(const uint8_t *main, bool wide)
{
	const uint8_t *at = main + status_at(wide);

	return le32(at + BLOCK_SIZE) == KDUMP_BLOCK && (int32_t)le32(at + SUB_BLOCKS) > 0 &&
	       (int32_t)le32(at + BITMAP_BLOCKS) > 0;
}

/* It is of no width: say what it may be instead. */
static enum vmi_status fail_width(const uint8_t *main, struct vmi_error *err)
{
	uint32_t wide = le32(main + STATUS_AT_WIDE + BLOCK_SIZE);
	uint32_t narrow = le32(main + STATUS_AT_NARROW + BLOCK_SIZE);

	for (uint32_t size = 1024; size <= 1 << 18; size *= 2) {
		if (size != KDUMP_BLOCK && (wide == size || narrow == size))
			return vmi_fail(err, VMI_ERR_UNSUPPORTED,
					"its pages are of %" PRIu32
					" bytes; only those of 4096 can be read",
					size);
		if (wide == __builtin_bswap32(size) || narrow == __builtin_bswap32(size))
			return vmi_fail(err, VMI_ERR_UNSUPPORTED,
					"it is of a big-endian machine, which cannot be read");
	}
	return vmi_fail(err, VMI_ERR_CORRUPT,
			"its header makes no sense: block size 0x%" PRIx32
			", sub header of 0x%" PRIx32 " blocks, bitmaps of 0x%" PRIx32,
			wide, le32(main + STATUS_AT_WIDE + SUB_BLOCKS),
			le32(main + STATUS_AT_WIDE + BITMAP_BLOCKS));
}

/* ---- the sub header ------------------------------------------------------------------------- */

/* A field that is as wide as the machine: an offset in either layout, 0 when it has none. */
static uint64_t word(const uint8_t *sub, bool wide, unsigned at_wide, unsigned at_narrow)
{
	return wide ? le64(sub + at_wide) : le32(sub + at_narrow);
}

static uint64_t word64(const uint8_t *sub, bool wide, unsigned at_wide, unsigned at_narrow)
{
	return le64(sub + (wide ? at_wide : at_narrow));
}

/* Each version has the fields of those before it, and some behind. */
static void take_sub(struct kdump_header *h, const uint8_t *sub, uint32_t version)
{
	bool wide = h->wide;

	if (version >= 1)
		h->dump_level = le32(sub + (wide ? 8 : 4));
	if (version >= 2) {
		h->split = le32(sub + (wide ? SPLIT_AT_WIDE : SPLIT_AT_NARROW));
		h->first = word(sub, wide, 16, 12);
		h->end = word(sub, wide, 24, 16);
	}
	if (version >= 3)
		h->vmcoreinfo =
			(struct kdump_area){word64(sub, wide, 32, 20), word(sub, wide, 40, 28)};
	if (version >= 4)
		h->notes = (struct kdump_area){word64(sub, wide, 48, 32), word(sub, wide, 56, 40)};
	if (version >= 5)
		h->erased = (struct kdump_area){word64(sub, wide, 64, 44), word(sub, wide, 72, 52)};
	if (version >= 6) {
		h->first = word64(sub, wide, 80, 56);
		h->end = word64(sub, wide, 88, 64);
		h->pages = word64(sub, wide, 96, 72);
	}
}

/* ---- both ----------------------------------------------------------------------------------- */

/*
 * Two bitmaps of equal size, or, in old dumps, one: then there are more pages than half the bits.
 */
static enum vmi_status place_bitmaps(struct kdump_header *h, uint64_t sub_blocks,
				     uint64_t bitmap_blocks, const struct vmi_target *target,
				     struct vmi_error *err)
{
	uint64_t bytes = bitmap_blocks * KDUMP_BLOCK, half = bytes / 2;

	h->bitmap_at = h->dumped_at = (1 + sub_blocks) * KDUMP_BLOCK;
	h->desc_at = h->bitmap_at + bytes;
	if (h->pages > bytes * 8) {
		target->warn(target,
			     "max_mapnr 0x%" PRIx64
			     " is more pages than its bitmaps have: 0x%" PRIx64 " are taken",
			     h->pages, half * 8);
		h->pages = half * 8;
	}
	if (h->pages <= half * 8)
		h->dumped_at += half;
	if (!h->pages)
		return vmi_fail(err, VMI_ERR_CORRUPT, "its header says that there is no page");
	if (h->split && (h->first >= h->end || h->first >= h->pages))
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"it is one part of a dump, of impossible gfns: 0x%" PRIx64
				" to 0x%" PRIx64,
				h->first, h->end);
	if (!h->split)
		h->first = 0;
	if (!h->split || h->end > h->pages)
		h->end = h->pages;
	return VMI_OK;
}

enum vmi_status kdump_header_read(struct kdump_header *h, const struct vmi_source *source,
				  const struct vmi_target *target, struct vmi_error *err)
{
	uint8_t sub[SUB_SIZE];

	*h = (struct kdump_header){0};
	enum vmi_status st = vmi_source_read(source, 0, h->main, sizeof(h->main), err);
	if (!st)
		st = vmi_source_read(source, KDUMP_BLOCK, sub, sizeof(sub), err);
	if (st)
		return vmi_wrap(err, st, "the headers");
	h->wide = is_of_width(h->main, true);
	if (!h->wide && !is_of_width(h->main, false))
		return fail_width(h->main, err);

	int32_t version = (int32_t)le32(h->main + VERSION_AT);
	const uint8_t *at = h->main + status_at(h->wide);
	h->status = le32(at);
	h->pages = le32(at + MAX_MAPNR);
	/* The older diskdump has other things in its sub header: the registers of one CPU. */
	if (version < 0 || !memcmp(h->main, "DISKDUMP", SIGNATURE))
		version = 0;
	if (version > VERSION_NEWEST)
		target->warn(target, "header version %d is newer than what is known, which is %d",
			     version, VERSION_NEWEST);
	take_sub(h, sub, (uint32_t)version);
	if (!h->pages) /* an old one that calls itself new */
		h->pages = le32(at + MAX_MAPNR);
	return place_bitmaps(h, le32(at + SUB_BLOCKS), le32(at + BITMAP_BLOCKS), target, err);
}

bool kdump_header_is_same(const struct kdump_header *h, const uint8_t main[KDUMP_MAIN])
{
	unsigned status = status_at(h->wide);

	/* All but what differs by how each part went: status, written_blocks. */
	return !memcmp(h->main, main, status) &&
	       !memcmp(h->main + status + BLOCK_SIZE, main + status + BLOCK_SIZE,
		       MAX_MAPNR + 4 - BLOCK_SIZE);
}

bool kdump_header_is_sibling(const struct kdump_header *h, const uint8_t head[KDUMP_HEAD])
{
	return kdump_header_is_same(h, head) &&
	       le32(head + KDUMP_BLOCK + (h->wide ? SPLIT_AT_WIDE : SPLIT_AT_NARROW));
}

enum vmi_machine kdump_header_machine(const struct kdump_header *h)
{
	const char *name = (const char *)h->main + MACHINE_AT;

	if (!strncmp(name, "x86_64", NAME_SIZE))
		return VMI_MACHINE_X86_64;
	if (name[0] == 'i' && !strncmp(name + 2, "86", NAME_SIZE - 2))
		return VMI_MACHINE_X86;
	return name[0] ? VMI_MACHINE_OTHER : VMI_MACHINE_UNKNOWN;
}
