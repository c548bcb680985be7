/* SPDX-License-Identifier: MIT */
#ifndef DUMP_VMWARE_CPU_H
#define DUMP_VMWARE_CPU_H

#include "vmware_tags.h"

/** The registers of each virtual CPU of a VMware state. */
struct vmware_cpus {
	struct vmi_registers *cpu;
	unsigned count, room;
};

/* From the group "cpu", if the state has one; what it does not hold is absent. */
VMI_CHECKED enum vmi_status vmware_cpus_open(struct vmware_cpus *cpus,
					     const struct vmi_source *state,
					     const struct vmi_target *target,
					     struct vmi_error *err);
void vmware_cpus_close(struct vmware_cpus *cpus);

#endif
