/* SPDX-License-Identifier: MIT */
/* monitor: what a guest does, as it happens. */

#include <signal.h>
#include <string.h>

#include "monitor.h"

enum { TURN_MS = 1000 }; /* a terminal hears of what it was spared */

struct monitor {
	struct cli *cli;
	struct watch watch;
	struct steps steps;
	struct stop stop;
	struct tally tally;
};

static bool is_enough(const struct monitor *monitor)
{
	return monitor->watch.count && monitor->tally.events >= monitor->watch.count;
}

static struct vmi_response on_event(void *context, const struct vmi_event *event)
{
	struct monitor *monitor = context;
	struct tally *tally = &monitor->tally;

	tally->taken++;
	/* Those behind the last one that was asked for are answered as if nobody had looked. */
	bool asked = !is_enough(monitor) && !steps_own(&monitor->steps, event) &&
		     watch_wants(&monitor->watch, event);
	if (asked) {
		tally->events++;
		tally->by_reason[event->reason < VMI_REASON_COUNT ? event->reason
								  : VMI_REASON_UNKNOWN]++;
		monitor_print(&monitor->cli->out, tally, &monitor->watch, event);
	}
	struct vmi_response response = steps_answer(&monitor->steps, event, asked);
	tally->answered++;
	return response;
}

static void on_timeout(void *context)
{
	struct monitor *monitor = context;

	if (!monitor->cli->out.json)
		monitor_print_hidden(&monitor->cli->out, &monitor->tally, clock_ns());
}

/* After each turn: nobody waits for a line while the guest has nothing new to tell. */
static bool on_turn(void *context)
{
	struct monitor *monitor = context;
	size_t pending = 0;

	if (vmi_events_pending(monitor->cli->vm, &pending, NULL) || !pending)
		out_flush(&monitor->cli->out);
	return stop_asked(&monitor->stop) != STOP_NOT || monitor->cli->out.error ||
	       monitor->steps.failed || is_enough(monitor);
}

static const char *why(struct monitor *monitor, enum vmi_status status)
{
	if (status)
		return status == VMI_ERR_GONE ? "gone" : "error";
	if (monitor->steps.failed)
		return "error";
	if (monitor->cli->out.error)
		return "output";
	if (is_enough(monitor))
		return "count";
	return stop_asked(&monitor->stop) == STOP_TIME ? "duration" : "signal";
}

static enum vmi_status deadline_set(const struct monitor *monitor, struct vmi_error *err)
{
	const struct watch *watch = &monitor->watch;

	if (!watch->has_deadline)
		return VMI_OK;
	return vmi_event_deadline(monitor->cli->vm, (uint32_t)watch->deadline_ms, err);
}

/* Everything on, the loop, everything off. */
static enum cli_status watch(struct monitor *monitor)
{
	static const struct vmi_handler handler = {
		.event = on_event,
		.timeout = on_timeout,
		.poll = on_turn,
	};
	struct cli *cli = monitor->cli;
	struct tally *tally = &monitor->tally;
	struct vmi_error err;

	enum vmi_status st = deadline_set(monitor, &err);
	if (!st)
		st = steps_begin(&monitor->steps, cli->vm, &monitor->watch, &err);
	if (st) {
		enum cli_status failed = cli_failure(cli, st, &err);

		if (vmi_state_reset(cli->vm, &err))
			cli_say(cli, "%s", err.text);
		/* Nothing was delivered, for this is not a domain that can be watched now. */
		return failed == CLI_PARTIAL ? CLI_TARGET : failed;
	}
	tally->begun_ns = tally->second_ns = clock_ns();
	if (monitor->watch.duration_ns)
		stop_after(&monitor->stop, monitor->watch.duration_ns);
	/* From here on nothing is missed, which whoever starts the guest's work wants to know. */
	cli_note(cli, "watching %s; Ctrl-C ends it", cli->target);
	st = vmi_event_loop(cli->vm, &handler, monitor, TURN_MS, &err);
	tally->ended_ns = clock_ns();
	if (vmi_event_overhead(cli->vm, &tally->overhead_ns, NULL))
		tally->overhead_ns = 0;
	tally->why = why(monitor, st);
	if (!cli->out.json)
		monitor_print_hidden(&cli->out, tally, UINT64_MAX);
	monitor_print_summary(&cli->out, tally);
	if (monitor->steps.failed)
		cli_say(cli, "what was let happen once cannot be watched again: %s",
			monitor->steps.trouble.text);
	if (st)
		cli_say(cli, "%s", err.text);
	return st || monitor->steps.failed ? CLI_PARTIAL : CLI_DELIVERED;
}

static enum cli_status run(struct cli *cli)
{
	struct monitor monitor = {.cli = cli};
	struct vmi_error err;

	enum cli_status status = watch_init(&monitor.watch, cli);
	if (!status && (monitor.watch.range_count || monitor.watch.singlestep) &&
	    vmi_require(cli->vm, VMI_CAP_SET_PROTECTION, &err))
		status = cli_failure(cli, VMI_ERR_UNSUPPORTED, &err);
	if (!status) {
		/* A reader that leaves must not take us along while the guest is monitored. */
		signal(SIGPIPE, SIG_IGN);
		int failed = stop_begin(&monitor.stop, cli->vm);
		if (failed) {
			cli_say(cli, "cannot wait for signals: %s", strerror(failed));
			status = CLI_PARTIAL;
		} else {
			status = watch(&monitor);
			out_flush(&cli->out);
			stop_end(&monitor.stop);
			steps_end(&monitor.steps);
		}
	}
	watch_deinit(&monitor.watch);
	return status;
}

const struct command command_monitor = {
	.name = "monitor",
	.args = "",
	.summary = "what the guest does, as it happens",
	.help = "Print an event for each thing of the chosen kinds that the guest does, and how\n"
		"many there were at the end: after --count events, after --duration, on Ctrl-C or\n"
		"SIGTERM. Then the guest runs on, unmonitored.\n"
		"\n"
		"--vcpu, --root and --rip choose among the events. Every event is answered so that\n"
		"the guest gets on: accesses to memory are emulated and stay watched, breakpoints\n"
		"are given to the guest. --action answers the events shown that can be answered\n"
		"so: deny (writes to registers and MSRs), reinject (breakpoints, debug\n"
		"exceptions), emulate (memory, descriptors), singlestep (let it happen, one event\n"
		"more for the next instruction), continue (undone: it may come again at once).",
	.options = OPTION(OPT_CR) | OPTION(OPT_MSR) | OPTION(OPT_BREAKPOINT) | OPTION(OPT_DEBUG) |
		   OPTION(OPT_SINGLESTEP) | OPTION(OPT_CPUID) | OPTION(OPT_HYPERCALL) |
		   OPTION(OPT_IO) | OPTION(OPT_DESCRIPTOR) | OPTION(OPT_VMEXIT) |
		   OPTION(OPT_PRIVILEGED_CALL) | OPTION(OPT_MEM) | OPTION(OPT_VCPU) |
		   OPTION(OPT_ROOT) | OPTION(OPT_RIP) | OPTION(OPT_COUNT_EVENTS) |
		   OPTION(OPT_DURATION) | OPTION(OPT_DEADLINE) | OPTION(OPT_REGISTERS) |
		   OPTION(OPT_ACTION),
	.need = VMI_CAP_EVENT_CONTROL | VMI_CAP_VM_CONTROL,
	.run = run,
};
