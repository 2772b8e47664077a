"""Formats one file, and looks at the text before it is returned: same tree, same comments, same suppressions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from specc.diagnostics import UsageError
from specc.source import Source, Span
from specc.syntax import ast
from specc.syntax.format.attachment import Attachments
from specc.syntax.format.statements import FileWriter
from specc.syntax.format.suppressions import LineConstraints, Suppressed, Suppressions
from specc.syntax.parser import parse
from specc.syntax.trivia import Comment, comments, pin, tidy

_REMARKS = re.compile(r"(?:#:[ \t]*\[[^\[\]#]*\][ \t]*(?=#|$))+")
"""The comments that `annotated` has written; what else the line's comment says stands behind them."""


def formatted(source: Source) -> str:
    """The spec in the one style: with the same tree and the same comments, about the same lines where they silence.

    Its lines end as the first one of ``source`` does.

    Raises:
        SpecError: mistakes of syntax.
        UsageError: no text in the style silences what this one does.
        RuntimeError: the text would not have the same tree and comments; a mistake of ours.
    """
    return _Formatter(parse(source), None).text()


def annotated(file: ast.File, shapes: Mapping[int, str]) -> str:
    """The same, with the shape that each line of steps comes to: ``conv(6, 5) -> relu  #: [N, 6, 28, 28]``.

    Shapes that an earlier run has written are replaced, or removed.

    Args:
        shapes: by where the last step of a line begins, its label included.
    """
    return _Formatter(file, {begin: f"#: {shape}" for begin, shape in shapes.items()}).text()


class _Formatter:
    """One file.

    Args:
        remarks: by where the last step of a line begins; None: comments that look like them are like all others.
    """

    def __init__(self, file: ast.File, remarks: Mapping[int, str] | None) -> None:
        self._file = file
        self._remarks = remarks
        self._comments = self._comments_of(file)
        self._suppressions = Suppressions(file, self._comments)

    def text(self) -> str:
        """The text, after all that must hold of it has been looked at."""
        source = self._file.source
        text, lost = self._layout(self._comments, LineConstraints(self._suppressions))
        if lost:
            # Once more, with the comments that lost what they were about beside it.
            new_places = self._suppressions.relocated(lost, self._comments)
            moved = tuple(sorted(new_places.get(comment, comment) for comment in self._comments))
            text, lost = self._layout(moved, LineConstraints(self._suppressions, lost))
        if lost:
            line, _ = source.position(lost[0].comment.start)
            raise UsageError(
                f"{source.name}:{line}: not formatted: in the style this line becomes several, and its comment would "
                "silence more or less than it does; give each step a comment of its own, alone on the line above it"
            )
        return text

    def _layout(self, intended: tuple[Comment, ...], constraints: LineConstraints) -> tuple[str, list[Suppressed]]:
        """The text with these comments, and those that are no longer about what they were about."""
        source = self._file.source
        text = FileWriter(self._file, Attachments(self._file, intended), constraints, self._remarks or {}).text()
        if pin(Source(source.name, text)) and not pin(source):
            text = f"\n{text}"  # below the first line, a comment that reads like a pin is none
        if source.text.find("\r\n") == source.text.find("\n") - 1 >= 0:
            text = text.replace("\n", "\r\n")
        again = parse(Source(source.name, text))
        present = self._comments_of(again)
        same_comments = [tidy(comment.text) for comment in present] == [tidy(comment.text) for comment in intended]
        if not same_comments or _shape(again) != _shape(self._file):
            raise RuntimeError(f"formatting would change what {source.name} says")
        return text, self._suppressions.lost(Suppressions(again, present))

    def _comments_of(self, file: ast.File) -> tuple[Comment, ...]:
        present = comments(file.source)
        return present if self._remarks is None else tuple(_without_remarks(file, present))


def _without_remarks(file: ast.File, comments: tuple[Comment, ...]) -> Iterator[Comment]:
    """The comments without the shapes among them: those behind a step. A comment behind a shape stays."""
    ends: set[int] = set()
    if any(_REMARKS.match(comment.text) for comment in comments):
        # Where steps end that have a shape of their own: what is shared has none until it is called.
        parts = ast.parts(file.items, frozenset((ast.Shared, ast.Let, ast.Assert)))
        ends = {part.span.end for part in parts if isinstance(part, ast.Step) and not isinstance(part, ast.Checkpoint)}
    for comment in comments:
        remark = _REMARKS.match(comment.text)
        before = file.source.before(comment.start)
        # Where the code before a comment ends, an arrow aside; on another line, that of the arrow or blanks.
        end = comment.start - len(before) + len(before.rstrip().removesuffix("->").rstrip())
        if remark is None or end not in ends:
            yield comment
        elif remark.end() < len(comment.text):
            yield comment._replace(text=comment.text[remark.end() :])


def _shape(file: ast.File) -> list[object]:
    """What is equal for equal trees, wherever they stand: each part's type, with its length or value, by level."""
    shape: list[object] = []
    parts: list[object] = [file.items]
    for part in parts:  # it grows on the way: no recursion, for trees nest as deep as the parser lets them
        if isinstance(part, tuple):
            shape += type(part), len(part)
            parts += part
        elif not isinstance(part, Span):
            shape += type(part), part
    return shape
