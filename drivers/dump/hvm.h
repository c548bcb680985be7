/* SPDX-License-Identifier: MIT */
#ifndef DUMP_HVM_H
#define DUMP_HVM_H

#include <vmi/driver.h>

/**
 * The context that Xen saves of a guest with hardware's help (xen/hvm/save.h): everything that its
 * vcpus hold. Records {u16 type, u16 vcpu, u32 length}, the last of type 0.
 */
struct hvm_context {
	unsigned vcpus; /* those before the highest that has a record; some may have none */

	/* The rest is private. */
	uint8_t *bytes;
	struct hvm_vcpu *vcpu;
};

/* Take in the context of `size` bytes at `offset` of the target's source. */
VMI_CHECKED enum vmi_status hvm_context_take(struct hvm_context *context,
					     const struct vmi_target *target, uint64_t offset,
					     uint64_t size, struct vmi_error *err);
/* Fill zeroed `regs`; a vcpu that was offline has none. */
void hvm_context_registers(const struct hvm_context *context, unsigned vcpu,
			   struct vmi_registers *regs);
void hvm_context_deinit(struct hvm_context *context);

#endif
