"""One contract for every operator of the registry: what it claims is what PyTorch and ONNX Runtime do.

The attributes and inputs are drawn from the fields of the operator itself, so an operator is covered the
moment it is registered. What it refuses may be anything; what it accepts must run and agree.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache, reduce
from itertools import product
from math import prod
from operator import add, floordiv, mod, mul, sub
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
from specc.diagnostics.finding import Condition
from specc.ir.graph import Node, Port
from specc.ir.init import Constant, Uniform
from specc.ir.op import Op, Parameter, Refusal
from specc.ir.size import Dim, Size, of, symbol
from specc.ir.symbols import Symbol, restrict
from specc.ir.symbols import samples as allowed
from specc.ir.targets import (
    ModuleCall,
    Numbers,
    Own,
    SizeFormula,
    SizeOf,
    SpatialSizesOf,
    TorchCall,
    TorchModule,
    Value,
)
from specc.ir.traits import ChannelsFirst
from specc.ir.types import TensorType, fixed
from specc.ops.shapes import numbers
from specc.source import Source
from tests.ops.traits import Tried
from tests.twins import check_sizes, check_twin

Shapes = tuple[tuple[Dim, ...], ...]
BATCH = symbol("N")
EXAMPLES = 120
SYMBOLIC = 60
"""Of an operator with four fields or more; of one without any a third: `examples`."""
RARE = {
    "convtranspose": 3,
    "slice": 3,
    "reshape": 3,
    "upsample": 5,
    "pixelshuffle": 5,
    "pixelunshuffle": 3,
    "pad": 6,
    "crop": 3,
}
"""They refuse most of what is drawn, or have modes of which few are drawn: so many times as many examples."""
ALIKE = 3
"""So many examples, at most, that differ in sizes and numbers alone are run: more of them show the same."""
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


def integers(limits: dict[str, float], sizes: list[Dim]) -> st.SearchStrategy[int]:
    """Small numbers, and the sizes of the input, which numbers of channels and shapes must often repeat."""
    least, most = int(max(limits.get("ge", -3), -3)), int(min(limits.get("le", 4), 4))
    near = [size for size in sizes if isinstance(size, int) and size >= least]
    return st.integers(least, most) | st.sampled_from(near) if near else st.integers(least, most)


def reals(limits: dict[str, float]) -> st.SearchStrategy[float]:
    least = max(limits.get("ge", limits.get("gt", -2.0)), -2.0)
    most = min(limits.get("le", limits.get("lt", 2.0)), 2.0)
    return st.sampled_from([x for x in (-2.0, -0.5, 0.0, 1e-5, 0.25, 1.0, 1.5, 2.0) if least < x <= most] + [most])


def of_type(annotation: Any, metadata: tuple[Any, ...], sizes: list[Dim]) -> st.SearchStrategy[Any]:
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
    named = st.sampled_from([BATCH, *(size for size in sizes if isinstance(size, Size))])
    simple = {
        bool: st.booleans(),
        NoneType: st.none(),
        Size: named,
        object: st.sampled_from((1, -0.5)),
        Value: st.just(Value(1)),
    }
    if annotation in simple:
        return simple[annotation]
    if annotation is int:
        return integers(bounds(metadata), sizes)
    if annotation is float:
        return reals(bounds(metadata))
    raise NotImplementedError(f"no strategy for {annotation!r}")


def tuples(arguments: tuple[Any, ...], sizes: list[Dim]) -> st.SearchStrategy[tuple[Any, ...]]:
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


def whole_shapes(sizes: list[Dim]) -> st.SearchStrategy[tuple[Any, ...]]:
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
    given = draw(arguments(op, shapes[0]))
    return given, (*shapes, *draw(measured(op, given, shapes[0], st.sampled_from([1, 2, 3, 4, 5, 7]))))


@st.composite
def measured(
    draw: st.DrawFn, op: type[Op], given: dict[str, Any], first: tuple[Dim, ...], place: st.SearchStrategy[Dim]
) -> tuple[tuple[Dim, ...], ...]:
    """Shapes of the values whose sizes the operator takes: mostly of as many axes as its input."""
    several = [name for name in op.measures if given.get(name) is not None]
    ranks = [draw(st.integers(1, 9)) for _ in several]
    return tuple(tuple([draw(st.just(size) | place) for size in (first if rank > 1 else (1,))]) for rank in ranks)


@st.composite
def arguments(draw: st.DrawFn, op: type[Op], shape: tuple[Dim, ...]) -> dict[str, Any]:
    return {
        name: draw(of_field(op, name, shape))
        for name, field in op.model_fields.items()
        if field.is_required() or draw(st.integers(0, 2)) == 0
    }


@cache
def of_field(op: type[Op], name: str, shape: tuple[Dim, ...]) -> st.SearchStrategy[Any]:
    """Values of a field beside an input of this shape: one strategy, which takes longer to make than to draw from."""
    field = op.model_fields[name]
    return of_type(field.annotation, tuple(field.metadata), [*shape, prod(shape)])


# ---- symbolic sizes ----------------------------------------------------------------------------------


@st.composite
def symbols(draw: st.DrawFn) -> dict[str, Symbol]:
    """H and W with what a `where` may say of them."""
    made = {}
    for name in "HW":
        modulus = draw(st.sampled_from([1, 1, 2, 4]))
        least = draw(st.sampled_from([1, 2, 5, 9]))
        made[name] = Symbol(name, least, None, modulus, draw(st.integers(0, modulus - 1)))
    return made


FORMULAS: tuple[Callable[[Dim], Dim], ...] = (
    lambda n: n,
    lambda n: n,
    lambda n: 2 * n,
    lambda n: n + 1,
    lambda n: (n + 1) // 2,
    lambda n: 2 * ((n + 1) // 2),
)


@st.composite
def symbolic_steps(draw: st.DrawFn, op: type[Op]) -> tuple[dict[str, Any], Shapes, dict[str, Symbol]]:
    """As `steps`, some sizes symbolic."""
    known = draw(symbols())
    least, most = op.arity
    count = draw(st.integers(least, least + 1 if most is None else most))
    place = st.one_of(
        st.sampled_from([1, 2, 3, 5]),
        st.tuples(st.sampled_from(FORMULAS), st.sampled_from("HW")).map(lambda p: p[0](of(known[p[1]]))),
    )
    spatial = [draw(place) for _ in range(draw(st.integers(1, 3)))]
    flat = draw(st.integers(0, 9)) == 0
    channels = draw(place if flat else st.sampled_from([1, 2, 4, 4, 8]))
    first = [channels] if flat else [channels, *spatial]
    if draw(st.booleans()):
        first = [*first[1:], first[0]]  # the channels last
    shapes = [list(first) for _ in range(count)]
    if count > 1 and draw(st.booleans()):
        shapes[draw(st.integers(0, count - 1))][draw(st.integers(0, len(first) - 1))] = draw(place)
    made = tuple(map(tuple, shapes))
    given = draw(arguments(op, made[0]))
    return given, (*made, *draw(measured(op, given, made[0], place))), known


def some_sizes(known: dict[str, Symbol]) -> list[dict[str, int]]:
    """Small sizes that the symbols may have: the least, and others of every parity."""
    heights, widths = (allowed(known[name], 6) for name in "HW")
    pairs = [*zip(heights, widths, strict=True), (heights[0], widths[-1]), (heights[-1], widths[1])]
    return [{"H": height, "W": width} for height, width in pairs]


def meets(condition: Condition, sizes: dict[str, int]) -> bool:
    """Whether ``H % 16 == 0, W >= 3`` holds: read by Python itself."""
    return all(eval(str(clause), {"__builtins__": {}}, dict(sizes)) for clause in condition.clauses)


# ---- the neutral description, executed ---------------------------------------------------------------

OPERATORS: dict[str, Callable[[int, int], int]] = {"+": add, "-": sub, "*": mul, "//": floordiv, "%": mod}


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
            case SizeOf(axis, index):
                return inputs[index].size(axis)
            case SpatialSizesOf(index):
                return inputs[index].shape[2:]
            case SizeFormula(operator, operands):
                return reduce(OPERATORS[operator], [self._value(operand, inputs) for operand in operands])
            case Numbers(numbers, behind):
                return torch.tensor(numbers).to(inputs[0]).reshape(-1, *(1 for _ in range(behind)))
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


class Called(Step):
    """A module, called as it is described."""

    def __init__(self, module: nn.Module, call: ModuleCall) -> None:
        nn.Module.__init__(self)
        self.module, self.call = module, call

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        values = [self._value(argument, inputs) for argument in self.call.args]
        result = self.module(*values, **self.call.kwargs)
        return result if self.call.item is None else result[self.call.item]

    def named_parameters(self, *_: Any, **__: Any) -> Iterator[tuple[str, nn.Parameter]]:
        return self.module.named_parameters()

    def state_dict(self, *_: Any, **__: Any) -> dict[str, torch.Tensor]:
        return self.module.state_dict()

    def __getattr__(self, name: str) -> Any:
        return super().__getattr__(name) if name in ("module", "call") else getattr(self.module, name)


def _started(parameter: Parameter) -> nn.Parameter:
    assert isinstance(parameter.init, Constant), "only a module may draw its own parameters"
    return nn.Parameter(torch.full(parameter.shape, parameter.init.value))


def twin(op: Op, types: tuple[TensorType, ...]) -> nn.Module:
    made = op.torch(*types)
    if isinstance(made, TorchCall):
        return Step(made, op.parameters(*types))
    module = module_of(made)
    for parameter in op.parameters(*types):
        if parameter.beside:
            setattr(module, parameter.name, _started(parameter))
    if made.then is not None:
        behind = Step(made.then, ())
        module.register_forward_hook(lambda _, __, result: behind(result))
    return module if made.call is None else Called(module, made.call)


def module_of(made: TorchModule) -> nn.Module:
    args = [module_of(arg) if isinstance(arg, TorchModule) else arg for arg in made.args]
    return named(made.name)(*args, **made.kwargs)


# ---- the contract ------------------------------------------------------------------------------------


def is_small(op: Op, types: tuple[TensorType, ...]) -> bool:
    """Small enough to be run a hundred times: large results and kernels show nothing that small ones do not."""
    weights = sum(prod(p.shape) for p in op.parameters(*types))
    return max(op.infer(*types).elements, weights, op.macs(*types) // 100) < 10_000


def check_start(op: Op, module: nn.Module, parameters: tuple[Parameter, ...]) -> None:
    """Each tensor starts as PyTorch starts it, unless the spec says how; and trains where PyTorch's trains."""
    state, learned = module.state_dict(), dict(module.named_parameters())
    assert hasattr(op, "frozen") or all(p.buffer for p in parameters), "a block that is frozen freezes all in it"
    for p in parameters:
        assert p.trainable == (p.name in learned and not getattr(op, "frozen", False)), f"{p.name}: trainable"
        assert p.buffer == (p.name not in learned), f"{p.name}: buffer"
        match p.init:
            case Constant(value, None):
                assert torch.equal(state[p.name], torch.full_like(state[p.name], value)), f"{p.name}: start"
            case Uniform(bound, None):
                assert state[p.name].abs().max() <= bound * (1 + 1e-6), f"{p.name}: start"
                assert prod(p.shape) < 100 or state[p.name].abs().max() > 0.8 * bound, f"{p.name}: start"


