/* SPDX-License-Identifier: MIT */
/* Which guest-physical bytes lie where in a file: from a list of segments to a table to pages. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "extents.h"

/* x86 has no more than 52 bits of physical address (SDM vol. 3A 4.1.4), so no sum below wraps. */
static const uint64_t GPA_END = UINT64_C(1) << 52;

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static enum vmi_status no_memory(struct vmi_error *err)
{
	return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the table of segments");
}

/* ---- the list ------------------------------------------------------------------------------- */

static bool segments_push(struct segments *segments, vmi_gpa gpa, uint64_t size, uint64_t offset,
			  enum segment_kind kind)
{
	if (!size)
		return true;
	if (segments->count == segments->room) {
		size_t room = segments->room ? segments->room * 2 : 16;
		struct segment *list = realloc(segments->list, room * sizeof(*list));
		if (!list)
			return false;
		segments->list = list;
		segments->room = room;
	}
	segments->list[segments->count++] =
		(struct segment){.gpa = gpa, .size = size, .offset = offset, .kind = kind};
	return true;
}

/* Cut to what there is of physical addresses. False when nothing is left. */
static bool segments_fit(struct segments *segments, vmi_gpa gpa, uint64_t *size)
{
	if (gpa > GPA_END || *size > GPA_END - gpa) {
		segments->beyond++;
		if (gpa >= GPA_END)
			return false;
		*size = GPA_END - gpa;
	}
	return true;
}

enum vmi_status segments_add(struct segments *segments, const struct vmi_source *source,
			     vmi_gpa gpa, uint64_t filesz, uint64_t memsz, uint64_t offset,
			     struct vmi_error *err)
{
	uint64_t size = filesz > memsz ? filesz : memsz;

	if (!segments_fit(segments, gpa, &size))
		return VMI_OK;
	filesz = min_u64(filesz, size);
	uint64_t end = vmi_source_size(source);
	uint64_t held = offset < end ? min_u64(filesz, end - offset) : 0;
	if (held < filesz && !segments->cut++) {
		segments->cut_gpa = gpa + held;
		segments->cut_size = filesz - held;
	}
	if (!segments_push(segments, gpa, held, offset, SEGMENT_HELD) ||
	    !segments_push(segments, gpa + held, filesz - held, 0, SEGMENT_CUT) ||
	    !segments_push(segments, gpa + filesz, size - filesz, 0, SEGMENT_LEFT_OUT))
		return no_memory(err);
	return VMI_OK;
}

enum vmi_status segments_add_packed(struct segments *segments, vmi_gpa gpa, uint64_t size,
				    uint64_t lost, uint64_t offset, struct vmi_error *err)
{
	uint64_t all = lost < UINT64_MAX - size ? size + lost : UINT64_MAX;

	if (!segments_fit(segments, gpa, &all))
		return VMI_OK;
	size = min_u64(size, all);
	lost = all - size;
	if (lost && !segments->cut++) {
		segments->cut_gpa = gpa + size;
		segments->cut_size = lost;
	}
	if (!segments_push(segments, gpa, size, offset, SEGMENT_HELD) ||
	    !segments_push(segments, gpa + size, lost, 0, SEGMENT_CUT))
		return no_memory(err);
	return VMI_OK;
}

enum vmi_status segments_add_hole(struct segments *segments, vmi_gpa gpa, uint64_t size,
				  struct vmi_error *err)
{
	if (gpa >= GPA_END)
		return VMI_OK;
	return segments_push(segments, gpa, min_u64(size, GPA_END - gpa), 0, SEGMENT_HOLE)
		       ? VMI_OK
		       : no_memory(err);
}

void segments_reverse(struct segments *segments)
{
	for (size_t low = 0, high = segments->count; low + 1 < high; low++) {
		struct segment other = segments->list[--high];
		segments->list[high] = segments->list[low];
		segments->list[low] = other;
	}
	segments->reversed = true;
}

