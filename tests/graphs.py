"""Graphs written by hand, step by step: blocks, shared weights, several inputs and outputs, symbolic sizes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from specc import ops
from specc.ir.graph import Graph, Node, Port, Region
from specc.ir.size import Dim, symbol
from specc.ir.types import TensorType
from specc.source import Source

N = symbol("N")
SPAN = Source("by hand.cnn", "").span(0, 0)


class Net:
    """A network on its way: inputs first, then steps and blocks in order.

    Args:
        inputs: the sample's sizes by name.
    """

    def __init__(self, *, batch: Dim = N, **inputs: tuple[Dim, ...]) -> None:
        self._ports = tuple(Port(name, TensorType(batch, sample)) for name, sample in inputs.items())
        self._types = {port.name: port.type for port in self._ports}
        self._open: list[list[Node | Region]] = [[]]

    def step(self, name: str, kind: str, *values: str, owner: str | None = None, **arguments: Any) -> str:
        """A step called ``name``; gives its value's name, which is the same."""
        operator = ops.find(kind)
        assert operator is not None, kind
        op, types = operator(**arguments), tuple(self._types[value] for value in values)
        self._types[name] = op.infer(*types)
        self._open[-1].append(Node(name, op, values, types, self._types[name], SPAN, owner))
        return name

    @contextmanager
    def block(
        self, name: str, title: str, value: str | None, *, kind: Any = "block", owner: str | None = None
    ) -> Iterator[None]:
        """A block around the steps of the body, whose last one gives its value."""
        self._open.append([])
        yield
        members = tuple(self._open.pop())
        last = members[-1]
        output = last.name if isinstance(last, Node) else last.output
        self._open[-1].append(Region(name, kind, title, (), value, output, members, SPAN, owner))

    def graph(self, **outputs: str) -> Graph:
        """The network that gives these values out."""
        (members,) = self._open
        ports = tuple((Port(name, self._types[value]), value) for name, value in outputs.items())
        return Graph("Net", self._ports, ports, tuple(members))


def siamese(*, symbolic: bool = False) -> Graph:
    """Two images through one tower; a step named like an output that gives out another value."""
    size = (1, symbol("H", least=8, modulus=4), symbol("W", least=8, modulus=2)) if symbolic else (1, 12, 10)
    net = Net(a=size, b=size)
    edge = net.step("edges", "conv", "a", out_channels=1, kernel=3, padding=1)
    towers = []
    for name, image in (("tower", "a"), ("tower@2", "b")):
        with net.block(name, "tower", image, owner="tower"):
            x = net.step(f"{name}.conv1", "conv", image, out_channels=4, kernel=3, padding=1, owner="tower.conv1")
            x = net.step(f"{name}.prelu1", "prelu", x, num_parameters=4, owner="tower.prelu1")
            x = net.step(f"{name}.scale1", "scale", x, init=0.5, owner="tower.scale1")
            x = net.step(f"{name}.globalavgpool1", "globalavgpool", x)
            towers.append(net.step(f"{name}.flatten1", "flatten", x))
    both = net.step("concat1", "concat", *towers)
    score = net.step("score", "fc", both, out_features=1)
    return net.graph(edge=edge, score=net.step("sigmoid1", "sigmoid", score))


def residual(*, symbolic: bool = False) -> Graph:
    """Two stages of residual blocks: blocks in a block, some of them equal, some with a shortcut of their own."""
    size = (symbol("H", least=9), symbol("W", least=9)) if symbolic else (13, 12)
    net = Net(input=(2, *size))
    x = net.step("conv1", "conv", "input", out_channels=4, kernel=3, stride=2, padding=1, bias=False)
    for stage, channels, stride in (("layer1", 4, 1), ("layer2", 6, 2)):
        with net.block(stage, "stage", x):
            for place in range(3):
                x = _basic(net, f"{stage}.{place}", x, channels, stride if place == 0 else 1)
    x = net.step("globalavgpool1", "globalavgpool", x)
    x = net.step("flatten1", "flatten", x)
    return net.graph(output=net.step("fc", "fc", x, out_features=3))


def _basic(net: Net, name: str, x: str, channels: int, stride: int) -> str:
    with net.block(name, "basic", x):
        y = net.step(f"{name}.conv1", "conv", x, out_channels=channels, kernel=3, stride=stride, padding=1, bias=False)
        y = net.step(f"{name}.bn1", "batchnorm", y)
        y = net.step(f"{name}.relu1", "relu", y)
        if stride != 1:
            with net.block(f"{name}.downsample", "downsample", x, kind="group"):
                x = net.step(f"{name}.downsample.0", "conv", x, out_channels=channels, kernel=1, stride=stride)
                x = net.step(f"{name}.downsample.1", "batchnorm", x)
        y = net.step(f"{name}.add1", "add", y, x)
        return net.step(f"{name}.relu2", "relu", y)


def encoder() -> Graph:
    """A block that takes two values, one of whose inner values is used outside it too."""
    net = Net(image=(2, 8, 6))
    with net.block("down", "down", "image"):
        skip = net.step("down.conv1", "conv", "image", out_channels=3, kernel=3, padding=1)
        y = net.step("down.maxpool1", "maxpool", skip, kernel=2)
    with net.block("up", "up", y):
        y = net.step("up.upsample1", "upsample", y, scale_factor=2.0)
        y = net.step("up.concat1", "concat", y, skip)
        y = net.step("up.conv1", "conv", y, out_channels=1, kernel=1)
    return net.graph(mask=y, features=skip, image_again="image", same_mask=y)
