"""The one style of specs: from the tree back to text.

What is kept of the old text: the spelling of numbers, arrow or newline between steps, an empty line between statements,
and comments. All else is a function of the tree, so a spec that went through YAML comes back as the same text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from specc.source import Source, Span
from specc.syntax import ast
from specc.syntax.comments import Comment, comments, tidy
from specc.syntax.parser import parse
from specc.syntax.printer.layout import Layout
from specc.syntax.printer.places import Places

_REMARK = re.compile(r"#:[ \t]*\[[^\[\]#]*\][ \t]*(?=#|$)")
"""A comment that `annotated` has written; what else the line's comment says stands behind it."""

_PIN = re.compile(r"#[ \t]*specc[ \t]*[:=]?[ \t]*v?\d", re.IGNORECASE)


def formatted(source: Source) -> str:
    """The spec in the one style: with the same tree and the same comments.

    Raises:
        SpecError: mistakes of syntax.
        RuntimeError: the text would not have the same tree and comments; a mistake of ours.
    """
    return _checked(source, parse(source), comments(source), {})


def annotated(file: ast.File, shapes: Mapping[int, str]) -> str:
    """The same, with the shape that each line of steps comes to: ``conv(6, 5) -> relu  #: [N, 6, 28, 28]``.

    Shapes that an earlier run has written are replaced, or removed.

    Args:
        shapes: by where the last step of a line begins, its label included.
    """
    ours = {begin: f"#: {shape}" for begin, shape in shapes.items()}
    return _checked(file.source, file, _without_remarks(comments(file.source)), ours)


def _checked(source: Source, file: ast.File, kept: tuple[Comment, ...], remarks: Mapping[int, str]) -> str:
    text = Layout(file, Places(file, kept), remarks).page.text()
    if _PIN.match(text) and not _PIN.match(source.text):
        text = f"\n{text}"  # below the first line, a comment that reads like a pin is none
    again = Source(source.name, text)
    said = comments(again)
    if remarks:
        said = _without_remarks(said)
    if not _same(parse(again).items, file.items) or _said(said) != _said(kept):
        raise RuntimeError(f"formatting would change what {source.name} says")
    return text


def _without_remarks(found: tuple[Comment, ...]) -> tuple[Comment, ...]:
    """The comments without the shapes among them; a comment behind a shape stays."""
    without = (comment._replace(text=_REMARK.sub("", comment.text, count=1)) for comment in found)
    return tuple(comment for comment in without if comment.text)


def _said(found: tuple[Comment, ...]) -> list[str]:
    return [tidy(comment.text) for comment in found]


def _same(one: object, other: object) -> bool:
    """Whether two trees are the same, their places aside; without recursion, so deep as they may be."""
    waiting = [(one, other)]
    while waiting:
        left, right = waiting.pop()
        if type(left) is not type(right):
            return False
        if isinstance(left, tuple) and isinstance(right, tuple):
            if len(left) != len(right):
                return False
            waiting += zip(left, right, strict=True)
        elif not isinstance(left, Span) and left != right:
            return False
    return True