void segments_deinit(struct segments *segments)
{
	free(segments->list);
	*segments = (struct segments){0};
}

/* ---- from the list to the table ------------------------------------------------------------- */

/*
 * All addresses where a segment begins or ends cut the memory into intervals, each of which belongs
 * to at most one segment: the first that covers it. Every interval is painted once; next[] leads
 * over painted ones (with its paths halved on the way), so that a thousand aliases of the same
 * memory cost no more than one.
 */
struct intervals {
	size_t count; /* of bounds; interval i is [bound[i], bound[i + 1]) */
	vmi_gpa *bound;
	size_t *next;
	const struct segment **owner;
};

static int compare_gpa(const void *a, const void *b)
{
	vmi_gpa x = *(const vmi_gpa *)a, y = *(const vmi_gpa *)b;

	return (x > y) - (x < y);
}

static void intervals_deinit(struct intervals *iv)
{
	free(iv->bound);
	free(iv->next);
	free(iv->owner);
}

static bool intervals_init(struct intervals *iv, const struct segments *segments)
{
	size_t n = 2 * segments->count;

	*iv = (struct intervals){
		.bound = calloc(n + 1, sizeof(*iv->bound)),
		.next = calloc(n + 1, sizeof(*iv->next)),
		.owner = calloc(n + 1, sizeof(const struct segment *)),
	};
	if (!iv->bound || !iv->next || !iv->owner) {
		intervals_deinit(iv);
		return false;
	}
	for (size_t i = 0; i < segments->count; i++) {
		iv->bound[2 * i] = segments->list[i].gpa;
		iv->bound[2 * i + 1] = segments->list[i].gpa + segments->list[i].size;
	}
	qsort(iv->bound, n, sizeof(*iv->bound), compare_gpa);
	for (size_t i = 0; i < n; i++)
		if (!i || iv->bound[i] != iv->bound[i - 1])
			iv->bound[iv->count++] = iv->bound[i];
	for (size_t i = 0; i <= n; i++)
		iv->next[i] = i;
	return true;
}

/* The last of `count` >= 1 ascending addresses that is not above `gpa`, or the first. */
static inline size_t search(const vmi_gpa *sorted, size_t count, vmi_gpa gpa)
{
	const vmi_gpa *base = sorted;

	while (count > 1) {
		size_t half = count / 2;
		base += base[half] <= gpa ? half : 0;
		count -= half;
	}
	return (size_t)(base - sorted);
}

static size_t unpainted(struct intervals *iv, size_t i)
{
	while (iv->next[i] != i) {
		iv->next[i] = iv->next[iv->next[i]];
		i = iv->next[i];
	}
	return i;
}

/* `kinds` has a bit for each kind to paint now. */
static void paint(struct intervals *iv, const struct segments *segments, unsigned kinds)
{
	for (size_t k = 0; k < segments->count; k++) {
		const struct segment *s = &segments->list[k];
		if (!(kinds >> s->kind & 1))
			continue;
		size_t i = unpainted(iv, search(iv->bound, iv->count, s->gpa));
		while (i < iv->count && iv->bound[i] < s->gpa + s->size) {
			iv->owner[i] = s;
			iv->next[i] = i + 1;
			i = unpainted(iv, i);
		}
	}
}

/* Where a segment that starts at gpa is in the file, as seen from gpa 0. Wraps, on purpose. */
static uint64_t delta(uint64_t offset, vmi_gpa gpa)
{
	return offset - gpa;
}

static void append_held(struct extents *x, const struct segment *s, vmi_gpa from, vmi_gpa to)
{
	uint64_t offset = s->offset + (from - s->gpa);
	size_t last = x->count - 1;

	if (x->count && x->gpa[last] + x->extent[last].size == from &&
	    delta(x->extent[last].offset, x->gpa[last]) == delta(offset, from)) {
		x->extent[last].size += to - from;
		return;
	}
	x->gpa[x->count] = from;
	x->extent[x->count++] = (struct extent){.size = to - from, .offset = offset};
}

