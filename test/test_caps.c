/* SPDX-License-Identifier: MIT */
/* Capabilities: what a table gives, what a target lacks, and how it is said. */

#include <stdio.h>
#include <string.h>

#include "check.h"
#include "fake_driver.h"

enum { CAP_COUNT = 9 };

/* Every function that needs a capability, refused. `vm` lacks it. */
static enum vmi_status try_read(struct vmi *vm, struct vmi_error *err)
{
	uint8_t byte;
	return vmi_read_u8(vm, NULL, 0x1000, &byte, err);
}

static enum vmi_status try_page(struct vmi *vm, struct vmi_error *err)
{
	struct vmi_page page;
	return vmi_page_get(vm, 1, &page, err);
}

static enum vmi_status try_run(struct vmi *vm, struct vmi_error *err)
{
	struct vmi_run run;
	return vmi_run_next(vm, 0, &run, err);
}

static enum vmi_status try_string(struct vmi *vm, struct vmi_error *err)
{
	struct vmi_string string;
	enum vmi_status st = vmi_string_read(vm, NULL, 0, VMI_UTF8, 0, &string, err);
	assert_null(string.bytes);
	return st;
}

static enum vmi_status try_counted(struct vmi *vm, struct vmi_error *err)
{
	struct vmi_string string;
	return vmi_string_read_counted(vm, NULL, 0, VMI_UTF16LE, &string, err);
}

static const struct vmi_space some_space = {.root = 0x1000, .mode = VMI_MODE_4LEVEL};

static enum vmi_status try_translate(struct vmi *vm, struct vmi_error *err)
{
	struct vmi_translation t;
	enum vmi_status st = vmi_translate(vm, &some_space, 0, &t, err);
	assert_int_equal(t.status, st);
	return st;
}

static enum vmi_status try_walk(struct vmi *vm, struct vmi_error *err)
{
	struct vmi_walk walk;
	return vmi_walk(vm, &some_space, 0, &walk, err);
}

static enum vmi_status try_range(struct vmi *vm, struct vmi_error *err)
{
	struct vmi_range_iter it;
	struct vmi_range range;
	vmi_range_begin(&it, vm, &some_space, 0, UINT64_MAX);
	return vmi_range_next(&it, &range, err);
}

static enum vmi_status try_rmap(struct vmi *vm, struct vmi_error *err)
{
	struct vmi_rmap *rmap;
	return vmi_rmap_create(vm, &some_space, &rmap, err);
}

static enum vmi_status try_write(struct vmi *vm, struct vmi_error *err)
{
	return vmi_write_uint(vm, NULL, 0x1000, 1, 0, err);
}

static enum vmi_status try_access_get(struct vmi *vm, struct vmi_error *err)
{
	unsigned access;
	return vmi_access_get(vm, 0, 1, &access, NULL, err);
}

static enum vmi_status try_access_set(struct vmi *vm, struct vmi_error *err)
{
	return vmi_access_set(vm, 0, 1, VMI_ACCESS_R, 0, err);
}

static enum vmi_status try_regs_get(struct vmi *vm, struct vmi_error *err)
{
	struct vmi_registers regs;
	return vmi_registers_get(vm, 0, &regs, err);
}

static enum vmi_status try_space(struct vmi *vm, struct vmi_error *err)
{
	struct vmi_space space;
	return vmi_space_of_vcpu(vm, 0, VMI_MODE_AUTO, &space, err);
}

static enum vmi_status try_regs_set(struct vmi *vm, struct vmi_error *err)
{
	struct vmi_registers regs = {.source = NULL};
	return vmi_registers_set(vm, 0, &regs, err);
}

static enum vmi_status try_view_default(struct vmi *vm, struct vmi_error *err)
{
	uint16_t view;
	return vmi_view_default(vm, &view, err);
}

static enum vmi_status try_view_create(struct vmi *vm, struct vmi_error *err)
{
	uint16_t view;
	return vmi_view_create(vm, VMI_ACCESS_R, &view, err);
}

static enum vmi_status try_view_destroy(struct vmi *vm, struct vmi_error *err)
{
	return vmi_view_destroy(vm, 1, err);
}

