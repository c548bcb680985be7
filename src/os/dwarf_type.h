/* SPDX-License-Identifier: MIT */
#ifndef OS_DWARF_TYPE_H
#define OS_DWARF_TYPE_H

#include <stdbool.h>
#include <stddef.h>

#include <bpf/btf.h>
#include <elfutils/libdw.h>

struct made;

/** Makes BTF of DWARF's types, one by one, into `btf`. */
struct maker {
	struct btf *btf; /* borrowed */
	struct made *made;
	size_t count, mask;
	unsigned depth;
};

/* False: out of memory. */
bool maker_init(struct maker *m, struct btf *btf);
void maker_deinit(struct maker *m);

/* The number of the type, with all that it is made of, or an errno, negative, as libbpf has it. */
int type_make(struct maker *m, Dwarf_Die *die);
/* Is it a definition that has a name? */
bool type_is_wanted(Dwarf_Die *die);

#endif
