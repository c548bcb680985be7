/* SPDX-License-Identifier: MIT */
#ifndef TEST_MK_ELF_H
#define TEST_MK_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * ELF cores in memory, from a description, with every quirk that producers and attackers have.
 *
 * All contents describe themselves: the 8 bytes at each gpa that is a multiple of 8 hold that gpa
 * (plus the load's `salt`), and a register holds its own name as text.
 */

struct mk_note {
	const char *name; /* NULL: no name at all */
	uint32_t type;
	const void *desc;
	uint32_t size;
	bool no_nul;    /* the name's terminator is left out, as VirtualBox does */
	uint32_t claim; /* if not 0: what descsz says instead of the truth */
};

struct mk_load {
	uint64_t gpa;
	uint64_t size; /* bytes in the file */
	uint64_t more; /* p_memsz - p_filesz */
	uint64_t vaddr;
	uint64_t offset; /* if not 0: p_offset says this, and no bytes are written */
	uint64_t salt;
	bool unnamed; /* the bytes are written, but no program header names them */
};

/* Zeroed is: ELF64, core, x86-64, little-endian, nothing in it. */
struct mk_elf {
	unsigned class;         /* 32, or 64 */
	uint16_t type, machine; /* 0: ET_CORE, EM_X86_64 */
	uint32_t flags;
	uint8_t data;        /* 0: little-endian */
	bool ei_version_0;   /* as VirtualBox writes */
	bool tables_first;   /* section headers, program headers, e_ehsize 8: as QEMU 7.2 */
	uint16_t phentsize;  /* 0: what it is */
	uint64_t phoff;      /* 0: what it is */
	bool xnum;           /* e_phnum is PN_XNUM, section 0 counts */
	uint32_t xnum_count; /* 0: the truth */
	const char *section; /* the name of one section more */

	struct mk_note notes[8];
	unsigned note_pad;   /* 0: 4 */
	uint64_t note_align; /* p_align of the note segment */
	unsigned note_tail;  /* zeros behind the last note */

	struct mk_load loads[8];
	const struct mk_load *many; /* instead of loads[]; ends with all zero */
	unsigned tail;              /* bytes behind the memory */
	size_t cut;                 /* bytes cut off the end of the file */
};

/* Owned: free(). */
uint8_t *mk_elf(const struct mk_elf *elf, size_t *size);

/* What the memory of a load holds at `gpa`. */
uint8_t mk_byte(uint64_t gpa, uint64_t salt);
/* What a register of that name holds: up to 8 letters, the first lowest. */
uint64_t mk_value(const char *name);

enum { MK_PRSTATUS64 = 336, MK_PRSTATUS32 = 144, MK_QEMU = 440, MK_VBCORE = 24, MK_VBCPU = 584 };

/* Fill a note's descriptor. */
void mk_prstatus64(uint8_t out[MK_PRSTATUS64], uint64_t cs, uint64_t gs_base);
void mk_prstatus32(uint8_t out[MK_PRSTATUS32]);
/* Flags of CS as QEMU has them; cr0 and cr4 decide the mode. */
void mk_qemu(uint8_t out[MK_QEMU], uint32_t cs_flags, uint64_t cr0, uint64_t cr4);
void mk_vbcore(uint8_t out[MK_VBCORE], uint32_t format);
void mk_vbcpu(uint8_t out[MK_VBCPU], uint32_t format);

#endif
