/* SPDX-License-Identifier: MIT */
/* info: what an image is and holds. */

#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "json.h"
#include "layout.h"
#include "task.h"
#include "text.h"

/* What info says about paging, and what it has to warn of besides the image's own warnings. */
struct paging {
	const char *mode;
	const char *mode_source;
	const char *root_source;
	uint64_t root;
	bool has_root;
	struct vmi_error trouble; /* its text is empty when there is none */
	struct vmi_error layout;  /* the same, of memory that seems to lie elsewhere */
};

/* How the mode was found: asked for, told by a vcpu's registers, or what the library says of a
 * root. */
static const char *mode_source(struct cli *cli)
{
	struct vmi_space space;
	const char *evidence = NULL;
	const char *mode = cli_option(cli, OPT_MODE);

	if (mode && strcmp(mode, "auto") != 0)
		return "--mode";
	if (cli_option(cli, OPT_VCPU))
		return "--vcpu";
	if (cli_process_is_named(cli))
		return "the kernel's own";
	if (vmi_space_of_root(cli->vm, cli->space.root, VMI_MODE_AUTO, &space, &evidence, NULL))
		return NULL;
	return evidence;
}

static enum cli_status find_paging(struct cli *cli, struct paging *paging)
{
	if (cli_option(cli, OPT_ROOT) || cli_option(cli, OPT_VCPU) || cli_process_is_named(cli)) {
		const struct vmi_space *space;
		enum cli_status failed = cli_space(cli, &space);

		if (failed)
			return failed;
		paging->root_source = cli_option(cli, OPT_ROOT)   ? "--root"
				      : cli_option(cli, OPT_VCPU) ? "--vcpu"
				      : cli_option(cli, OPT_PID)  ? "--pid"
								  : "--process";
	} else {
		struct vmi_error err = {0};
		enum vmi_mode mode;

		if (!cli_mode(cli, &mode))
			return CLI_USAGE;
		enum vmi_status status =
			vmi_space_default(cli->vm, mode, &cli->space, &paging->root_source, &err);
		if (status) {
			if (status != VMI_ERR_NOT_FOUND && status != VMI_ERR_UNSUPPORTED)
				paging->trouble = err;
			return CLI_DELIVERED;
		}
	}
	paging->mode = vmi_mode_name((enum vmi_mode)cli->space.mode);
	paging->mode_source = mode_source(cli);
	paging->has_root = cli->space.mode != VMI_MODE_NONE;
	paging->root = cli->space.root;
	return CLI_DELIVERED;
}

static const char *arch(const struct cli *cli, const struct paging *paging)
{
	enum vmi_machine machine = vmi_info(cli->vm)->machine;

	if (machine == VMI_MACHINE_UNKNOWN && paging->mode &&
	    (cli->space.mode == VMI_MODE_LEGACY || cli->space.mode == VMI_MODE_PAE))
		machine = VMI_MACHINE_X86;
	return machine == VMI_MACHINE_X86 ? "x86" : "x86_64";
}

/* The next stretch of memory, however the image stores it; touching runs are one. */
static enum vmi_status memory_next(struct vmi *vm, struct vmi_run *memory, bool first,
				   struct vmi_error *err)
{
	uint64_t from = first ? 0 : memory->gpa + memory->size;
	struct vmi_run run;

	if (!first && !from)
		return VMI_END;
	enum vmi_status status = vmi_run_next(vm, from, memory, err);
	while (!status) {
		from = memory->gpa + memory->size;
		if (!from)
			break;
		status = vmi_run_next(vm, from, &run, err);
		if (status == VMI_END || (!status && run.gpa != from))
			return VMI_OK;
		if (!status)
			memory->size += run.size;
	}
	return status;
}

static enum cli_status each_run(struct cli *cli)
{
	struct vmi_run memory;
	struct vmi_error err;
	struct out *out = &cli->out;
	enum vmi_status status;
	bool first = true;

	while (!(status = memory_next(cli->vm, &memory, first, &err)) && !out->error) {
		first = false;
		if (out->json) {
			json_object_open(out);
			json_key(out, "gpa");
			json_hex(out, memory.gpa);
			json_key(out, "size");
			json_size(out, memory.size);
			json_object_close(out);
			continue;
		}
		out_string(out, "  ");
		out_address(out, memory.gpa);
		out_format(out, " %llu bytes\n", (unsigned long long)memory.size);
	}
	return status && status != VMI_END ? cli_failure(cli, status, &err) : CLI_DELIVERED;
}

/* What the guest had and the image does not hold, as far as it tells. */
struct absent {
	uint64_t excluded, cut; /* bytes */
};

static struct absent count_absent(struct cli *cli)
{
	struct absent absent = {0};
	struct vmi_run run;

	for (uint64_t from = 0; !vmi_absent_next(cli->vm, from, &run, NULL);) {
		*(run.kind == VMI_RUN_CUT ? &absent.cut : &absent.excluded) += run.size;
		from = run.gpa + run.size;
		if (!from)
			break;
	}
	return absent;
}

