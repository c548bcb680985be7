/* SPDX-License-Identifier: MIT */
/* The progress bar. */

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "progress.h"

enum { PATIENCE_MS = 1000, REDRAW_MS = 100, BAR_WIDTH = 30 };

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void put(const char *text, size_t len)
{
	/* A bar that cannot be drawn is no loss. */
	if (write(STDERR_FILENO, text, len) < 0)
		return;
}

void progress_begin(struct progress *progress, const char *what, uint64_t total)
{
	progress->what = what;
	progress->total = total;
	progress->done = 0;
	progress->begun_ms = now_ms();
	progress->drawn_ms = 0;
}

static void draw(const struct progress *progress)
{
	char bar[BAR_WIDTH + 1];
	char line[160];
	uint64_t done = progress->done, total = progress->total;
	int len;

	if (total) {
		if (done > total)
			done = total;
		double share = (double)done / (double)total;
		size_t full = (size_t)(share * BAR_WIDTH);

		memset(bar, ' ', BAR_WIDTH);
		memset(bar, '#', full);
		bar[BAR_WIDTH] = '\0';
		len = snprintf(line, sizeof(line), "\r%s [%s] %3.0f%% of %.1f MiB\033[K",
			       progress->what, bar, share * 100, (double)total / 1048576);
	} else {
		len = snprintf(line, sizeof(line), "\r%s: %.1f MiB\033[K", progress->what,
			       (double)done / 1048576);
	}
	put(line, (size_t)len);
}

void progress_add(struct progress *progress, uint64_t bytes)
{
	progress->done += bytes;
	if (!progress->enabled)
		return;

	uint64_t now = now_ms();
	if (now - progress->begun_ms < PATIENCE_MS || now - progress->drawn_ms < REDRAW_MS)
		return;
	progress->drawn_ms = now;
	__atomic_store_n(&progress->visible, true, __ATOMIC_RELAXED);
	draw(progress);
}

void progress_hide(struct progress *progress)
{
	static const char erase[] = "\r\033[K";

	if (__atomic_exchange_n(&progress->visible, false, __ATOMIC_RELAXED))
		put(erase, sizeof(erase) - 1);
}
