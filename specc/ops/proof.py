"""What must hold for every size that a contract allows, and what is said where it does not.

Sizes that are numbers never come here: their operators refuse with the arithmetic of those numbers.
"""

from collections.abc import Iterable

from specc.diagnostics.condition import Condition, together
from specc.ir.conditions import AtLeast, Claim, Equal, always_at_least, assigned, divides, points
from specc.ir.op import Op, Refusal
from specc.ir.size import Dim
from specc.ir.types import at


def unproven(
    claim: str,
    needed: Iterable[Claim],
    *,
    necessary: bool = True,
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
        needed: what it comes to.
        necessary: whether the claim fails where what is needed does: "only where" is said of nothing else.
        detail: what stands behind the colon.
        notes: facts; where there are none, and no condition is known to be necessary, sizes at which the claim fails.
    """
    parts = tuple(needed)
    condition = together(part.condition() for part in parts)
    exact = condition is not None and condition.necessary and necessary
    message = _headline(claim, condition, exact)
    if necessary and not exact:
        notes = notes or _failure(parts)
    return Refusal(
        "S0108",
        f"{message}: {detail}" if detail else message,
        argument=argument,
        label=label,
        cause=cause,
        notes=notes,
        helps=() if condition else helps,
        where=condition or None,
    )


def _headline(claim: str, condition: Condition | None, exact: bool) -> str:
    if not condition:
        return f"it is not proven that {claim}"
    return f"{claim} only where {condition}" if exact else f"that {claim} is sure where {condition}"


def _failure(claims: tuple[Claim, ...]) -> tuple[str, ...]:
    """``at H = 1, W = 1 it does not``, as a note, where some of the sizes that are tried show it."""
    for sizes in points(size for claim in claims for size in claim if not isinstance(size, int)):
        if not all(claim.holds(sizes) for claim in claims):
            return (f"at {assigned(sizes)} it does not hold",)
    return ()


def require_at_least(
    sizes: Iterable[Dim],
    least: Iterable[int],
    claim: str,
    *,
    argument: str | None = None,
) -> None:
    """Refuses ``claim`` where some size may fall below its bound of ``least``."""
    short = [AtLeast(*pair) for pair in zip(sizes, least, strict=True) if not always_at_least(*pair)]
    if short:
        raise unproven(claim, short, argument=argument)


def require_multiples(sizes: Iterable[Dim], divisor: int, claim: str, *, argument: str) -> None:
    """Refuses ``claim`` where ``divisor`` may leave a rest of some size."""
    uneven = [size for size in sizes if not divides(divisor, size)]
    if uneven:
        raise unproven(claim, (Equal(size % divisor, 0) for size in uneven), argument=argument)


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


def parting(a: Dim, b: Dim) -> str | None:
    """``at H = 33, 5 and 4``: sizes at which the two differ; None where none of those tried shows it."""
    for sizes in points((a, b)):
        x, y = at(a, sizes), at(b, sizes)
        if x != y:
            return f"at {assigned(sizes)}, {x} and {y}"
    return None
