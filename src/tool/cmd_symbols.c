/* SPDX-License-Identifier: MIT */
/* symbols: of the kernel and of its modules. */

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "os.h"
#include "text.h"

/* `address` is what was asked for; NULL: a name. */
static void print_json(struct out *out, const struct vmi_symbol *symbol, const uint64_t *address)
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
	if (address) {
		json_key(out, "address");
		json_hex(out, *address);
		json_key(out, "offset");
		json_size(out, *address - symbol->gva);
	}
	json_end(out);
}

/* As /proc/kallsyms has them. */
static void print_text(struct out *out, const struct vmi_symbol *symbol, const uint64_t *address)
{
	out_address(out, symbol->gva);
	out_format(out, " %c ", symbol->type);
	text_put(out, symbol->name, strlen(symbol->name));
	if (address && *address > symbol->gva)
		out_format(out, "+0x%llx", (unsigned long long)(*address - symbol->gva));
	if (symbol->module) {
		out_string(out, "\t[");
		text_put(out, symbol->module, strlen(symbol->module));
		out_char(out, ']');
	}
	out_line_end(out);
}

static void print(struct cli *cli, const struct vmi_symbol *symbol, const uint64_t *address)
{
	if (cli->out.json)
		print_json(&cli->out, symbol, address);
	else
		print_text(&cli->out, symbol, address);
}

/* One name, or one address, needs no walk over all of them. */
static enum cli_status print_one(struct cli *cli, struct vmi_os *os, const char *word)
{
	struct vmi_symbol symbol;
	struct vmi_error err;
	uint64_t address;
	bool is_address = cli_parse(word, strlen(word), &address);
	enum vmi_status status = is_address ? vmi_symbol_at(os, address, &symbol, &err)
					    : vmi_symbol_find(os, word, &symbol, &err);

	if (status)
		return cli_failure(cli, status, &err);
	print(cli, &symbol, is_address ? &address : NULL);
	return CLI_DELIVERED;
}

/* Of a name; where it has a colon, of "module:name". */
static bool is_like(const struct vmi_symbol *symbol, const char *pattern)
{
	char name[1024];

	if (!symbol->module || !strchr(pattern, ':'))
		return !fnmatch(pattern, symbol->name, 0);
	snprintf(name, sizeof(name), "%s:%s", symbol->module, symbol->name);
	return !fnmatch(pattern, name, 0);
}

static enum cli_status print_matching(struct cli *cli, struct vmi_os *os, const char *pattern)
{
	struct vmi_symbol symbol;
	size_t cursor = 0, printed = 0;

	if (!strpbrk(pattern, "*?[\\"))
		return print_one(cli, os, pattern);
	while (!vmi_symbol_next(os, &cursor, &symbol) && !cli->out.error) {
		if (!is_like(&symbol, pattern))
			continue;
		print(cli, &symbol, NULL);
		printed++;
	}
	if (printed)
		return CLI_DELIVERED;
	cli_say(cli, "no symbol is like %s", pattern);
	return CLI_PARTIAL;
}

static enum cli_status run(struct cli *cli)
{
	struct vmi_os *os;
	enum cli_status worst = cli_os(cli, &os);

	if (worst)
		return worst;
	if (!cli->arg_count)
		worst = print_matching(cli, os, "*");
	for (unsigned i = 0; i < cli->arg_count && !cli->out.error; i++) {
		enum cli_status failed = print_matching(cli, os, cli->args[i]);

		worst = failed ? failed : worst;
	}
	return worst ? worst : cli_os_end(cli);
}

const struct command command_symbols = {
	.name = "symbols",
	.args = "[PATTERN|ADDR]...",
	.summary = "symbols of the kernel and its modules",
	.help = "List the symbols of the Linux kernel in the image and of its modules: address,\n"
		"type as nm has it, name, module. PATTERN is a shell pattern, such as 'sys_*', or\n"
		"'ext4:*' for a module's. A number is an address: the symbol it lies in is listed.\n"
		"They are the kernel's own (kallsyms); --system-map and --vmlinux name files with\n"
		"others.",
	.options = OPTIONS_OS,
	.run = run,
};
