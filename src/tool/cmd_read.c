/* SPDX-License-Identifier: MIT */
/* read: bytes of a space as a hexdump, as numbers, as JSON or as they are; any length, in chunks.
 */

#include "absent.h"
#include "address.h"
#include "cli.h"
#include "json.h"
#include "stretch.h"
#include "text.h"

enum { CHUNK = 64 * 1024, LINE_BYTES = 16 };

/* One reading of the range. */
struct reading {
	struct cli *cli;
	const struct vmi_space *space;
	struct vmi_os *os; /* for --symbols */
	uint64_t addr, length;
	uint64_t at;        /* next byte */
	uint64_t read;      /* bytes that were there */
	unsigned type_size; /* 0: bytes */
	bool skip_holes;
	bool quiet; /* a second reading does not complain again */
	enum cli_status status;
	struct vmi_error why; /* of the first failure; its text is empty when there was none */
	void (*put)(struct reading *reading, const uint8_t *bytes, size_t len);
	/* A line or number that is not whole yet. */
	uint8_t part[LINE_BYTES];
	size_t part_len;
	uint8_t chunk[CHUNK];
};

/* ---- forms of output ------------------------------------------------------------------------ */

static void put_raw(struct reading *reading, const uint8_t *bytes, size_t len)
{
	out_bytes(&reading->cli->out, bytes, len);
}

static void put_hex(struct reading *reading, const uint8_t *bytes, size_t len)
{
	out_hex_bytes(&reading->cli->out, bytes, len);
}

static uint64_t number(const uint8_t *bytes, unsigned size)
{
	uint64_t value = 0;

	while (size--)
		value = value << 8 | bytes[size];
	return value;
}

static void put_symbols(struct reading *reading, const uint8_t *bytes, size_t len)
{
	char text[SYMBOL_TEXT];

	for (size_t i = 0; i < len; i++) {
		reading->part[reading->part_len++] = bytes[i];
		if (reading->part_len < reading->type_size)
			continue;
		if (symbol_name(reading->os, number(reading->part, reading->type_size), text))
			json_text(&reading->cli->out, text, strlen(text));
		else
			json_null(&reading->cli->out);
		reading->part_len = 0;
	}
}

static void put_values(struct reading *reading, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		reading->part[reading->part_len++] = bytes[i];
		if (reading->part_len < reading->type_size)
			continue;
		json_hex(&reading->cli->out, number(reading->part, reading->type_size));
		reading->part_len = 0;
	}
}

static void dump_line(struct out *out, uint64_t addr, const uint8_t *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	char hex[3 * LINE_BYTES + 2];
	size_t used = 0;

	for (size_t i = 0; i < LINE_BYTES; i++) {
		hex[used++] = ' ';
		if (i == LINE_BYTES / 2)
			hex[used++] = ' ';
		hex[used++] = i < len ? digits[bytes[i] >> 4] : ' ';
		hex[used++] = i < len ? digits[bytes[i] & 15] : ' ';
	}
	out_address(out, addr);
	out_char(out, ' ');
	out_bytes(out, hex, used);
	out_string(out, "  |");
	text_put_dots(out, bytes, len);
	out_char(out, '|');
	out_line_end(out);
}

static void number_line(struct out *out, struct vmi_os *os, uint64_t addr, const uint8_t *bytes,
			size_t len, unsigned size)
{
	out_address(out, addr);
	for (size_t i = 0; i + size <= len; i += size) {
		uint64_t value = number(bytes + i, size);

		out_format(out, " 0x%0*llx", (int)size * 2, (unsigned long long)value);
		symbol_text(out, os, value);
	}
	out_line_end(out);
}

static void end_line(struct reading *reading, uint64_t end)
{
	struct out *out = &reading->cli->out;
	size_t len = reading->part_len;

	if (len && reading->type_size)
		number_line(out, reading->os, end - len, reading->part, len, reading->type_size);
	else if (len)
		dump_line(out, end - len, reading->part, len);
	reading->part_len = 0;
}

/* Above the lines, the symbol that they begin in. */
static void print_symbol(const struct reading *reading)
{
	struct out *out = &reading->cli->out;
	char text[SYMBOL_TEXT];

	if (!reading->os || !symbol_name(reading->os, reading->addr, text))
		return;
	text_put(out, text, strlen(text));
	out_char(out, ':');
	out_line_end(out);
}

