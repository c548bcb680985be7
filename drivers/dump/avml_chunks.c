/* SPDX-License-Identifier: MIT */
/* Chunks of snappy's framing format: found once, unpacked and checked when they are wanted. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "avml_chunks.h"
#include "bytes.h"

struct avml_chunk {
	uint64_t start; /* of what it gives, all chunks unpacked */
	uint64_t at;    /* of its CRC, in the file */
	uint32_t len;   /* from there on */
	uint32_t size : 24, kind : 8;
};

bool avml_chunks_add(struct avml_chunks *chunks, uint8_t kind, uint64_t at, uint32_t len,
		     uint32_t size)
{
	if (chunks->count == chunks->room) {
		size_t room = chunks->room ? chunks->room * 2 : 256;
		struct avml_chunk *list = realloc(chunks->list, room * sizeof(*list));
		if (!list)
			return false;
		chunks->list = list;
		chunks->room = room;
	}
	chunks->list[chunks->count++] = (struct avml_chunk){
		.start = chunks->size, .at = at, .len = len, .size = size & 0xffffff, .kind = kind};
	chunks->size += size;
	return true;
}

/* ---- one chunk ------------------------------------------------------------------------------ */

/* A CRC of data that holds CRCs is a bad one, so it is stored rotated and moved. */
static uint32_t mask(uint32_t crc)
{
	return (crc >> 15 | crc << 17) + 0xa282ead8;
}

static enum vmi_status unpack_bytes(struct avml_chunks *chunks, const struct avml_chunk *chunk,
				    const uint8_t *packed, uint8_t *to, struct vmi_error *err)
{
	const uint8_t *data = packed + CHUNK_CRC;
	size_t len = chunk->len - CHUNK_CRC;
	enum vmi_status st = VMI_OK;

	if (chunk->kind == CHUNK_PLAIN) {
		memcpy(to, data, chunk->size);
	} else {
		struct codec_tools *tools = codec_tools_take(&chunks->pool);
		if (!tools)
			return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
		st = codec_unpack(tools, CODEC_SNAPPY, data, len, to, chunk->size, err);
		codec_tools_put(&chunks->pool, tools);
	}
	if (!st && mask(chunks->crc32c(to, chunk->size)) != le32(packed))
		st = vmi_fail(err, VMI_ERR_CORRUPT, "its checksum is wrong");
	return st;
}

/* A blocks_unpack. */
static enum vmi_status unpack(void *context, uint64_t index, uint8_t *to, size_t len,
			      struct vmi_error *err)
{
	struct avml_chunks *chunks = context;
	const struct avml_chunk *chunk = &chunks->list[index];
	const uint8_t *packed = vmi_source_at(chunks->source, chunk->at, chunk->len);
	uint8_t *copy = NULL;
	enum vmi_status st = VMI_OK;

	(void)len; /* the chunk's */
	if (!packed) {
		packed = copy = malloc(chunk->len);
		if (!copy)
			return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
		st = vmi_source_read(chunks->source, chunk->at, copy, chunk->len, err);
	}
	if (!st)
		st = unpack_bytes(chunks, chunk, packed, to, err);
	free(copy);
	return st ? vmi_wrap(err, st, "the chunk at file offset 0x%" PRIx64,
			     chunk->at - CHUNK_HEADER)
		  : VMI_OK;
}

/* ---- all of them ---------------------------------------------------------------------------- */

bool avml_chunks_finish(struct avml_chunks *chunks, const struct vmi_source *source, size_t limit)
{
	chunks->source = source;
	chunks->crc32c = crc32c_choose();
	chunks->blocks = blocks_create(limit, unpack, chunks);
	return chunks->blocks;
}

/* The chunk that gives the byte at `offset`. */
static size_t find(const struct avml_chunks *chunks, uint64_t offset)
{
	size_t low = 0;

	for (size_t count = chunks->count; count > 1;) {
		size_t half = count / 2;
		if (chunks->list[low + half].start <= offset)
			low += half;
		count -= half;
	}
	return low;
}

enum vmi_status avml_chunks_read(void *self, uint64_t offset, void *buf, size_t len,
				 struct vmi_error *err)
{
	struct avml_chunks *chunks = self;
	uint8_t *to = buf;

	for (size_t i = find(chunks, offset); len; i++) {
		const struct avml_chunk *chunk = &chunks->list[i];
		size_t in = (size_t)(offset - chunk->start), n = chunk->size - in;
		if (n > len)
			n = len;
		enum vmi_status st = blocks_read(chunks->blocks, i, chunk->size, in, to, n, err);
		if (st)
			return st;
		to += n;
		offset += n;
		len -= n;
	}
	return VMI_OK;
}

void avml_chunks_deinit(struct avml_chunks *chunks)
{
	blocks_destroy(chunks->blocks);
	codec_pool_deinit(&chunks->pool);
	free(chunks->list);
	*chunks = (struct avml_chunks){0};
}
