/* SPDX-License-Identifier: MIT */
/*
 * kallsyms. The tables lie one behind the other, each aligned to a pointer or to 4 bytes; which way
 * a kernel has is found by trying, not by its version:
 *
 * - seen in 5.10 and 6.1: addresses, or offsets and a base; count, names, markers, tokens, index;
 *
 * - seen in 6.12: count, names, markers, tokens, index, offsets, base, order of the names;
 *
 * - seen in 7.2: the same without a base, and each offset is the distance from itself.
 *
 * No symbol leads to them, but the tokens of the ten digits are the digits themselves, in a row,
 * and the index must agree with the tokens. From there the count is found by trying: only where it
 * is right do the markers, one for each 256 names, agree with the names before them.
 */

#include <stdlib.h>
#include <string.h>

#include "kallsyms.h"

enum {
	TOKENS = 256,
	DIGIT = '0',
	COUNT_MIN = 500,
	COUNT_MAX = 4 << 20,
	STRIDE = 256, /* names to a marker */
	NAME_MAX_LEN = 4096,
	IMAGE_MAX = 1 << 30,    /* a kernel's size */
	SEARCH_MAX = 100 << 20, /* names: a tenth of a second or so of trying, whatever is there */
};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) | (uint32_t)get16(p + 2) << 16;
}

static uint64_t get_word(const uint8_t *p, unsigned size)
{
	return size == 4 ? get32(p) : get32(p) | (uint64_t)get32(p + 4) << 32;
}

static size_t aligned(size_t at, unsigned to)
{
	return (at + to - 1) & ~(size_t)(to - 1);
}

/* ---- the tokens ----------------------------------------------------------------------------- */

/* The index behind the tokens: where each begins. `digit` is where the token "0" is. */
static bool index_agrees(const uint8_t *bytes, size_t len, size_t digit, size_t at, size_t *start)
{
	if (at > len || len - at < TOKENS * 2 || get16(bytes + at))
		return false;
	size_t back = get16(bytes + at + 2 * DIGIT);
	if (back > digit)
		return false;
	*start = digit - back;
	size_t token = *start;
	for (unsigned i = 0; i < TOKENS; i++) {
		if (get16(bytes + at + 2 * i) != token - *start)
			return false;
		const uint8_t *end = memchr(bytes + token, 0, at - token);
		if (!end)
			return false;
		token = (size_t)(end - bytes) + 1;
	}
	return token <= at && at - token < 16;
}

/* Where the index is: behind the 208 tokens that follow "0", aligned somehow. */
static bool index_find(const uint8_t *bytes, size_t len, size_t digit, size_t *start, size_t *index)
{
	size_t token = digit;

	for (unsigned i = DIGIT; i < TOKENS; i++) {
		const uint8_t *end = memchr(
			bytes + token, 0,
			len - token < KALLSYMS_TOKENS_MAX ? len - token : KALLSYMS_TOKENS_MAX);
		if (!end)
			return false;
		token = (size_t)(end - bytes) + 1;
	}
	/* The window begins at a page, so what is aligned in the guest is aligned in it. */
	for (unsigned to = 1; to <= 8; to *= 2) {
		*index = aligned(token, to);
		if (index_agrees(bytes, len, digit, *index, start))
			return true;
	}
	return false;
}

size_t kallsyms_tokens_find(const uint8_t *bytes, size_t len, size_t from)
{
	static const char digits[20] = "0\0001\0002\0003\0004\0005\0006\0007\0008\0009";
	size_t start, index;

	while (from < len) {
		const uint8_t *found = memmem(bytes + from, len - from, digits, sizeof(digits));
		if (!found)
			break;
		size_t digit = (size_t)(found - bytes);
		if (index_find(bytes, len, digit, &start, &index))
			return start;
		from = digit + 1;
	}
	return SIZE_MAX;
}

/* ---- the names ------------------------------------------------------------------------------ */

struct tables {
	const uint8_t *bytes;
	size_t len;
	uint64_t addr;
	unsigned pointer_size;
	const uint8_t *token[TOKENS];
	uint8_t token_len[TOKENS];
	size_t tokens, index; /* where they begin, and the index */
	size_t count_at, names;
	uint32_t count;
	uint64_t budget; /* names that may still be looked at while searching */
};

