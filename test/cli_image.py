# SPDX-License-Identifier: MIT
"""Raw images with 4-level page tables, made for the tests of the programs."""

import random
import struct

PAGE = 4096
PRESENT, WRITE, USER = 1, 2, 4
NX = 1 << 63


class Image:
    """Guest-physical memory from 0 on; map() writes the tables, frame() hands out frames."""

    def __init__(self, size, seed=1):
        self.memory = bytearray(size)
        frames = list(range(1, size // PAGE))
        random.Random(seed).shuffle(frames)
        self.free = frames
        self.root = self.frame() * PAGE

    def frame(self):
        return self.free.pop()

    def entry(self, table, index):
        return struct.unpack_from("<Q", self.memory, table + 8 * index)[0]

    def set_entry(self, table, index, value):
        struct.pack_into("<Q", self.memory, table + 8 * index, value)

    def map(self, va, gpa, flags=PRESENT | WRITE | NX):
        table = self.root
        for level in (4, 3, 2):
            index = va >> (12 + 9 * (level - 1)) & 511
            entry = self.entry(table, index)
            if not entry & PRESENT:
                entry = self.frame() * PAGE | PRESENT | WRITE | USER
                self.set_entry(table, index, entry)
            table = entry & 0x000FFFFFFFFFF000
        self.set_entry(table, va >> 12 & 511, gpa | flags)

    def put(self, va, data, flags=PRESENT | WRITE | NX):
        """Map fresh frames, no two neighbours, and fill them; va is a page's."""
        for at in range(0, len(data), PAGE):
            gpa = self.frame() * PAGE
            part = data[at:at + PAGE]
            self.memory[gpa:gpa + len(part)] = part
            self.map(va + at, gpa, flags)

    def write(self, path):
        with open(path, "wb") as f:
            f.write(self.memory)
        return path
