/* SPDX-License-Identifier: MIT */
/* translate: virtual to physical, one answer per address, as fast as the addresses come. */

#include <errno.h>
#include <stdlib.h>

#include "absent.h"
#include "access.h"
#include "address.h"
#include "cli.h"
#include "json.h"
#include "lines.h"

enum { BATCH = 1024 };

/* The addresses that have come and are not answered yet. */
struct translate {
	struct cli *cli;
	const struct vmi_space *space;
	struct vmi_rmap *rmap; /* for --reverse */
	struct vmi_os *os;     /* for --symbols */
	bool walk;
	bool partial; /* some could not be delivered */
	unsigned count;
	uint64_t addr[BATCH];
	struct vmi_translation result[BATCH];
};

/* ---- one answer ----------------------------------------------------------------------------- */

static void json_walk(struct out *out, const struct vmi_walk *walk)
{
	json_key(out, "walk");
	json_array_open(out);
	for (unsigned i = 0; i < walk->count; i++) {
		json_object_open(out);
		json_key(out, "level");
		json_size(out, walk->step[i].level);
		json_key(out, "entry_gpa");
		json_hex(out, walk->step[i].entry_gpa);
		json_key(out, "entry");
		json_hex(out, walk->step[i].entry);
		json_object_close(out);
	}
	json_array_close(out);
}

/* `walk` may be NULL. */
static void print_json(const struct translate *job, uint64_t va, const struct vmi_translation *to,
		       const struct vmi_walk *walk)
{
	struct out *out = &job->cli->out;

	json_begin(out);
	json_key(out, "va");
	json_hex(out, va);
	json_key(out, "pa");
	if (to->status == VMI_OK) {
		json_hex(out, to->gpa);
		json_key(out, "page_size");
		json_size(out, UINT64_C(1) << to->page_shift);
		json_key(out, "access");
		json_name(out, access_name(to->access));
		json_key(out, "user");
		json_bool(out, to->user);
	} else {
		json_null(out);
		json_key(out, "status");
		json_name(out, vmi_status_name((enum vmi_status)to->status));
		json_key(out, "level");
		json_size(out, to->level);
		json_key(out, "entry");
		json_hex(out, to->entry);
		absent_json(job->cli, to);
	}
	symbol_json(out, job->os, va);
	if (walk)
		json_walk(out, walk);
	json_end(out);
}

static void print_text(const struct translate *job, uint64_t va, const struct vmi_translation *to,
		       const struct vmi_walk *walk)
{
	struct out *out = &job->cli->out;

	out_address(out, va);
	out_char(out, ' ');
	if (to->status == VMI_OK) {
		out_hex(out, to->gpa);
		out_char(out, ' ');
		out_string(out, page_size_name(to->page_shift));
		out_char(out, ' ');
		out_string(out, access_name(to->access));
		out_string(out, to->user ? " user" : " kernel");
	} else {
		out_colour(out, OUT_PROBLEM);
		out_string(out, vmi_status_name((enum vmi_status)to->status));
		out_colour(out, OUT_PLAIN);
		if (to->level)
			out_format(out, " level %u entry 0x%llx", to->level,
				   (unsigned long long)to->entry);
		absent_text(job->cli, to);
	}
	symbol_text(out, job->os, va);
	for (unsigned i = 0; walk && i < walk->count; i++)
		out_format(out, "\n  level %u at 0x%llx: 0x%llx", walk->step[i].level,
			   (unsigned long long)walk->step[i].entry_gpa,
			   (unsigned long long)walk->step[i].entry);
	out_line_end(out);
}

static void print(struct translate *job, uint64_t va, const struct vmi_translation *to,
		  const struct vmi_walk *walk)
{
	if (to->status != VMI_OK)
		job->partial = true;
	if (job->cli->out.json)
		print_json(job, va, to, walk);
	else
		print_text(job, va, to, walk);
}

/* ---- from physical to virtual --------------------------------------------------------------- */

static void print_unmapped(struct out *out, uint64_t pa)
{
	if (out->json) {
		json_begin(out);
		json_key(out, "va");
		json_null(out);
		json_key(out, "pa");
		json_hex(out, pa);
		json_key(out, "status");
		json_name(out, "not-mapped");
		json_end(out);
		return;
	}
	out_address(out, pa);
	out_colour(out, OUT_PROBLEM);
	out_string(out, " not-mapped");
	out_colour(out, OUT_PLAIN);
	out_line_end(out);
}

static void reverse(struct translate *job, uint64_t pa)
{
	vmi_gva few[64];
	vmi_gva *all = few;
	size_t count = vmi_rmap_find(job->rmap, pa, few, sizeof(few) / sizeof(few[0]));

	if (!count) {
		print_unmapped(&job->cli->out, pa);
		job->partial = true;
		return;
	}
	if (count > sizeof(few) / sizeof(few[0])) {
		all = calloc(count, sizeof(*all));
		if (!all) {
			cli_say(job->cli, "0x%llx is mapped at %zu addresses: out of memory",
				(unsigned long long)pa, count);
			job->partial = true;
			return;
		}
		count = vmi_rmap_find(job->rmap, pa, all, count);
	}
	for (size_t i = 0; i < count && !job->cli->out.error; i++) {
		struct vmi_translation to = {0};

		if (vmi_translate(job->cli->vm, job->space, all[i], &to, NULL))
			job->partial = true;
		print(job, all[i], &to, NULL);
	}
	if (all != few)
		free(all);
}

/* ---- many ----------------------------------------------------------------------------------- */

