#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What vmi-dump costs as a whole process: CPU time of user and system together.

    cli.py VMI_DUMP IMAGE RAW [BENCH_READ]

IMAGE has registers; RAW is the same memory as a flat file. Each command runs several times and the
least CPU time counts. GNU strings runs on the same file where it is installed.
"""
import os
import shutil
import struct
import subprocess
import sys
import tempfile

ROUNDS = 5


def run(argv, stdin=None, rounds=ROUNDS):
    """Least CPU seconds over the rounds, and the exit status; the output is discarded."""
    best = 1e9
    for _ in range(rounds):
        source = open(stdin, "rb") if stdin else subprocess.DEVNULL
        process = subprocess.Popen(argv, stdin=source, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        best = min(best, usage.ru_utime + usage.ru_stime)
        if stdin:
            source.close()
    return best, process.returncode


def row(name, result, note=""):
    cpu, code = result
    print("  %-46s %9.2f ms  exit %d  %s" % (name, cpu * 1e3, code, note))


def sparse_elf(path, gib):
    """A core with one segment of `gib` GiB, all of it a hole."""
    size = gib << 30
    head = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 4, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    head += struct.pack("<IIQQQQQQ", 1, 7, 4096, 0, 0, size, size, 4096)
    with open(path, "wb") as f:
        f.write(head)
        f.truncate(4096 + size)


def addresses(dump, image, path, count):
    """`count` mapped addresses, spread over the space of vcpu 0, in no order."""
    import json
    import random
    rnd = random.Random(1)
    ranges = []
    # Exit status 1: what some pages map is not in the image, as in those of test-data.
    done = subprocess.run([dump, "maps", image, "--json"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=False)
    for line in done.stdout.splitlines():
        one = json.loads(line)
        ranges.append((int(one["va"], 16), one["size"]))
    with open(path, "w") as f:
        for _ in range(count):
            va, size = rnd.choice(ranges)
            f.write("0x%x\n" % (va + rnd.randrange(size)))


def main(dump, image, raw, bench_read=None):
    with tempfile.TemporaryDirectory() as tmp:
        print("whole processes, CPU time")
        row("true", run(["true"], rounds=20))
        row("open, translate one address, exit", run([dump, "translate", image, "0xffffffff81000000"], rounds=20))
        sparse_raw, elf = os.path.join(tmp, "64g.raw"), os.path.join(tmp, "64g.elf")
        with open(sparse_raw, "wb") as f:
            f.truncate(64 << 30)
        sparse_elf(elf, 64)
        row("info, sparse raw image of 64 GiB", run([dump, "info", sparse_raw]))
        row("info, sparse ELF image of 64 GiB", run([dump, "info", elf]))
        row("strings, sparse ELF image of 64 GiB", run([dump, "strings", elf]))
        if bench_read:
            for path in sparse_raw, elf:
                print("  " + os.path.basename(path))
                sys.stdout.flush()
                subprocess.run([bench_read, path, "open"], check=True)
        million = os.path.join(tmp, "million")
        addresses(dump, image, million, 1000000)
        row("translate --from, 1,000,000 addresses, text", run([dump, "translate", image, "--from", million]))
        row("translate --from, 1,000,000 addresses, JSON", run([dump, "translate", image, "--json", "--from", "-"], million))
        ours = run([dump, "strings", raw, "-n", "8", "--threads", "1"])
        row("strings -n 8, one thread", ours)
        row("strings -n 8, all threads", run([dump, "strings", raw, "-n", "8"]))
        row("strings -n 8 --json, one thread", run([dump, "strings", raw, "-n", "8", "--json", "--threads", "1"]))
        row("strings -n 8 --encoding all, one thread", run([dump, "strings", raw, "-n", "8", "--encoding", "all", "--threads", "1"]))
        row("strings -n 8 of the virtual space, one thread", run([dump, "strings", image, "-n", "8", "--vcpu", "0", "--threads", "1"]))
        row("find --text, one thread", run([dump, "find", raw, "--text", "no such text anywhere", "--threads", "1"]))
        if shutil.which("strings"):
            theirs = run(["strings", "-a", "-n", "8", "-t", "x", raw], rounds=3)
            row("GNU strings -a -n 8 -t x", theirs, "%.1f times ours" % (theirs[0] / ours[0]))


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    main(*sys.argv[1:])
