/* SPDX-License-Identifier: MIT */
/* Watching, answering, and comparing with before. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#include <xen/hvm/params.h>

enum { DO_MS = 10000, DONE_MS = 1000 };

uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool fails(struct bench *b, const char *fmt, ...)
{
	va_list list;

	va_start(list, fmt);
	vsnprintf(b->why, sizeof(b->why), fmt, list);
	va_end(list);
	return false;
}

struct lab_mailbox *mailbox(struct bench *b, unsigned vcpu)
{
	return b->guest.mailbox[vcpu];
}

/* ---- watching ------------------------------------------------------------------------------- */

struct watch *watch_new(struct bench *b, answer_fn *answer)
{
	static struct watch watch; /* of one test at a time */

	watch = (struct watch){.bench = b, .answer = answer, .view = VMI_VIEW_NONE};
	for (unsigned i = 0; i < b->guest.vcpus; i++)
		lab_patterns(&mailbox(b, i)->in);
	return &watch;
}

static struct vmi_response watched(void *context, const struct vmi_event *event)
{
	struct watch *watch = context;

	if (watch->count < WATCHED_MAX)
		watch->event[watch->count] = *event;
	watch->count++;
	return watch->answer ? watch->answer(watch, event) : vmi_response_default();
}

bool all_over(const struct bench *b)
{
	for (unsigned i = 0; i < b->guest.vcpus; i++) {
		if (!lab_is_over(&b->guest, i))
			return false;
	}
	return true;
}

bool serve(struct watch *watch, unsigned ms)
{
	struct bench *b = watch->bench;
	uint64_t end = now_ms() + ms;

	while (!all_over(b)) {
		enum vmi_status st = vmi_event_wait(b->vm, 1, watched, watch, &b->err);

		if (st == VMI_ERR_ARG || st == VMI_ERR_UNSUPPORTED) {
			watch->refused++;
			watch->refusal = b->err;
		} else if (st && st != VMI_ERR_TIMEOUT) {
			return fails(b, "waiting: %s", b->err.text);
		}
		if (now_ms() > end)
			return fails(b, "not done: %u events, the last %s", watch->count,
				     watch->count ? vmi_reason_name(watch->event[0].reason)
						  : "none");
	}
	/* What does not wait for its answer may come late. */
	enum vmi_status st = vmi_event_wait(b->vm, 2, watched, watch, &b->err);

	return !st || st == VMI_ERR_TIMEOUT || fails(b, "waiting: %s", b->err.text);
}

bool perform(struct watch *watch, unsigned vcpu, uint32_t op)
{
	lab_begin(&watch->bench->guest, vcpu, op);
	return serve(watch, DO_MS);
}

bool obey(struct bench *b, unsigned vcpu, uint32_t op)
{
	lab_patterns(&mailbox(b, vcpu)->in);
	return lab_do(&b->guest, vcpu, op);
}

enum vmi_status monitor_on(struct bench *b, const struct vmi_monitor *monitor)
{
	return vmi_monitor_enable(b->vm, monitor, &b->err);
}

enum vmi_status monitor_off(struct bench *b, const struct vmi_monitor *monitor)
{
	return vmi_monitor_disable(b->vm, monitor, &b->err);
}

/* ---- tests ---------------------------------------------------------------------------------- */

void run_tests(struct bench *b, const struct test *tests, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		b->why[0] = b->err.text[0] = '\0';
		if (b->amd && not_on_amd(tests[i].name)) {
			printf("LAB skip %s %s\n", tests[i].name, not_on_amd(tests[i].name));
			continue;
		}
		bool held = tests[i].run(b);

		if (!held)
			printf("%s: %s\n", tests[i].name, b->why);
		lab_result(held, tests[i].name, "%s", b->why);
		if (b->vm && vmi_state_reset(b->vm, &b->err))
			lab_result(false, "reset", "after %s: %s", tests[i].name, b->err.text);
		for (unsigned vcpu = 0; vcpu < b->guest.vcpus; vcpu++) {
			if (!lab_end(&b->guest, vcpu, 1000))
				printf("vcpu %u is stuck after %s\n", vcpu, tests[i].name);
		}
	}
}

/* ---- before and after ------------------------------------------------------------------------ */

static bool get_info(struct bench *b, xc_domaininfo_t *info)
{
	return xc_domain_getinfolist(b->xc, b->guest.domid, 1, info) == 1 &&
	       info->domain == b->guest.domid;
}

