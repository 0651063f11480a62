"""Copies the headers of the library for doxygen: python3 api_comments.py <include/basin> <folder>

The sources keep comments as people read them: plain text, a head on top of each file that explains what is in it, and
nothing on members that mean what the concepts of the library say that they mean. doxygen wants a block at each name. So
each declaration that has none gets one in the copy, the first of these that there is:

  - the comment in front of it, or the remark at the end of its line (of a type: behind its opening brace)
  - for a type that its file is named after, the head of the file
  - for another name at the level of the namespace, its row of a table of the head, else what the declaration on the line
    before it has, else the paragraphs of the head that speak of it
  - for constructors and assignments that copy or move, that they do, or that there is none
  - for an overload of a function, what the first one with a comment has; constructors take nothing from one another
  - for a further name of one declaration (int a, b), the comment that stands at it
  - for a member that a concept asks for, what the concept says of it; also in front of a comment that says no more than
    what it throws, or begins with "Also"

Classes that are private members of others and defined outside of those are left out: doxygen takes them for public.
Line numbers and code stay as they are.
"""

import pathlib
import re
import sys

# What the members mean that the concepts of the library ask for (core/layer.hpp and the headers that are named): those
# that are static constexpr, types, and functions. Data members of these names mean something else.
CONSTANTS = {
    "in_features": "The number of features that the layer takes, or any_features (basin::Layer).",
    "out_features": "The number of features that the layer gives, or any_features: as many as it takes (basin::Layer).",
    "state_features": "The number of features of the state z (basin::Cell).",
    "input_features": "The number of features of the injection u (basin::Cell).",
    "param_count": "How many numbers of theta are this one's (basin::Layer).",
    "weight_count": "How many of the parameters are weights; they come first, biases follow.",
    "changes_with_step": "Whether it is another map at each step, as with random masks: then it has no fixed point.",
    "name": "The name by which a program chooses it (core/choice.hpp).",
    "answers": "How many numbers the rule gives for a state of this many features (nca/update.hpp).",
    "taps": "The cells that it reads, relative to the centre, with their weights (stencil/stencil.hpp).",
    "seen_features": "How many numbers a cell sees: the input of the rule (nca/perception.hpp).",
    "random": "Whether the mask is another one at each step (nca/fire.hpp).",
    "may_be_moved": "Whether the method goes on rightly from a state that was moved into bounds "
                    "(fixed_point/projected.hpp).",
    "whole_samples": "Whether a cell may see all of its sample (nca/perception.hpp).",
    "reach": "How far a cell sees along x, y and z, in cells (nca/perception.hpp).",
}
TYPES = {
    "Linearization": "The derivative at one point as an operator: jvp, vjp and pullback (basin::Layer, basin::Cell).",
    "Prepared": "What prepare returns.",
    "Memory": "What a solve of one sample remembers; owns nothing (fixed_point/method.hpp).",
    "Sight": "What the cells of a state see (nca/perception.hpp).",
    "Change": "The derivative of what the cells see (nca/perception.hpp).",
    "Spread": "Hands gradients from what cells saw back to those whom they saw (nca/perception.hpp).",
    "Part": "The share of one band of cells.",
    "Edge": "What lies beyond the edge of the grid (stencil/boundary.hpp).",
    "type": "The type that is computed.",
}
FUNCTIONS = {
    "leaves": "Lists its parameters: names, shapes and kinds, in the order of theta (core/parameters.hpp).",
    "out_shape": "The shape of y for an x of this shape. Throws std::invalid_argument for one that it cannot take.",
    "state_shape": "The shape of z for a u of this shape. Throws std::invalid_argument for one that it cannot take.",
    "apply": "Writes the value: y for x, or f(z, u) (basin::Layer, basin::Cell). Throws std::invalid_argument for "
             "shapes that do not fit.",
    "apply_then": "As apply; each block of the output is handed to `then` while it is in cache (basin::Fusible).",
    "linearize": "Writes the value as apply does, and returns the derivative at this point. What it returns refers to "
                 "theta, x and y (basin::Layer, basin::Cell).",
    "linearize_again": "The derivative at a point whose value is there already; nothing is written.",
    "prepare": "What depends on theta alone, made once for many points (core/layer.hpp).",
    "jvp": "Writes J t, J the derivative by x, or of a cell by z.",
    "vjp": "Writes J^T w, J the derivative by x, or of a cell by z.",
    "jvp_input": "Writes (df/du) t.",
    "vjp_input": "Writes (df/du)^T w.",
    "pullback": "Writes J^T w, of a cell (df/du)^T w too, and adds (dy/dtheta)^T w to dtheta, in one pass. What is given "
                "without memory is not computed.",
    "report": "What the solves did when it was linearized.",
    "map": "The value, an expression of Eigen's in the numbers (basin::Pointwise).",
    "slope": "The derivative, in the numbers x and the values y (basin::Pointwise).",
    "step": "Replaces z by the next state, f being f(z). What a bool says: fixed_point/method.hpp.",
    "start": "The memory of a solve of one sample, at its beginning (fixed_point/method.hpp).",
    "take_in": "Sees z and f(z) before step, and returns |f(z) - z| and |f(z)| (fixed_point/method.hpp).",
    "project": "Moves z to where the method allows it to be (fixed_point/method.hpp).",
    "each": "Shows every part under its name, to a file that is written or read (io/checkpoint.hpp).",
    "init": "The state of the optimizer at its first step.",
    "source": "Where a line gets cell i of n from: a number of a cell, or -1 for a zero (stencil/boundary.hpp).",
    "check_border": "Throws std::invalid_argument if a border of this width cannot be made of n cells.",
    "next": "The new state of a cell (nca/update.hpp).",
    "push": "The directional derivative of next (nca/update.hpp).",
    "pull": "The transpose of the derivative of next (nca/update.hpp).",
    "check_shape": "Throws std::invalid_argument for a state that it cannot take.",
    "clear_idle": "Clears the marks of cells that do not update at this step (nca/fire.hpp).",
    "value_and_gradient": "The loss of samples from `first` on, out of a batch; dy is overwritten (train/loss.hpp).",
    "operator==": "Whether all parts are equal.",
    "operator bool": "Whether there is anything.",
    "operator[]": "The element of this number, from 0.",
    "size": "How many there are.",
    "data": "The first number in memory.",
    "reach": "How far a cell sees along x, y and z, in cells (nca/perception.hpp).",
    "band_cells": "How many cells, `least` or more, bands have that can spread side by side if no two of them are "
                  "neighbours (nca/perception.hpp).",
    "factor": "What the update of a cell that fires is multiplied by: 1, but for a mean field (nca/fire.hpp).",
    "Linearization": "What linearize makes, of its arguments or of a part of them.",
    "Sight": "Of the state z, by the parameters theta. May refer to its arguments.",
    "Change": "Of the direction t, at the state z. May refer to its arguments.",
    "Spread": "Adds to dz and dtheta. May refer to its arguments.",
}
COPIED = "Holds what the other holds."
MOVED = "Takes over what the other holds."

