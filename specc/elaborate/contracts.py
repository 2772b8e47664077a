"""Contracts: the ports of a model, what a block takes and gives, and what ``where`` says of symbolic sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod

from specc.diagnostics import Code, Label
from specc.diagnostics.condition import NO_CONDITION, Condition, together
from specc.elaborate import hints
from specc.elaborate.errors import Invalid, Unknown, in_form, invalid, suggestion
from specc.elaborate.evaluation import evaluate, truth
from specc.elaborate.scopes import Scope
from specc.elaborate.values import Signal, display, is_whole, kind_of
from specc.ir.conditions import where_equal
from specc.ir.graph import Port
from specc.ir.size import Dim, Size, symbol
from specc.ir.symbols import Symbol, restrict
from specc.ir.types import TensorType
from specc.ops.fields import LARGEST
from specc.source import Span
from specc.syntax import ast

MOST_AXES = 32
"""PyTorch stops at 64, runtimes earlier; no network needs more than a handful."""

MOST_ELEMENTS = 2**40
"""No tensor may be larger: 4 TiB of float32."""

_FORMS = "a condition reads H % 16 == 0, H >= 32, H <= 512 or H == W, with sizes of the contract"
_MIRRORED = {"==": "==", "<=": ">=", "<": ">", ">=": "<=", ">": "<"}

# ---- the inputs of a model ------------------------------------------------------------------------------------------


def input_ports(model: ast.ModelDefinition, scope: Scope, besides: Condition = NO_CONDITION) -> tuple[Port, ...]:
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
    ports: list[Port] = []
    for stated in contract.inputs:
        shape = stated.shape
        if len(shape.dims) < 2:
            raise invalid(
                Code.CONTRACT,
                "an input has at least a batch and one more axis",
                shape.span,
                helps=("[N, 784] is a batch of flat inputs, [N, 3, 32, 32] one of images",),
            )
        batch, *sample = (size(dim, scope) for dim in shape.dims)
        ports.append(Port(stated.name or "input", within_limit(TensorType(batch, tuple(sample)), shape.span)))
    first = ports[0].type.batch
    for stated, port in zip(contract.inputs, ports, strict=True):
        if port.type.batch != first:
            raise invalid(
                Code.CONTRACT,
                f"the inputs of a model have one batch, and {port.name} has {port.type.batch}",
                stated.shape.dims[0].span,
                secondary=(Label(contract.inputs[0].shape.dims[0].span, f"the batch is {first} here"),),
            )
    return tuple(ports)


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
    scope.names.update(_narrowed(free, contract.where, frozenset(batches), scope, besides))


# ---- shapes ---------------------------------------------------------------------------------------------------------


def size(expression: ast.Expr, scope: Scope) -> Dim:
    """One entry of a shape: a whole number of at least 1, or a symbolic size."""
    value = evaluate(expression, scope)
    if isinstance(value, Size):
        return value
    if not is_whole(value):
        raise invalid(
            Code.BAD_VALUE,
            f"a size is a whole number, and {expression.span.text} is {kind_of(value)}",
            expression.span,
            helps=hints.real_for_whole(value, expression),
        )
    if not 1 <= value <= LARGEST:
        message = f"a size is at least 1 and below 2^31, and this one is {display(value)}"
        raise invalid(Code.BAD_VALUE, message, expression.span)
    return int(value)


def within_limit(tensor: TensorType, span: Span) -> TensorType:
    """The type; refuses one of too many axes, or of too many elements."""
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


def agree(shape: ast.Shape, value: Signal, scope: Scope, code: Code, giver: str) -> None:
    """Refuse unless the value has this shape, pointing at the one size that differs. Its type is known."""
    actual = value.type
    assert actual is not None, "asked where it is known"
    cause = Label(value.span, f"gives {actual}")
    if len(shape.dims) != actual.rank:
        raise invalid(
            code,
            f"{giver} {actual}, of {actual.rank} axes, and {shape.span.text} has {len(shape.dims)}",
            shape.span,
            secondary=(cause,),
            helps=hints.missing_batch(actual, shape, scope),
        )
    stated: list[Dim] = []
    for dim in shape.dims:
        try:
            stated.append(size(dim, scope))
        except Invalid as problem:
            if problem.diagnostic.code != Code.UNKNOWN_NAME or not isinstance(dim, ast.Name):
                raise
            message = f"{dim.name} is neither a parameter nor a size of the input"
            near = suggestion(dim.name, scope.known(), "value")
            raise invalid(Code.UNKNOWN_NAME, message, dim.span, suggestion=near) from None
    different = [axis for axis, (s, a) in enumerate(zip(stated, actual.shape, strict=True)) if s != a]
    if different:
        span = shape.dims[different[0]].span if len(different) == 1 else shape.span
        raise invalid(
            code,
            f"{giver} {actual}, not [{', '.join(map(str, stated))}]",
            span,
            f"is {actual.shape[different[0]]}" if len(different) == 1 else "",
            secondary=(cause,),
            where=together(where_equal(stated[axis], actual.shape[axis]) for axis in different),
            helps=hints.input_for_current([shape.dims[axis] for axis in different], scope),
        )


# ---- the contract of a block ----------------------------------------------------------------------------------------


def check_input(contract: ast.Contract, name: str, current: Signal, scope: Scope) -> None:
    """Hold the contract of the block ``name`` against what goes in; the names of its sizes are defined in ``scope``.

    Raises:
        Invalid: it does not hold.
        Unknown: an earlier error left the value unknown.
    """
    for ports in (contract.inputs, contract.outputs or ()):
        if len(ports) > 1:
            raise invalid(
                Code.CONTRACT,
                "a block takes one value and gives one",
                ports[1].span,
                helps=("hand other values over as arguments: up(256, e4)",),
            )
    if current.type is None:
        raise Unknown
    for port in contract.inputs:
        # A name that means nothing yet takes the size at its place.
        for dim, actual in zip(port.shape.dims, current.type.shape, strict=False):
            if isinstance(dim, ast.Name) and not scope.has(dim.name):
                scope.define(dim.name, actual)
        agree(port.shape, current, scope, Code.CONTRACT, "the block is given")
        if port.name:
            scope.define(port.name, current.seen)
    for condition in contract.where:
        if not truth(condition, scope):
            message = f"block {name} needs {condition.span.text}, and is given {current.type}"
            raise invalid(Code.CONTRACT, message, condition.span)


def check_output(contract: ast.Contract, name: str, result: Signal | None, scope: Scope) -> None:
    """Hold the contract against what the block gives, where that is known. Raises Invalid."""
    if result is not None and result.type is not None:
        for port in contract.outputs or ():
            agree(port.shape, result, scope, Code.CONTRACT, f"the block {name} gives")


# ---- where ----------------------------------------------------------------------------------------------------------


def _narrowed(
    free: Mapping[str, Symbol],
    where: tuple[ast.Expr, ...],
    batches: frozenset[str],
    scope: Scope,
    besides: Condition,
) -> dict[str, Dim]:
    """The sizes of a contract by name, each with the values that ``where`` leaves it.

    Args:
        free: the symbols before any condition.
        batches: names of the batch, of which no condition may speak.
        besides: what is asked besides, of symbols that are free.

    Raises:
        Invalid: a condition of ``where`` cannot be used, or contradicts those before it.
        ValueError: ``besides`` contradicts them.
    """
    clauses = [clause for expression in where for clause in _conjuncts(expression)]
    pairs = [pair for clause in clauses if (pair := _pair(clause, free)) is not None]
    pairs += [(clause.name, clause.value) for clause in besides.clauses if isinstance(clause.value, str)]
    # For each symbol the one that stands for it: of symbols that are equal, the first of the contract.
    order = list(free)
    same = {name: name for name in order}
    for pair in pairs:
        first, second = sorted((same[pair[0]], same[pair[1]]), key=order.index)
        same = {name: first if target == second else target for name, target in same.items()}
    symbols = {name: free[name] for name in free if same[name] == name}
    for clause in clauses:
        names = ast.names_in(clause)
        if names & batches:
            message = "the batch is whatever the caller brings: a condition speaks of the sizes of a sample"
            raise invalid(Code.CONTRACT, message, clause.span)
        if not names & free.keys():
            _require(clause, free, scope)
        elif _pair(clause, free) is None:
            name, sign, bound, modulus = _read(clause, same, scope)
            if bound > LARGEST:
                raise invalid(Code.CONTRACT, f"{bound:,} is no size: sizes are below 2^31", clause.span)
            try:
                symbols[same[name]] = _restricted(symbols[same[name]], sign, bound, modulus)
            except ValueError as error:
                raise invalid(Code.CONTRACT, str(error), clause.span) from None
    for asked in besides.clauses:
        if isinstance(asked.value, int):
            name = same[asked.name]
            symbols[name] = _restricted(symbols[name], asked.sign, asked.value, asked.modulus)
    sizes = {
        name: symbol(name, least=s.least, most=s.most, modulus=s.modulus, residue=s.residue)
        for name, s in symbols.items()
    }
    return {name: sizes[same[name]] for name in free}


def _conjuncts(expression: ast.Expr) -> Iterator[ast.Expr]:
    if isinstance(expression, ast.Binary) and expression.operator == "and":
        yield from _conjuncts(expression.left)
        yield from _conjuncts(expression.right)
    else:
        yield expression


def _pair(clause: ast.Expr, free: Mapping[str, Symbol]) -> tuple[str, str] | None:
    """The names in ``H == W``."""
    match clause:
        case ast.Binary(_, "==", ast.Name(_, one), ast.Name(_, other)) if one in free and other in free:
            return one, other
    return None


def _require(clause: ast.Expr, free: Mapping[str, Symbol], scope: Scope) -> None:
    """A condition on the model's parameters alone, or on a size whose name is misspelt."""
    try:
        if truth(clause, scope):
            return
    except Invalid as problem:
        place = problem.diagnostic.primary.span
        wrong = [part.name for part in ast.parts(clause) if isinstance(part, ast.Name) and part.span == place]
        if problem.diagnostic.code != Code.UNKNOWN_NAME or not wrong:
            raise
        raise Invalid(problem.diagnostic.suggesting(suggestion(wrong[0], {*free, *scope.known()}, "value"))) from None
    sides = (clause.left, clause.right) if isinstance(clause, ast.Binary) else ()
    values = (f"{side.span.text} = {evaluate(side, scope)}" for side in sides if not isinstance(side, ast.Number))
    raise invalid(Code.CONTRACT, f"{clause.span.text} does not hold", clause.span, ", ".join(values))


