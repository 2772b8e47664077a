"""Models of which the same is to be said: a block that many specs import is changed once, and told once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple

from specc.compare.specs import Comparison, FileChange, ModelChange
from specc.diagnostics import Diagnostic
from specc.diagnostics.words import plural, visible
from specc.report.difference.json import difference

MOST_NAMES = 60
"""Models of one group that are named."""


class Entry(NamedTuple):
    """Something of which there is something to be said: a model, or a file whose models are not compared."""

    file: FileChange
    model: ModelChange | None

    @property
    def name(self) -> str:
        """``nets/lenet.cnn:LeNet``"""
        file = " -> ".join(names(self.file))
        return file if self.model is None else f"{file}:{title(self.model)}"


Group = Sequence[Entry]
"""Entries of which the same is to be said; it is said of the first."""


def groups(comparison: Comparison) -> list[Group]:
    """All that there is, in order of what comes first in each group."""
    found: dict[Hashable, list[Entry]] = {}
    for file in comparison.files:
        for entry in _entries(file):
            found.setdefault(_meaning(entry), []).append(entry)
    return list(found.values())


def _entries(file: FileChange) -> Iterator[Entry]:
    if file.is_wrong or not file.models:
        yield Entry(file, None)
    else:
        yield from (Entry(file, model) for model in file.models)


def _meaning(entry: Entry) -> Hashable:
    """What is the same where the same is to be said: all that json has, but for the names of files and models."""
    file, model = entry
    if model is not None and model.difference is not None and model.changed:
        return file.note, repr(difference(model.difference))
    alone = (file.before is None, file.after is None) if model is None else (model.before is None, model.after is None)
    return file.note, file.moved, file.known, alone, _places(file.wrong_before), _places(file.wrong_after)


def _places(findings: Iterable[Diagnostic]) -> tuple[tuple[str, str, str], ...]:
    return tuple((finding.code, finding.message, str(finding.primary.span)) for finding in findings)


def heading(group: Group, code: Callable[[str], str]) -> str:
    """The heading of a group of one: ``nets/lenet.cnn, LeNet``.

    Args:
        code: how names are written.
    """
    file, model = group[0]
    whole = " -> ".join(map(code, names(file)))
    return whole if model is None else f"{whole}, {code(title(model))}"


def several(group: Group, code: Callable[[str], str]) -> tuple[str, str]:
    """The heading of a group of several, and which ones they are; of models of one file it is in the heading."""
    number = plural(len(group), "spec" if group[0].model is None else "model")
    files = {id(file) for file, _ in group}
    of_one = [title(model) for _, model in group if model is not None and len(files) == 1]
    told = of_one or [entry.name for entry in group]
    left = len(told) - MOST_NAMES
    which = ", ".join(map(code, told[:MOST_NAMES])) + (f" and {left:,} more; json has all" if left > 0 else "")
    where = f"{' -> '.join(map(code, names(group[0].file)))}, " if of_one else ""
    return f"{where}the same in {number}", which


def names(file: FileChange) -> tuple[str, ...]:
    """``lenet.cnn``, or ``old.cnn`` and ``new.cnn``."""
    before, after = visible(file.before or ""), visible(file.after or "")
    if not before or not after or before == after or (before.startswith(f"{after}@") and not file.moved):
        return (after or before,)
    return before, after


def title(model: ModelChange) -> str:
    """``LeNet``, or ``LeNet -> LeNet5``."""
    if model.before and model.after and model.before != model.after:
        return f"{model.before} -> {model.after}"
    return model.after or model.before or ""
