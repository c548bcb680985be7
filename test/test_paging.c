/* SPDX-License-Identifier: MIT */
/*
 * The page walk, as tables of entries and what the CPU makes of them. Expectations are written by
 * hand from the SDM, vol. 3A chapter 4. Each row goes through every way there is to translate.
 */

#include <stdio.h>
#include <string.h>

#include "check.h"
#include "tables.h"

/* Where a row's tables are, from the top one on, and entries that name them and allow all. */
enum { T1 = 0x1000, T2 = 0x2000, T3 = 0x3000, T4 = 0x4000, T5 = 0x5000, TABLE_PAGES = 5 };
#define N2 (T2 | P | W | U)
#define N3 (T3 | P | W | U)
#define N4 (T4 | P | W | U)
#define N5 (T5 | P | W | U)

struct row {
	const char *name;
	vmi_gva gva;
	uint64_t entry[5]; /* from the top down */
	struct {
		enum vmi_status status;
		vmi_gpa gpa;
		unsigned shift;
		const char *rights;
		unsigned level; /* of the last entry read */
	} want;
	uint64_t root;    /* instead of T1 */
	uint64_t ignored; /* address bits that are none */
	uint8_t gpa_bits;
	uint8_t unheld; /* the entry in this table is not in the image; 1: the first */
};

/* clang-format off */
#define MAPS(gpa_, shift_, rights_) .want = {VMI_OK, gpa_, shift_, rights_, 0}
#define ABSENT(level_)   .want = {VMI_ERR_NOT_PRESENT, 0, 0, "", level_}
#define RESERVED(level_) .want = {VMI_ERR_RESERVED_BITS, 0, 0, "", level_}
#define UNSAVED(level_)  .want = {VMI_ERR_NOT_SAVED, 0, 0, "", level_}
#define NO_ADDRESS       .want = {VMI_ERR_NOT_CANONICAL, 0, 0, "", 0}
/* clang-format on */

struct group {
	enum vmi_mode mode;
	uint32_t flags;
	const struct row *rows;
	size_t count;
};

/* ---- 4-level ---------------------------------------------------------------------------- */

#define G4 UINT64_C(0x0000555544443abc)

