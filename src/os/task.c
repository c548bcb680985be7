/* SPDX-License-Identifier: MIT */
/* One task: what its task_struct and the structures around it say. Kernels from 4.15 on. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "task.h"

#define WANT(structure, path, member)                                                              \
	{                                                                                          \
		structure, path, offsetof(struct task_fields, member), false                       \
	}

static const struct field_want wants[] = {
	WANT("task_struct", "", size),
	WANT("task_struct", "pid", pid),
	WANT("task_struct", "tgid", tgid),
	WANT("task_struct", "comm", comm),
	WANT("task_struct", "flags", flags),
	WANT("task_struct", "__state|state", state), /* since 5.14 | before */
	WANT("task_struct", "exit_state", exit_state),
	WANT("task_struct", "start_boottime|real_start_time", start), /* since 5.5 | before */
	WANT("task_struct", "mm", mm),
	WANT("task_struct", "real_parent", real_parent),
	WANT("task_struct", "real_cred", cred),
	WANT("task_struct", "signal", signal),
	WANT("task_struct", "tasks", tasks),
	WANT("task_struct", "thread_node", thread_node),
	WANT("task_struct", "pid_links|pids", pid_link), /* since 4.19 | before */
	{"task_struct", "worker_private", offsetof(struct task_fields, kthread), true},
	{"kthread", "full_name", offsetof(struct task_fields, full_name), true}, /* since 5.17 */
	WANT("mm_struct", "pgd", pgd),
	WANT("mm_struct", "arg_start", arg_start),
	WANT("mm_struct", "arg_end", arg_end),
	WANT("mm_struct", "env_start", env_start),
	WANT("mm_struct", "env_end", env_end),
	WANT("signal_struct", "thread_head", thread_head),
	WANT("cred", "uid.val", uid),
	WANT("cred", "gid.val", gid),
	WANT("cred", "euid.val", euid),
	WANT("cred", "egid.val", egid),
};

enum vmi_status task_fields(struct vmi_os *os, const struct task_fields **out,
			    struct vmi_error *err)
{
	if (!os->task_fields) {
		struct task_fields *fields = calloc(1, sizeof(*fields));

		if (!fields)
			return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
		enum vmi_status st =
			fields_resolve(os, wants, sizeof(wants) / sizeof(wants[0]), fields, err);
		if (st) {
			free(fields);
			return st;
		}
		os->task_fields = fields;
	}
	*out = os->task_fields;
	return VMI_OK;
}

/* ---- a task --------------------------------------------------------------------------------- */

/* PF_WQ_WORKER and PF_KTHREAD of include/linux/sched.h */
static const uint64_t workqueue_worker = 0x00000020, kernel_thread = 0x00200000;

/*
 * The letter that fs/proc/array.c prints for a state: TASK_* and EXIT_* bits of
 * include/linux/sched.h as they are since 4.14.
 */
static char state_letter(uint64_t state, uint64_t exit_state)
{
	enum {
		UNINTERRUPTIBLE = 0x2,
		REPORTED = 0x7f,
		NOLOAD = 0x400,
		RTLOCK_WAIT = 0x1000,
		FROZEN = 0x8000,
	};
	static const char letters[] = "RSDTtXZP";
	uint64_t reported = (state | exit_state) & REPORTED;

	if ((state & (UNINTERRUPTIBLE | NOLOAD)) == (UNINTERRUPTIBLE | NOLOAD))
		return 'I';
	if (state & (RTLOCK_WAIT | FROZEN))
		reported = UNINTERRUPTIBLE;
	return letters[reported ? 64 - __builtin_clzll(reported) : 0];
}

/* A member that may be out of reach without the rest being worthless. */
static bool have(struct vmi_os *os, vmi_gva base, const struct field *field, uint64_t *value)
{
	return base && !field_read(os, base, field, value, NULL);
}

static void read_cred(struct vmi_os *os, const struct task_fields *fields, struct vmi_task *task)
{
	uint64_t cred, uid, gid, euid, egid;

	if (!have(os, task->task, &fields->cred, &cred) || !have(os, cred, &fields->uid, &uid) ||
	    !have(os, cred, &fields->gid, &gid) || !have(os, cred, &fields->euid, &euid) ||
	    !have(os, cred, &fields->egid, &egid))
		return;
	task->uid = (uint32_t)uid;
	task->gid = (uint32_t)gid;
	task->euid = (uint32_t)euid;
	task->egid = (uint32_t)egid;
	task->flags |= VMI_TASK_HAS_CRED;
}

