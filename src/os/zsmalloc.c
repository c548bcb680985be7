/* SPDX-License-Identifier: MIT */
/*
 * Objects of zsmalloc (mm/zsmalloc.c of Linux, 4.18 to 7.2). A zspage is a chain of frames that is
 * cut into objects of one size, its class's, which may lie across two frames. What a handle points
 * at says in which frame the object begins, and the how manieth of its zspage it is; an object
 * begins with its own handle, and one that fills its frame has it in the struct page instead:
 *
 *	handle -> frame | index | tags        object: handle | 1, then its bytes
 *
 * How many bits the parts have depends on how much memory a kernel is built for, which nothing in
 * it tells, so each way that there is is tried: the object has to know its handle.
 */

#include <inttypes.h>
#include <string.h>

#include "frame.h"
#include "module_types.h"
#include "zsmalloc.h"

enum {
	CLASSES_MAX = 256,
	CLASS_LEAST = 32, /* ZS_MIN_ALLOC_SIZE, on 64 bits */
	CLASS_STEP = 16,  /* ZS_SIZE_CLASS_DELTA */
	TAGS = 3,         /* of a head; handles are aligned */
	TAG_ALLOCATED = 1,
};

/** How frame and index are put together: _PFN_BITS, OBJ_TAG_BITS. */
struct encoding {
	uint8_t pointer_size, frame_bits, tag_bits;
};

/*
 * MAX_POSSIBLE_PHYSMEM_BITS (arch/x86/include/asm/pgtable_64_types.h, pgtable-3level_types.h,
 * pgtable-2level_types.h) less a page's; without 5-level tables MAX_PHYSMEM_BITS (sparsemem.h).
 * Below the index is room for tags: one, two from 6.2 to 6.5 where zswap can use it, none
 * since 6.9.
 */
static const struct encoding encodings[] = {
	{8, 40, 1}, {8, 40, 0}, {8, 40, 2}, {8, 34, 1}, {8, 34, 0}, {8, 34, 2},
	{4, 24, 1}, {4, 24, 0}, {4, 24, 2}, {4, 20, 1}, {4, 20, 0}, {4, 20, 2},
};

/** An object, found. */
struct object {
	vmi_gpa frame[2]; /* the second where it lies across both */
	uint64_t offset;  /* in the first */
	uint64_t size;    /* of its class */
	uint64_t head;    /* bytes of these before its own */
};

/* ---- layout --------------------------------------------------------------------------------- */

#define TO(member) offsetof(struct zs_layout, member)

/*
 * 4.18 to 5.10, whose modules tell no types, on 64 bits; tried with 5.10. Objects are as long as
 * the number of their class says.
 */
static void layout_assume(struct zs_layout *layout)
{
	layout->number =
		(struct field){.size = 4, .bit_offset = 2, .bit_count = 9, .is_there = true};
	layout->classes = (struct field){.offset = 8, .size = 8 * 255, .is_there = true};
}

enum vmi_status zs_layout_find(struct vmi_os *os, struct zs_layout *layout, struct vmi_error *err)
{
	static const struct field_want wants[] = {
		{"zsmalloc:zpdesc|zpdesc|page", "zspage|private", TO(owner), false},
		/* 5.17 moved the link from freelist to index. */
		{"zsmalloc:zpdesc|zpdesc|page", "next|index", TO(next), false},
		{"zsmalloc:zpdesc|zpdesc|page", "handle|index", TO(head), false},
		{"page", "flags", TO(flags), false},
	};
	static const struct field_want own[] = {
		{"zsmalloc:zspage|zspage", "class", TO(number), false},
		{"zsmalloc:zspage|zspage", "huge", TO(huge), true},
		{"zsmalloc:zs_pool|zs_pool", "size_class", TO(classes), false},
		{"zsmalloc:size_class|size_class", "size", TO(size), false},
	};
	static const struct field_want link = {"page", "freelist", TO(next), false};
	enum vmi_status st = fields_resolve(os, wants, 4, layout, err);

	if (st)
		return st;
	st = fields_resolve(os, own, 4, layout, err);
	if (st && os_modules_told_no_types(os)) {
		layout_assume(layout);
		st = VMI_OK;
	}
	if (st || layout->huge.is_there)
		return st;
	/* Before 5.17 a flag of the first frame tells that it holds a whole page. */
	layout->huge_mark = enumerator_bit(os, "enum pageflags", "PG_owner_priv_1");
	if (!layout->huge_mark)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED, "the kernel has no PG_owner_priv_1");
	return fields_resolve(os, &link, 1, layout, err);
}

#undef TO

/* ---- objects -------------------------------------------------------------------------------- */

static enum vmi_status class_size(struct vmi_os *os, const struct zs_layout *layout, vmi_gva pool,
				  uint64_t number, uint64_t *size, struct vmi_error *err)
{
	unsigned width = os->kernel.pointer_size;
	vmi_gva class;

	if (number >= CLASSES_MAX || number >= layout->classes.size / width)
		return vmi_fail(err, VMI_ERR_CORRUPT, "there is no class %" PRIu64, number);
	if (!layout->size.is_there) {
		*size = CLASS_LEAST + number * CLASS_STEP;
		if (*size > VMI_PAGE_SIZE)
			*size = VMI_PAGE_SIZE;
		return VMI_OK;
	}
	enum vmi_status st =
		os_pointer(os, pool + layout->classes.offset + number * width, &class, err);

	return st ? st : field_read(os, class, &layout->size, size, err);
}

