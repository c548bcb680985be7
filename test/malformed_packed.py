# SPDX-License-Identifier: MIT
"""Containers that are broken, or odd and valid, around the memory of malformed.py.

Frames of lz4 and zstd are written by hand, of plain blocks, so that no tool for them is needed.
"""

import gzip
import lzma
import struct
import zlib


def rotate(value, by):
    return (value << by | value >> 32 - by) & 0xffffffff


def xxh32(data):
    """Of less than 16 bytes."""
    p1, p2, p3, p4, p5 = 0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f, 0x165667b1
    h = p5 + len(data) & 0xffffffff
    whole = len(data) // 4 * 4
    for (word,) in struct.iter_unpack("<I", data[:whole]):
        h = rotate(h + word * p3 & 0xffffffff, 17) * p4 & 0xffffffff
    for byte in data[whole:]:
        h = rotate(h + byte * p5 & 0xffffffff, 11) * p1 & 0xffffffff
    h = (h ^ h >> 15) * p2 & 0xffffffff
    h = (h ^ h >> 13) * p3 & 0xffffffff
    return h ^ h >> 16


def pieces(data, size):
    return [data[at:at + size] for at in range(0, len(data), size)]


def lz4(data, flags=0x60, extra=b"", block=65536, bd=0x40, first=None, end=bytes(4), check=None):
    """A frame of plain blocks; `first` is the length word of the first, of any value."""
    head = bytes([flags, bd]) + extra
    head += bytes([xxh32(head) >> 8 & 0xff if check is None else check])
    body = b"".join(struct.pack("<I", len(p) | 1 << 31) + p for p in pieces(data, block))
    if first is not None:
        body = struct.pack("<I", first) + body[4:]
    return struct.pack("<I", 0x184d2204) + head + body + end


def zstd(data, head=b"\x00\x48", block=65536, kind=0):
    """A frame of plain blocks behind any header; 0x48 is a window of 512 KiB."""
    parts = pieces(data, block)
    body = b"".join(struct.pack("<I", len(p) << 3 | kind << 1 | (i == len(parts) - 1))[:3] + p
                    for i, p in enumerate(parts))
    return struct.pack("<I", 0xfd2fb528) + head + body


def seek_table(entries, count=None, magic=0x8f92eab1):
    table = b"".join(struct.pack("<II", *e) for e in entries)
    table += struct.pack("<IBI", len(entries) if count is None else count, 0, magic)
    return struct.pack("<II", 0x184d2a5e, len(table)) + table


def deep(data, times):
    for _ in range(times):
        data = gzip.compress(data, 1)
    return data


def valid(memory, image):
    half = len(memory) // 2
    one, two = zstd(memory[:half]), zstd(memory[half:])
    packed = gzip.compress(memory, 6)
    skip = struct.pack("<II", 0x184d2a53, 5) + b"hello"
    return (
        ("gzip", packed, "nothing is wrong"),
        ("gzip-members", gzip.compress(memory[:100]) + gzip.compress(b"") +
         gzip.compress(memory[100:]), "three members, one of them empty"),
        ("gzip-rubbish", packed + b"rubbish", "bytes behind it"),
        ("gzip-padded", packed + bytes(5000), "zeros behind it, as on a tape"),
        ("gzip-isize", packed[:-4] + b"\xff\xff\xff\xff", "its length says 4 GiB"),
        ("gzip-crc", packed[:-8] + bytes(8), "wrong checksum"),
        ("gzip-no-crc", packed[:-6], "cut inside the checksum"),
        ("gzip-thrice", deep(memory, 3), "three in one another"),
        ("zlib", zlib.compress(image), "an image in a zlib stream"),
        ("xz", lzma.compress(memory), "one block"),
        ("xz-streams", lzma.compress(memory[:half]) + bytes(8) + lzma.compress(memory[half:]),
         "two streams, padded"),
        ("xz-no-index", lzma.compress(memory)[:-1], "no index at the end"),
        ("lz4", lz4(memory), "plain blocks"),
        ("lz4-linked", lz4(memory, flags=0x40), "linked ones, which refer to nothing"),
        ("lz4-short", lz4(memory, block=5000), "blocks that are not full"),
        ("lz4-size", lz4(memory, flags=0x68, extra=struct.pack("<Q", 1 << 60)),
         "its content says 2^60 bytes"),
        ("lz4-short-size", lz4(memory, flags=0x68, extra=struct.pack("<Q", len(memory)),
                               block=5000), "the size is true, the blocks are not full"),
        ("lz4-frames", skip + lz4(memory[:half]) + skip + lz4(b"") + lz4(memory[half:]) + skip,
         "frames, some to be skipped"),
        ("zstd", zstd(memory), "plain blocks"),
        ("zstd-frames", skip + one + skip + two, "two frames, some to be skipped"),
        ("zstd-table", one + two + seek_table([(len(one), half), (len(two), half)]),
         "a seek table"),
        ("zstd-table-lies", one + two + seek_table([(len(one), half + 1), (len(two), half - 1)])
         [:-9] + struct.pack("<IBI", 2, 0x04, 0x8f92eab1), "a seek table with a reserved bit"),
        ("zstd-table-short", one + two + seek_table([(len(one), half)]),
         "a seek table of one frame only"),
        ("zstd-table-long", one + two + seek_table([(len(one), half)], count=2**32 - 1),
         "a seek table that begins before the file"),
    )


