/* SPDX-License-Identifier: MIT */
/*
 * Finding a Linux kernel. The table of symbols in its memory is recognised by its own shape, so
 * what is needed is a space that maps the kernel; there are several that may, from the surest on.
 * Where none does, all memory is searched for the table, and the symbols tell the space.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kallsyms.h"
#include "kernel.h"

enum {
	CHUNK = 1 << 20,
	WINDOW_BACK = 4 << 20, /* of kallsyms, before its tokens, at the first try */
	WINDOW_BACK_MAX = 64 << 20,
	WINDOW_AHEAD = 3 << 20, /* and behind them */
	PTI_BIT = 1 << 12,      /* in CR3: the tables of user mode, which lack most of the kernel */
	LOW_MEMORY = 1 << 20,
	IMAGE_MAX = 1 << 30, /* of a kernel: what is between its text and its banner */
};

static const vmi_gva image_first = 0xffffffff80000000, image_last = 0xffffffffbfffffff;
static const vmi_gva image_first_32 = 0x40000000, image_last_32 = 0xffffffff;
static const char banner_begin[] = "Linux version ";

static bool is_32bit(const struct vmi_space *space)
{
	return space->mode == VMI_MODE_LEGACY || space->mode == VMI_MODE_PAE;
}

/* ---- the table of symbols ------------------------------------------------------------------- */

/* Pages before and behind `at`, as far as there are any, up to the lengths. */
struct window {
	uint8_t *bytes;
	size_t back, ahead; /* of the page that holds `at` */
};

static bool window_read(struct window *w, struct vmi *vm, const struct vmi_space *space,
			uint64_t at, size_t back)
{
	uint64_t page = at & ~(uint64_t)(VMI_PAGE_SIZE - 1);
	size_t room = back < page ? back : (size_t)page;

	*w = (struct window){.bytes = malloc(room + WINDOW_AHEAD)};
	if (!w->bytes)
		return false;
	while (w->back < room && !vmi_read_bytes(vm, space, page - w->back - VMI_PAGE_SIZE,
						 w->bytes + room - w->back - VMI_PAGE_SIZE,
						 VMI_PAGE_SIZE, NULL, NULL))
		w->back += VMI_PAGE_SIZE;
	while (w->ahead < WINDOW_AHEAD &&
	       !vmi_read_bytes(vm, space, page + w->ahead, w->bytes + room + w->ahead,
			       VMI_PAGE_SIZE, NULL, NULL))
		w->ahead += VMI_PAGE_SIZE;
	memmove(w->bytes, w->bytes + room - w->back, w->back + w->ahead);
	return true;
}

/* Take the symbols whose tokens are at `tokens` of the space; NULL: physical. */
static enum vmi_status symbols_take(struct kernel *kernel, struct vmi *vm,
				    const struct vmi_space *space, uint64_t tokens,
				    struct vmi_error *err)
{
	enum vmi_status st = VMI_ERR_NOT_FOUND;

	for (size_t back = WINDOW_BACK; st == VMI_ERR_NOT_FOUND && back <= WINDOW_BACK_MAX;
	     back *= 4) {
		struct window w;

		if (!window_read(&w, vm, space, tokens, back))
			return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the symbols");
		struct kallsyms_window window = {.bytes = w.bytes,
						 .len = w.back + w.ahead,
						 .tokens = w.back + tokens % VMI_PAGE_SIZE,
						 .pointer_size = kernel->pointer_size};
		symbols_deinit(&kernel->symbols);
		st = kallsyms_decode(&window, &kernel->symbols, err);
		free(w.bytes);
		if (w.back < back)
			break;
	}
	if (!st && !symbols_finish(&kernel->symbols))
		st = vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the symbols");
	return st;
}

/* ---- the banner ----------------------------------------------------------------------------- */

/* Is the kernel's line of version at `addr`? Then keep it. */
static bool banner_take(struct kernel *kernel, struct vmi *vm, const struct vmi_space *space,
			uint64_t addr)
{
	struct vmi_string string = {0};
	enum vmi_status st =
		vmi_string_read(vm, space, addr, VMI_LATIN1, sizeof(kernel->banner), &string, NULL);
	size_t begin = sizeof(banner_begin) - 1;
	/* What is built for /proc/version has holes of printf instead. */
	bool is = !st && string.length > begin + 8 && string.end == VMI_STRING_NUL &&
		  !memcmp(string.bytes, banner_begin, begin) && string.bytes[begin] >= '0' &&
		  string.bytes[begin] <= '9' && string.bytes[string.length - 1] == '\n';

	if (is) {
		memcpy(kernel->banner, string.bytes, string.length - 1);
		kernel->banner[string.length - 1] = '\0';
	}
	vmi_string_free(&string);
	return is;
}

