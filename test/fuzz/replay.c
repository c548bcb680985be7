/* SPDX-License-Identifier: MIT */
/* Runs a fuzz target over files, and over all files of folders, given as arguments. */

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path, unsigned *count)
{
	FILE *file = fopen(path, "rb");
	struct stat st;

	if (!file || fstat(fileno(file), &st)) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		if (file)
			fclose(file);
		return 1;
	}
	size_t size = (size_t)st.st_size;
	/* As large as the input, so that a sanitizer sees each byte read beyond it. */
	uint8_t *data = malloc(size ? size : 1);
	int bad = !data || fread(data, 1, size, file) != size;
	fclose(file);
	if (bad) {
		fprintf(stderr, "%s: cannot be read\n", path);
	} else {
		LLVMFuzzerTestOneInput(data, size);
		++*count;
	}
	free(data);
	return bad;
}

static int replay(const char *path, unsigned *count)
{
	struct dirent **entries;
	struct stat st;
	int bad = 0;

	if (stat(path, &st) || !S_ISDIR(st.st_mode))
		return replay_file(path, count);
	int n = scandir(path, &entries, NULL, alphasort);
	if (n < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return 1;
	}
	for (int i = 0; i < n; i++) {
		char *inside = NULL;
		if (entries[i]->d_name[0] != '.' &&
		    asprintf(&inside, "%s/%s", path, entries[i]->d_name) >= 0)
			bad |= replay(inside, count);
		free(inside);
		free(entries[i]);
	}
	free(entries);
	return bad;
}

int main(int argc, char **argv)
{
	unsigned count = 0;
	int bad = 0;

	for (int i = 1; i < argc; i++)
		bad |= replay(argv[i], &count);
	printf("%u inputs\n", count);
	return bad || !count; /* an empty folder proves nothing */
}
