/* SPDX-License-Identifier: MIT */
/* vmi-live over a target in memory: lists, what monitoring prints, how it answers, how it ends. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "live_run.h"
#include "monitor.h"

enum { ALL = VMI_ACCESS_R | VMI_ACCESS_W | VMI_ACCESS_X };

/* ---- list, reset ---------------------------------------------------------------------------- */

static void listing(void **state)
{
	static const struct vmi_target_entry entries[] = {
		{0, 2, "Domain-0", "pv", "running", 0},
		{7, 1, "odd\x1b[31m\"name", "hvm", "blocked", 0},
		{8, 4, "", "pvh", "dying", 123},
	};

	(void)state;
	*run_targets() = (struct run_targets){.list = entries, .count = 3};
	struct run *run = run_live(NULL, "list", "--json");
	CHECK_RUN(run, 0, NULL, "");
	assert_string_equal(run->out,
			    "{\"id\":0,\"name\":\"Domain-0\",\"type\":\"pv\",\"vcpus\":2,"
			    "\"state\":\"running\"}\n"
			    "{\"id\":7,\"name\":\"odd\\u001b[31m\\\"name\",\"type\":\"hvm\","
			    "\"vcpus\":1,\"state\":\"blocked\"}\n"
			    "{\"id\":8,\"name\":null,\"type\":\"pvh\",\"vcpus\":4,"
			    "\"state\":\"dying\",\"watcher\":123}\n");
	free(run);
	run = run_live(NULL, "list", "");
	assert_null(strchr(run->out, '\x1b'));
	CHECK_RUN(run, 0, "Domain-0\n", "");
	CHECK_RUN(run, 0, "  (watched by process 123)\n", "");
	free(run);
	run_targets()->status = VMI_ERR_IO;
	run = run_live(NULL, "list", "");
	CHECK_RUN(run, 3, "", "injected failure");
	free(run);
	run_targets()->status = VMI_ERR_UNSUPPORTED;
	run = run_live(NULL, "list", "");
	CHECK_RUN(run, 4, "", "injected failure");
	free(run);
}

static void resetting(void **state)
{
	(void)state;
	*run_targets() = (struct run_targets){.count = 0};
	struct run *run = run_live(NULL, "reset", "guest");
	CHECK_RUN(run, 0, "", "");
	assert_string_equal(run_targets()->rescued, "guest");
	free(run);
	run_targets()->status = VMI_ERR_NOT_FOUND;
	run = run_live(NULL, "reset", "guest");
	CHECK_RUN(run, 3, "", "injected failure");
	free(run);
	run = run_live(NULL, "reset", "");
	CHECK_RUN(run, 2, "", "reset which DOMAIN");
	free(run);
}

/* ---- a guest -------------------------------------------------------------------------------- */

static struct vmi_event write_cr3(uint64_t value)
{
	struct vmi_event event = script_event(VMI_REASON_WRITE_CR);

	event.u.cr.reg = VMI_CR3;
	event.u.cr.new_value = value;
	return event;
}

static struct vmi_event touch(vmi_gpa gpa, uint8_t access)
{
	struct vmi_event event = script_event(VMI_REASON_MEMORY_ACCESS);

	event.u.memory.gpa = gpa;
	event.u.memory.access = access;
	return event;
}

/* ---- what is printed ------------------------------------------------------------------------ */

struct printed {
	struct vmi_event event;
	const char *fields;
};

