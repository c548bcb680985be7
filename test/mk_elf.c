/* SPDX-License-Identifier: MIT */
/* ELF cores in memory, from a description. Little-endian hosts only, as the tests are. */

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "mk_elf.h"

/* A growing file. Tests have no way to go on without memory. */
struct file {
	uint8_t *bytes;
	size_t size;
};

static void *file_grow(struct file *file, size_t size)
{
	file->bytes = realloc(file->bytes, file->size + size + 1);
	if (!file->bytes)
		abort();
	memset(file->bytes + file->size, 0, size);
	file->size += size;
	return file->bytes + file->size - size;
}

static void file_add(struct file *file, const void *bytes, size_t size)
{
	if (size)
		memcpy(file_grow(file, size), bytes, size);
}

static void file_pad(struct file *file, unsigned to)
{
	while (file->size % to)
		file_grow(file, 1);
}

/* ---- contents ------------------------------------------------------------------------------- */

uint8_t mk_byte(uint64_t gpa, uint64_t salt)
{
	return (uint8_t)(((gpa & ~UINT64_C(7)) + salt) >> (8 * (gpa & 7)));
}

uint64_t mk_value(const char *name)
{
	uint64_t value = 0;

	memcpy(&value, name, strnlen(name, sizeof(value)));
	return value;
}

static void put(uint8_t *note, const char *const *names, size_t at, size_t width)
{
	for (; *names; names++, at += width) {
		uint64_t value = mk_value(*names);
		memcpy(note + at, &value, width);
	}
}

void mk_prstatus64(uint8_t out[MK_PRSTATUS64], uint64_t cs, uint64_t gs_base)
{
	static const char *const names[] = {
		"r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9",  "r8",
		"rax", "rcx", "rdx", "rsi", "rdi", "-",   "rip", "cs",  "rfl", "rsp",
		"ss",  "fsb", "gsb", "ds",  "es",  "fs",  "gs",  NULL,
	};

	memset(out, 0, MK_PRSTATUS64);
	put(out, names, 112, 8);
	memcpy(out + 248, &cs, 8);
	memcpy(out + 288, &gs_base, 8);
}

void mk_prstatus32(uint8_t out[MK_PRSTATUS32])
{
	static const char *const names[] = {"ebx", "ecx", "edx", "esi", "edi", "ebp",
					    "eax", "ds",  "es",  "fs",  "gs",  "-",
					    "eip", "cs",  "efl", "esp", "ss",  NULL};

	memset(out, 0, MK_PRSTATUS32);
	put(out, names, 72, 4);
}

void mk_qemu(uint8_t out[MK_QEMU], uint32_t cs_flags, uint64_t cr0, uint64_t cr4)
{
	static const char *const names[] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rsp",
					    "rbp", "r8",  "r9",  "r10", "r11", "r12", "r13",
					    "r14", "r15", "rip", "rfl", NULL};
	static const char *const segments[] = {"cs", "ds",  "es", "fs",  "gs",
					       "ss", "ldt", "tr", "gdt", "idt"};
	static const char *const controls[] = {"cr0", "cr1", "cr2", "cr3", "cr4", "kgs", NULL};

	memset(out, 0, MK_QEMU);
	out[0] = 1;
	out[4] = MK_QEMU & 0xff;
	out[5] = MK_QEMU >> 8;
	put(out, names, 8, 8);
	for (unsigned i = 0; i < 10; i++) {
		uint64_t name = mk_value(segments[i]), base = name << 32, limit = 0x10000 + i;
		uint32_t flags = i ? 0x00cf9300 : cs_flags;
		memcpy(out + 152 + 24 * i, &name, 2);
		memcpy(out + 152 + 24 * i + 4, &limit, 4);
		memcpy(out + 152 + 24 * i + 8, &flags, 4);
		memcpy(out + 152 + 24 * i + 16, &base, 8);
	}
	put(out, controls, 392, 8);
	memcpy(out + 392, &cr0, 8);
	memcpy(out + 424, &cr4, 8);
}

void mk_vbcore(uint8_t out[MK_VBCORE], uint32_t format)
{
	const uint32_t core[] = {0xc01ac0de, format, MK_VBCORE, 6 << 24, 1, 1};

	memcpy(out, core, MK_VBCORE);
}

