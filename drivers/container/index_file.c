/* SPDX-License-Identifier: MIT */
/*
 * The seek index in a file. Little-endian: a head (below), then for each checkpoint its offset in
 * the content and in the file (8 bytes each), the length of its state (4) and the state; at the end
 * the xxHash of all that.
 */

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"
#include "index_file.h"
#include "xxh32.h"

enum {
	EDGE = 64 << 10, /* bytes at the beginning and at the end of the image that are compared */
	ENTRY = 20,
	FILE_MAX = 2 * CHECKPOINTS_LIMIT,
};

struct head {
	char magic[8];
	char what[8];
	uint32_t version; /* of this and of the states; odd where states are packed with lz4 */
	uint32_t edge_hash[2];
	uint32_t reserved;
	uint64_t file_size, file_time; /* nanoseconds */
	uint64_t size, span, count;
};

#ifdef VMI_WITH_LZ4
enum { VERSION = 3 };
#else
enum { VERSION = 2 };
#endif

static_assert(sizeof(struct head) == 72, "written as it is");

/* ---- whose it is ------------------------------------------------------------------------ */

static bool edge_hash(const struct vmi_source *source, uint64_t offset, size_t len, uint32_t *hash)
{
	uint8_t *bytes = malloc(len);
	bool read = bytes && !vmi_source_read(source, offset, bytes, len, NULL);

	if (read)
		*hash = htole32(xxh32(bytes, len));
	free(bytes);
	return read;
}

