/* SPDX-License-Identifier: MIT */
/* Which pages a Windows dump holds, and where: runs in the header, a table of ranges, a bitmap. */

#include <inttypes.h>
#include <stdlib.h>

#include "bytes.h"
#include "windows_memory.h"

static const uint64_t GFN_END = UINT64_C(1) << 40; /* 52 bits of physical address */

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* ---- what the header says of the guest's memory --------------------------------------------- */

/* Runs must ascend; what Windows writes does. A filler means that there is nothing to know. */
static bool runs_take(struct windows_memory *m, const uint8_t *header)
{
	uint32_t count = le32(header + WINDOWS_MEMORY);
	vmi_gfn end = 0;

	if (!count || count > WINDOWS_RUNS_MAX)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *at = header + WINDOWS_RUN + 16 * i;
		struct windows_run run = {.first = le64(at), .count = le64(at + 8)};
		if (run.first < end || run.first >= GFN_END || run.count > GFN_END - run.first)
			return false;
		end = run.first + run.count;
		m->run[i] = run;
	}
	m->runs = count;
	return true;
}

static bool is_guests(const struct windows_memory *m, vmi_gfn gfn)
{
	for (unsigned i = 0; i < m->runs; i++)
		if (gfn >= m->run[i].first && gfn - m->run[i].first < m->run[i].count)
			return true;
	return false;
}

/* ---- stretches ------------------------------------------------------------------------------ */

/* One after another from *offset of the file on. */
static enum vmi_status stretch_add(struct segments *segments, const struct vmi_source *source,
				   const struct windows_run *run, uint64_t *offset,
				   struct vmi_error *err)
{
	uint64_t pages = run->count;

	if (run->first >= GFN_END || pages > GFN_END - run->first)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"0x%" PRIx64 " pages from gfn 0x%" PRIx64
				" on are more than x86 can have",
				pages, run->first);
	enum vmi_status st =
		segments_add(segments, source, run->first << VMI_PAGE_SHIFT,
			     pages << VMI_PAGE_SHIFT, pages << VMI_PAGE_SHIFT, *offset, err);
	/* Beyond the end of any file there is nothing to tell apart: no need to go on counting. */
	*offset += min_u64(pages << VMI_PAGE_SHIFT, UINT64_MAX / 2 - *offset);
	return st;
}

static enum vmi_status stretches_build(struct windows_memory *m, const struct vmi_target *target,
				       const struct segments *segments, struct vmi_error *err)
{
	enum vmi_status st = extents_build(&m->extents, segments, m->source, err);

	if (st)
		return st;
	if (!m->extents.count)
		return vmi_fail(err, VMI_ERR_CORRUPT, "it ends at 0x%" PRIx64 ", before any memory",
				vmi_source_size(m->source));
	segments_warn_cut(segments, target, m->source,
			  segments->cut > 1 ? ", and more behind" : "");
	extents_warn_conflicts(&m->extents, target, "stretches of memory");
	m->max_gfn = (m->extents.end - 1) >> VMI_PAGE_SHIFT;
	m->bytes = m->extents.bytes;
	return VMI_OK;
}

/* All runs of the header, behind it. */
static enum vmi_status open_full(struct windows_memory *m, const struct vmi_target *target,
				 const uint8_t *header, struct segments *segments,
				 struct vmi_error *err)
{
	uint64_t offset = WINDOWS_HEADER, pages = 0;
	enum vmi_status st = VMI_OK;

	if (!runs_take(m, header))
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"its %" PRIu32 " runs of memory are not 1 to %d that ascend",
				le32(header + WINDOWS_MEMORY), WINDOWS_RUNS_MAX);
	for (unsigned i = 0; i < m->runs && !st; i++) {
		st = stretch_add(segments, m->source, &m->run[i], &offset, err);
		pages += m->run[i].count;
	}
	if (!st && pages != le64(header + WINDOWS_MEMORY + 8))
		target->warn(target,
			     "the runs of memory have 0x%" PRIx64 " pages, not 0x%" PRIx64
			     " as the header says",
			     pages, le64(header + WINDOWS_MEMORY + 8));
	return st;
}

