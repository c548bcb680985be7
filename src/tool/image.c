/* SPDX-License-Identifier: MIT */
/* Writing an image: what the user wants, what there is, what became of it. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "image.h"
#include "image_copy.h"
#include "json.h"
#include "relay.h"
#include "text.h"

enum { SPARE_STRETCHES = 1024, MIB = 1 << 20 };

enum cli_status image_no_memory(const struct image *image)
{
	cli_say(image->cli, "out of memory");
	return CLI_PARTIAL;
}

bool image_is_missing(enum vmi_status status)
{
	return status == VMI_ERR_NOT_SAVED || status == VMI_ERR_CORRUPT;
}

bool image_goes_on(struct image *image)
{
	return !image->file.error && stop_asked(image->stop) == STOP_NOT;
}

/* ---- threads --------------------------------------------------------------------------------- */

void image_clone(struct image *image, struct vmi **handles)
{
	unsigned count = 1;

	handles[0] = image->cli->vm;
	while (count < image->threads && !vmi_clone(image->cli->vm, &handles[count], NULL))
		count++;
	image->threads = count;
}

void image_unclone(struct image *image, struct vmi **handles)
{
	for (unsigned i = 1; i < image->threads; i++)
		vmi_close(handles[i]);
}

/* ---- what is wanted -------------------------------------------------------------------------- */

static enum cli_status choose_format(struct image *image)
{
	static const struct {
		const char *name;
		const struct image_format *format;
		enum packing packing;
	} formats[] = {
		{"elf", &image_elf, PACK_NONE},
		{"raw", &image_raw, PACK_NONE},
		{"lime", &image_lime, PACK_NONE},
		{"kdump", &image_kdump, PACK_ZLIB},
		{"kdump-none", &image_kdump, PACK_NONE},
		{"kdump-zlib", &image_kdump, PACK_ZLIB},
		{"kdump-lzo", &image_kdump, PACK_LZO},
		{"kdump-snappy", &image_kdump, PACK_SNAPPY},
		{"kdump-zstd", &image_kdump, PACK_ZSTD},
		{"kdump-lz4", &image_kdump, PACK_LZ4},
	};
	enum { COUNT = sizeof(formats) / sizeof(formats[0]) };
	const char *names[COUNT + 1] = {NULL};

	for (size_t i = 0; i < COUNT; i++)
		names[i] = formats[i].name;
	int choice =
		cli_option(image->cli, OPT_FORMAT) ? cli_choice(image->cli, OPT_FORMAT, names) : 0;
	if (choice < 0)
		return CLI_USAGE;
	image->format = formats[choice].format;
	image->packing = formats[choice].packing;
	const char *option;
	if (!strcmp(formats[choice].name, "kdump") && !packing_there(image->packing, &option))
		image->packing = PACK_NONE;
	return CLI_DELIVERED;
}

/* Which compression goes with which format, and is it in this build? */
static enum cli_status check_packing(struct image *image)
{
	bool pages = image->format == &image_kdump;
	const char *name = packing_names[image->packing];
	const char *option;

	if (pages && image->packing == PACK_LZ4)
		return cli_usage(image->cli,
				 "the pages of a kdump cannot be compressed by lz4: take "
				 "zlib, lzo, snappy or zstd");
	if (!pages && image->packing != PACK_NONE && image->packing != PACK_LZ4 &&
	    image->packing != PACK_ZSTD)
		return cli_usage(
			image->cli,
			"%s compresses pages, which a kdump has; around %s go lz4 and zstd", name,
			image->format->name);
	if (packing_there(image->packing, &option))
		return CLI_DELIVERED;
	cli_say(image->cli, "%s is not in this build: configure it with %s", name, option);
	return CLI_UNABLE;
}

static enum cli_status choose(struct image *image)
{
	struct cli *cli = image->cli;
	uint64_t threads = relay_cpus();

