/* SPDX-License-Identifier: MIT */
#ifndef TOOL_OPTIONS_H
#define TOOL_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/** Every option of every command; help and parsing come from one table in options.c. */
enum option_id {
	OPT_JSON,
	OPT_QUIET,
	OPT_DRIVER,
	OPT_NO_MMAP,
	OPT_LAYOUT,
	OPT_KEEP_INDEX,
	OPT_HELP,
	OPT_VERSION,
	OPT_ROOT,
	OPT_VCPU,
	OPT_MODE,
	OPT_PHYS,
	OPT_FROM,
	OPT_WALK,
	OPT_REVERSE,
	OPT_RAW,
	OPT_TYPE,
	OPT_SKIP_HOLES,
	OPT_ENCODING,
	OPT_LIMIT,
	OPT_UNICODE_STRING,
	OPT_MIN,
	OPT_OFFSETS,
	OPT_THREADS,
	OPT_BYTES,
	OPT_TEXT,
	OPT_REGEX,
	OPT_CR,
	OPT_MSR,
	OPT_BREAKPOINT,
	OPT_DEBUG,
	OPT_SINGLESTEP,
	OPT_CPUID,
	OPT_HYPERCALL,
	OPT_IO,
	OPT_DESCRIPTOR,
	OPT_VMEXIT,
	OPT_PRIVILEGED_CALL,
	OPT_MEM,
	OPT_RIP,
	OPT_COUNT_EVENTS,
	OPT_DURATION,
	OPT_DEADLINE,
	OPT_REGISTERS,
	OPT_ACTION,
	OPT_OUTPUT,
	OPT_FORMAT,
	OPT_COMPRESS,
	OPT_FORCE,
	OPT_SYSTEM_MAP,
	OPT_BTF,
	OPT_VMLINUX,
	OPT_PID,
	OPT_PROCESS,
	OPT_TREE,
	OPT_ALL_THREADS,
	OPT_SYMBOLS,
	OPT_COUNT
};

/* Sets of options are 64 bits. */
#define OPTION(id) (UINT64_C(1) << (id))

/* Sets of options, for the tables of commands. */
#define OPTIONS_GLOBAL                                                                             \
	(OPTION(OPT_JSON) | OPTION(OPT_QUIET) | OPTION(OPT_DRIVER) | OPTION(OPT_NO_MMAP) |         \
	 OPTION(OPT_KEEP_INDEX) | OPTION(OPT_HELP) | OPTION(OPT_VERSION))
/* Files for a kernel that does not tell its symbols and types. */
#define OPTIONS_KERNEL (OPTION(OPT_SYSTEM_MAP) | OPTION(OPT_BTF) | OPTION(OPT_VMLINUX))
#define OPTIONS_VIRTUAL                                                                            \
	(OPTION(OPT_ROOT) | OPTION(OPT_VCPU) | OPTION(OPT_MODE) | OPTION(OPT_PID) |                \
	 OPTION(OPT_PROCESS) | OPTIONS_KERNEL)
#define OPTIONS_SPACE (OPTIONS_VIRTUAL | OPTION(OPT_PHYS))

/* An option as it was given. */
struct given {
	enum option_id id;
	const char *value; /* "" for none */
};

struct options {
	const char *value[OPT_COUNT]; /* NULL: not given; "" for those without a value; the last */
	struct given *given;          /* those that can have a value, all and in order */
	unsigned given_count;
	const char **word; /* what is no option, in order; borrowed from argv */
	unsigned word_count;
};

/*
 * Take argv apart, options anywhere among the words; `word` and `given` have room for argc members.
 * Of two options of one name the one in `taken` is meant, else the first. On a mistake false, with
 * a sentence in `problem`.
 */
bool options_parse(struct options *options, uint64_t taken, int argc, char **argv, char *problem,
		   size_t size);
/* The first option given that is not in `allowed`, or NULL. */
const char *options_stranger(const struct options *options, uint64_t allowed);
/* "--root GPA" */
const char *option_name(enum option_id id);

struct out;
/* One line of help for each option in the set. */
void options_help(struct out *out, uint64_t set);

#endif
