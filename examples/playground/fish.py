"""Draws a fish as a PNG with alpha, for a growing automaton to learn: python3 fish.py <file.png> [pixels along a side]"""

import math
import struct
import sys
import zlib


def ellipse(x, y, cx, cy, rx, ry):
    return ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1


def colour(x, y):
    """Red, green and blue at a place, -1 to 1 on both axes, y downwards; nothing outside the fish."""
    orange, white, dark, blue = (236, 120, 24), (246, 244, 236), (34, 32, 46), (32, 84, 168)
    if math.hypot(x + 0.52, y + 0.1) < 0.055:
        return dark
    if math.hypot(x + 0.52, y + 0.1) < 0.125:
        return white
    body = ellipse(x, y, -0.12, 0, 0.74, 0.5)
    if body:
        for middle in (-0.22, 0.2):  # stripes that bend with the body
            off = abs(x - middle - 0.25 * y * y)
            if off < 0.085:
                return white
            if off < 0.125:
                return dark
        return orange
    tail = 0.5 < x < 0.96 and abs(y) < 0.12 + 0.85 * (x - 0.5) and x < 0.96 - 0.35 * max(0, 0.3 - abs(y))
    fins = (-0.35 < x < 0.3 and -0.74 + 0.5 * abs(x + 0.1) ** 1.5 < y < -0.3) or ellipse(x, y, 0, 0.52, 0.2, 0.2)
    return blue if tail or fins else None


def main():
    side, fine = int(sys.argv[2]) if len(sys.argv) > 2 else 24, 4
    rows = b""
    for j in range(side):
        rows += b"\0"  # no filter
        for i in range(side):
            places = ((2 * (i + (k % fine + 0.5) / fine) / side - 1, 2 * (j + (k // fine + 0.5) / fine) / side - 1)
                      for k in range(fine * fine))
            seen = [one for place in places if (one := colour(*place))]
            mean = [round(sum(part) / len(seen)) for part in zip(*seen)] or [0, 0, 0]
            rows += bytes([*mean, round(255 * len(seen) / fine ** 2)])

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    with open(sys.argv[1], "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0))
                   + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


main()
