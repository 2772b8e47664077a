"""PyTorch source and module against networks written by hand, and against the graph read step by step."""

from __future__ import annotations

import ast
import inspect
import shlex
import subprocess
import sys
import textwrap
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch import nn
from torch.nn import functional

import specc
from specc.backends.torch import torch_module, torch_source
from specc.diagnostics import MissingDependency
from specc.elaborate import constant
from specc.elaborate.values import literal
from specc.ir.graph import Graph, Node, Port
from specc.ir.init import INITIALISERS, Constant, Fixed, Normal, Uniform
from specc.ir.op import Op, Parameter
from specc.ir.rounding import Exact
from specc.ir.size import symbol
from specc.ir.targets import Own, TorchCall, TorchModule, Value
from specc.ir.traits import Pointwise
from specc.ir.types import TensorType
from specc.source import Source
from specc.syntax import parse
from specc.weights import Initialised, Randomised
from tests.style import check_source_style
from tests.twins import Given, make

EXAMPLES = Path(__file__).parents[2] / "examples"
GOLDEN = Path(__file__).with_name("lenet.golden.py")
SPAN = Source("nets/lenet.cnn", "").span(0, 0)
SOBEL = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))
WEIGHTS = Randomised(7)


class Made(Op):
    """An operator that is whatever a test says it is."""

    kind = "made"
    torch_form: Any
    owned: tuple[Any, ...] = ()
    sample: tuple[int, ...] | None = None

    def infer(self, *inputs: TensorType) -> TensorType:
        return inputs[0] if self.sample is None else inputs[0].with_sample(*self.sample)

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        return self.owned

    def macs(self, *inputs: TensorType) -> int:
        raise NotImplementedError

    def window(self, *inputs: TensorType) -> Pointwise:
        raise NotImplementedError

    def rounding(self, *inputs: TensorType) -> Exact:
        raise NotImplementedError

    def torch(self, *inputs: TensorType) -> TorchModule | TorchCall:
        return self.torch_form

    def onnx(self, *_: Any) -> str:
        raise NotImplementedError


RELU = Made(torch_form=TorchCall("F.relu"))
ADD = Made(torch_form=TorchCall("torch.add", (Value(0), Value(1))))
MUL = Made(torch_form=TorchCall("torch.mul", (Value(0), Value(1))))
ADD3 = Made(torch_form=TorchCall("torch.add", (TorchCall("torch.add", (Value(0), Value(1))), Value(2))))


def concat(arms: int, channels: int, *spatial: int) -> Op:
    call = TorchCall("torch.cat", (tuple(map(Value, range(arms))),), {"dim": 1})
    return Made(torch_form=call, sample=(channels, *spatial))


def scale(channels: int, value: float = 1.0, **options: Any) -> Op:
    own = Parameter("", (channels, 1, 1), Constant(value), **options)
    return Made(torch_form=TorchCall("torch.mul", (Value(), Own(""))), owned=(own,))


def network(
    inputs: dict[str, tuple[int, ...]],
    steps: Sequence[tuple[str, Op, tuple[str, ...]]],
    outputs: dict[str, str] | None = None,
    name: str = "Net",
) -> Graph:
    """A graph with its types inferred; ``outputs`` (name -> value) is the last step where it is not given."""
    types = {port: TensorType(symbol("N"), sample) for port, sample in inputs.items()}
    ports = tuple(Port(port, tensor) for port, tensor in types.items())
    nodes = []
    for label, op, values in steps:
        taken = tuple(types[value] for value in values)
        types[label] = op.infer(*taken)
        nodes.append(Node(label, op, values, taken, types[label], SPAN))
    given_out = outputs or {"output": steps[-1][0]}
    return Graph(name, ports, tuple((Port(o, types[v]), v) for o, v in given_out.items()), tuple(nodes))


def chain(sample: tuple[int, ...], *steps: tuple[str, Op], name: str = "Net") -> Graph:
    sources = ["input", *(label for label, _ in steps)]
    return network(
        {"input": sample}, [(label, op, (v,)) for (label, op), v in zip(steps, sources, strict=False)], name=name
    )


def conv(out: int, kernel: int = 3, **options: Any) -> Op:
    return make("conv", out_channels=out, kernel=kernel, **options)


def same(out: int, **options: Any) -> Op:
    return conv(out, padding=1, **options)


