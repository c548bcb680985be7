/* SPDX-License-Identifier: MIT */
/* Flattened streams: the file that makedumpfile -R would make of them, without making it. */

#include "image.h"
#include "mk_kdump.h"

static struct vmi *open_stream(uint8_t *stream, size_t size, const char *driver)
{
	const struct vmi_open_options options = {.size = sizeof(options), .driver = driver};
	struct vmi_error err = {0};
	struct vmi *vm;

	if (vmi_open_memory(&vm, stream, size, &options, &err))
		fail_with("opening", &err);
	return vm;
}

static void assert_stream_refused(const uint8_t *stream, size_t size, enum vmi_status status,
				  const char *words)
{
	struct vmi_error err = {0};
	struct vmi *vm;

	assert_says(vmi_open_memory(&vm, stream, size, NULL, &err), status, words, &err);
}

/* A kdump in records of all sizes, last one first, reads as the kdump itself. */
static void whole_dump(void **state)
{
	static const char pages[] = "rzz.rxrrzr";
	static const size_t steps[] = {1, 7, 24, 1000, 4096, 5000, 1 << 20};
	size_t size, file_size;

	(void)state;
	uint8_t *file = mk_kdump(&(struct mk_kdump){.pages = pages}, &file_size);
	for (unsigned s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
		uint8_t *stream = mk_flattened_file(file, file_size, steps[s], &size);
		struct vmi *vm = open_stream(stream, size, NULL);
		assert_string_equal(vmi_info(vm)->format, "kdump-flattened");
		assert_string_equal(vmi_info(vm)->driver, "kdump");
		assert_no_warning(vm);
		for (unsigned gfn = 0; pages[gfn]; gfn++)
			if (pages[gfn] == 'r')
				assert_memory(vm, gfn * UINT64_C(4096), 4096, 0);
		assert_runs(vm, "0+1000 1000+2000z 4000+1000 6000+2000 8000+1000z 9000+1000");
		vmi_close(vm);
		free(stream);
	}
	free(file);
}

/* The stream as makedumpfile -R does it: write after write. */
static uint8_t *rearrange(const struct mk_record *records, size_t *size)
{
	uint8_t *file = calloc(1, 1 << 20);

	*size = 0;
	for (; records->size; records++) {
		memcpy(file + records->offset, records->bytes, records->size);
		if (records->offset + records->size > *size)
			*size = records->offset + records->size;
	}
	return file;
}

/* Records at random, over one another and with gaps: the last writer of each byte wins. */
static void overlaps(void **state)
{
	enum { ROUNDS = 300, MOST = 60 };
	static uint8_t noise[1 << 16];
	uint64_t x = 88172645463325252u;

	(void)state;
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)(i * 2654435761u >> 13);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct mk_record records[MOST + 2] = {0};
		unsigned count = 1 + round % MOST;
		size_t size, stream_size;

		for (unsigned i = 0; i < count; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			uint64_t length = 1 + (x >> 8) % (round % 2 ? 300 : 9000);
			records[i] = (struct mk_record){(x >> 32) % 30000, length,
							noise + (x >> 48) % 20000};
		}
		/* flat memory is whole pages */
		records[count] = (struct mk_record){40000, 960, noise};
		uint8_t *file = rearrange(records, &size);
		uint8_t *stream = mk_flattened(records, MK_ENDED, &stream_size);
		struct vmi *vm = open_stream(stream, stream_size, "raw");
		uint8_t *got = malloc(size);
		assert_int_equal(vmi_read_bytes(vm, NULL, 0, got, size, NULL, NULL), VMI_OK);
		assert_memory_equal(got, file, size);
		free(got);
		vmi_close(vm);
		free(stream);
		free(file);
	}
}

static void not_ended(void **state)
{
	static uint8_t bytes[8192];
	const struct mk_record records[] = {{0, 4096, bytes}, {4096, 4096, bytes}, {0, 0, NULL}};
	size_t size;

	(void)state;
	uint8_t *stream = mk_flattened(records, MK_NOT_ENDED, &size);
	struct vmi *vm = open_stream(stream, size, "raw");
	assert_warns(vm, "its end record is missing");
	assert_int_equal(vmi_info(vm)->memory_bytes, 8192);
	vmi_close(vm);
	/* inside of a record: what there is of it counts */
	vm = open_stream(stream, size - 96, "raw");
	assert_warns(vm, "its end record is missing");
	assert_int_equal(vmi_info(vm)->memory_bytes, 8192 - 96);
	vmi_close(vm);
	free(stream);
}

static void refused(void **state)
{
	static uint8_t bytes[100];
	const struct mk_record records[] = {{0, 100, bytes}, {0, 0, NULL}};
	const struct mk_record none[] = {{0, 0, NULL}};
	size_t size;

	(void)state;
	uint8_t *stream = mk_flattened(none, MK_ENDED, &size);
	assert_stream_refused(stream, size, VMI_ERR_CORRUPT, "no record");
	assert_stream_refused(stream, 4000, VMI_ERR_CORRUPT, "inside its header");
	free(stream);
	stream = mk_flattened(records, MK_ENDED, &size);
	stream[16 + 7] = 2;
	assert_stream_refused(stream, size, VMI_ERR_UNSUPPORTED, "type 2 and version 1");
	stream[16 + 7] = 1;
	stream[4096] = 0x80;
	assert_stream_refused(stream, size, VMI_ERR_CORRUPT, "record at 0x1000 makes no sense");
	stream[4096] = 0;
	stream[4096 + 8] = 0x7f;
	assert_stream_refused(stream, size, VMI_ERR_CORRUPT, "record at 0x1000 makes no sense");
	free(stream);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_dump),
		cmocka_unit_test(overlaps),
		cmocka_unit_test(not_ended),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
