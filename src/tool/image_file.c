/* SPDX-License-Identifier: MIT */
/* A file that appears when it is complete. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image_file.h"

/* The directory that the path is in. Owned: free(). */
static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static bool may_write(struct image_file *file, struct cli *cli)
{
	struct stat there;

	if (stat(file->path, &there))
		return true;
	if (!S_ISREG(there.st_mode)) {
		cli_say(cli, "%s is there, and is no ordinary file", file->path);
		return false;
	}
	if (!file->replace)
		cli_say(cli, "%s exists; --force replaces it", file->path);
	return file->replace;
}

/*
 * Beside the file, so that naming is possible; mode 0600, as memory is full of secrets. Best is one
 * without a name: nothing is left of it however this program ends.
 */
static bool open_temporary(struct image_file *file)
{
	char *directory = directory_of(file->path);
	const char *slash = strrchr(file->path, '/');
	const char *name = slash ? slash + 1 : file->path;

	if (!directory)
		return false;
	file->fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	free(directory);
	if (file->fd >= 0)
		return true;
	if (asprintf(&file->temporary, "%.*s.%s.XXXXXX", (int)(name - file->path), file->path,
		     name) < 0) {
		file->temporary = NULL;
		errno = ENOMEM;
		return false;
	}
	file->fd = mkostemp(file->temporary, O_CLOEXEC);
	return file->fd >= 0;
}

bool image_file_begin(struct image_file *file, struct cli *cli, const char *path, bool replace)
{
	*file = (struct image_file){.path = path, .replace = replace, .fd = -1};
	if (!may_write(file, cli))
		return false;
	if (open_temporary(file))
		return true;
	cli_say(cli, "cannot write %s: %s", path, strerror(errno));
	free(file->temporary);
	return false;
}

void image_file_write(struct image_file *file, uint64_t offset, const void *bytes, size_t len)
{
	const char *from = bytes;

	while (len && !atomic_load_explicit(&file->error, memory_order_relaxed)) {
		ssize_t n = pwrite(file->fd, from, len, (off_t)offset);

		if (n < 0 && errno != EINTR)
			file->error = errno;
		if (n <= 0)
			continue;
		from += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
}

void image_file_clear(struct image_file *file)
{
	if (!file->error && ftruncate(file->fd, 0))
		file->error = errno;
}

/* The name must be on disk, too. */
static int sync_directory(const char *path)
{
	char *name = directory_of(path);
	int fd = name ? open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int failed = fd < 0 || fsync(fd) ? errno : 0;

	if (fd >= 0)
		close(fd);
	free(name);
	/* Some file systems cannot, and then need not. */
	return failed == EINVAL || failed == ENOTSUP ? 0 : failed;
}

static int link_descriptor(const struct image_file *file, const char *path)
{
	char from[64];

	snprintf(from, sizeof(from), "/proc/self/fd/%d", file->fd);
	return linkat(AT_FDCWD, from, AT_FDCWD, path, AT_SYMLINK_FOLLOW) ? errno : 0;
}

/* A file without a name gets one: at once where nothing is to be replaced, else one to rename. */
static int take_first_name(struct image_file *file)
{
	if (!file->replace)
		return link_descriptor(file, file->path);

	const char *slash = strrchr(file->path, '/');
	const char *name = slash ? slash + 1 : file->path;
	if (asprintf(&file->temporary, "%.*s.%s.%ld", (int)(name - file->path), file->path, name,
		     (long)getpid()) < 0) {
		file->temporary = NULL;
		return ENOMEM;
	}
	int failed = link_descriptor(file, file->temporary);
	if (!failed)
		return rename(file->temporary, file->path) ? errno : 0;
	free(file->temporary); /* not ours: somebody has that name */
	file->temporary = NULL;
	return failed;
}

static int take_name(struct image_file *file)
{
	if (!file->temporary)
		return take_first_name(file);
	if (file->replace)
		return rename(file->temporary, file->path) ? errno : 0;
	if (!renameat2(AT_FDCWD, file->temporary, AT_FDCWD, file->path, RENAME_NOREPLACE))
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return errno;
	/* The file system does not know the flag; a link is never put in place of a file, either.
	 */
	if (link(file->temporary, file->path))
		return errno;
	return unlink(file->temporary) ? errno : 0;
}

bool image_file_keep(struct image_file *file, uint64_t size)
{
	if (!file->error && (ftruncate(file->fd, (off_t)size) || fsync(file->fd)))
		file->error = errno;
	if (!file->error)
		file->error = take_name(file);
	if (file->error)
		return false;
	free(file->temporary);
	file->temporary = NULL;
	file->error = sync_directory(file->path);
	return !file->error;
}

uint64_t image_file_disk(const struct image_file *file)
{
	struct stat st;

	return fstat(file->fd, &st) ? 0 : (uint64_t)st.st_blocks * 512;
}

void image_file_end(struct image_file *file)
{
	if (file->temporary)
		unlink(file->temporary);
	free(file->temporary);
	close(file->fd);
}
