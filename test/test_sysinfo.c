/* SPDX-License-Identifier: MIT */
/* What a kernel that the test puts together says of itself, and the tasks that its cpus run. */

#include <stdio.h>
#include <string.h>

#include "os_guest.h"

enum { NAME = 65, SIZE_CORE = 128, KEEPER_AT = 16, CURRENT_AT = 0x1240 };

static const struct made_member types[] = {
	{"new_utsname", NULL, NULL, 6 * NAME},
	{"", "sysname", "char[65]", 0},
	{"", "nodename", "char[65]", NAME},
	{"", "release", "char[65]", 2 * NAME},
	{"", "version", "char[65]", 3 * NAME},
	{"", "machine", "char[65]", 4 * NAME},
	{"", "domainname", "char[65]", 5 * NAME},
	{"uts_namespace", NULL, NULL, 400},
	{"", "name", "new_utsname", 4},
	{"cpumask", NULL, NULL, 8},
	{"", "bits", "u64", 0},
	{"seqcount", NULL, NULL, 4},
	{"", "sequence", "u32", 0},
	{"tk_read_base", NULL, NULL, 24},
	{"", "shift", "u32", 8},
	{"", "xtime_nsec", "u64", 16},
	{"timespec64", NULL, NULL, 16},
	{"", "tv_sec", "u64", 0},
	{"", "tv_nsec", "u64", 8},
	{"timekeeper", NULL, NULL, 64},
	{"", "tkr_mono", "tk_read_base", 0},
	{"", "xtime_sec", "u64", 24},
	{"", "wall_to_monotonic", "timespec64", 32},
	{"", "offs_boot", "u64", 48},
	/* Enough of a task for one to be told from another. */
	{"task_struct", NULL, NULL, 256},
	{"", "pid", "u32", 0},
	{"", "tgid", "u32", 4},
	{"", "comm", "char[16]", 8},
	{"", "flags", "u32", 24},
	{"", "state", "u64", 32},
	{"", "exit_state", "u32", 40},
	{"", "real_start_time", "u64", 48},
	{"", "mm", "ptr", 56},
	{"", "real_parent", "ptr", 64},
	{"", "real_cred", "ptr", 72},
	{"", "signal", "ptr", 80},
	{"", "tasks", "u64[2]", 88},
	{"", "thread_node", "u64[2]", 104},
	{"", "pids", "u64[8]", 120},
};

/* Since 6.13 what is around the clock has a name; here it is elsewhere in it, too. */
static const struct made_member named_core[] = {
	{"tk_data", NULL, NULL, SIZE_CORE},
	{"", "timekeeper", "timekeeper", KEEPER_AT},
};

static const struct made_member hot[] = {
	{"pcpu_hot", NULL, NULL, 64},
	{"", "current_task", "ptr", 8},
};

static struct os_guest *guest_begin(void **state)
{
	static struct os_guest guest;

	os_guest_init(&guest);
	os_guest_types_of_task(&guest);
	os_guest_types(&guest, types, sizeof(types) / sizeof(types[0]));
	os_guest_variable(&guest, "init_task", 256);
	*state = &guest;
	return &guest;
}

static int teardown(void **state)
{
	os_guest_close(*state);
	return 0;
}

/* 2001-09-09T01:46:40.25 on the wall, 77.75 s after boot, 10 s of which it slept. */
static void put_clock(struct os_guest *guest, vmi_gva keeper)
{
	os_guest_put(guest, keeper + 8, 4, 10);
	os_guest_put(guest, keeper + 16, 8, UINT64_C(250000000) << 10);
	os_guest_put(guest, keeper + 24, 8, 1000000000);
	os_guest_put(guest, keeper + 32, 8, (uint64_t) - (1000000000 - 67));
	os_guest_put(guest, keeper + 40, 8, 500000000);
	os_guest_put(guest, keeper + 48, 8, UINT64_C(10000000000));
}

