/* SPDX-License-Identifier: MIT */
/*
 * Where VMware has the memory: in a block "Memory" of the state, or in a .vmem. Either has its
 * pages in the order of the regions, which leave out the hole below 4 GiB.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "vmware_memory.h"

static enum vmi_status take_block(struct vmware_memory *m, const struct vmware_tag *tag,
				  struct vmi_error *err)
{
	if (tag->is_compressed)
		return vmi_fail(
			err, VMI_ERR_UNSUPPORTED,
			"its memory is in a compressed block at 0x%" PRIx64
			", in a way that is described nowhere: take a snapshot whose memory "
			"is in a .vmem (mainMem.useNamedFile = \"TRUE\")",
			tag->offset);
	if (m->is_inside)
		return VMI_OK;
	m->is_inside = true;
	m->offset = tag->offset;
	m->size = tag->size;
	return VMI_OK;
}

static enum vmi_status take_number(struct vmware_memory *m, const struct vmware_tag *tag,
				   uint64_t value, struct vmi_error *err)
{
	struct vmware_region *region = &m->region[tag->index[0]];
	uint64_t *field = NULL;

	if (!strcmp(tag->name, "regionsCount")) {
		if (value > VMWARE_REGIONS_MAX)
			return vmi_fail(err, VMI_ERR_CORRUPT,
					"it has 0x%" PRIx64 " regions of memory, more than %d",
					value, VMWARE_REGIONS_MAX);
		m->regions = (unsigned)value;
		return VMI_OK;
	}
	if (!strcmp(tag->name, "regionPageNum"))
		field = &region->page;
	else if (!strcmp(tag->name, "regionPPN"))
		field = &region->gfn;
	else if (!strcmp(tag->name, "regionSize"))
		field = &region->count;
	if (field)
		*field = value;
	return VMI_OK;
}

static enum vmi_status take_tag(struct vmware_memory *m, const struct vmware_tags *tags,
				const struct vmware_tag *tag, struct vmi_error *err)
{
	uint64_t value;

	if (tag->is_block)
		return strcmp(tag->name, "Memory") != 0 ? VMI_OK : take_block(m, tag, err);
	if (tag->index[0] >= VMWARE_REGIONS_MAX)
		return VMI_OK;
	enum vmi_status st = vmware_tag_number(tags, tag, &value, err);
	return st ? st : take_number(m, tag, value, err);
}

enum vmi_status vmware_memory_open(struct vmware_memory *m, const struct vmi_source *state,
				   struct vmi_error *err)
{
	struct vmware_tags tags;
	struct vmware_tag tag;
	enum vmi_status st = vmware_group_find(&tags, state, "memory", err);

	if (st == VMI_ERR_NOT_FOUND)
		return VMI_OK;
	if (st)
		return st;
	m->region = calloc(VMWARE_REGIONS_MAX, sizeof(*m->region));
	if (!m->region)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the regions");
	while (!(st = vmware_tag_next(&tags, &tag, err))) {
		st = take_tag(m, &tags, &tag, err);
		if (st)
			return st;
	}
	return st == VMI_END ? VMI_OK : st;
}

void vmware_memory_close(struct vmware_memory *m)
{
	free(m->region);
	*m = (struct vmware_memory){0};
}

static enum vmi_status place_region(const struct vmware_region *region, uint64_t base,
				    uint64_t room, const struct vmi_source *file,
				    struct segments *segments, struct vmi_error *err)
{
	static const uint64_t most = UINT64_C(1) << 40; /* pages of 52 bits of address */

	if (region->gfn >= most || region->count > most - region->gfn || region->page >= most)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"its region of 0x%" PRIx64 " pages from gfn 0x%" PRIx64
				" on is more than x86 can have",
				region->count, region->gfn);
	uint64_t at = region->page << VMI_PAGE_SHIFT, size = region->count << VMI_PAGE_SHIFT;
	uint64_t held = at >= room ? 0 : size < room - at ? size : room - at;
	return segments_add(segments, file, region->gfn << VMI_PAGE_SHIFT, held, size, base + at,
			    err);
}

enum vmi_status vmware_memory_place(const struct vmware_memory *m, const struct vmi_source *file,
				    const struct vmi_target *target, struct segments *segments,
				    struct vmi_error *err)
{
	uint64_t base = m->is_inside ? m->offset : 0;
	uint64_t room = m->is_inside ? m->size : UINT64_MAX, pages = 0;
	uint64_t size = m->is_inside ? m->size : vmi_source_size(file);

	if (!m->regions)
		return segments_add(segments, file, 0, size, size, base, err);
	for (unsigned i = 0; i < m->regions; i++) {
		enum vmi_status st = place_region(&m->region[i], base, room, file, segments, err);
		if (st)
			return st;
		pages += m->region[i].count;
	}
	if (pages != size >> VMI_PAGE_SHIFT)
		target->warn(target,
			     "the regions have 0x%" PRIx64 " pages, the file of memory 0x%" PRIx64,
			     pages, size >> VMI_PAGE_SHIFT);
	return VMI_OK;
}
