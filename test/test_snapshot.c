/* SPDX-License-Identifier: MIT */
/* vmi-live snapshot: what is written is what there was, whole or not at all. */

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "live_run.h"

enum { PAGES = 40, FAR = 0x100000000 >> 12 };

struct setting {
	struct fake *fake;
	char folder[64], file[96];
};

static struct setting setting_make(void)
{
	struct setting s;

	snprintf(s.folder, sizeof(s.folder), "/tmp/vmi-snapshot.XXXXXX");
	assert_non_null(mkdtemp(s.folder));
	snprintf(s.file, sizeof(s.file), "%s/image", s.folder);
	s.fake = fake_create();
	s.fake->vcpus = 3;
	fake_memory(s.fake, 0, PAGES);
	fake_memory(s.fake, PAGES << 12, 8); /* touches the first */
	fake_memory(s.fake, (vmi_gpa)FAR << 12, 8);
	/* Every third page is zero; a page holds its own number, at one end or the other. */
	for (vmi_gfn gfn = 0; gfn < PAGES + 8; gfn++)
		if (gfn % 3)
			fake_put64(s.fake, (gfn << 12) + (gfn % 2 ? 0 : 0xff8), gfn);
	fake_put64(s.fake, ((vmi_gpa)FAR << 12) + 0x7ff8, 0x1122334455667788);
	fake_table(s.fake, VMI_CAP_FULL);
	return s;
}

static unsigned files_in(const char *folder)
{
	unsigned count = 0;
	DIR *dir = opendir(folder);

	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir));)
		count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	closedir(dir);
	return count;
}

/* The guest runs, and only `files` are in the folder. */
static void setting_end(struct setting *s, unsigned files)
{
	assert_int_equal(s->fake->paused, 0);
	assert_int_equal(files_in(s->folder), files);
	unlink(s->file);
	rmdir(s->folder);
	fake_destroy(s->fake);
}

static struct run *snapshot(struct setting *s, const char *options)
{
	char words[256];

	snprintf(words, sizeof(words), "-o %s %s", s->file, options);
	return run_live(s->fake, "snapshot", words);
}

static void put_registers(struct fake *fake)
{
	for (unsigned vcpu = 0; vcpu < 2; vcpu++)
		for (int i = 0; i < VMI_REGISTER_COUNT; i++)
			vmi_register_know(&fake->registers[vcpu], (enum vmi_register)i,
					  0xfedc000000000000 + vcpu * 0x10000 + (unsigned)i);
	/* One that knows little, and one thing by a rule. */
	vmi_register_know(&fake->registers[2], VMI_RIP, 0);
	vmi_register_assume(&fake->registers[2], VMI_EFER, 0x500, "a rule, and why");
}

static void same_registers(struct vmi *image, const struct fake *fake)
{
	struct vmi_error err;

	assert_int_equal(vmi_info(image)->vcpus, fake->vcpus);
	for (unsigned vcpu = 0; vcpu < fake->vcpus; vcpu++) {
		struct vmi_registers got;

		CHECK_OK(vmi_registers_get(image, vcpu, &got, &err));
		for (int i = 0; i < VMI_REGISTER_COUNT; i++) {
			const struct vmi_registers *want = &fake->registers[vcpu];

			assert_int_equal(got.provenance[i], want->provenance[i]);
			assert_int_equal(got.value[i], want->value[i]);
			if (want->why[i])
				assert_string_equal(got.why[i], want->why[i]);
		}
		assert_string_equal(got.source, "vmicore-note");
	}
}

/* Every byte of the fake is in the image, and no other. */
static void same_memory(struct vmi *image, struct fake *fake)
{
	struct vmi_error err;
	uint64_t bytes = 0;

	for (unsigned i = 0; i < fake->block_count; i++) {
		const struct fake_block *block = &fake->blocks[i];

		for (size_t n = 0; n < block->pages; n++) {
			uint8_t page[VMI_PAGE_SIZE];

			CHECK_OK(vmi_read_bytes(image, NULL, block->gpa + n * VMI_PAGE_SIZE, page,
						sizeof(page), NULL, &err));
			assert_memory_equal(page, block->bytes + n * VMI_PAGE_SIZE, sizeof(page));
		}
		bytes += block->pages * VMI_PAGE_SIZE;
	}
	assert_int_equal(vmi_info(image)->memory_bytes, bytes);
}

/* ---- elf ------------------------------------------------------------------------------------ */

