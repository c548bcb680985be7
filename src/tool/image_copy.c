/* SPDX-License-Identifier: MIT */
/*
 * The copy of formats that are a layout: the file's bytes in order, a chunk at a time, filled from
 * the pieces that lie there; then written where they are not zero, or packed.
 */

#include <stdlib.h>
#include <string.h>

#include "image_copy.h"
#include "image_layout.h"
#include "image_pack.h"
#include "relay.h"

static const double TIB = 0x1p40;

enum {
	CHUNK = 1 << 20,
	CHUNK_BLOCKS = CHUNK / IMAGE_BLOCK,
	CHUNK_PAGES = CHUNK / VMI_PAGE_SIZE,
	TRIES = 3,
};

struct copy {
	struct image *image;
	struct image_layout layout;
	struct image_pack pack;
	bool packed;
	uint64_t next;             /* offset of the chunk to hand out */
	size_t piece;              /* the first that ends behind it */
	struct image_list missing; /* what this copy could not read */
	enum cli_status failed;
};

/* What a thread has: a chunk, and what became of it. */
struct job {
	const struct copy *copy;
	struct vmi *vm;
	struct packer *packer;
	uint8_t *bytes, *out;
	uint64_t offset;
	size_t len, piece;
	uint64_t memory;         /* bytes of it that are guest memory */
	uint64_t zero;           /* that were found to be */
	bool plain[CHUNK_PAGES]; /* the pages of it that must be written: the rest is zeros */
	struct image_list missing;
	struct vmi_error missed;
	enum vmi_status status; /* of what must end the copy */
	uint32_t sizes[CHUNK_BLOCKS];
	uint64_t at; /* where the packed blocks go */
};

/* ---- filling a chunk ------------------------------------------------------------------------- */

static bool is_zero(const uint8_t *bytes, size_t len)
{
	return !bytes[0] && !memcmp(bytes, bytes + 1, len - 1);
}

/*
 * Which pages of the file must be written, by what was put into the chunk. How many bytes need not:
 * those of pages of zeros, which begin where `from` is on a page.
 */
static uint64_t note(struct job *job, size_t at, uint64_t from, size_t len)
{
	uint64_t zero = 0;

	for (size_t n; len; at += n, from += n, len -= n) {
		n = VMI_PAGE_SIZE - from % VMI_PAGE_SIZE;
		n = n < len ? n : len;
		if (is_zero(job->bytes + at, n)) {
			zero += n;
			continue;
		}
		for (size_t page = at / VMI_PAGE_SIZE; page * VMI_PAGE_SIZE < at + n; page++)
			job->plain[page] = true;
	}
	return zero;
}

/* Memory, to `at` in the chunk; what cannot be read is left zero and noted, by pages. */
static void fill_memory(struct job *job, size_t at, vmi_gpa gpa, size_t len)
{
	struct vmi_error err;

	while (len && !job->status) {
		size_t done = 0;
		enum vmi_status st =
			vmi_read_bytes(job->vm, NULL, gpa, job->bytes + at, len, &done, &err);

		job->zero += note(job, at, gpa, st ? done : len);
		if (!st)
			return;
		at += done;
		gpa += done;
		len -= done;
		size_t hole = VMI_PAGE_SIZE - gpa % VMI_PAGE_SIZE;
		hole = hole < len ? hole : len;
		memset(job->bytes + at, 0, hole);
		if (!image_is_missing(st) ||
		    !image_list_add(&job->missing,
				    (struct image_stretch){gpa, hole, job->offset + at})) {
			job->status = image_is_missing(st) ? VMI_ERR_NOMEM : st;
			job->missed = err;
			return;
		}
		if (job->missing.count == 1)
			job->missed = err;
		at += hole;
		gpa += hole;
		len -= hole;
	}
}

static void fill(struct job *job)
{
	const struct image_layout *layout = &job->copy->layout;
	uint64_t end = job->offset + job->len;
	uint64_t filled = job->offset;

	for (size_t i = job->piece; i < layout->count && layout->list[i].offset < end; i++) {
		const struct image_piece *piece = &layout->list[i];
		uint64_t from = piece->offset > job->offset ? piece->offset : job->offset;
		uint64_t stop = piece->offset + piece->size;
		stop = stop < end ? stop : end;
		size_t len = (size_t)(stop - from);
		size_t at = (size_t)(from - job->offset);

		memset(job->bytes + (filled - job->offset), 0, (size_t)(from - filled));
		filled = stop;
		if (piece->literal) {
			memcpy(job->bytes + at, layout->bytes + piece->at + (from - piece->offset),
			       len);
			note(job, at, at, len);
			continue;
		}
		job->memory += len;
		fill_memory(job, at, piece->gpa + (from - piece->offset), len);
	}
	memset(job->bytes + (filled - job->offset), 0, (size_t)(end - filled));
}

