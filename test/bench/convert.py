#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What converting costs: convert.py VMI_DUMP IMAGE FOLDER

CPU seconds of a kdump of each codec, the least of three, by one thread; beside makedumpfile with the
same codec, where that is there, has the codec, and takes the image: both are given the ELF file that
vmi-dump makes of it, as makedumpfile refuses QEMU's. The kdumps stay in FOLDER.
"""
import os
import resource
import shutil
import subprocess
import sys

ROUNDS = 3
OPTIONS = {"zlib": "-c", "lzo": "-l", "snappy": "-p", "zstd": "-z"}


def cost(command, out):
    best = None
    for _ in range(ROUNDS):
        if os.path.exists(out):
            os.unlink(out)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            return None
        took = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        best = took if best is None else min(best, took)
    return best


def flags(path):
    """The codec that a kdump's header names; makedumpfile stores pages where it lacks one."""
    with open(path, "rb") as file:
        return int.from_bytes(file.read(428)[424:], "little")


def main(vmi_dump, image, folder):
    elf = os.path.join(folder, "all.elf")
    subprocess.run([vmi_dump, "convert", image, "-o", elf, "--format", "elf", "--quiet"],
                   stdout=subprocess.DEVNULL, check=True)
    print("%-8s %10s %14s" % ("kdump", "convert", "makedumpfile"))
    for codec, option in OPTIONS.items():
        ours = os.path.join(folder, codec + ".kdump")
        theirs = os.path.join(folder, "other.kdump")
        took = cost([vmi_dump, "convert", elf, "-o", ours, "--format", "kdump", "--compress",
                     codec, "--threads", "1"], ours)
        other = None
        if took and shutil.which("makedumpfile"):
            other = cost(["makedumpfile", option, "-d", "0", elf, theirs], theirs)
            if other and flags(theirs) != flags(ours):
                other = None
        print("%-8s %10s %14s" % (codec, "%.3f s" % took if took else "-",
                                  "%.3f s" % other if other else "-"))
        if os.path.exists(theirs):
            os.unlink(theirs)
    os.unlink(elf)


if __name__ == "__main__":
    main(*sys.argv[1:4])