/* clang-format off */
static const struct row rows_4level[] = {
	{"4 KiB page", G4, {N2, N3, N4, 0x7000 | P | W | U}, MAPS(0x7abc, 12, "rwxu")},
	{"highest frame", G4, {N2, N3, N4, 0xffffffffff000 | P | W | U}, MAPS(0xffffffffffabc, 12, "rwxu")},
	{"bit 7 of a PTE is PAT", G4, {N2, N3, N4, 0x7000 | P | W | U | PS | G}, MAPS(0x7abc, 12, "rwxu")},
	{"software's bits", G4, {N2 | 0xe00, N3 | 0xe00 | BIT(62), N4 | BIT(52), 0x7e00 | P | W | U | BIT(58)}, MAPS(0x7abc, 12, "rwxu")},
	{"protection key", G4, {N2, N3, N4, 0x7000 | P | W | U | BIT(59) | BIT(62)}, MAPS(0x7abc, 12, "rwxu")},
	{"cache and accessed bits", G4, {N2 | PWT | PCD | A, N3 | PWT, N4 | A | D | G, 0x7000 | P | A | D | PWT | PCD}, MAPS(0x7abc, 12, "r-x-")},

	{"read-only by PTE", G4, {N2, N3, N4, 0x7000 | P | U}, MAPS(0x7abc, 12, "r-xu")},
	{"read-only by PDE", G4, {N2, N3, T4 | P | U, 0x7000 | P | W | U}, MAPS(0x7abc, 12, "r-xu")},
	{"read-only by PDPTE", G4, {N2, T3 | P | U, N4, 0x7000 | P | W | U}, MAPS(0x7abc, 12, "r-xu")},
	{"read-only by PML4E", G4, {T2 | P | U, N3, N4, 0x7000 | P | W | U}, MAPS(0x7abc, 12, "r-xu")},
	{"supervisor by PTE", G4, {N2, N3, N4, 0x7000 | P | W}, MAPS(0x7abc, 12, "rwx-")},
	{"supervisor by PDE", G4, {N2, N3, T4 | P | W, 0x7000 | P | W | U}, MAPS(0x7abc, 12, "rwx-")},
	{"supervisor by PDPTE", G4, {N2, T3 | P | W, N4, 0x7000 | P | W | U}, MAPS(0x7abc, 12, "rwx-")},
	{"supervisor by PML4E", G4, {T2 | P | W, N3, N4, 0x7000 | P | W | U}, MAPS(0x7abc, 12, "rwx-")},
	{"no execution by PTE", G4, {N2, N3, N4, 0x7000 | P | W | U | NX}, MAPS(0x7abc, 12, "rw-u")},
	{"no execution by PDE", G4, {N2, N3, N4 | NX, 0x7000 | P | W | U}, MAPS(0x7abc, 12, "rw-u")},
	{"no execution by PDPTE", G4, {N2, N3 | NX, N4, 0x7000 | P | W | U}, MAPS(0x7abc, 12, "rw-u")},
	{"no execution by PML4E", G4, {N2 | NX, N3, N4, 0x7000 | P | W | U}, MAPS(0x7abc, 12, "rw-u")},
	{"each takes something", G4, {N2 | NX, T3 | P | U, T4 | P | W, 0x7000 | P | W | U}, MAPS(0x7abc, 12, "r---")},

	/* G4 is 0x43abc into its 2 MiB and 0x4443abc into its 1 GiB. */
	{"2 MiB page", G4, {N2, N3, 0x40200000 | P | W | U | PS}, MAPS(0x40243abc, 21, "rwxu")},
	{"2 MiB page, PAT", G4, {N2, N3, 0x40200000 | P | W | U | PS | PAT}, MAPS(0x40243abc, 21, "rwxu")},
	{"2 MiB page, rights", G4, {N2, T3 | P | W, 0x40200000 | P | U | PS | NX}, MAPS(0x40243abc, 21, "r---")},
	{"2 MiB page, highest", G4, {N2, N3, 0xfffffffe00000 | P | W | U | PS}, MAPS(0xfffffffe43abc, 21, "rwxu")},
	{"1 GiB page", G4, {N2, 0x140000000 | P | W | U | PS}, MAPS(0x144443abc, 30, "rwxu")},
	{"1 GiB page, PAT", G4, {N2, 0x140000000 | P | W | U | PS | PAT | D | G}, MAPS(0x144443abc, 30, "rwxu")},
	{"1 GiB page, rights", G4, {T2 | P | U | W | NX, 0x140000000 | P | W | PS}, MAPS(0x144443abc, 30, "rw--")},

	{"no PML4E", G4, {N2 & ~P, N3, N4, 0x7000 | P}, ABSENT(4)},
	{"no PDPTE", G4, {N2, ~P, N4, 0x7000 | P}, ABSENT(3)},
	{"no PDE", G4, {N2, N3, NX | PS, 0x7000 | P}, ABSENT(2)},
	{"no PTE", G4, {N2, N3, N4, 0x7000 | W | U}, ABSENT(1)},
	{"not a bit of a PTE", G4, {N2, N3, N4, 0}, ABSENT(1)},
	{"not present comes before reserved", G4, {N2 & ~P, 0}, ABSENT(4), .gpa_bits = 13},

	{"PS in a PML4E", G4, {N2 | PS, N3, N4, 0x7000 | P}, RESERVED(4)},
	{"2 MiB page, bit 13", G4, {N2, N3, 0x40202000 | P | PS}, RESERVED(2)},
	{"2 MiB page, bit 20", G4, {N2, N3, 0x40300000 | P | PS}, RESERVED(2)},
	{"1 GiB page, bit 13", G4, {N2, 0x140002000 | P | PS}, RESERVED(3)},
	{"1 GiB page, bit 21", G4, {N2, 0x140200000 | P | PS}, RESERVED(3)},
	{"1 GiB page, bit 29", G4, {N2, 0x160000000 | P | PS}, RESERVED(3)},
	{"bit 40 of 40 in a PML4E", G4, {N2 | BIT(40)}, RESERVED(4), .gpa_bits = 40},
	{"bit 51 of 40 in a PDPTE", G4, {N2, N3 | BIT(51)}, RESERVED(3), .gpa_bits = 40},
	{"bit 45 of 40 in a PDE", G4, {N2, N3, N4 | BIT(45)}, RESERVED(2), .gpa_bits = 40},
	{"bit 40 of 40 in a PTE", G4, {N2, N3, N4, 0x7000 | P | BIT(40)}, RESERVED(1), .gpa_bits = 40},
	{"bit 40 of 40 in a 2 MiB page", G4, {N2, N3, PS | P | BIT(40)}, RESERVED(2), .gpa_bits = 40},
	{"bit 40 of 40 in a 1 GiB page", G4, {N2, PS | P | BIT(40)}, RESERVED(3), .gpa_bits = 40},
	{"bit 39 of 40", G4, {N2, N3, N4, P | BIT(39)}, MAPS(BIT(39) | 0xabc, 12, "r-x-"), .gpa_bits = 40},

	{"end of the lower half", 0x00007fffffffffff, {N2, N3, N4, 0x7000 | P}, MAPS(0x7fff, 12, "r-x-")},
	{"first behind the lower half", 0x0000800000000000, {N2, N3, N4, 0x7000 | P}, NO_ADDRESS},
	{"last below the upper half", 0xffff7fffffffffff, {N2, N3, N4, 0x7000 | P}, NO_ADDRESS},
	{"start of the upper half", 0xffff800000000000, {N2, N3, N4, 0x7000 | P}, MAPS(0x7000, 12, "r-x-")},
	{"the last byte", 0xffffffffffffffff, {N2, N3, N4, 0x7000 | P}, MAPS(0x7fff, 12, "r-x-")},
	{"one bit off", 0x0001555544443abc, {N2, N3, N4, 0x7000 | P}, NO_ADDRESS},

	{"PCID in the root", G4, {N2, N3, N4, 0x7000 | P}, MAPS(0x7abc, 12, "r-x-"), .root = T1 | 0xfff},
	{"no-flush bit in the root", G4, {N2, N3, N4, 0x7000 | P}, MAPS(0x7abc, 12, "r-x-"), .root = T1 | BIT(63) | 1},
	{"LAM bits in the root", G4, {N2, N3, N4, 0x7000 | P}, MAPS(0x7abc, 12, "r-x-"), .root = T1 | BIT(61) | BIT(62)},

	{"C-bit everywhere", G4, {N2 | BIT(47), N3 | BIT(47), N4 | BIT(47), 0x7000 | P | W | U | BIT(47)}, MAPS(0x7abc, 12, "rwxu"),
		.root = T1 | BIT(47), .ignored = BIT(47), .gpa_bits = 43},
	{"C-bit of a 2 MiB page", G4, {N2, N3 | BIT(51), 0x40200000 | P | PS | BIT(51)}, MAPS(0x40243abc, 21, "r-x-"), .ignored = BIT(51)},
	{"C-bit of a 1 GiB page", G4, {N2, 0x140000000 | P | PS | BIT(51)}, MAPS(0x144443abc, 30, "r-x-"), .ignored = BIT(51), .gpa_bits = 43},
	{"a bit that only tables' addresses lack", G4, {N2, 0x140000000 | P | PS}, MAPS(0x144443abc, 30, "r-x-"), .ignored = BIT(26)},
	{"another bit beside the C-bit", G4, {N2 | BIT(47), N3 | BIT(46)}, RESERVED(3), .ignored = BIT(47), .gpa_bits = 43},

	{"root not saved", G4, {N2}, UNSAVED(0), .root = 0x100000},
	{"PDPT not saved", G4, {0x100000 | P | W | U}, UNSAVED(4)},
	{"PD not saved", G4, {N2, 0x100000 | P | W | U}, UNSAVED(3)},
	{"PT not saved", G4, {N2, N3, 0x100000 | P | W | U}, UNSAVED(2)},
	{"page not saved", G4, {N2, N3, N4, 0x100000 | P | W | U}, MAPS(0x100abc, 12, "rwxu")},
	{"PML4 not held here", G4, {N2, N3, N4, 0x7000 | P}, UNSAVED(0), .unheld = 1},
	{"PDPT not held here", G4, {N2, N3, N4, 0x7000 | P}, UNSAVED(4), .unheld = 2},
	{"PD not held here", G4, {N2, N3, N4, 0x7000 | P}, UNSAVED(3), .unheld = 3},
	{"PT not held here", G4, {N2, N3, N4, 0x7000 | P}, UNSAVED(2), .unheld = 4},

	/* Entry 0x1fe of every level is the same entry: the root is its own page. */
	{"self-map", 0xffffff7fbfdfeff0, {T1 | P | W, T1 | P | W, T1 | P | W, T1 | P | W}, MAPS(T1 | 0xff0, 12, "rwx-")},
};

