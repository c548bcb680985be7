/* SPDX-License-Identifier: MIT */
/* What the kernel says of itself: names, command line, cpus, clocks, memory. Kernels from 4.15 on.
 */

#include <stdlib.h>
#include <string.h>

#include "fields.h"

enum { COMMAND_LINE_MAX = 64 << 10 };

static const uint64_t second_ns = 1000000000;

/* ---- names ---------------------------------------------------------------------------------- */

struct name_fields {
	struct field hostname, domain, release, version, machine;
};

static const struct field_want name_wants[] = {
	{"uts_namespace", "name.nodename", offsetof(struct name_fields, hostname), false},
	{"uts_namespace", "name.domainname", offsetof(struct name_fields, domain), false},
	{"uts_namespace", "name.release", offsetof(struct name_fields, release), false},
	{"uts_namespace", "name.version", offsetof(struct name_fields, version), false},
	{"uts_namespace", "name.machine", offsetof(struct name_fields, machine), false},
};

static void read_name(struct vmi_os *os, vmi_gva base, const struct field *field, char *text,
		      size_t size)
{
	size_t len = field->size < size ? (size_t)field->size : size;
	struct vmi_error err;

	if (os_read(os, base + field->offset, text, len, &err)) {
		os_problem(os, "the names of the system: %s", err.text);
		memset(text, 0, size);
	}
	text[size - 1] = '\0';
}

static void read_names(struct vmi_os *os, struct vmi_sysinfo *info)
{
	struct name_fields fields;
	struct vmi_error err;
	vmi_gva uts = 0;
	enum vmi_status st = fields_resolve(
		os, name_wants, sizeof(name_wants) / sizeof(name_wants[0]), &fields, &err);

	if (!st)
		st = os_symbol(os, "init_uts_ns", &uts, &err);
	if (st) {
		os_problem(os, "the names of the system: %s", err.text);
		return;
	}
	read_name(os, uts, &fields.hostname, info->hostname, sizeof(info->hostname));
	read_name(os, uts, &fields.domain, info->domain, sizeof(info->domain));
	read_name(os, uts, &fields.release, info->release, sizeof(info->release));
	read_name(os, uts, &fields.version, info->version, sizeof(info->version));
	read_name(os, uts, &fields.machine, info->machine, sizeof(info->machine));
}

static enum vmi_status read_command_line(struct vmi_os *os, struct vmi_sysinfo *info,
					 struct vmi_error *err)
{
	struct vmi_string string = {0};
	struct vmi_error why;
	vmi_gva at = 0;
	enum vmi_status st = os_symbol(os, "saved_command_line", &at, &why);

	if (!st)
		st = os_pointer(os, at, &at, &why);
	if (!st)
		st = vmi_string_read(os->vm, &os->kernel.space, at, VMI_LATIN1, COMMAND_LINE_MAX,
				     &string, &why);
	if (st)
		os_problem(os, "the kernel's command line: %s", why.text);
	else
		info->command_line = strndup((const char *)string.bytes, string.length);
	vmi_string_free(&string);
	return st || info->command_line ? VMI_OK : vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
}

/* ---- numbers -------------------------------------------------------------------------------- */

/* How many bits a mask of cpus has; 0: unknown. */
static unsigned count_cpus(struct vmi_os *os, const char *name)
{
	uint8_t mask[VMI_OS_CPUS_MAX / 8];
	uint64_t size = struct_size(os, "cpumask");
	unsigned count = 0;
	vmi_gva at;

	if (os_symbol(os, name, &at, NULL))
		return os_is_uniprocessor(os);
	if (size > sizeof(mask))
		size = sizeof(mask);
	if (os_read(os, at, mask, (size_t)size, NULL))
		return 0;
	for (size_t i = 0; i < size; i++)
		count += (unsigned)__builtin_popcount(mask[i]);
	return count;
}

/* A variable as wide as a pointer. */
static bool read_word(struct vmi_os *os, const char *name, unsigned index, uint64_t *value)
{
	vmi_gva at;

	return !os_symbol(os, name, &at, NULL) &&
	       !os_pointer(os, at + (vmi_gva)index * os->kernel.pointer_size, value, NULL);
}

static void read_numbers(struct vmi_os *os, struct vmi_sysinfo *info)
{
	enum { LOAD_ONE = 1 << 11 /* FIXED_1 of include/linux/sched/loadavg.h */ };
	uint64_t value;

	info->cpus_online = count_cpus(os, "__cpu_online_mask");
	info->cpus_present = count_cpus(os, "__cpu_present_mask");
	/* Since 5.0 | before */
	if (!read_word(os, "_totalram_pages", 0, &info->pages_total) &&
	    !read_word(os, "totalram_pages", 0, &info->pages_total))
		info->pages_total = 0;
	info->has_taints = read_word(os, "tainted_mask", 0, &info->taints);
	info->has_load = true;
	for (unsigned i = 0; i < 3; i++) {
		info->has_load &= read_word(os, "avenrun", i, &value);
		if (info->has_load)
			info->load_hundredths[i] =
				(uint32_t)((value * 100 + LOAD_ONE / 2) / LOAD_ONE);
	}
}

