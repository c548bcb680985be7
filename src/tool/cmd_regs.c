/* SPDX-License-Identifier: MIT */
/* regs: the registers of the vcpus, and what each value is worth. */

#include "cli.h"
#include "json.h"
#include "registers.h"

static void json_assumed(struct out *out, const struct vmi_registers *regs)
{
	json_object_open(out);
	for (int i = 0; i < VMI_REGISTER_COUNT; i++) {
		char value[HEX_MAX];
		const char *why = regs->why[i] ? regs->why[i] : "assumed";

		if (regs->provenance[i] != VMI_ASSUMED)
			continue;
		json_key(out, vmi_register_name((enum vmi_register)i));
		json_text_begin(out);
		json_text_piece(out, value, hex_put(value, regs->value[i]));
		json_text_piece(out, ": ", 2);
		json_text_piece(out, why, strlen(why));
		json_text_end(out);
	}
	json_object_close(out);
}

static void print_json(struct out *out, unsigned vcpu, const struct vmi_registers *regs)
{
	json_begin(out);
	json_key(out, "vcpu");
	json_size(out, vcpu);
	json_key(out, "registers");
	registers_json(out, regs);
	json_key(out, "source");
	json_name(out, regs->source);
	json_key(out, "assumed");
	json_assumed(out, regs);
	json_end(out);
}

static void print_text(struct out *out, unsigned vcpu, const struct vmi_registers *regs)
{
	out_format(out, "vcpu %u (%s)\n", vcpu, regs->source ? regs->source : "source not known");
	registers_text(out, regs);
	for (int i = 0; i < VMI_REGISTER_COUNT; i++)
		if (regs->provenance[i] == VMI_ASSUMED)
			out_format(out, "assumed %s %016llx: %s\n",
				   vmi_register_name((enum vmi_register)i),
				   (unsigned long long)regs->value[i],
				   regs->why[i] ? regs->why[i] : "no reason given");
}

static enum cli_status print_vcpu(struct cli *cli, unsigned vcpu)
{
	struct vmi_registers regs;
	struct vmi_error err;

	enum vmi_status status = vmi_registers_get(cli->vm, vcpu, &regs, &err);
	if (status)
		return cli_failure(cli, status, &err);
	if (cli->out.json)
		print_json(&cli->out, vcpu, &regs);
	else
		print_text(&cli->out, vcpu, &regs);
	return CLI_DELIVERED;
}

static enum cli_status run(struct cli *cli)
{
	unsigned count = vmi_info(cli->vm)->vcpus;
	uint64_t only = 0;

	if (!cli_option_number(cli, OPT_VCPU, 0, UINT32_MAX, &only))
		return CLI_USAGE;
	if (cli_option(cli, OPT_VCPU)) {
		if (only >= count)
			return cli_usage(cli, "there is no vcpu %llu: %s has the registers of %u",
					 (unsigned long long)only, cli->target, count);
		return print_vcpu(cli, (unsigned)only);
	}
	enum cli_status worst = CLI_DELIVERED;
	for (unsigned vcpu = 0; vcpu < count && !cli->out.error; vcpu++) {
		enum cli_status status = print_vcpu(cli, vcpu);

		worst = status ? status : worst;
	}
	return worst;
}

const struct command command_regs = {
	.name = "regs",
	.args = "",
	.summary = "the registers of the virtual CPUs",
	.help = "Show the registers of every virtual CPU, or of one. What the image does not hold\n"
		"is left out; what follows from something else is listed apart, as assumed.",
	.options = OPTION(OPT_VCPU),
	.need = VMI_CAP_QUERY_REGISTERS,
	.run = run,
};
