/* SPDX-License-Identifier: MIT */
/*
 * kdump-compressed dumps, as makedumpfile, QEMU and libvirt write them: page by page compressed,
 * with bitmaps of which pages there are.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"
#include "kdump_set.h"
#include "notes.h"
#include "shared.h"

struct kdump {
	struct kdump_set set;
	struct notes notes;
	enum vmi_machine machine;
	struct codec_pool codecs;
	struct shared shared;
};

static bool kdump_probe(const struct vmi_target *target, const uint8_t *head, size_t len)
{
	(void)target;
	return head && kdump_header_probe(head, len);
}

/* ---- opening -------------------------------------------------------------------------------- */

static enum vmi_status sample(struct kdump *kdump, const struct vmi_target *target,
			      struct vmi_error *err)
{
	struct codec_tools *tools = codec_tools_take(&kdump->codecs);
	enum vmi_status st = VMI_OK;

	if (!tools)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < kdump->set.count && !st; i++) {
		struct kdump_part *part = kdump->set.parts[i];
		const char *name = vmi_source_name(part->source);
		st = kdump_part_sample(part, tools, err);
		if (st)
			st = vmi_wrap(err, st, "%s", name);
		else if (part->header.status & KDUMP_INCOMPLETE)
			target->warn(
				target,
				"%s is incomplete: who wrote it ran out of space, and pages are "
				"lost",
				name);
		else if (part->broken)
			target->warn(target,
				     "%s is cut off: it ends at 0x%" PRIx64 ", and pages are lost",
				     name, vmi_source_size(part->source));
	}
	codec_tools_put(&kdump->codecs, tools);
	return st;
}

/* All parts have the same notes. */
static enum vmi_status take_notes(struct kdump *kdump, const struct vmi_target *target,
				  struct vmi_error *err)
{
	const struct kdump_part *part = kdump->set.parts[0];
	const struct kdump_header *header = &part->header;
	struct notes *notes = &kdump->notes;
	enum vmi_status st = VMI_OK;

	if (header->notes.size)
		st = notes_add(notes, target, part->source, header->notes.offset,
			       header->notes.size, 4, err);
	if (!st && header->vmcoreinfo.size && !notes->vmcoreinfo)
		st = notes_add_vmcoreinfo(notes, target, part->source, header->vmcoreinfo.offset,
					  header->vmcoreinfo.size, err);
	notes_finish(notes, target);
	if (header->erased.size)
		target->warn(target,
			     "makedumpfile was told to erase data: where it did, memory reads as "
			     "'X' instead");
	return st;
}

static enum vmi_status kdump_open(void *self, const struct vmi_target *target, unsigned *caps,
				  struct vmi_error *err)
{
	struct kdump *kdump = self;

	shared_init(&kdump->shared);
	if (!target->source)
		return vmi_fail(err, VMI_ERR_ARG, "%s is not a file", target->name);
	enum vmi_status st = kdump_set_open(&kdump->set, target, err);
	if (!st)
		st = sample(kdump, target, err);
	if (!st)
		st = take_notes(kdump, target, err);
	if (st)
		return st;
	kdump->machine = kdump_header_machine(&kdump->set.parts[0]->header);
	/* QEMU goes by the width of addresses; the notes say in which mode the CPUs were. */
	if (kdump->machine == VMI_MACHINE_X86_64 && kdump->notes.prstatus32)
		kdump->machine = VMI_MACHINE_X86;
	if (!kdump->notes.vcpus)
		*caps &= ~(unsigned)VMI_CAP_QUERY_REGISTERS;
	return VMI_OK;
}

static void kdump_close(void *self)
{
	struct kdump *kdump = self;

	kdump_set_close(&kdump->set);
	notes_deinit(&kdump->notes);
	shared_deinit(&kdump->shared);
	codec_pool_deinit(&kdump->codecs);
}

