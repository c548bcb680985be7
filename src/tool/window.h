/* SPDX-License-Identifier: MIT */
#ifndef TOOL_WINDOW_H
#define TOOL_WINDOW_H

#include <vmi/vmi.h>

/**
 * Consecutive bytes of a space at one place in our memory: those of the image where they lie
 * together, else a copy.
 */
struct window {
	struct vmi *vm;
	const struct vmi_space *space; /* NULL: guest-physical */
	const uint8_t *data;           /* the byte at the address asked for */
	size_t len;                    /* bytes from there on */
	struct vmi_page page;
	bool pinned;
	uint8_t *buffer;
	size_t room;
};

/* All zero but vm and space is a window to begin with. End it with window_deinit(). */
void window_deinit(struct window *window);

/**
 * `len` bytes at addr; data[-before] to data[-1] are good too, and so are up to `after` bytes
 * behind, as far as they can be read (the window's len says). Good until the next call. When not
 * all of the `len` could be read the status says why, and the window's len how far it got.
 */
VMI_CHECKED enum vmi_status window_get(struct window *window, uint64_t addr, size_t before,
				       size_t len, size_t after, struct vmi_error *err);
void window_put(struct window *window);

#endif
