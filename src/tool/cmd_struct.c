/* SPDX-License-Identifier: MIT */
/* struct: what the kernel's memory holds at an address, by its type. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "json.h"
#include "os.h"
#include "text.h"
#include "types.h"

enum {
	DEPTH_MAX = 24,       /* of values in values */
	VALUES_MAX = 1000000, /* that are printed of one */
	SIZE_MAX_VALUE = 64 << 20,
	PAGE = 4096,
	STRING_SHOWN = 64, /* of what a char pointer points to */
	REPEATS = 4,       /* of an element that are told by their number */
	PATH_TEXT = 512,
};

/* The bytes of the value that is asked for. */
struct memory {
	uint8_t *bytes;
	uint8_t *lacks; /* for each page: enum vmi_status */
	uint64_t address, size;
};

struct job {
	struct cli *cli;
	struct vmi_os *os;
	const struct vmi_space *space;
	struct memory memory;
	unsigned left; /* values that may still be printed */
	/* For the keys of `symbols`: where the walk is. */
	char path[PATH_TEXT];
};

/** A value in the memory: a part of it. */
struct value {
	vmi_type type;
	struct vmi_type_info info;
	uint64_t offset;     /* in bytes */
	unsigned bit_offset; /* behind these, of a bit field */
	unsigned bit_size;   /* 0: it is none */
};

/* ---- memory --------------------------------------------------------------------------------- */

static bool memory_read(struct job *job, uint64_t address, uint64_t size)
{
	struct memory *memory = &job->memory;
	uint64_t pages = (address % PAGE + size + PAGE - 1) / PAGE;
	struct vmi_error err;
	bool said = false;

	*memory = (struct memory){.address = address, .size = size};
	memory->bytes = calloc(1, size + 8);
	memory->lacks = calloc(1, pages + 1);
	if (!memory->bytes || !memory->lacks) {
		cli_say(job->cli, "out of memory for %" PRIu64 " bytes", size);
		return false;
	}
	for (uint64_t at = 0, page = 0; at < size; page++) {
		uint64_t n = PAGE - (address + at) % PAGE;

		n = n < size - at ? n : size - at;
		enum vmi_status status = vmi_read_bytes(job->cli->vm, job->space, address + at,
							memory->bytes + at, n, NULL, &err);
		memory->lacks[page] = (uint8_t)status;
		if (status && !said)
			cli_failure(job->cli, status, &err);
		if (status) {
			memset(memory->bytes + at, 0, n);
			said = true;
			job->cli->problems++;
		}
		at += n;
	}
	return true;
}

static void memory_free(struct memory *memory)
{
	free(memory->bytes);
	free(memory->lacks);
}

/* Why a part of it is not there; VMI_OK: it is. */
static enum vmi_status memory_lacks(const struct memory *memory, uint64_t offset, uint64_t size)
{
	uint64_t first = memory->address % PAGE + offset;

	if (offset > memory->size || size > memory->size - offset)
		return VMI_ERR_CORRUPT; /* a type whose members lie outside of it */
	for (uint64_t page = first / PAGE; size && page <= (first + size - 1) / PAGE; page++)
		if (memory->lacks[page])
			return (enum vmi_status)memory->lacks[page];
	return VMI_OK;
}

static uint64_t little_endian(const uint8_t *bytes, uint64_t size)
{
	uint64_t number = 0;

	while (size--)
		number = number << 8 | bytes[size];
	return number;
}

/* How many bytes the value has in memory. */
static uint64_t extent(const struct value *value)
{
	return value->bit_size ? (value->bit_offset + value->bit_size + 7u) / 8 : value->info.size;
}

/* A scalar of up to 8 bytes, extended by its sign. */
static uint64_t number_of(const struct job *job, const struct value *value)
{
	const uint8_t *bytes = job->memory.bytes + value->offset;
	uint64_t size = extent(value), number = little_endian(bytes, size < 8 ? size : 8);
	unsigned bits = value->bit_size ? value->bit_size : (unsigned)(size < 8 ? size * 8 : 64);

	if (value->bit_offset)
		number >>= value->bit_offset;
	if (value->bit_size && size > 8) /* a field over nine bytes */
		number |= (uint64_t)bytes[8] << (64 - value->bit_offset);
	if (bits >= 64 || !bits)
		return number;
	number &= (UINT64_C(1) << bits) - 1;
	if (value->info.is_signed && number >> (bits - 1))
		number |= ~UINT64_C(0) << bits;
	return number;
}

