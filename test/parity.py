#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks test/parity.tsv: each row's symbols exist, its tests are run by CTest, no item comes twice.

usage: parity.py SOURCE LIBRARY BUILD CTEST

A list of all items (environment VMI_PARITY) is compared when there is one: what has no row yet is
printed, an item that the list does not have is an error."""
import glob
import os
import re
import subprocess
import sys

WHERE = {"unit", "image", "lab"}


def rows(path):
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.startswith("#") and line.strip():
                yield number, line.rstrip("\n").split("\t")


def exported(library):
    """Names in the library's dynamic symbol table."""
    text = subprocess.run(["nm", "-D", "--defined-only", library], check=True,
                          capture_output=True, text=True).stdout
    return {line.split()[-1].split("@")[0] for line in text.splitlines() if line}


def tests(ctest, build):
    text = subprocess.run([ctest, "--test-dir", build, "-N"], check=True,
                          capture_output=True, text=True).stdout
    return set(re.findall(r"Test +#\d+: (\S+)", text))


class Headers:
    """What the public headers declare, looked up by name; comments do not count."""

    def __init__(self, folder):
        text = ""
        for path in sorted(glob.glob(os.path.join(folder, "*.h"))):
            with open(path, encoding="utf-8") as file:
                text += file.read()
        self.text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)

    def block(self, kind, name):
        match = re.search(r"^%s %s \{\n(.*?)^\};" % (kind, name), self.text, flags=re.S | re.M)
        return match.group(1) if match else None

    def has(self, symbol):
        if "." in symbol:
            struct, member = symbol.split(".", 1)
            block = self.block("struct", struct)
            return block is not None and re.search(r"\b%s\b" % member, block) is not None
        if symbol.startswith("VMI_"):
            enums = re.findall(r"^enum(?: \w+)? \{(.*?)\};", self.text, flags=re.S | re.M)
            return any(re.search(r"\b%s\b" % symbol, enum) for enum in enums)
        return self.block("struct", symbol) is not None


def all_items(source):
    """The items of the list to compare with, or None: lines of dotted names under headings."""
    beside = os.path.join(source, "..", "shared", "reference", "parity.md")
    path = os.environ.get("VMI_PARITY", beside)
    if not os.path.exists(path):
        return None
    items = []
    with open(path, encoding="utf-8") as file:
        inside = False
        for line in file:
            if line.startswith("#"):
                inside = line.startswith("## ")
            elif inside:
                items += re.findall(r"\b[a-z0-9_]+(?:\.[a-z0-9_]+)+\b", line)
    return items


def is_payload(source, test):
    return test.startswith("lab_") and os.path.isdir(os.path.join(source, "test/lab/payload", test[4:]))


def check_row(fields, names, headers, known_tests, source):
    """What is wrong with a row, as sentences."""
    if len(fields) != 4:
        yield "%d columns instead of 4" % len(fields)
        return
    for symbol in fields[1].split(","):
        if symbol not in names and not headers.has(symbol):
            yield "%s: neither exported nor in a header" % symbol
    for test in fields[2].split(","):
        # A payload of the laboratory is a test where the laboratory is on.
        if test not in known_tests and not is_payload(source, test):
            yield "there is no test '%s'" % test
    if fields[3] not in WHERE:
        yield "'%s' is none of %s" % (fields[3], ", ".join(sorted(WHERE)))


def main():
    source, library, build, ctest = sys.argv[1:5]
    names = exported(library)
    headers = Headers(os.path.join(source, "include", "vmi"))
    known_tests = tests(ctest, build)
    seen, bad = set(), 0
    for number, fields in rows(os.path.join(source, "test", "parity.tsv")):
        complaints = list(check_row(fields, names, headers, known_tests, source))
        if fields[0] in seen:
            complaints.append("comes twice")
        seen.add(fields[0])
        for complaint in complaints:
            print("parity.tsv:%d: %s: %s" % (number, fields[0], complaint))
        bad += len(complaints)
    listed = all_items(source)
    if listed is not None:
        missing = [item for item in listed if item not in seen]
        print("%d of %d items have a row; none yet: %s"
              % (len(listed) - len(missing), len(listed), " ".join(missing) or "none"))
        for item in sorted(seen - set(listed)):
            print("parity.tsv: %s: not in the list" % item)
            bad += 1
    print("%d rows, %d complaints" % (len(seen), bad))
    return 1 if bad or not seen else 0


if __name__ == "__main__":
    sys.exit(main())
