# SPDX-License-Identifier: MIT
"""The broken, and odd but valid, kdumps and flattened streams of malformed.py."""

import struct
import zlib

PAGE = 4096


class Kdump:
    """One page after the other, compressed by zlib; `desc` and `blocks` lie about some of them."""

    def __init__(self, memory, notes, **lies):
        self.memory, self.notes = memory, notes
        self.lies = lies

    def take(self, name, truth):
        return self.lies.get(name, truth)

    def main_header(self, count):
        head = bytearray(PAGE)
        head[:8] = self.take("signature", b"KDUMP   ")
        struct.pack_into("<i", head, 8, self.take("version", 6))
        head[272:278] = b"x86_64"
        struct.pack_into("<IIiiI", head, 424, self.take("status", 1), self.take("block", PAGE),
                         self.take("sub", 1), self.take("bitmaps", 2),
                         self.take("mapnr", count) & 0xffffffff)
        return head

    def sub_header(self, count):
        sub = bytearray(PAGE)
        struct.pack_into("<QiiQQQQQQQQQQQ", sub, 0, 0, self.take("level", 0), self.take("split", 0),
                         0, 0, self.take("vmcoreinfo_at", 0), self.take("vmcoreinfo_size", 0),
                         self.take("notes_at", PAGE + 104),
                         self.take("notes_size", len(self.notes)), 0, self.take("erased", 0),
                         self.take("first", 0), self.take("end", count),
                         self.take("mapnr", count))
        sub[104:104 + len(self.notes)] = self.notes
        return sub

    def file(self):
        count = len(self.memory) // PAGE
        here = [p for p in range(count) if p not in self.take("left_out", ())]
        maps = bytearray(2 * PAGE)
        for page in range(count):
            maps[page // 8] |= 1 << page % 8
        for page in here:
            maps[PAGE + page // 8] |= 1 << page % 8
        descs, data = b"", b""
        if self.take("split", 0):
            here = [p for p in here if self.take("first", 0) <= p < self.take("end", count)]
        at = 4 * PAGE + 24 * len(here)
        for page in here:
            block = self.take("blocks", {}).get(page)
            block = block or zlib.compress(self.memory[page * PAGE:(page + 1) * PAGE], 1)
            offset, size, flags = self.take("desc", {}).get(page, (None, None, None))
            descs += struct.pack("<QIIQ", at if offset is None else offset,
                                 len(block) if size is None else size,
                                 1 if flags is None else flags, 0)
            data += block
            at += len(block)
        whole = bytes(self.main_header(count) + self.sub_header(count) + maps) + descs + data
        return whole[:self.take("keep", len(whole))]


def flattened(records, ended=True):
    stream = b"makedumpfile".ljust(16, b"\0") + struct.pack(">qq", 1, 1)
    stream = stream.ljust(PAGE, b"\0")
    for offset, data in records:
        stream += struct.pack(">qq", offset, len(data)) + data
    return stream + (b"\xff" * 16 if ended else b"")


def pieces(file, step):
    return [(at, file[at:at + step]) for at in range(0, len(file), step)]


def headers(out, make):
    for version in (1, 2, 5, 7, 100):
        out.write("kd-version-%d" % version, make(version=version), "ok", "an old or new version")
    for version in (-1, 0, 2**31 - 1):
        out.write("kd-version-%d" % version, make(version=version), "ok", "no such version")
    for block in (0, 1, 512, 8192, 65536, 0x100000, 0xffffffff):
        out.write("kd-block-%d" % block, make(block=block), "reject", "block size")
    for sub in (0, -1, 2**31 - 1):
        out.write("kd-sub-%d" % sub, make(sub=sub), "reject", "blocks of the sub header")
    for maps in (0, -1, 2**31 - 1):
        out.write("kd-bitmaps-%d" % maps, make(bitmaps=maps), "reject", "blocks of the bitmaps")
    for mapnr in (0, 1, 2**15 + 1, 2**16 + 1, 2**32, 2**52, 2**64 - 1):
        out.write("kd-mapnr-%x" % mapnr, make(mapnr=mapnr), "any", "number of pages")
    out.write("kd-diskdump", make(signature=b"DISKDUMP"), "ok", "the older signature")
    for name, lie in (("notes-past", {"notes_at": 1 << 40}), ("notes-huge", {"notes_size": 2**63}),
                      ("notes-end", {"notes_at": 2**64 - 8}), ("erased", {"erased": 2**64 - 1}),
                      ("vmcoreinfo-past", {"vmcoreinfo_at": 2**64 - 8, "vmcoreinfo_size": 4096}),
                      ("vmcoreinfo-huge", {"vmcoreinfo_at": 104, "vmcoreinfo_size": 2**40})):
        out.write("kd-" + name, make(**lie), "ok", "a part that is not there")
    for first, end in ((2, 1), (0, 0), (2**64 - 1, 2**64 - 1), (64, 2**64 - 1)):
        out.write("kd-split-%x-%x" % (first, end), make(split=1, first=first, end=end), "reject",
                  "an impossible part")
    out.write("kd-split-alone", make(split=1, first=16, end=32), "partial",
              "one part of a split dump", good=[(0x10000, PAGE), (0x1fff0, 16)],
              bad=[(0, 1), (0x20000, PAGE)])


def pages(out, make, good, rng):
    noise = rng.randbytes(700)
    six = {"good": good, "bad": [(0x2a000, PAGE)]}
    page = 0x2a
    for name, desc, why in (
            ("offset-0", (0, None, None), "lost"), ("offset-past", (1 << 40, None, None), "past"),
            ("offset-end", (2**64 - 1, None, None), "offset + size wraps"),
            ("size-0", (None, 0, None), "no bytes"), ("size-past", (None, 2**32 - 1, None), "huge"),
            ("size-large", (None, 9000, None), "larger than a page"),
            ("raw-short", (None, 100, 0), "stored as it is, and too short"),
            ("flags-two", (None, None, 3), "two codecs"),
            ("flags-unknown", (None, None, 0x80), "no codec")):
        out.write("kd-desc-" + name, make(desc={page: desc}), "partial", why, **six)
    for name, flags in (("zlib", 1), ("lzo", 2), ("snappy", 4), ("zstd", 32)):
        # a build without the codec may refuse the whole
        out.write("kd-noise-" + name, make(blocks={page: noise}, desc={page: (None, None, flags)}),
                  "any", "noise that says it is " + name)
    for name, block in (("bomb", zlib.compress(bytes(1 << 22), 9)),
                        ("short", zlib.compress(bytes(100))), ("cut", zlib.compress(noise)[:60])):
        out.write("kd-zlib-" + name, make(blocks={page: block}), "partial", "a zlib stream", **six)
    out.write("kd-snappy-huge", make(blocks={page: b"\xff\xff\xff\xff\x0f" + noise},
                                     desc={page: (None, None, 4)}), "any", "says it has 4 GiB")
    out.write("kd-left-out", make(left_out=(page,), level=31), "partial", "excluded", **six)
    whole = make()
    out.write("kd-cut-data", whole[:-100], "partial", "ends inside the pages",
              good=[(0, PAGE)], bad=[(0x3f000, PAGE)])
    out.write("kd-cut-descs", whole[:4 * PAGE + 100], "any", "ends inside the descriptors")
    for keep in (8, 12, 463, 464, PAGE, PAGE + 103, 2 * PAGE, 3 * PAGE, 3 * PAGE + 1):
        out.write("kd-cut-%d" % keep, whole[:keep], "reject", "ends inside the headers")


def streams(out, make, good):
    whole = make()
    parts = pieces(whole, 1000)
    out.write("flat-valid", flattened(parts), "ok", "in order")
    out.write("flat-reverse", flattened(parts[::-1]), "ok", "the last record first")
    out.write("flat-rewritten", flattened([(0, b"\xee" * 6000)] + parts), "ok",
              "what is written later counts")
    out.write("flat-overwritten", flattened(parts + [(0, b"\xee" * 100)]), "any",
              "the header is overwritten at the end")
    out.write("flat-not-ended", flattened(parts, ended=False), "ok", "no end record")
    out.write("flat-cut", flattened(parts)[:-3000], "partial", "cut off", good=[(0, PAGE)],
              bad=[(0x3f000, PAGE)])
    out.write("flat-empty", flattened([]), "reject", "no record")
    out.write("flat-empty-records", flattened([(0, b"")] * 1000), "reject", "records of no bytes")
    out.write("flat-nothing", flattened([], ended=False)[:32], "reject", "ends inside its header")
    for name, offset in (("negative", -2), ("huge", 2**63 - 1)):
        out.write("flat-offset-" + name, flattened([(offset, b"x")] + parts), "reject",
                  "the offset of a record")
    out.write("flat-far", flattened(parts + [(1 << 61, b"x")]), "any",
              "a byte at the end of the world")
    head = flattened([], ended=False)
    for size in (-2, 2**63 - 1, 2**61):
        out.write("flat-size-%x" % (size & 2**64 - 1), head + struct.pack(">qq", 0, size) + whole,
                  "any", "the size of a record")
    out.write("flat-noise", flattened([(0, whole[::-1])]), "any", "holds no kdump")
    nested = flattened(parts)
    for _ in range(3):
        nested = flattened([(0, nested)])
    out.write("flat-four", nested, "ok", "a stream in a stream in a stream in a stream")
    out.write("flat-five", flattened([(0, nested)]), "reject", "one more")


def write_all(out, memory, notes, good, rng):
    def make(**lies):
        return Kdump(memory, notes, **lies).file()

    out.write("kd-valid", make(), "ok", "nothing wrong")
    headers(out, make)
    pages(out, make, good[:2], rng)
    streams(out, make, good)
