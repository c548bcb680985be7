/* SPDX-License-Identifier: MIT */
#ifndef OS_TASK_H
#define OS_TASK_H

#include "fields.h"

/** Where things are in the structures that a task consists of. */
struct task_fields {
	/* struct task_struct */
	struct field size, pid, tgid, comm, flags, state, exit_state, start, mm, real_parent;
	struct field cred, signal, tasks, thread_node, pid_link, kthread;
	/* struct mm_struct */
	struct field pgd, arg_start, arg_end, env_start, env_end;
	/* struct kthread, struct signal_struct, struct cred */
	struct field full_name, thread_head, uid, gid, euid, egid;
};

/* Of this kernel: borrowed until the os closes. VMI_ERR_UNSUPPORTED: its types are not there. */
VMI_CHECKED enum vmi_status task_fields(struct vmi_os *os, const struct task_fields **fields,
					struct vmi_error *err);

/* A pid can be no larger: PID_MAX_LIMIT of include/linux/threads.h with 64 bits. */
enum { TASK_PID_MAX = 4 << 20 };

/*
 * The task whose task_struct is at `gva`, without VMI_TASK_LISTED and VMI_TASK_HASHED, which say
 * how it was found. VMI_ERR_CORRUPT: what is there is no task.
 */
VMI_CHECKED enum vmi_status task_read(struct vmi_os *os, vmi_gva gva, struct vmi_task *task,
				      struct vmi_error *err);

/*
 * Tasks by their numbers in the first namespace, from `first` to `last`: visit() gets each
 * task_struct, and false ends it. VMI_ERR_UNSUPPORTED: this kernel has no such table (before
 * 4.15).
 */
VMI_CHECKED enum vmi_status pid_walk(struct vmi_os *os, uint64_t first, uint64_t last,
				     bool (*visit)(void *context, vmi_gva task), void *context,
				     struct vmi_error *err);

#endif