static const struct printed printed[] = {
	{{.reason = VMI_REASON_MEMORY_ACCESS,
	  .view = 3,
	  .u.memory = {.gpa = 0x1234, .gva = 0xffff, .gva_valid = 1, .access = 3, .in_tables = 1}},
	 "\"view\":3,\"reason\":\"memory-access\",\"rip\":\"0x4000\",\"gpa\":\"0x1234\","
	 "\"gva\":\"0xffff\",\"access\":\"rw-\",\"in_tables\":true"},
	{{.reason = VMI_REASON_MEMORY_ACCESS, .u.memory = {.gpa = 0x1000, .gva = 7, .access = 4}},
	 "\"gpa\":\"0x1000\",\"gva\":null,\"access\":\"--x\",\"in_tables\":false"},
	{{.reason = VMI_REASON_WRITE_CR, .u.cr = {VMI_CR4, 0x10, 0x20}},
	 "\"reason\":\"write-cr\",\"rip\":\"0x4000\",\"register\":\"cr4\",\"old\":\"0x10\","
	 "\"new\":\"0x20\""},
	{{.reason = VMI_REASON_WRITE_MSR, .u.msr = {0xc0000080, 1, UINT64_MAX}},
	 "\"msr\":\"0xc0000080\",\"name\":\"efer\",\"old\":\"0x1\",\"new\":\"0xffffffffffffffff\""},
	{{.reason = VMI_REASON_WRITE_MSR, .u.msr = {0x123, 0, 0}},
	 "\"msr\":\"0x123\",\"name\":null,\"old\":\"0x0\",\"new\":\"0x0\""},
	{{.reason = VMI_REASON_INTERRUPT,
	  .u.interrupt = {5, {.vector = 3, .type = 6, .instruction_length = 1}}},
	 "\"reason\":\"interrupt\",\"rip\":\"0x4000\",\"gfn\":\"0x5\",\"vector\":3,\"type\":6,"
	 "\"instruction_length\":1,\"extra\":\"0x0\""},
	{{.reason = VMI_REASON_NEXT_INTERRUPT,
	  .u.interrupt
		  .interrupt = {.vector = 14, .has_error_code = 1, .error_code = 6, .extra = 9}},
	 "\"vector\":14,\"type\":0,\"instruction_length\":0,\"error_code\":\"0x6\",\"extra\":\"0x9\""},
	{{.reason = VMI_REASON_SINGLESTEP, .u.singlestep = {0x77}}, "\"gfn\":\"0x77\""},
	{{.reason = VMI_REASON_HYPERCALL, .u.hypercall = {3}}, "\"instruction_length\":3"},
	{{.reason = VMI_REASON_CPUID, .u.cpuid = {0x80000008, 1, 2}},
	 "\"leaf\":\"0x80000008\",\"subleaf\":\"0x1\",\"instruction_length\":2"},
	{{.reason = VMI_REASON_IO, .u.io = {0x3f8, 1, 1, 0}},
	 "\"port\":\"0x3f8\",\"length\":1,\"direction\":\"in\",\"string\":false"},
	{{.reason = VMI_REASON_DESCRIPTOR, .u.descriptor = {VMI_IDTR_BASE, 1, 4, 5}},
	 "\"table\":\"idtr\",\"write\":true,\"information\":\"0x4\",\"qualification\":\"0x5\""},
	{{.reason = VMI_REASON_DESCRIPTOR, .u.descriptor = {VMI_TR, 0, 0, 0}},
	 "\"table\":\"tr\",\"write\":false"},
	{{.reason = VMI_REASON_VMEXIT, .u.vmexit = {10, 0x40}},
	 "\"exit_reason\":10,\"qualification\":\"0x40\""},
	{{.reason = VMI_REASON_PRIVILEGED_CALL}, "\"reason\":\"privileged-call\""},
	{{.reason = VMI_REASON_UNKNOWN, .u.unknown = {99}},
	 "\"reason\":\"unknown\",\"rip\":\"0x4000\","
	 "\"number\":99"},
};

enum { PRINTED = sizeof(printed) / sizeof(printed[0]) };

static struct script script_of_all(void)
{
	struct script script = {.count = PRINTED};

	for (unsigned i = 0; i < PRINTED; i++) {
		script.event[i] = script_event(printed[i].event.reason);
		script.event[i].u = printed[i].event.u;
		if (printed[i].event.view)
			script.event[i].view = printed[i].event.view;
	}
	return script;
}

