"""The deep equilibrium model of solve.cpp and train.cpp in plain torch, as it is written by hand: Anderson acceleration
as in the tutorial "Deep implicit layers" (Kolter, Duvenaud and Johnson 2020, chapter 4) with 5 iterates, or the plain
iteration, and the implicit gradient by a hook that solves the adjoint equation in the same way. Both end at a relative
residual of the whole batch of 1e-3, or after 100 evaluations."""

import statistics

import peer

options = peer.read_options(parts=("solve", "time", "implicit-16", "implicit-48", "unrolled-16", "unrolled-48"))

import torch  # noqa: E402
from deq_problem import TOLERANCE, Model, grown_by  # noqa: E402

LIMIT = 100


def relative_residual(z, value):
    return (value - z).norm().item() / (1e-5 + value.norm().item())


def anderson(f, start, window=5, ridge=1e-4):
    """Returns the last value, its residual, and how many evaluations it took."""
    shape = start.shape
    samples, size = shape[0], start[0].numel()
    iterates = torch.zeros(samples, window, size)
    values = torch.zeros(samples, window, size)
    iterates[:, 0] = start.reshape(samples, -1)
    values[:, 0] = f(start).reshape(samples, -1)
    iterates[:, 1] = values[:, 0]
    values[:, 1] = f(values[:, 0].view(shape)).reshape(samples, -1)
    system = torch.zeros(samples, window + 1, window + 1)
    system[:, 0, 1:] = 1
    system[:, 1:, 0] = 1
    right = torch.zeros(samples, window + 1, 1)
    right[:, 0] = 1
    for step in range(2, LIMIT):
        held = min(step, window)
        residuals = values[:, :held] - iterates[:, :held]
        products = torch.bmm(residuals, residuals.transpose(1, 2)) + ridge * torch.eye(held)[None]
        system[:, 1:held + 1, 1:held + 1] = products
        mix = torch.linalg.solve(system[:, :held + 1, :held + 1], right[:, :held + 1])[:, 1:held + 1, 0]
        slot = step % window
        iterates[:, slot] = (mix[:, None] @ values[:, :held])[:, 0]
        values[:, slot] = f(iterates[:, slot].view(shape)).reshape(samples, -1)
        residual = relative_residual(iterates[:, slot], values[:, slot])
        if residual < TOLERANCE:
            break
    return values[:, slot].view(shape), residual, step + 1


def picard(f, start):
    value = start
    for step in range(LIMIT):
        z, value = value, f(value)
        residual = relative_residual(z, value)
        if residual < TOLERANCE:
            break
    return value, residual, step + 1


def implicit(model, solve, counts):
    """u -> the equilibrium, with the implicit gradient."""

    def settle(u):
        with torch.no_grad():
            z, counts["residual"], counts["evaluations"] = solve(lambda z: model.f(z, u), torch.zeros_like(u))
        z = model.f(z, u)
        point = z.clone().detach().requires_grad_()
        value = model.f(point, u.detach())

        def solve_adjoint(gradient):
            def step(w):
                return torch.autograd.grad(value, point, w, retain_graph=True)[0] + gradient

            w, counts["adjoint_residual"], counts["adjoint_evaluations"] = solve(step, gradient)
            return w

        z.register_hook(solve_adjoint)
        return z

    return settle


def unrolled(model):
    def settle(u):
        z = torch.zeros_like(u)
        for _ in range(30):
            z = model.f(z, u)
        return z

    return settle


def measure_solve(features):
    model = Model(features)
    with torch.no_grad():
        u = model.injection(model.images)
        z = peer.uniform_images(16, *u.shape, -1, 1)
        f_seconds = peer.seconds_of(lambda: model.f(z, u))
        peer.print_result(f"f(z, u) = tanh(conv(z) + u), C = {features}", "plain", "ms", f_seconds * 1e3,
                          check=peer.length_of(model.f(z, u)))
    w = peer.uniform_images(17, *u.shape, -1, 1)
    z.requires_grad_()
    value = model.f(z, u)

    def vjp():
        return torch.autograd.grad(value, z, w, retain_graph=True)[0]

    peer.print_result(f"vjp of f, C = {features}", "plain", "ms", peer.seconds_of(vjp) * 1e3,
                      check=peer.length_of(vjp()))
    with torch.no_grad():
        def solve():
            return anderson(lambda z: model.f(z, u), torch.zeros_like(u))

        found, residual, evaluations = solve()
        rounds = peer.pairs_of(solve, lambda: model.f(found, u))
    seconds = statistics.median(solve_seconds for solve_seconds, _ in rounds)
    times_bare = statistics.median(solve_seconds / (evaluations * f_seconds) for solve_seconds, f_seconds in rounds)
    peer.print_result(f"Anderson forward, C = {features}", "by hand", "ms", seconds * 1e3, evaluations=evaluations,
                      residual=residual, check=peer.length_of(found))
    peer.print_result(f"Anderson forward, overhead, C = {features}", "by hand", "%",
                      100 * (times_bare - 1))


def measure_time(features):
    model = Model(features)
    for work, variant, solve in (
        ("training step by Anderson", "Anderson and hook", anderson),
        ("training step by Picard", "Picard and hook", picard),
        ("training step through 30 steps", "plain", None),
    ):
        counts = {}
        settle = unrolled(model) if solve is None else implicit(model, solve, counts)
        seconds = peer.seconds_of(lambda: model.step(settle))
        peer.print_result(f"{work}, C = {features}", variant, "ms", seconds * 1e3, **counts,
                          loss=model.loss(settle).item(), check=peer.length_of(model.cell.weight.grad))


torch.set_num_threads(options.threads)
torch.manual_seed(0)
peer.print_version("torch", torch.__version__)
if options.what in ("solve", "time"):
    for features in (16, 48):
        measure_solve(features) if options.what == "solve" else measure_time(features)
else:
    way, features = options.what.split("-")
    model = Model(int(features))
    settle = unrolled(model) if way == "unrolled" else implicit(model, anderson, {})
    work = "memory of a training step" + (" through 30 steps" if way == "unrolled" else "")
    variant = "plain" if way == "unrolled" else "Anderson and hook"
    peer.print_result(f"{work}, C = {features}", variant, "MB", grown_by(lambda: model.step(settle)))
