/* SPDX-License-Identifier: MIT */
#ifndef VMI_ARCH_X86_H
#define VMI_ARCH_X86_H

/**
 * x86 paging as arithmetic: no handle, no memory, only entries and addresses.
 *
 * Levels are numbered from the page up: 1 PTE, 2 PDE, 3 PDPTE, 4 PML4E, 5 PML5E. Rules follow the
 * Intel SDM vol. 3A chapter 4; where the AMD manual (APM vol. 2 chapter 5) differs, the text says
 * so.
 */

#include <vmi/vmi.h>

enum {
	X86_P = 1 << 0,
	X86_RW = 1 << 1,
	X86_US = 1 << 2,
	X86_PS = 1 << 7,
};
#define X86_NX (UINT64_C(1) << 63)

/** One address space's rules, worked out once. */
struct x86_paging {
	uint64_t root;        /* gpa of the top table */
	uint64_t address;     /* bits of an entry that are a gpa */
	uint64_t high;        /* gpa bits (of 39:32) that a 4 MiB page keeps in entry bits 20:13 */
	uint64_t reserved[6]; /* by level: bits that must be 0 in an entry for a table or 4 KiB page
			       */
	uint64_t reserved_large[6]; /* by level: in an entry for a large page */
	uint64_t implied[6];        /* by level: permissions an entry has without saying so */
	uint8_t shift[6];           /* by level: log2 of the bytes that one entry maps */
	uint16_t index_mask[6];     /* by level: entries of a table, minus one */
	uint8_t large;              /* by bit number: levels that may map a large page */
	uint8_t levels;             /* 2 to 5; 0: no paging */
	uint8_t entry_shift;        /* log2 of an entry's bytes */
	uint8_t va_bits;            /* 32, 48 or 57 */
};

/** The rules of `space`; false when its mode is none that can be walked. */
bool x86_paging_init(struct x86_paging *paging, const struct vmi_space *space);

/** The gpa of the top table that a CR3 value means in a mode: PCID, flags and tag bits dropped. */
uint64_t x86_root(enum vmi_mode mode, uint64_t cr3);

/** True when the mode has this virtual address. */
static inline bool x86_canonical(const struct x86_paging *paging, uint64_t gva)
{
	unsigned unused = 64 - paging->va_bits;

	if (paging->va_bits == 32)
		return gva >> 32 == 0;
	return (uint64_t)((int64_t)(gva << unused) >> unused) == gva;
}

static inline unsigned x86_index(const struct x86_paging *paging, unsigned level, uint64_t gva)
{
	return (unsigned)(gva >> paging->shift[level]) & paging->index_mask[level];
}

/** Does this present entry map a page, rather than name a table? */
static inline bool x86_is_leaf(const struct x86_paging *paging, unsigned level, uint64_t entry)
{
	return level == 1 || ((entry & X86_PS) && (paging->large >> level & 1));
}

/** OK, NOT_PRESENT or RESERVED_BITS: what the CPU makes of the entry itself. */
static inline enum vmi_status x86_judge(const struct x86_paging *paging, unsigned level,
					uint64_t entry)
{
	if (!(entry & X86_P))
		return VMI_ERR_NOT_PRESENT;
	uint64_t reserved = level > 1 && x86_is_leaf(paging, level, entry)
				    ? paging->reserved_large[level]
				    : paging->reserved[level];
	return entry & reserved ? VMI_ERR_RESERVED_BITS : VMI_OK;
}

/** The gpa of the table or page that a good entry names. PAT sits in an address bit of large pages.
 */
static inline uint64_t x86_target(const struct x86_paging *paging, unsigned level, uint64_t entry)
{
	if (level == 1 || !x86_is_leaf(paging, level, entry))
		return entry & paging->address;

	uint64_t base = entry & paging->address & ~((UINT64_C(1) << paging->shift[level]) - 1);
	return base | (entry << 19 & paging->high);
}

/**
 * Permissions collect over the levels: start with X86_ALL, then fold each entry in. Bit 63 of the
 * result means "may execute", bits 1 and 2 are those of the entries.
 */
#define X86_ALL UINT64_MAX
static inline uint64_t x86_fold(const struct x86_paging *paging, unsigned level, uint64_t rights,
				uint64_t entry)
{
	return rights & ((entry ^ X86_NX) | paging->implied[level]);
}

static inline uint8_t x86_access(uint64_t rights)
{
	return (uint8_t)(VMI_ACCESS_R | (rights & X86_RW ? VMI_ACCESS_W : 0) |
			 (rights & X86_NX ? VMI_ACCESS_X : 0));
}

static inline uint8_t x86_user(uint64_t rights)
{
	return rights & X86_US ? 1 : 0;
}

#endif
