"""What is said of a text that is no YAML: the scanner's problem in plain words, at its place.

libyaml and PyYAML's own scanner word the same problem differently; what is said here does not depend on which of them
has read the text.
"""

from __future__ import annotations

from typing import Any

from specc.diagnostics import Code, Diagnostic, Label
from specc.source import Source

_CLOSER = {"[": "]", "{": "}"}


def explain(source: Source, error: Any) -> Diagnostic:
    """The diagnostic of a `yaml.YAMLError`."""
    at = _index(error, "problem_mark")
    if at is None:
        at = min(getattr(error, "position", 0) or 0, len(source.text))
    begun = _index(error, "context_mark")
    return _Slip(source, at, begun, str(getattr(error, "problem", None) or "no text of YAML")).explained()


def _index(error: Any, name: str) -> int | None:
    mark = getattr(error, name, None)
    return None if mark is None else int(mark.index)


class _Slip:
    """Where the scanner gave up (``at``), what it was in the middle of (``begun``), and its own words for it."""

    def __init__(self, source: Source, at: int, begun: int | None, problem: str) -> None:
        self._source = source
        self._text = source.text
        self._at = min(at, len(source.text))
        self._begun = begun
        self._problem = problem

    def explained(self) -> Diagnostic:
        at, character, problem = self._at, self._text[self._at : self._at + 1], self._problem
        opened = self._text[self._begun : self._begun + 1] if self._begun is not None else ""
        if "escape character" in problem:
            return self._escape()
        if opened in ("'", '"') and "end of stream" in problem:
            return self._open_quote(opened)
        if character == "\t":
            return self._say("a tab is no blank of YAML", at, at + 1, "write spaces")
        if "cannot start any token" in problem:
            return self._say(f"a text cannot begin with `{character}`", at, at + 1, "put the text in quotes")
        if character and character in "]}" and not self._inside(opened, character):
            return self._say(f"`{character}` closes nothing", at, at + 1, "remove it", code=Code.BRACKETS)
        if character == ":" and not self._text[self._at + 1 : self._at + 2].isspace():
            return self._say("a blank is missing behind this colon", at, at + 1, "write `key: value`")
        if opened in _CLOSER and opened:
            return self._open_bracket(opened)
        if "mapping values are not allowed" in problem:
            return self._second_colon()
        if "could not find expected ':'" in problem:
            return self._no_pair()
        return self._out_of_line()

    def _inside(self, opened: str, closer: str) -> bool:
        return _CLOSER.get(opened) == closer

    def _escape(self) -> Diagnostic:
        at = self._at if self._text[self._at : self._at + 1] == "\\" else self._at - 1
        message = f"`{self._text[at : at + 2]}` is no escape of YAML"
        return self._say(message, at, at + 2, "write \\\\ for a backslash")

    def _open_quote(self, quote: str) -> Diagnostic:
        start = self._begun or 0
        end = start + len(self._text[start:].partition("\n")[0].rstrip())
        message = "this text is not closed"
        return self._say(message, start, end, f"add the missing `{quote}`", code=Code.BRACKETS)

    def _open_bracket(self, opened: str) -> Diagnostic:
        start, closer = self._begun or 0, _CLOSER[opened]
        here = self._source.span(*self._word())
        if self._at >= len(self._text.rstrip()):
            end = len(self._text.rstrip())
            where = Label(self._source.span(end, end), "the file ends here")
            message = f"`{opened}` is never closed"
            return self._say(message, start, start + 1, f"add the missing `{closer}`", where, code=Code.BRACKETS)
        where = Label(self._source.span(start, start + 1), "opened here")
        message = f"expected `,` or `{closer}`, found `{here.text}`"
        return self._say(message, here.start, here.end, self._brackets_in_text(here.start), where)

    def _brackets_in_text(self, at: int) -> str:
        """The help for ``[=sizes[0], 3]``, where the bracket ends the text that it belongs to."""
        bracket, before = self._text[at : at + 1], self._text[at - 1 : at]
        if bracket and bracket in _CLOSER and not before.isspace() and before not in ",[{:":
            return f"a text with `{bracket}` in it stands in quotes here"
        return ""

    def _second_colon(self) -> Diagnostic:
        message = "`:` cannot stand here: the value of a key does not begin another pair on its line"
        help_ = "put the value in braces, `{...}`, or on lines of its own; a text with `: ` in it stands in quotes"
        return self._say(message, self._at, self._at + 1, help_)

    def _no_pair(self) -> Diagnostic:
        start = self._begun if self._begun is not None else self._at
        line = self._text[start:].partition("\n")[0]
        message = "this line is neither an item, `- ...`, nor a pair, `key: value`"
        return self._say(message, start, start + max(len(line.rstrip()), 1))

    def _out_of_line(self) -> Diagnostic:
        """Whatever else it is: most likely an indentation that fits nothing above it."""
        start, end = self._word()
        found = f"`{self._text[start:end]}`" if end > start else "the end of the file"
        message = f"{found} fits neither the list nor the mapping above it"
        above = []
        if self._begun is not None and self._begun < start:
            above.append(Label(self._source.span(self._begun, self._begun + 1), "it begins here"))
        return self._say(message, start, end, "what belongs together begins in the same column", *above)

    def _word(self) -> tuple[int, int]:
        """What stands at the place, as far as the next blank; blanks are skipped."""
        start = self._at
        while start < len(self._text) and self._text[start].isspace():
            start += 1
        end = start
        while end < len(self._text) and end < start + 20 and not self._text[end].isspace():
            end += 1
        return start, end

    def _say(
        self, message: str, start: int, end: int, help_: str = "", *secondary: Label, code: Code = Code.SYNTAX
    ) -> Diagnostic:
        helps = (help_,) if help_ else ()
        place = Label(self._source.span(min(start, len(self._text)), min(end, len(self._text))))
        return Diagnostic(code, message, place, secondary, helps=helps)
