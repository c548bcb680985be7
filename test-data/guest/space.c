/* SPDX-License-Identifier: MIT */
/* Pages from the pool, and page tables made of them. */

#include "guest.h"

/* The compiler may call these two. */
void *memset(void *to, int value, __SIZE_TYPE__ count);
void *memcpy(void *to, const void *from, __SIZE_TYPE__ count);

void *memset(void *to, int value, __SIZE_TYPE__ count)
{
	volatile uint8_t *at = to;

	while (count--)
		*at++ = (uint8_t)value;
	return to;
}

void *memcpy(void *to, const void *from, __SIZE_TYPE__ count)
{
	volatile uint8_t *at = to;
	const uint8_t *byte = from;

	while (count--)
		*at++ = *byte++;
	return to;
}

static unsigned taken;

/* Whatever lay in these places before, such as what the boot loader left, is not ours to show. */
void pool_clear(void)
{
	memset(bss_end, 0, (uintptr_t)SAVED + SAVED_SIZE - (uintptr_t)bss_end);
	memset((void *)NOTES, 0, NOTES_SIZE);
	memset((void *)UNSAVED_TABLE, 0, PAGE);
}

/* Neighbours in a space are never neighbours in memory. */
uint64_t page_take(void)
{
	enum { STRIDE = 43 };

	if (taken == POOL_PAGES) {
		report_begin("out of pages");
		report_end();
		for (;;)
			;
	}
	return POOL + (uint64_t)(taken++ * STRIDE % POOL_PAGES) * PAGE;
}

uint64_t frame_take(void)
{
	uint64_t frame = page_take();

	for (uint32_t i = 0; i < PAGE; i += 4)
		*(uint32_t *)(uintptr_t)(frame + i) = (uint32_t)(frame + i) * PATTERN;
	*(uint8_t *)(uintptr_t)(frame + PAGE - 1) = RET;
	report_begin("frame");
	report_hex("pa", frame);
	report_end();
	return frame;
}

struct space space_make(void)
{
	struct space space = {.root = page_take()};
	uintptr_t cr4;

	/* PAE's root has 32 bytes, anywhere on a 32-byte border. */
	if (LEVELS == 3)
		space.root += 0x7e0;
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	space.cr4 = (uint32_t)cr4;
	return space;
}

int shift_of(int level)
{
	return 12 + (level - 1) * INDEX_BITS;
}

entry *slot(const struct space *space, uintptr_t va, int level)
{
	uint64_t table = space->root;

	for (int at = LEVELS;; at--) {
		unsigned index = va >> shift_of(at) & ((1u << INDEX_BITS) - 1);
		entry *e = (entry *)(uintptr_t)table + index;

		if (at == level)
			return e;
		/* The root of PAE has no rights to give (SDM vol. 3A table 4-8). */
		if (!(*e & P))
			*e = (entry)(page_take() | (LEVELS == 3 && at == 3 ? P : P | RW | US));
		table = *e & UINT64_C(0xffffffffff000);
	}
}

void space_load(const struct space *space)
{
	uintptr_t cr0, cr4 = space->cr4, root = (uintptr_t)space->root;

	__asm__ volatile("mov %0, %%cr4\n\t"
			 "mov %1, %%cr3\n\t"
			 "mov %%cr0, %2\n\t"
			 "or $0x80010000, %k2\n\t" /* PG, WP */
			 "mov %2, %%cr0"
			 : "+r"(cr4), "+r"(root), "=&r"(cr0)
			 :
			 : "memory");
}
