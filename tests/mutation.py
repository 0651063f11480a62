#!/usr/bin/env python3
"""Changes the library in one place at a time, and sees whether a test notices.

    python3 tests/mutation.py [--sample 200] [--seed 1] [--jobs 2] [--tests 12] [--floor nca] [--log FILE] [--again FILE]

Each mutant is include/ with one operator or one number changed. It is compiled, without optimization, into the tests
that cover its header, the closest first: that of its name, those that include it, those of its floor, and then others that
come to include it, twelve at most. The first that fails kills it; one that compiles nowhere is no mutant, and another is drawn.
What lives is asked again under the address and undefined behaviour sanitizers, by the three closest tests: a loop that
reads one number too many often changes no result.
Mutants that live are printed: each is a test that is missing, or a place where nothing can be seen (a size of blocks).

Needs clang++ and Catch2 2 with its library for main(); takes about half a minute a mutant and core.
"""

import argparse
import concurrent.futures
import os
import pathlib
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
FLAGS = ["-std=c++20", "-O0", "-w", "-ftrapping-math", f"-I{ROOT}/tests", "-isystem", "/usr/include/eigen3"]
SANITIZED = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-D_GLIBCXX_ASSERTIONS"]
LIBRARIES = ["-lz", "-lgif", "-lpng"]

# clang-format puts spaces around binary operators, and none around the brackets of templates.
OPERATORS = {" + ": " - ", " - ": " + ", " * ": " / ", " / ": " * ", " < ": " <= ", " <= ": " < ", " > ": " >= ",
             " >= ": " > ", " == ": " != ", " != ": " == ", " && ": " || ", " || ": " && ", " += ": " -= ",
             " -= ": " += ", "++": "--", "std::min": "std::max", "std::max": "std::min", "true": "false",
             "false": "true"}
SITE = re.compile("|".join([re.escape(o) for o in sorted(OPERATORS, key=len, reverse=True) if o.startswith(" ")] +
                           [r"\+\+", r"\bstd::(?:min|max)\b(?=[(<])", r"\b(?:true|false)\b",
                            r"(?<![\w.\"'<])\d+\.?\d*(?:e-?\d+)?(?![\w.>])"]))


def blanked(text):
    """The text with comments, literals, and lines that only the compiler reads, as spaces."""
    def spaces(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    text = re.sub(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])'", spaces, text, flags=re.S)
    text = re.sub(r"^\s*#[^\n]*", spaces, text, flags=re.M)
    text = re.sub(r"static_assert\([^;]*;", spaces, text)
    text = re.sub(r"^\s*template <[^\n]*", spaces, text, flags=re.M)
    return re.sub(r"(?:operator|requires|concept|using|noexcept)\b[^\n]*", spaces, text)


def changed(token):
    if token in OPERATORS:
        return OPERATORS[token]
    if re.fullmatch(r"\d+", token):
        return str(int(token) + 1)
    return f"({token} * 2)" if float(token) != 0 else "1.0"


def sites(floor):
    """All places: (header, offset, token), headers as paths under include/."""
    for header in sorted((ROOT / "include/basin").rglob("*.hpp")):
        name = header.relative_to(ROOT / "include")
        if floor and name.parts[1] != floor:
            continue
        for match in SITE.finditer(blanked(header.read_text())):
            yield str(name), match.start(), match.group(0)


def includes():
    """For each header and test: what it includes itself, as paths under include/."""
    found = {}
    for folder in ("include", "tests"):
        for path in (ROOT / folder).rglob("*.[hc]pp"):
            key = str(path.relative_to(ROOT / "include")) if folder == "include" else str(path.relative_to(ROOT))
            found[key] = set(re.findall(r"#include [\"<](basin/[^\">]+)", path.read_text()))
    return found


class Cover:
    """Which tests to ask about a header."""

    def __init__(self):
        self.direct = includes()
        self.tests = sorted(str(p.relative_to(ROOT)) for p in (ROOT / "tests").rglob("test_*.cpp"))
        self.reached = {test: self.reach(test) for test in self.tests}

    def reach(self, test):
        seen, todo = set(), [test]
        while todo:
            for header in self.direct.get(todo.pop(), ()):
                if header not in seen:
                    seen.add(header)
                    todo.append(header)
        return seen

    def of(self, header):
        stem, floor = pathlib.Path(header).stem, pathlib.Path(header).parts[1]

        def distance(test):
            if pathlib.Path(test).stem == "test_" + stem:
                return 0
            if header in self.direct[test]:
                return 1
            return 2 if test.startswith(f"tests/{floor}/") else 3
        return sorted((t for t in self.tests if header in self.reached[t]), key=lambda t: (distance(t), t))


