/* SPDX-License-Identifier: MIT */
/* What Xen's errno values mean to a user. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "xen.h"

static enum vmi_status status_of(int error)
{
	switch (error) {
	case ENOMEM:
	case E2BIG:
		return VMI_ERR_NOMEM;
	case EBUSY:
	case EAGAIN:
		return VMI_ERR_BUSY;
	case EOPNOTSUPP:
	case ENOSYS:
	case ENODEV:
		return VMI_ERR_UNSUPPORTED;
	case ESRCH:
		return VMI_ERR_GONE;
	case EINTR:
		return VMI_ERR_INTERRUPTED;
	default:
		return VMI_ERR_IO;
	}
}

static const char *remedy(int error)
{
	switch (error) {
	case EPERM:
	case EACCES:
		return "; this needs root in the control domain";
	case EOPNOTSUPP:
	case ENOSYS:
		return "; this Xen or this cpu cannot do it";
	default:
		return "";
	}
}

enum vmi_status xen_fail(struct vmi_error *err, const char *fmt, ...)
{
	int error = errno;
	char what[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	/* Xen has no such process only where it means a domain. */
	const char *why = error == ESRCH ? "there is no such domain" : strerror(error);
	return vmi_fail(err, status_of(error), "%s: %s%s", what, why, remedy(error));
}
