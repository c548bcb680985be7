/* SPDX-License-Identifier: MIT */
/* Files of the host, read whole; they may be pipes and grow, so their size is not asked. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host_file.h"

enum { FIRST = 1 << 20 };

enum vmi_status host_file_open(const char *path, int *fd, struct vmi_error *err)
{
	struct stat info;
	int got = open(path, O_RDONLY | O_CLOEXEC);
	int why = got < 0 || fstat(got, &info) ? errno : S_ISDIR(info.st_mode) ? EISDIR : 0;

	if (why) {
		if (got >= 0)
			close(got);
		return vmi_fail(err, VMI_ERR_IO, "%s: %s", path, strerror(why));
	}
	*fd = got;
	return VMI_OK;
}

enum vmi_status host_file_read(int fd, size_t max, uint8_t **bytes, size_t *len,
			       struct vmi_error *err)
{
	size_t room = 0, used = 0;
	uint8_t *data = NULL;
	ssize_t got = 1;

	while (got) {
		if (used == room) {
			room = room ? 2 * room : FIRST;
			uint8_t *more = used < max ? realloc(data, room) : NULL;
			if (!more) {
				free(data);
				return used < max ? vmi_fail(err, VMI_ERR_NOMEM, "out of memory")
						  : vmi_fail(err, VMI_ERR_CORRUPT,
							     "it is longer than %zu bytes", max);
			}
			data = more;
		}
		got = read(fd, data + used, room - used);
		if (got < 0 && errno != EINTR) {
			free(data);
			return vmi_fail(err, VMI_ERR_IO, "%s", strerror(errno));
		}
		used += got > 0 ? (size_t)got : 0;
	}
	*bytes = data;
	*len = used;
	return VMI_OK;
}
