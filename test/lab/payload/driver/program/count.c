/* SPDX-License-Identifier: MIT */
/* Many events of two vcpus: each is told once, and each is answered once. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"

enum { EACH = 50000, PATIENCE_MS = 600000 };

struct tally {
	uint64_t next[LAB_VCPUS]; /* rcx of the next event, if none is lost or doubled */
	uint64_t events, strange;
};

static struct vmi_response emulate(void *context, const struct vmi_event *event)
{
	struct tally *tally = context;
	uint64_t rcx = event->registers.value[VMI_RCX];

	tally->events++;
	if (event->reason != VMI_REASON_MEMORY_ACCESS || event->vcpu >= LAB_VCPUS ||
	    rcx != tally->next[event->vcpu])
		tally->strange++;
	else
		tally->next[event->vcpu]--;
	return vmi_response_action(VMI_ACTION_EMULATE);
}

static bool wait_all(struct bench *b, struct tally *tally)
{
	uint64_t end = now_ms() + PATIENCE_MS;

	while (!all_over(b)) {
		enum vmi_status st = vmi_event_wait(b->vm, 100, emulate, tally, &b->err);
		if (st && st != VMI_ERR_TIMEOUT)
			return fails(b, "%s", b->err.text);
		if (now_ms() > end)
			return fails(b, "%" PRIu64 " events in time", tally->events);
	}
	return true;
}

static bool many(struct bench *b)
{
	struct tally tally = {.next = {EACH, EACH, EACH, EACH}};
	const unsigned access = VMI_ACCESS_R | VMI_ACCESS_X;
	const uint64_t zeros[LAB_VCPUS] = {0};
	uint64_t words[LAB_VCPUS] = {0}, overhead = 0, start = now_ms();

	WORKS(vmi_access_set(b->vm, 0, LAB_SCRATCH >> 12, access, 0, &b->err));
	for (unsigned i = 0; i < b->guest.vcpus; i++) {
		struct lab_registers *in = &mailbox(b, i)->in;
		lab_patterns(in);
		in->rcx = EACH;
		in->rdi = LAB_SCRATCH + 8 * i;
		lab_begin(&b->guest, i, LAB_OP_WRITES);
	}
	if (!wait_all(b, &tally))
		return false;
	uint64_t took = now_ms() - start;
	WORKS(vmi_event_overhead(b->vm, &overhead, &b->err));
	printf("%" PRIu64 " events in %" PRIu64 " ms, %" PRIu64 " ms of them ours, %" PRIu64
	       " strange\n",
	       tally.events, took, overhead / 1000000, tally.strange);
	WORKS(vmi_read_bytes(b->vm, NULL, LAB_SCRATCH, words, sizeof(words), NULL, &b->err));
	WORKS(vmi_write_bytes(b->vm, NULL, LAB_SCRATCH, zeros, sizeof(zeros), NULL, &b->err));
	HOLDS(tally.events == (uint64_t)EACH * b->guest.vcpus && !tally.strange);
	for (unsigned i = 0; i < b->guest.vcpus; i++)
		HOLDS(!tally.next[i] && words[i] == 1 && lab_changed(mailbox(b, i)) == 1u << 1);
	return true;
}

void part_count(struct bench *b)
{
	static const struct test tests[] = {{"events-100000", many}};

	run_tests(b, tests, 1);
}