/* Search [first, last] of a space, or physical memory, for the banner. */
static bool banner_search(struct kernel *kernel, struct vmi *vm, const struct vmi_space *space,
			  uint64_t first, uint64_t last, uint64_t *found)
{
	uint8_t page[VMI_PAGE_SIZE + sizeof(banner_begin)];
	uint8_t *at = page;

	for (uint64_t addr = first; addr <= last - VMI_PAGE_SIZE; addr += VMI_PAGE_SIZE) {
		size_t done,
			len = sizeof(page) < last - addr ? sizeof(page) : (size_t)(last - addr);

		/* Some bytes of the next page, so that what crosses is seen. */
		if (vmi_read_bytes(vm, space, addr, page, len, &done, NULL) &&
		    done < sizeof(banner_begin))
			continue;
		for (at = page; (at = memmem(at, done - (size_t)(at - page), banner_begin,
					     sizeof(banner_begin) - 1));
		     at++)
			if (banner_take(kernel, vm, space, addr + (uint64_t)(at - page))) {
				*found = addr + (uint64_t)(at - page);
				return true;
			}
	}
	return false;
}

/* ---- a space that may map the kernel -------------------------------------------------------- */

/* The kernel's own page tables, which have what those of a process may not have yet. */
static void space_own(struct kernel *kernel, struct vmi *vm)
{
	static const char *const names[] = {"init_top_pgt", "init_level4_pgt", "swapper_pg_dir"};
	struct vmi_translation root, was, is;
	struct vmi_space own = kernel->space;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct symbol *symbol = symbols_find(&kernel->symbols, names[i]);

		if (!symbol || vmi_translate(vm, &kernel->space, symbol->gva, &root, NULL))
			continue;
		own.root = root.gpa;
		if (!vmi_translate(vm, &kernel->space, kernel->text, &was, NULL) &&
		    !vmi_translate(vm, &own, kernel->text, &is, NULL) && was.gpa == is.gpa) {
			kernel->space = own;
			return;
		}
	}
}

/* The symbols belong to this space if its text and its banner are where they say. */
static bool symbols_fit(struct kernel *kernel, struct vmi *vm)
{
	const struct symbol *text = symbols_find(&kernel->symbols, "_text");
	const struct symbol *banner = symbols_find(&kernel->symbols, "linux_banner");
	struct vmi_translation at;
	uint64_t found;

	if (!text)
		text = symbols_find(&kernel->symbols, "_stext");
	if (!text || vmi_translate(vm, &kernel->space, text->gva, &at, NULL))
		return false;
	kernel->text = text->gva;
	kernel->text_gpa = at.gpa;
	if (banner)
		return banner_take(kernel, vm, &kernel->space, banner->gva);
	/* Data has no symbols in this kernel. */
	uint64_t last = UINT32_MAX;
	if (kernel->pointer_size == 8 || text->gva + IMAGE_MAX < last)
		last = text->gva + IMAGE_MAX;
	return banner_search(kernel, vm, &kernel->space, text->gva, last, &found);
}

/* The tokens of kallsyms in [first, first + size), of which `chunk` holds a piece at a time. */
static bool range_search(struct kernel *kernel, struct vmi *vm, uint8_t *chunk, vmi_gva first,
			 uint64_t size)
{
	for (uint64_t at = 0; at < size; at += CHUNK) {
		size_t want = size - at < CHUNK + KALLSYMS_TOKENS_MAX ? (size_t)(size - at)
								      : CHUNK + KALLSYMS_TOKENS_MAX;
		size_t got = 0, from = 0, found;

		while (got < want) {
			size_t done = 0;

			/* What is not saved is not searched. */
			if (!vmi_read_bytes(vm, &kernel->space, first + at + got, chunk + got,
					    want - got, &done, NULL))
				done = want - got;
			got += done;
			if (got < want) {
				size_t skip = VMI_PAGE_SIZE - got % VMI_PAGE_SIZE;

				skip = skip < want - got ? skip : want - got;
				memset(chunk + got, 0xff, skip);
				got += skip;
			}
		}
		while ((found = kallsyms_tokens_find(chunk, got, from)) != SIZE_MAX) {
			from = found + 1;
			if (!symbols_take(kernel, vm, &kernel->space, first + at + found, NULL) &&
			    symbols_fit(kernel, vm))
				return true;
			/* What was found begins before the token that is looked for. */
			from += KALLSYMS_TOKENS_MAX;
		}
	}
	return false;
}

