/* SPDX-License-Identifier: MIT */
/* list: the guests that could be opened. */

#include <stdlib.h>
#include <string.h>

#include <vmi/live.h>

#include "cli.h"
#include "json.h"
#include "text.h"

static void print_json(struct out *out, const struct vmi_target_entry *entry)
{
	json_begin(out);
	json_key(out, "id");
	json_size(out, entry->id);
	json_key(out, "name");
	if (*entry->name)
		json_text(out, entry->name, strlen(entry->name));
	else
		json_null(out);
	json_key(out, "type");
	json_name(out, entry->type);
	json_key(out, "vcpus");
	json_size(out, entry->vcpus);
	json_key(out, "state");
	json_name(out, entry->state);
	if (entry->watcher) {
		json_key(out, "watcher");
		json_size(out, entry->watcher);
	}
	json_end(out);
}

static void print_text(struct out *out, const struct vmi_target_entry *entry)
{
	out_format(out, "%5u  %-4s %5u  %-8s  ", entry->id, entry->type, entry->vcpus,
		   entry->state);
	text_put(out, entry->name, strlen(entry->name));
	if (entry->watcher)
		out_format(out, "  (watched by process %u)", entry->watcher);
	out_line_end(out);
}

static enum cli_status run(struct cli *cli)
{
	struct vmi_target_entry *list;
	struct vmi_error err;
	size_t count;

	enum vmi_status status = vmi_target_list(cli_driver(cli), &list, &count, &err);
	if (status) {
		enum cli_status failed = cli_failure(cli, status, &err);

		return failed == CLI_PARTIAL ? CLI_TARGET : failed;
	}
	if (!cli->out.json)
		out_string(&cli->out, "   id  type vcpus  state     name\n");
	for (size_t i = 0; i < count && !cli->out.error; i++) {
		if (cli->out.json)
			print_json(&cli->out, &list[i]);
		else
			print_text(&cli->out, &list[i]);
	}
	free(list);
	return CLI_DELIVERED;
}

const struct command command_list = {
	.name = "list",
	.args = "",
	.summary = "the guests there are",
	.help = "List the guests: id, type, number of vcpus, state and name.",
	.target = TARGET_NONE,
	.run = run,
};