TOKEN = re.compile(r"""
    (?P<comment>//[^\n]*) | (?P<directive>^[ \t]*\#(?:[^\n\\]|\\.|\\\n)*) |
    (?P<string>R"(?P<mark>[^(\s]*)\((?:.|\n)*?\)(?P=mark)" | "(?:[^"\\\n]|\\.)*" | \'(?:[^\'\\\n]|\\.)+\'(?!\w)) |
    (?P<newline>\n) | (?P<space>[ \t]+) | (?P<word>[A-Za-z_]\w*) | (?P<number>\d[\w.\']*) | (?P<sign>->|.)""", re.VERBOSE | re.MULTILINE)


def escaped(text):
    text = re.sub(r"([\\@#%])", r"\\\1", text)
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    text = text.replace("&gt;::", "&gt;\\::")
    return re.sub(r"`([^`]*)`", r"<tt>\1</tt>", text)


def block(text_lines):
    """A comment for doxygen on one line, so that lines keep their numbers. Indented lines and lists stay as they are."""
    out, paragraph, table = [], [], []

    def end_paragraph():
        if paragraph:
            # doxygen ends what it shows in lists at a full stop, which that of a name is not.
            out.append(re.sub(r"(?<![\w^])([A-Z]|al|eq)\. ", r"\1.\\ ", escaped(" ".join(paragraph))))
            paragraph.clear()

    def end_table():
        if table:
            out.append("<pre>" + "<br>".join(escaped(line) for line in table) + "</pre>")
            table.clear()

    for line in text_lines:
        if not line.strip():
            end_paragraph()
            end_table()
        elif re.match(r"  +\S", line):
            end_paragraph()
            table.append(line.rstrip())
        else:
            end_table()
            paragraph.append(line.strip())
    end_paragraph()
    end_table()
    return "/** " + " <p>".join(out).strip().replace("*/", "* /") + " */"


