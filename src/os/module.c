/* SPDX-License-Identifier: MIT */
/*
 * The kernel's list of modules (kernel/module). What a module keeps in memory are up to seven parts
 * since 6.4, two before: its core, and what its beginning needed.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "list.h"
#include "module.h"

enum { MODULES_MAX = 16384 };

struct module_fields {
	struct field size, list, name, state; /* struct module */
	struct field mem, mem_size, base, mem_bytes;
	struct field core_base, core_size, init_base, init_size;
};

/* enum module_state, include/linux/module.h. */
enum state { LIVE, COMING, GOING, UNFORMED };

static const char *state_name(uint64_t state)
{
	static const char *const names[] = {"live", "coming", "going", "unformed"};

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}

#define TO(member) offsetof(struct module_fields, member)

static enum vmi_status resolve(struct vmi_os *os, struct module_fields *fields,
			       struct vmi_error *err)
{
	static const struct field_want wants[] = {
		{"module", "", TO(size), false},
		{"module", "list", TO(list), false},
		{"module", "name", TO(name), false},
		{"module", "state", TO(state), false},
		/* Since 6.4. */
		{"module", "mem", TO(mem), true},
		{"module_memory", "", TO(mem_size), true},
		{"module_memory", "base", TO(base), true},
		{"module_memory", "size", TO(mem_bytes), true},
		/* Since 4.5, and before. */
		{"module", "core_layout.base|module_core", TO(core_base), true},
		{"module", "core_layout.size|core_size", TO(core_size), true},
		{"module", "init_layout.base|module_init", TO(init_base), true},
		{"module", "init_layout.size|init_size", TO(init_size), true},
	};
	enum vmi_status st =
		fields_resolve(os, wants, sizeof(wants) / sizeof(wants[0]), fields, err);

	if (st)
		return st;
	if (fields->mem.is_there ? !fields->mem_size.size || !fields->base.is_there
				 : !fields->core_base.is_there)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"this kernel's struct module does not tell where its code is: its "
				"version is not known");
	return VMI_OK;
}

static void part_add(struct module *module, uint64_t base, uint64_t size)
{
	if (!size || module->part_count == MODULE_PARTS)
		return;
	module->part[module->part_count++] = (struct module_part){base, size};
	module->info.size += size;
}

static void parts_get(const struct module_fields *fields, const uint8_t *bytes,
		      struct module *module)
{
	size_t size = (size_t)fields->size.size;

	if (!fields->mem.is_there) {
		module->info.base = field_get(&fields->core_base, bytes, size);
		part_add(module, module->info.base, field_get(&fields->core_size, bytes, size));
		part_add(module, field_get(&fields->init_base, bytes, size),
			 field_get(&fields->init_size, bytes, size));
		return;
	}
	uint64_t count = fields->mem.size / fields->mem_size.size;
	for (unsigned i = 0; i < count && i < MODULE_PARTS; i++) {
		uint64_t at = fields->mem.offset + i * fields->mem_size.size;
		struct field base = fields->base, bytes_of = fields->mem_bytes;

		base.offset += at;
		bytes_of.offset += at;
		if (!i) /* MOD_TEXT of enum mod_mem_type is the first */
			module->info.base = field_get(&base, bytes, size);
		part_add(module, field_get(&base, bytes, size), field_get(&bytes_of, bytes, size));
	}
}

/* ---- the list ------------------------------------------------------------------------------- */

struct walk {
	struct vmi_os *os;
	struct modules *modules;
	struct module_fields fields;
	uint8_t *bytes; /* of a struct module */
	bool no_memory;
};

static bool grow(struct modules *modules)
{
	if (modules->count < modules->room)
		return true;
	size_t room = modules->room ? 2 * modules->room : 64;
	struct module *more = realloc(modules->module, room * sizeof(*more));

	if (!more)
		return false;
	modules->module = more;
	modules->room = room;
	return true;
}

