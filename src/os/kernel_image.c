/* SPDX-License-Identifier: MIT */
/*
 * The kernel's image: its table of symbols is recognised by its own shape, and its text and its
 * line of version must be where the symbols say.
 */

#include <stdlib.h>
#include <string.h>

#include "kallsyms.h"
#include "kernel_image.h"

enum {
	CHUNK = 1 << 20,
	WINDOW_BACK = 4 << 20, /* of kallsyms, before its tokens, at the first try */
	WINDOW_BACK_MAX = 64 << 20,
	WINDOW_AHEAD = 1 << 16, /* and behind them, where only the newer kernels have addresses */
	WINDOW_AHEAD_MAX = 16 << 20,
	IMAGE_MAX = 1 << 30, /* of a kernel: what is between its text and its banner */
};

static const vmi_gva image_first = 0xffffffff80000000, image_last = 0xffffffffbfffffff;
static const vmi_gva image_first_32 = 0x40000000, image_last_32 = 0xffffffff;
static const char banner_begin[] = "Linux version ";

/* ---- the table of symbols ------------------------------------------------------------------- */

/* Pages before and behind `at`, as far as there are any, up to the lengths. */
struct window {
	uint8_t *bytes;
	size_t back, ahead; /* of the page that holds `at` */
};

static bool window_read(struct window *w, struct vmi *vm, const struct vmi_space *space,
			uint64_t at, size_t back, size_t ahead)
{
	uint64_t page = at & ~(uint64_t)(VMI_PAGE_SIZE - 1);
	size_t room = back < page ? back : (size_t)page;

	*w = (struct window){.bytes = malloc(room + ahead)};
	if (!w->bytes)
		return false;
	while (w->back < room && !vmi_read_bytes(vm, space, page - w->back - VMI_PAGE_SIZE,
						 w->bytes + room - w->back - VMI_PAGE_SIZE,
						 VMI_PAGE_SIZE, NULL, NULL))
		w->back += VMI_PAGE_SIZE;
	while (w->ahead < ahead &&
	       !vmi_read_bytes(vm, space, page + w->ahead, w->bytes + room + w->ahead,
			       VMI_PAGE_SIZE, NULL, NULL))
		w->ahead += VMI_PAGE_SIZE;
	memmove(w->bytes, w->bytes + room - w->back, w->back + w->ahead);
	return true;
}

/* Take the symbols whose tokens are at `tokens` of the space; NULL: physical. */
enum vmi_status kernel_symbols_take(struct kernel *kernel, struct vmi *vm,
				    const struct vmi_space *space, uint64_t tokens,
				    struct vmi_error *err)
{
	enum vmi_status st = VMI_ERR_NOT_FOUND;

	/* Ever more of what is around them, as far as there is memory. */
	for (size_t back = WINDOW_BACK, ahead = WINDOW_AHEAD;
	     st == VMI_ERR_NOT_FOUND && back <= WINDOW_BACK_MAX;
	     back = ahead == WINDOW_AHEAD ? back : back * 4, ahead = WINDOW_AHEAD_MAX) {
		struct window w;

		if (!window_read(&w, vm, space, tokens, back, ahead))
			return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the symbols");
		struct kallsyms_window window = {.bytes = w.bytes,
						 .len = w.back + w.ahead,
						 .addr = tokens - tokens % VMI_PAGE_SIZE - w.back,
						 .tokens = w.back + tokens % VMI_PAGE_SIZE,
						 .pointer_size = kernel->pointer_size};
		symbols_deinit(&kernel->symbols);
		st = kallsyms_decode(&window, &kernel->symbols, err);
		free(w.bytes);
		if (w.back < back && w.ahead < ahead)
			break;
	}
	if (!st && !symbols_finish(&kernel->symbols))
		st = vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the symbols");
	return st;
}

/* ---- the banner ----------------------------------------------------------------------------- */

/* Is the kernel's line of version at `addr`? Then keep it. */
bool kernel_banner_take(struct kernel *kernel, struct vmi *vm, const struct vmi_space *space,
			uint64_t addr)
{
	struct vmi_string string = {0};
	enum vmi_status st =
		vmi_string_read(vm, space, addr, VMI_LATIN1, sizeof(kernel->banner), &string, NULL);
	size_t begin = sizeof(banner_begin) - 1;
	/*
	 * What is built for /proc/version has holes of printf instead, and what was linked before
	 * the kernel got its number has "# SMP" and the like.
	 */
	bool is = !st && string.length > begin + 8 && string.end == VMI_STRING_NUL &&
		  !memcmp(string.bytes, banner_begin, begin) && string.bytes[begin] >= '0' &&
		  string.bytes[begin] <= '9' && string.bytes[string.length - 1] == '\n' &&
		  !memmem(string.bytes, string.length, "# ", 2);

	if (is) {
		memcpy(kernel->banner, string.bytes, string.length - 1);
		kernel->banner[string.length - 1] = '\0';
	}
	vmi_string_free(&string);
	return is;
}

