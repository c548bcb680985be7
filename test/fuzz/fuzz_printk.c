/* SPDX-License-Identifier: MIT */
/*
 * The kernel's log: any memory. The first byte is which of the two buffers it is, and a pointer's
 * size; the older one's variables are the next 16. Records must lie in bounds and be few enough.
 */

#include <stdlib.h>
#include <string.h>

#include "../mk_printk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t size;
	uint64_t records;
	uint8_t sum;
};

static enum vmi_status on_read(void *context, vmi_gva gva, void *buf, size_t len,
			       struct vmi_error *err)
{
	const struct input *in = context;

	if (gva > in->size || len > in->size - gva)
		return vmi_fail(err, VMI_ERR_NOT_PRESENT, "it is not there");
	memcpy(buf, in->data + gva, len);
	return VMI_OK;
}

/* All of it is looked at, so that a sanitizer sees what is not there. */
static bool on_record(void *context, const struct printk_record *record)
{
	struct input *in = context;

	for (size_t i = 0; i < record->length; i++)
		in->sum = (uint8_t)(in->sum + (uint8_t)record->text[i]);
	if (strlen(record->subsystem) >= sizeof(record->subsystem) ||
	    strlen(record->device) >= sizeof(record->device) || record->length > UINT16_MAX)
		abort();
	return in->records++ < 4096;
}

static void on_problem(void *context, const char *sentence)
{
	(void)context;
	if (!*sentence)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {.data = data + 1, .size = size - 1};
	struct printk_io io = {on_read, on_record, on_problem, &in, 8};
	struct vmi_error err;
	enum vmi_status st;

	if (size < 17)
		return 0;
	io.word = *data & 1 ? 4 : 8;
	if (*data & 2) {
		struct printk_log_layout layout = mk_log_layout();
		uint32_t word[4];

		memcpy(word, data + 1, sizeof(word));
		struct printk_log_buffer buffer = {
			.at = 16, .size = word[0], .first = word[1], .next = word[2]};
		st = printk_log_decode(&io, &layout, &buffer, &err);
	} else {
		struct printk_ring_layout layout = mk_ring_layout(io.word);

		st = printk_ring_decode(&io, &layout, 0, &err);
	}
	if (st && (err.status != st || !*err.text))
		abort();
	return 0;
}
