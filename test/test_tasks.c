/* SPDX-License-Identifier: MIT */
/* Tasks of a kernel that the test puts together: whole, hidden, torn. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/btf.h>

#include "os_guest.h"

/* As Linux 6.1 has them, with what is in between left out. */
enum {
	T_STATE = 0,
	T_FLAGS = 8,
	T_PID = 16,
	T_TGID = 20,
	T_EXIT_STATE = 24,
	T_TASKS = 32,
	T_MM = 48,
	T_PARENT = 56,
	T_PID_LINKS = 64,
	T_THREAD_NODE = 128,
	T_WORKER = 144,
	T_START = 152,
	T_CRED = 160,
	T_COMM = 168,
	T_SIGNAL = 184,
	T_SIZE = 192,
	PID_TASKS = 16,
	NODE_SHIFT = 0,
	NODE_SLOTS = 40,
	NODE_SIZE = 40 + 64 * 8,
	KTHREAD = 0x00200000,
	TASKS = 10,
};

static const struct made_member types[] = {
	{"task_struct", NULL, NULL, T_SIZE},
	{"", "__state", "u32", T_STATE},
	{"", "flags", "u32", T_FLAGS},
	{"", "pid", "u32", T_PID},
	{"", "tgid", "u32", T_TGID},
	{"", "exit_state", "u32", T_EXIT_STATE},
	{"", "tasks", "u64[2]", T_TASKS},
	{"", "mm", "ptr", T_MM},
	{"", "real_parent", "ptr", T_PARENT},
	{"", "pid_links", "u64[8]", T_PID_LINKS},
	{"", "thread_node", "u64[2]", T_THREAD_NODE},
	{"", "worker_private", "ptr", T_WORKER},
	{"", "start_boottime", "u64", T_START},
	{"", "real_cred", "ptr", T_CRED},
	{"", "comm", "char[16]", T_COMM},
	{"", "signal", "ptr", T_SIGNAL},
	{"kthread", NULL, NULL, 16},
	{"", "full_name", "ptr", 8},
	{"xarray", NULL, NULL, 16},
	{"", "xa_head", "ptr", 8},
	{"idr", NULL, NULL, 24},
	{"", "idr_rt", "xarray", 0},
	{"pid_namespace", NULL, NULL, 32},
	{"", "idr", "idr", 0},
	{"pid", NULL, NULL, 64},
	{"", "tasks", "u64[4]", PID_TASKS},
	{"xa_node", NULL, NULL, NODE_SIZE},
	{"", "shift", "u8", NODE_SHIFT},
	{"", "slots", "ptr[64]", NODE_SLOTS},
};

/* A kernel with the tasks below, each in every list that it belongs to. */
struct kernel {
	struct os_guest guest;
	vmi_gva init; /* init_task, which is in no table */
	vmi_gva name_space, node, leaf;
	vmi_gva task[TASKS];
};

static const struct {
	int32_t pid, tid;
	const char *comm;
	uint32_t state, exit_state;
	char letter;
} made[TASKS] = {
	{1, 1, "init", 1, 0, 'S'},
	{2, 2, "kthreadd", 0x402, 0, 'I'},
	{40, 40, "a (b) c", 0, 0, 'R'},
	{40, 41, "thread", 0x8000, 0, 'D'},
	{40, 42, "thread", 8, 0, 't'},
	{63, 63, "stopped", 0x104, 0, 'T'},
	{64, 64, "zombie", 0x80, 0x20, 'Z'},
	{65, 65, "dead", 0x80, 0x10, 'X'},
	{4000, 4000, "fifteen letters", 0x40, 0, 'P'},
	{4095, 4095, "lock", 0x1000, 0, 'D'},
};

static void put32(struct kernel *k, vmi_gva gva, uint32_t value)
{
	os_guest_put(&k->guest, gva, 4, value);
}

