"""The equilibrium of deq_problem.hpp in torch, with the same numbers."""

import peer
import torch
import torch.nn.functional as functional

SAMPLES, TOLERANCE = 64, 1e-3


class Model(torch.nn.Module):
    """injection -> equilibrium -> mean over the cells -> ten logits"""

    def __init__(self, features):
        super().__init__()
        self.injection = torch.nn.Conv2d(1, features, 3, stride=2, padding=1)
        self.cell = torch.nn.Conv2d(features, features, 3, padding=1, bias=False)
        self.head = torch.nn.Linear(features, 10)
        self.images = peer.uniform_images(10, SAMPLES, 1, 28, 28, 0, 1)
        self.labels = torch.arange(SAMPLES) % 10
        bound = features**-0.5
        with torch.no_grad():
            self.injection.weight.copy_(peer.uniform_kernel(11, features, 1, 3, -1 / 3, 1 / 3))
            self.injection.bias.copy_(torch.from_numpy(peer.uniform_numbers(12, (features,), -1 / 3, 1 / 3)))
            self.cell.weight.copy_(peer.uniform_kernel(13, features, features, 3, -1, 1))
            self.cell.weight *= 1.6 / self.norm_of_cell(features)
            self.head.weight.copy_(peer.uniform_matrix(14, 10, features, -bound, bound))
            self.head.bias.copy_(torch.from_numpy(peer.uniform_numbers(15, (10,), -bound, bound)))

    def norm_of_cell(self, features):
        """The spectral norm of the convolution on 14 x 14 cells, by power iteration."""
        v = peer.uniform_images(5, 1, features, 14, 14, -1, 1)
        for _ in range(60):
            v = v / v.norm()
            image = functional.conv2d(v, self.cell.weight, padding=1)
            v = functional.conv_transpose2d(image, self.cell.weight, padding=1)
        return image.norm()

    def f(self, z, u):
        return torch.tanh(self.cell(z) + u)

    def loss(self, settle):
        """The loss, where settle(u) is the equilibrium."""
        z = settle(self.injection(self.images))
        return functional.cross_entropy(self.head(z.mean([2, 3])), self.labels)

    def step(self, settle):
        """Loss and gradient."""
        for parameter in self.parameters():
            parameter.grad = None
        self.loss(settle).backward()


def grown_by(work):
    """By how many MB this process grows at most in work()."""
    before = peer.memory_megabytes("VmRSS")
    work()
    return peer.memory_megabytes("VmHWM") - before
