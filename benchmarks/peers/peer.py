"""What the Python programs of this folder share: their command line, time and memory, and numbers that are the same as
those of measuring.hpp, where the format of the printed lines is described."""

import argparse
import json
import os
import statistics
import sys
import time

options = None


def read_options(parts=()):
    """Reads the command line. To be called before NumPy or torch is imported, because they fix their threads then."""
    global options
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--threads", type=int, default=1, help="number of threads, 1 or more")
    parser.add_argument("--smoke", action="store_true", help="show only that everything runs: times mean nothing")
    if parts:
        parser.add_argument("--what", choices=parts, required=True, help="the part of the work that is wanted")
    parser.add_argument("--folder", help="folder of the problems that solver_problem.py wrote")
    options = parser.parse_args()
    if options.threads < 1:
        parser.error(f"--threads is {options.threads}, expected 1 or more")
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(options.threads)
    return options


def print_result(work, variant, unit, value, **details):
    line = {"work": work, "variant": variant, "unit": unit, "value": value}
    print(json.dumps({**line, **details}), flush=True)


def print_version(package, version):
    print(json.dumps({"package": package, "version": version}), flush=True)


def seconds_of(work, repeats=9, round_seconds=0.03):
    """Median seconds of one call of work(), over rounds of about round_seconds each."""
    if options.smoke:
        repeats, round_seconds = 1, 0
    work()
    start = time.perf_counter()
    work()
    calls = max(1, int(round_seconds / max(1e-9, time.perf_counter() - start)))
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        for _ in range(calls):
            work()
        times.append((time.perf_counter() - start) / calls)
    return statistics.median(times)


def pairs_of(work, other):
    """Seconds of one call of each of two works, measured in turn, round by round, for what is a small difference of
    two large times."""
    rounds = 1 if options.smoke else 11
    return [(seconds_of(work, 1), seconds_of(other, 1)) for _ in range(rounds)]


def memory_megabytes(line):
    """A line of /proc/self/status: VmRSS, what this process has in memory, or VmHWM, the most that it had."""
    with open("/proc/self/status") as status:
        for text in status:
            if text.startswith(line + ":"):
                return int(text.split()[1]) / 1024
    return None


def uniform_numbers(seed, shape, low, high):
    """A NumPy array of single precision: number i in the order of memory is uniform_number(seed, i) in C++."""
    import numpy

    with numpy.errstate(over="ignore"):
        bits = numpy.arange(int(numpy.prod(shape)), dtype=numpy.uint32) * numpy.uint32(2654435761)
        bits += numpy.uint32(seed * 40503 % 2**32)
        bits ^= bits >> numpy.uint32(16)
        bits *= numpy.uint32(0x85EBCA6B)
        bits ^= bits >> numpy.uint32(13)
        bits *= numpy.uint32(0xC2B2AE35)
        bits ^= bits >> numpy.uint32(16)
    return (low + (high - low) * (bits * 2.0**-32)).astype(numpy.float32).reshape(shape)


def uniform_images(seed, samples, features, *extents_and_range):
    """A torch tensor (samples, features, [depth, height,] width) with the numbers of a state of basin's, in torch's own
    layout. After the extents come the lowest and the highest number."""
    import torch

    *extents, low, high = extents_and_range
    numbers = uniform_numbers(seed, (samples, *extents, features), low, high)
    return torch.from_numpy(numbers).movedim(-1, 1).contiguous()


def uniform_kernel(seed, outputs, inputs, size, low, high, axes=2, groups=1):
    """A torch tensor (outputs, inputs / groups, size, ...) with the numbers of the weights of basin's convolutions."""
    import torch

    if 1 < groups == inputs:  # depthwise: features lie together
        numbers = torch.from_numpy(uniform_numbers(seed, (*(size,) * axes, inputs), low, high))
        return numbers.movedim(-1, 0).unsqueeze(1).contiguous()
    shape = (groups, *(size,) * axes, inputs // groups, outputs // groups)
    numbers = torch.from_numpy(uniform_numbers(seed, shape, low, high))
    return numbers.movedim(-1, 1).movedim(-1, 2).flatten(0, 1).contiguous()


def uniform_matrix(seed, outputs, inputs, low, high):
    """A torch tensor (outputs, inputs) with the numbers of the weights of basin's Dense."""
    import torch

    return torch.from_numpy(uniform_numbers(seed, (inputs, outputs), low, high)).t().contiguous()


def length_of(tensor):
    """The Euclidean length of a torch tensor, summed in double."""
    return float(tensor.detach().double().norm())