static void put64(struct kernel *k, vmi_gva gva, uint64_t value)
{
	os_guest_put(&k->guest, gva, 8, value);
}

/* Two levels of the table: 64 numbers below each slot of the upper one. */
static vmi_gva slot_of(struct kernel *k, int32_t number)
{
	return k->node + NODE_SLOTS + (unsigned)number / 64 * 8;
}

static void number_set(struct kernel *k, int32_t number, vmi_gva task)
{
	vmi_gva pid = os_guest_alloc(&k->guest, 64);
	uint64_t leaf;

	memcpy(&leaf, os_guest_at(&k->guest, slot_of(k, number)), 8);
	if (!leaf) {
		leaf = os_guest_alloc(&k->guest, NODE_SIZE) | 2;
		put64(k, slot_of(k, number), leaf);
	}
	put64(k, (leaf & ~UINT64_C(3)) + NODE_SLOTS + (unsigned)number % 64 * 8, pid);
	put64(k, pid + PID_TASKS, task ? task + T_PID_LINKS : 0);
}

static vmi_gva task_make(struct kernel *k, size_t i)
{
	struct os_guest *guest = &k->guest;
	vmi_gva task = os_guest_alloc(guest, T_SIZE), cred = os_guest_alloc(guest, 16);
	bool leader = made[i].pid == made[i].tid;
	vmi_gva signal = os_guest_alloc(guest, 16);

	put32(k, task + T_STATE, made[i].state);
	put32(k, task + T_EXIT_STATE, made[i].exit_state);
	put32(k, task + T_PID, (uint32_t)made[i].tid);
	put32(k, task + T_TGID, (uint32_t)made[i].pid);
	put32(k, task + T_FLAGS, made[i].pid == 2 ? KTHREAD : 0);
	put64(k, task + T_PARENT, i ? k->task[0] : k->init);
	put64(k, task + T_START, 1000 * (uint64_t)made[i].tid);
	put64(k, task + T_CRED, cred);
	for (unsigned id = 0; id < 4; id++)
		put32(k, cred + 4 * id, (uint32_t)made[i].tid * 10 + id);
	strcpy((char *)os_guest_at(guest, task + T_COMM), made[i].comm);
	if (leader) {
		os_guest_list_add(guest, k->init + T_TASKS, task + T_TASKS);
		os_guest_list_init(guest, signal);
	} else {
		memcpy(&signal, os_guest_at(guest, k->task[2] + T_SIGNAL), 8);
	}
	put64(k, task + T_SIGNAL, signal);
	os_guest_list_add(guest, signal, task + T_THREAD_NODE);
	number_set(k, made[i].tid, task);
	return task;
}

static int setup(void **state)
{
	static struct kernel kernel;
	struct kernel *k = &kernel;

	*k = (struct kernel){.init = 0};
	os_guest_init(&k->guest);
	os_guest_types_of_task(&k->guest);
	os_guest_types(&k->guest, types, sizeof(types) / sizeof(types[0]));
	k->init = os_guest_variable(&k->guest, "init_task", T_SIZE);
	os_guest_list_init(&k->guest, k->init + T_TASKS);
	k->name_space = os_guest_variable(&k->guest, "init_pid_ns", 32);
	k->node = os_guest_alloc(&k->guest, NODE_SIZE);
	put64(k, k->name_space + 8, k->node | 2);
	os_guest_put(&k->guest, k->node + NODE_SHIFT, 1, 6);
	for (size_t i = 0; i < TASKS; i++)
		k->task[i] = task_make(k, i);
	os_guest_open(&k->guest);
	*state = k;
	return 0;
}

static int teardown(void **state)
{
	struct kernel *k = *state;

	os_guest_close(&k->guest);
	return 0;
}

