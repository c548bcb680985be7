/* SPDX-License-Identifier: MIT */
/*
 * Images in all formats: opening, and reading all pages in order and at random, by one thread and
 * by two, beside libkdumpfile on the same file and the bare decoders on the same blocks.
 *
 *     bench_formats IMAGE...
 *
 * Times of one thread are CPU time, those of two are wall time, the best of a few rounds each.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <vmi/vmi.h>

#include "blocks.h"

#ifdef HAVE_KDUMPFILE
#include <libkdumpfile/kdumpfile.h>
#endif

enum { ROUNDS = 3, PAGES_MAX = 1 << 20 };

static double clock_of(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void keep_best(double *best, double took)
{
	if (*best <= 0 || took < *best)
		*best = took;
}

/* The pages to read: all that the image holds, up to a number, in order or shuffled. */
struct work {
	struct vmi *vm;
	vmi_gfn *gfns;
	size_t count;
	uint64_t failures, sum;
};

static void list_pages(struct work *work)
{
	struct vmi_run run;

	for (vmi_gpa at = 0; !vmi_run_next(work->vm, at, &run, NULL); at = run.gpa + run.size)
		for (uint64_t off = 0; off < run.size && work->count < PAGES_MAX;
		     off += VMI_PAGE_SIZE)
			work->gfns[work->count++] = (run.gpa + off) >> VMI_PAGE_SHIFT;
}

static void shuffle(struct work *work)
{
	uint64_t x = 88172645463325252u;

	for (size_t i = work->count; i > 1; i--) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		vmi_gfn other = work->gfns[x % i];
		work->gfns[x % i] = work->gfns[i - 1];
		work->gfns[i - 1] = other;
	}
}

static void *pin_all(void *context)
{
	struct work *work = context;
	struct vmi_page page;

	for (size_t i = 0; i < work->count; i++) {
		if (vmi_page_get(work->vm, work->gfns[i], &page, NULL)) {
			work->failures++;
			continue;
		}
		work->sum += page.data[0];
		vmi_page_put(work->vm, &page);
	}
	return NULL;
}

static void *read_all(void *context)
{
	struct work *work = context;
	uint8_t buf[VMI_PAGE_SIZE];

	for (size_t i = 0; i < work->count; i++) {
		work->failures += vmi_read_bytes(work->vm, NULL, work->gfns[i] << VMI_PAGE_SHIFT,
						 buf, sizeof(buf), NULL, NULL) != VMI_OK;
		work->sum += buf[0];
	}
	return NULL;
}

static void line(const char *what, double seconds, size_t pages, double against)
{
	printf("    %-34s %8.3f s %8.2f us a page", what, seconds, seconds / (double)pages * 1e6);
	if (against > 0)
		printf("   x%.2f", seconds / against);
	putchar('\n');
}

/* A fresh handle each time, so that nothing is in its cache. */
static double one_thread(const char *path, const struct work *pages, void *(*job)(void *))
{
	double best = 0;

	for (int i = 0; i < ROUNDS; i++) {
		struct work work = *pages;
		if (vmi_open(&work.vm, path, NULL, NULL))
			return 0;
		double start = clock_of(CLOCK_PROCESS_CPUTIME_ID);
		job(&work);
		keep_best(&best, clock_of(CLOCK_PROCESS_CPUTIME_ID) - start);
		vmi_close(work.vm);
		if (work.failures)
			printf("    %" PRIu64 " pages could not be read\n", work.failures);
	}
	return best;
}

/* Wall time of `count` threads, each with its share; *cpu is what all of them took of the CPUs. */
static double threads(const char *path, const struct work *pages, unsigned count, double *cpu)
{
	double best = 0;

	*cpu = 0;

	for (int i = 0; i < 2 * ROUNDS; i++) {
		struct work work[2] = {*pages, *pages};
		pthread_t thread[2];
		if (vmi_open(&work[0].vm, path, NULL, NULL) ||
		    vmi_clone(work[0].vm, &work[1].vm, NULL))
			return 0;
		if (count == 2) {
			work[0].count = pages->count / 2;
			work[1].gfns += work[0].count;
			work[1].count -= work[0].count;
		}
		double start = clock_of(CLOCK_MONOTONIC);
		double start_cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID);
		for (unsigned t = 0; t < count; t++)
			pthread_create(&thread[t], NULL, pin_all, &work[t]);
		for (unsigned t = 0; t < count; t++)
			pthread_join(thread[t], NULL);
		keep_best(&best, clock_of(CLOCK_MONOTONIC) - start);
		keep_best(cpu, clock_of(CLOCK_PROCESS_CPUTIME_ID) - start_cpu);
		vmi_close(work[1].vm);
		vmi_close(work[0].vm);
	}
	return best;
}

