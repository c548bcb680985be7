/* SPDX-License-Identifier: MIT */
/* Writing guest memory, page by page, through drivers that can. */

#include <inttypes.h>

#include "handle.h"

/* What was cached may have been what is written: pages, and the tables that they are. */
static void write_invalidate(struct vmi *vm, vmi_gpa gpa)
{
	tlb_flush(&vm->tlb);
	cache_flush_gfn(vm->cache, gpa >> VMI_PAGE_SHIFT);
}

enum vmi_status vmi_write_bytes(struct vmi *vm, const struct vmi_space *space, uint64_t addr,
				const void *buf, size_t len, size_t *done, struct vmi_error *err)
{
	size_t sum = 0;
	enum vmi_status st = require(vm, VMI_CAP_WRITE, err);

	while (!st && sum < len) {
		uint64_t at = addr + sum;
		size_t n = VMI_PAGE_SIZE - at % VMI_PAGE_SIZE;
		vmi_gpa gpa;
		uint64_t span;
		if (sum && !at) {
			st = vmi_fail(err, VMI_ERR_NOT_CANONICAL, "the address space ends at 2^64");
			break;
		}
		if (n > len - sum)
			n = len - sum;
		st = locate(vm, space, at, &gpa, &span, err);
		if (st)
			break;
		st = vm->target->ops->write(vm->target->self, gpa, (const uint8_t *)buf + sum, n,
					    err);
		write_invalidate(vm, gpa); /* also when it failed: it may have come half way */
		if (!st)
			sum += n;
	}
	if (done)
		*done = sum;
	return st ? vmi_wrap(err, st, "writing %s 0x%" PRIx64, space ? "gva" : "gpa", addr + sum)
		  : VMI_OK;
}

enum vmi_status vmi_write_uint(struct vmi *vm, const struct vmi_space *space, uint64_t addr,
			       unsigned size, uint64_t value, struct vmi_error *err)
{
	uint8_t bytes[8];

	if (size != 1 && size != 2 && size != 4 && size != 8)
		return vmi_fail(err, VMI_ERR_ARG,
				"an integer of %u bytes; 1, 2, 4 and 8 can be written", size);
	if (size < 8 && value >> (8 * size))
		return vmi_fail(err, VMI_ERR_ARG, "0x%" PRIx64 " does not fit %u bytes", value,
				size);
	for (unsigned i = 0; i < size; i++)
		bytes[i] = (uint8_t)(value >> (8 * i));
	return vmi_write_bytes(vm, space, addr, bytes, size, NULL, err);
}
