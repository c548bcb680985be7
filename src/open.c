/* SPDX-License-Identifier: MIT */
/* Handles: opening, cloning, closing. */

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "handle.h"

enum { DEFAULT_SLOTS = 8192 };

void vmi_progress(const struct vmi_open_options *options, uint64_t done, uint64_t total)
{
	if (options->progress)
		options->progress(options->progress_context, done, total);
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

/* From a target with its files (or none) and perhaps its driver, to a handle. */
static enum vmi_status open_target(struct vmi **out, struct target *target,
				   const struct vmi_open_options *options, struct vmi_error *err)
{
	enum vmi_status st = target_start(target, err);

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

	options_take(&options, given);
	struct target *target = target_create(target_name, &options);
	if (!target)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	/* A driver out of a module opens what it knows by name: no file is looked for. */
	bool named = options.driver && driver_is_module(options.driver);
	enum vmi_status st = VMI_OK;
	if (!named)
		st = files_open(&target->files, target_name, &target->view, err);
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

	options_take(&options, given);
	struct target *target = target_create("(memory)", &options);
	if (!target)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	target->in_memory = true;
	enum vmi_status st = files_open_memory(&target->files, bytes, len, &target->view, err);
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

	options_take(&options, given);
	struct target *target = target_create(target_name, &options);
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
