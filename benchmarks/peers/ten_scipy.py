"""SciPy on the ten problems of ten_problems.hpp, which it evaluates through a shared library: optimize.anderson and
optimize.newton_krylov, with eight settings each. --folder says where libten_problems.so is. Of all
settings that reach the target it prints the fewest evaluations, and the least time."""

import ctypes
import time
import warnings

import peer

options = peer.read_options()

import numpy  # noqa: E402
import scipy  # noqa: E402
import scipy.optimize  # noqa: E402

warnings.filterwarnings("ignore")
# Where it is depends on the version.
NoConvergence = getattr(scipy.optimize, "NoConvergence", None) or scipy.optimize.nonlin.NoConvergence
numpy.seterr(all="ignore")


class Problems:
    """The functions of ten_library.cpp."""

    def __init__(self, path):
        self.library = ctypes.CDLL(path)
        self.library.ten_name.restype = ctypes.c_char_p
        self.library.ten_is_solution.argtypes = [ctypes.c_int, ctypes.c_double]
        self.library.ten_target.restype = ctypes.c_double
        pointer = ctypes.c_void_p
        self.library.ten_residual.argtypes = [ctypes.c_int, pointer, pointer]
        self.library.ten_start.argtypes = [ctypes.c_int, pointer]

    def start(self, number):
        z = numpy.empty(self.library.ten_size(number))
        self.library.ten_start(number, z.ctypes.data)
        return z

    def residual(self, number, z):
        out = numpy.empty_like(z)
        self.library.ten_residual(number, z.ctypes.data, out.ctypes.data)
        return out


def settings_of_anderson():
    for depth in (2, 5, 10, 20):
        for w0 in (0.01, 1e-8):
            yield f"M {depth}, w0 {w0:g}", dict(M=depth, w0=w0, alpha=1.0, line_search=None)


def settings_of_newton():
    for basis in (20, 80):
        for method in ("gmres", "lgmres"):
            for search in ("armijo", None):
                name = f"{method}, {basis} inner, " + ("armijo" if search else "no line search")
                # Where inner_maxiter is the basis of gmres, that of lgmres is inner_inner_m.
                basis_of = dict(inner_maxiter=basis) if method == "gmres" else dict(inner_inner_m=basis)
                yield name, dict(method=method, line_search=search, **basis_of)


def measure(problems, number, solver, solve, settings):
    """Of all settings that reach the target: the fewest evaluations, and the least time."""
    name = problems.library.ten_name(number).decode()
    target = problems.library.ten_target(number)
    start = problems.start(number)
    reached = []
    settings = list(settings)
    for setting, arguments in settings:
        calls = 0

        def f(z):
            nonlocal calls
            calls += 1
            if calls > problems.library.ten_most():
                raise ArithmeticError
            return problems.residual(number, z)

        def run():
            return solve(f, start, f_tol=target, maxiter=problems.library.ten_most(), **arguments)

        try:
            z = run()
        except (NoConvergence, ArithmeticError, ValueError):
            continue
        if not numpy.abs(problems.residual(number, z)).max() <= 1.001 * target:
            continue
        if not problems.library.ten_is_solution(number, float(numpy.linalg.norm(z))):
            continue
        evaluations = calls

        def timed():
            nonlocal calls
            calls = 0
            run()

        started = time.perf_counter()
        timed()
        seconds = time.perf_counter() - started
        if seconds < 0.05:  # what takes long is not repeated
            seconds = peer.seconds_of(timed, 3, 0.02)
        reached.append((evaluations, seconds, setting, float(numpy.linalg.norm(z))))
    fewest = min(reached, default=(0, 0, "", 0))
    fastest = min(reached, key=lambda run: run[1], default=(0, 0, "", 0))
    peer.print_result(f"ten: {name}", solver, "us", fastest[1] * 1e6 if reached else None, evaluations=fewest[0],
                      check=fewest[3], reached=len(reached), settings=len(settings), fewest_by=fewest[2],
                      fastest_by=fastest[2])


if options.folder is None:
    raise SystemExit("ten_scipy.py: --folder is missing, expected where libten_problems.so is")
peer.print_version("SciPy", scipy.__version__)
peer.print_version("NumPy", numpy.__version__)
problems = Problems(f"{options.folder}/libten_problems.so")
for number in range(problems.library.ten_count()):
    measure(problems, number, "optimize.anderson", scipy.optimize.anderson, settings_of_anderson())
    measure(problems, number, "optimize.newton_krylov", scipy.optimize.newton_krylov, settings_of_newton())
