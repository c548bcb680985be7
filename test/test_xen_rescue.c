/* SPDX-License-Identifier: MIT */
/* Which guests there are, and freeing one that a watcher without guardian left behind. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bare.h"
#include "world.h"

/* ---- the list ------------------------------------------------------------------------------- */

static void guests_are_listed(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	struct vmi_target_entry *list;
	size_t count;

	fake_domain_add(w->m, 9, "pv", FAKE_PV, 3)->dying = true;
	fake_domain_add(w->m, 4, "small", FAKE_PVH, 1)->pauses = 1;
	CHECK_OK(driver_xen.list(&list, &count, &err));
	assert_int_equal(count, 3);
	assert_int_equal(list[0].id, 1);
	assert_string_equal(list[0].name, "guest");
	assert_string_equal(list[0].type, "hvm");
	assert_string_equal(list[0].state, "running");
	assert_int_equal(list[0].vcpus, 2);
	assert_int_equal(list[0].watcher, 0);
	assert_int_equal(list[1].id, 4);
	assert_string_equal(list[1].type, "pvh");
	assert_string_equal(list[1].state, "paused");
	assert_string_equal(list[2].type, "pv");
	assert_string_equal(list[2].state, "dying");
	free(list);
	w->m->host.no_store = true; /* without names, then */
	CHECK_OK(driver_xen.list(&list, &count, &err));
	assert_int_equal(count, 3);
	free(list);
	assert_int_equal(fake_open_handles(), 0);
}

static void no_list(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	struct vmi_target_entry *list;
	size_t count;

	fake_call_fail(w->m, "xc_domain_getinfolist", EPERM, 0, 1);
	CHECK_FAIL(driver_xen.list(&list, &count, &err), VMI_ERR_IO, "root");
	w->m->host.no_xen = true;
	CHECK_FAIL(driver_xen.list(&list, &count, &err), VMI_ERR_IO, "Xen");
	w->m->host.no_xen = false;
	assert_int_equal(fake_open_handles(), 0);
}

/* ---- rescue --------------------------------------------------------------------------------- */

/* What the kernel does for the dead. */
static void dead(struct bare *b)
{
	xenforeignmemory_unmap(b->fm, b->ring, 1);
	xenevtchn_close(b->channel);
	xenforeignmemory_close(b->fm);
	xc_interface_close(b->xc);
}

/* A watcher of another make, which died: its vcpus wait, its views and restrictions stay. */
static void abandon(struct world *w)
{
	struct bare b;
	uint16_t view;
	vm_event_request_t request = {.reason = VM_EVENT_REASON_GUEST_REQUEST,
				      .flags = VM_EVENT_FLAG_VCPU_PAUSED};

	assert_true(bare_open(&b, 1));
	assert_int_equal(xc_monitor_cpuid(b.xc, 1, true), 0);
	assert_int_equal(xc_set_mem_access(b.xc, 1, XENMEM_access_r, 0x20, 2), 0);
	assert_int_equal(xc_altp2m_set_domain_state(b.xc, 1, true), 0);
	assert_int_equal(xc_altp2m_create_view(b.xc, 1, XENMEM_access_rwx, &view), 0);
	assert_int_equal(xc_altp2m_switch_to_view(b.xc, 1, view), 0);
	for (unsigned i = 0; i < 2; i++)
		assert_true(fake_post(w->m, w->d, i, &request));
	w->d->vcpus[1].singlestep = true;
	w->d->pauses = 2;
	dead(&b);
}

static void rescued(struct world *w)
{
	/* Those that wait are not known: all are answered, which is no harm here. */
	w->d->harm.underflow = w->d->harm.overflow = 0;
	for (unsigned i = 0; i < 2; i++)
		w->d->vcpus[i].open_sync = 0;
	const char *changed = fake_changed(w->m, w->d, &w->before, w->text, sizeof(w->text));
	if (changed)
		fail_msg("after the rescue: %s", changed);
}