def ends_in_requires_expression(text):
    """Whether a brace after this text begins one, rather than the body after a clause requires(...)."""
    while True:
        shorter = re.sub(r"\([^()]*\)", " ", text)
        if shorter == text:
            break
        text = shorter
    match = re.search(r"(\S*)\s*\brequires\s*$", text)
    if not match:
        return False
    return match[1] in ("requires", "=", "!") or match[1] in ("&&", "||") and "requires" in text[:match.start()]


def sentence(row, name):
    """A row of a table, without its name, on one line, as lists of names show no tables."""
    first = re.sub(r"^\s*%s(<[^>]*>)?\s*" % re.escape(name), "", row[0])
    column = len(row[0]) - len(first)
    text = "; ".join(re.split(r"  +", first.strip()))
    for line in row[1:]:
        same = len(line) - len(line.lstrip()) == column
        text += (" " if same else "; ") + "; ".join(re.split(r"  +", line.strip()))
    return re.sub(r"([,:]);", r"\1", text)


class Declaration:
    def __init__(self, at, comment, at_namespace, private):
        self.at, self.comment, self.at_namespace, self.private = at, comment, at_namespace, private
        self.end = at
        self.text = ""       # without bodies, comments and strings
        self.follows = None  # the declaration on the line before, in the same scope
        self.scope = None
        self.others = []     # places and names of further declarators

    def plain(self):
        """The text without template<...> and attributes in front."""
        text = re.sub(r"\[\[[^\]]*\]\]", " ", self.text).strip()
        while True:
            match = re.match(r"template\s*<", text)
            if not match:
                break
            depth, i = 1, match.end()
            while i < len(text) and depth:
                depth += {"<": 1, ">": -1}.get(text[i], 0) if text[i - 1:i + 1] != "->" else 0
                i += 1
            text = text[i:].strip()
        if text.startswith("requires"):
            match = re.search(r"(?:^|[\s)>])(struct|class|using|static|inline|constexpr|explicit|void|auto|[A-Z]\w*(?:<[^()]*>)?)\s+(?![&|<:])[\w~]", text[8:])
            if match:
                text = text[8:][match.start(1):]
        return text

    def bare(self):
        """The text without arguments of templates and types that are computed."""
        text = self.plain()
        for _ in range(5):
            text = re.sub(r"<[^<>]*>", "", text)
        return re.sub(r"\b(decltype|alignas)\s*\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)", "auto", text)

    def name(self):
        text = self.plain()
        if re.match(r"(friend\b(?!.*\boperator\b)|static_assert\b|namespace\b|extern\b)", text):
            return None
        match = re.match(r"using\s+(\w+)\s*=", text)
        if match or text.startswith("using "):
            return match and match[1]
        match = re.match(r"(?:enum\s+)?(?:struct|class|enum|union|concept)\s+(\w+(?:<[^()]*?>(?=::))?(?:::\w+)*)", text)
        if match:
            return match[1].split("::")[-1]
        # A sign, or a blank and the type of a conversion.
        match = re.search(r"\boperator\s*(\(\)|[^\s\w(][^\s(]*|\s\w[^(]*?)\s*\(", text)
        if match:
            return "operator" + match[1]
        text = self.bare()
        match = re.search(r"([~\w]+)\s*\(", re.split(r"[^=!<>]=[^=]", text)[0])
        match = match or re.search(r"(\w+)\s*(?:\[[^\]]*\]\s*)?(?:\{|=|;|$)", text)
        return match and match[1]

    def kind(self):
        text = self.plain()
        if re.match(r"(enum|struct|class|union|concept|using)\b", text):
            return TYPES
        text = self.bare()
        if re.search(r"\boperator\b|\w\s*\(", re.split(r"[^=!<>]=[^=]", text)[0]):
            return FUNCTIONS
        return CONSTANTS if re.match(r"(inline )?static constexpr\b", text) else {}

    def special(self):
        """What a constructor or an assignment does that copies or moves."""
        match = re.match(r"(?:constexpr\s+)?(\w+)\s*\(\s*(const\s+)?\1(?:<[^()]*>)?\s*&&?\s*\w*\s*\)", self.plain()) or \
            re.search(r"\b(operator)=\s*\(\s*(const\b)?[^()]*\)", self.plain())
        if not match:
            return None
        return "Not to be copied." if re.search(r"=\s*delete\s*$", self.text) else COPIED if match[2] else MOVED


