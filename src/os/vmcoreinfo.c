/* SPDX-License-Identifier: MIT */
/* Lines of VMCOREINFO (Documentation/admin-guide/kdump/vmcoreinfo.rst of the kernel). */

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

bool vmcoreinfo_find(const struct vmi *vm, const char *kind, const char *name, uint64_t *value)
{
	char key[160];
	size_t len, n;
	const char *text = vmi_vmcoreinfo(vm, &len);
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
