/* SPDX-License-Identifier: MIT */
/* --layout: which stretch of a flat file is at which address. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "layout.h"

/* One number, up to `end`, which is behind it. */
static bool take(const char **text, char end, uint64_t *value)
{
	size_t len = strcspn(*text, ":@,");

	if ((*text)[len] != end || !cli_parse(*text, len, value))
		return false;
	*text += len + (end != '\0');
	return true;
}

static bool take_stretch(const char **text, struct vmi_layout *stretch)
{
	if (!take(text, ':', &stretch->gpa) || !take(text, '@', &stretch->size))
		return false;
	return take(text, strchr(*text, ',') ? ',' : '\0', &stretch->offset);
}

bool layout_parse(struct cli *cli, struct vmi_layout **layout, size_t *count)
{
	const char *given = cli_option(cli, OPT_LAYOUT), *text = given;
	size_t room = 1;

	*layout = NULL;
	*count = 0;
	if (!given)
		return true;
	for (const char *at = given; *at; at++)
		room += *at == ',';
	*layout = calloc(room, sizeof(**layout));
	if (!*layout) {
		cli_say(cli, "out of memory");
		return false;
	}
	while (*count < room && take_stretch(&text, &(*layout)[*count]))
		(*count)++;
	if (*count == room)
		return true;
	cli_say(cli,
		"--layout '%s' is not GPA:SIZE@OFFSET with commas between, as in "
		"0:0xc0000000@0,0x100000000:0x40000000@0xc0000000",
		given);
	free(*layout);
	return false;
}

void layout_print(const struct vmi_layout layout[VMI_LAYOUT_MAX], char text[LAYOUT_TEXT])
{
	size_t used = 0;

	for (unsigned i = 0; i < VMI_LAYOUT_MAX; i++)
		used += (size_t)snprintf(text + used, LAYOUT_TEXT - used,
					 "%s0x%" PRIx64 ":0x%" PRIx64 "@0x%" PRIx64, i ? "," : "",
					 layout[i].gpa, layout[i].size, layout[i].offset);
}
