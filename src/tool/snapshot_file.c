/* SPDX-License-Identifier: MIT */
/* A file that appears when it is complete. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "snapshot.h"

/* The directory that the path is in. Owned: free(). */
static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static bool may_write(struct snapshot_file *file, struct cli *cli)
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

bool snapshot_file_begin(struct snapshot_file *file, struct cli *cli, const char *path,
			 bool replace)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	*file = (struct snapshot_file){.path = path, .replace = replace, .fd = -1};
	if (!may_write(file, cli))
		return false;
	/* Beside the file, so that renaming is possible; mode 0600, as memory is full of secrets.
	 */
	if (asprintf(&file->temporary, "%.*s.%s.XXXXXX", (int)(name - path), path, name) < 0) {
		file->temporary = NULL;
		cli_say(cli, "out of memory");
		return false;
	}
	file->fd = mkostemp(file->temporary, O_CLOEXEC);
	if (file->fd >= 0)
		return true;
	cli_say(cli, "cannot write %s: %s", path, strerror(errno));
	free(file->temporary);
	return false;
}

void snapshot_file_write(struct snapshot_file *file, uint64_t offset, const void *bytes, size_t len)
{
	const char *from = bytes;

	while (len && !file->error) {
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

static int take_name(const struct snapshot_file *file)
{
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

bool snapshot_file_keep(struct snapshot_file *file, uint64_t size)
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

uint64_t snapshot_file_disk(const struct snapshot_file *file)
{
	struct stat st;

	return fstat(file->fd, &st) ? 0 : (uint64_t)st.st_blocks * 512;
}

void snapshot_file_end(struct snapshot_file *file)
{
	if (file->temporary)
		unlink(file->temporary);
	free(file->temporary);
	close(file->fd);
}
