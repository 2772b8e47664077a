"""Findings, fixes, conditions and exceptions: frozen values that never print themselves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from specc.source import Span


class Code(StrEnum):
    """The stable codes. A code is never reused for another meaning.

    S00 reading and syntax, S01 shapes, S02 names, S03 arguments and values,
    S04 claims (contract, checkpoint, assert, budget), S05 lints (warnings about specs that fit), S06 limits.
    """

    UNREADABLE = "S0001"
    SYNTAX = "S0002"
    BRACKETS = "S0003"
    NO_MODEL = "S0004"
    LANGUAGE_VERSION = "S0005"
    IMPORT = "S0006"

    SHAPE = "S0100"
    RANK = "S0101"
    NOT_FLAT = "S0102"
    GROUPS = "S0103"
    KERNEL_TOO_LARGE = "S0104"
    ARMS_DIFFER = "S0105"
    BATCH_AXIS = "S0106"
    SIZE_MISMATCH = "S0107"
    UNPROVEN = "S0108"
    SHARED = "S0109"

    UNKNOWN_LAYER = "S0201"
    UNKNOWN_NAME = "S0202"
    DUPLICATE_LABEL = "S0203"
    BAD_LABEL = "S0204"
    UNUSED = "S0205"
    RECURSION = "S0206"

    UNKNOWN_ARGUMENT = "S0301"
    MISSING_ARGUMENT = "S0302"
    BAD_ARGUMENT = "S0303"
    BAD_VALUE = "S0304"
    CONTRADICTION = "S0305"

    CHECKPOINT = "S0401"
    CONTRACT = "S0402"
    ASSERTION = "S0403"
    BUDGET = "S0404"

    NO_EFFECT = "S0501"
    BIAS_BEFORE_NORM = "S0502"
    DROPOUT_BEFORE_NORM = "S0503"
    REPEATED_ACTIVATION = "S0504"
    INPUT_DROPPED = "S0505"
    SOFTMAX_OUTPUT = "S0506"
    HEAVY_FC = "S0507"
    UNUSED_DEFINITION = "S0508"
    IDLE_IGNORE = "S0509"
    SINGLE_VALUE_NORM = "S0510"
    INPUT_CHANNELS_GIVEN = "S0511"
    IMAGE_AXES = "S0512"
    UNSCALED_BYTES = "S0513"
    STUCK_START = "S0514"

    LIMIT = "S0601"


class Severity(StrEnum):
    """Of an error there is no network; a warning is about a network that fits."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Label:
    """A span and the words beside its underline."""

    span: Span
    text: str = ""


class Edit(NamedTuple):
    """The text of ``span`` becomes ``text``; an empty span inserts."""

    span: Span
    text: str


class Safety(StrEnum):
    """What may be done with a fix without asking anybody."""

    SAFE = "safe"
    """It gives the intended network, or none: ``--fix`` applies it."""
    UNSAFE = "unsafe"
    """Most likely right, but the user may have intended another network: ``--fix --unsafe-fixes`` applies it."""
    DISPLAY_ONLY = "display-only"
    """Something to read: no command applies it."""


class Fix(NamedTuple):
    """Edits that correct a finding; ``--fix`` checks the result before it writes it."""

    edits: tuple[Edit, ...]
    safety: Safety


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


def conjunction(conditions: Iterable[Condition | None]) -> Condition | None:
    """The conjunction without repetitions: of several lower bounds of a symbol the largest. None where one is None."""
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


class Suggestion(NamedTuple):
    """Known names that are similar to an unknown word.

    Attributes:
        word: the unknown one, as in the spec.
        names: candidates for its place, the most similar first.
        safety: of putting the only name of ``names`` in the place of ``word``.
        note: a sentence that replaces the question for ``names``: what the word of another tool is called here.
    """

    word: str
    names: tuple[str, ...]
    safety: Safety = Safety.DISPLAY_ONLY
    note: str = ""

    @property
    def text(self) -> str:
        """As a help: ``did you mean conv?``"""
        return self.note or f"did you mean {' or '.join(self.names)}?"

    def fix(self, span: Span) -> Fix | None:
        """The name in the place of the word at ``span``, which may be quoted; None where it is for display only."""
        if self.safety is Safety.DISPLAY_ONLY:
            return None
        raw = span.source.text[span.start : span.end]  # the file's own: of YAML, a span's text is the language's
        inset = 1 if raw in (f'"{self.word}"', f"'{self.word}'") else 0
        if not inset and raw != self.word:
            return None
        (name,) = self.names
        return Fix((Edit(span.source.span(span.start + inset, span.end - inset), name),), self.safety)


class ImportFault(NamedTuple):
    """The subject of an `IMPORT` error: a file, or a name imported from it.

    Attributes:
        path: of the file, as the spec writes it: from the folder of the spec that imports it.
        name: the imported one; empty where the file itself is at fault.
    """

    path: str
    name: str = ""


class BudgetExceeded(NamedTuple):
    """A model has ``amount`` of one of `specc.project.budgets.NUMBERS`, and may have ``limit``."""

    number: str
    limit: int
    amount: int


