/* SPDX-License-Identifier: MIT */
/* snapshot: all memory and registers of one moment, in a file. */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "snapshot.h"
#include "stop.h"
#include "text.h"

enum { CHUNK = 1 << 20 };

enum format { FORMAT_ELF, FORMAT_RAW };

struct snapshot {
	struct cli *cli;
	enum format format;
	struct stop stop;
	struct snapshot_file file;
	struct snapshot_elf elf;
	struct vmi_registers *regs; /* of all vcpus */
	struct snapshot_list runs, copied;
	uint8_t *chunk;
	uint64_t end; /* of the memory in the file */
	uint64_t bytes, zero, missing;
	uint64_t paused_ns, begun_ns;
	struct vmi_error missed; /* why the first of what is missing could not be had */
	bool partial;
};

bool snapshot_list_add(struct snapshot_list *list, struct snapshot_stretch stretch)
{
	struct snapshot_stretch *last = list->count ? &list->list[list->count - 1] : NULL;

	if (last && last->gpa + last->size == stretch.gpa &&
	    last->offset + last->size == stretch.offset) {
		last->size += stretch.size;
		return true;
	}
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 64;
		void *grown = realloc(list->list, room * sizeof(*list->list));

		if (!grown)
			return false;
		list->list = grown;
		list->room = room;
	}
	list->list[list->count++] = stretch;
	return true;
}

static enum cli_status no_memory(const struct snapshot *snapshot)
{
	cli_say(snapshot->cli, "out of memory");
	return CLI_PARTIAL;
}

/* ---- what there is -------------------------------------------------------------------------- */

static enum cli_status take_registers(struct snapshot *snapshot)
{
	unsigned vcpus = vmi_info(snapshot->cli->vm)->vcpus;
	struct vmi_error err;

	for (unsigned i = 0; i < vcpus; i++) {
		enum vmi_status status =
			vmi_registers_get(snapshot->cli->vm, i, &snapshot->regs[i], &err);

		if (!status)
			continue;
		if (status == VMI_ERR_GONE)
			return cli_failure(snapshot->cli, status, &err);
		cli_say(snapshot->cli, "vcpu %u has no registers in the image: %s", i, err.text);
		memset(&snapshot->regs[i], 0, sizeof(snapshot->regs[i]));
		snapshot->partial = true;
	}
	if (snapshot_elf_notes(&snapshot->elf, snapshot->cli->vm, snapshot->regs, vcpus))
		return CLI_DELIVERED;
	return no_memory(snapshot);
}

/* Runs that touch are one; offsets are those of a flat file. */
static enum cli_status list_runs(struct snapshot *snapshot)
{
	struct vmi_run run;
	struct vmi_error err;
	enum vmi_status status;
	uint64_t from = 0;

	while (!(status = vmi_run_next(snapshot->cli->vm, from, &run, &err))) {
		if (!snapshot_list_add(&snapshot->runs,
				       (struct snapshot_stretch){run.gpa, run.size, run.gpa}))
			return no_memory(snapshot);
		snapshot->bytes += run.size;
		from = run.gpa + run.size;
		if (!from)
			break;
	}
	return status && status != VMI_END ? cli_failure(snapshot->cli, status, &err)
					   : CLI_DELIVERED;
}

/* An ELF core has its memory one behind the other. */
static void place_runs(struct snapshot *snapshot)
{
	if (snapshot->format == FORMAT_RAW)
		return;
	uint64_t at = snapshot_elf_start(&snapshot->elf, snapshot->runs.count);
	for (size_t i = 0; i < snapshot->runs.count; i++) {
		struct snapshot_stretch *run = &snapshot->runs.list[i];

		/* Bytes keep their place within a page, as readers that map the file expect. */
		at += (run->gpa - at) % VMI_PAGE_SIZE;
		run->offset = at;
		at += run->size;
	}
}

/* ---- the copy ------------------------------------------------------------------------------- */

static bool is_zero(const uint8_t *bytes, size_t len)
{
	return !bytes[0] && !memcmp(bytes, bytes + 1, len - 1);
}

/* Write what is not zero, by pages. */
static void write_chunk(struct snapshot *snapshot, uint64_t offset, size_t len)
{
	size_t plain = 0, at = 0; /* from where on nothing was written */

	while (at < len) {
		size_t page = VMI_PAGE_SIZE - (offset + at) % VMI_PAGE_SIZE;
		size_t n = page < len - at ? page : len - at;

		if (is_zero(snapshot->chunk + at, n)) {
			snapshot_file_write(&snapshot->file, offset + plain,
					    snapshot->chunk + plain, at - plain);
			plain = at + n;
			snapshot->zero += n;
		}
		at += n;
	}
	snapshot_file_write(&snapshot->file, offset + plain, snapshot->chunk + plain, len - plain);
}

