/* SPDX-License-Identifier: MIT */
/* maps: every mapped range of a space. */

#include "access.h"
#include "address.h"
#include "json.h"

enum { HOLES_SAID = 16 }; /* then only their number */

static void print_json(struct out *out, struct vmi_os *os, const struct vmi_range *range)
{
	json_begin(out);
	json_key(out, "va");
	json_hex(out, range->gva);
	json_key(out, "size");
	json_size(out, range->size);
	json_key(out, "pa");
	json_hex(out, range->gpa);
	json_key(out, "page_size");
	json_size(out, UINT64_C(1) << range->page_shift);
	json_key(out, "access");
	json_name(out, access_name(range->access));
	json_key(out, "user");
	json_bool(out, range->user);
	symbol_json(out, os, range->gva);
	json_end(out);
}

static void print_text(struct out *out, struct vmi_os *os, const struct vmi_range *range)
{
	out_address(out, range->gva);
	out_char(out, ' ');
	out_hex(out, range->size);
	out_char(out, ' ');
	out_hex(out, range->gpa);
	out_format(out, " %s %s %s", page_size_name(range->page_shift), access_name(range->access),
		   range->user ? "user" : "kernel");
	symbol_text(out, os, range->gva);
	out_line_end(out);
}

static enum cli_status run(struct cli *cli)
{
	const struct vmi_space *space;
	struct vmi_range_iter iter;
	struct vmi_range range;
	struct vmi_os *os;
	struct vmi_error err;
	enum vmi_status status;
	uint64_t unknown = 0;

	enum cli_status failed = cli_space(cli, &space);
	if (!failed)
		failed = cli_symbols(cli, &os);
	if (failed)
		return failed;
	vmi_range_begin(&iter, cli->vm, space, 0, UINT64_MAX);
	while (!(status = vmi_range_next(&iter, &range, &err)) && !cli->out.error) {
		if (range.status == VMI_OK) {
			if (cli->out.json)
				print_json(&cli->out, os, &range);
			else
				print_text(&cli->out, os, &range);
		} else if (range.status != VMI_ERR_NOT_PRESENT &&
			   range.status != VMI_ERR_NOT_CANONICAL &&
			   range.status != VMI_ERR_RESERVED_BITS && unknown++ < HOLES_SAID) {
			cli_say(cli, "what 0x%llx bytes at 0x%llx map is not known: %s",
				(unsigned long long)range.size, (unsigned long long)range.gva,
				vmi_status_name((enum vmi_status)range.status));
		}
	}
	if (status && status != VMI_END)
		return cli_failure(cli, status, &err);
	if (unknown > HOLES_SAID)
		cli_say(cli, "and %llu ranges more", (unsigned long long)(unknown - HOLES_SAID));
	return unknown ? CLI_PARTIAL : CLI_DELIVERED;
}

const struct command command_maps = {
	.name = "maps",
	.args = "",
	.summary = "every mapped range of a space",
	.help = "List what the page tables map, in ascending order, one line per piece that is\n"
		"physically contiguous and alike throughout: virtual address, size, physical\n"
		"address, page size, access, and whether user mode may use it.",
	.options = OPTIONS_VIRTUAL | OPTION(OPT_SYMBOLS),
	.run = run,
};