/* ---- clocks --------------------------------------------------------------------------------- */

struct clock_fields {
	struct field in_core, sequence, wall_s, shift, nsec, mono_s, mono_ns, boot;
};

static const struct field_want clock_wants[] = {
	{"tk_data", "timekeeper", offsetof(struct clock_fields, in_core), true},
	{"seqcount_raw_spinlock|seqcount", "", offsetof(struct clock_fields, sequence), false},
	{"timekeeper", "xtime_sec", offsetof(struct clock_fields, wall_s), false},
	{"timekeeper", "tkr_mono.shift", offsetof(struct clock_fields, shift), false},
	{"timekeeper", "tkr_mono.xtime_nsec", offsetof(struct clock_fields, nsec), false},
	{"timekeeper", "wall_to_monotonic.tv_sec", offsetof(struct clock_fields, mono_s), false},
	{"timekeeper", "wall_to_monotonic.tv_nsec", offsetof(struct clock_fields, mono_ns), false},
	{"timekeeper", "offs_boot", offsetof(struct clock_fields, boot), false},
};

static int64_t sign_extend(uint64_t value, const struct field *field)
{
	unsigned unused = field->size < 8 ? 64 - 8 * (unsigned)field->size : 0;

	return (int64_t)(value << unused) >> unused;
}

/*
 * The timekeeper behind the sequence count of tk_core (kernel/time/timekeeping.c): a structure
 * without a name before 6.13, so that where its second member lies follows from the first.
 */
static vmi_gva timekeeper_of(const struct vmi_os *os, const struct clock_fields *fields,
			     vmi_gva core)
{
	uint64_t align = os->kernel.pointer_size;

	if (fields->in_core.is_there)
		return core + fields->in_core.offset;
	return core + (fields->sequence.size + align - 1) / align * align;
}

/* Wall clock = seconds and shifted nanoseconds; since boot = wall + wall_to_monotonic + sleep. */
static enum vmi_status read_clocks(struct vmi_os *os, struct vmi_sysinfo *info,
				   struct vmi_error *err)
{
	enum { SHIFT_MAX = 32 };
	struct clock_fields fields;
	uint64_t wall, shift, nsec, mono_s, mono_ns, boot;
	vmi_gva core = 0;
	enum vmi_status st = fields_resolve(
		os, clock_wants, sizeof(clock_wants) / sizeof(clock_wants[0]), &fields, err);

	/* Since 6.17 it is the first of several. */
	if (!st && os_symbol(os, "timekeeper_data", &core, NULL))
		st = os_symbol(os, "tk_core", &core, err);
	if (st)
		return st;
	vmi_gva keeper = timekeeper_of(os, &fields, core);
	const struct {
		const struct field *field;
		uint64_t *to;
	} parts[] = {{&fields.wall_s, &wall},   {&fields.shift, &shift},     {&fields.nsec, &nsec},
		     {&fields.mono_s, &mono_s}, {&fields.mono_ns, &mono_ns}, {&fields.boot, &boot}};
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && !st; i++)
		st = field_read(os, keeper, parts[i].field, parts[i].to, err);
	if (st)
		return st;
	if (shift > SHIFT_MAX || nsec >> shift >= 4 * second_ns || wall > INT64_MAX / second_ns)
		return vmi_fail(err, VMI_ERR_CORRUPT, "the kernel's clock makes no sense");
	uint64_t time = wall * second_ns + (nsec >> shift);
	uint64_t to_mono = (uint64_t)sign_extend(mono_s, &fields.mono_s) * second_ns +
			   (uint64_t)sign_extend(mono_ns, &fields.mono_ns);
	info->time_ns = (int64_t)time;
	info->uptime_ns = time + to_mono + boot;
	return VMI_OK;
}

/* ---- */

enum vmi_status vmi_sysinfo(struct vmi_os *os, struct vmi_sysinfo *out, struct vmi_error *err)
{
	struct vmi_sysinfo info = {.cpus_online = 0};
	struct vmi_error why;
	enum vmi_status st = read_command_line(os, &info, err);

	if (st)
		return st;
	read_names(os, &info);
	read_numbers(os, &info);
	if (read_clocks(os, &info, &why))
		os_problem(os, "the clock of the guest: %s", why.text);
	*out = info;
	return VMI_OK;
}

void vmi_sysinfo_free(struct vmi_sysinfo *info)
{
	free(info->command_line);
	*info = (struct vmi_sysinfo){0};
}