def lenet() -> Graph:
    def pooled(channels: int, size: int) -> Op:
        return Made(torch_form=TorchCall("F.max_pool2d", (Value(), 2)), sample=(channels, size, size))

    flatten = Made(torch_form=TorchCall("torch.flatten", (Value(), 1)), sample=(576,))
    return chain(
        (1, 32, 32),
        ("conv1", conv(6)),
        ("relu1", RELU),
        ("maxpool1", pooled(6, 15)),
        ("conv2", conv(16)),
        ("relu2", RELU),
        ("maxpool2", pooled(16, 6)),
        ("flatten1", flatten),
        ("fc1", make("fc", out_features=120)),
        ("relu3", RELU),
        ("fc2", make("fc", out_features=84)),
        ("relu4", RELU),
        ("fc3", make("fc", out_features=10)),
        name="LeNet",
    )


class HandLeNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 3)
        self.conv2 = nn.Conv2d(6, 16, 3)
        self.fc1 = nn.Linear(576, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = functional.max_pool2d(torch.relu(self.conv2(x)), 2).flatten(1)
        return self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(x)))))


def images(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def run_source(source: str) -> dict[str, Any]:
    space: dict[str, Any] = {"__name__": "generated"}
    exec(source, space)
    return space


def forward_of(source: str) -> list[str]:
    return [line.split("  #")[0].strip() for line in source.partition("def forward")[2].splitlines()[1:]]


def check_state(graph: Graph, module: nn.Module) -> None:
    assert [(k, tuple(t.shape)) for k, t in module.state_dict().items()] == [(k, p.shape) for k, p in graph.state]
    trainable = {path for path, parameter in graph.state if parameter.trainable}
    assert {name for name, p in module.named_parameters() if p.requires_grad} == trainable
    assert {t.dtype for t in module.state_dict().values()} <= {torch.float32, torch.int64}
    assert not module.training


def interpret(graph: Graph, state: dict[str, torch.Tensor], *inputs: torch.Tensor) -> list[torch.Tensor]:
    """The graph read step by step, without any source text."""
    values = dict(zip((port.name for port in graph.inputs), inputs, strict=True))
    for node in graph.nodes:
        values[node.name] = _apply(node, [values[v] for v in node.inputs], state)
    return [values[value] for _, value in graph.outputs]


def _apply(node: Node, inputs: list[torch.Tensor], state: dict[str, torch.Tensor]) -> torch.Tensor:
    made = node.op.torch(*node.input_types)
    if isinstance(made, TorchModule):
        layer = getattr(nn, made.name.removeprefix("nn."))(*made.args, **made.kwargs).eval()
        layer.load_state_dict({p.name: state[node.path(p)] for p in node.parameters})
        return layer(*inputs)
    return _evaluate(made, inputs, state.get(node.name))


def _evaluate(argument: object, inputs: list[torch.Tensor], own: torch.Tensor | None) -> Any:
    match argument:
        case Value(index):
            return inputs[index]
        case Own():
            return own
        case tuple():
            return tuple(_evaluate(a, inputs, own) for a in argument)
        case TorchCall(name, args, kwargs):
            home, _, function = name.rpartition(".")
            call = getattr({"F": functional, "torch": torch}[home], function)
            return call(*_evaluate(args, inputs, own), **{k: _evaluate(v, inputs, own) for k, v in kwargs.items()})
    return argument


# The source, as text


def test_golden() -> None:
    golden = GOLDEN.read_text(encoding="utf-8")
    assert torch_source(lenet()) == golden
    assert torch_source(specc.load(EXAMPLES / "lenet.cnn").graph) == golden


def rich() -> Graph:
    """One of everything: names of every kind, long lines, constants of every length, several ports."""
    row = tuple(i / 7 for i in range(28))
    long = "a_step_with_a_name_that_is_about_as_long_as_anyone_would_ever_write"
    batchnorm = (
        Parameter("weight", (4,), Constant(1.0), trainable=False),
        Parameter("bias", (4,), Constant(0.0)),
        Parameter("running_mean", (4,), Constant(0.0), trainable=False, buffer=True),
        Parameter("running_var", (4,), Constant(1.0), trainable=False, buffer=True),
        Parameter("num_batches_tracked", (), Constant(0.0), trainable=False, buffer=True, integer=True),
    )
    kernels = tuple((tuple(tuple(x * k for x in line) for line in SOBEL),) for k in (1, 2, 0.1, 1e-7))
    return network(
        {"left_image_of_the_pair": (1, 28, 28), "right_image_of_the_pair": (1, 28, 28)},
        [
            ("edge", same(4, weight=kernels, bias=False, frozen=True), ("left_image_of_the_pair",)),
            ("bn", Made(torch_form=TorchModule("nn.BatchNorm2d", (4,), {"eps": 1e-3}), owned=batchnorm), ("edge",)),
            (
                long,
                same(4, padding_mode="reflect", dilation=(1, 1), init="xavier_normal"),
                ("right_image_of_the_pair",),
            ),
            ("sum", ADD, ("bn", long)),
            ("a" + long, RELU, (long,)),
            ("product", MUL, ("sum", "a" + long)),
            ("scaled", scale(4, 0.1), ("product",)),
            ("deep", same(4, groups=4, weight=SOBEL, frozen=True), ("scaled",)),
            ("joined", concat(4, 16, 28, 28), ("deep", "sum", long, "a" + long)),
            ("shift", ADD3, ("joined", "joined", "joined")),
            ("mix", make("linear", out_features=3, weight=(row, row[::-1], row)), ("shift",)),
            ("forward", make("linear", out_features=2, frozen=True), ("mix",)),
            ("class", scale(16, 2.0, trainable=False), ("forward",)),
        ],
        {"result": "class", "edges": "edge", "left": "left_image_of_the_pair"},
        name="TwoEyes",
    )


@pytest.mark.parametrize("graph", [lenet(), rich()], ids=lambda g: g.name)
def test_source_is_formatted_as_ruff_formats_it(graph: Graph, tmp_path: Path) -> None:
    check_source_style(torch_source(graph), tmp_path)


@pytest.mark.parametrize(
    "step",
    [
        "standardize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])",
        "standardize(0.5, [0.229123456, 0.224123456, 0.225123456])",
        "standardize([0.229123456, 0.224123456, 0.225123456], 0.5)",
        "affine([0.485, 0.456, 0.406], 1)",
    ],
)
def test_a_sum_in_brackets_is_broken_as_ruff_breaks_it(step: str, tmp_path: Path) -> None:
    graph = specc.loads(f"model M : [N, 3, 96, 96] {{ {step} }}").graph
    test_source_is_formatted_as_ruff_formats_it(graph, tmp_path)


def example_graphs() -> list[Graph]:
    models = {path.stem: [None] for path in EXAMPLES.glob("*.cnn")} | {"twins": ["Convolution", "FullyConnected"]}
    return [
        specc.load(EXAMPLES / f"{stem}.cnn", model=m).graph for stem, names in sorted(models.items()) for m in names
    ]


@pytest.mark.parametrize("graph", example_graphs(), ids=lambda g: g.name)
def test_examples(graph: Graph, tmp_path: Path) -> None:
    check_source_style(torch_source(graph), tmp_path)
    with torch.device("meta"):
        module = run_source(torch_source(graph))[graph.name]()
    assert [(k, tuple(t.shape)) for k, t in module.state_dict().items()] == [(k, p.shape) for k, p in graph.state]
    result = module(*(torch.empty(2, *port.type.sample, device="meta") for port in graph.inputs))
    assert tuple(result.shape) == (2, *graph.outputs[0][0].type.sample)


def test_merge_of_very_many() -> None:
    arms = [(f"relu{i}", RELU, ("input",)) for i in range(1000)]
    graph = network({"input": (1,)}, [*arms, ("add1", make("add"), tuple(label for label, *_ in arms))])
    assert torch_module(graph, WEIGHTS)(torch.tensor([[1.0]])).item() == 1000


def test_source_stands_alone() -> None:
    """It imports PyTorch, and nothing of ours."""
    source = torch_source(rich())
    parts = [part for part in ast.walk(ast.parse(source)) if isinstance(part, ast.Import | ast.ImportFrom)]
    names = {part.module if isinstance(part, ast.ImportFrom) else part.names[0].name for part in parts}
    assert {str(name).partition(".")[0] for name in names} == {"torch"}
    pair = torch.zeros(2, 1, 28, 28), torch.zeros(2, 1, 28, 28)
    shapes = [tuple(value.shape) for value in run_source(source)["TwoEyes"]()(*pair)]
    assert shapes == [(2, 16, 28, 2), (2, 4, 28, 28), (2, 1, 28, 28)]


def test_chain_uses_one_variable_and_merges_name_theirs() -> None:
    graph = network(
        {"input": (4, 8, 8)},
        [
            ("conv1", same(4), ("input",)),
            ("relu1", RELU, ("conv1",)),
            ("conv2", same(4), ("relu1",)),
            ("conv3", same(4), ("conv2",)),
            ("add1", ADD, ("conv3", "relu1")),
            ("relu2", RELU, ("add1",)),
        ],
    )
    assert forward_of(torch_source(graph)) == [
        "x = self.conv1(x)",
        "relu1 = F.relu(x)",
        "x = self.conv2(relu1)",
        "x = self.conv3(x)",
        "x = x + relu1",
        "x = F.relu(x)",
        "return x",
    ]


def test_input_that_lives_on_is_not_overwritten() -> None:
    graph = network({"input": (4, 8, 8)}, [("conv1", same(4), ("input",)), ("add1", ADD, ("conv1", "input"))])
    assert forward_of(torch_source(graph)) == ["y = self.conv1(x)", "y = y + x", "return y"]


def test_sums_keep_their_order() -> None:
    right = Made(torch_form=TorchCall("torch.add", (Value(0), TorchCall("torch.add", (Value(1), Value(2))))))
    mixed = Made(torch_form=TorchCall("torch.mul", (TorchCall("torch.add", (Value(0), Value(1))), Value(2))))
    ports = {"a": (2, 4, 4), "b": (2, 4, 4), "c": (2, 4, 4)}
    for op, text in ((ADD3, "a + b + c"), (right, "a + (b + c)"), (mixed, "(a + b) * c")):
        graph = network(ports, [("merge1", op, ("a", "b", "c"))])
        assert forward_of(torch_source(graph)) == [f"x = {text}", "return x"]
        inputs = [images(2, 2, 4, 4) * s for s in (1.0, 1e7, -1e7)]
        assert torch.equal(torch_module(graph, WEIGHTS)(*inputs), interpret(graph, {}, *inputs)[0])


def test_the_head_says_what_was_set() -> None:
    """As options that a shell takes, in whatever order they were given."""
    graph = lenet()
    plain = torch_source(graph)
    assert torch_source(graph, {}) == plain
    values = {
        "width": 0.5,
        "classes": 1_000_000,
        "table": ((1, True), (2, None)),
        "text": 'a "b"\\ """ \'c\' é\ud800\n',
    }
    texts = {name: literal(value) for name, value in values.items()}
    source = torch_source(graph, texts)
    assert source == torch_source(graph, dict(reversed(texts.items())))
    space = run_source(source)
    first, empty, *said = space["__doc__"].splitlines()
    assert (first, empty) == ("LeNet, made by specc from lenet.cnn.", "")
    words = shlex.split(" ".join(said))
    assert words[:6:2] == ["With", "classes=1000000", "table=[[1, true], [2, none]]"]
    given = {option.partition("=")[0]: option.partition("=")[2] for option in words[2::2]}
    read = {name: constant(parse(Source("set", f"let {name} = {text}"))) for name, text in given.items()}
    assert read == values | {"text": values["text"].replace("\ud800", "?")}
    assert source.partition('"""\n\nimport')[2] == plain.partition('"""\n\nimport')[2]


def test_long_settings_are_broken_between_words() -> None:
    source = torch_source(lenet(), {"table": literal(tuple(range(100))), "name": literal("x" * 30)})
    assert max(map(len, source.splitlines())) <= 100
    assert len(run_source(source)["__doc__"].splitlines()) > 4


def test_settings_reach_the_file_and_the_module() -> None:
    model = specc.load(EXAMPLES / "zoo" / "unet.cnn", classes=3, c=4)
    assert model.torch_source().splitlines()[2] == "With --set c=4 --set classes=3"
    assert inspect.getsource(type(model.to_torch())).rstrip() in model.torch_source()
    assert "--set" not in specc.load(EXAMPLES / "zoo" / "unet.cnn").torch_source()


def test_origin_names_files_without_folders_and_never_breaks_the_text() -> None:
    graph = lenet()
    for name, shown in (('a/b/c"""\\\n\ud800.cnn', "c??????.cnn"), ("coding: latin1.cnn", "coding: latin1.cnn")):
        node = Node("relu1", RELU, ("input",), graph.nodes[0].input_types, graph.nodes[0].input_types[0],
                    Source(name, "").span(0, 0))  # fmt: skip
        odd = Graph("Net", graph.inputs, ((Port("output", node.type), "relu1"),), (node,))
        source = torch_source(odd)
        assert source.splitlines()[0] == f'"""Net, made by specc from {shown}."""'
        run_source(source)


@pytest.mark.parametrize(("name", "called"), [("class", "class_"), ("nn", "nn_"), ("F", "F_"), ("super", "super_")])
def test_class_name_steps_aside(name: str, called: str) -> None:
    graph = chain((1, 8, 8), ("conv1", conv(2)), ("relu1", RELU), name=name)
    source = torch_source(graph)
    assert f"class {called}(nn.Module):" in source
    assert f"The class is not called {name}:" in source
    assert type(torch_module(graph, WEIGHTS)).__name__ == called


@pytest.mark.parametrize(
    "argument",
    [0.1, 1e-5, 1e16, 1 / 3, 5e-324, -0.0, float("-inf"), 10**30, True, None, "reflect", (3,), (1, (2.0, None)), ()],
    ids=repr,
)
def test_arguments_read_back_exactly(argument: object) -> None:
    call = TorchCall("torch.made", (Value(), argument), {"option": argument})
    source = torch_source(chain((4,), ("made1", Made(torch_form=call))))
    statement = source.partition("torch.Tensor:\n")[2].partition("        return")[0]
    read: list[Any] = []
    torch_like = type("T", (), {"made": lambda x, a, option: read.extend((a, option))})
    exec(textwrap.dedent(statement), {"torch": torch_like, "x": 0})
    assert [repr(r) for r in read] == [repr(argument)] * 2


@pytest.mark.parametrize(
    ("made", "owned"),
    [
        (TorchCall("F.relu", ([Value()],)), ()),
        (TorchCall("F.relu", (Value(), np.float64(0.5))), ()),
        (TorchCall("F.relu", (Value(), symbol("N"))), ()),
        (TorchCall("F.relu", (Value(1),)), ()),
        (TorchCall("F.relu", (Value(-1),)), ()),
        (TorchCall("F.relu", ()), ()),
        (TorchCall("math.exp"), ()),
        (TorchCall("F.relu", (Value(), Own(""))), ()),
        (TorchCall("F.relu"), (Parameter("", (4,), Constant(1.0)),)),
        (TorchCall("F.prelu", (Value(), Own("weight"))), (Parameter("weight", (4,), Constant(1.0)),)),
        (TorchCall("torch.mul", (Value(), Own(""))), (Parameter("", (4,), Uniform(1.0)),)),
        (TorchCall("torch.mul", (Value(), Own(""))), (Parameter("", (4,), Constant(1.0), buffer=True),)),
        (TorchModule("nn.Linear", (Value(), 4)), ()),
        (TorchModule("nn.Linear", (4, {4})), ()),
        (TorchModule("nn.Linear", (4, 4)), (Parameter("weight", (4, 4), Fixed((1.0,))),)),
        (TorchModule("nn.Linear", (4, 4)), (Parameter("weight", (4, 4), Normal(0.01, name="nn.init.normal_")),)),
        (TorchModule("nn.Linear", (4, 4)), (Parameter("weight", (4, 4), Constant(1.0, "nn.init.eye_")),)),
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_never_dropped(made: Any, owned: tuple[Parameter, ...]) -> None:
    with pytest.raises((TypeError, ValueError)):
        torch_source(chain((4,), ("made1", Made(torch_form=made, owned=owned))))


# Names


HARD = """
    x y x_ self self_ torch nn F list input Net super class lambda None forward train type half double to parameters
    state_dict zero_grad _modules _parameters _x __x __class__ __debug__ __init__ match print T_destination
""".split()


@pytest.mark.parametrize("label", HARD)
@pytest.mark.parametrize("port", ["input", "x", "self", "class"])
def test_any_label_works(label: str, port: str) -> None:
    """As a layer, as a step that is its own parameter, as a shared value."""
    label2 = label + "_"
    for first, second in ((same(4), scale(4)), (scale(4), same(4))):
        graph = network(
            {port if port != label else "other": (4, 6, 6)},
            [
                (label, first, (port if port != label else "other",)),
                (label2, second, (label,)),
                ("relu1", RELU, (label2,)),
                ("merge", ADD3, ("relu1", label, label2)),
            ],
        )
        module = torch_module(graph, WEIGHTS)
        check_state(graph, module)
        x = images(2, 4, 6, 6)
        assert torch.equal(module(x), interpret(graph, module.state_dict(), x)[0])
        assert module.double()(x.double()).dtype == torch.float64
        assert module.train().training


def test_list_of_pytorchs_own_attributes_is_complete() -> None:
    own = [name for name in dir(nn.Module()) if name != "training"]
    assert len(own) > 100
    for name in own:
        assert f'self._modules["{name}"]' in torch_source(chain((1, 8, 8), (name, conv(2)))), name


# The live module


def test_lenet_equals_the_hand_written_one() -> None:
    graph, hand = lenet(), HandLeNet().eval()
    module = torch_module(graph, Given({name: t.numpy() for name, t in hand.state_dict().items()}))
    check_state(graph, module)
    assert list(module.state_dict()) == list(hand.state_dict())
    x = images(3, 1, 32, 32)
    assert torch.equal(module(x), hand(x))
    assert sum(p.numel() for p in module.parameters()) == 81_194


def test_module_owns_its_weights() -> None:
    tensors = {name: t.detach().numpy().copy() for name, t in HandLeNet().state_dict().items()}
    before = tensors["conv1.weight"].copy()
    module = torch_module(lenet(), Given(tensors))
    with torch.no_grad():
        module.conv1.weight.zero_()
    assert (tensors["conv1.weight"] == before).all()


def test_module_trains_like_the_hand_written_one() -> None:
    hand = HandLeNet()
    module = torch_module(lenet(), Given({name: t.detach().numpy() for name, t in hand.state_dict().items()}))
    x = images(2, 1, 32, 32)
    for net in (hand, module):
        net(x).square().sum().backward()
    for (name, a), (_, b) in zip(hand.named_parameters(), module.named_parameters(), strict=True):
        assert torch.equal(a.grad, b.grad), name


class HandMerges(nn.Module):
    """A residual sum, a concatenation of three arms and a gate, of values used several times."""

    def __init__(self) -> None:
        super().__init__()
        self.scale1 = nn.Parameter(torch.ones(4, 1, 1))
        self.stem = nn.Conv2d(2, 4, 3, padding=1)
        self.conv1 = nn.Conv2d(4, 4, 3, padding=1)
        self.conv2 = nn.Conv2d(4, 4, 1)
        self.conv3 = nn.Conv2d(12, 4, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        stem = functional.relu(self.stem(image))
        residual = torch.add(self.conv1(stem), stem)
        joined = torch.cat([residual, stem, self.conv2(residual)], 1)
        return torch.mul(torch.mul(self.conv3(joined), residual), self.scale1)


def merges() -> Graph:
    return network(
        {"image": (2, 6, 6)},
        [
            ("stem", same(4), ("image",)),
            ("relu1", RELU, ("stem",)),
            ("conv1", same(4), ("relu1",)),
            ("add1", ADD, ("conv1", "relu1")),
            ("conv2", conv(4, 1), ("add1",)),
            ("concat1", concat(3, 12, 6, 6), ("add1", "relu1", "conv2")),
            ("conv3", conv(4, 1), ("concat1",)),
            ("mul1", MUL, ("conv3", "add1")),
            ("scale1", scale(4), ("mul1",)),
        ],
    )


def test_merges_equal_the_hand_written_ones() -> None:
    graph, hand = merges(), HandMerges().eval()
    with torch.no_grad():
        hand.scale1.copy_(torch.tensor([0.5, -1.0, 2.0, 3.0]).reshape(4, 1, 1))
    module = torch_module(graph, Given({name: t.detach().numpy() for name, t in hand.state_dict().items()}))
    check_state(graph, module)
    assert list(module.state_dict()) == list(hand.state_dict())
    x = images(2, 2, 6, 6)
    assert torch.equal(module(x), hand(x))


def test_several_inputs_and_outputs() -> None:
    graph = rich()
    module = torch_module(graph, WEIGHTS)
    check_state(graph, module)
    pair = images(2, 1, 28, 28), images(2, 1, 28, 28) + 1
    got, wanted = module(*pair), interpret(graph, module.state_dict(), *pair)
    assert isinstance(got, tuple)
    assert len(got) == 3
    assert all(torch.equal(a, b) for a, b in zip(got, wanted, strict=True))


def test_network_without_any_layer() -> None:
    graph = network({"input": (4,)}, [("relu1", RELU, ("input",))])
    assert "__init__" not in torch_source(graph)
    assert torch.equal(
        torch_module(graph, WEIGHTS)(torch.tensor([[-1.0, 2.0, 0.0, -3.0]])), torch.tensor([[0.0, 2, 0, 0]])
    )


def test_random_state_is_untouched() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    torch_module(rich(), WEIGHTS)
    torch_module(chain((3, 9, 9), *((f"c{i}", same(3, init=name)) for i, name in enumerate(INITIALISERS))), WEIGHTS)
    assert torch.equal(torch.get_rng_state(), before)


def test_users_defaults_change_nothing() -> None:
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    try:
        module = torch_module(rich(), WEIGHTS)
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)
    check_state(rich(), module)
    assert all(
        torch.equal(a, b)
        for a, b in zip(module.state_dict().values(), torch_module(rich(), WEIGHTS).state_dict().values(), strict=True)
    )


def test_weights_that_do_not_fit_are_refused() -> None:
    tensors = {name: t.numpy() for name, t in HandLeNet().state_dict().items()}
    for wrong in (np.zeros((6, 1, 3, 4), np.float32), np.zeros((5,), np.float32)):
        with pytest.raises(ValueError):  # noqa: PT011 (specc.weights and numpy say it in words of their own)
            torch_module(lenet(), Given(tensors | {"conv1.weight": wrong}))


@pytest.mark.parametrize(
    "owned",
    [
        (Parameter("weight", (4, 4), Constant(1.0)),),
        (Parameter("weight", (4, 4), Constant(1.0)), Parameter("bias", (5,), Constant(0.0))),
        (Parameter("bias", (4,), Constant(0.0)), Parameter("weight", (4, 4), Constant(1.0))),
        (Parameter("weight", (4, 4), Constant(1.0)), Parameter("bias", (4,), Constant(0.0), buffer=True)),
        (Parameter("weight", (4, 4), Constant(1.0)), Parameter("bias", (4,), Constant(0.0), integer=True)),
        (Parameter("weight", (4, 4), Constant(1.0)), Parameter("bias", (4,), Constant(0.0)),
         Parameter("extra", (4,), Constant(0.0))),
    ],
    ids=["missing", "other shape", "other order", "buffer", "integer", "left over"],
)  # fmt: skip
def test_operator_that_misstates_its_parameters_is_found_out(owned: tuple[Parameter, ...]) -> None:
    graph = chain((4,), ("fc1", Made(torch_form=TorchModule("nn.Linear", (4, 4)), owned=owned)))
    with pytest.raises(ValueError, match="graph Net and its PyTorch module differ"):
        torch_module(graph, WEIGHTS)


def test_source_and_traceback_can_be_seen() -> None:
    graph = lenet()
    module = torch_module(graph, WEIGHTS)
    source = torch_source(graph)
    assert inspect.getsource(type(module)) in source
    assert inspect.getsource(module.forward) in source
    assert inspect.getmodule(type(module)).__name__ == type(module).__module__
    assert type(torch_module(graph, WEIGHTS)) is type(module)
    with pytest.raises(RuntimeError) as caught:
        module(torch.zeros(1, 1, 31, 40))
    assert "x = self.fc1(x)" in "".join(traceback.format_exception(caught.value))


def test_without_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "specc.backends.torch.module")
    with pytest.raises(MissingDependency, match=r"the PyTorch module needs torch.*specc-nn\[cpu\]"):
        torch_module(lenet(), WEIGHTS)
    assert torch_source(lenet()) == GOLDEN.read_text(encoding="utf-8")


def test_source_needs_neither_pytorch_nor_numpy() -> None:
    code = "import sys; sys.modules.update(torch=None, numpy=None); from specc.backends.torch import torch_source"
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], env={"PYTHONPATH": "."}, check=True)


