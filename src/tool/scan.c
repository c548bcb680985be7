/* SPDX-License-Identifier: MIT */
/* Scans: jobs, threads, and whose turn it is to write. */

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "scan.h"

enum {
	THREADS_MAX = 256,
	OUT_ALONE = 256 * 1024,       /* a buffer that stays in the CPU's cache */
	OUT_SHARED = 4 * 1024 * 1024, /* room to go on while another has the turn */
};

struct scan {
	struct cli *cli;
	const struct vmi_space *space;
	const struct scan_ops *ops;
	const void *context;

	pthread_mutex_t lock; /* of what follows, and of cli->vm, which the iterator uses */
	pthread_cond_t turn_passed;
	struct unit_iter units;
	uint64_t tickets; /* handed out */
	uint64_t turn;    /* the ticket that may write */
	uint64_t reach;   /* where the last match of the jobs before it ends */
	bool ended;
	bool partial;
	int error; /* errno of a write */
};

/* ---- turns ---------------------------------------------------------------------------------- */

/* What was found on the guess that no match reaches into this job is void if one does. */
static void take_turn(struct scan_worker *worker)
{
	struct scan *scan = worker->scan;

	if (worker->has_turn)
		return;
	pthread_mutex_lock(&scan->lock);
	while (scan->turn != worker->ticket)
		pthread_cond_wait(&scan->turn_passed, &scan->lock);
	pthread_mutex_unlock(&scan->lock);
	worker->has_turn = true;
	worker->redo = scan->ops->exclusive && scan->reach > worker->unit[0].addr &&
		       worker->unit[0].before;
	worker->out.terminal = scan->cli->out.terminal;
	worker->out.file = scan->cli->out.file;
}

static void pass_turn(struct scan_worker *worker)
{
	struct scan *scan = worker->scan;

	pthread_mutex_lock(&scan->lock);
	scan->reach = worker->reach;
	if (worker->out.error && !scan->error)
		scan->error = worker->out.error;
	scan->ended |= scan->error != 0;
	scan->turn++;
	pthread_cond_broadcast(&scan->turn_passed);
	pthread_mutex_unlock(&scan->lock);
}

static bool before_write(void *context)
{
	struct scan_worker *worker = context;

	take_turn(worker);
	if (worker->redo)
		return false;
	progress_hide(&worker->cli->progress);
	return true;
}

/* ---- jobs ----------------------------------------------------------------------------------- */

static bool job_take(struct scan_worker *worker)
{
	struct scan *scan = worker->scan;
	struct vmi_error err;
	uint64_t bytes = 0;

	worker->count = 0;
	pthread_mutex_lock(&scan->lock);
	while (!scan->ended && worker->count < JOB_UNITS && bytes < UNIT_SIZE) {
		enum vmi_status status =
			unit_next(&scan->units, &worker->unit[worker->count], &err);

		if (!status) {
			bytes += worker->unit[worker->count++].size;
			continue;
		}
		scan->ended = true;
		if (status != VMI_END) {
			cli_failure(scan->cli, status, &err);
			scan->partial = true;
		}
	}
	if (worker->count) {
		worker->ticket = scan->tickets++;
		progress_add(&scan->cli->progress, bytes);
	}
	pthread_mutex_unlock(&scan->lock);
	return worker->count;
}

/* What can be seen of a unit; behind a page that cannot be read, the rest is a unit of its own. */
static void unit_run(struct scan_worker *worker, struct unit unit)
{
	const struct scan_ops *ops = worker->scan->ops;
	struct vmi_error err;

	while (unit.size && !scan_stopped(worker)) {
		size_t before = unit.before < ops->before ? (size_t)unit.before : ops->before;
		enum vmi_status status =
			window_get(&worker->window, unit.addr, before, unit.size, ops->after, &err);
		struct unit part = unit;

		if (status)
			part.size = worker->window.len;
		uint64_t from = worker->reach > unit.addr ? worker->reach - unit.addr : 0;
		if (part.size && from < part.size) {
			uint64_t end = ops->unit(worker, &part, (size_t)from);

			if (ops->exclusive && end)
				worker->reach = unit.addr + end;
		}
		if (!status)
			return;
		worker->partial = true;
		cli_failure(worker->cli, status, &err);
		uint64_t next = ((unit.addr + part.size) | (VMI_PAGE_SIZE - 1)) + 1;
		uint64_t skip = next - unit.addr;

		unit.before = 0;
		unit.addr = next;
		unit.size = skip < unit.size ? unit.size - (size_t)skip : 0;
	}
}

static void job_run(struct scan_worker *worker)
{
	for (unsigned i = 0; i < worker->count && !scan_stopped(worker); i++)
		unit_run(worker, worker->unit[i]);
	window_put(&worker->window);
}

static void job_do(struct scan_worker *worker)
{
	worker->has_turn = false;
	worker->redo = false;
	worker->reach = 0;
	worker->out.terminal = false;
	worker->out.file = true;
	job_run(worker);
	take_turn(worker);
	if (worker->redo) {
		worker->redo = false;
		worker->out.used = 0;
		worker->reach = worker->scan->reach;
		job_run(worker);
	}
	out_flush(&worker->out);
	pass_turn(worker);
}

