/* SPDX-License-Identifier: MIT */
#ifndef CONTAINER_ZSTD_STATE_H
#define CONTAINER_ZSTD_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * What a zstd decoder remembers from block to block besides the content (RFC 8878): the last
 * Huffman tree, the last table for each of three kinds of codes, and three offsets that can be
 * repeated. A dictionary holds just these, and content before the frame: so with one made of them,
 * decoding can begin at any block. To know the offsets, all sequences are read here; what they copy
 * is not.
 */
enum { ZSTD_LL, ZSTD_OF, ZSTD_ML, ZSTD_TABLES };

enum {
	ZSTD_TREE_MAX = 129, /* bytes of a tree's description */
	ZSTD_DESC_MAX = 128, /* of a table's */
	ZSTD_LOG_MAX = 9,
	ZSTD_DICTIONARY_MAX = 8 + ZSTD_TREE_MAX + 3 * ZSTD_DESC_MAX + 12,
};

struct zstd_cell {
	uint16_t base;
	uint8_t symbol, bits;
};

struct zstd_table {
	uint8_t desc[ZSTD_DESC_MAX];
	uint8_t desc_len;
	uint8_t log; /* 0: one symbol, without a description */
	struct zstd_cell cells[1 << ZSTD_LOG_MAX];
};

struct zstd_state {
	uint8_t tree[ZSTD_TREE_MAX];
	uint8_t tree_len;
	struct zstd_table tables[ZSTD_TABLES];
	uint32_t repeats[3];
	/* The last block used a table of one symbol of a block before it. */
	bool repeats_single;
};

/* As at the beginning of a frame. */
void zstd_state_init(struct zstd_state *state);
/* Go over a compressed block of `len` bytes; *content is how much it holds. False: it is damaged.
 */
bool zstd_state_block(struct zstd_state *state, const uint8_t *block, size_t len, size_t *content);
/*
 * The part of a dictionary before its content, to `to`, which has ZSTD_DICTIONARY_MAX bytes; its
 * length. A table of one symbol cannot be said in one; the default stands in for it.
 */
size_t zstd_state_dictionary(const struct zstd_state *state, uint8_t *to);

#endif