/* Flat memory does not say where it belongs; the guest in it may. */
static void judge_layout(struct cli *cli, struct paging *paging)
{
	struct vmi_layout layout[VMI_LAYOUT_MAX];
	char text[LAYOUT_TEXT];

	if (vmi_layout_guess(cli->vm, layout, NULL))
		return;
	layout_print(layout, text);
	snprintf(
		paging->layout.text, sizeof(paging->layout.text),
		"the layout looks shifted: the guest's map of memory goes on at 4 GiB, and the file "
		"is as long as its memory without the hole below: try --layout %s",
		text);
}

static const char *warning(const struct cli *cli, const struct paging *paging, unsigned index)
{
	const struct vmi_error *own[] = {&paging->trouble, &paging->layout};
	const char *text;
	unsigned count = 0;

	while ((text = vmi_warning(cli->vm, count)) && count < index)
		count++;
	for (unsigned i = 0; !text && i < sizeof(own) / sizeof(own[0]); i++)
		if (own[i]->text[0] && count++ == index)
			text = own[i]->text;
	return text;
}

static enum cli_status print_json(struct cli *cli, const struct paging *paging)
{
	const struct vmi_info *info = vmi_info(cli->vm);
	const struct absent absent = count_absent(cli);
	struct out *out = &cli->out;
	const char *text;

	json_begin(out);
	json_key(out, "format");
	json_name(out, info->format);
	json_key(out, "driver");
	json_name(out, info->driver);
	json_key(out, "arch");
	json_name(out, arch(cli, paging));
	json_key(out, "page_size");
	json_size(out, info->page_size);
	json_key(out, "vcpus");
	json_size(out, info->vcpus);
	json_key(out, "memory_bytes");
	json_size(out, info->memory_bytes);
	json_key(out, "excluded_bytes");
	json_size(out, absent.excluded);
	json_key(out, "cut_bytes");
	json_size(out, absent.cut);
	json_key(out, "runs");
	json_array_open(out);
	enum cli_status status = each_run(cli);
	json_array_close(out);
	json_key(out, "paging");
	json_name(out, paging->mode);
	json_key(out, "paging_source");
	json_name(out, paging->mode_source);
	json_key(out, "root");
	if (paging->has_root)
		json_hex(out, paging->root);
	else
		json_null(out);
	json_key(out, "root_source");
	json_name(out, paging->root_source);
	json_key(out, "capabilities");
	json_array_open(out);
	for (unsigned left = info->capabilities; left; left &= left - 1)
		json_name(out, vmi_capability_name(left));
	json_array_close(out);
	json_key(out, "warnings");
	json_array_open(out);
	for (unsigned i = 0; (text = warning(cli, paging, i)); i++)
		json_text(out, text, strlen(text));
	json_array_close(out);
	json_end(out);
	return status;
}

static enum cli_status print_text(struct cli *cli, const struct paging *paging)
{
	const struct vmi_info *info = vmi_info(cli->vm);
	const struct absent absent = count_absent(cli);
	struct out *out = &cli->out;
	const char *text;

	out_format(out, "format        %s (driver %s)\n", info->format, info->driver);
	out_format(out, "arch          %s\n", arch(cli, paging));
	out_format(out, "page size     %u\n", info->page_size);
	out_format(out, "vcpus         %u\n", info->vcpus);
	out_format(out, "paging        %s", paging->mode ? paging->mode : "not known");
	if (paging->mode_source)
		out_format(out, " (%s)", paging->mode_source);
	out_string(out, "\nroot          ");
	if (paging->has_root) {
		out_address(out, paging->root);
		out_format(out, " (%s)\n", paging->root_source);
	} else {
		out_string(out, paging->mode ? "none\n" : "not known\n");
	}
	out_string(out, "capabilities ");
	for (unsigned left = info->capabilities; left; left &= left - 1)
		out_format(out, " %s", vmi_capability_name(left));
	out_char(out, '\n');
	for (unsigned i = 0; (text = warning(cli, paging, i)); i++) {
		out_colour(out, OUT_PROBLEM);
		out_string(out, "warning       ");
		text_put(out, text, strlen(text));
		out_colour(out, OUT_PLAIN);
		out_char(out, '\n');
	}
	if (absent.excluded)
		out_format(out, "left out      %llu bytes, by who wrote the image\n",
			   (unsigned long long)absent.excluded);
	if (absent.cut)
		out_format(out, "lost          %llu bytes: the image is cut short or incomplete\n",
			   (unsigned long long)absent.cut);
	out_format(out, "memory        %llu bytes (%.1f MiB)\n",
		   (unsigned long long)info->memory_bytes, (double)info->memory_bytes / 1048576);
	return each_run(cli);
}

static enum cli_status run(struct cli *cli)
{
	struct paging paging = {0};

	enum cli_status status = find_paging(cli, &paging);
	if (status)
		return status;
	judge_layout(cli, &paging);
	return cli->out.json ? print_json(cli, &paging) : print_text(cli, &paging);
}

const struct command command_info = {
	.name = "info",
	.args = "",
	.summary = "what the target is and holds",
	.help = "Show the format, the stretches of guest-physical memory, the paging mode and\n"
		"page-table root that the other commands use by default and where they come\n"
		"from, what can be asked, and what is odd about the image.",
	.options = OPTIONS_VIRTUAL,
	.run = run,
};
