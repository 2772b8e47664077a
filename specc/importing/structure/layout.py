"""What stands on one line: a layer with what belongs to it, short calls together, the head of a classifier."""

from __future__ import annotations

from specc.importing.structure.body import EarlierValue, LabelledGroup, Loop, Statement, WrittenStep

_LONGEST = 88
_LONGEST_PAIR = 60
"""Characters of a line that holds two layers with weights."""
_LONGEST_CALLS = 72
"""Characters of a line that holds two groups."""
_POOLS = frozenset(("maxpool", "avgpool", "lppool"))
_HEADS = frozenset(("globalavgpool", "globalmaxpool", "adaptiveavgpool", "adaptivemaxpool", "flatten"))
_NORMS = ("norm", "prelu", "scale")


def lines(parts: list[tuple[Statement | None, str]]) -> list[str]:
    """The lines of a body.

    Args:
        parts: the statements, each with its text; None with the text of what stands on a line of its own.
    """
    found: list[str] = []
    present: list[tuple[Statement, str]] = []
    for statement, text in parts:
        if statement is None:
            found += [_line(present)] * bool(present) + [text]
            present = []
            continue
        if present and _begins(statement, text, present):
            found.append(_line(present))
            present = []
        present.append((statement, text))
    return found + [_line(present)] * bool(present)


def _line(parts: list[tuple[Statement, str]]) -> str:
    return " -> ".join(text for _, text in parts)


def _begins(statement: Statement, text: str, line: list[tuple[Statement, str]]) -> bool:
    """Whether a statement begins a new line behind these."""
    before, before_text = line[-1]
    if isinstance(before, EarlierValue):
        return False
    length = len(_line(line)) + len(" -> ") + len(text)
    if isinstance(statement, EarlierValue) or "\n" in before_text or "\n" in text or length > _LONGEST:
        return True
    weights = sum(has_weights(part) for part, _ in line)
    calls = sum(isinstance(part, (LabelledGroup, Loop)) for part, _ in line)
    if isinstance(statement, WrittenStep) and statement.step.operator in _HEADS:
        return bool(weights or calls)
    is_call = isinstance(statement, (LabelledGroup, Loop))
    if not is_call and not has_weights(statement):
        return False
    ends_stage = isinstance(before, WrittenStep) and (before.step.operator in _POOLS or before.arms is not None)
    if is_call:
        return weights > 0 or calls > 1 or (calls == 1 and (ends_stage or length > _LONGEST_CALLS))
    return calls > 0 or (weights > 0 and (ends_stage or length > _LONGEST_PAIR))


def is_pool(step: WrittenStep) -> bool:
    return step.step.operator in _POOLS or step.step.operator in _HEADS


def has_weights(statement: Statement) -> bool:
    """Whether it is a layer with weights that is no norm, or a merge that has such in its arms."""
    if not isinstance(statement, WrittenStep) or statement.step.operator.endswith(_NORMS):
        return False
    return bool(statement.step.tensors) or any(has_weights(inner) for arm in statement.arms or () for inner in arm)