static enum vmi_status try_view_switch(struct vmi *vm, struct vmi_error *err)
{
	return vmi_view_switch(vm, 0, err);
}

static enum vmi_status try_view_change(struct vmi *vm, struct vmi_error *err)
{
	return vmi_view_change_gfn(vm, 0, 1, 2, err);
}

static enum vmi_status try_view_reset(struct vmi *vm, struct vmi_error *err)
{
	return vmi_view_reset_gfn(vm, 0, 1, err);
}

static const struct vmi_monitor some_monitor = {.kind = VMI_MONITOR_CPUID};

static enum vmi_status try_enable(struct vmi *vm, struct vmi_error *err)
{
	return vmi_monitor_enable(vm, &some_monitor, err);
}

static enum vmi_status try_disable(struct vmi *vm, struct vmi_error *err)
{
	return vmi_monitor_disable(vm, &some_monitor, err);
}

static enum vmi_status try_pending(struct vmi *vm, struct vmi_error *err)
{
	size_t count;
	return vmi_events_pending(vm, &count, err);
}

static enum vmi_status try_overhead(struct vmi *vm, struct vmi_error *err)
{
	uint64_t ns;
	return vmi_event_overhead(vm, &ns, err);
}

static enum vmi_status try_deadline(struct vmi *vm, struct vmi_error *err)
{
	return vmi_event_deadline(vm, 1, err);
}

static enum vmi_status try_wait(struct vmi *vm, struct vmi_error *err)
{
	return vmi_event_wait(vm, 0, NULL, NULL, err);
}

static enum vmi_status try_take(struct vmi *vm, struct vmi_error *err)
{
	struct vmi_event event;
	return vmi_event_take(vm, 0, &event, err);
}

static enum vmi_status try_answer(struct vmi *vm, struct vmi_error *err)
{
	struct vmi_event event = {.reason = VMI_REASON_CPUID};
	struct vmi_response response = vmi_response_default();
	return vmi_event_answer(vm, &event, &response, err);
}

static enum vmi_status try_loop(struct vmi *vm, struct vmi_error *err)
{
	struct vmi_handler handler = {.event = NULL};
	return vmi_event_loop(vm, &handler, NULL, 0, err);
}

static const struct vmi_intercept some_intercept = {.kind = VMI_INTERCEPT_CR3};

static enum vmi_status try_intercept(struct vmi *vm, struct vmi_error *err)
{
	return vmi_intercept_enable(vm, VMI_ALL_VCPUS, &some_intercept, err);
}

static enum vmi_status try_listen(struct vmi *vm, struct vmi_error *err)
{
	struct vmi_intercepted event;
	return vmi_intercept_listen(vm, 0, &event, err);
}

static enum vmi_status try_pause(struct vmi *vm, struct vmi_error *err)
{
	return vmi_pause(vm, err);
}

static enum vmi_status try_resume(struct vmi *vm, struct vmi_error *err)
{
	return vmi_resume(vm, err);
}

static enum vmi_status try_guard(struct vmi *vm, struct vmi_error *err)
{
	struct vmi_pause_guard guard;
	enum vmi_status st = vmi_pause_begin(&guard, vm, err);
	vmi_pause_end(&guard);
	return st;
}

static enum vmi_status try_allocate(struct vmi *vm, struct vmi_error *err)
{
	vmi_gfn gfn;
	return vmi_gfn_allocate(vm, &gfn, err);
}

static enum vmi_status try_allocate_at(struct vmi *vm, struct vmi_error *err)
{
	return vmi_gfn_allocate_at(vm, 9, err);
}

static enum vmi_status try_free(struct vmi *vm, struct vmi_error *err)
{
	return vmi_gfn_free(vm, 9, err);
}

static enum vmi_status try_inject(struct vmi *vm, struct vmi_error *err)
{
	struct vmi_interrupt interrupt = {.vector = 3};
	return vmi_interrupt_inject(vm, 0, &interrupt, err);
}

static enum vmi_status try_reset(struct vmi *vm, struct vmi_error *err)
{
	return vmi_state_reset(vm, err);
}

