#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""corpus_xen.py VMI_DUMP CORE SAVE FOLDER: images of a Linux guest of a real Xen.

FOLDER holds what the guest printed of itself (*.console.txt) and what Xen's tools said of its
registers when the core was written (*.regs.txt). The save image is of a later moment.
"""
import glob
import re
import sys

from xen_truth import (PAGE, Check, check_pages, check_registers, core_pages, hvmctx, registers,
                       save_pages)


def text_of(folder, kind):
    with open(glob.glob("%s/*.%s.txt" % (folder, kind))[0], encoding="utf-8",
              errors="replace") as file:
        return file.read()


def check_symbols(check, image, console):
    """The kernel's address of a symbol leads to what it names."""
    symbols = {name: int(va, 16)
               for va, name in re.findall(r"TRUTH-SYM ([0-9a-f]+) \w (\w+)", console)}
    banner = re.search(r"TRUTH-BANNER (.*)", console)[1].strip()
    string = check.objects("string", image, hex(symbols["linux_banner"]))[0]
    check.expect("linux_banner", string["text"].strip(), banner)
    va, pa = re.search(r"TRUTH-PAGE va=(\w+) pa=(\w+)", console).groups()
    to = check.objects("translate", image, va)[0]
    check.expect("the page of the kernel", to["pa"], hex(int(pa, 16)))


def check_processes(check, image, console):
    """Each process's marker is where the guest says, through its own tables."""
    roots = dict(re.findall(r"TRUTH-TASK pid=(\d+) .* pgd_pa=(0x\w+)", console))
    for name, pid, va, *pfns in re.findall(
            r"TRUTH-MARK name=(\S+) pid=(\d+) va=(\w+) pfn0=(\w+) pfn1=(\w+)", console):
        for i, pfn in enumerate(pfns):
            address = hex(int(va, 16) + i * PAGE)
            to = check.objects("translate", image, address, "--root", roots[pid])[0]
            check.expect("%s, page %d" % (name, i), to["pa"], hex(int(pfn, 16) * PAGE))
            string = check.objects("string", image, address, "--root", roots[pid])[0]
            check.expect("marker of " + name, string["text"].split()[:3],
                         ["LAB-MARKER", name, "page%d" % i])


def main(arguments):
    if len(arguments) != 5:
        sys.exit(__doc__)
    core, save, folder = arguments[2:]
    check = Check(arguments[1])
    console = text_of(folder, "console")
    for image, pages, form in ((core, core_pages(core), "xen-core"),
                               (save, save_pages(save), "xen-save")):
        info = check_pages(check, image, pages)
        check.expect("format", info["format"], form)
        check.expect("warnings", info["warnings"], [])
        check_symbols(check, image, console)
        check_processes(check, image, console)
    check_registers(check, core, hvmctx(text_of(folder, "regs")), False)
    (regs, assumed), = registers(check, save)
    check.expect("assumed", assumed, {})
    check.expect("efer", regs["efer"], 0xd01)
    print("xen: %d right, %d wrong" % (check.right, check.wrong))
    sys.exit(1 if check.wrong else 0)


main(sys.argv)
