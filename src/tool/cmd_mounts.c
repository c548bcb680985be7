/* SPDX-License-Identifier: MIT */
/* mounts: the file systems that a process sees. */

#include <string.h>

#include "json.h"
#include "task.h"
#include "text.h"

static void print_json(struct out *out, const struct vmi_mount *mount)
{
	json_begin(out);
	json_key(out, "id");
	json_size(out, mount->id);
	json_key(out, "parent");
	json_size(out, mount->parent);
	json_key(out, "device");
	json_device(out, mount->major, mount->minor);
	json_key(out, "root");
	json_guest_text(out, mount->root);
	json_key(out, "source");
	json_guest_text(out, mount->source);
	json_key(out, "target");
	json_guest_text(out, mount->target);
	json_key(out, "type");
	json_guest_text(out, mount->type);
	json_key(out, "options");
	json_guest_text(out, mount->options);
	json_end(out);
}

/* A word of /proc/mounts: what would end it is an octal number there. */
static void put_word(struct out *out, const char *word)
{
	for (;;) {
		size_t plain = strcspn(word, " \t\n\\#");

		text_put(out, word, plain);
		word += plain;
		if (!*word)
			return;
		out_format(out, "\\%03o", (unsigned)*word++);
	}
}

static void print_text(struct out *out, const struct vmi_mount *mount)
{
	const char *const words[] = {mount->source, mount->target, mount->type, mount->options};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		put_word(out, words[i]);
		out_char(out, ' ');
	}
	out_string(out, "0 0");
	out_line_end(out);
}

static enum cli_status run(struct cli *cli)
{
	struct vmi_mount_list list;
	struct vmi_task task;
	struct vmi_error err;
	struct vmi_os *os;
	bool of_task = cli_process_is_named(cli);
	enum cli_status failed = cli_os(cli, &os);

	if (!failed && of_task)
		failed = cli_process(cli, os, &task);
	if (failed)
		return failed;
	enum vmi_status status = vmi_mounts(os, of_task ? &task : NULL, &list, &err);
	if (status)
		return cli_failure(cli, status, &err);
	for (size_t i = 0; i < list.count && !cli->out.error; i++) {
		if (cli->out.json)
			print_json(&cli->out, &list.mount[i]);
		else
			print_text(&cli->out, &list.mount[i]);
	}
	vmi_mount_list_free(&list);
	return cli_os_end(cli);
}

const struct command command_mounts = {
	.name = "mounts",
	.args = "",
	.summary = "mounted file systems",
	.help = "List what is mounted as /proc/mounts has it: source, target, type and options,\n"
		"without those that only the file system itself knows. With --pid, as that\n"
		"process sees it: its namespace, below its root.",
	.options = OPTIONS_OS | OPTION(OPT_PID) | OPTION(OPT_PROCESS),
	.run = run,
};
