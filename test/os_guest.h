/* SPDX-License-Identifier: MIT */
#ifndef TEST_OS_GUEST_H
#define TEST_OS_GUEST_H

/**
 * A guest in a few megabytes, with a kernel that consists of its data only: page tables, symbols as
 * kallsyms has them, types as BTF, and the structures that a test puts together.
 *
 *   os_guest_init(), then types, symbols, structures, then os_guest_open(); os_guest_close().
 *
 * Structures can be changed after os_guest_open(), too; the library's caches are of no matter as
 * long as page tables stay. Everything fails the test when it cannot be done.
 */

#include <vmi/os.h>

#include "check.h"

struct btf;
struct made_symbol;

enum {
	GUEST_SIZE = 8 << 20,
	GUEST_POINTER = 8,
};

struct os_guest {
	uint8_t *memory; /* of GUEST_SIZE bytes, from gpa 0 on */
	vmi_gpa root;    /* of the kernel's page tables */
	vmi_gpa next_table, next_heap;
	struct btf *btf;
	struct made_symbol *symbol;
	size_t symbol_count;
	struct vmi *vm;
	struct vmi_os *os;
	unsigned problems; /* that were told since it was set to 0 */
	char problem[512]; /* the last one */
};

/**
 * A member of a structure; a row without a member begins one, with its size as `offset`. A type is
 * u8, u16, u32, u64, char, ptr, the name of a structure from before, or one of these with [N].
 */
struct made_member {
	const char *structure, *member, *type;
	uint32_t offset;
};

void os_guest_init(struct os_guest *guest);
void os_guest_types(struct os_guest *guest, const struct made_member rows[], size_t count);
/* What a task_struct leads to: mm_struct, signal_struct, cred. */
void os_guest_types_of_task(struct os_guest *guest);
/* `name` is borrowed. */
void os_guest_symbol(struct os_guest *guest, const char *name, vmi_gva gva);
/* Find the kernel, as a user would. */
void os_guest_open(struct os_guest *guest);
void os_guest_close(struct os_guest *guest);

/* Zeroed bytes of the kernel, aligned to 64. */
vmi_gva os_guest_alloc(struct os_guest *guest, size_t len);
/* The same with a symbol. */
vmi_gva os_guest_variable(struct os_guest *guest, const char *name, size_t len);
/* The memory behind an address of the kernel. */
uint8_t *os_guest_at(struct os_guest *guest, vmi_gva gva);
void os_guest_put(struct os_guest *guest, vmi_gva gva, unsigned size, uint64_t value);

/* A process' page tables over the kernel's: two pages, aligned so, of which the first is used. */
vmi_gpa os_guest_space(struct os_guest *guest);
/* A new page of user memory at `gva`. */
uint8_t *os_guest_page(struct os_guest *guest, vmi_gpa root, vmi_gva gva);
/* The kernel's own address of physical memory. */
vmi_gva os_guest_direct(vmi_gpa gpa);

/* An empty struct list_head at `head`; one more in front of it. */
void os_guest_list_init(struct os_guest *guest, vmi_gva head);
void os_guest_list_add(struct os_guest *guest, vmi_gva head, vmi_gva node);

#endif
