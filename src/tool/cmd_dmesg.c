/* SPDX-License-Identifier: MIT */
/* dmesg: the kernel's log. */

#include <inttypes.h>

#include "json.h"
#include "os.h"
#include "text.h"

static void print_json(struct out *out, const struct vmi_log_record *record)
{
	json_begin(out);
	json_key(out, "time_us");
	json_size(out, record->time_ns / 1000);
	json_key(out, "level");
	json_size(out, record->level);
	json_key(out, "text");
	json_text(out, record->text, record->length);
	json_key(out, "facility");
	json_size(out, record->facility);
	json_key(out, "sequence");
	json_size(out, record->sequence);
	if (record->continues) {
		json_key(out, "continues");
		json_bool(out, true);
	}
	if (record->has_caller) {
		bool is_cpu = record->caller >> 31;

		json_key(out, is_cpu ? "cpu" : "tid");
		json_size(out, record->caller & INT32_MAX);
	}
	if (*record->subsystem) {
		json_key(out, "subsystem");
		json_text(out, record->subsystem, strlen(record->subsystem));
	}
	if (*record->device) {
		json_key(out, "device");
		json_text(out, record->device, strlen(record->device));
	}
	json_end(out);
}

/* As dmesg has it: each line of a record behind the time. */
static void print_text(struct out *out, const struct vmi_log_record *record)
{
	const char *line = record->text, *end = line + record->length;

	for (;;) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));

		out_format(out, "[%5" PRIu64 ".%06" PRIu64 "] ", record->time_ns / 1000000000,
			   record->time_ns / 1000 % 1000000);
		text_put(out, line, (size_t)((newline ? newline : end) - line));
		out_line_end(out);
		if (!newline)
			return;
		line = newline + 1;
	}
}

static enum cli_status run(struct cli *cli)
{
	struct vmi_log_list list;
	struct vmi_error err;
	struct vmi_os *os;
	enum cli_status failed = cli_os(cli, &os);

	if (failed)
		return failed;
	enum vmi_status status = vmi_log(os, &list, &err);
	if (status)
		return cli_failure(cli, status, &err);
	for (size_t i = 0; i < list.count && !cli->out.error; i++) {
		if (cli->out.json)
			print_json(&cli->out, &list.record[i]);
		else
			print_text(&cli->out, &list.record[i]);
	}
	vmi_log_list_free(&list);
	return cli_os_end(cli);
}

const struct command command_dmesg = {
	.name = "dmesg",
	.args = "",
	.summary = "the kernel's log",
	.help = "Print what is in the log of the Linux kernel in the image, as dmesg does.",
	.options = OPTIONS_OS,
	.run = run,
};
