"""Checks the pages: python3 check.py <root of the project> [<site> <warnings of doxygen>]

Of the sources: relative links and their anchors lead somewhere, every page of docs/ is in the list of docs/README.md,
pages that headers name exist, fenced blocks of C++ are compiled by some test, and options of programs exist.
Of the site: every link and anchor inside it leads somewhere, and every public name of the library has a comment.
Addresses elsewhere are not fetched.
"""

import html
import pathlib
import re
import sys
import urllib.parse

# Options of other programs than ours.
OTHER_OPTIONS = {"--help", "--version", "--preset", "--target", "--build", "--install", "--prefix", "--output-on-failure",
                 "--cflags", "--parallel", "--directory", "--strict", "--test-dir", "--overlay-ports"}
# Blocks "```c++" and "```c", which are not compiled by tests/checks/pages.cmake: the test that does.
TESTED_ELSEWHERE = {"docs/into_a_program.md": "tests/examples/basin_export.sh"}

faults = []


def fault(where, what):
    faults.append(f"{where}: {what}")


def slugs(text):
    """The anchors that GitHub gives to the headings of a page."""
    found, fenced = {}, False
    for line in text.split("\n"):
        if line.startswith("```"):
            fenced = not fenced
        match = None if fenced else re.match(r"#{1,6} (.+)", line)
        if match:
            words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", match[1])
            slug = re.sub(r"[^\w\- ]", "", words.lower()).strip().replace(" ", "-")
            found[slug] = found.get(slug, -1) + 1
    return {slug if i == 0 else f"{slug}-{i}" for slug, count in found.items() for i in range(count + 1)}


def blocks(text):
    """(language, lines) of fenced blocks, and ("", lines) of indented ones."""
    fenced = None
    indented = []
    for line in text.split("\n") + [""]:
        match = re.match(r"```(\S*)", line)
        if match and fenced is None:
            fenced = (match[1], [])
        elif match:
            yield fenced
            fenced = None
        elif fenced is not None:
            fenced[1].append(line)
        elif line.startswith("    "):
            indented.append(line[4:])
        elif indented:
            yield ("", indented)
            indented = []


def compiled_by(test, page, language, code):
    """Whether the text of a test takes this block of the page: it says 'listed <language> <words that the block has>'."""
    taken = re.findall(r"^listed (\S+) (?:'([^']+)'|(\S+)) >", test, flags=re.MULTILINE)
    return page in test and any(kind == language and (quoted or word) in code for kind, quoted, word in taken)


def source_of(root, name):
    """All text that may define the options of a program."""
    files = [root / f"examples/{name}.cpp", *(root / "examples" / name).rglob("*"), *(root / "examples/support").glob("*")]
    return "".join(f.read_text(errors="ignore") for f in files if f.is_file())