static void elf(void **state)
{
	static const char info[] = "OSRELEASE=6.1\n";
	struct setting s = setting_make();
	struct vmi_error err;
	struct vmi *image;
	size_t len;

	(void)state;
	put_registers(s.fake);
	s.fake->vmcoreinfo = info;
	struct run *run = snapshot(&s, "--json");
	CHECK_RUN(
		run, 0,
		"\"format\":\"elf\",\"compress\":\"none\",\"vcpus\":3,\"memory_bytes\":229376,\"runs\":2,",
		"");
	CHECK_RUN(run, 0, "\"missing_bytes\":0,", "");
	CHECK_RUN(run, 0, "\"paused_ns\":", "");
	assert_int_equal(fake_calls(s.fake, FAKE_PAUSE), 1);
	assert_int_equal(fake_calls(s.fake, FAKE_WRITE), 0);
	CHECK_OK(vmi_open(&image, s.file, NULL, &err));
	assert_string_equal(vmi_info(image)->format, "elf-vmicore");
	assert_null(vmi_warning(image, 0));
	same_memory(image, s.fake);
	same_registers(image, s.fake);
	const char *text = vmi_vmcoreinfo(image, &len);
	assert_int_equal(len, strlen(info));
	assert_memory_equal(text, info, len);
	vmi_close(image);
	free(run);
	setting_end(&s, 1);
}

/* A guest of zeros costs headers. */
static void zeros_cost_nothing(void **state)
{
	struct setting s = setting_make();
	struct stat st;
	struct vmi_error err;
	struct vmi *image;

	(void)state;
	fake_memory(s.fake, 0x200000000, 16384);
	fake_put64(s.fake, 0x200000000 + (16383 << 12), 1);
	struct run *run = snapshot(&s, "");
	CHECK_RUN(run, 0, "MiB of memory, 3 vcpus; ", "");
	CHECK_RUN(run, 0, " MiB on disk; the guest was paused for ", "");
	assert_int_equal(stat(s.file, &st), 0);
	assert_true(st.st_size > 64 << 20);
	assert_true(st.st_blocks * 512 < 1 << 20);
	assert_int_equal(st.st_mode & 0777, 0600);
	CHECK_OK(vmi_open(&image, s.file, NULL, &err));
	same_memory(image, s.fake);
	vmi_close(image);
	free(run);
	setting_end(&s, 1);
}

/* More stretches than a header's 16 bits can count; bytes of them, as it happens. */
static void many_stretches(void **state)
{
	enum { BYTES = 2 * 66000 };
	struct setting s = setting_make();
	struct vmi_error err;
	struct vmi *image;
	struct vmi_run run_of;
	uint8_t byte;

	(void)state;
	fake_memory(s.fake, 0x200000000, 40);
	for (unsigned i = 0; i < BYTES; i++)
		*fake_at(s.fake, 0x200000000 + i) = (uint8_t)(i / 2 + 1);
	fake_forget(s.fake, 0x200000000 + BYTES, (40 << 12) - BYTES);
	for (unsigned i = 1; i < BYTES; i += 2)
		fake_forget(s.fake, 0x200000000 + i, 1);
	struct run *run = snapshot(&s, "--json");
	CHECK_RUN(run, 0, "\"runs\":66002,", "");
	CHECK_OK(vmi_open(&image, s.file, NULL, &err));
	assert_null(vmi_warning(image, 0));
	for (unsigned i = 0; i < BYTES; i += 2222) {
		CHECK_OK(vmi_read_u8(image, NULL, 0x200000000 + i, &byte, &err));
		assert_int_equal(byte, (uint8_t)(i / 2 + 1));
		CHECK_FAIL(vmi_read_u8(image, NULL, 0x200000001 + i, &byte, &err),
			   VMI_ERR_NOT_SAVED, "gpa");
	}
	CHECK_OK(vmi_run_next(image, 0x200000000, &run_of, &err));
	assert_int_equal(run_of.size, 1);
	assert_int_equal(vmi_info(image)->vcpus, 3);
	vmi_close(image);
	free(run);
	setting_end(&s, 1);
}

/* ---- what cannot be had --------------------------------------------------------------------- */

/* Odd frames are listed but not there: a guest that gave them back, or device memory. */
static enum vmi_status even_only(void *self, vmi_gfn gfn, struct vmi_page *page,
				 struct vmi_error *err)
{
	struct fake *fake = fake_of(self);
	const struct vmi_driver_ops *whole = fake->guest_data;

	if (gfn % 2)
		return vmi_fail(err, VMI_ERR_NOT_SAVED, "gfn 0x%x is gone", (unsigned)gfn);
	enum vmi_status st = whole->page.get(self, gfn, page, err);
	if (!st)
		page->extent = VMI_PAGE_SIZE;
	return st;
}

