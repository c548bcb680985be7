/* SPDX-License-Identifier: MIT */
/* The records of an HVM context, and the registers in them (xen/arch-x86/hvm/save.h). */

#include <inttypes.h>
#include <stdlib.h>

#include "hvm.h"
#include "place.h"

enum {
	CONTEXT_MAX = 64 << 20, /* of 4096 vcpus, three times over */
	VCPU_MAX = 4096,
	RECORD_HEAD = 8,
};

/* Kinds of records that hold registers: their type, and what of them must be there. */
enum kind { KIND_CPU, KIND_LAPIC, KIND_LAPIC_REGS, KIND_MTRR, KIND_XSAVE, KINDS };
static const struct {
	uint16_t type;
	uint32_t size;
} kinds[KINDS] = {
	[KIND_CPU] = {2, 1000}, /* up to EFER; what follows depends on the version */
	[KIND_LAPIC] = {5, 8},  [KIND_LAPIC_REGS] = {6, 0x90},
	[KIND_MTRR] = {14, 8},  [KIND_XSAVE] = {16, 16},
};

enum {
	CPU_SIZE_OLD = 1016, /* before there was TSC_AUX, Xen 3.4 */
	CPU_SIZE_TSC_AUX = 1024,
	LAPIC_TASK_PRIORITY = 0x80,
	XSAVE_XCR0 = 8,
};

/* Where the vcpu's records begin in `bytes`; 0: there is none. */
struct hvm_vcpu {
	uint32_t at[KINDS];
	uint32_t cpu_size;
};

static void take_record(struct hvm_context *context, size_t at, uint32_t length)
{
	uint16_t type = le16(context->bytes + at), index = le16(context->bytes + at + 2);

	if (index >= VCPU_MAX)
		return;
	for (unsigned kind = 0; kind < KINDS; kind++) {
		if (kinds[kind].type != type || length < kinds[kind].size)
			continue;
		context->vcpu[index].at[kind] = (uint32_t)(at + RECORD_HEAD);
		if (kind != KIND_CPU)
			continue;
		context->vcpu[index].cpu_size = length;
		if (index >= context->vcpus)
			context->vcpus = index + 1u;
	}
}

/* Where the walk over the records stops: behind the last, or at one that does not fit. */
static void walk(struct hvm_context *context, const struct vmi_target *target, size_t size)
{
	size_t at = 0;

	while (size - at >= RECORD_HEAD && le16(context->bytes + at)) {
		uint32_t length = le32(context->bytes + at + 4);
		if (length > size - at - RECORD_HEAD) {
			target->warn(target,
				     "the registers are broken at byte 0x%zx of 0x%zx: what "
				     "follows is ignored",
				     at, size);
			return;
		}
		take_record(context, at, length);
		at += RECORD_HEAD + length;
	}
}

enum vmi_status hvm_context_take(struct hvm_context *context, const struct vmi_target *target,
				 uint64_t offset, uint64_t size, struct vmi_error *err)
{
	if (size > CONTEXT_MAX) {
		target->warn(target,
			     "the registers are said to be 0x%" PRIx64 " bytes: they are ignored",
			     size);
		return VMI_OK;
	}
	context->bytes = malloc(size + 1);
	context->vcpu = calloc(VCPU_MAX, sizeof(*context->vcpu));
	if (!context->bytes || !context->vcpu)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the registers");
	enum vmi_status st = vmi_source_read(target->source, offset, context->bytes, size, err);
	if (st)
		return vmi_wrap(err, st, "the registers");
	walk(context, target, size);
	return VMI_OK;
}

void hvm_context_deinit(struct hvm_context *context)
{
	free(context->bytes);
	free(context->vcpu);
	*context = (struct hvm_context){0};
}

/* ---- registers ------------------------------------------------------------------------------ */

