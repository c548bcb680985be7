/* SPDX-License-Identifier: MIT */
/* Bytes and strings. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sha256.h"
#include "truth_check.h"

/* A read of some length; its bytes are owned. */
struct job {
	yajl_val item;
	struct vmi_request request;
};

static void judge_read(struct check *check, const struct job *job, const char *how)
{
	const struct vmi_request *r = &job->request;
	const char *want = item_text(job->item, "sha256");
	char got[65];

	if (r->status) {
		if (!check_not_saved(check, r->status))
			check_wrong(check, "%s of %zu bytes at %s in %s: %s after %zu", how, r->len,
				    item_text(job->item, "addr"), item_text(job->item, "cr3"),
				    vmi_status_name(r->status), r->done);
		return;
	}
	sha256_hex(r->buf, r->len, got);
	if (r->done != r->len || !want || strcmp(got, want) != 0)
		check_wrong(check, "%s of %zu bytes at %s in %s: other bytes (%s)", how, r->len,
			    item_text(job->item, "addr"), item_text(job->item, "cr3"),
			    item_text(job->item, "source"));
}

/* The reads of one space, one by one and all at once. */
static void read_space(struct check *check, const char *cr3, const struct vmi_space *space)
{
	size_t total = truth_count(check->truth, "reads"), count = 0;
	struct job *job = calloc(total, sizeof(*job));
	struct vmi_request *batch = calloc(total, sizeof(*batch));
	struct vmi_error err;

	for (size_t i = 0; job && batch && i < total; i++) {
		yajl_val item = truth_item(check->truth, "reads", i);
		struct vmi_request *r = &job[count].request;
		uint64_t len;

		if (strcmp(item_text(item, "cr3"), cr3) != 0 || !item_u64(item, "addr", &r->addr) ||
		    !item_u64(item, "len", &len) || !(r->buf = calloc(1, (size_t)len + 1)))
			continue;
		job[count].item = item;
		r->len = (size_t)len;
		r->status =
			vmi_read_bytes(check->vm, space, r->addr, r->buf, r->len, &r->done, &err);
		if (r->status == VMI_OK)
			r->done = r->len;
		check->checked++;
		judge_read(check, &job[count], "a read");
		memset(r->buf, 0, r->len);
		batch[count++] = *r;
	}
	/* Each request tells how it went: the sum of them is no news. */
	if (count && vmi_read_scatter(check->vm, space, batch, count, &err) && !err.text[0])
		check_wrong(check, "a failure without words");
	for (size_t i = 0; i < count; i++) {
		if (job[i].request.status != batch[i].status)
			check_wrong(check, "at %s: %s alone, %s among others",
				    item_text(job[i].item, "addr"),
				    vmi_status_name(job[i].request.status),
				    vmi_status_name(batch[i].status));
		job[i].request = batch[i];
		if (!batch[i].status)
			judge_read(check, &job[i], "a scattered read");
		free(batch[i].buf);
	}
	free(batch);
	free(job);
}

void check_reads(struct check *check)
{
	check_begin(check, "reads");
	for (size_t i = 0; i < truth_count(check->truth, "reads"); i++) {
		yajl_val item = truth_item(check->truth, "reads", i);
		const struct vmi_space *space;
		struct vmi_space store;
		bool seen = false;

		for (size_t k = 0; k < i && !seen; k++)
			seen = !strcmp(item_text(truth_item(check->truth, "reads", k), "cr3"),
				       item_text(item, "cr3"));
		if (!seen && check_item_space(check, item, &store, &space))
			read_space(check, item_text(item, "cr3"), space);
	}
	check_end(check);
}

void check_short_reads(struct check *check)
{
	check_begin(check, "short reads");
	for (size_t i = 0; i < truth_count(check->truth, "short_reads"); i++) {
		yajl_val item = truth_item(check->truth, "short_reads", i);
		uint64_t addr, len, readable;
		const struct vmi_space *space;
		struct vmi_space store;
		struct vmi_error err;
		uint8_t buf[4096];
		size_t done = 0;

		if (!check_item_space(check, item, &store, &space) ||
		    !item_u64(item, "addr", &addr) || !item_u64(item, "len", &len) ||
		    !item_u64(item, "readable", &readable) || len > sizeof(buf))
			continue;
		check->checked++;
		enum vmi_status status =
			vmi_read_bytes(check->vm, space, addr, buf, (size_t)len, &done, &err);
		if (done < readable && check_not_saved(check, status))
			continue;
		if (done != readable ||
		    (status != VMI_ERR_NOT_PRESENT && status != VMI_ERR_NOT_CANONICAL &&
		     status != VMI_ERR_NOT_SAVED))
			check_wrong(check,
				    "%" PRIu64 " bytes at 0x%" PRIx64
				    ": %s after %zu, not after %" PRIu64,
				    len, addr, vmi_status_name(status), done, readable);
	}
	check_end(check);
}

static bool encoding_of(const char *name, enum vmi_encoding *encoding)
{
	static const struct {
		const char *name;
		enum vmi_encoding encoding;
	} all[] = {
		{"ascii", VMI_UTF8},      {"utf8", VMI_UTF8},       {"latin1", VMI_LATIN1},
		{"utf16le", VMI_UTF16LE}, {"utf16be", VMI_UTF16BE},
	};

	for (size_t i = 0; name && i < sizeof(all) / sizeof(all[0]); i++) {
		if (!strcmp(all[i].name, name)) {
			*encoding = all[i].encoding;
			return true;
		}
	}
	return false;
}