/* ---- workers -------------------------------------------------------------------------------- */

static bool worker_init(struct scan_worker *worker, struct scan *scan, size_t out_size)
{
	worker->scan = scan;
	worker->cli = scan->cli;
	worker->context = scan->context;
	worker->window.vm = worker->vm;
	worker->window.space = scan->space;
	if (out_init(&worker->out, scan->cli->out.fd, scan->cli->out.json, out_size)) {
		cli_say(scan->cli, "out of memory");
		return false;
	}
	worker->out.colour = scan->cli->out.colour;
	worker->out.before_write = before_write;
	worker->out.context = worker;
	return !scan->ops->begin || scan->ops->begin(worker);
}

static void worker_deinit(struct scan_worker *worker)
{
	if (worker->scan && worker->scan->ops->end)
		worker->scan->ops->end(worker);
	window_deinit(&worker->window);
	out_deinit(&worker->out);
	if (worker->vm != worker->cli->vm)
		vmi_close(worker->vm);
}

static void *work(void *context)
{
	struct scan_worker *worker = context;

	while (job_take(worker))
		job_do(worker);
	return NULL;
}

/* Who knows the pages that a space lacks asks cli->vm: one worker at a time. */
static enum vmi_status page_read(void *context, const struct vmi_space *space, vmi_gva gva,
				 const struct vmi_translation *why, void *page,
				 struct vmi_error *err)
{
	struct scan *scan = context;
	const struct vmi_pager *pager = vmi_pager(scan->cli->vm);

	pthread_mutex_lock(&scan->lock);
	enum vmi_status status = pager->read(pager->context, space, gva, why, page, err);
	pthread_mutex_unlock(&scan->lock);
	return status;
}

/* A handle for each worker: fewer than asked for where the target allows no more. */
static unsigned clone_handles(struct scan *scan, struct scan_worker *workers, unsigned count)
{
	struct cli *cli = scan->cli;
	const struct vmi_pager locked = {.read = page_read, .context = scan};

	for (unsigned i = 0; i < count && count > 1; i++) {
		if (vmi_clone(cli->vm, &workers[i].vm, NULL)) {
			workers[i].vm = NULL;
			count = i;
		} else if (vmi_pager(cli->vm)) {
			vmi_pager_set(workers[i].vm, &locked);
		}
	}
	if (count > 1)
		return count;
	if (workers[0].vm)
		vmi_close(workers[0].vm);
	workers[0].vm = cli->vm;
	return 1;
}

static bool run_workers(struct scan *scan, struct scan_worker *workers, unsigned count)
{
	pthread_t thread[THREADS_MAX];
	unsigned ready = 0, started = 0;
	bool good = true;

	for (; good && ready < count; ready++)
		good = worker_init(&workers[ready], scan, count > 1 ? OUT_SHARED : OUT_ALONE);
	/* The first worker is this thread. */
	while (good && started + 1 < count &&
	       pthread_create(&thread[started], NULL, work, &workers[started + 1]) == 0)
		started++;
	if (good)
		work(&workers[0]);
	for (unsigned i = 0; i < started; i++)
		pthread_join(thread[i], NULL);
	for (unsigned i = 0; i < count; i++) {
		scan->partial |= workers[i].partial;
		if (i < ready)
			worker_deinit(&workers[i]);
		else if (workers[i].vm != scan->cli->vm)
			vmi_close(workers[i].vm);
	}
	return good;
}

static unsigned thread_count(const struct scan *scan, uint64_t asked)
{
	cpu_set_t cpus;
	unsigned count = 1;

	if (asked)
		return (unsigned)asked;
	if (!scan->space && vmi_info(scan->cli->vm)->memory_bytes <= UNIT_SIZE)
		return 1;
	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
		count = (unsigned)CPU_COUNT(&cpus);
	return count < THREADS_MAX ? count : THREADS_MAX;
}

enum cli_status scan_run(struct cli *cli, const struct vmi_space *space, const struct scan_ops *ops,
			 const void *context)
{
	struct scan scan = {
		.cli = cli,
		.space = space,
		.ops = ops,
		.context = context,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.turn_passed = PTHREAD_COND_INITIALIZER,
	};
	uint64_t asked = 0;

	if (!cli_option_number(cli, OPT_THREADS, 1, THREADS_MAX, &asked))
		return CLI_USAGE;
	unsigned count = thread_count(&scan, asked);
	struct scan_worker *workers = calloc(count, sizeof(*workers));
	if (!workers) {
		cli_say(cli, "out of memory");
		return CLI_PARTIAL;
	}
	unit_begin(&scan.units, cli->vm, space, ops->margin);
	progress_begin(&cli->progress, ops->what, space ? 0 : vmi_info(cli->vm)->memory_bytes);
	out_flush(&cli->out);
	bool good = run_workers(&scan, workers, clone_handles(&scan, workers, count));
	free(workers);
	if (scan.error)
		cli->out.error = scan.error;
	return good && !scan.partial ? CLI_DELIVERED : CLI_PARTIAL;
}
