"""The half of PyTorch of an exchange with basin; in_basin.cpp is the other.

    in_torch.py FOLDER [PAGE]

Loads the model that basin wrote into FOLDER, compares outputs and gradients, and writes one of its own for basin to
read. Runs the lines for NumPy that PAGE, docs/files.md, shows.
"""

import re
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

import tensor_file

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)


class Equilibrium(nn.Module):
    """Where z = f(z, u) = rest(first(z) + u) settles; differentiated through that equation alone."""

    def __init__(self, *layers):
        super().__init__()
        self.cell = nn.Sequential(*layers)

    def step(self, z, u):
        z = self.cell[0](z) + u
        return self.cell[1:](z)

    def forward(self, u):
        with torch.no_grad():
            z = settle(lambda z: self.step(z, u), torch.zeros_like(u))
        z = self.step(z, u)
        at = z.detach().requires_grad_()
        value = self.step(at, u)

        def solve(gradient):  # w = J^T w + gradient
            def transposed(w):
                return torch.autograd.grad(value, at, w, retain_graph=True)[0] + gradient
            return settle(transposed, gradient)

        z.register_hook(solve)
        return z


def settle(step, z, iterations=500):
    for _ in range(iterations):
        before, z = z, step(z)
        if (z - before).norm() <= 1e-15 * z.norm():
            return z
    raise RuntimeError("it does not settle")




def make_model():
    """Of basin: Sequential<Conv<2, 6, 3, 1, Zero>, GroupNorm<6, 3>, Silu, Conv<6, 4, 5, 2, Reflect>, ...>"""
    return nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1),
        nn.GroupNorm(3, 6),
        nn.SiLU(),
        nn.Conv2d(6, 4, 5, stride=2, padding=2, padding_mode="reflect"),
        Equilibrium(
            nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular", bias=False), nn.GroupNorm(2, 4), nn.Tanh()),
        nn.Conv2d(4, 4, 3, padding=1, padding_mode="replicate"),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(48, 5),
        nn.GELU(),
        nn.LayerNorm(5),
        nn.Linear(5, 5))


def channels_first(states):
    """(N, Y, X, C) of basin as (N, C, Y, X) of torch."""
    return torch.from_numpy(states).permute(0, 3, 1, 2)


def channels_last(images):
    return images.detach().permute(0, 2, 3, 1).contiguous().numpy()


def compute(model, x):
    """y at x, and the gradient of |y|^2 / 2 in x; that in the parameters is theirs."""
    x = x.clone().requires_grad_()
    y = model(x)
    (y.square().sum() / 2).backward()
    return y.detach().numpy(), channels_last(x.grad)


def expect_near(name, ours, theirs, most=1e-10):
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape, f"{name}: shape {theirs.shape}, expected {ours.shape}"
    difference = np.abs(ours - theirs).max() / np.abs(ours).max()
    assert difference < most, f"{name}: differs by {difference:.1e} from what torch computes"
    print(f"{name:28s} differs by {difference:.1e}")


def read_from_basin(folder):
    arrays = tensor_file.read(folder / "model.safetensors")
    assert tensor_file.read_metadata(folder / "model.safetensors")["layout"] == "torch"
    model = make_model()
    model.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    y, dx = compute(model, channels_first(np.load(folder / "x.npy")))
    expect_near("y", y, np.load(folder / "y.npy"))
    expect_near("dx", dx, np.load(folder / "dx.npy"))
    gradient = tensor_file.read(folder / "gradient.safetensors")
    for name, parameter in model.named_parameters():
        expect_near("gradient in " + name, parameter.grad, gradient[name])


def write_for_basin(folder):
    torch.manual_seed(1)
    model = make_model()
    with torch.no_grad():
        model[4].cell[0].weight *= 0.3  # so that the cell settles
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    x = torch.randn(2, 2, 6, 8)
    y, dx = compute(model, x)
    marked = {"layout": "torch"}
    weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    gradient = {name: parameter.grad.numpy() for name, parameter in model.named_parameters()}
    tensor_file.write(folder / "model_torch.safetensors", weights, marked)
    tensor_file.write(folder / "gradient_torch.safetensors", gradient, marked)
    np.save(folder / "x_torch.npy", channels_last(x))
    np.save(folder / "y_torch.npy", y)
    np.save(folder / "dx_torch.npy", dx)


def check_stencils(folder):
    """Cross-correlation, not convolution, with each boundary, in one, two and three dimensions."""
    slope, second = torch.tensor([-0.5, 0, 0.5]), torch.tensor([1.0, -2, 1])
    sobel_x = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
    slope_y = torch.zeros(3, 3)
    slope_y[:, 1] = slope  # rows are y
    slope_y_of_3, slope_z_of_3 = torch.zeros(3, 3, 3), torch.zeros(3, 3, 3)
    slope_y_of_3[1, :, 1] = slope
    slope_z_of_3[:, 1, 1] = slope
    kernels = {1: (slope, second), 2: (sobel_x, slope_y), 3: (slope_y_of_3, slope_z_of_3)}
    correlate = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}
    for axes in (1, 2, 3):
        grid = torch.from_numpy(np.load(folder / f"grid_{axes}.npy")).movedim(-1, 1)  # (N, C, Z, Y, X)
        x = grid.reshape(*grid.shape[:2], *grid.shape[-axes:])
        for edge, mode in (("zero", "constant"), ("periodic", "circular"), ("reflect", "reflect"),
                           ("replicate", "replicate")):
            padded = functional.pad(x, [1, 1] * axes, mode=mode)
            # Of basin all features of the first stencil stand before those of the second.
            seen = torch.cat([correlate[axes](padded, k.expand(2, 1, *k.shape), groups=2) for k in kernels[axes]], 1)
            ours = torch.from_numpy(np.load(folder / f"seen_{edge}_{axes}.npy")).movedim(-1, 1).reshape(seen.shape)
            expect_near(f"stencils, {axes} axes, {edge}", seen, ours, 1e-14)


def run_page(folder, page):
    """The lines that the page shows, and whether they give what they say."""
    block = re.search(r"^## In NumPy$.*?^```python\n(.*?)^```$", page.read_text(), re.M | re.S).group(1)
    names = {}
    code = re.sub(r'"([\w.]+\.(?:npy|safetensors|json))"', lambda m: repr(str(folder / m.group(1))), block)
    exec(code, names)
    assert names["state"].shape == (2, 3, 4, 4)
    assert names["trajectory"].shape[1:] == (3, 4, 4) and np.all(names["trajectory"][0] == 0)
    expect_near("the end of the trajectory", names["state"][0], names["trajectory"][-1], 1e-12)
    assert names["weights"]["0.weight"].shape == (6, 2, 3, 3)
    assert names["pool"].shape == (3, 1, 3, 4, 4) and np.array_equal(names["pool"][1, 0], names["state"][0])
    assert not names["pool"][[0, 2]].any()
    assert names["metrics"]["residual"] < 1e-12 and names["metrics"]["iterations"] + 1 >= len(names["trajectory"])
    print(block, end="")


def main():
    folder = Path(sys.argv[1])
    read_from_basin(folder)
    check_stencils(folder)
    write_for_basin(folder)
    if len(sys.argv) > 2:
        run_page(folder, Path(sys.argv[2]))


if __name__ == "__main__":
    main()
