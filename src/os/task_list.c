/* SPDX-License-Identifier: MIT */
/*
 * All tasks: what the list of processes, their lists of threads and the table of process numbers
 * hold together, so that a task which was taken out of one of them still shows.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "list.h"
#include "map.h"
#include "task.h"

struct tasks {
	struct vmi_os *os;
	const struct task_fields *fields;
	struct vmi_task *task;
	size_t count, room, limit;
	struct map by_address; /* of the task_struct, inverted: index */
	bool threads;          /* not only processes */
	size_t leader;         /* whose threads are walked: an index */
	enum vmi_status status;
	struct vmi_error *err;
};

/* The task that was taken from there, or NULL. No task is at the last address. */
static struct vmi_task *taken(const struct tasks *tasks, vmi_gva gva)
{
	const uint64_t *index = map_find(&tasks->by_address, ~gva);

	return index ? &tasks->task[*index] : NULL;
}

static bool add(struct tasks *tasks, const struct vmi_task *task)
{
	if (tasks->count == tasks->room) {
		size_t room = tasks->room ? tasks->room * 2 : 256;
		struct vmi_task *more = realloc(tasks->task, room * sizeof(*more));

		if (more) {
			tasks->task = more;
			tasks->room = room;
		}
	}
	if (tasks->count == tasks->room ||
	    !map_add(&tasks->by_address, ~task->task, tasks->count)) {
		tasks->status = vmi_fail(tasks->err, VMI_ERR_NOMEM, "out of memory for %zu tasks",
					 tasks->count);
		return false;
	}
	tasks->task[tasks->count++] = *task;
	return true;
}

/* Take the task that was found in the way that `how` says. */
static bool take(struct tasks *tasks, vmi_gva gva, uint32_t how)
{
	struct vmi_task task, *old = taken(tasks, gva);
	struct vmi_error err;

	if (old) {
		old->flags |= how;
		return true;
	}
	if (tasks->count == tasks->limit) {
		os_problem(tasks->os, "there are more tasks than memory can hold");
		return false;
	}
	if (task_read(tasks->os, gva, &task, &err)) {
		os_problem(tasks->os, "%s", err.text);
		return true;
	}
	/* Idle tasks have no number and are in no list. */
	if (task.flags & VMI_TASK_IDLE) {
		os_problem(tasks->os, "what is at 0x%" PRIx64 " is no task: it has no number", gva);
		return true;
	}
	if (!(task.flags & VMI_TASK_LEADER) && !tasks->threads)
		return true;
	task.flags |= how;
	return add(tasks, &task);
}

static bool visit_process(void *context, vmi_gva node)
{
	struct tasks *tasks = context;

	return take(tasks, node - tasks->fields->tasks.offset, VMI_TASK_LISTED);
}

static bool visit_thread(void *context, vmi_gva node)
{
	struct tasks *tasks = context;
	vmi_gva gva = node - tasks->fields->thread_node.offset;
	const struct vmi_task *old = taken(tasks, gva);

	/* The process itself is in this list, too, and was seen in the other. */
	if (old == &tasks->task[tasks->leader])
		return true;
	/* Lists that run into one another could lead any number of times to the same threads. */
	if (old && old->flags & VMI_TASK_LISTED) {
		os_problem(tasks->os,
			   "the list of threads of process %d leads to what is in another list, "
			   "at 0x%" PRIx64,
			   tasks->task[tasks->leader].pid, gva);
		return false;
	}
	return take(tasks, gva, VMI_TASK_LISTED);
}

static bool visit_number(void *context, vmi_gva gva)
{
	return take(context, gva, VMI_TASK_HASHED);
}

static void tasks_walk(struct tasks *tasks, const struct list_circle *circle)
{
	enum vmi_status st = list_walk(tasks->os, circle, tasks->err);

	if (st)
		tasks->status = st;
}

static void walk_processes(struct tasks *tasks)
{
	struct list_circle circle = {
		.what = "the list of processes",
		.limit = tasks->limit,
		.visit = visit_process,
		.context = tasks,
	};
	struct vmi_error err;

	if (os_symbol(tasks->os, "init_task", &circle.head, &err)) {
		os_problem(tasks->os, "the list of processes: %s", err.text);
		return;
	}
	circle.head += tasks->fields->tasks.offset;
	tasks_walk(tasks, &circle);
}

