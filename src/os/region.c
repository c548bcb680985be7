/* SPDX-License-Identifier: MIT */
/*
 * What is mapped in a process: its struct vm_area_structs, which since 6.1 are in a maple tree and
 * before in a list, with the names that fs/proc/task_mmu.c of the kernel gives them.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "maple.h"
#include "path.h"
#include "text.h"

enum {
	/* include/linux/mm.h of the kernel */
	VM_READ = 0x1,
	VM_WRITE = 0x2,
	VM_EXEC = 0x4,
	VM_MAYSHARE = 0x80,
	/* arch/x86/include/asm/mmu.h, since 5.12 */
	MM_CONTEXT_HAS_VSYSCALL = 1 << 1,

	REGIONS_MAX = 1 << 24,
	NODES_SPARE = 64,
	NAME_MAX_BYTES = 256, /* anonymous names have 80 */
};

struct region_fields {
	struct field vma, start, end, next, flags, pgoff, file, ops, private_data, anon_name,
		shared;
	struct field ops_name, special_name, anon_text;
	struct field mmap, tree, map_count, brk, start_brk, start_stack, context, compat;
	struct field range, range_pivots, range_slots, arange_pivots, arange_slots;
};

#define WANT(structure, path, member, optional)                                                    \
	{                                                                                          \
		structure, path, offsetof(struct region_fields, member), optional                  \
	}

static const struct field_want wants[] = {
	WANT("vm_area_struct", "", vma, false),
	WANT("vm_area_struct", "vm_start", start, false),
	WANT("vm_area_struct", "vm_end", end, false),
	WANT("vm_area_struct", "vm_next", next, true),
	WANT("vm_area_struct", "vm_flags", flags, false),
	WANT("vm_area_struct", "vm_pgoff", pgoff, false),
	WANT("vm_area_struct", "vm_file", file, false),
	WANT("vm_area_struct", "vm_ops", ops, false),
	WANT("vm_area_struct", "vm_private_data", private_data, false),
	WANT("vm_area_struct", "anon_name", anon_name, true),
	WANT("vm_area_struct", "shared", shared, true),
	WANT("vm_operations_struct", "name", ops_name, true),
	WANT("vm_special_mapping", "name", special_name, true),
	WANT("anon_vma_name", "name", anon_text, true),
	WANT("mm_struct", "mmap", mmap, true),
	WANT("mm_struct", "mm_mt.ma_root", tree, true),
	WANT("mm_struct", "map_count", map_count, false),
	WANT("mm_struct", "brk", brk, false),
	WANT("mm_struct", "start_brk", start_brk, false),
	WANT("mm_struct", "start_stack", start_stack, false),
	WANT("mm_struct", "context.flags", context, true),
	WANT("mm_struct", "context.ia32_compat", compat, true),
	WANT("maple_range_64", "pivot", range_pivots, true),
	WANT("maple_range_64", "slot", range_slots, true),
	WANT("maple_arange_64", "pivot", arange_pivots, true),
	WANT("maple_arange_64", "slot", arange_slots, true),
};

struct walk {
	struct vmi_os *os;
	const struct vmi_task *task;
	struct region_fields fields;
	struct paths paths;
	struct path_text text;
	vmi_gva special_mapping_name;
	uint64_t map_count, brk, start_brk, start_stack;
	struct vmi_region *region;
	size_t count, room;
	struct text *pool;
	bool is_out_of_memory;
};

/* ---- names ---------------------------------------------------------------------------------- */

static bool keep_text(struct walk *walk, struct vmi_region *region, const char *text, size_t len)
{
	region->path = text_keep(&walk->pool, text, len);
	walk->is_out_of_memory |= !region->path;
	return region->path;
}

/* What stays NULL could not be read. */
static void unknown_name(struct walk *walk, const struct vmi_region *region,
			 const struct vmi_error *err)
{
	os_problem(walk->os,
		   "process %d: the name of the region at 0x%" PRIx64 " cannot be read: %s",
		   walk->task->pid, region->start, err->text);
}