static uint64_t guest_checksum(struct bench *b, uint64_t gpa, uint64_t length)
{
	struct lab_mailbox *m = mailbox(b, 0);

	m->in.rsi = gpa;
	m->in.rcx = length;
	return lab_do(&b->guest, 0, LAB_OP_CHECKSUM) ? m->out.rax : 0;
}

bool before_take(struct bench *b, struct before *before)
{
	for (unsigned i = 0; i < b->guest.vcpus; i++) {
		if (!obey(b, i, LAB_OP_STATE))
			return fails(b, "vcpu %u does not obey", i);
		before->state[i] = mailbox(b, i)->state;
		before->state[i].cr2 = 0; /* of page faults that were asked for */
	}
	/* What the guest wrote on its own stacks and into its mailboxes is not looked at. */
	before->image = guest_checksum(b, LAB_IMAGE, 0x1000);
	before->stage = guest_checksum(b, LAB_CODE, LAB_SCRATCH - LAB_CODE);
	return get_info(b, &before->info);
}

/* Turning off what is off says so. */
static bool monitors_off(struct bench *b)
{
	uint32_t id = b->guest.domid;
	const int results[] = {
		xc_monitor_write_ctrlreg(b->xc, id, VM_EVENT_X86_CR3, false, true, 0, true),
		xc_monitor_mov_to_msr(b->xc, id, 0xc0000082, false, true),
		xc_monitor_software_breakpoint(b->xc, id, false),
		xc_monitor_singlestep(b->xc, id, false),
		xc_monitor_cpuid(b->xc, id, false),
	};

	for (unsigned i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		if (!results[i])
			return fails(b, "monitor %u was on", i);
	}
	return true;
}

bool is_free(struct bench *b, const struct before *before)
{
	xc_domaininfo_t info;
	bool altp2m = false;

	if (!get_info(b, &info))
		return fails(b, "the domain is gone");
	if (info.flags & XEN_DOMINF_paused)
		return fails(b, "it is paused");
	if (info.max_pages != before->info.max_pages)
		return fails(b, "at most %lu pages, not %lu", (unsigned long)info.max_pages,
			     (unsigned long)before->info.max_pages);
	/* This fails where it can never be on. */
	xc_altp2m_get_domain_state(b->xc, b->guest.domid, &altp2m);
	if (altp2m)
		return fails(b, "altp2m is on");
	return true;
}

/* A guardian gives memory back last, after the guest runs. */
static bool pages_same(struct bench *b, const struct before *before)
{
	xc_domaininfo_t info = {0};

	for (uint64_t end = now_ms() + DONE_MS; now_ms() < end; usleep(1000)) {
		if (get_info(b, &info) && info.tot_pages == before->info.tot_pages)
			return true;
	}
	return fails(b, "%lu pages, not %lu", (unsigned long)info.tot_pages,
		     (unsigned long)before->info.tot_pages);
}

void ring_page_back(struct bench *b)
{
	uint64_t gfn = 0;

	xc_hvm_param_get(b->xc, b->guest.domid, HVM_PARAM_MONITOR_RING_PFN, &gfn);
	xen_pfn_t frame = gfn;
	xc_domain_populate_physmap_exact(b->xc, b->guest.domid, 1, 0, 0, &frame);
}

/* Only with a ring does Xen tell: so there must be none, and turning one on must work. */
static bool unrestricted(struct bench *b)
{
	uint32_t port;
	xenmem_access_t access = XENMEM_access_n;
	uint64_t gfn = LAB_MAILBOX >> 12;
	void *ring = xc_monitor_enable(b->xc, b->guest.domid, &port);

	if (!ring)
		return fails(b, "the ring is in use: %s", strerror(errno));
	while (gfn < LAB_STAGE_END >> 12 &&
	       !xc_get_mem_access(b->xc, b->guest.domid, gfn, &access) &&
	       access == XENMEM_access_rwx)
		gfn++;
	xc_monitor_disable(b->xc, b->guest.domid);
	munmap(ring, 4096);
	ring_page_back(b);
	return gfn == LAB_STAGE_END >> 12 ||
	       fails(b, "gfn 0x%lx is restricted", (unsigned long)gfn);
}

bool before_same(struct bench *b, const struct before *before)
{
	struct before after;

	if (!is_free(b, before) || !monitors_off(b) || !before_take(b, &after))
		return false;
	if (!pages_same(b, before))
		return false;
	if (memcmp(after.state, before->state, sizeof(after.state[0]) * b->guest.vcpus))
		return fails(b, "the state of a vcpu has changed");
	if (after.image != before->image || after.stage != before->stage)
		return fails(b, "the guest's memory has changed");
	return b->amd || unrestricted(b);
}