class Builder:
    def __init__(self, work, flags=()):
        self.work = pathlib.Path(work)
        self.work.mkdir(exist_ok=True)
        self.flags = [*FLAGS, *flags]
        (self.work / "pch.hpp").write_text("#include <catch2/catch.hpp>\n#include <Eigen/Core>\n")
        (self.work / "main.cpp").write_text("#define CATCH_CONFIG_MAIN\n#include <catch2/catch.hpp>\n")
        self.call([*self.flags, "-x", "c++-header", str(self.work / "pch.hpp"), "-o", str(self.work / "pch.pch")])
        self.objects = []
        for source in [self.work / "main.cpp", *sorted((ROOT / "tests/support").glob("*.cpp"))]:
            self.objects.append(str(self.work / (source.stem + ".o")))
            self.call([*self.flags, f"-I{ROOT}/include", "-c", str(source), "-o", self.objects[-1]])

    @staticmethod
    def call(arguments):
        subprocess.run(["clang++", *arguments], check=True)

    def verdict(self, test, overlay):
        """'killed', 'lives' or 'no mutant'."""
        program = overlay / "test"
        built = subprocess.run(
            ["clang++", *self.flags, "-include-pch", str(self.work / "pch.pch"), f"-I{overlay}", f"-I{ROOT}/include",
             str(ROOT / test), *self.objects, *LIBRARIES, "-o", str(program)], capture_output=True)
        if built.returncode != 0:
            return "no mutant"

        def limits():  # what allocates or writes without end is noticed; the sanitizers reserve terabytes of addresses
            if self.flags == FLAGS:
                resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))
        try:
            ran = subprocess.run([str(program)], cwd=overlay, capture_output=True, timeout=180 if self.flags == FLAGS else 600, preexec_fn=limits)
        except subprocess.TimeoutExpired:
            return "killed"
        return "lives" if ran.returncode == 0 else "killed"


def judge(builder, sanitized, cover, site, most):
    """(what became of the mutant, the test that killed it), by the `most` closest tests"""
    header, offset, token = site
    with tempfile.TemporaryDirectory(dir=builder.work) as folder:
        overlay = pathlib.Path(folder)
        text = (ROOT / "include" / header).read_text()
        (overlay / header).parent.mkdir(parents=True)
        (overlay / header).write_text(text[:offset] + changed(token) + text[offset + len(token):])
        for number, test in enumerate(cover.of(header)[:most]):
            verdict = builder.verdict(test, overlay)
            if verdict == "killed" or (verdict == "no mutant" and number == 0):
                return verdict, test
        for test in cover.of(header)[:3]:
            if sanitized.verdict(test, overlay) == "killed":
                return "killed", test + ", under the sanitizers"
    return "lives", ""


def place(site):
    """'include/basin/core/shape.hpp:12: '+' -> '-''"""
    header, offset, token = site
    line = (ROOT / "include" / header).read_text().count("\n", 0, offset) + 1
    return f"include/{header}:{line}: '{token.strip()}' -> '{changed(token).strip()}'"


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sample", type=int, default=200)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--jobs", type=int, default=os.cpu_count())
    options.add_argument("--tests", type=int, default=12, help="the most that are asked about a mutant")
    options.add_argument("--floor", help="only headers of this folder of include/basin")
    options.add_argument("--log", help="every mutant and what became of it")
    options.add_argument("--again", help="only those that live according to this log")
    chosen = options.parse_args()
    if shutil.which("clang++") is None:
        sys.exit("mutation.py: needs clang++")
    drawn = list(sites(chosen.floor))
    random.Random(chosen.seed).shuffle(drawn)
    if chosen.again:
        lived = re.findall(r"^lives: (.*?' -> '.*?')", pathlib.Path(chosen.again).read_text(), flags=re.M)
        drawn = [site for site in drawn if place(site) in lived]
    cover, counts = Cover(), {"killed": 0, "lives": 0, "no mutant": 0}
    with tempfile.TemporaryDirectory() as work, open(chosen.log or os.devnull, "w") as log, \
            concurrent.futures.ThreadPoolExecutor(chosen.jobs) as pool:
        builder, sanitized = Builder(work + "/plain"), Builder(work + "/sanitized", SANITIZED)
        waiting, todo = {}, iter(drawn)
        while counts["killed"] + counts["lives"] < chosen.sample:
            # No more at once than are still needed, so that which ones are judged does not depend on their time.
            while len(waiting) < min(chosen.jobs, chosen.sample - counts["killed"] - counts["lives"]):
                site = next(todo, None)
                if site is None:
                    break
                waiting[pool.submit(judge, builder, sanitized, cover, site, chosen.tests)] = site
            if not waiting:
                break
            for done in concurrent.futures.wait(waiting, return_when=concurrent.futures.FIRST_COMPLETED).done:
                header, offset, token = waiting.pop(done)
                verdict, test = done.result()
                counts[verdict] += 1
                text = (ROOT / "include" / header).read_text()
                line = text.splitlines()[text.count("\n", 0, offset)].strip()
                told = f"{verdict}: {place((header, offset, token))}  {line}  {test}"
                print(told, file=log, flush=True)
                if verdict == "lives":
                    print(told, flush=True)
    judged = counts["killed"] + counts["lives"]
    print(f"{counts['killed']} of {judged} mutants killed ({100 * counts['killed'] / max(1, judged):.1f}%), of "
          f"{len(drawn)} places; {counts['no mutant']} more did not compile")


if __name__ == "__main__":
    main()
