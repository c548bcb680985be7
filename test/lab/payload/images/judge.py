#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""judge.py OUT PAYLOAD: the images that a run left in OUT, against what the guests, the hypervisor
and its tools said of the same moment. Prints results as payloads do."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.."))
from xen_truth import (Check, check_pages, check_test_guest, save_pages, text_of)  # noqa: E402


def result(name, check):
    print("LAB %s %s %d right, %d wrong" % ("not-ok" if check.wrong else "ok", name, check.right,
                                            check.wrong), flush=True)
    return check.wrong


def test_guest(program, out, kind):
    check = Check(program)
    check_test_guest(check, out, os.path.join(out, "test." + kind), kind)
    return result("images:test.%s" % kind, check)


def linux_guest(program, out):
    image = os.path.join(out, "linux.save")
    check = Check(program)
    log = text_of(out, "linux.log")
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
    wrong = test_guest(program, out, "save")
    if "test.core" in images:
        wrong += test_guest(program, out, "core")
    if "linux.save" in images:
        wrong += linux_guest(program, out)
    sys.exit(1 if wrong else 0)


main(sys.argv)
