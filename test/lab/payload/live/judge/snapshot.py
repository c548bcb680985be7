# SPDX-License-Identifier: MIT
"""Images that vmi-live wrote, and what vmi-dump says of them."""

import json
import os
import re
import struct
import subprocess

from images import Kdump, content, elf_memory, lime_memory, pages_of
from stage import addresses, check, checksum, compare_state, is_free, objects, same

LAB = addresses()


def registers_of(stage, suffix):
    return {one["vcpu"]: one for one in objects(stage.text(suffix))}


@check("snapshot-registers")
def registers(run):
    """Every register, MSRs included, comes back as it was."""
    stage = run.stage("still")
    live, dumped = registers_of(stage, "regs"), registers_of(stage, "dumped")
    here = {one["vcpu"]: one for one in objects(
        run.dump("regs", run.file("still.elf"), "--json").decode())}
    states = [did for did in stage.guest() if did["op"] == "state"]
    same(len(states), 2)
    for did in states:
        vcpu = did["vcpu"]
        same(here[vcpu], dumped[vcpu])
        want = dict(live[vcpu]["registers"])
        got = dict(dumped[vcpu]["registers"])
        for clock in ("tsc",):  # it runs on
            want.pop(clock, None), got.pop(clock, None)
        same(got, want)
        compare_state(got, did)


@check("snapshot-registers-by-xenctx")
def xenctx(run):
    """And Xen's own program says the same."""
    stage = run.stage("still")
    for text, (vcpu, one) in zip(re.split(r"(?=^rip: )", stage.text("xenctx"), flags=re.M)[1:],
                                 sorted(registers_of(stage, "dumped").items())):
        words = dict(re.findall(r"\b(rip|rsp|r[a-d]x|r[sb]p|r[sd]i|r[0-9]+|cr[0234]): ([0-9a-f]+)",
                                text))
        assert len(words) >= 18, "vcpu %d: %s" % (vcpu, words)
        for name, value in words.items():
            same((name, int(one["registers"][name], 16)), (name, int(value, 16)))


@check("snapshot-pages")
def pages(run):
    stage = run.stage("still")
    for suffix, did in (("truth", run.stage("truth")), ("still", stage)):
        told = next(d for d in did.guest() if d["op"] == "checksum")
        first, length = int(told["in"]["rsi"], 16), int(told["in"]["rcx"], 16)
        data = run.dump("read", run.file("still.elf"), "--phys", hex(first), str(length), "--raw")
        same((suffix, checksum(data)), (suffix, int(told["out"]["rax"], 16)))
    with open(run.file("still.raw.part"), "rb") as file:
        same(file.read(), data)
    info, = objects(stage.text("raw.info"))
    same(info["format"], "raw")


@check("snapshot-strings")
def strings(run):
    """The address space of a vcpu is there, too."""
    one, = objects(run.dump("string", run.file("still.elf"), hex(LAB["TRUTH"] + 0xff0),
                            "--json").decode())
    same(one["text"], "this string of the laboratory crosses a page")


@check("snapshot-elf")
def elf(run):
    """Programs that know ELF accept it."""
    text = subprocess.run(["readelf", "-hlnW", run.file("still.elf")], check=True,
                          capture_output=True, text=True)
    same(text.stderr, "")
    assert "CORE (Core file)" in text.stdout and "X86-64" in text.stdout
    loads = re.findall(r"^ +LOAD +(0x\w+) 0x\w+ (0x\w+) (0x\w+) (0x\w+)", text.stdout, flags=re.M)
    spans = [(int(pa, 16), int(size, 16)) for _, pa, size, _ in loads]
    info, = objects(run.dump("info", run.file("still.elf"), "--json").decode())
    same(spans, [(int(one["gpa"], 16), one["size"]) for one in info["runs"]])
    same(sum(size for _, size in spans), run.stage("still").lines()[0]["memory_bytes"])
    same(text.stdout.count("NT_PRSTATUS"), 2)


@check("snapshot-summary")
def summary(run):
    stage = run.stage("still")
    (elf_, raw), disks = stage.lines(), stage.text("disk").splitlines()
    same(stage.status(), [0, 0, 1, 2, 1])
    for one, line in zip((elf_, raw), disks):
        size, blocks, mode = line.split()
        same((mode, int(blocks) * 512), ("600", one["disk_bytes"]))
        assert one["zero_bytes"] > 0 and one["missing_bytes"] == 0
        # Zeros cost nothing.
        assert one["disk_bytes"] <= one["memory_bytes"] - one["zero_bytes"] + 65536, line
        assert 0 < one["paused_ns"] <= one["duration_ns"]
    assert int(disks[1].split()[0]) > 0xfc000000 > 100 * raw["disk_bytes"]
    for words in ("still.elf exists", "--format 'vmss'", "/none"):
        assert words in stage.err(), stage.err()
    same([name for name in stage.text("files").split() if name.startswith((".", "no"))], [])
    # It stood still before, and does after; and was not left with a ring or views.
    same({k: stage.xen()[0][k] for k in ("paused", "views", "pages")},
         {"paused": True, "views": False, "pages": run.before()["pages"]})


@check("snapshot-formats")
def formats(run):
    """A kdump and a lime image hold what an elf image of the same moment does."""
    stage = run.stage("forms")
    same(stage.status(), [0, 0, 0])
    held = pages_of(elf_memory(content(run.file("forms.elf"))))
    for form, pages_ in (("kdump", dict(Kdump(content(run.file("forms.kdump"))).pages())),
                         ("lime", pages_of(lime_memory(content(run.file("forms.lime")))))):
        same((form, sorted(pages_)), (form, sorted(held)))
        same((form, [hex(gfn) for gfn in held if pages_[gfn] != held[gfn]]), (form, []))
    for one, form in zip(stage.lines(), ("elf", "kdump", "lime")):
        same((form, one["memory_bytes"]), (form, 4096 * len(held)))
        same((form, one["vcpus"]), (form, 0 if form == "lime" else 2))
    same(stage.err(), "")


@check("snapshot-kdump-registers")
def kdump_registers(run):
    elf_, kdump = ({one["vcpu"]: one["registers"] for one in objects(
        run.dump("regs", run.file("forms." + form), "--json").decode())}
        for form in ("elf", "kdump"))
    same(sorted(kdump), [0, 1])
    for one in (*elf_.values(), *kdump.values()):
        one.pop("tsc", None)  # it runs on
    same(kdump, elf_)


@check("snapshot-of-one-moment")
def one_moment(run):
    """Each vcpu writes its rcx to memory and counts it down: both agree in the image."""
    stage = run.stage("writing")
    stage.guest()
    same((stage.status(), stage.err()), ([0], ""))
    assert re.search(r"^/tmp/writing.elf: 16\.\d MiB of memory, 2 vcpus; \d+\.\d MiB on disk; "
                     r"the guest was paused for \d\.\d{3} s$", stage.out()), stage.out()
    with open(run.file("writing.words"), encoding="utf-8") as file:
        words = struct.unpack("<QQ", bytes.fromhex(json.load(file)["bytes"]))
    for vcpu, one in registers_of(stage, "regs").items():
        rcx = int(one["registers"]["rcx"], 16)
        assert 0 < rcx < 6000000, "vcpu %d had not begun, or was done: rcx %#x" % (vcpu, rcx)
        assert words[vcpu] - rcx in (0, 1), "vcpu %d: rcx %#x, memory %#x" % (vcpu, rcx, words[vcpu])
    is_free(run, stage)
    assert os.path.getsize(run.file("still.elf")) > 16 << 20
