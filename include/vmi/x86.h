/* SPDX-License-Identifier: MIT */
#ifndef VMI_X86_H
#define VMI_X86_H

/**
 * @file
 * Registers of one x86 virtual CPU, each with where its value comes from.
 *
 * Names, widths and bit positions follow the Intel SDM (vol. 1 ch. 3, vol. 3A ch. 2 to 5, vol. 4).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Every register that a driver can give. A segment register is four of them: what the program
 * loaded (selector) and what the CPU made of it (base, limit in bytes, attributes).
 *
 * Attributes are in the form of the VMCS access rights (SDM vol. 3C 24.4.1): bits 0-3 type, 4 S,
 * 5-6 DPL, 7 P, 12 AVL, 13 L, 14 D/B, 15 G. The four registers of a segment are consecutive and in
 * the order selector, base, limit, attributes; GDTR and IDTR have base and limit.
 */
enum vmi_register {
	VMI_RAX,
	VMI_RBX,
	VMI_RCX,
	VMI_RDX,
	VMI_RSI,
	VMI_RDI,
	VMI_RBP,
	VMI_RSP,
	VMI_R8,
	VMI_R9,
	VMI_R10,
	VMI_R11,
	VMI_R12,
	VMI_R13,
	VMI_R14,
	VMI_R15,
	VMI_RIP,
	VMI_RFLAGS,

	VMI_CR0,
	VMI_CR2,
	VMI_CR3,
	VMI_CR4,
	VMI_CR8,
	VMI_XCR0,
	VMI_DR0,
	VMI_DR1,
	VMI_DR2,
	VMI_DR3,
	VMI_DR6,
	VMI_DR7,

	VMI_CS,
	VMI_CS_BASE,
	VMI_CS_LIMIT,
	VMI_CS_ATTRIBUTES,
	VMI_DS,
	VMI_DS_BASE,
	VMI_DS_LIMIT,
	VMI_DS_ATTRIBUTES,
	VMI_ES,
	VMI_ES_BASE,
	VMI_ES_LIMIT,
	VMI_ES_ATTRIBUTES,
	VMI_FS,
	VMI_FS_BASE,
	VMI_FS_LIMIT,
	VMI_FS_ATTRIBUTES,
	VMI_GS,
	VMI_GS_BASE,
	VMI_GS_LIMIT,
	VMI_GS_ATTRIBUTES,
	VMI_SS,
	VMI_SS_BASE,
	VMI_SS_LIMIT,
	VMI_SS_ATTRIBUTES,
	VMI_TR,
	VMI_TR_BASE,
	VMI_TR_LIMIT,
	VMI_TR_ATTRIBUTES,
	VMI_LDTR,
	VMI_LDTR_BASE,
	VMI_LDTR_LIMIT,
	VMI_LDTR_ATTRIBUTES,
	VMI_GDTR_BASE,
	VMI_GDTR_LIMIT,
	VMI_IDTR_BASE,
	VMI_IDTR_LIMIT,

	VMI_EFER,
	VMI_STAR,
	VMI_LSTAR,
	VMI_CSTAR,
	VMI_SYSCALL_MASK,
	VMI_KERNEL_GS_BASE,
	VMI_SYSENTER_CS,
	VMI_SYSENTER_ESP,
	VMI_SYSENTER_EIP,
	VMI_TSC_AUX,
	VMI_MSR_FLAGS, /**< Xen's word of MSR state; no architectural register */
	VMI_APIC_BASE,
	VMI_PAT,
	VMI_TSC,

	VMI_REGISTER_COUNT
};

/** Offsets from a segment's selector to the rest of it. */
enum { VMI_SEGMENT_BASE = 1, VMI_SEGMENT_LIMIT = 2, VMI_SEGMENT_ATTRIBUTES = 3 };

/** What a value is worth. */
enum vmi_provenance {
	VMI_ABSENT,  /**< unknown: the value is meaningless */
	VMI_KNOWN,   /**< read from the machine or the image */
	VMI_ASSUMED, /**< concluded by the rule that `why` states */
};

/**
 * The registers of one virtual CPU, by value. `source` and `why[]` are borrowed from the driver and
 * live as long as the handle. All bytes zero is a valid set in which everything is absent.
 */
struct vmi_registers {
	uint64_t value[VMI_REGISTER_COUNT];
	const char *why[VMI_REGISTER_COUNT];    /**< set for VMI_ASSUMED, else NULL */
	uint8_t provenance[VMI_REGISTER_COUNT]; /**< enum vmi_provenance */
	const char *source;                     /**< such as "qemu-note" */
};

/** Set a register and mark it known. */
static inline void vmi_register_know(struct vmi_registers *regs, enum vmi_register reg,
				     uint64_t value)
{
	regs->value[reg] = value;
	regs->provenance[reg] = VMI_KNOWN;
	regs->why[reg] = NULL;
}

/** Set a register that follows from others by the rule `why` (a string that outlives the set). */
static inline void vmi_register_assume(struct vmi_registers *regs, enum vmi_register reg,
				       uint64_t value, const char *why)
{
	regs->value[reg] = value;
	regs->provenance[reg] = VMI_ASSUMED;
	regs->why[reg] = why;
}

/** True when the register has a value, known or assumed. */
static inline bool vmi_register_has(const struct vmi_registers *regs, enum vmi_register reg)
{
	return regs->provenance[reg] != VMI_ABSENT;
}

/** The 16 general-purpose registers, RIP and RFLAGS are those before this one. */
enum { VMI_GP_REGISTER_COUNT = VMI_RFLAGS + 1 };

/** Bits of the control registers and of EFER that decide how addresses are translated. */
#define VMI_CR0_PE       (UINT64_C(1) << 0)
#define VMI_CR0_WP       (UINT64_C(1) << 16)
#define VMI_CR0_PG       (UINT64_C(1) << 31)
#define VMI_CR4_PSE      (UINT64_C(1) << 4)
#define VMI_CR4_PAE      (UINT64_C(1) << 5)
#define VMI_CR4_LA57     (UINT64_C(1) << 12)
#define VMI_CR4_PCIDE    (UINT64_C(1) << 17)
#define VMI_EFER_SCE     (UINT64_C(1) << 0)
#define VMI_EFER_LME     (UINT64_C(1) << 8)
#define VMI_EFER_LMA     (UINT64_C(1) << 10)
#define VMI_EFER_NXE     (UINT64_C(1) << 11)
#define VMI_ATTRIBUTES_L (1u << 13)

#ifdef __cplusplus
}
#endif

#endif
