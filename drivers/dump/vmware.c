/* SPDX-License-Identifier: MIT */
/*
 * VMware's suspended machines and snapshots: a state (.vmss, .vmsn) with the registers, and the
 * memory in it or in a .vmem of the same name. Either file may be named, or both. A .vmem that
 * stands alone is flat memory without a hole.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "extents.h"
#include "magic.h"
#include "vmware_cpu.h"
#include "vmware_memory.h"

struct vmware {
	struct extents extents;
	struct vmware_cpus cpus;
	const char *format;
};

/* Which file is what. */
struct vmware_files {
	const struct vmi_source *state;  /* NULL: there is none */
	const struct vmi_source *memory; /* NULL: in the state */
};

static const uint64_t hole_start = UINT64_C(3) << 30, hole_end = UINT64_C(4) << 30;

static bool is_state(const struct vmi_source *source)
{
	uint8_t head[12];

	return !vmi_source_read(source, 0, head, sizeof(head), NULL) &&
	       vmware_is_state(head, sizeof(head));
}

static bool ends_in(const char *name, const char *ending)
{
	size_t len = strlen(name), n = strlen(ending);

	return len > n && !strcmp(name + len - n, ending);
}

/*
 * A state, named first or second; or a .vmem, which has no mark: the name only says that looking
 * for a state beside it is worth while. Who says where memory lies does not need that.
 */
static bool vmware_probe(const struct vmi_target *target, const uint8_t *head, size_t len)
{
	if (!head)
		return false;
	if (vmware_is_state(head, len) || (target->part_count && is_state(target->parts[0])))
		return true;
	return ends_in(target->name, ".vmem") && !target->options->layout_count &&
	       !magic_name(head, len) && !(vmi_source_size(target->source) % VMI_PAGE_SIZE);
}

/* ---- which files ------------------------------------------------------------------------------
 */

/* `name` with another ending, as in "x.vmss", ".vmem". Owned; NULL when out of memory. */
static char *beside(const char *name, const char *ending)
{
	const char *dot = strrchr(name, '.'), *slash = strrchr(name, '/');
	size_t len = dot && (!slash || dot > slash) ? (size_t)(dot - name) : strlen(name);
	char *path = NULL;

	return asprintf(&path, "%.*s%s", (int)len, name, ending) < 0 ? NULL : path;
}

static enum vmi_status part_open(const struct vmi_target *target, const char *ending,
				 const struct vmi_source **source, struct vmi_error *err)
{
	char *path = beside(target->name, ending);
	enum vmi_status st = path ? target->part(target, path, source, err)
				  : vmi_fail(err, VMI_ERR_NOMEM, "out of memory");

	free(path);
	return st;
}

static void find_state(const struct vmi_target *target, struct vmware_files *files)
{
	static const char *const endings[] = {".vmss", ".vmsn"};

	for (size_t i = 0; !files->state && i < sizeof(endings) / sizeof(endings[0]); i++)
		if (part_open(target, endings[i], &files->state, NULL) || !is_state(files->state))
			files->state = NULL;
	if (!files->state)
		target->warn(target,
			     "there is no .vmss or .vmsn of the same name beside this .vmem: "
			     "no registers, and nothing says where its memory belongs");
}

static enum vmi_status find_memory(const struct vmi_target *target, struct vmware_files *files,
				   struct vmi_error *err)
{
	enum vmi_status st = part_open(target, ".vmem", &files->memory, err);

	return st ? vmi_wrap(err, st,
			     "it holds no memory, and the .vmem is not beside it: put it there by "
			     "the same name, or name both, as in 'X.vmss,Y.vmem'")
		  : VMI_OK;
}

/* Those that were named, in either order; else the state's is beside the memory. */
static enum vmi_status files_sort(const struct vmi_target *target, struct vmware_files *files,
				  struct vmi_error *err)
{
	const struct vmi_source *second = target->part_count ? target->parts[0] : NULL;

	if (target->part_count > 1)
		return vmi_fail(err, VMI_ERR_ARG, "a state and a .vmem are two files, not %zu",
				target->part_count + 1);
	if (is_state(target->source)) {
		*files = (struct vmware_files){.state = target->source, .memory = second};
	} else if (second) {
		*files = (struct vmware_files){.state = second, .memory = target->source};
		if (!is_state(second))
			return vmi_fail(err, VMI_ERR_CORRUPT, "neither file is a VMware state");
	} else {
		files->memory = target->source;
		find_state(target, files);
	}
	return VMI_OK;
}

/* ---- opening ----------------------------------------------------------------------------------
 */

/* A .vmem without its state: below 3 GiB it is what it looks like. */
static enum vmi_status place_bare(const struct vmi_target *target, struct segments *segments,
				  struct vmi_error *err)
{
	uint64_t size = vmi_source_size(target->source);
	uint64_t low = size < hole_start ? size : hole_start;
	enum vmi_status st = segments_add(segments, target->source, 0, low, low, 0, err);