/* No page can be restricted there, and Xen says so by EINVAL. */
static void an_abandoned_guest_without_ept(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	struct bare b;
	vm_event_request_t request = {.reason = VM_EVENT_REASON_GUEST_REQUEST,
				      .flags = VM_EVENT_FLAG_VCPU_PAUSED};

	w->m->host.no_ept = w->m->host.no_altp2m = w->m->host.no_mtf = true;
	assert_true(bare_open(&b, 1));
	assert_int_equal(xc_monitor_cpuid(b.xc, 1, true), 0);
	assert_true(fake_post(w->m, w->d, 0, &request));
	dead(&b);
	CHECK_OK(driver_xen.rescue("guest", &err));
	rescued(w);
}

static void an_abandoned_guest(void **state)
{
	struct world *w = *state;
	struct vmi_error err;

	abandon(w);
	CHECK_OK(driver_xen.rescue("guest", &err));
	rescued(w);
	CHECK_OK(driver_xen.rescue("1", &err)); /* nothing to do: no harm */
	rescued(w);
	/* and it can be watched again */
	world_open(w);
	world_enable(w, &(struct vmi_monitor){.kind = VMI_MONITOR_HYPERCALL});
	assert_int_equal(world_do(w, 0, &(struct fake_op){.kind = FAKE_REQUEST}), 1);
}

static void one_that_is_watched(void **state)
{
	struct world *w = *state;
	struct vmi_error err;

	world_open(w);
	world_enable(w, &(struct vmi_monitor){.kind = VMI_MONITOR_HYPERCALL});
	char who[32];
	snprintf(who, sizeof(who), "process %d (test_xen_rescue)", getpid());
	for (unsigned i = 0; i < 40; i++) /* more than wait at a door that nobody opens */
		CHECK_FAIL(driver_xen.rescue("1", &err), VMI_ERR_BUSY, who);
	struct vmi_target_entry *list;
	size_t count;
	CHECK_OK(driver_xen.list(&list, &count, &err));
	assert_int_equal(list[0].watcher, getpid());
	free(list);
	struct vmi *other;
	CHECK_OK(vmi_open_driver(&other, &driver_xen, "1", NULL, &err));
	CHECK_FAIL(
		vmi_monitor_enable(other, &(struct vmi_monitor){.kind = VMI_MONITOR_CPUID}, &err),
		VMI_ERR_BUSY, who);
	vmi_close(other);
	assert_int_equal(world_do(w, 0, &(struct fake_op){.kind = FAKE_REQUEST}), 1);
}

static void none_to_rescue(void **state)
{
	struct world *w = *state;
	struct vmi_error err;

	CHECK_FAIL(driver_xen.rescue("nobody", &err), VMI_ERR_NOT_FOUND, "nobody");
	CHECK_FAIL(driver_xen.rescue("5", &err), VMI_ERR_NOT_FOUND, "5");
	w->d->type = FAKE_PV;
	CHECK_FAIL(driver_xen.rescue("1", &err), VMI_ERR_UNSUPPORTED, "PV");
	w->d->type = FAKE_HVM;
}

/* Whatever fails once, asking again frees the guest. */
static void each_call_may_fail(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	bool more = true;

	for (uint64_t n = 1; more; n++) {
		abandon(w);
		fake_call_fail_at(w->m, n, EINTR);
		enum vmi_status st = driver_xen.rescue("1", &err);
		more = w->m->failed[0];
		fake_call_clear(w->m);
		assert_true(!st || (err.status == st && err.text[0]));
		CHECK_OK(driver_xen.rescue("1", &err));
		rescued(w);
		assert_int_equal(fake_open_handles(), 0);
		assert_int_equal(fake_mapped_pages(), 0);
		assert_true(n < 2000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(guests_are_listed),   WORLD_TEST(no_list),
		WORLD_TEST(an_abandoned_guest),  WORLD_TEST(an_abandoned_guest_without_ept),
		WORLD_TEST(one_that_is_watched), WORLD_TEST(none_to_rescue),
		WORLD_TEST(each_call_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
