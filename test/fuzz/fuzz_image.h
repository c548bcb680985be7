/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_IMAGE_H
#define FUZZ_IMAGE_H

#include <stdint.h>
#include <stdlib.h>
#include <vmi/vmi.h>

/*
 * Do with an image what a program does: list it, look at every register, read pages where there is
 * memory and where there is none, walk. All counts are bounded, so that an input takes no time for
 * being large only in its own words.
 */

enum { FUZZ_RUNS = 64, FUZZ_VCPUS = 4, FUZZ_TEXT = 256 };

/* The library may only answer in ways that it documents; everything else aborts. */
static inline void fuzz_expect(int holds)
{
	if (!holds)
		abort();
}

static inline unsigned fuzz_sum(const uint8_t *bytes, size_t len)
{
	unsigned sum = 0;

	while (len--)
		sum += *bytes++;
	return sum;
}

static inline unsigned fuzz_page(struct vmi *vm, vmi_gfn gfn)
{
	struct vmi_error err = {0};
	struct vmi_page page;
	unsigned sum;

	if (vmi_page_get(vm, gfn, &page, &err)) {
		fuzz_expect(err.text[0] != 0);
		return 0;
	}
	fuzz_expect(page.extent >= VMI_PAGE_SIZE);
	fuzz_expect(!page.known || page.extent == VMI_PAGE_SIZE);
	sum = fuzz_sum(page.data, VMI_PAGE_SIZE);
	sum += fuzz_sum(page.data + page.extent - 1, 1);
	if (page.known)
		sum += fuzz_sum((const uint8_t *)page.known, VMI_PAGE_SIZE / 8);
	vmi_page_put(vm, &page);
	return sum;
}

static inline void fuzz_runs(struct vmi *vm)
{
	struct vmi_run run;
	vmi_gpa from = 0;

	for (unsigned i = 0; i < FUZZ_RUNS && !vmi_run_next(vm, from, &run, NULL); i++) {
		fuzz_expect(run.size && run.gpa >= from && run.gpa + run.size > run.gpa);
		fuzz_page(vm, run.gpa >> VMI_PAGE_SHIFT);
		fuzz_page(vm, (run.gpa + run.size - 1) >> VMI_PAGE_SHIFT);
		from = run.gpa + run.size;
		fuzz_page(vm, from >> VMI_PAGE_SHIFT);
	}
}

static inline void fuzz_space(struct vmi *vm, const struct vmi_space *space)
{
	static const vmi_gva gvas[] = {
		0, 0x1fff, 0x7fffffffefff, 0xffff800000000000, 0xffffffff81000000, UINT64_MAX,
	};
	struct vmi_translation to;
	uint8_t bytes[64];

	for (unsigned i = 0; i < sizeof(gvas) / sizeof(gvas[0]); i++) {
		enum vmi_status st = vmi_translate(vm, space, gvas[i], &to, NULL);
		size_t done = SIZE_MAX;
		fuzz_expect(st == (enum vmi_status)to.status);
		st = vmi_read_bytes(vm, space, gvas[i], bytes, sizeof(bytes), &done, NULL);
		fuzz_expect(done <= sizeof(bytes) && (done == sizeof(bytes)) == !st);
	}
}

static inline void fuzz_handle(struct vmi *vm)
{
	struct vmi_registers *regs = calloc(1, sizeof(*regs));
	struct vmi_space space;
	size_t len;

	fuzz_expect(regs != NULL);
	for (unsigned i = 0; vmi_warning(vm, i); i++)
		fuzz_expect(vmi_warning(vm, i)[0] != 0);
	fuzz_runs(vm);
	fuzz_page(vm, vmi_info(vm)->max_gfn);
	fuzz_page(vm, UINT64_MAX >> VMI_PAGE_SHIFT);
	const char *text = vmi_vmcoreinfo(vm, &len);
	if (text)
		fuzz_sum((const uint8_t *)text, len);
	for (unsigned i = 0; i < FUZZ_VCPUS && i < vmi_info(vm)->vcpus; i++) {
		if (vmi_registers_get(vm, i, regs, NULL))
			continue;
		if (!vmi_space_of_vcpu(vm, i, VMI_MODE_AUTO, &space, NULL))
			fuzz_space(vm, &space);
	}
	/* not AUTO: judging tables is the walk's own fuzz target, and takes most of the time */
	for (int mode = VMI_MODE_LEGACY; mode <= VMI_MODE_5LEVEL; mode++)
		if (!vmi_space_of_root(vm, 0x1000, (enum vmi_mode)mode, &space, NULL, NULL))
			fuzz_space(vm, &space);
	if (!vmi_space_default(vm, VMI_MODE_4LEVEL, &space, NULL, NULL))
		fuzz_space(vm, &space);
	free(regs);
}

static inline void fuzz_image(const char *driver, const uint8_t *data, size_t size)
{
	/* small caches: they are not what is tested, and zeroing them would take most of the time
	 */
	const struct vmi_open_options options = {.size = sizeof(options),
						 .driver = driver,
						 .page_slots = 16,
						 .translation_slots = 16};
	struct vmi_error err = {0};
	struct vmi *vm;

	if (vmi_open_memory(&vm, data, size, &options, &err)) {
		fuzz_expect(err.status && err.text[0] != 0);
		return;
	}
	fuzz_handle(vm);
	vmi_close(vm);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
