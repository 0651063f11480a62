"""The block of a transformer of attention.cpp in torch: its heads by matrix products over batches, and by torch's own
multi_head_attention_forward."""

import peer

options = peer.read_options()

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

WIDTH, HEADS, GATED, ALPHABET, CHARACTERS = 128, 4, 256, 96, 2048


def matrix(seed, outputs, inputs):
    bound = inputs**-0.5
    return peer.uniform_matrix(seed, outputs, inputs, -bound, bound)


def numbers(seed, *shape_and_range):
    *shape, low, high = shape_and_range
    return torch.from_numpy(peer.uniform_numbers(seed, tuple(shape), low, high))


def norm(x, scale):
    return scale * x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5)


def by_products(qkv, output, mask):
    texts, length, _ = qkv.shape
    q, k, v = (part.view(texts, length, HEADS, -1).transpose(1, 2) for part in qkv.split(WIDTH, -1))
    scores = q @ k.transpose(-1, -2) * (WIDTH // HEADS) ** -0.5 + mask
    mixed = scores.softmax(-1) @ v
    return F.linear(mixed.transpose(1, 2).reshape(texts, length, WIDTH), output)


class Block:
    def __init__(self, length, own):
        self.parameters = [numbers(1, WIDTH, 0.5, 1.5), matrix(2, 3 * WIDTH, WIDTH), matrix(3, WIDTH, WIDTH),
                           numbers(4, WIDTH, 0.5, 1.5), matrix(5, 2 * GATED, WIDTH), matrix(6, WIDTH, GATED)]
        self.mask = torch.full((length, length), float("-inf")).triu(1)
        self.own = own

    def attention(self, x):
        _, inputs, output, *_ = self.parameters
        if not self.own:
            return by_products(F.linear(x, inputs), output, self.mask)
        x = x.transpose(0, 1)
        mixed, _ = F.multi_head_attention_forward(x, x, x, WIDTH, HEADS, inputs, None, None, None, False, 0.0, output,
                                                  None, need_weights=False, attn_mask=self.mask)
        return mixed.transpose(0, 1)

    def __call__(self, x):
        first, _, _, second, up, down = self.parameters
        h = x + self.attention(norm(x, first))
        value, gate = F.linear(norm(h, second), up).chunk(2, -1)
        return h + F.linear(value * F.silu(gate), down)


def gradient_of(loss, parameters):
    return torch.autograd.grad(loss(), parameters)


def measure(length, variant, own):
    texts = CHARACTERS // length
    block = Block(length, own)
    x, target = numbers(7, texts, length, WIDTH, -1, 1), numbers(8, texts, length, WIDTH, -1, 1)

    def forward():
        with torch.no_grad():
            return block(x)

    peer.print_result(f"attention block forward, length {length}", variant, "ms", peer.seconds_of(forward) * 1e3,
                      check=peer.length_of(forward()))
    for parameter in block.parameters:
        parameter.requires_grad_()

    def gradient():
        return gradient_of(lambda: F.mse_loss(block(x), target), block.parameters)

    peer.print_result(f"attention block gradient, length {length}", variant, "ms", peer.seconds_of(gradient) * 1e3,
                      check=peer.length_of(gradient()[1]))

    table = numbers(9, ALPHABET, WIDTH, -1, 1).requires_grad_()
    logits = matrix(10, ALPHABET, WIDTH).requires_grad_()
    tokens, labels = (numbers(seed, texts, length, 0, ALPHABET).long() for seed in (11, 12))

    def step():
        def loss():
            y = F.linear(block(F.embedding(tokens, table)), logits)
            return F.cross_entropy(y.flatten(0, 1), labels.flatten())

        return gradient_of(loss, [table, *block.parameters, logits])

    peer.print_result(f"training step of a model of characters, length {length}", variant, "ms",
                      peer.seconds_of(step) * 1e3, check=peer.length_of(step()[0]))


torch.set_num_threads(options.threads)
for length in (64, 256):
    measure(length, "plain", False)
    measure(length, "multi_head_attention_forward", True)
with torch.no_grad():
    x, scale = numbers(7, 32, 64, WIDTH, -1, 1), numbers(1, WIDTH, 0.5, 1.5)
    peer.print_result("RmsNorm forward, width 128", "plain", "ms", peer.seconds_of(lambda: norm(x, scale)) * 1e3,
                      check=peer.length_of(norm(x, scale)))
