/* SPDX-License-Identifier: MIT */
/* Why a page of a process is not there. */

#include <inttypes.h>
#include <stdio.h>

#include "absent.h"
#include "json.h"
#include "task.h"

enum { ABSENT_TEXT = 80 };

/* Does the kernel say something of it? */
static bool absent_find(struct cli *cli, const struct vmi_translation *to,
			struct vmi_absent_page *page)
{
	return cli->os && cli_process_is_named(cli) && to->status == VMI_ERR_NOT_PRESENT &&
	       !vmi_absent_page(cli->os, to, page, NULL);
}

static bool is_swapped(const struct vmi_absent_page *page)
{
	return page->why == VMI_ABSENT_SWAP || page->why == VMI_ABSENT_ZRAM;
}

void absent_json(struct cli *cli, const struct vmi_translation *to)
{
	struct out *out = &cli->out;
	struct vmi_absent_page page;

	if (!absent_find(cli, to, &page))
		return;
	json_key(out, "absent");
	json_name(out, vmi_absence_name(page.why));
	if (is_swapped(&page)) {
		json_key(out, "swap_area");
		json_size(out, page.type);
		json_key(out, "swap_offset");
		json_size(out, page.offset);
	} else if (page.why == VMI_ABSENT_PROTECTED || page.why == VMI_ABSENT_MIGRATION) {
		json_key(out, "absent_pa");
		json_hex(out, page.gpa);
	}
}

static void describe(const struct vmi_absent_page *page, char text[ABSENT_TEXT])
{
	const char *name = vmi_absence_name(page->why);

	if (is_swapped(page))
		snprintf(text, ABSENT_TEXT, "%s, area %u offset 0x%" PRIx64, name, page->type,
			 page->offset);
	else if (page->why == VMI_ABSENT_PROTECTED || page->why == VMI_ABSENT_MIGRATION)
		snprintf(text, ABSENT_TEXT, "%s, at 0x%" PRIx64, name, page->gpa);
	else
		snprintf(text, ABSENT_TEXT, "%s", name);
}

void absent_text(struct cli *cli, const struct vmi_translation *to)
{
	struct vmi_absent_page page;
	char text[ABSENT_TEXT];

	if (!absent_find(cli, to, &page))
		return;
	describe(&page, text);
	out_format(&cli->out, " (%s)", text);
}

void absent_say(struct cli *cli, const struct vmi_space *space, uint64_t address)
{
	struct vmi_translation to = {0};
	struct vmi_absent_page page;
	char text[ABSENT_TEXT];

	if (!space || !vmi_translate(cli->vm, space, address, &to, NULL) ||
	    !absent_find(cli, &to, &page))
		return;
	describe(&page, text);
	cli_say(cli, "the kernel says of the page at 0x%" PRIx64 ": %s", address, text);
}
