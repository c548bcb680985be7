/* SPDX-License-Identifier: MIT */
/*
 * Reading at virtual addresses while there is no handle yet that the core could translate with. It
 * serves to find a few structures of the kernel, each of which proves itself by what it contains.
 */

#include "bytes.h"
#include "windows_walk.h"

/* SDM vol. 3A 4.5: nine bits of index for each level, 8 bytes for each entry. */
enum { ENTRY_PRESENT = 1, ENTRY_LARGE = 0x80, INDEX_BITS = 9, INDEX_MASK = 511 };
static const uint64_t ENTRY_FRAME = UINT64_C(0x000ffffffffff000);

/* Within one page. */
static bool physical_read(const struct windows_memory *memory, vmi_gpa gpa, void *buf, size_t len)
{
	struct vmi_page page;

	if (windows_page_get(memory, gpa >> VMI_PAGE_SHIFT, &page, NULL))
		return false;
	/* Dumps hold whole pages, but a file that was cut may end inside one. */
	bool whole = !page.known;
	if (whole)
		memcpy(buf, page.data + gpa % VMI_PAGE_SIZE, len);
	extents_page_put(&page);
	return whole;
}

static bool translate(const struct windows_walk *walk, vmi_gva gva, vmi_gpa *gpa)
{
	uint64_t table = walk->root & ENTRY_FRAME;

	for (unsigned level = walk->levels; level; level--) {
		unsigned shift = VMI_PAGE_SHIFT + INDEX_BITS * (level - 1);
		uint8_t bytes[8];

		if (!physical_read(walk->memory, table + 8 * (gva >> shift & INDEX_MASK), bytes, 8))
			return false;
		uint64_t entry = le64(bytes), within = (UINT64_C(1) << shift) - 1;
		if (!(entry & ENTRY_PRESENT))
			return false;
		table = entry & ENTRY_FRAME;
		if (level == 1 || (level <= 3 && (entry & ENTRY_LARGE))) {
			*gpa = (table & ~within) | (gva & within);
			return true;
		}
	}
	return false;
}

bool windows_read(const struct windows_walk *walk, vmi_gva gva, void *buf, size_t len)
{
	uint8_t *out = buf;

	while (len) {
		size_t n = VMI_PAGE_SIZE - gva % VMI_PAGE_SIZE;
		vmi_gpa gpa;

		if (n > len)
			n = len;
		if (!translate(walk, gva, &gpa) || !physical_read(walk->memory, gpa, out, n))
			return false;
		out += n;
		gva += n;
		len -= n;
	}
	return true;
}
