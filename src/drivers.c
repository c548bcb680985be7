/* SPDX-License-Identifier: MIT */
/* The drivers: those built in, in the order in which they are asked, and those in modules. */

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handle.h"

#ifdef VMI_WITH_ELF
extern const struct vmi_driver_ops driver_xen_core;
extern const struct vmi_driver_ops driver_elf;
#endif
extern const struct vmi_driver_ops driver_kdump;
extern const struct vmi_driver_ops driver_lime;
extern const struct vmi_driver_ops driver_avml;
extern const struct vmi_driver_ops driver_qemu_migration;
extern const struct vmi_driver_ops driver_windows;
extern const struct vmi_driver_ops driver_vmware;
extern const struct vmi_driver_ops driver_xen_save;
extern const struct vmi_driver_ops driver_unreadable;
extern const struct vmi_driver_ops driver_raw;

static const struct vmi_driver_ops *const drivers[] = {
#ifdef VMI_WITH_ELF
	&driver_xen_core, /* ELF files, too */
	&driver_elf,
#endif
	&driver_kdump,
	&driver_lime,
	&driver_avml,
	&driver_qemu_migration,
	&driver_windows,
	&driver_vmware,
	&driver_xen_save,
	&driver_unreadable, /* knows other formats, to refuse them by name before raw takes all */
	&driver_raw,
};

const struct vmi_driver_ops *vmi_driver_builtin(unsigned index)
{
	return index < sizeof(drivers) / sizeof(drivers[0]) ? drivers[index] : NULL;
}

/* ---- modules --------------------------------------------------------------------------------- */

/*
 * Loaded when they are asked for by name, because what they need is not on every machine, and comes
 * with every version of a hypervisor anew.
 */
static const struct module {
	const char *name, *file, *option, *needs;
} modules[] = {
	{"xen", "vmicore-xen.so", "VMI_WITH_XEN", "Xen's libraries (Debian: libxen-dev)"},
};

enum { MODULE_COUNT = sizeof(modules) / sizeof(modules[0]) };

static const struct module *module_find(const char *name)
{
	for (unsigned i = 0; i < MODULE_COUNT; i++)
		if (!strcmp(modules[i].name, name))
			return &modules[i];
	return NULL;
}

bool driver_is_module(const char *name)
{
	return module_find(name);
}

/* The table of a loaded module, if it is of this library's making. */
static enum vmi_status module_table(void *handle, const struct module *module,
				    const struct vmi_driver_ops **ops, struct vmi_error *err)
{
	const struct vmi_driver_ops *found = dlsym(handle, "vmi_driver");
	const size_t *size = dlsym(handle, "vmi_driver_size");

	if (!found || !size || *size != sizeof(*found) || strcmp(found->name, module->name))
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"%s is not the %s driver of vmicore %s; install both from the same "
				"build",
				module->file, module->name, VMI_VERSION);
	*ops = found;
	return VMI_OK;
}

static enum vmi_status module_load(const struct module *module, const struct vmi_driver_ops **ops,
				   struct vmi_error *err)
{
	const char *folder = secure_getenv("VMI_DRIVER_PATH");
	char path[4096];

	if (!folder || !*folder)
		folder = VMI_MODULE_DIR;
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, module->file) >= sizeof(path))
		return vmi_fail(err, VMI_ERR_ARG, "VMI_DRIVER_PATH is too long");
	/* It stays: its table is referred to for as long as anything is open. */
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (handle)
		return module_table(handle, module, ops, err);
	const char *why = dlerror();
	return vmi_fail(
		err, VMI_ERR_UNSUPPORTED,
		"the %s driver is not there: %s; it is built with %s where %s are installed, "
		"and VMI_DRIVER_PATH names its folder",
		module->name, why ? why : path, module->option, module->needs);
}

enum vmi_status driver_find(const char *name, const struct vmi_driver_ops **ops,
			    struct vmi_error *err)
{
	char known[256] = "";

	for (unsigned i = 0; vmi_driver_builtin(i); i++) {
		const char *have = vmi_driver_builtin(i)->name;
		if (!vmi_driver_capabilities(vmi_driver_builtin(i)))
			continue; /* it only knows what to refuse */
		if (!strcmp(have, name)) {
			*ops = vmi_driver_builtin(i);
			return VMI_OK;
		}
		size_t len = strlen(known);
		snprintf(known + len, sizeof(known) - len, "%s, ", have);
	}
	const struct module *module = module_find(name);
	if (module)
		return module_load(module, ops, err);
	size_t len = strlen(known);
	snprintf(known + len, sizeof(known) - len, "%s", modules[0].name);
	return vmi_fail(err, VMI_ERR_ARG, "there is no driver '%s'; there are: %s", name, known);
}

/* ---- what there is --------------------------------------------------------------------------- */

const char *vmi_version(void)
{
	return VMI_VERSION;
}

const char *vmi_feature(unsigned index)
{
	static const char *const features[] = {
#ifdef VMI_WITH_ELF
		"driver xen-core (libelf)",
		"driver elf (libelf)",
#endif
		"driver kdump",
		"driver lime",
		"driver avml",
		"driver qemu-migration",
		"driver windows",
		"driver vmware",
		"driver xen-save",
		"driver raw",
#ifdef VMI_WITH_XEN
		"driver xen (a module)",
#endif
#if defined(VMI_WITH_LIBDEFLATE) && defined(VMI_WITH_ZLIB)
		"codec zlib (libdeflate, zlib)",
#elif defined(VMI_WITH_LIBDEFLATE)
		"codec zlib (libdeflate; not in streams)",
#elif defined(VMI_WITH_ZLIB)
		"codec zlib (zlib)",
#endif
#ifdef VMI_WITH_LZO
		"codec lzo (liblzo2, under the GPL, as this library then is)",
#endif
#ifdef VMI_WITH_SNAPPY
		"codec snappy (libsnappy)",
#endif
#ifdef VMI_WITH_ZSTD
		"codec zstd (libzstd)",
#endif
#ifdef VMI_WITH_LZ4
		"codec lz4 (liblz4)",
#endif
#ifdef VMI_WITH_LZMA
		"codec xz (liblzma)",
#endif
#ifdef VMI_WITH_BPF
		"Linux guests: symbols, types (libbpf)",
#else
		"Linux guests: symbols (built without libbpf: no types)",
#endif
#ifdef VMI_WITH_DW
		"Linux guests: types out of DWARF (libdw)",
#endif
		"x86 paging: legacy, pae, 4level, 5level",
	};
	return index < sizeof(features) / sizeof(features[0]) ? features[index] : NULL;
}