/* ---- types ---------------------------------------------------------------------------------- */

/* What `type` is at `bits` of the memory, typedefs looked through. */
static bool value_of(const struct job *job, vmi_type type, uint64_t bits, unsigned bit_size,
		     struct value *value)
{
	*value = (struct value){.type = type, .offset = bits / 8, .bit_size = bit_size};
	if (bit_size)
		value->bit_offset = (unsigned)(bits % 8);
	for (unsigned i = 0; i < DEPTH_MAX; i++) {
		if (vmi_type_info(job->os, value->type, &value->info, NULL))
			return false;
		if (value->info.kind != VMI_TYPE_TYPEDEF)
			return true;
		value->type = value->info.target;
	}
	return false;
}

static bool member_of(const struct job *job, const struct value *whole, unsigned index,
		      struct vmi_member *member, struct value *value)
{
	return !vmi_type_member(job->os, whole->type, index, member, NULL) &&
	       value_of(job, member->type, whole->offset * 8 + member->bit_offset, member->bit_size,
			value);
}

static bool element_of(const struct job *job, const struct value *array, unsigned index,
		       struct value *value)
{
	if (index >= array->info.count || !value_of(job, array->info.target, 0, 0, value) ||
	    !value->info.size)
		return false;
	value->offset = array->offset + index * value->info.size;
	return true;
}

static bool is_text(const struct job *job, const struct value *array)
{
	struct value element;

	return element_of(job, array, 0, &element) && element.info.is_char;
}

static const char *enumerator_of(const struct job *job, const struct value *value, uint64_t number)
{
	struct vmi_member member;

	if (value->info.kind != VMI_TYPE_ENUM)
		return NULL;
	for (unsigned i = 0; !vmi_type_member(job->os, value->type, i, &member, NULL); i++)
		if ((uint64_t)member.value == number)
			return member.name;
	return NULL;
}

static bool may_print(struct job *job)
{
	if (!job->left || job->cli->out.error)
		return false;
	if (!--job->left) {
		cli_say(job->cli, "there are more than %d values: the rest is left out",
			VALUES_MAX);
		job->cli->problems++;
	}
	return true;
}

static size_t text_length(const struct job *job, const struct value *array)
{
	return strnlen((const char *)job->memory.bytes + array->offset, array->info.size);
}

/* ---- text ----------------------------------------------------------------------------------- */

static void text_value(struct job *job, const struct value *value, unsigned depth);

static void line(struct out *out, unsigned depth)
{
	out_line_end(out);
	for (unsigned i = 0; i < depth; i++)
		out_char(out, '\t');
}

/* What a pointer to characters points to, where that is text. */
static void text_pointed(struct job *job, const struct value *pointer, uint64_t address)
{
	struct out *out = &job->cli->out;
	struct vmi_string string = {0};
	struct value target;

	if (!address || !value_of(job, pointer->info.target, 0, 0, &target) || !target.info.is_char)
		return;
	if (!vmi_string_read(job->cli->vm, job->space, address, VMI_UTF8, STRING_SHOWN, &string,
			     NULL) &&
	    string.text) {
		out_string(out, " \"");
		text_put(out, string.text, string.text_length);
		out_string(out, string.end == VMI_STRING_NUL ? "\"" : "\"...");
	}
	vmi_string_free(&string);
}

static void text_number(struct out *out, uint64_t number, bool is_signed)
{
	if (is_signed)
		out_format(out, "%" PRId64, (int64_t)number);
	else if (number <= UINT32_MAX)
		out_format(out, "%" PRIu64, number);
	else
		out_hex(out, number);
}

