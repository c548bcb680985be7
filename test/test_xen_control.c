/* SPDX-License-Identifier: MIT */
/* Pausing, memory of our own, injection. */

#include <errno.h>
#include <string.h>

#include "world.h"

static void pauses_nest(void **state)
{
	struct world *w = *state;
	struct vmi_error err;

	world_open(w);
	CHECK_OK(vmi_pause(w->vm, &err));
	CHECK_OK(vmi_pause(w->vm, &err));
	assert_int_equal(w->d->pauses, 1);
	fake_program(w->d, 0, &(struct fake_op){.kind = FAKE_NOP}, 1, 1);
	fake_run(w->m);
	assert_int_equal(w->d->vcpus[0].executed, 0);
	CHECK_OK(vmi_resume(w->vm, &err));
	assert_int_equal(w->d->pauses, 1);
	CHECK_OK(vmi_resume(w->vm, &err));
	assert_int_equal(w->d->vcpus[0].executed, 1);
	CHECK_FAIL(vmi_resume(w->vm, &err), VMI_ERR_ARG, "not paused");
}

static void closing_resumes(void **state)
{
	struct world *w = *state;
	struct vmi_error err;

	world_open(w);
	CHECK_OK(vmi_pause(w->vm, &err));
	world_close(w);
	world_open(w);
	CHECK_OK(vmi_pause(w->vm, &err));
	fake_call_fail(w->m, "xc_domain_unpause", EAGAIN, 0, 1);
	assert_int_not_equal(vmi_resume(w->vm, &err), VMI_OK);
	assert_int_equal(w->d->pauses, 1); /* still ours, and closing tries again */
}

static void pausing_fails(void **state)
{
	struct world *w = *state;
	struct vmi_error err;

	world_open(w);
	fake_call_fail(w->m, "xc_domain_pause", EPERM, 0, 1);
	CHECK_FAIL(vmi_pause(w->vm, &err), VMI_ERR_IO, "root");
	CHECK_FAIL(vmi_resume(w->vm, &err), VMI_ERR_ARG, "not paused");
}

/* The guest was paused by its owner: that is no business of ours. */
static void paused_by_another(void **state)
{
	struct world *w = *state;
	struct vmi_error err;

	w->d->pauses = 1;
	world_open(w);
	CHECK_OK(vmi_pause(w->vm, &err));
	CHECK_OK(vmi_resume(w->vm, &err));
	CHECK_OK(vmi_pause(w->vm, &err));
	vmi_close(w->vm);
	w->vm = NULL;
	assert_int_equal(w->d->pauses, 1);
	w->d->pauses = 0;
}

/* ---- memory --------------------------------------------------------------------------------- */

static void memory_of_our_own(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	vmi_gfn gfn[3];
	uint64_t value = 0x1234, got;

	world_open(w);
	for (unsigned i = 0; i < 3; i++) {
		CHECK_OK(vmi_gfn_allocate(w->vm, &gfn[i], &err));
		assert_true(gfn[i] > FAKE_SPECIAL + 1);
		assert_non_null(fake_page(w->m, w->d, gfn[i]));
		CHECK_OK(vmi_write_bytes(w->vm, NULL, gfn[i] << 12, &value, 8, NULL, &err));
		CHECK_OK(vmi_read_u64(w->vm, NULL, gfn[i] << 12, &got, &err));
		assert_int_equal(got, value);
	}
	CHECK_OK(vmi_gfn_free(w->vm, gfn[1], &err));
	assert_null(fake_page(w->m, w->d, gfn[1]));
	CHECK_FAIL(vmi_gfn_free(w->vm, gfn[1], &err), VMI_ERR_ARG, "gfn");
	CHECK_FAIL(vmi_gfn_free(w->vm, 0x20, &err), VMI_ERR_ARG, "gfn 0x20");
	assert_non_null(fake_page(w->m, w->d, 0x20));
	/* the end of the test gives the others back */
}

static void memory_at_a_gfn(void **state)
{
	struct world *w = *state;
	struct vmi_error err;

	world_open(w);
	CHECK_FAIL(vmi_gfn_allocate_at(w->vm, 0x20, &err), VMI_ERR_BUSY, "gfn 0x20");
	assert_int_equal(w->d->harm.overwritten, 0);
	CHECK_OK(vmi_gfn_allocate_at(w->vm, 0x20000, &err));
	CHECK_FAIL(vmi_gfn_allocate_at(w->vm, 0x20000, &err), VMI_ERR_BUSY, "gfn 0x20000");
	CHECK_OK(vmi_gfn_free(w->vm, 0x20000, &err));
	CHECK_FAIL(vmi_gfn_allocate_at(w->vm, UINT64_C(1) << 45, &err), VMI_ERR_ARG, "gfn");
}

