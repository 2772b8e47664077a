"""Where ONNX Runtime and PyTorch differ, measured: the numbers of `docs/semantics.md`.

    python benchmarks/differences.py

Each line sets side by side ONNX's operator of nearly the same name, PyTorch, and what specc writes, all in float32
on the CPU, with ONNX Runtime's graph optimisation off. An error is the largest distance from PyTorch in float64.
Random inputs are drawn from a fixed seed; the last digits depend on the processor, and other versions of the
packages may differ in any of them.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import helper
from torch.nn import functional

from specc.api import Model
from specc.backends import onnx as backend
from specc.diagnostics import SpecError
from specc.elaborate import check_file
from specc.source import Source
from specc.syntax import parse
from specc.verify.sessions import ModelRefused, load_runtime, open_session, run
from specc.weights import Initialised

Array = npt.NDArray[Any]
Function = Callable[[torch.Tensor], torch.Tensor]

IR = {18: 8, 21: 10}
"""The IR version that each opset came with."""


def execute(model: bytes, *inputs: Array) -> Array:
    session = open_session(model, "cpu", optimise=False)
    return np.asarray(run(session, {port.name: x for port, x in zip(session.get_inputs(), inputs, strict=True)})[0])


def operator(kind: str, *inputs: Array | None, opset: int = 18, **attributes: Any) -> Array | str:
    """ONNX's operator by itself; None is an input left out."""
    names = [f"x{i}" if x is not None else "" for i, x in enumerate(inputs)]
    given = {name: x for name, x in zip(names, inputs, strict=True) if x is not None}
    ports = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
        for name, x in given.items()
    ]
    result = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)
    graph = helper.make_graph([helper.make_node(kind, names, ["y"], **attributes)], kind, ports, [result])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=IR[opset])
    try:
        return execute(model.SerializeToString(), *given.values())
    except ModelRefused:
        return "refused"


def specc(step: str, x: Array) -> Array | str:
    """What specc writes for a network of this one step."""
    sample = ", ".join(map(str, x.shape[1:]))
    try:
        (checked,) = check_file(parse(Source("step.cnn", f"model M : [N, {sample}] {{ {step} }}")))
    except SpecError:
        return "refused"
    file = io.BytesIO()
    backend.write(Model(checked).graph, Initialised(0), file)
    return execute(file.getvalue(), x)


def pytorch(function: Function, x: Array, dtype: torch.dtype = torch.float32) -> Array:
    result: Array = function(torch.from_numpy(x).to(dtype)).numpy()
    return result


def normal(*shape: int, mean: float = 0.0, scale: float = 1.0) -> Array:
    return (mean + scale * np.random.default_rng(0).standard_normal(shape)).astype(np.float32)


def ones(*shape: int) -> Array:
    return np.ones(shape, np.float32)


def line(*values: float) -> Array:
    """One channel of one sample."""
    return np.array([[values]], np.float32)


def show(fact: str, *cells: object) -> None:
    texts = [f"{cell:.1e}" if isinstance(cell, float) else str(cell) for cell in cells]
    print(f"{fact:<56}" + "".join(f"{text:>14}" for text in texts))


def show_error(fact: str, naive: Array | str, function: Function, step: str, x: Array, relative: bool = False) -> None:
    exact = pytorch(function, x, torch.float64)
    unit = np.abs(exact) if relative else np.ones_like(exact)
    results = naive, pytorch(function, x), specc(step, x)
    show(fact, *(r if isinstance(r, str) else float((np.abs(r - exact) / unit).max()) for r in results))


def show_value(fact: str, naive: Array | str, function: Function, step: str, x: Array) -> None:
    """The first element of each result."""
    results = naive, pytorch(function, x), specc(step, x)
    show(fact, *(r if isinstance(r, str) else f"{r.flat[0]:.5g}" for r in results))


def exponentials() -> None:
    for kind in ("Elu", "Selu", "Celu"):
        function = getattr(functional, kind.lower())
        for value in (-1e-6, -1e-8):
            x = line(value)
            show_error(f"{kind} at {value:g}, relative error", operator(kind, x), function, kind.lower(), x, True)


def other_activations() -> None:
    x = line(-1e-6)
    show_error("Tanh at -1e-06, relative error", operator("Tanh", x), torch.tanh, "tanh", x, True)
    x = line(-20)
    show_value("Sigmoid at -20", operator("Sigmoid", x), torch.sigmoid, "sigmoid", x)
    x = line(89)
    function = partial(functional.softplus, threshold=100)
    show_value("Softplus at 89, threshold 100", operator("Softplus", x), function, "softplus(threshold=100)", x)
    x = line(1)
    show_value("HardSigmoid at 1", operator("HardSigmoid", x), functional.hardsigmoid, "hardsigmoid", x)


def lrn() -> None:
    for channels in (16, 64, 256):
        x = normal(2, channels, 8, 8, scale=1e3)
        function = partial(functional.local_response_norm, size=5)
        show_error(f"LRN of {channels} channels at scale 1000, error", naive_lrn(x, 5), function, "lrn(5)", x)
    for fact, size, x in (
        ("LRN of an even size, of ones", 4, ones(1, 4, 3, 3)),
        ("LRN in 1-D, of ones", 3, ones(1, 4, 3)),
    ):
        function = partial(functional.local_response_norm, size=size)
        show_value(fact, naive_lrn(x, size), function, f"lrn({size})", x)