/* EFER.NXE is off: bit 63 is reserved. */
static const struct row rows_4level_no_nx[] = {
	{"4 KiB page", G4, {N2, N3, N4, 0x7000 | P | W | U}, MAPS(0x7abc, 12, "rwxu")},
	{"bit 63 of a PML4E", G4, {N2 | NX}, RESERVED(4)},
	{"bit 63 of a PDPTE", G4, {N2, N3 | NX}, RESERVED(3)},
	{"bit 63 of a PDE", G4, {N2, N3, N4 | NX}, RESERVED(2)},
	{"bit 63 of a PTE", G4, {N2, N3, N4, 0x7000 | P | NX}, RESERVED(1)},
	{"bit 63 of a 1 GiB page", G4, {N2, 0x140000000 | P | PS | NX}, RESERVED(3)},
	{"bit 63 of a 2 MiB page", G4, {N2, N3, 0x40200000 | P | PS | NX}, RESERVED(2)},
};

/* ---- 5-level ---------------------------------------------------------------------------------- */

#define G5 UINT64_C(0x0012345678943abc)

static const struct row rows_5level[] = {
	{"4 KiB page", G5, {N2, N3, N4, N5, 0x7000 | P | W | U}, MAPS(0x7abc, 12, "rwxu")},
	{"2 MiB page", G5, {N2, N3, N4, 0x40200000 | P | W | U | PS | PAT}, MAPS(0x40343abc, 21, "rwxu")},
	{"1 GiB page", G5, {N2, N3, 0x140000000 | P | W | U | PS}, MAPS(0x178943abc, 30, "rwxu")},
	{"rights by PML5E", G5, {T2 | P | NX, N3, N4, N5, 0x7000 | P | W | U}, MAPS(0x7abc, 12, "r---")},
	{"rights by PML4E", G5, {N2, T3 | P | NX | W, N4, N5, 0x7000 | P | W | U}, MAPS(0x7abc, 12, "rw--")},
	{"no PML5E", G5, {~P}, ABSENT(5)},
	{"no PML4E", G5, {N2, 0}, ABSENT(4)},
	{"no PDPTE", G5, {N2, N3, 0}, ABSENT(3)},
	{"no PDE", G5, {N2, N3, N4, 0}, ABSENT(2)},
	{"no PTE", G5, {N2, N3, N4, N5, 0}, ABSENT(1)},
	{"PS in a PML5E", G5, {N2 | PS, N3, N4, N5, 0x7000 | P}, RESERVED(5)},
	{"PS in a PML4E", G5, {N2, N3 | PS, N4, N5, 0x7000 | P}, RESERVED(4)},
	{"bit 46 of 46 in a PML5E", G5, {N2 | BIT(46)}, RESERVED(5), .gpa_bits = 46},
	{"bit 46 of 46 in a PTE", G5, {N2, N3, N4, N5, P | BIT(46)}, RESERVED(1), .gpa_bits = 46},
	{"1 GiB page, bit 29", G5, {N2, N3, 0x160000000 | P | PS}, RESERVED(3)},
	{"end of the lower half", 0x00ffffffffffffff, {N2, N3, N4, N5, 0x7000 | P}, MAPS(0x7fff, 12, "r-x-")},
	{"first behind the lower half", 0x0100000000000000, {N2, N3, N4, N5, 0x7000 | P}, NO_ADDRESS},
	{"last below the upper half", 0xfeffffffffffffff, {N2, N3, N4, N5, 0x7000 | P}, NO_ADDRESS},
	{"start of the upper half", 0xff00000000000000, {N2, N3, N4, N5, 0x7000 | P}, MAPS(0x7000, 12, "r-x-")},
	{"canonical only with 57 bits", 0x0000800000000000, {N2, N3, N4, N5, 0x7000 | P}, MAPS(0x7000, 12, "r-x-")},
	{"noise in the root", G5, {N2, N3, N4, N5, 0x7000 | P}, MAPS(0x7abc, 12, "r-x-"), .root = T1 | 0xabc | BIT(62)},
	{"root not saved", G5, {N2}, UNSAVED(0), .root = 0x100000},
	{"PML4 not saved", G5, {0x100000 | P}, UNSAVED(5)},
	{"PT not saved", G5, {N2, N3, N4, 0x100000 | P}, UNSAVED(2)},
	{"PML4 not held here", G5, {N2, N3, N4, N5, 0x7000 | P}, UNSAVED(5), .unheld = 2},
	{"self-map", 0xfffefeff7fbfdff8, {T1 | P | W, T1 | P | W, T1 | P | W, T1 | P | W, T1 | P | W}, MAPS(T1 | 0xff8, 12, "rwx-")},
};