/* All threads are there, with those flags; `missing` (SIZE_MAX: none) is not. */
static void check_all(struct kernel *k, size_t missing)
{
	struct vmi_task_list list;
	struct vmi_error err;
	size_t at = 0;

	CHECK_OK(vmi_threads(k->guest.os, &list, &err));
	for (size_t i = 0; i < TASKS; i++) {
		if (i == missing)
			continue;
		assert_in_range(at, 0, list.count - 1);
		const struct vmi_task *task = &list.task[at++];

		assert_int_equal(task->task, k->task[i]);
		assert_int_equal(task->pid, made[i].pid);
		assert_int_equal(task->tid, made[i].tid);
		assert_string_equal(task->comm, made[i].comm);
		assert_int_equal(task->state, made[i].letter);
	}
	assert_int_equal(list.count, at);
	vmi_task_list_free(&list);
}

static void test_threads(void **state)
{
	struct kernel *k = *state;
	struct vmi_task_list list;
	struct vmi_error err;

	check_all(k, SIZE_MAX);
	CHECK_OK(vmi_threads(k->guest.os, &list, &err));
	for (size_t i = 0; i < list.count; i++) {
		const struct vmi_task *task = &list.task[i];
		uint32_t want = VMI_TASK_LISTED | VMI_TASK_HASHED | VMI_TASK_HAS_CRED |
				VMI_TASK_HAS_PPID | VMI_TASK_HAS_START;

		want |= made[i].pid == made[i].tid ? VMI_TASK_LEADER : 0;
		want |= made[i].pid == 2 ? VMI_TASK_KERNEL : 0;
		assert_int_equal(task->flags, want);
		assert_int_equal(task->ppid, made[i].pid == 1 ? 0 : 1);
		assert_int_equal(task->uid, made[i].tid * 10);
		assert_int_equal(task->gid, made[i].tid * 10 + 1);
		assert_int_equal(task->euid, made[i].tid * 10 + 2);
		assert_int_equal(task->egid, made[i].tid * 10 + 3);
		assert_int_equal(task->start_ns, 1000 * made[i].tid);
	}
	vmi_task_list_free(&list);
	assert_int_equal(k->guest.problems, 0);
}

static void test_processes(void **state)
{
	struct kernel *k = *state;
	struct vmi_task_list list;
	struct vmi_error err;

	CHECK_OK(vmi_processes(k->guest.os, &list, &err));
	assert_int_equal(list.count, TASKS - 2);
	for (size_t i = 0; i < list.count; i++)
		assert_int_equal(list.task[i].pid, list.task[i].tid);
	vmi_task_list_free(&list);
	assert_null(list.task);
}

static uint32_t flags_of(struct kernel *k, int32_t tid)
{
	struct vmi_task_list list;
	struct vmi_error err;
	uint32_t flags = UINT32_MAX;

	CHECK_OK(vmi_threads(k->guest.os, &list, &err));
	for (size_t i = 0; i < list.count; i++)
		if (list.task[i].tid == tid)
			flags = list.task[i].flags;
	vmi_task_list_free(&list);
	return flags;
}

/* Out of the list, out of the table: each time it shows, and the flags say where it is not. */
static void test_hidden(void **state)
{
	struct kernel *k = *state;
	vmi_gva node = k->task[5] + T_TASKS;
	uint64_t next, prev;

	memcpy(&next, os_guest_at(&k->guest, node), 8);
	memcpy(&prev, os_guest_at(&k->guest, node + 8), 8);
	put64(k, prev, next);
	put64(k, next + 8, prev);
	check_all(k, SIZE_MAX);
	/* It still is in its own list of threads. */
	struct vmi_task_list list;
	struct vmi_error err;
	CHECK_OK(vmi_processes(k->guest.os, &list, &err));
	assert_int_equal(list.count, TASKS - 2);
	assert_int_equal(list.task[3].pid, 63);
	assert_int_equal(list.task[3].flags & (VMI_TASK_LISTED | VMI_TASK_HASHED), VMI_TASK_HASHED);
	vmi_task_list_free(&list);

	number_set(k, 4000, 0);
	number_set(k, 41, 0);
	check_all(k, SIZE_MAX);
	assert_int_equal(flags_of(k, 4000) & (VMI_TASK_LISTED | VMI_TASK_HASHED), VMI_TASK_LISTED);
	assert_int_equal(flags_of(k, 41) & (VMI_TASK_LISTED | VMI_TASK_HASHED), VMI_TASK_LISTED);
	assert_int_equal(k->guest.problems, 0);
}

