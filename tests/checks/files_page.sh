#!/bin/sh
# What docs/files.md exchanges with PyTorch, as a reader does it: sh files_page.sh <page> <the page's program in C++>
# With the system's Python, for which Debian has PyTorch; PYTHON names another.
set -eu

page=$1
program=$2
python=${PYTHON:-/usr/bin/python3}
for module in numpy torch; do
  if ! "$python" -c "import importlib.util as find; exit(find.find_spec('$module') is None)" >/dev/null 2>&1; then
    printf 'basin: skipped, because %s has no %s\n' "$python" "$module"
    exit 0
  fi
done

ln -sf "$program" exchange
awk '/^```/ { inside = 0 } inside { print } /^```python$/ && !seen { inside = seen = 1 }' "$page" >exchange.py
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$(dirname "$page")/../examples/torch "$python" exchange.py >said
cat said
# Losses agree to what floats of one digit before the point hold, and gradients likewise.
awk 'NR <= 2 { gsub(/,/, ""); before[NR] = $3; after[NR] = $NF }
  END {
    d = before[1] - before[2]; e = after[1] - after[2]
    exit NR != 3 || d * d > 1e-9 || e * e > 1e-9 || after[1] >= before[1] || $NF > 1e-5
  }' said || { printf 'files_page: basin and PyTorch do not agree\n' >&2; exit 1; }