	enum cli_status status = choose_format(image);
	if (status)
		return status;
	if (cli_option(cli, OPT_COMPRESS)) {
		int choice = cli_choice(cli, OPT_COMPRESS, packing_names);
		if (choice < 0)
			return CLI_USAGE;
		image->packing = (enum packing)choice;
	}
	status = check_packing(image);
	if (status)
		return status;
	if (!cli_option_number(cli, OPT_THREADS, 1, RELAY_THREADS_MAX, &threads))
		return CLI_USAGE;
	image->threads = (unsigned)threads;
	return CLI_DELIVERED;
}

enum cli_status image_begin(struct image *image, struct cli *cli)
{
	const char *path = cli_option(cli, OPT_OUTPUT);

	*image = (struct image){.cli = cli, .file.fd = -1, .spare = SPARE_STRETCHES};
	if (!path || !*path || !strcmp(path, "-"))
		return cli_usage(cli, "%s into which file? give --output FILE", cli->command->name);
	enum cli_status status = choose(image);
	if (status)
		return status;
	if (!image_file_begin(&image->file, cli, path, cli_option(cli, OPT_FORCE))) {
		image->file.fd = -1;
		return CLI_PARTIAL;
	}
	return CLI_DELIVERED;
}

/* ---- what there is --------------------------------------------------------------------------- */

static enum cli_status list_registers(struct image *image)
{
	const struct vmi_info *info = vmi_info(image->cli->vm);
	struct vmi_error err;

	if (info->capabilities & VMI_CAP_QUERY_REGISTERS)
		image->vcpus = info->vcpus;
	image->regs = calloc(image->vcpus ? image->vcpus : 1, sizeof(*image->regs));
	if (!image->regs)
		return image_no_memory(image);
	for (unsigned i = 0; i < image->vcpus; i++) {
		enum vmi_status status =
			vmi_registers_get(image->cli->vm, i, &image->regs[i], &err);

		if (!status)
			continue;
		if (status == VMI_ERR_GONE)
			return cli_failure(image->cli, status, &err);
		cli_say(image->cli, "vcpu %u has no registers in the image: %s", i, err.text);
		memset(&image->regs[i], 0, sizeof(image->regs[i]));
		image->partial = true;
	}
	if (image_notes_make(&image->notes, image->cli->vm, image->regs, image->vcpus))
		return CLI_DELIVERED;
	return image_no_memory(image);
}

typedef enum vmi_status walk(struct vmi *vm, vmi_gpa from, struct vmi_run *run,
			     struct vmi_error *err);

/* Runs that touch are one. */
static enum cli_status list_runs(struct image *image, walk *next)
{
	struct vmi_run run;
	struct vmi_error err;
	enum vmi_status status;
	uint64_t from = 0;

	while (!(status = next(image->cli->vm, from, &run, &err))) {
		struct image_list *list = run.kind == VMI_RUN_EXCLUDED ? &image->excluded
					  : run.kind == VMI_RUN_CUT    ? &image->cut
								       : &image->held;

		if (!image_list_add(list, (struct image_stretch){run.gpa, run.size, run.gpa}))
			return image_no_memory(image);
		from = run.gpa + run.size;
		if (!from)
			break;
	}
	return status && status != VMI_END ? cli_failure(image->cli, status, &err) : CLI_DELIVERED;
}

enum cli_status image_list(struct image *image)
{
	enum cli_status status = CLI_DELIVERED;

	if (image->format->notes)
		status = list_registers(image);
	if (!status)
		status = list_runs(image, vmi_run_next);
	if (!status)
		status = list_runs(image, vmi_absent_next);
	return status;
}

enum cli_status image_write(struct image *image)
{
	if (image->format->write)
		return image->format->write(image);
	return image_copy(image, &image->end);
}

/* ---- what became of it ----------------------------------------------------------------------- */

static uint64_t held_bytes(const struct image *image)
{
	uint64_t held = image_list_bytes(&image->held);

	/* A format that lists what is missing has taken it off; one of pages counts them whole. */
	if (image->format->holes && !image->format->write)
		return held;
	return held > image->missing ? held - image->missing : 0;
}

