/* SPDX-License-Identifier: MIT */
#ifndef CONTAINER_PACK_H
#define CONTAINER_PACK_H

#include <vmi/driver.h>

/**
 * What a checkpoint has to keep: `head_len` bytes as they are, then `len` bytes of content, with
 * lz4 where that is built in and helps.
 */

/* Owned: free(). NULL when out of memory. */
uint8_t *state_pack(const void *head, size_t head_len, const uint8_t *bytes, size_t len,
		    size_t *packed_len);
/*
 * The content of a packed state, in a buffer of its own: free(). `max`: it has no more than this.
 * VMI_ERR_CORRUPT: it is not what state_pack() made.
 */
VMI_CHECKED enum vmi_status state_unpack(const uint8_t *packed, size_t packed_len, size_t head_len,
					 size_t max, uint8_t **bytes, size_t *len,
					 struct vmi_error *err);

#endif
