/* SPDX-License-Identifier: MIT */
#ifndef TOOL_ADDRESS_H
#define TOOL_ADDRESS_H

#include "cli.h"

/** Addresses as users write them, and the symbols that they are read as. */

enum { ADDRESS_WHY = 200, SYMBOL_TEXT = 600 };

/*
 * A number, or a symbol of the kernel: `symbol`, `module:symbol`, either with +N or -N behind it.
 * All of the `len` characters are it; false: `why` says why not.
 */
bool address_parse(struct cli *cli, const char *text, size_t len, uint64_t *value,
		   char why[ADDRESS_WHY]);
/* The same for an argument; false: it was said. */
bool cli_address(struct cli *cli, const char *text, uint64_t *value);

/* "symbol", "module:symbol+0x12" for what `address` lies in; false: it lies in none. */
bool symbol_name(struct vmi_os *os, uint64_t address, char text[SYMBOL_TEXT]);

/* With --symbols, the kernel to ask for them; else *os is NULL. */
enum cli_status cli_symbols(struct cli *cli, struct vmi_os **os);
/* What `address` lies in, where `os` is not NULL: the key `symbol`, or " <symbol>". */
void symbol_json(struct out *out, struct vmi_os *os, uint64_t address);
void symbol_text(struct out *out, struct vmi_os *os, uint64_t address);

#endif
