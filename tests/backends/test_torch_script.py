"""What is emitted goes into a program without Python: through torch.jit.script, and through torch.export."""

from __future__ import annotations

import linecache
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, Phase, assume, find, given, settings
from pydantic import ValidationError

import specc
from specc import ops
from specc.backends.torch import torch_module, torch_source
from specc.backends.torch.python_file import class_name
from specc.elaborate import check_file
from specc.ir.graph import Graph
from specc.ir.op import Op, Refusal
from specc.source import Source
from specc.syntax import parse, read
from specc.weights import Randomised
from tests.backends.test_torch import HARD, images, scale
from tests.backends.test_torch_blocks import BN, RELU, Net, conv, listed, nets
from tests.ops.test_registry import is_small, steps
from tests.twins import graph_of

EXAMPLES = Path(__file__).parents[2] / "examples"
SPECS = sorted(path for path in EXAMPLES.rglob("*.cnn*") if path.is_file())

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.:DeprecationWarning")


def check_scripted(graph: Graph, *inputs: torch.Tensor) -> None:
    """The scripted module gives what the module gives, to the bit."""
    module = torch_module(graph, Randomised(3))
    scripted = torch.jit.script(module)
    assert list(scripted.state_dict()) == list(module.state_dict())
    with torch.no_grad():
        for a, b in zip(listed(scripted(*inputs)), listed(module(*inputs)), strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.name)
def test_every_example_can_be_scripted(spec: Path) -> None:
    """The smallest network of each file, without its weights: what can be scripted is a matter of the code."""
    torch.jit.script(without_weights(smallest(spec), spec))


def smallest(spec: Path) -> Graph:
    """A module of HRNet's at each resolution shows what several show."""
    if spec.name == "hrnet.cnn":
        return specc.load(spec, modules=[1, 1, 1]).graph
    return min((checked.graph for checked in check_file(parse(read(spec)))), key=lambda graph: len(graph.nodes))


def without_weights(graph: Graph, spec: Path) -> torch.nn.Module:
    """The default device is for the making alone: asked for at every function, it takes a sixth of exporting."""
    with torch.device("meta"):
        return run_from_file(torch_source(graph), spec.stem)[class_name(graph)]().eval()


def run_from_file(source: str, name: str) -> dict[str, Any]:
    """TorchScript reads the source of what it compiles."""
    file = f"<{name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    space: dict[str, Any] = {"__name__": f"emitted_{name.replace('.', '_')}"}
    exec(compile(source, file, "exec"), space)
    return space


