/* SPDX-License-Identifier: MIT */
/* Handles: finding the driver for a target, opening, cloning, closing. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "handle.h"

enum { DEFAULT_SLOTS = 8192, HEAD_BYTES = 4096 };

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

void vmi_progress(const struct vmi_open_options *options, uint64_t done, uint64_t total)
{
	if (options->progress)
		options->progress(options->progress_context, done, total);
}

static void target_put(struct target *target)
{
	if (!target || atomic_fetch_sub(&target->handles, 1) != 1)
		return;
	if (target->self)
		target->ops->close(target->self);
	free(target->self);
	source_close(target->source);
	for (unsigned i = 0; i < target->warning_count; i++)
		free(target->warnings[i]);
	pthread_mutex_destroy(&target->pause_lock);
	free(target->name);
	free(target);
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

	if (target->source) {
		uint64_t size = vmi_source_size(target->source);
		len = size < sizeof(head) ? (size_t)size : sizeof(head);
		if (vmi_source_read(target->source, 0, head, len, NULL))
			len = 0;
	}
	for (unsigned i = 0; vmi_driver_builtin(i); i++) {
		const struct vmi_driver_ops *ops = vmi_driver_builtin(i);
		if (ops->probe(&target->view, target->source ? head : NULL, len))
			return ops;
	}
	return NULL;
}

/* Open the target's driver state and ask it what it has. */
static enum vmi_status target_start(struct target *target, struct vmi_error *err)
{
	const struct vmi_driver_ops *ops = target->ops;
	unsigned caps = vmi_driver_capabilities(ops);

	target->self = calloc(1, ops->state_size ? ops->state_size : 1);
	if (!target->self)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	enum vmi_status st = ops->open(target->self, &target->view, &caps, err);
	if (st)
		return st;

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
	if (target->warnings_dropped) {
		char *text = NULL;
		if (asprintf(&text, "and %u more warnings", target->warnings_dropped) >= 0)
			target->warnings[target->warning_count++] = text;
	}
	return VMI_OK;
}

static enum vmi_status handle_create(struct target *target, size_t page_slots,
				     size_t translation_slots, struct vmi **out,
				     struct vmi_error *err)
{
	struct vmi *vm = calloc(1, sizeof(*vm));

	if (!vm)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	vm->page_slots = page_slots;
	vm->translation_slots = translation_slots;
	vm->cache = cache_create(target->ops, target->self, page_slots);
	enum vmi_status st = vm->cache ? tlb_init(&vm->tlb, vm->cache, translation_slots, err)
				       : vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	if (st) {
		tlb_deinit(&vm->tlb);
		cache_destroy(vm->cache);
		free(vm);
		return st;
	}
	vm->target = target;
	vm->wake_fd = -1;
	if (target->info.capabilities & VMI_CAP_EVENT_CONTROL)
		vm->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	*out = vm;
	return VMI_OK;
}

/* From a target with its source (or none) and perhaps its driver, to a handle. */
static enum vmi_status open_target(struct vmi **out, struct target *target,
				   const struct vmi_open_options *options, struct vmi_error *err)
{
	enum vmi_status st = VMI_OK;

	target->view = (struct vmi_target){
		.name = target->name,
		.source = target->source,
		.warn = target_warn,
		.options = options,
	};
	if (!target->ops && options->driver)
		st = driver_find(options->driver, &target->ops, err);
	else if (!target->ops && !(target->ops = driver_probe(target)))
		st = vmi_fail(err, VMI_ERR_UNSUPPORTED, "%s is no image that a driver knows",
			      target->name);
	if (!st)
		st = target_start(target, err);

	struct vmi *vm = NULL;
	if (!st)
		st = handle_create(
			target, options->page_slots ? options->page_slots : DEFAULT_SLOTS,
			options->translation_slots ? options->translation_slots : DEFAULT_SLOTS,
			&vm, err);
	if (st) {
		target_put(target);
		return st;
	}
	vmi_string_limit_set(vm, options->string_limit);
	st = vmi_require(vm, options->need, err);
	if (st) {
		vmi_close(vm);
		return st;
	}
	*out = vm;
	return VMI_OK;
}

static struct target *target_create(const char *name)
{
	struct target *target = calloc(1, sizeof(*target));

	if (!target)
		return NULL;
	atomic_init(&target->handles, 1);
	pthread_mutex_init(&target->pause_lock, NULL);
	target->name = strdup(name);
	if (target->name)
		return target;
	target_put(target);
	return NULL;
}

/* Callers compiled against an older header have a shorter struct. */
static void options_take(struct vmi_open_options *to, const struct vmi_open_options *from)
{
	memset(to, 0, sizeof(*to));
	if (from)
		memcpy(to, from, from->size < sizeof(*to) ? from->size : sizeof(*to));
}

enum vmi_status vmi_open(struct vmi **vm, const char *target_name,
			 const struct vmi_open_options *given, struct vmi_error *err)
{
	struct vmi_open_options options;
	struct target *target = target_create(target_name);

	options_take(&options, given);
	if (!target)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	/* A driver out of a module opens what it knows by name: no file is looked for. */
	bool named = options.driver && driver_is_module(options.driver);
	enum vmi_status st = VMI_OK;
	if (!named)
		st = source_open(&target->source, target_name, options.flags, err);
	if (st) {
		target_put(target);
		return st;
	}
	return open_target(vm, target, &options, err);
}

enum vmi_status vmi_open_memory(struct vmi **vm, const void *bytes, size_t len,
				const struct vmi_open_options *given, struct vmi_error *err)
{
	struct vmi_open_options options;
	struct target *target = target_create("(memory)");

	options_take(&options, given);
	if (!target)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	enum vmi_status st = source_open_memory(&target->source, bytes, len, err);
	if (st) {
		target_put(target);
		return st;
	}
	return open_target(vm, target, &options, err);
}

enum vmi_status vmi_open_driver(struct vmi **vm, const struct vmi_driver_ops *ops,
				const char *target_name, const struct vmi_open_options *given,
				struct vmi_error *err)
{
	struct vmi_open_options options;
	struct target *target = target_create(target_name);

	options_take(&options, given);
	if (!target)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	target->ops = ops;
	return open_target(vm, target, &options, err);
}

enum vmi_status vmi_clone(struct vmi *vm, struct vmi **copy, struct vmi_error *err)
{
	struct target *target = vm->target;

	if (!target->ops->concurrent)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED, "the %s driver serves one thread only",
				target->ops->name);
	enum vmi_status st =
		handle_create(target, vm->page_slots, vm->translation_slots, copy, err);
	if (st)
		return st;
	(*copy)->string_limit = vm->string_limit;
	atomic_fetch_add(&target->handles, 1);
	return VMI_OK;
}

void vmi_close(struct vmi *vm)
{
	if (!vm)
		return;
	while (vm->pauses)
		if (vmi_resume(vm, NULL))
			break;
	tlb_deinit(&vm->tlb);
	cache_destroy(vm->cache);
	intercepts_destroy(vm->intercepts);
	if (vm->wake_fd >= 0)
		close(vm->wake_fd);
	target_put(vm->target);
	free(vm);
}

const struct vmi_info *vmi_info(const struct vmi *vm)
{
	return &vm->target->info;
}

const char *vmi_warning(const struct vmi *vm, unsigned index)
{
	return index < vm->target->warning_count ? vm->target->warnings[index] : NULL;
}

const char *vmi_vmcoreinfo(const struct vmi *vm, size_t *len)
{
	const struct target *target = vm->target;

	*len = 0;
	return target->ops->vmcoreinfo ? target->ops->vmcoreinfo(target->self, len) : NULL;
}
