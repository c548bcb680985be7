/* SPDX-License-Identifier: MIT */
/*
 * ELF cores of whole machines: Linux' /proc/vmcore and makedumpfile -E, QEMU's dump-guest-memory
 * and those who write like it, VirtualBox' dumpvmcore. One PT_LOAD per stretch of guest-physical
 * memory, notes for the rest.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "extents.h"
#include "headers.h"
#include "notes.h"

struct elf {
	struct extents extents; /* first: extents_self_get() */
	struct notes notes;
	enum vmi_machine machine;
	const char *format;
};

/* makedumpfile sets this bit of e_flags when it ran out of space (DUMP_ELF_INCOMPLETE). */
enum { FLAG_INCOMPLETE = 1 };

/* What is only needed while opening. */
struct loading {
	const struct vmi_target *target;
	struct elf *elf;
	struct headers headers;
	struct segments segments;
	uint64_t notes_end; /* behind the last note segment, in the file */
	/* PT_LOADs that are of some size, and of what physical address. */
	uint64_t loads, at_zero, at_none;
	bool inverted; /* one holds more than it says the guest had */
};

static bool elf_probe(const struct vmi_target *target, const uint8_t *head, size_t len)
{
	(void)target;
	return head && len >= SELFMAG && !memcmp(head, ELFMAG, SELFMAG);
}

/* ---- segments ------------------------------------------------------------------------------- */

static enum vmi_status load_memory(struct loading *l, const GElf_Phdr *p, struct vmi_error *err)
{
	uint64_t filesz = p->p_filesz, memsz = p->p_memsz;

	/* QEMU writes this for what its begin and length arguments left out. */
	if (p->p_offset == UINT64_MAX)
		filesz = 0;
	if (!filesz && !memsz)
		return VMI_OK;
	l->loads++;
	l->at_zero += !p->p_paddr;
	l->at_none += p->p_paddr == UINT64_MAX;
	l->inverted |= filesz > memsz;
	return segments_add(&l->segments, l->target->source, p->p_paddr, filesz, memsz, p->p_offset,
			    err);
}

static enum vmi_status load_segments(struct loading *l, struct vmi_error *err)
{
	for (uint64_t i = 0; i < l->headers.phnum; i++) {
		GElf_Phdr p;
		enum vmi_status st = headers_program(&l->headers, i, &p, err);

		if (!st && p.p_type == PT_LOAD)
			st = load_memory(l, &p, err);
		if (!st && p.p_type == PT_NOTE) {
			st = notes_add(&l->elf->notes, l->target, l->target->source, p.p_offset,
				       p.p_filesz, p.p_align, err);
			if (p.p_offset <= UINT64_MAX - p.p_filesz &&
			    p.p_offset + p.p_filesz > l->notes_end)
				l->notes_end = p.p_offset + p.p_filesz;
		}
		if (st)
			return st;
	}
	notes_finish(&l->elf->notes, l->target);
	return VMI_OK;
}

/* Refusals, in words, of cores that are no dumps of physical memory. */
static enum vmi_status check_segments(const struct loading *l, struct vmi_error *err)
{
	GElf_Shdr xen;

	if (headers_section(&l->headers, ".xen_pages", &xen))
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"it is a dump of Xen's dump-core: the driver xen-core reads it");
	if (!l->headers.phnum)
		return vmi_fail(err, VMI_ERR_CORRUPT, "it has no program headers, thus no memory");
	if (!l->loads)
		return vmi_fail(err, VMI_ERR_CORRUPT, "it has no PT_LOAD segment, thus no memory");
	if (l->at_none == l->loads || (l->at_zero == l->loads && l->loads > 1))
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"it holds virtual addresses only: no segment has a physical one");
	return VMI_OK;
}

/* ---- QEMU with paging=on -------------------------------------------------------------------- */

/*
 * QEMU writes its blocks of RAM to the file whole, in ascending order and without a gap. With
 * paging=on, however, the program headers name only what some page table maps. The rest is found
 * by what the order implies: delta = offset - gpa falls by the size of the hole from each block to
 * the next one.
 *
 *	file:   |headers|notes| block 0 ......... | block 1 ... |
 *	PT_LOAD:               ####   ## ###   #     ##    ###
 *
 * Thus two stretches of equal delta are of one block, and what lies between them belongs there; and
 * if the delta of the first stretch is where the notes end, then the first block starts there with
 * gpa 0. Between stretches of unequal delta, and behind the last, nothing says where a block ends.
 */
static int compare_offset(const void *a, const void *b)
{
	uint64_t x = ((const struct segment *)a)->offset, y = ((const struct segment *)b)->offset;

	return (x > y) - (x < y);
}

/* Where QEMU's memory ends in the file: before the section names that newer ones append. */
static uint64_t memory_end(const struct loading *l)
{
	uint64_t size = vmi_source_size(l->target->source);
	GElf_Shdr names;

	if (headers_section(&l->headers, ".shstrtab", &names) && names.sh_offset < size)
		return names.sh_offset;
	return size;
}

/* The held segments alone, in the order of the file. NULL when out of memory. */
static struct segment *sorted_held(const struct segments *segments, size_t *count)
{
	struct segment *held = malloc((segments->count + 1) * sizeof(*held));

	*count = 0;
	for (size_t i = 0; held && i < segments->count; i++)
		if (segments->list[i].kind == SEGMENT_HELD)
			held[(*count)++] = segments->list[i];
	if (held)
		qsort(held, *count, sizeof(*held), compare_offset);
	return held;
}

