/* SPDX-License-Identifier: MIT */
/* Types out of bytes: everything that can be asked of each of them. */

#include <stdlib.h>
#include <string.h>

#include "declaration.h"
#include "types.h"

enum { TYPES_ASKED = 2000, MEMBERS_ASKED = 100 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct types *types, vmi_type type)
{
	struct vmi_type_info info;
	struct vmi_member member, found;
	char text[200];
	vmi_type named;

	if (types_info(types, type, &info, NULL))
		return;
	if (*info.name && !types_find(types, info.name, &named, NULL) &&
	    named >= types_count(types))
		abort();
	if (!declaration(types, type, "name", text, sizeof(text), NULL) &&
	    strlen(text) >= sizeof(text))
		abort();
	for (unsigned i = 0; i < MEMBERS_ASKED && !types_member(types, type, i, &member, NULL); i++)
		if (!types_path(types, type, member.name, &found, NULL) &&
		    found.type >= types_count(types))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct types *types;

	if (types_of_bytes(data, size, &types, NULL))
		return 0;
	for (vmi_type type = 0; type < types_count(types) && type < TYPES_ASKED; type++)
		ask(types, type);
	types_destroy(types);
	return 0;
}
