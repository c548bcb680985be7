/* SPDX-License-Identifier: MIT */
/*
 * Registers, from and to the HVM context that Xen saves a guest with (xen/hvm/save.h,
 * xen/arch-x86/hvm/save.h): records of {type, instance, length}, the first a header, the last of
 * type 0.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xen.h"

#include <xen/hvm/save.h>

/* Offset of the task priority in the local APIC's registers; its high half is CR8. */
enum { LAPIC_TASK_PRIORITY = 0x80 };

struct context {
	uint8_t *bytes;
	size_t size;
};

/* All of it at once: one pause of the guest by Xen, one moment for all records. */
static enum vmi_status context_get(struct xen *xen, struct context *context, struct vmi_error *err)
{
	int size = xc_domain_hvm_getcontext(xen->xc, xen->domain.id, NULL, 0);

	if (size <= 0)
		return xen_fail(err, "asking for the registers of domain %u", xen->domain.id);
	context->bytes = malloc((size_t)size);
	if (!context->bytes)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	int got = xc_domain_hvm_getcontext(xen->xc, xen->domain.id, context->bytes, (uint32_t)size);
	if (got <= 0 || got > size) {
		enum vmi_status st =
			xen_fail(err, "reading the registers of domain %u", xen->domain.id);
		free(context->bytes);
		return st;
	}
	context->size = (size_t)got;
	return VMI_OK;
}

/* The record at *at, then *at behind it; NULL at the end. */
static struct hvm_save_descriptor *record_next(const struct context *context, size_t *at)
{
	struct hvm_save_descriptor *record = (void *)(context->bytes + *at);

	if (*at > context->size || context->size - *at < sizeof(*record) || !record->typecode)
		return NULL;
	if (record->length > context->size - *at - sizeof(*record))
		return NULL;
	*at += sizeof(*record) + record->length;
	return record;
}

/* The body of a record of at least `size` bytes, or NULL. */
static void *record_find(const struct context *context, size_t type, unsigned instance, size_t size)
{
	struct hvm_save_descriptor *record;

	for (size_t at = 0; (record = record_next(context, &at));)
		if (record->typecode == type && record->instance == instance &&
		    record->length >= size)
			return record + 1;
	return NULL;
}

/* ---- which register is which ---------------------------------------------------------------- */

struct place {
	enum vmi_register reg;
	uint16_t offset, size; /* in struct hvm_hw_cpu */
};

#define PLACE(reg, member)                                                                         \
	{                                                                                          \
		reg, offsetof(struct hvm_hw_cpu, member), sizeof(((struct hvm_hw_cpu *)0)->member) \
	}
