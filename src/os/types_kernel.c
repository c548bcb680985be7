/* SPDX-License-Identifier: MIT */
/*
 * The BTF that a kernel has among its read-only data: between two symbols, or, where its table has
 * none of data, where its header is.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "kernel_image.h"
#include "os.h"

enum {
	BTF_MAX = 256 << 20,
	IMAGE_MAX = 512 << 20, /* KERNEL_IMAGE_SIZE, arch/x86/include/asm/page_64_types.h */
	CHUNK = 1 << 20,
};

/* struct btf_header, as it has been since there is BTF: magic, version 1, no flags, its length. */
static const uint8_t header_begin[] = {0x9f, 0xeb, 1, 0, 24, 0, 0, 0};
enum { HEADER_LEN = 24 };

static enum vmi_status take(struct vmi_os *os, vmi_gva start, size_t len, struct vmi_error *err)
{
	uint8_t *bytes = malloc(len);

	if (!bytes)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the kernel's types");
	enum vmi_status st = os_read(os, start, bytes, len, err);
	if (!st)
		st = types_of_bytes(bytes, len, NULL, &os->types, err);
	free(bytes);
	return st;
}

/* How long the BTF is whose header this is, by its own word. */
static size_t length_of(const uint8_t header[HEADER_LEN])
{
	uint32_t word[HEADER_LEN / 4];

	memcpy(word, header, HEADER_LEN);
	uint64_t types = (uint64_t)word[2] + word[3], names = (uint64_t)word[4] + word[5];
	uint64_t len = HEADER_LEN + (types > names ? types : names);
	return len <= BTF_MAX ? (size_t)len : 0;
}

/* BTF at `gva` that is the kernel's own, not that of a program which was loaded into it? */
static enum vmi_status try_header(struct vmi_os *os, vmi_gva gva, struct vmi_error *err)
{
	uint8_t header[HEADER_LEN];
	vmi_type type;

	if (os_read(os, gva, header, sizeof(header), NULL) || !length_of(header))
		return VMI_ERR_NOT_FOUND;
	enum vmi_status st = take(os, gva, length_of(header), err);
	if (st || !types_find(os->types, "struct task_struct", &type, NULL))
		return st == VMI_OK || st == VMI_ERR_NOMEM ? st : VMI_ERR_NOT_FOUND;
	types_destroy(os->types);
	os->types = NULL;
	return VMI_ERR_NOT_FOUND;
}

/* Look through [first, first + size). */
static enum vmi_status range_search(struct vmi_os *os, uint8_t *chunk, vmi_gva first, uint64_t size,
				    struct vmi_error *err)
{
	for (uint64_t at = 0; at < size; at += CHUNK) {
		size_t len =
			size - at < CHUNK + HEADER_LEN ? (size_t)(size - at) : CHUNK + HEADER_LEN;
		const uint8_t *found = chunk;

		kernel_chunk_read(os->vm, &os->kernel.space, first + at, chunk, len);
		while ((found = memmem(found, len - (size_t)(found - chunk), header_begin,
				       sizeof(header_begin)))) {
			enum vmi_status st =
				try_header(os, first + at + (uint64_t)(found - chunk), err);

			if (st != VMI_ERR_NOT_FOUND)
				return st;
			found++;
		}
	}
	return VMI_ERR_NOT_FOUND;
}

static enum vmi_status image_search(struct vmi_os *os, struct vmi_error *err)
{
	/* Read-only data lies before what only the beginning needs. */
	const struct symbol *end = symbols_find(&os->kernel.symbols, "_einittext");
	vmi_gva last =
		end && end->gva > os->kernel.text ? end->gva : os->kernel.text + (IMAGE_MAX - 1);
	struct vmi_range_iter it;
	struct vmi_range range;
	enum vmi_status st = VMI_ERR_NOT_FOUND;
	uint8_t *chunk = malloc(CHUNK + HEADER_LEN);

	if (!chunk)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the kernel's types");
	if (last - os->kernel.text >= IMAGE_MAX)
		last = os->kernel.text + (IMAGE_MAX - 1);
	if (os->kernel.pointer_size == 4 && last > UINT32_MAX)
		last = UINT32_MAX;
	vmi_range_begin(&it, os->vm, &os->kernel.space, os->kernel.text, last);
	while (st == VMI_ERR_NOT_FOUND && !vmi_range_next(&it, &range, NULL))
		if (range.status == VMI_OK && !range.user)
			st = range_search(os, chunk, range.gva, range.size, err);
	free(chunk);
	if (st == VMI_ERR_NOT_FOUND)
		return vmi_fail(err, st, "it has none in its memory");
	return st;
}

enum vmi_status types_of_kernel(struct vmi_os *os, struct vmi_error *err)
{
	vmi_gva start = 0, stop = 0;

	if (os_symbol(os, "__start_BTF", &start, NULL) || os_symbol(os, "__stop_BTF", &stop, NULL))
		return image_search(os, err);
	if (stop <= start || stop - start > BTF_MAX)
		return vmi_fail(err, VMI_ERR_CORRUPT, "0x%" PRIx64 " to 0x%" PRIx64 " is no BTF",
				start, stop);
	return take(os, start, (size_t)(stop - start), err);
}
