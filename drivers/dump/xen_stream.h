/* SPDX-License-Identifier: MIT */
#ifndef DUMP_XEN_STREAM_H
#define DUMP_XEN_STREAM_H

#include "pagelist.h"

/**
 * The streams in which Xen's tools save and migrate a guest: xl's file header, libxl's records in
 * it, libxc's in these; or a stream of one of the inner layers alone. Formats: docs/specs/ of Xen,
 * libxl-migration-stream and libxc-migration-stream.
 */
enum { XEN_STREAM_VCPU_MAX = 4096 };

struct xen_stream_vcpu {
	uint64_t at; /* of its vcpu_guest_context; 0: none */
	uint32_t size;
	bool has_xcr0;
	uint64_t xcr0;
};

/* Zeroed before; what a stream held. */
struct xen_stream {
	struct segments segments; /* of pages, in the order of the stream */
	bool pv, wide;            /* a paravirtualised guest; it is 64-bit */
	unsigned gpa_bits;        /* MAXPHYADDR; 0: not told */
	uint64_t hvm_at;          /* of the last HVM context; 0: none */
	uint32_t hvm_size;
	struct xen_stream_vcpu *vcpu; /* of a paravirtualised guest */
	unsigned vcpus;
};

/* Does a file that begins like this hold such a stream? */
bool xen_stream_is(const uint8_t *head, size_t len);
/* Read all records; pages stay where they are. Oddities are warned about. */
VMI_CHECKED enum vmi_status xen_stream_read(struct xen_stream *stream,
					    const struct vmi_target *target, struct vmi_error *err);
void xen_stream_deinit(struct xen_stream *stream);

#endif