/* The list leads back to its middle: said, and what the table holds is there all the same. */
static void test_circle(void **state)
{
	struct kernel *k = *state;

	put64(k, k->task[7] + T_TASKS, k->task[1] + T_TASKS);
	check_all(k, SIZE_MAX);
	assert_int_equal(k->guest.problems, 1);
	assert_non_null(strstr(k->guest.problem, "the list of processes runs in a circle"));

	k->guest.problems = 0;
	put64(k, k->task[4] + T_THREAD_NODE, k->task[4] + T_THREAD_NODE);
	check_all(k, SIZE_MAX);
	assert_int_equal(k->guest.problems, 2);
	assert_non_null(strstr(k->guest.problem, "the list of threads of process 40"));
}

/* Processes that share a list of threads do not have it walked for each of them. */
static void test_shared_threads(void **state)
{
	struct kernel *k = *state;
	uint64_t signal;

	memcpy(&signal, os_guest_at(&k->guest, k->task[2] + T_SIGNAL), 8);
	put64(k, k->task[5] + T_SIGNAL, signal);
	check_all(k, SIZE_MAX);
	assert_int_equal(k->guest.problems, 1);
	assert_non_null(strstr(k->guest.problem, "the list of threads of process 63 leads to"));
}

/* The table is gone and the list is torn: its other end still leads to all behind the tear. */
static void test_torn(void **state)
{
	struct kernel *k = *state;

	put64(k, k->name_space + 8, 0);
	put64(k, k->task[5] + T_TASKS, 0xdead000000000100);
	check_all(k, SIZE_MAX);
	assert_int_equal(k->guest.problems, 1);
	assert_non_null(strstr(k->guest.problem, "the list of processes breaks off after 4"));

	/* At both sides of a task, which is lost. */
	put64(k, k->task[6] + T_TASKS + 8, 0xdead000000000122);
	put64(k, k->task[2] + T_TASKS, 0xdead000000000100);
	k->guest.problems = 0;
	check_all(k, 5);
	assert_int_equal(k->guest.problems, 2);
}

/* A task_struct that was freed and used for something else. */
static void test_freed(void **state)
{
	struct kernel *k = *state;

	put32(k, k->task[8] + T_PID, 0x6b6b6b6b);
	put32(k, k->task[8] + T_TGID, 0x6b6b6b6b);
	check_all(k, 8);
	assert_true(k->guest.problems);
	assert_non_null(strstr(k->guest.problem, "is no task: its numbers are 0x6b6b6b6b"));
	/* Cleared. */
	put32(k, k->task[8] + T_PID, 0);
	put32(k, k->task[8] + T_TGID, 0);
	check_all(k, 8);
	assert_non_null(strstr(k->guest.problem, "is no task: it has no number"));
}

static void test_table_torn(void **state)
{
	struct kernel *k = *state;
	struct vmi_task task;
	struct vmi_error err;

	/* A leaf that cannot be read, and one that says it is no leaf. */
	put64(k, slot_of(k, 4000), UINT64_C(0xffff800000000000) | 2);
	uint64_t leaf;
	memcpy(&leaf, os_guest_at(&k->guest, slot_of(k, 40)), 8);
	os_guest_put(&k->guest, (leaf & ~UINT64_C(3)) + NODE_SHIFT, 1, 6);
	check_all(k, SIZE_MAX);
	assert_int_equal(k->guest.problems, 2);
	assert_non_null(strstr(k->guest.problem, "the table of process numbers"));
	/* One that is asked for is found by the lists. */
	CHECK_OK(vmi_task_find(k->guest.os, 42, &task, &err));
	assert_int_equal(task.task, k->task[4]);
}

