"""Makes the source of the site from the pages: python3 pages.py <root of the project> <folder> <site>

The pages are written to be read where they lie, too. In the copy

  - the links of docs/README.md, under its headings, are the navigation
  - CHANGELOG.md, CONTRIBUTING.md and SECURITY.md are pages, and links to other files outside docs/ lose their target
  - names of the library in code type lead to the API reference, if <folder>/api.tag is there, once on a page each
  - the page of the playground opens with it, if <folder>/pages/play is there
"""

import json
import pathlib
import re
import sys
import xml.etree.ElementTree as xml

ROOT_PAGES = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md", "SECURITY.md": "security.md"}
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
FENCE = re.compile(r"^(```|~~~)")


def title_of(text, otherwise):
    match = re.search(r"^# (.+)$", text, re.MULTILINE)
    return match[1] if match else otherwise


def api_names(tag_file):
    """Where names and headers of the library are explained."""
    if not tag_file.exists():
        return {}
    places, functions = {}, {}
    for compound in xml.parse(tag_file).getroot():
        kind, name = compound.get("kind"), compound.findtext("name")
        page = compound.findtext("filename")
        if kind == "file":
            places[(compound.findtext("path") or "").removeprefix("basin/") + name] = page + ".html"
        elif kind in ("class", "struct", "concept") and name.startswith("basin::") and "<" not in name:
            places[name.removeprefix("basin::")] = page if page.endswith(".html") else page + ".html"
        elif kind == "namespace" and name == "basin":
            for member in compound.findall("member"):
                where = f"{member.findtext('anchorfile')}#{member.findtext('anchor')}"
                functions.setdefault(member.findtext("name"), where)
    return {**functions, **places}


def relinked(text, where, root, staged):
    """Links as the site has them; `where` is the folder of the page, from the root."""

    def one(match):
        picture, words, target = match.groups()
        if re.match(r"[a-z]+:|#", target):
            return match[0]
        path, _, anchor = target.partition("#")
        full = (root / where / path).resolve().relative_to(root.resolve()).as_posix()
        if full in ROOT_PAGES:
            site_path = ROOT_PAGES[full]
        elif full in ("README.md", "docs", "docs/README.md"):
            site_path = "index.md"
        elif full.startswith("docs/"):
            site_path = full.removeprefix("docs/")
        else:
            return words
        ups = "../" * (staged.count("/"))
        return f"{picture}[{words}]({ups}{site_path}{'#' + anchor if anchor else ''})"

    return LINK.sub(one, text)


def with_api(line, names, seen, ups):
    """The line with code spans that are names of the library as links. Not in headings or links."""
    if line.startswith("#"):
        return line
    links = [m.span() for m in LINK.finditer(line)]

    def one(match):
        code = match[1]
        name = re.sub(r"[<({].*", "", code)
        if name not in names or name in seen or not re.fullmatch(r"[\w./]+", name):
            return match[0]
        if any(a <= match.start() < b for a, b in links):
            return match[0]
        if not (name[0].isupper() or "_" in name or "/" in name or code.endswith("(")):
            return match[0]
        seen.add(name)
        return f"[{match[0]}]({ups}api/{names[name]})"

    return re.sub(r"(?<!`)`([^`\n]+)`(?!`)", one, line)


def page(text, names, staged):
    """Text that Python's markdown reads as GitHub does: a list or a table needs a blank line before it."""
    out, fenced, seen = [], False, set()
    ups = "../" * staged.count("/")
    for line in text.split("\n"):
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            before = out[-1] if out else ""
            begins_list = re.match(r"([-*]|\d+\.) ", line) and before.strip() and \
                not re.match(r"([-*]|\d+\.) |\s", before)
            begins_table = line.startswith("|") and before.strip() and not before.startswith("|")
            if begins_list or begins_table:
                out.append("")
            if not line.startswith("    ") and names:
                line = with_api(line, names, seen, ups)
        out.append(line)
    return "\n".join(out)


def navigation(readme, docs):
    """[{heading: [{title: page}, ...]}, ...] from the lists under the headings of docs/README.md"""
    nav = [{"Home": "index.md"}]
    for line in readme.split("\n"):
        heading = re.match(r"## (.+)", line)
        if heading:
            nav.append({heading[1]: []})
            continue
        item = re.match(r"- \[([^\]]+)\]\(([\w./-]+\.md)\)", line)
        if item and len(nav) > 1:
            path = item[2]
            if path.startswith("../"):
                nav[-1][next(iter(nav[-1]))].append({item[1]: ROOT_PAGES[path[3:]]})
            else:
                nav[-1][next(iter(nav[-1]))].append({title_of((docs / path).read_text(), item[1]): path})
    return [entry for entry in nav if next(iter(entry.values()))]


def main():
    root, out, site = (pathlib.Path(a).resolve() for a in sys.argv[1:])
    docs, pages = root / "docs", out / "pages"
    names = api_names(out / "api.tag")
    sources = [(p, p.relative_to(root).parent, p.relative_to(docs).as_posix())
               for p in sorted(docs.rglob("*.md"))]
    sources += [(root / name, pathlib.Path("."), staged) for name, staged in ROOT_PAGES.items()]
    for source, where, staged in sources:
        staged = "index.md" if staged == "README.md" else staged
        text = page(relinked(source.read_text(), where, root, staged), names, staged)
        if staged == "playground.md":
            play = '<iframe class="playground" src="play/index.html" title="The playground"></iframe>\n\n' \
                   "[The playground by itself](play/index.html){ .md-button }" if (pages / "play").exists() else \
                   "*This copy of the site was built without em++ (emscripten), so the playground is not in it.*"
            text = re.sub(r"^(# .+)$", lambda m: f"{m[1]}\n\n{play}", text, count=1, flags=re.MULTILINE)
        target = pages / staged
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    for picture in (docs / "images").iterdir():
        (pages / "images").mkdir(exist_ok=True)
        (pages / "images" / picture.name).write_bytes(picture.read_bytes())
    (pages / "site.css").write_bytes((docs / "site/site.css").read_bytes())
    nav = navigation((docs / "README.md").read_text(), docs)
    if names:
        nav.append({"API": "api/index.html"})
    # JSON is YAML.
    (out / "mkdocs.yml").write_text(json.dumps({"INHERIT": str(docs / "site/mkdocs.yml"), "docs_dir": str(pages),
                                                "site_dir": str(site), "nav": nav}, indent=1))


if __name__ == "__main__":
    main()
