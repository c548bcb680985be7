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

from stage import Run, judge  # noqa: E402

RUN = Run(sys.argv[1], sys.argv[2])
for part in RUN.parts():
    importlib.import_module(part)
judge(RUN)
