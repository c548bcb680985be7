/* SPDX-License-Identifier: MIT */
/* A kernel's table of symbols, written from what scripts/kallsyms.c of its sources prints. */

#include <stdlib.h>
#include <string.h>

#include "mk_kallsyms.h"

enum { ROOM = 8 << 20, STRIDE = 256 };

/* Pairs that get tokens of their own, numbers that no name uses. */
static const char *const pairs[] = {"sy", "s_", "__", "ex", "it", "re", "ad", "mo"};

struct maker {
	uint8_t *bytes;
	size_t at;
	unsigned pointer, align;
	uint64_t addr; /* of the first byte */
	char token[256][4];
};

static void put(struct maker *m, uint64_t value, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		m->bytes[m->at++] = (uint8_t)(value >> 8 * i);
}

static void align(struct maker *m)
{
	while (m->at % m->align)
		m->bytes[m->at++] = 0;
}

static void tokens_choose(struct maker *m)
{
	unsigned next = 128;

	for (unsigned c = 0; c < 128; c++)
		m->token[c][0] = c >= ' ' ? (char)c : '\0';
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++, next++)
		memcpy(m->token[next], pairs[i], 2);
}

static size_t name_pack(const struct maker *m, char type, const char *name, uint8_t *out)
{
	size_t used = 0;

	out[used++] = (uint8_t)type;
	while (*name) {
		unsigned token = (unsigned char)*name;

		for (unsigned i = 128; i < 128 + sizeof(pairs) / sizeof(pairs[0]); i++)
			if (!strncmp(name, m->token[i], 2))
				token = i;
		out[used++] = (uint8_t)token;
		name += token < 128 ? 1 : 2;
	}
	return used;
}

static void put_names(struct maker *m, const struct kallsyms_shape *shape,
		      const struct made_symbol *symbols, size_t count)
{
	uint8_t packed[4096];
	uint64_t *mark = calloc(count / STRIDE + 1, sizeof(*mark));
	size_t first = m->at;

	for (size_t i = 0; i < count; i++) {
		size_t len = name_pack(m, symbols[i].type, symbols[i].name, packed);

		if (i % STRIDE == 0)
			mark[i / STRIDE] = m->at - first;
		if (len > 0x7f) {
			put(m, (len & 0x7f) | 0x80, 1);
			put(m, len >> 7, 1);
		} else {
			put(m, len, 1);
		}
		memcpy(m->bytes + m->at, packed, len);
		m->at += len;
	}
	align(m);
	for (size_t i = 0; i * STRIDE < count; i++)
		put(m, mark[i], shape->longs ? m->pointer : 4);
	align(m);
	free(mark);
}

static void put_tokens(struct maker *m, size_t *tokens)
{
	uint16_t index[256];

	*tokens = m->at;
	for (unsigned i = 0; i < 256; i++) {
		size_t len = strlen(m->token[i]) + 1;

		index[i] = (uint16_t)(m->at - *tokens);
		memcpy(m->bytes + m->at, m->token[i], len);
		m->at += len;
	}
	align(m);
	for (unsigned i = 0; i < 256; i++)
		put(m, index[i], 2);
	align(m);
}

static void put_addresses(struct maker *m, const struct kallsyms_shape *shape,
			  const struct made_symbol *symbols, size_t count)
{
	uint64_t base = 0;

	for (size_t i = 0; i < count && !base; i++)
		if (symbols[i].address >= (m->pointer == 8 ? UINT64_C(1) << 63 : 0x40000000))
			base = symbols[i].address;
	for (size_t i = 0; i < count; i++) {
		uint64_t address = symbols[i].address;

		if (shape->distances)
			put(m, address - (m->addr + m->at), 4);
		else if (shape->addresses)
			put(m, address, m->pointer);
		else if (!shape->percpu)
			put(m, address - base, 4);
		else
			put(m, address < base ? address : base - 1 - address, 4);
	}
	align(m);
	if (!shape->addresses && !shape->distances)
		put(m, base, m->pointer);
}

uint8_t *mk_kallsyms(const struct kallsyms_shape *shape, const struct made_symbol *symbols,
		     size_t count, size_t before, uint64_t addr, size_t *tokens, size_t *len)
{
	struct maker m = {.bytes = calloc(1, ROOM),
			  .pointer = shape->pointer_size,
			  .align = shape->packed ? 4 : shape->pointer_size,
			  .addr = addr};

	tokens_choose(&m);
	for (; m.at < before; m.at++)
		m.bytes[m.at] = (uint8_t)(m.at * 7);
	align(&m);
	if (!shape->offsets_last)
		put_addresses(&m, shape, symbols, count);
	put(&m, count, shape->longs ? m.pointer : 4);
	align(&m);
	put_names(&m, shape, symbols, count);
	if (shape->order) {
		for (size_t i = 0; i < 3 * count; i++)
			put(&m, i * 11, 1);
		align(&m);
	}
	put_tokens(&m, tokens);
	if (shape->offsets_last) {
		put_addresses(&m, shape, symbols, count);
		for (size_t i = 0; i < 3 * count; i++)
			put(&m, i * 11, 1);
	}
	*len = m.at;
	return m.bytes;
}
