"""A condition on the symbolic sizes of a contract, as data: what a ``where`` may say of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

_LARGEST = 2**31 - 1
"""No size is larger."""


class Clause(NamedTuple):
    """``H >= 32``, ``H % 16 == 0``, or ``H == W``.

    Attributes:
        name: of the symbol.
        sign: ``>=``, ``<=`` or ``==``.
        value: a number, or the name of another symbol.
        modulus: where it speaks of what a division by it leaves.
    """

    name: str
    sign: str
    value: int | str
    modulus: int | None = None

    def __str__(self) -> str:
        left = self.name if self.modulus is None else f"{self.name} % {self.modulus}"
        return f"{left} {self.sign} {self.value}"

    @property
    def is_general(self) -> bool:
        """Whether it leaves sizes without end: a network for images of one size, or of at most 2 x 2, nobody means."""
        if isinstance(self.value, str) or self.modulus is not None:
            return True
        return self.sign == ">=" and self.value <= _LARGEST


class Condition(NamedTuple):
    """Clauses that, all together, are enough for a claim. Without any it holds anyway.

    Attributes:
        necessary: whether it is proven that the claim fails at every size at which a clause does not hold.
    """

    clauses: tuple[Clause, ...]
    necessary: bool = False

    def __bool__(self) -> bool:
        return bool(self.clauses)

    def __str__(self) -> str:
        return ", ".join(map(str, self.clauses))

    def sentence(self, claim: str) -> str:
        """A claim and where it holds: ``the arms of add agree only where H % 2 == 0``; "only" where it is necessary."""
        return f"{claim} only where {self}" if self.necessary else f"that {claim} is sure where {self}"

    @property
    def names(self) -> frozenset[str]:
        """The symbols of which it speaks."""
        others = (clause.value for clause in self.clauses if isinstance(clause.value, str))
        return frozenset((*(clause.name for clause in self.clauses), *others))

    @property
    def is_general(self) -> bool:
        """Whether a contract may well ask for it."""
        return all(clause.is_general for clause in self.clauses)


NO_CONDITION = Condition((), necessary=True)
"""It holds at every size."""


def together(conditions: Iterable[Condition | None]) -> Condition | None:
    """All of them as one, each clause said once, of several least sizes of a symbol the largest; None where one is."""
    clauses: dict[Clause, None] = {}
    least: dict[str, int] = {}
    necessary = True
    for condition in conditions:
        if condition is None:
            return None
        necessary = necessary and condition.necessary
        for clause in condition.clauses:
            if clause.sign == ">=" and isinstance(clause.value, int):
                least[clause.name] = max(clause.value, least.get(clause.name, clause.value))
            else:
                clauses[clause] = None
    return Condition((*clauses, *(Clause(name, ">=", bound) for name, bound in least.items())), necessary)
