# SPDX-License-Identifier: MIT
"""LiME, AVML, QEMU migration streams and libvirt's saves, whole and broken, for malformed.py."""

import struct
import zlib

PAGE = 4096


# ---- LiME

def lime_range(gpa, data, last=None, magic=b"EMiL", version=1):
    last = gpa + len(data) - 1 if last is None else last
    return magic + struct.pack("<IQQQ", version, gpa, last, 0) + data


def lime(memory, cut=None):
    """The memory in two ranges."""
    half = len(memory) // 2
    return (lime_range(0, memory[:half]) + lime_range(half, memory[half:]))[:cut]


def lime_cases(out, memory, good):
    size, half = len(memory), len(memory) // 2
    whole = lime(memory)
    for name, data, why in (
            ("plain", whole, "nothing is wrong"),
            ("backwards", lime_range(half, memory[half:]) + lime_range(0, memory[:half]),
             "descending order"),
            ("exclusive", lime_range(0, memory[:half], half) + lime_range(half, memory[half:], size),
             "the last address is the one behind"),
            ("unaligned", lime_range(0, memory[:0x6801]) + lime_range(0x6801, memory[0x6801:]),
             "a range ends inside a page"),
            ("bytes", b"".join(lime_range(i, memory[i:i + 1]) for i in range(PAGE)) +
             lime_range(PAGE, memory[PAGE:]), "a range for each byte of the first page")):
        out.write("lime-" + name, data, "ok", why)
    last = [(size - 16, 16)]
    for name, data, why in (
            ("cut", whole[:-PAGE], "a page is missing at the end"),
            ("cut-header", whole[:half + 32 + 16] , "ends in the second header"),
            ("garbage", lime_range(0, memory[:half]) + b"no header" * 100, "garbage behind"),
            ("backward-range", lime_range(0, memory[:half]) + lime_range(half, b"", half - 1),
             "a range that ends before it begins"),
            ("huge", lime_range(0, memory[:half]) + lime_range(half, b"", 2**64 - 1),
             "a range to the end of all addresses")):
        out.write("lime-" + name, data, "partial", why, good=good[:1], bad=last)
    for name, data, why in (
            ("head", whole[:8], "8 bytes"), ("header", whole[:32], "a header alone"),
            ("no-memory", lime_range(0x1000, b"", 0xfff), "a first range that ends before it begins")):
        out.write("lime-" + name, data, "reject", why)
    out.write("lime-beyond", lime_range(2**52, memory) + lime_range(0, memory), "ok",
              "a range beyond the address bits")


# ---- AVML

def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def masked(crc):
    return ((crc >> 15 | crc << 17) + 0xa282ead8) & 0xffffffff


def varint(value):
    out = bytearray()
    while value > 0x7f:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def snappy(data):
    """One block, of one literal of at most 64 KiB."""
    return varint(len(data)) + b"\xf4" + struct.pack("<H", len(data) - 1) + data


def chunk(kind, body):
    return bytes([kind]) + struct.pack("<I", len(body))[:3] + body


STREAM = chunk(0xff, b"sNaPpY")


def data_chunk(data, compress=True, crc=None):
    crc = masked(crc32c(data)) if crc is None else crc
    return chunk(0 if compress else 1, struct.pack("<I", crc) + (snappy(data) if compress else data))


def avml_range(gpa, chunks, size, trailer=True):
    return (b"AVML" + struct.pack("<IQQQ", 2, gpa, gpa + size - 1, 0) + chunks +
            (struct.pack("<Q", len(chunks)) if trailer else b""))


def avml(memory, trailer=True, compress=(True, False), crcs=None):
    """A range for each 128 KiB, chunks of 64 KiB, one compressed and one not."""
    out = b""
    for at in range(0, len(memory), 0x20000):
        data = memory[at:at + 0x20000]
        parts = [data[i:i + 0x10000] for i in range(0, len(data), 0x10000)]
        chunks = STREAM + b"".join(data_chunk(p, compress[i % 2], crcs) for i, p in enumerate(parts))
        out += avml_range(at, chunks, len(data), trailer)
    return out


