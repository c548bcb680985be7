/* SPDX-License-Identifier: MIT */
/* Set bits of a bitmap, counted block by block; the rest is counted when it is asked for. */

#include <inttypes.h>
#include <stdlib.h>

#include "bytes.h"
#include "rank.h"

enum { BLOCK = 512, WORD = 64, WORDS = BLOCK / WORD };

/* The 64 bits from `word` * 64 on; those behind the last read as 0. */
static uint64_t word_at(const struct rank *rank, uint64_t word)
{
	uint64_t first = word * WORD, left = rank->count - first;
	uint64_t value = 0;

	if (left >= WORD)
		return le64(rank->bits + first / 8);
	for (unsigned i = 0; i < (left + 7) / 8; i++)
		value |= (uint64_t)rank->bits[first / 8 + i] << (8 * i);
	return value & ((UINT64_C(1) << left) - 1);
}

static unsigned ones(uint64_t value)
{
	return (unsigned)__builtin_popcountll(value);
}

static enum vmi_status bits_get(struct rank *rank, const struct vmi_source *source, uint64_t offset,
				uint64_t size, struct vmi_error *err)
{
	rank->bits = vmi_source_at(source, offset, (size_t)size);
	if (rank->bits)
		return VMI_OK;
	rank->copy = malloc((size_t)size + 1);
	if (!rank->copy)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the bitmap of pages");
	rank->bits = rank->copy;
	return vmi_source_read(source, offset, rank->copy, (size_t)size, err);
}

enum vmi_status rank_open(struct rank *rank, const struct vmi_source *source, uint64_t offset,
			  uint64_t count, struct vmi_error *err)
{
	uint64_t end = vmi_source_size(source), size = count / 8 + (count % 8 != 0);

	*rank = (struct rank){.count = count};
	if (offset > end || size > end - offset)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"the bitmap of 0x%" PRIx64 " pages ends past the end of the file",
				count);
	enum vmi_status st = bits_get(rank, source, offset, size, err);
	if (!st) {
		rank->before = malloc((size_t)(count / BLOCK + 1) * sizeof(*rank->before));
		if (!rank->before)
			st = vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the index of pages");
	}
	if (st) {
		rank_close(rank);
		return st;
	}
	for (uint64_t word = 0; word * WORD < count; word++) {
		if (word % WORDS == 0)
			rank->before[word / WORDS] = rank->ones;
		rank->ones += ones(word_at(rank, word));
	}
	return VMI_OK;
}

void rank_close(struct rank *rank)
{
	free(rank->copy);
	free(rank->before);
	*rank = (struct rank){0};
}

bool rank_find(const struct rank *rank, uint64_t bit, uint64_t *index, unsigned *run)
{
	if (bit >= rank->count)
		return false;
	uint64_t word = bit / WORD, value = word_at(rank, word);
	if (!(value >> bit % WORD & 1))
		return false;

	uint64_t sum = rank->before[bit / BLOCK];
	for (uint64_t w = bit / BLOCK * WORDS; w < word; w++)
		sum += ones(word_at(rank, w));
	*index = sum + ones(value & ((UINT64_C(1) << bit % WORD) - 1));
	/* Shifting brings zeros in, so that its complement is never 0 but for a whole word. */
	uint64_t rest = ~(value >> bit % WORD);
	*run = rest ? (unsigned)__builtin_ctzll(rest) : WORD;
	return true;
}

uint64_t rank_select(const struct rank *rank, uint64_t index)
{
	if (index >= rank->ones)
		return rank->count;
	uint64_t low = 0, high = (rank->count - 1) / BLOCK + 1;
	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;
		if (rank->before[middle] <= index)
			low = middle;
		else
			high = middle;
	}
	uint64_t word = low * WORDS, value, left = index - rank->before[low];
	while (left >= ones(value = word_at(rank, word))) {
		left -= ones(value);
		word++;
	}
	while (left--)
		value &= value - 1;
	return word * WORD + (unsigned)__builtin_ctzll(value);
}

/* The first bit from `from` on that differs from `same`, which is no or all bits. */
static uint64_t next(const struct rank *rank, uint64_t from, uint64_t same)
{
	if (from >= rank->count)
		return rank->count;
	uint64_t word = from / WORD;
	uint64_t value = (word_at(rank, word) ^ same) >> from % WORD << from % WORD;
	while (!value && ++word * WORD < rank->count)
		value = word_at(rank, word) ^ same;
	uint64_t at = value ? word * WORD + (unsigned)__builtin_ctzll(value) : rank->count;
	return at < rank->count ? at : rank->count;
}

uint64_t rank_next_one(const struct rank *rank, uint64_t from)
{
	return next(rank, from, 0);
}

uint64_t rank_next_zero(const struct rank *rank, uint64_t from)
{
	return next(rank, from, UINT64_MAX);
}
