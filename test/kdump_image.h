/* SPDX-License-Identifier: MIT */
#ifndef TEST_KDUMP_IMAGE_H
#define TEST_KDUMP_IMAGE_H

#include "image.h"
#include "mk_kdump.h"

/* kdumps in memory and what is in them, for tests; descriptions as in mk_kdump.h. */

enum { CODECS = 4, PAGE = VMI_PAGE_SIZE };
static const uint32_t codec_flags[] = {1, 2, 4, 32};

/* What a page of such a description holds. */
static inline void assert_page(struct vmi *vm, const char *pages, unsigned gfn)
{
	unsigned same = gfn;
	struct vmi_error err = {0};
	struct vmi_page page;

	while (pages[same] == 's')
		same--;
	if (vmi_page_get(vm, gfn, &page, &err))
		fail_with("page", &err);
	for (unsigned i = 0; i < PAGE; i++)
		if (page.data[i] != (pages[same] == 'z'   ? 0
				     : pages[same] == 'u' ? MK_KDUMP_FILL
							  : mk_byte((uint64_t)same * PAGE + i, 0)))
			fail_msg("gfn 0x%x, byte 0x%x is 0x%x", gfn, i, page.data[i]);
	vmi_page_put(vm, &page);
}

static inline void assert_held_pages(struct vmi *vm, const char *pages)
{
	for (unsigned gfn = 0; pages[gfn]; gfn++)
		if (!strchr(".xl", pages[gfn]))
			assert_page(vm, pages, gfn);
}

static inline struct image open_kdump(const struct mk_kdump *kdump)
{
	struct vmi_error err = {0};
	struct image image = {0};
	size_t size;

	image.bytes = mk_kdump(kdump, &size);
	if (!image.bytes)
		skip();
	if (vmi_open_memory(&image.vm, image.bytes, size, NULL, &err))
		fail_with("opening", &err);
	return image;
}

static inline void assert_state(struct vmi *vm, vmi_gfn gfn, enum vmi_page_state want)
{
	struct vmi_error err = {0};
	enum vmi_page_state state;

	if (vmi_page_state(vm, gfn, &state, &err))
		fail_with("state", &err);
	if (state != want)
		fail_msg("gfn 0x%llx is %s, not %s", (unsigned long long)gfn,
			 vmi_page_state_name(state), vmi_page_state_name(want));
}

static inline void assert_page_fails(struct vmi *vm, vmi_gfn gfn, enum vmi_status status,
				     const char *words)
{
	struct vmi_error err = {0};
	struct vmi_page page;

	assert_says(vmi_page_get(vm, gfn, &page, &err), status, words, &err);
}

#endif
