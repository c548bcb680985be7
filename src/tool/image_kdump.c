/* SPDX-License-Identifier: MIT */
/*
 * A kdump-compressed dump (makedumpfile's diskdump_mod.h, header version 6, 64-bit):
 *
 *	header | sub header, notes | bitmap: is memory | bitmap: is here | descriptors | pages ..
 *
 * all but the last in blocks of 4096 bytes. Descriptors are in the order of frames; the data of a
 * page lies wherever its descriptor says. Pages of zeros share one.
 */

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "image.h"
#include "put.h"
#include "relay.h"

enum {
	BLOCK = VMI_PAGE_SIZE,
	BATCH = 256, /* pages of a job */
	HEADER_SIZE = 464,
	SUB_HEADER_SIZE = 104,
	DESCRIPTOR_SIZE = 24,
	BITS_PER_WINDOW = 8 * BLOCK,
	FRAME_BITS_MAX = 33, /* 32 TiB: a bitmap of 1 GiB */
};

/* Flags of a page, and of the file. */
static const uint32_t flags_of[PACKINGS] = {
	[PACK_ZLIB] = 1, [PACK_LZO] = 2, [PACK_SNAPPY] = 4, [PACK_ZSTD] = 0x20};

struct kdump {
	struct image *image;
	vmi_gfn frames;         /* of the guest: what the bitmaps count */
	uint64_t bitmap_blocks; /* of one of the two */
	uint64_t sub_blocks;    /* sub header and notes */
	uint64_t bitmaps_at, descriptors_at, zero_at;
	uint64_t end;            /* of the data so far */
	uint64_t rank;           /* descriptors so far */
	struct image_list saved; /* the pages that are here: gpa and size */
	size_t stretch;          /* next to hand out: from this one of image->held.. */
	vmi_gfn next;            /* ..this frame, or the first of it if that is higher */
	enum cli_status failed;
};

struct page {
	vmi_gfn gfn;
	uint32_t size; /* 0: of zeros */
	uint32_t flags;
	bool missing;
};

struct job {
	const struct kdump *kdump;
	struct vmi *vm;
	struct packer *packer;
	uint8_t *out; /* the data, one behind the other */
	struct page pages[BATCH];
	unsigned count;
	size_t size;
	uint64_t padded; /* bytes that are not known, in pages that are */
	uint64_t at, descriptors_at;
	enum vmi_status status;
	struct vmi_error err;
	uint8_t descriptors[BATCH * DESCRIPTOR_SIZE];
	size_t saved;
};

/* ---- pages ----------------------------------------------------------------------------------- */

static bool take(void *context, void *given)
{
	struct kdump *kdump = context;
	struct job *job = given;
	const struct image_list *held = &kdump->image->held;

	if (kdump->failed || !image_goes_on(kdump->image))
		return false;
	job->count = 0;
	while (job->count < BATCH && kdump->stretch < held->count) {
		const struct image_stretch *from = &held->list[kdump->stretch];
		vmi_gfn first = from->gpa >> VMI_PAGE_SHIFT;
		vmi_gfn last = (from->gpa + from->size - 1) >> VMI_PAGE_SHIFT;

		if (kdump->next < first)
			kdump->next = first;
		while (job->count < BATCH && kdump->next <= last)
			job->pages[job->count++] = (struct page){.gfn = kdump->next++};
		if (kdump->next > last)
			kdump->stretch++;
	}
	return job->count;
}

static bool is_zero(const uint8_t *bytes)
{
	return !bytes[0] && !memcmp(bytes, bytes + 1, BLOCK - 1);
}

static uint64_t unknown_bytes(const struct vmi_page *page)
{
	uint64_t known = 0;

	for (unsigned i = 0; i < BLOCK / 64; i++)
		known += (unsigned)__builtin_popcountll(page->known[i]);
	return BLOCK - known;
}

static void pack(struct job *job, struct page *page, const uint8_t *bytes)
{
	enum packing packing = job->kdump->image->packing;
	size_t size = 0;

	if (is_zero(bytes))
		return;
	if (packing != PACK_NONE)
		size = packer_pack(job->packer, bytes, BLOCK, job->out + job->size);
	page->flags = size ? flags_of[packing] : 0;
	if (!size) {
		memcpy(job->out + job->size, bytes, BLOCK);
		size = BLOCK;
	}
	page->size = (uint32_t)size;
	job->size += size;
}

