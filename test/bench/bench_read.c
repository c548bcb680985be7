/* SPDX-License-Identifier: MIT */
/*
 * Opening an image and reading it: vmi_open() and vmi_read_bytes() beside pread, a mapping and,
 * where it is installed, libkdumpfile.
 *
 *     bench_read IMAGE [open]
 *
 * Times are CPU time, the best of several rounds; memory is what opening alone makes resident.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <vmi/vmi.h>

#ifdef HAVE_KDUMPFILE
#include <libkdumpfile/kdumpfile.h>
#endif

enum { ROUNDS = 5, OPENS = 20, RANDOM_READS = 200000 };

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Resident memory in KiB. */
static long resident(void)
{
	long size = 0, pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f && fscanf(f, "%ld %ld", &size, &pages) != 2)
		pages = 0;
	if (f)
		fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void die(const char *what, const struct vmi_error *err)
{
	fprintf(stderr, "%s: %s\n", what, err ? err->text : "failed");
	exit(1);
}

static struct vmi *open_image(const char *path)
{
	struct vmi *vm;
	struct vmi_error err;

	if (vmi_open(&vm, path, NULL, &err))
		die(path, &err);
	return vm;
}

static void bench_open(const char *path)
{
	double best = 1e9;
	long before = resident();
	vmi_close(open_image(path));
	long after = resident();

	for (unsigned i = 0; i < OPENS; i++) {
		double start = now();
		vmi_close(open_image(path));
		double took = now() - start;
		best = took < best ? took : best;
	}
	printf("open and close\n  %-38s %8.3f ms, %ld KiB more resident\n", "vmicore", best * 1e3,
	       after - before);
#ifdef HAVE_KDUMPFILE
	best = 1e9;
	for (unsigned i = 0; i < OPENS; i++) {
		double start = now();
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		kdump_ctx_t *ctx = kdump_new();
		if (kdump_open_fd(ctx, fd) != KDUMP_OK) {
			best = 0;
			i = OPENS; /* it refuses this image */
		}
		kdump_free(ctx);
		close(fd);
		double took = now() - start;
		best = took < best ? took : best;
	}
	if (best > 0)
		printf("  %-38s %8.3f ms\n", "libkdumpfile", best * 1e3);
	else
		printf("  %-38s refuses this image\n", "libkdumpfile");
#endif
}

/* Every run, `step` bytes at a time. */
static uint64_t read_all(struct vmi *vm, uint8_t *buf, size_t step)
{
	struct vmi_run run;
	struct vmi_error err;
	uint64_t sum = 0, total = 0;

	for (vmi_gpa at = 0; !vmi_run_next(vm, at, &run, &err); at = run.gpa + run.size) {
		for (uint64_t off = 0; off < run.size; off += step) {
			size_t n = run.size - off < step ? (size_t)(run.size - off) : step;
			if (vmi_read_bytes(vm, NULL, run.gpa + off, buf, n, NULL, &err))
				die("reading", &err);
			sum += buf[0];
			total += n;
		}
	}
	return total + (sum & 0);
}

static void report(const char *name, uint64_t bytes, double took)
{
	printf("  %-38s %8.2f GiB/s\n", name, (double)bytes / took / (1 << 30));
}

static void bench_sequential(const char *path, uint8_t *buf)
{
	static const size_t steps[] = {4096, 1 << 20};
	struct vmi *vm = open_image(path);
	uint64_t size = vmi_info(vm)->memory_bytes;

	printf("sequential reads, %" PRIu64 " MiB\n", size >> 20);
	for (size_t s = 0; s < 2; s++) {
		double best = 1e9;
		for (unsigned i = 0; i < ROUNDS; i++) {
			double start = now();
			size = read_all(vm, buf, steps[s]);
			double took = now() - start;
			best = took < best ? took : best;
		}
		report(s ? "vmi_read_bytes, 1 MiB each" : "vmi_read_bytes, 4 KiB each", size, best);
	}
	vmi_close(vm);

	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st))
		die(path, NULL);
	double best = 1e9;
	for (unsigned i = 0; i < ROUNDS; i++) {
		double start = now();
		for (off_t off = 0; off + 4096 <= st.st_size; off += 4096)
			if (pread(fd, buf, 4096, off) != 4096)
				die("pread", NULL);
		double took = now() - start;
		best = took < best ? took : best;
	}
	report("pread of the file, 4 KiB each", (uint64_t)st.st_size, best);
	const uint8_t *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		die("mmap", NULL);
	best = 1e9;
	for (unsigned i = 0; i < ROUNDS; i++) {
		double start = now();
		for (off_t off = 0; off + 4096 <= st.st_size; off += 4096) {
			memcpy(buf, map + off, 4096);
			__asm__ volatile("" : : "r"(buf) : "memory");
		}
		double took = now() - start;
		best = took < best ? took : best;
	}
	report("memcpy from a mapping, 4 KiB each", (uint64_t)st.st_size, best);
	munmap((void *)(uintptr_t)map, (size_t)st.st_size);
	close(fd);
}

static void bench_random(const char *path, uint8_t *buf)
{
	struct vmi *vm = open_image(path);
	vmi_gfn gfns = vmi_info(vm)->max_gfn + 1;
	unsigned delivered = 0;
	double best = 1e9;

	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t x = 88172645463325252u;
		double start = now();
		delivered = 0;
		for (unsigned n = 0; n < RANDOM_READS; n++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			delivered +=
				!vmi_read_bytes(vm, NULL, x % gfns * 4096, buf, 4096, NULL, NULL);
		}
		double took = now() - start;
		best = took < best ? took : best;
	}
	printf("random reads of 4 KiB\n  %-38s %8.2f us each, %u of %u in the image\n",
	       "vmi_read_bytes", best / RANDOM_READS * 1e6, delivered, RANDOM_READS);
	vmi_close(vm);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	uint8_t *buf = malloc(1 << 20);
	if (!buf)
		return 1;
	memset(buf, 1, 1 << 20);
	bench_open(argv[1]);
	if (argc > 2) {
		free(buf);
		return 0;
	}
	bench_sequential(argv[1], buf);
	bench_random(argv[1], buf);
	free(buf);
	return 0;
}
