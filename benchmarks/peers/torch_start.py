"""torch from the start of Python to the first result of a convolution. compare.py measures how long that takes; this
says how much memory it took."""

import peer

options = peer.read_options()

import torch  # noqa: E402

torch.set_num_threads(options.threads)
torch.nn.functional.conv2d(torch.zeros(1, 16, 14, 14), torch.zeros(16, 16, 3, 3), padding=1)
peer.print_version("torch", torch.__version__)
peer.print_result("memory from start to first result", "first convolution", "MB", peer.memory_megabytes("VmHWM"))
