/* SPDX-License-Identifier: MIT */
#ifndef OS_SYMBOLS_H
#define OS_SYMBOLS_H

#include <vmi/driver.h>

/** A table of symbols, found by name and by address. */
struct symbols {
	struct symbol {
		vmi_gva gva;
		uint32_t name; /* in text */
		char type;
	} * at; /* by address once symbols_finish() was called */
	size_t count, room;
	char *text;
	size_t text_len, text_room;
	uint32_t *slots; /* by hash of the name: index + 1 */
	size_t mask;
};

void symbols_init(struct symbols *symbols);
void symbols_deinit(struct symbols *symbols);

/* One more; false: out of memory, or more than a table can have. */
bool symbols_add(struct symbols *symbols, vmi_gva gva, char type, const char *name, size_t len);
/* Sort and index; false: out of memory. Nothing is added afterwards. */
bool symbols_finish(struct symbols *symbols);

static inline const char *symbols_name(const struct symbols *symbols, size_t i)
{
	return symbols->text + symbols->at[i].name;
}

/*
 * A copy, in which what is at `first` or higher lies `slide` further on; addresses are of `mask`'s
 * width. False: out of memory.
 */
bool symbols_slide(struct symbols *to, const struct symbols *from, vmi_gva first, uint64_t slide,
		   uint64_t mask);

/* The first of that name, or NULL. */
const struct symbol *symbols_find(const struct symbols *symbols, const char *name);
/* The last one at or below `gva`, of several at one address the first; or NULL. */
const struct symbol *symbols_at(const struct symbols *symbols, vmi_gva gva);
/* The distance to the next one that lies higher; 0: there is none. */
uint64_t symbols_size(const struct symbols *symbols, const struct symbol *symbol);

#endif
