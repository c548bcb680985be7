/* SPDX-License-Identifier: MIT */
/* find --regex, through PCRE2. Matches do not overlap, and no border of units shows in them. */

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <stdlib.h>

#include "find.h"

enum { JIT_STACK_MIN = 32 * 1024, JIT_STACK_MAX = 8 * 1024 * 1024, BEHIND_MAX = 64 * 1024 };

struct regex {
	struct find find;
	pcre2_code *code;
	size_t before; /* as in the scan's ops */
};

struct matcher {
	pcre2_match_data *data;
	pcre2_match_context *context;
	pcre2_jit_stack *stack;
};

static void end(struct scan_worker *worker)
{
	struct matcher *matcher = worker->state;

	if (!matcher)
		return;
	pcre2_match_data_free(matcher->data);
	pcre2_match_context_free(matcher->context);
	pcre2_jit_stack_free(matcher->stack);
	free(matcher);
}

static bool begin(struct scan_worker *worker)
{
	const struct regex *regex = worker->context;
	struct matcher *matcher = calloc(1, sizeof(*matcher));

	worker->state = matcher;
	if (matcher) {
		matcher->data = pcre2_match_data_create_from_pattern(regex->code, NULL);
		matcher->context = pcre2_match_context_create(NULL);
		/* May be missing: then the machine's stack serves, for simpler expressions. */
		matcher->stack = pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, NULL);
	}
	if (!matcher || !matcher->data || !matcher->context) {
		cli_say(worker->cli, "out of memory");
		return false;
	}
	pcre2_jit_stack_assign(matcher->context, NULL, matcher->stack);
	return true;
}

/* What one unit is to the matcher: offsets below are in `subject`. */
struct field {
	const uint8_t *subject;
	size_t first; /* where the unit begins */
	size_t limit; /* where it ends: matches begin before */
	size_t len;   /* of all that can be seen */
};

/* The next match from `at` on: true with *first and *last. */
static bool match(struct scan_worker *worker, const struct field *field, size_t at, size_t *first,
		  size_t *last)
{
	const struct regex *regex = worker->context;
	struct matcher *matcher = worker->state;
	const PCRE2_SIZE *span = pcre2_get_ovector_pointer(matcher->data);

	while (at < field->limit) {
		pcre2_set_offset_limit(matcher->context, field->limit - 1);
		int count = pcre2_match(regex->code, field->subject, field->len, at, PCRE2_NOTEMPTY,
					matcher->data, matcher->context);
		if (count > 0 && span[1] > span[0] && span[1] - span[0] > REGEX_MAX) {
			/* The same place, with nothing behind the longest match to be seen. */
			at = span[0];
			count = pcre2_match(regex->code, field->subject, at + REGEX_MAX, at,
					    PCRE2_NOTEMPTY | PCRE2_ANCHORED, matcher->data,
					    matcher->context);
			if (count == PCRE2_ERROR_NOMATCH) {
				at++;
				continue;
			}
		}
		if (count > 0 && span[1] > span[0]) {
			*first = span[0];
			*last = span[1];
			return *first < field->limit;
		}
		if (count <= 0) {
			char text[120];

			if (count == PCRE2_ERROR_NOMATCH)
				return false;
			pcre2_get_error_message(count, (PCRE2_UCHAR *)text, sizeof(text));
			cli_say(worker->cli, "the expression gave up: %s", text);
			worker->partial = true;
			return false;
		}
		at = span[0] > at ? span[0] : at + 1; /* \K put the end before the start */
	}
	return false;
}

static uint64_t scan_unit(struct scan_worker *worker, const struct unit *unit, size_t from)
{
	const struct regex *regex = worker->context;
	size_t before = unit->before < regex->before ? (size_t)unit->before : regex->before;
	struct field field = {
		.subject = worker->window.data - before,
		.first = before,
		.limit = before + unit->size,
		.len = before + worker->window.len,
	};
	size_t at = before + from, first, last = 0;

	while (!scan_stopped(worker) && match(worker, &field, at, &first, &last)) {
		find_print(worker, unit->addr + (first - before), field.subject + first,
			   last - first, NULL);
		at = last;
	}
	return at > before ? at - before : 0;
}

static bool compile(struct cli *cli, struct regex *regex, const char *text)
{
	int error;
	PCRE2_SIZE offset;
	uint32_t behind = 0;
	char problem[120];

	regex->code =
		pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
			      PCRE2_NEVER_UTF | PCRE2_USE_OFFSET_LIMIT, &error, &offset, NULL);
	if (!regex->code) {
		pcre2_get_error_message(error, (PCRE2_UCHAR *)problem, sizeof(problem));
		cli_say(cli, "--regex: %s at character %zu", problem, offset + 1);
		return false;
	}
	/* Without JIT it is slower, no more. */
	pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE);
	pcre2_pattern_info(regex->code, PCRE2_INFO_MAXLOOKBEHIND, &behind);
	/* At least one, so that what stands at the start of a window is not the start of memory. */
	regex->before = behind < 1 ? 1 : behind < BEHIND_MAX ? behind : BEHIND_MAX;
	return true;
}

enum cli_status find_regex(struct cli *cli, const struct vmi_space *space, const char *text)
{
	struct regex regex = {.find.space = space ? "virt" : "phys"};

	if (!compile(cli, &regex, text))
		return CLI_USAGE;
	struct scan_ops ops = {
		.what = "find",
		.before = regex.before,
		.after = REGEX_MAX,
		.margin = REGEX_MAX,
		.exclusive = true,
		.begin = begin,
		.end = end,
		.unit = scan_unit,
	};
	enum cli_status status = scan_run(cli, space, &ops, &regex);
	pcre2_code_free(regex.code);
	return status;
}
