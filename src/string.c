/* SPDX-License-Identifier: MIT */
/* Strings of the guest: found page by page, never looking past the terminator; made UTF-8. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "handle.h"

size_t vmi_string_limit(const struct vmi *vm)
{
	return vm->string_limit;
}

void vmi_string_limit_set(struct vmi *vm, size_t limit)
{
	vm->string_limit = limit ? limit : STRING_LIMIT;
}

void vmi_string_free(struct vmi_string *string)
{
	free(string->bytes);
	free(string->text);
	memset(string, 0, sizeof(*string));
}

static bool is_wide(enum vmi_encoding encoding)
{
	return encoding == VMI_UTF16LE || encoding == VMI_UTF16BE;
}

/* ---- to UTF-8 ------------------------------------------------------------------------------- */

enum { REPLACEMENT = 0xfffd };

static size_t put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	unsigned more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
	out[0] = (char)(0xf80 >> more | c >> 6 * more);
	for (unsigned i = 1; i <= more; i++)
		out[i] = (char)(0x80 | (c >> 6 * (more - i) & 0x3f));
	return more + 1;
}

/*
 * One character of UTF-8, or U+FFFD for the longest start of one that is ill-formed: the practice
 * of the Unicode Standard, 3.9, "U+FFFD substitution of maximal subparts". Returns the bytes taken.
 */
static size_t take_utf8(const uint8_t *in, size_t len, uint32_t *c)
{
	uint8_t lead = in[0], low = 0x80, high = 0xbf;
	unsigned more;

	*c = lead;
	if (lead < 0x80)
		return 1;
	if (lead >= 0xc2 && lead <= 0xdf) {
		more = 1;
	} else if (lead >= 0xe0 && lead <= 0xef) {
		more = 2;
		low = lead == 0xe0 ? 0xa0 : 0x80;
		high = lead == 0xed ? 0x9f : 0xbf;
	} else if (lead >= 0xf0 && lead <= 0xf4) {
		more = 3;
		low = lead == 0xf0 ? 0x90 : 0x80;
		high = lead == 0xf4 ? 0x8f : 0xbf;
	} else {
		*c = REPLACEMENT;
		return 1;
	}
	uint32_t sum = lead & (0x3fu >> more);
	for (unsigned i = 1; i <= more; i++, low = 0x80, high = 0xbf) {
		if (i >= len || in[i] < low || in[i] > high) {
			*c = REPLACEMENT;
			return i;
		}
		sum = sum << 6 | (in[i] & 0x3f);
	}
	*c = sum;
	return more + 1;
}

static uint32_t unit16(const uint8_t *in, enum vmi_encoding encoding)
{
	uint32_t low = in[0], high = in[1];

	return encoding == VMI_UTF16LE ? high << 8 | low : low << 8 | high;
}

static size_t take_utf16(const uint8_t *in, size_t len, enum vmi_encoding encoding, uint32_t *c)
{
	if (len < 2) {
		*c = REPLACEMENT;
		return 1;
	}
	*c = unit16(in, encoding);
	if (*c >> 11 != 0x1b) /* no surrogate */
		return 2;
	if (*c >> 10 == 0x36 && len >= 4) {
		uint32_t second = unit16(in + 2, encoding);
		if (second >> 10 == 0x37) {
			*c = 0x10000 + ((*c & 0x3ff) << 10 | (second & 0x3ff));
			return 4;
		}
	}
	*c = REPLACEMENT;
	return 2;
}

static enum vmi_status make_text(struct vmi_string *string, enum vmi_encoding encoding,
				 struct vmi_error *err)
{
	/* Each byte becomes at most 3: a lone bad byte turns into U+FFFD. */
	if (string->length > (SIZE_MAX - 1) / 3 || !(string->text = malloc(string->length * 3 + 1)))
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for a string of %zu bytes",
				string->length);
	size_t at = 0, out = 0;
	while (at < string->length) {
		const uint8_t *in = string->bytes + at;
		size_t left = string->length - at;
		uint32_t c = in[0];
		if (is_wide(encoding))
			at += take_utf16(in, left, encoding, &c);
		else
			at += encoding == VMI_UTF8 ? take_utf8(in, left, &c) : 1;
		out += put_utf8(string->text + out, c);
	}
	string->text[out] = '\0';
	string->text_length = out;
	return VMI_OK;
}

