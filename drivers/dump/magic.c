/* SPDX-License-Identifier: MIT */
/* Other formats, known by their first bytes, and the driver that turns them away by name. */

#include <string.h>

#include "bytes.h"
#include "magic.h"
#include <vmi/driver.h>

static const char hibernated[] =
	"it is compressed; have a tool for such files make a raw image of it";

/* Containers are opened before drivers are asked: those that get here are of no build, or not of
 * this. */
#define UNPACK "unpack it first"
#ifdef VMI_WITH_ZLIB
#define NO_ZLIB
#else
#define NO_ZLIB "this build has no zlib (VMI_WITH_ZLIB): build it with that, or "
#endif
#ifdef VMI_WITH_LZ4
#define NO_LZ4
#else
#define NO_LZ4 "this build has no lz4 (VMI_WITH_LZ4): build it with that, or "
#endif
#ifdef VMI_WITH_ZSTD
#define NO_ZSTD
#else
#define NO_ZSTD "this build has no zstd (VMI_WITH_ZSTD): build it with that, or "
#endif
#ifdef VMI_WITH_LZMA
#define NO_LZMA
#else
#define NO_LZMA "this build has no xz (VMI_WITH_LZMA): build it with that, or "
#endif
#ifdef VMI_WITH_ELF
#define NO_ELF NULL
#else
#define NO_ELF "this build has no libelf (VMI_WITH_ELF): build it with that"
#endif

/* Signatures long enough that flat memory does not begin with one by chance. */
static const struct signature {
	const char *bytes;
	unsigned len;
	const char *name;
	const char *advice;
} signatures[] = {
	{"\177ELF", 4, "an ELF file", NO_ELF},
	{"PAGEDUMP", 8, "a 32-bit Windows crash dump", "take the memory in another way"},
	{"FreeBSD Kernel Dump", 19, "a FreeBSD kernel dump",
	 "have the machine's emulator or hypervisor write the memory"},
	{"minidump FreeBSD/", 17, "a FreeBSD minidump",
	 "have the machine's emulator or hypervisor write the memory"},
	{"PK\3\4", 4, "a zip archive, perhaps an AFF4 image",
	 "unpack it, or export its memory as raw"},
	{"hibr", 4, "a Windows hibernation file", hibernated},
	{"HIBR", 4, "a Windows hibernation file", hibernated},
	{"RSTR", 4, "a Windows hibernation file", hibernated},
	{"wake", 4, "a Windows hibernation file", hibernated},
	{"WAKE", 4, "a Windows hibernation file", hibernated},
	{"HPAK", 4, "an HPAK file", "export its memory as raw"},
	{"ZDMP", 4, "a compressed dump of DumpIt", "unpack it by DumpIt's own tool"},
	{"MDMP", 4, "a minidump of one Windows process", "it holds no machine's memory"},
	{"\x14\x20\x28\x01", 4, "a Hyper-V saved state", "convert it by Hyper-V's own tools"},
	{"QFI\xfb", 4, "a qcow2 disk image",
	 "the memory of a savevm snapshot in it can be had by qemu-system-x86_64 -loadvm NAME -S and "
	 "then dump-guest-memory"},
	{"\x1f\x8b\x08", 3, "gzip data", NO_ZLIB UNPACK},
	{"\x04\x22\x4d\x18", 4, "an lz4 frame", NO_LZ4 UNPACK},
	{"\x02\x21\x4c\x18", 4, "a legacy lz4 frame", NO_LZ4 UNPACK},
	{"\x28\xb5\x2f\xfd", 4, "a zstd frame", NO_ZSTD UNPACK},
	{"\xfd\x37zXZ", 6, "xz data", NO_LZMA UNPACK},
};

/* Those whose signature is more than bytes at the start. */
static const struct signature skippable = {NULL, 4, "an lz4 or zstd stream", NO_LZ4 NO_ZSTD UNPACK};
static const struct signature aff4 = {NULL, 30, "an AFF4 image", "export its memory as raw"};
static const struct signature bzip2 = {NULL, 10, "bzip2 data", UNPACK " (bunzip2)"};

/* AFF4 is a zip archive whose first member has one of these names (APPNOTE.TXT 4.3.7). */
static bool is_aff4(const uint8_t *head, size_t len)
{
	static const char *const members[] = {"container.description", "information.turtle",
					      "version.txt"};

	if (len < aff4.len || memcmp(head, "PK\3\4", 4) != 0)
		return false;
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (le16(head + 26) == strlen(members[i]) && len - aff4.len >= strlen(members[i]) &&
		    !memcmp(head + aff4.len, members[i], strlen(members[i])))
			return true;
	return false;
}

static const struct signature *find(const uint8_t *head, size_t len)
{
	if (is_aff4(head, len))
		return &aff4;
	for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++)
		if (len >= signatures[i].len &&
		    !memcmp(head, signatures[i].bytes, signatures[i].len))
			return &signatures[i];
	if (len >= skippable.len && (le32(head) & 0xfffffff0) == 0x184d2a50)
		return &skippable;
	if (len >= bzip2.len && !memcmp(head, "BZh", 3) &&
	    !memcmp(head + 4, "\x31\x41\x59\x26\x53\x59", 6))
		return &bzip2;
	return NULL;
}

const char *magic_name(const uint8_t *head, size_t len)
{
	const struct signature *signature = find(head, len);

	return signature ? signature->name : NULL;
}

/*
 * The two bytes of a zlib stream (RFC 1950 2.2) are too little to tell it from memory, but enough
 * for a hint when the size already says that it is none.
 */
static bool may_be_zlib(const uint8_t *head, size_t len)
{
	return len >= 2 && (head[0] & 15) == 8 && head[0] >> 4 <= 7 &&
	       (head[0] << 8 | head[1]) % 31 == 0;
}

static bool unreadable_probe(const struct vmi_target *target, const uint8_t *head, size_t len)
{
	return target->source && head &&
	       (magic_name(head, len) || vmi_source_size(target->source) % VMI_PAGE_SIZE);
}

static enum vmi_status unreadable_open(void *self, const struct vmi_target *target, unsigned *caps,
				       struct vmi_error *err)
{
	uint8_t head[64];
	size_t len = sizeof(head);

	(void)self;
	(void)caps;
	if (!target->source)
		return vmi_fail(err, VMI_ERR_ARG, "%s is not a file", target->name);
	if (vmi_source_size(target->source) < len)
		len = (size_t)vmi_source_size(target->source);
	enum vmi_status st = vmi_source_read(target->source, 0, head, len, err);
	if (st)
		return vmi_wrap(err, st, "%s", target->name);
	const struct signature *known = find(head, len);
	if (known)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"%s looks like %s, which this version cannot read%s%s",
				target->name, known->name, known->advice ? ": " : "",
				known->advice ? known->advice : "");
	return vmi_fail(err, VMI_ERR_UNSUPPORTED,
			"%s is not a whole number of 4 KiB pages and no known format%s; "
			"--driver raw reads it as flat memory anyway",
			target->name, may_be_zlib(head, len) ? " (perhaps a zlib stream)" : "");
}

static void unreadable_close(void *self)
{
	(void)self;
}

static void unreadable_info(void *self, struct vmi_info *info)
{
	(void)self;
	(void)info;
}

/* Never opens anything: it stands before raw and says why a file is not flat memory. */
const struct vmi_driver_ops driver_unreadable = {
	.name = "unreadable",
	.concurrent = true,
	.probe = unreadable_probe,
	.open = unreadable_open,
	.close = unreadable_close,
	.info = unreadable_info,
};
