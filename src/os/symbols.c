/* SPDX-License-Identifier: MIT */
/* A table of symbols: names in one block of text, addresses sorted, names hashed. */

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "symbols.h"

enum { SYMBOLS_MAX = 8 << 20, TEXT_MAX = 1 << 30 };

void symbols_init(struct symbols *symbols)
{
	*symbols = (struct symbols){0};
}

void symbols_deinit(struct symbols *symbols)
{
	free(symbols->at);
	free(symbols->text);
	free(symbols->slots);
	symbols_init(symbols);
}

bool symbols_add(struct symbols *symbols, vmi_gva gva, char type, const char *name, size_t len)
{
	if (symbols->count == SYMBOLS_MAX || len >= TEXT_MAX - symbols->text_len)
		return false;
	if (symbols->count == symbols->room) {
		size_t room = symbols->room ? symbols->room * 2 : 1024;
		struct symbol *at = realloc(symbols->at, room * sizeof(*at));

		if (!at)
			return false;
		symbols->at = at;
		symbols->room = room;
	}
	if (len >= symbols->text_room - symbols->text_len) {
		size_t room = symbols->text_room * 2 + len + 32768;
		char *text = realloc(symbols->text, room);

		if (!text)
			return false;
		symbols->text = text;
		symbols->text_room = room;
	}
	memcpy(symbols->text + symbols->text_len, name, len);
	symbols->text[symbols->text_len + len] = '\0';
	symbols->at[symbols->count++] =
		(struct symbol){.gva = gva, .name = (uint32_t)symbols->text_len, .type = type};
	symbols->text_len += len + 1;
	return true;
}

/* Text grows as symbols are added, so of equal addresses the one added first stays first. */
static int by_address(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	if (x->gva != y->gva)
		return x->gva < y->gva ? -1 : 1;
	return (x->name > y->name) - (x->name < y->name);
}

bool symbols_finish(struct symbols *symbols)
{
	size_t slots = 16;
	bool sorted = true;

	for (size_t i = 1; i < symbols->count && sorted; i++)
		sorted = symbols->at[i - 1].gva <= symbols->at[i].gva;
	if (!sorted)
		qsort(symbols->at, symbols->count, sizeof(*symbols->at), by_address);
	while (slots < symbols->count * 2)
		slots *= 2;
	symbols->slots = calloc(slots, sizeof(*symbols->slots));
	if (!symbols->slots)
		return false;
	symbols->mask = slots - 1;
	for (size_t i = 0; i < symbols->count; i++) {
		size_t slot =
			name_hash(symbols_name(symbols, i), strlen(symbols_name(symbols, i))) &
			symbols->mask;

		while (symbols->slots[slot])
			slot = (slot + 1) & symbols->mask;
		symbols->slots[slot] = (uint32_t)i + 1;
	}
	return true;
}

bool symbols_slide(struct symbols *to, const struct symbols *from, vmi_gva first, uint64_t slide,
		   uint64_t mask)
{
	for (size_t i = 0; i < from->count; i++) {
		const char *name = symbols_name(from, i);
		vmi_gva gva = from->at[i].gva;

		if (!symbols_add(to, gva < first ? gva : (gva + slide) & mask, from->at[i].type,
				 name, strlen(name)))
			return false;
	}
	return symbols_finish(to);
}

const struct symbol *symbols_find(const struct symbols *symbols, const char *name)
{
	if (!symbols->slots)
		return NULL;
	for (size_t slot = name_hash(name, strlen(name)) & symbols->mask; symbols->slots[slot];
	     slot = (slot + 1) & symbols->mask) {
		size_t i = symbols->slots[slot] - 1;

		if (!strcmp(symbols_name(symbols, i), name))
			return &symbols->at[i];
	}
	return NULL;
}

const struct symbol *symbols_at(const struct symbols *symbols, vmi_gva gva)
{
	size_t low = 0, high = symbols->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (symbols->at[middle].gva <= gva)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return NULL;
	while (low > 1 && symbols->at[low - 2].gva == symbols->at[low - 1].gva)
		low--;
	return &symbols->at[low - 1];
}

uint64_t symbols_size(const struct symbols *symbols, const struct symbol *symbol)
{
	const struct symbol *end = symbols->at + symbols->count;

	for (const struct symbol *next = symbol + 1; next < end; next++)
		if (next->gva > symbol->gva)
			return next->gva - symbol->gva;
	return 0;
}
