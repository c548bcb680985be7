/* SPDX-License-Identifier: MIT */
#ifndef TOOL_IMAGE_NOTES_H
#define TOOL_IMAGE_NOTES_H

#include <vmi/vmi.h>

/** The notes of an image: the registers of all vcpus, and VMCOREINFO. Zeroed is empty. */
struct image_notes {
	uint8_t *bytes;
	size_t size;
	/* The text of VMCOREINFO, in the notes; 0 long when there is none. */
	size_t vmcoreinfo_at, vmcoreinfo_size;
	bool failed; /* out of memory */
};

/* False: out of memory. */
bool image_notes_make(struct image_notes *notes, struct vmi *vm, const struct vmi_registers *regs,
		      unsigned vcpus);
void image_notes_deinit(struct image_notes *notes);

#endif
