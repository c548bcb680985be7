/* SPDX-License-Identifier: MIT */
/* What is mapped in the two spaces: every corner that a translator has to get right. */

#include "layout.h"

#define ALL (P | RW | US)

static void program(struct space *space)
{
	for (uint64_t pa = SAVED; pa < SAVED + SAVED_SIZE; pa += PAGE)
		*slot(space, (uintptr_t)pa, 1) = (entry)(pa | P | RW | GLOBAL);
	for (uint64_t pa = NOTES; pa < NOTES + NOTES_SIZE; pa += PAGE)
		*slot(space, (uintptr_t)pa, 1) = (entry)(pa | P | RW | GLOBAL);
	leaf(space, SAVED, 1, SAVED, P | RW | GLOBAL, 0, "program");
	leaf(space, NOTES + PAGE, 1, NOTES + PAGE, P | RW | GLOBAL, 0x10, "memory not saved");
	place_add(space, 0, NOT_PRESENT, 1, "null");
}

/*
 * Each level takes away nothing, writing, user mode or (where there is NX) execution: all
 * combinations over all levels, with one table per level, shared by all entries above it.
 */
static void lattice(struct space *space)
{
	static const uint64_t variant[] = {ALL, P | US, P | RW, ALL | NX};
	enum { VARIANTS = LEVELS == 2 ? 3 : 4, TOP = LEVELS == 3 ? 2 : LEVELS };
	uint64_t frame[VARIANTS], below[VARIANTS];
	unsigned combinations = 1;

	for (int k = 0; k < VARIANTS; k++)
		below[k] = frame[k] = frame_take();
	for (int level = 1; level <= TOP; level++) {
		unsigned index = LATTICE >> shift_of(level) & ((1u << INDEX_BITS) - 1);
		entry *first = level == TOP ? slot(space, LATTICE, TOP)
					    : (entry *)(uintptr_t)page_take() + index;

		for (int k = 0; k < VARIANTS; k++) {
			first[k] = (entry)(below[k] | variant[k]);
			below[k] = (uintptr_t)first & ~(uintptr_t)(PAGE - 1);
		}
		/* All entries above lead to this one table. */
		for (int k = 1; k < VARIANTS; k++)
			below[k] = below[0];
		combinations *= VARIANTS;
	}
	for (unsigned n = 0; n < combinations; n++) {
		struct place *place = place_add(space, LATTICE + 0x5a7, MAPPED, 1, "lattice");
		unsigned digits = n;

		place->pa = frame[n % VARIANTS] + 0x5a7;
		place->rights = WRITE | EXECUTE | USER;
		for (int level = 1; level <= TOP; level++) {
			unsigned k = digits % VARIANTS;

			place->va += (uintptr_t)k << shift_of(level);
			place->rights &= (uint8_t) ~(k == 1   ? WRITE
						     : k == 2 ? USER
						     : k == 3 ? EXECUTE
							      : 0);
			digits /= VARIANTS;
		}
	}
}

static void small_pages(struct space *space)
{
	for (unsigned area = 0; area < 3; area++) {
		for (unsigned i = 0; i < TEXT_PAGES; i++)
			leaf(space, TEXT + area * TEXT_STEP + i * PAGE, 1, frame_take(), ALL, i,
			     "text");
		place_add(space, TEXT + area * TEXT_STEP + TEXT_PAGES * PAGE, NOT_PRESENT, 1,
			  "behind text");
	}
	leaf(space, TEXT + TEXT_MIXED, 1, frame_take(), ALL | PWT | PCD | PAT | SOFTWARE, 0x123,
	     "PAT bit of a small page");
	leaf(space, TEXT + TEXT_MIXED + PAGE, 1, frame_take(), ALL | GLOBAL, 0xfff, "last byte");
	leaf(space, TEXT + TEXT_RUNOFF, 1, frame_take(), P | US, 0, "read-only");
	leaf(space, KERNEL, 1, frame_take(), P | RW | GLOBAL, 0x800, "kernel half");
	leaf(space, LOW_END, 1, frame_take(), ALL, 0xffe, "end of the low half");
	leaf(space, HIGH_START, 1, frame_take(), ALL, 1, "start of the high half");
	leaf(space, LAST, 1, frame_take(), ALL | NX, 0xfff, "last byte of all");
#if LONG
	leaf(space, TEXT + TEXT_RUNOFF + 2 * PAGE, 1, frame_take(), ALL | UINT64_C(0x7ff) << 52, 5,
	     "software bits and protection key");
#endif
#if LEVELS == 5
	leaf(space, UINT64_C(0x0000900000000000), 1, frame_take(), ALL, 0x77,
	     "canonical with five levels only");
	leaf(space, UINT64_C(0x00ab123456789000), 1, frame_take(), P | RW, 0x88, "beyond 48 bits");
#endif
}

