/* SPDX-License-Identifier: MIT */
#ifndef TEST_MK_PRINTK_H
#define TEST_MK_PRINTK_H

#include "printk.h"

/*
 * Logs as a kernel keeps them, in a piece of memory that begins at address 0. Members lie where the
 * layouts here say, which is as good as where a kernel's types say.
 */
enum {
	MK_DESCS = 0x100,
	MK_INFOS = 0x1000,
	MK_TEXTS = 0x3000,
	MK_COUNT_BITS = 4,
	MK_SIZE_BITS = 9, /* short, so that it is full soon */
	MK_COUNT = 1 << MK_COUNT_BITS,
	MK_SIZE = 1 << MK_SIZE_BITS,
	MK_MEMORY = MK_TEXTS + MK_SIZE,
	MK_STATE_RESERVED = 0,
	MK_STATE_COMMITTED,
	MK_STATE_FINALIZED,
	MK_STATE_REUSABLE,
};

struct mk_ring {
	uint8_t bytes[MK_MEMORY];
	unsigned word;
	uint64_t mask, head, tail; /* numbers of descriptors */
	uint64_t head_lpos;
	uint64_t sequence;
	bool empty;
	struct mk_record {
		uint64_t begin, next;
		char text[64];
	} record[MK_COUNT];
};

struct printk_ring_layout mk_ring_layout(unsigned word);
void mk_ring_init(struct mk_ring *ring, unsigned word);
/* As the kernel adds one, dropping the oldest that are in the way; its place. */
unsigned mk_ring_add(struct mk_ring *ring, const char *text);
void mk_ring_state(struct mk_ring *ring, uint64_t id, unsigned state);
/* A text's position. */
void mk_ring_lpos(struct mk_ring *ring, unsigned place, uint64_t begin, uint64_t next);

enum { MK_LOG_HEADER = 16 };

struct printk_log_layout mk_log_layout(void);
/* One record of the buffer before 5.10 at `at`; where the next one can be. */
size_t mk_log_put(uint8_t *bytes, size_t at, const char *text, const char *dict, size_t dict_len);

#endif
