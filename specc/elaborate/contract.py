"""The interface of a model: its ports, and which of their sizes are symbolic."""

from __future__ import annotations

from specc.diagnostics import Code, Label
from specc.elaborate.expressions import Scope, evaluate
from specc.elaborate.trouble import Trouble, did_you_mean, not_yet, trouble
from specc.elaborate.values import kind_of, written
from specc.ir.graph import Port
from specc.ir.size import Dim, Size, symbol
from specc.ir.types import TensorType
from specc.ops.fields import LARGEST
from specc.source import Span
from specc.syntax import ast

MOST_AXES = 32
"""PyTorch stops at 64, runtimes earlier; no network needs more than a handful."""

MOST_ELEMENTS = 2**40
"""No tensor may be larger: 4 TiB of float32."""


def input_port(model: ast.Model, scope: Scope) -> Port:
    """The model's input. Its symbolic batch, if any, is defined in ``scope``."""
    contract = model.contract
    if contract is None:
        raise trouble(
            Code.CONTRACT,
            f"model {model.name} does not say what goes in",
            model.name_span,
            helps=(f"write model {model.name} : [N, 3, 32, 32] {{ … }}, with your own sizes",),
        )
    for ports in (contract.inputs, contract.outputs or ()):
        if len(ports) != 1 and ports:
            raise not_yet("several inputs or outputs are", ports[1].span)
    if contract.where:
        raise not_yet("a where clause is", contract.where[0].span)
    if not contract.inputs:
        raise trouble(Code.CONTRACT, f"model {model.name} has no input", contract.span)
    (port,) = contract.inputs
    return Port(port.name or "input", _input_type(port.shape, scope))


def _input_type(shape: ast.Shape, scope: Scope) -> TensorType:
    if len(shape.dims) < 2:
        raise trouble(
            Code.CONTRACT,
            "an input has at least a batch and one more axis",
            shape.span,
            helps=("[N, 784] is a batch of flat inputs, [N, 3, 32, 32] one of images",),
        )
    dims = [_input_dim(dim, axis, scope) for axis, dim in enumerate(shape.dims)]
    return typed(dims, shape.span)


def _input_dim(expression: ast.Expr, axis: int, scope: Scope) -> Dim:
    if isinstance(expression, ast.Name) and expression.name not in scope.known():
        if axis > 0:
            helps = did_you_mean(expression.name, scope.known())
            raise not_yet(
                f"{expression.name} as a symbolic size (only the batch may be symbolic) is",
                expression.span,
                *helps,
                "write a number",
            )
        scope.define(expression.name, symbol(expression.name))
    return size(expression, scope)


def size(expression: ast.Expr, scope: Scope) -> Dim:
    """One entry of a shape: a whole number of at least 1, or a symbol of the contract."""
    value = evaluate(expression, scope)
    if isinstance(value, Size):
        return value
    if isinstance(value, bool) or not isinstance(value, int):
        raise trouble(
            Code.BAD_VALUE, f"a size is a whole number, and {expression.span.text} is {kind_of(value)}", expression.span
        )
    if not 1 <= value <= LARGEST:
        raise trouble(
            Code.BAD_VALUE, f"a size is at least 1 and below 2^31, and this one is {written(value)}", expression.span
        )
    return value


def typed(dims: list[Dim], span: Span) -> TensorType:
    """The tensor type of evaluated sizes; refuses a symbol where only the batch may have one."""
    batch, *rest = dims
    sample = tuple(dim for dim in rest if isinstance(dim, int))
    if len(sample) < len(rest):
        symbol = next(dim for dim in rest if isinstance(dim, Size))
        raise trouble(Code.NOT_YET, f"{symbol} is the batch, and only the first axis may be symbolic", span)
    return within_limit(TensorType(batch, sample), span)


def within_limit(tensor: TensorType, span: Span) -> TensorType:
    if tensor.rank > MOST_AXES:
        raise trouble(Code.LIMIT, f"a tensor here has {tensor.rank} axes, and the most is {MOST_AXES}", span)
    if tensor.elements > MOST_ELEMENTS:
        raise trouble(
            Code.LIMIT, f"a tensor of {tensor} has {tensor.elements:,} elements a sample, and the most is 2^40", span
        )
    return tensor


def output_port(model: ast.Model, result: TensorType, scope: Scope, last: Span) -> Port:
    """The model's output, its contract (if stated) proven equal to ``result``.

    Args:
        last: the step that gives the result.
    """
    stated = model.contract.outputs if model.contract else None
    if not stated:
        return Port("output", result)
    (port,) = stated
    agree(port.shape, result, scope, Code.CONTRACT, "the model gives", Label(last, f"gives {result}"))
    return Port(port.name or "output", result)


def agree(shape: ast.Shape, actual: TensorType, scope: Scope, code: Code, giver: str, cause: Label) -> None:
    """Refuse unless ``shape`` is ``actual``, pointing at the one size that differs."""
    stated = [_stated_size(dim, scope) for dim in shape.dims]
    if len(stated) != actual.rank:
        raise trouble(
            code,
            f"{giver} {actual}, of {actual.rank} axes, and {shape.span.text} has {len(stated)}",
            shape.span,
            secondary=(cause,),
        )
    different = [i for i, (s, a) in enumerate(zip(stated, actual.shape, strict=True)) if s != a]
    if different:
        span = shape.dims[different[0]].span if len(different) == 1 else shape.span
        raise trouble(
            code,
            f"{giver} {actual}, not [{', '.join(map(str, stated))}]",
            span,
            f"is {actual.shape[different[0]]}" if len(different) == 1 else "",
            secondary=(cause,),
        )


def _stated_size(expression: ast.Expr, scope: Scope) -> Dim:
    try:
        return size(expression, scope)
    except Trouble as problem:
        if problem.diagnostic.code == Code.UNKNOWN_NAME and isinstance(expression, ast.Name):
            raise trouble(
                Code.UNKNOWN_NAME,
                f"{expression.name} is neither a parameter of the model nor a size of its input",
                expression.span,
                helps=did_you_mean(expression.name, scope.known()),
            ) from None
        raise
