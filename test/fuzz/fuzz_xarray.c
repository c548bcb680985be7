/* SPDX-License-Identifier: MIT */
/*
 * Any memory as an XArray: what is visited is in the range and in order. The first 16 bytes are the
 * shape, the head and the range; memory begins behind them, at 0x10000 of the guest.
 */

#include <stdlib.h>
#include <string.h>

#include "xarray.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BASE = 0x10000 };

struct memory {
	const uint8_t *bytes;
	size_t len;
	uint64_t first, last, next;
};

static enum vmi_status memory_read(void *context, vmi_gva gva, void *buf, size_t len,
				   struct vmi_error *err)
{
	struct memory *memory = context;

	if (gva < BASE || gva - BASE > memory->len || len > memory->len - (gva - BASE))
		return vmi_fail(err, VMI_ERR_NOT_PRESENT, "nothing is there");
	memcpy(buf, memory->bytes + (gva - BASE), len);
	return VMI_OK;
}

static bool memory_visit(void *context, uint64_t index, vmi_gva pointer)
{
	struct memory *memory = context;

	if (!pointer || pointer & 3 || index > memory->last || index < memory->next)
		abort();
	memory->next = index + 1;
	return memory->next != 0;
}

static void memory_lost(void *context, vmi_gva node, const char *why)
{
	(void)context;
	if (!node || !*why)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t head, first, last;

	if (size < 16)
		return 0;
	memcpy(&head, data + 4, 4);
	memcpy(&first, data + 8, 4);
	memcpy(&last, data + 12, 4);
	struct memory memory = {data + 16, size - 16, first, (uint64_t)last << (data[3] & 31), 0};
	struct xarray array = {
		.pointer_size = data[0] & 1 ? 4 : 8,
		.slot_count = 1u << (data[0] >> 1 & 7),
		.shift_offset = data[1],
		.slots_offset = data[2],
		.nodes_max = 200,
		.node_mark = data[0] & 0x80 ? 1 : 2,
		.read = memory_read,
		.visit = memory_visit,
		.lost = memory_lost,
		.context = &memory,
	};
	xarray_walk(&array, head, first, memory.last);
	return 0;
}