static void append_absent(struct extents *x, const struct segment *s, vmi_gpa from, vmi_gpa to)
{
	struct segment *last = x->absent + x->absent_count - 1;

	if (x->absent_count && last->gpa + last->size == from && last->kind == s->kind) {
		last->size += to - from;
		return;
	}
	x->absent[x->absent_count++] =
		(struct segment){.gpa = from, .size = to - from, .kind = s->kind};
}

/* What follows from the sorted extents: whole pages, touching runs, sums, losers. */
static void derive(struct extents *x, const struct segments *segments)
{
	vmi_gpa run_start = GPA_END, run_end = GPA_END;

	for (size_t i = x->count; i-- > 0;) {
		struct extent *e = &x->extent[i];
		vmi_gpa end = x->gpa[i] + e->size;
		if (end != run_start)
			run_end = end;
		run_start = x->gpa[i];
		e->run_end = run_end;
		x->bytes += e->size;
		e->whole = e->size < VMI_PAGE_SIZE ? 0 : e->size - VMI_PAGE_SIZE + 1;
	}
	for (size_t k = 0; k < segments->count; k++) {
		const struct segment *s = &segments->list[k];
		if (s->kind != SEGMENT_HELD)
			continue;
		size_t i = search(x->gpa, x->count, s->gpa);
		const struct extent *e = &x->extent[i];
		if ((delta(e->offset, x->gpa[i]) != delta(s->offset, s->gpa) ||
		     s->gpa + s->size > x->gpa[i] + e->size) &&
		    !x->conflicts++)
			x->conflict_gpa = s->gpa;
	}
}

enum vmi_status extents_build(struct extents *x, const struct segments *segments,
			      const struct vmi_source *source, struct vmi_error *err)
{
	struct intervals iv;

	*x = (struct extents){.source = source, .map = vmi_source_map(source)};
	if (!intervals_init(&iv, segments))
		return no_memory(err);
	x->gpa = calloc(iv.count + 1, sizeof(*x->gpa));
	x->extent = calloc(iv.count + 1, sizeof(*x->extent));
	x->absent = calloc(iv.count + 1, sizeof(*x->absent));
	if (!x->gpa || !x->extent || !x->absent) {
		intervals_deinit(&iv);
		extents_deinit(x);
		return no_memory(err);
	}
	paint(&iv, segments,
	      1u << SEGMENT_HELD | 1u << SEGMENT_HOLE |
		      (segments->reversed ? 1u << SEGMENT_LEFT_OUT : 0));
	paint(&iv, segments, 1u << SEGMENT_CUT);
	paint(&iv, segments, 1u << SEGMENT_LEFT_OUT);
	for (size_t i = 0; i + 1 < iv.count; i++) {
		if (!iv.owner[i] || iv.owner[i]->kind == SEGMENT_HOLE)
			continue;
		if (iv.owner[i]->kind == SEGMENT_HELD)
			append_held(x, iv.owner[i], iv.bound[i], iv.bound[i + 1]);
		else
			append_absent(x, iv.owner[i], iv.bound[i], iv.bound[i + 1]);
		x->end = iv.bound[i + 1];
	}
	intervals_deinit(&iv);
	if (x->count)
		derive(x, segments);

	uint64_t size = vmi_source_size(source);
	bool hole;
	x->sparse = vmi_source_stretch(source, 0, size, &hole) < size || hole;
	return VMI_OK;
}

void extents_packed(struct extents *x, extents_read *read, void *context)
{
	x->read = read;
	x->context = context;
	x->map = NULL;
	x->sparse = false;
}

void extents_deinit(struct extents *x)
{
	free(x->gpa);
	free(x->extent);
	free(x->absent);
	*x = (struct extents){0};
}

/* ---- pages ---------------------------------------------------------------------------------- */

