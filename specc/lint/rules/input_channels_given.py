"""S0511: a convolution with the three numbers of PyTorch's: input channels, filters, kernel."""

from __future__ import annotations

from specc.diagnostics import Code
from specc.diagnostics.words import plural
from specc.ir.graph import Node
from specc.lint.network import Network
from specc.lint.spot import Rule, Spot
from specc.ops.conv import Conv, ConvTranspose

_LARGE = 8
"""A kernel of which a number of filters is made more often than a kernel."""
_FEW = 4
"""Input channels of images and signals, of which no network makes as many by a stride of 3 or more."""


def _look(node: Node, network: Network) -> Spot | None:
    """Only where the numbers make no sense as they are read: ``conv(64, 3, 2)`` on 64 channels halves an image."""
    op = node.op
    assert isinstance(op, (Conv, ConvTranspose)), "the kinds that are looked at"
    channels, kernel, stride = node.input_types[0].channels, _same(op.kernel), _same(op.stride)
    if op.out_channels != channels or kernel is None or stride is None:
        return None
    if not _is_doubtful(op, channels, kernel, stride):
        return None
    made = f"makes {plural(channels, 'channel')} by a kernel of {kernel} and steps of {stride}"
    module = f"torch.nn.{_module(node)}({channels}, {kernel}, {stride})"
    return Spot(
        node,
        f"{op.kind}({channels}, {kernel}, {stride}) {made}, unlike {module}",
        f"is it {plural(kernel, 'channel')} and a kernel of {stride}?",
        notes=("how many channels the input has is known here, and not written",),
        helps=(f"write {op.kind}({kernel}, {stride}) for that; or stride={stride} by its name, if it is meant",),
        literal=True,
        positional=3,
    )


def _is_doubtful(op: Conv | ConvTranspose, channels: int, kernel: int, stride: int) -> bool:
    """Whether one that keeps its channels is hardly ever called with such a kernel and stride.

    An odd stride of 3 or more, with windows that overlap; a large even kernel that goes by single steps without
    padding, or is many times as wide as its steps. Transposed ones are often as wide as two steps.
    """
    if isinstance(op, ConvTranspose) and kernel <= 2 * stride:
        return False
    if stride % 2 == 0:
        return kernel >= max(2 * _LARGE, _LARGE * stride)
    if stride == 1:
        return kernel >= 2 * _LARGE and kernel % 2 == 0 and op.padding == 0
    return kernel > stride and (kernel >= _LARGE or channels <= _FEW)


def _same(numbers: int | tuple[int, ...]) -> int | None:
    """The number of every axis; None where they differ."""
    if isinstance(numbers, int):
        return numbers
    return numbers[0] if len(set(numbers)) == 1 else None


def _module(node: Node) -> str:
    return f"{'Conv' if node.op.kind == 'conv' else 'ConvTranspose'}{len(node.input_types[0].spatial)}d"


RULES = (Rule(Code.INPUT_CHANNELS_GIVEN, ("conv", "convtranspose"), _look, everywhere=True),)