/* Search [first, last] of a space, or physical memory, for the banner. */
bool kernel_banner_search(struct kernel *kernel, struct vmi *vm, const struct vmi_space *space,
			  uint64_t first, uint64_t last, uint64_t *found)
{
	uint8_t page[VMI_PAGE_SIZE + sizeof(banner_begin)];
	uint8_t *at = page;

	for (uint64_t addr = first; addr <= last && last - addr >= VMI_PAGE_SIZE - 1;
	     addr += VMI_PAGE_SIZE) {
		size_t done, len = sizeof(page) <= last - addr ? sizeof(page)
							       : (size_t)(last - addr) + 1;

		/* Some bytes of the next page, so that what crosses is seen. */
		if (vmi_read_bytes(vm, space, addr, page, len, &done, NULL) &&
		    done < sizeof(banner_begin))
			continue;
		for (at = page; (at = memmem(at, done - (size_t)(at - page), banner_begin,
					     sizeof(banner_begin) - 1));
		     at++)
			if (kernel_banner_take(kernel, vm, space, addr + (uint64_t)(at - page))) {
				*found = addr + (uint64_t)(at - page);
				return true;
			}
	}
	return false;
}

/* ---- a space that may map the kernel -------------------------------------------------------- */

const struct symbol *kernel_root_symbol(const struct symbols *symbols)
{
	static const char *const names[] = {"init_top_pgt", "init_level4_pgt", "swapper_pg_dir"};
	const struct symbol *symbol = NULL;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !symbol; i++)
		symbol = symbols_find(symbols, names[i]);
	return symbol;
}

/* The kernel's own page tables, which have what those of a process may not have yet. */
static void space_own(struct kernel *kernel, struct vmi *vm)
{
	const struct symbol *symbol = kernel_root_symbol(&kernel->symbols);
	struct vmi_translation root, was, is;
	struct vmi_space own = kernel->space;

	if (!symbol || vmi_translate(vm, &kernel->space, symbol->gva, &root, NULL))
		return;
	own.root = root.gpa;
	if (!vmi_translate(vm, &kernel->space, kernel->text, &was, NULL) &&
	    !vmi_translate(vm, &own, kernel->text, &is, NULL) && was.gpa == is.gpa)
		kernel->space = own;
}

static const struct symbol *text_symbol(const struct symbols *symbols)
{
	const struct symbol *text = symbols_find(symbols, "_text");

	return text ? text : symbols_find(symbols, "_stext");
}

/* The symbols belong to this space if its text and its banner are where they say. */
bool kernel_symbols_fit(struct kernel *kernel, struct vmi *vm)
{
	const struct symbol *text = text_symbol(&kernel->symbols);
	const struct symbol *banner = symbols_find(&kernel->symbols, "linux_banner");
	struct vmi_translation at;
	uint64_t found;

	if (!text || vmi_translate(vm, &kernel->space, text->gva, &at, NULL))
		return false;
	kernel->text = text->gva;
	kernel->text_gpa = at.gpa;
	if (banner)
		return kernel_banner_take(kernel, vm, &kernel->space, banner->gva);
	/* Data has no symbols in this kernel. */
	uint64_t last = UINT32_MAX;
	if (kernel->pointer_size == 8 || text->gva + IMAGE_MAX < last)
		last = text->gva + IMAGE_MAX;
	return kernel_banner_search(kernel, vm, &kernel->space, text->gva, last, &found);
}

void kernel_chunk_read(struct vmi *vm, const struct vmi_space *space, uint64_t addr, uint8_t *chunk,
		       size_t len)
{
	size_t got = 0, done;

	while (got < len) {
		if (!vmi_read_bytes(vm, space, addr + got, chunk + got, len - got, &done, NULL))
			return;
		got += done;
		size_t skip = VMI_PAGE_SIZE - (size_t)(addr + got) % VMI_PAGE_SIZE;
		skip = skip < len - got ? skip : len - got;
		memset(chunk + got, 0xff, skip);
		got += skip;
	}
}

