"""Runs basin's programs and those of other packages in turn, and writes one table.

For each group of works, each number of threads and each round, basin's program runs first and then each peer's, so that
what else the machine does meets all of them alike. Every program makes one round and prints medians (measuring.hpp);
here the medians over the rounds are compared. A ratio is the peer's value over basin's: above 1, basin is better.

A row with a goal takes the best of the peer's variants that it names, and of the numbers of threads up to its own.
torch runs with glibc's malloc set to keep its memory, because otherwise page faults decide how fast it is; its memory
is measured as glibc comes.
"""

import argparse
import collections
import dataclasses
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

import ten_table

FOLDER = pathlib.Path(__file__).resolve().parent
ROOT = FOLDER.parent.parent
PYTHON = "/usr/bin/python3"
TUNABLES = "glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=17179869184:glibc.malloc.top_pad=268435456"
TUNED_TORCH = "torch (malloc tuned)"
TORCH = "torch"


@dataclasses.dataclass(frozen=True)
class Program:
    peer: str  # "basin", or the name of the package
    file: str  # a program of CMake's, or a script of this folder
    arguments: tuple = ()
    spawned: bool = False  # what is measured is the time from the start of the process to its end

    @property
    def name(self):
        return " ".join((self.file,) + self.arguments)


def memory_programs(file, peer, parts):
    return [Program(peer, file, ("--what", part)) for part in parts]


DEQ_MEMORY = ("implicit-16", "implicit-48", "unrolled-16", "unrolled-48")
GROUPS = {
    "conv": [
        Program("basin", "conv"),
        Program("oneDNN", "onednn"),
        Program(TUNED_TORCH, "torch_conv.py"),
    ],
    "attention": [
        Program("basin", "attention"),
        Program(TUNED_TORCH, "torch_attention.py"),
    ],
    "solve": [
        Program("basin", "solve"),
        Program(TUNED_TORCH, "torch_deq.py", ("--what", "solve")),
        Program("TorchDEQ", "torchdeq_deq.py", ("--what", "solve")),
    ],
    "train": [
        Program("basin", "train", ("--what", "time")),
        Program(TUNED_TORCH, "torch_deq.py", ("--what", "time")),
        Program("TorchDEQ", "torchdeq_deq.py", ("--what", "time")),
        *memory_programs("train", "basin", DEQ_MEMORY),
        *memory_programs("torch_deq.py", TORCH, DEQ_MEMORY),
    ],
    "solver": [
        Program("basin", "solver"),
        Program("KINSOL", "kinsol"),
        Program("SciPy", "scipy_solver.py"),
    ],
    "ten": [
        Program("basin", "ten"),
        Program("KINSOL", "ten_kinsol"),
        Program("SciPy", "ten_scipy.py"),
    ],
    "nca": [
        Program("basin", "nca"),
        Program(TUNED_TORCH, "torch_nca.py", ("--what", "step")),
    ],
    "rollout": [
        Program("basin", "rollout", ("--what", "time")),
        Program(TUNED_TORCH, "torch_nca.py", ("--what", "rollout")),
        *memory_programs("rollout", "basin", ("recomputed", "checkpointed")),
        *memory_programs("torch_nca.py", TORCH, ("memory",)),
    ],
    "metanca": [
        Program("basin", "metanca"),
        Program(TUNED_TORCH, "torch_metanca.py"),
    ],
    "start": [
        Program("basin", "start", spawned=True),
        Program(TORCH, "torch_start.py", spawned=True),
    ],
}
ONE_THREAD = ("solver", "ten", "start")  # nothing in them has use for a second


@dataclasses.dataclass(frozen=True)
class Goal:
    """For one and for two threads: a ratio to a peer, or where there is no peer the most that basin may take."""

    work: str
    one: float
    two: float
    peer: str = ""
    variants: tuple = ()  # of the peer; none: all that it has
    peer_work: str = ""  # where the peer is compared in another work

    def value(self, threads):
        return self.one if threads == 1 else self.two


