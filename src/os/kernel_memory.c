/* SPDX-License-Identifier: MIT */
/*
 * A kernel in memory that nothing leads to: the tokens of its symbols are looked for in all of it.
 * Its image is one piece of physical memory, so its symbols tell where its page tables are.
 */

#include <stdlib.h>
#include <string.h>

#include "kallsyms.h"
#include "kernel_image.h"

enum { CHUNK = 1 << 20, IMAGE_MAX = 64 << 20 };

static const char source[] = "a search of all memory";

/* By the kernel's line of version and the symbol of its page tables. */
static bool try_banner(struct kernel *kernel, struct vmi *vm, const struct symbols *symbols,
		       vmi_gpa low, vmi_gpa high)
{
	const struct symbol *banner = symbols_find(symbols, "linux_banner");
	const struct symbol *root = kernel_root_symbol(symbols);
	vmi_gpa found;

	if (!banner || !root)
		return false;
	/* A search that fails leaves other symbols behind. */
	uint64_t distance = root->gva - banner->gva;
	while (kernel_banner_search(kernel, vm, NULL, low, high, &found)) {
		if (kernel_root_search(kernel, vm, found + distance, source))
			return true;
		low = (found & ~(vmi_gpa)(VMI_PAGE_SIZE - 1)) + VMI_PAGE_SIZE;
	}
	return false;
}

/* Could the tables at `root` map `text` to what is between `low` and `high`? */
static bool root_leads(struct vmi *vm, vmi_gpa root, enum vmi_mode mode, vmi_gva text, vmi_gpa low,
		       vmi_gpa high)
{
	struct vmi_translation to;
	struct vmi_space space;

	return !vmi_space_of_root(vm, root, mode, &space, NULL, NULL) &&
	       !vmi_translate(vm, &space, text, &to, NULL) && !to.user && to.gpa >= low &&
	       to.gpa < high;
}

/* How a mode's top table is recognised: where its entry for an address is, and what it may be. */
struct top {
	enum vmi_mode mode;
	unsigned step, shift, count, size; /* of tables; of the address; entries, bytes of one */
	uint64_t forbidden;                /* bits of an entry that is present */
};

static const struct top tops_64[] = {
	{VMI_MODE_4LEVEL, 4096, 39, 512, 8, UINT64_C(0x7ff) << 52 | 0x80},
	{VMI_MODE_5LEVEL, 4096, 48, 512, 8, UINT64_C(0x7ff) << 52 | 0x80},
};
static const struct top tops_32[] = {
	{VMI_MODE_PAE, 32, 30, 4, 8, UINT64_C(0xffffff) << 40 | 0x1c6},
	{VMI_MODE_LEGACY, 4096, 22, 1024, 4, 0},
};

/* By the shape of page tables, which a kernel has in its own data. */
static bool try_tables(struct kernel *kernel, struct vmi *vm, vmi_gpa low, vmi_gpa high)
{
	const struct top *tops = kernel->pointer_size == 8 ? tops_64 : tops_32;
	const struct symbol *text = symbols_find(&kernel->symbols, "_text");
	uint8_t page[VMI_PAGE_SIZE];

	if (!text)
		return false;
	vmi_gva gva = text->gva;
	for (vmi_gpa gpa = low; gpa < high; gpa += VMI_PAGE_SIZE) {
		kernel_chunk_read(vm, NULL, gpa, page, sizeof(page));
		for (unsigned i = 0; i < 2; i++) {
			const struct top *top = &tops[i];

			for (unsigned at = 0; at < VMI_PAGE_SIZE; at += top->step) {
				uint64_t entry = 0;

				memcpy(&entry,
				       page + at + (gva >> top->shift) % top->count * top->size,
				       top->size);
				if ((entry & 1) && !(entry & top->forbidden) &&
				    root_leads(vm, gpa + at, top->mode, gva, low, high) &&
				    kernel_root_search(kernel, vm, gpa + at, source))
					return true;
			}
		}
	}
	return false;
}

static bool tokens_try(struct kernel *kernel, struct vmi *vm, vmi_gpa tokens)
{
	vmi_gpa low = tokens > IMAGE_MAX ? tokens - IMAGE_MAX : 0, high = tokens + IMAGE_MAX;

	low &= ~(vmi_gpa)(VMI_PAGE_SIZE - 1);
	for (unsigned size = 8; size >= 4; size -= 4) {
		kernel->pointer_size = size;
		if (kernel_symbols_take(kernel, vm, NULL, tokens, NULL))
			continue;
		if (try_banner(kernel, vm, &kernel->symbols, low, high))
			return true;
		/* The symbols may be others now. */
		kernel->pointer_size = size;
		if (!kernel_symbols_take(kernel, vm, NULL, tokens, NULL) &&
		    try_tables(kernel, vm, low, high))
			return true;
	}
	return false;
}

static bool run_search(struct kernel *kernel, struct vmi *vm, uint8_t *chunk,
		       const struct vmi_run *run)
{
	for (uint64_t at = 0; at < run->size; at += CHUNK) {
		size_t want = run->size - at < CHUNK + KALLSYMS_TOKENS_MAX
				      ? (size_t)(run->size - at)
				      : CHUNK + KALLSYMS_TOKENS_MAX;
		size_t from = 0, found;

		kernel_chunk_read(vm, NULL, run->gpa + at, chunk, want);
		while ((found = kallsyms_tokens_find(chunk, want, from)) != SIZE_MAX) {
			if (tokens_try(kernel, vm, run->gpa + at + found))
				return true;
			from = found + KALLSYMS_TOKENS_MAX;
		}
	}
	return false;
}

bool kernel_memory_search(struct kernel *kernel, struct vmi *vm)
{
	uint8_t *chunk = malloc(CHUNK + KALLSYMS_TOKENS_MAX);
	struct vmi_run run;
	vmi_gpa from = 0;
	bool found = false;

	while (chunk && !found && !vmi_run_next(vm, from, &run, NULL)) {
		if (run.kind == VMI_RUN_SAVED && kernel->linked)
			found = run.size >= VMI_PAGE_SIZE &&
				try_banner(kernel, vm, kernel->linked, run.gpa,
					   run.gpa + (run.size - 1));
		else if (run.kind == VMI_RUN_SAVED)
			found = run_search(kernel, vm, chunk, &run);
		from = run.gpa + run.size;
		if (!from)
			break;
	}
	free(chunk);
	return found;
}
