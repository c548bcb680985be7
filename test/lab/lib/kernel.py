#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kernel.py BZIMAGE OUT [--dom0]: the ELF file inside a Linux kernel, ready to be loaded.

Decompressing and clearing memory cost an emulator seconds, so both are done here, once: the
compressed ELF file is taken out (its place is in the header of the x86 boot protocol), and each
segment ends before its trailing zeros, which every loader provides.

--dom0 also bounds the time that a PV kernel takes to lay out its table of machine frames; see
bound_p2m()."""

import re
import struct
import subprocess
import sys

PT_LOAD, PT_NOTE = 1, 4
DECOMPRESS = {b"\x1f\x8b": "gzip", b"\xfd7": "xz", b"\x02\x21": "lz4", b"\x04\x22": "lz4",
              b"\x28\xb5": "zstd"}
PAGE = 4096


def decompressed(image):
    """The ELF file in a bzImage (Linux, Documentation/x86/boot.rst: setup_sects at 0x1f1,
    payload_offset and payload_length at 0x248, counted from the end of the setup sectors)."""
    if image[0x202:0x206] != b"HdrS":
        sys.exit("kernel.py: not a bzImage")
    setup = (image[0x1f1] or 4) + 1
    offset, length = struct.unpack_from("<II", image, 0x248)
    payload = image[setup * 512 + offset:][:length]
    tool = DECOMPRESS.get(payload[:2])
    if not tool:
        sys.exit("kernel.py: unknown compression, it begins with %s" % payload[:2].hex())
    # The payload ends in four bytes more, its size, at which the tools complain but go on.
    run = subprocess.run([tool, "-dc"], input=payload, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, check=False)
    if run.stdout[:6] != b"\x7fELF\x02\x01":
        sys.exit("kernel.py: no 64-bit ELF file came out of the payload")
    return run.stdout


def bound_p2m(elf):
    """Debian's kernel keeps room in that table for 512 GiB of memory (0x8000000 frames,
    CONFIG_XEN_MEMORY_HOTPLUG_LIMIT) and visits each entry at boot: xen_vmalloc_p2m_tree() takes
    the larger of this constant and the machine's last frame. 16 GiB are enough here. The
    instructions around the constant are its `mov imm32, %edx`, the store of VM_ALLOC (2) to a
    global and `cmp %rdx, %rax`; unless they occur once, the kernel stays as it is and boots
    slower."""
    site = re.compile(rb"\xba\x00\x00\x00\x08(?=\x48\xc7\x05.{4}\x02\x00\x00\x00\x48\x39\xd0)", re.S)
    found = [match.start() for match in site.finditer(elf)]
    if len(found) != 1:
        print("kernel.py: note: %d places look like the bound of the frame table" % len(found),
              file=sys.stderr)
        return elf
    frames = struct.pack("<I", (16 << 30) // PAGE)
    return elf[:found[0] + 1] + frames + elf[found[0] + 5:]


def slim(elf):
    """Only what is loaded, and the notes in it, through which Xen finds the entry point."""
    table, = struct.unpack_from("<Q", elf, 0x20)
    count, = struct.unpack_from("<H", elf, 0x38)
    # p_type p_flags p_offset p_vaddr p_paddr p_filesz p_memsz p_align
    headers = [list(struct.unpack_from("<IIQQQQQQ", elf, table + 56 * i)) for i in range(count)]
    headers = [h for h in headers if h[0] in (PT_LOAD, PT_NOTE)]
    out = bytearray(PAGE)
    moved = []
    for header in headers:
        if header[0] != PT_LOAD:
            continue
        body = elf[header[2]:header[2] + header[5]].rstrip(b"\0")
        moved.append((header[2], header[5], len(out) - header[2]))
        header[2], header[5] = len(out), len(body)
        out += body + bytes(-len(body) % PAGE)
    for header in headers:
        if header[0] == PT_NOTE:
            header[2] += next(by for start, size, by in moved if start <= header[2] < start + size)
    out[:64] = elf[:64]
    struct.pack_into("<QQ", out, 0x20, 64, 0)
    struct.pack_into("<HHHHH", out, 0x36, 56, len(headers), 0, 0, 0)
    for i, header in enumerate(headers):
        struct.pack_into("<IIQQQQQQ", out, 64 + 56 * i, *header)
    return bytes(out)


def main():
    with open(sys.argv[1], "rb") as file:
        elf = decompressed(file.read())
    if "--dom0" in sys.argv[3:]:
        elf = bound_p2m(elf)
    with open(sys.argv[2], "wb") as file:
        file.write(slim(elf))


main()
