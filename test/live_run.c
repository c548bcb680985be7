/* SPDX-License-Identifier: MIT */
/* vmi-live's commands, run in this process: the program with another way of opening. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "cli.h"
#include "live_run.h"

struct run_targets *run_targets(void)
{
	static struct run_targets targets;

	return &targets;
}

/* These stand in for the library's, which know drivers by name only. */
enum vmi_status vmi_target_list(const char *driver, struct vmi_target_entry **list, size_t *count,
				struct vmi_error *err)
{
	const struct run_targets *targets = run_targets();

	assert_string_equal(driver, "fake");
	if (targets->status)
		return vmi_fail(err, targets->status, "injected failure");
	*list = calloc(targets->count + 1, sizeof(**list));
	memcpy(*list, targets->list, targets->count * sizeof(**list));
	*count = targets->count;
	return VMI_OK;
}

enum vmi_status vmi_target_rescue(const char *driver, const char *target, struct vmi_error *err)
{
	struct run_targets *targets = run_targets();

	assert_string_equal(driver, "fake");
	if (targets->status)
		return vmi_fail(err, targets->status, "injected failure");
	snprintf(targets->rescued, sizeof(targets->rescued), "%s", target);
	return VMI_OK;
}

static enum cli_status fake_open_cli(struct cli *cli)
{
	struct vmi_error err;
	void *address = NULL;

	if (sscanf(cli->target, "fake %p", &address) != 1)
		return CLI_TARGET;
	struct fake *fake = address;
	if (!vmi_open_driver(&cli->vm, &fake->ops, cli->target, NULL, &err))
		return CLI_DELIVERED;
	cli_say(cli, "%s", err.text);
	return CLI_TARGET;
}

static const struct command *const commands[] = {
	&command_list, &command_monitor, &command_snapshot, &command_reset, NULL,
};

static const struct program program = {
	.name = "vmi-live",
	.summary = "A test.",
	.target = "DOMAIN",
	.commands = commands,
	.options = OPTIONS_GLOBAL,
	.driver = "fake",
	.open = fake_open_cli,
};

/* A file without a name in place of a descriptor; returns what was there. */
static int divert(int fd, int *file)
{
	char name[] = "/tmp/vmi-live-test.XXXXXX";
	int kept = dup(fd);

	*file = mkstemp(name);
	assert_true(kept >= 0 && *file >= 0);
	unlink(name);
	dup2(*file, fd);
	return kept;
}

static void restore(int fd, int kept, int file, char *text, size_t size)
{
	dup2(kept, fd);
	close(kept);
	ssize_t n = pread(file, text, size - 1, 0);
	assert_true(n >= 0);
	text[n] = '\0';
	close(file);
}

/* Its first words, when it watches, are not what is wrong. */
static void take_greeting(struct run *run)
{
	static const char begin[] = "vmi-live: watching fake ", end[] = "; Ctrl-C ends it\n";
	const char *rest = strstr(run->err, end);

	run->watched = rest && !strncmp(run->err, begin, strlen(begin));
	if (run->watched)
		memmove(run->err, rest + strlen(end), strlen(rest + strlen(end)) + 1);
}

struct run *run_live(struct fake *fake, const char *command, const char *words)
{
	struct run *run = calloc(1, sizeof(*run));
	char *argv[64] = {(char *)(uintptr_t) "vmi-live", (char *)(uintptr_t)command}, *rest;
	char *copy = strdup(words);
	int argc = 2, files[2];

	if (fake)
		argv[argc++] = fake->name;
	for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		assert_true(argc < 63);
		argv[argc++] = word;
	}
	fflush(NULL);
	int out = divert(STDOUT_FILENO, &files[0]), err = divert(STDERR_FILENO, &files[1]);
	run->status = cli_main(&program, argc, argv);
	restore(STDOUT_FILENO, out, files[0], run->out, sizeof(run->out));
	restore(STDERR_FILENO, err, files[1], run->err, sizeof(run->err));
	take_greeting(run);
	free(copy);
	return run;
}

void run_check(const struct run *run, int status, const char *out, const char *err, int line)
{
	if (run->status == status && (!out || strstr(run->out, out)) &&
	    (*err ? strstr(run->err, err) != NULL : !*run->err))
		return;
	print_error("line %d: exit %d, should be %d and print '%s' and say '%s'\n%s%s", line,
		    run->status, status, out ? out : "", err, run->out, run->err);
	fail();
}

const char *run_line(struct run *run, unsigned n)
{
	char *at = run->out;

	for (; n && at; n--) {
		at = strchr(at, '\n');
		at = at ? at + 1 : strchr(run->out, '\0');
	}
	char *end = strchr(at, '\n');
	if (end)
		*end = '\0'; /* lines are asked for once, the last first */
	char *time = strstr(at, "\"time_ns\":");
	if (time) {
		char *digits = time + strlen("\"time_ns\":");
		size_t len = strspn(digits, "0123456789");
		*digits = '0';
		memmove(digits + 1, digits + len, strlen(digits + len) + 1);
	}
	return at;
}

/* ---- a guest -------------------------------------------------------------------------------- */

static bool act(struct fake *fake)
{
	struct script *script = fake->guest_data;

	if (script->repeat && script->at == script->count)
		script->at = 0;
	if (script->at == script->count)
		return false;
	if (script->between && script->at)
		script->between(fake, script->at);
	fake_event(fake, &script->event[script->at++]);
	return true;
}

struct fake *script_guest(struct script *script)
{
	struct fake *fake = fake_create();

	fake->vcpus = 2;
	fake->machine = VMI_MACHINE_X86_64;
	fake_memory(fake, 0, 16);
	fake_table(fake, VMI_CAP_FULL);
	fake->guest = act;
	fake->guest_data = script;
	return fake;
}

void script_end(struct fake *fake)
{
	const struct script *script = fake->guest_data;

	if (script->wrong)
		fail_msg("wrong at line %u", script->wrong);
	assert_int_equal(fake->monitor_count, 0);
	assert_int_equal(fake->access_count, 0);
	assert_int_equal(fake->in_flight, 0);
	assert_int_equal(fake->paused, 0);
	assert_true(fake->resets > 0);
	fake_destroy(fake);
}

struct vmi_event script_event(enum vmi_reason reason)
{
	struct vmi_event event = {
		.flags = VMI_EVENT_VCPU_PAUSED, .view = VMI_VIEW_NONE, .reason = reason};

	for (int i = 0; i < VMI_GP_REGISTER_COUNT; i++)
		vmi_register_know(&event.registers, (enum vmi_register)i, 0x100 + (uint64_t)i);
	vmi_register_know(&event.registers, VMI_RIP, 0x4000);
	return event;
}
