# SPDX-License-Identifier: MIT
"""What a guest boots into: /init, which is our program, and modules in the order of loading."""
import lzma
import os
import shutil
import subprocess

# What the guest's work needs, and some more, that others depend on or that take parameters.
MODULES = (
    ("qemu_fw_cfg", ""), ("virtio_pci", ""), ("virtio_blk", ""),
    ("lzo-rle", ""), ("lz4", ""), ("zstd", ""), ("zram", "num_devices=1"),
    ("brd", "rd_nr=1 rd_size=8192"),
    ("overlay", ""), ("ext4", ""), ("loop", "max_loop=3"), ("dummy", "numdummies=2"),
    ("bridge", ""), ("tun", ""), ("nls_utf8", ""), ("crc32c_generic", ""),
    ("nf_conntrack", "hashsize=128"),
)
FLAGS = ("-std=gnu11 -O2 -Wall -Wextra -Wshadow -Wconversion -Wswitch-enum -Wmissing-prototypes "
         "-Wstrict-prototypes -Wvla -Werror -static -pthread -D_FILE_OFFSET_BITS=64").split()
WIDTH = {64: ["-m64"], 32: ["-m32", "-idirafter", "/usr/include/x86_64-linux-gnu"]}


def compile_program(here, bits, to):
    source = os.path.join(here, "guest")
    files = sorted(os.path.join(source, f) for f in os.listdir(source) if f.endswith(".c"))
    subprocess.run(["gcc", *FLAGS, *WIDTH[bits], *files, "-o", to], check=True)
    subprocess.run(["strip", to], check=True)


def dependencies(kernel, release):
    """{module's name: (path, paths it needs, the first needed last)}, as depmod found them."""
    subprocess.run(["depmod", "-b", kernel, release], check=True)
    base = os.path.join(kernel, "lib/modules", release)
    found = {}
    with open(os.path.join(base, "modules.dep")) as file:
        for line in file:
            path, needs = line.rstrip("\n").split(":")
            name = os.path.basename(path).split(".")[0].replace("-", "_")
            found[name] = (path, needs.split())
    return base, found


def copy_module(source, to):
    """Kernels since 6.12 have them compressed, and not all could unpack them."""
    if source.endswith(".xz"):
        with lzma.open(source) as packed, open(to, "wb") as file:
            shutil.copyfileobj(packed, file)
    else:
        shutil.copyfile(source, to)


def place_modules(kernel, release, folder):
    base, found = dependencies(kernel, release)
    placed = []
    with open(os.path.join(folder, "list"), "w") as order:
        for wanted, parameters in MODULES:
            # Not there: built into this kernel, or gone from it; the guest notes what it misses.
            path, needs = found.get(wanted.replace("-", "_"), (None, []))
            for each in needs[::-1] + [path] * bool(path):
                name = os.path.basename(each).split(".")[0]
                if name in placed:
                    continue
                placed.append(name)
                copy_module(os.path.join(base, each), os.path.join(folder, name))
                order.write("%s %s\n" % (name, parameters if each == path else ""))


def build(here, kernel, guest, cache, to):
    folder = os.path.join(cache, "root-" + guest["name"])
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(os.path.join(folder, "modules"))
    os.makedirs(os.path.join(folder, "dev"))
    compile_program(here, guest["bits"], os.path.join(folder, "init"))
    if guest["bits"] == 64:
        compile_program(here, 32, os.path.join(folder, "init32"))
    place_modules(kernel, guest["release"], os.path.join(folder, "modules"))
    with open(to, "wb") as file:
        subprocess.run([os.path.join(here, "../lab/lib/cpio.py"), folder], stdout=file, check=True)
    shutil.rmtree(folder)
