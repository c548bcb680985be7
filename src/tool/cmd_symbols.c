/* SPDX-License-Identifier: MIT */
/* symbols: of the kernel and of its modules. */

#include <fnmatch.h>
#include <string.h>

#include "json.h"
#include "os.h"
#include "text.h"

static void print_json(struct out *out, const struct vmi_symbol *symbol)
{
	char type[2] = {symbol->type, '\0'};

	json_begin(out);
	json_key(out, "name");
	json_text(out, symbol->name, strlen(symbol->name));
	json_key(out, "va");
	json_hex(out, symbol->gva);
	json_key(out, "type");
	json_text(out, type, 1);
	json_key(out, "module");
	if (symbol->module)
		json_text(out, symbol->module, strlen(symbol->module));
	else
		json_null(out);
	json_end(out);
}

/* As /proc/kallsyms has them. */
static void print_text(struct out *out, const struct vmi_symbol *symbol)
{
	out_address(out, symbol->gva);
	out_format(out, " %c ", symbol->type);
	text_put(out, symbol->name, strlen(symbol->name));
	if (symbol->module) {
		out_string(out, "\t[");
		text_put(out, symbol->module, strlen(symbol->module));
		out_char(out, ']');
	}
	out_line_end(out);
}

static void print(struct cli *cli, const struct vmi_symbol *symbol)
{
	if (cli->out.json)
		print_json(&cli->out, symbol);
	else
		print_text(&cli->out, symbol);
}

/* One name needs no walk over all of them. */
static enum cli_status print_one(struct cli *cli, struct vmi_os *os, const char *name)
{
	struct vmi_symbol symbol;
	struct vmi_error err;
	enum vmi_status status = vmi_symbol_find(os, name, &symbol, &err);

	if (status)
		return cli_failure(cli, status, &err);
	print(cli, &symbol);
	return cli_os_end(cli);
}

static enum cli_status run(struct cli *cli)
{
	struct vmi_symbol symbol;
	struct vmi_os *os;
	size_t cursor = 0, printed = 0;

	if (cli->arg_count > 1)
		return cli_usage(cli, "symbols takes one PATTERN");
	const char *pattern = cli->arg_count ? cli->args[0] : "*";
	enum cli_status failed = cli_os(cli, &os);
	if (failed)
		return failed;
	if (!strpbrk(pattern, "*?[\\"))
		return print_one(cli, os, pattern);
	while (!vmi_symbol_next(os, &cursor, &symbol) && !cli->out.error) {
		if (fnmatch(pattern, symbol.name, 0))
			continue;
		print(cli, &symbol);
		printed++;
	}
	if (!printed) {
		cli_say(cli, "no symbol is like %s", pattern);
		return CLI_PARTIAL;
	}
	return cli_os_end(cli);
}

const struct command command_symbols = {
	.name = "symbols",
	.args = "[PATTERN]",
	.summary = "symbols of the kernel and its modules",
	.help = "List the symbols of the Linux kernel in the image and of its modules: address,\n"
		"type as nm has it, name, module. PATTERN is a shell pattern, such as 'sys_*'.\n"
		"They are the kernel's own (kallsyms); --system-map and --vmlinux name files with\n"
		"others.",
	.options = OPTIONS_OS,
	.run = run,
};