def avml_cases(out, memory, good):
    whole = avml(memory)
    last = [(len(memory) - 16, 16)]
    second = len(whole) - len(avml(memory[0x20000:]))
    for name, data, why in (
            ("plain", whole, "nothing is wrong"),
            ("no-trailers", avml(memory, trailer=False), "the lengths behind ranges are missing"),
            ("padding", whole.replace(STREAM, STREAM + chunk(0xfe, b"pad" * 9)), "padding chunks")):
        out.write("avml-" + name, data, "ok", why)
    for name, data, why in (
            ("cut", whole[:-PAGE], "a page is missing at the end"),
            ("cut-chunk", whole[:second + 32 + len(STREAM) + 20], "ends in a chunk"),
            ("garbage", whole[:second] + b"no header" * 100, "garbage behind"),
            ("short", avml_range(0, STREAM + data_chunk(memory[:0x10000]), 0x18000, False) +
             whole[second:second], "a range with less than it says, and nothing behind")):
        out.write("avml-" + name, data, "partial", why, good=good[:1] if name != "short" else
                  [(0x1000, PAGE)], bad=last)
    out.write("avml-lacking", avml_range(0, STREAM + data_chunk(memory[:0x10000]), 0x20000, False) +
              whole[second:], "partial", "a range with less than it says before another, as 0.17.0",
              good=[(0x1000, PAGE), (0x20000, PAGE)], bad=[(0x10000, 16)])
    wrong = avml_range(0, STREAM + data_chunk(memory[:0x10000], crc=1) +
                       data_chunk(memory[0x10000:0x20000]), 0x20000) + whole[second:]
    out.write("avml-checksum", wrong, "partial", "a chunk with a wrong checksum",
              good=[(0x10000, PAGE), (0x20000, PAGE)], bad=[(0x1000, 16)])
    broken = bytearray(whole)
    broken[32 + len(STREAM) + 4 + 4 + 3] ^= 0x10
    out.write("avml-snappy", bytes(broken), "partial", "a chunk that does not unpack",
              good=[(0x10000, PAGE)], bad=[(0x1000, 16)])
    for name, chunks, why in (
            ("large", chunk(1, bytes(4 + 65537)), "a plain chunk of more than 64 KiB"),
            ("claims", chunk(0, bytes(4) + varint(65537) + bytes(60)), "a block that claims more"),
            ("claims-more", chunk(0, bytes(4) + b"\xff" * 20), "a size that does not end"),
            ("empty", chunk(0, b""), "a chunk without a checksum"),
            ("kind", chunk(2, bytes(100)), "a kind that must not be skipped"),
            ("stream", chunk(0xff, b"snappy"), "another stream")):
        out.write("avml-" + name, avml_range(0, chunks, PAGE), "reject", why)
    out.write("avml-header", whole[:32], "reject", "a header alone")


# ---- QEMU

ZERO, MEM_SIZE, FULL_PAGE, EOS, CONTINUE, XBZRLE, HOOK, DEFLATED, FLUSH = (
    2, 4, 8, 16, 32, 64, 128, 256, 512)


def be32(value):
    return struct.pack(">I", value)


def be64(value):
    return struct.pack(">Q", value)


def name(text):
    return bytes([len(text)]) + text


def record(flags, offset=0, body=b"", block=None):
    if block is None:
        return be64(offset | flags | CONTINUE) + body
    return be64(offset | flags) + name(block) + body


def blocks(sizes):
    return be64(sum(size for _, size in sizes) | MEM_SIZE) + b"".join(
        name(n) + be64(size) for n, size in sizes)


def head(machine=b"pc-i440fx-7.2", parts=b""):
    return b"QEVM" + be32(3) + b"\7" + be32(len(machine)) + machine + parts


def section(kind, number, body, start=b""):
    return bytes([kind]) + be32(number) + start + body + b"\x7e" + be32(number)


RAM_START = name(b"ram") + be32(0) + be32(4)


def pages(memory, block=b"pc.ram"):
    out = b""
    for at in range(0, len(memory), PAGE):
        page, first = memory[at:at + PAGE], block if at == 0 else None
        if page.count(0) == PAGE:
            out += record(ZERO, at, b"\0", first)
        else:
            out += record(FULL_PAGE, at, page, first)
    return out


def cpu_state(cr3):
    """Version 12, 64 bits wide; what is not a register that decides a mode is zero."""
    state = bytearray(1817)
    for at, value in ((136, 2), (456, 0x80050033), (472, cr3), (480, 0x6f0), (816, 0xd01)):
        struct.pack_into(">Q", state, at, value)
    struct.pack_into(">I", state, 256 + 16, 0x00af9b00)
    return bytes(state)


def cpu(instance, state, version=12):
    return section(4, 10 + instance, state, name(b"cpu") + be32(instance) + be32(version))


