/* SPDX-License-Identifier: MIT */
#ifndef DUMP_VMWARE_MEMORY_H
#define DUMP_VMWARE_MEMORY_H

#include "extents.h"
#include "vmware_tags.h"

struct vmware_region {
	uint64_t page; /* in the file of memory */
	uint64_t gfn;
	uint64_t count; /* of pages; 0: not told */
};

enum { VMWARE_REGIONS_MAX = 1024 };

/** What the group "memory" of a VMware state says. Zeroed is: nothing. */
struct vmware_memory {
	bool is_inside;        /* the bytes are in the state itself ... */
	uint64_t offset, size; /* ... here */
	unsigned regions;      /* 0: all pages in order */
	struct vmware_region *region;
};

VMI_CHECKED enum vmi_status vmware_memory_open(struct vmware_memory *memory,
					       const struct vmi_source *state,
					       struct vmi_error *err);
void vmware_memory_close(struct vmware_memory *memory);
/* Where in `file`, the state or a .vmem, the guest's memory lies. */
VMI_CHECKED enum vmi_status vmware_memory_place(const struct vmware_memory *memory,
						const struct vmi_source *file,
						const struct vmi_target *target,
						struct segments *segments, struct vmi_error *err);

#endif
