/* SPDX-License-Identifier: MIT */
#ifndef DUMP_XEN_VCPU_H
#define DUMP_XEN_VCPU_H

#include <vmi/x86.h>

/**
 * The registers of one vcpu out of Xen's vcpu_guest_context (xen/arch-x86/xen.h), which has one
 * layout for 64-bit and one for 32-bit x86.
 */
enum { XEN_VCPU64_SIZE = 5168, XEN_VCPU32_SIZE = 2800 };

/*
 * Of a guest without page tables of its own for machine memory: is it 64-bit? The `size` bytes are
 * room for either layout, and do not say which they hold.
 */
bool xen_vcpu_is_wide(const uint8_t *context, size_t size);

/* Fill zeroed `regs` from a context of the layout that `wide` says; all zero, all is absent. */
void xen_vcpu_hvm(const uint8_t *context, bool wide, struct vmi_registers *regs);
void xen_vcpu_pv(const uint8_t *context, bool wide, struct vmi_registers *regs);

/* What EFER must be in long mode, as far as that is known; see vmi_register_assume(). */
void xen_vcpu_assume_long(struct vmi_registers *regs, const char *why);
void xen_vcpu_assume_pae(struct vmi_registers *regs, const char *why);

#endif
