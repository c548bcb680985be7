/* SPDX-License-Identifier: MIT */
/* The types of a file with DWARF: all of its units' that have a name. */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "dwarf.h"
#include "dwarf_type.h"
#include "host_file.h"

static int units_make(Dwarf *dwarf, struct maker *m)
{
	Dwarf_CU *unit = NULL;
	Dwarf_Die top, die;
	uint8_t pointer_size;
	int st = 0;

	while (st >= 0 && !dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &top, NULL)) {
		if (!m->made.count &&
		    !dwarf_cu_die(unit, &die, NULL, NULL, &pointer_size, NULL, NULL, NULL))
			st = -EINVAL;
		else if (!m->made.count)
			st = btf__set_pointer_size(m->btf, pointer_size);
		for (int more = st < 0 ? 1 : dwarf_child(&top, &die); !more && st >= 0;
		     more = dwarf_siblingof(&die, &die))
			if (type_is_wanted(&die))
				st = type_make(m, &die);
	}
	return st < 0 ? st : btf__dedup(m->btf, NULL);
}

static enum vmi_status dwarf_take(Dwarf *dwarf, struct types **types, struct vmi_error *err)
{
	struct btf *btf = btf__new_empty();
	struct maker m = {.btf = btf};
	int st = btf ? units_make(dwarf, &m) : -ENOMEM;
	uint32_t len = 0;
	const void *bytes = st >= 0 ? btf__raw_data(btf, &len) : NULL;
	enum vmi_status status;

	if (bytes && m.made.count)
		status = types_of_bytes(bytes, len, NULL, types, err);
	else if (st == -ENOMEM || (st >= 0 && m.made.count))
		status = vmi_fail(err, VMI_ERR_NOMEM, "out of memory for its types");
	else if (st < 0)
		status = vmi_fail(err, VMI_ERR_CORRUPT, "its types cannot be made out: %s",
				  strerror(-st));
	else
		status = vmi_fail(err, VMI_ERR_UNSUPPORTED, "it has no types");
	btf__free(btf);
	map_free(&m.made);
	return status;
}

enum vmi_status types_of_dwarf(const char *path, struct types **types, struct vmi_error *err)
{
	int fd;
	enum vmi_status st = host_file_open(path, &fd, err);

	if (st)
		return st;
	Dwarf *dwarf = dwarf_begin(fd, DWARF_C_READ);
	st = dwarf ? dwarf_take(dwarf, types, err)
		   : vmi_fail(err, VMI_ERR_CORRUPT, "it has neither BTF nor DWARF");
	dwarf_end(dwarf);
	close(fd);
	return st ? vmi_wrap(err, st, "%s", path) : VMI_OK;
}
