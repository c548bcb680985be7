/* SPDX-License-Identifier: MIT */
/* What a zstd decoder remembers from block to block; the sections are those of RFC 8878. */

#include <string.h>

#include "bytes.h"
#include "zstd_state.h"

/* ---- bits ------------------------------------------------------------------------------- */

/* Of a table's description, from the first byte on, low bits first. */
struct forward {
	const uint8_t *bytes;
	size_t len, at; /* bytes, bits */
};

static unsigned peek(const struct forward *in, unsigned count)
{
	unsigned value = 0;

	for (unsigned i = 0; i < count; i++) {
		size_t bit = in->at + i;
		if (bit / 8 < in->len)
			value |= ((unsigned)in->bytes[bit / 8] >> bit % 8 & 1) << i;
	}
	return value;
}

static unsigned take(struct forward *in, unsigned count)
{
	unsigned value = peek(in, count);

	in->at += count;
	return value;
}

/* Of sequences, from the last byte down to the first (3.1.1.3.2.1.2). */
struct backward {
	const uint8_t *bytes;
	size_t len;
	size_t left; /* bits */
	bool over;   /* more were taken than there are */
};

static inline uint32_t take_back(struct backward *in, unsigned count)
{
	uint64_t word = 0;

	if (count > in->left) {
		in->over = true;
		return 0;
	}
	in->left -= count;
	size_t byte = in->left / 8;
	if (in->len - byte >= 8)
		word = le64(in->bytes + byte);
	else
		for (size_t i = 0; i < in->len - byte; i++)
			word |= (uint64_t)in->bytes[byte + i] << 8 * i;
	return (uint32_t)(word >> in->left % 8 & ((UINT64_C(1) << count) - 1));
}

/* ---- tables ----------------------------------------------------------------------------- */

/* The default distributions (3.1.1.3.2.2), as a block would describe them. */
static const struct {
	uint8_t len, desc[32];
	uint8_t log_max, symbol_max;
} defaults[ZSTD_TABLES] = {
	[ZSTD_LL] = {20,
		     {0x51, 0x10, 0x63, 0x8c, 0x31, 0xc6, 0x18, 0x63, 0x0c, 0x21,
		      0xc4, 0x18, 0x63, 0x66, 0x66, 0x86, 0x46, 0x92, 0x04, 0x00},
		     9,
		     35},
	[ZSTD_OF] = {14,
		     {0x20, 0x84, 0x10, 0x42, 0x66, 0x46, 0x44, 0x44, 0x44, 0x44, 0x24, 0x49, 0x02,
		      0x00},
		     8,
		     31},
	[ZSTD_ML] = {29,
		     {0x21, 0x14, 0xc4, 0x18, 0x63, 0x8c, 0x21, 0x84, 0x10, 0x42,
		      0x08, 0x21, 0x84, 0x10, 0x42, 0x08, 0x21, 0x44, 0x44, 0x44,
		      0x44, 0x44, 0x44, 0x44, 0x44, 0x24, 0x09, 0x00, 0x00},
		     9,
		     52},
};

enum { SYMBOLS_MAX = 53 };

static unsigned log2_of(unsigned value)
{
	return 31 - (unsigned)__builtin_clz(value);
}

/* 4.1.1: how often each symbol is in the table; -1 for "less than once". */
static bool counts_read(struct forward *in, unsigned log, unsigned symbol_max,
			int16_t counts[SYMBOLS_MAX])
{
	int remaining = 1 << log;
	unsigned symbol = 0;

	memset(counts, 0, SYMBOLS_MAX * sizeof(*counts));
	while (remaining > 0) {
		unsigned bits = log2_of((unsigned)remaining + 1) + 1;
		unsigned low = (1u << (bits - 1)) - 1;
		unsigned threshold = (1u << bits) - 1 - ((unsigned)remaining + 1);
		unsigned value = peek(in, bits);
		if (symbol > symbol_max)
			return false;
		if ((value & low) < threshold) {
			value &= low;
			bits--;
		} else if (value > low) {
			value -= threshold;
		}
		in->at += bits;
		int count = (int)value - 1;
		counts[symbol++] = (int16_t)count;
		remaining -= count < 0 ? 1 : count;
		for (unsigned skip = count ? 0 : 3; skip == 3;) {
			skip = take(in, 2);
			symbol += skip;
		}
	}
	return !remaining && symbol <= symbol_max + 1 && in->at <= in->len * 8;
}

