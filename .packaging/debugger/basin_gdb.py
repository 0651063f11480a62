"""How gdb prints what a user of basin looks at: shapes, views, states, parameters, and how solves ended.

    (gdb) source .../share/basin/basin_gdb.py
    (gdb) print state
    $1 = State<float> (features 2, space 1 x 1 x 1, samples 3) = {0, 1, 2, 3, 4, 5}

Values are in memory order, as many as `set print elements` says. Needs a gdb with Python (tried with 13.1) and
programs compiled with -g, by libstdc++. docs/packages.md says how to have it always.
"""

import gdb
import gdb.printing


def basin_printers():
    """A function, as what a script of gdb names stays a name in all others."""

    def extents(shape):
        space = shape["space"]
        axes = space[space.type.fields()[0]]  # the array in a std::array
        return int(shape["features"]), [int(axes[i]) for i in range(3)], int(shape["samples"])

    def shape_text(shape):
        features, space, samples = extents(shape)
        return "(features %d, space %d x %d x %d, samples %d)" % (features, *space, samples)

    def size_of(shape):
        features, space, samples = extents(shape)
        return features * space[0] * space[1] * space[2] * samples

    def numbers(pointer, count):
        for i in range(count):
            yield "[%d]" % i, (pointer + i).dereference()

    def scalar_of(value):
        return value.type.strip_typedefs().template_argument(0)

    class ShapePrinter:
        def __init__(self, value):
            self.value = value

        def to_string(self):
            return shape_text(self.value)

    class ArrayPrinter:
        """Anything that is a pointer to numbers and a shape."""

        def __init__(self, kind, scalar, pointer, shape):
            self.kind, self.scalar, self.pointer, self.shape = kind, scalar, pointer, shape

        def to_string(self):
            text = "%s<%s> %s" % (self.kind, self.scalar, shape_text(self.shape))
            return text if int(self.pointer) else text + " without memory"

        def children(self):
            return numbers(self.pointer, size_of(self.shape) if int(self.pointer) else 0)

        def display_hint(self):
            return "array"

    def view(value):
        return ArrayPrinter("View", scalar_of(value), value["data_"], value["shape_"])

    def state(value):
        return ArrayPrinter("State", scalar_of(value), value["values"]["m_storage"]["m_data"], value["shape"])

    class ParametersPrinter:
        """theta; the model, whose name may fill a screen, is left to `ptype`."""

        def __init__(self, value):
            storage = value["values_"]["m_storage"]
            self.scalar = value.type.strip_typedefs().template_argument(1)
            self.pointer, self.count = storage["m_data"], int(storage["m_rows"])

        def to_string(self):
            return "Parameters of %d %s" % (self.count, self.scalar)

        def children(self):
            return numbers(self.pointer, self.count)

        def display_hint(self):
            return "array"

    class SolutionPrinter:
        def __init__(self, value):
            self.value = value

        def to_string(self):
            samples = self.value["samples"]
            first, last = (samples["_M_impl"][name] for name in ("_M_start", "_M_finish"))
            count = int(last - first)
            converged = sum(str(first[i]["status"]).endswith("converged") for i in range(count))
            return "Solution, %d of %d samples converged" % (converged, count)

        def children(self):
            yield "value", self.value["value"]
            yield "samples", self.value["samples"]

    class CountsPrinter:
        def __init__(self, value):
            self.value = value

        def to_string(self):
            counts = self.value["by_status"]
            counts = counts[counts.type.fields()[0]]
            statuses = gdb.lookup_type("basin::Status").fields()
            told = ["%s %d" % (status.name.split("::")[-1], int(counts[status.enumval]))
                    for status in statuses if int(counts[status.enumval])]
            return "%s; %d evaluations, worst residual %s" % (
                ", ".join(told) or "no solves", int(self.value["evaluations"]), self.value["worst_residual"])

    printers = gdb.printing.RegexpCollectionPrettyPrinter("basin")
    for name, pattern, printer in (
        ("Shape", "^basin::Shape$", ShapePrinter),
        ("View", "^basin::View<.*>$", view),
        ("State", "^basin::State<.*>$", state),
        ("Parameters", "^basin::Parameters<.*>$", ParametersPrinter),
        ("Solution", "^basin::Solution<.*>$", SolutionPrinter),
        ("SolveCounts", "^basin::SolveCounts$", CountsPrinter),
    ):
        printers.add_printer(name, pattern, printer)
    return printers


gdb.printing.register_pretty_printer(gdb.current_objfile(), basin_printers(), replace=True)
