/* SPDX-License-Identifier: MIT */
/* Pausing, memory of our own, injection, registers, reset. */

#include <inttypes.h>
#include <string.h>

#include "bench.h"

static uint64_t counter(struct bench *b)
{
	return __atomic_load_n(&mailbox(b, 0)->counter, __ATOMIC_RELAXED);
}

static void spin_begin(struct bench *b)
{
	struct lab_mailbox *m = mailbox(b, 0);

	lab_patterns(&m->in);
	m->stop = 0;
	m->in.rdi = LAB_MAILBOX + offsetof(struct lab_mailbox, counter);
	m->in.rsi = LAB_MAILBOX + offsetof(struct lab_mailbox, stop);
	lab_begin(&b->guest, 0, LAB_OP_SPIN);
	lab_end(&b->guest, 0, 10);
}

static bool spin_end(struct bench *b)
{
	__atomic_store_n(&mailbox(b, 0)->stop, 1, __ATOMIC_RELEASE);
	return lab_end(&b->guest, 0, 2000);
}

static bool counts(struct bench *b)
{
	uint64_t before = counter(b);

	lab_end(&b->guest, 0, 30);
	return counter(b) != before;
}

static bool pausing(struct bench *b)
{
	struct vmi_pause_guard guard;

	spin_begin(b);
	HOLDS(counts(b));
	WORKS(vmi_pause(b->vm, &b->err));
	WORKS(vmi_pause_begin(&guard, b->vm, &b->err));
	HOLDS(!counts(b));
	vmi_pause_end(&guard);
	HOLDS(!counts(b));
	WORKS(vmi_resume(b->vm, &b->err));
	HOLDS(counts(b));
	REFUSED(vmi_resume(b->vm, &b->err), VMI_ERR_ARG, "not paused");
	HOLDS(spin_end(b));
	return true;
}

static bool allocation(struct bench *b)
{
	const char words[] = "a frame of our own";
	char back[sizeof(words)];
	xc_domaininfo_t before, after;
	vmi_gfn gfn, other;

	HOLDS(xc_domain_getinfolist(b->xc, b->guest.domid, 1, &before) == 1);
	WORKS(vmi_gfn_allocate(b->vm, &gfn, &b->err));
	WORKS(vmi_gfn_allocate_at(b->vm, gfn + 10, &b->err));
	WORKS(vmi_write_bytes(b->vm, NULL, gfn << 12, words, sizeof(words), NULL, &b->err));
	WORKS(vmi_read_bytes(b->vm, NULL, gfn << 12, back, sizeof(back), NULL, &b->err));
	HOLDS(!memcmp(back, words, sizeof(words)));
	REFUSED(vmi_gfn_allocate_at(b->vm, gfn, &b->err), VMI_ERR_BUSY, "memory at");
	REFUSED(vmi_gfn_allocate_at(b->vm, LAB_DATA >> 12, &b->err), VMI_ERR_BUSY, "memory at");
	WORKS(vmi_gfn_allocate(b->vm, &other, &b->err));
	HOLDS(other != gfn && other != gfn + 10);
	WORKS(vmi_gfn_free(b->vm, other, &b->err));
	WORKS(vmi_gfn_free(b->vm, gfn, &b->err));
	WORKS(vmi_gfn_free(b->vm, gfn + 10, &b->err));
	REFUSED(vmi_gfn_free(b->vm, gfn, &b->err), VMI_ERR_ARG, "not allocated here");
	REFUSED(vmi_gfn_free(b->vm, LAB_DATA >> 12, &b->err), VMI_ERR_ARG, "not allocated here");
	HOLDS(xc_domain_getinfolist(b->xc, b->guest.domid, 1, &after) == 1);
	HOLDS(after.tot_pages == before.tot_pages);
	return true;
}

static bool injection(struct bench *b)
{
	const struct vmi_interrupt fault = vmi_interrupt_page_fault(0x1234000, 2);
	const struct lab_mailbox *m = mailbox(b, 0);

	spin_begin(b);
	WORKS(vmi_interrupt_inject(b->vm, 0, &fault, &b->err));
	HOLDS(lab_end(&b->guest, 0, 2000));
	HOLDS(m->fault == 14 + 1 && m->fault_code == 2 && m->fault_address == 0x1234000);
	return true;
}

