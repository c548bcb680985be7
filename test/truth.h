/* SPDX-License-Identifier: MIT */
#ifndef TEST_TRUTH_H
#define TEST_TRUTH_H

/**
 * A truth file: what is known about an image from elsewhere (test-data/README.md says what is in
 * it). Lists of items; an item's members are asked for by name, and may be missing.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmi/vmi.h>
#include <yajl/yajl_tree.h>

struct truth;

/* NULL, and the reason on stderr. End it with truth_free(). */
struct truth *truth_load(const char *path);
void truth_free(struct truth *truth);

/* A member of the document itself, or NULL. */
yajl_val truth_member(const struct truth *truth, const char *name);
size_t truth_count(const struct truth *truth, const char *list);
yajl_val truth_item(const struct truth *truth, const char *list, size_t index);
/* How the machine translated; VMI_MODE_NONE when it did not. */
enum vmi_mode truth_mode(const struct truth *truth);
/* The entry of "images" for the image at `path`, or NULL. */
yajl_val truth_image(const struct truth *truth, const char *path);

/* NULL when missing or null. */
yajl_val item_member(yajl_val item, const char *name);
const char *item_text(yajl_val item, const char *name);
/* A number, or a string "0x...". False when missing, null or neither. */
bool item_u64(yajl_val item, const char *name, uint64_t *value);
/* true or 1, false or 0; false when missing. */
bool item_bool(yajl_val item, const char *name, bool *value);
/* A string of hexadecimal digits as bytes, owned: free(). NULL when missing or malformed. */
uint8_t *item_bytes(yajl_val item, const char *name, size_t *len);

#endif
