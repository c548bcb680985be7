/* SPDX-License-Identifier: MIT */
/* Regions, files and mounts of a kernel that the test puts together: whole, torn, in circles. */

#include <string.h>

#include "os_guest.h"

/* As kernels before 6.1 have them, with what is in between left out. */
enum {
	V_START = 0,
	V_END = 8,
	V_NEXT = 16,
	V_FLAGS = 24,
	V_PGOFF = 32,
	V_FILE = 40,
	V_OPS = 48,
	V_PRIVATE = 56,
	V_SIZE = 64,
	MM_MMAP = 0,
	MM_COUNT = 8,
	MM_BRK = 16,
	MM_START_BRK = 24,
	MM_STACK = 32,
	D_PARENT = 0,
	D_LEN = 8,
	D_NAME = 16,
	D_INODE = 24,
	D_OP = 32,
	D_SB = 40,
	D_HASHED = 48,
	D_SIZE = 56,
	M_PARENT = 0,
	M_POINT = 8,
	M_MNT = 16, /* a struct vfsmount: root, super block, flags */
	M_DEVICE = 40,
	M_ID = 48,
	M_LIST = 56,
	M_SIZE = 72,
	F_PATH = 0,
	F_INODE = 16,
	F_MODE = 24,
	F_FLAGS = 28,
	F_POS = 32,
	F_PRIVATE = 40,
	I_INO = 0,
	I_MODE = 8,
	I_SB = 16,
	I_PRIVATE = 24,
	S_DEV = 0,
	S_FLAGS = 8,
	S_TYPE = 16,
	T_FS = 0,
	T_FILES = 8,
	T_NSPROXY = 16,
	FT_MAX = 0,
	FT_FD = 8,
	FT_OPEN = 16,
	FT_CLOSE = 24,
	VMAS = 4,
	WORD = 8,
};

static const struct made_member types[] = {
	{"task_struct", NULL, NULL, 32},
	{"", "fs", "ptr", T_FS},
	{"", "files", "ptr", T_FILES},
	{"", "nsproxy", "ptr", T_NSPROXY},
	{"vm_area_struct", NULL, NULL, V_SIZE},
	{"", "vm_start", "u64", V_START},
	{"", "vm_end", "u64", V_END},
	{"", "vm_next", "ptr", V_NEXT},
	{"", "vm_flags", "u64", V_FLAGS},
	{"", "vm_pgoff", "u64", V_PGOFF},
	{"", "vm_file", "ptr", V_FILE},
	{"", "vm_ops", "ptr", V_OPS},
	{"", "vm_private_data", "ptr", V_PRIVATE},
	{"mm_struct", NULL, NULL, 40},
	{"", "mmap", "ptr", MM_MMAP},
	{"", "map_count", "u32", MM_COUNT},
	{"", "brk", "u64", MM_BRK},
	{"", "start_brk", "u64", MM_START_BRK},
	{"", "start_stack", "u64", MM_STACK},
	{"path", NULL, NULL, 16},
	{"", "mnt", "ptr", 0},
	{"", "dentry", "ptr", 8},
	{"qstr", NULL, NULL, 16},
	{"", "len", "u32", 0},
	{"", "name", "ptr", 8},
	{"hlist_bl_node", NULL, NULL, 8},
	{"", "pprev", "ptr", 0},
	{"dentry", NULL, NULL, D_SIZE},
	{"", "d_parent", "ptr", D_PARENT},
	{"", "d_name", "qstr", D_LEN},
	{"", "d_inode", "ptr", D_INODE},
	{"", "d_op", "ptr", D_OP},
	{"", "d_sb", "ptr", D_SB},
	{"", "d_hash", "hlist_bl_node", D_HASHED},
	{"dentry_operations", NULL, NULL, 8},
	{"", "d_dname", "ptr", 0},
	{"vfsmount", NULL, NULL, 24},
	{"", "mnt_root", "ptr", 0},
	{"", "mnt_sb", "ptr", 8},
	{"", "mnt_flags", "u32", 16},
	{"mount", NULL, NULL, M_SIZE},
	{"", "mnt_parent", "ptr", M_PARENT},
	{"", "mnt_mountpoint", "ptr", M_POINT},
	{"", "mnt", "vfsmount", M_MNT},
	{"", "mnt_devname", "ptr", M_DEVICE},
	{"", "mnt_id", "u32", M_ID},
	{"", "mnt_list", "u64[2]", M_LIST},
	{"inode", NULL, NULL, 32},
	{"", "i_ino", "u64", I_INO},
	{"", "i_mode", "u16", I_MODE},
	{"", "i_sb", "ptr", I_SB},
	{"", "i_private", "ptr", I_PRIVATE},
	{"super_block", NULL, NULL, 24},
	{"", "s_dev", "u32", S_DEV},
	{"", "s_flags", "u64", S_FLAGS},
	{"", "s_type", "ptr", S_TYPE},
	{"file_system_type", NULL, NULL, 8},
	{"", "name", "ptr", 0},
	{"ns_common", NULL, NULL, 8},
	{"", "ops", "ptr", 0},
	{"proc_ns_operations", NULL, NULL, 8},
	{"", "name", "ptr", 0},
	{"file", NULL, NULL, 48},
	{"", "f_path", "path", F_PATH},
	{"", "f_inode", "ptr", F_INODE},
	{"", "f_mode", "u32", F_MODE},
	{"", "f_flags", "u32", F_FLAGS},
	{"", "f_pos", "u64", F_POS},
	{"", "private_data", "ptr", F_PRIVATE},
	{"fs_struct", NULL, NULL, 16},
	{"", "root", "path", 0},
	{"files_struct", NULL, NULL, 8},
	{"", "fdt", "ptr", 0},
	{"fdtable", NULL, NULL, 32},
	{"", "max_fds", "u32", FT_MAX},
	{"", "fd", "ptr", FT_FD},
	{"", "open_fds", "ptr", FT_OPEN},
	{"", "close_on_exec", "ptr", FT_CLOSE},
	{"nsproxy", NULL, NULL, 8},
	{"", "mnt_ns", "ptr", 0},
	{"rb_root", NULL, NULL, 8},
	{"", "rb_node", "ptr", 0},
	{"mnt_namespace", NULL, NULL, 16},
	{"", "list", "u64[2]", 0},
	{"rb_node", NULL, NULL, 16},
	{"", "rb_right", "ptr", 0},
	{"", "rb_left", "ptr", 8},
};

