#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""judge.py OUT PAYLOAD: compare what vmi-live and vmi-dump said in dom0, left in OUT, with what the
guest and others say of the same; a line of result for each check. PAYLOAD holds the programs."""

import importlib
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "judge"), os.path.join(HERE, "../../..")]
sys.dont_write_bytecode = True

from stage import CHECKS, Run  # noqa: E402


def why(error):
    """Where a check failed, in less than a line of the console: the line, and what it says."""
    trace = error.__traceback__
    while trace.tb_next:
        trace = trace.tb_next
    text = "%s:%d %s %s" % (os.path.basename(trace.tb_frame.f_code.co_filename), trace.tb_lineno,
                            type(error).__name__, error)
    return text.replace("\n", " ")[:300]


def main():
    run = Run(sys.argv[1], sys.argv[2])
    for part in run.parts():
        importlib.import_module(part)
    for name, judge in CHECKS:
        try:
            judge(run)
            print("LAB ok " + name)
        except (AssertionError, OSError, ValueError, LookupError, TypeError) as error:
            print("LAB not-ok %s %s" % (name, why(error)))
    print("LAB plan %d" % max(len(CHECKS), 1))


main()