void mk_vbcpu(uint8_t out[MK_VBCPU], uint32_t format)
{
	static const char *const names[] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8",
					    "r9",  "r10", "r11", "r12", "r13", "r14", "r15",
					    "rip", "rsp", "rbp", "rfl", NULL};
	static const char *const segments[] = {"cs", "ds", "es", "fs", "gs", "ss"};
	static const char *const controls[] = {"cr0",  "cr2",  "cr3",  "cr4",  "dr0", "dr1",
					       "dr2",  "dr3",  "dr4",  "dr5",  "dr6", "dr7",
					       "gdtb", "gdtl", "idtb", "idtl", NULL};
	static const char *const msrs[] = {"sycs",  "syeip", "syesp", "efer", "star", "pat",
					   "lstar", "cstar", "mask",  "kgs",  "apic", NULL};
	static const char *const tail5[] = {"xcr0", "xcr1", NULL};
	static const char *const tail6[] = {"tscaux", "xcr0", "xcr1", NULL};

	memset(out, 0, MK_VBCPU);
	put(out, names, 0, 8);
	put(out, controls, 288, 8);
	put(out, msrs, 464, 8);
	put(out, format == 0x10006 ? tail6 : tail5, 552, 8);
	for (unsigned i = 0; i < 8; i++) {
		unsigned at = i < 6 ? 144 + 24 * i : 416 + 24 * (i - 6);
		const char *seg = i < 6 ? segments[i] : i == 6 ? "ldt" : "tr";
		uint64_t name = mk_value(seg), base = name << 32;
		uint32_t limit = 0x10000 + i, attributes = 0x1a09b; /* with VirtualBox' bit 16 */
		memcpy(out + at, &base, 8);
		memcpy(out + at + 8, &limit, 4);
		memcpy(out + at + 12, &attributes, 4);
		memcpy(out + at + 16, &name, 2);
	}
}

/* ---- tables --------------------------------------------------------------------------------- */

static bool is_load(const struct mk_load *load)
{
	return load->size || load->more || load->offset || load->vaddr;
}

static const struct mk_load *loads_of(const struct mk_elf *elf)
{
	return elf->many ? elf->many : elf->loads;
}

static size_t count_loads(const struct mk_elf *elf, bool named)
{
	const struct mk_load *load = loads_of(elf);
	size_t max = elf->many ? SIZE_MAX : 8, n = 0;

	for (size_t i = 0; i < max && is_load(&load[i]); i++)
		n += !named || !load[i].unnamed;
	return n;
}

static void add_notes(struct file *file, const struct mk_elf *elf)
{
	unsigned pad = elf->note_pad ? elf->note_pad : 4;

	for (const struct mk_note *n = elf->notes; n < elf->notes + 8 && (n->name || n->size);
	     n++) {
		size_t len = n->name ? strlen(n->name) + !n->no_nul : 0;
		Elf64_Nhdr nhdr = {.n_namesz = (uint32_t)len,
				   .n_descsz = n->claim ? n->claim : n->size,
				   .n_type = n->type};
		file_add(file, &nhdr, sizeof(nhdr));
		file_add(file, n->name, len);
		file_pad(file, pad);
		file_add(file, n->desc, n->size);
		file_pad(file, pad);
	}
	file_grow(file, elf->note_tail);
}

static void add_phdr(struct file *file, const struct mk_elf *elf, uint32_t type, uint64_t offset,
		     uint64_t filesz, const struct mk_load *load)
{
	Elf64_Phdr p = {.p_type = type,
			.p_offset = offset,
			.p_vaddr = load->vaddr,
			.p_paddr = load->gpa,
			.p_filesz = filesz,
			.p_memsz = filesz + load->more,
			.p_align = type == PT_NOTE ? elf->note_align : 0};
	Elf32_Phdr q = {.p_type = type,
			.p_offset = (uint32_t)p.p_offset,
			.p_vaddr = (uint32_t)p.p_vaddr,
			.p_paddr = (uint32_t)p.p_paddr,
			.p_filesz = (uint32_t)p.p_filesz,
			.p_memsz = (uint32_t)p.p_memsz,
			.p_align = (uint32_t)p.p_align};

	if (elf->class == 32)
		file_add(file, &q, sizeof(q));
	else
		file_add(file, &p, sizeof(p));
}

/* Section 0, one of the wanted name, and the names; in front of or behind everything else. */
static uint64_t add_sections(struct file *file, const struct mk_elf *elf, uint32_t phnum,
			     uint64_t names_at)
{
	uint64_t at = file->size;
	size_t names = elf->section ? strlen(elf->section) + 2 + sizeof(".shstrtab") : 1;
	Elf64_Shdr s[3] = {
		{.sh_info = elf->xnum ? phnum : 0},
		{.sh_name = 1, .sh_type = SHT_PROGBITS},
		{.sh_name = (uint32_t)(names - sizeof(".shstrtab")),
		 .sh_type = SHT_STRTAB,
		 .sh_offset = names_at,
		 .sh_size = names},
	};

	for (unsigned i = 0; i < 3; i++) {
		Elf32_Shdr t = {.sh_name = s[i].sh_name,
				.sh_type = s[i].sh_type,
				.sh_offset = (uint32_t)s[i].sh_offset,
				.sh_size = (uint32_t)s[i].sh_size,
				.sh_info = s[i].sh_info};
		if (elf->class == 32)
			file_add(file, &t, sizeof(t));
		else
			file_add(file, &s[i], sizeof(s[i]));
	}
	return at;
}

static void add_section_names(struct file *file, const struct mk_elf *elf)
{
	file_grow(file, 1);
	file_add(file, elf->section, strlen(elf->section) + 1);
	file_add(file, ".shstrtab", sizeof(".shstrtab"));
}

