/* SPDX-License-Identifier: MIT */
/* Symbols of an ELF file, vmlinux, with letters as nm gives them. */

#include <ctype.h>
#include <gelf.h>
#include <string.h>
#include <unistd.h>

#include "host_file.h"
#include "symbols_file.h"

static char section_letter(Elf *elf, size_t index)
{
	Elf_Scn *section = elf_getscn(elf, index);
	GElf_Shdr header;

	if (!section || !gelf_getshdr(section, &header))
		return '?';
	if (header.sh_flags & SHF_EXECINSTR)
		return 'T';
	if (!(header.sh_flags & SHF_ALLOC))
		return 'N';
	if (header.sh_type == SHT_NOBITS)
		return 'B';
	return header.sh_flags & SHF_WRITE ? 'D' : 'R';
}

static char letter(Elf *elf, const GElf_Sym *symbol)
{
	unsigned bind = GELF_ST_BIND(symbol->st_info);
	char is = symbol->st_shndx == SHN_ABS ? 'A' : section_letter(elf, symbol->st_shndx);

	if (bind == STB_WEAK)
		return GELF_ST_TYPE(symbol->st_info) == STT_OBJECT ? 'V' : 'W';
	return bind == STB_LOCAL ? (char)tolower(is) : is;
}

static enum vmi_status table_take(struct symbols *symbols, Elf *elf, Elf_Scn *section,
				  const GElf_Shdr *header, struct vmi_error *err)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t count = header->sh_entsize ? header->sh_size / header->sh_entsize : 0;

	if (!data || count > INT32_MAX)
		return vmi_fail(err, VMI_ERR_CORRUPT, "its symbols: %s", elf_errmsg(-1));
	for (size_t i = 0; i < count; i++) {
		GElf_Sym symbol;

		if (!gelf_getsym(data, (int)i, &symbol))
			return vmi_fail(err, VMI_ERR_CORRUPT, "its symbols: %s", elf_errmsg(-1));
		unsigned type = GELF_ST_TYPE(symbol.st_info);
		const char *name = elf_strptr(elf, header->sh_link, symbol.st_name);
		if (symbol.st_shndx == SHN_UNDEF || type == STT_FILE || type == STT_SECTION ||
		    !name || !*name)
			continue;
		if (!symbols_add(symbols, symbol.st_value, letter(elf, &symbol), name,
				 strlen(name)))
			return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the symbols");
	}
	return symbols_finish(symbols)
		       ? VMI_OK
		       : vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the symbols");
}

static enum vmi_status elf_take(struct symbols *symbols, Elf *elf, struct vmi_error *err)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	if (!elf || elf_kind(elf) != ELF_K_ELF)
		return vmi_fail(err, VMI_ERR_CORRUPT, "it is no ELF file");
	while ((section = elf_nextscn(elf, section)))
		if (gelf_getshdr(section, &header) && header.sh_type == SHT_SYMTAB)
			return table_take(symbols, elf, section, &header, err);
	return vmi_fail(err, VMI_ERR_NOT_FOUND, "it has no symbols");
}

enum vmi_status symbols_of_elf(struct symbols *symbols, const char *path, struct vmi_error *err)
{
	int fd;
	enum vmi_status st = host_file_open(path, &fd, err);

	if (st)
		return st;
	Elf *elf = elf_version(EV_CURRENT) == EV_NONE ? NULL : elf_begin(fd, ELF_C_READ_MMAP, NULL);
	st = elf_take(symbols, elf, err);
	elf_end(elf);
	close(fd);
	return st ? vmi_wrap(err, st, "%s", path) : VMI_OK;
}
