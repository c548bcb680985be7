/* SPDX-License-Identifier: MIT */
#ifndef TOOL_PACKER_H
#define TOOL_PACKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Compression of pages and blocks, each on its own. */

enum packing { PACK_NONE, PACK_ZLIB, PACK_LZO, PACK_SNAPPY, PACK_ZSTD, PACK_LZ4, PACKINGS };

/* "none", "zlib", .. in that order, and NULL: as the user says them. */
extern const char *const packing_names[PACKINGS + 1];

/* Was it built in? If not, *option is the build's option that brings it. */
bool packing_there(enum packing packing, const char **option);

struct packer; /* one thread's */

/* NULL: out of memory. `max`: the size of what is packed at most. */
struct packer *packer_create(enum packing packing, size_t max);
void packer_destroy(struct packer *packer);
/* Pack `len` bytes into `len - 1` at `out` or fewer; 0: they do not become smaller. */
size_t packer_pack(struct packer *packer, const uint8_t *in, size_t len, uint8_t *out);

#endif
