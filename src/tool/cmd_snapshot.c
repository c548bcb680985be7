/* SPDX-License-Identifier: MIT */
/* snapshot: all memory and registers of one moment, in a file. */

#include <vmi/live.h>

#include "image.h"
#include "json.h"

/* What must be of one moment. The guest runs again when this returns, whatever happens. */
static enum cli_status take(struct image *image, uint64_t *paused_ns)
{
	struct vmi_pause_guard guard __attribute__((cleanup(vmi_pause_end)));
	struct vmi_error err;

	enum vmi_status st = vmi_pause_begin(&guard, image->cli->vm, &err);
	if (st)
		return cli_failure(image->cli, st, &err);
	uint64_t paused = clock_ns();
	enum cli_status status = image_list(image);
	if (!status)
		status = image_write(image);
	vmi_pause_end(&guard);
	*paused_ns = clock_ns() - paused;
	return status;
}

static enum cli_status snapshot(struct image *image)
{
	struct cli *cli = image->cli;
	uint64_t begun = clock_ns(), paused = 0;
	struct vmi_error err;

	if (image->format->notes && vmi_require(cli->vm, VMI_CAP_QUERY_REGISTERS, &err))
		return cli_failure(cli, VMI_ERR_UNSUPPORTED, &err);

	enum cli_status status = take(image, &paused);
	bool kept = !status;
	status = image_keep(image, status);
	if (!kept || !image_is_reported(image))
		return status;
	if (!cli->out.json) {
		image_report_text(image);
		out_format(&cli->out, "; the guest was paused for %.3f s\n", (double)paused / 1e9);
		return status;
	}
	json_begin(&cli->out);
	image_report_json(image);
	json_key(&cli->out, "paused_ns");
	json_size(&cli->out, paused);
	json_key(&cli->out, "duration_ns");
	json_size(&cli->out, clock_ns() - begun);
	json_end(&cli->out);
	return status;
}

static enum cli_status run(struct cli *cli)
{
	return image_run(cli, snapshot);
}

const struct command command_snapshot = {
	.name = "snapshot",
	.args = "",
	.must = "--output FILE",
	.summary = "all memory and registers of one moment, in a file",
	.help = "Pause the guest, copy its memory and registers, let it run on, and say how long it\n"
		"was paused. An elf image (the default) and a kdump hold every register; raw and\n"
		"lime are memory alone. Compressing, as convert of vmi-dump does it, makes the\n"
		"pause longer. FILE appears when it is complete, or not at all.",
	.options =
		OPTION(OPT_OUTPUT) | OPTION(OPT_FORMAT) | OPTION(OPT_COMPRESS) | OPTION(OPT_FORCE),
	.need = VMI_CAP_READ | VMI_CAP_VM_CONTROL,
	.run = run,
};