/* ---- finding the end ------------------------------------------------------------------------ */

static enum vmi_status append(struct vmi_string *string, size_t *room, const uint8_t *bytes,
			      size_t len, struct vmi_error *err)
{
	if (len > *room - string->length) {
		size_t want = *room;
		while (want - string->length < len) {
			if (want > SIZE_MAX / 2)
				return vmi_fail(err, VMI_ERR_NOMEM, "a string too long for memory");
			want = want ? want * 2 : 256;
		}
		uint8_t *more = realloc(string->bytes, want);
		if (!more)
			return vmi_fail(err, VMI_ERR_NOMEM,
					"out of memory for a string of %zu bytes", want);
		string->bytes = more;
		*room = want;
	}
	if (len)
		memcpy(string->bytes + string->length, bytes, len);
	string->length += len;
	return VMI_OK;
}

/* Cut at the terminator when there is one at or behind `from`; true when there was. */
static bool cut_at_nul(struct vmi_string *string, size_t from, enum vmi_encoding encoding)
{
	if (!is_wide(encoding)) {
		const uint8_t *nul = from < string->length ? memchr(string->bytes + from, 0,
								    string->length - from)
							   : NULL;
		if (nul)
			string->length = (size_t)(nul - string->bytes);
		return nul;
	}
	for (size_t i = from & ~(size_t)1; i + 1 < string->length; i += 2)
		if (!string->bytes[i] && !string->bytes[i + 1]) {
			string->length = i;
			return true;
		}
	return false;
}

/* Append what is known of the page around `at`, which is not there, at most `max`. */
static enum vmi_status take_paged(struct vmi *vm, const struct vmi_space *space, uint64_t at,
				  size_t max, struct vmi_string *string, size_t *room,
				  struct vmi_error *err)
{
	uint8_t bytes[VMI_PAGE_SIZE];
	size_t n = 0;
	enum vmi_status st = pager_read(vm, space, at, bytes,
					max < sizeof(bytes) ? max : sizeof(bytes), &n, err);

	return st ? st : append(string, room, bytes, n, err);
}

/* Append what is left of the page around `at`, at most `max`. */
static enum vmi_status take_page(struct vmi *vm, const struct vmi_space *space, uint64_t at,
				 size_t max, struct vmi_string *string, size_t *room,
				 struct vmi_error *err)
{
	vmi_gpa gpa;
	uint64_t span;
	struct vmi_page page;
	size_t left = VMI_PAGE_SIZE - at % VMI_PAGE_SIZE;
	enum vmi_status st = locate(vm, space, at, &gpa, &span, err);

	if (st == VMI_ERR_NOT_PRESENT)
		return take_paged(vm, space, at, max, string, room, err);
	if (!st)
		st = vmi_page_get(vm, gpa >> VMI_PAGE_SHIFT, &page, err);
	if (st)
		return st;
	size_t n = page_known(&page, gpa % VMI_PAGE_SIZE, left < max ? left : max);
	st = n ? append(string, room, page.data + gpa % VMI_PAGE_SIZE, n, err)
	       : fail_partial(gpa, err);
	vmi_page_put(vm, &page);
	return st;
}

/* Why a string that begins at `addr` cannot go on at `at`: is there nothing behind it any more? */
static enum vmi_string_end end_of(struct vmi *vm, const struct vmi_space *space, uint64_t addr,
				  uint64_t at)
{
	struct vmi_run run;
	bool end = at < addr;

	if (!space)
		end = end || vmi_run_next(vm, at, &run, NULL) == VMI_END;
	else if (space->mode != VMI_MODE_4LEVEL && space->mode != VMI_MODE_5LEVEL)
		end = end || at >> 32;
	return end ? VMI_STRING_IMAGE_END : VMI_STRING_HOLE;
}

