/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the event ring, written by a hypervisor that does not keep its promises. The input
 * is a list of steps, each a byte and what it needs. Requests of any content and indices of any
 * value must neither crash nor hang the driver; as long as only whole requests were put into the
 * ring, every vcpu must run again in the end.
 */

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <vmi/driver.h>

#include "fake_xen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* In place of spawn.c: a thread that says yes to everything, as a guardian does that is not needed.
 */
pid_t xen_guard_spawn(int socket, int memory);

extern const struct vmi_driver_ops driver_xen;

enum { STEPS_MAX = 64 };

enum step {
	STEP_POST,   /* a whole request of any content */
	STEP_SCRAWL, /* bytes anywhere in the page */
	STEP_INDEX,  /* any value into an index */
	STEP_WAIT,   /* all that is there, answered alike */
	STEP_TAKE,   /* one, and no answer yet */
	STEP_ANSWER, /* the one taken last */
	STEP_RESET,
	STEP_COUNT,
};

struct input {
	const uint8_t *data;
	size_t size;
};

struct ring_fuzz {
	struct fake_machine *m;
	struct fake_domain *d;
	struct vmi *vm;
	struct vmi_event taken;
	struct vmi_response response;
	bool has_taken, scrawled;
};

/* The next bytes; zeros behind the end. */
static void eat(struct input *in, void *to, size_t size)
{
	size_t n = size < in->size ? size : in->size;

	memset(to, 0, size);
	memcpy(to, in->data, n);
	in->data += n;
	in->size -= n;
}

/* ---- a guardian that is not needed ---------------------------------------------------------- */

static void *say_yes(void *context)
{
	int fd = (int)(intptr_t)context, yes = 0;
	char word;

	while (recv(fd, &word, 1, 0) == 1)
		if (send(fd, &yes, sizeof(yes), MSG_NOSIGNAL) < 0)
			break;
	close(fd);
	return NULL;
}

pid_t xen_guard_spawn(int socket, int memory)
{
	pthread_t thread;
	int own = dup(socket);

	(void)memory;
	if (own < 0 || pthread_create(&thread, NULL, say_yes, (void *)(intptr_t)own))
		return -1;
	pthread_detach(thread);
	return 0;
}

/* Giving a guest back waits for it, a millisecond at a time; the fake's runs whenever it is asked.
 */
int nanosleep(const struct timespec *time, struct timespec *left)
{
	(void)time, (void)left;
	return 0;
}

/* ---- steps ---------------------------------------------------------------------------------- */

/* An answer of any kind: most are refused, which must end in "continue". */
static struct vmi_response eat_response(struct input *in)
{
	struct vmi_response r = vmi_response_default();
	uint8_t byte[4];

	eat(in, byte, sizeof(byte));
	r.action = (enum vmi_action)(byte[0] % (VMI_ACTION_EMULATE_INSTRUCTION + 1));
	r.view = byte[1] & 0x80 ? VMI_VIEW_NONE : byte[1] & 15;
	r.set_registers = byte[2] & 1;
	r.next_interrupt = byte[2] >> 1 & 1;
	r.data_length = byte[3];
	return r;
}

static struct vmi_response respond(void *context, const struct vmi_event *event)
{
	const struct ring_fuzz *f = context;

	(void)event;
	return f->response;
}

static void post(struct ring_fuzz *f, struct input *in)
{
	vm_event_request_t r = {.version = VM_EVENT_INTERFACE_VERSION};
	uint8_t byte[4];

	eat(in, byte, sizeof(byte));
	r.reason = byte[0] & 31;
	r.vcpu_id = byte[1] & 1;
	r.flags = (byte[1] & 2 ? 0 : VM_EVENT_FLAG_VCPU_PAUSED) | (uint32_t)byte[2] << 7;
	r.altp2m_idx = byte[3];
	eat(in, &r.u, sizeof(r.u));
	fake_post_raw(f->m, f->d, &r);
}

static void scrawl(struct ring_fuzz *f, struct input *in)
{
	uint8_t *page = (uint8_t *)fake_sring(f->m, f->d);
	uint8_t byte[3], bytes[64];

	eat(in, byte, sizeof(byte));
	eat(in, bytes, byte[2] % sizeof(bytes));
	size_t at = (size_t)(byte[0] | byte[1] << 8) % (XC_PAGE_SIZE - sizeof(bytes));
	if (page)
		memcpy(page + at, bytes, byte[2] % sizeof(bytes));
	f->scrawled = true;
}

static void set_index(struct ring_fuzz *f, struct input *in)
{
	struct vm_event_sring *ring = fake_sring(f->m, f->d);
	uint32_t value[2];

	eat(in, value, sizeof(value));
	if (ring)
		*(value[0] & 1 ? &ring->rsp_prod : &ring->req_prod) = value[1];
	f->scrawled = true;
}

static void step(struct ring_fuzz *f, struct input *in)
{
	struct vmi_error err;
	enum vmi_status st = VMI_OK;
	uint8_t which;

	eat(in, &which, 1);
	switch ((enum step)(which % STEP_COUNT)) {
	case STEP_POST:
		post(f, in);
		break;
	case STEP_SCRAWL:
		scrawl(f, in);
		break;
	case STEP_INDEX:
		set_index(f, in);
		break;
	case STEP_WAIT:
		f->response = eat_response(in);
		st = vmi_event_wait(f->vm, 0, respond, f, &err);
		break;
	case STEP_TAKE:
		st = vmi_event_take(f->vm, 0, &f->taken, &err);
		f->has_taken |= !st;
		break;
	case STEP_ANSWER:
		f->response = eat_response(in);
		if (f->has_taken)
			st = vmi_event_answer(f->vm, &f->taken, &f->response, &err);
		break;
	case STEP_RESET:
		st = vmi_state_reset(f->vm, &err);
		break;
	case STEP_COUNT:
		break;
	}
	/* A failure says something. */
	if (st && (err.status != st || !memchr(err.text, 0, sizeof(err.text)) || !err.text[0]))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct vmi_monitor monitors[] = {
		{.kind = VMI_MONITOR_HYPERCALL},
		{.kind = VMI_MONITOR_SINGLESTEP},
		{.kind = VMI_MONITOR_REGISTER, .reg = VMI_CR3},
	};
	struct ring_fuzz f = {.m = fake_machine_create()};
	struct input in = {data, size};

	f.d = fake_domain(f.m, 1);
	if (vmi_open_driver(&f.vm, &driver_xen, "1", NULL, NULL))
		abort();
	for (unsigned i = 0; i < 3; i++)
		if (vmi_monitor_enable(f.vm, &monitors[i], NULL))
			abort();
	for (unsigned i = 0; i < STEPS_MAX && in.size; i++)
		step(&f, &in);
	vmi_close(f.vm);
	for (unsigned i = 0; i < 2 && !f.scrawled; i++)
		if (f.d->vcpus[i].event_pauses || f.d->vcpus[i].open_async || f.d->ring.on)
			abort();
	fake_machine_destroy(f.m);
	return 0;
}
