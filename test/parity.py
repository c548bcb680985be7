#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks test/parity.tsv: each row's symbols exist, its tests are run by CTest, no item comes twice.
A test lab_PAYLOAD:CHECK is one result of a payload of the laboratory, whose source must have it. A
row that holds in the laboratory names such a result; one that needs a running guest and does not,
says why in a fifth column.

usage: parity.py SOURCE LIBRARY BUILD CTEST

A list of all items (environment VMI_PARITY) is compared when there is one: what has no row yet is
printed, an item that the list does not have is an error."""
import glob
import os
import re
import subprocess
import sys

WHERE = {"unit", "image", "lab"}
# What only a running guest can show.
LIVE = re.compile(r"(protection|option|registers|view|event|monitor|reason|action|response|handler"
                  r"|vm|intercept|event_kind)\.")
# How a payload's programs (C), judges (Python) and scripts name their results.
RESULTS = re.compile(r'\{"([\w./+-]+)", \w+[,}]|@check\("([\w./+-]+)"\)'
                     r"|^\s*(?:check|ok) ([\w./+-]+)", flags=re.M)


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


class Payloads:
    """The laboratory's payloads, and the results that each can have."""

    def __init__(self, folder):
        self.folder, self.known = folder, {}

    def results(self, payload):
        if payload not in self.known:
            text = ""
            for path in glob.glob(os.path.join(self.folder, payload, "**", "*.*"), recursive=True):
                if path.endswith((".c", ".py", ".sh")):
                    with open(path, encoding="utf-8") as file:
                        text += file.read() + "\n"
            self.known[payload] = {name for names in RESULTS.findall(text) for name in names if name}
        return self.known[payload]

    def has(self, test):
        """lab_PAYLOAD:CHECK"""
        payload, _, name = test[len("lab_"):].partition(":")
        return name in self.results(payload)


def check_row(fields, names, headers, known_tests, payloads):
    """What is wrong with a row, as sentences."""
    if len(fields) not in (4, 5):
        yield "%d columns instead of 4 or 5" % len(fields)
        return
    item, symbols, tests_, where = fields[:4]
    for symbol in symbols.split(","):
        if symbol not in names and not headers.has(symbol):
            yield "%s: neither exported nor in a header" % symbol
    in_lab = [test for test in tests_.split(",") if test.startswith("lab_")]
    for test in tests_.split(","):
        if not (payloads.has(test) if test in in_lab else test in known_tests):
            yield "there is no test '%s'" % test
    if where not in WHERE:
        yield "'%s' is none of %s" % (where, ", ".join(sorted(WHERE)))
    if where == "lab" and not in_lab:
        yield "no result of the laboratory is named"
    if where != "lab" and LIVE.match(item) and len(fields) == 4:
        yield "it needs a running guest, and does not say why none has shown it"


def main():
    source, library, build, ctest = sys.argv[1:5]
    names = exported(library)
    headers = Headers(os.path.join(source, "include", "vmi"))
    known_tests = tests(ctest, build)
    payloads = Payloads(os.path.join(source, "test", "lab", "payload"))
    seen, bad = set(), 0
    for number, fields in rows(os.path.join(source, "test", "parity.tsv")):
        complaints = list(check_row(fields, names, headers, known_tests, payloads))
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