/* False: what is packed is no file of its own, but lies in another container, or in memory. */
static bool head_make(const struct index_file *file, struct head *head)
{
	uint64_t size = vmi_source_size(file->outer);
	size_t edge = size < EDGE ? (size_t)size : EDGE;
	struct stat st;

	if (stat(vmi_source_name(file->outer), &st) || !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size != size)
		return false;
	*head = (struct head){.magic = {'V', 'M', 'I', 'I', 'N', 'D', 'E', 'X'},
			      .version = htole32(VERSION),
			      .file_size = htole64(size)};
	strncpy(head->what, file->what, sizeof(head->what) - 1);
	uint64_t time = (uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec;
	head->file_time = htole64(time);
	return edge_hash(file->outer, 0, edge, &head->edge_hash[0]) &&
	       edge_hash(file->outer, size - edge, edge, &head->edge_hash[1]);
}

static char *path_make(const struct index_file *file, const char *suffix)
{
	char *path = NULL;

	return asprintf(&path, "%s.vmi-index%s", vmi_source_name(file->outer), suffix) < 0 ? NULL
											   : path;
}

static bool wanted(const struct index_file *file)
{
	return file->target->options->flags & VMI_OPEN_KEEP_INDEX;
}

/* ---- reading ---------------------------------------------------------------------------- */

/* All of a file that is not too large to be one of these. */
static uint8_t *file_read(const char *path, size_t *len)
{
	FILE *stream = fopen(path, "rbe");
	uint8_t *bytes = NULL;
	struct stat st;

	if (!stream)
		return NULL;
	if (!fstat(fileno(stream), &st) && S_ISREG(st.st_mode) &&
	    st.st_size >= (off_t)(sizeof(struct head) + 4) && st.st_size <= FILE_MAX) {
		*len = (size_t)st.st_size;
		bytes = malloc(*len);
		if (bytes && fread(bytes, 1, *len, stream) != *len) {
			free(bytes);
			bytes = NULL;
		}
	}
	fclose(stream);
	return bytes;
}

/* The next entry, which is where one can be. */
static bool entry_take(const struct head *head, struct checkpoints *points, const uint8_t **at,
		       const uint8_t *end)
{
	if (end - *at < ENTRY)
		return false;
	uint64_t out = le64(*at), in = le64(*at + 8);
	uint32_t len = le32(*at + 16);
	uint64_t least = points->count ? points->list[points->count - 1].out + 1 : 0;

	*at += ENTRY;
	if (len > (size_t)(end - *at) || out < least || out >= le64toh(head->size) ||
	    in >= le64toh(head->file_size) || (!points->count && out))
		return false;
	uint8_t *state = len ? malloc(len) : NULL;
	if (len && !state)
		return false;
	if (len)
		memcpy(state, *at, len);
	*at += len;
	return !checkpoints_add(points, out, in, state, len, NULL);
}

static bool parse(const struct head *want, const uint8_t *bytes, size_t len,
		  struct checkpoints *points, uint64_t *size)
{
	const uint8_t *at = bytes + sizeof(struct head), *end = bytes + len - 4;
	struct head head;

	memcpy(&head, bytes, sizeof(head));
	struct head same = *want;
	same.size = head.size;
	same.span = head.span;
	same.count = head.count;
	if (memcmp(&head, &same, sizeof(head)) || xxh32(bytes, len - 4) != le32(end))
		return false;
	for (uint64_t i = 0; i < le64toh(head.count); i++)
		if (!entry_take(&head, points, &at, end))
			return false;
	if (at != end || !points->count)
		return false;
	points->span = le64toh(head.span);
	*size = le64toh(head.size);
	return true;
}

bool index_file_load(const struct index_file *file, struct checkpoints *points, uint64_t *size)
{
	struct checkpoints read = {0};
	struct head head;
	size_t len;

	if (!wanted(file) || !head_make(file, &head))
		return false;
	char *path = path_make(file, "");
	uint8_t *bytes = path ? file_read(path, &len) : NULL;
	bool good = bytes && parse(&head, bytes, len, &read, size);
	free(bytes);
	free(path);
	if (good)
		*points = read;
	else
		checkpoints_deinit(&read);
	return good;
}

/* ---- writing ---------------------------------------------------------------------------- */

struct output {
	FILE *stream;
	struct xxh32 hash;
	bool good;
};

static void put(struct output *out, const void *bytes, size_t len)
{
	out->good = out->good && fwrite(bytes, 1, len, out->stream) == len;
	xxh32_add(&out->hash, bytes, len);
}

static void put_entry(struct output *out, const struct checkpoint *point)
{
	uint64_t offsets[2] = {htole64(point->out), htole64(point->in)};
	uint32_t len = htole32(point->state_len);

	put(out, offsets, sizeof(offsets));
	put(out, &len, sizeof(len));
	if (point->state_len)
		put(out, point->state, point->state_len);
}

static bool write_all(int fd, const struct head *head, const struct checkpoints *points)
{
	struct output out = {.stream = fdopen(fd, "wb"), .good = true};

	if (!out.stream) {
		close(fd);
		return false;
	}
	put(&out, head, sizeof(*head));
	for (size_t i = 0; i < points->count; i++)
		put_entry(&out, &points->list[i]);
	uint32_t hash = htole32(xxh32_end(&out.hash));
	put(&out, &hash, sizeof(hash));
	out.good = out.good && !fflush(out.stream) && !fsync(fileno(out.stream));
	return !fclose(out.stream) && out.good;
}

/* Under another name first: what has this name is whole. */
void index_file_save(const struct index_file *file, const struct checkpoints *points, uint64_t size)
{
	struct head head;

	if (!wanted(file) || !head_make(file, &head))
		return;
	head.size = htole64(size);
	head.span = htole64(points->span);
	head.count = htole64(points->count);
	char *path = path_make(file, ""), *other = path_make(file, ".XXXXXX");
	int fd = path && other ? mkstemp(other) : -1;
	bool good = fd >= 0 && write_all(fd, &head, points) && !rename(other, path);
	int why = errno;

	if (!good && fd >= 0)
		unlink(other);
	if (!good)
		file->target->warn(file->target, "the seek index cannot be kept in %s: %s",
				   path ? path : "a file", strerror(why));
	free(path);
	free(other);
}
