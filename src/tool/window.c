/* SPDX-License-Identifier: MIT */
/* Windows onto a space. */

#include <stdlib.h>
#include <string.h>

#include "window.h"

void window_put(struct window *window)
{
	if (window->pinned)
		vmi_page_put(window->vm, &window->page);
	window->pinned = false;
	window->len = 0;
}

void window_deinit(struct window *window)
{
	window_put(window);
	free(window->buffer);
	window->buffer = NULL;
	window->room = 0;
}

/* The bytes as they lie in the image, if they lie together there. */
static bool pin(struct window *window, vmi_gpa gpa, size_t size)
{
	size_t offset = gpa % VMI_PAGE_SIZE;

	if (vmi_page_get(window->vm, gpa >> VMI_PAGE_SHIFT, &window->page, NULL))
		return false;
	window->pinned = true;
	if (!window->page.known && window->page.extent - offset >= size)
		return true;
	window_put(window);
	return false;
}

static enum vmi_status reserve(struct window *window, size_t size, struct vmi_error *err)
{
	if (size <= window->room)
		return VMI_OK;
	free(window->buffer);
	window->buffer = malloc(size);
	window->room = window->buffer ? size : 0;
	if (window->buffer)
		return VMI_OK;
	if (err) {
		err->status = VMI_ERR_NOMEM;
		memcpy(err->text, "out of memory", sizeof("out of memory"));
	}
	return VMI_ERR_NOMEM;
}

enum vmi_status window_get(struct window *window, uint64_t addr, size_t before, size_t len,
			   size_t after, struct vmi_error *err)
{
	size_t done = 0;

	window_put(window);
	if (len && after > UINT64_MAX - addr - (len - 1))
		after = (size_t)(UINT64_MAX - addr - (len - 1));
	if (!window->space && pin(window, addr - before, before + len + after)) {
		window->data = window->page.data + (addr - before) % VMI_PAGE_SIZE + before;
		window->len = len + after;
		return VMI_OK;
	}
	enum vmi_status status = reserve(window, before + len + after, err);
	if (status)
		return status;
	window->data = window->buffer + before;
	status = vmi_read_bytes(window->vm, window->space, addr - before, window->buffer,
				before + len + after, &done, err);
	if (!status)
		done = before + len + after;
	window->len = done > before ? done - before : 0;
	return window->len >= len ? VMI_OK : status;
}
