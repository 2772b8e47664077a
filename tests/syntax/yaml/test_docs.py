"""docs/yaml.md, proven: its YAML is checked, and says what the language beside it says."""

from itertools import pairwise

import pytest

from specc.diagnostics import SpecError
from specc.elaborate import check_file
from specc.report.snippets import render
from specc.source import Source
from specc.syntax import parse
from tests.syntax.yaml.texts import ROOT, without_places
from tests.test_docs import Block, blocks

BLOCKS = blocks(ROOT / "docs" / "yaml.md")
IN_YAML = [block for block in BLOCKS if block.kind == "yaml"]


@pytest.mark.parametrize("block", IN_YAML, ids=lambda block: block.place)
def test_block(block: Block) -> None:
    if block.mark == "refused":
        with pytest.raises(SpecError) as error:
            check_file(parse(Source("net.yaml", block.text)))
        assert render(error.value.diagnostics).rstrip() == (block.shown or "").rstrip()
        return
    head = "- model: M\n  input: [N, 8, 32, 32]\n  body:\n" if block.mark == "steps" else ""
    assert check_file(
        parse(
            Source(
                "net.yaml", head + "".join(f"  {line}\n" for line in block.text.splitlines()) if head else block.text
            )
        )
    )


def test_the_two_forms_side_by_side() -> None:
    pairs = [(one, two) for one, two in pairwise(BLOCKS) if (one.kind, two.kind) == ("cnn", "yaml")]
    assert pairs
    for language, in_yaml in pairs:
        expected = parse(Source("net.cnn", language.text))
        assert without_places(parse(Source("net.yaml", in_yaml.text))) == without_places(expected)


def rows(heading: str) -> list[tuple[str, str]]:
    """The code of the first two columns of a table, row by row."""
    text = (ROOT / "docs" / "yaml.md").read_text(encoding="utf-8").partition(f"\n| {heading} |")[2]
    lines = text.split("\n\n")[0].splitlines()[2:]
    return [tuple(line.replace("\\|", "¦").strip("| ").split(" | ")[:2]) for line in lines]  # type: ignore[misc]


@pytest.mark.parametrize("heading", ["line | in the language", "step | in the language"])
def test_tables(heading: str) -> None:
    """Every row whose two columns are one piece of code each."""
    compared = 0
    for left, right in rows(heading):
        code = left.strip("`"), right.split("`")[1].replace("¦", "|")
        if "`" in code[0] or "…" in right or "…" in left:
            continue
        in_yaml = parse(Source("net.yaml", f"- model: M\n  body:\n    - {code[0]}\n"))
        assert without_places(in_yaml) == without_places(parse(Source("net.cnn", f"model M {{\n{code[1]}\n}}"))), code
        compared += 1
    assert compared > 2
