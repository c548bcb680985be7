/* SPDX-License-Identifier: MIT */
/* Fuzz target: AVML images. */

#include "fuzz_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_image("avml", data, size);
	return 0;
}
