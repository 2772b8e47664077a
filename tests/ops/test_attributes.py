"""No attribute is dropped: to change one changes what each backend emits. Order, names, defaults are PyTorch's."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic.fields import FieldInfo
from torch import nn
from torch.nn import functional

from specc import ops
from specc.backends import onnx as onnx_backend
from specc.backends.torch import torch_source
from specc.ir.graph import Graph
from specc.ir.init import INITIALISERS
from specc.ir.op import Op
from specc.ir.targets import Value
from specc.weights import Initialised
from tests.twins import graph_of, make, refusal

Sample = tuple[int, ...]


# ---- every attribute reaches every backend -------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """An accepted step, and for each field other values that it accepts too; all of them mean different things."""

    arguments: dict[str, Any]
    samples: tuple[Sample, ...]
    others: dict[str, list[Any]]

    def variants(self, kind: str, field: str) -> list[Op]:
        """The step, then the step with only that field changed."""
        changed = [{field: value} for value in self.others[field]]
        return [make(kind, **(self.arguments | change)) for change in ({}, *changed)]


def step(arguments: dict[str, Any], *samples: Sample, **others: list[Any]) -> Step:
    return Step(arguments, samples, others)


def numbers(*shape: int) -> Any:
    """A nested list of that shape; no two of its entries along the first axis are the same."""
    return tuple(numbers(*shape[1:]) if shape[1:] else i + 0.5 for i in range(shape[0]))


_PLANE = (2, 8, 8)
_NORM: dict[str, list[Any]] = {"eps": [1e-3], "affine": [False]}
_RUNNING: dict[str, list[Any]] = {"eps": [1e-3], "momentum": [0.3, 0.0]}
_FROZEN: dict[str, list[Any]] = {"frozen": [True]}
_DENSE: dict[str, list[Any]] = {"bias": [False, numbers(4)], "init": [*INITIALISERS], **_FROZEN}
_TAIL: dict[str, list[Any]] = {
    "normalized_shape": [(3, 5), (4, 3, 5)],
    "eps": [1e-3],
    "elementwise_affine": [False],
    **_FROZEN,
}

# Several steps of a kind where its ONNX takes several ways.
STEPS: dict[str, list[Step]] = {
    "adaptiveavgpool": [
        step({"size": 3}, (2, 6, 6), size=[2, 4, (3, 2), (None, 3)]),
        step({"size": 3}, (2, 5, 5), size=[2, 4, (3, 2), (None, 3)]),
    ],
    "adaptivemaxpool": [
        step({"size": 3}, (2, 6, 6), size=[2, 4, (3, 2), (None, 3)]),
        step({"size": 3}, (2, 5, 5), size=[2, 4, (3, 2), (None, 3)]),
    ],
    "alphadropout": [step({}, _PLANE, p=[0.2, 0.0, 1.0])],
    "affine": [
        step({"factor": 0.5}, _PLANE, factor=[2.0, (0.5, 1.0)], offset=[0.5, (0.5, 1e-3)]),
        step({"factor": (0.5, 2.0)}, (2, 2, 2), dim=[2, 3]),
    ],
    "amax": [step({"dim": 2}, _PLANE, dim=[1, 3, (2, 3)], keepdim=[True])],
    "avgpool": [
        step(
            {"kernel": 3, "stride": 2, "padding": 1},
            _PLANE,
            kernel=[2, (3, 2)],
            stride=[1, None, (2, 1)],
            padding=[0, (1, 0), ((0, 1), (2, 0))],
            ceil_mode=[True],
            count_include_pad=[False],
            divisor_override=[5],
        ),
        step(
            {"kernel": 3, "stride": 2, "padding": 1, "count_include_pad": False},
            _PLANE,
            kernel=[2],
            stride=[1, None],
            padding=[0, ((0, 1), (2, 0)), "same_upper"],
            ceil_mode=[True],
            divisor_override=[5],
        ),
        step(
            {"kernel": 3, "stride": 2, "padding": 1, "divisor_override": 5},
            _PLANE,
            kernel=[2],
            stride=[1, None],
            padding=[0],
            ceil_mode=[True],
            divisor_override=[9, 7],
        ),
    ],
    "batchnorm": [
        step({}, (3, 4, 4), **_NORM, **_FROZEN, momentum=[0.3, 0.5, None], scale=[False], bias=[False]),
        step({}, (3, 4, 4), weight=[numbers(3)], running_mean=[numbers(3)], running_var=[numbers(3)]),
        step({"affine": False}, (3,), **_RUNNING, affine=[True]),
    ],
    "celu": [step({}, _PLANE, alpha=[0.5, 2.0])],
    "channelshuffle": [step({"groups": 2}, (8, 3, 3), groups=[1, 4])],
    "clamp": [step({"min": 0.5}, _PLANE, min=[0.0, -1.0], max=[1.0, 6.0])],
    "concat": [step({}, (2, 3, 3), (2, 3, 3), dim=[2, 3])],
    "conv": [
        step({"out_channels": 4, "kernel": 3, "stride": 2}, (4, 8, 8), padding=["same_upper"]),
        step(
            {"out_channels": 4, "kernel": 3, "padding": 2},
            (4, 8, 8),
            out_channels=[2, 8],
            kernel=[2, (3, 1)],
            stride=[2, (2, 1)],
            padding=["same", "valid", (1, 0), ((0, 1), (2, 0)), ((3, 0), (1, 1))],
            dilation=[2, (2, 1)],
            groups=[2, 4],
            padding_mode=["reflect", "replicate", "circular"],
            weight=[numbers(4, 4, 3, 3)],
            **_DENSE,
        ),
        step(
            {"out_channels": 4, "kernel": 3, "padding": 1, "padding_mode": "reflect", "bias": False},
            (4, 8),
            kernel=[2],
            stride=[2],
            padding=[0, 2],
            dilation=[2],
            groups=[2],
            padding_mode=["zeros"],
            bias=[True],
            frozen=[True],
        ),
    ],
    "convtranspose": [
        step(
            {"out_channels": 4, "kernel": 3, "stride": 2, "padding": 1},
            (4, 5, 5),
            out_channels=[2, 8],
            kernel=[2, (3, 2)],
            stride=[1, (2, 1)],
            padding=[0, (1, 0), ((0, 1), (2, 0)), "same_upper"],
            output_padding=[1, (1, 0)],
            groups=[2, 4],
            dilation=[2, (2, 1)],
            weight=[numbers(4, 4, 3, 3)],
            **_DENSE,
        ),
        step(
            {"out_channels": 4, "kernel": 3, "dilation": 3, "output_padding": 1},
            (4, 5, 5),
            kernel=[2],
            stride=[2, 3],
            padding=[1],
            output_padding=[0, 2],
            groups=[2],
            dilation=[2],
            bias=[False],
        ),
    ],
    "crop": [step({"like": Value(1)}, (2, 8, 9), (1, 5, 5), offset=["end", 0, 2, (0, 4)], dim=[2, 3])],
    "depthtospace": [step({"blocksize": 2}, (16, 3, 3), blocksize=[1, 4], mode=["CRD"])],
    "dropout": [step({}, _PLANE, p=[0.2, 0.0, 1.0])],
    "elu": [step({}, _PLANE, alpha=[0.5, -1.0])],
    "expand": [step({"like": Value(1)}, (2, 1, 5), (2, 5, 5))],
    "fc": [step({"out_features": 4}, (6,), out_features=[2], weight=[numbers(4, 6)], **_DENSE)],
    "flatten": [step({}, (2, 3, 4), start_dim=[2], end_dim=[1, 2])],
    "fuse": [step({}, _PLANE, _PLANE, eps=[1e-3], init=[0.5], **_FROZEN)],
    "gelu": [step({}, _PLANE, approximate=["tanh"])],
    "glu": [step({}, _PLANE, dim=[1, 2])],
    "groupnorm": [
        step({"num_groups": 2}, (8, 3, 3), num_groups=[1, 4], **_NORM, **_FROZEN),
        step({"num_groups": 2, "affine": False}, (8, 3, 3), num_groups=[4], eps=[1e-3]),
    ],
    "hardshrink": [step({}, _PLANE, lambd=[0.1, 2.0])],
    "hardtanh": [step({}, _PLANE, min_val=[-2.0, 0.0], max_val=[6.0, 0.0])],
    "instancenorm": [
        step({}, (3, 4, 4), eps=[1e-3], affine=[True], track_running_stats=[True]),
        step({"affine": True, "track_running_stats": True}, (3, 4), **_RUNNING, affine=[False], **_FROZEN),
    ],
    "layernorm": [step({}, (4, 3, 5), **_TAIL, bias=[False])],
    "leakyrelu": [step({}, _PLANE, negative_slope=[0.2, 0.0])],
    "linear": [
        step({"out_features": 4}, (3, 6), out_features=[2], weight=[numbers(4, 6)], **_DENSE),
        step({"out_features": 4}, (6,), bias=[False]),
    ],
    "logsoftmax": [step({}, _PLANE, dim=[2, 3])],
    "lppool": [
        step(
            {"norm_type": 2.0, "kernel": 3, "stride": 2},
            _PLANE,
            norm_type=[1.0, 3.0],
            kernel=[2, (3, 2)],
            stride=[1, None],
            ceil_mode=[True],
        )
    ],
    "lrn": [step({"size": 3}, (4, 5, 5), size=[2, 5], alpha=[1e-3], beta=[0.5], k=[2.0])],
    "maxpool": [
        step(
            {"kernel": 3, "stride": 2, "padding": 1},
            _PLANE,
            kernel=[2, (3, 2)],
            stride=[1, None, (2, 1)],
            padding=[0, (1, 0), ((0, 1), (2, 0)), "same_upper"],
            dilation=[2, (2, 1)],
            ceil_mode=[True],
        ),
        step(
            {"kernel": 3, "stride": 4, "padding": 1, "dilation": 2, "ceil_mode": True},
            _PLANE,
            kernel=[2],
            stride=[3],
            padding=[0],
            dilation=[1],
            ceil_mode=[False],
        ),
    ],
    "mean": [step({"dim": 2}, _PLANE, dim=[1, 3, (2, 3)], keepdim=[True])],
    "normalize": [step({}, _PLANE, p=[1.0], dim=[2, 3], eps=[1e-3])],
    "pad": [
        step(
            {"padding": 1},
            (2, 5, 5),
            padding=[2, (1, 1), (1, 2, 0, 1), (1, 1, 1, 1, 1, 1)],
            mode=["reflect", "replicate", "circular"],
            value=[0.5],
        ),
        step({"padding": 1, "mode": "circular"}, (2, 5, 5), padding=[2, (1, 2, 0, 1)], mode=["constant"]),
        step(
            {"like": Value(1)},
            (2, 5, 5),
            (1, 8, 9),
            offset=["end", 0, 2, (0, 3)],
            dim=[2, -1],
            mode=["reflect", "replicate", "circular"],
            value=[0.5],
        ),
    ],
    "permute": [step({"dims": (0, 1, 2, 3)}, (3, 3, 3), dims=[(0, 2, 1, 3), (0, 3, 1, 2)])],
    "pixelshuffle": [step({"upscale_factor": 2}, (16, 3, 3), upscale_factor=[1, 4])],
    "pixelunshuffle": [step({"downscale_factor": 2}, (2, 8, 8), downscale_factor=[1, 4])],
    "pow": [step({"exponent": 2.5}, _PLANE, exponent=[2.0, 3.0, 0.5, -0.5, -1.0, -2.0, 0.1])],
    "multiheadattention": [step({"num_heads": 2}, (3, 12), num_heads=[3], bias=[False], frozen=[True])],
    "prelu": [step({}, (4, 3, 3), num_parameters=[4], init=[0.5], **_FROZEN)],
    "reshape": [step({"shape": (-1, 2, 12)}, (2, 3, 4), shape=[(-1, 24), (-1, 3, 8), (-1, 12, 2)])],
    "rmsnorm": [step({}, (4, 3, 5), **_TAIL)],
    "scale": [step({}, (4, 3, 3), init=[1e-6, 0.5], **_FROZEN), step({}, (3, 3, 3), dim=[-1, 2, None])],
    "slice": [step({"start": 1, "stop": 3}, (4, 4, 4), start=[0, 2], stop=[2, 4], dim=[2, 3])],
    "softmax": [step({}, _PLANE, dim=[2, 3])],
    "softmin": [step({}, _PLANE, dim=[2, 3])],
    "softplus": [
        step({}, _PLANE, beta=[2.0, 0.5], threshold=[5.0]),
        step({"beta": 2.0}, _PLANE, beta=[3.0], threshold=[5.0, 30.0]),
    ],
    "softshrink": [step({}, _PLANE, lambd=[0.1, 2.0])],
    "spacetodepth": [step({"blocksize": 2}, (2, 8, 8), blocksize=[1, 4], mode=["CRD"])],
    "standardize": [
        step({"mean": 0.5}, _PLANE, mean=[0.1, (0.5, 1.0)], std=[0.5, (0.5, 1e-3)]),
        step({"mean": (0.5, 0.25)}, (2, 2, 2), dim=[2, 3]),
    ],
    "stochasticdepth": [step({"p": 0.1}, _PLANE, p=[0.5])],
    "sum": [step({"dim": 2}, _PLANE, dim=[1, 3, (2, 3)], keepdim=[True])],
    "threshold": [step({"threshold": 0.5, "value": 0.1}, _PLANE, threshold=[0.1, -1.0], value=[0.5, -1.0])],
    "upsample": [
        step({"size": 6}, (2, 4, 4), size=[8, (6, 4)], mode=["bilinear", "bicubic"]),
        step({"scale_factor": 2.0}, (2, 4, 4), scale_factor=[3.0, 1.25, (2.0, 3.0)], mode=["bilinear", "bicubic"]),
        step({"scale_factor": 2.0, "mode": "bilinear"}, (2, 4, 4), scale_factor=[3.0, 1.3], align_corners=[True]),
        step({"size": 7, "mode": "bicubic"}, (2, 4, 4), size=[8, 5], align_corners=[True]),
        step({"scale_factor": 2.0, "mode": "bicubic", "align_corners": False}, (2, 4, 4), align_corners=[True]),
        step({"size": 7}, (2, 4), mode=["linear"]),
        step({"like": Value(1)}, (2, 4, 4), (1, 6, 9), mode=["bilinear", "bicubic"]),
        step({"size": 7}, (2, 4, 4, 4), mode=["trilinear"]),
    ],
}  # fmt: skip

FIELDS = {(op.kind, field) for op in ops.operators() for field in op.model_fields}
_TRAINING = "for training only; what the network does afterwards is the same"
_NUMBERS = "says which numbers the weights start with"
_COUNT = "how many there are shows in the shape of the weights"

# Fields that change no node or constant of the ONNX graph, but the weights it holds.
IN_THE_WEIGHTS = {
    **{(kind, "init"): _NUMBERS for kind in ("conv", "convtranspose", "fc", "fuse", "linear", "prelu", "scale")},
    **{(kind, "weight"): _NUMBERS for kind in ("conv", "convtranspose", "fc", "linear", "batchnorm")},
    **{("batchnorm", name): _NUMBERS for name in ("running_mean", "running_var")},
    **{(kind, "out_channels"): _COUNT for kind in ("conv", "convtranspose")},
    **{(kind, "out_features"): _COUNT for kind in ("fc", "linear")},
    ("prelu", "num_parameters"): _COUNT,
    ("scale", "dim"): "along which axis it lies shows in the shape of the factor",
}

# Fields that have no meaning in an ONNX file, which is for inference.
NOT_IN_ONNX = {
    **{(kind, field): _TRAINING for kind, field in FIELDS if field == "frozen"},
    **{(kind, "p"): _TRAINING for kind in ("dropout", "alphadropout", "stochasticdepth")},
}

# Fields that are values of the network: tests/ops/test_like.py tries what becomes of them.
VALUES = {(op.kind, field) for op in ops.operators() for field in op.measures}

# Fields of which one value is accepted only: the other must be refused.
SETTLED = {("batchnorm", "track_running_stats"): False, ("stochasticdepth", "mode"): "batch"}

CASES = [
    pytest.param(kind, s, field, id=f"{kind}{i}-{field}")
    for kind, steps in STEPS.items()
    for i, s in enumerate(steps)
    for field in s.others
]


def written_torch(graph: Graph) -> str:
    """The statements of the emitted source: its comments and docstrings repeat shapes, and would hide a loss."""
    tree = ast.parse(torch_source(graph))
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef)) and ast.get_docstring(node):
            del node.body[0]
    return ast.unparse(tree)


def written_onnx(graph: Graph) -> tuple[bytes, bytes]:
    """Nodes and constants; and the weights, as seed 0 draws them. Without the declared shapes."""
    assembly = onnx_backend.checked(graph)
    proto = assembly.model.graph
    nodes = b"".join(map(onnx_backend.serialise, [*proto.node, *proto.initializer]))
    source = Initialised(0)
    weights = [
        b"%s %r " % (w.name.encode(), w.shape) + b"".join(c.tobytes() for c in source.chunks(w.path, w.parameter))
        for w in assembly.weights
    ]
    return nodes, b"".join(weights)


def test_every_field_is_covered() -> None:
    covered = {(kind, field) for kind, steps in STEPS.items() for s in steps for field in s.others}
    assert covered | SETTLED.keys() | VALUES == FIELDS
    assert not covered & SETTLED.keys()
    assert IN_THE_WEIGHTS.keys() | NOT_IN_ONNX.keys() <= FIELDS
    assert not IN_THE_WEIGHTS.keys() & NOT_IN_ONNX.keys()


def test_every_choice_is_covered() -> None:
    """Of truth values and words, all take part: no two of them may be the same to a backend."""
    for operator in ops.operators():
        for field, info in operator.model_fields.items():
            if (operator.kind, field) in SETTLED:
                continue
            taken = [s.arguments.get(field, info.default) for s in STEPS[operator.kind] if field in s.others]
            taken += [value for s in STEPS[operator.kind] for value in s.others.get(field, [])]
            missing = [choice for choice in choices(info.annotation) if choice not in taken]
            assert not missing, f"{operator.kind}.{field}: {missing}"


def choices(annotation: Any) -> list[Any]:
    """The words and truth values that a field takes."""
    if annotation is bool:
        return [False, True]
    inner = get_args(annotation)
    if get_origin(annotation) is Literal:
        return [*inner]
    return [choice for item in inner for choice in choices(item)]


@pytest.mark.parametrize(("kind", "base", "field"), CASES)
def test_pytorch_takes_notice(kind: str, base: Step, field: str) -> None:
    sources = [written_torch(graph_of(op, *base.samples)) for op in base.variants(kind, field)]
    assert len(set(sources)) == len(sources), sources


@pytest.mark.parametrize(("kind", "base", "field"), CASES)
def test_onnx_takes_notice(kind: str, base: Step, field: str) -> None:
    files = [written_onnx(graph_of(op, *base.samples)) for op in base.variants(kind, field)]
    nodes, weights = (len(set(part)) for part in zip(*files, strict=True))
    if (kind, field) in NOT_IN_ONNX:
        assert (nodes, weights) == (1, 1), NOT_IN_ONNX[kind, field]
    elif (kind, field) in IN_THE_WEIGHTS:
        assert (nodes, weights) == (1, len(files)), IN_THE_WEIGHTS[kind, field]
    elif field == "bias":  # whether there is one, and with which numbers it starts
        assert len(set(files)) == len(files)
    else:
        assert nodes == len(files)


@pytest.mark.parametrize(("kind", "field"), SETTLED)
def test_the_other_value_is_refused(kind: str, field: str) -> None:
    arguments = STEPS[kind][0].arguments | {field: SETTLED[kind, field]}
    assert refusal(make(kind, **arguments), (3, 4, 4)).argument == field


# ---- order, names and defaults are PyTorch's ------------------------------------------------------------

COUNTERPARTS: dict[str, Callable[..., Any]] = {
    "adaptiveavgpool": nn.AdaptiveAvgPool2d,
    "adaptivemaxpool": nn.AdaptiveMaxPool2d,
    "alphadropout": nn.AlphaDropout,
    "avgpool": nn.AvgPool2d,
    "batchnorm": nn.BatchNorm2d,
    "celu": nn.CELU,
    "channelshuffle": nn.ChannelShuffle,
    "conv": nn.Conv2d,
    "convtranspose": nn.ConvTranspose2d,
    "dropout": nn.Dropout,
    "elu": nn.ELU,
    "fc": nn.Linear,
    "flatten": nn.Flatten,
    "gelu": nn.GELU,
    "glu": nn.GLU,
    "groupnorm": nn.GroupNorm,
    "hardshrink": nn.Hardshrink,
    "hardtanh": nn.Hardtanh,
    "instancenorm": nn.InstanceNorm2d,
    "layernorm": nn.LayerNorm,
    "leakyrelu": nn.LeakyReLU,
    "linear": nn.Linear,
    "logsoftmax": nn.LogSoftmax,
    "lppool": nn.LPPool2d,
    "lrn": nn.LocalResponseNorm,
    "maxpool": nn.MaxPool2d,
    "multiheadattention": nn.MultiheadAttention,
    "normalize": functional.normalize,
    "pad": functional.pad,
    "pixelshuffle": nn.PixelShuffle,
    "pixelunshuffle": nn.PixelUnshuffle,
    "prelu": nn.PReLU,
    "rmsnorm": nn.RMSNorm,
    "softmax": nn.Softmax,
    "softmin": nn.Softmin,
    "softplus": nn.Softplus,
    "softshrink": nn.Softshrink,
    "threshold": nn.Threshold,
    "upsample": nn.Upsample,
}

WITHOUT_COUNTERPART = {
    "affine": "our own",
    "amax": "torch.amax has no signature to be read",
    "expand": "torch.broadcast_to has no signature to be read",
    "crop": "our own: slices up to the sizes of another value",
    "clamp": "torch.clamp has no signature to be read",
    "concat": "torch.cat has no signature to be read, and its axis 0 is our batch",
    "depthtospace": "ONNX's",
    "fuse": "our own",
    "mean": "torch.mean has no signature to be read",
    "permute": "torch.permute has no signature to be read",
    "pow": "torch.pow has no signature to be read",
    "reshape": "torch.reshape has no signature to be read",
    "scale": "our own",
    "slice": "our own: start and stop, where torch.narrow has a length",
    "spacetodepth": "ONNX's",
    "standardize": "our own",
    "stochasticdepth": "torchvision's",
    "sum": "torch.sum has no signature to be read",
}

# (kind, or "" for every kind that has no such field; PyTorch's parameter) -> why it is none of ours.
LEFT_OUT = {
    ("", "device"): "of the live module",
    ("", "dtype"): "of the live module",
    ("", "inplace"): "changes no value",
    ("", "input"): "the value that the step takes",
    ("conv", "in_channels"): "follows from the input",
    ("convtranspose", "in_channels"): "follows from the input",
    ("convtranspose", "padding_mode"): "PyTorch takes zeros only",
    ("fc", "in_features"): "follows from the input",
    ("linear", "in_features"): "follows from the input",
    ("batchnorm", "num_features"): "follows from the input",
    ("instancenorm", "num_features"): "follows from the input",
    ("groupnorm", "num_channels"): "follows from the input",
    ("instancenorm", "bias"): "new in PyTorch, by keyword only",
    ("groupnorm", "bias"): "new in PyTorch, by keyword only",
    ("multiheadattention", "embed_dim"): "follows from the input",
    ("multiheadattention", "dropout"): "of the weights: refused by name",
    ("multiheadattention", "add_bias_kv"): "refused by name",
    ("multiheadattention", "add_zero_attn"): "refused by name",
    ("multiheadattention", "kdim"): "refused by name",
    ("multiheadattention", "vdim"): "refused by name",
    ("multiheadattention", "batch_first"): "is always so",
    ("normalize", "out"): "changes no value",
    ("hardtanh", "min_value"): "deprecated",
    ("hardtanh", "max_value"): "deprecated",
    ("maxpool", "return_indices"): "a second output; it stands before ceil_mode there",
    ("adaptivemaxpool", "return_indices"): "a second output",
    ("upsample", "recompute_scale_factor"): "the size instead of the factor, which size says plainly",
}

NAMES = {
    **{(kind, "kernel"): "kernel_size" for kind in ("avgpool", "conv", "convtranspose", "lppool", "maxpool")},
    **{(kind, "size"): "output_size" for kind in ("adaptiveavgpool", "adaptivemaxpool")},
    ("pad", "padding"): "pad",
}

# Our own fields, which stand behind all of PyTorch's.
OWN = {(kind, field) for kind in ("conv", "convtranspose", "fc", "linear") for field in ("weight", "init")}
OWN |= {(kind, field) for kind, field in FIELDS if field == "frozen"}
OWN |= {("batchnorm", field) for field in ("scale", "weight", "running_mean", "running_var")}
OWN |= {("pad", "like"), ("pad", "offset"), ("pad", "dim"), ("upsample", "like")}

REQUIRED = inspect.Parameter.empty
# PyTorch's default, then ours, where they differ.
DEFAULTS = {
    ("softmax", "dim"): (None, 1),  # PyTorch guesses the axis from the rank, with a warning
    ("logsoftmax", "dim"): (None, 1),
    ("softmin", "dim"): (None, 1),
    ("layernorm", "normalized_shape"): (REQUIRED, None),  # None: the last axis, which the input knows
    ("rmsnorm", "normalized_shape"): (REQUIRED, None),
    ("pad", "padding"): (REQUIRED, None),  # or like
    ("pad", "value"): (None, 0.0),  # what None means there
}


def signature(kind: str) -> list[inspect.Parameter]:
    """PyTorch's parameters that are ours too."""
    parameters = inspect.signature(COUNTERPARTS[kind]).parameters.values()
    return [p for p in parameters if (kind, p.name) not in LEFT_OUT and ("", p.name) not in LEFT_OUT]


