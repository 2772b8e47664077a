"""The formats of a check, a comparison and a proof, and the function that writes each."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from specc.report.snippets import PLAIN, Style

if TYPE_CHECKING:
    from specc.compare.difference import Comparison, FailOn
    from specc.project.outcome import Outcome
    from specc.report.proof_wording import ProofSubject
    from specc.verify.result import Parity

_OUTCOME = {
    "full": "summary.full",
    "concise": "summary.concise",
    "json": "json.outcome_json",
    "github": "ci.github",
    "gitlab": "ci.gitlab",
    "junit": "ci.junit",
    "sarif": "ci.sarif",
}
_COMPARISON = {"text": "comparison.text", "json": "json.comparison_json", "markdown": "comparison.markdown"}
_PROOF = {"full": "proof_terminal.full", "json": "json.proof_json", "html": "proof_page.html"}

OUTCOME_FORMATS, COMPARISON_FORMATS, PROOF_FORMATS = map(tuple, (_OUTCOME, _COMPARISON, _PROOF))


def outcome_text(name: str, outcome: Outcome, style: Style = PLAIN) -> str:
    """The outcome of a check in one of `OUTCOME_FORMATS`, without a newline at the end.

    Args:
        style: colours and a width are for the two formats for people.
    """
    return _writer(_OUTCOME, name)(outcome, style)


def comparison_text(name: str, comparison: Comparison, style: Style = PLAIN, *, fail_on: FailOn | None = None) -> str:
    """The comparison in one of `COMPARISON_FORMATS`, without a newline at the end.

    Args:
        fail_on: what the run fails on, if on anything: Markdown marks it.
    """
    return _writer(_COMPARISON, name)(comparison, style, fail_on)


def proof_text(
    name: str, parity: Parity, subject: ProofSubject, style: Style = PLAIN, *, everything: bool = False
) -> str:
    """The proof in one of `PROOF_FORMATS`, without a newline at the end.

    Args:
        everything: all rows of the long tables; the other formats have them anyway.
    """
    return _writer(_PROOF, name)(parity, subject, style, everything)


def _writer(formats: dict[str, str], name: str) -> Callable[..., str]:
    """The function behind a format. Only its module is loaded: what the others need may take longer than a check."""
    if name not in formats:
        raise ValueError(f"there is no format {name}; there are {', '.join(formats)}")
    module, _, function = formats[name].partition(".")
    writer: Callable[..., str] = getattr(import_module(f"specc.report.{module}"), function)
    return writer