static void every_reason_as_json(void **state)
{
	struct script script = script_of_all();
	struct fake *fake = script_guest(&script);
	char options[128];

	(void)state;
	snprintf(options, sizeof(options), "--json --mem 0:0x10000=rwx --count %d", PRINTED);
	struct run *run = run_live(fake, "monitor", options);
	CHECK_RUN(run, 0, NULL, "");
	const char *last = run_line(run, PRINTED);
	assert_ptr_equal(strstr(last,
				"{\"summary\":{\"events\":16,\"by_reason\":{\"memory-access\":2,"
				"\"write-cr\":1,\"write-msr\":2,\"interrupt\":1,"),
			 last);
	assert_non_null(strstr(last, "\"overhead_ns\":16000,\"lost\":0,\"filtered\":0,"));
	assert_non_null(strstr(last, "\"ended\":\"count\"}}"));
	for (unsigned i = PRINTED; i-- > 0;) {
		char begin[64];
		const char *line = run_line(run, i);

		snprintf(begin, sizeof(begin),
			 "{\"seq\":%u,\"time_ns\":0,\"vcpu\":0,\"view\":", i + 1);
		if (strstr(line, begin) != line || !strstr(line, printed[i].fields))
			fail_msg("%s\nshould have %s and %s", line, begin, printed[i].fields);
	}
	free(run);
	script_end(fake);
}

static void every_reason_as_text(void **state)
{
	struct script script = script_of_all();
	struct fake *fake = script_guest(&script);

	(void)state;
	struct run *run = run_live(fake, "monitor", "--mem 0:0x10000=rwx --count 16 --registers");
	CHECK_RUN(run, 0,
		  " vcpu 0 view 3 rip 0x4000 memory-access gpa 0x1234 gva 0xffff access rw- "
		  "in_tables\n",
		  "");
	CHECK_RUN(run, 0, "write-msr msr 0xc0000080 name efer old 0x1 new 0xffffffffffffffff\n",
		  "");
	CHECK_RUN(run, 0, "io port 0x3f8 length 1 direction in\n", "");
	CHECK_RUN(run, 0, "rax    0000000000000100", "");
	CHECK_RUN(run, 0, "16 events in 0.", "");
	CHECK_RUN(run, 0, "; 0 filtered, 0 lost; 1.0 us for each; ended by count\n", "");
	free(run);
	script_end(fake);
}

static void registers_on_request(void **state)
{
	struct script script = {.count = 1, .event = {write_cr3(0x1000)}};
	struct fake *fake = script_guest(&script);

	(void)state;
	struct run *run = run_live(fake, "monitor", "--json --cr cr3 --count 1 --registers");
	CHECK_RUN(run, 0, "\"registers\":{\"rax\":\"0x100\",\"rbx\":\"0x101\",", "");
	free(run);
	script_end(fake);
}

/* ---- what is watched ------------------------------------------------------------------------ */

static void monitors(void **state)
{
	struct script script = {.count = 1, .event = {write_cr3(0x1000)}};
	struct fake *fake = script_guest(&script);

	(void)state;
	/* Fails at the last one, so that those before it can be seen. */
	fake_fail(fake, FAKE_MONITOR, 15, VMI_ERR_UNSUPPORTED);
	fake_fail(fake, FAKE_RESET, 1, VMI_ERR_IO);
	struct run *run = run_live(fake, "monitor",
				   "--cr cr0 --cr cr3 --cr cr3 --cr cr4 --cr xcr0 --msr efer "
				   "--msr 0x123 --breakpoint --debug --cpuid --hypercall "
				   "--hypercall=user --io --descriptor --vmexit --privileged-call");
	CHECK_RUN(run, 4, "", "injected failure");
	assert_int_equal(fake->monitor_count, 14);
	static const struct vmi_monitor want[] = {
		{.kind = VMI_MONITOR_SINGLESTEP},
		{.kind = VMI_MONITOR_REGISTER, .reg = VMI_CR0},
		{.kind = VMI_MONITOR_REGISTER, .reg = VMI_CR3},
		{.kind = VMI_MONITOR_REGISTER, .reg = VMI_CR4},
		{.kind = VMI_MONITOR_REGISTER, .reg = VMI_XCR0},
		{.kind = VMI_MONITOR_MSR, .msr = 0xc0000080},
		{.kind = VMI_MONITOR_MSR, .msr = 0x123},
		{.kind = VMI_MONITOR_HYPERCALL, .userspace = 1},
		{.kind = VMI_MONITOR_INTERRUPT, .vector = 3},
		{.kind = VMI_MONITOR_INTERRUPT, .vector = 1},
		{.kind = VMI_MONITOR_CPUID},
		{.kind = VMI_MONITOR_IO},
		{.kind = VMI_MONITOR_DESCRIPTOR},
		{.kind = VMI_MONITOR_VMEXIT},
	};
	for (unsigned i = 0; i < 14; i++)
		assert_memory_equal(&fake->monitors[i], &want[i], sizeof(want[i]));
	free(run);
	fake->monitor_count = 0;
	fake_destroy(fake);
}