static const struct {
	unsigned cap;
	const char *name, *words;
	enum vmi_status (*calls[12])(struct vmi *vm, struct vmi_error *err);
} caps[CAP_COUNT] = {
	{VMI_CAP_READ,
	 "read",
	 "the fake driver cannot read memory",
	 {try_read, try_page, try_run, try_string, try_counted, try_translate, try_walk, try_range,
	  try_rmap}},
	{VMI_CAP_WRITE, "write", "the fake driver cannot write memory", {try_write}},
	{VMI_CAP_QUERY_PROTECTION,
	 "query-protection",
	 "the fake driver cannot query page access",
	 {try_access_get}},
	{VMI_CAP_SET_PROTECTION,
	 "set-protection",
	 "the fake driver cannot set page access",
	 {try_access_set}},
	{VMI_CAP_QUERY_REGISTERS,
	 "query-registers",
	 "the fake driver cannot query registers",
	 {try_regs_get, try_space}},
	{VMI_CAP_SET_REGISTERS,
	 "set-registers",
	 "the fake driver cannot set registers",
	 {try_regs_set}},
	{VMI_CAP_VIEW_CONTROL,
	 "view-control",
	 "the fake driver cannot switch views",
	 {try_view_default, try_view_create, try_view_destroy, try_view_switch, try_view_change,
	  try_view_reset}},
	{VMI_CAP_EVENT_CONTROL,
	 "event-control",
	 "the fake driver cannot monitor events",
	 {try_enable, try_disable, try_pending, try_overhead, try_deadline, try_wait, try_take,
	  try_answer, try_loop, try_intercept, try_listen}},
	{VMI_CAP_VM_CONTROL,
	 "vm-control",
	 "the fake driver cannot control the machine",
	 {try_pause, try_resume, try_guard, try_allocate, try_allocate_at, try_free, try_inject,
	  try_reset}},
};

static void names(void **state)
{
	(void)state;
	for (unsigned i = 0; i < CAP_COUNT; i++) {
		assert_int_equal(caps[i].cap, 1u << i);
		assert_string_equal(vmi_capability_name(caps[i].cap), caps[i].name);
		/* The lowest of many is named. */
		assert_string_equal(vmi_capability_name(UINT32_MAX << i), caps[i].name);
	}
	assert_string_equal(vmi_capability_name(0), "unknown");
	assert_string_equal(vmi_capability_name(1u << 31), "unknown");
}

static void compound_masks(void **state)
{
	(void)state;
	assert_int_equal(VMI_CAP_MEMORY, 0x003);
	assert_int_equal(VMI_CAP_PROTECTION, 0x00c);
	assert_int_equal(VMI_CAP_REGISTERS, 0x030);
	assert_int_equal(VMI_CAP_READ_ACCESS, 0x015);
	assert_int_equal(VMI_CAP_WRITE_ACCESS, 0x02a);
	assert_int_equal(VMI_CAP_FULL, 0x1ff);
}

static void table_gives_mask(void **state)
{
	struct fake *fake = fake_create();

	(void)state;
	for (unsigned mask = 0; mask <= VMI_CAP_FULL; mask++) {
		fake_table(fake, mask);
		assert_int_equal(vmi_driver_capabilities(&fake->ops), mask);
	}
	fake_destroy(fake);
}

/* Take any one function out of a group: the whole group is gone, and nothing else. */
#define HALF_FILL(group, function, cap)                                                            \
	do {                                                                                       \
		fake_table(fake, VMI_CAP_FULL);                                                    \
		fake->ops.group.function = NULL;                                                   \
		assert_int_equal(vmi_driver_capabilities(&fake->ops),                              \
				 VMI_CAP_FULL & ~(unsigned)(cap));                                 \
	} while (0)

