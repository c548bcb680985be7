/* SPDX-License-Identifier: MIT */
/* Members of the kernel's structures, by name, with alternatives for its versions. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fields.h"
#include "module_types.h"

/* The next of "a|b|c"; false behind the last, or when it does not fit. */
static bool alternative(const char **list, char *name, size_t size)
{
	size_t len = strcspn(*list, "|");

	if (!**list || len >= size)
		return false;
	memcpy(name, *list, len);
	name[len] = '\0';
	*list += len + ((*list)[len] == '|');
	return true;
}

/* A structure that is more than declared, and among whose types it is. */
static bool structure_find(struct vmi_os *os, const char *name, const struct types **types,
			   vmi_type *type)
{
	const char *colon = strchr(name, ':');
	struct vmi_type_info info;

	*types = os->types;
	if (colon) {
		const struct modules_types *all;
		const struct module_types *module = NULL;

		if (!os_modules_types(os, &all, NULL))
			module = modules_types_find(all, name, (size_t)(colon - name), colon + 1,
						    type);
		if (!module)
			return false;
		*types = module->types;
	} else if (types_find(os->types, name, type, NULL)) {
		return false;
	}
	return !types_info(*types, *type, &info, NULL) && info.kind != VMI_TYPE_FORWARD;
}

static bool path_resolve(const struct types *types, vmi_type type, const char *paths,
			 struct field *field)
{
	char path[64];

	while (alternative(&paths, path, sizeof(path))) {
		struct vmi_member member;
		struct vmi_type_info info;

		if (types_path(types, type, path, &member, NULL) ||
		    types_info(types, member.type, &info, NULL))
			continue;
		field->offset = member.bit_offset / 8;
		field->size = info.size;
		if (member.bit_size) {
			field->bit_offset = (uint8_t)(member.bit_offset % 8);
			field->bit_count = (uint8_t)member.bit_size;
			field->size = (field->bit_offset + member.bit_size + 7u) / 8;
		}
		field->is_there = true;
		return true;
	}
	return false;
}

static bool want_resolve(struct vmi_os *os, const struct field_want *want, struct field *field)
{
	const char *structures = want->structure;
	char name[64];

	*field = (struct field){0};
	while (alternative(&structures, name, sizeof(name))) {
		const struct types *types;
		struct vmi_type_info info;
		vmi_type type;

		if (!structure_find(os, name, &types, &type))
			continue;
		if (*want->path) {
			if (path_resolve(types, type, want->path, field))
				return true;
		} else if (!types_info(types, type, &info, NULL)) {
			field->size = info.size;
			field->is_there = true;
			return true;
		}
	}
	return false;
}

/* Without types, what VMCOREINFO tells of some members. */
static bool want_told(struct vmi_os *os, const struct field_want *want, struct field *field)
{
	const struct vmcoreinfo *info = os_vmcoreinfo(os);
	const char *structures = want->structure;
	char structure[64], path[64], name[sizeof(structure) + sizeof(path)];

	*field = (struct field){0};
	while (alternative(&structures, structure, sizeof(structure))) {
		const char *paths = want->path;

		if (!*paths)
			field->is_there = vmcoreinfo_find(info, "SIZE", structure, &field->size);
		while (!field->is_there && alternative(&paths, path, sizeof(path))) {
			snprintf(name, sizeof(name), "%s.%s", structure, path);
			field->is_there = vmcoreinfo_find(info, "OFFSET", name, &field->offset);
		}
		if (field->is_there)
			return true;
	}
	return false;
}

enum vmi_status fields_resolve(struct vmi_os *os, const struct field_want wants[], size_t count,
			       void *out, struct vmi_error *err)
{
	for (size_t i = 0; i < count; i++) {
		struct field *field = (struct field *)((char *)out + wants[i].to);
		bool is_there = os->types ? want_resolve(os, &wants[i], field)
					  : want_told(os, &wants[i], field);

		if (!is_there && !wants[i].is_optional && !os->types)
			return vmi_fail(err, VMI_ERR_UNSUPPORTED, "%s", os->no_types.text);
		if (!is_there && !wants[i].is_optional)
			return vmi_fail(
				err, VMI_ERR_UNSUPPORTED,
				"this kernel's struct %s has no %s: its version is not known",
				wants[i].structure, wants[i].path);
	}
	return VMI_OK;
}

uint64_t field_get(const struct field *field, const uint8_t *structure, size_t len)
{
	uint64_t value = 0;
	size_t size = field->size < 8 ? (size_t)field->size : 8;

	if (!field->is_there || field->offset > len || size > len - field->offset)
		return 0;
	for (size_t i = size; i > 0; i--)
		value = value << 8 | structure[field->offset + i - 1];
	if (!field->bit_count)
		return value;
	return value >> field->bit_offset &
	       (field->bit_count < 64 ? (UINT64_C(1) << field->bit_count) - 1 : UINT64_MAX);
}

enum vmi_status field_read(struct vmi_os *os, vmi_gva base, const struct field *field,
			   uint64_t *value, struct vmi_error *err)
{
	uint8_t bytes[8];
	size_t size = field->size < 8 ? (size_t)field->size : 8;
	struct field at_start = *field;
	if (!size)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"how long the member at 0x%" PRIx64
				" is cannot be told without types",
				field->offset);
	enum vmi_status st = os_read(os, base + field->offset, bytes, size, err);

	if (st)
		return st;
	at_start.offset = 0;
	*value = field_get(&at_start, bytes, size);
	return VMI_OK;
}

uint64_t struct_size(struct vmi_os *os, const char *name)
{
	struct vmi_type_info info;
	vmi_type type;

	if (!os->types || types_find(os->types, name, &type, NULL) ||
	    types_info(os->types, type, &info, NULL))
		return 0;
	return info.size;
}

uint64_t enumerator_bit(struct vmi_os *os, const char *enumeration, const char *name)
{
	struct vmi_member member;
	vmi_type type;

	if (!os->types || types_find(os->types, enumeration, &type, NULL))
		return 0;
	for (unsigned i = 0; !types_member(os->types, type, i, &member, NULL); i++)
		if (!strcmp(member.name, name) && member.value >= 0 && member.value < 64)
			return UINT64_C(1) << member.value;
	return 0;
}
