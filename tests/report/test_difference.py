"""A comparison in its three formats: what goes into a pull request, and how much of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from specc.compare.cost import Number
from specc.compare.specs import Comparison, FileChange, compare_models
from specc.diagnostics import SpecError
from specc.elaborate import check_file
from specc.ir.graph import Graph
from specc.report.difference import FORMATS, rendered
from specc.report.difference.markdown import escaped
from specc.report.difference.sections import amount, change
from specc.report.difference.text import lines
from specc.source import Source
from specc.syntax import parse

ONE = "model One : [N, 3, 8, 8] { conv(4, 3) -> relu }"


def networks(text: str) -> list[Graph]:
    return [checked.graph for checked in check_file(parse(Source("net.cnn", text)))]


def compared(before: str, after: str, name: str = "net.cnn") -> FileChange:
    return FileChange(f"{name}@main", name, compare_models(networks(before), networks(after), None))


def test_markdown_of_a_change() -> None:
    text = rendered("markdown", Comparison((compared(ONE, ONE.replace("conv(4", "conv(6")),), 3, "main"))
    assert text == Path(__file__).with_name("difference.md").read_text(encoding="utf-8").rstrip("\n")


HOSTILE = ["a|b", "```", "<b>", "@team", "#1", "[x](y)", "_a_", "*b*", "~c~", "a\nb", "\x1b[0m", "&amp;", "https://x"]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_names_mean_nothing_to_markdown(hostile: str) -> None:
    text = escaped(hostile)
    assert not set(text) & set("|`<>@[]()_*~\n\x1b:!\\")
    assert "&amp;" not in text
    file = compared(ONE, ONE.replace("relu", "gelu"), f"{hostile}.cnn")
    shown = rendered("markdown", Comparison((file,), 0, "main"))
    (heading,) = (line for line in shown.splitlines() if line.startswith("####"))
    assert heading.removeprefix("#### <code>").startswith(text)


def test_a_comment_is_never_too_long() -> None:
    """GitHub takes 65,536 characters; what is left out is counted."""
    files = [compared(ONE, ONE.replace("relu", "gelu"), f"{'ä' * 40}{i}.cnn") for i in range(200)]
    text = rendered("markdown", Comparison(tuple(files), 0, "main"))
    assert 60_000 < len(text.encode()) < 65_536
    shown = text.count("####")
    assert f"{200 - shown} models left out, for want of room" in text
    assert text.count("<details>") == text.count("</details>") > 0
    assert text.count("```") % 2 == 0


def test_one_huge_change_fits() -> None:
    many = " ".join(f"a{i}: conv(3, 1) ->" for i in range(3000))
    before, after = (
        f"model M : [N, 3, 4] {{ {many} relu }}",
        f"model M : [N, 3, 4] {{ {many.replace('3, 1', '2, 1')} relu }}",
    )
    text = rendered("markdown", Comparison((compared(before, after),), 0, "main"))
    assert len(text.encode()) < 65_536
    assert "--format json has all" in text
    assert len(rendered("text", Comparison((compared(before, after),), 0, "main")).splitlines()) < 100


def test_wrong_specs_in_every_format() -> None:
    with pytest.raises(SpecError) as caught:
        networks("model M : [N, 3] { rulu }")
    findings = caught.value.diagnostics
    files = (FileChange("a.cnn@main", "a.cnn", (), findings, ()), FileChange("b.cnn@main", "b.cnn", (), (), findings))
    comparison = Comparison(files, 0, "main")
    assert comparison.fails([])
    assert "wrong before: 1 error" in rendered("text", comparison)
    assert "error[S0201]" in rendered("text", comparison)
    assert rendered("markdown", comparison).count("error[S0201]") == 2
    value = json.loads(rendered("json", comparison))
    assert [[len(file["wrong_before"]), len(file["wrong_after"])] for file in value["files"]] == [[1, 0], [0, 1]]
    assert value["files"][0]["wrong_before"][0]["line"] == 1


@pytest.mark.parametrize("form", FORMATS)
def test_names_of_files_that_are_no_utf8(form: str) -> None:
    """A pipe takes it: lone surrogates are shown as escapes."""
    file = compared(ONE, ONE.replace("relu", "gelu"), "caf\udce9.cnn")
    text = rendered(form, Comparison((file,), 0, "main"))
    assert text.encode("utf-8")
    assert "gelu" in text


def test_numbers() -> None:
    assert change(Number("parameters", "elements", 200, 202)) == "+2 (+1 %)"
    assert change(Number("MACs", "operations", 3_000_000, 1_500_000)) == "-1.5 M (-50 %)"
    assert change(Number("peak memory", "bytes", 2048, 2049)) == "+1 B (+0.049 %)"
    assert change(Number("parameters", "elements", 0, 5)) == "+5"
    assert change(Number("receptive field", "places", (3, 3), (5, 5))) == ""
    assert change(Number("MACs", "operations", None, 5)) == ""
    assert amount((3, 5), "places") == "3 x 5"


def test_columns() -> None:
    rows = [("a", "bb", "c"), ("aaa", "b", "")]
    assert lines(rows, 5) == ["  a    bb  c", "  aaa  b"]
    assert lines(rows, 1) == ["  a  bb  c", "  and 1 more; --format json has all"]
    assert lines([], 5) == []


def test_an_unknown_format() -> None:
    with pytest.raises(ValueError, match="there is no format html"):
        rendered("html", Comparison(()))
