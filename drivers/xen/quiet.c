/* SPDX-License-Identifier: MIT */
/* A logger for libxenctrl that says nothing. */

#include <stddef.h>
#include <stdint.h>

#include "quiet.h"

static void ignore_message(struct xentoollog_logger *logger, xentoollog_level level, int error,
			   const char *context, const char *format, va_list ap)
{
	(void)logger, (void)level, (void)error, (void)context, (void)format, (void)ap;
}

static void ignore_progress(struct xentoollog_logger *logger, const char *context,
			    const char *doing, int percent, unsigned long done, unsigned long total)
{
	(void)logger, (void)context, (void)doing, (void)percent, (void)done, (void)total;
}

static void ignore_destroy(struct xentoollog_logger *logger)
{
	(void)logger;
}

xentoollog_logger *xen_quiet(void)
{
	static const xentoollog_logger quiet = {
		.vmessage = ignore_message,
		.progress = ignore_progress,
		.destroy = ignore_destroy,
	};
	/* It is only called through. */
	return (xentoollog_logger *)(uintptr_t)&quiet;
}
