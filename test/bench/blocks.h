/* SPDX-License-Identifier: MIT */
#ifndef BENCH_BLOCKS_H
#define BENCH_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

/**
 * What a kdump's pages cost without any reader around: the blocks of the file, each unpacked in a
 * loop by the fastest decoder that is installed. Zero pages, which share one block, are passed
 * over. Written for plain files of a 64-bit writer.
 */
struct blocks {
	const uint8_t *file;
	size_t size;
	uint64_t count; /* that were unpacked, or copied */
	uint64_t pages; /* of which there are descriptors */
};

/* Map the file; 0 when it is one, and the decoder for its codec is there. */
int blocks_open(struct blocks *blocks, const char *path);
/* Unpack all; the sum of the pages' first bytes. */
uint64_t blocks_run(struct blocks *blocks);
void blocks_close(struct blocks *blocks);

#endif
