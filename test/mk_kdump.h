/* SPDX-License-Identifier: MIT */
#ifndef TEST_MK_KDUMP_H
#define TEST_MK_KDUMP_H

#include "mk_elf.h"

enum { MK_KDUMP_FILL = 0x5a };

/**
 * kdump-compressed dumps in memory, from a description; 8 bytes at a gpa hold that gpa, as in
 * mk_elf.h. Each character of `pages` is one page, from gfn 0 on:
 *
 *	.  a hole		r  as it is		z  zeros, in the one block for all of them
 *	x  left out		c  compressed		s  the same block as the page before
 *	l  lost: its descriptor is all zeros	u  compressed, all of its bytes are MK_KDUMP_FILL
 */
struct mk_kdump {
	const char *signature; /* NULL: KDUMP */
	const char *machine;   /* NULL: x86_64 */
	int version;           /* 0: 6 */
	bool version_0;
	bool narrow; /* as a 32-bit machine writes it */
	uint32_t status;
	uint32_t dump_level;
	const char *pages;
	uint32_t flags; /* of compressed pages: 1 zlib, 2 lzo, 4 snappy, 32 zstd */
	bool one_bitmap;
	bool split;
	uint64_t first, end; /* the gfns of a part */
	struct mk_note notes[4];
	const char *vmcoreinfo; /* outside of the notes */
	uint32_t erased;        /* size of the erase information */

	/* Lies. 0: the truth. */
	uint32_t block, sub_blocks, bitmap_blocks, max_mapnr;
	uint64_t max_mapnr_64;
	const struct mk_desc {
		unsigned gfn;
		uint64_t offset;
		uint32_t size, flags;
		const uint8_t *bytes; /* instead of what is there, and `size` of them */
	} * lie;
	size_t cut; /* bytes cut off the end */
};

/* Owned: free(). NULL: the codec is not in this build. */
uint8_t *mk_kdump(const struct mk_kdump *kdump, size_t *size);

/* A record of a flattened stream: `size` bytes for `offset`. */
struct mk_record {
	uint64_t offset, size;
	const uint8_t *bytes;
};

enum mk_stream_end { MK_ENDED, MK_NOT_ENDED };

/* Owned: free(). Ends with a record of size 0 and no bytes. */
uint8_t *mk_flattened(const struct mk_record *records, enum mk_stream_end end, size_t *size);
/* The same of a whole file, in records of `step` bytes, the last ones first. */
uint8_t *mk_flattened_file(const uint8_t *file, size_t file_size, size_t step, size_t *size);

#endif