static bool tokens_load(struct tables *t)
{
	size_t at = t->tokens;

	for (unsigned i = 0; i < TOKENS; i++) {
		const uint8_t *end = at < t->len ? memchr(t->bytes + at, 0, t->len - at) : NULL;
		if (!end || end - (t->bytes + at) > UINT8_MAX)
			return false;
		t->token[i] = t->bytes + at;
		t->token_len[i] = (uint8_t)(end - t->token[i]);
		at = (size_t)(end - t->bytes) + 1;
	}
	size_t start;
	for (unsigned to = 1; to <= 8; to *= 2) {
		t->index = aligned(at, to);
		if (index_agrees(t->bytes, t->len,
				 t->tokens + (size_t)(t->token[DIGIT] - t->token[0]), t->index,
				 &start) &&
		    start == t->tokens)
			return true;
	}
	return false;
}

/* The length of the name at *at, which is moved to its bytes; since 6.1 it may take two bytes. */
static bool name_begin(const struct tables *t, size_t *at, size_t end, size_t *len)
{
	if (*at >= end)
		return false;
	*len = t->bytes[(*at)++];
	if (*len & 0x80) {
		if (*at >= end)
			return false;
		*len = (*len & 0x7f) | (size_t)t->bytes[(*at)++] << 7;
	}
	return *len && *len <= end - *at;
}

static bool is_type(uint8_t c)
{
	return c && strchr("aAbBcCdDgGiInNpPrRsStTuUvVwW-?", c);
}

/* Are these the markers at `at`? 32 bits each, a long each in older kernels. */
static bool marks_at(const struct tables *t, size_t at, unsigned size, const uint32_t *mark,
		     uint32_t marks)
{
	uint32_t same = 0;

	if (at > t->tokens || (t->tokens - at) / size < marks)
		return false;
	while (same < marks && get_word(t->bytes + at + (size_t)same * size, size) == mark[same])
		same++;
	return same == marks;
}

/* Do `count` names begin at `at`? The markers behind them must agree. */
static bool names_agree(struct tables *t, size_t at, uint32_t count)
{
	uint32_t marks = (count + STRIDE - 1) / STRIDE;
	size_t first = at, len, end = t->tokens;
	uint32_t *mark = malloc(marks * sizeof(*mark));
	bool agree = mark;

	for (uint32_t i = 0; agree && i < count; i++) {
		if (i % STRIDE == 0)
			mark[i / STRIDE] = (uint32_t)(at - first);
		agree = t->budget && name_begin(t, &at, end, &len);
		if (agree) {
			t->budget--;
			const uint8_t token = t->bytes[at];

			agree = t->token_len[token] && is_type(t->token[token][0]);
			at += len;
		}
	}
	agree = agree && (marks_at(t, aligned(at, t->pointer_size), 4, mark, marks) ||
			  marks_at(t, aligned(at, t->pointer_size), 8, mark, marks) ||
			  marks_at(t, aligned(at, 4), 4, mark, marks));
	free(mark);
	return agree;
}

/* Look for the count downwards from the tokens: names of a byte at least lie between. */
static bool names_find(struct tables *t)
{
	size_t at = t->tokens & ~(size_t)3;

	while (at >= 4 && t->budget) {
		at -= 4;
		uint32_t count = get32(t->bytes + at);
		if (count < COUNT_MIN || count > COUNT_MAX || count > (t->tokens - at) / 2)
			continue;
		/* An int, a long in older kernels; what follows is aligned to it, or to a pointer.
		 */
		size_t names = aligned(at + 4, t->pointer_size);
		bool zeros = names == at + 4 || !get32(t->bytes + at + 4);
		if (!zeros || !names_agree(t, names, count))
			names = at + 4;
		if (names == at + 4 && !names_agree(t, names, count))
			continue;
		t->count_at = at;
		t->names = names;
		t->count = count;
		return true;
	}
	return false;
}

/* ---- the addresses -------------------------------------------------------------------------- */

static bool is_kernel(uint64_t gva, unsigned pointer_size)
{
	return pointer_size == 4 ? gva >= 0x40000000 && gva <= UINT32_MAX
				 : gva >= 0xffffffff80000000;
}

/* How addresses are kept. */
struct addresses {
	size_t at;     /* of the first */
	uint64_t base; /* of offsets */
	unsigned size; /* 4: offsets, from the base; a pointer's: addresses */
	bool absolute; /* offsets that are not negative are addresses of a cpu's own data */
	bool offsets;
	bool distances; /* each from where it is kept */
};

static uint64_t address_of(const struct tables *t, const struct addresses *a, uint32_t i)
{
	uint64_t value = get_word(t->bytes + a->at + (size_t)i * a->size, a->size);
	uint64_t mask = t->pointer_size == 4 ? UINT32_MAX : UINT64_MAX;

	if (a->distances)
		return (t->addr + a->at + (uint64_t)i * 4 + (uint64_t)(int64_t)(int32_t)value) &
		       mask;
	if (!a->offsets)
		return value;
	if (!a->absolute)
		return (a->base + value) & mask;
	int32_t offset = (int32_t)value;
	return offset >= 0 ? value : (a->base - 1 - (uint64_t)(int64_t)offset) & mask;
}

