/* SPDX-License-Identifier: MIT */
/* From main() to a command and back: words, messages, numbers, address spaces, exit status. */

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <vmi/os.h>

#include "cli.h"
#include "text.h"

enum { MESSAGE_MAX = 1024 };

/* What both programs can be asked: it takes no more than reading and, where there are, registers.
 */
/* clang-format off */
static const struct command *const common[] = {
	&command_info,
	&command_regs,
	&command_translate,
	&command_read,
	&command_string,
	&command_strings,
	&command_find,
	&command_maps,
	&command_symbols,
	&command_modules,
	&command_dmesg,
	&command_types,
	&command_struct,
	&command_ps,
	&command_sysinfo,
	&command_vmas,
	&command_files,
	&command_mounts,
	&command_sockets,
};
/* clang-format on */

/* The program's commands, those of both programs first; NULL behind the last. */
static const struct command *command_at(const struct program *program, size_t i)
{
	const size_t count = sizeof(common) / sizeof(common[0]);

	return i < count ? common[i] : program->commands[i - count];
}

/* ---- messages ------------------------------------------------------------------------------- */

/* Names of files and whatever an image says about itself may hold anything: a terminal gets it
 * escaped, in one write so that threads do not mix. */
static void say(struct cli *cli, const char *format, va_list args)
{
	char text[MESSAGE_MAX];
	char line[4 * MESSAGE_MAX + 64];
	struct out out = {.fd = STDERR_FILENO, .data = line, .size = sizeof(line)};

	int len = vsnprintf(text, sizeof(text), format, args);
	if (len < 0)
		return;
	if ((size_t)len >= sizeof(text))
		len = sizeof(text) - 1;
	progress_hide(&cli->progress);
	out_format(&out, "%s: ", cli->program->name);
	text_put(&out, text, (size_t)len);
	out_char(&out, '\n');
	out_flush(&out);
}

void cli_say(struct cli *cli, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(cli, format, args);
	va_end(args);
}

void cli_note(struct cli *cli, const char *format, ...)
{
	va_list args;

	if (cli_option(cli, OPT_QUIET))
		return;
	va_start(args, format);
	say(cli, format, args);
	va_end(args);
}

enum cli_status cli_usage(struct cli *cli, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(cli, format, args);
	va_end(args);
	return CLI_USAGE;
}

enum cli_status cli_failure(struct cli *cli, enum vmi_status status, const struct vmi_error *err)
{
	cli_say(cli, "%s", err->text);
	if (status == VMI_ERR_ARG)
		return CLI_USAGE;
	return status == VMI_ERR_UNSUPPORTED ? CLI_UNABLE : CLI_PARTIAL;
}

/* ---- numbers and names ---------------------------------------------------------------------- */

static unsigned digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

bool cli_parse(const char *text, size_t len, uint64_t *value)
{
	unsigned base = 10;
	uint64_t sum = 0;
	size_t i = 0;

	if (len > 2 && text[0] == '0' && (text[1] | 0x20) == 'x') {
		base = 16;
		i = 2;
	}
	if (i == len)
		return false;
	for (; i < len; i++) {
		unsigned digit = digit_value(text[i]);

		if (digit >= base || __builtin_mul_overflow(sum, base, &sum) ||
		    __builtin_add_overflow(sum, digit, &sum))
			return false;
	}
	*value = sum;
	return true;
}

bool cli_number(struct cli *cli, const char *what, const char *text, uint64_t max, uint64_t *value)
{
	uint64_t number;

	if (!cli_parse(text, strlen(text), &number)) {
		cli_say(cli, "%s '%s' is not a number of 64 bits, decimal or hex with 0x", what,
			text);
		return false;
	}
	if (number > max) {
		cli_say(cli, "%s %s is above %llu", what, text, (unsigned long long)max);
		return false;
	}
	*value = number;
	return true;
}

