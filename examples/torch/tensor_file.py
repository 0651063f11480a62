"""safetensors files in NumPy alone, where the package of that name is not installed."""

import json
import struct

import numpy as np

TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
         "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?"}
NAMES = {np.dtype(layout): name for name, layout in TYPES.items()}


def read_header(path):
    """What the file says of its arrays, and how many bytes stand before them."""
    with open(path, "rb") as file:
        length, = struct.unpack("<Q", file.read(8))
        return json.loads(file.read(length)), 8 + length


def read_metadata(path):
    """A dict of texts."""
    return read_header(path)[0].get("__metadata__", {})


def read(path):
    """A dict of arrays."""
    header, start = read_header(path)
    data = np.fromfile(path, np.uint8, offset=start)
    return {name: data[slice(*entry["data_offsets"])].view(TYPES[entry["dtype"]]).reshape(entry["shape"])
            for name, entry in header.items() if name != "__metadata__"}


def write(path, arrays, metadata=None):
    """Writes a dict of arrays, and a dict of texts."""
    header, offset = {"__metadata__": metadata or {}}, 0
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    for name, array in arrays.items():
        header[name] = {"dtype": NAMES[array.dtype], "shape": array.shape, "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(array.tobytes() for array in arrays.values()))


def read_pool(path, group="pool"):
    """The states of a pool in a checkpoint, (states, Z, Y, X, C): it keeps the cells that are not zero alone."""
    shape, counts, cells, values = (read(path)[f"{group}.{name}"] for name in ("shape", "counts", "cells", "values"))
    states = np.zeros((len(counts), np.prod(shape[1:]), shape[0]), values.dtype)
    states[np.repeat(np.arange(len(counts)), counts), cells] = values.reshape(-1, shape[0])
    return states.reshape(len(counts), *shape[::-1])
