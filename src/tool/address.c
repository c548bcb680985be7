/* SPDX-License-Identifier: MIT */
/* Addresses: numbers, or symbols of the kernel; and the way back. */

#include <stdio.h>

#include "address.h"
#include "json.h"
#include "os.h"
#include "text.h"

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.';
}

/* Take "+N" or "-N" off the end of a symbol; false: what stands there is no number. */
static bool offset_take(char *name, uint64_t *offset)
{
	char *sign = strrchr(name, '+');

	*offset = 0;
	if (!sign)
		sign = strrchr(name, '-');
	if (!sign)
		return true;
	if (!cli_parse(sign + 1, strlen(sign + 1), offset))
		return false;
	if (*sign == '-')
		*offset = 0 - *offset;
	*sign = '\0';
	return true;
}

bool address_parse(struct cli *cli, const char *text, size_t len, uint64_t *value,
		   char why[ADDRESS_WHY])
{
	char name[SYMBOL_TEXT];
	struct vmi_symbol symbol;
	struct vmi_error err;
	struct vmi_os *os;
	uint64_t offset;
	int shown = len < 64 ? (int)len : 64;

	if (cli_parse(text, len, value))
		return true;
	snprintf(name, sizeof(name), "%.*s", len < sizeof(name) ? (int)len : 0, text);
	if (!is_letter(*name) || !offset_take(name, &offset)) {
		snprintf(why, ADDRESS_WHY,
			 "'%.*s' is not an address: neither a number of 64 bits, decimal or hex "
			 "with 0x, nor a symbol",
			 shown, text);
		return false;
	}
	if (cli_os(cli, &os)) {
		snprintf(why, ADDRESS_WHY,
			 "'%.*s' is not a number, and no kernel was found that has symbols", shown,
			 text);
		return false;
	}
	if (vmi_symbol_find(os, name, &symbol, &err)) {
		snprintf(why, ADDRESS_WHY,
			 "'%.*s' is not an address: the kernel has no such symbol, and hex numbers "
			 "begin with 0x",
			 shown, text);
		return false;
	}
	*value = symbol.gva + offset;
	cli->by_symbol = true;
	return true;
}

bool cli_address(struct cli *cli, const char *text, uint64_t *value)
{
	char why[ADDRESS_WHY];

	if (address_parse(cli, text, strlen(text), value, why))
		return true;
	cli_say(cli, "%s", why);
	return false;
}

bool symbol_name(struct vmi_os *os, uint64_t address, char text[SYMBOL_TEXT])
{
	struct vmi_symbol symbol;

	if (vmi_symbol_at(os, address, &symbol, NULL))
		return false;
	int len = snprintf(text, SYMBOL_TEXT, "%s%s%s", symbol.module ? symbol.module : "",
			   symbol.module ? ":" : "", symbol.name);
	if (len > 0 && len < SYMBOL_TEXT && address > symbol.gva)
		snprintf(text + len, (size_t)(SYMBOL_TEXT - len), "+0x%llx",
			 (unsigned long long)(address - symbol.gva));
	return true;
}

enum cli_status cli_symbols(struct cli *cli, struct vmi_os **os)
{
	*os = NULL;
	return cli_option(cli, OPT_SYMBOLS) ? cli_os(cli, os) : CLI_DELIVERED;
}

void symbol_json(struct out *out, struct vmi_os *os, uint64_t address)
{
	char text[SYMBOL_TEXT];

	if (!os || !symbol_name(os, address, text))
		return;
	json_key(out, "symbol");
	json_text(out, text, strlen(text));
}

void symbol_text(struct out *out, struct vmi_os *os, uint64_t address)
{
	char text[SYMBOL_TEXT];

	if (!os || !symbol_name(os, address, text))
		return;
	out_string(out, " <");
	text_put(out, text, strlen(text));
	out_char(out, '>');
}
