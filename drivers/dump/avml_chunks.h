/* SPDX-License-Identifier: MIT */
#ifndef DUMP_AVML_CHUNKS_H
#define DUMP_AVML_CHUNKS_H

#include "blocks.h"
#include "codec.h"
#include "crc32c.h"

/**
 * Chunks of snappy's framing format (google/snappy, framing_format.txt), one behind the other as if
 * they were unpacked. Each gives at most 64 KiB, takes 24 bytes here (384 KiB for a GiB of memory),
 * and is unpacked when somebody wants to read it. Zeroed is empty.
 */
struct avml_chunks {
	const struct vmi_source *source;
	struct avml_chunk *list;
	size_t count, room;
	uint64_t size; /* of all, unpacked */
	struct codec_pool pool;
	struct blocks *blocks;
	crc32c_function *crc32c;
};

enum {
	CHUNK_HEADER = 4, /* u8 kind, u24 length of what follows */
	CHUNK_COMPRESSED = 0x00,
	CHUNK_PLAIN = 0x01,
	CHUNK_SKIPPABLE = 0x80,
	CHUNK_STREAM = 0xff,
	CHUNK_CRC = 4, /* masked CRC-32C of what is unpacked, before the data */
	CHUNK_UNPACKED_MAX = 65536,
	CHUNK_PACKED_MAX = CHUNK_CRC + 32 + CHUNK_UNPACKED_MAX + CHUNK_UNPACKED_MAX / 6,
};

/* A chunk of data, unpacked `size` bytes; `len` of the file at `at` are its CRC and data. */
VMI_CHECKED bool avml_chunks_add(struct avml_chunks *chunks, uint8_t kind, uint64_t at,
				 uint32_t len, uint32_t size);
/* Once behind the last. `limit` is for the cache of unpacked chunks, 0 its default. False: out of
 * memory. */
VMI_CHECKED bool avml_chunks_finish(struct avml_chunks *chunks, const struct vmi_source *source,
				    size_t limit);
/* An extents_read, within the size. `self` is a struct avml_chunks. */
VMI_CHECKED enum vmi_status avml_chunks_read(void *self, uint64_t offset, void *buf, size_t len,
					     struct vmi_error *err);
void avml_chunks_deinit(struct avml_chunks *chunks);

#endif
