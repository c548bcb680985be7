/* SPDX-License-Identifier: MIT */
#ifndef DUMP_VCPU_H
#define DUMP_VCPU_H

#include <vmi/vmi.h>

/** The notes that hold the registers of one vcpu, each better than the one before. */
enum vcpu_note_kind {
	VCPU_NONE,
	VCPU_PRSTATUS,
	VCPU_VIRTUALBOX,
	VCPU_QEMU,
	VCPU_VMICORE,
	VCPU_NOTE_KINDS
};

/* What Linux writes of a CPU that is not in long mode. */
enum { PRSTATUS32_SIZE = 144 };
/* Of the control registers that a crashed Xen adds: {u64 cr0, cr2, cr3, cr4}. */
enum { VCPU_CONTROL_SIZE = 32 };

struct vcpu_note {
	enum vcpu_note_kind kind;
	uint32_t format;   /* of VirtualBox's */
	const uint8_t *at; /* the note's descriptor, borrowed */
	size_t size;
	const uint8_t *control; /* of a CPU of a crashed Xen; NULL when none; borrowed */
};

/* Is this a layout that vcpu_registers() knows? Sets `kind` to VCPU_NONE when not. */
bool vcpu_note_check(struct vcpu_note *note);
/* Fill zeroed `regs` from a checked note of an image of that machine. */
void vcpu_registers(const struct vcpu_note *note, enum vmi_machine machine,
		    struct vmi_registers *regs);

#endif