static void say_missing(struct image *image)
{
	struct cli *cli = image->cli;
	const char *become = image->format->holes ? "are left out"
						  : "are zeros in the image, which has no holes";

	if (image->missing)
		cli_say(cli, "%" PRIu64 " bytes could not be read and %s, first: %s",
			image->missing, become, image->missed.text);
	if (image->cut.count)
		cli_say(cli, "%" PRIu64 " bytes are lost, as %s is cut short or incomplete",
			image_list_bytes(&image->cut), cli->target);
	if (image->padded)
		cli_say(cli,
			"%" PRIu64 " bytes are not known in pages that are held in part; they "
			"are zeros in the image",
			image->padded);
	if (image->excluded.count && !image->format->notes)
		cli_note(cli,
			 "note: %" PRIu64 " bytes had been left out of %s, which %s images do "
			 "not tell from holes",
			 image_list_bytes(&image->excluded), cli->target, image->format->name);
}

static bool is_partial(const struct image *image)
{
	return image->missing || image->cut.count || image->padded || image->partial;
}

enum cli_status image_keep(struct image *image, enum cli_status status)
{
	struct cli *cli = image->cli;

	progress_hide(&cli->progress);
	if (!status)
		image_file_keep(&image->file, image->end);
	if (image->file.error) {
		cli_say(cli, "cannot write %s: %s", image->file.path, strerror(image->file.error));
		return CLI_PARTIAL;
	}
	if (status) {
		if (stop_asked(image->stop) != STOP_NOT)
			cli_say(cli, "stopped: no image is written");
		return status;
	}
	say_missing(image);
	return is_partial(image) ? CLI_PARTIAL : CLI_DELIVERED;
}

bool image_is_reported(const struct image *image)
{
	return !image->file.error && (image->cli->out.json || !cli_option(image->cli, OPT_QUIET));
}

void image_report_json(const struct image *image)
{
	struct out *out = &image->cli->out;
	const struct {
		const char *key;
		uint64_t value;
	} numbers[] = {
		{"vcpus", image->format->notes ? image->vcpus : 0},
		{"memory_bytes", held_bytes(image)},
		{"runs", image->held.count},
		{"zero_bytes", image->zero},
		{"missing_bytes", image->missing},
		{"excluded_bytes", image_list_bytes(&image->excluded)},
		{"file_bytes", image->end},
		{"disk_bytes", image_file_disk(&image->file)},
	};

	json_key(out, "file");
	json_text(out, image->file.path, strlen(image->file.path));
	json_key(out, "format");
	json_name(out, image->format->name);
	json_key(out, "compress");
	json_name(out, packing_names[image->packing]);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		json_key(out, numbers[i].key);
		json_size(out, numbers[i].value);
	}
}

void image_report_text(const struct image *image)
{
	struct out *out = &image->cli->out;

	text_put(out, image->file.path, strlen(image->file.path));
	out_format(out, ": %.1f MiB of memory", (double)held_bytes(image) / MIB);
	if (image->format->notes)
		out_format(out, ", %u vcpu%s", image->vcpus, image->vcpus == 1 ? "" : "s");
	out_format(out, "; %.1f MiB on disk", (double)image_file_disk(&image->file) / MIB);
}

void image_end(struct image *image)
{
	if (image->file.fd >= 0)
		image_file_end(&image->file);
	image_notes_deinit(&image->notes);
	image_list_deinit(&image->held);
	image_list_deinit(&image->excluded);
	image_list_deinit(&image->cut);
	free(image->regs);
}

enum cli_status image_run(struct cli *cli, enum cli_status (*make)(struct image *image))
{
	struct stop stop;
	struct image image;

	enum cli_status status = image_begin(&image, cli);
	int failed = status ? 0 : stop_begin(&stop, NULL);
	if (failed) {
		cli_say(cli, "cannot wait for signals: %s", strerror(failed));
		status = CLI_PARTIAL;
	} else if (!status) {
		image.stop = &stop;
		status = make(&image);
		stop_end(&stop);
	}
	image_end(&image);
	return status;
}
