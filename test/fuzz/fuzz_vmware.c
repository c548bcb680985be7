/* SPDX-License-Identifier: MIT */
/* Fuzz target: the VMware driver, its groups, tags and regions. */

#include "fuzz_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_image("vmware", data, size);
	return 0;
}
