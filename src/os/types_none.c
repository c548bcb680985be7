/* SPDX-License-Identifier: MIT */
/* A build without libbpf has no types; symbols and what needs only them are there. */

#include <vmi/driver.h>

#include "types.h"

static enum vmi_status refuse(struct vmi_error *err)
{
	return vmi_fail(err, VMI_ERR_UNSUPPORTED,
			"types of the kernel need libbpf, which this build lacks");
}

enum vmi_status types_of_bytes(const uint8_t *bytes, size_t len, const struct types *base,
			       struct types **types, struct vmi_error *err)
{
	(void)bytes, (void)len, (void)base, (void)types;
	return refuse(err);
}

enum vmi_status types_find(const struct types *types, const char *name, vmi_type *type,
			   struct vmi_error *err)
{
	(void)types, (void)name, (void)type;
	return refuse(err);
}

enum vmi_status types_info(const struct types *types, vmi_type type, struct vmi_type_info *info,
			   struct vmi_error *err)
{
	(void)types, (void)type, (void)info;
	return refuse(err);
}

enum vmi_status types_member(const struct types *types, vmi_type type, unsigned index,
			     struct vmi_member *member, struct vmi_error *err)
{
	(void)types, (void)type, (void)index, (void)member;
	return refuse(err);
}

enum vmi_status types_path(const struct types *types, vmi_type type, const char *path,
			   struct vmi_member *member, struct vmi_error *err)
{
	(void)types, (void)type, (void)path, (void)member;
	return refuse(err);
}

const char *types_qualifier(const struct types *types, vmi_type *type)
{
	(void)types, (void)type;
	return NULL;
}

vmi_type types_count(const struct types *types)
{
	(void)types;
	return 0;
}

uint32_t types_names_size(const struct types *types)
{
	(void)types;
	return 0;
}

void types_destroy(struct types *types)
{
	(void)types;
}