static void file_name(struct walk *walk, struct vmi_region *region, vmi_gva gva)
{
	struct file_place file;
	struct vmi_error err;
	enum vmi_status st = file_place(&walk->paths, gva, &file, &err);

	region->flags |= VMI_REGION_FILE;
	if (!st)
		st = path_name(&walk->paths, &file.path, &walk->text, &err);
	if (st) {
		unknown_name(walk, region, &err);
		return;
	}
	region->inode = file.inode;
	region->major = file.dev >> MAJOR_SHIFT;
	region->minor = file.dev & ((1u << MAJOR_SHIFT) - 1);
	if (walk->text.is_deleted)
		region->flags |= VMI_REGION_DELETED;
	keep_text(walk, region, path_text(&walk->text), path_text_len(&walk->text));
}

/* The name that a process gave to anonymous memory: prctl(PR_SET_VMA_ANON_NAME), since 5.17. */
static vmi_gva anonymous_name(const struct region_fields *f, const uint8_t *vma, vmi_gva file)
{
	/* Where it shares its place with what mappings of files need, only others can have one. */
	bool is_shared = f->shared.is_there && f->shared.offset == f->anon_name.offset;

	if (!f->anon_name.is_there || !f->anon_text.is_there || (is_shared && file))
		return 0;
	return field_get(&f->anon_name, vma, STRUCTURE_MAX);
}

static void formatted_name(struct walk *walk, struct vmi_region *region, const char *kind,
			   vmi_gva at)
{
	char name[NAME_MAX_BYTES], whole[NAME_MAX_BYTES + 32];
	struct vmi_error err;

	if (name_read(walk->os, at, name, sizeof(name), &err)) {
		unknown_name(walk, region, &err);
		return;
	}
	int len = *kind ? snprintf(whole, sizeof(whole), "[%s:%s]", kind, name)
			: snprintf(whole, sizeof(whole), "%s", name);
	keep_text(walk, region, whole, (size_t)len);
}

/* The kernel's own mappings, such as the vDSO, have a structure with their name. */
static vmi_gva special_name(struct walk *walk, const uint8_t *vma)
{
	const struct region_fields *f = &walk->fields;
	vmi_gva ops = field_get(&f->ops, vma, STRUCTURE_MAX), function, name;
	vmi_gva mapping = field_get(&f->private_data, vma, STRUCTURE_MAX);

	if (!ops || !f->ops_name.is_there || !f->special_name.is_there ||
	    field_read(walk->os, ops, &f->ops_name, &function, NULL) || !function ||
	    function != walk->special_mapping_name ||
	    field_read(walk->os, mapping, &f->special_name, &name, NULL))
		return 0;
	return name;
}

static void region_name(struct walk *walk, struct vmi_region *region, const uint8_t *vma,
			vmi_gva file)
{
	vmi_gva anonymous = anonymous_name(&walk->fields, vma, file);
	vmi_gva special = file ? 0 : special_name(walk, vma), end = region->start + region->size;
	const char *name = "";

	if (file && !anonymous) {
		file_name(walk, region, file);
		return;
	}
	if (file) {
		file_name(walk, region, file);
		formatted_name(walk, region, "anon_shmem", anonymous);
		return;
	}
	if (special) {
		formatted_name(walk, region, "", special);
		return;
	}
	if (region->start < walk->brk && end > walk->start_brk)
		name = "[heap]";
	else if (region->start <= walk->start_stack && end >= walk->start_stack)
		name = "[stack]";
	else if (anonymous) {
		formatted_name(walk, region, "anon", anonymous);
		return;
	}
	keep_text(walk, region, name, strlen(name));
}

static uint8_t access_of(uint64_t flags)
{
	return (uint8_t)((flags & VM_READ ? VMI_ACCESS_R : 0) |
			 (flags & VM_WRITE ? VMI_ACCESS_W : 0) |
			 (flags & VM_EXEC ? VMI_ACCESS_X : 0));
}

/* ---- regions -------------------------------------------------------------------------------- */

static struct vmi_region *region_add(struct walk *walk)
{
	if (walk->count == walk->room) {
		size_t room = walk->room ? walk->room * 2 : 64;
		struct vmi_region *region =
			room <= REGIONS_MAX ? realloc(walk->region, room * sizeof(*region)) : NULL;

		if (!region) {
			walk->is_out_of_memory = true;
			return NULL;
		}
		walk->region = region;
		walk->room = room;
	}
	struct vmi_region *region = &walk->region[walk->count++];
	*region = (struct vmi_region){0};
	return region;
}