/*
 * Types 8 to 10 ("RDMP"), as WinDbg's .dump writes them; known from public sources only. Behind the
 * header: u32 0x40, "RDMP", "DUMP", u32, u64 size of the metadata, u64 offset of the first page;
 * type 10 has u32 ranges at 0x20 and u64 pages at 0x28. A table of {u64 first frame, u64 pages}
 * from 0x30 on; types 8 and 9 end it by a frame 0.
 */
enum { RANGES_TABLE = WINDOWS_HEADER + 0x30, RANGES_HEAD = 0x30, RANGE = 16 };

static enum vmi_status ranges_head(const struct windows_memory *m, bool full, uint64_t *first,
				   uint64_t *ranges, struct vmi_error *err)
{
	uint8_t head[RANGES_HEAD];
	uint64_t size = vmi_source_size(m->source);
	enum vmi_status st = vmi_source_read(m->source, WINDOWS_HEADER, head, sizeof(head), err);

	if (st)
		return st;
	if (memcmp(head + 4, "RDMPDUMP", 8) != 0)
		return vmi_fail(err, VMI_ERR_CORRUPT, "there is no RDMP header at 0x2000");
	*first = le64(head + 0x18);
	if (*first < RANGES_TABLE || *first > size)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"its first page is said to be at 0x%" PRIx64
				", which is no place behind the headers",
				*first);
	*ranges = (*first - RANGES_TABLE) / RANGE;
	if (full && le32(head + 0x20) < *ranges)
		*ranges = le32(head + 0x20);
	return VMI_OK;
}

static enum vmi_status open_ranges(struct windows_memory *m, const uint8_t *header,
				   struct segments *segments, struct vmi_error *err)
{
	bool full = le32(header + WINDOWS_TYPE) == WINDOWS_FULL_RANGES;
	uint64_t offset = 0, ranges = 0;
	enum vmi_status st = ranges_head(m, full, &offset, &ranges, err);

	/* What the header has besides was left out. */
	if (!runs_take(m, header))
		m->runs = 0;
	for (unsigned i = 0; i < m->runs && !st; i++)
		st = segments_add(segments, m->source, m->run[i].first << VMI_PAGE_SHIFT, 0,
				  m->run[i].count << VMI_PAGE_SHIFT, 0, err);
	for (uint64_t i = 0; i < ranges && !st; i++) {
		uint8_t entry[RANGE];
		st = vmi_source_read(m->source, RANGES_TABLE + i * RANGE, entry, sizeof(entry),
				     err);
		struct windows_run run = {.first = le64(entry), .count = le64(entry + 8)};
		if (st || !run.count || (!full && !run.first))
			break;
		st = stretch_add(segments, m->source, &run, &offset, err);
	}
	return st;
}

/* ---- a bitmap ------------------------------------------------------------------------------- */

/*
 * Behind the header: "SDMP" or "FDMP", "DUMP", u64 offset of the first page at 0x20, u64 pages that
 * are present at 0x28, u64 bits at 0x30, the bits.
 */
enum { BITMAP_HEAD = 0x38, EXTENT_MAX = 64 /* pages that are looked ahead */ };

static void bitmap_measure(struct windows_memory *m)
{
	uint64_t room = (vmi_source_size(m->source) - m->first) >> VMI_PAGE_SHIFT;

	m->held = min_u64(room, m->map.count);
	m->cut = pagemap_select(&m->map, m->held);
	m->max_gfn = pagemap_select(&m->map, m->map.count - 1);
	m->bytes = m->held << VMI_PAGE_SHIFT;
	if (m->runs) {
		const struct windows_run *last = &m->run[m->runs - 1];
		if (last->count && last->first + last->count - 1 > m->max_gfn)
			m->max_gfn = last->first + last->count - 1;
	}
}

