# SPDX-License-Identifier: MIT
"""What is in memory images: {gpa: bytes} of stretches, by parsers that are not the library's."""

import struct
import zlib

PAGE = 4096


def elf_segments(data):
    phoff, = struct.unpack_from("<Q", data, 32)
    phnum, = struct.unpack_from("<H", data, 56)
    for i in range(phnum):
        kind, _, offset, _, gpa, filesz, memsz, _ = struct.unpack_from("<IIQQQQQQ", data,
                                                                       phoff + 56 * i)
        yield kind, offset, gpa, filesz, memsz


def elf_memory(data):
    return {gpa: data[offset:offset + filesz] for kind, offset, gpa, filesz, _ in
            elf_segments(data) if kind == 1 and filesz}


def lime_memory(data):
    memory, at = {}, 0
    while at < len(data):
        magic, version, first, last, rest = struct.unpack_from("<IIQQQ", data, at)
        assert (magic, version, rest) == (0x4C694D45, 1, 0)
        memory[first] = data[at + 32:at + 33 + last - first]
        at += 33 + last - first
    return memory


class Kdump:
    def __init__(self, data):
        assert data[:12] == b"KDUMP   \6\0\0\0"
        self.data = data
        self.status, self.block, sub, blocks, _ = struct.unpack_from("<IIIII", data, 424)
        self.frames, = struct.unpack_from("<Q", data, 4096 + 96)
        half = blocks * 4096 // 2
        at = (1 + sub) * 4096
        self.memory = self.bits(data[at:at + half])
        self.saved = self.bits(data[at + half:at + 2 * half])
        self.descriptors = (1 + sub + blocks) * 4096

    @staticmethod
    def bits(bitmap):
        return [8 * i + bit for i, byte in enumerate(bitmap) if byte for bit in range(8)
                if byte >> bit & 1]

    def pages(self):
        """Those of zlib and those not compressed."""
        for rank, gfn in enumerate(self.saved):
            offset, size, flags, _ = struct.unpack_from("<QIIQ", self.data,
                                                        self.descriptors + 24 * rank)
            packed = self.data[offset:offset + size]
            assert offset and flags in (0, 1)
            yield gfn, zlib.decompress(packed) if flags else packed


def pages_of(memory):
    """Stretches as {gfn: page}; bytes that nobody has are None."""
    pages = {}
    for gpa, held in memory.items():
        at = 0
        while at < len(held):
            gfn, inside = divmod(gpa + at, PAGE)
            piece = held[at:at + PAGE - inside]
            page = pages.setdefault(gfn, [None] * PAGE)
            page[inside:inside + len(piece)] = piece
            at += len(piece)
    return {gfn: bytes(page) if None not in page else page for gfn, page in pages.items()}


def content(path):
    with open(path, "rb") as file:
        return file.read()