/* A piece of a run, of which the first `*len` bytes or fewer are dealt with. */
static enum cli_status copy_chunk(struct snapshot *snapshot, vmi_gpa gpa, uint64_t offset,
				  uint64_t *len)
{
	size_t size = *len < CHUNK ? (size_t)*len : CHUNK, done = size;
	struct vmi_error err;

	enum vmi_status status =
		vmi_read_bytes(snapshot->cli->vm, NULL, gpa, snapshot->chunk, size, &done, &err);
	if (status && status != VMI_ERR_NOT_SAVED)
		return cli_failure(snapshot->cli, status, &err);
	*len = size;
	if (status) {
		/* A hole since the runs were listed, or device memory: on with the next page. */
		uint64_t hole = VMI_PAGE_SIZE - (gpa + done) % VMI_PAGE_SIZE;

		hole = hole < size - done ? hole : size - done;
		if (!snapshot->missing)
			snapshot->missed = err;
		snapshot->missing += hole;
		*len = done + hole;
	}
	if (!done)
		return CLI_DELIVERED;
	write_chunk(snapshot, offset, done);
	snapshot->end = offset + done;
	if (snapshot_list_add(&snapshot->copied, (struct snapshot_stretch){gpa, done, offset}))
		return CLI_DELIVERED;
	return no_memory(snapshot);
}

static enum cli_status copy_memory(struct snapshot *snapshot)
{
	struct cli *cli = snapshot->cli;

	progress_begin(&cli->progress, "copying", snapshot->bytes);
	for (size_t i = 0; i < snapshot->runs.count; i++) {
		struct snapshot_stretch left = snapshot->runs.list[i];

		while (left.size) {
			uint64_t n = left.size;
			enum cli_status failed = copy_chunk(snapshot, left.gpa, left.offset, &n);

			if (failed)
				return failed;
			if (snapshot->file.error)
				return CLI_PARTIAL; /* said later: the guest waits */
			if (stop_asked(&snapshot->stop) != STOP_NOT) {
				cli_say(cli, "stopped: no image is written");
				return CLI_PARTIAL;
			}
			progress_add(&cli->progress, n);
			left = (struct snapshot_stretch){left.gpa + n, left.size - n,
							 left.offset + n};
		}
	}
	return CLI_DELIVERED;
}

/* What must be of one moment. The guest runs again when this returns, whatever happens. */
static enum cli_status take(struct snapshot *snapshot)
{
	struct vmi_pause_guard guard __attribute__((cleanup(vmi_pause_end)));
	struct vmi_error err;

	enum vmi_status st = vmi_pause_begin(&guard, snapshot->cli->vm, &err);
	if (st)
		return cli_failure(snapshot->cli, st, &err);
	uint64_t paused = clock_ns();
	enum cli_status status = CLI_DELIVERED;
	if (snapshot->format == FORMAT_ELF)
		status = take_registers(snapshot);
	if (!status)
		status = list_runs(snapshot);
	if (!status) {
		place_runs(snapshot);
		status = copy_memory(snapshot);
	}
	vmi_pause_end(&guard);
	snapshot->paused_ns = clock_ns() - paused;
	return status;
}

/* ---- around it ------------------------------------------------------------------------------ */

static enum cli_status keep(struct snapshot *snapshot)
{
	struct snapshot_file *file = &snapshot->file;
	uint64_t end = snapshot->end;

	if (snapshot->format == FORMAT_ELF)
		end = snapshot_elf_finish(&snapshot->elf, file, &snapshot->copied, end);
	if (snapshot_file_keep(file, end))
		return CLI_DELIVERED;
	return CLI_PARTIAL;
}

static const char *format_name(const struct snapshot *snapshot)
{
	return snapshot->format == FORMAT_ELF ? "elf" : "raw";
}

static void report_json(const struct snapshot *snapshot)
{
	struct out *out = &snapshot->cli->out;
	const struct {
		const char *key;
		uint64_t value;
	} numbers[] = {
		{"vcpus", snapshot->format == FORMAT_ELF ? vmi_info(snapshot->cli->vm)->vcpus : 0},
		{"memory_bytes", snapshot->bytes - snapshot->missing},
		{"runs", snapshot->copied.count},
		{"zero_bytes", snapshot->zero},
		{"missing_bytes", snapshot->missing},
		{"disk_bytes", snapshot_file_disk(&snapshot->file)},
		{"paused_ns", snapshot->paused_ns},
		{"duration_ns", clock_ns() - snapshot->begun_ns},
	};

	json_begin(out);
	json_key(out, "file");
	json_text(out, snapshot->file.path, strlen(snapshot->file.path));
	json_key(out, "format");
	json_name(out, format_name(snapshot));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		json_key(out, numbers[i].key);
		json_size(out, numbers[i].value);
	}
	json_end(out);
}

