/* SPDX-License-Identifier: MIT */
/* sysinfo: what the guest's kernel says of itself, and how it was found. */

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "json.h"
#include "os.h"
#include "text.h"

static const uint64_t second_ns = 1000000000;

/* What is known of the kernel, one line or key each. */
struct report {
	struct cli *cli;
	struct out *out;
};

/* The key is a name for scripts; people read words. */
static void label(struct report *report, const char *key)
{
	char words[32];
	size_t i;

	if (report->out->json) {
		json_key(report->out, key);
		return;
	}
	for (i = 0; key[i] && i < sizeof(words) - 1; i++)
		words[i] = key[i] == '_' ? ' ' : key[i];
	words[i] = '\0';
	out_format(report->out, "%-15s ", words);
}

static void text(struct report *report, const char *key, const char *value)
{
	bool known = value && *value;

	if (!known && !report->out->json)
		return;
	label(report, key);
	if (!known) {
		json_null(report->out);
	} else if (report->out->json) {
		json_text(report->out, value, strlen(value));
	} else {
		text_put(report->out, value, strlen(value));
		out_line_end(report->out);
	}
}

static void number(struct report *report, const char *key, bool known, uint64_t value)
{
	if (!known && !report->out->json)
		return;
	label(report, key);
	if (!known) {
		json_null(report->out);
	} else if (report->out->json) {
		json_size(report->out, value);
	} else {
		out_format(report->out, "%llu", (unsigned long long)value);
		out_line_end(report->out);
	}
}

static void address(struct report *report, const char *key, uint64_t value)
{
	label(report, key);
	if (report->out->json) {
		json_hex(report->out, value);
	} else {
		out_hex(report->out, value);
		out_line_end(report->out);
	}
}

/* "2026-11-21T06:44:16.123456789Z" */
static void print_time(struct report *report, int64_t time_ns)
{
	time_t seconds = (time_t)(time_ns / (int64_t)second_ns);
	char when[64], whole[80];
	struct tm tm;

	if (!time_ns || !gmtime_r(&seconds, &tm) ||
	    !strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm)) {
		text(report, "time", NULL);
		return;
	}
	snprintf(whole, sizeof(whole), "%s.%09lldZ", when,
		 (long long)(time_ns % (int64_t)second_ns));
	text(report, "time", whole);
}

/* Seconds with hundredths, as /proc/uptime has them. */
static void print_uptime(struct report *report, uint64_t uptime_ns)
{
	char value[32];

	snprintf(value, sizeof(value), "%llu.%02llu", (unsigned long long)(uptime_ns / second_ns),
		 (unsigned long long)(uptime_ns % second_ns / (second_ns / 100)));
	if (!uptime_ns) {
		text(report, "uptime_s", NULL);
		return;
	}
	label(report, report->out->json ? "uptime_s" : "uptime");
	if (report->out->json) {
		json_number(report->out, value);
	} else {
		out_format(report->out, "%s s", value);
		out_line_end(report->out);
	}
}

static void print_load(struct report *report, const struct vmi_sysinfo *info)
{
	char value[3][16];

	for (unsigned i = 0; i < 3; i++)
		snprintf(value[i], sizeof(value[i]), "%u.%02u", info->load_hundredths[i] / 100,
			 info->load_hundredths[i] % 100);
	if (!info->has_load) {
		text(report, "load", NULL);
		return;
	}
	label(report, "load");
	if (report->out->json) {
		json_array_open(report->out);
		for (unsigned i = 0; i < 3; i++)
			json_number(report->out, value[i]);
		json_array_close(report->out);
	} else {
		out_format(report->out, "%s %s %s", value[0], value[1], value[2]);
		out_line_end(report->out);
	}
}

static void print_system(struct report *report, const struct vmi_sysinfo *info)
{
	text(report, "hostname", info->hostname);
	text(report, "domain", info->domain);
	text(report, "release", info->release);
	text(report, "version", info->version);
	text(report, "machine", info->machine);
	text(report, "command_line", info->command_line);
	number(report, "cpus", info->cpus_online, info->cpus_online);
	number(report, "cpus_present", info->cpus_present, info->cpus_present);
	print_uptime(report, info->uptime_ns);
	print_time(report, info->time_ns);
	print_load(report, info);
	number(report, "memory_pages", info->pages_total, info->pages_total);
	number(report, "taints", info->has_taints, info->taints);
}

static void print_kernel(struct report *report, const struct vmi_os_info *os)
{
	text(report, "kind", os->kind);
	text(report, "banner", os->banner);
	text(report, "space_source", os->space_source);
	text(report, "symbols_source", os->symbols_source);
	text(report, "types_source", os->types_source);
	text(report, "paging", vmi_mode_name((enum vmi_mode)os->space.mode));
	address(report, "root", os->space.root);
	address(report, "text", os->text);
	address(report, "text_gpa", os->text_gpa);
	address(report, "slide", os->slide);
}

static void print_current(struct report *report, unsigned vcpu, const struct vmi_task *task)
{
	struct out *out = report->out;

	if (!out->json) {
		char key[24];

		snprintf(key, sizeof(key), "vcpu %u runs", vcpu);
		label(report, key);
		out_format(out, "%d ", task->tid);
		text_put(out, task->comm, strlen(task->comm));
		out_line_end(out);
		return;
	}
	json_object_open(out);
	json_key(out, "vcpu");
	json_size(out, vcpu);
	json_key(out, "pid");
	json_size(out, (uint64_t)task->pid);
	json_key(out, "tid");
	json_size(out, (uint64_t)task->tid);
	json_key(out, "comm");
	json_text(out, task->comm, strlen(task->comm));
	json_key(out, "task");
	json_hex(out, task->task);
	json_object_close(out);
}

/* Of each vcpu; of an image without registers, of each cpu that the kernel has. */
static void print_currents(struct report *report, struct vmi_os *os, unsigned cpus_online)
{
	unsigned vcpus = vmi_info(report->cli->vm)->vcpus;
	struct vmi_task task;
	struct vmi_error err;

	if (report->out->json) {
		json_key(report->out, "current");
		json_array_open(report->out);
	}
	for (unsigned i = 0; i < (vcpus ? vcpus : cpus_online); i++) {
		if (!vmi_task_current(os, i, &task, &err)) {
			print_current(report, i, &task);
			continue;
		}
		cli_say(report->cli, "%s", err.text);
		report->cli->problems++;
	}
	if (report->out->json)
		json_array_close(report->out);
}

static enum cli_status run(struct cli *cli)
{
	struct report report = {cli, &cli->out};
	struct vmi_sysinfo info;
	struct vmi_os *os;
	struct vmi_error err;
	enum cli_status failed = cli_os(cli, &os);

	if (failed)
		return failed;
	enum vmi_status st = vmi_sysinfo(os, &info, &err);
	if (st)
		return cli_failure(cli, st, &err);
	if (cli->out.json)
		json_begin(&cli->out);
	print_system(&report, &info);
	print_currents(&report, os, info.cpus_online);
	print_kernel(&report, vmi_os_info(os));
	if (cli->out.json)
		json_end(&cli->out);
	vmi_sysinfo_free(&info);
	return cli_os_end(cli);
}

const struct command command_sysinfo = {
	.name = "sysinfo",
	.args = "",
	.summary = "what the guest's kernel says of itself, and how it was found",
	.help = "Show the names, command line, processors and clocks of the Linux kernel in the\n"
		"image, the task that each processor runs, and how the kernel, its symbols and its\n"
		"types were found. Clocks are as of the last tick before the image was made.",
	.options = OPTIONS_OS,
	.run = run,
};
