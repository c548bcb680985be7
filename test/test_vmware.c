/* SPDX-License-Identifier: MIT */
/* The VMware driver: states with memory inside and beside, registers in both forms. */

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image.h"
#include "mk_vmware.h"

enum { PAGE = VMI_PAGE_SIZE };

static struct image state_open(const struct mk_vmware *vmware)
{
	size_t size;
	uint8_t *bytes = mk_vmware(vmware, &size);

	return image_of(bytes, size);
}

static void state_refused(const struct mk_vmware *vmware, enum vmi_status status, const char *words)
{
	size_t size;
	uint8_t *bytes = mk_vmware(vmware, &size);

	assert_bytes_refused(bytes, size, status, words);
}

/* ---- memory in the state ---------------------------------------------------------------- */

static void inside(void **state)
{
	struct image image = state_open(&(struct mk_vmware){
		.inside = true, .pad = 4000, .region = {{0, 0, 8}, {8, 0x100000, 4}}});
	struct vmi_page page;

	(void)state;
	assert_string_equal(vmi_info(image.vm)->driver, "vmware");
	assert_string_equal(vmi_info(image.vm)->format, "vmware");
	assert_int_equal(vmi_info(image.vm)->max_gfn, 0x100003);
	assert_int_equal(vmi_info(image.vm)->capabilities, VMI_CAP_READ);
	assert_runs(image.vm, "0+8000 100000000+4000");
	assert_memory(image.vm, 0, 0x8000, 0);
	assert_memory(image.vm, 0x100000000, 0x4000, 0);
	assert_unreadable(image.vm, 0x8000, "no memory at gfn 0x8");
	assert_int_equal(vmi_page_get(image.vm, 7, &page, NULL), VMI_OK);
	assert_null(page.pin);
	vmi_page_put(image.vm, &page);
	assert_warns(image.vm, "registers are missing: it has no group 'cpu'");
	image_close(&image);
}

static void flat_inside(void **state)
{
	struct image image =
		state_open(&(struct mk_vmware){.magic = 0xbed3bed3, .inside = true, .pages = 5});

	(void)state;
	assert_runs(image.vm, "0+5000");
	assert_memory(image.vm, 0, 0x5000, 0);
	image_close(&image);
}

static void narrow_sizes(void **state)
{
	struct image image = state_open(&(struct mk_vmware){.magic = 0xbed0bed0,
							    .inside = true,
							    .pad = 3,
							    .pages = 5,
							    .cpus = 1,
							    .blocks = true,
							    .wide = true});
	struct vmi_registers regs = registers_of(image.vm, 0);

	(void)state;
	assert_memory(image.vm, 0, 0x5000, 0);
	assert_known(&regs, VMI_RAX, mk_vmware_value("rax", 0));
	image_close(&image);
}

static void regions_differ(void **state)
{
	struct image image = state_open(&(struct mk_vmware){
		.inside = true, .region = {{0, 0, 4}, {2, 0x100, 4}, {100, 0x200, 1}}});

	(void)state;
	/* the second starts where the first still is, the third behind the end of the block */
	assert_runs(image.vm, "0+4000 100000+4000");
	assert_memory(image.vm, 0, 0x4000, 0);
	assert_unreadable(image.vm, 0x200000, "gfn 0x200 was left out");
	image_close(&image);
}

static void cut_inside(void **state)
{
	struct image image =
		state_open(&(struct mk_vmware){.inside = true, .pages = 8, .cut = 2 * PAGE + 2});

	(void)state;
	assert_warns(image.vm, "bytes from gpa 0x6000 on are cut off");
	assert_memory(image.vm, 0, 0x6000, 0);
	assert_unreadable(image.vm, 0x6000, "gfn 0x6 was cut off");
	image_close(&image);
}

/* ---- registers -------------------------------------------------------------------------- */