/* ---- PAE -------------------------------------------------------------------------------------- */

#define GP UINT64_C(0xc0643abc) /* PDPTE 3, PDE 3, PTE 0x43 */
#define D2 (T2 | P)             /* a PDPTE has no permissions */

static const struct row rows_pae[] = {
	{"4 KiB page", GP, {D2, N3, 0x7000 | P | W | U}, MAPS(0x7abc, 12, "rwxu")},
	{"above 4 GiB", GP, {D2, N3, 0xfedcba9876000 | P | W | U}, MAPS(0xfedcba9876abc, 12, "rwxu")},
	{"rights by PTE", GP, {D2, N3, 0x7000 | P | NX}, MAPS(0x7abc, 12, "r---")},
	{"rights by PDE", GP, {D2, T3 | P | NX, 0x7000 | P | W | U}, MAPS(0x7abc, 12, "r---")},
	{"PDPTE: cache and software bits", GP, {D2 | PWT | PCD | 0xe00, N3, 0x7000 | P | W | U}, MAPS(0x7abc, 12, "rwxu")},
	{"2 MiB page", GP, {D2, 0x200600000 | P | W | U | PS}, MAPS(0x200643abc, 21, "rwxu")},
	{"2 MiB page, PAT", GP, {D2, 0x200600000 | P | W | PS | PAT | NX}, MAPS(0x200643abc, 21, "rw--")},
	{"PDPTE 0", 0x00643abc, {D2, N3, 0x7000 | P}, MAPS(0x7abc, 12, "r-x-")},
	{"PDPTE 2", 0x80643abc, {D2, N3, 0x7000 | P}, MAPS(0x7abc, 12, "r-x-")},
	{"no PDPTE", GP, {~P}, ABSENT(3)},
	{"no PDE", GP, {D2, ~P}, ABSENT(2)},
	{"no PTE", GP, {D2, N3, 0x7000 | W | U}, ABSENT(1)},
	{"PDPTE bit 1", GP, {D2 | W, N3, 0x7000 | P}, RESERVED(3)},
	{"PDPTE bit 2", GP, {D2 | U, N3, 0x7000 | P}, RESERVED(3)},
	{"PDPTE bit 5, which QEMU sets", GP, {D2 | A, N3, 0x7000 | P}, MAPS(0x7abc, 12, "r-x-")},
	{"PDPTE bit 6", GP, {D2 | D, N3, 0x7000 | P}, RESERVED(3)},
	{"PDPTE bit 7", GP, {D2 | PS, N3, 0x7000 | P}, RESERVED(3)},
	{"PDPTE bit 8", GP, {D2 | G, N3, 0x7000 | P}, RESERVED(3)},
	{"PDPTE bit 52", GP, {D2 | BIT(52), N3, 0x7000 | P}, RESERVED(3)},
	{"PDPTE bit 63", GP, {D2 | NX, N3, 0x7000 | P}, RESERVED(3)},
	{"PDPTE bit 36 of 36", GP, {D2 | BIT(36)}, RESERVED(3), .gpa_bits = 36},
	{"PDE bit 36 of 36", GP, {D2, N3 | BIT(36)}, RESERVED(2), .gpa_bits = 36},
	{"PTE bit 36 of 36", GP, {D2, N3, P | BIT(36)}, RESERVED(1), .gpa_bits = 36},
	{"PTE bit 35 of 36", GP, {D2, N3, P | BIT(35)}, MAPS(BIT(35) | 0xabc, 12, "r-x-"), .gpa_bits = 36},
	{"PDE bit 52", GP, {D2, N3 | BIT(52)}, RESERVED(2)},
	{"PDE bit 62", GP, {D2, N3 | BIT(62)}, RESERVED(2)},
	{"PTE bit 52", GP, {D2, N3, 0x7000 | P | BIT(52)}, RESERVED(1)},
	{"PTE bit 62", GP, {D2, N3, 0x7000 | P | BIT(62)}, RESERVED(1)},
	{"2 MiB page, bit 13", GP, {D2, 0x602000 | P | PS}, RESERVED(2)},
	{"2 MiB page, bit 20", GP, {D2, 0x700000 | P | PS}, RESERVED(2)},
	{"2 MiB page, bit 62", GP, {D2, 0x600000 | P | PS | BIT(62)}, RESERVED(2)},
	{"the last byte", 0xffffffff, {D2, N3, 0x7000 | P}, MAPS(0x7fff, 12, "r-x-")},
	{"behind the last byte", 0x100000000, {D2, N3, 0x7000 | P}, NO_ADDRESS},
	{"sign-extended", 0xffffffffc0643abc, {D2, N3, 0x7000 | P}, NO_ADDRESS},
	{"root on 32 bytes", GP, {D2, N3, 0x7000 | P}, MAPS(0x7abc, 12, "r-x-"), .root = 0x1fe0},
	{"noise in the root", GP, {D2, N3, 0x7000 | P}, MAPS(0x7abc, 12, "r-x-"), .root = 0x1fe0 | 0x1f | BIT(32) | BIT(63)},
	{"root not saved", GP, {D2}, UNSAVED(0), .root = 0x100020},
	{"PD not saved", GP, {0x100000 | P}, UNSAVED(3)},
	{"PT not saved", GP, {D2, 0x100000 | P}, UNSAVED(2)},
	{"PDPT not held here", GP, {D2, N3, 0x7000 | P}, UNSAVED(0), .unheld = 1},
	{"PD not held here", GP, {D2, N3, 0x7000 | P}, UNSAVED(3), .unheld = 2},
	{"PT not held here", GP, {D2, N3, 0x7000 | P}, UNSAVED(2), .unheld = 3},
	{"C-bit", GP, {D2 | BIT(47), N3 | BIT(47), 0x7000 | P | BIT(47)}, MAPS(0x7abc, 12, "r-x-"), .ignored = BIT(47)},
};

