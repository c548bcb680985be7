/* SPDX-License-Identifier: MIT */
/* x86 paging: the rules of each mode. */

#include <string.h>

#include "x86.h"

static uint64_t bits(unsigned high, unsigned low)
{
	return high < low ? 0 : (UINT64_MAX >> (63 - high)) & (UINT64_MAX << low);
}

/* 32-bit paging, SDM vol. 3A 4.3: two levels of 1024 entries of 4 bytes. */
static void init_legacy(struct x86_paging *paging, const struct vmi_space *space, unsigned gpa_bits)
{
	paging->levels = 2;
	paging->entry_shift = 2;
	paging->va_bits = 32;
	paging->address = bits(31, 12);
	for (unsigned level = 1; level <= 2; level++) {
		paging->shift[level] = (uint8_t)(level == 1 ? 12 : 22);
		paging->index_mask[level] = 1023;
	}
	if (!(space->flags & VMI_SPACE_PSE))
		return; /* the PS bit is ignored */

	/* Table 4-4: bits 20:13 are gpa bits 39:32, as far as the CPU has them; 21 is reserved. */
	paging->large = 1 << 2;
	paging->high = bits(39, 32);
	unsigned have = gpa_bits > 40 ? 40 : gpa_bits;
	paging->reserved_large[2] = bits(21, have > 32 ? have - 19 : 13);
}

/* What all modes with 8-byte entries share. */
static void init_wide(struct x86_paging *paging, const struct vmi_space *space, unsigned gpa_bits,
		      unsigned levels)
{
	uint64_t reserved = bits(51, gpa_bits);

	if (!(space->flags & VMI_SPACE_NX))
		reserved |= X86_NX;
	paging->levels = (uint8_t)levels;
	paging->entry_shift = 3;
	paging->address = bits(51, 12);
	for (unsigned level = 1; level <= levels; level++) {
		paging->shift[level] = (uint8_t)(12 + 9 * (level - 1));
		paging->index_mask[level] = 511;
		paging->reserved[level] = reserved;
	}
	/* Tables 4-10 and 4-16: low address bits of a large page, above PAT in bit 12. */
	paging->large = 1 << 2;
	paging->reserved_large[2] = reserved | bits(20, 13);
}

/*
 * PAE paging, SDM vol. 3A 4.4: four PDPTEs without permissions; bits 62:52 are reserved too. A CPU
 * checks PDPTEs when CR3 is loaded and never writes them; QEMU's emulation, though, marks them
 * accessed (bit 5) as it does other entries, so that bit says nothing about validity.
 */
static void init_pae(struct x86_paging *paging, const struct vmi_space *space, unsigned gpa_bits)
{
	init_wide(paging, space, gpa_bits, 3);
	paging->va_bits = 32;
	paging->index_mask[3] = 3;
	for (unsigned level = 1; level <= 2; level++)
		paging->reserved[level] |= bits(62, 52);
	paging->reserved_large[2] |= bits(62, 52);
	paging->reserved[3] = bits(63, gpa_bits) | bits(8, 6) | bits(2, 1);
	paging->implied[3] = X86_ALL;
}

/* 4-level and 5-level paging, SDM vol. 3A 4.5: PS is reserved above the PDPTE. */
static void init_long(struct x86_paging *paging, const struct vmi_space *space, unsigned gpa_bits,
		      unsigned levels)
{
	init_wide(paging, space, gpa_bits, levels);
	paging->va_bits = (uint8_t)(12 + 9 * levels);
	paging->large |= 1 << 3;
	paging->reserved_large[3] = paging->reserved[3] | bits(29, 13);
	for (unsigned level = 4; level <= levels; level++)
		paging->reserved[level] |= X86_PS;
	if (space->flags & VMI_SPACE_PTI)
		paging->implied[levels] = X86_NX;
}

bool x86_paging_init(struct x86_paging *paging, const struct vmi_space *space)
{
	unsigned gpa_bits = space->gpa_bits ? space->gpa_bits : 52;

	if (gpa_bits > 52)
		gpa_bits = 52;
	memset(paging, 0, sizeof(*paging));

	switch ((enum vmi_mode)space->mode) {
	case VMI_MODE_LEGACY:
		init_legacy(paging, space, gpa_bits);
		break;
	case VMI_MODE_PAE:
		init_pae(paging, space, gpa_bits);
		break;
	case VMI_MODE_4LEVEL:
		init_long(paging, space, gpa_bits, 4);
		break;
	case VMI_MODE_5LEVEL:
		init_long(paging, space, gpa_bits, 5);
		break;
	case VMI_MODE_AUTO:
	case VMI_MODE_NONE:
		break;
	}
	if (!paging->levels)
		return false; /* the mode is a byte of the caller's: it may be anything */
	paging->root = x86_root((enum vmi_mode)space->mode, space->root) & ~space->ignored;
	paging->address &= ~space->ignored;
	paging->high &= ~space->ignored;
	for (unsigned level = 1; level <= paging->levels; level++) {
		paging->reserved[level] &= ~space->ignored;
		paging->reserved_large[level] &= ~space->ignored;
	}
	return true;
}

uint64_t x86_root(enum vmi_mode mode, uint64_t cr3)
{
	switch (mode) {
	case VMI_MODE_LEGACY:
		return cr3 & bits(31, 12);
	case VMI_MODE_PAE:
		return cr3 & bits(31, 5);
	case VMI_MODE_4LEVEL:
	case VMI_MODE_5LEVEL:
		return cr3 & bits(51, 12);
	case VMI_MODE_AUTO:
	case VMI_MODE_NONE:
		break;
	}
	return 0;
}
