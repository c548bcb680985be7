#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is known of an image of a Xen guest from elsewhere, and holding vmi-dump against it.

Readers of both formats, the plainest that can be: all pages, in a dict. A reader of what Xen's
xen-hvmctx prints of a guest's registers. Used by corpus_xen.py and by the laboratory's `images`.
"""
import json
import os
import re
import struct
import subprocess

PAGE = 4096
# Of the laboratory's test guest (test/lab/guest/mailbox.h).
TRUTH, FRAMES, TEXT = 0xffffc90000000000, 0x220000, "this string of the laboratory crosses a page"
SEGMENTS = ("cs", "ds", "es", "fs", "gs", "ss", "tr", "ldtr")
# What xen-hvmctx calls registers that have other names here.
NAMES = {"sysenter cs": "sysenter_cs", "eip": "sysenter_eip", "esp": "sysenter_esp",
         "shadow gs": "kernel_gs_base", "sfmask": "syscall_mask"}
WORDS = ("rax rbx rcx rdx rbp rsi rdi rsp r8 r9 r10 r11 r12 r13 r14 r15 rip rflags cr0 cr2 cr3 cr4 "
         "dr0 dr1 dr2 dr3 dr6 dr7 efer lstar cstar star tsc").split() + list(NAMES)


class Check:
    """Results, counted; one line for each that does not hold."""

    def __init__(self, program):
        self.program, self.right, self.wrong = program, 0, 0

    def expect(self, what, got, want):
        if got == want:
            self.right += 1
        else:
            self.wrong += 1
            print("%s is %.100r, not %.100r" % (what, got, want))
        return got == want

    def run(self, *arguments):
        """One command's output and exit status."""
        ran = subprocess.run([self.program, *arguments], capture_output=True, timeout=240)
        return ran.stdout, ran.returncode

    def objects(self, *arguments):
        return [json.loads(line) for line in self.run(*arguments, "--json")[0].splitlines()]


# ---- formats

