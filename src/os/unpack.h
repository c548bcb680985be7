/* SPDX-License-Identifier: MIT */
#ifndef OS_UNPACK_H
#define OS_UNPACK_H

#include <vmi/driver.h>

/*
 * Unpack a page that the kernel's compressor of that name packed: `page` has VMI_PAGE_SIZE bytes.
 *
 * VMI_ERR_UNSUPPORTED  nothing here unpacks it
 * VMI_ERR_CORRUPT      these bytes are not what that compressor makes of a page
 */
VMI_CHECKED enum vmi_status page_unpack(const char *compressor, const uint8_t *bytes, size_t len,
					uint8_t *page, struct vmi_error *err);

#endif
