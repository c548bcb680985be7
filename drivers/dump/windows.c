/* SPDX-License-Identifier: MIT */
/*
 * Crash dumps of 64-bit Windows ("PAGEDU64"): complete, kernel and bitmap dumps, those of WinDbg's
 * .dump, and QEMU's dump-guest-memory -w. Fields that nobody set are filled with "PAGE".
 */

#include <inttypes.h>

#include "bytes.h"
#include "windows_cpu.h"
#include "windows_memory.h"

enum { PE_AMD64 = 0x8664 };

struct windows {
	struct windows_memory memory;
	struct windows_cpus cpus;
	enum vmi_machine machine;
	const char *format;
};

static bool windows_probe(const struct vmi_target *target, const uint8_t *head, size_t len)
{
	(void)target;
	return head && len >= 8 && !memcmp(head, "PAGEDU64", 8);
}

static const char *format_of(uint32_t type)
{
	switch (type) {
	case WINDOWS_FULL:
		return "windows-full";
	case WINDOWS_BITMAP:
		return "windows-bitmap";
	case WINDOWS_SUMMARY:
	case WINDOWS_LIVE_KERNEL:
		return "windows-kernel";
	default:
		return "windows-ranges";
	}
}

static enum vmi_status load(struct windows *windows, const struct vmi_target *target,
			    struct vmi_error *err)
{
	uint8_t header[WINDOWS_HEADER];
	enum vmi_status st = vmi_source_read(target->source, 0, header, sizeof(header), err);

	if (st)
		return vmi_wrap(err, st, "the header of a Windows dump");
	if (memcmp(header, "PAGEDU64", 8) != 0)
		return vmi_fail(err, VMI_ERR_CORRUPT, "it does not begin with PAGEDU64");
	st = windows_memory_open(&windows->memory, target, header, err);
	if (st)
		return st;
	windows->format = format_of(le32(header + WINDOWS_TYPE));
	uint32_t machine = le32(header + WINDOWS_MACHINE);
	if (machine != PE_AMD64) {
		windows->machine = VMI_MACHINE_OTHER;
		target->warn(target, "the dump is of machine 0x%" PRIx32 ", which is not x86-64",
			     machine);
		return VMI_OK;
	}
	windows->machine = VMI_MACHINE_X86_64;
	return windows_cpus_open(&windows->cpus, &windows->memory, target, header, err);
}

static enum vmi_status windows_open(void *self, const struct vmi_target *target, unsigned *caps,
				    struct vmi_error *err)
{
	struct windows *windows = self;

	if (!target->source)
		return vmi_fail(err, VMI_ERR_ARG, "%s is not a file", target->name);
	enum vmi_status st = load(windows, target, err);
	if (st)
		return vmi_wrap(err, st, "%s", target->name);
	if (!windows->cpus.count)
		*caps &= ~(unsigned)VMI_CAP_QUERY_REGISTERS;
	return VMI_OK;
}

static void windows_close(void *self)
{
	struct windows *windows = self;

	windows_cpus_close(&windows->cpus);
	windows_memory_close(&windows->memory);
}

static void windows_info(void *self, struct vmi_info *info)
{
	const struct windows *windows = self;

	info->format = windows->format;
	info->machine = windows->machine;
	info->max_gfn = windows->memory.max_gfn;
	info->memory_bytes = windows->memory.bytes;
	info->vcpus = windows->cpus.count;
}

static enum vmi_status page_get(void *self, vmi_gfn gfn, struct vmi_page *page,
				struct vmi_error *err)
{
	const struct windows *windows = self;

	return windows_page_get(&windows->memory, gfn, page, err);
}

static void page_put(void *self, struct vmi_page *page)
{
	(void)self;
	extents_page_put(page);
}

static enum vmi_status run_next(void *self, vmi_gpa from, struct vmi_run *run,
				struct vmi_error *err)
{
	const struct windows *windows = self;

	(void)err;
	return windows_run_next(&windows->memory, from, run);
}

static enum vmi_status absent_next(void *self, vmi_gpa from, struct vmi_run *run,
				   struct vmi_error *err)
{
	const struct windows *windows = self;

	(void)err;
	return windows_absent_next(&windows->memory, from, run);
}

static enum vmi_status registers_get(void *self, unsigned vcpu, struct vmi_registers *regs,
				     struct vmi_error *err)
{
	const struct windows *windows = self;

	(void)err;
	windows_registers(&windows->cpus, vcpu, regs);
	return VMI_OK;
}

const struct vmi_driver_ops driver_windows = {
	.name = "windows",
	.state_size = sizeof(struct windows),
	.concurrent = true,
	.probe = windows_probe,
	.open = windows_open,
	.close = windows_close,
	.info = windows_info,
	.page = {.get = page_get,
		 .put = page_put,
		 .run_next = run_next,
		 .absent_next = absent_next},
	.registers = {.get = registers_get},
};
