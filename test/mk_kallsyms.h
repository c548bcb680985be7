/* SPDX-License-Identifier: MIT */
#ifndef TEST_MK_KALLSYMS_H
#define TEST_MK_KALLSYMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** How a kernel lays out its table of symbols; each member is another version's way. */
struct kallsyms_shape {
	unsigned pointer_size;
	bool addresses;    /* whole ones, before 4.6 or without CONFIG_KALLSYMS_BASE_RELATIVE */
	bool percpu;       /* offsets that are not negative are absolute */
	bool offsets_last; /* since 6.5 */
	bool distances;    /* offsets from where they are kept, in 7.2 */
	bool packed;       /* everything aligned to 4 bytes only, in 7.2 */
	bool longs;        /* count and markers as longs, before 5.0 */
	bool order;        /* the names' order between markers and tokens, 6.2 to 6.4 */
};

struct made_symbol {
	uint64_t address;
	char type;
	const char *name;
};

/**
 * Write the tables of `count` symbols, sorted by address, behind `before` bytes of something else,
 * all of it at `addr` of the guest; owned: free(). *tokens is where the table of tokens begins.
 */
uint8_t *mk_kallsyms(const struct kallsyms_shape *shape, const struct made_symbol *symbols,
		     size_t count, size_t before, uint64_t addr, size_t *tokens, size_t *len);

#endif
