/* SPDX-License-Identifier: MIT */
/*
 * Images of all formats and containers, a line for each: opening, and what a page costs when all
 * are read in order, by 4 KiB and by 1 MiB, and at random.
 *
 *     bench_images IMAGE...
 *
 * CPU time. What is slow is read for a second and no longer.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "work.h"

static const double ENOUGH = 1.0; /* seconds */

enum { BATCH = 64, BIG = 256 /* pages of a large read */ };

/* Microseconds a page of a fresh handle: the better of two rounds, unless one takes long. */
static double cost(const char *path, const struct work *pages)
{
	double best = 0;

	for (int i = 0; i < 2; i++) {
		struct work work = *pages;
		size_t done = 0;
		double took = 0;
		if (vmi_open(&work.vm, path, NULL, NULL))
			return -1;
		double start = clock_of(CLOCK_PROCESS_CPUTIME_ID);
		while (done < pages->count && took < ENOUGH) {
			size_t left = pages->count - done;
			work.gfns = pages->gfns + done;
			work.count = left < BATCH ? left : BATCH;
			work_read(&work);
			done += work.count;
			took = clock_of(CLOCK_PROCESS_CPUTIME_ID) - start;
		}
		vmi_close(work.vm);
		if (work.failures)
			return -1;
		if (!i || took / (double)done < best)
			best = took / (double)done;
		if (took >= ENOUGH)
			break;
	}
	return best * 1e6;
}

/* The same of large reads, of those pages that lie together. */
static double cost_big(const char *path)
{
	static uint8_t buf[BIG * VMI_PAGE_SIZE];
	struct vmi_run run;
	struct vmi *vm;
	uint64_t done = 0;
	double took = 0;

	if (vmi_open(&vm, path, NULL, NULL))
		return -1;
	double start = clock_of(CLOCK_PROCESS_CPUTIME_ID);
	for (vmi_gpa at = 0; took < ENOUGH && !vmi_run_next(vm, at, &run, NULL);
	     at = run.gpa + run.size) {
		for (uint64_t off = 0; off < run.size && took < ENOUGH; off += sizeof(buf)) {
			uint64_t left = run.size - off;
			size_t n = left < sizeof(buf) ? (size_t)left : sizeof(buf);
			if (vmi_read_bytes(vm, NULL, run.gpa + off, buf, n, NULL, NULL)) {
				vmi_close(vm);
				return -1;
			}
			done += n;
			took = clock_of(CLOCK_PROCESS_CPUTIME_ID) - start;
		}
	}
	vmi_close(vm);
	return took * 1e6 * VMI_PAGE_SIZE / (double)done;
}

static int image(const char *path)
{
	const char *name = strrchr(path, '/');
	struct work pages = {0};
	struct vmi_error err;
	struct stat st;

	double start = clock_of(CLOCK_PROCESS_CPUTIME_ID);
	if (vmi_open(&pages.vm, path, NULL, &err)) {
		printf("%-19s %s\n", name ? name + 1 : path, err.text);
		return 1;
	}
	double opened = clock_of(CLOCK_PROCESS_CPUTIME_ID) - start;
	if (!work_list(&pages) || stat(path, &st)) {
		printf("%-19s has no pages\n", name ? name + 1 : path);
		work_deinit(&pages);
		vmi_close(pages.vm);
		return 1;
	}
	double ordered = cost(path, &pages), big = cost_big(path);
	work_shuffle(&pages);
	double shuffled = cost(path, &pages);
	printf("%-19s %-23s %7.1f %7.1f %9.2f %8.2f %8.2f %8.2f\n", name ? name + 1 : path,
	       vmi_info(pages.vm)->format, (double)st.st_size / (1 << 20),
	       (double)pages.count * VMI_PAGE_SIZE / (1 << 20), opened * 1e3, ordered, big,
	       shuffled);
	fflush(stdout);
	work_deinit(&pages);
	vmi_close(pages.vm);
	return ordered < 0 || big < 0 || shuffled < 0;
}

int main(int argc, char **argv)
{
	int status = argc < 2;

	printf("%-19s %-23s %7s %7s %9s %8s %8s %8s\n%-19s %-23s %7s %7s %9s %8s %8s %8s\n",
	       "image", "format", "MiB", "memory", "open", "in order", "by 1 MiB", "random", "", "",
	       "", "MiB", "ms", "us/page", "us/page", "us/page");
	for (int i = 1; i < argc; i++)
		status |= image(argv[i]);
	return status;
}