static void work(void *context, void *given)
{
	struct job *job = given;

	(void)context;
	job->size = 0;
	job->padded = 0;
	for (unsigned i = 0; i < job->count && !job->status; i++) {
		struct vmi_page page;
		struct vmi_error err;
		enum vmi_status st = vmi_page_get(job->vm, job->pages[i].gfn, &page, &err);

		if (!st) {
			if (page.known)
				job->padded += unknown_bytes(&page);
			pack(job, &job->pages[i], page.data);
			vmi_page_put(job->vm, &page);
			continue;
		}
		job->pages[i].missing = true;
		job->err = err;
		if (!image_is_missing(st))
			job->status = st;
	}
}

/* The descriptors of a job whose data begins at job->at. */
static bool describe(struct kdump *kdump, struct job *job)
{
	uint64_t at = job->at;
	uint8_t *to = job->descriptors;

	job->saved = 0;
	for (unsigned i = 0; i < job->count; i++) {
		const struct page *page = &job->pages[i];
		vmi_gpa gpa = page->gfn << VMI_PAGE_SHIFT;

		if (page->missing) {
			if (!kdump->image->missing)
				kdump->image->missed = job->err;
			kdump->image->missing += BLOCK;
			continue;
		}
		put64(to, page->size ? at : kdump->zero_at);
		put32(to + 8, page->size ? page->size : BLOCK);
		put32(to + 12, page->flags);
		put64(to + 16, 0);
		to += DESCRIPTOR_SIZE;
		at += page->size;
		kdump->image->zero += page->size ? 0 : BLOCK;
		job->saved++;
		if (!image_list_add(&kdump->saved, (struct image_stretch){gpa, BLOCK, gpa}))
			return false;
	}
	return true;
}

static bool commit(void *context, void *given)
{
	struct kdump *kdump = context;
	struct image *image = kdump->image;
	struct job *job = given;

	if (job->status) {
		kdump->failed = cli_failure(image->cli, job->status, &job->err);
		return false;
	}
	job->at = kdump->end;
	job->descriptors_at = kdump->descriptors_at + kdump->rank * DESCRIPTOR_SIZE;
	if (!describe(kdump, job)) {
		kdump->failed = image_no_memory(image);
		return false;
	}
	kdump->end += job->size;
	kdump->rank += job->saved;
	image->padded += job->padded;
	progress_add(&image->cli->progress, (uint64_t)job->count * BLOCK);
	return true;
}

static void finish(void *context, void *given)
{
	struct kdump *kdump = context;
	struct job *job = given;

	image_file_write(&kdump->image->file, job->at, job->out, job->size);
	image_file_write(&kdump->image->file, job->descriptors_at, job->descriptors,
			 job->saved * DESCRIPTOR_SIZE);
}

static bool jobs_begin(struct kdump *kdump, struct job *jobs, void **each, struct vmi **handles)
{
	for (unsigned i = 0; i < kdump->image->threads; i++) {
		jobs[i].kdump = kdump;
		jobs[i].vm = handles[i];
		jobs[i].out = malloc((size_t)BATCH * BLOCK);
		jobs[i].packer = packer_create(kdump->image->packing, BLOCK);
		each[i] = &jobs[i];
		if (!jobs[i].out || !jobs[i].packer)
			return false;
	}
	return true;
}

static enum cli_status write_pages(struct kdump *kdump)
{
	static const struct relay_ops ops = {take, work, commit, finish};
	struct image *image = kdump->image;
	struct vmi *handles[RELAY_THREADS_MAX];
	void *each[RELAY_THREADS_MAX];

	image_clone(image, handles);
	struct job *jobs = calloc(image->threads, sizeof(*jobs));
	if (jobs && jobs_begin(kdump, jobs, each, handles))
		relay_run(&ops, kdump, each, image->threads);
	else
		kdump->failed = image_no_memory(image);
	for (unsigned i = 0; jobs && i < image->threads; i++) {
		packer_destroy(jobs[i].packer);
		free(jobs[i].out);
	}
	free(jobs);
	image_unclone(image, handles);
	if (kdump->failed)
		return kdump->failed;
	return image_goes_on(image) ? CLI_DELIVERED : CLI_PARTIAL;
}

