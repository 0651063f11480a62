"""Takes parameters out of a checkpoint: python3 theta_file.py <file.safetensors> <prefix of their names> <file.f32>

They are written as little-endian floats in the order of theta (docs/parameters.md): layer by layer, weights before biases
and scales before shifts.
"""

import json
import struct
import sys

ORDER = ("weight", "scale", "bias", "shift")

with open(sys.argv[1], "rb") as file:
    (size,) = struct.unpack("<Q", file.read(8))
    header = json.loads(file.read(size))
    numbers = file.read()

leaves = []
for name, leaf in header.items():
    layer, _, kind = name.removeprefix(sys.argv[2]).rpartition(".")
    if name.startswith(sys.argv[2]) and layer[:1].isdigit() and kind in ORDER:
        leaves.append((layer, ORDER.index(kind), leaf["data_offsets"]))

with open(sys.argv[3], "wb") as file:
    for _, _, (first, last) in sorted(leaves):
        file.write(numbers[first:last])
