"""Workflow commands, read back as GitHub documents them.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands: a line that begins with ``::`` is
a command, ``::name key=value,key=value::message``; in the message %25, %0D and %0A stand for ``%`` and line ends, in a
value also %3A and %2C for ``:`` and ``,``.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest
from hypothesis import given, settings

from specc.project.outcome import Outcome
from specc.report.formats import outcome_text
from specc.report.summary import summary
from tests.report.outcomes import BIAS, KERNEL, MISSING, NASTY, SAMPLES, TWO, file_name, outcome, outcomes


class Command(NamedTuple):
    name: str
    properties: dict[str, str]
    message: str


_ESCAPES = {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}


def unescaped(text: str, escapes: tuple[str, ...]) -> str:
    assert not set("\r\n") & set(text)
    return re.sub("|".join(escapes), lambda found: _ESCAPES[found[0]], text)


def read(line: str) -> Command:
    """The command in a line, as a runner takes it."""
    assert line.startswith("::")
    information, message = line[2:].split("::", 1)
    name, _, written = information.partition(" ")
    pairs = [pair.split("=", 1) for pair in written.split(",")]
    properties = {key: unescaped(value, tuple(_ESCAPES)) for key, value in pairs}
    return Command(name, properties, unescaped(message, ("%0D", "%0A", "%25")))


def commands(of: Outcome) -> list[Command]:
    """Every line but those of the summary is a command."""
    text = outcome_text("github", of).removesuffix(summary(of)).removesuffix("\n")
    return [read(line) for line in text.split("\n")] if text else []


def test_to_the_character() -> None:
    place = "file=nets/tiny.cnn,line=4,endLine=4,col=12,endColumn=20"
    lines = (
        "nets/tiny.cnn:4:12: kernel 5 is larger than its input of 2 x 2",
        "needs at least 5 x 5",
        "note: (2 + 2*0 - 5)/1 + 1 = -2",
        "help: padding=2 keeps 2 x 2",
        "nets/tiny.cnn:3:3: the size has shrunk to 2 x 2 here: 4 > 2",
    )
    assert outcome_text("github", outcome(KERNEL)).split("\n") == [
        f"::error {place},title=specc S0104::{'%0A'.join(lines)}",
        "1 error in 1 of 1 file",
    ]


def test_severities_have_their_commands() -> None:
    assert [command.name for command in commands(TWO)] == ["error", "warning", "warning"]


def test_of_several_lines_there_are_no_columns() -> None:
    """The runner would remove them, and complain."""
    (command,) = commands(outcome(BIAS))
    assert command.properties == {
        "file": "nets/wide.cnn", "line": "3", "endLine": "4", "title": "specc S0502",
    }  # fmt: skip
    assert "note: 8 parameters\nfor nothing" in command.message


def test_what_cannot_be_read_is_an_error_of_its_file() -> None:
    (command,) = commands(Outcome((), (MISSING,), ()))
    assert command == Command("error", {"file": MISSING.name, "title": "specc"}, MISSING.message)


def test_standard_input_is_no_file() -> None:
    (command,) = commands(SAMPLES["standard input"])
    assert command.properties == {"title": "specc S0002"}
    assert command.message.startswith("<stdin>:1:1: ")


@pytest.mark.parametrize("index", range(len(NASTY)), ids=map(ascii, NASTY))
def test_text_comes_back_as_it_was(index: int) -> None:
    """Line ends and control characters of a headline are shown as escapes, as everywhere."""
    command = commands(SAMPLES["nasty"])[index]
    name = file_name(NASTY[index])
    if not set(map(chr, range(32))) - set("\r\n") & set(name):
        assert command.properties["file"] == name.encode("utf-8", "backslashreplace").decode()
    if NASTY[index].isprintable():
        assert command.message.split("\n")[0] == f"{name}:2:1: {NASTY[index]}"


@settings(max_examples=50, deadline=None)
@given(outcomes())
def test_any_outcome_is_so_many_commands_and_no_more(of: Outcome) -> None:
    """Nothing that a spec, a path or a message says becomes a command of its own."""
    found = commands(of)
    assert len(found) == len(of.findings) + len(of.unreadable)
    assert {command.name for command in found} <= {"error", "warning"}
    assert all(set(c.properties) <= {"file", "line", "endLine", "col", "endColumn", "title"} for c in found)


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_places_are_such_as_the_runner_keeps(sample: Outcome) -> None:
    for command in commands(sample)[: len(sample.findings)]:
        place = {key: int(value) for key, value in command.properties.items() if key not in ("file", "title")}
        assert place.get("endLine", 1) >= place.get("line", 1) > 0
        assert place.get("endColumn", 1) >= place.get("col", 1) > 0