/* A process that has /mnt/file mapped and open, where a second file system is on /mnt. */
struct kernel {
	struct os_guest guest;
	struct vmi_task task;
	vmi_gva vma[VMAS];
	vmi_gva root, mnt, mnt_root, file_entry; /* entries */
	vmi_gva below, above;                    /* mounts */
	vmi_gva inode, super, file, table, fds, open_fds, fs, space;
};

static void put(struct kernel *kernel, vmi_gva gva, uint64_t value)
{
	os_guest_put(&kernel->guest, gva, WORD, value);
}

static vmi_gva text(struct kernel *kernel, const char *bytes)
{
	vmi_gva gva = os_guest_alloc(&kernel->guest, strlen(bytes) + 1);

	memcpy(os_guest_at(&kernel->guest, gva), bytes, strlen(bytes));
	return gva;
}

static vmi_gva entry(struct kernel *kernel, vmi_gva parent, const char *name)
{
	vmi_gva gva = os_guest_alloc(&kernel->guest, D_SIZE);

	put(kernel, gva + D_PARENT, parent ? parent : gva);
	os_guest_put(&kernel->guest, gva + D_LEN, 4, strlen(name));
	put(kernel, gva + D_NAME, text(kernel, name));
	put(kernel, gva + D_INODE, kernel->inode);
	put(kernel, gva + D_SB, kernel->super);
	put(kernel, gva + D_HASHED, gva);
	return gva;
}

static vmi_gva mount(struct kernel *kernel, vmi_gva parent, vmi_gva point, vmi_gva root,
		     unsigned id)
{
	vmi_gva gva = os_guest_alloc(&kernel->guest, M_SIZE);

	put(kernel, gva + M_PARENT, parent ? parent : gva);
	put(kernel, gva + M_POINT, point);
	put(kernel, gva + M_MNT, root);
	put(kernel, gva + M_MNT + WORD, kernel->super);
	os_guest_put(&kernel->guest, gva + M_MNT + 16, 4, 0x21); /* nosuid, relatime */
	put(kernel, gva + M_DEVICE, text(kernel, "/dev/vda"));
	os_guest_put(&kernel->guest, gva + M_ID, 4, id);
	return gva;
}

