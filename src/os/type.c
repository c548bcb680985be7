/* SPDX-License-Identifier: MIT */
/* The kernel's types for users. */

#include "declaration.h"
#include "fields.h"

static enum vmi_status types_required(const struct vmi_os *os, struct vmi_error *err)
{
	return os->types ? VMI_OK : vmi_fail(err, VMI_ERR_UNSUPPORTED, "%s", os->no_types.text);
}

enum vmi_status vmi_type_find(struct vmi_os *os, const char *name, vmi_type *type,
			      struct vmi_error *err)
{
	enum vmi_status st = types_required(os, err);

	return st ? st : types_find(os->types, name, type, err);
}

enum vmi_status vmi_type_info(struct vmi_os *os, vmi_type type, struct vmi_type_info *info,
			      struct vmi_error *err)
{
	enum vmi_status st = types_required(os, err);

	return st ? st : types_info(os->types, type, info, err);
}

enum vmi_status vmi_type_member(struct vmi_os *os, vmi_type type, unsigned index,
				struct vmi_member *member, struct vmi_error *err)
{
	enum vmi_status st = types_required(os, err);

	return st ? st : types_member(os->types, type, index, member, err);
}

enum vmi_status vmi_type_declare(struct vmi_os *os, vmi_type type, const char *name, char *text,
				 size_t size, struct vmi_error *err)
{
	enum vmi_status st = types_required(os, err);

	return st ? st : declaration(os->types, type, name, text, size, err);
}

enum vmi_status vmi_type_field(struct vmi_os *os, const char *structure, const char *path,
			       struct vmi_field *field, vmi_type *member_type,
			       struct vmi_error *err)
{
	struct vmi_member member;
	struct vmi_type_info info;
	vmi_type type;
	enum vmi_status st = vmi_type_find(os, structure, &type, err);

	if (!st)
		st = types_path(os->types, type, path, &member, err);
	if (!st)
		st = types_info(os->types, member.type, &info, err);
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
		*member_type = member.type;
	return VMI_OK;
}

enum vmi_status vmi_type_next(struct vmi_os *os, size_t *cursor, vmi_type *type)
{
	struct vmi_type_info info;

	if (!os->types)
		return VMI_END;
	while (++*cursor < types_count(os->types)) {
		vmi_type qualified = (vmi_type)*cursor;

		*type = (vmi_type)*cursor;
		if (types_qualifier(os->types, &qualified))
			continue; /* "const struct page" is no name of its own */
		if (!types_info(os->types, *type, &info, NULL) && *info.name &&
		    info.kind != VMI_TYPE_FUNCTION && info.kind != VMI_TYPE_VOID)
			return VMI_OK;
	}
	return VMI_END;
}