static bool on_node(void *context, vmi_gva node)
{
	struct walk *w = context;
	size_t size = (size_t)w->fields.size.size;
	vmi_gva at = node - w->fields.list.offset;
	struct vmi_error err;

	if (os_read(w->os, at, w->bytes, size, &err)) {
		os_problem(w->os, "a module: %s", err.text);
		return true;
	}
	if (!grow(w->modules)) {
		w->no_memory = true;
		return false;
	}
	struct module *module = &w->modules->module[w->modules->count++];
	uint64_t state = field_get(&w->fields.state, w->bytes, size);
	*module = (struct module){.info = {.module = at, .state = state_name(state)},
				  .is_formed = state < UNFORMED};
	symbols_init(&module->symbols);
	size_t name = (size_t)w->fields.name.size;
	if (name >= sizeof(module->info.name))
		name = sizeof(module->info.name) - 1;
	if (w->fields.name.offset <= size && name <= size - w->fields.name.offset)
		memcpy(module->info.name, w->bytes + w->fields.name.offset, name);
	parts_get(&w->fields, w->bytes, module);
	return true;
}

enum vmi_status modules_read(struct vmi_os *os, struct modules *modules, struct vmi_error *err)
{
	struct walk w = {.os = os, .modules = modules};
	struct list_circle circle = {.what = "the list of modules",
				     .limit = MODULES_MAX,
				     .visit = on_node,
				     .context = &w};

	*modules = (struct modules){0};
	if (os_symbol(os, "modules", &circle.head, err))
		return symbols_find(&os->kernel.symbols, "load_module")
			       ? vmi_fail(err, VMI_ERR_NOT_FOUND,
					  "the kernel's list of modules is not found: no symbol "
					  "modules; name a file that has it (--system-map FILE, "
					  "--vmlinux FILE)")
			       : VMI_OK; /* a kernel that takes none */
	enum vmi_status st = resolve(os, &w.fields, err);
	if (st)
		return st;
	if (w.fields.size.size > UINT16_MAX)
		return vmi_fail(err, VMI_ERR_CORRUPT, "a struct module of %" PRIu64 " bytes",
				w.fields.size.size);
	w.bytes = malloc((size_t)w.fields.size.size);
	if (w.bytes)
		st = list_walk(os, &circle, err);
	if (!w.bytes || w.no_memory)
		st = vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the modules");
	if (st)
		modules_deinit(modules);
	free(w.bytes);
	return st;
}

void modules_deinit(struct modules *modules)
{
	for (size_t i = 0; i < modules->count; i++)
		symbols_deinit(&modules->module[i].symbols);
	free(modules->module);
	*modules = (struct modules){0};
}

enum vmi_status os_modules(struct vmi_os *os, struct modules **modules, struct vmi_error *err)
{
	if (!os->modules) {
		struct modules *own = malloc(sizeof(*own));

		if (!own)
			return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the modules");
		enum vmi_status st = modules_read(os, own, err);
		if (st) {
			free(own);
			return st;
		}
		/* Theirs lie in memory, each module's elsewhere, and are read, sought and kept. */
		uint64_t memory = vmi_info(os->vm)->memory_bytes;
		own->left = memory < UINT64_MAX / 4 ? 4 * memory : UINT64_MAX;
		os->modules = own;
	}
	*modules = os->modules;
	return VMI_OK;
}

/* ---- for users ------------------------------------------------------------------------------ */

enum vmi_status vmi_modules(struct vmi_os *os, struct vmi_module_list *list, struct vmi_error *err)
{
	struct modules modules;
	enum vmi_status st = modules_read(os, &modules, err);

	if (st)
		return st;
	struct vmi_module *copy = calloc(modules.count + 1, sizeof(*copy));
	if (!copy)
		st = vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the modules");
	for (size_t i = 0; copy && i < modules.count; i++)
		copy[i] = modules.module[i].info;
	if (!st)
		*list = (struct vmi_module_list){.module = copy, .count = modules.count};
	modules_deinit(&modules);
	return st;
}

void vmi_module_list_free(struct vmi_module_list *list)
{
	free(list->module);
	*list = (struct vmi_module_list){0};
}
