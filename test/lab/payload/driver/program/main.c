/* SPDX-License-Identifier: MIT */
/* driver PART DOMID: one part of the test of the Xen driver. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static const struct part {
	const char *name;
	void (*run)(struct bench *b);
	bool alone; /* opens the guest itself */
} parts[] = {
	{"reading", part_reading, false}, {"events", part_events, false},
	{"memory", part_memory, false},   {"views", part_views, false},
	{"loop", part_loop, false},       {"no-views", part_no_views, false},
	{"control", part_control, false}, {"detach", part_detach, true},
	{"kill", part_kill, true},        {"count", part_count, false},
	{"rate", part_rate, true},        {"rescue", part_rescue, true},
	{"amd", part_amd, false},         {"speed", part_speed, false},
};

static void run(struct bench *b, const struct part *part)
{
	const struct vmi_open_options options = {.size = sizeof(options), .driver = "xen"};
	struct before before;

	if (!before_take(b, &before)) {
		lab_result(false, part->name, "%s", b->why);
		return;
	}
	if (!part->alone && vmi_open(&b->vm, b->target, &options, &b->err)) {
		printf("%s\n", b->err.text);
		lab_result(false, "open", "%s", b->err.text);
		return;
	}
	part->run(b);
	vmi_close(b->vm);
	b->vm = NULL;
	bool same = before_same(b, &before);
	char name[40];

	snprintf(name, sizeof(name), "%s/as-before", part->name);
	lab_result(same, name, "%s", b->why);
}

static bool is_amd(void)
{
	FILE *cpu = fopen("/proc/cpuinfo", "r");
	char line[256];
	bool amd = false;

	while (cpu && fgets(line, sizeof(line), cpu))
		amd |= strstr(line, "AuthenticAMD") != NULL;
	if (cpu)
		fclose(cpu);
	return amd;
}

int main(int argc, char **argv)
{
	struct bench bench = {0};
	const struct part *part = NULL;

	for (size_t i = 0; argc == 3 && i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (!strcmp(parts[i].name, argv[1]))
			part = &parts[i];
	}
	if (!part)
		return 2;
	snprintf(bench.target, sizeof(bench.target), "%s", argv[2]);
	bench.amd = is_amd();
	bench.xc = xc_interface_open(NULL, NULL, 0);
	if (lab_result(bench.xc && lab_open(&bench.guest, (uint32_t)atoi(argv[2])), part->name,
		       "the guest is not ready"))
		run(&bench, part);
	lab_close(&bench.guest);
	if (bench.xc)
		xc_interface_close(bench.xc);
	return lab_status();
}