	if (!st && size > low) {
		st = segments_add(segments, target->source, hole_end, size - low, size - low, low,
				  err);
		target->warn(target,
			     "what is behind 3 GiB of the file is taken to be at 4 GiB, as VMware "
			     "has it by default; --layout says otherwise");
	}
	return st;
}

static enum vmi_status place(const struct vmi_target *target, struct vmware_files *files,
			     struct segments *segments, struct vmi_error *err)
{
	struct vmware_memory memory = {0};
	enum vmi_status st = VMI_OK;

	if (!files->state)
		return place_bare(target, segments, err);
	st = vmware_memory_open(&memory, files->state, err);
	if (!st && memory.is_inside)
		files->memory = files->state;
	else if (!st && !files->memory)
		st = find_memory(target, files, err);
	if (!st)
		st = vmware_memory_place(&memory, files->memory, target, segments, err);
	vmware_memory_close(&memory);
	return st;
}

static enum vmi_status build(struct vmware *vmware, const struct vmi_target *target,
			     const struct vmware_files *files, const struct segments *segments,
			     struct vmi_error *err)
{
	enum vmi_status st = extents_build(&vmware->extents, segments, files->memory, err);

	if (st)
		return st;
	if (!vmware->extents.count)
		return vmi_fail(err, VMI_ERR_CORRUPT, "it ends before any of its memory");
	if (segments->cut)
		target->warn(target,
			     "%s ends at 0x%" PRIx64 ", before the memory does: 0x%" PRIx64
			     " bytes from gpa 0x%" PRIx64 " on are cut off%s",
			     vmi_source_name(files->memory), vmi_source_size(files->memory),
			     segments->cut_size, segments->cut_gpa,
			     segments->cut > 1 ? ", and more behind" : "");
	extents_warn_conflicts(&vmware->extents, target, "regions");
	return VMI_OK;
}

static enum vmi_status load(struct vmware *vmware, const struct vmi_target *target,
			    struct vmi_error *err)
{
	struct vmware_files files = {NULL, NULL};
	struct segments segments = {0};
	enum vmi_status st = files_sort(target, &files, err);

	if (!st)
		st = place(target, &files, &segments, err);
	if (!st)
		st = build(vmware, target, &files, &segments, err);
	segments_deinit(&segments);
	vmware->format = files.state ? "vmware" : "vmware-vmem";
	if (!st && files.state)
		st = vmware_cpus_open(&vmware->cpus, files.state, target, err);
	return st;
}

static enum vmi_status vmware_open(void *self, const struct vmi_target *target, unsigned *caps,
				   struct vmi_error *err)
{
	struct vmware *vmware = self;

	if (!target->source)
		return vmi_fail(err, VMI_ERR_ARG, "%s is not a file", target->name);
	enum vmi_status st = load(vmware, target, err);
	if (st)
		return vmi_wrap(err, st, "%s", target->name);
	if (!vmware->cpus.count)
		*caps &= ~(unsigned)VMI_CAP_QUERY_REGISTERS;
	return VMI_OK;
}

static void vmware_close(void *self)
{
	struct vmware *vmware = self;

	vmware_cpus_close(&vmware->cpus);
	extents_deinit(&vmware->extents);
}

/* The state does not say of what width the guest is. */
static void vmware_info(void *self, struct vmi_info *info)
{
	const struct vmware *vmware = self;

	info->format = vmware->format;
	info->machine = VMI_MACHINE_UNKNOWN;
	info->max_gfn = (vmware->extents.end - 1) >> VMI_PAGE_SHIFT;
	info->memory_bytes = vmware->extents.bytes;
	info->vcpus = vmware->cpus.count;
}

static enum vmi_status page_get(void *self, vmi_gfn gfn, struct vmi_page *page,
				struct vmi_error *err)
{
	const struct vmware *vmware = self;

	return extents_page_get(&vmware->extents, gfn, page, err);
}

static void page_put(void *self, struct vmi_page *page)
{
	(void)self;
	extents_page_put(page);
}

static enum vmi_status run_next(void *self, vmi_gpa from, struct vmi_run *run,
				struct vmi_error *err)
{
	const struct vmware *vmware = self;

	(void)err;
	return extents_run_next(&vmware->extents, from, run);
}

static enum vmi_status absent_next(void *self, vmi_gpa from, struct vmi_run *run,
				   struct vmi_error *err)
{
	const struct vmware *vmware = self;

	(void)err;
	return extents_absent_next(&vmware->extents, from, run);
}

static enum vmi_status registers_get(void *self, unsigned vcpu, struct vmi_registers *regs,
				     struct vmi_error *err)
{
	const struct vmware *vmware = self;

	(void)err;
	*regs = vmware->cpus.cpu[vcpu];
	regs->source = "vmware-state";
	return VMI_OK;
}

const struct vmi_driver_ops driver_vmware = {
	.name = "vmware",
	.state_size = sizeof(struct vmware),
	.concurrent = true,
	.parts = true,
	.probe = vmware_probe,
	.open = vmware_open,
	.close = vmware_close,
	.info = vmware_info,
	.page = {.get = page_get,
		 .put = page_put,
		 .run_next = run_next,
		 .absent_next = absent_next},
	.registers = {.get = registers_get},
};