static void half_filled_groups(void **state)
{
	struct fake *fake = fake_create();

	(void)state;
	HALF_FILL(page, get, VMI_CAP_READ);
	HALF_FILL(page, put, VMI_CAP_READ);
	HALF_FILL(page, run_next, VMI_CAP_READ);
	HALF_FILL(view, initial, VMI_CAP_VIEW_CONTROL);
	HALF_FILL(view, create, VMI_CAP_VIEW_CONTROL);
	HALF_FILL(view, destroy, VMI_CAP_VIEW_CONTROL);
	HALF_FILL(view, switch_to, VMI_CAP_VIEW_CONTROL);
	HALF_FILL(view, change_gfn, VMI_CAP_VIEW_CONTROL);
	HALF_FILL(view, reset_gfn, VMI_CAP_VIEW_CONTROL);
	HALF_FILL(event, enable, VMI_CAP_EVENT_CONTROL);
	HALF_FILL(event, disable, VMI_CAP_EVENT_CONTROL);
	HALF_FILL(event, pending, VMI_CAP_EVENT_CONTROL);
	HALF_FILL(event, overhead, VMI_CAP_EVENT_CONTROL);
	HALF_FILL(event, deadline, VMI_CAP_EVENT_CONTROL);
	HALF_FILL(event, take, VMI_CAP_EVENT_CONTROL);
	HALF_FILL(event, answer, VMI_CAP_EVENT_CONTROL);
	HALF_FILL(event, flush, VMI_CAP_EVENT_CONTROL);
	HALF_FILL(control, pause, VMI_CAP_VM_CONTROL);
	HALF_FILL(control, resume, VMI_CAP_VM_CONTROL);
	HALF_FILL(control, allocate, VMI_CAP_VM_CONTROL);
	HALF_FILL(control, allocate_at, VMI_CAP_VM_CONTROL);
	HALF_FILL(control, free, VMI_CAP_VM_CONTROL);
	HALF_FILL(control, inject, VMI_CAP_VM_CONTROL);
	HALF_FILL(control, reset, VMI_CAP_VM_CONTROL);
	fake_destroy(fake);
}

/* All but one capability: the calls that need it are refused in words, with and without err. */
static void refusals(void **state)
{
	struct vmi_error err;

	(void)state;
	for (unsigned i = 0; i < CAP_COUNT; i++) {
		struct fake *fake = fake_create();
		fake_memory(fake, 0x1000, 1);
		struct vmi *vm = fake_open(fake, VMI_CAP_FULL & ~caps[i].cap, NULL);
		assert_int_equal(vmi_info(vm)->capabilities, VMI_CAP_FULL & ~caps[i].cap);
		for (unsigned c = 0; caps[i].calls[c]; c++) {
			CHECK_FAIL(caps[i].calls[c](vm, &err), VMI_ERR_UNSUPPORTED, caps[i].words);
			assert_null(strstr(err.text, "on this target"));
			assert_int_equal(caps[i].calls[c](vm, NULL), VMI_ERR_UNSUPPORTED);
		}
		vmi_close(vm);
		fake_destroy(fake);
	}
}

/* The driver can, this target cannot: open() cleared the bit, and the functions are not called. */
static void refusals_of_a_target(void **state)
{
	struct vmi_error err;
	char words[128];

	(void)state;
	for (unsigned i = 0; i < CAP_COUNT; i++) {
		struct fake *fake = fake_create();
		fake_memory(fake, 0x1000, 1);
		fake->clear_caps = caps[i].cap;
		struct vmi *vm = fake_open(fake, VMI_CAP_FULL, NULL);
		assert_int_equal(vmi_info(vm)->capabilities, VMI_CAP_FULL & ~caps[i].cap);
		snprintf(words, sizeof(words), "%s on this target", caps[i].words);
		for (unsigned c = 0; caps[i].calls[c]; c++)
			CHECK_FAIL(caps[i].calls[c](vm, &err), VMI_ERR_UNSUPPORTED, words);
		vmi_close(vm);
		for (unsigned op = FAKE_PAGE_GET; op < FAKE_OPS; op++)
			if (caps[i].cap != VMI_CAP_READ && op != FAKE_PAGE_GET &&
			    op != FAKE_PAGE_PUT)
				assert_int_equal(fake_calls(fake, (enum fake_op)op), 0);
		fake_destroy(fake);
	}
}

/* open() may clear bits, never set them. */
static void bits_that_open_makes_up(void **state)
{
	struct fake *fake = fake_create();
	struct vmi_error err;
	struct vmi_run run;

	(void)state;
	fake->set_caps = UINT32_MAX;
	struct vmi *vm = fake_open(fake, VMI_CAP_QUERY_REGISTERS, NULL);
	assert_int_equal(vmi_info(vm)->capabilities, VMI_CAP_QUERY_REGISTERS);
	CHECK_FAIL(vmi_run_next(vm, 0, &run, &err), VMI_ERR_UNSUPPORTED, "cannot read memory");
	vmi_close(vm);
	fake_destroy(fake);
}