static enum vmi_status collect(struct vmi *vm, const struct vmi_space *space, uint64_t addr,
			       enum vmi_encoding encoding, size_t limit, struct vmi_string *string,
			       struct vmi_error *err)
{
	size_t room = 0;

	for (;;) {
		uint64_t at = addr + string->length;
		size_t before = string->length;
		if (before >= limit) {
			string->end = VMI_STRING_LIMIT;
			return VMI_OK;
		}
		enum vmi_status st =
			before && at < addr
				? vmi_fail(err, VMI_ERR_NOT_CANONICAL,
					   "the address space ends at 2^64")
				: take_page(vm, space, at, limit - before, string, &room, err);
		if (st == VMI_ERR_NOMEM)
			return st;
		if (st) {
			string->end = end_of(vm, space, addr, at);
			return vmi_wrap(err, st, "string at %s 0x%" PRIx64, space ? "gva" : "gpa",
					addr);
		}
		if (cut_at_nul(string, before, encoding)) {
			string->end = VMI_STRING_NUL;
			return VMI_OK;
		}
	}
}

enum vmi_status vmi_string_read(struct vmi *vm, const struct vmi_space *space, uint64_t addr,
				enum vmi_encoding encoding, size_t limit, struct vmi_string *string,
				struct vmi_error *err)
{
	enum vmi_status st = require(vm, VMI_CAP_READ, err);

	memset(string, 0, sizeof(*string));
	if (st)
		return st;
	if (!limit)
		limit = vm->string_limit;
	if (is_wide(encoding))
		limit &= ~(size_t)1;
	st = collect(vm, space, addr, encoding, limit, string, err);
	if (is_wide(encoding))
		string->length &= ~(size_t)1;
	string->end_addr = addr + string->length;

	enum vmi_status text =
		st == VMI_ERR_NOMEM ? st : make_text(string, encoding, st ? NULL : err);
	if (text) {
		vmi_string_free(string);
		return text;
	}
	return st;
}

enum vmi_status vmi_string_of_bytes(const void *bytes, size_t len, enum vmi_encoding encoding,
				    struct vmi_string *string, struct vmi_error *err)
{
	*string = (struct vmi_string){.bytes = malloc(len ? len : 1), .length = len};
	if (!string->bytes)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for a string of %zu bytes", len);
	if (len)
		memcpy(string->bytes, bytes, len);
	enum vmi_status st = make_text(string, encoding, err);
	if (st)
		vmi_string_free(string);
	return st;
}

enum vmi_status vmi_string_read_counted(struct vmi *vm, const struct vmi_space *space,
					uint64_t addr, enum vmi_encoding encoding,
					struct vmi_string *string, struct vmi_error *err)
{
	bool wide = !space || space->mode == VMI_MODE_4LEVEL || space->mode == VMI_MODE_5LEVEL;
	uint8_t head[16];
	uint64_t at = 0;
	size_t done = 0;

	memset(string, 0, sizeof(*string));
	enum vmi_status st = vmi_read_bytes(vm, space, addr, head, wide ? 16 : 8, NULL, err);
	if (st)
		return st;
	size_t length = head[0] | (size_t)head[1] << 8, maximum = head[2] | (size_t)head[3] << 8;
	if (length > maximum)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"no counted string at 0x%" PRIx64
				": its length 0x%zx is above its maximum 0x%zx",
				addr, length, maximum);
	for (unsigned i = wide ? 16 : 8; i-- > (wide ? 8u : 4u);)
		at = at << 8 | head[i];

	string->bytes = malloc(length ? length : 1);
	if (!string->bytes)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	st = vmi_read_bytes(vm, space, at, string->bytes, length, &done, err);
	string->end = st ? end_of(vm, space, at, at + done) : VMI_STRING_NUL;
	string->length = st && is_wide(encoding) ? done & ~(size_t)1 : done;
	string->end_addr = at + string->length;
	enum vmi_status text = make_text(string, encoding, st ? NULL : err);
	if (text)
		vmi_string_free(string);
	return text ? text : st;
}
