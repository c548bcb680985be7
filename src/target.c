/* SPDX-License-Identifier: MIT */
/* Targets: what is behind the handles, with its files and its driver's state. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handle.h"

enum { HEAD_BYTES = 4096 };

static void target_warn(const struct vmi_target *view, const char *fmt, ...) VMI_PRINTF(2, 3);

static void target_warn(const struct vmi_target *view, const char *fmt, ...)
{
	/* The view is the target's first member; only open() has it, and there nothing is shared.
	 */
	struct target *target = (struct target *)(uintptr_t)view;

	if (target->warning_count == WARNINGS_MAX - 1) {
		target->warnings_dropped++;
		return;
	}
	va_list ap;
	va_start(ap, fmt);
	char *text = NULL;
	if (vasprintf(&text, fmt, ap) >= 0)
		target->warnings[target->warning_count++] = text;
	va_end(ap);
}

void target_put(struct target *target)
{
	if (!target || atomic_fetch_sub(&target->handles, 1) != 1)
		return;
	if (target->self)
		target->ops->close(target->self);
	free(target->self);
	files_close(&target->beside);
	files_close(&target->files);
	for (unsigned i = 0; i < target->warning_count; i++)
		free(target->warnings[i]);
	pthread_mutex_destroy(&target->pause_lock);
	free(target->format);
	free(target->name);
	free(target);
}

/* A file that the driver wants besides those that the user named. */
static enum vmi_status target_part(const struct vmi_target *view, const char *path,
				   const struct vmi_source **source, struct vmi_error *err)
{
	struct target *target = (struct target *)(uintptr_t)view; /* as in target_warn() */

	if (target->in_memory)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"%s: the image lies in memory, so no file is beside it", path);
	enum vmi_status st = files_add(&target->beside, path, view, err);
	if (!st)
		*source = target->beside.list[target->beside.count - 1];
	return st;
}

static uint64_t target_bytes(struct target *target)
{
	uint64_t sum = 0, at = 0;
	struct vmi_run run;

	while (!target->ops->page.run_next(target->self, at, &run, NULL)) {
		sum += run.size;
		at = run.gpa + run.size;
		if (!at)
			break;
	}
	return sum;
}

static const struct vmi_driver_ops *driver_probe(const struct target *target)
{
	uint8_t head[HEAD_BYTES];
	size_t len = 0;

	if (target->view.source) {
		uint64_t size = vmi_source_size(target->view.source);
		len = size < sizeof(head) ? (size_t)size : sizeof(head);
		if (vmi_source_read(target->view.source, 0, head, len, NULL))
			len = 0;
	}
	for (unsigned i = 0; vmi_driver_builtin(i); i++) {
		const struct vmi_driver_ops *ops = vmi_driver_builtin(i);
		if (ops->probe(&target->view, target->view.source ? head : NULL, len))
			return ops;
	}
	return NULL;
}

/* With the containers that the image lies in. */
static enum vmi_status target_name_format(struct target *target, struct vmi_error *err)
{
	const struct files *files = &target->files;

	if (!files->prefix && !files->suffix)
		return VMI_OK;
	if (asprintf(&target->format, "%s%s%s", files->prefix ? files->prefix : "",
		     target->info.format, files->suffix ? files->suffix : "") < 0) {
		target->format = NULL;
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	}
	target->info.format = target->format;
	return VMI_OK;
}

/* Show the driver the files that were opened. */
static void target_show(struct target *target)
{
	const struct files *files = &target->files;

	if (!files->count)
		return;
	target->view.source = files->list[0];
	target->view.parts = (const struct vmi_source *const *)files->list + 1;
	target->view.part_count = files->count - 1;
}

/* Which driver it is, unless the caller brought one. */
static enum vmi_status target_choose(struct target *target, struct vmi_error *err)
{
	const char *name = target->view.options->driver;
	size_t parts = target->view.part_count;
	enum vmi_status st = VMI_OK;

	if (!target->ops && name)
		st = driver_find(name, &target->ops, err);
	else if (!target->ops && !(target->ops = driver_probe(target)))
		st = vmi_fail(err, VMI_ERR_UNSUPPORTED, "%s is no image that a driver knows",
			      target->name);
	if (!st && parts && !target->ops->parts)
		st = vmi_fail(err, VMI_ERR_ARG, "the %s driver takes one file, and %s are %zu",
			      target->ops->name, target->name, parts + 1);
	/* A driver that only refuses has a better sentence. */
	if (!st && target->view.options->layout_count && target->ops->page.get &&
	    !target->ops->flat)
		st = vmi_fail(err, VMI_ERR_ARG,
			      "%s says itself where its memory lies (driver %s): a layout is for "
			      "flat memory",
			      target->name, target->ops->name);
	return st;
}

static enum vmi_status target_describe(struct target *target, unsigned caps, struct vmi_error *err)
{
	const struct vmi_driver_ops *ops = target->ops;
	struct vmi_info *info = &target->info;

	ops->info(target->self, info);
	info->driver = ops->name;
	info->page_size = VMI_PAGE_SIZE;
	info->page_shift = VMI_PAGE_SHIFT;
	info->capabilities = caps & vmi_driver_capabilities(ops);
	if (!info->format)
		info->format = ops->name;
	if (!info->memory_bytes && (info->capabilities & VMI_CAP_READ))
		info->memory_bytes = target_bytes(target);
	return target_name_format(target, err);
}

enum vmi_status target_start(struct target *target, struct vmi_error *err)
{
	target_show(target);
	enum vmi_status st = target_choose(target, err);
	if (st)
		return st;

	const struct vmi_driver_ops *ops = target->ops;
	unsigned caps = vmi_driver_capabilities(ops);

	target->self = calloc(1, ops->state_size ? ops->state_size : 1);
	if (!target->self)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	st = ops->open(target->self, &target->view, &caps, err);
	if (!st)
		st = target_describe(target, caps, err);
	if (!st && target->warnings_dropped) {
		char *text = NULL;
		if (asprintf(&text, "and %u more warnings", target->warnings_dropped) >= 0)
			target->warnings[target->warning_count++] = text;
	}
	/* What the caller lent for opening is not the target's to keep. */
	target->view.options = NULL;
	return st;
}

struct target *target_create(const char *name, const struct vmi_open_options *options)
{
	struct target *target = calloc(1, sizeof(*target));

	if (!target)
		return NULL;
	atomic_init(&target->handles, 1);
	pthread_mutex_init(&target->pause_lock, NULL);
	target->name = strdup(name);
	target->view = (struct vmi_target){
		.name = target->name,
		.warn = target_warn,
		.part = target_part,
		.options = options,
	};
	if (target->name)
		return target;
	target_put(target);
	return NULL;
}
