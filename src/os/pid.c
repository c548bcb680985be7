/* SPDX-License-Identifier: MIT */
/* Tasks by their numbers: the table of the initial pid namespace (kernel/pid.c), since 4.15. */

#include <inttypes.h>

#include "task.h"
#include "xarray_kernel.h"

/* Above what TASK_PID_MAX numbers need, 16 to a node. */
enum { NODES_MAX = TASK_PID_MAX / 8 };

struct pid_fields {
	struct field head, tasks;
};

static const struct field_want wants[] = {
	{"pid_namespace", "idr.idr_rt.xa_head|idr.idr_rt.rnode", offsetof(struct pid_fields, head),
	 false},
	{"pid", "tasks", offsetof(struct pid_fields, tasks), false},
};

struct pid_walk {
	struct xarray_walk array; /* first */
	const struct pid_fields *fields;
	uint64_t task_link; /* where in a task_struct its node of the pid's list is */
	bool (*visit)(void *context, vmi_gva task);
	void *context;
};

/* The first list of a struct pid is that of the one task with that number (PIDTYPE_PID). */
static bool pid_visit(void *context, uint64_t index, vmi_gva pid)
{
	struct pid_walk *walk = context;
	struct vmi_error err;
	vmi_gva first;

	if (os_pointer(walk->array.os, pid + walk->fields->tasks.offset, &first, &err)) {
		os_problem(walk->array.os, "process number %" PRIu64 ": %s", index, err.text);
		return true;
	}
	/* None when the number lives on as that of a group or session only. */
	return !first || walk->visit(walk->context, first - walk->task_link);
}

static void node_lost(void *context, vmi_gva node, const char *why)
{
	struct pid_walk *walk = context;

	os_problem(walk->array.os, "the table of process numbers, at 0x%" PRIx64 ": %s", node, why);
}

enum vmi_status pid_walk(struct vmi_os *os, uint64_t first, uint64_t last,
			 bool (*visit)(void *context, vmi_gva task), void *context,
			 struct vmi_error *err)
{
	struct pid_fields fields;
	const struct task_fields *task;
	struct pid_walk walk = {
		.array = {os, NODES_MAX, pid_visit, node_lost},
		.fields = &fields,
		.visit = visit,
		.context = context,
	};
	vmi_gva name_space = 0, head = 0;
	enum vmi_status st = task_fields(os, &task, err);

	if (!st)
		st = fields_resolve(os, wants, sizeof(wants) / sizeof(wants[0]), &fields, err);
	if (!st)
		st = os_symbol(os, "init_pid_ns", &name_space, err);
	if (!st)
		st = os_pointer(os, name_space + fields.head.offset, &head, err);
	if (st)
		return st;
	walk.task_link = task->pid_link.offset;
	return xarray_walk_kernel(&walk.array, head, first, last, err);
}
