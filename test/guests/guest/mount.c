/* SPDX-License-Identifier: MIT */
/* Mounts of every kind, and swap. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <unistd.h>

#include "guest.h"

static void mount_at(const char *source, const char *target, const char *type, unsigned long flags,
		     const char *data)
{
	make_folders(target);
	if (mount(source, target, type, flags, data) < 0)
		note("mounting %s at %s: %s", source, target, strerror(errno));
}

void mount_all(void)
{
	mount_at("dev", "/dev", "devtmpfs", MS_NOSUID, "mode=0755");
	mount_at("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "ptmxmode=666");
	mount_at("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount_at("cgroup2", "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount_at("odd source: a b\\c", "/mnt/tmp", "tmpfs", MS_NODEV | MS_NOATIME, "size=32m");
	mount_at("huge", "/mnt/huge", "hugetlbfs", 0, NULL);
	mount_at("none", "/mnt/with space", "tmpfs", MS_NODIRATIME | MS_SYNCHRONOUS, "size=1m");
	mount_at("none", "/mnt/new\nline", "tmpfs", MS_RDONLY | MS_NOSUID, "size=1m");
	/* One upon another: the lower is out of reach, and still mounted. */
	mount_at("lower", "/mnt/stacked", "tmpfs", 0, "size=1m");
	mount_at("upper", "/mnt/stacked", "tmpfs", MS_NOEXEC, "size=2m");
	make_folders("/mnt/tmp/bound");
	mount_at("/mnt/tmp/bound", "/mnt/bind", NULL, MS_BIND, NULL);
	mount_at("/mnt/tmp/bound", "/mnt/read only", NULL, MS_BIND, NULL);
	mount_at(NULL, "/mnt/read only", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID, NULL);
	make_folders("/mnt/tmp/lower");
	make_folders("/mnt/tmp/upper");
	make_folders("/mnt/tmp/work");
	copy_file("/init", "/mnt/tmp/lower/of the lower");
	mount_at("overlay", "/mnt/overlay", "overlay", 0,
		 "lowerdir=/mnt/tmp/lower,upperdir=/mnt/tmp/upper,workdir=/mnt/tmp/work");
}

/* The header of a swap area (Linux, include/linux/swap.h: union swap_header), as mkswap writes it.
 */
void swap_on(const char *device, int priority)
{
	struct {
		char boot[1024];
		uint32_t version, last_page, bad_pages;
		char rest[PAGE - 1024 - 12 - 10];
		char magic[10];
	} header = {.version = 1};
	int fd = open(device, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		note("no %s to swap to", device);
		return;
	}
	header.last_page = (uint32_t)(lseek(fd, 0, SEEK_END) / PAGE - 1);
	memcpy(header.magic, "SWAPSPACE2", sizeof(header.magic));
	check(pwrite(fd, &header, sizeof(header), 0), device);
	check(fsync(fd), device);
	close(fd);
	if (swapon(device, SWAP_FLAG_PREFER | priority) < 0)
		note("swapping to %s: %s", device, strerror(errno));
}
