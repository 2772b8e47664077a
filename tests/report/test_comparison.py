"""A comparison in its three formats: what goes into a pull request, and how much of it."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from specc.compare.difference import Comparison, CostNumber, FailOn, FileChange, compare_models
from specc.diagnostics import Diagnostic, SpecError
from specc.diagnostics.words import visible
from specc.elaborate import check_file
from specc.ir.graph import Graph
from specc.report.comparison import cell, code, escaped, lines
from specc.report.formats import COMPARISON_FORMATS, comparison_text
from specc.report.sections import amount, change
from specc.source import Source
from specc.syntax import parse

ONE = "model One : [N, 3, 8, 8] { conv(4, 3) -> relu }"


def networks(text: str) -> list[Graph]:
    return [checked.graph for checked in check_file(parse(Source("net.cnn", text)))]


def compared(before: str, after: str, name: str = "net.cnn") -> FileChange:
    return FileChange(f"{name}@main", name, compare_models(networks(before), networks(after), None))


def wrong(layer: str) -> tuple[Diagnostic, ...]:
    """What is said of a layer that there is not."""
    with pytest.raises(SpecError) as caught:
        networks(f"model M : [N, 3] {{ {layer} }}")
    return caught.value.diagnostics


def test_markdown_of_a_change() -> None:
    text = comparison_text("markdown", Comparison((compared(ONE, ONE.replace("conv(4", "conv(6")),), 3, "main"))
    assert text == Path(__file__).with_name("comparison.md").read_text(encoding="utf-8").rstrip("\n")


HOSTILE = [
    "a|b", "```", "`", "<b>", "@team", "#1", "[x](y)", "_a_", "*b*", "~~c~~", "a\nb", "\x1b[0m", "&amp;", "",
    "https://x", "www.x.org", ":tada:", "$x$", "a\\|b", "me@x.org", "<!-- x", "> q", "![i](j)", "a  b ", " c",
]  # fmt: skip
_READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def inline(markdown: str) -> list[Token]:
    """What another reader of Markdown makes of a text of one line or one table."""
    return [token for block in _READER.parse(markdown) for token in block.children or ()]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_names_mean_nothing_to_markdown(hostile: str) -> None:
    file = compared(ONE, ONE.replace("relu", "gelu"), f"{hostile}.cnn")
    shown = comparison_text("markdown", Comparison((file,), 0, hostile))
    heading = [block for block in _READER.parse(shown) if block.type == "inline"][1].children or []
    assert [token.type for token in heading] == ["code_inline", "text", "code_inline"]
    assert [token.content for token in heading[::2]] == [visible(f"{hostile}.cnn"), "One"]
    (name,) = inline(code(hostile))
    assert (name.type, name.content.strip()) == ("code_inline", visible(hostile).strip())


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("around", ["{}", "in {} it is", "see {}, {}."])
def test_words_mean_nothing_to_markdown(hostile: str, around: str) -> None:
    """Not to Markdown, nor to what GitHub looks for in its text: mentions, references, addresses, emoji, formulas."""
    text = around.format(hostile, hostile)
    for written in (f"Told: {escaped(text)}", f"| x |\n|---|\n| Told: {cell(text)} |"):
        tokens = inline(written)[-len(inline(written)) + written.startswith("|") :]
        assert {token.type for token in tokens} <= {"text", "code_inline"}
        assert " ".join("".join(token.content for token in tokens).split()) == " ".join(
            f"Told: {visible(text)}".split()
        )
        plain = " ".join(token.content for token in tokens if token.type == "text")
        assert not re.search(r"@\w|#\d|://|www\.|:\w+:|\$", plain)


@pytest.mark.parametrize(
    "text",
    ["since main: 1 new, 2 gone", "at H = 224, W = 224", "x_import, v1 -> brain (+1.1 %); 3 more"],
)
def test_plain_words_stay_as_they_are(text: str) -> None:
    assert escaped(text) == cell(text) == text


@pytest.mark.parametrize(
    ("fail_on", "red"),
    [
        (FailOn(), []),
        (FailOn(frozenset({"graph"})), ["graph"]),
        (FailOn(frozenset({"interface", "weights", "cost"})), ["interface", "weights", "cost"]),
        (FailOn(frozenset({"cost"}), Fraction(50)), []),
        (FailOn(frozenset({"cost"}), Fraction(499, 10)), ["cost"]),
    ],
)
def test_red_is_what_the_run_fails_on(fail_on: FailOn, red: list[str]) -> None:
    """Its parameters grow from 112 to 168: by 50 %."""
    comparison = Comparison((compared(ONE, ONE.replace("conv(4", "conv(6")),), 0, "main")
    text = comparison_text("markdown", comparison, fail_on=fail_on)
    assert re.findall(r"❌ (\w+)", text) == red
    assert comparison.fails(fail_on) == bool(red)


def test_what_cannot_be_compared() -> None:
    """It fails where anything would: what became of it is not known."""
    file = FileChange("a.cnn@main", "a.cnn", note="cannot be compared: it is in a submodule", incomparable=True)
    comparison = Comparison((file,), 0, "main")
    assert comparison_text("text", comparison).startswith(
        "a.cnn\ncannot be compared: it is in a submodule\n\n1 of 1 spec"
    )
    for fail_on, sign in ((FailOn(), "🔸"), (FailOn(frozenset({"cost"})), "❌")):
        shown = comparison_text("markdown", comparison, fail_on=fail_on)
        assert shown.endswith(f"#### `a.cnn`\n\n{sign} cannot be compared: it is in a submodule")
        assert comparison.fails(fail_on) == (sign == "❌")


def test_a_model_that_is_gone_is_red_where_the_run_fails_on_it() -> None:
    file = FileChange("net.cnn@main", "net.cnn", compare_models(networks(ONE), [], None))
    for sections, sign in (((), "🔸"), (("cost",), "🔸"), (("weights",), "❌")):
        shown = comparison_text("markdown", Comparison((file,), 0, "main"), fail_on=FailOn(frozenset(sections)))
        assert shown.endswith(f"{sign} the model is gone")


class TestGroups:
    """One change of a block that many specs import is told once."""

    WIDER = ONE.replace("conv(4", "conv(6")

    def comparison(self) -> Comparison:
        files = [compared(self.named(ONE, i), self.named(self.WIDER, i), f"m{i}.cnn") for i in range(12)]
        files.insert(5, compared(ONE, ONE.replace("conv(4", "conv(5"), "other.cnn"))
        return Comparison(tuple(files), 0, "main")

    @staticmethod
    def named(text: str, number: int) -> str:
        return text.replace("One", f"M{number}")

    def test_text(self) -> None:
        text = comparison_text("text", self.comparison())
        assert text.startswith("the same in 12 models: m0.cnn:M0, m1.cnn:M1, ")
        assert text.count("out_channels 4 -> 6") == text.count("out_channels 4 -> 5") == 1
        assert all(f"m{i}.cnn:M{i}" in text for i in range(12))
        assert "\n\nother.cnn, One\n" in text
        assert max(map(len, text.splitlines()[:4])) <= 80

    def test_markdown(self) -> None:
        text = comparison_text("markdown", self.comparison())
        assert text.count("####") == 2
        assert "#### the same in 12 models\n\n`m0.cnn:M0`, `m1.cnn:M1`, " in text
        assert "#### `other.cnn`, `One`\n" in text

    def test_json_has_every_model(self) -> None:
        value = json.loads(comparison_text("json", self.comparison()))
        assert [len(file["models"]) for file in value["files"]] == [1] * 13

    def test_models_of_one_file(self) -> None:
        before, after = (self.named(text, 1) + "\n" + self.named(text, 2) for text in (ONE, self.WIDER))
        text = comparison_text("text", Comparison((compared(before, after),)))
        assert text.startswith("net.cnn, the same in 2 models: M1, M2\ninterface")

    def test_what_is_shown_alike_and_is_not(self) -> None:
        """Of more lines than are shown, one that is not shown may differ."""
        before = " ".join(f"a{i}: conv(3, {1 + i % 2}) ->" for i in range(40))
        after = [before.replace("conv(3", "conv(4"), before.replace("conv(3", "conv(4").replace("a39:", "b39:")]
        model = "model M : [N, 3, 99] {{ {} relu }}"
        files = [compared(model.format(before), model.format(text), f"{i}.cnn") for i, text in enumerate(after)]
        assert "the same in" not in comparison_text("text", Comparison(tuple(files), 0, "main"))

    def test_many_are_counted(self) -> None:
        files = [compared(ONE, self.WIDER, f"m{i}.cnn") for i in range(70)]
        text = comparison_text("text", Comparison(tuple(files), 0, "main"))
        assert "m59.cnn:One and 10 more; json has all\n" in text.replace("\n  ", " ")

    def test_what_has_moved_is_told_apart(self) -> None:
        same = compare_models(networks(ONE), networks(ONE), None)
        files = FileChange("a.cnn@main", "a.cnn", same), FileChange("b.cnn@main", "c.cnn", same, moved=True)
        text = comparison_text("text", Comparison(files, 0, "main"))
        assert text.startswith(
            "a.cnn, One\nnothing has changed\n\nb.cnn@main -> c.cnn, One\nnothing else has changed\n"
        )

    def test_mistakes_are_told_apart(self) -> None:
        files = [FileChange("a.cnn@main", "a.cnn", (), (), wrong(layer)) for layer in ("rulu", "rolu")]
        assert comparison_text("text", Comparison(tuple(files), 0, "main")).count("error[S0201]") == 2

    def test_one_mistake_of_many_specs(self) -> None:
        files = [FileChange(f"{name}.cnn@main", f"{name}.cnn", (), (), wrong("rulu")) for name in "ab"]
        text = comparison_text("text", Comparison(tuple(files), 0, "main"))
        assert text.startswith("the same in 2 specs: a.cnn, b.cnn\nwrong now: 1 error")
        assert text.count("error[S0201]") == 1


def test_a_renamed_file_is_told_once() -> None:
    models = compare_models(networks(ONE), networks(ONE), None)
    comparison = Comparison((FileChange("v1.cnn@main", "brain.cnn", models, moved=True),), 3, "main")
    assert comparison_text("text", comparison) == (
        "v1.cnn@main -> brain.cnn, One\nnothing else has changed\n\n1 of 4 specs has changed since main: 1 renamed"
    )
    assert comparison_text("markdown", comparison) == (
        "**specc diff**: 1 of 4 specs has changed since `main`: 1 renamed\n\n"
        "#### `v1.cnn@main` -> `brain.cnn`, `One`\n\n✅ nothing else has changed"
    )


def test_a_reference_with_an_at_sign_is_no_other_file() -> None:
    models = compare_models(networks(ONE), networks(ONE.replace("relu", "gelu")), None)
    text = comparison_text("text", Comparison((FileChange("v1.cnn@fix@2", "v1.cnn", models),), 0, "fix@2"))
    assert text.startswith("v1.cnn, One\n")


def test_a_comment_is_never_too_long() -> None:
    """GitHub takes 65,536 characters; what is left out is counted."""
    wider = (ONE.replace("conv(4", f"conv({i // 2 + 5}") for i in range(200))
    files = [compared(ONE, text, f"{'ä' * 40}{i}.cnn") for i, text in enumerate(wider)]
    text = comparison_text("markdown", Comparison(tuple(files), 0, "main"))
    assert 60_000 < len(text.encode()) < 65_536
    shown = text.count("####")  # each of two models
    assert f"{200 - 2 * shown} models left out, for want of room" in text
    assert text.count("<details>") == text.count("</details>") > 0
    assert text.count("```") % 2 == 0


def test_one_huge_change_fits() -> None:
    many = " ".join(f"a{i}: conv(3, 1) ->" for i in range(3000))
    before, after = (
        f"model M : [N, 3, 4] {{ {many} relu }}",
        f"model M : [N, 3, 4] {{ {many.replace('3, 1', '2, 1')} relu }}",
    )
    comparison = Comparison((compared(before, after),), 0, "main")
    text = comparison_text("markdown", comparison)
    assert len(text.encode()) < 65_536
    assert "--format json has all" in text
    assert len(comparison_text("text", comparison).splitlines()) < 100


def test_wrong_specs_in_every_format() -> None:
    findings = wrong("rulu")
    files = (FileChange("a.cnn@main", "a.cnn", (), findings, ()), FileChange("b.cnn@main", "b.cnn", (), (), findings))
    comparison = Comparison(files, 0, "main")
    assert comparison.fails(FailOn())
    assert "wrong before: 1 error" in comparison_text("text", comparison)
    assert "error[S0201]" in comparison_text("text", comparison)
    assert comparison_text("markdown", comparison).count("error[S0201]") == 2
    value = json.loads(comparison_text("json", comparison))
    assert [[len(file["wrong_before"]), len(file["wrong_after"])] for file in value["files"]] == [[1, 0], [0, 1]]
    assert value["files"][0]["wrong_before"][0]["line"] == 1


@pytest.mark.parametrize("form", COMPARISON_FORMATS)
def test_names_of_files_that_are_no_utf8(form: str) -> None:
    """A pipe takes it: lone surrogates are shown as escapes."""
    file = compared(ONE, ONE.replace("relu", "gelu"), "caf\udce9.cnn")
    text = comparison_text(form, Comparison((file,), 0, "main"))
    assert text.encode("utf-8")
    assert "gelu" in text


class TestRenamed:
    """Tensors that have another name, in lines that fit a terminal."""

    BLOCK = "block unit(c) { conv(c, 3, padding=1) -> bn -> relu }\n"
    MODEL = "model M : [N, 4, 8, 8] {{ {}: unit(4) -> {}: unit(8) -> {} {}: conv(2, 1) }}"

    def shown(self, *after: str) -> list[str]:
        file = compared(*(self.BLOCK + self.MODEL.format(*names) for names in (("a", "b", "", "c"), after)))
        lines = comparison_text("text", Comparison((file,))).splitlines()
        return [line for line in lines if line.startswith("  renamed")]

    def test_a_block_is_one_line(self) -> None:
        assert self.shown("a", "d", "", "e") == [
            "  renamed  b -> d     7 tensors",
            "  renamed  c -> e     weight, bias",
            "  renamed  4 steps  b -> d, c -> e",
        ]

    def test_a_guess_is_said_once(self) -> None:
        assert self.shown("a", "d", "gelu ->", "e") == [
            "  renamed  9 tensors  as the steps seem to correspond:",
            "  renamed  b -> d     7 tensors",
            "  renamed  c -> e     weight, bias",
            "  renamed  4 steps  b -> d, c -> e",
        ]
        first, _ = self.shown("a", "d", "gelu ->", "c")
        assert first == "  renamed  b -> d     7 tensors; as the steps seem to correspond"

    def test_resized_batch_norm(self) -> None:
        text = "model M : [N, 3, 8, 8] { conv(4, 3) -> bn }"
        shown = comparison_text("text", Comparison((compared(text, text.replace("4", "6")),)))
        assert "  resized  batchnorm1    4 tensors, [4] -> [6] each\n" in shown


def test_numbers() -> None:
    assert change(CostNumber("parameters", "elements", 200, 202)) == "+2 (+1 %)"
    assert change(CostNumber("MACs", "operations", 3_000_000, 1_500_000)) == "-1.5 M (-50 %)"
    assert change(CostNumber("peak memory", "bytes", 2048, 2049)) == "+1 B (+0.049 %)"
    assert change(CostNumber("parameters", "elements", 0, 5)) == "+5"
    assert change(CostNumber("receptive field", "places", (3, 3), (5, 5))) == ""
    assert change(CostNumber("MACs", "operations", None, 5)) == ""
    assert amount((3, 5), "places") == "3 x 5"


def test_columns() -> None:
    rows = [("a", "bb", "c"), ("aaa", "b", "")]
    assert lines(rows, 5) == ["  a    bb  c", "  aaa  b"]
    assert lines(rows, 1) == ["  a  bb  c", "  and 1 more; --format json has all"]
    assert lines([], 5) == []


def test_an_unknown_format() -> None:
    with pytest.raises(ValueError, match="there is no format html"):
        comparison_text("html", Comparison(()))
