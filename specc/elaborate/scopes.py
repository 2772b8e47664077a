"""Scopes: the names of a place in the spec and their values; blocks, and the names of their files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from specc.diagnostics import Code, Diagnostic
from specc.elaborate.errors import Unknown, invalid
from specc.elaborate.values import CONSTANTS, Callee, Partial, Value, value_of
from specc.ir.op import Op
from specc.source import Span
from specc.syntax import ast

MOST_ENTRIES = 1_000_000
"""Entries of all lists of a file, those of lists inside lists counted at every place of them."""

ABSENT = object()
"""What `Scope.get` returns for a name that has no value."""


class EntryBudget:
    """The entries that lists, and arguments bound to steps, have so far: no short text may make endless lists."""

    count = 0

    @property
    def is_exceeded(self) -> bool:
        return self.count > MOST_ENTRIES

    def charge(self, value: Value, span: Span) -> Value:
        """``value``, its entries counted.

        Raises:
            Invalid: with them there are too many.
            Unknown: there have been too many before, and that has been reported.
        """
        if not isinstance(value, (tuple, Partial)):
            return value
        if self.is_exceeded:
            raise Unknown
        self.count += entries(value, MOST_ENTRIES - self.count)
        if self.is_exceeded:
            what = "lists of this file have" if isinstance(value, tuple) else "arguments of this file's steps have"
            raise invalid(Code.LIMIT, f"the {what} more than {MOST_ENTRIES:,} entries together", span)
        return value


def entries(value: Value, most: int) -> int:
    """How many entries a list, or the arguments of a step, have at any depth; counting stops beyond ``most``."""
    count, waiting = 0, [value]
    while waiting and count <= most:
        part = waiting.pop()
        inner = [value_of(argument) for argument in part.arguments] if isinstance(part, Partial) else part
        if isinstance(inner, (tuple, list)):
            count += len(inner)
            waiting += inner
    return count


class Scope:
    """Names and their values, innermost first. ``_`` and ``in`` are ordinary names of it.

    Attributes:
        names: those of this very scope, which grow as more is defined.
        labels: those of them that are labels of steps.
        root: the scope of the file.
        budget: where the lists that expressions make here are counted; that of the scope around it unless another
            is given, as a forecast does, whose lists are not the file's.
    """

    __slots__ = ("_ambiguous", "_outer", "budget", "is_ambiguous", "labels", "names", "root")

    def __init__(self, names: dict[str, Value], outer: Scope | None = None, budget: EntryBudget | None = None) -> None:
        self.names = names
        self.labels: set[str] = set()
        self._outer = outer
        self.root: Scope = outer.root if outer else self
        self.budget: EntryBudget = budget or (outer.budget if outer else EntryBudget())
        self._ambiguous: dict[str, tuple[Span, ...]] | None = None
        self.is_ambiguous = False

    def has(self, name: str) -> bool:
        """Whether this scope or an outer one defines ``name``."""
        return self.get(name) is not ABSENT

    def get(self, name: str) -> Value:
        """The value of ``name``; ABSENT where it has none."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope._outer
        return ABSENT

    def is_label(self, name: str) -> bool:
        """Whether ``name`` is the label of a step here, and no parameter, ``let`` or loop's variable."""
        return next((name in scope.labels for scope in self._upwards() if name in scope.names), False)

    def behind(self, name: str) -> Partial | None:
        """What can be called by ``name`` where a value of the network hides it; None where that is nothing."""
        values = (scope.names.get(name) for scope in self._upwards())
        return next((value for value in values if isinstance(value, Partial)), None)

    def mark_ambiguous(self, name: str, labels: tuple[Span, ...]) -> None:
        """From now on ``name`` alone may mean the step at the label and something that can be called, or that at
        either of two labels."""
        self._ambiguous = {**(self._ambiguous or {}), name: labels}
        self.root.is_ambiguous = True

    def ambiguity(self, name: str) -> tuple[Span, ...]:
        """The labels that make it unclear what ``name`` alone means here; none where it is clear.

        Every step needs this; where ``root.is_ambiguous`` is false, as nearly always, there are none.
        """
        for scope in self._upwards():
            if scope._ambiguous and name in scope._ambiguous:
                return scope._ambiguous[name]
            if name in scope.names:
                return ()
        return ()

    def known(self) -> set[str]:
        """Every name: for suggestions, not for asking whether one is there."""
        return {name for scope in self._upwards() for name in scope.names}

    def _upwards(self) -> Iterator[Scope]:
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope._outer


def require_name(name: str, span: Span) -> None:
    """Raises Invalid where nothing can be called ``name``.

    What a spec defines hides the layer of that name, so that a new layer changes no spec that was written before.
    """
    if name in CONSTANTS:
        what = f"{name} is a constant"
    elif name == "_":
        what = "_ is the current value"
    else:
        return
    raise invalid(Code.BAD_LABEL, f"{what}, and no other thing can be called so", span)


class Definition(Callee):
    """A block, and the file whose names and defaults it sees."""

    def __init__(self, block: ast.BlockDefinition, environment: Environment) -> None:
        self.name = block.name
        self.block = block
        self.environment = environment


@dataclass(slots=True, eq=False)
class Environment:
    """The names of one file, its defaults, and the findings about both.

    Attributes:
        places: where each name is defined.
        defaults: ``default conv(bias = false)``: where each begins, and its arguments by name.
        imported: those of the files that it imports.
    """

    scope: Scope = field(default_factory=lambda: Scope({}))
    findings: list[Diagnostic] = field(default_factory=list)
    places: dict[str, Span] = field(default_factory=dict)
    defaults: dict[type[Op] | Callee, list[tuple[int, dict[str, ast.Argument]]]] = field(default_factory=dict)
    imported: list[Environment] = field(default_factory=list)

    def budgets(self) -> set[EntryBudget]:
        """Where the lists of this file, and of all that it imports, are counted."""
        return {self.scope.budget}.union(*(one.budgets() for one in self.imported))

    def defaults_for(self, target: type[Op] | Callee, place: Span) -> dict[str, ast.Argument]:
        """What a call of an operator or block at ``place`` gets for arguments that it leaves out."""
        arguments: dict[str, ast.Argument] = {}
        for start, own in self.defaults.get(target, ()):
            if start < place.start:
                arguments |= own
        return arguments


def is_sole(statements: tuple[ast.Statement, ...], scope: Scope) -> bool:
    """Whether there is only one step, which may take the name of the round, or of the shared steps, that it is.

    A merge takes none, but for a call with arms of what is a block at this place.
    """
    others = [s for s in statements if not isinstance(s, (ast.Let, ast.Assert, ast.Checkpoint))]
    if len(others) != 1 or isinstance(others[0], ast.Shared) or others[0].label is not None:
        return False
    (only,) = others
    if isinstance(only, ast.Merge):
        called = scope.get(only.name)
        return isinstance(called, Partial) and isinstance(called.target, Definition)
    if isinstance(only, ast.Group) and only.frozen is not None:  # what freezes steps renames none
        return is_sole(only.body.statements, scope)
    return isinstance(only, (ast.Call, ast.Group, ast.Repeat, ast.For, ast.If))
