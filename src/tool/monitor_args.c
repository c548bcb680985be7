/* SPDX-License-Identifier: MIT */
/* What to watch: options and filters of the monitor command. */

#include <stdio.h>
#include <stdlib.h>

#include "monitor.h"

/* Intel SDM vol. 4, table 2-2, and AMD's manual vol. 2, appendix A. */
static const struct {
	const char *name;
	uint32_t msr;
} msrs[] = {
	{"tsc", 0x10},           {"apic_base", 0x1b},     {"feature_control", 0x3a},
	{"spec_ctrl", 0x48},     {"pred_cmd", 0x49},      {"sysenter_cs", 0x174},
	{"sysenter_esp", 0x175}, {"sysenter_eip", 0x176}, {"misc_enable", 0x1a0},
	{"debugctl", 0x1d9},     {"pat", 0x277},          {"tsc_deadline", 0x6e0},
	{"xss", 0xda0},          {"efer", 0xc0000080},    {"star", 0xc0000081},
	{"lstar", 0xc0000082},   {"cstar", 0xc0000083},   {"syscall_mask", 0xc0000084},
	{"fs_base", 0xc0000100}, {"gs_base", 0xc0000101}, {"kernel_gs_base", 0xc0000102},
	{"tsc_aux", 0xc0000103},
};

enum { MSRS = sizeof(msrs) / sizeof(msrs[0]) };

const char *msr_name(uint32_t msr)
{
	for (int i = 0; i < MSRS; i++)
		if (msrs[i].msr == msr)
			return msrs[i].name;
	return NULL;
}

/* ---- monitors ------------------------------------------------------------------------------- */

/* Asking twice is asking once. */
static void add(struct watch *watch, struct vmi_monitor monitor)
{
	for (unsigned i = 0; i < watch->monitor_count; i++) {
		struct vmi_monitor *have = &watch->monitors[i];

		if (have->kind == monitor.kind && have->reg == monitor.reg &&
		    have->msr == monitor.msr && have->vector == monitor.vector) {
			have->userspace |= monitor.userspace;
			return;
		}
	}
	watch->monitors[watch->monitor_count++] = monitor;
}

static bool add_register(struct cli *cli, struct watch *watch, const char *name)
{
	enum vmi_register reg = vmi_register_find(name);

	if (reg != VMI_CR0 && reg != VMI_CR3 && reg != VMI_CR4 && reg != VMI_XCR0) {
		cli_say(cli, "--cr '%s' is none of cr0, cr3, cr4 or xcr0", name);
		return false;
	}
	add(watch, (struct vmi_monitor){.kind = VMI_MONITOR_REGISTER, .reg = reg});
	return true;
}

static bool add_msr(struct cli *cli, struct watch *watch, const char *name)
{
	uint64_t number = UINT64_MAX;
	char known[512] = "";

	for (int i = 0; i < MSRS; i++) {
		size_t used = strlen(known);

		if (!strcmp(msrs[i].name, name))
			number = msrs[i].msr;
		snprintf(known + used, sizeof(known) - used, "%s%s", i ? ", " : "", msrs[i].name);
	}
	if (number == UINT64_MAX && !cli_parse(name, strlen(name), &number)) {
		cli_say(cli, "--msr '%s' is no number, and of names there are %s", name, known);
		return false;
	}
	if (number > UINT32_MAX) {
		cli_say(cli, "--msr %s: an MSR has a number of 32 bits", name);
		return false;
	}
	add(watch, (struct vmi_monitor){.kind = VMI_MONITOR_MSR, .msr = (uint32_t)number});
	return true;
}

static bool add_hypercall(struct cli *cli, struct watch *watch, const char *from)
{
	if (*from && strcmp(from, "user") != 0) {
		cli_say(cli, "--hypercall '%s': there is only --hypercall=user", from);
		return false;
	}
	add(watch, (struct vmi_monitor){.kind = VMI_MONITOR_HYPERCALL, .userspace = *from != '\0'});
	return true;
}

static void add_switches(struct cli *cli, struct watch *watch)
{
	static const struct {
		enum option_id option;
		struct vmi_monitor monitor;
	} switches[] = {
		{OPT_BREAKPOINT, {.kind = VMI_MONITOR_INTERRUPT, .vector = 3}},
		{OPT_DEBUG, {.kind = VMI_MONITOR_INTERRUPT, .vector = 1}},
		{OPT_CPUID, {.kind = VMI_MONITOR_CPUID}},
		{OPT_IO, {.kind = VMI_MONITOR_IO}},
		{OPT_DESCRIPTOR, {.kind = VMI_MONITOR_DESCRIPTOR}},
		{OPT_VMEXIT, {.kind = VMI_MONITOR_VMEXIT}},
		{OPT_PRIVILEGED_CALL, {.kind = VMI_MONITOR_PRIVILEGED_CALL}},
	};

	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++)
		if (cli_option(cli, switches[i].option))
			add(watch, switches[i].monitor);
	watch->singlestep = cli_option(cli, OPT_SINGLESTEP);
}

