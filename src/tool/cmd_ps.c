/* SPDX-License-Identifier: MIT */
/* ps: the processes of the guest, and their threads. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "os.h"
#include "text.h"

struct listing {
	struct cli *cli;
	struct vmi_os *os;
	const struct vmi_task_list *list;
	bool threads;
};

/* Which of the kernel's lists a task is missing in; NULL: in none. */
static const char *hidden_from(const struct vmi_task *task)
{
	if (!(task->flags & VMI_TASK_LISTED))
		return "list";
	return task->flags & VMI_TASK_HASHED ? NULL : "pid table";
}

/* A thread's are its process'. What can be read of them counts; whatever lacks is said. */
static bool arguments(struct listing *listing, const struct vmi_task *task,
		      struct vmi_string *string)
{
	struct vmi_error err;
	enum vmi_status st = vmi_task_arguments(listing->os, task, string, &err);

	if (st && st != VMI_ERR_NOT_FOUND) {
		cli_say(listing->cli, "%s", err.text);
		listing->cli->problems++;
	}
	return string->bytes && (!st || string->length);
}

/* One string, blanks between arguments; the last one's terminator is none. */
static void arguments_join(struct vmi_string *string)
{
	if (string->length && !string->bytes[string->length - 1])
		string->length--;
	for (size_t i = 0; i < string->length; i++)
		if (!string->bytes[i])
			string->bytes[i] = ' ';
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static void json_number_if(struct out *out, const char *key, bool known, uint64_t value)
{
	json_key(out, key);
	if (known)
		json_size(out, value);
	else
		json_null(out);
}

static void json_arguments(struct out *out, struct vmi_string *string)
{
	const char *text = (const char *)string->bytes;

	json_key(out, "arguments");
	json_array_open(out);
	for (size_t at = 0; at < string->length;) {
		size_t len = strnlen(text + at, string->length - at);

		json_text(out, text + at, len);
		at += len + 1;
	}
	json_array_close(out);
	arguments_join(string);
	json_key(out, "command_line");
	json_text(out, text, string->length);
}

static void json_cred(struct out *out, const struct vmi_task *task)
{
	bool known = task->flags & VMI_TASK_HAS_CRED;

	json_number_if(out, "uid", known, task->uid);
	json_number_if(out, "gid", known, task->gid);
	json_number_if(out, "euid", known, task->euid);
	json_number_if(out, "egid", known, task->egid);
}

static void print_json(struct listing *listing, const struct vmi_task *task, unsigned depth)
{
	struct out *out = &listing->cli->out;
	struct vmi_string string;
	char state[2] = {task->state, '\0'};

	json_begin(out);
	json_key(out, "pid");
	json_size(out, (uint64_t)task->pid);
	if (listing->threads)
		json_number_if(out, "tid", true, (uint64_t)task->tid);
	json_number_if(out, "ppid", task->flags & VMI_TASK_HAS_PPID, (uint64_t)task->ppid);
	json_key(out, "comm");
	json_text(out, task->comm, strlen(task->comm));
	json_cred(out, task);
	json_key(out, "state");
	json_text(out, state, 1);
	json_number_if(out, "start_ns", task->flags & VMI_TASK_HAS_START, task->start_ns);
	json_key(out, "task");
	json_hex(out, task->task);
	json_key(out, "root");
	if (task->flags & VMI_TASK_HAS_ROOT)
		json_hex(out, task->root);
	else
		json_null(out);
	json_key(out, "kernel_thread");
	json_bool(out, task->flags & VMI_TASK_KERNEL);
	json_key(out, "hidden");
	json_name(out, hidden_from(task));
	if (cli_option(listing->cli, OPT_TREE)) {
		json_key(out, "depth");
		json_size(out, depth);
	}
	if (arguments(listing, task, &string)) {
		json_arguments(out, &string);
	} else {
		json_key(out, "command_line");
		json_null(out);
	}
	vmi_string_free(&string);
	json_end(out);
}

/* ---- text ----------------------------------------------------------------------------------- */

/* "0x" and the digits that addresses of a kernel of 64 bits have, and that most roots have. */
enum { TASK_WIDTH = 18, ROOT_WIDTH = 12 };

static void print_hex(struct out *out, int width, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	out_format(out, "%-*s ", width, text);
}

static void print_header(struct listing *listing)
{
	struct out *out = &listing->cli->out;

	out_string(out, "    PID ");
	if (listing->threads)
		out_string(out, "    TID ");
	out_format(out, "   PPID        UID S %-*s %-*s COMMAND", TASK_WIDTH, "TASK", ROOT_WIDTH,
		   "ROOT");
	out_line_end(out);
}

/* As ps has it: a name in brackets has no command line; a thread shows its own name. */
static void print_command(struct listing *listing, const struct vmi_task *task)
{
	struct out *out = &listing->cli->out;
	bool leader = task->flags & VMI_TASK_LEADER;
	struct vmi_string string = {0};

	if (leader && arguments(listing, task, &string)) {
		arguments_join(&string);
		/* What a title was written over is zeros. */
		while (string.length && string.bytes[string.length - 1] == ' ')
			string.length--;
		text_put(out, string.bytes, string.length);
	} else {
		out_string(out, leader ? "[" : "");
		text_put(out, task->comm, strlen(task->comm));
		out_string(out, leader ? "]" : "");
	}
	vmi_string_free(&string);
}

static void print_text(struct listing *listing, const struct vmi_task *task, unsigned depth)
{
	struct out *out = &listing->cli->out;
	const char *hidden = hidden_from(task);

	out_format(out, "%7d ", task->pid);
	if (listing->threads)
		out_format(out, "%7d ", task->tid);
	if (task->flags & VMI_TASK_HAS_PPID)
		out_format(out, "%7d ", task->ppid);
	else
		out_string(out, "      ? ");
	if (task->flags & VMI_TASK_HAS_CRED)
		out_format(out, "%10u ", task->uid);
	else
		out_string(out, "         ? ");
	out_format(out, "%c ", task->state);
	out_colour(out, OUT_ADDRESS);
	print_hex(out, TASK_WIDTH, task->task);
	out_colour(out, OUT_PLAIN);
	if (task->flags & VMI_TASK_HAS_ROOT)
		print_hex(out, ROOT_WIDTH, task->root);
	else
		out_format(out, "%-*s ", ROOT_WIDTH, "-");
	out_format(out, "%*s", (int)(2 * (depth < 32 ? depth : 32)), "");
	print_command(listing, task);
	if (task->state == 'Z' || task->state == 'X')
		out_string(out, " <defunct>");
	if (hidden) {
		out_colour(out, OUT_PROBLEM);
		out_format(out, " (not in the kernel's %s)", hidden);
		out_colour(out, OUT_PLAIN);
	}
	out_line_end(out);
}

static void print(struct listing *listing, const struct vmi_task *task, unsigned depth)
{
	if (listing->cli->out.json)
		print_json(listing, task, depth);
	else
		print_text(listing, task, depth);
}

/* ---- the tree ------------------------------------------------------------------------------- */

/* A task and the index of what is over it, of its first child and of its next sibling, or NONE. */
enum { NONE = -1 };
struct twig {
	ptrdiff_t parent, child, sibling;
	bool printed;
};

static ptrdiff_t index_of(const struct vmi_task_list *list, int32_t pid)
{
	size_t low = 0, high = list->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (list->task[middle].pid < pid)
			low = middle + 1;
		else
			high = middle;
	}
	return low < list->count && list->task[low].pid == pid ? (ptrdiff_t)low : NONE;
}

