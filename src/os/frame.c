/* SPDX-License-Identifier: MIT */
/*
 * The kernel's array of struct page (include/asm-generic/memory_model.h of Linux): in one piece,
 * where vmemmap_base says on 64 bits, which is a constant unless the kernel moves its parts about
 * (arch/x86/include/asm/pgtable_64_types.h), and where mem_map points on those of 32 bits that have
 * it flat.
 */

#include <inttypes.h>

#include "fields.h"
#include "frame.h"

static const vmi_gva vmemmap_4level = 0xffffea0000000000, vmemmap_5level = 0xffd4000000000000;

enum { GFN_BITS = 40 }; /* of the 52 of a physical address */

struct page_array {
	vmi_gva base;
	uint64_t size; /* of each */
};

static enum vmi_status array_find(struct vmi_os *os, struct page_array *array,
				  struct vmi_error *err)
{
	bool is_wide = os->kernel.pointer_size == 8;
	vmi_gva symbol;

	array->size = struct_size(os, "page");
	if (!array->size)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED, "how long a struct page is is not known");
	if (!os_symbol(os, is_wide ? "vmemmap_base" : "mem_map", &symbol, NULL))
		return os_pointer(os, symbol, &array->base, err);
	if (!is_wide)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"this kernel's struct pages are not in one piece");
	array->base = os->kernel.space.mode == VMI_MODE_5LEVEL ? vmemmap_5level : vmemmap_4level;
	return VMI_OK;
}

enum vmi_status os_page_of_frame(struct vmi_os *os, vmi_gfn gfn, vmi_gva *page,
				 struct vmi_error *err)
{
	struct page_array array;
	enum vmi_status st = array_find(os, &array, err);

	if (st)
		return st;
	if (gfn >> GFN_BITS)
		return vmi_fail(err, VMI_ERR_CORRUPT, "0x%" PRIx64 " is no frame", gfn);
	*page = array.base + gfn * array.size;
	return VMI_OK;
}

enum vmi_status os_frame_of_page(struct vmi_os *os, vmi_gva page, vmi_gfn *gfn,
				 struct vmi_error *err)
{
	struct page_array array;
	enum vmi_status st = array_find(os, &array, err);

	if (st)
		return st;
	uint64_t distance = page - array.base;

	if (page < array.base || distance % array.size || distance / array.size >> GFN_BITS)
		return vmi_fail(err, VMI_ERR_CORRUPT, "no struct page is at 0x%" PRIx64, page);
	*gfn = distance / array.size;
	return VMI_OK;
}
