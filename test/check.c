/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "check.h"

void check_ok(enum vmi_status got, const struct vmi_error *err, const char *call, const char *file,
	      int line)
{
	if (got == VMI_OK)
		return;
	print_error("%s\n  failed (%s): %s\n", call, vmi_status_name(got),
		    err->status == got ? err->text : "no words");
	_fail(file, line);
}

/* "lower case, no full stop": the first letter may be a name's, so only the end is looked at. */
static bool is_sentence(const char *text)
{
	size_t len = strlen(text);

	return len && text[len - 1] != '.' && text[len - 1] != '\n' && text[len - 1] != ' ';
}

void check_fail(enum vmi_status got, enum vmi_status want, const struct vmi_error *err,
		const char *words, const char *call, const char *file, int line)
{
	if (got == want && err->status == want && strstr(err->text, words) &&
	    is_sentence(err->text))
		return;
	print_error("%s\n  should fail (%s) and say '%s'\n  got (%s), '%s'\n", call,
		    vmi_status_name(want), words, vmi_status_name(got),
		    got == VMI_OK ? "" : err->text);
	_fail(file, line);
}
