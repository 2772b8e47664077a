"""What holds for every format."""

import re
import subprocess
import sys

import pytest
from hypothesis import given, settings

from specc.cli.check import FORMATS as OF_THE_COMMAND
from specc.project.outcome import Outcome
from specc.report.formats import OUTCOME_FORMATS, outcome_text
from specc.report.snippets import Style
from tests.report.outcomes import NASTY, ONE, SAMPLES, TWO, outcomes

ASCII = Style(unicode=False)
FOR_PEOPLE = ("full", "concise")
each_format = pytest.mark.parametrize("name", OUTCOME_FORMATS)
each_machine_format = pytest.mark.parametrize("name", [name for name in OUTCOME_FORMATS if name not in FOR_PEOPLE])
each_sample = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)


def test_the_command_has_all_formats() -> None:
    assert OF_THE_COMMAND == OUTCOME_FORMATS


def test_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match=r"there is no format xml; there are full, .*sarif"):
        outcome_text("xml", ONE)


@each_sample
@each_format
def test_every_outcome_is_utf8_and_without_a_last_newline(name: str, sample: Outcome) -> None:
    text = outcome_text(name, sample)
    assert text.encode().decode() == text
    assert not text.startswith("\ufeff")
    assert not text.endswith("\n")


@each_sample
@each_format
def test_nothing_that_a_terminal_obeys_is_written(name: str, sample: Outcome) -> None:
    assert not set(map(chr, [*range(10), *range(11, 32), 127])) & set(outcome_text(name, sample))


@each_machine_format
def test_machine_formats_have_no_colour(name: str) -> None:
    assert outcome_text(name, TWO, Style(color=True)) == outcome_text(name, TWO)


@pytest.mark.parametrize("name", FOR_PEOPLE)
def test_colour_is_for_people_who_want_it(name: str) -> None:
    assert "\x1b[" in outcome_text(name, TWO, Style(color=True))
    assert "\x1b" not in outcome_text(name, TWO)


@pytest.mark.parametrize("name", ["json", "gitlab", "junit", "sarif"])
def test_without_unicode_a_document_is_ascii(name: str) -> None:
    assert not outcome_text(name, SAMPLES["nasty"]).isascii()
    assert outcome_text(name, SAMPLES["nasty"], ASCII).isascii()


@each_format
@settings(max_examples=25, deadline=None)
@given(outcome=outcomes())
def test_any_text_can_be_shown(name: str, outcome: Outcome) -> None:
    outcome_text(name, outcome).encode()
    outcome_text(name, outcome, ASCII).encode()


@each_format
def test_findings_keep_their_order_and_are_all_there(name: str) -> None:
    text = outcome_text(name, SAMPLES["real"])
    # The beginning of a message, as far as no format escapes it.
    places = [text.find(re.match(r"[\w ,.\[\]:]+", finding.message)[0]) for finding in SAMPLES["real"].findings]
    assert -1 not in places
    assert name == "full" or places == sorted(places)


@each_format
def test_only_what_is_asked_for_is_loaded(name: str) -> None:
    script = f"""
import sys
import specc.project.outcome, specc.report.formats
first = set(sys.modules)
specc.report.formats.outcome_text({name!r}, specc.project.outcome.Outcome((), (), ()))
heavy = {{"hashlib", "xml.etree.ElementTree", "specc.report.code_pages"}}
loaded = heavy & (set(sys.modules) - first)
needed = {{"gitlab": {{"hashlib"}}, "junit": {{"xml.etree.ElementTree"}}, "sarif": {{"specc.report.code_pages"}}}}
assert needed.get({name!r}, set()) <= loaded, loaded
assert not first & heavy, first
assert {name!r} == "sarif" or loaded == needed.get({name!r}, set()), loaded
assert not set(sys.modules) & {{"numpy", "torch", "onnx", "rich"}}
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_nasty_texts_are_really_shown() -> None:
    """A sample that nobody shows would prove nothing."""
    shown = outcome_text("json", SAMPLES["nasty"])
    assert all(
        text.split("\n")[0].split("\r")[0][:4] in shown for text in NASTY if text.isprintable() and '"' not in text
    )