# How parameters start, where the source itself draws them


@pytest.mark.parametrize("name", INITIALISERS)
@pytest.mark.parametrize("kind", ["conv", "convtranspose", "linear"])
def test_named_init_draws_what_the_graph_says(name: str, kind: str) -> None:
    layer = {
        "conv": conv(60, 3, groups=2, init=name),
        "convtranspose": make("convtranspose", out_channels=60, kernel=3, groups=2, init=name),
        "linear": make("linear", out_features=600, init=name),
    }[kind]
    graph = chain((40, 8, 50), ("layer", layer))
    source = torch_source(graph)
    assert f"        nn.init.{name}_(self.layer.weight)\n" in source
    torch.manual_seed(0)
    drawn = run_source(source)["Net"]().layer.weight.detach()
    check_distribution(drawn, dict(graph.state)["layer.weight"].init)


def test_unnamed_init_is_pytorchs_own() -> None:
    graph = chain((40, 8, 8), ("layer", conv(600, 3)))
    torch.manual_seed(0)
    net = run_source(torch_source(graph))["Net"]()
    for path, parameter in graph.state:
        check_distribution(net.state_dict()[path], parameter.init)


def check_distribution(drawn: torch.Tensor, init: Any) -> None:
    """Kolmogorov and Smirnov: the largest distance between the distributions; 1.95/√n has a chance of 0.1 %."""
    values = drawn.double().flatten().sort().values
    match init:
        case Constant(value):
            assert (values == value).all()
            return
        case Uniform(bound):
            assert values.abs().max() <= bound
            expected = (values + bound) / (2 * bound)
        case Normal(std, mean):
            expected = torch.special.ndtr((values - mean) / std)
    n = len(values)
    distance = (expected - torch.arange(1, n + 1) / n).abs().max()
    assert distance < 1.95 / n**0.5


