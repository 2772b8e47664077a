"""One contract for every operator of the registry: what it claims is what PyTorch and ONNX Runtime do.

The attributes and inputs are drawn from the fields of the operator itself, so an operator is covered the
moment it is registered. What it refuses may be anything; what it accepts must run and agree.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from torch import nn

from specc import ops
from specc.ir.init import Constant, Uniform
from specc.ir.op import Op, Parameter, Refusal
from specc.ir.size import Size, symbol
from specc.ir.torch import Own, TorchCall, Value
from specc.ir.types import TensorType
from tests.twins import check_twin

BATCH = symbol("N")
EXAMPLES = 120
LEAST = 5
"""So many of the examples, at least, an operator must accept: a contract that is never reached proves nothing."""


# ---- the operator's own fields as strategies --------------------------------------------------------


def bounds(metadata: tuple[Any, ...]) -> dict[str, float]:
    """The limits among the annotations of a field: ge, gt, le, lt."""
    found = {}
    for item in metadata:
        inner = item.metadata if isinstance(item, FieldInfo) else [item]
        found |= {k: getattr(i, k) for i in inner for k in ("ge", "gt", "le", "lt") if hasattr(i, k)}
    return found


def integers(limits: dict[str, float], sizes: list[int]) -> st.SearchStrategy[int]:
    """Small numbers, and the sizes of the input, which numbers of channels and shapes must often repeat."""
    least, most = int(max(limits.get("ge", -3), -3)), int(min(limits.get("le", 4), 4))
    near = [size for size in sizes if size >= least]
    return st.integers(least, most) | st.sampled_from(near) if near else st.integers(least, most)


def reals(limits: dict[str, float]) -> st.SearchStrategy[float]:
    least = max(limits.get("ge", limits.get("gt", -2.0)), -2.0)
    most = min(limits.get("le", limits.get("lt", 2.0)), 2.0)
    return st.sampled_from([x for x in (-2.0, -0.5, 0.0, 1e-5, 0.25, 1.0, 1.5, 2.0) if least < x <= most] + [most])


def of_type(annotation: Any, metadata: tuple[Any, ...], sizes: list[int]) -> st.SearchStrategy[Any]:
    """Values of a field's type. A type that is not listed fails loudly: it needs a line here."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return of_type(arguments[0], arguments[1:] + metadata, sizes)
    if origin in (Union, UnionType):
        return st.one_of([of_type(a, metadata, sizes) for a in arguments])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        return tuples(arguments, sizes)
    simple = {bool: st.booleans(), NoneType: st.none(), Size: st.just(BATCH), object: st.sampled_from((1, -0.5))}
    if annotation in simple:
        return simple[annotation]
    if annotation is int:
        return integers(bounds(metadata), sizes)
    if annotation is float:
        return reals(bounds(metadata))
    raise NotImplementedError(f"no strategy for {annotation!r}")


def tuples(arguments: tuple[Any, ...], sizes: list[int]) -> st.SearchStrategy[tuple[Any, ...]]:
    if arguments[-1] is not ...:
        return st.tuples(*(of_type(a, (), sizes) for a in arguments))
    rank = len(sizes)
    item = of_type(arguments[0], (), sizes)
    lists = st.one_of(
        [st.tuples(*[item] * n) for n in (rank - 2, rank - 1, rank, 2 * rank - 2) if n > 0] or [st.just(())]
    )
    if Size in get_args(arguments[0]):
        return lists | whole_shapes(sizes)
    orders = st.permutations(range(1, rank)).map(lambda order: (0, *order))
    return lists | orders if _may_be_axes(arguments[0]) else lists


def whole_shapes(sizes: list[int]) -> st.SearchStrategy[tuple[Any, ...]]:
    """Where a batch may be named, the shape of a tensor is meant: the batch, then the elements of a sample."""
    *sample, elements = sizes
    others = st.permutations(sample).map(tuple) | st.sampled_from([(elements,), (-1,), (sample[0], -1)])
    return st.tuples(st.sampled_from([-1, BATCH]), others).map(lambda parts: (parts[0], *parts[1]))


def _may_be_axes(annotation: Any) -> bool:
    return get_origin(annotation) is Annotated and bounds(get_args(annotation)[1:]).get("ge", 0) < -1


@st.composite
def samples(draw: st.DrawFn, op: type[Op]) -> tuple[tuple[int, ...], ...]:
    """Shapes for the operator's inputs: mostly equal, sometimes with one size changed."""
    least, most = op.arity
    count = draw(st.integers(least, least + 2 if most is None else most))
    axes = draw(st.integers(0, 3))
    first = (
        draw(st.sampled_from([1, 2, 3, 4, 6, 8])),
        *(draw(st.sampled_from([1, 2, 3, 4, 5, 7])) for _ in range(axes)),
    )
    shapes = [list(first) for _ in range(count)]
    if count > 1 and draw(st.booleans()):
        shapes[draw(st.integers(0, count - 1))][draw(st.integers(0, axes))] = draw(st.integers(1, 3))
    return tuple(map(tuple, shapes))


