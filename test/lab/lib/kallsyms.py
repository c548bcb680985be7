#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kallsyms.py FILE NAME..: where a Linux 6.1 of x86-64 keeps these, one "sym NAME 0xADDRESS" each.

FILE holds the kernel uncompressed. Its own table of symbols (scripts/kallsyms.c) lies there as

    s32 offset[COUNT]  u64 base  u32 COUNT  names  u32 marker[COUNT / 256]  u8 order[3 * COUNT]
    tokens

each part aligned to 8 bytes. A name is a length and so many bytes, each the number of a token; the
256 tokens are strings. The guest could be asked instead, for half a minute of an emulator's time."""

import re
import struct
import sys

# The tokens 0x30 to 0x39 are the digits themselves; in tables of characters ":" comes next.
DIGITS = re.compile(b"".join(b"%d\0" % digit for digit in range(10)) + rb"(?!:\0)")
COUNTS = range(20000, 500000)


def aligned(at):
    return at + 7 & ~7


def tokens_of(data):
    """Where they begin, and the 256 of them."""
    digits = [match.start() for match in DIGITS.finditer(data)]
    if len(digits) != 1:
        sys.exit("kallsyms.py: %d tables of tokens" % len(digits))
    at = digits[0] - 1
    for _ in range(0x30):
        at = data.rindex(b"\0", 0, at)
    return at + 1, data[at + 1:].split(b"\0", 256)[:256]


def name_at(data, at):
    """The tokens' numbers, and what is behind."""
    length = data[at]
    at += 1
    if length & 0x80:
        length = length & 0x7f | data[at] << 7
        at += 1
    return data[at:at + length], at + length


def names_of(data, at, count):
    names = []
    for _ in range(count):
        name, at = name_at(data, at)
        names.append(name)
    return names, at


def table_of(data, end):
    """Where COUNT is, and the names: those behind which the markers just reach the tokens."""
    for at in range(end, 0, -8):
        count, zero = struct.unpack_from("<II", data, at)
        if count not in COUNTS or zero:
            continue
        # The first marker is 0: a cheap look before the long one.
        markers = end - aligned(3 * count) - aligned((count + 255 >> 8) * 4)
        if markers < at or struct.unpack_from("<I", data, markers)[0]:
            continue
        names, behind = names_of(data, at + 8, count)
        if aligned(behind) == markers:
            return at, names
    sys.exit("kallsyms.py: no names before the tokens")


def main():
    with open(sys.argv[1], "rb") as file:
        data = file.read()
    # The kernel is a file in an archive that aligns to 4 bytes, and its segments to pages.
    shift = -data.find(b"\x7fELF\x02\x01\x01") % 8
    data = bytes(shift) + data
    end, tokens = tokens_of(data)
    at, names = table_of(data, end)
    base, = struct.unpack_from("<Q", data, at - 8)
    first = at - 8 - aligned(4 * len(names))
    wanted = {name: None for name in sys.argv[2:]}
    for i, name in enumerate(names):
        text = b"".join(tokens[token] for token in name)[1:].decode()
        if text in wanted:
            offset, = struct.unpack_from("<i", data, first + 4 * i)
            # Not negative: the address itself, of a cpu's own data.
            wanted[text] = offset if offset >= 0 else base - 1 - offset
    for name, address in wanted.items():
        if address is None:
            sys.exit("kallsyms.py: there is no %s" % name)
        print("sym %s 0x%x" % (name, address))


main()
