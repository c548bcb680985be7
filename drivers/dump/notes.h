/* SPDX-License-Identifier: MIT */
#ifndef DUMP_NOTES_H
#define DUMP_NOTES_H

#include <vmi/driver.h>

#include "vcpu.h"

/**
 * The notes of a core: which of them describe a vcpu, and the VMCOREINFO text. Notes of one
 * kind are in the order of the vcpus, so the n-th of each is vcpu n's.
 */
struct notes {
	struct vcpu_note *vcpu; /* the best note that each vcpu has */
	unsigned vcpus;
	const char *vmcoreinfo; /* not terminated; NULL when none */
	size_t vmcoreinfo_len;

	/* Kinds that tell who wrote the image. */
	bool qemu, virtualbox, prstatus, vmicore;
	bool prstatus32; /* a vcpu was not in long mode */

	/* What `xl dump-core` says of the image: {u64 magic, vcpus, pages, page size}, NULL when
	 * nothing, and the version of its format, 0 when none. */
	const uint8_t *xen_header;
	uint64_t xen_format;

	/* The rest is private. */
	unsigned seen[VCPU_NOTE_KINDS]; /* notes of each kind */
	uint32_t virtualbox_format;
	size_t bytes; /* copied so far */
	struct note_segment *segments;
};

/* Take in the note segment of `size` bytes at `offset` of a source. */
VMI_CHECKED enum vmi_status notes_add(struct notes *notes, const struct vmi_target *target,
				      const struct vmi_source *source, uint64_t offset,
				      uint64_t size, uint64_t align, struct vmi_error *err);
/* Take in a VMCOREINFO text that lies in no note, unless there is one already. */
VMI_CHECKED enum vmi_status notes_add_vmcoreinfo(struct notes *notes,
						 const struct vmi_target *target,
						 const struct vmi_source *source, uint64_t offset,
						 uint64_t size, struct vmi_error *err);
/* Once after the last notes_add(): warn about what was odd, forget vcpus of which none can be read.
 */
void notes_finish(struct notes *notes, const struct vmi_target *target);
void notes_deinit(struct notes *notes);

#endif
