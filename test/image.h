/* SPDX-License-Identifier: MIT */
#ifndef TEST_IMAGE_H
#define TEST_IMAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <vmi/vmi.h>

#include "mk_elf.h"

/* An image in memory and the handle on it, for tests. */
struct image {
	uint8_t *bytes;
	struct vmi *vm;
};

static inline void fail_with(const char *what, const struct vmi_error *err)
{
	fail_msg("%s: %s: %s", what, vmi_status_name(err->status), err->text);
}

/* The failure must have this status, and its sentence these words. */
static inline void assert_says(enum vmi_status got, enum vmi_status status, const char *words,
			       const struct vmi_error *err)
{
	if (got != status || !strstr(err->text, words))
		fail_msg("got %s '%s', not %s '%s'", vmi_status_name(got), err->text,
			 vmi_status_name(status), words);
}

static inline void assert_warns(struct vmi *vm, const char *words)
{
	const char *text;

	for (unsigned i = 0; (text = vmi_warning(vm, i)); i++)
		if (strstr(text, words))
			return;
	fail_msg("no warning says '%s'; the first is '%s'", words,
		 vmi_warning(vm, 0) ? vmi_warning(vm, 0) : "none");
}

static inline void assert_no_warning(struct vmi *vm)
{
	if (vmi_warning(vm, 0))
		fail_msg("unexpected warning: %s", vmi_warning(vm, 0));
}

/* Owned: free(). Each byte is what mk_elf() would write at a gpa of that number. */
static inline uint8_t *image_buffer(size_t size)
{
	uint8_t *bytes = malloc(size);

	assert_non_null(bytes);
	for (size_t i = 0; i < size; i++)
		bytes[i] = mk_byte(i, 0);
	return bytes;
}

/* Bytes that must open as an image of that format. */
static inline struct vmi *open_bytes(const void *bytes, size_t size, const char *format)
{
	struct vmi_error err = {0};
	struct vmi *vm;

	if (vmi_open_memory(&vm, bytes, size, NULL, &err))
		fail_with("opening", &err);
	assert_string_equal(vmi_info(vm)->format, format);
	return vm;
}

static inline enum vmi_page_state state_of(struct vmi *vm, vmi_gfn gfn)
{
	enum vmi_page_state state;
	struct vmi_error err = {0};

	if (vmi_page_state(vm, gfn, &state, &err))
		fail_with("state", &err);
	return state;
}

/* Takes the bytes over. */
static inline struct image image_of(uint8_t *bytes, size_t size)
{
	struct vmi_error err = {0};
	struct image image = {.bytes = bytes};

	if (vmi_open_memory(&image.vm, bytes, size, NULL, &err))
		fail_with("opening", &err);
	return image;
}

static inline void image_close(struct image *image)
{
	vmi_close(image->vm);
	free(image->bytes);
}

/* Takes the bytes over. */
static inline void assert_bytes_refused(uint8_t *bytes, size_t size, enum vmi_status status,
					const char *words)
{
	struct vmi_error err = {0};
	struct vmi *vm = NULL;
	enum vmi_status st = vmi_open_memory(&vm, bytes, size, NULL, &err);

	vmi_close(vm);
	free(bytes);
	assert_says(st, status, words, &err);
}

static inline struct image image_open(const struct mk_elf *elf)
{
	size_t size;
	uint8_t *bytes = mk_elf(elf, &size);

	return image_of(bytes, size);
}

static inline void assert_refused(const struct mk_elf *elf, enum vmi_status status,
				  const char *words)
{
	size_t size;
	uint8_t *bytes = mk_elf(elf, &size);

	assert_bytes_refused(bytes, size, status, words);
}

static inline struct vmi_registers registers_of(struct vmi *vm, unsigned vcpu)
{
	struct vmi_registers regs;
	struct vmi_error err = {0};

	if (vmi_registers_get(vm, vcpu, &regs, &err))
		fail_with("registers", &err);
	return regs;
}

static inline void assert_known(const struct vmi_registers *regs, enum vmi_register reg,
				uint64_t value)
{
	if (regs->provenance[reg] != VMI_KNOWN || regs->value[reg] != value)
		fail_msg("%s is 0x%llx (%u), not 0x%llx", vmi_register_name(reg),
			 (unsigned long long)regs->value[reg], regs->provenance[reg],
			 (unsigned long long)value);
}

/* Bytes [gpa, gpa + size) are what mk_elf() wrote there with that salt. */
static inline void assert_memory(struct vmi *vm, uint64_t gpa, uint64_t size, uint64_t salt)
{
	struct vmi_error err = {0};
	uint8_t *got = malloc(size + 1);

	assert_non_null(got);
	if (vmi_read_bytes(vm, NULL, gpa, got, size, NULL, &err))
		fail_with("reading", &err);
	for (uint64_t i = 0; i < size; i++)
		if (got[i] != mk_byte(gpa + i, salt))
			fail_msg("gpa 0x%llx holds 0x%x, not 0x%x", (unsigned long long)(gpa + i),
				 got[i], mk_byte(gpa + i, salt));
	free(got);
}

static inline void assert_unreadable(struct vmi *vm, uint64_t gpa, const char *words)
{
	struct vmi_error err = {0};
	uint8_t byte;

	assert_says(vmi_read_bytes(vm, NULL, gpa, &byte, 1, NULL, &err), VMI_ERR_NOT_SAVED, words,
		    &err);
}

/* All runs, as "gpa+size gpa+size", zero ones marked by z. */
static inline void assert_runs(struct vmi *vm, const char *expected)
{
	struct vmi_error err = {0};
	struct vmi_run run;
	char text[512] = "";
	uint64_t at = 0;
	enum vmi_status st;

	while (!(st = vmi_run_next(vm, at, &run, &err))) {
		size_t len = strlen(text);
		snprintf(text + len, sizeof(text) - len, "%s%llx+%llx%s", len ? " " : "",
			 (unsigned long long)run.gpa, (unsigned long long)run.size,
			 run.kind == VMI_RUN_ZERO ? "z" : "");
		at = run.gpa + run.size;
	}
	assert_int_equal(st, VMI_END);
	assert_string_equal(text, expected);
}

#endif
