#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write small images that are broken, or odd and valid, and what a reader owes each of them.

    malformed.py OUTDIR [SEED]

One small memory with page tables in it is wrapped into files of all formats, one thing wrong in each.
Nothing is random but the bytes of the noise cases, which follow from SEED (default 1).

OUTDIR/manifest.json is a list of
    file      the name in OUTDIR
    why       what is special about it
    expect    ok       valid, however odd: opens, everything in it reads right
              partial  opens; "good" reads right, "bad" is refused
              reject   must not open
              any      as long as it ends in time, and invents nothing
    options   further arguments of the program
    good      [{gpa, size, sha256}]     bad  [{gpa, size}]
    walk      [{root, gva, gpa or null}]
"""

import hashlib
import json
import os
import random
import shutil
import struct
import sys

import malformed_kdump
import malformed_packed
import malformed_streams
import malformed_xen

PAGE = 4096
PAGES = 64
ROOT = 0x3000
LOOP = 0x8000  # a table whose every entry leads back to it
PRESENT, WRITE, USER, LARGE = 1, 2, 4, 0x80


# ---- the memory

def make_memory():
    """Frames 3 to 6 are the tables of ROOT, frame 8 is LOOP, the others describe themselves."""
    memory = bytearray()
    for frame in range(PAGES):
        line = b"frame %03d of the small guest; " % frame
        memory += (line * (PAGE // len(line) + 1))[:PAGE]
    for table in (3, 4, 5, 6, 8):
        memory[table * PAGE:(table + 1) * PAGE] = bytes(PAGE)

    def entry(table, index, value):
        struct.pack_into("<Q", memory, table * PAGE + 8 * index, value)

    everything = PRESENT | WRITE | USER
    entry(3, 0, 0x4000 | everything)
    entry(3, 2, 0x7fffff000 | everything)  # a table that the image does not hold
    entry(3, 256, 0x3000 | everything)     # the root below itself, as Windows has it
    entry(4, 0, 0x5000 | everything)
    entry(4, 1, LARGE | everything)        # 1 GiB from gpa 0 on
    entry(4, 2, 0x4000 | everything)       # a loop one level down
    entry(4, 3, 0x2000 | LARGE | everything)  # 1 GiB with reserved address bits
    entry(5, 0, 0x6000 | everything)
    entry(5, 1, LARGE | everything)        # 2 MiB from gpa 0 on
    entry(5, 2, 0x2000 | LARGE | everything)  # 2 MiB with reserved address bits
    for i in range(16):
        entry(6, i, (16 + i) * PAGE | everything)
    entry(6, 20, 0x10000 | WRITE)          # not present, though not empty
    entry(6, 21, 0xffffffffff000 | everything)  # the highest frame that there can be
    for i in range(512):
        entry(8, i, LOOP | everything)
    return bytes(memory)


MEMORY = make_memory()
SIZE = len(MEMORY)
GOOD = [(0x10000, PAGE), (0x2fff8, 16), (0x9001, 1), (0, SIZE)]
LAST = [(SIZE - 16, 16)]
BEHIND = [(SIZE, 1), (1 << 40, 8), (2**52, 1), (2**64 - 8, 8)]
WALK = [
    (0, 0x10000), (0xffff, 0x1ffff), (0x200123, 0x123), (0x40001234, 0x1234),
    (0xffff800000000000, 0x6000), (0x10000, None), (0x14000, None), (0x400000, None),
    (0xc0000000, None), (0x10000000000, None), (0x800000000000, None), (0xfff0000000000000, None),
]


class Output:
    """The folder and its manifest."""

    def __init__(self, folder):
        self.folder = folder
        self.manifest = []

    def path(self, name):
        return os.path.join(self.folder, name)

    def note(self, name, expect, why, good=(), bad=(), walk=(), options=()):
        if expect == "ok" and not good:
            good, bad, walk = GOOD, BEHIND, WALK
        case = {"file": name, "expect": expect, "why": why}
        if good:
            case["good"] = [{"gpa": hex(a), "size": n,
                             "sha256": hashlib.sha256(MEMORY[a:a + n]).hexdigest()}
                            for a, n in good]
        if bad:
            case["bad"] = [{"gpa": hex(a), "size": n} for a, n in bad]
        if walk:
            case["walk"] = [{"root": hex(ROOT), "gva": hex(v), "gpa": None if p is None else hex(p)}
                            for v, p in walk]
        if options:
            case["options"] = list(options)
        self.manifest.append(case)

    def write(self, name, data, expect, why, **more):
        with open(self.path(name), "wb") as file:
            file.write(data)
        self.note(name, expect, why, **more)


# ---- ELF

def pad4(data):
    return data + bytes(-len(data) % 4)


def note(name, kind, desc, namesz=None, descsz=None):
    name = name + b"\0" if name else b""
    return struct.pack("<III", len(name) if namesz is None else namesz,
                       len(desc) if descsz is None else descsz, kind) + pad4(name) + pad4(desc)


def prstatus(size=336):
    desc = bytearray(size)
    for at in range(112, size - 8, 8):
        struct.pack_into("<Q", desc, at, at)
    return bytes(desc)


def qemu(version=1, size=440, root=ROOT):
    desc = bytearray(440)
    struct.pack_into("<II", desc, 0, version, size)
    struct.pack_into("<I", desc, 152 + 8, 0x00af9b00)                       # CS: 64-bit code
    struct.pack_into("<QQQQQ", desc, 392, 0x80050033, 0, 0, root, 0x6f0)    # CR0 to CR4
    return bytes(desc)


NOTES = note(b"CORE", 1, prstatus()) + note(b"QEMU", 0, qemu())
EHDR = {"e_class": 2, "e_data": 1, "e_version": 1, "e_type": 4, "e_machine": 62, "e_flags": 0,
        "e_phentsize": 56, "e_ehsize": 64, "e_shoff": 0, "e_shentsize": 0, "e_shnum": 0,
        "e_shstrndx": 0}


def load(gpa, data, filesz=None, memsz=None, offset=None, vaddr=0):
    filesz = len(data) if filesz is None else filesz
    return {"gpa": gpa, "data": data, "filesz": filesz, "offset": offset, "vaddr": vaddr,
            "memsz": filesz if memsz is None else memsz}


def elf(loads=None, notes=NOTES, tail=b"", phnum=None, phoff=64, **changes):
    """An ELF64 core; `changes` are members of the header, of any value."""
    loads = [load(0, MEMORY)] if loads is None else loads
    h = dict(EHDR, **changes)
    count = len(loads) + (notes is not None)
    at = 64 + 56 * count
    table, body = b"", b""
    if notes is not None:
        table += struct.pack("<IIQQQQQQ", 4, 0, at, 0, 0, len(notes), len(notes), 0)
        body += notes
        at += len(notes)
    for p in loads:
        offset = at if p["offset"] is None else p["offset"]
        table += struct.pack("<IIQQQQQQ", 1, 7, offset, p["vaddr"], p["gpa"], p["filesz"],
                             p["memsz"], 0)
        body += p["data"]
        at += len(p["data"])
    ident = b"\x7fELF" + bytes([h["e_class"], h["e_data"], h["e_version"]]) + bytes(9)
    ehdr = ident + struct.pack("<HHIQQQIHHHHHH", h["e_type"], h["e_machine"], 1, 0, phoff,
                               h["e_shoff"], h["e_flags"], h["e_ehsize"], h["e_phentsize"],
                               count if phnum is None else phnum, h["e_shentsize"], h["e_shnum"],
                               h["e_shstrndx"])
    return ehdr + table + body + tail


def elf_xnum(count):
    section = bytearray(64)
    struct.pack_into("<I", section, 44, count)
    plain = elf()
    return elf(phnum=0xffff, e_shoff=len(plain), e_shentsize=64, e_shnum=1, tail=bytes(section))


def elf_valid(out):
    half = SIZE // 2
    first, second = load(0, MEMORY[:half]), load(half, MEMORY[half:])
    for name, data, why in (
            ("plain", elf(), "nothing is wrong"),
            ("version-0", elf(e_version=0), "EI_VERSION is 0, as VirtualBox writes"),
            ("ehsize-8", elf(e_ehsize=8), "e_ehsize is 8, as QEMU writes"),
            ("two-loads", elf([first, second]), "two neighbours"),
            ("backwards", elf([second, first]), "descending order"),
            ("unaligned", elf([load(0, MEMORY[:0x6801]), load(0x6801, MEMORY[0x6801:])]),
             "a segment ends inside a page"),
            ("xnum", elf_xnum(2), "PN_XNUM, counted by section 0"),
            ("aliases", elf([load(0, MEMORY)] + [load(0x1000, b"", PAGE, offset=64 + 56 * 202 +
                                                      len(NOTES) + 0x1000)] * 200),
             "one page named 200 times more"),
            ("prstatus", elf(notes=note(b"CORE", 1, prstatus())), "no control registers"),
            ("no-notes", elf(notes=None), "no registers"),
            ("noise-behind", elf(tail=b"\xee" * 1000), "bytes behind the last segment")):
        out.write("elf-%s" % name, data, "ok", why)


def elf_partial(out):
    cut = [load(0, MEMORY, filesz=2**63)]
    far = [load(0, MEMORY), load(2**64 - PAGE, b"", 2 * PAGE, offset=64)]
    for name, data, why, good, bad in (
            ("memsz", elf([load(0, MEMORY[:SIZE // 2], memsz=SIZE)], tail=b"\xee" * SIZE),
             "p_memsz exceeds p_filesz: the rest is not what follows in the file", GOOD[:1], LAST),
            ("cut", elf()[:-100], "the file ends inside the last page", GOOD[:2], LAST),
            ("cut-most", elf()[:-SIZE + 8192], "most of the segment is missing", [(0, 8192)],
             [(0x2000, 1), (0x10000, PAGE)] + LAST),
            ("filesz-huge", elf(cut), "p_filesz is 2^63", GOOD[:2], BEHIND[1:]),
            ("gpa-wraps", elf(far), "p_paddr + p_filesz wraps", GOOD[:2], BEHIND[2:]),
            ("offset-wraps", elf([load(0, MEMORY), load(SIZE, b"", PAGE, offset=2**64 - 8)]),
             "p_offset + p_filesz wraps", GOOD[:2], [(SIZE, 8)]),
            ("offset-none", elf([load(0, MEMORY), load(SIZE, b"", 0, PAGE, offset=2**64 - 1)]),
             "a segment that was filtered out", GOOD[:2], [(SIZE, 8)]),
            ("overlap", elf([load(0, MEMORY), load(0x6000, b"\xee" * PAGE)]),
             "two segments say different things of page 6", [(0x6000, PAGE)] + GOOD[:2], BEHIND),
            ("hole", elf([load(0, MEMORY[:0x5000]), load(0x10000, MEMORY[0x10000:])]),
             "memory in between is in no segment", GOOD[:2], [(0x5000, 1), (0x8ff8, 16)])):
        out.write("elf-%s" % name, data, "partial", why, good=good, bad=bad)


def elf_rejected(out):
    xen = b"\0.xen_pages\0"
    xen_at = 64 + 128 + SIZE
    sections = bytearray(128)
    struct.pack_into("<I", sections, 0, 1)
    struct.pack_into("<QQ", sections, 64 + 24, xen_at, len(xen))
    plain = elf()
    cases = [
        ("magic", b"\x7fELF", "four bytes"),
        ("ident", plain[:16], "ends behind e_ident"),
        ("half-header", plain[:40], "ends inside the header"),
        ("half-table", plain[:100], "ends inside the program headers"),
        ("no-memory", plain[:64 + 112 + len(NOTES)], "ends in front of its memory"),
        ("phoff-far", elf(phoff=1 << 40), "e_phoff past the end"),
        ("phoff-wraps", elf(phoff=2**64 - 56), "e_phoff + size wraps"),
        ("phnum-0", elf(phnum=0), "no program headers"),
        ("phnum-many", elf(phnum=0xfffe), "more program headers than the file could hold"),
        ("xnum-no-section", elf(phnum=0xffff), "PN_XNUM, and no section 0"),
        ("xnum-huge", elf_xnum(2**32 - 1), "PN_XNUM, 2^32 - 1 program headers"),
        ("xnum-0", elf_xnum(0), "PN_XNUM, no program headers"),
        ("class-0", elf(e_class=0), "EI_CLASS 0"),
        ("class-3", elf(e_class=3), "EI_CLASS 3"),
        ("wrong-class", elf(e_class=1), "ELF64 that says ELF32"),
        ("big-endian", elf(e_data=2), "EI_DATA says big-endian"),
        ("data-9", elf(e_data=9), "EI_DATA 9"),
        ("program", elf(e_type=2), "a program"),
        ("no-loads", elf([]), "no segment of memory"),
        ("empty-loads", elf([load(0, b"")] * 1000), "1000 segments of nothing"),
        ("virtual", elf([load(2**64 - 1, MEMORY, vaddr=0xffffffff81000000)]), "no gpa, only a gva"),
        ("all-zero", elf([load(0, MEMORY, vaddr=1 << 40), load(0, MEMORY, vaddr=2 << 40)]),
         "every p_paddr is 0"),
        ("all-cut", elf([load(0, MEMORY, offset=1 << 40)]), "all memory lies past the end"),
        ("xen", elf([], None, MEMORY, e_shoff=64, e_shentsize=64, e_shnum=2, e_shstrndx=1)[:64] +
         bytes(sections) + MEMORY + xen, "Xen's dump-core"),
    ]
    cases += [("phentsize-%d" % n, elf(e_phentsize=n), "e_phentsize is %d" % n)
              for n in (0, 1, 32, 55, 57, 65535)]
    for name, data, why in cases:
        out.write("elf-%s" % name, data, "reject", why)


def elf_any(out, rng):
    for name, data, why in (
            ("machine", elf(e_machine=183), "not x86: readable, but nothing to translate"),
            ("filesz-over-memsz", elf([load(0, MEMORY, memsz=PAGE)]), "p_filesz exceeds p_memsz"),
            ("incomplete", elf(e_flags=1), "the dumper ran out of space"),
            ("sections-far", elf(e_shoff=2**64 - 64, e_shentsize=64, e_shnum=9, e_shstrndx=8),
             "section headers past the end"),
            ("sections-self", elf(e_shoff=0, e_shentsize=64, e_shnum=0xffff, e_shstrndx=1),
             "section headers at 0")):
        out.write("elf-%s" % name, data, "any", why, good=GOOD[:2])
    core = note(b"CORE", 1, prstatus())
    for name, notes, why in (
            ("namesz", note(b"CORE", 1, prstatus(), namesz=2**32 - 1), "n_namesz is 2^32 - 1"),
            ("descsz", note(b"CORE", 1, prstatus(), descsz=2**32 - 1), "n_descsz is 2^32 - 1"),
            ("descsz-wraps", note(b"CORE", 1, prstatus(), descsz=2**32 - 3),
             "n_descsz rounds up to 0"),
            ("past-end", note(b"CORE", 1, prstatus(), descsz=340), "a descriptor past the end"),
            ("short", note(b"CORE", 1, bytes(100)) + note(b"QEMU", 0, bytes(8)), "short notes"),
            ("version", core + note(b"QEMU", 0, qemu(version=77)), "a QEMU note of version 77"),
            ("size", core + note(b"QEMU", 0, qemu(size=4096)), "a QEMU note that claims 4096"),
            ("root", core + note(b"QEMU", 0, qemu(root=2**64 - 1)), "CR3 is all ones"),
            ("nameless", note(b"", 1, b"abcd") + NOTES, "a note without a name first"),
            ("unterminated", struct.pack("<III", 4, 336, 1) + b"CORE" + prstatus(), "no NUL"),
            ("vmcoreinfo", NOTES + note(b"VMCOREINFO", 0, b"NUMBER(phys_base)=-" + b"9" * 4000),
             "an absurd number without an end of line"),
            ("many", core * 5000, "5000 vcpus"),
            ("stub", b"\0" * 7, "7 bytes of notes"),
            ("zeros", bytes(100000), "notes that are all zero")):
        out.write("elf-note-%s" % name, elf(notes=notes), "any", why, good=GOOD[:2])
    out.write("elf-noise", b"\x7fELF\2\1\1" + rng.randbytes(8192), "any", "noise behind the magic")
    for i in range(20):
        data = bytearray(elf())
        for _ in range(8):
            data[rng.randrange(64 + 112 + len(NOTES))] = rng.randrange(256)
        out.write("elf-damaged-%02d" % i, bytes(data), "any", "8 bytes of the head replaced")


# ---- Windows

def win_header(kind, runs=(), processors=1, **changes):
    """DUMP_HEADER64; `changes` are fields of 8 bytes, by offset in the form at_88."""
    h = bytearray(b"PAGE" * 2048)
    h[4:8] = b"DU64"
    struct.pack_into("<Q", h, 0x10, ROOT)
    struct.pack_into("<III", h, 0x30, 0x8664, processors, 0xe2)
    struct.pack_into("<Q", h, 0x80, 0xfffff80000000000)
    if runs:
        struct.pack_into("<IIQ", h, 0x88, len(runs), 0, sum(n for _, n in runs))
        for i, run in enumerate(runs):
            struct.pack_into("<QQ", h, 0x98 + 16 * i, *run)
    struct.pack_into("<I", h, 0xf98, kind)
    for name, value in changes.items():
        struct.pack_into("<Q", h, int(name[3:], 16), value)
    return bytes(h)


def win_full(data=MEMORY, runs=((0, PAGES),), **changes):
    return win_header(1, runs, **changes) + data


def win_bitmap(data=MEMORY, bits=PAGES, first=0x3000, present=PAGES, bitmap=b"\xff" * (PAGES // 8),
               kind=5, magic=b"FDMPDUMP", runs=((0, PAGES),)):
    head = magic.ljust(0x20, b"\0") + struct.pack("<QQQ", first, present, bits) + bitmap
    return win_header(kind, runs) + head.ljust(PAGE, b"\0") + data


def win_ranges(data=MEMORY, ranges=((0, PAGES),), first=0x3000, kind=10, count=None):
    head = struct.pack("<I8sIQQIIQ", 0x40, b"RDMPDUMP", 0, first - 0x2020 & 2**64 - 1, first,
                       len(ranges) if count is None else count, 0, PAGES)
    head += b"".join(struct.pack("<QQ", *r) for r in ranges)
    return win_header(kind, ((0, PAGES),)) + head.ljust(PAGE, b"\0") + data


def windows(out, rng):
    holes = bytes([0xff, 0xff, 0xff, 0, 0xff, 0xff, 0xff, 0xff])
    held = MEMORY[:24 * PAGE] + MEMORY[32 * PAGE:]
    for name, data, why in (
            ("full", win_full(), "nothing is wrong"),
            ("full-runs", win_full(runs=((0, 9), (9, PAGES - 9))), "two neighbours"),
            ("full-count", win_full(at_90=7), "NumberOfPages is 7"),
            ("full-cpus", win_full(processors=2**32 - 1), "2^32 - 1 processors"),
            ("full-root", win_full(at_10=2**64 - 1), "DirectoryTableBase is all ones"),
            ("bitmap", win_bitmap(), "nothing is wrong"),
            ("bitmap-kernel", win_bitmap(kind=6, magic=b"SDMPDUMP"), "nothing is wrong"),
            ("bitmap-present", win_bitmap(present=2**64 - 1), "2^64 - 1 pages present"),
            ("bitmap-long", win_bitmap(bits=PAGES + 8), "a bitmap longer than memory"),
            ("ranges", win_ranges(), "nothing is wrong")):
        out.write("win-%s" % name, data, "ok", why)
    for name, data, why, good, bad in (
            ("cut", win_full()[:-100], "the file ends inside the last page", GOOD[:2], LAST),
            ("huge", win_full(runs=((0, PAGES), (PAGES, 2**40 - PAGES))), "a run up to 2^52",
             GOOD[:2], [(SIZE, 1), (2**51, 8)]),
            ("bitmap-holes", win_bitmap(held, bitmap=holes), "eight pages left out",
             [(0, 24 * PAGE), (0x2fff8, 16)], [(24 * PAGE, 1), (0x1fff8, 8)]),
            ("bitmap-cut", win_bitmap()[:-100], "the last page is not whole", GOOD[:2], LAST),
            ("bitmap-no-runs", win_bitmap(held, bitmap=holes, runs=()), "no word of the guest's memory",
             [(0, 24 * PAGE)], [(24 * PAGE, 1)]),
            ("ranges-kernel", win_ranges(MEMORY[PAGE:], ((1, PAGES - 1),), kind=8), "without frame 0",
             GOOD[:2], [(0, 1)])):
        out.write("win-%s" % name, data, "partial", why, good=good, bad=bad)
    for name, data, why in (
            ("magic", b"PAGEDU64", "eight bytes"),
            ("half-header", win_full()[:0x1fff], "ends inside the header"),
            ("no-memory", win_full()[:0x2000], "ends in front of its memory"),
            ("32-bit", b"PAGEDUMP" + win_full()[8:], "of a 32-bit Windows"),
            ("triage", win_header(4) + bytes(SIZE), "a triage dump"),
            ("type-0", win_header(0, ((0, PAGES),)) + MEMORY, "type 0"),
            ("type-filler", win_header(0x45474150, ((0, PAGES),)) + MEMORY, "no type"),
            ("runs-filler", win_full(runs=()), "no runs"),
            ("runs-0", win_full(at_88=0), "0 runs"),
            ("runs-many", win_full(at_88=44), "44 runs"),
            ("runs-wrap", win_full(runs=((2**52 - 1, 2**64 - 1),)), "a run that wraps"),
            ("runs-back", win_full(runs=((8, 8), (0, 8))), "runs descend"),
            ("bitmap-none", win_bitmap(magic=bytes(8)), "no second header"),
            ("bitmap-bits", win_bitmap(bits=2**64 - 1), "2^64 - 1 bits"),
            ("bitmap-bits-32", win_bitmap(bits=2**32), "more bits than the file has"),
            ("bitmap-first", win_bitmap(first=0x2030), "the first page in front of the bitmap"),
            ("bitmap-far", win_bitmap(first=2**64 - 8), "the first page past the end"),
            ("bitmap-empty", win_bitmap(bitmap=bytes(8)), "no bit is set"),
            ("ranges-none", win_bitmap(kind=10), "no RDMP header"),
            ("ranges-far", win_ranges(first=1 << 40), "the first page past the end"),
            ("ranges-wrap", win_ranges(ranges=((1, 2**64 - 1),)), "a range that wraps"),
            ("ranges-empty", win_ranges(count=0), "no ranges")):
        out.write("win-%s" % name, data, "reject", why)
    for i in range(20):
        data = bytearray((win_full, win_bitmap, win_ranges)[i % 3]())
        for _ in range(6):
            at = rng.choice((rng.randrange(0xb0), rng.randrange(0x2000, 0x2080)))
            data[at] = rng.randrange(256)
        out.write("win-damaged-%02d" % i, bytes(data), "any", "6 bytes of the headers replaced")


# ---- VMware

def vmw_tag(name, value, *index, size=None):
    size = len(value) if size is None else size
    return bytes([len(index) << 6 | size, len(name)]) + name + \
        struct.pack("<%dI" % len(index), *index) + value


def vmw_block(name, data, *index, size=63, claim=None, pad=0):
    claim = len(data) if claim is None else claim
    return vmw_tag(name, struct.pack("<QQH", claim, claim, pad) + bytes(pad) + data, *index, size=size)


def vmw_u32(name, value, *index):
    return vmw_tag(name, struct.pack("<I", value), *index)


def vmw_region(index, page, gfn, count):
    return b"".join(vmw_u32(name, value, index) for name, value in (
        (b"regionPageNum", page), (b"regionPPN", gfn), (b"regionSize", count)))


VMW_CPU = vmw_u32(b"cpu:numVCPUs", 1) + vmw_tag(b"CR64", struct.pack("<Q", 0x80050033), 0, 0) + \
    vmw_tag(b"CR64", struct.pack("<Q", ROOT), 0, 3) + \
    vmw_tag(b"CR64", struct.pack("<Q", 0x6f0), 0, 4) + \
    vmw_tag(b"rip", struct.pack("<Q", 2**64 - 1), 0) + bytes(2)
VMW_MEMORY = vmw_block(b"Memory", MEMORY, 0, 0) + bytes(2)


def vmw(memory=VMW_MEMORY, cpu=VMW_CPU, magic=0xbed2bed2, groups=2, at=None, size=None):
    head = struct.pack("<III", magic, 8, groups)
    place = 12 + 160
    for name, data in ((b"memory", memory), (b"cpu", cpu)):
        head += name.ljust(64, b"\0") + struct.pack("<QQ", place if at is None else at,
                                                    len(data) if size is None else size)
        place += len(data)
    return head + memory + cpu


def vmware(out, rng):
    regions = vmw_u32(b"regionsCount", 2) + vmw_region(0, 0, 0, 20) + \
        vmw_region(1, 20, 20, PAGES - 20)
    for name, data, why in (
            ("plain", vmw(), "nothing is wrong"),
            ("regions", vmw(regions + VMW_MEMORY), "two neighbours"),
            ("sizes", vmw(size=0), "groups without a size"),
            ("sizes-huge", vmw(size=2**64 - 1), "groups of 2^64 - 1 bytes"),
            ("no-cpu", vmw(cpu=b""), "no registers"),
            ("cpu-index", vmw(cpu=vmw_tag(b"rax", bytes(8), 2**32 - 1) + VMW_CPU), "vcpu 2^32 - 1"),
            ("cpu-count", vmw(cpu=vmw_u32(b"cpu:numVCPUs", 2**32 - 1) + VMW_CPU[20:]), "2^32 - 1 vcpus"),
            ("cpu-cut", vmw()[:-9], "the file ends inside the registers"),
            ("region-index", vmw(vmw_region(2**32 - 1, 1, 1, 1) + VMW_MEMORY), "region 2^32 - 1")):
        out.write("vmw-%s" % name, data, "ok", why)
    for name, data, why, good, bad in (
            ("cut", vmw()[:-len(VMW_CPU) - 102], "the file ends inside the last page", GOOD[:2], LAST),
            ("block-huge", vmw(vmw_block(b"Memory", MEMORY, 0, 0, claim=2**64 - 1), b""),
             "a block of 2^64 - 1 bytes", GOOD[:2], [(2**40, 8)]),
            ("region-high", vmw(vmw_u32(b"regionsCount", 2) + vmw_region(0, 0, 0, PAGES) +
                                vmw_region(1, 2**32 - 1, 2**32 - 1, 2**32 - 1) + VMW_MEMORY),
             "a region that is nowhere", GOOD[:2], [(2**44 - 8, 8)]),
            ("region-over", vmw(vmw_u32(b"regionsCount", 2) + vmw_region(0, 0, 0, PAGES) +
                                vmw_region(1, 3, 0, 8) + VMW_MEMORY), "two regions at gpa 0",
             GOOD[:2], [(SIZE, 1)])):
        out.write("vmw-%s" % name, data, "partial", why, good=good, bad=bad)
    for name, data, why in (
            ("header", vmw()[:12], "ends behind the header"),
            ("half-group", vmw()[:50], "ends inside the groups"),
            ("groups-0", vmw(groups=0), "no groups, and no .vmem"),
            ("no-memory", vmw(memory=bytes(2)), "no memory, and no .vmem"),
            ("compressed", vmw(vmw_block(b"Memory", MEMORY, 0, 0, size=62)), "compressed memory"),
            ("group-far", vmw(at=1 << 40), "groups past the end"),
            ("group-wraps", vmw(at=2**64 - 1), "groups at 2^64 - 1"),
            ("regions-many", vmw(vmw_u32(b"regionsCount", 2**32 - 1) + VMW_MEMORY), "2^32 - 1 regions"),
            ("pad", vmw(vmw_block(b"Memory", b"", 0, 0, pad=65535)[:40]), "padding past the end")):
        out.write("vmw-%s" % name, data, "reject", why)
    out.write("vmw-self", vmw(at=12), "any", "groups that are the table of groups")
    for i in range(20):
        data = bytearray(vmw(regions + VMW_MEMORY))
        for _ in range(4):
            data[rng.choice((rng.randrange(12, 172), rng.randrange(172, 400)))] = rng.randrange(256)
        out.write("vmw-damaged-%02d" % i, bytes(data), "any", "4 bytes of the head replaced")


# ---- raw

def raws(out, rng):
    out.write("raw-plain", MEMORY, "ok", "nothing is wrong")
    out.write("raw-odd", MEMORY + b"x" * 100, "reject", "not a whole number of pages")
    out.write("raw-odd-forced", MEMORY + b"x" * 100, "partial", "the same, asked for by name",
              good=GOOD, bad=[(SIZE + 100, 1)], options=["--driver", "raw"])
    out.write("raw-byte", b"x", "reject", "one byte")
    out.write("raw-empty", b"", "reject", "no bytes")
    out.write("raw-noise", rng.randbytes(SIZE), "any", "noise")
    whole = elf() + bytes(-len(elf()) % PAGE)
    out.write("raw-elf-forced", whole, "any", "an ELF file, read as raw",
              options=["--driver", "raw"])
    loop = bytearray(MEMORY)
    loop[3 * PAGE:4 * PAGE] = struct.pack("<Q", 0x3000 | 7) * 512
    out.write("raw-loop", bytes(loop), "any", "every entry of the root leads back to the root")
    chain = bytearray(MEMORY)
    for table in range(3, 7):
        chain[table * PAGE:(table + 1) * PAGE] = b"".join(
            struct.pack("<Q", (3 + (table - 2 + i) % 4) * PAGE | 7) for i in range(512))
    out.write("raw-mesh", bytes(chain), "any", "four tables that all lead to one another")
    wild = bytearray(MEMORY)
    for table in range(3, 7):
        wild[table * PAGE:(table + 1) * PAGE] = rng.randbytes(PAGE)
    out.write("raw-wild-tables", bytes(wild), "any", "noise where the tables were")
    with open(out.path("raw-sparse-1t"), "wb") as file:
        file.write(MEMORY)
        file.truncate(1 << 40)
    out.note("raw-sparse-1t", "partial", "a terabyte that is one hole", good=GOOD,
             bad=[(1 << 40, 1)], walk=WALK[:4])


def others(out):
    for name, head, why in (
            ("gzip", b"\x1f\x8b\x08\0", "compressed"),
            ("zstd", b"\x28\xb5\x2f\xfd", "compressed")):
        out.write("other-%s" % name, head + MEMORY[len(head):], "reject", why)
    os.mkdir(out.path("special-folder"))
    out.note("special-folder", "reject", "a folder")
    os.mkfifo(out.path("special-pipe"))
    out.note("special-pipe", "reject", "a pipe that nobody writes to")
    for name, target in (("dangling", "nowhere"), ("circle", "special-circle"),
                         ("null", "/dev/null"), ("zero", "/dev/zero")):
        os.symlink(target, out.path("special-" + name))
        out.note("special-" + name, "reject", "a link to " + target)


def main(arguments):
    if len(arguments) not in (2, 3):
        sys.exit(__doc__)
    folder = arguments[1]
    marker = os.path.join(folder, "manifest.json")
    if os.path.isdir(folder) and os.listdir(folder) and not os.path.exists(marker):
        sys.exit("%s is not empty and not of this program: name another folder" % folder)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    out = Output(folder)
    rng = random.Random(int(arguments[2]) if len(arguments) > 2 else 1)
    elf_valid(out)
    elf_partial(out)
    elf_rejected(out)
    elf_any(out, rng)
    windows(out, rng)
    vmware(out, rng)
    raws(out, rng)
    malformed_kdump.write_all(out, MEMORY, NOTES, GOOD, rng)
    malformed_streams.add(out, rng, MEMORY, ROOT, GOOD)
    others(out)
    malformed_packed.write(out, MEMORY, elf(), rng)
    malformed_xen.write(out, MEMORY, BEHIND[:2])
    with open(marker, "w") as file:
        json.dump(out.manifest, file, indent=1)
    print("%d images in %s" % (len(out.manifest), folder))


if __name__ == "__main__":
    main(sys.argv)