/* ---- the relay ------------------------------------------------------------------------------- */

/* The next chunk that has a piece; a plain file needs no others. */
static bool take(void *context, void *given)
{
	struct copy *copy = context;
	struct job *job = given;
	const struct image_layout *layout = &copy->layout;

	if (copy->failed || !image_goes_on(copy->image))
		return false;
	while (copy->piece < layout->count &&
	       layout->list[copy->piece].offset + layout->list[copy->piece].size <= copy->next)
		copy->piece++;
	if (!copy->packed && copy->piece < layout->count &&
	    layout->list[copy->piece].offset > copy->next)
		copy->next = layout->list[copy->piece].offset / CHUNK * CHUNK;
	if (copy->next >= layout->size)
		return false;
	uint64_t left = layout->size - copy->next;
	job->offset = copy->next;
	job->len = left < CHUNK ? (size_t)left : CHUNK;
	job->piece = copy->piece;
	copy->next += job->len;
	return true;
}

static void pack_chunk(struct job *job)
{
	uint8_t *to = job->out;

	for (size_t i = 0, at = 0; at < job->len; i++, at += IMAGE_BLOCK) {
		size_t len = job->len - at < IMAGE_BLOCK ? job->len - at : IMAGE_BLOCK;
		size_t size =
			image_pack_block(&job->copy->pack, job->packer, job->bytes + at, len, to);

		job->sizes[i] = (uint32_t)size;
		to += size;
	}
}

static void work(void *context, void *given)
{
	struct job *job = given;

	(void)context;
	job->memory = 0;
	job->zero = 0;
	memset(job->plain, 0, sizeof(job->plain));
	job->missing.count = 0;
	fill(job);
	if (!job->status && job->copy->packed)
		pack_chunk(job);
}

static bool commit(void *context, void *given)
{
	struct copy *copy = context;
	struct image *image = copy->image;
	struct job *job = given;

	if (job->status) {
		copy->failed = cli_failure(image->cli, job->status, &job->missed);
		return false;
	}
	if (job->missing.count && !image->missing && !copy->missing.count)
		image->missed = job->missed;
	for (size_t i = 0; i < job->missing.count; i++)
		if (!image_list_add(&copy->missing, job->missing.list[i])) {
			copy->failed = image_no_memory(image);
			return false;
		}
	if (copy->packed)
		job->at = image_pack_place(&copy->pack, job->bytes, job->len, job->sizes);
	image->zero += job->zero;
	progress_add(&image->cli->progress, job->memory);
	return true;
}

/* Pages that follow each other are one write. */
static void write_plain(struct image *image, const struct job *job)
{
	size_t count = (job->len + VMI_PAGE_SIZE - 1) / VMI_PAGE_SIZE;

	for (size_t page = 0, next; page < count; page = next) {
		for (next = page + 1; next < count && job->plain[next] == job->plain[page];)
			next++;
		size_t at = page * VMI_PAGE_SIZE;
		size_t end = next < count ? next * VMI_PAGE_SIZE : job->len;
		if (job->plain[page])
			image_file_write(&image->file, job->offset + at, job->bytes + at, end - at);
	}
}

static void finish(void *context, void *given)
{
	struct copy *copy = context;
	struct job *job = given;
	size_t size = 0;

	if (!copy->packed) {
		write_plain(copy->image, job);
		return;
	}
	for (size_t at = 0, i = 0; at < job->len; i++, at += IMAGE_BLOCK)
		size += job->sizes[i];
	image_file_write(&copy->image->file, job->at, job->out, size);
}

/* ---- around it ------------------------------------------------------------------------------- */

