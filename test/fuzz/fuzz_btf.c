/* SPDX-License-Identifier: MIT */
/* Types out of bytes, a kernel's or a module's: everything that can be asked of each of them. */

#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>

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

static void ask_all(const uint8_t *data, size_t size, const struct types *base)
{
	struct types *types;

	if (types_of_bytes(data, size, base, &types, NULL))
		return;
	for (vmi_type type = 0; type < types_count(types) && type < TYPES_ASKED; type++)
		ask(types, type);
	types_destroy(types);
}

/* Types of a kernel, in short, for bytes that continue them. */
static struct types *kernel_types(void)
{
	struct btf *btf = btf__new_empty();
	struct types *types = NULL;
	uint32_t size;

	if (!btf)
		return NULL;
	int number = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	btf__add_struct(btf, "page", 4);
	btf__add_field(btf, "flags", number, 0, 0);
	btf__add_ptr(btf, number + 1);
	const void *bytes = btf__raw_data(btf, &size);
	if (bytes && types_of_bytes(bytes, size, NULL, &types, NULL))
		types = NULL;
	btf__free(btf);
	return types;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct types *kernel = kernel_types();

	ask_all(data, size, NULL);
	if (kernel)
		ask_all(data, size, kernel);
	types_destroy(kernel);
	return 0;
}
