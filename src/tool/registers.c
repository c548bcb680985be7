/* SPDX-License-Identifier: MIT */
/* Registers, printed: all that are known, and no others. */

#include "json.h"
#include "registers.h"

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

void registers_json(struct out *out, const struct vmi_registers *regs)
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

void registers_text(struct out *out, const struct vmi_registers *regs)
{
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
}
