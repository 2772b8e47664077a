"""The sizes of an imported network that only the caller knows, and what has to be asked of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from specc.diagnostics.finding import Clause, Condition
from specc.importing.naming import identifier
from specc.ir.size import Dim, of, symbol
from specc.ir.symbols import Symbol, restrict

OPEN = "?"
"""A size that the file does not declare."""

_NUMBERED = re.compile(r"(?:unk__|unk_|s|dim_|\?)\d+")
"""Names that tools count up, as tf2onnx does: the sizes are told apart by them, and have others in a spec."""

_CLAUSE = re.compile(r"(\w+)(?: % (\d{1,9}))? (==|>=|<=) (\d{1,9})")
_MOST_ROUNDS = 24
_AXES = {1: "L", 2: "HW", 3: "DHW"}


class FileSymbols:
    """The symbols of a network by the names of the file, which get narrower as operators ask for it.

    Attributes:
        batch: the name of the symbolic batch; empty where it is a number.
    """

    def __init__(self) -> None:
        self.batch = ""
        self._names: dict[str, str] = {}
        self._symbols: dict[str, Symbol] = {}
        self._same: dict[str, str] = {}
        self._rounds = 0

    def shape(self, sizes: Sequence[int | str], port: str = "") -> tuple[Dim, ...]:
        """The shape of an input: what it does not say has a name of its own."""
        shape: list[Dim] = []
        for axis, size in enumerate(sizes):
            if isinstance(size, int):
                shape.append(size)
            elif axis == 0:
                named = size != OPEN and not _NUMBERED.fullmatch(size)
                self.batch = self.batch or (identifier(size, fallback="N") if named else "N")
                shape.append(symbol(self.batch))
            else:
                shape.append(self._size(size, _letter(sizes, axis), f"{port}:{axis}"))
        return tuple(shape)

    def _size(self, size: str, letter: str, place: str) -> Dim:
        """A size by its name; of two inputs that do not say theirs, nothing is known to be the same."""
        key = place if size == OPEN else size
        size = letter if size == OPEN or _NUMBERED.fullmatch(size) else size
        if key not in self._names:
            self._names[key] = identifier(size, [self.batch, *self._names.values()], "S")
        name = self._same.get(self._names[key], self._names[key])
        return of(self._symbols.setdefault(name, Symbol(name)))

    @property
    def names(self) -> set[str]:
        """Those that the sizes have, and that nothing else can have."""
        return {self.batch, *self._symbols} - {""}

    def stated(self, text: str) -> None:
        """Take in what a file of ours says of its sizes: ``H % 16 == 0, W >= 32``."""
        for part in filter(None, text.split(", ")):
            found = _CLAUSE.fullmatch(part)
            if found is None:
                return
            name, modulus, sign, value = found.groups()
            if value.isdecimal():
                self._take(Clause(name, sign, int(value), int(modulus) if modulus else None))

    def narrowed(self, conditions: Iterable[Condition]) -> bool:
        """Take the conditions in; False where nothing is left to be tried."""
        self._rounds += 1
        before = dict(self._symbols), dict(self._same)
        if self._rounds > _MOST_ROUNDS:
            return False
        for condition in conditions:
            if not condition.is_general:
                continue
            for clause in condition.clauses:
                if not self._take(clause):
                    return False
        return before != (self._symbols, self._same)

    def _take(self, clause: Clause) -> bool:
        if clause.name not in self._symbols:
            return False
        if isinstance(clause.value, str):
            if clause.value not in self._symbols:
                return False
            self._same[clause.value] = clause.name
            del self._symbols[clause.value]
            return True
        old = self._symbols[clause.name]
        try:
            if clause.modulus is not None:
                new = restrict(old, modulus=clause.modulus, residue=clause.value)
            else:
                least = clause.value if clause.sign in ("==", ">=") else None
                most = clause.value if clause.sign in ("==", "<=") else None
                new = restrict(old, least=least, most=most)
        except ValueError:
            return False
        self._symbols[clause.name] = new
        return True

    @property
    def where(self) -> tuple[str, ...]:
        """As the language writes it; sizes that have to be the same have one name."""
        return tuple(str(clause) for symbol in self._symbols.values() for clause in symbol.condition.clauses)


def _letter(sizes: Sequence[int | str], axis: int) -> str:
    """``H`` of the first of two places; channels are last where that size is a number, and the first one is none."""
    letters = _AXES.get(len(sizes) - 2, "")
    last = isinstance(sizes[-1], int) and not isinstance(sizes[1], int)
    place = axis - 1 if last else axis - 2
    return letters[place] if 0 <= place < len(letters) else f"S{axis}"
