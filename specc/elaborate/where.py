"""``where``: what a contract says of its symbolic sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from specc.diagnostics import Code
from specc.diagnostics.condition import NO_CONDITION, Condition
from specc.elaborate.errors import Invalid, invalid, suggestion
from specc.elaborate.evaluation import evaluate, truth
from specc.elaborate.parameters import names_in
from specc.elaborate.scope import Scope
from specc.elaborate.values import kind_of
from specc.ir.conditions import restrict
from specc.ir.size import Dim, Symbol, symbol
from specc.ops.fields import LARGEST
from specc.syntax import ast

_FORMS = "a condition reads H % 16 == 0, H >= 32, H <= 512 or H == W, with sizes of the contract"
_MIRRORED = {"==": "==", "<=": ">=", "<": ">", ">=": "<=", ">": "<"}


def narrowed(
    free: Mapping[str, Symbol],
    where: tuple[ast.Expr, ...],
    batches: frozenset[str],
    scope: Scope,
    besides: Condition = NO_CONDITION,
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
    same = _same([*pairs, *((c.name, c.value) for c in besides.clauses if isinstance(c.value, str))], free)
    symbols = {name: free[name] for name in free if same[name] == name}
    for clause in clauses:
        if names_in(clause) & batches:
            message = "the batch is whatever the caller brings: a condition speaks of the sizes of a sample"
            raise invalid(Code.CONTRACT, message, clause.span)
        if not names_in(clause) & set(free):
            _require(clause, free, scope)
        elif _pair(clause, free) is None:
            _narrow(clause, symbols, same, scope)
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


def _same(pairs: list[tuple[str, str]], free: Mapping[str, Symbol]) -> dict[str, str]:
    """For each symbol the one that stands for it: of symbols that are equal, the first of the contract."""
    order = list(free)
    same = {name: name for name in order}
    for pair in pairs:
        first, second = sorted((same[pair[0]], same[pair[1]]), key=order.index)
        same = {name: first if target == second else target for name, target in same.items()}
    return same


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


def _narrow(clause: ast.Expr, symbols: dict[str, Symbol], same: Mapping[str, str], scope: Scope) -> None:
    """Take one condition on one symbol into account."""
    name, sign, bound, modulus = _read(clause, same, scope)
    if bound > LARGEST:
        raise invalid(Code.CONTRACT, f"{bound:,} is no size: sizes are below 2^31", clause.span)
    try:
        symbols[same[name]] = _restricted(symbols[same[name]], sign, bound, modulus)
    except ValueError as error:
        raise invalid(Code.CONTRACT, str(error), clause.span) from None


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
    if not isinstance(clause, ast.Binary) or clause.operator not in _MIRRORED:
        raise invalid(Code.CONTRACT, "this condition cannot be used", clause.span, helps=(_FORMS,))
    left, sign, right = clause.left, clause.operator, clause.right
    if not names_in(left) & set(same):
        left, sign, right = right, _MIRRORED[sign], left
    match left:
        case _ if names_in(right) & set(same):
            pass
        case ast.Name(_, name) if name in same:
            return name, sign, _whole(right, scope), None
        case ast.Binary(_, "%", ast.Name(_, name), divisor) if name in same and sign == "==":
            modulus, residue = _whole(divisor, scope), _whole(right, scope)
            if modulus < 1:
                raise invalid(Code.CONTRACT, f"{divisor.span.text} divides nothing: % takes at least 1", divisor.span)
            if not 0 <= residue < modulus:
                message = f"{clause.span.text} holds for no size: what % {modulus} leaves is 0 to {modulus - 1}"
                raise invalid(Code.CONTRACT, message, clause.span)
            return name, sign, residue, modulus
    raise invalid(Code.CONTRACT, "this condition cannot be used", clause.span, helps=(_FORMS,))


def _whole(expression: ast.Expr, scope: Scope) -> int:
    value = evaluate(expression, scope)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = f"{expression.span.text} is {kind_of(value)}, and a whole number is needed here"
    raise invalid(Code.CONTRACT, text, expression.span, helps=(_FORMS,))
