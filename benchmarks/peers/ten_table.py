"""The table of the ten problems (ten_problems.hpp): what each solver needed with its best setting, and whether basin's
best needs no more evaluations than 1.05 times the fewest of the others, and less time than each of them."""

MOST_EVALUATIONS = 1.05
BASIN = ("Anderson", "Broyden", "Newton-Krylov")
PEERS = (("KINSOL", "fixed point, Anderson"), ("KINSOL", "Newton-Krylov"),
         ("SciPy", "optimize.anderson"), ("SciPy", "optimize.newton_krylov"))
COLUMNS = tuple(("basin", variant) for variant in BASIN) + PEERS


class TenTable:
    def __init__(self):
        self.results = {}  # problem -> (package, method) -> the line of the round that took least time

    def take(self, package, line):
        methods = self.results.setdefault(line["work"].removeprefix("ten: "), {})
        before = methods.get((package, line["variant"]))
        if before is None or before["value"] is None or (line["value"] or before["value"]) < before["value"]:
            methods[package, line["variant"]] = line

    def rows(self):
        rows = []
        for problem, methods in self.results.items():
            reached = {key: line for key, line in methods.items() if line["reached"] > 0}
            own = [line for key, line in reached.items() if key[0] == "basin"]
            others = [line for key, line in reached.items() if key[0] != "basin"]
            row = {"problem": problem, "methods": {", ".join(key): line for key, line in methods.items()},
                   "evaluations": None, "time": None}
            if own and others:
                row["evaluations"] = (min(line["evaluations"] for line in own) /
                                      min(line["evaluations"] for line in others))
                row["time"] = min(line["value"] for line in others) / min(line["value"] for line in own)
                row["holds"] = row["evaluations"] <= MOST_EVALUATIONS and row["time"] > 1
            rows.append(row)
        return rows

    def markdown(self):
        if not self.results:
            return []
        lines = ["", "Fewest evaluations, and least time in ms, of all settings of a method that reached the target; in "
                 "brackets how many did, where not all. The first ratio is basin's fewest evaluations over the fewest of "
                 f"the others, at most {MOST_EVALUATIONS}; the second the least time of the others over basin's, above "
                 "1. Bold is what misses.", "",
                 "| problem | " + " | ".join(f"{package}: {method}" for package, method in COLUMNS) +
                 " | evaluations | time |", "|---|" + "---|" * (len(COLUMNS) + 2)]
        for row in self.rows():
            cells = [cell_of(row["methods"].get(", ".join(key))) for key in COLUMNS]
            cells.append(ratio_text(row["evaluations"], row["evaluations"] is not None and
                                    row["evaluations"] <= MOST_EVALUATIONS))
            cells.append(ratio_text(row["time"], row["time"] is not None and row["time"] > 1))
            lines.append(f"| {row['problem']} | " + " | ".join(cells) + " |")
        return lines


def cell_of(line):
    if line is None:
        return "not measured"
    if line["reached"] == 0:
        return "none"
    some = "" if line["reached"] == line["settings"] else f" ({line['reached']} of {line['settings']})"
    return f"{line['evaluations']}, {line['value'] / 1000:.3g}{some}"


def ratio_text(ratio, holds):
    if ratio is None:
        return "-"
    return f"{ratio:.3g}" if holds else f"**{ratio:.3g}**"