static void requiring(void **state)
{
	struct fake *fake = fake_create();
	struct vmi_error err;
	struct vmi *vm = fake_open(fake, VMI_CAP_READ_ACCESS, NULL);

	(void)state;
	CHECK_OK(vmi_require(vm, 0, &err));
	CHECK_OK(vmi_require(vm, VMI_CAP_READ, &err));
	CHECK_OK(vmi_require(vm, VMI_CAP_READ_ACCESS, &err));
	/* The lowest that is lacking is named. */
	CHECK_FAIL(vmi_require(vm, VMI_CAP_MEMORY, &err), VMI_ERR_UNSUPPORTED,
		   "the fake driver cannot write memory");
	CHECK_FAIL(vmi_require(vm, VMI_CAP_FULL & ~(unsigned)VMI_CAP_WRITE, &err),
		   VMI_ERR_UNSUPPORTED, "cannot set page access");
	vmi_close(vm);

	/* What is said is said of that one alone. */
	fake->clear_caps = VMI_CAP_SET_PROTECTION;
	vm = fake_open(fake, VMI_CAP_FULL & ~(unsigned)VMI_CAP_WRITE, NULL);
	CHECK_FAIL(vmi_require(vm, VMI_CAP_FULL, &err), VMI_ERR_UNSUPPORTED,
		   "the fake driver cannot write memory");
	assert_null(strstr(err.text, "on this target"));
	vmi_close(vm);
	fake_destroy(fake);
}

/* Reading needs reading, nothing else. */
static void read_only_suffices(void **state)
{
	struct fake *fake = fake_create();
	struct vmi_error err;
	struct vmi_string string;
	uint32_t value;

	(void)state;
	fake_memory(fake, 0x1000, 1);
	fake_put(fake, 0x1ff0, "hello", 6);
	struct vmi *vm = fake_open(fake, VMI_CAP_READ, NULL);
	CHECK_OK(vmi_read_u32(vm, NULL, 0x1ff0, &value, &err));
	assert_int_equal(value, 0x6c6c6568);
	CHECK_OK(vmi_string_read(vm, NULL, 0x1ff0, VMI_UTF8, 0, &string, &err));
	assert_string_equal(string.text, "hello");
	vmi_string_free(&string);
	vmi_close(vm);
	fake_destroy(fake);
}

/* Of each built-in driver: mandatory functions are there, and no group is half filled. */
static void builtin_drivers(void **state)
{
	unsigned count = 0;

	(void)state;
	for (const struct vmi_driver_ops *ops; (ops = vmi_driver_builtin(count)); count++) {
		assert_non_null(ops->name);
		assert_non_null(ops->probe);
		assert_non_null(ops->open);
		assert_non_null(ops->close);
		assert_non_null(ops->info);
		unsigned have = vmi_driver_capabilities(ops);
		assert_true((have & VMI_CAP_READ) ||
			    (!ops->page.get && !ops->page.put && !ops->page.run_next));
		assert_true((have & VMI_CAP_VIEW_CONTROL) || !ops->view.create);
		assert_true((have & VMI_CAP_EVENT_CONTROL) || !ops->event.take);
		assert_true((have & VMI_CAP_VM_CONTROL) || !ops->control.pause);
		for (unsigned i = 0; i < count; i++)
			assert_string_not_equal(ops->name, vmi_driver_builtin(i)->name);
	}
	assert_true(count > 0);
	assert_null(vmi_driver_builtin(count));
	assert_null(vmi_driver_builtin(UINT32_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(compound_masks),
		cmocka_unit_test(table_gives_mask),
		cmocka_unit_test(half_filled_groups),
		cmocka_unit_test(refusals),
		cmocka_unit_test(refusals_of_a_target),
		cmocka_unit_test(bits_that_open_makes_up),
		cmocka_unit_test(requiring),
		cmocka_unit_test(read_only_suffices),
		cmocka_unit_test(builtin_drivers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
