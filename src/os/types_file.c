/* SPDX-License-Identifier: MIT */
/* Types out of a file: BTF as the kernel shows it (/sys/kernel/btf/vmlinux), or an ELF file's. */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <gelf.h>

#include "dwarf.h"
#include "host_file.h"
#include "types.h"

enum { FILE_MAX = 256 << 20 };

static enum vmi_status plain_load(int fd, struct types **types, struct vmi_error *err)
{
	uint8_t *bytes;
	size_t len;
	enum vmi_status st = host_file_read(fd, FILE_MAX, &bytes, &len, err);

	if (!st) {
		st = types_of_bytes(bytes, len, NULL, types, err);
		free(bytes);
	}
	return st;
}

/* VMI_END: it has none. */
static enum vmi_status elf_load(Elf *elf, struct types **types, struct vmi_error *err)
{
	Elf_Scn *section = NULL;
	size_t names;

	if (elf_getshdrstrndx(elf, &names))
		return vmi_fail(err, VMI_ERR_CORRUPT, "%s", elf_errmsg(-1));
	while ((section = elf_nextscn(elf, section))) {
		GElf_Shdr header;
		const char *name = gelf_getshdr(section, &header)
					   ? elf_strptr(elf, names, header.sh_name)
					   : NULL;

		if (!name || strcmp(name, ".BTF") || header.sh_type == SHT_NOBITS)
			continue;
		Elf_Data *data = elf_rawdata(section, NULL);
		if (!data || !data->d_buf)
			return vmi_fail(err, VMI_ERR_CORRUPT, "%s", elf_errmsg(-1));
		return types_of_bytes(data->d_buf, data->d_size, NULL, types, err);
	}
	return VMI_END;
}

static enum vmi_status dwarf_load(const char *path, struct types **types, struct vmi_error *err)
{
#ifdef VMI_WITH_DW
	return types_of_dwarf(path, types, err);
#else
	(void)types;
	return vmi_fail(err, VMI_ERR_UNSUPPORTED,
			"%s: it has no BTF, and DWARF needs libdw, which this build lacks", path);
#endif
}

enum vmi_status types_of_file(const char *path, struct types **types, struct vmi_error *err)
{
	int fd;
	enum vmi_status st = host_file_open(path, &fd, err);

	if (st)
		return st;
	Elf *elf = elf_version(EV_CURRENT) == EV_NONE ? NULL : elf_begin(fd, ELF_C_READ_MMAP, NULL);
	st = elf && elf_kind(elf) == ELF_K_ELF ? elf_load(elf, types, err)
					       : plain_load(fd, types, err);
	elf_end(elf);
	close(fd);
	if (st == VMI_END)
		return dwarf_load(path, types, err);
	return st ? vmi_wrap(err, st, "%s", path) : VMI_OK;
}
