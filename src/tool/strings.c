/* SPDX-License-Identifier: MIT */
/* Strings in a unit: bit masks find the candidates, characters are looked at only there. */

#include <stdlib.h>
#include <string.h>

#include "runs.h"
#include "strings.h"
#include "text.h"

/* One strings_find(). */
struct search {
	struct pass *pass;
	const uint8_t *data; /* of the unit */
	size_t size;
	size_t base;  /* offset of the masks' first element */
	size_t width; /* of an element */
	size_t least;
	bool good; /* memory was there */
};

unsigned strings_character(enum strings_encoding encoding, const uint8_t *p, size_t n,
			   uint32_t *code)
{
	unsigned len = 0;

	switch (encoding) {
	case STRINGS_ASCII:
		if (!n)
			return 0;
		*code = *p;
		return ascii_printable(*p);
	case STRINGS_UTF8:
		len = utf8_decode(p, n, code);
		return len && text_printable(*code) ? len : 0;
	case STRINGS_UTF16LE:
		len = utf16_decode(p, n, code);
		return len && text_wide(*code) ? len : 0;
	}
	return 0;
}

const uint8_t *stream_at(struct stream *stream, uint64_t addr, size_t *n)
{
	uint64_t offset = addr - stream->addr;
	bool more = stream->len == sizeof(stream->data);

	if (!stream->len || offset > stream->len || (more && stream->len - offset < 4)) {
		size_t want = sizeof(stream->data), done = 0;

		if (want - 1 > UINT64_MAX - addr)
			want = (size_t)(UINT64_MAX - addr) + 1;
		if (!vmi_read_bytes(stream->vm, stream->space, addr, stream->data, want, &done,
				    NULL))
			done = want;
		stream->addr = addr;
		stream->len = done;
		offset = 0;
	}
	*n = stream->len - (size_t)offset;
	return stream->data + offset;
}

struct extent strings_measure(struct stream *stream, enum strings_encoding encoding, uint64_t addr,
			      uint64_t enough)
{
	struct extent extent = {0};
	uint32_t code;

	while (extent.bytes < enough) {
		size_t n;
		const uint8_t *p = stream_at(stream, addr + extent.bytes, &n);
		unsigned len = n ? strings_character(encoding, p, n, &code) : 0;

		if (!len)
			break;
		extent.bytes += len;
		extent.characters++;
		extent.wide |= code >= 0x80;
	}
	return extent;
}

static void add(struct search *search, size_t first, size_t len)
{
	struct pass *pass = search->pass;

	if (pass->count == pass->room) {
		size_t room = pass->room ? 2 * pass->room : 1024;
		struct hit *more = reallocarray(pass->hit, room, sizeof(*more));

		if (!more) {
			search->good = false;
			return;
		}
		pass->hit = more;
		pass->room = room;
	}
	pass->hit[pass->count++] = (struct hit){(uint32_t)first, (uint32_t)len};
}

/* A run of elements is exactly a string. */
static void found_exact(void *context, size_t first, size_t end)
{
	struct search *search = context;

	add(search, search->base + first, end - first);
}

/* A run of elements that may be text: look at the characters. None of them leaves the run. */
static void found_candidate(void *context, size_t first, size_t end)
{
	struct search *search = context;
	size_t at = search->base + first * search->width;
	size_t stop = search->base + end * search->width;
	size_t start = at, characters = 0;
	bool wide = false;

	while (at <= stop) {
		uint32_t code = 0;
		unsigned len = at < stop ? strings_character(search->pass->encoding,
							     search->data + at, stop - at, &code)
					 : 0;
		if (len) {
			at += len;
			characters++;
			wide |= code >= 0x80;
			continue;
		}
		if (characters >= search->least && (wide || !search->pass->wide_only))
			add(search, start, at - start);
		at += search->width;
		start = at;
		characters = 0;
		wide = false;
	}
}

/* From `at` to the end of the unit and as far behind as strings go: by the character. */
static void find_tail(struct search *search, struct stream *stream, uint64_t addr, size_t at)
{
	while (at < search->size) {
		struct extent extent =
			strings_measure(stream, search->pass->encoding, addr + at, UINT64_MAX);

		if (extent.characters && extent.characters >= search->least &&
		    (extent.wide || !search->pass->wide_only)) {
			bool inside = extent.bytes <= search->size - at;

			add(search, at, inside ? (size_t)extent.bytes : 0);
		}
		if (extent.bytes >= search->size - at)
			return;
		at += extent.bytes ? (size_t)extent.bytes : search->width;
	}
}

/*
 * Where strings of this unit can begin: behind the one that began before it, if there is one. It
 * covers the byte before `start`, with a character that begins at most four bytes before.
 */
static uint64_t skip_foreign(const struct search *search, struct stream *stream,
			     const struct unit *unit, size_t start)
{
	for (size_t back = search->width; back <= unit->before + start && back <= 4;
	     back += search->width) {
		uint32_t code;
		const uint8_t *p = search->data + start - back;
		unsigned len = strings_character(search->pass->encoding, p,
						 search->size - start + back, &code);

		if (len >= back) {
			size_t first = start - back; /* may be before the unit: wraps, and back */

			return first + strings_measure(stream, search->pass->encoding,
						       unit->addr + first, search->size - first)
					       .bytes;
		}
	}
	return start;
}

/* The elements of [data, data + count * width), through the masks, in pieces of some KiB. */
static void add_elements(struct runs *runs, classify_fn *classify, const uint8_t *data,
			 size_t width, size_t count)
{
	enum { BLOCKS = 256 };
	uint64_t mask[BLOCKS];
	uint8_t rest[2 * 64] = {0};

	while (count >= 64) {
		size_t blocks = count / 64 < BLOCKS ? count / 64 : BLOCKS;

		classify(data, blocks, mask);
		runs_add(runs, mask, blocks);
		data += blocks * 64 * width;
		count -= blocks * 64;
	}
	if (count) {
		memcpy(rest, data, count * width);
		classify(rest, 1, mask);
		/* Whatever reaches the end stays open. */
		mask[0] |= UINT64_MAX << count;
		runs_add(runs, mask, 1);
	}
}

bool strings_find(struct pass *pass, const struct window *window, const struct unit *unit,
		  size_t least)
{
	static const enum class classes[] = {CLASS_ASCII, CLASS_UTF8, CLASS_UTF16};
	bool wide = pass->encoding == STRINGS_UTF16LE;
	struct stream stream = {.vm = window->vm, .space = window->space};
	struct search search = {
		.pass = pass,
		.data = window->data,
		.size = unit->size,
		.width = wide ? 2 : 1,
		.least = least,
		.good = true,
	};
	struct runs runs;

	pass->count = 0;
	size_t start = wide ? (unit->addr ^ pass->parity) & 1 : 0;
	uint64_t base = skip_foreign(&search, &stream, unit, start);
	if (base >= unit->size)
		return true;
	search.base = (size_t)base;

	size_t count = (unit->size - search.base) / search.width;
	runs_begin(&runs, least, pass->encoding == STRINGS_ASCII ? found_exact : found_candidate,
		   &search);
	add_elements(&runs, classify_choose(classes[pass->encoding]), search.data + search.base,
		     search.width, count);
	size_t open = runs_end(&runs);
	find_tail(&search, &stream, unit->addr,
		  search.base + (open < count ? open : count) * search.width);
	return search.good;
}
