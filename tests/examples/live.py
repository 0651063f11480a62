"""What a user of --live relies on, in a pseudo-terminal:

    python3 live.py <automata> <folder to work in>    keys, signals, sizes, colours and records
    python3 live.py look <program> <arguments>        a program shows its system, steps it, and begins it anew
"""

import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
from terminal import Session  # noqa: E402

LAST_ALIVE = 120  # of green: what lives is brighter than this, what died darker (examples/automata/watching.hpp)


def check(holds, what):
    if not holds:
        raise AssertionError(what)


def step_of(session):
    words = session.screen.text().replace(",", " ").split()
    return int(words[words.index("step") + 1]) if "step" in words else -1


def living(session, width, height):
    """The cells of a world of Life that live, if each is k x k pixels."""
    lines = [[p for p in line if p is not None] for line in session.screen.pixels()]
    lines = [line for line in lines if line]
    k = len(lines[0]) // width
    check(len(lines[0]) == k * width and len(lines) == k * height, f"{len(lines[0])} x {len(lines)} pixels are shown")
    return {(x, y) for x in range(width) for y in range(height) if lines[k * y][k * x][1] > LAST_ALIVE}


def paused_at_start(session):
    session.sees("step")
    session.send(" ")
    session.sees("paused")
    session.send("r")
    session.wait(lambda _: step_of(session) == 0, "step 0")


def steps(session, count):
    first = step_of(session)
    session.send("s" * count)
    session.wait(lambda _: step_of(session) == first + count, f"step {first + count}")


def ended(session, status, what):
    given = session.end()
    check(given == status, f"{what}: status {given}, expected {status}; {session.screen.log}")
    check(session.left_as_it_was(), f"{what}: the terminal is not as it was: {session.screen.modes}")


def look(command, changes=True):
    session = Session(command, columns=90, rows=40)
    paused_at_start(session)
    start = session.screen.pixels()
    check(any(p is not None for line in start for p in line), "no picture is shown")
    for _ in range(40):
        steps(session, 1)
        if session.screen.pixels() != start:
            break
    if changes:
        check(session.screen.pixels() != start, "nothing changes in 40 steps")
    session.send("r")
    session.wait(lambda _: step_of(session) == 0, "step 0")
    check(session.screen.pixels() == start, "begun anew, it is not what it was at the start")
    session.send("q")
    ended(session, 0, "q")


def keys(program):
    session = Session([program, "--live", "--rule", "B3/S23", "--pattern", "glider", "--size", "12"])
    check(not session.screen.modes["alternate"], "there was something before the program")
    paused_at_start(session)
    check(session.screen.modes == {"alternate": True, "cursor": False, "wrap": False, "mouse": True, "sgr_mouse": True,
                                   "update": False}, f"modes are {session.screen.modes}")
    glider = living(session, 12, 12)
    check(len(glider) == 5, f"a glider has {len(glider)} cells")
    written = session.bytes
    for _ in range(3):
        session.take(0.2)
    check(session.bytes == written, "something is written while it is paused and nothing happens")

    # A step of a glider changes few cells, and so does what is written: 144 squares, of 3 x 3 pixels each, would take
    # 216 characters, most with two colours of 17 bytes.
    steps(session, 1)
    check(session.bytes - written < 3000, f"a step of a glider writes {session.bytes - written} bytes")
    steps(session, 3)
    moved = {((x + 1) % 12, (y + 1) % 12) for x, y in glider}
    check(living(session, 12, 12) == moved, "after four steps the glider is not one further down and to the right")

    # Damage where the mouse is pressed: a circle of 1.5 cells, an eighth of 12, around the one cell that is farthest up.
    x, y = min(moved, key=lambda cell: cell[1])
    lines = session.screen.pixels()
    row = next(i for i, line in enumerate(lines) if any(p is not None for p in line))
    column = next(i for i, p in enumerate(lines[row]) if p is not None)
    session.send(f"\x1b[<0;{column + 3 * x + 2};{(row + 3 * y + 1) // 2 + 1}M")
    session.wait(lambda _: living(session, 12, 12) != moved, "damage by the mouse")
    check(living(session, 12, 12) < moved and (x, y) not in living(session, 12, 12), "the mouse erases other cells")
    session.send("r")
    session.wait(lambda _: living(session, 12, 12) == glider and step_of(session) == 0, "the glider of the start")

    # At the ring, which arrows move, and arrows with shift by eight: to the upper left corner, where nothing is.
    start = session.screen.pixels()
    session.send("\x1b[1;2A\x1b[1;2D")
    session.wait(lambda screen: screen.pixels() != start, "a ring")
    session.send("dc")
    session.wait(lambda screen: screen.pixels() == start, "no ring, and a glider that no damage met")
    session.send("\x1b[B\x1b[B\x1b[B\x1b[B\x1b[B\x1b[C\x1b[C\x1b[C\x1b[C\x1b[C]]]]dc")
    session.wait(lambda _: not living(session, 12, 12), "no glider")

    session.send("n")
    session.sees("r-pentomino")
    check(step_of(session) == 0 and len(living(session, 12, 12)) == 5, "the next pattern is no r-pentomino")
    session.send("z")  # a cell is six pixels, and a part is seen
    session.wait(lambda _: len([p for p in session.screen.pixels()[20] if p is not None]) == 72, "a closer look")
    session.send("zz")
    session.sees("r-pentomino")
    session.send(" +")
    session.wait(lambda _: step_of(session) > 3 and "30 steps/s" in session.screen.text(), "30 steps a second")

    session.resize(100, 45)
    session.wait(lambda _: "q quit" in session.screen.text() and len(session.screen.pixels()[2]) == 100, "a larger one")
    session.resize(30, 8)
    session.sees("too small")
    session.resize(80, 24)
    session.sees("q quit")
    session.send("q")
    ended(session, 0, "q")
    check("watched to step" in session.screen.log, "the end says nothing")


