/* SPDX-License-Identifier: MIT */
/* regs: the registers of the vcpus, and what each value is worth. */

#include "address.h"
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

/* Those whose value lies in a symbol, by their names. */
static void json_symbols(struct out *out, struct vmi_os *os, const struct vmi_registers *regs)
{
	char text[SYMBOL_TEXT];

	json_key(out, "symbols");
	json_object_open(out);
	for (int i = 0; i < VMI_REGISTER_COUNT; i++) {
		if (regs->provenance[i] != VMI_KNOWN || !symbol_name(os, regs->value[i], text))
			continue;
		json_key(out, vmi_register_name((enum vmi_register)i));
		json_text(out, text, strlen(text));
	}
	json_object_close(out);
}

static void print_json(struct out *out, struct vmi_os *os, unsigned vcpu,
		       const struct vmi_registers *regs)
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
	if (os)
		json_symbols(out, os, regs);
	json_end(out);
}

static void text_symbols(struct out *out, struct vmi_os *os, const struct vmi_registers *regs)
{
	char text[SYMBOL_TEXT];

	for (int i = 0; i < VMI_REGISTER_COUNT; i++) {
		if (regs->provenance[i] != VMI_KNOWN || !symbol_name(os, regs->value[i], text))
			continue;
		out_format(out, "%-14s %016llx", vmi_register_name((enum vmi_register)i),
			   (unsigned long long)regs->value[i]);
		symbol_text(out, os, regs->value[i]);
		out_char(out, '\n');
	}
}

static void print_text(struct out *out, struct vmi_os *os, unsigned vcpu,
		       const struct vmi_registers *regs)
{
	out_format(out, "vcpu %u (%s)\n", vcpu, regs->source ? regs->source : "source not known");
	registers_text(out, regs);
	for (int i = 0; i < VMI_REGISTER_COUNT; i++)
		if (regs->provenance[i] == VMI_ASSUMED)
			out_format(out, "assumed %s %016llx: %s\n",
				   vmi_register_name((enum vmi_register)i),
				   (unsigned long long)regs->value[i],
				   regs->why[i] ? regs->why[i] : "no reason given");
	if (os)
		text_symbols(out, os, regs);
}

static enum cli_status print_vcpu(struct cli *cli, struct vmi_os *os, unsigned vcpu)
{
	struct vmi_registers regs;
	struct vmi_error err;

	enum vmi_status status = vmi_registers_get(cli->vm, vcpu, &regs, &err);
	if (status)
		return cli_failure(cli, status, &err);
	if (cli->out.json)
		print_json(&cli->out, os, vcpu, &regs);
	else
		print_text(&cli->out, os, vcpu, &regs);
	return CLI_DELIVERED;
}

static enum cli_status run(struct cli *cli)
{
	unsigned count = vmi_info(cli->vm)->vcpus;
	uint64_t only = 0;
	struct vmi_os *os;

	if (!cli_option_number(cli, OPT_VCPU, 0, UINT32_MAX, &only))
		return CLI_USAGE;
	enum cli_status worst = cli_symbols(cli, &os);
	if (worst)
		return worst;
	if (cli_option(cli, OPT_VCPU)) {
		if (only >= count)
			return cli_usage(cli, "there is no vcpu %llu: %s has %u, from 0 on",
					 (unsigned long long)only, cli->target, count);
		return print_vcpu(cli, os, (unsigned)only);
	}
	for (unsigned vcpu = 0; vcpu < count && !cli->out.error; vcpu++) {
		enum cli_status status = print_vcpu(cli, os, vcpu);

		worst = status ? status : worst;
	}
	return worst;
}

const struct command command_regs = {
	.name = "regs",
	.args = "",
	.summary = "the registers of the virtual CPUs",
	.help = "Show the registers of every virtual CPU, or of one. What the image does not hold\n"
		"is left out; what follows from something else is listed apart, as assumed.\n"
		"--symbols adds the symbols of the kernel that registers point into.",
	.options = OPTION(OPT_VCPU) | OPTION(OPT_SYMBOLS) | OPTIONS_KERNEL,
	.need = VMI_CAP_QUERY_REGISTERS,
	.run = run,
};