def fields(kind: str) -> dict[str, FieldInfo]:
    (operator,) = (op for op in ops.operators() if op.kind == kind)
    return operator.model_fields


def test_every_operator_with_fields_has_a_counterpart() -> None:
    assert COUNTERPARTS.keys() | WITHOUT_COUNTERPART.keys() == {kind for kind, _ in FIELDS}
    assert not COUNTERPARTS.keys() & WITHOUT_COUNTERPART.keys()
    assert NAMES.keys() | OWN | DEFAULTS.keys() <= FIELDS
    assert not FIELDS & LEFT_OUT.keys()


@pytest.mark.parametrize("kind", COUNTERPARTS)
def test_order_and_names_are_pytorchs(kind: str) -> None:
    ours = [NAMES.get((kind, field), field) for field in fields(kind) if (kind, field) not in OWN]
    assert ours == [p.name for p in signature(kind)]
    assert {(kind, field) for field in [*fields(kind)][len(ours) :]} <= OWN, "our own fields come last"


@pytest.mark.parametrize("kind", COUNTERPARTS)
def test_defaults_are_pytorchs(kind: str) -> None:
    shared = [(field, info) for field, info in fields(kind).items() if (kind, field) not in OWN]
    for (field, info), theirs in zip(shared, signature(kind), strict=True):
        ours = REQUIRED if info.is_required() else info.default
        expected = DEFAULTS.get((kind, field), (theirs.default, theirs.default))
        assert (theirs.default, ours) == expected, f"{kind}.{field}"
        assert isinstance(ours, bool) == isinstance(expected[1], bool), f"{kind}.{field}"
