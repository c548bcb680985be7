/* SPDX-License-Identifier: MIT */
/* linux DOMID LOG KERNEL PART..: the test of the Xen driver on a Linux guest. File descriptor 7 is
 * its console, LOG what it says there, KERNEL where its kernel keeps things. */

#include <stdlib.h>
#include <string.h>

#include "bench.h"

static bool open_all(struct bench *b, char **argv)
{
	const struct vmi_open_options options = {.size = sizeof(options), .driver = "xen"};
	char text[1024] = "";
	xc_domaininfo_t info;

	b->domid = (uint32_t)atoi(argv[1]);
	b->xc = xc_interface_open(NULL, NULL, 0);
	b->console = fopen(argv[2], "r");
	FILE *kernel = fopen(argv[3], "r");
	HOLDS(b->xc && b->console && kernel);
	text[fread(text, 1, sizeof(text) - 1, kernel)] = '\0';
	fclose(kernel);
	truths_read(b, text, "off ");
	truths_read(b, text, "sym ");
	HOLDS(xc_domain_getinfolist(b->xc, b->domid, 1, &info) == 1);
	b->max_pages = info.max_pages;
	HOLDS(said(b, "GUEST up"));
	truths_read(b, b->said, "GUEST code ");
	WORKS(vmi_open(&b->vm, argv[1], &options, &b->err));
	return tasks_read(b);
}

static void run(struct bench *b, const char *name)
{
	static const struct {
		const char *name;
		void (*run)(struct bench *b);
	} parts[] = {
		{"reading", part_reading},
		{"events", part_events},
		{"breakpoints", part_breakpoints},
		{"ending", part_ending},
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (!strcmp(parts[i].name, name))
			parts[i].run(b);
	}
}

int main(int argc, char **argv)
{
	static struct bench bench;

	if (argc < 4)
		return 2;
	if (lab_result(open_all(&bench, argv), "open", "%s", bench.why)) {
		for (int i = 4; i < argc; i++)
			run(&bench, argv[i]);
	}
	vmi_close(bench.vm);
	if (bench.xc)
		xc_interface_close(bench.xc);
	return lab_status();
}