static void answer(struct translate *job)
{
	struct cli *cli = job->cli;

	if (job->rmap) {
		for (unsigned i = 0; i < job->count && !cli->out.error; i++)
			reverse(job, job->addr[i]);
	} else if (job->walk) {
		for (unsigned i = 0; i < job->count && !cli->out.error; i++) {
			struct vmi_walk walk = {0};

			if (vmi_walk(cli->vm, job->space, job->addr[i], &walk, NULL))
				job->partial = true;
			print(job, job->addr[i], &walk.result, &walk);
		}
	} else if (job->count) {
		/* Each result has its own status. */
		if (vmi_translate_batch(cli->vm, job->space, job->addr, job->count, job->result,
					NULL))
			job->partial = true;
		for (unsigned i = 0; i < job->count && !cli->out.error; i++)
			print(job, job->addr[i], &job->result[i], NULL);
	}
	job->count = 0;
}

static void add(struct translate *job, uint64_t addr)
{
	job->addr[job->count++] = addr;
	if (job->count == BATCH)
		answer(job);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void add_line(struct translate *job, const struct lines *lines, const char *line, size_t len)
{
	char why[ADDRESS_WHY];
	uint64_t addr;

	const char *comment = memchr(line, '#', len);
	if (comment)
		len = (size_t)(comment - line);
	while (len && is_blank(line[len - 1]))
		len--;
	for (; len && is_blank(*line); line++)
		len--;
	if (!len)
		return;
	if (address_parse(job->cli, line, len, &addr, why)) {
		add(job, addr);
		return;
	}
	cli_say(job->cli, "line %llu: %s", (unsigned long long)lines->number, why);
	job->partial = true;
}

static enum cli_status from_lines(struct translate *job, const char *name)
{
	struct cli *cli = job->cli;
	struct lines lines;
	enum line_state state;
	const char *line;
	size_t len;

	if (!lines_open(&lines, name))
		return cli_usage(cli, "--from %s: %s", name, strerror(errno));
	while ((state = lines_take(&lines, &line, &len)) != LINE_END && !cli->out.error) {
		if (state == LINE_TAKEN) {
			add_line(job, &lines, line, len);
		} else if (state == LINE_TOO_LONG) {
			cli_say(cli, "line %llu is too long for an address",
				(unsigned long long)lines.number);
			job->partial = true;
		} else {
			answer(job);
			if (lines_wait(&lines))
				out_flush(&cli->out);
			lines_fill(&lines);
		}
	}
	answer(job);
	if (lines.error) {
		cli_say(cli, "--from %s: %s", name, strerror(lines.error));
		job->partial = true;
	}
	lines_close(&lines);
	return CLI_DELIVERED;
}

static enum cli_status translate(struct translate *job)
{
	struct cli *cli = job->cli;
	const char *from = cli_option(cli, OPT_FROM);
	enum cli_status failed = CLI_DELIVERED;
	uint64_t addr;

	if (cli_option(cli, OPT_REVERSE)) {
		struct vmi_error err;
		enum vmi_status status = vmi_rmap_create(cli->vm, job->space, &job->rmap, &err);

		if (status)
			return cli_failure(cli, status, &err);
	}
	for (unsigned i = 0; i < cli->arg_count; i++)
		if (cli_address(cli, cli->args[i], &addr))
			add(job, addr);
	answer(job);
	if (from)
		failed = from_lines(job, from);
	vmi_rmap_destroy(job->rmap);
	return !failed && job->partial ? CLI_PARTIAL : failed;
}

static enum cli_status begin(struct translate *job)
{
	struct cli *cli = job->cli;
	uint64_t addr;

	for (unsigned i = 0; i < cli->arg_count; i++)
		if (!cli_address(cli, cli->args[i], &addr))
			return CLI_USAGE;
	if (cli->by_symbol && cli_option(cli, OPT_REVERSE))
		return cli_usage(cli, "--reverse takes physical addresses, and a symbol is none");
	enum cli_status failed = cli_space(cli, &job->space);
	return failed ? failed : cli_symbols(cli, &job->os);
}

static enum cli_status run(struct cli *cli)
{
	if (!cli->arg_count && !cli_option(cli, OPT_FROM))
		return cli_usage(cli, "translate which address? give VA... or --from FILE");
	if (cli_option(cli, OPT_REVERSE) && cli_option(cli, OPT_WALK))
		return cli_usage(cli, "--walk and --reverse exclude each other");
	struct translate *job = calloc(1, sizeof(*job));
	if (!job) {
		cli_say(cli, "out of memory");
		return CLI_PARTIAL;
	}
	job->cli = cli;
	job->walk = cli_option(cli, OPT_WALK);
	enum cli_status status = begin(job);
	if (!status)
		status = translate(job);
	free(job);
	return status;
}

const struct command command_translate = {
	.name = "translate",
	.args = "VA...",
	.summary = "virtual addresses to physical ones, and back",
	.help = "Print the physical address, page size, access and privilege of each virtual\n"
		"address, or why there is none: not-present, not-canonical, reserved-bits, or\n"
		"not-saved when the image does not hold a table. With --reverse the addresses are\n"
		"physical, and every virtual address that maps one is printed. --from takes one\n"
		"address per line, with # comments, and answers as the lines come. An address may\n"
		"be a symbol of the kernel.",
	.options = OPTIONS_VIRTUAL | OPTION(OPT_FROM) | OPTION(OPT_WALK) | OPTION(OPT_REVERSE) |
		   OPTION(OPT_SYMBOLS),
	.run = run,
};
