/* SPDX-License-Identifier: MIT */
/* What an XArray of this kernel looks like. */

#include "fields.h"
#include "xarray_kernel.h"

struct node_fields {
	struct field shift, slots;
};

static enum vmi_status node_read(void *context, vmi_gva gva, void *buf, size_t len,
				 struct vmi_error *err)
{
	const struct xarray_walk *walk = context;

	return os_read(walk->os, gva, buf, len, err);
}

enum vmi_status xarray_walk_kernel(struct xarray_walk *walk, vmi_gva head, uint64_t first,
				   uint64_t last, struct vmi_error *err)
{
	static const struct field_want wants[] = {
		/* An XArray since 4.20, a radix tree before. */
		{"xa_node|radix_tree_node", "shift", offsetof(struct node_fields, shift), false},
		{"xa_node|radix_tree_node", "slots", offsetof(struct node_fields, slots), false},
	};
	struct vmi_os *os = walk->os;
	struct node_fields fields;
	enum vmi_status st = fields_resolve(os, wants, 2, &fields, err);

	if (st)
		return st;
	struct xarray array = {
		.pointer_size = os->kernel.pointer_size,
		.slot_count = (unsigned)(fields.slots.size / os->kernel.pointer_size),
		.shift_offset = fields.shift.offset,
		.slots_offset = fields.slots.offset,
		.nodes_max = walk->nodes_max,
		.node_mark = struct_size(os, "xa_node") ? 2 : 1,
		.read = node_read,
		.visit = walk->visit,
		.lost = walk->lost,
		.context = walk,
	};
	xarray_walk(&array, head, first, last);
	return VMI_OK;
}
