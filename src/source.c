/* SPDX-License-Identifier: MIT */
/* The bytes of an image: opened, sized, mapped, read. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source.h"

struct vmi_source {
	char *name;
	uint64_t size;
	const uint8_t *map;
	int fd;      /* -1 over a buffer, or in a container */
	bool mapped; /* by us */

	/* What lies in a container: its table and state, and the bytes around. */
	const struct vmi_container_ops *ops;
	void *self;
	struct vmi_source *outer;
};

/* What kind of thing this is decides its size; most kinds are refused by name. */
static enum vmi_status source_size(struct vmi_source *source, struct vmi_error *err)
{
	struct stat st;

	if (fstat(source->fd, &st))
		return vmi_fail(err, VMI_ERR_IO, "%s: %s", source->name, strerror(errno));

	switch (st.st_mode & S_IFMT) {
	case S_IFREG:
		source->size = (uint64_t)st.st_size;
		break;
	case S_IFBLK:
		if (ioctl(source->fd, BLKGETSIZE64, &source->size))
			return vmi_fail(err, VMI_ERR_IO,
					"%s: cannot tell the size of this device: %s", source->name,
					strerror(errno));
		break;
	case S_IFDIR:
		return vmi_fail(err, VMI_ERR_IO, "%s is a directory, not a memory image",
				source->name);
	case S_IFIFO:
		return vmi_fail(err, VMI_ERR_IO,
				"%s is a pipe; an image is read at random: save it to a file first",
				source->name);
	default:
		return vmi_fail(err, VMI_ERR_IO, "%s is neither a file nor a block device",
				source->name);
	}
	if (!source->size)
		return vmi_fail(err, VMI_ERR_CORRUPT, "%s is empty", source->name);
	return VMI_OK;
}

enum vmi_status source_open(struct vmi_source **out, const char *name, unsigned flags,
			    struct vmi_error *err)
{
	struct vmi_source *source = calloc(1, sizeof(*source));

	if (!source)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	source->fd = -1;
	source->name = strdup(name);
	if (!source->name) {
		source_close(source);
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	}
	/* O_NONBLOCK: a pipe without a writer must not hang us before we can refuse it. */
	source->fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (source->fd < 0) {
		enum vmi_status st = vmi_fail(err, VMI_ERR_IO, "%s: %s", name, strerror(errno));
		source_close(source);
		return st;
	}
	enum vmi_status st = source_size(source, err);
	if (st) {
		source_close(source);
		return st;
	}
	if (!(flags & VMI_OPEN_NO_MAP) && source->size <= SIZE_MAX) {
		void *map = mmap(NULL, (size_t)source->size, PROT_READ, MAP_SHARED, source->fd, 0);
		if (map != MAP_FAILED) {
			source->map = map;
			source->mapped = true;
		}
	}
	*out = source;
	return VMI_OK;
}

enum vmi_status source_open_memory(struct vmi_source **out, const void *bytes, size_t len,
				   struct vmi_error *err)
{
	struct vmi_source *source = calloc(1, sizeof(*source));

	if (!source)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	source->fd = -1;
	source->name = strdup("(memory)");
	source->size = len;
	source->map = bytes;
	enum vmi_status st = VMI_OK;
	if (!source->name)
		st = vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	else if (!len)
		st = vmi_fail(err, VMI_ERR_CORRUPT, "the image is empty");
	if (st) {
		source_close(source);
		return st;
	}
	*out = source;
	return VMI_OK;
}

/* A container that cannot be opened leaves `outer` to the caller. */
enum vmi_status source_open_container(struct vmi_source **out, struct vmi_source *outer,
				      const struct vmi_container_ops *ops,
				      const struct vmi_target *target, struct vmi_error *err)
{
	struct vmi_source *source = calloc(1, sizeof(*source));
	enum vmi_status st = VMI_OK;

	if (!source)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	source->fd = -1;
	source->name = strdup(outer->name);
	source->self = calloc(1, ops->state_size ? ops->state_size : 1);
	if (!source->name || !source->self) {
		st = vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	} else {
		source->ops = ops;
		st = ops->open(source->self, outer, target, &source->size, &source->map, err);
	}
	if (!st && !source->size)
		st = vmi_fail(err, VMI_ERR_CORRUPT, "nothing is inside");
	if (st) {
		source_close(source);
		return vmi_wrap(err, st, "%s: %s", outer->name, ops->name);
	}
	source->outer = outer;
	*out = source;
	return VMI_OK;
}

void source_close(struct vmi_source *source)
{
	if (!source)
		return;
	if (source->ops)
		source->ops->close(source->self);
	free(source->self);
	source_close(source->outer);
	if (source->mapped)
		munmap((void *)(uintptr_t)source->map, (size_t)source->size);
	if (source->fd >= 0)
		close(source->fd);
	free(source->name);
	free(source);
}

const char *vmi_source_name(const struct vmi_source *source)
{
	return source->name;
}

uint64_t vmi_source_size(const struct vmi_source *source)
{
	return source->size;
}

const uint8_t *vmi_source_map(const struct vmi_source *source)
{
	return source->map;
}

const uint8_t *vmi_source_at(const struct vmi_source *source, uint64_t offset, size_t len)
{
	if (len > source->size || offset > source->size - len)
		return NULL;
	if (source->map)
		return source->map + offset;
	return source->ops && source->ops->at ? source->ops->at(source->self, offset, len) : NULL;
}

enum vmi_status vmi_source_read(const struct vmi_source *source, uint64_t offset, void *buf,
				size_t len, struct vmi_error *err)
{
	if (len > source->size || offset > source->size - len)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"%zu bytes at file offset 0x%" PRIx64
				" end past the end of the file (0x%" PRIx64 ")",
				len, offset, source->size);
	if (source->map) {
		memcpy(buf, source->map + offset, len);
		return VMI_OK;
	}
	if (source->ops)
		return source->ops->read(source->self, offset, buf, len, err);
	uint8_t *out = buf;
	while (len) {
		ssize_t n = pread(source->fd, out, len, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return vmi_fail(err, VMI_ERR_IO, "reading file offset 0x%" PRIx64 ": %s",
					offset, strerror(errno));
		if (!n)
			return vmi_fail(err, VMI_ERR_IO,
					"file offset 0x%" PRIx64
					" is gone: the file became shorter after it was opened",
					offset);
		out += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return VMI_OK;
}

uint64_t vmi_source_stretch(const struct vmi_source *source, uint64_t offset, uint64_t end,
			    bool *hole)
{
	*hole = false;
	if (end > source->size)
		end = source->size;
	if (source->ops && source->ops->stretch && offset < end)
		return source->ops->stretch(source->self, offset, end, hole);
	if (source->fd < 0 || offset >= end)
		return end;

	off_t data = lseek(source->fd, (off_t)offset, SEEK_DATA);
	if (data < 0) {
		*hole = errno == ENXIO; /* a hole up to the end of the file */
		return end;
	}
	if ((uint64_t)data > offset) {
		*hole = true;
		return (uint64_t)data < end ? (uint64_t)data : end;
	}
	off_t next = lseek(source->fd, (off_t)offset, SEEK_HOLE);
	if (next <= (off_t)offset)
		return end;
	return (uint64_t)next < end ? (uint64_t)next : end;
}
