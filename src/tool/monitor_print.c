/* SPDX-License-Identifier: MIT */
/* Events and their sum, as NDJSON and for people. */

#include "access.h"
#include "json.h"
#include "monitor.h"
#include "registers.h"

enum { SECOND_NS = 1000000000 };

/* ---- fields --------------------------------------------------------------------------------- */

/*
 * Each of a reason's own fields is written once, here, for both forms: as a member of the object,
 * or as words behind the reason.
 */
static void put_hex(struct out *out, const char *key, uint64_t value)
{
	if (out->json) {
		json_key(out, key);
		json_hex(out, value);
	} else {
		out_format(out, " %s ", key);
		out_address(out, value);
	}
}

static void put_number(struct out *out, const char *key, uint64_t value)
{
	if (out->json) {
		json_key(out, key);
		json_size(out, value);
	} else {
		out_format(out, " %s %llu", key, (unsigned long long)value);
	}
}

/* `name` is one of ours, or NULL. */
static void put_name(struct out *out, const char *key, const char *name)
{
	if (out->json) {
		json_key(out, key);
		json_name(out, name);
	} else if (name) {
		out_format(out, " %s %s", key, name);
	}
}

static void put_bool(struct out *out, const char *key, bool value)
{
	if (out->json) {
		json_key(out, key);
		json_bool(out, value);
	} else if (value) {
		out_format(out, " %s", key);
	}
}

static void put_interrupt(struct out *out, const struct vmi_interrupt *interrupt)
{
	put_number(out, "vector", interrupt->vector);
	put_number(out, "type", interrupt->type);
	put_number(out, "instruction_length", interrupt->instruction_length);
	if (interrupt->has_error_code)
		put_hex(out, "error_code", interrupt->error_code);
	put_hex(out, "extra", interrupt->extra);
}

static void put_memory(struct out *out, const struct vmi_event *event)
{
	put_hex(out, "gpa", event->u.memory.gpa);
	if (event->u.memory.gva_valid)
		put_hex(out, "gva", event->u.memory.gva);
	else
		put_name(out, "gva", NULL);
	put_name(out, "access", access_name(event->u.memory.access));
	put_bool(out, "in_tables", event->u.memory.in_tables);
}

static void put_descriptor(struct out *out, const struct vmi_event *event)
{
	enum vmi_register table = event->u.descriptor.table;

	put_name(out, "table",
		 table == VMI_GDTR_BASE   ? "gdtr"
		 : table == VMI_IDTR_BASE ? "idtr"
					  : vmi_register_name(table));
	put_bool(out, "write", event->u.descriptor.write);
	put_hex(out, "information", event->u.descriptor.information);
	put_hex(out, "qualification", event->u.descriptor.qualification);
}

static void put_msr(struct out *out, const struct vmi_event *event)
{
	put_hex(out, "msr", event->u.msr.msr);
	put_name(out, "name", msr_name(event->u.msr.msr));
	put_hex(out, "old", event->u.msr.old_value);
	put_hex(out, "new", event->u.msr.new_value);
}

static void put_fields(struct out *out, const struct vmi_event *event)
{
	switch (event->reason) {
	case VMI_REASON_MEMORY_ACCESS:
		put_memory(out, event);
		return;
	case VMI_REASON_WRITE_CR:
		put_name(out, "register", vmi_register_name(event->u.cr.reg));
		put_hex(out, "old", event->u.cr.old_value);
		put_hex(out, "new", event->u.cr.new_value);
		return;
	case VMI_REASON_WRITE_MSR:
		put_msr(out, event);
		return;
	case VMI_REASON_INTERRUPT:
		put_hex(out, "gfn", event->u.interrupt.gfn);
		put_interrupt(out, &event->u.interrupt.interrupt);
		return;
	case VMI_REASON_NEXT_INTERRUPT:
		put_interrupt(out, &event->u.interrupt.interrupt);
		return;
	case VMI_REASON_SINGLESTEP:
		put_hex(out, "gfn", event->u.singlestep.gfn);
		return;
	case VMI_REASON_HYPERCALL:
		put_number(out, "instruction_length", event->u.hypercall.instruction_length);
		return;
	case VMI_REASON_CPUID:
		put_hex(out, "leaf", event->u.cpuid.leaf);
		put_hex(out, "subleaf", event->u.cpuid.subleaf);
		put_number(out, "instruction_length", event->u.cpuid.instruction_length);
		return;
	case VMI_REASON_IO:
		put_hex(out, "port", event->u.io.port);
		put_number(out, "length", event->u.io.length);
		put_name(out, "direction", event->u.io.in ? "in" : "out");
		put_bool(out, "string", event->u.io.string);
		return;
	case VMI_REASON_DESCRIPTOR:
		put_descriptor(out, event);
		return;
	case VMI_REASON_VMEXIT:
		put_number(out, "exit_reason", event->u.vmexit.reason);
		put_hex(out, "qualification", event->u.vmexit.qualification);
		return;
	case VMI_REASON_UNKNOWN:
		put_number(out, "number", event->u.unknown.number);
		return;
	case VMI_REASON_PRIVILEGED_CALL:
	case VMI_REASON_EMULATION_FAILURE:
	case VMI_REASON_COUNT:
		return;
	}
}