static void kdump_info(void *self, struct vmi_info *info)
{
	const struct kdump *kdump = self;
	const struct kdump_set *set = &kdump->set;
	vmi_gfn end = pagemap_end(&set->had);
	bool broken = false;
	uint64_t pages = 0;

	for (size_t i = 0; i < set->count; i++) {
		vmi_gfn its = pagemap_end(&set->parts[i]->dumped);
		end = its > end ? its : end;
		pages += set->parts[i]->descs;
		broken |= set->parts[i]->broken;
	}
	info->format = "kdump";
	info->machine = kdump->machine;
	info->max_gfn = end ? end - 1 : 0;
	info->memory_bytes = broken ? 0 : pages << VMI_PAGE_SHIFT; /* 0: the core counts */
	info->vcpus = kdump->notes.vcpus;
}

static const char *kdump_vmcoreinfo(void *self, size_t *len)
{
	const struct kdump *kdump = self;

	*len = kdump->notes.vmcoreinfo_len;
	return kdump->notes.vmcoreinfo;
}

/* ---- pages ---------------------------------------------------------------------------------- */

/* Why a page cannot be had, although its address is one that the dump could hold. */
static enum vmi_status absent(const struct kdump *kdump, const struct kdump_part *part, vmi_gfn gfn,
			      struct vmi_error *err)
{
	const struct kdump_set *set = &kdump->set;
	const struct kdump_header *header = &set->parts[0]->header;

	if (!part && pagemap_has(&set->parts[0]->dumped, gfn))
		return vmi_fail(err, VMI_ERR_NOT_SAVED,
				"gfn 0x%" PRIx64 " is in a part of the split dump that is missing",
				gfn);
	if (pagemap_has(&set->had, gfn))
		return vmi_fail(err, VMI_ERR_NOT_SAVED,
				"gfn 0x%" PRIx64 " was left out by the dumper (dump level %" PRIu32
				")",
				gfn, header->dump_level);
	return vmi_fail(err, VMI_ERR_NOT_SAVED, "no memory at gfn 0x%" PRIx64 " in this image",
			gfn);
}

static enum vmi_status lost(const struct kdump_part *part, vmi_gfn gfn, bool written,
			    struct vmi_error *err)
{
	if (!written)
		return vmi_fail(err, VMI_ERR_NOT_SAVED,
				"gfn 0x%" PRIx64
				" was lost: the dump is incomplete, and was never finished",
				gfn);
	return vmi_fail(err, VMI_ERR_NOT_SAVED,
			"gfn 0x%" PRIx64 " was cut off: the file ends at 0x%" PRIx64, gfn,
			vmi_source_size(part->source));
}

/* A page that the dump holds. */
struct block {
	const struct kdump_part *part;
	struct kdump_desc desc;
	const uint8_t *data; /* where it lies in memory as it is, or NULL */
};

static enum vmi_status locate(const struct kdump *kdump, vmi_gfn gfn, struct block *block,
			      struct vmi_error *err)
{
	const struct kdump_part *part = kdump_set_find(&kdump->set, gfn);
	struct kdump_desc *desc = &block->desc;

	if (!part || !pagemap_has(&part->dumped, gfn))
		return absent(kdump, part, gfn, err);
	enum vmi_status st = kdump_part_desc(part, gfn, desc, err);
	if (st == VMI_END)
		return lost(part, gfn, true, err);
	if (st)
		return vmi_wrap(err, st, "gfn 0x%" PRIx64, gfn);
	enum kdump_place place = kdump_part_place(part, desc);
	if (place == KDUMP_CUT)
		return lost(part, gfn, desc->offset, err);
	block->part = part;
	block->data = NULL;
	if (place == KDUMP_ZERO)
		block->data = kdump_zeros();
	else if (!desc->flags && desc->size == KDUMP_BLOCK)
		block->data = vmi_source_at(part->source, desc->offset, KDUMP_BLOCK);
	return VMI_OK;
}

/* Where a block lies; as integers, so that no byte of it is padding. */
struct place {
	uint64_t part, offset;
};

/*
 * Pages are the same that are unpacked from the same place, or from the same bytes, as pages of one
 * value are; which many are, and some writers store each of them.
 */