@settings(
    deadline=None,
    max_examples=30,
    phases=[Phase.generate],
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(nets())
def test_any_tree_of_blocks_can_be_scripted(graph: Graph) -> None:
    """But for shared steps in a block that does not hold them: TorchScript takes no module as an argument."""
    assume(not re.search(r"def forward\([^)]*: nn\.Module", torch_source(graph)))
    check_scripted(graph, images(2, 4, 4, 4))


@cache
def any_step(kind: type[Op]) -> Graph:
    """The network of a small step of this kind, the first drawn of which two arguments are said, if it has two."""
    said = min(2, len(kind.model_fields))

    def network(step: tuple[dict[str, Any], tuple[tuple[int, ...], ...]]) -> Graph | None:
        arguments, shapes = step
        try:
            graph = graph_of(kind(**arguments), *shapes)
        except (ValidationError, Refusal):
            return None
        (node,) = graph.nodes
        if kind.kind == "multiheadattention" and not arguments.get("bias", True):
            return None  # TorchScript does not take PyTorch's own layer without biases
        return graph if is_small(node.op, node.input_types) and len(arguments) >= said else None

    quiet = settings(max_examples=300, derandomize=True, database=None, deadline=None, phases=[Phase.generate])
    graph = network(find(steps(kind), lambda step: network(step) is not None, settings=quiet))
    assert graph is not None
    return graph


@pytest.mark.parametrize("kind", ops.operators(), ids=lambda kind: kind.kind)
def test_every_operator_can_be_scripted(kind: type[Op]) -> None:
    graph = any_step(kind)
    check_scripted(graph, *(images(2, *port.type.sample) for port in graph.inputs))


def labelled(label: str) -> Graph:
    """A layer, a parameter and a group of this name, one in the other."""
    net = Net(input=(4, 8, 8))
    net.step(label, conv(4))
    for group, op in (("g", scale(4)), ("h", conv(4))):
        with net.group(group):
            net.step(label, op)
            net.step("relu1", RELU)
            net.step("bn", BN)
    with net.group(f"{label}1"):
        net.step("conv", conv(4))
        net.step("relu1", RELU)
    return net.graph()


OWN = {*dir(torch.nn.Module()), "__debug__", "_initializing"}
"""TorchScript looks these up in the module itself, and takes no layer of that name."""


@pytest.mark.parametrize("label", [*HARD, "0", "12", "append", "graph", "code", "_conv_stem", "block1-0", "self", "i"])
def test_whatever_a_layer_is_called(label: str) -> None:
    if label == "input":
        return
    if label in OWN:
        with pytest.raises((RuntimeError, AssertionError)):
            torch.jit.script(torch_module(labelled(label), Randomised(3)))
    else:
        check_scripted(labelled(label), images(2, 4, 8, 8))


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.name)
def test_every_example_can_be_exported(spec: Path) -> None:
    """As above: without weights a network is exported as it is with them."""
    graph = smallest(spec)
    module = without_weights(graph, spec)
    sizes = ([2, *(s if isinstance(s, int) else 96 for s in port.type.sample)] for port in graph.inputs)
    inputs = tuple(torch.empty(size, device="meta") for size in sizes)
    (outputs,) = torch.export.export(module, inputs).graph.output_node().args
    assert [tuple(x.meta["val"].shape) for x in outputs] == [tuple(x.shape) for x in listed(module(*inputs))]


@pytest.mark.parametrize("spec", ["lenet.cnn", "zoo/unet.cnn"])
def test_what_is_exported_computes_the_same(spec: str) -> None:
    settings = {"c": 4} if "unet" in spec else {}
    model = specc.load(EXAMPLES / spec, **settings)
    module = model.to_torch()
    (port,) = model.graph.inputs
    x = images(2, *(size if isinstance(size, int) else 32 for size in port.type.sample))
    assert torch.equal(torch.export.export(module, (x,)).module()(x), module(x))


@pytest.mark.parametrize("deferred", [False, True])
def test_sizes_of_other_values_stay_open_in_exported_programs(deferred: bool) -> None:
    """One program for every size. That there is enough to crop torch.export cannot prove: it has to ask at run time."""
    cut = (
        "half -> upsample(scale_factor=3) -> cut: crop(like=in)" if deferred else "half -> cut: pad(like=in, offset=0)"
    )
    text = f"""
    model M : [N, 2, H, W] where H >= 8, W >= 8 {{
      conv(2, 3, stride=2, padding=1) -> half: relu
      smooth: upsample(like=in, mode="bilinear")
      half -> near: upsample(like=in)
      half -> padded: pad(like=in)
      {cut}
      add {{ | smooth | near | padded | cut }}
    }}
    """
    (checked,) = check_file(parse(Source("sizes.cnn", text)))
    module = torch_module(checked.graph, Randomised(3))
    axes = {2: torch.export.Dim("H", min=8), 3: torch.export.Dim("W", min=8)}
    program = torch.export.export(
        module,
        (images(2, 2, 21, 30),),
        dynamic_shapes=(axes,),
        prefer_deferred_runtime_asserts_over_guards=deferred,
    ).module()
    for size in ((8, 9), (31, 14), (40, 40)):
        x = images(2, 2, *size)
        torch.testing.assert_close(program(x), module(x), rtol=0, atol=0)