def check_sources(root):
    pages = [p for p in [*root.glob("*.md"), *(root / "docs").rglob("*.md"), *(root / "examples").rglob("*.md"),
                         *(root / ".packaging").rglob("*.md")] if "build" not in p.relative_to(root).parts]
    texts = {p: p.read_text() for p in pages}
    programs = {p.stem for p in (root / "examples").glob("*.cpp")}
    everywhere = "".join(f.read_text(errors="ignore") for folder in ("examples", "benchmarks", "tests", ".packaging", "docs",
                         ".ci") for f in (root / folder).rglob("*")
                         if f.suffix in (".cpp", ".hpp", ".sh", ".py", ".cmake", ".txt", "") and f.is_file())
    listed = set(re.findall(r"\]\(([\w./-]+\.md)\)", texts[root / "docs/README.md"]))
    options_of = {}
    for path, text in texts.items():
        where = path.relative_to(root).as_posix()
        plain = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        for target in re.findall(r"\]\(([^()\s]+)\)", plain):
            if re.match(r"[a-z]+:", target):
                continue
            file, _, anchor = target.partition("#")
            to = (path.parent / urllib.parse.unquote(file)).resolve() if file else path
            if not to.exists():
                fault(where, f"links to {target}, which is not there")
            elif anchor and to.suffix == ".md" and anchor not in slugs(texts.get(to) or to.read_text()):
                fault(where, f"links to {target}, where no heading has that anchor")
        if path.parent == root / "docs" and path.name != "README.md" and path.name not in listed:
            fault(where, "is not in the list of docs/README.md")
        program = path.stem if path.stem in programs and path.parent == root / "docs" else None
        for language, lines in blocks(text):
            code = "\n".join(lines)
            if language == "cpp" and path.parent != root / "docs" and path != root / "README.md":
                fault(where, "has a block ```cpp, which tests/checks/pages.cmake compiles in README.md and docs/*.md only")
            if language in ("c++", "c"):
                test = TESTED_ELSEWHERE.get(where)
                if test is None or not compiled_by((root / test).read_text(), path.name, language, code):
                    fault(where, f"has a block ```{language} that no test compiles; ```cpp with a main() is compiled")
            if language and language not in ("cpp", "c++", "c", "sh", "python", "cmake", "text", "html", "json", "console"):
                fault(where, f"has a block of the language {language}, expected cpp, sh, python, cmake, json, html or text")
        for line in text.split("\n"):
            run = re.search(r"run\.sh (\w+)|examples/(\w+)(?= )", line)
            name = next((g for g in (run.groups() if run else ()) if g in programs), None) or program
            if name is None and re.search(r"examples/run\.sh (--|\[)", line):
                name = "deq_digits"
            for option in re.findall(r"(?<![\w-])(--[a-z][a-z0-9-]+)", line):
                if option in OTHER_OPTIONS:
                    continue
                if name is not None and name not in options_of:
                    options_of[name] = source_of(root, name)
                said = re.compile(re.escape(option) + r"(?![\w-])|\"" + re.escape(option[2:]) + '"')
                if name is not None and said.search(options_of[name]):
                    continue
                if said.search(everywhere) and (name is None or run is None):
                    continue
                fault(where, f"has the option {option}" + (f", which {name} does not have" if name else
                                                           ", which no program has"))
    for header in (root / "include").rglob("*.hpp"):
        for named in re.findall(r"(?<![\w/])docs/[\w./-]+\.md", header.read_text()):
            if not (root / named).is_file():
                fault(header.relative_to(root).as_posix(), f"names {named}, which is not there")
    return len(pages)


# Which doxygen 1.9.4 links to where it made no such list.
DOXYGEN_ANCHORS = {"nested-classes", "concepts"}
ANCHOR = re.compile(r"""\b(?:id|name)=["']?([^"'\s>]+)""")
TARGET = re.compile(r"""<(?:a|link|img|script|iframe|source)\b[^>]*?\s(?:href|src)=(?:"([^"]*)"|'([^']*)'|([^\s>]+))""")


def check_site(site):
    texts, anchors = {}, {}
    for file in site.rglob("*.html"):
        texts[file] = file.read_text(errors="ignore")
    count = 0
    for file, text in texts.items():
        where = file.relative_to(site).as_posix()
        if where == "404.html":
            continue
        for groups in set(TARGET.findall(text)):
            target = html.unescape(next((g for g in groups if g), ""))
            if not target or re.match(r"[a-z]+:|//", target):
                continue
            count += 1
            path, _, anchor = target.partition("#")
            path = urllib.parse.unquote(path.split("?")[0])
            to = (file.parent / path).resolve() if path else file
            if to.is_dir():
                to = to / "index.html"
            if not to.exists():
                fault(where, f"links to {target}, which is not there")
            elif anchor and to.suffix == ".html" and anchor not in DOXYGEN_ANCHORS:
                if to not in anchors:
                    anchors[to] = {html.unescape(a) for a in ANCHOR.findall(texts.get(to) or to.read_text(errors="ignore"))}
                if urllib.parse.unquote(anchor) not in anchors[to]:
                    fault(where, f"links to {target}, where nothing has that name")
    return count


def check_comments(warnings):
    """Names without a comment, and other warnings of doxygen."""
    for line in warnings.read_text().split("\n"):
        match = re.match(r".*?/headers/(\S+?):(\d+): warning: (.*)", line)
        if match is not None and "potential recursive class relation" not in line:
            where, number, what = match.groups()
            fault(f"include/{where}:{number}", what)


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    said = f"{check_sources(root)} pages"
    if len(sys.argv) > 2:
        said += f", {check_site(pathlib.Path(sys.argv[2]).resolve())} links of the site"
        check_comments(pathlib.Path(sys.argv[3]))
    if faults:
        print("\n".join(faults), file=sys.stderr)
        sys.exit(f"{len(faults)} faults in {said}")
    print(f"{said}: no fault")


if __name__ == "__main__":
    main()
