/* SPDX-License-Identifier: MIT */
/* Monitors on and off, what refuses them, and the ring that comes with the first. */

#include <errno.h>
#include <string.h>

#include "world.h"

static const struct vmi_monitor monitors[] = {
	{.kind = VMI_MONITOR_REGISTER, .reg = VMI_CR0},
	{.kind = VMI_MONITOR_REGISTER, .reg = VMI_CR3},
	{.kind = VMI_MONITOR_REGISTER, .reg = VMI_CR4},
	{.kind = VMI_MONITOR_REGISTER, .reg = VMI_XCR0},
	{.kind = VMI_MONITOR_MSR, .msr = 0xc0000082},
	{.kind = VMI_MONITOR_INTERRUPT, .vector = 3},
	{.kind = VMI_MONITOR_INTERRUPT, .vector = 1},
	{.kind = VMI_MONITOR_SINGLESTEP},
	{.kind = VMI_MONITOR_HYPERCALL},
	{.kind = VMI_MONITOR_CPUID},
	{.kind = VMI_MONITOR_DESCRIPTOR},
	{.kind = VMI_MONITOR_VMEXIT},
	{.kind = VMI_MONITOR_EMULATION_FAILURE},
};

enum { MONITORS = sizeof(monitors) / sizeof(monitors[0]) };

static bool is_on(const struct fake_monitors *mon, const struct vmi_monitor *which)
{
	switch (which->kind) {
	case VMI_MONITOR_REGISTER:
		return mon
			->cr[which->reg == VMI_CR0   ? VM_EVENT_X86_CR0
			     : which->reg == VMI_CR3 ? VM_EVENT_X86_CR3
			     : which->reg == VMI_CR4 ? VM_EVENT_X86_CR4
						     : VM_EVENT_X86_XCR0]
			.on;
	case VMI_MONITOR_MSR:
		return mon->msr_count == 1 && mon->msrs[0].number == which->msr;
	case VMI_MONITOR_INTERRUPT:
		return which->vector == 3 ? mon->breakpoint : mon->debug && mon->debug_sync;
	case VMI_MONITOR_SINGLESTEP:
		return mon->singlestep;
	case VMI_MONITOR_HYPERCALL:
		return mon->request && mon->request_sync;
	case VMI_MONITOR_CPUID:
		return mon->cpuid;
	case VMI_MONITOR_IO:
		return false;
	case VMI_MONITOR_DESCRIPTOR:
		return mon->descriptor;
	case VMI_MONITOR_VMEXIT:
		return mon->vmexit;
	case VMI_MONITOR_PRIVILEGED_CALL:
		return mon->privileged_call;
	case VMI_MONITOR_EMULATION_FAILURE:
		return mon->unimplemented;
	}
	return false;
}

static void each_on_and_off(void **state)
{
	struct world *w = *state;
	struct vmi_error err;

	world_open(w);
	for (unsigned i = 0; i < MONITORS; i++) {
		world_enable(w, &monitors[i]);
		assert_true(is_on(&w->d->monitors, &monitors[i]));
		for (unsigned j = 0; j < MONITORS; j++)
			if (j != i)
				assert_false(is_on(&w->d->monitors, &monitors[j]));
		CHECK_OK(vmi_monitor_disable(w->vm, &monitors[i], &err));
		assert_false(is_on(&w->d->monitors, &monitors[i]));
	}
}

static void all_at_once_and_closed(void **state)
{
	struct world *w = *state;

	world_open(w);
	for (unsigned i = 0; i < MONITORS; i++)
		world_enable(w, &monitors[i]);
	for (unsigned i = 0; i < MONITORS; i++)
		assert_true(is_on(&w->d->monitors, &monitors[i]));
	/* the end of the test closes, and looks */
}

static void asked_for_twice(void **state)
{
	struct world *w = *state;
	struct vmi_error err;

	world_open(w);
	for (unsigned i = 0; i < MONITORS; i++) {
		world_enable(w, &monitors[i]);
		world_enable(w, &monitors[i]);
		assert_true(is_on(&w->d->monitors, &monitors[i]));
		CHECK_OK(vmi_monitor_disable(w->vm, &monitors[i], &err));
		assert_false(is_on(&w->d->monitors, &monitors[i]));
	}
}

static void reset_undoes_and_goes_on(void **state)
{
	struct world *w = *state;
	struct vmi_error err;

	world_open(w);
	for (unsigned i = 0; i < MONITORS; i++)
		world_enable(w, &monitors[i]);
	CHECK_OK(vmi_state_reset(w->vm, &err));
	for (unsigned i = 0; i < MONITORS; i++)
		assert_false(is_on(&w->d->monitors, &monitors[i]));
	world_enable(w, &monitors[9]);
	assert_int_equal(world_do(w, 0, &(struct fake_op){.kind = FAKE_EXECUTE, .gpa = 0x5000}), 0);
	CHECK_OK(vmi_state_reset(w->vm, &err));
}

