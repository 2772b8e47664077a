"""Blocks in PyTorch source: a class for each, against modules written by hand and the graph read step by step."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import nn
from torch.nn import functional

from specc import ops
from specc.backends.torch import torch_module, torch_source
from specc.elaborate import check_file
from specc.ir.graph import Graph, Node, Port, Region
from specc.ir.op import Op, Refusal
from specc.ir.size import symbol
from specc.ir.targets import SizeOf, TorchCall, TorchModule, Value
from specc.ir.types import TensorType
from specc.source import Source
from specc.syntax import parse, read
from specc.weights import Randomised
from tests.backends.test_torch import (
    ADD,
    HARD,
    RELU,
    WEIGHTS,
    Made,
    check_state,
    images,
    interpret,
    run_source,
    scale,
)
from tests.style import check_source_style
from tests.twins import Given, make

SPAN = Source("nets/net.cnn", "").span(0, 0)
Kind = Literal["block", "group", "loop", "round"]
CONCAT = make("concat")


@dataclass
class Scope:
    """What `Net` writes into: the members of one block."""

    name: str
    owner: str | None
    current: str
    members: list[Node | Region] = field(default_factory=list)
    output: str = ""


class Net:
    """Writes a graph by hand, as the elaborator would."""

    def __init__(self, name: str = "Net", **inputs: tuple[Any, ...]) -> None:
        self._name = name
        self.types = {port: TensorType(symbol("N"), sample) for port, sample in inputs.items()}
        self._ports = tuple(Port(port, tensor) for port, tensor in self.types.items())
        self._scopes = [Scope("", None, self._ports[0].name)]

    @property
    def current(self) -> str:
        """The value that the next step takes."""
        return self._scopes[-1].current

    def step(self, label: str, op: Op, *values: str, owner: str | None = None) -> str:
        scope = self._scopes[-1]
        taken = values or (scope.current,)
        types = tuple(self.types[value] for value in taken)
        name, home = self._named(label, owner)
        node = Node(name, op, taken, types, op.infer(*types), SPAN, home)
        self.types[name] = node.type
        scope.members.append(node)
        scope.current = scope.output = name
        return name

    @contextmanager
    def block(
        self,
        label: str,
        title: str | None = None,
        /,
        kind: Kind = "block",
        value: str | None = None,
        owner: str | None = None,
        arguments: dict[str, Any] | None = None,
        **more: Any,
    ) -> Iterator[None]:
        outer = self._scopes[-1]
        name, home = self._named(label, owner)
        start = value or outer.current
        scope = Scope(name, home, start)
        self._scopes.append(scope)
        yield
        self._scopes.pop()
        plain = tuple(((arguments or {}) | more).items())
        members = tuple(scope.members)
        block = Region(name, kind, title or label, plain, start, scope.output, members, SPAN, home)
        outer.members.append(block)
        outer.current = outer.output = scope.output

    def group(self, label: str, **options: Any) -> Any:
        return self.block(label, kind="group", **options)

    def round(self, number: int, **options: Any) -> Any:
        return self.block(str(number), kind="round", **options)

    def graph(self, **outputs: str) -> Graph:
        root = self._scopes[0]
        given_out = outputs or {"output": root.current}
        ports = tuple((Port(name, self.types[value]), value) for name, value in given_out.items())
        return Graph(self._name, self._ports, ports, tuple(root.members))

    def _named(self, label: str, owner: str | None) -> tuple[str, str | None]:
        scope = self._scopes[-1]
        name = f"{scope.name}.{label}" if scope.name else label
        inherited = f"{scope.owner}.{label}" if scope.owner is not None else None
        return name, owner or inherited


def conv(out: int, kernel: int = 3, **options: Any) -> Op:
    return make("conv", out_channels=out, kernel=kernel, **{"bias": False, "padding": kernel // 2} | options)


BN, POOL, FLATTEN = make("batchnorm"), make("globalavgpool"), make("flatten")


def check(graph: Graph, tmp_path: Path, *inputs: torch.Tensor, hand: nn.Module | None = None) -> str:
    """The source is formatted, its state and values are the graph's, and the hand-written module's; the source."""
    source = torch_source(graph)
    check_source_style(source, tmp_path)
    if hand is None:
        module = torch_module(graph, WEIGHTS)
    else:
        randomise(hand)
        module = torch_module(graph, Given({name: t.detach().numpy() for name, t in hand.state_dict().items()}))
        assert list(module.state_dict()) == list(hand.state_dict())
    check_state(graph, module)
    compile(source, "net.py", "exec")
    with torch.no_grad():
        got = module(*inputs)
        wanted = interpret_shared(graph, module.state_dict(), *inputs) if hand is None else hand.eval()(*inputs)
    for a, b in zip(listed(got), listed(wanted), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=True)
    return source


def listed(value: Any) -> list[torch.Tensor]:
    return [value] if isinstance(value, torch.Tensor) else list(value)


def randomise(hand: nn.Module) -> None:
    generator = torch.Generator().manual_seed(5)
    for value in hand.state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape, generator=generator) * 0.2 + 0.05)


def interpret_shared(graph: Graph, state: dict[str, torch.Tensor], *inputs: torch.Tensor) -> list[torch.Tensor]:
    """`interpret`, with a step's tensors under the names it asks for."""
    own = {node.name: state[node.module] for node in graph.nodes if node.module in state}
    return interpret(graph, state | own, *inputs)


def class_text(source: str, name: str) -> str:
    return re.split(rf"class {name}\(nn\.\w+\):\n", source)[-1].partition("\n\n\n")[0]


# ResNet


