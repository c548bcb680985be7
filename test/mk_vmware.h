/* SPDX-License-Identifier: MIT */
#ifndef TEST_MK_VMWARE_H
#define TEST_MK_VMWARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * VMware states and their memory, from a description. Memory describes itself as mk_elf()'s does; a
 * register holds its own name as text, the number of its CPU in the top byte.
 */

struct mk_region {
	uint64_t page, gfn, count;
};

/* Zeroed is: a state with an empty group "memory" and no registers. */
struct mk_vmware {
	uint32_t magic;             /* 0: 0xbed2bed2; 0xbed0bed0 has narrow sizes */
	uint32_t groups;            /* if not 0: a lie about their number */
	struct mk_region region[4]; /* up to the first that is empty */
	uint32_t claim_regions;     /* if not 0: a lie about their number */
	uint64_t pages;             /* without regions: of memory from gpa 0 on */
	bool inside;                /* the memory is in the state */
	bool compressed;            /* or so it says */
	uint16_t pad;               /* bytes in front of it */
	unsigned cpus;
	bool blocks;  /* registers in blocks, not one by one */
	bool wide;    /* of 64 bits; else a 32-bit product's */
	bool no_end;  /* the last group ends with the file */
	uint32_t cpu; /* added to the number of each CPU */
	size_t cut;   /* bytes cut off the end */
};

/* Owned: free(). The state, and what a .vmem beside it holds. */
uint8_t *mk_vmware(const struct mk_vmware *vmware, size_t *size);
uint8_t *mk_vmem(const struct mk_vmware *vmware, size_t *size);

/* What a register of that name holds on a CPU. */
uint64_t mk_vmware_value(const char *name, unsigned cpu);

#endif