static void regions_make(struct kernel *kernel)
{
	static const uint64_t flags[VMAS] = {0x5, 0x3, 0x80 | 0x3, 0x103};
	struct os_guest *guest = &kernel->guest;
	vmi_gva mm = os_guest_alloc(guest, 40);

	kernel->task.mm = mm;
	for (unsigned i = 0; i < VMAS; i++)
		kernel->vma[i] = os_guest_alloc(guest, V_SIZE);
	put(kernel, mm + MM_MMAP, kernel->vma[0]);
	os_guest_put(guest, mm + MM_COUNT, 4, VMAS);
	put(kernel, mm + MM_START_BRK, 0x20000);
	put(kernel, mm + MM_BRK, 0x21800);
	put(kernel, mm + MM_STACK, 0x40ff0);
	for (unsigned i = 0; i < VMAS; i++) {
		put(kernel, kernel->vma[i] + V_START, 0x10000 * (i + 1));
		put(kernel, kernel->vma[i] + V_END, 0x10000 * (i + 1) + 0x2000);
		put(kernel, kernel->vma[i] + V_FLAGS, flags[i]);
		if (i < VMAS - 1)
			put(kernel, kernel->vma[i] + V_NEXT, kernel->vma[i + 1]);
	}
	for (unsigned i = 0; i < VMAS; i += 2) {
		put(kernel, kernel->vma[i] + V_FILE, kernel->file);
		put(kernel, kernel->vma[i] + V_PGOFF, i + 1);
	}
}

static void files_make(struct kernel *kernel)
{
	struct os_guest *guest = &kernel->guest;
	vmi_gva files = os_guest_alloc(guest, WORD), close = os_guest_alloc(guest, WORD);

	put(kernel, kernel->task.task + T_FILES, files);
	kernel->table = os_guest_alloc(guest, 32);
	kernel->fds = os_guest_alloc(guest, 64 * WORD);
	kernel->open_fds = os_guest_alloc(guest, WORD);
	put(kernel, files, kernel->table);
	os_guest_put(guest, kernel->table + FT_MAX, 4, 64);
	put(kernel, kernel->table + FT_FD, kernel->fds);
	put(kernel, kernel->table + FT_OPEN, kernel->open_fds);
	put(kernel, kernel->table + FT_CLOSE, close);
	put(kernel, kernel->fds + 3 * WORD, kernel->file);
	put(kernel, kernel->fds + 63 * WORD, kernel->file);
	put(kernel, kernel->open_fds, UINT64_C(1) << 63 | 1 << 5 | 1 << 3); /* 5 is being opened */
	put(kernel, close, 1 << 3);
}

static void mounts_make(struct kernel *kernel)
{
	struct os_guest *guest = &kernel->guest;
	vmi_gva proxy = os_guest_alloc(guest, WORD), space = os_guest_alloc(guest, 16);

	kernel->space = space;
	kernel->fs = os_guest_alloc(guest, 16);
	put(kernel, kernel->task.task + T_FS, kernel->fs);
	put(kernel, kernel->fs, kernel->below + M_MNT);
	put(kernel, kernel->fs + WORD, kernel->root);
	put(kernel, kernel->task.task + T_NSPROXY, proxy);
	put(kernel, proxy, space);
	os_guest_list_init(guest, space);
	os_guest_list_add(guest, space, kernel->below + M_LIST);
	os_guest_list_add(guest, space, kernel->above + M_LIST);
}