def qemu(memory, cr3, records=None, devices=None, sizes=None, end=b"\0", **more):
    sizes = [(b"pc.ram", len(memory))] if sizes is None else sizes
    records = pages(memory) if records is None else records
    devices = cpu(0, cpu_state(cr3)) + cpu(1, cpu_state(cr3)) if devices is None else devices
    eos = be64(EOS)
    return (head(**more) + section(1, 2, blocks(sizes) + eos, RAM_START) +
            section(2, 2, records + eos) + section(3, 2, eos) + devices + end)


def qemu_rewritten(memory):
    """Every kind of record; what counts comes last."""
    noise, half = bytes([0xa5]) * PAGE, len(memory) // 2 & -PAGE
    out = b"".join(record(FULL_PAGE, at, noise, b"pc.ram") for at in range(0, len(memory), 2 * PAGE))
    out += b"".join(record(ZERO, at, b"\xff") for at in range(len(memory) - PAGE, -1, -PAGE))
    out += pages(memory[:half])
    for at in range(half, len(memory), PAGE):
        page = memory[at:at + PAGE]
        if at // PAGE % 2:
            body = zlib.compress(page)
            out += record(DEFLATED, at, be32(len(body)) + body)
        else:
            old = bytearray(page)
            old[100:116] = bytes(16)
            new = page[100:116]
            body = varint(100) + varint(16) + new
            out += record(FULL_PAGE, at, bytes(old))
            out += record(XBZRLE, at, b"\1" + struct.pack(">H", len(body)) + body)
    return out


def qemu_mapped(memory, cr3, shift=0):
    """mapped-ram; offsets as if `shift` bytes came before."""
    parts = b"\5" + name(b"configuration/capabilities") + be32(1) + be32(1) + name(b"mapped-ram")
    start = head(parts=parts) + b"\1" + be32(2) + RAM_START
    listed = be64(len(memory) | MEM_SIZE) + name(b"pc.ram") + be64(len(memory))
    bitmap = len(start) + len(listed) + 28
    first = (bitmap + 4096 + 8191) & -8192
    bits = [memory[i:i + PAGE].count(0) != PAGE for i in range(0, len(memory), PAGE)]
    words = b"".join(struct.pack("<Q", sum(b << i for i, b in enumerate(bits[w:w + 64])))
                     for w in range(0, len(bits), 64))
    listed += be32(1) + be64(PAGE) + be64(bitmap + shift) + be64(first + shift) + words
    body = start + listed
    body += bytes(first - len(body)) + memory
    eos = be64(EOS)
    return (body + eos + b"\x7e" + be32(2) + section(3, 2, eos) + cpu(0, cpu_state(cr3)) + b"\0")


def libvirt(content, kind=0, magic=b"LibvirtQemudSave", version=2, xml=b"<domain type='qemu'/>\0"):
    return magic + struct.pack("<IIIII", version, len(xml), 1, kind, 0) + bytes(56) + xml + content


