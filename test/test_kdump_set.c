/* SPDX-License-Identifier: MIT */
/* kdump-compressed dumps of several parts, and under several threads. */

#include <pthread.h>
#include <unistd.h>

#include "kdump_image.h"

/* ---- split dumps ---------------------------------------------------------------------------- */

struct folder {
	char path[64];
	char *file[8];
	unsigned count;
};

static void folder_make(struct folder *folder)
{
	*folder = (struct folder){.path = "/tmp/vmi-test-kdump-XXXXXX"};
	assert_non_null(mkdtemp(folder->path));
}

static const char *folder_add(struct folder *folder, const char *name, const struct mk_kdump *k)
{
	size_t size;
	uint8_t *bytes = mk_kdump(k, &size);
	char *path;

	assert_true(asprintf(&path, "%s/%s", folder->path, name) > 0);
	folder->file[folder->count++] = path;
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	fclose(file);
	free(bytes);
	return path;
}

static void folder_remove(struct folder *folder)
{
	for (unsigned i = 0; i < folder->count; i++) {
		unlink(folder->file[i]);
		free(folder->file[i]);
	}
	assert_int_equal(rmdir(folder->path), 0);
}

static const char split_pages[] = "rzr.rrxrrzzr.rrr";

static struct mk_kdump part(uint64_t first, uint64_t end)
{
	return (struct mk_kdump){.pages = split_pages, .split = true, .first = first, .end = end};
}

static struct vmi *open_path(const char *path)
{
	struct vmi_error err = {0};
	struct vmi *vm;

	if (vmi_open(&vm, path, NULL, &err))
		fail_with(path, &err);
	return vm;
}

static void split_found(void **state)
{
	const struct mk_kdump parts[] = {part(0, 5), part(5, 9), part(9, 16)};
	const struct mk_kdump whole = {.pages = split_pages};
	struct mk_kdump other = part(0, 5);
	struct folder folder;

	(void)state;
	folder_make(&folder);
	folder_add(&folder, "c", &parts[2]);
	folder_add(&folder, "whole", &whole);
	other.machine = "i686";
	folder_add(&folder, "other", &other);
	const char *middle = folder_add(&folder, "b", &parts[1]);
	folder_add(&folder, "a", &parts[0]);
	struct vmi *vm = open_path(middle);
	assert_held_pages(vm, split_pages);
	assert_warns(vm, "found beside it");
	assert_int_equal(vmi_info(vm)->memory_bytes, 13 * PAGE);
	assert_state(vm, 6, VMI_PAGE_EXCLUDED);
	vmi_close(vm);
	folder_remove(&folder);
}

static void split_named(void **state)
{
	const struct mk_kdump parts[] = {part(0, 5), part(5, 9), part(9, 16)};
	const struct mk_kdump whole = {.pages = split_pages};
	struct folder folder;
	char names[256];
	struct vmi_error err = {0};
	struct vmi *vm;

	(void)state;
	folder_make(&folder);
	for (unsigned i = 0; i < 3; i++)
		folder_add(&folder, (const char *[]){"a", "b", "c"}[i], &parts[i]);
	snprintf(names, sizeof(names), "%s,%s,%s", folder.file[2], folder.file[0], folder.file[1]);
	vm = open_path(names);
	assert_held_pages(vm, split_pages);
	assert_no_warning(vm);
	vmi_close(vm);

	/* the same twice, and one missing: what was named is all that is used */
	snprintf(names, sizeof(names), "%s,%s,%s", folder.file[0], folder.file[2], folder.file[0]);
	vm = open_path(names);
	assert_warns(vm, "another part has the same gfns, 0x0 to 0x5");
	assert_warns(vm, "is missing: that of the gfns 0x5 to 0x8");
	assert_page_fails(vm, 5, VMI_ERR_NOT_SAVED, "in a part of the split dump that is missing");
	assert_state(vm, 5, VMI_PAGE_CUT);
	assert_state(vm, 6, VMI_PAGE_EXCLUDED);
	assert_state(vm, 12, VMI_PAGE_HOLE);
	assert_page(vm, split_pages, 4);
	assert_page(vm, split_pages, 13);
	vmi_close(vm);

	folder_add(&folder, "whole", &whole);
	snprintf(names, sizeof(names), "%s,%s", folder.file[0], folder.file[3]);
	assert_says(vmi_open(&vm, names, NULL, &err), VMI_ERR_ARG, "not a part of one", &err);
	snprintf(names, sizeof(names), "%s,%s", folder.file[3], folder.file[0]);
	assert_says(vmi_open(&vm, names, NULL, &err), VMI_ERR_ARG, "not a part of one", &err);
	folder_remove(&folder);
}

static void split_alone(void **state)
{
	const struct mk_kdump k = part(5, 9);

	(void)state;
	struct image image = open_kdump(&k);
	assert_warns(image.vm, "is missing: that of the gfns 0x0 to 0x4");
	assert_warns(image.vm, "is missing: that of the gfns 0x9 to 0xf");
	assert_page(image.vm, split_pages, 8);
	assert_runs(image.vm, "5000+1000 7000+2000");
	image_close(&image);
}

/* ---- threads -------------------------------------------------------------------------------- */

enum { THREADS = 4 };
static const char thread_pages[] = "cczczcscccrczzccccczcsssccccrrczczczccss";

struct worker {
	struct vmi *vm;
	pthread_t thread;
	unsigned wrong;
};

static void *work(void *argument)
{
	struct worker *worker = argument;
	uint64_t x = (uintptr_t)worker | 1;

	for (unsigned i = 0; i < 20000; i++) {
		struct vmi_page page;
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		unsigned gfn = (unsigned)(x % strlen(thread_pages)), same = gfn;
		while (thread_pages[same] == 's')
			same--;
		uint64_t at = x >> 32 & (PAGE - 1);
		uint8_t want =
			thread_pages[same] == 'z' ? 0 : mk_byte(same * UINT64_C(4096) + at, 0);
		if (vmi_page_get(worker->vm, gfn, &page, NULL)) {
			worker->wrong++;
			continue;
		}
		worker->wrong += page.data[at] != want;
		vmi_page_put(worker->vm, &page);
		if (i % 100 == 0)
			vmi_page_cache_flush(worker->vm);
	}
	return NULL;
}

static void threads(void **state)
{
	struct worker workers[THREADS];

	(void)state;
	for (unsigned c = 0; c < CODECS; c++) {
		struct mk_kdump k = {.pages = thread_pages, .flags = codec_flags[c]};
		const struct vmi_open_options options = {.size = sizeof(options), .page_slots = 8};
		size_t size;
		uint8_t *bytes = mk_kdump(&k, &size);
		struct vmi *vm;

		if (!bytes)
			continue;
		assert_int_equal(vmi_open_memory(&vm, bytes, size, &options, NULL), VMI_OK);
		for (unsigned i = 0; i < THREADS; i++) {
			workers[i] = (struct worker){0};
			assert_int_equal(vmi_clone(vm, &workers[i].vm, NULL), VMI_OK);
			pthread_create(&workers[i].thread, NULL, work, &workers[i]);
		}
		for (unsigned i = 0; i < THREADS; i++) {
			pthread_join(workers[i].thread, NULL);
			assert_int_equal(workers[i].wrong, 0);
			vmi_close(workers[i].vm);
		}
		vmi_close(vm);
		free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(split_found),
		cmocka_unit_test(split_named),
		cmocka_unit_test(split_alone),
		cmocka_unit_test(threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
