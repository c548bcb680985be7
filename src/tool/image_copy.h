/* SPDX-License-Identifier: MIT */
#ifndef TOOL_IMAGE_COPY_H
#define TOOL_IMAGE_COPY_H

#include "image.h"

/* Copy memory as the image's format lays it out; *end is where the file ends. */
enum cli_status image_copy(struct image *image, uint64_t *end);

#endif
