#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boot Linux guests of our own with Debian's kernels, stop each once, keep its memory and its word.

    make.py [--out FOLDER] [--cache FOLDER] [--list] [NAME..]

Without a NAME: all of them, each in FOLDER/NAME (default: $VMI_GUESTS); what is there already stays
unless it is named. FOLDER/READY gets a line for each. Exit status 1: some guest could not be made,
77: none could, for want of an archive or a tool.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import time

import initramfs
import machine
import truth

HERE = os.path.dirname(os.path.abspath(__file__))
COMMON = ("console=ttyS0,115200 loglevel=1 panic=-1 printk.devkmsg=on hugepages=4 audit=0 "
          "random.trust_cpu=on no_timer_check tsc=unstable")
# Each: suite, architecture, package, then what differs from the machine in `guest()`.
GUESTS = {
    "deb12": ("bookworm", "amd64", "linux-image-amd64", {}),
    "deb12-smp": ("bookworm", "amd64", "linux-image-amd64",
                  {"smp": 2, "append": "pti=on vsyscall=xonly guest.spin guest.wrap"}),
    "deb12-nokaslr": ("bookworm", "amd64", "linux-image-amd64",
                      {"append": "nokaslr pti=off guest.zstd", "vmcoreinfo": False}),
    "deb12-la57": ("bookworm", "amd64", "linux-image-amd64",
                   {"cpu": "max,la57=on", "append": "log_buf_len=2M guest.lz4"}),
    "deb12-busy": ("bookworm", "amd64", "linux-image-amd64",
                   {"smp": 2, "append": "guest.busy"}),
    "deb12-rt": ("bookworm", "amd64", "linux-image-rt-amd64", {"smp": 2, "append": "guest.spin"}),
    "deb12-new": ("bookworm-backports", "amd64", "linux-image-amd64", {"append": "pti=on"}),
    "deb12-new-rt": ("bookworm-backports", "amd64", "linux-image-rt-amd64", {}),
    "deb11": ("bullseye", "amd64", "linux-image-amd64", {}),
    "deb11-smp": ("bullseye", "amd64", "linux-image-amd64",
                  {"smp": 2, "append": "pti=on guest.spin guest.wrap"}),
    "deb11-rt": ("bullseye", "amd64", "linux-image-rt-amd64", {}),
    "deb11-new": ("bullseye", "amd64", "linux-image-6.1-amd64", {"mem": 128}),
    "deb13": ("trixie", "amd64", "linux-image-amd64", {"smp": 2, "append": "guest.spin"}),
    "sid": ("sid", "amd64", "linux-image-amd64", {}),
    "sid-la57": ("sid", "amd64", "linux-image-amd64",
                 {"cpu": "max,la57=on", "smp": 2,
                  "append": "pti=on guest.spin guest.wrap guest.zstd"}),
    "sid-rt": ("sid", "amd64", "linux-image-rt-amd64", {}),
    "deb12-pae": ("bookworm", "i386", "linux-image-686-pae", {"cpu": "qemu32,+nx"}),
    "deb12-686": ("bookworm", "i386", "linux-image-686", {"cpu": "pentium3"}),
    "deb12-new-686": ("bookworm-backports", "i386", "linux-image-6.5.0-0.deb12.4-686",
                      {"cpu": "pentium3"}),
    "deb11-pae": ("bullseye", "i386", "linux-image-686-pae",
                  {"cpu": "qemu32,+nx", "smp": 2, "append": "guest.spin guest.wrap"}),
    "deb10": ("buster", "amd64", "linux-image-amd64", {}),
}


def say(name, text):
    print("%s %s: %s" % (time.strftime("%H:%M:%S"), name, text), flush=True)


def options_of(name):
    suite, architecture, package, differs = GUESTS[name]
    return {"name": name, "suite": suite, "architecture": architecture, "package": package,
            "bits": 32 if architecture == "i386" else 64, "cpu": "max,la57=off", "mem": 256,
            "smp": 1, "append": "", "vmcoreinfo": True, **differs}


class Missing(Exception):
    """The archive or the machine lacks something; the project is not to blame."""


def fetch(guest, cache):
    """The folder of the unpacked kernel."""
    run = subprocess.run([os.path.join(HERE, "fetch.sh"), cache, guest["suite"],
                          guest["architecture"], guest["package"]],
                         stdout=subprocess.PIPE, text=True, check=False)
    if run.returncode == 77:
        raise Missing("%s of %s is out of reach" % (guest["package"], guest["suite"]))
    run.check_returncode()
    return run.stdout.strip()


def note_ready(path, name, text):
    lines = []
    if os.path.exists(path):
        with open(path) as file:
            lines = [line for line in file if line.split()[0] != name]
    with open(path, "w") as file:
        file.writelines(lines + ["%s %s\n" % (name, text)])


def make(name, out, cache):
    guest = options_of(name)
    final, folder = os.path.join(out, name), os.path.join(out, name + ".new")
    kernel = fetch(guest, cache)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    guest["release"] = release = os.listdir(os.path.join(kernel, "lib/modules"))[0]
    # Since 7.x beside the modules.
    image = next(path for path in ("%s/boot/vmlinuz-%s" % (kernel, release),
                                   "%s/lib/modules/%s/vmlinuz" % (kernel, release))
                 if os.path.exists(path))
    say(name, "kernel " + guest["release"])
    initrd = os.path.join(folder, "initrd")
    initramfs.build(HERE, kernel, guest, cache, initrd)
    guest["append"] = (COMMON + " " + guest["append"]).strip()
    start = time.time()
    with machine.Machine(guest, image, initrd, folder) as vm:
        vm.await_stop(900)
        say(name, "stopped after %d s" % (time.time() - start))
        registers = vm.registers()
        vm.dump()
    os.unlink(initrd)
    with open(os.path.join(folder, "linux.truth.json"), "w") as file:
        json.dump(truth.build(guest, registers, os.path.join(folder, "record.tar"), folder), file)
    os.unlink(os.path.join(folder, "record.tar"))
    # Who looks at the old one sees it whole, or the new one.
    shutil.rmtree(final, ignore_errors=True)
    os.rename(folder, final)
    note_ready(os.path.join(out, "READY"), name, guest["release"] + " " + final)
    say(name, "ready after %d s" % (time.time() - start))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", default=os.environ.get("VMI_GUESTS"))
    parser.add_argument("--cache", default=os.path.expanduser("~/.cache/vmicore-guests"))
    parser.add_argument("--list", action="store_true", help="name the guests")
    parser.add_argument("names", nargs="*", metavar="NAME")
    args = parser.parse_args()
    if args.list:
        print("\n".join("%-14s %s %s %s" % (name, *what[:3]) for name, what in GUESTS.items()))
        return 0
    if not args.out:
        parser.error("name the folder: --out, or VMI_GUESTS")
    for name in args.names:
        if name not in GUESTS:
            parser.error("there is no guest %s; see --list" % name)
    os.makedirs(args.cache, exist_ok=True)
    made = failed = 0
    for name in args.names or GUESTS:
        if not args.names and os.path.exists(os.path.join(args.out, name, "linux.truth.json")):
            made += 1
            continue
        try:
            make(name, os.path.abspath(args.out), os.path.abspath(args.cache))
            made += 1
        except Missing as problem:
            say(name, problem)
        except (machine.Trouble, OSError, subprocess.CalledProcessError) as problem:
            say(name, "FAILED: %s" % problem)
            failed += 1
    return 1 if failed else 0 if made else 77


if __name__ == "__main__":
    sys.exit(main())
