/* SPDX-License-Identifier: MIT */
/*
 * The types of the kernel's modules. When a module is loaded its BTF, which continues the kernel's
 * numbers and names, is copied and put in a list (btf_module_notify(), kernel/bpf/btf.c, since
 * 5.11); what struct module says of it is cleared afterwards.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "list.h"
#include "module_types.h"

enum {
	MODULES_MAX = 16384,
	BTF_MAX = 16 << 20,    /* BTF_MAX_SIZE, include/uapi/linux/btf.h */
	TOTAL_MAX = 256 << 20, /* broken lists may have the same one any number of times */
};

struct btf_fields {
	struct field list, btf; /* struct btf_module */
	struct field data, len, name, first_type, first_name;
};

struct walk {
	struct vmi_os *os;
	struct modules_types *all;
	struct btf_fields fields;
	uint64_t left; /* bytes that may still be read */
	bool no_memory;
};

#define TO(member) offsetof(struct btf_fields, member)

static enum vmi_status resolve(struct vmi_os *os, struct btf_fields *fields, struct vmi_error *err)
{
	static const struct field_want wants[] = {
		{"btf_module", "list", TO(list), false},
		{"btf_module", "btf", TO(btf), false},
		{"btf", "data", TO(data), false},
		{"btf", "data_size", TO(len), false},
		{"btf", "name", TO(name), false},
		{"btf", "start_id", TO(first_type), false},
		{"btf", "start_str_off", TO(first_name), false},
	};

	return fields_resolve(os, wants, sizeof(wants) / sizeof(wants[0]), fields, err);
}

/* ---- one module ----------------------------------------------------------------------------- */

static enum vmi_status bytes_take(struct walk *w, vmi_gva data, uint64_t len, struct types **types,
				  struct vmi_error *err)
{
	if (!len || len > BTF_MAX || len > w->left)
		return vmi_fail(err, VMI_ERR_CORRUPT, "%" PRIu64 " bytes are too many or none",
				len);
	uint8_t *bytes = malloc((size_t)len);
	if (!bytes)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	w->left -= len;
	enum vmi_status st = os_read(w->os, data, bytes, (size_t)len, err);
	if (!st)
		st = types_of_bytes(bytes, (size_t)len, w->os->types, types, err);
	free(bytes);
	return st;
}

/* The kernel's struct btf at `btf`. */
static enum vmi_status take(struct walk *w, vmi_gva btf, struct types **types,
			    struct vmi_error *err)
{
	const struct types *base = w->os->types;
	uint64_t data, len, first_type, first_name;
	enum vmi_status st = field_read(w->os, btf, &w->fields.data, &data, err);

	if (!st)
		st = field_read(w->os, btf, &w->fields.len, &len, err);
	if (!st)
		st = field_read(w->os, btf, &w->fields.first_type, &first_type, err);
	if (!st)
		st = field_read(w->os, btf, &w->fields.first_name, &first_name, err);
	if (st)
		return st;
	/* The kernel's may be those of a file, and numbered otherwise. */
	if (first_type != types_count(base) || first_name != types_names_size(base))
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"they continue other types than these of the kernel");
	return bytes_take(w, data, len, types, err);
}

static bool grow(struct modules_types *all)
{
	if (all->count < all->room)
		return true;
	size_t room = all->room ? 2 * all->room : 64;
	struct module_types *more = realloc(all->module, room * sizeof(*more));

	if (!more)
		return false;
	all->module = more;
	all->room = room;
	return true;
}

/* Its name goes where the next module's will be. */
static enum vmi_status add(struct walk *w, vmi_gva node, struct vmi_error *err)
{
	struct modules_types *all = w->all;
	struct module_types *module = &all->module[all->count];
	size_t name = (size_t)w->fields.name.size;
	vmi_gva btf;
	enum vmi_status st =
		field_read(w->os, node - w->fields.list.offset, &w->fields.btf, &btf, err);

	*module = (struct module_types){.name = "", .first = all->end};
	if (name >= sizeof(module->name))
		name = sizeof(module->name) - 1;
	if (!st)
		st = os_read(w->os, btf + w->fields.name.offset, module->name, name, err);
	if (!st)
		st = take(w, btf, &module->types, err);
	if (st)
		return st;
	all->end += types_count(module->types) - types_count(w->os->types);
	all->count++;
	return VMI_OK;
}

/* ---- all of them ---------------------------------------------------------------------------- */

static bool on_node(void *context, vmi_gva node)
{
	struct walk *w = context;
	struct vmi_error err;
	enum vmi_status st = grow(w->all) ? add(w, node, &err) : VMI_ERR_NOMEM;

	w->no_memory = st == VMI_ERR_NOMEM;
	if (st && !w->no_memory)
		os_problem(w->os, "the types of module %s: %s",
			   *w->all->module[w->all->count].name ? w->all->module[w->all->count].name
							       : "(unknown)",
			   err.text);
	return !w->no_memory;
}

static enum vmi_status read_all(struct vmi_os *os, struct modules_types *all, struct vmi_error *err)
{
	struct walk w = {.os = os, .all = all, .left = TOTAL_MAX};
	struct list_circle circle = {.what = "the list of modules' types",
				     .limit = MODULES_MAX,
				     .visit = on_node,
				     .context = &w};
	vmi_type type;

	all->end = types_count(os->types);
	if (types_find(os->types, "struct btf_module", &type, NULL))
		return VMI_OK;
	enum vmi_status st = os_symbol(os, "btf_modules", &circle.head, err);
	if (!st)
		st = resolve(os, &w.fields, err);
	if (!st)
		st = list_walk(os, &circle, err);
	return w.no_memory ? vmi_fail(err, VMI_ERR_NOMEM, "out of memory for modules' types") : st;
}

enum vmi_status os_modules_types(struct vmi_os *os, const struct modules_types **all,
				 struct vmi_error *err)
{
	if (!os->modules_types) {
		struct modules_types *own = calloc(1, sizeof(*own));

		if (!own)
			return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for modules' types");
		enum vmi_status st = read_all(os, own, err);
		if (st) {
			modules_types_destroy(own);
			return st;
		}
		os->modules_types = own;
	}
	*all = os->modules_types;
	return VMI_OK;
}

bool os_modules_told_no_types(const struct vmi_os *os)
{
	unsigned major, minor;

	return os->kernel.pointer_size == 8 && sscanf(os->release, "%u.%u", &major, &minor) == 2 &&
	       (major < 5 || (major == 5 && minor < 11));
}

const struct module_types *modules_types_find(const struct modules_types *all, const char *only,
					      size_t len, const char *name, vmi_type *type)
{
	for (size_t i = 0; i < all->count; i++) {
		const struct module_types *module = &all->module[i];

		if (only && (strlen(module->name) != len || memcmp(module->name, only, len) != 0))
			continue;
		if (!types_find(module->types, name, type, NULL))
			return module;
	}
	return NULL;
}

void modules_types_destroy(struct modules_types *all)
{
	if (!all)
		return;
	for (size_t i = 0; i < all->count; i++)
		types_destroy(all->module[i].types);
	free(all->module);
	free(all);
}
