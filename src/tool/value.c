/* SPDX-License-Identifier: MIT */
/* A value in the guest's memory: its bytes, and what the kernel's types say of them. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "types.h"
#include "value.h"

enum { PAGE = 4096 };

/* ---- memory --------------------------------------------------------------------------------- */

bool memory_read(struct memory *memory, struct cli *cli, const struct vmi_space *space,
		 uint64_t address, uint64_t size)
{
	uint64_t pages = (address % PAGE + size + PAGE - 1) / PAGE;
	struct vmi_error err;
	bool said = false;

	*memory = (struct memory){.address = address, .size = size};
	memory->bytes = calloc(1, size + 8);
	memory->lacks = calloc(1, pages + 1);
	if (!memory->bytes || !memory->lacks) {
		cli_say(cli, "out of memory for %" PRIu64 " bytes", size);
		return false;
	}
	for (uint64_t at = 0, page = 0; at < size; page++) {
		uint64_t n = PAGE - (address + at) % PAGE;

		n = n < size - at ? n : size - at;
		enum vmi_status status = vmi_read_bytes(cli->vm, space, address + at,
							memory->bytes + at, n, NULL, &err);
		memory->lacks[page] = (uint8_t)status;
		if (status && !said)
			cli_failure(cli, status, &err);
		if (status) {
			memset(memory->bytes + at, 0, n);
			said = true;
			cli->problems++;
		}
		at += n;
	}
	return true;
}

void memory_free(struct memory *memory)
{
	free(memory->bytes);
	free(memory->lacks);
}

enum vmi_status memory_lacks(const struct memory *memory, uint64_t offset, uint64_t size)
{
	uint64_t first = memory->address % PAGE + offset;

	if (offset > memory->size || size > memory->size - offset)
		return VMI_ERR_CORRUPT; /* a type whose members lie outside of it */
	for (uint64_t page = first / PAGE; size && page <= (first + size - 1) / PAGE; page++)
		if (memory->lacks[page])
			return (enum vmi_status)memory->lacks[page];
	return VMI_OK;
}

/* ---- parts ---------------------------------------------------------------------------------- */

bool value_of(struct vmi_os *os, vmi_type type, uint64_t bits, unsigned bit_size,
	      struct value *value)
{
	*value = (struct value){.type = type, .offset = bits / 8, .bit_size = bit_size};
	if (bit_size)
		value->bit_offset = (unsigned)(bits % 8);
	for (unsigned i = 0; i < VALUE_DEPTH_MAX; i++) {
		if (vmi_type_info(os, value->type, &value->info, NULL))
			return false;
		if (value->info.kind != VMI_TYPE_TYPEDEF)
			return true;
		value->type = value->info.target;
	}
	return false;
}

bool value_member(struct vmi_os *os, const struct value *whole, unsigned index,
		  struct vmi_member *member, struct value *value)
{
	return !vmi_type_member(os, whole->type, index, member, NULL) &&
	       value_of(os, member->type, whole->offset * 8 + member->bit_offset, member->bit_size,
			value);
}

bool value_element(struct vmi_os *os, const struct value *array, unsigned index,
		   struct value *value)
{
	if (index >= array->info.count || !value_of(os, array->info.target, 0, 0, value) ||
	    !value->info.size)
		return false;
	value->offset = array->offset + index * value->info.size;
	return true;
}

/* ---- what it says --------------------------------------------------------------------------- */

static uint64_t little_endian(const uint8_t *bytes, uint64_t size)
{
	uint64_t number = 0;

	while (size--)
		number = number << 8 | bytes[size];
	return number;
}

uint64_t value_extent(const struct value *value)
{
	return value->bit_size ? (value->bit_offset + value->bit_size + 7u) / 8 : value->info.size;
}

enum vmi_status value_lacks(const struct value *value, const struct memory *memory)
{
	return memory_lacks(memory, value->offset, value_extent(value));
}

uint64_t value_number(const struct value *value, const struct memory *memory)
{
	const uint8_t *bytes = memory->bytes + value->offset;
	uint64_t size = value_extent(value), number = little_endian(bytes, size < 8 ? size : 8);
	unsigned bits = value->bit_size ? value->bit_size : (unsigned)(size < 8 ? size * 8 : 64);

	if (value->bit_offset)
		number >>= value->bit_offset;
	if (value->bit_size && size > 8) /* a field over nine bytes */
		number |= (uint64_t)bytes[8] << (64 - value->bit_offset);
	if (bits >= 64 || !bits)
		return number;
	number &= (UINT64_C(1) << bits) - 1;
	if (value->info.is_signed && number >> (bits - 1))
		number |= ~UINT64_C(0) << bits;
	return number;
}

static bool is_text(struct vmi_os *os, const struct value *array)
{
	struct value element;

	return value_element(os, array, 0, &element) && element.info.is_char;
}

enum value_shape value_shape(struct vmi_os *os, const struct value *value,
			     const struct memory *memory)
{
	bool array = value->info.kind == VMI_TYPE_ARRAY, compound = type_is_compound(&value->info);
	bool text = array && is_text(os, value);
	enum vmi_status lacks = value_lacks(value, memory);

	if (lacks && ((!array && !compound) || text || lacks == VMI_ERR_CORRUPT))
		return VALUE_LACKING;
	if (text)
		return VALUE_TEXT;
	return array ? VALUE_ARRAY : compound ? VALUE_COMPOUND : VALUE_SCALAR;
}

const char *value_enumerator(struct vmi_os *os, const struct value *value, uint64_t number)
{
	struct vmi_member member;

	if (value->info.kind != VMI_TYPE_ENUM)
		return NULL;
	for (unsigned i = 0; !vmi_type_member(os, value->type, i, &member, NULL); i++)
		if ((uint64_t)member.value == number)
			return member.name;
	return NULL;
}
