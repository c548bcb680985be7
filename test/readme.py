#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The README's sessions are true: run each "$ vmi-dump ..." of it and compare what comes out.

    readme.py VMI_DUMP SOURCE_DIR [--write]

A block of lines indented by four whose first begins with "$ " is a session. --write puts in what the
commands say now. The example program in the README must be test/example.c, too.
"""
import os
import shlex
import subprocess
import sys


def answer(command, dump, top):
    words = shlex.split(command)
    if words[0] != "vmi-dump":
        raise SystemExit("README: not a command of ours: %s" % command)
    done = subprocess.run([dump] + words[1:], cwd=top, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=60)
    return done.stdout.rstrip("\n").split("\n")


def renewed(lines, dump, top):
    out, i = [], 0
    while i < len(lines):
        out.append(lines[i])
        if not lines[i].startswith("    $ "):
            i += 1
            continue
        command = lines[i][6:]
        i += 1
        while i < len(lines) and lines[i].startswith("    ") and not lines[i].startswith("    $ "):
            i += 1
        out += ["    " + line for line in answer(command, dump, top)]
    return out


def main(dump, top, write):
    path = os.path.join(top, "README.md")
    with open(path) as f:
        was = f.read().split("\n")
    now = renewed(was, os.path.abspath(dump), top)
    if write:
        with open(path, "w") as f:
            f.write("\n".join(now))
        return 0
    failed = 0
    for number, (old, new) in enumerate(zip(was, now), 1):
        if old != new:
            print("README.md:%d says\n%s\nbut it is\n%s" % (number, old, new))
            failed = 1
            break
    if len(was) != len(now) and not failed:
        print("README.md: a session is shorter or longer than what the commands print")
        failed = 1
    with open(os.path.join(top, "test/example.c")) as f:
        example = f.read().split("*/\n\n", 1)[1]
    if example not in "\n".join(was):
        print("README.md: its example is not test/example.c")
        failed = 1
    return failed


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2], "--write" in sys.argv))