DIRECTED = ("slice", "pad", "concat", "affine", "standardize")
"""They know a first and a last place, or a number for each, and a mirrored input is not mirrored by them."""


def check_axes(op: Op, module: nn.Module, types: tuple[TensorType, ...]) -> None:
    """An axis that is carried along is where it is said to be: mirrored before or behind the step is the same."""
    axes = op.axes(*types)
    if op.kind in DIRECTED or isinstance(axes, ChannelsFirst):
        return
    inputs = [torch.rand(2, *numbers(x.sample), dtype=torch.float64) for x in types]
    module = module.double().eval()
    for ours, theirs in axes.groups:
        if axes.mixed in theirs:
            continue
        before = module(*(value.flip([axis + 1 for axis in ours]) for value in inputs))
        behind = module(*inputs).flip([axis + 1 for axis in theirs])
        torch.testing.assert_close(before, behind, msg=f"{op}: {ours} to {theirs}")
    module.float()


def examples(operator: type[Op], most: int) -> int:
    """As many as there is to try: the shapes of the inputs, and each field."""
    return min(most, most // 3 + most // 6 * len(operator.model_fields))


@pytest.mark.parametrize("kind", [op.kind for op in ops.operators()])
def test_contract(kind: str) -> None:
    operator = ops.find(kind)
    assert operator is not None
    accepted = 0
    alike: Counter[object] = Counter()
    traits = Tried(operator)

    count = examples(operator, EXAMPLES) * RARE.get(kind, 1)

    @settings(
        max_examples=count, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
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
        likeness = op, opset, tuple((len(shape), 1 in shape, shape == shapes[0]) for shape in shapes)
        alike[likeness] += 1
        if alike[likeness] > ALIKE:
            return
        torch.manual_seed(seed)
        module = twin(op, types)
        check_start(op, module, op.parameters(*types))
        assert op.window(*types) is not None
        check_axes(op, module, types)
        if alike[likeness] == 1:  # one of each is enough, and takes as long as the rest
            traits.example(op, module, types, seed)
        check_twin(op, module, *shapes, opset=opset, seed=seed, scales=(1.0,))

    contract()
    traits.finish()
    assert accepted >= LEAST, f"{kind} accepted {accepted} of {count} examples"


def verdict(op: Op, shapes: Shapes, sizes: dict[str, int]) -> TensorType | None:
    """What the operator makes of the numbers; None where it refuses them."""
    ports = tuple(Port(f"x{i}", TensorType(BATCH, shape)) for i, shape in enumerate(shapes))
    step = Node("step1", op, (), tuple(p.type for p in ports), ports[0].type, Source("twin.cnn", "").span(0, 0))
    fixed = step.at(sizes)
    try:
        return fixed.op.infer(*fixed.input_types)
    except Refusal:
        return None


def check_refusal(refusal: Refusal, op: Op, shapes: Shapes, known: dict[str, Symbol]) -> None:
    """A refusal for good holds at every size; a condition is needed, and is enough; else a reason is given."""
    fails = [
        (sizes, verdict(op, shapes, sizes) is None) for sizes in some_sizes(known) if not meets_one(op, shapes, sizes)
    ]
    if refusal.code != "S0108":
        assert all(failed for _, failed in fails), f"{refusal.message}: yet some sizes are fine"
        return
    reason, clause = STATED.search(refusal.message), refusal.where
    assert reason or clause, f"no condition and no reason: {refusal.message}"
    if not reason:
        assert any(failed and not meets(clause, sizes) for sizes, failed in fails), f"{refusal.message}: for what?"
    if clause:
        check_condition(refusal, op, shapes, known, clause)


def meets_one(op: Op, shapes: Shapes, sizes: dict[str, int]) -> bool:
    """Whether a symbolic size happens to be 1, which `mul` would widen if it were written as 1."""
    symbolic = (size for shape in shapes for size in shape if isinstance(size, Size))
    return op.kind in ("mul", "div", "expand") and any(size.at(sizes) == 1 for size in symbolic)


STATED = re.compile(
    "takes a fixed number of|it is not proven that the arms|it is not proven that reshape|it is not proven that slice|"
    "is not the same whole factor times|size = .* is sure where|"
    "it is not proven that (?:crop|pad|expand)|only one can be inferred|is no whole number|"
    "a fixed number of places|takes no size of|rounded in float32"
)
"""The reasons for which a step is refused that might be right at some sizes, or at all of them."""


def check_condition(refusal: Refusal, op: Op, shapes: Shapes, known: dict[str, Symbol], condition: Condition) -> None:
    """With the condition added, the same complaint is not made again."""
    narrowed = dict(known)
    for clause in condition.clauses:
        if not isinstance(clause.value, int) or (clause.modulus is None and clause.sign != ">="):
            return  # H == W, H == 3: a contract says that by the name itself
        limits = {"least": clause.value}
        if clause.modulus is not None:
            limits = {"modulus": clause.modulus, "residue": clause.value}
        narrowed[clause.name] = restrict(narrowed[clause.name], **limits)
    again = tuple(TensorType(BATCH, tuple(_narrowed(size, narrowed) for size in shape)) for shape in shapes)
    fields = {name: _narrowed(getattr(op, name), narrowed) for name in type(op).model_fields}
    other = complaint(op.model_copy(update=fields), again)
    assert other is None or _claimed(other) != _claimed(refusal)
    if " only where " in refusal.message:
        for height, width in product(allowed(known["H"], 10), allowed(known["W"], 10)):
            sizes = {"H": height, "W": width}
            # Where the condition holds, another complaint may be left.
            if other is None or not meets(condition, sizes):
                failed = verdict(op, shapes, sizes) is None
                assert failed != meets(condition, sizes), f"{refusal.message}: not so at {sizes}"


def _claimed(refusal: Refusal) -> str:
    """What is claimed, without the condition."""
    return re.split(" only where | is sure where ", refusal.message.removeprefix("that "))[0]


def complaint(op: Op, types: tuple[TensorType, ...]) -> Refusal | None:
    try:
        op.infer(*types)
    except Refusal as refusal:
        return refusal
    return None


def _narrowed(value: Any, known: dict[str, Symbol]) -> Any:
    """The size, or each of several, with narrower symbols."""
    if isinstance(value, tuple):
        return tuple(_narrowed(item, known) for item in value)
    for symbol_ in value.symbols if isinstance(value, Size) else ():
        if isinstance(value, Size) and symbol_.name in known:
            value = value.narrowed(known[symbol_.name])
    return value


@pytest.mark.parametrize("kind", [op.kind for op in ops.operators()])
def test_contract_on_symbolic_sizes(kind: str) -> None:
    """What is accepted is right at sampled sizes; what is refused fails at one, or a reason is stated."""
    operator = ops.find(kind)
    assert operator is not None
    seen = dict.fromkeys(("accepted", "refused"), 0)

    count = examples(operator, SYMBOLIC)

    @settings(
        max_examples=count, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(symbolic_steps(operator), st.sampled_from((18, 23)), st.integers(0, 99))
    def contract(step: tuple[dict[str, Any], Shapes, dict[str, Symbol]], opset: int, seed: int) -> None:
        given_arguments, shapes, known = step
        types = tuple(TensorType(BATCH, shape) for shape in shapes)
        if all(x.is_fixed for x in types):
            return
        try:
            op = operator(**given_arguments)
        except ValidationError:
            return
        if refusal := complaint(op, types):
            seen["refused"] += 1
            check_refusal(refusal, op, shapes, known)
            return
        sizes = [s for s in some_sizes(known) if prod(verdict_size(op, shapes, s)) < 10_000]
        seen["accepted"] += 1
        # whoever explains a step, or writes what its axes mean, asks at any size
        assert all(isinstance(line, str) for line in (*op.arithmetic(*types), op.rounding(*types).rule))
        assert all(axis < len(types[0].sample) for group in getattr(op.axes(*types), "groups", ()) for axis in group[0])
        torch.manual_seed(seed)
        check_sizes(op, twin(op, types), *shapes, sizes=sizes[-2:] + sizes[:2], seed=seed, opset=opset)

    contract()
    assert sum(seen.values()) >= LEAST, f"{kind}: {seen} of {count} examples"


def verdict_size(op: Op, shapes: Shapes, sizes: dict[str, int]) -> tuple[int, ...]:
    result = verdict(op, shapes, sizes)
    assert result is not None, f"accepted for every size, refused at {sizes}"
    return tuple(map(fixed, result.sample))


def test_every_operator_says_what_it_is() -> None:
    for operator in ops.operators():
        assert operator.kind == operator.kind.lower()
        assert operator.__doc__
        assert operator.variadic is None or operator.variadic in operator.model_fields
        for name, field in operator.model_fields.items():
            assert not of_type(field.annotation, tuple(field.metadata), [2, 3, 4, 24]).is_empty, (
                f"{operator.kind}.{name}"
            )