/* 4.1.1: spread the symbols over the cells, then number the states of each. */
static bool cells_fill(struct zstd_table *table, const int16_t counts[SYMBOLS_MAX])
{
	unsigned size = 1u << table->log, high = size, at = 0;
	unsigned step = (size >> 1) + (size >> 3) + 3;
	uint16_t next[SYMBOLS_MAX];

	for (unsigned s = 0; s < SYMBOLS_MAX; s++) {
		next[s] = (uint16_t)(counts[s] < 0 ? 1 : counts[s]);
		if (counts[s] < 0)
			table->cells[--high].symbol = (uint8_t)s;
	}
	for (unsigned s = 0; s < SYMBOLS_MAX; s++)
		for (int i = 0; i < counts[s]; i++) {
			table->cells[at].symbol = (uint8_t)s;
			do
				at = (at + step) & (size - 1);
			while (at >= high);
		}
	for (unsigned i = 0; i < size; i++) {
		struct zstd_cell *cell = &table->cells[i];
		unsigned x = next[cell->symbol]++;
		cell->bits = (uint8_t)(table->log - log2_of(x));
		cell->base = (uint16_t)((x << cell->bits) - size);
	}
	return !at;
}

/* A table from its description at `bytes`; *used bytes of it. */
static bool table_read(struct zstd_table *table, unsigned kind, const uint8_t *bytes, size_t len,
		       size_t *used)
{
	struct forward in = {bytes, len, 0};
	int16_t counts[SYMBOLS_MAX];
	unsigned log = take(&in, 4) + 5;

	if (log > defaults[kind].log_max ||
	    !counts_read(&in, log, defaults[kind].symbol_max, counts))
		return false;
	*used = (in.at + 7) / 8;
	if (*used > ZSTD_DESC_MAX)
		return false;
	memcpy(table->desc, bytes, *used);
	table->desc_len = (uint8_t)*used;
	table->log = (uint8_t)log;
	return cells_fill(table, counts);
}

static bool table_default(struct zstd_table *table, unsigned kind)
{
	size_t used;

	return table_read(table, kind, defaults[kind].desc, defaults[kind].len, &used);
}

void zstd_state_init(struct zstd_state *state)
{
	/* Two symbols of one bit each: no block uses it, but a dictionary must have a tree. */
	state->tree[0] = 0x80;
	state->tree[1] = 0x10;
	state->tree_len = 2;
	for (unsigned i = 0; i < ZSTD_TABLES; i++)
		table_default(&state->tables[i], i);
	state->repeats[0] = 1;
	state->repeats[1] = 4;
	state->repeats[2] = 8;
	state->repeats_single = false;
}

/* ---- blocks ----------------------------------------------------------------------------- */

/* 3.1.1.3.1: sizes, and the tree of compressed literals. */
static bool literals_read(struct zstd_state *state, const uint8_t *block, size_t len, size_t *used,
			  size_t *content)
{
	enum { RAW, SINGLE, PACKED };
	unsigned type = block[0] & 3, format = block[0] >> 2 & 3;
	uint64_t head = 0;
	size_t packed, header;

	for (size_t i = 0; i < 5 && i < len; i++)
		head |= (uint64_t)block[i] << 8 * i;
	if (type < PACKED) {
		header = format == 1 ? 2 : format == 3 ? 3 : 1;
		*content = (size_t)(head & ((1u << 8 * header) - 1)) >> (header == 1 ? 3 : 4);
		packed = type == RAW ? *content : 1;
	} else {
		unsigned bits = format < 2 ? 10 : format == 2 ? 14 : 18;
		header = format < 2 ? 3 : format == 2 ? 4 : 5;
		*content = (size_t)(head >> 4) & ((1u << bits) - 1);
		packed = (size_t)(head >> (4 + bits)) & ((1u << bits) - 1);
	}
	if (header > len || packed > len - header)
		return false;
	*used = header + packed;
	if (type != PACKED)
		return true;
	/* 4.2.1.1: packed weights, or four bits for each */
	size_t tree = packed ? block[header] : 0;
	tree = 1 + (tree < 128 ? tree : (tree - 127 + 1) / 2);
	if (tree > packed || tree > ZSTD_TREE_MAX)
		return false;
	memcpy(state->tree, block + header, tree);
	state->tree_len = (uint8_t)tree;
	return true;
}

/* 3.1.1.3.2.1: of what kind one table is, and the table. */
static bool table_choose(struct zstd_state *state, unsigned kind, unsigned mode, const uint8_t **at,
			 const uint8_t *end)
{
	enum { DEFAULT, SINGLE, DESCRIBED, REPEATED };
	struct zstd_table *table = &state->tables[kind];
	size_t used = 1;

	switch (mode) {
	case DEFAULT:
		return table_default(table, kind);
	case SINGLE:
		if (*at == end || **at > defaults[kind].symbol_max)
			return false;
		table->log = 0;
		table->cells[0] = (struct zstd_cell){.symbol = **at};
		break;
	case DESCRIBED:
		if (!table_read(table, kind, *at, (size_t)(end - *at), &used))
			return false;
		break;
	default:
		state->repeats_single |= !table->log;
		return true;
	}
	*at += used;
	return true;
}

/* 3.1.1.3.2.1.1: what the codes above those that stand for themselves mean. */
static uint32_t literals_length(unsigned code, struct backward *in)
{
	static const uint8_t bits[] = {1, 1, 1, 1, 2, 2, 3, 3, 4, 6};
	static const uint8_t base[] = {16, 18, 20, 22, 24, 28, 32, 40, 48, 64};

	if (code < 16)
		return code;
	if (code < 26)
		return base[code - 16] + take_back(in, bits[code - 16]);
	return (1u << (code - 19)) + take_back(in, code - 19);
}

