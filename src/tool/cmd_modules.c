/* SPDX-License-Identifier: MIT */
/* modules: the kernel's modules. */

#include "json.h"
#include "os.h"
#include "text.h"

static void print_json(struct out *out, const struct vmi_module *module)
{
	json_begin(out);
	json_key(out, "name");
	json_text(out, module->name, strlen(module->name));
	json_key(out, "base");
	json_hex(out, module->base);
	json_key(out, "size");
	json_size(out, module->size);
	json_key(out, "state");
	json_name(out, module->state);
	json_key(out, "module");
	json_hex(out, module->module);
	json_end(out);
}

static void print_text(struct out *out, const struct vmi_module *module)
{
	size_t width = strlen(module->name);

	text_put(out, module->name, width);
	out_format(out, "%*s %8llu  ", width < 24 ? (int)(24 - width) : 0, "",
		   (unsigned long long)module->size);
	out_address(out, module->base);
	out_format(out, "  %s", module->state);
	out_line_end(out);
}

static enum cli_status run(struct cli *cli)
{
	struct vmi_module_list list;
	struct vmi_error err;
	struct vmi_os *os;
	enum cli_status failed = cli_os(cli, &os);

	if (failed)
		return failed;
	enum vmi_status status = vmi_modules(os, &list, &err);
	if (status)
		return cli_failure(cli, status, &err);
	if (!cli->out.json)
		out_string(&cli->out,
			   "Module                       Size  Base                State\n");
	for (size_t i = 0; i < list.count && !cli->out.error; i++) {
		if (cli->out.json)
			print_json(&cli->out, &list.module[i]);
		else
			print_text(&cli->out, &list.module[i]);
	}
	vmi_module_list_free(&list);
	return cli_os_end(cli);
}

const struct command command_modules = {
	.name = "modules",
	.args = "",
	.summary = "the kernel's modules",
	.help = "List the modules of the Linux kernel in the image: name, size, where the code\n"
		"begins, and state; the one loaded last is the first.",
	.options = OPTIONS_OS,
	.run = run,
};
