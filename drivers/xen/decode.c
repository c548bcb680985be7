/* SPDX-License-Identifier: MIT */
/* What a request of the guest says (xen/vm_event.h). */

#include <string.h>

#include "xen.h"

/* Each register that an event carries as one word. */
#define GENERALS(DO)                                                                               \
	DO(VMI_RAX, rax)                                                                           \
	DO(VMI_RBX, rbx)                                                                           \
	DO(VMI_RCX, rcx)                                                                           \
	DO(VMI_RDX, rdx)                                                                           \
	DO(VMI_RSI, rsi)                                                                           \
	DO(VMI_RDI, rdi)                                                                           \
	DO(VMI_RBP, rbp)                                                                           \
	DO(VMI_RSP, rsp)                                                                           \
	DO(VMI_R8, r8)                                                                             \
	DO(VMI_R9, r9)                                                                             \
	DO(VMI_R10, r10)                                                                           \
	DO(VMI_R11, r11)                                                                           \
	DO(VMI_R12, r12)                                                                           \
	DO(VMI_R13, r13)                                                                           \
	DO(VMI_R14, r14)                                                                           \
	DO(VMI_R15, r15)                                                                           \
	DO(VMI_RIP, rip)                                                                           \
	DO(VMI_RFLAGS, rflags)                                                                     \
	DO(VMI_DR6, dr6)                                                                           \
	DO(VMI_DR7, dr7)                                                                           \
	DO(VMI_CR0, cr0)                                                                           \
	DO(VMI_CR2, cr2)                                                                           \
	DO(VMI_CR3, cr3)                                                                           \
	DO(VMI_CR4, cr4)                                                                           \
	DO(VMI_SYSENTER_CS, sysenter_cs)                                                           \
	DO(VMI_SYSENTER_ESP, sysenter_esp)                                                         \
	DO(VMI_SYSENTER_EIP, sysenter_eip)                                                         \
	DO(VMI_EFER, msr_efer)                                                                     \
	DO(VMI_STAR, msr_star)                                                                     \
	DO(VMI_LSTAR, msr_lstar)                                                                   \
	DO(VMI_GDTR_BASE, gdtr_base)                                                               \
	DO(VMI_GDTR_LIMIT, gdtr_limit)                                                             \
	DO(VMI_KERNEL_GS_BASE, shadow_gs)

#define SEGMENTS(DO)                                                                               \
	DO(VMI_CS, cs)                                                                             \
	DO(VMI_DS, ds)                                                                             \
	DO(VMI_ES, es)                                                                             \
	DO(VMI_SS, ss)                                                                             \
	DO(VMI_FS, fs)                                                                             \
	DO(VMI_GS, gs)

#define KNOWN(reg, member)       [reg] = VMI_KNOWN,
#define SEGMENT_KNOWN(reg, name) [reg... reg + VMI_SEGMENT_ATTRIBUTES] = VMI_KNOWN,

/* Not sent, and therefore absent: DR0 to 3, IDTR, TR, LDTR, CSTAR, SYSCALL_MASK, TSC_AUX … */
static const uint8_t provenance[VMI_REGISTER_COUNT] = {GENERALS(KNOWN) SEGMENTS(SEGMENT_KNOWN)};

/* The attributes lack bits 8 to 11, the limit is in pages where G is set. */
static inline void value_segment(uint64_t value[], uint16_t selector, uint64_t base,
				 const struct vm_event_x86_selector_reg *packed)
{
	uint64_t limit = packed->limit;

	value[0] = selector;
	value[VMI_SEGMENT_BASE] = base;
	value[VMI_SEGMENT_LIMIT] = packed->ar & 0x800 ? limit << 12 | 0xfff : limit;
	value[VMI_SEGMENT_ATTRIBUTES] = (packed->ar & 0xff) | (uint64_t)(packed->ar & 0xf00) << 4;
}