static void check_wide(struct vmi *vm, unsigned vcpu)
{
	static const enum vmi_register segments[] = {VMI_ES, VMI_CS, VMI_SS,   VMI_DS,
						     VMI_FS, VMI_GS, VMI_LDTR, VMI_TR};
	struct vmi_registers regs = registers_of(vm, vcpu);

	assert_string_equal(regs.source, "vmware-state");
	for (enum vmi_register reg = VMI_RAX; reg <= VMI_RIP; reg++)
		assert_known(&regs, reg, mk_vmware_value(vmi_register_name(reg), vcpu));
	assert_known(&regs, VMI_RFLAGS, 0x246);
	for (enum vmi_register reg = VMI_CR0; reg <= VMI_CR4; reg++)
		assert_known(&regs, reg, mk_vmware_value(vmi_register_name(reg), vcpu));
	assert_known(&regs, VMI_IDTR_LIMIT, 0xfff);
	assert_known(&regs, VMI_IDTR_BASE, mk_vmware_value("idtr", vcpu));
	for (unsigned i = 0; i < 8; i++) {
		assert_known(&regs, segments[i], 0x10 + 8 * i);
		assert_known(&regs, segments[i] + VMI_SEGMENT_BASE, 0x1000 * i);
	}
	assert_false(vmi_register_has(&regs, VMI_EFER));
	assert_false(vmi_register_has(&regs, VMI_CS_LIMIT));
	assert_false(vmi_register_has(&regs, VMI_GDTR_BASE));
}

static void wide_registers(void **state)
{
	struct mk_vmware vmware = {.inside = true, .pages = 4, .cpus = 3, .wide = true};

	(void)state;
	for (unsigned blocks = 0; blocks < 2; blocks++) {
		vmware.blocks = blocks;
		vmware.no_end = blocks;
		struct image image = state_open(&vmware);
		assert_int_equal(vmi_info(image.vm)->vcpus, 3);
		assert_no_warning(image.vm);
		for (unsigned vcpu = 0; vcpu < 3; vcpu++)
			check_wide(image.vm, vcpu);
		struct vmi_registers regs = registers_of(image.vm, 1);
		if (blocks)
			assert_known(&regs, VMI_CR8, mk_vmware_value("cr8", 1));
		else
			assert_false(vmi_register_has(&regs, VMI_CR8));
		image_close(&image);
	}
}

static void narrow_registers(void **state)
{
	struct image image = state_open(&(struct mk_vmware){.inside = true, .pages = 4, .cpus = 1});
	struct vmi_registers regs = registers_of(image.vm, 0);

	(void)state;
	assert_known(&regs, VMI_RAX, mk_vmware_value("rax", 0) & UINT32_MAX);
	assert_known(&regs, VMI_RIP, mk_vmware_value("rip", 0) & UINT32_MAX);
	assert_known(&regs, VMI_CR3, mk_vmware_value("cr3", 0) & UINT32_MAX);
	assert_false(vmi_register_has(&regs, VMI_R8));
	image_close(&image);
}

/* A CPU that no register is of, and one that can not be. */
static void odd_cpus(void **state)
{
	struct mk_vmware vmware = {
		.inside = true, .pages = 4, .cpus = 1, .cpu = 2, .blocks = true, .wide = true};

	(void)state;
	struct image image = state_open(&vmware);
	assert_int_equal(vmi_info(image.vm)->vcpus, 3);
	assert_warns(image.vm, "registers of 3 of its 1 vcpus");
	struct vmi_registers regs = registers_of(image.vm, 0);
	assert_false(vmi_register_has(&regs, VMI_RAX));
	regs = registers_of(image.vm, 2);
	assert_known(&regs, VMI_RAX, mk_vmware_value("rax", 0));
	image_close(&image);

	vmware.cpu = 0;
	vmware.cut = 40;
	image = state_open(&vmware);
	assert_warns(image.vm, "registers are missing: the tag at 0x");
	regs = registers_of(image.vm, 0);
	assert_known(&regs, VMI_RAX, mk_vmware_value("rax", 0));
	assert_memory(image.vm, 0, 0x4000, 0);
	image_close(&image);

	vmware.cut = 0;
	vmware.cpu = UINT32_MAX;
	image = state_open(&vmware);
	assert_int_equal(vmi_info(image.vm)->vcpus, 0);
	assert_int_equal(vmi_info(image.vm)->capabilities, VMI_CAP_READ);
	image_close(&image);
}