static enum vmi_status is_huge(struct vmi_os *os, const struct zs_layout *layout, vmi_gva page,
			       vmi_gva zspage, uint64_t *huge, struct vmi_error *err)
{
	if (!layout->huge_mark)
		return field_read(os, zspage, &layout->huge, huge, err);
	enum vmi_status st = field_read(os, page, &layout->flags, huge, err);

	if (!st)
		*huge &= layout->huge_mark;
	return st;
}

static enum vmi_status object_read(struct vmi_os *os, const struct object *object, uint64_t from,
				   void *buf, size_t len, struct vmi_error *err)
{
	uint64_t at = object->offset + from;
	size_t first = 0;
	enum vmi_status st = VMI_OK;

	if (at < VMI_PAGE_SIZE) {
		first = VMI_PAGE_SIZE - at < len ? (size_t)(VMI_PAGE_SIZE - at) : len;
		st = vmi_read_bytes(os->vm, NULL, object->frame[0] + at, buf, first, NULL, err);
		at += first;
	}
	if (!st && first < len)
		st = vmi_read_bytes(os->vm, NULL, object->frame[1] + at - VMI_PAGE_SIZE,
				    (uint8_t *)buf + first, len - first, NULL, err);
	return st;
}

/* Where the object is that has that index in the zspage of the frame `gfn`. */
static enum vmi_status object_find(struct vmi_os *os, const struct zs_layout *layout, vmi_gva pool,
				   vmi_gva page, uint64_t index, struct object *object,
				   struct vmi_error *err)
{
	uint64_t number, huge;
	vmi_gva zspage, next;
	enum vmi_status st = field_read(os, page, &layout->owner, &zspage, err);

	if (!st)
		st = field_read(os, zspage, &layout->number, &number, err);
	if (!st)
		st = is_huge(os, layout, page, zspage, &huge, err);
	if (!st)
		st = class_size(os, layout, pool, number, &object->size, err);
	if (st)
		return st;
	if (object->size < CLASS_LEAST || object->size > VMI_PAGE_SIZE ||
	    index > UINT32_MAX / VMI_PAGE_SIZE)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"object %" PRIu64 " of a class of 0x%" PRIx64 " bytes", index,
				object->size);
	object->head = huge ? 0 : os->kernel.pointer_size;
	object->offset = object->size * index % VMI_PAGE_SIZE;
	if (object->offset + object->size <= VMI_PAGE_SIZE)
		return VMI_OK;
	st = field_read(os, page, &layout->next, &next, err);
	if (!st)
		st = os_frame_of_page(os, next, &object->frame[1], err);
	object->frame[1] <<= VMI_PAGE_SHIFT;
	return st;
}

/* Does the object know its handle? */
static bool object_is(struct vmi_os *os, const struct zs_layout *layout, vmi_gva page,
		      const struct object *object, vmi_gva handle)
{
	uint8_t bytes[8] = {0};
	uint64_t head = 0;

	if (!object->head)
		return !field_read(os, page, &layout->head, &head, NULL) &&
		       (head & ~(uint64_t)TAGS) == handle;
	if (object_read(os, object, 0, bytes, os->kernel.pointer_size, NULL))
		return false;
	for (unsigned i = sizeof(bytes); i-- > 0;)
		head = head << 8 | bytes[i];
	return (head & ~(uint64_t)TAGS) == handle && (head & TAG_ALLOCATED);
}

static bool object_at(struct vmi_os *os, const struct zs_layout *layout, vmi_gva pool,
		      vmi_gva handle, const struct encoding *by, uint64_t place,
		      struct object *object)
{
	unsigned index_bits = by->pointer_size * 8u - by->frame_bits - by->tag_bits;
	uint64_t index = place >> by->tag_bits & ((UINT64_C(1) << index_bits) - 1);
	vmi_gfn gfn = place >> by->tag_bits >> index_bits;
	vmi_gva page;

	*object = (struct object){.frame = {gfn << VMI_PAGE_SHIFT}};
	return by->pointer_size == os->kernel.pointer_size &&
	       !os_page_of_frame(os, gfn, &page, NULL) &&
	       !object_find(os, layout, pool, page, index, object, NULL) &&
	       object_is(os, layout, page, object, handle);
}

enum vmi_status zs_read(struct vmi_os *os, const struct zs_layout *layout, vmi_gva pool,
			vmi_gva handle, void *buf, size_t len, struct vmi_error *err)
{
	struct object object;
	uint64_t place;
	enum vmi_status st = os_pointer(os, handle, &place, err);

	if (st)
		return vmi_wrap(err, st, "the handle of its packed bytes");
	for (size_t i = 0; i < sizeof(encodings) / sizeof(*encodings); i++) {
		if (!object_at(os, layout, pool, handle, &encodings[i], place, &object))
			continue;
		if (len > object.size - object.head)
			return vmi_fail(err, VMI_ERR_CORRUPT,
					"%zu packed bytes are more than the 0x%" PRIx64
					" of their place",
					len, object.size - object.head);
		return object_read(os, &object, object.head, buf, len, err);
	}
	return vmi_fail(err, VMI_ERR_CORRUPT,
			"where its packed bytes should be (0x%" PRIx64 ", of handle 0x%" PRIx64
			") something else is",
			place, handle);
}