def naive_lrn(x: Array, size: int) -> Array | str:
    """With PyTorch's defaults."""
    return operator("LRN", x, size=size, alpha=1e-4, beta=0.75, bias=1.0)


def means() -> None:
    function = partial(functional.adaptive_avg_pool2d, output_size=1)
    for side in (32, 64, 224):
        x = normal(2, 16, side, side, mean=1000)
        naive = operator("GlobalAveragePool", x)
        show_error(f"GlobalAveragePool of {side} x {side} at mean 1000, error", naive, function, "globalavgpool", x)


def normalisations() -> None:
    """What centres its input loses fewer digits than what takes E[x²] - E[x]²."""
    x = normal(2, 8, 16, 16, mean=1000)
    at = "at mean 1000, deviation 1, error"
    naive = operator("GroupNormalization", x, ones(8), 0 * ones(8), opset=21, num_groups=2)
    function = partial(functional.group_norm, num_groups=2)
    show_error(f"GroupNormalization-21 {at}", naive, function, "groupnorm(2)", x)
    naive = operator("InstanceNormalization", x, ones(8), 0 * ones(8))
    show_error(f"InstanceNormalization {at}", naive, functional.instance_norm, "instancenorm", x)
    naive = operator("LayerNormalization", x, ones(8, 16, 16), axis=1)
    function = partial(functional.layer_norm, normalized_shape=(8, 16, 16))
    show_error(f"LayerNormalization {at}", naive, function, "layernorm(normalized_shape=(8, 16, 16))", x)


def epsilons() -> None:
    x = line(0, 0, 0, 0)
    for eps in (0.0, 2.0**-126):
        naive = operator("InstanceNormalization", x, ones(1), 0 * ones(1), epsilon=eps)
        function = partial(functional.instance_norm, eps=eps)
        show_value(f"InstanceNormalization of zeros, eps {eps:.4g}", naive, function, f"instancenorm(eps={eps})", x)


def max_pools() -> None:
    for pair in ((1, np.nan), (np.nan, np.nan), (-np.inf, -np.inf)):
        x, function = line(*pair), partial(functional.max_pool1d, kernel_size=2)
        naive = operator("MaxPool", x, kernel_shape=[2])
        show_value(f"MaxPool of {pair[0]} and {pair[1]}", naive, function, "maxpool(2)", x)
    for fact, x, beyond, ceil in (
        ("MaxPool, dilated, of padding alone", line(1, 1), 1, False),
        ("MaxPool, dilated, with pads as wide as its kernel", line(1, 1, 1), 2, True),
    ):
        naive = operator("MaxPool", x, kernel_shape=[2], strides=[2], dilations=[3], pads=[1, beyond])
        function = partial(functional.max_pool1d, kernel_size=2, stride=2, padding=1, dilation=3, ceil_mode=ceil)
        step = f"maxpool(2, stride=2, padding=1, dilation=3, ceil_mode={str(ceil).lower()})"
        show_value(fact, naive, function, step, x)


def dilated_auto_pad() -> None:
    x = normal(1, 1, 9)
    naive = operator("Conv", x, normal(1, 1, 3), auto_pad="SAME_UPPER", dilations=[2])
    show("Conv with auto_pad and a dilation", naive if isinstance(naive, str) else "accepted")


def nearest() -> None:
    """Which of all pairs of sizes from 1 to 64 take some element from another place than PyTorch."""
    theirs, ours = [], []
    for n, size in product(range(1, 65), repeat=2):
        x = line(*range(n))
        expected = pytorch(partial(functional.interpolate, size=size), x)
        if not np.array_equal(resize(x, size, "nearest", "asymmetric", nearest_mode="floor"), expected):
            theirs.append(f"{n} -> {size}")
        if not np.array_equal(specc(f"upsample(size={size})", x), expected):
            ours.append(f"{n} -> {size}")
    show("Resize, nearest: sizes of 4096 other than PyTorch's", len(theirs), "", len(ours))
    first, our_first = (found[0] if found else "none" for found in (theirs, ours))
    show("Resize, nearest: the first of them", first, "", our_first)


def linear() -> None:
    for n, size in ((210, 30), (65, 513), (48, 64)):
        x = normal(1, 2, n)
        naive = resize(x, size, "linear", "half_pixel")
        function = partial(functional.interpolate, size=size, mode="linear")
        show_error(f"Resize, linear, {n} -> {size}, error", naive, function, f'upsample(size={size}, mode="linear")', x)


def resize(x: Array, size: int, mode: str, coordinates: str, **options: Any) -> Array | str:
    sizes = np.array([*x.shape[:2], size])
    return operator("Resize", x, None, None, sizes, mode=mode, coordinate_transformation_mode=coordinates, **options)


def opsets() -> None:
    for kind in ("Gelu", "RMSNormalization"):
        show(f"{kind}: the first opset that has it", onnx.defs.get_schema(kind).since_version)


def main() -> None:
    print(f"onnxruntime {load_runtime().__version__}, onnx {onnx.__version__}, torch {torch.__version__}")
    show("", "ONNX Runtime", "PyTorch", "specc")
    for facts in (
        exponentials, other_activations, lrn, means, normalisations, epsilons, max_pools, dilated_auto_pad,
        nearest, linear, opsets,
    ):  # fmt: skip
        facts()


if __name__ == "__main__":
    main()
