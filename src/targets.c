/* SPDX-License-Identifier: MIT */
/* What is asked of a driver before any target is open: which there are, and to free one. */

#include "handle.h"

enum vmi_status vmi_target_list(const char *driver, struct vmi_target_entry **list, size_t *count,
				struct vmi_error *err)
{
	const struct vmi_driver_ops *ops;
	enum vmi_status st = driver_find(driver, &ops, err);

	if (st)
		return st;
	if (!ops->list)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED, "the %s driver cannot list its targets",
				driver);
	return ops->list(list, count, err);
}

enum vmi_status vmi_target_rescue(const char *driver, const char *target, struct vmi_error *err)
{
	const struct vmi_driver_ops *ops;
	enum vmi_status st = driver_find(driver, &ops, err);

	if (st)
		return st;
	if (!ops->rescue)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"the %s driver has no targets that could be left monitored",
				driver);
	return ops->rescue(target, err);
}