/* A page that is not lying there whole. */
struct assembled {
	uint8_t bytes[VMI_PAGE_SIZE];
	uint64_t known[VMI_PAGE_SIZE / 64];
};

static void mark_known(uint64_t *known, size_t from, size_t to)
{
	for (; from < to && from % 64; from++)
		known[from / 64] |= UINT64_C(1) << (from % 64);
	for (; to - from >= 64; from += 64)
		known[from / 64] = UINT64_MAX;
	for (; from < to; from++)
		known[from / 64] |= UINT64_C(1) << (from % 64);
}

static enum vmi_status absent(const struct extents *x, vmi_gfn gfn, struct vmi_error *err)
{
	vmi_gpa gpa = gfn << VMI_PAGE_SHIFT;

	for (size_t low = 0, high = x->absent_count; low < high;) {
		size_t i = low + (high - low) / 2;
		const struct segment *s = &x->absent[i];
		if (s->gpa + s->size <= gpa)
			low = i + 1;
		else if (s->gpa >= gpa + VMI_PAGE_SIZE)
			high = i;
		else if (s->kind == SEGMENT_CUT)
			return vmi_fail(err, VMI_ERR_NOT_SAVED,
					"gfn 0x%" PRIx64
					" was cut off: the file ends at 0x%" PRIx64,
					gfn, vmi_source_size(x->source));
		else
			return vmi_fail(err, VMI_ERR_NOT_SAVED,
					"gfn 0x%" PRIx64 " was left out by the dumper", gfn);
	}
	return vmi_fail(err, VMI_ERR_NOT_SAVED, "no memory at gfn 0x%" PRIx64 " in this image",
			gfn);
}

/* Does extent i, the last that begins at or before gpa (or the first), or the next touch a page? */
static bool is_touched(const struct extents *x, size_t i, vmi_gpa gpa)
{
	vmi_gpa end = gpa + VMI_PAGE_SIZE;

	return (x->gpa[i] < end && x->gpa[i] + x->extent[i].size > gpa) ||
	       (i + 1 < x->count && x->gpa[i + 1] < end);
}

static enum vmi_status fill(const struct extents *x, size_t i, vmi_gpa gpa, struct assembled *page,
			    size_t *held, struct vmi_error *err)
{
	for (*held = 0; i < x->count && x->gpa[i] < gpa + VMI_PAGE_SIZE; i++) {
		vmi_gpa from = x->gpa[i] > gpa ? x->gpa[i] : gpa;
		vmi_gpa to = min_u64(x->gpa[i] + x->extent[i].size, gpa + VMI_PAGE_SIZE);
		if (from >= to)
			continue;
		uint64_t offset = x->extent[i].offset + (from - x->gpa[i]);
		uint8_t *bytes = page->bytes + (from - gpa);
		size_t len = (size_t)(to - from);
		enum vmi_status st = x->read ? x->read(x->context, offset, bytes, len, err)
					     : vmi_source_read(x->source, offset, bytes, len, err);
		if (st)
			return st;
		mark_known(page->known, (size_t)(from - gpa), (size_t)(to - gpa));
		*held += (size_t)(to - from);
	}
	return VMI_OK;
}

/* Out of several extents, or of a part of one, or of a file that is not mapped. */
static enum vmi_status assemble(const struct extents *x, size_t i, vmi_gfn gfn,
				struct vmi_page *page, struct vmi_error *err)
{
	if (!is_touched(x, i, gfn << VMI_PAGE_SHIFT))
		return absent(x, gfn, err);

	struct assembled *assembled = calloc(1, sizeof(*assembled));
	if (!assembled)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for gfn 0x%" PRIx64, gfn);

	size_t held;
	enum vmi_status st = fill(x, i, gfn << VMI_PAGE_SHIFT, assembled, &held, err);
	if (st) {
		free(assembled);
		return vmi_wrap(err, st, "gfn 0x%" PRIx64, gfn);
	}
	*page = (struct vmi_page){
		.data = assembled->bytes,
		.known = held < VMI_PAGE_SIZE ? assembled->known : NULL,
		.extent = VMI_PAGE_SIZE,
		.pin = assembled,
	};
	return VMI_OK;
}