static int make_with(void **state, const struct made_member *rows)
{
	struct kernel *kernel = test_calloc(1, sizeof(*kernel));
	struct os_guest *guest = &kernel->guest;

	os_guest_init(guest);
	os_guest_types(guest, rows, sizeof(types) / sizeof(*types));
	kernel->task =
		(struct vmi_task){.task = os_guest_variable(guest, "init_task", 32), .pid = 7};
	kernel->inode = os_guest_alloc(guest, 32);
	kernel->super = os_guest_alloc(guest, 24);
	put(kernel, kernel->inode + I_INO, 4711);
	os_guest_put(guest, kernel->inode + I_MODE, 2, 0100644);
	put(kernel, kernel->inode + I_SB, kernel->super);
	os_guest_put(guest, kernel->super + S_DEV, 4, 8 << 20 | 0x12);
	vmi_gva type = os_guest_alloc(guest, WORD);
	put(kernel, kernel->super + S_TYPE, type);
	put(kernel, type, text(kernel, "ext4"));
	kernel->root = entry(kernel, 0, "/");
	kernel->mnt = entry(kernel, kernel->root, "mnt");
	kernel->mnt_root = entry(kernel, 0, "/");
	kernel->file_entry = entry(kernel, kernel->mnt_root, "file");
	kernel->below = mount(kernel, 0, kernel->root, kernel->root, 1);
	kernel->above = mount(kernel, kernel->below, kernel->mnt, kernel->mnt_root, 22);
	kernel->file = os_guest_alloc(guest, 48);
	put(kernel, kernel->file + F_PATH, kernel->above + M_MNT);
	put(kernel, kernel->file + F_PATH + WORD, kernel->file_entry);
	put(kernel, kernel->file + F_INODE, kernel->inode);
	os_guest_put(guest, kernel->file + F_FLAGS, 4,
		     02100001); /* close on exec, which is stale */
	put(kernel, kernel->file + F_POS, 99);
	regions_make(kernel);
	files_make(kernel);
	mounts_make(kernel);
	os_guest_open(guest);
	guest->problems = 0;
	*state = kernel;
	return 0;
}

static int make(void **state)
{
	return make_with(state, types);
}

/* As it is since 6.8: a namespace's mounts are in a tree. */
static int make_tree(void **state)
{
	struct made_member rows[sizeof(types) / sizeof(*types)];

	memcpy(rows, types, sizeof(types));
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (rows[i].member && !strcmp(rows[i].member, "mnt_list"))
			rows[i].member = "mnt_node";
		else if (rows[i].member && !strcmp(rows[i].member, "list"))
			rows[i] = (struct made_member){"", "mounts", "rb_root", 0};
	return make_with(state, rows);
}

static int drop(void **state)
{
	struct kernel *kernel = *state;

	os_guest_close(&kernel->guest);
	test_free(kernel);
	return 0;
}

static void regions_are(struct kernel *kernel, size_t count, unsigned problems, const char *words)
{
	struct vmi_region_list list;
	struct vmi_error err;

	kernel->guest.problems = 0;
	CHECK_OK(vmi_regions(kernel->guest.os, &kernel->task, &list, &err));
	assert_int_equal(list.count, count);
	assert_int_equal(kernel->guest.problems, problems);
	if (problems && !strstr(kernel->guest.problem, words))
		fail_msg("'%s' does not say '%s'", kernel->guest.problem, words);
	vmi_region_list_free(&list);
}

static void test_regions(void **state)
{
	struct kernel *kernel = *state;
	struct vmi_region_list list;
	struct vmi_error err;

	CHECK_OK(vmi_regions(kernel->guest.os, &kernel->task, &list, &err));
	assert_int_equal(kernel->guest.problems, 0);
	assert_int_equal(list.count, VMAS);
	assert_int_equal(list.region[0].start, 0x10000);
	assert_int_equal(list.region[0].size, 0x2000);
	assert_int_equal(list.region[0].access, VMI_ACCESS_R | VMI_ACCESS_X);
	assert_int_equal(list.region[0].offset, 0x1000);
	assert_int_equal(list.region[0].inode, 4711);
	assert_int_equal(list.region[0].major, 8);
	assert_int_equal(list.region[0].minor, 0x12);
	assert_int_equal(list.region[0].flags, VMI_REGION_FILE);
	assert_string_equal(list.region[0].path, "/mnt/file");
	assert_string_equal(list.region[1].path, "[heap]");
	assert_int_equal(list.region[2].flags, VMI_REGION_FILE | VMI_REGION_SHARED);
	assert_string_equal(list.region[3].path, "[stack]");
	assert_int_equal(list.region[3].offset, 0);
	vmi_region_list_free(&list);

	put(kernel, kernel->file_entry + D_HASHED, 0);
	CHECK_OK(vmi_regions(kernel->guest.os, &kernel->task, &list, &err));
	assert_string_equal(list.region[0].path, "/mnt/file (deleted)");
	assert_true(list.region[0].flags & VMI_REGION_DELETED);
	vmi_region_list_free(&list);
	kernel->task.mm = 0;
	regions_are(kernel, 0, 0, NULL);
}

