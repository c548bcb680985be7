/* SPDX-License-Identifier: MIT */
#ifndef TOOL_VALUE_H
#define TOOL_VALUE_H

#include <vmi/os.h>

#include "cli.h"

/** Values of the guest by the kernel's types: bytes, and what they stand for. */

enum { VALUE_DEPTH_MAX = 24 }; /* of values in values, and of typedefs */

/** The bytes of the value that is asked for. */
struct memory {
	uint8_t *bytes;
	uint8_t *lacks; /* for each page: enum vmi_status */
	uint64_t address, size;
};

/* All that can be read of it, with words about the first that cannot; false: out of memory, which
 * was said. Either way, end with memory_free(). */
bool memory_read(struct memory *memory, struct cli *cli, const struct vmi_space *space,
		 uint64_t address, uint64_t size);
void memory_free(struct memory *memory);
/* Why a part of it is not there; VMI_OK: it is. */
enum vmi_status memory_lacks(const struct memory *memory, uint64_t offset, uint64_t size);

/** A value in the memory: a part of it. */
struct value {
	vmi_type type;
	struct vmi_type_info info;
	uint64_t offset;     /* in bytes */
	unsigned bit_offset; /* behind these, of a bit field */
	unsigned bit_size;   /* 0: it is none */
};

/** How a value is shown. */
enum value_shape {
	VALUE_LACKING, /* what is there cannot be told at all */
	VALUE_TEXT,    /* an array of characters */
	VALUE_ARRAY,
	VALUE_COMPOUND,
	VALUE_SCALAR,
};

/* What `type` is at `bits` of the memory, typedefs looked through; false: no such type. */
bool value_of(struct vmi_os *os, vmi_type type, uint64_t bits, unsigned bit_size,
	      struct value *value);
/* Its parts; false behind the last. */
bool value_member(struct vmi_os *os, const struct value *whole, unsigned index,
		  struct vmi_member *member, struct value *value);
bool value_element(struct vmi_os *os, const struct value *array, unsigned index,
		   struct value *value);

enum value_shape value_shape(struct vmi_os *os, const struct value *value,
			     const struct memory *memory);
/* How many bytes it has in memory. */
uint64_t value_extent(const struct value *value);
enum vmi_status value_lacks(const struct value *value, const struct memory *memory);
/* A scalar of up to 8 bytes, extended by its sign. */
uint64_t value_number(const struct value *value, const struct memory *memory);
/* The name of that number, where it is one of an enum's; NULL: it is none. */
const char *value_enumerator(struct vmi_os *os, const struct value *value, uint64_t number);

#endif
