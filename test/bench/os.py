#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What questions about a Linux guest cost as a whole process, beside crash and drgn.

    os.py VMI_DUMP IMAGE [VMLINUX]

CPU time of user and system together, the least of several runs, each from nothing. crash and drgn
need VMLINUX, the kernel with DWARF; each runs where it is installed and can open the image, a kdump
file for both.
"""
import os
import shutil
import subprocess
import sys
import tempfile

ROUNDS = 5
DRGN = """
import sys, drgn
from drgn.helpers.linux.pid import for_each_task
prog = drgn.Program()
prog.set_core_dump(sys.argv[1])
prog.load_debug_info([sys.argv[2]])
for task in for_each_task(prog):
    parent = task.real_parent.tgid.value_()
    print(task.pid.value_(), parent, task.cred.uid.val.value_(), hex(task.value_()), task.comm.string_())
"""


def cost(argv, rounds=ROUNDS):
    """Least CPU seconds, how it ended and how many lines came."""
    best, status, lines = 1e9, 0, 0
    for _ in range(rounds):
        with tempfile.TemporaryFile() as out:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out,
                                       stderr=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            status = process.returncode
            best = min(best, usage.ru_utime + usage.ru_stime)
            out.seek(0)
            lines = sum(1 for _ in out)
    return best, status, lines


def row(name, result, base=None):
    cpu, status, lines = result
    ratio = "%7.1f times ps" % (cpu / base) if base and not status else ""
    print("  %-38s %9.2f ms  exit %d %7d lines %s" % (name, cpu * 1e3, status, lines, ratio))


def main(vmi_dump, image, vmlinux=None):
    print("Questions about a Linux guest: CPU time of a whole process, the least of %d" % ROUNDS)
    row("symbols linux_banner", cost([vmi_dump, "symbols", image, "linux_banner"]))
    ps = cost([vmi_dump, "ps", image])
    row("ps", ps)
    for command in ("modules", "dmesg", "mounts", "sysinfo", "symbols"):
        row(command, cost([vmi_dump, command, image]))
    if not vmlinux:
        return
    if shutil.which("crash"):
        with tempfile.NamedTemporaryFile("w", suffix=".crash") as script:
            script.write("ps\nq\n")
            script.flush()
            row("crash, ps", cost(["crash", "-s", "-i", script.name, vmlinux, image], 2), ps[0])
    for python in ("/usr/bin/python3", sys.executable):
        if not subprocess.call([python, "-c", "import drgn"], stderr=subprocess.DEVNULL):
            row("drgn, a loop over the tasks", cost([python, "-c", DRGN, image, vmlinux], 3), ps[0])
            break


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])
