"""The convolutions of conv.cpp in torch: through mkldnn, with images and weights in torch's own layout or channels
last, and by torch's own code."""

import peer

options = peer.read_options()

import torch  # noqa: E402
import torch.nn.functional as functional  # noqa: E402

BATCH, EXTENT = 32, 28


def measure(features, variant):
    x = peer.uniform_images(1, BATCH, features, EXTENT, EXTENT, -1, 1)
    theta = peer.uniform_kernel(2, features, features, 3, -0.1, 0.1)
    w = peer.uniform_images(3, BATCH, features, EXTENT, EXTENT, -1, 1)
    if variant == "mkldnn, channels last":
        x, theta, w = (tensor.contiguous(memory_format=torch.channels_last) for tensor in (x, theta, w))

    def forward():
        return functional.conv2d(x, theta, padding=1)

    def backward(wanted):
        arguments = ([0], [1, 1], [1, 1], [1, 1], False, [0, 0], 1, wanted)
        return torch.ops.aten.convolution_backward(w, x, theta, *arguments)

    def input_gradient():
        return backward([True, False, False])[0]

    def weight_gradient():
        return backward([False, True, False])[1]

    flops = 2 * BATCH * EXTENT**2 * 9 * features**2
    for name, work in (("forward", forward), ("input gradient", input_gradient), ("weight gradient", weight_gradient)):
        seconds = peer.seconds_of(work)
        check = peer.length_of(work())
        peer.print_result(f"conv {name}, C = {features}", variant, "ms", seconds * 1e3, gflops=flops / seconds * 1e-9,
                          check=check)


torch.set_num_threads(options.threads)
peer.print_version("torch", torch.__version__)
for features in (8, 16, 32, 48, 64):
    for variant in ("mkldnn", "mkldnn, channels last", "own code"):
        with torch.no_grad(), torch.backends.mkldnn.flags(enabled=variant.startswith("mkldnn")):
            measure(features, variant)
