/* SPDX-License-Identifier: MIT */
#ifndef OS_PRINTK_H
#define OS_PRINTK_H

#include "fields.h"

/*
 * The two buffers that a kernel's log has been kept in: a ring of descriptors with rings of their
 * own for text since 5.10 (kernel/printk/printk_ringbuffer.h), and records one behind the other
 * from 3.5 to 5.9 (kernel/printk/printk.c). Where members are comes from outside; everything that
 * is read is the guest's word only.
 */

/** A record, as both kinds have it. Valid while it is handed on. */
struct printk_record {
	uint64_t sequence, time_ns;
	const char *text;
	size_t length;
	uint32_t caller; /* a thread's number, or a processor's with the top bit set */
	bool has_caller;
	bool continues; /* the line of the record before */
	uint8_t level, facility;
	char subsystem[16], device[48]; /* of the device that it is about; "" where there is none */
};

/** Where bytes come from and records go to. */
struct printk_io {
	enum vmi_status (*read)(void *context, vmi_gva gva, void *buf, size_t len,
				struct vmi_error *err);
	/* False: out of memory. */
	bool (*take)(void *context, const struct printk_record *record);
	void (*problem)(void *context, const char *sentence);
	void *context;
	unsigned word; /* bytes of a long: 4 or 8 */
};

/** struct printk_ringbuffer and what it is made of. */
struct printk_ring_layout {
	struct field desc_ring, text_data_ring;
	struct field count_bits, descs, infos, head_id, tail_id; /* struct prb_desc_ring */
	struct field size_bits, data;                            /* struct prb_data_ring */
	struct field desc, state_var, text_blk_lpos;             /* struct prb_desc; its size */
	struct field begin, next;                                /* struct prb_data_blk_lpos */
	struct field info, seq, ts_nsec, text_len;               /* struct printk_info; its size */
	struct field facility, flags, level, caller_id, dev_info;
	struct field subsystem, device; /* struct dev_printk_info */
};

/* All records of the ring at `ring`, by sequence. VMI_ERR_CORRUPT: it is none. */
VMI_CHECKED enum vmi_status printk_ring_decode(const struct printk_io *io,
					       const struct printk_ring_layout *layout,
					       vmi_gva ring, struct vmi_error *err);

/** struct printk_log. */
struct printk_log_layout {
	struct field log, ts_nsec, len, text_len, dict_len; /* its size first */
	struct field facility, flags, level, caller_id;
};

/** The buffer of records before 5.10, as the kernel's variables tell. */
struct printk_log_buffer {
	vmi_gva at;
	uint32_t size, first, next; /* bytes */
	uint64_t first_sequence;
};

VMI_CHECKED enum vmi_status printk_log_decode(const struct printk_io *io,
					      const struct printk_log_layout *layout,
					      const struct printk_log_buffer *buffer,
					      struct vmi_error *err);

#endif