/* Of the bytes of one; false ends the walk. `next` may be NULL. */
static bool vma_take(struct walk *walk, vmi_gva gva, vmi_gva *next)
{
	const struct region_fields *f = &walk->fields;
	uint8_t vma[STRUCTURE_MAX] = {0};
	struct vmi_error err;

	if (next)
		*next = 0;
	if (structure_read(walk->os, gva, &f->vma, vma, &err)) {
		os_problem(walk->os, "process %d: a region cannot be read: %s", walk->task->pid,
			   err.text);
		return true;
	}
	vmi_gva start = field_get(&f->start, vma, sizeof(vma));
	vmi_gva end = field_get(&f->end, vma, sizeof(vma));
	uint64_t flags = field_get(&f->flags, vma, sizeof(vma));
	vmi_gva file = field_get(&f->file, vma, sizeof(vma));
	vmi_gva least = walk->count ? walk->region[walk->count - 1].start +
					      walk->region[walk->count - 1].size
				    : 0;

	/* A list that goes back to where it was would go on so. */
	if (next && start >= least)
		*next = field_get(&f->next, vma, sizeof(vma));
	if (end <= start || start < least || (start | end) % VMI_PAGE_SIZE) {
		os_problem(walk->os,
			   "process %d: what is at 0x%" PRIx64 " is no region: 0x%" PRIx64
			   " to 0x%" PRIx64,
			   walk->task->pid, gva, start, end);
		return true;
	}
	struct vmi_region *region = region_add(walk);
	if (!region)
		return false;
	region->start = start;
	region->size = end - start;
	region->access = access_of(flags);
	region->flags = flags & VM_MAYSHARE ? VMI_REGION_SHARED : 0;
	if (file)
		region->offset = field_get(&f->pgoff, vma, sizeof(vma)) << VMI_PAGE_SHIFT;
	region_name(walk, region, vma, file);
	return !walk->is_out_of_memory;
}

/* ---- since 6.1 ------------------------------------------------------------------------------ */

static enum vmi_status tree_read(void *context, vmi_gva gva, void *buf, size_t len,
				 struct vmi_error *err)
{
	struct walk *walk = context;

	return os_read(walk->os, gva, buf, len, err);
}

static bool tree_visit(void *context, uint64_t first, uint64_t last, vmi_gva vma)
{
	(void)first;
	(void)last;
	return vma_take(context, vma, NULL);
}

static void tree_lost(void *context, vmi_gva node, const char *why)
{
	struct walk *walk = context;

	os_problem(walk->os,
		   "process %d: a part of its regions is lost, node 0x%" PRIx64
		   " of their tree cannot be used: %s",
		   walk->task->pid, node, why);
}

static struct maple_shape shape_of(unsigned pointer_size, const struct field *pivots,
				   const struct field *slots)
{
	return (struct maple_shape){
		.pivots = pivots->offset,
		.slots = slots->offset,
		.count = slots->size / pointer_size,
	};
}

static enum vmi_status tree_walk(struct walk *walk, struct vmi_error *err)
{
	const struct region_fields *f = &walk->fields;
	unsigned pointer_size = walk->os->kernel.pointer_size;
	struct maple maple = {
		.pointer_size = pointer_size,
		.range = shape_of(pointer_size, &f->range_pivots, &f->range_slots),
		.arange = shape_of(pointer_size, &f->arange_pivots, &f->arange_slots),
		.node_budget = (size_t)walk->map_count + NODES_SPARE,
		.read = tree_read,
		.visit = tree_visit,
		.lost = tree_lost,
		.context = walk,
	};
	vmi_gva root;

	if (!maple_is_sane(&maple))
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"this kernel's maple tree has nodes that are not known");
	enum vmi_status st = field_read(walk->os, walk->task->mm, &f->tree, &root, err);
	if (!st)
		maple_walk(&maple, root);
	return st;
}

/* ---- before --------------------------------------------------------------------------------- */

static enum vmi_status list_walk_vmas(struct walk *walk, struct vmi_error *err)
{
	vmi_gva vma;
	enum vmi_status st = field_read(walk->os, walk->task->mm, &walk->fields.mmap, &vma, err);

	if (st)
		return st;
	for (uint64_t i = 0; vma; i++) {
		if (i >= walk->map_count + NODES_SPARE) {
			os_problem(
				walk->os,
				"process %d: the list of its regions does not end after %" PRIu64,
				walk->task->pid, i);
			break;
		}
		if (!vma_take(walk, vma, &vma))
			break;
	}
	return VMI_OK;
}

