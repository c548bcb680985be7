#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The same memory in every format and container: make_images.py VMI_DUMP FOLDER [RAW]

FOLDER gets an image for each, of the first 64 MiB of RAW; or, without that, of 64 MiB that are made
as memory is: two thirds are zeros, some pages are of one value, the others are of programs that lie
on this machine. What vmi-dump writes is made by that, containers by their own tools where they are
there, the rest by the builders of malformed.py.
"""
import ctypes
import ctypes.util
import glob
import os
import shutil
import subprocess
import sys

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

import malformed  # noqa: E402
import malformed_kdump  # noqa: E402
import malformed_streams as streams  # noqa: E402
import malformed_xen  # noqa: E402

PAGE, SIZE, ROOT = 4096, 64 << 20, 0x1000
AVML_SIZE, AVML_CHUNK = 16 << 20, 1 << 16  # its checksums take time here
CODECS = "none", "zlib", "lzo", "snappy", "zstd"
TOOLS = {"gz": ["gzip", "-1"], "zst": ["zstd", "-q", "-1"], "xz": ["xz", "-0", "--block-size=1MiB"],
         "lz4": ["lz4", "-q", "-1", "-B4", "-BD"]}


def programs(size):
    """So many bytes of the machine's libraries."""
    out = bytearray()
    for path in sorted(glob.glob("/usr/lib/*/*.so.*")) + [sys.executable] * (size // (1 << 20) + 1):
        with open(path, "rb") as file:
            out += file.read(size - len(out))
        if len(out) == size:
            break
    return bytes(out)


def make_memory():
    """Runs of 48 pages: 32 of zeros, 2 of one value each, 14 of programs."""
    runs = SIZE // (48 * PAGE) + 1
    rest = programs(runs * 14 * PAGE)
    values = b"\xcc" * PAGE + b"\xff" * PAGE
    return b"".join(bytes(32 * PAGE) + values + rest[i * 14 * PAGE:(i + 1) * 14 * PAGE]
                    for i in range(runs))[:SIZE]


def crc_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82f63b78 if byte & 1 else 0)
        table.append(byte)
    return table


CRC = crc_table()


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc = CRC[(crc ^ byte) & 0xff] ^ crc >> 8
    return streams.masked(crc ^ 0xffffffff)


def snappy(data):
    """By the library; one literal where that is not there."""
    name = ctypes.util.find_library("snappy")
    if not name:
        return streams.snappy(data)
    room = ctypes.c_size_t(32 + len(data) + len(data) // 6)
    out = ctypes.create_string_buffer(room.value)
    ctypes.CDLL(name).snappy_compress(data, ctypes.c_size_t(len(data)), out, ctypes.byref(room))
    return out.raw[:room.value]


def avml(memory):
    crcs, chunks = {}, [streams.STREAM]
    for at in range(0, len(memory), AVML_CHUNK):
        data = memory[at:at + AVML_CHUNK]
        if data not in crcs:
            crcs[data] = crc32c(data)
        body = crcs[data].to_bytes(4, "little") + snappy(data)
        chunks.append(streams.chunk(0, body))
    return streams.avml_range(0, b"".join(chunks), len(memory))


def migration(memory):
    records = []
    for at in range(0, len(memory), PAGE):
        records.append(streams.pages(memory[at:at + PAGE]) if at == 0 else
                       streams.record(streams.ZERO, at, b"\0") if not any(memory[at:at + PAGE]) else
                       streams.record(streams.FULL_PAGE, at, memory[at:at + PAGE]))
    return streams.qemu(memory, ROOT, b"".join(records))


def windows_bitmap(memory):
    pages = len(memory) // PAGE
    head = (b"FDMPDUMP".ljust(0x20, b"\0") +
            b"".join(n.to_bytes(8, "little") for n in (0x2000 + 0x38 + pages // 8 + PAGE - 1 & -PAGE,
                                                       pages, pages)) + b"\xff" * (pages // 8))
    head = malformed.win_header(5, ((0, pages),)) + head
    return head + bytes(-len(head) % PAGE) + memory


def built(memory):
    """By name: images that vmi-dump does not write."""
    pages = len(memory) // PAGE
    region = malformed.vmw_u32(b"regionsCount", 0)
    stream = migration(memory)
    yield "windows-full", malformed.win_full(memory, ((0, pages),))
    yield "windows-bitmap", windows_bitmap(memory)
    yield "windows-ranges", malformed.win_ranges(memory, ((0, pages),))
    yield "vmware.vmss", malformed.vmw(region + malformed.vmw_block(b"Memory", memory, 0, 0) + bytes(2))
    yield "qemu-migration", stream
    yield "qemu-mapped", streams.qemu_mapped(memory, ROOT)
    yield "libvirt", streams.libvirt(stream)
    yield "xen-core", malformed_xen.core(memory)
    yield "xen-save", malformed_xen.save(memory)
    yield "avml", avml(memory[:AVML_SIZE])


def convert(vmi_dump, image, out, *options):
    done = subprocess.run([vmi_dump, "convert", image, "-o", out, "--quiet", *options],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        sys.stderr.write(done.stderr.decode())


def main(vmi_dump, folder, raw=None):
    def path(name):
        return os.path.join(folder, name)

    if raw:
        with open(raw, "rb") as file:
            memory = file.read(SIZE)
        memory += bytes(-len(memory) % (64 * PAGE))
    else:
        memory = make_memory()
    with open(path("raw"), "wb") as file:
        file.write(memory)
    convert(vmi_dump, path("raw"), path("elf"), "--format", "elf")
    convert(vmi_dump, path("raw"), path("lime"), "--format", "lime")
    for codec in CODECS:
        convert(vmi_dump, path("raw"), path("kdump-" + codec), "--format", "kdump", "--compress", codec)
    for codec in "lz4", "zstd":
        convert(vmi_dump, path("raw"), path("raw-by-blocks." + codec), "--format", "raw", "--compress",
                codec)
    for suffix, tool in TOOLS.items():
        if shutil.which(tool[0]):
            with open(path("raw." + suffix), "wb") as file:
                subprocess.run(tool + ["-c", path("raw")], stdout=file, check=True)
    if os.path.exists(path("kdump-zlib")):
        with open(path("kdump-zlib"), "rb") as file:
            records = malformed_kdump.pieces(file.read(), 1 << 16)
        with open(path("kdump-zlib.flat"), "wb") as file:
            file.write(malformed_kdump.flattened(records))
    for name, data in built(memory):
        with open(path(name), "wb") as file:
            file.write(data)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])