static void read_space(struct vmi_os *os, const struct task_fields *fields, struct vmi_task *task)
{
	struct vmi_translation root;
	uint64_t pgd;

	if (!have(os, task->task, &fields->mm, &task->mm) || !task->mm ||
	    !have(os, task->mm, &fields->pgd, &pgd) ||
	    vmi_translate(os->vm, &os->kernel.space, pgd, &root, NULL))
		return;
	task->root = root.gpa;
	task->flags |= VMI_TASK_HAS_ROOT;
}

static void read_rest(struct vmi_os *os, const struct task_fields *fields, struct vmi_task *task)
{
	uint64_t state, exit_state, parent, ppid;
	vmi_gva gva = task->task;

	task->state = '?';
	if (have(os, gva, &fields->state, &state) &&
	    have(os, gva, &fields->exit_state, &exit_state))
		task->state = state_letter(state, exit_state);
	if (have(os, gva, &fields->start, &task->start_ns))
		task->flags |= VMI_TASK_HAS_START;
	if (have(os, gva, &fields->real_parent, &parent) &&
	    have(os, parent, &fields->tgid, &ppid) && ppid <= TASK_PID_MAX) {
		task->ppid = (int32_t)ppid;
		task->flags |= VMI_TASK_HAS_PPID;
	}
}

/*
 * Its name; of a kernel thread whose name is longer than `comm`, what kthread_create() was given,
 * as /proc shows it (proc_task_name() in fs/proc/array.c). Of a worker /proc adds what it is at.
 */
static void read_name(struct vmi_os *os, const struct task_fields *fields, uint64_t flags,
		      struct vmi_task *task)
{
	size_t len = fields->comm.size < sizeof(task->comm) ? (size_t)fields->comm.size
							    : sizeof(task->comm);
	struct vmi_string full = {0};
	uint64_t kthread, name;

	if (os_read(os, task->task + fields->comm.offset, task->comm, len, NULL))
		memset(task->comm, 0, sizeof(task->comm));
	task->comm[sizeof(task->comm) - 1] = '\0';
	if (!(flags & kernel_thread) || flags & workqueue_worker || !fields->kthread.is_there ||
	    !fields->full_name.is_there || !have(os, task->task, &fields->kthread, &kthread) ||
	    !have(os, kthread, &fields->full_name, &name) || !name)
		return;
	if (!vmi_string_read(os->vm, &os->kernel.space, name, VMI_LATIN1, sizeof(task->comm) - 1,
			     &full, NULL) &&
	    full.length) {
		memcpy(task->comm, full.bytes, full.length);
		task->comm[full.length] = '\0';
	}
	vmi_string_free(&full);
}

enum vmi_status task_read(struct vmi_os *os, vmi_gva gva, struct vmi_task *out,
			  struct vmi_error *err)
{
	struct vmi_task task = {.task = gva};
	const struct task_fields *fields;
	uint64_t pid = 0, tgid = 0, flags = 0;
	enum vmi_status st = task_fields(os, &fields, err);

	if (st)
		return st;
	st = field_read(os, gva, &fields->pid, &pid, err);
	if (!st)
		st = field_read(os, gva, &fields->tgid, &tgid, err);
	if (!st)
		st = field_read(os, gva, &fields->flags, &flags, err);
	if (st)
		return vmi_wrap(err, st, "the task at 0x%" PRIx64, gva);
	if (pid > TASK_PID_MAX || tgid > TASK_PID_MAX)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"what is at 0x%" PRIx64 " is no task: its numbers are 0x%" PRIx64
				" and 0x%" PRIx64,
				gva, pid, tgid);
	task.tid = (int32_t)pid;
	task.pid = (int32_t)tgid;
	task.flags = (flags & kernel_thread ? VMI_TASK_KERNEL : 0u) |
		     (pid == tgid ? VMI_TASK_LEADER : 0u) | (pid ? 0u : VMI_TASK_IDLE);
	read_cred(os, fields, &task);
	read_space(os, fields, &task);
	read_rest(os, fields, &task);
	read_name(os, fields, flags, &task);
	*out = task;
	return VMI_OK;
}

/* ---- its address space ---------------------------------------------------------------------- */

/*
 * With page-table isolation a process has two top tables, one page apart, and the kernel's has NX
 * in all entries of user memory (arch/x86/mm/pti.c). That the other one has the same entries
 * without it cannot be chance.
 */
static bool is_isolated(struct vmi_os *os, vmi_gpa root)
{
	enum { USER_HALF = VMI_PAGE_SIZE / 8 / 2 };
	static const uint64_t present = 1, nx = UINT64_C(1) << 63;
	uint64_t kernel[USER_HALF], user[USER_HALF];
	bool differs = false;

	if (root & VMI_PAGE_SIZE ||
	    vmi_read_bytes(os->vm, NULL, root, kernel, sizeof(kernel), NULL, NULL) ||
	    vmi_read_bytes(os->vm, NULL, root + VMI_PAGE_SIZE, user, sizeof(user), NULL, NULL))
		return false;
	for (unsigned i = 0; i < USER_HALF; i++) {
		if ((kernel[i] & present) && (kernel[i] & ~nx) != (user[i] & ~nx))
			return false;
		differs |= (kernel[i] & nx) && !(user[i] & nx);
	}
	return differs;
}

