/* SPDX-License-Identifier: MIT */
/*
 * Memory of a running guest: reading it through the library beside mapping it by
 * libxenforeignmemory alone, and translating with and without the caches.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench.h"

enum { PAGE = 4096, STRETCH = 256, ROUNDS = 40, TRANSLATIONS = 2000, WALKS = 200 };

/* Copy the same pages over and over: milliseconds, 0 when something failed. */
static uint64_t bare_copies(struct bench *b, uint8_t *to, size_t pages, unsigned rounds)
{
	xen_pfn_t frame[STRETCH] = {0};
	int error[STRETCH] = {0};
	uint64_t start = now_ms();

	for (unsigned r = 0; r < rounds; r++) {
		for (size_t i = 0; i < pages; i++)
			frame[i] = (LAB_IMAGE >> 12) + i;
		uint8_t *map = xenforeignmemory_map(b->guest.memory, b->guest.domid, PROT_READ,
						    pages, frame, error);
		if (!map)
			return 0;
		memcpy(to, map, pages * PAGE);
		xenforeignmemory_unmap(b->guest.memory, map, pages);
	}
	return now_ms() - start;
}

static uint64_t library_copies(struct bench *b, uint8_t *to, size_t pages, unsigned rounds)
{
	uint64_t start = now_ms();

	for (unsigned r = 0; r < rounds; r++) {
		if (vmi_read_bytes(b->vm, NULL, LAB_IMAGE, to, pages * PAGE, NULL, &b->err))
			return 0;
		vmi_page_cache_flush(b->vm);
	}
	return now_ms() - start;
}

static bool reads_of(struct bench *b, uint8_t *to, size_t pages, unsigned rounds)
{
	uint64_t bare = bare_copies(b, to, pages, rounds);
	uint64_t ours = library_copies(b, to, pages, rounds);

	HOLDS(bare && ours);
	printf("pages a second, %zu at once: %.0f through the library, %.0f by mapping alone: "
	       "%.1f %%\n",
	       pages, 1000.0 * (double)(pages * rounds) / (double)ours,
	       1000.0 * (double)(pages * rounds) / (double)bare,
	       100.0 * (double)bare / (double)ours);
	HOLDS((double)ours <= 1.1 * (double)bare + 2);
	return true;
}

static bool reads(struct bench *b)
{
	uint8_t *to = malloc((size_t)STRETCH * PAGE);

	HOLDS(to);
	memset(to, 1, (size_t)STRETCH * PAGE);
	bool good = reads_of(b, to, 1, STRETCH) && reads_of(b, to, STRETCH, ROUNDS);
	free(to);
	return good;
}

/* How many a second, over a few addresses of each kind of mapping. */
static double translations(struct bench *b, const struct vmi_space *space, unsigned count,
			   bool cold)
{
	struct vmi_translation t;
	uint64_t start = now_ms();

	for (unsigned i = 0; i < count; i++) {
		if (cold) {
			vmi_page_cache_flush(b->vm);
			vmi_translation_cache_flush(b->vm);
		}
		if (vmi_translate(b->vm, space, LAB_ALIAS + LAB_IMAGE + (i % 16) * PAGE, &t,
				  &b->err))
			return 0;
	}
	uint64_t took = now_ms() - start;
	return 1000.0 * count / (double)(took ? took : 1);
}

static bool translating(struct bench *b)
{
	struct vmi_space space;

	WORKS(vmi_space_of_vcpu(b->vm, 0, VMI_MODE_AUTO, &space, &b->err));
	double cold = translations(b, &space, WALKS, true);
	double warm = translations(b, &space, TRANSLATIONS, false);

	printf("translations a second: %.0f with caches, %.0f without\n", warm, cold);
	HOLDS(cold > 0 && warm > 20 * cold);
	return true;
}

void part_speed(struct bench *b)
{
	static const struct test tests[] = {{"speed-reading", reads},
					    {"speed-translating", translating}};

	run_tests(b, tests, sizeof(tests) / sizeof(tests[0]));
}
