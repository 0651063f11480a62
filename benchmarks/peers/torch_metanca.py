"""The updates of metanca.cpp in torch.

  naive      what a weight sees is put together, and one network works on all weights
  factored   the first layer is split into the parts for the weight itself, the means over columns and those over rows,
             and each part works on what it is about: the same numbers with a third of the first layer's work, as in
             metanca.cpp
"""

import peer

options = peer.read_options()

import torch  # noqa: E402
import torch.nn.functional as functional  # noqa: E402

WIDTHS = (784, 50, 50, 10)
SHAPES = tuple(zip(WIDTHS[:-1], WIDTHS[1:]))
INPUTS = 512


class Rule(torch.nn.Module):
    def __init__(self, hidden, width):
        super().__init__()
        self.features = 1 + hidden
        self.first = torch.nn.Linear(3 * self.features, width)
        self.second = torch.nn.Linear(width, self.features)
        with torch.no_grad():
            self.first.weight.copy_(peer.uniform_matrix(1, width, 3 * self.features, -0.2, 0.2))
            self.first.bias.copy_(torch.from_numpy(peer.uniform_numbers(2, (width,), -0.2, 0.2)))
            self.second.weight.copy_(peer.uniform_matrix(3, self.features, width, -0.02, 0.02))
            self.second.bias.copy_(torch.from_numpy(peer.uniform_numbers(4, (self.features,), -0.02, 0.02)))

    def naive(self, layers):
        """layers: tensors (inputs, outputs, features)."""
        seen = []
        for (inputs, outputs), q in zip(SHAPES, layers):
            column = q.mean(0, keepdim=True).expand(inputs, -1, -1)
            row = q.mean(1, keepdim=True).expand(-1, outputs, -1)
            seen.append(torch.cat([q, column, row], 2).view(-1, 3 * self.features))
        answer = self.second(functional.relu(self.first(torch.cat(seen))))
        parts = answer.split([inputs * outputs for inputs, outputs in SHAPES])
        return [q + part.view_as(q) for q, part in zip(layers, parts)]

    def factored(self, layers):
        own, of_column, of_row = self.first.weight.split(self.features, 1)
        updated = []
        for q in layers:
            column = functional.linear(q.mean(0), of_column)
            row = functional.linear(q.mean(1), of_row)
            hidden = functional.linear(q, own, self.first.bias) + column[None] + row[:, None]
            updated.append(q + self.second(functional.relu(hidden)))
        return updated


def task_loss(layers, inputs, labels):
    x = inputs
    for q in layers[:-1]:
        x = functional.relu(x @ q[..., 0])
    return functional.cross_entropy(x @ layers[-1][..., 0], labels)


def measure(hidden, width):
    rule = Rule(hidden, width)
    cells = torch.from_numpy(peer.uniform_numbers(5, (42200, 1 + hidden), -0.1, 0.1))
    parts = cells.split([inputs * outputs for inputs, outputs in SHAPES])
    start = [part.reshape(*shape, 1 + hidden) for part, shape in zip(parts, SHAPES)]
    inputs = torch.from_numpy(peer.uniform_numbers(6, (INPUTS, 784), 0, 1))
    labels = torch.arange(INPUTS) % 10
    for variant, update in (("naive", rule.naive), ("factored", rule.factored)):
        with torch.no_grad():
            seconds = peer.seconds_of(lambda: update(start))
            check = peer.length_of(torch.cat([q.reshape(-1) for q in update(start)]))
        peer.print_result(f"update of 42,200 weights, hidden {hidden}", variant, "ms", seconds * 1e3, check=check)

        def ten_updates():
            rule.zero_grad()
            layers = start
            for _ in range(10):
                layers = update(layers)
            loss = task_loss(layers, inputs, labels)
            loss.backward()
            return loss.item()

        seconds = peer.seconds_of(ten_updates)
        peer.print_result(f"ten updates, task loss and gradient, hidden {hidden}", variant, "ms", seconds * 1e3,
                          loss=ten_updates(), check=peer.length_of(rule.first.weight.grad))


torch.set_num_threads(options.threads)
peer.print_version("torch", torch.__version__)
measure(8, 32)
measure(16, 64)
