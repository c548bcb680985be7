/* SPDX-License-Identifier: MIT */
#ifndef DUMP_VMWARE_TAGS_H
#define DUMP_VMWARE_TAGS_H

#include <vmi/driver.h>

/**
 * VMware's checkpoint files (.vmss, .vmsn): groups of tags, each with a name, up to three indices
 * and a value.
 */

/* A file that begins like this is one. */
bool vmware_is_state(const uint8_t *head, size_t len);

/* Walks the tags of one group. */
struct vmware_tags {
	const struct vmi_source *source;
	uint64_t at, end; /* in the file */
	bool narrow;      /* the oldest files: sizes of 32 bits */
};

enum { VMWARE_INDICES = 3 };

struct vmware_tag {
	char name[256];
	unsigned indices;
	uint32_t index[VMWARE_INDICES]; /* 0 where there is none */
	uint64_t offset, size;          /* of the value, inside the file */
	bool is_block, is_compressed;
};

/* The tags of the first group of that name. VMI_ERR_NOT_FOUND: there is none. */
VMI_CHECKED enum vmi_status vmware_group_find(struct vmware_tags *tags,
					      const struct vmi_source *source, const char *name,
					      struct vmi_error *err);
/* VMI_END behind the last. */
VMI_CHECKED enum vmi_status vmware_tag_next(struct vmware_tags *tags, struct vmware_tag *tag,
					    struct vmi_error *err);
/* The value as a number, of its first 8 bytes at most. */
VMI_CHECKED enum vmi_status vmware_tag_number(const struct vmware_tags *tags,
					      const struct vmware_tag *tag, uint64_t *value,
					      struct vmi_error *err);

#endif