class BudgetUnsized(NamedTuple):
    """A budget cannot be checked: the costs depend on sizes for which it has no value, or no possible one.

    Attributes:
        model: its name.
        numbers: of the limits, of `specc.project.budgets.NUMBERS`.
        origins: the places of the limits.
        given: the sizes that the budget has.
        possible: sizes that the model allows, close to those.
    """

    model: str
    numbers: tuple[str, ...]
    origins: tuple[str, ...]
    given: tuple[tuple[str, int], ...]
    possible: tuple[tuple[str, int], ...]


Fact = ImportFault | BudgetExceeded | BudgetUnsized
"""What code may need to know of a finding besides its code and place: nothing parses the message."""


@dataclass(frozen=True)
class Diagnostic:
    """One finding. The message is complete by itself; ``primary`` is the smallest span that shows the fault.

    ``trace`` leads there: the calls of blocks and the rounds of loops around it, the innermost first, each with
    the values of its arguments. ``where`` is a condition on the contract's sizes under which all is well.
    ``suggestion`` holds the names that are similar to a wrong one. The words (``message``, the texts of labels,
    ``notes`` and ``helps``) are for people: a plugin of mypy allows only `specc.report` to read them.
    """

    code: Code
    message: str
    primary: Label
    secondary: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    helps: tuple[str, ...] = ()
    trace: tuple[Label, ...] = ()
    where: Condition | None = None
    severity: Severity = Severity.ERROR
    fix: Fix | None = None
    suggestion: Suggestion | None = None
    fact: Fact | None = None

    @property
    def advice(self) -> tuple[str, ...]:
        """What to do about it, in words."""
        return (self.suggestion.text, *self.helps) if self.suggestion else self.helps

    def suggesting(self, suggestion: Suggestion | None, place: Span | None = None) -> Diagnostic:
        """The finding with names that are similar to the wrong one, and the fix that follows from them.

        Args:
            place: of the wrong name, if not ``primary``.
        """
        if suggestion is None:
            return self
        return replace(self, suggestion=suggestion, fix=suggestion.fix(place or self.primary.span))

    def with_note(self, note: str) -> Diagnostic:
        """The finding with one more note, the last."""
        return replace(self, notes=(*self.notes, note))

    def with_help(self, text: str) -> Diagnostic:
        """The finding with one more help, the first."""
        return replace(self, helps=(text, *self.helps))

    @property
    def identity(self) -> tuple[object, ...]:
        """A key that stays the same when the finding moves or files are renamed."""
        if self.code is Code.NO_MODEL:  # a file has one at most, and its message names the file
            return (self.code,)
        return (self.code, self.fact) if self.fact else (self.code, self.message)

    @property
    def sort_key(self) -> tuple[str, int, int, str, str]:
        """Total order of findings: path, line, column, code, message."""
        line, column = self.primary.span.position
        return self.primary.span.source.name, line, column, self.code, self.message


class SpecError(Exception):
    """The user's mistakes in a spec, all of them, in order.

    ``str(error)`` gives one line each; `specc.report.snippets.render` shows them with source and carets.
    """

    def __init__(self, diagnostics: tuple[Diagnostic, ...] | list[Diagnostic]) -> None:
        self.diagnostics = tuple(sorted(diagnostics, key=lambda d: d.sort_key))
        super().__init__(self.diagnostics)

    def __str__(self) -> str:
        return "\n".join(f"{d.primary.span}: {d.severity}[{d.code}] {d.message}" for d in self.diagnostics)


class ParityError(Exception):
    """A model is not equal to PyTorch's, and no file was written.

    Args:
        parity: every check; None where a file's own weights do not fit, so that nothing could be run.
        faults: what is wrong with them, one by one.
        advice: what to do about that.

    Attributes:
        lines: of the message: what is shown knows so which line ends are its own, and not of some name in it.
    """

    def __init__(self, verdict: str, parity: object, faults: tuple[str, ...] = (), advice: str = "") -> None:
        self.lines = (verdict, *(f"  {fault}" for fault in faults), *filter(None, (advice,)))
        super().__init__("\n".join(self.lines))
        self.verdict = verdict
        self.parity = parity
        self.faults = faults
        self.advice = advice


class UsageError(Exception):
    """The user's mistake outside a spec: a path, an option, a full disk. One plain message.

    Args:
        message: one line.
        details: further lines.

    Attributes:
        lines: all of them, as of a `ParityError`.
    """

    def __init__(self, message: str, *details: str) -> None:
        super().__init__("\n".join((message, *details)))
        self.lines = (message, *details)


class OptionError(UsageError):
    """An option whose value makes no sense. The message names it as Python does, ``typed`` as the command line does.

    Args:
        option: its name in Python.
        problem: the sentence that the name begins.
    """

    def __init__(self, option: str, problem: str) -> None:
        super().__init__(f"{option} {problem}")
        self.typed = f"--{option.replace('_', '-')} {problem}"


class MissingDependency(UsageError):
    """An optional part is not installed; the message names the extra that brings it."""

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(f"{what} needs {package}, which is not installed: pip install 'specc-nn[{extra}]'")
