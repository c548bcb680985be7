/* SPDX-License-Identifier: MIT */
/*
 * Guests as Xen's `xl dump-core` writes them: an ELF core without program headers. Its sections
 * hold pages, and a table of which page is which (docs/misc/dump-core-format.txt of Xen).
 *
 *	.xen_prstatus  one vcpu_guest_context per vcpu
 *	.xen_pages     the pages, one behind the other
 *	.xen_pfn       {u64 pfn} of each page, for guests with hardware's help
 *	.xen_p2m       {u64 pfn, gmfn} of each page, for paravirtualised ones
 *
 * A paravirtualised guest's page tables and CR3 hold machine frames (gmfn). They are what it calls
 * physical when it talks to the processor, so they are what is physical here, too.
 */

#include <inttypes.h>

#include "bytes.h"
#include "extents.h"
#include "headers.h"
#include "notes.h"
#include "pagelist.h"
#include "xen_vcpu.h"

enum {
	VCPU_MAX = 4096,
	PFN_SIZE = 8,
	P2M_SIZE = 16,
	CHUNK = 64 << 10, /* of the table, read at once */
	FORMAT_KNOWN = 1,
};
static const uint64_t pfn_none = UINT64_MAX;

struct xen_core {
	struct extents extents; /* first: see extents_self_get() */
	const struct vmi_source *source;
	bool pv;
	uint64_t vcpu_at, vcpu_size; /* of the first in the file, and of each */
	unsigned vcpus;
	enum vmi_machine machine;
};

/* What is only needed while opening. */
struct loading {
	const struct vmi_target *target;
	struct xen_core *core;
	struct headers headers;
	struct notes notes;
	struct segments segments;
	GElf_Shdr pages, table, vcpus, note;
	struct pagelist list;
};

/* ---- sections ------------------------------------------------------------------------------- */

/*
 * The names are the last thing in the file. When it is cut short there, the sizes of entries still
 * tell the sections apart; .xen_shared_info is like .xen_pages, and stands before it.
 */
static void guess_sections(struct loading *l)
{
	GElf_Shdr s;

	for (uint32_t i = 1; headers_section_at(&l->headers, i, &s); i++) {
		if (s.sh_type == SHT_NOTE) {
			l->note = s;
		} else if (s.sh_entsize == XEN_VCPU64_SIZE || s.sh_entsize == XEN_VCPU32_SIZE) {
			l->vcpus = s;
		} else if (s.sh_entsize == VMI_PAGE_SIZE) {
			l->pages = s;
		} else if (s.sh_entsize == PFN_SIZE || s.sh_entsize == P2M_SIZE) {
			l->table = s;
			l->core->pv = s.sh_entsize == P2M_SIZE;
		}
	}
}

/* False when it is no such dump. */
static bool find_sections(struct loading *l)
{
	guess_sections(l);
	bool named = headers_section(&l->headers, ".xen_pages", &l->pages);
	bool guessed = !l->headers.phnum && l->pages.sh_entsize && l->table.sh_entsize;

	headers_section(&l->headers, ".note.Xen", &l->note);
	headers_section(&l->headers, ".xen_prstatus", &l->vcpus);
	if (headers_section(&l->headers, ".xen_pfn", &l->table))
		l->core->pv = false;
	else if (headers_section(&l->headers, ".xen_p2m", &l->table))
		l->core->pv = true;
	return named || guessed;
}

static bool xen_core_probe(const struct vmi_target *target, const uint8_t *head, size_t len)
{
	struct xen_core core = {0};
	struct loading l = {.target = target, .core = &core};

	return target->source && head && len >= SELFMAG && !memcmp(head, ELFMAG, SELFMAG) &&
	       !headers_open(&l.headers, target->source, NULL) && find_sections(&l);
}

/* ---- notes ---------------------------------------------------------------------------------- */

static enum vmi_status load_notes(struct loading *l, struct vmi_error *err)
{
	const struct vmi_target *target = l->target;

	if (!l->note.sh_size)
		return VMI_OK;
	enum vmi_status st = notes_add(&l->notes, target, target->source, l->note.sh_offset,
				       l->note.sh_size, l->note.sh_addralign, err);
	if (st)
		return st;
	if (l->notes.xen_format && l->notes.xen_format != FORMAT_KNOWN)
		target->warn(target, "it is of format %" PRIu64 ".%" PRIu64 ", not 0.%d",
			     l->notes.xen_format >> 32, l->notes.xen_format & UINT32_MAX,
			     FORMAT_KNOWN);
	const uint8_t *header = l->notes.xen_header;
	if (header && le64(header + 24) != VMI_PAGE_SIZE)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"its pages are of %" PRIu64 " bytes, which no x86 has",
				le64(header + 24));
	return VMI_OK;
}