/* Large pages from address 0 hold the saved memory: the place is in a frame of it. */
static void large_pages(struct space *space)
{
	uint64_t frame = frame_take();

	leaf(space, LARGES, 2, 0, ALL | PS | GLOBAL, frame + 0x123, "large page");
#if LEVELS == 2
	leaf(space, LARGES + 0x400000, 2, 0, P | US | PS | PAT_PS, frame + 0xabc,
	     "large page, PAT bit");
	leaf(space, LARGES + 0x800000, 2, UINT64_C(0x500800000), P | RW | PS, 0x54321, "PSE-36");
	leaf(space, LARGES + 0xc00000, 2, UINT64_C(0xff00000000), P | RW | PS, 0x3fffff,
	     "PSE-36, all bits");
#else
	leaf(space, LARGES + 0x200000, 2, 0, P | US | PS | PAT_PS | NX | SOFTWARE, frame + 0xabc,
	     "large page, PAT bit");
	leaf(space, LARGES + 0x400000, 2, UINT64_C(0x1234600000), P | RW | PS, 0x54321,
	     "large page beyond memory");
#endif
#if LONG
	leaf(space, HUGES, 3, 0, P | RW | PS | PAT_PS | NX, frame + 0x7e5, "1 GiB page, PAT bit");
	leaf(space, HUGES + 0x40000000, 3, UINT64_C(0x8040000000), P | US | PS, 0x3fffffff,
	     "1 GiB page beyond memory");
#endif
}

/* At every level an entry that has all bits but the one that counts. */
static void not_present(struct space *space)
{
	for (int level = 1; level <= LEVELS; level++) {
		uintptr_t va = HOLES + ((uintptr_t)1 << shift_of(level));

		*slot(space, va, level) = (entry)~P;
		place_add(space, va + 0x765, NOT_PRESENT, level, "not present, all other bits set");
	}
	*slot(space, HOLES, 1) = 0;
	place_add(space, HOLES, NOT_PRESENT, 1, "empty entry");
}

static void reserved(struct space *space)
{
#if LEVELS == 2
	*slot(space, RESERVED, 2) = P | RW | PS | 1u << 21;
	place_add(space, RESERVED + 0x1234, RESERVED_BITS, 2, "4 MiB page, bit 21");
#else
	*slot(space, RESERVED, 2) = P | RW | PS | 1u << 13;
	place_add(space, RESERVED + 0x1234, RESERVED_BITS, 2, "2 MiB page, bit 13");
	*slot(space, RESERVED + 0x200000, 2) = P | RW | PS | 1u << 20;
	place_add(space, RESERVED + 0x201234, RESERVED_BITS, 2, "2 MiB page, bit 20");
	leaf(space, RESERVED + 0x400000, 1, frame_take() | UINT64_C(1) << 45, ALL, 0x10,
	     "wide address");
	place_at(place_count() - 1)->outcome = WIDE_ADDRESS;
#endif
#if LEVELS == 3
	*slot(space, RESERVED + 0x401000, 1) = frame_take() | ALL | UINT64_C(1) << 52;
	place_add(space, RESERVED + 0x401000, RESERVED_BITS, 1, "PAE entry, bit 52");
#endif
#if LONG
	*slot(space, RESERVED + 0x40000000, 3) = P | RW | PS | 1u << 13;
	place_add(space, RESERVED + 0x40001234, RESERVED_BITS, 3, "1 GiB page, bit 13");
	*slot(space, RESERVED + 0x80000000, 3) = P | RW | PS | 1u << 29;
	place_add(space, RESERVED + 0x80001234, RESERVED_BITS, 3, "1 GiB page, bit 29");
	*slot(space, RESERVED + (UINT64_C(1) << 39), 4) = NOWHERE | P | RW | PS;
	place_add(space, RESERVED + (UINT64_C(1) << 39), RESERVED_BITS, 4,
		  "level 4, page size bit");
#endif
#if LEVELS == 5
	*slot(space, RESERVED + (UINT64_C(2) << 48), 5) = NOWHERE | P | RW | PS;
	place_add(space, RESERVED + (UINT64_C(2) << 48), RESERVED_BITS, 5,
		  "level 5, page size bit");
#endif
}

