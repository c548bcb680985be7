/* SPDX-License-Identifier: MIT */
/* Opening a domain: which, by what name, and what is said when it cannot be. */

#include <errno.h>
#include <string.h>

#include "world.h"

static void refused(struct world *w, const char *target, enum vmi_status status, const char *words)
{
	struct vmi_error err;

	CHECK_FAIL(vmi_open_driver(&w->vm, &driver_xen, target, NULL, &err), status, words);
	w->vm = NULL;
	assert_int_equal(fake_open_handles(), 0);
}

static void accepted(struct world *w, const char *target)
{
	struct vmi_error err;

	CHECK_OK(vmi_open_driver(&w->vm, &driver_xen, target, NULL, &err));
	vmi_close(w->vm);
	w->vm = NULL;
}

static void by_id_or_by_name(void **state)
{
	struct world *w = *state;

	fake_domain_add(w->m, 7, "other guest", FAKE_PVH, 1);
	accepted(w, "1");
	accepted(w, "guest");
	accepted(w, "7");
	accepted(w, "other guest");
}

static void what_is_known_of_it(void **state)
{
	struct world *w = *state;
	const struct vmi_info *info = vmi_info(world_open(w));

	assert_string_equal(info->driver, "xen");
	assert_int_equal(info->machine, VMI_MACHINE_X86_64);
	assert_int_equal(info->vcpus, 2);
	assert_int_equal(info->max_gfn, FAKE_SPECIAL + 2);
	assert_int_equal(info->capabilities, VMI_CAP_FULL);
}

static void no_such_domain(void **state)
{
	struct world *w = *state;

	fake_domain_add(w->m, 7, "other", FAKE_HVM, 1);
	/* Xen answers with the next that there is: that is another domain */
	refused(w, "5", VMI_ERR_NOT_FOUND, "5");
	refused(w, "9", VMI_ERR_NOT_FOUND, "9");
	refused(w, "nobody", VMI_ERR_NOT_FOUND, "nobody");
	refused(w, "99999999999999999999", VMI_ERR_NOT_FOUND, "domain");
	refused(w, "32767", VMI_ERR_NOT_FOUND, "domain");
}

static void two_of_the_same_name(void **state)
{
	struct world *w = *state;

	fake_domain_add(w->m, 7, "guest", FAKE_HVM, 1);
	refused(w, "guest", VMI_ERR_ARG, "2 domains");
}

static void names_need_xenstore(void **state)
{
	struct world *w = *state;

	w->m->host.no_store = true;
	refused(w, "guest", VMI_ERR_IO, "xenstore");
	accepted(w, "1");
	w->m->host.no_store = false;
	fake_call_fail(w->m, "xs_directory", EACCES, 0, 1);
	refused(w, "guest", VMI_ERR_IO, "xenstore");
	/* a domain that goes away while names are read */
	fake_call_fail(w->m, "xs_read", ENOENT, 0, 2);
	refused(w, "guest", VMI_ERR_NOT_FOUND, "guest");
}

static void no_xen_here(void **state)
{
	struct world *w = *state;

	w->m->host.no_xen = true;
	refused(w, "1", VMI_ERR_IO, "Xen");
	w->m->host.no_xen = false;
}

static void no_privilege(void **state)
{
	struct world *w = *state;

	w->m->host.no_privilege = true;
	refused(w, "1", VMI_ERR_IO, "root");
	w->m->host.no_privilege = false;
}

static void guests_that_cannot_be_opened(void **state)
{
	struct world *w = *state;
	struct fake_domain *d = fake_domain_add(w->m, 7, "pv", FAKE_PV, 1);

	refused(w, "7", VMI_ERR_UNSUPPORTED, "PV");
	d->type = FAKE_HVM;
	d->dying = true;
	refused(w, "7", VMI_ERR_GONE, "7");
	d->dying = false;
	d->vcpu_count = 0;
	refused(w, "7", VMI_ERR_UNSUPPORTED, "no vcpus");
}

/* Each call that opening makes fails once: refused in words, or done without; nothing stays. */
static void each_call_may_fail(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	bool more = true;

	for (uint64_t n = 1; more; n++) {
		fake_call_fail_at(w->m, n, EIO);
		enum vmi_status st = vmi_open_driver(&w->vm, &driver_xen, "guest", NULL, &err);
		more = w->m->failed[0];
		fake_call_clear(w->m);
		if (st)
			assert_true(err.status == st && err.text[0]);
		else
			vmi_close(w->vm);
		w->vm = NULL;
		assert_int_equal(fake_open_handles(), 0);
		assert_true(n < 100);
	}
}