enum vmi_status vmi_task_space(struct vmi_os *os, const struct vmi_task *task,
			       struct vmi_space *space, struct vmi_error *err)
{
	struct vmi_space own = os->kernel.space;

	if (task->flags & VMI_TASK_HAS_ROOT) {
		own.root = task->root;
		if ((own.mode == VMI_MODE_4LEVEL || own.mode == VMI_MODE_5LEVEL) &&
		    is_isolated(os, own.root))
			own.flags |= VMI_SPACE_PTI;
	} else if (task->mm) {
		return vmi_fail(err, VMI_ERR_NOT_FOUND,
				"the page tables of process %d cannot be found: its mm_struct at "
				"0x%" PRIx64 " cannot be read",
				task->pid, task->mm);
	} else if (!(task->flags & VMI_TASK_KERNEL)) {
		return vmi_fail(err, VMI_ERR_NOT_FOUND,
				"process %d has no memory any more: it is exiting", task->pid);
	}
	*space = own;
	return VMI_OK;
}

/* ---- arguments ------------------------------------------------------------------------------ */

enum { ARGUMENTS_MAX = 8 << 20 /* above what _STK_LIM of the kernel's fs/exec.c allows */ };

/*
 * Which bytes /proc/PID/cmdline has (get_mm_cmdline() in fs/proc/base.c): all arguments; but when
 * their last byte is not zero, the process has written another title over them, which may go on
 * into the environment behind them, ends at the first zero, and of which one page is shown.
 */
static enum vmi_status arguments_bounds(struct vmi_os *os, const struct vmi_task *task,
					const struct vmi_space *space, vmi_gva *start,
					uint64_t *len, bool *is_title, struct vmi_error *err)
{
	const struct task_fields *fields;
	uint64_t end = 0, env_start = 0, env_end = 0;
	uint8_t last;
	enum vmi_status st = task_fields(os, &fields, err);

	if (!st)
		st = field_read(os, task->mm, &fields->arg_start, start, err);
	if (!st)
		st = field_read(os, task->mm, &fields->arg_end, &end, err);
	if (!st)
		st = field_read(os, task->mm, &fields->env_start, &env_start, err);
	if (!st)
		st = field_read(os, task->mm, &fields->env_end, &env_end, err);
	if (st)
		return st;
	if (*start >= end)
		return vmi_fail(err, VMI_ERR_NOT_FOUND, "process %d has no arguments", task->pid);
	if (env_start != end || env_end < env_start)
		env_end = end;
	*is_title = !vmi_read_u8(os->vm, space, end - 1, &last, NULL) && last;
	*len = (*is_title ? env_end : end) - *start;
	if (*is_title && *len > VMI_PAGE_SIZE)
		*len = VMI_PAGE_SIZE;
	if (*len > ARGUMENTS_MAX)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"the arguments of process %d would have 0x%" PRIx64 " bytes",
				task->pid, *len);
	return VMI_OK;
}

enum vmi_status vmi_task_arguments(struct vmi_os *os, const struct vmi_task *task,
				   struct vmi_string *string, struct vmi_error *err)
{
	struct vmi_space space;
	vmi_gva start = 0;
	uint64_t len = 0;
	size_t done = 0;
	bool is_title = false;

	*string = (struct vmi_string){0};
	if (!task->mm)
		return vmi_fail(err, VMI_ERR_NOT_FOUND, "task %d has no memory of its own",
				task->tid);
	enum vmi_status st = vmi_task_space(os, task, &space, err);
	if (!st)
		st = arguments_bounds(os, task, &space, &start, &len, &is_title, err);
	if (st)
		return st;
	uint8_t *bytes = malloc((size_t)len);
	if (!bytes)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the arguments");
	st = vmi_read_bytes(os->vm, &space, start, bytes, (size_t)len, &done, err);
	uint8_t *nul = is_title ? memchr(bytes, 0, done) : NULL;
	if (nul) {
		done = (size_t)(nul - bytes) + 1;
		st = VMI_OK;
	}
	enum vmi_status text = vmi_string_of_bytes(bytes, done, VMI_UTF8, string, st ? NULL : err);
	free(bytes);
	if (text)
		return text;
	string->end = st ? VMI_STRING_HOLE : VMI_STRING_NUL;
	string->end_addr = start + done;
	return st ? vmi_wrap(err, st, "the arguments of process %d", task->pid) : VMI_OK;
}