#define VALUE(reg, member) regs->value[reg] = from->member;
#define SEGMENT_VALUE(reg, name)                                                                   \
	value_segment(&regs->value[reg], from->name##_sel, from->name##_base, &from->name);

/* Into registers that are all zero. This is done at each event: straight on, and what is known of
 * which never changes in one go. */
static void know_registers(const struct vm_event_regs_x86 *from, struct vmi_registers *regs)
{
	GENERALS(VALUE)
	SEGMENTS(SEGMENT_VALUE)
	memcpy(regs->provenance, provenance, sizeof(provenance));
	regs->source = "xen-event";
}

static void decode_memory(const struct vm_event_mem_access *from, struct vmi_event *event)
{
	event->reason = VMI_REASON_MEMORY_ACCESS;
	event->u.memory.gpa = from->gfn << VMI_PAGE_SHIFT | from->offset % VMI_PAGE_SIZE;
	event->u.memory.gva = from->gla;
	/* MEM_ACCESS_R, W, X are VMI_ACCESS_R, W, X. */
	event->u.memory.access = from->flags & MEM_ACCESS_RWX;
	event->u.memory.gva_valid = !!(from->flags & MEM_ACCESS_GLA_VALID);
	event->u.memory.on_gva = !!(from->flags & MEM_ACCESS_FAULT_WITH_GLA);
	event->u.memory.in_tables = !!(from->flags & MEM_ACCESS_FAULT_IN_GPT);
}

static bool decode_register(const struct vm_event_write_ctrlreg *from, struct vmi_event *event)
{
	static const enum vmi_register regs[] = {
		[VM_EVENT_X86_CR0] = VMI_CR0,
		[VM_EVENT_X86_CR3] = VMI_CR3,
		[VM_EVENT_X86_CR4] = VMI_CR4,
		[VM_EVENT_X86_XCR0] = VMI_XCR0,
	};

	if (from->index >= sizeof(regs) / sizeof(regs[0]))
		return false;
	event->reason = VMI_REASON_WRITE_CR;
	event->u.cr.reg = regs[from->index];
	event->u.cr.old_value = from->old_value;
	event->u.cr.new_value = from->new_value;
	return true;
}

static void decode_trap(const struct vm_event_debug *from, uint8_t vector, struct vmi_event *event)
{
	event->reason = VMI_REASON_INTERRUPT;
	event->u.interrupt.gfn = from->gfn;
	event->u.interrupt.interrupt = (struct vmi_interrupt){
		.vector = vector,
		.type = from->type,
		.instruction_length = (uint8_t)from->insn_length,
		.extra = vector == 1 ? from->pending_dbg : 0,
	};
}

static void decode_interrupt(const struct vm_event_interrupt_x86 *from, struct vmi_event *event)
{
	event->reason = VMI_REASON_NEXT_INTERRUPT;
	event->u.interrupt.interrupt = (struct vmi_interrupt){
		.vector = (uint8_t)from->vector,
		.type = (uint8_t)from->type,
		.has_error_code = from->error_code != ~UINT32_C(0),
		.error_code = from->error_code,
		.extra = from->cr2,
	};
}

static bool decode_descriptor(const struct vm_event_desc_access *from, struct vmi_event *event)
{
	switch (from->descriptor) {
	case VM_EVENT_DESC_IDTR:
		event->u.descriptor.table = VMI_IDTR_BASE;
		break;
	case VM_EVENT_DESC_GDTR:
		event->u.descriptor.table = VMI_GDTR_BASE;
		break;
	case VM_EVENT_DESC_LDTR:
		event->u.descriptor.table = VMI_LDTR;
		break;
	case VM_EVENT_DESC_TR:
		event->u.descriptor.table = VMI_TR;
		break;
	default:
		return false;
	}
	event->reason = VMI_REASON_DESCRIPTOR;
	event->u.descriptor.write = !!from->is_write;
	event->u.descriptor.information = from->arch.vmx.instr_info;
	event->u.descriptor.qualification = from->arch.vmx.exit_qualification;
	return true;
}

/* The reasons whose members need more than a word; false for one that is not known here. */
static bool decode_reason(const vm_event_request_t *request, struct vmi_event *event)
{
	switch (request->reason) {
	case VM_EVENT_REASON_MEM_ACCESS:
		decode_memory(&request->u.mem_access, event);
		return true;
	case VM_EVENT_REASON_WRITE_CTRLREG:
		return decode_register(&request->u.write_ctrlreg, event);
	case VM_EVENT_REASON_MOV_TO_MSR:
		event->reason = VMI_REASON_WRITE_MSR;
		event->u.msr.msr = (uint32_t)request->u.mov_to_msr.msr;
		event->u.msr.old_value = request->u.mov_to_msr.old_value;
		event->u.msr.new_value = request->u.mov_to_msr.new_value;
		return true;
	case VM_EVENT_REASON_SOFTWARE_BREAKPOINT:
		decode_trap(&request->u.software_breakpoint, 3, event);
		return true;
	case VM_EVENT_REASON_DEBUG_EXCEPTION:
		decode_trap(&request->u.debug_exception, 1, event);
		return true;
	case VM_EVENT_REASON_SINGLESTEP:
		event->reason = VMI_REASON_SINGLESTEP;
		event->u.singlestep.gfn = request->u.singlestep.gfn;
		return true;
	case VM_EVENT_REASON_CPUID:
		event->reason = VMI_REASON_CPUID;
		event->u.cpuid.leaf = request->u.cpuid.leaf;
		event->u.cpuid.subleaf = request->u.cpuid.subleaf;
		event->u.cpuid.instruction_length = (uint8_t)request->u.cpuid.insn_length;
		return true;
	default:
		return false;
	}
}

static bool decode_rarer_reason(const vm_event_request_t *request, struct vmi_event *event)
{
	switch (request->reason) {
	case VM_EVENT_REASON_GUEST_REQUEST:
		/* VMCALL and VMMCALL have three bytes (SDM vol. 3C 30.3). */
		event->reason = VMI_REASON_HYPERCALL;
		event->u.hypercall.instruction_length = 3;
		return true;
	case VM_EVENT_REASON_INTERRUPT:
		decode_interrupt(&request->u.interrupt.x86, event);
		return true;
	case VM_EVENT_REASON_DESCRIPTOR_ACCESS:
		return decode_descriptor(&request->u.desc_access, event);
	case VM_EVENT_REASON_PRIVILEGED_CALL:
		event->reason = VMI_REASON_PRIVILEGED_CALL;
		return true;
	case VM_EVENT_REASON_EMUL_UNIMPLEMENTED:
		event->reason = VMI_REASON_EMULATION_FAILURE;
		return true;
	case VM_EVENT_REASON_VMEXIT:
		event->reason = VMI_REASON_VMEXIT;
		event->u.vmexit.reason = request->u.vmexit.arch.vmx.reason;
		event->u.vmexit.qualification = request->u.vmexit.arch.vmx.qualification;
		return true;
#ifdef XEN_HAS_MONITOR_IO
	case VM_EVENT_REASON_IO_INSTRUCTION:
		event->reason = VMI_REASON_IO;
		event->u.io.port = request->u.io.port;
		event->u.io.length = (uint8_t)request->u.io.bytes;
		event->u.io.in = !!request->u.io.in;
		event->u.io.string = !!request->u.io.str;
		return true;
#endif
	default:
		return false;
	}
}

void xen_event_decode(const vm_event_request_t *request, struct vmi_event *event)
{
	memset(event, 0, sizeof(*event));
	event->vcpu = request->vcpu_id;
	if (request->flags & VM_EVENT_FLAG_VCPU_PAUSED)
		event->flags |= VMI_EVENT_VCPU_PAUSED;
	event->view =
		request->flags & VM_EVENT_FLAG_ALTERNATE_P2M ? request->altp2m_idx : VMI_VIEW_NONE;
	if (!decode_reason(request, event) && !decode_rarer_reason(request, event)) {
		event->reason = VMI_REASON_UNKNOWN;
		event->u.unknown.number = request->reason;
	}
	know_registers(&request->data.regs.x86, &event->registers);
}
