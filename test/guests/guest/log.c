/* SPDX-License-Identifier: MIT */
/* Lines for the kernel's log. */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"

static void line(int fd, const char *text, size_t length)
{
	check(write(fd, text, length), "/dev/kmsg");
}

static void write_levels(int fd)
{
	/* Number = facility * 8 + level; the kernel makes its own facility, 0, the users', 1. */
	static const int numbers[] = {0, 1, 2, 3, 4, 5, 6, 7, 24 + 6, 23 * 8 + 2};
	char text[64];

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		int n = snprintf(text, sizeof(text), "<%d>guest: a line of number %d\n", numbers[i],
				 numbers[i]);
		line(fd, text, (size_t)n);
	}
}

static void write_odd(int fd)
{
	static const char *const odd[] = {
		"guest: without a number",
		"<5>guest: two\nlines in one",
		"<5>\nguest: begins with an empty line",
		"<5>guest: ends with empty lines\n\n\n",
		"<5>guest: \ttab, \033[31mescape\033[0m, bell \a, backslash \\ and \\x41",
		"<5>guest: UTF-8 na\xc3\xafve \xce\xa9 \xf0\x9f\x90\xa7 and not: \xff\xfe\x80",
		"<5>",
		"<5> ",
		"<4>[ 12.345] a time of its own",
	};

	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++)
		line(fd, odd[i], strlen(odd[i]));
}

static void write_long(int fd)
{
	char text[900];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 26);
	memcpy(text, "<6>guest: ", 10);
	line(fd, text, sizeof(text));
}

/* More than the buffer holds, so that it wraps within a record of each length. */
static void write_many(int fd)
{
	char text[256];

	for (int i = 0; i < 6000; i++) {
		int n = snprintf(text, sizeof(text), "<%d>guest: line %d ", i % 8, i);

		for (; n < 20 + i * 7 % 180; n++)
			text[n] = (char)('A' + n % 26);
		line(fd, text, (size_t)n);
	}
}

void write_log(void)
{
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	check(fd, "/dev/kmsg");
	if (option("wrap"))
		write_many(fd);
	write_levels(fd);
	write_odd(fd);
	write_long(fd);
	close(fd);
}