@st.composite
def steps(draw: st.DrawFn, op: type[Op]) -> tuple[dict[str, Any], tuple[tuple[int, ...], ...]]:
    """Arguments and input shapes; a field with a default mostly keeps it."""
    shapes = draw(samples(op))
    sizes = [*shapes[0], prod(shapes[0])]
    arguments = {}
    for name, field in op.model_fields.items():
        if field.is_required() or draw(st.integers(0, 2)) == 0:
            arguments[name] = draw(of_type(field.annotation, tuple(field.metadata), sizes))
    return arguments, shapes


# ---- the neutral description, executed ---------------------------------------------------------------


def named(name: str) -> Any:
    """The thing called ``nn.Conv2d``, ``F.relu`` or ``torch.add``."""
    start, *path = name.split(".")
    found: Any = {"nn": nn, "F": nn.functional, "torch": torch}[start]
    for part in path:
        found = getattr(found, part)
    return found


class Step(nn.Module):
    """A `TorchCall`, with the parameters it owns, executed as it is described."""

    def __init__(self, call: TorchCall, parameters: tuple[Parameter, ...]) -> None:
        super().__init__()
        self.call = call
        self.owned = nn.ParameterList(_started(p) for p in parameters)
        self.names = [p.name for p in parameters]

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self._value(self.call, inputs)

    def _value(self, thing: Any, inputs: tuple[torch.Tensor, ...]) -> Any:
        match thing:
            case Value(index):
                return inputs[index]
            case Own(name):
                return self.owned[self.names.index(name)]
            case TorchCall(name, args, kwargs):
                values = [self._value(a, inputs) for a in args]
                return named(name)(*values, **{k: self._value(v, inputs) for k, v in kwargs.items()})
            case tuple():
                return tuple(self._value(item, inputs) for item in thing)
        return thing

    def named_parameters(self, *_: Any, **__: Any) -> Iterator[tuple[str, nn.Parameter]]:
        return iter(zip(self.names, self.owned, strict=True))

    def state_dict(self, *_: Any, **__: Any) -> dict[str, torch.Tensor]:
        return {name: tensor.detach() for name, tensor in self.named_parameters()}


def _started(parameter: Parameter) -> nn.Parameter:
    assert isinstance(parameter.init, Constant), "only a module may draw its own parameters"
    return nn.Parameter(torch.full(parameter.shape, parameter.init.value))


def twin(op: Op, types: tuple[TensorType, ...]) -> nn.Module:
    made = op.torch(*types)
    if isinstance(made, TorchCall):
        return Step(made, op.parameters(*types))
    return named(made.name)(*made.args, **made.kwargs)


# ---- the contract ------------------------------------------------------------------------------------


def is_small(op: Op, types: tuple[TensorType, ...]) -> bool:
    """Small enough to be run a hundred times: large results and kernels show nothing that small ones do not."""
    weights = sum(prod(p.shape) for p in op.parameters(*types))
    return max(op.infer(*types).elements, weights, op.macs(*types) // 100) < 10_000


def check_start(op: Op, module: nn.Module, parameters: tuple[Parameter, ...]) -> None:
    """Each tensor starts as PyTorch starts it, unless the spec says how; and trains where PyTorch's trains."""
    state, learned = module.state_dict(), dict(module.named_parameters())
    for p in parameters:
        assert p.trainable == (p.name in learned and not getattr(op, "frozen", False)), f"{p.name}: trainable"
        assert p.buffer == (p.name not in learned), f"{p.name}: buffer"
        match p.init:
            case Constant(value, None):
                assert torch.equal(state[p.name], torch.full_like(state[p.name], value)), f"{p.name}: start"
            case Uniform(bound, None):
                assert state[p.name].abs().max() <= bound * (1 + 1e-6), f"{p.name}: start"
                assert prod(p.shape) < 100 or state[p.name].abs().max() > 0.8 * bound, f"{p.name}: start"


@pytest.mark.parametrize("kind", [op.kind for op in ops.operators()])
def test_contract(kind: str) -> None:
    operator = ops.find(kind)
    assert operator is not None
    accepted = 0

    @settings(
        max_examples=EXAMPLES, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(steps(operator), st.sampled_from((18, 23)), st.integers(0, 99))
    def contract(step: tuple[dict[str, Any], tuple[tuple[int, ...], ...]], opset: int, seed: int) -> None:
        nonlocal accepted
        arguments, shapes = step
        types = tuple(TensorType(BATCH, shape) for shape in shapes)
        try:
            op = operator(**arguments)
            op.infer(*types)
        except (ValidationError, Refusal):
            return
        if not is_small(op, types):
            return
        accepted += 1
        torch.manual_seed(seed)
        module = twin(op, types)
        check_start(op, module, op.parameters(*types))
        assert op.window(*types) is not None
        check_twin(op, module, *shapes, opset=opset, seed=seed, scales=(1.0,))

    contract()
    assert accepted >= LEAST, f"{kind} accepted {accepted} of {EXAMPLES} examples"


def test_every_operator_says_what_it_is() -> None:
    for operator in ops.operators():
        assert operator.kind == operator.kind.lower()
        assert operator.__doc__
        assert operator.variadic is None or operator.variadic in operator.model_fields
        for name, field in operator.model_fields.items():
            assert not of_type(field.annotation, tuple(field.metadata), [2, 3, 4, 24]).is_empty, (
                f"{operator.kind}.{name}"
            )
