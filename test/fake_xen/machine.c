/* SPDX-License-Identifier: MIT */
/* The machine: one shared file, its lock, its calls and which of them fail. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inside.h"

#define ENVIRONMENT "FAKE_XEN"

/* The one thing that cannot be in the shared file: where this process has it. */
static struct {
	struct fake_machine *machine;
	bool attached;
	long handles, pages;
} here;

static size_t frames_offset(void)
{
	return (sizeof(struct fake_machine) + XC_PAGE_SIZE - 1) & XC_PAGE_MASK;
}

static size_t machine_size(void)
{
	return frames_offset() + (size_t)FAKE_FRAMES * XC_PAGE_SIZE;
}

static void *machine_map(int fd)
{
	void *at = mmap(NULL, machine_size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return at == MAP_FAILED ? NULL : at;
}

static void fatal(const char *what)
{
	fprintf(stderr, "fake xen: %s: %s\n", what, strerror(errno));
	abort();
}

static void lock_init(pthread_mutex_t *lock)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(lock, &attr);
	pthread_mutexattr_destroy(&attr);
}

struct fake_machine *fake_machine_create(void)
{
	int fd = memfd_create("fake-xen", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)machine_size()))
		fatal("memory");
	struct fake_machine *m = machine_map(fd);
	if (!m)
		fatal("mapping");
	m->owner = getpid();
	m->fd = fd;
	m->next_frame = 1;
	lock_init(&m->lock);
	for (unsigned i = 0; i < FAKE_HANDLES; i++)
		if (pipe2(m->pipes[i], O_CLOEXEC))
			fatal("pipe");
	m->host = (struct fake_host){.major = 4,
				     .minor = 17,
				     .vm_event_version = VM_EVENT_INTERFACE_VERSION,
				     .monitors = 0x1fff &
						 ~(1u << XEN_DOMCTL_MONITOR_EVENT_PRIVILEGED_CALL)};
	here.machine = m;
	here.handles = here.pages = 0;
	here.attached = false;

	char path[64];
	snprintf(path, sizeof(path), "/proc/%ld/fd/%d", (long)m->owner, fd);
	setenv(ENVIRONMENT, path, 1);
	fake_domain_add(m, 1, "guest", FAKE_HVM, 2);
	return m;
}

void fake_machine_destroy(struct fake_machine *m)
{
	for (unsigned i = 0; i < FAKE_HANDLES; i++) {
		close(m->pipes[i][0]);
		close(m->pipes[i][1]);
	}
	close(m->fd);
	munmap(m, machine_size());
	here.machine = NULL;
	unsetenv(ENVIRONMENT);
}

/* A started process inherits no descriptor; it opens those of the owner. */
static struct fake_machine *machine_attach(void)
{
	const char *path = getenv(ENVIRONMENT);

	if (!path)
		return NULL;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		fatal(path);
	struct fake_machine *m = machine_map(fd);
	if (!m)
		fatal("mapping");
	close(fd);
	return m;
}

struct fake_machine *machine_get(void)
{
	if (!here.machine) {
		here.machine = machine_attach();
		here.attached = true;
	}
	return here.machine;
}

bool machine_inherited(void)
{
	return !here.attached;
}

void fake_lock(struct fake_machine *m)
{
	if (pthread_mutex_lock(&m->lock) == EOWNERDEAD)
		pthread_mutex_consistent(&m->lock);
}

void fake_unlock(struct fake_machine *m)
{
	pthread_mutex_unlock(&m->lock);
}

void fake_kill(struct fake_machine *m, pid_t pid)
{
	int status;

	fake_lock(m);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	fake_unlock(m);
}

/* ---- calls ---------------------------------------------------------------------------------- */

static void call_record(struct fake_machine *m, const char *name)
{
	for (unsigned i = 0; i < FAKE_CALLS; i++) {
		struct fake_call *call = &m->calls[i];

		if (!call->name[0])
			snprintf(call->name, sizeof(call->name), "%s", name);
		if (!strcmp(call->name, name)) {
			call->count++;
			return;
		}
	}
	fatal("too many different calls");
}

