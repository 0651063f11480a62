# Run by gdb, stopped in shown_to_gdb() of program.cpp: what basin_gdb.py prints, and every expression of basin.natvis, which the
# debugger of Visual Studio Code hands to gdb, on an object of its type. NATVIS is the file's path.

import re
import xml.etree.ElementTree

import gdb

failed = False


def expect(holds, what):
    global failed
    if not holds:
        print("not so: " + what)
        failed = True


def expect_print(expression, wanted):
    printed = gdb.execute("print " + expression, to_string=True).strip()
    print(expression + ": " + printed)
    expect(re.fullmatch(r"\$\d+ = (\(.*?&\) @0x[0-9a-f]+: )?" + wanted, printed, re.DOTALL), expression + " is printed as " + wanted)


numbers = r"\{0\.5, 1\.5, 2\.5, 3\.5, 4\.5, 5\.5\}"
shape = r"\(features 2, space 1 x 3 x 1, samples 1\)"
expect_print("state.shape", shape)
expect_print("state", r"State<float> " + shape + " = " + numbers)
expect_print("view", r"View<(const float|float const)> " + shape + " = " + numbers)
expect_print("nothing", r"View<double> \(features 0, .*\) without memory")
expect_print("theta", r"Parameters of 3 float = \{3, 5, 7\}")
expect_print("solution", r"Solution, 2 of 2 samples converged = \{\s*value = State<double> .*samples 2\) = \{0, 0\},.*")
expect_print("counts", r"converged 2; 2 evaluations, worst residual 0")

objects = {"basin::Shape": ["state.shape"], "basin::View<*>": ["view", "nothing"], "basin::State<*>": ["state"],
           "basin::SampleResult": ["*solution.samples._M_impl._M_start"], "basin::Solution<*>": ["solution"]}
namespace = "{http://schemas.microsoft.com/vstudio/debugger/natvis/2010}"
evaluated = 0
types = xml.etree.ElementTree.parse(NATVIS).getroot().findall(namespace + "Type")
expect(sorted(t.get("Name") for t in types) == sorted(objects), "the test has an object of each type of the natvis file")
for entry in types:
    for element in entry.iter():
        tag, text = element.tag.replace(namespace, ""), (element.text or "").strip()
        expressions = [element.get("Condition")] if element.get("Condition") else []
        if tag == "DisplayString":
            expressions += re.findall(r"\{([^{}]*)\}", text)
        elif tag in ("Item", "Size", "ValuePointer"):
            expressions.append(text)
        else:
            expect(tag in ("Type", "Expand", "ArrayItems"), "the test knows the element " + tag)
        for expression in expressions:
            for name in objects.get(entry.get("Name"), []):
                member = re.sub(r"(?<![\w.>])([A-Za-z_]\w*)", r"(%s).\1" % name.replace("\\", ""), expression)
                try:
                    gdb.parse_and_eval(member).fetch_lazy()
                    evaluated += 1
                except gdb.error as error:
                    expect(False, "%s of %s: %s" % (expression, entry.get("Name"), error))
expect(int(gdb.parse_and_eval("state.values.m_storage.m_rows")) == 6, "a state of the natvis file has 6 numbers")
print("%d expressions of the natvis file" % evaluated)
print("basin: as expected" if not failed and evaluated > 20 else "basin: not as expected")
