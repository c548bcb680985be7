/* SPDX-License-Identifier: MIT */
/* The tables of an ELF file (System V ABI, chapter 4 and 5): found, bounded, decoded. */

#include <inttypes.h>
#include <string.h>

#include "headers.h"

enum {
	PROGRAM_MAX = 1 << 22, /* a terabyte of memory that makedumpfile split per MiB has 2^20 */
	SECTION_MAX = 256,
	SECTION_NAME_MAX = 32,
};

/* From the file's form to the host's: libelf's translation, which for ELF records keeps the size.
 */
static bool decode(const struct headers *h, void *to, const void *from, size_t size, Elf_Type type)
{
	Elf_Data dst = {.d_buf = to, .d_type = type, .d_version = EV_CURRENT, .d_size = size};
	Elf_Data src = dst;

	src.d_buf = (void *)(uintptr_t)from;
	return h->class == ELFCLASS64 ? elf64_xlatetom(&dst, &src, ELFDATA2LSB) != NULL
				      : elf32_xlatetom(&dst, &src, ELFDATA2LSB) != NULL;
}

static enum vmi_status undecodable(struct vmi_error *err)
{
	return vmi_fail(err, VMI_ERR_CORRUPT, "libelf cannot decode it: %s", elf_errmsg(-1));
}

static enum vmi_status read_ehdr(struct headers *h, struct vmi_error *err)
{
	bool wide = h->class == ELFCLASS64;
	Elf64_Ehdr raw, e64;
	Elf32_Ehdr e32;

	enum vmi_status st =
		vmi_source_read(h->source, 0, &raw, wide ? sizeof(e64) : sizeof(e32), err);
	if (st)
		return vmi_wrap(err, st, "it ends inside the ELF header");
	if (wide) {
		if (!decode(h, &e64, &raw, sizeof(e64), ELF_T_EHDR))
			return undecodable(err);
		h->ehdr = e64;
		return VMI_OK;
	}
	if (!decode(h, &e32, &raw, sizeof(e32), ELF_T_EHDR))
		return undecodable(err);
	h->ehdr = (GElf_Ehdr){
		.e_type = e32.e_type,
		.e_machine = e32.e_machine,
		.e_phoff = e32.e_phoff,
		.e_shoff = e32.e_shoff,
		.e_flags = e32.e_flags,
		.e_phentsize = e32.e_phentsize,
		.e_phnum = e32.e_phnum,
		.e_shentsize = e32.e_shentsize,
		.e_shnum = e32.e_shnum,
		.e_shstrndx = e32.e_shstrndx,
	};
	return VMI_OK;
}

static size_t program_size(const struct headers *h)
{
	return h->class == ELFCLASS64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
}

static size_t section_size(const struct headers *h)
{
	return h->class == ELFCLASS64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
}

static bool read_section(const struct headers *h, uint32_t index, GElf_Shdr *out)
{
	Elf64_Shdr raw, e64;
	Elf32_Shdr e32;
	uint64_t at = (uint64_t)index * section_size(h);

	if (!h->ehdr.e_shoff || h->ehdr.e_shentsize != section_size(h) ||
	    h->ehdr.e_shoff > UINT64_MAX - at ||
	    vmi_source_read(h->source, h->ehdr.e_shoff + at, &raw, section_size(h), NULL))
		return false;
	if (h->class == ELFCLASS64) {
		if (!decode(h, &e64, &raw, sizeof(e64), ELF_T_SHDR))
			return false;
		*out = e64;
		return true;
	}
	if (!decode(h, &e32, &raw, sizeof(e32), ELF_T_SHDR))
		return false;
	*out = (GElf_Shdr){
		.sh_name = e32.sh_name,
		.sh_type = e32.sh_type,
		.sh_offset = e32.sh_offset,
		.sh_size = e32.sh_size,
		.sh_link = e32.sh_link,
		.sh_info = e32.sh_info,
		.sh_addralign = e32.sh_addralign,
		.sh_entsize = e32.sh_entsize,
	};
	return true;
}

/* How many program headers there truly are, and that they are inside the file. */
static enum vmi_status count_program(struct headers *h, struct vmi_error *err)
{
	uint64_t size = vmi_source_size(h->source);
	GElf_Shdr zero;