bool cli_option_number(struct cli *cli, enum option_id id, uint64_t least, uint64_t max,
		       uint64_t *value)
{
	const char *text = cli_option(cli, id);
	char what[32];
	uint64_t number;

	if (!text)
		return true;
	snprintf(what, sizeof(what), "--%s", option_name(id));
	if (!cli_number(cli, what, text, max, &number))
		return false;
	if (number < least) {
		cli_say(cli, "%s %s is below %llu", what, text, (unsigned long long)least);
		return false;
	}
	*value = number;
	return true;
}

int cli_choice(struct cli *cli, enum option_id id, const char *const names[])
{
	const char *text = cli_option(cli, id);
	char list[160] = "";
	size_t used = 0;

	for (int i = 0; names[i]; i++)
		if (strcmp(text, names[i]) == 0)
			return i;
	for (int i = 0; names[i] && used < sizeof(list); i++) {
		const char *between = !i ? "" : names[i + 1] ? ", " : " or ";

		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", between,
					 names[i]);
	}
	cli_say(cli, "--%s '%s' is none of %s", option_name(id), text, list);
	return -1;
}

/* ---- help ----------------------------------------------------------------------------------- */

static enum cli_status program_help(struct cli *cli)
{
	const struct program *program = cli->program;
	const struct command *command;
	struct out *out = &cli->out;

	out_format(out, "usage: %s COMMAND %s [ARGUMENTS] [OPTIONS]\n\n%s\n\ncommands:\n",
		   program->name, program->target, program->summary);
	for (size_t i = 0; (command = command_at(program, i)); i++)
		out_format(out, "  %-24s %s\n", command->name, command->summary);
	out_string(out, "\noptions of every command:\n");
	options_help(out, program->options);
	out_format(out, "\n%s COMMAND --help tells more; so does the man page %s(1).\n",
		   program->name, program->name);
	return CLI_DELIVERED;
}

static enum cli_status command_help(struct cli *cli)
{
	const struct command *command = cli->command;
	struct out *out = &cli->out;

	const char *target = command->target == TARGET_NONE ? "" : cli->program->target;

	out_format(out, "usage: %s %s%s%s%s%s%s%s [OPTIONS]\n\n%s\n\noptions:\n",
		   cli->program->name, command->name, *target ? " " : "", target,
		   *command->args ? " " : "", command->args, command->must ? " " : "",
		   command->must ? command->must : "", command->help);
	options_help(out, command->options);
	options_help(out, cli->program->options & ~OPTION(OPT_VERSION));
	return CLI_DELIVERED;
}

static enum cli_status version(struct cli *cli)
{
	struct out *out = &cli->out;
	const char *feature;

	out_format(out, "%s %s\n", cli->program->name, vmi_version());
	for (unsigned i = 0; (feature = vmi_feature(i)); i++)
		out_format(out, "  %s\n", feature);
	out_string(out, "  JSON (yajl)\n");
#ifdef VMI_WITH_PCRE2
	out_string(out, "  regular expressions (pcre2)\n");
#else
	out_string(out, "  no regular expressions (built without pcre2)\n");
#endif
	return CLI_DELIVERED;
}

/* ---- running -------------------------------------------------------------------------------- */

static const struct command *command_find_name(const struct program *program, const char *name)
{
	const struct command *command;

	for (size_t i = 0; (command = command_at(program, i)); i++)
		if (strcmp(command->name, name) == 0)
			break;
	return command;
}

/* What the command takes that argv seems to name; how options are meant depends on it. */
static uint64_t options_taken(const struct program *program, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const struct command *command = command_find_name(program, argv[i]);

		if (command)
			return command->options;
	}
	return 0;
}

static enum cli_status run(struct cli *cli)
{
	struct vmi_error err;

	if (cli->command->target != TARGET_OPEN)
		return cli->command->run(cli);
	enum cli_status status = cli->program->open(cli);
	if (status)
		return status;
	enum vmi_status lacks = vmi_require(cli->vm, cli->command->need, &err);
	status = lacks ? cli_failure(cli, lacks, &err) : cli->command->run(cli);
	return status;
}