static void report_text(const struct snapshot *snapshot)
{
	struct out *out = &snapshot->cli->out;

	text_put(out, snapshot->file.path, strlen(snapshot->file.path));
	out_format(out, ": %.1f MiB of memory",
		   (double)(snapshot->bytes - snapshot->missing) / CHUNK);
	if (snapshot->format == FORMAT_ELF)
		out_format(out, ", %u vcpus", vmi_info(snapshot->cli->vm)->vcpus);
	out_format(out, "; %.1f MiB on disk; the guest was paused for %.3f s\n",
		   (double)snapshot_file_disk(&snapshot->file) / CHUNK,
		   (double)snapshot->paused_ns / 1e9);
}

static enum cli_status report(struct snapshot *snapshot, enum cli_status status)
{
	struct cli *cli = snapshot->cli;

	progress_hide(&cli->progress);
	if (snapshot->file.error) {
		cli_say(cli, "cannot write %s: %s", snapshot->file.path,
			strerror(snapshot->file.error));
		return CLI_PARTIAL;
	}
	if (status)
		return status;
	if (snapshot->missing)
		cli_say(cli, "%" PRIu64 " bytes could not be read and are left out, first: %s",
			snapshot->missing, snapshot->missed.text);
	if (cli->out.json)
		report_json(snapshot);
	else
		report_text(snapshot);
	return snapshot->missing || snapshot->partial ? CLI_PARTIAL : CLI_DELIVERED;
}

static enum cli_status choose_format(struct cli *cli, enum format *format)
{
	static const char *const later[] = {"kdump-zlib", "kdump-lzo",       "kdump-snappy",
					    "kdump-zstd", "kdump-flattened", "kdump-lz4"};
	static const char *const names[] = {"elf", "raw", NULL};
	const char *text = cli_option(cli, OPT_FORMAT);

	*format = FORMAT_ELF;
	if (!text)
		return CLI_DELIVERED;
	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++)
		if (!strcmp(text, later[i])) {
			cli_say(cli, "this version cannot write %s: it writes elf and raw", text);
			return CLI_UNABLE;
		}
	int choice = cli_choice(cli, OPT_FORMAT, names);
	if (choice < 0)
		return CLI_USAGE;
	*format = choice == 0 ? FORMAT_ELF : FORMAT_RAW;
	return CLI_DELIVERED;
}

static enum cli_status write_image(struct snapshot *snapshot)
{
	unsigned vcpus = vmi_info(snapshot->cli->vm)->vcpus;

	snapshot->chunk = malloc(CHUNK);
	snapshot->regs = calloc(vcpus ? vcpus : 1, sizeof(*snapshot->regs));
	if (!snapshot->chunk || !snapshot->regs)
		return no_memory(snapshot);
	int failed = stop_begin(&snapshot->stop, NULL, 0);
	if (failed) {
		cli_say(snapshot->cli, "cannot wait for signals: %s", strerror(failed));
		return CLI_PARTIAL;
	}
	enum cli_status status = take(snapshot);
	if (!status)
		status = keep(snapshot);
	status = report(snapshot, status);
	snapshot_file_end(&snapshot->file);
	snapshot->file.fd = -1;
	stop_end(&snapshot->stop);
	return status;
}

static enum cli_status run(struct cli *cli)
{
	struct snapshot snapshot = {.cli = cli, .begun_ns = clock_ns()};
	const char *path = cli_option(cli, OPT_OUTPUT);
	struct vmi_error err;

	if (!path || !*path || !strcmp(path, "-"))
		return cli_usage(cli, "snapshot into which file? give --output FILE");
	enum cli_status status = choose_format(cli, &snapshot.format);
	if (status)
		return status;
	if (snapshot.format == FORMAT_ELF && vmi_require(cli->vm, VMI_CAP_QUERY_REGISTERS, &err))
		return cli_failure(cli, VMI_ERR_UNSUPPORTED, &err);
	if (!snapshot_file_begin(&snapshot.file, cli, path, cli_option(cli, OPT_FORCE)))
		return CLI_PARTIAL;
	status = write_image(&snapshot);
	if (snapshot.file.fd >= 0)
		snapshot_file_end(&snapshot.file);
	snapshot_elf_deinit(&snapshot.elf);
	free(snapshot.copied.list);
	free(snapshot.runs.list);
	free(snapshot.regs);
	free(snapshot.chunk);
	return status;
}

const struct command command_snapshot = {
	.name = "snapshot",
	.args = "",
	.summary = "all memory and registers of one moment, in a file",
	.help = "Pause the guest, copy its memory and registers, let it run on, and say how long it\n"
		"was paused. An elf image holds every register and is what vmi-dump and others\n"
		"open; a raw one is memory alone, byte 0 being guest-physical 0. Pages of zeros\n"
		"take no space on disk. FILE appears when it is complete, or not at all.",
	.options = OPTION(OPT_OUTPUT) | OPTION(OPT_FORMAT) | OPTION(OPT_FORCE),
	.need = VMI_CAP_READ | VMI_CAP_VM_CONTROL,
	.run = run,
};