static void put_names(struct os_guest *guest)
{
	static const char *const names[] = {"Linux",  "host",   "6.1.0-guest",
					    "#1 SMP", "x86_64", "example"};
	vmi_gva uts = os_guest_variable(guest, "init_uts_ns", 400);

	for (unsigned i = 0; i < 6; i++)
		strcpy((char *)os_guest_at(guest, uts + 4 + i * NAME), names[i]);
}

static void test_all(void **state)
{
	struct os_guest *guest = guest_begin(state);
	struct vmi_sysinfo info;
	struct vmi_error err;

	put_names(guest);
	vmi_gva line = os_guest_alloc(guest, 64);
	strcpy((char *)os_guest_at(guest, line), "root=/dev/vda quiet");
	os_guest_put(guest, os_guest_variable(guest, "saved_command_line", 8), 8, line);
	os_guest_variable(guest, "__per_cpu_offset", 64);
	os_guest_put(guest, os_guest_variable(guest, "__cpu_online_mask", 8), 8, 0x8005);
	os_guest_put(guest, os_guest_variable(guest, "__cpu_present_mask", 8), 8, 0xff);
	os_guest_put(guest, os_guest_variable(guest, "_totalram_pages", 8), 8, 123456);
	os_guest_put(guest, os_guest_variable(guest, "tainted_mask", 8), 8, 0x1001);
	vmi_gva load = os_guest_variable(guest, "avenrun", 24);
	os_guest_put(guest, load, 8, 3 * 2048 + 1024);
	os_guest_put(guest, load + 8, 8, 2047);
	os_guest_put(guest, load + 16, 8, 9);
	/* The count has 4 bytes, what is behind it is aligned to 8. */
	put_clock(guest, os_guest_variable(guest, "tk_core", SIZE_CORE) + 8);
	os_guest_open(guest);

	CHECK_OK(vmi_sysinfo(guest->os, &info, &err));
	assert_string_equal(info.hostname, "host");
	assert_string_equal(info.domain, "example");
	assert_string_equal(info.release, "6.1.0-guest");
	assert_string_equal(info.version, "#1 SMP");
	assert_string_equal(info.machine, "x86_64");
	assert_string_equal(info.command_line, "root=/dev/vda quiet");
	assert_int_equal(info.cpus_online, 3);
	assert_int_equal(info.cpus_present, 8);
	assert_int_equal(info.pages_total, 123456);
	assert_true(info.has_taints);
	assert_int_equal(info.taints, 0x1001);
	assert_true(info.has_load);
	assert_int_equal(info.load_hundredths[0], 350);
	assert_int_equal(info.load_hundredths[1], 100);
	assert_int_equal(info.load_hundredths[2], 0);
	assert_int_equal(info.time_ns, INT64_C(1000000000250000000));
	assert_int_equal(info.uptime_ns, UINT64_C(77750000000));
	assert_int_equal(guest->problems, 0);
	vmi_sysinfo_free(&info);
	assert_null(info.command_line);
}

/* A kernel for one cpu that has nothing of all that: what is unknown is not told. */
static void test_nothing(void **state)
{
	struct os_guest *guest = guest_begin(state);
	struct vmi_sysinfo info;
	struct vmi_error err;

	os_guest_open(guest);
	CHECK_OK(vmi_sysinfo(guest->os, &info, &err));
	assert_string_equal(info.hostname, "");
	assert_null(info.command_line);
	assert_int_equal(info.cpus_online, 1);
	assert_int_equal(info.uptime_ns, 0);
	assert_int_equal(info.time_ns, 0);
	assert_int_equal(info.pages_total, 0);
	assert_false(info.has_taints);
	assert_false(info.has_load);
	assert_int_equal(guest->problems, 3);
	vmi_sysinfo_free(&info);
}

