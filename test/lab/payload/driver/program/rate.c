/* SPDX-License-Identifier: MIT */
/* Events a second, through the library and through libxenctrl alone, the same work: writes to a
 * page, each emulated. */

#include <stdio.h>
#include <string.h>

#include "bench.h"

enum { COUNT = 4000, ROUNDS = 2 };

static struct vmi_response emulate(void *context, const struct vmi_event *event)
{
	unsigned *events = context;

	(void)event;
	++*events;
	return vmi_response_action(VMI_ACTION_EMULATE);
}

static double library_rate(struct bench *b)
{
	const struct vmi_open_options options = {.size = sizeof(options), .driver = "xen"};
	const unsigned access = VMI_ACCESS_R | VMI_ACCESS_X;
	unsigned events = 0;
	double rate = 0;

	if (vmi_open(&b->vm, b->target, &options, &b->err))
		return 0;
	if (!vmi_access_set(b->vm, 0, LAB_SCRATCH >> 12, access, 0, &b->err)) {
		lab_patterns(&mailbox(b, 0)->in);
		mailbox(b, 0)->in.rcx = COUNT;
		mailbox(b, 0)->in.rdi = LAB_SCRATCH;
		uint64_t start = now_ms();
		lab_begin(&b->guest, 0, LAB_OP_WRITES);
		while (events < COUNT && !vmi_event_wait(b->vm, 5000, emulate, &events, &b->err))
			;
		rate = events * 1000.0 / (double)(now_ms() - start);
		lab_end(&b->guest, 0, 1000);
	}
	vmi_close(b->vm);
	b->vm = NULL;
	return events == COUNT ? rate : 0;
}

static bool compare(struct bench *b)
{
	double ours = 0, bare = 0;
	uint64_t *scratch;

	for (unsigned i = 0; i < ROUNDS; i++) {
		double one = bare_rate(b, COUNT), other = library_rate(b);
		bare = one > bare ? one : bare;
		ours = other > ours ? other : ours;
	}
	printf("events a second: %.0f through the library, %.0f through libxenctrl: %.1f %%\n",
	       ours, bare, bare > 0 ? 100 * ours / bare : 0);
	scratch = lab_map(&b->guest, LAB_SCRATCH);
	HOLDS(scratch);
	*scratch = 0;
	lab_unmap(&b->guest, scratch);
	HOLDS(bare > 0 && ours > 0);
	HOLDS(ours >= 0.95 * bare);
	return true;
}

void part_rate(struct bench *b)
{
	static const struct test tests[] = {{"rate", compare}};

	run_tests(b, tests, 1);
}