static void put_lines(struct reading *reading, const uint8_t *bytes, size_t len)
{
	uint64_t at = reading->at;
	size_t line = reading->os && reading->type_size ? reading->type_size : LINE_BYTES;

	for (size_t i = 0; i < len; i++) {
		reading->part[reading->part_len++] = bytes[i];
		if (reading->part_len == line)
			end_line(reading, at + i + 1);
	}
}

/* ---- reading -------------------------------------------------------------------------------- */

static void complain(struct reading *reading, enum vmi_status status, const struct vmi_error *err)
{
	if (reading->status)
		return;
	reading->why = *err;
	reading->status = CLI_PARTIAL;
	if (reading->quiet)
		return;
	reading->status = cli_failure(reading->cli, status, err);
	absent_say(reading->cli, reading->space, reading->at);
}

/* Deliver up to `end` (0: 2^64) or the first byte that is not there; false: stopped. */
static bool deliver(struct reading *reading, uint64_t end)
{
	while (reading->at != end && !reading->cli->out.error) {
		uint64_t left = end - reading->at;
		size_t want = left < CHUNK ? (size_t)left : CHUNK;
		size_t done = 0;
		struct vmi_error err;
		enum vmi_status status =
			vmi_read_bytes(reading->cli->vm, reading->space, reading->at,
				       reading->chunk, want, &done, &err);
		size_t got = status ? done : want;

		reading->put(reading, reading->chunk, got);
		reading->at += got;
		reading->read += got;
		if (status) {
			complain(reading, status, &err);
			return false;
		}
	}
	return true;
}

/* Zeros up to `end` (0: 2^64), and say why. */
static void deliver_hole(struct reading *reading, uint64_t end)
{
	struct vmi_error err = {.text = ""};
	uint8_t byte;

	if (reading->at == end)
		return;
	enum vmi_status status =
		vmi_read_bytes(reading->cli->vm, reading->space, reading->at, &byte, 1, NULL, &err);
	if (!reading->quiet)
		cli_say(reading->cli, "0x%llx bytes at 0x%llx are not there, zeros instead: %s",
			(unsigned long long)(end - reading->at), (unsigned long long)reading->at,
			status ? err.text : "not in the image");
	reading->status = CLI_PARTIAL;
	memset(reading->chunk, 0, CHUNK);
	while (reading->at != end && !reading->cli->out.error) {
		uint64_t left = end - reading->at;
		size_t n = left < CHUNK ? (size_t)left : CHUNK;

		reading->put(reading, reading->chunk, n);
		reading->at += n;
	}
}

