#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""results.py CONSOLE STATUS [NAME]: what a run of the laboratory showed, for CTest.

A payload prints its results as lines of their own:

    LAB ok NAME            LAB not-ok NAME WHY            LAB skip NAME WHY
    LAB plan COUNT         so many results come from what prints this (several add up)

Lines of kernels and of the hypervisor may stand between, before and behind them. STATUS is
run.sh's. With NAME, only that result counts. Exit status: 0 ok, 77 skipped, else 1."""

import re
import sys

LINE = re.compile(r"LAB (ok|not-ok|skip) ([A-Za-z0-9_.:/+-]+) ?(.*)")
PLAN = re.compile(r"LAB plan (\d+)")
FAILURES = {200: "Xen or dom0 crashed", 201: "the emulator ended by itself", 202: "time was up"}


def main():
    path, status = sys.argv[1], int(sys.argv[2])
    results, planned = [], 0
    with open(path, encoding="utf-8") as console:
        for line in console:
            if LINE.search(line):
                results.append(LINE.search(line).groups())
            elif PLAN.search(line):
                planned += int(PLAN.search(line)[1])
    wrong = ["%s: %s" % (name, why or "not ok") for kind, name, why in results if kind == "not-ok"]
    if status in FAILURES:
        wrong.append(FAILURES[status])
    if len(sys.argv) > 3:
        mine = [kind for kind, name, _ in results if name == sys.argv[3]]
        if mine and all(kind == "ok" for kind in mine):
            sys.exit(0)
        sys.exit(77 if "skip" in mine and "not-ok" not in mine else 1)
    if status and not wrong:
        wrong.append("the payload ended with status %d" % status)
    if len(results) < planned:
        wrong.append("%d results came, %d were to come" % (len(results), planned))
    if not results:
        wrong.append("no results came")
    for what in wrong:
        print("not ok: " + what)
    count = {kind: sum(k == kind for k, _, _ in results) for kind in ("ok", "not-ok", "skip")}
    print("%d ok, %d not ok, %d skipped" % (count["ok"], count["not-ok"], count["skip"]))
    sys.exit(1 if wrong else 77 if not count["ok"] else 0)


main()
