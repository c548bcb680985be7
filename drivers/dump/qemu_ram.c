/* SPDX-License-Identifier: MIT */
/* Sections of memory in a migration stream (QEMU's migration/ram.c): records of pages. */

#include <inttypes.h>

#include "bytes.h"
#include "qemu_ram.h"

/* In the low bits of the u64 that begins a record; the others are the page's offset in its block.
 */
enum {
	FLAG_ZERO = 0x02,           /* u8: what it is full of */
	FLAG_MEM_SIZE = 0x04,       /* the list of blocks */
	FLAG_PAGE = 0x08,           /* 4096 bytes */
	FLAG_EOS = 0x10,            /* the end of this section */
	FLAG_CONTINUE = 0x20,       /* of the same block as the page before: no name */
	FLAG_XBZRLE = 0x40,         /* u8 1, u16 length, differences to the page as sent before */
	FLAG_HOOK = 0x80,           /* RDMA */
	FLAG_COMPRESS_PAGE = 0x100, /* u32 length, zlib stream */
	FLAG_MULTIFD_FLUSH = 0x200,
	FLAGS = 0xfff,
};

enum {
	XBZRLE_ENCODING = 1,
	COMPRESSED_MAX = 4096 + 64, /* what zlib makes of a page that it cannot compress is less */
	PROGRESS = 64 << 20
};

/* Which page a record is about. */
static enum vmi_status read_page_place(struct qemu_ram *ram, struct cursor *cursor, uint64_t record,
				       uint32_t *page, struct vmi_error *err)
{
	uint64_t offset = record & ~(uint64_t)FLAGS;

	if (!(record & FLAG_CONTINUE)) {
		char name[256];
		if (!cursor_name(cursor, name))
			return VMI_END;
		const struct ram_block *named = ram_blocks_find(&ram->blocks, name);
		if (!named)
			return vmi_fail(err, VMI_ERR_CORRUPT,
					"a page is of block '%s', which is not in the list", name);
		ram->current = (uint32_t)(named - ram->blocks.list);
	}
	if (ram->current == UINT32_MAX)
		return vmi_fail(err, VMI_ERR_CORRUPT, "a page is of no block");
	const struct ram_block *block = &ram->blocks.list[ram->current];
	if (offset >= block->size || block->mapped)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"a page at 0x%" PRIx64 " of block %s, which has 0x%" PRIx64
				" bytes%s",
				offset, block->name, block->size,
				block->mapped ? ", all of them elsewhere" : "");
	*page = block->base + (uint32_t)(offset / VMI_PAGE_SIZE);
	return VMI_OK;
}

static enum vmi_status add(struct qemu_ram *ram, uint32_t page, enum page_kind kind, uint64_t where,
			   struct vmi_error *err)
{
	return pages_add(&ram->pages, page, kind, where)
		       ? VMI_OK
		       : vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the table of pages");
}

static enum vmi_status read_xbzrle(struct qemu_ram *ram, struct cursor *cursor, uint32_t page,
				   struct vmi_error *err)
{
	const uint8_t *head = cursor_take(cursor, 3);

	if (!head)
		return VMI_END;
	uint64_t at = cursor->at - 2;
	unsigned len = be16(head + 1);
	if (head[0] != XBZRLE_ENCODING || len > VMI_PAGE_SIZE)
		return vmi_fail(err, VMI_ERR_CORRUPT, "an XBZRLE record of kind %u and %u bytes",
				head[0], len);
	return cursor_skip(cursor, len) ? add(ram, page, PAGE_DELTA, at, err) : VMI_END;
}

static enum vmi_status read_page(struct qemu_ram *ram, struct cursor *cursor, uint64_t record,
				 struct vmi_error *err)
{
	uint32_t page, len;
	uint8_t fill;
	enum vmi_status st = read_page_place(ram, cursor, record, &page, err);

	if (st)
		return st;
	uint64_t at = cursor->at;
	switch (record & FLAGS & ~(unsigned)FLAG_CONTINUE) {
	case FLAG_ZERO:
		return cursor_u8(cursor, &fill) ? add(ram, page, PAGE_FILL, fill, err) : VMI_END;
	case FLAG_PAGE:
		return cursor_skip(cursor, VMI_PAGE_SIZE) ? add(ram, page, PAGE_PLAIN, at, err)
							  : VMI_END;
	case FLAG_XBZRLE:
		return read_xbzrle(ram, cursor, page, err);
	default: /* FLAG_COMPRESS_PAGE */
		if (!cursor_be32(cursor, &len))
			return VMI_END;
		if (len > COMPRESSED_MAX)
			return vmi_fail(err, VMI_ERR_CORRUPT,
					"a compressed page of %" PRIu32 " bytes", len);
		return cursor_skip(cursor, len) ? add(ram, page, PAGE_DEFLATED, at, err) : VMI_END;
	}
}