/* Within an event: the page that is missing is asked of the guest. */
static bool probing(struct bench *b)
{
	const struct vmi_monitor monitor = {.kind = VMI_MONITOR_CPUID};
	struct vmi_response response = vmi_response_default();
	const struct lab_mailbox *m = mailbox(b, 0);
	struct vmi_space space;
	struct vmi_event event;
	struct vmi_probe probe;
	uint64_t word;

	watch_new(b, NULL);
	WORKS(monitor_on(b, &monitor));
	lab_begin(&b->guest, 0, LAB_OP_CPUID);
	WORKS(vmi_event_take(b->vm, 2000, &event, &b->err));
	WORKS(vmi_space_of_registers(&event.registers, VMI_MODE_AUTO, &space, &b->err));
	vmi_probe_begin(&probe, b->vm, 0);
	enum vmi_status first = vmi_probe_read(&probe, &space, LAB_DATA, &word, 8, &b->err);
	enum vmi_status second =
		vmi_probe_read(&probe, &space, LAB_TRUTH + 0x2000, &word, 8, &b->err);
	enum vmi_status end = vmi_probe_end(&probe, false, false, &b->err);
	WORKS(vmi_event_answer(b->vm, &event, &response, &b->err));
	HOLDS(lab_end(&b->guest, 0, 2000));
	HOLDS(!first && second == VMI_ERR_NOT_PRESENT && end == VMI_ERR_BUSY);
	HOLDS(m->fault == 14 + 1 && m->fault_address == LAB_TRUTH + 0x2000);
	return true;
}

static bool set_registers(struct bench *b)
{
	struct lab_mailbox *m = mailbox(b, 0);
	struct vmi_registers regs = {0};

	spin_begin(b);
	vmi_register_know(&regs, VMI_RBX, 0x123456789abcdef);
	vmi_register_know(&regs, VMI_R15, 0xf0f0);
	WORKS(vmi_registers_set(b->vm, 0, &regs, &b->err));
	HOLDS(counts(b));
	HOLDS(spin_end(b));
	HOLDS(m->out.rbx == 0x123456789abcdef && m->out.r15 == 0xf0f0);
	HOLDS(lab_changed(m) == (1u << 3 | 1u << 15));
	REFUSED(vmi_registers_set(b->vm, 9, &regs, &b->err), VMI_ERR_NOT_FOUND, "9");
	return true;
}

static bool reset(struct bench *b)
{
	const struct vmi_monitor cpuid = {.kind = VMI_MONITOR_CPUID};
	const struct vmi_monitor cr3 = {.kind = VMI_MONITOR_REGISTER, .reg = VMI_CR3};
	struct vmi_event event;
	bool altp2m = true;
	uint16_t view;

	WORKS(monitor_on(b, &cpuid));
	WORKS(monitor_on(b, &cr3));
	WORKS(vmi_view_create(b->vm, VMI_ACCESS_R | VMI_ACCESS_X, &view, &b->err));
	WORKS(vmi_view_switch(b->vm, view, &b->err));
	WORKS(vmi_access_set(b->vm, 0, LAB_DATA >> 12, 0, 0, &b->err));
	watch_new(b, NULL);
	lab_begin(&b->guest, 0, LAB_OP_CPUID);
	lab_begin(&b->guest, 1, LAB_OP_CPUID);
	WORKS(vmi_event_take(b->vm, 2000, &event, &b->err));
	WORKS(vmi_state_reset(b->vm, &b->err));
	for (unsigned i = 0; i < b->guest.vcpus; i++) {
		HOLDS(lab_end(&b->guest, i, 1000));
		HOLDS(obey(b, i, LAB_OP_CPUID));
		mailbox(b, i)->in.rsi = LAB_DATA;
		HOLDS(lab_do(&b->guest, i, LAB_OP_READ));
	}
	HOLDS(!xc_altp2m_get_domain_state(b->xc, b->guest.domid, &altp2m) && !altp2m);
	WORKS(monitor_on(b, &cpuid)); /* and it can be used again */
	struct watch *w = watch_new(b, NULL);
	HOLDS(perform(w, 0, LAB_OP_CPUID) && w->count == 1);
	return true;
}

static bool second_watcher(struct bench *b)
{
	const struct vmi_open_options options = {.size = sizeof(options), .driver = "xen"};
	const struct vmi_monitor cpuid = {.kind = VMI_MONITOR_CPUID};
	struct vmi *other;

	WORKS(monitor_on(b, &cpuid));
	WORKS(vmi_open(&other, b->target, &options, &b->err));
	enum vmi_status st = vmi_monitor_enable(other, &cpuid, &b->err);
	vmi_close(other);
	HOLDS(st == VMI_ERR_BUSY && strstr(b->err.text, "reset"));
	struct watch *w = watch_new(b, NULL);
	HOLDS(perform(w, 0, LAB_OP_CPUID) && w->count == 1);
	REFUSED(vmi_target_rescue("xen", b->target, &b->err), VMI_ERR_BUSY, "not abandoned");
	HOLDS(perform(w, 0, LAB_OP_CPUID) && w->count == 2);
	return true;
}

void part_control(struct bench *b)
{
	static const struct test tests[] = {
		{"pause-nests", pausing},
		{"allocate", allocation},
		{"inject", injection},
		{"probe", probing},
		{"registers-set", set_registers},
		{"reset-state", reset},
		{"second-watcher", second_watcher},
	};

	run_tests(b, tests, sizeof(tests) / sizeof(tests[0]));
}