/* The error that this call is to fail with, or 0. */
static int fault_due(struct fake_machine *m, const char *name)
{
	if (m->fail_at && m->call_count == m->fail_at) {
		snprintf(m->failed, sizeof(m->failed), "%s", name);
		return m->fail_error;
	}
	for (unsigned i = 0; i < FAKE_FAULTS; i++) {
		struct fake_fault *fault = &m->faults[i];

		if (!fault->count || strcmp(fault->name, name))
			continue;
		if (fault->skip) {
			fault->skip--;
			continue;
		}
		fault->count--;
		return fault->error;
	}
	return 0;
}

struct fake_machine *call_begin(const char *name)
{
	struct fake_machine *m = machine_get();
	int error;

	if (!m) {
		errno = ENOENT; /* no /dev/xen/... */
		return NULL;
	}
	fake_lock(m);
	m->call_count++;
	call_record(m, name);
	error = fault_due(m, name);
	if (!error && m->host.no_xen)
		error = ENOENT;
	if (!error)
		return m;
	fake_unlock(m);
	errno = error;
	return NULL;
}

int call_end(struct fake_machine *m, int error)
{
	fake_unlock(m);
	if (!error)
		return 0;
	errno = error;
	return -1;
}

struct fake_machine *call_begin_domain(const char *name, uint32_t id, struct fake_domain **domain)
{
	struct fake_machine *m = call_begin(name);

	if (!m)
		return NULL;
	*domain = fake_domain(m, id);
	if (m->host.no_privilege)
		call_end(m, EPERM);
	else if (!*domain)
		call_end(m, ESRCH);
	else
		return m;
	return NULL;
}

void fake_call_fail(struct fake_machine *m, const char *call, int error, unsigned skip,
		    unsigned count)
{
	for (unsigned i = 0; i < FAKE_FAULTS; i++) {
		struct fake_fault *fault = &m->faults[i];

		if (fault->count)
			continue;
		*fault = (struct fake_fault){.skip = skip, .count = count, .error = error};
		snprintf(fault->name, sizeof(fault->name), "%s", call);
		return;
	}
	fatal("too many faults");
}

void fake_call_fail_at(struct fake_machine *m, uint64_t number, int error)
{
	m->fail_at = number ? m->call_count + number : 0;
	m->fail_error = error;
	m->failed[0] = '\0';
}

void fake_call_clear(struct fake_machine *m)
{
	memset(m->faults, 0, sizeof(m->faults));
	m->fail_at = 0;
}

uint64_t fake_call_count(const struct fake_machine *m, const char *call)
{
	for (unsigned i = 0; i < FAKE_CALLS; i++)
		if (!strcmp(m->calls[i].name, call))
			return m->calls[i].count;
	return 0;
}

/* ---- what this process holds ---------------------------------------------------------------- */

void handles_add(long change)
{
	__atomic_add_fetch(&here.handles, change, __ATOMIC_RELAXED);
}

void pages_add(long change)
{
	__atomic_add_fetch(&here.pages, change, __ATOMIC_RELAXED);
}

long fake_open_handles(void)
{
	return __atomic_load_n(&here.handles, __ATOMIC_RELAXED);
}

long fake_mapped_pages(void)
{
	return __atomic_load_n(&here.pages, __ATOMIC_RELAXED);
}

uint8_t *frame_data(struct fake_machine *m, uint32_t frame)
{
	return (uint8_t *)m + frames_offset() + (size_t)frame * XC_PAGE_SIZE;
}

/* Frames are never used again: whoever still maps one sees what it was, as Xen guarantees. */
uint32_t frame_new(struct fake_machine *m)
{
	return m->next_frame < FAKE_FRAMES ? m->next_frame++ : 0;
}
