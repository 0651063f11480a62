"""A terminal for tests: runs a program in a pseudo-terminal and knows what is on its screen.

It understands what basin's programs write (examples/support/terminal.hpp, half_blocks.hpp), and raises ValueError for
anything else.
"""

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

SEQUENCE = re.compile(r"\x1b\[(\??)([0-9;]*)([A-Za-z])")
MODES = {"1049": "alternate", "25": "cursor", "7": "wrap", "1002": "mouse", "1006": "sgr_mouse", "2026": "update"}


class Screen:
    """Characters of (text, ink, paper, bold); a colour is (red, green, blue), a number of the 256, or None."""

    def __init__(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.modes = {"alternate": False, "cursor": True, "wrap": True, "mouse": False, "sgr_mouse": False, "update": False}
        self.log = ""  # what was written outside of the alternate screen
        self.rest = ""
        self.clear()

    def clear(self):
        self.cells = [[(" ", None, None, False)] * self.columns for _ in range(self.rows)]
        self.column = self.row = 0
        self.ink = self.paper = None
        self.bold = False

    def put(self, text):
        text, self.rest = self.rest + text, ""
        while text:
            if text[0] != "\x1b":
                self.letter(text[0])
                text = text[1:]
                continue
            match = SEQUENCE.match(text)
            if not match and "\x1b" in text[1:]:  # cut off by the next one, as where a frame is given up
                text = text[text.index("\x1b", 1):]
                continue
            if not match:
                self.rest = text
                return
            self.sequence(*match.groups())
            text = text[match.end():]

    def letter(self, letter):
        if not self.modes["alternate"]:
            self.log += letter
            return
        if not letter.isprintable() or self.column >= self.columns or self.row >= self.rows:
            raise ValueError(f"{letter!r} is written at column {self.column}, row {self.row}")
        self.cells[self.row][self.column] = (letter, self.ink, self.paper, self.bold)
        self.column += 1

    def sequence(self, private, numbers, end):
        if private and end in "hl":
            self.modes[MODES[numbers]] = end == "h"
            return
        values = [int(n or 0) for n in numbers.split(";")]
        if end == "H":
            self.row, self.column = values[0] - 1, values[1] - 1
        elif end == "J" and values == [2]:
            self.clear()
        elif end == "m":
            self.style(values)
        elif self.modes["alternate"]:
            raise ValueError(f"sequence {numbers!r} {end} is not known")

    def style(self, values):
        while values:
            code = values.pop(0)
            if code in (38, 48):
                kind = values.pop(0)
                colour = values.pop(0) if kind == 5 else tuple(values.pop(0) for _ in range(3))
            if code == 0:
                self.ink = self.paper = None
                self.bold = False
            elif code in (38, 39):
                self.ink = colour if code == 38 else None
            elif code in (48, 49):
                self.paper = colour if code == 48 else None
            elif code in (1, 22):
                self.bold = code == 1
            else:
                raise ValueError(f"style {code} is not known")

    def text(self):
        return "\n".join("".join(cell[0] for cell in row).rstrip() for row in self.cells)

    def pixels(self):
        """Two lines of pixels a row; None where there is text or nothing."""
        lines = []
        for row in self.cells:
            above, below = [], []
            for text, ink, paper, _ in row:
                block = text in "▀▄" or (text == " " and paper is not None)
                first, second = (ink, paper) if text == "▀" else (paper, ink) if text == "▄" else (paper, paper)
                above.append(first if block else None)
                below.append(second if block else None)
            lines += [above, below]
        return lines


class Session:
    """A program in a terminal of its own."""

    def __init__(self, arguments, columns=80, rows=24, colours="truecolor", folder=".", term="xterm-256color"):
        self.screen = Screen(columns, rows)
        begin, told = os.pipe()
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            # Not before this terminal's settings are known: on a busy machine the program has changed them by then.
            os.close(told)
            os.read(begin, 1)
            os.close(begin)
            os.chdir(folder)
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.environ.update(TERM=term, COLORTERM=colours)
            os.execvp(arguments[0], arguments)
        self.before = termios.tcgetattr(self.terminal)
        os.close(begin)
        os.close(told)
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.bytes = 0

    def take(self, seconds):
        """What the program writes within so long. False at its end."""
        if not select.select([self.terminal], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.terminal, 65536)
        except OSError:  # the end of a pseudo-terminal
            data = b""
        self.bytes += len(data)
        self.screen.put(self.decoder.decode(data))
        return bool(data)

    def wait(self, holds, what, seconds=60):
        """Until holds(screen) is true, between updates."""
        end = time.monotonic() + seconds
        while self.screen.modes["update"] or self.screen.rest or not holds(self.screen):
            if time.monotonic() > end or not self.take(0.1) and not holds(self.screen):
                raise AssertionError(f"{what}: has not come; the screen is\n{self.screen.text()}\n{self.screen.log}")

    def sees(self, text, seconds=60):
        self.wait(lambda screen: text in screen.text(), repr(text), seconds)

    def send(self, keys):
        os.write(self.terminal, keys.encode())

    def resize(self, columns, rows):
        modes = self.screen.modes
        self.screen = Screen(columns, rows)
        self.screen.modes = modes
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def kill(self, number):
        os.kill(self.process, number)

    def end(self):
        """Waits for the end; returns the exit status, 128 and the number of a signal that ended it."""
        end = time.monotonic() + 60
        while self.take(0.1):
            if time.monotonic() > end:
                self.kill(signal.SIGKILL)
                raise AssertionError("the program does not end")
        status = os.waitpid(self.process, 0)[1]
        return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)

    def left_as_it_was(self):
        screen = self.screen
        attributes = termios.tcgetattr(self.terminal)
        return attributes == self.before and screen.modes == Screen(1, 1).modes