static void deliver_all(struct reading *reading)
{
	uint64_t end = reading->addr + reading->length;
	struct piece_iter iter;
	struct piece piece;
	struct vmi_error err;
	enum vmi_status status;

	reading->at = reading->addr;
	reading->read = 0;
	if (!reading->length)
		return;
	if (!reading->skip_holes) {
		deliver(reading, end);
		return;
	}
	piece_begin(&iter, reading->cli->vm, reading->space, reading->addr, end - 1);
	while (!(status = piece_next(&iter, &piece, &err)) && !reading->cli->out.error) {
		deliver_hole(reading, piece.addr);
		/* What is there but cannot be read becomes a hole up to the piece's end. */
		if (!deliver(reading, piece.addr + piece.size))
			deliver_hole(reading, piece.addr + piece.size);
	}
	if (status != VMI_END)
		complain(reading, status, &err);
	deliver_hole(reading, end);
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static void json_hole(struct out *out, uint64_t addr, uint64_t length)
{
	if (!length)
		return;
	json_object_open(out);
	json_key(out, "address");
	json_hex(out, addr);
	json_key(out, "length");
	json_size(out, length);
	json_object_close(out);
}

static void json_holes(struct reading *reading)
{
	struct out *out = &reading->cli->out;
	uint64_t end = reading->addr + reading->length;
	uint64_t at = reading->addr;
	struct piece_iter iter;
	struct piece piece;

	json_key(out, "holes");
	json_array_open(out);
	if (reading->length) {
		piece_begin(&iter, reading->cli->vm, reading->space, reading->addr, end - 1);
		while (!piece_next(&iter, &piece, NULL)) {
			json_hole(out, at, piece.addr - at);
			at = piece.addr + piece.size;
		}
		json_hole(out, at, end - at);
	}
	json_array_close(out);
}

/* The same bytes again, as something else: nothing of their length is kept. */
static void json_again(struct reading *reading, const char *key,
		       void (*put)(struct reading *reading, const uint8_t *bytes, size_t len))
{
	json_key(&reading->cli->out, key);
	json_array_open(&reading->cli->out);
	reading->put = put;
	reading->quiet = true;
	reading->part_len = 0;
	deliver_all(reading);
	json_array_close(&reading->cli->out);
}

static void print_json(struct reading *reading)
{
	struct out *out = &reading->cli->out;

	json_begin(out);
	json_key(out, "address");
	json_hex(out, reading->addr);
	json_key(out, "length");
	json_size(out, reading->length);
	symbol_json(out, reading->os, reading->addr);
	json_key(out, "bytes");
	json_text_begin(out);
	reading->put = put_hex;
	deliver_all(reading);
	json_text_end(out);
	json_key(out, "read");
	json_size(out, reading->read);
	if (reading->skip_holes)
		json_holes(reading);
	if (reading->type_size)
		json_again(reading, "values", put_values);
	if (reading->type_size && reading->os)
		json_again(reading, "symbols", put_symbols);
	if (reading->why.text[0]) {
		json_key(out, "error");
		json_text(out, reading->why.text, strlen(reading->why.text));
	}
	json_end(out);
}

/* ---- arguments ------------------------------------------------------------------------------ */

static bool type_option(struct reading *reading)
{
	static const char *const names[] = {"u8", "u16", "u32", "u64", "ptr", NULL};
	struct cli *cli = reading->cli;
	bool narrow;

	if (!cli_option(cli, OPT_TYPE))
		return true;
	int choice = cli_choice(cli, OPT_TYPE, names);
	if (choice < 0)
		return false;
	if (reading->space)
		narrow = reading->space->mode == VMI_MODE_LEGACY ||
			 reading->space->mode == VMI_MODE_PAE;
	else
		narrow = vmi_info(cli->vm)->machine == VMI_MACHINE_X86;
	reading->type_size = choice < 4 ? 1u << choice : narrow ? 4 : 8;
	if (reading->length % reading->type_size == 0)
		return true;
	cli_say(cli, "LENGTH is in bytes: %llu is no multiple of the %u of --type %s",
		(unsigned long long)reading->length, reading->type_size, names[choice]);
	return false;
}

static enum cli_status parse(struct reading *reading)
{
	struct cli *cli = reading->cli;
	bool raw = cli_option(cli, OPT_RAW);

	if (cli->arg_count != 2)
		return cli_usage(cli, "read takes an address and a length");
	if (raw && (cli->out.json || cli_option(cli, OPT_TYPE) || cli_option(cli, OPT_SYMBOLS)))
		return cli_usage(cli, "--raw goes with none of --json, --type and --symbols");
	if (!cli_address(cli, cli->args[0], &reading->addr) ||
	    !cli_number(cli, "length", cli->args[1], UINT64_MAX, &reading->length))
		return CLI_USAGE;
	if (reading->length && reading->addr > UINT64_MAX - (reading->length - 1))
		return cli_usage(cli, "%s bytes at %s end beyond the last address", cli->args[1],
				 cli->args[0]);
	enum cli_status status = cli_space(cli, &reading->space);
	if (!status)
		status = cli_symbols(cli, &reading->os);
	if (status)
		return status;
	return type_option(reading) ? CLI_DELIVERED : CLI_USAGE;
}

static enum cli_status run(struct cli *cli)
{
	struct reading reading = {
		.cli = cli,
		.skip_holes = cli_option(cli, OPT_SKIP_HOLES),
	};

	enum cli_status status = parse(&reading);
	if (status)
		return status;
	if (cli->out.json) {
		print_json(&reading);
		return reading.status;
	}
	reading.put = cli_option(cli, OPT_RAW) ? put_raw : put_lines;
	print_symbol(&reading);
	deliver_all(&reading);
	end_line(&reading, reading.at);
	return reading.status;
}

const struct command command_read = {
	.name = "read",
	.args = "ADDR LENGTH",
	.summary = "bytes, as a hexdump, as numbers or as they are",
	.help = "Print LENGTH bytes from ADDR on. What can be read is delivered up to the first\n"
		"hole; with --skip-holes, zeros stand for what cannot, and the holes are listed.\n"
		"--type prints little-endian numbers; a ptr is as wide as the space's addresses.\n"
		"ADDR may be a symbol of the kernel. --symbols tells the symbol that ADDR lies in\n"
		"and, with --type, those that the numbers lie in, one number to a line.",
	.options = OPTIONS_SPACE | OPTION(OPT_RAW) | OPTION(OPT_TYPE) | OPTION(OPT_SKIP_HOLES) |
		   OPTION(OPT_SYMBOLS),
	.run = run,
};