/* Symbols are sorted by address, and most are the kernel's. */
static bool addresses_agree(const struct tables *t, const struct addresses *a)
{
	uint32_t wrong = 0, inside = 0;
	uint64_t before = 0;

	for (uint32_t i = 0; i < t->count; i++) {
		uint64_t address = address_of(t, a, i);
		bool far = a->offsets && !a->absolute &&
			   get32(t->bytes + a->at + (size_t)i * 4) > IMAGE_MAX;

		wrong += address < before || far;
		/* Distances are never far; and the window need not be virtual memory. */
		inside += a->distances || is_kernel(address, t->pointer_size);
		before = address;
	}
	return wrong <= t->count / 100 && inside > t->count / 2;
}

/* `count` offsets at `at`, and behind them the base. */
static bool offsets_at(const struct tables *t, size_t at, struct addresses *a)
{
	size_t bytes = (size_t)t->count * 4, base = aligned(at + bytes, t->pointer_size);

	if (at > t->len || t->len - at < bytes || base > t->len || t->len - base < t->pointer_size)
		return false;
	*a = (struct addresses){.at = at, .size = 4, .offsets = true};
	a->base = get_word(t->bytes + base, t->pointer_size);
	if (!is_kernel(a->base, t->pointer_size))
		return false;
	for (uint32_t i = 0; t->pointer_size == 8 && i < t->count && !a->absolute; i++)
		a->absolute = (int32_t)get32(t->bytes + at + (size_t)i * 4) < 0;
	return addresses_agree(t, a);
}

static bool distances_at(const struct tables *t, size_t at, struct addresses *a)
{
	if (at > t->len || (t->len - at) / 4 < t->count)
		return false;
	*a = (struct addresses){.at = at, .size = 4, .distances = true};
	return addresses_agree(t, a);
}

static bool addresses_find(const struct tables *t, struct addresses *a)
{
	unsigned size = t->pointer_size;
	size_t behind = t->index + TOKENS * 2;
	size_t before = aligned((size_t)t->count * 4, size) + size;

	if (offsets_at(t, aligned(behind, 4), a) || offsets_at(t, aligned(behind, 8), a))
		return true;
	if (t->count_at >= before && offsets_at(t, t->count_at - before, a))
		return true;
	if (distances_at(t, aligned(behind, 4), a) || distances_at(t, aligned(behind, 8), a))
		return true;
	*a = (struct addresses){.size = size};
	if (t->count_at < (size_t)t->count * size)
		return false;
	a->at = t->count_at - (size_t)t->count * size;
	return addresses_agree(t, a);
}

/* ---- all together --------------------------------------------------------------------------- */

static bool name_expand(const struct tables *t, size_t *at, char text[NAME_MAX_LEN], size_t *used)
{
	size_t len;

	*used = 0;
	if (!name_begin(t, at, t->tokens, &len))
		return false;
	for (size_t i = 0; i < len; i++) {
		uint8_t token = t->bytes[*at + i];

		if (t->token_len[token] > NAME_MAX_LEN - *used)
			return false;
		memcpy(text + *used, t->token[token], t->token_len[token]);
		*used += t->token_len[token];
	}
	*at += len;
	return *used > 0;
}

enum vmi_status kallsyms_decode(const struct kallsyms_window *window, struct symbols *symbols,
				struct vmi_error *err)
{
	struct tables t = {.bytes = window->bytes,
			   .len = window->len,
			   .pointer_size = window->pointer_size,
			   .addr = window->addr,
			   .tokens = window->tokens,
			   .budget = SEARCH_MAX};
	struct addresses addresses;
	char text[NAME_MAX_LEN];
	size_t used;

	if (!tokens_load(&t))
		return vmi_fail(err, VMI_ERR_NOT_FOUND, "kallsyms: there are no tokens");
	if (!names_find(&t))
		return vmi_fail(err, VMI_ERR_NOT_FOUND, "kallsyms: no names before the tokens");
	if (!addresses_find(&t, &addresses))
		return vmi_fail(err, VMI_ERR_NOT_FOUND, "kallsyms: %u names without addresses",
				t.count);
	size_t at = t.names;
	for (uint32_t i = 0; i < t.count; i++) {
		if (!name_expand(&t, &at, text, &used))
			return vmi_fail(err, VMI_ERR_CORRUPT, "kallsyms: name %u is broken", i);
		if (!symbols_add(symbols, address_of(&t, &addresses, i), text[0], text + 1,
				 used - 1))
			return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for %u symbols",
					t.count);
	}
	return VMI_OK;
}
