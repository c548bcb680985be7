/* SPDX-License-Identifier: MIT */
/*
 * The buffer of the kernel's log from 3.5 to 5.9 (kernel/printk/printk.c): records of any length,
 * one behind the other. A record that does not fit before the end is at the start instead, and a
 * header with no length says so. Behind a header is the text, and then the dictionary: "KEY=value"
 * strings with a byte of zero between them.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "printk.h"

enum {
	HEADER_MAX = 64,
	FLAG_CONT = 8, /* enum log_flags: LOG_CONT */
	BUFFER_MAX = 1u << 31,
};

/* The value of a key of the dictionary. */
static void dictionary_get(const char *dictionary, size_t len, const char *key, char *value,
			   size_t size)
{
	size_t key_len = strlen(key);

	for (size_t at = 0; at < len;) {
		size_t n = strnlen(dictionary + at, len - at);

		if (n > key_len && !memcmp(dictionary + at, key, key_len)) {
			size_t copy = n - key_len < size - 1 ? n - key_len : size - 1;

			memcpy(value, dictionary + at + key_len, copy);
			value[copy] = '\0';
		}
		at += n + 1;
	}
}

static void header_get(const struct printk_log_layout *at, const uint8_t *header,
		       struct printk_record *record)
{
	size_t size = (size_t)at->log.size;

	record->time_ns = field_get(&at->ts_nsec, header, size);
	record->facility = (uint8_t)field_get(&at->facility, header, size);
	record->level = (uint8_t)field_get(&at->level, header, size);
	record->caller = (uint32_t)field_get(&at->caller_id, header, size);
	record->has_caller = at->caller_id.is_there;
	record->continues = field_get(&at->flags, header, size) & FLAG_CONT;
}

/* The record at `*index`, which is moved to the next. VMI_ERR_CORRUPT: the chain ends here. */
static enum vmi_status record_read(const struct printk_io *io, const struct printk_log_layout *at,
				   const struct printk_log_buffer *buffer, uint32_t *index,
				   uint64_t sequence, char *text, struct vmi_error *err)
{
	uint8_t header[HEADER_MAX];
	size_t size = (size_t)at->log.size;
	struct printk_record record = {.sequence = sequence, .text = text};
	enum vmi_status st = VMI_OK;

	for (unsigned tries = 0; tries < 2; tries++) {
		if (*index > buffer->size || buffer->size - *index < size)
			return vmi_fail(err, VMI_ERR_CORRUPT, "it begins behind the buffer's end");
		st = io->read(io->context, buffer->at + *index, header, size, err);
		if (st || field_get(&at->len, header, size))
			break;
		*index = 0;
	}
	if (st)
		return st;
	size_t len = (size_t)field_get(&at->len, header, size);
	size_t text_len = (size_t)field_get(&at->text_len, header, size);
	size_t dict_len = (size_t)field_get(&at->dict_len, header, size);
	/* However long the guest's types say that these are, they have 16 bits. */
	if (len > buffer->size - *index || len < size || text_len > UINT16_MAX ||
	    dict_len > UINT16_MAX || text_len > len - size || dict_len > len - size - text_len)
		return vmi_fail(err, VMI_ERR_CORRUPT, "its lengths contradict one another");
	st = io->read(io->context, buffer->at + *index + size, text, text_len + dict_len, err);
	if (st)
		return st;
	*index += (uint32_t)len;
	header_get(at, header, &record);
	record.length = text_len;
	dictionary_get(text + text_len, dict_len, "SUBSYSTEM=", record.subsystem,
		       sizeof(record.subsystem));
	dictionary_get(text + text_len, dict_len, "DEVICE=", record.device, sizeof(record.device));
	return io->take(io->context, &record)
		       ? VMI_OK
		       : vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the kernel's log");
}

enum vmi_status printk_log_decode(const struct printk_io *io,
				  const struct printk_log_layout *layout,
				  const struct printk_log_buffer *buffer, struct vmi_error *err)
{
	uint32_t index = buffer->first;
	uint64_t used = 0;
	enum vmi_status st = VMI_OK;

	if (layout->log.size > HEADER_MAX || !layout->log.size || buffer->size > BUFFER_MAX ||
	    buffer->first >= buffer->size || buffer->next > buffer->size)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"the kernel's log cannot be 0x%" PRIx32 " to 0x%" PRIx32
				" of 0x%" PRIx32 " bytes",
				buffer->first, buffer->next, buffer->size);
	char *text = malloc(2 * UINT16_MAX);
	if (!text)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the kernel's log");
	/* Once around at most. */
	for (uint64_t i = 0; index != buffer->next && used <= buffer->size; i++) {
		uint32_t before = index;
		struct vmi_error why;

		st = record_read(io, layout, buffer, &index, buffer->first_sequence + i, text,
				 &why);
		if (st == VMI_ERR_NOMEM) {
			free(text);
			return vmi_fail(err, st, "%s", why.text);
		}
		if (st) {
			char sentence[sizeof(struct vmi_error) + 128];

			snprintf(sentence, sizeof(sentence),
				 "the kernel's log ends early, at 0x%" PRIx32 " of 0x%" PRIx32
				 ": %s",
				 before, buffer->size, why.text);
			io->problem(io->context, sentence);
			break;
		}
		used += index > before ? index - before : index + (buffer->size - before);
	}
	free(text);
	return VMI_OK;
}