static void load_vcpus(struct loading *l)
{
	struct xen_core *core = l->core;
	const struct vmi_target *target = l->target;
	uint64_t size = vmi_source_size(target->source), count;

	if (!l->vcpus.sh_entsize)
		return;
	core->vcpu_at = l->vcpus.sh_offset;
	core->vcpu_size = l->vcpus.sh_entsize;
	if (core->vcpu_size < XEN_VCPU32_SIZE || core->vcpu_size > VMI_PAGE_SIZE * 2) {
		target->warn(target,
			     "the registers are of no known layout: 0x%" PRIx64 " bytes each",
			     core->vcpu_size);
		return;
	}
	count = l->vcpus.sh_size / core->vcpu_size;
	uint64_t held = core->vcpu_at < size ? (size - core->vcpu_at) / core->vcpu_size : 0;
	if (held < count)
		target->warn(target, "the registers are cut off: the file ends at 0x%" PRIx64,
			     size);
	count = held < count ? held : count;
	if (count > VCPU_MAX)
		target->warn(target,
			     "there are registers of %" PRIu64 " vcpus: the first %d are read",
			     count, VCPU_MAX);
	core->vcpus = count > VCPU_MAX ? VCPU_MAX : (unsigned)count;
}

/* ---- pages ---------------------------------------------------------------------------------- */

/* Page `page` of the file is frame `gfn`. */
static enum vmi_status add_page(struct loading *l, uint64_t page, vmi_gfn gfn,
				struct vmi_error *err)
{
	/* Padding, where the guest had fewer pages than was thought when the dump began. */
	if (gfn == pfn_none)
		return VMI_OK;
	return pagelist_add(&l->list, SEGMENT_HELD, gfn,
			    l->pages.sh_offset + (page << VMI_PAGE_SHIFT), err);
}

/* How many pages both sections speak of, and the file has entries for. */
static uint64_t count_pages(const struct loading *l, unsigned entry)
{
	const struct vmi_target *target = l->target;
	uint64_t size = vmi_source_size(target->source);
	uint64_t count = l->pages.sh_size / VMI_PAGE_SIZE, entries = l->table.sh_size / entry;

	if (count != entries)
		target->warn(target,
			     "it has %" PRIu64 " pages, but says of %" PRIu64 " which they are",
			     count, entries);
	count = entries < count ? entries : count;
	uint64_t held = l->table.sh_offset < size ? (size - l->table.sh_offset) / entry : 0;
	if (held < count)
		target->warn(target,
			     "the file ends at 0x%" PRIx64
			     ", inside the table that says which page "
			     "is which: %" PRIu64 " pages are lost",
			     size, count - held);
	return held < count ? held : count;
}

static enum vmi_status load_table(struct loading *l, struct vmi_error *err)
{
	uint8_t buffer[CHUNK];
	unsigned entry = l->core->pv ? P2M_SIZE : PFN_SIZE;
	uint64_t count = count_pages(l, entry), last = l->table.sh_offset + count * entry;
	enum vmi_status st = VMI_OK;

	l->list = (struct pagelist){.segments = &l->segments, .source = l->target->source};
	for (uint64_t page = 0; page < count && !st;) {
		uint64_t at = l->table.sh_offset + page * entry;
		size_t len = last - at < CHUNK ? (size_t)(last - at) : CHUNK;
		const uint8_t *from = vmi_source_at(l->target->source, at, len);

		if (!from) {
			st = vmi_source_read(l->target->source, at, buffer, len, err);
			from = buffer;
		}
		/* Of a pair the second is the machine's frame. */
		for (size_t i = 0; i < len && !st; i += entry)
			st = add_page(l, page++, le64(from + i + entry - PFN_SIZE), err);
		vmi_progress(l->target->options, page, count);
	}
	return st ? st : pagelist_flush(&l->list, err);
}

/* --------------------------------------------------------------------------------------------- */

static void warn_pages(const struct loading *l)
{
	const struct vmi_target *target = l->target;
	const struct segments *s = &l->segments;

	segments_warn_cut(s, target, target->source, s->cut > 1 ? ", and more behind" : "");
	segments_warn_beyond(s, target, "stretches");
	if (l->core->extents.conflicts)
		target->warn(target,
			     "pages are there more than once, the first at or behind gpa 0x%" PRIx64
			     ": what comes first in the file is taken",
			     l->core->extents.conflict_gpa);
	if (l->core->pv)
		target->warn(
			target,
			"a paravirtualised guest: physical addresses are machine addresses, as "
			"in its page tables");
}

static enum vmi_status load(struct loading *l, struct vmi_error *err)
{
	const struct vmi_source *source = l->target->source;
	enum vmi_status st = headers_open(&l->headers, source, err);