static enum vmi_status read_record(struct qemu_ram *ram, struct cursor *cursor, uint64_t record,
				   struct vmi_error *err)
{
	switch (record & FLAGS & ~(unsigned)FLAG_CONTINUE) {
	case FLAG_ZERO:
	case FLAG_PAGE:
	case FLAG_XBZRLE:
	case FLAG_COMPRESS_PAGE:
		return read_page(ram, cursor, record, err);
	case FLAG_MEM_SIZE:
		return ram_blocks_read(&ram->blocks, cursor, record & ~(uint64_t)FLAGS,
				       &ram->features, err);
	case FLAG_MULTIFD_FLUSH:
		ram->multifd = true;
		return VMI_OK;
	case FLAG_HOOK:
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"its memory went over RDMA, and is not in the file");
	default:
		return vmi_fail(err, VMI_ERR_CORRUPT, "a record of memory has flags 0x%x",
				(unsigned)(record & FLAGS));
	}
}

enum vmi_status qemu_ram_section(struct qemu_ram *ram, struct cursor *cursor,
				 const struct vmi_target *target, struct vmi_error *err)
{
	uint64_t record;

	for (;;) {
		uint64_t at = cursor->at;
		if (!cursor_be64(cursor, &record))
			return cursor->status;
		if ((record & FLAGS) == FLAG_EOS)
			return VMI_OK;
		enum vmi_status st = read_record(ram, cursor, record, err);
		if (st == VMI_END)
			return cursor->status;
		if (st)
			return vmi_wrap(err, st, "file offset 0x%" PRIx64, at);
		if (cursor->at - ram->progress >= PROGRESS) {
			ram->progress = cursor->at;
			vmi_progress(target->options, cursor->at, vmi_source_size(cursor->source));
		}
	}
}

void qemu_ram_deinit(struct qemu_ram *ram)
{
	ram_blocks_deinit(&ram->blocks);
	pages_deinit(&ram->pages);
}

/* ---- looking up ----------------------------------------------------------------------------- */

/* A piece of which there is nothing. */
static void missing(const struct qemu_ram *ram, uint64_t count, struct ram_piece *piece)
{
	*piece =
		(struct ram_piece){.state = ram->complete ? RAM_LEFT_OUT : RAM_CUT, .count = count};
}

/*
 * In a block that is mapped: bits of a little-endian bitmap, of which a word is looked at. QEMU
 * writes it last, so that without an end of the stream a clear bit says nothing.
 */
static enum vmi_status mapped_piece(const struct qemu_ram *ram, const struct ram_block *block,
				    uint64_t page, struct ram_piece *piece, struct vmi_error *err)
{
	uint64_t pages = block->size / VMI_PAGE_SIZE, end = vmi_source_size(ram->source);
	uint64_t at = block->bitmap + page / 64 * 8, count = 64 - page % 64;
	uint8_t word[8];

	if (end < sizeof(word) || at > end - sizeof(word)) {
		missing(ram, pages - page, piece);
		return VMI_OK;
	}
	enum vmi_status st = vmi_source_read(ram->source, at, word, sizeof(word), err);
	if (st)
		return st;
	uint64_t bits = le64(word) >> page % 64;
	bool held = bits & 1;
	if (held)
		bits = ~bits;
	if (bits && (unsigned)__builtin_ctzll(bits) < count)
		count = (unsigned)__builtin_ctzll(bits);
	if (count > pages - page)
		count = pages - page;
	uint64_t where = block->pages + page * VMI_PAGE_SIZE;
	if (!held && ram->complete) {
		*piece = (struct ram_piece){.state = RAM_ZERO, .count = count};
		return VMI_OK;
	}
	/* Pages are written up to the last that is not zero. */
	uint64_t there = where < end ? (end - where) / VMI_PAGE_SIZE : 0;
	if (!held || !there) {
		*piece = (struct ram_piece){.state = RAM_CUT, .count = count};
		return VMI_OK;
	}
	*piece = (struct ram_piece){.state = RAM_HELD,
				    .count = count < there ? count : there,
				    .ref = {(uint64_t)PAGE_PLAIN << 60 | where}};
	return VMI_OK;
}

enum vmi_status qemu_ram_piece(const struct qemu_ram *ram, uint32_t index, uint64_t page,
			       struct ram_piece *piece, struct vmi_error *err)
{
	const struct ram_block *block = &ram->blocks.list[index];
	uint64_t left = block->size / VMI_PAGE_SIZE - page;
	struct page_run run;

	if (block->mapped)
		return mapped_piece(ram, block, page, piece, err);
	if (!pages_next(&ram->pages, block->base + page, &run)) {
		missing(ram, left, piece);
		return VMI_OK;
	}
	uint64_t before = run.first - (block->base + page);
	if (before) {
		missing(ram, before < left ? before : left, piece);
		return VMI_OK;
	}
	bool zero = page_ref_kind(run.ref) == PAGE_FILL && !page_ref_where(run.ref);
	*piece = (struct ram_piece){.state = zero ? RAM_ZERO : RAM_HELD,
				    .count = run.count < left ? run.count : left,
				    .ref = run.ref};
	return VMI_OK;
}
