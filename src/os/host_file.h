/* SPDX-License-Identifier: MIT */
#ifndef OS_HOST_FILE_H
#define OS_HOST_FILE_H

#include <vmi/driver.h>

/* Files that the user names, to stand in for what the guest's memory does not have. */

/* Open for reading what is no folder; *fd is the caller's to close. VMI_ERR_IO. */
VMI_CHECKED enum vmi_status host_file_open(const char *path, int *fd, struct vmi_error *err);
/* All bytes of it, up to `max`: *bytes is the caller's to free. VMI_ERR_IO, VMI_ERR_CORRUPT. */
VMI_CHECKED enum vmi_status host_file_read(int fd, size_t max, uint8_t **bytes, size_t *len,
					   struct vmi_error *err);

#endif
