/* SPDX-License-Identifier: MIT */
/*
 * A maple tree: any nodes, one behind the other, from 0 on. The first byte is a pointer's size and
 * which bytes the shapes of nodes are, the next eight the root.
 */

#include <stdlib.h>
#include <string.h>

#include "maple.h"

struct bytes {
	const uint8_t *data;
	size_t size;
	uint64_t behind; /* the next range begins here or above */
	bool is_full;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum vmi_status read_node(void *context, vmi_gva gva, void *buf, size_t len,
				 struct vmi_error *err)
{
	const struct bytes *bytes = context;

	if (len > bytes->size || gva > bytes->size - len)
		return vmi_fail(err, VMI_ERR_NOT_SAVED, "behind the end");
	memcpy(buf, bytes->data + gva, len);
	return VMI_OK;
}

static bool visit(void *context, uint64_t first, uint64_t last, vmi_gva pointer)
{
	struct bytes *bytes = context;

	if (!pointer || last < first || first < bytes->behind || bytes->is_full)
		abort();
	bytes->is_full = last == UINT64_MAX;
	bytes->behind = last + 1;
	return true;
}

static void lose(void *context, vmi_gva node, const char *why)
{
	(void)context;
	(void)node;
	if (!why)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { HEAD = 16 };
	uint64_t root;

	if (size < HEAD)
		return 0;
	struct bytes bytes = {.data = data + HEAD, .size = size - HEAD};
	unsigned width = *data & 1 ? 4 : 8;
	struct maple maple = {
		.pointer_size = width,
		.range = {width, (uint64_t)(width == 8 ? 16 : 32) * width, width == 8 ? 16 : 32},
		.arange = {width, (uint64_t)(width == 8 ? 10 : 21) * width, width == 8 ? 10 : 21},
		.node_budget = 1000,
		.read = read_node,
		.visit = visit,
		.lost = lose,
		.context = &bytes,
	};
	if (*data & 2) /* a kernel whose types say something else */
		maple.range = (struct maple_shape){data[1], data[2], data[3]};
	if (*data & 4)
		maple.arange = (struct maple_shape){data[4], data[5], data[6]};
	memcpy(&root, data + 8, sizeof(root));
	if (maple_is_sane(&maple))
		maple_walk(&maple, root);
	return 0;
}