static bool jobs_begin(struct copy *copy, struct job *jobs, void **each, struct vmi **handles)
{
	for (unsigned i = 0; i < copy->image->threads; i++) {
		jobs[i] = (struct job){.copy = copy, .vm = handles[i]};
		each[i] = &jobs[i];
		jobs[i].bytes = malloc(CHUNK);
		if (copy->packed) {
			jobs[i].out = malloc((size_t)CHUNK_BLOCKS * IMAGE_BLOCK_ROOM);
			jobs[i].packer = packer_create(copy->image->packing, IMAGE_BLOCK);
		}
		if (!jobs[i].bytes || (copy->packed && (!jobs[i].out || !jobs[i].packer)))
			return false;
	}
	return true;
}

static void jobs_end(struct job *jobs, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		packer_destroy(jobs[i].packer);
		image_list_deinit(&jobs[i].missing);
		free(jobs[i].bytes);
		free(jobs[i].out);
	}
}

static enum cli_status copy_once(struct copy *copy)
{
	static const struct relay_ops ops = {take, work, commit, finish};
	struct image *image = copy->image;
	struct vmi *handles[RELAY_THREADS_MAX];
	void *each[RELAY_THREADS_MAX];

	copy->next = 0;
	copy->piece = 0;
	if (copy->packed &&
	    !image_pack_begin(&copy->pack, image->packing, copy->layout.size, &image->file))
		return image_no_memory(image);
	image_clone(image, handles);
	struct job *jobs = calloc(image->threads, sizeof(*jobs));
	if (jobs && jobs_begin(copy, jobs, each, handles))
		relay_run(&ops, copy, each, image->threads);
	else
		copy->failed = image_no_memory(image);
	if (jobs)
		jobs_end(jobs, image->threads);
	free(jobs);
	image_unclone(image, handles);
	if (copy->failed)
		return copy->failed;
	return image_goes_on(image) ? CLI_DELIVERED : CLI_PARTIAL;
}

/* The front as it is after all. False: it does not fit. */
static bool patch(struct copy *copy)
{
	struct image *image = copy->image;
	uint64_t size = copy->layout.size;

	if (copy->packed || !image->format->lay_out_again ||
	    !image->format->lay_out_again(image, &copy->layout))
		return false;
	image_file_write(&image->file, 0, copy->layout.bytes, copy->layout.used);
	copy->layout.size = size;
	return true;
}

static enum cli_status lay_out_and_copy(struct copy *copy)
{
	struct image *image = copy->image;

	image_layout_deinit(&copy->layout);
	image_list_deinit(&copy->missing);
	image->zero = 0;
	if (!image->format->lay_out(image, &copy->layout))
		return copy->layout.failed ? image_no_memory(image) : CLI_UNABLE;
	if (!copy->packed || image_pack_fits(copy->layout.size))
		return copy_once(copy);
	cli_say(image->cli,
		"%.1f TiB of memory does not fit into a file that is compressed by %s, whose index "
		"ends at 32 TiB: use --compress none",
		(double)copy->layout.size / TIB, packing_names[image->packing]);
	return CLI_UNABLE;
}

/*
 * What could not be read must be told in what comes before the memory: there is room for it in
 * front, or the copy is made again, which then goes by what can be read.
 */
static enum cli_status copy_until_true(struct copy *copy)
{
	struct image *image = copy->image;

	for (unsigned i = 0; i < TRIES; i++) {
		enum cli_status status = lay_out_and_copy(copy);
		if (status || !copy->missing.count)
			return status;
		image->missing += image_list_bytes(&copy->missing);
		if (!image->format->holes)
			return CLI_DELIVERED;
		if (!image_list_subtract(&image->held, &copy->missing))
			return image_no_memory(image);
		if (patch(copy))
			return CLI_DELIVERED;
		image_file_clear(&image->file);
	}
	cli_say(image->cli, "what can be read changes from one copy to the next: %s",
		image->missed.text);
	return CLI_PARTIAL;
}

enum cli_status image_copy(struct image *image, uint64_t *end)
{
	struct copy copy = {.image = image, .packed = image->packing != PACK_NONE};

	progress_begin(&image->cli->progress, "copying", image_list_bytes(&image->held));
	enum cli_status status = copy_until_true(&copy);
	*end = copy.layout.size;
	if (!status && copy.packed)
		*end = image_pack_end(&copy.pack, &image->file);
	image_pack_deinit(&copy.pack);
	image_layout_deinit(&copy.layout);
	image_list_deinit(&copy.missing);
	return status;
}