/* Does the space map a kernel? Pieces of it that touch are searched as one. */
static bool space_search(struct kernel *kernel, struct vmi *vm, const struct vmi_space *space)
{
	struct vmi_range_iter it;
	struct vmi_range range;
	vmi_gva first = 0;
	uint64_t size = 0;
	bool found = false, wide = !is_32bit(space);
	uint8_t *chunk = malloc(CHUNK + KALLSYMS_TOKENS_MAX);

	if (!chunk)
		return false;
	kernel->space = *space;
	kernel->pointer_size = wide ? 8 : 4;
	vmi_range_begin(&it, vm, space, wide ? image_first : image_first_32,
			wide ? image_last : image_last_32);
	while (!found) {
		enum vmi_status st = vmi_range_next(&it, &range, NULL);
		bool use = !st && range.status == VMI_OK && !range.user;

		if (use && size && first + size == range.gva) {
			size += range.size;
			continue;
		}
		if (size)
			found = range_search(kernel, vm, chunk, first, size);
		if (st)
			break;
		first = range.gva;
		size = use ? range.size : 0;
	}
	free(chunk);
	if (found)
		space_own(kernel, vm);
	return found;
}

/* ---- spaces to try -------------------------------------------------------------------------- */

static bool try_vcpus(struct kernel *kernel, struct vmi *vm)
{
	uint64_t tried[2] = {UINT64_MAX, UINT64_MAX};

	for (unsigned vcpu = 0; vcpu < vmi_info(vm)->vcpus; vcpu++) {
		struct vmi_space space;

		if (vmi_space_of_vcpu(vm, vcpu, VMI_MODE_AUTO, &space, NULL) ||
		    space.mode == VMI_MODE_NONE)
			continue;
		snprintf(kernel->source, sizeof(kernel->source), "registers of vcpu %u", vcpu);
		kernel->space_source = kernel->source;
		/* Where user and kernel have tables of their own, the kernel's are the even ones.
		 */
		for (unsigned half = 0; half < 2; half++) {
			uint64_t root =
				half ? space.root | PTI_BIT : space.root & ~(uint64_t)PTI_BIT;
			struct vmi_space one = space;

			if (is_32bit(&space) && half)
				break;
			one.root = is_32bit(&space) ? space.root : root;
			if (one.root == tried[half])
				continue;
			tried[half] = one.root;
			if (space_search(kernel, vm, &one))
				return true;
		}
	}
	return false;
}

static bool try_root(struct kernel *kernel, struct vmi *vm, vmi_gpa root, const char *source)
{
	static const enum vmi_mode modes[] = {VMI_MODE_AUTO, VMI_MODE_4LEVEL, VMI_MODE_5LEVEL,
					      VMI_MODE_PAE, VMI_MODE_LEGACY};
	unsigned tried = 0;

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct vmi_space space;

		if (vmi_space_of_root(vm, root, modes[i], &space, NULL, NULL) ||
		    space.mode == VMI_MODE_NONE || tried >> space.mode & 1)
			continue;
		tried |= 1u << space.mode;
		kernel->space_source = source;
		if (space_search(kernel, vm, &space))
			return true;
	}
	return false;
}

static bool try_vmcoreinfo(struct kernel *kernel, struct vmi *vm)
{
	static const char *const keys[] = {"\nSYMBOL(init_top_pgt)=", "\nSYMBOL(swapper_pg_dir)=",
					   "\nSYMBOL(init_level4_pgt)=", "\nNUMBER(phys_base)="};
	size_t len;
	const char *text = vmi_vmcoreinfo(vm, &len);
	char *copy = text ? strndup(text, len) : NULL;
	uint64_t table = 0, base = 0;

	if (!copy)
		return false;
	for (size_t i = 0; i < 3 && !table; i++) {
		const char *at = strstr(copy, keys[i]);

		table = at ? strtoull(at + strlen(keys[i]), NULL, 16) : 0;
	}
	const char *at = strstr(copy, keys[3]);
	base = at ? (uint64_t)strtoll(at + strlen(keys[3]), NULL, 10) : 0;
	free(copy);
	if (table < image_first)
		return false;
	return try_root(kernel, vm, table - image_first + base, "vmcoreinfo");
}

