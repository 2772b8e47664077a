"""What would put an error right, where its own words leave only one thing to do. It is tried before it is kept."""

from __future__ import annotations

import re
from dataclasses import replace

from specc.diagnostics import Code, Diagnostic, Edit, Fix
from specc.project.paths import STDIN
from specc.source import Span
from specc.syntax import is_yaml

_MEANT = re.compile(r"did you mean (\w+(?: or \w+)*)\?")
_LABEL = re.compile(r"\w+[ \t]*:[ \t]*$")
_LABEL_IN_YAML = re.compile(r"\{[ \t]*label:[ \t]*\w+,[ \t]*$")


def with_fix(finding: Diagnostic) -> Diagnostic:
    """The finding with what would put it right: a name that must be meant, or a missing flatten."""
    if finding.fix is not None or (edit := _edit(finding)) is None:
        return finding
    return replace(finding, fix=Fix((edit,)))


def with_place(finding: Diagnostic) -> Diagnostic:
    """The finding; of an import that standard input makes in vain, with how to say where it is at home."""
    is_lost = finding.code is Code.IMPORT and finding.message.endswith("there is no such file")
    if not is_lost or finding.primary.span.source.name != STDIN:
        return finding
    help_ = "imports of standard input start from the present folder; --stdin-filename PATH says which file it is"
    return replace(finding, helps=(*finding.helps, help_))


def _edit(finding: Diagnostic) -> Edit | None:
    span = finding.primary.span
    if span.text.isidentifier() and (name := _meant(span.text, finding.helps)):
        return Edit(span, name)
    if finding.code == Code.NOT_FLAT:
        return _flatten_in_yaml(span) if is_yaml(span.source.name) else _flatten(span)
    return None


def _meant(written: str, helps: tuple[str, ...]) -> str | None:
    """The only name that is near, or of several the only one that a single slip makes of it."""
    near = [name for text in helps if (found := _MEANT.fullmatch(text)) for name in found[1].split(" or ")]
    slips = near if len(near) == 1 else [name for name in near if _is_slip(written, name)]
    return slips[0] if len(slips) == 1 else None


def _is_slip(written: str, name: str) -> bool:
    """Whether one letter is missing, too many or another, or two neighbours have changed places."""
    if len(written) == len(name):
        at = [i for i, (one, other) in enumerate(zip(written, name, strict=True)) if one != other]
        swapped = len(at) == 2 and written[at[0] : at[1] + 1] == name[at[0] : at[1] + 1][::-1]
        return len(at) == 1 or (swapped and at[1] == at[0] + 1)
    short, long = sorted((written, name), key=len)
    return len(long) == len(short) + 1 and any(long[:i] + long[i + 1 :] == short for i in range(len(long)))


def _flatten(step: Span) -> Edit:
    return Edit(_start(step, _LABEL), "flatten -> ")


def _flatten_in_yaml(step: Span) -> Edit | None:
    """An entry of its own before the step's, in the same list."""
    place = _start(step, _LABEL_IN_YAML)
    before = place.source.before(place.start)
    if before.rstrip().endswith(("[", ",")):
        return Edit(place, "flatten, ")
    if not before.strip(" -") and "-" in before:
        dash = before.rindex("-")
        return Edit(place, f"flatten\n{' ' * dash}{before[dash:]}")
    return None


def _start(step: Span, label: re.Pattern[str]) -> Span:
    """The empty place before a step, and before its label."""
    found = label.search(step.source.before(step.start))
    start = step.start - (len(found[0]) if found else 0)
    return step.source.span(start, start)