static void setup_failure_undoes(void **state)
{
	struct script script = {.count = 0};
	struct fake *fake = script_guest(&script);

	(void)state;
	fake_fail(fake, FAKE_MONITOR, 3, VMI_ERR_BUSY);
	struct run *run = run_live(fake, "monitor", "--cr cr0 --cr cr3");
	CHECK_RUN(run, 3, "", "injected failure");
	free(run);
	script_end(fake);
}

/* Pages get the access that is left; on Intel's tables without reading there is no writing. */
static void note_access(struct fake *fake, unsigned at)
{
	static const unsigned want[] = {ALL,          VMI_ACCESS_R | VMI_ACCESS_X,
					VMI_ACCESS_X, VMI_ACCESS_R | VMI_ACCESS_W,
					VMI_ACCESS_X, 0,
					ALL};

	(void)at;
	for (vmi_gfn gfn = 0; gfn < 7; gfn++) {
		unsigned access = ALL;

		for (unsigned i = 0; i < fake->access_count; i++)
			if (fake->access[i].gfn == gfn)
				access = fake->access[i].access;
		SEE((struct script *)fake->guest_data, access == want[gfn]);
	}
}

static void watched_pages(void **state)
{
	struct script script = {
		.count = 2,
		.event = {write_cr3(1), touch(0x1000, VMI_ACCESS_W)},
		.between = note_access,
	};
	struct fake *fake = script_guest(&script);

	(void)state;
	struct run *run = run_live(fake, "monitor",
				   "--mem 0x1000=w --mem 0x2ff8:8=r --mem 0x3010:1=x "
				   "--mem 0x4000:4097=rw --mem 0x5fff:1=x --count 2");
	CHECK_RUN(run, 0, "1 memory-access", "");
	free(run);
	script_end(fake);
}

static void memory_filter(void **state)
{
	struct script script = {
		.count = 6,
		.event = {touch(0x1010, VMI_ACCESS_W), touch(0x100f, VMI_ACCESS_W),
			  touch(0x1013, VMI_ACCESS_R | VMI_ACCESS_W), touch(0x1014, VMI_ACCESS_W),
			  touch(0x1010, VMI_ACCESS_R), touch(0x1012, VMI_ACCESS_W)},
	};
	struct fake *fake = script_guest(&script);

	(void)state;
	struct run *run = run_live(fake, "monitor", "--json --mem 0x1010:4=w --count 3");
	CHECK_RUN(run, 0, "\"events\":3,\"by_reason\":{\"memory-access\":3}", "");
	CHECK_RUN(run, 0, "\"filtered\":3", "");
	CHECK_RUN(run, 0, "\"gpa\":\"0x1013\"", "");
	for (unsigned i = 0; i < 6; i++) /* shown or not, the guest gets on */
		assert_int_equal(fake->responses[i].action, VMI_ACTION_EMULATE);
	free(run);
	script_end(fake);
}

/* Reading is watched, and a write, which hypervisors report as both, is none. */
static void a_write_is_no_read(void **state)
{
	struct script script = {
		.count = 2,
		.event = {touch(0x1000, VMI_ACCESS_R | VMI_ACCESS_W), touch(0x1000, VMI_ACCESS_R)}};
	struct fake *fake = script_guest(&script);

	(void)state;
	struct run *run = run_live(fake, "monitor", "--json --mem 0x1000=r --count 1");
	CHECK_RUN(run, 0, "\"access\":\"r--\"", "");
	CHECK_RUN(run, 0, "\"filtered\":1", "");
	free(run);
	script_end(fake);
}