def signals(program):
    # Under the address sanitizer, which reports a crash itself.
    os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":handle_segv=0"
    for number, keys in ((signal.SIGTERM, ""), (signal.SIGHUP, ""), (signal.SIGSEGV, ""), (signal.SIGINT, "\x03"),
                         (signal.SIGQUIT, "\x1c")):
        session = Session(["sh", "-c", 'ulimit -c 0; exec "$0" --live --rule 30', program])
        session.sees("step")
        if keys:
            session.send(keys)
        else:
            session.kill(number)
        ended(session, 128 + number, number.name)

    # Ctrl-Z gives the terminal back, and fg takes it again.
    session = Session(["sh", "-c", 'set -m; "$0" --live --rule 30; echo stopped $?; stty -a; fg; echo ended $?', program])
    session.sees("step")
    session.send("\x1a")
    session.wait(lambda screen: f"stopped {128 + signal.SIGTSTP}" in screen.log, "a stop")
    session.sees("q quit")  # all of it is drawn again
    session.send("q")
    ended(session, 0, "Ctrl-Z, fg and q")
    log = session.screen.log.split()
    check("icanon" in log and "echo" in log, f"the terminal is not given back by Ctrl-Z: {session.screen.log}")
    check(session.screen.log.rstrip().endswith("ended 0"), session.screen.log)

    # A terminal that is closed.
    session = Session([program, "--live", "--rule", "30", "--record", "closed"])
    session.sees("step")
    os.close(session.terminal)
    check(os.waitpid(session.process, 0)[1] >> 8 == 128 + signal.SIGHUP, "a closed terminal does not end it by SIGHUP")
    check(pathlib.Path("closed.gif").stat().st_size > 0, "what was watched is lost with the terminal")


def frames_of(path):
    """How many images a GIF has, and their sizes."""
    data = path.read_bytes()
    check(data[:6] == b"GIF89a", "no GIF")
    sizes, at = [], 13
    while data[at] != 0x3B:
        if data[at] == 0x2C:
            sizes.append(struct.unpack("<HH", data[at + 5:at + 9]))
            at += 11 + 3 * (2 << (data[at + 9] & 7))
        else:
            at += 2
        while data[at]:
            at += data[at] + 1
        at += 1
    return sizes


def records(program):
    session = Session([program, "--live", "--rule", "path", "--size", "15", "--record", "way.gif"])
    paused_at_start(session)
    steps(session, 5)
    session.send("q")
    seen = int(session.screen.text().split(" frames recorded")[0].split()[-1])
    ended(session, 0, "a record")
    check("wrote way.gif and way.png" in session.screen.log, f"it does not say what it wrote: {session.screen.log}")
    sizes = frames_of(pathlib.Path("way.gif"))
    check(len(sizes) == seen and seen >= 2, f"{len(sizes)} frames are in the record, {seen} were shown")
    check(sizes[0][0] == 390 and sizes[0][1] > 390, f"frames are {sizes[0]}: 26 pixels a cell, and what colours mean")
    check(pathlib.Path("way.png").read_bytes()[:4] == b"\x89PNG", "no PNG")


def colours(program):
    for given in ("truecolor", ""):
        session = Session([program, "--live", "--size", "64"], colours=given)
        session.sees("step")
        kinds = {type(p) for line in session.screen.pixels() for p in line if p is not None}
        check(kinds == {tuple if given else int}, f"with COLORTERM '{given}' colours are {kinds}")
        session.send("q")
        ended(session, 0, "q")


def refusals(program):
    def refused(what, arguments, **terminal):
        if terminal:
            session = Session([program, *arguments], **terminal)
            status, said = session.end(), session.screen.log
        else:
            done = subprocess.run([program, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True)
            status, said = done.returncode, done.stdout
        check(status == 2 and what in said and len(said.split("\n")) <= 2 and "\x1b" not in said,
              f"{arguments}: status {status}, {said!r}")

    refused("--live needs a terminal, and standard input is none", ["--live"])
    refused("TERM is 'dumb'", ["--live"], term="dumb")
    refused("this one has 30 columns and 50 rows, expected at least 40 and 12", ["--live"], columns=30, rows=50)
    refused("--record is given without --live", ["--record", "film"])
    refused("--live is given with --resume", ["--live", "--resume", "x"], columns=80)
    refused("fps is '0'", ["--live", "--fps", "0"], columns=80)


def main():
    try:
        for end in os.openpty():
            os.close(end)
    except OSError as error:
        print(f"basin: skipped, because there are no pseudo-terminals here: {error}")
        return
    if sys.argv[1] in ("look", "rest"):  # of a system that changes, or of one that may be at rest
        look(sys.argv[2:], changes=sys.argv[1] == "look")
        return
    program, folder = (os.path.abspath(path) for path in sys.argv[1:])
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    os.chdir(folder)
    for part in (keys, signals, records, colours, refusals):
        part(program)
    print("live: all as expected")


main()
