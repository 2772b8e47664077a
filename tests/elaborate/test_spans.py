"""Whatever is wrong, and however a spec is broken: every place that is shown is in a file that was given."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from specc.diagnostics import Diagnostic, SpecError
from specc.elaborate.phases import choose, elaborate
from specc.elaborate.values import Partial
from specc.source import Source, Span
from specc.syntax import parse
from specc.syntax.yaml.writer import to_yaml
from tests.elaborate.test_corpus import ACCEPTED, REFUSED
from tests.elaborate.test_proposals import findings

YAML = Path(__file__).parents[1] / "syntax" / "yaml" / "corpus" / "refused"
CORPORA = (*ACCEPTED, *REFUSED, *sorted(YAML.glob("*.yaml")))
NUMBER = re.compile(r"(?<![\w.])\d+(?![\w.])")
INSTEAD = ("_.batch", "in.height", "in.batch - 1", "N", "W // 2")
"""What may stand for a number, and makes sizes symbolic or speaks of the batch."""


def places(finding: Diagnostic) -> Iterator[Span]:
    for label in (finding.primary, *finding.secondary, *finding.trace):
        yield label.span
    for edit in finding.fix.edits if finding.fix else ():
        yield edit.span


def check_places(source: Source) -> int:
    """How many places are shown, all of them in this file."""
    shown = [span for finding in findings(source) for span in places(finding)]
    for span in shown:
        assert span.source.name == source.name
        assert span.source.text == source.text
        assert 0 <= span.start <= span.end <= len(source.text)
    return len(shown)


def mutilated(text: str) -> Iterator[str]:
    """A few other texts: with something else for a number, or less of it."""
    numbers = list(NUMBER.finditer(text))
    for place, number in enumerate(numbers[:: 1 + len(numbers) // 4]):
        start, end = number.span()
        yield text[:start] + INSTEAD[place % len(INSTEAD)] + text[end:]
        yield text[:start] + text[end:]


@pytest.mark.parametrize("path", CORPORA, ids=lambda p: p.stem)
def test_places_are_in_the_file(path: Path) -> None:
    text = path.read_text("utf-8", "replace")
    check_places(Source(path.name, text))
    if len(text) < 3_000:  # the others are about limits, and take their time
        for other in mutilated(text.replace("range(2000)", "range(2)")):  # a list that grows to its limit does, too
            check_places(Source(path.name, other))


@pytest.mark.parametrize("path", REFUSED, ids=lambda p: p.stem)
def test_places_are_in_the_file_in_yaml(path: Path) -> None:
    if path.stem != "huge_number":  # of which there is no tree
        assert check_places(Source(f"{path.name}.yaml", to_yaml(Source(path.name, path.read_text())))) > 0


def test_places_of_conditions_in_yaml() -> None:
    text = "- {model: M, input: [N, 3, 8, 8], body: [{if: _.batch > 4, then: [relu]}, relu]}\n"
    shown = findings(Source("batch.cnn.yaml", text))
    assert [finding.notes[-1] for finding in shown] == [
        "N is the batch, whatever the caller brings: no condition can speak of it"
    ]
    assert check_places(Source("batch.cnn.yaml", text)) == 1


def test_places_of_what_is_set_from_outside() -> None:
    """A step handed over from outside is written in no file: what is wrong with it is shown at its parameter."""
    given = parse(Source("outside", "model M : [N, 4] { relu }\nlet act = leakyrelu(1, 2)\n"))
    file = parse(Source("net.cnn", "model M(act = relu) : [N, 4] { act }\n"))
    from specc.elaborate.phases import constant

    (let,) = (item for item in given.items if not hasattr(item, "contract"))
    value = constant(given._replace(items=(let,)))
    assert isinstance(value, Partial)
    with pytest.raises(SpecError) as caught:
        elaborate(file, choose(file), {"act": value})
    (finding,) = caught.value.diagnostics
    assert finding.message == "leakyrelu takes 1 argument, not 2"
    assert {span.source.name for span in places(finding)} == {"net.cnn"}
    assert finding.primary.span.text == "act = relu"
