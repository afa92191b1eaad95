"""A program on a terminal of its own, and what that terminal shows."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading

from process import proc_status
from waiting import wait_until

PICTURE_START = "\x1b[H"
PICTURE_END = "\x1b[J"
ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"
_SEQUENCE = re.compile(r"\x1b(\[[?0-9;]*[A-Za-z]|.)", re.S)


class Terminal:
    """ARGV runs with the terminal as its stdin, stdout and stderr."""

    def __init__(self, argv, columns=100, rows=30, **env):
        self.written = b""
        self.columns, self.rows = columns, rows
        self.master, slave = pty.openpty()
        self.resize(columns, rows)
        full = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
        full.update({"TERM": "xterm", **env})
        self.proc = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *map(str, argv)],
            stdin=slave, stdout=slave, stderr=slave, env=full,
            start_new_session=True)
        os.close(slave)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        try:
            while chunk := os.read(self.master, 65536):
                self.written += chunk
        except OSError:  # EIO: nobody has it open any more
            pass

    def resize(self, columns, rows):
        self.columns, self.rows = columns, rows
        fcntl.ioctl(self.master, termios.TIOCSWINSZ,
                    struct.pack("HHHH", rows, columns, 0, 0))

    def output(self):
        return self.written.decode("utf-8", "replace")

    def lines(self):
        """All that was printed, without what only moves or paints."""
        return [line.rstrip() for line in
                _SEQUENCE.sub("", self.output()).split("\r\n")]

    def screen(self):
        """The lines of the last whole picture, as a terminal that knows what
        we use makes them of the bytes so far."""
        screen, row, column = [""] * self.rows, 0, 0
        text = "".join(self.output().rpartition(PICTURE_END)[:2])
        at = max(text.rfind(PICTURE_START), 0)
        while at < len(text):
            m = _SEQUENCE.match(text, at)
            if m:
                at = m.end()
                code = m.group(1)
                if code == "[H":
                    row, column = 0, 0
                elif code == "[K":
                    screen[row] = screen[row][:column]
                elif code == "[J":
                    screen[row] = screen[row][:column]
                    screen[row + 1:] = [""] * (self.rows - row - 1)
                elif code == "[2J":
                    screen = [""] * self.rows
                else:
                    assert re.fullmatch(r"\[[0-9;]*m|\[\?(1049|25)[hl]",
                                        code), repr(code)
                continue
            c, at = text[at], at + 1
            if c == "\r":
                column = 0
            elif c == "\n":
                assert row + 1 < self.rows, "the screen scrolled"
                row += 1
            else:
                assert " " <= c <= "~", repr(c)
                assert column < self.columns, "a line is too long"
                screen[row] = (screen[row].ljust(column)[:column] + c +
                               screen[row][column + 1:])
                column += 1
        return [line.rstrip() for line in screen]

    def wait_screen(self, condition):
        """Waits until CONDITION holds for the screen's text."""
        def look():
            text = "\n".join(self.screen())
            return text if condition(text) else None
        return wait_until(look, lambda: "\n".join(self.screen()))

    def stopped(self):
        return proc_status(self.proc.pid)["State"][0] == "T"

    def signal(self, number):
        self.proc.send_signal(number)

    def wait(self):
        code = self.proc.wait(30)
        self.reader.join(30)
        return code

    def stop(self):
        if self.proc.poll() is None:
            self.proc.send_signal(signal.SIGKILL)
        self.proc.wait()
        self.reader.join(30)
        os.close(self.master)
