#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""cpio.py FOLDER [PREFIX]: an initramfs (cpio, "newc") of FOLDER on stdout, for Linux to unpack
at /PREFIX. The same tree gives the same bytes: sorted, owned by root, without times. With a
PREFIX, symbolic links are followed, so that a payload may link to what was built elsewhere."""

import os
import stat
import sys


def entry(number, name, mode, data):
    """One member: a header of 13 hexadecimal words, the name, the data, each padded to 4 bytes
    (Linux, Documentation/driver-api/early-userspace/buffer-format.rst)."""
    raw = name.encode() + b"\0"
    links = 2 if stat.S_ISDIR(mode) else 1
    words = (number, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, len(raw), 0)
    head = b"070701" + b"".join(b"%08x" % word for word in words) + raw
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def tree(folder, follow):
    """(path, name below the folder) of everything in it, folders before what they hold."""
    for path, folders, files in os.walk(folder, followlinks=follow):
        folders.sort()
        links = [f for f in folders if os.path.islink(os.path.join(path, f)) and not follow]
        name = os.path.relpath(path, folder)
        yield path, "" if name == "." else name
        for file in sorted(files + links):
            yield os.path.join(path, file), os.path.normpath(os.path.join(name, file))


def main():
    folder = sys.argv[1]
    prefix = sys.argv[2] if len(sys.argv) > 2 else ""
    out = sys.stdout.buffer
    number = 0
    for path, name in tree(folder, bool(prefix)):
        name = os.path.join(prefix, name).rstrip("/")
        if not name:
            continue
        status = os.stat(path) if prefix else os.lstat(path)
        data = b""
        if stat.S_ISLNK(status.st_mode):
            data = os.readlink(path).encode()
        elif stat.S_ISREG(status.st_mode):
            with open(path, "rb") as file:
                data = file.read()
        elif not stat.S_ISDIR(status.st_mode):
            sys.exit("cpio.py: %s is neither a file nor a folder" % path)
        number += 1
        out.write(entry(number, name, status.st_mode, data))
    out.write(entry(0, "TRAILER!!!", 0, b""))


main()
