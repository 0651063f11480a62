"""Captures what a program shows in a terminal, as a PNG:

    python3 screens.py <image.png> <columns>x<rows> <keys> <program> <arguments>

<keys> are sent one after another; "~" waits for half a second, "^" stands for an arrow up, "<" for one to the left.
Draws by cairo (Debian: libcairo2), in the font DejaVu Sans Mono. docs/watching.md says how its pictures were made.
"""

import ctypes
import ctypes.util
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests/examples"))
from terminal import Session  # noqa: E402

WIDTH, HEIGHT, SIZE = 8, 16, 13  # of a character, and of its font
INK, PAPER = (204, 204, 204), (24, 24, 28)
ARROWS = {"^": "\x1b[A", "<": "\x1b[D"}


class Canvas:
    def __init__(self, width, height):
        self.cairo = ctypes.CDLL(ctypes.util.find_library("cairo"))
        for name in ("cairo_image_surface_create", "cairo_create"):
            getattr(self.cairo, name).restype = ctypes.c_void_p
        self.surface = ctypes.c_void_p(self.cairo.cairo_image_surface_create(1, width, height))
        self.context = ctypes.c_void_p(self.cairo.cairo_create(self.surface))

    def call(self, name, *values):
        doubles = [ctypes.c_double(v) if isinstance(v, (int, float)) else v for v in values]
        getattr(self.cairo, "cairo_" + name)(self.context, *doubles)

    def colour(self, colour):
        self.call("set_source_rgb", *(value / 255 for value in colour))

    def box(self, x, y, width, height, colour):
        self.colour(colour)
        self.call("rectangle", x, y, width, height)
        self.call("fill")

    def text(self, x, y, text, colour, bold):
        self.colour(colour)
        self.call("select_font_face", b"DejaVu Sans Mono", ctypes.c_int(0), ctypes.c_int(int(bold)))
        self.call("set_font_size", SIZE)
        self.call("move_to", x, y)
        self.call("show_text", text.encode())

    def write(self, path):
        self.cairo.cairo_surface_write_to_png(self.surface, path.encode())


def draw(screen, path):
    canvas = Canvas(WIDTH * screen.columns + 16, HEIGHT * screen.rows + 16)
    canvas.box(0, 0, WIDTH * screen.columns + 16, HEIGHT * screen.rows + 16, PAPER)
    for row, cells in enumerate(screen.cells):
        for column, (text, ink, paper, bold) in enumerate(cells):
            x, y = 8 + WIDTH * column, 8 + HEIGHT * row
            if paper:
                canvas.box(x, y, WIDTH, HEIGHT, paper)
            if text in "▀▄":
                canvas.box(x, y if text == "▀" else y + HEIGHT // 2, WIDTH, HEIGHT // 2, ink or INK)
            elif text != " ":
                canvas.text(x, y + SIZE, text, ink or INK, bold)
    canvas.write(path)


def main():
    path, size, keys, *command = sys.argv[1:]
    columns, rows = (int(n) for n in size.split("x"))
    session = Session(command, columns, rows)
    session.sees("step")
    for key in keys:
        end = time.monotonic() + (0.5 if key == "~" else 0.05)
        if key != "~":
            session.send(ARROWS.get(key, key))
        while time.monotonic() < end:
            session.take(0.02)
    session.wait(lambda screen: True, "the end of an update")
    draw(session.screen, path)
    session.send("q")
    session.end()


main()
