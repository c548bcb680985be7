#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""xen.py OUT [NAME..]: from what the laboratory's `images` left in OUT to test-data/xen.

Of each image (test.core, test.save) all pages are blanked that are not the test guest's own: Xen's
ACPI tables, and what memory was used for before. Nothing else is changed.
"""
import lzma
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../test"))
from xen_truth import PAGE, core_places, save_places  # noqa: E402

# The guest's image with its tables and stacks, and the pages of mailbox.h (test/lab/guest).
OWN = [*range(0x100, 0x170), *range(0x200, 0x212), *range(0x220, 0x223)]


def main(arguments):
    out, names = arguments[1], arguments[2:] or ["core", "save"]
    for name in names:
        folder = os.path.join(HERE, "xen", name)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(out, "test." + name), "rb") as file:
            data = bytearray(file.read())
        for gfn, at in {"core": core_places, "save": save_places}[name](data):
            if gfn not in OWN and at is not None:
                data[at:at + PAGE] = bytes(PAGE)
        packed = lzma.compress(bytes(data), preset=9 | lzma.PRESET_EXTREME)
        with open(os.path.join(folder, "test.%s.xz" % name), "wb") as file:
            file.write(packed)
        for what in "hvmctx", "tell":
            with open(os.path.join(out, "test." + what), "rb") as source, \
                    open(os.path.join(folder, "test." + what), "wb") as to:
                to.write(source.read())


main(sys.argv)
