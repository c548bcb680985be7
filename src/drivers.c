/* SPDX-License-Identifier: MIT */
/* The built-in drivers, in the order in which they are asked. */

#include <vmi/driver.h>

#ifdef VMI_WITH_ELF
extern const struct vmi_driver_ops driver_elf;
#endif
extern const struct vmi_driver_ops driver_unreadable;
extern const struct vmi_driver_ops driver_raw;

static const struct vmi_driver_ops *const drivers[] = {
#ifdef VMI_WITH_ELF
	&driver_elf,
#endif
	&driver_unreadable, /* knows other formats, to refuse them by name before raw takes all */
	&driver_raw,
};

const struct vmi_driver_ops *vmi_driver_builtin(unsigned index)
{
	return index < sizeof(drivers) / sizeof(drivers[0]) ? drivers[index] : NULL;
}

const char *vmi_version(void)
{
	return VMI_VERSION;
}

const char *vmi_feature(unsigned index)
{
	static const char *const features[] = {
#ifdef VMI_WITH_ELF
		"driver elf (libelf)",
#endif
		"driver raw",
		"x86 paging: legacy, pae, 4level, 5level",
	};
	return index < sizeof(features) / sizeof(features[0]) ? features[index] : NULL;
}
