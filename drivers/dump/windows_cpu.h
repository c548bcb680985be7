/* SPDX-License-Identifier: MIT */
#ifndef DUMP_WINDOWS_CPU_H
#define DUMP_WINDOWS_CPU_H

#include "windows_memory.h"

enum { WINDOWS_CONTEXT_SIZE = 0x4d0, WINDOWS_SPECIAL_SIZE = 0xd8 };

/* What the dump holds of one processor. */
struct windows_cpu {
	bool from_memory; /* the context is that of the processor's block, not of the header */
	bool has_context, has_special, crashed;
	uint8_t context[WINDOWS_CONTEXT_SIZE];
	uint8_t special[WINDOWS_SPECIAL_SIZE];
};

/** The processors of a 64-bit Windows dump. */
struct windows_cpus {
	struct windows_cpu *cpu;
	unsigned count;
	uint64_t root; /* the header's page tables; 0 when it has none */
	bool live;     /* the system went on running: what is in memory may be old */
};

/* What cannot be had is absent, with a warning; the only failure is VMI_ERR_NOMEM. */
VMI_CHECKED enum vmi_status windows_cpus_open(struct windows_cpus *cpus,
					      const struct windows_memory *memory,
					      const struct vmi_target *target,
					      const uint8_t *header, struct vmi_error *err);
void windows_cpus_close(struct windows_cpus *cpus);
/* Fill zeroed `regs`. */
void windows_registers(const struct windows_cpus *cpus, unsigned vcpu, struct vmi_registers *regs);

#endif