def resnet50(width: int = 64, image: int = 64) -> Graph:
    net = Net("ResNet50", input=(3, image, image))
    net.step("conv1", conv(width, 7, stride=2))
    net.step("bn1", BN)
    net.step("relu1", RELU)
    net.step("maxpool1", make("maxpool", kernel=3, stride=2, padding=1))
    for stage, rounds in enumerate((3, 4, 6, 3)):
        stride = 2 if stage else 1
        with net.block(f"layer{stage + 1}", "stage", c=width * 2**stage, n=rounds, stride=stride):
            for number in range(rounds):
                bottleneck(net, str(number), width * 2**stage, 1 if number else stride)
    net.step("globalavgpool1", POOL)
    net.step("flatten1", FLATTEN)
    net.step("fc", make("fc", out_features=1000))
    return net.graph()


def bottleneck(net: Net, label: str, c: int, stride: int) -> None:
    start = net.current
    with net.block(label, "bottleneck", c=c, stride=stride):
        for number, (out, kernel, step) in enumerate(((c, 1, 1), (c, 3, stride), (4 * c, 1, 1)), 1):
            net.step(f"conv{number}", conv(out, kernel, stride=step))
            net.step(f"bn{number}", BN)
            if number < 3:
                net.step(f"relu{number}", RELU)
        main = skip = net.current
        if stride != 1 or net.types[start].channels != 4 * c:
            with net.group("downsample", value=start):
                net.step("0", conv(4 * c, 1, stride=stride))
                skip = net.step("1", BN)
        net.step("add1", ADD, main, skip if skip != main else start)
        net.step("relu3", RELU)


