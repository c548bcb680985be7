/* SPDX-License-Identifier: MIT */
/* The operating system of a guest: its kernel, symbols and types, behind one handle. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "absent.h"
#include "module.h"
#include "module_types.h"
#include "swap.h"
#include "symbols_file.h"

static const vmi_gva link_text = 0xffffffff81000000, link_text_32 = 0xc1000000;

void os_problem(struct vmi_os *os, const char *fmt, ...)
{
	char text[512];
	va_list args;

	if (!os->problem || os->problems > PROBLEMS_MAX)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (os->problems++ == PROBLEMS_MAX)
		snprintf(text, sizeof(text), "there is more that cannot be read");
	os->problem(os->problem_context, text);
}

enum vmi_status os_read(struct vmi_os *os, vmi_gva gva, void *buf, size_t len,
			struct vmi_error *err)
{
	return vmi_read_struct(os->vm, &os->kernel.space, gva, buf, len, err);
}

enum vmi_status os_pointer(struct vmi_os *os, vmi_gva gva, vmi_gva *value, struct vmi_error *err)
{
	return vmi_read_pointer(os->vm, &os->kernel.space, gva, os->kernel.pointer_size, value,
				err);
}

enum vmi_status os_u32(struct vmi_os *os, vmi_gva gva, uint32_t *value, struct vmi_error *err)
{
	return vmi_read_u32(os->vm, &os->kernel.space, gva, value, err);
}

enum vmi_status os_u64(struct vmi_os *os, vmi_gva gva, uint64_t *value, struct vmi_error *err)
{
	return vmi_read_u64(os->vm, &os->kernel.space, gva, value, err);
}

const struct vmcoreinfo *os_vmcoreinfo(struct vmi_os *os)
{
	struct vmcoreinfo *info = &os->vmcoreinfo;

	if (os->has_vmcoreinfo)
		return info;
	os->has_vmcoreinfo = true;
	*info = vmcoreinfo_of_image(os->vm);
	if (info->text)
		return info;
	/* Where the table has data, this tells where the note is. */
	const struct symbol *symbol = symbols_find(&os->kernel.symbols, "vmcoreinfo_note");
	vmi_gva at;
	if (symbol && !os_pointer(os, symbol->gva, &at, NULL))
		vmcoreinfo_take(info, os->vm, &os->kernel.space, at, os->release);
	else if (!symbols_find(&os->kernel.symbols, "linux_banner"))
		vmcoreinfo_search(info, os->vm, os->release);
	return info;
}

enum vmi_status os_symbol(struct vmi_os *os, const char *name, vmi_gva *gva, struct vmi_error *err)
{
	const struct symbol *symbol = symbols_find(&os->kernel.symbols, name);

	if (symbol)
		*gva = symbol->gva;
	/* Tables without symbols of data are helped out by VMCOREINFO with some. */
	else if (!vmcoreinfo_find(os_vmcoreinfo(os), "SYMBOL", name, gva))
		return vmi_fail(err, VMI_ERR_NOT_FOUND, "the kernel has no symbol %s", name);
	return VMI_OK;
}

/* ---- types ---------------------------------------------------------------------------------- */

/* The kernel keeps its BTF among its read-only data. */
static enum vmi_status types_load(struct vmi_os *os, struct vmi_error *err)
{
	enum vmi_status st = types_of_kernel(os, err);

	/* Without libbpf no file would help. */
	if (st)
		return st == VMI_ERR_NOMEM || st == VMI_ERR_UNSUPPORTED
			       ? st
			       : vmi_wrap(
					 err, VMI_ERR_UNSUPPORTED,
					 "the kernel's types (BTF) cannot be had; name a file that "
					 "has them (--btf FILE, --vmlinux FILE with DWARF)");
	os->info.types_source = "BTF of the kernel";
	return VMI_OK;
}

static enum vmi_status types_from_file(struct vmi_os *os, const char *path, struct vmi_error *err)
{
#if defined(VMI_WITH_BPF) && defined(VMI_WITH_ELF)
	os->info.types_source = os->types_path = strdup(path);
	if (!os->types_path)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	return types_of_file(path, &os->types, err);
#else
	(void)os;
	return vmi_fail(err, VMI_ERR_UNSUPPORTED,
			"%s: types out of a file need libbpf and libelf, which this build lacks",
			path);
#endif
}

/* ---- */