def goals_of_conv():
    goals = []
    for features in (16, 32, 48, 64):
        for work, to_onednn in (("forward", 0.95), ("input gradient", 0.95), ("weight gradient", 0.90)):
            name = f"conv {work}, C = {features}"
            goals.append(Goal(name, to_onednn, to_onednn, "oneDNN"))
            goals.append(Goal(name, 1.0, 1.0, TUNED_TORCH, ("mkldnn", "mkldnn, channels last")))
    for features in (32, 48, 64):
        for work in ("forward", "input gradient"):
            goals.append(Goal(f"conv {work}, weights prepared, C = {features}", 1.3, 1.3, "oneDNN",
                              peer_work=f"conv {work}, C = {features}"))
    for work, to_onednn in (("forward", 1.8), ("input gradient", 3.2), ("weight gradient", 1.1)):
        goals.append(Goal(f"conv {work}, C = 8", to_onednn, to_onednn, "oneDNN"))
    for kind, features, to_torch in (("conv over 1 axis", 32, 1.5), ("conv over 3 axes", 16, 1.5),
                                     ("dilated conv", 32, 1.5), ("depthwise conv", 32, 3), ("transposed conv", 32, 1.5)):
        for work in ("forward", "input gradient", "weight gradient"):
            goals.append(Goal(f"{kind} {work}, C = {features}", to_torch, to_torch, TUNED_TORCH))
    return goals


def goals_of_attention():
    works = [f"{work}, length {length}" for length in (64, 256)
             for work in ("attention block forward", "attention block gradient",
                          "training step of a model of characters")]
    return [Goal(work, 1.5, 1.5, TUNED_TORCH) for work in (*works, "RmsNorm forward, width 128")]


def goals_of_equilibria():
    goals = []
    # For C = 16 and C = 48.
    for features, cell, forward, overhead in ((16, 1.8, (4, 6), 15), (48, 1.3, (2, 3), 8)):
        ending = f", C = {features}"
        goals.append(Goal("f(z, u) = tanh(conv(z) + u)" + ending, cell, cell, TUNED_TORCH))
        goals.append(Goal("vjp of f" + ending, cell, cell, TUNED_TORCH))
        goals.append(Goal("Anderson forward" + ending, *forward, "TorchDEQ"))
        goals.append(Goal("Anderson forward, overhead" + ending, overhead, overhead))
    for features, anderson, broyden, by_hand, steps in ((16, 5, 12, 3, 2.2), (48, 3, 6, 1.5, 1.9)):
        ending = f", C = {features}"
        goals.append(Goal("training step by Anderson" + ending, anderson, anderson, "TorchDEQ", ("anderson",)))
        goals.append(Goal("training step by Anderson" + ending, broyden, broyden, "TorchDEQ", ("broyden",)))
        goals.append(Goal("training step by Picard" + ending, by_hand, by_hand, TUNED_TORCH))
        goals.append(Goal("training step through 30 steps" + ending, steps, steps, TUNED_TORCH))
        goals.append(Goal("memory of a training step" + ending, 10, 10, TORCH,
                          peer_work="memory of a training step through 30 steps" + ending))
        goals.append(Goal("memory of a training step through 30 steps" + ending, 5, 5, TORCH))
    return goals


def goals_of_solver():
    goals = []
    for size, ratio, overhead in ((100, 5, 1), (1000, 1.7, 4), (10000, 4, 60)):
        goals.append(Goal(f"fixed point of tanh(W z + b), n = {size}", ratio, ratio, "KINSOL"))
        goals.append(Goal(f"solver overhead an evaluation, n = {size}", overhead, overhead))
    return goals


HALF = "automaton step a cell, 8 x 72 x 72, half fire"
ALL = "automaton step a cell, 8 x 72 x 72, all fire"
LARGE = "automaton step a cell, 1 x 1024 x 1024, half fire"
ITERATION = "automaton training iteration"
GOALS = [
    *goals_of_conv(),
    *goals_of_attention(),
    *goals_of_equilibria(),
    *goals_of_solver(),
    Goal(HALF, 5, 6, TUNED_TORCH, ("plain",)),
    Goal(HALF, 3, 3, TUNED_TORCH, ("fired gathered",)),
    Goal(HALF, 86, 44),
    Goal(ALL, 2, 2, TUNED_TORCH, ("plain",)),
    Goal(LARGE, 92, 47),
    Goal(ITERATION, 3, 3, TUNED_TORCH),
    Goal(ITERATION, 1.0, 0.4),
    Goal(ITERATION + ", checkpoints", 1 / 1.4, 1 / 1.4, "basin", peer_work=ITERATION),
    Goal("memory of an automaton training iteration", 250, 250),
    Goal("memory of an automaton training iteration, checkpoints", 80, 80),
    *[Goal(f"update of 42,200 weights, hidden {hidden}", 2.5, 4, TUNED_TORCH, ("factored",)) for hidden in (8, 16)],
    *[Goal(f"ten updates, task loss and gradient, hidden {hidden}", 2.2, 3.5, TUNED_TORCH, ("factored",))
      for hidden in (8, 16)],
    Goal("time from start to first result", 10, 10),
    Goal("memory from start to first result", 20, 20),
]