static const struct row rows_pae_no_nx[] = {
	{"4 KiB page", GP, {D2, N3, 0x7000 | P | W | U}, MAPS(0x7abc, 12, "rwxu")},
	{"bit 63 of a PDE", GP, {D2, N3 | NX}, RESERVED(2)},
	{"bit 63 of a PTE", GP, {D2, N3, 0x7000 | P | NX}, RESERVED(1)},
	{"bit 63 of a 2 MiB page", GP, {D2, 0x600000 | P | PS | NX}, RESERVED(2)},
};

/* ---- legacy 32-bit ---------------------------------------------------------------------------- */

#define GL UINT64_C(0xc0c43abc) /* PDE 0x303, PTE 0x43; 0x43abc into its 4 MiB */

static const struct row rows_legacy[] = {
	{"4 KiB page", GL, {N2, 0x7000 | P | W | U}, MAPS(0x7abc, 12, "rwxu")},
	{"highest frame", GL, {N2, 0xfffff000 | P | W | U}, MAPS(0xfffffabc, 12, "rwxu")},
	{"all other bits", GL, {N2 | 0xf78, 0x7fff}, MAPS(0x7abc, 12, "rwxu")},
	{"read-only by PTE", GL, {N2, 0x7000 | P | U}, MAPS(0x7abc, 12, "r-xu")},
	{"read-only by PDE", GL, {T2 | P | U, 0x7000 | P | W | U}, MAPS(0x7abc, 12, "r-xu")},
	{"supervisor by PTE", GL, {N2, 0x7000 | P | W}, MAPS(0x7abc, 12, "rwx-")},
	{"supervisor by PDE", GL, {T2 | P | W, 0x7000 | P | W | U}, MAPS(0x7abc, 12, "rwx-")},
	{"4 MiB page", GL, {0x40000000 | P | W | U | PS}, MAPS(0x40043abc, 22, "rwxu")},
	{"4 MiB page, PAT", GL, {0x40000000 | P | PS | PAT | G}, MAPS(0x40043abc, 22, "r-x-")},
	{"PSE-36: lowest bit", GL, {0x40000000 | P | PS | BIT(13)}, MAPS(0x140043abc, 22, "r-x-")},
	{"PSE-36: highest bit", GL, {0x40000000 | P | PS | BIT(20)}, MAPS(0x8040043abc, 22, "r-x-")},
	{"PSE-36: all bits", GL, {0x401fe000 | P | PS}, MAPS(0xff40043abc, 22, "r-x-")},
	{"PSE-36: of 36, bit 35", GL, {0x40000000 | P | PS | BIT(16)}, MAPS(0x840043abc, 22, "r-x-"), .gpa_bits = 36},
	{"PSE-36: of 36, bit 36", GL, {0x40000000 | P | PS | BIT(17)}, RESERVED(2), .gpa_bits = 36},
	{"PSE-36: of 32, bit 32", GL, {0x40000000 | P | PS | BIT(13)}, RESERVED(2), .gpa_bits = 32},
	{"PSE-36: of 48, bit 39", GL, {0x40000000 | P | PS | BIT(20)}, MAPS(0x8040043abc, 22, "r-x-"), .gpa_bits = 48},
	{"PSE-36: an ignored bit", GL, {0x40000000 | P | PS | BIT(16) | BIT(20)}, MAPS(0x8040043abc, 22, "r-x-"), .ignored = BIT(35)},
	{"4 MiB page, bit 21", GL, {0x40200000 | P | PS}, RESERVED(2)},
	{"no PDE", GL, {0xfffffffe}, ABSENT(2)},
	{"no PTE", GL, {N2, 0x7000 | W | U}, ABSENT(1)},
	{"the last byte", 0xffffffff, {N2, 0x7000 | P}, MAPS(0x7fff, 12, "r-x-")},
	{"behind the last byte", 0x100000000, {N2, 0x7000 | P}, NO_ADDRESS},
	{"noise in the root", GL, {N2, 0x7000 | P}, MAPS(0x7abc, 12, "r-x-"), .root = T1 | 0x18 | BIT(32)},
	{"root not saved", GL, {N2}, UNSAVED(0), .root = 0x100000},
	{"PT not saved", GL, {0x100000 | P}, UNSAVED(2)},
	{"PD not held here", GL, {N2, 0x7000 | P}, UNSAVED(0), .unheld = 1},
	{"PT not held here", GL, {N2, 0x7000 | P}, UNSAVED(2), .unheld = 2},
	{"self-map", 0xffffffff, {T1 | P | W, T1 | P | W}, MAPS(T1 | 0xfff, 12, "rwx-")},
};