def test_distribution_check_would_notice() -> None:
    torch.manual_seed(0)
    with pytest.raises(AssertionError):
        check_distribution(0.98 * torch.randn(100_000), Normal(1.0))
    with pytest.raises(AssertionError):
        check_distribution(0.98 * (2 * torch.rand(100_000) - 1), Uniform(1.0))


def test_fixed_and_frozen() -> None:
    kernels = tuple((tuple(tuple(x * k for x in line) for line in SOBEL),) for k in (1.0, 0.1, 1 / 3))
    graph = chain(
        (1, 9, 9),
        ("edge", same(3, weight=kernels, frozen=True)),
        ("deep", same(3, groups=3, weight=SOBEL)),
        ("still", same(3, frozen=True, init="kaiming_normal")),
        ("gain", scale(3, 0.1)),
        ("set", scale(3, 2.5, trainable=False)),
        ("free", same(3)),
    )
    state = dict(graph.state)
    for net in (run_source(torch_source(graph))["Net"](), torch_module(graph, Initialised(0))):
        weights = dict(net.named_parameters())
        assert {name for name, p in weights.items() if not p.requires_grad} == {
            "edge.weight", "edge.bias", "still.weight", "still.bias", "set"}  # fmt: skip
        for path in ("edge.weight", "deep.weight"):
            wanted = np.array(state[path].init.values, np.float32).reshape(state[path].shape)
            assert (weights[path].detach().numpy() == wanted).all()
        assert (weights["gain"] == 0.1).all()
        assert (weights["set"] == 2.5).all()
        assert list(net.state_dict()) == list(state)


