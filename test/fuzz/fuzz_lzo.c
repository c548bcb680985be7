/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a stream of LZO: the room is kept, and what liblzo2 makes of a stream without runs
 * of zeros is what is made of it here.
 */

#include <stdlib.h>
#include <string.h>

#ifdef VMI_WITH_LZO
#include <lzo/lzo1x.h>
#endif

#include "lzo.h"

enum { ROOM = 4096, VERSION_MARK = 17 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *out = malloc(ROOM); /* where a sanitizer sees its end */
	size_t got = out ? lzo_unpack(data, size, out, ROOM) : 0;

	if (got > ROOM)
		abort();
#ifdef VMI_WITH_LZO
	uint8_t theirs[ROOM];
	lzo_uint len = sizeof(theirs);

	if (size && data[0] != VERSION_MARK &&
	    lzo1x_decompress_safe(data, size, theirs, &len, NULL) == LZO_E_OK &&
	    (got != len || memcmp(out, theirs, len) != 0))
		abort();
#endif
	free(out);
	return 0;
}
