#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""btf.py FILE STRUCT.MEMBER..: where a Linux kernel keeps these, one "off STRUCT.MEMBER BYTES" each.

FILE holds the kernel uncompressed; its description of its own types (BTF) is found by the header.
See Linux, Documentation/bpf/btf.rst."""

import struct
import sys

MAGIC = struct.pack("<HBBI", 0xeb9f, 1, 0, 24)  # magic, version, flags, length of the header
INT, ARRAY, STRUCT, UNION, ENUM, PROTO, VAR, DATASEC, DECL_TAG, ENUM64 = 1, 3, 4, 5, 6, 13, 14, 15, 17, 19
# What follows a type: bytes in all, and bytes for each of its `vlen`.
FIXED = {INT: 4, ARRAY: 12, VAR: 4, DECL_TAG: 4}
EACH = {STRUCT: 12, UNION: 12, ENUM: 8, PROTO: 8, DATASEC: 12, ENUM64: 12}


def types_of(data):
    """Each type as (kind, name, members); of structures only, members are (name, type, bits)."""
    start = data.find(MAGIC)
    if start < 0:
        sys.exit("btf.py: no BTF in there")
    at, length, strings, _ = struct.unpack_from("<IIII", data, start + 8)
    at, strings = start + 24 + at, start + 24 + strings
    end = at + length

    def text(offset):
        return data[strings + offset:data.index(b"\0", strings + offset)].decode()

    types = [None]
    while at < end:
        name, info, _ = struct.unpack_from("<III", data, at)
        kind, count, wide = info >> 24 & 31, info & 0xffff, info >> 31
        at += 12
        members = []
        if kind in (STRUCT, UNION):
            for member in struct.iter_unpack("<III", data[at:at + 12 * count]):
                # With the flag, the upper 8 bits are the size of a bit field.
                members.append((member[0], member[1], member[2] & 0xffffff if wide else member[2]))
        types.append((kind, name, members))
        at += FIXED.get(kind, 0) + EACH.get(kind, 0) * count
    return types, text


def offset_of(types, text, members, wanted):
    """In bits; members of unnamed structures are the outer one's own."""
    for name, inner, bits in members:
        if name and text(name) == wanted:
            return bits
        if not name and types[inner][0] in (STRUCT, UNION):
            found = offset_of(types, text, types[inner][2], wanted)
            if found is not None:
                return bits + found
    return None


def main():
    with open(sys.argv[1], "rb") as file:
        types, text = types_of(file.read())
    named = {text(name): members for kind, name, members in types[1:] if kind == STRUCT and members}
    for wanted in sys.argv[2:]:
        outer, member = wanted.split(".")
        bits = offset_of(types, text, named.get(outer, []), member)
        if bits is None:
            sys.exit("btf.py: there is no %s" % wanted)
        print("off %s %d" % (wanted, bits // 8))


main()
