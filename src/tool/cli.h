/* SPDX-License-Identifier: MIT */
#ifndef TOOL_CLI_H
#define TOOL_CLI_H

#include <vmi/vmi.h>

#include "options.h"
#include "out.h"
#include "progress.h"

/** Exit statuses, which scripts rely on. */
enum cli_status {
	CLI_DELIVERED, /* everything that was asked for */
	CLI_PARTIAL,   /* some of it could not be had; each item said why */
	CLI_USAGE,     /* wrong usage */
	CLI_TARGET,    /* the image or domain cannot be opened or is not what it says */
	CLI_UNABLE,    /* a capability is missing */
};

struct cli;
struct vmi_os;

/** What a command does with the target. */
enum command_target {
	TARGET_OPEN,  /* works over an open handle */
	TARGET_NAMED, /* takes the target's name only */
	TARGET_NONE,  /* takes none */
};

/** A command. Tables of these end with an empty one. */
struct command {
	const char *name;
	const char *args;    /* as in a synopsis, behind the target */
	const char *must;    /* options that must be given, the same way; NULL: none */
	const char *summary; /* one line */
	const char *help;    /* what --help says besides the options */
	uint64_t options;    /* besides the program's */
	unsigned need;       /* enum vmi_capability */
	enum command_target target;
	enum cli_status (*run)(struct cli *cli);
};

/** One of the programs: what it adds to the commands of both, and how it gets a handle. */
struct program {
	const char *name;
	const char *summary;
	const char *target;                    /* "IMAGE" */
	const struct command *const *commands; /* ends with NULL */
	uint64_t options;                      /* of every command */
	const char *driver;                    /* unless --driver names one; NULL: by content */
	enum cli_status (*open)(struct cli *cli);
};

/** What a command works with. */
struct cli {
	const struct program *program;
	const struct command *command;
	struct options options;
	const char *target;
	const char *const *args; /* behind the target */
	unsigned arg_count;
	struct vmi *vm;
	struct vmi_os *os;      /* cli_os(); NULL until then */
	enum cli_status no_os;  /* what the first call came to */
	bool by_symbol;         /* an address was given as a symbol */
	unsigned problems;      /* that it told of */
	struct vmi_space space; /* cli_space() */
	struct out out;
	struct progress progress;
};

int cli_main(const struct program *program, int argc, char **argv);

/* The option's value, "" for one that has none, NULL when it was not given. */
static inline const char *cli_option(const struct cli *cli, enum option_id id)
{
	return cli->options.value[id];
}

/* The driver to use; NULL: the one that knows the content. */
static inline const char *cli_driver(const struct cli *cli)
{
	const char *given = cli_option(cli, OPT_DRIVER);

	return given ? given : cli->program->driver;
}

/* A sentence on standard error, behind the program's name. Any thread. */
void cli_say(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same of what is no trouble: --quiet silences it. */
void cli_note(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same, for wrong usage. */
enum cli_status cli_usage(struct cli *cli, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Say what the library said; the exit status that goes with it. */
enum cli_status cli_failure(struct cli *cli, enum vmi_status status, const struct vmi_error *err);

/* An unsigned number, hex with 0x or decimal; all of the `len` characters are it. */
bool cli_parse(const char *text, size_t len, uint64_t *value);
/* The same for an argument that is called `what` in the sentence; false: it was said. */
bool cli_number(struct cli *cli, const char *what, const char *text, uint64_t max, uint64_t *value);
/* An option's number, if given, from `least` to `max`. */
bool cli_option_number(struct cli *cli, enum option_id id, uint64_t least, uint64_t max,
		       uint64_t *value);
/* Which of the names (up to a NULL) `text` is, or -1 with a sentence that lists them. */
int cli_choice(struct cli *cli, enum option_id id, const char *const names[]);

/* What --mode says; AUTO when it is not given. */
bool cli_mode(struct cli *cli, enum vmi_mode *mode);
/* Does one of --root, --vcpu and --mode name a space? */
bool cli_space_is_named(const struct cli *cli);
/* The one they name; without them, the image's own. */
enum cli_status cli_space_named(struct cli *cli, struct vmi_space *space);
/*
 * The address space that the options ask for, NULL for guest-physical. Without options it is the
 * kernel's when an address was a symbol, else the image's own.
 */
enum cli_status cli_space(struct cli *cli, const struct vmi_space **space);
/* The same for scans, where nothing given means guest-physical. */
enum cli_status cli_scan_space(struct cli *cli, const struct vmi_space **space);

/* The commands. */
/* clang-format off */
extern const struct command
	command_convert,
	command_dmesg,
	command_files,
	command_find,
	command_info,
	command_list,
	command_maps,
	command_modules,
	command_monitor,
	command_mounts, command_sockets,
	command_ps,
	command_read,
	command_regs,
	command_reset,
	command_snapshot,
	command_string,
	command_strings,
	command_struct,
	command_symbols,
	command_sysinfo,
	command_translate,
	command_types,
	command_vmas;
/* clang-format on */

#endif
