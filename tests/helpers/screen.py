"""What a program prints, line by line, while it runs."""

import threading
import time


class Screen:
    """What the program has printed."""

    def __init__(self, program):
        self.lines = []
        self._program = program
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self._program.stdout:
            self.lines.append(line)

    def wait_for(self, text, most_s=60.0):
        until = time.monotonic() + most_s
        while not any(text in line for line in self.lines):
            assert self._program.poll() is None, self._program.stderr.read()
            assert time.monotonic() < until, self.lines
            time.sleep(0.01)