/* ---- memory beside ---------------------------------------------------------------------- */

struct folder {
	char path[40];
	char *name[4];
	unsigned names;
};

static struct folder folder_create(void)
{
	struct folder folder = {.path = "/tmp/test_vmware.XXXXXX"};

	assert_non_null(mkdtemp(folder.path));
	return folder;
}

static const char *folder_add(struct folder *folder, const char *name, uint8_t *bytes, size_t size)
{
	char *path = NULL;

	assert_true(asprintf(&path, "%s/%s", folder->path, name) > 0);
	folder->name[folder->names++] = path;
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	close(fd);
	free(bytes);
	return path;
}

static void folder_remove(struct folder *folder)
{
	while (folder->names) {
		unlink(folder->name[--folder->names]);
		free(folder->name[folder->names]);
	}
	rmdir(folder->path);
}

static struct vmi *named_open(const char *name)
{
	struct vmi_error err = {0};
	struct vmi *vm;

	if (vmi_open(&vm, name, NULL, &err))
		fail_with(name, &err);
	return vm;
}

static void named_refused(const char *name, enum vmi_status status, const char *words)
{
	struct vmi_error err = {0};
	struct vmi *vm = NULL;
	enum vmi_status st = vmi_open(&vm, name, NULL, &err);

	vmi_close(vm);
	assert_says(st, status, words, &err);
}

static const struct mk_vmware split = {
	.region = {{0, 0, 6}, {6, 0x100000, 3}}, .cpus = 2, .blocks = true, .wide = true};

static void check_split(const char *name)
{
	struct vmi *vm = named_open(name);

	assert_string_equal(vmi_info(vm)->format, "vmware");
	assert_runs(vm, "0+6000 100000000+3000");
	assert_memory(vm, 0, 0x6000, 0);
	assert_memory(vm, 0x100000000, 0x3000, 0);
	check_wide(vm, 1);
	assert_no_warning(vm);
	vmi_close(vm);
}

static void beside(void **state)
{
	struct folder folder = folder_create();
	char both[200];
	size_t size;

	(void)state;
	uint8_t *bytes = mk_vmware(&split, &size);
	const char *vmss = folder_add(&folder, "a.b.vmss", bytes, size);
	named_refused(vmss, VMI_ERR_IO,
		      "holds no memory, and the .vmem is not beside it: put it there by the same "
		      "name, or name both");
	bytes = mk_vmem(&split, &size);
	const char *vmem = folder_add(&folder, "a.b.vmem", bytes, size);
	check_split(vmss);
	check_split(vmem);
	snprintf(both, sizeof(both), "%s,%s", vmss, vmem);
	check_split(both);
	snprintf(both, sizeof(both), "%s,%s", vmem, vmss);
	check_split(both);
	snprintf(both, sizeof(both), "%s,%s,%s", vmem, vmss, vmss);
	named_refused(both, VMI_ERR_ARG, "are two files, not 3");
	bytes = mk_vmware(&split, &size);
	vmss = folder_add(&folder, "other.vmsn", bytes, size);
	snprintf(both, sizeof(both), "%s,%s", vmss, vmem);
	check_split(both);
	named_refused(vmss, VMI_ERR_IO, "other.vmem: No such file");
	folder_remove(&folder);
}

