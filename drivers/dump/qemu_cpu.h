/* SPDX-License-Identifier: MIT */
#ifndef DUMP_QEMU_CPU_H
#define DUMP_QEMU_CPU_H

#include <vmi/driver.h>

/**
 * The vcpus' registers in a migration stream. Zeroed is empty.
 */
struct qemu_cpus {
	const struct vmi_source *source;
	struct qemu_cpu {
		uint32_t instance;
		bool wide;   /* of qemu-system-x86_64, not qemu-system-i386 */
		uint64_t at; /* of the state, in the file */
	} * list;            /* ascending */
	unsigned count, room;
};

/* Find the vcpus in the state of devices, which begins at `from`. */
VMI_CHECKED enum vmi_status qemu_cpus_find(struct qemu_cpus *cpus, uint64_t from,
					   const struct vmi_target *target, struct vmi_error *err);
VMI_CHECKED enum vmi_status qemu_cpus_registers(const struct qemu_cpus *cpus, unsigned vcpu,
						struct vmi_registers *regs, struct vmi_error *err);
void qemu_cpus_deinit(struct qemu_cpus *cpus);

#endif
