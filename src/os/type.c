/* SPDX-License-Identifier: MIT */
/* Types for users: those of the kernel, of its modules behind them. */

#include <string.h>

#include "declaration.h"
#include "fields.h"
#include "module_types.h"

static enum vmi_status types_required(const struct vmi_os *os, struct vmi_error *err)
{
	return os->types ? VMI_OK : vmi_fail(err, VMI_ERR_UNSUPPORTED, "%s", os->no_types.text);
}

/* ---- numbers -------------------------------------------------------------------------------- */

/** Where a type is, and its number there. */
struct place {
	const struct types *types;
	const struct module_types *module; /* NULL: the kernel itself */
	vmi_type type;
};

/* The module that a number behind the kernel's belongs to. */
static const struct module_types *module_of(const struct modules_types *all, vmi_type type)
{
	size_t from = 0, to = all->count;

	while (to - from > 1) {
		size_t middle = from + (to - from) / 2;

		if (all->module[middle].first <= type)
			from = middle;
		else
			to = middle;
	}
	return &all->module[from];
}

static enum vmi_status place_of(const struct vmi_os *os, vmi_type type, struct place *place,
				struct vmi_error *err)
{
	const struct modules_types *all = os->modules_types;
	enum vmi_status st = types_required(os, err);

	if (st)
		return st;
	*place = (struct place){.types = os->types, .type = type};
	if (type < types_count(os->types) || !all || type >= all->end)
		return VMI_OK;
	place->module = module_of(all, type);
	place->types = place->module->types;
	place->type = type - place->module->first + types_count(os->types);
	return VMI_OK;
}

/* A number that a type of `place` tells, as it is called outside. */
static vmi_type outside(const struct vmi_os *os, const struct place *place, vmi_type type)
{
	if (!place->module || type < types_count(os->types))
		return type;
	return type - types_count(os->types) + place->module->first;
}

/* ---- by name -------------------------------------------------------------------------------- */

/* Among the modules' types, or those of the one whose name is the `len` bytes at `only`. */
static enum vmi_status module_find(struct vmi_os *os, const char *only, size_t len,
				   const char *name, vmi_type *type, struct vmi_error *err)
{
	const struct modules_types *all;
	struct place place = {0};
	enum vmi_status st = os_modules_types(os, &all, err);

	if (st)
		return st;
	place.module = modules_types_find(all, only, len, name, &place.type);
	if (!place.module)
		return VMI_ERR_NOT_FOUND;
	*type = outside(os, &place, place.type);
	return VMI_OK;
}

enum vmi_status vmi_type_find(struct vmi_os *os, const char *name, vmi_type *type,
			      struct vmi_error *err)
{
	const char *colon = strchr(name, ':');
	struct vmi_error why = {.text = ""};
	enum vmi_status st = types_required(os, err);

	if (st)
		return st;
	if (!types_find(os->types, name, type, NULL))
		return VMI_OK;
	st = colon ? module_find(os, name, (size_t)(colon - name), colon + 1, type, &why)
		   : module_find(os, NULL, 0, name, type, &why);
	if (st == VMI_ERR_NOMEM)
		return vmi_fail(err, st, "%s", why.text);
	if (st)
		return vmi_fail(err, VMI_ERR_NOT_FOUND, "the kernel has no type '%s'%s%s", name,
				*why.text ? "; its modules cannot be asked: " : "", why.text);
	return VMI_OK;
}

/* ---- one type ------------------------------------------------------------------------------- */

enum vmi_status vmi_type_info(struct vmi_os *os, vmi_type type, struct vmi_type_info *info,
			      struct vmi_error *err)
{
	struct place place;
	enum vmi_status st = place_of(os, type, &place, err);

	if (!st)
		st = types_info(place.types, place.type, info, err);
	if (st)
		return st;
	info->target = outside(os, &place, info->target);
	/* "const struct page" of a module is still the kernel's. */
	while (types_qualifier(place.types, &place.type))
		;
	if (place.module && place.type >= types_count(os->types))
		info->module = place.module->name;
	return VMI_OK;
}

enum vmi_status vmi_type_member(struct vmi_os *os, vmi_type type, unsigned index,
				struct vmi_member *member, struct vmi_error *err)
{
	struct place place;
	enum vmi_status st = place_of(os, type, &place, err);

	if (!st)
		st = types_member(place.types, place.type, index, member, err);
	if (!st)
		member->type = outside(os, &place, member->type);
	return st;
}

enum vmi_status vmi_type_declare(struct vmi_os *os, vmi_type type, const char *name, char *text,
				 size_t size, struct vmi_error *err)
{
	struct place place;
	enum vmi_status st = place_of(os, type, &place, err);

	return st ? st : declaration(place.types, place.type, name, text, size, err);
}

enum vmi_status vmi_type_field(struct vmi_os *os, const char *structure, const char *path,
			       struct vmi_field *field, vmi_type *member_type,
			       struct vmi_error *err)
{
	struct vmi_member member;
	struct vmi_type_info info;
	struct place place;
	vmi_type type;
	enum vmi_status st = vmi_type_find(os, structure, &type, err);

	if (!st)
		st = place_of(os, type, &place, err);
	if (!st)
		st = types_path(place.types, place.type, path, &member, err);
	if (!st)
		st = types_info(place.types, member.type, &info, err);
	if (st)
		return st == VMI_ERR_NOT_FOUND ? vmi_wrap(err, st, "%s", structure) : st;
	*field = (struct vmi_field){.offset = member.bit_offset / 8,
				    .size = info.size <= 8 ? (uint8_t)info.size : 0};
	if (member.bit_size) {
		/* Of the storage that C declares, as long as the bits lie in one of it. */
		uint64_t unit = info.size ? info.size * 8 : 8;

		field->offset = member.bit_offset / unit * info.size;
		field->bit_offset = (uint8_t)(member.bit_offset % unit);
		field->bit_count = (uint8_t)member.bit_size;
	}
	if (member_type)
		*member_type = outside(os, &place, member.type);
	return VMI_OK;
}

/* ---- all of them ---------------------------------------------------------------------------- */

/* Behind the last number: of the kernel as long as the walk is there, then of the modules. */
static vmi_type end_of(struct vmi_os *os, size_t cursor)
{
	const struct modules_types *all;
	struct vmi_error err;

	if (cursor < types_count(os->types))
		return types_count(os->types);
	if (!os_modules_types(os, &all, &err))
		return all->end;
	os_problem(os, "types of modules are left out: %s", err.text);
	return 0;
}

enum vmi_status vmi_type_next(struct vmi_os *os, size_t *cursor, vmi_type *type)
{
	struct vmi_type_info info;
	struct place place;

	if (!os->types)
		return VMI_END;
	for (++*cursor; *cursor < end_of(os, *cursor); ++*cursor) {
		*type = (vmi_type)*cursor;
		if (place_of(os, *type, &place, NULL) || types_qualifier(place.types, &place.type))
			continue; /* "const struct page" is no name of its own */
		if (!vmi_type_info(os, *type, &info, NULL) && *info.name &&
		    info.kind != VMI_TYPE_FUNCTION && info.kind != VMI_TYPE_VOID)
			return VMI_OK;
	}
	return VMI_END;
}
