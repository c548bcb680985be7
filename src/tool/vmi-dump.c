/* SPDX-License-Identifier: MIT */
/* vmi-dump: questions about a memory image, answered by the commands of this folder. */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "layout.h"

/*
 * What the handler of SIGBUS says. A signal handler can reach nothing but objects of static storage
 * duration; this one is written once, before the handler is installed.
 */
static struct {
	char text[512];
	size_t len;
} cut_short;

/* The mapped file has become shorter under us, or its disk fails: nothing can be delivered now. */
static void on_sigbus(int number)
{
	(void)number;
	if (write(STDERR_FILENO, cut_short.text, cut_short.len) < 0)
		_exit(CLI_TARGET);
	_exit(CLI_TARGET);
}

static void watch_sigbus(const char *target)
{
	struct sigaction action = {.sa_handler = on_sigbus};
	char name[256];
	size_t i;

	for (i = 0; target[i] && i < sizeof(name) - 1; i++)
		name[i] = (unsigned char)target[i] < 0x20 || target[i] == 0x7f ? '?' : target[i];
	name[i] = '\0';
	snprintf(cut_short.text, sizeof(cut_short.text),
		 "vmi-dump: %s was cut short or became unreadable while it was read\n", name);
	cut_short.len = strlen(cut_short.text);
	sigaction(SIGBUS, &action, NULL);
}

/* The core tells how far unpacking has come, the bar is told how much was added. */
static void show_unpacking(void *context, uint64_t done, uint64_t total)
{
	struct progress *progress = context;

	if (progress->total != total || done < progress->done)
		progress_begin(progress, "unpacking", total);
	progress_add(progress, done - progress->done);
}

static enum cli_status image_open(struct cli *cli)
{
	struct vmi_open_options options = {
		.size = sizeof(options),
		.driver = cli_driver(cli),
		.flags = (cli_option(cli, OPT_NO_MMAP) ? VMI_OPEN_NO_MAP : 0u) |
			 (cli_option(cli, OPT_KEEP_INDEX) ? VMI_OPEN_KEEP_INDEX : 0u),
		.progress = show_unpacking,
		.progress_context = &cli->progress,
	};
	struct vmi_error err;
	struct vmi_layout *layout = NULL;

	if (!layout_parse(cli, &layout, &options.layout_count))
		return CLI_USAGE;
	options.layout = layout;
	watch_sigbus(cli->target);
	enum vmi_status status = vmi_open(&cli->vm, cli->target, &options, &err);
	free(layout);
	progress_hide(&cli->progress);
	if (!status)
		return CLI_DELIVERED;
	cli_say(cli, "%s", err.text);
	return status == VMI_ERR_ARG ? CLI_USAGE : CLI_TARGET;
}

static const struct command *const commands[] = {&command_convert, NULL};

static const struct program vmi_dump = {
	.name = "vmi-dump",
	.summary = "Look into the memory image of a machine: a crash dump, a core, a raw copy.",
	.target = "IMAGE",
	.commands = commands,
	.options = OPTIONS_GLOBAL | OPTION(OPT_LAYOUT),
	.open = image_open,
};

int main(int argc, char **argv)
{
	return cli_main(&vmi_dump, argc, argv);
}
