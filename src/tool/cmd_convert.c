/* SPDX-License-Identifier: MIT */
/* convert: the same memory and registers in another format. */

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "image.h"
#include "json.h"

static enum cli_status convert(struct image *image)
{
	struct cli *cli = image->cli;
	uint64_t begun = clock_ns();

	enum cli_status status = image_list(image);
	if (!status)
		status = image_write(image);
	bool kept = !status;
	status = image_keep(image, status);
	if (!kept || !image_is_reported(image))
		return status;
	if (!image->format->notes && vmi_info(cli->vm)->vcpus)
		cli_note(cli, "note: %s images hold no registers; elf and kdump do",
			 image->format->name);
	if (!cli->out.json) {
		image_report_text(image);
		out_format(&cli->out, "; %.3f s\n", (double)(clock_ns() - begun) / 1e9);
		return status;
	}
	json_begin(&cli->out);
	image_report_json(image);
	json_key(&cli->out, "duration_ns");
	json_size(&cli->out, clock_ns() - begun);
	json_end(&cli->out);
	return status;
}

/* Are these names of one file? */
static bool is_same_file(const char *a, const char *b)
{
	struct stat first, second;

	return !stat(a, &first) && !stat(b, &second) && first.st_dev == second.st_dev &&
	       first.st_ino == second.st_ino;
}

/* Is the file the image, or one of several that are named with commas between? */
static bool is_read(const char *path, const char *target)
{
	bool found = is_same_file(path, target);
	char *names = strdup(target), *rest = names;

	for (char *name; !found && (name = strsep(&rest, ","));)
		found = is_same_file(path, name);
	free(names);
	return found;
}

static enum cli_status run(struct cli *cli)
{
	const char *path = cli_option(cli, OPT_OUTPUT);

	/* Not even by force: what the other format does not hold would be gone for good. */
	if (path && is_read(path, cli->target))
		return cli_usage(cli, "%s is what is read: name another file", path);
	return image_run(cli, convert);
}

const struct command command_convert = {
	.name = "convert",
	.args = "",
	.must = "--output FILE",
	.summary = "the same memory and registers in another format",
	.help = "Write what the image holds into FILE, which appears when it is complete, or not at\n"
		"all. elf and kdump hold every register that the image has, and what it left out;\n"
		"raw and lime hold memory alone. Pages of a kdump are compressed by zlib, lzo,\n"
		"snappy or zstd; around the other formats goes lz4 or zstd, in blocks and with an\n"
		"index, so that vmi-dump opens the result at once and reads it at random.",
	.options = OPTION(OPT_OUTPUT) | OPTION(OPT_FORMAT) | OPTION(OPT_COMPRESS) |
		   OPTION(OPT_THREADS) | OPTION(OPT_FORCE),
	.need = VMI_CAP_READ,
	.run = run,
};
