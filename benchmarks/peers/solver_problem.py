"""Writes the problems of the solvers, z = tanh(W z + b), as doubles in the order of column-major matrices, so that all
solvers read the same numbers: solver_problem.py FOLDER.

W is Gaussian with a spectral radius of about 0.95, dense for n = 100 and 1000. For n = 10000 it is U V^T of rank 64,
where the non-zero eigenvalues are those of V^T U, which is Gaussian of the same radius.
"""

import os
import sys

import numpy

RADIUS, RANK = 0.95, 64


def write(path, matrix):
    numpy.asfortranarray(matrix).ravel(order="K").tofile(path)


def main():
    if len(sys.argv) != 2:
        sys.exit("solver_problem.py: expected one argument, the folder to write into")
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for size in (100, 1000, 10000):
        random = numpy.random.default_rng(size)
        write(f"{folder}/b{size}.bin", 0.1 * random.standard_normal(size))
        if size < 10000:
            write(f"{folder}/w{size}.bin", RADIUS * random.standard_normal((size, size)) / size**0.5)
        else:
            u, _ = numpy.linalg.qr(random.standard_normal((size, RANK)))
            v = u @ (RADIUS * random.standard_normal((RANK, RANK)) / RANK**0.5)
            write(f"{folder}/u{size}.bin", u)
            write(f"{folder}/v{size}.bin", v.T)


main()
