/* SPDX-License-Identifier: MIT */
#ifndef TOOL_PROGRESS_H
#define TOOL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/**
 * A bar on standard error for work that takes longer than a second; only where that is a terminal.
 * All bytes zero: never shown.
 */
struct progress {
	bool enabled;
	bool visible;
	const char *what;
	uint64_t total; /* bytes; 0: not known */
	uint64_t done;
	uint64_t begun_ms, drawn_ms;
};

/* `total` in bytes, 0 when it cannot be known. */
void progress_begin(struct progress *progress, const char *what, uint64_t total);
/* One thread at a time. */
void progress_add(struct progress *progress, uint64_t bytes);
/* Off the screen, as before other output; the next progress_add() draws it again. Any thread. */
void progress_hide(struct progress *progress);

#endif
