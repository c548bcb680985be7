/* SPDX-License-Identifier: MIT */
/* Images of Xen guests, written from the formats' descriptions. */

#include <elf.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "mk_elf.h"
#include "mk_xen.h"

enum { PAGE = 4096 };

static void put(uint8_t *at, uint64_t value, size_t width)
{
	for (size_t i = 0; i < width; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

/* Registers one behind the other; "-" leaves a field alone. */
static void put_names(uint8_t *at, const char *const *names, size_t width)
{
	for (; *names; names++, at += width)
		if (**names != '-')
			put(at, mk_value(*names), width);
}

void mk_append(struct mk_stream *s, const void *bytes, size_t len)
{
	s->bytes = realloc(s->bytes, s->size + len + 1);
	if (!s->bytes)
		abort();
	if (bytes)
		memcpy(s->bytes + s->size, bytes, len);
	else
		memset(s->bytes + s->size, 0, len);
	s->size += len;
}

static void pad(struct mk_stream *s, size_t to)
{
	mk_append(s, NULL, (to - s->size % to) % to);
}

static void page(struct mk_stream *s, uint64_t frame, uint64_t salt)
{
	uint8_t bytes[PAGE];

	for (unsigned i = 0; i < PAGE; i++)
		bytes[i] = mk_byte(frame * PAGE + i, salt);
	mk_append(s, bytes, sizeof(bytes));
}

/* ---- vcpus ---------------------------------------------------------------------------------- */

void mk_xen_vcpu64(uint8_t out[MK_XEN_VCPU64], const struct mk_xen_control *c)
{
	static const char *const general[] = {"r15", "r14", "r13", "r12", "rbp", "rbx", "r11",
					      "r10", "r9",  "r8",  "rax", "rcx", "rdx", "rsi",
					      "rdi", "-",   "rip", "-",   "rfl", "rsp", "ss",
					      "es",  "ds",  "fs",  "gs",  NULL};
	static const char *const debug[] = {"dr0", "dr1", "dr2", "dr3", "-",
					    "-",   "dr6", "dr7", NULL};

	memset(out, 0, MK_XEN_VCPU64);
	put(out + 512, c->flags, 8);
	put_names(out + 520, general, 8);
	put(out + 656, c->cs, 2);
	put(out + 4984, c->cr0, 8);
	put(out + 5000, mk_value("cr2"), 8);
	put(out + 5008, c->cr3, 8);
	put(out + 5016, c->cr4, 8);
	put_names(out + 5048, debug, 8);
	put(out + 5144, c->fs_base, 8);
	put(out + 5152, c->gs_kernel, 8);
	put(out + 5160, c->gs_user, 8);
}

void mk_xen_vcpu32(uint8_t out[MK_XEN_VCPU32], const struct mk_xen_control *c)
{
	static const char *const general[] = {"ebx", "ecx", "edx", "esi", "edi", "ebp",
					      "eax", "-",   "eip", "-",   "efl", "esp",
					      "ss",  "es",  "ds",  "fs",  "gs",  NULL};
	static const char *const debug[] = {"dr0", "dr1", "dr2", "dr3", "-",
					    "-",   "dr6", "dr7", NULL};

	memset(out, 0, MK_XEN_VCPU32);
	put(out + 512, c->flags, 4);
	put_names(out + 516, general, 4);
	put(out + 552, c->cs, 2);
	put(out + 2716, c->cr0, 4);
	put(out + 2724, mk_value("cr2"), 4);
	put(out + 2728, c->cr3, 4);
	put(out + 2732, c->cr4, 4);
	put_names(out + 2748, debug, 4);
}

/* ---- xl dump-core --------------------------------------------------------------------------- */

static void note(struct mk_stream *s, uint32_t type, const uint64_t *words, uint32_t count)
{
	const uint32_t head[] = {4, count * 8, type};

	mk_append(s, head, sizeof(head));
	mk_append(s, "Xen", 4);
	mk_append(s, words, count * 8);
}

struct sections {
	Elf64_Shdr list[8];
	unsigned count;
	char names[128];
	size_t names_size;
};

static Elf64_Shdr *section(struct sections *all, const char *name, uint32_t type, uint64_t at,
			   uint64_t size, uint64_t entry)
{
	Elf64_Shdr *s = &all->list[all->count++];

	*s = (Elf64_Shdr){.sh_name = (uint32_t)all->names_size,
			  .sh_type = type,
			  .sh_offset = at,
			  .sh_size = size,
			  .sh_entsize = entry};
	strcpy(all->names + all->names_size, name);
	all->names_size += strlen(name) + 1;
	return s;
}

static void core_notes(struct mk_stream *s, const struct mk_xen_core *core, uint64_t pages,
		       struct sections *all)
{
	const uint64_t header[] = {core->pv ? 0xf00febed : 0xf00febee, core->vcpu_count, pages,
				   core->page_size ? core->page_size : PAGE};
	const uint64_t format = core->format ? core->format : 1;
	size_t at = s->size;

	if (core->no_note)
		return;
	note(s, 0x2000000, NULL, 0);
	note(s, 0x2000001, header, 4);
	note(s, 0x2000003, &format, 1);
	section(all, ".note.Xen", SHT_NOTE, at, s->size - at, 0);
}

static void core_pages(struct mk_stream *s, const struct mk_xen_core *core, uint64_t count,
		       struct sections *all)
{
	uint64_t claim = (count + (uint64_t)core->more_pages) * PAGE;

	pad(s, PAGE);
	section(all, ".xen_pages", SHT_PROGBITS, s->size, claim, PAGE);
	for (const struct mk_xen_page *p = core->pages; p && !p->last; p++) {
		page(s, (uint64_t)(core->pv ? p->gmfn : p->pfn), p->salt);
		uint8_t *at = s->bytes + s->size - PAGE;
		if (p->words)
			memset(at, 0, PAGE);
		for (const uint64_t *w = p->words; w && w[1]; w += 2)
			put(at + 8 * w[0], w[1], 8);
	}
	if (core->no_table)
		return;
	section(all, core->pv ? ".xen_p2m" : ".xen_pfn", SHT_PROGBITS, s->size,
		count * (core->pv ? 16 : 8), core->pv ? 16 : 8);
	for (const struct mk_xen_page *p = core->pages; p && !p->last; p++) {
		mk_append(s, &p->pfn, 8);
		if (core->pv)
			mk_append(s, &p->gmfn, 8);
	}
}

uint8_t *mk_xen_core(const struct mk_xen_core *core, size_t *size)
{
	struct sections all = {.count = 1, .names_size = 1};
	struct mk_stream s = {0};
	Elf64_Ehdr ehdr = {.e_type = ET_CORE,
			   .e_machine = EM_X86_64,
			   .e_version = 1,
			   .e_shoff = sizeof(ehdr),
			   .e_ehsize = sizeof(ehdr),
			   .e_phentsize = sizeof(Elf64_Phdr),
			   .e_shentsize = sizeof(Elf64_Shdr)};
	static const uint8_t shared[PAGE];
	uint64_t count = 0;

	memcpy(ehdr.e_ident, "\177ELF\2\1\1", 7);
	mk_append(&s, NULL, sizeof(ehdr) + sizeof(all.list));
	for (const struct mk_xen_page *p = core->pages; p && !p->last; p++)
		count++;
	Elf64_Shdr *names = section(&all, ".shstrtab", SHT_STRTAB, 0, 0, 0);
	core_notes(&s, core, count, &all);
	uint64_t vcpus = (uint64_t)core->vcpu_count * core->vcpu_size;
	section(&all, ".xen_prstatus", SHT_PROGBITS, s.size,
		core->vcpu_claim ? core->vcpu_claim : vcpus, core->vcpu_size);
	mk_append(&s, core->vcpus, vcpus);
	section(&all, ".xen_shared_info", SHT_PROGBITS, s.size, PAGE, PAGE);
	mk_append(&s, shared, PAGE);
	core_pages(&s, core, count, &all);
	names->sh_offset = s.size;
	names->sh_size = all.names_size;
	mk_append(&s, all.names, all.names_size);
	ehdr.e_shnum = (uint16_t)all.count;
	ehdr.e_shstrndx = 1;
	memcpy(s.bytes, &ehdr, sizeof(ehdr));
	memcpy(s.bytes + sizeof(ehdr), all.list, sizeof(all.list));
	*size = s.size - core->cut;
	return s.bytes;
}

/* ---- xl save -------------------------------------------------------------------------------- */

void mk_xl(struct mk_stream *s, uint32_t flags, uint32_t extra)
{
	const uint32_t words[] = {0x01020304, flags, 0, extra};

	mk_append(s, "Xen saved domain, xl format\n \0 \r", 32);
	mk_append(s, words, sizeof(words));
	mk_append(s, NULL, extra);
}

void mk_libxl(struct mk_stream *s, uint32_t version)
{
	const uint32_t words[] = {htobe32(version), 0};

	mk_append(s, "LibxlFmt", 8);
	mk_append(s, words, sizeof(words));
}

void mk_libxc(struct mk_stream *s, uint32_t version, uint32_t type, uint16_t shift)
{
	const uint32_t image[] = {htobe32(version), 0, 0}, domain[] = {type, shift, 4, 17};

	mk_append(s, "\xff\xff\xff\xff\xff\xff\xff\xffXENF", 12);
	mk_append(s, image, sizeof(image));
	mk_append(s, domain, sizeof(domain));
}

void mk_record(struct mk_stream *s, uint32_t type, const void *body, uint32_t len)
{
	const uint32_t head[] = {type, len};

	mk_append(s, head, sizeof(head));
	mk_append(s, body, len);
	mk_append(s, NULL, -len % 8);
}

void mk_pages(struct mk_stream *s, const uint64_t *entries, uint32_t count, uint64_t salt)
{
	struct mk_stream body = {0};
	const uint32_t head[] = {count, 0};

	mk_append(&body, head, sizeof(head));
	mk_append(&body, entries, count * 8);
	for (uint32_t i = 0; i < count; i++)
		if (entries[i] >> 60 < MK_PAGE_BROKEN)
			page(&body, entries[i] & (UINT64_MAX >> 12), salt);
	mk_record(s, 1, body.bytes, (uint32_t)body.size);
	free(body.bytes);
}

void mk_hvm_record(struct mk_stream *context, uint16_t type, uint16_t vcpu, const void *body,
		   uint32_t len)
{
	const uint16_t head[] = {type, vcpu};

	mk_append(context, head, sizeof(head));
	mk_append(context, &len, sizeof(len));
	mk_append(context, body, len);
}

void mk_hvm_cpu(uint8_t out[MK_HVM_CPU], uint32_t cs_attributes, uint64_t cr0, uint64_t cr3,
		uint64_t cr4, uint64_t efer)
{
	static const char *const general[] = {
		"rax", "rbx", "rcx", "rdx", "rbp", "rsi", "rdi", "rsp", "r8", "r9",
		"r10", "r11", "r12", "r13", "r14", "r15", "rip", "rfl", "-",  "cr2",
		"-",   "-",   "dr0", "dr1", "dr2", "dr3", "dr6", "dr7", NULL};
	static const char *const segments[] = {"cs", "ds", "es", "fs", "gs", "ss", "tr", "ld"};
	static const char *const bases[] = {"idtb", "gdtb", NULL};
	static const char *const limits[] = {"il", "gl", NULL};
	static const char *const msrs[] = {"scs", "sesp", "seip", "sgs", "mfl", "lst", "star",
					   "cst", "sfm",  "-",    "aux", "tsc", NULL};

	memset(out, 0, MK_HVM_CPU);
	put_names(out + 512, general, 8);
	put(out + 656, cr0, 8);
	put(out + 672, cr3, 8);
	put(out + 680, cr4, 8);
	for (unsigned i = 0; i < 8; i++) {
		put(out + 736 + 4 * i, mk_value(segments[i]), 4);
		put(out + 768 + 4 * i, 0x10000 + i, 4);
		put(out + 808 + 8 * i, mk_value(segments[i]) << 32, 8);
		put(out + 888 + 4 * i, i ? 0xc93 : cs_attributes, 4);
	}
	put_names(out + 800, limits, 4);
	put_names(out + 872, bases, 8);
	put_names(out + 920, msrs, 8);
	put(out + 992, efer, 8);
}
