/* SPDX-License-Identifier: MIT */
/* The writers' side of kernel/printk/printk_ringbuffer.c, without what processors do at once. */

#include <string.h>

#include "mk_printk.h"

enum {
	DESC_SIZE = 0x40,
	INFO_SIZE = 0x60,
	RING_HEAD = 24,
	RING_TAIL = 32,
	DESC_BEGIN = 16, /* of struct prb_data_blk_lpos, itself 8 bytes into the descriptor */
	DESC_NEXT = 24,
};

static struct field at(uint64_t offset, uint64_t size)
{
	return (struct field){.offset = offset, .size = size, .is_there = true};
}

static struct field bits(uint64_t offset, uint8_t first, uint8_t count)
{
	struct field field = at(offset, 1);

	field.bit_offset = first;
	field.bit_count = count;
	return field;
}

struct printk_ring_layout mk_ring_layout(unsigned word)
{
	return (struct printk_ring_layout){
		.desc_ring = at(0, 48),
		.text_data_ring = at(48, 40),
		.count_bits = at(0, 4),
		.descs = at(8, word),
		.infos = at(16, word),
		.head_id = at(RING_HEAD, word),
		.tail_id = at(RING_TAIL, word),
		.size_bits = at(0, 4),
		.data = at(8, word),
		.desc = at(0, DESC_SIZE),
		.state_var = at(0, word),
		.text_blk_lpos = at(8, 24),
		.begin = at(DESC_BEGIN - 8, word),
		.next = at(DESC_NEXT - 8, word),
		.info = at(0, INFO_SIZE),
		.seq = at(0, 8),
		.ts_nsec = at(8, 8),
		.text_len = at(16, 2),
		.facility = at(18, 1),
		.flags = bits(19, 0, 5),
		.level = bits(19, 5, 3),
		.caller_id = at(20, 4),
		.dev_info = at(24, 64),
		.subsystem = at(0, 16),
		.device = at(16, 48),
	};
}

static void put(struct mk_ring *ring, size_t offset, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		ring->bytes[offset + i] = (uint8_t)(value >> (8 * i));
}

void mk_ring_init(struct mk_ring *ring, unsigned word)
{
	*ring = (struct mk_ring){
		.word = word, .mask = word == 4 ? UINT32_MAX : UINT64_MAX, .empty = true};
	/* As a kernel begins: just before all numbers and positions wrap. */
	ring->head = ring->tail = -(uint64_t)MK_COUNT & ring->mask >> 2;
	ring->head_lpos = -(uint64_t)MK_SIZE & ring->mask;
	put(ring, 0, MK_COUNT_BITS, 4);
	put(ring, 8, MK_DESCS, word);
	put(ring, 16, MK_INFOS, word);
	put(ring, 48, MK_SIZE_BITS, 4);
	put(ring, 56, MK_TEXTS, word);
	put(ring, RING_HEAD, ring->head, word);
	put(ring, RING_TAIL, ring->tail, word);
	mk_ring_state(ring, ring->head, MK_STATE_REUSABLE);
}

void mk_ring_state(struct mk_ring *ring, uint64_t id, unsigned state)
{
	put(ring, MK_DESCS + id % MK_COUNT * DESC_SIZE,
	    id | (uint64_t)state << (ring->word * 8 - 2), ring->word);
}

void mk_ring_lpos(struct mk_ring *ring, unsigned place, uint64_t begin, uint64_t next)
{
	put(ring, MK_DESCS + place * DESC_SIZE + DESC_BEGIN, begin, ring->word);
	put(ring, MK_DESCS + place * DESC_SIZE + DESC_NEXT, next, ring->word);
}

static void drop_oldest(struct mk_ring *ring)
{
	mk_ring_state(ring, ring->tail, MK_STATE_REUSABLE);
	ring->tail = (ring->tail + 1) & ring->mask >> 2;
	put(ring, RING_TAIL, ring->tail, ring->word);
}

unsigned mk_ring_add(struct mk_ring *ring, const char *text)
{
	uint64_t id = ring->empty ? ring->head : (ring->head + 1) & ring->mask >> 2;
	uint64_t begin = ring->head_lpos, len = strlen(text), word = ring->word;
	uint64_t size = (word + len + word - 1) / word * word;
	uint64_t next = (begin + size) & ring->mask, data = begin;

	if (begin / MK_SIZE != next / MK_SIZE) {
		data = next / MK_SIZE * MK_SIZE;
		next = data + size;
	}
	if (!ring->empty && ((id - ring->tail) & ring->mask >> 2) >= MK_COUNT)
		drop_oldest(ring);
	while (!ring->empty && ring->tail != id &&
	       ((next - ring->record[ring->tail % MK_COUNT].begin) & ring->mask) > MK_SIZE)
		drop_oldest(ring);
	unsigned place = id % MK_COUNT;
	size_t info = MK_INFOS + place * INFO_SIZE, block = MK_TEXTS + data % MK_SIZE;
	put(ring, block, id, word);
	memcpy(ring->bytes + block + word, text, len);
	mk_ring_lpos(ring, place, begin, next);
	put(ring, info, ring->sequence, 8);
	put(ring, info + 8, ring->sequence * 1000, 8);
	put(ring, info + 16, len, 2);
	put(ring, info + 18, 3, 1);
	put(ring, info + 19, 5 << 5 | 2, 1);
	put(ring, info + 20, 0x80000001, 4);
	memcpy(ring->bytes + info + 24, "pci", 4);
	memcpy(ring->bytes + info + 40, "+pci:0", 7);
	mk_ring_state(ring, id, MK_STATE_FINALIZED);
	put(ring, RING_HEAD, id, word);
	ring->record[place] = (struct mk_record){.begin = begin, .next = next};
	memcpy(ring->record[place].text, text, len + 1);
	ring->head = id;
	ring->head_lpos = next;
	ring->sequence++;
	ring->empty = false;
	return place;
}

/* ---- before 5.10 ---------------------------------------------------------------------------- */

struct printk_log_layout mk_log_layout(void)
{
	return (struct printk_log_layout){
		.log = at(0, MK_LOG_HEADER),
		.ts_nsec = at(0, 8),
		.len = at(8, 2),
		.text_len = at(10, 2),
		.dict_len = at(12, 2),
		.facility = at(14, 1),
		.flags = bits(15, 0, 5),
		.level = bits(15, 5, 3),
	};
}

size_t mk_log_put(uint8_t *bytes, size_t start, const char *text, const char *dict, size_t dict_len)
{
	size_t text_len = strlen(text), len = (MK_LOG_HEADER + text_len + dict_len + 7) & ~7u;
	uint8_t *header = bytes + start;

	memset(header, 0, len);
	header[0] = (uint8_t)start;
	header[8] = (uint8_t)len;
	header[9] = (uint8_t)(len >> 8);
	header[10] = (uint8_t)text_len;
	header[12] = (uint8_t)dict_len;
	header[14] = 3;
	header[15] = 4 << 5 | 8;
	memcpy(header + MK_LOG_HEADER, text, text_len);
	if (dict_len)
		memcpy(header + MK_LOG_HEADER + text_len, dict, dict_len);
	return start + len;
}