static void info_fill(struct vmi_os *os)
{
	struct vmi_os_info *info = &os->info;
	const char *release = os->kernel.banner + strlen("Linux version ");
	size_t len = strcspn(release, " ");

	snprintf(os->release, sizeof(os->release), "%.*s", (int)len, release);
	info->kind = "linux";
	info->banner = os->kernel.banner;
	info->release = os->release;
	info->space = os->kernel.space;
	info->space_source = os->kernel.space_source;
	info->pointer_size = os->kernel.pointer_size;
	info->text = os->kernel.text;
	info->text_gpa = os->kernel.text_gpa;
	info->slide =
		os->kernel.linked
			? os->kernel.slide
			: os->kernel.text - (info->pointer_size == 8 ? link_text : link_text_32);
	info->symbol_count = os->kernel.symbols.count;
}

static enum vmi_status symbols_from_elf(struct symbols *symbols, const char *path,
					struct vmi_error *err)
{
#ifdef VMI_WITH_ELF
	return symbols_of_elf(symbols, path, err);
#else
	(void)symbols;
	return vmi_fail(err, VMI_ERR_UNSUPPORTED,
			"%s: symbols out of an ELF file need libelf, which this build lacks", path);
#endif
}

/* Symbols of a file that the user names; VMI_END: there is none to take. */
static enum vmi_status linked_load(const struct vmi_os_options *options, struct symbols *linked,
				   const char **path, struct vmi_error *err)
{
	enum vmi_status st;

	if (options->system_map) {
		*path = options->system_map;
		st = symbols_of_system_map(linked, *path, err);
	} else if (options->vmlinux) {
		*path = options->vmlinux;
		st = symbols_from_elf(linked, *path, err);
		if (st == VMI_ERR_NOT_FOUND)
			return VMI_END; /* its types may be of use all the same */
	} else {
		return VMI_END;
	}
	if (!st && (!symbols_find(linked, "linux_banner") || !symbols_find(linked, "_text")))
		st = vmi_fail(err, VMI_ERR_CORRUPT,
			      "%s: without linux_banner and _text its symbols are of no kernel",
			      *path);
	return st;
}

/* Find the kernel, by its own symbols or by those of a file. */
static enum vmi_status find(struct vmi_os *os, const struct vmi_os_options *options,
			    struct vmi_error *err)
{
	struct symbols linked;
	const char *path = NULL;

	symbols_init(&linked);
	enum vmi_status st = linked_load(options, &linked, &path, err);
	bool is_linked = !st;
	if (!st || st == VMI_END)
		st = kernel_find(&os->kernel, os->vm, options->space, is_linked ? &linked : NULL,
				 err);
	os->info.symbols_source = is_linked ? os->symbols_path = strdup(path) : "kallsyms";
	if (!st && !os->info.symbols_source)
		st = vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	else if (st == VMI_ERR_NOT_FOUND && is_linked)
		st = vmi_wrap(err, st, "%s", path);
	symbols_deinit(&linked);
	return st;
}

enum vmi_status vmi_os_open(struct vmi_os **out, struct vmi *vm, const struct vmi_os_options *given,
			    struct vmi_error *err)
{
	struct vmi_os_options all = {.size = 0};
	const struct vmi_os_options *options = &all;
	struct vmi_os *os = calloc(1, sizeof(*os));

	if (!os)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	/* Callers compiled against an older header have a shorter struct. */
	if (given)
		memcpy(&all, given, given->size < sizeof(all) ? given->size : sizeof(all));
	os->vm = vm;
	os->problem = options->problem;
	os->problem_context = options->problem_context;
	enum vmi_status st = find(os, options, err);
	if (!st) {
		info_fill(os);
		absent_attach(os);
	}
	if (!st && (options->btf || options->vmlinux))
		st = types_from_file(os, options->btf ? options->btf : options->vmlinux, err);
	else if (!st && types_load(os, &os->no_types) == VMI_ERR_NOMEM)
		st = vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the kernel's types");
	if (st) {
		vmi_os_close(os);
		return st;
	}
	*out = os;
	return VMI_OK;
}

void vmi_os_close(struct vmi_os *os)
{
	if (!os)
		return;
	absent_detach(os);
	vmcoreinfo_deinit(&os->vmcoreinfo);
	free(os->task_fields);
	if (os->modules)
		modules_deinit(os->modules);
	free(os->modules);
	modules_types_destroy(os->modules_types);
	free(os->absent_rules);
	swap_destroy(os->swap);
	types_destroy(os->types);
	kernel_deinit(&os->kernel);
	free(os->symbols_path);
	free(os->types_path);
	free(os);
}

const struct vmi_os_info *vmi_os_info(const struct vmi_os *os)
{
	return &os->info;
}
