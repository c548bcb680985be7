/* SPDX-License-Identifier: MIT */
/* Layouts, and the formats that are little more than one: raw and LiME. */

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "image.h"
#include "image_layout.h"

static void piece_add(struct image_layout *layout, struct image_piece piece)
{
	if (layout->count == layout->room && !layout->failed) {
		size_t room = layout->room ? 2 * layout->room : 64;
		void *grown = realloc(layout->list, room * sizeof(*layout->list));

		layout->failed = !grown;
		if (grown) {
			layout->list = grown;
			layout->room = room;
		}
	}
	if (layout->failed)
		return;
	layout->list[layout->count++] = piece;
	layout->size = piece.offset + piece.size;
}

void image_layout_memory(struct image_layout *layout, uint64_t offset, vmi_gpa gpa, uint64_t size)
{
	piece_add(layout, (struct image_piece){.offset = offset, .size = size, .gpa = gpa});
}

uint8_t *image_layout_literal(struct image_layout *layout, uint64_t offset, size_t size)
{
	if (size > layout->bytes_room - layout->used && !layout->failed) {
		size_t room = 2 * layout->bytes_room + size;
		void *grown = realloc(layout->bytes, room);

		layout->failed = !grown;
		if (grown) {
			layout->bytes = grown;
			layout->bytes_room = room;
		}
	}
	piece_add(layout, (struct image_piece){
				  .offset = offset,
				  .size = size,
				  .literal = true,
				  .at = layout->used,
			  });
	if (layout->failed)
		return NULL;
	uint8_t *bytes = layout->bytes + layout->used;
	layout->used += size;
	memset(bytes, 0, size);
	return bytes;
}

size_t image_layout_find(const struct image_layout *layout, uint64_t offset)
{
	size_t low = 0, high = layout->count;

	while (low < high) {
		size_t i = low + (high - low) / 2;

		if (layout->list[i].offset + layout->list[i].size <= offset)
			low = i + 1;
		else
			high = i;
	}
	return low;
}

void image_layout_deinit(struct image_layout *layout)
{
	free(layout->list);
	free(layout->bytes);
	*layout = (struct image_layout){0};
}

/* ---- raw: the file is the address space ------------------------------------------------------ */

enum { RAW_PACKED_MAX_SHIFT = 40 };

static bool raw_lay_out(struct image *image, struct image_layout *layout)
{
	const struct image_list *held = &image->held;
	const struct image_stretch *last = held->count ? &held->list[held->count - 1] : NULL;

	/* A hole of a file costs nothing; one that is packed costs a block every so often. */
	if (last && image->packing != PACK_NONE &&
	    (last->gpa + last->size) >> RAW_PACKED_MAX_SHIFT) {
		cli_say(image->cli,
			"memory reaches beyond 1 TiB, so most of a raw image would be holes to "
			"compress: use --format elf or --compress none");
		return false;
	}
	for (size_t i = 0; i < held->count; i++) {
		held->list[i].offset = held->list[i].gpa;
		image_layout_memory(layout, held->list[i].gpa, held->list[i].gpa,
				    held->list[i].size);
	}
	return !layout->failed;
}

const struct image_format image_raw = {.name = "raw", .lay_out = raw_lay_out};

/* ---- LiME: a header before each stretch ------------------------------------------------------ */

enum { LIME_HEADER = 32 };

/* Version 1: magic, version, first and last address, eight bytes of nothing; little-endian. */
static bool lime_header(struct image_layout *layout, uint64_t offset, vmi_gpa gpa, uint64_t size)
{
	uint8_t *at = image_layout_literal(layout, offset, LIME_HEADER);
	uint32_t words[2] = {htole32(0x4c694d45), htole32(1)};
	uint64_t range[2] = {htole64(gpa), htole64(gpa + size - 1)};

	if (!at)
		return false;
	memcpy(at, words, sizeof(words));
	memcpy(at + sizeof(words), range, sizeof(range));
	return true;
}

static bool lime_lay_out(struct image *image, struct image_layout *layout)
{
	struct image_list *held = &image->held;
	uint64_t at = 0;

	for (size_t i = 0; i < held->count; i++) {
		struct image_stretch *stretch = &held->list[i];

		if (!lime_header(layout, at, stretch->gpa, stretch->size))
			return false;
		stretch->offset = at + LIME_HEADER;
		image_layout_memory(layout, stretch->offset, stretch->gpa, stretch->size);
		at = stretch->offset + stretch->size;
	}
	return !layout->failed;
}

const struct image_format image_lime = {.name = "lime", .holes = true, .lay_out = lime_lay_out};
