/* SPDX-License-Identifier: MIT */
#ifndef DUMP_QEMU_RAM_H
#define DUMP_QEMU_RAM_H

#include "codec.h"
#include "qemu_blocks.h"
#include "qemu_pages.h"

/** The memory in a migration stream. Zeroed is empty; immutable once it is finished. */
struct qemu_ram {
	const struct vmi_source *source;
	struct ram_blocks blocks;
	struct ram_features features;
	struct pages pages; /* but those of blocks that are mapped */
	bool complete;      /* the last section of memory is there: what it lacks was left out */
	bool multifd;       /* pages may have gone another way */

	/* While reading. */
	uint32_t current; /* block; UINT32_MAX: none yet */
	uint64_t progress;
};

/**
 * Read one section's records. VMI_END: the source ends before it does. Other failures are worded,
 * and what came before them stays.
 */
VMI_CHECKED enum vmi_status qemu_ram_section(struct qemu_ram *ram, struct cursor *cursor,
					     const struct vmi_target *target,
					     struct vmi_error *err);
void qemu_ram_deinit(struct qemu_ram *ram);

/** What the stream says of consecutive pages of a block. */
enum ram_state {
	RAM_HELD,
	RAM_ZERO,
	RAM_LEFT_OUT, /* never sent */
	RAM_CUT       /* would be there if the stream did not end before */
};

struct ram_piece {
	enum ram_state state;
	uint64_t count; /* of pages, at least 1 */
	struct page_ref
		ref; /* of the first, when it is held; PAGE_PLAIN in blocks that are mapped */
};

/* The pages of a block from `page` (which it has) on, as many as are easily seen to be alike. */
VMI_CHECKED enum vmi_status qemu_ram_piece(const struct qemu_ram *ram, uint32_t block,
					   uint64_t page, struct ram_piece *piece,
					   struct vmi_error *err);
/* Unpack a held page. */
VMI_CHECKED enum vmi_status qemu_ram_unpack(const struct qemu_ram *ram, struct codec_pool *pool,
					    struct page_ref ref, uint8_t to[VMI_PAGE_SIZE],
					    struct vmi_error *err);

#endif
