/* SPDX-License-Identifier: MIT */
/* Processes of more than one thread. */

#include <pthread.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "guest.h"

static const char *const names[] = {"first thread", "(second)", "exactly15chars!", "x"};

static void *sleeper(void *name)
{
	prctl(PR_SET_NAME, name);
	sleep_forever();
}

static void start_threads(void)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, sleeper, (void *)(uintptr_t)names[i]))
			fail("no thread");
	}
	/* Until each has named itself: nobody else wants the processor. */
	sleep(1);
}

void part_threads(void)
{
	start_threads();
	settle();
}

/* The leader is gone, a zombie, while its threads live on. */
void part_headless(void)
{
	start_threads();
	settle();
	pthread_exit(NULL);
}
