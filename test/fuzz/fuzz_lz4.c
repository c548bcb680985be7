/* SPDX-License-Identifier: MIT */
/* Fuzz target: lz4 as a container. */

#include <string.h>

#include "fuzz_container.h"

extern const struct vmi_container_ops container_lz4;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_container(&container_lz4, data, size);
	return 0;
}
