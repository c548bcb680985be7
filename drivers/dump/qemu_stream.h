/* SPDX-License-Identifier: MIT */
#ifndef DUMP_QEMU_STREAM_H
#define DUMP_QEMU_STREAM_H

#include "qemu_ram.h"

enum { QEMU_MAGIC_SIZE = 8 };

/** What a migration stream tells besides memory. Zeroed is empty. */
struct qemu_stream {
	char machine[256]; /* such as "pc-i440fx-7.2" */
	uint64_t devices;  /* file offset of their state; 0: the stream ends before */
};

/* Read all of memory in. What is wrong behind the first pages is a warning. */
VMI_CHECKED enum vmi_status qemu_stream_read(struct qemu_stream *stream, struct qemu_ram *ram,
					     const struct vmi_target *target,
					     struct vmi_error *err);

#endif
