/* SPDX-License-Identifier: MIT */
/*
 * test_truth IMAGE TRUTH [HOLDS]: hold everything the truth file says against the library.
 *
 * HOLDS is what the image holds of memory ("all", or anything else for less), if the truth does not
 * know this image. Exit status: 0 all agrees, 1 something does not, 77 the image is in a format
 * that this library was not built to read.
 */

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "truth_check.h"

void check_begin(struct check *check, const char *class)
{
	check->class = class;
	check->checked = check->not_saved = check->wrong = 0;
}

void check_end(struct check *check)
{
	if (check->checked || check->wrong) {
		printf("%-16s %6u checked", check->class, check->checked);
		if (check->not_saved)
			printf(", %u of them not in the image", check->not_saved);
		printf(", %u wrong\n", check->wrong);
	}
	check->wrong_in_all += check->wrong;
}

void check_wrong(struct check *check, const char *fmt, ...)
{
	va_list args;

	check->wrong++;
	printf("%s: ", check->class);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

bool check_not_saved(struct check *check, enum vmi_status status)
{
	if (status != VMI_ERR_NOT_SAVED || !check->partial || check->exact)
		return false;
	check->not_saved++;
	return true;
}

static bool has_registers(const struct check *check)
{
	return vmi_info(check->vm)->capabilities & VMI_CAP_QUERY_REGISTERS;
}

/* The bits of CR4 that decide how a root is walked, and whether one is. */
static uint64_t mode_bits(yajl_val vcpu)
{
	uint64_t cr0 = 0, cr4 = 0;

	if (!item_u64(vcpu, "cr0", &cr0) || !item_u64(vcpu, "cr4", &cr4))
		return 0;
	return cr0 & VMI_CR0_PG ? (cr4 & (VMI_CR4_PSE | VMI_CR4_PAE | VMI_CR4_LA57)) | 1 : 0;
}

static bool space_by_root(struct check *check, uint64_t cr3, struct vmi_space *space)
{
	size_t vcpus = truth_count(check->truth, "vcpus");
	yajl_val first = vcpus ? truth_item(check->truth, "vcpus", 0) : NULL;
	enum vmi_mode mode = has_registers(check) ? VMI_MODE_AUTO : truth_mode(check->truth);
	struct vmi_error err;

	for (size_t i = 1; i < vcpus; i++) {
		yajl_val vcpu = truth_item(check->truth, "vcpus", i);
		uint64_t its;

		if (item_u64(vcpu, "cr3", &its) && its == cr3 && mode_bits(vcpu) &&
		    mode_bits(vcpu) != mode_bits(first))
			return false;
	}
	if (vmi_space_of_root(check->vm, cr3, mode, space, NULL, &err)) {
		check_wrong(check, "root 0x%" PRIx64 ": %s", cr3, err.text);
		return false;
	}
	return true;
}

bool check_space(struct check *check, uint64_t cr3, unsigned way, struct vmi_space *space)
{
	struct vmi_error err;
	uint64_t its;

	if (!way)
		return space_by_root(check, cr3, space);
	if (!has_registers(check) || way > truth_count(check->truth, "vcpus"))
		return false;
	yajl_val vcpu = truth_item(check->truth, "vcpus", way - 1);
	if (!item_u64(vcpu, "cr3", &its) || its != cr3 || !mode_bits(vcpu))
		return false;
	if (vmi_space_of_vcpu(check->vm, way - 1, VMI_MODE_AUTO, space, &err)) {
		check_wrong(check, "vcpu %u: %s", way - 1, err.text);
		return false;
	}
	return true;
}

bool check_any_space(struct check *check, uint64_t cr3, struct vmi_space *space)
{
	for (unsigned way = 0; way < CHECK_WAYS; way++) {
		if (check_space(check, cr3, way, space))
			return true;
	}
	return false;
}

bool check_item_space(struct check *check, yajl_val item, struct vmi_space *store,
		      const struct vmi_space **space)
{
	const char *name = item_text(item, "cr3");
	uint64_t cr3;

	*space = NULL;
	if (name && !strcmp(name, "phys"))
		return true;
	*space = store;
	return item_u64(item, "cr3", &cr3) && check_any_space(check, cr3, store);
}

static int open_image(struct check *check, const char *path)
{
	struct vmi_error err;
	enum vmi_status status = vmi_open(&check->vm, path, NULL, &err);

	if (status) {
		printf("%s: %s\n", path, err.text);
		return status == VMI_ERR_UNSUPPORTED ? 77 : 1;
	}
	const struct vmi_info *info = vmi_info(check->vm);
	printf("%s: %s, %u vcpus, 0x%" PRIx64 " bytes of memory%s\n", path, info->format,
	       info->vcpus, info->memory_bytes, check->partial ? ", not all" : "");
	for (unsigned i = 0; vmi_warning(check->vm, i); i++)
		printf("warning: %s\n", vmi_warning(check->vm, i));
	return 0;
}

int main(int argc, char **argv)
{
	struct check check = {0};

	if (argc != 3 && argc != 4) {
		fprintf(stderr, "usage: test_truth IMAGE TRUTH [HOLDS]\n");
		return 1;
	}
	struct truth *truth = truth_load(argv[2]);
	if (!truth)
		return 1;
	check.truth = truth;
	check.image = truth_image(truth, argv[1]);
	const char *holds = argc == 4     ? argv[3]
			    : check.image ? item_text(check.image, "holds")
					  : "all";
	check.partial = !holds || strcmp(holds, "all") != 0;
	check.exact = truth_member(truth, "saved");

	int status = open_image(&check, argv[1]);
	if (!status) {
		check_registers(&check);
		check_translations(&check);
		check_reserved(&check);
		check_full_walk(&check);
		check_reverse(&check);
		check_reads(&check);
		check_short_reads(&check);
		check_strings(&check);
		check_counted_strings(&check);
		vmi_close(check.vm);
		status = check.wrong_in_all ? 1 : 0;
	}
	truth_free(truth);
	return status;
}
