#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""judge.py OUT PAYLOAD: the images that a run left in OUT, against what the guests, the hypervisor
and its tools said of the same moment. Prints results as payloads do."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.."))
from xen_truth import (Check, check_pages, check_registers, core_pages, hvmctx,  # noqa: E402
                       memory_pages, registers, save_pages)

TRUTH, FRAMES, TEXT = 0xffffc90000000000, 0x220000, "this string of the laboratory crosses a page"


def result(name, check):
    print("LAB %s %s %d right, %d wrong" % ("not-ok" if check.wrong else "ok", name, check.right,
                                            check.wrong), flush=True)
    return check.wrong


def read(out, name):
    with open(os.path.join(out, name), encoding="utf-8", errors="replace") as file:
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


def test_guest(program, out, kind, reader):
    image = os.path.join(out, "test." + kind)
    check = Check(program)
    pages, memory = reader(image), memory_pages(os.path.join(out, "test.memory"))
    info = check_pages(check, image, pages)
    check.expect("format", info["format"], "xen-" + kind)
    check.expect("warnings", info["warnings"], [])
    # Xen's own pages below 4 GiB are no memory of the guest's, and in one of the two only.
    check.expect("frames", sorted(g for g in pages if g < 0x1000),
                 sorted(g for g in memory if g < 0x1000 and (kind == "save" or not 0xa0 <= g < 0xc0)))
    check.expect("pages as mapped", [g for g in pages if g < 0x1000 and pages[g] != memory[g]], [])
    truth = hvmctx(read(out, "test.hvmctx"))
    check_registers(check, image, truth, kind == "save", ("tsc",))
    for index, true in told_by_guest(read(out, "test.tell")).items():
        regs, _ = registers(check, image)[index]
        for name, value in true.items():
            if name in regs:
                check.expect("vcpu %d says %s" % (index, name), hex(regs[name]), hex(value))
            else:
                check.expect("vcpu %d lacks %s" % (index, name), kind, "core")
    check_truth(check, image)
    return result("images:test.%s" % kind, check)


def linux_guest(program, out):
    image = os.path.join(out, "linux.save")
    check = Check(program)
    log = read(out, "linux.log")
    info = check_pages(check, image, save_pages(image))
    check.expect("vcpus", info["vcpus"], 2)
    check.expect("warnings", info["warnings"], [])
    banner = re.search(r"GUEST sym ([0-9a-f]+) D linux_banner", log)[1]
    text = check.objects("string", image, "0x" + banner)[0]["text"]
    check.expect("banner", text.split()[:3],
                 ["Linux", "version", re.search(r"GUEST up (\S+)", log)[1]])
    for vcpu in "0", "1":
        told = check.objects("regs", image, "--vcpu", vcpu)[0]
        check.expect("efer", told["registers"]["efer"], "0xd01")
        check.expect("mode", check.objects("translate", image, "0x" + banner, "--vcpu", vcpu)[0]
                     ["pa"] is not None, True)
    task = re.search(r"GUEST sym ([0-9a-f]+) D init_task", log)[1]
    found = check.objects("find", image, "--text", "alpha-secret-1", "--phys")
    check.expect("the argument of a process", bool(found), True)
    found = check.objects("find", image, "--text", "swapper/0", "--phys")
    pa = int(check.objects("translate", image, "0x" + task)[0]["pa"], 16)
    check.expect("name of init_task", any(pa <= int(f["address"], 16) < pa + 0x4000 for f in found),
                 True)
    return result("images:linux.save", check)


def main(arguments):
    out = arguments[1]
    program = os.environ.get("VMI_DUMP")
    if not program:
        print("LAB skip images VMI_DUMP names no program", flush=True)
        return
    images = [name for name in ("test.save", "test.core", "linux.save")
              if os.path.exists(os.path.join(out, name))]
    print("LAB plan %d" % max(1, len(images)), flush=True)
    wrong = test_guest(program, out, "save", save_pages)
    if "test.core" in images:
        wrong += test_guest(program, out, "core", core_pages)
    if "linux.save" in images:
        wrong += linux_guest(program, out)
    sys.exit(1 if wrong else 0)


main(sys.argv)