static void test_find(void **state)
{
	struct kernel *k = *state;
	struct vmi_task task;
	struct vmi_error err;

	for (size_t i = 0; i < TASKS; i++) {
		CHECK_OK(vmi_task_find(k->guest.os, made[i].tid, &task, &err));
		assert_int_equal(task.task, k->task[i]);
		CHECK_OK(vmi_task_at(k->guest.os, k->task[i], &task, &err));
		assert_int_equal(task.tid, made[i].tid);
	}
	CHECK_FAIL(vmi_task_find(k->guest.os, 3, &task, &err), VMI_ERR_NOT_FOUND,
		   "no process or thread 3");
	CHECK_FAIL(vmi_task_find(k->guest.os, -1, &task, &err), VMI_ERR_NOT_FOUND,
		   "no process or thread -1");
	put32(k, k->task[0] + T_PID, 0xffffffff);
	CHECK_FAIL(vmi_task_at(k->guest.os, k->task[0], &task, &err), VMI_ERR_CORRUPT,
		   "is no task");
	CHECK_FAIL(vmi_task_at(k->guest.os, 0x1000, &task, &err), VMI_ERR_NOT_PRESENT,
		   "the task at 0x1000");
	assert_int_equal(k->guest.problems, 0);
}

static void test_names(void **state)
{
	struct kernel *k = *state;
	vmi_gva kthread = os_guest_alloc(&k->guest, 16), name = os_guest_alloc(&k->guest, 80);
	char want[64] = "";
	struct vmi_task task;
	struct vmi_error err;

	memset(want, 'n', sizeof(want) - 1);
	memset(os_guest_at(&k->guest, name), 'n', 70);
	put64(k, k->task[1] + T_WORKER, kthread);
	put64(k, kthread + 8, name);
	CHECK_OK(vmi_task_find(k->guest.os, 2, &task, &err));
	assert_string_equal(task.comm, want);
	/* Of no use to others; a name that is gone leaves the short one. */
	put64(k, k->task[2] + T_WORKER, kthread);
	CHECK_OK(vmi_task_find(k->guest.os, 40, &task, &err));
	assert_string_equal(task.comm, "a (b) c");
	put64(k, kthread + 8, 0x1000);
	CHECK_OK(vmi_task_find(k->guest.os, 2, &task, &err));
	assert_string_equal(task.comm, "kthreadd");
}

/* ---- memory of a process -------------------------------------------------------------------- */

/* Give process 40 page tables and a page for its arguments; returns the page. */
static uint8_t *space_make(struct kernel *k, vmi_gpa *root)
{
	vmi_gva mm = os_guest_alloc(&k->guest, 40);

	*root = os_guest_space(&k->guest);
	put64(k, k->task[2] + T_MM, mm);
	put64(k, mm, os_guest_direct(*root));
	put64(k, mm + 8, 0x7ffff010);
	put64(k, mm + 16, 0x7ffff020);
	put64(k, mm + 24, 0x7ffff020);
	put64(k, mm + 32, 0x80000010);
	return os_guest_page(&k->guest, *root, 0x7ffff000);
}

static void check_arguments(struct kernel *k, const char *want, size_t len)
{
	struct vmi_string string;
	struct vmi_task task;
	struct vmi_error err;

	CHECK_OK(vmi_task_find(k->guest.os, 40, &task, &err));
	CHECK_OK(vmi_task_arguments(k->guest.os, &task, &string, &err));
	assert_int_equal(string.length, len);
	assert_memory_equal(string.bytes, want, len);
	assert_int_equal(string.text_length, len);
	assert_int_equal(string.end, VMI_STRING_NUL);
	vmi_string_free(&string);
}

