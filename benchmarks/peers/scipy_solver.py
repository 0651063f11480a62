"""The solvers' problems of solver.cpp by scipy.optimize.anderson with 5 vectors, and by Anderson acceleration over 5
differences in plain NumPy, both to a relative residual of 1e-8."""

import statistics

import peer

options = peer.read_options()

import numpy  # noqa: E402
import scipy  # noqa: E402
import scipy.optimize  # noqa: E402

TOLERANCE = 1e-8


def read_map(size):
    def read(name, rows, columns):
        return numpy.fromfile(f"{options.folder}/{name}{size}.bin").reshape((rows, columns), order="F")

    shift = read("b", size, 1)[:, 0]
    if size < 10000:
        w = read("w", size, size)
        return lambda z: numpy.tanh(w @ z + shift)
    u = read("u", size, 64)
    v = read("v", 64, size)
    return lambda z: numpy.tanh(u @ (v @ z) + shift)


def anderson(f, z, window=5):
    """z' = f(z) - (differences of f) gamma with gamma of least |residual - (differences of residuals) gamma|."""
    residual_differences = numpy.zeros((z.size, window), order="F")
    value_differences = numpy.zeros((z.size, window), order="F")
    value = f(z)
    residual = value - z
    step = 0
    while numpy.linalg.norm(residual) > TOLERANCE * numpy.linalg.norm(value) and step < 500:
        z = value
        if step > 0:
            held = min(step, window)
            gamma = numpy.linalg.lstsq(residual_differences[:, :held], residual, rcond=None)[0]
            z = value - value_differences[:, :held] @ gamma
        new_value = f(z)
        new_residual = new_value - z
        residual_differences[:, step % window] = new_residual - residual
        value_differences[:, step % window] = new_value - value
        value, residual = new_value, new_residual
        step += 1
    return z


def measure(size):
    f = read_map(size)
    start = numpy.zeros(size)
    found = anderson(f, start)
    evaluations = 0

    def counted(z):
        nonlocal evaluations
        evaluations += 1
        return f(z)

    def by_numpy():
        return anderson(counted, start)

    def by_scipy():
        return scipy.optimize.anderson(lambda z: counted(z) - z, start, M=5, alpha=1.0, w0=1e-12, line_search=None,
                                       f_tol=TOLERANCE * numpy.linalg.norm(found), tol_norm=numpy.linalg.norm,
                                       maxiter=500)

    for variant, solve in (("NumPy Anderson(5)", by_numpy), ("optimize.anderson", by_scipy)):
        evaluations = 0
        z = solve()
        needed = evaluations
        residual = float(numpy.linalg.norm(f(z) - z) / numpy.linalg.norm(f(z)))
        rounds = peer.pairs_of(solve, lambda: f(found))
        seconds = statistics.median(solve_seconds for solve_seconds, _ in rounds)
        overhead = statistics.median(solve_seconds / needed - map_seconds for solve_seconds, map_seconds in rounds)
        peer.print_result(f"fixed point of tanh(W z + b), n = {size}", variant, "us", seconds * 1e6,
                          evaluations=needed, residual=residual, check=float(numpy.linalg.norm(z)))
        peer.print_result(f"solver overhead an evaluation, n = {size}", variant, "us",
                          overhead * 1e6)


if options.folder is None:
    raise SystemExit("scipy_solver.py: --folder is missing, expected where solver_problem.py wrote")
peer.print_version("SciPy", scipy.__version__)
peer.print_version("NumPy", numpy.__version__)
for size in (100, 1000, 10000):
    measure(size)