/* ---- addresses ------------------------------------------------------------------------------ */

/* FIRST[:LENGTH] in `len` characters; without a length it is `usual` bytes, from its multiple on.
 */
static bool parse_range(const char *text, size_t len, uint64_t usual, uint64_t *first,
			uint64_t *last)
{
	const char *colon = memchr(text, ':', len);
	size_t head = colon ? (size_t)(colon - text) : len;
	uint64_t size = usual;

	if (!cli_parse(text, head, first) ||
	    (colon && !cli_parse(colon + 1, len - head - 1, &size)) || !size)
		return false;
	if (!colon)
		*first -= *first % usual;
	*last = *first + (size - 1);
	return *last >= *first;
}

static unsigned parse_access(const char *text)
{
	unsigned access = 0;

	for (; *text; text++) {
		unsigned bit = *text == 'r'   ? VMI_ACCESS_R
			       : *text == 'w' ? VMI_ACCESS_W
			       : *text == 'x' ? VMI_ACCESS_X
					      : 0;
		if (!bit || (access & bit))
			return 0;
		access |= bit;
	}
	return access;
}

static bool add_memory(struct cli *cli, struct watch *watch, const char *text)
{
	struct watch_range *range = &watch->ranges[watch->range_count++];
	const char *equals = strchr(text, '=');

	if (!equals || !parse_range(text, (size_t)(equals - text), VMI_PAGE_SIZE, &range->first,
				    &range->last)) {
		cli_say(cli, "--mem '%s' is no GPA[:LENGTH]=rwx", text);
		return false;
	}
	range->access = parse_access(equals + 1);
	if (!range->access) {
		cli_say(cli, "--mem '%s': behind the = stands which of r, w and x to watch", text);
		return false;
	}
	/* Beyond the 52 address bits of x86 there is nothing to watch. */
	if (range->last >> 52) {
		cli_say(cli, "--mem '%s' is beyond every guest's memory", text);
		return false;
	}
	return true;
}

unsigned watch_frame(const struct watch *watch, vmi_gfn gfn)
{
	unsigned access = 0;

	for (unsigned i = 0; i < watch->range_count; i++)
		if (watch->ranges[i].first >> VMI_PAGE_SHIFT <= gfn &&
		    gfn <= watch->ranges[i].last >> VMI_PAGE_SHIFT)
			access |= watch->ranges[i].access;
	return access;
}

/* ---- filters -------------------------------------------------------------------------------- */

static bool wants_memory(const struct watch *watch, const struct vmi_event *event)
{
	unsigned access = event->u.memory.access;

	/* Hypervisors report a write as a read, too: every processor that writes may read. */
	if (access & VMI_ACCESS_W)
		access = VMI_ACCESS_W;
	for (unsigned i = 0; i < watch->range_count; i++)
		if ((watch->ranges[i].access & access) &&
		    watch->ranges[i].first <= event->u.memory.gpa &&
		    event->u.memory.gpa <= watch->ranges[i].last)
			return true;
	return false;
}

/* The root that the event's registers lead to, and whether it is the one asked for. */
static bool wants_root(const struct watch *watch, const struct vmi_event *event)
{
	struct vmi_space space;

	if (vmi_space_of_registers(&event->registers, VMI_MODE_AUTO, &space, NULL))
		return false;
	/* SDM vol. 3A tables 4-3, 4-7 and 4-12: what of CR3 is the root. */
	uint64_t mask = space.mode == VMI_MODE_PAE ? 0xffffffe0 : 0xffffffffff000;
	return (watch->root & mask) == (space.root & mask);
}

bool watch_wants(const struct watch *watch, const struct vmi_event *event)
{
	if (event->reason == VMI_REASON_MEMORY_ACCESS && !wants_memory(watch, event))
		return false;
	if (watch->one_vcpu && event->vcpu != watch->vcpu)
		return false;
	if (watch->some_rip && (!vmi_register_has(&event->registers, VMI_RIP) ||
				event->registers.value[VMI_RIP] < watch->rip_first ||
				event->registers.value[VMI_RIP] > watch->rip_last))
		return false;
	return !watch->one_root || wants_root(watch, event);
}

