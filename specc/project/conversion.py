"""A spec written in its other form: the language as YAML, and YAML as the language.

Comments are lost, but for the version, which stays first, and those that speak to specc. These are about lines: one
goes along where the line that it is about has a line of its own in the other form: all that begins on the one begins on
the other, and nothing else does.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Literal, NamedTuple

from specc.project.selection import Ignore, ignores
from specc.source import Source, Span
from specc.syntax import ast, parse

Form = Literal["cnn", "yaml"]
OTHER: dict[Form, Form] = {"cnn": "yaml", "yaml": "cnn"}


class Conversion(NamedTuple):
    """The text in the other form.

    Attributes:
        lost_directives: how many comments that speak to specc are not in it.
        lost_comments: how many others.
    """

    text: str
    lost_directives: int
    lost_comments: int


def convert(source: Source, form: Form) -> Conversion:
    """The spec, which is of that form, in the other one. Raises SpecError where it does not parse."""
    from specc.syntax.format import formatted
    from specc.syntax.yaml import language_text
    from specc.syntax.yaml.writer import to_yaml

    text = to_yaml(source) if form == "cnn" else formatted(Source(source.name, language_text(source)))
    # By these names, and not that of standard input, it is seen which form each has.
    old, new = Source(f"{source.name}.{form}", source.text), Source(f"{source.name}.{OTHER[form]}", text)
    directives, _ = ignores(old)
    text, moved = _with_directives(old, new, directives)
    lost = set(comment_starts(source, form)[new.text.startswith("#") :]) - moved
    lost_directives = {directive.span.start for directive in directives} & lost
    return Conversion(text, len(lost_directives), len(lost - lost_directives))


def comment_starts(source: Source, form: Form) -> list[int]:
    """Where the comments of a spec begin."""
    if form == "yaml":
        from specc.syntax.yaml import comments

        return [span.start for span in comments(source)]
    from specc.syntax import trivia

    return [comment.start for comment in trivia.comments(source)]


def _with_directives(old: Source, new: Source, directives: list[Ignore]) -> tuple[str, set[int]]:
    """The new text with those of the old one's that have a line there, and where these began in the old one.

    Read back, it must say just that, or none goes along.
    """
    if not directives:
        return new.text, set()
    lines = _same_lines(parse(old), parse(new))
    moved = [(one, lines.get(one.line) if one.line else None) for one in directives]
    moved = [(one, line) for one, line in moved if one.line is None or line is not None]
    text = _with_comments(old, new.text, moved)
    expected = sorted((one.codes, _code_of(new, line)) for one, line in moved)
    result = Source(new.name, text)
    if sorted((one.codes, _code_of(result, one.line)) for one in ignores(result)[0]) != expected:
        return new.text, set()
    return text, {one.span.start for one, _ in moved}


def _same_lines(old: ast.File, new: ast.File) -> dict[int | None, int]:
    """For each line of the old text that is one line of the new one, and the whole of it, which one it is.

    The two trees differ in nothing but their spans, and the lines are those of pairs of spans; but for bodies, which
    begin where their first line does.
    """
    new_lines, old_lines = defaultdict[int, set[int]](set), defaultdict[int, set[int]](set)
    stack: list[tuple[object, object]] = [(old.items, new.items)]
    while stack:
        old_node, new_node = stack.pop()
        if isinstance(old_node, Span) and isinstance(new_node, Span):
            new_lines[old_node.position[0]].add(new_node.position[0])
            old_lines[new_node.position[0]].add(old_node.position[0])
        elif isinstance(old_node, ast.Body) and isinstance(new_node, ast.Body):
            stack.append((old_node.statements, new_node.statements))
        elif isinstance(old_node, tuple) and isinstance(new_node, tuple):
            stack += zip(old_node, new_node, strict=True)
    single = {line: min(lines) for line, lines in new_lines.items() if len(lines) == 1}
    return {line: new_line for line, new_line in single.items() if old_lines[new_line] == {line}}


def _with_comments(old: Source, text: str, directives: list[tuple[Ignore, int | None]]) -> str:
    """The text with each comment at the end of its line, or above it; those about the whole file at the top."""
    lines = text.split("\n")
    above = defaultdict[int, list[str]](list)
    top = 1 if lines[0].startswith("#") else 0  # a pin stays first
    for directive, number in directives:
        if number is None:
            above[top].append(directive.span.text)
        elif not old.before(directive.span.start).strip():  # it stands alone
            line = lines[number - 1]
            above[number - 1].append(line[: len(line) - len(line.lstrip())] + directive.span.text)
        else:
            lines[number - 1] += f"  {directive.span.text}"
    return "\n".join(part for place, line in enumerate(lines) for part in (*above[place], line))


def _code_of(source: Source, line: int | None) -> str:
    """What stands on a line before its comment."""
    return "" if line is None else source.line(line).partition("  # specc:")[0]