/* More than the limit allows: raised, and exactly as it was afterwards. */
static void beyond_the_limit(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	vmi_gfn gfn;

	w->d->max_pages = w->before.max_pages = w->d->tot_pages + 1;
	world_open(w);
	for (unsigned i = 0; i < 20; i++)
		CHECK_OK(vmi_gfn_allocate(w->vm, &gfn, &err));
	world_close(w);
	world_open(w);
	fake_call_fail(w->m, "xc_domain_setmaxmem", EPERM, 0, 1);
	enum vmi_status st = VMI_OK;
	for (unsigned i = 0; i < 20 && !st; i++)
		st = vmi_gfn_allocate(w->vm, &gfn, &err);
	fake_call_clear(w->m);
	assert_true(st != VMI_OK || w->d->max_pages >= w->d->tot_pages);
}

static void no_memory_to_be_had(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	vmi_gfn gfn;

	world_open(w);
	fake_call_fail(w->m, "xc_domain_populate_physmap_exact", ENOMEM, 0, 10);
	CHECK_FAIL(vmi_gfn_allocate(w->vm, &gfn, &err), VMI_ERR_NOMEM, "");
	fake_call_clear(w->m);
	CHECK_OK(vmi_gfn_allocate(w->vm, &gfn, &err));
	fake_call_fail(w->m, "xc_domain_decrease_reservation_exact", EINVAL, 0, 1);
	assert_int_not_equal(vmi_gfn_free(w->vm, gfn, &err), VMI_OK);
}

/* Freeing a page that a view shows would reset that view. */
static void freeing_spares_the_views(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	vmi_gfn shadow, other;
	uint16_t view;

	world_open(w);
	CHECK_OK(vmi_view_create(w->vm, VMI_ACCESS_R | VMI_ACCESS_W | VMI_ACCESS_X, &view, &err));
	CHECK_OK(vmi_gfn_allocate(w->vm, &shadow, &err));
	CHECK_OK(vmi_gfn_allocate(w->vm, &other, &err));
	CHECK_OK(vmi_view_change_gfn(w->vm, view, 0x20, shadow, &err));
	CHECK_OK(vmi_view_change_gfn(w->vm, view, 0x21, other, &err));
	CHECK_OK(vmi_access_set(w->vm, view, 0x22, VMI_ACCESS_R, 0, &err));
	enum vmi_status st = vmi_gfn_free(w->vm, shadow, &err);
	assert_true(!st || st == VMI_ERR_BUSY);
	/* what the view has is still there, and nothing was reset */
	assert_int_equal(w->d->views[view].entries[0x22].access, XENMEM_access_r);
	assert_int_equal(w->d->harm.reset_views, 0);
}

/* ---- injection ------------------------------------------------------------------------------ */

static void interrupts_are_injected(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	struct vmi_interrupt fault = vmi_interrupt_page_fault(0xabc000, 2);

	world_open(w);
	w->d->pauses = 1;
	CHECK_OK(vmi_interrupt_inject(w->vm, 1, &fault, &err));
	assert_int_equal(w->d->vcpus[1].injection.vector, 14);
	assert_int_equal(w->d->vcpus[1].injection.type, 3);
	assert_int_equal(w->d->vcpus[1].injection.error_code, 2);
	assert_int_equal(w->d->vcpus[1].injection.extra, 0xabc000);
	CHECK_FAIL(vmi_interrupt_inject(w->vm, 1, &fault, &err), VMI_ERR_BUSY, "vcpu 1");
	struct vmi_interrupt breakpoint = vmi_interrupt_breakpoint(1);
	CHECK_OK(vmi_interrupt_inject(w->vm, 0, &breakpoint, &err));
	/* no error code is a number of its own */
	assert_int_equal(w->d->vcpus[0].injection.error_code, UINT32_MAX);
	w->d->pauses = 0;
	fake_run(w->m);
	assert_int_equal(w->d->vcpus[1].delivered[14], 1);
	CHECK_FAIL(vmi_interrupt_inject(w->vm, 2, &fault, &err), VMI_ERR_NOT_FOUND, "vcpu 2");
}

static void injection_fails(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	struct vmi_interrupt fault = vmi_interrupt_page_fault(0xabc000, 2);

	world_open(w);
	fake_call_fail(w->m, "xendevicemodel_open", ENOENT, 0, 1);
	assert_int_not_equal(vmi_interrupt_inject(w->vm, 0, &fault, &err), VMI_OK);
	fake_call_fail(w->m, "xendevicemodel_inject_event", EPERM, 0, 1);
	assert_int_not_equal(vmi_interrupt_inject(w->vm, 0, &fault, &err), VMI_OK);
	CHECK_OK(vmi_interrupt_inject(w->vm, 0, &fault, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(pauses_nest),
		WORLD_TEST(closing_resumes),
		WORLD_TEST(pausing_fails),
		WORLD_TEST(paused_by_another),
		WORLD_TEST(memory_of_our_own),
		WORLD_TEST(memory_at_a_gfn),
		WORLD_TEST(beyond_the_limit),
		WORLD_TEST(no_memory_to_be_had),
		WORLD_TEST(freeing_spares_the_views),
		WORLD_TEST(interrupts_are_injected),
		WORLD_TEST(injection_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