static void test_torn_list(void **state)
{
	struct kernel *kernel = *state;

	/* A circle: what comes again lies below what was before. */
	put(kernel, kernel->vma[3] + V_NEXT, kernel->vma[1]);
	regions_are(kernel, VMAS, 1, "is no region");
	put(kernel, kernel->vma[3] + V_NEXT, 0);
	/* A pointer that leads nowhere. */
	put(kernel, kernel->vma[1] + V_NEXT, 0xffff888800000000);
	regions_are(kernel, 2, 2, "has 4 regions, 2 can be listed");
	put(kernel, kernel->vma[1] + V_NEXT, kernel->vma[2]);
	/* One that is none. */
	put(kernel, kernel->vma[2] + V_END, 0x30000);
	regions_are(kernel, 3, 2, "has 4 regions, 3 can be listed");
}

static void test_torn_names(void **state)
{
	struct kernel *kernel = *state;

	/* Parents in a circle, an endless name, one that is nowhere, mounts in a circle. */
	put(kernel, kernel->mnt_root + D_PARENT, kernel->file_entry);
	put(kernel, kernel->above + M_MNT, kernel->root);
	regions_are(kernel, VMAS, 2, "a name of more than");
	put(kernel, kernel->mnt_root + D_PARENT, kernel->mnt_root);
	put(kernel, kernel->above + M_MNT, kernel->mnt_root);
	os_guest_put(&kernel->guest, kernel->file_entry + D_LEN, 4, 0x7fffffff);
	regions_are(kernel, VMAS, 2, "too long a name");
	os_guest_put(&kernel->guest, kernel->file_entry + D_LEN, 4, 4);
	put(kernel, kernel->file_entry + D_NAME, 0x10);
	regions_are(kernel, VMAS, 2, "the name of entry");
	put(kernel, kernel->file_entry + D_NAME, kernel->mnt_root);
	put(kernel, kernel->above + M_PARENT, kernel->below);
	put(kernel, kernel->below + M_PARENT, kernel->above);
	put(kernel, kernel->below + M_POINT, kernel->mnt_root);
	put(kernel, kernel->root + D_PARENT, kernel->mnt_root);
	put(kernel, kernel->mnt + D_PARENT, kernel->root);
	put(kernel, kernel->fs + WORD, 0);
	struct vmi_file_list list;
	struct vmi_error err;
	CHECK_OK(vmi_files(kernel->guest.os, &kernel->task, &list, &err));
	assert_int_equal(list.count, 2);
	assert_null(list.file[0].path);
	vmi_file_list_free(&list);
}

static void test_files(void **state)
{
	struct kernel *kernel = *state;
	struct vmi_file_list list;
	struct vmi_error err;

	CHECK_OK(vmi_files(kernel->guest.os, &kernel->task, &list, &err));
	assert_int_equal(kernel->guest.problems, 0);
	assert_int_equal(list.count, 2);
	assert_int_equal(list.file[0].fd, 3);
	assert_int_equal(list.file[0].flags, 02100001);
	assert_int_equal(list.file[0].offset, 99);
	assert_int_equal(list.file[0].mode, 0100644);
	assert_string_equal(list.file[0].path, "/mnt/file");
	assert_int_equal(list.file[1].fd, 63);
	assert_int_equal(list.file[1].flags, 0100001);
	vmi_file_list_free(&list);

	os_guest_put(&kernel->guest, kernel->table + FT_MAX, 4, 0xffffffff);
	CHECK_FAIL(vmi_files(kernel->guest.os, &kernel->task, &list, &err), VMI_ERR_CORRUPT,
		   "a table of 4294967295 files is none");
	os_guest_put(&kernel->guest, kernel->table + FT_MAX, 4, 64);
	put(kernel, kernel->table + FT_OPEN, 0x10);
	CHECK_OK(vmi_files(kernel->guest.os, &kernel->task, &list, &err));
	assert_int_equal(list.count, 0);
	assert_int_equal(kernel->guest.problems, 1);
	vmi_file_list_free(&list);
}

