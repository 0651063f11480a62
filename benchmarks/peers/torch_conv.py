"""The convolutions of conv.cpp in torch: through mkldnn, with images and weights in torch's own layout or channels
last, and by torch's own code."""

import dataclasses
import math

import peer

options = peer.read_options()

import torch  # noqa: E402



@dataclasses.dataclass(frozen=True)
class Problem:
    """A convolution of conv.cpp; along each axis the same."""

    kind: str
    features: int
    batch: int
    extents: tuple  # of x, the first axis (the fastest in memory) last
    kernel: int = 3
    stride: int = 1
    dilation: int = 1
    groups: int = 1
    transposed: bool = False

    @property
    def axes(self):
        return len(self.extents)

    @property
    def padding(self):
        return self.dilation * (self.kernel - 1) // 2 if self.kernel % 2 == 1 else (self.kernel - self.stride) // 2

    @property
    def out_extents(self):
        return tuple(e * self.stride if self.transposed else -(-e // self.stride) for e in self.extents)

    @property
    def flops(self):
        """Each weight meets each cell of the coarser grid."""
        cells = math.prod(self.extents if self.transposed else self.out_extents)
        return 2 * self.batch * cells * self.kernel**self.axes * self.features**2 // self.groups


def measure(problem, variant):
    features, axes = problem.features, problem.axes
    x = peer.uniform_images(1, problem.batch, features, *problem.extents, -1, 1)
    # A transposed convolution has basin's inputs where a convolution has outputs: as in torch.
    theta = peer.uniform_kernel(2, features, features, problem.kernel, -0.1, 0.1, axes, problem.groups)
    w = peer.uniform_images(3, problem.batch, features, *problem.out_extents, -1, 1)
    if variant == "mkldnn, channels last":
        layout = torch.channels_last_3d if axes == 3 else torch.channels_last
        x, theta, w = (tensor.contiguous(memory_format=layout) for tensor in (x, theta, w))

    per_axis = [[number] * axes for number in (problem.stride, problem.padding, problem.dilation)]
    setting = (*per_axis, problem.transposed, [0] * axes, problem.groups)

    def forward():
        return torch.convolution(x, theta, None, *setting)

    def backward(wanted):
        return torch.ops.aten.convolution_backward(w, x, theta, [0], *setting, wanted)

    def input_gradient():
        return backward([True, False, False])[0]

    def weight_gradient():
        return backward([False, True, False])[1]

    for name, work in (("forward", forward), ("input gradient", input_gradient), ("weight gradient", weight_gradient)):
        seconds = peer.seconds_of(work)
        peer.print_result(f"{problem.kind} {name}, C = {features}", variant, "ms", seconds * 1e3,
                          gflops=problem.flops / seconds * 1e-9, check=peer.length_of(work()))


PROBLEMS = [
    *(Problem("conv", features, 32, (28, 28)) for features in (8, 16, 32, 48, 64)),
    Problem("conv over 1 axis", 32, 32, (784,), kernel=5),
    Problem("conv over 3 axes", 16, 8, (16, 16, 16)),
    Problem("dilated conv", 32, 32, (28, 28), dilation=2),
    Problem("depthwise conv", 32, 32, (28, 28), groups=32),
    Problem("grouped conv", 64, 32, (28, 28), groups=4),
    Problem("transposed conv", 32, 32, (14, 14), kernel=4, stride=2, transposed=True),
]

torch.set_num_threads(options.threads)
peer.print_version("torch", torch.__version__)
for problem in PROBLEMS:
    # There is no layout "channels last" for one axis.
    for variant in ("mkldnn", *(["mkldnn, channels last"] if problem.axes > 1 else []), "own code"):
        with torch.no_grad(), torch.backends.mkldnn.flags(enabled=variant.startswith("mkldnn")):
            measure(problem, variant)
