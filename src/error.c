/* SPDX-License-Identifier: MIT */
/* Statuses and sentences. */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <vmi/driver.h>

const char *vmi_status_name(enum vmi_status status)
{
	switch (status) {
	case VMI_OK:
		return "ok";
	case VMI_END:
		return "end";
	case VMI_ERR_NOMEM:
		return "no-memory";
	case VMI_ERR_IO:
		return "io";
	case VMI_ERR_ARG:
		return "argument";
	case VMI_ERR_UNSUPPORTED:
		return "unsupported";
	case VMI_ERR_CORRUPT:
		return "corrupt";
	case VMI_ERR_NOT_FOUND:
		return "not-found";
	case VMI_ERR_NOT_PRESENT:
		return "not-present";
	case VMI_ERR_NOT_CANONICAL:
		return "not-canonical";
	case VMI_ERR_RESERVED_BITS:
		return "reserved-bits";
	case VMI_ERR_NOT_SAVED:
		return "not-saved";
	case VMI_ERR_BUSY:
		return "busy";
	case VMI_ERR_TIMEOUT:
		return "timeout";
	case VMI_ERR_GONE:
		return "gone";
	case VMI_ERR_INTERRUPTED:
		return "interrupted";
	}
	return "unknown";
}

enum vmi_status vmi_fail(struct vmi_error *err, enum vmi_status status, const char *fmt, ...)
{
	if (!err)
		return status;
	err->status = status;

	va_list ap;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return status;
}

/* When context and cause do not both fit, the context is cut: the cause is what people need. */
enum vmi_status vmi_wrap(struct vmi_error *err, enum vmi_status status, const char *fmt, ...)
{
	if (!err)
		return status;
	err->status = status;

	size_t cause = strnlen(err->text, sizeof(err->text) - 1);
	size_t room = sizeof(err->text) - 1 - cause;
	if (room <= 2)
		return status;

	char context[sizeof(err->text)];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(context, room - 1, fmt, ap);
	va_end(ap);

	size_t len = strlen(context);
	memmove(err->text + len + 2, err->text, cause);
	memcpy(err->text, context, len);
	memcpy(err->text + len, ": ", 2);
	err->text[len + 2 + cause] = '\0';
	return status;
}