def qemu_cases(out, memory, cr3, good):
    whole = qemu(memory, cr3)
    for case, data, why in (
            ("plain", whole, "nothing is wrong"),
            ("rewritten", qemu(memory, cr3, qemu_rewritten(memory)), "pages sent again and again"),
            ("mapped", qemu_mapped(memory, cr3), "mapped-ram"),
            ("no-devices", qemu(memory, cr3, devices=b"\4" + bytes(40)), "no vcpu"),
            ("unknown-machine", qemu(memory, cr3, machine=b"toaster-1.0"), "another machine"),
            ("nodes", qemu(memory, cr3, pages(memory[:0x20000], b"ram-node0") +
                           pages(memory[0x20000:], b"/objects/ram-node1"),
                           sizes=[(b"/objects/ram-node1", len(memory) - 0x20000),
                                  (b"ram-node0", 0x20000)]), "two nodes"),
            ("libvirt", libvirt(whole), "libvirt's save file"),
            ("libvirt-sparse", libvirt(qemu_mapped(memory, cr3, 92 + 22), 6), "libvirt's, sparse")):
        out.write("qemu-" + case, data, "ok", why)
    last = [(len(memory) - 16, 16)]
    tables = [(0x3000, 4 * PAGE)]
    ram = section(2, 2, pages(memory) + be64(EOS))
    at = whole.index(ram) + len(ram) // 2 + 100
    for case, data, why in (
            ("cut", whole[:at], "ends amid the memory"),
            ("cut-record", whole[:at - at % 7], "ends amid a record"),
            ("left-out", qemu(memory, cr3, pages(memory[:0x20000])), "half of it never sent"),
            ("flags", qemu(memory, cr3, pages(memory[:0x20000]) + be64(0x20000 | 0x800)), "no such flags"),
            ("outside", qemu(memory, cr3, pages(memory[:0x20000]) +
                             record(FULL_PAGE, 1 << 40, bytes(PAGE))), "a page outside its block"),
            ("stranger", qemu(memory, cr3, pages(memory[:0x20000]) +
                              record(ZERO, 0, b"\0", b"nobody")), "a page of no block"),
            ("blocks-twice", qemu(memory, cr3, pages(memory[:0x20000]) +
                                  blocks([(b"pc.ram", PAGE)])), "a second list of blocks")):
        out.write("qemu-" + case, data, "partial", why, good=tables, bad=last)
    out.write("qemu-delta", qemu(memory, cr3, pages(memory[:-PAGE]) +
                                 record(XBZRLE, len(memory) - PAGE, b"\1\0\3\0\1x", b"pc.ram")),
              "partial", "a difference to nothing", good=tables, bad=last)
    out.write("qemu-delta-wild", qemu(memory, cr3, pages(memory) + record(
        XBZRLE, len(memory) - PAGE, b"\1\0\6\xff\x7f\x01xyz")),
              "partial", "a difference outside the page", good=tables, bad=last)
    out.write("qemu-deflated", qemu(memory, cr3, pages(memory) + record(
        DEFLATED, len(memory) - PAGE, be32(10) + b"no zlib :(")),
              "partial", "a compressed page that is none", good=tables, bad=last)
    for case, data, why in (
            ("head", whole[:8], "8 bytes"), ("configuration", whole[:20], "ends in the configuration"),
            ("name", b"QEVM" + be32(3) + b"\7" + be32(2**32 - 1) + b"pc", "a long name"),
            ("section", head() + b"\x55" + bytes(100), "no such section"),
            ("multifd", qemu(memory, cr3, be64(FLUSH)), "its pages went elsewhere"),
            ("rdma", qemu(memory, cr3, record(HOOK)), "RDMA"),
            ("ram-version", head() + section(1, 2, b"", name(b"ram") + be32(0) + be32(3)), "version 3"),
            ("many-blocks", qemu(memory, cr3, sizes=[(b"b%d" % i, PAGE) for i in range(5000)]),
             "5000 blocks"),
            ("huge-block", qemu(memory, cr3, sizes=[(b"pc.ram", 1 << 62)]), "a block of 4 EiB"),
            ("odd-block", qemu(memory, cr3, sizes=[(b"pc.ram", 1000)]), "a block of 1000 bytes"),
            ("part", libvirt(whole, magic=b"LibvirtQemudPart"), "unfinished"),
            ("bzip2", libvirt(whole, 2), "compressed in a way that cannot be read"),
            ("lzop", libvirt(whole, 4), "compressed in a way that cannot be read"),
            ("way", libvirt(whole, 99), "compressed in a way that is not known"),
            ("libvirt-version", libvirt(whole, version=0x02000000), "the other byte order"),
            ("libvirt-short", libvirt(b""), "no stream"),
            ("libvirt-head", libvirt(b"")[:40], "ends in the header")):
        out.write("qemu-" + case, data, "reject", why)
    narrow = bytearray(cpu_state(cr3))
    narrow[136:144] = bytes(8)
    for case, devices, why in (
            ("cpu-version", cpu(0, cpu_state(cr3), 13), "a vcpu of another version"),
            ("cpu-cut", cpu(0, cpu_state(cr3))[:700], "the state of a vcpu is cut off"),
            ("cpu-form", cpu(0, bytes(narrow)), "flags that no CPU has"),
            ("cpu-many", b"".join(cpu(i, cpu_state(cr3)) for i in range(300)), "300 vcpus")):
        out.write("qemu-" + case, qemu(memory, cr3, devices=devices, end=b""), "any", why, good=good[:2])


def add(out, rng, memory, cr3, good):
    lime_cases(out, memory, good)
    avml_cases(out, memory, good)
    qemu_cases(out, memory, cr3, good)
    for case, data in (("lime", lime(memory)), ("avml", avml(memory)),
                       ("qemu", qemu(memory, cr3, qemu_rewritten(memory))),
                       ("mapped", qemu_mapped(memory, cr3))):
        for i in range(12):
            damaged = bytearray(data)
            for _ in range(8):
                damaged[rng.randrange(len(damaged) if i % 2 else 600)] = rng.randrange(256)
            out.write("%s-damaged-%02d" % (case, i), bytes(damaged), "any", "8 bytes replaced")
