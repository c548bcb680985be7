/* SPDX-License-Identifier: MIT */
/* Registers of a vcpu: names, asking the driver. */

#include <string.h>

#include "handle.h"

static const char *const names[VMI_REGISTER_COUNT] = {
	[VMI_RAX] = "rax",
	[VMI_RBX] = "rbx",
	[VMI_RCX] = "rcx",
	[VMI_RDX] = "rdx",
	[VMI_RSI] = "rsi",
	[VMI_RDI] = "rdi",
	[VMI_RBP] = "rbp",
	[VMI_RSP] = "rsp",
	[VMI_R8] = "r8",
	[VMI_R9] = "r9",
	[VMI_R10] = "r10",
	[VMI_R11] = "r11",
	[VMI_R12] = "r12",
	[VMI_R13] = "r13",
	[VMI_R14] = "r14",
	[VMI_R15] = "r15",
	[VMI_RIP] = "rip",
	[VMI_RFLAGS] = "rflags",
	[VMI_CR0] = "cr0",
	[VMI_CR2] = "cr2",
	[VMI_CR3] = "cr3",
	[VMI_CR4] = "cr4",
	[VMI_CR8] = "cr8",
	[VMI_XCR0] = "xcr0",
	[VMI_DR0] = "dr0",
	[VMI_DR1] = "dr1",
	[VMI_DR2] = "dr2",
	[VMI_DR3] = "dr3",
	[VMI_DR6] = "dr6",
	[VMI_DR7] = "dr7",
	[VMI_CS] = "cs",
	[VMI_CS_BASE] = "cs.base",
	[VMI_CS_LIMIT] = "cs.limit",
	[VMI_CS_ATTRIBUTES] = "cs.attributes",
	[VMI_DS] = "ds",
	[VMI_DS_BASE] = "ds.base",
	[VMI_DS_LIMIT] = "ds.limit",
	[VMI_DS_ATTRIBUTES] = "ds.attributes",
	[VMI_ES] = "es",
	[VMI_ES_BASE] = "es.base",
	[VMI_ES_LIMIT] = "es.limit",
	[VMI_ES_ATTRIBUTES] = "es.attributes",
	[VMI_FS] = "fs",
	[VMI_FS_BASE] = "fs.base",
	[VMI_FS_LIMIT] = "fs.limit",
	[VMI_FS_ATTRIBUTES] = "fs.attributes",
	[VMI_GS] = "gs",
	[VMI_GS_BASE] = "gs.base",
	[VMI_GS_LIMIT] = "gs.limit",
	[VMI_GS_ATTRIBUTES] = "gs.attributes",
	[VMI_SS] = "ss",
	[VMI_SS_BASE] = "ss.base",
	[VMI_SS_LIMIT] = "ss.limit",
	[VMI_SS_ATTRIBUTES] = "ss.attributes",
	[VMI_TR] = "tr",
	[VMI_TR_BASE] = "tr.base",
	[VMI_TR_LIMIT] = "tr.limit",
	[VMI_TR_ATTRIBUTES] = "tr.attributes",
	[VMI_LDTR] = "ldtr",
	[VMI_LDTR_BASE] = "ldtr.base",
	[VMI_LDTR_LIMIT] = "ldtr.limit",
	[VMI_LDTR_ATTRIBUTES] = "ldtr.attributes",
	[VMI_GDTR_BASE] = "gdtr.base",
	[VMI_GDTR_LIMIT] = "gdtr.limit",
	[VMI_IDTR_BASE] = "idtr.base",
	[VMI_IDTR_LIMIT] = "idtr.limit",
	[VMI_EFER] = "efer",
	[VMI_STAR] = "star",
	[VMI_LSTAR] = "lstar",
	[VMI_CSTAR] = "cstar",
	[VMI_SYSCALL_MASK] = "syscall_mask",
	[VMI_KERNEL_GS_BASE] = "kernel_gs_base",
	[VMI_SYSENTER_CS] = "sysenter_cs",
	[VMI_SYSENTER_ESP] = "sysenter_esp",
	[VMI_SYSENTER_EIP] = "sysenter_eip",
	[VMI_TSC_AUX] = "tsc_aux",
	[VMI_MSR_FLAGS] = "msr_flags",
	[VMI_APIC_BASE] = "apic_base",
	[VMI_PAT] = "pat",
	[VMI_TSC] = "tsc",
};

const char *vmi_register_name(enum vmi_register reg)
{
	return (unsigned)reg < VMI_REGISTER_COUNT ? names[reg] : "unknown";
}

enum vmi_register vmi_register_find(const char *name)
{
	unsigned reg = 0;

	while (reg < VMI_REGISTER_COUNT && strcmp(names[reg], name))
		reg++;
	return (enum vmi_register)reg;
}

enum vmi_status vcpu_check(const struct vmi *vm, unsigned vcpu, struct vmi_error *err)
{
	unsigned vcpus = vm->target->info.vcpus;

	if (vcpu < vcpus)
		return VMI_OK;
	return vmi_fail(err, VMI_ERR_NOT_FOUND, "there is no vcpu %u; the target has %u, from 0 on",
			vcpu, vcpus);
}

enum vmi_status vmi_registers_get(struct vmi *vm, unsigned vcpu, struct vmi_registers *regs,
				  struct vmi_error *err)
{
	enum vmi_status st = require(vm, VMI_CAP_QUERY_REGISTERS, err);

	if (!st)
		st = vcpu_check(vm, vcpu, err);
	if (st)
		return st;
	struct vmi_registers fresh = {.source = NULL};
	st = vm->target->ops->registers.get(vm->target->self, vcpu, &fresh, err);
	if (!st)
		*regs = fresh;
	return st;
}

enum vmi_status vmi_registers_set(struct vmi *vm, unsigned vcpu, const struct vmi_registers *regs,
				  struct vmi_error *err)
{
	enum vmi_status st = require(vm, VMI_CAP_SET_REGISTERS, err);

	if (!st)
		st = vcpu_check(vm, vcpu, err);
	return st ? st : vm->target->ops->registers.set(vm->target->self, vcpu, regs, err);
}

void vmi_registers_copy_gp(struct vmi_registers *to, const struct vmi_registers *from)
{
	for (unsigned reg = 0; reg < VMI_GP_REGISTER_COUNT; reg++) {
		to->value[reg] = from->value[reg];
		to->why[reg] = from->why[reg];
		to->provenance[reg] = from->provenance[reg];
	}
}
