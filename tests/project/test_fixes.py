"""--fix: what is put right, what is left alone, and that nothing gets worse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from specc import files
from specc.diagnostics import Code, Diagnostic, Edit, Fix, Label, Severity, UsageError
from specc.project import fixes
from specc.project.cache import Found
from specc.project.check import Request
from specc.project.checker import Checker
from specc.project.settings import Configuration
from specc.source import Source
from tests.cli.conftest import Specc
from tests.project.specs import BAD, FINE, write

HEAD = "model M : [N, 3, 8, 8] {\n"


def fixed(specc: Specc, folder: Path, before: str, name: str = "a.cnn") -> str:
    """What ``specc check --fix`` makes of a text."""
    (folder / name).write_bytes(before.encode())
    specc("check", name, "--fix")
    return (folder / name).read_bytes().decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("relu66", "relu6", id="a layer"),
        pytest.param("convv(4, 3)", "conv(4, 3)", id="a layer with arguments"),
        pytest.param("conv(4, 3, paddding=1)", "conv(4, 3, padding=1)", id="an argument"),
        pytest.param("let width = 4\n  conv(widht, 3)", "let width = 4\n  conv(width, 3)", id="a name"),
        pytest.param("fc(2)", "flatten -> fc(2)", id="a missing flatten"),
        pytest.param("head: fc(2)", "flatten -> head: fc(2)", id="before a label"),
        pytest.param("head :  fc(2)", "flatten -> head :  fc(2)", id="before a label with blanks"),
        pytest.param("relu -> head: fc(2)", "relu -> flatten -> head: fc(2)", id="in a chain"),
        pytest.param(
            "add { | fc(2) | flatten -> fc(2) }", "add { | flatten -> fc(2) | flatten -> fc(2) }", id="an arm"
        ),
        pytest.param("concat { | fc(2) | fc(3) }", "concat { | flatten -> fc(2) | flatten -> fc(3) }", id="two arms"),
        pytest.param(
            "convv(4, 3, paddding=1) -> relu66 -> fc(2)",
            "conv(4, 3, padding=1) -> relu6 -> flatten -> fc(2)",
            id="several in a line",
        ),
        pytest.param("repeat 2 { convv(4, 3) }", "repeat 2 { conv(4, 3) }", id="in a loop"),
        pytest.param(
            "if true { convv(4, 3) } else { relu66 }", "if true { conv(4, 3) } else { relu66 }", id="a branch"
        ),
        pytest.param("rellu", "relu", id="the nearest of several"),
        pytest.param("sliu", "silu", id="two letters have changed places"),
        pytest.param("relu7", "relu7", id="two names are equally near"),
        pytest.param("rellu66", "rellu66", id="several names are near, and none is a slip away"),
        pytest.param("zzz", "zzz", id="no name is near"),
        pytest.param("convv()", "convv()", id="what comes is at the very place"),
        pytest.param("conv(4, 3, paddding=1, padding=1)", "conv(4, 3, paddding=1, padding=1)", id="then it is doubled"),
        pytest.param("dropout(p=0) -> relu", "relu", id="a lint"),
        pytest.param("let k = 3\n  relu", "relu", id="a let that nothing uses"),
    ],
)
def test_in_the_language(specc: Specc, here: Path, before: str, after: str) -> None:
    assert fixed(specc, here, f"{HEAD}  {before}\n}}\n") == f"{HEAD}  {after}\n}}\n"


YAML = "- model: M\n  input: [N, 3, 8, 8]\n  body:\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("    - convv: [4, 3]\n", "    - conv: [4, 3]\n", id="a layer"),
        pytest.param("    - conv: [4, 3, {paddding: 1}]\n", "    - conv: [4, 3, {padding: 1}]\n", id="an argument"),
        pytest.param("    - fc: 2\n", "    - flatten\n    - fc: 2\n", id="a missing flatten"),
        pytest.param("  -   fc: 2\n", "  -   flatten\n  -   fc: 2\n", id="as it is indented"),
        pytest.param("    - [relu, fc: 2]\n", "    - [relu, flatten, fc: 2]\n", id="in a line"),
        pytest.param("    - [fc: 2]\n", "    - [flatten, fc: 2]\n", id="at the start of a line"),
        pytest.param(
            "    - {label: head, fc: 2}\n", "    - flatten\n    - {label: head, fc: 2}\n", id="before a label"
        ),
        pytest.param(
            "    - [relu, {label: head, fc: 2}]\n", "    - [relu, flatten, {label: head, fc: 2}]\n", id="both"
        ),
        pytest.param("    fc: 2\n", "    fc: 2\n", id="no list to insert into"),
        pytest.param(
            "    - label: head\n      fc: 2\n", "    - label: head\n      fc: 2\n", id="a label of its own line"
        ),
        pytest.param("    - relu66  # it's relu66\n", "    - relu6  # it's relu66\n", id="a comment"),
    ],
)
def test_in_yaml(specc: Specc, here: Path, before: str, after: str) -> None:
    assert fixed(specc, here, YAML + before, "a.cnn.yaml") == YAML + after


def test_line_ends_and_a_byte_order_mark_stay(specc: Specc, here: Path) -> None:
    before = "\ufeffmodel M : [N, 3, 8, 8] {\r\n  rélu_: convv(4, 3) # é\r\n  fc(2)\r\n}\r\n".replace("rélu_", "r")
    after = before.replace("convv", "conv").replace("fc(2)", "flatten -> fc(2)")
    assert fixed(specc, here, before) == after


def test_a_file_without_a_newline_at_its_end(specc: Specc, here: Path) -> None:
    assert fixed(specc, here, "model M : [N, 3] { relu66 }") == "model M : [N, 3] { relu6 }"


def test_it_is_idempotent_and_tells_what_it_does(specc: Specc, here: Path) -> None:
    write(here, a="model M : [N, 3, 8, 8] { convv(4, 3) -> fc(2) -> zzz }", b=FINE)
    first = specc("check", "--fix")
    assert first.err == "a.cnn: 2 findings fixed\n"
    assert first.code == 1
    assert "zzz" in first.out
    text = (here / "a.cnn").read_text()
    again = specc("check", "--fix")
    assert (again.err, again.out, (here / "a.cnn").read_text()) == ("", first.out, text)


def test_a_file_without_fixes_is_not_written(specc: Specc, here: Path) -> None:
    write(here, a=FINE)
    (here / "a.cnn").chmod(0o444)
    inode = (here / "a.cnn").stat().st_ino
    assert specc("check", "--fix").code == 0
    assert (here / "a.cnn").stat().st_ino == inode


def test_mistakes_that_were_hidden_may_come_up(specc: Specc, here: Path) -> None:
    """What follows a wrong step was not looked at: that it is wrong, too, is no reason to leave the first as it is."""
    before = f"{HEAD}  convv(4, 3)\n  maxpool(9)\n}}\n"
    assert fixed(specc, here, before) == before.replace("convv", "conv")
    assert "error[S0104]" in specc("check").out


def test_what_is_above_may_not_get_worse(specc: Specc, here: Path) -> None:
    """`wide` fits where it is called now, and would not where the call is corrected."""
    before = "block wide(c) { conv(c, 9) }\n" + HEAD + "  widee(4)\n}\n"
    assert fixed(specc, here, before) == before


def test_a_fix_of_a_network_that_fits_must_leave_it_so(specc: Specc, here: Path) -> None:
    before = "model M : [N, 3, 8, 8] {\n  x: dropout(p=0)\n  relu -> y: relu6\n  add { | x | y }\n}\n"
    fixed(specc, here, before)
    assert specc("check").code == 0


class TestFiles:
    def test_an_imported_file_is_not_edited_through_its_importer(self, specc: Specc, here: Path) -> None:
        write(
            here, blocks="block b() { convv(4, 3) }\n", a='from "blocks.cnn" import b\nmodel M : [N, 3, 8, 8] { b() }\n'
        )
        before = (here / "blocks.cnn").read_text()
        assert "S0201" in specc("check", "a.cnn", "--fix").out
        assert (here / "blocks.cnn").read_text() == before

    def test_a_wrong_name_of_what_is_imported(self, specc: Specc, here: Path) -> None:
        write(
            here,
            blocks="block bottle() { relu }\n",
            a='from "blocks.cnn" import botle as b\nmodel M : [N, 3] { relu }\n',
        )
        before = 'from "blocks.cnn" import botle\nmodel M : [N, 3] { bottle() }\n'
        assert fixed(specc, here, before) == before.replace("botle\n", "bottle\n")

    def test_through_a_link(self, specc: Specc, here: Path) -> None:
        write(here, real="model M : [N, 3] { relu66 }\n")
        (here / "a.cnn").symlink_to("real.cnn")
        specc("check", "a.cnn", "--fix")
        assert (here / "a.cnn").is_symlink()
        assert "relu6 " in (here / "real.cnn").read_text()

    def test_one_that_cannot_be_written_is_told_and_the_others_are_fixed(
        self, specc: Specc, here: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(here, a="model M : [N, 3] { relu66 }\n", b="model M : [N, 3] { relu66 }\n")

        def replace(path: Path) -> object:
            if path.name == "a.cnn":
                raise UsageError(f"cannot write {path}: the file there is write-protected")
            return files.replace(path)

        monkeypatch.setattr(fixes, "replace", replace)
        result = specc("check", "--fix")
        assert result.code == 2
        assert result.err == "b.cnn: 1 finding fixed\nerror: cannot write a.cnn: the file there is write-protected\n"
        assert "a.cnn:1:20" in result.out
        assert "relu6 " in (here / "b.cnn").read_text()

    def test_standard_input_has_no_file(self, specc: Specc) -> None:
        result = specc("check", "-", "--fix")
        assert (result.code, result.err) == (2, "error: --fix writes files, and standard input is none\n")


class TestWhatIsNotShownIsLeftAlone:
    LINTS = "model M : [N, 3, 8, 8] {\n  let k = 3\n  dropout(p=0) -> relu\n}\n"

    def test_by_selection(self, specc: Specc, here: Path) -> None:
        write(here, a=self.LINTS)
        specc("check", "--fix", "--select", "S0508")
        assert (here / "a.cnn").read_text() == self.LINTS.replace("  let k = 3\n", "")

    def test_by_a_comment(self, specc: Specc, here: Path) -> None:
        text = self.LINTS.replace("= 3", "= 3  # specc: ignore[S0508] soon")
        write(here, a=text)
        specc("check", "--fix")
        assert (here / "a.cnn").read_text() == text.replace("dropout(p=0) -> ", "")

    def test_by_the_settings(self, specc: Specc, here: Path) -> None:
        write(here, a=self.LINTS)
        (here / "specc.toml").write_text('per-file-ignores."a.cnn" = ["S0501"]')
        specc("check", "--fix")
        assert (here / "a.cnn").read_text() == self.LINTS.replace("  let k = 3\n", "")

    def test_by_the_baseline(self, specc: Specc, here: Path) -> None:
        write(here, a=BAD.replace("rellu6", "relu66"))
        specc("check", "--write-baseline", "base.json")
        write(here, a=(here / "a.cnn").read_text() + "model O : [N, 3] { seluu }\n")
        assert specc("check", "--fix", "--baseline", "base.json").code == 0
        assert (here / "a.cnn").read_text() == "model M : [N, 3, 8, 8] { relu66 }\nmodel O : [N, 3] { selu }\n"


def test_a_budget_whose_numbers_change_is_no_new_finding(specc: Specc, here: Path) -> None:
    write(here, a=f"{HEAD}  dropout(p=0) -> conv(4, 3)\n}}\n")
    (here / "specc.toml").write_text("budget.memory = 1")
    assert "S0404" in specc("check", "--fix").out
    assert "dropout" not in (here / "a.cnn").read_text()


def test_a_fix_that_brings_up_a_mistake_in_an_imported_file(specc: Specc, here: Path) -> None:
    """It stands far below in its file, and that says nothing of whether it is new."""
    write(here, blocks="# " + "x" * 500 + "\nblock pair(c) { conv(c, 9) }\n")
    before = 'from "blocks.cnn" import pair\nmodel M : [N, 3, 8, 8] { pairr(4) }\n'
    assert fixed(specc, here, before) == before


class Scripted(Checker):
    """Says of a text what it is told to, and knows which texts it was asked about."""

    def __init__(self, findings: Callable[[Source], list[Diagnostic]]) -> None:
        super().__init__(Configuration())
        self._findings = findings
        self.asked: list[str] = []

    def found(self, source: Source) -> Found:
        self.asked.append(source.text)
        return Found(1, False, tuple(self._findings(source)), (source,))


def finding(
    source: Source, place: tuple[int, int], code: Code, severity: Severity, fix: Fix | None = None
) -> Diagnostic:
    return Diagnostic(code, "wrong", Label(source.span(*place)), severity=severity, fix=fix)


@pytest.mark.parametrize(
    ("come", "kept"),
    [
        ((Code.SHAPE, Severity.ERROR), False),
        ((Code.ASSERTION, Severity.ERROR), False),
        ((Code.NO_EFFECT, Severity.WARNING), True),
    ],
)
def test_a_fix_of_a_lint_brings_no_error_wherever(here: Path, come: tuple[Code, Severity], kept: bool) -> None:
    def findings(source: Source) -> list[Diagnostic]:
        if source.text == "ab cd":
            fix = Fix((Edit(source.span(0, 3), ""),))
            return [finding(source, (0, 2), Code.BIAS_BEFORE_NORM, Severity.WARNING, fix)]
        return [finding(source, (1, 2), *come)]

    (here / "a.cnn").write_text("ab cd")
    assert fixes.fix("a.cnn", Scripted(findings), Request(Configuration())) == kept
    assert (here / "a.cnn").read_text() == ("cd" if kept else "ab cd")


def test_a_fix_of_another_file_is_not_even_tried(here: Path) -> None:
    other = Source("b.cnn", "ab cd")
    checker = Scripted(
        lambda _: [finding(other, (0, 2), Code.SHAPE, Severity.ERROR, Fix((Edit(other.span(0, 2), ""),)))]
    )
    (here / "a.cnn").write_text("ab cd")
    assert fixes.fix("a.cnn", checker, Request(Configuration())) == 0
    assert checker.asked == ["ab cd"]


def test_a_finding_that_no_fix_helps_takes_few_tries(here: Path) -> None:
    """Each place is tried once, however often another fix succeeds; and there is an end to it."""

    def findings(source: Source) -> list[Diagnostic]:
        places = [i for i, letter in enumerate(source.text) if letter == "x"]
        stuck = finding(source, (0, 1), Code.RANK, Severity.ERROR, Fix((Edit(source.span(0, 0), "-"),)))
        return [stuck] + [
            finding(source, (i, i + 1), Code.SHAPE, Severity.ERROR, Fix((Edit(source.span(i, i + 1), "y"),)))
            for i in places
        ]

    (here / "a.cnn").write_text("s" + "x" * 20)
    checker = Scripted(findings)
    assert fixes.fix("a.cnn", checker, Request(Configuration())) == 20
    assert len(checker.asked) == 1 + 1 + 20