static struct shared_key key_of(const struct block *block, const uint8_t *packed,
				struct place *place)
{
	if (block->desc.size <= SHARED_KEY)
		return (struct shared_key){block->desc.flags, block->desc.size, packed};
	*place = (struct place){(uintptr_t)block->part, block->desc.offset};
	return (struct shared_key){UINT64_MAX, sizeof(*place), (const uint8_t *)place};
}

/*
 * Unpack to `out`, or, where that is NULL or others may want the page, too, to one of our own,
 * which is *own then; unless someone has done so just now.
 */
static enum vmi_status unpack_with(struct kdump *kdump, const struct block *block,
				   struct codec_tools *tools, uint8_t *out,
				   struct shared_page **own, struct vmi_error *err)
{
	const uint8_t *packed;
	struct place place;
	enum vmi_status st = kdump_part_packed(block->part, &block->desc, tools, &packed, err);

	if (st)
		return st;
	struct shared_key key = key_of(block, packed, &place);
	bool again = shared_find(&kdump->shared, &key, own);
	if (*own)
		return VMI_OK;
	if (out && !again)
		return kdump_unpack(&block->desc, packed, tools, out, err);
	struct shared_page *page = shared_page_get(&kdump->shared);
	if (!page)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	st = kdump_unpack(&block->desc, packed, tools, page->bytes, err);
	if (st) {
		shared_page_put(page);
		return st;
	}
	shared_keep(&kdump->shared, &key, page);
	*own = page;
	return VMI_OK;
}

static enum vmi_status unpack(struct kdump *kdump, vmi_gfn gfn, const struct block *block,
			      uint8_t *out, struct shared_page **own, struct vmi_error *err)
{
	struct codec_tools *tools = codec_tools_take(&kdump->codecs);

	if (!tools)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for gfn 0x%" PRIx64, gfn);
	enum vmi_status st = unpack_with(kdump, block, tools, out, own, err);
	codec_tools_put(&kdump->codecs, tools);
	return st ? vmi_wrap(err, st, "gfn 0x%" PRIx64 " at file offset 0x%" PRIx64, gfn,
			     block->desc.offset)
		  : VMI_OK;
}

static enum vmi_status kdump_page_get(void *self, vmi_gfn gfn, struct vmi_page *page,
				      struct vmi_error *err)
{
	struct shared_page *own = NULL;
	struct block block;
	enum vmi_status st = locate(self, gfn, &block, err);

	if (!st && !block.data)
		st = unpack(self, gfn, &block, NULL, &own, err);
	if (st)
		return st;
	*page = (struct vmi_page){
		.data = own ? own->bytes : block.data, .extent = VMI_PAGE_SIZE, .pin = own};
	return VMI_OK;
}

static enum vmi_status kdump_page_unpack(void *self, vmi_gfn gfn, uint8_t *out,
					 struct vmi_error *err)
{
	struct shared_page *own = NULL;
	struct block block;
	enum vmi_status st = locate(self, gfn, &block, err);

	if (!st && !block.data)
		st = unpack(self, gfn, &block, out, &own, err);
	if (st)
		return st;
	if (own || block.data)
		memcpy(out, own ? own->bytes : block.data, VMI_PAGE_SIZE);
	shared_page_put(own);
	return VMI_OK;
}

static void kdump_page_put(void *self, struct vmi_page *page)
{
	(void)self;
	shared_page_put(page->pin);
}

/* ---- runs ----------------------------------------------------------------------------------- */

static void set_run(struct vmi_run *run, vmi_gpa from, vmi_gfn gfn, vmi_gfn end,
		    enum vmi_run_kind kind)
{
	vmi_gpa start = gfn << VMI_PAGE_SHIFT;

	start = from > start ? from : start;
	*run = (struct vmi_run){
		.gpa = start, .size = (end << VMI_PAGE_SHIFT) - start, .kind = kind};
}

/* The part with the first gfns from *gfn on, which moves there. NULL: there is none. */
static const struct kdump_part *part_from(const struct kdump_set *set, vmi_gfn *gfn)
{
	const struct kdump_part *part = kdump_set_find(set, *gfn);

	if (part || *gfn >= set->parts[0]->header.pages)
		return part;
	*gfn = kdump_set_gap_end(set, *gfn);
	return kdump_set_find(set, *gfn);
}

