/* SPDX-License-Identifier: MIT */
/* Addresses of interest, each with what should become of it. */

#include "guest.h"

static unsigned count;

struct place *place_at(unsigned index)
{
	return (struct place *)(uintptr_t)NOTES + index;
}

unsigned place_count(void)
{
	return count;
}

struct place *place_add(const struct space *space, uintptr_t va, enum outcome outcome, int level,
			const char *why)
{
	struct place *place = place_at(count++);

	if (count * sizeof(*place) > NOTES_SIZE) {
		report_begin("out of notes");
		report_end();
		for (;;)
			;
	}
	place->space = space;
	place->why = why;
	place->va = va;
	place->level = (uint8_t)level;
	place->outcome = (uint8_t)outcome;
	return place;
}

void leaf(const struct space *space, uintptr_t va, int level, uint64_t pa, uint64_t flags,
	  uint64_t at, const char *why)
{
	struct place *place = place_add(space, va + (uintptr_t)at, MAPPED, level, why);
	uint64_t address = pa;

	/* PSE-36 keeps the address bits from 32 on in the entry's bits 13 to 20. */
	if (LEVELS == 2)
		address = (pa & UINT32_MAX) | (pa >> 32) << 13;
	*slot(space, va, level) = (entry)(address | flags);
	place->pa = pa + at;
	place->rights = (uint8_t)((flags & RW ? WRITE : 0) | (flags & US ? USER : 0) |
				  (flags & NX ? 0 : EXECUTE));
}
