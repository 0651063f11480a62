"""Takes what deq_digits trained out of its checkpoint: python3 digits_file.py <checkpoint.safetensors> <digits.f32>

The averaged parameters, as 14,762 little-endian floats in the order of theta (docs/parameters.md).
"""

import json
import struct
import sys

LEAVES = ("0.weight", "1.scale", "1.shift", "2.cell.0.weight", "2.cell.1.scale", "2.cell.1.shift", "5.weight", "5.bias")

with open(sys.argv[1], "rb") as file:
    (size,) = struct.unpack("<Q", file.read(8))
    header = json.loads(file.read(size))
    numbers = file.read()

with open(sys.argv[2], "wb") as file:
    for leaf in LEAVES:
        first, last = header["average.parameters." + leaf]["data_offsets"]
        file.write(numbers[first:last])
