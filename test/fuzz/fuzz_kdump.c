/* SPDX-License-Identifier: MIT */
/* Fuzz target: the kdump driver, plain and flattened, its headers, bitmaps, descriptors, codecs. */

#include "fuzz_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_image("kdump", data, size);
	return 0;
}