static void text_scalar(struct job *job, const struct value *value)
{
	struct out *out = &job->cli->out;
	uint64_t number = number_of(job, value);
	const char *name;

	if (value->info.kind == VMI_TYPE_POINTER) {
		out_hex(out, number);
		symbol_text(out, job->os, number);
		text_pointed(job, value, number);
	} else if ((name = enumerator_of(job, value, number))) {
		text_put(out, name, strlen(name));
	} else if (value->info.is_bool && number <= 1) {
		out_string(out, number ? "true" : "false");
	} else {
		text_number(out, number, value->info.is_signed);
	}
}

/* How many elements from `index` on are the same as that one. */
static unsigned repeats(const struct job *job, const struct value *array,
			const struct value *element, unsigned index)
{
	const uint8_t *first = job->memory.bytes + element->offset;
	uint64_t size = element->info.size;
	unsigned count = 1;

	while (index + count < array->info.count &&
	       !memcmp(first, first + count * size, (size_t)size) &&
	       !memory_lacks(&job->memory, element->offset + count * size, size))
		count++;
	return count;
}

static void text_array(struct job *job, const struct value *array, unsigned depth)
{
	struct out *out = &job->cli->out;
	struct value element;
	unsigned step = 1;

	if (!element_of(job, array, 0, &element)) {
		out_string(out, "{}");
		return;
	}
	bool lines = type_is_compound(&element.info) || element.info.kind == VMI_TYPE_ARRAY;
	out_char(out, '{');
	for (unsigned i = 0; element_of(job, array, i, &element) && job->left; i += step) {
		enum vmi_status lacks =
			memory_lacks(&job->memory, element.offset, element.info.size);

		step = lacks ? 1 : repeats(job, array, &element, i);
		if (step < REPEATS && !lines)
			step = 1;
		if (lines) {
			line(out, depth + 1);
			out_format(out, step > 1 ? "[%u ... %u] = " : "[%u] = ", i, i + step - 1);
		} else if (i) {
			out_string(out, ", ");
		}
		text_value(job, &element, depth + 1);
		if (!lines && step > 1)
			out_format(out, " <%u times>", step);
	}
	if (lines)
		line(out, depth);
	out_char(out, '}');
}

static void text_compound(struct job *job, const struct value *whole, unsigned depth)
{
	struct out *out = &job->cli->out;
	struct vmi_member member;
	struct value value;

	out_char(out, '{');
	for (unsigned i = 0; member_of(job, whole, i, &member, &value) && job->left; i++) {
		line(out, depth + 1);
		if (*member.name) {
			text_put(out, member.name, strlen(member.name));
			out_string(out, " = ");
		} else if (value.info.kind == VMI_TYPE_UNION) {
			out_string(out, "union ");
		}
		text_value(job, &value, depth + 1);
	}
	line(out, depth);
	out_char(out, '}');
}