def rejected(memory):
    dictionary = struct.pack("<I", 7)
    return (
        ("gzip-header", gzip.compress(memory)[:10], "ends behind the header"),
        ("gzip-flags", b"\x1f\x8b\x08\x1c" + b"\xff" * 5000, "extra field and name without end"),
        ("gzip-deep", deep(memory, 6), "six in one another"),
        ("gzip-empty", gzip.compress(b""), "nothing in it"),
        ("xz-header", lzma.compress(memory)[:20], "ends inside a block's header"),
        ("lz4-check", lz4(memory, check=0), "the header's checksum is wrong"),
        ("lz4-version", lz4(memory, flags=0xa0), "version 2"),
        ("lz4-dictionary", lz4(memory, flags=0x61, extra=dictionary), "needs a dictionary"),
        ("lz4-length", lz4(memory, first=0x7fffffff), "the first block has 2 GiB"),
        ("lz4-header", lz4(memory)[:6], "ends inside the header"),
        ("zstd-window", zstd(memory, head=b"\x00\xff"), "a window of almost 4 TiB"),
        ("zstd-dictionary", zstd(memory, head=b"\x03\x48" + dictionary), "needs a dictionary"),
        ("zstd-reserved", zstd(memory, kind=3), "a type of block that there is not"),
        ("zstd-header", zstd(memory)[:5], "ends inside the header"),
    )


def anything(memory, rng):
    cases = [("gzip-bomb", gzip.compress(bytes(1 << 28), 9), "256 MiB of zeros"),
             ("zstd-size", zstd(memory, head=b"\xc0\x48" + struct.pack("<Q", 1 << 60)),
              "its content says 2^60 bytes"),
             ("lz4-tiny", lz4(memory * 4, block=1), "a million blocks of one byte")]
    for name, data in (("gzip", gzip.compress(memory, 6)), ("xz", lzma.compress(memory)),
                       ("lz4", lz4(memory)), ("zstd", zstd(memory))):
        for i in range(3):
            noisy = bytearray(data)
            for _ in range(20):
                noisy[rng.randrange(4, len(noisy))] = rng.randrange(256)
            cases.append(("%s-noise-%d" % (name, i), bytes(noisy), "20 bytes of noise"))
    return cases


def write(out, memory, image, rng):
    """`image` is one that drivers know by its first bytes."""
    quarter = len(memory) // 4
    for name, data, why in valid(memory, image):
        out.write("packed-%s" % name, data, "ok", why)
    for name, data in (("gzip", gzip.compress(memory, 6)), ("lz4", lz4(memory)),
                       ("lz4-linked", lz4(memory, flags=0x40)), ("zstd", zstd(memory)),
                       ("xz", lzma.compress(memory))):
        out.write("packed-%s-cut" % name, data[:-len(data) // 3], "partial", "cut in its last third",
                  good=[(0, quarter)], bad=[(len(memory) - 16, 16)], options=("--driver", "raw"))
    for name, data, why in rejected(memory):
        out.write("packed-%s" % name, data, "reject", why)
    for name, data, why in anything(memory, rng):
        out.write("packed-%s" % name, data, "any", why)
