"""What must hold for every size that a contract allows, and what is said where it does not.

Sizes that are numbers never come here: their operators refuse with the arithmetic of those numbers.
"""

from collections.abc import Iterable
from itertools import islice, product

from specc.ir.conditions import always_at_least, divides, samples, where_at_least, where_divides, where_equal
from specc.ir.op import Op, Refusal
from specc.ir.size import Dim, Size

_TRIED = 1000
"""Combinations of sizes that are tried to show where two formulas differ."""


def unproven(
    claim: str,
    clauses: Iterable[str | None],
    *,
    detail: str = "",
    argument: str | None = None,
    label: str = "",
    cause: int | None = 0,
    notes: tuple[str, ...] = (),
    helps: tuple[str, ...] = (),
) -> Refusal:
    """The refusal of a claim that does not hold for every size, with the condition that makes it hold.

    Args:
        claim: a sentence: "kernel 5 fits into its input of H x W".
        clauses: for each part of the claim, the `where` clause that proves it; None where none is known.
        detail: what stands behind the colon.
    """
    where = _together(clauses)
    message = f"{claim} only where {where}" if where else f"it is not proven that {claim}"
    return Refusal(
        "S0108",
        f"{message}: {detail}" if detail else message,
        argument=argument,
        label=label,
        cause=cause,
        notes=notes,
        helps=() if where else helps,
        where=where or None,
    )


def require_at_least(
    sizes: Iterable[Dim],
    least: Iterable[int],
    claim: str,
    *,
    argument: str | None = None,
) -> None:
    """Refuses ``claim`` where some size may fall below its bound of ``least``."""
    short = [(size, bound) for size, bound in zip(sizes, least, strict=True) if not always_at_least(size, bound)]
    if short:
        clauses = (where_at_least(size, bound) for size, bound in short)
        raise unproven(claim, clauses, argument=argument)


def require_multiples(sizes: Iterable[Dim], divisor: int, claim: str, *, argument: str) -> None:
    """Refuses ``claim`` where ``divisor`` may leave a rest of some size."""
    uneven = [size for size in sizes if not divides(divisor, size)]
    if uneven:
        raise unproven(claim, (where_divides(divisor, size) for size in uneven), argument=argument)


def fixed_number(op: Op, size: Dim, what: str, *helps: str) -> int:
    """``size`` where it is a number; refuses by name where it depends on a symbol.

    Args:
        what: what is counted: "channels", "features".
    """
    if isinstance(size, int):
        return size
    names = " and ".join(symbol.name for symbol in size.symbols)
    shown = f"here it is {size}" if str(size) == names else f"{size} depends on {names}"
    raise Refusal("S0108", f"{op.kind} takes a fixed number of {what}, and {shown}", cause=0, helps=helps)


def fixed_numbers(op: Op, sizes: Iterable[Dim], what: str, *helps: str) -> tuple[int, ...]:
    """`fixed_number` of each."""
    return tuple(fixed_number(op, size, what, *helps) for size in sizes)


def never_equal(a: Dim, b: Dim) -> bool:
    """Whether one of the two is the larger at every size."""
    if isinstance(a, int) and isinstance(b, int):
        return a != b
    return always_at_least(a - b, 1) or always_at_least(b - a, 1)


def equal_where(pairs: Iterable[tuple[Dim, Dim]]) -> list[str | None]:
    """For each pair that is not equal at every size, the clause that makes it so."""
    return [where_equal(a, b) for a, b in pairs if a != b]


def parting(a: Dim, b: Dim) -> str | None:
    """``at H = 33, 5 and 4``: sizes at which the two differ; None where none of those tried shows it."""
    symbols = {symbol.name: symbol for size in (a, b) if isinstance(size, Size) for symbol in size.symbols}
    for values in islice(product(*(samples(symbol, 8) for symbol in symbols.values())), _TRIED):
        sizes = dict(zip(symbols, values, strict=True))
        x, y = (size.at(sizes) if isinstance(size, Size) else size for size in (a, b))
        if x != y:
            return f"at {', '.join(f'{name} = {value}' for name, value in sizes.items())}, {x} and {y}"
    return None


def _together(clauses: Iterable[str | None]) -> str | None:
    """The clauses as one, each said once, of several least sizes of a symbol the largest."""
    parts: dict[str, None] = {}
    least: dict[str, int] = {}
    for clause in clauses:
        if clause is None:
            return None
        for part in clause.split(", "):
            name, _, bound = part.partition(" >= ")
            if bound.isdigit():
                least[name] = max(int(bound), least.get(name, 0))
            else:
                parts[part] = None
    return ", ".join((*parts, *(f"{name} >= {bound}" for name, bound in least.items())))