/* CR4.PSE is off: PS is ignored. */
static const struct row rows_legacy_no_pse[] = {
	{"4 KiB page", GL, {N2, 0x7000 | P | W | U}, MAPS(0x7abc, 12, "rwxu")},
	{"PS means nothing", GL, {N2 | PS, 0x7000 | P | W | U}, MAPS(0x7abc, 12, "rwxu")},
	{"PS means nothing, PT not saved", GL, {0x40200000 | P | PS}, UNSAVED(2)},
};
/* clang-format on */

#define GROUP(mode, flags, rows)                                                                   \
	{                                                                                          \
		mode, flags, rows, sizeof(rows) / sizeof((rows)[0])                                \
	}

static const struct group groups[] = {
	GROUP(VMI_MODE_4LEVEL, VMI_SPACE_NX, rows_4level),
	GROUP(VMI_MODE_4LEVEL, VMI_SPACE_NX | VMI_SPACE_PSE, rows_4level),
	GROUP(VMI_MODE_4LEVEL, VMI_SPACE_PSE, rows_4level_no_nx),
	GROUP(VMI_MODE_5LEVEL, VMI_SPACE_NX, rows_5level),
	GROUP(VMI_MODE_PAE, VMI_SPACE_NX, rows_pae),
	GROUP(VMI_MODE_PAE, 0, rows_pae_no_nx),
	GROUP(VMI_MODE_LEGACY, VMI_SPACE_PSE, rows_legacy),
	GROUP(VMI_MODE_LEGACY, VMI_SPACE_PSE | VMI_SPACE_NX, rows_legacy),
	GROUP(VMI_MODE_LEGACY, 0, rows_legacy_no_pse),
};