static enum vmi_status open_bitmap(struct windows_memory *m, const struct vmi_target *target,
				   const uint8_t *header, struct vmi_error *err)
{
	uint8_t head[BITMAP_HEAD];
	enum vmi_status st = vmi_source_read(m->source, WINDOWS_HEADER, head, sizeof(head), err);

	if (st)
		return st;
	if ((memcmp(head, "SDMP", 4) != 0 && memcmp(head, "FDMP", 4) != 0) ||
	    memcmp(head + 4, "DUMP", 4) != 0)
		return vmi_fail(err, VMI_ERR_CORRUPT, "there is no bitmap header at 0x2000");
	uint64_t present = le64(head + 0x28), bits = le64(head + 0x30);
	m->first = le64(head + 0x20);
	uint64_t end = WINDOWS_HEADER + BITMAP_HEAD + (bits + 7) / 8;
	if (m->first < end || m->first > vmi_source_size(m->source))
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"its first page is said to be at 0x%" PRIx64
				", which is no place behind the bitmap",
				m->first);
	st = pagemap_open(&m->map, m->source, WINDOWS_HEADER + BITMAP_HEAD, bits, err);
	if (st)
		return st;
	if (!m->map.count)
		return vmi_fail(err, VMI_ERR_CORRUPT, "its bitmap is empty, thus no memory");
	m->is_bitmap = true;
	runs_take(m, header);
	bitmap_measure(m);
	if (present != m->map.count)
		target->warn(target,
			     "the bitmap has 0x%" PRIx64 " pages, not 0x%" PRIx64
			     " as its header says",
			     m->map.count, present);
	if (m->held < m->map.count)
		target->warn(target,
			     "the file ends at 0x%" PRIx64 ", before its memory does: 0x%" PRIx64
			     " pages from gfn 0x%" PRIx64 " on are cut off",
			     vmi_source_size(m->source), m->map.count - m->held, m->cut);
	return VMI_OK;
}

static vmi_gfn next_set(const struct windows_memory *m, vmi_gfn gfn)
{
	return pagemap_next_set(&m->map, gfn, m->map.pages);
}

static vmi_gfn next_clear(const struct windows_memory *m, vmi_gfn gfn)
{
	return pagemap_next_clear(&m->map, gfn, m->map.pages);
}

static void bitmap_extent(const struct windows_memory *m, vmi_gfn gfn, uint64_t index,
			  struct vmi_page *page)
{
	uint64_t run = pagemap_next_clear(&m->map, gfn, gfn + EXTENT_MAX) - gfn;

	page->extent = (size_t)min_u64(run, m->held - index) << VMI_PAGE_SHIFT;
	page->data = vmi_source_at(m->source, m->first + (index << VMI_PAGE_SHIFT), page->extent);
	page->known = NULL;
	page->pin = NULL;
}

static enum vmi_status bitmap_get(const struct windows_memory *m, vmi_gfn gfn,
				  struct vmi_page *page, struct vmi_error *err)
{
	struct vmi_page found = {0};

	if (!pagemap_has(&m->map, gfn))
		return vmi_fail(err, VMI_ERR_NOT_SAVED,
				is_guests(m, gfn) ? "gfn 0x%" PRIx64 " was left out by the dumper"
						  : "no memory at gfn 0x%" PRIx64 " in this image",
				gfn);
	uint64_t index = pagemap_rank(&m->map, gfn);
	if (index >= m->held)
		return vmi_fail(err, VMI_ERR_NOT_SAVED,
				"gfn 0x%" PRIx64 " was cut off: the file ends at 0x%" PRIx64, gfn,
				vmi_source_size(m->source));
	bitmap_extent(m, gfn, index, &found);
	if (!found.data) {
		uint8_t *copy = malloc(VMI_PAGE_SIZE);
		if (!copy)
			return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for gfn 0x%" PRIx64,
					gfn);
		enum vmi_status st = vmi_source_read(
			m->source, m->first + (index << VMI_PAGE_SHIFT), copy, VMI_PAGE_SIZE, err);
		if (st) {
			free(copy);
			return vmi_wrap(err, st, "gfn 0x%" PRIx64, gfn);
		}
		found = (struct vmi_page){.data = copy, .extent = VMI_PAGE_SIZE, .pin = copy};
	}
	*page = found;
	return VMI_OK;
}

/* From the frame of `from` to the frame before `end`. */
static void run_set(struct vmi_run *run, vmi_gpa from, vmi_gfn first, vmi_gfn end,
		    enum vmi_run_kind kind)
{
	vmi_gpa start = first << VMI_PAGE_SHIFT;

	if (start < from)
		start = from;
	*run = (struct vmi_run){
		.gpa = start, .size = (end << VMI_PAGE_SHIFT) - start, .kind = kind};
}

static enum vmi_status bitmap_run_next(const struct windows_memory *m, vmi_gpa from,
				       struct vmi_run *run)
{
	vmi_gfn first = next_set(m, from >> VMI_PAGE_SHIFT);