enum vmi_status extents_page_get(const struct extents *x, vmi_gfn gfn, struct vmi_page *page,
				 struct vmi_error *err)
{
	if (gfn >= GPA_END >> VMI_PAGE_SHIFT)
		return vmi_fail(err, VMI_ERR_NOT_SAVED,
				"gfn 0x%" PRIx64 " is beyond the 52 address bits of x86", gfn);

	vmi_gpa gpa = gfn << VMI_PAGE_SHIFT;
	size_t i = search(x->gpa, x->count, gpa);
	const struct extent *e = &x->extent[i];
	uint64_t in = gpa - x->gpa[i]; /* below the first extent this is huge: not whole */

	if (__builtin_expect(in >= e->whole || !x->map, 0))
		return assemble(x, i, gfn, page, err);
	page->data = x->map + e->offset + in;
	page->known = NULL;
	page->extent = (size_t)(e->size - in);
	page->pin = NULL;
	return VMI_OK;
}

void extents_page_put(struct vmi_page *page)
{
	free(page->pin);
}

enum vmi_status extents_run_next(const struct extents *x, vmi_gpa from, struct vmi_run *run)
{
	size_t i = search(x->gpa, x->count, from);

	if (from >= x->gpa[i] + x->extent[i].size && ++i == x->count)
		return VMI_END;

	const struct extent *e = &x->extent[i];
	vmi_gpa start = from > x->gpa[i] ? from : x->gpa[i];
	uint64_t size = e->run_end - start;
	bool hole = false;
	if (x->sparse) {
		/* Holes are the host's to know, so one question per run: never past the extent. */
		uint64_t at = e->offset + (start - x->gpa[i]);
		uint64_t end = e->offset + e->size;
		uint64_t stop = vmi_source_stretch(x->source, at, end, &hole);
		size = (stop > at && stop < end ? stop : end) - at;
	}
	*run = (struct vmi_run){
		.gpa = start, .size = size, .kind = hole ? VMI_RUN_ZERO : VMI_RUN_SAVED};
	return VMI_OK;
}

enum vmi_status extents_absent_next(const struct extents *x, vmi_gpa from, struct vmi_run *run)
{
	size_t low = 0;

	for (size_t high = x->absent_count; low < high;) {
		size_t i = low + (high - low) / 2;
		if (x->absent[i].gpa + x->absent[i].size <= from)
			low = i + 1;
		else
			high = i;
	}
	if (low == x->absent_count)
		return VMI_END;

	const struct segment *s = &x->absent[low];
	vmi_gpa start = from > s->gpa ? from : s->gpa;
	*run = (struct vmi_run){
		.gpa = start,
		.size = s->gpa + s->size - start,
		.kind = s->kind == SEGMENT_CUT ? VMI_RUN_CUT : VMI_RUN_EXCLUDED,
	};
	return VMI_OK;
}

/* ---- for a driver's table ------------------------------------------------------------------- */

enum vmi_status extents_self_get(void *self, vmi_gfn gfn, struct vmi_page *page,
				 struct vmi_error *err)
{
	return extents_page_get(self, gfn, page, err);
}

void extents_self_put(void *self, struct vmi_page *page)
{
	(void)self;
	extents_page_put(page);
}

enum vmi_status extents_self_run_next(void *self, vmi_gpa from, struct vmi_run *run,
				      struct vmi_error *err)
{
	(void)err;
	return extents_run_next(self, from, run);
}

enum vmi_status extents_self_absent_next(void *self, vmi_gpa from, struct vmi_run *run,
					 struct vmi_error *err)
{
	(void)err;
	return extents_absent_next(self, from, run);
}

void extents_self_close(void *self)
{
	extents_deinit(self);
}