	if (st)
		return st;
	if (!find_sections(l))
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"it has no section .xen_pages: it is no dump of a Xen guest");
	if (!l->table.sh_size)
		return vmi_fail(
			err, VMI_ERR_CORRUPT,
			"it has no section .xen_pfn or .xen_p2m that would say which page is "
			"which");
	if (l->table.sh_offset >= vmi_source_size(source))
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"the file ends at 0x%" PRIx64 ", before the table at 0x%" PRIx64
				" that says which page is which: copy it again, whole",
				vmi_source_size(source), (uint64_t)l->table.sh_offset);
	st = load_notes(l, err);
	if (!st)
		st = load_table(l, err);
	if (!st)
		st = extents_build(&l->core->extents, &l->segments, source, err);
	if (st)
		return st;
	if (!l->core->extents.count)
		return vmi_fail(err, VMI_ERR_CORRUPT, "it holds no page of memory");
	load_vcpus(l);
	warn_pages(l);
	return VMI_OK;
}

static void xen_core_read_registers(const struct xen_core *core, unsigned vcpu,
				    struct vmi_registers *regs);

static enum vmi_status xen_core_open(void *self, const struct vmi_target *target, unsigned *caps,
				     struct vmi_error *err)
{
	struct xen_core *core = self;
	struct loading l = {.target = target, .core = core};

	if (!target->source)
		return vmi_fail(err, VMI_ERR_ARG, "%s is not a file", target->name);
	core->source = target->source;
	enum vmi_status st = load(&l, err);
	segments_deinit(&l.segments);
	notes_deinit(&l.notes);
	if (st)
		return vmi_wrap(err, st, "%s", target->name);

	/* The header is of the machine that wrote it; the guest's own mode says more. */
	struct vmi_registers regs = {0};
	if (core->vcpus)
		xen_core_read_registers(core, 0, &regs);
	else
		*caps &= ~(unsigned)VMI_CAP_QUERY_REGISTERS;
	core->machine = regs.value[VMI_EFER] & VMI_EFER_LMA ? VMI_MACHINE_X86_64
			: vmi_register_has(&regs, VMI_EFER) ? VMI_MACHINE_X86
							    : VMI_MACHINE_UNKNOWN;
	return VMI_OK;
}

static void xen_core_info(void *self, struct vmi_info *info)
{
	const struct xen_core *core = self;

	info->format = "xen-core";
	info->machine = core->machine;
	info->max_gfn = (core->extents.end - 1) >> VMI_PAGE_SHIFT;
	info->memory_bytes = core->extents.bytes;
	info->vcpus = core->vcpus;
}

/*
 * With PAE the processor refuses a CR3 of which the first four entries set reserved bits (SDM vol.
 * 3A 4.4.1); entries of long mode have the same bits set as soon as they allow writing (bit 1).
 */
static bool may_be_pae(const struct xen_core *core, uint64_t cr3)
{
	static const uint64_t reserved = 0xfff00000000001e6;
	struct vmi_page page;
	bool valid = false;
	size_t at = cr3 & 0xfe0;

	if (extents_page_get(&core->extents, (cr3 & UINT32_MAX) >> VMI_PAGE_SHIFT, &page, NULL))
		return true;
	for (unsigned i = 0; i < 4; i++) {
		uint64_t entry = le64(page.data + at + 8 * i);
		valid |= (entry & 1) != 0;
		if ((entry & 1) && (entry & reserved)) {
			valid = false;
			break;
		}
	}
	extents_page_put(&page);
	return valid;
}

static void xen_core_read_registers(const struct xen_core *core, unsigned vcpu,
				    struct vmi_registers *regs)
{
	uint8_t context[2 * VMI_PAGE_SIZE];
	uint64_t at = core->vcpu_at + vcpu * core->vcpu_size;

	regs->source = "xen-prstatus";
	if (vmi_source_read(core->source, at, context, core->vcpu_size, NULL))
		return;
	if (core->pv) {
		xen_vcpu_pv(context, xen_vcpu_is_wide(context, core->vcpu_size), regs);
		return;
	}
	xen_vcpu_hvm(context, core->vcpu_size >= XEN_VCPU64_SIZE, regs);
	if (!vmi_register_has(regs, VMI_CR3) || vmi_register_has(regs, VMI_EFER))
		return;
	if (may_be_pae(core, regs->value[VMI_CR3]))
		xen_vcpu_assume_pae(regs, "CR4.PAE is set and CR3 leads to a table of PAE paging; "
					  "NX is taken to be on");
	else
		xen_vcpu_assume_long(regs, "CR4.PAE is set and CR3 leads to no table of PAE "
					   "paging: long mode; NX is taken to be on");
}

static enum vmi_status xen_core_registers_get(void *self, unsigned vcpu, struct vmi_registers *regs,
					      struct vmi_error *err)
{
	(void)err;
	xen_core_read_registers(self, vcpu, regs);
	return VMI_OK;
}

const struct vmi_driver_ops driver_xen_core = {
	.name = "xen-core",
	.state_size = sizeof(struct xen_core),
	.concurrent = true,
	.probe = xen_core_probe,
	.open = xen_core_open,
	.close = extents_self_close,
	.info = xen_core_info,
	.page = {.get = extents_self_get,
		 .put = extents_self_put,
		 .run_next = extents_self_run_next,
		 .absent_next = extents_self_absent_next},
	.registers = {.get = xen_core_registers_get},
};
