"""Inputs of uint8: cast at the input, in the emitted module and in the file."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import TensorProto

from specc.backends.onnx import write
from specc.backends.torch import torch_module, torch_source
from specc.ir.graph import Graph
from specc.weights import Initialised
from tests.verify.networks import graph_of

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
IMAGENET = f"affine(1 / 255) -> standardize({list(MEAN)}, {list(STD)})"
LAST = f"""
model Last : (image: uint8 [N, H, W, 3]) -> (scores: [N, 4], raw) where H >= 3, W >= 3 {{
  image -> permute(0, 3, 1, 2) -> {IMAGENET} -> conv1: conv(4, 3) -> globalavgpool -> scores: flatten
  let raw = image
}}
"""
"""Channels last; the input is given out, too."""

PLACES = {
    "a layer": ("uint8 [N, 3, 6, 5]", "conv1: conv(4, 3)", "x.to(self.conv1.weight.dtype)"),
    "a norm without weights first": ("uint8 [N, 3, 6, 5]", "instancenorm -> fc1: linear(4)", "self.fc1.weight.dtype"),
    "a factor": ("uint8 [N, 3, 6, 5]", "gain: scale", "x.to(self.gain.dtype)"),
    "a group": ("uint8 [N, 3, 6, 5]", "stem: { conv(4, 3) -> relu }", "x.to(self.stem.conv1.weight.dtype)"),
    "rounds": ("uint8 [N, 3, 6, 5]", "repeat 2 { unit(4) }", "x.to(self[0].conv1.weight.dtype)"),
    "labelled rounds": ("uint8 [N, 3, 6, 5]", "body: repeat 2 { conv(4, 1) }", "x.to(self.body[0].weight.dtype)"),
    "numbers beside names": ("uint8 [N, 3, 6, 5]", "0: conv(4, 1) -> a: bn", 'getattr(self, "0").weight.dtype'),
    "a slot": ("uint8 [N, 3, 6, 5]", "s: slotted(relu) -> t: slotted(tanh)", "x.to(self.s.conv1.weight.dtype)"),
    "shared steps": (
        "(x: uint8 [N, 3, 6, 5], y: uint8 [N, 3, 6, 5])",
        "shared tower = conv(4, 3) -> relu\n  add { | x -> tower | y -> tower }",
        "y.to(self.tower.conv1.weight.dtype)",
    ),
    "nowhere": ("uint8 [N, 3, 6, 5]", "relu -> maxpool(2)", "x = x if x.is_floating_point() else x.float()"),
}
"""Where the first weight is: the contract, the steps, what the module says."""


def spec(name: str) -> Graph:
    contract, steps, _ = PLACES[name]
    return graph_of(f"""
block unit(c) {{ conv(c, 1) -> relu }}
block slotted(act) {{ conv(4, 1) -> act }}
model M : {contract} {{
  {steps}
}}
""")


def images(graph: Graph) -> list[torch.Tensor]:
    stream = np.random.default_rng(1)
    sizes = {"N": 2, "H": 6, "W": 5}
    shapes = [[sizes.get(str(size), size) for size in port.type.shape] for port in graph.inputs]
    return [torch.from_numpy(stream.integers(0, 256, shape, np.uint8)) for shape in shapes]


def file_of(graph: Graph, *, functions: bool = False) -> onnx.ModelProto:
    file = BytesIO()
    write(graph, Initialised(0), file, functions=functions)
    return onnx.load_from_string(file.getvalue())


def by_hand(image: torch.Tensor, weights: dict[str, torch.Tensor]) -> torch.Tensor:
    """As torchvision's transforms do it in front of a network."""
    x = image.permute(0, 3, 1, 2).float() / 255
    x = (x - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    return torch.conv2d(x, weights["conv1.weight"], weights["conv1.bias"]).mean((2, 3))


def test_module_and_file_take_the_bytes_and_normalise_them() -> None:
    graph = graph_of(LAST)
    (image,) = images(graph)
    module = torch_module(graph, Initialised(0))
    scores, raw = module(image)
    right = by_hand(image, module.state_dict())
    torch.testing.assert_close(scores, right)
    assert raw.dtype == torch.float32
    assert torch.equal(raw, image.float())
    session = ort.InferenceSession(file_of(graph).SerializeToString())
    scores, raw = session.run(None, {"image": image.numpy()})
    np.testing.assert_allclose(scores, right, rtol=1e-5, atol=1e-6)
    assert raw.dtype == np.float32
    np.testing.assert_array_equal(raw, image.numpy())


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_bytes_become_what_the_module_computes_in(dtype: torch.dtype) -> None:
    graph = graph_of(LAST)
    (image,) = images(graph)
    module = torch_module(graph, Initialised(0)).to(dtype)
    scores, raw = module(image)
    assert scores.dtype == raw.dtype == dtype
    assert torch.equal(raw.float(), image.float())  # 255 fits in the 8 bits of bfloat16


def test_module_without_weights_computes_in_what_it_is_given() -> None:
    module = torch_module(spec("nowhere"), Initialised(0))
    (image,) = images(spec("nowhere"))
    assert module(image).dtype == torch.float32
    assert module(image.double()).dtype == torch.float64
    assert torch.equal(module(image.double()).float(), module(image))


@pytest.mark.filterwarnings("ignore:`torch.jit.:DeprecationWarning")
@pytest.mark.parametrize("name", PLACES)
def test_cast_is_readable_and_scripts(name: str) -> None:
    graph, said = spec(name), PLACES[name][2]
    source = torch_source(graph)
    assert said in source
    module, given = torch_module(graph, Initialised(0)), images(graph)
    with torch.no_grad():
        right = module(*given)
        assert right.dtype == torch.float32
        assert torch.equal(torch.jit.script(module)(*given), right)


def test_cast_exports() -> None:
    graph = graph_of(LAST)
    (image,) = images(graph)
    module = torch_module(graph, Initialised(0))
    exported = torch.export.export(module, (image,)).module()
    assert all(map(torch.equal, exported(image), module(image)))


@pytest.mark.parametrize("functions", [False, True])
def test_file_declares_bytes_and_casts_them_first(functions: bool) -> None:
    graph = graph_of("""
block unit(c) { conv(c, 1) -> relu }
model M : (image: uint8 [N, 3, 6, 5], mask: [N, 3, 6, 5]) { mul { | image | mask } -> unit(2) }
""")
    model = file_of(graph, functions=functions)
    assert [port.type.tensor_type.elem_type for port in model.graph.input] == [TensorProto.UINT8, TensorProto.FLOAT]
    first = model.graph.node[0]
    assert (first.op_type, list(first.input), list(first.output)) == ("Cast", ["image"], ["image/Cast"])
    assert [a.i for a in first.attribute] == [TensorProto.FLOAT]
    inner = {value.name: value.type.tensor_type.elem_type for value in model.graph.value_info}
    assert inner["image/Cast"] == TensorProto.FLOAT
    assert sum("image" in node.input for node in model.graph.node) == 1


def test_block_takes_the_cast_value() -> None:
    graph = graph_of("""
block unit(c) { conv(c, 1) -> relu }
model M : (image: uint8 [N, 3, 6, 5]) { image -> unit(2) }
""")
    (image,) = images(graph)
    session = ort.InferenceSession(file_of(graph, functions=True).SerializeToString())
    (result,) = session.run(None, {"image": image.numpy()})
    right = torch_module(graph, Initialised(0))(image)
    np.testing.assert_allclose(result, right.detach(), rtol=1e-5, atol=1e-5)
