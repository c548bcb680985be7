/* SPDX-License-Identifier: MIT */
/* What the commands about types share. */

#include <stdio.h>

#include "json.h"
#include "types.h"

const char *type_tag(const struct vmi_type_info *info)
{
	if (info->kind == VMI_TYPE_FORWARD)
		return info->is_union ? "union " : "struct ";
	if (info->kind == VMI_TYPE_STRUCT)
		return "struct ";
	if (info->kind == VMI_TYPE_UNION)
		return "union ";
	return info->kind == VMI_TYPE_ENUM ? "enum " : "";
}

const char *type_kind_name(enum vmi_type_kind kind)
{
	static const char *const names[] = {"void",    "int",      "float",  "pointer",
					    "array",   "struct",   "union",  "enum",
					    "typedef", "function", "forward"};

	return (unsigned)kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "unknown";
}

void json_guest_key(struct out *out, const char *key)
{
	char safe[256];
	size_t i;

	for (i = 0; key[i] && i < sizeof(safe) - 1; i++)
		safe[i] = (unsigned char)key[i] - 0x20u < 0x5f ? key[i] : '?';
	safe[i] = '\0';
	json_key(out, safe);
}
