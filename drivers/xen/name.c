/* SPDX-License-Identifier: MIT */
/* Domains by name, which only xenstore knows. */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenstore.h>

#include "xen.h"

/* Domain ids are below this; the ids from it on mean something else (xen/xen.h). */
enum { FIRST_RESERVED = 0x7ff0 };

static bool is_number(const char *name)
{
	const char *c = name;

	while (isdigit((unsigned char)*c))
		c++;
	return c != name && !*c;
}

/* The name of a domain, to be freed; NULL when it has none. */
static char *name_read(struct xs_handle *xs, const char *id)
{
	char path[64];
	unsigned len = 0;

	if ((size_t)snprintf(path, sizeof(path), "/local/domain/%s/name", id) >= sizeof(path))
		return NULL;
	return xs_read(xs, XBT_NULL, path, &len);
}

static bool has_name(struct xs_handle *xs, const char *id, const char *name)
{
	char *found = name_read(xs, id);
	bool same = found && !strcmp(found, name);

	free(found);
	return same;
}

void xen_names_fill(struct vmi_target_entry *entries, size_t count)
{
	struct xs_handle *xs = xs_open(XS_OPEN_READONLY);
	char id[16];

	for (size_t i = 0; xs && i < count; i++) {
		snprintf(id, sizeof(id), "%u", entries[i].id);
		char *name = name_read(xs, id);
		if (name)
			snprintf(entries[i].name, sizeof(entries[i].name), "%s", name);
		free(name);
	}
	if (xs)
		xs_close(xs);
}

static enum vmi_status find_in_store(struct xs_handle *xs, const char *name, uint32_t *id,
				     struct vmi_error *err)
{
	unsigned count = 0, matches = 0;
	char **ids = xs_directory(xs, XBT_NULL, "/local/domain", &count);

	if (!ids)
		return xen_fail(err, "listing the domains in xenstore");
	for (unsigned i = 0; i < count; i++) {
		if (!is_number(ids[i]) || !has_name(xs, ids[i], name))
			continue;
		*id = (uint32_t)strtoul(ids[i], NULL, 10);
		matches++;
	}
	free(ids);
	if (matches == 1)
		return VMI_OK;
	if (matches)
		return vmi_fail(err, VMI_ERR_ARG, "%u domains are named '%s'; use the id", matches,
				name);
	return vmi_fail(err, VMI_ERR_NOT_FOUND, "there is no domain named '%s'", name);
}

enum vmi_status xen_name_find(const char *name, uint32_t *id, struct vmi_error *err)
{
	if (is_number(name)) {
		errno = 0;
		unsigned long value = strtoul(name, NULL, 10);
		if (errno || value >= FIRST_RESERVED)
			return vmi_fail(err, VMI_ERR_NOT_FOUND,
					"there is no domain %s; ids are below %d", name,
					FIRST_RESERVED);
		*id = (uint32_t)value;
		return VMI_OK;
	}
	struct xs_handle *xs = xs_open(XS_OPEN_READONLY);
	if (!xs)
		return vmi_fail(err, VMI_ERR_IO,
				"names of domains are in xenstore, which does not answer: %s; use "
				"the id of '%s' instead",
				strerror(errno), name);
	enum vmi_status st = find_in_store(xs, name, id, err);
	xs_close(xs);
	return st;
}
