/* SPDX-License-Identifier: MIT */
/*
 * Lines of VMCOREINFO (Documentation/admin-guide/kdump/vmcoreinfo.rst of the kernel). A running
 * kernel keeps them ready as an ELF note in pages of their own (kernel/crash_core.c, since 6.9
 * kernel/vmcore_info.c; before 4.13 among its data, where no page begins with them).
 */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmcoreinfo.h"

/* The number that the rest of the line is. */
static bool number(const char *text, size_t len, int base, uint64_t *value)
{
	char copy[24], *end;

	if (!len || len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	*value = *copy == '-' ? (uint64_t)strtoll(copy, &end, base) : strtoull(copy, &end, base);
	return !*end;
}

struct vmcoreinfo vmcoreinfo_of_image(const struct vmi *vm)
{
	struct vmcoreinfo info = {0};

	info.text = vmi_vmcoreinfo(vm, &info.length);
	return info;
}

bool vmcoreinfo_take(struct vmcoreinfo *info, struct vmi *vm, const struct vmi_space *space,
		     uint64_t addr, const char *release)
{
	enum { NOTE_NAME = 11, NOTE_BYTES = 24 };
	struct {
		uint32_t name_size, size, type;
		char name[12];
	} note;
	char first[160];
	int want = snprintf(first, sizeof(first), "OSRELEASE=%s\n", release);

	static_assert(sizeof(note) == NOTE_BYTES, "as an ELF note is");
	if (vmi_read_bytes(vm, space, addr, &note, sizeof(note), NULL, NULL) ||
	    note.name_size != NOTE_NAME || memcmp(note.name, "VMCOREINFO", NOTE_NAME) ||
	    note.size > VMI_PAGE_SIZE || want < 0 || (size_t)want >= sizeof(first) ||
	    note.size < (size_t)want)
		return false;
	char *text = malloc(note.size);
	if (text && !vmi_read_bytes(vm, space, addr + sizeof(note), text, note.size, NULL, NULL) &&
	    !memcmp(text, first, (size_t)want)) {
		*info = (struct vmcoreinfo){.text = text, .length = note.size, .own = text};
		return true;
	}
	free(text);
	return false;
}

bool vmcoreinfo_search(struct vmcoreinfo *info, struct vmi *vm, const char *release)
{
	struct vmi_run run;

	for (vmi_gpa at = 0; !vmi_run_next(vm, at, &run, NULL);) {
		uint64_t size = run.kind == VMI_RUN_SAVED ? run.size : 0;

		for (at = run.gpa; at - run.gpa < size; at += VMI_PAGE_SIZE)
			if (vmcoreinfo_take(info, vm, NULL, at, release))
				return true;
		at = run.gpa + run.size;
		if (!at)
			break;
	}
	return false;
}

void vmcoreinfo_deinit(struct vmcoreinfo *info)
{
	free(info->own);
	*info = (struct vmcoreinfo){0};
}

bool vmcoreinfo_find(const struct vmcoreinfo *info, const char *kind, const char *name,
		     uint64_t *value)
{
	char key[160];
	size_t len = info->length, n;
	const char *text = info->text;
	int want = snprintf(key, sizeof(key), "%s(%s)=", kind, name);

	if (!text || want < 0 || (size_t)want >= sizeof(key))
		return false;
	for (size_t at = 0; at < len; at += n + 1) {
		const char *end = memchr(text + at, '\n', len - at);

		n = end ? (size_t)(end - (text + at)) : len - at;
		if (n > (size_t)want && !memcmp(text + at, key, (size_t)want))
			return number(text + at + want, n - (size_t)want,
				      strcmp(kind, "SYMBOL") ? 10 : 16, value);
	}
	return false;
}