static void holes(void **state)
{
	struct setting s = setting_make();
	struct vmi_error err;
	struct vmi *image;
	uint64_t value;

	(void)state;
	/* So many that there is no room for their headers in front. */
	fake_memory(s.fake, 0x200000000, 6000);
	fake_put64(s.fake, 0x200000000, 0x1111);
	fake_put64(s.fake, 0x200000000 + (5998 << 12), 0x2222);
	struct vmi_driver_ops whole = s.fake->ops;
	s.fake->guest_data = &whole;
	s.fake->ops.page.get = even_only;
	struct run *run = snapshot(&s, "--json");
	CHECK_RUN(run, 1, "\"missing_bytes\":12402688,",
		  "12402688 bytes could not be read and are left out, first: ");
	CHECK_RUN(run, 1, "\"runs\":3028,", "gfn 0x1 is gone");
	CHECK_OK(vmi_open(&image, s.file, NULL, &err));
	assert_null(vmi_warning(image, 0));
	assert_int_equal(vmi_info(image)->memory_bytes, 3028 * VMI_PAGE_SIZE);
	CHECK_OK(vmi_read_u64(image, NULL, 0x200000000, &value, &err));
	assert_int_equal(value, 0x1111);
	CHECK_OK(vmi_read_u64(image, NULL, 0x200000000 + (5998 << 12), &value, &err));
	assert_int_equal(value, 0x2222);
	CHECK_FAIL(vmi_read_u64(image, NULL, 0x200001000, &value, &err), VMI_ERR_NOT_SAVED, "gpa");
	vmi_close(image);
	free(run);
	setting_end(&s, 1);
}

