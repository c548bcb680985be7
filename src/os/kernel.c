/* SPDX-License-Identifier: MIT */
/*
 * Finding a Linux kernel. The table of symbols in its memory is recognised by its own shape, so
 * what is needed is a space that maps the kernel; there are several that may, from the surest on.
 * Where none does, all memory is searched for the table, and the symbols tell the space.
 */

#include <inttypes.h>
#include <stdio.h>

#include "kernel_image.h"
#include "vmcoreinfo.h"

enum {
	PTI_BIT = 1 << 12, /* in CR3: the tables of user mode, which lack most of the kernel */
	LOW_MEMORY = 1 << 20,
};

static const vmi_gva image_first = 0xffffffff80000000;

static bool try_vcpus(struct kernel *kernel, struct vmi *vm)
{
	uint64_t tried[2] = {UINT64_MAX, UINT64_MAX};

	for (unsigned vcpu = 0; vcpu < vmi_info(vm)->vcpus; vcpu++) {
		struct vmi_space space;

		if (vmi_space_of_vcpu(vm, vcpu, VMI_MODE_AUTO, &space, NULL) ||
		    space.mode == VMI_MODE_NONE)
			continue;
		snprintf(kernel->source, sizeof(kernel->source), "registers of vcpu %u", vcpu);
		kernel->space_source = kernel->source;
		/*
		 * Where user mode has tables of its own (PTI), the kernel's are the even pages;
		 * PAE's small table is a whole page then, too.
		 */
		unsigned halves =
			space.mode == VMI_MODE_LEGACY || space.root % VMI_PAGE_SIZE ? 1 : 2;
		for (unsigned half = 0; half < halves; half++) {
			struct vmi_space one = space;

			if (halves == 2)
				one.root = half ? space.root | PTI_BIT
						: space.root & ~(uint64_t)PTI_BIT;
			if (one.root == tried[half])
				continue;
			tried[half] = one.root;
			if (kernel_space_search(kernel, vm, &one))
				return true;
		}
	}
	return false;
}

static bool try_vmcoreinfo(struct kernel *kernel, struct vmi *vm)
{
	const struct vmcoreinfo info = vmcoreinfo_of_image(vm);
	uint64_t table, base = 0;

	if (!vmcoreinfo_find(&info, "SYMBOL", "init_top_pgt", &table) &&
	    !vmcoreinfo_find(&info, "SYMBOL", "swapper_pg_dir", &table) &&
	    !vmcoreinfo_find(&info, "SYMBOL", "init_level4_pgt", &table))
		return false;
	/* Older kernels do not tell it; then it is tried as 0. */
	if (!vmcoreinfo_find(&info, "NUMBER", "phys_base", &base))
		base = 0;
	return table >= image_first &&
	       kernel_root_search(kernel, vm, table - image_first + base, "vmcoreinfo");
}

/*
 * The processors' trampoline, in the first megabyte: a top page table whose last entry is the
 * kernel's and whose first is the direct map's (arch/x86/realmode/init.c).
 */
static bool try_trampoline(struct kernel *kernel, struct vmi *vm)
{
	uint64_t entry[VMI_PAGE_SIZE / 8];

	for (vmi_gpa gpa = 0; gpa < LOW_MEMORY; gpa += VMI_PAGE_SIZE) {
		unsigned middle = 0;

		if (vmi_read_bytes(vm, NULL, gpa, entry, sizeof(entry), NULL, NULL))
			continue;
		for (unsigned i = 1; i < 256; i++)
			middle += entry[i] != 0;
		if (middle || !(entry[0] & 1) || !(entry[511] & 1) || entry[511] >> 52 & 0x7ff)
			continue;
		if (kernel_root_search(kernel, vm, gpa, "the processors' trampoline"))
			return true;
	}
	return false;
}

enum vmi_status kernel_find(struct kernel *kernel, struct vmi *vm, const struct vmi_space *given,
			    const struct symbols *linked, struct vmi_error *err)
{
	const char *what = linked ? "the file's symbols fit no Linux kernel"
				  : "no Linux kernel with a table of symbols is";

	*kernel = (struct kernel){.linked = linked};
	symbols_init(&kernel->symbols);
	kernel->space_source = "the space that was given";
	if (given) {
		if (kernel_space_search(kernel, vm, given))
			return VMI_OK;
		kernel_deinit(kernel);
		return vmi_fail(err, VMI_ERR_NOT_FOUND,
				"%s in the space of root 0x%" PRIx64 " (%s)", what, given->root,
				vmi_mode_name(given->mode));
	}
	if (try_vcpus(kernel, vm) || try_vmcoreinfo(kernel, vm) || try_trampoline(kernel, vm) ||
	    kernel_memory_search(kernel, vm))
		return VMI_OK;
	kernel_deinit(kernel);
	return vmi_fail(err, VMI_ERR_NOT_FOUND, "%s in this memory%s", what,
			linked ? ""
			       : "; where a kernel has none, name a file that has them "
				 "(--system-map FILE, --vmlinux FILE)");
}

void kernel_deinit(struct kernel *kernel)
{
	symbols_deinit(&kernel->symbols);
}
