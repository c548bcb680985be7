/* SPDX-License-Identifier: MIT */
/* Access, views and control of a running guest: checked, then passed to the driver. */

#include <inttypes.h>
#include <string.h>

#include "handle.h"

enum { ACCESS_ALL = VMI_ACCESS_R | VMI_ACCESS_W | VMI_ACCESS_X };

static enum vmi_status access_check(unsigned access, struct vmi_error *err)
{
	if (access & ~(unsigned)ACCESS_ALL)
		return vmi_fail(err, VMI_ERR_ARG, "access 0x%x has bits that do not exist", access);
	return VMI_OK;
}

enum vmi_status vmi_access_get(struct vmi *vm, uint16_t view, vmi_gfn gfn, unsigned *access,
			       unsigned *options, struct vmi_error *err)
{
	unsigned unused;
	enum vmi_status st = require(vm, VMI_CAP_QUERY_PROTECTION, err);

	if (st)
		return st;
	return vm->target->ops->access.get(vm->target->self, view, gfn, access,
					   options ? options : &unused, err);
}

enum vmi_status vmi_access_set(struct vmi *vm, uint16_t view, vmi_gfn gfn, unsigned access,
			       unsigned options, struct vmi_error *err)
{
	enum vmi_status st = require(vm, VMI_CAP_SET_PROTECTION, err);

	if (!st)
		st = access_check(access, err);
	if (st)
		return st;
	if (options & ~(unsigned)VMI_ACCESS_IGNORE_PAGE_WALK_UPDATES)
		return vmi_fail(err, VMI_ERR_ARG, "options 0x%x have bits that do not exist",
				options);
	if (options && access != VMI_ACCESS_R)
		return vmi_fail(err, VMI_ERR_ARG,
				"ignoring page-walk updates needs access r--, gfn 0x%" PRIx64
				" would get 0x%x",
				gfn, access);
	return vm->target->ops->access.set(vm->target->self, view, gfn, access, options, err);
}

enum vmi_status vmi_view_default(struct vmi *vm, uint16_t *view, struct vmi_error *err)
{
	enum vmi_status st = require(vm, VMI_CAP_VIEW_CONTROL, err);

	return st ? st : vm->target->ops->view.initial(vm->target->self, view, err);
}

enum vmi_status vmi_view_create(struct vmi *vm, unsigned access, uint16_t *view,
				struct vmi_error *err)
{
	enum vmi_status st = require(vm, VMI_CAP_VIEW_CONTROL, err);

	if (!st)
		st = access_check(access, err);
	return st ? st : vm->target->ops->view.create(vm->target->self, access, view, err);
}

enum vmi_status vmi_view_destroy(struct vmi *vm, uint16_t view, struct vmi_error *err)
{
	enum vmi_status st = require(vm, VMI_CAP_VIEW_CONTROL, err);

	return st ? st : vm->target->ops->view.destroy(vm->target->self, view, err);
}

enum vmi_status vmi_view_switch(struct vmi *vm, uint16_t view, struct vmi_error *err)
{
	enum vmi_status st = require(vm, VMI_CAP_VIEW_CONTROL, err);

	return st ? st : vm->target->ops->view.switch_to(vm->target->self, view, err);
}

enum vmi_status vmi_view_change_gfn(struct vmi *vm, uint16_t view, vmi_gfn from, vmi_gfn to,
				    struct vmi_error *err)
{
	enum vmi_status st = require(vm, VMI_CAP_VIEW_CONTROL, err);

	return st ? st : vm->target->ops->view.change_gfn(vm->target->self, view, from, to, err);
}

enum vmi_status vmi_view_reset_gfn(struct vmi *vm, uint16_t view, vmi_gfn gfn,
				   struct vmi_error *err)
{
	enum vmi_status st = require(vm, VMI_CAP_VIEW_CONTROL, err);

	return st ? st : vm->target->ops->view.reset_gfn(vm->target->self, view, gfn, err);
}

