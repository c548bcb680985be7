/* SPDX-License-Identifier: MIT */
/* find: bytes, text or a regular expression, in all of a space. */

#include <stdlib.h>

#include "find.h"
#include "json.h"
#include "pattern.h"
#include "text.h"

enum { PATTERNS = 4 };

/* What was asked for, shared by all threads. */
struct wanted {
	struct find find;
	struct pattern pattern[PATTERNS];
	unsigned count;
	size_t longest;
};

/* ---- matches -------------------------------------------------------------------------------- */

void find_print(struct scan_worker *worker, uint64_t addr, const uint8_t *bytes, size_t len,
		const char *encoding)
{
	const struct find *find = worker->context;
	struct out *out = &worker->out;

	if (!out->json) {
		out_address(out, addr);
		out_char(out, ' ');
		text_put(out, bytes, len);
		out_line_end(out);
		return;
	}
	json_begin(out);
	json_key(out, "address");
	json_hex(out, addr);
	json_key(out, "space");
	json_name(out, find->space);
	json_key(out, "length");
	json_size(out, len);
	json_key(out, "bytes");
	json_text_begin(out);
	out_hex_bytes(out, bytes, len);
	json_text_end(out);
	if (encoding) {
		json_key(out, "encoding");
		json_name(out, encoding);
	}
	json_end(out);
}

/* A unit, for the callback. */
struct place {
	struct scan_worker *worker;
	uint64_t addr;
};

static bool found(void *context, size_t at, const struct pattern *pattern)
{
	struct place *place = context;

	find_print(place->worker, place->addr + at, pattern->bytes, pattern->len,
		   pattern->encoding);
	return !scan_stopped(place->worker);
}

static uint64_t scan_unit(struct scan_worker *worker, const struct unit *unit, size_t from)
{
	const struct wanted *wanted = worker->context;
	struct place place = {worker, unit->addr};

	(void)from;
	pattern_find(wanted->pattern, wanted->count, worker->window.data, worker->window.len,
		     unit->size, found, &place);
	return 0;
}

static enum cli_status find_patterns(struct cli *cli, const struct vmi_space *space,
				     struct wanted *wanted)
{
	for (unsigned i = 0; i < wanted->count; i++)
		if (wanted->pattern[i].len > wanted->longest)
			wanted->longest = wanted->pattern[i].len;

	struct scan_ops ops = {
		.what = "find",
		.after = wanted->longest - 1,
		.margin = wanted->longest - 1,
		.unit = scan_unit,
	};

	wanted->find.space = space ? "virt" : "phys";
	return scan_run(cli, space, &ops, wanted);
}

/* ---- arguments ------------------------------------------------------------------------------ */

static struct pattern *pattern_new(struct cli *cli, struct wanted *wanted)
{
	struct pattern *pattern = &wanted->pattern[wanted->count];

	if (!pattern->bytes)
		pattern->bytes = malloc(PATTERN_MAX);
	if (pattern->bytes)
		return pattern;
	cli_say(cli, "out of memory");
	return NULL;
}

static enum cli_status bytes_option(struct cli *cli, struct wanted *wanted)
{
	const char *hex = cli_option(cli, OPT_BYTES);
	struct pattern *pattern = pattern_new(cli, wanted);

	if (!pattern)
		return CLI_PARTIAL;
	if (!pattern_from_hex(pattern, hex))
		return cli_usage(cli, "--bytes '%s' is no sequence of pairs of hex digits", hex);
	wanted->count = 1;
	return CLI_DELIVERED;
}

/* The same bytes are not searched twice, such as ASCII as UTF-8 and as Latin-1. */
static bool is_new(const struct wanted *wanted)
{
	const struct pattern *pattern = &wanted->pattern[wanted->count];

	for (unsigned i = 0; i < wanted->count; i++)
		if (wanted->pattern[i].len == pattern->len &&
		    memcmp(wanted->pattern[i].bytes, pattern->bytes, pattern->len) == 0)
			return false;
	return true;
}

static enum cli_status text_option(struct cli *cli, struct wanted *wanted)
{
	static const char *const names[] = {"utf8",  "latin1", "utf16le", "utf16be",
					    "ascii", "all",    NULL};
	enum { ASCII = 4, ALL = 5 };
	const char *text = cli_option(cli, OPT_TEXT);
	int choice = cli_option(cli, OPT_ENCODING) ? cli_choice(cli, OPT_ENCODING, names) : 0;
	int first = choice == ALL || choice == ASCII ? 0 : choice;
	int last = choice == ALL ? PATTERN_UTF16BE : first;

	if (choice < 0)
		return CLI_USAGE;
	for (const char *c = text; choice == ASCII && *c; c++)
		if ((unsigned char)*c >= 0x80)
			return cli_usage(cli, "--text '%s' is not ASCII", text);
	for (int i = first; i <= last; i++) {
		struct pattern *pattern = pattern_new(cli, wanted);

		if (!pattern)
			return CLI_PARTIAL;
		pattern->encoding = choice == ASCII ? "ascii" : names[i];
		if (pattern_from_text(pattern, text, (enum pattern_encoding)i) && is_new(wanted))
			wanted->count++;
	}
	if (!wanted->count)
		return cli_usage(cli, "--text '%s' is empty, too long or no text in %s", text,
				 names[choice]);
	return CLI_DELIVERED;
}

static enum cli_status regex_option(struct cli *cli, const struct vmi_space *space)
{
#ifdef VMI_WITH_PCRE2
	return find_regex(cli, space, cli_option(cli, OPT_REGEX));
#else
	(void)space;
	cli_say(cli, "this build cannot --regex: it was made without PCRE2");
	return CLI_UNABLE;
#endif
}

static enum cli_status run(struct cli *cli)
{
	bool bytes = cli_option(cli, OPT_BYTES), text = cli_option(cli, OPT_TEXT);
	bool regex = cli_option(cli, OPT_REGEX);
	const struct vmi_space *space;
	struct wanted wanted = {.count = 0};

	if (bytes + text + regex != 1)
		return cli_usage(cli, "find what? give one of --bytes, --text and --regex");
	if (cli_option(cli, OPT_ENCODING) && !text)
		return cli_usage(cli, "--encoding goes with --text only");
	enum cli_status status = cli_scan_space(cli, &space);
	if (status)
		return status;
	if (regex)
		return regex_option(cli, space);
	status = bytes ? bytes_option(cli, &wanted) : text_option(cli, &wanted);
	if (!status)
		status = find_patterns(cli, space, &wanted);
	for (unsigned i = 0; i < PATTERNS; i++)
		free(wanted.pattern[i].bytes);
	return status;
}

const struct command command_find = {
	.name = "find",
	.args = "",
	.must = "--bytes HEX | --text TEXT | --regex RE",
	.summary = "where bytes, a text or an expression are found",
	.help = "Search guest-physical memory or, with --root, --vcpu, --mode, --pid or --process,\n"
		"what is mapped in that space. --text is searched as utf8 (default), latin1,\n"
		"utf16le, utf16be, ascii or all of these. --bytes and --text also find matches\n"
		"that overlap; those of --regex do not, are not empty and at most 65536 bytes long.\n"
		"Where there is none, nothing is printed; that is no failure.",
	.options = OPTIONS_SPACE | OPTION(OPT_BYTES) | OPTION(OPT_TEXT) | OPTION(OPT_REGEX) |
		   OPTION(OPT_ENCODING) | OPTION(OPT_THREADS),
	.run = run,
};
