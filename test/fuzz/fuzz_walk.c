/* SPDX-License-Identifier: MIT */
/*
 * Page tables of any content: all ways to translate agree, with caches and without, and all end.
 *
 * An input is a header and then memory, gpa 0 first:
 *
 *     0 mode   1 flags   2 gpa_bits   3 C-bit (0: none)   4 root   12 four addresses of 8 bytes
 */

#include <stdlib.h>
#include <string.h>

#include <vmi/vmi.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEADER = 44, SEEDS = 4, VARIANTS = 6, ADDRESSES = SEEDS * VARIANTS, RANGES_MAX = 300 };

static void must(int holds)
{
	if (!holds)
		abort();
}

struct trial {
	struct vmi *vm, *bare; /* one with caches, one without */
	struct vmi_space space;
	vmi_gva gva[ADDRESSES];
};

static uint64_t u64_at(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* As given, its neighbours, and as an address that the mode has. */
static void make_addresses(struct trial *trial, const uint8_t *seeds)
{
	for (unsigned i = 0; i < SEEDS; i++) {
		uint64_t seed = u64_at(seeds + 8 * i);
		vmi_gva *out = &trial->gva[i * VARIANTS];
		out[0] = seed;
		out[1] = (uint32_t)seed;
		out[2] = (uint64_t)((int64_t)(seed << 16) >> 16);
		out[3] = (uint64_t)((int64_t)(seed << 7) >> 7);
		out[4] = out[2] + 0x1000;
		out[5] = out[1] ^ 0x200000;
	}
}

static int same(const struct vmi_translation *a, const struct vmi_translation *b)
{
	return a->status == b->status && a->level == b->level && a->entry == b->entry &&
	       a->page_shift == b->page_shift && a->access == b->access && a->user == b->user &&
	       (a->status || a->gpa == b->gpa);
}

static void check_translations(const struct trial *trial)
{
	struct vmi_translation batch[ADDRESSES], bare[ADDRESSES];
	struct vmi_error err;

	must(!vmi_translate_batch(trial->vm, &trial->space, trial->gva, ADDRESSES, batch, &err));
	must(!vmi_translate_batch(trial->bare, &trial->space, trial->gva, ADDRESSES, bare, &err));
	for (unsigned i = 0; i < ADDRESSES; i++) {
		struct vmi_translation t;
		struct vmi_walk walk;
		vmi_gva gva = trial->gva[i];
		enum vmi_status st = vmi_translate(trial->vm, &trial->space, gva, &t, &err);
		must(st == t.status && same(&t, &batch[i]) && same(&t, &bare[i]));
		must(!st || err.status == st);
		must(vmi_translate(trial->bare, &trial->space, gva, &t, NULL) == st);
		must(same(&t, &batch[i]));
		must(vmi_walk(trial->vm, &trial->space, gva, &walk, &err) == st);
		must(same(&walk.result, &t) && walk.count <= 5);
		must(!t.level || walk.step[walk.count - 1].level == t.level);
	}
}

static void check_range(const struct trial *trial, const struct vmi_range *range, vmi_gva gva)
{
	struct vmi_translation t;

	must(vmi_translate(trial->vm, &trial->space, gva, &t, NULL) == range->status);
	if (!t.status)
		must(t.gpa == range->gpa + (gva - range->gva) && t.access == range->access &&
		     t.user == range->user && t.page_shift == range->page_shift);
}

/* From `first` to `last`, some ranges; true when those were all. */
static int check_ranges(const struct trial *trial, vmi_gva first, vmi_gva last)
{
	struct vmi_range_iter it;
	struct vmi_range range;
	struct vmi_error err;
	vmi_gva at = first;

	vmi_range_begin(&it, trial->vm, &trial->space, first, last);
	for (unsigned i = 0; i < RANGES_MAX; i++) {
		enum vmi_status st = vmi_range_next(&it, &range, &err);
		if (st == VMI_END) {
			must(at == last + 1);
			return 1;
		}
		must(!st && range.gva == at && range.size);
		check_range(trial, &range, range.gva);
		check_range(trial, &range, range.gva + range.size / 2);
		check_range(trial, &range, range.gva + (range.size - 1));
		at = range.gva + range.size;
	}
	return 0;
}

static void check_rmap(const struct trial *trial)
{
	struct vmi_rmap *rmap;
	struct vmi_error err;

	must(!vmi_rmap_create(trial->vm, &trial->space, &rmap, &err));
	for (unsigned i = 0; i < ADDRESSES; i++) {
		struct vmi_translation t;
		vmi_gva found[8];
		if (vmi_translate(trial->vm, &trial->space, trial->gva[i], &t, NULL))
			continue;
		size_t count = vmi_rmap_find(rmap, t.gpa, found, 8);
		must(count > 0);
		for (size_t n = 0; n < count && n < 8; n++) {
			struct vmi_translation back;
			must(!n || found[n] > found[n - 1]);
			must(!vmi_translate(trial->vm, &trial->space, found[n], &back, NULL));
			must(back.gpa == t.gpa);
		}
	}
	vmi_rmap_destroy(rmap);
}

static void check_string(const struct trial *trial, vmi_gva gva, enum vmi_encoding encoding)
{
	struct vmi_string string;
	struct vmi_error err;
	enum vmi_status st =
		vmi_string_read(trial->vm, &trial->space, gva, encoding, 20000, &string, &err);
	uint8_t *bytes = malloc(string.length ? string.length : 1);
	size_t done;

	must(string.text && !string.text[string.text_length] &&
	     strlen(string.text) == string.text_length);
	must(string.end_addr == gva + string.length);
	must(st == VMI_OK || string.end == VMI_STRING_HOLE || string.end == VMI_STRING_IMAGE_END);
	must(!vmi_read_bytes(trial->bare, &trial->space, gva, bytes, string.length, &done, NULL));
	must(done == string.length && (!done || !memcmp(bytes, string.bytes, done)));
	if (string.end == VMI_STRING_NUL)
		must(!vmi_read_bytes(trial->bare, &trial->space, string.end_addr, bytes, 1, &done,
				     NULL) &&
		     !bytes[0]);
	free(bytes);
	vmi_string_free(&string);
}

static void check_counted(const struct trial *trial, vmi_gva gva)
{
	struct vmi_string string;
	struct vmi_error err;

	(void)!vmi_string_read_counted(trial->vm, &trial->space, gva, VMI_UTF16LE, &string, &err);
	must(string.length <= UINT16_MAX);
	vmi_string_free(&string);
}

static void run(struct trial *trial)
{
	check_translations(trial);
	if (check_ranges(trial, 0, UINT64_MAX))
		check_rmap(trial);
	for (unsigned i = 0; i < SEEDS; i++) {
		vmi_gva gva = trial->gva[i * VARIANTS];
		check_ranges(trial, gva, gva | 0x7fffff);
		check_string(trial, gva, (enum vmi_encoding)i);
		check_string(trial, trial->gva[i * VARIANTS + 1], VMI_UTF8);
		check_counted(trial, trial->gva[i * VARIANTS + 1]);
	}
	check_translations(trial);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vmi_open_options options = {.size = sizeof(options),
					   .driver = "raw",
					   .page_slots = 64,
					   .translation_slots = 256};
	struct trial trial = {.vm = NULL};
	const char *evidence;

	if (size <= HEADER ||
	    vmi_open_memory(&trial.vm, data + HEADER, size - HEADER, &options, NULL))
		return 0;
	must(!vmi_open_memory(&trial.bare, data + HEADER, size - HEADER, &options, NULL));
	vmi_translation_cache_disable(trial.bare);
	vmi_page_cache_disable(trial.bare);

	trial.space = (struct vmi_space){
		.root = u64_at(data + 4),
		.ignored = data[3] ? UINT64_C(1) << (data[3] & 63) : 0,
		.mode = (uint8_t)(VMI_MODE_NONE + data[0] % 5),
		.gpa_bits = data[2],
		.flags = data[1] & 3,
	};
	make_addresses(&trial, data + 12);
	run(&trial);
	/* The same root, as the tables themselves make it look. */
	if (!vmi_space_of_root(trial.vm, u64_at(data + 4), VMI_MODE_AUTO, &trial.space, &evidence,
			       NULL))
		run(&trial);
	vmi_close(trial.bare);
	vmi_close(trial.vm);
	return 0;
}
