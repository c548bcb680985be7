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
#include "value.h"

enum {
	VALUES_MAX = 1000000, /* that are printed of one */
	SIZE_MAX_VALUE = 64 << 20,
	STRING_SHOWN = 64, /* of what a char pointer points to */
	REPEATS = 4,       /* of an element that are told by their number */
	PATH_TEXT = 512,
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

	if (!address || !value_of(job->os, pointer->info.target, 0, 0, &target) ||
	    !target.info.is_char)
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
	uint64_t number = value_number(value, &job->memory);
	const char *name;

	if (value->info.kind == VMI_TYPE_POINTER) {
		out_hex(out, number);
		symbol_text(out, job->os, number);
		text_pointed(job, value, number);
	} else if ((name = value_enumerator(job->os, value, number))) {
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

	if (!value_element(job->os, array, 0, &element)) {
		out_string(out, "{}");
		return;
	}
	bool lines = type_is_compound(&element.info) || element.info.kind == VMI_TYPE_ARRAY;
	out_char(out, '{');
	for (unsigned i = 0; value_element(job->os, array, i, &element) && job->left; i += step) {
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
	for (unsigned i = 0; value_member(job->os, whole, i, &member, &value) && job->left; i++) {
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
	enum value_shape shape = value_shape(job->os, value, &job->memory);

	if (!may_print(job))
		return;
	if (shape == VALUE_LACKING) {
		out_colour(out, OUT_PROBLEM);
		out_format(out, "<%s>", vmi_status_name(value_lacks(value, &job->memory)));
		out_colour(out, OUT_PLAIN);
	} else if (depth > VALUE_DEPTH_MAX) {
		out_string(out, "{...}");
	} else if (shape == VALUE_TEXT) {
		out_char(out, '"');
		text_put(out, job->memory.bytes + value->offset, text_length(job, value));
		out_char(out, '"');
	} else if (shape == VALUE_ARRAY) {
		text_array(job, value, depth);
	} else if (shape == VALUE_COMPOUND) {
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
	uint64_t number = value_number(value, &job->memory);
	const char *name;

	if (value->info.kind == VMI_TYPE_POINTER)
		json_hex(out, number);
	else if ((name = value_enumerator(job->os, value, number)))
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

	for (unsigned i = 0; value_member(job->os, whole, i, &member, &value) && job->left; i++) {
		if (*member.name) {
			json_guest_key(&job->cli->out, member.name);
			json_value(job, &value, depth + 1);
		} else if (type_is_compound(&value.info) && depth < VALUE_DEPTH_MAX) {
			json_members(job, &value, depth + 1);
		}
	}
}

static void json_value(struct job *job, const struct value *value, unsigned depth)
{
	struct out *out = &job->cli->out;
	enum value_shape shape = value_shape(job->os, value, &job->memory);
	struct value element;

	if (!may_print(job) || depth > VALUE_DEPTH_MAX || shape == VALUE_LACKING) {
		json_null(out);
	} else if (shape == VALUE_TEXT) {
		json_text(out, (const char *)job->memory.bytes + value->offset,
			  text_length(job, value));
	} else if (shape == VALUE_ARRAY) {
		json_array_open(out);
		for (unsigned i = 0; value_element(job->os, value, i, &element) && job->left; i++)
			json_value(job, &element, depth + 1);
		json_array_close(out);
	} else if (shape == VALUE_COMPOUND) {
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
	enum value_shape shape = value_shape(job->os, value, &job->memory);
	char *end = job->path + len, text[SYMBOL_TEXT];
	size_t room = PATH_TEXT - len;
	struct vmi_member member;
	struct value inner;

	if (depth > VALUE_DEPTH_MAX || !job->left || out->error)
		return;
	job->left--;
	if (shape == VALUE_ARRAY) {
		for (unsigned i = 0; value_element(job->os, value, i, &inner) && job->left; i++) {
			int n = snprintf(end, room, "[%u]", i);

			if (n > 0 && (size_t)n < room)
				json_symbols(job, &inner, len + (size_t)n, depth + 1);
		}
	} else if (shape == VALUE_COMPOUND) {
		for (unsigned i = 0; value_member(job->os, value, i, &member, &inner) && job->left;
		     i++) {
			int n = snprintf(end, room, "%s%s", len && *member.name ? "." : "",
					 member.name);

			if (n >= 0 && (size_t)n < room)
				json_symbols(job, &inner, len + (size_t)n, depth + 1);
		}
	} else if (shape == VALUE_SCALAR && value->info.kind == VMI_TYPE_POINTER &&
		   symbol_name(job->os, value_number(value, &job->memory), text)) {
		json_guest_key(out, job->path);
		json_text(out, text, strlen(text));
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
	json_size(out, value_extent(value));
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
	if (!value_of(job->os, type, field.offset * 8 + field.bit_offset, field.bit_count, value) ||
	    !value_extent(value))
		return cli_usage(job->cli, "%s has no size: there is no value of it", name);
	if (value_extent(value) <= SIZE_MAX_VALUE)
		return CLI_DELIVERED;
	return cli_usage(job->cli, "%s has %" PRIu64 " bytes: that is too large to print", name,
			 value_extent(value));
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
	if (address > UINT64_MAX - value_extent(&value))
		return cli_usage(job->cli, "%s at %s ends beyond the last address", name, word);
	if (memory_read(&job->memory, job->cli, job->space, address, value_extent(&value)))
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
