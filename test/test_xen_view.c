/* SPDX-License-Identifier: MIT */
/* Views and the access of pages in them. */

#include <errno.h>
#include <string.h>

#include "world.h"

enum {
	RWX = VMI_ACCESS_R | VMI_ACCESS_W | VMI_ACCESS_X,
	RW = VMI_ACCESS_R | VMI_ACCESS_W,
	RX = VMI_ACCESS_R | VMI_ACCESS_X,
};

static const struct vmi_monitor breakpoint = {.kind = VMI_MONITOR_INTERRUPT, .vector = 3};
static const struct vmi_monitor step = {.kind = VMI_MONITOR_SINGLESTEP};

static uint16_t make_view(struct world *w, unsigned access)
{
	struct vmi_error err;
	uint16_t view = 0;

	CHECK_OK(vmi_view_create(w->vm, access, &view, &err));
	assert_int_not_equal(view, 0);
	return view;
}

static unsigned access_of(struct world *w, uint16_t view, vmi_gfn gfn)
{
	struct vmi_error err;
	unsigned access = 99;

	CHECK_OK(vmi_access_get(w->vm, view, gfn, &access, NULL, &err));
	return access;
}

/* ---- access --------------------------------------------------------------------------------- */

static void every_access(void **state)
{
	struct world *w = *state;
	struct vmi_error err;

	world_open(w);
	uint16_t view = make_view(w, RWX);
	for (unsigned access = 0; access <= RWX; access++) {
		/* EPT has no page that can be written and not read (SDM vol. 3C 29.3.3.1) */
		if ((access & RW) == VMI_ACCESS_W) {
			CHECK_FAIL(vmi_access_set(w->vm, 0, 0x20, access, 0, &err), VMI_ERR_ARG,
				   "not read");
			continue;
		}
		CHECK_OK(vmi_access_set(w->vm, 0, 0x20, access, 0, &err));
		assert_int_equal(access_of(w, 0, 0x20), access);
		CHECK_OK(vmi_access_set(w->vm, view, 0x21, access, 0, &err));
		assert_int_equal(access_of(w, view, 0x21), access);
		assert_int_equal(access_of(w, 0, 0x21), RWX);
	}
}

static void access_that_cannot_be_set(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	unsigned access;

	world_open(w);
	CHECK_FAIL(vmi_access_set(w->vm, 0, 0xa0000, RX, 0, &err), VMI_ERR_NOT_FOUND,
		   "gfn 0xa0000");
	CHECK_FAIL(vmi_access_get(w->vm, 0, 0xa0000, &access, NULL, &err), VMI_ERR_NOT_FOUND,
		   "gfn 0xa0000");
	CHECK_FAIL(vmi_access_set(w->vm, 3, 0x20, RX, 0, &err), VMI_ERR_ARG, "view 3");
	CHECK_FAIL(vmi_access_get(w->vm, 3, 0x20, &access, NULL, &err), VMI_ERR_ARG, "view 3");
	/* neither these headers nor this Xen can ignore the CPU's own updates */
	CHECK_FAIL(vmi_access_set(w->vm, 0, 0x20, VMI_ACCESS_R, VMI_ACCESS_IGNORE_PAGE_WALK_UPDATES,
				  &err),
		   VMI_ERR_UNSUPPORTED, "page-walk");
}

static void without_hap(void **state)
{
	struct world *w = *state;
	struct vmi_error err;

	w->d->no_hap = true;
	world_open(w);
	CHECK_FAIL(vmi_access_set(w->vm, 0, 0x20, RX, 0, &err), VMI_ERR_UNSUPPORTED,
		   "cannot set page access on this target");
	assert_non_null(strstr(vmi_warning(w->vm, 0), "hap=1"));
}

/* Xen does not say then. */
static void access_before_anything_is_watched(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	unsigned access;

	world_open(w);
	assert_int_equal(access_of(w, 0, 0x20), RWX);
	CHECK_FAIL(vmi_access_get(w->vm, 0, 0xa0000, &access, NULL, &err), VMI_ERR_NOT_FOUND,
		   "gfn 0xa0000");
}

/* ---- views ---------------------------------------------------------------------------------- */

