/* SPDX-License-Identifier: MIT */
/* Fuzz target: LiME images. */

#include "fuzz_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_image("lime", data, size);
	return 0;
}