@dataclasses.dataclass
class Measured:
    """What the rounds gave for one work of one variant of one program on so many threads."""

    unit: str
    values: list
    details: dict

    @property
    def median(self):
        return statistics.median(self.values)

    @property
    def spread(self):
        return [min(self.values), max(self.values)]


@dataclasses.dataclass(frozen=True)
class Key:
    work: str
    peer: str
    variant: str
    threads: int


class Comparison:
    def __init__(self, options):
        self.options = options
        self.measured = {}
        self.works = collections.defaultdict(dict)  # group -> works in order
        self.versions = {}
        self.ten = ten_table.TenTable()
        self.failures = []
        self.has_torchdeq = subprocess.run([PYTHON, "-c", "import torchdeq"], capture_output=True).returncode == 0

    def fail(self, message):
        if message not in self.failures:
            self.failures.append(message)
            print(f"compare.py: {message}", file=sys.stderr)

    def run(self):
        with tempfile.TemporaryDirectory() as problems:
            if "solver" in self.options.only:
                subprocess.run([PYTHON, FOLDER / "solver_problem.py", problems], check=True)
            for group in self.options.only:
                for threads in [1] if group in ONE_THREAD else self.options.threads:
                    for number in range(self.options.rounds):
                        for program in GROUPS[group]:
                            self.run_program(group, program, threads, number, problems)
        self.compare_checks()

    def run_program(self, group, program, threads, number, problems):
        if program.peer == "TorchDEQ" and not self.has_torchdeq:
            return
        script = program.file.endswith(".py")
        path = FOLDER / program.file if script else self.options.programs / program.file
        if not path.exists():
            self.fail(f"{group}: {program.file} is not there (expected at {path}), so {program.peer} is missing")
            return
        command = [PYTHON, str(path)] if script else [str(path)]
        command += ["--threads", str(threads), *program.arguments]
        if group == "solver":
            command += ["--folder", problems]
        elif group == "ten":
            command += ["--folder", str(self.options.programs)]  # of the shared library
        if self.options.smoke:
            command += ["--smoke"]
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads), PYTHONDONTWRITEBYTECODE="1")
        environment.pop("GLIBC_TUNABLES", None)
        if program.peer in (TUNED_TORCH, "TorchDEQ"):
            environment["GLIBC_TUNABLES"] = TUNABLES
        print(f"{group}, threads {threads}, round {number + 1} of {self.options.rounds}: {program.name}",
              file=sys.stderr, flush=True)
        times = []
        runs = 1
        if program.spawned and not self.options.smoke:
            runs = 5 if script else 21
        for _ in range(runs):
            status, text, seconds = run_process(command, environment)
            times.append(seconds)
        if status != 0:
            self.fail(f"{group}: {program.name} on {threads} thread(s) ended with status {status}")
        if program.spawned and status == 0:
            self.take(group, program, threads, {"work": "time from start to first result", "unit": "ms",
                                                "variant": "import and first convolution" if script else "",
                                                "value": statistics.median(times) * 1e3})
        for line in text.splitlines():
            try:
                self.take(group, program, threads, json.loads(line))
            except (ValueError, KeyError):
                self.fail(f"{group}: {program.name} printed what is no result: {line[:100]}")

    def take(self, group, program, threads, line):
        if "package" in line:
            self.versions[line["package"]] = line["version"]
            return
        if group == "ten":
            self.ten.take(program.peer, line)
            return
        key = Key(line.pop("work"), program.peer, line.pop("variant"), threads)
        self.works[group][key.work] = None
        unit = line.pop("unit")
        value = line.pop("value")
        measured = self.measured.setdefault(key, Measured(unit, [], {}))
        measured.values.append(value)
        measured.details = line

    def compare_checks(self):
        """Whoever does the same work must have come to the same numbers."""
        for key, measured in self.measured.items():
            check = measured.details.get("check")
            own = self.basin(key.work, key.threads)
            if check is None or own is None or own.details.get("check") is None:
                continue
            expected = own.details["check"]
            tolerance = own.details.get("check_tolerance", 1e-5)
            if abs(check - expected) > tolerance * abs(expected):
                self.fail(f"{key.work}: {key.peer} {key.variant} computed {check:.9g}, basin {expected:.9g}")

    def basin(self, work, threads):
        return self.measured.get(Key(work, "basin", "", threads))

    def best(self, work, peer, variants, threads):
        """The variant of the peer with the lowest value on at most so many threads: its key, or None."""
        candidates = [key for key in self.measured if key.work == work and key.peer == peer
                      and key.threads <= threads and (not variants or key.variant in variants)]
        return min(candidates, key=lambda key: self.measured[key].median, default=None)

    def rows(self):
        rows = []
        for group in self.options.only:
            for work in self.works[group]:
                for threads in [1] if group in ONE_THREAD else self.options.threads:
                    own = self.basin(work, threads)
                    goals = [goal for goal in GOALS if goal.work == work]
                    if own is not None:
                        rows += [self.goal_row(goal, own, threads) for goal in goals]
                        if not goals and all(key.peer == "basin" for key in self.measured if key.work == work):
                            rows.append(row_of(work, None, threads, own))
                    rows += self.plain_rows(work, threads, own, goals)
        return rows

    def goal_row(self, goal, own, threads):
        goal_value = goal.value(threads)
        if not goal.peer:
            row = row_of(goal.work, None, threads, own)
            row.update(goal=goal_value, goal_kind="at most", holds=own.median <= goal_value)
            return row
        key = self.best(goal.peer_work or goal.work, goal.peer, goal.variants, threads)
        if key is None:
            row = row_of(goal.work, ", ".join([goal.peer, *goal.variants]), threads, own)
            row.update(goal=goal_value, goal_kind="at least")
            return row
        name = peer_name(key)
        if goal.peer_work:
            name += f": {goal.peer_work}"
        if key.threads != threads:
            name += f", on {key.threads} thread" + ("s" if key.threads > 1 else "")
        row = row_of(goal.work, name, threads, own, self.measured[key])
        row.update(goal=goal_value, goal_kind="at least", holds=row["ratio"] >= goal_value)
        return row

    def plain_rows(self, work, threads, own, goals):
        """Every variant of every peer that no goal has shown already."""
        shown = {self.best(work, goal.peer, goal.variants, threads) for goal in goals
                 if goal.peer and not goal.peer_work} if own else set()
        return [row_of(work, peer_name(key), threads, own, measured) for key, measured in self.measured.items()
                if key.work == work and key.threads == threads and key.peer != "basin" and key not in shown]