/* ---- one event ------------------------------------------------------------------------------ */

static void print_json(struct out *out, const struct tally *tally, const struct watch *watch,
		       const struct vmi_event *event, uint64_t time_ns)
{
	json_begin(out);
	json_key(out, "seq");
	json_size(out, tally->events);
	json_key(out, "time_ns");
	json_size(out, time_ns);
	json_key(out, "vcpu");
	json_size(out, event->vcpu);
	json_key(out, "view");
	if (event->view == VMI_VIEW_NONE)
		json_null(out);
	else
		json_size(out, event->view);
	json_key(out, "reason");
	json_name(out, vmi_reason_name(event->reason));
	if (vmi_register_has(&event->registers, VMI_RIP))
		put_hex(out, "rip", event->registers.value[VMI_RIP]);
	put_fields(out, event);
	if (watch->registers) {
		json_key(out, "registers");
		registers_json(out, &event->registers);
	}
	json_end(out);
}

static void print_text(struct out *out, const struct tally *tally, const struct watch *watch,
		       const struct vmi_event *event, uint64_t time_ns)
{
	out_format(out, "%llu %llu.%06llu vcpu %u", (unsigned long long)tally->events,
		   (unsigned long long)(time_ns / SECOND_NS),
		   (unsigned long long)(time_ns % SECOND_NS / 1000), event->vcpu);
	if (event->view != VMI_VIEW_NONE && event->view)
		out_format(out, " view %u", event->view);
	if (vmi_register_has(&event->registers, VMI_RIP))
		put_hex(out, "rip", event->registers.value[VMI_RIP]);
	out_format(out, " %s", vmi_reason_name(event->reason));
	put_fields(out, event);
	if (watch->registers) {
		out_char(out, '\n');
		registers_text(out, &event->registers);
	}
	out_line_end(out);
}

void monitor_print_hidden(struct out *out, struct tally *tally, uint64_t now_ns)
{
	if (now_ns - tally->second_ns < SECOND_NS)
		return;
	if (tally->hidden) {
		out_format(out, "... %llu more events in this second",
			   (unsigned long long)tally->hidden);
		out_line_end(out);
	}
	tally->second_ns = now_ns;
	tally->lines = 0;
	tally->hidden = 0;
}

void monitor_print(struct out *out, struct tally *tally, const struct watch *watch,
		   const struct vmi_event *event)
{
	uint64_t now_ns = clock_ns();

	if (out->json) {
		print_json(out, tally, watch, event, now_ns - tally->begun_ns);
		return;
	}
	monitor_print_hidden(out, tally, now_ns);
	if (out->terminal && tally->lines >= TERMINAL_LINES) {
		tally->hidden++;
		tally->not_shown++;
		return;
	}
	tally->lines++;
	print_text(out, tally, watch, event, now_ns - tally->begun_ns);
}

/* ---- all of them ---------------------------------------------------------------------------- */

static void summary_json(struct out *out, const struct tally *tally)
{
	json_begin(out);
	json_key(out, "summary");
	json_object_open(out);
	put_number(out, "events", tally->events);
	json_key(out, "by_reason");
	json_object_open(out);
	for (int i = 0; i < VMI_REASON_COUNT; i++)
		if (tally->by_reason[i])
			put_number(out, vmi_reason_name((enum vmi_reason)i), tally->by_reason[i]);
	json_object_close(out);
	put_number(out, "overhead_ns", tally->overhead_ns);
	put_number(out, "lost", tally->taken - tally->answered);
	put_number(out, "filtered", tally->taken - tally->events);
	put_number(out, "duration_ns", tally->ended_ns - tally->begun_ns);
	put_name(out, "ended", tally->why);
	json_object_close(out);
	json_end(out);
}

static void summary_text(struct out *out, const struct tally *tally)
{
	const char *between = ": ";

	out_format(out, "%llu events in %.3f s", (unsigned long long)tally->events,
		   (double)(tally->ended_ns - tally->begun_ns) / SECOND_NS);
	for (int i = 0; i < VMI_REASON_COUNT; i++) {
		if (!tally->by_reason[i])
			continue;
		out_format(out, "%s%llu %s", between, (unsigned long long)tally->by_reason[i],
			   vmi_reason_name((enum vmi_reason)i));
		between = ", ";
	}
	if (tally->not_shown)
		out_format(out, "; %llu not shown", (unsigned long long)tally->not_shown);
	out_format(out, "; %llu filtered, %llu lost",
		   (unsigned long long)(tally->taken - tally->events),
		   (unsigned long long)(tally->taken - tally->answered));
	if (tally->taken)
		out_format(out, "; %.1f us for each",
			   (double)tally->overhead_ns / 1000 / (double)tally->taken);
	out_format(out, "; ended by %s", tally->why);
	out_line_end(out);
}

void monitor_print_summary(struct out *out, const struct tally *tally)
{
	if (out->json)
		summary_json(out, tally);
	else
		summary_text(out, tally);
}
