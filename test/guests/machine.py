# SPDX-License-Identifier: MIT
"""A guest in QEMU: booted, stopped once, and written out."""
import json
import os
import re
import socket
import subprocess
import tempfile
import time

RECORD_BYTES = 192 << 20
REGISTER = re.compile(r"\b([A-Z][A-Z0-9]{1,7})\s*=\s*([0-9a-f]{8,16})\b")


class Trouble(Exception):
    """The guest or QEMU did not do as it should."""


class Monitor:
    """QEMU Machine Protocol: one JSON object a line, each way."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.lines = self.socket.makefile("rw", encoding="utf-8", errors="replace", newline="\n")
        self.lines.readline()
        self.command("qmp_capabilities")

    def command(self, name, **arguments):
        self.lines.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self.lines.flush()
        for line in self.lines:
            answer = json.loads(line)
            if "error" in answer:
                raise Trouble("QEMU, %s: %s" % (name, answer["error"]["desc"]))
            if "return" in answer:
                return answer["return"]
        raise Trouble("QEMU went away")


class Machine:
    def __init__(self, guest, kernel, initrd, folder):
        self.guest, self.folder = guest, folder
        self.sockets = tempfile.mkdtemp(prefix="vmi-guest-")
        self.disk = os.path.join(folder, "record.tar")
        with open(self.disk, "wb") as file:
            file.truncate(RECORD_BYTES)
        arguments = ["qemu-system-x86_64", "-accel", "tcg", "-M", "pc", "-cpu", guest["cpu"],
                     "-m", "%dM" % guest["mem"], "-smp", str(guest["smp"]), "-nodefaults",
                     "-no-user-config", "-display", "none", "-no-reboot",
                     "-device", "pvpanic", "-action", "panic=pause",
                     "-serial", "file:%s/console.txt" % folder,
                     "-drive", "if=none,id=record,format=raw,file=" + self.disk,
                     "-device", "virtio-blk-pci,drive=record",
                     "-qmp", "unix:%s/qmp,server=on,wait=off" % self.sockets,
                     "-kernel", kernel, "-initrd", initrd, "-append", guest["append"]]
        if guest["vmcoreinfo"]:
            arguments += ["-device", "vmcoreinfo"]
        with open(os.path.join(folder, "qemu.cmd"), "w") as file:
            file.write(" ".join(arguments) + "\n")
        with open(os.path.join(folder, "qemu.log"), "w") as log:
            self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT)
        self.monitor = None

    def __enter__(self):
        end = time.time() + 30
        while not self.monitor:
            try:
                self.monitor = Monitor(self.sockets + "/qmp")
            except OSError as problem:
                if time.time() > end or self.process.poll() is not None:
                    self.__exit__()
                    raise Trouble("QEMU does not start, see qemu.log") from problem
                time.sleep(0.1)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        if self.monitor:
            self.monitor.socket.close()
        subprocess.run(["rm", "-rf", self.sockets], check=True)

    def await_stop(self, seconds):
        """Until the guest, having said all, stops its machine."""
        end = time.time() + seconds
        while self.process.poll() is None:
            if self.monitor.command("query-status")["status"] == "guest-panicked":
                return
            if time.time() > end:
                raise Trouble("the guest does not come to its end, see console.txt")
            time.sleep(0.3)
        raise Trouble("the guest ended early, see console.txt")

    def registers(self):
        """Of each vcpu, as QEMU's monitor shows them."""
        vcpus = []
        for vcpu in range(self.guest["smp"]):
            text = self.monitor.command("human-monitor-command", **{
                "command-line": "info registers", "cpu-index": vcpu})
            values = {name.lower(): hex(int(value, 16)) for name, value in REGISTER.findall(text)}
            vcpus.append({"registers": values, "text": text.replace("\r\n", "\n")})
        return vcpus

    def dump(self):
        """The same instant in three formats; zeros become holes."""
        def path(name):
            return os.path.join(self.folder, name)
        self.monitor.command("dump-guest-memory", paging=False, protocol="file:" + path("dump.elf"))
        self.monitor.command("dump-guest-memory", paging=False, format="kdump-zlib",
                             protocol="file:" + path("dump.kdump"))
        self.monitor.command("pmemsave", val=0, size=self.guest["mem"] << 20,
                             filename=path("dump.raw"))
        for name in ("dump.elf", "dump.raw"):
            subprocess.run(["fallocate", "-d", path(name)], check=True)