/* ---- running a row ---------------------------------------------------------------------- */

/* A row laid out in memory. */
struct trial {
	const struct row *row;
	struct fake *fake;
	struct vmi *vm;
	struct vmi_space space;
	vmi_gpa entry_gpa[5];
};

static void trial_begin(struct trial *trial, const struct group *group, const struct row *row,
			enum fake_pages pages)
{
	uint64_t root = row->root ? row->root : T1;
	vmi_gpa table = root & ~row->ignored & UINT64_C(0xfffffffff000);

	*trial = (struct trial){
		.row = row,
		.fake = fake_create(),
		.space = {.root = root,
			  .ignored = row->ignored,
			  .mode = (uint8_t)group->mode,
			  .gpa_bits = row->gpa_bits,
			  .flags = group->flags},
	};
	trial->fake->pages = pages;
	fake_memory(trial->fake, T1, TABLE_PAGES);
	/* A PAE root is finer than a page; 32-bit roots have 32 bits. */
	if (group->mode == VMI_MODE_PAE)
		table = root & UINT64_C(0xffffffe0);
	else if (group->mode == VMI_MODE_LEGACY)
		table = root & UINT64_C(0xfffff000);

	unsigned levels = mode_levels(group->mode);
	for (unsigned i = 0; i < levels; i++) {
		vmi_gpa at = entry_at(group->mode, table, levels - i, row->gva);
		if (!fake_at(trial->fake, at))
			break;
		entry_put(trial->fake, group->mode, at, row->entry[i]);
		trial->entry_gpa[i] = at;
		if (row->unheld == i + 1)
			fake_forget(trial->fake, at, 1);
		table = row->entry[i] & ~row->ignored & UINT64_C(0xffffffffff000);
	}
	trial->vm = fake_open(trial->fake, VMI_CAP_READ, NULL);
}

static void trial_end(struct trial *trial)
{
	vmi_close(trial->vm);
	fake_destroy(trial->fake);
}

static unsigned access_of(const char *rights)
{
	return (strchr(rights, 'r') ? (unsigned)VMI_ACCESS_R : 0u) |
	       (strchr(rights, 'w') ? (unsigned)VMI_ACCESS_W : 0u) |
	       (strchr(rights, 'x') ? (unsigned)VMI_ACCESS_X : 0u);
}

/* The level that a page of this size is mapped at. */
static unsigned leaf_level(unsigned shift)
{
	return shift == 30 ? 3 : shift == 12 ? 1 : 2;
}

static void expect(const struct trial *trial, const struct vmi_translation *got)
{
	const struct row *row = trial->row;
	unsigned level = row->want.level;
	unsigned levels = mode_levels((enum vmi_mode)trial->space.mode);

	assert_int_equal(got->status, row->want.status);
	if (got->status == VMI_OK) {
		assert_int_equal(got->gpa, row->want.gpa);
		assert_int_equal(got->entry, 0);
		level = leaf_level(row->want.shift);
	} else {
		uint64_t entry = level ? row->entry[levels - level] : 0;
		if (trial->space.mode == VMI_MODE_LEGACY)
			entry = (uint32_t)entry;
		assert_int_equal(got->entry, entry);
	}
	assert_int_equal(got->level, level);
	assert_int_equal(got->page_shift, row->want.shift);
	assert_int_equal(got->access, access_of(row->want.rights));
	assert_int_equal(got->user, strchr(row->want.rights, 'u') != NULL);
}

/* The sentence names the address, what stopped the walk and where. */
static void expect_words(const struct trial *trial, const struct vmi_error *err)
{
	static const char *const names[] = {"root", "PTE", "PDE", "PDPTE", "PML4E", "PML5E"};
	enum vmi_status st = trial->row->want.status;
	char gva[32];

	if (st == VMI_OK)
		return;
	assert_int_equal(err->status, st);
	snprintf(gva, sizeof(gva), "gva 0x%llx", (unsigned long long)trial->row->gva);
	assert_non_null(strstr(err->text, gva));
	assert_non_null(strstr(err->text, st == VMI_ERR_NOT_PRESENT     ? "is not present"
					  : st == VMI_ERR_RESERVED_BITS ? "sets reserved bits"
					  : st == VMI_ERR_NOT_SAVED     ? "is not in the image"
									: "does not exist"));
	if (st != VMI_ERR_NOT_CANONICAL)
		assert_non_null(strstr(err->text, names[trial->row->want.level]));
}

