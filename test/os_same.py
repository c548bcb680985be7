#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The same answers about the operating system from every image of one instant.

    os_same.py VMI_DUMP WHOLE IMAGE...

WHOLE holds everything. An image for which a command ends with status 1 lacks pages: what it says is
the same, or null, or the beginning of the same. Exit status: 0 they agree, 1 they do not.
"""
import json
import subprocess
import sys

# Each with what two images of one instant may tell differently: how the kernel was found.
COMMANDS = ((("ps", "--threads"), ()), (("ps", "--tree"), ()), (("sysinfo",), ("space_source",)),
            (("modules",), ()), (("dmesg",), ()), (("symbols",), ()), (("mounts",), ()))


def ask(program, words, image):
    run = subprocess.run([program, words[0], image, *words[1:], "--json"], timeout=300,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    return run.returncode, [json.loads(line) for line in run.stdout.splitlines()], run.stderr


def is_part(got, want):
    """What is known of it agrees."""
    if got is None or got == want:
        return True
    if isinstance(want, str) and isinstance(got, str):
        return want.startswith(got)
    if isinstance(want, list) and isinstance(got, list):
        return len(got) <= len(want) and all(is_part(a, b) for a, b in zip(got, want))
    if isinstance(want, dict) and isinstance(got, dict):
        return all(key in want and is_part(got[key], want[key]) for key in got)
    return False


def compare(words, status, got, want, ignored):
    if status not in (0, 1):
        return "exit status %d" % status
    for row in got + want:
        for name in ignored:
            row.pop(name, None)
    if len(got) != len(want):
        return "%d rows, not %d" % (len(got), len(want))
    for a, b in zip(got, want):
        if a != b and not (status == 1 and is_part(a, b)):
            return "%s, not %s" % (json.dumps(a), json.dumps(b))
    return None


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    program, whole, images = sys.argv[1], sys.argv[2], sys.argv[3:]
    known = subprocess.run([program, "--help"], stdout=subprocess.PIPE, text=True,
                           check=True).stdout
    compared = wrong = 0
    for words, ignored in COMMANDS:
        if "\n  %s " % words[0] not in known:
            continue
        status, want, why = ask(program, words, whole)
        if status or not want:
            print("%s of %s: exit status %d, %s" % (" ".join(words), whole, status, why))
            wrong += 1
            continue
        for image in images:
            status, got, why = ask(program, words, image)
            # Rows are changed by a comparison.
            problem = compare(words, status, got, json.loads(json.dumps(want)), ignored)
            compared += 1
            if problem:
                wrong += 1
                print("%s of %s: %s %s" % (" ".join(words), image, problem,
                                           why.decode("utf-8", "replace")[:300]))
    print("%d answers compared, %d differ" % (compared, wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
