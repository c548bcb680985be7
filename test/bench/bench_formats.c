/* SPDX-License-Identifier: MIT */
/*
 * Images in all formats: opening, and reading all pages in order and at random, by one thread and
 * by two, beside libkdumpfile on the same file and the bare decoders on the same blocks.
 *
 *     bench_formats IMAGE...
 *
 * Times are CPU time, the best of a few rounds each.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vmi/vmi.h>

#include "blocks.h"
#include "work.h"

#ifdef HAVE_KDUMPFILE
#include <libkdumpfile/kdumpfile.h>
#endif

enum { ROUNDS = 3, SHARE = 64 /* pages that a thread takes in turn */ };

static void keep_best(double *best, double took)
{
	if (*best <= 0 || took < *best)
		*best = took;
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

/* What one of several threads reads, and what that took of its CPU. */
struct share {
	struct work work;
	double cpu;
};

static void *read_share(void *context)
{
	struct share *share = context;
	double start = clock_of(CLOCK_THREAD_CPUTIME_ID);

	work_read(&share->work);
	share->cpu = clock_of(CLOCK_THREAD_CPUTIME_ID) - start;
	return NULL;
}

/*
 * Wall time of `count` threads, of which each takes so many pages in turn; *cpu is what the busiest
 * took of its CPU: what the wall time is on a machine that has nothing else to do.
 */
static double threads(const char *path, const struct work *pages, unsigned count, double *cpu)
{
	double best = 0;

	*cpu = 0;
	for (int i = 0; i < 2 * ROUNDS; i++) {
		struct share share[2] = {{.work = *pages}, {.work = *pages}};
		pthread_t thread[2];
		vmi_gfn *gfns = malloc(pages->count * sizeof(*gfns));
		if (!gfns || vmi_open(&share[0].work.vm, path, NULL, NULL) ||
		    vmi_clone(share[0].work.vm, &share[1].work.vm, NULL))
			exit(1);
		size_t n = 0;
		for (unsigned t = 0; t < count; t++) {
			share[t].work.gfns = gfns + n;
			for (size_t p = 0; p < pages->count; p++)
				if (p / SHARE % count == t)
					gfns[n++] = pages->gfns[p];
			share[t].work.count = (size_t)(gfns + n - share[t].work.gfns);
		}
		double start = clock_of(CLOCK_MONOTONIC);
		for (unsigned t = 0; t < count; t++)
			pthread_create(&thread[t], NULL, read_share, &share[t]);
		for (unsigned t = 0; t < count; t++)
			pthread_join(thread[t], NULL);
		keep_best(&best, clock_of(CLOCK_MONOTONIC) - start);
		bool second = count == 2 && share[1].cpu > share[0].cpu;
		keep_best(cpu, share[second].cpu);
		vmi_close(share[1].work.vm);
		vmi_close(share[0].work.vm);
		free(gfns);
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
	line("pinned", one_thread(path, pages, work_pin), pages->count, bare);
	double own = one_thread(path, pages, work_read);
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
	struct work pages = {0};
	struct blocks blocks;
	struct vmi_error err;
	double best = 0;

	if (vmi_open(&pages.vm, path, NULL, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	printf("%s: %s\n", path, vmi_info(pages.vm)->format);
	bench_open(path);
	if (!work_list(&pages)) {
		fprintf(stderr, "%s: no pages\n", path);
		work_deinit(&pages);
		vmi_close(pages.vm);
		return 1;
	}
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
	printf("    two threads are x%.2f as fast as one by the CPU time of the busier (%.3f s, %.3f "
	       "s), x%.2f by the clock\n",
	       cpu_one / cpu_two, cpu_one, cpu_two, one / two);
	work_shuffle(&pages);
	printf("  at random\n");
	bench_reading(path, &pages, best);
	vmi_close(pages.vm);
	work_deinit(&pages);
	return 0;
}

int main(int argc, char **argv)
{
	int status = argc < 2;

	for (int i = 1; i < argc; i++)
		status |= bench_image(argv[i]);
	return status;
}