	if (first >= m->cut)
		return VMI_END;
	run_set(run, from, first, min_u64(next_clear(m, first), m->cut), VMI_RUN_SAVED);
	return VMI_OK;
}

/* Frames that the guest had and whose bit is clear. */
static bool left_out_next(const struct windows_memory *m, vmi_gfn from, vmi_gfn *first,
			  vmi_gfn *end)
{
	for (unsigned i = 0; i < m->runs; i++) {
		vmi_gfn last = m->run[i].first + m->run[i].count;
		vmi_gfn at = from > m->run[i].first ? from : m->run[i].first;
		if (at < m->map.pages)
			at = next_clear(m, at);
		if (at >= last)
			continue;
		*first = at;
		*end = last;
		if (at < m->map.pages && next_set(m, at) < m->map.pages)
			*end = min_u64(last, next_set(m, at));
		return true;
	}
	return false;
}

static enum vmi_status bitmap_absent_next(const struct windows_memory *m, vmi_gpa from,
					  struct vmi_run *run)
{
	vmi_gfn gfn = from >> VMI_PAGE_SHIFT, first, end;
	vmi_gfn cut = next_set(m, gfn > m->cut ? gfn : m->cut);
	bool left_out = left_out_next(m, gfn, &first, &end);

	if (cut >= m->map.pages && !left_out)
		return VMI_END;
	if (left_out && (cut >= m->map.pages || first < cut))
		run_set(run, from, first, end, VMI_RUN_EXCLUDED);
	else
		run_set(run, from, cut, next_clear(m, cut), VMI_RUN_CUT);
	return VMI_OK;
}

/* --------------------------------------------------------------------------------------------- */

static enum vmi_status stretches_open(struct windows_memory *m, const struct vmi_target *target,
				      const uint8_t *header, struct vmi_error *err)
{
	struct segments segments = {0};
	uint32_t type = le32(header + WINDOWS_TYPE);
	enum vmi_status st = type == WINDOWS_FULL ? open_full(m, target, header, &segments, err)
						  : open_ranges(m, header, &segments, err);

	if (!st)
		st = stretches_build(m, target, &segments, err);
	segments_deinit(&segments);
	return st;
}

enum vmi_status windows_memory_open(struct windows_memory *m, const struct vmi_target *target,
				    const uint8_t *header, struct vmi_error *err)
{
	m->source = target->source;
	switch (le32(header + WINDOWS_TYPE)) {
	case WINDOWS_FULL:
	case WINDOWS_KERNEL_RANGES:
	case WINDOWS_USER_RANGES:
	case WINDOWS_FULL_RANGES:
		return stretches_open(m, target, header, err);
	case WINDOWS_SUMMARY:
	case WINDOWS_BITMAP:
	case WINDOWS_LIVE_KERNEL:
		return open_bitmap(m, target, header, err);
	case WINDOWS_TRIAGE:
		return vmi_fail(
			err, VMI_ERR_UNSUPPORTED,
			"it is a small (triage) dump, which holds a stack and lists but no "
			"memory to speak of: have Windows write a kernel or a complete one");
	case WINDOWS_FILLER:
		return vmi_fail(err, VMI_ERR_CORRUPT, "its header does not say of what type it is");
	default:
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"it is a Windows dump of type %" PRIu32
				"; known are 1, 2, 5, 6, 8, 9 and 10",
				le32(header + WINDOWS_TYPE));
	}
}

void windows_memory_close(struct windows_memory *m)
{
	extents_deinit(&m->extents);
	pagemap_close(&m->map);
}

enum vmi_status windows_page_get(const struct windows_memory *m, vmi_gfn gfn, struct vmi_page *page,
				 struct vmi_error *err)
{
	return m->is_bitmap ? bitmap_get(m, gfn, page, err)
			    : extents_page_get(&m->extents, gfn, page, err);
}

enum vmi_status windows_run_next(const struct windows_memory *m, vmi_gpa from, struct vmi_run *run)
{
	return m->is_bitmap ? bitmap_run_next(m, from, run)
			    : extents_run_next(&m->extents, from, run);
}

enum vmi_status windows_absent_next(const struct windows_memory *m, vmi_gpa from,
				    struct vmi_run *run)
{
	return m->is_bitmap ? bitmap_absent_next(m, from, run)
			    : extents_absent_next(&m->extents, from, run);
}