/* Threads are under their process, processes under their parent. */
static ptrdiff_t parent_of(const struct vmi_task_list *list, size_t i)
{
	const struct vmi_task *task = &list->task[i];
	ptrdiff_t process = index_of(list, task->pid);

	if (process != (ptrdiff_t)i && (list->task[process].flags & VMI_TASK_LEADER))
		return process;
	return task->flags & VMI_TASK_HAS_PPID ? index_of(list, task->ppid) : NONE;
}

/* From one twig through all below it, without recursion: a torn image may be of any depth. */
static void print_branch(struct listing *listing, struct twig *twig, ptrdiff_t at)
{
	ptrdiff_t top = at;
	unsigned depth = 0;

	for (;;) {
		if (!twig[at].printed) {
			twig[at].printed = true;
			print(listing, &listing->list->task[at], depth);
		}
		if (twig[at].child != NONE) {
			ptrdiff_t child = twig[at].child;

			twig[at].child = twig[child].sibling; /* the next one, when back here */
			if (!twig[child].printed) {
				at = child;
				depth++;
			}
		} else if (at == top || listing->cli->out.error) {
			return;
		} else {
			at = twig[at].parent;
			depth--;
		}
	}
}

static bool print_tree(struct listing *listing)
{
	const struct vmi_task_list *list = listing->list;
	struct twig *twig = calloc(list->count + 1, sizeof(*twig));

	if (!twig)
		return false;
	for (size_t i = 0; i < list->count; i++)
		twig[i] = (struct twig){NONE, NONE, NONE, false};
	/* From the last on, so that first children are those with the lowest number. */
	for (size_t i = list->count; i-- > 0;) {
		ptrdiff_t parent = parent_of(list, i);

		twig[i].parent = parent == (ptrdiff_t)i ? NONE : parent;
		if (twig[i].parent != NONE) {
			twig[i].sibling = twig[parent].child;
			twig[parent].child = (ptrdiff_t)i;
		}
	}
	for (size_t i = 0; i < list->count; i++)
		if (twig[i].parent == NONE)
			print_branch(listing, twig, (ptrdiff_t)i);
	/* Whoever is their own ancestor in a torn image. */
	for (size_t i = 0; i < list->count; i++)
		if (!twig[i].printed)
			print_branch(listing, twig, (ptrdiff_t)i);
	free(twig);
	return true;
}

/* ---- */

static enum cli_status run(struct cli *cli)
{
	struct vmi_task_list list;
	struct listing listing = {.cli = cli, .list = &list};
	struct vmi_error err;
	enum cli_status failed = cli_os(cli, &listing.os);

	if (failed)
		return failed;
	listing.threads = cli_option(cli, OPT_ALL_THREADS);
	enum vmi_status st = listing.threads ? vmi_threads(listing.os, &list, &err)
					     : vmi_processes(listing.os, &list, &err);
	if (st)
		return cli_failure(cli, st, &err);
	if (!cli->out.json)
		print_header(&listing);
	if (!cli_option(cli, OPT_TREE)) {
		for (size_t i = 0; i < list.count && !cli->out.error; i++)
			print(&listing, &list.task[i], 0);
	} else if (!print_tree(&listing)) {
		cli_say(cli, "out of memory");
		cli->problems++;
	}
	vmi_task_list_free(&list);
	return cli_os_end(cli);
}

const struct command command_ps = {
	.name = "ps",
	.args = "",
	.summary = "the processes of the guest, and their threads",
	.help = "List the processes of the Linux kernel in the image: numbers, user, state, address\n"
		"of the task_struct, page-table root (none: a kernel thread), command line. They are\n"
		"those in the kernel's list together with those in its table of process numbers; a\n"
		"process that is in one of them only is marked.",
	.options = OPTIONS_OS | OPTION(OPT_ALL_THREADS) | OPTION(OPT_TREE),
	.run = run,
};
