"""What the bounds of single steps stand on: how much of them right engines need, and how far slight faults are beyond.

    python benchmarks/steps.py [--steps] [--seeds 3]

Every operator runs by itself in PyTorch and, as specc writes it, in ONNX Runtime (optimisation off and on), on every
kind of input. Printed is the largest error as a part of what `specc.verify.step_bounds` allows: 1 is the bound. Then
the same for slightly wrong files; only the most telling input counts. Exits with 1 where a right engine is beyond its
bound, or a fault within it. Takes three minutes.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper

from specc.backends import onnx as backend
from specc.backends.torch import torch_module
from specc.ir.graph import Graph, Node, Port
from specc.ir.size import symbol
from specc.ir.types import TensorType
from specc.ops import find
from specc.source import Source
from specc.verify.cases import Case
from specc.verify.sessions import open_session, run
from specc.verify.step_bounds import allowed, rule
from specc.weights import Randomised

Array = npt.NDArray[Any]
SPAN = Source("step.cnn", "").span(0, 0)
CASES = (
    Case("normal", 2), Case("zeros", 1, scale=0.0), Case("x 1e3", 1, scale=1e3), Case("x 1e-6", 1, scale=1e-6),
    Case("mean 1000", 1, mean=1000.0), Case("spikes", 1, spikes=True), Case("equal", 1, scale=0.0, mean=1000 / 3),
    Case("equal", 2, scale=0.0, mean=0.7), Case("equal", 3, scale=0.0, mean=0.0143),
)  # fmt: skip

Sample = tuple[int, ...]


class Step(NamedTuple):
    """An operator, its arguments, and the samples that it takes."""

    kind: str
    arguments: dict[str, Any]
    samples: tuple[Sample, ...]

    @property
    def text(self) -> str:
        given = ", ".join(f"{name}={value}" for name, value in self.arguments.items())
        return f"{self.kind}({given}) of {' and '.join(map(str, self.samples))}"


def step(kind: str, *samples: Sample, **arguments: Any) -> Step:
    return Step(kind, arguments, samples)


IMAGE, SIGNAL, VOLUME, WIDE = (6, 13, 9), (6, 17), (4, 5, 6, 7), (64, 14, 14)
BOTH = {"scale_factor": 2.0}, {"scale_factor": 1.7}, {"size": (7, 31)}, {"scale_factor": 3.0, "align_corners": True}


def steps() -> Iterator[Step]:
    yield from _products()
    yield from _pools()
    yield from _functions()
    yield from _norms()
    yield from _resampled()
    yield from _exact()
    yield from _large()


def _large() -> Iterator[Step]:
    """Among millions of elements some are unlucky."""
    image = (16, 224, 224)
    yield step("conv", (3, 224, 224), out_channels=64, kernel=3, padding=1)
    yield step("conv", image, out_channels=16, kernel=3, groups=16)
    yield step("conv", image, out_channels=16, kernel=1)
    yield step("convtranspose", image, out_channels=4, kernel=2, stride=2)
    for kind in ("batchnorm", "softmax", "logsoftmax", "rmsnorm", "layernorm", "instancenorm", "gelu", "tanh", "elu",
                 "selu", "silu", "mish", "sigmoid", "softplus", "softsign", "hardswish", "affine", "add",
                 "exp", "log", "sqrt", "logsigmoid", "tanhshrink", "softmin"):  # fmt: skip
        samples = (image, image) if kind == "add" else (image,)
        yield step(kind, *samples, **({"factor": 0.17, "offset": 0.3} if kind == "affine" else {}))
    yield step("gelu", image, approximate="tanh")
    yield step("groupnorm", image, num_groups=4)
    yield step("lrn", image, size=5)
    yield step("lppool", image, norm_type=2.0, kernel=3)
    for kernel in (2, 3, 5):
        yield step("avgpool", image, kernel=kernel, stride=1)
    for mode in ("bilinear", "bicubic"):
        yield step("upsample", image, scale_factor=2.0, mode=mode)
        yield step("upsample", image, scale_factor=1.3, mode=mode)


def _products() -> Iterator[Step]:
    for channels, filters, kernel in ((1, 4, 1), (3, 8, 3), (6, 8, 5), (64, 32, 3), (512, 16, 3), (512, 8, 1)):
        yield step("conv", (channels, 9, 8), out_channels=filters, kernel=kernel, padding=kernel // 2)
        yield step("convtranspose", (channels, 7, 6), out_channels=filters, kernel=kernel, stride=2)
    yield step("conv", IMAGE, out_channels=6, kernel=3, groups=6, padding=1, padding_mode="reflect")
    yield step("conv", IMAGE, out_channels=4, kernel=3, padding="same", dilation=2, bias=False)
    yield step("conv", SIGNAL, out_channels=4, kernel=5, padding_mode="circular", padding=2)
    yield step("conv", VOLUME, out_channels=4, kernel=3)
    for features in (1, 10, 400, 4608, 25088):
        yield step("fc", (features,), out_features=64)
    yield step("linear", (5, 96), out_features=32)
    yield step("linear", (5, 96), out_features=32, bias=False)
    for sample in ((6,), IMAGE, VOLUME):
        yield step("batchnorm", sample)
    yield step("instancenorm", IMAGE, affine=True, track_running_stats=True)


def _pools() -> Iterator[Step]:
    yield step("avgpool", IMAGE, kernel=2)
    yield step("avgpool", IMAGE, kernel=3, padding=1, stride=2, count_include_pad=False)
    yield step("avgpool", (4, 40, 40), kernel=16, stride=3)
    yield step("avgpool", IMAGE, kernel=3, divisor_override=5)
    yield step("avgpool", VOLUME, kernel=3)
    for size in (5, (3, 2), 1):
        yield step("adaptiveavgpool", IMAGE, size=size)
    yield step("adaptiveavgpool", (4, 100, 90), size=7)
    for side in (3, 7, 14, 56, 64, 112, 224):
        yield step("globalavgpool", (4, side, side))
        yield step("mean", (4, side, side), dim=(2, 3))
    yield step("mean", (768, 5), dim=1)
    for norm in (1.0, 2.0, 3.0, 2.5, 4.0, 0.5, 8.0):
        yield step("lppool", IMAGE, norm_type=norm, kernel=3, stride=2)
    yield step("lppool", (4, 40, 40), norm_type=2.0, kernel=16)


def _functions() -> Iterator[Step]:
    for sample in (IMAGE, (3, 80, 70)):
        for kind in ("selu", "silu", "mish", "sigmoid", "tanh", "softsign", "hardsigmoid", "hardswish"):
            yield step(kind, sample)
        for alpha in (1.0, 0.1, 5.0):
            yield step("elu", sample, alpha=alpha)
            yield step("celu", sample, alpha=alpha)
        for approximate in ("none", "tanh"):
            yield step("gelu", sample, approximate=approximate)
        for options in ({}, {"beta": 2.0}, {"beta": 0.3, "threshold": 1.0}, {"threshold": 50.0}):
            yield step("softplus", sample, **options)
    for axis, sample in ((1, (10,)), (1, (1000,)), (1, IMAGE), (-1, IMAGE), (2, (4, 300, 5))):
        yield step("softmax", sample, dim=axis)
        yield step("logsoftmax", sample, dim=axis)


def _norms() -> Iterator[Step]:
    for sample in (SIGNAL, IMAGE, WIDE, (8, 56, 56), (4, 128, 128)):
        for options in ({}, {"affine": True}):
            yield step("instancenorm", sample, **options)
        yield step("groupnorm", sample, num_groups=2)
        yield step("groupnorm", sample, num_groups=1, affine=False)
        yield step("layernorm", sample)
        yield step("layernorm", sample, normalized_shape=sample[1:])
        yield step("rmsnorm", sample)
        yield step("rmsnorm", sample, normalized_shape=sample)
        yield step("lrn", sample, size=5)
        yield step("lrn", sample, size=4, alpha=0.3, beta=2.0, k=2.0)
    for width in (2, 768, 4096):
        yield step("layernorm", (3, width))
        yield step("rmsnorm", (3, width))


def _resampled() -> Iterator[Step]:
    for mode in ("bilinear", "bicubic"):
        for sample in (IMAGE, (3, 60, 50)):
            for options in BOTH:
                yield step("upsample", sample, mode=mode, **options)
            yield step("upsample", sample, mode=mode, scale_factor=0.3)
    yield step("upsample", SIGNAL, mode="linear", size=40)
    yield step("upsample", (2, 500), mode="linear", size=1234, align_corners=True)
    yield step("upsample", VOLUME, mode="trilinear", scale_factor=2.0)


def _exact() -> Iterator[Step]:
    for kind in ("relu", "relu6", "leakyrelu", "hardtanh", "prelu", "scale", "identity", "dropout", "alphadropout",
                 "stochasticdepth", "globalmaxpool", "flatten"):  # fmt: skip
        yield step(kind, IMAGE, **({"p": 0.3} if kind == "stochasticdepth" else {}))
    yield step("leakyrelu", IMAGE, negative_slope=0.2)
    yield step("hardtanh", IMAGE, min_val=-0.1, max_val=0.7)
    yield step("prelu", IMAGE, num_parameters=6)
    yield step("affine", IMAGE, factor=0.17)
    yield step("affine", IMAGE, factor=-0.17, offset=0.3)
    for kind in ("add", "sub", "mul", "maximum", "concat"):
        yield step(kind, IMAGE, IMAGE)
        yield step(kind, IMAGE, IMAGE, IMAGE)
    yield step("mul", IMAGE, (6, 1, 1))
    yield step("maxpool", IMAGE, kernel=3, stride=2, padding=1, ceil_mode=True)
    yield step("maxpool", IMAGE, kernel=2, dilation=3, padding=1)
    yield step("adaptivemaxpool", IMAGE, size=5)
    yield step("amax", IMAGE, dim=(1, 3))
    for options in ({"scale_factor": 2.0}, {"scale_factor": 1.7}, {"size": (5, 20)}):
        yield step("upsample", IMAGE, **options)
    for mode in ("constant", "reflect", "replicate", "circular"):
        yield step("pad", IMAGE, padding=2, mode=mode)
    yield step("pad", IMAGE, padding=(1, 2), value=0.7)
    yield step("pixelshuffle", (8, 5, 6), upscale_factor=2)
    yield step("pixelunshuffle", (2, 6, 8), downscale_factor=2)
    yield step("channelshuffle", IMAGE, groups=3)
    yield step("reshape", IMAGE, shape=(-1, 13, 54))
    yield step("permute", IMAGE, dims=(0, 2, 3, 1))
    yield step("slice", IMAGE, start=1, stop=5)


class Fault(NamedTuple):
    """A right step, and what the file has instead: another step, or the same with a change to the model."""

    name: str
    right: Step
    wrong: Step | Callable[[onnx.ModelProto], None]


def faults() -> Iterator[Fault]:
    conv = step("conv", (64, 9, 8), out_channels=8, kernel=3, padding=1)
    yield Fault("conv of 576 terms, one tap of a filter missing", conv, _without_tap)
    yield Fault("conv of 576 terms, weights in float16", conv, _half)
    yield Fault("conv of 576 terms, no bias", conv, _without_bias)
    for terms in (10, 400, 4608):
        right = step("fc", (terms,), out_features=32)
        yield Fault(f"fc of {terms} terms, one of a row missing", right, _without_tap)
        yield Fault(f"fc of {terms} terms, weights in bfloat16", right, _brain)
    for kind, sample, arguments in (
        ("batchnorm", IMAGE, {}), ("instancenorm", IMAGE, {}), ("instancenorm", (8, 56, 56), {}),
        ("instancenorm", (4, 128, 128), {}), ("layernorm", (5, 768), {}), ("groupnorm", WIDE, {"num_groups": 2}),
        ("groupnorm", (32, 64, 64), {"num_groups": 2}),
    ):  # fmt: skip
        fine, slight = step(kind, sample, **arguments), step(kind, sample, eps=1e-6, **arguments)
        yield Fault(f"{kind} of {sample}, eps 1e-6", fine, slight)
    yield Fault("rmsnorm, eps 1e-6", step("rmsnorm", (5, 768)), step("rmsnorm", (5, 768), eps=1e-6))
    yield Fault("gelu by tanh", step("gelu", IMAGE), step("gelu", IMAGE, approximate="tanh"))
    yield Fault("leakyrelu, slope 0.01001", step("leakyrelu", IMAGE), step("leakyrelu", IMAGE, negative_slope=0.01001))
    yield Fault("elu, alpha 1.0001", step("elu", IMAGE), step("elu", IMAGE, alpha=1.0001))
    yield Fault("softplus, beta 1.0001", step("softplus", IMAGE), step("softplus", IMAGE, beta=1.0001))
    padded, bare = ({"kernel": 3, "padding": 1, "count_include_pad": count} for count in (True, False))
    yield Fault("avgpool, padding not counted", step("avgpool", IMAGE, **padded), step("avgpool", IMAGE, **bare))
    yield Fault("globalavgpool of 14 x 14, 1 + 2^-12 times", step("globalavgpool", (4, 14, 14)), _scaled)
    yield Fault("lrn, alpha 1.001e-4", step("lrn", IMAGE, size=5), step("lrn", IMAGE, size=5, alpha=1.001e-4))
    yield Fault("lrn, k 1.00001", step("lrn", IMAGE, size=5), step("lrn", IMAGE, size=5, k=1.00001))
    for mode in ("bilinear", "bicubic"):
        right = step("upsample", IMAGE, mode=mode, scale_factor=2.0)
        corners = step("upsample", IMAGE, mode=mode, scale_factor=2.0, align_corners=True)
        yield Fault(f"upsample {mode}, align_corners", right, corners)
    cubic = step("upsample", IMAGE, mode="bicubic", scale_factor=2.0)
    yield Fault("upsample bicubic, a = -0.7501", cubic, _other_cubic)
    yield Fault("lppool, norm 2.001", *(step("lppool", IMAGE, norm_type=p, kernel=3) for p in (2.0, 2.001)))
    yield Fault("affine, offset 0.30000004", *(step("affine", IMAGE, factor=2.0, offset=o) for o in (0.3, 0.30000004)))
    yield Fault("softmax over another axis", *(step("softmax", IMAGE, dim=axis) for axis in (1, 2)))


def _change(model: onnx.ModelProto, rank: int, change: Callable[[Array], Array]) -> None:
    tensor = next(t for t in model.graph.initializer if len(t.dims) >= rank)
    tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor).copy()), tensor.name))


def _without_tap(model: onnx.ModelProto) -> None:
    def change(weight: Array) -> Array:
        weight.reshape(-1)[3] = 0
        return weight

    _change(model, 2, change)


def _half(model: onnx.ModelProto) -> None:
    _change(model, 2, lambda weight: weight.astype(np.float16).astype(np.float32))


def _brain(model: onnx.ModelProto) -> None:
    _change(model, 2, lambda weight: torch.from_numpy(weight).bfloat16().float().numpy())


def _without_bias(model: onnx.ModelProto) -> None:
    next(node for node in model.graph.node if node.op_type == "Conv").input.pop()


def _scaled(model: onnx.ModelProto) -> None:
    last, name = model.graph.node[-1], model.graph.output[0].name
    last.output[0] = "before"
    model.graph.initializer.append(numpy_helper.from_array(np.float32(1 + 2**-12), "factor"))
    model.graph.node.append(onnx.helper.make_node("Mul", ["before", "factor"], [name]))


def _other_cubic(model: onnx.ModelProto) -> None:
    resize = next(node for node in model.graph.node if node.op_type == "Resize")
    next(a for a in resize.attribute if a.name == "cubic_coeff_a").f = -0.7501


class Judge:
    """One step and its truth on every kind of input."""

    def __init__(self, made: Step, seeds: int = 1) -> None:
        self.graph = graph(made)
        self.node = self.graph.nodes[0]
        self._single = torch_module(self.graph, Randomised(0))
        self._double = torch_module(self.graph, Randomised(0)).double()
        self._truths = [self._truth(case, seed) for case in CASES for seed in range(seeds)]

    def _truth(self, case: Case, seed: int) -> tuple[str, dict[str, Array], Array, Array, Array]:
        inputs = case.inputs(self.graph, seed)
        wide = [value.astype(np.float64) for value in inputs.values()]
        with torch.no_grad():
            exact = self._double(*map(torch.from_numpy, wide)).numpy()
            single = self._single(*map(torch.from_numpy, inputs.values())).numpy()
        return case.name, inputs, exact, single, allowed(self.node, self._double, wide, exact)

    def torch(self) -> tuple[float, str]:
        return max((_part(single, exact, single, most), name) for name, _, exact, single, most in self._truths)

    def onnx(self, model: bytes, optimised: bool) -> tuple[float, str]:
        session = open_session(model, "cpu", optimised)
        return max(
            (_part(run(session, inputs)[0], exact, single, most), name)
            for name, inputs, exact, single, most in self._truths
        )


def _part(result: Array, exact: Array, single: Array, most: Array) -> float:
    """The largest error as a part of what is allowed; of exact steps, infinity where a number differs."""
    if not most.any():
        return 0.0 if np.array_equal(result, single, equal_nan=True) else float("inf")
    finite = np.isfinite(single) & np.isfinite(exact)
    if not finite.any():
        return 0.0
    if not np.isfinite(result[finite]).all():
        return float("inf")
    return float((np.abs(result - exact)[finite] / most[finite]).max())


def graph(made: Step) -> Graph:
    operator = find(made.kind)
    assert operator is not None, made.kind
    op, types = operator(**made.arguments), tuple(TensorType(symbol("N"), sample) for sample in made.samples)
    ports = tuple(Port(f"x{i}", x) for i, x in enumerate(types))
    node = Node("step", op, tuple(port.name for port in ports), types, op.infer(*types), SPAN)
    return Graph("Step", ports, ((Port("y", node.type), "step"),), (node,))


def written(made: Step) -> onnx.ModelProto:
    file = BytesIO()
    backend.write(graph(made), Randomised(0), file)
    return onnx.load_from_string(file.getvalue())


def faulty(fault: Fault) -> bytes:
    if isinstance(fault.wrong, Step):
        return written(fault.wrong).SerializeToString()
    model = written(fault.right)
    fault.wrong(model)
    return model.SerializeToString()


def right_engines(verbose: bool, seeds: int) -> float:
    """Prints the worst of each kind of arithmetic for each engine; gives the worst of all."""
    worst: dict[str, list[tuple[float, str]]] = defaultdict(lambda: [(0.0, "")] * 3)
    for made in steps():
        judge, model = Judge(made, seeds), written(made).SerializeToString()
        found = judge.torch(), judge.onnx(model, False), judge.onnx(model, True)
        kind = type(judge.node.op.rounding(*judge.node.input_types)).__name__
        if verbose:
            print(f"{made.text:<70}{rule(judge.node):<34}" + "".join(f"{part:8.2f} {case:<10}" for part, case in found))
        worst[kind] = [
            max(old, (part, f"{made.text}, {case}")) for old, (part, case) in zip(worst[kind], found, strict=True)
        ]
    print(f"{'largest error, allowed: 1':<28}{'PyTorch':>10}{'off':>10}{'on':>10}")
    for kind, parts in worst.items():
        print(f"{kind:<28}" + "".join(f"{part:10.2f}" for part, _ in parts) + f"  {max(parts)[1]}")
    return max(part for parts in worst.values() for part, _ in parts)


def wrong_files() -> float:
    """Prints how far each fault is beyond its bound; gives the least."""
    least = float("inf")
    for fault in faults():
        part, case = Judge(fault.right).onnx(faulty(fault), True)
        print(f"{fault.name:<60}{part:12.1f}  {case}")
        least = min(least, part)
    return least


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", action="store_true", help="print every step")
    parser.add_argument("--seeds", type=int, default=1, help="so many inputs of each kind")
    options = parser.parse_args()
    torch.set_num_threads(1)
    most, least = right_engines(options.steps, options.seeds), wrong_files()
    print(f"right engines: {most:.2f} of the bound at most; faults: {least:.1f} times the bound at least")
    sys.exit(most > 1 or least <= 1)


if __name__ == "__main__":
    main()