/* The driver pauses for the first of all handles on the target, and resumes for the last. */
static enum vmi_status target_pause(struct target *target, struct vmi_error *err)
{
	enum vmi_status st = VMI_OK;

	pthread_mutex_lock(&target->pause_lock);
	if (!target->pausers)
		st = target->ops->control.pause(target->self, err);
	if (!st)
		target->pausers++;
	pthread_mutex_unlock(&target->pause_lock);
	return st;
}

static enum vmi_status target_resume(struct target *target, struct vmi_error *err)
{
	enum vmi_status st = VMI_OK;

	pthread_mutex_lock(&target->pause_lock);
	if (target->pausers == 1)
		st = target->ops->control.resume(target->self, err);
	if (!st)
		target->pausers--;
	pthread_mutex_unlock(&target->pause_lock);
	return st;
}

enum vmi_status vmi_pause(struct vmi *vm, struct vmi_error *err)
{
	enum vmi_status st = require(vm, VMI_CAP_VM_CONTROL, err);

	if (!st && !vm->pauses) {
		st = target_pause(vm->target, err);
		handle_forget(vm); /* what was read while it ran may be of another time */
	}
	if (!st)
		vm->pauses++;
	return st;
}

enum vmi_status vmi_resume(struct vmi *vm, struct vmi_error *err)
{
	enum vmi_status st = require(vm, VMI_CAP_VM_CONTROL, err);

	if (st)
		return st;
	if (!vm->pauses)
		return vmi_fail(err, VMI_ERR_ARG, "this handle has not paused the guest");
	if (vm->pauses == 1) {
		handle_forget(vm);
		st = target_resume(vm->target, err);
	}
	if (!st)
		vm->pauses--;
	return st;
}

enum vmi_status vmi_pause_begin(struct vmi_pause_guard *guard, struct vmi *vm,
				struct vmi_error *err)
{
	guard->vm = NULL;
	enum vmi_status st = vmi_pause(vm, err);
	if (!st)
		guard->vm = vm;
	return st;
}

void vmi_pause_end(struct vmi_pause_guard *guard)
{
	/* A failure leaves the pause counted: closing the handle tries again. */
	if (guard->vm && !vmi_resume(guard->vm, NULL))
		guard->vm = NULL;
}

enum vmi_status vmi_gfn_allocate(struct vmi *vm, vmi_gfn *gfn, struct vmi_error *err)
{
	enum vmi_status st = require(vm, VMI_CAP_VM_CONTROL, err);

	return st ? st : vm->target->ops->control.allocate(vm->target->self, gfn, err);
}

enum vmi_status vmi_gfn_allocate_at(struct vmi *vm, vmi_gfn gfn, struct vmi_error *err)
{
	enum vmi_status st = require(vm, VMI_CAP_VM_CONTROL, err);

	return st ? st : vm->target->ops->control.allocate_at(vm->target->self, gfn, err);
}

enum vmi_status vmi_gfn_free(struct vmi *vm, vmi_gfn gfn, struct vmi_error *err)
{
	enum vmi_status st = require(vm, VMI_CAP_VM_CONTROL, err);

	if (st)
		return st;
	vmi_page_cache_flush_gfn(vm, gfn);
	return vm->target->ops->control.free(vm->target->self, gfn, err);
}

enum vmi_status vmi_interrupt_inject(struct vmi *vm, unsigned vcpu,
				     const struct vmi_interrupt *interrupt, struct vmi_error *err)
{
	enum vmi_status st = require(vm, VMI_CAP_VM_CONTROL, err);

	if (!st)
		st = vcpu_check(vm, vcpu, err);
	return st ? st : vm->target->ops->control.inject(vm->target->self, vcpu, interrupt, err);
}

enum vmi_status vmi_state_reset(struct vmi *vm, struct vmi_error *err)
{
	enum vmi_status st = require(vm, VMI_CAP_VM_CONTROL, err);

	if (st)
		return st;
	handle_forget(vm);
	return vm->target->ops->control.reset(vm->target->self, err);
}
