"""The deep equilibrium model of solve.cpp and train.cpp by TorchDEQ, with its Anderson and Broyden solvers forward and
backward, to relative residuals of 1e-3."""

import statistics

import peer

options = peer.read_options(parts=("solve", "time"))

import torch  # noqa: E402
import torchdeq  # noqa: E402
from deq_problem import TOLERANCE, Model  # noqa: E402


def measure(features, solver):
    model = Model(features)
    deq = torchdeq.get_deq(f_solver=solver, b_solver=solver, f_max_iter=100, b_max_iter=100, f_tol=TOLERANCE,
                           b_tol=TOLERANCE, f_stop_mode="rel", b_stop_mode="rel", ift=True)
    evaluations = 0

    def settle(u):
        def f(z):
            nonlocal evaluations
            evaluations += 1
            return model.f(z, u)

        return deq(f, torch.zeros_like(u))[0][-1]

    if options.what == "solve" and solver == "anderson":
        deq.eval()
        with torch.no_grad():
            u = model.injection(model.images)
            found = settle(u)
            needed = evaluations
            residual = float((model.f(found, u) - found).norm() / model.f(found, u).norm())
            rounds = peer.pairs_of(lambda: settle(u), lambda: model.f(found, u))
        seconds = statistics.median(solve_seconds for solve_seconds, _ in rounds)
        times_bare = statistics.median(solve_seconds / (needed * f_seconds) for solve_seconds, f_seconds in rounds)
        peer.print_result(f"Anderson forward, C = {features}", "anderson", "ms", seconds * 1e3, evaluations=needed,
                          residual=residual, check=peer.length_of(found))
        peer.print_result(f"Anderson forward, overhead, C = {features}", "anderson", "%",
                          100 * (times_bare - 1))
    if options.what == "time":
        deq.train()
        seconds = peer.seconds_of(lambda: model.step(settle))
        peer.print_result(f"training step by Anderson, C = {features}", solver, "ms", seconds * 1e3,
                          loss=model.loss(settle).item(), check=peer.length_of(model.cell.weight.grad))


torch.set_num_threads(options.threads)
torch.manual_seed(0)
peer.print_version("TorchDEQ", getattr(torchdeq, "__version__", "of unknown version"))
for features in (16, 48):
    for solver in ("anderson", "broyden"):
        measure(features, solver)
