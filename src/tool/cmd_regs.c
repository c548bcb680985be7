/* SPDX-License-Identifier: MIT */
/* regs: the registers of the vcpus, and what each value is worth. */

#include "cli.h"
#include "json.h"

/* "cs.base" has the stem "cs" and the part "base"; a lone "cs" beside it is the part "selector". */
struct name {
	const char *stem;
	size_t stem_len;
	const char *part; /* NULL: no part of anything */
};

static bool is_selector(enum vmi_register reg)
{
	return reg >= VMI_CS && reg <= VMI_LDTR && (reg - VMI_CS) % 4 == 0;
}

static struct name split(enum vmi_register reg)
{
	const char *full = vmi_register_name(reg);
	const char *dot = strchr(full, '.');
	struct name name = {full, dot ? (size_t)(dot - full) : strlen(full), NULL};

	if (dot)
		name.part = dot + 1;
	else if (is_selector(reg))
		name.part = "selector";
	return name;
}

static bool same_stem(const struct name *a, const struct name *b)
{
	return a->stem_len == b->stem_len && memcmp(a->stem, b->stem, a->stem_len) == 0;
}

static void json_stem(struct out *out, const struct name *name)
{
	char text[32];
	size_t len = name->stem_len < sizeof(text) ? name->stem_len : sizeof(text) - 1;

	memcpy(text, name->stem, len);
	text[len] = '\0';
	json_key(out, text);
}

static void json_known(struct out *out, const struct vmi_registers *regs)
{
	struct name open = {"", 0, NULL}; /* of the object that is open, if it has a part */

	json_object_open(out);
	for (int i = 0; i < VMI_REGISTER_COUNT; i++) {
		if (regs->provenance[i] != VMI_KNOWN)
			continue;
		struct name name = split((enum vmi_register)i);
		if (open.part && !same_stem(&open, &name)) {
			json_object_close(out);
			open.part = NULL;
		}
		if (name.part && !open.part) {
			json_stem(out, &name);
			json_object_open(out);
			open = name;
		}
		json_key(out, name.part ? name.part : name.stem);
		json_hex(out, regs->value[i]);
	}
	if (open.part)
		json_object_close(out);
	json_object_close(out);
}

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
	json_known(out, regs);
	json_key(out, "source");
	json_name(out, regs->source);
	json_key(out, "assumed");
	json_assumed(out, regs);
	json_end(out);
}

static void print_segment(struct out *out, const struct vmi_registers *regs, int at)
{
	static const char *const part[] = {"", " base ", " limit ", " attributes "};

	out_format(out, "%-6s", vmi_register_name((enum vmi_register)at));
	for (int i = 0; i < 4; i++) {
		if (regs->provenance[at + i] != VMI_KNOWN)
			continue;
		out_string(out, part[i]);
		out_format(out,
			   i == 1   ? "%016llx"
			   : i == 2 ? "%08llx"
				    : "%04llx",
			   (unsigned long long)regs->value[at + i]);
	}
	out_char(out, '\n');
}

static void print_table(struct out *out, const struct vmi_registers *regs, int at)
{
	struct name name = split((enum vmi_register)at);

	out_format(out, "%-6.*s", (int)name.stem_len, name.stem);
	if (regs->provenance[at] == VMI_KNOWN)
		out_format(out, "      base %016llx", (unsigned long long)regs->value[at]);
	if (regs->provenance[at + 1] == VMI_KNOWN)
		out_format(out, " limit %04llx", (unsigned long long)regs->value[at + 1]);
	out_char(out, '\n');
}

static bool any_known(const struct vmi_registers *regs, int at, int count)
{
	for (int i = at; i < at + count; i++)
		if (regs->provenance[i] == VMI_KNOWN)
			return true;
	return false;
}

/* Plain registers from `at` up to `end` in columns, their names `width` wide. */
static void print_plain(struct out *out, const struct vmi_registers *regs, int at, int end,
			int width)
{
	int columns = width > 6 ? 3 : 4;
	int count = 0;

	for (int i = at; i < end; i++) {
		if (regs->provenance[i] != VMI_KNOWN)
			continue;
		if (count)
			out_string(out, count % columns ? "  " : "\n");
		out_format(out, "%-*s %016llx", width, vmi_register_name((enum vmi_register)i),
			   (unsigned long long)regs->value[i]);
		count++;
	}
	if (count)
		out_char(out, '\n');
}

static void print_text(struct out *out, unsigned vcpu, const struct vmi_registers *regs)
{
	out_format(out, "vcpu %u (%s)\n", vcpu, regs->source ? regs->source : "source not known");
	print_plain(out, regs, VMI_RAX, VMI_CR0, 6);
	print_plain(out, regs, VMI_CR0, VMI_DR0, 6);
	print_plain(out, regs, VMI_DR0, VMI_CS, 6);
	for (int at = VMI_CS; at <= VMI_LDTR; at += 4)
		if (any_known(regs, at, 4))
			print_segment(out, regs, at);
	for (int at = VMI_GDTR_BASE; at <= VMI_IDTR_BASE; at += 2)
		if (any_known(regs, at, 2))
			print_table(out, regs, at);
	print_plain(out, regs, VMI_EFER, VMI_REGISTER_COUNT, 14);
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