static void test_arguments(void **state)
{
	struct kernel *k = *state;
	struct vmi_string string;
	struct vmi_task task;
	struct vmi_error err;
	vmi_gpa root;
	uint8_t *page = space_make(k, &root);

	memcpy(page + 0x10, "one\0two three\0\0\0ENV=1", 22);
	check_arguments(k, "one\0two three\0\0\0", 16);
	/* A title over them, within them and into the environment. */
	memcpy(page + 0x10, "a title that goes on\0rest", 26);
	check_arguments(k, "a title that goes on", 21);
	/* Into a page that is not there. */
	memset(page + 0x10, 't', VMI_PAGE_SIZE - 0x10);
	CHECK_OK(vmi_task_find(k->guest.os, 40, &task, &err));
	CHECK_FAIL(vmi_task_arguments(k->guest.os, &task, &string, &err), VMI_ERR_NOT_PRESENT,
		   "the arguments of process 40");
	assert_int_equal(string.length, VMI_PAGE_SIZE - 0x10);
	assert_int_equal(string.end, VMI_STRING_HOLE);
	assert_int_equal(string.end_addr, 0x80000000);
	vmi_string_free(&string);

	put64(k, task.mm + 16, 0x7ffff010);
	CHECK_FAIL(vmi_task_arguments(k->guest.os, &task, &string, &err), VMI_ERR_NOT_FOUND,
		   "process 40 has no arguments");
	put64(k, task.mm + 16, UINT64_C(1) << 40);
	CHECK_FAIL(vmi_task_arguments(k->guest.os, &task, &string, &err), VMI_ERR_CORRUPT,
		   "would have 0x");
	CHECK_OK(vmi_task_find(k->guest.os, 2, &task, &err));
	CHECK_FAIL(vmi_task_arguments(k->guest.os, &task, &string, &err), VMI_ERR_NOT_FOUND,
		   "task 2 has no memory of its own");
	assert_null(string.bytes);
}

/* The access of user memory is that of user code, whether the kernel's table forbids it or not. */
static void test_space(void **state)
{
	struct kernel *k = *state;
	struct vmi_translation at;
	struct vmi_space space;
	struct vmi_task task;
	struct vmi_error err;
	vmi_gpa root;

	space_make(k, &root);
	CHECK_OK(vmi_task_find(k->guest.os, 40, &task, &err));
	assert_true(task.flags & VMI_TASK_HAS_ROOT);
	assert_int_equal(task.root, root);
	CHECK_OK(vmi_task_space(k->guest.os, &task, &space, &err));
	assert_int_equal(space.root, root);
	assert_false(space.flags & VMI_SPACE_PTI);
	CHECK_OK(vmi_translate(k->guest.vm, &space, 0x7ffff000, &at, &err));
	assert_int_equal(at.access, VMI_ACCESS_R | VMI_ACCESS_W | VMI_ACCESS_X);
	/* The kernel is mapped, too. */
	CHECK_OK(vmi_translate(k->guest.vm, &space, k->init, &at, &err));

	/* Isolation: the other half is the same without NX. */
	memcpy(k->guest.memory + root + VMI_PAGE_SIZE, k->guest.memory + root, VMI_PAGE_SIZE / 2);
	k->guest.memory[root + 7] |= 0x80;
	vmi_translation_cache_flush(k->guest.vm);
	CHECK_OK(vmi_task_space(k->guest.os, &task, &space, &err));
	assert_int_equal(space.root, root);
	assert_true(space.flags & VMI_SPACE_PTI);
	CHECK_OK(vmi_translate(k->guest.vm, &space, 0x7ffff000, &at, &err));
	assert_int_equal(at.access, VMI_ACCESS_R | VMI_ACCESS_W | VMI_ACCESS_X);
	space.flags &= ~(uint32_t)VMI_SPACE_PTI;
	CHECK_OK(vmi_translate(k->guest.vm, &space, 0x7ffff000, &at, &err));
	assert_int_equal(at.access, VMI_ACCESS_R | VMI_ACCESS_W);

	CHECK_OK(vmi_task_find(k->guest.os, 2, &task, &err));
	CHECK_OK(vmi_task_space(k->guest.os, &task, &space, &err));
	assert_int_equal(space.root, vmi_os_info(k->guest.os)->space.root);
	CHECK_OK(vmi_task_find(k->guest.os, 64, &task, &err));
	CHECK_FAIL(vmi_task_space(k->guest.os, &task, &space, &err), VMI_ERR_NOT_FOUND,
		   "process 64 has no memory any more");
}