static void what_the_host_lacks(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	const struct vmi_monitor io = {.kind = VMI_MONITOR_IO};
	const struct vmi_monitor privileged = {.kind = VMI_MONITOR_PRIVILEGED_CALL};

	w->m->host.monitors = 1u << XEN_DOMCTL_MONITOR_EVENT_CPUID;
	world_open(w);
	for (unsigned i = 0; i < MONITORS; i++)
		if (monitors[i].kind == VMI_MONITOR_CPUID)
			world_enable(w, &monitors[i]);
		else
			CHECK_FAIL(vmi_monitor_enable(w->vm, &monitors[i], &err),
				   VMI_ERR_UNSUPPORTED, vmi_monitor_name(&monitors[i]));
	CHECK_FAIL(vmi_monitor_enable(w->vm, &io, &err), VMI_ERR_UNSUPPORTED, "port");
	CHECK_FAIL(vmi_monitor_enable(w->vm, &privileged, &err), VMI_ERR_UNSUPPORTED, "privileged");
}

/* Each way in which a monitor or the ring cannot be turned on, by every call on the way. */
static void each_call_may_fail(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	bool more = true;

	for (uint64_t n = 1; more; n++) {
		world_open(w);
		fake_call_fail_at(w->m, n, EIO);
		enum vmi_status st = vmi_monitor_enable(w->vm, &monitors[0], &err);
		more = w->m->failed[0];
		fake_call_clear(w->m);
		if (st)
			assert_true(err.status == st && err.text[0]);
		world_close(w);
		assert_true(n < 200);
	}
}

static void the_ring_is_held_by_another(void **state)
{
	struct world *w = *state;
	struct vmi_error err;

	world_open(w);
	fake_call_fail(w->m, "xc_domctl:vm_event", EBUSY, 0, 1);
	CHECK_FAIL(vmi_monitor_enable(w->vm, &monitors[0], &err), VMI_ERR_BUSY, "reset");
	world_enable(w, &monitors[0]); /* later it is free */
}

static void no_hap(void **state)
{
	struct world *w = *state;
	struct vmi_error err;

	w->d->no_hap = true;
	world_open(w);
	CHECK_FAIL(vmi_monitor_enable(w->vm, &monitors[0], &err), VMI_ERR_UNSUPPORTED, "hap");
}

/* As libxenctrl leaves it, when it has had the events. */
static void ring_page_take(struct world *w)
{
	xc_interface *xc = xc_interface_open(NULL, NULL, 0);
	xen_pfn_t gfn = w->d->params[HVM_PARAM_MONITOR_RING_PFN];

	assert_int_equal(xc_domain_decrease_reservation_exact(xc, 1, 1, 0, &gfn), 0);
	xc_interface_close(xc);
	fake_baseline(w->d, &w->before);
}

/* Where there was none before, there is none afterwards: the world's end looks. */
static void without_a_page_for_the_ring(void **state)
{
	struct world *w = *state;

	ring_page_take(w);
	world_open(w);
	world_enable(w, &monitors[9]);
	assert_int_equal(world_do(w, 0, &(struct fake_op){.kind = FAKE_REQUEST}), 0);
}

/* Full memory: there is no room for the ring's page, and the limit is not raised for ever. */
static void no_room_for_the_ring(void **state)
{
	struct world *w = *state;

	ring_page_take(w);
	w->d->max_pages = w->before.max_pages = w->d->tot_pages;
	world_open(w);
	world_enable(w, &monitors[9]);
	assert_int_equal(world_do(w, 0, &(struct fake_op){.kind = FAKE_REQUEST}), 0);
}

static void the_page_of_the_ring_is_hidden(void **state)
{
	struct world *w = *state;

	world_open(w);
	world_enable(w, &monitors[9]);
	assert_null(fake_page(w->m, w->d, w->d->params[HVM_PARAM_MONITOR_RING_PFN]));
	assert_int_equal(w->d->pauses, 0);
}

static void more_msrs_than_the_host_takes(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	unsigned i;

	world_open(w);
	for (i = 0; i < FAKE_MSRS; i++)
		world_enable(w, &(struct vmi_monitor){.kind = VMI_MONITOR_MSR, .msr = 0x170 + i});
	CHECK_FAIL(vmi_monitor_enable(
			   w->vm, &(struct vmi_monitor){.kind = VMI_MONITOR_MSR, .msr = 0x170 + i},
			   &err),
		   VMI_ERR_NOMEM, "MSR");
	CHECK_FAIL(vmi_monitor_enable(
			   w->vm, &(struct vmi_monitor){.kind = VMI_MONITOR_MSR, .msr = 0x80001234},
			   &err),
		   VMI_ERR_ARG, "0x80001234");
}

static void turned_off_what_was_never_on(void **state)
{
	struct world *w = *state;
	struct vmi_error err;

	world_open(w);
	for (unsigned i = 0; i < MONITORS; i++)
		CHECK_FAIL(vmi_monitor_disable(w->vm, &monitors[i], &err), VMI_ERR_ARG,
			   "not watched");
	assert_int_equal(fake_call_count(w->m, "xc_domctl:vm_event"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(each_on_and_off),
		WORLD_TEST(all_at_once_and_closed),
		WORLD_TEST(asked_for_twice),
		WORLD_TEST(reset_undoes_and_goes_on),
		WORLD_TEST(what_the_host_lacks),
		WORLD_TEST(each_call_may_fail),
		WORLD_TEST(the_ring_is_held_by_another),
		WORLD_TEST(no_hap),
		WORLD_TEST(without_a_page_for_the_ring),
		WORLD_TEST(no_room_for_the_ring),
		WORLD_TEST(the_page_of_the_ring_is_hidden),
		WORLD_TEST(more_msrs_than_the_host_takes),
		WORLD_TEST(turned_off_what_was_never_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
