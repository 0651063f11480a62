#!/bin/sh
# Models and files go between basin and PyTorch, and to NumPy: sh torch.sh <program> <folder to work in>
# With the system's Python, for which Debian has PyTorch; PYTHON names another.
set -eu

program=$1
work=$2
source=$(cd "$(dirname "$0")/../.." && pwd)
python=${PYTHON:-/usr/bin/python3}
for module in numpy torch; do
  if ! "$python" -c "import $module" >/dev/null 2>&1; then
    printf 'basin: skipped, because %s has no %s\n' "$python" "$module"
    exit 0
  fi
done

rm -rf "$work"
mkdir -p "$work"
export PYTHONDONTWRITEBYTECODE=1
"$program" write "$work"
"$python" "$source/examples/torch/in_torch.py" "$work" "$source/docs/files.md"
"$program" check "$work"