static void test_clocks(void **state)
{
	struct os_guest *guest = guest_begin(state);
	struct vmi_sysinfo info;
	struct vmi_error err;

	os_guest_types(guest, named_core, 2);
	vmi_gva keeper = os_guest_variable(guest, "timekeeper_data", SIZE_CORE) + KEEPER_AT;
	put_clock(guest, keeper);
	os_guest_open(guest);
	CHECK_OK(vmi_sysinfo(guest->os, &info, &err));
	assert_int_equal(info.uptime_ns, UINT64_C(77750000000));
	vmi_sysinfo_free(&info);
	/* A shift that there cannot be: better no time than a wrong one. */
	os_guest_put(guest, keeper + 8, 4, 64);
	CHECK_OK(vmi_sysinfo(guest->os, &info, &err));
	assert_int_equal(info.uptime_ns, 0);
	assert_non_null(strstr(guest->problem, "clock makes no sense"));
	vmi_sysinfo_free(&info);
}

/* ---- cpus ----------------------------------------------------------------------------------- */

static vmi_gva task_make(struct os_guest *guest, uint32_t pid)
{
	vmi_gva task = os_guest_alloc(guest, 256);

	os_guest_put(guest, task, 4, pid);
	os_guest_put(guest, task + 4, 4, pid);
	return task;
}

/* Cpus 0 and 2 are online; each has its own memory. */
static void put_cpus(struct os_guest *guest, uint64_t current_at)
{
	vmi_gva offsets = os_guest_variable(guest, "__per_cpu_offset", 64);

	os_guest_put(guest, os_guest_variable(guest, "__cpu_online_mask", 8), 8, 5);
	for (unsigned cpu = 0; cpu < 3; cpu++) {
		vmi_gva own = os_guest_alloc(guest, 0x2000);

		os_guest_put(guest, offsets + 8 * cpu, 8, own);
		os_guest_put(guest, own + current_at, 8, task_make(guest, 100 + cpu));
	}
}

static void check_cpus(struct os_guest *guest)
{
	struct vmi_task task;
	struct vmi_error err;

	CHECK_OK(vmi_task_current(guest->os, 0, &task, &err));
	assert_int_equal(task.tid, 100);
	CHECK_OK(vmi_task_current(guest->os, 2, &task, &err));
	assert_int_equal(task.tid, 102);
	CHECK_FAIL(vmi_task_current(guest->os, 1, &task, &err), VMI_ERR_NOT_FOUND,
		   "no cpu 1 online");
	CHECK_FAIL(vmi_task_current(guest->os, 64, &task, &err), VMI_ERR_NOT_FOUND,
		   "no cpu 64 online");
	CHECK_FAIL(vmi_task_current(guest->os, UINT32_MAX, &task, &err), VMI_ERR_NOT_FOUND,
		   "no cpu 4294967295 online");
}

static void test_current(void **state)
{
	struct os_guest *guest = guest_begin(state);

	/* Counted from the beginning of each cpu's memory. */
	os_guest_symbol(guest, "current_task", CURRENT_AT);
	put_cpus(guest, CURRENT_AT);
	os_guest_open(guest);
	check_cpus(guest);
}

static void test_current_hot(void **state)
{
	struct os_guest *guest = guest_begin(state);

	os_guest_types(guest, hot, 2);
	os_guest_symbol(guest, "pcpu_hot", CURRENT_AT);
	put_cpus(guest, CURRENT_AT + 8);
	os_guest_open(guest);
	check_cpus(guest);
}

static void test_current_one(void **state)
{
	struct os_guest *guest = guest_begin(state);
	struct vmi_task task;
	struct vmi_error err;

	os_guest_put(guest, os_guest_variable(guest, "current_task", 8), 8, task_make(guest, 0));
	os_guest_open(guest);
	CHECK_OK(vmi_task_current(guest->os, 0, &task, &err));
	assert_true(task.flags & VMI_TASK_IDLE);
	CHECK_FAIL(vmi_task_current(guest->os, 1, &task, &err), VMI_ERR_NOT_FOUND,
		   "no cpu 1 online");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_all, teardown),
		cmocka_unit_test_teardown(test_nothing, teardown),
		cmocka_unit_test_teardown(test_clocks, teardown),
		cmocka_unit_test_teardown(test_current, teardown),
		cmocka_unit_test_teardown(test_current_hot, teardown),
		cmocka_unit_test_teardown(test_current_one, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
