"""Interfaces: the ports of a model, the contract of a block, and which of their sizes are symbolic."""

from __future__ import annotations

from math import prod

from specc.diagnostics import Code, Label
from specc.diagnostics.condition import NO_CONDITION, Condition, together
from specc.elaborate.errors import Invalid, in_form, invalid, suggestion
from specc.elaborate.evaluation import evaluate
from specc.elaborate.hints import of_batch, of_input, of_real
from specc.elaborate.scope import Scope
from specc.elaborate.values import display, kind_of
from specc.elaborate.where import narrowed
from specc.ir.conditions import where_equal
from specc.ir.graph import Port
from specc.ir.size import Dim, Size, Symbol, symbol
from specc.ir.types import TensorType
from specc.ops.fields import LARGEST
from specc.source import Span
from specc.syntax import ast

MOST_AXES = 32
"""PyTorch stops at 64, runtimes earlier; no network needs more than a handful."""

MOST_ELEMENTS = 2**40
"""No tensor may be larger: 4 TiB of float32."""


def input_ports(model: ast.Model, scope: Scope, besides: Condition = NO_CONDITION) -> tuple[Port, ...]:
    """The model's inputs. The symbolic sizes of its contract are defined in ``scope``.

    Args:
        besides: what is asked of the sizes besides the contract's ``where``. Raises ValueError where it cannot hold.
    """
    contract = model.contract
    if contract is None:
        raise invalid(
            Code.CONTRACT,
            f"model {model.name} does not say what goes in",
            model.name_span,
            helps=(
                in_form(
                    model.name_span,
                    f"write model {model.name} : [N, 3, 32, 32] {{ … }}, with your own sizes",
                    "add `input: [N, 3, 32, 32]`, with your own sizes",
                ),
            ),
        )
    if not contract.inputs:
        raise invalid(Code.CONTRACT, f"model {model.name} has no input", contract.span)
    _define_symbols(contract, scope, besides)
    ports = tuple(Port(port.name or "input", _input_type(port.shape, scope)) for port in contract.inputs)
    _one_batch(contract, ports)
    return ports


def _define_symbols(contract: ast.Contract, scope: Scope, besides: Condition) -> None:
    """Every name of an input's shape that means nothing yet is a size that only the caller knows."""
    batches: dict[str, ast.Name] = {}
    symbols: dict[str, ast.Name] = {}
    for port in contract.inputs:
        for axis, dim in enumerate(port.shape.dims):
            if isinstance(dim, ast.Name) and not scope.has(dim.name) and dim.name != "_":
                (symbols if axis else batches).setdefault(dim.name, dim)
    for name in batches.keys() & symbols.keys():
        raise invalid(
            Code.CONTRACT,
            f"{name} is the batch, and a size of a sample cannot be the same",
            symbols[name].span,
            secondary=(Label(batches[name].span, "the batch"),),
        )
    for name in batches:
        scope.define(name, symbol(name))
    free = {name: Symbol(name) for name in symbols}
    for name, size in narrowed(free, contract.where, frozenset(batches), scope, besides).items():
        scope.define(name, size)


def _input_type(shape: ast.Shape, scope: Scope) -> TensorType:
    if len(shape.dims) < 2:
        raise invalid(
            Code.CONTRACT,
            "an input has at least a batch and one more axis",
            shape.span,
            helps=("[N, 784] is a batch of flat inputs, [N, 3, 32, 32] one of images",),
        )
    batch, *sample = (size(dim, scope) for dim in shape.dims)
    return within_limit(TensorType(batch, tuple(sample)), shape.span)


def _one_batch(contract: ast.Contract, ports: tuple[Port, ...]) -> None:
    for stated, port in zip(contract.inputs, ports, strict=True):
        if port.type.batch != ports[0].type.batch:
            raise invalid(
                Code.CONTRACT,
                f"the inputs of a model have one batch, and {port.name} has {port.type.batch}",
                stated.shape.dims[0].span,
                secondary=(Label(contract.inputs[0].shape.dims[0].span, f"the batch is {ports[0].type.batch} here"),),
            )


def size(expression: ast.Expr, scope: Scope) -> Dim:
    """One entry of a shape: a whole number of at least 1, or a symbolic size."""
    value = evaluate(expression, scope)
    if isinstance(value, Size):
        return value
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid(
            Code.BAD_VALUE,
            f"a size is a whole number, and {expression.span.text} is {kind_of(value)}",
            expression.span,
            helps=of_real(value, expression),
        )
    if not 1 <= value <= LARGEST:
        raise invalid(
            Code.BAD_VALUE, f"a size is at least 1 and below 2^31, and this one is {display(value)}", expression.span
        )
    return value


def within_limit(tensor: TensorType, span: Span) -> TensorType:
    if tensor.rank > MOST_AXES:
        raise invalid(Code.LIMIT, f"a tensor here has {tensor.rank} axes, and the most is {MOST_AXES}", span)
    # How large a symbolic size gets, only the caller knows; but not even the smallest may be too large.
    elements = prod([size if isinstance(size, int) else size.least or 0 for size in tensor.sample])
    if elements > MOST_ELEMENTS:
        least = "" if tensor.is_fixed else "at least "
        raise invalid(
            Code.LIMIT, f"a tensor of {tensor} has {least}{elements:,} elements a sample, and the most is 2^40", span
        )
    return tensor


def match(shape: ast.Shape, actual: TensorType, scope: Scope, cause: Label) -> None:
    """Hold a block's contract against what goes in: a name that means nothing yet takes the size at its place."""
    for dim, real in zip(shape.dims, actual.shape, strict=False):
        if isinstance(dim, ast.Name) and not scope.has(dim.name):
            scope.define(dim.name, real)
    agree(shape, actual, scope, Code.CONTRACT, "the block is given", cause)


def agree(shape: ast.Shape, actual: TensorType, scope: Scope, code: Code, giver: str, cause: Label) -> None:
    """Refuse unless ``shape`` is ``actual``, pointing at the one size that differs."""
    if len(shape.dims) != actual.rank:
        raise invalid(
            code,
            f"{giver} {actual}, of {actual.rank} axes, and {shape.span.text} has {len(shape.dims)}",
            shape.span,
            secondary=(cause,),
            helps=of_batch(actual, shape, scope),
        )
    stated = [_stated_size(dim, scope) for dim in shape.dims]
    different = [i for i, (s, a) in enumerate(zip(stated, actual.shape, strict=True)) if s != a]
    if different:
        span = shape.dims[different[0]].span if len(different) == 1 else shape.span
        raise invalid(
            code,
            f"{giver} {actual}, not [{', '.join(map(str, stated))}]",
            span,
            f"is {actual.shape[different[0]]}" if len(different) == 1 else "",
            secondary=(cause,),
            where=together(where_equal(stated[i], actual.shape[i]) for i in different),
            helps=of_input([shape.dims[i] for i in different], scope),
        )


def _stated_size(expression: ast.Expr, scope: Scope) -> Dim:
    try:
        return size(expression, scope)
    except Invalid as problem:
        if problem.diagnostic.code == Code.UNKNOWN_NAME and isinstance(expression, ast.Name):
            raise invalid(
                Code.UNKNOWN_NAME,
                f"{expression.name} is neither a parameter nor a size of the input",
                expression.span,
                suggestion=suggestion(expression.name, scope.known(), "value"),
            ) from None
        raise