def run_process(command, environment):
    """The exit status, what was printed, and the seconds from start to end."""
    with tempfile.TemporaryFile("w+") as output:
        actions = [(os.POSIX_SPAWN_DUP2, output.fileno(), 1)]
        start = time.perf_counter()
        try:
            process = os.posix_spawn(command[0], command, environment, file_actions=actions)
        except OSError as error:
            print(f"compare.py: {command[0]} cannot be run: {error.strerror}", file=sys.stderr)
            return 127, "", 0.0
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        seconds = time.perf_counter() - start
        output.seek(0)
        return status, output.read(), seconds


def peer_name(key):
    return f"{key.peer}, {key.variant}" if key.variant else key.peer


def row_of(work, peer, threads, own, measured=None):
    row = {"work": work, "peer": peer, "threads": threads, "unit": (own or measured).unit,
           "basin": own.median if own else None, "peer_value": measured.median if measured else None,
           "ratio": None, "goal": None, "goal_kind": None, "holds": None,
           "basin_spread": own.spread if own else None, "peer_spread": measured.spread if measured else None}
    # An overhead may be below zero, by what the measurement is uncertain of; then there is no ratio.
    if own and measured and own.median > 0 and measured.median > 0:
        row["ratio"] = measured.median / own.median
    if own and "share_of_peak" in own.details:
        row["share_of_peak"] = own.details["share_of_peak"]
    row["basin_details"] = own.details if own else None
    row["peer_details"] = measured.details if measured else None
    return row


def number_text(value):
    return "-" if value is None else f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def value_text(value, spread):
    if value is None:
        return "not measured"
    return f"{number_text(value)} ({number_text(spread[0])} to {number_text(spread[1])})"


def cpu_model():
    with open("/proc/cpuinfo") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


def compiler_of(programs):
    """What built the programs, as their build folder says."""
    for folder in programs.parents:
        cache = folder / "CMakeCache.txt"
        if not cache.exists():
            continue
        for line in cache.read_text().splitlines():
            if line.startswith("CMAKE_CXX_COMPILER:"):
                version = subprocess.run([line.split("=", 1)[1], "--version"], capture_output=True, text=True)
                return version.stdout.splitlines()[0]
    return "unknown"


