/* SPDX-License-Identifier: MIT */
/* Fuzz target: zstd as a container. */

#include <string.h>

#include "fuzz_container.h"

extern const struct vmi_container_ops container_zstd;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_container(&container_zstd, data, size);
	return 0;
}