static void test_mounts(void **state)
{
	struct kernel *kernel = *state;
	struct vmi_mount_list list;
	struct vmi_error err;

	CHECK_OK(vmi_mounts(kernel->guest.os, &kernel->task, &list, &err));
	assert_int_equal(kernel->guest.problems, 0);
	assert_int_equal(list.count, 2);
	assert_string_equal(list.mount[0].target, "/");
	assert_string_equal(list.mount[1].target, "/mnt");
	assert_string_equal(list.mount[1].root, "/");
	assert_string_equal(list.mount[1].source, "/dev/vda");
	assert_string_equal(list.mount[1].type, "ext4");
	assert_string_equal(list.mount[1].options, "rw,nosuid,relatime");
	assert_int_equal(list.mount[1].id, 22);
	assert_int_equal(list.mount[1].parent, 1);
	vmi_mount_list_free(&list);

	/* What a file that is gone now is mounted on has its name still, as the kernel shows it. */
	put(kernel, kernel->above + M_MNT, kernel->file_entry);
	put(kernel, kernel->file_entry + D_HASHED, 0);
	CHECK_OK(vmi_mounts(kernel->guest.os, &kernel->task, &list, &err));
	assert_int_equal(kernel->guest.problems, 0);
	assert_int_equal(list.count, 2);
	assert_string_equal(list.mount[1].target, "/mnt");
	assert_string_equal(list.mount[1].root, "/file");
	vmi_mount_list_free(&list);
	put(kernel, kernel->above + M_MNT, kernel->mnt_root);

	/* A task whose root is /mnt sees but that. */
	put(kernel, kernel->fs, kernel->above + M_MNT);
	put(kernel, kernel->fs + WORD, kernel->mnt_root);
	CHECK_OK(vmi_mounts(kernel->guest.os, &kernel->task, &list, &err));
	assert_int_equal(list.count, 1);
	assert_string_equal(list.mount[0].target, "/");
	assert_int_equal(list.mount[0].id, 22);
	vmi_mount_list_free(&list);
}

/* A list that runs in a circle: what is in it is told once, and what it can be reached from. */
static void test_mounts_in_circles(void **state)
{
	struct kernel *kernel = *state;
	struct vmi_mount_list list;
	struct vmi_error err;

	put(kernel, kernel->above + M_LIST, kernel->above + M_LIST);
	CHECK_OK(vmi_mounts(kernel->guest.os, &kernel->task, &list, &err));
	assert_int_equal(kernel->guest.problems, 1);
	assert_non_null(strstr(kernel->guest.problem, "the list of mounts runs in a circle"));
	assert_int_equal(list.count, 2);
	vmi_mount_list_free(&list);
	put(kernel, kernel->above + M_LIST, kernel->below + M_LIST);
	CHECK_OK(vmi_mounts(kernel->guest.os, &kernel->task, &list, &err));
	assert_int_equal(list.count, 2);
	vmi_mount_list_free(&list);
}

static void test_mounts_in_a_tree(void **state)
{
	struct kernel *kernel = *state;
	vmi_gva below = kernel->below + M_LIST, above = kernel->above + M_LIST;
	struct vmi_mount_list list;
	struct vmi_error err;

	/* Right is the first in a node, left the second. */
	put(kernel, kernel->space, below);
	put(kernel, below, above);
	put(kernel, below + WORD, 0);
	put(kernel, above, 0);
	put(kernel, above + WORD, 0);
	CHECK_OK(vmi_mounts(kernel->guest.os, &kernel->task, &list, &err));
	assert_int_equal(kernel->guest.problems, 0);
	assert_int_equal(list.count, 2);
	assert_string_equal(list.mount[1].target, "/mnt");
	vmi_mount_list_free(&list);
	/* Torn, it leads back to where it was, in two ways. */
	put(kernel, above, below);
	put(kernel, above + WORD, above);
	CHECK_OK(vmi_mounts(kernel->guest.os, &kernel->task, &list, &err));
	assert_int_equal(kernel->guest.problems, 2);
	assert_non_null(strstr(kernel->guest.problem, "the tree of mounts runs in a circle"));
	assert_int_equal(list.count, 2);
	vmi_mount_list_free(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_regions, make, drop),
		cmocka_unit_test_setup_teardown(test_torn_list, make, drop),
		cmocka_unit_test_setup_teardown(test_torn_names, make, drop),
		cmocka_unit_test_setup_teardown(test_files, make, drop),
		cmocka_unit_test_setup_teardown(test_mounts, make, drop),
		cmocka_unit_test_setup_teardown(test_mounts_in_circles, make, drop),
		cmocka_unit_test_setup_teardown(test_mounts_in_a_tree, make_tree, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