class Reader:
    """Reads the declarations of a header at the levels of namespaces and types."""

    def __init__(self, text):
        self.tokens = [(m.lastgroup if m.lastgroup != "mark" else "string", m.group(), m.start())
                       for m in TOKEN.finditer(text)]
        self.at = 0
        self.declarations = []
        self.removed = []  # comments that are written anew
        self.scope(None, object())

    def peek(self):
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "", -1)

    def column(self, at):
        i = at
        while i > 0 and self.tokens[i - 1][0] != "newline":
            i -= 1
        return self.tokens[at][2] - self.tokens[i][2]

    def scope(self, owner, scope, enumerators=False):
        """Up to its closing brace. owner: the type whose members these are, None in a namespace."""
        comment, newlines, previous = [], 0, owner
        private = owner is not None and owner.plain().startswith("class")
        while self.at < len(self.tokens):
            kind, text, offset = self.peek()
            if kind == "space":
                self.at += 1
            elif kind == "newline":
                newlines += 1
                if newlines > 1:
                    comment = []
                self.at += 1
            elif kind == "comment":
                if previous is not None and newlines == 0:
                    column = self.column(self.at)
                    words = []
                    while True:
                        words.append(re.sub(r"^//+<? ?", "", self.peek()[1]))
                        self.removed.append(self.peek())
                        self.at += 1
                        ahead = self.at
                        while ahead < len(self.tokens) and self.tokens[ahead][0] in ("space", "newline") and \
                                sum(t[0] == "newline" for t in self.tokens[self.at:ahead + 1]) < 2:
                            ahead += 1
                        if ahead >= len(self.tokens) or self.tokens[ahead][0] != "comment" or \
                                self.column(ahead) != column or column < 8:
                            break
                        self.at = ahead
                    if not previous.comment:
                        previous.comment = words
                    newlines = 0
                    continue
                comment.append(self.peek())
                newlines = 0
                self.at += 1
            elif kind == "directive":
                previous, newlines = None, 0
                self.at += 1
            elif text == "}":
                self.at += 1
                return
            elif text in ";,":
                self.at += 1
            elif text in ("public", "private", "protected") and self.tokens[self.at + 1][1] == ":":
                comment, previous, private = [], None, text != "public"
                self.at += 2
            else:
                one = Declaration(offset, [re.sub(r"^//+<? ?", "", c[1]) for c in comment],
                                  owner is None, private)
                self.removed += comment
                one.scope = scope
                if previous not in (None, owner) and newlines == 1 and not comment:
                    one.follows = previous
                self.declaration(one, enumerators)
                one.end = self.peek()[2]
                if one.text.startswith("namespace"):
                    previous = None
                else:
                    self.declarations.append(one)
                    previous = one
                comment, newlines = [], 0

    def body(self):
        depth = 0
        while self.at < len(self.tokens):
            text = self.tokens[self.at][1]
            self.at += 1
            depth += (text == "{") - (text == "}")
            if depth == 0:
                return

    def declaration(self, one, enumerators):
        depth = 0
        while self.at < len(self.tokens):
            kind, text, offset = self.peek()
            if kind in ("comment", "directive"):
                self.at += 1
                continue
            if kind == "newline":
                text = " "
            if kind == "string":
                text = '""'
            if depth == 0 and (text == ";" or (enumerators and text == ",")):
                self.at += 1
                return
            if enumerators and text == "}":
                return
            if text == "{" and depth == 0:
                plain = one.plain()
                if re.match(r"(inline\s+)?namespace\b", plain):
                    one.text = "namespace"
                    self.at += 1
                    self.scope(None, object())
                    return
                if re.match(r"(struct|class|union|enum)\b", plain) and "=" not in re.sub(r"<.*>", "", plain):
                    self.at += 1
                    self.scope(one, one, plain.startswith("enum"))
                    continue
                before = one.text[-1:]
                said = plain
                for _ in range(5):
                    said = re.sub(r"<[^<>]*>", "", said)
                function = "(" in said and not re.search(r"[^=!<>]=[^=]", re.sub(r"\([^()]*(\([^()]*\)[^()]*)*\)|operator\S+", "", said))
                self.body()
                if function and before == " " and not ends_in_requires_expression(said):
                    one.text += "{}"
                    return
                one.text += "{}"
                continue
            if text == "{":
                self.body()
                one.text += "{}"
                continue
            depth += (text in "([" and bool(text)) - (text in ")]" and bool(text))
            if text == "," and depth == 0 and not enumerators:
                said = one.plain()
                for _ in range(5):
                    said = re.sub(r"<[^<>]*>", "", said)
                following = [t for t in self.tokens[self.at + 1:self.at + 7] if t[0] not in ("space", "newline")]
                if "<" not in said and not re.match(r"(struct|class|using|concept)\b", said) and len(following) > 1 and \
                        re.match(r"[=;,{]", following[1][1]) and following[0][0] == "word":
                    one.others.append((following[0][2], following[0][1]))
            one.text += text
            self.at += 1