static void a_view_is_lazy_and_has_its_default(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	uint16_t view;

	world_open(w);
	CHECK_OK(vmi_view_default(w->vm, &view, &err));
	assert_int_equal(view, 0);
	view = make_view(w, RX);
	assert_int_equal(access_of(w, view, 0x20), RX); /* not copied yet */
	unsigned access;
	CHECK_FAIL(vmi_access_get(w->vm, view, 0xa0000, &access, NULL, &err), VMI_ERR_NOT_FOUND,
		   "gfn 0xa0000");
	CHECK_OK(vmi_access_set(w->vm, view, 0x20, VMI_ACCESS_R, 0, &err));
	assert_int_equal(access_of(w, view, 0x20), VMI_ACCESS_R);
	CHECK_OK(vmi_view_reset_gfn(w->vm, view, 0x20, &err));
	assert_int_equal(access_of(w, view, 0x20), RX);
}

static void the_guest_sees_what_its_view_shows(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	const struct fake_op read = {.kind = FAKE_READ, .gpa = 0x20000};

	world_open(w);
	world_do(w, 0, &read);
	uint64_t own = w->d->vcpus[0].result;
	uint16_t view = make_view(w, RWX);
	CHECK_OK(vmi_view_change_gfn(w->vm, view, 0x20, 0x30, &err));
	CHECK_OK(vmi_view_switch(w->vm, view, &err));
	world_do(w, 0, &read);
	assert_int_equal(w->d->vcpus[0].result, own + (UINT64_C(0x10) << 32));
	CHECK_OK(vmi_view_reset_gfn(w->vm, view, 0x20, &err));
	world_do(w, 0, &read);
	assert_int_equal(w->d->vcpus[0].result, own);
	CHECK_OK(vmi_view_switch(w->vm, 0, &err));
	assert_int_equal(w->d->vcpus[1].view, 0);
	CHECK_OK(vmi_view_destroy(w->vm, view, &err));
}

/* Xen gives a page that is shown instead the access of the new one. */
static void remapping_keeps_the_access(void **state)
{
	struct world *w = *state;
	struct vmi_error err;

	world_open(w);
	uint16_t view = make_view(w, RWX);
	CHECK_OK(vmi_access_set(w->vm, view, 0x20, VMI_ACCESS_X, 0, &err));
	CHECK_OK(vmi_view_change_gfn(w->vm, view, 0x20, 0x30, &err));
	assert_int_equal(w->d->views[view].entries[0x20].access, XENMEM_access_x);
}

static void views_that_do_not_exist(void **state)
{
	struct world *w = *state;
	struct vmi_error err;

	world_open(w);
	CHECK_FAIL(vmi_view_switch(w->vm, 1, &err), VMI_ERR_ARG, "view 1");
	CHECK_FAIL(vmi_view_destroy(w->vm, 1, &err), VMI_ERR_ARG, "view 1");
	CHECK_FAIL(vmi_view_destroy(w->vm, 0, &err), VMI_ERR_ARG, "view 0");
	CHECK_FAIL(vmi_view_change_gfn(w->vm, 0, 0x20, 0x21, &err), VMI_ERR_ARG, "view 0");
	CHECK_OK(vmi_view_reset_gfn(w->vm, 0, 0x20, &err)); /* is as it is */
	CHECK_FAIL(vmi_view_switch(w->vm, 0xfffe, &err), VMI_ERR_ARG, "view");
	uint16_t view = make_view(w, RWX);
	CHECK_FAIL(vmi_view_switch(w->vm, (uint16_t)(view + 1), &err), VMI_ERR_ARG, "view");
	CHECK_FAIL(vmi_view_change_gfn(w->vm, view, 0xa0000, 0x30, &err), VMI_ERR_NOT_FOUND,
		   "gfn 0xa0000");
	CHECK_FAIL(vmi_view_change_gfn(w->vm, view, 0x30, 0xa0000, &err), VMI_ERR_NOT_FOUND,
		   "gfn 0xa0000");
}

static void all_the_views_there_are(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	uint16_t view;

	world_open(w);
	for (unsigned i = 1; i < FAKE_VIEWS; i++)
		make_view(w, RWX);
	CHECK_FAIL(vmi_view_create(w->vm, RWX, &view, &err), VMI_ERR_BUSY, "view");
}

