/* SPDX-License-Identifier: MIT */
#ifndef TOOL_TYPES_H
#define TOOL_TYPES_H

#include <vmi/os.h>

#include "cli.h"

/** What the commands about types share. */

enum { DECLARATION_TEXT = 2048 };

/* "struct ", "union ", "enum " for what C gives a tag, else "". */
const char *type_tag(const struct vmi_type_info *info);
/* "struct", "int", "typedef" ... */
const char *type_kind_name(enum vmi_type_kind kind);

/* Has it members of which some may be structures themselves? */
static inline bool type_is_compound(const struct vmi_type_info *info)
{
	return info->kind == VMI_TYPE_STRUCT || info->kind == VMI_TYPE_UNION;
}

/* The key `key` with a name that the guest chose, harmless to terminals. */
void json_guest_key(struct out *out, const char *key);

#endif