static void filters(void **state)
{
	struct script script = {.count = 6};
	static const uint64_t roots[] = {0x5000, 0x5007, 0x6000, 0x8000000000005001,
					 0x5000, 0x5000};
	struct fake *fake = script_guest(&script);

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		struct vmi_registers *regs = &script.event[i].registers;

		script.event[i] = write_cr3(i);
		script.event[i].vcpu = i == 4;
		vmi_register_know(regs, VMI_CR0, VMI_CR0_PE | VMI_CR0_PG);
		vmi_register_know(regs, VMI_CR3, roots[i]);
		vmi_register_know(regs, VMI_CR4, VMI_CR4_PAE | VMI_CR4_PCIDE);
		vmi_register_know(regs, VMI_EFER, VMI_EFER_LME | VMI_EFER_LMA);
		vmi_register_know(regs, VMI_RIP, i == 5 ? 0x4010 : 0x400f);
	}
	struct run *run = run_live(fake, "monitor",
				   "--json --cr cr3 --vcpu 0 --root 0x5abc --rip 0x4000:16 -c 3");
	CHECK_RUN(run, 0, "\"events\":3,", "");
	CHECK_RUN(run, 0, "\"filtered\":1,", ""); /* it ended before the last two */
	CHECK_RUN(run, 0, "\"new\":\"0x3\"", "");
	free(run);
	script_end(fake);
}

/* ---- a terminal ----------------------------------------------------------------------------- */

/* It is spared what nobody can follow; nothing of it is uncounted. */
static void storm_on_a_terminal(void **state)
{
	static const struct watch watch;
	struct vmi_event event = write_cr3(0x1000);
	struct tally tally = {.begun_ns = clock_ns()};
	char name[] = "/tmp/vmi-live-test.XXXXXX", text[512];
	struct out out;
	int fd = mkstemp(name);

	(void)state;
	unlink(name);
	assert_int_equal(out_init(&out, fd, false, OUT_SIZE), 0);
	out.terminal = true;
	tally.second_ns = clock_ns();
	for (unsigned i = 1; i <= 1700; i++) {
		tally.events = i;
		monitor_print(&out, &tally, &watch, &event);
	}
	assert_int_equal(tally.not_shown, 1500);
	assert_int_equal(tally.hidden, 1500);
	monitor_print_hidden(&out, &tally, tally.second_ns + 999999999);
	assert_int_equal(tally.hidden, 1500);
	monitor_print_hidden(&out, &tally, tally.second_ns + 1000000000);
	assert_int_equal(tally.hidden, 0);
	tally.events = 1701;
	tally.second_ns = clock_ns();
	monitor_print(&out, &tally, &watch, &event);
	tally.why = "signal";
	tally.ended_ns = tally.begun_ns + 1500000000;
	monitor_print_summary(&out, &tally);
	out_flush(&out);
	off_t end = lseek(fd, 0, SEEK_END);
	ssize_t n = pread(fd, text, sizeof(text) - 1, end - (off_t)sizeof(text) + 1);
	assert_true(n > 0);
	text[n] = '\0';
	assert_non_null(strstr(text, "\n... 1500 more events in this second\n1701 "));
	assert_non_null(strstr(text, "1701 events in 1.500 s; 1500 not shown; "));
	out_deinit(&out);
	close(fd);
}

#define LIVE(test) cmocka_unit_test(test)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE(listing),
		LIVE(resetting),
		LIVE(every_reason_as_json),
		LIVE(every_reason_as_text),
		LIVE(registers_on_request),
		LIVE(monitors),
		LIVE(setup_failure_undoes),
		LIVE(watched_pages),
		LIVE(memory_filter),
		LIVE(a_write_is_no_read),
		LIVE(filters),
		LIVE(storm_on_a_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