	h->phnum = h->ehdr.e_phnum;
	if (h->ehdr.e_phnum == PN_XNUM) {
		if (!read_section(h, 0, &zero))
			return vmi_fail(
				err, VMI_ERR_CORRUPT,
				"it has more program headers than its header can count, and "
				"no section header that counts them");
		h->phnum = zero.sh_info;
	}
	if (!h->phnum)
		return VMI_OK;
	if (h->ehdr.e_phentsize != program_size(h))
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"its program headers are of %u bytes, not %zu", h->ehdr.e_phentsize,
				program_size(h));
	if (h->ehdr.e_phoff > size || h->phnum > (size - h->ehdr.e_phoff) / program_size(h))
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"its %" PRIu64 " program headers at file offset 0x%" PRIx64
				" end past the end of the file (0x%" PRIx64 ")",
				h->phnum, h->ehdr.e_phoff, size);
	if (h->phnum > PROGRAM_MAX)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"it has %" PRIu64 " program headers; this version reads up to %d",
				h->phnum, PROGRAM_MAX);
	return VMI_OK;
}

enum vmi_status headers_open(struct headers *h, const struct vmi_source *source,
			     struct vmi_error *err)
{
	uint8_t ident[EI_NIDENT];

	*h = (struct headers){.source = source};
	if (elf_version(EV_CURRENT) == EV_NONE)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED, "libelf is older than this program");
	enum vmi_status st = vmi_source_read(source, 0, ident, sizeof(ident), err);
	if (st)
		return vmi_wrap(err, st, "it ends inside the ELF header");
	if (memcmp(ident, ELFMAG, SELFMAG) != 0)
		return vmi_fail(err, VMI_ERR_CORRUPT, "it does not begin as an ELF file does");
	h->class = ident[EI_CLASS];
	if (h->class != ELFCLASS32 && h->class != ELFCLASS64)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"its ELF class is %u, neither 32-bit nor 64-bit", ident[EI_CLASS]);
	if (ident[EI_DATA] == ELFDATA2MSB)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"it is of a big-endian machine, which this version cannot read");
	if (ident[EI_DATA] != ELFDATA2LSB)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"its ELF byte order is %u, which does not exist", ident[EI_DATA]);
	st = read_ehdr(h, err);
	if (st)
		return st;
	if (h->ehdr.e_type != ET_CORE)
		return vmi_fail(err, VMI_ERR_CORRUPT, "it is an ELF file of type %u, not a core",
				h->ehdr.e_type);
	return count_program(h, err);
}

uint64_t headers_end(const struct headers *h)
{
	return h->ehdr.e_phoff + h->phnum * program_size(h);
}

enum vmi_status headers_program(const struct headers *h, uint64_t index, GElf_Phdr *out,
				struct vmi_error *err)
{
	union {
		Elf32_Phdr e32;
		Elf64_Phdr e64;
	} raw, phdr;

	enum vmi_status st = vmi_source_read(h->source, h->ehdr.e_phoff + index * program_size(h),
					     &raw, program_size(h), err);
	if (st)
		return vmi_wrap(err, st, "program header %" PRIu64, index);
	if (!decode(h, &phdr, &raw, program_size(h), ELF_T_PHDR))
		return undecodable(err);
	if (h->class == ELFCLASS64) {
		*out = phdr.e64;
		return VMI_OK;
	}
	/* All ones means "none" in offsets and addresses of either width. */
	*out = (GElf_Phdr){
		.p_type = phdr.e32.p_type,
		.p_flags = phdr.e32.p_flags,
		.p_offset = phdr.e32.p_offset == UINT32_MAX ? UINT64_MAX : phdr.e32.p_offset,
		.p_vaddr = phdr.e32.p_vaddr,
		.p_paddr = phdr.e32.p_paddr == UINT32_MAX ? UINT64_MAX : phdr.e32.p_paddr,
		.p_filesz = phdr.e32.p_filesz,
		.p_memsz = phdr.e32.p_memsz,
		.p_align = phdr.e32.p_align,
	};
	return VMI_OK;
}

bool headers_section_at(const struct headers *h, uint32_t index, GElf_Shdr *out)
{
	return index < h->ehdr.e_shnum && index < SECTION_MAX && read_section(h, index, out);
}

bool headers_section(const struct headers *h, const char *name, GElf_Shdr *out)
{
	GElf_Shdr strings, section;
	size_t len = strlen(name) + 1;
	char found[SECTION_NAME_MAX];

	if (len > sizeof(found) || h->ehdr.e_shstrndx >= h->ehdr.e_shnum ||
	    !read_section(h, h->ehdr.e_shstrndx, &strings))
		return false;
	for (uint32_t i = 0; headers_section_at(h, i, &section); i++) {
		if (section.sh_name < strings.sh_size && strings.sh_size - section.sh_name >= len &&
		    strings.sh_offset <= UINT64_MAX - section.sh_name &&
		    !vmi_source_read(h->source, strings.sh_offset + section.sh_name, found, len,
				     NULL) &&
		    !memcmp(found, name, len)) {
			*out = section;
			return true;
		}
	}
	return false;
}