static enum vmi_status kdump_run_next(void *self, vmi_gpa from, struct vmi_run *run,
				      struct vmi_error *err)
{
	const struct kdump *kdump = self;
	const struct kdump_part *part;
	vmi_gfn gfn = from >> VMI_PAGE_SHIFT;

	while ((part = part_from(&kdump->set, &gfn))) {
		vmi_gfn end = part->header.end, stop;
		enum kdump_place place;

		gfn = pagemap_next_set(&part->dumped, gfn, end);
		if (gfn == end)
			continue;
		enum vmi_status st = kdump_part_stretch(part, gfn, end, &stop, &place, err);
		if (st)
			return st;
		if (place != KDUMP_CUT) {
			set_run(run, from, gfn, stop,
				place == KDUMP_ZERO ? VMI_RUN_ZERO : VMI_RUN_SAVED);
			return VMI_OK;
		}
		gfn = stop;
	}
	return VMI_END;
}

/*
 * Pages from `gfn` on that are alike, up to *stop: is something missing there? Each step costs what
 * it passes over and no more, so that a walk is one pass over the bitmaps.
 */
static enum vmi_status absent_step(const struct kdump_set *set, vmi_gfn gfn, vmi_gfn *stop,
				   bool *is, enum vmi_run_kind *kind, struct vmi_error *err)
{
	const struct kdump_part *part = kdump_set_find(set, gfn);
	const struct pagemap *dumped = &(part ? part : set->parts[0])->dumped;
	vmi_gfn end = part ? part->header.end : kdump_set_gap_end(set, gfn);
	enum kdump_place place = KDUMP_CUT;

	if (!pagemap_has(dumped, gfn)) {
		*is = pagemap_has(&set->had, gfn);
		*kind = VMI_RUN_EXCLUDED;
		*stop = *is ? pagemap_next_clear(&set->had, gfn, end)
			    : pagemap_next_set(&set->had, gfn, end);
		*stop = pagemap_next_set(dumped, gfn, *stop);
		return VMI_OK;
	}
	/* It was dumped, but its part is not here, or it may be lost from that. */
	*kind = VMI_RUN_CUT;
	if (part && part->broken) {
		enum vmi_status st = kdump_part_stretch(part, gfn, end, stop, &place, err);
		if (st)
			return st;
	} else {
		*stop = pagemap_next_clear(dumped, gfn, end);
	}
	*is = !part || (part->broken && place == KDUMP_CUT);
	return VMI_OK;
}

static enum vmi_status kdump_absent_next(void *self, vmi_gpa from, struct vmi_run *run,
					 struct vmi_error *err)
{
	const struct kdump *kdump = self;
	const struct kdump_set *set = &kdump->set;
	vmi_gfn gfn = from >> VMI_PAGE_SHIFT, stop;

	for (; gfn < set->parts[0]->header.pages; gfn = stop) {
		enum vmi_run_kind kind;
		bool is;

		enum vmi_status st = absent_step(set, gfn, &stop, &is, &kind, err);
		if (st)
			return st;
		if (is) {
			set_run(run, from, gfn, stop, kind);
			return VMI_OK;
		}
	}
	return VMI_END;
}

static enum vmi_status kdump_registers_get(void *self, unsigned vcpu, struct vmi_registers *regs,
					   struct vmi_error *err)
{
	const struct kdump *kdump = self;

	(void)err;
	vcpu_registers(&kdump->notes.vcpu[vcpu], kdump->machine, regs);
	return VMI_OK;
}

const struct vmi_driver_ops driver_kdump = {
	.name = "kdump",
	.state_size = sizeof(struct kdump),
	.concurrent = true,
	.parts = true,
	.probe = kdump_probe,
	.open = kdump_open,
	.close = kdump_close,
	.info = kdump_info,
	.vmcoreinfo = kdump_vmcoreinfo,
	.page = {.get = kdump_page_get,
		 .put = kdump_page_put,
		 .unpack = kdump_page_unpack,
		 .run_next = kdump_run_next,
		 .absent_next = kdump_absent_next},
	.registers = {.get = kdump_registers_get},
};
