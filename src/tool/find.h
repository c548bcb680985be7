/* SPDX-License-Identifier: MIT */
#ifndef TOOL_FIND_H
#define TOOL_FIND_H

#include "scan.h"

/* What a find shares among its threads begins with this. */
struct find {
	const char *space; /* "phys" or "virt" */
};

/* One match; `encoding` is NULL when it is not of text. */
void find_print(struct scan_worker *worker, uint64_t addr, const uint8_t *bytes, size_t len,
		const char *encoding);

enum { REGEX_MAX = 64 * 1024 }; /* the longest match */

/* The matches of a Perl-compatible regular expression over bytes. Only where PCRE2 was built in. */
enum cli_status find_regex(struct cli *cli, const struct vmi_space *space, const char *regex);

#endif