#ifdef HAVE_KDUMPFILE
static double kdumpfile(const char *path, const struct work *pages)
{
	double best = 0;
	uint8_t buf[VMI_PAGE_SIZE];

	for (int i = 0; i < ROUNDS; i++) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		kdump_ctx_t *ctx = kdump_new();
		if (!ctx || kdump_open_fd(ctx, fd) != KDUMP_OK)
			i = ROUNDS;
		double start = clock_of(CLOCK_PROCESS_CPUTIME_ID);
		for (size_t p = 0; i < ROUNDS && p < pages->count; p++) {
			size_t size = sizeof(buf);
			if (kdump_read(ctx, KDUMP_MACHPHYSADDR, pages->gfns[p] << VMI_PAGE_SHIFT,
				       buf, &size) != KDUMP_OK)
				i = ROUNDS;
		}
		if (i < ROUNDS)
			keep_best(&best, clock_of(CLOCK_PROCESS_CPUTIME_ID) - start);
		kdump_free(ctx);
		close(fd);
	}
	return best;
}
#endif

static void bench_open(const char *path)
{
	double best = 0;

	for (int i = 0; i < 10; i++) {
		struct vmi *vm;
		double start = clock_of(CLOCK_PROCESS_CPUTIME_ID);
		if (vmi_open(&vm, path, NULL, NULL))
			return;
		vmi_close(vm);
		keep_best(&best, clock_of(CLOCK_PROCESS_CPUTIME_ID) - start);
	}
	printf("    %-34s %8.3f ms\n", "open and close", best * 1e3);
}

static void bench_reading(const char *path, const struct work *pages, double bare)
{
	line("pinned", one_thread(path, pages, pin_all), pages->count, bare);
	double own = one_thread(path, pages, read_all);
	line("read to a buffer", own, pages->count, bare);
#ifdef HAVE_KDUMPFILE
	double theirs = kdumpfile(path, pages);
	if (theirs > 0)
		line("libkdumpfile, beside ours", theirs, pages->count, own);
	else
		printf("    libkdumpfile cannot read it\n");
#endif
}

static int bench_image(const char *path)
{
	struct work pages = {.gfns = malloc(PAGES_MAX * sizeof(vmi_gfn))};
	struct blocks blocks;
	struct vmi_error err;
	double best = 0;

	if (!pages.gfns || vmi_open(&pages.vm, path, NULL, &err)) {
		fprintf(stderr, "%s\n", pages.gfns ? err.text : "out of memory");
		free(pages.gfns);
		return 1;
	}
	printf("%s: %s\n", path, vmi_info(pages.vm)->format);
	bench_open(path);
	list_pages(&pages);
	if (!blocks_open(&blocks, path)) {
		for (int i = 0; i < ROUNDS; i++) {
			double start = clock_of(CLOCK_PROCESS_CPUTIME_ID);
			blocks_run(&blocks);
			keep_best(&best, clock_of(CLOCK_PROCESS_CPUTIME_ID) - start);
		}
		line("the bare decoder, of what is not zero", best, blocks.count, 0);
		blocks_close(&blocks);
	}
	printf("  in order, %zu pages\n", pages.count);
	bench_reading(path, &pages, best);
	double cpu_one, cpu_two;
	double one = threads(path, &pages, 1, &cpu_one), two = threads(path, &pages, 2, &cpu_two);
	printf("    two threads are x%.2f as fast as one (%.3f s, %.3f s), for x%.2f of its CPU time\n",
	       one / two, one, two, cpu_two / cpu_one);
	shuffle(&pages);
	printf("  at random\n");
	bench_reading(path, &pages, best);
	vmi_close(pages.vm);
	free(pages.gfns);
	return 0;
}

int main(int argc, char **argv)
{
	int status = argc < 2;

	for (int i = 1; i < argc; i++)
		status |= bench_image(argv[i]);
	return status;
}