static void by_translate(struct trial *trial)
{
	struct vmi_error err = {VMI_OK, ""};
	struct vmi_translation got;

	for (unsigned i = 0; i < 3; i++) { /* cold, then warm */
		memset(&got, 0x5a, sizeof(got));
		assert_int_equal(
			vmi_translate(trial->vm, &trial->space, trial->row->gva, &got, &err),
			trial->row->want.status);
		expect(trial, &got);
		expect_words(trial, &err);
	}
}

static void by_batch(struct trial *trial)
{
	struct vmi_error err;
	vmi_gva gva = trial->row->gva;
	const vmi_gva list[] = {gva, gva, gva ^ BIT(47) ^ BIT(31), gva, gva ^ 0x1000, gva};
	struct vmi_translation got[6];

	memset(got, 0x5a, sizeof(got));
	CHECK_OK(vmi_translate_batch(trial->vm, &trial->space, list, 6, got, &err));
	expect(trial, &got[0]);
	expect(trial, &got[1]);
	expect(trial, &got[3]);
	expect(trial, &got[5]);
}

static void by_walk(struct trial *trial)
{
	const struct row *row = trial->row;
	struct vmi_error err = {VMI_OK, ""};
	unsigned levels = mode_levels((enum vmi_mode)trial->space.mode);
	unsigned last = row->want.status ? row->want.level : leaf_level(row->want.shift);
	struct vmi_walk walk;

	memset(&walk, 0x5a, sizeof(walk));
	assert_int_equal(vmi_walk(trial->vm, &trial->space, row->gva, &walk, &err),
			 row->want.status);
	expect(trial, &walk.result);
	expect_words(trial, &err);
	assert_int_equal(walk.count, last ? levels - last + 1 : 0);
	for (unsigned i = 0; i < walk.count; i++) {
		uint64_t entry = trial->space.mode == VMI_MODE_LEGACY ? (uint32_t)row->entry[i]
								      : row->entry[i];
		assert_int_equal(walk.step[i].level, levels - i);
		assert_int_equal(walk.step[i].entry_gpa, trial->entry_gpa[i]);
		assert_int_equal(walk.step[i].entry, entry);
	}
}

static void by_range(struct trial *trial)
{
	const struct row *row = trial->row;
	struct vmi_error err;
	struct vmi_range_iter it;
	struct vmi_range range;

	vmi_range_begin(&it, trial->vm, &trial->space, row->gva, row->gva);
	CHECK_OK(vmi_range_next(&it, &range, &err));
	assert_int_equal(range.gva, row->gva);
	assert_int_equal(range.size, 1);
	expect(trial,
	       &(struct vmi_translation){
		       .gpa = range.gpa,
		       .entry =
			       row->want.status && row->want.level
				       ? row->entry[mode_levels((enum vmi_mode)trial->space.mode) -
						    row->want.level] &
						 (trial->space.mode == VMI_MODE_LEGACY ? UINT32_MAX
										       : UINT64_MAX)
				       : 0,
		       .status = range.status,
		       .level = range.level,
		       .page_shift = range.page_shift,
		       .access = range.access,
		       .user = range.user,
	       });
	assert_int_equal(vmi_range_next(&it, &range, &err), VMI_END);
}

static void run(const struct group *group, const struct row *row, enum fake_pages pages)
{
	static void (*const ways[])(struct trial *) = {by_translate, by_batch, by_walk, by_range};
	struct trial trial;

	/* Each way alone on cold caches, each after each, and all without caches. */
	for (unsigned first = 0; first < 4; first++) {
		trial_begin(&trial, group, row, pages);
		for (unsigned i = 0; i < 8; i++)
			ways[(first + i) % 4](&trial);
		vmi_translation_cache_disable(trial.vm);
		for (unsigned i = 0; i < 4; i++)
			ways[(first + i) % 4](&trial);
		vmi_page_cache_disable(trial.vm);
		for (unsigned i = 0; i < 4; i++)
			ways[(first + i) % 4](&trial);
		trial_end(&trial);
	}
}

static void run_group(void **state)
{
	const struct group *group = *state;

	for (size_t i = 0; i < group->count; i++) {
		const struct row *row = &group->rows[i];
		print_message("%s: %s\n", vmi_mode_name(group->mode), row->name);
		run(group, row, FAKE_MAPPED);
		run(group, row, FAKE_HELD);
		run(group, row, FAKE_COPIED);
	}
}

int main(void)
{
	struct CMUnitTest tests[sizeof(groups) / sizeof(groups[0])];

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		tests[i] = (struct CMUnitTest){
			.name = vmi_mode_name(groups[i].mode),
			.test_func = run_group,
			.initial_state = (void *)(uintptr_t)&groups[i],
		};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
