/* SPDX-License-Identifier: MIT */
/* Types out of a file: BTF as the kernel shows it (/sys/kernel/btf/vmlinux), or an ELF file's. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gelf.h>

#include <vmi/driver.h>

#include "types.h"

enum { FILE_MAX = 256 << 20 };

static enum vmi_status plain_load(int fd, const char *path, struct types **types,
				  struct vmi_error *err)
{
	uint8_t *bytes = malloc(FILE_MAX);
	size_t len = 0;
	ssize_t got = 1;

	if (!bytes)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for %s", path);
	while (len < FILE_MAX && (got = pread(fd, bytes + len, FILE_MAX - len, (off_t)len)) > 0)
		len += (size_t)got;
	enum vmi_status st = got < 0 ? vmi_fail(err, VMI_ERR_IO, "%s", strerror(errno))
				     : types_of_bytes(bytes, len, types, err);
	free(bytes);
	return st;
}

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
		return types_of_bytes(data->d_buf, data->d_size, types, err);
	}
	return vmi_fail(err, VMI_ERR_UNSUPPORTED, "it has no section .BTF");
}

enum vmi_status types_of_file(const char *path, struct types **types, struct vmi_error *err)
{
	enum vmi_status st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat info;

	if (fd < 0 || fstat(fd, &info) || S_ISDIR(info.st_mode)) {
		st = vmi_fail(err, VMI_ERR_IO, "%s: %s", path,
			      strerror(fd < 0 || errno ? errno : EISDIR));
		if (fd >= 0)
			close(fd);
		return st;
	}
	Elf *elf = elf_version(EV_CURRENT) == EV_NONE ? NULL : elf_begin(fd, ELF_C_READ_MMAP, NULL);
	st = elf && elf_kind(elf) == ELF_K_ELF ? elf_load(elf, types, err)
					       : plain_load(fd, path, types, err);
	elf_end(elf);
	close(fd);
	return st ? vmi_wrap(err, st, "%s", path) : VMI_OK;
}