def _restricted(symbol: Symbol, sign: str, bound: int, modulus: int | None) -> Symbol:
    """The symbol under one more condition. Raises ValueError in words where no value is left."""
    match sign:
        case "==" if modulus:
            return restrict(symbol, modulus=modulus, residue=bound)
        case "==":
            return restrict(symbol, least=bound, most=bound)
        case ">=" | ">":
            return restrict(symbol, least=bound + (sign == ">"))
    return restrict(symbol, most=bound - (sign == "<"))


def _read(clause: ast.Expr, same: Mapping[str, str], scope: Scope) -> tuple[str, str, int, int | None]:
    """Symbol, comparison, number and modulus of a condition.

    Raises:
        Invalid: it has another form.
    """
    if isinstance(clause, ast.Binary) and clause.operator in _MIRRORED:
        left, sign, right = clause.left, clause.operator, clause.right
        if not ast.names_in(left) & same.keys():
            left, sign, right = right, _MIRRORED[sign], left
        match left:
            case _ if ast.names_in(right) & same.keys():
                pass
            case ast.Name(_, name) if name in same:
                return name, sign, _whole(right, scope), None
            case ast.Binary(_, "%", ast.Name(_, name), divisor) if name in same and sign == "==":
                modulus, residue = _whole(divisor, scope), _whole(right, scope)
                if modulus < 1:
                    message = f"{divisor.span.text} divides nothing: % takes at least 1"
                    raise invalid(Code.CONTRACT, message, divisor.span)
                if not 0 <= residue < modulus:
                    message = f"{clause.span.text} holds for no size: what % {modulus} leaves is 0 to {modulus - 1}"
                    raise invalid(Code.CONTRACT, message, clause.span)
                return name, sign, residue, modulus
    raise invalid(Code.CONTRACT, "this condition cannot be used", clause.span, helps=(_FORMS,))


def _whole(expression: ast.Expr, scope: Scope) -> int:
    value = evaluate(expression, scope)
    if is_whole(value):
        return int(value)
    text = f"{expression.span.text} is {kind_of(value)}, and a whole number is needed here"
    raise invalid(Code.CONTRACT, text, expression.span, helps=(_FORMS,))
