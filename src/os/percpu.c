/* SPDX-License-Identifier: MIT */
/* What each cpu has of its own, and the task that it runs. */

#include <inttypes.h>

#include "fields.h"

bool os_is_uniprocessor(const struct vmi_os *os)
{
	const struct symbols *symbols = &os->kernel.symbols;

	/* Without symbols of data, that one of them is not there says nothing. */
	return symbols_find(symbols, "init_task") && !symbols_find(symbols, "__per_cpu_offset");
}

/*
 * Where a variable of each cpu is: what `__per_cpu_offset` holds for the cpu and the symbol's value
 * make the address, whether symbols count from 0 (64 bits, before 6.15) or are addresses. A kernel
 * for one cpu has no such table, and the symbol is the address.
 */
static enum vmi_status offset_of(struct vmi_os *os, unsigned cpu, vmi_gva *offset,
				 struct vmi_error *err)
{
	vmi_gva table;

	*offset = 0;
	if (os_is_uniprocessor(os))
		return cpu ? vmi_fail(err, VMI_ERR_NOT_FOUND, "there is no cpu %u", cpu) : VMI_OK;
	enum vmi_status st = os_symbol(os, "__per_cpu_offset", &table, err);

	return st ? st
		  : os_pointer(os, table + (vmi_gva)cpu * os->kernel.pointer_size, offset, err);
}

enum vmi_status os_percpu(struct vmi_os *os, const char *name, unsigned cpu, vmi_gva *gva,
			  struct vmi_error *err)
{
	vmi_gva symbol = 0, offset = 0;
	enum vmi_status st = os_symbol(os, name, &symbol, err);

	if (!st)
		st = offset_of(os, cpu, &offset, err);
	if (st)
		return st;
	*gva = symbol + offset;
	if (os->kernel.pointer_size == 4)
		*gva &= UINT32_MAX;
	return VMI_OK;
}

/* Is the cpu at work? */
static bool is_online(struct vmi_os *os, unsigned cpu)
{
	vmi_gva mask;
	uint8_t byte;

	if (os_symbol(os, "__cpu_online_mask", &mask, NULL))
		return cpu == 0 && os_is_uniprocessor(os);
	return cpu < VMI_OS_CPUS_MAX && !os_read(os, mask + cpu / 8, &byte, 1, NULL) &&
	       byte >> cpu % 8 & 1;
}

/*
 * The cpu whose own memory the vcpu's registers point to: GS of the kernel with 64 bits, which is
 * the other GS while user code runs; FS with 32.
 */
static unsigned cpu_of(struct vmi_os *os, unsigned vcpu)
{
	static const enum vmi_register wide[] = {VMI_GS_BASE, VMI_KERNEL_GS_BASE},
				       narrow[] = {VMI_FS_BASE, VMI_FS_BASE};
	const enum vmi_register *reg = os->kernel.pointer_size == 8 ? wide : narrow;
	struct vmi_registers regs;

	if (vmi_registers_get(os->vm, vcpu, &regs, NULL))
		return vcpu;
	for (unsigned cpu = 0; cpu < VMI_OS_CPUS_MAX; cpu++) {
		vmi_gva offset;

		if (!is_online(os, cpu) || offset_of(os, cpu, &offset, NULL) || !offset)
			continue;
		for (unsigned i = 0; i < 2; i++)
			if (vmi_register_has(&regs, reg[i]) && regs.value[reg[i]] == offset)
				return cpu;
	}
	return vcpu;
}

enum vmi_status vmi_task_current(struct vmi_os *os, unsigned vcpu, struct vmi_task *task,
				 struct vmi_error *err)
{
	static const struct field_want want = {"pcpu_hot", "current_task", 0, false};
	struct field hot;
	vmi_gva at = 0, gva = 0;
	unsigned cpu = cpu_of(os, vcpu);

	if (!is_online(os, cpu))
		return vmi_fail(err, VMI_ERR_NOT_FOUND, "the kernel has no cpu %u online", cpu);
	enum vmi_status st = os_percpu(os, "current_task", cpu, &at, err);
	/* From 6.2 to 6.14 it is in a structure. */
	if (st && !fields_resolve(os, &want, 1, &hot, NULL)) {
		st = os_percpu(os, "pcpu_hot", cpu, &at, err);
		at += hot.offset;
	}
	if (!st)
		st = os_pointer(os, at, &gva, err);
	return st ? vmi_wrap(err, st, "the task of vcpu %u", vcpu)
		  : vmi_task_at(os, gva, task, err);
}