/*
 * The processors' trampoline, in the first megabyte: a top page table whose last entry is the
 * kernel's and whose first is the direct map's (arch/x86/realmode/init.c).
 */
static bool try_trampoline(struct kernel *kernel, struct vmi *vm)
{
	uint64_t entry[VMI_PAGE_SIZE / 8];

	for (vmi_gpa gpa = 0; gpa < LOW_MEMORY; gpa += VMI_PAGE_SIZE) {
		unsigned middle = 0;

		if (vmi_read_bytes(vm, NULL, gpa, entry, sizeof(entry), NULL, NULL))
			continue;
		for (unsigned i = 1; i < 256; i++)
			middle += entry[i] != 0;
		if (middle || !(entry[0] & 1) || !(entry[511] & 1) || entry[511] >> 52 & 0x7ff)
			continue;
		if (try_root(kernel, vm, gpa, "the processors' trampoline"))
			return true;
	}
	return false;
}

/* ---- memory without a space ----------------------------------------------------------------- */

/* The kernel's image is one piece of physical memory: its symbols and its banner tell the space. */
static bool physical_fit(struct kernel *kernel, struct vmi *vm, vmi_gpa tokens)
{
	static const char *const names[] = {"init_top_pgt", "init_level4_pgt", "swapper_pg_dir"};
	const struct symbol *banner = symbols_find(&kernel->symbols, "linux_banner");
	vmi_gpa low = tokens > 64 << 20 ? tokens - (64 << 20) : 0, found = 0;

	while (banner && banner_search(kernel, vm, NULL, low, tokens + (64 << 20), &found)) {
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			const struct symbol *root = symbols_find(&kernel->symbols, names[i]);

			if (root && try_root(kernel, vm, found + (root->gva - banner->gva),
					     "a search of all memory"))
				return true;
		}
		low = (found & ~(vmi_gpa)(VMI_PAGE_SIZE - 1)) + VMI_PAGE_SIZE;
	}
	return false;
}

static bool tokens_try(struct kernel *kernel, struct vmi *vm, vmi_gpa tokens)
{
	for (unsigned size = 8; size >= 4; size -= 4) {
		kernel->pointer_size = size;
		if (!symbols_take(kernel, vm, NULL, tokens, NULL) &&
		    physical_fit(kernel, vm, tokens))
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
		size_t got = want, from = 0, found;

		if (vmi_read_bytes(vm, NULL, run->gpa + at, chunk, want, &got, NULL) && !got)
			continue;
		while ((found = kallsyms_tokens_find(chunk, got, from)) != SIZE_MAX) {
			if (tokens_try(kernel, vm, run->gpa + at + found))
				return true;
			from = found + KALLSYMS_TOKENS_MAX;
		}
	}
	return false;
}

static bool try_memory(struct kernel *kernel, struct vmi *vm)
{
	uint8_t *chunk = malloc(CHUNK + KALLSYMS_TOKENS_MAX);
	struct vmi_run run;
	vmi_gpa from = 0;
	bool found = false;

	while (chunk && !found && !vmi_run_next(vm, from, &run, NULL)) {
		if (run.kind == VMI_RUN_SAVED)
			found = run_search(kernel, vm, chunk, &run);
		from = run.gpa + run.size;
		if (!from)
			break;
	}
	free(chunk);
	return found;
}

/* ---- */

enum vmi_status kernel_find(struct kernel *kernel, struct vmi *vm, const struct vmi_space *given,
			    struct vmi_error *err)
{
	*kernel = (struct kernel){0};
	symbols_init(&kernel->symbols);
	kernel->space_source = "the space that was given";
	if (given) {
		if (space_search(kernel, vm, given))
			return VMI_OK;
		kernel_deinit(kernel);
		return vmi_fail(err, VMI_ERR_NOT_FOUND,
				"root 0x%" PRIx64
				" (%s) maps no Linux kernel with a table of symbols",
				given->root, vmi_mode_name(given->mode));
	}
	if (try_vcpus(kernel, vm) || try_vmcoreinfo(kernel, vm) || try_trampoline(kernel, vm) ||
	    try_memory(kernel, vm))
		return VMI_OK;
	kernel_deinit(kernel);
	return vmi_fail(err, VMI_ERR_NOT_FOUND,
			"no Linux kernel with a table of symbols is in this memory");
}

void kernel_deinit(struct kernel *kernel)
{
	symbols_deinit(&kernel->symbols);
}
