"""The growing automaton of nca.cpp and rollout.cpp in torch: a step without gradient ("step"), or a training iteration
of 64 steps ("rollout").

  plain           as it is commonly written: a depthwise convolution, two 1 x 1 convolutions, and a mask
  channels last   the same with channels-last images
  linear          channels last by hand: the convolutions are products over a matrix of cells
  fired gathered  the same, and only the cells that fire pass through the products
"""

import peer

options = peer.read_options(parts=("step", "rollout", "memory"))

import torch  # noqa: E402
import torch.nn.functional as functional  # noqa: E402

FEATURES, HIDDEN = 16, 128


class Growing(torch.nn.Module):
    """z' = alive (z + mask rule(perception(z))) with Sobel filters, as the published automaton."""

    def __init__(self):
        super().__init__()
        sobel = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 8
        centre = torch.zeros(3, 3)
        centre[1, 1] = 1
        filters = torch.stack([centre, sobel, sobel.t()])
        self.register_buffer("filters", filters.repeat(FEATURES, 1, 1)[:, None].contiguous())
        self.first = torch.nn.Conv2d(3 * FEATURES, HIDDEN, 1)
        self.second = torch.nn.Conv2d(HIDDEN, FEATURES, 1)
        # In basin a cell sees its 16 own features first, then 16 derivatives along x, then 16 along y; here the three
        # of a feature lie together.
        seen = peer.uniform_matrix(1, HIDDEN, 3 * FEATURES, -0.2, 0.2)
        seen = seen.view(HIDDEN, 3, FEATURES).transpose(1, 2).reshape(HIDDEN, 3 * FEATURES)
        with torch.no_grad():
            self.first.weight.copy_(seen[:, :, None, None])
            self.first.bias.copy_(torch.from_numpy(peer.uniform_numbers(2, (HIDDEN,), -0.2, 0.2)))
            self.second.weight.copy_(peer.uniform_matrix(3, FEATURES, HIDDEN, -0.001, 0.001)[:, :, None, None])
            self.second.bias.zero_()

    @staticmethod
    def alive(z):
        return functional.max_pool2d(z[:, 3:4], 3, 1, 1) > 0.1

    def perceive(self, z):
        return functional.conv2d(z, self.filters, padding=1, groups=FEATURES)

    def forward(self, z, all_fire=False):
        before = self.alive(z)
        increment = self.second(functional.relu(self.first(self.perceive(z))))
        if not all_fire:
            increment = increment * (torch.rand(z.shape[0], 1, *z.shape[2:]) <= 0.5)
        z = z + increment
        return z * (before & self.alive(z))


def step_by_products(model, z, all_fire, gather):
    """The same for z of (samples, height, width, features)."""

    def alive(z):
        return functional.max_pool2d(z[..., 3].unsqueeze(1), 3, 1, 1) > 0.1

    samples, height, width, _ = z.shape
    before = alive(z)
    seen = model.perceive(z.permute(0, 3, 1, 2)).permute(0, 2, 3, 1).reshape(-1, 3 * FEATURES)
    first = model.first.weight.view(HIDDEN, 3 * FEATURES)
    second = model.second.weight.view(FEATURES, HIDDEN)

    def rule(seen):
        hidden = functional.linear(seen, first, model.first.bias).relu_()
        return functional.linear(hidden, second, model.second.bias)

    if all_fire:
        z = z + rule(seen).view_as(z)
    else:
        fires = torch.rand(samples * height * width) <= 0.5
        if gather:
            cells = fires.nonzero().squeeze(1)
            z = z.clone()
            z.view(-1, FEATURES).index_add_(0, cells, rule(seen.index_select(0, cells)))
        else:
            z = z + (rule(seen) * fires[:, None]).view_as(z)
    return z * (before & alive(z)).permute(0, 2, 3, 1)


def start_of(samples, size, variant):
    z = peer.uniform_images(4, samples, FEATURES, size, size, 0.2, 0.7)
    if variant == "channels last":
        return z.contiguous(memory_format=torch.channels_last)
    if variant == "plain":
        return z
    return z.permute(0, 2, 3, 1).contiguous()


def measure_steps(model, work, samples, size, all_fire):
    variants = ["plain", "channels last", "linear"]
    if not all_fire:
        variants.append("fired gathered")
    steps = 2 if options.smoke or size > 256 else 8
    for variant in variants:
        start = start_of(samples, size, variant)

        def step(z):
            if variant in ("plain", "channels last"):
                return model(z, all_fire)
            return step_by_products(model, z, all_fire, variant == "fired gathered")

        def rollout():
            z = start
            for _ in range(steps):
                z = step(z)

        each = peer.seconds_of(rollout) / (steps * samples * size**2)
        details = {"check": peer.length_of(step(start))} if all_fire else {}
        peer.print_result(work, variant, "ns", each * 1e9, **details)


def training_iteration():
    """A function that makes one iteration: 64 steps from 8 random states, loss, gradient, Adam."""
    model = Growing()
    adam = torch.optim.Adam(model.parameters(), lr=2e-3)
    start = start_of(8, 72, "plain")
    target = torch.zeros(8, 4, 72, 72)

    def iterate():
        adam.zero_grad()
        z = start
        for _ in range(4 if options.smoke else 64):
            z = model(z)
        loss = ((z[:, :4] - target) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.grad /= parameter.grad.norm() + 1e-8
        adam.step()

    return iterate


torch.set_num_threads(options.threads)
torch.manual_seed(0)
peer.print_version("torch", torch.__version__)
if options.what == "step":
    with torch.no_grad():
        model = Growing()
        measure_steps(model, "automaton step a cell, 8 x 72 x 72, half fire", 8, 72, False)
        measure_steps(model, "automaton step a cell, 8 x 72 x 72, all fire", 8, 72, True)
        measure_steps(model, "automaton step a cell, 1 x 1024 x 1024, half fire", 1, 1024, False)
if options.what == "rollout":
    seconds = peer.seconds_of(training_iteration(), repeats=3)
    peer.print_result("automaton training iteration", "plain", "s", seconds)
if options.what == "memory":
    training_iteration()()
    peer.print_result("memory of an automaton training iteration", "plain", "MB", peer.memory_megabytes("VmHWM"))
