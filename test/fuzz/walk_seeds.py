#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the first inputs of fuzz_walk into a folder: a small space of each paging mode.

The others in that folder are what fuzzing found worth keeping, merged with -merge=1."""
import os
import struct
import sys

P, W, U, PS, NX = 1, 2, 4, 0x80, 1 << 63
MODES = {"none": 0, "legacy": 1, "pae": 2, "4level": 3, "5level": 4}


def image(mode, root, tables, text=b"text of the guest\0w\0i\0d\0e\0\0\0", pages=8):
    """tables: {gpa: {index: entry}}; entries are as wide as the mode has them."""
    memory = bytearray(pages * 4096)
    width = 4 if mode == "legacy" else 8
    for table, entries in tables.items():
        for index, entry in entries.items():
            at = table + index * width
            memory[at:at + width] = entry.to_bytes(width, "little")
    memory[7 * 4096 - 9:7 * 4096 - 9 + len(text)] = text
    return bytes(memory), root


def seed(mode, tables, addresses, root=0x1000, flags=3, gpa_bits=0, c_bit=0):
    memory, root = image(mode, root, tables)
    return (bytes([MODES[mode], flags, gpa_bits, c_bit]) + struct.pack("<Q", root)
            + struct.pack("<4Q", *addresses) + memory)


def seeds():
    rwu = P | W | U
    pages = {0: 0x6000 | rwu, 1: 0x7000 | P, 2: 0x5000 | rwu, 511: 0x6000 | P | W}
    yield "none", seed("none", {}, [0x6ff7, 0x6fff, 0, 0x100000000])
    yield "legacy", seed("legacy", {0x1000: {0: 0x2000 | rwu, 1: 0 | rwu | PS, 2: PS | P | 1 << 21,
                                             3: PS | P | 1 << 13, 1023: 0x1000 | P | W},
                                    0x2000: pages}, [0xff7, 0x400000 + 0x6ff7, 0xfffff000, 0x800000])
    nx_pages = {**pages, 3: 0x6000 | P | NX, 4: 0x6000 | P | 1 << 52, 5: 0xff000 | P}
    yield "pae", seed("pae", {0x1000: {0: 0x2000 | P, 3: 0x2000 | P, 2: 0x4000 | P | W},
                              0x2000: {0: 0x3000 | rwu, 1: PS | rwu, 2: PS | P | 0x2000},
                              0x3000: nx_pages}, [0xff7, 0xc0000ff7, 0x200000 + 0x6ff7, 0x80000000])
    yield "pae-root", seed("pae", {0x1fe0: {0: 0x2000 | P}, 0x2000: {0: PS | rwu}},
                           [0x6ff7, 0x1ff, 0x200000, 0xffffffff], root=0x1fe0)
    four = {0x1000: {0: 0x2000 | rwu, 255: 0x2000 | P | NX, 256: 0x2000 | rwu, 510: 0x1000 | P | W,
                     511: 0x2000 | P | W},
            0x2000: {0: 0x3000 | rwu, 1: PS | rwu | 0x1000, 2: 0xff000 | P, 511: 0x3000 | rwu},
            0x3000: {0: 0x4000 | rwu, 1: PS | rwu, 2: PS | P | 0x2000, 511: 0x4000 | rwu},
            0x4000: nx_pages}
    yield "4level", seed("4level", four, [0xff7, 0xffff800000000ff7, 0xfffffffffffffff0, 0x40006ff7])
    yield "4level-bits", seed("4level", four, [0xff7, 0x7ffffffffff0, 0x800000000000, 0x5000],
                              flags=1, gpa_bits=40)
    marked = {table: {i: e | 1 << 47 for i, e in entries.items()} for table, entries in four.items()}
    yield "4level-c-bit", seed("4level", marked, [0xff7, 0x1ff7, 0x40006ff7, 0x3000], c_bit=47,
                               gpa_bits=43)
    loop = {0x1000: {i: 0x1000 | rwu for i in range(512)}}
    yield "4level-loop", seed("4level", loop, [0, 0x7fffffffffff, 0xffffffffffffffff, 1 << 40])
    five = {0x5000: {0: 0x1000 | rwu, 255: 0x1000 | rwu, 256: 0x1000 | rwu, 511: 0x1000 | P}, **four}
    yield "5level", seed("5level", five, [0xff7, 0xff00000000000ff7, 0x00ffffffffffffff, 0xff7 + (1 << 47)],
                         root=0x5000)


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for name, data in seeds():
        with open(os.path.join(folder, "seed-" + name), "wb") as file:
            file.write(data)


if __name__ == "__main__":
    main()
