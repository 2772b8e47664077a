"""What an ignore comment silences is the same in the one style.

The oracle is what `specc check` does with the two texts: the lints of both, and which comment silences which of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from specc.diagnostics import UsageError
from specc.elaborate import check_file
from specc.lint import lint
from specc.project.selection import ignores
from specc.source import Source
from specc.syntax.format import formatted
from specc.syntax.parser import parse
from tests.syntax.format.scramble import scrambled, tokens, without_comments

CORPUS = sorted((Path(__file__).parents[2] / "lint" / "corpus" / "found").glob("*.cnn"))
IGNORE = "# specc: ignore[S05] why"


def silenced(text: str) -> list[tuple[str, set[str]]]:
    """Every finding, with the comments that silence it."""
    source = Source("net.cnn", text)
    found, _ = ignores(source)
    file = parse(source)
    by_finding = []
    for finding in lint(file, check_file(file)):
        lines = (None, finding.primary.span.position[0])
        comments = {one.span.text.strip() for one in found if one.line in lines and finding.code.startswith(one.codes)}
        by_finding.append((f"{finding.code} {finding.message}", comments))
    return by_finding


def with_ignores(text: str, random: Random) -> Iterator[str]:
    """The spec in another layout, some of its comments silencing."""
    end = 0
    for kind, token in tokens(text):
        at = text.index(token, end)
        told = kind == "comment" and random.random() < 0.5
        yield text[end:at]
        yield f"{IGNORE} {at}" if told else token
        end = at + len(token)
    yield text[end:]


def check(text: str) -> bool:
    """Whether the text was formatted. If it was: what a comment silences it still does, and nothing besides."""
    before = silenced(text)
    try:
        tidy = formatted(Source("net.cnn", text))
    except UsageError:
        return False
    after = silenced(tidy)
    at_work = {comment for _, comments in before for comment in comments}
    assert [finding for finding, _ in after] == [finding for finding, _ in before]
    for (finding, had), (_, has) in zip(before, after, strict=True):
        assert had <= has, f"{finding}\n{text}\n{tidy}"
        assert not (has - had) & at_work, f"{finding}\n{text}\n{tidy}"
    assert formatted(Source("net.cnn", tidy)) == tidy
    return True


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_any_layout(path: Path) -> None:
    plain, formatted_ones = without_comments(path.read_text(encoding="utf-8")), 0
    for seed in range(8):
        random = Random(f"{path.stem} {seed}")
        text = scrambled(plain, random, often=random.choice([0.03, 0.1, 0.2]))
        formatted_ones += check("".join(with_ignores(text, random)))
    assert formatted_ones


def body(text: str) -> str:
    return f"model M : [N, 4, 50, 50] {{\n{text}\n}}\n"


def fmt(text: str) -> str:
    written = formatted(Source("net.cnn", body(text)))
    assert check(body(text))
    return written.removeprefix("model M : [N, 4, 50, 50] {\n").removesuffix("\n}\n")


def test_from_within_brackets_it_goes_to_the_end_of_the_line() -> None:
    assert fmt(f"maxpool(2) -> conv(3, {IGNORE}\n 1)") == f"  maxpool(2) -> conv(3, 1)  {IGNORE}"


def test_or_above_where_another_stands_there() -> None:
    written = fmt(f"maxpool(2) -> conv(3, {IGNORE}\n 1) # mine")
    assert written == f"  {IGNORE}\n  maxpool(2) -> conv(3, 1)  # mine"


def test_behind_an_argument_it_stays_there() -> None:
    """S0502 is told of the argument."""
    written = fmt(f"conv(3, 1,\nbias=true, {IGNORE}\n) -> bn")
    assert written.splitlines()[3] == f"    bias=true  {IGNORE}"
    written = fmt(f"conv(3, 1,\nbias=true, groups=1 {IGNORE}\n) -> bn")
    assert written == f"  conv(3, 1, bias=true, groups=1)  {IGNORE}\n    -> bn"


def test_lines_are_not_joined() -> None:
    lines = f"  maxpool(2)\n    -> maxpool(2)  {IGNORE}\n    -> maxpool(2)"
    assert fmt(lines) == lines
    assert fmt(lines.replace(IGNORE, "# mine")) == "  maxpool(2) -> maxpool(2)  # mine\n    -> maxpool(2)"
    above = f"  {IGNORE}\n  maxpool(2)\n    -> conv(4, 1)"
    assert fmt(above) == above
    assert fmt(f"{IGNORE}\nrepeat 2 {{ maxpool(2)\n-> maxpool(2) }}") == (
        f"  repeat 2 {{\n    maxpool(2)  {IGNORE}\n      -> maxpool(2)\n  }}"
    )


def test_lines_are_not_broken() -> None:
    long = "  " + " -> ".join(['conv(4, 3, padding=1, padding_mode="zeros")'] * 4)
    assert fmt(f"{long}  {IGNORE}") == f"{long}  {IGNORE}"
    assert fmt(f"{long} -> repeat 2 {{ {IGNORE}\n relu }}") == f"{long} -> repeat 2 {{  {IGNORE}\n    relu\n  }}"
    assert len(fmt(long).splitlines()) == 2
    rounds = f"  repeat 1 {{ {long.strip()} }}"
    assert fmt(f"{rounds}  {IGNORE}") == f"{rounds}  {IGNORE}"
    assert len(fmt(rounds).splitlines()) == 4


def test_what_silences_nothing_may_begin_to() -> None:
    assert fmt(f"maxpool(\n2) {IGNORE}") == f"  maxpool(2)  {IGNORE}"


def test_names_of_an_import_are_kept_apart() -> None:
    text = f'from "blocks.cnn" import one,\n    two  {IGNORE}\n'
    assert formatted(Source("net.cnn", text)) == text


def test_of_a_model_it_goes_above() -> None:
    """Budgets are told of its name."""
    ignore = "# specc: ignore[S0404] why"
    written = formatted(Source("net.cnn", f"model M(a = 1, {ignore}\n b = 2) : [N, 3] {{ relu }}\n"))
    assert written == f"{ignore}\nmodel M(a = 1, b = 2) : [N, 3] {{ relu }}\n"


def test_what_no_line_can_hold_is_refused() -> None:
    with pytest.raises(UsageError, match=r"net\.cnn:2: not formatted"):
        fmt(f"add {{ | maxpool(2) | maxpool(2) {IGNORE}\n | maxpool(2) }}")


def test_of_what_is_on_several_lines_its_first_step_may_be_silenced() -> None:
    written = fmt(f"repeat 1 {{ maxpool(2) {IGNORE}\n relu }} -> {{ maxpool(2)\n relu }}")
    assert written.splitlines()[1] == f"    maxpool(2)  {IGNORE}"
