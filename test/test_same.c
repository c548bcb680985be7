/* SPDX-License-Identifier: MIT */
/*
 * test_same IMAGE OTHER [OTHER...]: images of one instant hold the same bytes, page by page.
 *
 * A page that only one of them holds is counted, and no failure. Exit status: 0 all that two of
 * them hold agrees, 1 something does not, 77 one is in a format that this library cannot read.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <vmi/vmi.h>

struct counts {
	uint64_t same, only_first, differ;
};

static int open_image(struct vmi **vm, const char *path)
{
	struct vmi_error err;
	enum vmi_status st = vmi_open(vm, path, NULL, &err);

	if (!st)
		return 0;
	printf("%s\n", err.text);
	return st == VMI_ERR_UNSUPPORTED ? 77 : 1;
}

/* The bytes that both say they know. */
static bool agree(const struct vmi_page *a, const struct vmi_page *b)
{
	if (!a->known && !b->known)
		return !memcmp(a->data, b->data, VMI_PAGE_SIZE);
	for (unsigned i = 0; i < VMI_PAGE_SIZE; i++) {
		bool both = (!a->known || (a->known[i / 64] >> i % 64 & 1)) &&
			    (!b->known || (b->known[i / 64] >> i % 64 & 1));
		if (both && a->data[i] != b->data[i])
			return false;
	}
	return true;
}

static void compare_page(struct vmi *first, struct vmi *other, vmi_gfn gfn, struct counts *counts)
{
	struct vmi_page a, b;
	struct vmi_error err;

	if (vmi_page_get(first, gfn, &a, &err)) {
		printf("gfn 0x%" PRIx64 " is in a run, and %s\n", gfn, err.text);
		counts->differ++;
		return;
	}
	enum vmi_status st = vmi_page_get(other, gfn, &b, &err);
	if (!st) {
		if (agree(&a, &b))
			counts->same++;
		else if (counts->differ++ < 10)
			printf("gfn 0x%" PRIx64 " differs\n", gfn);
		vmi_page_put(other, &b);
	} else if (st == VMI_ERR_NOT_SAVED) {
		counts->only_first++;
	} else {
		printf("gfn 0x%" PRIx64 ": %s\n", gfn, err.text);
		counts->differ++;
	}
	vmi_page_put(first, &a);
}

static struct counts compare(struct vmi *first, struct vmi *other)
{
	struct counts counts = {0};
	struct vmi_run run;
	vmi_gfn done = 0;

	for (vmi_gpa at = 0; !vmi_run_next(first, at, &run, NULL); at = run.gpa + run.size) {
		vmi_gfn end = (run.gpa + run.size + VMI_PAGE_SIZE - 1) >> VMI_PAGE_SHIFT;
		vmi_gfn gfn = run.gpa >> VMI_PAGE_SHIFT;
		for (gfn = gfn > done ? gfn : done; gfn < end; gfn++)
			compare_page(first, other, gfn, &counts);
		done = end;
	}
	return counts;
}

int main(int argc, char **argv)
{
	struct vmi *first, *other;
	int status = argc < 3;

	if (status || (status = open_image(&first, argv[1])))
		return status;
	for (int i = 2; i < argc; i++) {
		int opened = open_image(&other, argv[i]);
		if (opened) {
			status = status ? status : opened;
			continue;
		}
		struct counts counts = compare(first, other);
		printf("%s: %" PRIu64 " pages the same, %" PRIu64 " not in it, %" PRIu64
		       " that differ\n",
		       argv[i], counts.same, counts.only_first, counts.differ);
		vmi_close(other);
		if (counts.differ || !counts.same)
			status = 1;
	}
	vmi_close(first);
	return status;
}