def head_of(comparison):
    options = comparison.options
    versions = ", ".join(f"{package} {version}" for package, version in sorted(comparison.versions.items()))
    return {
        "command": " ".join(["benchmarks/peers/run.sh", *sys.argv[1:]]),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "compiler": compiler_of(options.programs),
        "peers": versions or "none",
        "rounds": options.rounds,
        "smoke": options.smoke,
        "torch_malloc": f"GLIBC_TUNABLES={TUNABLES}",
    }


def markdown_of(head, comparison, rows):
    lines = [f"`{head['command']}`, {head['date']}", "",
             f"{head['cpu']}, {head['cores']} cores; {head['compiler']}; {head['peers']}.", "",
             f"Medians over {head['rounds']} round(s) (lowest to highest). The ratio is the peer's value over basin's: "
             "above 1, basin is better. A goal is the least ratio, or where there is no peer the most that basin may "
             "take; its row has the best of the peer's variants that it names, on as many threads as the row has or "
             f"on fewer. \"{TUNED_TORCH}\" and TorchDEQ ran with `{head['torch_malloc']}`.", ""]
    if head["smoke"]:
        lines += ["**A smoke run: it shows that everything runs, and its times mean nothing.**", ""]
    if not comparison.has_torchdeq and {"solve", "train"} & set(comparison.options.only):
        lines += [f"TorchDEQ was left out, because {PYTHON} cannot import it: it is at "
                  "https://github.com/locuslab/torchdeq; put its folder `torchdeq` on PYTHONPATH.", ""]
    lines += [f"Failed: {failure}" for failure in comparison.failures]
    if comparison.failures:
        lines.append("")
    if rows:
        lines += ["| work | peer | threads | unit | basin | peer | ratio | goal | holds | share of peak |",
                  "|---|---|---|---|---|---|---|---|---|---|"]
    for row in rows:
        goal = "-" if row["goal"] is None else number_text(row["goal"])
        if row["goal_kind"] == "at most":
            goal = f"at most {goal}"
        share = row.get("share_of_peak")
        no_peer = row["peer"] is None
        cells = [row["work"], row["peer"] or "-", str(row["threads"]), row["unit"],
                 value_text(row["basin"], row["basin_spread"]),
                 "-" if no_peer else value_text(row["peer_value"], row["peer_spread"]),
                 number_text(row["ratio"]), goal, {True: "yes", False: "**no**", None: "-"}[row["holds"]],
                 "-" if share is None else f"{100 * share:.0f}%"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines + comparison.ten.markdown()) + "\n"


def write_file(path, text):
    """All of it or nothing: under another name first."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=path.name, delete=False) as file:
        file.write(text)
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)


def read_options():
    parser = argparse.ArgumentParser(prog="benchmarks/peers/run.sh", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, metavar="FILE", help="write all results to this file, as JSON")
    parser.add_argument("--markdown", type=pathlib.Path, metavar="FILE", help="write the table to this file as well")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds, 1 or more (default: 3; of a smoke run: 1)")
    parser.add_argument("--threads", type=int, nargs="+", choices=(1, 2), default=[1, 2],
                        help="(default: both; the best of a peer is over these)")
    parser.add_argument("--only", nargs="+", choices=tuple(GROUPS), default=list(GROUPS), help="(default: all)")
    parser.add_argument("--smoke", action="store_true", help="show only that everything runs: times mean nothing")
    parser.add_argument("--check", action="store_true", help="only check the options")
    parser.add_argument("--programs", type=pathlib.Path, metavar="FOLDER",
                        default=ROOT / "build/release/benchmarks/peers", help="where the C++ programs are")
    options = parser.parse_args()
    if options.rounds is None:
        options.rounds = 1 if options.smoke else 3
    if options.rounds < 1:
        parser.error(f"--rounds is {options.rounds}, expected 1 or more")
    for name in ("out", "markdown"):
        path = getattr(options, name)
        if path is not None and not path.resolve().parent.is_dir():
            parser.error(f"--{name} is {path}, expected a file in a folder that exists")
    options.programs = options.programs.resolve()
    options.threads = sorted(set(options.threads))
    options.only = [group for group in GROUPS if group in options.only]
    return options


def main():
    options = read_options()
    if options.check:
        return
    comparison = Comparison(options)
    comparison.run()
    rows = comparison.rows()
    head = head_of(comparison)
    table = markdown_of(head, comparison, rows)
    print(table, end="")
    if options.markdown:
        write_file(options.markdown, table)
    if options.out:
        document = {**head, "failures": comparison.failures, "rows": rows, "ten": comparison.ten.rows()}
        write_file(options.out, json.dumps(document, indent=1) + "\n")
    sys.exit(1 if comparison.failures else 0)


main()