/* Nothing is taken for reading: no ring, no pause, no view, no memory. */
static void reading_takes_nothing(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	struct vmi_registers regs;
	uint64_t value;
	static const char *const calls[] = {
		"xc_domain_pause",
		"xc_domain_setmaxmem",
		"xc_domctl:vm_event",
		"xc_altp2m_set_domain_state",
		"xenevtchn_open",
		"xendevicemodel_open",
		"xc_domain_populate_physmap_exact",
	};

	world_open(w);
	CHECK_OK(vmi_read_u64(w->vm, NULL, 0x11008, &value, &err));
	assert_int_equal(value, UINT64_C(0x11) << 32 | 8);
	CHECK_OK(vmi_registers_get(w->vm, 1, &regs, &err));
	for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		assert_int_equal(fake_call_count(w->m, calls[i]), 0);
}

/* A Xen whose events we do not know still gives memory and registers; events are refused. */
static void an_unknown_version_of_events(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	const struct vmi_monitor cpuid = {.kind = VMI_MONITOR_CPUID};
	uint64_t value;

	w->m->host.vm_event_version = 8;
	world_open(w);
	CHECK_OK(vmi_read_u64(w->vm, NULL, 0x11008, &value, &err));
	CHECK_FAIL(vmi_monitor_enable(w->vm, &cpuid, &err), VMI_ERR_UNSUPPORTED, "8");
	assert_int_equal(fake_call_count(w->m, "xc_domctl:vm_event"), 0);
}

/* AMD: what is missing is not promised, and asked for all the same it is refused in words. */
static void a_processor_without_ept(void **state)
{
	const struct vmi_monitor cpuid = {.kind = VMI_MONITOR_CPUID};
	const struct vmi_monitor vmexit = {.kind = VMI_MONITOR_VMEXIT};
	struct world *w = *state;
	struct vmi_error err;
	unsigned access, options;
	uint16_t view;

	w->m->host.no_ept = w->m->host.no_altp2m = w->m->host.no_mtf = true;
	world_open(w);
	assert_int_equal(vmi_info(w->vm)->capabilities,
			 VMI_CAP_FULL & ~(VMI_CAP_PROTECTION | VMI_CAP_VIEW_CONTROL));
	assert_non_null(strstr(vmi_warning(w->vm, 0), "EPT"));
	assert_null(vmi_warning(w->vm, 1));
	CHECK_FAIL(vmi_access_get(w->vm, 0, 0x11, &access, &options, &err), VMI_ERR_UNSUPPORTED,
		   "on this target");
	CHECK_FAIL(vmi_access_set(w->vm, 0, 0x11, VMI_ACCESS_R, 0, &err), VMI_ERR_UNSUPPORTED,
		   "on this target");
	CHECK_FAIL(vmi_view_create(w->vm, VMI_ACCESS_R, &view, &err), VMI_ERR_UNSUPPORTED,
		   "on this target");
	/* Xen says that it can, and then never does. */
	CHECK_FAIL(vmi_monitor_enable(w->vm, &vmexit, &err), VMI_ERR_UNSUPPORTED, "VM exits");
	world_enable(w, &cpuid);
	assert_int_equal(world_do(w, 0, &(struct fake_op){.kind = FAKE_CPUID}), 1);
}

static void with_ept_there_is_no_warning(void **state)
{
	struct world *w = *state;

	assert_null(vmi_warning(world_open(w), 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(by_id_or_by_name),
		WORLD_TEST(what_is_known_of_it),
		WORLD_TEST(no_such_domain),
		WORLD_TEST(two_of_the_same_name),
		WORLD_TEST(names_need_xenstore),
		WORLD_TEST(no_xen_here),
		WORLD_TEST(no_privilege),
		WORLD_TEST(guests_that_cannot_be_opened),
		WORLD_TEST(each_call_may_fail),
		WORLD_TEST(reading_takes_nothing),
		WORLD_TEST(an_unknown_version_of_events),
		WORLD_TEST(a_processor_without_ept),
		WORLD_TEST(with_ept_there_is_no_warning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
