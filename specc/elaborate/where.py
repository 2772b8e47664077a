"""The ``where`` of a contract: its conditions on symbolic sizes, and the search for conditions that are missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from specc.diagnostics import Code, Diagnostic, Label, SpecError
from specc.diagnostics.finding import Clause, Condition
from specc.diagnostics.words import listed
from specc.elaborate.arithmetic import apart
from specc.elaborate.errors import Invalid, in_form, invalid, suggestion
from specc.elaborate.evaluation import evaluate, truth
from specc.elaborate.scopes import Scope
from specc.elaborate.values import is_whole, kind_of
from specc.ir.graph import Graph
from specc.ir.size import symbol
from specc.ir.symbols import Symbol, contract_condition, restrict
from specc.ops.fields import LARGEST
from specc.source import Span
from specc.syntax import ast

_FORMS = "a condition reads H % 16 == 0, H >= 32, H <= 512 or H == W, with sizes of the contract"
_MIRRORED = {"==": "==", "<=": ">=", "<": ">", ">=": "<=", ">": "<"}

_MOST_CLAUSES = 24
"""As many as two axes need that are halved a dozen times each."""


def define_sizes(contract: ast.Contract, scope: Scope, besides: Condition) -> None:
    """Define in ``scope`` what the shapes of a model's inputs name.

    A name that means nothing yet is a size that only the caller knows, with the values that ``where`` leaves it.

    Args:
        besides: what is asked of the sizes besides the contract's ``where``.

    Raises:
        Invalid: a condition of ``where`` cannot be used, or contradicts those before it.
        ValueError: ``besides`` contradicts them.
    """
    batches: dict[str, ast.Name] = {}
    free: dict[str, ast.Name] = {}
    for port in contract.inputs:
        for axis, dim in enumerate(port.shape.dims if port.shape else ()):
            if isinstance(dim, ast.Name) and not scope.has(dim.name) and dim.name != "_":
                (free if axis else batches).setdefault(dim.name, dim)
    for name in batches.keys() & free.keys():
        message = f"{name} is the batch, and a size of a sample cannot be the same"
        raise invalid(Code.CONTRACT, message, free[name].span, secondary=(Label(batches[name].span, "the batch"),))
    for name in batches:
        scope.names[name] = symbol(name)
    equal = [(clause.name, clause.value) for clause in besides.clauses if isinstance(clause.value, str)]
    conditions: list[ast.Expr] = []
    for condition in (conjunct for expression in contract.where for conjunct in _conjuncts(expression)):
        match condition:
            case ast.Binary(_, "==", ast.Name(_, one), ast.Name(_, other)) if one in free and other in free:
                equal.append((one, other))
            case _:
                conditions.append(condition)
    # Symbols that are equal are one: the first of them in the contract.
    order = list(free)
    same = {name: name for name in order}
    for one, other in equal:
        first, second = sorted((same[one], same[other]), key=order.index)
        same = {name: first if target == second else target for name, target in same.items()}
    symbols = {name: Symbol(name) for name in order if same[name] == name}
    for condition in conditions:
        names = ast.names_in(condition)
        if names & batches.keys():
            message = "the batch is whatever the caller brings: a condition speaks of the sizes of a sample"
            raise invalid(Code.CONTRACT, message, condition.span)
        if not names & free.keys():
            _require(condition, free, scope)
            continue
        clause = _read(condition, free, scope)
        try:
            symbols[same[clause.name]] = _restricted(symbols[same[clause.name]], clause)
        except ValueError as error:
            raise invalid(Code.CONTRACT, str(error), condition.span) from None
    for clause in besides.clauses:
        if isinstance(clause.value, int):
            symbols[same[clause.name]] = _restricted(symbols[same[clause.name]], clause)
    sizes = {
        name: symbol(name, least=s.least, most=s.most, modulus=s.modulus, residue=s.residue)
        for name, s in symbols.items()
    }
    scope.names.update({name: sizes[same[name]] for name in free})


def _conjuncts(expression: ast.Expr) -> Iterator[ast.Expr]:
    if isinstance(expression, ast.Binary) and expression.operator == "and":
        yield from _conjuncts(expression.left)
        yield from _conjuncts(expression.right)
    else:
        yield expression


def _require(clause: ast.Expr, free: Iterable[str], scope: Scope) -> None:
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


def _restricted(symbol: Symbol, clause: Clause) -> Symbol:
    """The symbol under one more condition. Raises ValueError in words where no value is left."""
    assert isinstance(clause.value, int), "equal symbols are one"
    if clause.modulus is not None:
        return restrict(symbol, modulus=clause.modulus, residue=clause.value)
    least, most = clause.sign in ("==", ">="), clause.sign in ("==", "<=")
    return restrict(symbol, least=clause.value if least else None, most=clause.value if most else None)


def _read(clause: ast.Expr, free: Mapping[str, ast.Name], scope: Scope) -> Clause:
    """A condition on one of the free symbols. Raises Invalid where it has another form."""
    if isinstance(clause, ast.Binary) and clause.operator in _MIRRORED:
        left, sign, right = clause.left, clause.operator, clause.right
        if not ast.names_in(left) & free.keys():
            left, sign, right = right, _MIRRORED[sign], left
        match left:
            case _ if ast.names_in(right) & free.keys():
                pass
            case ast.Name(_, name) if name in free:
                bound = _whole(right, scope)
                if bound > LARGEST:
                    raise invalid(Code.CONTRACT, f"{bound:,} is no size: sizes are below 2^31", clause.span)
                if sign in ("<", ">"):
                    sign, bound = f"{sign}=", bound + (1 if sign == ">" else -1)
                return Clause(name, sign, bound)
            case ast.Binary(_, "%", ast.Name(_, name), divisor) if name in free and sign == "==":
                modulus, residue = _whole(divisor, scope), _whole(right, scope)
                if modulus < 1:
                    message = f"{divisor.span.text} divides nothing: % takes at least 1"
                    raise invalid(Code.CONTRACT, message, divisor.span)
                if not 0 <= residue < modulus:
                    message = f"{clause.span.text} holds for no size: what % {modulus} leaves is 0 to {modulus - 1}"
                    raise invalid(Code.CONTRACT, message, clause.span)
                if residue > LARGEST:
                    raise invalid(Code.CONTRACT, f"{residue:,} is no size: sizes are below 2^31", clause.span)
                return Clause(name, sign, residue, modulus)
    raise _other_form(clause, [name for name in free if name in ast.names_in(clause)])


def _other_form(clause: ast.Expr, names: list[str]) -> Invalid:
    """Of a condition that is none of one size: what says the same, or nearly so."""
    message, helps = "this condition cannot be used", [_FORMS]
    match clause:
        case ast.Binary(operator="=="):
            helps += [f"a size that follows from another is stated so: [N, 3, 2*{name}, {name}]" for name in names[1:2]]
        case ast.Binary(_, "<" | "<=" | ">" | ">=" as sign, ast.Name(_, one), ast.Name(_, other)):
            helps.append(f"a bound for each is enough for one below the other: {apart(one, sign, other)}")
    if len(names) > 1:
        message = f"a condition is about one size, or says that two are equal, and this one is about {listed(names)}"
    return invalid(Code.CONTRACT, message, clause.span, helps=tuple(helps))


def _whole(expression: ast.Expr, scope: Scope) -> int:
    value = evaluate(expression, scope)
    if is_whole(value):
        return int(value)
    text = f"{expression.span.text} is {kind_of(value)}, and a whole number is needed here"
    raise invalid(Code.CONTRACT, text, expression.span, helps=(_FORMS,))


# ---- the where that is missing --------------------------------------------------------------------------------------


def explained(error: SpecError, model: ast.ModelDefinition, again: Callable[[Condition], Graph]) -> SpecError:
    """``error`` with the ``where`` that mends it.

    A U-Net needs H >= 2 at its first pool and H % 16 == 0 at its first merge; a user who adds the first alone has four
    more errors to come. So every clause is added, until the model fits or another mistake shows.

    Args:
        again: elaborates the model with a condition besides its contract's. Raises SpecError, and ValueError where
            the condition cannot hold.
    """
    inputs = model.contract.inputs if model.contract else ()
    firsts = [port.shape.dims[0] for port in inputs if port.shape and port.shape.dims]
    batches = frozenset(first.name for first in firsts if isinstance(first, ast.Name))
    shown = last = error = _possible(error, batches)
    known: dict[Clause, None] = {}
    while _asking(last) and len(known) < _MOST_CLAUSES:
        if all(finding.where for finding in last.diagnostics):
            shown = last
        new = {clause: None for finding in _asking(last) if finding.where for clause in finding.where.clauses}
        if not new.keys() - known.keys():
            break
        try:
            graph = again(Condition((*known, *new)))
        except SpecError as other:
            known |= new
            last = _possible(other, batches)
            continue
        except ValueError:  # some contradict each other: each finding has its own condition as advice
            break
        equal = (clause for clause in known | new if isinstance(clause.value, str))
        whole = Condition((*equal, *contract_condition(graph.symbols).clauses))
        return _helped(shown.diagnostics, whole, ": with it every step fits")
    # With all conditions met, other mistakes remain: both are shown.
    left = [finding for finding in last.diagnostics if not finding.where]
    return _helped((*_asking(error), *left), None, "")


def _possible(error: SpecError, batches: frozenset[str]) -> SpecError:
    """The mistakes, without conditions that no contract can or would state."""
    findings: list[Diagnostic] = []
    for finding in error.diagnostics:
        where = finding.where
        if where is not None and (batch := ", ".join(sorted(where.names & batches))):
            note = f"{batch} is the batch, whatever the caller brings: no condition can speak of it"
            findings.append(replace(finding.with_note(note), where=None))
        else:
            findings.append(replace(finding, where=where if where is not None and where.is_general else None))
    return SpecError(findings)


def _asking(error: SpecError) -> tuple[Diagnostic, ...]:
    return tuple(finding for finding in error.diagnostics if finding.where)


def _helped(findings: Iterable[Diagnostic], whole: Condition | None, tried: str) -> SpecError:
    """The findings, each that needs a condition with a help that says where it goes.

    Args:
        whole: the condition of them all, where it is known.
        tried: what is known of it.
    """

    def help_for(own: Condition, span: Span) -> str:
        clauses = whole or own
        return f"add `{in_form(span, f'where {clauses}', f'where: [{clauses}]')}` to the model's contract{tried}"

    return SpecError([f.with_help(help_for(f.where, f.primary.span)) if f.where else f for f in findings])