static void put_ehdr(struct file *file, const struct mk_elf *elf, uint64_t phoff, uint64_t shoff,
		     size_t phnum)
{
	bool narrow = elf->class == 32;
	Elf64_Ehdr e = {
		.e_type = elf->type ? elf->type : ET_CORE,
		.e_machine = elf->machine ? elf->machine : EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = elf->phoff ? elf->phoff : phoff,
		.e_shoff = shoff,
		.e_flags = elf->flags,
		.e_ehsize = elf->tables_first ? 8
			    : narrow          ? sizeof(Elf32_Ehdr)
					      : sizeof(e),
		.e_phnum = elf->xnum ? PN_XNUM : (uint16_t)phnum,
		.e_shentsize = narrow ? sizeof(Elf32_Shdr) : sizeof(Elf64_Shdr),
		.e_shnum = elf->section ? 3 : 0,
		.e_shstrndx = elf->section ? 2 : 0,
	};

	e.e_phentsize = elf->phentsize ? elf->phentsize
			: narrow       ? sizeof(Elf32_Phdr)
				       : sizeof(Elf64_Phdr);
	memcpy(e.e_ident, ELFMAG, SELFMAG);
	e.e_ident[EI_CLASS] = narrow ? ELFCLASS32 : ELFCLASS64;
	e.e_ident[EI_DATA] = elf->data ? elf->data : ELFDATA2LSB;
	e.e_ident[EI_VERSION] = elf->ei_version_0 ? 0 : EV_CURRENT;
	if (!narrow) {
		memcpy(file->bytes, &e, sizeof(e));
		return;
	}
	Elf32_Ehdr f = {.e_type = e.e_type,
			.e_machine = e.e_machine,
			.e_version = e.e_version,
			.e_phoff = (uint32_t)e.e_phoff,
			.e_shoff = (uint32_t)e.e_shoff,
			.e_flags = e.e_flags,
			.e_ehsize = e.e_ehsize,
			.e_phentsize = e.e_phentsize,
			.e_phnum = e.e_phnum,
			.e_shentsize = e.e_shentsize,
			.e_shnum = e.e_shnum,
			.e_shstrndx = e.e_shstrndx};
	memcpy(f.e_ident, e.e_ident, sizeof(f.e_ident));
	memcpy(file->bytes, &f, sizeof(f));
}

static void add_memory(struct file *file, const struct mk_elf *elf)
{
	const struct mk_load *load = loads_of(elf);

	for (size_t i = 0, n = count_loads(elf, false); i < n; i++) {
		if (load[i].offset)
			continue;
		uint8_t *to = file_grow(file, load[i].size);
		for (uint64_t k = 0; k < load[i].size; k++)
			to[k] = mk_byte(load[i].gpa + k, load[i].salt);
	}
}

static void add_phdrs(struct file *file, const struct mk_elf *elf, uint64_t notes_at,
		      size_t notes_size)
{
	const struct mk_load *load = loads_of(elf);
	uint64_t at = notes_at + notes_size;

	if (notes_size)
		add_phdr(file, elf, PT_NOTE, notes_at, notes_size, &(struct mk_load){0});
	for (size_t i = 0, n = count_loads(elf, false); i < n; i++) {
		if (!load[i].unnamed)
			add_phdr(file, elf, PT_LOAD, load[i].offset ? load[i].offset : at,
				 load[i].size, &load[i]);
		at += load[i].offset ? 0 : load[i].size;
	}
}

uint8_t *mk_elf(const struct mk_elf *elf, size_t *size)
{
	bool narrow = elf->class == 32;
	struct file file = {0}, notes = {0};
	uint64_t shoff = 0, memory = 0;
	const struct mk_load *load = loads_of(elf);

	add_notes(&notes, elf);
	for (size_t i = 0, n = count_loads(elf, false); i < n; i++)
		memory += load[i].offset ? 0 : load[i].size;
	size_t phnum = count_loads(elf, true) + (notes.size != 0);
	size_t phsize = phnum * (narrow ? sizeof(Elf32_Phdr) : sizeof(Elf64_Phdr));
	uint32_t xnum = elf->xnum_count ? elf->xnum_count : (uint32_t)phnum;

	file_grow(&file, narrow ? sizeof(Elf32_Ehdr) : sizeof(Elf64_Ehdr));
	size_t shsize = 3 * (narrow ? sizeof(Elf32_Shdr) : sizeof(Elf64_Shdr));
	if (elf->tables_first)
		shoff = add_sections(&file, elf, xnum,
				     file.size + shsize + phsize + notes.size + memory + elf->tail);
	uint64_t phoff = file.size;
	add_phdrs(&file, elf, phoff + phsize, notes.size);
	file_add(&file, notes.bytes, notes.size);
	add_memory(&file, elf);
	file_grow(&file, elf->tail);
	if (!elf->tables_first && (elf->xnum || elf->section))
		shoff = add_sections(&file, elf, xnum, file.size + shsize);
	if (elf->section)
		add_section_names(&file, elf);
	put_ehdr(&file, elf, phoff, shoff, phnum);
	free(notes.bytes);
	*size = file.size - elf->cut;
	return file.bytes;
}