static void text_value(struct job *job, const struct value *value, unsigned depth)
{
	struct out *out = &job->cli->out;
	bool divides = type_is_compound(&value->info) || value->info.kind == VMI_TYPE_ARRAY;
	bool text = value->info.kind == VMI_TYPE_ARRAY && is_text(job, value);
	enum vmi_status lacks = memory_lacks(&job->memory, value->offset, extent(value));

	if (!may_print(job))
		return;
	if (lacks && (!divides || text || lacks == VMI_ERR_CORRUPT)) {
		out_colour(out, OUT_PROBLEM);
		out_format(out, "<%s>", vmi_status_name(lacks));
		out_colour(out, OUT_PLAIN);
	} else if (depth > DEPTH_MAX) {
		out_string(out, "{...}");
	} else if (text) {
		out_char(out, '"');
		text_put(out, job->memory.bytes + value->offset, text_length(job, value));
		out_char(out, '"');
	} else if (value->info.kind == VMI_TYPE_ARRAY) {
		text_array(job, value, depth);
	} else if (divides) {
		text_compound(job, value, depth);
	} else {
		text_scalar(job, value);
	}
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static void json_value(struct job *job, const struct value *value, unsigned depth);

static void json_scalar(struct job *job, const struct value *value)
{
	struct out *out = &job->cli->out;
	uint64_t number = number_of(job, value);
	const char *name;

	if (value->info.kind == VMI_TYPE_POINTER)
		json_hex(out, number);
	else if ((name = enumerator_of(job, value, number)))
		json_text(out, name, strlen(name));
	else if (value->info.is_bool && number <= 1)
		json_bool(out, number);
	else
		json_integer(out, number, value->info.is_signed);
}

/* Members of a member without a name are its owner's, as C has it. */
static void json_members(struct job *job, const struct value *whole, unsigned depth)
{
	struct vmi_member member;
	struct value value;

	for (unsigned i = 0; member_of(job, whole, i, &member, &value) && job->left; i++) {
		if (*member.name) {
			json_guest_key(&job->cli->out, member.name);
			json_value(job, &value, depth + 1);
		} else if (type_is_compound(&value.info) && depth < DEPTH_MAX) {
			json_members(job, &value, depth + 1);
		}
	}
}

static void json_value(struct job *job, const struct value *value, unsigned depth)
{
	struct out *out = &job->cli->out;
	bool divides = type_is_compound(&value->info) || value->info.kind == VMI_TYPE_ARRAY;
	bool text = value->info.kind == VMI_TYPE_ARRAY && is_text(job, value);
	enum vmi_status lacks = memory_lacks(&job->memory, value->offset, extent(value));
	struct value element;

	if (!may_print(job) || depth > DEPTH_MAX ||
	    (lacks && (!divides || text || lacks == VMI_ERR_CORRUPT))) {
		json_null(out);
	} else if (text) {
		json_text(out, (const char *)job->memory.bytes + value->offset,
			  text_length(job, value));
	} else if (value->info.kind == VMI_TYPE_ARRAY) {
		json_array_open(out);
		for (unsigned i = 0; element_of(job, value, i, &element) && job->left; i++)
			json_value(job, &element, depth + 1);
		json_array_close(out);
	} else if (divides) {
		json_object_open(out);
		json_members(job, value, depth);
		json_object_close(out);
	} else {
		json_scalar(job, value);
	}
}

/* The symbols that pointers point into, by the path of the pointer. */
static void json_symbols(struct job *job, const struct value *value, size_t len, unsigned depth)
{
	struct out *out = &job->cli->out;
	char *end = job->path + len, text[SYMBOL_TEXT];
	size_t room = PATH_TEXT - len;
	struct vmi_member member;
	struct value inner;

	if (depth > DEPTH_MAX || !job->left || out->error)
		return;
	job->left--;
	if (value->info.kind == VMI_TYPE_POINTER) {
		if (memory_lacks(&job->memory, value->offset, value->info.size) ||
		    !symbol_name(job->os, number_of(job, value), text))
			return;
		json_guest_key(out, job->path);
		json_text(out, text, strlen(text));
	} else if (value->info.kind == VMI_TYPE_ARRAY && !is_text(job, value)) {
		for (unsigned i = 0; element_of(job, value, i, &inner) && job->left; i++) {
			int n = snprintf(end, room, "[%u]", i);

			if (n > 0 && (size_t)n < room)
				json_symbols(job, &inner, len + (size_t)n, depth + 1);
		}
	} else if (type_is_compound(&value->info)) {
		for (unsigned i = 0; member_of(job, value, i, &member, &inner) && job->left; i++) {
			int n = snprintf(end, room, "%s%s", len && *member.name ? "." : "",
					 member.name);

			if (n >= 0 && (size_t)n < room)
				json_symbols(job, &inner, len + (size_t)n, depth + 1);
		}
	}
	*end = '\0';
}

/* ---- what is asked for ---------------------------------------------------------------------- */

static void print(struct job *job, const char *name, const struct value *value)
{
	struct out *out = &job->cli->out;
	uint64_t address = job->memory.address;

	job->left = VALUES_MAX;
	if (!out->json) {
		text_put(out, name, strlen(name));
		out_string(out, " at ");
		out_address(out, address);
		symbol_text(out, job->os, address);
		out_string(out, " = ");
		text_value(job, value, 0);
		out_line_end(out);
		return;
	}
	json_begin(out);
	json_key(out, "type");
	json_text(out, name, strlen(name));
	json_key(out, "address");
	json_hex(out, address);
	symbol_json(out, job->os, address);
	json_key(out, "size");
	json_size(out, extent(value));
	json_key(out, "value");
	json_value(job, value, 0);
	json_key(out, "symbols");
	json_object_open(out);
	job->left = VALUES_MAX;
	job->path[0] = '\0';
	json_symbols(job, value, 0, 0);
	json_object_close(out);
	json_end(out);
}

/* The value that `name` means, "task_struct" or a member, "task_struct.mm": its offset is in that
 * structure. */
static enum cli_status resolve(struct job *job, const char *name, struct value *value)
{
	const char *dot = strchr(name, '.');
	struct vmi_field field = {0};
	struct vmi_error err;
	char structure[128];
	vmi_type type;
	enum vmi_status status;

	if (dot) {
		snprintf(structure, sizeof(structure), "%.*s", (int)(dot - name), name);
		status = vmi_type_field(job->os, structure, dot + 1, &field, &type, &err);
	} else {
		status = vmi_type_find(job->os, name, &type, &err);
	}
	if (status) {
		enum cli_status failed = cli_failure(job->cli, status, &err);

		return status == VMI_ERR_NOT_FOUND ? CLI_USAGE : failed;
	}
	if (!value_of(job, type, field.offset * 8 + field.bit_offset, field.bit_count, value) ||
	    !extent(value))
		return cli_usage(job->cli, "%s has no size: there is no value of it", name);
	if (extent(value) <= SIZE_MAX_VALUE)
		return CLI_DELIVERED;
	return cli_usage(job->cli, "%s has %" PRIu64 " bytes: that is too large to print", name,
			 extent(value));
}

static enum cli_status show(struct job *job, const char *name, const char *word)
{
	struct value value;
	uint64_t address;

	if (!cli_address(job->cli, word, &address))
		return CLI_USAGE;
	enum cli_status status = resolve(job, name, &value);
	if (status)
		return status;
	address += value.offset;
	value.offset = 0;
	if (address > UINT64_MAX - extent(&value))
		return cli_usage(job->cli, "%s at %s ends beyond the last address", name, word);
	if (memory_read(job, address, extent(&value)))
		print(job, name, &value);
	else
		status = CLI_PARTIAL;
	memory_free(&job->memory);
	return status;
}

static enum cli_status run(struct cli *cli)
{
	struct job *job;
	uint64_t address;

	if (cli->arg_count < 2)
		return cli_usage(cli, "struct takes a type and an address");
	for (unsigned i = 1; i < cli->arg_count; i++)
		if (!cli_address(cli, cli->args[i], &address))
			return CLI_USAGE;
	job = calloc(1, sizeof(*job));
	if (!job) {
		cli_say(cli, "out of memory");
		return CLI_PARTIAL;
	}
	job->cli = cli;
	/* A number, too, is an address of the kernel unless a space is named. */
	cli->by_symbol = cli->by_symbol || !cli_option(cli, OPT_PHYS);
	enum cli_status worst = cli_space(cli, &job->space);
	if (!worst)
		worst = cli_os(cli, &job->os);
	for (unsigned i = 1; i < cli->arg_count && !worst; i++)
		worst = show(job, cli->args[0], cli->args[i]);
	free(job);
	return worst ? worst : cli_os_end(cli);
}

const struct command command_struct = {
	.name = "struct",
	.args = "TYPE ADDR...",
	.summary = "what memory holds at an address, by its type",
	.help = "Show the members of the kernel's structure TYPE at each address: pointers with the\n"
		"symbols they point into, characters as text, enumerators by name. TYPE may be any\n"
		"type, and a member: task_struct.comm, with ADDR that of the structure. ADDR is one\n"
		"of the kernel unless a space is named, and may be a symbol. What cannot be read is\n"
		"said in its place.",
	.options = OPTIONS_SPACE,
	.run = run,
};