def test_freezing_one_of_two() -> None:
    owned = Parameter("weight", (4, 4), Uniform(0.5)), Parameter("bias", (4,), Uniform(0.5), trainable=False)
    graph = chain((4,), ("fc1", Made(torch_form=TorchModule("nn.Linear", (4, 4)), owned=owned)))
    assert "        self.fc1.bias.requires_grad_(False)\n" in torch_source(graph)
    check_state(graph, torch_module(graph, WEIGHTS))


@pytest.mark.parametrize("size", [1, 5, 9, 12, 40])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_constants_of_any_shape_read_back(size: int, axes: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(size)
    shape = (2, 1, *(1,) * (axes - 1), size)
    numbers = rng.normal(size=shape).astype(np.float32)
    nested = _tuples(numbers.tolist())
    graph = chain((1, *(1,) * (axes - 1), 50), ("edge", conv(2, (1,) * (axes - 1) + (size,), weight=nested)))
    source = torch_source(graph)
    net = run_source(source)["Net"]()
    assert (net.edge.weight.detach().numpy() == numbers).all()
    assert max(map(len, source.splitlines())) <= 100
    check_source_style(source, tmp_path)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


# Any network


CUT = Made(torch_form=TorchCall("torch.narrow", (TorchCall("torch.cat", ((Value(0), Value(1), Value(2)), 1)), 1, 2, 2)))
STEPS = [(RELU, 1), (ADD, 2), (MUL, 2), (ADD3, 3), (CUT, 3), (scale(2), 1), (same(2), 1)]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Random networks of one shape, where any value may be used by any later step, any number of times."""
    labels = draw(st.lists(st.sampled_from([*HARD, *"abcdefgh"]), min_size=2, max_size=10, unique=True))
    ports = labels[: draw(st.integers(1, min(3, len(labels) - 1)))]
    known, steps = list(ports), []
    for label in labels[len(ports) :]:
        op, arity = draw(st.sampled_from(STEPS))
        value = st.one_of(st.just(known[-1]), st.sampled_from(known))
        steps.append((label, op, tuple(draw(st.lists(value, min_size=arity, max_size=arity)))))
        known.append(label)
    given_out = [known[-1], *draw(st.lists(st.sampled_from(known), max_size=2))]
    return network(dict.fromkeys(ports, (2, 4, 4)), steps, {f"out{i}": value for i, value in enumerate(given_out)})


@settings(deadline=None, max_examples=100, derandomize=True)
@given(graphs())
def test_any_network_computes_what_its_graph_says(graph: Graph) -> None:
    module = torch_module(graph, WEIGHTS)
    check_state(graph, module)
    inputs = [images(2, 2, 4, 4) + i for i in range(len(graph.inputs))]
    with torch.no_grad():
        got = module(*inputs)
        wanted = interpret(graph, module.state_dict(), *inputs)
    outputs = got if isinstance(got, tuple) else (got,)
    for a, b in zip(outputs, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=True)