/* ---- bitmaps --------------------------------------------------------------------------------- */

/* A block of a bitmap: bits are set in ascending order, and a block is written when it is left. */
struct window {
	struct image_file *file;
	uint64_t at; /* of the bitmap */
	uint64_t index;
	bool any;
	uint8_t bits[BLOCK];
};

static void window_move(struct window *window, uint64_t index)
{
	if (window->any)
		image_file_write(window->file, window->at + window->index * BLOCK, window->bits,
				 BLOCK);
	window->any = false;
	window->index = index;
	memset(window->bits, 0, BLOCK);
}

static void window_set(struct window *window, const struct image_stretch *stretch)
{
	vmi_gfn last = (stretch->gpa + stretch->size - 1) >> VMI_PAGE_SHIFT;

	for (vmi_gfn gfn = stretch->gpa >> VMI_PAGE_SHIFT; gfn <= last; gfn++) {
		if (gfn / BITS_PER_WINDOW != window->index)
			window_move(window, gfn / BITS_PER_WINDOW);
		window->bits[gfn % BITS_PER_WINDOW / 8] |= (uint8_t)(1 << gfn % 8);
		window->any = true;
	}
}

/* Of all three lists: ascending, as each of them is. */
static void write_bitmap(struct kdump *kdump, uint64_t at, const struct image_list *const lists[3])
{
	struct window window = {.file = &kdump->image->file, .at = at};
	size_t next[3] = {0};

	for (;;) {
		int least = -1;

		for (int i = 0; i < 3; i++)
			if (lists[i] && next[i] < lists[i]->count &&
			    (least < 0 ||
			     lists[i]->list[next[i]].gpa < lists[least]->list[next[least]].gpa))
				least = i;
		if (least < 0)
			break;
		window_set(&window, &lists[least]->list[next[least]++]);
	}
	window_move(&window, 0);
}

/* ---- headers --------------------------------------------------------------------------------- */

/* The value of a line NAME=.. of VMCOREINFO, into `value`; "" when there is none. */
static void vmcoreinfo_value(const struct image *image, const char *name, char *value, size_t size)
{
	size_t len = strlen(name);

	*value = '\0';
	if (!image->notes.vmcoreinfo_size) /* then there may be no bytes at all */
		return;
	const char *text = (const char *)image->notes.bytes + image->notes.vmcoreinfo_at;
	const char *end = text + image->notes.vmcoreinfo_size;
	for (const char *line = text; line < end;) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));

		stop = stop ? stop : end;
		if ((size_t)(stop - line) > len && !memcmp(line, name, len)) {
			size_t n = (size_t)(stop - line) - len;

			n = n < size - 1 ? n : size - 1;
			memcpy(value, line + len, n);
			value[n] = '\0';
			return;
		}
		line = stop + 1;
	}
}

static void put_text(uint8_t *at, const char *text, size_t room)
{
	size_t len = strlen(text);

	memcpy(at, text, len < room ? len : room - 1);
}

static void write_header(struct kdump *kdump)
{
	struct image *image = kdump->image;
	bool wide = vmi_info(image->cli->vm)->machine != VMI_MACHINE_X86;
	uint8_t header[HEADER_SIZE] = {0};
	char release[65];

	vmcoreinfo_value(image, "OSRELEASE=", release, sizeof(release));
	memcpy(header, "KDUMP   ", 8);
	put32(header + 8, 6);
	/* libkdumpfile takes the machine for granted only where no name but the last is empty. */
	put_text(header + 12, *release ? "Linux" : "unknown", 65);
	put_text(header + 77, "unknown", 65);
	put_text(header + 142, *release ? release : "unknown", 65);
	put_text(header + 207, "unknown", 65);
	put_text(header + 272, wide ? "x86_64" : "i686", 65);
	put64(header + 408, (uint64_t)time(NULL));
	put32(header + 424, flags_of[image->packing]);
	put32(header + 428, BLOCK);
	put32(header + 432, kdump->sub_blocks);
	put32(header + 436, 2 * kdump->bitmap_blocks);
	put32(header + 440, kdump->frames > UINT32_MAX ? UINT32_MAX : kdump->frames);
	put32(header + 460, image->vcpus);
	image_file_write(&image->file, 0, header, sizeof(header));
}

