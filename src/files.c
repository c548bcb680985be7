/* SPDX-License-Identifier: MIT */
/* The files of an image: opened by name, and taken out of the containers around them. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"

enum {
	DEPTH_MAX = 4,    /* containers around one image: more is somebody's joke */
	FILES_MAX = 1024, /* parts of one image */
	HEAD_BYTES = 4096
};

extern const struct vmi_container_ops container_flattened, container_libvirt;
#ifdef VMI_WITH_ZLIB
extern const struct vmi_container_ops container_gzip, container_zlib;
#endif
#ifdef VMI_WITH_LZ4
extern const struct vmi_container_ops container_lz4;
#endif
#ifdef VMI_WITH_ZSTD
extern const struct vmi_container_ops container_zstd;
#endif
#ifdef VMI_WITH_LZMA
extern const struct vmi_container_ops container_xz;
#endif

static const struct vmi_container_ops *const containers[] = {
	&container_flattened,
	&container_libvirt,
#ifdef VMI_WITH_ZLIB
	&container_gzip,
	&container_zlib,
#endif
#ifdef VMI_WITH_LZ4
	&container_lz4,
#endif
#ifdef VMI_WITH_ZSTD
	&container_zstd,
#endif
#ifdef VMI_WITH_LZMA
	&container_xz,
#endif
	NULL, /* behind the last */
};

static const struct vmi_container_ops *container_probe(const struct vmi_source *source)
{
	uint8_t head[HEAD_BYTES];
	uint64_t size = vmi_source_size(source);
	size_t len = size < sizeof(head) ? (size_t)size : sizeof(head);

	if (vmi_source_read(source, 0, head, len, NULL))
		return NULL;
	for (size_t i = 0; containers[i]; i++)
		if (containers[i]->probe(head, len))
			return containers[i];
	return NULL;
}

/* "gzip+" before the names so far, or "-flattened" behind them. False: out of memory. */
static bool name_add(struct files *files, const struct vmi_container_ops *ops)
{
	char **old = ops->suffix ? &files->suffix : &files->prefix;
	char *text = NULL;
	int n = ops->suffix ? asprintf(&text, "-%s%s", ops->name, *old ? *old : "")
			    : asprintf(&text, "%s%s+", *old ? *old : "", ops->name);

	if (n < 0)
		return false;
	free(*old);
	*old = text;
	return true;
}

/* Take *source out of its containers. It stays owned by the caller, whatever happens. */
static enum vmi_status peel(struct files *files, struct vmi_source **source, bool first,
			    const struct vmi_target *target, struct vmi_error *err)
{
	const struct vmi_container_ops *ops;

	for (unsigned depth = 0; (ops = container_probe(*source)); depth++) {
		if (depth == DEPTH_MAX)
			return vmi_fail(err, VMI_ERR_UNSUPPORTED,
					"%s: more than %d containers in one another: unpack it "
					"first",
					vmi_source_name(*source), DEPTH_MAX);
		enum vmi_status st = source_open_container(source, *source, ops, target, err);
		if (st)
			return st;
		if (first && !name_add(files, ops))
			return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	}
	return VMI_OK;
}

/* Takes over `source`. */
static enum vmi_status files_push(struct files *files, struct vmi_source *source,
				  const struct vmi_target *target, struct vmi_error *err)
{
	enum vmi_status st = VMI_OK;

	if (files->count == files->room) {
		size_t room = files->room ? 2 * files->room : 4;
		struct vmi_source **list = realloc(files->list, room * sizeof(*list));
		if (!list)
			st = vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
		else {
			files->list = list;
			files->room = room;
		}
	}
	if (!st)
		st = peel(files, &source, !files->count, target, err);
	if (st) {
		source_close(source);
		return st;
	}
	files->list[files->count++] = source;
	return VMI_OK;
}

enum vmi_status files_add(struct files *files, const char *path, const struct vmi_target *target,
			  struct vmi_error *err)
{
	struct vmi_source *source = NULL;

	if (files->count == FILES_MAX)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED, "%s: more than %d files for one image",
				path, FILES_MAX);
	enum vmi_status st = source_open(&source, path, target->options->flags, err);
	return st ? st : files_push(files, source, target, err);
}

enum vmi_status files_open(struct files *files, const char *name, const struct vmi_target *target,
			   struct vmi_error *err)
{
	if (!strchr(name, ',') || !access(name, F_OK))
		return files_add(files, name, target, err);

	char *names = strdup(name), *rest = names;
	enum vmi_status st = names ? VMI_OK : vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	for (char *one; !st && (one = strsep(&rest, ","));)
		st = files_add(files, one, target, err);
	free(names);
	return st;
}

enum vmi_status files_open_memory(struct files *files, const void *bytes, size_t len,
				  const struct vmi_target *target, struct vmi_error *err)
{
	struct vmi_source *source = NULL;
	enum vmi_status st = source_open_memory(&source, bytes, len, err);

	return st ? st : files_push(files, source, target, err);
}

void files_close(struct files *files)
{
	for (size_t i = 0; i < files->count; i++)
		source_close(files->list[i]);
	free(files->list);
	free(files->prefix);
	free(files->suffix);
	*files = (struct files){0};
}