static enum vmi_status recover_unmapped(struct loading *l, struct vmi_error *err)
{
	const struct vmi_source *source = l->target->source;
	uint64_t tables_end = headers_end(&l->headers);
	uint64_t at = l->notes_end > tables_end ? l->notes_end : tables_end;
	uint64_t delta = at, lost = 0;
	enum vmi_status st = VMI_OK;
	size_t count;
	struct segment *held = sorted_held(&l->segments, &count);

	if (!held)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the table of segments");
	for (size_t i = 0; i < count && !st; i++) {
		const struct segment *s = &held[i];
		uint64_t own = s->offset - s->gpa;
		if (s->offset > at && own == delta)
			st = segments_add(&l->segments, source, at - delta, s->offset - at,
					  s->offset - at, at, err);
		else if (s->offset > at)
			lost += s->offset - at;
		if (s->offset + s->size > at) {
			at = s->offset + s->size;
			delta = own;
		}
	}
	free(held);
	if (memory_end(l) > at)
		lost += memory_end(l) - at;
	if (lost >= VMI_PAGE_SIZE)
		l->target->warn(l->target,
				"0x%" PRIx64 " bytes of memory are in the file but no segment says "
				"where they belong (QEMU's paging=on): they are left out",
				lost);
	return st;
}

/* --------------------------------------------------------------------------------------------- */

static void warn_segments(const struct loading *l)
{
	const struct segments *s = &l->segments;
	const struct vmi_target *target = l->target;

	segments_warn_cut(s, target, target->source,
			  s->cut > 1 ? ", and more segments behind" : "");
	segments_warn_beyond(s, target, "segments");
	extents_warn_conflicts(&l->elf->extents, target, "segments");
	if (l->inverted)
		target->warn(target, "a segment is larger in the file than in memory");
	if (l->headers.ehdr.e_flags & FLAG_INCOMPLETE)
		target->warn(target, "the image is incomplete: makedumpfile ran out of space");
}

static void take_header(struct loading *l)
{
	const struct notes *notes = &l->elf->notes;

	switch (l->headers.ehdr.e_machine) {
	case EM_X86_64:
		l->elf->machine = VMI_MACHINE_X86_64;
		break;
	case EM_386:
		l->elf->machine = VMI_MACHINE_X86;
		break;
	default:
		l->elf->machine = VMI_MACHINE_OTHER;
		l->target->warn(l->target, "the image is of machine %u, which is not x86",
				l->headers.ehdr.e_machine);
	}
	if (notes->vmicore)
		l->elf->format = "elf-vmicore";
	else if (notes->qemu)
		l->elf->format = "elf-qemu";
	else if (notes->virtualbox)
		l->elf->format = "elf-virtualbox";
	else if (notes->vmcoreinfo || notes->prstatus)
		l->elf->format = "elf-vmcore";
	else
		l->elf->format = "elf";
}

static enum vmi_status load(struct loading *l, struct vmi_error *err)
{
	enum vmi_status st = headers_open(&l->headers, l->target->source, err);

	if (!st)
		st = load_segments(l, err);
	if (!st)
		st = check_segments(l, err);
	/* Our own snapshots have the notes, too, but say of all memory where it belongs. */
	if (!st && l->elf->notes.qemu && !l->elf->notes.vmicore)
		st = recover_unmapped(l, err);
	if (!st)
		st = extents_build(&l->elf->extents, &l->segments, l->target->source, err);
	if (st)
		return st;
	if (!l->elf->extents.count)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"it ends at 0x%" PRIx64 ", before any of its memory",
				vmi_source_size(l->target->source));
	take_header(l);
	warn_segments(l);
	return VMI_OK;
}

static enum vmi_status elf_open(void *self, const struct vmi_target *target, unsigned *caps,
				struct vmi_error *err)
{
	struct loading l = {.target = target, .elf = self};

	if (!target->source)
		return vmi_fail(err, VMI_ERR_ARG, "%s is not a file", target->name);
	enum vmi_status st = load(&l, err);
	segments_deinit(&l.segments);
	if (st)
		return vmi_wrap(err, st, "%s", target->name);
	if (!l.elf->notes.vcpus)
		*caps &= ~(unsigned)VMI_CAP_QUERY_REGISTERS;
	return VMI_OK;
}

static void elf_close(void *self)
{
	struct elf *elf = self;

	extents_deinit(&elf->extents);
	notes_deinit(&elf->notes);
}

static void elf_info(void *self, struct vmi_info *info)
{
	const struct elf *elf = self;

	info->format = elf->format;
	info->machine = elf->machine;
	info->max_gfn = (elf->extents.end - 1) >> VMI_PAGE_SHIFT;
	info->memory_bytes = elf->extents.bytes;
	info->vcpus = elf->notes.vcpus;
}

static const char *elf_vmcoreinfo(void *self, size_t *len)
{
	const struct elf *elf = self;

	*len = elf->notes.vmcoreinfo_len;
	return elf->notes.vmcoreinfo;
}

static enum vmi_status elf_registers_get(void *self, unsigned vcpu, struct vmi_registers *regs,
					 struct vmi_error *err)
{
	const struct elf *elf = self;

	(void)err;
	vcpu_registers(&elf->notes.vcpu[vcpu], elf->machine, regs);
	return VMI_OK;
}

const struct vmi_driver_ops driver_elf = {
	.name = "elf",
	.state_size = sizeof(struct elf),
	.concurrent = true,
	.probe = elf_probe,
	.open = elf_open,
	.close = elf_close,
	.info = elf_info,
	.vmcoreinfo = elf_vmcoreinfo,
	.page = {.get = extents_self_get,
		 .put = extents_self_put,
		 .run_next = extents_self_run_next,
		 .absent_next = extents_self_absent_next},
	.registers = {.get = elf_registers_get},
};
