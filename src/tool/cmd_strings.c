/* SPDX-License-Identifier: MIT */
/* strings: every printable string of a space. */

#include <stdlib.h>

#include "json.h"
#include "scan.h"
#include "strings.h"
#include "text.h"

enum { PASSES = 4 };

/* What was asked for, shared by all threads. */
struct wanted {
	size_t least;
	bool offsets;
	const char *space; /* "phys" or "virt" */
	struct pass pass[PASSES];
	unsigned passes;
};

static const char *const encoding_name[] = {"ascii", "utf8", "utf16le"};

/* ---- output --------------------------------------------------------------------------------- */

/* Whole characters of a string. All of them are printable. */
static void put_characters(struct out *out, enum strings_encoding encoding, const uint8_t *p,
			   size_t len)
{
	char utf8[256];
	size_t used = 0;

	if (encoding != STRINGS_UTF16LE) {
		if (out->json)
			json_text_piece(out, (const char *)p, len);
		else
			out_bytes(out, p, len);
		return;
	}
	for (size_t at = 0; at < len;) {
		uint32_t code = 0;
		unsigned n = utf16_decode(p + at, len - at, &code);

		if (!n)
			break;
		at += n;
		used += utf8_encode(code, utf8 + used);
		if (at < len && used + UTF8_MAX <= sizeof(utf8))
			continue;
		put_characters(out, STRINGS_UTF8, (const uint8_t *)utf8, used);
		used = 0;
	}
}

/* A string that does not end in its window: read it once more, piece by piece. */
static void put_stream(struct scan_worker *worker, enum strings_encoding encoding, uint64_t addr)
{
	struct stream stream = {.vm = worker->vm, .space = worker->window.space};

	for (;;) {
		size_t n, len = 0;
		unsigned step;
		uint32_t code;
		const uint8_t *p = stream_at(&stream, addr, &n);

		while (len < n &&
		       (step = strings_character(encoding, p + len, n - len, &code)) != 0)
			len += step;
		if (!len || scan_stopped(worker))
			return;
		put_characters(&worker->out, encoding, p, len);
		addr += len;
	}
}

static void print(struct scan_worker *worker, enum strings_encoding encoding, uint64_t addr,
		  const uint8_t *bytes, size_t len)
{
	const struct wanted *wanted = worker->context;
	struct out *out = &worker->out;

	if (out->json) {
		json_begin(out);
		json_key(out, "address");
		json_hex(out, addr);
		json_key(out, "space");
		json_name(out, wanted->space);
		json_key(out, "encoding");
		json_name(out, encoding_name[encoding]);
		json_key(out, "text");
		json_text_begin(out);
	} else if (wanted->offsets) {
		out_address(out, addr);
		out_char(out, ' ');
	}
	if (len)
		put_characters(out, encoding, bytes, len);
	else
		put_stream(worker, encoding, addr);
	if (out->json) {
		json_text_end(out);
		json_end(out);
	} else {
		out_line_end(out);
	}
}

/* ---- a unit --------------------------------------------------------------------------------- */

/* The pass whose next hit is the first of all, or NULL when none has any left. */
static const struct pass *first_pass(const struct pass *pass, unsigned count, const size_t *next)
{
	const struct pass *first = NULL;
	uint32_t at = UINT32_MAX;

	for (unsigned i = 0; i < count; i++)
		if (next[i] < pass[i].count && pass[i].hit[next[i]].first < at) {
			first = &pass[i];
			at = first->hit[next[i]].first;
		}
	return first;
}

static uint64_t scan_unit(struct scan_worker *worker, const struct unit *unit, size_t from)
{
	const struct wanted *wanted = worker->context;
	struct pass *pass = worker->state;
	size_t next[PASSES] = {0};
	const struct pass *first;

	(void)from;
	for (unsigned i = 0; i < wanted->passes; i++)
		if (!strings_find(&pass[i], &worker->window, unit, wanted->least)) {
			cli_say(worker->cli, "0x%zx bytes at 0x%llx: out of memory", unit->size,
				(unsigned long long)unit->addr);
			worker->partial = true;
			return 0;
		}
	while ((first = first_pass(pass, wanted->passes, next)) && !scan_stopped(worker)) {
		const struct hit *hit = &first->hit[next[first - pass]++];

		print(worker, first->encoding, unit->addr + hit->first,
		      worker->window.data + hit->first, hit->len);
	}
	return 0;
}

static bool begin(struct scan_worker *worker)
{
	const struct wanted *wanted = worker->context;
	struct pass *pass = calloc(PASSES, sizeof(*pass));

	if (!pass) {
		cli_say(worker->cli, "out of memory");
		return false;
	}
	memcpy(pass, wanted->pass, sizeof(wanted->pass));
	worker->state = pass;
	return true;
}

static void end(struct scan_worker *worker)
{
	struct pass *pass = worker->state;

	for (unsigned i = 0; pass && i < PASSES; i++)
		free(pass[i].hit);
	free(pass);
}

/* ---- arguments ------------------------------------------------------------------------------ */

static bool encoding_option(struct cli *cli, struct wanted *wanted)
{
	static const char *const names[] = {"ascii", "utf8", "utf16le", "all", NULL};
	int choice = cli_option(cli, OPT_ENCODING) ? cli_choice(cli, OPT_ENCODING, names) : 0;
	bool all = choice == 3;

	if (choice < 0)
		return false;
	if (all || choice == STRINGS_ASCII)
		wanted->pass[wanted->passes++].encoding = STRINGS_ASCII;
	if (all || choice == STRINGS_UTF8) {
		wanted->pass[wanted->passes].encoding = STRINGS_UTF8;
		wanted->pass[wanted->passes++].wide_only = all;
	}
	for (unsigned parity = 0; parity < 2 && (all || choice == STRINGS_UTF16LE); parity++) {
		wanted->pass[wanted->passes].encoding = STRINGS_UTF16LE;
		wanted->pass[wanted->passes++].parity = parity;
	}
	return true;
}

static enum cli_status run(struct cli *cli)
{
	static const struct scan_ops ops = {
		.what = "strings",
		.before = STRINGS_BEFORE,
		.begin = begin,
		.end = end,
		.unit = scan_unit,
	};
	const struct vmi_space *space;
	struct wanted wanted = {.offsets = cli_option(cli, OPT_OFFSETS)};
	uint64_t least = 4;

	if (!cli_option_number(cli, OPT_MIN, 1, UINT32_MAX, &least) ||
	    !encoding_option(cli, &wanted))
		return CLI_USAGE;
	enum cli_status status = cli_scan_space(cli, &space);
	if (status)
		return status;
	wanted.least = (size_t)least;
	wanted.space = space ? "virt" : "phys";
	return scan_run(cli, space, &ops, &wanted);
}

const struct command command_strings = {
	.name = "strings",
	.args = "",
	.summary = "every printable string",
	.help = "List the printable strings of guest-physical memory or, with --root, --vcpu,\n"
		"--mode, --pid or --process, of what is mapped in that space. An ascii string (the\n"
		"default) is of 0x20 to 0x7e and tabs; utf8 adds every character that shows; utf16le\n"
		"is of characters below U+3000 and above U+FFFF, at even and odd addresses; all is\n"
		"all of these.",
	.options = OPTIONS_SPACE | OPTION(OPT_MIN) | OPTION(OPT_ENCODING) | OPTION(OPT_OFFSETS) |
		   OPTION(OPT_THREADS),
	.run = run,
};