static void take_words(const uint8_t *cpu, struct vmi_registers *regs)
{
	static const struct place words[] = {
		{VMI_RAX, 512},          {VMI_RBX, 520},
		{VMI_RCX, 528},          {VMI_RDX, 536},
		{VMI_RBP, 544},          {VMI_RSI, 552},
		{VMI_RDI, 560},          {VMI_RSP, 568},
		{VMI_R8, 576},           {VMI_R9, 584},
		{VMI_R10, 592},          {VMI_R11, 600},
		{VMI_R12, 608},          {VMI_R13, 616},
		{VMI_R14, 624},          {VMI_R15, 632},
		{VMI_RIP, 640},          {VMI_RFLAGS, 648},
		{VMI_CR0, 656},          {VMI_CR2, 664},
		{VMI_CR3, 672},          {VMI_CR4, 680},
		{VMI_DR0, 688},          {VMI_DR1, 696},
		{VMI_DR2, 704},          {VMI_DR3, 712},
		{VMI_DR6, 720},          {VMI_DR7, 728},
		{VMI_IDTR_BASE, 872},    {VMI_GDTR_BASE, 880},
		{VMI_SYSENTER_CS, 920},  {VMI_SYSENTER_ESP, 928},
		{VMI_SYSENTER_EIP, 936}, {VMI_KERNEL_GS_BASE, 944},
		{VMI_MSR_FLAGS, 952},    {VMI_LSTAR, 960},
		{VMI_STAR, 968},         {VMI_CSTAR, 976},
		{VMI_SYSCALL_MASK, 984}, {VMI_EFER, 992},
	};
	static const struct place limits[] = {{VMI_IDTR_LIMIT, 800}, {VMI_GDTR_LIMIT, 804}};

	take_u64(regs, cpu, words, COUNT(words));
	take_u32(regs, cpu, limits, COUNT(limits));
}

/*
 * Selectors, limits, bases and attributes are arrays of their own, all in this order. Attributes
 * are packed as in a VMCB (AMD APM vol. 2 15.5), on Intel's processors, too: type to P in bits 0 to
 * 7, AVL to G in bits 8 to 11.
 */
static void take_segments(const uint8_t *cpu, struct vmi_registers *regs)
{
	static const enum vmi_register segments[] = {VMI_CS, VMI_DS, VMI_ES, VMI_FS,
						     VMI_GS, VMI_SS, VMI_TR, VMI_LDTR};

	for (size_t i = 0; i < COUNT(segments); i++) {
		enum vmi_register seg = segments[i];
		uint32_t packed = le32(cpu + 888 + 4 * i);
		vmi_register_know(regs, seg, le32(cpu + 736 + 4 * i));
		vmi_register_know(regs, seg + VMI_SEGMENT_LIMIT, le32(cpu + 768 + 4 * i));
		vmi_register_know(regs, seg + VMI_SEGMENT_BASE, le64(cpu + 808 + 8 * i));
		vmi_register_know(regs, seg + VMI_SEGMENT_ATTRIBUTES,
				  (packed & 0xff) | (packed & 0xf00) << 4);
	}
}

static void take_clock(const uint8_t *cpu, uint32_t size, struct vmi_registers *regs)
{
	if (size >= CPU_SIZE_TSC_AUX) {
		vmi_register_know(regs, VMI_TSC_AUX, le64(cpu + 1000));
		vmi_register_know(regs, VMI_TSC, le64(cpu + 1008));
	} else if (size >= CPU_SIZE_OLD) {
		vmi_register_know(regs, VMI_TSC, le64(cpu + 1000));
	}
}

void hvm_context_registers(const struct hvm_context *context, unsigned index,
			   struct vmi_registers *regs)
{
	const struct hvm_vcpu *vcpu = &context->vcpu[index];
	const uint8_t *bytes = context->bytes;

	regs->source = "xen-hvm-context";
	if (!vcpu->at[KIND_CPU])
		return;
	take_words(bytes + vcpu->at[KIND_CPU], regs);
	take_segments(bytes + vcpu->at[KIND_CPU], regs);
	take_clock(bytes + vcpu->at[KIND_CPU], vcpu->cpu_size, regs);
	if (vcpu->at[KIND_LAPIC])
		vmi_register_know(regs, VMI_APIC_BASE, le64(bytes + vcpu->at[KIND_LAPIC]));
	if (vcpu->at[KIND_LAPIC_REGS])
		vmi_register_know(
			regs, VMI_CR8,
			le32(bytes + vcpu->at[KIND_LAPIC_REGS] + LAPIC_TASK_PRIORITY) >> 4 & 0xf);
	if (vcpu->at[KIND_MTRR])
		vmi_register_know(regs, VMI_PAT, le64(bytes + vcpu->at[KIND_MTRR]));
	if (vcpu->at[KIND_XSAVE])
		vmi_register_know(regs, VMI_XCR0, le64(bytes + vcpu->at[KIND_XSAVE] + XSAVE_XCR0));
}