static void walk_numbers(struct tasks *tasks)
{
	struct vmi_error err;

	if (!pid_walk(tasks->os, 0, TASK_PID_MAX, visit_number, tasks, &err))
		return;
	os_problem(tasks->os, "the table of process numbers: %s", err.text);
	for (size_t i = 0; i < tasks->count; i++)
		tasks->task[i].flags |= VMI_TASK_HASHED;
}

static void walk_threads(struct tasks *tasks)
{
	/* Threads that are found join the array behind the processes, which are no leaders. */
	for (size_t i = 0; i < tasks->count && !tasks->status; i++) {
		struct list_circle circle = {
			.limit = tasks->limit,
			.visit = visit_thread,
			.context = tasks,
		};
		char what[64];
		uint64_t signal;

		if (!(tasks->task[i].flags & VMI_TASK_LEADER))
			continue;
		snprintf(what, sizeof(what), "the list of threads of process %d",
			 tasks->task[i].pid);
		circle.what = what;
		if (field_read(tasks->os, tasks->task[i].task, &tasks->fields->signal, &signal,
			       NULL) ||
		    !signal)
			continue;
		tasks->leader = i;
		circle.head = signal + tasks->fields->thread_head.offset;
		tasks_walk(tasks, &circle);
	}
}

static int by_number(const void *a, const void *b)
{
	const struct vmi_task *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	if (x->tid != y->tid)
		return x->tid == x->pid || (y->tid != y->pid && x->tid < y->tid) ? -1 : 1;
	return x->task < y->task ? -1 : x->task > y->task;
}

static enum vmi_status collect(struct vmi_os *os, bool threads, struct vmi_task_list *list,
			       struct vmi_error *err)
{
	struct tasks tasks = {.os = os, .threads = threads, .err = err, .limit = TASK_PID_MAX};
	enum vmi_status st = task_fields(os, &tasks.fields, err);

	if (st)
		return st;
	uint64_t fit = vmi_info(os->vm)->memory_bytes / (tasks.fields->size.size + 1);
	if (fit < tasks.limit)
		tasks.limit = (size_t)fit;
	walk_processes(&tasks);
	if (threads && !tasks.status)
		walk_threads(&tasks);
	if (!tasks.status)
		walk_numbers(&tasks);
	map_free(&tasks.by_address);
	if (tasks.status) {
		free(tasks.task);
		return tasks.status;
	}
	if (tasks.count)
		qsort(tasks.task, tasks.count, sizeof(*tasks.task), by_number);
	*list = (struct vmi_task_list){tasks.task, tasks.count};
	return VMI_OK;
}

enum vmi_status vmi_processes(struct vmi_os *os, struct vmi_task_list *list, struct vmi_error *err)
{
	return collect(os, false, list, err);
}

enum vmi_status vmi_threads(struct vmi_os *os, struct vmi_task_list *list, struct vmi_error *err)
{
	return collect(os, true, list, err);
}

void vmi_task_list_free(struct vmi_task_list *list)
{
	free(list->task);
	*list = (struct vmi_task_list){0};
}

/* ---- one task ------------------------------------------------------------------------------- */

static bool keep_first(void *context, vmi_gva gva)
{
	vmi_gva *found = context;

	*found = gva;
	return false;
}

/* One that hides from the table may still be in a list. */
static enum vmi_status find_in_lists(struct vmi_os *os, int32_t tid, struct vmi_task *task,
				     struct vmi_error *err)
{
	struct vmi_task_list list;
	enum vmi_status st = vmi_threads(os, &list, err);

	if (st)
		return st;
	st = VMI_ERR_NOT_FOUND;
	for (size_t i = 0; i < list.count && st; i++) {
		if (list.task[i].tid != tid)
			continue;
		*task = list.task[i];
		st = VMI_OK;
	}
	vmi_task_list_free(&list);
	return st ? vmi_fail(err, st, "there is no process or thread %d", tid) : VMI_OK;
}

enum vmi_status vmi_task_find(struct vmi_os *os, int32_t tid, struct vmi_task *task,
			      struct vmi_error *err)
{
	struct vmi_task found;
	vmi_gva gva = 0;

	if (tid > 0 && !pid_walk(os, (uint64_t)tid, (uint64_t)tid, keep_first, &gva, NULL) && gva &&
	    !task_read(os, gva, &found, NULL) && found.tid == tid) {
		found.flags |= VMI_TASK_HASHED;
		*task = found;
		return VMI_OK;
	}
	return find_in_lists(os, tid, task, err);
}

enum vmi_status vmi_task_at(struct vmi_os *os, vmi_gva gva, struct vmi_task *task,
			    struct vmi_error *err)
{
	return task_read(os, gva, task, err);
}