/* ---- symbols of a file ---------------------------------------------------------------------- */

/* Put the file's symbols where they are when the banner is at `found`; false: it is another's. */
static bool linked_place(struct kernel *kernel, vmi_gva found)
{
	const struct symbol *banner = symbols_find(kernel->linked, "linux_banner");
	const struct symbol *text = text_symbol(kernel->linked);
	uint64_t mask = kernel->pointer_size == 4 ? UINT32_MAX : UINT64_MAX;

	/* CONFIG_PHYSICAL_ALIGN of arch/x86/Kconfig: a kernel is moved by so much at least. */
	uint64_t step = kernel->pointer_size == 4 ? 0x2000 : 0x200000;
	kernel->slide = (found - banner->gva) & mask;
	if (kernel->slide % step)
		return false;
	symbols_deinit(&kernel->symbols);
	return symbols_slide(&kernel->symbols, kernel->linked, text->gva, kernel->slide, mask);
}

/* The banner in [first, first + size), which tells where the file's symbols are. */
static bool linked_search(struct kernel *kernel, struct vmi *vm, vmi_gva first, uint64_t size)
{
	vmi_gva last = first + (size - 1), found;

	while (kernel_banner_search(kernel, vm, &kernel->space, first, last, &found)) {
		if (linked_place(kernel, found) && kernel_symbols_fit(kernel, vm))
			return true;
		vmi_gva next = (found | (VMI_PAGE_SIZE - 1)) + 1;
		if (next <= first || next > last)
			break;
		first = next;
	}
	return false;
}

/* The tokens of kallsyms in [first, first + size), of which `chunk` holds a piece at a time. */
static bool range_search(struct kernel *kernel, struct vmi *vm, uint8_t *chunk, vmi_gva first,
			 uint64_t size)
{
	for (uint64_t at = 0; at < size; at += CHUNK) {
		size_t want = size - at < CHUNK + KALLSYMS_TOKENS_MAX ? (size_t)(size - at)
								      : CHUNK + KALLSYMS_TOKENS_MAX;
		size_t from = 0, found;

		kernel_chunk_read(vm, &kernel->space, first + at, chunk, want);
		while ((found = kallsyms_tokens_find(chunk, want, from)) != SIZE_MAX) {
			from = found + 1;
			if (!kernel_symbols_take(kernel, vm, &kernel->space, first + at + found,
						 NULL) &&
			    kernel_symbols_fit(kernel, vm))
				return true;
			/* What was found begins before the token that is looked for. */
			from += KALLSYMS_TOKENS_MAX;
		}
	}
	return false;
}

/* Search the pieces that are executable, or those that are not; those that touch as one. */
static bool pieces_search(struct kernel *kernel, struct vmi *vm, uint8_t *chunk, unsigned access)
{
	struct vmi_range_iter it;
	struct vmi_range range;
	vmi_gva first = 0;
	uint64_t size = 0;
	bool found = false, wide = !space_is_32bit(&kernel->space);

	vmi_range_begin(&it, vm, &kernel->space, wide ? image_first : image_first_32,
			wide ? image_last : image_last_32);
	while (!found) {
		enum vmi_status st = vmi_range_next(&it, &range, NULL);
		bool use = !st && range.status == VMI_OK && !range.user &&
			   (range.access & VMI_ACCESS_X) == access;

		if (use && size && first + size == range.gva) {
			size += range.size;
			continue;
		}
		if (size && kernel->linked)
			found = linked_search(kernel, vm, first, size);
		else if (size)
			found = range_search(kernel, vm, chunk, first, size);
		if (st)
			break;
		first = range.gva;
		size = use ? range.size : 0;
	}
	return found;
}

bool kernel_space_search(struct kernel *kernel, struct vmi *vm, const struct vmi_space *space)
{
	uint8_t *chunk = malloc(CHUNK + KALLSYMS_TOKENS_MAX);

	if (!chunk)
		return false;
	kernel->space = *space;
	kernel->pointer_size = space_is_32bit(space) ? 4 : 8;
	/* The tables are data, which most kernels do not make executable; text is the larger part.
	 */
	bool found = pieces_search(kernel, vm, chunk, 0) ||
		     pieces_search(kernel, vm, chunk, VMI_ACCESS_X);
	free(chunk);
	if (found)
		space_own(kernel, vm);
	return found;
}

bool kernel_root_search(struct kernel *kernel, struct vmi *vm, vmi_gpa root, const char *source)
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
		if (kernel_space_search(kernel, vm, &space))
			return true;
	}
	return false;
}