/* A vcpu is still in it for a moment, because its step began before. */
static void a_busy_view(void **state)
{
	struct world *w = *state;
	struct vmi_error err;

	world_open(w);
	uint16_t view = make_view(w, RWX);
	fake_call_fail(w->m, "xc_altp2m_destroy_view", EBUSY, 0, 3);
	enum vmi_status st = vmi_view_destroy(w->vm, view, &err);
	assert_true(!st || st == VMI_ERR_BUSY);
	fake_call_clear(w->m);
	if (st)
		CHECK_OK(vmi_view_destroy(w->vm, view, &err));
	assert_false(w->d->views[view].used);
}

static void the_current_view_is_destroyed(void **state)
{
	struct world *w = *state;
	struct vmi_error err;

	world_open(w);
	uint16_t view = make_view(w, RWX);
	CHECK_OK(vmi_view_switch(w->vm, view, &err));
	enum vmi_status st = vmi_view_destroy(w->vm, view, &err);
	assert_true(!st || st == VMI_ERR_BUSY);
	assert_int_equal(w->d->harm.bad_view, 0);
}

/* ---- altp2m that is not to be had ----------------------------------------------------------- */

static void no_altp2m(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	uint16_t view;

	world_open(w);
	w->d->params[HVM_PARAM_ALTP2M] = XEN_ALTP2M_disabled;
	CHECK_FAIL(vmi_view_create(w->vm, RWX, &view, &err), VMI_ERR_UNSUPPORTED,
		   "altp2m = \"external\"");
	w->d->params[HVM_PARAM_ALTP2M] = XEN_ALTP2M_external;
	w->m->host.no_altp2m = true;
	CHECK_FAIL(vmi_view_create(w->vm, RWX, &view, &err), VMI_ERR_UNSUPPORTED, "altp2m");
	w->m->host.no_altp2m = false;
	w->d->nested = true;
	CHECK_FAIL(vmi_view_create(w->vm, RWX, &view, &err), VMI_ERR_UNSUPPORTED, "nested");
	w->d->nested = false;
	make_view(w, RWX);
}

/* What somebody else turned on is his, and stays on. */
static void altp2m_was_on_already(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	uint16_t view;

	w->d->altp2m = true;
	world_open(w);
	CHECK_FAIL(vmi_view_create(w->vm, RWX, &view, &err), VMI_ERR_BUSY, "reset");
	vmi_close(w->vm);
	w->vm = NULL;
	assert_true(w->d->altp2m);
	w->d->altp2m = false;
}

/* ---- with events ---------------------------------------------------------------------------- */

/* A copy of the page with INT3 in it, to execute; the guest's own, to read. */
struct hidden {
	uint16_t view;
	bool fast;
};

static struct vmi_response hide(void *context, const struct vmi_event *event)
{
	const struct hidden *h = context;

	if (event->reason == VMI_REASON_SINGLESTEP)
		return vmi_response_with_view(vmi_response_default(), h->view);
	return vmi_response_with_view(
		vmi_response_action(h->fast ? VMI_ACTION_FAST_SINGLESTEP : VMI_ACTION_SINGLESTEP),
		0);
}

static void hidden_breakpoint(struct world *w, bool fast)
{
	struct vmi_error err;
	struct hidden h = {.fast = fast};
	vmi_gfn shadow;
	const uint8_t int3 = 0xcc;
	static const struct fake_op ops[] = {
		{.kind = FAKE_EXECUTE, .gpa = 0x21004},
		{.kind = FAKE_READ, .gpa = 0x21004},
		{.kind = FAKE_NOP},
	};

	world_open(w);
	h.view = make_view(w, RWX);
	CHECK_OK(vmi_gfn_allocate(w->vm, &shadow, &err));
	CHECK_OK(vmi_write_bytes(w->vm, NULL, (shadow << 12) + 4, &int3, 1, NULL, &err));
	CHECK_OK(vmi_view_change_gfn(w->vm, h.view, 0x21, shadow, &err));
	CHECK_OK(vmi_access_set(w->vm, h.view, 0x21, VMI_ACCESS_X, 0, &err));
	world_enable(w, &breakpoint);
	world_enable(w, &step);
	CHECK_OK(vmi_view_switch(w->vm, h.view, &err));
	w->handler.then = hide;
	w->handler.context = &h;
	fake_program(w->d, 0, ops, 3, 10);
	world_serve(w);
	assert_int_equal(w->handler.reasons[VMI_REASON_INTERRUPT], 10);
	assert_int_equal(w->handler.reasons[VMI_REASON_MEMORY_ACCESS], 10);
	assert_int_equal(w->handler.reasons[VMI_REASON_SINGLESTEP], fast ? 0 : 20);
	assert_int_equal(w->handler.last.view, h.view * fast);
	assert_int_equal(w->d->vcpus[0].result, 0x90); /* as the guest knows its own page */
	assert_int_equal(w->d->vcpus[0].delivered[3], 0);
	assert_int_equal(w->d->vcpus[0].view, h.view);
}