class HandBottleneck(nn.Module):
    def __init__(self, inplanes: int, planes: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, 4 * planes, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * planes)
        if stride != 1 or inplanes != 4 * planes:
            shortcut = nn.Conv2d(inplanes, 4 * planes, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(4 * planes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = torch.relu(self.bn1(self.conv1(x)))
        out = torch.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return torch.relu(out + (self.downsample(x) if hasattr(self, "downsample") else x))


class HandResNet(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        channels = width
        for stage, rounds in enumerate((3, 4, 6, 3)):
            units = []
            for number in range(rounds):
                units.append(HandBottleneck(channels, width * 2**stage, 2 if stage and not number else 1))
                channels = 4 * width * 2**stage
            setattr(self, f"layer{stage + 1}", nn.Sequential(*units))
        self.fc = nn.Linear(channels, 1000)

    def forward(self, x: torch.Tensor) -> Any:
        x = functional.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for stage in range(1, 5):
            x = getattr(self, f"layer{stage}")(x)
        return self.fc(functional.adaptive_avg_pool2d(x, 1).flatten(1))


def test_resnet50_reads_like_a_persons(tmp_path: Path) -> None:
    source = check(resnet50(width=8), tmp_path, images(2, 3, 64, 64), hand=HandResNet(8))
    assert len(source.splitlines()) <= 100
    source = torch_source(resnet50())
    assert "25,557,032 parameters" in source
    assert [line for line in source.splitlines() if line.startswith("class ")] == [
        "class BottleneckDownsample(nn.Module):",
        "class Bottleneck(nn.Module):",
        "class ResNet50(nn.Module):",
    ]
    assert "        self.layer1 = nn.Sequential(\n" in source
    assert "BottleneckDownsample(64, 64), *(Bottleneck(256, 64) for _ in range(2))\n" in source
    assert "BottleneckDownsample(256, 128, stride=2), *(Bottleneck(512, 128) for _ in range(3))\n" in source
    downsample = class_text(source, "BottleneckDownsample")
    assert "def __init__(self, in_channels: int, c: int, stride: int = 1) -> None:" in downsample
    assert "self.conv2 = nn.Conv2d(c, c, 3, stride=stride, padding=1, bias=False)" in downsample
    assert "self.bn3 = nn.BatchNorm2d(4 * c)" in downsample
    assert "def __init__(self, in_channels: int, c: int) -> None:" in class_text(source, "Bottleneck")


def test_golden_resnet(tmp_path: Path) -> None:
    golden = Path(__file__).with_name("resnet50.golden.py")
    assert torch_source(resnet50(image=224)) == golden.read_text(encoding="utf-8")


def test_the_source_is_the_same_every_time() -> None:
    """Of networks with blocks, rounds and shared steps, in one process with another hash seed."""
    code = (
        "import sys; from specc.backends.torch import torch_source; from specc.elaborate import check_file; "
        "from specc.syntax import parse, read; "
        "files = [check_file(parse(read(path))) for path in sys.argv[1:]]; "
        "print(*(torch_source(checked.graph) for file in files for checked in file), sep='', end='')"
    )
    root = Path(__file__).parents[2]
    paths = [root / "examples" / "zoo" / f"{name}.cnn" for name in ("resnet", "unet_any_size", "googlenet", "siamese")]
    paths.append(Path(__file__).with_name("several_values.cnn"))
    environment = {"PYTHONHASHSEED": "1", "PYTHONPATH": "."}
    call = [sys.executable, "-c", code, *map(str, paths)]
    run = subprocess.run(call, env=environment, cwd=root, capture_output=True, check=True)
    sources = [torch_source(checked.graph) for path in paths for checked in check_file(parse(read(path)))]
    assert run.stdout.decode() == "".join(sources)


# DenseNet


class HandDense(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.conv = nn.Conv2d(channels, 4, 3, padding=1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, self.conv(torch.relu(self.norm(x)))], 1)


class HandDenseNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.dense1 = nn.Sequential(*(HandDense(8 + 4 * i) for i in range(5)))
        self.transition = nn.Conv2d(28, 14, 1, bias=False)
        self.dense2 = nn.Sequential(*(HandDense(14 + 4 * i) for i in range(3)))

    def forward(self, x: torch.Tensor) -> Any:
        return self.dense2(self.transition(self.dense1(self.conv0(x))))


def test_rounds_whose_channels_grow(tmp_path: Path) -> None:
    net = Net(input=(3, 8, 8))
    net.step("conv0", conv(8))
    for loop, rounds in (("dense1", 5), ("dense2", 3)):
        with net.block(loop, kind="loop"):
            for number in range(rounds):
                with net.round(number):
                    start = net.current
                    net.step("norm", BN)
                    net.step("relu1", RELU)
                    net.step("conv", conv(4))
                    net.step("concat1", CONCAT, start, net.current)
        if loop == "dense1":
            net.step("transition", conv(14, 1))
    source = check(net.graph(), tmp_path, images(2, 3, 8, 8), hand=HandDenseNet())
    assert "self.dense1 = nn.Sequential(*(DenseRound(8 + 4 * i) for i in range(5)))" in source
    assert "self.dense2 = nn.Sequential(*(DenseRound(14 + 4 * i) for i in range(3)))" in source


# U-Net


class HandUp(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(2 * c, c, 2, stride=2)
        self.conv = nn.Conv2d(2 * c, c, 3, padding=1, bias=False)

    def forward(self, x: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.conv(torch.cat([skip, self.up(x)], 1)))


class HandUNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.e1, self.e2 = nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.Conv2d(4, 8, 3, padding=1, bias=False)
        self.middle = nn.Conv2d(8, 16, 3, padding=1, bias=False)
        self.up1, self.up2 = HandUp(8), HandUp(4)
        self.out = nn.Conv2d(4, 2, 1, bias=False)

    def forward(self, x: torch.Tensor) -> Any:
        e1 = self.e1(x)
        e2 = self.e2(functional.max_pool2d(e1, 2))
        x = self.middle(functional.max_pool2d(e2, 2))
        return self.out(self.up2(self.up1(x, e2), e1))


def unet(height: Any = 16, width: Any = 16) -> Graph:
    net = Net("UNet", input=(1, height, width))
    skips = []
    for number, c in enumerate((4, 8), 1):
        skips.append(net.step(f"e{number}", conv(c)))
        net.step(f"maxpool{number}", make("maxpool", kernel=2))
    net.step("middle", conv(16))
    for number, c in enumerate((8, 4), 1):
        with net.block(f"up{number}", "up", c=c):
            up = net.step("up", make("convtranspose", out_channels=c, kernel=2, stride=2))
            net.step("concat1", CONCAT, skips.pop(), up)
            net.step("conv", conv(c))
            net.step("relu1", RELU)
    net.step("out", conv(2, 1))
    return net.graph()


def test_values_handed_to_blocks(tmp_path: Path) -> None:
    source = check(unet(), tmp_path, images(2, 1, 16, 16), hand=HandUNet())
    assert "self.up1 = Up(16, 8)\n" in source
    assert "x = self.up1(x, e2)" in source
    assert "x = self.up2(x, e1)" in source
    assert "def forward(self, x: torch.Tensor, e: torch.Tensor) -> torch.Tensor:" in class_text(source, "Up")
    assert "nn.ConvTranspose2d(in_channels, c, 2" in class_text(source, "Up")


def test_values_go_by_the_names_of_their_blocks(tmp_path: Path) -> None:
    net = Net(input=(4, 8, 8))
    with net.block("outer"):
        with net.group("skip"):
            net.step("conv1", conv(4))
            skip = net.step("relu1", RELU)
        net.step("conv1", conv(4))
        for label in ("a", "b"):
            with net.block(label, "unit"):
                net.step("conv1", conv(4))
                net.step("add1", ADD, net.current, skip)
    source = check(net.graph(), tmp_path, images(2, 4, 8, 8))
    assert "def forward(self, x: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:" in class_text(source, "Unit")
    assert "x = self.b(x, skip)" in class_text(source, "Outer")


# Shared steps


class HandTower(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.bn1(self.conv1(x))).mean((2, 3), keepdim=True).flatten(1)


class HandSiamese(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tower = HandTower()
        self.score = nn.Linear(8, 1)

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        left, right = self.tower(a), self.tower(b)
        return torch.sigmoid(self.score(torch.cat([left, right], 1))), left


def tower(net: Net, label: str, value: str) -> str:
    with net.block(label, "tower", value=value, owner="tower"):
        net.step("conv1", conv(4))
        net.step("bn1", BN)
        net.step("relu1", RELU)
        net.step("globalavgpool1", POOL)
        return net.step("flatten1", FLATTEN)


def test_a_shared_block_is_one_module(tmp_path: Path) -> None:
    net = Net("Siamese", a=(1, 8, 8), b=(1, 6, 4))
    left, right = tower(net, "tower1", "a"), tower(net, "tower2", "b")
    net.step("concat1", CONCAT, left, right)
    net.step("score", make("fc", out_features=1))
    score = net.step("sigmoid1", make("sigmoid"))
    graph, hand = net.graph(score=score, left=left), HandSiamese()
    source = check(graph, tmp_path, images(2, 1, 8, 8), images(2, 1, 6, 4))
    randomise(hand)
    module = torch_module(graph, Given({name: t.detach().numpy() for name, t in hand.state_dict().items()}))
    pair = images(2, 1, 8, 8), images(2, 1, 6, 4)
    for got, wanted in zip(module(*pair), hand.eval()(*pair), strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-6, atol=0)
    assert source.count("Tower()") == 1
    assert "tower1 = self.tower(a)" in source
    assert "= self.tower(b)" in source
    assert "[N, 4, 8, 8]" not in class_text(source, "Tower"), "the shapes differ from use to use"
    assert "x = torch.flatten(x, 1)  # [N, 4]" in class_text(source, "Tower")


def test_shared_steps_applied_deep_inside(tmp_path: Path) -> None:
    """Modules and parameters of an outer module are handed through the blocks in between."""
    net = Net(input=(4, 8, 8))
    with net.block("outer"):
        net.step("first", conv(4))
        for number in range(3):
            with net.round(number):
                net.step("conv1", conv(4))
                with net.group("inner"):
                    net.step("conv1", conv(4))
                    net.step("tied", conv(4), owner="tied")
                    net.step("gain", scale(4), owner="outer.gain")
                    with net.block("unit", owner="unit"):
                        net.step("conv1", conv(4))
                        net.step("relu1", RELU)
    net.step("tied2", conv(4), owner="tied")
    net.step("last", conv(2))
    source = check(net.graph(), tmp_path, images(2, 4, 8, 8))
    assert source.count("self.tied = nn.Conv2d(") == 1
    assert source.count("self.gain = nn.Parameter(") == 1
    assert "self, x: torch.Tensor, tied: nn.Module, gain: torch.Tensor, unit: nn.Module\n" in class_text(
        source, "Inner"
    )
    assert "x = self.inner(x, tied, gain, unit)" in source


def test_applications_that_differ_are_written_out(tmp_path: Path) -> None:
    """One set of weights all the same."""
    net = Net(input=(4, 8, 8))
    for number, pooled in ((1, False), (2, True)):
        with net.block(f"unit{number}", "unit", owner="unit"):
            net.step("conv1", conv(4))
            if pooled:
                net.step("maxpool1", make("maxpool", kernel=2))
            with net.group("inside"):
                net.step("0", conv(4))
                net.step("relu1", make("leakyrelu", negative_slope=0.1 * number))
    source = check(net.graph(), tmp_path, images(2, 4, 8, 8))
    assert source.count("nn.Conv2d") == 2
    assert "class Unit" not in source


def test_weights_held_outside_of_the_block_that_uses_them_first(tmp_path: Path) -> None:
    net = Net(input=(4, 8, 8))
    with net.block("a"):
        net.step("conv1", conv(4))
    net.step("b", conv(4), owner="a.extra")
    net.step("c", conv(4), owner="d.e.f")
    with net.block("g"):
        net.step("conv1", conv(4))
        net.step("conv2", conv(4), owner="d.e.f")
    check(net.graph(), tmp_path, images(2, 4, 8, 8))


# Gates, groups, names


def test_squeeze_and_excite(tmp_path: Path) -> None:
    net = Net(input=(3, 8, 8))
    for label, c in (("a", 16), ("b", 32), ("c", 48)):
        with net.block(label, "unit", c=c):
            x = net.step("conv1", conv(c))
            with net.group("se"):
                net.step("globalavgpool1", POOL)
                net.step("reduce", conv(c // 4, 1, bias=True))
                net.step("relu1", RELU)
                net.step("expand", conv(c, 1, bias=True))
                gate = net.step("sigmoid1", make("sigmoid"))
            net.step("mul1", make("mul"), x, gate)
    source = check(net.graph(), tmp_path, images(2, 3, 8, 8))
    assert [line for line in source.splitlines() if line.startswith("class")] == [
        "class Se(nn.Module):", "class Unit(nn.Module):", "class Net(nn.Module):"]  # fmt: skip
    assert "self.reduce = nn.Conv2d(in_channels, in_channels // 4, 1)" in source
    assert "self.se = Se(c)" in source
    assert "self.b = Unit(16, 32)" in source


def test_numbers_that_functions_take(tmp_path: Path) -> None:
    """They are kept on the module, under a name that no step of it has."""
    net = Net(input=(8, 16, 16))
    for label, kernel, slope in (("a", 2, 0.1), ("b", 4, 0.2)):
        with net.block(label, "unit", kernel=kernel):
            net.step("kernel", conv(8))
            net.step("relu", make("leakyrelu", negative_slope=slope))
            net.step("pool", make("avgpool", kernel=kernel))
    source = check(net.graph(), tmp_path, images(2, 8, 16, 16))
    unit = class_text(source, "Unit")
    assert "        self.kernel_ = kernel\n" in unit
    assert "x = F.avg_pool2d(x, self.kernel_)" in unit
    assert "self.a = Unit(kernel=2, negative_slope=0.1)" in source


def test_options_that_only_some_set(tmp_path: Path) -> None:
    """A layer with stride 1 and one with stride 2 are one class, though the first does not say so."""
    net = Net(input=(4, 16, 16))
    for label, options in (("a", {}), ("b", {"stride": 2}), ("c", {"groups": 2, "padding_mode": "reflect"})):
        with net.block(label, "unit"):
            net.step("conv1", conv(4, **options))
            net.step("relu1", RELU)
    source = check(net.graph(), tmp_path, images(2, 4, 16, 16))
    assert 'def __init__(self, stride: int = 1, groups: int = 1, padding_mode: str = "zeros")' in source
    assert "self.a = Unit()\n" in source
    assert "self.b = Unit(stride=2)\n" in source
    assert 'self.c = Unit(groups=2, padding_mode="reflect")\n' in source


def test_defaults_are_pytorchs_own() -> None:
    """What an operator leaves unsaid must mean the same as its field's default, said."""
    checked = []
    for op in ops.operators():
        made, signature = signature_of(op)
        unsaid = {name: info.default for name, info in op.model_fields.items() if not info.is_required()}
        for name in unsaid.keys() & signature.keys() - {*made.kwargs, "input", "weight", "init"}:
            if signature[name].default is not inspect.Parameter.empty:
                theirs = signature[name].default
                if (op.kind, name) == ("pad", "value"):  # None is 0 there, as F.pad's text has it
                    theirs = 0.0 if theirs is None else theirs
                assert theirs == unsaid[name], (op.kind, name)
                checked.append((op.kind, name))
    assert {("conv", "stride"), ("conv", "padding_mode"), ("batchnorm", "eps"), ("dropout", "p")} <= set(checked)


def signature_of(op: type[Op]) -> tuple[TorchModule | TorchCall, dict[str, inspect.Parameter]]:
    """What the operator is in PyTorch, and its arguments where Python knows them."""
    arguments = {name: value for name, value in REQUIRED.items() if name in op.model_fields}
    for shapes in [(8, 8, 8)], [(8,)], [(8, 8, 8)] * 2:
        try:
            made = op(**arguments).torch(*[TensorType(symbol("N"), shape) for shape in shapes])
            home, _, name = made.name.rpartition(".")
            function = getattr({"nn": nn, "F": functional, "torch": torch}[home], name)
            return made, dict(inspect.signature(function).parameters)
        except (TypeError, ValueError, IndexError, AttributeError, Refusal):
            continue  # it takes other inputs, or the function is not written in Python
    return TorchCall("torch.unknown"), {}


class Odd(Made):
    """An operator that does not say all that it is set to."""

    alpha: int = 1


def test_what_an_operator_is_silent_on_is_not_taken_for_the_default() -> None:
    net = Net(input=(4,))
    for label, alpha, said in (("a", 2, {"alpha": 2}), ("b", 3, {})):
        with net.block(label, "unit"):
            net.step("odd", Odd(torch_form=TorchCall("torch.add", (Value(), Value()), said), alpha=alpha))
            net.step("fc1", make("fc", out_features=4))
    assert torch_source(net.graph()).count("class Unit") == 2


def test_a_block_whose_modules_are_all_an_outer_ones(tmp_path: Path) -> None:
    net = Net(input=(4, 8, 8))
    for label in ("a", "b"):
        with net.block(label, "unit"):
            net.step("tied", conv(4), owner="tied")
    source = check(net.graph(), tmp_path, images(2, 4, 8, 8))
    assert "x = self.b(x, self.tied)" in source


REQUIRED = {"out_channels": 8, "kernel": 3, "out_features": 8, "num_groups": 2, "size": 3, "upscale_factor": 2,
            "downscale_factor": 2, "groups": 1, "norm_type": 2.0}  # fmt: skip


def test_coincidences_are_no_arguments(tmp_path: Path) -> None:
    """A padding that happens to equal the stride is another argument, and channels are no multiple of a stride."""
    net = Net(input=(4, 16, 16))
    for label, c, stride, kernel in (("a", 8, 1, 3), ("b", 16, 2, 7)):
        with net.block(label, "unit", c=c, stride=stride):
            net.step("conv1", conv(c, kernel, stride=stride, padding=stride))
            net.step("relu1", RELU)
    source = check(net.graph(), tmp_path, images(2, 4, 16, 16))
    assert "            in_channels, c, kernel_size, stride=stride, padding=padding, bias=False\n" in source
    assert "self.b = Unit(8, 16, kernel_size=7, padding=2, stride=2)" in source


def test_one_and_true_are_not_the_same(tmp_path: Path) -> None:
    net = Net(input=(4,))
    for label, first, second in (("a", 1, True), ("b", 2, 1)):
        made = Made(torch_form=TorchCall("torch.clamp", (Value(), -1.5), {"max": first}))
        other = Made(torch_form=TorchCall("torch.clamp", (Value(), -1.5), {"max": second}))
        with net.block(label, "unit"):
            net.step("one", made)
            net.step("two", other)
            net.step("fc1", make("fc", out_features=4))
    source = check(net.graph(), tmp_path, images(3, 4))
    assert "self.a = Unit(max_=1, max2=True)" in source


def test_numbered_modules_are_called_one_by_one(tmp_path: Path) -> None:
    """Nothing that loops over the names of a module's own modules can be scripted."""
    net = Net(input=(2, 4, 4))
    kept = net.step("i", conv(2))
    net.step("relu1", RELU)
    for number in range(2):
        net.step(str(number), conv(2))
    net.step("add1", ADD, kept, net.current)
    source = check(net.graph(), tmp_path, images(2, 2, 4, 4))
    assert '        x = getattr(self, "0")(x)  # [N, 2, 4, 4]\n        x = getattr(self, "1")(x)' in source


@pytest.mark.parametrize("depth", [1, 3, 64])
def test_deep_nesting(depth: int, tmp_path: Path) -> None:
    net = Net(input=(2, 4, 4))

    def nest(level: int) -> None:
        net.step("conv1", conv(2))
        if level:
            with net.block("inner", f"level{level}", c=level):
                nest(level - 1)
        net.step("conv2", conv(2 + level))

    nest(depth)
    source = check(net.graph(), tmp_path, images(1, 2, 4, 4))
    assert source.count("\nclass ") == depth + 1


def test_several_values_leave_a_block(tmp_path: Path) -> None:
    net = Net(input=(2, 4, 4))
    with net.group("encoder"):
        first = net.step("conv1", conv(3))
        second = net.step("conv2", conv(4))
        net.step("conv3", conv(5))
    joined = net.step("concat1", CONCAT, first, net.current, second)
    source = check(net.graph(out=joined, again=second), tmp_path, images(2, 2, 4, 4))
    assert "x, encoder_conv1, encoder_conv2 = self.encoder(x)\n" in source
    assert "-> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:" in source


def test_numbered_modules_that_are_no_chain(tmp_path: Path) -> None:
    net = Net(input=(2, 4, 4))
    start = net.current
    for number in range(4):
        net.step(str(number), conv(2))
    net.step("add1", ADD, start, net.current)
    for number in range(4, 6):
        net.step("add" + str(number), ADD, net.step(str(number), conv(2)), "2")
    net.step("last", conv(2))
    source = check(net.graph(), tmp_path, images(2, 2, 4, 4))
    assert "        for i in range(6):\n            self.add_module(str(i), nn.Conv2d(2, 2, 3" in source
    assert 'getattr(self, "5")(' in source


def test_sequence_with_names(tmp_path: Path) -> None:
    net = Net(input=(2, 4, 4))
    with net.group("features"):
        net.step("stem", conv(4))
        for number in range(5):
            net.step(str(number), conv(4 + 2 * number, 1))
        net.step("7", conv(4, 1))
        net.step("bn", BN)
    source = check(net.graph(), tmp_path, images(2, 2, 4, 4))
    assert source.count("class ") == 1
    assert "from collections import OrderedDict\n\nimport torch\n" in source
    assert '("0", nn.Conv2d(4, 4, 1, bias=False)),\n' in source
    assert "(str(i), nn.Conv2d(2 + 2 * i, 4 + 2 * i, 1, bias=False))\n" in source
    assert "for i in range(1, 5)\n" in source


def test_variants_are_named_by_what_they_have(tmp_path: Path) -> None:
    net = Net(input=(4, 8, 8))
    for label, parts in (
        ("a", ("conv1", "add1")), ("b", ("conv1", "add1")), ("c", ("conv1",)), ("d", ("conv1", "conv2", "add1")),
        ("e", ("conv1", "gate", "add1")), ("f", ("conv1", "conv2", "conv3", "add1")),
    ):  # fmt: skip
        with net.block(label, "res_unit"):
            start = net.current
            for part in parts:
                net.step(part, *((ADD, start, net.current) if part == "add1" else (conv(4),)))
    source = check(net.graph(), tmp_path, images(2, 4, 8, 8))
    names = [line.split()[1].partition("(")[0] for line in source.splitlines() if line.startswith("class")]
    assert names == ["ResUnit", "ResUnitWithoutAdd", "ResUnitConv2", "ResUnitGate", "ResUnitConv3", "Net"]


@pytest.mark.parametrize("title", ["net", "f", "nn", "torch", "ordered_dict", "print", "exception", "class", "_", "x1"])
def test_any_title_works(title: str, tmp_path: Path) -> None:
    net = Net(input=(4, 8, 8))
    for label in ("a", "b"):
        with net.block(label, title, arguments={title: 3 if label == "a" else 5, "i": 1, "self": label}):
            net.step("conv1", conv(4, 3 if label == "a" else 5))
            net.step("relu1", RELU)
        with net.group("group" + label):
            net.step("0", conv(4))
            net.step("1", BN)
    check(net.graph(), tmp_path, images(2, 4, 8, 8))


@pytest.mark.parametrize(
    "label",
    [
        *(label for label in HARD if label != "input"),
        "append",
        "0",
        "10",
        "add_module",
        "get_submodule",
        "c",
        "kernel_size",
    ],
)
def test_any_label_works_in_a_block(label: str, tmp_path: Path) -> None:
    """As a layer, a parameter, a group, a value handed in; in sequences and classes."""
    net = Net(input=(4, 8, 8))
    skip = net.step(label, conv(4))
    for number, kernel in enumerate((3, 5)):
        with net.block(f"u{number}", "unit", c=kernel):
            with net.group(label):
                net.step("0", conv(4, kernel))
                net.step(label + "1", BN)
            with net.group(label + "2"):
                net.step(label, scale(4))
                net.step("relu1", RELU)
            net.step("add1", ADD, net.current, skip)
    check(net.graph(), tmp_path, images(2, 4, 8, 8))


def test_constants_and_frozen_layers_in_blocks(tmp_path: Path) -> None:
    sobel = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))
    net = Net(input=(1, 9, 9))
    for number in range(3):
        with net.round(number):
            net.step("0", conv(1, weight=sobel, frozen=True))
            net.step("1", conv(1, init="xavier_normal"))
            net.step("gain", scale(1, 0.5 * number))
    source = check(net.graph(), tmp_path, images(2, 1, 9, 9))
    assert source.count('getattr(self, "0").weight = nn.Parameter(') == 1
    assert source.count('nn.init.xavier_normal_(getattr(self, "1").weight)') == 1


def test_stochastic_depth_says_once_why_it_is_another_layer(tmp_path: Path) -> None:
    net = Net(input=(4, 8, 8))
    drop = make("stochasticdepth", p=0.1)
    for label in ("a", "b"):
        with net.block(label, "unit"):
            with net.group("branch"):
                net.step("0", conv(4))
                net.step("1", drop)
            net.step("drop", drop)
    net.step("globalavgpool1", POOL)
    net.step("flatten1", FLATTEN)
    net.step("drop", drop)
    source = check(net.graph(), tmp_path, images(2, 4, 8, 8))
    comments = [line.strip() for line in source.splitlines() if line.strip().startswith("#")]
    assert comments == [
        "# Dropout3d takes N of [N, C, H, W] for channels: stochastic depth, by whole samples.",
        "# Dropout1d takes N of [N, F] for channels: stochastic depth, by whole samples.",
    ]


def test_rounds_of_shared_steps_alone_need_no_class(tmp_path: Path) -> None:
    """They hold nothing; a class of theirs would be handed the module in ``forward``, which cannot be scripted."""
    net = Net(input=(4, 8, 8))
    for number in range(3):
        with net.round(number):
            net.step("step1", conv(4), owner="step")
            net.step("relu1", RELU)
    source = check(net.graph(), tmp_path, images(2, 4, 8, 8))
    assert source.count("class ") == 1
    assert source.count("x = self.step(x)") == 3


def test_learned_scales_of_several_widths(tmp_path: Path) -> None:
    net = Net(input=(4, 8, 8))
    for label, c in (("a", 4), ("b", 8)):
        with net.block(label, "unit", dim=c):
            net.step("conv1", conv(c))
            net.step("gamma", scale(c, 1e-6))
    source = check(net.graph(), tmp_path, images(2, 4, 8, 8))
    assert "self.gamma = nn.Parameter(torch.full((dim, 1, 1), 1e-06))" in source


def test_sizes_asked_at_run_time(tmp_path: Path) -> None:
    made = Made(torch_form=TorchCall("torch.reshape", (Value(), (SizeOf(0), 2, SizeOf(2), -1))), sample=(2, 4, 8))
    net = Net(input=(4, 4, 4))
    net.step("reshape1", made)
    source = torch_source(net.graph())
    check_source_style(source, tmp_path)
    assert "x = torch.reshape(x, (x.size(0), 2, x.size(2), -1))" in source
    assert torch_module(net.graph(), WEIGHTS)(images(3, 4, 4, 4)).shape == (3, 2, 4, 8)


def test_groups_without_modules_are_just_their_steps(tmp_path: Path) -> None:
    net = Net(input=(2, 4, 4))
    with net.group("down"):
        net.step("relu1", RELU)
        net.step("maxpool1", make("maxpool", kernel=2))
    net.step("conv1", conv(2))
    source = check(net.graph(), tmp_path, images(2, 2, 4, 4))
    assert "down" not in source


def test_long_names_and_many_arguments_are_laid_out_as_ruff_does(tmp_path: Path) -> None:
    long = "a_step_with_a_name_that_is_about_as_long_as_anyone_would_write"
    net = Net(input=(4, 16, 16))
    for number in range(3):
        with net.block(f"{long}_{number}", long, arguments={long: 3 + 2 * number}):
            inner = net.step("inner", conv(8 + number, 3 + 2 * number, dilation=1 + number, padding=2 + 3 * number))
            with net.group(long):
                for index in range(4):
                    net.step(str(index), conv(40 + index * index, 1, padding_mode="replicate", groups=1, bias=True))
            net.step("last", conv(8 + number, 1))
            net.step("joined", CONCAT, inner, inner, net.current)
    check(net.graph(), tmp_path, images(1, 4, 16, 16))


# What the arguments are called


def heads(source: str, name: str) -> str:
    return class_text(source, name).partition("def __init__(self, ")[2].partition(")")[0]


def test_a_half_is_told_from_the_blocks_parameter(tmp_path: Path) -> None:
    """No layer has c channels, and yet the block takes c and not half of it."""
    net = Net(input=(3, 4, 4))
    for number, c in enumerate((32, 64, 96)):
        start = net.step(f"widen{number}", conv(c, 1))
        with net.block(f"unit{number}", "unit", c=c):
            left = net.step("slice1", make("slice", start=0, stop=c // 2), start)
            net.step("slice2", make("slice", start=c // 2, stop=c), start)
            net.step("conv1", conv(c // 2, 1))
            net.step("concat1", CONCAT, left, net.current)
    source = check(net.graph(), tmp_path, images(2, 3, 4, 4))
    assert heads(source, "Unit") == "c: int"
    assert "nn.Conv2d(c // 2, c // 2, 1, bias=False)" in source
    assert "torch.narrow(x, 1, self.c // 2, self.c // 2)" in source
    assert [f"Unit({c})\n" in source for c in (32, 64, 96)] == [True] * 3


def test_a_blocks_own_names_stay_in_it(tmp_path: Path) -> None:
    """The inner block's c is half of the outer one's, and in a group it is nobody's."""
    net = Net(input=(3, 8, 8))
    for number, c in enumerate((8, 32, 20)):
        with net.block(f"two{number}", "two", c=c, stride=1 + number):
            start = net.current
            with net.group("side"):
                net.step("relu1", RELU)
                with net.block("pw1", "pw", c=c // 2):
                    net.step("conv1", conv(c // 2, 1))
            side = net.current
            with net.block("pw1", "pw", value=start, c=c // 2):
                net.step("conv1", conv(c // 2, 1))
            net.step("concat1", CONCAT, side, net.current)
    source = check(net.graph(), tmp_path, images(2, 3, 8, 8))
    assert heads(source, "Pw") == "in_channels: int, c: int"
    assert heads(source, "Side") == "in_channels: int, out_channels: int"
    assert heads(source, "Two") == "in_channels: int, c: int"
    assert "self.side = Side(in_channels, c // 2)" in source
    assert "self.two1 = Two(8, 32)" in source


def test_what_a_block_takes_is_no_guess(tmp_path: Path) -> None:
    """Three calls that happen to double the width."""
    net = Net(input=(8, 8, 8))
    for number, c in enumerate((16, 32, 64)):
        with net.block(f"down{number}", "down", c=c):
            net.step("conv1", conv(c))
            net.step("relu1", RELU)
    source = check(net.graph(), tmp_path, images(2, 8, 8, 8))
    assert "nn.Conv2d(in_channels, c, 3" in source
    assert "Down(8, 16)" in source


def test_widths_in_the_middle(tmp_path: Path) -> None:
    """Six times the input's; and what is no small multiple of anything has a name that says no more than it is."""
    net = Net(input=(4, 8, 8))
    for number, (c, odd) in enumerate(((10, 7), (6, 11), (14, 9))):
        wide = 6 * net.types[net.current].channels
        with net.block(f"unit{number}", "unit", c=c):
            net.step("conv1", conv(wide, 1))
            net.step("conv2", conv(odd, 1))
            net.step("bn1", BN)
            skip = net.step("conv3", conv(c, 1))
            net.step("conv4", conv(odd + 30, 1))
            net.step("concat1", CONCAT, skip, net.current)
            net.step("bn2", BN)
            net.step("conv5", conv(c, 1))
    source = check(net.graph(), tmp_path, images(2, 4, 8, 8))
    unit = class_text(source, "Unit")
    assert "nn.Conv2d(in_channels, 6 * in_channels, 1" in unit
    assert "nn.Conv2d(6 * in_channels, mid_channels, 1" in unit
    assert "nn.Conv2d(c, channels, 1" in unit
    assert "nn.BatchNorm2d(channels2)" in unit


def test_no_layers_channels_are_taken_for_the_blocks(tmp_path: Path) -> None:
    net = Net(input=(4, 8, 8))
    for number, c in enumerate((10, 6, 14)):
        with net.group(f"unit{number}"):
            net.step("conv1", conv(c, 1))
            net.step("relu1", RELU)
            net.step("conv2", conv(4, 1))
    source = check(net.graph(), tmp_path, images(2, 4, 8, 8))
    assert heads(source, "Unit") == "mid_channels: int"


# Any network


class Random:
    """Writes random trees of blocks, some alike but for numbers, with values handed in and shared steps."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.net = Net(input=(4, 4, 4))
        self.seen = [self.net.current]
        recipe = st.lists(st.sampled_from(["conv", "bn", "relu", "scale", "add"]), min_size=1, max_size=4)
        self.recipes = [draw(recipe), draw(recipe)]

    def among(self, *values: Any) -> Any:
        return self.draw(st.sampled_from(values))

    def fill(self, depth: int) -> None:
        """A few members for the block at hand."""
        labels = self.draw(st.permutations(["0", "1", "2", "conv1", "bn", "class", "x"]))
        for label in labels[: self.draw(st.integers(1, 4))]:
            before, value = self.net.current, self.among(*[self.net.current] * 3, *self.seen)
            self.place(depth, label, value)
            if value != before:  # every value is used
                self.net.step(f"{label}_sum", ADD, before, self.net.current)
            self.seen.append(self.net.current)

    def place(self, depth: int, label: str, value: str) -> None:
        blocks = ["block"] * (3 * depth)
        what = self.among("step", "step", "step", "tied", "tower", "recipe", "recipes", "stage", *blocks)
        if what == "step":
            self.step(label, value)
        elif what == "tied":
            self.net.step(label, conv(4, 1), value, owner="tied")
        elif what == "tower":
            with self.net.block(label, "tower", value=value, owner="tower"):
                self.net.step("conv1", conv(4))
                self.net.step("relu1", RELU)
        elif what == "recipe":
            self.follow(label, value)
        elif what == "stage":
            self.stage(label, value)
        elif what == "recipes":
            with self.net.group(label, value=value):
                for number in range(self.draw(st.integers(1, 4))):
                    self.follow(str(number), self.net.current)
        else:
            self.block(depth, label, value)

    def step(self, label: str, value: str) -> None:
        slope, factor = self.among(0.01, 0.5), self.among(1.0, 2.0)
        op = self.among(conv(4), conv(4, 1), BN, make("leakyrelu", negative_slope=slope), scale(4, factor))
        self.net.step(label, op, value)

    def block(self, depth: int, label: str, value: str) -> None:
        kind: Kind = self.among("block", "group", "loop", "round")
        with self.net.block(label, self.among("unit", "stage"), kind=kind, value=value):
            known = len(self.seen)
            self.fill(depth - 1)
            if self.among(True, True, True, False):
                del self.seen[known:]  # mostly, only the output is seen outside

    def stage(self, label: str, value: str) -> None:
        """Equal rounds, the first of which may be another, between layers or not."""
        kind, c, n = self.among(0, 1, 2), self.among(2, 4), self.among(1, 2, 3, 4)
        with self.net.block(label, f"stage{kind}", value=value, arguments={"c": c, "n": n}):
            if kind == 1:
                self.net.step("stem", conv(4, 1))
            for number in range(n):
                with self.net.round(number):
                    self.net.step("conv1", conv(c + 2 if number == 0 and c == 2 else c))
                    self.net.step("conv2", conv(4, 1))
            if kind == 2:
                self.net.step("relu1", RELU)

    def follow(self, label: str, value: str) -> None:
        """A block whose like there may be elsewhere, with other numbers in the middle."""
        number, c, groups = self.among(0, 1), self.among(2, 4, 8), self.among(1, 2)
        with self.net.block(label, f"recipe{number}", value=value, arguments={"c": c, "groups": groups}):
            self.net.step("first", conv(c, self.among(1, 3), groups=groups))
            for place, what in enumerate(self.recipes[number]):
                slope = make("leakyrelu", negative_slope=self.among(0.01, 0.5))
                op = {"conv": conv(c), "bn": BN, "scale": scale(c), "add": ADD}.get(what, slope)
                self.net.step(f"{what}{place}", op, *[self.net.current] * (2 if what == "add" else 1))
            self.net.step("last", conv(4, 1))
            self.net.step("sum", ADD, value, self.net.current)


@st.composite
def nets(draw: st.DrawFn) -> Graph:
    random = Random(draw)
    random.fill(3)
    also = {"also": random.among(*random.seen)} if draw(st.booleans()) else {}
    return random.net.graph(output=random.net.current, **also)


@settings(deadline=None, max_examples=120, derandomize=True)
@given(nets())
def test_any_tree_of_blocks_computes_what_its_graph_says(graph: Graph) -> None:
    module = torch_module(graph, Randomised(3))
    check_state(graph, module)
    x = images(2, 4, 4, 4)
    with torch.no_grad():
        got, wanted = listed(module(x)), interpret_shared(graph, module.state_dict(), x)
    for a, b in zip(got, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=True)


def test_ten_thousand_steps() -> None:
    """Steps, blocks and rounds are read a bounded number of times each."""

    def graph(rounds: int) -> Graph:
        net = Net(input=(4, 4, 4))
        for number in range(rounds):
            with net.block(f"unit{number}", "unit", c=4 + number):
                net.step("conv1", conv(4 + number, 1))
                net.step("relu1", RELU)
        return net.graph()

    calls = [count_calls(graph(rounds)) for rounds in (100, 1000)]
    assert calls[1] < 12 * calls[0]


def count_calls(graph: Graph) -> int:
    """How many functions are called: the same on every machine."""
    calls = 0

    def profile(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(profile)
    try:
        torch_source(graph)
    finally:
        sys.setprofile(None)
    return calls


def test_source_runs_without_specc() -> None:
    space = run_source(torch_source(resnet50(width=8)))
    assert sum(p.numel() for p in space["ResNet50"]().parameters()) > 0
