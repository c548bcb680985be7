#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""xen_images.py VMI_DUMP FOLDER: the images of a real Xen in test-data/xen, unpacked, against what
the guest and Xen's tools said of the same moments."""
import lzma
import os
import sys
import tempfile

from xen_truth import Check, check_test_guest


def main(arguments):
    program, folder = arguments[1:]
    check = Check(program)
    for kind in "core", "save":
        source = os.path.join(folder, kind)
        with tempfile.TemporaryDirectory() as work:
            image = os.path.join(work, "test." + kind)
            with open(image, "wb") as file:
                file.write(lzma.open(os.path.join(source, "test.%s.xz" % kind)).read())
            check_test_guest(check, source, image, kind)
    print("xen: %d right, %d wrong" % (check.right, check.wrong))
    sys.exit(1 if check.wrong else 0)


main(sys.argv)
