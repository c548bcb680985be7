/* SPDX-License-Identifier: MIT */
/* Reading truth files. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "truth.h"

struct truth {
	yajl_val root;
};

static char *file_text(const char *path)
{
	FILE *file = fopen(path, "rbe");
	char *text = NULL;
	long size;

	if (!file) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return NULL;
	}
	if (!fseek(file, 0, SEEK_END) && (size = ftell(file)) >= 0 && !fseek(file, 0, SEEK_SET)) {
		text = malloc((size_t)size + 1);
		if (text && fread(text, 1, (size_t)size, file) == (size_t)size) {
			text[size] = '\0';
		} else {
			free(text);
			text = NULL;
		}
	}
	if (!text)
		fprintf(stderr, "%s: cannot be read\n", path);
	fclose(file);
	return text;
}

struct truth *truth_load(const char *path)
{
	char *text = file_text(path), why[256];
	struct truth *truth = text ? calloc(1, sizeof(*truth)) : NULL;

	if (truth) {
		truth->root = yajl_tree_parse(text, why, sizeof(why));
		if (!YAJL_IS_OBJECT(truth->root)) {
			fprintf(stderr, "%s: %s\n", path, truth->root ? "no object" : why);
			truth_free(truth);
			truth = NULL;
		}
	}
	free(text);
	return truth;
}

void truth_free(struct truth *truth)
{
	if (truth)
		yajl_tree_free(truth->root);
	free(truth);
}

yajl_val item_member(yajl_val item, const char *name)
{
	const char *path[] = {name, NULL};
	yajl_val value = yajl_tree_get(item, path, yajl_t_any);

	return YAJL_IS_NULL(value) ? NULL : value;
}

yajl_val truth_member(const struct truth *truth, const char *name)
{
	return item_member(truth->root, name);
}

size_t truth_count(const struct truth *truth, const char *list)
{
	yajl_val value = truth_member(truth, list);

	return YAJL_IS_ARRAY(value) ? YAJL_GET_ARRAY(value)->len : 0;
}

yajl_val truth_item(const struct truth *truth, const char *list, size_t index)
{
	return YAJL_GET_ARRAY(truth_member(truth, list))->values[index];
}

enum vmi_mode truth_mode(const struct truth *truth)
{
	static const struct {
		const char *name;
		enum vmi_mode mode;
	} modes[] = {
		{"legacy", VMI_MODE_LEGACY},
		{"pae", VMI_MODE_PAE},
		{"l4", VMI_MODE_4LEVEL},
		{"l5", VMI_MODE_5LEVEL},
	};
	const char *name = item_text(truth->root, "paging");

	for (size_t i = 0; name && i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (!strcmp(name, modes[i].name))
			return modes[i].mode;
	}
	return VMI_MODE_NONE;
}

/* "qemu.elf" is also found as "machine.qemu.elf". */
yajl_val truth_image(const struct truth *truth, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;

	for (size_t i = 0; i < truth_count(truth, "images"); i++) {
		yajl_val image = truth_item(truth, "images", i);
		const char *file = item_text(image, "file");

		if (!file || strlen(file) > strlen(base))
			continue;
		size_t before = strlen(base) - strlen(file);
		if (!strcmp(base + before, file) && (!before || base[before - 1] == '.'))
			return image;
	}
	return NULL;
}

const char *item_text(yajl_val item, const char *name)
{
	return YAJL_GET_STRING(item_member(item, name));
}

bool item_u64(yajl_val item, const char *name, uint64_t *value)
{
	yajl_val v = item_member(item, name);
	/* yajl's own integers are signed: its copy of the digits is not. */
	const char *digits = YAJL_IS_NUMBER(v) ? YAJL_GET_NUMBER(v) : YAJL_GET_STRING(v);
	char *end;

	if (!digits || *digits == '-')
		return false;
	errno = 0;
	uint64_t parsed = strtoull(digits, &end, YAJL_IS_NUMBER(v) ? 10 : 16);
	if (errno || end == digits || *end)
		return false;
	*value = parsed;
	return true;
}

bool item_bool(yajl_val item, const char *name, bool *value)
{
	yajl_val v = item_member(item, name);
	uint64_t number = 0;

	if (!YAJL_IS_TRUE(v) && !YAJL_IS_FALSE(v) && !item_u64(item, name, &number))
		return false;
	*value = YAJL_IS_TRUE(v) || number;
	return true;
}

uint8_t *item_bytes(yajl_val item, const char *name, size_t *len)
{
	const char *hex = item_text(item, name);
	size_t digits = hex ? strlen(hex) : 1;
	uint8_t *bytes;

	if (digits % 2 || !(bytes = malloc(digits / 2 + 1)))
		return NULL;
	for (size_t i = 0; i < digits / 2; i++) {
		char byte[3] = {hex[2 * i], hex[2 * i + 1], '\0'}, *end;

		bytes[i] = (uint8_t)strtoul(byte, &end, 16);
		if (end != byte + 2) {
			free(bytes);
			return NULL;
		}
	}
	*len = digits / 2;
	return bytes;
}