/* What lies behind the size that a caller's struct has is not looked at. */
static void test_options(void **state)
{
	struct kernel *k = *state;
	struct vmi_os_options options = {.size = sizeof(options), .btf = "/nonexistent"};
	struct vmi_error err;
	struct vmi_os *os;

	CHECK_FAIL(vmi_os_open(&os, k->guest.vm, &options, &err), VMI_ERR_IO, "/nonexistent");
	options.size = offsetof(struct vmi_os_options, btf);
	CHECK_OK(vmi_os_open(&os, k->guest.vm, &options, &err));
	vmi_os_close(os);
}

/* Names of files are the caller's only as long as the call lasts. */
static void test_sources(void **state)
{
	struct kernel *k = *state;
	char btf[] = "/tmp/vmi-btf.XXXXXX", map[] = "/tmp/vmi-map.XXXXXX";
	struct vmi_os_options options = {.size = sizeof(options), .btf = btf, .system_map = map};
	const struct vmi_os_info *info;
	struct vmi_symbol symbol;
	struct vmi_error err;
	struct vmi_os *os;
	size_t cursor = 0;
	uint32_t len;

	int btf_fd = mkstemp(btf), map_fd = mkstemp(map);
	const void *bytes = btf__raw_data(k->guest.btf, &len);
	assert_true(btf_fd >= 0 && map_fd >= 0);
	assert_int_equal(write(btf_fd, bytes, len), len);
	while (!vmi_symbol_next(k->guest.os, &cursor, &symbol) && !symbol.module)
		dprintf(map_fd, "%" PRIx64 " %c %s\n", symbol.gva, symbol.type, symbol.name);
	close(btf_fd);
	close(map_fd);
	enum vmi_status st = vmi_os_open(&os, k->guest.vm, &options, &err);
	unlink(btf);
	unlink(map);
	CHECK_OK(st);
	memset(btf + 5, 'x', 3);
	memset(map + 5, 'x', 3);
	info = vmi_os_info(os);
	assert_memory_equal(info->types_source, "/tmp/vmi-btf.", 13);
	assert_memory_equal(info->symbols_source, "/tmp/vmi-map.", 13);
	vmi_os_close(os);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* The memory of that kernel for tests of the programs; task 40 has some of its own. */
static int write_image(const char *path)
{
	struct kernel *k;
	vmi_gpa root;
	void *state;
	FILE *file = fopen(path, "wb");

	if (!file)
		return 1;
	setup(&state);
	k = state;
	memcpy(space_make(k, &root) + 0x10, "one\0two three", 14);
	bool written = fwrite(k->guest.memory, GUEST_SIZE, 1, file) == 1;
	teardown(&state);
	return fclose(file) || !written;
}

int main(int argc, char **argv)
{
	if (argc == 2)
		return write_image(argv[1]);

	const struct CMUnitTest tests[] = {
		TEST(test_threads),    TEST(test_processes),      TEST(test_hidden),
		TEST(test_circle),     TEST(test_torn),           TEST(test_freed),
		TEST(test_table_torn), TEST(test_find),           TEST(test_names),
		TEST(test_arguments),  TEST(test_space),          TEST(test_options),
		TEST(test_sources),    TEST(test_shared_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
