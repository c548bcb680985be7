#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Xen's core dumps and save images for malformed.py, one thing wrong in each.

    malformed_xen.py CORE_DIR SAVE_DIR

writes small ones to begin fuzzing with.
"""
import os
import struct
import sys

PAGE = 4096
NONE = 2**64 - 1
VCPU = 5168
XL_MAGIC = b"Xen saved domain, xl format\n \0 \r"
BROKEN, ALLOC, XTAB = 0xd, 0xe, 0xf


def pages_of(memory):
    return {i: memory[i * PAGE:(i + 1) * PAGE] for i in range(len(memory) // PAGE)}


# ---- xl dump-core

def vcpu(cr3):
    context = bytearray(VCPU)
    struct.pack_into("<QQQQ", context, 648, 0xffffffff81000000, 0x10, 0x246, 0xffff888000001000)
    struct.pack_into("<QQQQQ", context, 4984, 0x80050033, 0, 0, cr3, 0x6a0)
    struct.pack_into("<QQQ", context, 5144, 1, 2, 3)
    return bytes(context)


def note(kind, body):
    return struct.pack("<III4s", 4, len(body), kind, b"Xen\0") + body


def core(memory, entries=None, pv=False, change=(), vcpus=1, page_size=PAGE, pages=None,
         note_size=None, cut=0):
    """`entries` of .xen_pfn or .xen_p2m; `change` is {(section, field): value}."""
    if entries is None:
        entries = list(range(len(memory) // PAGE))
    table = b"".join(struct.pack("<QQ", i, e) if pv else struct.pack("<Q", e)
                     for i, e in enumerate(entries))
    notes = (note(0x2000000, b"") +
             note(0x2000001, struct.pack("<QQQQ", 0xf00febee, vcpus, len(entries), page_size)) +
             note(0x2000003, struct.pack("<Q", 1)))
    table_name = ".xen_p2m" if pv else ".xen_pfn"
    names = ["", ".shstrtab", ".note.Xen", ".xen_prstatus", ".xen_shared_info", ".xen_pages",
             table_name]
    strings = b"".join(n.encode() + b"\0" for n in names)
    at = 64 + 64 * len(names)
    shdrs = [dict.fromkeys(("name", "type", "offset", "size", "entsize"), 0) for _ in names]
    body = b""
    for i, data, entsize in ((2, notes, 0), (3, vcpu(0x3000) * vcpus, VCPU), (4, bytes(PAGE), PAGE)):
        shdrs[i].update(type=7 if i == 2 else 1, offset=at + len(body), size=len(data), entsize=entsize)
        body += data
    body += bytes(-(at + len(body)) % PAGE)
    for i, data, entsize in ((5, memory, PAGE), (6, table, 16 if pv else 8), (1, strings, 0)):
        shdrs[i].update(type=3 if i == 1 else 1, offset=at + len(body), size=len(data), entsize=entsize)
        body += data
    for i, name in enumerate(names):
        shdrs[i]["name"] = strings.index(name.encode() + b"\0") if name else len(strings) - 1
    if note_size is not None:
        shdrs[2]["size"] = note_size
    for (section, field), value in dict(change).items():
        shdrs[names.index(section)][field] = value
    ehdr = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 4, 62, 1, 0, 0, 64, 0, 64, 56, 0, 64,
                       len(names), 1)
    table = b"".join(struct.pack("<IIQQQQIIQQ", s["name"], s["type"], 0, 0, s["offset"], s["size"],
                                 0, 0, 0, s["entsize"]) for s in shdrs)
    data = ehdr + table + body
    return data[:len(data) - cut]


# ---- xl save

def record(kind, body, length=None):
    return struct.pack("<II", kind, len(body) if length is None else length) + body + \
        bytes(-len(body) % 8)


def page_data(entries, count=None, length=None):
    """`entries`: (type, pfn, bytes)."""
    body = struct.pack("<II", len(entries) if count is None else count, 0)
    body += b"".join(struct.pack("<Q", kind << 60 | pfn) for kind, pfn, _ in entries)
    body += b"".join(data for kind, _, data in entries if kind < BROKEN)
    return record(1, body, length)


def batches(memory, size=16):
    entries = [(0, pfn, data) for pfn, data in pages_of(memory).items()]
    return b"".join(page_data(entries[i:i + size]) for i in range(0, len(entries), size))


def hvm_context(cr3, length=1032):
    cpu = bytearray(1032)
    struct.pack_into("<QQ", cpu, 640, 0xffffffff81000000, 0x246)
    struct.pack_into("<QQQQ", cpu, 656, 0x80050033, 0, cr3, 0x6a0)
    struct.pack_into("<I", cpu, 888, 0xa9b)
    struct.pack_into("<Q", cpu, 992, 0xd01)
    head = struct.pack("<IIQII", 0x54381286, 1, 0, 0, 0)
    return (struct.pack("<HHI", 1, 0, len(head)) + head + struct.pack("<HHI", 2, 0, length) +
            bytes(cpu) + struct.pack("<HHI", 0, 0, 0))


POLICY = struct.pack("<IIIIII", 0x80000008, NONE & 0xffffffff, 0x3028, 0, 0, 0)
LIBXC_END = record(0, b"")


def libxc(records, version=3, kind=2, shift=12, options=0):
    return (b"\xff" * 8 + b"XENF" + struct.pack(">IHHI", version, options, 0, 0) +
            struct.pack("<IHHII", kind, shift, 0, 4, 17) + records)


def libxl(inner, version=2):
    return (b"LibxlFmt" + struct.pack(">II", version, 0) + record(2, b"xenstore") + record(1, b"") +
            inner + record(0, b""))


def xl(inner, flags=3, extra=b"{}\0", length=None):
    return XL_MAGIC + struct.pack("<IIII", 0x01020304, flags, 0,
                                  len(extra) if length is None else length) + extra + inner


def save(memory, front=b"", behind=b"", **how):
    if how.get("version") != 2:
        front += record(0x11, POLICY) + record(0x10, b"")
    return xl(libxl(libxc(front + batches(memory) +
                          behind + record(9, hvm_context(0x3000)) + LIBXC_END, **how)))


# ---- what malformed.py writes

def write(out, memory, bad):
    core_cases(out, memory, bad)
    save_cases(out, memory, bad)


def core_cases(out, memory, bad):
    size, count = len(memory), len(memory) // PAGE
    order = list(range(count))
    last = [(size - 16, 16)]
    for name, data, why in (
            ("plain", core(memory), "as xl dump-core writes it"),
            ("no-names", core(memory, cut=5), "the file ends inside the section names"),
            ("padded", core(memory + bytes(2 * PAGE), order + [NONE, NONE]), "two frames of ~0"),
            ("names-lie", core(memory, change={(".shstrtab", "offset"): 1 << 62}),
             "section names far past the end"),
            ("no-vcpu", core(memory, vcpus=0), "no registers")):
        out.write("xen-core-%s" % name, data, "ok", why)
    for name, data, why, hole in (
            ("table-cut", core(memory, cut=76), "the file ends inside the table", last),
            ("pages-short", core(memory, change={(".xen_pages", "size"): size - PAGE}),
             "a page less than entries", last),
            ("huge-pfn", core(memory, order[:-1] + [1 << 45]), "a frame past 52 bits", last),
            ("wrap-pfn", core(memory, order[:-1] + [(1 << 52) - 1]), "a frame that wraps", last),
            ("pages-far", core(memory + bytes(PAGE), order + [1 << 30],
                               change={(".xen_pages", "size"): 1 << 62}),
             "2^62 bytes of pages", [(size, 1)])):
        good = [(0x10000, PAGE), (0, size - PAGE)]
        out.write("xen-core-%s" % name, data, "partial", why, good=good, bad=hole)
    for name, data, why in (
            ("no-table", core(memory, cut=52 + 8 * count + 40), "the file ends before the table"),
            ("table-far", core(memory, change={(".xen_pfn", "offset"): NONE - 7}),
             "the table's offset wraps"),
            ("pages-wrap", core(memory, change={(".xen_pages", "offset"): NONE - PAGE + 1}),
             "the offset of the pages wraps"),
            ("empty", core(memory, [NONE] * count), "no frame at all"),
            ("page-size", core(memory, page_size=1 << 20), "pages of a mebibyte")):
        out.write("xen-core-%s" % name, data, "reject", why)
    for name, data, why in (
            ("twice", core(memory, [0] * count), "all pages are frame 0"),
            ("pv", core(memory, pv=True), "a paravirtualised guest"),
            ("note-long", core(memory, note_size=1 << 40), "notes of a tebibyte"),
            ("vcpus-many", core(memory, change={(".xen_prstatus", "size"): 1 << 60}),
             "2^47 vcpus"),
            ("vcpu-tiny", core(memory, change={(".xen_prstatus", "entsize"): 1}),
             "vcpus of one byte")):
        out.write("xen-core-%s" % name, data, "any", why)


def save_cases(out, memory, bad):
    size, old = len(memory), bytes(reversed(memory))
    plain = save(memory)
    again = b"".join(page_data([(0, pfn, data)]) for pfn, data in pages_of(memory).items())
    for name, data, why in (
            ("plain", plain, "as xl save writes it"),
            ("version-2", save(memory, version=2), "libxc's version 2"),
            ("libxl", plain[plain.index(b"LibxlFmt"):], "libxl's stream alone"),
            ("libxc", plain[plain.index(b"\xff" * 8 + b"XENF"):], "libxc's stream alone"),
            ("twice", save(old, behind=batches(memory)), "other pages first"),
            ("scattered", save(old, behind=again), "a record for each page"),
            ("verify", save(memory, behind=record(0xd, b"") + batches(old)), "copies to verify"),
            ("unknown", save(memory, front=record(0x77, b"?") + record(0x80000099, b"?")),
             "unknown records"),
            ("no-end", plain[:-24], "the file ends before its end")):
        out.write("xen-save-%s" % name, data, "ok", why)
    holes = page_data([(XTAB, 2, b""), (BROKEN, 3, b""), (XTAB, 1 << 40, b"")])
    far = page_data([(0, (1 << 52) - 1, bytes(PAGE)), (0, 1 << 40, bytes(PAGE))])
    for name, data, why, hole in (
            ("holes", save(memory, behind=holes), "pages taken away", [(2 * PAGE, 1), (3 * PAGE, PAGE)]),
            ("far", save(memory, behind=far), "frames past 52 bits", bad),
            ("cut", xl(libxl(libxc(batches(memory))))[:-PAGE * 10], "the file ends inside its pages", [(size - 16, 16)]),
            ("count", save(memory, behind=page_data([(0, 1, bytes(PAGE))], 1 << 31)),
             "2^31 pages in a record", bad),
            ("length", save(memory, behind=page_data([(0, 1, bytes(PAGE))], None, 1 << 31)),
             "a record of 2^31 bytes", bad)):
        out.write("xen-save-%s" % name, data, "partial", why, good=[(0x10000, PAGE)], bad=hole)
    for name, data, why in (
            ("xl-alone", XL_MAGIC, "ends behind the magic"),
            ("config-long", xl(b"", length=1 << 31), "a configuration of 2^31 bytes"),
            ("flags", xl(libxl(libxc(batches(memory))), flags=15), "unknown mandatory flags"),
            ("legacy", xl(bytes(PAGE), flags=1), "of Xen 4.5"),
            ("libxl-9", xl(libxl(b"", version=9)), "libxl's version 9"),
            ("libxc-9", save(memory, version=9), "libxc's version 9"),
            ("arm", save(memory, kind=3), "a guest of another kind"),
            ("shift", save(memory, shift=64), "pages of 2^64 bytes"),
            ("big-endian", save(memory, options=1), "big-endian"),
            ("empty", xl(libxl(libxc(LIBXC_END))), "no pages"),
            ("all-holes", xl(libxl(libxc(page_data([(XTAB, i, b"") for i in range(99)])))),
             "nothing but holes")):
        out.write("xen-save-%s" % name, data, "reject", why)
    loop = record(9, hvm_context(0x3000, 2**32 - 8))
    for name, data, why in (
            ("context", save(memory, behind=loop), "an HVM context whose record has no end"),
            ("checkpoint", xl(libxl(libxc(batches(memory) + record(0xe, b"")))), "one checkpoint"),
            ("empty-records", save(memory, front=record(1, b"") * 5000), "5000 empty records")):
        out.write("xen-save-%s" % name, data, "any", why)


# ---- seeds

def seeds(core_dir, save_dir):
    # Tables for 4 levels at 0x3000, three pages behind them.
    memory = bytearray(8 * PAGE)
    for table in range(3, 7):
        struct.pack_into("<QQ", memory, table * PAGE, (table + 1) << 12 | 0x67, 0x83)
    small = bytes(memory)
    cores = {"hvm": core(small), "pv": core(small, pv=True), "cut": core(small, cut=5),
             "odd": core(small[:4 * PAGE], [3, NONE, 0, 3]), "vcpus": core(small[:PAGE], vcpus=3)}
    holes = page_data([(XTAB, 2, b""), (BROKEN, 3, b""), (ALLOC, 9, b"")])
    basic = record(2, b"\x08\x04\0\0\0\0\0\0") + record(4, bytes(8) + vcpu(0x3000)) + \
        record(6, struct.pack("<QQQ", 0, 3, 3))
    saves = {"xl": save(small[:5 * PAGE], behind=holes), "v2": save(small, version=2),
             "libxc": libxc(batches(small) + record(9, hvm_context(0x3000)) + LIBXC_END),
             "pv": libxl(libxc(batches(small[:PAGE]) + basic + LIBXC_END, kind=1)),
             "checkpoint": libxl(libxc(batches(small[:PAGE]) + record(0xe, b"") + record(4, b"") +
                                       batches(small[:PAGE]) + record(0xd, b"")))}
    for folder, images in ((core_dir, cores), (save_dir, saves)):
        os.makedirs(folder, exist_ok=True)
        for name, data in images.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(data)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    seeds(*sys.argv[1:])
