# SPDX-License-Identifier: MIT
"""The little of QEMU's machine protocol that the recipe needs."""
import json
import socket
import time


class Qmp:
    def __init__(self, path, patience=20):
        self.socket = socket.socket(socket.AF_UNIX)
        deadline = time.time() + patience
        while True:
            try:
                self.socket.connect(path)
                break
            except OSError:
                if time.time() > deadline:
                    raise
                time.sleep(0.05)
        self.lines = self.socket.makefile("rw", encoding="utf-8", newline="\n")
        self.lines.readline()  # the greeting
        self("qmp_capabilities")

    def __call__(self, command, **arguments):
        json.dump({"execute": command, "arguments": arguments}, self.lines)
        self.lines.write("\n")
        self.lines.flush()
        for line in self.lines:
            answer = json.loads(line)
            if "error" in answer:
                raise RuntimeError("%s: %s" % (command, answer["error"]["desc"]))
            if "return" in answer:
                return answer["return"]
        raise EOFError("QEMU ended")

    def monitor(self, line, cpu):
        """A command of the human monitor, as seen from one CPU."""
        text = self("human-monitor-command", **{"command-line": line, "cpu-index": cpu})
        return text.replace("\r\n", "\n")