static void failures(void **state)
{
	static const struct {
		enum fake_op op;
		unsigned nth;
		enum vmi_status status;
	} cases[] = {
		{FAKE_PAUSE, 1, VMI_ERR_GONE},
		{FAKE_REGISTERS_GET, 2, VMI_ERR_GONE},
		{FAKE_PAGE_GET, 5, VMI_ERR_IO},
		{FAKE_PAGE_GET, 1, VMI_ERR_GONE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct setting s = setting_make();

		s.fake->pages = FAKE_COPIED;
		fake_fail(s.fake, cases[i].op, cases[i].nth, cases[i].status);
		struct run *run = snapshot(&s, "");
		CHECK_RUN(run, 1, "", "injected failure");
		assert_string_equal(run->out, "");
		free(run);
		setting_end(&s, 0);
	}
}

/* A vcpu without registers keeps its place. */
static void vcpu_without_registers(void **state)
{
	struct setting s = setting_make();
	struct vmi_registers regs;
	struct vmi_error err;
	struct vmi *image;

	(void)state;
	put_registers(s.fake);
	fake_fail(s.fake, FAKE_REGISTERS_GET, 2, VMI_ERR_NOT_FOUND);
	struct run *run = snapshot(&s, "");
	CHECK_RUN(run, 1, "3 vcpus", "vcpu 1 has no registers in the image: injected failure");
	CHECK_OK(vmi_open(&image, s.file, NULL, &err));
	CHECK_OK(vmi_registers_get(image, 1, &regs, &err));
	for (int i = 0; i < VMI_REGISTER_COUNT; i++)
		assert_int_equal(regs.provenance[i], VMI_ABSENT);
	CHECK_OK(vmi_registers_get(image, 2, &regs, &err));
	assert_int_equal(regs.value[VMI_EFER], 0x500);
	vmi_close(image);
	free(run);
	setting_end(&s, 1);
}

/* As on a disk that is full. */
static void no_room(void **state)
{
	struct setting s = setting_make();
	struct rlimit before, small;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	small = before;
	small.rlim_cur = 100000;
	setrlimit(RLIMIT_FSIZE, &small);
	struct run *run = snapshot(&s, "");
	setrlimit(RLIMIT_FSIZE, &before);
	CHECK_RUN(run, 1, "", "cannot write /tmp/vmi-snapshot.");
	assert_non_null(strstr(run->err, "File too large"));
	free(run);
	setting_end(&s, 0);
}

static enum vmi_status stop_at_five(void *self, vmi_gfn gfn, struct vmi_page *page,
				    struct vmi_error *err)
{
	const struct vmi_driver_ops *whole = fake_of(self)->guest_data;

	if (gfn == 5) {
		kill(getpid(), SIGINT);
		usleep(200000);
	}
	return whole->page.get(self, gfn, page, err);
}

static void stopped(void **state)
{
	struct setting s = setting_make();
	struct vmi_driver_ops whole = s.fake->ops;

	(void)state;
	s.fake->guest_data = &whole;
	s.fake->ops.page.get = stop_at_five;
	s.fake->pages = FAKE_COPIED;
	struct run *run = snapshot(&s, "");
	CHECK_RUN(run, 1, "", "stopped: no image is written");
	free(run);
	setting_end(&s, 0);
}

/* ---- files ---------------------------------------------------------------------------------- */

static void a_file_that_is_there(void **state)
{
	struct setting s = setting_make();
	char text[8] = "";

	(void)state;
	int fd = open(s.file, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(write(fd, "mine", 4), 4);
	close(fd);
	struct run *run = snapshot(&s, "");
	CHECK_RUN(run, 1, "", "exists; --force replaces it");
	free(run);
	/* Replaced by something whole only. */
	s.fake->pages = FAKE_COPIED;
	fake_fail(s.fake, FAKE_PAGE_GET, 1, VMI_ERR_IO);
	run = snapshot(&s, "--force");
	CHECK_RUN(run, 1, "", "injected failure");
	free(run);
	fd = open(s.file, O_RDONLY);
	assert_int_equal(read(fd, text, sizeof(text)), 4);
	assert_string_equal(text, "mine");
	close(fd);
	run = snapshot(&s, "--force");
	CHECK_RUN(run, 0, "MiB on disk", "");
	free(run);
	run = snapshot(&s, "--force --quiet");
	CHECK_RUN(run, 0, "", "");
	assert_string_equal(run->out, "");
	assert_string_equal(run->err, "");
	free(run);
	setting_end(&s, 1);
}

static void files_that_are_none(void **state)
{
	static const struct {
		const char *words;
		int status;
		const char *says;
	} cases[] = {
		{"", 2, "give --output FILE"},
		{"-o -", 2, "give --output FILE"},
		{"-o /dev/full --force", 1, "is no ordinary file"},
		{"-o /dev/null", 1, "is no ordinary file"},
		{"-o /tmp", 1, "is no ordinary file"},
		{"-o /nonexistent/image", 1, "cannot write /nonexistent/image: No such file"},
		{"-o x --format kdump-lz4", 2, "the pages of a kdump cannot be compressed by lz4"},
		{"-o x --format kdump --compress lz4", 2, "take zlib, lzo, snappy or zstd"},
		{"-o x --format raw --compress zlib", 2,
		 "zlib compresses pages, which a kdump has"},
		{"-o x --format qcow2", 2, "--format 'qcow2' is none of elf, raw, lime, kdump"},
		{"-o x --compress bzip2", 2, "--compress 'bzip2' is none of none, zlib, lzo"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct setting s = setting_make();
		struct run *run = run_live(s.fake, "snapshot", cases[i].words);

		CHECK_RUN(run, cases[i].status, "", cases[i].says);
		assert_int_equal(fake_calls(s.fake, FAKE_PAUSE), 0);
		free(run);
		setting_end(&s, 0);
	}
}

static void unable(void **state)
{
	static const struct {
		unsigned lacks;
		const char *options, *says;
	} cases[] = {
		{VMI_CAP_READ, "--format raw", "the fake driver cannot read memory"},
		{VMI_CAP_VM_CONTROL, "", "the fake driver cannot control the machine"},
		{VMI_CAP_QUERY_REGISTERS, "", "the fake driver cannot query registers"},
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct setting s = setting_make();

		fake_table(s.fake, VMI_CAP_FULL & ~cases[i].lacks);
		struct run *run = snapshot(&s, cases[i].options);
		CHECK_RUN(run, 4, "", cases[i].says);
		free(run);
		setting_end(&s, 0);
	}
}

/* ---- raw ------------------------------------------------------------------------------------ */

static void raw(void **state)
{
	struct setting s = setting_make();
	struct stat st;

	(void)state;
	fake_table(s.fake, VMI_CAP_FULL & ~(unsigned)VMI_CAP_QUERY_REGISTERS);
	struct run *run = snapshot(&s, "--format raw --json");
	CHECK_RUN(run, 0, "\"format\":\"raw\",\"compress\":\"none\",\"vcpus\":0,", "");
	assert_int_equal(stat(s.file, &st), 0);
	assert_int_equal(st.st_size, ((uint64_t)FAR + 8) << 12);
	assert_true(st.st_blocks * 512 < 1 << 20);
	int fd = open(s.file, O_RDONLY);
	for (unsigned i = 0; i < s.fake->block_count; i++) {
		const struct fake_block *block = &s.fake->blocks[i];

		for (size_t n = 0; n < block->pages; n++) {
			uint8_t page[VMI_PAGE_SIZE];
			off_t at = (off_t)(block->gpa + n * VMI_PAGE_SIZE);

			assert_int_equal(pread(fd, page, sizeof(page), at), sizeof(page));
			assert_memory_equal(page, block->bytes + n * VMI_PAGE_SIZE, sizeof(page));
		}
	}
	close(fd);
	free(run);
	setting_end(&s, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elf),
		cmocka_unit_test(zeros_cost_nothing),
		cmocka_unit_test(many_stretches),
		cmocka_unit_test(holes),
		cmocka_unit_test(failures),
		cmocka_unit_test(vcpu_without_registers),
		cmocka_unit_test(no_room),
		cmocka_unit_test(stopped),
		cmocka_unit_test(a_file_that_is_there),
		cmocka_unit_test(files_that_are_none),
		cmocka_unit_test(unable),
		cmocka_unit_test(raw),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