static bool end_right(const char *want, enum vmi_status status, enum vmi_string_end end)
{
	if (!strcmp(want, "nul"))
		return status == VMI_OK && end == VMI_STRING_NUL;
	if (!strcmp(want, "hole"))
		return status != VMI_OK && end == VMI_STRING_HOLE;
	return !strcmp(want, "image-end") && end == VMI_STRING_IMAGE_END;
}

/* Where two texts part, or their common length: guests' texts are not for terminals. */
static size_t common(const char *a, const char *b)
{
	size_t n = 0;

	while (a[n] && a[n] == b[n])
		n++;
	return n;
}

static void judge_text(struct check *check, yajl_val item, const struct vmi_string *string)
{
	const char *want = item_text(item, "text"), *got = string->text ? string->text : "";

	if (want && (strlen(want) != string->text_length || strcmp(want, got) != 0))
		check_wrong(check,
			    "the text at %s in %s: %zu bytes of UTF-8, not %zu, and only %zu alike",
			    item_text(item, "va"), item_text(item, "cr3"), string->text_length,
			    strlen(want), common(want, got));
}

static void judge_string(struct check *check, yajl_val item, enum vmi_status status,
			 const struct vmi_string *string)
{
	const char *va = item_text(item, "va");
	const char *cr3 = item_text(item, "cr3"), *end = item_text(item, "end");
	bool readable = true;
	size_t len;
	uint8_t *bytes = item_bytes(item, "bytes", &len);

	item_bool(item, "readable", &readable);
	if (!readable) {
		if (status == VMI_OK || string->length)
			check_wrong(check, "the string at %s in %s should be gone", va, cr3);
	} else if (!check_not_saved(check, status)) {
		if (!end_right(end, status, string->end))
			check_wrong(check, "the string at %s in %s: %s, end %d, not %s", va, cr3,
				    vmi_status_name(status), (int)string->end, end);
		if (!bytes || string->length != len ||
		    (len && memcmp(bytes, string->bytes, len) != 0))
			check_wrong(check, "the string at %s in %s: %zu bytes, not these %zu", va,
				    cr3, string->length, len);
		judge_text(check, item, string);
	}
	free(bytes);
}

void check_strings(struct check *check)
{
	check_begin(check, "strings");
	for (size_t i = 0; i < truth_count(check->truth, "strings"); i++) {
		yajl_val item = truth_item(check->truth, "strings", i);
		struct vmi_string string = {0};
		const struct vmi_space *space;
		enum vmi_encoding encoding;
		struct vmi_space store;
		struct vmi_error err;
		uint64_t va;

		if (!check_item_space(check, item, &store, &space) || !item_u64(item, "va", &va) ||
		    !encoding_of(item_text(item, "encoding"), &encoding))
			continue;
		check->checked++;
		enum vmi_status status =
			vmi_string_read(check->vm, space, va, encoding, 0, &string, &err);
		judge_string(check, item, status, &string);
		vmi_string_free(&string);
	}
	check_end(check);
}

/* The structure's own bytes, and the text if its pointer is as wide as the space's. */
static void counted_one(struct check *check, yajl_val item, const struct vmi_space *space,
			const uint8_t *want, size_t len)
{
	bool wide = space->mode == VMI_MODE_4LEVEL || space->mode == VMI_MODE_5LEVEL;
	struct vmi_string string = {0};
	uint8_t got[16], text[65536];
	struct vmi_error err;
	uint64_t va = 0, bits = 0, pointer = 0;
	uint16_t count;

	item_u64(item, "va", &va);
	item_u64(item, "bits", &bits);
	enum vmi_status status = vmi_read_struct(check->vm, space, va, got, len, &err);
	if (check_not_saved(check, status))
		return;
	if (status || memcmp(got, want, len) != 0)
		check_wrong(check, "the structure at 0x%" PRIx64 ": %s", va,
			    vmi_status_name(status));
	if (bits != (wide ? 64 : 32))
		return;
	memcpy(&count, want, sizeof(count));
	memcpy(&pointer, want + len / 2, len / 2);
	status = vmi_read_bytes(check->vm, space, pointer, text, count, NULL, &err);
	enum vmi_status read =
		vmi_string_read_counted(check->vm, space, va, VMI_UTF16LE, &string, &err);
	if (check_not_saved(check, read))
		return;
	if (read || status || string.length != count ||
	    (count && memcmp(string.bytes, text, count) != 0))
		check_wrong(check, "the counted string at 0x%" PRIx64 ": %s, %zu bytes, not %u", va,
			    vmi_status_name(read), string.length, count);
	judge_text(check, item, &string);
	vmi_string_free(&string);
}

void check_counted_strings(struct check *check)
{
	check_begin(check, "counted strings");
	for (size_t i = 0; i < truth_count(check->truth, "unicode_strings"); i++) {
		yajl_val item = truth_item(check->truth, "unicode_strings", i);
		const struct vmi_space *space;
		struct vmi_space store;
		size_t len;
		uint8_t *bytes = item_bytes(item, "bytes", &len);

		if (bytes && (len == 8 || len == 16) &&
		    check_item_space(check, item, &store, &space) && space) {
			check->checked++;
			counted_one(check, item, space, bytes, len);
		}
		free(bytes);
	}
	check_end(check);
}