def core_places(data):
    """xl dump-core's (frame, offset) of each page: .xen_pages, and .xen_pfn that says which it is."""
    table, = struct.unpack_from("<Q", data, 40)
    count, names = struct.unpack_from("<HH", data, 60)
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, table + 64 * i) for i in range(count)]
    strings = sections[names][4]
    by_name = {bytes(data[strings + s[0]:strings + s[0] + 32]).split(b"\0", 1)[0]: s
               for s in sections}
    pages, pfns = by_name[b".xen_pages"], by_name[b".xen_pfn"]
    numbers = struct.unpack_from("<%dQ" % (pfns[5] // 8), data, pfns[4])
    return [(pfn, pages[4] + i * PAGE) for i, pfn in enumerate(numbers) if pfn != 2**64 - 1]


def save_places(data):
    """xl save's, in the order of the libxc stream; None for a page that is taken away."""
    at, places = data.index(b"\xff" * 8 + b"XENF") + 24 + 16, []
    while True:
        kind, length = struct.unpack_from("<II", data, at)
        body, at = at + 8, at + 8 + (length + 7 & ~7)
        if kind == 0:
            return places
        if kind != 1:
            continue
        count, = struct.unpack_from("<I", data, body)
        where = body + 8 + 8 * count
        for entry in struct.unpack_from("<%dQ" % count, data, body + 8):
            held = entry >> 60 < 0xd
            places.append((entry & (1 << 52) - 1, where if held else None))
            where += PAGE if held else 0


def pages_at(path, find):
    """{frame: bytes}: of each the last place that `find` tells."""
    with open(path, "rb") as file:
        data = file.read()
    return {pfn: data[at:at + PAGE] for pfn, at in dict(find(data)).items() if at is not None}


def core_pages(path):
    return pages_at(path, core_places)


def save_pages(path):
    return pages_at(path, save_places)


def memory_pages(path):
    """The laboratory's own: {u64 gfn; u8 bytes[4096]} each."""
    with open(path, "rb") as file:
        data = file.read()
    return {struct.unpack_from("<Q", data, at)[0]: data[at + 8:at + 8 + PAGE]
            for at in range(0, len(data), PAGE + 8)}


def runs_of(pages):
    runs = []
    for gfn in sorted(pages):
        if runs and runs[-1][1] == gfn:
            runs[-1][1] = gfn + 1
        else:
            runs.append([gfn, gfn + 1])
    return runs


def check_pages(check, image, pages):
    """The image holds these pages, with these bytes, and no others."""
    runs = runs_of(pages)
    info = check.objects("info", image)[0]
    check.expect("runs", [(int(r["gpa"], 16), r["size"]) for r in info["runs"]],
                 [(a * PAGE, (b - a) * PAGE) for a, b in runs])
    for first, end in runs:
        for at in range(first, end, 4096):
            last = min(end, at + 4096)
            got, _ = check.run("read", image, hex(at * PAGE), str((last - at) * PAGE), "--phys",
                               "--raw")
            check.expect("gfns 0x%x to 0x%x" % (at, last),
                         got == b"".join(pages[gfn] for gfn in range(at, last)), True)
    return info


# ---- registers

def hvmctx(text):
    """The vcpus that xen-hvmctx printed: {register: value} each, named as vmi-dump does."""
    vcpus = {}
    for block in re.split(r"^Entry \d+: ", text, flags=re.M):
        head = re.match(r"type 2 instance (\d+),", block)
        if not head:
            continue
        cpu = block.split("FPU:")[0]
        regs = vcpus[int(head[1])] = {}
        for name in WORDS:
            found = re.search(r"(?<![a-z])%s +(?:0x)?([0-9a-f]+)\b" % name, cpu)
            if found:
                regs[NAMES.get(name, name)] = int(found[1], 16)
        for name in SEGMENTS:
            found = re.search(r"^ +%s +(?:0x)?(\w+) \( *(\w+) \+ +(\w+) / +(\w+)\)" % name, cpu, re.M)
            selector, base, limit, packed = (int(found[i], 16) for i in range(1, 5))
            regs[name] = selector
            regs[name + ".base"], regs[name + ".limit"] = base, limit
            regs[name + ".attributes"] = packed & 0xff | (packed & 0xf00) << 4
        for name in ("idtr", "gdtr"):
            found = re.search(r"^ +%s +\( *(\w+) \+ +(\w+)\)" % name, cpu, re.M)
            regs[name + ".base"], regs[name + ".limit"] = int(found[1], 16), int(found[2], 16)
    return vcpus


def registers(check, image):
    """What vmi-dump says of each vcpu: {register: value}, {register: value} of the assumed ones."""
    vcpus = []
    for told in check.objects("regs", image):
        regs = {}
        for name, value in told["registers"].items():
            if isinstance(value, dict):
                for part, number in value.items():
                    regs[name if part == "selector" else "%s.%s" % (name, part)] = int(number, 16)
            else:
                regs[name] = int(value, 16)
        assumed = {name: regs.pop(name) for name in told["assumed"] if name in regs}
        vcpus.append((regs, assumed))
    return vcpus


def check_registers(check, image, truth, full, but=()):
    """Every register that the image gives is the true one; if it is full, none is missing."""
    told = registers(check, image)
    check.expect("vcpus", len(told), len(truth))
    for index, (regs, assumed) in enumerate(told):
        true = {name: value for name, value in truth[index].items() if name not in but}
        for name, value in sorted(true.items()):
            if name in regs:
                check.expect("vcpu %d: %s" % (index, name), hex(regs[name]), hex(value))
            elif full:
                check.expect("vcpu %d: %s" % (index, name), None, hex(value))
        if "efer" in assumed:  # SCE is of no interest to anyone who asks for the paging mode
            check.expect("vcpu %d: assumed efer" % index, hex(assumed["efer"]),
                         hex(true["efer"] & ~1))


# ---- the laboratory's test guest

def text_of(folder, name):
    with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
        return file.read()


def told_by_guest(text):
    vcpus = {}
    for vcpu, name, value in re.findall(r"(\d+) (\S+) 0x([0-9a-f]+)\n", text):
        vcpus.setdefault(int(vcpu), {})[name] = int(value, 16)
    return vcpus


def check_truth(check, image):
    """mailbox.h of the guest says where it put what."""
    for offset, frame in ((0, FRAMES + 0x2000), (0x1000, FRAMES), (0x3000, FRAMES + 0x1000)):
        to = check.objects("translate", image, hex(TRUTH + offset))[0]
        check.expect("0x%x of the truth" % offset, to["pa"], hex(frame))
    check.expect("no mapping", check.objects("translate", image, hex(TRUTH + 0x2000))[0]["status"],
                 "not-present")
    check.expect("string", check.objects("string", image, hex(TRUTH + 0xff0))[0]["text"], TEXT)
    for gpa in range(FRAMES, FRAMES + 0x3000, 0x1000):
        word = check.objects("read", image, hex(gpa + 0x40), "8", "--phys")[0]["bytes"]
        check.expect("gpa 0x%x" % gpa, bytes.fromhex(word), gpa.to_bytes(8, "little"))


def check_mapped(check, kind, pages, memory):
    """Pages as they were mapped. Of those below 4 GiB that are Xen's own, one format has some; the
    other leaves out where a PC has no memory."""
    guests = [g for g in memory if g < 0x1000 and (kind == "save" or not 0xa0 <= g < 0xc0)]
    check.expect("frames", sorted(g for g in pages if g < 0x1000), sorted(guests))
    check.expect("pages as mapped", [g for g in guests if pages.get(g) != memory[g]], [])


def check_test_guest(check, folder, image, kind):
    """`folder` holds what was said of the moment of the image; test.memory need not be there."""
    pages = {"core": core_pages, "save": save_pages}[kind](image)
    info = check_pages(check, image, pages)
    check.expect("format", info["format"], "xen-" + kind)
    check.expect("warnings", info["warnings"], [])
    if os.path.exists(os.path.join(folder, "test.memory")):
        check_mapped(check, kind, pages, memory_pages(os.path.join(folder, "test.memory")))
    check_registers(check, image, hvmctx(text_of(folder, "test.hvmctx")), kind == "save", ("tsc",))
    told = registers(check, image)
    for index, true in told_by_guest(text_of(folder, "test.tell")).items():
        for name, value in true.items():
            if name in told[index][0]:
                check.expect("vcpu %d says %s" % (index, name), hex(told[index][0][name]), hex(value))
            else:
                check.expect("vcpu %d lacks %s" % (index, name), kind, "core")
    check_truth(check, image)