/* A .vmem alone, and one whose companion only has the name. */
static void bare(void **state)
{
	struct folder folder = folder_create();
	size_t size;

	(void)state;
	uint8_t *bytes = mk_vmem(&(struct mk_vmware){.pages = 4}, &size);
	const char *vmem = folder_add(&folder, "a.vmem", bytes, size);
	for (unsigned i = 0; i < 2; i++) {
		struct vmi *vm = named_open(vmem);
		assert_string_equal(vmi_info(vm)->format, "vmware-vmem");
		assert_warns(vm, "no .vmss or .vmsn of the same name beside this .vmem");
		assert_runs(vm, "0+4000");
		assert_memory(vm, 0, 0x4000, 0);
		vmi_close(vm);
		folder_add(&folder, "a.vmss", calloc(1, 4096), 4096);
	}
	folder_remove(&folder);
}

/* More than 3 GiB: sparse, so that it costs nothing. */
static void bare_with_hole(void **state)
{
	struct folder folder = folder_create();
	const uint64_t gib = UINT64_C(1) << 30;
	const char *vmem = folder_add(&folder, "a.vmem", calloc(1, 1), 1);
	uint64_t word = 0;
	int fd = open(vmem, O_RDWR);

	(void)state;
	assert_int_equal(ftruncate(fd, (off_t)(5 * gib)), 0);
	assert_int_equal(pwrite(fd, "behind..", 8, (off_t)(3 * gib)), 8);
	close(fd);
	struct vmi *vm = named_open(vmem);
	assert_warns(vm, "what is behind 3 GiB of the file is taken to be at 4 GiB");
	assert_int_equal(vmi_read_bytes(vm, NULL, 4 * gib, &word, 8, NULL, NULL), VMI_OK);
	assert_int_equal(word, mk_value("behind.."));
	assert_unreadable(vm, 3 * gib, "no memory at gfn 0xc0000");
	assert_int_equal(vmi_info(vm)->max_gfn, 0x17ffff);
	vmi_close(vm);
	/* who says where it lies is believed */
	const struct vmi_layout layout = {.gpa = 0, .size = 5 * gib, .offset = 0};
	const struct vmi_open_options options = {
		.size = sizeof(options), .layout = &layout, .layout_count = 1};
	assert_int_equal(vmi_open(&vm, vmem, &options, NULL), VMI_OK);
	assert_string_equal(vmi_info(vm)->driver, "raw");
	vmi_close(vm);
	folder_remove(&folder);
}

/* ---- refusals --------------------------------------------------------------------------- */

static void refused(void **state)
{
	(void)state;
	state_refused(&(struct mk_vmware){.inside = true, .compressed = true, .pages = 4},
		      VMI_ERR_UNSUPPORTED, "its memory is in a compressed block at 0x");
	state_refused(&(struct mk_vmware){.pages = 4}, VMI_ERR_UNSUPPORTED,
		      "it holds no memory, and the .vmem is not beside it");
	state_refused(&(struct mk_vmware){.inside = true, .pages = 4, .claim_regions = 1025},
		      VMI_ERR_CORRUPT, "0x401 regions of memory, more than 1024");
	state_refused(&(struct mk_vmware){.inside = true,
					  .region = {{0, 0, 1}, {1, UINT32_MAX, 1}},
					  .claim_regions = 1000,
					  .cut = 0x2002},
		      VMI_ERR_CORRUPT, "before any of its memory");
	state_refused(&(struct mk_vmware){.inside = true, .pages = 4, .cut = 0x4002},
		      VMI_ERR_CORRUPT, "before any of its memory");
	state_refused(&(struct mk_vmware){.groups = 3000, .cut = 60}, VMI_ERR_CORRUPT,
		      "the groups of a VMware state: 80 bytes at file offset");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inside),           cmocka_unit_test(flat_inside),
		cmocka_unit_test(narrow_sizes),     cmocka_unit_test(regions_differ),
		cmocka_unit_test(cut_inside),       cmocka_unit_test(wide_registers),
		cmocka_unit_test(narrow_registers), cmocka_unit_test(odd_cpus),
		cmocka_unit_test(beside),           cmocka_unit_test(bare),
		cmocka_unit_test(bare_with_hole),   cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