static void write_sub_header(struct kdump *kdump)
{
	struct image *image = kdump->image;
	const struct image_notes *notes = &image->notes;
	uint8_t sub[SUB_HEADER_SIZE] = {0};
	uint64_t notes_at = BLOCK + SUB_HEADER_SIZE;
	char phys_base[32];

	vmcoreinfo_value(image, "NUMBER(phys_base)=", phys_base, sizeof(phys_base));
	put64(sub, (uint64_t)strtoll(phys_base, NULL, 0));
	if (notes->vmcoreinfo_size) {
		put64(sub + 32, notes_at + notes->vmcoreinfo_at);
		put64(sub + 40, notes->vmcoreinfo_size);
	}
	if (notes->size) {
		put64(sub + 48, notes_at);
		put64(sub + 56, notes->size);
	}
	put64(sub + 96, kdump->frames);
	image_file_write(&image->file, BLOCK, sub, sizeof(sub));
	image_file_write(&image->file, notes_at, notes->bytes, notes->size);
}

/* ---- all of it ------------------------------------------------------------------------------- */

static vmi_gfn frames_of(const struct image *image)
{
	const struct image_list *lists[] = {&image->held, &image->excluded, &image->cut};
	vmi_gfn frames = 0;

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		if (!lists[i]->count)
			continue;
		const struct image_stretch *last = &lists[i]->list[lists[i]->count - 1];
		vmi_gfn end = ((last->gpa + last->size - 1) >> VMI_PAGE_SHIFT) + 1;
		frames = end > frames ? end : frames;
	}
	return frames;
}

/* Pages of the list, counted once where two stretches share one. */
static uint64_t pages_of(const struct image_list *list)
{
	uint64_t pages = 0;
	vmi_gfn next = 0;

	for (size_t i = 0; i < list->count; i++) {
		vmi_gfn first = list->list[i].gpa >> VMI_PAGE_SHIFT;
		vmi_gfn last = (list->list[i].gpa + list->list[i].size - 1) >> VMI_PAGE_SHIFT;

		first = first > next ? first : next;
		if (first > last)
			continue;
		pages += last - first + 1;
		next = last + 1;
	}
	return pages;
}

static void place(struct kdump *kdump)
{
	const struct image *image = kdump->image;
	uint64_t sub = SUB_HEADER_SIZE + image->notes.size;
	uint64_t descriptors = pages_of(&image->held) * DESCRIPTOR_SIZE;

	kdump->sub_blocks = (sub + BLOCK - 1) / BLOCK;
	kdump->bitmap_blocks = (kdump->frames + BITS_PER_WINDOW - 1) / BITS_PER_WINDOW;
	kdump->bitmaps_at = (1 + kdump->sub_blocks) * BLOCK;
	kdump->descriptors_at = kdump->bitmaps_at + 2 * kdump->bitmap_blocks * BLOCK;
	kdump->zero_at = kdump->descriptors_at + (descriptors + BLOCK - 1) / BLOCK * BLOCK;
	kdump->end = kdump->zero_at + BLOCK;
}

static enum cli_status kdump_write(struct image *image)
{
	struct kdump kdump = {.image = image, .frames = frames_of(image)};
	const struct image_list *memory[3] = {&image->held, &image->excluded, &image->cut};
	const struct image_list *here[3] = {&kdump.saved};

	if (kdump.frames >> FRAME_BITS_MAX) {
		cli_say(image->cli, "memory reaches beyond 32 TiB, and a kdump has a bit for each "
				    "page below: use --format elf");
		return CLI_UNABLE;
	}
	place(&kdump);
	progress_begin(&image->cli->progress, "copying", image_list_bytes(&image->held));
	enum cli_status status = write_pages(&kdump);
	if (!status) {
		write_header(&kdump);
		write_sub_header(&kdump);
		write_bitmap(&kdump, kdump.bitmaps_at, memory);
		write_bitmap(&kdump, kdump.bitmaps_at + kdump.bitmap_blocks * BLOCK, here);
		image->end = kdump.end;
	}
	image_list_deinit(&kdump.saved);
	return status;
}

const struct image_format image_kdump = {
	.name = "kdump",
	.notes = true,
	.holes = true,
	.write = kdump_write,
};