static void odd_tables(struct space *space)
{
	enum { TOP = LEVELS == 3 ? 2 : LEVELS };

	/* Nothing answers there: the CPU reads an empty entry, an image has none. */
	*slot(space, OUTSIDE, 2) = NOWHERE | P | RW | US;
	place_add(space, OUTSIDE, NOT_SAVED, 1, "table outside memory");

	*slot(space, UNSAVED, 2) = UNSAVED_TABLE | P | RW | US;
	leaf(space, UNSAVED, 1, frame_take(), ALL, 0x30, "table in memory not saved");
	place_at(place_count() - 1)->outcome = NOT_SAVED;

	/* The top table is among its own entries. */
	entry *self = slot(space, SELF, TOP);
	uintptr_t table = (uintptr_t)self & ~(uintptr_t)(PAGE - 1);
	uintptr_t index = SELF >> shift_of(TOP) & ((1u << INDEX_BITS) - 1);
	uintptr_t va = SELF;

	*self = (entry)(table | P | RW);
	for (int level = 1; level < TOP; level++)
		va |= index << shift_of(level);
	struct place *place =
		place_add(space, va + ((uintptr_t)self & (PAGE - 1)), MAPPED, 1, "self-map");
	place->pa = (uintptr_t)self;
	place->rights = WRITE | EXECUTE;
}

/* The lower bits of each of these lead to something, for who forgets to look at the upper ones. */
static void not_canonical(struct space *space)
{
#if LONG
	static const uintptr_t va[] = {
		LOW_END + PAGE,
		HIGH_START - PAGE,
		TEXT | UINT64_C(1) << (SHIFT_TOP + 1),
		TEXT | UINT64_C(1) << 62,
		TEXT | UINT64_C(1) << 63,
		TEXT | ~UINT64_C(0) << (SHIFT_TOP + 1),
		KERNEL & ~(UINT64_C(1) << 63),
		KERNEL & ((UINT64_C(1) << (SHIFT_TOP + 1)) - 1),
	};

	for (unsigned i = 0; i < sizeof(va) / sizeof(va[0]); i++)
		place_add(space, va[i], NOT_CANONICAL, 0, "not canonical");
#else
	(void)space;
#endif
}

void layout_first(struct space *space)
{
	program(space);
	lattice(space);
	small_pages(space);
	large_pages(space);
	not_present(space);
	reserved(space);
	odd_tables(space);
	not_canonical(space);
}

/* The same program, below the same tables; other frames at the same addresses. */
void layout_second(struct space *space, const struct space *first)
{
	enum { SHARED = LEVELS < 4 ? LEVELS : 4 };

	*slot(space, 0, SHARED) = *slot(first, 0, SHARED);
	leaf(space, NOTES + PAGE, 1, NOTES + PAGE, P | RW | GLOBAL, 0x20, "shared table");
	leaf(space, TEXT, 1, frame_take(), ALL, 0x456, "another frame");
	leaf(space, TEXT + PAGE, 1, frame_take(), ALL, 0x567, "another frame");
	leaf(space, SECOND, 1, *slot(first, TEXT, 1) & ~UINT64_C(0xfff), P | US | NX, 0x678,
	     "shared frame");
	place_add(space, TEXT + 2 * PAGE, NOT_PRESENT, 1, "in the first space only");
	place_add(space, KERNEL, NOT_PRESENT, LEVELS == 3 ? 2 : LEVELS, "in the first space only");
#if LEVELS == 2
	/* Without CR4.PSE this is no large page. */
	leaf(space, LARGES + 0x3000, 1, frame_take(), ALL, 0x99, "page size bit without CR4.PSE");
	*slot(space, LARGES, 2) |= PS;
#endif
}
