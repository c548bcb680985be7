/* SPDX-License-Identifier: MIT */
/*
 * Events a second, through the library and through libxenctrl alone, the same work: writes to a
 * page, each emulated; by handlers that look at nothing, and by handlers that read the guest's
 * memory, where the bare loop has what it reads mapped for good.
 *
 * To be run with a guest of one vcpu: one that waits for work takes time from the others.
 */

#include <stdio.h>
#include <string.h>

#include "bench.h"

enum { COUNT = 4000, ROUNDS = 2 };

struct handling {
	struct bench *bench;
	bool reads;
	unsigned events, failed;
	uint64_t sum;
};

static struct vmi_response emulate(void *context, const struct vmi_event *event)
{
	struct handling *h = context;
	uint64_t value = 0;

	(void)event;
	h->events++;
	if (h->reads && vmi_read_u64(h->bench->vm, NULL, LAB_DATA, &value, NULL))
		h->failed++;
	h->sum += value;
	return vmi_response_action(VMI_ACTION_EMULATE);
}

static double library_rate(struct bench *b, bool reads)
{
	const struct vmi_open_options options = {.size = sizeof(options), .driver = "xen"};
	const unsigned access = VMI_ACCESS_R | VMI_ACCESS_X;
	struct handling h = {.bench = b, .reads = reads};
	double rate = 0;

	if (vmi_open(&b->vm, b->target, &options, &b->err))
		return 0;
	if (!vmi_access_set(b->vm, 0, LAB_SCRATCH >> 12, access, 0, &b->err)) {
		lab_patterns(&mailbox(b, 0)->in);
		mailbox(b, 0)->in.rcx = COUNT;
		mailbox(b, 0)->in.rdi = LAB_SCRATCH;
		uint64_t start = now_ms();
		lab_begin(&b->guest, 0, LAB_OP_WRITES);
		while (h.events < COUNT && !vmi_event_wait(b->vm, 5000, emulate, &h, &b->err))
			;
		rate = h.events * 1000.0 / (double)(now_ms() - start);
		lab_end(&b->guest, 0, 1000);
	}
	vmi_close(b->vm);
	b->vm = NULL;
	return h.events == COUNT && !h.failed && (!reads || h.sum) ? rate : 0;
}

static bool compare(struct bench *b, bool reads)
{
	uint64_t *scratch = lab_map(&b->guest, LAB_SCRATCH), *data = lab_map(&b->guest, LAB_DATA);
	double ours = 0, bare = 0;

	HOLDS(scratch && data);
	for (unsigned i = 0; i < ROUNDS; i++) {
		double one = bare_rate(b, COUNT, reads ? data : NULL);
		double other = library_rate(b, reads);
		bare = one > bare ? one : bare;
		ours = other > ours ? other : ours;
	}
	*scratch = 0;
	lab_unmap(&b->guest, scratch);
	lab_unmap(&b->guest, data);
	printf("events a second%s: %.0f through the library, %.0f through libxenctrl: %.1f %%\n",
	       reads ? ", each with a read" : "", ours, bare, bare > 0 ? 100 * ours / bare : 0);
	HOLDS(bare > 0 && ours > 0);
	HOLDS(ours >= 0.95 * bare);
	return true;
}

static bool plain(struct bench *b)
{
	return compare(b, false);
}

static bool reading(struct bench *b)
{
	return compare(b, true);
}

void part_rate(struct bench *b)
{
	static const struct test tests[] = {{"rate", plain}, {"rate-reading", reading}};

	run_tests(b, tests, sizeof(tests) / sizeof(tests[0]));
}