static bool take_filters(struct cli *cli, struct watch *watch)
{
	const char *rip = cli_option(cli, OPT_RIP);

	watch->one_vcpu = cli_option(cli, OPT_VCPU);
	watch->one_root = cli_option(cli, OPT_ROOT);
	watch->some_rip = rip;
	if (!cli_option_number(cli, OPT_VCPU, 0, UINT32_MAX, &watch->vcpu) ||
	    !cli_option_number(cli, OPT_ROOT, 0, UINT64_MAX, &watch->root))
		return false;
	unsigned vcpus = vmi_info(cli->vm)->vcpus;
	if (watch->one_vcpu && watch->vcpu >= vcpus) {
		cli_say(cli, "there is no vcpu %llu: %s has %u", (unsigned long long)watch->vcpu,
			cli->target, vcpus);
		return false;
	}
	if (rip && !parse_range(rip, strlen(rip), 1, &watch->rip_first, &watch->rip_last)) {
		cli_say(cli, "--rip '%s' is no FIRST[:LENGTH]", rip);
		return false;
	}
	return true;
}

/* ---- the rest ------------------------------------------------------------------------------- */

static bool take_action(struct cli *cli, struct watch *watch)
{
	static const char *const names[] = {"continue",   "deny",    "reinject",
					    "singlestep", "emulate", NULL};
	static const enum vmi_action actions[] = {VMI_ACTION_CONTINUE, VMI_ACTION_DENY,
						  VMI_ACTION_REINJECT_INTERRUPT,
						  VMI_ACTION_SINGLESTEP, VMI_ACTION_EMULATE};

	watch->has_action = cli_option(cli, OPT_ACTION);
	if (!watch->has_action)
		return true;
	int choice = cli_choice(cli, OPT_ACTION, names);
	if (choice < 0)
		return false;
	watch->action = actions[choice];
	return true;
}

static bool take_ends(struct cli *cli, struct watch *watch)
{
	const char *seconds = cli_option(cli, OPT_DURATION);

	watch->has_deadline = cli_option(cli, OPT_DEADLINE);
	if (!cli_option_number(cli, OPT_COUNT_EVENTS, 1, UINT64_MAX, &watch->count) ||
	    !cli_option_number(cli, OPT_DEADLINE, 0, UINT32_MAX, &watch->deadline_ms))
		return false;
	if (!seconds)
		return true;
	char *end;
	double value = strtod(seconds, &end);
	if (end == seconds || *end || !(value > 0) || !(value <= 1e9)) {
		cli_say(cli, "--duration '%s' is no number of seconds above 0", seconds);
		return false;
	}
	watch->duration_ns = (uint64_t)(value * 1e9) + 1;
	return true;
}

static bool take_repeated(struct cli *cli, struct watch *watch)
{
	bool good = true;

	for (unsigned i = 0; i < cli->options.given_count && good; i++) {
		const struct given *given = &cli->options.given[i];

		if (given->id == OPT_CR)
			good = add_register(cli, watch, given->value);
		else if (given->id == OPT_MSR)
			good = add_msr(cli, watch, given->value);
		else if (given->id == OPT_MEM)
			good = add_memory(cli, watch, given->value);
		else if (given->id == OPT_HYPERCALL)
			good = add_hypercall(cli, watch, given->value);
	}
	return good;
}

enum cli_status watch_init(struct watch *watch, struct cli *cli)
{
	unsigned most = cli->options.given_count + 16; /* those given, and the switches */

	*watch = (struct watch){0};
	watch->monitors = calloc(most, sizeof(*watch->monitors));
	watch->ranges = calloc(most, sizeof(*watch->ranges));
	if (!watch->monitors || !watch->ranges) {
		cli_say(cli, "out of memory");
		return CLI_PARTIAL;
	}
	if (!take_repeated(cli, watch) || !take_filters(cli, watch) || !take_action(cli, watch) ||
	    !take_ends(cli, watch))
		return CLI_USAGE;
	add_switches(cli, watch);
	watch->registers = cli_option(cli, OPT_REGISTERS);
	if (!watch->monitor_count && !watch->range_count && !watch->singlestep)
		return cli_usage(cli, "monitor what? '%s monitor --help' lists what there is",
				 cli->program->name);
	return CLI_DELIVERED;
}

void watch_deinit(struct watch *watch)
{
	free(watch->monitors);
	free(watch->ranges);
}