static void a_hidden_breakpoint(void **state)
{
	struct world *w = *state;

	fake_page(w->m, w->d, 0x21)[4] = 0x90;
	memset(fake_page(w->m, w->d, 0x21) + 8, 0, 8);
	hidden_breakpoint(w, false);
}

static void a_hidden_breakpoint_in_one_event(void **state)
{
	struct world *w = *state;

	fake_page(w->m, w->d, 0x21)[4] = 0x90;
	memset(fake_page(w->m, w->d, 0x21) + 8, 0, 8);
	hidden_breakpoint(w, true);
}

/* Closing while the guest stands on our INT3: it goes on with its own instruction. */
static void leaving_on_a_hidden_breakpoint(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	vmi_gfn shadow;
	const uint8_t int3 = 0xcc;
	struct vmi_event event;

	world_open(w);
	uint16_t view = make_view(w, RWX);
	CHECK_OK(vmi_gfn_allocate(w->vm, &shadow, &err));
	CHECK_OK(vmi_write_bytes(w->vm, NULL, shadow << 12, &int3, 1, NULL, &err));
	CHECK_OK(vmi_view_change_gfn(w->vm, view, 0x21, shadow, &err));
	world_enable(w, &breakpoint);
	CHECK_OK(vmi_view_switch(w->vm, view, &err));
	for (unsigned i = 0; i < 2; i++)
		fake_program(w->d, i, &(struct fake_op){.kind = FAKE_EXECUTE, .gpa = 0x21000}, 1,
			     3);
	fake_run(w->m);
	CHECK_OK(vmi_event_take(w->vm, 1000, &event, &err)); /* one taken, one still in the ring */
	world_close(w);
	for (unsigned i = 0; i < 2; i++) {
		assert_true(fake_done(w->d, i));
		assert_int_equal(w->d->vcpus[i].delivered[3], 0);
	}
}

/* CPUID has its results already; the instruction is still to be passed. */
static void leaving_on_a_cpuid(void **state)
{
	struct world *w = *state;

	world_open(w);
	world_enable(w, &(struct vmi_monitor){.kind = VMI_MONITOR_CPUID});
	fake_program(w->d, 0, &(struct fake_op){.kind = FAKE_CPUID}, 1, 1);
	fake_run(w->m);
	world_close(w);
	assert_true(fake_done(w->d, 0));
	assert_int_equal(w->d->vcpus[0].executed, 1);
}

/* And one of the guest's own is the guest's. */
static void leaving_on_the_guests_breakpoint(void **state)
{
	struct world *w = *state;

	fake_page(w->m, w->d, 0x21)[0] = 0xcc;
	world_open(w);
	world_enable(w, &breakpoint);
	fake_program(w->d, 0, &(struct fake_op){.kind = FAKE_EXECUTE, .gpa = 0x21000}, 1, 1);
	fake_run(w->m);
	world_close(w);
	assert_true(fake_done(w->d, 0));
	assert_int_equal(w->d->vcpus[0].delivered[3], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(every_access),
		WORLD_TEST(access_that_cannot_be_set),
		WORLD_TEST(without_hap),
		WORLD_TEST(access_before_anything_is_watched),
		WORLD_TEST(a_view_is_lazy_and_has_its_default),
		WORLD_TEST(the_guest_sees_what_its_view_shows),
		WORLD_TEST(remapping_keeps_the_access),
		WORLD_TEST(views_that_do_not_exist),
		WORLD_TEST(all_the_views_there_are),
		WORLD_TEST(a_busy_view),
		WORLD_TEST(the_current_view_is_destroyed),
		WORLD_TEST(no_altp2m),
		WORLD_TEST(altp2m_was_on_already),
		WORLD_TEST(a_hidden_breakpoint),
		WORLD_TEST(a_hidden_breakpoint_in_one_event),
		WORLD_TEST(leaving_on_a_hidden_breakpoint),
		WORLD_TEST(leaving_on_a_cpuid),
		WORLD_TEST(leaving_on_the_guests_breakpoint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