/* ---- the page of the system calls of old ---------------------------------------------------- */

/* Not every process: one of 32 bits has none. */
static bool gate_is_there(struct walk *walk)
{
	const struct region_fields *f = &walk->fields;
	vmi_gva mm = walk->task->mm, mode_at;
	uint64_t flags;
	uint32_t mode;
	/* EMULATE, XONLY or NONE since 5.3: arch/x86/entry/vsyscall/vsyscall_64.c */
	enum { MODE_NONE = 2 };

	if (walk->os->kernel.pointer_size != 8 || !walk->count ||
	    os_symbol(walk->os, "vsyscall_mode", &mode_at, NULL) ||
	    os_u32(walk->os, mode_at, &mode, NULL) || mode >= MODE_NONE)
		return false;
	if (f->context.is_there)
		return !field_read(walk->os, mm, &f->context, &flags, NULL) &&
		       flags & MM_CONTEXT_HAS_VSYSCALL;
	return f->compat.is_there && !field_read(walk->os, mm, &f->compat, &flags, NULL) && !flags;
}

/* A last region that is no process's own, shown where the kernel offers that page. */
static void gate_add(struct walk *walk)
{
	static const char name[] = "[vsyscall]";
	vmi_gva gate;
	uint64_t flags;

	if (!gate_is_there(walk) || os_symbol(walk->os, "gate_vma", &gate, NULL) ||
	    field_read(walk->os, gate, &walk->fields.flags, &flags, NULL))
		return;
	struct vmi_region *region = region_add(walk);
	if (!region)
		return;
	region->start = UINT64_C(0xffffffffff600000);
	region->size = VMI_PAGE_SIZE;
	region->access = access_of(flags);
	keep_text(walk, region, name, sizeof(name) - 1);
}

/* ---- */

static enum vmi_status mm_read(struct walk *walk, struct vmi_error *err)
{
	const struct region_fields *f = &walk->fields;
	vmi_gva mm = walk->task->mm;
	enum vmi_status st = field_read(walk->os, mm, &f->map_count, &walk->map_count, err);

	if (!st)
		st = field_read(walk->os, mm, &f->brk, &walk->brk, err);
	if (!st)
		st = field_read(walk->os, mm, &f->start_brk, &walk->start_brk, err);
	if (!st)
		st = field_read(walk->os, mm, &f->start_stack, &walk->start_stack, err);
	if (st)
		return vmi_wrap(err, st, "the memory of process %d", walk->task->pid);
	if (walk->map_count > REGIONS_MAX)
		walk->map_count = REGIONS_MAX;
	return VMI_OK;
}

static enum vmi_status regions_walk(struct walk *walk, struct vmi_error *err)
{
	enum vmi_status st =
		fields_resolve(walk->os, wants, sizeof(wants) / sizeof(*wants), &walk->fields, err);

	if (!st)
		st = paths_init(&walk->paths, walk->os, err);
	if (!st)
		st = mm_read(walk, err);
	if (st)
		return st;
	if (os_symbol(walk->os, "special_mapping_name", &walk->special_mapping_name, NULL))
		walk->special_mapping_name = 0;
	st = walk->fields.tree.is_there ? tree_walk(walk, err) : list_walk_vmas(walk, err);
	if (!st && walk->count != walk->map_count)
		os_problem(walk->os, "process %d has %" PRIu64 " regions, %zu can be listed",
			   walk->task->pid, walk->map_count, walk->count);
	if (!st)
		gate_add(walk);
	if (!st && walk->is_out_of_memory)
		st = vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the regions of process %d",
			      walk->task->pid);
	return st;
}

enum vmi_status vmi_regions(struct vmi_os *os, const struct vmi_task *task,
			    struct vmi_region_list *list, struct vmi_error *err)
{
	if (!task->mm) {
		*list = (struct vmi_region_list){0};
		return VMI_OK;
	}
	struct walk *walk = calloc(1, sizeof(*walk));
	if (!walk)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	walk->os = os;
	walk->task = task;
	enum vmi_status st = regions_walk(walk, err);
	struct vmi_region_list found = {walk->region, walk->count, walk->pool};
	if (st)
		vmi_region_list_free(&found);
	else
		*list = found;
	free(walk);
	return st;
}

void vmi_region_list_free(struct vmi_region_list *list)
{
	free(list->region);
	text_free(list->text);
	*list = (struct vmi_region_list){0};
}
