/* SPDX-License-Identifier: MIT */
/* The README's example of the library: where does an address lead, and what does it say there? */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <vmi/vmi.h>

int main(int argc, char **argv)
{
	struct vmi *vm;
	struct vmi_error err;
	struct vmi_space space;
	struct vmi_translation where;
	struct vmi_string text;

	if (argc != 3)
		return 2;
	vmi_gva gva = strtoull(argv[2], NULL, 0);

	if (vmi_open(&vm, argv[1], NULL, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return 3;
	}
	enum vmi_status st = vmi_space_default(vm, VMI_MODE_AUTO, &space, NULL, &err);
	if (!st)
		st = vmi_translate(vm, &space, gva, &where, &err);
	if (!st)
		st = vmi_string_read(vm, &space, gva, VMI_UTF8, 0, &text, &err);
	if (!st) {
		printf("0x%" PRIx64 " is at 0x%" PRIx64 ": %s\n", gva, where.gpa, text.text);
		vmi_string_free(&text);
	} else {
		fprintf(stderr, "%s\n", err.text);
	}
	vmi_close(vm);
	return st ? 1 : 0;
}