/* A number behind the target is often meant to be a process. */
static enum cli_status refuse_argument(struct cli *cli)
{
	const char *name = cli->command->name, *argument = cli->args[0];
	bool process = cli->command->options & OPTION(OPT_PID);
	uint64_t number;

	if (process && cli_parse(argument, strlen(argument), &number))
		return cli_usage(cli, "%s takes no '%s': a process is named by --pid %s", name,
				 argument, argument);
	return cli_usage(cli, "%s takes no '%s'", name, argument);
}

static enum cli_status dispatch(struct cli *cli)
{
	const struct options *options = &cli->options;
	const char *const *word = options->word;
	unsigned count = options->word_count;
	bool help = options->value[OPT_HELP];

	if (options->value[OPT_VERSION])
		return version(cli);
	if (count && strcmp(word[0], "help") == 0) {
		help = true;
		word++;
		count--;
	}
	if (!count)
		return help ? program_help(cli)
			    : cli_usage(cli, "no command: '%s --help' lists them",
					cli->program->name);
	cli->command = command_find_name(cli->program, word[0]);
	if (!cli->command)
		return cli_usage(cli, "unknown command '%s': '%s --help' lists them", word[0],
				 cli->program->name);
	if (help)
		return command_help(cli);
	const char *stranger =
		options_stranger(options, cli->command->options | cli->program->options);
	if (stranger)
		return cli_usage(cli, "%s does not take --%s", cli->command->name, stranger);
	word++;
	count--;
	if (cli->command->target != TARGET_NONE) {
		if (!count)
			return cli_usage(cli, "%s which %s? '%s %s --help' tells more",
					 cli->command->name, cli->program->target,
					 cli->program->name, cli->command->name);
		cli->target = *word++;
		count--;
	}
	cli->args = word;
	cli->arg_count = count;
	if (!*cli->command->args && cli->arg_count)
		return refuse_argument(cli);
	return run(cli);
}

/* A closed pipe ends us by SIGPIPE without a word; where that is ignored, say nothing either. */
static enum cli_status finish(struct cli *cli, enum cli_status status)
{
	out_flush(&cli->out);
	progress_hide(&cli->progress);
	if (!cli->out.error)
		return status;
	if (cli->out.error != EPIPE)
		cli_say(cli, "cannot write the output: %s", strerror(cli->out.error));
	return status ? status : CLI_PARTIAL;
}

static bool hide_progress(void *context)
{
	progress_hide(context);
	return true;
}

int cli_main(const struct program *program, int argc, char **argv)
{
	struct cli cli = {.program = program};
	char problem[256];
	enum cli_status status;

	cli.options.word = calloc((size_t)argc + 1, sizeof(*cli.options.word));
	cli.options.given = calloc((size_t)argc + 1, sizeof(*cli.options.given));
	if (!cli.options.word || !cli.options.given) {
		cli_say(&cli, "out of memory");
		free(cli.options.given);
		free(cli.options.word);
		return CLI_PARTIAL;
	}
	bool parsed = options_parse(&cli.options, options_taken(program, argc, argv), argc, argv,
				    problem, sizeof(problem));
	bool json = parsed && cli_option(&cli, OPT_JSON);
	if (out_init(&cli.out, STDOUT_FILENO, json, OUT_SIZE)) {
		cli_say(&cli, "out of memory");
		status = CLI_PARTIAL;
	} else if (!parsed) {
		status = cli_usage(&cli, "%s: '%s --help' lists what there is", problem,
				   program->name);
	} else {
		cli.progress.enabled = !cli_option(&cli, OPT_QUIET) && isatty(STDERR_FILENO);
		cli.out.before_write = hide_progress;
		cli.out.context = &cli.progress;
		status = finish(&cli, dispatch(&cli));
	}
	vmi_os_close(cli.os);
	vmi_close(cli.vm);
	out_deinit(&cli.out);
	free(cli.options.given);
	free(cli.options.word);
	return (int)status;
}
