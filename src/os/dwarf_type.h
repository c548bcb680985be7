/* SPDX-License-Identifier: MIT */
#ifndef OS_DWARF_TYPE_H
#define OS_DWARF_TYPE_H

#include <bpf/btf.h>
#include <elfutils/libdw.h>

#include "map.h"

/** Makes BTF of DWARF's types, one by one, into `btf`. */
struct maker {
	struct btf *btf; /* borrowed */
	struct map made; /* what was: map_free() */
	unsigned depth;
};

/* The number of the type, with all that it is made of, or an errno, negative, as libbpf has it. */
int type_make(struct maker *m, Dwarf_Die *die);
/* Is it a definition that has a name? */
bool type_is_wanted(Dwarf_Die *die);

#endif
