#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""disk.py OUT XEN XEN_ARGUMENTS KERNEL KERNEL_ARGUMENTS INITRAMFS..: a disk that boots them.

There is no partition and no file system. GRUB's boot sector loads its core image from the sectors
behind it; that has all commands it needs built in, and is told by a configuration of its own
where each file lies, as a block list "(hd0)FIRST+COUNT". The several initramfs are put one behind
the other, which is how Linux unpacks them."""

import os
import subprocess
import sys
import tempfile

SECTOR = 512
FIRST = 2048  # the sectors before are GRUB's
CYLINDER = 16 * 63  # sectors; the emulated disk has whole cylinders
GRUB = "/usr/lib/grub/i386-pc"

CONFIGURATION = """\
serial --unit=0 --speed=115200
terminal_output serial
set gfxpayload=text
multiboot2 %s xen %s
module2 %s dom0 %s
module2 %s initramfs
boot
"""


def padded(data):
    return data + bytes(-len(data) % SECTOR)


def content(path):
    with open(path, "rb") as file:
        return padded(file.read())


def core_image(configuration):
    with tempfile.TemporaryDirectory() as folder:
        text, core = os.path.join(folder, "grub.cfg"), os.path.join(folder, "core.img")
        with open(text, "w", encoding="ascii") as file:
            file.write(configuration)
        subprocess.run(["grub-mkimage", "-O", "i386-pc", "-d", GRUB, "-p", "/", "-c", text, "-o",
                        core, "biosdisk", "multiboot2", "serial", "terminal", "boot"], check=True)
        return content(core)


def main():
    out, xen, xen_arguments, kernel, kernel_arguments = sys.argv[1:6]
    files = [content(xen), content(kernel), b"".join(content(path) for path in sys.argv[6:])]
    places, at = [], FIRST
    for data in files:
        places.append("(hd0)%d+%d" % (at, len(data) // SECTOR))
        at += len(data) // SECTOR
    grub = content(os.path.join(GRUB, "boot.img")) + core_image(
        CONFIGURATION % (places[0], xen_arguments, places[1], kernel_arguments, places[2]))
    if len(grub) > FIRST * SECTOR:
        sys.exit("disk.py: GRUB takes more than %d sectors" % FIRST)
    with open(out, "wb") as disk:
        disk.write(grub)
        disk.seek(FIRST * SECTOR)
        for data in files:
            disk.write(data)
        disk.truncate((at + CYLINDER - 1) // CYLINDER * CYLINDER * SECTOR)


main()