static uint32_t match_length(unsigned code, struct backward *in)
{
	static const uint8_t bits[] = {1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5};
	static const uint8_t base[] = {35, 37, 39, 41, 43, 47, 51, 59, 67, 83, 99};

	if (code < 32)
		return code + 3;
	if (code < 43)
		return base[code - 32] + take_back(in, bits[code - 32]);
	return 3 + (1u << (code - 36)) + take_back(in, code - 36);
}

/* 3.1.1.5: offsets 1 to 3 repeat one; without literals they are one further. */
static void repeat(uint32_t repeats[3], uint32_t value, uint32_t literals)
{
	uint32_t offset;

	if (value > 3) {
		offset = value - 3;
		value = 3;
	} else {
		value += !literals;
		if (value == 1)
			return;
		offset = value == 4 ? repeats[0] - 1 : repeats[value - 1];
	}
	if (value > 2)
		repeats[2] = repeats[1];
	repeats[1] = repeats[0];
	repeats[0] = offset;
}

static bool sequences_run(struct zstd_state *state, struct backward *in, unsigned count,
			  size_t *content)
{
	const struct zstd_table *ll = &state->tables[ZSTD_LL], *of = &state->tables[ZSTD_OF],
				*ml = &state->tables[ZSTD_ML];
	const struct zstd_cell *l = &ll->cells[take_back(in, ll->log)];
	const struct zstd_cell *o = &of->cells[take_back(in, of->log)];
	const struct zstd_cell *m = &ml->cells[take_back(in, ml->log)];

	while (!in->over) {
		uint32_t value = (1u << o->symbol) + take_back(in, o->symbol);
		*content += match_length(m->symbol, in);
		repeat(state->repeats, value, literals_length(l->symbol, in));
		if (!--count)
			break;
		l = &ll->cells[l->base + take_back(in, l->bits)];
		m = &ml->cells[m->base + take_back(in, m->bits)];
		o = &of->cells[o->base + take_back(in, o->bits)];
	}
	return !in->over && !in->left;
}

/* 3.1.1.3.2 */
static bool sequences_read(struct zstd_state *state, const uint8_t *at, const uint8_t *end,
			   size_t *content)
{
	static const uint8_t order[] = {ZSTD_LL, ZSTD_OF, ZSTD_ML};
	size_t header = at == end ? 0 : at[0] < 128 ? 1 : at[0] < 255 ? 2 : 3;

	if (!header || header > (size_t)(end - at))
		return false;
	unsigned count = header == 1   ? at[0]
			 : header == 2 ? (at[0] - 128u) << 8 | at[1]
				       : at[1] + ((unsigned)at[2] << 8) + 0x7f00;
	at += header;
	if (!count)
		return at == end;
	if (at == end || *at & 3)
		return false;
	unsigned modes = *at++;
	for (unsigned i = 0; i < ZSTD_TABLES; i++)
		if (!table_choose(state, order[i], modes >> (6 - 2 * i) & 3, &at, end))
			return false;
	if (at == end || !end[-1])
		return false;
	/* The highest bit that is set only says where the others begin. */
	struct backward in = {at, (size_t)(end - at), 0, false};
	in.left = in.len * 8 - 8 + log2_of(end[-1]);
	return sequences_run(state, &in, count, content);
}

bool zstd_state_block(struct zstd_state *state, const uint8_t *block, size_t len, size_t *content)
{
	size_t used;

	state->repeats_single = false;
	return len && literals_read(state, block, len, &used, content) &&
	       sequences_read(state, block + used, block + len, content);
}

/* ---- dictionaries ----------------------------------------------------------------------- */

/* 5: magic number, identifier (0: none), tree, tables for offsets, matches and literals, offsets.
 */
size_t zstd_state_dictionary(const struct zstd_state *state, uint8_t *to)
{
	static const uint8_t order[] = {ZSTD_OF, ZSTD_ML, ZSTD_LL};
	static const uint8_t head[8] = {0x37, 0xa4, 0x30, 0xec};
	size_t len = sizeof(head);

	memcpy(to, head, sizeof(head));
	memcpy(to + len, state->tree, state->tree_len);
	len += state->tree_len;
	for (unsigned i = 0; i < ZSTD_TABLES; i++) {
		const struct zstd_table *table = &state->tables[order[i]];
		bool described = table->log;
		size_t n = described ? table->desc_len : defaults[order[i]].len;
		memcpy(to + len, described ? table->desc : defaults[order[i]].desc, n);
		len += n;
	}
	for (unsigned i = 0; i < 3; i++) {
		uint32_t offset = htole32(state->repeats[i]);
		memcpy(to + len, &offset, sizeof(offset));
		len += sizeof(offset);
	}
	return len;
}
