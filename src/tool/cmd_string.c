/* SPDX-License-Identifier: MIT */
/* string: the terminated or counted string at each address. */

#include "address.h"
#include "cli.h"
#include "json.h"
#include "text.h"

static const char *end_name(enum vmi_string_end end)
{
	switch (end) {
	case VMI_STRING_NUL:
		return "nul";
	case VMI_STRING_LIMIT:
		return "limit";
	case VMI_STRING_HOLE:
		return "hole";
	case VMI_STRING_IMAGE_END:
		return "image-end";
	}
	return "unknown";
}

static void print_json(struct out *out, uint64_t addr, const struct vmi_string *string,
		       const struct vmi_error *err)
{
	json_begin(out);
	json_key(out, "address");
	json_hex(out, addr);
	json_key(out, "text");
	json_text(out, string->text ? string->text : "", string->text ? string->text_length : 0);
	json_key(out, "bytes");
	json_text_begin(out);
	out_hex_bytes(out, string->bytes, string->length);
	json_text_end(out);
	json_key(out, "length");
	json_size(out, string->length);
	json_key(out, "end");
	json_name(out, end_name(string->end));
	if (err) {
		json_key(out, "error");
		json_text(out, err->text, strlen(err->text));
	}
	json_end(out);
}

static void print_text(struct out *out, uint64_t addr, const struct vmi_string *string)
{
	out_address(out, addr);
	out_char(out, ' ');
	if (string->text)
		text_put(out, string->text, string->text_length);
	if (string->end != VMI_STRING_NUL) {
		out_colour(out, OUT_PROBLEM);
		out_format(out, "... (%s)", end_name(string->end));
		out_colour(out, OUT_PLAIN);
	}
	out_line_end(out);
}

/* Did the reading get as far as the string itself? A counted one may fail at its header. */
static bool was_read(enum vmi_status status)
{
	return !status || status == VMI_ERR_NOT_PRESENT || status == VMI_ERR_NOT_SAVED ||
	       status == VMI_ERR_NOT_CANONICAL || status == VMI_ERR_RESERVED_BITS ||
	       status == VMI_ERR_IO || status == VMI_ERR_CORRUPT;
}

static enum cli_status one(struct cli *cli, const struct vmi_space *space, uint64_t addr,
			   enum vmi_encoding encoding, uint64_t limit)
{
	struct vmi_string string = {0};
	struct vmi_error err;
	enum vmi_status status;

	if (cli_option(cli, OPT_UNICODE_STRING))
		status = vmi_string_read_counted(cli->vm, space, addr, encoding, &string, &err);
	else
		status = vmi_string_read(cli->vm, space, addr, encoding, limit, &string, &err);
	if (status && string.end == VMI_STRING_NUL)
		string.end = VMI_STRING_HOLE;
	if (was_read(status)) {
		if (cli->out.json)
			print_json(&cli->out, addr, &string, status ? &err : NULL);
		else
			print_text(&cli->out, addr, &string);
	}
	vmi_string_free(&string);
	return status ? cli_failure(cli, status, &err) : CLI_DELIVERED;
}

static bool encoding_option(struct cli *cli, enum vmi_encoding *encoding)
{
	static const char *const names[] = {"utf8", "latin1", "utf16le", "utf16be", NULL};
	static const enum vmi_encoding encodings[] = {VMI_UTF8, VMI_LATIN1, VMI_UTF16LE,
						      VMI_UTF16BE};

	*encoding = cli_option(cli, OPT_UNICODE_STRING) ? VMI_UTF16LE : VMI_UTF8;
	if (!cli_option(cli, OPT_ENCODING))
		return true;
	int choice = cli_choice(cli, OPT_ENCODING, names);
	if (choice >= 0)
		*encoding = encodings[choice];
	return choice >= 0;
}

static enum cli_status run(struct cli *cli)
{
	const struct vmi_space *space;
	enum vmi_encoding encoding;
	enum cli_status worst = CLI_DELIVERED;
	uint64_t addr, limit = 0;

	if (!cli->arg_count)
		return cli_usage(cli, "string at which address?");
	for (unsigned i = 0; i < cli->arg_count; i++)
		if (!cli_address(cli, cli->args[i], &addr))
			return CLI_USAGE;
	if (!encoding_option(cli, &encoding) ||
	    !cli_option_number(cli, OPT_LIMIT, 1, SIZE_MAX, &limit))
		return CLI_USAGE;
	if (limit && cli_option(cli, OPT_UNICODE_STRING))
		return cli_usage(cli, "--limit has no meaning for --unicode-string");
	worst = cli_space(cli, &space);
	if (worst)
		return worst;
	for (unsigned i = 0; i < cli->arg_count && !cli->out.error; i++) {
		enum cli_status status = CLI_USAGE;

		if (cli_address(cli, cli->args[i], &addr))
			status = one(cli, space, addr, encoding, limit);

		worst = status ? status : worst;
	}
	return worst;
}

const struct command command_string = {
	.name = "string",
	.args = "ADDR...",
	.summary = "the string at an address",
	.help = "Print the NUL-terminated string at each address: utf8 (default), latin1, utf16le\n"
		"or utf16be. What does not show is escaped; --json also gives the bytes. A string\n"
		"that runs into memory that cannot be read is printed as far as it goes. ADDR may\n"
		"be a symbol of the kernel.",
	.options = OPTIONS_SPACE | OPTION(OPT_ENCODING) | OPTION(OPT_LIMIT) |
		   OPTION(OPT_UNICODE_STRING),
	.run = run,
};