#define SEGMENT(reg, name)                                                                         \
	PLACE(reg, name##_sel), PLACE((enum vmi_register)(reg + VMI_SEGMENT_BASE), name##_base),   \
		PLACE((enum vmi_register)(reg + VMI_SEGMENT_LIMIT), name##_limit),                 \
		PLACE((enum vmi_register)(reg + VMI_SEGMENT_ATTRIBUTES), name##_arbytes)

static const struct place places[] = {
	PLACE(VMI_RAX, rax),
	PLACE(VMI_RBX, rbx),
	PLACE(VMI_RCX, rcx),
	PLACE(VMI_RDX, rdx),
	PLACE(VMI_RSI, rsi),
	PLACE(VMI_RDI, rdi),
	PLACE(VMI_RBP, rbp),
	PLACE(VMI_RSP, rsp),
	PLACE(VMI_R8, r8),
	PLACE(VMI_R9, r9),
	PLACE(VMI_R10, r10),
	PLACE(VMI_R11, r11),
	PLACE(VMI_R12, r12),
	PLACE(VMI_R13, r13),
	PLACE(VMI_R14, r14),
	PLACE(VMI_R15, r15),
	PLACE(VMI_RIP, rip),
	PLACE(VMI_RFLAGS, rflags),
	PLACE(VMI_CR0, cr0),
	PLACE(VMI_CR2, cr2),
	PLACE(VMI_CR3, cr3),
	PLACE(VMI_CR4, cr4),
	PLACE(VMI_DR0, dr0),
	PLACE(VMI_DR1, dr1),
	PLACE(VMI_DR2, dr2),
	PLACE(VMI_DR3, dr3),
	PLACE(VMI_DR6, dr6),
	PLACE(VMI_DR7, dr7),
	SEGMENT(VMI_CS, cs),
	SEGMENT(VMI_DS, ds),
	SEGMENT(VMI_ES, es),
	SEGMENT(VMI_FS, fs),
	SEGMENT(VMI_GS, gs),
	SEGMENT(VMI_SS, ss),
	SEGMENT(VMI_TR, tr),
	SEGMENT(VMI_LDTR, ldtr),
	PLACE(VMI_GDTR_BASE, gdtr_base),
	PLACE(VMI_GDTR_LIMIT, gdtr_limit),
	PLACE(VMI_IDTR_BASE, idtr_base),
	PLACE(VMI_IDTR_LIMIT, idtr_limit),
	PLACE(VMI_EFER, msr_efer),
	PLACE(VMI_STAR, msr_star),
	PLACE(VMI_LSTAR, msr_lstar),
	PLACE(VMI_CSTAR, msr_cstar),
	PLACE(VMI_SYSCALL_MASK, msr_syscall_mask),
	PLACE(VMI_KERNEL_GS_BASE, shadow_gs),
	PLACE(VMI_SYSENTER_CS, sysenter_cs),
	PLACE(VMI_SYSENTER_ESP, sysenter_esp),
	PLACE(VMI_SYSENTER_EIP, sysenter_eip),
	PLACE(VMI_TSC_AUX, msr_tsc_aux),
	PLACE(VMI_TSC, tsc),
	PLACE(VMI_MSR_FLAGS, msr_flags),
};

enum { PLACE_COUNT = sizeof(places) / sizeof(places[0]) };

static bool is_attributes(enum vmi_register reg)
{
	return reg >= VMI_CS && reg <= VMI_LDTR_ATTRIBUTES &&
	       (reg - VMI_CS) % 4 == VMI_SEGMENT_ATTRIBUTES;
}

/*
 * Xen packs attributes, on Intel's processors as on AMD's, as a VMCB does (AMD APM vol. 2 15.5):
 * type to P in bits 0 to 7, AVL to G in bits 8 to 11.
 */
static uint64_t attributes_unpack(uint64_t packed)
{
	return (packed & 0xff) | (packed & 0xf00) << 4;
}

static uint64_t attributes_pack(uint64_t attributes)
{
	return (attributes & 0xff) | (attributes >> 4 & 0xf00);
}

static void know_cpu(const struct hvm_hw_cpu *cpu, struct vmi_registers *regs)
{
	for (unsigned i = 0; i < PLACE_COUNT; i++) {
		uint64_t value = 0;
		memcpy(&value, (const uint8_t *)cpu + places[i].offset, places[i].size);
		if (is_attributes(places[i].reg))
			value = attributes_unpack(value);
		vmi_register_know(regs, places[i].reg, value);
	}
}

/* What lies in other records than the cpu's own. */
static void know_others(const struct context *context, unsigned vcpu, struct vmi_registers *regs)
{
	const struct hvm_hw_lapic *lapic =
		record_find(context, HVM_SAVE_CODE(LAPIC), vcpu, sizeof(*lapic));
	const struct hvm_hw_lapic_regs *tpr =
		record_find(context, HVM_SAVE_CODE(LAPIC_REGS), vcpu, sizeof(*tpr));
	const struct hvm_hw_mtrr *mtrr =
		record_find(context, HVM_SAVE_CODE(MTRR), vcpu, sizeof(*mtrr));
	const struct hvm_hw_cpu_xsave *xsave = record_find(
		context, CPU_XSAVE_CODE, vcpu, offsetof(struct hvm_hw_cpu_xsave, save_area));

	if (lapic)
		vmi_register_know(regs, VMI_APIC_BASE, lapic->apic_base_msr);
	if (tpr)
		vmi_register_know(regs, VMI_CR8, tpr->data[LAPIC_TASK_PRIORITY] >> 4);
	if (mtrr)
		vmi_register_know(regs, VMI_PAT, mtrr->msr_pat_cr);
	if (xsave)
		vmi_register_know(regs, VMI_XCR0, xsave->xcr0);
}

static enum vmi_status fail_offline(unsigned vcpu, struct vmi_error *err)
{
	return vmi_fail(err, VMI_ERR_NOT_FOUND, "vcpu %u is offline and has no registers", vcpu);
}

enum vmi_status xen_registers_get(void *self, unsigned vcpu, struct vmi_registers *regs,
				  struct vmi_error *err)
{
	struct context context;
	enum vmi_status st = context_get(self, &context, err);

	if (st)
		return st;
	const struct hvm_hw_cpu *cpu =
		record_find(&context, HVM_SAVE_CODE(CPU), vcpu, sizeof(*cpu));
	if (cpu) {
		know_cpu(cpu, regs);
		know_others(&context, vcpu, regs);
		regs->source = "xen-hvm-context";
	} else {
		st = fail_offline(vcpu, err);
	}
	free(context.bytes);
	return st;
}

/* ---- setting -------------------------------------------------------------------------------- */

static const struct place *place_of(enum vmi_register reg)
{
	for (unsigned i = 0; i < PLACE_COUNT; i++)
		if (places[i].reg == reg)
			return &places[i];
	return NULL;
}

static enum vmi_status cpu_patch(struct hvm_hw_cpu *cpu, const struct vmi_registers *regs,
				 struct vmi_error *err)
{
	for (unsigned reg = 0; reg < VMI_REGISTER_COUNT; reg++) {
		const struct place *place = place_of((enum vmi_register)reg);
		if (!vmi_register_has(regs, (enum vmi_register)reg))
			continue;
		if (!place)
			return vmi_fail(err, VMI_ERR_UNSUPPORTED, "the xen driver cannot set %s",
					vmi_register_name((enum vmi_register)reg));
		uint64_t value = regs->value[reg];
		if (is_attributes(place->reg))
			value = attributes_pack(value);
		memcpy((uint8_t *)cpu + place->offset, &value, place->size);
	}
	return VMI_OK;
}

/*
 * Keep the header and what describes the cpus: to load more would set the clocks and interrupt
 * controllers back to when we read them. Xen starts only those vcpus again whose record it is
 * given, so all of them stay; a cpu's record without its XSAVE record would lose its AVX registers.
 */
static void context_reduce(struct context *context)
{
	struct hvm_save_descriptor *record;
	size_t to = 0;

	for (size_t at = 0, from = 0; (record = record_next(context, &at)); from = at) {
		uint16_t type = record->typecode;
		if (type != HVM_SAVE_CODE(HEADER) && type != HVM_SAVE_CODE(CPU) &&
		    type != CPU_XSAVE_CODE && type != CPU_MSR_CODE)
			continue;
		memmove(context->bytes + to, record, at - from);
		to += at - from;
	}
	memset(context->bytes + to, 0, sizeof(*record));
	context->size = to + sizeof(*record);
}

static enum vmi_status registers_replace(struct xen *xen, unsigned vcpu,
					 const struct vmi_registers *regs, struct vmi_error *err)
{
	struct context context;
	enum vmi_status st = context_get(xen, &context, err);

	if (st)
		return st;
	struct hvm_hw_cpu *cpu = record_find(&context, HVM_SAVE_CODE(CPU), vcpu, sizeof(*cpu));
	st = cpu ? cpu_patch(cpu, regs, err) : fail_offline(vcpu, err);
	if (!st) {
		context_reduce(&context);
		if (xc_domain_hvm_setcontext(xen->xc, xen->domain.id, context.bytes,
					     (uint32_t)context.size))
			st = xen_fail(err, "setting the registers of vcpu %u", vcpu);
	}
	free(context.bytes);
	return st;
}

enum vmi_status xen_registers_set(void *self, unsigned vcpu, const struct vmi_registers *regs,
				  struct vmi_error *err)
{
	struct xen *xen = self;
	enum vmi_status st = xen_change_begin(xen, err);

	if (st)
		return st;
	/* Between reading and writing the guest stands still, or it would be set back in time. */
	st = xen_pause(xen, err);
	if (!st) {
		st = registers_replace(xen, vcpu, regs, err);
		enum vmi_status resumed = xen_unpause(xen, st ? NULL : err);
		st = st ? st : resumed;
	}
	xen_change_end(xen);
	return st;
}
