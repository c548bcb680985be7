/* SPDX-License-Identifier: MIT */
#include "check.h"
#include "tables.h"

unsigned mode_levels(enum vmi_mode mode)
{
	switch (mode) {
	case VMI_MODE_LEGACY:
		return 2;
	case VMI_MODE_PAE:
		return 3;
	case VMI_MODE_4LEVEL:
		return 4;
	case VMI_MODE_5LEVEL:
		return 5;
	case VMI_MODE_AUTO:
	case VMI_MODE_NONE:
		break;
	}
	fail();
	return 0;
}

unsigned level_shift(enum vmi_mode mode, unsigned level)
{
	static const unsigned narrow[] = {0, 12, 22}, wide[] = {0, 12, 21, 30, 39, 48};

	return mode == VMI_MODE_LEGACY ? narrow[level] : wide[level];
}

unsigned level_index(enum vmi_mode mode, unsigned level, vmi_gva gva)
{
	unsigned entries = mode == VMI_MODE_LEGACY              ? 1024
			   : mode == VMI_MODE_PAE && level == 3 ? 4
								: 512;

	return (unsigned)(gva >> level_shift(mode, level)) % entries;
}

vmi_gpa entry_at(enum vmi_mode mode, vmi_gpa table, unsigned level, vmi_gva gva)
{
	return table + (uint64_t)level_index(mode, level, gva) * (mode == VMI_MODE_LEGACY ? 4 : 8);
}

void entry_put(struct fake *fake, enum vmi_mode mode, vmi_gpa at, uint64_t entry)
{
	if (mode == VMI_MODE_LEGACY)
		fake_put32(fake, at, (uint32_t)entry);
	else
		fake_put64(fake, at, entry);
}

uint64_t entry_get(struct fake *fake, enum vmi_mode mode, vmi_gpa at)
{
	uint64_t entry = 0;

	for (unsigned i = mode == VMI_MODE_LEGACY ? 4 : 8; i-- > 0;)
		entry = entry << 8 | *fake_at(fake, at + i);
	return entry;
}

void tables_init(struct tables *tables, struct fake *fake, enum vmi_mode mode, vmi_gpa gpa,
		 size_t pages)
{
	fake_memory(fake, gpa, pages);
	*tables = (struct tables){
		.fake = fake,
		.space = {.root = gpa,
			  .mode = (uint8_t)mode,
			  .flags = VMI_SPACE_PSE | VMI_SPACE_NX},
		.next = gpa + VMI_PAGE_SIZE,
		.end = gpa + pages * VMI_PAGE_SIZE,
	};
}

void tables_set(struct tables *tables, vmi_gva gva, unsigned level, uint64_t entry)
{
	enum vmi_mode mode = (enum vmi_mode)tables->space.mode;
	vmi_gpa table = tables->space.root;

	for (unsigned at_level = mode_levels(mode); at_level > level; at_level--) {
		vmi_gpa at = entry_at(mode, table, at_level, gva);
		uint64_t have = entry_get(tables->fake, mode, at);
		if (!(have & P)) {
			assert_true(tables->next < tables->end);
			/* A PDPTE of PAE has no permissions: bits 1 and 2 are reserved. */
			have = tables->next | P;
			if (mode != VMI_MODE_PAE || at_level != 3)
				have |= W | U;
			entry_put(tables->fake, mode, at, have);
			tables->next += VMI_PAGE_SIZE;
		}
		table = have & UINT64_C(0x000ffffffffff000);
	}
	entry_put(tables->fake, mode, entry_at(mode, table, level, gva), entry);
}

/* ---- at random --------------------------------------------------------------------------------
 */

/* A PTE, or something like one. Frames below 1 MiB; many continue the last one. */
static uint64_t random_pte(uint64_t *seed, uint64_t *frame)
{
	uint64_t dice = next_random(seed);
	uint64_t rights = dice >> 8 & 15 ? W | U : (dice >> 12 & (W | U));

	if (dice % 64 < 8)
		return dice & ~P;
	*frame = dice % 64 < 56 ? (*frame + 0x1000) % 0x100000 : dice >> 20 & 0xff000;
	if (dice % 64 == 8)
		return *frame | P | BIT(40); /* reserved: the space has 40 bits */
	if (dice % 64 == 9)
		rights |= NX;
	return *frame | P | rights;
}

static void random_table(struct tables *tables, uint64_t *seed, vmi_gva gva)
{
	enum vmi_mode mode = (enum vmi_mode)tables->space.mode;
	uint64_t frame = next_random(seed) & 0xff000;
	unsigned entries = mode == VMI_MODE_LEGACY ? 1024 : 512;
	bool sparse = next_random(seed) % 2;

	for (unsigned i = 0; i < entries; i++) {
		uint64_t pte = random_pte(seed, &frame);
		if (mode == VMI_MODE_LEGACY)
			pte &= UINT32_MAX;
		if (!sparse || next_random(seed) % 16 == 0)
			tables_set(tables, gva + i * 0x1000, 1, pte);
	}
}

/* One PDE's reach. */
static void random_region(struct tables *tables, uint64_t *seed, vmi_gva gva)
{
	enum vmi_mode mode = (enum vmi_mode)tables->space.mode;
	uint64_t size = UINT64_C(1) << level_shift(mode, 2);

	switch (next_random(seed) % 8) {
	case 0: /* nothing */
		break;
	case 1:
		tables_set(tables, gva, 2, (next_random(seed) % 4 * size) | P | W | PS);
		break;
	case 2: /* bit 21 (legacy) or 20: reserved in a large page */
		tables_set(tables, gva, 2, size / 2 | P | PS);
		break;
	case 3: /* a table that is not there */
		tables_set(tables, gva, 2, 0x7f000000 | P | W | U);
		break;
	case 4: /* the root, as a table of pages */
		tables_set(tables, gva, 2, tables->space.root | P | W);
		break;
	default:
		random_table(tables, seed, gva);
		break;
	}
}

void tables_random(struct tables *tables, uint64_t *seed, struct window windows[WINDOWS])
{
	enum vmi_mode mode = (enum vmi_mode)tables->space.mode;
	uint64_t region = UINT64_C(1) << level_shift(mode, 2);
	unsigned bits = mode == VMI_MODE_5LEVEL ? 57 : mode == VMI_MODE_4LEVEL ? 48 : 32;
	uint64_t half = UINT64_C(1) << (bits - 1);
	/* The ends of both halves; in 32 bits they touch in the middle. */
	const vmi_gva starts[WINDOWS] = {0, half - 2 * region, bits == 32 ? half : -half,
					 bits == 32 ? 2 * half - 2 * region : -(2 * region)};

	tables->space.gpa_bits = 40;
	for (unsigned i = 0; i < WINDOWS; i++) {
		windows[i] = (struct window){starts[i], 2 * region};
		random_region(tables, seed, starts[i]);
		random_region(tables, seed, starts[i] + region);
	}
}