# class Name<...>::Member { ... }
NESTED = re.compile(r"^(?:class|struct)\s+(\w+)(?:<.*>)?::(\w+)\b")


def private_members(text):
    """(class, member) of types that are declared in the private part of a class."""
    return {(one.scope.name(), one.name()) for one in Reader(text).declarations
            if one.private and one.kind() is TYPES and isinstance(one.scope, Declaration)}


def commented(path, text, private):
    head, at = [], text.find("\n//")
    begin = end = at + 1
    if at >= 0:
        while text.startswith("//", end):
            line_end = text.index("\n", end)
            head.append(re.sub(r"^//+ ?", "", text[end:line_end]))
            end = line_end + 1
    paragraphs = [p.split("\n") for p in re.split(r"\n\s*\n", "\n".join(head))] if head else []

    def of_head(name):
        """What the head says of a name: its row of a table, or the paragraphs that speak of it, and whether that is a
        row."""
        if name.lower() == path.stem.replace("_", ""):
            return head, True
        word = re.compile(r"(?<![\w/])%s(?![\w/])" % re.escape(name))
        kept, row = [], False
        for p in paragraphs:
            if not any(word.search(line) for line in p):
                continue
            where = next((i for i, line in enumerate(p) if re.match(r" +%s(?!\w)" % re.escape(name), line)), None)
            if where is None:
                kept += p + [""]
                continue
            indent = len(p[where]) - len(p[where].lstrip())
            last = where + 1
            while last < len(p) and len(p[last]) - len(p[last].lstrip()) > indent:
                last += 1
            kept += [sentence(p[where:last], name), ""]
            row = True
        return kept, row

    reader = Reader(text)
    inserted = [(begin, block(head).replace("/** ", "/** @file\n", 1))] if head else []
    known = {}
    for one in reader.declarations:
        name = one.name()
        if not name:
            continue
        seen = known.setdefault(id(one.scope), {})
        words = one.comment
        if words and re.match(r"(Throws|Also) ", words[0]) and not one.at_namespace and name in one.kind():
            words = [re.sub(r"(^| )Throws .*", "", one.kind()[name])] + words
        one.said = bool(words)
        if not words and one.at_namespace:
            of_it, row = of_head(name)
            words = of_it if row or one.follows is None else one.follows.comment or of_it
        of_class = not one.at_namespace and isinstance(one.scope, Declaration) and name == one.scope.name()
        special = None if words or one.at_namespace else one.special()
        if special:
            words = [special]
        if not words and not of_class:
            words = seen.get(name)
        nested = NESTED.match(one.plain()) if one.at_namespace else None
        if not words and (not one.at_namespace or nested):
            words = [one.kind()[name]] if name in one.kind() else None
        one.comment = words
        if nested and (nested[1], nested[2]) in private:
            inserted += [(one.at, "/** @cond */ "), (one.end, " /** @endcond */")]
        elif words:
            if not special and not of_class:  # no overload has it too
                seen.setdefault(name, words)
            inserted.append((one.at, block(words) + " "))
        for at, other in one.others:  # int a = 0, b = 1;
            words = one.comment if one.at_namespace or one.said else [one.kind()[other]] if other in one.kind() else None
            if words:
                inserted.append((at, block(words) + " "))
    # Backwards, so that places stay what they are.
    edits = [(at, 0, new) for at, new in inserted] + [(at, len(old), "") for _, old, at in reader.removed]
    if head:
        edits = [e for e in edits if not begin <= e[0] < end or e[2]]
        edits.append((begin, end - begin, "\n" * (len(head) - 1) if head else ""))
        file_comment = next(e for e in edits if e[0] == begin and e[1] == 0)
        edits.remove(file_comment)
        edits[-1] = (begin, end - begin, file_comment[2] + "\n" * (len(head) - 1))
    for at, length, new in sorted(set(edits), reverse=True):
        text = text[:at] + new + text[at + length:]
    return text


def main():
    source, target = map(pathlib.Path, sys.argv[1:])
    texts = {path: path.read_text() for path in sorted(source.rglob("*.hpp"))}
    private = set().union(*(private_members(text) for text in texts.values()))
    for path, text in texts.items():
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(commented(path, text, private))


if __name__ == "__main__":
    main()
