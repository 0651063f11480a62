"""Takes parameters out of a checkpoint: python3 theta_file.py <file.safetensors> <prefix of their names> <file to write>

They are written in the order of theta (docs/parameters.md), layer by layer, as little-endian floats, or, in a file whose
name ends in .f16, as halves: 11 bits a number.
"""

import json
import struct
import sys

# The leaves of a layer, in their order.
ORDER = ("row", "column", "cell", "weight", "scale", "bias", "shift", "pooled", "message0", "message1", "message2")

with open(sys.argv[1], "rb") as file:
    (size,) = struct.unpack("<Q", file.read(8))
    header = json.loads(file.read(size))
    numbers = file.read()

leaves = []
for name, leaf in header.items():
    layer, _, kind = name.removeprefix(sys.argv[2]).rpartition(".")
    if name.startswith(sys.argv[2]) and (layer == "" or layer[0].isdigit()) and kind in ORDER:
        leaves.append((layer, ORDER.index(kind), leaf["data_offsets"]))

with open(sys.argv[3], "wb") as file:
    for _, _, (first, last) in sorted(leaves):
        values = numbers[first:last]
        if sys.argv[3].endswith(".f16"):
            count = len(values) // 4
            values = struct.pack(f"<{count}e", *struct.unpack(f"<{count}f", values))
        file.write(values)
