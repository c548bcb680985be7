/* SPDX-License-Identifier: MIT */
/* System.map: a line for each symbol, "c1000000 T _text", as nm prints them. */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host_file.h"
#include "symbols_file.h"

enum { FILE_MAX = 256 << 20 };

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One line; false: it is no symbol, nor one that is used and not defined ("    U name"). */
static bool line_parse(struct symbols *symbols, const char *line, size_t len, bool *no_memory)
{
	uint64_t gva = 0;
	size_t at = 0;

	for (; at < len && digit(line[at]) >= 0; at++)
		gva = gva << 4 | (uint64_t)digit(line[at]);
	bool defined = at > 0;
	if (at > 16 || (defined && (at == len || line[at] != ' ')))
		return false;
	while (at < len && line[at] == ' ')
		at++;
	if (len - at < 3)
		return false;
	char type = line[at];
	if (line[at + 1] != ' ' || type <= ' ' || type > '~')
		return false;
	const char *name = line + at + 2;
	size_t name_len = len - at - 2;
	/* As /proc/kallsyms has it, a module's symbol; modules have theirs elsewhere. */
	if (!defined || memchr(name, '\t', name_len))
		return true;
	*no_memory = !symbols_add(symbols, gva, type, name, name_len);
	return true;
}

enum vmi_status symbols_of_text(struct symbols *symbols, const char *text, size_t len,
				struct vmi_error *err)
{
	bool no_memory = false;
	size_t number = 1, n;

	for (size_t at = 0; at < len && !no_memory; at += n + 1, number++) {
		const char *end = memchr(text + at, '\n', len - at);

		n = end ? (size_t)(end - (text + at)) : len - at;
		if (n && !line_parse(symbols, text + at, n, &no_memory))
			return vmi_fail(err, VMI_ERR_CORRUPT, "line %zu is no symbol", number);
	}
	if (no_memory || !symbols_finish(symbols))
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the symbols");
	return symbols->count ? VMI_OK : vmi_fail(err, VMI_ERR_CORRUPT, "it has no symbols");
}

enum vmi_status symbols_of_system_map(struct symbols *symbols, const char *path,
				      struct vmi_error *err)
{
	uint8_t *bytes;
	size_t len;
	int fd;
	enum vmi_status st = host_file_open(path, &fd, err);

	if (st)
		return st;
	st = host_file_read(fd, FILE_MAX, &bytes, &len, err);
	close(fd);
	if (!st) {
		st = symbols_of_text(symbols, (const char *)bytes, len, err);
		free(bytes);
	}
	return st ? vmi_wrap(err, st, "%s", path) : VMI_OK;
}
